"""The nDNA plugin: its contract, recordings of every kind, nulls, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from analyses import ndna
from analyses.ndna import NDNA
from analyses.ndna.arrays import curves_in
from workbench.testing import check_analysis


def test_the_contract() -> None:
    assert set(check_analysis(NDNA).values()) == {"passed"}


def walk(generator: np.random.Generator, n_rows: int, n_sites: int, noise: float = 1.0) -> dict:
    steps = noise * generator.normal(size=(n_sites, n_rows, 30))
    return {f"layer.{n}": each for n, each in enumerate(steps.cumsum(axis=0))}


def test_nulls_are_where_theory_has_them(generator: np.random.Generator) -> None:
    recording = wb.from_arrays(walk(generator, 60, 10))
    measures = {each.name: each for each in NDNA().fit(recording).result_.measures}
    turning = measures["turning"]
    assert np.degrees(turning.value) == pytest.approx(90, abs=3)
    assert turning.null is not None
    assert turning.beats_null
    assert np.degrees(turning.null.mean) == pytest.approx(118, abs=6)
    assert turning.interval is not None
    assert turning.interval[0] < turning.value < turning.interval[1]


def test_a_language_recording_is_read_by_its_own_head() -> None:
    recording, untrained = (
        wb.stream(f"demo:language@{which}", sites="blocks.*.hook_resid_*", max_rows=200)
        for which in ("final", "initial")
    )
    model = NDNA(n_permutations=99, n_bootstrap=50)
    result = model.fit(recording, threads=1, untrained=untrained).result_
    names = {each.name for each in result.measures}
    assert {"turning of probabilities", "coherence at the last node"} <= names
    assert "turning minus untrained" in names
    curves = curves_in(result.data)
    assert curves.sites[0] == "blocks.0.hook_resid_pre"
    assert curves.vocabulary.endswith("2048")
    assert np.isfinite(curves.mean("belief")).all()
    assert "belief" not in curves_in(result.data, "untrained").channels
    text = result.summary()
    assert "Turning of probabilities along depth" in text
    assert "Residual channel only" not in text
    figures = result.figures()
    assert "Path through three channels" in figures
    # What the model itself gives, at the same positions.
    live = ndna.NDNA().curves("demo:language", recording.stimuli["text"].tolist()[:10])
    assert np.allclose(live.values("step")[0], curves.values("step")[0], atol=1e-3, equal_nan=True)


def test_few_nodes_cannot_beat_the_null_and_the_summary_says_so(
    generator: np.random.Generator,
) -> None:
    result = NDNA().fit(wb.from_arrays(walk(generator, 30, 3, 0.1))).result_
    assert not any(each.beats_null for each in result.measures)
    assert "Only 3 orders of these sites differ" in result.summary()
    assert any("too few to beat" in each.note for each in result.measures)


def test_a_brain_walks_in_time_in_the_residual_channel_only() -> None:
    brain = wb.stream("demo:brain", sites="*")
    result = NDNA(n_permutations=49).fit(brain).result_
    (turning,) = result.measures
    assert turning.beats_null
    assert 60 < np.degrees(turning.value) < 100
    assert turning.null is not None
    assert np.degrees(turning.null.mean) == pytest.approx(120, abs=3)
    assert "Residual channel only" in result.summary()
    assert result.data.attrs["lens"] == "none"


def test_noise_in_time_is_not_found(generator: np.random.Generator) -> None:
    noise = {"a": generator.normal(size=(150, 8)), "b": generator.normal(size=(150, 8))}
    recording = wb.from_arrays(noise, {"time": np.arange(150) * 0.1}, kind="brain")
    result = NDNA(n_permutations=49).fit(recording).result_
    assert not any(each.beats_null for each in result.measures)
    assert "within noise" in result.summary()


def test_a_vision_recording_keeps_sites_of_one_width() -> None:
    vision = wb.stream("demo:vision", sites="*", max_rows=40)
    result = NDNA(axis="depth", n_permutations=49).fit(vision).result_
    assert len(result.data["site"]) >= 3
    assert "Left out, for their number of units" in result.summary()


def test_identical_layers_are_masked_counted_and_said(generator: np.random.Generator) -> None:
    arrays = walk(generator, 20, 6)
    arrays["layer.3"] = arrays["layer.2"]
    result = NDNA().fit(wb.from_arrays(arrays)).result_
    assert result.data.attrs["n_masked"] == 2 * 20
    assert "40 angles are undefined" in result.summary()
    turning = curves_in(result.data).mean("residual_turning")
    assert np.isnan(turning).tolist() == [True, False, True, True, False, True]


def test_what_is_refused(generator: np.random.Generator) -> None:
    arrays = walk(generator, 20, 4)
    with pytest.raises(wb.UsageError, match="Found 2 sites of one width"):
        NDNA(axis="depth", sites=["layer.0", "layer.1"]).fit(wb.from_arrays(arrays))
    with pytest.raises(wb.UsageError, match="Found axis="):
        NDNA(axis="depths").fit(wb.from_arrays(arrays))
    with pytest.raises(wb.UsageError, match="n_permutations=3"):
        NDNA(n_permutations=3).fit(wb.from_arrays(arrays))
    other = wb.from_arrays(walk(generator, 21, 4))
    with pytest.raises(wb.UsageError, match="Found 21 rows in the untrained recording"):
        NDNA().fit(wb.from_arrays(arrays), untrained=other)
    with pytest.raises(wb.UsageError, match=r"no site 'layer.3' in the untrained"):
        NDNA().fit(wb.from_arrays(arrays), untrained=wb.from_arrays(walk(generator, 20, 3)))
    with pytest.raises(wb.UsageError, match="no series of three moments"):
        NDNA(axis="time").fit(wb.from_arrays({"a": generator.normal(size=(2, 4))}))
    with pytest.raises(wb.UsageError, match=r"Found state .trained."):
        curves_in(NDNA().fit(wb.from_arrays(arrays)).result_.data, "trained")


def test_comparison_of_models_draws_all_figures(generator: np.random.Generator) -> None:
    texts = ["The dog sees the cat.", "A bird sings in the tree.", "Every artist left early."]
    models = {
        name: NDNA().curves(f"demo:language@{name}", texts)
        for name in ("initial", "middle", "final")
    }
    figures = ndna.compare_figures(models)
    assert list(figures) == [
        "Curves along depth",
        "Paths through three channels",
        "Distances between models",
        "Family tree",
    ]
    shown = {trace.name for trace in figures["Curves along depth"].data if trace.showlegend}
    assert shown == set(models)


def test_a_real_brain(data: Path) -> None:
    (file,) = (data / "brain" / "mne_sample_evoked").glob("*.fif*")
    brain = wb.stream(f"mne:{file}", sites="*", max_rows=300)
    result = NDNA(n_permutations=49, max_rows=300).fit(brain).result_
    assert "Residual channel only" in result.summary()
    assert any(each.beats_null for each in result.measures)
