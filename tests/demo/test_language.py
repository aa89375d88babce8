"""The embedded language model: it has learnt, opens offline, and can be trained again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel

from workbench.demo import train_language
from workbench.demo.checkpoints import DATA
from workbench.demo.corpus import find_split, read_documents
from workbench.demo.language import CHECKPOINTS, folder
from workbench.demo.muon import orthogonalized
from workbench.demo.next_token import document_windows, mean_loss, token_losses
from workbench.demo.ngrams import KneserNey
from workbench.demo.prose import paragraphs
from workbench.demo.sentences import sentences
from workbench.errors import UsageError


def _model(checkpoint: str) -> GPT2LMHeadModel:
    return AutoModelForCausalLM.from_pretrained(folder(checkpoint), local_files_only=True).eval()


def _ids(texts: list[str]) -> list[list[int]]:
    tokenizer = AutoTokenizer.from_pretrained(folder(), local_files_only=True)
    return [[tokenizer.bos_token_id, *tokenizer(text).input_ids] for text in texts]


def test_everything_committed_is_small() -> None:
    sizes = [path.stat().st_size for path in DATA.rglob("*") if path.is_file()]
    assert sum(sizes) < 8_000_000


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_weights_are_stored_as_half_and_open_as_single(checkpoint: str) -> None:
    with safe_open(folder(checkpoint) / "model.safetensors", framework="pt") as stored:
        kinds = {stored.get_slice(name).get_dtype() for name in stored.keys()}  # noqa: SIM118
    assert kinds == {"F16"}
    assert {p.dtype for p in _model(checkpoint).parameters()} == {torch.float32}
    half = AutoModelForCausalLM.from_pretrained(folder(checkpoint), dtype=torch.bfloat16)
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}


def test_transformer_bridge_computes_the_same() -> None:
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(str(folder()), device="cpu")
    ids = torch.tensor(_ids(["The teacher gave the old letter to her brother."]))
    with torch.no_grad():
        expected = _model("final")(input_ids=ids).logits
        found = bridge(ids)
    assert torch.allclose(found, expected, atol=1e-3)
    assert bridge.tokenizer.bos_token_id == 0


def test_tokenizer_keeps_any_text_and_adds_nothing() -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder(), local_files_only=True)
    text = "Naïve café: 10 €, isn't it?\n\tいいえ"
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.bos_token_id not in ids
    assert tokenizer.bos_token == tokenizer.eos_token == train_language.END
    assert tokenizer(train_language.END).input_ids == [tokenizer.bos_token_id]
    assert len(tokenizer) == _model("final").config.vocab_size


def test_loss_falls_on_prose_that_it_never_saw() -> None:
    ids = _ids(paragraphs(60))
    initial, middle, final = (mean_loss(_model(name), ids) for name in CHECKPOINTS)
    assert abs(initial - math.log(2048)) < 0.2
    assert final < middle - 0.3 < initial - 1


def test_word_order_matters_to_it() -> None:
    drawn = [sentence.text for sentence in sentences(100, seed=8)]
    turned = [" ".join(reversed(text.split())) for text in drawn]
    model = _model("final")
    assert mean_loss(model, _ids(drawn)) < mean_loss(model, _ids(turned)) - 0.3


def test_it_beats_unigrams_and_bigrams_on_held_out_text(data: Path) -> None:
    text = data / "text" / "UD_English-EWT"
    train, test = (
        _ids([document.text for document in read_documents(find_split(text, split))])
        for split in ("train", "test")
    )
    held_out = test[::8]
    unigram, bigram = (KneserNey(order, 2048).fit(train).loss(held_out) for order in (1, 2))
    final = mean_loss(_model("final"), held_out)
    assert final < bigram - 0.2
    assert bigram < unigram


def test_the_card_tells_the_numbers_of_the_metrics_file() -> None:
    metrics = json.loads((DATA / "language" / "metrics.json").read_text(encoding="utf-8"))
    card = (DATA / "language" / "MODEL_CARD.md").read_text(encoding="utf-8")
    test = metrics["nats_per_token"]["test"]
    for name in (*CHECKPOINTS, "unigram", "bigram", "trigram"):
        assert f"{test[name]:.3f}" in card, name
    assert test["final"] < test["bigram"] < test["unigram"]


def test_an_unknown_checkpoint_names_the_known() -> None:
    with pytest.raises(UsageError, match="no checkpoint 'best'; choose one of initial, middle"):
        folder("best")


@pytest.mark.parametrize("length", [2, 5, 9, 10, 23, 64])
def test_windows_score_every_token_but_the_first_once(length: int) -> None:
    ids = list(range(length))
    scored: list[int] = []
    for window, count in document_windows(ids, context=8, stride=4):
        assert len(window) <= 9
        scored += window[len(window) - count :]
    assert scored == ids[1:]


def test_losses_do_not_depend_on_batching() -> None:
    ids = _ids(paragraphs(8))
    model = _model("final")
    alone = token_losses(model, ids, batch_size=1)
    together = token_losses(model, ids, batch_size=16)
    assert len(alone) == sum(len(document) - 1 for document in ids)
    assert torch.allclose(torch.tensor(alone), torch.tensor(together), atol=1e-4)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_ngram_probabilities_sum_to_one(order: int) -> None:
    generator = torch.Generator().manual_seed(0)
    documents = [torch.randint(0, 7, (40,), generator=generator).tolist() for _ in range(5)]
    model = KneserNey(order, vocabulary=9).fit(documents)
    for context in [(), (1,), (8,), (1, 2), (8, 8)]:
        shortened = context[max(0, len(context) - order + 1) :] if order > 1 else ()
        total = sum(model.probability(shortened, token) for token in range(9))
        assert abs(total - 1) < 1e-9


def test_bigrams_without_discount_are_relative_frequencies() -> None:
    model = KneserNey(2, vocabulary=3, discount=0.0).fit([[0, 1, 0, 2, 0, 1, 0, 1]])
    assert abs(model.probability((0,), 1) - 3 / 4) < 1e-9
    assert abs(model.probability((1,), 0) - 1) < 1e-9


def test_orthogonalized_matrices_have_even_singular_values() -> None:
    matrix = torch.randn(16, 48, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalized(matrix))
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert torch.allclose(orthogonalized(matrix), orthogonalized(matrix.T).T, atol=1e-5)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in CoNLL-U, of the grammar's sentences."""
    path = tmp_path_factory.mktemp("corpus")
    for seed, split in enumerate(("train", "dev", "test")):
        lines = []
        for index, sentence in enumerate(sentences(120, seed=seed)):
            lines += [f"# newdoc id = {index}"] if index % 10 == 0 else []
            lines += ["# newpar"] if index % 5 == 0 else []
            lines += [f"# text = {sentence.text}", f"1\t{sentence.words[0]}\t_", ""]
        (path / f"own-ud-{split}.conllu").write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def tiny() -> Callable[[int], train_language.Recipe]:
    """A recipe for seconds."""
    return lambda seed: train_language.Recipe(
        seed=seed, epochs=2, vocabulary=320, context=32, layers=1, heads=2, width=16
    )


def test_two_trainings_give_the_same_bytes(
    corpus: Path, tiny: Callable[[int], train_language.Recipe], tmp_path: Path
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_language.run(corpus, tmp_path / name, tiny(seed))
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    assert len(files) == 1 + 4 * len(CHECKPOINTS)
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    weights = Path("final") / "model.safetensors"
    assert (tmp_path / "a" / weights).read_bytes() != (tmp_path / "c" / weights).read_bytes()
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text(encoding="utf-8"))
    losses = metrics["nats_per_token"]["dev"]
    assert losses["final"] < losses["middle"] < losses["initial"]


def test_documents_keep_paragraphs_and_order(corpus: Path) -> None:
    documents = read_documents(find_split(corpus, "dev"))
    drawn = [sentence.text for sentence in sentences(120, seed=1)]
    assert len(documents) == 12
    assert [text for document in documents for text in document.sentences] == drawn
    assert documents[0].text == " ".join(drawn[:5]) + "\n" + " ".join(drawn[5:10])


def test_bad_corpora_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must hold one file \*train.conllu; found none"):
        find_split(tmp_path, "train")
    with pytest.raises(UsageError, match="No CoNLL-U file"):
        read_documents(tmp_path / "absent.conllu")
    (tmp_path / "empty.conllu").write_text("1\tword\t_\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no running text"):
        read_documents(tmp_path / "empty.conllu")
