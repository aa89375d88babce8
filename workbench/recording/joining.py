"""Recordings one after the other, as one view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError
from workbench.recording.blocks import Block, ViewBlock
from workbench.recording.label_origin import LABELS_NOTE
from workbench.recording.manifest import SiteSpec
from workbench.recording.recording import Recording
from workbench.recording.selection import view
from workbench.recording.tables import Tables

if TYPE_CHECKING:
    import pandas as pd


def concatenate(recordings: Sequence[Recording], join: str = "same") -> Recording:
    """Recordings one after the other, as a view; the row table says which is which.

    Parameters
    ----------
    recordings : sequence of Recording
        With the same sites.
    join : str
        ``same``: sites have the same units in the same order. ``name``: units are joined by the
        column ``name`` of the unit tables, as for several animals; where a recording lacks a unit
        its activity is NaN.

    Returns
    -------
    Recording
        Its row table has the column ``recording`` (0-based) and counts stimuli on; of the notes it
        has those that all recordings share.

    Raises
    ------
    UsageError
        If sites, units or dtypes differ in a way that ``join`` does not allow.

    Examples
    --------
    >>> import workbench as wb
    >>> one, two = (wb.from_arrays({"area": np.full((2, 3), x)}) for x in (0.0, 1.0))
    >>> both = concatenate([one, two])
    >>> both["area"].shape, both.rows["recording"].tolist()
    ((4, 3), [0, 0, 1, 1])
    """
    if not recordings:
        raise UsageError("Found no recording to concatenate; expected at least one.")
    if join not in ("same", "name"):
        raise UsageError(f"Found join '{join}'; expected 'same' or 'name'.")
    first = recordings[0]
    for other in recordings[1:]:
        if other.sites != first.sites:
            raise UsageError(
                f"Found recordings with the sites {first.sites[:4]} and {other.sites[:4]}; "
                "expected the same: select the common ones first."
            )
    specs: list[SiteSpec] = []
    blocks: dict[str, Sequence[Block]] = {}
    tables: dict[str, pd.DataFrame] = {}
    for name in first.sites:
        tables[name], indices = _joined_units(recordings, name, join)
        specs.append(_joined_spec(recordings, name, len(tables[name]), join))
        blocks[name] = [
            ViewBlock(rec[name], None, index)
            for rec, index in zip(recordings, indices, strict=True)
        ]
    ingredients = {"view": join, "of": [recording.identity for recording in recordings]}
    n_rows = sum(recording.n_rows for recording in recordings)
    stacked, notes = _Stacked(recordings, tables), _shared([r.manifest.notes for r in recordings])
    return view(first, ingredients, tuple(specs), n_rows, blocks, stacked, notes)


def _shared(notes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all notes say alike, so that one recording's note is not told of another's rows."""
    first, *others = notes
    same = {name: each for name, each in first.items() if all(n.get(name) == each for n in others)}
    origins = [each.get(LABELS_NOTE, {}) for each in notes]
    if LABELS_NOTE in first and LABELS_NOTE not in same:
        same[LABELS_NOTE] = _shared(origins)
    return same


def _joined_units(
    recordings: Sequence[Recording], name: str, join: str
) -> tuple[pd.DataFrame, list[NDArray[np.int64] | None]]:
    import pandas as pd

    tables = [recording.units(name) for recording in recordings]
    if join == "same":
        for table in tables[1:]:
            if len(table) != len(tables[0]) or _names(table) != _names(tables[0]):
                raise UsageError(
                    f"Site '{name}' has other units in one recording than in another; expected the "
                    "same in the same order: join them with join='name' if their tables have names."
                )
        return tables[0], [None] * len(tables)
    for table in tables:
        named = _names(table)
        if named is None or len(set(named)) < len(named) or "" in named:
            raise UsageError(
                f"Units of site '{name}' have no names that tell them apart; expected a column "
                "'name' without gaps: select the named units first."
            )
    union = list(dict.fromkeys(n for table in tables for n in _names(table) or []))
    places = pd.Index(union)
    indices = [pd.Index(_names(t) or []).get_indexer(places).astype(np.int64) for t in tables]
    return pd.DataFrame({"unit": range(len(union)), "name": union}), list(indices)


def _names(table: pd.DataFrame) -> list[str] | None:
    return table["name"].astype(str).tolist() if "name" in table else None


def _joined_spec(recordings: Sequence[Recording], name: str, n_units: int, join: str) -> SiteSpec:
    specs = [recording[name].site for recording in recordings]
    shape = (n_units, *specs[0].shape[1:])
    for spec in specs:
        if (
            spec.dtype != specs[0].dtype
            or spec.shape[1:] != shape[1:]
            or spec.dims != specs[0].dims
        ):
            raise UsageError(
                f"Site '{name}' is {spec.dtype} {spec.dims} {spec.shape} in one recording and "
                f"{specs[0].dtype} {specs[0].dims} {specs[0].shape} in another; capture them alike."
            )
    if join == "name" and np.dtype(recordings[0][name].dtype).kind != "f":
        raise UsageError(
            f"Site '{name}' holds {specs[0].dtype}, which has no missing value; capture with "
            "--dtype float32 to join recordings by the names of their units."
        )
    return SiteSpec(name, shape, specs[0].dtype, specs[0].dims)


class _Stacked(Tables):
    def __init__(self, recordings: Sequence[Recording], units: Mapping[str, pd.DataFrame]) -> None:
        self._recordings, self._joined = recordings, units

    def rows(self) -> pd.DataFrame:
        import pandas as pd

        parts = []
        for number, recording in enumerate(self._recordings):
            table = recording.rows.copy()
            table["stimulus"] += self._offsets[number]
            table.insert(0, "recording", number)
            parts.append(table)
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def _offsets(self) -> list[int]:
        lengths = [len(recording.stimuli) for recording in self._recordings]
        return np.cumsum([0, *lengths])[:-1].tolist()

    def stimuli(self) -> pd.DataFrame:
        import pandas as pd

        return pd.concat([r.stimuli for r in self._recordings], ignore_index=True)

    def units(self, site: SiteSpec) -> pd.DataFrame:
        return self._joined[site.name]
