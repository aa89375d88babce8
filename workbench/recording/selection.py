"""Views of some rows, units and sites of a recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError
from workbench.recording.blocks import Block, ViewBlock
from workbench.recording.identity import digest, digest_array
from workbench.recording.manifest import Manifest, SiteSpec
from workbench.recording.recording import Recording
from workbench.recording.tables import Tables

if TYPE_CHECKING:
    import pandas as pd

Rows = ArrayLike | slice | str
Units = ArrayLike | slice | str


def select(
    recording: Recording,
    rows: Rows | None = None,
    units: Units | Mapping[str, Units] | None = None,
    sites: str | Sequence[str] | None = None,
) -> Recording:
    """A view of some rows, units and sites; nothing is read or copied.

    Parameters
    ----------
    recording : Recording
    rows : array of int or bool, slice, or str, optional
        Row numbers in the order wanted, a mask, or a query of the row table such as
        ``"upos == 'NOUN' and position > 3"``.
    units : the same, or mapping of site to it, optional
        As ``rows``, of the unit table; of every site, or of the sites that a mapping names.
    sites : str or sequence of str, optional
        Names or globs.

    Returns
    -------
    Recording

    Raises
    ------
    UsageError
        If a row, unit, site or column does not exist, or nothing is left.

    Examples
    --------
    >>> import workbench as wb
    >>> rec = wb.from_arrays({"area": np.arange(6.0).reshape(3, 2)}, rows={"label": list("aba")})
    >>> select(rec, rows="label == 'a'", units=[1])["area"].to_numpy().tolist()
    [[1.0], [5.0]]
    """
    from workbench.subjects.globs import match_sites

    names = recording.sites if sites is None else match_sites(sites, recording.sites)
    chosen = (
        None if rows is None else _chosen(rows, recording.n_rows, lambda: recording.rows, "row")
    )
    by_site = _units_by_site(recording, names, units)
    specs = tuple(_with_units(recording[name].site, by_site.get(name)) for name in names)
    blocks: dict[str, Sequence[Block]] = {
        name: [ViewBlock(recording[name], chosen, by_site.get(name))] for name in names
    }
    ingredients = {
        "view": "select",
        "of": recording.identity,
        "sites": names,
        "rows": "all" if chosen is None else digest_array(chosen),
        "units": {name: digest_array(index) for name, index in by_site.items()},
    }
    n_rows = recording.n_rows if chosen is None else len(chosen)
    return view(
        recording, ingredients, specs, n_rows, blocks, _Selected(recording, chosen, by_site)
    )


def view(
    origin: Recording,
    ingredients: dict[str, Any],
    specs: tuple[SiteSpec, ...],
    n_rows: int,
    blocks: Mapping[str, Sequence[Block]],
    tables: Tables,
    notes: dict[str, Any] | None = None,
) -> Recording:
    """A recording whose blocks and tables look into others.

    Parameters
    ----------
    origin : Recording
        Gives subject, software and notes.
    ingredients : dict
        Of the view's own identity.
    specs : tuple of SiteSpec
    n_rows : int
    blocks : mapping of str to sequence of Block
    tables : Tables
    notes : dict, optional
        In place of those of the origin.

    Returns
    -------
    Recording
    """
    manifest = Manifest(
        digest(ingredients),
        ingredients,
        origin.subject,
        specs,
        (n_rows,),
        (),
        origin.manifest.software,
        origin.manifest.notes if notes is None else notes,
    )
    return Recording(manifest, blocks, tables)


def _chosen(
    given: Rows, count: int, table: Callable[[], pd.DataFrame], what: str
) -> NDArray[np.int64]:
    if isinstance(given, str):
        found = _query(given, table(), what)
    elif isinstance(given, slice):
        found = np.arange(count)[given]
    else:
        found = np.atleast_1d(np.asarray(given))
        if found.dtype == bool:
            if found.shape != (count,):
                raise UsageError(
                    f"Found a {what} mask of shape {found.shape}; expected ({count},)."
                )
            found = np.flatnonzero(found)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise UsageError(
            f"Found {what}s of type {found.dtype} and shape {found.shape}; expected numbers, a "
            "mask, a slice or a query."
        )
    if not len(found):
        raise UsageError(f"The selection leaves no {what} of {count}; choose others.")
    found = np.where(found < 0, found + count, found).astype(np.int64)
    if found.min() < 0 or found.max() >= count:
        raise UsageError(f"Found a {what} number outside 0 to {count - 1}; choose others.")
    return found


def _query(text: str, table: pd.DataFrame, what: str) -> NDArray:
    import pandas as pd

    numbered = table.reset_index(drop=True)
    try:
        found = numbered.eval(text, engine="python")
    except (ValueError, SyntaxError, TypeError, KeyError, NameError, AttributeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(
            f"The {what} query '{text}' cannot be used ({first}); there are the columns "
            f"{list(table.columns)}."
        ) from error
    if not isinstance(found, pd.Series) or found.dtype != bool:
        raise UsageError(f"The {what} query '{text}' is no condition; expected one, as 'time < 3'.")
    return np.flatnonzero(found.to_numpy())


def _units_by_site(
    recording: Recording, names: Sequence[str], units: Units | Mapping[str, Units] | None
) -> dict[str, NDArray[np.int64]]:
    if units is None:
        return {}
    wanted = units if isinstance(units, Mapping) else dict.fromkeys(names, units)
    for name in wanted:
        if name not in names:
            raise UsageError(f"Found units of site '{name}'; the selection has {list(names)}.")

    def index(name: str, given: Units) -> NDArray[np.int64]:
        return _chosen(given, recording[name].site.shape[0], lambda: recording.units(name), "unit")

    return {name: index(name, given) for name, given in wanted.items()}


def _with_units(spec: SiteSpec, units: NDArray[np.int64] | None) -> SiteSpec:
    if units is None:
        return spec
    return SiteSpec(spec.name, (len(units), *spec.shape[1:]), spec.dtype, spec.dims)


class _Selected(Tables):
    def __init__(
        self,
        origin: Recording,
        chosen: NDArray[np.int64] | None,
        units: Mapping[str, NDArray[np.int64]],
    ) -> None:
        self._origin, self._chosen, self._by_site = origin, chosen, units

    def rows(self) -> pd.DataFrame:
        table = self._origin.rows
        return table if self._chosen is None else table.iloc[self._chosen].reset_index(drop=True)

    def stimuli(self) -> pd.DataFrame:
        return self._origin.stimuli

    def units(self, site: SiteSpec) -> pd.DataFrame:
        table = self._origin.units(site.name)
        if site.name not in self._by_site:
            return table
        return table.iloc[self._by_site[site.name]].reset_index(drop=True)
