"""The embedded recordings: shapes, honest labels, and the known answer to a sound."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from workbench.demo import brain
from workbench.errors import UsageError


def test_fmri_is_whole_and_finite() -> None:
    recording = brain.fmri()
    assert recording.traces.shape == (250, 31)
    assert recording.traces.dtype == np.float32
    assert np.isfinite(recording.traces).all()
    assert len(recording.unit_names) == len(set(recording.unit_names)) == 31
    assert (len(recording.row_labels), len(recording.unit_labels)) == (250, 31)
    steps = np.diff(recording.row_labels["time_seconds"])
    assert np.allclose(steps, 1 / recording.sampling_rate)
    assert all((recording.licence, recording.source, recording.quantity))


def test_fmri_says_which_signals_are_no_regions() -> None:
    recording = brain.fmri()
    kinds = dict(zip(recording.unit_names, recording.unit_labels["kind"], strict=True))
    assert {name for name, kind in kinds.items() if kind == "reference"} == {"WM", "Vent", "Brain"}
    sides = recording.unit_labels["hemisphere"].value_counts()
    assert sides["left"] == sides["right"] == 14


def test_fmri_regions_correlate_with_their_mirror_image() -> None:
    recording = brain.fmri()
    correlation = np.corrcoef(recording.traces.T)
    place = {name: index for index, name in enumerate(recording.unit_names)}
    pairs = [(place[n], place["R" + n[1:]]) for n in place if n[0] == "L" and "R" + n[1:] in place]
    mirrored = np.mean([correlation[left, right] for left, right in pairs])
    others = np.mean([correlation[a, b] for a, _ in pairs for _, b in pairs if (a, b) not in pairs])
    assert len(pairs) == 13
    assert mirrored > others + 0.1


def test_grasshopper_counts_every_spike_once_a_unit() -> None:
    recording = brain.grasshopper()
    counts = recording.traces
    assert counts.dtype == np.float32
    assert set(np.unique(counts)) <= {0.0, 1.0}
    assert len(recording.row_labels) == len(counts)
    assert len(recording.unit_names) == counts.shape[1] == len(recording.unit_labels)
    for _, table in recording.row_labels.groupby("run"):
        rows = counts[table.index]
        # The embedding: one neuron, seen a bin later by the next unit.
        assert np.array_equal(rows[1:, :-1], rows[:-1, 1:])
        rate = rows[:, 0].sum() / (len(rows) / recording.sampling_rate)
        assert 80 < rate < 100


def test_grasshopper_answers_loud_sounds_a_few_milliseconds_later() -> None:
    recording = brain.grasshopper()
    level = recording.row_labels["stimulus_level"]
    high = recording.traces[(level == "high").to_numpy()].mean(axis=0)
    low = recording.traces[(level == "low").to_numpy()].mean(axis=0)
    assert 5 <= int(np.argmax(high - low)) <= 8
    assert (high - low).max() > 0.05


def test_stimulus_levels_are_balanced_in_each_run() -> None:
    table = brain.grasshopper().row_labels
    shares = table.groupby("run")["stimulus_level"].value_counts(normalize=True)
    assert len(shares) == 6
    assert shares.between(0.32, 0.35).all()
    assert (table["stimulus_db"] <= 0).all()


def test_bins_and_window_can_be_chosen() -> None:
    recording = brain.grasshopper(bin_seconds=0.005, window_seconds=0.02)
    assert recording.traces.shape[1] == 4
    assert recording.sampling_rate == 200
    assert recording.unit_names == tuple(f"spikes +{lag} ms" for lag in (0, 5, 10, 15))


@pytest.mark.parametrize(("bins", "window"), [(0.0, 0.02), (0.03, 0.02), (0.001, 10.0)])
def test_impossible_bins_are_refused(bins: float, window: float) -> None:
    with pytest.raises(UsageError, match="bin_seconds must lie between"):
        brain.grasshopper(bins, window)


def test_nitime_is_not_imported() -> None:
    assert importlib.util.find_spec("nitime") is not None
    source = brain._data_file("fmri_timeseries.csv")
    assert source.name == "fmri_timeseries.csv"
    with pytest.raises(UsageError, match=r"no data/missing\.csv"):
        brain._data_file("missing.csv")
