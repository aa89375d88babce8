"""MATLAB files: v5 by scipy, v7.3 in the layout that MATLAB writes into HDF5."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brain_files import activity_of, open_brain, rows_of, units_of
from scipy.io import savemat

import workbench as wb
from workbench.errors import UsageError

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

_NUMBERS = itertools.count()
NAMES = ["AVAL", "", "AVAR"]


def write_v73(path: Path, content: dict[str, Any]) -> None:
    """As MATLAB lays it out: axes reversed, cells as references, texts as numbers."""
    with h5py.File(path, "w", userblock_size=512) as file:
        references = file.create_group("#refs#")
        for name, value in content.items():
            _write(file, references, name, value)
    with path.open("r+b") as handle:
        handle.write(b"MATLAB 7.3 MAT-file".ljust(512, b" "))


def _write(parent: Any, references: Any, name: str, value: Any) -> None:
    if isinstance(value, dict):
        group = parent.create_group(name)
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        for key, each in value.items():
            _write(group, references, key, each)
    elif isinstance(value, list) and value:
        _write_cells(parent, references, name, value)
    elif isinstance(value, str):
        codes = np.array([[ord(letter)] for letter in value] or [0, 0], np.uint16)
        parent[name] = codes
        parent[name].attrs["MATLAB_class"] = np.bytes_("char")
        if not value:
            parent[name].attrs["MATLAB_empty"] = np.uint8(1)
    elif len(value) == 0:
        parent[name] = np.array([0, 0], np.uint64)
        parent[name].attrs["MATLAB_class"] = np.bytes_("double")
        parent[name].attrs["MATLAB_empty"] = np.uint8(1)
    else:
        parent[name] = np.atleast_2d(value).T
        parent[name].attrs["MATLAB_class"] = np.bytes_("double")


def _write_cells(parent: Any, references: Any, name: str, cells: list[Any]) -> None:
    held = []
    for each in cells:
        key = f"r{next(_NUMBERS)}"
        _write(references, references, key, each)
        held.append(references[key].ref)
    parent[name] = np.array([held], dtype=h5py.ref_dtype)
    if all(isinstance(each, dict) for each in cells):
        return
    parent[name].attrs["MATLAB_class"] = np.bytes_("cell")


def write_v5(path: Path, content: dict[str, Any]) -> None:
    savemat(path, {name: _cells(value) for name, value in content.items()}, oned_as="column")


def _cells(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cells(each) for name, each in value.items()}
    if isinstance(value, list):
        held = np.empty((1, len(value)), dtype=object)
        for number, each in enumerate(value):
            held[0, number] = _cells(each)
        return held
    return value


WRITERS = pytest.mark.parametrize("write", [write_v5, write_v73], ids=["v5", "v7.3"])


@pytest.fixture
def traces(generator: np.random.Generator) -> np.ndarray:
    return generator.normal(size=(40, 3))


@WRITERS
def test_the_layout_of_kato(write: Any, traces: np.ndarray, tmp_path: Path) -> None:
    times = np.arange(40) * 0.35
    worm = {
        "deltaFOverF": traces * 2,
        "deltaFOverF_bc": traces,
        "NeuronNames": NAMES,
        "tv": times.reshape(-1, 1),
        "fps": np.array([[2.857]]),
    }
    write(tmp_path / "a.mat", {"wbData": worm, "note": "head"})
    recording = wb.capture(f"mat:{tmp_path / 'a.mat'}", out=tmp_path / "rec", shard_rows=9)
    assert recording.sites == ["wbData.deltaFOverF_bc"]
    assert np.array_equal(recording["wbData.deltaFOverF_bc"].to_numpy(), traces)
    assert np.allclose(recording.rows["time"], times)
    units = recording.units("wbData.deltaFOverF_bc")
    assert units["name"].tolist() == NAMES
    assert units["side"].tolist() == ["L", "", "R"]
    other = open_brain(f"mat:{tmp_path / 'a.mat'}", variable="wbData.deltaFOverF")
    assert np.array_equal(activity_of(other), traces * 2)


@WRITERS
def test_the_layout_of_nichols_and_uzel(write: Any, traces: np.ndarray, tmp_path: Path) -> None:
    candidates = [["AVAL", "AVAR"], [], ["AVAR"]]
    content = {"traces": traces.T, "IDs": candidates, "timeVectorSeconds": np.arange(40.0)}
    write(tmp_path / "a.mat", content)
    source = open_brain(f"mat:{tmp_path / 'a.mat'}")
    assert np.array_equal(activity_of(source), traces)
    assert units_of(source)["name"].tolist() == ["AVAL", "", "AVAR"]


@WRITERS
def test_an_empty_cell_is_a_missing_neuron(write: Any, traces: np.ndarray, tmp_path: Path) -> None:
    cells = [traces[:, 0], np.empty((0, 0)), traces[:, 2]]
    write(tmp_path / "a.mat", {"traces": cells, "neurons": NAMES, "time": np.arange(40.0)})
    source = open_brain(f"mat:{tmp_path / 'a.mat'}", shard_rows=7)
    values = activity_of(source)
    assert np.array_equal(values[:, [0, 2]], traces[:, [0, 2]])
    assert np.isnan(values[:, 1]).all()
    assert units_of(source)["missing"].tolist() == [False, True, False]


@WRITERS
def test_several_animals_are_asked_for(write: Any, traces: np.ndarray, tmp_path: Path) -> None:
    worms = [
        {"traces": traces * scale, "IDs": NAMES, "tv": np.arange(40.0) * scale} for scale in (1, 2)
    ]
    write(tmp_path / "a.mat", {"worms": worms})
    with pytest.raises(
        UsageError, match=r"several recordings.*'worms.1.traces' \(40 x 3.*variable="
    ):
        open_brain(f"mat:{tmp_path / 'a.mat'}")
    source = open_brain(f"mat:{tmp_path / 'a.mat'}", variable="worms.1.traces")
    assert np.array_equal(activity_of(source), traces * 2)
    assert rows_of(source)["time"][1] == 2
    with pytest.raises(UsageError, match=r"did you mean 'worms.\d.traces'"):
        open_brain(f"mat:{tmp_path / 'a.mat'}", variable="worms.2.traces")


@WRITERS
def test_options_name_what_is_what(write: Any, traces: np.ndarray, tmp_path: Path) -> None:
    content = {
        "x": traces.T,
        "clock": np.arange(40.0),
        "called": NAMES,
        "when": {"ms": np.arange(40.0) * 9},
    }
    write(tmp_path / "a.mat", content)
    address = f"mat:{tmp_path / 'a.mat'}"
    with pytest.raises(UsageError, match=r"which axis is time"):
        open_brain(address)
    source = open_brain(
        address, variable="x", time_variable="when.ms", time_unit="ms", names_variable="called"
    )
    assert np.array_equal(activity_of(source), traces)
    assert np.allclose(rows_of(source)["time"], np.arange(40) * 0.009)
    assert units_of(source)["name"].tolist() == NAMES
    by_rate = open_brain(address, variable="x", sampling_rate=4, orientation="unit,time")
    assert np.array_equal(activity_of(by_rate), traces)


@WRITERS
def test_the_same_numbers_have_the_same_identity(
    write: Any, traces: np.ndarray, tmp_path: Path
) -> None:
    times = np.cumsum(np.full(40, 0.3))
    np.savez(tmp_path / "a.npz", traces=traces, time=times, neurons=np.array(NAMES))
    write(tmp_path / "a.mat", {"traces": traces.T, "neurons": NAMES, "time": times})
    first = open_brain(f"npz:{tmp_path / 'a.npz'}").ingredients
    assert open_brain(f"mat:{tmp_path / 'a.mat'}").ingredients == first


def test_a_file_without_activity_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"note": "nothing", "one": 1.0, "row": np.arange(5.0)})
    with pytest.raises(UsageError, match=r"no array of time by unit among 'row'"):
        open_brain(f"mat:{tmp_path / 'a.mat'}")
