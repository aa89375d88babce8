"""From the tag sets of two English taggers to the universal parts of speech."""

from __future__ import annotations

from collections.abc import Sequence

# Penn Treebank tags (TextBlob); two letters are enough for most.
PENN: dict[str, str] = {
    "CC": "CCONJ", "CD": "NUM", "DT": "DET", "EX": "PRON", "FW": "X", "IN": "ADP", "JJ": "ADJ",
    "JJR": "ADJ", "JJS": "ADJ", "LS": "X", "MD": "AUX", "NN": "NOUN", "NNS": "NOUN",
    "NNP": "PROPN", "NNPS": "PROPN", "PDT": "DET", "POS": "PART", "PRP": "PRON", "PRP$": "PRON",
    "RB": "ADV", "RBR": "ADV", "RBS": "ADV", "RP": "ADP", "SYM": "SYM", "$": "SYM", "#": "SYM",
    "TO": "PART", "UH": "INTJ", "VB": "VERB", "VBD": "VERB", "VBG": "VERB", "VBN": "VERB",
    "VBP": "VERB", "VBZ": "VERB", "WDT": "PRON", "WP": "PRON", "WP$": "PRON", "WRB": "ADV",
}  # fmt: skip
# The C5 tags of the British National Corpus (HanTa's English model), by their start.
C5: dict[str, str] = {
    "AJ": "ADJ", "AT": "DET", "AV0": "ADV", "AVP": "ADP", "AVQ": "ADV", "CJC": "CCONJ",
    "CJS": "SCONJ", "CJT": "SCONJ", "CRD": "NUM", "DPS": "PRON", "DT0": "DET", "DTQ": "PRON",
    "EX": "PRON", "ITJ": "INTJ", "NN": "NOUN", "NP": "PROPN", "ORD": "ADJ", "PN": "PRON",
    "POS": "PART", "PR": "ADP", "PU": "PUNCT", "TO": "PART", "UNC": "X", "VB": "AUX",
    "VD": "VERB", "VH": "VERB", "VM": "AUX", "VV": "VERB", "XX": "PART", "ZZ": "NOUN",
}  # fmt: skip

_BE = frozenset(("be", "am", "is", "are", "was", "were", "been", "being", "'m", "'re", "'s"))
_HELPING = frozenset(("have", "has", "had", "having", "'ve", "'d", "do", "does", "did", "ca", "wo"))
_ALWAYS: dict[str, str] = {
    "not": "PART", "n't": "PART", "when": "ADV", "where": "ADV", "why": "ADV", "how": "ADV",
    "if": "SCONJ", "because": "SCONJ", "although": "SCONJ", "whether": "SCONJ",
    "unless": "SCONJ", "while": "SCONJ", "many": "ADJ", "several": "ADJ", "few": "ADJ",
    "anyone": "PRON", "someone": "PRON", "everyone": "PRON", "anything": "PRON",
    "something": "PRON", "nothing": "PRON", "everything": "PRON", "than": "ADP",
    "please": "INTJ", "today": "NOUN", "yesterday": "NOUN", "tomorrow": "NOUN",
}  # fmt: skip
_DEMONSTRATIVE = frozenset(("this", "that", "these", "those", "which", "what"))
_CLAUSE_OR_PHRASE = frozenset(("before", "after", "since", "until"))
_NOMINAL = frozenset(("NOUN", "PROPN", "ADJ", "NUM"))


def universal(words: Sequence[str], tags: Sequence[str], tagset: str) -> list[str]:
    """Universal part of speech of every word.

    A table gives the class of a tag; a few rules then decide what no table can: *have* and *do*
    as auxiliaries, *to* before a verb or a noun, *this* with or without a noun, *that* after a
    noun or after a verb. They follow the English Web Treebank.

    Parameters
    ----------
    words : sequence of str
        One sentence.
    tags : sequence of str
        The tagger's tags, one a word.
    tagset : str
        *penn* or *c5*.

    Examples
    --------
    >>> universal(["She", "has", "left"], ["PRP", "VBZ", "VBN"], "penn")
    ['PRON', 'AUX', 'VERB']
    """
    lower = [word.lower() for word in words]
    classes = [
        _plain(word, tag, PENN if tagset == "penn" else C5)
        for word, tag in zip(lower, tags, strict=True)
    ]
    return [_in_context(lower, classes, index) for index in range(len(words))]


def _plain(word: str, tag: str, table: dict[str, str]) -> str:
    """The class by form and tag alone."""
    if not any(letter.isalnum() for letter in word):
        return "SYM" if word and word in "$%+=#&" else "PUNCT"
    if word in _ALWAYS:
        return _ALWAYS[word]
    for length in (4, 3, 2):
        if tag[:length] in table:
            found = table[tag[:length]]
            return "AUX" if found == "VERB" and word in _BE else found
    return "X"


def _in_context(words: Sequence[str], classes: Sequence[str], index: int) -> str:
    """The class once its neighbours are known."""
    word, found = words[index], classes[index]
    following = classes[index + 1] if index + 1 < len(classes) else "PUNCT"
    before = classes[index - 1] if index else "PUNCT"
    if word in _HELPING and found in ("VERB", "AUX"):
        return "AUX" if _verb_follows(classes, index) else "VERB"
    if word == "to" and found in ("PART", "ADP"):
        return "PART" if following in ("VERB", "AUX") else "ADP"
    if word in _CLAUSE_OR_PHRASE and found in ("ADP", "SCONJ"):
        return "SCONJ" if "VERB" in classes[index + 1 : index + 5] else "ADP"
    if word == "that" and found in ("SCONJ", "ADP"):
        return "PRON" if before in ("NOUN", "PROPN") and following in ("VERB", "AUX") else "SCONJ"
    if word in _DEMONSTRATIVE and found in ("DET", "PRON"):
        exclaiming = word == "what" and words[index + 1 : index + 2] in (["a"], ["an"])
        return "DET" if exclaiming or following in _NOMINAL else "PRON"
    return found


def _verb_follows(classes: Sequence[str], index: int) -> bool:
    """Whether a verb follows before anything that would end the verb group."""
    asking = index == 0 or classes[index - 1] in ("ADV", "PUNCT", "PRON")
    between = {"ADV", "PART", "PRON"} | ({"DET", "ADJ", "NOUN", "PROPN"} if asking else set())
    for found in classes[index + 1 : index + 6]:
        if found in ("VERB", "AUX"):
            return True
        if found not in between:
            return False
    return False
