"""Labelled arrays of a result, and the constants that its measures and figures share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.statistics.bootstrap import percentile_interval, zero_difference_p
from workbench.statistics.correction import benjamini_hochberg

if TYPE_CHECKING:
    import xarray as xr

    from probes.scores import ProbeScore
    from probes.site import SiteFindings

TASK, CONTROL, UNTRAINED = "task", "control", "untrained"


def assemble(found: Mapping[str, SiteFindings], attributes: dict[str, Any]) -> xr.Dataset:
    """Arrays of all sites.

    Parameters
    ----------
    found : mapping of str to SiteFindings
        By site.
    attributes : dict

    Returns
    -------
    xarray.Dataset
        ``score``, ``low``, ``high``, ``chance``, ``null_mean``, ``null_sd``, ``null_high`` and
        ``p`` (site, labels); ``selectivity`` with its interval and corrected p (site), and the
        same against the untrained subject; ``confusion`` (site, class, said), shares of each true
        class.
    """
    import xarray as xr

    sites = list(found)
    each = list(found.values())
    kinds = [TASK, CONTROL, *([UNTRAINED] if each[0].untrained else [])]
    scores = [[getattr(at, kind) for kind in kinds] for at in each]
    variables: dict[str, Any] = {
        name: (("site", "labels"), np.array([[value(score) for score in row] for row in scores]))
        for name, value in _VALUES.items()
    }
    corrected = np.stack([benjamini_hochberg(column) for column in variables["p"][1].T], axis=1)
    variables["p_corrected"] = (("site", "labels"), corrected)
    variables |= _differences(each, "selectivity", CONTROL)
    if each[0].untrained:
        variables |= _differences(each, "training", UNTRAINED)
    coordinates: dict[str, Any] = {"site": sites, "labels": kinds}
    if not attributes["continuous"]:
        classes = np.unique(each[0].task.labels)
        coordinates |= {"class": classes, "said": classes}
        shares = np.stack([_confusion(at.task, classes) for at in each])
        variables["confusion"] = (("site", "class", "said"), shares)
    first = each[0].task
    sizes = {"n": first.n, "n_groups": first.n_groups, "metric": first.metric}
    variables["n_units"] = ("site", np.array([at.task.n_units for at in each]))
    return xr.Dataset(variables, coordinates, {**attributes, **sizes})


_VALUES = {
    "score": lambda s: s.value,
    "low": lambda s: s.interval[0],
    "high": lambda s: s.interval[1],
    "chance": lambda s: s.chance,
    "null_mean": lambda s: s.null.mean,
    "null_sd": lambda s: s.null.sd,
    "null_draws": lambda s: s.null.n,
    "p": lambda s: s.null.p_value,
}


def _differences(each: list[SiteFindings], name: str, other: str) -> dict[str, Any]:
    values = np.array([at.task.value - getattr(at, other).value for at in each])
    drawn = [at.selectivity_draws if other == CONTROL else at.untrained_draws for at in each]
    p = [zero_difference_p(value, draws) for value, draws in zip(values, drawn, strict=True)]
    intervals = np.array([percentile_interval(draws) for draws in drawn])
    return {
        name: ("site", values),
        f"{name}_low": ("site", intervals[:, 0]),
        f"{name}_high": ("site", intervals[:, 1]),
        f"{name}_sd": ("site", np.array([draws.std() for draws in drawn])),
        f"{name}_p": ("site", np.array(p)),
        f"{name}_p_corrected": ("site", benjamini_hochberg(p)),
    }


def _confusion(score: ProbeScore, classes: NDArray[Any]) -> NDArray[np.float64]:
    counts = np.zeros((len(classes), len(classes)))
    places = (np.searchsorted(classes, each) for each in (score.labels, score.predictions))
    np.add.at(counts, tuple(places), 1)
    return counts / counts.sum(axis=1, keepdims=True)
