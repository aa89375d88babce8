"""MILAN's captioner: exemplars with masks in, descriptions with p(d | E) and p(d) out.

Hernandez et al. 2022 (2201.11114), sections 3.2 to 3.4. What is learned is the same; the encoder
is any frozen network, and the captions are those that it is trained on here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.captioner_training import CaptionerSettings
from analyses.neuron_labels.captioner_words import Vocabulary
from analyses.neuron_labels.types import Candidate, UnitExemplars
from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    import torch

    from analyses.neuron_labels.captioner_encoder import PyramidEncoder
    from analyses.neuron_labels.captioner_networks import Decoder, LanguageModel

_WEIGHTS, _SETTINGS = "captioner.safetensors", "captioner.json"
_FORMAT = 1
# Share of captions that count as slips.
_RARE = 0.002


@dataclass(eq=False)
class CaptionerDescriber:
    """Proposes descriptions word by word, looking at the exemplars.

    Attributes
    ----------
    encoder : PyramidEncoder
    decoder : Decoder
        p(d | E).
    language_model : LanguageModel
        p(d).
    vocabulary : Vocabulary
    settings : CaptionerSettings
    beam : int
        Captions kept while searching. MILAN: 50.
    least_prior : float
        Of all captions that it learned from, next to none is less likely under p(d). What is, is
        not language: with a large weight of the prior it would win for that very reason, so it is
        not proposed. (MILAN's text, section 3.4: candidates are likely under p(d).)
    history : dict of str to list of float
        Validation scores of the decoder and of the language model, by epoch.
    """

    encoder: PyramidEncoder
    decoder: Decoder
    language_model: LanguageModel
    vocabulary: Vocabulary
    settings: CaptionerSettings
    beam: int = 50
    least_prior: float = -np.inf
    history: dict[str, list[float]] | None = None
    name: str = "captioner"

    @classmethod
    def train(
        cls,
        encoder: PyramidEncoder,
        features: NDArray[np.float32],
        captions: Sequence[Sequence[Sequence[str]]],
        settings: CaptionerSettings | None = None,
        beam: int = 50,
    ) -> CaptionerDescriber:
        """Learn from sets of exemplars and captions.

        Parameters
        ----------
        encoder : PyramidEncoder
            That made the features.
        features : array (sets, k, features)
        captions : sequence of sequence of sequence of str
            One or more of each set, as lists of words.
        settings : CaptionerSettings, optional
        beam : int

        Returns
        -------
        CaptionerDescriber

        Raises
        ------
        UsageError
            If shapes do not fit, or there are fewer than ten sets.
        """
        from analyses.neuron_labels.captioner_training import train_decoder, train_language_model

        settings = settings or CaptionerSettings()
        if features.ndim != 3 or len(features) != len(captions):
            raise UsageError(
                f"Found features of shape {features.shape} and captions of {len(captions)} sets; "
                "expected features (sets, exemplars, features) and captions of every set."
            )
        every = [caption for each in captions for caption in each]
        vocabulary = Vocabulary.of(every)
        decoder, bleus = train_decoder(features, captions, vocabulary, settings)
        model, likelihoods = train_language_model(every, vocabulary, settings)
        history = {"decoder": bleus, "language_model": likelihoods}
        least = _least_prior(model, vocabulary, every)
        return cls(encoder, decoder, model, vocabulary, settings, beam, least, history)

    @classmethod
    def from_scenes(
        cls,
        encoder: PyramidEncoder,
        n_sets: int = 5000,
        seed: int = 2_000_000,
        settings: CaptionerSettings | None = None,
        **rendering: Any,
    ) -> CaptionerDescriber:
        """Learn from rendered sets.

        Parameters
        ----------
        encoder : PyramidEncoder
        n_sets, seed : int
        settings : CaptionerSettings, optional
        **rendering
            As for `captioner_sets.rendered_sets`.

        Returns
        -------
        CaptionerDescriber
        """
        from analyses.neuron_labels.captioner_sets import rendered_sets

        sets = rendered_sets(n_sets, seed, **rendering)
        return cls.train(encoder, sets.features(encoder), sets.captions, settings)

    def features(self, exemplars: UnitExemplars) -> torch.Tensor:
        """Vectors of a unit's exemplars: Tensor (k, features).

        Parameters
        ----------
        exemplars : UnitExemplars
            With images, or with features that this encoder made.

        Raises
        ------
        UsageError
            If it has neither, or features of another size.
        """
        import torch

        wanted = len(self.decoder.mean)
        if exemplars.features is not None and exemplars.features.shape[1] == wanted:
            return torch.from_numpy(exemplars.features)
        if exemplars.images is None or not len(exemplars):
            raise UsageError(
                f"Found no images and no features of size {wanted} among the exemplars of unit "
                f"{exemplars.unit} at '{exemplars.site}'; expected images: compute exemplars of a "
                "vision recording with its images."
            )
        return torch.from_numpy(self.encoder(exemplars.images, exemplars.masks))

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """Descriptions by beam search, likeliest first.

        Parameters
        ----------
        exemplars : UnitExemplars
        n : int
            At most so many.

        Returns
        -------
        list of Candidate

        Raises
        ------
        UsageError
            If the exemplars have no images.
        """
        from analyses.neuron_labels.captioner_decoding import beam, log_prior

        width = max(n, self.beam)
        found = beam(self.decoder, self.features(exemplars), width, self.settings.longest)
        captions = [self.vocabulary.decode(numbers) for numbers, _ in found]
        priors = log_prior(self.language_model, self.vocabulary, captions)
        proposed = [
            Candidate(" ".join(caption), score, float(prior), self.name)
            for caption, (_, score), prior in zip(captions, found, priors, strict=True)
            if caption and prior >= self.least_prior
        ]
        return proposed[:n]

    def score(self, exemplars: UnitExemplars, texts: Sequence[str]) -> list[Candidate]:
        """Descriptions that were thought of elsewhere, in their order.

        Parameters
        ----------
        exemplars : UnitExemplars
        texts : sequence of str
            Words with spaces between them; unknown ones cost what unknown words cost.

        Returns
        -------
        list of Candidate
        """
        from analyses.neuron_labels.captioner_decoding import log_conditional, log_prior

        captions = [text.split() for text in texts]
        seen = self.features(exemplars)
        likely = log_conditional(self.decoder, self.vocabulary, seen, captions)
        priors = log_prior(self.language_model, self.vocabulary, captions)
        return [
            Candidate(text, float(one), float(other), self.name)
            for text, one, other in zip(texts, likely, priors, strict=True)
        ]

    def fingerprint(self) -> str:
        """Hash of weights, words and settings; where they lie on disk does not matter."""
        from analyses.neuron_labels.captioner_encoder import digest_state
        from workbench.recording.identity import digest

        return digest(
            [
                self.encoder.fingerprint(),
                digest_state(self.decoder.state_dict()),
                digest_state(self.language_model.state_dict()),
                list(self.vocabulary.words),
                asdict(self.settings),
                self.beam,
                self.least_prior,
            ]
        )

    def save(self, folder: str | Path) -> Path:
        """Write weights and settings; of the encoder only its fingerprint.

        Parameters
        ----------
        folder : path

        Returns
        -------
        Path
        """
        from safetensors.torch import save_file

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"decoder": self.decoder, "language_model": self.language_model}
        state = {
            f"{part}.{name}": value.contiguous()
            for part, network in parts.items()
            for name, value in network.state_dict().items()
        }
        save_file(state, folder / _WEIGHTS)
        facts = {
            "format": _FORMAT,
            "encoder": self.encoder.fingerprint(),
            "features": len(self.decoder.mean),
            "words": list(self.vocabulary.words),
            "settings": asdict(self.settings),
            "beam": self.beam,
            "least_prior": self.least_prior,
            "history": self.history,
        }
        text = json.dumps(facts, indent=1) + "\n"
        (folder / _SETTINGS).write_text(text, encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path, encoder: PyramidEncoder | None = None) -> CaptionerDescriber:
        """Read what `save` wrote.

        Parameters
        ----------
        folder : path
        encoder : PyramidEncoder, optional
            The one it was trained with; may be left out if that is one that comes along.

        Returns
        -------
        CaptionerDescriber

        Raises
        ------
        UsageError
            If there is none, or the encoder is another.
        WorkbenchError
            If a file is damaged.
        """
        from analyses.neuron_labels.captioner_networks import Decoder, LanguageModel

        facts, state = _read(Path(folder))
        encoder = _encoder(folder, facts["encoder"], encoder)
        settings = CaptionerSettings(**facts["settings"])
        vocabulary = Vocabulary(tuple(facts["words"]))
        sizes = (settings.embedding, settings.hidden)
        decoder = Decoder(len(vocabulary), facts["features"], *sizes, settings.dropout)
        model = LanguageModel(len(vocabulary), *sizes, settings.layers, settings.dropout)
        decoder.load_state_dict(_part(state, "decoder."))
        model.load_state_dict(_part(state, "language_model."))
        parts = (decoder.eval(), model.eval(), vocabulary, settings)
        return cls(encoder, *parts, facts["beam"], facts["least_prior"], facts["history"])


def _least_prior(
    model: LanguageModel, vocabulary: Vocabulary, captions: Sequence[Sequence[str]]
) -> float:
    from analyses.neuron_labels.captioner_decoding import log_prior

    distinct = sorted({tuple(caption) for caption in captions if caption})
    priors = log_prior(model, vocabulary, distinct)
    weights = np.exp(priors - priors.max())
    order = np.argsort(priors)
    rare = np.cumsum(weights[order]) / weights.sum() < _RARE
    return float(priors[order][rare.argmin()])


def _encoder(folder: str | Path, wanted: str, given: PyramidEncoder | None) -> PyramidEncoder:
    from analyses.neuron_labels.captioner_encoder import demo_encoder, scene_encoder

    for make in (scene_encoder, demo_encoder) if given is None else (lambda: given,):
        encoder = make()
        if encoder.fingerprint() == wanted:
            return encoder
    raise UsageError(
        f"Found a captioner in '{folder}' that was trained with another encoder; expected the same "
        "network, layers and weights: give that encoder, or train again."
    )


def _part(state: dict[str, torch.Tensor], start: str) -> dict[str, torch.Tensor]:
    named = {name: value for name, value in state.items() if name.startswith(start)}
    return {name.removeprefix(start): value for name, value in named.items()}


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not (folder / _SETTINGS).is_file() or not (folder / _WEIGHTS).is_file():
        raise UsageError(
            f"Found no '{_SETTINGS}' and '{_WEIGHTS}' in '{folder}'; expected the folder that a "
            "captioner was saved to."
        )
    try:
        facts = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
        if facts["format"] != _FORMAT:
            raise KeyError(f"format {facts['format']}")
        return facts, load_file(folder / _WEIGHTS)
    except (SafetensorError, KeyError, ValueError) as error:
        raise WorkbenchError(
            f"Cannot read the captioner in '{folder}' ({error}); expected what save wrote: save it "
            "again."
        ) from error
