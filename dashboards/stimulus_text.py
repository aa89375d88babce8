"""The text around a row, with the row's token marked where its place is certain."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

MARK = '<mark style="background: #ffe08a; color: #1c2430; border-radius: 3px">'


def token_span(
    text: str, tokens: Sequence[str], positions: Sequence[int], index: int
) -> tuple[int, int] | None:
    """Characters of a text that a row's token takes.

    Parameters
    ----------
    text : str
        The stimulus.
    tokens : sequence of str
        Tokens of all rows of this stimulus, in the order of their positions.
    positions : sequence of int
        Their positions.
    index : int
        Which of them.

    Returns
    -------
    pair of int, optional
        Half-open span; None if the place is not certain.

    Examples
    --------
    >>> token_span("a cat, a dog", ["a", " cat", ",", " a", " dog"], range(5), 3)
    (7, 8)
    >>> token_span("a cat, a dog", [" a"], [3], 0) is None
    True
    """
    wanted = tokens[index].strip()
    if not wanted:
        return None
    if text.count(wanted) == 1:
        start = text.index(wanted)
        return start, start + len(wanted)
    # Of a token that occurs more often, the place follows only from all tokens before it.
    whole = list(positions[: index + 1]) == list(range(index + 1))
    return _walk(text, [token.strip() for token in tokens[: index + 1]]) if whole else None


def _walk(text: str, tokens: Sequence[str]) -> tuple[int, int] | None:
    cursor, span = 0, None
    for token in tokens:
        start = text.find(token, cursor)
        # A token that is not in the text, such as a beginning-of-text mark, takes no characters.
        span = (start, start + len(token)) if start >= 0 else None
        cursor = span[1] if span else cursor
    return span


def marked_text(text: str, span: tuple[int, int] | None) -> str:
    """A text as HTML, with a span marked; everything in it is escaped.

    Examples
    --------
    >>> marked_text("<b> x", None)
    '&lt;b&gt; x'
    """
    if span is None:
        return escape(text)
    start, stop = span
    return f"{escape(text[:start])}{MARK}{escape(text[start:stop])}</mark>{escape(text[stop:])}"
