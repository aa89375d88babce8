"""How explained variance grows with rows and with atoms, on training rows and on held-out ones.

The jump of training R2 once there are enough atoms for the rows (*Towards Atoms of Large Language
Models*, arXiv 2509.20784, section 4.3) appears on structureless noise as well: it is what
memorising looks like. So the scan shows held-out R2 with it, and the same for normal data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    import xarray as xr

DATA, NOISE = "data", "Gaussian data"
TRAIN, HELD_OUT = "train", "held out"
_CELL = ("kind", "rows", "atoms")


@dataclass(frozen=True)
class ScaleScan:
    """A grid of dictionaries by rows learned from and atoms.

    Attributes
    ----------
    data : xarray.Dataset
        ``r2`` (kind, rows, atoms, part), ``l0`` and ``dead`` (kind, rows, atoms); kind is ``data``
        or ``Gaussian data``, part is ``train`` or ``held out``.
    """

    data: xr.Dataset

    def table(self) -> pd.DataFrame:
        """One row a cell: kind, rows, atoms, train and held-out R2, L0, share of dead atoms."""
        frame = self.data[["l0", "dead"]].to_dataframe()
        for part in (TRAIN, HELD_OUT):
            frame[f"{part} R2"] = self.data["r2"].sel(part=part, drop=True).to_series()
        return frame.reset_index()

    def figure(self) -> go.Figure:
        """Train and held-out curves of every number of rows, and the same of normal data."""
        from analyses.atoms.figures_scan import draw_scan

        return draw_scan(self.data)


def scale_scan(
    X: ArrayLike,
    n_rows_grid: Iterable[int],
    n_atoms_grid: Iterable[int],
    *,
    groups: ArrayLike | None = None,
    test_fraction: float = 0.2,
    null: bool = True,
    seed: int = 0,
    **learning: Any,
) -> ScaleScan:
    """Learn dictionaries of several sizes from several numbers of rows.

    Parameters
    ----------
    X : array (rows, units)
        Activity, or ``recording[site]``.
    n_rows_grid : iterable of int
        Rows to learn from; smaller sets lie within larger ones.
    n_atoms_grid : iterable of int
        Sizes of the dictionary; all of one number of rows are learned in one pass.
    groups : array (rows,), optional
        Stimulus of every row, such as ``recording.rows["stimulus"]``: held out as a whole. Every
        row is its own group by default, which is right only for independent rows.
    test_fraction : float
        Share of the groups that is held out, the same for all cells.
    null : bool
        Whether to do the same with normal data of equal mean and covariance.
    seed : int
    **learning
        Further parameters of `ThresholdSAE`, such as ``target_l0`` and ``n_steps``.

    Returns
    -------
    ScaleScan

    Raises
    ------
    UsageError
        If a grid is empty, or there are not enough rows or groups.
    WorkbenchError
        If activity is not finite.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((400, 8)).astype(np.float32)
    >>> scan = scale_scan(X, [100, 300], [16], null=False, target_l0=3.0, n_steps=20)
    >>> scan.data["r2"].shape
    (1, 2, 1, 2)
    """
    import xarray as xr

    from analyses.atoms.nulls import gaussian_like

    values = np.asarray(X, dtype=np.float32)
    sizes, widths = _grid(n_rows_grid, "n_rows_grid"), _grid(n_atoms_grid, "n_atoms_grid")
    train, held_out = _parted(values, groups, sizes[-1], test_fraction, seed)
    sets = {DATA: (train, held_out)}
    if null:
        noise = gaussian_like(train, len(train) + len(held_out), seed)
        sets[NOISE] = noise[: len(train)], noise[len(train) :]
    cells = [
        [_row(part[:size], test, widths, seed, learning) for size in sizes]
        for part, test in sets.values()
    ]
    found = np.array(cells)
    variables = {
        "r2": ((*_CELL, "part"), found[..., :2]),
        "l0": (_CELL, found[..., 2]),
        "dead": (_CELL, found[..., 3]),
    }
    names = np.array(list(sets), dtype=object)
    parts = np.array([TRAIN, HELD_OUT], dtype=object)
    coordinates = {"kind": names, "rows": sizes, "atoms": widths, "part": parts}
    return ScaleScan(xr.Dataset(variables, coordinates, {"n_held_out": len(held_out)}))


def _grid(given: Iterable[int], name: str) -> list[int]:
    found = sorted({int(each) for each in given})
    if not found or found[0] < 2:
        raise UsageError(f"Found {name}={found}; expected whole numbers of at least 2.")
    return found


def _parted(
    values: NDArray[np.float32],
    groups: ArrayLike | None,
    most: int,
    test_fraction: float,
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows to learn from, group after group in random order, and rows held out."""
    given = np.arange(len(values)) if groups is None else np.asarray(groups)
    if given.shape != (len(values),):
        raise UsageError(f"Found groups of shape {given.shape}; expected ({len(values)},).")
    codes = np.unique(given, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1 if len(codes) else 0
    n_test = max(1, round(test_fraction * n_groups))
    place = np.random.default_rng([seed, 23]).permutation(n_groups)[codes]
    train = np.argsort(place, kind="stable")[np.count_nonzero(place < n_test) :]
    if len(train) < most or n_groups < 2:
        raise UsageError(
            f"Found {len(train)} rows to learn from, beside those held out; expected at least "
            f"{most}, the largest of n_rows_grid: pass more rows or a smaller grid."
        )
    return values[train[:most]], values[place < n_test]


def _row(
    train: NDArray[np.float32],
    held_out: NDArray[np.float32],
    widths: list[int],
    seed: int,
    learning: dict[str, Any],
) -> list[list[float]]:
    """Of every width: train and held-out R2, L0 and share of dead atoms."""
    import warnings

    from analyses.atoms.evaluation import explained_variance
    from analyses.atoms.many import fit_many
    from analyses.atoms.sae import ThresholdSAE

    saes = [ThresholdSAE(n_atoms=width, seed=seed, **learning) for width in widths]
    with warnings.catch_warnings():
        # More atoms than rows is what the scan is about, and it says the L0 of every cell.
        warnings.filterwarnings("ignore", message="L0 ended at|.*memoriser")
        fit_many(saes, train)
    found = []
    for sae in saes:
        codes = [sae.transform(rows) for rows in (train, held_out)]
        r2 = [
            explained_variance(rows, sae.inverse_transform(code))
            for rows, code in zip((train, held_out), codes, strict=True)
        ]
        fired = np.bincount(codes[0].indices, minlength=codes[0].shape[1])
        found.append([*r2, codes[1].nnz / len(held_out), float(np.mean(fired == 0))])
    return found
