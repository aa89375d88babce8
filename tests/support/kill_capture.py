"""Capture in a child process and kill it at awkward moments, until it gets through.

Run as a script, so that the models' heavy imports are paid once and children can be forked.
Arguments: model folder, text file, folder to write, number of kills. Prints one line a kill:
how many shards were committed then.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

import workbench as wb
from workbench.recording.files import TEMPORARY_SUFFIX


def capture(model: str, text: str, out: Path) -> None:
    """The capture that is killed."""
    torch.set_num_threads(1)
    wb.capture(
        f"hf:{model}",
        text=text,
        sites="blocks.*.hook_resid_post",
        out=out,
        shard_tokens=64,
        batch_tokens=64,
    )


def start(model: str, text: str, out: Path) -> int:
    """Start the capture in a child and give its process number."""
    child = os.fork()
    if child == 0:
        capture(model, text, out)
        os._exit(0)
    return child


def wait_for_awkward_moment(child: int, out: Path, seed: int) -> bool:
    """Wait for a half-written file or a random time; False if the child ended before."""
    generator = random.Random(seed)
    deadline = time.monotonic() + 60
    moment = None
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        if out.exists() and moment is None:
            moment = time.monotonic() + generator.uniform(0, 0.25)
        writing = seed % 2 == 0 and any(out.rglob(f"*{TEMPORARY_SUFFIX}"))
        if moment is not None and (writing or time.monotonic() > moment):
            return True
    raise TimeoutError("the capture neither wrote nor ended within a minute")


def main() -> None:
    """Kill, look, continue."""
    model, text, out, kills = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    for seed in range(kills):
        child = start(model, text, out)
        if not wait_for_awkward_moment(child, out, seed):
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = wb.open(out)
        assert wb.verify(out).ok
        print(found.n_rows, len(wb.verify(out).missing_shards), flush=True)
    child = start(model, text, out)
    assert os.waitpid(child, 0)[1] == 0


main()
