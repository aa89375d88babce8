"""What a network offers: a trial on three stimuli, together, again, alone and shortened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import UsageError
from workbench.subjects.networks.axes import AxisNames, time_axis
from workbench.subjects.networks.forward import Batch, Forward, Seen
from workbench.subjects.networks.layout import CALL, ROW, SINGLE, TIME, Layout

if TYPE_CHECKING:
    import torch

_TOGETHER = 3
_FAILURES = (
    RuntimeError,
    ValueError,
    IndexError,
    TypeError,
    KeyError,
    AttributeError,
    AssertionError,
)
_TOLERANCE = 1e-3


@dataclass
class Findings:
    """What a trial found.

    Attributes
    ----------
    layouts : dict of str to Layout
        By site, in the order in which activity passes through them.
    refused : dict of str to str
        Why other outputs are no sites.
    mixing : set of str
        Sites where a stimulus' activity depends on those beside it.
    is_stepped : bool
        Whether the network is recurrent: it steps through its inputs.
    steps : int
        Steps of the inputs, 0 where they are no sequences.
    """

    layouts: dict[str, Layout] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    mixing: set[str] = field(default_factory=set)
    is_stepped: bool = False
    steps: int = 0

    def offered(self, by_step: bool) -> dict[str, Layout]:
        """Sites that a capture may name.

        Parameters
        ----------
        by_step : bool
            Whether every step is a row, so that only sites with one value a step remain.
        """
        if not by_step:
            return self.layouts
        return {
            name: layout
            for name, layout in self.layouts.items()
            if layout.sizes.get(TIME) == self.steps
        }


def probe(forward: Forward, batch: Batch, steps: int, is_sure: bool = False) -> Findings:
    """Run a network on three stimuli and describe all that its modules give.

    Parameters
    ----------
    forward : Forward
    batch : mapping of str to ndarray (3, ...)
    steps : int
        Steps of the inputs, 0 where they are no sequences.
    is_sure : bool
        Whether somebody said that these are steps. Otherwise they are if the network can do with
        one less, or has a recurrent layer with as many.

    Returns
    -------
    Findings

    Raises
    ------
    UsageError
        If the network fails on them or gives other values the second time.
    """
    together = _try(forward, batch)
    _refuse_chance(together, _try(forward, batch))
    alone = [_try(forward, _part(batch, k)) for k in range(_TOGETHER)]
    shorter = _shortened(forward, _part(batch, 0), steps)
    if not (is_sure or shorter or _has_layer(forward, alone[0], steps)):
        steps = 0
    trial = _Trial(forward, together, alone, shorter, steps)
    findings = Findings(steps=steps, is_stepped=trial.is_stepped())
    for site in together:
        described = trial.describe(site)
        if isinstance(described, Layout):
            findings.layouts[site] = described
            if trial.mixes(site, described):
                findings.mixing.add(site)
        else:
            findings.refused[site] = described
    return findings


class _Trial:
    def __init__(
        self, forward: Forward, together: Seen, alone: Sequence[Seen], shorter: Seen, steps: int
    ) -> None:
        self._modules, self._steps = forward.modules, steps
        self._together, self._alone, self._shorter = together, alone, shorter
        self._homes = {site: _home(site, self._modules) for site in together}
        rests = [
            (self._homes[site], self._rest(site)) for site in together if not self._fault(site)
        ]
        self._names = AxisNames(self._modules, rests)

    def is_stepped(self) -> bool:
        import torch

        used = [self._modules[home] for home in self._homes.values()]
        kinds = (torch.nn.RNNBase, torch.nn.RNNCellBase)
        return any(isinstance(module, kinds) for module in used) or any(
            self._is_called_by_step(site) for site in self._together
        )

    def describe(self, site: str) -> Layout | str:
        fault = self._fault(site)
        if fault:
            return fault
        calls, axes = self._alone[0][site], self._axes(site)
        is_by_step = self._is_called_by_step(site)
        if is_by_step and TIME in axes and calls[0].shape[axes.index(TIME)] == 1:
            # A layer of torch that is called with one step at a time.
            axes = tuple(SINGLE if name == TIME else name for name in axes)
        return Layout(
            module=self._homes[site],
            calls=len(calls),
            axes=axes,
            shape=tuple(calls[0].shape),
            dtype=str(calls[0].dtype).removeprefix("torch."),
            stacked=CALL if TIME in axes else TIME,
        )

    def mixes(self, site: str, layout: Layout) -> bool:
        whole = layout.arrange(self._together[site], by_step=False)
        return not all(
            close(whole[k], layout.arrange(seen[site], by_step=False)[0])
            for k, seen in enumerate(self._alone)
        )

    def _fault(self, site: str) -> str:
        calls = self._together[site]
        if any(len(seen.get(site, [])) != len(calls) for seen in self._alone):
            return "how often it is called depends on the stimuli"
        if len({tuple(call.shape) for call in calls}) > 1:
            return f"it is called {len(calls)} times a pass with outputs of different shapes"
        if self._row_axis(site) is None:
            shape = tuple(calls[0].shape)
            return f"its output has no row per stimulus: its shape is {shape} for three of them"
        return ""

    def _row_axis(self, site: str) -> int | None:
        many, one = self._together[site][0].shape, self._alone[0][site][0].shape
        differ = [k for k, pair in enumerate(zip(many, one, strict=False)) if pair[0] != pair[1]]
        fits = len(many) == len(one) and len(differ) == 1 and differ[0] <= 1
        return differ[0] if fits and (many[differ[0]], one[differ[0]]) == (_TOGETHER, 1) else None

    def _step_axis(self, site: str) -> int | None:
        row, long = self._row_axis(site), tuple(self._alone[0][site][0].shape)
        others = [k for k in range(len(long)) if k != row]
        if not self._shorter:
            near = others[:1] if self._steps > 1 and len(long) > 2 else []
            return next((k for k in near if long[k] == self._steps), None)
        short = tuple(self._shorter[site][0].shape) if site in self._shorter else ()
        if len(short) != len(long):
            return None
        return next((k for k in others if long[k] == self._steps == short[k] + 1), None)

    def _is_called_by_step(self, site: str) -> bool:
        count = len(self._alone[0].get(site, []))
        if self._steps < 2 or count != self._steps:
            return False
        return not self._shorter or len(self._shorter.get(site, [])) == count - 1

    def _axes(self, site: str) -> tuple[str, ...]:
        home = self._homes[site]
        known = time_axis(self._modules[home], site, home)
        if known is not None:
            return known
        names: list[str] = list(self._names.rest(home, self._rest(site)))
        for axis, name in sorted(self._special(site).items()):
            names.insert(axis, name)
        return tuple(names)

    def _special(self, site: str) -> dict[int, str]:
        row, step = self._row_axis(site), self._step_axis(site)
        return ({} if row is None else {row: ROW}) | ({} if step is None else {step: TIME})

    def _rest(self, site: str) -> tuple[int, ...]:
        special = self._special(site)
        shape = self._alone[0][site][0].shape
        return tuple(size for axis, size in enumerate(shape) if axis not in special)


def close(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors are equal but for rounding; NaN equals NaN."""
    import torch

    if first.shape != second.shape:
        return False
    if not first.is_floating_point():
        return torch.equal(first, second)
    one, other = first.double().nan_to_num(), second.double().nan_to_num()
    largest = float(other.abs().max()) if other.numel() else 0.0
    return torch.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE * largest)


def _home(site: str, modules: Mapping[str, object]) -> str:
    name = site
    while name not in modules:
        name = name.rpartition(":")[0]
    return name


def _part(batch: Batch, number: int) -> Batch:
    return {name: values[number : number + 1] for name, values in batch.items()}


def _try(forward: Forward, batch: Batch) -> Seen:
    try:
        return forward.everything(batch)
    except _FAILURES as error:
        shapes = ", ".join(
            f"{name or 'inputs'} {values.shape} {values.dtype}" for name, values in batch.items()
        )
        first = (str(error).strip().splitlines() or [""])[0]
        raise UsageError(
            f"The network fails on the first stimuli ({shapes}): {type(error).__name__}: {first}; "
            "expected stimuli of the shape and dtype that its forward takes."
        ) from error


def _refuse_chance(first: Seen, again: Seen) -> None:
    for site, calls in first.items():
        twice = again.get(site, [])
        same = len(calls) == len(twice) and all(map(close, calls, twice))
        if not same:
            raise UsageError(
                f"The network gives other values at '{site}' when it is shown the same stimuli "
                "again; expected a network without chance in its forward: fix the seed inside it."
            )


def _has_layer(forward: Forward, seen: Seen, steps: int) -> bool:
    import torch

    layers = {
        name: 1 if module.batch_first else 0
        for name, module in forward.modules.items()
        if isinstance(module, torch.nn.RNNBase)
    }
    return any(seen[name][0].shape[axis] == steps for name, axis in layers.items() if name in seen)


def _shortened(forward: Forward, batch: Batch, steps: int) -> Seen:
    if steps < 2:
        return {}
    cut = {
        name: np.ascontiguousarray(values[:, :-1]) if values.shape[1:2] == (steps,) else values
        for name, values in batch.items()
    }
    try:
        return forward.everything(cut)
    except _FAILURES:
        # A network for one length only; steps are then known by their number alone.
        return {}
