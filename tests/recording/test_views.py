"""Views: some rows and units, recordings one after the other, two brought into one order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.recording.writer import write_recording


@pytest.fixture
def disk_recording(tmp_path: Path, memory_recording: wb.Recording) -> wb.Recording:
    """The same recording in shards of seven rows."""
    return wb.open(write_recording(memory_recording, tmp_path / "rec", rows_per_shard=7))


@pytest.mark.parametrize(
    "rows",
    [
        [5, 3, 99, -1, 3],
        slice(10, 60, 3),
        np.arange(100) % 3 == 0,
        "label == 'a'",
        range(20, 45),
    ],
    ids=str,
)
def test_selected_rows_are_those_rows_in_that_order(
    disk_recording: wb.Recording, memory_recording: wb.Recording, rows: object
) -> None:
    table = memory_recording.rows
    numbers = table.index[table["label"] == "a"] if isinstance(rows, str) else rows
    expected_rows = np.arange(100)[numbers]
    for recording in (disk_recording, memory_recording):
        view = recording.select(rows=rows)
        assert view.n_rows == len(expected_rows)
        assert view.rows["label"].tolist() == table["label"].iloc[expected_rows].tolist()
        assert view.rows["stimulus"].tolist() == expected_rows.tolist()
        for site in view.sites:
            expected = memory_recording[site].to_numpy()[expected_rows]
            assert np.array_equal(view[site].to_numpy(), expected)
            assert np.array_equal(np.concatenate(list(view[site].batches(4))), expected)
            assert np.array_equal(view[site].to_numpy([2, 0]), expected[[2, 0]])
            assert view[site].to_xarray()["label"].values.tolist() == view.rows["label"].tolist()


def test_selected_units_and_sites(disk_recording: wb.Recording) -> None:
    view = disk_recording.select(units=[4, 1], sites="flat")
    assert view.sites == ["flat"]
    assert np.array_equal(view["flat"].to_numpy(), disk_recording["flat"].to_numpy()[:, [4, 1]])
    assert view.units("flat")["unit"].tolist() == [4, 1]
    by_site = disk_recording.select(units={"map": "unit != 1"})
    assert by_site["map"].shape == (100, 2, 4, 5)
    assert by_site["flat"].shape == (100, 6)


def test_views_of_views_and_their_identity(disk_recording: wb.Recording, tmp_path: Path) -> None:
    twice = disk_recording.select(rows=slice(20, 80)).select(rows=[1, 5], units={"flat": [0, 2]})
    expected = disk_recording["flat"].to_numpy()[[21, 25]][:, [0, 2]]
    assert np.array_equal(twice["flat"].to_numpy(), expected)
    one, other = (disk_recording.select(rows=[0, n]) for n in (1, 2))
    assert len({disk_recording.identity, one.identity, other.identity, twice.identity}) == 4
    assert one.identity == disk_recording.select(rows=[0, 1]).identity
    again = wb.open(write_recording(twice, tmp_path / "copy"))
    assert np.array_equal(again["flat"].to_numpy(), expected)
    assert again.identity == twice.identity


def test_a_view_reads_only_what_it_is_asked_for(
    disk_recording: wb.Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.recording import blocks

    opened: list[str] = []
    plain = blocks.map_shard

    def noting(path: Path, shape: tuple, dtype: str) -> np.ndarray:
        opened.append(path.name)
        return plain(path, shape, dtype)

    blocks._mapped.cache_clear()
    monkeypatch.setattr(blocks, "map_shard", noting)
    view = disk_recording.select(rows=slice(0, 50), units=[0], sites="flat")
    assert not opened
    view["flat"].to_numpy([8])
    assert opened == ["000001.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": [100]}, "row number outside 0 to 99"),
        ({"rows": "label == 'z'"}, "leaves no row of 100"),
        ({"rows": "lable == 'a'"}, r"cannot be used .*lable.*columns"),
        ({"rows": "label =="}, "cannot be used"),
        ({"rows": "stimulus"}, "is no condition"),
        ({"rows": [0.5]}, "rows of type float64"),
        ({"rows": np.ones(7, dtype=bool)}, r"row mask of shape \(7,\); expected \(100,\)"),
        ({"units": {"flt": [0]}}, "units of site 'flt'"),
        ({"units": [3]}, "unit number outside 0 to 2"),
        ({"sites": "flt"}, "did you mean 'flat'"),
    ],
    ids=str,
)
def test_selections_that_cannot_be(
    memory_recording: wb.Recording, arguments: dict, message: str
) -> None:
    with pytest.raises(wb.UsageError, match=message):
        memory_recording.select(**arguments)


def test_concatenated_recordings_keep_who_is_who(
    disk_recording: wb.Recording, memory_recording: wb.Recording
) -> None:
    joined = wb.concatenate([disk_recording, memory_recording.select(rows=slice(0, 10))])
    assert joined.n_rows == 110
    expected = np.concatenate(
        [memory_recording["map"].to_numpy(), memory_recording["map"].to_numpy()[:10]]
    )
    assert np.array_equal(joined["map"].to_numpy(), expected)
    assert np.array_equal(np.concatenate(list(joined["map"].batches(33))), expected)
    assert joined.rows["recording"].tolist() == [0] * 100 + [1] * 10
    assert joined.rows["stimulus"].tolist() == list(range(110))
    assert len(joined.stimuli) == 200
    _, rows = next(joined["flat"].batches(110, shuffle=1, return_rows=True))
    assert sorted(rows.tolist()) == list(range(110))


def animal(names: list[str], seed: int) -> wb.Recording:
    values = np.random.default_rng(seed).normal(size=(5, len(names))).astype(np.float32)
    units = pd.DataFrame({"unit": range(len(names)), "name": names})
    return wb.from_arrays({"calcium": values}, units={"calcium": units}, kind="brain")


def test_animals_are_joined_by_neuron_name_and_missing_ones_are_nan() -> None:
    one, two = animal(["AVA", "AVB", "RIM"], 0), animal(["RIM", "AVA"], 1)
    with pytest.raises(wb.UsageError, match=r"other units.*join='name'"):
        wb.concatenate([one, two])
    joined = wb.concatenate([one, two], join="name")
    values = joined["calcium"].to_numpy()
    assert joined.units("calcium")["name"].tolist() == ["AVA", "AVB", "RIM"]
    assert np.array_equal(values[:5], one["calcium"].to_numpy())
    assert np.array_equal(values[5:, [0, 2]], two["calcium"].to_numpy()[:, [1, 0]])
    assert np.isnan(values[5:, 1]).all()
    assert np.isnan(values).sum() == 5


def test_bfloat16_units_that_are_missing_are_nan(tmp_path: Path) -> None:
    whole = wb.capture("demo:brain", dtype="bfloat16", max_rows=5, out=tmp_path / "rec")
    joined = wb.concatenate([whole, whole.select(units=[3, 1])], join="name")
    values = joined["bold"].to_numpy()
    assert np.array_equal(values[:5], whole["bold"].to_numpy())
    assert np.array_equal(values[5:, [3, 1]], whole["bold"].to_numpy()[:, [3, 1]])
    assert np.isnan(np.delete(values[5:], [3, 1], axis=1)).all()


@pytest.mark.parametrize(
    ("others", "join", "message"),
    [
        ([], "same", "Found no recording"),
        ([wb.from_arrays({"x": np.ones((2, 2))})], "same", "recordings with the sites"),
        ([wb.from_arrays({"calcium": np.ones((2, 1))})], "same", "other units"),
        ([wb.from_arrays({"calcium": np.ones((2, 1))})], "name", "no names that tell them apart"),
        ([animal(["a", "a"], 0)], "name", "no names that tell them apart"),
        ([animal(["a"], 0)], "outer", "Found join 'outer'"),
    ],
)
def test_recordings_that_cannot_be_joined(
    others: list[wb.Recording], join: str, message: str
) -> None:
    first = [animal(["a"], 0)] if others else []
    with pytest.raises(wb.UsageError, match=message):
        wb.concatenate([*first, *others], join=join)


def test_aligned_rows_are_the_same_observations() -> None:
    stimuli = [f"image {n}" for n in range(6)]
    one = wb.from_arrays(
        {"a": np.arange(6.0)[:, None]}, stimuli=pd.DataFrame({"id": stimuli}), address="one"
    )
    order = [4, 2, 5, 0]
    two = wb.from_arrays(
        {"b": np.array(order, dtype=float)[:, None]},
        stimuli=pd.DataFrame({"id": [stimuli[n] for n in order]}),
    )
    ours, theirs = one.align(two, on="stimulus")
    assert ours["a"].to_numpy()[:, 0].tolist() == [0, 2, 4, 5]
    assert np.array_equal(ours["a"].to_numpy(), theirs["b"].to_numpy())


def test_rows_of_one_stimulus_are_paired_in_order_or_refused() -> None:
    table = {"stimulus": [0, 0, 1, 1], "position": [0, 1, 0, 1]}
    one = wb.from_arrays({"a": np.arange(4.0)[:, None]}, rows=table)
    ours, theirs = one.align(one.select(rows=[2, 3, 0, 1]))
    assert ours["a"].to_numpy()[:, 0].tolist() == theirs["a"].to_numpy()[:, 0].tolist()
    ours, theirs = one.align(one.select(rows=[3, 1, 0]), on=["stimulus", "position"])
    assert np.array_equal(ours["a"].to_numpy(), theirs["a"].to_numpy())
    with pytest.raises(wb.UsageError, match=r"Found 2 rows .* and 1 in the other"):
        one.align(one.select(rows=[0, 2, 3]))
    with pytest.raises(wb.UsageError, match="no column 'word'"):
        one.align(one, on="word")


def test_other_stimuli_of_the_same_number_are_not_taken_for_the_same() -> None:
    one = wb.from_arrays({"a": np.ones((2, 1))}, stimuli=pd.DataFrame({"text": ["x", "y"]}))
    two = wb.from_arrays({"a": np.ones((2, 1))}, stimuli=pd.DataFrame({"text": ["u", "v"]}))
    with pytest.raises(wb.UsageError, match="share no stimulus"):
        one.align(two)
    nameless = wb.from_arrays({"a": np.ones((3, 1))})
    with pytest.raises(wb.UsageError, match="Found 2 and 3 stimuli that no column"):
        one.align(nameless)
