"""Runs one command and keeps its log and status, whatever happens to the page that started it.

A script of its own, on the standard library alone: it starts fast and outlives the server.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STATUS = "status.json"
LOG = "log.txt"
LOG_BYTES = 1_000_000
BEAT_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
_CHUNK = 65_536


def write_status(folder: Path, status: dict[str, Any]) -> None:
    """Replace the status file whole, so that no reader sees half of one."""
    temporary = folder / f"{STATUS}.partial"
    temporary.write_text(json.dumps(status, indent=1), encoding="utf-8")
    temporary.replace(folder / STATUS)


def append_log(folder: Path, chunk: bytes, cap: int = LOG_BYTES) -> None:
    """Append to the log; when it is full, its older half goes."""
    path = folder / LOG
    with path.open("ab") as handle:
        handle.write(chunk)
        size = handle.tell()
    if size > cap:
        kept = path.read_bytes()[-cap // 2 :]
        path.write_bytes(b"[earlier output left out]\n" + kept)


def supervise(folder: Path) -> int:
    """Run the command of a job folder to its end.

    Parameters
    ----------
    folder : Path
        Holds a status file with ``command``.

    Returns
    -------
    int
        Exit code of the command.
    """
    status = json.loads((folder / STATUS).read_text(encoding="utf-8"))
    stopped: list[float] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(time.time()))
    try:
        child = subprocess.Popen(  # noqa: S603 - a list without a shell; the user's own request
            status["command"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        append_log(folder, f"Could not start the command ({error}).\n".encode())
        write_status(folder, {**status, "state": "failed", "ended": time.time()})
        return 127
    status.update(state="running", supervisor=os.getpid())
    _follow(child, folder, status, stopped)
    code = child.wait()
    state = "stopped" if stopped else "done" if code == 0 else "failed"
    write_status(folder, {**status, "state": state, "exit_code": code, "ended": time.time()})
    return code


def _follow(
    child: subprocess.Popen[bytes], folder: Path, status: dict[str, Any], stopped: list[float]
) -> None:
    if child.stdout is None:
        return
    beaten = 0.0
    while True:
        if time.time() - beaten >= BEAT_SECONDS:
            beaten = time.time()
            write_status(folder, {**status, "heartbeat": beaten})
        if stopped and child.poll() is None:
            late = time.time() - stopped[0] > PATIENCE_SECONDS
            os.killpg(child.pid, signal.SIGKILL if late else signal.SIGTERM)
        ready, _, _ = select.select([child.stdout], [], [], BEAT_SECONDS)
        chunk = os.read(child.stdout.fileno(), _CHUNK) if ready else b""
        if chunk:
            append_log(folder, chunk)
        elif ready or child.poll() is not None:
            return


if __name__ == "__main__":
    sys.exit(supervise(Path(sys.argv[1])))
