"""Weights before training: recurrent ones as given, input and output ones as torch draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.initial_connectivity import gaussian_init
from workbench.errors import UsageError

Start = Any | Callable[[int], Any] | int
Starts = Start | Mapping[str, Start]


def initial_weights(
    starts: Starts, n_inputs: int, n_outputs: int, seeds: Sequence[int]
) -> tuple[list[str], tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Weights of all starts and seeds.

    Parameters
    ----------
    starts
        As `train_rnn`.
    n_inputs, n_outputs : int
    seeds : sequence of int

    Returns
    -------
    names : list of str
        Of the starts; ``start`` for a single one without a name.
    weights : tuple of ndarray
        Inputs (starts, seeds, units, channels), recurrent (starts, seeds, units, units), outputs
        (starts, seeds, outputs, units). Inputs and outputs depend on the seed only.

    Raises
    ------
    UsageError
        If a start is no square matrix of finite numbers, or starts differ in size.
    """
    named = starts if isinstance(starts, Mapping) else {"start": starts}
    if not named:
        raise UsageError("Found no start; expected at least one, such as low_rank_init(100, 1).")
    recurrent = {str(name): _recurrent(name, start, seeds) for name, start in named.items()}
    sizes = {name: each.shape[-1] for name, each in recurrent.items()}
    if len(set(sizes.values())) > 1:
        raise UsageError(
            f"Found starts of different sizes ({sizes}); expected as many units in each: train "
            "them in turn."
        )
    n_units = next(iter(sizes.values()))
    drawn = [input_and_output_init(n_inputs, n_units, n_outputs, seed) for seed in seeds]
    inputs, outputs = (np.stack(each) for each in zip(*drawn, strict=True))
    shared = (np.broadcast_to(each, (len(named), *each.shape)).copy() for each in (inputs, outputs))
    first, last = shared
    return list(recurrent), (first, np.stack(list(recurrent.values())), last)


def input_and_output_init(
    n_inputs: int, n_units: int, n_outputs: int, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Input and output weights, uniform within one over the root of the fan-in, as torch does.

    Parameters
    ----------
    n_inputs, n_units, n_outputs : int
    seed : int

    Returns
    -------
    inputs : ndarray (units, channels)
    outputs : ndarray (outputs, units)

    Examples
    --------
    >>> inputs, outputs = input_and_output_init(4, 100, 3)
    >>> bool((np.abs(inputs) <= 0.5).all()), bool((np.abs(outputs) <= 0.1).all())
    (True, True)
    """
    # A stream of its own: trials and recurrent weights have the seed as it is.
    generator = np.random.default_rng((seed, 0x1407))
    inputs = generator.uniform(-1, 1, (n_units, n_inputs)) / np.sqrt(n_inputs)
    outputs = generator.uniform(-1, 1, (n_outputs, n_units)) / np.sqrt(n_units)
    return inputs, outputs


def _recurrent(name: str, start: Start, seeds: Sequence[int]) -> NDArray[np.float64]:
    """Recurrent weights (seeds, units, units) of one start."""
    if isinstance(start, (int, np.integer)):
        n_units = int(start)
        return np.stack([gaussian_init(n_units, seed=seed) for seed in seeds])
    given = [start(seed) for seed in seeds] if callable(start) else start
    found = np.stack([_array(each) for each in given]) if isinstance(given, list) else _array(given)
    square = found.ndim in (2, 3) and found.shape[-1] == found.shape[-2]
    if not square or (found.ndim == 3 and len(found) != len(seeds)):
        raise UsageError(
            f"Found start '{name}' of shape {found.shape} for {len(seeds)} seeds; expected (units, "
            "units) or (seeds, units, units), to by from."
        )
    if not np.isfinite(found).all():
        raise UsageError(f"Found NaN or infinite weights in start '{name}'; expected finite ones.")
    return np.broadcast_to(found, (len(seeds), *found.shape[-2:])).copy()


def _array(values: Any) -> NDArray[np.float64]:
    detached = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(detached, np.float64)
