"""nDNA: geometry of the path that activity takes along depth, and what it says of lineage."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "align": "analyses.ndna.alignments",
    "belief_push": "analyses.ndna.belief",
    "belief_work": "analyses.ndna.belief",
    "BeliefPush": "analyses.ndna.belief",
    "collapse_index": "analyses.ndna.merge_indices",
    "compare_figures": "analyses.ndna.figures_compare",
    "curvature": "analyses.ndna.fisher_rao",
    "Curves": "analyses.ndna.curves",
    "curves_in": "analyses.ndna.arrays",
    "Distance": "analyses.ndna.distances",
    "distance": "analyses.ndna.distances",
    "distance_matrix": "analyses.ndna.distances",
    "DistanceMatrix": "analyses.ndna.distances",
    "divergence_index": "analyses.ndna.merge_indices",
    "drawn_distances": "analyses.ndna.distances",
    "epistasis": "analyses.ndna.merge_indices",
    "family_tree": "analyses.ndna.family_trees",
    "FamilyTree": "analyses.ndna.family_trees",
    "fisher_rao_distance": "analyses.ndna.fisher_rao",
    "fisher_rao_path": "analyses.ndna.fisher_rao",
    "fisher_rao_turning": "analyses.ndna.fisher_rao",
    "FisherRaoPath": "analyses.ndna.fisher_rao",
    "frenet_curvature": "analyses.ndna.frenet",
    "frenet_torsion": "analyses.ndna.frenet",
    "genetic_dissimilarity_index": "analyses.ndna.indices",
    "gram_determinants": "analyses.ndna.frenet",
    "graph_gap": "analyses.ndna.graphs",
    "GraphGap": "analyses.ndna.graphs",
    "karyotype_distance": "analyses.ndna.indices",
    "Mantel": "analyses.ndna.matrix_correlation",
    "mantel": "analyses.ndna.matrix_correlation",
    "menger_curvature": "analyses.ndna.angles",
    "merge_consistency": "analyses.ndna.merge_indices",
    "merge_deviation": "analyses.ndna.merge_indices",
    "NDNA": "analyses.ndna.analysis",
    "neural_hamming_distance": "analyses.ndna.indices",
    "parent_search": "analyses.ndna.lineage",
    "parental_share": "analyses.ndna.merge_indices",
    "ParentSearch": "analyses.ndna.lineage",
    "path_lengths": "analyses.ndna.pedigrees",
    "pedigree_tree": "analyses.ndna.pedigrees",
    "pullback_metric": "analyses.ndna.metrics",
    "robinson_foulds": "analyses.ndna.splits",
    "same_root_auc": "analyses.ndna.lineage",
    "shared_splits": "analyses.ndna.splits",
    "trait_dominance_score": "analyses.ndna.merge_indices",
    "TraitDominance": "analyses.ndna.merge_indices",
    "tree_figure": "analyses.ndna.figures_tree",
    "turning_angles": "analyses.ndna.angles",
    "whitened": "analyses.ndna.metrics",
}
_MODULES = ("published", "published_indices")
__all__ = list({**_HOMES, **dict.fromkeys(_MODULES)})


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"analyses.ndna.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.ndna' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
