"""What the axes of activity are, found out by running a model on two shapes of input.

A hook point says nothing about its axes, and their sizes alone mislead: five heads look like five
tokens. So a model is run on 3 texts of 5 tokens and on 2 texts of 7. An axis that goes from 3 to 2
counts texts, one from 5 to 7 tokens, one from 15 to 14 tokens of all texts; one that stays is a
property of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PROBES = ((3, 5), (2, 7))
_NAMES = {"t": "text", "p": "token", "f": "text and token", ".": "unit", "1": "one", "?": "other"}


def layout(first: Sequence[int], second: Sequence[int]) -> str:
    """One letter an axis, from the shapes under the two probes.

    Parameters
    ----------
    first, second : sequence of int
        Shapes under ``PROBES[0]`` and ``PROBES[1]``.

    Returns
    -------
    str
        ``t`` texts, ``p`` tokens, ``f`` both in one axis, ``1`` an axis of size one, ``.`` any
        other axis that stays, ``?`` one that changes otherwise.

    Examples
    --------
    >>> layout((3, 5, 24), (2, 7, 24)), layout((3, 4, 5, 5), (2, 4, 7, 7))
    ('tp.', 't.pp')
    """
    if len(first) != len(second):
        return "?"
    (texts, tokens), (others, more) = PROBES
    letters = {(texts, others): "t", (tokens, more): "p", (texts * tokens, others * more): "f"}
    return "".join(
        letters.get((a, b), "?") if a != b else "1" if a == 1 else "."
        for a, b in zip(first, second, strict=True)
    )


def kind_of(axes: str) -> str | None:
    """Kind of a site, from its layout.

    Parameters
    ----------
    axes : str
        As `layout` gives it.

    Returns
    -------
    str or None
        ``token`` (text, token, unit ...), ``flat`` (tokens of all texts, unit ...), ``shared``
        (one, token, unit ...: the same for every text), ``attention`` (text, head, query, key), or
        None where no axis counts tokens that way.

    Examples
    --------
    >>> [kind_of(axes) for axes in ("tp.", "tp.1", "f.", "1p.", "t.pp", "tp")]
    ['token', 'token', 'flat', 'shared', 'attention', None]
    """
    if axes in ("t.pp", "t1pp"):
        return "attention"
    for start, kind in (("tp", "token"), ("f", "flat"), ("1p", "shared")):
        rest = axes[len(start) :]
        if axes.startswith(start) and rest and not rest.strip(".1"):
            return kind
    return None


def describe(axes: str) -> str:
    """Axes in words.

    Examples
    --------
    >>> describe("pp.")
    '(token, token, unit)'
    """
    return f"({', '.join(_NAMES[letter] for letter in axes)})"


def by_token(value: torch.Tensor, kind: str, n_texts: int, n_tokens: int) -> torch.Tensor:
    """The same activity with texts and tokens as its first two axes.

    Parameters
    ----------
    value : Tensor
        As the model gives it.
    kind : str
        As `kind_of` gives it.
    n_texts, n_tokens : int

    Returns
    -------
    Tensor (texts, tokens, ...)
        A view where possible; (texts, queries, heads, keys) for attention.
    """
    if kind == "attention":
        return value.transpose(1, 2)
    if kind == "flat":
        return value.reshape(n_texts, n_tokens, *value.shape[1:])
    if kind == "shared":
        return value.expand(n_texts, *value.shape[1:])
    return value
