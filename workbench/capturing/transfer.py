"""Bringing values from a device to the host without making the device wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Land = Callable[["torch.Tensor"], None]
SLOTS = 8


@dataclass
class _Slot:
    memory: Any = None
    copied: Any = None
    shape: tuple[int, ...] = ()
    dtype: Any = None
    land: Land | None = None


class Transfer:
    """Hands tensors over on the host, in the order in which they were put.

    On the CPU there is nothing to bring: a value is handed over at once, and no copy is made.
    Values on a GPU are copied on a stream of their own into page-locked memory, a bounded ring of
    pieces of it, while the GPU computes on; each is handed over when its piece is needed again, or
    at the end.

    Parameters
    ----------
    device : str
        Where the values are.
    slots : int
        Copies under way at most.
    direct : bool, optional
        Hand over at once; by default where the device is the CPU.

    Attributes
    ----------
    is_direct : bool

    Examples
    --------
    >>> import torch
    >>> found = []
    >>> transfer = Transfer("cpu", slots=2, direct=False)
    >>> for number in range(3):
    ...     transfer.put(torch.full((2,), number), lambda value: found.append(value.tolist()))
    >>> found
    [[0, 0]]
    >>> transfer.finish()
    >>> found
    [[0, 0], [1, 1], [2, 2]]
    """

    def __init__(self, device: str, slots: int = SLOTS, direct: bool | None = None) -> None:
        import torch

        self._is_cuda = device.startswith("cuda")
        self._device = torch.device(device)
        self.is_direct = device == "cpu" if direct is None else direct
        self._free = deque(_Slot() for _ in range(slots))
        self._under_way: deque[_Slot] = deque()
        self._stream: Any = torch.cuda.Stream(self._device) if self._is_cuda else None

    def to_device(self, values: torch.Tensor) -> torch.Tensor:
        """A host tensor on the device, without waiting for what the device is at.

        Parameters
        ----------
        values : Tensor of any shape

        Returns
        -------
        Tensor of the same shape
        """
        if self._is_cuda:
            return values.pin_memory().to(self._device, non_blocking=True)
        return values.to(self._device)

    def put(self, values: torch.Tensor, land: Land) -> None:
        """Bring a tensor to the host and call ``land`` with it there, sooner or later.

        Parameters
        ----------
        values : Tensor of any shape
            Must not be changed afterwards where the device is a GPU.
        land : callable
            Must copy what it keeps: the memory is used again.
        """
        if self.is_direct:
            land(values)
            return
        if not self._free:
            self._land_oldest()
        slot = self._free.popleft()
        slot.shape, slot.dtype, slot.land = tuple(values.shape), values.dtype, land
        self._copy(values, slot)
        self._under_way.append(slot)

    def _copy(self, values: torch.Tensor, slot: _Slot) -> None:
        import torch

        n_bytes = values.numel() * values.element_size()
        if slot.memory is None or slot.memory.numel() < n_bytes:
            slot.memory = torch.empty(n_bytes, dtype=torch.uint8, pin_memory=self._is_cuda)
        target = self._view(slot)
        if not self._is_cuda:
            target.copy_(values)
            return
        # The copy waits for the values, and what is computed next does not wait for the copy.
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            target.copy_(values, non_blocking=True)
            slot.copied = self._stream.record_event()
        values.record_stream(self._stream)

    def _view(self, slot: _Slot) -> torch.Tensor:
        size = slot.dtype.itemsize
        for length in slot.shape:
            size *= length
        values: torch.Tensor = slot.memory[:size].view(slot.dtype).view(slot.shape)
        return values

    def _land_oldest(self) -> None:
        slot = self._under_way.popleft()
        if slot.copied is not None:
            slot.copied.synchronize()
        if slot.land is not None:
            slot.land(self._view(slot))
        slot.land = None
        self._free.append(slot)

    def finish(self) -> None:
        """Hand over whatever is still under way."""
        while self._under_way:
            self._land_oldest()
