"""Finding the blocks of a transformer and what follows them, by watching one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyses.ndna.lenses import HeadLens, logits_of
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch

_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Blocks:
    """Blocks of a transformer, and the lens that its own head is.

    Attributes
    ----------
    blocks : list of torch.nn.Module
    lens : HeadLens
    """

    blocks: list[torch.nn.Module]
    lens: HeadLens

    def states(self, run: Callable[[], Any]) -> torch.Tensor:
        """States before the first block and after each.

        Parameters
        ----------
        run : callable
            Passes input through the model.

        Returns
        -------
        Tensor (inputs, positions, nodes, units)
        """
        states, _ = watched(self.blocks, run)
        return states


def watched(blocks: list[torch.nn.Module], run: Callable[[], Any]) -> tuple[torch.Tensor, Any]:
    """States (inputs, positions, nodes, units) at all blocks, and what the model gives."""
    import torch

    found: list[torch.Tensor] = []

    def before(_module: Any, inputs: Any, named: Any) -> None:
        found.append(_tensor(inputs[0] if inputs else named["hidden_states"]))

    def after(_module: Any, _inputs: Any, output: Any) -> None:
        found.append(_tensor(output))

    handles = [blocks[0].register_forward_pre_hook(before, with_kwargs=True)]
    handles += [block.register_forward_hook(after) for block in blocks]
    try:
        with torch.inference_mode():
            output = run()
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(found, -2), output


def find_blocks(
    model: Any, run: Callable[[], Any], temperature: float = 1.0, position: int | None = None
) -> Blocks:
    """Blocks and lens of a transformer.

    Parameters
    ----------
    model : torch.nn.Module
        Of transformers: a causal or masked language model, or an image classifier.
    run : callable
        Passes some input through the model and gives its output.
    temperature : float
    position : int, optional
        Which position the head reads; all by default.

    Returns
    -------
    Blocks

    Raises
    ------
    UsageError
        If there are no blocks, or the modules after them do not give the model's logits.
    """
    blocks = _stack(model)
    trace = _Trace(model, blocks[-1])
    with trace:
        states, output = watched(blocks, run)
    head = _head(model, trace.entered)
    tail = trace.outermost
    scale, cap = _scaling(model)
    lens = HeadLens(tail, head, scale, cap)
    last = states[:, :, -1]
    last = last if position is None else last[:, position]
    if getattr(output, "logits", None) is None:
        raise _no_head(model)
    _check(lens, last, output.logits, type(model).__name__)
    return Blocks(blocks, HeadLens(tail, head, scale, cap, temperature))


def _stack(model: Any) -> list[torch.nn.Module]:
    from torch import nn

    config = model.config
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    n_layers = getattr(config, "num_hidden_layers", None)
    if getattr(model.config, "is_encoder_decoder", False):
        raise UsageError(
            f"Found {type(model).__name__}, with an encoder and a decoder; expected one stack of "
            "layers: give a causal or masked language model."
        )
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            return list(module)
    raise UsageError(
        f"Found no list of {n_layers} layers in {type(model).__name__}; expected a transformer "
        "whose layers follow each other in one module list."
    )


class _Trace:
    """Outermost modules that are entered after the last block, in order."""

    def __init__(self, model: torch.nn.Module, last: torch.nn.Module) -> None:
        self.model, self.last = model, last
        self.begun, self.open = False, list[Any]()
        self.outermost: list[torch.nn.Module] = []
        self.entered: list[torch.nn.Module] = []

    def __enter__(self) -> None:
        self.handles = []
        for module in self.model.modules():
            self.handles.append(module.register_forward_pre_hook(self._enter))
            self.handles.append(module.register_forward_hook(self._leave))

    def __exit__(self, *_error: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _enter(self, module: Any, _inputs: Any) -> None:
        if self.begun:
            self.entered.append(module)
            if not self.open:
                self.outermost.append(module)
            self.open.append(module)

    def _leave(self, module: Any, _inputs: Any, _output: Any) -> None:
        if module is self.last:
            self.begun = True
        elif self.open and self.open[-1] is module:
            self.open.pop()


def _head(model: Any, entered: list[torch.nn.Module]) -> torch.nn.Module:
    from torch import nn

    named = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if named is not None:
        return named
    linear = [module for module in entered if isinstance(module, nn.Linear)]
    if not linear:
        raise _no_head(model)
    return linear[-1]


def _no_head(model: Any) -> UsageError:
    return UsageError(
        f"Found no head in {type(model).__name__}; expected a language model with an unembedding, "
        "or a classifier: a lens needs what turns activity into classes."
    )


def _scaling(model: Any) -> tuple[float, float | None]:
    """Factor and cap of logits, as configurations of transformers call them."""
    config = model.config
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    factor = getattr(config, "logit_scale", None) or 1.0
    divisor = getattr(config, "logits_scaling", None) or 1.0
    return float(factor) / float(divisor), getattr(config, "final_logit_softcapping", None)


def _check(lens: HeadLens, last: torch.Tensor, logits: torch.Tensor, name: str) -> None:
    import torch

    with torch.inference_mode():
        try:
            made = logits_of(lens.features(last), lens)
        except (RuntimeError, TypeError, ValueError, IndexError):
            made = logits.new_zeros(1, 1)
    wanted = logits.reshape(-1, logits.shape[-1])
    made = made.reshape(-1, made.shape[-1])
    scale = float(wanted.abs().max()) or 1.0
    if made.shape != wanted.shape or float((made - wanted).abs().max()) > _TOLERANCE * scale:
        raise UsageError(
            f"The modules after the last layer of {name} do not give its logits by themselves; "
            "expected a final norm and a head that read one position: use lens='tuned' with "
            "sites of its modules, or another model."
        )


def _tensor(value: Any) -> torch.Tensor:
    return (value if hasattr(value, "shape") else value[0]).detach()
