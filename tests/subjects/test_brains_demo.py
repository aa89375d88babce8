"""The embedded recordings as subjects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from brain_files import activity_of, open_brain, rows_of, units_of

import workbench as wb
from workbench.capturing.request import CaptureRequest
from workbench.demo import brain
from workbench.errors import UsageError
from workbench.subjects.addresses import list_sites


def test_fmri_is_recorded_as_nitime_carries_it(tmp_path: Path) -> None:
    arrays = brain.fmri()
    recording = wb.capture("demo:brain", out=tmp_path / "rec")
    assert recording.sites == ["bold"]
    assert np.array_equal(recording["bold"].to_numpy(), arrays.traces)
    assert np.array_equal(recording.rows["time"], arrays.row_labels["time_seconds"])
    assert recording.rows["half"].tolist() == arrays.row_labels["half"].tolist()
    units = recording.units("bold")
    assert units["name"].tolist() == list(arrays.unit_names)
    assert units["hemisphere"].tolist() == arrays.unit_labels["hemisphere"].tolist()
    assert recording.manifest.subject["sampling_rate_hz"] == pytest.approx(1 / 1.89)


def test_both_runs_of_the_grasshopper_are_kept_apart() -> None:
    arrays = brain.grasshopper()
    source = open_brain("demo:brain-spikes", shard_rows=3000)
    assert np.array_equal(activity_of(source), arrays.traces)
    rows = rows_of(source)
    assert np.array_equal(rows["time"], arrays.row_labels["time_seconds"])
    assert rows["stimulus"].tolist() == (arrays.row_labels["run"] == "800 Hz").astype(int).tolist()
    assert rows["stimulus_level"].tolist() == arrays.row_labels["stimulus_level"].tolist()
    assert source.stimulus_table()["session"].tolist() == ["200 Hz", "800 Hz"]


def test_bins_keep_labels_on_which_their_samples_agree() -> None:
    whole, binned = open_brain("demo:brain"), open_brain("demo:brain", bin=18.9)
    expected = activity_of(whole).reshape(25, 10, -1).mean(axis=1)
    assert np.allclose(activity_of(binned), expected, rtol=1e-5)
    halves = rows_of(binned)["half"]
    assert halves[:12].tolist() == ["first"] * 12
    assert halves[13:].tolist() == ["second"] * 12
    assert halves.isna().tolist() == [False] * 12 + [True] + [False] * 12


def test_sites_and_units_are_named() -> None:
    (site,) = list_sites(CaptureRequest("demo:brain"))
    assert (site.name, site.shape, site.dtype) == ("bold", (31,), "float32")
    assert units_of(open_brain("demo:brain"))["missing_fraction"].sum() == 0
    with pytest.raises(UsageError, match=r"Found option 'rate'"):
        open_brain("demo:brain", rate=1)
