"""From prompts within a model to curves along depth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.angles import menger_curvature, turning_angles
from analyses.ndna.curves import Curves, even_depth
from analyses.ndna.frenet import frenet_curvature, frenet_torsion
from analyses.ndna.lens_geometry import CHUNK_BYTES, LensReading, read_prompt
from analyses.ndna.namespaces import norms
from workbench.errors import UsageError

if TYPE_CHECKING:
    from analyses.ndna.lenses import Lens
    from analyses.ndna.opening import Prompt

# Of probabilities, then of activity itself; units stand with each.
LENS_CHANNELS = {
    "step": "radians",
    "turning": "radians",
    "curvature": "1/radian",
    "tail": "radians",
    "belief": "radians/nat",
    "norm_of_mean": "radians/nat",
    "coherence": "1",
}
RESIDUAL_CHANNELS = {
    "residual_step": "activity",
    "residual_turning": "radians",
    "menger": "1/activity",
    "frenet_curvature": "1/activity",
    "torsion": "1/activity",
}
UNITS = {**LENS_CHANNELS, **RESIDUAL_CHANNELS}


@dataclass(frozen=True)
class Chunks:
    """How much is held at once.

    Attributes
    ----------
    chunk_bytes : int
        Memory for logits.
    class_chunk : int, optional
        Classes at a time; see `lens_geometry.read_prompt`.
    """

    chunk_bytes: int = CHUNK_BYTES
    class_chunk: int | None = None


def curves_of(
    name: str,
    sites: tuple[str, ...],
    prompts: Iterable[Prompt],
    lens: Lens | None,
    *,
    vocabulary: str = "",
    attributes: dict[str, Any] | None = None,
    residual: bool = True,
    chunks: Chunks | None = None,
) -> Curves:
    """Curves of prompts: each value the mean over the positions of a prompt.

    Parameters
    ----------
    name : str
    sites : tuple of str
    prompts : iterable of Prompt
    lens : Lens, optional
        No curves of probabilities without.
    vocabulary : str
    attributes : dict, optional
    residual : bool
        Whether states of all nodes share one space, so that their own path has a geometry.
    chunks : Chunks, optional

    Returns
    -------
    Curves
        ``n_masked`` among the attributes counts angles that are undefined, because a node is
        identical to a neighbour.

    Raises
    ------
    UsageError
        If there are fewer than two nodes, or no prompt.
    WorkbenchError
        If logits are not finite.
    """
    if len(sites) < 2:
        raise UsageError(f"Found {len(sites)} layer; expected at least two: one is no path.")
    parts: list[dict[str, NDArray]] = []
    n_masked = 0
    limits = chunks or Chunks()
    for prompt in prompts:
        found: dict[str, NDArray] = {}
        if lens is not None:
            reading = read_prompt(
                prompt.states,
                lens,
                prompt.targets,
                chunk_bytes=limits.chunk_bytes,
                class_chunk=limits.class_chunk,
            )
            n_masked += int(reading.turning.isnan().sum())
            found |= lens_channels(reading)
        if residual:
            states = prompt.states.double().cpu().numpy()
            found |= residual_channels(states)
            n_masked += 0 if lens is not None else int(np.isnan(turning_angles(states)).sum())
        parts.append(found)
    if not parts:
        raise UsageError("Found no prompt; expected at least one.")
    stacked = {key: np.stack([part[key] for part in parts]) for key in parts[0]}
    about = {**(attributes or {}), "n_masked": n_masked}
    return Curves(name, sites, even_depth(len(sites)), stacked, vocabulary, about)


def lens_channels(reading: LensReading) -> dict[str, NDArray[np.float64]]:
    """Channels of one prompt.

    Parameters
    ----------
    reading : LensReading

    Returns
    -------
    dict of str to ndarray (nodes,)
        NaN where undefined; a step stands at the node that it leads to.
    """
    steps = reading.steps.double().cpu().numpy()
    turning = reading.turning.double().cpu().numpy()
    around = (steps[:, :-1] + steps[:, 1:]) / 2
    bent = turning / np.where(around > 0, around, 1.0)
    mean = steps.mean(axis=0)
    found = {
        "step": _placed(mean, 1, 0),
        "turning": _placed(defined_mean(turning), 1, 1),
        "curvature": _placed(defined_mean(bent), 1, 1),
        "tail": np.append(mean[::-1].cumsum()[::-1], 0.0),
    }
    if reading.belief is None:
        return found
    found["belief"] = reading.belief.double().mean(0).cpu().numpy()
    # The pushes of a single position agree with themselves, which says nothing.
    if len(steps) > 1 and reading.norm_of_mean is not None and reading.coherence is not None:
        found["norm_of_mean"] = reading.norm_of_mean.double().cpu().numpy()
        found["coherence"] = reading.coherence.double().cpu().numpy()
    else:
        found["norm_of_mean"] = found["coherence"] = np.full(len(found["step"]), np.nan)
    return found


def residual_channels(states: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Channels of the path of activity itself, of one prompt.

    Parameters
    ----------
    states : ndarray (rows, nodes, units)

    Returns
    -------
    dict of str to ndarray (nodes,)
    """
    steps = norms(np.diff(states, axis=1))
    functions: dict[str, Callable[[NDArray], NDArray]] = {
        "residual_turning": turning_angles,
        "menger": menger_curvature,
        "frenet_curvature": frenet_curvature,
        "torsion": frenet_torsion,
    }
    inner = {
        name: _placed(defined_mean(np.asarray(function(states))), 1, 1)
        for name, function in functions.items()
    }
    return {"residual_step": _placed(steps.mean(axis=0), 1, 0), **inner}


def defined_mean(values: NDArray) -> NDArray[np.float64]:
    """Mean over the first axis of what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    total = np.where(defined, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _placed(values: NDArray, before: int, after: int) -> NDArray[np.float64]:
    return np.pad(values.astype(np.float64), (before, after), constant_values=np.nan)
