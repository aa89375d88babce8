"""The plugin: its contract, series out of rows, language heads, a recurrent network, the CLI."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import workbench as wb
from analyses import connectome
from analyses.connectome.analysis import Connectome
from analyses.connectome.series import Columns, read_series
from analyses.connectome.site import pooled
from workbench.cli import main
from workbench.errors import UsageError
from workbench.testing import check_analysis

TINY = {"rank": 2, "n_null": 2, "n_restarts": 1, "method": "louvain"}


def test_public_names() -> None:
    for name in ("affinity", "NonnegativeCP", "choose_rank", "communities", "DynamicConnectome"):
        assert callable(getattr(connectome, name))
        assert name in connectome.__all__


def test_the_contract_holds() -> None:
    assert set(check_analysis(Connectome()).values()) == {"passed"}


def test_heads_of_a_language_model_over_tokens(tmp_path: Path) -> None:
    sites = ["blocks.0.attn.hook_z", "blocks.1.attn.hook_pattern"]
    recording = wb.capture("demo:language", sites=sites, n_stimuli=30, out=tmp_path / "language")
    found = Connectome(pool="head", stimuli="upos", **TINY).fit(recording).result_
    assert found.data.attrs["series_name"] == "text"
    assert found.data["unit_name"].values[0].tolist() == [f"head {n}" for n in range(4)]
    assert found.data.sizes["step"] >= 8
    assert {"motif excess", "held-out error", "stimulus selectivity"} == {
        each.name for each in found.measures
    }
    assert "shorter than" in found.summary()


def test_a_recurrent_network_over_steps(tmp_path: Path) -> None:
    recording = wb.capture("demo:rnn", sites="recurrent", n_stimuli=8, out=tmp_path / "rnn")
    plugin = Connectome(stimuli="epoch", max_units=10, **TINY).fit(recording)
    data = plugin.result_.data
    assert (data.sizes["animal"], data.sizes["step"], data.sizes["unit"]) == (8, 60, 10)
    assert "fixation" in data["stimulus"].values
    assert "the 10 most variable of" in plugin.result_.summary()
    figures = {**Connectome.figures(data), **Connectome.page(data, "recurrent", "motif 1")}
    assert all(isinstance(each, go.Figure) for each in figures.values())
    with pytest.raises(UsageError, match="did you mean 'motif 2'"):
        Connectome.page(data, "recurrent", "motif 9")


def test_the_command_line_analyses_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wb.capture("demo:rnn", sites="recurrent", n_stimuli=4, out=tmp_path / "rnn")
    options = ["--rank", "2", "--n-null", "2", "--max-units", "8", "--method", "louvain"]
    out = tmp_path / "result"
    capsys.readouterr()
    main(["analyze", "connectome", str(tmp_path / "rnn"), *options, "--out", str(out), "--json"])
    assert json.loads(capsys.readouterr().out)
    assert wb.open(out).data.sizes["unit"] == 8


def test_rows_become_series_whatever_their_order(generator: np.random.Generator) -> None:
    rows = pd.DataFrame({"trial": np.repeat([0, -1, 1], [12, 3, 10]), "time": np.arange(25)})
    order = generator.permutation(25)
    recording = wb.from_arrays({"area": np.zeros((25, 3))}, rows.iloc[order].reset_index(drop=True))
    series = read_series(recording, Columns(animal="trial"))
    assert series.rows.shape == (2, 10)
    np.testing.assert_array_equal(order[series.rows[0]], np.arange(10))
    assert series.notes == [
        "3 rows belong to no trial and are left out",
        "1 series are cut to their first 10 steps",
    ]
    pieces = read_series(recording, Columns(animal="trial", epoch_steps=9))
    assert pieces.animals == ["0/0", "1/0"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(animal="trail"), "did you mean 'trial'"),
        (Columns(time="tim"), "did you mean 'time'"),
        (Columns(animal="trial", n_steps=30), "at most 12 steps for 30"),
        (Columns(animal="trial", n_steps=2), "at least 8"),
        (Columns(animal="half"), "Found a time twice"),
        (Columns(stimuli="cue"), "Found no column 'cue'"),
    ],
)
def test_rows_that_are_no_series_are_refused(columns: Columns, message: str) -> None:
    rows = {
        "trial": np.repeat([0, 1], 12),
        "half": np.zeros(24, int),
        "time": np.tile(np.arange(12), 2),
    }
    recording = wb.from_arrays({"area": np.zeros((24, 3))}, rows)
    with pytest.raises(UsageError, match=message):
        read_series(recording, columns)


def test_rows_without_time_are_refused_unless_they_are_a_plain_array() -> None:
    images = wb.from_arrays({"layer": np.zeros((20, 3))}, {"label": ["a"] * 20})
    with pytest.raises(UsageError, match="expected rows that are steps in time"):
        read_series(images, Columns())
    plain = wb.from_arrays({"array": np.zeros((20, 3))})
    assert read_series(plain, Columns()).rows.shape == (1, 20)


def test_units_that_never_change_are_left_out_and_said(generator: np.random.Generator) -> None:
    traces = generator.normal(size=(60, 6)).cumsum(axis=0)
    traces[:, 2] = 5.0
    rows = {"animal": np.repeat(["a", "b"], 30), "time": np.tile(np.arange(30), 2)}
    traces[30:, 4] = traces[30, 4]
    found = Connectome(**TINY).fit(wb.from_arrays({"area": traces}, rows)).result_
    assert found.data["unit_name"].values[0].tolist() == ["0", "1", "3", "4", "5"]
    assert "1 units never change and are left out" in found.summary()
    assert "1 times a unit does not change in one series" in found.summary()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "leidn"}, "did you mean 'leiden'"),
        ({"kind": "geo"}, "did you mean 'geom'"),
        ({"max_units": 2}, "max_units=2"),
        ({"n_null": 0}, "n_null=0"),
        ({"rank": 0}, "rank=0"),
        ({"pool": "heads"}, "no column 'heads' in the unit table of site 'area'"),
    ],
)
def test_bad_parameters_are_refused(
    options: dict, message: str, generator: np.random.Generator
) -> None:
    rows = {"time": np.arange(30), "stimulus": np.zeros(30, int)}
    recording = wb.from_arrays({"area": generator.normal(size=(30, 4))}, rows)
    with pytest.raises(UsageError, match=message):
        Connectome(**{**TINY, **options}).fit(recording)


def test_pooling_ignores_keys_that_a_window_lacks() -> None:
    values = np.array([[[3.0, np.nan], [1.0, 1.0]]])
    np.testing.assert_allclose(pooled(values, (0, 1)), [[3.0, 1.0]])
