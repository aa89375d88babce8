"""Families of small language models whose descent is known, grown from independent seeds.

All roots have one architecture, one tokenizer and one text; only their seeds differ. Children of
one kind learn the same text under every root, so that what a model learnt last points to the wrong
family: descent has to beat it.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.demo.corpus import Document, read_documents
from workbench.demo.muon import Muon
from workbench.demo.reproducible import reproducible
from workbench.demo.sentences import sentences
from workbench.demo.train_language import (
    Recipe,
    model_config,
    rate_factor,
    train_tokenizer,
    training_windows,
)

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import GPT2LMHeadModel

TEXT = "text/UD_English-EWT/en_ewt-ud-{}.conllu"
GENERATED = "generated"
MERGE = "merge"


@dataclass(frozen=True)
class Growth:
    """Sizes of the experiment; with the seed and the text they decide every weight."""

    n_roots: int = 6
    seed: int = 0
    layers: int = 6
    width: int = 64
    heads: int = 4
    vocabulary: int = 1024
    context: int = 64
    batch_size: int = 8
    root_steps: int = 700
    tuning_steps: int = 80
    student_steps: int = 400
    learning_rate: float = 4e-3
    matrix_rate: float = 0.03
    tuning_rate: float = 1e-3
    lora_rate: float = 3e-3
    lora_rank: int = 4
    pruned_share: float = 0.4

    def recipe(self, seed: int) -> Recipe:
        """The same sizes as the demonstration's training takes them."""
        return Recipe(
            seed=seed,
            batch_size=self.batch_size,
            dropout=0.0,
            vocabulary=self.vocabulary,
            context=self.context,
            layers=self.layers,
            heads=self.heads,
            width=self.width,
        )


@dataclass(frozen=True)
class Member:
    """One kind of descendant: who its parents are, how it is made and of what text."""

    kind: str
    parents: tuple[str, ...]
    how: str
    genre: str = ""


@dataclass(frozen=True)
class Making:
    """What a model is made of."""

    parents: Sequence[Any]
    windows: Iterator[list[int]]
    growth: Growth
    seed: int

    def child(self) -> GPT2LMHeadModel:
        """A copy of the first parent, to be changed."""
        return copy.deepcopy(self.parents[0])


# Ten models a family with the root, in an order in which parents come first.
MEMBERS = (
    Member("tuned_a", ("root",), "tune", "reviews"),
    Member("tuned_b", ("root",), "tune", "email"),
    Member("tuned_a_c", ("tuned_a",), "tune", GENERATED),
    Member("lora", ("root",), "lora", "answers"),
    Member("tuned_a_int8", ("tuned_a",), "int8"),
    Member("tuned_b_int4", ("tuned_b",), "int4"),
    Member("pruned", ("root",), "prune"),
    Member("student", ("root",), "distil", "all"),
    Member(MERGE, ("tuned_a", "tuned_b"), "merge"),
)


def pedigree(n_roots: int) -> dict[str, tuple[str, ...]]:
    """Parents of every model, by name; roots have none."""
    found: dict[str, tuple[str, ...]] = {}
    for number in range(n_roots):
        family = _family(number)
        found[f"{family}.root"] = ()
        for member in MEMBERS:
            found[f"{family}.{member.kind}"] = tuple(f"{family}.{p}" for p in member.parents)
    return found


def _family(number: int) -> str:
    return chr(ord("A") + number)


def genres(data: Path, split: str) -> dict[str, list[Document]]:
    """Documents of a split of UD English EWT by genre, and generated sentences beside them."""
    path = data / TEXT.format(split)
    lines = path.read_text(encoding="utf-8").splitlines()
    names = [line.split("= ")[1].split("-")[0] for line in lines if line.startswith("# newdoc id")]
    found: dict[str, list[Document]] = {}
    for name, document in zip(names, read_documents(path), strict=True):
        found.setdefault(name, []).append(document)
    drawn = [each.text for each in sentences(4000)]
    own = drawn[:3200] if split == "train" else drawn[3200:]
    found[GENERATED] = [Document((tuple(own[i : i + 20]),)) for i in range(0, len(own), 20)]
    found["all"] = [document for documents in found.values() for document in documents]
    return found


def grow(data: Path, growth: Growth, folder: Path) -> dict[str, Path]:
    """Grow all families, or take from the folder what the same settings grew before.

    Returns
    -------
    dict of str to Path
        Weights of every model, as safetensors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "growth.json"
    text = json.dumps(asdict(growth), sort_keys=True)
    if settings.exists() and settings.read_text(encoding="utf-8") != text:
        raise SystemExit(f"{folder} holds models of other settings: choose another --out.")
    settings.write_text(text, encoding="utf-8")
    documents = genres(data, "train")
    tokenizer = train_tokenizer(documents["all"], growth.vocabulary)
    tokenizer.save(str(folder / "tokenizer.json"))
    for number in range(growth.n_roots):
        start = time.process_time()
        _grow_family(number, growth, documents, tokenizer, folder)
        spent = time.process_time() - start
        print(f"family {_family(number)}: {spent:.0f} s of CPU", file=sys.stderr, flush=True)
    return {name: folder / f"{name}.safetensors" for name in pedigree(growth.n_roots)}


def open_model(path: Path, growth: Growth) -> GPT2LMHeadModel:
    """A model with the weights of a file, in evaluation mode."""
    from safetensors.torch import load_file

    model = _fresh(growth, 0)
    missing, unexpected = model.load_state_dict(load_file(path), strict=False)
    if unexpected or set(missing) - {"lm_head.weight"}:
        raise SystemExit(f"{path} does not fit the model: {missing}, {unexpected}.")
    return model.eval()


def _grow_family(
    number: int,
    growth: Growth,
    documents: dict[str, list[Document]],
    tokenizer: Tokenizer,
    folder: Path,
) -> None:
    family = _family(number)
    seed = 1000 * growth.seed + 100 * (number + 1)
    grown: dict[str, Any] = {}
    for place, member in enumerate((Member("root", (), "train", "all"), *MEMBERS)):
        path = folder / f"{family}.{member.kind}.safetensors"
        if path.exists():
            grown[member.kind] = open_model(path, growth)
            continue
        recipe = growth.recipe(seed + place)
        with reproducible(recipe.seed, 1):
            windows = training_windows(documents[member.genre or "all"], tokenizer, recipe)
            parents = [grown[parent] for parent in member.parents]
            making = Making(parents, windows, growth, recipe.seed)
            grown[member.kind] = _HOW[member.how](making)
        _save(grown[member.kind], path)


def _save(model: GPT2LMHeadModel, path: Path) -> None:
    from safetensors.torch import save_file

    kept = {k: v.contiguous() for k, v in model.state_dict().items() if k != "lm_head.weight"}
    save_file(kept, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


def _fresh(growth: Growth, seed: int) -> GPT2LMHeadModel:
    import torch
    from transformers import GPT2LMHeadModel

    torch.manual_seed(seed)
    return GPT2LMHeadModel(model_config(growth.recipe(seed), growth.vocabulary))


def _trained(
    model: GPT2LMHeadModel,
    making: Making,
    steps: int,
    rate: float,
    matrix_rate: float = 0.0,
    teacher: GPT2LMHeadModel | None = None,
) -> GPT2LMHeadModel:
    """Next-token training, or towards the teacher's probabilities where there is a teacher.

    With a rate for matrices those between the layers learn by Muon, which is much faster from
    scratch; everything else learns by AdamW.
    """
    import torch
    from torch.nn.functional import cross_entropy

    learnt = {name: each for name, each in model.named_parameters() if each.requires_grad}
    between = [n for n, each in learnt.items() if matrix_rate and each.ndim == 2 and ".h." in n]
    muon = Muon([learnt[name] for name in between], matrix_rate, weight_decay=0.1)
    rest = [each for name, each in learnt.items() if name not in between]
    adam = torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    model.train()
    for step in range(steps):
        batch = torch.tensor([next(making.windows) for _ in range(making.growth.batch_size)])
        logits = model(input_ids=batch[:, :-1]).logits.flatten(0, 1)
        if teacher is None:
            target = batch[:, 1:].flatten()
        else:
            with torch.no_grad():
                target = teacher(input_ids=batch[:, :-1]).logits.flatten(0, 1).softmax(-1)
        loss = cross_entropy(logits, target)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learnt.values(), 1.0)
        factor = rate_factor(step, steps, 0.05)
        muon.step(factor)
        adam.param_groups[0]["lr"] = rate * factor
        adam.step()
    return model.eval()


def _train(making: Making) -> GPT2LMHeadModel:
    growth = making.growth
    root = _fresh(growth, making.seed)
    return _trained(root, making, growth.root_steps, growth.learning_rate, growth.matrix_rate)


def _tune(making: Making) -> GPT2LMHeadModel:
    growth = making.growth
    return _trained(making.child(), making, growth.tuning_steps, growth.tuning_rate)


def _distil(making: Making) -> GPT2LMHeadModel:
    growth = making.growth
    student, rates = _fresh(growth, making.seed), (growth.learning_rate, growth.matrix_rate)
    return _trained(student, making, growth.student_steps, *rates, making.parents[0])


def _lora(making: Making) -> GPT2LMHeadModel:
    """Low-rank updates of all matrices between the layers, merged into the weights at the end."""
    import torch
    from torch.nn.utils import parametrize
    from transformers.pytorch_utils import Conv1D

    growth = making.growth

    class LowRank(torch.nn.Module):
        def __init__(self, shape: Sequence[int]) -> None:
            super().__init__()
            self.down = torch.nn.Parameter(torch.randn(shape[0], growth.lora_rank) * 0.02)
            self.up = torch.nn.Parameter(torch.zeros(growth.lora_rank, shape[1]))

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight + self.down @ self.up

    child = making.child()
    child.requires_grad_(False)
    layers = [each for each in child.modules() if isinstance(each, Conv1D)]
    for layer in layers:
        parametrize.register_parametrization(layer, "weight", LowRank(layer.weight.shape))
    _trained(child, making, growth.tuning_steps, growth.lora_rate)
    for layer in layers:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return child


def _rounded(making: Making, bits: int) -> GPT2LMHeadModel:
    """Symmetric rounding of every matrix, one scale a column."""
    import torch

    child, levels = making.child(), 2 ** (bits - 1) - 1
    with torch.no_grad():
        for weight in _matrices(child):
            scale = weight.abs().amax(0, keepdim=True).clamp(min=1e-12) / levels
            weight.copy_((weight / scale).round() * scale)
    return child


def _prune(making: Making) -> GPT2LMHeadModel:
    """The smallest weights of every matrix between the layers set to zero."""
    import torch

    child = making.child()
    with torch.no_grad():
        for weight in _matrices(child)[2:]:
            threshold = weight.abs().flatten().quantile(making.growth.pruned_share)
            weight[weight.abs() < threshold] = 0
    return child


def _merge(making: Making) -> GPT2LMHeadModel:
    """The mean of two models' weights."""
    import torch

    child = making.child()
    with torch.no_grad():
        for own, other in zip(child.parameters(), making.parents[1].parameters(), strict=True):
            own.copy_((own + other) / 2)
    return child


def _matrices(model: GPT2LMHeadModel) -> list[torch.Tensor]:
    """All matrices: token and position embeddings first, then those between the layers."""
    return [each for each in model.parameters() if each.ndim == 2]


_HOW: dict[str, Callable[[Making], GPT2LMHeadModel]] = {
    "train": _train,
    "tune": _tune,
    "lora": _lora,
    "int8": partial(_rounded, bits=8),
    "int4": partial(_rounded, bits=4),
    "prune": _prune,
    "distil": _distil,
    MERGE: _merge,
}
