"""Shared fixtures: where real data lie, and small recordings."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import workbench as wb

ROOT = Path(__file__).resolve().parent.parent


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
