"""Colours of motifs, groups and stimuli: Okabe and Ito's, told apart by colour-blind readers."""

from __future__ import annotations

MOTIFS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
BEATS, NULL = "#0072B2", "#999999"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SEQUENTIAL = "Cividis"


def colour(number: int) -> str:
    """Colour of a motif, group or stimulus; they repeat after eight.

    Examples
    --------
    >>> colour(0) == colour(8)
    True
    """
    return MOTIFS[number % len(MOTIFS)]


def dash(number: int) -> str:
    """Line style that goes with a colour."""
    return DASHES[number % len(DASHES)]
