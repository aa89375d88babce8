"""The demonstration grammar: spans, word classes, agreement, ambiguity, determinism."""

from __future__ import annotations

import pytest

from workbench.demo.sentences import (
    CONSTRUCTIONS,
    TaggedSentence,
    ambiguous_forms,
    sentences,
)
from workbench.errors import UsageError

UPOS = {
    *("NOUN", "VERB", "ADJ", "ADV", "PRON", "DET", "ADP", "AUX"),
    *("PROPN", "CCONJ", "SCONJ", "PART", "NUM", "INTJ", "PUNCT"),
}


@pytest.fixture(scope="module")
def drawn() -> list[TaggedSentence]:
    return sentences(4000, seed=3)


def test_spans_cut_out_the_words(drawn: list[TaggedSentence]) -> None:
    for sentence in drawn:
        assert tuple(sentence.text[a:b] for a, b in sentence.spans) == sentence.words
        assert len(sentence.words) == len(sentence.upos)
        between = [
            sentence.text[end:start]
            for (_, end), (start, _) in zip(sentence.spans, sentence.spans[1:], strict=False)
        ]
        assert set(between) <= {"", " "}
        assert sentence.spans[-1][1] == len(sentence.text)


def test_text_is_written_like_english(drawn: list[TaggedSentence]) -> None:
    for sentence in drawn:
        assert sentence.text[-1] in ".?!"
        assert sentence.text.lstrip('"')[0].isupper()
        assert "  " not in sentence.text
        assert not any(f" {mark}" in sentence.text for mark in (".", ",", "?", "!", "n't", "'"))
        assert sentence.text.count('"') in (0, 2)


def test_every_universal_class_and_construction_occurs(drawn: list[TaggedSentence]) -> None:
    assert {tag for sentence in drawn for tag in sentence.upos} == UPOS
    counts = dict.fromkeys(CONSTRUCTIONS, 0)
    for sentence in drawn:
        counts[sentence.construction] += 1
    assert len(counts) >= 40
    assert max(counts.values()) - min(counts.values()) <= 1


def test_vocabulary_is_real_in_size(drawn: list[TaggedSentence]) -> None:
    forms = {word.lower() for sentence in drawn for word in sentence.words}
    assert len(forms) > 1000


def test_a_draw_repeats_nothing_and_can_be_repeated(drawn: list[TaggedSentence]) -> None:
    assert len({sentence.text for sentence in drawn}) == len(drawn)
    assert sentences(4000, seed=3) == drawn
    assert sentences(50, seed=3) == drawn[:50]
    assert sentences(50, seed=4) != drawn[:50]
    assert sentences(0) == []


@pytest.mark.parametrize(
    ("form", "classes"),
    [
        ("run", {"NOUN", "VERB"}),
        ("light", {"NOUN", "ADJ", "VERB"}),
        ("that", {"DET", "PRON", "SCONJ"}),
        ("back", {"NOUN", "ADJ", "ADV"}),
        ("like", {"VERB", "ADP"}),
        ("fast", {"ADJ", "ADV"}),
        ("hard", {"ADJ", "ADV"}),
        ("well", {"ADV", "INTJ"}),
        ("to", {"PART", "ADP"}),
        ("'s", {"PART", "AUX", "PRON"}),
        ("have", {"VERB", "AUX"}),
        ("before", {"ADP", "SCONJ"}),
    ],
)
def test_ambiguous_words_occur_in_each_class(
    drawn: list[TaggedSentence], form: str, classes: set[str]
) -> None:
    assert classes <= ambiguous_forms(drawn)[form]


def test_there_are_many_ambiguous_forms(drawn: list[TaggedSentence]) -> None:
    found = ambiguous_forms(drawn)
    assert len(found) > 50
    assert all(len(classes) > 1 for classes in found.values())
    assert "teacher" not in found


SUBJECTS = {
    "i": {"am", "was", "have", "do"},
    "he": {"is", "was", "has", "does"},
    "she": {"is", "was", "has", "does"},
    "it": {"is", "was", "has", "does"},
    "we": {"are", "were", "have", "do"},
    "they": {"are", "were", "have", "do"},
    "you": {"are", "were", "have", "do"},
}
AGREEING = set().union(*SUBJECTS.values())


def test_auxiliaries_agree_with_pronoun_subjects(drawn: list[TaggedSentence]) -> None:
    checked = 0
    for sentence in drawn:
        first, second = sentence.words[0].lower(), sentence.words[1].lower()
        # A question turns the pair round; in a cleft it comes first all the same.
        for pronoun, verb in ((first, second), (second, first)):
            if pronoun in SUBJECTS and verb in AGREEING and sentence.upos[0] != "INTJ":
                assert verb in SUBJECTS[pronoun], sentence.text
                checked += 1
    assert checked > 200


def test_determiners_agree_in_number(drawn: list[TaggedSentence]) -> None:
    plural_only = {"these", "those", "both", "several", "many"}
    singular_only = {"a", "an", "this", "another", "every"}
    same_in_both = {"sheep"}
    irregular = {"children", "men", "women", "geese", "mice", "feet", "fishermen"}
    for sentence in drawn:
        pairs = zip(
            sentence.words, sentence.upos, sentence.words[1:], sentence.upos[1:], strict=False
        )
        for word, tag, noun, noun_tag in pairs:
            if tag not in ("DET", "ADJ") or noun_tag != "NOUN" or noun in same_in_both:
                continue
            looks_many = noun.endswith("s") and not noun.endswith(("ss", "us"))
            many = noun in irregular or (looks_many and noun != "news")
            if word.lower() in plural_only:
                assert many, sentence.text
            if word.lower() in singular_only:
                assert not many, sentence.text


def test_articles_fit_the_sound_that_follows(drawn: list[TaggedSentence]) -> None:
    spoken_as_vowel = ("a", "e", "i", "o", "u", "honest", "hour")
    for sentence in drawn:
        for word, following in zip(sentence.words, sentence.words[1:], strict=False):
            vowel = following.startswith(spoken_as_vowel)
            vowel = vowel and not following.startswith(("useful", "university"))
            if word.lower() == "an":
                assert vowel, sentence.text
            if word.lower() == "a":
                assert not vowel, sentence.text


def test_an_impossible_number_is_refused() -> None:
    with pytest.raises(UsageError, match="0 or more, not -1"):
        sentences(-1)
    with pytest.raises(UsageError, match=r"found no further .* ask for fewer"):
        sentences(60_000)
