"""The format on disk: what is written is what is read, by us and by the public library."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file as load_numpy
from safetensors.torch import load_file as load_torch

import workbench as wb
from workbench.recording.dtypes import narrow, widen
from workbench.recording.writer import write_recording


def test_bfloat16_bits_are_torchs() -> None:
    values = np.random.default_rng(0).normal(size=5000).astype(np.float32) * 1e3
    values[:4] = [0.0, -0.0, np.inf, np.nan]
    theirs = torch.from_numpy(values).to(torch.bfloat16)
    ours = narrow(values, "bfloat16")
    assert np.array_equal(ours[:3], theirs.view(torch.int16).numpy().view(np.uint16)[:3])
    assert np.array_equal(ours[4:], theirs.view(torch.int16).numpy().view(np.uint16)[4:])
    assert np.array_equal(widen(ours, "bfloat16"), theirs.float().numpy(), equal_nan=True)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
def test_the_public_library_reads_our_shards(tmp_path: Path, dtype: str) -> None:
    values = (np.random.default_rng(1).normal(size=(7, 3, 2)) * 10).astype(dtype)
    folder = write_recording(wb.from_arrays({"a/b": values}), tmp_path / "rec")
    (shard,) = folder.glob("sites/*/*.safetensors")
    assert np.array_equal(load_numpy(shard)["activations"], values)


def test_the_public_library_reads_our_bfloat16(tmp_path: Path) -> None:
    from workbench.recording.shards import map_shard, write_shard

    values = np.random.default_rng(2).normal(size=(9, 4)).astype(np.float32)
    write_shard(tmp_path, "s.safetensors", narrow(values, "bfloat16"), "bfloat16")
    theirs = load_torch(tmp_path / "s.safetensors")["activations"]
    assert torch.equal(theirs, torch.from_numpy(values).to(torch.bfloat16))
    ours = widen(map_shard(tmp_path / "s.safetensors", (9, 4), "bfloat16"), "bfloat16")
    assert np.array_equal(ours, theirs.float().numpy())


def test_round_trip_in_any_number_of_shards(tmp_path: Path, memory_recording: wb.Recording) -> None:
    for size in (1, 7, 100, None):
        folder = write_recording(memory_recording, tmp_path / f"rec{size}", rows_per_shard=size)
        found = wb.open(folder)
        assert found.is_complete
        assert found.identity == memory_recording.identity
        assert found.sites == memory_recording.sites
        assert found["map"].dims == ("row", "unit", "y", "x")
        for site in found.sites:
            expected = memory_recording[site].to_numpy()
            assert np.array_equal(found[site].to_numpy(), expected)
            assert found[site].to_numpy().dtype == expected.dtype
            rows = np.array([3, 99, 3, 0, 42])
            assert np.array_equal(found[site].to_numpy(rows), expected[rows])
            assert np.array_equal(np.concatenate(list(found[site].batches(9))), expected)
        assert found.rows["label"].tolist() == memory_recording.rows["label"].tolist()


def test_shuffled_batches_bring_every_row_once_in_another_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import workbench.recording.activations as module

    values = np.arange(20_000, dtype=np.float32)[:, None]
    folder = write_recording(wb.from_arrays({"a": values}), tmp_path / "rec", rows_per_shard=3000)
    activations = wb.open(folder)["a"]
    for buffer in (module.SHUFFLE_BUFFER_BYTES, 4 * 2048):
        monkeypatch.setattr(module, "SHUFFLE_BUFFER_BYTES", buffer)
        pairs = list(activations.batches(512, shuffle=5, return_rows=True))
        batches, rows = (np.concatenate(part) for part in zip(*pairs, strict=True))
        assert all(len(batch) == 512 for batch, _ in pairs[:-1])
        assert np.array_equal(np.sort(rows), np.arange(20_000))
        assert np.array_equal(batches[:, 0], rows)
        # A random order correlates with the stored one by about 1/sqrt(n).
        assert abs(np.corrcoef(rows, np.arange(20_000))[0, 1]) < 0.15
        assert (np.abs(np.diff(rows)) == 1).mean() < 0.01
        again = np.concatenate(list(activations.batches(512, shuffle=5)))
        other = np.concatenate(list(activations.batches(512, shuffle=6)))
        assert np.array_equal(batches, again)
        assert not np.array_equal(batches, other)


def test_sites_whose_names_are_alike_do_not_share_a_folder(tmp_path: Path) -> None:
    names = ["a:1", "a_1", "a/1", "a.1", "a%3A1", ".", "..", "ä"]
    arrays = {name: np.full((2, 1), float(n)) for n, name in enumerate(names)}
    found = wb.open(write_recording(wb.from_arrays(arrays), tmp_path / "rec"))
    assert [found[name].to_numpy()[0, 0] for name in names] == list(range(len(names)))
    assert len(list((tmp_path / "rec" / "sites").iterdir())) == len(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rec"]


def test_xarray_view_is_labelled(tmp_path: Path, memory_recording: wb.Recording) -> None:
    view = wb.open(write_recording(memory_recording, tmp_path / "rec"))["flat"].to_xarray()
    assert view.dims == ("row", "unit")
    assert view.sel(row=view["label"] == "a").shape[0] == (memory_recording.rows.label == "a").sum()
    assert view["unit"].values.tolist() == list(range(6))


def test_one_flipped_bit_is_named_and_repaired(tmp_path: Path) -> None:
    rec = wb.from_arrays({"a": np.ones((10, 4))})
    folder = write_recording(rec, tmp_path / "rec", rows_per_shard=5)
    before = _bytes(folder)
    assert wb.verify(folder).ok
    shard = sorted(folder.glob("sites/a/*.safetensors"))[1]
    content = bytearray(shard.read_bytes())
    content[-3] ^= 0b100
    shard.write_bytes(content)
    found = wb.verify(folder)
    assert [fault.split()[0] for fault in found.faults] == ["sites/a/000001.safetensors"]
    assert wb.verify(folder, repair=True).repaired == (1,)
    assert wb.open(folder).n_rows == 5
    write_recording(rec, folder, rows_per_shard=5)
    assert _bytes(folder) == before


def test_missing_and_truncated_files_are_all_listed_on_opening(tmp_path: Path) -> None:
    rec = wb.from_arrays({"a": np.ones((10, 4)), "b": np.ones((10, 2))})
    folder = write_recording(rec, tmp_path / "rec", rows_per_shard=5)
    (folder / "sites/a/000000.safetensors").unlink()
    shard = folder / "sites/b/000001.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(wb.WorkbenchError, match=r"2 faulty files") as caught:
        wb.open(folder)
    assert "sites/a/000000.safetensors is missing" in str(caught.value)
    assert "sites/b/000001.safetensors has" in str(caught.value)


def test_a_newer_schema_is_refused_with_advice(tmp_path: Path) -> None:
    folder = write_recording(wb.from_arrays({"a": np.ones((2, 2))}), tmp_path / "rec")
    manifest = folder / "manifest.json"
    content = json.loads(manifest.read_text())
    content["schema"] = 99
    manifest.write_text(json.dumps(content))
    with pytest.raises(wb.WorkbenchError, match=r"schema 99.*newer version.*pip install --upgrade"):
        wb.open(folder)


def test_a_shard_whose_header_lies_is_refused(tmp_path: Path) -> None:
    folder = write_recording(wb.from_arrays({"a": np.ones((4, 2))}), tmp_path / "rec")
    shard = folder / "sites/a/000000.safetensors"
    content = bytearray(shard.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + length].replace(b"[4,2]", b"[2,4]")
    shard.write_bytes(content[:8] + header + content[8 + length :])
    with pytest.raises(wb.WorkbenchError, match=r"holds F64 \(2, 4\) but the manifest says"):
        wb.open(folder)["a"].to_numpy()


@pytest.mark.parametrize(
    ("sites", "rows", "message"),
    [
        ({}, None, "Found no site"),
        ({"a": np.ones(3)}, None, "expected (rows, units, ...)"),
        ({"a": np.ones((3, 1)), "b": np.ones((4, 1))}, None, "unequal numbers of rows"),
        ({"a": np.array([["x"]])}, None, "expected real numbers"),
        ({"a": np.ones((3, 1))}, {"label": ["x"]}, "Found row column 'label' of shape (1,)"),
    ],
)
def test_arrays_that_make_no_recording(sites: dict, rows: dict | None, message: str) -> None:
    with pytest.raises(wb.UsageError) as caught:
        wb.from_arrays(sites, rows)
    assert message in str(caught.value)


def test_other_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "thesis.tex").write_text("years of work")
    with pytest.raises(wb.UsageError, match="Found other files"):
        write_recording(wb.from_arrays({"a": np.ones((2, 2))}), tmp_path / "rec")
    assert (tmp_path / "rec" / "thesis.tex").read_text() == "years of work"


def test_another_recording_is_not_overwritten(tmp_path: Path) -> None:
    folder = write_recording(wb.from_arrays({"a": np.ones((2, 2))}), tmp_path / "rec")
    before = _bytes(folder)
    with pytest.raises(wb.UsageError, match=r"holds another recording.*differs in arrays"):
        write_recording(wb.from_arrays({"a": np.zeros((2, 2))}), folder)
    assert _bytes(folder) == before


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
