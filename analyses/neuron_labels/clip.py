"""Descriptions from a list of words by a CLIP model of a local folder: soft-WPMI.

Oikarinen and Weng 2022 (2204.10965, CLIP-Dissect). There, the prior is a mean over the units that
happen to be passed in; here it is a mean over sets of a reference bank of images that is fixed when
the describer is made, so that a unit's label does not depend on its company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.hub_models import HubModel, in_parts, load_hub_model, shown_through
from analyses.neuron_labels.types import Candidate, Stimuli, UnitExemplars
from workbench.errors import UsageError

KINDS = {"clip": "CLIPModel"}
# Inverse temperature of the match between images and words, and membership of the strongest and
# the weakest exemplar, as in the reference code.
_SHARPNESS = 10.0
_FIRST, _LAST = 0.998, 0.97
_SETS = 256


@dataclass(eq=False)
class ClipDescriber:
    """Scores words by how well they match the exemplars, and how well any images.

    Attributes
    ----------
    folder : path
        Of a CLIP model with its tokenizer and image processor.
    words : sequence of str
        What units can be called.
    bank : ndarray (images, height, width, 3) of uint8
    outside : float
        Brightness outside an exemplar's mask; 1 shows whole images, as CLIP-Dissect does.
    template : str
        What a word is put into before it is read.
    seed : int
        Of the sets that are drawn from the bank.

    Raises
    ------
    UsageError
        If the folder cannot be read, a word is empty or comes twice, or the bank is empty.
    """

    folder: str | Path
    words: Sequence[str]
    bank: NDArray[np.uint8]
    outside: float = 1.0
    template: str = "{}"
    seed: int = 0
    name: str = "clip"
    model: HubModel = field(init=False, repr=False)
    _texts: NDArray[np.float32] = field(init=False, repr=False)
    _matches: NDArray[np.float64] = field(init=False, repr=False)
    _priors: dict[int, NDArray[np.float64]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        words = list(self.words)
        if len(words) < 2 or len(set(words)) < len(words) or not all(w.strip() for w in words):
            raise UsageError(
                f"Found {len(words)} words, {len(set(words))} of them different and "
                f"{sum(not w.strip() for w in words)} empty; expected two or more different ones."
            )
        if self.bank.ndim != 4 or not len(self.bank):
            raise UsageError(
                f"Found a reference bank of shape {self.bank.shape}; expected images of shape "
                "(images, height, width, 3), at least one."
            )
        self.model = load_hub_model(self.folder, KINDS)
        self._texts = embed_texts(self.model, [self.template.format(word) for word in words])
        self._matches = self._match(self.bank)

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """Words, best match first.

        Parameters
        ----------
        exemplars : UnitExemplars
            With images, strongest first.
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
        if exemplars.images is None or not len(exemplars):
            raise UsageError(
                f"Found no images among the exemplars of unit {exemplars.unit} at "
                f"'{exemplars.site}'; expected images: compute exemplars of a vision recording "
                "with its images."
            )
        shown = shown_through(exemplars.images, exemplars.masks, self.outside)
        likely = set_likelihood(self._match(shown)[None])[0]
        prior = self._prior(len(exemplars))
        return [
            Candidate(self.words[word], float(likely[word]), float(prior[word]), self.name)
            for word in np.argsort(-likely, kind="stable")[:n]
        ]

    def _match(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """How much each image is of each word: (images, words), rows sum to one."""
        logits = _SHARPNESS * embed_images(self.model, images).astype(np.float64) @ self._texts.T
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        return likely / likely.sum(axis=1, keepdims=True)

    def _prior(self, k: int) -> NDArray[np.float64]:
        """Log mean probability of each word over sets of k images of the bank."""
        if k not in self._priors:
            generator = np.random.default_rng([self.seed, k])
            drawn = generator.integers(len(self._matches), size=(_SETS, k))
            likely = set_likelihood(self._matches[drawn])
            self._priors[k] = np.logaddexp.reduce(likely, axis=0) - np.log(_SETS)
        return self._priors[k]

    def fingerprint(self) -> str:
        """Hash of weights, words, settings and the bank's images."""
        from workbench.recording.identity import digest, digest_array

        settings = [list(self.words), self.outside, self.template, self.seed]
        return digest([self.model.fingerprint(), digest_array(self.bank), settings])


def set_likelihood(matches: NDArray[np.float64]) -> NDArray[np.float64]:
    """Soft likelihood of words for sets: ``sum_i log(1 + p_i (P_ij - 1))``.

    Parameters
    ----------
    matches : array (sets, k, words)
        P, how much each exemplar, strongest first, is of each word.

    Returns
    -------
    ndarray (sets, words)

    Examples
    --------
    >>> matches = np.array([[[0.9, 0.1], [0.9, 0.1]]])
    >>> bool(np.diff(set_likelihood(matches))[0, 0] < 0)
    True
    """
    membership = np.linspace(_FIRST, _LAST, matches.shape[1])[:, None]
    return np.log1p(membership * (matches - 1)).sum(axis=1)


def embed_images(model: HubModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CLIP's vectors of images, of length one: (images, dimensions).

    Parameters
    ----------
    model : HubModel
    images : array (images, height, width, 3)
    """
    import torch

    found = []
    with torch.inference_mode():
        for part in in_parts(len(images)):
            pixels = model.pixels(images[part])
            pooled = model.network.vision_model(pixel_values=pixels).pooler_output
            found.append(model.network.visual_projection(pooled).numpy())
    return _unit(np.concatenate(found))


def embed_texts(model: HubModel, texts: Sequence[str]) -> NDArray[np.float32]:
    """CLIP's vectors of texts, of length one, each as if it were alone: (texts, dimensions).

    Parameters
    ----------
    model : HubModel
    texts : sequence of str
    """
    import torch

    found = []
    longest = model.network.config.text_config.max_position_embeddings
    with torch.inference_mode():
        for text in texts:
            given = model.tokenizer(text, return_tensors="pt", truncation=True, max_length=longest)
            read = model.network.text_model(
                input_ids=given["input_ids"], attention_mask=given["attention_mask"]
            )
            found.append(model.network.text_projection(read.pooler_output).numpy())
    return _unit(np.concatenate(found))


def _unit(vectors: NDArray) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)


@dataclass(eq=False)
class ClipSimulator:
    """Predicts activity from the match of image and description: ``sigmoid(slope (cos - middle))``.

    Attributes
    ----------
    folder : path
    slope, middle : float
        58 and 0.25 suit ViT-L/14 at 336 pixels (2506.05774); `calibrate` finds those of others.
    template : str
    """

    folder: str | Path
    slope: float = 58.0
    middle: float = 0.25
    template: str = "{}"
    model: HubModel = field(init=False, repr=False)
    _images: dict[str, NDArray[np.float32]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.model = load_hub_model(self.folder, KINDS)

    def predict(self, description: str, stimuli: Stimuli) -> NDArray[np.float64]:
        """Predicted activity (stimuli,), from 0 to 1.

        Parameters
        ----------
        description : str
        stimuli : Stimuli
            With images.

        Raises
        ------
        UsageError
            If there are no images.
        """
        match = self._cosines([description], stimuli)[:, 0]
        return 1 / (1 + np.exp(-self.slope * (match - self.middle)))

    def calibrate(
        self, descriptions: Sequence[str], stimuli: Stimuli, present: NDArray[np.bool_]
    ) -> ClipSimulator:
        """Fit slope and middle to images of which it is known what they show.

        Parameters
        ----------
        descriptions : sequence of str
        stimuli : Stimuli
            With images; not those that labels are tested on.
        present : array (stimuli, descriptions) of bool

        Returns
        -------
        ClipSimulator
            This one.

        Raises
        ------
        UsageError
            If shapes do not fit, or nothing or everything is present.
        """
        from sklearn.linear_model import LogisticRegression

        wanted = (len(stimuli), len(descriptions))
        if present.shape != wanted or present.all() or not present.any():
            raise UsageError(
                f"Found flags of shape {present.shape}, {present.mean():.0%} of them true; "
                f"expected shape {wanted}, some true and some not."
            )
        match = self._cosines(descriptions, stimuli).reshape(-1, 1)
        # Cosines lie close together: on their own scale the penalty would flatten the slope.
        centre, spread = float(match.mean()), float(match.std()) or 1.0
        fitted = LogisticRegression(C=1e4).fit((match - centre) / spread, present.reshape(-1))
        weight = float(fitted.coef_[0, 0])
        self.slope = weight / spread
        self.middle = centre - spread * float(fitted.intercept_[0]) / weight
        return self

    def _cosines(self, descriptions: Sequence[str], stimuli: Stimuli) -> NDArray[np.float64]:
        from workbench.recording.identity import digest_array

        if stimuli.images is None:
            raise UsageError(
                f"Found {stimuli.kind} stimuli without images; expected images: pass stimuli with "
                "images, or take another simulator."
            )
        key = digest_array(stimuli.images)
        if key not in self._images:
            self._images = {key: embed_images(self.model, stimuli.images)}
        texts = embed_texts(self.model, [self.template.format(text) for text in descriptions])
        return (self._images[key] @ texts.T).astype(np.float64)

    def fingerprint(self) -> str:
        """Hash of weights and settings."""
        from workbench.recording.identity import digest

        return digest([self.model.fingerprint(), self.slope, self.middle, self.template])
