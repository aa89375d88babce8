"""Memory does not grow with the text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import workbench as wb

SCRIPT = Path(__file__).parent.parent / "support" / "peak_memory.py"


def test_ten_times_the_text_takes_no_more_memory(model: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, model, tmp_path, "300", "3000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    small, large = (float(line) for line in done.stdout.split())
    recording = wb.open(tmp_path / "rec3000")
    stored = sum(f.stat().st_size for f in recording.path.rglob("*.safetensors")) / 2**20
    assert stored > 60
    # All activity held in memory would add what is stored.
    assert large - small < 0.4 * stored
