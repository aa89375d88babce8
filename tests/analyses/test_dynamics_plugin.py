"""The plugin: its contract, timing that is asked for, blocks, bands, real and embedded data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from analyses.brain_dynamics import BrainDynamics
from analyses.brain_dynamics.bands import choose_bands
from analyses.brain_dynamics.example import make_example
from analyses.brain_dynamics.timing import Pace, cut_blocks, pace_of, sessions_of
from workbench.errors import UsageError, WorkbenchError
from workbench.testing import check_analysis

FAST = {"n_surrogates": 39, "n_bootstrap": 39}


def recording(values: np.ndarray, kind: str = "brain", **columns: np.ndarray) -> wb.Recording:
    """One site."""
    return wb.from_arrays({"area": values}, columns, kind=kind)


def found(rec: wb.Recording, **parameters: object) -> dict[tuple[str, ...], wb.Measure]:
    """Measures by name and bands."""
    result = wb.analyze("brain_dynamics", rec, **{**FAST, **parameters})
    return {
        (m.name, *(value for key, value in m.where.items() if key != "site")): m
        for m in result.measures
    }


def test_the_contract_holds() -> None:
    assert set(check_analysis(BrainDynamics).values()) == {"passed"}


def test_what_was_planted_is_what_is_found() -> None:
    measures = found(make_example("planted", 3).recording, bands="slow:5-10,fast:20-40")
    for key in (
        ("relative band power", "slow"),
        ("phase-locking value", "slow"),
        ("weighted phase-lag index", "slow"),
        ("modulation index", "slow", "fast"),
    ):
        measure = measures[key]
        assert measure.beats_null, key
        low, high = measure.interval
        assert low <= measure.value <= high
        assert measure.null.n == 39
    assert measures["phase-locking value", "slow"].value > 0.8
    assert measures["phase-locking value", "slow"].n == 8


def test_one_source_in_all_units_locks_without_lag_and_the_summary_says_so() -> None:
    generator = np.random.default_rng(0)
    source = generator.standard_normal((2000, 1))
    values = source * [1.0, 2.0, 3.0] + 0.3 * generator.standard_normal((2000, 3))
    rec = recording(values, time=np.arange(2000) / 100)
    result = wb.analyze("brain_dynamics", rec, bands="a:8-13", **FAST)
    by_name = {m.name: m for m in result.measures}
    assert by_name["phase-locking value"].beats_null
    assert not by_name["weighted phase-lag index"].beats_null
    assert "volume conduction" in result.summary()


def test_counts_have_a_branching_slope_beside_shifted_units() -> None:
    generator = np.random.default_rng(0)
    activity = np.zeros((2000, 30))
    activity[0, :5] = 1
    for step in range(1, 2000):
        rate = (0.9 * activity[step - 1].sum() + 1) / 30
        activity[step] = generator.poisson(rate, 30)
    measures = found(recording(activity, time=np.arange(2000) * 0.001), bands="g:40-80")
    slope = measures["branching slope",]
    assert slope.value == pytest.approx(0.9, abs=0.08)
    assert slope.beats_null
    assert abs(slope.null.mean) < 0.4
    assert ("branching slope",) not in found(
        recording(activity + 0.5, time=np.arange(2000) * 0.001), bands="g:40-80"
    )


def test_slow_noise_of_independent_units_seldom_beats_its_surrogates() -> None:
    alarms, tests = 0, 0
    for seed in range(12):
        generator = np.random.default_rng(seed)
        values = generator.standard_normal((800, 3))
        for step in range(1, 800):
            values[step] += 0.9 * values[step - 1]
        rows = {"stimulus": np.repeat(np.arange(8), 100), "time": np.tile(np.arange(100) * 0.01, 8)}
        measures = found(recording(values, **rows), bands="a:8-16,b:20-40")
        # Power of slow noise is not that of shuffled samples, and is meant to be found.
        tested = [m for key, m in measures.items() if key[0] != "relative band power"]
        alarms, tests = alarms + sum(bool(m.beats_null) for m in tested), tests + len(tested)
    assert alarms / tests < 0.15


def test_the_rate_is_given_read_or_asked_for() -> None:
    values = np.random.default_rng(0).standard_normal((200, 2))
    steps = np.arange(200)
    assert pace_of(recording(values, time=steps * 0.01), None).rate == pytest.approx(100)
    assert pace_of(recording(values, time=steps * 0.01), 50.0) == Pace(50.0, "Hz", "row")
    ticks = pace_of(recording(values, "network", time=steps), None)
    assert ticks == Pace(1.0, "cycles/step", "step")
    stimulus = {"stimulus": np.zeros(200, int), "position": steps}
    tokens = pace_of(recording(values, "language", **stimulus), None)
    assert tokens.unit == "cycles/token"
    with pytest.raises(UsageError, match="pass sampling_rate in samples per second"):
        pace_of(recording(values), None)
    with pytest.raises(UsageError, match="expected steady steps of one length"):
        pace_of(recording(values, stimulus=0 * steps, time=steps**1.5), None)


def test_rows_are_put_in_order_of_session_and_time_and_blocks_never_cross() -> None:
    order = np.random.default_rng(0).permutation(300)
    stimulus, time = np.repeat([0, 1, 2], 100)[order], np.tile(np.arange(100), 3)[order]
    rec = recording(np.zeros((300, 2)), stimulus=stimulus, time=time)
    blocks = cut_blocks(sessions_of(rec), 4, 40, None)
    assert blocks.rows.shape == (6, 50)
    assert all(len(set(stimulus[rows])) == 1 for rows in blocks.rows)
    assert (np.diff(time[blocks.rows], axis=1) == 1).all()
    assert blocks.session.tolist() == [0, 0, 1, 1, 2, 2]
    few = cut_blocks(sessions_of(rec), 1, 2, 40)
    assert few.rows.shape == (2, 40)
    assert few.n_rows_left_out == 220
    with pytest.raises(UsageError, match="at least 32 rows in a row"):
        cut_blocks([np.arange(20)], 4, 40, None)


def test_bands_are_named_usual_or_octaves_and_slow_ones_need_long_blocks() -> None:
    second = Pace(500.0, "Hz", "sample")
    assert list(choose_bands(None, second, 1500)) == ["delta", "theta", "alpha", "beta", "gamma"]
    assert list(choose_bands(None, Pace(0.5, "Hz", "sample"), 100))[-1] == "0.125-0.25"
    given = choose_bands("fast:30-60, 8-12", second, 1500)
    assert given == {"8-12": (8.0, 12.0), "fast": (30.0, 60.0)}
    assert choose_bands({"x": (9, 11)}, second, 1500) == {"x": (9.0, 11.0)}
    for text, message in (
        ("alpha:8", "such as alpha:8-13"),
        ("alpha:0.1-1", "3 cycles in blocks of 1500 rows"),
        ("alpha:300-400", "half the sampling rate"),
    ):
        with pytest.raises(UsageError, match=message):
            choose_bands(text, second, 1500)


def test_sites_of_one_unit_and_units_without_values_are_left_out() -> None:
    values = np.random.default_rng(0).standard_normal((400, 4))
    values[:, 1], values[:, 2] = np.nan, 7.0
    rec = wb.from_arrays(
        {"area": values, "one": values[:, :1]}, {"time": np.arange(400) * 0.01}, kind="brain"
    )
    result = wb.analyze("brain_dynamics", rec, bands="a:8-13", **FAST)
    assert result.data.attrs["sites_left_out"] == ["one"]
    assert [n for n in result.data["unit_name"].values[0] if n] == ["unit 0", "unit 3"]
    assert "Left out" in result.summary()
    constant = recording(np.ones((400, 3)), time=np.arange(400) * 0.01)
    with pytest.raises(WorkbenchError, match="no two units that vary"):
        wb.analyze("brain_dynamics", constant, **FAST)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_surrogates": 3}, "n_surrogates=3; expected a whole number of at least 19"),
        ({"block": 5}, "block=5; expected a whole number of at least 32"),
        ({"block": 999}, "for blocks of 999"),
        ({"sampling_rate": -1.0}, "expected a positive number of samples per second"),
        ({"n_bins": 1}, "n_bins=1"),
    ],
)
def test_bad_parameters_are_named(parameters: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        wb.analyze("brain_dynamics", make_example("noise", 0).recording, **parameters)


def test_embedded_recordings_of_three_kinds(tmp_path: Path) -> None:
    small = {**FAST, "n_units": 6, "most_blocks": 6}
    for address, step in (("demo:brain", "sample"), ("demo:rnn", "step")):
        rec = wb.capture(address, max_rows=1200, out=tmp_path / address[5:])
        result = wb.analyze("brain_dynamics", rec, **small)
        assert result.data.attrs["step"] == step
        assert any(m.beats_null for m in result.measures)
        assert set(result.figures()) >= {"Spectrum", "Coupling between units"}
    # Blood oxygenation is slow: its fastest octave holds less power than white noise has there.
    bold = wb.analyze("brain_dynamics", wb.open(tmp_path / "brain"), n_units=6, n_surrogates=119)
    fast = next(m for m in bold.measures if m.where.get("band") == "0.132-0.265")
    assert fast.beats_null
    assert fast.value < fast.null.mean


def test_evoked_fields_of_a_real_brain(data: Path, tmp_path: Path) -> None:
    path = data / "brain" / "mne_sample_evoked" / "test-ave.fif.gz"
    if not path.exists():
        pytest.skip(f"real data not found at '{path}'")
    rec = wb.capture(f"mne:{path}", sites="*", out=tmp_path / "mne")
    result = wb.analyze("brain_dynamics", rec, n_units=8, **FAST)
    assert result.data.attrs["sampling_rate"] == pytest.approx(600.615, abs=1e-3)
    assert "eog" in result.data.attrs["sites_left_out"]
    alpha = {
        (m.name, m.where["site"]): m for m in result.measures if m.where.get("band") == "alpha"
    }
    # Electrodes on one scalp share sources.
    assert alpha["phase-locking value", "eeg"].beats_null
