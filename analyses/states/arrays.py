"""Findings of all sites as labelled arrays; p-values corrected over sites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.states.site import SiteFindings
from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval
from workbench.statistics.correction import ALPHA, benjamini_hochberg
from workbench.statistics.permutation import permutation_p

if TYPE_CHECKING:
    import xarray as xr

_N_BOOTSTRAP = 400
_FIT = {
    "connectivity": ("state", "to", "from"),
    "bias": ("state", "to"),
    "transitions": ("state", "next_state"),
    "occupancy": ("state",),
    "restarts": ("restart",),
    "posterior": ("bin", "state"),
    "activity": ("bin", "to"),
    "trial": ("bin",),
    "profile": ("step", "state"),
}


def assemble(
    findings: dict[str, SiteFindings],
    units: dict[str, list[str]],
    attributes: dict[str, Any],
    seed: int,
) -> xr.Dataset:
    """Labelled arrays of a result.

    Parameters
    ----------
    findings : dict of str to SiteFindings
        By site; none faulty.
    units : dict of str to list of str
        Names of the units that were analysed, by site.
    attributes : dict
        Counts and names for readers.
    seed : int

    Returns
    -------
    xarray.Dataset
        Dimensions ``site``, ``candidate``, ``state``, ``next_state``, ``to``, ``from``, ``bin``,
        ``step``, ``surrogate``, ``restart``; what a site has fewer of is NaN behind its own.
    """
    import xarray as xr

    every = list(findings.values())
    variables: dict[str, Any] = {
        "curve": (("site", "candidate"), np.stack([each.curve for each in every])),
        "curve_error": (("site", "candidate"), np.stack([each.curve_error for each in every])),
        "chosen": (("site",), np.array([each.chosen for each in every])),
        "tested": (("site",), np.array([each.tested for each in every])),
        "n_trials": (("site",), np.array([len(each.bins) for each in every])),
        "n_bins": (("site",), np.array([int(each.bins.sum()) for each in every])),
        "embedded": (("site",), np.array([each.embedded for each in every])),
        "emission": (("site",), np.array([each.emission for each in every])),
        "link": (("site",), np.array([each.link for each in every])),
        "null": (("site", "surrogate"), np.stack([each.null for each in every])),
    }
    variables |= _tested(every, seed)
    for name, dims in _FIT.items():
        variables[name] = (("site", *dims), _stacked([each.fit[name] for each in every]))
    widest = max(len(names) for names in units.values())
    names = np.array([units[site] + [""] * (widest - len(units[site])) for site in findings])
    coordinates = {
        "site": list(findings),
        "candidate": every[0].candidates,
        "unit_name": (("site", "to"), names),
    }
    return xr.Dataset(variables, coordinates, {**attributes, "alpha": ALPHA})


def _tested(every: list[SiteFindings], seed: int) -> dict[str, Any]:
    gain = np.array([np.average(each.gains, weights=each.bins) for each in every])
    p_gain = [permutation_p(g, each.null, "greater") for g, each in zip(gain, every, strict=True)]
    agreement = np.array([each.agreement for each in every])
    draws = np.stack([each.agreement_null for each in every])
    p_signs = [permutation_p(a, d, "greater") for a, d in zip(agreement, draws, strict=True)]
    bounds = np.array([_interval(each, seed) for each in every])
    found: dict[str, Any] = {
        "gain": gain,
        "gain_low": bounds[:, 0],
        "gain_high": bounds[:, 1],
        "p_gain": np.array(p_gain),
        "p_gain_corrected": benjamini_hochberg(p_gain),
        "agreement": agreement,
        "agreement_null_mean": draws.mean(axis=1),
        "agreement_null_sd": draws.std(axis=1),
        "p_agreement": np.array(p_signs),
        "p_agreement_corrected": benjamini_hochberg(p_signs),
    }
    return {name: (("site",), values) for name, values in found.items()}


def _interval(found: SiteFindings, seed: int) -> tuple[float, float]:
    """Percentiles of the gain over trials drawn with replacement."""
    generator = np.random.default_rng([seed, 6])
    weights = bootstrap_weights(np.arange(len(found.bins)), _N_BOOTSTRAP, generator)
    weights = weights * found.bins
    return percentile_interval(weights @ found.gains / weights.sum(axis=1))


def _stacked(parts: list[NDArray]) -> NDArray[np.float64]:
    shape = np.max([part.shape for part in parts], axis=0)
    stacked = np.full((len(parts), *shape), np.nan)
    for number, part in enumerate(parts):
        place: tuple[Any, ...] = (number, *(slice(size) for size in part.shape))
        stacked[place] = part
    return stacked
