"""A real Ray cluster of two workers on this machine, one of which is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from folders import contents

import workbench as wb

ray = pytest.importorskip("ray", reason="Ray is an optional extra")

SITES = "blocks.*.hook_resid_post"


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two nodes of one core each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False)
    yield
    ray.shutdown()
    made.shutdown()


def actor_processes() -> set[int]:
    """Process numbers of the actors that write shards."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if command.startswith(b"ray::ShardWorker"):
                found.add(int(folder.name))
    return found


def kill_one_at_work(out: Path, killed: list[int]) -> None:
    """Kill an actor as soon as some shards are committed."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if len(list(out.glob("commits/*.json"))) >= 3:
            for process in sorted(actor_processes())[:1]:
                os.kill(process, signal.SIGKILL)
                killed.append(len(list(out.glob("commits/*.json"))))
            return
        time.sleep(0.002)


def test_actors_write_the_same_bytes_although_one_is_killed(
    cluster: None, model: Path, text_file: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {
        "subject": f"hf:{model}",
        "text": text_file,
        "sites": SITES,
        "shard_tokens": 64,
    }
    whole = wb.capture(**given, out=tmp_path / "serial")
    killed: list[int] = []
    out = tmp_path / "ray"
    killer = threading.Thread(target=kill_one_at_work, args=(out, killed))
    killer.start()
    recording = wb.capture(**given, out=out, executor="ray", workers=2)
    killer.join()
    assert killed, "no actor was killed"
    assert killed[0] < len(whole.manifest.plan), "the capture was over before the actor was killed"
    assert recording.is_complete
    assert recording.n_rows == whole.n_rows
    assert contents(out) == contents(tmp_path / "serial")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ray", "serial"]


def test_what_fails_in_an_actor_is_said_as_anywhere(cluster: None, tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(
        "import torch\n"
        "class Fragile(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        if (x > 299).any():\n"
        "            raise RuntimeError('the coil is too hot')\n"
        "        return x * 2\n"
        "def make():\n"
        "    return Fragile()\n"
    )
    import numpy as np

    inputs = np.zeros((20, 3), dtype=np.float32)
    inputs[17] = 300
    np.save(tmp_path / "inputs.npy", inputs)
    with pytest.raises(wb.WorkbenchError, match=r"failed at shard 3 of 4 .*coil is too hot"):
        wb.capture(
            f"torch:{tmp_path}/network.py:make",
            stimuli=tmp_path / "inputs.npy",
            sites="output",
            shard_rows=5,
            out=tmp_path / "rec",
            executor="ray",
            workers=2,
        )
    # The other actor may have been at work on another shard when the capture ended.
    assert wb.open(tmp_path / "rec").n_rows in (5, 10, 15)
    assert wb.verify(tmp_path / "rec").ok


def test_large_arrays_do_not_travel(cluster: None, tmp_path: Path, model: Path) -> None:
    import numpy as np

    with pytest.raises(wb.UsageError, match=r"request of \d+ bytes for Ray.*write them to a file"):
        wb.capture(
            f"hf:{model}",
            tokens=np.zeros((40_000, 16), dtype=np.int64),
            sites="blocks.0.hook_resid_post",
            out=tmp_path / "rec",
            executor="ray",
        )


def test_analyses_give_the_same_numbers_on_the_cluster(cluster: None) -> None:
    rec = wb.load_analysis("word_classes").example("planted", seed=0).recording
    here = wb.analyze("word_classes", rec, labels="upos", embeddings=())
    there = wb.analyze("word_classes", rec, labels="upos", embeddings=(), executor="ray")
    assert [m.value for m in here.measures] == [m.value for m in there.measures]
