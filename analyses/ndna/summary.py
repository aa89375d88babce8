"""The written summary: what a reader can act on, and what is within noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.ndna.arrays import compared_in
from analyses.ndna.comparisons import Compared
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr

_MOST_NAMED = 4


def summarize(data: xr.Dataset) -> str:
    """Say how paths turn beside their nulls, what training changed, and what was left out.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    str
    """
    found = compared_in(data)
    plain = [each for each in found if "untrained" not in each.name]
    along = "depth" if data.attrs["axis"] == "depth" else "time"
    sentences = [_number(each) for each in plain] if along == "depth" else [_along_time(plain)]
    changed = [each for each in found if "untrained" in each.name]
    sentences += [_difference(each) for each in changed]
    if not changed and data.attrs["kind"] != "brain":
        sentences.append("No untrained recording was given, so what training added is not known.")
    sentences += _left_out(data)
    return " ".join(sentences)


def _value(each: Compared) -> str:
    scale, unit = (np.degrees(1), " degrees") if each.unit == "rad" else (1.0, "")
    text = f"{scale * each.value:.3g}{unit}"
    if np.isfinite(each.low):
        text += f" (95 % interval {scale * each.low:.3g} to {scale * each.high:.3g})"
    return text


def _null(each: Compared) -> str:
    scale = np.degrees(1) if each.unit == "rad" else 1.0
    return f"{scale * each.null_mean:.3g} ± {scale * each.null_sd:.2g}"


def _number(each: Compared) -> str:
    what = f"{each.name[0].upper()}{each.name[1:]} along depth is {_value(each)}"
    if each.p_corrected <= ALPHA:
        more = "less" if each.value < each.null_mean else "more"
        return (
            f"{what}, {more} than with {each.method} ({_null(each)}, p = {each.p_corrected:.2g})."
        )
    return (
        f"{what}, within the noise of its null, {each.method} ({_null(each)}, "
        f"p = {each.p_corrected:.2g})."
    )


def _along_time(found: list[Compared]) -> str:
    beating = [each for each in found if each.p_corrected <= ALPHA]
    chosen = min(found, key=lambda each: each.value)
    head = f"Along time, activity turns least at {chosen.family}: {_value(chosen)} a moment"
    tail = f"with {chosen.method} it would turn by {_null(chosen)}"
    verdict = f"{len(beating)} of {len(found)} sites turn less than that null"
    return f"{head}; {tail}; {verdict}{'' if beating else ', so all is within noise'}."


def _difference(each: Compared) -> str:
    what = each.name.replace(" minus untrained", "")
    at = "" if each.family == "depth" else f" at {each.family}"
    if each.p_corrected <= ALPHA:
        return f"Training changed {what}{at} by {_value(each)}."
    return f"The untrained subject's {what}{at} differs by {_value(each)}, within noise."


def _left_out(data: xr.Dataset) -> list[str]:
    attributes, sentences = data.attrs, []
    if attributes["lens"] == "none":
        sentences.append(f"Residual channel only: {attributes['why_no_lens']}.")
    if int(attributes["n_masked"]):
        sentences.append(
            f"{int(attributes['n_masked'])} angles are undefined, because a node is identical to a "
            "neighbour, and were left out."
        )
    left_out = [str(site) for site in attributes["sites_left_out"]]
    if left_out:
        named = ", ".join(left_out[:_MOST_NAMED])
        more = f" and {len(left_out) - _MOST_NAMED} more" if len(left_out) > _MOST_NAMED else ""
        sentences.append(f"Left out, for their number of units: {named}{more}.")
    if attributes["axis"] == "depth" and int(attributes["n_orders"]) * ALPHA < 1:
        sentences.append(
            f"Only {int(attributes['n_orders'])} orders of these sites differ, too few for any to "
            "beat the null."
        )
    return sentences
