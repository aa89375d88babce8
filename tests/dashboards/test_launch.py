from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import pytest

import dashboards
from dashboards.launch import run, server_command
from workbench.errors import UsageError
from workbench.report.figures import PALETTE


def test_a_missing_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Found no folder .*check the path"):
        run(tmp_path / "nowhere")


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageError, match=r"is taken.*choose another --port"):
            run(tmp_path, other.getsockname()[1], browser=False)


def test_a_port_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose another --port"):
        run(tmp_path, 70_000, browser=False)


def test_the_server_listens_on_this_computer_only_and_reports_nothing() -> None:
    command = server_command(8501)
    assert "--server.address=127.0.0.1" in command
    assert "--browser.gatherUsageStats=false" in command


def test_charts_have_the_colours_of_the_report() -> None:
    path = Path(dashboards.__file__).with_name("theme.toml")
    theme = tomllib.loads(path.read_text(encoding="utf-8"))["theme"]
    assert theme["chartCategoricalColors"] == list(PALETTE)
