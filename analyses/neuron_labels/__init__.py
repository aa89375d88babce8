"""Neuron labels: descriptions of units after MILAN, simulated, held out and able to abstain."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "ablate": "analyses.neuron_labels.ablation",
    "Ablation": "analyses.neuron_labels.ablation",
    "agreement": "analyses.neuron_labels.text_metrics",
    "audit": "analyses.neuron_labels.applications",
    "BrainDescriber": "analyses.neuron_labels.brain",
    "Candidate": "analyses.neuron_labels.types",
    "CaptionerDescriber": "analyses.neuron_labels.captioner",
    "ClipDescriber": "analyses.neuron_labels.clip",
    "ClipSimulator": "analyses.neuron_labels.clip",
    "compute_exemplars": "analyses.neuron_labels.exemplars",
    "Describer": "analyses.neuron_labels.types",
    "edit": "analyses.neuron_labels.applications",
    "evaluate": "analyses.neuron_labels.evaluating",
    "Evaluation": "analyses.neuron_labels.evaluations",
    "ExemplarAccumulator": "analyses.neuron_labels.accumulating",
    "Exemplars": "analyses.neuron_labels.types",
    "GrammarDescriber": "analyses.neuron_labels.grammar",
    "HuggingFaceDescriber": "analyses.neuron_labels.huggingface",
    "importance": "analyses.neuron_labels.applications",
    "Label": "analyses.neuron_labels.types",
    "LabelMapSimulator": "analyses.neuron_labels.simulators",
    "LabelSimulator": "analyses.neuron_labels.simulators_rows",
    "labels_in": "analyses.neuron_labels.arrays",
    "LanguageModel": "analyses.neuron_labels.tokens",
    "load_milan": "analyses.neuron_labels.milan_layout",
    "NeuronLabels": "analyses.neuron_labels.analysis",
    "Planted": "analyses.neuron_labels.planted",
    "planted_units": "analyses.neuron_labels.planted",
    "ProposalCache": "analyses.neuron_labels.caches",
    "rerank": "analyses.neuron_labels.reranking",
    "SceneSimulator": "analyses.neuron_labels.simulators",
    "SegmentsDescriber": "analyses.neuron_labels.segments",
    "Simulator": "analyses.neuron_labels.types",
    "Stimuli": "analyses.neuron_labels.types",
    "TokensDescriber": "analyses.neuron_labels.tokens",
    "TokenSimulator": "analyses.neuron_labels.simulators_rows",
    "UnitExemplars": "analyses.neuron_labels.types",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.neuron_labels' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
