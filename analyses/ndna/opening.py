"""Opening a model with its prompts: states along depth, and the right class of each position."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.belief import check_targets
from analyses.ndna.heads import Blocks, find_blocks, watched
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch

_MASKED_SHARE = 0.15


@dataclass(frozen=True)
class Prompt:
    """One prompt within a model.

    Attributes
    ----------
    states : Tensor (rows, nodes, units)
    targets : Tensor (rows,) of int, or None
    """

    states: torch.Tensor
    targets: torch.Tensor | None


@dataclass(frozen=True)
class Opened:
    """A model, with a lens and with prompts.

    Attributes
    ----------
    name : str
    blocks : Blocks
    read : callable
        Gives the prompts anew, one after the other.
    vocabulary : str
        Digest of what the classes are.
    attributes : dict
        What readers need besides.
    """

    name: str
    blocks: Blocks
    read: Callable[[], Iterator[Prompt]]
    vocabulary: str
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the nodes, as a recording has them."""
        after = [f"blocks.{n}.hook_resid_post" for n in range(len(self.blocks.blocks))]
        return ("blocks.0.hook_resid_pre", *after)


def model_name(address: str) -> str | None:
    """Folder or name of a language model's address; None for other subjects.

    Parameters
    ----------
    address : str

    Returns
    -------
    str or None

    Examples
    --------
    >>> model_name("hf:./model"), model_name("demo:brain")
    ('./model', None)
    """
    from workbench.demo.language import folder

    scheme, _, name = address.partition(":")
    demo, _, checkpoint = name.partition("@")
    if (scheme, demo) == ("demo", "language"):
        return str(folder(checkpoint or "final"))
    return name if scheme == "hf" and name else None


def open_language(
    model: Any,
    inputs: Any,
    *,
    tokenizer: Any = None,
    name: str | None = None,
    device: str = "auto",
    temperature: float = 1.0,
    seed: int = 0,
) -> Opened:
    """Open a language model with texts.

    Parameters
    ----------
    model : str or transformers model
        Address, or a causal or masked language model.
    inputs : sequence of str, path of a text, or sequence of arrays of int (tokens,)
        One prompt each; longer ones than the model's context are cut.
    tokenizer : Hugging Face tokenizer, optional
        For texts, where the model is given itself.
    name : str, optional
        For readers.
    device : str
    temperature : float
    seed : int
        Of the positions that are masked for a masked language model.

    Returns
    -------
    Opened

    Raises
    ------
    UsageError
        If the model has no lens, texts come without tokenizer, ids are out of range, or no prompt
        has two tokens.
    """
    import torch

    address = model if isinstance(model, str) else None
    if address is not None:
        model, tokenizer = _loaded(address, device)
    context = _context(model)
    prompts, n_left_out = _token_ids(inputs, tokenizer, context)
    n_ids = model.get_input_embeddings().weight.shape[0]
    for ids in prompts:
        check_targets(ids, n_ids)
    where = next(model.parameters()).device
    model.eval()
    first = torch.from_numpy(prompts[0][None, : min(8, len(prompts[0]))]).to(where)
    blocks = find_blocks(model, lambda: model(input_ids=first), temperature)
    masking = _Masking.of(model, tokenizer, seed)

    def read() -> Iterator[Prompt]:
        for number, ids in enumerate(prompts):
            yield _read_ids(model, blocks, torch.from_numpy(ids).to(where), masking, number)

    n_rows = sum(masking.n_rows(ids, number) for number, ids in enumerate(prompts))
    attributes = {
        "n_prompts": len(prompts),
        "n_positions": n_rows,
        "n_prompts_left_out": n_left_out,
        "target": masking.target,
    }
    shown = name or address or type(model).__name__
    return Opened(shown, blocks, read, vocabulary_digest(tokenizer, n_ids), attributes)


def open_classifier(
    model: Any,
    inputs: Any,
    targets: Any = None,
    *,
    name: str | None = None,
    temperature: float = 1.0,
    batch_size: int = 32,
) -> Opened:
    """Open an image classifier of transformers whose head reads the first token.

    Parameters
    ----------
    model : transformers model
    inputs : array or Tensor (images, channels, height, width)
        As the model takes them; every image is a prompt of one position.
    targets : array of int (images,), optional
        Right classes.
    name : str, optional
    temperature : float
    batch_size : int

    Returns
    -------
    Opened

    Raises
    ------
    UsageError
        If the model has no such head, or targets do not fit.
    """
    import torch

    where = next(model.parameters()).device
    pixels = torch.as_tensor(np.asarray(inputs)).to(where, next(model.parameters()).dtype)
    labels = as_targets(targets, len(pixels))
    model.eval()
    blocks = find_blocks(model, lambda: model(pixel_values=pixels[:2]), temperature, position=0)
    if labels is not None:
        check_targets(labels, blocks.lens.weight.shape[0])

    def read() -> Iterator[Prompt]:
        for start in range(0, len(pixels), batch_size):
            batch = pixels[start : start + batch_size]
            run = lambda batch=batch: model.base_model(pixel_values=batch)  # noqa: E731
            states, _ = watched(blocks.blocks, run)
            for number, state in enumerate(states[:, 0], start):
                label = None if labels is None else labels[number : number + 1].to(where)
                yield Prompt(state[None], label)

    attributes = {"n_prompts": len(pixels), "n_positions": len(pixels), "target": "class"}
    shown = name or type(model).__name__
    return Opened(shown, blocks, read, f"{shown} {blocks.lens.weight.shape[0]}", attributes)


def as_targets(targets: Any, n_rows: int) -> torch.Tensor | None:
    """Right classes as a tensor (rows,).

    Raises
    ------
    UsageError
        If there are not as many as rows, or they are not whole numbers.
    """
    import torch

    if targets is None:
        return None
    labels = torch.from_numpy(np.array(targets))
    if tuple(labels.shape) != (n_rows,) or labels.is_floating_point():
        raise UsageError(
            f"Found targets of shape {tuple(labels.shape)} and type {labels.dtype}; expected "
            f"{n_rows} whole numbers, one for each input."
        )
    return labels.long()


@dataclass(frozen=True)
class _Masking:
    """Which positions are read, and whether their tokens are hidden from the model."""

    is_masked: bool
    mask: int | None
    seed: int

    @classmethod
    def of(cls, model: Any, tokenizer: Any, seed: int) -> _Masking:
        is_masked = "MaskedLM" in type(model).__name__
        return cls(is_masked, getattr(tokenizer, "mask_token_id", None), seed)

    @property
    def target(self) -> str:
        """What targets are, for readers."""
        if not self.is_masked:
            return "next token"
        return "own token, visible" if self.mask is None else "own token, masked"

    def places(self, n_tokens: int, number: int) -> NDArray[np.int64]:
        """Positions that are hidden, where tokens are: fifteen in a hundred, at least one."""
        generator = np.random.default_rng([self.seed, number])
        n_hidden = max(1, round(_MASKED_SHARE * n_tokens))
        return np.sort(generator.choice(n_tokens, n_hidden, replace=False))

    def n_rows(self, ids: NDArray, number: int) -> int:
        """Positions that are read of a prompt."""
        if not self.is_masked:
            return len(ids) - 1
        return len(ids) if self.mask is None else len(self.places(len(ids), number))


def _read_ids(
    model: Any, blocks: Blocks, ids: torch.Tensor, masking: _Masking, number: int
) -> Prompt:
    """States and targets of a prompt; the head itself does not run."""
    import torch

    shown, targets = ids, ids[1:]
    rows: Any = slice(None, -1)
    if masking.is_masked:
        rows, targets = slice(None), ids
        if masking.mask is not None:
            places = torch.from_numpy(masking.places(len(ids), number)).to(ids.device)
            shown, rows, targets = ids.clone(), places, ids[places]
            shown[places] = masking.mask
    states = blocks.states(lambda: model.base_model(input_ids=shown[None]))
    return Prompt(states[0][rows], targets)


def _loaded(address: str, device: str) -> tuple[Any, Any]:
    from workbench.subjects.language.loading import load_network, load_tokenizer, resolve_device

    name = model_name(address)
    if name is None:
        raise UsageError(
            f"Found subject '{address}'; expected a language model, 'hf:NAME_OR_FOLDER' or "
            "'demo:language', or a model itself."
        )
    network = load_network(name, resolve_device(device), "float32")
    if network.missing:
        raise UsageError(
            f"Found no weights for '{min(network.missing)}' in '{name}', so what reads its layers "
            "would be random; expected no head to be missing: give a whole language model."
        )
    return network.plain, load_tokenizer(name)


def _context(model: Any) -> int:
    config = model.config
    for key in ("n_positions", "max_position_embeddings", "n_ctx"):
        size = getattr(config, key, None)
        if size:
            # RoBERTa counts positions from behind the index of its padding token.
            skipped = config.pad_token_id or 0 if "roberta" in str(config.model_type) else -1
            return int(size) - int(skipped) - 1
    return 1024


def _token_ids(inputs: Any, tokenizer: Any, context: int) -> tuple[list[NDArray[np.int64]], int]:
    """Token ids of each prompt, and how many prompts were too short."""
    given = [inputs] if isinstance(inputs, str) and not _is_file(inputs) else inputs
    is_text = isinstance(given, str | Path) or (len(given) and isinstance(given[0], str))
    rows = _tokenized(given, tokenizer) if is_text else [np.asarray(each) for each in given]
    kept = []
    for ids in rows:
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise UsageError(
                f"Found token ids of shape {ids.shape} and type {ids.dtype}; expected a row of "
                "whole numbers for each prompt, or texts."
            )
        kept.append(ids[:context].astype(np.int64))
    long_enough = [ids for ids in kept if len(ids) > 1]
    if not long_enough:
        raise UsageError(
            f"Found no prompt of two tokens or more among {len(kept)}; expected at least one."
        )
    return long_enough, len(kept) - len(long_enough)


def _is_file(text: str) -> bool:
    return text.endswith((".txt", ".jsonl", ".conllu", ".parquet"))


def _tokenized(given: Sequence[str] | str | Path, tokenizer: Any) -> list[NDArray]:
    from workbench.subjects.language.texts import open_texts
    from workbench.subjects.language.tokens import tokenize

    if tokenizer is None:
        raise UsageError(
            "Found texts for a model without tokenizer; expected token ids, or tokenizer= too."
        )
    texts = open_texts(Path(given) if isinstance(given, str | Path) else given)
    return [text.ids for text in tokenize(texts, tokenizer)]


def vocabulary_digest(tokenizer: Any, n_ids: int) -> str:
    """Digest of a tokenizer and of how many classes the head has."""
    from workbench.subjects.language.identity import tokenizer_digest

    # Without tokenizer nothing tells two vocabularies of one size apart.
    return f"{tokenizer_digest(tokenizer)[:16]} {n_ids}"
