"""nDNA: geometry of the path that activity takes along depth, and what it says of lineage."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "BeliefPush": "analyses.ndna.belief",
    "Curves": "analyses.ndna.curves",
    "FisherRaoPath": "analyses.ndna.fisher_rao",
    "GraphGap": "analyses.ndna.graphs",
    "belief_push": "analyses.ndna.belief",
    "belief_work": "analyses.ndna.belief",
    "curvature": "analyses.ndna.fisher_rao",
    "fisher_rao_distance": "analyses.ndna.fisher_rao",
    "fisher_rao_path": "analyses.ndna.fisher_rao",
    "fisher_rao_turning": "analyses.ndna.fisher_rao",
    "frenet_curvature": "analyses.ndna.frenet",
    "frenet_torsion": "analyses.ndna.frenet",
    "gram_determinants": "analyses.ndna.frenet",
    "graph_gap": "analyses.ndna.graphs",
    "menger_curvature": "analyses.ndna.angles",
    "pullback_metric": "analyses.ndna.metrics",
    "turning_angles": "analyses.ndna.angles",
    "whitened": "analyses.ndna.metrics",
}
_MODULES = ("published",)
__all__ = [*_HOMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"analyses.ndna.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.ndna' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
