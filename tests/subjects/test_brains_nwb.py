"""NWB files that pynwb wrote, against pynwb's own reading of them."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from brain_files import activity_of, open_brain, rows_of, units_of

import workbench as wb
from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.addresses import list_sites

h5py = pytest.importorskip("h5py", reason="h5py is not installed")
pynwb = pytest.importorskip("pynwb", reason="pynwb is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CONDITIONS = ["left", "right", "left", "right", "left", "right"]


def new_file(identifier: str = "one") -> Any:
    day = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    file = pynwb.NWBFile("planted", identifier, day)
    file.add_trial_column("condition", "what was shown")
    for number, condition in enumerate(CONDITIONS):
        file.add_trial(start_time=2.0 * number, stop_time=2.0 * number + 1.5, condition=condition)
    return file


def save(file: Any, path: Path) -> str:
    with pynwb.NWBHDF5IO(str(path), "w") as handle:
        handle.write(file)
    return f"nwb:{path}"


def turn(path: Path, dataset: str) -> None:
    """Store a dataset as unit by time, as some laboratories do and pynwb refuses to."""
    with h5py.File(path, "r+") as handle:
        values, about = handle[dataset][...], dict(handle[dataset].attrs)
        del handle[dataset]
        handle[dataset] = values.T
        handle[dataset].attrs.update(about)


def add_units(file: Any, generator: np.random.Generator, observed: bool = False) -> None:
    file.add_unit_column("depth", "depth in micrometres")
    file.add_unit_column("unit_name", "name")
    for number in range(4):
        times = np.sort(generator.uniform(0, 12, 60 * number))
        spans = {"obs_intervals": [[0.0, 4.0], [6.0, 12.0]]} if observed else {}
        file.add_unit(spike_times=times, depth=10.0 * number, unit_name=f"u{number}", **spans)


def add_electrodes(file: Any, values: np.ndarray, **about: Any) -> None:
    device = file.create_device("probe")
    group = file.create_electrode_group("shank", "one", "CA1", device)
    for number in range(5):
        file.add_electrode(x=float(number), y=1.0, z=-2.0, location="CA1", group=group)
    region = file.create_electrode_table_region([1, 3, 4], "used")
    file.add_acquisition(
        pynwb.ecephys.ElectricalSeries(
            name="lfp", data=values, electrodes=region, starting_time=0.5, **about
        )
    )


def add_rois(file: Any, values: np.ndarray, names: list[str] | None = None, **about: Any) -> None:
    device = file.create_device("scope")
    channel = pynwb.ophys.OpticalChannel(name="green", description="green", emission_lambda=510.0)
    plane = file.create_imaging_plane(
        name="plane",
        optical_channel=channel,
        description="one",
        device=device,
        excitation_lambda=488.0,
        indicator="GCaMP",
        location="head",
    )
    module = file.create_processing_module("CalciumActivity", "traces")
    segmentation = pynwb.ophys.ImageSegmentation()
    module.add(segmentation)
    table = segmentation.create_plane_segmentation(
        name="rois", description="all", imaging_plane=plane
    )
    for number in range(5):
        table.add_roi(pixel_mask=[(number, 2, 1.0), (number + 2, 4, 1.0)])
    if names:
        table.add_column("ID_labels", "identity", data=names)
    fluorescence = pynwb.ophys.Fluorescence(name="traces")
    module.add(fluorescence)
    fluorescence.create_roi_response_series(
        name="calcium", data=values, rois=table.create_roi_table_region("used", [0, 2, 4]), **about
    )


@pytest.fixture
def spikes(tmp_path: Path, generator: np.random.Generator) -> str:
    file = new_file()
    add_units(file, generator)
    return save(file, tmp_path / "spikes.nwb")


def test_binned_spikes_equal_histograms_of_pynwb(spikes: str, tmp_path: Path) -> None:
    recording = wb.capture(spikes, out=tmp_path / "rec", bin="0.05")
    counts = recording["units"].to_numpy()
    edges = np.arange(len(counts) + 1) * 0.05
    with pynwb.NWBHDF5IO(spikes.removeprefix("nwb:"), "r") as handle:
        table = handle.read().units
        for unit, times in enumerate(table["spike_times"][:]):
            assert np.array_equal(counts[:, unit], np.histogram(times, edges)[0])
    units = recording.units("units")
    assert units["depth"].tolist() == [0, 10, 20, 30]
    assert units["name"].tolist() == ["u0", "u1", "u2", "u3"]
    assert counts.dtype == np.int32


def test_trials_label_rows_and_average(spikes: str) -> None:
    counts = activity_of(open_brain(spikes, bin=0.05))
    rows = rows_of(open_brain(spikes, bin=0.05, shard_rows=33))
    for number, condition in enumerate(CONDITIONS):
        here = (rows["time"] >= 2.0 * number) & (rows["time"] < 2.0 * number + 1.5)
        assert (rows["trial"][here] == number).all()
        assert (rows["condition"][here] == condition).all()
        assert ((rows["trial"] == number) == here).all()
    means = open_brain(spikes, positions="trial", bin=0.05)
    expected = [counts[rows["trial"] == number].mean(axis=0) for number in range(6)]
    assert np.allclose(activity_of(means), expected)
    assert rows_of(means)["condition"].tolist() == CONDITIONS


def test_bins_that_were_not_observed_are_missing(
    tmp_path: Path, generator: np.random.Generator
) -> None:
    file = new_file()
    add_units(file, generator, observed=True)
    source = open_brain(save(file, tmp_path / "a.nwb"), bin=0.5)
    counts = activity_of(source)
    assert counts.shape == (24, 4)
    starts = rows_of(source)["time"] - 0.25
    hidden = ((starts >= 4) & (starts < 6)).to_numpy()
    assert np.isnan(counts[hidden]).all()
    assert np.isfinite(counts[~hidden]).all()
    assert np.allclose(units_of(source)["missing_fraction"], hidden.mean())


def test_electrical_series_in_volts(tmp_path: Path, generator: np.random.Generator) -> None:
    values = generator.integers(-2000, 2000, (600, 3)).astype(np.int16)
    file = new_file()
    gains = [1.0, 2.0, 0.5]
    add_electrodes(file, values, rate=50.0, conversion=1e-6, offset=0.25, channel_conversion=gains)
    source = open_brain(save(file, tmp_path / "a.nwb"), shard_rows=100)
    assert source.sites[0].dtype == "float32"
    assert np.allclose(activity_of(source), values * 1e-6 * np.array(gains) + 0.25, rtol=1e-6)
    assert np.allclose(rows_of(source)["time"], 0.5 + np.arange(600) / 50)
    units = units_of(source)
    assert units["id"].tolist() == [1, 3, 4]
    assert units["x"].tolist() == [1.0, 3.0, 4.0]
    assert units["location"].tolist() == ["CA1"] * 3
    assert source.subject["quantity"] == "ElectricalSeries in volts"


def test_integers_without_a_scale_stay_integers(
    tmp_path: Path, generator: np.random.Generator
) -> None:
    values = generator.integers(-9, 9, (60, 3)).astype(np.int16)
    file = new_file()
    add_electrodes(file, values, rate=50.0)
    source = open_brain(save(file, tmp_path / "a.nwb"))
    assert source.sites[0].dtype == "int16"
    assert np.array_equal(activity_of(source), values)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("stamped", [False, True])
def test_rois_by_time_are_turned(
    turned: bool, stamped: bool, tmp_path: Path, generator: np.random.Generator
) -> None:
    values = generator.normal(size=(80, 3)).astype(np.float32)
    values[:, 1] = np.nan
    times = np.cumsum(generator.uniform(0.1, 0.2, 80))
    about: dict[str, Any] = {"timestamps": times} if stamped else {"rate": 7.0}
    file = new_file()
    add_rois(file, values, ["AVAL", "", "AVAR", "x", "AVAR"], unit="dF/F", **about)
    address = save(file, tmp_path / "a.nwb")
    if turned:
        turn(tmp_path / "a.nwb", "processing/CalciumActivity/traces/calcium/data")
    source = open_brain(address)
    assert source.sites[0].name == "calcium"
    assert np.array_equal(activity_of(source), values, equal_nan=True)
    if stamped:
        assert np.array_equal(rows_of(source)["time"], times)
    units = units_of(source)
    assert units["name"].tolist() == ["AVAL", "AVAR", "AVAR"]
    assert units[["x", "y"]].to_numpy().tolist() == [[1, 3], [3, 3], [5, 3]]
    assert units["missing"].tolist() == [False, True, False]
    assert "dF/F" in source.subject["quantity"]


def test_names_come_from_a_table_of_labels(tmp_path: Path, generator: np.random.Generator) -> None:
    file = new_file()
    add_rois(file, generator.normal(size=(40, 3)), unit="dF/F", rate=4.0)
    labels = pynwb.core.DynamicTable(name="NeuroPALNeurons", description="identities")
    labels.add_column("ID_labels", "names")
    for name in ("RMEL", "RMER", ""):
        labels.add_row(ID_labels=name)
    file.create_processing_module("NeuroPAL", "identities").add(labels)
    units = units_of(open_brain(save(file, tmp_path / "a.nwb")))
    assert units["name"].tolist() == ["RMEL", "RMER", ""]
    assert units["side"].tolist() == ["L", "R", ""]


def test_a_square_series_is_asked_for(tmp_path: Path, generator: np.random.Generator) -> None:
    file = new_file()
    values = generator.normal(size=(3, 3))
    add_rois(file, values, unit="dF/F", timestamps=np.arange(3.0))
    address = save(file, tmp_path / "a.nwb")
    with pytest.raises(UsageError, match=r"both axes fit.*orientation=time,unit"):
        open_brain(address)
    assert np.array_equal(activity_of(open_brain(address, orientation="unit,time")), values.T)


def test_series_are_listed_with_their_rates(tmp_path: Path, generator: np.random.Generator) -> None:
    file = new_file()
    add_units(file, generator)
    add_electrodes(file, generator.normal(size=(600, 3)), rate=50.0)
    add_rois(file, generator.normal(size=(80, 3)), unit="dF/F", rate=7.0)
    file.add_stimulus(pynwb.TimeSeries(name="shown", data=np.arange(9.0), unit="deg", rate=1.0))
    file.add_acquisition(
        pynwb.TimeSeries(name="speed", data=np.arange(600.0), unit="m/s", rate=50.0)
    )
    address = save(file, tmp_path / "a.nwb")
    listed = {site.name: site.pace for site in list_sites(CaptureRequest(address))}
    assert listed == {
        "lfp": "50 Hz, 600 samples",
        "speed": "50 Hz, 600 samples",
        "calcium": "7 Hz, 80 samples",
        "units": "spike times",
    }
    with pytest.raises(UsageError, match=r"'calcium' \(7 Hz.*'units' \(spike times\).*--sites"):
        open_brain(address)
    everything = open_brain(address, bin=0.5)
    assert len(everything.sites) == 4
    binned = activity_of(everything, "lfp")
    assert binned.shape == (25, 3)
    assert np.isnan(binned[0]).sum() == 0 or rows_of(everything)["time"][0] < 0.5


def test_equal_names_are_told_apart_by_their_parents(tmp_path: Path) -> None:
    file = new_file()
    for name in ("left", "right"):
        module = file.create_processing_module(name, "one side")
        module.add(pynwb.TimeSeries(name="trace", data=np.arange(6.0), unit="V", rate=2.0))
    source = open_brain(save(file, tmp_path / "a.nwb"))
    assert [site.name for site in source.sites] == ["left/trace", "right/trace"]


def test_other_intervals_can_be_the_trials(tmp_path: Path) -> None:
    file = new_file()
    file.add_epoch(1.0, 3.0, ["rest", "dark"])
    file.add_epoch(5.0, 9.0, ["run"])
    file.add_acquisition(pynwb.TimeSeries(name="x", data=np.arange(120.0), unit="V", rate=10.0))
    address = save(file, tmp_path / "a.nwb")
    rows = rows_of(open_brain(address))
    assert rows["epochs_tags"][15] == "rest, dark"
    source = open_brain(address, positions="trial", intervals="epochs")
    assert activity_of(source)[:, 0].tolist() == [19.5, 69.5]
    assert rows_of(source)["tags"].tolist() == ["rest, dark", "run"]


def test_identity_ignores_dates_and_names_of_files(tmp_path: Path) -> None:
    found = []
    for number, (identifier, seed) in enumerate([("one", 1), ("two", 1), ("one", 2)]):
        file = new_file(identifier)
        add_units(file, np.random.default_rng(seed))
        address = save(file, tmp_path / f"{number}.nwb")
        found.append(open_brain(address, bin=0.1).ingredients)
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_file_without_activity_is_refused(tmp_path: Path) -> None:
    address = save(new_file(), tmp_path / "a.nwb")
    with pytest.raises(UsageError, match=r"no activity"):
        open_brain(address)


def test_word_classes_of_trials(tmp_path: Path, generator: np.random.Generator) -> None:
    file = pynwb.NWBFile("planted", "x", datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
    file.add_trial_column("condition", "what was shown")
    kinds = generator.permutation(np.repeat(["a", "b"], 40))
    values = generator.normal(size=(800, 6)).astype(np.float32)
    for number, kind in enumerate(kinds.tolist()):
        file.add_trial(start_time=float(number), stop_time=number + 0.75, condition=kind)
        values[number * 10 : number * 10 + 8] += 0.8 * (kind == "a")
    file.add_acquisition(pynwb.TimeSeries(name="rate", data=values, unit="Hz", rate=10.0))
    recording = wb.capture(save(file, tmp_path / "a.nwb"), out=tmp_path / "rec", positions="trial")
    result = wb.analyze("word_classes", recording, labels="condition", embeddings=())
    (gdv,) = [measure for measure in result.measures if measure.name == "gdv"]
    assert gdv.beats_null
    assert isinstance(recording.rows, pd.DataFrame)


EXTENSION = """
import datetime, sys
import numpy as np
import pynwb
from pynwb.spec import NWBGroupSpec, NWBNamespaceBuilder
folder, path = sys.argv[1:]
builder = NWBNamespaceBuilder("test", "ndx-planted", version="0.1.0", author="a", contact="a@b.c")
builder.include_type("TimeSeries", namespace="core")
spec = NWBGroupSpec(
    "planted", neurodata_type_def="PlantedSeries", neurodata_type_inc="TimeSeries"
)
builder.add_spec("planted.extensions.yaml", spec)
builder.export("planted.namespace.yaml", outdir=folder)
pynwb.load_namespaces(folder + "/planted.namespace.yaml")
series = pynwb.get_class("PlantedSeries", "ndx-planted")
day = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
file = pynwb.NWBFile("x", "y", day)
file.add_acquisition(series(name="own", data=np.arange(12.0).reshape(6, 2), unit="V", rate=2.0))
with pynwb.NWBHDF5IO(path, "w") as handle:
    handle.write(file)
"""


def test_types_of_extensions_come_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nwb"
    command = [sys.executable, "-W", "ignore", "-c", EXTENSION, str(tmp_path), str(path)]
    subprocess.run(command, check=True)
    source = open_brain(f"nwb:{path}")
    assert [site.name for site in source.sites] == ["own"]
    assert activity_of(source).tolist() == np.arange(12.0).reshape(6, 2).tolist()


def test_events_at_equal_times_do_not_hide_other_sites(tmp_path: Path) -> None:
    file = new_file()
    licks = np.array([1.0, 1.0, 2.0])
    for name, values, about in (
        ("licks", np.ones(3), {"timestamps": licks}),
        ("nothing", np.empty(0), {"rate": 1.0}),
        ("speed", np.arange(40.0), {"rate": 5.0}),
    ):
        file.add_acquisition(pynwb.TimeSeries(name=name, data=values, unit="a", **about))
    address = save(file, tmp_path / "a.nwb")
    listed = {site.name: site.pace for site in list_sites(CaptureRequest(address))}
    assert listed == {
        "licks": "time stamps that do not rise, 3 samples",
        "speed": "5 Hz, 40 samples",
    }
    assert activity_of(open_brain(address, sites="speed")).shape == (40, 1)
    with pytest.raises(WorkbenchError, match=r"stamps of 'licks' do not rise after sample 0"):
        open_brain(address)


def test_a_series_left_out_says_why_when_it_is_chosen(
    tmp_path: Path, generator: np.random.Generator
) -> None:
    file = new_file()
    add_rois(file, generator.normal(size=(3, 3)), unit="dF/F", rate=3.0)
    file.add_acquisition(pynwb.TimeSeries(name="x", data=np.arange(12.0), unit="V", rate=10.0))
    address = save(file, tmp_path / "a.nwb")
    assert "calcium" in open_brain(address).notes["left_out"]
    with pytest.raises(UsageError, match=r"'calcium' of 3 x 3.*orientation"):
        open_brain(address, sites="calcium")


def test_the_worm_is_the_same_through_nwb(data: Path, tmp_path: Path) -> None:
    path = data / "worm/atanas2023/worm_2022-08-02-01_labelled98.npz"
    with np.load(path) as worm:
        traces, times, names = worm["traces"], worm["time_s"], worm["neurons"].tolist()
    file = pynwb.NWBFile("worm", "x", datetime.datetime(2022, 8, 2, tzinfo=datetime.UTC))
    series = pynwb.TimeSeries(name="traces", data=traces, unit="ratio", timestamps=times)
    file.create_processing_module("CalciumActivity", "traces").add(series)
    source = open_brain(save(file, tmp_path / "worm.nwb"))
    assert source.ingredients["subject"] == open_brain(f"npz:{path}").ingredients["subject"]
    assert "z-score" in source.subject["quantity"]
    file = pynwb.NWBFile("worm", "x", datetime.datetime(2022, 8, 2, tzinfo=datetime.UTC))
    add_rois(file, traces[:, :3], [names[0], "", names[1], "", names[2]], unit="", timestamps=times)
    assert units_of(open_brain(save(file, tmp_path / "b.nwb")))["name"].tolist() == names[:3]
