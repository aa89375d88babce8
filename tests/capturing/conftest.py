"""A small model and some hundred texts, and a way to compare folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import TEXTS, make_model

SITES = "blocks.*.hook_resid_post"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small random model with rotary positions."""
    folder = tmp_path_factory.mktemp("model")
    make_model(folder, "llama")
    return folder


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hundred texts, a text a line."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(f"{i} {text}" for i in range(60) for text in TEXTS), encoding="utf-8")
    return path
