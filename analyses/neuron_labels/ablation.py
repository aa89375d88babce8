"""What a subject loses when units are taken out, beside random units of the same layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.editing.language import LanguageTarget
from workbench.editing.opening import as_target
from workbench.editing.targets import Edit, Metric, Scores, Target
from workbench.errors import UsageError, nearest
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import torch

    from workbench.recording.recording import Recording

Mode = Literal["zero", "mean"]
MODES = ("zero", "mean")
CONTROLS = ("layer-matched", "activity-matched")
_DRAWS = 1000
_NEAREST = 4
Units = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Ablation:
    """A score before and after units were taken out, beside random sets of as many units.

    Attributes
    ----------
    units : dict of str to tuple of int
        By site: what was taken out.
    mode, control, metric : str
    before, after : float
        In the unit of the metric.
    controls : ndarray (controls,)
        Score after each random set was taken out.
    change : float
        ``after - before``.
    interval : pair of float
        95 % of the change, from a bootstrap over examples.
    difference : float
        ``after`` less the mean of the controls.
    difference_interval : pair of float
        95 % of it, from a bootstrap over examples and control sets.
    p_value : float
        Two-sided: how often a random set changes the score as much.
    n_examples : int
    by_example : dict of str to ndarray (examples,)
        ``before`` and ``after``, and ``weight``.
    """

    units: dict[str, tuple[int, ...]]
    mode: str
    control: str
    metric: str
    before: float
    after: float
    controls: NDArray[np.float64]
    change: float
    interval: tuple[float, float]
    difference: float
    difference_interval: tuple[float, float]
    p_value: float
    n_examples: int
    by_example: dict[str, NDArray[np.float64]] = field(repr=False, default_factory=dict)

    @property
    def n_units(self) -> int:
        """Number of units that were taken out."""
        return sum(len(each) for each in self.units.values())

    def summary(self) -> str:
        """The finding in a sentence."""
        low, high = self.interval
        beyond = "beyond" if self.p_value <= ALPHA else "within"
        return (
            f"Taking {self.n_units} units out ({self.mode}) changes {self.metric} from "
            f"{self.before:.4f} to {self.after:.4f} ({self.change:+.4f}, 95 % interval "
            f"{low:+.4f} to {high:+.4f}, {self.n_examples} examples); random sets "
            f"({self.control}) give {self.controls.mean():.4f} on average, so the change is "
            f"{beyond} what as many random units do (p = {self.p_value:.3g})."
        )


def ablate(
    subject: torch.nn.Module | str | Recording | Target,
    site: str | None,
    units: ArrayLike | Mapping[str, ArrayLike],
    mode: Mode = "zero",
    control: str = "layer-matched",
    metric: str | Metric | None = None,
    *,
    inputs: Any = None,
    targets: Any = None,
    among: Mapping[str, ArrayLike] | None = None,
    n_controls: int = 40,
    batch_size: int = 256,
    device: str = "auto",
    seed: int = 0,
) -> Ablation:
    """Take units out and see what a score loses, beside random units of the same layers.

    Parameters
    ----------
    subject : torch.nn.Module, str or Recording
        A network with `inputs` and `targets`, ``torch:MODULE:FACTORY``, ``hf-vision:FOLDER`` or
        ``demo:vision``; a causal language model, ``hf:NAME_OR_FOLDER`` or ``demo:language``, whose
        `inputs` are texts; or a recording of one of those addresses, which is opened again.
    site : str, optional
        Module of the network, or hook point of the model, as recordings name them; None where
        `units` names sites. Of a module that gives several tensors the first is edited.
    units : array of int, or mapping of str to array of int
        Units on the unit axis of the site; or by site.
    mode : {"zero", "mean"}
        What their activity becomes: 0, or its mean over the inputs and all places in them.
    control : {"layer-matched", "activity-matched"}
        Random sets hold as many other units of every site; ``activity-matched`` draws, for each
        unit, one of the other units that are nearest in mean magnitude of activity.
    metric : str or callable, optional
        ``accuracy`` (default for networks), ``loss`` in nats (default for language models), or, for
        networks, a function of outputs and targets that gives one number an example.
    inputs, targets : optional
        Examples; images and classes of ``demo:vision`` are its own test images by default, and
        texts of a recording those that were recorded.
    among : mapping of str to array of int, optional
        By site: units that random sets may be drawn from; all others of the site by default.
    n_controls : int
        Random sets; a two-sided p-value cannot fall below ``2 / (n_controls + 1)``.
    batch_size : int
    device : str
        For language models; a network stays where it is.
    seed : int

    Returns
    -------
    Ablation

    Raises
    ------
    UsageError
        If the site, a unit, the mode, the control or the metric does not exist, or too few units
        are left for controls.

    Examples
    --------
    >>> import torch
    >>> network = torch.nn.Sequential(torch.nn.Identity())
    >>> inputs = torch.eye(6).repeat(20, 1)
    >>> found = ablate(network, "0", [2], inputs=inputs, targets=inputs.argmax(1), n_controls=5)
    >>> found.before, round(found.after, 4)
    (1.0, 0.8333)
    """
    _check(mode, control, n_controls)
    target = as_target(subject, inputs, targets, metric, batch_size, device)
    generator = np.random.default_rng([seed, 61])
    wanted = _by_site(site, units)
    moments = {each: target.moments(each) for each in wanted}
    chosen = {each: _checked_units(wanted[each], each, len(moments[each][0])) for each in wanted}
    fills = {each: found[0] * (mode == "mean") for each, found in moments.items()}
    sizes = {each: found[1] for each, found in moments.items()}
    pools = {each: _pool(chosen[each], sizes[each], each, among) for each in chosen}
    drawn = [_control_set(chosen, pools, sizes, control, generator) for _ in range(n_controls)]
    before = target.scores({})
    after = target.scores(_edits(chosen, fills))
    others = [target.scores(_edits(each, fills)) for each in drawn]
    return _summed(chosen, (mode, control, _name(metric, target)), before, after, others, generator)


def single_unit_changes(
    target: Target, site: str, units: Sequence[int], mode: Mode = "zero"
) -> NDArray[np.float64]:
    """Change of the score when each unit alone is taken out.

    Parameters
    ----------
    target : Target
    site : str
    units : sequence of int
    mode : {"zero", "mean"}

    Returns
    -------
    ndarray (units,)
        ``after - before``.
    """
    mean, _ = target.moments(site)
    chosen = _checked_units(units, site, len(mean))
    fill = {site: mean * (mode == "mean")}
    before = target.scores({}).mean
    after = [
        target.scores(_edits({site: chosen[n : n + 1]}, fill)).mean for n in range(len(chosen))
    ]
    return np.array(after) - before


def _edits(units: Units, fills: Mapping[str, NDArray[np.float64]]) -> dict[str, Edit]:
    return {site: _Replacement(chosen, fills[site][chosen]) for site, chosen in units.items()}


@dataclass(frozen=True)
class _Replacement:
    """Gives some units fixed values."""

    units: NDArray[np.int64]
    values: NDArray[np.float64]

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        import torch

        made = rows.clone()
        where = torch.from_numpy(self.units).to(rows.device)
        made[:, where] = torch.from_numpy(self.values).to(rows)
        return made


def _pool(
    chosen: NDArray[np.int64],
    sizes: NDArray[np.float64],
    site: str,
    among: Mapping[str, ArrayLike] | None,
) -> NDArray[np.int64]:
    """Units that controls are drawn from."""
    allowed = np.arange(len(sizes))
    if among is not None and site in among:
        allowed = _checked_units(among[site], site, len(sizes))
    others = np.setdiff1d(allowed, chosen)
    if len(others) < len(chosen):
        raise UsageError(
            f"Found {len(chosen)} of {len(sizes)} units to take out at '{site}' and {len(others)} "
            "others; expected at least as many others, as controls."
        )
    return others


def _control_set(
    units: Units,
    pools: Units,
    sizes: Mapping[str, NDArray[np.float64]],
    control: str,
    generator: np.random.Generator,
) -> dict[str, NDArray[np.int64]]:
    drawn = {}
    for site, chosen in units.items():
        others = pools[site]
        drawn[site] = (
            generator.choice(others, len(chosen), replace=False)
            if control == "layer-matched"
            else _nearest(chosen, others, sizes[site], generator)
        )
    return drawn


def _nearest(
    chosen: NDArray[np.int64],
    others: NDArray[np.int64],
    sizes: NDArray[np.float64],
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """For each unit one of the nearest others in size of activity, none of them twice."""
    left = others.copy()
    drawn = []
    for unit in generator.permutation(chosen):
        near = np.argsort(np.abs(sizes[left] - sizes[unit]), kind="stable")[:_NEAREST]
        at = generator.choice(near)
        drawn.append(left[at])
        left = np.delete(left, at)
    return np.array(drawn, dtype=np.int64)


def _summed(
    units: Units,
    names: tuple[str, str, str],
    before: Scores,
    after: Scores,
    others: Sequence[Scores],
    generator: np.random.Generator,
) -> Ablation:
    from workbench.statistics.bootstrap import percentile_interval
    from workbench.statistics.permutation import permutation_p

    n, weights = len(before.values), before.weights
    draws = generator.multinomial(n, np.full(n, 1 / n), size=_DRAWS).astype(np.float64)
    total = draws @ weights
    redrawn = {name: draws @ each.values / total for name, each in _pair(before, after)}
    control = np.stack([draws @ each.values / total for each in others], axis=1)
    picked = generator.integers(len(others), size=(_DRAWS, len(others)))
    control_mean = np.take_along_axis(control, picked, axis=1).mean(axis=1)
    values = np.array([each.mean for each in others])
    return Ablation(
        {site: tuple(int(unit) for unit in chosen) for site, chosen in units.items()},
        *names,
        before.mean,
        after.mean,
        values,
        after.mean - before.mean,
        percentile_interval(redrawn["after"] - redrawn["before"]),
        after.mean - float(values.mean()),
        percentile_interval(redrawn["after"] - control_mean),
        permutation_p(after.mean - before.mean, values - before.mean),
        n,
        {"before": before.values, "after": after.values, "weight": weights},
    )


def _pair(before: Scores, after: Scores) -> list[tuple[str, Scores]]:
    return [("before", before), ("after", after)]


def _check(mode: str, control: str, n_controls: int) -> None:
    for name, value, known in (("mode", mode, MODES), ("control", control, CONTROLS)):
        if value not in known:
            raise UsageError(f"Found no {name} '{value}'; {nearest(str(value), known)}")
    if n_controls < 2:
        raise UsageError(f"Found n_controls={n_controls}; expected at least two random sets.")


def _by_site(
    site: str | None, units: ArrayLike | Mapping[str, ArrayLike]
) -> dict[str, NDArray[np.int64]]:
    if isinstance(units, Mapping):
        if site is not None:
            raise UsageError(
                f"Found the site '{site}' and units by site; expected one of them: pass site=None."
            )
        return {name: np.asarray(each) for name, each in units.items()}
    if site is None:
        raise UsageError("Found no site; expected one, or units by site.")
    return {site: np.asarray(units)}


def _checked_units(units: ArrayLike, site: str, count: int) -> NDArray[np.int64]:
    given = np.asarray(units).reshape(-1)
    if not len(given) or given.dtype.kind not in "iu":
        raise UsageError(f"Found units {given.tolist()} of '{site}'; expected at least one number.")
    if given.min() < 0 or given.max() >= count:
        raise UsageError(
            f"Found unit {int(given.max())} of '{site}'; expected numbers from 0 to {count - 1}."
        )
    return np.unique(given).astype(np.int64)


def _name(metric: str | Metric | None, target: Target) -> str:
    if isinstance(metric, str):
        return metric
    if metric is not None:
        return getattr(metric, "__name__", "metric")
    return "loss" if isinstance(target, LanguageTarget) else "accuracy"
