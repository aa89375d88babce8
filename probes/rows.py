"""Which rows of a recording are read, what must not be torn apart, and what memory could go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from probes.splits import is_continuous
from workbench.analysis.row_order import canonical_order, time_blocks
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

AUTO, NONE = "auto", "none"
# Fewer groups than these make blocks of time the groups, where rows are steps in time.
ENOUGH_GROUPS, N_BLOCKS = 10, 20


@dataclass(frozen=True)
class Sample:
    """Rows with labels.

    Attributes
    ----------
    rows : ndarray (sample,) of int
        Row numbers in the recording.
    labels : ndarray (sample,)
        Classes as texts, or numbers.
    groups : ndarray (sample,) of int
    group_kind : str
        What groups are: ``document``, ``stimulus``, ``blocks of time`` ...
    words : ndarray (sample,), optional
        Identity of the input of each row, for the control task.
    word_kind : str
        Column that it is from; empty without.
    left_out : dict of str to int
        Classes with too few rows.
    n_unlabelled : int
    continuous : bool
    """

    rows: NDArray[np.int64]
    labels: NDArray[Any]
    groups: NDArray[np.int64]
    group_kind: str
    words: NDArray[Any] | None
    word_kind: str
    left_out: dict[str, int]
    n_unlabelled: int
    continuous: bool


def draw_sample(
    recording: Recording,
    labels: str,
    groups: str = AUTO,
    control: str = AUTO,
    n_rows: int = 5000,
    min_per_class: int = 20,
    seed: int = 0,
) -> Sample:
    """Draw labelled rows, whole groups at a time.

    Parameters
    ----------
    recording : Recording
    labels : str
        Column of the row table.
    groups : str
        Column of the row or stimulus table whose rows stay on one side of a split; by default the
        document, else the stimulus, else blocks of time.
    control : str
        Column with the identity of the input, for the control task; by default the token of a
        language. ``none``: labels shuffled over groups instead.
    n_rows : int
        Rows to take, about.
    min_per_class : int
    seed : int

    Returns
    -------
    Sample
        The same rows whatever order the recording has them in, where its table tells them apart.

    Raises
    ------
    UsageError
        If there is no such column, no labelled row, or fewer than two classes.
    """
    whole = table_of(recording, labels)
    table = whole[whole[labels].notna()]
    n_unlabelled = len(whole) - len(table)
    if table.empty:
        raise UsageError(
            f"Found no row with a label in column '{labels}' among {recording.n_rows} rows; "
            "expected labelled rows: choose another column or label the stimuli."
        )
    known, continuous = labels_of(table[labels].to_numpy())
    each, kind = groups_of(recording, table, groups)
    words, word_kind = _words(recording, table, control)
    kept = _drawn(each, n_rows, seed)
    left_out: dict[str, int] = {}
    if not continuous:
        frequent, left_out = _frequent(known, kept, min_per_class)
        kept = kept[frequent]
    return Sample(
        table["row"].to_numpy()[kept],
        known[kept],
        each[kept],
        kind,
        None if words is None else words[kept],
        word_kind,
        left_out,
        n_unlabelled,
        continuous,
    )


def labels_of(values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Labels as numbers or as texts, and whether they are numbers to be predicted as such.

    Parameters
    ----------
    values : ndarray (rows,)
        None of them missing.

    Returns
    -------
    tuple of ndarray (rows,) and bool

    Examples
    --------
    >>> labels_of(np.array([1.0, 2.0]))
    (array(['1', '2'], dtype='<U1'), False)
    """
    numeric = values.dtype.kind in "fiu" or all(isinstance(v, float) for v in values[:100])
    if numeric and is_continuous(values.astype(np.float64)):
        return values.astype(np.float64), True
    return np.array([_name(value) for value in values]), False


def table_of(recording: Recording, labels: str) -> pd.DataFrame:
    """Row table in the order of stimuli and time, each row with its number in ``row``.

    Parameters
    ----------
    recording : Recording
    labels : str

    Returns
    -------
    pandas.DataFrame
        Of a language, one row a word.

    Raises
    ------
    UsageError
        If there is no column of labels.
    """
    rows = recording.rows
    if labels not in rows:
        raise UsageError(
            f"Found no labels '{labels}' in the recording; {nearest(labels, map(str, rows))}: name "
            "a column of its row table with labels=."
        )
    table = rows.copy()
    table["row"] = np.arange(len(rows), dtype=np.int64)
    if recording.kind == "language" and "word" in table:
        table = table[table["word"].notna() & (table["word"] >= 0)]
        table = table.drop_duplicates(["stimulus", "word"], keep="last")
    return table.iloc[canonical_order(table)]


def groups_of(
    recording: Recording, table: pd.DataFrame, name: str
) -> tuple[NDArray[np.int64], str]:
    """What must not be torn apart, and its name.

    Parameters
    ----------
    recording : Recording
    table : pandas.DataFrame
        As `table_of` gives it.
    name : str
        As `draw_sample` takes it.

    Returns
    -------
    tuple of ndarray (rows,) of int and str

    Raises
    ------
    UsageError
        If there is no such column.
    """
    if name != AUTO:
        return _codes(_column(recording, table, name)), name
    known = [*recording.stimuli.columns, *table.columns]
    for choice in ("document", "animal", "session"):
        if choice in known:
            codes = _codes(_column(recording, table, choice))
            if codes.max() + 1 >= ENOUGH_GROUPS:
                return codes, choice
    if "stimulus" not in table:
        return np.arange(len(table), dtype=np.int64), "row"
    codes = _codes(table["stimulus"].to_numpy())
    if codes.max() + 1 < ENOUGH_GROUPS and "time" in table:
        return time_blocks(codes, N_BLOCKS)[0], "blocks of time"
    return codes, "stimulus"


def _column(recording: Recording, table: pd.DataFrame, name: str) -> NDArray[Any]:
    if name in table:
        return table[name].to_numpy()
    if name in recording.stimuli and "stimulus" in table:
        return recording.stimuli[name].reindex(table["stimulus"]).to_numpy()
    known = [*map(str, table.columns), *map(str, recording.stimuli.columns)]
    raise UsageError(f"Found no column '{name}' in the recording; {nearest(name, known)}")


def _codes(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.unique(values.astype(str), return_inverse=True)[1].astype(np.int64)


def _words(
    recording: Recording, table: pd.DataFrame, control: str
) -> tuple[NDArray[Any] | None, str]:
    if control == NONE or (control == AUTO and "token" not in table):
        return None, ""
    name = "token" if control == AUTO else control
    return np.char.lower(_column(recording, table, name).astype(str)), name


def _drawn(groups: NDArray[np.int64], n_rows: int, seed: int) -> NDArray[np.int64]:
    names, sizes = np.unique(groups, return_counts=True)
    order = np.random.default_rng([seed, 7]).permutation(len(names))
    enough = int(np.searchsorted(np.cumsum(sizes[order]), n_rows)) + 1
    whole = np.flatnonzero(np.isin(groups, names[order[: max(enough, ENOUGH_GROUPS)]]))
    if enough >= ENOUGH_GROUPS or len(whole) <= n_rows:
        return whole
    # Large groups are thinned: a few whole ones could not be split into folds.
    return whole[np.linspace(0, len(whole) - 1, n_rows).astype(np.int64)]


def _frequent(
    labels: NDArray[Any], kept: NDArray[np.int64], least: int
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    names, codes, counts = np.unique(labels[kept], return_inverse=True, return_counts=True)
    enough = counts >= least
    if enough.sum() < 2:
        shown = ", ".join(f"'{n}': {c}" for n, c in list(zip(names, counts, strict=True))[:8])
        raise UsageError(
            f"Found {int(enough.sum())} classes with at least {least} rows (rows a class: "
            f"{shown}); expected at least two: lower min_per_class or record more stimuli."
        )
    return enough[codes], {
        str(name): int(count) for name, count in zip(names, counts, strict=True) if count < least
    }


def _name(value: Any) -> str:
    # A column of whole numbers with gaps has become one of floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
