"""What the atoms of a site respond to, in words: texts of their rows, and next tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.atoms.contexts import Contexts, Shown
from analyses.atoms.logits import Unembedding

if TYPE_CHECKING:
    from analyses.atoms.sampling import Split
    from analyses.atoms.site import SiteFindings


@dataclass(frozen=True)
class Pages:
    """Words for the examples of every atom of a site.

    Attributes
    ----------
    texts : ndarray (atoms, examples) of str
        Empty where an atom has too few.
    rows : ndarray (atoms, examples) of int
        Row numbers in the recording; -1 where there is none.
    held_out : ndarray (atoms, examples) of bool
    tokens : ndarray (atoms, tokens) of str
        That the atom makes likelier, then those that it makes less likely; no columns where that
        is not known.
    effects : ndarray (atoms, tokens)
    """

    texts: NDArray[np.object_]
    rows: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    tokens: NDArray[np.object_]
    effects: NDArray[np.float64]


def write_pages(
    found: SiteFindings, split: Split, contexts: Contexts, unembedding: Unembedding | None
) -> Pages:
    """Describe the examples of every atom.

    Parameters
    ----------
    found : SiteFindings
    split : Split
    contexts : Contexts
    unembedding : Unembedding, optional

    Returns
    -------
    Pages
    """
    tops, observed = found.tops, found.observed
    known = tops.example >= 0
    row, first, last = (
        np.where(known, split.rows[observed.row[each]], -1)
        for each in (tops.example, tops.first, tops.last)
    )
    place = np.where(known, observed.place[tops.example], 0)
    described: dict[Shown, str] = {}
    texts = np.full(known.shape, "", dtype=object)
    for index in zip(*np.nonzero(known), strict=True):
        shown = Shown(int(row[index]), int(first[index]), int(last[index]), int(place[index]))
        if shown not in described:
            described[shown] = contexts.describe(shown, observed.space)
        texts[index] = described[shown]
    held_out = known & split.held_out[observed.row[tops.example]]
    if unembedding is None or unembedding.matrix.shape[1] != found.decoder.shape[1]:
        nothing = np.empty((len(texts), 0))
        return Pages(texts, row, held_out, nothing.astype(object), nothing)
    return Pages(texts, row, held_out, *unembedding.extremes(found.decoder))
