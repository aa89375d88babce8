"""Traces in numpy files: what is taken for what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from brain_files import activity_of, open_brain, rows_of, units_of

import workbench as wb
from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.addresses import list_sites

WORM = "worm/atanas2023/worm_2022-08-02-01_labelled98.npz"


@pytest.fixture
def arrays(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Forty uneven moments, three named units."""
    return {
        "dff": generator.normal(3, 1, size=(40, 3)),
        "time_s": np.cumsum(generator.uniform(0.4, 0.6, 40)),
        "neurons": np.array(["AVAL", "AVAR", ""]),
    }


def test_the_worm_is_recorded_as_it_lies(data: Path, tmp_path: Path) -> None:
    recording = wb.capture(f"npz:{data / WORM}", out=tmp_path / "worm")
    with np.load(data / WORM) as file:
        assert recording["traces"].dtype == np.float32
        assert np.array_equal(recording["traces"].to_numpy(), file["traces"])
        assert np.array_equal(recording.rows["time"], file["time_s"])
        assert recording.units("traces")["name"].tolist() == file["neurons"].tolist()
    spacing = recording.manifest.subject["spacing_seconds"]
    assert [round(spacing[key], 3) for key in ("min", "mean", "max")] == [0.539, 0.602, 0.673]
    assert "sampling_rate_hz" not in recording.manifest.subject
    assert "z-score" in recording.manifest.subject["quantity"]
    assert "leaks" in recording.manifest.notes["z_scored"]


def test_both_partners_of_a_pair_get_a_side(data: Path) -> None:
    units = units_of(open_brain(f"npz:{data / WORM}")).set_index("name")
    for name in units.index:
        if name[-1] in "LR" and units.loc[name, "side"]:
            assert name[:-1] + {"L": "R", "R": "L"}[name[-1]] in units.index
    assert (units["side"] != "").any()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("turned", [False, True])
def test_orientation_follows_the_time_stamps(
    save: object, turned: bool, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    stored = arrays["dff"].T if turned else arrays["dff"]
    save(tmp_path / "a.npz", **{**arrays, "dff": stored})  # type: ignore[operator]
    source = open_brain(f"npz:{tmp_path / 'a.npz'}", shard_rows=7)
    assert len(source.plan) == 6
    assert np.array_equal(activity_of(source), arrays["dff"])
    assert np.array_equal(rows_of(source)["time"], arrays["time_s"])


def test_fortran_order_and_big_endian_are_read(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    swapped = np.asfortranarray(arrays["dff"]).astype(">f8")
    np.savez(tmp_path / "a.npz", **{**arrays, "dff": swapped})
    source = open_brain(f"npz:{tmp_path / 'a.npz'}")
    assert source.sites[0].dtype == "float64"
    assert np.array_equal(activity_of(source), arrays["dff"])


def test_missing_values_stay_missing(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    arrays["dff"][5:15, 1] = np.nan
    arrays["dff"][:, 2] = np.nan
    np.savez(tmp_path / "a.npz", **arrays)
    recording = wb.capture(f"npz:{tmp_path / 'a.npz'}", out=tmp_path / "rec")
    assert np.array_equal(recording["dff"].to_numpy(), arrays["dff"], equal_nan=True)
    units = recording.units("dff")
    assert units["missing"].tolist() == [False, False, True]
    assert units["missing_fraction"].tolist() == [0.0, 0.25, 1.0]


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float64", "bool"])
def test_values_keep_their_numbers(dtype: str, tmp_path: Path) -> None:
    values = np.array([[0, 1], [1, 100], [2, 3]]).astype(dtype)
    np.savez(tmp_path / "a.npz", x=values, time=np.arange(3.0))
    source = open_brain(f"npz:{tmp_path / 'a.npz'}")
    assert source.sites[0].dtype == {"uint16": "int32"}.get(dtype, dtype)
    assert np.array_equal(activity_of(source), values)


def test_npy_needs_rate_and_orientation(tmp_path: Path, generator: np.random.Generator) -> None:
    values = generator.normal(size=(4, 30)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    address = f"npz:{tmp_path / 'a.npy'}"
    with pytest.raises(UsageError, match=r"nothing that says which axis is time"):
        open_brain(address, sampling_rate=10)
    with pytest.raises(UsageError, match=r"no time stamps.*pass sampling_rate"):
        open_brain(address, orientation="unit,time")
    source = open_brain(address, orientation="unit,time", sampling_rate="10")
    assert np.array_equal(activity_of(source), values.T)
    assert source.subject["sampling_rate_hz"] == 10
    assert np.allclose(rows_of(source)["time"], np.arange(30) / 10)


def test_several_series_are_listed_and_chosen(
    arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", **arrays, spikes=np.ones((3, 40), np.int16), odd=np.ones((5, 6)))
    address = f"npz:{tmp_path / 'a.npz'}"
    listed = list_sites(CaptureRequest(address))
    assert [(each.name, each.shape, each.dtype) for each in listed] == [
        ("dff", (3,), "float64"),
        ("spikes", (3,), "int16"),
    ]
    assert "uneven" in listed[0].pace
    source = open_brain(address, sites="spikes")
    assert activity_of(source).shape == (40, 3)
    assert source.notes["left_out"] == ["odd"]
    with pytest.raises(UsageError, match=r"neither axis fits"):
        open_brain(address, key="odd")


def test_square_arrays_are_refused_and_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(16.0).reshape(4, 4), time=np.arange(4.0))
    address = f"npz:{tmp_path / 'a.npz'}"
    with pytest.raises(UsageError, match=r"both axes fit.*orientation=time,unit"):
        open_brain(address)
    turned = open_brain(address, orientation="unit,time")
    assert activity_of(turned)[0].tolist() == [0, 4, 8, 12]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"key": "dfff"}, "no array 'dfff'.*did you mean 'dff'"),
        ({"time_key": "neurons"}, "expected a row of times"),
        ({"orientation": "units"}, "expected 'time,unit' or 'unit,time'"),
        ({"orientation": "unit,time"}, "turn the orientation round"),
        ({"sampling_rate": "-1"}, "expected a positive number"),
        ({"time_unit": "h"}, "expected s, ms or min"),
        ({"time_unit": "s", "time_key": "time_s", "sampling_rate": 3}, "leave the sampling_rate"),
        ({"bins": 1}, "did you mean 'bin'"),
        ({"shard_rows": 1.5}, "whole number"),
    ],
)
def test_wrong_options_are_refused(
    options: dict, sentence: str, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UsageError, match=sentence):
        open_brain(f"npz:{tmp_path / 'a.npz'}", **options)


def test_times_in_other_units(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", dff=arrays["dff"], t_ms=arrays["time_s"] * 1000)
    address = f"npz:{tmp_path / 'a.npz'}"
    with pytest.raises(UsageError, match=r"pass time_unit"):
        open_brain(address, time_key="t_ms")
    source = open_brain(address, time_key="t_ms", time_unit="ms")
    assert np.allclose(rows_of(source)["time"], arrays["time_s"])


def test_time_that_does_not_rise_is_refused(tmp_path: Path) -> None:
    for times, sentence in (([0, 1, 1.0], "do not rise"), ([0, np.nan, 2], "missing or infinite")):
        np.savez(tmp_path / "a.npz", x=np.ones((3, 2)), time=np.array(times))
        with pytest.raises(WorkbenchError, match=sentence):
            open_brain(f"npz:{tmp_path / 'a.npz'}")


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "sprung",)

    objects = np.array([Trap(), None], dtype=object)
    np.savez(tmp_path / "a.npz", x=objects)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    for name in ("a.npz", "a.npy"):
        with pytest.raises(WorkbenchError, match=r"Python objects.*unpickled"):
            open_brain(f"npz:{tmp_path / name}")
    plain = {"y": np.ones((4, 2)), "time": np.arange(4.0)}
    np.savez(tmp_path / "b.npz", x=objects, **plain)
    source = open_brain(f"npz:{tmp_path / 'b.npz'}")
    assert activity_of(source).sum() == 8
    assert source.notes["pickled_left_out"] == ["x"]
    with pytest.raises(WorkbenchError, match=r"Python objects in '.*b.npz:x'"):
        open_brain(f"npz:{tmp_path / 'b.npz'}", names_key="x")
    assert not (tmp_path / "sprung").exists()


def test_identity_follows_the_contents_only(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "elsewhere").mkdir()
    np.savez_compressed(tmp_path / "elsewhere" / "b.npz", **arrays)
    first = open_brain(f"npz:{tmp_path / 'a.npz'}").ingredients
    assert open_brain(f"npz:{tmp_path / 'elsewhere' / 'b.npz'}", shard_rows=5).ingredients == first
    for key, change in (("dff", 1.0), ("time_s", 0.001)):
        changed = {**arrays, key: arrays[key].copy()}
        changed[key][-1] += change
        np.savez(tmp_path / "c.npz", **changed)
        assert open_brain(f"npz:{tmp_path / 'c.npz'}").ingredients != first
        shorter = open_brain(f"npz:{tmp_path / 'c.npz'}", max_rows=39).ingredients
        assert shorter == open_brain(f"npz:{tmp_path / 'a.npz'}", max_rows=39).ingredients
    np.savez(tmp_path / "d.npz", **{**arrays, "neurons": np.array(["AVAL", "AVAR", "RMED"])})
    assert open_brain(f"npz:{tmp_path / 'd.npz'}").ingredients != first


def test_z_scores_are_found_and_others_are_not(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    raw = generator.normal(5, 2, size=(500, 4)).astype(np.float32)
    scored = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    for values, is_scored in ((raw, False), (scored, True)):
        np.savez(tmp_path / "a.npz", x=values, time=np.arange(500.0))
        source = open_brain(f"npz:{tmp_path / 'a.npz'}")
        assert ("z_scored" in source.notes) == is_scored
    stated = open_brain(f"npz:{tmp_path / 'a.npz'}", quantity="dF/F")
    assert stated.subject["quantity"] == "dF/F"
    assert "z_scored" not in stated.notes
