"""Which rows of a recording carry which class, and which of them are sampled.

In a recording of language a row carries two classes: that of its own word (the last one that the
model has read) and that of the next word (the one that it must predict). Both are compared on the
same pool of rows, with the same classes, equally many rows of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.row_order import canonical_order, time_blocks
from workbench.errors import UsageError, nearest
from workbench.statistics.balance import balanced_rows

if TYPE_CHECKING:
    import pandas as pd

    from workbench.recording.recording import Recording

OWN, NEXT, PLAIN = "last input word", "next word", "own label"
# Pairs of more rows than these would fill the memory of a small machine.
MOST_ROWS = 4000
# Neighbours in time depend on each other: intervals draw blocks of time, at least so many.
LEAST_BLOCKS = 20


@dataclass(frozen=True)
class Pool:
    """Rows that carry a class of every kind.

    Attributes
    ----------
    rows : ndarray (pool,) of int
        Row numbers in the recording, in the order of stimulus and position.
    groups : ndarray (pool,) of int
        Stimulus of each row.
    labels : dict of str to ndarray (pool,) of str
        Class of each row, by kind of label.
    n_unlabelled : int
        Words or rows without a class of their own.
    n_without_next : int
        Words whose next word has no class, such as the last of a text.
    series : ndarray (pool,) of int, optional
        Session or trial of each row, where rows are steps in time.
    """

    rows: NDArray[np.int64]
    groups: NDArray[np.int64]
    labels: dict[str, NDArray]
    n_unlabelled: int
    n_without_next: int
    series: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: NDArray) -> Pool:
        """A part of the pool."""
        labels = {kind: values[chosen] for kind, values in self.labels.items()}
        counts = self.n_unlabelled, self.n_without_next
        series = None if self.series is None else self.series[chosen]
        return Pool(self.rows[chosen], self.groups[chosen], labels, *counts, series)


@dataclass(frozen=True)
class Sample:
    """Balanced rows for one kind of label.

    Attributes
    ----------
    kind : str
    rows : ndarray (sample,) of int
        Row numbers in the recording.
    groups : ndarray (sample,) of int
        Stimulus of each row.
    codes : ndarray (sample,) of int
        Class of each row, as its place among the classes.
    by_group : bool
        Whether a class belongs to whole stimuli, so that labels are shuffled over stimuli.
    timeline : Timeline, optional
        Where rows are steps in time, so that labels are shifted in time.
    """

    kind: str
    rows: NDArray[np.int64]
    groups: NDArray[np.int64]
    codes: NDArray[np.int64]
    by_group: bool
    timeline: Timeline | None = None

    def take(self, chosen: NDArray[np.int64]) -> Sample:
        """A part of the sample."""
        line = self.timeline
        if line is not None:
            line = Timeline(line.codes, line.series, line.places[chosen])
        rows, groups, codes = (each[chosen] for each in (self.rows, self.groups, self.codes))
        return Sample(self.kind, rows, groups, codes, self.by_group, line)


@dataclass(frozen=True)
class Timeline:
    """All labelled rows in order of time, from which a sample was drawn.

    Attributes
    ----------
    codes : ndarray (pool,) of int
        Class of each row.
    series : ndarray (pool,) of int
        Session or trial of each row.
    places : ndarray (sample,) of int
        Where the sampled rows are among them.
    """

    codes: NDArray[np.int64]
    series: NDArray[np.int64]
    places: NDArray[np.int64]


def classed_pool(
    recording: Recording, column: str, min_per_class: int
) -> tuple[Pool, list[str], dict[str, int]]:
    """Rows with their classes; without the next word's where those leave too few classes.

    Parameters
    ----------
    recording : Recording
    column : str
        Column of the row table with the classes.
    min_per_class : int

    Returns
    -------
    tuple
        As `common_classes` gives it.

    Raises
    ------
    UsageError
        If there is no such column, or fewer than two classes.
    """
    pool = label_pool(recording, column)
    if NEXT in pool.labels:
        try:
            return common_classes(pool, min_per_class)
        except UsageError:
            pool = label_pool(recording, column, with_next=False)
    return common_classes(pool, min_per_class)


def label_pool(recording: Recording, column: str, with_next: bool = True) -> Pool:
    """Rows of a recording with their classes.

    Parameters
    ----------
    recording : Recording
    column : str
        Column of the row table with the classes. Of several sub-word tokens of a word, the last
        one's row stands for the word.
    with_next : bool
        Whether rows must carry the class of the next word too.

    Returns
    -------
    Pool

    Raises
    ------
    UsageError
        If there is no such column, or no row has a class.
    """
    table = _ordered(recording.rows, column)
    is_language = recording.kind == "language" and "word" in table
    if is_language:
        table = _last_of_each_word(table)
    own = table[column].notna().to_numpy()
    following = _next_labels(table, column) if is_language and with_next else None
    if following is None or not following.notna().any():
        kinds = {OWN if is_language else PLAIN: table[column]}
        complete = own
    else:
        kinds = {OWN: table[column], NEXT: following}
        complete = own & following.notna().to_numpy()
    if not complete.any():
        raise UsageError(
            f"Found no row with a label in column '{column}' among {recording.n_rows} rows; "
            "expected labelled rows: choose another column or label the stimuli."
        )
    labels = {kind: _names(values[complete]) for kind, values in kinds.items()}
    rows, groups = (table[name].to_numpy()[complete] for name in ("row", "stimulus"))
    counts = int((~own).sum()), int((own & ~complete).sum())
    if "time" in table and not is_language and table["stimulus"].duplicated().any():
        return Pool(rows, time_blocks(groups, LEAST_BLOCKS)[0], labels, *counts, groups)
    return Pool(rows, groups, labels, *counts)


def common_classes(pool: Pool, min_per_class: int) -> tuple[Pool, list[str], dict[str, int]]:
    """Leave out classes with too few rows of any kind of label.

    Parameters
    ----------
    pool : Pool
    min_per_class : int

    Returns
    -------
    pool : Pool
        Rows whose classes are all kept.
    classes : list of str
        Kept classes in alphabetical order.
    left_out : dict of str to int
        The other classes, and their rows in the pool (the fewest over the kinds of label).

    Raises
    ------
    UsageError
        If fewer than two classes are left.
    """
    names = np.unique(np.concatenate(list(pool.labels.values())))
    at_start = dict(zip(names.tolist(), _fewest(pool, names).tolist(), strict=True))
    kept, before = names, -1
    # Leaving a class out takes rows from others, so this is repeated until nothing changes.
    while len(kept) and len(pool) != before:
        before = len(pool)
        kept = kept[_fewest(pool, kept) >= min_per_class]
        pool = pool.take(np.all([np.isin(each, kept) for each in pool.labels.values()], axis=0))
    if len(kept) < 2:
        raise UsageError(_too_few_classes(kept.tolist(), at_start, min_per_class))
    left_out = {name: count for name, count in at_start.items() if name not in kept}
    return pool, kept.tolist(), left_out


def draw_samples(pool: Pool, classes: list[str], n_per_class: int, seed: int) -> list[Sample]:
    """Draw equally many rows of every class, for every kind of label.

    Parameters
    ----------
    pool : Pool
    classes : list of str
    n_per_class : int
        Rows a class; fewer where a class has fewer, or where all classes together would exceed
        4,000 rows.
    seed : int

    Returns
    -------
    list of Sample

    Raises
    ------
    UsageError
        If there are too many classes for two rows of each.
    """
    n_each = min(n_per_class, int(_fewest(pool, np.array(classes)).min()))
    n_each = min(n_each, MOST_ROWS // len(classes))
    if n_each < 2:
        raise UsageError(
            f"Found {len(classes)} classes; expected at most {MOST_ROWS // 2}: are these labels "
            "classes? Raise min_per_class or choose another column."
        )
    samples = []
    for kind, names in pool.labels.items():
        codes = np.searchsorted(np.array(classes), names)
        chosen = balanced_rows(codes, n_each, seed)
        stimuli = pool.groups if pool.series is None else pool.series
        by_group = _constant_within(codes, stimuli)
        timeline = None
        if pool.series is not None and not by_group:
            timeline = Timeline(codes, pool.series, chosen)
        groups = (stimuli if by_group else pool.groups)[chosen]
        samples.append(Sample(kind, pool.rows[chosen], groups, codes[chosen], by_group, timeline))
    return samples


def _ordered(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    if column not in rows:
        known = [str(name) for name in rows.columns if name not in ("stimulus", "position", "word")]
        raise UsageError(
            f"Found no labels '{column}' in the recording; {nearest(column, known)}: name a column "
            "of its row table with labels=."
        )
    given = ("stimulus", "position", "time", "word")
    table = rows[[name for name in given if name in rows and name != column]].copy()
    table[column] = rows[column]
    table["row"] = np.arange(len(rows), dtype=np.int64)
    if "stimulus" not in table:
        table["stimulus"] = table["row"]
    return table.iloc[canonical_order(table)]


def _last_of_each_word(table: pd.DataFrame) -> pd.DataFrame:
    words = table[table["word"].notna() & (table["word"] >= 0)]
    return words.drop_duplicates(["stimulus", "word"], keep="last")


def _next_labels(table: pd.DataFrame, column: str) -> pd.Series:
    import pandas as pd

    by_word = table.set_index(["stimulus", "word"])[column]
    wanted = pd.MultiIndex.from_arrays([table["stimulus"], table["word"] + 1])
    return by_word.reindex(wanted)


def _names(values: pd.Series) -> NDArray:
    return np.array([_name(value) for value in values.tolist()], dtype=str)


def _name(value: Any) -> str:
    # A column of whole numbers with gaps has become one of floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _fewest(pool: Pool, names: NDArray) -> NDArray[np.int64]:
    counts = [[np.count_nonzero(each == name) for name in names] for each in pool.labels.values()]
    return np.min(np.array(counts, dtype=np.int64).reshape(len(pool.labels), len(names)), axis=0)


def _too_few_classes(kept: list[str], found: dict[str, int], min_per_class: int) -> str:
    if len(found) == 1:
        return (
            f"Found one class only, '{next(iter(found))}'; expected at least two to tell apart: "
            "choose another column of labels."
        )
    shown = ", ".join(f"'{name}': {count}" for name, count in list(found.items())[:8])
    return (
        f"Found {len(kept)} classes with at least {min_per_class} rows (rows a class: {shown}); "
        "expected at least two: lower min_per_class or record more stimuli."
    )


def _constant_within(codes: NDArray, groups: NDArray) -> bool:
    n_groups = len(np.unique(groups))
    pairs = np.unique(np.stack([groups, codes]), axis=1).shape[1]
    return n_groups < len(groups) and pairs == n_groups
