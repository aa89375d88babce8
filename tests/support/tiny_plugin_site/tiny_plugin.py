"""A small analysis as a third party would install it, and a small library made with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

import workbench as wb

HOSTILE = "<script>window.hacked = true</script>"
SITES = ("blocks.0.hook_resid_post", "blocks.1.<i>", "blocks.2.hook_resid_post")
SENTENCES = [
    "The committee will review the plan before Monday .",
    "She found a small brown bird near the river .",
    f"Nobody expected {HOSTILE} in the text .",
    "They plan to visit the museum & the <b>old</b> harbour .",
]


class MeanGap(wb.Analysis):
    """Distance between the means of two labels, in units of the pooled spread."""

    spec = wb.Spec(
        name="mean_gap",
        title="Mean gap",
        question="Do two kinds of row differ in their mean activity?",
        reference="Cohen (1988), Statistical Power Analysis, equation 2.5.1",
        method="Difference of the class means over the pooled standard deviation.",
        companions={"untrained": "the same rows before training"},
        version="3",
    )

    def __init__(self, labels: str = "label", n_permutations: int = 99, seed: int = 0) -> None:
        self.labels = labels
        self.n_permutations = n_permutations
        self.seed = seed

    def compute(self, recording: Any, companions: Any, map_sites: Any) -> Any:
        import xarray as xr

        from workbench.analysis.base import Findings

        if self.labels not in recording.rows:
            raise wb.UsageError(f"Found no labels '{self.labels}'; expected a row column.")
        is_first = (recording.rows[self.labels] == recording.rows[self.labels].iloc[0]).to_numpy()
        generator = np.random.default_rng(self.seed)
        gaps, measures = [], []
        for site in recording.sites:
            activity = recording[site].to_numpy().reshape(len(recording), -1).mean(axis=1)
            gap = _gap(activity, is_first)
            draws = [
                _gap(activity, generator.permutation(is_first)) for _ in range(self.n_permutations)
            ]
            p = (1 + sum(draw >= gap for draw in draws)) / (1 + len(draws))
            null = wb.Null(
                "labels shuffled over rows",
                float(np.mean(draws)),
                float(np.std(draws)),
                len(draws),
                p,
            )
            gaps.append(gap)
            measures.append(
                wb.Measure(
                    "gap",
                    gap,
                    "sd",
                    len(recording),
                    (gap - 0.2, gap + 0.2),
                    null,
                    p < 0.05,
                    where={"site": site},
                )
            )
        measures.append(wb.Measure("sites", len(gaps), "1", len(recording), why_no_null="a count"))
        data = xr.Dataset(
            {"gap": ("site", np.array(gaps))},
            coords={"site": np.array(recording.sites, dtype=object)},
        )
        return Findings(data, tuple(measures))

    @staticmethod
    def figures(data: Any) -> dict[str, Any]:
        import plotly.graph_objects as go

        names = [str(site) for site in data["site"].values]
        bars = go.Figure(go.Bar(x=names, y=data["gap"].values, text=names, name=HOSTILE))
        bars.update_layout(
            title="Gap by site", xaxis_title="site", yaxis_title="gap (sd)", width=3000, height=380
        )
        many = np.linspace(0, 20, 20_000)
        wave = go.Figure(go.Scatter(x=many, y=np.sin(many), mode="lines"))
        wave.update_layout(xaxis_title="time (s)", yaxis_title="activity (1)")
        return {"Gap by site": bars, "Wave": wave}

    @staticmethod
    def summarize(data: Any, measures: Any) -> str:
        beaten = sum(bool(each.beats_null) for each in measures)
        return f"{beaten} of {data.sizes['site']} sites beat their null."

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Any:
        from workbench.analysis.base import Example

        return Example(make_recording(1.5 if kind == "planted" else 0.0, seed))


def _gap(activity: np.ndarray, is_first: np.ndarray) -> float:
    first, other = activity[is_first], activity[~is_first]
    pooled = np.sqrt((first.var(ddof=1) + other.var(ddof=1)) / 2)
    return float(abs(first.mean() - other.mean()) / pooled)


def make_recording(effect: float, seed: int = 0, hostile: bool = True) -> wb.Recording:
    """A language recording of whole sentences, a label in every row."""
    import pandas as pd

    words = [
        (stimulus, position, word)
        for stimulus, sentence in enumerate(SENTENCES * 6)
        for position, word in enumerate(sentence.split())
    ]
    generator = np.random.default_rng(seed)
    is_short = np.array([len(word) <= 3 for _, _, word in words])
    rows = {
        "stimulus": [stimulus for stimulus, _, _ in words],
        "position": [position for _, position, _ in words],
        "token": [(" " if position else "") + word for _, position, word in words],
        "label": np.where(is_short, "short", HOSTILE if hostile else "long"),
    }
    sites = {
        name: generator.normal(size=(len(words), 5)) + effect * layer * is_short[:, None]
        for layer, name in enumerate(SITES)
    }
    return wb.from_arrays(
        sites, rows, stimuli=pd.DataFrame({"text": SENTENCES * 6}), kind="language", address="tiny"
    )


def make_library(root: Path) -> Path:
    """A library of two recordings, two results, a broken recording and a newer one."""
    import json

    from workbench.recording.writer import write_recording

    root.mkdir(parents=True, exist_ok=True)
    for name, effect in (("trained", 1.0), ("noise", 0.0)):
        path = write_recording(make_recording(effect), root / "recordings" / name, 64)
        MeanGap().fit(wb.open(path)).result_.save(root / "results" / f"mean_gap_{name}")
    broken = root / "recordings" / "broken"
    (broken / "commits").mkdir(parents=True)
    (broken / "manifest.json").write_text("{", encoding="utf-8")
    newer = root / "recordings" / "newer"
    newer.mkdir()
    content = {"format": "workbench-recording", "schema": 99}
    (newer / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return root
