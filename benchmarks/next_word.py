"""The next-word study on UD English EWT or German GSD, with every control, over several seeds.

Run ``python benchmarks/next_word.py`` (`WORKBENCH_DATA` names the folder of real data). Prints the
GDV of every layer and label as a Markdown table, trained and untrained, with intervals over seeds.
German has no training file here: its test file is trained on, its development file held out.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from measuring import machine

from analyses.word_classes import (
    Recipe,
    make_corpus,
    read_tagged_words,
    run_next_word_experiment,
)
from analyses.word_classes.next_word_corpus import Corpus
from analyses.word_classes.next_word_experiment import LABELS
from analyses.word_classes.next_word_network import LAYERS

CORPORA = {
    "english": ("UD_English-EWT", "en_ewt-ud-{}.conllu", ("train",), ("dev", "test")),
    "german": ("UD_German-GSD", "de_gsd-ud-{}.conllu", ("test",), ("dev",)),
}


def read_corpora(language: str) -> tuple[Corpus, Corpus]:
    """Training and held-out words, with the vocabulary of the former."""
    treebank, name, known, unseen = CORPORA[language]
    folder = Path(os.environ.get("WORKBENCH_DATA", "../shared/data")) / "text" / treebank
    first, second = (
        read_tagged_words([folder / name.format(part) for part in parts])
        for parts in (known, unseen)
    )
    corpus = make_corpus(first)
    return corpus, make_corpus(second, corpus.vocabulary)


def main() -> None:
    """Train all seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", default="english", choices=CORPORA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kind", default="lstm")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--windows", type=int, default=60_000, help="an epoch")
    parser.add_argument("--least", type=int, default=400, help="held-out windows a class")
    options = parser.parse_args()
    corpus, held_out = read_corpora(options.corpus)
    start = time.process_time()
    found = run_next_word_experiment(
        corpus,
        held_out,
        Recipe(kind=options.kind, epochs=options.epochs, windows_per_epoch=options.windows),
        seeds=range(options.seeds),
        min_per_class=options.least,
        progress=lambda seed, epoch, loss: print(
            f"seed {seed}, epoch {epoch}: {loss:.3f} nats", file=sys.stderr, flush=True
        ),
    )
    print(f"{machine()}; {time.process_time() - start:.0f} CPU seconds\n")
    print(
        f"{len(corpus):,} words, vocabulary {len(corpus.vocabulary):,}; {found.n_classes} classes, "
        f"{found.n_rows} held-out windows a seed, {options.seeds} seeds. Held-out loss "
        f"{found.training['loss'].mean():.3f} nats, accuracy "
        f"{found.training['accuracy'].mean():.3f}; the most frequent class of a word is right for "
        f"{found.most_frequent_class:.3f}.\n"
    )
    print("| layer | network | " + " | ".join(LABELS) + " |")
    print("|---" * (2 + len(LABELS)) + "|")
    table = found.table.set_index(["layer", "network", "labels"]).sort_index()
    for layer in LAYERS:
        for network in ("untrained", "trained"):
            cells = [table.loc[(layer, network, labels)] for labels in LABELS]
            shown = [f"{c['gdv']:.3f} [{c['low']:.3f}, {c['high']:.3f}]" for c in cells]
            print(f"| {layer} | {network} | " + " | ".join(shown) + " |")


if __name__ == "__main__":
    main()
