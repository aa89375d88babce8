"""From activity of padded batches to the rows of a shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.transfer import Transfer
from workbench.errors import WorkbenchError
from workbench.recording.manifest import SiteSpec

if TYPE_CHECKING:
    import torch

    from workbench.subjects.language.model import LanguageModel

_LARGEST_FLOAT16 = 65504.0
_ATTENTION_AXES = 2


@dataclass(frozen=True)
class Batch:
    """Windows that are passed through the model together, padded on the right.

    Attributes
    ----------
    ids : ndarray (windows, tokens) int64
    lengths : ndarray (windows,) int64
    at : ndarray (pairs,) int64
        Tokens that are recorded, counted over the whole padded batch.
    rows : ndarray (pairs,) int64
        Row of the shard that each of them goes to.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    at: NDArray[np.int64]
    rows: NDArray[np.int64]

    @property
    def mask(self) -> NDArray[np.int64] | None:
        """1 for a token and 0 for padding, (windows, tokens); None where there is no padding."""
        longest = self.ids.shape[1]
        if self.lengths.min() == longest:
            return None
        return (np.arange(longest) < self.lengths[:, None]).astype(np.int64)

    @property
    def is_whole(self) -> bool:
        """Whether every token is recorded, once and in order, and there is no padding."""
        return len(self.at) == self.ids.size and bool((np.diff(self.at) == 1).all())

    @property
    def place(self) -> slice | NDArray[np.int64]:
        """The rows, as a slice where they follow one another."""
        if (np.diff(self.rows) == 1).all():
            return slice(int(self.rows[0]), int(self.rows[-1]) + 1)
        return self.rows

    @property
    def n_keys(self) -> NDArray[np.int64]:
        """Keys that exist for each of the recorded tokens, (pairs,)."""
        return self.lengths[self.at // self.ids.shape[1]]


def make_batch(
    ids: Sequence[NDArray[np.int32]],
    at: Sequence[NDArray[np.int64]],
    rows: Sequence[NDArray[np.int64]],
) -> Batch:
    """Pad some windows on the right to the longest.

    Padding always stands there, where a causal model cannot see it and positions stay right.

    Parameters
    ----------
    ids : sequence of ndarray (tokens,)
        Token ids of every window.
    at, rows : sequence of ndarray (pairs,)
        Recorded tokens of every window, and the rows that they go to.

    Returns
    -------
    Batch

    Examples
    --------
    >>> ids = [np.array([5, 6]), np.array([7])]
    >>> batch = make_batch(ids, [np.array([1]), np.array([0])], [np.array([4]), np.array([2])])
    >>> batch.ids.tolist(), batch.at.tolist(), batch.rows.tolist(), batch.mask.tolist()
    ([[5, 6], [7, 0]], [1, 2], [4, 2], [[1, 1], [1, 0]])
    """
    lengths = np.array([len(each) for each in ids], dtype=np.int64)
    padded = np.zeros((len(ids), int(lengths.max())), dtype=np.int64)
    for i, each in enumerate(ids):
        padded[i, : len(each)] = each
    flat = [each + i * padded.shape[1] for i, each in enumerate(at)]
    return Batch(padded, lengths, np.concatenate(flat), np.concatenate(rows))


class RowBuffers:
    """Activity of a shard while it is collected.

    Parameters
    ----------
    sites : sequence of SiteSpec
        Those with two axes hold attention, (head, key).
    n_rows : int
    averaging : bool
        Whether several tokens may go to one row, which then holds their mean.
    model : LanguageModel
    transfer : Transfer, optional
        That of the model's device by default.
    """

    def __init__(
        self,
        sites: Sequence[SiteSpec],
        n_rows: int,
        averaging: bool,
        model: LanguageModel,
        transfer: Transfer | None = None,
    ) -> None:
        self._model = model
        self._transfer = transfer or Transfer(model.device)
        self._sites = {site.name: _Rows(site, n_rows, averaging) for site in sites}
        longest = max((s.shape[-1] for s in sites if len(s.shape) == _ATTENTION_AXES), default=0)
        # How many tokens a row has that may see each key, as differences between neighbouring
        # keys: a window that is shorter than others lacks their last keys.
        self._counts = np.zeros((n_rows if averaging else 0, longest + 1), dtype=np.int64)

    def run(self, batch: Batch) -> None:
        """Pass a batch through the model and keep what its rows want."""
        import torch

        self._count(batch)
        mask = batch.mask
        ids, at, n_keys = (
            self._transfer.to_device(torch.from_numpy(each))
            for each in (batch.ids, batch.at, batch.n_keys)
        )
        is_whole, place = batch.is_whole, batch.place
        rows = place if isinstance(place, slice) else torch.from_numpy(place)

        def keep(name: str, value: torch.Tensor) -> None:
            site = self._sites[name]
            if site.is_attention:
                chosen = site.choose_attention(value, at, n_keys if mask is not None else None)
            else:
                flat = value.reshape(ids.numel(), -1)
                chosen = flat if is_whole else flat.index_select(0, at)
            site.check(chosen)
            if not self._transfer.is_direct:
                # What goes over in the background must not change under the copy, and rounding
                # before it means fewer bytes.
                chosen = chosen.to(site.values.dtype, copy=True)
            self._transfer.put(chosen, partial(site.land, rows))

        on_device = None if mask is None else self._transfer.to_device(torch.from_numpy(mask))
        self._model.run(ids, on_device, list(self._sites), keep)

    def _count(self, batch: Batch) -> None:
        if not len(self._counts):
            return
        width = self._counts.shape[1]
        flat, starts = self._counts.reshape(-1), batch.rows * width
        np.add.at(flat, starts, 1)
        if width > 1:
            np.subtract.at(flat, starts + batch.n_keys, 1)

    def finish(self) -> dict[str, NDArray]:
        """Activity by site, (rows, ...) in storage dtype (bfloat16 as its bits in uint16)."""
        self._transfer.finish()
        counts = np.cumsum(self._counts, axis=1)
        return {name: site.finish(counts) for name, site in self._sites.items()}


class _Rows:
    """Rows of one site."""

    def __init__(self, site: SiteSpec, n_rows: int, averaging: bool) -> None:
        import torch

        self.site = site
        self.is_attention = len(site.shape) == _ATTENTION_AXES
        self._averaging = averaging
        self._lost: torch.Tensor | None = None
        stored = getattr(torch, site.dtype)
        shape = (n_rows, *site.shape)
        if averaging:
            dtype = stored if stored == torch.float64 else torch.float32
            self.values = torch.zeros(shape, dtype=dtype)
        elif self.is_attention:
            self.values = torch.full(shape, torch.nan, dtype=stored)
        else:
            self.values = torch.empty(shape, dtype=stored)

    def choose_attention(
        self, value: torch.Tensor, at: torch.Tensor, n_keys: torch.Tensor | None
    ) -> torch.Tensor:
        """Attention of some queries, (queries, heads, keys), from (texts, queries, heads, keys)."""
        import torch

        n_queries = value.shape[1]
        chosen = value[at // n_queries, at % n_queries]
        if self._averaging:
            # The mean over queries of which one may not see a key must not be some huge number.
            hidden = chosen <= torch.finfo(chosen.dtype).min
            chosen = chosen.masked_fill(hidden, -torch.inf)
        if n_keys is not None:
            keys = torch.arange(chosen.shape[-1], device=chosen.device)
            absent = (keys >= n_keys[:, None])[:, None, :]
            chosen = chosen.masked_fill(absent, 0.0 if self._averaging else torch.nan)
        return chosen

    def check(self, chosen: torch.Tensor) -> None:
        """Note whether rounding to float16 would turn something into infinity, without a word."""
        import torch

        if self.site.dtype != "float16":
            return
        lost = chosen.abs() > _LARGEST_FLOAT16
        if self.is_attention:
            # What a query may not see has a score as low as the model's dtype goes.
            lost &= chosen > torch.finfo(chosen.dtype).min
        self._lost = lost.any() if self._lost is None else self._lost | lost.any()

    def land(self, rows: slice | torch.Tensor, chosen: torch.Tensor) -> None:
        """Write some tokens' activity, which is on the host, to their rows."""
        target = self.values[..., : chosen.shape[-1]]
        chosen = chosen.reshape(len(chosen), *target.shape[1:])
        if not self._averaging:
            # Assigning rounds as it copies.
            target[rows] = chosen if isinstance(rows, slice) else chosen.to(target.dtype)
        elif isinstance(rows, slice):
            target[rows].add_(chosen)
        else:
            target.index_add_(0, rows, chosen.to(target.dtype))

    def finish(self, counts: NDArray[np.int64]) -> NDArray:
        """Values as they are stored."""
        import torch

        if self._averaging:
            tokens = torch.from_numpy(counts).to(self.values.dtype)
            # A key that no token of a row has gives 0 / 0, which is NaN as it should be.
            self.values.div_(tokens[:, None, :-1] if self.is_attention else tokens[:, :1])
        if self._lost is not None and bool(self._lost):
            raise WorkbenchError(
                f"Activity at site '{self.site.name}' exceeds {_LARGEST_FLOAT16:g}, the largest "
                "float16; capture with --dtype bfloat16 or float32."
            )
        stored = self.values.to(getattr(torch, self.site.dtype))
        if self.site.dtype == "bfloat16":
            return stored.view(torch.int16).numpy().view(np.uint16)
        return stored.numpy()
