"""Hidden states: populations that switch between signed networks under one template."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "choose_n_states": "analyses.states.choosing",
    "Choice": "analyses.states.choosing",
    "GaussianHMMGLM": "analyses.states.models",
    "HiddenStates": "analyses.states.analysis",
    "HMMGLM": "analyses.states.models",
    "match_states": "analyses.states.scoring",
    "OneHotHMMGLM": "analyses.states.models",
    "sign_accuracy": "analyses.states.scoring",
    "simulate": "analyses.states.simulating",
    "Simulation": "analyses.states.simulating",
    "state_accuracy": "analyses.states.scoring",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.states' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
