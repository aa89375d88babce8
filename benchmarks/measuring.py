"""Fair measurement: every variant in a process of its own, in turn, several rounds, ratios."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def machine() -> str:
    """One line about the machine and the libraries that do the arithmetic."""
    from importlib.metadata import version

    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line for line in lines if "model name" in line).split(":")[1].strip()
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0))
    names = ("numpy", "scipy", "torch", "transformers", "transformer-lens", "sae-lens")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{model}, {cores} cores, Python {platform.python_version()}, {versions}"


def finish(seconds: float, **facts: Any) -> None:
    """Print what a variant measured, as its process ends."""
    # Not getrusage: a child starts with the peak of the process that forked it.
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, **facts}))


def timed(function: Callable[[], Any]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def run_variant(script: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Run one variant in a fresh process and read what it printed last."""
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{arguments} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def rounds(
    script: str, variants: dict[str, Sequence[str]], n_rounds: int
) -> dict[str, list[dict[str, Any]]]:
    """Run all variants in turn, several times, so that drift of the machine hits all alike."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in variants}
    for number in range(n_rounds):
        for name, arguments in variants.items():
            found[name].append(run_variant(script, arguments))
            seconds = found[name][-1]["seconds"]
            print(f"round {number + 1}: {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    return found


def median(runs: Sequence[dict[str, Any]], key: str) -> float:
    """Median of a figure over the rounds."""
    return statistics.median(run[key] for run in runs)


def ratio(numerator: Sequence[dict[str, Any]], denominator: Sequence[dict[str, Any]]) -> float:
    """Median over rounds of the ratio of seconds, pair by pair."""
    pairs = zip(numerator, denominator, strict=True)
    return statistics.median(a["seconds"] / b["seconds"] for a, b in pairs)
