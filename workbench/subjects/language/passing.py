"""One forward pass, which ends once the last site wanted was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.subjects.language.points import first_output

if TYPE_CHECKING:
    import torch


class LastSiteReachedError(Exception):
    """Raised by a watcher that has seen all it wants: later layers need not run."""


def pass_through(
    model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor | None:
    """Pass token ids through a model; through both parts of one with encoder and decoder.

    The encoder reads the text. The decoder is forced to follow it: its input is the same tokens,
    one later, behind the token with which the model's authors let it start.

    Parameters
    ----------
    model : torch.nn.Module
    ids : Tensor (texts, tokens)
    mask : Tensor (texts, tokens), optional
        1 for a token, 0 for padding.

    Returns
    -------
    Tensor or None
        What the model gives first; None if a watcher ended the pass.

    Raises
    ------
    UsageError
        If the model does not say how its decoder starts.
    """
    import torch

    further = {"decoder_input_ids": _shifted(model, ids)} if has_decoder_input(model) else {}
    with torch.inference_mode():
        try:
            output = model(input_ids=ids, attention_mask=mask, use_cache=False, **further)
        except LastSiteReachedError:
            return None
    found: torch.Tensor | None = first_output(None, output)
    return found


def has_decoder_input(model: torch.nn.Module) -> bool:
    """Whether an encoder reads the text and a decoder reads it as well."""
    return bool(getattr(model.config, "is_encoder_decoder", False))


def decoder_start(model: torch.nn.Module) -> int:
    """Token with which the decoder starts.

    Raises
    ------
    UsageError
        If the model does not say.
    """
    sources: tuple[Any, ...] = (model.config, getattr(model, "generation_config", None))
    for source in sources:
        found = getattr(source, "decoder_start_token_id", None)
        if found is not None:
            return int(found)
    raise UsageError(
        "The model's configuration has no decoder_start_token_id, with which its decoder begins; "
        "add it to config.json."
    )


def _shifted(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    shifted = ids.roll(1, dims=1)
    shifted[:, 0] = decoder_start(model)
    return shifted
