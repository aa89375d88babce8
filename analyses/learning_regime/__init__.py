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
_HOMES |= {
    "as_task": "analyses.learning_regime.tasks",
    "block_init": "analyses.learning_regime.structured_connectivity",
    "chain_motif_init": "analyses.learning_regime.structured_connectivity",
    "connectome_init": "analyses.learning_regime.measured_connectivity",
    "ContextDecisionMaking": "analyses.learning_regime.tasks",
    "dale_init": "analyses.learning_regime.structured_connectivity",
    "DelayMatchSample": "analyses.learning_regime.tasks",
    "gaussian_init": "analyses.learning_regime.initial_connectivity",
    "low_rank_init": "analyses.learning_regime.initial_connectivity",
    "measure_networks": "analyses.learning_regime.measuring_networks",
    "PerceptualDecisionMaking": "analyses.learning_regime.tasks",
    "rank_contrasts": "analyses.learning_regime.experiment_contrasts",
    "rank_figure": "analyses.learning_regime.figures_experiment",
    "RateNetwork": "analyses.learning_regime.recurrent_network",
    "read_connectome": "analyses.learning_regime.measured_connectivity",
    "run_aligned_experiment": "analyses.learning_regime.aligned_experiment",
    "run_linear_experiment": "analyses.learning_regime.linear_experiment",
    "run_rank_experiment": "analyses.learning_regime.experiment",
    "seed_intervals": "analyses.learning_regime.experiment_contrasts",
    "SequentialDigits": "analyses.learning_regime.sequential_digits",
    "Task": "analyses.learning_regime.tasks",
    "train_rnn": "analyses.learning_regime.training",
    "train_two_layer_linear": "analyses.learning_regime.linear_experiment",
    "TrainedNetworks": "analyses.learning_regime.trained_networks",
    "Trials": "analyses.learning_regime.tasks",
    "weight_norm": "analyses.learning_regime.initial_connectivity",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.learning_regime' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
