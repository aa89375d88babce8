"""Recordings of noise: tokens of texts, and steps of a slow series."""

from __future__ import annotations

import numpy as np

import workbench as wb


def texts(n_texts=30, n_tokens=10, n_units=8, seed=0, **columns):
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n_texts * n_tokens, n_units))
    rows = {
        "stimulus": np.repeat(np.arange(n_texts), n_tokens),
        "position": np.tile(np.arange(n_tokens), n_texts),
        **columns,
    }
    return wb.from_arrays({"layer": x}, rows, kind="language")


def series(n_steps=2000, n_units=6, sessions=1, seed=0):
    generator = np.random.default_rng(seed)
    x = np.cumsum(generator.standard_normal((n_steps, n_units)), axis=0)
    rows = {
        "stimulus": np.repeat(np.arange(sessions), n_steps // sessions),
        "time": np.tile(np.arange(n_steps // sessions) * 0.1, sessions),
    }
    return wb.from_arrays({"area": x}, rows, kind="brain")
