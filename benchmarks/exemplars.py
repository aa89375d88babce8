"""Exemplars of 512 channels over 10,000 images against the forward pass that makes the activity.

    python benchmarks/exemplars.py [--rounds 3] [--images 10000]

Prints a Markdown table. The network is a small one: three convolutions, 118 million multiplications
an image, random weights, whose last layer gives 512 maps of 7 x 7. "During the pass" hands its
output to an `ExemplarAccumulator`, which finds the 15 strongest images of every channel, their
maps, and the 0.99 quantile of all places; "by wb.stream" is `compute_exemplars` on the live
network; "stored" reads a recording of the same activity. The plain version keeps all activity in
memory and uses numpy's argpartition and quantile. CPU time stands beside wall time, because it
does not depend on what else the machine does; images are drawn before the clock starts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import finish, machine, median, rounds
from numpy.typing import NDArray

CHANNELS, SIDE, BATCH, K, QUANTILE = 512, 7, 250, 15, 0.99
SITE = "5"


def network() -> Any:
    """Three convolutions, random weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return nn.Sequential(
        nn.Conv2d(3, 128, 3, 1, 1),
        nn.ReLU(),
        nn.Conv2d(128, 256, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(256, CHANNELS, 3, 2, 1),
        nn.ReLU(),
    ).eval()


def images(n: int) -> NDArray[np.float32]:
    """Noise that is smooth enough to give maps of different strength."""
    coarse = np.random.default_rng(0).standard_normal((n, 3, SIDE, SIDE), dtype=np.float32)
    return coarse.repeat(4, axis=2).repeat(4, axis=3)


def maps_of(n: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Forward passes: number of the first image, activity of the last layer."""
    import torch

    made, shown = network(), images(n)
    made(torch.from_numpy(shown[:BATCH]))
    yield -1, np.empty(0, np.float32)
    with torch.inference_mode():
        for start in range(0, n, BATCH):
            yield start, made(torch.from_numpy(shown[start : start + BATCH])).numpy()


def forward(n: int, _work: Path) -> Callable[[], None]:
    """The passes alone."""
    passes = maps_of(n)
    next(passes)

    def run() -> None:
        for _ in passes:
            pass

    return run


def during(n: int, _work: Path) -> Callable[[], None]:
    """The passes, and exemplars as they go."""
    from analyses.neuron_labels.accumulating import ExemplarAccumulator

    passes, seen = maps_of(n), ExemplarAccumulator(K, QUANTILE)
    next(passes)

    def run() -> None:
        for start, maps in passes:
            seen.update(maps, np.arange(start, start + len(maps)))
        seen.thresholds.sum()

    return run


def stream(n: int, _work: Path) -> Callable[[], None]:
    """All of the public function, on the live network."""
    import workbench as wb
    from analyses.neuron_labels import compute_exemplars

    live = wb.stream(network(), stimuli=images(n), sites=SITE, batch=BATCH)
    return lambda: _used(compute_exemplars(live, SITE, K, QUANTILE, split=None))


def stored(_n: int, work: Path) -> Callable[[], None]:
    """All of the public function, on a recording that is in the page cache."""
    import workbench as wb
    from analyses.neuron_labels import compute_exemplars

    recording = wb.open(work / "rec")
    return lambda: _used(compute_exemplars(recording, SITE, K, QUANTILE, split=None))


def plain(n: int, work: Path) -> Callable[[], None]:
    """All activity in memory: numpy's argpartition of peaks and quantile of all places."""
    import workbench as wb

    values = wb.open(work / "rec")[SITE].to_numpy()

    def run() -> None:
        peaks = values.max(axis=(2, 3))
        top = np.argpartition(peaks, n - K, axis=0)[n - K :]
        values[top.T, np.arange(CHANNELS)[:, None]].sum()
        for channel in range(CHANNELS):
            np.quantile(values[:, channel], QUANTILE, method="inverted_cdf")

    return run


def _used(found: Any) -> None:
    for each in found:
        each.masks.sum()


VARIANTS: dict[str, tuple[Callable[[int, Path], Callable[[], None]], str]] = {
    "forward": (forward, "forward pass alone"),
    "during": (during, "forward pass + ExemplarAccumulator"),
    "stream": (stream, "compute_exemplars by wb.stream, masks of all exemplars"),
    "stored": (stored, "compute_exemplars of a stored recording, masks of all exemplars"),
    "plain": (plain, "plain numpy, all activity in memory"),
}


def prepare(n: int, work: Path) -> None:
    """Record the last layer."""
    import workbench as wb

    wb.capture(network(), stimuli=images(n), sites=SITE, batch=BATCH, out=work / "rec")


def variant(what: str, n: int, work: Path) -> None:
    """One measurement, in this process."""
    run = VARIANTS[what][0](n, work)
    start, cpu = time.perf_counter(), time.process_time()
    run()
    finish(time.perf_counter() - start, cpu=time.process_time() - cpu)


def main() -> None:
    """Run all variants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--what", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--variant", nargs=2, metavar=("WORK", "WHAT"))
    given = parser.parse_args()
    if given.variant:
        variant(given.variant[1], given.images, Path(given.variant[0]))
        return
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        if {"stored", "plain"} & set(given.what):
            prepare(given.images, Path(folder))
        variants = {
            what: ["--variant", folder, what, "--images", str(given.images)] for what in given.what
        }
        found = rounds(sys.argv[0], variants, given.rounds)
    print(f"\n{CHANNELS} channels, {SIDE} x {SIDE}, {given.images} images, one thread\n")
    print("| variant | s | CPU s | CPU / forward | peak MiB |\n|---|---|---|---|---|")
    for what, runs in found.items():
        relative = median(runs, "cpu") / median(found["forward"], "cpu")
        cells = f"{median(runs, 'seconds'):.1f} | {median(runs, 'cpu'):.1f} | {relative:.3f}"
        print(f"| {VARIANTS[what][1]} | {cells} | {median(runs, 'peak_mib'):.0f} |")


if __name__ == "__main__":
    main()
