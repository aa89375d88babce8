"""Jobs: commands of the workbench that run on when the page that started them is closed."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboards.supervisor import LOG, STATUS, write_status
from workbench.errors import WorkbenchError

FOLDER = ".jobs"
LOST_SECONDS = 30.0
TAIL_BYTES = 20_000
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True)
class Job:
    """What the status file of a job says.

    Attributes
    ----------
    folder : Path
    title : str
    command : tuple of str
    state : str
        ``starting``, ``running``, ``done``, ``failed``, ``stopped``, or ``lost`` when nothing was
        heard of it for 30 s, as after a power cut.
    started : float
        Seconds since 1970.
    ended : float, optional
    exit_code : int, optional
    supervisor : int
        Process that looks after it; 0 while it starts.
    """

    folder: Path
    title: str
    command: tuple[str, ...]
    state: str
    started: float
    ended: float | None = None
    exit_code: int | None = None
    supervisor: int = 0

    @property
    def is_active(self) -> bool:
        """Whether it may still change."""
        return self.state in ("starting", "running")

    @property
    def seconds(self) -> float:
        """How long it has run, or ran."""
        return (self.ended or time.time()) - self.started


def workbench_command(*arguments: str) -> list[str]:
    """Command line of the workbench that is installed here."""
    return [sys.executable, "-m", "workbench", *arguments]


def start(command: Sequence[str], title: str, library: Path) -> Job:
    """Start a command without a shell.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    title : str
        What to call it.
    library : Path
        The job's status and log go to its folder ``.jobs``.

    Returns
    -------
    Job

    Raises
    ------
    WorkbenchError
        If the library cannot be written.
    """
    now = time.time()
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(3)}"
    folder = library / FOLDER / name
    status = {
        "title": title,
        "command": list(command),
        "state": "starting",
        "started": now,
        "heartbeat": now,
    }
    try:
        folder.mkdir(parents=True)
        write_status(folder, status)
        (folder / LOG).touch()
        subprocess.Popen(  # noqa: S603 - our own script with a path that we made
            [sys.executable, "-I", str(_SUPERVISOR), str(folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise WorkbenchError(
            f"Could not start a job in '{library}' ({error.strerror or error}); make the library "
            "writable."
        ) from error
    return read_job(folder)


def read_job(folder: Path) -> Job:
    """Read the status of a job.

    Raises
    ------
    WorkbenchError
        If its status file cannot be read.
    """
    try:
        status = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        silent = time.time() - status["heartbeat"] > LOST_SECONDS
        lost = silent and status["state"] in ("starting", "running")
        return Job(
            folder,
            status["title"],
            tuple(status["command"]),
            "lost" if lost else status["state"],
            status["started"],
            status["heartbeat"] if lost else status.get("ended"),
            status.get("exit_code"),
            status.get("supervisor", 0),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkbenchError(
            f"Job '{folder}' has no readable status ({error}); delete its folder."
        ) from error


def list_jobs(library: Path) -> list[Job]:
    """Jobs of a library, newest first; folders without a readable status are left out."""
    jobs = []
    for path in (library / FOLDER).glob(f"*/{STATUS}"):
        try:
            jobs.append(read_job(path.parent))
        except WorkbenchError:
            continue  # its folder is being made or removed at this moment
    return sorted(jobs, key=lambda job: -job.started)


def log_tail(job: Job, lines: int = 30) -> str:
    """Last lines of a job's log; of a progress bar only its last state.

    Parameters
    ----------
    job : Job
    lines : int

    Returns
    -------
    str
    """
    try:
        with (job.folder / LOG).open("rb") as handle:
            handle.seek(max(0, handle.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = handle.read().decode("utf-8", "replace")
    except OSError:
        return ""
    kept = text.replace("\r\n", "\n").split("\n")[-lines - 1 :]
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in kept).strip()


def stop(job: Job) -> None:
    """Ask a running job to end; it is reported as stopped."""
    if job.state == "running" and job.supervisor:
        os.kill(job.supervisor, signal.SIGTERM)
