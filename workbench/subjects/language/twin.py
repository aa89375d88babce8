"""A twin of the watched model without its wrappers, for sites that it has as well.

TransformerLens wraps every module and computes attention step by step, so that every intermediate
value has a hook point. Where none of those values is wanted, the model as transformers built it,
with fused attention, gives the same activity about twice as fast. The two share their weights in
memory. A site counts as shared only if a probe gave the same numbers on both sides.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

from workbench.subjects.language.points import PATTERN, Point, first_input, first_output

if TYPE_CHECKING:
    import torch

_RELATIVE = 1e-3
# Half-precision models differ by their own rounding; that they agree in float32 is tested.
_RELATIVE_IN_HALF = 0.05


def share_weights(model: torch.nn.Module) -> torch.nn.Module:
    """A copy of a model's modules that holds the very same tensors."""
    tensors = chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def twin_points(
    points: Mapping[str, Point], watched: torch.nn.Module, twin: torch.nn.Module
) -> dict[str, Point]:
    """Where in the twin the points of the watched model are.

    Parameters
    ----------
    points : mapping of str to Point
        Points of the watched model.
    watched : torch.nn.Module
        With TransformerLens' wrappers, or plain.
    twin : torch.nn.Module

    Returns
    -------
    dict of str to Point
        Only those that the twin may have.
    """
    modules = dict(twin.named_modules())
    places: dict[int, Point] = {}
    for path, module in watched.named_modules():
        plain = ".".join(part for part in path.split(".") if not part.endswith(_ORIGINAL))
        if plain not in modules:
            continue
        places.setdefault(id(module), Point(modules[plain], first_output))
        for attribute, is_output in (("hook_in", False), ("hook_out", True)):
            hook = getattr(module, attribute, None)
            if hook is not None:
                take = first_output if is_output else first_input
                places.setdefault(id(hook), Point(modules[plain], take, is_output))
    return {
        name: places[id(point.module)]
        for name, point in points.items()
        if id(point.module) in places and not name.endswith(PATTERN)
    }


_ORIGINAL = "original_component"


def agree(ours: torch.Tensor, theirs: torch.Tensor | None, n_tokens: int) -> bool:
    """Whether two activities are equal but for rounding, in float32 terms.

    Parameters
    ----------
    ours, theirs : Tensor (texts, tokens, ...)
    n_tokens : int
        How many tokens count; those behind may be padding.

    Returns
    -------
    bool
    """
    if theirs is None or ours.shape[:2] != theirs.shape[:2] or ours.numel() != theirs.numel():
        return False
    expected = ours[:, :n_tokens].float().reshape(-1)
    difference = (expected - theirs[:, :n_tokens].float().reshape(-1)).abs().max()
    allowed = _RELATIVE if str(ours.dtype) == "torch.float32" else _RELATIVE_IN_HALF
    return bool(difference <= allowed * expected.abs().max().clamp_min(1e-6))
