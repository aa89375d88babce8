"""Opening what units are taken out of: networks, the embedded ones, and language models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.editing.language import LanguageTarget
from workbench.editing.targets import (
    Metric,
    NetworkTarget,
    Target,
)
from workbench.errors import UsageError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import torch

_NETWORKS = ("torch", "hf-vision")


def as_target(
    subject: torch.nn.Module | str | Recording | Target,
    inputs: Any,
    targets: Any,
    metric: str | Metric | None = None,
    batch_size: int = 256,
    device: str = "auto",
) -> Target:
    """A subject with its examples, opened once for several ablations.

    Parameters
    ----------
    subject, inputs, targets, metric, batch_size, device
        As of `ablate`; what is a target already stays as it is.

    Returns
    -------
    Target
    """
    if isinstance(subject, Recording):
        subject, inputs = _of_recording(subject, inputs)
    if isinstance(subject, str) and subject.partition("@")[0] == "demo:vision":
        return _demo_vision(subject, inputs, targets, metric or "accuracy", batch_size)
    if isinstance(subject, str) and subject.partition(":")[0] in _NETWORKS:
        return NetworkTarget(_network(subject), inputs, targets, metric or "accuracy", batch_size)
    if isinstance(subject, str):
        if inputs is None:
            raise UsageError(f"Found no texts for '{subject}'; expected inputs= with texts.")
        return LanguageTarget(subject, inputs, metric or "loss", device)
    import torch

    if not isinstance(subject, torch.nn.Module):
        return subject
    return NetworkTarget(subject, inputs, targets, metric or "accuracy", batch_size)


def _of_recording(recording: Recording, inputs: Any) -> tuple[str, Any]:
    """Address of what was recorded, and its texts."""
    address = str(recording.subject.get("address", ""))
    if ":" not in address:
        raise UsageError(
            f"Found a recording of the subject '{address}', which no address opens again; expected "
            "one of an address: pass the network itself."
        )
    if inputs is None and recording.kind == "language" and "text" in recording.stimuli:
        inputs = recording.stimuli["text"].astype(str).tolist()
    return address, inputs


def _network(address: str) -> torch.nn.Module:
    scheme, _, name = address.partition(":")
    if scheme == "torch":
        from workbench.subjects.networks.factory import build_network

        return build_network(name, {})
    from workbench.subjects.vision.model import VisionModel

    return VisionModel(name).network


def _demo_vision(
    subject: str, inputs: Any, targets: Any, metric: str | Metric, batch_size: int
) -> Target:
    from workbench.demo.scene_words import DIGITS
    from workbench.demo.vision import images, network

    opened = network(subject.partition("@")[2] or "final")
    if inputs is not None:
        return NetworkTarget(opened, inputs, targets, metric, batch_size)
    pixels, table = images("test")
    # Its other answers are on shapes, colours and textures; several can be right at once.
    return NetworkTarget(
        opened, pixels, table["digit"].to_numpy(), metric, batch_size, n_outputs=len(DIGITS)
    )
