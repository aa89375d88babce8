"""Atoms: sparse dictionaries of activity, held out and beside their nulls."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AtomicInnerProduct": "analyses.atoms.metric",
    "Atoms": "analyses.atoms.analysis",
    "ThresholdSAE": "analyses.atoms.sae",
    "coherence": "analyses.atoms.coherences",
    "explained_variance": "analyses.atoms.evaluation",
    "fit_many": "analyses.atoms.many",
    "load": "analyses.atoms.sae_lens_format",
    "loss_recovered": "analyses.atoms.loss",
    "recovery": "analyses.atoms.recoveries",
    "save": "analyses.atoms.sae_lens_format",
    "scale_scan": "analyses.atoms.scan",
    "select_data": "analyses.atoms.selection",
    "stability": "analyses.atoms.stabilities",
    "threshold_window": "analyses.atoms.windows",
    "welch_bound": "analyses.atoms.coherences",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.atoms' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
