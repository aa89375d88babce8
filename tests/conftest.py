"""Shared fixtures: where real data lie, and small recordings."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before numpy is loaded: threads of BLAS slow processes that share the cores many times.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

import workbench as wb

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "tests" / "support" / "tiny_plugin_site"


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real models and recordings; tests that need it are skipped without it."""
    folder = Path(os.environ.get("WORKBENCH_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"real data not found at '{folder}': set WORKBENCH_DATA")
    return folder


@pytest.fixture
def generator() -> np.random.Generator:
    """A seeded random generator."""
    return np.random.default_rng(20240229)


@pytest.fixture
def memory_recording(generator: np.random.Generator) -> wb.Recording:
    """Two sites, one with space, 100 rows with labels."""
    return wb.from_arrays(
        {
            "flat": generator.normal(size=(100, 6)).astype(np.float32),
            "map": generator.normal(size=(100, 3, 4, 5)).astype(np.float16),
        },
        rows={"label": np.array(["a", "b"])[generator.integers(0, 2, 100)]},
    )


@pytest.fixture(scope="session")
def plugin_site() -> Path:
    """Folder with a third party's installed analysis, entry point included."""
    return PLUGIN


@pytest.fixture(scope="session")
def tiny() -> Iterator[ModuleType]:
    """A third party's analysis, installed for the time of the tests."""
    sys.path.insert(0, str(PLUGIN))
    importlib.invalidate_caches()
    yield importlib.import_module("tiny_plugin")
    sys.path.remove(str(PLUGIN))


@pytest.fixture(scope="module")
def library(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small library of its results and recordings."""
    return tiny.make_library(tmp_path_factory.mktemp("library"))
