"""Any torch network with arrays as stimuli: activity at named modules, with its axes kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import SiteInfo, Source, equal_shards, rows_per_shard
from workbench.recording.dtypes import narrow
from workbench.recording.identity import digest_array, digest_lines
from workbench.recording.manifest import SiteSpec
from workbench.subjects.globs import match_sites

if TYPE_CHECKING:
    import pandas as pd
    import torch

_BATCH = 256
_SPACE = {2: (), 3: ("x",), 4: ("y", "x")}


@dataclass(frozen=True)
class Stimuli:
    """Arrays to show to a network.

    Attributes
    ----------
    inputs : ndarray (stimuli, ...)
    table : DataFrame
        One row a stimulus.
    steps : DataFrame, optional
        One row a time step, where inputs are ``(stimuli, time, channels)``; every step is then a
        row of the recording.
    """

    inputs: NDArray
    table: pd.DataFrame
    steps: pd.DataFrame | None = field(default=None)

    @property
    def n_steps(self) -> int:
        """Rows that one stimulus gives."""
        return 1 if self.steps is None else len(self.steps)


def network_sites(network: torch.nn.Module, stimuli: Stimuli) -> list[SiteInfo]:
    """Modules whose output has one row a stimulus, or one a time step, in order of first use.

    Parameters
    ----------
    network : torch.nn.Module
    stimuli : Stimuli

    Returns
    -------
    list of SiteInfo
    """
    names = [name for name, _ in network.named_modules() if name]
    # Three stimuli: no layer is likely to have exactly three of something else in front.
    found = _outputs(network, stimuli.inputs[:3], names)
    infos = []
    for name, value in found.items():
        shape = _row_shape(tuple(value.shape), len(stimuli.inputs[:3]), stimuli.n_steps)
        if shape is not None:
            infos.append(SiteInfo(name, shape, str(value.dtype).removeprefix("torch.")))
    return infos


def _row_shape(shape: tuple[int, ...], n_stimuli: int, n_steps: int) -> tuple[int, ...] | None:
    if shape[:1] != (n_stimuli,) or len(shape) < 2:
        return None
    if n_steps == 1:
        return shape[1:]
    return shape[2:] if shape[1] == n_steps and len(shape) > 2 else None


def _outputs(
    network: torch.nn.Module, inputs: NDArray, names: Sequence[str]
) -> dict[str, torch.Tensor]:
    import torch

    found: dict[str, torch.Tensor] = {}
    with _watch(network, names, found), torch.inference_mode():
        network(torch.from_numpy(np.ascontiguousarray(inputs)))
    return found


@contextmanager
def _watch(
    network: torch.nn.Module, names: Sequence[str], found: dict[str, torch.Tensor]
) -> Iterator[None]:
    import torch

    def keeper(name: str) -> Any:
        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, (tuple, list)) else output
            if isinstance(first, torch.Tensor):
                # A copy, because the next layer may work in place.
                found[name] = first.detach().clone()

        return keep

    modules = dict(network.named_modules())
    handles = [modules[name].register_forward_hook(keeper(name)) for name in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class NetworkSource(Source):
    """See `workbench.capturing.source.Source`.

    Parameters
    ----------
    request : CaptureRequest
    network : torch.nn.Module
        In evaluation mode.
    stimuli : Stimuli
    kind : str
        ``vision`` or ``network``.
    """

    def __init__(
        self, request: CaptureRequest, network: torch.nn.Module, stimuli: Stimuli, kind: str
    ) -> None:
        self.request, self.network, self._stimuli = request, network, stimuli
        infos = {site.name: site for site in network_sites(network, stimuli)}
        self._names = match_sites(request.sites, list(infos))
        request.allow_positions("all")
        self.sites = tuple(
            SiteSpec(
                info.name,
                info.shape,
                request.storage_dtype(info.dtype),
                ("row", "unit", *_SPACE.get(len(info.shape) + 1, ())),
            )
            for info in (infos[name] for name in self._names)
        )
        self.subject = {
            "address": request.subject,
            "kind": kind,
            "parameters": sum(p.numel() for p in network.parameters()),
        }
        self.notes = {"stimuli": self._n_stimuli, "steps": stimuli.n_steps}
        self._per_shard = max(1, rows_per_shard(self.sites) // stimuli.n_steps)
        self.plan = tuple(
            size * stimuli.n_steps for size in equal_shards(self._n_stimuli, self._per_shard)
        )

    @property
    def _n_stimuli(self) -> int:
        steps = self._stimuli.n_steps
        most = self.request.max_rows
        count = len(self._stimuli.inputs)
        return count if most is None else min(count, max(1, most // steps))

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""
        used = self._stimuli.inputs[: self._n_stimuli]
        tables = [self._stimuli.table] + (
            [] if self._stimuli.steps is None else [self._stimuli.steps]
        )
        return {
            "subject": {"weights": weights_digest(self.network), "structure": str(self.network)},
            "stimuli": digest_array(used),
            "labels": digest_lines(table.to_json() or "" for table in tables),
        }

    def stimulus_table(self) -> pd.DataFrame:
        """Table of stimuli."""
        return self._stimuli.table.iloc[: self._n_stimuli]

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of units."""
        import pandas as pd

        return pd.DataFrame({"unit": np.arange(site.shape[0])})

    def rows(self, number: int) -> pd.DataFrame:
        """Row table of one shard."""
        return self._rows(*self._span(number))

    def activity(self, number: int, sites: Sequence[str]) -> dict[str, NDArray]:
        """Compute one shard."""
        return self._activity(*self._span(number), sites)

    def trial(self) -> int:
        """Compute one batch."""
        last = min(_BATCH, self._per_shard, self._n_stimuli)
        self._activity(0, last, self._names)
        return last * self._stimuli.n_steps

    def _span(self, number: int) -> tuple[int, int]:
        first = number * self._per_shard
        return first, min(first + self._per_shard, self._n_stimuli)

    def _activity(self, first: int, last: int, sites: Sequence[str]) -> dict[str, NDArray]:
        parts = [
            _outputs(self.network, self._stimuli.inputs[start : min(start + _BATCH, last)], sites)
            for start in range(first, last, _BATCH)
        ]
        return {
            site.name: narrow(
                np.concatenate([p[site.name].numpy().reshape(-1, *site.shape) for p in parts]),
                site.dtype,
            )
            for site in self.sites
            if site.name in sites
        }

    def _rows(self, first: int, last: int) -> pd.DataFrame:
        import pandas as pd

        steps = self._stimuli.steps
        stimulus = np.repeat(np.arange(first, last), self._stimuli.n_steps)
        table = self._stimuli.table.iloc[stimulus].reset_index(drop=True)
        table.insert(0, "stimulus", stimulus)
        if steps is None:
            return table
        repeated = pd.concat([steps] * (last - first), ignore_index=True)
        return pd.concat([table, repeated], axis=1)


def weights_digest(network: torch.nn.Module) -> str:
    """SHA-256 over all parameters and buffers of a network, by name."""
    running = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        running.update(f"{name}{value.dtype}".encode())
        running.update(digest_array(value.detach().cpu().numpy()).encode())
    return running.hexdigest()
