"""Putting the findings of all sites together: labelled arrays and corrected p-values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.brain_dynamics.site import ALTERNATIVES, ENTROPY, WORDS, SiteFindings, Statistic
from workbench.statistics.bootstrap import percentile_interval
from workbench.statistics.correction import ALPHA, benjamini_hochberg
from workbench.statistics.permutation import permutation_null

if TYPE_CHECKING:
    import xarray as xr

_NUMBERS = ("value", "low", "high", "null_mean", "null_sd", "null_low", "null_high", "p_value")
_SHAPES = {
    "density": ("unit", "frequency"),
    "white": ("unit", "frequency"),
    "band_power": ("band", "unit"),
    "locking": ("band", "unit", "unit_other"),
    "lag": ("band", "unit", "unit_other"),
    **dict.fromkeys(
        ("complexity", "complexity_mean", "complexity_low", "complexity_high"),
        ("complexity_measure", "unit"),
    ),
}


def assemble(
    found: Mapping[str, SiteFindings],
    bands: Mapping[str, tuple[float, float]],
    names: Mapping[str, list[str]],
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Labelled arrays of a result.

    Parameters
    ----------
    found : mapping of str to SiteFindings
        By site; each with statistics.
    bands : mapping of str to pair of float
    names : mapping of str to list of str
        By site: names of the analysed units.
    attributes : dict
        Facts for readers.

    Returns
    -------
    xarray.Dataset
        ``value``, its interval, null and p-values by ``site`` and ``statistic`` (a measure in a
        band), NaN where a site has no such number; spectra, matrices and complexity by ``unit``.
    """
    import xarray as xr

    keys = _keys(found)
    table = np.full((len(found), len(keys), len(_NUMBERS)), np.nan)
    nulls = np.full((len(found), len(keys)), "", dtype=object)
    for row, site in enumerate(found.values()):
        for each in site.statistics:
            column = keys.index((each.name, each.band, each.amplitude_band))
            table[row, column] = _numbers(each)
            nulls[row, column] = each.null
    variables: dict[str, Any] = {
        name: (("site", "statistic"), table[..., place]) for place, name in enumerate(_NUMBERS)
    }
    corrected = _corrected(table[..., _NUMBERS.index("p_value")], [name for name, _, _ in keys])
    variables["p_corrected"] = (("site", "statistic"), corrected)
    variables["beats_null"] = (("site", "statistic"), corrected <= ALPHA)
    variables["null"] = (("site", "statistic"), nulls)
    most = max(len(site.units) for site in found.values())
    for name, dims in _SHAPES.items():
        stacked = [_padded(site.arrays[name], dims, most) for site in found.values()]
        variables[name] = (("site", *dims), np.stack(stacked))
    variables["counts"] = ("site", [site.counts for site in found.values()])
    variables["units_of_site"] = ("site", [site.n_all for site in found.values()])
    variables["units_varying"] = ("site", [site.n_varying for site in found.values()])
    shown = [[*names[site], *[""] * (most - len(names[site]))] for site in found]
    variables["unit_name"] = (("site", "unit"), np.array(shown, dtype=object))
    return xr.Dataset(variables, _coordinates(found, keys, bands), attributes)


def _coordinates(
    found: Mapping[str, SiteFindings],
    keys: list[tuple[str, str, str]],
    bands: Mapping[str, tuple[float, float]],
) -> dict[str, Any]:
    edges = np.array(list(bands.values()))
    return {
        "site": _texts(found),
        "statistic": _texts(" ".join(part for part in key if part) for key in keys),
        "measure": ("statistic", _texts(key[0] for key in keys)),
        "of_band": ("statistic", _texts(key[1] for key in keys)),
        "of_amplitude_band": ("statistic", _texts(key[2] for key in keys)),
        "band": _texts(bands),
        "band_low": ("band", edges[:, 0]),
        "band_high": ("band", edges[:, 1]),
        "frequency": next(iter(found.values())).frequencies,
        "complexity_measure": _texts((WORDS, ENTROPY)),
    }


def _keys(found: Mapping[str, SiteFindings]) -> list[tuple[str, str, str]]:
    keys: dict[tuple[str, str, str], None] = {}
    for site in found.values():
        keys |= dict.fromkeys((s.name, s.band, s.amplitude_band) for s in site.statistics)
    return list(keys)


def _numbers(statistic: Statistic) -> tuple[float, ...]:
    low = high = float("nan")
    if len(statistic.redrawn) and np.isfinite(statistic.redrawn).all():
        low, high = percentile_interval(statistic.redrawn)
    alternative: Any = ALTERNATIVES.get(statistic.name, "two-sided")
    null = permutation_null(statistic.value, statistic.draws, statistic.null, alternative)
    ends = np.quantile(statistic.draws, [0.025, 0.975])
    return (statistic.value, low, high, null.mean, null.sd, *map(float, ends), null.p_value)


def _corrected(p_values: NDArray[np.float64], measures: list[str]) -> NDArray[np.float64]:
    """Over sites and bands, within each kind of measure."""
    corrected = np.full_like(p_values, np.nan)
    for name in set(measures):
        columns = np.array([each == name for each in measures])
        family = np.isfinite(p_values) & columns
        corrected[family] = benjamini_hochberg(p_values[family])
    return corrected


def _padded(values: NDArray, dims: tuple[str, ...], most: int) -> NDArray:
    grown = [
        (0, most - size if dim.startswith("unit") else 0)
        for dim, size in zip(dims, values.shape, strict=True)
    ]
    return np.pad(values, grown, constant_values=np.nan)


def _texts(values: Any) -> NDArray:
    # Plain objects: the only text arrays that every supported xarray and zarr store alike.
    return np.array([str(value) for value in values], dtype=object)
