"""Sites that a network offers for its stimuli, and one pass that records some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, WorkbenchError, nearest
from workbench.subjects.globs import match_sites
from workbench.subjects.networks.forward import Batch, Forward
from workbench.subjects.networks.inputs import Stimuli, count_steps
from workbench.subjects.networks.layout import Layout
from workbench.subjects.networks.options import choice, positive, whole_number
from workbench.subjects.networks.probe import Findings, probe

if TYPE_CHECKING:
    import torch


class Refine(Protocol):
    """A change to what a trial found, such as dividing the tokens of a vision transformer."""

    def __call__(self, layouts: Mapping[str, Layout]) -> dict[str, Layout]:
        """Layouts by site, in the order in which activity passes through them."""


class Offer:
    """What a network gives for some stimuli.

    Parameters
    ----------
    request : CaptureRequest
        With the options ``time``, ``batch_axis``, ``step_seconds`` and ``batch``.
    network : torch.nn.Module
    stimuli : Stimuli
        With a table of steps, every step is a row.
    refine : callable, optional
        Changes what a trial found.

    Raises
    ------
    UsageError
        If the network fails on the stimuli, or an option does not fit.
    """

    def __init__(
        self,
        request: CaptureRequest,
        network: torch.nn.Module,
        stimuli: Stimuli,
        refine: Refine | None = None,
    ) -> None:
        self._request = request
        self._time = choice(request, "time", ("rows", "axis"))
        self._is_alone = request.option("batch") is not None and _batch(request) == 1
        self._axis = whole_number(request, "batch_axis", 0, least=0)
        if self._axis > 1:
            raise UsageError(f"Found batch_axis {self._axis}; expected 0, or 1 for time first.")
        self._forward = Forward(network, request.device, time_first=self._axis == 1)
        sample = stimuli.sample()
        steps = self._steps(sample)
        self._has_step_table = stimuli.steps is not None
        is_sure = self._has_step_table or self._time is not None or self._axis == 1
        self._findings: Findings = probe(self._forward, sample, steps, is_sure)
        if refine is not None:
            self._findings.layouts = refine(self._findings.layouts)

    def _steps(self, sample: Batch) -> int:
        first = next(iter(sample.values()))
        found = count_steps(sample)
        if not found and first.ndim > 1 and (self._time == "rows" or self._axis == 1):
            # Whoever asks for time says that the second axis is it.
            return int(first.shape[1])
        return found

    @property
    def device(self) -> str:
        """Where the network computes."""
        return self._forward.device

    @cached_property
    def by_step(self) -> bool:
        """Whether every step is a row."""
        steps = self._findings.steps
        if self._time == "rows" and not steps:
            raise UsageError(
                "Found time 'rows' for stimuli without steps; expected (stimuli, steps, ...): "
                "leave it out."
            )
        if self._time is not None:
            return self._time == "rows"
        has_steps = self._findings.is_stepped and bool(self._findings.offered(by_step=True))
        return self._has_step_table or (has_steps and steps > 0)

    @cached_property
    def steps(self) -> NDArray[np.intp] | None:
        """Steps that are rows of their own; None where a stimulus is one row.

        Raises
        ------
        UsageError
            If the positions that are asked for do not exist.
        """
        if not self.by_step:
            self._request.allow_positions("all")
            return None
        self._request.allow_positions("all", "last", "mean", "indices")
        wanted, every = self._request.positions, np.arange(self._findings.steps)
        if wanted == "mean":
            return None
        if isinstance(wanted, str):
            return every if wanted == "all" else every[-1:]
        beyond = [each for each in wanted if not -len(every) <= each < len(every)]
        if beyond:
            raise UsageError(
                f"Found position {beyond[0]} for stimuli of {len(every)} steps; expected "
                f"{-len(every)} to {len(every) - 1}."
            )
        return every[list(wanted)]

    @property
    def rows_per_stimulus(self) -> int:
        """Rows that one stimulus gives."""
        return 1 if self.steps is None else len(self.steps)

    def dtype(self, site: str) -> str:
        """Dtype of the activity; that of a mean over steps is a floating one."""
        own = self.layouts[site].dtype
        is_mean = self._request.positions == "mean" and "float" not in own
        return "float32" if is_mean else own

    @cached_property
    def layouts(self) -> dict[str, Layout]:
        """Sites that a capture may name, in the order in which activity passes through them."""
        return self._findings.offered(self.by_step)

    @property
    def ingredients(self) -> dict[str, Any]:
        """What of the options changes the numbers."""
        positions = self._request.positions
        return {
            "rows": self.by_step,
            "batch_axis": self._axis,
            "positions": positions if isinstance(positions, str) else list(positions),
        }

    def times(self) -> NDArray:
        """Time of every step: its number, or seconds with the option ``step_seconds``."""
        step = positive(self._request, "step_seconds")
        numbers = np.arange(self._findings.steps)
        return numbers if step is None else numbers * step

    def sizes(self, site: str) -> dict[str, int]:
        """Names and sizes of the axes of a row, units first."""
        found = dict(self.layouts[site].sizes)
        if self.by_step:
            del found["time"]
        return found

    def choose(self, patterns: str | Iterable[str]) -> dict[str, Layout]:
        """Sites that globs name.

        Parameters
        ----------
        patterns : str or iterable of str

        Returns
        -------
        dict of str to Layout

        Raises
        ------
        UsageError
            If there is no such site, with the reason; or if what it gives for a stimulus depends
            on those that are shown with it.
        """
        given = patterns.split(",") if isinstance(patterns, str) else list(patterns)
        for pattern in (each.strip() for each in given):
            self._explain(pattern)
        chosen = match_sites(given, list(self.layouts))
        mixing = [name for name in chosen if name in self._findings.mixing]
        if mixing and not self._is_alone:
            raise UsageError(
                f"What the network gives at '{mixing[0]}' for a stimulus depends on the stimuli "
                "beside it, as with batch statistics; expected a network that treats them apart: "
                "mend it, show each alone with the option batch=1, or pass the other batch_axis "
                "if steps were taken for stimuli."
            )
        return {name: self.layouts[name] for name in chosen}

    def _explain(self, pattern: str) -> None:
        if pattern in self.layouts or any(sign in pattern for sign in "*?["):
            return
        if pattern in self._findings.layouts:
            raise UsageError(
                f"Site '{pattern}' has no value for every step; expected one that has, where each "
                "step is a row: pass the option time=axis, or the other batch_axis if steps were "
                "taken for stimuli."
            )
        if pattern in self._findings.refused:
            raise UsageError(
                f"Site '{pattern}' cannot be recorded: {self._findings.refused[pattern]}; expected "
                "a site that --list-sites prints."
            )
        if pattern in self._forward.modules:
            raise UsageError(
                f"Site '{pattern}' cannot be recorded: that module is not called, or gives no "
                "tensor; expected a site that --list-sites prints."
            )
        raise UsageError(
            f"Found no site '{pattern}'; {nearest(pattern, self.layouts)} (what functions called "
            "inside forward give, such as F.relu, + or torch.cat, has no module and is out of "
            "reach)."
        )

    def run(self, batch: Batch, sites: Iterable[str]) -> dict[str, torch.Tensor]:
        """Activity at some sites.

        Parameters
        ----------
        batch : mapping of str to ndarray (stimuli, ...)
        sites : iterable of str

        Returns
        -------
        dict of str to Tensor (rows, units, ...)

        Raises
        ------
        WorkbenchError
            If a module is not called as often as in the trial.
        """
        layouts = {name: self.layouts[name] for name in sites}
        raw = {name: _raw(name, layout) for name, layout in layouts.items()}
        once = all(layout.calls == 1 for layout in layouts.values())
        wanted = {raw[name]: layout.module for name, layout in layouts.items()}
        seen = self._forward.some(batch, wanted, once)
        found = {}
        for name, layout in layouts.items():
            calls = seen.get(raw[name], [])
            if len(calls) != layout.calls:
                raise WorkbenchError(
                    f"Module '{layout.module}' was called {len(calls)} times, {layout.calls} times "
                    "in a trial; the network takes another path for these stimuli: choose other "
                    "sites."
                )
            found[name] = self._at_positions(layout.arrange(calls, self.by_step))
        return found

    def _at_positions(self, values: torch.Tensor) -> torch.Tensor:
        if not self.by_step or self._request.positions == "all":
            return values
        values = values.unflatten(0, (-1, self._findings.steps))
        if self.steps is None:
            return (values if values.is_floating_point() else values.float()).mean(1)
        return values[:, self.steps].flatten(0, 1)


def _raw(name: str, layout: Layout) -> str:
    return name if layout.part is None else layout.part.of


def _batch(request: CaptureRequest) -> int:
    return whole_number(request, "batch", 1)
