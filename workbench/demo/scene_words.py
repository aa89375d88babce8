"""The words of rendered scenes: what objects are, where they are, and beside what."""

from __future__ import annotations

from workbench.errors import UsageError, nearest

SHAPES = ("circle", "square", "triangle", "cross", "ring")
COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan")
TEXTURES = ("plain", "striped", "dotted", "checkered")
POSITIONS = ("top", "bottom", "left", "right", "centre")
RELATIONS = ("above", "below", "beside")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGIT = "digit"
OBJECT = "object"
# A handwritten digit is an object whose shape is its name.
NOUNS = (*SHAPES, *DIGITS)
KINDS = {
    **dict.fromkeys(SHAPES, "shape"),
    **dict.fromkeys((*DIGITS, DIGIT), "digit"),
    **dict.fromkeys(COLOURS, "colour"),
    **dict.fromkeys(TEXTURES, "texture"),
    **dict.fromkeys(POSITIONS, "position"),
    **dict.fromkeys(RELATIONS, "relation"),
}


def indices_of(words: tuple[str, ...], known: tuple[str, ...], kind: str) -> list[int]:
    """Where words stand in a vocabulary.

    Parameters
    ----------
    words : tuple of str
    known : tuple of str
    kind : str
        What to call them in an error.

    Returns
    -------
    list of int

    Raises
    ------
    UsageError
        If there are none, or one is unknown.

    Examples
    --------
    >>> indices_of(("ring", "circle"), SHAPES, "shape")
    [4, 0]
    """
    if not words:
        raise UsageError(f"Found no {kind}; expected at least one of {', '.join(known)}.")
    for word in words:
        if word not in known:
            raise UsageError(f"Found the {kind} '{word}'; {nearest(word, known)}")
    return [known.index(word) for word in words]
