"""Digests of a language model: weights, configuration, tokenizer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from workbench.recording.identity import digest

if TYPE_CHECKING:
    import torch

# Where the files lie, who wrote them, how they were saved and what only generation or training
# reads: none of it changes an activity.
_BOOKKEEPING = frozenset(
    (
        "_name_or_path",
        "_commit_hash",
        "_attn_implementation",
        "_attn_implementation_internal",
        "transformers_version",
        "dtype",
        "torch_dtype",
        "use_cache",
        "return_dict",
        "output_attentions",
        "output_hidden_states",
        "id2label",
        "label2id",
        "problem_type",
        "finetuning_task",
        "task_specific_params",
    )
)


def weights_digest(model: torch.nn.Module, left_out: Collection[str] = ()) -> str:
    """SHA-256 over names, dtypes, shapes and values of all weights.

    Parameters
    ----------
    model : torch.nn.Module
    left_out : collection of str
        Names of weights that do not count, because no file held them.

    Returns
    -------
    str
    """
    import torch

    running = hashlib.sha256()
    seen: set[int] = set()
    for name, value in sorted(model.state_dict().items()):
        # Tied weights have two names and count once.
        if name in left_out or (value.data_ptr() in seen and value.numel()):
            continue
        seen.add(value.data_ptr())
        running.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        bits = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        running.update(memoryview(bits.numpy()))
    return running.hexdigest()


def configuration_digest(config: Any) -> str:
    """SHA-256 over what a Hugging Face configuration says about the computation."""
    return digest(_plain(config.to_diff_dict()))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items() if k not in _BOOKKEEPING}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def tokenizer_digest(tokenizer: Any) -> str:
    """SHA-256 over what a tokenizer does to a text; ``none`` without one.

    Parameters
    ----------
    tokenizer : Hugging Face tokenizer or None

    Returns
    -------
    str
    """
    if tokenizer is None:
        return "none"
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return digest(sorted(tokenizer.get_vocab().items()))
    described = json.loads(backend.to_str())
    # Calling the tokenizer resets both, and nothing here is cut or padded by it.
    for key in ("truncation", "padding"):
        described.pop(key, None)
    return digest(described)
