"""The plugin keeps its contract and reads real subjects."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from probes import Probing
from workbench.errors import UsageError
from workbench.testing import check_analysis


def test_the_contract_is_kept():
    assert set(check_analysis(Probing).values()) == {"passed"}


def test_the_second_site_of_the_example_says_more_and_the_untrained_one_nothing():
    example = Probing.example("planted", 0)
    model = Probing(**example.parameters).fit(example.recording, **example.companions)
    data = model.result_.data
    task = data["score"].sel(labels="task").values
    assert task[1] > task[0] > 1 / 3
    assert data["score"].sel(labels="untrained", site="second") < 0.45
    assert data["selectivity"].sel(site="second") > 0.2
    assert "selectivity" in model.result_.summary()
    confused = data["confusion"].sel(site="second").values
    assert np.allclose(confused.sum(axis=1), 1)


@pytest.mark.parametrize("probe", ["mlp", "nearest neighbours", "mean difference", "sparse"])
def test_every_probe_runs(probe):
    example = Probing.example("planted", 0)
    model = Probing(probe=probe, **example.parameters, sites="second").fit(example.recording)
    assert model.result_.measures[0].beats_null


def test_word_classes_are_read_from_a_real_transformer(tmp_path):
    recording = wb.capture(
        "demo:language",
        sites="blocks.0.hook_resid_pre,blocks.3.hook_resid_post",
        positions="word",
        max_rows=900,
        out=tmp_path / "language",
    )
    result = wb.analyze("probes", recording, labels="upos", n_bootstrap=50, C=0.01)
    scores = result.data["score"].sel(labels="task")
    assert (scores > result.data["chance"].sel(labels="task") + 0.2).all()
    assert result.data.attrs["control"] == "one random label for every token"


def test_blocks_of_time_are_the_groups_of_one_long_series():
    generator = np.random.default_rng(0)
    slow = np.cumsum(generator.standard_normal((600, 4)), axis=0)
    rows = {
        "stimulus": np.zeros(600, int),
        "time": np.arange(600) * 0.1,
        "state": np.where(slow[:, 0] > np.median(slow[:, 0]), "high", "low"),
    }
    recording = wb.from_arrays({"area": slow}, rows, kind="brain")
    result = wb.analyze("probes", recording, labels="state", n_bootstrap=50)
    assert result.data.attrs["group_kind"] == "blocks of time"
    assert result.data.attrs["control"] == "labels of other groups"
    assert result.measures[0].n == 20


def test_numbers_are_regressed():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((200, 5))
    result = Probing().fit(x, x[:, 0] + 0.1 * generator.standard_normal(200)).result_
    assert result.data.attrs["metric"] == "R2"
    assert result.measures[0].value > 0.9
    assert set(result.figures()) == {"Scores by site"}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"labels": "upso"}, "did you mean 'upos'"),
        ({"probe": "magic"}, "probe 'magic'"),
        ({"n_folds": 1}, "n_folds=1"),
        ({"groups": "documnt"}, "no column 'documnt'"),
        ({"min_per_class": 10_000}, "0 classes with at least 10000 rows"),
    ],
)
def test_bad_parameters_are_refused(parameters, said):
    example = Probing.example("planted", 0)
    given = {**example.parameters, **parameters}
    with pytest.raises(UsageError, match=said):
        Probing(**given).fit(example.recording)


def test_a_companion_of_other_rows_is_refused():
    example = Probing.example("planted", 0)
    other = Probing.example("planted", 1).recording.select(rows=slice(0, 100))
    with pytest.raises(UsageError, match="100 rows in the untrained recording"):
        Probing(**example.parameters).fit(example.recording, untrained=other)
