"""nDNA: does it find families?

    python benchmarks/ndna_family.py --data FOLDER [--out FOLDER] [--seed 0] [--draws 100]

Grows sixty small language models out of six independently seeded roots (fine-tunes over two
generations, low-rank adaptation, 8- and 4-bit rounding, pruning, distillation, merges), lets each
read held-out prompts, and asks of every distance between models: are two models of one root nearer
than two of different roots (same-root AUC), is the nearest model a parent (top-1; descendants of
the child are no candidates), and is the tree that neighbour joining recovers the true one
(Robinson-Foulds; merges, which have two parents, are left out of trees). Prints tables, with the
verdict in the first line.

``--data`` holds UD English EWT; ``--out`` keeps the models, and what it holds is not grown again.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine
from ndna_family_growing import MEMBERS, MERGE, Growth, genres, grow, open_model, pedigree
from ndna_family_reading import (
    Distances,
    Reading,
    all_distances,
    open_tokenizer,
    prompts,
    read,
)
from numpy.typing import NDArray

from analyses import ndna
from analyses.ndna.lineage import pair_auc
from analyses.ndna.neighbour_joining import neighbour_joining
from analyses.ndna.splits import splits
from workbench.statistics.bootstrap import bootstrap_weights, percentile_interval

OURS = "nDNA: length and belief"
BASELINES = ("final-layer Fisher-Rao", "output Nei", "CKA", "weights", "entropy profile")
# Unrelated roots are taken to be further apart than any two of a family.
ORIGIN = 3.0


@dataclass(frozen=True)
class Truth:
    """Descent of the models, in the order of the distances."""

    parents: dict[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """All models."""
        return tuple(self.parents)

    @property
    def roots(self) -> NDArray:
        """Family of each model."""
        return np.array([name.split(".")[0] for name in self.names])

    @property
    def in_trees(self) -> NDArray[np.bool_]:
        """Models with one parent at most."""
        return np.array([len(above) < 2 for above in self.parents.values()])

    @property
    def tree(self) -> Any:
        """True tree of those."""
        return ndna.pedigree_tree({k: v for k, v in self.parents.items() if len(v) < 2})

    @property
    def paths(self) -> NDArray[np.float64]:
        """True path lengths of all models."""
        return ndna.path_lengths(ndna.pedigree_tree(self.parents, ORIGIN)).values


@dataclass(frozen=True)
class Verdict:
    """What one distance finds."""

    auc: Any
    search: Any
    recovered: tuple[float, tuple[float, float], float]
    overall: Any
    within: Any
    draws: dict[str, NDArray[np.float64]]


def judge(found: Distances, truth: Truth, seed: int) -> Verdict:
    """Hold one distance against the truth."""
    auc = ndna.same_root_auc(found.whole, truth.roots, seed=seed)
    search = ndna.parent_search(found.whole, truth.parents, truth.names, seed=seed)
    overall = ndna.mantel(found.whole, truth.paths, seed=seed)
    within = ndna.mantel(found.whole, truth.paths, truth.roots, method="spearman", seed=seed)
    return Verdict(auc, search, _trees(found, truth), overall, within, _draws(found, truth, seed))


def _trees(found: Distances, truth: Truth) -> tuple[float, tuple[float, float], float]:
    """Robinson-Foulds distance with its interval over prompts, and the share of true splits."""
    kept = truth.in_trees
    names = [name for name, keep in zip(truth.names, kept, strict=True) if keep]
    trees = [
        neighbour_joining(each[np.ix_(kept, kept)], names) for each in (found.whole, *found.draws)
    ]
    apart = [ndna.robinson_foulds(each, truth.tree) for each in trees]
    return apart[0], percentile_interval(apart[1:]), ndna.shared_splits(trees[0], truth.tree)


def _draws(found: Distances, truth: Truth, seed: int) -> dict[str, NDArray[np.float64]]:
    """AUC and top-1 over draws of prompts and, independently, of families."""
    roots = truth.roots
    generator = np.random.default_rng(seed + 1)
    counts = bootstrap_weights(roots, len(found.draws), generator)
    rows, columns = np.triu_indices(len(roots), 1)
    same = roots[rows] == roots[columns]
    aucs, shares = [], []
    for distances, weight in zip(found.draws, counts, strict=True):
        # Copies of one family have the pairs of one family, and none between each other.
        pairs = np.where(same, weight[rows], weight[rows] * weight[columns])
        aucs.append(pair_auc(distances[rows, columns], same, pairs))
        search = ndna.parent_search(distances, truth.parents, truth.names, 1, 2)
        child = weight[[truth.names.index(name) for name in search.children]]
        shares.append(float(child @ (search.ranks == 1) / child.sum()))
    return {"auc": np.array(aucs), "top1": np.array(shares)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--prompts", type=int, default=96)
    options = parser.parse_args()
    start = time.process_time()
    with tempfile.TemporaryDirectory() as temporary:
        readings, truth = experiment(options, options.out or Path(temporary))
        found = all_distances(readings, options.draws, options.seed)
    verdicts = {name: judge(each, truth, options.seed) for name, each in found.items()}
    lines = [
        *summary(verdicts),
        "",
        *main_table(verdicts, truth),
        "",
        *difference_table(verdicts),
        "",
        *kind_table(verdicts, readings, truth),
        "",
        f"{machine()}; {time.process_time() - start:.0f} s of CPU.",
    ]
    print("\n".join(lines))


def experiment(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Reading], Truth]:
    """Grow the models and let them read."""
    import torch

    torch.set_num_threads(1)
    growth = Growth(seed=options.seed)
    paths = grow(options.data, growth, folder)
    tokenizer = open_tokenizer(folder)
    held_out = genres(options.data, "dev")
    for genre, documents in genres(options.data, "test").items():
        # Generated sentences that were not trained on are in both.
        held_out[genre] = held_out[genre] + (documents if genre != "generated" else [])
    tokens = prompts(held_out, tokenizer, options.prompts)
    start = time.process_time()
    readings = {name: read(name, open_model(path, growth), tokens) for name, path in paths.items()}
    print(f"read: {time.process_time() - start:.0f} s of CPU", file=sys.stderr, flush=True)
    return readings, Truth(pedigree(growth.n_roots))


def summary(verdicts: Mapping[str, Verdict]) -> list[str]:
    """The verdict: which baselines the curves beat."""
    ours = verdicts[OURS]
    beaten, lost = [], []
    for name in BASELINES:
        low, high = percentile_interval(ours.draws["auc"] - verdicts[name].draws["auc"])
        if low > 0:
            beaten.append(name)
        if high < 0:
            lost.append(name)
    said = f"nDNA (length and belief) {'beats ' + _all(beaten) if beaten else 'beats no baseline'}"
    losing = f" and is worse than {_all(lost)}" if lost else ""
    scores = ", ".join(f"{name} {verdicts[name].auc.value:.2f}" for name in BASELINES)
    return [f"{said}{losing}: same-root AUC {ours.auc.value:.2f} against {scores}."]


def _all(names: Sequence[str]) -> str:
    return ", ".join(names)


def main_table(verdicts: Mapping[str, Verdict], truth: Truth) -> list[str]:
    """Every distance: AUC, parents, tree, Mantel."""
    n_true, n = len(splits(truth.tree)), int(truth.in_trees.sum())
    best = (n - 3 - n_true) / (n - 3 + n_true)
    heads = [
        "distance",
        "same-root AUC",
        "p",
        f"parent top-1 (n = {next(iter(verdicts.values())).search.top1.n})",
        "p",
        "MRR",
        f"RF (best possible {best:.2f})",
        f"true splits found (of {n_true})",
        "Mantel r",
        "p",
        "within families, rank r",
        "p",
    ]
    lines = [_row(heads), "|---" * len(heads) + "|"]
    for name, each in verdicts.items():
        apart, interval, share = each.recovered
        lines.append(
            _row(
                [
                    name,
                    _with(each.auc.value, percentile_interval(each.draws["auc"])),
                    _p(each.auc.null.p_value),
                    _with(each.search.top1.value, percentile_interval(each.draws["top1"])),
                    _p(each.search.top1.null.p_value),
                    f"{each.search.mrr.value:.2f}",
                    _with(apart, interval),
                    f"{share:.2f}",
                    f"{each.overall.r:.2f}",
                    _p(each.overall.null.p_value),
                    f"{each.within.r:.2f}",
                    _p(each.within.null.p_value),
                ]
            )
        )
    top1, auc = verdicts[OURS].search.top1.null, verdicts[OURS].auc.null
    lines += ["", f"By chance: AUC {auc.mean:.2f}, top-1 {top1.mean:.3f} (models shuffled)."]
    return lines


def difference_table(verdicts: Mapping[str, Verdict]) -> list[str]:
    """Ours less every other distance, the same prompts and families drawn."""
    heads = [f"{OURS}, less", "AUC", "parent top-1"]
    lines = [_row(heads), "|---" * len(heads) + "|"]
    ours = verdicts[OURS]
    for name, each in verdicts.items():
        if name == OURS:
            continue
        auc = ours.auc.value - each.auc.value
        top1 = ours.search.top1.value - each.search.top1.value
        cells = [
            _with(value, percentile_interval(ours.draws[key] - each.draws[key]), "+.2f")
            for key, value in (("auc", auc), ("top1", top1))
        ]
        lines.append(_row([name, *cells]))
    return lines


def kind_table(
    verdicts: Mapping[str, Verdict], readings: Mapping[str, Reading], truth: Truth
) -> list[str]:
    """How many parents are found by kind of child."""
    names = [name for name in (OURS, "nDNA: turning", *BASELINES) if name in verdicts]
    heads = ["child", "loss, nats", *names]
    lines = [_row(heads), "|---" * len(heads) + "|"]
    for kind in ("root", *(member.kind for member in MEMBERS)):
        own = [name for name in truth.names if name.split(".")[1] == kind]
        loss = np.mean([readings[name].loss for name in own])
        cells = []
        for name in names:
            search = verdicts[name].search
            right = dict(zip(search.children, search.ranks == 1, strict=True))
            cells.append("" if kind == "root" else f"{sum(right[n] for n in own)}/{len(own)}")
        label = f"{kind} (either parent)" if kind == MERGE else kind
        lines.append(_row([label, f"{loss:.2f}", *cells]))
    return lines


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _with(value: float, interval: tuple[float, float], form: str = ".2f") -> str:
    low, high = interval
    shown = "" if math.isclose(low, high) else f" [{low:{form}}, {high:{form}}]"
    return f"{value:{form}}{shown}"


def _p(value: float) -> str:
    return f"{value:.3f}"


if __name__ == "__main__":
    main()
