"""Where the committed weights lie, and how a checkpoint's name becomes a path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

CHECKPOINTS = ("initial", "middle", "final")
DATA = Path(__file__).parent / "data"


def checked(checkpoint: str) -> str:
    """The checkpoint's name, if there is such a one.

    Raises
    ------
    UsageError
        If there is none; the known ones are named.
    """
    if checkpoint not in CHECKPOINTS:
        raise UsageError(
            f"The demonstration has no checkpoint '{checkpoint}'; "
            f"choose one of {', '.join(CHECKPOINTS)}."
        )
    return checkpoint


def load_weights(network: nn.Module, kind: str, checkpoint: str) -> nn.Module:
    """Fill a network with the committed weights and switch it to evaluation.

    Parameters
    ----------
    network : torch.nn.Module
        Built as for training.
    kind : str
        Folder under ``data``.
    checkpoint : str
        initial, middle or final.
    """
    from safetensors.torch import load_file

    network.load_state_dict(load_file(DATA / kind / f"{checked(checkpoint)}.safetensors"))
    return network.eval()
