"""Complexity and phase coupling beside antropy and plain versions: CPU seconds, as a table.

Run ``python benchmarks/brain_dynamics.py``; with antropy installed (it is no dependency), that is
the peer of the complexities, otherwise plain numpy is. Every case is computed once by both to
compile what is compiled, checked to agree, and then timed in turn; the best of three counts.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import hilbert

from analyses import brain_dynamics as bd

ROUNDS = 3
HAS_ANTROPY = importlib.util.find_spec("antropy") is not None


@dataclass(frozen=True)
class Case:
    """What is compared: both callables give the same number or array."""

    name: str
    ours: Callable[[], Any]
    peer_name: str
    peer: Callable[[], Any]


def plain_words(bits: NDArray[np.int64]) -> int:
    """LZ76 by searching the text before each word, symbol by symbol."""
    text, start, words = bits.astype(np.uint8).tobytes(), 0, 0
    while start < len(text):
        length = 1
        while (
            start + length <= len(text)
            and text.find(text[start : start + length], 0, start + length - 1) >= 0
        ):
            length += 1
        words, start = words + 1, start + length
    return words


def plain_entropy(signal: NDArray[np.float64], order: int) -> float:
    """Permutation entropy in bits by sorting every window."""
    windows = np.lib.stride_tricks.sliding_window_view(signal, order)
    codes = np.argsort(windows, axis=1, kind="stable") @ order ** np.arange(order)
    _, counts = np.unique(codes, return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def by_pairs(signals: NDArray[np.float64], index: str) -> NDArray[np.float64]:
    """A coupling matrix pair by pair, as one would write it."""
    analytic = hilbert(signals - signals.mean(axis=1, keepdims=True), axis=1)
    matrix = np.eye(len(signals)) if index == "plv" else np.zeros((len(signals), len(signals)))
    for i in range(len(signals)):
        for j in range(i + 1, len(signals)):
            if index == "plv":
                difference = np.angle(analytic[i]) - np.angle(analytic[j])
                matrix[i, j] = matrix[j, i] = np.abs(np.exp(1j * difference).mean())
            else:
                cross = (analytic[i] * analytic[j].conj()).imag
                matrix[i, j] = matrix[j, i] = np.abs(cross.mean()) / np.abs(cross).mean()
    return matrix


def cases() -> list[Case]:
    """All comparisons, on data of fixed seeds."""
    generator = np.random.default_rng(0)
    found = [_words(generator.integers(2, size=10**power)) for power in (3, 4, 5)]
    found += [_entropy(generator.standard_normal(10**6), order) for order in (3, 5, 7)]
    signals = generator.standard_normal((100, 5000))
    for index, matrix in (
        ("plv", bd.phase_locking_matrix),
        ("wpli", bd.weighted_phase_lag_matrix),
    ):
        found.append(
            Case(
                f"{index} matrix, 100 units x 5,000",
                lambda matrix=matrix: matrix(signals),
                "pair by pair",
                lambda index=index: by_pairs(signals, index),
            )
        )
    return found


def _words(bits: NDArray[np.int64]) -> Case:
    def peer() -> int:
        if not HAS_ANTROPY:
            return plain_words(bits)
        from antropy import lziv_complexity

        return int(lziv_complexity(bits, normalize=False))

    name = f"LZ76, {len(bits):,} bits"
    peer_name = "antropy" if HAS_ANTROPY else "plain"
    return Case(name, lambda: bd.lempel_ziv_complexity(bits), peer_name, peer)


def _entropy(signal: NDArray[np.float64], order: int) -> Case:
    def peer() -> float:
        if not HAS_ANTROPY:
            return plain_entropy(signal, order)
        from antropy import perm_entropy

        return float(perm_entropy(signal, order=order))

    name = f"permutation entropy, order {order}, {len(signal):,}"
    peer_name = "antropy" if HAS_ANTROPY else "plain"
    return Case(name, lambda: bd.permutation_entropy(signal, order=order), peer_name, peer)


def cpu_seconds(function: Callable[[], Any]) -> float:
    """CPU seconds of one call, repeated where it is too short for the clock."""
    repeats, spent = 1, 0.0
    while True:
        start = time.process_time()
        for _ in range(repeats):
            function()
        spent = time.process_time() - start
        if spent > 0.02 or repeats > 10_000:
            return spent / repeats
        repeats *= 10


def main() -> None:
    """Print the table."""
    from threadpoolctl import threadpool_limits

    print("| case | ours, s | peer, s | peer | ratio |\n|---|---|---|---|---|")
    with threadpool_limits(1):
        for case in cases():
            if not np.allclose(case.ours(), case.peer(), atol=1e-9):
                raise SystemExit(f"{case.name}: the two do not agree")
            rounds = [(cpu_seconds(case.ours), cpu_seconds(case.peer)) for _ in range(ROUNDS)]
            ours, peer = (min(each) for each in zip(*rounds, strict=True))
            print(
                f"| {case.name} | {ours:.2g} | {peer:.2g} | {case.peer_name} | {peer / ours:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
