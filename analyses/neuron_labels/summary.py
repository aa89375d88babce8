"""The written summary: how many units have a label that predicts, and what is within noise."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from analyses.neuron_labels.measures import NAMES
from analyses.neuron_labels.scoring import PEARSON

if TYPE_CHECKING:
    import xarray as xr

    from workbench.analysis.measure import Measure

_MOST_SITES = 6


def summarize(data: xr.Dataset, measures: tuple[Measure, ...]) -> str:
    """Say how many units have labels that beat their null, and how well those predict.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.
    measures : tuple of Measure

    Returns
    -------
    str
    """
    sentences = [_kept(data), _correlation(data, measures), _examples(data), _within(measures)]
    return " ".join(each for each in sentences if each)


def best_site(data: xr.Dataset) -> str:
    """Site with the largest held-out correlation."""
    values = data["mean"].sel(metric=PEARSON, row="labels").values
    return str(data["site"].values[int(np.nanargmax(values))])


def _kept(data: xr.Dataset) -> str:
    there = data["number"].values >= 0
    kept = there & ~data["abstains"].values
    each = [
        f"{site}: {int(k.sum())} of {int(t.sum())}"
        for site, k, t in zip(data["site"].values, kept, there, strict=True)
    ]
    more = f", and {len(each) - _MOST_SITES} more sites" if len(each) > _MOST_SITES else ""
    where = f" ({'; '.join(each[:_MOST_SITES])}{more})" if len(each) > 1 else ""
    share = f"{data.attrs['level']:.0%}"
    if not kept.any():
        return (
            f"None of {int(there.sum())} units has a label that predicts its activity on held-out "
            f"stimuli better than labels of other units do, at {share} false labels: all abstain."
        )
    return (
        f"{int(kept.sum())} of {int(there.sum())} units have a label that predicts their activity "
        f"on held-out stimuli better than labels of other units do, at {share} false "
        f"labels{where}; the others abstain."
    )


def _correlation(data: xr.Dataset, measures: tuple[Measure, ...]) -> str:
    site = best_site(data)
    named = {m.name: m for m in measures if m.where["site"] == site}
    found = named[NAMES[PEARSON]]
    null = found.null
    assert null is not None  # noqa: S101 - it always has one
    low, high = found.interval or (found.value, found.value)
    constant = float(data["mean"].sel(site=site, metric=PEARSON, row="constant label"))
    beyond = "beyond" if found.beats_null else "within the noise of"
    return (
        f"At {site} the mean held-out correlation is {found.value:.3f} (95 % interval {low:.3f} to "
        f"{high:.3f}), {beyond} reassigned labels ({null.mean:.3f} ± {null.sd:.3f}, "
        f"p = {null.p_value:.3g}); one label for all units reaches {constant:.3f}."
    )


def _examples(data: xr.Dataset) -> str:
    at = data.sel(site=best_site(data))
    kept = ~at["abstains"].values & (at["number"].values >= 0)
    if not kept.any():
        return ""
    common = Counter(str(label) for label in at["label"].values[kept]).most_common(3)
    named = ", ".join(f"“{text}” ({count})" for text, count in common)
    return f"Commonest labels there: {named}."


def _within(measures: tuple[Measure, ...]) -> str:
    tested = [m for m in measures if m.null is not None and not m.beats_null]
    noise = [f"{m.name} at {m.where['site']}" for m in tested]
    if not noise:
        return ""
    shown = ", ".join(noise[:4]) + (f" and {len(noise) - 4} more" if len(noise) > 4 else "")
    return f"Within noise: {shown}."
