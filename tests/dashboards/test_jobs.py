from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dashboards.jobs import Job, list_jobs, log_tail, read_job, start, stop
from dashboards.supervisor import LOG_BYTES, append_log, write_status
from workbench.errors import WorkbenchError


def wait(job: Job, seconds: float = 20) -> Job:
    until = time.monotonic() + seconds
    while job.is_active and time.monotonic() < until:
        time.sleep(0.05)
        job = read_job(job.folder)
    return job


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_command_runs_to_its_end_with_its_output_kept(tmp_path: Path) -> None:
    job = wait(start(python("print('hello'); print('world')"), "greeting", tmp_path))
    assert (job.state, job.exit_code, job.title) == ("done", 0, "greeting")
    assert log_tail(job) == "hello\nworld"
    assert job.seconds >= 0
    assert list_jobs(tmp_path) == [job]


def test_a_failing_command_is_reported_with_code_and_message(tmp_path: Path) -> None:
    job = wait(start(python("raise SystemExit('no such text')"), "failing", tmp_path))
    assert (job.state, job.exit_code) == ("failed", 1)
    assert "no such text" in log_tail(job)


def test_a_command_that_does_not_exist_is_a_failure(tmp_path: Path) -> None:
    job = wait(start([str(tmp_path / "nothing")], "missing", tmp_path))
    assert job.state == "failed"
    assert "Could not start" in log_tail(job)


def test_nothing_goes_through_a_shell(tmp_path: Path) -> None:
    job = wait(start(["echo", "$HOME; touch hacked"], "echo", tmp_path))
    assert log_tail(job) == "$HOME; touch hacked"


def test_a_job_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path; from dashboards.jobs import start\n"
        f"command = [{sys.executable!r}, '-c', 'import time; time.sleep(1); print(1)']\n"
        f"start(command, 'long', Path({str(tmp_path)!r})); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run(python(code), check=False).returncode == -signal.SIGKILL
    (job,) = list_jobs(tmp_path)
    assert wait(job).state == "done"
    assert log_tail(job) == "1"


def test_a_running_job_can_be_stopped_with_its_children(tmp_path: Path) -> None:
    job = start(python("import time; print('up', flush=True); time.sleep(60)"), "long", tmp_path)
    until = time.monotonic() + 20
    while "up" not in log_tail(job) and time.monotonic() < until:
        time.sleep(0.05)
    stop(read_job(job.folder))
    assert wait(job).state == "stopped"


def test_of_a_progress_bar_only_the_last_state_is_shown(tmp_path: Path) -> None:
    job = wait(start(python("print('10%\\r50%\\r100%\\nready')"), "bar", tmp_path))
    assert log_tail(job) == "100%\nready"


def test_the_log_is_capped_and_says_so(tmp_path: Path) -> None:
    for _ in range(5):
        append_log(tmp_path, b"x" * 400 + b"\n", cap=1000)
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert len(text) < 1000 + 401 < LOG_BYTES
    assert text.startswith("[earlier output left out]")


def test_a_job_of_which_nothing_is_heard_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / ".jobs" / "old"
    folder.mkdir(parents=True)
    long_ago = time.time() - 3600
    status = {"title": "t", "command": ["x"], "state": "running", "started": long_ago - 5}
    write_status(folder, {**status, "heartbeat": long_ago})
    job = read_job(folder)
    assert job.state == "lost"
    assert not job.is_active
    assert job.seconds == pytest.approx(5)


def test_unreadable_status_files(tmp_path: Path) -> None:
    folder = tmp_path / ".jobs" / "cut"
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(json.dumps({"title": "t"})[:5], encoding="utf-8")
    assert list_jobs(tmp_path) == []
    with pytest.raises(WorkbenchError, match="no readable status"):
        read_job(folder)


def test_a_library_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / ".jobs").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(WorkbenchError, match="make the library writable"):
        start(["true"], "t", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".jobs"]
