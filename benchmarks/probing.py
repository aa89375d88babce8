"""Linear probes beside scikit-learn, and real read-outs of part of speech and tree depth.

``python benchmarks/probing.py speed`` fits 5 folds x 5 penalties at every layer of a random
recording on disk, ours streamed from disk, and scikit-learn's `LogisticRegressionCV` layer by
layer; CPU seconds, peak memory and accuracies as a table. ``words`` is in
`probing_words`; ``planted``, ``animals`` and ``retrieval`` are in `probing_planted`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import finish, machine, run_variant
from probing_planted import animals, planted, retrieval
from probing_words import words

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


PARTS = {
    "speed": speed,
    "words": words,
    "planted": planted,
    "animals": animals,
    "retrieval": retrieval,
}


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=[*PARTS, "ours", "peer"])
    parser.add_argument("--path", type=Path)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--units", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--peer-layers", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=3e-3)
    parser.add_argument("--words", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--model", help="one of those that words reads")
    parser.add_argument("--sites", default="blocks.0.hook_resid_pre,blocks.*.hook_resid_post")
    parser.add_argument("-C", type=float, nargs="+", default=(0.01, 0.1))
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.part == "ours":
        speed_of_ours(options.path, options.tolerance)
    elif options.part == "peer":
        speed_of_scikit_learn(options.path, options.peer_layers)
    else:
        PARTS[options.part](options)


if __name__ == "__main__":
    main()
