"""Balance of excitation and inhibition in a network's weights or input currents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.brain_dynamics.inputs import real_array
from workbench.errors import UsageError, nearest


def _difference(excitation: NDArray, inhibition: NDArray) -> NDArray:
    total = excitation + inhibition
    return np.divide(excitation - inhibition, total, out=np.zeros_like(total), where=total > 0)


def _ratio(excitation: NDArray, inhibition: NDArray) -> NDArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return excitation / inhibition


INDICES: dict[str, Callable[[NDArray, NDArray], NDArray]] = {
    "difference": _difference,
    "ratio": _ratio,
}


def excitation_inhibition_balance(
    weights: ArrayLike,
    activity: ArrayLike | None = None,
    index: str | Callable[[NDArray, NDArray], ArrayLike] = "difference",
    per_unit: bool = False,
) -> float | NDArray[np.float64]:
    """Balance of excitation E and inhibition I that units receive.

    The index of *Boosting Reservoir Computing with Brain-inspired Adaptive Dynamics* (arXiv
    2504.12480) could not be verified, so which index is meant is a parameter, and numbers are not
    comparable with that paper's.

    Parameters
    ----------
    weights : array (units, units)
        As (to, from); positive ones excite, negative ones inhibit.
    activity : array (time, units), optional
        Activity of the units that weights come from, not negative: E and I are then mean currents
        (weight times activity), otherwise sums of weights.
    index : {"difference", "ratio"} or callable
        ``(E - I) / (E + I)``, which is 0 in balance, below 0 with more inhibition, and 0 without
        any weight; or ``E / I``, which is 1 in balance and infinite without inhibition; or any
        function of E and I (arrays (units,), or of one element for the whole network).
    per_unit : bool
        One value for each receiving unit instead of one for the network.

    Returns
    -------
    float, or ndarray (units,) with ``per_unit``

    Raises
    ------
    UsageError
        If shapes do not match, activity is negative, or there is no such index.

    Examples
    --------
    >>> excitation_inhibition_balance([[0.0, 3.0], [-1.0, 0.0]])
    0.5
    """
    w = real_array(weights, "weights", 2)
    if w.ndim != 2:
        raise UsageError(f"Found weights of shape {w.shape}; expected (to, from).")
    level = np.ones(w.shape[1]) if activity is None else _mean_activity(activity, w.shape[1])
    excitation, inhibition = np.maximum(w, 0) @ level, np.maximum(-w, 0) @ level
    if not per_unit:
        excitation, inhibition = excitation.sum(keepdims=True), inhibition.sum(keepdims=True)
    if not callable(index) and index not in INDICES:
        raise UsageError(f"Found index='{index}'; {nearest(str(index), INDICES)}")
    function = index if callable(index) else INDICES[index]
    found = np.asarray(function(excitation, inhibition), dtype=np.float64)
    return found if per_unit else float(found.reshape(-1)[0])


def sign_shuffled_balance(
    weights: ArrayLike,
    activity: ArrayLike | None = None,
    index: str | Callable[[NDArray, NDArray], ArrayLike] = "difference",
    n_draws: int = 199,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Balance under the null that strength does not depend on sign: signs shuffled over weights.

    As many weights excite and inhibit as before, and sizes stay in place. Draws for
    `workbench.statistics.permutation.permutation_null`.

    Parameters
    ----------
    weights, activity, index
        As in `excitation_inhibition_balance`.
    n_draws : int
    seed : int

    Returns
    -------
    ndarray (draws,)

    Examples
    --------
    >>> draws = sign_shuffled_balance([[0.0, 3.0], [-1.0, 0.0]], n_draws=5)
    >>> np.abs(draws).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5]
    """
    w = real_array(weights, "weights", 2)
    there, generator = w != 0, np.random.default_rng(seed)
    draws = []
    for _ in range(n_draws):
        drawn = np.abs(w)
        drawn[there] *= generator.permutation(np.sign(w[there]))
        draws.append(excitation_inhibition_balance(drawn, activity, index))
    return np.array(draws, dtype=np.float64)


def _mean_activity(activity: ArrayLike, n_units: int) -> NDArray[np.float64]:
    values = real_array(activity, "activity", 2)
    if values.ndim != 2 or values.shape[1] != n_units:
        raise UsageError(
            f"Found activity of shape {values.shape} for weights from {n_units} units; expected "
            f"(time, {n_units})."
        )
    if (values < 0).any():
        raise UsageError(
            f"Found negative activity ({values.min():g}); expected rates or spikes: a negative one "
            "would turn excitation into inhibition."
        )
    return values.mean(axis=0)
