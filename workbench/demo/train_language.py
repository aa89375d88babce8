"""Train the embedded language model: ``python -m workbench.demo.train_language --help``.

Same text, same seed, one thread, same versions of torch and tokenizers: same bytes.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.demo.corpus import Document, find_split, read_documents
from workbench.demo.muon import Muon
from workbench.demo.next_token import mean_loss
from workbench.demo.ngrams import tuned
from workbench.demo.reproducible import reproducible

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import GPT2Config, GPT2LMHeadModel

END = "<|endoftext|>"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the bytes of the checkpoints, besides the text."""

    seed: int = 0
    threads: int = 1
    epochs: float = 14.0
    batch_size: int = 8
    learning_rate: float = 4e-3
    matrix_learning_rate: float = 0.03
    weight_decay: float = 0.1
    dropout: float = 0.1
    warmup: float = 0.05
    middle: float = 0.1
    sentence_share: float = 0.3
    vocabulary: int = 2048
    context: int = 128
    layers: int = 4
    heads: int = 4
    width: int = 128


def train_tokenizer(documents: Sequence[Document], vocabulary: int) -> Tokenizer:
    """A byte-level BPE tokenizer that, like GPT-2's, adds no special token by itself."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((document.text for document in documents), trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of every text, behind the token that starts and ends a document."""
    end = tokenizer.get_vocab()[END]
    return [[end, *encoding.ids] for encoding in tokenizer.encode_batch(list(texts))]


def training_windows(
    documents: Sequence[Document], tokenizer: Tokenizer, recipe: Recipe
) -> Iterator[list[int]]:
    """Windows of ``context + 1`` token ids, without end: one shuffled epoch after the other.

    In each epoch a share of the documents is read sentence by sentence, every sentence
    behind a start token, so that the model also knows sentences that stand alone.
    """
    whole = encode(tokenizer, [document.text for document in documents])
    apart = [encode(tokenizer, document.sentences) for document in documents]
    order = random.Random(recipe.seed)
    stream: list[int] = []
    while True:
        for index in order.sample(range(len(documents)), len(documents)):
            alone = order.random() < recipe.sentence_share
            for ids in apart[index] if alone else [whole[index]]:
                stream += ids
            while len(stream) > recipe.context:
                yield stream[: recipe.context + 1]
                stream = stream[recipe.context :]


def model_config(recipe: Recipe, vocabulary: int) -> GPT2Config:
    """A small GPT-2's configuration."""
    from transformers import GPT2Config

    return GPT2Config(
        vocab_size=vocabulary,
        n_positions=recipe.context,
        n_embd=recipe.width,
        n_layer=recipe.layers,
        n_head=recipe.heads,
        resid_pdrop=recipe.dropout,
        embd_pdrop=recipe.dropout,
        attn_pdrop=0.0,
        # The same function as GPT-2's own "gelu_new", in one operation.
        activation_function="gelu_pytorch_tanh",
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the full learning rate at a step: linear warm-up, then a cosine to zero."""
    warm = max(1, round(warmup * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def train(
    documents: Sequence[Document], tokenizer: Tokenizer, recipe: Recipe
) -> dict[str, dict[str, torch.Tensor]]:
    """Train, and keep the weights at the start, early on and at the end.

    The matrices between the layers learn by Muon, embeddings and vectors by Adam.

    Returns
    -------
    dict
        Checkpoint name to weights in float16, the precision that is stored.
    """
    import torch
    from tqdm import tqdm
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel(model_config(recipe, tokenizer.get_vocab_size())).train()
    between = [p for name, p in model.named_parameters() if ".h." in name and p.dim() == 2]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in between)]
    muon = Muon(between, recipe.matrix_learning_rate, weight_decay=recipe.weight_decay)
    adam = torch.optim.Adam(others, lr=recipe.learning_rate, betas=(0.9, 0.95))
    windows = training_windows(documents, tokenizer, recipe)
    tokens = sum(len(ids) for ids in encode(tokenizer, [d.text for d in documents]))
    steps = max(2, round(recipe.epochs * tokens / (recipe.batch_size * recipe.context)))
    middle = max(1, round(recipe.middle * steps))
    checkpoints = {"initial": _half(model)}
    bar = tqdm(range(steps), desc="training", unit="step", mininterval=1.0)
    for step in bar:
        if step == middle:
            checkpoints["middle"] = _half(model)
        batch = torch.tensor([next(windows) for _ in range(recipe.batch_size)])
        logits = model(input_ids=batch[:, :-1]).logits  # (batch, time, vocabulary)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        factor = rate_factor(step, steps, recipe.warmup)
        muon.step(factor)
        adam.param_groups[0]["lr"] = recipe.learning_rate * factor
        adam.step()
        if step % 20 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")
    checkpoints["final"] = _half(model)
    return checkpoints


def _half(model: GPT2LMHeadModel) -> dict[str, torch.Tensor]:
    """Weights in float16, without the output matrix, which is the embedding again."""
    return {
        name: tensor.detach().half().clone()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }


def write_checkpoint(
    folder: Path, weights: dict[str, torch.Tensor], tokenizer: Tokenizer, recipe: Recipe
) -> None:
    """Write a folder that transformers opens: weights float16, opened as float32."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = model_config(recipe, tokenizer.get_vocab_size()).to_diff_dict()
    config |= {"architectures": ["GPT2LMHeadModel"], "dtype": "float32", "use_cache": True}
    config.pop("transformers_version", None)
    _write_json(folder / "config.json", config)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token"), END)
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": recipe.context,
            "clean_up_tokenization_spaces": False,
            **special,
        },
    )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def measure(
    out: Path, checkpoints: Sequence[str], splits: dict[str, list[Document]], tokenizer: Tokenizer
) -> dict[str, Any]:
    """Held-out losses of the stored checkpoints and of the count-based baselines."""
    import torch
    from transformers import GPT2LMHeadModel

    texts = {split: [document.text for document in splits[split]] for split in splits}
    ids = {split: encode(tokenizer, texts[split]) for split in texts}
    tokens = {split: sum(len(document) - 1 for document in ids[split]) for split in ids}
    size = {split: sum(len(text.encode()) for text in texts[split]) for split in texts}
    losses: dict[str, dict[str, float]] = {"dev": {}, "test": {}}
    for name in checkpoints:
        model = GPT2LMHeadModel.from_pretrained(out / name, dtype=torch.float32).eval()
        for split, held_out in losses.items():
            held_out[name] = mean_loss(model, ids[split], model.config.n_positions)
    for order, name in enumerate(("unigram", "bigram", "trigram"), start=1):
        baseline = tuned(order, tokenizer.get_vocab_size(), ids["train"], ids["dev"])
        for split, held_out in losses.items():
            held_out[name] = baseline.loss(ids[split])
    per_byte = {
        split: {name: loss * tokens[split] / size[split] for name, loss in held_out.items()}
        for split, held_out in losses.items()
    }
    return {
        "documents": {split: len(splits[split]) for split in splits},
        "tokens": tokens,
        "bytes": size,
        "nats_per_token": _rounded(losses),
        "nats_per_byte": _rounded(per_byte),
        "uniform_nats_per_token": round(math.log(tokenizer.get_vocab_size()), 4),
    }


def _rounded(table: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {row: {k: round(v, 4) for k, v in values.items()} for row, values in table.items()}


def run(text: Path, out: Path, recipe: Recipe) -> dict[str, Any]:
    """Train on the folder's train split, write the checkpoints and ``metrics.json``.

    Parameters
    ----------
    text : Path
        Folder with one ``*train.conllu``, ``*dev.conllu`` and ``*test.conllu``.
    out : Path
        Folder to write into.
    recipe : Recipe
        Sizes, seed and schedule.

    Returns
    -------
    dict
        What ``metrics.json`` holds.

    Raises
    ------
    UsageError
        If a split is missing or has no text.
    """
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    splits = {name: read_documents(find_split(text, name)) for name in ("train", "dev", "test")}
    tokenizer = train_tokenizer(splits["train"], recipe.vocabulary)
    with reproducible(recipe.seed, recipe.threads):
        checkpoints = train(splits["train"], tokenizer, recipe)
        for name, weights in checkpoints.items():
            write_checkpoint(out / name, weights, tokenizer, recipe)
        losses = measure(out, list(checkpoints), splits, tokenizer)
    metrics = {"recipe": asdict(recipe), "torch": torch.__version__, **losses}
    _write_json(out / "metrics.json", metrics)
    return metrics


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; every field of the recipe is an option."""
    parser = argparse.ArgumentParser(prog="python -m workbench.demo.train_language")
    parser.add_argument("--text", type=Path, required=True, help="folder with CoNLL-U splits")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoints")
    for name, value in asdict(Recipe()).items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=type(value), default=value, help=f"default {value}")
    options = vars(parser.parse_args(arguments))
    text, out = options.pop("text"), options.pop("out")
    print(json.dumps(run(text, out, Recipe(**options))["nats_per_token"], indent=2))


if __name__ == "__main__":
    main()
