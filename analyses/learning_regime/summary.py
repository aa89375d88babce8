"""The written summary: which layers learnt richly, beside what random drift would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.learning_regime.arrays import Curves
from analyses.learning_regime.numbers import Number
from analyses.learning_regime.opened_kernels import ALL
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr

_RA, _KA = "representation alignment", "kernel alignment"
_MOST_NAMED = 4


def summarize(data: xr.Dataset) -> str:
    """Say where and how far features changed, and what is not known.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    str
    """
    curves = Curves(data)
    sentences = [
        _beyond_drift(curves, name, what)
        for name, what in ((f"centred {_RA}", "site"), (_KA, "weight matrix"))
        if curves.has(f"{name} below random drift")
    ]
    for name, say in (("loss", _loss), ("", _activity), ("weight change", _weights)):
        if not name or curves.has(name):
            sentences.append(say(curves))
    for name, say in ((_KA, _kernels), ("kernel-target alignment", _targets)):
        if curves.has(name):
            sentences.append(say(curves))
    return " ".join(sentences + _not_known(data, curves))


def last_numbers(curves: Curves, name: str) -> list[Number]:
    """Numbers of one name at the last checkpoint, the lowest first."""
    found = [curves.at(name, place, curves.checkpoints[-1]) for place in curves.places(name)]
    return sorted((each for each in found if each is not None), key=lambda each: each.value)


def _value(each: Number) -> str:
    return f"{each.value:.2f} (95 % interval {each.low:.2f} to {each.high:.2f})"


def _activity(curves: Curves) -> str:
    found, data = last_numbers(curves, _RA), curves.data
    lowest, highest = found[0], found[-1]
    first, last = curves.checkpoints[0], curves.checkpoints[-1]
    head = (
        f"From checkpoint '{first}' to '{last}', over {data.attrs['n_rows']} rows of "
        f"{data.attrs['n_stimuli']} stimuli, activity changed most at {lowest.place}: "
        f"representation alignment {_value(lowest)}{_centred(curves, lowest)}"
    )
    least = f" and least at {highest.place}: {_value(highest)}{_centred(curves, highest)}"
    tail = least if len(found) > 1 else ""
    return f"{head}{tail}. {_kept(found)}"


def _centred(curves: Curves, each: Number) -> str:
    """The centred number beside the uncentred one, which common activity keeps high."""
    found = curves.at(f"centred {each.name}", each.place, each.checkpoint)
    return "" if found is None else f", centred {found.value:.2f}"


def _kept(found: list[Number]) -> str:
    kept = [each for each in found if each.p_corrected <= ALPHA]
    return (
        f"{len(kept)} of {len(found)} sites keep more of their first similarities than shuffled "
        "stimuli would show."
    )


def _weights(curves: Curves) -> str:
    found = [each for each in last_numbers(curves, "weight change") if each.place != ALL]
    if not found:
        return "No parameter has two axes."
    most, least = found[-1], found[0]
    far = " Beyond 1, a random move as far leaves little of the first weights, either."
    return (
        f"Weights changed by {most.value:.2f} of their norm at {most.place}, the most, and by "
        f"{least.value:.2f} at {least.place}, the least.{far if most.value > 1 else ''}"
    )


def _kernels(curves: Curves) -> str:
    found = last_numbers(curves, _KA)
    whole = [each for each in found if each.place == ALL]
    found = [each for each in found if each.place != ALL]
    head = (
        f"The tangent kernel of all parameters aligns with the first by {_value(whole[0])}"
        f"{_centred(curves, whole[0])}{_whole_below_drift(curves)}"
    )
    if not found:
        return f"{head}."
    return (
        f"{head}; by weight it turned most at {found[0].place} ({found[0].value:.2f}) and least at "
        f"{found[-1].place} ({found[-1].value:.2f})."
    )


def _whole_below_drift(curves: Curves) -> str:
    below = [n for n in last_numbers(curves, f"{_KA} below random drift") if n.place == ALL]
    if not below:
        return ""
    verdict = "rich" if below[0].p_corrected <= ALPHA else "not told from drift"
    return f", {below[0].value:.2f} lower than after a random move as far ({verdict})"


def _beyond_drift(curves: Curves, name: str, what: str) -> str:
    found = _below_drift(curves, name)
    rich = [each for each in found if each.p_corrected <= ALPHA][::-1]
    tail = _uncentred(curves) if name == f"centred {_RA}" else ""
    if not rich:
        return (
            f"No {what} has a {name} below that of weights moved as far at random: learning there "
            f"is not told from drift{tail}."
        )
    named = ", ".join(f"{each.place} by {each.value:.2f}" for each in rich[:_MOST_NAMED])
    more = f" and {len(rich) - _MOST_NAMED} more" if len(rich) > _MOST_NAMED else ""
    return (
        f"Rich learning, a {name} lower than after moving all weights as far at random, is found "
        f"at {len(rich)} of {_counted(len(found), what)}: {named}{more}{tail}."
    )


def _below_drift(curves: Curves, name: str) -> list[Number]:
    return [n for n in last_numbers(curves, f"{name} below random drift") if n.place != ALL]


def _uncentred(curves: Curves) -> str:
    """What the published number says, which a change of the mean activity lowers as well."""
    found = _below_drift(curves, _RA)
    n_below = sum(each.p_corrected <= ALPHA for each in found)
    return f" (uncentred, which also feels the mean activity, {n_below} of {len(found)})"


def _counted(number: int, what: str) -> str:
    if number == 1:
        return f"1 {what}"
    return f"{number} {'weight matrices' if what == 'weight matrix' else what + 's'}"


def _targets(curves: Curves) -> str:
    first, last = (
        curves.at("kernel-target alignment", "", name)
        for name in (curves.checkpoints[0], curves.checkpoints[-1])
    )
    if first is None or last is None:
        return ""
    verdict = "beats" if last.p_corrected <= ALPHA else "does not beat"
    return (
        f"Kernel-target alignment went from {first.value:.3f} to {last.value:.3f}, which {verdict} "
        f"shuffled labels ({last.null_mean:.3f})."
    )


def _loss(curves: Curves) -> str:
    losses = curves.values("loss", "")
    text = f"Loss went from {losses[0]:.2f} to {losses[-1]:.2f} nats"
    if curves.has("accuracy"):
        right = curves.values("accuracy", "")
        text += f", accuracy from {right[0]:.2f} to {right[-1]:.2f}"
    return f"{text}."


def _not_known(data: xr.Dataset, curves: Curves) -> list[str]:
    sentences = []
    if data.attrs["not_opened"]:
        sentences.append(
            f"Weights, tangent kernels and random drift are not known: {data.attrs['not_opened']}."
        )
    if data.attrs["no_kernels"]:
        sentences.append(f"There are no tangent kernels: {data.attrs['no_kernels']}.")
    if not data.attrs["not_opened"] and not curves.has("loss"):
        sentences.append(f"The loss is not known: {data.attrs['no_loss']}.")
    return sentences
