"""Language models that were recorded, opened with the weights of all checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.opened import Opened, State, answering, mixture, put, state_of
from analyses.learning_regime.opening import OpeningOptions, recorded_weights
from workbench.capturing.request import CaptureRequest
from workbench.recording.recording import Recording
from workbench.subjects.language.identity import weights_digest
from workbench.subjects.language.model import LanguageModel
from workbench.subjects.language.source import LanguageSource
from workbench.subjects.language.texts import plain

if TYPE_CHECKING:
    import torch

# Texts whose activity is computed for every random drift.
_MOST_MOVED = 48
_SHORTEST = 3


def open_language(recordings: list[Recording], options: OpeningOptions) -> Opened | str:
    """A language model of the address of recordings.

    Parameters
    ----------
    recordings : list of Recording
        One of several checkpoints, or one each of two.
    options : OpeningOptions

    Returns
    -------
    Opened or str
        Or why it cannot be opened.

    Raises
    ------
    WorkbenchError
        If files are missing or damaged.
    """
    if "text" not in recordings[-1].stimuli:
        return "its texts are not in the recording"
    states: list[State] = []
    model: LanguageModel | None = None
    for recording in recordings:
        folders, digests = _folders(recording), recorded_weights(recording) or []
        for folder, digest in zip(folders, digests, strict=True):
            model = LanguageModel(folder, "cpu")
            if weights_digest(model.plain) != digest:
                return "the weights at its address are others than those recorded"
            states.append(state_of(model.plain))
    if model is None:
        return "it names no weights"
    return _opened(model, recordings[-1], states, options)


def _folders(recording: Recording) -> list[str]:
    """Folder or name of every checkpoint."""
    scheme, _, name = str(recording.subject["address"]).partition(":")
    given = recording.manifest.notes.get("checkpoints")
    if scheme == "demo":
        from workbench.demo.language import folder

        names = given or [name.partition("@")[2] or "final"]
        return [str(folder(each)) for each in names]
    return [name] if given is None else [str(Path(name).expanduser() / each) for each in given]


def _opened(
    model: LanguageModel, recording: Recording, states: list[State], options: OpeningOptions
) -> Opened | str:
    put(model.plain, states[0])
    texts = recording.stimuli["text"].astype(str).tolist()
    order = np.random.default_rng([options.seed, 3]).permutation(len(texts))
    chosen = [texts[number] for number in order[: max(_MOST_MOVED, 4 * options.n_stimuli)]]
    source = _source(model, recording, chosen[:_MOST_MOVED])
    ids = _token_ids(model, chosen)
    cut = _cut(ids, options.n_stimuli)
    if cut is None:
        return "its texts are too short for a kernel"
    vocabulary = model.vocabulary
    mixed = mixture(vocabulary, options.n_outputs, options.seed)
    return Opened(
        model.plain,
        states,
        answering(model.plain, lambda given: given.logits[:, -1], mixed),
        cut,
        vocabulary,
        None,
        partial(_activity, source),
        partial(_next_token_loss, model.plain, ids),
    )


def _source(model: LanguageModel, recording: Recording, texts: list[str]) -> LanguageSource:
    request = CaptureRequest(recording.subject["address"], sites=recording.sites, device="cpu")
    return LanguageSource(request, model, map(plain, texts), None)


def _token_ids(model: LanguageModel, texts: list[str]) -> list[list[int]]:
    tokenizer: Any = model.tokenizer
    return [tokenizer(text)["input_ids"][: model.context] for text in texts]


def _cut(ids: list[list[int]], n_stimuli: int) -> torch.Tensor | None:
    """The beginnings of texts, of one length, for kernels of what comes next."""
    import torch

    lengths = sorted((len(each) for each in ids), reverse=True)
    length = lengths[min(n_stimuli, len(lengths)) - 1]
    length = max(length, lengths[len(lengths) // 2])
    kept = [each[:length] for each in ids if len(each) >= length][:n_stimuli]
    if length < _SHORTEST or len(kept) < _SHORTEST:
        return None
    return torch.tensor(kept)


def _activity(source: LanguageSource, sites: Sequence[str]) -> dict[str, NDArray]:
    parts = [source.activity(number, sites) for number in range(len(source.plan))]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _next_token_loss(network: torch.nn.Module, ids: list[list[int]]) -> dict[str, float]:
    """Mean cross-entropy of every token but the first, in nats, and how often it is foreseen."""
    import torch

    total, right, count = 0.0, 0, 0
    with torch.no_grad():
        for each in ids:
            if len(each) < 2:
                continue
            given = torch.tensor([each])
            logits: torch.Tensor = network(input_ids=given).logits[0, :-1]
            wanted = given[0, 1:]
            total += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
            right += int((logits.argmax(1) == wanted).sum())
            count += len(wanted)
    return {"loss": total / count, "accuracy": right / count} if count else {}
