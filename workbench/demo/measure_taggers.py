"""Measure the optional taggers: ``python -m workbench.demo.measure_taggers --text FILE.conllu``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from workbench.demo.prose import tagger_accuracy
from workbench.demo.sentences import TaggedSentence, sentences
from workbench.errors import UsageError
from workbench.subjects.language.taggers import Tagger


def gold_sentences(path: Path) -> list[TaggedSentence]:
    """Sentences of a CoNLL-U file with their gold classes.

    Parameters
    ----------
    path : Path
        Rows whose number is no plain integer (ranges, empty nodes) are left out.

    Returns
    -------
    list of TaggedSentence
        The text is the words joined by blanks.

    Raises
    ------
    UsageError
        If the file is missing or holds no tagged word.
    """
    if not path.is_file():
        raise UsageError(f"No CoNLL-U file at {path}: give one with gold word classes.")
    found = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.splitlines() if not line.startswith("#")]
        words = [(row[1], row[3]) for row in rows if row[0].isdigit() and len(row) == 10]
        if words:
            found.append(_joined(words))
    if not found:
        raise UsageError(f"{path} holds no tagged word, so there is nothing to measure on.")
    return found


def _joined(words: Sequence[tuple[str, str]]) -> TaggedSentence:
    spans, start = [], 0
    for form, _ in words:
        spans.append((start, start + len(form)))
        start += len(form) + 1
    forms, classes = zip(*words, strict=True)
    return TaggedSentence(forms, classes, " ".join(forms), "corpus", tuple(spans))


def table(
    gold: dict[str, list[TaggedSentence]], taggers: Sequence[Tagger] = ("hanta", "textblob")
) -> str:
    """Markdown table of accuracies, taggers by texts, and of the recall of every class."""
    lines = ["| tagger | text | words | accuracy | recall by gold class |", "|---|---|---|---|---|"]
    for tagger in taggers:
        for name, tagged in gold.items():
            found = tagger_accuracy(tagged, tagger)
            recall = " ".join(f"{each} {share:.2f}" for each, share in found.recall.items())
            share = f"{100 * found.accuracy:.1f} %"
            lines.append(f"| {tagger} | {name} | {found.words} | {share} | {recall} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m workbench.demo.measure_taggers")
    parser.add_argument("--text", type=Path, required=True, help="CoNLL-U file, gold classes")
    parser.add_argument("--language", choices=("en", "de"), default="en")
    options = parser.parse_args(arguments)
    gold = {options.text.name: gold_sentences(options.text)}
    if options.language == "de":
        print(table(gold, ("hanta:de",)))
    else:
        print(table({**gold, "own grammar": sentences(2000, seed=0)}))


if __name__ == "__main__":
    main()
