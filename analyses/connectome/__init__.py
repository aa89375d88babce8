"""Dynamic functional connectomes: which neurons change together, when and in which animals."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# At once, because a module of the same name would stand in the function's place once imported.
from analyses.connectome.affinity import affinity, affinity_blocks, pair_mask
from analyses.connectome.communities import communities

_HOMES = {
    "Connectome": "analyses.connectome.analysis",
    "DynamicConnectome": "analyses.connectome.dynamic",
    "NonnegativeCP": "analyses.connectome.cp",
    "choose_rank": "analyses.connectome.ranks",
    "predict_wiring": "analyses.connectome.wiring",
}
__all__ = [*_HOMES, "affinity", "affinity_blocks", "communities", "pair_mask"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analyses.connectome' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
