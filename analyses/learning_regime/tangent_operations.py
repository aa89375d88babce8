"""Operations that use parameters: what each makes of them, and what goes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from analyses.learning_regime.tangent_tracing import Recorder


@dataclass(frozen=True)
class Call:
    """An operation as it was called.

    Attributes
    ----------
    func : callable
    args : tuple
    kwargs : dict
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def run(self) -> Any:
        """What it returns."""
        return self.func(*self.args, **self.kwargs)

    def arguments(self, names: str) -> list[Any] | None:
        """Arguments in the order of these names, None where left out.

        Parameters
        ----------
        names : str
            Separated by spaces.

        Returns
        -------
        list, or None if there are others

        Examples
        --------
        >>> Call(max, (1,), {"bias": 3}).arguments("input weight bias")
        [1, None, 3]
        """
        order = names.split()
        if len(self.args) > len(order) or not set(self.kwargs) <= set(order):
            return None
        given = {**dict(zip(order, self.args, strict=False)), **self.kwargs}
        return [given.get(name) for name in order]


def record_call(recorder: Recorder, call: Call) -> Any:
    """Run an operation, and record it if it is one of those that are known.

    Parameters
    ----------
    recorder : Recorder
    call : Call

    Returns
    -------
    What the operation returns.
    """
    operation = OPERATIONS.get(getattr(call.func, "__name__", "").strip("_"))
    if operation is None:
        return call.run()
    names, handle = operation
    arguments = call.arguments(names)
    if arguments is None or not any(recorder.owns(each) for each in arguments):
        return call.run()
    return handle(recorder, call, *arguments)


def _linear(recorder: Recorder, call: Call, entered: Any, weight: Any, bias: Any) -> torch.Tensor:
    uses = [recorder.raw(weight, "weighted", entered), recorder.raw(bias, "elementwise", 1.0)]
    return recorder.record(call.run(), uses if weight.ndim == 2 else [])


def _matmul(recorder: Recorder, call: Call, first: Any, second: Any) -> torch.Tensor:
    if call.func.__name__ == "__rmatmul__":
        first, second = second, first
    if recorder.owns(second) and second.ndim < 3 and first.ndim > 1:
        columns = second if second.ndim == 2 else second[:, None]
        found = recorder.record(first @ columns, [recorder.raw(columns.T, "weighted", first)])
        return found if second.ndim == 2 else found.squeeze(-1)
    if recorder.owns(first) and first.ndim == 2 and second.ndim > 1:
        # Turned round, rows of what comes out are units, as in a layer.
        turned = second.mT @ first.T
        return recorder.record(turned, [recorder.raw(first, "weighted", second.mT)]).mT
    return call.run()


def _addmm(recorder: Recorder, call: Call, bias: Any, entered: Any, weight: Any) -> torch.Tensor:
    uses = [recorder.raw(weight.T, "weighted", entered), recorder.raw(bias, "elementwise", 1.0)]
    return recorder.record(call.run(), uses)


def _embedding(
    recorder: Recorder, call: Call, table: Any, entries: Any, padding: Any, *_: Any
) -> torch.Tensor:
    raw = recorder.raw(table, "looked up", entries, -1 if padding is None else int(padding))
    return recorder.record(call.run(), [raw])


def _convolution(
    recorder: Recorder, call: Call, entered: Any, weight: Any, bias: Any, *options: Any
) -> torch.Tensor:
    found = call.run()
    if entered.ndim != weight.ndim:
        return found
    plain = [
        default if each is None else each for each, default in zip(options, _OPTIONS, strict=True)
    ]
    patches = convolution_patches(entered.detach(), tuple(weight.shape[2:]), *plain)
    (spread,) = _channels(entered, bias)
    uses = [recorder.raw(weight, "convolved", patches), recorder.raw(spread, "elementwise", 1.0)]
    return recorder.record(found, uses)


def convolution_patches(
    entered: torch.Tensor,
    kernel: tuple[int, ...],
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor:
    """What every position of a convolution sees.

    Parameters
    ----------
    entered : tensor (batch, channels, *space)
    kernel : tuple of int
    stride, padding, dilation, groups
        As in ``torch.nn.functional.conv2d``.

    Returns
    -------
    tensor (batch, groups, positions, channels / groups * kernel)

    Examples
    --------
    >>> import torch
    >>> convolution_patches(torch.arange(5.0).reshape(1, 1, 5), (3,), stride=2)
    tensor([[[[0., 1., 2.],
              [2., 3., 4.]]]])
    """
    n_space = len(kernel)
    steps, gaps = _each(stride, n_space), _each(dilation, n_space)
    reach = [gap * (size - 1) for gap, size in zip(gaps, kernel, strict=True)]
    windows = _padded(entered, reach, padding)
    for axis in range(n_space):
        windows = windows.unfold(2 + axis, reach[axis] + 1, steps[axis])[..., :: gaps[axis]]
    split = windows.unflatten(1, (groups, -1))  # (batch, groups, channels, *space, *kernel)
    return split.movedim(2, 2 + n_space).flatten(2, 1 + n_space).flatten(3)


def _padded(entered: torch.Tensor, reach: list[int], padding: Any) -> torch.Tensor:
    from torch.nn.functional import pad

    if padding == "same":
        # torch puts the odd one behind.
        ends = [(total // 2, total - total // 2) for total in reach]
    else:
        sizes = _each(0 if padding == "valid" else padding, len(reach))
        ends = [(size, size) for size in sizes]
    return pad(entered, [width for pair in reversed(ends) for width in pair])


def _each(option: Any, n_space: int) -> tuple[int, ...]:
    values = (option,) if isinstance(option, int) else tuple(option)
    return values * n_space if len(values) == 1 else values


def _layer_norm(
    recorder: Recorder, call: Call, entered: Any, shape: Any, weight: Any, bias: Any, *rest: Any
) -> torch.Tensor:
    plain = call.func(entered.detach(), shape, None, None, *rest)
    return _scaled(recorder, call, plain, weight, bias)


def _rms_norm(
    recorder: Recorder, call: Call, entered: Any, shape: Any, weight: Any, eps: Any
) -> torch.Tensor:
    return _scaled(recorder, call, call.func(entered.detach(), shape, None, eps), weight, None)


def _group_norm(
    recorder: Recorder, call: Call, entered: Any, groups: Any, weight: Any, bias: Any, *rest: Any
) -> torch.Tensor:
    plain = call.func(entered.detach(), groups, None, None, *rest)
    return _scaled(recorder, call, plain, *_channels(entered, weight, bias))


def _batch_norm(
    recorder: Recorder, call: Call, entered: Any, weight: Any, bias: Any, *rest: Any
) -> torch.Tensor:
    plain = call.func(entered.detach(), None, None, *rest)
    return _scaled(recorder, call, plain, *_channels(entered, weight, bias))


def _prelu(recorder: Recorder, call: Call, entered: Any, slope: Any) -> torch.Tensor:
    (spread,) = _channels(entered, slope)
    raw = recorder.raw(spread, "elementwise", entered.detach().clamp(max=0))
    return recorder.record(call.run(), [raw])


def _scaled(recorder: Recorder, call: Call, plain: Any, weight: Any, bias: Any) -> torch.Tensor:
    uses = [recorder.raw(weight, "elementwise", plain), recorder.raw(bias, "elementwise", 1.0)]
    return recorder.record(call.run(), uses)


def _channels(entered: torch.Tensor, *values: Any) -> list[Any]:
    """Parameters of channels with axes behind, as they meet (batch, channels, *space)."""
    ones = (1,) * (entered.ndim - 2)
    return [None if value is None else value.reshape(-1, *ones) for value in values]


def _add(recorder: Recorder, call: Call, first: Any, second: Any) -> torch.Tensor:
    uses = [recorder.raw(each, "elementwise", 1.0) for each in (first, second)]
    return recorder.record(call.run(), uses)


def _subtract(recorder: Recorder, call: Call, first: Any, second: Any) -> torch.Tensor:
    sign = -1.0 if call.func.__name__ in ("__rsub__", "rsub") else 1.0
    pairs = ((first, sign), (second, -sign))
    return recorder.record(
        call.run(), [recorder.raw(each, "elementwise", factor) for each, factor in pairs]
    )


def _multiply(recorder: Recorder, call: Call, first: Any, second: Any) -> torch.Tensor:
    parameter, other = (first, second) if recorder.owns(first) else (second, first)
    found = call.run()
    # In place, the factor is gone by now: the check finds what is missing.
    if not hasattr(other, "detach") or found is other:
        return found
    return recorder.record(found, [recorder.raw(parameter, "elementwise", other)])


_NORM = "input size weight bias eps cudnn"
_BATCH = "input weight bias mean variance training momentum eps cudnn"
_CONVOLUTION = "input weight bias stride padding dilation groups"
_TWO = "input other"
# Stride, padding, dilation and groups, where they are left out.
_OPTIONS = (1, 0, 1, 1)
# Names of arguments, and what to do.
OPERATIONS: dict[str, tuple[str, Callable[..., torch.Tensor]]] = {
    "linear": ("input weight bias", _linear),
    "matmul": (_TWO, _matmul),
    "rmatmul": (_TWO, _matmul),
    "mm": ("input mat2", _matmul),
    "addmm": ("input mat1 mat2", _addmm),
    "embedding": ("weight input padding_idx scale_grad_by_freq sparse", _embedding),
    "conv1d": (_CONVOLUTION, _convolution),
    "conv2d": (_CONVOLUTION, _convolution),
    "conv3d": (_CONVOLUTION, _convolution),
    "layer_norm": (_NORM, _layer_norm),
    "rms_norm": ("input size weight eps", _rms_norm),
    "group_norm": (_NORM, _group_norm),
    "batch_norm": (_BATCH, _batch_norm),
    "instance_norm": (_BATCH, _batch_norm),
    "prelu": ("input weight", _prelu),
    "add": (_TWO, _add),
    "radd": (_TWO, _add),
    "iadd": (_TWO, _add),
    "sub": (_TWO, _subtract),
    "rsub": (_TWO, _subtract),
    "mul": (_TWO, _multiply),
    "rmul": (_TWO, _multiply),
}
