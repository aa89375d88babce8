"""How a recording is analysed: the parameters of the plugin that its parts need."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyses.ndna.reading import Chunks


@dataclass(frozen=True)
class Options:
    """Parameters of the plugin.

    Attributes
    ----------
    max_rows, n_permutations, n_bootstrap, seed : int
    temperature : float
    chunks : Chunks
    """

    max_rows: int = 1000
    n_permutations: int = 199
    n_bootstrap: int = 200
    seed: int = 0
    temperature: float = 1.0
    chunks: Chunks = field(default_factory=Chunks)
