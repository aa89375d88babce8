"""Whoever computes the shards, the bytes are the same."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folders import contents

import workbench as wb
from workbench.capturing.running import Running

SITES = "blocks.*.hook_resid_post"
RACER = Path(__file__).parent.parent / "support" / "race_capture.py"


@pytest.fixture(scope="module")
def arguments(model: Path, text_file: Path) -> dict[str, Any]:
    """A capture of some forty shards."""
    return {"subject": f"hf:{model}", "text": str(text_file), "sites": SITES, "shard_tokens": 200}


@pytest.fixture(scope="module")
def serial(arguments: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture by one process."""
    out = tmp_path_factory.mktemp("serial") / "rec"
    wb.capture(**arguments, out=out)
    return out


def test_processes_write_the_same_bytes(
    arguments: dict[str, Any], serial: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rec"
    recording = wb.capture(**arguments, out=out, executor="processes", workers=2)
    assert recording.is_complete
    assert len(recording.manifest.plan) > 20
    assert contents(out) == contents(serial)
    assert [path.name for path in tmp_path.iterdir()] == ["rec"]


def test_shares_of_workers_together_are_the_whole(
    arguments: dict[str, Any], serial: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rec"
    counts = [wb.capture(**arguments, out=out, worker=f"{i}/3").n_rows for i in (2, 0)]
    assert 0 < counts[0] < counts[1] < wb.open(serial).n_rows
    assert not wb.open(out).is_complete
    assert wb.verify(out).ok
    assert wb.capture(**arguments, out=out, worker="1/3").is_complete
    assert contents(out) == contents(serial)


def start_racers(given: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """Start captures at the same moment and give what they said."""
    moment = str(time.time() + seconds)
    racers = [
        subprocess.Popen(
            [sys.executable, RACER, moment, json.dumps(each)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for each in given
    ]
    outputs = [racer.communicate(timeout=300) for racer in racers]
    assert all(racer.returncode == 0 for racer in racers), outputs
    return [json.loads(out.splitlines()[-1]) for out, _ in outputs]


def test_workers_that_start_at_once_share_one_folder(
    arguments: dict[str, Any], serial: Path, tmp_path: Path
) -> None:
    out = str(tmp_path / "rec")
    said = start_racers([{**arguments, "out": out, "worker": f"{i}/2"} for i in range(2)], 2)
    assert all("rows" in each for each in said)
    assert wb.open(out).is_complete
    assert contents(Path(out)) == contents(serial)
    assert [path.name for path in tmp_path.iterdir()] == ["rec"]


def test_of_two_captures_at_once_one_wins_and_the_other_says_so(
    arguments: dict[str, Any], serial: Path, tmp_path: Path
) -> None:
    out = str(tmp_path / "rec")
    first, second = start_racers([{**arguments, "out": out}] * 2, 2)
    won = [each for each in (first, second) if each.get("complete")]
    assert won
    for each in (first, second):
        # Whoever came when the other had finished found nothing left to do.
        assert each.get("complete") or "Another process is writing" in each["error"]
    assert contents(Path(out)) == contents(serial)
    assert [path.name for path in tmp_path.iterdir()] == ["rec"]


def test_two_different_captures_at_once(arguments: dict[str, Any], tmp_path: Path) -> None:
    out = str(tmp_path / "rec")
    said = start_racers(
        [{**arguments, "out": out}, {**arguments, "out": out, "dtype": "float16"}], 2
    )
    errors = [each["error"] for each in said if "error" in each]
    assert len(errors) == 1
    assert "holds another recording" in errors[0]
    assert wb.open(out).is_complete
    assert [path.name for path in tmp_path.iterdir()] == ["rec"]


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_subject_that_fails_half_way_keeps_what_is_committed(
    model: Path, tmp_path: Path, executor: str
) -> None:
    ids = np.random.default_rng(0).integers(0, 300, (40, 16))
    np.save(tmp_path / "ids.npy", ids)
    (tmp_path / "network.py").write_text(
        "import torch, os\n"
        "class Fragile(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.line = torch.nn.Linear(16, 3)\n"
        "    def forward(self, x):\n"
        "        if (x[:, 0] > 299).any() and not os.path.exists('mended'):\n"
        "            raise RuntimeError('the coil is too hot')\n"
        "        return self.line(x)\n"
        "def make():\n"
        "    torch.manual_seed(0)\n"
        "    return Fragile()\n"
    )
    inputs = ids.astype(np.float32)
    inputs[27, 0] = 300
    np.save(tmp_path / "inputs.npy", inputs)
    given: dict[str, Any] = {
        "subject": f"torch:{tmp_path}/network.py:make",
        "stimuli": str(tmp_path / "inputs.npy"),
        "sites": "line",
        "shard_rows": 5,
        "out": tmp_path / "rec",
        "executor": executor,
    }
    with pytest.raises(wb.WorkbenchError, match=r"failed at shard 5 of 8 .*coil is too hot.*stay"):
        wb.capture(**given)
    found = wb.open(tmp_path / "rec")
    assert found.n_rows >= 25 if executor == "serial" else not found.is_complete
    assert wb.verify(tmp_path / "rec").ok


@pytest.mark.parametrize(
    ("arguments_", "message"),
    [
        ({"executor": "dask"}, "Found executor 'dask'|no executor 'dask'"),
        ({"worker": "3/3"}, "expected i/n with i from 0"),
        ({"worker": "one of two"}, "expected i/n"),
        ({"workers": 0, "executor": "ray"}, "Found workers 0"),
        ({"workers": 2}, "with executor 'serial'"),
        ({"worker": "0/2", "executor": "processes"}, "leave one of the two out"),
        ({"threads": 0}, "Found threads 0"),
    ],
)
def test_ways_of_running_that_cannot_be(arguments_: dict[str, Any], message: str) -> None:
    with pytest.raises(wb.UsageError, match=message):
        Running(**arguments_)
