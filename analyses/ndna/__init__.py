"""nDNA: geometry of the path that activity takes along depth, and what it says of lineage."""

from analyses.ndna.curves import Curves

__all__ = ["Curves"]
