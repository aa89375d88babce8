"""Names on the hub without a network: from the cache, or one clear sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import make_model

CODE = "from workbench.cli import main; import sys; main(sys.argv[1:])"
# A port of this machine that nothing listens on: the hub cannot be reached.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub cache that holds one model, laid out as the hub's own library does it."""
    home = tmp_path_factory.mktemp("home")
    snapshot = home / "hub" / "models--someone--tiny" / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    make_model(snapshot, "gpt2")
    references = snapshot.parent.parent / "refs"
    references.mkdir()
    (references / "main").write_text("0123abcd")
    return home


def capture(name: str, home: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Capture a model by its name with a cache and without a network."""
    (folder / "text.txt").write_text("some words\n")
    kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    environment = {**kept, "HF_HOME": str(home), "HF_ENDPOINT": NOWHERE}
    text, out = str(folder / "text.txt"), str(folder / "rec")
    arguments = ["--text", text, "--sites", "blocks.0.hook_resid_post", "--out", out]
    return subprocess.run(
        [sys.executable, "-c", CODE, "capture", f"hf:{name}", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        check=False,
    )


def test_a_cached_model_needs_no_network(cache: Path, tmp_path: Path) -> None:
    done = capture("someone/tiny", cache, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rec" / "manifest.json").is_file()
    assert "Retrying" not in done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("someone/other", "cannot be reached"),
        ("no/such/folder", "cannot be a name on the hub"),
    ],
)
def test_anything_else_is_one_clear_sentence(
    cache: Path, tmp_path: Path, name: str, message: str
) -> None:
    shutil.rmtree(tmp_path / "rec", ignore_errors=True)
    done = capture(name, cache, tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
