"""Opening what units are taken out of: networks, the embedded ones, and language models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analyses.neuron_labels.ablation_targets import (
    METRICS,
    LanguageTarget,
    Metric,
    NetworkTarget,
    Target,
)
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch


def as_target(
    subject: torch.nn.Module | str | Target,
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
    if isinstance(subject, str) and subject.partition("@")[0] == "demo:vision":
        return _demo_vision(subject, inputs, targets, metric or "accuracy", batch_size)
    if isinstance(subject, str):
        if inputs is None:
            raise UsageError(f"Found no texts for '{subject}'; expected inputs= with texts.")
        if metric is not None and not isinstance(metric, str):
            raise UsageError("Found a function as metric of a language model; expected its name.")
        return LanguageTarget(subject, inputs, metric or "loss", device)
    import torch

    if not isinstance(subject, torch.nn.Module):
        return subject
    return NetworkTarget(subject, inputs, targets, metric or "accuracy", batch_size)


def _demo_vision(
    subject: str, inputs: Any, targets: Any, metric: str | Metric, batch_size: int
) -> Target:
    from workbench.demo.scene_words import DIGITS
    from workbench.demo.vision import images, network

    opened = network(subject.partition("@")[2] or "final")
    if inputs is not None:
        return NetworkTarget(opened, inputs, targets, metric, batch_size)
    pixels, table = images("test")
    known = METRICS.get(metric) if isinstance(metric, str) else metric

    def of_digits(outputs: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        # Its other answers are on shapes, colours and textures; several can be right at once.
        assert known is not None  # noqa: S101 - an unknown name is refused below
        return known(outputs[:, : len(DIGITS)], right)

    chosen = metric if known is None else of_digits
    return NetworkTarget(opened, pixels, table["digit"].to_numpy(), chosen, batch_size)
