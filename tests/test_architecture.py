"""Rooms and arrows, lazy imports, and house rules that a test can hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("workbench", "analyses", "probes", "dashboards")
MAY_IMPORT = {
    "workbench": {"workbench"},
    "analyses": {"analyses", "workbench"},
    "probes": {"probes", "workbench"},
    "dashboards": {"dashboards", "analyses", "probes", "workbench"},
}
HEAVY = ("torch", "transformers", "transformer_lens", "sklearn", "streamlit", "pandas", "plotly")
LONGEST_FILE = 400


def sources() -> list[Path]:
    """All source files of the rooms."""
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_arrows_between_rooms(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    forbidden = (imported(path) & set(ROOMS)) - MAY_IMPORT[room]
    assert not forbidden, f"{path} imports {forbidden}: find it through an entry point instead"
    if room != "dashboards":
        assert "streamlit" not in imported(path), "only dashboards may import streamlit"


def test_the_method_of_an_analysis_imports_no_plugin_and_no_figures() -> None:
    for path in (ROOT / "analyses").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name in ("analysis.py", "__init__.py"):
            continue
        assert ".analysis import" not in text or "workbench.analysis" in text
        # A scan is asked for by hand and shows itself.
        if not path.name.startswith("figures") and path.name != "scan.py":
            found = re.search(r"figures\w* import", text)
            assert not found, f"{path}: the arrow goes from method to figures"


@pytest.mark.parametrize("path", sources(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_files_stay_readable(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST_FILE, f"{path} has {len(lines)} lines: split it"


@pytest.mark.parametrize(
    "code",
    [
        "import workbench",
        "import workbench as wb; wb.UsageError; wb.Measure",
        "from workbench.analysis.registry import analysis_names; analysis_names()",
        "from workbench.analysis.registry import load_analysis; load_analysis('word_classes').spec",
        "from workbench.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "from workbench.cli import main\ntry: main(['list', 'subjects'])\nexcept SystemExit: pass",
    ],
)
def test_light_things_import_nothing_heavy(code: str) -> None:
    check = (
        f"{code}\nimport sys\nheavy = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "sys.exit(f'imported {heavy}: import it inside the function that needs it' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_answers_with_few_modules() -> None:
    # A stand-in for "under half a second" that does not depend on how busy the machine is.
    code = (
        "from workbench.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "import sys; print(len(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert int(done.stderr.split()[-1]) < 400


def test_nothing_unpickles_or_hides_errors() -> None:
    for path in sources():
        text = path.read_text(encoding="utf-8")
        for unsafe in ("import pickle", "allow_pickle=True", "weights_only=False", "shell=True"):
            assert unsafe not in text, f"{path}: {unsafe}"
