"""Traces in text: dirty files are read rightly, or refused with what to pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from brain_files import activity_of, open_brain, rows_of, units_of

import workbench as wb
from workbench.errors import UsageError, WorkbenchError

NEURONS = "worm/atanas2023/worm_2021-05-26_first10neurons.csv"
TURNING = "worm/atanas2023/worm_2021-05-26_angular_velocity.csv"


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return f"csv:{path}"


def test_neurons_in_lines_with_their_velocity(data: Path, tmp_path: Path) -> None:
    address = f"csv:{data / NEURONS}"
    with pytest.raises(UsageError, match=r"'Velocity \(0.1 mm/s\)'.*orientation=unit,time"):
        open_brain(address, sampling_rate=1.66)
    recording = wb.capture(
        address,
        out=tmp_path / "rec",
        orientation="unit,time",
        sampling_rate="1.66",
        label_columns="Velocity (0.1 mm/s)",
    )
    lines = pd.read_csv(data / NEURONS, header=None)
    assert np.array_equal(recording["traces"].to_numpy(), lines.iloc[:10, 1:].to_numpy().T)
    assert np.array_equal(recording.rows["Velocity (0.1 mm/s)"], lines.iloc[10, 1:].astype(float))
    assert recording.units("traces")["name"].tolist() == [str(n) for n in range(1, 11)]


def test_one_column_with_a_blank_line_and_trailing_commas(data: Path) -> None:
    source = open_brain(f"csv:{data / TURNING}", sampling_rate=1.66)
    expected = [float(each.strip(" ,")) for each in (data / TURNING).read_text().split()]
    assert len(expected) == 1600
    assert np.array_equal(activity_of(source)[:, 0], expected)
    assert source.notes["blank_lines_left_out"] == 1


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.tsv", "\t"), ("b.csv", ";")])
def test_header_time_labels_and_gaps(name: str, mark: str, tmp_path: Path) -> None:
    text = "time,AVAL,AVAR,state\n0,1,2,fwd\n0.5,,4,fwd\n1.1,5,nan,\n".replace(",", mark)
    address = write(tmp_path / name, text)
    options = {"delimiter": ";"} if mark == ";" else {}
    source = open_brain(address, label_columns="state", shard_rows=2, **options)
    expected = [[1, 2], [np.nan, 4], [5, np.nan]]
    assert np.array_equal(activity_of(source), expected, equal_nan=True)
    rows = rows_of(source)
    assert rows["time"].tolist() == [0, 0.5, 1.1]
    assert rows["state"].tolist()[:2] == ["fwd", "fwd"]
    assert rows["state"].isna().tolist() == [False, False, True]
    units = units_of(source)
    assert units["name"].tolist() == ["AVAL", "AVAR"]
    assert units["side"].tolist() == ["L", "R"]
    assert units["missing_fraction"].tolist() == pytest.approx([1 / 3, 1 / 3])


def test_units_in_lines_with_times_in_the_first(tmp_path: Path) -> None:
    address = write(tmp_path / "a.csv", "t,0,0.5,1\nAVAL,1,2,3\nAVAR,4,5,6\n")
    source = open_brain(address, orientation="unit,time")
    assert activity_of(source).tolist() == [[1, 4], [2, 5], [3, 6]]
    assert rows_of(source)["time"].tolist() == [0, 0.5, 1]
    other = open_brain(address, orientation="unit,time", time_column="AVAL", label_columns=["t"])
    assert rows_of(other)["time"].tolist() == [1, 2, 3]


def test_runs_of_a_trial_column_are_trials(tmp_path: Path) -> None:
    text = "time,a,trial,side\n0,1,1,l\n1,3,1,l\n2,9,,x\n3,5,2,r\n4,6,2,r\n5,7,2,r\n"
    address = write(tmp_path / "a.csv", text)
    source = open_brain(address, label_columns="trial,side", positions="trial")
    assert activity_of(source)[:, 0].tolist() == [2, 6]
    rows = rows_of(source)
    assert rows["n_bins"].tolist() == [2, 3]
    assert rows["side"].tolist() == ["l", "r"]
    every = rows_of(open_brain(address, label_columns="trial,side"))
    assert every["trial"].tolist() == [0, 0, -1, 1, 1, 1]


def test_labels_never_replace_what_rows_are(tmp_path: Path) -> None:
    address = write(tmp_path / "a.csv", "time,a,stimulus\n0,1,face\n1,3,house\n")
    rows = rows_of(open_brain(address, label_columns="stimulus"))
    assert rows["stimulus"].tolist() == [0, 0]
    assert rows["stimulus_label"].tolist() == ["face", "house"]


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        ("a,b\n1,2\n", {}, "no time stamps"),
        ("time,a\n0,1\n1,x\n", {}, "Found 'x' in column 'a'.*label_columns=a"),
        ("time,a\n0,1\n,2\n", {}, "no time at moment 1"),
        ("time,a,a\n0,1,2\n", {}, "name 'a' twice"),
        ("time,t,a\n0,1,2\n", {}, "one column of times: pass time_column"),
        ("time,a\n0,1\n", {"time_column": "tiem"}, "did you mean 'time'"),
        ("time,a\n0,1\n", {"label_columns": "b"}, "no column 'b'"),
        ("time\n0\n1\n", {}, "no column of activity"),
        ("0,1,2\n4,5,6\n", {"sampling_rate": 1}, "header=yes or header=no"),
        ("time;a\n0;1\n", {}, "delimiter=';'"),
        ("\n\n", {"sampling_rate": 1}, "no line with fields"),
        ("time,a\n0,1\n", {"header": "perhaps"}, "expected yes or no"),
        ("time,a\n0,1\n", {"delimiter": "::"}, "one character"),
    ],
)
def test_what_is_not_plain_is_refused(
    text: str, options: dict, sentence: str, tmp_path: Path
) -> None:
    address = write(tmp_path / "a.csv", text)
    with pytest.raises(WorkbenchError, match=sentence):
        open_brain(address, **options)


def test_a_header_of_numbers_can_be_stated(tmp_path: Path) -> None:
    address = write(tmp_path / "a.csv", "0,1,2\n4,5,6\n7,8,9\n")
    with_header = open_brain(address, sampling_rate=1, header="yes")
    assert activity_of(with_header).tolist() == [[4, 5, 6], [7, 8, 9]]
    assert units_of(with_header)["name"].tolist() == ["0", "1", "2"]
    without = open_brain(address, sampling_rate=1, header="no")
    assert activity_of(without).shape == (3, 3)
    assert units_of(without)["name"].tolist() == ["", "", ""]


def test_a_line_cut_short_is_refused(tmp_path: Path) -> None:
    whole = "time,a,b\n" + "".join(f"{n},{n},{n}\n" for n in range(20))
    with pytest.raises(WorkbenchError, match=r"Line 21.*has 2 fields, most have 3.*cut short"):
        open_brain(write(tmp_path / "a.csv", whole[:-4]))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"time,a\n0,\xff\xfe\n")
    with pytest.raises(WorkbenchError, match=r"no text in UTF-8"):
        open_brain(f"csv:{tmp_path / 'a.csv'}")
    for wrong, sentence in ((tmp_path, "is a folder"), (tmp_path / "b.csv", "Found no file")):
        with pytest.raises(UsageError, match=sentence):
            open_brain(f"csv:{wrong}")


def test_an_index_as_pandas_writes_it_is_no_unit(tmp_path: Path) -> None:
    table = pd.DataFrame({"time": [0.0, 0.5, 1.0], "a": [1.0, 2.0, 3.0]})
    table.to_csv(tmp_path / "a.csv")
    source = open_brain(f"csv:{tmp_path / 'a.csv'}")
    assert units_of(source)["name"].tolist() == ["a"]
    assert source.notes["index_column_left_out"] == 1
    table.set_index(pd.Index([4, 5, 6])).to_csv(tmp_path / "a.csv")
    with pytest.raises(UsageError, match=r"column without a name at place 1"):
        open_brain(f"csv:{tmp_path / 'a.csv'}")
