"""A third party's analysis, installed for the time of the tests, and a small library of it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PLUGIN = Path(__file__).parents[1] / "report" / "tiny_plugin"


@pytest.fixture(scope="session")
def tiny() -> Iterator[ModuleType]:
    sys.path.insert(0, str(PLUGIN))
    importlib.invalidate_caches()
    yield importlib.import_module("tiny_plugin")
    sys.path.remove(str(PLUGIN))


@pytest.fixture(scope="session")
def library(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_library(tmp_path_factory.mktemp("library"))
