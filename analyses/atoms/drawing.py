"""What all figures of atoms share: colours, and which sites are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.atoms.arrays import best_site
from analyses.atoms.columns import (
    ATOMS,
    FEW_NEURONS,
    GAUSSIAN,
    MEMORISER,
    NEURONS,
    RANDOM,
    REMEMBERED,
    WHITENED,
)
from workbench.analysis.drawing import names_of

if TYPE_CHECKING:
    import xarray as xr

# Okabe and Ito's colours without their yellow, each with a symbol and a dash of its own.
LOOKS = {
    ATOMS: ("#0072B2", "circle", "solid"),
    GAUSSIAN: ("#D55E00", "square", "dash"),
    RANDOM: ("#009E73", "diamond", "dot"),
    FEW_NEURONS: ("#CC79A7", "x", "dashdot"),
    MEMORISER: ("#7F7F7F", "triangle-up", "longdash"),
    WHITENED: ("#E69F00", "cross", "longdashdot"),
    REMEMBERED: ("#56B4E9", "triangle-down", "dash"),
    NEURONS: ("#000000", "star", "dot"),
}
MOST_SITES = 8


def shown_sites(data: xr.Dataset) -> list[str]:
    """Sites that can be chosen: at most `MOST_SITES`, evenly spread, the best one first."""
    names = names_of(data, "site")
    best = best_site(data)
    spread = np.unique(np.linspace(0, len(names) - 1, min(len(names), MOST_SITES)).astype(int))
    return [best, *(names[n] for n in spread if names[n] != best)][:MOST_SITES]
