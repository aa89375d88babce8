"""Paths within a recording: along the order of its sites, or along time at each site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    from workbench.analysis.site_rows import SiteRows

_STREAM = ("blocks.0.hook_resid_pre", "blocks.*.hook_resid_post")
N_BLOCKS = 20


@dataclass(frozen=True)
class ChosenRows:
    """Rows of a recording that are read, in order.

    Attributes
    ----------
    rows : ndarray (chosen,) of int
    groups : ndarray (chosen,) of int
        Stimulus, trial or session of each.
    """

    rows: NDArray[np.int64]
    groups: NDArray[np.int64]


def stream_sites(recording: Recording, patterns: str | Iterable[str] | None) -> list[str]:
    """Sites along depth: those asked for, the residual stream of a transformer, or all.

    Parameters
    ----------
    recording : Recording
    patterns : str or iterable of str, optional

    Returns
    -------
    list of str

    Raises
    ------
    UsageError
        If a glob matches nothing.
    """
    from fnmatch import fnmatch

    from workbench.analysis.base import chosen_sites

    if patterns is not None:
        return chosen_sites(recording, patterns)
    stream = [site for site in recording.sites if any(fnmatch(site, each) for each in _STREAM)]
    return stream if len(stream) > 2 else list(recording.sites)


def walkable(recording: Recording, sites: list[str]) -> tuple[list[str], list[str]]:
    """Sites with two units or more, for a path to turn in, and the others.

    Parameters
    ----------
    recording : Recording
    sites : list of str

    Returns
    -------
    kept, left_out : list of str

    Raises
    ------
    UsageError
        If every site has one unit only.
    """
    kept = [site for site in sites if np.prod(recording[site].shape[1:]) > 1]
    if not kept:
        raise UsageError(
            f"Found one unit only at each of {len(sites)} sites; expected at least two at one, for "
            "a path to turn in: choose other sites with sites=."
        )
    return kept, [site for site in sites if site not in kept]


def same_width(recording: Recording, sites: list[str]) -> tuple[list[str], list[str]]:
    """Sites of the commonest number of units, and the others.

    Parameters
    ----------
    recording : Recording
    sites : list of str

    Returns
    -------
    kept, left_out : list of str
    """
    shapes = {site: tuple(recording[site].shape[1:]) for site in sites}
    commonest = Counter(shapes.values()).most_common(1)[0][0]
    kept = [site for site in sites if shapes[site] == commonest]
    return kept, [site for site in sites if shapes[site] != commonest]


def choose_rows(recording: Recording, max_rows: int, seed: int) -> ChosenRows:
    """Whole stimuli, drawn at random, up to so many rows.

    Parameters
    ----------
    recording : Recording
    max_rows : int
    seed : int

    Returns
    -------
    ChosenRows
        In the order of stimulus, position and time, whatever the order on disk.
    """
    table = recording.rows
    by = [name for name in ("stimulus", "position", "time") if name in table]
    order = table.sort_values(by, kind="stable").index.to_numpy() if by else np.arange(len(table))
    groups = table["stimulus"].to_numpy()[order] if "stimulus" in table else np.arange(len(table))
    names, codes = np.unique(groups, return_inverse=True)
    shuffled = np.random.default_rng([seed, 7]).permutation(len(names))
    sizes = np.bincount(codes)[shuffled]
    n_kept = max(2, int(np.searchsorted(np.cumsum(sizes), max_rows, side="right")))
    kept = np.isin(codes, shuffled[:n_kept])
    rows, codes = order[kept][:max_rows], codes[kept][:max_rows]
    return ChosenRows(rows.astype(np.int64), codes.astype(np.int64))


def series_rows(recording: Recording, max_rows: int) -> ChosenRows:
    """The first rows of a recording in order of time, with their session or trial.

    Parameters
    ----------
    recording : Recording
    max_rows : int

    Returns
    -------
    ChosenRows
    """
    table = recording.rows
    by = [name for name in ("stimulus", "time", "position") if name in table]
    order = table.sort_values(by, kind="stable").index.to_numpy() if by else np.arange(len(table))
    groups = np.zeros(len(table), dtype=np.int64)
    repeated = "stimulus" in table and table["stimulus"].duplicated().any()
    if repeated:
        groups = table["stimulus"].to_numpy()[order].astype(np.int64)
    return ChosenRows(order[:max_rows].astype(np.int64), groups[:max_rows])


def read_site(source: SiteRows) -> NDArray[np.float64]:
    """Activity of chosen rows of a site.

    Parameters
    ----------
    source : SiteRows

    Returns
    -------
    ndarray (rows, units)

    Raises
    ------
    WorkbenchError
        If activity is not finite.
    """
    read = source.read()
    values = read.reshape(len(read), -1).astype(np.float64)
    broken = int((~np.isfinite(values)).any(axis=1).sum())
    if broken:
        raise WorkbenchError(
            f"Found NaN or infinite values in {broken} of {len(values)} rows at site "
            f"'{source.site}'; expected finite activity: leave those rows or units out."
        )
    return values


def refuse_few_sites(sites: list[str], left_out: list[str]) -> None:
    """Refuse a path with fewer than three nodes.

    Raises
    ------
    UsageError
    """
    if len(sites) < 3:
        others = f" ({len(left_out)} more are of other widths)" if left_out else ""
        raise UsageError(
            f"Found {len(sites)} sites of one width to walk along{others}; expected at least "
            "three in order of depth: record more layers, or pass axis='time' for paths along "
            "time."
        )
