"""GDV beside a plain version built on scipy's pdist: wall time and peak memory, as a table.

Run ``python benchmarks/gdv.py``. Every measurement runs in a process of its own, on the same
random float32 data; times leave out start-up and the making of the data. CPU time stands beside
wall time, because it does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time

import numpy as np
from numpy.typing import NDArray

SIZES = ((2000, 256), (5000, 512), (10000, 1024))
OURS_ALONE = (20000, 1024)
N_CLASSES = 12
AGREEMENT = 1e-6


def plain_gdv(activations: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """GDV as one would write it with scipy: standardise, all distances, means by class."""
    from scipy.spatial.distance import pdist, squareform

    scaled = 0.5 * (activations - activations.mean(axis=0)) / activations.std(axis=0)
    distances = squareform(pdist(scaled))
    classes = np.unique(labels)
    within, between = [], []
    for number, one in enumerate(classes):
        rows = distances[labels == one]
        n_rows = len(rows)
        within.append(rows[:, labels == one].sum() / (n_rows * (n_rows - 1)))
        between += [rows[:, labels == two].mean() for two in classes[number + 1 :]]
    return float((np.mean(within) - np.mean(between)) / math.sqrt(scaled.shape[1]))


def make_data(n_rows: int, n_units: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Clusters of normal points: float32 activations (rows, units) and labels (rows,)."""
    generator = np.random.default_rng(0)
    labels = generator.integers(N_CLASSES, size=n_rows)
    centres = generator.standard_normal((N_CLASSES, n_units), dtype=np.float32)
    noise = generator.standard_normal((n_rows, n_units), dtype=np.float32)
    return noise + 0.5 * centres[labels], labels


def measure(which: str, n_rows: int, n_units: int, threads: int) -> None:
    """Time one version in this process and print what was found as JSON."""
    from threadpoolctl import threadpool_limits

    from analyses.word_classes import gdv

    compute = {"ours": gdv, "plain": plain_gdv}[which]
    warm_up = make_data(100, 100)
    x, labels = make_data(n_rows, n_units)
    with threadpool_limits(threads):
        compute(*warm_up)
        start, cpu_start = time.perf_counter(), time.process_time()
        value = compute(x, labels)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"value": value, "seconds": seconds, "cpu": cpu, "peak": peak}))


def in_subprocess(which: str, n_rows: int, n_units: int, threads: int) -> dict[str, float]:
    """Measure in a fresh process, so that peak memory belongs to one version alone."""
    command = [sys.executable, __file__, "--measure", which, str(n_rows), str(n_units)]
    done = subprocess.run(
        [*command, "--threads", str(threads)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def best_of(repeats: int, which: str, n_rows: int, n_units: int, threads: int) -> dict[str, float]:
    """Fastest of several runs, against what else the machine does."""
    runs = [in_subprocess(which, n_rows, n_units, threads) for _ in range(repeats)]
    return min(runs, key=lambda run: run["seconds"])


def print_table(threads: int, repeats: int) -> None:
    """Run all sizes and print a Markdown table."""
    print(f"BLAS threads: {threads}; best of {repeats}; float32; {N_CLASSES} classes\n")
    print("| rows x units | ours, s (CPU) | pdist, s (CPU) | ratio (CPU) | ours, MB | pdist, MB |")
    print("|---|---|---|---|---|---|")
    for n_rows, n_units in SIZES:
        ours = best_of(repeats, "ours", n_rows, n_units, threads)
        plain = best_of(repeats, "plain", n_rows, n_units, threads)
        if abs(ours["value"] - plain["value"]) > AGREEMENT:
            sys.exit(f"The two disagree: {ours['value']} and {plain['value']}.")
        ratio = plain["seconds"] / ours["seconds"], plain["cpu"] / ours["cpu"]
        print(
            f"| {n_rows:,} x {n_units:,} | {_times(ours)} | {_times(plain)} | "
            f"{ratio[0]:.1f} ({ratio[1]:.1f}) | {ours['peak']:.0f} | {plain['peak']:.0f} |",
            flush=True,
        )
    n_rows, n_units = OURS_ALONE
    ours = best_of(repeats, "ours", n_rows, n_units, threads)
    print(f"| {n_rows:,} x {n_units:,} | {_times(ours)} | not run | | {ours['peak']:.0f} | |")
    print(f"\nBoth values agree to {AGREEMENT:.0e} at every size where both ran.")


def _times(run: dict[str, float]) -> str:
    return f"{run['seconds']:.2f} ({run['cpu']:.2f})"


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads; pdist uses one")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--measure", nargs=3, metavar=("WHICH", "ROWS", "UNITS"))
    options = parser.parse_args()
    if options.measure:
        which, n_rows, n_units = options.measure
        measure(which, int(n_rows), int(n_units), options.threads)
    else:
        print_table(options.threads, options.repeats)


if __name__ == "__main__":
    main()
