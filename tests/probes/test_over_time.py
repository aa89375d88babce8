"""Probes over time in recordings: trials are found, codes that stay and that change told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from probes.moments import AROUND_ROW, IN_TRIAL, draw_moments
from workbench.analysis.result import open_result
from workbench.errors import UsageError

N_TRIALS, N_STEPS, N_UNITS = 80, 12, 6


def trials(kind, seed=0):
    """Trials of one label each, which the second half of a trial says in one way, several, none."""
    generator = np.random.default_rng(seed)
    said = np.tile([-1.0, 1.0], N_TRIALS // 2)
    x = generator.normal(size=(N_TRIALS, N_STEPS, N_UNITS))
    for step in range(N_STEPS // 2, N_STEPS):
        axis = 0 if kind == "stays" else step - N_STEPS // 2
        x[:, step, axis] += 0 if kind == "noise" else 1.5 * said
    rows = {
        "stimulus": np.repeat(np.arange(N_TRIALS), N_STEPS),
        "time": np.tile(np.arange(N_STEPS) * 0.5, N_TRIALS),
        "choice": np.repeat(np.where(said > 0, "right", "left"), N_STEPS),
    }
    return wb.from_arrays({"area": x.reshape(-1, N_UNITS)}, rows, kind="brain")


def analysed(recording, **options):
    options = {"labels": "choice", "C": 0.01, "n_permutations": 99, "n_bootstrap": 50, **options}
    return wb.analyze("probes", recording, threads=1, **options)


def over_time(result):
    found = [each for each in result.measures if each.name.startswith("accuracy over time")]
    return found if found else None


def test_a_code_that_stays_generalises_and_one_that_changes_does_not(tmp_path):
    stays, changes = analysed(trials("stays")), analysed(trials("changes"))
    for result, generalises in ((stays, True), (changes, False)):
        same, other = over_time(result)
        assert same.beats_null
        assert other.beats_null == generalises
        assert same.interval[0] < same.value < same.interval[1]
        assert abs(same.null.mean - 0.5) < 0.05
        assert same.n == N_TRIALS
    code = stays.data["time_accuracy"].values[0][6:, 6:]
    assert code.min() > 0.8
    assert "the code generalises over time" in stays.summary()
    assert "no code that outlasts its moment" in changes.summary()
    assert stays.data["train_time"].values.tolist() == (np.arange(N_STEPS) * 0.5).tolist()
    stored = open_result(stays.save(tmp_path / "stored"))
    assert {"Training time by testing time", "Accuracy over time"} <= set(stored.figures())


def test_noise_is_not_found_over_time():
    found = [over_time(analysed(trials("noise", seed))) for seed in range(10)]
    share = np.mean([measure.beats_null for pair in found for measure in pair])
    assert share <= 0.2
    assert "no code was found" in analysed(trials("noise")).summary()


def test_labels_that_change_within_a_trial_are_read_around_their_rows():
    generator = np.random.default_rng(0)
    label = np.repeat(generator.integers(0, 2, 400), 3)
    activity = generator.normal(size=(1200, 4))
    # Activity follows the label by two steps.
    activity[2:, 1] += 2 * label[:-2]
    rows = {"stimulus": np.zeros(1200, int), "time": np.arange(1200) * 0.1, "choice": label}
    recording = wb.from_arrays({"area": activity}, rows, kind="brain")
    moments = draw_moments(recording, "choice")
    assert moments.kind == AROUND_ROW
    assert np.allclose(moments.times, -moments.times[::-1])
    assert (np.diff(moments.rows, axis=1) > 0).all()
    diagonal = np.diag(analysed(recording).data["time_accuracy"].values[0])
    assert 0 <= moments.times[diagonal.argmax()] <= 0.4
    assert diagonal.max() > 0.75
    # No window reaches into another group, so that no row is learned from and tested.
    group_of = pd.Series(np.arange(1200) * 20 // 1200)
    assert all(group_of.iloc[each].nunique() == 1 for each in moments.rows)


def test_trials_have_their_rows_in_order_whatever_the_order_of_the_table():
    recording = trials("stays")
    order = np.random.default_rng(0).permutation(recording.n_rows)
    shuffled = wb.from_arrays(
        {"area": recording["area"].to_numpy(order)},
        recording.rows.iloc[order].reset_index(drop=True),
        kind="brain",
    )
    first, second = (draw_moments(each, "choice") for each in (recording, shuffled))
    assert first.kind == IN_TRIAL
    assert np.array_equal(first.rows, order[second.rows])
    assert np.array_equal(first.labels, second.labels)


def test_trials_of_a_session_are_told_from_the_time_between_them():
    n = 24 * 20
    step = np.arange(n) % 20
    rows = {
        "stimulus": np.zeros(n, int),
        "time": np.arange(n) * 0.01,
        "trial": np.where(step < 15, np.arange(n) // 20, -1),
        "choice": np.repeat(np.tile(["left", "right"], 12), 20),
    }
    recording = wb.from_arrays({"area": np.zeros((n, 2))}, rows, kind="brain")
    moments = draw_moments(recording, "choice", n_times=15)
    assert moments.rows.shape == (24, 15)
    assert (moments.rows % 20 == np.arange(15)).all()


@pytest.mark.parametrize("change", ["language", "numbers", "no time", "few trials", "asked for"])
def test_recordings_without_trials_in_time_have_no_map(change):
    recording = trials("stays")
    rows, kind, options = recording.rows.copy(), "brain", {}
    if change == "language":
        kind = "language"
    elif change == "numbers":
        rows["choice"] = np.arange(len(rows)) + 0.5
    elif change == "no time":
        rows = rows.drop(columns="time")
    elif change == "few trials":
        rows.loc[rows["stimulus"] > 12, "choice"] = "left"
    else:
        options = {"n_times": 0}
    changed = wb.from_arrays({"area": recording["area"].to_numpy()}, rows, kind=kind)
    assert draw_moments(changed, "choice", **options) is None


def test_a_number_of_times_below_none_is_refused():
    with pytest.raises(UsageError, match="n_times=-1"):
        analysed(trials("stays"), n_times=-1)


def test_a_few_long_blocks_are_thinned_rather_than_left_out():
    n = 20_000
    rows = {
        "stimulus": np.repeat([0, 1], n // 2),
        "time": np.tile(np.arange(n // 2), 2),
        "choice": np.random.default_rng(0).integers(0, 2, n),
    }
    activity = np.random.default_rng(1).normal(size=(n, 2))
    recording = wb.from_arrays({"area": activity}, rows, kind="brain")
    result = analysed(recording, n_rows=1000, n_times=0)
    assert result.data.attrs["n"] == 1000
    assert result.measures[0].n == 10


def test_decoding_at_a_single_time_is_no_map_but_a_number():
    from probes import decode_over_time

    y = np.tile([0, 1], 20)
    found = decode_over_time(np.random.default_rng(0).normal(size=(40, 3, 1)) + y[:, None, None], y)
    assert found.p_corrected.shape == (1, 1)
