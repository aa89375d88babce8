"""Planted units: how often the best description is exactly what was planted.

    python benchmarks/labels_planted.py [--seeds 3] [--captioner FOLDER] [--out FILE]

For describers (grammar, captioner), weights of the prior from 0 to 1, and re-ranking by nothing, by
the learned simulator and by exact label maps (an upper bound that real images do not have), prints
the share of planted units whose label means what was planted, with 95 % Wilson intervals over the
units of all seeds, and the shares of each seed. A label counts if it parses to the same meaning:
the order of alternatives does not matter, anything else does. The simulator re-ranks all candidates
that the describer proposed, joined by *or* and *but not* too, or with ``top 10`` only the ten best
by the weight of that row; its probe stimuli are neither exemplars nor held-out ones. Without
``--captioner`` one is trained first.

A second table compares mutual information with likelihood alone on the same units (exact McNemar
test), with the paper's weight and with the one that is best on the other seeds. A third says which
units keep the label that the learned simulator chose, tested on held-out scenes with the plugin's
nulls, at 5 % false labels; of noise and of random sets of scenes every label is false.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
KINDS = {"single": 12, "and": 12, "or": 8, "and_not": 8, "rare": 4, "noise": 6, "random_set": 6}
FALSE = ("noise", "random_set")
NONE, LEARNED, TOP, MAPS = "none", "learned", "learned, top 10", "label maps"
SITE = "planted"


@dataclass(frozen=True)
class Setting:
    """One seed's units with exemplars and stimuli."""

    planted: Any
    exemplars: Any
    stimuli: Any
    activity: Any
    probe: Any


def setting(seed: int, n_scenes: int) -> Setting:
    """Render scenes, plant units, compute exemplars."""
    from analyses.neuron_labels.exemplars import compute_exemplars
    from analyses.neuron_labels.planted import planted_units
    from analyses.neuron_labels.types import Stimuli
    from workbench.demo.scenes import render

    scenes = render(n_scenes, seed=seed)
    planted = planted_units(scenes, KINDS, seed=seed)
    stimuli = Stimuli("vision", images=scenes.images, label_maps=scenes.label_maps)
    exemplars = compute_exemplars(planted.recording(SITE), SITE, stimuli=stimuli, seed=seed)
    activity = planted.activity.max(axis=(2, 3))
    return Setting(planted, exemplars, stimuli, activity, exemplars.parts["probe"])


def is_right(text: str, truth: str) -> bool:
    """Whether a description means what was planted."""
    from analyses.neuron_labels.soft_scenes import understood
    from workbench.demo.scene_language import parse

    concept = understood(text)
    return concept is not None and concept.meaning == parse(truth).meaning


def best_texts(given: Setting, unit: int, pool: list[Any], simulators: dict[str, Any]) -> Any:
    """The best description by kind of re-ranking and weight."""
    from analyses.neuron_labels.reranking import rerank

    probe = given.stimuli.take(given.probe)
    real = given.activity[given.probe, unit]
    found = {}
    for weight in WEIGHTS:
        milan = rerank(pool, weight)
        found[NONE, weight] = milan[0].text
        short = rerank(milan[:10], weight, simulators[LEARNED], stimuli=probe, activity=real)
        found[TOP, weight] = short[0].text
    full = rerank(pool, 0.2, simulators[MAPS], stimuli=probe, activity=real, compose=True)
    found[MAPS, float("nan")] = full[0].text
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=3000)
    parser.add_argument("--captioner", type=Path, default=None)
    parser.add_argument("--no-captioner", action="store_true")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    right, kept = sweep(options)
    lines = [*table(right), "", *information(right), "", *abstention(kept)]
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def sweep(options: argparse.Namespace) -> tuple[dict[Any, list[tuple[int, bool]]], dict[Any, Any]]:
    """Right or wrong, by describer, re-ranking, weight and kind of unit, with the seed.

    And whether each unit keeps its label, and whether that is right, by describer and kind.
    """
    from analyses.neuron_labels.simulators import LabelMapSimulator, SceneSimulator

    describers = _describers(options)
    simulators = {LEARNED: SceneSimulator(), MAPS: LabelMapSimulator()}
    right: dict[Any, list[tuple[int, bool]]] = defaultdict(list)
    kept: dict[Any, list[tuple[bool, bool]]] = defaultdict(list)
    for seed in range(options.seeds):
        given = setting(seed, options.scenes)
        for name, describer in describers.items():
            start = time.process_time()
            ranked = {}
            for unit, (truth, kind) in enumerate(
                zip(given.planted.truth, given.planted.kinds, strict=True)
            ):
                pool = describer.propose(given.exemplars[unit], 50)
                ranked[unit] = full_ranking(given, unit, pool, simulators[LEARNED])
                if truth is None:
                    continue
                inside = any(is_right(each.text, truth) for each in pool)
                right[name, "in the pool", float("nan"), kind].append((seed, inside))
                said = best_texts(given, unit, pool, simulators)
                said[LEARNED, float("nan")] = ranked[unit][0].text
                for (how, weight), text in said.items():
                    right[name, how, weight, kind].append((seed, is_right(text, truth)))
            for kind, *found in tested(given, ranked, simulators[LEARNED], seed):
                kept[name, kind].append(tuple(found))
            spent = time.process_time() - start
            print(f"seed {seed}: {name}: {spent:.0f} s of CPU", file=sys.stderr, flush=True)
    return right, kept


def full_ranking(given: Setting, unit: int, pool: list[Any], simulator: Any) -> list[Any]:
    """All candidates and what they can be joined to, by what the simulator predicts."""
    from analyses.neuron_labels.reranking import rerank

    probe = given.stimuli.take(given.probe)
    real = given.activity[given.probe, unit]
    return rerank(pool, 0.2, simulator, stimuli=probe, activity=real, compose=True)


def tested(
    given: Setting, ranked: dict[int, list[Any]], simulator: Any, seed: int
) -> list[tuple[str, bool, bool]]:
    """Kind of every unit, whether it keeps its label on held-out scenes, and if that is right."""
    from analyses.neuron_labels import evaluate

    labels = {unit: best[0].text for unit, best in ranked.items()}
    others = [each.text for best in ranked.values() for each in best[1:5]]
    found = evaluate(
        labels,
        given.activity,
        simulator,
        exemplars=given.exemplars,
        null="both",
        references=sorted(set(others) - set(labels.values())),
        n_permutations=499,
        n_bootstrap=20,
        seed=seed,
    )
    kinds, truths = given.planted.kinds, given.planted.truth
    return [
        (
            kinds[label.unit],
            not label.abstains,
            truths[label.unit] is not None and is_right(label.text, truths[label.unit]),
        )
        for label in found.labels
    ]


def information(right: dict[Any, list[tuple[int, bool]]]) -> list[str]:
    """Mutual information against likelihood alone, unit by unit; single and AND units."""
    from scipy.stats import binomtest

    lines = ["| describer | λ | right with λ only | right with λ=0 only | p (McNemar) |"]
    lines.append("|---|---|---|---|---|")
    for name in dict.fromkeys(key[0] for key in right):
        by_weight = {
            weight: [each for kind in ("single", "and") for each in right[name, NONE, weight, kind]]
            for weight in WEIGHTS
        }
        seeds = np.array([seed for seed, _ in by_weight[0.0]])
        hits = {weight: np.array([hit for _, hit in each]) for weight, each in by_weight.items()}
        tuned, chosen = np.zeros(len(seeds), bool), []
        for seed in sorted(set(seeds)):
            rest = seeds != seed if len(set(seeds)) > 1 else seeds == seed
            best = max(WEIGHTS[1:], key=lambda weight: hits[weight][rest].mean())
            tuned[seeds == seed] = hits[best][seeds == seed]
            chosen.append(f"{best:g}")
        for label, one in (("0.2", hits[0.2]), (f"of other seeds ({', '.join(chosen)})", tuned)):
            more, fewer = int((one & ~hits[0.0]).sum()), int((~one & hits[0.0]).sum())
            p = binomtest(more, more + fewer, alternative="greater").pvalue if more + fewer else 1.0
            lines.append(f"| {name} | {label} | {more} | {fewer} | {p:.3g} |")
    return lines


def abstention(kept: dict[Any, list[tuple[bool, bool]]]) -> list[str]:
    """Share of units that keep their label, by kind, and of labels that are kept and false."""
    lines = [
        "| describer | units | n | keep their label | of those exact |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(key[0] for key in kept):
        for kind in KINDS:
            each = kept[name, kind]
            known = [exact for keeps, exact in each if keeps]
            share = _cell([(0, keeps) for keeps, _ in each])
            exact = f"{np.mean(known):.2f}" if known and kind not in FALSE else ""
            lines.append(f"| {name} | {kind} | {len(each)} | {share} | {exact} |")
        false = [keeps for kind in FALSE for keeps, _ in kept[name, kind]]
        every = sum(keeps for (who, _), each in kept.items() if who == name for keeps, _ in each)
        lines.append(
            f"| {name} | all false: {np.mean(false):.2f} kept, {sum(false) / max(1, every):.3f} of "
            f"all {every} labels kept | {len(false)} | | |"
        )
    return lines


def _describers(options: argparse.Namespace) -> dict[str, Any]:
    from analyses.neuron_labels.captioner import CaptionerDescriber
    from analyses.neuron_labels.captioner_encoder import demo_encoder
    from analyses.neuron_labels.captioner_training import CaptionerSettings
    from analyses.neuron_labels.grammar import GrammarDescriber

    found: dict[str, Any] = {"grammar": GrammarDescriber()}
    if options.no_captioner:
        return found
    if options.captioner is not None:
        found["captioner"] = CaptionerDescriber.load(options.captioner)
    else:
        asked = CaptionerSettings(criterion="likelihood")
        found["captioner"] = CaptionerDescriber.from_scenes(demo_encoder(), settings=asked)
    return found


def table(right: dict[Any, list[tuple[int, bool]]]) -> list[str]:
    """Markdown: a row for describer, re-ranking and weight, a column for kinds of units."""
    columns = {
        "single": ("single",),
        "AND": ("and",),
        "single and AND": ("single", "and"),
        "OR": ("or",),
        "AND-NOT": ("and_not",),
        "rare": ("rare",),
        "all": tuple(KINDS),
    }
    plain = {key[3]: len(given) for key, given in right.items() if key[1:3] == (NONE, WEIGHTS[0])}
    counts = {head: sum(plain.get(kind, 0) for kind in kinds) for head, kinds in columns.items()}
    heads = [f"{head} (n = {n})" for head, n in counts.items()]
    lines = [
        f"| describer | re-ranked by | λ | {' | '.join(heads)} | seeds, all |",
        f"|---|---|---|{'---|' * len(columns)}---|",
    ]
    # Weights that do not matter are NaN, which equals nothing: order by what is printed.
    rows = dict.fromkeys((name, how, _weight(weight)) for name, how, weight, _ in right)
    for row in rows:
        cells, hits = [], []
        for kinds in columns.values():
            hits = [
                each
                for (name, how, weight, kind), given in right.items()
                if (name, how, _weight(weight)) == row and kind in kinds
                for each in given
            ]
            cells.append(_cell(hits))
        cells.append(_by_seed(hits))
        lines.append(f"| {' | '.join([*row, *cells])} |")
    return lines


def _weight(weight: float) -> str:
    return "" if np.isnan(weight) else f"{weight:g}"


def _cell(hits: list[tuple[int, bool]]) -> str:
    if not hits:
        return ""
    n_right = sum(hit for _, hit in hits)
    low, high = wilson(n_right, len(hits))
    return f"{n_right / len(hits):.2f} [{low:.2f}, {high:.2f}]"


def _by_seed(hits: list[tuple[int, bool]]) -> str:
    seeds = sorted({seed for seed, _ in hits})
    shares = [np.mean([hit for seed, hit in hits if seed == each]) for each in seeds]
    return " ".join(f"{share:.2f}" for share in shares)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


if __name__ == "__main__":
    main()
