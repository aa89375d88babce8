"""Descriptions from known labels: of pixels, after NetDissect and CompExp, or of whole stimuli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.neuron_labels.formulas import (
    Flags,
    Formula,
    Score,
    area_under_curve,
    intersection_over_union,
    search,
)
from analyses.neuron_labels.masks import active_masks
from analyses.neuron_labels.reranking import two_means_cut
from analyses.neuron_labels.types import Candidate, Stimuli, UnitExemplars
from workbench.errors import UsageError
from workbench.recording.identity import digest, digest_array

if TYPE_CHECKING:
    from workbench.recording.recording import Recording

SCORES = ("iou", "auc")
CUTS = ("threshold", "two means")
# INVERT's bounds on how many stimuli show a concept.
_RAREST, _MOST_FREQUENT = 0.005, 0.9
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class SegmentsDescriber:
    """Searches for the formula of labels that fits best where a unit is active.

    Given activity on all its stimuli, a unit is compared on all of them; without, on its exemplars
    alone, where labels that are true of everything fit too well and the prior has to tell.

    Attributes
    ----------
    stimuli : Stimuli
        With label maps, or with labels of rows.
    numbers : ndarray (stimuli,) of int, optional
        What the exemplars call each of the stimuli; 0, 1, 2, ... by default.
    activity : ndarray (stimuli, units, ...), optional
        Further axes are space.
    score : str
        ``iou``: NetDissect's overlap of label and mask. ``auc``: INVERT's chance that the peak is
        higher where a label is; needs activity.
    length, beam : int
        Of the search, as CompExp has it; length 1 for single labels.
    cut : str
        Where a unit counts as active, for ``iou`` with activity. ``threshold``: above that of its
        exemplars, as NetDissect has it, which asks what the strongest hundredth of places shows.
        ``two means``: above the cut that leaves least variance on its sides (Otsu), which asks
        what all places show that are active at all.

    Raises
    ------
    UsageError
        If the stimuli have no labels, or the parts do not fit.

    Examples
    --------
    >>> maps = {"red": np.array([[[1, 0]], [[0, 1]]], bool), "top": np.ones((2, 1, 2), bool)}
    >>> describer = SegmentsDescriber(Stimuli("vision", label_maps=maps), length=1)
    >>> unit = UnitExemplars(0, "", "vision", np.array([0]), np.ones(1, np.float32),
    ...                      np.array([[[True, False]]]))
    >>> [each.text for each in describer.propose(unit)]
    ['red', 'object at the top']
    """

    stimuli: Stimuli
    numbers: NDArray[np.int64] | None = None
    activity: NDArray | None = None
    score: Literal["iou", "auc"] = "iou"
    length: int = 3
    beam: int = 5
    cut: Literal["threshold", "two means"] = "threshold"

    name = "segments"

    def __post_init__(self) -> None:
        n = len(self.stimuli)
        object.__setattr__(self, "_words", words_of(self.stimuli))
        if self.score not in SCORES or (self.score == "auc" and self.activity is None):
            raise UsageError(
                f"Found score='{self.score}' and {'no ' if self.activity is None else ''}activity; "
                "expected 'iou', or 'auc' with the activity on all stimuli."
            )
        lengths = [len(each) for each in (self.numbers, self.activity) if each is not None]
        if self.cut not in CUTS:
            raise UsageError(f"Found cut='{self.cut}'; expected one of {', '.join(CUTS)}.")
        if any(each != n for each in lengths) or self.length < 1 or self.beam < 1:
            raise UsageError(
                f"Found {n} stimuli with numbers and activity of lengths {lengths}, length "
                f"{self.length} and beam {self.beam}; expected equal lengths, and at least 1."
            )

    @staticmethod
    def read(
        recording: Recording,
        site: str,
        stimuli: Stimuli,
        rows: ArrayLike,
        score: Literal["iou", "auc"] = "iou",
        length: int = 3,
        beam: int = 5,
        cut: Literal["threshold", "two means"] = "threshold",
    ) -> SegmentsDescriber:
        """With the activity of some rows of a recording, one row a stimulus.

        Parameters
        ----------
        recording : Recording
        site : str
        stimuli : Stimuli
        rows : array of int
            Such as ``exemplars.split_rows``; their activity is held in memory.
        score : str
        length, beam : int
        cut : str

        Returns
        -------
        SegmentsDescriber
        """
        chosen = np.asarray(rows, dtype=np.int64)
        shown = recording.rows["stimulus"].to_numpy(dtype=np.int64)[chosen]
        numbers = chosen if stimuli.kind == "brain" else shown
        values = recording[site].to_numpy(chosen)
        return SegmentsDescriber(stimuli.take(numbers), numbers, values, score, length, beam, cut)

    def fingerprint(self) -> str:
        """Hash of labels, activity and settings."""
        words: list[Formula] = self._words  # type: ignore[attr-defined]
        labels = {each.text: digest_array(each.where) for each in words}
        activity = None if self.activity is None else digest_array(self.activity)
        numbers = None if self.numbers is None else digest_array(self.numbers)
        settings = [self.score, self.length, self.beam, self.cut]
        return digest([self.name, labels, activity, numbers, settings])

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """Formulas that fit best.

        Parameters
        ----------
        exemplars : UnitExemplars
        n : int

        Returns
        -------
        list of Candidate
            ``log_conditional`` is the logarithm of the overlap, or of ``2 AUC - 1``;
            ``log_prior`` that of the share of stimuli that show what is described.

        Raises
        ------
        UsageError
            If an exemplar is not among the stimuli.
        """
        words: list[Formula] = self._words  # type: ignore[attr-defined]
        if self.activity is None:
            places = self._places(exemplars)
            mask = _at_size(exemplars.masks, self._size).reshape(len(places), -1)
            near = [Formula.of(each.steps[0][1], each.where[places]) for each in words]
            found = search(near, lambda where: intersection_over_union(mask, where), *self._search)
        else:
            found = search(words, self._scorer(exemplars), *self._search)
        return [self._candidate(formula, value) for formula, value in found[:n]]

    @property
    def _search(self) -> tuple[int, int]:
        return self.length, self.beam

    @property
    def _size(self) -> tuple[int, int]:
        maps = self.stimuli.label_maps
        height, width = next(iter(maps.values())).shape[1:] if maps else (1, 1)
        return int(height), int(width)

    def _places(self, exemplars: UnitExemplars) -> NDArray[np.int64]:
        numbers = np.arange(len(self.stimuli)) if self.numbers is None else self.numbers
        home = {int(number): place for place, number in enumerate(numbers)}
        missing = [int(each) for each in exemplars.stimuli if int(each) not in home]
        if missing:
            raise UsageError(
                f"Found the exemplar {missing[0]} of unit {exemplars.unit}, which is not among the "
                f"{len(home)} stimuli; expected labels of all exemplars: pass numbers=."
            )
        return np.array([home[int(each)] for each in exemplars.stimuli], dtype=np.int64)

    def _scorer(self, exemplars: UnitExemplars) -> Score:
        values = np.asarray(self.activity)[:, exemplars.unit].astype(np.float32)
        if self.score == "iou":
            maps = values if values.ndim == 3 else values.reshape(len(values), 1, -1)
            cut = exemplars.threshold if self.cut == "threshold" else two_means_cut(maps)
            mask = active_masks(maps, cut, self._size).reshape(len(values), -1)
            return lambda where: intersection_over_union(mask, where)
        from scipy.stats import rankdata

        ranks = rankdata(values.reshape(len(values), -1).max(axis=1))

        def gini(where: Flags) -> float:
            shown = np.asarray(where.any(axis=1))
            if not _RAREST <= shown.mean() <= _MOST_FREQUENT:
                return -np.inf
            return 2 * area_under_curve(ranks, shown) - 1

        return gini

    def _candidate(self, formula: Formula, value: float) -> Candidate:
        words: list[Formula] = self._words  # type: ignore[attr-defined]
        where = formula.among({each.steps[0][1]: each.where for each in words})
        share = max(_LEAST, float(where.any(axis=1).mean()))
        return Candidate(
            formula.text, float(np.log(max(_LEAST, value))), float(np.log(share)), self.name
        )


def words_of(stimuli: Stimuli) -> list[Formula]:
    """Single labels and where they are true.

    Parameters
    ----------
    stimuli : Stimuli

    Returns
    -------
    list of Formula

    Raises
    ------
    UsageError
        If there are neither label maps nor labels.
    """
    if stimuli.label_maps:
        shape = (len(stimuli), -1)
        found = {name: maps.reshape(shape) for name, maps in stimuli.label_maps.items()}
    elif stimuli.labels is not None:
        from analyses.neuron_labels.simulators_rows import label_names

        names = label_names(stimuli.labels)
        found = {name: (np.asarray(each) > 0.5)[:, None] for name, each in names.items()}
    else:
        found = {}
    if not found:
        raise UsageError(
            "Found stimuli without label maps or labels; expected some: pass "
            "Stimuli(..., label_maps=...) or labels of rows."
        )
    # Of two names for the same the first, which is the shorter, will do.
    first: dict[bytes, str] = {}
    for name, where in found.items():
        first.setdefault(np.packbits(where).tobytes(), name)
    return [Formula.of(name, found[name]) for name in first.values()]


def _at_size(masks: Flags, size: tuple[int, int]) -> Flags:
    if masks.ndim == 2:
        # Windows of tokens or steps: what counts is the stimulus.
        return masks.any(axis=1).reshape(len(masks), 1, 1)
    return masks if masks.shape[1:] == size else active_masks(masks, 0.5, size, "nearest")
