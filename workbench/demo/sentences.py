"""English sentences with known word classes, from a grammar of the project's own."""

from __future__ import annotations

import inspect
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from workbench.demo import constructions, constructions_asked, constructions_linked
from workbench.demo.constructions import Construction
from workbench.demo.phrases import Speaker, Words
from workbench.errors import UsageError

# Written without a space before them.
_CLITICS = frozenset({"n't", "'s", "'m", "'re", "'ve", "'ll", ".", ",", "?", "!"})
_PATIENCE = 1000


@dataclass(frozen=True)
class TaggedSentence:
    """A sentence, its words and their classes.

    Attributes
    ----------
    words : tuple of str
        Words as written; *n't* and *'s* are words of their own, as in Universal Dependencies.
    upos : tuple of str
        Universal part of speech of every word.
    text : str
        The sentence as it is written.
    construction : str
        Name of the construction, or of the source.
    spans : tuple of (int, int)
        Where each word stands in ``text``, in characters, half open.
    """

    words: tuple[str, ...]
    upos: tuple[str, ...]
    text: str
    construction: str
    spans: tuple[tuple[int, int], ...]


def _found_in(module: ModuleType) -> dict[str, Construction]:
    """The public constructions that a module defines, in the order of its source."""
    functions = inspect.getmembers(module, inspect.isfunction)
    own = [
        (k, f) for k, f in functions if f.__module__ == module.__name__ and not k.startswith("_")
    ]
    return dict(sorted(own, key=lambda item: item[1].__code__.co_firstlineno))


CONSTRUCTIONS: dict[str, Construction] = {
    name: function
    for module in (constructions, constructions_asked, constructions_linked)
    for name, function in _found_in(module).items()
}


def sentences(n: int = 2000, seed: int = 0) -> list[TaggedSentence]:
    """Draw different sentences, the constructions in turn.

    Parameters
    ----------
    n : int
        How many; some 30,000 are there before a construction has no more to say.
    seed : int
        Same seed, same sentences; a longer draw begins with the shorter one.

    Returns
    -------
    list of TaggedSentence
        No text twice.

    Raises
    ------
    UsageError
        If ``n`` is negative, or more than the grammar has to say.

    Examples
    --------
    >>> drawn = sentences(200, seed=1)
    >>> sentence = drawn[0]
    >>> [sentence.text[a:b] for a, b in sentence.spans] == list(sentence.words)
    True
    """
    if n < 0:
        raise UsageError(f"n must be 0 or more, not {n}.")
    rng = random.Random(seed)
    names = tuple(CONSTRUCTIONS)
    drawn: list[TaggedSentence] = []
    seen: set[str] = set()
    while len(drawn) < n:
        name = names[len(drawn) % len(names)]
        for _ in range(_PATIENCE):
            sentence = written(CONSTRUCTIONS[name](Speaker(rng)), name)
            if sentence.text not in seen:
                break
        else:
            raise UsageError(
                f"The grammar found no further {name} sentence after {len(drawn)}; ask for fewer."
            )
        seen.add(sentence.text)
        drawn.append(sentence)
    return drawn


def written(words: Words, construction: str) -> TaggedSentence:
    """Write tagged words as text: capital letter, spaces, punctuation, spans."""
    forms = [form for form, _ in words]
    first = next(index for index, form in enumerate(forms) if form[0].isalpha())
    forms[first] = forms[first][0].upper() + forms[first][1:]
    text, spans, open_quote = "", [], False
    for index, form in enumerate(forms):
        closing = form == '"' and open_quote
        after_opening = index > 0 and forms[index - 1] == '"' and open_quote
        if index > 0 and form not in _CLITICS and not closing and not after_opening:
            text += " "
        spans.append((len(text), len(text) + len(form)))
        text += form
        if form == '"':
            open_quote = not open_quote
    return TaggedSentence(
        tuple(forms), tuple(upos for _, upos in words), text, construction, tuple(spans)
    )


def ambiguous_forms(sentences: Iterable[TaggedSentence]) -> dict[str, set[str]]:
    """Forms, in lower case, that occur in more than one word class.

    Examples
    --------
    >>> sorted(ambiguous_forms(sentences(2000))["that"])
    ['DET', 'PRON', 'SCONJ']
    """
    classes: dict[str, set[str]] = defaultdict(set)
    for sentence in sentences:
        for form, upos in zip(sentence.words, sentence.upos, strict=True):
            classes[form.lower()].add(upos)
    return {form: found for form, found in sorted(classes.items()) if len(found) > 1}
