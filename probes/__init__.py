"""Supervised read-outs from recordings; none is read without its control."""

from importlib import import_module
from typing import Any

_HOMES = {
    "CodeLength": "probes.code_length",
    "control_task": "probes.controls",
    "erase": "probes.erasure",
    "Erasure": "probes.erasure",
    "evaluate": "probes.evaluating",
    "group_folds": "probes.splits",
    "LinearProbe": "probes.linear",
    "MeanDifferenceProbe": "probes.means",
    "MLPProbe": "probes.mlp",
    "NearestNeighbourProbe": "probes.neighbours",
    "online_code_length": "probes.code_length",
    "Probe": "probes.base",
    "probeless_ranking": "probes.sparse",
    "ProbeScore": "probes.scores",
    "selectivity": "probes.evaluating",
    "Selectivity": "probes.evaluating",
    "SparseProbe": "probes.sparse",
    "StructuralProbe": "probes.structural",
    "StructuralScore": "probes.structural",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'probes' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
