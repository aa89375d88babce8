"""From scaled derivatives to the affinity of pairs, a few frames and a few pairs at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from analyses.connectome.interval_runs import interval_values, run_window, sign_changes
from analyses.connectome.pairs import n_pairs
from workbench.errors import UsageError, nearest

KINDS = ("interval", "minabs", "minabs_same", "geom")
_BLOCK_VALUES = 2**21


def check_kind(kind: str, signed: bool) -> None:
    """Refuse kinds of affinity that there are not.

    Raises
    ------
    UsageError
        If there is no such kind, or it keeps one sign only and both are asked for.
    """
    if kind not in KINDS:
        raise UsageError(f"Found affinity kind '{kind}'; {nearest(str(kind), KINDS)}")
    if signed and kind == "minabs_same":
        raise UsageError(
            "Found kind='minabs_same' with signed=True; expected a kind that keeps opposite signs: "
            "choose kind='minabs'."
        )


def derivative_affinity(
    scaled: NDArray,
    kind: str,
    signed: bool = False,
    n_frames: int | None = None,
    breaks: Sequence[int] = (),
) -> Iterator[tuple[slice, NDArray]]:
    """Affinity of pairs from scaled derivatives, block by block; see `affinity.affinity`.

    Parameters
    ----------
    scaled : ndarray (animals, time, neurons)
        Between -1 and 1; NaN for missing neurons.
    kind : str
        One of `KINDS`.
    signed : bool
        Same and opposite signs in separate blocks of pairs.
    n_frames : int, optional
        Frames in a block; all by default.
    breaks : sequence of int
        Frames at which another piece of time begins: no interval crosses them.

    Yields
    ------
    frames : slice
    values : ndarray (frames, animals, pairs)
    """
    animals = [_Animal(each, kind, signed, breaks) for each in scaled]
    size = n_pairs(scaled.shape[2]) * (2 if signed else 1)
    step = n_frames or scaled.shape[1]
    for start in range(0, scaled.shape[1], step):
        frames = slice(start, min(start + step, scaled.shape[1]))
        values = np.empty((frames.stop - start, len(animals), size), scaled.dtype)
        for number, animal in enumerate(animals):
            animal.fill(frames, values[:, number])
        yield frames, values


class _Animal:
    """Affinity of one animal's pairs."""

    def __init__(self, scaled: NDArray, kind: str, signed: bool, breaks: Sequence[int]) -> None:
        self.scaled, self.kind, self.signed = scaled, kind, signed
        self.indices = np.triu_indices(scaled.shape[1], 1)
        self.changes = None
        if kind == "interval":
            self.changes = sign_changes(scaled)
            self.changes[list(breaks)] = True

    def fill(self, frames: slice, out: NDArray) -> None:
        """Write the affinity of some frames into an array (frames, pairs)."""
        window, pairs = self._window(frames), len(self.indices[0])
        step = max(1, _BLOCK_VALUES // (window.stop - window.start))
        for start in range(0, pairs, step):
            some = slice(start, min(start + step, pairs))
            values = self._values(frames, window, some)
            if not self.signed:
                out[:, some] = values
                continue
            agree = self._agreement(frames, some)
            out[:, some] = np.where(agree < 0, 0, values)
            out[:, some.start + pairs : some.stop + pairs] = np.where(agree > 0, 0, values)

    def _window(self, frames: slice) -> slice:
        if self.changes is None:
            return frames
        there = ~np.isnan(self.scaled[0])
        return run_window(self.changes[:, there], frames) if there.sum() > 1 else frames

    def _values(self, frames: slice, window: slice, some: slice) -> NDArray:
        first, second = self.indices[0][some], self.indices[1][some]
        scaled = self.scaled[window]
        if self.changes is not None:
            whole = interval_values(scaled, self.changes[window], first, second)
            return whole[frames.start - window.start : frames.stop - window.start]
        u, v = np.abs(scaled[:, first]), np.abs(scaled[:, second])
        if self.kind == "geom":
            return np.sqrt(u * v)
        if self.kind == "minabs":
            return np.minimum(u, v)
        return np.where(self._agreement(frames, some) < 0, 0, np.minimum(u, v))

    def _agreement(self, frames: slice, some: slice) -> NDArray:
        """1 where both signs are the same, -1 where they are opposite."""
        # A product of the derivatives themselves would underflow for tiny ones.
        signs = np.sign(self.scaled[frames])
        return signs[:, self.indices[0][some]] * signs[:, self.indices[1][some]]
