"""The lens of a recorded language model, and the recorded states that it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.lenses import HeadLens
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    import torch

    from analyses.ndna.opening import Prompt
    from analyses.ndna.paths import ChosenRows
    from workbench.recording.recording import Recording

_STREAM = re.compile(r"blocks\.\d+\.hook_resid_(pre|post)$")


@dataclass(frozen=True)
class RecordedLens:
    """A lens for recorded states.

    Attributes
    ----------
    lens : HeadLens
    vocabulary : str
    """

    lens: HeadLens
    vocabulary: str


def find_lens(recording: Recording, sites: list[str], temperature: float) -> RecordedLens | str:
    """The lens of the model that was recorded, where it can be opened here.

    Parameters
    ----------
    recording : Recording
    sites : list of str
    temperature : float

    Returns
    -------
    RecordedLens or str
        Or why there is none.
    """
    from analyses.ndna.opening import model_name

    name = model_name(str(recording.subject.get("address", "")))
    obstacles = {
        "a brain has no head to read probabilities with": recording.kind == "brain",
        "the subject is no language model; NDNA().curves() reads classifiers": (
            recording.kind != "language"
        ),
        "the sites are not those of the residual stream": not all(map(_STREAM.search, sites)),
        "rows are not single tokens": "token_id" not in recording.rows,
        "the model is not at hand": name is None,
    }
    for reason, holds in obstacles.items():
        if holds:
            return reason
    try:
        return _opened(recording, str(name), temperature)
    except WorkbenchError as error:
        return f"the model could not be opened ({str(error).rstrip('.')})"


def _opened(recording: Recording, name: str, temperature: float) -> RecordedLens | str:
    import torch

    from analyses.ndna.heads import find_blocks
    from analyses.ndna.opening import vocabulary_digest
    from workbench.subjects.language.identity import weights_digest
    from workbench.subjects.language.loading import load_network, load_tokenizer

    network = load_network(name, "cpu", "float32")
    recorded = recording.manifest.ingredients.get("subject", {}).get("weights")
    if recorded != weights_digest(network.plain, network.missing):
        return "the weights at its address are others than those recorded"
    if network.missing:
        return f"no file held its weights '{min(network.missing)}'"
    model: torch.nn.Module = network.plain
    ids = torch.arange(4)[None]
    blocks = find_blocks(model, lambda: model(input_ids=ids), temperature)
    n_ids = blocks.lens.weight.shape[0]
    return RecordedLens(blocks.lens, vocabulary_digest(load_tokenizer(name), n_ids))


def recorded_prompts(
    recording: Recording, chosen: ChosenRows, states: NDArray[np.float64]
) -> tuple[list[Prompt], NDArray[np.int64]]:
    """Prompts of the rows whose next token was recorded too.

    Parameters
    ----------
    recording : Recording
    chosen : ChosenRows
    states : ndarray (rows, nodes, units)

    Returns
    -------
    prompts : list of Prompt
    groups : ndarray (prompts,) of int
        Which group of rows each is.
    """
    import torch

    from analyses.ndna.opening import Prompt

    ids = recording.rows["token_id"].to_numpy()[chosen.rows].astype(np.int64)
    position = recording.rows["position"].to_numpy()[chosen.rows]
    follows = (np.diff(position) == 1) & (np.diff(chosen.groups) == 0)
    prompts, groups = [], []
    for group in np.unique(chosen.groups):
        rows = np.flatnonzero(follows & (chosen.groups[:-1] == group))
        if len(rows):
            values = torch.from_numpy(states[rows].astype(np.float32))
            prompts.append(Prompt(values, torch.from_numpy(ids[rows + 1])))
            groups.append(group)
    return prompts, np.array(groups, dtype=np.int64)
