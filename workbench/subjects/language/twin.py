"""A twin of the bridged model without its wrappers, for sites that it has as well.

TransformerLens wraps every module and computes attention step by step, so that every intermediate
value has a hook point. Where none of those values is wanted, the model as transformers built it,
with fused attention, gives the same activity about twice as fast. The two share their weights in
memory. A site counts as shared only if a probe gave the same numbers on both sides.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Keep = Callable[[str, "torch.Tensor"], None]
_RELATIVE = 1e-3


def load_twin(name: str, device: str, dtype: torch.dtype) -> torch.nn.Module | None:
    """The model as transformers builds it, or None if it is no causal language model.

    Parameters
    ----------
    name : str
        Folder or name on the hub.
    device : str
    dtype : torch.dtype

    Returns
    -------
    torch.nn.Module or None
        In evaluation mode.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(name)
    kinds = getattr(config, "architectures", None) or [""]
    if not str(kinds[0]).endswith(("ForCausalLM", "LMHeadModel")):
        return None
    model: Any = AutoModelForCausalLM.from_pretrained(name, dtype=dtype)
    return model.to(device).eval()


def share_weights(model: torch.nn.Module) -> torch.nn.Module:
    """A copy of a model's modules that holds the very same tensors."""
    tensors = chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def shared_places(bridged: torch.nn.Module, twin: torch.nn.Module) -> dict[int, tuple[str, bool]]:
    """Where in the twin the hook points of the bridged model are.

    Parameters
    ----------
    bridged : torch.nn.Module
        The wrapped model.
    twin : torch.nn.Module

    Returns
    -------
    dict of int to (str, bool)
        Identity of a hook point to the name of a module, and whether it is its output.
    """
    modules = dict(twin.named_modules())
    places: dict[int, tuple[str, bool]] = {}
    for path, module in bridged.named_modules():
        plain = ".".join(p for p in path.split(".") if not p.endswith("original_component"))
        if plain not in modules:
            continue
        for attribute, is_output in (("hook_in", False), ("hook_out", True)):
            point = getattr(module, attribute, None)
            if point is not None:
                places.setdefault(id(point), (plain, is_output))
    return places


@contextmanager
def watch_twin(
    twin: torch.nn.Module, places: Sequence[tuple[str, str, bool]], keep: Keep
) -> Iterator[None]:
    """Call ``keep(site, value)`` whenever activity passes one of some places.

    Parameters
    ----------
    twin : torch.nn.Module
    places : sequence of (site, module name, is output)
    keep : callable
    """
    modules = dict(twin.named_modules())
    handles = []
    for site, name, is_output in places:
        if is_output:
            handles.append(modules[name].register_forward_hook(_output_hook(site, keep)))
        else:
            hook = _input_hook(site, keep)
            handles.append(modules[name].register_forward_pre_hook(hook, with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _output_hook(site: str, keep: Keep) -> Any:
    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        first = output[0] if isinstance(output, (tuple, list)) else output
        if hasattr(first, "shape"):
            keep(site, first)

    return hook


def _input_hook(site: str, keep: Keep) -> Any:
    def hook(_module: Any, inputs: Any, keywords: Any) -> None:
        first = inputs[0] if inputs else keywords.get("hidden_states")
        if hasattr(first, "shape"):
            keep(site, first)

    return hook


def agree(ours: torch.Tensor, theirs: torch.Tensor | None) -> bool:
    """Whether two activities are equal but for rounding, in float32 terms.

    Parameters
    ----------
    ours, theirs : Tensor (texts, tokens, ...)

    Returns
    -------
    bool
    """
    if theirs is None or ours.shape[:2] != theirs.shape[:2] or ours.numel() != theirs.numel():
        return False
    expected = ours.float().reshape(-1)
    difference = (expected - theirs.float().reshape(-1)).abs().max()
    # Half-precision models differ by their own rounding; that they agree in float32 is tested.
    allowed = _RELATIVE if str(ours.dtype) == "torch.float32" else 0.05
    return bool(difference <= allowed * expected.abs().max().clamp_min(1e-6))
