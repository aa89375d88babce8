"""Motifs beside plain correlation: on planted worms, and on a real worm's wiring.

Run ``python benchmarks/connectome.py planted`` or ``python benchmarks/connectome.py worm``; the
second reads recordings from the folder in ``WORKBENCH_DATA``. Both print a table.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analyses.connectome import affinity, choose_rank, communities, predict_wiring
from analyses.connectome.cohort import make_cohort
from analyses.connectome.factors import factorise
from analyses.connectome.graphs import motif_graph
from analyses.connectome.motifs import RANKS, Search, cohort_affinity
from analyses.connectome.pairs import square
from analyses.connectome.planted import Planted, planted
from analyses.connectome.scores import motif_scores
from analyses.connectome.wiring import Prediction, area_difference

WINDOW, STEP = 60, 15
N_EPOCHS = 4


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("planted", "worm"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kind", default="interval")
    given = parser.parse_args()
    if given.what == "planted":
        planted_table(range(given.seeds), given.kind)
    else:
        worm_table(Path(os.environ["WORKBENCH_DATA"]) / "worm", given.kind)


def planted_table(seeds: range, kind: str) -> None:
    """Areas of motifs found in planted worms, beside two baselines."""
    print(
        "| seed | rank | worst time | worst animal | worst pair | mean, motifs "
        "| mean, windows + Leiden | mean, correlation + Leiden | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for seed in seeds:
        truth = planted(seed)
        start = time.process_time()
        tensor = cohort_affinity(make_cohort(truth.traces.astype(np.float32)), Search(kind=kind))
        mask = np.isfinite(tensor[:1])
        rank = choose_rank(tensor, RANKS, mask=mask, seed=0).rank
        factors, _ = factorise(tensor, mask, rank, 4, 0)
        spent = time.process_time() - start
        ours = motif_scores(factors.time, factors.animals, factors.pairs, truth)
        others = [_candidate_scores(each, truth) for each in (windows(truth), whole(truth))]
        worst = " | ".join(f"{value:.3f}" for value in np.nanmin(ours, axis=0))
        means = " | ".join(f"{np.nanmean(each):.3f}" for each in (ours, *others))
        print(f"| {seed} | {rank} | {worst} | {means} | {spent:.1f} |", flush=True)


Candidate = tuple[NDArray, NDArray, NDArray]


def windows(truth: Planted) -> Iterator[Candidate]:
    """Communities of every window's mean absolute correlation: time, animals and pairs of each."""
    starts = np.arange(0, truth.traces.shape[1] - WINDOW + 1, STEP)
    local = np.stack([_correlations(truth.traces[:, s : s + WINDOW]) for s in starts])
    frames = np.arange(truth.traces.shape[1])
    for place in range(len(starts)):
        mean = np.nanmean(local[place], axis=0)
        for inside in _leiden_pairs(mean):
            course = np.nanmean(local[:, :, inside], axis=(1, 2))
            profile = np.nan_to_num(np.nanmean(local[place][:, inside], axis=1))
            yield np.interp(frames, starts + WINDOW / 2, course), profile, mean * inside


def whole(truth: Planted) -> Iterator[Candidate]:
    """Communities of the correlation over all time, with products of z-scores as time courses."""
    correlations = _correlations(truth.traces)
    mean = np.nanmean(correlations, axis=0)
    scaled = (truth.traces - truth.traces.mean(axis=1, keepdims=True)) / truth.traces.std(
        axis=1, keepdims=True
    )
    first, second = np.triu_indices(scaled.shape[2], 1)
    for inside in _leiden_pairs(mean):
        products = np.abs(scaled[:, :, first[inside]] * scaled[:, :, second[inside]])
        profile = np.nan_to_num(np.nanmean(correlations[:, inside], axis=1))
        yield np.nanmean(products, axis=(0, 2)), profile, mean * inside


def _correlations(traces: NDArray) -> NDArray:
    """Absolute correlation (animals, pairs)."""
    with np.errstate(invalid="ignore"):
        each = np.stack([np.corrcoef(values.T) for values in traces])
    return np.abs(each[:, *np.triu_indices(traces.shape[2], 1)])


def _leiden_pairs(values: NDArray) -> list[NDArray[np.bool_]]:
    weights = np.nan_to_num(values)
    n_neurons = len(square(weights))
    graph = motif_graph(weights, [str(number) for number in range(n_neurons)])
    found = communities(graph, "leiden")
    groups = np.array([found[str(number)] for number in range(n_neurons)])
    first, second = np.triu_indices(n_neurons, 1)
    pairs = [(groups[first] == g) & (groups[second] == g) for g in np.unique(groups)]
    return [each for each in pairs if each.any()]


def _candidate_scores(candidates: Iterator[Candidate], truth: Planted) -> NDArray:
    time_courses, profiles, pairs = (np.stack(each, 1) for each in zip(*candidates, strict=True))
    return motif_scores(time_courses, profiles, pairs, truth)


def worm_table(folder: Path, kind: str) -> None:
    """Areas of learnt affinity and of correlation against two maps of one worm's neurons."""
    stored = np.load(
        folder / "atanas2023" / "worm_2022-08-02-01_labelled98.npz", allow_pickle=False
    )
    names = [_plain(name) for name in stored["neurons"]]
    values, chosen = worm_predictors(stored["traces"], stored["time_s"], kind)
    print(f"rank {chosen} of {RANKS}, affinity '{kind}', {N_EPOCHS} epochs of 400 frames\n")
    print("| map | predictor | ROC area (95 % over neurons) | rewired | p | minus |correlation| |")
    print("|---|---|---|---|---|---|")
    for title, (wired, measured) in worm_maps(folder, names).items():
        found = predict_wiring(values, wired, measured)
        head = f"{title}: {int(wired[measured].sum())} of {int(measured.sum())} pairs"
        for name, each in found.items():
            print(f"| {head} | {name} | {_cells(each, found['abs. correlation'])} |", flush=True)


def worm_predictors(traces: NDArray, times: NDArray, kind: str) -> tuple[dict[str, NDArray], int]:
    """Values of every pair to predict wiring from; the learnt affinity comes first."""
    length = len(traces) // N_EPOCHS
    epochs = {str(n): traces[n * length : (n + 1) * length] for n in range(N_EPOCHS)}
    clock = times[:length] - times[0]
    cohort = make_cohort(epochs, times=clock)
    tensor = cohort_affinity(cohort, Search(kind=kind))
    mask = np.isfinite(tensor[:1])
    rank = choose_rank(tensor, RANKS, mask=mask, seed=0).rank
    factors, _ = factorise(tensor, mask, rank, 4, 0)
    shares = factors.weights * factors.time.mean(axis=0) * factors.animals.mean(axis=0)
    heights = factors.weights * factors.time.max(axis=0) * factors.animals.max(axis=0)
    signed = _pairs(np.corrcoef(traces.T))
    slopes = _pairs(np.corrcoef(np.concatenate(cohort.scaled).T))
    return {
        "learnt affinity (mean of motifs)": factors.pairs @ shares,
        "learnt affinity (strongest motif)": (factors.pairs * heights).max(axis=1),
        "mean affinity, no motifs": tensor.mean(axis=(0, 1)),
        "same minus opposite affinity": _same_minus_opposite(epochs, kind),
        "abs. correlation": np.abs(signed),
        "correlation": signed,
        "abs. correlation of derivatives": np.abs(slopes),
        "correlation of derivatives": slopes,
    }, rank


def _same_minus_opposite(epochs: dict[str, NDArray], kind: str) -> NDArray:
    both = affinity(np.stack(list(epochs.values())), kind, 1 / 0.6016, signed=True)
    same, opposite = np.split(both.mean(axis=(0, 1)), 2)
    return same - opposite


def worm_maps(folder: Path, names: list[str]) -> dict[str, tuple[NDArray, NDArray]]:
    """Wired and measured pairs of every map."""
    everything = np.ones(len(names) * (len(names) - 1) // 2, bool)
    chemical, electrical = (_cook(folder, names, kind) for kind in ("chemical", "electrical"))
    atlas = np.load(
        folder / "randi2023_functional_atlas" / "randi2023_scalar_atlas.npz", allow_pickle=False
    )
    there = [str(name) for name in atlas["wild_type_neurons"]].index
    places = [there(name) for name in names]
    responses = np.abs(atlas["wild_type_scalar"][np.ix_(places, places)])
    np.fill_diagonal(responses, np.nan)
    strongest = _pairs(np.fmax(responses, responses.T))
    measured = np.isfinite(strongest)
    strong = np.zeros_like(measured)
    strong[measured] = strongest[measured] > np.median(strongest[measured])
    return {
        "synapse or gap junction (Cook 2019)": (chemical | electrical, everything),
        "gap junction (Cook 2019)": (electrical, everything),
        "response above the median, of those measured (Randi 2023)": (strong, measured),
        "response in the atlas at all (Randi 2023)": (measured, everything),
    }


def _cook(folder: Path, names: list[str], kind: str) -> NDArray[np.bool_]:
    place = {name: number for number, name in enumerate(names)}
    linked = np.zeros((len(names), len(names)), bool)
    path = folder / "connectomes" / "Cook2019_herm_full_edgelist.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            source, target = (_plain(row[each]) for each in ("Source", "Target"))
            if row["Type"].strip() == kind and source in place and target in place:
                linked[place[source], place[target]] = True
    return _pairs(linked | linked.T)


def _plain(name: str) -> str:
    """A neuron's name without blanks and padding zeros: VB02 is VB2."""
    text = str(name).strip()
    stem = text.rstrip("0123456789")
    return f"{stem}{int(text[len(stem) :])}" if text[len(stem) :] else text


def _pairs(matrix: NDArray) -> NDArray:
    return matrix[np.triu_indices(len(matrix), 1)]


def _cells(found: Prediction, reference: Prediction) -> str:
    low, high = found.interval
    text = (
        f"{found.auc:.3f} ({low:.3f} to {high:.3f}) | {found.null_mean:.3f} ± "
        f"{found.null_sd:.3f} | {found.p_value:.3f}"
    )
    if found is reference:
        return f"{text} | "
    difference, (low, high), p_value = area_difference(found, reference)
    return f"{text} | {difference:+.3f} ({low:+.3f} to {high:+.3f}), p = {p_value:.3f}"


if __name__ == "__main__":
    main()
