"""Planted truths: which probe finds which label, decoding across animals, retrieval.

``python benchmarks/probing.py planted``, ``animals`` and ``retrieval`` print a table each, over
several seeds; intervals are 2.5 to 97.5 percentiles as the functions themselves give them.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from measuring import machine
from numpy.typing import NDArray

import probes

N_ROWS, N_TYPES, N_UNITS, N_DOCUMENTS = 1000, 100, 24, 40
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)


def planted(options: argparse.Namespace) -> None:
    """Linear, XOR, word-bound and random labels by probes, controls and code lengths."""
    start, found = time.process_time(), defaultdict(list)
    erased = defaultdict(list)
    for seed in range(options.seeds):
        data = word_like(seed)
        for label in ("linear", "XOR", "random by word", "random"):
            for name, probe in _probes(seed).items():
                found[label, name].append(_read(probe, data, label))
        for label in ("linear", "XOR"):
            for name, made in _erased(data, label, seed):
                erased[label, name].append(made)
    print(
        f"{machine()}\n\n{N_ROWS} rows, {N_UNITS} units, {N_TYPES} word types, "
        f"{options.seeds} seeds\n"
    )
    head = ("label", "probe", "accuracy", "control task", "selectivity", "bits a label", "shuffled")
    print(_table(head, {key: np.mean(rows, axis=0) for key, rows in found.items()}))
    head = ("label", "erased by", "linear probe", "MLP", "always the same guess")
    print("\n" + _table(head, {key: np.mean(rows, axis=0) for key, rows in erased.items()}))
    print(f"\n{time.process_time() - start:.0f} CPU seconds")


def word_like(seed: int) -> dict[str, NDArray[Any]]:
    """Rows that are a word type's vector and context, with four labels."""
    generator = np.random.default_rng(seed)
    words = generator.integers(0, N_TYPES, N_ROWS)
    x = generator.normal(size=(N_TYPES, N_UNITS))[words]
    x += 0.5 * generator.normal(size=x.shape)
    return {
        "x": x,
        "words": words,
        "documents": generator.integers(0, N_DOCUMENTS, N_ROWS),
        "linear": (x @ generator.normal(size=N_UNITS) > 0).astype(int),
        "XOR": ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int),
        "random by word": generator.integers(0, 2, N_TYPES)[words],
        "random": generator.integers(0, 2, N_ROWS),
    }


def _probes(seed: int) -> dict[str, Any]:
    small = {"learning_rate": 0.01, "max_epochs": 25, "seed": seed}
    return {
        "5 units": probes.SparseProbe(5, C=0.1),
        "linear": probes.LinearProbe(C=0.1),
        "MLP": probes.MLPProbe(hidden=32, **small),
        "MLP that memorises": probes.MLPProbe(hidden=256, patience=0, weight_decay=0.0, **small),
    }


def _read(probe: Any, data: dict[str, NDArray[Any]], label: str) -> list[float]:
    x, y, documents = data["x"], data[label], data["documents"]
    scored = probes.selectivity(probe, x, y, data["words"], documents, n_bootstrap=20)
    length = probes.online_code_length(probe, x, y, documents, portions=(0.05, 0.1, 0.25, 0.5, 1.0))
    bits = [length.bits / length.n, length.shuffled_bits / length.n]
    return [scored.task.value, scored.control.value, scored.value, *bits]


def _erased(
    data: dict[str, NDArray[Any]], label: str, seed: int
) -> Iterator[tuple[str, list[float]]]:
    x, y, documents = data["x"], data[label], data["documents"]
    made: dict[str, Callable[[], NDArray[Any]]] = {
        "nothing": lambda: x,
        "LEACE": lambda: probes.erase(x, y).activity,
        "INLP (rank 1)": lambda: probes.erase(x, y, "inlp", 1, seed).activity,
        "random direction": lambda: probes.erase(x, y, "random", 1, seed).activity,
    }
    for name, activity in made.items():
        scores = [
            probes.evaluate(_probes(seed)[each], activity(), y, documents, n_bootstrap=20)
            for each in ("linear", "MLP")
        ]
        yield name, [*(score.value for score in scores), scores[0].chance]


def animals(options: argparse.Namespace) -> None:
    """Within, zero-shot, few-shot and shuffle, for animals that share latents or share none."""
    print(
        f"{machine()}\n\n4 animals of 30 to 60 units, 160 trials, 4 classes, "
        f"{options.seeds} seeds\n"
    )
    start, found = time.process_time(), defaultdict(list)
    for seed in range(options.seeds):
        for kind in ("shared", "private", "none"):
            probe = probes.DecodingProbe(n_steps=300, seed=seed)
            table = probes.decode_across_animals(
                probe, sharing(kind, seed), shots=(1, 2, 5, 10), n_folds=2, seed=seed
            ).table
            for row in table.itertuples():
                found[row.condition, row.shots, kind].append(row.accuracy)
    rows = {
        key: [np.mean(found[(*key, kind)]) for kind in ("shared", "private", "none")]
        for key in dict.fromkeys(each[:2] for each in found)
    }
    spread = {key: [*row, np.std(found[(*key, "shared")])] for key, row in rows.items()}
    head = (
        "condition",
        "trials a class",
        "shared latents",
        "own latents",
        "no signal",
        "sd (shared)",
    )
    print(_table(head, spread))
    print(f"\nchance .25; {time.process_time() - start:.0f} CPU seconds")


def sharing(kind: str, seed: int) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Animals whose units mix latents; classes move them alike in all, or in each its own way."""
    generator = np.random.default_rng(seed)
    centres = 2 * generator.normal(size=(4, 6))
    made = {}
    for number in range(4):
        if kind == "private":
            centres = 2 * generator.normal(size=(4, 6))
        y = generator.permutation(np.arange(160) % 4)
        z = generator.normal(size=(160, 6)) + (0 if kind == "none" else centres[y])
        d = int(generator.integers(30, 60))
        x = z @ generator.normal(size=(6, d)) + 3 * generator.normal(size=(160, d))
        made[f"animal {number}"] = (x, y)
    return made


def retrieval(options: argparse.Namespace) -> None:
    """Top-1 and top-10 by strength of the signal: contrastive, ridge, chance."""
    print(
        f"{machine()}\n\n300 stimuli shown twice, 40 units, 12 features that vary in activity and "
        f"20 that do not, 3 folds, {options.seeds} seeds\n"
    )
    start, found = time.process_time(), defaultdict(list)
    for seed in range(options.seeds):
        for strength in STRENGTHS:
            x, y = shown(strength, seed)
            for method in ("contrastive", "ridge"):
                probe = probes.RetrievalProbe(method, max_epochs=60, seed=seed)
                each = probes.retrieve(probe, x, y, n_folds=3, n_permutations=50, seed=seed)
                found[strength].append((method, each))
    rows = {}
    for strength, each in found.items():
        values = [
            np.mean([one.top[k] for name, one in each if name == method])
            for method in ("contrastive", "ridge")
            for k in (1, 10)
        ]
        first = each[0][1]
        p = np.max([one.null[10].p_value for name, one in each if name == "contrastive"])
        rows[strength,] = [*values, first.chance[1], first.chance[10], p]
    head = ("strength", "contrastive top-1", "top-10", "ridge top-1", "top-10", "chance top-1")
    print(_table((*head, "chance top-10", "largest p of top-10"), rows))
    print(
        f"\n{first.n_candidates} candidates a fold; {time.process_time() - start:.0f} CPU seconds"
    )


def shown(strength: float, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Activity that mixes twelve features of stimuli, each shown twice, and noise."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(300, 32)).repeat(2, axis=0)
    mixed = strength * features[:, :12] @ generator.normal(size=(12, 40)) / np.sqrt(12)
    return mixed + generator.normal(size=(600, 40)), features


def _table(head: tuple[str, ...], rows: dict[Any, Any]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for key, values in rows.items():
        names = [f"{each:g}" if isinstance(each, float) else str(each) for each in key]
        lines.append("| " + " | ".join([*names, *(f"{value:.3f}" for value in values)]) + " |")
    return "\n".join(lines)
