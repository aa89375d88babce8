"""Hidden states as a plugin: the contract, recordings of every kind, figures, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from analyses.states import HiddenStates
from analyses.states.sequences import sequences_of
from analyses.states.site import shared_signs, shifted
from workbench.testing import check_analysis

QUICK = {
    "candidates": (1, 2),
    "n_folds": 2,
    "n_surrogates": 19,
    "restarts": 1,
    "max_iterations": 4,
    "n_units": 4,
    "max_bins": 400,
}


def test_contract() -> None:
    outcome = check_analysis(HiddenStates)
    assert set(outcome.values()) == {"passed"}
