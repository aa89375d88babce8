"""Prose out of Python's own documentation, its words, and the taggers' measured accuracy."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.demo import prose
from workbench.demo.measure_taggers import gold_sentences, table
from workbench.demo.sentences import sentences
from workbench.errors import UsageError
from workbench.subjects.language import taggers
from workbench.subjects.language.universal_tags import universal


def test_paragraphs_are_prose_and_nothing_else() -> None:
    found = prose.paragraphs()
    text = "\n".join(found)
    assert len(found) > 200
    assert len(text.split()) > 5000
    assert len(set(found)) == len(found)
    for forbidden in ("::=", ">>>", "__", "()", "***", "===", '"', "  "):
        assert forbidden not in text
    for paragraph in found:
        for sentence in prose.split_sentences(paragraph):
            assert sentence[0].isupper(), sentence
            assert sentence[-1] in ".!?", sentence


def test_a_limit_takes_the_first_paragraphs() -> None:
    assert prose.paragraphs(7) == prose.paragraphs()[:7]
    assert prose.paragraphs(0) == []
    with pytest.raises(UsageError, match="0 or more, not -2"):
        prose.paragraphs(-2)


def test_words_are_found_as_the_grammar_writes_them() -> None:
    for sentence in sentences(600, seed=11):
        assert tuple(prose.word_spans(sentence.text)) == sentence.spans, sentence.text


@pytest.mark.parametrize(
    ("words", "tags", "tagset", "expected"),
    [
        ("She has left", "PRP VBZ VBN", "penn", "PRON AUX VERB"),
        ("She has books", "PRP VBZ NNS", "penn", "PRON VERB NOUN"),
        ("They want to go", "PRP VBP TO VB", "penn", "PRON VERB PART VERB"),
        ("They go to school", "PRP VBP TO NN", "penn", "PRON VERB ADP NOUN"),
        ("That book", "DT NN", "penn", "DET NOUN"),
        ("That is it", "DT VBZ PRP", "penn", "PRON AUX PRON"),
        ("Did the boy sing ?", "VDD AT0 NN1 VVI PUN", "c5", "AUX DET NOUN VERB PUNCT"),
        ("I did the work", "PNP VDD AT0 NN1", "c5", "PRON VERB DET NOUN"),
        ("know that it is", "VVB CJT PNP VBZ", "c5", "VERB SCONJ PRON AUX"),
        ("books that sell", "NN2 CJT VVB", "c5", "NOUN PRON VERB"),
    ],
)
def test_tags_become_universal_classes(words: str, tags: str, tagset: str, expected: str) -> None:
    assert universal(words.split(), tags.split(), tagset) == expected.split()


@pytest.mark.parametrize(("tagger", "package"), [("hanta", "HanTa"), ("textblob", "textblob")])
def test_taggers_do_far_better_than_the_commonest_class(tagger: Any, package: str) -> None:
    pytest.importorskip(package)
    gold = sentences(300, seed=5)
    result = prose.tagger_accuracy(gold, tagger)
    classes = [tag for sentence in gold for tag in sentence.upos]
    commonest = max(classes.count(tag) for tag in set(classes)) / len(classes)
    assert result.words == len(classes)
    assert result.accuracy > commonest + 0.4
    assert set(result.recall) == set(classes)


@pytest.mark.parametrize(("tagger", "package"), [("hanta", "HanTa"), ("textblob", "textblob")])
def test_tagged_prose_keeps_its_words_in_place(tagger: Any, package: str) -> None:
    pytest.importorskip(package)
    tagged = prose.tag(prose.paragraphs(10), tagger)
    assert len(tagged) >= 10
    for sentence in tagged:
        assert len(sentence.words) == len(sentence.upos) == len(sentence.spans)
        assert tuple(sentence.text[a:b] for a, b in sentence.spans) == sentence.words
        assert sentence.construction == f"prose:{tagger}"


def test_unknown_tagger_and_empty_gold_are_refused() -> None:
    unknown: Any = "brill"
    with pytest.raises(UsageError, match="Found tagger 'brill'"):
        prose.tag(["It works."], unknown)
    with pytest.raises(UsageError, match="at least one tagged sentence"):
        prose.tagger_accuracy([])


@pytest.mark.parametrize(("tagger", "package"), [("hanta", "HanTa"), ("textblob", "textblob")])
def test_a_missing_package_is_named(
    tagger: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == package:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    getattr(taggers, f"_{tagger}").cache_clear()
    with pytest.raises(UsageError, match=f"pip install {package}"):
        prose.tag(["It works."], tagger)
    getattr(taggers, f"_{tagger}").cache_clear()


def test_gold_classes_are_read_from_a_corpus_and_measured(tmp_path: Path) -> None:
    pytest.importorskip("HanTa")
    pytest.importorskip("textblob")
    drawn = sentences(60, seed=2)
    lines = []
    for sentence in drawn:
        lines += [f"# text = {sentence.text}", "1-2\trange" + "\t_" * 8]
        for number, (word, upos) in enumerate(zip(sentence.words, sentence.upos, strict=True), 1):
            lines.append(f"{number}\t{word}\t_\t{upos}" + "\t_" * 6)
        lines.append("")
    path = tmp_path / "gold.conllu"
    path.write_text("\n".join(lines), encoding="utf-8")
    gold = gold_sentences(path)
    assert [(each.words, each.upos) for each in gold] == [(e.words, e.upos) for e in drawn]
    shown = table({"own": gold})
    accuracy = prose.tagger_accuracy(drawn, "hanta").accuracy
    assert f"{100 * accuracy:.1f} %" in shown
    with pytest.raises(UsageError, match="No CoNLL-U file"):
        gold_sentences(tmp_path / "absent.conllu")
