"""Tangent kernels of an opened subject with some weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.opened import Opened, State
from analyses.learning_regime.tangent_by_parameter import tangent_kernels

Kernels = dict[str, NDArray[np.float64]]
ALL = "all parameters"


def kernels_with(opened: Opened, state: State) -> Kernels:
    """Kernels of all weights with two axes or more, and of all parameters together.

    Parameters
    ----------
    opened : Opened
    state : mapping of str to Tensor
        Weights to load.

    Returns
    -------
    dict of str to ndarray (stimuli * outputs, stimuli * outputs)

    Raises
    ------
    UsageError
        As `tangent_kernel`.
    """
    opened.load(state)
    found = tangent_kernels(opened.answers, opened.inputs)
    total = np.sum([each.astype(np.float64) for each in found.values()], axis=0)
    named = {name: found[own] for name, own in opened.names().items() if own in found}
    return {ALL: total, **{name: each.astype(np.float64) for name, each in named.items()}}


def over_outputs(kernel: NDArray[np.float64], n_stimuli: int) -> NDArray[np.float64]:
    """A kernel of stimuli: summed over pairs of the same output.

    Parameters
    ----------
    kernel : ndarray (stimuli * outputs, stimuli * outputs)
    n_stimuli : int

    Returns
    -------
    ndarray (stimuli, stimuli)

    Examples
    --------
    >>> over_outputs(np.eye(4), 2).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    each = len(kernel) // n_stimuli
    summed: NDArray[np.float64] = np.einsum(
        "iaja->ij", kernel.reshape(n_stimuli, each, n_stimuli, each)
    )
    return summed
