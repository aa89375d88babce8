"""Galleries of real networks and brains: how many units get a label, and how well it predicts.

    WORKBENCH_DATA=... python benchmarks/galleries.py [--library FOLDER] [--only NAME ...]

Records, of the folder in ``WORKBENCH_DATA``, two image networks on CIFAR-10 test images, a language
model on UD English EWT (dev), atoms of a sparse autoencoder of that model, evoked magnetic fields
and a worm; and a grasshopper's spikes, which come along. Labels all of them with one plugin, and
again with the activity torn from its rows, where every label is false. Prints a table, and leaves
in the library the recordings, the results and ``report.html``; see every unit with ``workbench
dashboard FOLDER``. Weights, texts and pictures are not part of this project.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
VEHICLES = ("airplane", "automobile", "ship", "truck")
RESNET_SITES = ["layer1.8", "layer2.8", "layer3.4", "layer3.8"]
MOBILENET_SITES = [
    f"ops.MobilenetV2/{name}"
    for name in (
        "expanded_conv_3/project/add_fold_12",
        "expanded_conv_10/expand/Relu6_36",
        "expanded_conv_16/project/add_fold_60",
    )
]
WIDE = 96
LANGUAGE_SITES = ["blocks.1.mlp.hook_post", "blocks.3.mlp.hook_post"]
SAE_SITE = "blocks.2.hook_resid_post"


@dataclass(frozen=True, eq=False)
class Gallery:
    """What is labelled, and how."""

    recording: Any
    parameters: dict[str, Any]
    companions: dict[str, Any] = field(default_factory=dict)


def data_folder() -> Path:
    """The folder of real models and recordings."""
    folder = Path(os.environ.get("WORKBENCH_DATA", "../shared/data"))
    if not folder.is_dir():
        raise SystemExit(f"Found no folder '{folder}'; set WORKBENCH_DATA.")
    return folder.resolve()


def cifar(n_images: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As many images of every class, uint8 (images, 32, 32, 3), and what they show."""
    import io
    import zipfile

    from PIL import Image

    path = data_folder() / "vision/cifar10_test_images/cifar10_test_jpeg.zip"
    with zipfile.ZipFile(path) as archive:
        # Sorted by class, a thousand each.
        names = sorted(archive.namelist())
        chosen = [names[int(n)] for n in np.linspace(0, len(names) - 1, n_images)]
        images = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in chosen]
    number = (np.linspace(0, len(names) - 1, n_images).astype(int) * 10) // len(names)
    shown = np.array(CLASSES)[number]
    kind = np.where(np.isin(shown, VEHICLES), "vehicle", "animal")
    return np.stack([np.asarray(image) for image in images]), {"object": shown, "kind": kind}


def _of_images(
    factory: str, sites: list[str], out: Path, n_images: int, prepare: Callable[..., np.ndarray]
) -> Gallery:
    import workbench as wb

    images, labels = cifar(n_images)
    recording = wb.capture(
        f"torch:{data_folder() / 'loaders.py'}:{factory}",
        sites=sites,
        stimuli={"inputs": prepare(images), **labels},
        out=out,
    )
    shown = wb.from_arrays({"images": images.transpose(0, 3, 1, 2)}, kind="vision")
    return Gallery(recording, {"backend": "labels", "compose": True}, {"stimuli": shown})


def resnet(out: Path, options: argparse.Namespace) -> Gallery:
    """CIFAR ResNet-56, whose maps the ten classes and two kinds of them may describe."""

    def prepare(images: np.ndarray) -> np.ndarray:
        return images.transpose(0, 3, 1, 2).astype(np.float32) / 255

    return _of_images("cifar_resnet56", RESNET_SITES, out, options.images, prepare)


def mobilenet(out: Path, options: argparse.Namespace) -> Gallery:
    """MobileNetV2 of ImageNet on the same images, enlarged."""

    def prepare(images: np.ndarray) -> np.ndarray:
        from PIL import Image

        size = (WIDE, WIDE)
        large = [Image.fromarray(each).resize(size, Image.Resampling.BICUBIC) for each in images]
        pixels = np.stack([np.asarray(each) for each in large]).transpose(0, 3, 1, 2)
        return pixels.astype(np.float32) / 127.5 - 1

    return _of_images("mobilenet_v2", MOBILENET_SITES, out, options.images, prepare)


def _language(out: Path, sites: list[str], max_rows: int) -> Any:
    import workbench as wb

    root = data_folder()
    return wb.capture(
        f"hf:{root / 'language/stories260K/hf'}",
        sites=sites,
        text=root / "text/UD_English-EWT/en_ewt-ud-dev.conllu",
        max_rows=max_rows,
        out=out,
    )


def stories(out: Path, options: argparse.Namespace) -> Gallery:
    """Neurons of stories260K by what is read."""
    return Gallery(_language(out, LANGUAGE_SITES, options.rows), {"backend": "tokens"})


def atoms(out: Path, options: argparse.Namespace) -> Gallery:
    """Atoms of a sparse autoencoder of the same model, learned from the rows that label them."""
    import workbench as wb
    from analyses.atoms import ThresholdSAE

    recording = _language(out, [SAE_SITE], options.rows)
    sae = ThresholdSAE(n_atoms=256, target_l0=10, n_steps=1000, batch_size=512)
    codes = sae.fit(recording[SAE_SITE]).transform(recording[SAE_SITE]).toarray()
    made = wb.from_arrays(
        {f"atoms of {SAE_SITE}": codes.astype(np.float32)},
        recording.rows,
        stimuli=recording.stimuli,
        kind=recording.kind,
        address="atoms of stories260K",
    )
    return Gallery(made, {"backend": "tokens"})


def fields(out: Path, _options: argparse.Namespace) -> Gallery:
    """Evoked magnetic fields; what describes a sensor are the condition and the time in a trial."""
    import workbench as wb

    path = data_folder() / "brain/mne_sample_evoked/test-ave.fif.gz"
    found = wb.capture(f"mne:{path}", sites="meg/grad", out=out)
    rows = found.rows
    after = 1000 * (rows["trial_time"] + rows["time"].min())
    edges, names = (
        (-np.inf, 0, 80, 150, 250, np.inf),
        ("before", "0-80", "80-150", "150-250", "late"),
    )
    rows = rows[["stimulus", "time"]].assign(
        modality=np.where(rows["condition"].str.contains("Auditory"), "sound", "picture"),
        side=np.where(rows["condition"].str.contains("Left"), "left", "right"),
        ms=np.array(names)[np.digitize(after, edges[1:-1])],
    )
    return Gallery(_magnitudes(found, rows), {"backend": "labels", "compose": True})


def _magnitudes(found: Any, rows: Any) -> Any:
    import workbench as wb

    # Fields have no sign that means more: what counts is how strong they are.
    values = {site: np.abs(found[site].to_numpy()) * 1e13 for site in found.sites}
    return wb.from_arrays(values, rows, kind="brain", address="MEG")


def worm(out: Path, _options: argparse.Namespace) -> Gallery:
    """Ten neurons of a worm by how it turns."""
    import workbench as wb

    del out
    folder = data_folder() / "worm/atanas2023"
    table = np.genfromtxt(folder / "worm_2021-05-26_first10neurons.csv", delimiter=",")
    text = (folder / "worm_2021-05-26_angular_velocity.csv").read_text(encoding="utf-8")
    turning = np.array([float(each) for each in text.replace(",", " ").split()])
    # Behind the ten neurons stands the speed.
    traces = table[:10, -len(turning) :].T.astype(np.float32)
    rows = {
        "stimulus": np.zeros(len(turning), int),
        "time": np.arange(len(turning)) * 0.6,
        "angular velocity": turning,
        "turning": np.abs(turning) > np.quantile(np.abs(turning), 0.8),
    }
    made = wb.from_arrays({"neurons": traces}, rows, kind="brain", address="worm")
    return Gallery(made, {"backend": "labels"})


def spikes(out: Path, _options: argparse.Namespace) -> Gallery:
    """Trials of a grasshopper's auditory neuron by how loud it is."""
    import workbench as wb

    return Gallery(wb.capture("demo:brain-spikes", out=out), {"backend": "labels"})


GALLERIES: dict[str, Callable[[Path, argparse.Namespace], Gallery]] = {
    "ResNet-56": resnet,
    "MobileNetV2": mobilenet,
    "stories260K": stories,
    "SAE of stories260K": atoms,
    "MEG": fields,
    "worm": worm,
    "grasshopper": spikes,
}


def torn(recording: Any) -> Any:
    """The same rows with the activity of others: nothing is there to be labelled."""
    import workbench as wb

    n_rows = len(recording.rows)
    # Neighbours in texts and in time stay neighbours.
    in_order = recording.rows["stimulus"].is_unique
    generator = np.random.default_rng(0)
    order = generator.permutation(n_rows) if in_order else np.roll(np.arange(n_rows), n_rows // 3)
    values = {site: recording[site].to_numpy()[order] for site in recording.sites}
    return wb.from_arrays(values, recording.rows, stimuli=recording.stimuli, kind=recording.kind)


def rows_of(name: str, data: Any, control: Any, seconds: float) -> Iterator[str]:
    """A line of the table for every site."""
    n_labels = int((data["number"].values >= 0).sum())
    for site in data["site"].values:
        at = data.sel(site=site)
        there = at["number"].values >= 0
        kept = there & ~at["abstains"].values
        r, null = (
            np.median(at[each].values[kept]) if kept.any() else np.nan
            for each in ("pearson", "null mean")
        )
        best = np.argsort(np.where(kept, -at["pearson"].values, np.inf))[:3]
        said = ", ".join(f"{at['label'].values[n]}" for n in best if kept[n])
        numbers = f"{r:.3f} | {null:.3f}" if kept.any() else " | "
        other = control.sel(site=site)
        false = int((~other["abstains"].values & (other["number"].values >= 0)).sum())
        yield (
            f"| {name} | {site.replace('ops.MobilenetV2/', '')} | {int(there.sum())} of "
            f"{int(at['n_units'])} | {kept.sum() / there.sum():.2f} | "
            f"{1 - kept.sum() / there.sum():.2f} | {numbers} | {false} | {said} | "
            f"{n_labels / seconds:.1f} |"
        )


def main() -> None:
    """Command line."""
    from analyses.neuron_labels import NeuronLabels
    from workbench.report.build import build_report

    parser = argparse.ArgumentParser()
    parser.add_argument("--library", type=Path, default=Path("galleries"))
    parser.add_argument("--only", nargs="*", choices=list(GALLERIES), default=list(GALLERIES))
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=48)
    options = parser.parse_args()
    results, lines = [], []
    for name in options.only:
        folder = options.library / name.replace(" ", "-").lower()
        gallery = GALLERIES[name](folder, options)
        start = time.process_time()
        plugin = NeuronLabels(n_units=options.units, **gallery.parameters)
        result = plugin.fit(gallery.recording, threads=1, **gallery.companions).result_
        seconds = time.process_time() - start
        results.append(Path(f"{folder}.neuron_labels"))
        result.save(results[-1])
        plugin.fit(torn(gallery.recording), threads=1, **gallery.companions)
        lines += rows_of(name, result.data, plugin.result_.data, seconds)
        print(f"{name}: {seconds:.0f} s of CPU", file=sys.stderr, flush=True)
    print(f"{machine()}\n")
    print(
        "| recording | site | units | labelled | abstaining | median r of labelled | of other "
        "labels | labelled on torn rows | best labels | labels a CPU second |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    print("\n".join(lines))
    build_report(results, options.library / "report.html", title="Galleries")


if __name__ == "__main__":
    main()
