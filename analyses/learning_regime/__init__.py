"""Learning regimes: did a network learn new features (rich) or read out those it had (lazy)?"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Drift": "analyses.learning_regime.representational_drift",
    "drift": "analyses.learning_regime.representational_drift",
    "effective_rank": "analyses.learning_regime.weights",
    "kernel_alignment": "analyses.learning_regime.alignments",
    "kernel_target_alignment": "analyses.learning_regime.alignments",
    "LearningRegime": "analyses.learning_regime.analysis",
    "representation_alignment": "analyses.learning_regime.alignments",
    "sign_similarity": "analyses.learning_regime.alignments",
    "tangent_kernel": "analyses.learning_regime.tangent",
    "tangent_kernel_product": "analyses.learning_regime.tangent_products",
    "two_layer_linear_alignment": "analyses.learning_regime.two_layer_theory",
    "weight_change": "analyses.learning_regime.weights",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.learning_regime' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
