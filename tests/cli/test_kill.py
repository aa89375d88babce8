"""A capture killed at any moment opens, verifies, and is completed to the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import workbench as wb

SCRIPT = Path(__file__).parent.parent / "support" / "kill_capture.py"


def run(model: Path, text: Path, out: Path, kills: int) -> list[list[int]]:
    """Run the script and give rows and missing shards after every kill."""
    done = subprocess.run(
        [sys.executable, SCRIPT, model, text, out, str(kills)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [[int(part) for part in line.split()] for line in done.stdout.splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_killed_captures_open_and_are_completed_to_equal_bytes(
    model: Path, text_file: Path, tmp_path: Path
) -> None:
    run(model, text_file, tmp_path / "whole", kills=0)
    seen = run(model, text_file, tmp_path / "killed", kills=8)
    missing = [shards for _, shards in seen]
    assert len(seen) >= 3
    assert max(missing) > 0
    assert missing == sorted(missing, reverse=True)
    assert wb.open(tmp_path / "killed").is_complete
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed", "whole"]
