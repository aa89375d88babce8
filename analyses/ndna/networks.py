"""Classifiers whose layers have widths of their own: each is read by a tuned read-out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.ndna.belief import check_targets
from analyses.ndna.curves import Curves
from analyses.ndna.opening import Prompt, as_targets
from analyses.ndna.reading import Chunks, curves_of
from analyses.ndna.tuning import logits_lens, tune_readouts
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import torch

_BATCH = 64


def network_curves(
    network: torch.nn.Module,
    inputs: Any,
    targets: Any = None,
    training: Any = None,
    *,
    sites: Sequence[str],
    name: str,
    n_classes: int | None = None,
    n_steps: int = 200,
    seed: int = 0,
    chunks: Chunks | None = None,
) -> Curves:
    """Curves of a classifier along its layers, each read by its own affine read-out.

    Parameters
    ----------
    network : torch.nn.Module
        Gives logits (inputs, classes).
    inputs : array (inputs, ...)
        Each is a prompt of one position.
    targets : array of int (inputs,), optional
        Right classes.
    training : array (inputs, ...), optional
        Other inputs, to train the read-outs on; by default the first half of the inputs, which
        then is not measured.
    sites : sequence of str
        Modules in order of depth; space is averaged over. The output itself is the last node.
    name : str
    n_classes : int, optional
        Only the first so many outputs are classes of one distribution; all by default.
    n_steps, seed : int
        Of the training.
    chunks : Chunks, optional

    Returns
    -------
    Curves
        Of probabilities only: layers of several widths share no space.

    Raises
    ------
    UsageError
        If there is no such module, too few inputs, or targets do not fit.
    """
    import torch

    modules = dict(network.named_modules())
    for site in sites:
        if site not in modules:
            raise UsageError(f"Found no module '{site}' in '{name}'; {nearest(site, modules)}")
    measured, labels = np.asarray(inputs), as_targets(targets, len(inputs))
    if training is None:
        half = len(measured) // 2
        training, measured = measured[:half], measured[half:]
        labels = None if labels is None else labels[half:]
    if len(training) < 2 or not len(measured):
        raise UsageError(
            f"Found {len(measured)} inputs to measure and {len(training)} to train on; expected "
            "both: give training= or more inputs."
        )
    network.eval()
    shown = _features(network, np.asarray(training), [modules[site] for site in sites], n_classes)
    maps, losses = tune_readouts(shown[:-1], shown[-1], n_steps=n_steps, seed=seed)
    found = _features(network, measured, [modules[site] for site in sites], n_classes)
    read = [rows @ m + b for rows, (m, b) in zip(found[:-1], maps, strict=True)]
    states = torch.stack([*read, found[-1]], 1)
    if labels is not None:
        check_targets(labels, states.shape[-1])
    prompts = (
        Prompt(states[n : n + 1], None if labels is None else labels[n : n + 1])
        for n in range(len(states))
    )
    attributes = {"lens": "tuned", "target": "class", "n_positions": len(states), **losses}
    return curves_of(
        name,
        (*sites, "output"),
        prompts,
        logits_lens(states.shape[-1]),
        vocabulary=f"{states.shape[-1]} outputs",
        attributes=attributes,
        residual=False,
        chunks=chunks,
    )


def _features(
    network: torch.nn.Module,
    inputs: np.ndarray,
    modules: list[torch.nn.Module],
    n_classes: int | None,
) -> list[torch.Tensor]:
    """Activity (inputs, units) of each module, averaged over space, then the logits."""
    import torch

    parts: list[list[torch.Tensor]] = []
    for start in range(0, len(inputs), _BATCH):
        batch = torch.as_tensor(inputs[start : start + _BATCH])
        parts.append(_pass(network, batch, modules, n_classes))
    return [torch.cat(column).clone() for column in zip(*parts, strict=True)]


def _pass(
    network: torch.nn.Module,
    batch: torch.Tensor,
    modules: list[torch.nn.Module],
    n_classes: int | None,
) -> list[torch.Tensor]:
    import torch

    seen: dict[int, torch.Tensor] = {}

    def keep(module: Any, _inputs: Any, output: Any) -> None:
        value = output if hasattr(output, "shape") else output[0]
        seen[id(module)] = value.flatten(2).mean(-1) if value.ndim > 2 else value

    handles = [module.register_forward_hook(keep) for module in modules]
    try:
        with torch.no_grad():
            output: Any = network(batch)
    finally:
        for handle in handles:
            handle.remove()
    logits = getattr(output, "logits", output)
    return [seen[id(module)] for module in modules] + [logits[:, :n_classes]]
