"""A network together with its stimuli, planned and computed shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import SiteInfo, Source, rows_per_shard
from workbench.capturing.transfer import Transfer
from workbench.errors import WorkbenchError
from workbench.recording.dtypes import narrow, stored_dtype
from workbench.recording.identity import digest_lines
from workbench.recording.manifest import SiteSpec
from workbench.recording.writer import equal_shards
from workbench.subjects.networks.checkpoints import checkpoint_names, load_checkpoint, step_of
from workbench.subjects.networks.digests import network_ingredients, weights_digest
from workbench.subjects.networks.offer import Offer
from workbench.subjects.networks.options import whole_number

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from workbench.subjects.networks.inputs import Stimuli

_BATCH = 256
_BATCH_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Subject:
    """A network and what a recording says about it.

    Attributes
    ----------
    network : torch.nn.Module
    kind : str
        ``vision`` or ``network``.
    ingredients : dict, optional
        What, apart from the weights, changes its numbers; found from the network by default.
    checkpoints : tuple of Path
        State dicts to load one after the other; none for the network as it is.
    steps : tuple of int or None
        Step of training of each checkpoint; by default the last number in its name.
    """

    network: torch.nn.Module
    kind: str
    ingredients: Mapping[str, Any] | None = None
    checkpoints: tuple[Path, ...] = ()
    steps: tuple[int | None, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the checkpoints."""
        return checkpoint_names(self.checkpoints)

    def load(self, number: int) -> torch.nn.Module:
        """The network with the weights of a checkpoint."""
        load_checkpoint(self.network, self.checkpoints[number])
        return self.network

    def step(self, number: int) -> int | None:
        """Step of training of a checkpoint, if it is known."""
        return self.steps[number] if self.steps else step_of(self.names[number])


class NetworkSource(Source):
    """See `workbench.capturing.source.Source`.

    Rows are ordered by checkpoint, stimulus and step. A shard holds one checkpoint only.

    Parameters
    ----------
    request : CaptureRequest
    subject : Subject
    stimuli : Stimuli
    offer : Offer, optional
        Sites that a trial found, where one was made already.
    """

    def __init__(
        self,
        request: CaptureRequest,
        subject: Subject,
        stimuli: Stimuli,
        offer: Offer | None = None,
    ) -> None:
        self.request, self.network_subject, self.stimuli = request, subject, stimuli
        self._loaded: int | None = None
        self._load(0)
        self._offer = offer or Offer(request, subject.network, stimuli)
        self._layouts = self._offer.choose(request.sites)
        self.sites = tuple(
            SiteSpec(
                name,
                tuple(sizes.values()),
                request.storage_dtype(self._offer.dtype(name)),
                ("row", *sizes),
            )
            for name, sizes in ((name, self._offer.sizes(name)) for name in self._layouts)
        )
        self.subject = {
            "address": request.subject,
            "kind": subject.kind,
            "parameters": sum(each.numel() for each in subject.network.parameters()),
        }
        self.notes = {"stimuli": self._n_stimuli, "steps": self._n_steps}
        if subject.checkpoints:
            self.notes["checkpoints"] = subject.names
        self.notes["opened_with"] = request.reopening()
        self._per_shard = max(1, rows_per_shard(self.sites, request.shard_rows) // self._n_steps)
        self._shards = equal_shards(self._n_stimuli, self._per_shard)
        self.plan = tuple(size * self._n_steps for size in self._shards) * self._n_checkpoints

    @property
    def _n_checkpoints(self) -> int:
        return max(1, len(self.network_subject.checkpoints))

    @property
    def _n_steps(self) -> int:
        return self._offer.rows_per_stimulus

    @cached_property
    def _n_stimuli(self) -> int:
        count, most = len(self.stimuli.inputs), self.request.max_rows
        per_stimulus = self._n_steps * self._n_checkpoints
        return count if most is None else min(count, max(1, most // per_stimulus))

    @cached_property
    def _batch(self) -> int:
        shown = sum(values.nbytes for values in self.stimuli.inputs.read(0, 1).values())
        given = sum(site.row_bytes for site in self.sites) * self._n_steps
        fits = _BATCH_BYTES // max(1, shown + given)
        return max(1, min(whole_number(self.request, "batch", _BATCH), fits))

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""
        subject = self.network_subject
        own = subject.ingredients
        tables = [self.stimuli.labels.iloc[: self._n_stimuli], self._step_table()]
        return {
            "subject": {
                "weights": self._weights(),
                **(network_ingredients(subject.network) if own is None else own),
            },
            "stimuli": self.stimuli.inputs.digest(self._n_stimuli),
            "labels": digest_lines(table.to_json(double_precision=15) or "" for table in tables),
            "time": self._offer.ingredients,
        }

    def _weights(self) -> str | list[list[str]]:
        network, found = self.network_subject.network, []
        for number, name in enumerate(self.network_subject.names):
            self._load(number)
            found.append([name, weights_digest(network)])
        return found or weights_digest(network)

    def _load(self, number: int) -> None:
        if self.network_subject.checkpoints and number != self._loaded:
            self.network_subject.load(number)
            self._loaded = number

    def stimulus_table(self) -> pd.DataFrame:
        """Table of stimuli."""
        return self.stimuli.table(self._n_stimuli)

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of units."""
        import pandas as pd

        return pd.DataFrame({"unit": np.arange(site.shape[0])})

    def rows(self, number: int) -> pd.DataFrame:
        """Row table of one shard."""
        import pandas as pd

        checkpoint, first, last = self._span(number)
        stimulus = np.repeat(np.arange(first, last), self._n_steps)
        table = self.stimuli.labels.iloc[stimulus].reset_index(drop=True)
        table.insert(0, "stimulus", stimulus)
        steps = self._step_table()
        if len(steps.columns):
            repeated = pd.concat([steps] * (last - first), ignore_index=True)
            table = pd.concat([table, repeated], axis=1)
        return self._with_checkpoint(table, checkpoint)

    def _step_table(self) -> pd.DataFrame:
        import pandas as pd

        if self._offer.steps is None:
            return pd.DataFrame()
        given = self.stimuli.steps
        whole = pd.DataFrame({"time": self._offer.times()}) if given is None else given
        return whole.iloc[self._offer.steps].reset_index(drop=True)

    def _with_checkpoint(self, table: pd.DataFrame, number: int) -> pd.DataFrame:
        import pandas as pd

        subject = self.network_subject
        if subject.checkpoints:
            table["checkpoint"] = number
            table["step"] = pd.array([subject.step(number)] * len(table), dtype="Int64")
            table["checkpoint_name"] = subject.names[number]
        return table

    def activity(self, number: int, sites: Sequence[str]) -> dict[str, NDArray]:
        """Compute one shard."""
        checkpoint, first, last = self._span(number)
        self._load(checkpoint)
        return self._activity(first, last, sites)

    def show(self, batch: Mapping[str, NDArray], sites: Sequence[str]) -> dict[str, torch.Tensor]:
        """Activity (rows, units, ...) for some stimuli, with the weights that the network has now.

        Parameters
        ----------
        batch : mapping of str to ndarray (stimuli, ...)
            By name of the argument, as the inputs give them.
        sites : sequence of str

        Returns
        -------
        dict of str to Tensor
        """
        return self._offer.run(batch, sites)

    def trial(self) -> int:
        """Compute one batch."""
        last = min(self._batch, self._per_shard, self._n_stimuli)
        self._load(0)
        self._activity(0, last, list(self._layouts))
        return last * self._n_steps

    def _span(self, number: int) -> tuple[int, int, int]:
        checkpoint, shard = divmod(number, len(self._shards))
        first = shard * self._per_shard
        return checkpoint, first, first + self._shards[shard]

    def _activity(self, first: int, last: int, sites: Sequence[str]) -> dict[str, NDArray]:
        specs = {site.name: site for site in self.sites if site.name in sites}
        whole = {
            name: np.empty(((last - first) * self._n_steps, *site.shape), stored_dtype(site.dtype))
            for name, site in specs.items()
        }
        transfer = Transfer(self._offer.device)
        for start in range(first, last, self._batch):
            stop = min(start + self._batch, last)
            part = slice((start - first) * self._n_steps, (stop - first) * self._n_steps)
            seen = self._offer.run(self.stimuli.inputs.read(start, stop), specs)
            for name, values in seen.items():
                transfer.put(values, _landing(whole[name][part], specs[name]))
        transfer.finish()
        return whole


def sites_offered(offer: Offer) -> list[SiteInfo]:
    """What ``--list-sites`` prints for a network.

    Parameters
    ----------
    offer : Offer

    Returns
    -------
    list of SiteInfo
    """
    return [
        SiteInfo(name, tuple(offer.sizes(name).values()), layout.dtype)
        for name, layout in offer.layouts.items()
    ]


def _landing(target: NDArray, site: SiteSpec) -> Callable[[torch.Tensor], None]:
    def land(values: torch.Tensor) -> None:
        target[:] = stored(values, site)

    return land


def stored(values: torch.Tensor, site: SiteSpec) -> NDArray:
    """Bits to store for a tensor.

    Parameters
    ----------
    values : Tensor (rows, units, ...)
        On the host.
    site : SiteSpec

    Returns
    -------
    ndarray (rows, units, ...)

    Raises
    ------
    WorkbenchError
        If values exceed what float16 can hold.
    """
    import torch

    # numpy has no bfloat16; float32 holds its values exactly.
    values = values.float() if values.dtype == torch.bfloat16 else values
    array = values.numpy()
    bits = narrow(array, site.dtype) if site.dtype != "float16" else _halved(array)
    if site.dtype == "float16" and (np.isinf(bits) & np.isfinite(array)).any():
        raise WorkbenchError(
            f"Activity at site '{site.name}' exceeds 65504, the largest float16; capture with "
            "--dtype bfloat16 or float32."
        )
    return bits


def _halved(array: NDArray) -> NDArray:
    with np.errstate(over="ignore"):
        return narrow(array, "float16")
