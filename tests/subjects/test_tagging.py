"""Word classes for texts without any: words in place, gold left alone, accuracy told to the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.cli import main
from workbench.demo.measure_taggers import gold_sentences
from workbench.demo.prose import tagger_accuracy
from workbench.errors import UsageError
from workbench.recording.label_origin import label_origin
from workbench.subjects.language.german_tags import universal_german
from workbench.subjects.language.taggers import ORIGINS, TAGGERS
from workbench.subjects.language.tagging import tagged
from workbench.subjects.language.texts import plain

SITE = "blocks.1.hook_resid_post"
ENGLISH = [
    "The old dog sees a small cat. It doesn't run, e.g. because she sleeps!",
    "Does the bird sing?  They have seen three big houses.",
    "My brother will buy the red book in Berlin tomorrow.",
] * 12
GERMAN = "Der kleine Hund sieht z.B. eine Katze. Übermorgen hat man keine Zeit! „Ja“, sagt er."


def captured(tmp_path: Path, **options: object) -> wb.Recording:
    given = {"sites": SITE, "positions": "word", "threads": 1, **options}
    return wb.capture("demo:language", out=tmp_path / "rec", **given)


@pytest.mark.parametrize("tagger", TAGGERS)
def test_every_word_stands_where_it_is_written(tagger: str) -> None:
    pytest.importorskip("HanTa")
    pytest.importorskip("textblob")
    text = GERMAN if tagger == "hanta:de" else ENGLISH[0]
    found = tagged(plain(text, document="d"), tagger)
    words = [text[start:end] for start, end in found.spans]
    assert "".join(words) == "".join(text.split())
    assert len(found.labels["upos"]) == len(words)
    assert found.about == {"document": "d"}
    classes = dict(zip(words, found.labels["upos"], strict=True))
    noun, verb = ("Hund", "sieht") if tagger == "hanta:de" else ("dog", "sees")
    assert (classes[noun], classes[verb]) == ("NOUN", "VERB")


def test_a_text_without_words_stays_without_classes() -> None:
    pytest.importorskip("HanTa")
    assert tagged(plain("   "), "hanta").labels["upos"] == ()


@pytest.mark.parametrize(
    ("words", "tags", "expected"),
    [
        ("Man hat alles", "PIS VA(FIN) PIS", "PRON VERB DET"),
        ("Er hat gelacht", "PPER VA(FIN) VV(PP)", "PRON AUX VERB"),
        ("fängt an", "VV(FIN) PTKVZ", "VERB ADP"),
        ("geht weg", "VV(FIN) PTKVZ", "VERB ADV"),
        ("Dies ist das", "PDS VA(FIN) PDS", "DET AUX PRON"),
        ("Not € !", "NN XY $.", "NOUN SYM PUNCT"),
    ],
)
def test_german_tags_become_universal_classes(words: str, tags: str, expected: str) -> None:
    assert universal_german(words.split(), tags.split()) == expected.split()


@pytest.mark.parametrize(
    ("tagger", "name"),
    [
        ("hanta", "UD_English-EWT/en_ewt-ud-dev.conllu"),
        ("textblob", "UD_English-EWT/en_ewt-ud-dev.conllu"),
        ("hanta:de", "UD_German-GSD/de_gsd-ud-dev.conllu"),
    ],
)
def test_taggers_are_about_as_often_right_as_is_said(data: Path, tagger: str, name: str) -> None:
    pytest.importorskip("HanTa")
    pytest.importorskip("textblob")
    gold = gold_sentences(data / "text" / name)[:400]
    said = ORIGINS[tagger].accuracy
    assert said is not None
    assert tagger_accuracy(gold, tagger).accuracy == pytest.approx(said, abs=0.025)


def test_the_accuracy_of_a_tagger_reaches_result_summary_and_measures(tmp_path: Path) -> None:
    pytest.importorskip("HanTa")
    recording = captured(tmp_path, text=ENGLISH, tagger="hanta")
    rows = recording.rows
    assert dict(zip(rows["token"], rows["upos"], strict=True))["dog"] == "NOUN"
    assert label_origin(recording, "upos") == ORIGINS["hanta"]
    result = wb.analyze(
        "word_classes", recording, labels="upos", embeddings=(), n_permutations=19, threads=1
    )
    assert result.data.attrs["labels_accuracy"] == 0.903
    assert "90.3 % of 25,094 words" in result.data.attrs["labels_origin"]
    assert "HanTa 1.2.1 (English), which is right for 90.3 %" in result.summary()
    (told,) = [each for each in result.measures if each.name == "accuracy of the tagger"]
    assert (told.value, told.n, told.null) == (0.903, 25_094, None)
    assert result.data.attrs == wb.open(result.save(tmp_path / "result")).data.attrs


def test_parts_of_a_recording_keep_what_is_said_of_labels(tmp_path: Path) -> None:
    pytest.importorskip("HanTa")
    recording = captured(tmp_path, text=ENGLISH[:3], tagger="hanta")
    part = recording.select(rows="upos == 'NOUN'")
    assert label_origin(part, "upos") == ORIGINS["hanta"]
    assert label_origin(part, "token") is None


def test_gold_classes_are_said_to_be_gold(tmp_path: Path) -> None:
    path = tmp_path / "gold.conllu"
    words = [("Dogs", "NOUN"), ("bark", "VERB"), ("loudly", "ADV")]
    lines = [f"{n}\t{w}\t_\t{u}" + "\t_" * 6 for n, (w, u) in enumerate(words, 1)]
    path.write_text("# text = Dogs bark loudly\n" + "\n".join(lines) + "\n\n", encoding="utf-8")
    origin = label_origin(captured(tmp_path, text=path), "upos")
    assert origin is not None
    assert origin.accuracy is None
    assert "gold" in origin.sentence("upos")
    with pytest.raises(UsageError, match="tagger 'hanta' and texts with word classes"):
        captured(tmp_path, text=path, tagger="hanta")


def test_the_demo_says_where_its_classes_come_from(tmp_path: Path) -> None:
    own = label_origin(wb.stream("demo:language", sites=SITE, n_stimuli=5), "upos")
    assert own is not None
    assert "grammar" in own.source
    pytest.importorskip("HanTa")
    prose = wb.stream("demo:language", sites=SITE, stimuli="prose", n_stimuli=5)
    assert label_origin(prose, "upos") == ORIGINS["hanta"]


def test_joined_recordings_claim_only_what_holds_for_all(tmp_path: Path) -> None:
    pytest.importorskip("HanTa")
    own = wb.stream("demo:language", sites=SITE, n_stimuli=5)
    prose = wb.stream("demo:language", sites=SITE, stimuli="prose", n_stimuli=5)
    assert label_origin(wb.concatenate([own, prose]), "upos") is None
    assert label_origin(wb.concatenate([prose, prose]), "upos") == ORIGINS["hanta"]


def test_texts_without_classes_and_arrays_say_nothing(tmp_path: Path) -> None:
    assert label_origin(captured(tmp_path, text=ENGLISH[:2]), "upos") is None
    assert label_origin(wb.from_arrays({"a": np.eye(3)}, {"label": list("abc")}), "label") is None


def test_a_text_file_is_tagged_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("HanTa")
    text = tmp_path / "mine.txt"
    text.write_text(GERMAN + "\n", encoding="utf-8")
    arguments = ["capture", "demo:language", "--text", str(text), "--sites", SITE, "--threads", "1"]
    out = tmp_path / "rec"
    main([*arguments, "--tagger", "hanta:de", "--out", str(out)])
    assert label_origin(wb.open(out), "upos") == ORIGINS["hanta:de"]
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--tagger", "brill", "--out", str(tmp_path / "other")])
    assert stopped.value.code == 2
    assert "Found tagger 'brill'" in capsys.readouterr().err


def test_a_tagger_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tagger 'hanta' and no text"):
        captured(tmp_path, tagger="hanta")
