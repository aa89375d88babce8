"""Files that are damaged, cut short or of another kind: one sentence each, whatever the format."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brain_files import activity_of, open_brain
from scipy.io import savemat

from workbench.errors import UsageError, WorkbenchError

h5py = pytest.importorskip("h5py", reason="h5py is not installed")
mne = pytest.importorskip("mne", reason="mne is not installed")
nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed")
pynwb = pytest.importorskip("pynwb", reason="pynwb is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

VALUES = np.random.default_rng(5).normal(size=(2000, 8))


def write_npz(path: Path) -> None:
    np.savez(path, traces=VALUES, time=np.arange(2000.0))


def write_compressed(path: Path) -> None:
    np.savez_compressed(path, traces=VALUES, time=np.arange(2000.0))


def write_npy(path: Path) -> None:
    np.save(path, VALUES)


def write_mat(path: Path) -> None:
    savemat(path, {"traces": VALUES, "time": np.arange(2000.0)}, do_compression=True)


def write_mat73(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["traces"], file["time"] = VALUES.T, np.arange(2000.0)[:, None]


def write_caiman(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("estimates/C", data=VALUES.T, chunks=(8, 100), compression="gzip")
        file["params/data/fr"] = 10.0


def write_nwb(path: Path) -> None:
    file = pynwb.NWBFile("x", "y", datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
    data = pynwb.H5DataIO(VALUES, chunks=(100, 8), compression="gzip")
    file.add_acquisition(pynwb.TimeSeries(name="x", data=data, unit="V", rate=10.0))
    with pynwb.NWBHDF5IO(str(path), "w") as handle:
        handle.write(file)


def write_raw(path: Path) -> None:
    info = mne.create_info(8, 100.0, "eeg")
    raw = mne.io.RawArray(VALUES.T * 1e-5, info, verbose="error")
    if path.suffix == ".fif":
        raw.save(path, verbose="error")
    else:
        raw.export(path, verbose="error")


def write_epochs(path: Path) -> None:
    info = mne.create_info(8, 100.0, "eeg")
    data = VALUES.reshape(20, 100, 8).transpose(0, 2, 1) * 1e-5
    mne.EpochsArray(data, info, verbose="error").save(path, verbose="error")


def write_evoked(path: Path) -> None:
    info = mne.create_info(8, 100.0, "eeg")
    mne.EvokedArray(VALUES.T * 1e-5, info).save(path, verbose="error")


def write_nifti(path: Path) -> None:
    image = nibabel.Nifti1Image(VALUES.reshape(4, 2, 20, 100), np.eye(4))
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)


FORMATS: dict[str, tuple[str, Callable[[Path], None], dict[str, Any]]] = {
    "npz": ("npz:a.npz", write_npz, {}),
    "npz compressed": ("npz:a.npz", write_compressed, {}),
    "npy": ("npz:a.npy", write_npy, {"orientation": "time,unit", "sampling_rate": 10}),
    "mat v5": ("mat:a.mat", write_mat, {}),
    "mat v7.3": ("mat:a.mat", write_mat73, {}),
    "caiman": ("caiman:a.hdf5", write_caiman, {}),
    "nwb": ("nwb:a.nwb", write_nwb, {}),
    "fif": ("mne:a_raw.fif", write_raw, {}),
    "epochs": ("mne:a-epo.fif", write_epochs, {}),
    "evoked": ("mne:a-ave.fif", write_evoked, {}),
    "edf": ("mne:a.edf", write_raw, {}),
    "bdf": ("mne:a.bdf", write_raw, {}),
    "set": ("mne:a.set", write_raw, {}),
    "vhdr": ("mne:a.vhdr", write_raw, {}),
    "nifti": ("nifti:a.nii", write_nifti, {}),
    "nifti compressed": ("nifti:a.nii.gz", write_nifti, {}),
}


def read_all(address: str, folder: Path, options: dict[str, Any]) -> np.ndarray:
    scheme, _, name = address.partition(":")
    source = open_brain(f"{scheme}:{folder / name}", **options)
    assert source.ingredients
    return activity_of(source)


def damaged_part(folder: Path, name: str) -> Path:
    """The file that holds the numbers."""
    data = (folder / name).with_suffix(".eeg")
    return data if data.is_file() else folder / name


@pytest.mark.parametrize("kind", FORMATS)
def test_whole_files_are_read(kind: str, tmp_path: Path) -> None:
    address, write, options = FORMATS[kind]
    write(tmp_path / address.partition(":")[2])
    assert read_all(address, tmp_path, options).size == VALUES.size


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("kind", FORMATS)
def test_files_cut_short_are_refused(kind: str, share: float, tmp_path: Path) -> None:
    address, write, options = FORMATS[kind]
    name = address.partition(":")[2]
    write(tmp_path / name)
    path = damaged_part(tmp_path, name)
    content = path.read_bytes()
    # One byte more, so that the cut goes through a sample where there is no header to tell.
    path.write_bytes(content[: int(len(content) * share) + 1])
    with pytest.raises(WorkbenchError) as raised:
        read_all(address, tmp_path, options)
    assert str(raised.value).count("\n") == 0
    assert "a" in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"this is no such file\n" * 40, bytes(2000)])
@pytest.mark.parametrize("kind", FORMATS)
def test_other_contents_are_refused(kind: str, content: bytes, tmp_path: Path) -> None:
    address, _, options = FORMATS[kind]
    (tmp_path / address.partition(":")[2]).write_bytes(content)
    with pytest.raises(WorkbenchError) as raised:
        read_all(address, tmp_path, options)
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_flipped_bytes_never_end_in_a_traceback(kind: str, tmp_path: Path) -> None:
    address, write, options = FORMATS[kind]
    name = address.partition(":")[2]
    write(tmp_path / name)
    path = damaged_part(tmp_path, name)
    content = path.read_bytes()
    generator = np.random.default_rng(7)
    for _ in range(3):
        spoilt = bytearray(content)
        for place in generator.integers(0, min(len(content), 4000), 30):
            spoilt[place] ^= 0xFF
        path.write_bytes(bytes(spoilt))
        try:
            read_all(address, tmp_path, options)
        except WorkbenchError as error:
            assert "\n" not in str(error)  # noqa: PT017 - damage may also go unseen by the format


@pytest.mark.parametrize("kind", FORMATS)
def test_missing_files_and_folders_are_refused(kind: str, tmp_path: Path) -> None:
    address, _, options = FORMATS[kind]
    name = address.partition(":")[2]
    with pytest.raises(UsageError, match=r"Found no file"):
        read_all(address, tmp_path, options)
    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=r"is a folder; expected a file"):
        read_all(address, tmp_path, options)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "mne", None)
    (tmp_path / "a.edf").write_bytes(b"0")
    with pytest.raises(UsageError, match=r"no package 'mne'.*pip install .workbench.brain"):
        open_brain(f"mne:{tmp_path / 'a.edf'}")
