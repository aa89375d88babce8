"""Brain dynamics: statistics of activity over time, each beside its surrogates."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_ROOM = "analyses.brain_dynamics"
_HOMES = {
    "amplitude_adjusted": "surrogates",
    "analytic_signal": "phases",
    "attention_agreement": "attention",
    "attention_between_units": "attention",
    "attention_connectivity": "attention",
    "band_power": "spectra",
    "BrainDynamics": "analysis",
    "branching_factor": "branching",
    "branching_network": "branching_processes",
    "branching_slope": "branching",
    "certainty": "thinking",
    "comodulogram": "coupling",
    "connectivity_agreement": "attention",
    "cross_correlation": "attention",
    "driven_branching": "branching_processes",
    "echo_state": "reservoirs",
    "excitation_inhibition_balance": "balance",
    "lempel_ziv_complexity": "lempel_ziv",
    "match_probability": "matching",
    "match_rate": "matching",
    "memory_capacity": "reservoirs",
    "modulation_index": "coupling",
    "multistep_branching": "branching",
    "ordinal_patterns": "permutation_patterns",
    "permutation_entropy": "permutation_patterns",
    "phase_locking_matrix": "connectivity",
    "phase_locking_value": "connectivity",
    "phase_randomised": "surrogates",
    "power_spectrum": "spectra",
    "principal_angles": "subspaces",
    "random_angles": "subspaces",
    "shifted": "surrogates",
    "shuffled": "surrogates",
    "sign_shuffled_balance": "balance",
    "simulated_match_probability": "matching",
    "surrogate_null": "surrogates",
    "synchronisation": "thinking",
    "weighted_phase_lag_index": "connectivity",
    "weighted_phase_lag_matrix": "connectivity",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{_ROOM}' has no attribute '{name}'")
    return getattr(import_module(f"{_ROOM}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
