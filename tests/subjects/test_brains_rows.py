"""Which rows there are: samples, bins, trials, sessions; against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from brain_files import activity_of, rows_of, units_of

from workbench.capturing.request import make_request
from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.brains.clock import Clock, StampedClock, SteadyClock, time_facts
from workbench.subjects.brains.intervals import make_intervals
from workbench.subjects.brains.source import TraceSource
from workbench.subjects.brains.spikes import SpikeTrains
from workbench.subjects.brains.traces import Sampled, Series, Session, Traces
from workbench.subjects.brains.unit_table import unit_table
from workbench.subjects.brains.values import ArrayValues


def series(name: str, parts: list[Any], n_units: int) -> Series:
    return Series(name, unit_table(n_units), "a.u.", tuple(parts))


def two_runs(generator: np.random.Generator) -> tuple[Traces, list[np.ndarray], list[Clock]]:
    """Two runs of unlike length, uneven times in the second; trials with conditions in both."""
    values = [generator.normal(size=(n, 3)) for n in (50, 70)]
    values[0][3:8, 1] = np.nan
    clocks = [SteadyClock(50, 10.0, 1.0), StampedClock(np.cumsum(generator.uniform(0.05, 0.2, 70)))]
    onsets = [np.array([1.55, 3.05]), np.array([0.8, 2.2, 4.1])]
    sessions = tuple(
        Session(
            {"session": f"run {n}"},
            (
                make_intervals(
                    "trials", on, on + 0.7, pd.DataFrame({"condition": list("abcab"[: len(on)])})
                ),
                make_intervals("epochs", [0.0], [2.0], pd.DataFrame({"drug": [1]})),
            ),
        )
        for n, on in enumerate(onsets)
    )
    parts = [Sampled(ArrayValues(v), c) for v, c in zip(values, clocks, strict=True)]
    return Traces((series("dff", parts, 3),), sessions), values, clocks


def opened(traces: Traces, positions: Any = "all", sites: Any = "*", **options: Any) -> TraceSource:
    request = make_request(subject="npz:memory", sites=sites, positions=positions, **options)
    return TraceSource(request, traces)


def inside(clock: Clock, first: float, last: float) -> np.ndarray:
    times = clock.seconds(0, clock.n)
    return (times >= first) & (times < last)


def test_runs_are_never_glued(generator: np.random.Generator) -> None:
    traces, values, clocks = two_runs(generator)
    source = opened(traces, shard_rows=16)
    rows = rows_of(source)
    assert np.array_equal(activity_of(source), np.concatenate(values), equal_nan=True)
    assert rows["stimulus"].tolist() == [0] * 50 + [1] * 70
    for run, clock in enumerate(clocks):
        assert np.array_equal(rows.loc[rows["stimulus"] == run, "time"], clock.seconds(0, clock.n))
    assert source.stimulus_table()["session"].tolist() == ["run 0", "run 1"]


def test_labels_hold_inside_of_intervals_only(generator: np.random.Generator) -> None:
    traces, _, clocks = two_runs(generator)
    rows = rows_of(opened(traces, shard_rows=11))
    for run, clock in enumerate(clocks):
        here = rows[rows["stimulus"] == run].reset_index(drop=True)
        trials = traces.sessions[run].intervals[0].table
        expected = np.full(clock.n, -1)
        for number, (on, off) in enumerate(zip(trials["onset"], trials["offset"], strict=True)):
            expected[inside(clock, on, off)] = number
        assert np.array_equal(here["trial"], expected)
        labelled = expected >= 0
        assert here["condition"][labelled].tolist() == [
            "abcab"[number] for number in expected[labelled]
        ]
        assert here["condition"][~labelled].isna().all()
        since = here["time"][labelled] - trials["onset"].to_numpy()[expected[labelled]]
        assert np.allclose(here["trial_time"][labelled], since)
        in_epoch = inside(clock, 0.0, 2.0)
        assert np.array_equal(here["epochs"] == 0, in_epoch)
        assert np.array_equal(here["epochs_drug"].notna(), in_epoch)


@pytest.mark.parametrize("window", [None, "-0.2,0.4"])
def test_trial_means_equal_a_plain_loop(window: str | None, generator: np.random.Generator) -> None:
    traces, values, clocks = two_runs(generator)
    source = opened(traces, "trial", **({} if window is None else {"window": window}))
    expected, counts = [], []
    for run, session in enumerate(traces.sessions):
        for _, trial in session.intervals[0].table.iterrows():
            first, last = trial["onset"], trial["offset"]
            if window is not None:
                first, last = trial["onset"] - 0.2, trial["onset"] + 0.4
            taken = values[run][inside(clocks[run], first, last)]
            expected.append(np.nanmean(taken, axis=0))
            counts.append(len(taken))
    rows = rows_of(source)
    assert np.allclose(activity_of(source), expected)
    assert rows["n_bins"].tolist() == counts
    assert rows["stimulus"].tolist() == list(range(5))
    assert rows["session"].tolist() == [0, 0, 1, 1, 1]
    assert "time" not in rows
    assert source.stimulus_table()["condition"].tolist() == list("ababc")


def test_a_trial_without_samples_is_missing(generator: np.random.Generator) -> None:
    table = pd.DataFrame({"condition": ["a", "b"]})
    late = make_intervals("trials", [0.0, 90.0], [1.0, 91.0], table)
    part = Sampled(ArrayValues(generator.normal(size=(20, 2))), SteadyClock(20, 10.0))
    source = opened(
        Traces((series("x", [part], 2),), (Session({"session": "s"}, (late,)),)), "trial"
    )
    assert rows_of(source)["n_bins"].tolist() == [10, 0]
    assert np.isnan(activity_of(source)[1]).all()
    assert units_of(source)["missing_fraction"].tolist() == [0.5, 0.5]


def test_session_means(generator: np.random.Generator) -> None:
    traces, values, _ = two_runs(generator)
    source = opened(traces, "mean")
    assert np.allclose(activity_of(source), [np.nanmean(each, axis=0) for each in values])
    assert rows_of(source)["n_bins"].tolist() == [50, 70]


def test_samples_of_each_trial(generator: np.random.Generator) -> None:
    traces, values, clocks = two_runs(generator)
    source = opened(traces, (0, -1), shard_rows=3)
    rows, found = rows_of(source), activity_of(source)
    number = 0
    for run, session in enumerate(traces.sessions):
        for _, trial in session.intervals[0].table.iterrows():
            places = np.flatnonzero(inside(clocks[run], trial["onset"], trial["offset"]))
            for place, position in ((places[0], 0), (places[-1], len(places) - 1)):
                assert np.array_equal(found[number], values[run][place], equal_nan=True)
                assert rows.loc[number, "position"] == position
                assert rows.loc[number, "time"] == clocks[run].seconds(place, place + 1)[0]
                number += 1
    assert number == len(rows)
    with pytest.raises(UsageError, match=r"samples in trial .*at least 101"):
        opened(traces, (100,))


@pytest.mark.parametrize("positions", ["all", "trial", "mean", (0, -1)])
def test_shards_are_parts_of_the_whole(positions: Any, generator: np.random.Generator) -> None:
    traces, *_ = two_runs(generator)
    whole = opened(traces, positions)
    parts = opened(traces, positions, shard_rows=1)
    assert len(parts.plan) > len(whole.plan)
    assert np.array_equal(activity_of(whole), activity_of(parts), equal_nan=True)
    pd.testing.assert_frame_equal(rows_of(whole), rows_of(parts), check_dtype=False)
    assert whole.ingredients == parts.ingredients


def test_max_rows_cuts(generator: np.random.Generator) -> None:
    traces, *_ = two_runs(generator)
    for positions in ("all", "trial"):
        whole, cut = opened(traces, positions), opened(traces, positions, max_rows=4)
        assert sum(cut.plan) == 4
        assert np.array_equal(activity_of(cut), activity_of(whole)[:4], equal_nan=True)
        assert cut.ingredients != whole.ingredients


def trains(generator: np.random.Generator, **observed: Any) -> tuple[SpikeTrains, list[np.ndarray]]:
    times = [np.sort(generator.uniform(0, 20, n)) for n in (300, 40, 0)]
    return SpikeTrains(3, lambda unit: times[unit], **observed), times


@pytest.mark.parametrize("width", [0.01, 0.3, 1.0, 7.0])
def test_binned_spikes_equal_histograms(width: float, generator: np.random.Generator) -> None:
    spikes, times = trains(generator)
    traces = Traces((series("units", [spikes], 3),), (Session({"session": "s"}),))
    source = opened(traces, bin=str(width), shard_rows=13)
    counts = activity_of(source)
    edges = np.arange(len(counts) + 1) * width
    for unit, each in enumerate(times):
        assert np.array_equal(counts[:, unit], np.histogram(each, edges)[0])
    assert counts.sum() == 340
    assert source.sites[0].dtype == "int32"
    assert np.allclose(rows_of(source)["time"], (edges[:-1] + edges[1:]) / 2)
    assert units_of(source)["missing"].tolist() == [False] * 3


def test_bins_outside_of_observation_are_missing(generator: np.random.Generator) -> None:
    spans = np.array([[10.25, 20.0], [0.0, 5.0], [10.0, 10.25]])
    spikes, times = trains(generator, observed=lambda unit: spans if unit else spans[:0])
    traces = Traces((series("units", [spikes], 3),), (Session({"session": "s"}),))
    counts = activity_of(opened(traces, bin=0.5))
    assert counts.dtype == np.float32
    assert counts.shape == (40, 3)
    assert np.isnan(counts[:, 0]).all()
    starts = np.arange(40) * 0.5
    seen = ((starts >= 0) & (starts < 5)) | ((starts >= 10) & (starts < 20))
    assert np.isnan(counts[~seen, 1]).all()
    expected = np.histogram(times[1], np.append(starts, 20.0))[0]
    assert np.array_equal(counts[seen, 1], expected[seen])
    assert (counts[seen, 2] == 0).all()


def test_silence_at_the_end_counts_as_zeros(generator: np.random.Generator) -> None:
    spikes, _ = trains(generator)
    late = make_intervals("trials", [25.0], [30.0], pd.DataFrame({"c": ["x"]}))
    traces = Traces((series("units", [spikes], 3),), (Session({"session": "s"}, (late,)),))
    counts = activity_of(opened(traces, bin=1))
    assert counts.shape == (30, 3)
    assert (counts[20:] == 0).all()
    rate = activity_of(opened(traces, "trial", bin=1))
    assert rate.tolist() == [[0, 0, 0]]


def test_spikes_before_zero_and_at_foreign_origins(generator: np.random.Generator) -> None:
    for shift, start in ((-3.2, -4.0), (1.7e9, 1.7e9)):
        early = SpikeTrains(1, lambda _, shift=shift: np.array([0.1, 2.0]) + shift)
        source = opened(Traces((series("u", [early], 1),), (Session({"session": "s"}),)), bin=1)
        assert rows_of(source)["time"].iloc[0] == start + 0.5
        assert activity_of(source).sum() == 2
        assert len(rows_of(source)) <= 3


def test_binned_samples_are_means_without_the_missing(generator: np.random.Generator) -> None:
    values = generator.normal(size=(500, 2))
    values[40:60, 0] = np.nan
    values[47, 1] = np.nan
    clock = StampedClock(np.sort(generator.uniform(0, 10, 500)))
    traces = Traces(
        (series("lfp", [Sampled(ArrayValues(values), clock)], 2),), (Session({"session": "s"}),)
    )
    found = activity_of(opened(traces, bin=0.1, shard_rows=17))
    times = clock.seconds(0, 500)
    bins = np.floor((times - times[0]) / 0.1).astype(int)
    expected = pd.DataFrame(values).groupby(bins).mean().reindex(range(len(found)))
    assert np.allclose(found, expected, equal_nan=True)
    assert found.dtype == np.float64


def test_spikes_and_samples_together(generator: np.random.Generator) -> None:
    spikes, times = trains(generator)
    lfp = Sampled(
        ArrayValues(generator.normal(size=(2000, 2)).astype(np.float32)), SteadyClock(2000, 100.0)
    )
    traces = Traces(
        (series("lfp", [lfp], 2), series("units", [spikes], 3)), (Session({"session": "s"}),)
    )
    with pytest.raises(
        UsageError, match=r"'lfp' \(100 Hz, 2000 samples\); 'units' \(spike times\)"
    ):
        opened(traces)
    with pytest.raises(UsageError, match=r"add --bin 0.01"):
        opened(traces, sites="units")
    with pytest.raises(UsageError, match=r"samples 0.01 s apart.*larger bin"):
        opened(traces, bin=0.001)
    source = opened(traces, bin=0.5)
    assert [site.dtype for site in source.sites] == ["float32", "int32"]
    means = lfp.values.read(0, 2000).reshape(40, 50, 2).mean(axis=1)
    assert np.allclose(activity_of(source, "lfp"), means, atol=1e-6)
    edges = np.arange(41) * 0.5
    assert np.array_equal(activity_of(source, "units")[:, 0], np.histogram(times[0], edges)[0])


def test_series_with_other_times_are_kept_apart(generator: np.random.Generator) -> None:
    def part(clock: Clock) -> Sampled:
        return Sampled(ArrayValues(generator.normal(size=(clock.n, 2))), clock)

    stamps = np.cumsum(generator.uniform(0.1, 0.2, 30))
    traces = Traces(
        (
            series("a", [part(SteadyClock(30, 5.0))], 2),
            series("b", [part(SteadyClock(30, 5.0))], 2),
            series("c", [part(SteadyClock(30, 5.0, 0.1))], 2),
            series("d", [part(StampedClock(stamps))], 2),
            series("e", [part(StampedClock(stamps.copy()))], 2),
        ),
        (Session({"session": "s"}),),
    )
    assert [site.name for site in opened(traces, sites="a,b").sites] == ["a", "b"]
    assert [site.name for site in opened(traces, sites="d,e").sites] == ["d", "e"]
    for sites in ("*", "a,c", "b,d"):
        with pytest.raises(UsageError, match=r"series with different times"):
            opened(traces, sites=sites)


def test_options_change_the_identity(generator: np.random.Generator) -> None:
    traces, *_ = two_runs(generator)
    seen = [
        opened(traces, positions, **options).ingredients
        for positions, options in (
            ("all", {}),
            ("trial", {}),
            ("mean", {}),
            ((0,), {}),
            ("all", {"bin": 0.5}),
            ("all", {"bin": 0.6}),
            ("trial", {"window": (0, 0.5)}),
            ("trial", {"intervals": "epochs"}),
        )
    ]
    assert all(a != b for n, a in enumerate(seen) for b in seen[:n])
    assert opened(traces).ingredients == seen[0]


@pytest.mark.parametrize(
    ("positions", "options", "sentence"),
    [
        ("last", {}, "it has all, trial, mean, indices"),
        ("all", {"bin": "fast"}, "Found bin 'fast'; expected a positive number"),
        ("all", {"window": "1"}, "seconds before and after onset"),
        ("all", {"window": (0.5, 0.1)}, "seconds before and after onset"),
        ("all", {"intervals": "trails"}, "did you mean 'trials'"),
        ("all", {"bin": 1e-9}, "samples 0.1 s apart"),
    ],
)
def test_wrong_choices_are_refused(
    positions: str, options: dict, sentence: str, generator: np.random.Generator
) -> None:
    traces, *_ = two_runs(generator)
    with pytest.raises(UsageError, match=sentence):
        opened(traces, positions, **options)


def test_trials_must_exist_and_last(generator: np.random.Generator) -> None:
    part = Sampled(ArrayValues(generator.normal(size=(20, 2))), SteadyClock(20, 10.0))
    plain = Traces((series("x", [part], 2),), (Session({"session": "s"}),))
    with pytest.raises(UsageError, match=r"no trials or events"):
        opened(plain, "trial")
    instants = make_intervals("events", [0.5, 1.0], [0.5, np.nan], pd.DataFrame({"code": [1, 2]}))
    traces = Traces((series("x", [part], 2),), (Session({"session": "s"}, (instants,)),))
    with pytest.raises(UsageError, match=r"only instants.*--window"):
        opened(traces, "trial")
    assert rows_of(opened(traces, "trial", window=(0, 0.3)))["n_bins"].tolist() == [3, 3]
    assert np.flatnonzero(rows_of(opened(traces))["trial"] >= 0).tolist() == [5, 10]


@pytest.mark.parametrize("width", [None, 0.25])
def test_an_instant_lies_in_one_row(width: float | None, generator: np.random.Generator) -> None:
    onsets = np.sort(generator.uniform(0, 9.9, 12))
    instants = make_intervals("events", onsets, onsets, pd.DataFrame({"code": range(12)}))
    part = Sampled(ArrayValues(generator.normal(size=(100, 2))), SteadyClock(100, 10.0))
    traces = Traces((series("x", [part], 2),), (Session({"session": "s"}, (instants,)),))
    rows = rows_of(opened(traces, **({} if width is None else {"bin": width})))
    expected = np.floor(onsets / (width or 0.1)).astype(int)
    for row, trial in enumerate(rows["trial"]):
        here = np.flatnonzero(expected == row)
        assert trial == (here[-1] if len(here) else -1)


def test_a_sampling_rate_is_stated_only_if_it_is_constant() -> None:
    steady = np.arange(100) * 0.1
    assert time_facts([StampedClock(steady)])["sampling_rate_hz"] == pytest.approx(10)
    jittered = steady + np.resize([0, 0.002], 100)
    facts = time_facts([StampedClock(jittered)])
    assert "sampling_rate_hz" not in facts
    assert facts["spacing_seconds"]["max"] == pytest.approx(0.102)
    assert time_facts([SteadyClock(5, 10.0), SteadyClock(5, 20.0)]).get("sampling_rate_hz") is None


def test_time_stamps_are_searched_in_blocks(generator: np.random.Generator) -> None:
    stamps = np.cumsum(generator.uniform(0.5, 1.5, 200_000))
    sought = generator.uniform(-5, stamps[-1] + 5, 500)
    assert np.array_equal(StampedClock(stamps).index(sought), np.searchsorted(stamps, sought))


def test_bfloat16_and_float16_can_be_stored(generator: np.random.Generator) -> None:
    traces, *_ = two_runs(generator)
    for dtype in ("float16", "bfloat16", "float32"):
        source = TraceSource(make_request(subject="npz:m", dtype=dtype), traces)
        assert source.sites[0].dtype == dtype
        assert units_of(source)["missing_fraction"].tolist() == [0, 5 / 120, 0]


def test_damage_found_while_reading_is_said(generator: np.random.Generator) -> None:
    class Broken(ArrayValues):
        def read(self, start: int, stop: int) -> np.ndarray:
            raise OSError("Can't read data (inflate() failed)")

    part = Sampled(Broken(np.zeros((20, 2))), SteadyClock(20, 10.0))
    source = opened(Traces((series("x", [part], 2),), (Session({"session": "s"}),)))
    with pytest.raises(WorkbenchError, match=r"Could not read 'npz:memory'.*inflate"):
        source.activity(0, ["x"])
