"""Descriptions from labels of rows: what the strongest rows of a unit have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.types import Candidate, Exemplars, Stimuli, UnitExemplars
from workbench.errors import UsageError
from workbench.recording.identity import digest

# Columns that number things rather than say what they are.
NO_LABELS = frozenset(
    {
        "stimulus", "position", "time", "trial", "row", "index", "scene", "scene_seed", "split",
        "sha256", "path", "id", "height", "width", "n_tokens", "block",
    }
)  # fmt: skip
_SMOOTHING = 0.5


@dataclass(frozen=True, eq=False)
class RowLabelsDescriber:
    """Proposes labels of rows, by how much likelier they are where a unit is active.

    Attributes
    ----------
    names : dict of str to ndarray (rows,)
        Of every row of the stimuli, from 0 to 1: whether a label applies, or how far.
    background : ndarray of int
        Rows that say how frequent a label is: those that exemplars are chosen from.

    Examples
    --------
    >>> names = {"face": np.array([1.0, 1, 0, 0, 0, 0]), "house": np.array([0.0, 0, 1, 1, 1, 1])}
    >>> describer = RowLabelsDescriber(names, np.arange(6))
    >>> unit = UnitExemplars(0, "area", "brain", np.array([1, 0]), np.ones(2, np.float32),
    ...                      np.ones((2, 1), bool))
    >>> [each.text for each in describer.propose(unit)]
    ['face', 'house']
    """

    names: dict[str, NDArray[np.float32]]
    background: NDArray[np.int64]
    name: str = "labels"

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """Labels, likeliest given the exemplars against the background first.

        Parameters
        ----------
        exemplars : UnitExemplars
        n : int

        Returns
        -------
        list of Candidate
            ``log_conditional`` and ``log_prior`` are logarithms of the shares of active rows and
            of all background rows that have the label, with half a row added to each side.
        """
        rows = active_rows(exemplars)
        found = [
            Candidate(
                text,
                _log_share(values[rows]),
                _log_share(values[self.background]),
                self.name,
            )
            for text, values in self.names.items()
        ]
        found.sort(key=lambda each: each.log_prior - each.log_conditional)
        return found[:n]

    def fingerprint(self) -> str:
        """Hash of the labels."""
        from workbench.recording.identity import digest_array

        return digest([self.name, {key: digest_array(each) for key, each in self.names.items()}])


def active_rows(exemplars: UnitExemplars) -> NDArray[np.int64]:
    """Rows in which a unit is active among its exemplars; their peaks where none is.

    Parameters
    ----------
    exemplars : UnitExemplars

    Returns
    -------
    ndarray of int
    """
    if exemplars.spans is None:
        return exemplars.stimuli
    # Of steps in time a span is a run of rows, and its mask begins with its first row.
    pairs = zip(exemplars.spans, exemplars.masks, strict=True)
    active = [start + np.flatnonzero(mask[: stop - start]) for (start, stop), mask in pairs]
    found = np.concatenate([*active, exemplars.stimuli[:0]])
    return found if len(found) else exemplars.stimuli


def describe_by_labels(exemplars: Exemplars, stimuli: Stimuli) -> RowLabelsDescriber:
    """A describer from the labels of a recording's rows.

    Parameters
    ----------
    exemplars : Exemplars
        Say which rows are background.
    stimuli : Stimuli
        With labels.

    Returns
    -------
    RowLabelsDescriber

    Raises
    ------
    UsageError
        If no column is a label.
    """
    from analyses.neuron_labels.simulators_rows import label_names

    table = said_of(stimuli)
    names = label_names(table.labels) if table.labels is not None else {}
    # Of several names of the same rows the shortest is kept.
    shortest = {names[name].tobytes(): name for name in sorted(names, key=len, reverse=True)}
    kept = set(shortest.values())
    return RowLabelsDescriber(
        {name: each for name, each in names.items() if name in kept}, exemplars.split_rows
    )


def said_of(stimuli: Stimuli) -> Stimuli:
    """Stimuli with those columns alone that say what a row is.

    Parameters
    ----------
    stimuli : Stimuli

    Returns
    -------
    Stimuli

    Raises
    ------
    UsageError
        If there is no such column.
    """
    table = stimuli.labels
    kept = [] if table is None else [name for name in table.columns if name not in NO_LABELS]
    if table is None or not kept:
        raise UsageError(
            f"Found no labels among the columns {[] if table is None else list(table.columns)}; "
            "expected columns of rows or stimuli that say what was shown or done, or images and "
            "the backend 'grammar'."
        )
    return Stimuli(stimuli.kind, labels=table[kept])


def _log_share(values: NDArray[np.float32]) -> float:
    total = float(values.sum()) + _SMOOTHING
    return float(np.log(total / (len(values) + 2 * _SMOOTHING)))
