"""One pass through a network: hooks that copy what is wanted, and an end when all was seen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError
from workbench.subjects.networks.outputs import OUTPUT, named_tensors
from workbench.subjects.networks.recurrent import gives_states, stepped_states

if TYPE_CHECKING:
    import torch

Batch = Mapping[str, NDArray]
Seen = dict[str, list["torch.Tensor"]]
_FLOATING = "f"


class _LastSiteReachedError(Exception):
    """Ends a pass once every wanted module was called."""


class Forward:
    """A network, ready to be shown batches.

    Parameters
    ----------
    network : torch.nn.Module
        Its training mode is put back after every pass.
    device : str
        ``auto``, ``cpu``, ``cuda`` or another that torch knows.
    time_first : bool
        Whether the network wants ``(steps, stimuli, ...)`` where batches are
        ``(stimuli, steps, ...)``.

    Raises
    ------
    UsageError
        If there is no such device.
    """

    def __init__(
        self, network: torch.nn.Module, device: str = "cpu", time_first: bool = False
    ) -> None:
        self.device = checked_device(device)
        self.network = network.to(self.device)
        self.dtype = floating_dtype(network)
        self.modules = {name: module for name, module in network.named_modules() if name}
        self.modules[OUTPUT if OUTPUT not in self.modules else f"{OUTPUT}:network"] = network
        self._time_first = time_first

    def everything(self, batch: Batch) -> Seen:
        """Copies of all that all modules give, by site, one for every call.

        Parameters
        ----------
        batch : mapping of str to ndarray (stimuli, ...)
            Inputs by name; the name is empty for the first positional argument.

        Returns
        -------
        dict of str to list of Tensor
        """
        found: Seen = {}

        def keep(_module: str, values: Iterator[tuple[str, torch.Tensor]]) -> None:
            for site, value in values:
                found.setdefault(site, []).append(value.detach().clone())

        self._run(batch, self.modules, keep, states=tuple(self.modules))
        return found

    def some(self, batch: Batch, sites: Mapping[str, str], once: bool) -> Seen:
        """Copies of what some sites give, one for every call.

        Parameters
        ----------
        batch : mapping of str to ndarray (stimuli, ...)
        sites : mapping of str to str
            Name of the module by name of the site.
        once : bool
            Whether all their modules are called once a pass, so that it may end after them.

        Returns
        -------
        dict of str to list of Tensor
        """
        found: Seen = {}
        left = set(sites.values())

        def keep(module: str, values: Iterator[tuple[str, torch.Tensor]]) -> None:
            for site, value in values:
                if site in sites:
                    # A copy, because a later module may work in place.
                    found.setdefault(site, []).append(value.detach().clone())
            left.discard(module)
            if once and not left:
                raise _LastSiteReachedError

        stepped = tuple(
            module for site, module in sites.items() if site.startswith(_stepped(module))
        )
        self._run(batch, set(sites.values()), keep, stepped)
        return found

    def _run(self, batch: Batch, names: Collection[str], keep: Any, states: Any) -> None:
        import torch

        positional, named = self._arguments(batch)
        with self._watch(names, keep, states), evaluating(self.network), torch.inference_mode():
            try:
                self.network(*positional, **named)
            except _LastSiteReachedError:
                return

    def _arguments(self, batch: Batch) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        tensors = {name: self._tensor(values) for name, values in batch.items()}
        positional = [value for name, value in tensors.items() if not name]
        return positional, {name: value for name, value in tensors.items() if name}

    def _tensor(self, values: NDArray) -> torch.Tensor:
        import torch

        if self._time_first and values.ndim > 1:
            values = np.swapaxes(values, 0, 1)
        if not (values.flags.c_contiguous and values.flags.writeable):
            values = np.array(values, order="C")
        tensor = torch.from_numpy(values).to(self.device)
        return tensor.to(self.dtype) if values.dtype.kind == _FLOATING else tensor

    @contextmanager
    def _watch(self, names: Collection[str], keep: Any, states: Collection[str]) -> Iterator[None]:
        handles = [
            self.modules[name].register_forward_hook(
                _hook(name, keep, name in states and gives_states(self.modules[name])),
                with_kwargs=True,
            )
            for name in names
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _hook(name: str, keep: Any, steps: bool) -> Any:
    def hook(module: Any, arguments: Any, named: Any, output: Any) -> None:
        def values() -> Iterator[tuple[str, torch.Tensor]]:
            yield from named_tensors(name, output)
            if steps:
                yield from stepped_states(name, module, arguments, named)

        keep(name, values())

    return hook


def _stepped(module: str) -> tuple[str, str]:
    return f"{module}:hidden.", f"{module}:cell."


@contextmanager
def evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; afterwards every module is as it was.

    Examples
    --------
    >>> import torch
    >>> network = torch.nn.Dropout()
    >>> with evaluating(network):
    ...     network.training
    False
    >>> network.training
    True
    """
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def floating_dtype(network: torch.nn.Module) -> torch.dtype:
    """Dtype that a network computes in: that of its first floating parameter or buffer."""
    import torch

    for value in (*network.parameters(), *network.buffers()):
        if value.is_floating_point():
            return value.dtype
    return torch.float32


def checked_device(name: str) -> str:
    """A device that torch can use; ``auto`` is CUDA where there is any.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> checked_device("abacus")
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found device 'abacus'; expected auto, cpu, cuda or mps.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("Found device 'cuda' but no GPU that torch can use; pass --device cpu.")
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise UsageError(f"Found device '{name}'; expected auto, cpu, cuda or mps.")
    return name
