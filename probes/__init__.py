"""Supervised read-outs from recordings; none is read without its control."""

from importlib import import_module
from typing import Any

_HOMES = {
    "CausalErasure": "probes.causal",
    "class_direction": "probes.of_class",
    "class_tokens": "probes.of_class",
    "CodeLength": "probes.code_length",
    "AcrossAnimals": "probes.across_animals",
    "control_task": "workbench.statistics.control_tasks",
    "decode_across_animals": "probes.across_animals",
    "decode_over_time": "probes.temporal",
    "DecodingProbe": "probes.animals",
    "draw_tree": "probes.tree_figures",
    "erase": "probes.erasure",
    "erase_in_subject": "probes.causal",
    "Erasure": "probes.erasure",
    "evaluate": "probes.evaluating",
    "group_folds": "probes.splits",
    "LinearProbe": "probes.linear",
    "MeanDifferenceProbe": "probes.means",
    "MLPProbe": "probes.mlp",
    "NearestNeighbourProbe": "probes.neighbours",
    "next_labels": "probes.of_class",
    "next_tokens": "probes.continuing",
    "NextTokens": "probes.continuing",
    "online_code_length": "probes.code_length",
    "Probe": "probes.base",
    "Probing": "probes.analysis",
    "probeless_ranking": "probes.sparse",
    "ProbeScore": "probes.scores",
    "Retrieval": "probes.retrieval",
    "RetrievalProbe": "probes.retrieval",
    "retrieve": "probes.retrieval",
    "selectivity": "probes.evaluating",
    "Selectivity": "probes.evaluating",
    "SparseProbe": "probes.sparse",
    "steer": "probes.steering",
    "Steering": "probes.steering",
    "StructuralProbe": "probes.structural",
    "StructuralScore": "probes.structural",
    "TemporalDecoding": "probes.temporal",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'probes' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
