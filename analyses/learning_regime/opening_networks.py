"""Networks that were recorded, opened with the weights of all checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.learning_regime.opened import Opened, State, answering, mixture, put, state_of
from analyses.learning_regime.opening import OpeningOptions, recorded_weights
from workbench.capturing.request import make_request
from workbench.recording.recording import Recording
from workbench.subjects.addresses import open_source
from workbench.subjects.networks.digests import weights_digest
from workbench.subjects.networks.source import NetworkSource

if TYPE_CHECKING:
    import torch


def open_network(recordings: list[Recording], options: OpeningOptions) -> Opened | str:
    """A network of the address of recordings.

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
    sources = [_source(each) for each in recordings]
    if not all(isinstance(each, NetworkSource) for each in sources):
        return "only networks and language models are opened again"
    states = []
    for source, recording in zip(sources, recordings, strict=True):
        found = _states(source, recording)
        if found is None:
            return "the weights at its address are others than those recorded"
        states += found
    source, recording = sources[-1], recordings[-1]
    if source.stimuli.inputs.digest(len(recording.stimuli)) != recording.manifest.ingredients.get(
        "stimuli"
    ):
        return "the stimuli at hand are others than those recorded"
    return _opened(source, recording, states, options)


def _source(recording: Recording) -> Any:
    given = dict(recording.manifest.notes.get("opened_with", {}))
    time = recording.manifest.ingredients.get("time", {})
    return open_source(
        make_request(
            subject=recording.subject["address"],
            sites=recording.sites,
            positions=time.get("positions", "all"),
            device="cpu",
            **given,
        ),
        None,
    )


def _states(source: NetworkSource, recording: Recording) -> list[State] | None:
    """Weights of every checkpoint; None if they are not those recorded."""
    subject = source.network_subject
    found: list[State] = []
    digests = recorded_weights(recording) or []
    if len(digests) != max(1, len(subject.checkpoints)):
        return None
    for number, digest in enumerate(digests):
        network = subject.load(number) if subject.checkpoints else subject.network
        if weights_digest(network) != digest:
            return None
        found.append(state_of(network))
    return found


def _opened(
    source: NetworkSource, recording: Recording, states: list[State], options: OpeningOptions
) -> Opened | str:
    import torch

    network = source.network_subject.network
    put(network, states[0])
    chosen = _chosen(len(recording.stimuli), options)
    batch = _batch(source, chosen)
    if list(batch) != [""] or batch[""].dtype.kind != "f":
        return "its input is not one array of floating point numbers"
    inputs = torch.from_numpy(batch[""])
    with torch.no_grad():
        outputs = _first_tensor(network(inputs))
    if outputs is None or len(outputs) != len(inputs):
        return "its first output has no row for every stimulus"
    n_outputs = int(outputs[0].numel())
    labels = _labels(recording, options.labels, chosen)
    score, reason = _scores(network, inputs, outputs, labels)
    return Opened(
        network,
        states,
        answering(network, _first_tensor, mixture(n_outputs, options.n_outputs, options.seed)),
        inputs[: options.n_stimuli],
        n_outputs,
        None if labels is None else labels[: options.n_stimuli],
        partial(_activity, source, batch),
        score,
        reason,
    )


def _chosen(n_stimuli: int, options: OpeningOptions) -> NDArray[np.int64]:
    """Stimuli in a random order, enough for a loss; kernels take the first of them."""
    order = np.random.default_rng([options.seed, 3]).permutation(n_stimuli)
    return order[: max(256, options.n_stimuli)]


def _batch(source: NetworkSource, chosen: NDArray[np.int64]) -> dict[str, NDArray]:
    parts = [source.stimuli.inputs.read(int(each), int(each) + 1) for each in chosen]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _first_tensor(value: Any) -> Any:
    """The first tensor in what a network gives; None if there is none."""
    if hasattr(value, "detach"):
        return value if value.is_floating_point() and value.ndim else None
    parts = value.values() if hasattr(value, "values") else value
    if not isinstance(value, (tuple, list)) and not hasattr(value, "values"):
        return None
    return next((found for found in map(_first_tensor, parts) if found is not None), None)


def _activity(
    source: NetworkSource, batch: dict[str, NDArray], sites: Sequence[str]
) -> dict[str, NDArray]:
    few = {name: values[:_MOST_MOVED] for name, values in batch.items()}
    return {name: values.numpy() for name, values in source.show(few, sites).items()}


# Stimuli whose activity is computed for every random drift.
_MOST_MOVED = 64


def _labels(recording: Recording, column: str | None, chosen: NDArray) -> NDArray | None:
    """Labels of stimuli, if all rows of a stimulus have the same."""
    if column is None or column not in recording.stimuli:
        return None
    values: NDArray = recording.stimuli[column].to_numpy()[chosen]
    return values


def _scores(
    network: torch.nn.Module,
    inputs: torch.Tensor,
    outputs: torch.Tensor,
    labels: NDArray | None,
) -> tuple[Callable[[], dict[str, float]], str]:
    if labels is None:
        return dict, "no labels of stimuli were given"
    whole = labels.dtype.kind in "iu" and int(labels.min()) >= 0
    if outputs.ndim != 2 or not whole or int(labels.max()) >= outputs.shape[1]:
        return dict, "labels are no numbers of outputs"
    return partial(_classification, network, inputs, labels), ""


def _classification(
    network: torch.nn.Module, inputs: torch.Tensor, labels: NDArray
) -> dict[str, float]:
    """Cross-entropy and accuracy among the outputs that the labels name."""
    import torch

    classes, wanted = np.unique(labels, return_inverse=True)
    with torch.no_grad():
        logits = _first_tensor(network(inputs))[:, torch.from_numpy(classes)]
    target = torch.from_numpy(wanted)
    return {
        "loss": float(torch.nn.functional.cross_entropy(logits, target)),
        "accuracy": float((logits.argmax(1) == target).float().mean()),
    }
