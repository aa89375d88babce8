"""Deleting the units of a shortcut, found by their labels: accuracy before and after, 5 seeds.

Run ``python benchmarks/editing.py``. Each seed trains a small network on scenes of one shape, some
of which carry a handwritten digit that names the class; labels its last layer by the package's own
describers; deletes the units whose labels beat their null and name digits alone, but for those
that scenes like the training's need; and tests on scenes with random digits, beside as many random
units of the same layer that those scenes do not need either. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from analyses.neuron_labels import NeuronLabels
from analyses.neuron_labels.editing_experiment import (
    ADVERSARIAL,
    CLEAN,
    STAMPED,
    Experiment,
    mean_interval,
    run_experiment,
)

SETS = (ADVERSARIAL, STAMPED, CLEAN)


def as_row(found: Experiment, seconds: float) -> dict[str, Any]:
    """One seed as plain numbers."""
    row: dict[str, Any] = {
        "seed": found.seed,
        "seconds": round(seconds, 1),
        "units": len(found.audit.labels),
        "spared": found.n_spared,
        "of": found.audit.n_units,
        "labelled": sum(not label.abstains for label in found.labels),
        "false_label_rate": found.audit.false_label_rate,
        "labels": [label.text for label in found.audit.labels],
    }
    for name in SETS:
        each = found.ablations[name]
        row[name] = {
            "before": each.before,
            "after": each.after,
            "interval": each.interval,
            "control": float(each.controls.mean()),
            "control_sd": float(each.controls.std()),
            "difference": each.difference,
            "difference_interval": each.difference_interval,
            "p": each.p_value,
        }
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """The seeds and their means as a Markdown table."""
    lines = [
        "| test scenes | before | after | change (95 % over seeds) | random units of the layer | "
        "change beyond random units (95 %) |",
        "|---|---|---|---|---|---|",
    ]
    for name in SETS:
        before, after, control = (
            np.array([row[name][key] for row in rows]) for key in ("before", "after", "control")
        )
        change, beyond = mean_interval(after - before), mean_interval(after - control)
        lines.append(
            f"| {name} | {before.mean():.3f} | {after.mean():.3f} | {change[0]:+.3f} "
            f"({change[1]:+.3f} to {change[2]:+.3f}) | {control.mean():.3f} | {beyond[0]:+.3f} "
            f"({beyond[1]:+.3f} to {beyond[2]:+.3f}) |"
        )
    return "\n".join(lines)


def labeller(backend: str, seed: int) -> NeuronLabels:
    """Labels for all units; several follow one stamp, so a label need not beat those of others."""
    return NeuronLabels(backend=backend, null="permute-stimuli", n_units=10_000, seed=seed)


def main() -> None:
    """Run all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--backend", default="segments")
    parser.add_argument("--mode", default="zero")
    parser.add_argument("--any", action="store_true", help="also units that follow more")
    parser.add_argument("--all", action="store_true", help="also units that validation needs")
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--n-train", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    rows = []
    for seed in range(options.seeds):
        start = time.perf_counter()
        found = run_experiment(
            seed,
            labeller(options.backend, seed),
            mode=options.mode,
            share=options.share,
            only=not options.any,
            tolerance=None if options.all else 0.005,
            n_train=options.n_train,
            epochs=options.epochs,
        )
        rows.append(as_row(found, time.perf_counter() - start))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    print(table(rows))
    if options.out:
        Path(options.out).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
