"""The written summary: what a reader can act on, in a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probes.arrays import CONTROL, TASK, UNTRAINED
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr


def summarize(data: xr.Dataset) -> str:
    """Say where labels can be read, how much of it is memory, and what training added.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    str
    """
    site = best_site(data)
    at = data.sel(site=site)
    task = at.sel(labels=TASK)
    beats = data["p_corrected"].sel(labels=TASK) <= ALPHA
    head = f"A {data.attrs['probe']} probe reads '{data.attrs['label_column']}'"
    size = (
        f"{data.attrs['n']} rows in {data.attrs['n_groups']} groups ({data.attrs['group_kind']}), "
        f"{data.attrs['n_folds']} folds"
    )
    if not bool(beats.any()):
        sentences = [
            f"{head} from no site better than from shuffled labels ({size}); the highest "
            f"{data.attrs['metric']} is {float(task['score']):.3f} at {site}."
        ]
    else:
        sentences = [
            f"{head} best at {site}: {data.attrs['metric']} {float(task['score']):.3f} (95 % "
            f"interval {float(task['low']):.3f} to {float(task['high']):.3f}; always guessing the "
            f"same gives {float(task['chance']):.3f}; {size}); {int(beats.sum())} of "
            f"{data.sizes['site']} sites beat shuffled labels.",
            _selectivity(data, at),
        ]
        if UNTRAINED in data["labels"].values:
            sentences.append(_training(at, site))
        elif data.attrs["kind"] != "brain":
            sentences.append(
                "No untrained recording was given, so what training added is not known."
            )
    return " ".join([*sentences, *_over_time(data), *_left_out(data)])


def best_site(data: xr.Dataset) -> str:
    """Site with the highest score of the task."""
    return str(data["site"].values[int(np.argmax(data["score"].sel(labels=TASK).values))])


def _selectivity(data: xr.Dataset, at: xr.Dataset) -> str:
    value = float(at["selectivity"])
    control = float(at["score"].sel(labels=CONTROL))
    range_ = (
        f"95 % interval {float(at['selectivity_low']):+.3f} to {float(at['selectivity_high']):+.3f}"
    )
    if bool(at["selectivity_p_corrected"] <= ALPHA) and value > 0:
        return (
            f"The same probe reaches {control:.3f} on the control task ({data.attrs['control']}): "
            f"selectivity {value:+.3f} ({range_})."
        )
    return (
        f"The same probe reaches {control:.3f} on the control task ({data.attrs['control']}): its "
        f"selectivity {value:+.3f} ({range_}) is no more than memory gives."
    )


def _training(at: xr.Dataset, site: str) -> str:
    untrained = float(at["score"].sel(labels=UNTRAINED))
    value = float(at["training"])
    if not bool(at["training_p_corrected"] <= ALPHA):
        return (
            f"The untrained subject gives {untrained:.3f} at {site}: the difference {value:+.3f} "
            "is not distinguishable from zero."
        )
    return (
        f"The untrained subject gives {untrained:.3f} at {site}: training "
        f"{'added' if value > 0 else 'took'} {abs(value):.3f}."
    )


def _over_time(data: xr.Dataset) -> list[str]:
    if "time_accuracy" not in data:
        return []
    at = data.isel(site=int(np.argmax(data["over_time"].values[:, 0])))
    same, other = at["over_time"].values
    chance = at["over_time_null_mean"].values
    found = at["over_time_p_corrected"].values <= ALPHA
    head = (
        f"Over time at {at['site'].item()} ({at.attrs['time_kind']}, {at.attrs['n_trials']} "
        f"trials) probes are right in {same:.3f} at the time of their training (shuffled labels "
        f"{chance[0]:.3f}) and in {other:.3f} at other times ({chance[1]:.3f})"
    )
    if not found[0]:
        return [f"{head}: no code was found at single times."]
    said = "the code generalises over time" if found[1] else "no code that outlasts its moment"
    return [f"{head}: {said}."]


def _left_out(data: xr.Dataset) -> list[str]:
    sentences = []
    if data.attrs["left_out"]:
        sentences.append(
            f"Left out, with fewer than {data.attrs['min_per_class']} rows: "
            f"{', '.join(data.attrs['left_out'])}."
        )
    if data.attrs["n_unlabelled"]:
        sentences.append(f"{data.attrs['n_unlabelled']} rows had no label.")
    return sentences
