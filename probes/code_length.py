"""Online (prequential) code length: how many bits labels cost whoever may learn from activity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from probes.base import Probe, checked, task_of
from probes.scores import other_rows
from workbench.errors import UsageError

PORTIONS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)
# So that a class that a block has not shown yet costs bits, but not infinitely many.
_DOUBT = 1e-3


@dataclass(frozen=True)
class CodeLength:
    """Bits that the labels cost.

    Attributes
    ----------
    bits : float
    uniform_bits : float
        Of a code that knows the classes only: ``n log2 K``.
    shuffled_bits : float
        Of the same code for labels shuffled over groups: what a probe costs where there is
        nothing to learn.
    compression : float
        ``uniform_bits / bits``.
    ends : ndarray (blocks,) of int
        Row at which every block ends.
    block_bits : ndarray (blocks,)
    n : int
    n_classes : int
    """

    bits: float
    uniform_bits: float
    shuffled_bits: float
    ends: NDArray[np.int64]
    block_bits: NDArray[np.float64]
    n: int
    n_classes: int

    @property
    def compression(self) -> float:
        """How many times shorter than the uniform code."""
        return self.uniform_bits / self.bits

    def __float__(self) -> float:
        return self.bits


def online_code_length(
    probe: Any,
    X: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    portions: Sequence[float] = PORTIONS,
    seed: int = 0,
) -> CodeLength:
    """Code labels block by block, each by a probe fitted on all blocks before.

    Voita and Titov 2020, equation 4:
    ``L = t_1 log2 K - sum_i log2 p_i(labels of block i + 1 | activity)``, with p_i fitted on the
    first i blocks and t_1 rows in the first block.

    Parameters
    ----------
    probe : Probe
        With `predict_proba`.
    X : array (rows, units)
    y : array (rows,)
        Classes.
    groups : array (rows,), optional
        Rows of one group, such as a document, lie in one block.
    portions : sequence of float
        Rising shares of the rows at which blocks end; the last is 1. Portions that hold no
        further row, or no second class, are joined with the next.
    seed : int
        Of the order of groups.

    Returns
    -------
    CodeLength

    Raises
    ------
    UsageError
        If labels are not classes, portions do not rise to 1, or the probe gives no probabilities.
    WorkbenchError
        If activity is not finite.
    """
    x, labels, each = checked(X, y, groups)
    task_of(labels, "classification")
    if not hasattr(probe, "predict_proba"):
        raise UsageError(
            f"Found no predict_proba on {type(probe).__name__}; expected a probe that gives "
            "probabilities, such as LinearProbe or MLPProbe."
        )
    shares = np.asarray(portions, dtype=np.float64)
    if not (len(shares) and (np.diff(shares) > 0).all() and shares[0] > 0 and shares[-1] == 1):
        raise UsageError(f"Found portions {tuple(portions)}; expected shares that rise to 1.")
    generator = np.random.default_rng(seed)
    order = _by_group(each, generator)
    codes = np.unique(labels, return_inverse=True)[1][order]
    ends = _ends(each[order], codes, shares)
    block_bits = _coded(probe, x[order], codes, each[order], ends)
    other = codes[other_rows(codes, each[order], generator)]
    ends_of_other = _ends(each[order], other, shares)
    shuffled = _coded(probe, x[order], other, each[order], ends_of_other).sum()
    n_classes = int(codes.max()) + 1
    uniform = len(codes) * np.log2(n_classes)
    bits = float(block_bits.sum())
    return CodeLength(
        bits, float(uniform), float(shuffled), ends, block_bits, len(codes), n_classes
    )


def _by_group(groups: NDArray[Any], generator: np.random.Generator) -> NDArray[np.int64]:
    number = np.unique(groups, return_inverse=True)[1]
    place = generator.permutation(int(number.max()) + 1)[number]
    return np.argsort(place, kind="stable")


def _ends(
    groups: NDArray[Any], codes: NDArray[np.int64], shares: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Where blocks end: at the end of a group, and not before a second class was seen."""
    last_of_group = np.append(groups[1:] != groups[:-1], True)
    stops = np.flatnonzero(last_of_group) + 1
    second = int(np.argmax(codes != codes[0])) + 1
    wanted = np.maximum(np.ceil(shares * len(codes)), second)
    return np.unique(stops[np.searchsorted(stops, wanted)])


def _coded(
    probe: Any,
    x: NDArray[Any],
    codes: NDArray[np.int64],
    groups: NDArray[Any],
    ends: NDArray[np.int64],
) -> NDArray[np.float64]:
    n_classes = int(codes.max()) + 1
    bits = [ends[0] * np.log2(n_classes)]
    for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        seen = codes[:start]
        fitted = _fitted(probe, x[:start], seen, groups[:start])
        known = np.full((end - start, n_classes), 0.0)
        known[:, np.asarray(fitted.classes_, dtype=np.int64)] = fitted.predict_proba(x[start:end])
        mixed = (1 - _DOUBT) * known + _DOUBT / n_classes
        bits.append(float(-np.log2(mixed[np.arange(end - start), codes[start:end]]).sum()))
    return np.array(bits)


def _fitted(probe: Any, x: NDArray[Any], codes: NDArray[Any], groups: NDArray[Any]) -> Any:
    fitted = clone(probe)
    if isinstance(probe, Probe) and len(np.unique(groups)) > 1:
        return fitted.fit(x, codes, groups=groups)
    return fitted.fit(x, codes)
