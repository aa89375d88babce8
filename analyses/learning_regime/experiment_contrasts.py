"""Low rank against full rank, seed by seed: differences, intervals, and flipped signs as null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.learning_regime.measuring_networks import MEASURES
from workbench.analysis.measure import Measure
from workbench.errors import UsageError, nearest
from workbench.statistics.correction import holm
from workbench.statistics.permutation import permutation_null

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_ALL_SIGNS = 14
_DRAWS = 2**_ALL_SIGNS
COMPARED = ("kernel_alignment", "representation_alignment", "relative_weight_change")


def rank_contrasts(
    data: xr.Dataset, measures: Sequence[str] = COMPARED, alpha: float = 0.05
) -> tuple[Measure, ...]:
    """Differences of each rank from the largest one, paired by seed, at the last step.

    Parameters
    ----------
    data : xarray.Dataset
        As `run_rank_experiment` gives it.
    measures : sequence of str
        Variables of it.
    alpha : float
        Level, after Holm's correction over all contrasts of a measure.

    Returns
    -------
    tuple of Measure
        Mean difference, low minus full rank: kernel and representation alignment below zero are
        richer, weight change above zero. Interval: Student's t over seeds. Null: signs of the
        seeds' differences flipped, all of them up to 14 seeds (two-sided). Seeds of which either
        network diverged are left out, and the note says how many.

    Raises
    ------
    UsageError
        If a measure is unknown, or there is one rank only.

    Examples
    --------
    >>> from analyses.learning_regime.experiment import run_rank_experiment
    >>> found = run_rank_experiment(
    ...     "DMS", (1, 20), 3, "frobenius", n=20, n_steps=20, kernels=False, progress=False
    ... )
    >>> rank_contrasts(found, ["representation_alignment"])[0].n
    3
    """
    _check(data, measures)
    last = data.isel(step=-1)
    full = last["rank"].values.max()
    found: list[Measure] = []
    for name in measures:
        family = []
        for task, match, rank in product(*(last[dim].values for dim in ("task", "match", "rank"))):
            if rank != full:
                place = {"task": str(task), "match": str(match), "rank": f"{rank} - {full}"}
                series = last[name].sel(task=task, match=match)
                family.append((place, (series.sel(rank=rank) - series.sel(rank=full)).values))
        found += _corrected([_contrast(name, *each) for each in family], alpha)
    return tuple(found)


def seed_intervals(data: xr.Dataset, measures: Sequence[str] | None = None) -> pd.DataFrame:
    """Means over seeds with 95 % intervals, at the last step.

    Parameters
    ----------
    data : xarray.Dataset
        With a dim ``seed``, as `run_rank_experiment` or `measure_networks` gives it.
    measures : sequence of str, optional
        All by default.

    Returns
    -------
    pandas.DataFrame
        One row for every place and measure: ``mean``, ``sd``, ``low``, ``high`` (Student's t over
        seeds) and ``n_seeds``, the networks that did not diverge.

    Raises
    ------
    UsageError
        If a measure is unknown.
    """
    import pandas as pd

    names = list(MEASURES if measures is None else measures)
    _check_names(data, names)
    last = data.isel(step=-1)
    rows = []
    for name in names:
        values = last[name].transpose(..., "seed")
        dims = values.dims[:-1]
        for place in product(*(values[dim].values for dim in dims)):
            where = dict(zip((str(dim) for dim in dims), place, strict=True))
            part = values.sel({dim: where[str(dim)] for dim in dims}).values
            rows.append({**where, "measure": name, **t_interval(part)})
    return pd.DataFrame(rows)


def t_interval(values: ArrayLike) -> dict[str, float]:
    """Mean, standard deviation and Student's 95 % interval of values that are not NaN.

    Parameters
    ----------
    values : array (seeds,)

    Returns
    -------
    dict
        ``mean``, ``sd``, ``low``, ``high``, ``n_seeds``; NaN where there are too few.

    Examples
    --------
    >>> {name: round(value, 3) for name, value in t_interval([1.0, 2.0, 3.0]).items()}
    {'mean': 2.0, 'sd': 1.0, 'low': -0.484, 'high': 4.484, 'n_seeds': 3}
    """
    from scipy.stats import t

    given = np.asarray(values, np.float64)
    kept = given[np.isfinite(given)]
    n = len(kept)
    mean = float(kept.mean()) if n else float("nan")
    sd = float(kept.std(ddof=1)) if n > 1 else float("nan")
    half = float(t.ppf(0.975, n - 1) / np.sqrt(n)) * sd if n > 1 else float("nan")
    return {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half, "n_seeds": n}


def flipped_means(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of differences under every other choice of their signs.

    Parameters
    ----------
    differences : ndarray (seeds,)

    Returns
    -------
    ndarray (draws,)
        All choices but the observed one up to 14 seeds, else 16,384 random ones.

    Examples
    --------
    >>> flipped_means(np.array([1.0, 3.0])).tolist()
    [-1.0, 1.0, -2.0]
    """
    n = len(differences)
    if n <= _ALL_SIGNS:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))[1:]
    else:
        signs = np.random.default_rng(0).choice([1.0, -1.0], (_DRAWS, n))
    means: NDArray[np.float64] = signs @ differences / n
    return means


def _contrast(name: str, where: dict[str, str], differences: NDArray[np.float64]) -> Measure:
    kept = differences[np.isfinite(differences)]
    lost = len(differences) - len(kept)
    note = f"{lost} of {len(differences)} seeds diverged and are left out" if lost else ""
    label, place = f"difference of {name.replace('_', ' ')}", {**where}
    if len(kept) < 2:
        reason = "fewer than two seeds have a value"
        value = float(kept.mean()) if len(kept) else float("nan")
        return Measure(label, value, "1", len(kept), why_no_null=reason, where=place, note=note)
    found = t_interval(kept)
    method = "signs of the differences between paired seeds flipped"
    null = permutation_null(found["mean"], flipped_means(kept), method)
    interval = found["low"], found["high"]
    return Measure(label, found["mean"], "1", len(kept), interval, null, False, "", place, note)


def _corrected(measures: list[Measure], alpha: float) -> list[Measure]:
    tested: list[int] = [number for number, each in enumerate(measures) if each.null is not None]
    nulls: list[Any] = [measures[number].null for number in tested]
    corrected = holm([null.p_value for null in nulls]).tolist() if nulls else []
    for number, p_value in zip(tested, corrected, strict=True):
        measures[number] = replace(measures[number], beats_null=bool(p_value <= alpha))
    return measures


def _check(data: xr.Dataset, measures: Sequence[str]) -> None:
    _check_names(data, measures)
    if data.sizes.get("rank", 0) < 2:
        raise UsageError(
            f"Found {data.sizes.get('rank', 0)} rank; expected at least two, of which the largest "
            "is compared with the others."
        )


def _check_names(data: xr.Dataset, measures: Sequence[str]) -> None:
    for name in measures:
        if name not in data:
            raise UsageError(
                f"Found no measure '{name}'; {nearest(name, map(str, data.data_vars))}"
            )
