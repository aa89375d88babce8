"""Places in a model where activity can be watched: hook points and modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Keep = Callable[[str, "torch.Tensor"], None]
PATTERN = ".pattern"
_ATTENTION_AXES = 4


@dataclass(frozen=True)
class Point:
    """A place where activity can be watched.

    Attributes
    ----------
    module : torch.nn.Module
    take : callable
        Takes what went into the module and what came out of it; gives the activity, or None.
    is_output : bool
        Whether the activity exists only once the module has run.
    """

    module: torch.nn.Module
    take: Callable[[Any, Any], Any]
    is_output: bool = True


def hook_points(bridge: Any) -> dict[str, Point]:
    """TransformerLens' hook points by name, in the order of the forward pass."""
    return {name: Point(point, _converted(point)) for name, point in bridge.hook_dict.items()}


def _converted(point: Any) -> Callable[[Any, Any], Any]:
    def take(_inputs: Any, output: Any) -> Any:
        conversion = point.hook_conversion
        if conversion is None or not hasattr(output, "shape"):
            return output
        return conversion.convert(output)

    return take


def t5_patterns(bridge: Any) -> dict[str, Point]:
    """Attention patterns of T5, which TransformerLens 3.9 mistakes for position biases.

    Parameters
    ----------
    bridge : TransformerBridge

    Returns
    -------
    dict of str to Point
        Empty for other models.
    """
    components = {
        id(module.hook_pattern): module.original_component
        for module in bridge.original_model.modules()
        if hasattr(module, "hook_pattern")
        and type(module.original_component).__name__.endswith("T5Attention")
    }
    return {
        name: Point(components[id(point)], _weights)
        for name, point in bridge.hook_dict.items()
        if id(point) in components
    }


def module_points(model: torch.nn.Module) -> dict[str, Point]:
    """Modules by their dotted names; attention patterns under the name with ``.pattern`` behind it.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    dict of str to Point
    """
    points = {}
    for name, module in model.named_modules():
        if not name:
            continue
        points[name] = Point(module, first_output)
        if _is_attention(module) and not any(map(_is_attention, list(module.modules())[1:])):
            points[name + PATTERN] = Point(module, _weights)
    return points


def _is_attention(module: torch.nn.Module) -> bool:
    return "Attention" in type(module).__name__


def first_output(_inputs: Any, output: Any) -> Any:
    """What a module gave, or the first of several values.

    Examples
    --------
    >>> first_output(None, (1, 2)), first_output(None, {"a": 3}), first_output(None, 4)
    (1, 3, 4)
    """
    if isinstance(output, Mapping):
        return next(iter(output.values()), None)
    return output[0] if isinstance(output, (tuple, list)) and output else output


def first_input(inputs: Any, _output: Any) -> Any:
    """What a module was given first."""
    positional, keywords = inputs
    return positional[0] if positional else keywords.get("hidden_states")


def _weights(_inputs: Any, output: Any) -> Any:
    if not isinstance(output, tuple):
        return None
    # Behind the output some modules give position biases, which have as many axes; attention
    # weights come last.
    found = [each for each in output[1:] if getattr(each, "ndim", 0) == _ATTENTION_AXES]
    return found[-1] if found else None


@contextmanager
def watch(points: Mapping[str, Point], keep: Keep) -> Iterator[None]:
    """Call ``keep(name, value)`` whenever activity passes one of some points.

    Parameters
    ----------
    points : mapping of str to Point
    keep : callable
        The value may be worked on in place later: it must copy what it keeps.
    """
    handles = [_register(name, point, keep) for name, point in points.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _register(name: str, point: Point, keep: Keep) -> Any:
    def after(_module: Any, inputs: Any, output: Any) -> None:
        value = point.take(inputs, output)
        if hasattr(value, "shape"):
            keep(name, value)

    def before(_module: Any, inputs: Any, keywords: Any) -> None:
        value = point.take((inputs, keywords), None)
        if hasattr(value, "shape"):
            keep(name, value)

    if point.is_output:
        return point.module.register_forward_hook(after)
    return point.module.register_forward_pre_hook(before, with_kwargs=True)
