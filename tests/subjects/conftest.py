"""Small language models and texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import TEXTS, make_model


@pytest.fixture(scope="session", params=["gpt2", "llama"])
def tiny_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a Hugging Face model with random weights: learned or rotary positions."""
    folder = tmp_path_factory.mktemp(request.param)
    make_model(folder, request.param)
    return folder


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    """A text a line."""
    path = tmp_path / "text.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path
