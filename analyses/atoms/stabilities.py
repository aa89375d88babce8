"""Stability q*: the share of pairs and rows for which sparse codes are unique.

After *Towards Atoms of Large Language Models* (arXiv 2509.20784): the largest q at which the
q-quantile of coherence stays below ``1 / (2 K - 1)``, with K the q-quantile of the numbers of atoms
that fire. Once atoms are whitened, q* is largely a function of K, and one atom a row always passes:
a memoriser reaches 1. Read it beside `nulls`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.coherences import Coherence, coherence
from analyses.atoms.directions import Metric
from analyses.atoms.supports import support_sizes
from workbench.errors import UsageError, nearest

POPULATIONS = ("pair", "atom")
_STEPS = 60
_CURVE = np.linspace(0.0, 1.0, 201)


@dataclass(frozen=True)
class Stability:
    """Where coherence and sparsity cross.

    Attributes
    ----------
    q : float
        q*, between 0 and 1.
    per : {"pair", "atom"}
        Whether coherence is that of all pairs, or of every atom with its nearest.
    curve : dict of str to ndarray (201,)
        ``q``, and at each the ``coherence``, the ``sparsity`` (at least 1) and the ``bound``.
    """

    q: float
    per: str
    curve: dict[str, NDArray[np.float64]] = field(repr=False)

    def __float__(self) -> float:
        return self.q


def stability(
    dictionary: ArrayLike | Coherence,
    codes: Any,
    metric: Metric = None,
    per: Literal["pair", "atom"] = "pair",
) -> Stability:
    """Stability q* of a dictionary and its codes.

    Parameters
    ----------
    dictionary : array (n_atoms, units) or Coherence
        Atoms; their coherence if it is known already.
    codes : sparse or dense array (rows, n_atoms), array (rows,) of int, or int
        Codes, or the numbers of atoms that fire.
    metric : AtomicInnerProduct or array (units, units), optional
        Euclidean by default; not together with a Coherence, which has its own.
    per : {"pair", "atom"}
        Over which population coherence is ranked: all pairs, as published numbers suggest, or
        every atom's largest, which is far stricter.

    Returns
    -------
    Stability
        ``float(...)`` gives q*.

    Raises
    ------
    UsageError
        As `coherence`; if there are no codes, or `per` is neither.

    Examples
    --------
    >>> float(stability(np.eye(3), [1, 2, 2]))
    1.0
    >>> float(stability([[1.0, 0.0], [1.0, 1.0]], [2, 2])) < 0.6
    True
    """
    if per not in POPULATIONS:
        raise UsageError(f"Found per='{per}'; {nearest(str(per), POPULATIONS)}")
    if isinstance(dictionary, Coherence):
        if metric is not None:
            raise UsageError(
                "Found a coherence and a metric; expected one of them: a coherence has been "
                "measured by a metric already."
            )
        found = dictionary
    else:
        found = coherence(dictionary, metric)
    atoms = np.sort(found.per_atom_max)
    mu = found.quantile if per == "pair" else lambda q: float(atoms[_place(q, len(atoms))])
    sizes = support_sizes(codes)
    q = crossing(mu, sizes)
    return Stability(q, per, _curve(mu, np.sort(sizes)))


def crossing(quantile: Callable[[float], float], sizes: ArrayLike) -> float:
    """Largest q at which coherence stays below the bound that sparsity gives.

    Parameters
    ----------
    quantile : callable
        Coherence by q, rising.
    sizes : array (rows,) of int
        Numbers of atoms that fire.

    Returns
    -------
    float

    Examples
    --------
    >>> round(crossing(lambda q: q, [1, 1, 2, 2]), 6)
    0.5
    """
    ordered = np.sort(np.asarray(sizes))
    if quantile(1.0) < _bound(ordered, 1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if quantile(middle) < _bound(ordered, middle):
            low = middle
        else:
            high = middle
    return low


def _bound(ordered: NDArray, q: float) -> float:
    return 1.0 / (2.0 * _sparsity(ordered, q) - 1.0)


def _sparsity(ordered: NDArray, q: float) -> int:
    # A row in which nothing fires counts as one atom: the bound would be negative otherwise.
    return max(int(ordered[_place(q, len(ordered))]), 1)


def _place(q: float, n: int) -> int:
    return max(int(np.ceil(q * n)) - 1, 0)


def _curve(mu: Callable[[float], float], ordered: NDArray) -> dict[str, NDArray[np.float64]]:
    return {
        "q": _CURVE,
        "coherence": np.array([mu(q) for q in _CURVE]),
        "sparsity": np.array([float(_sparsity(ordered, q)) for q in _CURVE]),
        "bound": np.array([_bound(ordered, q) for q in _CURVE]),
    }
