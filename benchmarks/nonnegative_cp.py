"""Non-negative CP beside tensorly and tensortools: CPU seconds to equal error; memory when sparse.

Run ``python benchmarks/nonnegative_cp.py`` (dense, both sizes), ``... sparse`` (12 x 29,000 x
29,000), or with ``--shape 240 21 60 --dtype float32``. All solvers run in one process, in turn,
from the same random starts; the error reached is followed sweep by sweep, and each peer meets ours
at the larger of the two errors at which they end, plus a ten-thousandth of it, so that both reach
it: what counts is the CPU time until then. A peer that is not installed is left
out, and the table says so; tensortools can stand anywhere on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from measuring import machine
from numpy.typing import NDArray

RANK = 8
SLACK = 1e-4
Curve = tuple[list[float], list[float]]


class Clock:
    """CPU seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.process_time()

    def __call__(self) -> float:
        return time.process_time() - self._start


def tensor_of(n_frames: int, n_subjects: int, n_neurons: int, dtype: str) -> NDArray:
    """Affinity of planted groups in slow noise; (time, subjects, pairs)."""
    from scipy.ndimage import gaussian_filter1d as smooth

    generator = np.random.default_rng(0)
    first, second = np.triu_indices(n_neurons, 1)
    tensor = np.zeros((n_frames, n_subjects, len(first)), dtype=dtype)
    spans = [(0.12, 0.29), (0.42, 0.58), (0.71, 0.87), (0.31, 0.69)]
    groups = [range(10), range(10, 18), range(18, 24), range(5, 14)]
    for subject in range(n_subjects):
        traces = smooth(generator.normal(size=(n_frames, n_neurons)), 6, axis=0, mode="wrap")
        traces *= 0.35 / traces.std(axis=0)
        for number, (span, group) in enumerate(zip(spans, groups, strict=True)):
            if subject % (number + 1) == 0:
                start, stop = (int(share * n_frames) for share in span)
                drive = smooth(generator.normal(size=stop - start + 60), 6)[30:-30]
                gains = generator.uniform(0.7, 1.3, len(group))
                traces[start:stop, group] += 1.5 * np.outer(drive / drive.std(), gains)
        traces += 0.05 * generator.normal(size=traces.shape)
        speed = np.abs(smooth(traces, 3, axis=0, order=1, mode="nearest"))
        speed /= speed.max(axis=0)
        tensor[:, subject] = np.minimum(speed[:, first], speed[:, second])
    return tensor


def starts(shape: tuple[int, ...], tensor: NDArray, seed: int) -> list[NDArray]:
    """Uniform factors whose model is as long as the tensor."""
    generator = np.random.default_rng(seed)
    factors = [generator.random((size, RANK)) for size in shape]
    model = math.sqrt(np.prod([each.T @ each for each in factors], axis=0).sum())
    ratio = (np.linalg.norm(tensor.ravel().astype(float)) / model) ** (1 / len(shape))
    return [(each * ratio).astype(tensor.dtype) for each in factors]


def even(errors: list[float], seconds: float) -> Curve:
    """Errors with the times at which they were reached, sweeps taking equally long."""
    return [seconds * (n + 1) / len(errors) for n in range(len(errors))], errors


def ours(tensor: NDArray, start: list[NDArray], sweeps: int) -> Curve:
    """All that `NonnegativeCP.fit` does, with its checks and its final error, spread evenly."""
    from analyses.connectome.cp import NonnegativeCP

    clock = Clock()
    model = NonnegativeCP(RANK, max_iterations=sweeps).fit(tensor, start=start)
    return even(list(model.history_), clock())


def tensorly_hals(tensor: NDArray, start: list[NDArray], sweeps: int) -> Curve:
    """Tensorly's HALS, its tolerance as published."""
    from tensorly.decomposition import non_negative_parafac_hals as solve

    clock = Clock()
    errors = solve(tensor, RANK, sweeps, init=_kruskal(start), return_errors=True)[1]
    return even([float(each) for each in errors], clock())


def tensorly_mu(tensor: NDArray, start: list[NDArray], sweeps: int) -> Curve:
    """Tensorly's multiplicative updates."""
    from tensorly.decomposition import non_negative_parafac as solve

    clock = Clock()
    errors = solve(tensor, RANK, sweeps, init=_kruskal(start), return_errors=True)[1]
    return even([float(each) for each in errors], clock())


def tensortools_hals(tensor: NDArray, start: list[NDArray], sweeps: int) -> Curve:
    """Tensortools' HALS."""
    return _tensortools("ncp_hals", tensor, start, sweeps)


def tensortools_bcd(tensor: NDArray, start: list[NDArray], sweeps: int) -> Curve:
    """Tensortools' block coordinate descent, what its Ensemble takes by default."""
    return _tensortools("ncp_bcd", tensor, start, sweeps)


SOLVERS: dict[str, Callable[[NDArray, list[NDArray], int], Curve]] = {
    "ours": ours,
    "tensorly HALS": tensorly_hals,
    "tensorly MU": tensorly_mu,
    "tensortools HALS": tensortools_hals,
    "tensortools BCD": tensortools_bcd,
}


def _kruskal(start: list[NDArray]) -> Any:
    from tensorly.cp_tensor import CPTensor

    return CPTensor((np.ones(RANK, dtype=start[0].dtype), [each.copy() for each in start]))


def _tensortools(name: str, tensor: NDArray, start: list[NDArray], sweeps: int) -> Curve:
    import tensortools
    from tensortools.tensors import KTensor

    initial = KTensor([each.copy() for each in start])
    solve = getattr(tensortools, name)
    # Compiled outside the clock.
    solve(tensor[:9, :9, :9].copy(), RANK, init="rand", max_iter=2, verbose=False)
    clock = Clock()
    with contextlib.redirect_stdout(io.StringIO()):
        found = solve(tensor, RANK, init=initial, max_iter=sweeps, tol=1e-6, verbose=False)
    return even([float(each) for each in found.obj_hist], clock())


def installed() -> list[str]:
    """Solvers that can run here."""
    return [name for name in SOLVERS if name == "ours" or importlib.util.find_spec(name.split()[0])]


def time_to(curve: Curve, target: float) -> float:
    """First time at which the error was at most so much; infinite if never."""
    times, errors = curve
    return next((at for at, error in zip(times, errors, strict=True) if error <= target), math.inf)


def dense(shape: tuple[int, int, int], dtype: str, n_starts: int, sweeps: int) -> None:
    """Print a table of CPU seconds to equal error."""
    tensor = tensor_of(*shape, dtype)
    names = installed()
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in names}
    for seed in range(n_starts):
        start = starts(tensor.shape, tensor, seed)
        curves = {name: SOLVERS[name](tensor, start, sweeps) for name in names}
        for name, curve in curves.items():
            target = max(curve[1][-1], curves["ours"][1][-1]) * (1 + SLACK)
            both = time_to(curve, target), time_to(curves["ours"], target)
            found[name].append((*both, curve[1][-1], curve[0][-1] / len(curve[0])))
            print(seed, name, *map(float, found[name][-1]), file=sys.stderr, flush=True)
    size = " x ".join(f"{n:,}" for n in tensor.shape)
    print(f"\n{size}, R = {RANK}, {dtype}, {n_starts} starts (seeds 0 to {n_starts - 1})\n")
    print("| solver | CPU s to equal error | ours | ratio | CPU s a sweep | error at the end |")
    print("|---|---|---|---|---|---|")
    for name, runs in found.items():
        theirs, own, end, sweep = (statistics.median(each) for each in zip(*runs, strict=True))
        ratio = statistics.median(run[0] / run[1] for run in runs)
        print(f"| {name} | {theirs:.2f} | {own:.2f} | {ratio:.1f} | {sweep:.4f} | {end:.5f} |")
    for name in set(SOLVERS) - set(names):
        print(f"| {name} | not installed | | | | |")


def sparse(n_cells: int, shape: tuple[int, ...], sweeps: int) -> None:
    """Print seconds and peak memory of a sparse tensor that cannot exist as a dense one."""
    import resource

    from analyses.connectome.cp import NonnegativeCP

    generator = np.random.default_rng(0)
    # Blocks of two in every axis hold most cells; the rest lies anywhere.
    block = generator.integers(2, size=n_cells)
    spread = generator.random(n_cells) < 0.3
    coordinates = np.stack(
        [
            np.where(spread, generator.integers(n, size=n_cells), (place + block * n // 2))
            for n, place in ((n, generator.integers(n // 2, size=n_cells)) for n in shape)
        ]
    ).astype(np.int32)
    values = generator.random(n_cells, dtype=np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    clock = Clock()
    model = NonnegativeCP(RANK, n_restarts=1, max_iterations=sweeps)
    model.fit((coordinates, values, shape))
    seconds = clock()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    gigabytes = math.prod(shape) * 4 / 2**30
    print(
        f"{' x '.join(f'{n:,}' for n in shape)}, {n_cells:,} cells, float32, R = {RANK}: "
        f"{model.n_iter_} sweeps in {seconds:.1f} CPU s ({seconds / model.n_iter_:.2f} a sweep, "
        f"set-up included), peak memory of the process {peak:.0f} MiB ({before:.0f} before the "
        f"fit); dense it would be {gigabytes:.0f} GiB. Error {model.error_:.4f}."
    )


def main() -> None:
    """Read the command line and run."""
    from threadpoolctl import threadpool_limits

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="?", default="dense", choices=("dense", "sparse"))
    parser.add_argument("--shape", nargs=3, type=int, metavar=("FRAMES", "SUBJECTS", "NEURONS"))
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--sweeps", type=int, default=300)
    parser.add_argument("--cells", type=int, default=5_000_000)
    options = parser.parse_args()
    print(machine())
    with threadpool_limits(1):
        if options.which == "sparse":
            sparse(options.cells, (12, 29_000, 29_000), options.sweeps)
        else:
            shapes = [tuple(options.shape)] if options.shape else [(240, 21, 60), (960, 21, 60)]
            for shape in shapes:
                dense(shape, options.dtype, options.starts, options.sweeps)


if __name__ == "__main__":
    main()
