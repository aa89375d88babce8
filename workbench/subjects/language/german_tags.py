"""From the tag set of a German tagger to the universal parts of speech."""

from __future__ import annotations

from collections.abc import Sequence

# The Stuttgart-Tübingen tags of HanTa's German model, up to the bracket.
STTS: dict[str, str] = {
    "NN": "NOUN", "NNA": "NOUN", "NNI": "NOUN", "NE": "PROPN", "ADJ": "ADJ", "CARD": "NUM",
    "ART": "DET", "PPOSAT": "DET", "PPOSS": "PRON", "PIAT": "DET", "PIDAT": "DET", "PIS": "DET",
    "PDAT": "DET", "PDS": "PRON", "PPER": "PRON", "PRF": "PRON", "PRELS": "PRON",
    "PRELAT": "PRON", "PWS": "PRON", "PWAT": "DET", "PWAV": "ADV", "PROAV": "ADV", "ADV": "ADV",
    "APPR": "ADP", "APPRART": "ADP", "APPO": "ADP", "APZR": "ADP", "KON": "CCONJ",
    "KOKOM": "CCONJ", "KOUS": "SCONJ", "KOUI": "ADP", "PTKNEG": "PART", "PTKZU": "PART",
    "PTKVZ": "ADV", "PTKA": "ADV", "PTKANT": "ADV", "VA": "AUX", "VM": "AUX", "VV": "VERB",
    "ITJ": "INTJ", "FM": "X", "XY": "X", "TRUNC": "X",
}  # fmt: skip
_PRONOUNS = frozenset(("man", "nichts", "etwas", "was", "niemand", "niemanden", "jemand"))
_PREPOSITIONS = frozenset(
    ("ab", "an", "auf", "aus", "bei", "durch", "mit", "nach", "statt", "um", "unter", "vor", "zu")
)
_HAVE = ("hab", "hat", "hast", "hätt")
_INFINITE = ("VV(PP", "VV(INF", "VV(IZU", "VA(PP", "VM(INF", "VM(PP")


def universal_german(words: Sequence[str], tags: Sequence[str]) -> list[str]:
    """Universal part of speech of every word.

    A table gives the class of a tag; a few rules follow the German GSD treebank: *man* is a
    pronoun and *alle* a determiner, *an* is still a preposition where it is split off a verb,
    *haben* is an auxiliary beside another verb.

    Parameters
    ----------
    words : sequence of str
        One sentence.
    tags : sequence of str
        The tagger's tags, one a word.

    Examples
    --------
    >>> universal_german(["Man", "hat", "Zeit"], ["PIS", "VA(FIN)", "NN"])
    ['PRON', 'VERB', 'NOUN']
    """
    beside_a_verb = any(tag.startswith(_INFINITE) for tag in tags)
    return [
        _class_of(word.lower(), tag.partition("(")[0], beside_a_verb)
        for word, tag in zip(words, tags, strict=True)
    ]


def _class_of(word: str, tag: str, beside_a_verb: bool) -> str:
    if not any(letter.isalnum() for letter in word):
        return "SYM" if word and word in "$€%+=#&" else "PUNCT"
    if tag == "PIS" and word in _PRONOUNS:
        return "PRON"
    if tag == "PDS" and word.startswith("dies"):
        return "DET"
    if tag == "PTKVZ" and word in _PREPOSITIONS:
        return "ADP"
    if tag == "VA" and word.startswith(_HAVE) and not beside_a_verb:
        return "VERB"
    return STTS.get(tag, "X")
