"""Word classes: how strongly activity clusters by labels nobody trained on (GDV)."""

from analyses.word_classes.analysis import WordClasses
from analyses.word_classes.gdv import gdv, gdv_bound

__all__ = ["WordClasses", "gdv", "gdv_bound"]
