"""Rows that are steps in time: neighbours resemble each other, and so do their labels."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb

SETTINGS = {
    "embeddings": (),
    "clusters": (),
    "n_permutations": 99,
    "n_bootstrap": 99,
    "n_per_class": 150,
}
STEPS, UNITS = 3000, 6


def slow(generator: np.random.Generator, n_units: int) -> np.ndarray:
    """Noise (steps, units) whose neighbours in time resemble each other."""
    noise = generator.normal(size=(STEPS, n_units))
    for step in range(1, STEPS):
        noise[step] += 0.98 * noise[step - 1]
    return noise


def recording(seed: int, planted: float, timed: bool = True) -> wb.Recording:
    """Slow activity and slow labels that have nothing to do with each other unless planted."""
    generator = np.random.default_rng(seed)
    state = slow(generator, 1)[:, 0]
    label = np.where(state > np.median(state), "up", "down")
    activity = slow(generator, UNITS) + planted * 10 * (label == "up")[:, None]
    rows = {"label": label, "stimulus": np.repeat([0, 1], STEPS // 2)}
    if timed:
        rows["time"] = np.tile(np.arange(STEPS // 2) * 0.1, 2)
    return wb.from_arrays({"area": activity}, rows, kind="brain")


def gdv(rec: wb.Recording) -> wb.Measure:
    """The one measure."""
    (measure,) = wb.analyze("word_classes", rec, **SETTINGS).measures
    return measure


def test_slow_noise_does_not_beat_a_null_that_keeps_its_slowness() -> None:
    alarms = [gdv(recording(seed, planted=0.0)).beats_null for seed in range(20)]
    assert sum(alarms) <= 4
    # Without a time axis rows count as independent, and the same noise is found again and again.
    naive = [gdv(recording(seed, planted=0.0, timed=False)).beats_null for seed in range(8)]
    assert sum(naive) >= 4


def test_what_follows_the_labels_is_found_and_its_interval_draws_blocks_of_time() -> None:
    found = gdv(recording(0, planted=1.0))
    assert found.beats_null
    assert "shifted in time" in found.null.method
    assert found.interval is not None
    low, high = found.interval
    assert low < found.value < high
    assert found.n >= 20


def test_labels_of_whole_trials_are_still_shuffled_over_trials() -> None:
    generator = np.random.default_rng(0)
    trial = np.repeat(np.arange(40), 10)
    rows = {
        "label": np.where(trial % 2, "left", "right"),
        "stimulus": trial,
        "time": np.tile(np.arange(10), 40),
    }
    activity = generator.normal(size=(400, 4)) + (trial % 2)[:, None]
    found = gdv(wb.from_arrays({"area": activity}, rows))
    assert found.null.method == "labels shuffled over stimuli"
    assert found.beats_null
    assert found.n == pytest.approx(40)


def test_order_of_rows_does_not_matter() -> None:
    rec = recording(1, planted=0.3)
    order = np.random.default_rng(0).permutation(STEPS)
    shuffled = wb.from_arrays(
        {"area": rec["area"].to_numpy(order)},
        {name: rec.rows[name].to_numpy()[order] for name in rec.rows},
        kind="brain",
    )
    first, second = gdv(rec), gdv(shuffled)
    assert first.value == pytest.approx(second.value, rel=1e-9)
    assert first.null.mean == pytest.approx(second.null.mean, rel=1e-6)
