"""The embedded language model: a small GPT-2, trained by this project on real English."""

from __future__ import annotations

from pathlib import Path

from workbench.demo.checkpoints import CHECKPOINTS, DATA, checked

__all__ = ["CHECKPOINTS", "folder"]


def folder(checkpoint: str = "final") -> Path:
    """Hugging Face folder of a checkpoint, with its tokenizer.

    Parameters
    ----------
    checkpoint : str
        *initial* (untrained), *middle* (after a tenth of the steps) or *final*.

    Returns
    -------
    Path
        Opens offline with ``transformers.AutoModelForCausalLM`` and ``AutoTokenizer``. Weights
        are stored as float16 and open as float32.

    Raises
    ------
    UsageError
        If there is no such checkpoint.

    Examples
    --------
    >>> sorted(path.name for path in folder("final").iterdir())
    ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']
    """
    return DATA / "language" / checked(checkpoint)
