"""Inflection of English nouns, verbs and adjectives, as far as the demonstration grammar goes."""

from __future__ import annotations

from workbench.demo.lexicon import COMPARISON, DOUBLING, IRREGULAR, MORE_MOST

_VOWELS = "aeiou"
# Spelled with a vowel but spoken with a consonant, and the other way round.
_A_DESPITE_VOWEL = ("useful", "university", "uni", "euro", "one")
_AN_DESPITE_CONSONANT = ("honest", "hour")


def plural(noun: str) -> str:
    """Plural of ``singular`` or ``singular/plural``.

    Examples
    --------
    >>> plural("city"), plural("child/children"), plural("toy")
    ('cities', 'children', 'toys')
    """
    if "/" in noun:
        return noun.partition("/")[2]
    return _with_s(noun)


def singular(noun: str) -> str:
    """The singular of ``singular`` or ``singular/plural``."""
    return noun.partition("/")[0]


def third_person(verb: str) -> str:
    """Present tense, third person singular.

    Examples
    --------
    >>> [third_person(verb) for verb in ("watch", "carry", "have", "be")]
    ['watches', 'carries', 'has', 'is']
    """
    return {"have": "has", "be": "is", "do": "does", "go": "goes"}.get(verb) or _with_s(verb)


def past(verb: str) -> str:
    """Past tense (of *be*, the singular)."""
    return IRREGULAR[verb][0] if verb in IRREGULAR else _with_ed(verb)


def participle(verb: str) -> str:
    """Past participle."""
    return IRREGULAR[verb][1] if verb in IRREGULAR else _with_ed(verb)


def gerund(verb: str) -> str:
    """The form in -ing.

    Examples
    --------
    >>> [gerund(verb) for verb in ("run", "write", "be", "see", "carry")]
    ['running', 'writing', 'being', 'seeing', 'carrying']
    """
    if verb in DOUBLING:
        return verb + verb[-1] + "ing"
    if verb.endswith("e") and verb != "be" and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + "ing"


def comparative(adjective: str) -> str | None:
    """Comparative in one word, or None where English says *more*.

    Examples
    --------
    >>> comparative("happy"), comparative("good"), comparative("famous")
    ('happier', 'better', None)
    """
    if adjective in COMPARISON:
        return COMPARISON[adjective][0]
    return None if adjective in MORE_MOST else _with_suffix(adjective, "er")


def superlative(adjective: str) -> str | None:
    """Superlative in one word, or None where English says *most*."""
    if adjective in COMPARISON:
        return COMPARISON[adjective][1]
    return None if adjective in MORE_MOST else _with_suffix(adjective, "est")


def article(following: str) -> str:
    """*a* or *an*, by the sound of the word that follows.

    Examples
    --------
    >>> article("old"), article("useful"), article("honest"), article("lamp")
    ('an', 'a', 'an', 'a')
    """
    word = following.lower()
    if word.startswith(_AN_DESPITE_CONSONANT):
        return "an"
    return "an" if word[0] in _VOWELS and not word.startswith(_A_DESPITE_VOWEL) else "a"


def _with_s(word: str) -> str:
    if word.endswith("y") and word[-2] not in _VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _with_ed(verb: str) -> str:
    if verb in DOUBLING:
        return verb + verb[-1] + "ed"
    return _with_suffix(verb, "ed", double=False)


def _with_suffix(word: str, suffix: str, double: bool = True) -> str:
    """Add a suffix that starts with *e*: happy, happier; big, bigger; late, later."""
    if word.endswith("e"):
        return word + suffix[1:]
    if word.endswith("y") and word[-2] not in _VOWELS:
        return word[:-1] + "i" + suffix
    short = len(word) <= 4 and word[-1] not in "aeiouwxy" and word[-2] in _VOWELS
    if double and short and word[-3] not in _VOWELS:
        return word + word[-1] + suffix
    return word + suffix
