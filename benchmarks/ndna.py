"""Cost of nDNA's lens channel over that of the lens's matrix products alone, and its memory.

    python benchmarks/ndna.py --classes 50257 --units 768 --nodes 13 --positions 512

Random weights of GPT-2 small's shape; float32. Products and whole readings take turns, so that what
else the machine does weighs on both; the median of the ratios is what counts. Times are of the
processor, of this process only.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch

from analyses.ndna.lens_geometry import CHUNK_BYTES, read_prompt
from analyses.ndna.lenses import logits_of


class Head:
    """A head without a norm, so that nothing but its products counts."""

    bias = None

    def __init__(self, n_classes: int, n_units: int) -> None:
        # In place: the memory of a copy would hide that of the readings.
        self.weight = torch.empty(n_classes, n_units).normal_(std=2 / n_units**0.5)

    def features(self, states: torch.Tensor) -> torch.Tensor:
        return states

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        return logits


def products(states: torch.Tensor, head: Head, chunk_bytes: int) -> None:
    """The lens's matrix products, in the chunks that the reading takes."""
    n_rows, n_nodes = states.shape[:2]
    step = max(1, chunk_bytes // (n_nodes * head.weight.shape[0] * 4))
    room = torch.empty(step * n_nodes * head.weight.shape[0])
    with torch.inference_mode():
        for start in range(0, n_rows, step):
            logits_of(states[start : start + step], head, room=room)


def seconds(function: object, *arguments: object, **options: object) -> float:
    start = time.process_time()
    function(*arguments, **options)  # type: ignore[operator]
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("classes", 50257), ("units", 768), ("nodes", 13), ("positions", 512)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--chunk-bytes", type=int, default=CHUNK_BYTES)
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    head = Head(given.classes, given.units)
    states = torch.randn(given.positions, given.nodes, given.units)
    targets = torch.randint(0, given.classes, (given.positions,))
    flops = 2 * states.numel() * given.classes
    rows = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(given.repeats):
        plain = seconds(products, states, head, given.chunk_bytes)
        steps = seconds(read_prompt, states, head, chunk_bytes=given.chunk_bytes)
        whole = seconds(read_prompt, states, head, targets, chunk_bytes=given.chunk_bytes)
        rows.append((plain, steps, whole, steps / plain, whole / plain))
        print(
            f"products {plain:.2f} s, {flops / plain / 1e9:.0f} GFLOP/s; path {steps / plain:.2f}, "
            f"path and belief {whole / plain:.2f}",
            flush=True,
        )
    medians = np.median(rows, axis=0)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"counted: {flops / 1e12:.3f} TFLOP of products")
    print(f"median ratios: path {medians[3]:.2f}, path and belief {medians[4]:.2f}")
    print(
        f"memory beyond weights and states: {peak:.0f} MiB; all logits would be "
        f"{states.shape[0] * states.shape[1] * given.classes * 4 / 2**20:.0f} MiB"
    )


if __name__ == "__main__":
    main()
