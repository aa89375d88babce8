"""Neuron labels: descriptions of units after MILAN, simulated, held out and able to abstain."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "BrainDescriber": "analyses.neuron_labels.brain",
    "Candidate": "analyses.neuron_labels.types",
    "CaptionerDescriber": "analyses.neuron_labels.captioner",
    "ClipDescriber": "analyses.neuron_labels.clip",
    "Describer": "analyses.neuron_labels.types",
    "Exemplars": "analyses.neuron_labels.types",
    "GrammarDescriber": "analyses.neuron_labels.grammar",
    "HuggingFaceDescriber": "analyses.neuron_labels.huggingface",
    "Label": "analyses.neuron_labels.types",
    "NeuronLabels": "analyses.neuron_labels.analysis",
    "SegmentsDescriber": "analyses.neuron_labels.segments",
    "Simulator": "analyses.neuron_labels.types",
    "Stimuli": "analyses.neuron_labels.types",
    "TokensDescriber": "analyses.neuron_labels.tokens",
    "UnitExemplars": "analyses.neuron_labels.types",
    "ablate": "analyses.neuron_labels.ablation",
    "compute_exemplars": "analyses.neuron_labels.exemplars",
    "evaluate": "analyses.neuron_labels.evaluating",
    "rerank": "analyses.neuron_labels.reranking",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.neuron_labels' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
