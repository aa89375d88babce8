"""fMRI that nibabel wrote, against nibabel's own reading of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brain_files import activity_of, open_brain, rows_of, units_of

import workbench as wb
from workbench.errors import UsageError

nibabel = pytest.importorskip("nibabel", reason="nibabel is not installed")

GRID = (5, 4, 3)
AFFINE = np.array([[-3.0, 0, 0, 10], [0, 3, 0.5, -20], [0, 0, 4, 5], [0, 0, 0, 1]])


def save(
    values: np.ndarray, path: Path, affine: np.ndarray = AFFINE, tr: float = 2.0, unit: str = "sec"
) -> str:
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm", unit)
    if values.ndim == 4:
        image.header.set_zooms((3, 3, 4, tr))
    nibabel.save(image, path)
    return f"nifti:{path}"


@pytest.fixture
def volumes(generator: np.random.Generator) -> np.ndarray:
    return generator.normal(100, 5, size=(*GRID, 30)).astype(np.float32)


@pytest.fixture
def atlas(generator: np.random.Generator) -> np.ndarray:
    labels = generator.choice([0, 2, 5, 9], size=GRID).astype(np.int16)
    labels[0, 0, 0] = 0
    return labels


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_regions_are_means_over_their_voxels(
    name: str, volumes: np.ndarray, atlas: np.ndarray, tmp_path: Path
) -> None:
    address = save(volumes, tmp_path / name)
    save(atlas, tmp_path / "atlas.nii.gz")
    (tmp_path / "labels.tsv").write_text("index\tname\n2\tPCC\n9\tACC\n")
    recording = wb.capture(
        address,
        out=tmp_path / "rec",
        atlas=str(tmp_path / "atlas.nii.gz"),
        labels=str(tmp_path / "labels.tsv"),
        shard_rows=7,
    )
    found = recording["regions"].to_numpy()
    for unit, label in enumerate((2, 5, 9)):
        expected = volumes[atlas == label].astype(np.float64).mean(axis=0)
        assert np.allclose(found[:, unit], expected, rtol=1e-12)
    assert recording.rows["time"].tolist() == (np.arange(30) * 2.0).tolist()
    units = recording.units("regions")
    assert units["id"].tolist() == [2, 5, 9]
    assert units["name"].tolist() == ["PCC", "", "ACC"]
    assert units["n_voxels"].tolist() == [(atlas == label).sum() for label in (2, 5, 9)]
    centre = nibabel.affines.apply_affine(AFFINE, np.argwhere(atlas == 5)).mean(axis=0)
    assert np.allclose(units.loc[1, ["x", "y", "z"]].to_numpy(dtype=float), centre)


def test_voxels_of_a_mask(volumes: np.ndarray, tmp_path: Path) -> None:
    mask = np.zeros(GRID, np.uint8)
    mask[1:3, 2, 1:] = 1
    address = save(volumes, tmp_path / "a.nii.gz")
    save(mask, tmp_path / "mask.nii.gz")
    source = open_brain(address, mask=tmp_path / "mask.nii.gz", shard_rows=11)
    assert np.array_equal(activity_of(source), volumes[mask == 1].T)
    places = units_of(source)[["i", "j", "k"]].to_numpy()
    assert np.array_equal(places, np.argwhere(mask))
    expected = nibabel.affines.apply_affine(AFFINE, places)
    assert np.allclose(units_of(source)[["x", "y", "z"]], expected)


def test_without_a_mask_what_is_ever_other_than_zero(volumes: np.ndarray, tmp_path: Path) -> None:
    volumes[3:] = 0
    volumes[4, 2, 1, 17] = 1
    source = open_brain(save(volumes, tmp_path / "a.nii"))
    used = (volumes != 0).any(axis=3)
    assert np.array_equal(activity_of(source), volumes[used].T)
    assert "no mask" in source.notes["voxels"]


def test_scaled_integers_are_scaled(tmp_path: Path, generator: np.random.Generator) -> None:
    image = nibabel.Nifti1Image(generator.integers(1, 99, (*GRID, 6)).astype(np.int16), AFFINE)
    image.header.set_slope_inter(0.5, 3.0)
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((3, 3, 4, 1500))
    nibabel.save(image, tmp_path / "a.nii")
    source = open_brain(f"nifti:{tmp_path / 'a.nii'}")
    expected = nibabel.load(tmp_path / "a.nii").get_fdata().reshape(-1, 6).T
    assert np.array_equal(activity_of(source), expected)
    assert source.subject["sampling_rate_hz"] == pytest.approx(1 / 1.5)


def test_missing_voxels_stay_missing(
    volumes: np.ndarray, atlas: np.ndarray, tmp_path: Path
) -> None:
    atlas[0] = 0
    atlas[0, 0, :2] = 7
    volumes[0, 0, 0] = np.nan
    volumes[0, 0, 1, 5] = np.nan
    address = save(volumes, tmp_path / "a.nii")
    save(atlas, tmp_path / "atlas.nii")
    regions = open_brain(address, atlas=str(tmp_path / "atlas.nii"))
    seven = activity_of(regions)[:, units_of(regions)["id"].tolist().index(7)]
    assert np.isnan(seven).nonzero()[0].tolist() == [5]
    assert np.allclose(np.delete(seven, 5), np.delete(volumes[0, 0, 1], 5))


def test_events_label_volumes(volumes: np.ndarray, tmp_path: Path) -> None:
    events = "onset\tduration\ttrial_type\n4.0\t6.0\tface\n20.0\t4.0\tn/a\n40\t6\thouse\n"
    (tmp_path / "events.tsv").write_text(events)
    address = save(volumes, tmp_path / "a.nii")
    rows = rows_of(open_brain(address, events=str(tmp_path / "events.tsv")))
    assert rows["trial_type"].dropna().to_dict() == {
        **dict.fromkeys((2, 3, 4), "face"),
        **dict.fromkeys((20, 21, 22), "house"),
    }
    source = open_brain(address, events=str(tmp_path / "events.tsv"), positions="trial")
    flat = volumes.reshape(-1, 30).astype(np.float64)
    expected = [flat[:, a:b].mean(axis=1) for a, b in ((2, 5), (10, 12), (20, 23))]
    assert np.allclose(activity_of(source), expected)


def test_a_map_is_one_row_without_time(volumes: np.ndarray, tmp_path: Path) -> None:
    source = open_brain(save(volumes[..., 0], tmp_path / "map.nii.gz"))
    assert np.array_equal(activity_of(source), volumes[..., 0].reshape(1, -1))
    assert "time" not in rows_of(source)
    with pytest.raises(UsageError, match=r"has no time"):
        open_brain(f"nifti:{tmp_path / 'map.nii.gz'}", bin=1)


def test_other_grids_are_refused(volumes: np.ndarray, atlas: np.ndarray, tmp_path: Path) -> None:
    address = save(volumes, tmp_path / "a.nii")
    save(atlas, tmp_path / "shifted.nii", AFFINE + np.eye(4, k=3))
    save(atlas[:-1], tmp_path / "smaller.nii")
    save(atlas + 0.5, tmp_path / "halves.nii")
    for name, sentence in (
        ("shifted", r"affine differs.*by up to 1.*resample the atlas"),
        ("smaller", r"atlas of 4 x 4 x 3 voxels and volumes of 5 x 4 x 3"),
        ("halves", r"no whole numbers"),
        ("absent", r"Found no file"),
    ):
        with pytest.raises(UsageError, match=sentence):
            open_brain(address, atlas=str(tmp_path / f"{name}.nii"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"mask": "m.nii", "atlas": "a.nii"}, r"both mask and atlas"),
        ({"labels": "l.tsv"}, r"labels without an atlas"),
        ({"repetition_time": "zwei"}, r"expected a positive number"),
        ({"tr": 2}, r"Found option 'tr'"),
    ],
)
def test_wrong_options_are_refused(
    options: dict[str, Any], sentence: str, volumes: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=sentence):
        open_brain(save(volumes, tmp_path / "a.nii"), **options)


def test_a_repetition_time_without_unit_is_asked_for(volumes: np.ndarray, tmp_path: Path) -> None:
    address = save(volumes, tmp_path / "a.nii", unit="unknown")
    with pytest.raises(UsageError, match=r"2 in the unit 'unknown'.*pass repetition_time"):
        open_brain(address)
    assert rows_of(open_brain(address, repetition_time=0.8))["time"][1] == pytest.approx(0.8)


def test_tables_must_have_their_columns(
    volumes: np.ndarray, atlas: np.ndarray, tmp_path: Path
) -> None:
    address = save(volumes, tmp_path / "a.nii")
    save(atlas, tmp_path / "atlas.nii")
    (tmp_path / "t.tsv").write_text("start\tlabel\n1\tx\n")
    with pytest.raises(UsageError, match=r"expected 'onset' in seconds"):
        open_brain(address, events=str(tmp_path / "t.tsv"))
    with pytest.raises(UsageError, match=r"whole numbers in 'index'"):
        open_brain(address, atlas=str(tmp_path / "atlas.nii"), labels=str(tmp_path / "t.tsv"))


def test_identity_follows_values_and_atlas(
    volumes: np.ndarray, atlas: np.ndarray, tmp_path: Path
) -> None:
    save(atlas, tmp_path / "atlas.nii")
    found = []
    for number, change in enumerate((0.0, 0.0, 1.0)):
        changed = volumes.copy()
        changed[tuple(np.argwhere(atlas)[0])] += change
        address = save(changed, tmp_path / f"{number}.nii.gz")
        found.append(open_brain(address, atlas=tmp_path / "atlas.nii").ingredients)
    assert found[0] == found[1] != found[2]
    outside = volumes.copy()
    outside[0, 0, 0] += 1
    address = save(outside, tmp_path / "3.nii")
    assert open_brain(address, atlas=tmp_path / "atlas.nii").ingredients == found[0]
