"""Descriptions of brain units by what an encoding model says they respond to, after BrainSCUBA.

Luo et al. 2024 (2310.04420): a linear encoder from features of stimuli to each unit, its weights at
length one, projected onto a bank of features of real stimuli, then put into words. MILAN's prior is
added: a word that fits any stimulus says little about a unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.brain_encoding import BrainEncoder
from analyses.neuron_labels.types import Candidate, Describer, Stimuli, UnitExemplars
from workbench.errors import UsageError

_TEMPERATURE = 150.0
_SHARPNESS = 10.0
_BLOCK = 256


@dataclass(frozen=True)
class Projection:
    """Encoder weights brought to where features of stimuli lie.

    Attributes
    ----------
    vectors : ndarray (units, features)
    shares : ndarray (units, bank)
        How much each stimulus of the bank contributes; rows sum to one.
    """

    vectors: NDArray[np.float64]
    shares: NDArray[np.float64]


def project(
    weights: NDArray[np.floating],
    bank: NDArray[np.floating],
    temperature: float = _TEMPERATURE,
) -> Projection:
    """BrainSCUBA's decoupled projection: direction and length are averaged apart.

    ``s = softmax(temperature w . m / (|w| |m|))``; the direction is that of ``sum s m / |m|``, the
    length ``sum s |m|``.

    Parameters
    ----------
    weights : array (units, features)
    bank : array (stimuli, features)
    temperature : float
        The published run has 150.

    Returns
    -------
    Projection

    Raises
    ------
    UsageError
        If sizes do not fit, or a unit has no weights.

    References
    ----------
    2310.04420, section 3.3, and ``projection.py`` of aluo-x/BrainSCUBA.

    Examples
    --------
    >>> found = project(np.array([[2.0, 0.1]]), np.array([[3.0, 0.0], [0.0, 5.0]]))
    >>> found.vectors.round(3).tolist()
    [[3.0, 0.0]]
    """
    if weights.ndim != 2 or bank.ndim != 2 or weights.shape[1] != bank.shape[1] or not len(bank):
        raise UsageError(
            f"Found weights of shape {weights.shape} and a bank of shape {bank.shape}; expected "
            "(units, features) and (stimuli, features) of the same features."
        )
    if not np.linalg.norm(weights, axis=1).all():
        raise UsageError(
            "Found a unit whose weights are all zero; expected some: leave out units that the "
            "encoder cannot predict."
        )
    lengths = np.linalg.norm(bank, axis=1)
    directions = bank / np.maximum(lengths, 1e-12)[:, None]
    shares = _softmax(temperature * _directions(weights) @ directions.T)
    vectors = _directions(shares @ directions) * (shares @ lengths)[:, None]
    return Projection(vectors, shares)


def _directions(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float64)


def _softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    return likely / likely.sum(axis=1, keepdims=True)


@dataclass(eq=False)
class BrainDescriber:
    """Describes units of a brain by their encoder weights, in a list of words or by a describer.

    With `words` and `texts`, ``p(d | w')`` is a softmax over cosines of the projected weights with
    vectors of words, and ``p(d)`` its mean over the bank, which is fixed: other units change
    nothing. With `describer` and `stimuli`, the stimuli of the bank that contribute most are the
    exemplars that the describer is shown, and both probabilities are its own.

    Attributes
    ----------
    encoder : BrainEncoder
    bank : ndarray (stimuli, features)
        Features of many and varied stimuli.
    words : sequence of str, optional
    texts : ndarray (words, features), optional
        Vectors of words among the features of stimuli, as CLIP's are.
    describer : Describer, optional
    stimuli : Stimuli (stimuli,), optional
        What the bank's features were made of.
    k : int
        Stimuli of the bank that a describer is shown.
    temperature, sharpness : float
        Inverse temperature of the projection, and of the match with words.

    Raises
    ------
    UsageError
        If there is neither, or sizes do not fit.
    """

    encoder: BrainEncoder
    bank: NDArray[np.floating]
    words: Sequence[str] = ()
    texts: NDArray[np.floating] | None = None
    describer: Describer | None = None
    stimuli: Stimuli | None = None
    k: int = 15
    temperature: float = _TEMPERATURE
    sharpness: float = _SHARPNESS
    name: str = "brain"
    _prior: NDArray[np.float64] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        by_words = self.texts is not None and len(self.texts) == len(self.words) > 1
        by_other = self.describer is not None and self.stimuli is not None
        if not by_words and not by_other:
            raise UsageError(
                f"Found {len(self.words)} words, "
                f"{0 if self.texts is None else len(self.texts)} vectors of words and "
                f"{'a' if self.describer else 'no'} describer; expected words with a vector each, "
                "or a describer with the stimuli of the bank."
            )
        if self.stimuli is not None and len(self.stimuli) != len(self.bank):
            raise UsageError(
                f"Found {len(self.stimuli)} stimuli and a bank of {len(self.bank)} vectors; "
                "expected the stimuli that the vectors were made of."
            )
        if self.bank.shape[1] != self.encoder.weights.shape[1]:
            raise UsageError(
                f"Found a bank of {self.bank.shape[1]} features and an encoder of "
                f"{self.encoder.weights.shape[1]}; expected the same features."
            )

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """Descriptions of one unit, likeliest first; its exemplars say only which unit it is.

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
            If the encoder has no such unit.
        """
        unit = exemplars.unit
        if not 0 <= unit < len(self.encoder.weights):
            raise UsageError(
                f"Found unit {unit}; expected one of the encoder's {len(self.encoder.weights)}."
            )
        found = project(self.encoder.weights[unit : unit + 1], self.bank, self.temperature)
        if self.describer is not None and self.stimuli is not None:
            return self.describer.propose(self._shown(exemplars, found.shares[0]), n)
        likely = np.log(np.maximum(self._match(found.vectors)[0], 1e-300))
        prior = self._word_prior()
        return [
            Candidate(self.words[word], float(likely[word]), float(prior[word]), self.name)
            for word in np.argsort(-likely, kind="stable")[:n]
        ]

    def _match(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probabilities of words: (vectors, words)."""
        assert self.texts is not None  # noqa: S101 - held by the constructor
        return _softmax(self.sharpness * _directions(vectors) @ _directions(self.texts).T)

    def _word_prior(self) -> NDArray[np.float64]:
        if self._prior is None:
            total = np.zeros(len(self.words))
            for start in range(0, len(self.bank), _BLOCK):
                total += self._match(self.bank[start : start + _BLOCK]).sum(axis=0)
            self._prior = np.log(total / len(self.bank))
        return self._prior

    def _shown(self, exemplars: UnitExemplars, shares: NDArray[np.float64]) -> UnitExemplars:
        """The stimuli of the bank that contribute most, as exemplars; masks are whole stimuli."""
        stimuli = self.stimuli
        assert stimuli is not None  # noqa: S101 - held by the constructor
        chosen = np.argsort(-shares, kind="stable")[: self.k]
        part = stimuli.take(chosen)
        size = (1,) if part.images is None else part.images.shape[1:3]
        if part.texts is not None:
            size = (max(len(text) for text in part.texts),)
        masks = np.ones((len(chosen), *size), dtype=bool)
        for mask, text in zip(masks, part.texts or [], strict=False):
            mask[len(text) :] = False
        return UnitExemplars(
            exemplars.unit,
            exemplars.site,
            stimuli.kind,
            chosen.astype(np.int64),
            shares[chosen].astype(np.float32),
            masks,
            images=part.images,
            tokens=part.texts,
        )

    def fingerprint(self) -> str:
        """Hash of the encoder, the bank, words and settings."""
        from workbench.recording.identity import digest, digest_array

        texts = None if self.texts is None else digest_array(self.texts)
        other = None if self.describer is None else self.describer.fingerprint()
        settings = [list(self.words), self.k, self.temperature, self.sharpness]
        arrays = [digest_array(self.encoder.weights), digest_array(self.bank), texts]
        return digest([arrays, other, settings])
