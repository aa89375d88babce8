"""Starting the dashboard: a Streamlit server that only this computer can reach."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

from workbench.errors import UsageError, WorkbenchError
from workbench.library import VARIABLE

ADDRESS = "127.0.0.1"
FIRST_PORT = 8501
START_SECONDS = 60
_HERE = Path(__file__).parent


def run(library: Path, port: int | None = None, browser: bool = True) -> int:
    """Serve the dashboard until it is interrupted.

    Parameters
    ----------
    library : Path
        Folder of recordings and results.
    port : int, optional
        Port on this computer; the first free one from 8501 by default.
    browser : bool
        Whether to open the page in a browser.

    Returns
    -------
    int
        Exit code of the server; 0 after an interrupt or a request to terminate.

    Raises
    ------
    UsageError
        If there is no such folder, or the port is taken.
    WorkbenchError
        If the server does not start.
    """
    if not library.is_dir():
        raise UsageError(
            f"Found no folder '{library}'; expected a library, a folder of recordings and "
            "results: check the path."
        )
    chosen = _free_port(port)
    url = f"http://{ADDRESS}:{chosen}"
    environment = {**os.environ, VARIABLE: str(library.resolve())}
    server = subprocess.Popen(server_command(chosen), env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    # Without this a request to terminate would leave the server behind.
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _wait_until_up(server, url)
        print(f"Dashboard of '{library}' at {url} (Ctrl+C ends it)", flush=True)
        if browser:
            webbrowser.open(url)
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)
        signal.signal(signal.SIGTERM, previous)


def server_command(port: int) -> list[str]:
    """Command that serves the app on a port of this computer."""
    options = {
        # Streamlit thinks itself under development wherever it is not in site-packages.
        "global.developmentMode": "false",
        "server.address": ADDRESS,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "theme.base": str(_HERE / "theme.toml"),
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(_HERE / "app.py"), *flags]


def _free_port(wanted: int | None) -> int:
    if wanted is not None:
        if not _is_free(wanted):
            raise UsageError(
                f"Port {wanted} is taken; expected a free one: choose another --port, or none."
            )
        return wanted
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        if _is_free(port):
            return port
    raise WorkbenchError(
        f"Found no free port from {FIRST_PORT} to {FIRST_PORT + 99}: choose one with --port."
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except (OSError, OverflowError):
            return False
    return True


def _wait_until_up(server: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise WorkbenchError(
                f"The dashboard's server ended at once with exit code {server.returncode}; see "
                "its messages above."
            )
        if _answers(url):
            return
        time.sleep(0.1)
    raise WorkbenchError(
        f"The dashboard's server did not answer within {START_SECONDS} s at {url}."
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is not None:
        return
    server.terminate()
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
