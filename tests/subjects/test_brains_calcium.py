"""Calcium imaging as suite2p and CaImAn leave it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brain_files import activity_of, open_brain, rows_of, units_of
from scipy.io import savemat
from scipy.sparse import csc_matrix

import workbench as wb
from workbench.errors import UsageError, WorkbenchError

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


class Trap:
    """Leaves a mark if it is ever unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


def plane(folder: Path, generator: np.random.Generator, n: int = 6, frames: int = 50) -> dict:
    folder.mkdir(parents=True)
    arrays = {
        name: generator.normal(50, 9, (n, frames)).astype(np.float32)
        for name in ("F", "Fneu", "spks")
    }
    cells = np.stack([np.arange(n) % 2, np.linspace(0, 1, n)], axis=1)
    for name, values in {**arrays, "iscell": cells}.items():
        np.save(folder / f"{name}.npy", values)
    trap = np.array([Trap(folder / "sprung")], dtype=object)
    for name in ("ops", "stat"):
        np.save(folder / f"{name}.npy", trap, allow_pickle=True)
    return {**arrays, "cells": cells[:, 0] > 0, "confidence": cells[:, 1]}


def test_cells_of_one_plane(tmp_path: Path, generator: np.random.Generator) -> None:
    made = plane(tmp_path / "suite2p" / "plane0", generator)
    recording = wb.capture(
        f"suite2p:{tmp_path / 'suite2p'}", out=tmp_path / "rec", sampling_rate=30, shard_rows=20
    )
    kept = made["cells"]
    assert recording.sites == ["fluorescence", "neuropil", "spikes", "corrected"]
    for site, name in (("fluorescence", "F"), ("neuropil", "Fneu"), ("spikes", "spks")):
        assert np.array_equal(recording[site].to_numpy(), made[name][kept].T)
    expected = (made["F"] - 0.7 * made["Fneu"])[kept].T
    assert np.allclose(recording["corrected"].to_numpy(), expected, atol=1e-4)
    units = recording.units("corrected")
    assert units["roi"].tolist() == [1, 3, 5]
    assert np.allclose(units["confidence"], made["confidence"][kept])
    assert np.allclose(recording.rows["time"], np.arange(50) / 30)
    assert recording.manifest.notes["sampling_rate_from"] == "the option sampling_rate"


def test_pickled_files_are_never_opened(tmp_path: Path, generator: np.random.Generator) -> None:
    plane(tmp_path / "plane0", generator)
    with pytest.raises(UsageError, match=r"never opened; pass sampling_rate"):
        open_brain(f"suite2p:{tmp_path}")
    open_brain(f"suite2p:{tmp_path}", sampling_rate=30).activity(0, ["spikes"])
    assert not (tmp_path / "plane0" / "sprung").exists()


def test_planes_stand_side_by_side(tmp_path: Path, generator: np.random.Generator) -> None:
    made = [plane(tmp_path / f"plane{number}", generator) for number in (0, 1, 10)]
    source = open_brain(f"suite2p:{tmp_path}", sites="spikes", sampling_rate="15", all_rois="yes")
    assert np.array_equal(activity_of(source), np.concatenate([m["spks"] for m in made]).T)
    assert units_of(source)["plane"].tolist() == [0] * 6 + [1] * 6 + [10] * 6
    assert units_of(source)["is_cell"].tolist() == made[0]["cells"].tolist() * 3
    alone = open_brain(f"suite2p:{tmp_path / 'plane1'}", sites="spikes", sampling_rate=15)
    assert np.array_equal(activity_of(alone), made[1]["spks"][made[1]["cells"]].T)


def test_neuropil_factor_and_rate_from_fall(tmp_path: Path, generator: np.random.Generator) -> None:
    made = plane(tmp_path / "plane0", generator)
    savemat(tmp_path / "plane0" / "Fall.mat", {"ops": {"fs": 12.5}, "F": made["F"]})
    source = open_brain(f"suite2p:{tmp_path}", sites="corrected", neuropil_factor=0.5)
    expected = (made["F"] - 0.5 * made["Fneu"])[made["cells"]].T
    assert np.allclose(activity_of(source), expected, atol=1e-4)
    assert source.subject["sampling_rate_hz"] == 12.5
    assert "0.5 times neuropil" in source.subject["quantity"]


def test_suite2p_contradictions(tmp_path: Path, generator: np.random.Generator) -> None:
    folder = tmp_path / "plane0"
    plane(folder, generator)
    address = f"suite2p:{tmp_path}"
    np.save(folder / "iscell.npy", np.zeros((6, 2)))
    with pytest.raises(UsageError, match=r"no ROI .*all_rois=yes"):
        open_brain(address, sampling_rate=30)
    np.save(folder / "iscell.npy", np.zeros((5, 2)))
    with pytest.raises(WorkbenchError, match=r"iscell.npy of \(5, 2\) for 6 ROIs"):
        open_brain(address, sampling_rate=30)
    (folder / "iscell.npy").unlink()
    with pytest.raises(UsageError, match=r"no iscell.npy.*all_rois=yes"):
        open_brain(address, sampling_rate=30)
    np.save(folder / "Fneu.npy", np.zeros((6, 9)))
    with pytest.raises(WorkbenchError, match=r"Fneu.npy of \(6, 9\)"):
        open_brain(address, sampling_rate=30)
    plane(tmp_path / "plane1", generator, frames=49)
    np.save(folder / "Fneu.npy", np.zeros((6, 50)))
    with pytest.raises(UsageError, match=r"different numbers of frames"):
        open_brain(address, sampling_rate=30, all_rois=True)
    with pytest.raises(UsageError, match=r"Found no F.npy"):
        open_brain(f"suite2p:{tmp_path.parent}")
    with pytest.raises(UsageError, match=r"Found no folder"):
        open_brain(f"suite2p:{tmp_path / 'nowhere'}")


def test_suite2p_cut_short(tmp_path: Path, generator: np.random.Generator) -> None:
    plane(tmp_path / "plane0", generator)
    for name in ("F", "iscell", "spks"):
        path = tmp_path / "plane0" / f"{name}.npy"
        content = path.read_bytes()
        for damaged in (content[:-9], content[:20], b"", b"no array at all" * 20):
            path.write_bytes(damaged)
            with pytest.raises(WorkbenchError, match=rf"Could not read '.*{name}.npy'"):
                open_brain(f"suite2p:{tmp_path}", sampling_rate=30)
        path.write_bytes(content)


def caiman(path: Path, generator: np.random.Generator, **replaced: Any) -> dict[str, Any]:
    """The layout of CaImAn's HDF5 files; 4 x 5 pixels."""
    weights = np.zeros((20, 4))
    weights[[0, 4], 0] = 1.0, 3.0
    weights[7, 1] = 2.0
    weights[19, 2] = 1.0
    content = {
        "estimates/C": generator.normal(size=(4, 60)),
        "estimates/F_dff": generator.normal(size=(4, 60)).astype(np.float32),
        "estimates/S": generator.normal(size=(4, 60)),
        "estimates/YrA": generator.normal(size=(4, 60)),
        "estimates/SNR_comp": np.arange(4.0),
        "estimates/idx_components": np.array([0, 2]),
        "estimates/dims": np.array([4, 5]),
        "estimates/bl": np.bytes_(b"NoneType"),
        "params/data/fr": 20.0,
        **replaced,
    }
    matrix = csc_matrix(weights)
    with h5py.File(path, "w") as handle:
        for name, value in content.items():
            if value is not None:
                handle[name] = value
        for name in ("data", "indices", "indptr", "shape"):
            handle[f"estimates/A/{name}"] = getattr(matrix, name)
    return content


def test_accepted_components(tmp_path: Path, generator: np.random.Generator) -> None:
    made = caiman(tmp_path / "a.hdf5", generator)
    recording = wb.capture(f"caiman:{tmp_path / 'a.hdf5'}", out=tmp_path / "rec", shard_rows=25)
    assert recording.sites == ["C", "F_dff", "S", "YrA"]
    for site in recording.sites:
        assert np.array_equal(recording[site].to_numpy(), made[f"estimates/{site}"][[0, 2]].T)
    assert recording["F_dff"].dtype == np.float32
    assert np.allclose(recording.rows["time"], np.arange(60) / 20)
    units = recording.units("C")
    assert units["id"].tolist() == [0, 2]
    assert units["SNR_comp"].tolist() == [0, 2]
    # Pixel 4 of 4 x 5 pixels is the first of the second column.
    assert units[["x", "y"]].to_numpy().tolist() == [[0.75, 0.0], [4.0, 3.0]]
    assert recording.manifest.notes["components_left_out"] == 2


def test_all_components_and_other_rates(tmp_path: Path, generator: np.random.Generator) -> None:
    made = caiman(tmp_path / "a.hdf5", generator)
    address = f"caiman:{tmp_path / 'a.hdf5'}"
    source = open_brain(address, sites="S", all_components="yes", sampling_rate="5")
    assert np.array_equal(activity_of(source), made["estimates/S"].T)
    assert rows_of(source)["time"][1] == 0.2
    assert np.isnan(units_of(source)["x"][3])
    caiman(tmp_path / "b.hdf5", generator, **{"estimates/idx_components": np.bytes_(b"NoneType")})
    source = open_brain(f"caiman:{tmp_path / 'b.hdf5'}", sites="S")
    assert len(units_of(source)) == 4
    assert "does not say" in source.notes["components"]


@pytest.mark.parametrize(
    ("replaced", "sentence"),
    [
        ({"params/data/fr": None}, r"no frame rate.*pass sampling_rate"),
        ({"estimates/S": np.zeros((4, 59))}, r"different shapes"),
        ({"estimates/idx_components": np.array([9])}, r"component 9 among the accepted, of 4"),
        ({"estimates/idx_components": np.empty(0, int)}, r"no accepted component"),
    ],
)
def test_caiman_contradictions(
    replaced: dict[str, Any], sentence: str, tmp_path: Path, generator: np.random.Generator
) -> None:
    caiman(tmp_path / "a.hdf5", generator, **replaced)
    with pytest.raises(WorkbenchError, match=sentence):
        open_brain(f"caiman:{tmp_path / 'a.hdf5'}")


def test_other_hdf5_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as handle:
        handle["traces"] = np.zeros((3, 4))
    with pytest.raises(UsageError, match=r"Found 'traces'.*expected a group 'estimates'"):
        open_brain(f"caiman:{tmp_path / 'a.h5'}")
