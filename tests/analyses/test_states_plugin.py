"""Hidden states as a plugin: the contract, recordings of every kind, figures, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from analyses.states import HiddenStates
from analyses.states.sequences import sequences_of
from analyses.states.site import shared_signs, shifted
from workbench.testing import check_analysis

QUICK = {
    "candidates": (1, 2),
    "n_folds": 2,
    "n_surrogates": 19,
    "restarts": 1,
    "max_iterations": 2,
    "n_units": 4,
    "max_bins": 300,
}


def test_contract() -> None:
    outcome = check_analysis(HiddenStates)
    assert set(outcome.values()) == {"passed"}


@pytest.mark.parametrize(
    ("address", "sites", "emission"),
    [
        ("demo:brain-spikes", "*", "poisson"),
        ("demo:rnn", "recurrent", "gaussian"),
        ("demo:language", "blocks.0.hook_resid_post", "gaussian"),
    ],
)
def test_demo_recordings(
    address: str, sites: str, emission: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("recording") / "rec"
    recording = wb.capture(address, sites=sites, max_rows=400, out=folder)
    result = wb.analyze("states", recording, **QUICK)
    assert result.data["emission"].values.tolist() == [emission]
    assert len(result.measures) == 3
    embedded = address == "demo:brain-spikes"
    assert ("one unit at several delays" in result.summary()) == embedded
    posterior = result.data["posterior"].values[0]
    np.testing.assert_allclose(np.nansum(posterior, axis=1), 1, atol=1e-9)


def test_trials_come_from_columns_in_order_of_time() -> None:
    rows = {"trial": np.tile([1, 0], 30), "time": np.repeat(np.arange(30)[::-1], 2)}
    recording = wb.from_arrays({"a": np.arange(120.0).reshape(60, 2)}, rows, kind="brain")
    found = sequences_of(recording, "trial", 1000, 0)
    assert found.cut
    times, trials = (np.array(rows[name])[found.rows] for name in ("time", "trial"))
    starts = np.cumsum(found.lengths) - found.lengths
    for start, length in zip(starts, found.lengths, strict=True):
        assert np.all(np.diff(times[start : start + length]) == 1)
        assert len(np.unique(trials[start : start + length])) == 1
    with pytest.raises(wb.UsageError, match="no column 'tral' for trials; did you mean 'trial'"):
        sequences_of(recording, "tral", 1000, 0)
    with pytest.raises(wb.UsageError, match="expected at least two, to hold some out"):
        sequences_of(wb.from_arrays({"a": np.zeros((5, 2))}), None, 1000, 0)


def test_trials_are_drawn_where_there_are_too_many() -> None:
    rows = {"stimulus": np.repeat(np.arange(50), 20), "time": np.tile(np.arange(20), 50)}
    recording = wb.from_arrays({"a": np.zeros((1000, 2))}, rows)
    found = sequences_of(recording, None, 200, 0)
    assert not found.cut
    assert found.lengths.tolist() == [20] * 10
    assert found.n_left_out == 800


def test_turned_units_keep_their_values_and_neighbours() -> None:
    activity = np.random.default_rng(0).standard_normal((50, 3))
    moved = shifted(activity, np.array([20, 30]), np.random.default_rng(1))
    for start, stop in ((0, 20), (20, 50)):
        for unit in range(3):
            one, two = activity[start:stop, unit], moved[start:stop, unit]
            assert any(np.array_equal(np.roll(one, turn), two) for turn in range(stop - start))


def test_signs_are_shared_or_not() -> None:
    generator = np.random.default_rng(0)
    network = generator.standard_normal((8, 8)) * (generator.random((8, 8)) < 0.4)
    value, draws = shared_signs(np.stack([network, 2 * network]), seed=0)
    assert value == pytest.approx(1)
    assert np.mean(draws >= value) < 0.05
    assert shared_signs(np.zeros((2, 8, 8)), seed=0)[0] == 0
    other, draws = shared_signs(generator.standard_normal((2, 8, 8)), seed=0)
    assert np.mean(draws >= other) > 0.01


def test_states_have_pages() -> None:
    example = HiddenStates.example("planted", 0)
    result = HiddenStates(**example.parameters).fit(example.recording).result_
    pages = HiddenStates.pages(result.data)
    assert pages == {"population": ["state 1", "state 2"]}
    figures = HiddenStates.page(result.data, "population", "state 2")
    assert list(figures) == ["Network", "Strongest couplings", "Within trials"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"candidates": (1,)}, "one of them at least 2"),
        ({"candidates": "two"}, "expected numbers of states"),
        ({"emission": "poison"}, "did you mean 'poisson'"),
        ({"model": "one-hot"}, "did you mean 'onehot'"),
        ({"n_surrogates": 5}, "at least 19"),
        ({"n_units": 1}, "at least 2"),
    ],
)
def test_bad_parameters_are_refused(parameters: dict, message: str) -> None:
    example = HiddenStates.example("planted", 0)
    with pytest.raises(wb.UsageError, match=message):
        HiddenStates(**{**example.parameters, **parameters}).fit(example.recording)


def test_constant_units_are_refused() -> None:
    with pytest.raises(wb.WorkbenchError, match="fewer than two units that vary"):
        HiddenStates(**QUICK).fit(np.ones((100, 3)))
