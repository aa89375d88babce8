"""Word classes: how strongly activity clusters by labels nobody trained on (GDV)."""

from analyses.word_classes.analysis import WordClasses
from analyses.word_classes.clusters import cluster_agreement
from analyses.word_classes.conditional import conditional_gdv
from analyses.word_classes.figures_next_word import class_pictures, gdv_by_layer
from analyses.word_classes.gdv import gdv, gdv_bound
from analyses.word_classes.next_word_corpus import make_corpus, read_tagged_words
from analyses.word_classes.next_word_experiment import run_next_word_experiment
from analyses.word_classes.next_word_network import Recipe, train_next_word
from analyses.word_classes.next_word_pictures import picture_points

__all__ = [
    "Recipe",
    "WordClasses",
    "class_pictures",
    "cluster_agreement",
    "conditional_gdv",
    "gdv",
    "gdv_bound",
    "gdv_by_layer",
    "make_corpus",
    "picture_points",
    "read_tagged_words",
    "run_next_word_experiment",
    "train_next_word",
]
