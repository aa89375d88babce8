"""MEG and EEG in the formats that MNE writes, against MNE's own reading of them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from brain_files import activity_of, open_brain, read_shard, rows_of, units_of

import workbench as wb
from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError
from workbench.subjects.addresses import open_source

mne = pytest.importorskip("mne", reason="mne is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

RATE = 100.0
KINDS = ["mag", "grad", "grad", "eeg", "eeg", "eog", "stim"]


def make_raw(generator: np.random.Generator, kinds: list[str] | None = None) -> Any:
    kinds = kinds or KINDS
    names = [f"{kind.upper()}{number}" for number, kind in enumerate(kinds)]
    data = generator.normal(0, 1e-5, size=(len(kinds), 1200))
    if "stim" in kinds:
        data[-1] = 0
        data[-1, [150, 400, 850]] = [1, 2, 1]
    info = mne.create_info(names, RATE, kinds)
    raw = mne.io.RawArray(data, info, first_samp=70, verbose="error")
    raw.info["bads"] = names[3:4]
    raw.set_annotations(mne.Annotations([2.0, 6.0], [1.5, 0.5], ["tone", "light"]))
    return raw


def read_again(path: Path) -> Any:
    return mne.io.read_raw(path, preload=True, verbose="error")


def test_the_evoked_responses_of_a_person(data: Path, tmp_path: Path) -> None:
    path = data / "brain/mne_sample_evoked/test-ave.fif.gz"
    recording = wb.capture(f"mne:{path}", out=tmp_path / "rec", sites="meg/*,eeg")
    assert recording.sites == ["meg/grad", "meg/mag", "eeg"]
    evokeds = mne.read_evokeds(path, proj=False, verbose="error")
    rows = recording.rows
    for number, evoked in enumerate(evokeds):
        here = (rows["stimulus"] == number).to_numpy()
        assert here.sum() == 421
        assert np.allclose(rows["time"][here], evoked.times)
        assert (rows["condition"][here] == evoked.comment).all()
        for site, kind in (("meg/grad", "grad"), ("meg/mag", "mag"), ("eeg", "eeg")):
            expected = evoked.get_data(picks=mne.channel_indices_by_type(evoked.info)[kind])
            assert np.array_equal(recording[site].to_numpy()[here], expected.T)
    assert recording.stimuli["condition"].tolist() == [each.comment for each in evokeds]
    units = recording.units("meg/mag")
    assert (units["frame"] == "device").all()
    assert np.isfinite(units[["x", "y", "z"]].to_numpy()).all()
    assert recording.manifest.subject["quantity"]["meg/grad"] == "grad in T/m"


def test_evoked_responses_by_position(tmp_path: Path, generator: np.random.Generator) -> None:
    raw = make_raw(generator)
    evokeds = [
        mne.EvokedArray(raw.get_data()[:, start : start + 90], raw.info, 0.1 * start - 0.2, name)
        for start, name in ((0, "tone"), (200, "light"))
    ]
    mne.write_evokeds(tmp_path / "a-ave.fif", evokeds, verbose="error")
    address = f"mne:{tmp_path / 'a-ave.fif'}"
    values = activity_of(open_brain(address, sites="eeg"))
    assert np.allclose(values, np.concatenate([each.data[[3, 4]].T for each in evokeds]))
    picked = open_brain(address, sites="eeg", positions=(0, -1))
    assert np.array_equal(activity_of(picked), values[[0, 89, 90, 179]])
    means = activity_of(open_brain(address, sites="eeg", positions="trial"))
    assert np.allclose(means, values.reshape(2, 90, -1).mean(axis=1))


def test_raw_fif(tmp_path: Path, generator: np.random.Generator) -> None:
    raw = make_raw(generator)
    raw.save(tmp_path / "a_raw.fif", fmt="double", verbose="error")
    source = open_brain(f"mne:{tmp_path / 'a_raw.fif'}", shard_rows=500)
    assert [site.name for site in source.sites] == ["meg/mag", "meg/grad", "eeg", "eog"]
    for site, kind in (("meg/mag", "mag"), ("meg/grad", "grad"), ("eeg", "eeg")):
        picks = np.flatnonzero(np.array(KINDS) == kind)
        assert np.array_equal(activity_of(source, site), raw.get_data(picks).T)
    assert units_of(source, "eeg")["bad"].tolist() == [True, False]
    rows = rows_of(source)
    assert np.allclose(rows["time"], raw.times)
    inside = (rows["time"] >= 2.0 - 1e-9) & (rows["time"] < 3.5 - 1e-9)
    assert (rows["description"][inside] == "tone").all()
    assert (rows["trial"] == 0).sum() == inside.sum() == 150
    assert rows["events_event"].dropna().to_dict() == {150: 1, 400: 2, 850: 1}
    stim = open_brain(f"mne:{tmp_path / 'a_raw.fif'}", sites="stim")
    assert activity_of(stim)[[150, 400, 850], 0].tolist() == [1, 2, 1]


def test_events_can_be_the_trials(tmp_path: Path, generator: np.random.Generator) -> None:
    raw = make_raw(generator)
    raw.save(tmp_path / "a_raw.fif", fmt="double", verbose="error")
    address = f"mne:{tmp_path / 'a_raw.fif'}"
    with pytest.raises(UsageError, match=r"only instants in 'events'.*--window"):
        open_brain(address, sites="eeg", positions="trial", intervals="events")
    source = open_brain(
        address, sites="eeg", positions="trial", intervals="events", window="-0.1,0.3"
    )
    events = mne.find_events(raw, shortest_event=1, verbose="error")
    epochs = mne.Epochs(
        raw, events, tmin=-0.1, tmax=0.29, baseline=None, picks=[3, 4], proj=False, verbose="error"
    )
    assert np.allclose(activity_of(source), epochs.get_data(verbose="error").mean(axis=2))
    assert rows_of(source)["event"].tolist() == [1, 2, 1]


def test_joined_files_are_kept_apart(tmp_path: Path, generator: np.random.Generator) -> None:
    first, second = make_raw(generator), make_raw(generator)
    joined = mne.concatenate_raws([first.copy(), second.copy()], verbose="error")
    joined.save(tmp_path / "a_raw.fif", fmt="double", verbose="error")
    source = open_brain(f"mne:{tmp_path / 'a_raw.fif'}", sites="eeg")
    rows, values = rows_of(source), activity_of(source)
    assert len(source.stimulus_table()) == 2
    for number, raw in enumerate((first, second)):
        here = (rows["stimulus"] == number).to_numpy()
        assert np.array_equal(values[here], raw.get_data([3, 4]).T)
    trials = rows_of(open_brain(f"mne:{tmp_path / 'a_raw.fif'}", sites="eeg", positions="trial"))
    assert trials["session"].tolist() == [0, 0, 1, 1]
    assert trials["description"].tolist() == ["tone", "light"] * 2


def test_epochs_are_trials_of_their_own(tmp_path: Path, generator: np.random.Generator) -> None:
    raw = make_raw(generator)
    events = mne.find_events(raw, shortest_event=1, verbose="error")
    epochs = mne.Epochs(
        raw,
        events,
        {"tone": 1, "light": 2},
        tmin=-0.2,
        tmax=0.4,
        baseline=(None, 0),
        metadata=pd.DataFrame({"side": ["l", "r", "l"]}),
        preload=True,
        verbose="error",
    )
    epochs.save(tmp_path / "a-epo.fif", fmt="double", verbose="error")
    source = open_brain(f"mne:{tmp_path / 'a-epo.fif'}", sites="meg/grad", shard_rows=50)
    expected = epochs.get_data(picks=[1, 2], verbose="error")
    assert np.array_equal(activity_of(source).reshape(3, 61, 2), expected.transpose(0, 2, 1))
    rows = rows_of(source)
    assert np.allclose(rows["time"], np.tile(epochs.times, 3))
    assert rows["condition"].tolist() == np.repeat(["tone", "light", "tone"], 61).tolist()
    assert rows["stimulus"].tolist() == np.repeat([0, 1, 2], 61).tolist()
    assert source.stimulus_table()["side"].tolist() == ["l", "r", "l"]


def test_epochs_of_eeglab(tmp_path: Path, generator: np.random.Generator) -> None:
    raw = make_raw(generator, ["eeg"] * 4)
    events = np.array([[200, 0, 1], [500, 0, 2], [900, 0, 1]])
    events[:, 0] += raw.first_samp
    epochs = mne.Epochs(
        raw, events, {"tone": 1, "light": 2}, -0.1, 0.3, None, preload=True, verbose="error"
    )
    epochs.export(tmp_path / "a.set", verbose="error")
    source = open_brain(f"mne:{tmp_path / 'a.set'}", shard_rows=30)
    expected = epochs.get_data(verbose="error").transpose(0, 2, 1)
    assert np.allclose(activity_of(source).reshape(3, 41, -1), expected, atol=1e-10)
    assert (
        rows_of(source)["condition"].tolist() == np.repeat(["tone", "light", "tone"], 41).tolist()
    )


def test_another_process_reads_the_same(tmp_path: Path, generator: np.random.Generator) -> None:
    make_raw(generator).save(tmp_path / "a_raw.fif", fmt="double", verbose="error")
    request = CaptureRequest(f"mne:{tmp_path / 'a_raw.fif'}", "eeg", shard_rows=500)
    here = open_source(request, None)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(read_shard, request, 1).result()
    assert np.array_equal(here.activity(1, ["eeg"])["eeg"], there[0])
    pd.testing.assert_frame_equal(here.rows(1), there[1])


@pytest.mark.parametrize("ending", ["edf", "bdf", "vhdr", "set"])
def test_other_formats(ending: str, tmp_path: Path, generator: np.random.Generator) -> None:
    raw = make_raw(generator, ["eeg"] * 4)
    path = tmp_path / f"a.{ending}"
    raw.export(path, verbose="error")
    source = open_brain(f"mne:{path}")
    again = read_again(path)
    assert np.array_equal(activity_of(source), again.get_data().T)
    assert np.abs(activity_of(source)[:1200] - raw.get_data().T).max() < 2e-9
    assert np.allclose(rows_of(source)["time"], again.times)
    assert source.subject["quantity"] == "eeg in V"
    described = {each.removeprefix("Comment/") for each in rows_of(source)["description"].dropna()}
    assert described == {"tone", "light"}
    assert units_of(source)["name"].tolist() == raw.ch_names


def test_identity_ignores_the_file_and_follows_the_values(
    tmp_path: Path, generator: np.random.Generator
) -> None:
    raw = make_raw(generator)
    for name in ("a_raw.fif", "b_raw.fif"):
        raw.save(tmp_path / name, fmt="double", verbose="error")
    raw.load_data()._data[4, 100] += 1e-6
    raw.save(tmp_path / "c_raw.fif", fmt="double", verbose="error")
    first, same, other = (
        open_brain(f"mne:{tmp_path / name}_raw.fif", sites="eeg").ingredients for name in "abc"
    )
    assert first == same != other
    unseen = open_brain(f"mne:{tmp_path}/c_raw.fif", sites="meg/*").ingredients
    assert unseen == open_brain(f"mne:{tmp_path}/a_raw.fif", sites="meg/*").ingredients


def test_other_fif_files_are_refused(tmp_path: Path) -> None:
    matrix = np.eye(2)
    covariance = mne.Covariance(matrix, ["a", "b"], [], [], nfree=1)
    covariance.save(tmp_path / "a-cov.fif", verbose="error")
    with pytest.raises(UsageError, match=r"expected raw data, epochs or evoked"):
        open_brain(f"mne:{tmp_path / 'a-cov.fif'}")
    with pytest.raises(UsageError, match=r"expected a name that ends with"):
        open_brain(f"mne:{__file__}")
