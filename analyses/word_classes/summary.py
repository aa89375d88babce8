"""The written summary: what a reader can act on, in a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.word_classes.arrays import own_kind
from analyses.word_classes.rows import NEXT, OWN
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr


def summarize(data: xr.Dataset) -> str:
    """Say where classes separate, how that compares with the controls, and what was left out.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    str
    """
    own = own_kind(data)
    kinds = [NEXT, own] if NEXT in data["label_kind"].values else [own]
    sentences = [_best(data, kind) for kind in kinds]
    if len(kinds) > 1:
        sentences.append(_next_beside_own(data, own))
    if "difference" in data:
        sentences += [_training(data, kind) for kind in kinds]
    elif data.attrs["kind"] != "brain":
        sentences.append("No untrained recording was given, so what training added is not known.")
    if own == OWN and NEXT not in kinds:
        sentences.append("Too few rows carry the class of the next word to compare with it.")
    sentences += _left_out(data)
    return " ".join(sentences)


def best_site(data: xr.Dataset, kind: str) -> str:
    """Site of the recording with the most negative GDV for a kind of label."""
    values = data["gdv"].sel(state="recorded", label_kind=kind)
    return str(data["site"].values[int(np.argmin(values.values))])


def _best(data: xr.Dataset, kind: str) -> str:
    site = best_site(data, kind)
    at = data.sel(state="recorded", label_kind=kind, site=site)
    beats = data["beats_null"].sel(state="recorded", label_kind=kind)
    share = 100 * float(at["gdv_over_bound"])
    head = (
        f"By the class of the {kind}" if kind != "own label" else "By the labels of the rows"
    ) + f" ({data.attrs['n_classes']} classes, {data.attrs['n_per_class']} rows each)"
    if not bool(beats.any()):
        return (
            f"{head}, no site separates classes better than {data.attrs['null_labels']} do; the "
            f"lowest GDV is {float(at['gdv']):.4f} at {site} "
            f"(p = {float(at['p_corrected']):.3g}, corrected over sites)."
        )
    verdict = "beats" if bool(at["beats_null"]) else "does not itself beat"
    return (
        f"{head}, separation is strongest at {site}: GDV {_value(at)}, {share:.1f} % of the bound "
        f"{float(data.attrs['bound']):.3f}; it {verdict} {data.attrs['null_labels']} "
        f"({float(at['null_mean']):.4f} ± {float(at['null_sd']):.4f}); in all, {int(beats.sum())} "
        f"of {data.sizes['site']} sites do."
    )


def _value(at: xr.Dataset) -> str:
    low, high = float(at["gdv_low"]), float(at["gdv_high"])
    value = f"{float(at['gdv']):.4f}"
    return f"{value} (95 % interval {low:.4f} to {high:.4f})" if np.isfinite(low) else value


def _next_beside_own(data: xr.Dataset, own: str) -> str:
    site = best_site(data, NEXT)
    at = data["gdv"].sel(state="recorded", site=site)
    following, present = float(at.sel(label_kind=NEXT)), float(at.sel(label_kind=own))
    beats = data["beats_null"].sel(state="recorded", site=site)
    if not bool(beats.sel(label_kind=NEXT)) and not bool(beats.sel(label_kind=own)):
        return f"At {site} neither the next nor the last input word's class beats its null."
    if present < following < 0:
        return (
            f"At {site} clustering by the last input word's class ({present:.4f}) is "
            f"{present / following:.1f} times that by the next word's ({following:.4f}): much of "
            "what looks like prediction may be memory of the input."
        )
    return (
        f"At {site} clustering by the next word's class ({following:.4f}) exceeds that by the last "
        f"input word's ({present:.4f})."
        if following < present
        else f"At {site} the last input word's class gives {present:.4f}, the next word's "
        f"{following:.4f}."
    )


def _training(data: xr.Dataset, kind: str) -> str:
    site = best_site(data, kind)
    at = data.sel(label_kind=kind, site=site)
    trained, untrained = (float(at["gdv"].sel(state=s)) for s in ("recorded", "untrained"))
    difference = float(at["difference"])
    of = f"By the {kind}" if kind != "own label" else "By the rows' labels"
    if not float(at["difference_p_corrected"]) <= ALPHA:
        return (
            f"{of} the untrained subject has {untrained:.4f} at {site}; the difference "
            f"{difference:+.4f} is not distinguishable from zero."
        )
    verb = "strengthened" if difference < 0 else "weakened"
    return (
        f"{of}, training {verb} clustering at {site} from {untrained:.4f} to {trained:.4f} "
        f"(difference {difference:+.4f}, 95 % interval {float(at['difference_low']):+.4f} to "
        f"{float(at['difference_high']):+.4f})."
    )


def _left_out(data: xr.Dataset) -> list[str]:
    attributes, sentences = data.attrs, []
    if attributes["classes_left_out"]:
        sentences.append(
            f"Left out, with fewer than {attributes['min_per_class']} rows: "
            f"{', '.join(attributes['classes_left_out'])}."
        )
    if attributes["n_unlabelled"]:
        sentences.append(f"{attributes['n_unlabelled']} rows had no label.")
    if attributes["sites_left_out"]:
        sentences.append(
            f"Left out, because no unit varies: {', '.join(attributes['sites_left_out'])}."
        )
    return sentences
