"""Descriptions by a captioner from a local Hugging Face folder: BLIP or GIT.

They caption single images. For a set, ``log p(d | E)`` is the mean over exemplars of
``log p(d | x_j * mask_j)``, and ``p(d)`` the mean of ``p(d | x)`` over a reference bank of images
that is fixed when the describer is made: what other units there are changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.hub_models import HubModel, in_parts, load_hub_model, shown_through
from analyses.neuron_labels.types import Candidate, UnitExemplars
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch

KINDS = {"blip": "BlipForConditionalGeneration", "git": "GitForCausalLM"}
_LONGEST = 20


@dataclass(eq=False)
class HuggingFaceDescriber:
    """Captions every exemplar, and scores all captions for all exemplars.

    Attributes
    ----------
    folder : path
        Of a BLIP or GIT model with its tokenizer and image processor.
    bank : ndarray (images, height, width, 3) of uint8
        Reference images for p(d), as varied as what units are shown.
    outside : float
        Brightness outside an exemplar's mask.
    longest : int
        Tokens of a caption.
    texts : sequence of str
        Further descriptions that every unit is offered.

    Raises
    ------
    UsageError
        If the folder cannot be read, or the bank holds no images.
    """

    folder: str | Path
    bank: NDArray[np.uint8]
    outside: float = 0.0
    longest: int = _LONGEST
    texts: Sequence[str] = ()
    name: str = "huggingface"
    model: HubModel = field(init=False, repr=False)
    _seen: Any = field(init=False, repr=False)
    _priors: dict[str, float] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.bank.ndim != 4 or not len(self.bank):
            raise UsageError(
                f"Found a reference bank of shape {self.bank.shape}; expected images of shape "
                "(images, height, width, 3), at least one."
            )
        self.model = load_hub_model(self.folder, KINDS)
        self._seen = self._look(self.bank)

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """Captions of the exemplars, likeliest for the whole set first.

        Parameters
        ----------
        exemplars : UnitExemplars
            With images.
        n : int
            At most so many.

        Returns
        -------
        list of Candidate

        Raises
        ------
        UsageError
            If there are no images.
        """
        seen = self._exemplars(exemplars)
        each = max(1, -(-n // len(exemplars)))
        texts = list(dict.fromkeys([*self.texts, *self._captions(seen, each)]))
        found = self._candidates(seen, texts)
        return sorted(found, key=lambda candidate: -candidate.log_conditional)[:n]

    def score(self, exemplars: UnitExemplars, texts: Sequence[str]) -> list[Candidate]:
        """Descriptions that were thought of elsewhere, in their order.

        Parameters
        ----------
        exemplars : UnitExemplars
        texts : sequence of str
        """
        return self._candidates(self._exemplars(exemplars), texts)

    def fingerprint(self) -> str:
        """Hash of weights, words, settings and the bank's images."""
        from workbench.recording.identity import digest, digest_array

        settings = [self.outside, self.longest, list(self.texts)]
        return digest([self.model.fingerprint(), digest_array(self.bank), settings])

    def _exemplars(self, exemplars: UnitExemplars) -> torch.Tensor:
        if exemplars.images is None or not len(exemplars):
            raise UsageError(
                f"Found no images among the exemplars of unit {exemplars.unit} at "
                f"'{exemplars.site}'; expected images: compute exemplars of a vision recording "
                "with its images."
            )
        return self._look(shown_through(exemplars.images, exemplars.masks, self.outside))

    def _candidates(self, seen: torch.Tensor, texts: Sequence[str]) -> list[Candidate]:
        found = []
        for text in texts:
            if text not in self._priors:
                likely = self.log_probabilities(self._seen, text)
                self._priors[text] = float(np.logaddexp.reduce(likely) - np.log(len(likely)))
            conditional = float(self.log_probabilities(seen, text).mean())
            found.append(Candidate(text, conditional, self._priors[text], self.name))
        return found

    def _look(self, images: NDArray[np.uint8]) -> torch.Tensor:
        """What the decoder reads of images: BLIP's embeddings, or pixels for GIT."""
        import torch

        pixels = self.model.pixels(images)
        if self.model.kind != "blip":
            return pixels
        with torch.inference_mode():
            parts = [
                self.model.network.vision_model(pixel_values=pixels[part])[0]
                for part in in_parts(len(pixels))
            ]
        return torch.cat(parts)

    def log_probabilities(self, seen: torch.Tensor, text: str) -> NDArray[np.float64]:
        """Log probability of a caption and its end, for each image alone.

        Parameters
        ----------
        seen : Tensor (images, ...)
        text : str

        Returns
        -------
        ndarray (images,)
        """
        import torch

        start, stop = self._ends()
        words = self.model.tokenizer(text, add_special_tokens=False)["input_ids"]
        targets = torch.tensor([*words[: self.longest], stop])
        given = torch.tensor([[start, *words[: self.longest]]])
        found = []
        with torch.inference_mode():
            for part in in_parts(len(seen)):
                shown = seen[part]
                logits = self._logits(shown, given.expand(len(shown), -1))
                # GIT puts the places of the image before those of the text.
                scores = logits[:, -len(targets) :].double().log_softmax(dim=-1)
                found.append(scores[:, torch.arange(len(targets)), targets].sum(dim=1).numpy())
        return np.concatenate(found)

    def _logits(self, seen: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        network = self.model.network
        if self.model.kind == "blip":
            return network.text_decoder(input_ids=words, encoder_hidden_states=seen).logits
        return network(input_ids=words, pixel_values=seen).logits

    def _ends(self) -> tuple[int, int]:
        config = self.model.network.config
        if self.model.kind == "blip":
            return int(config.text_config.bos_token_id), int(config.text_config.sep_token_id)
        return int(config.bos_token_id), int(config.eos_token_id)

    def _captions(self, seen: torch.Tensor, each: int) -> list[str]:
        """The likeliest captions of every image, in order of the images."""
        import torch

        start, stop = self._ends()
        settings = {
            "max_new_tokens": self.longest,
            "num_beams": each,
            "num_return_sequences": each,
            "do_sample": False,
            "eos_token_id": stop,
            "pad_token_id": self.model.tokenizer.pad_token_id,
        }
        found: list[str] = []
        with torch.inference_mode():
            for part in in_parts(len(seen), 8):
                shown = seen[part]
                given = torch.full((len(shown), 1), start)
                said = self._generated(shown, given, settings)
                found += self.model.tokenizer.batch_decode(said, skip_special_tokens=True)
        return [text.strip() for text in found if text.strip()]

    def _generated(
        self, seen: torch.Tensor, given: torch.Tensor, settings: dict[str, Any]
    ) -> torch.Tensor:
        network = self.model.network
        if self.model.kind == "blip":
            return network.text_decoder.generate(
                input_ids=given, encoder_hidden_states=seen, **settings
            )
        return network.generate(input_ids=given, pixel_values=seen, **settings)
