"""State of training on disk: one file, written whole or not at all, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyses.atoms.training import Settings, Trainer
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.files import write_atomically

if TYPE_CHECKING:
    import torch

    from analyses.atoms.feeding import Feed
    from analyses.atoms.sae import ThresholdSAE

FILE = "training.safetensors"
_FORMAT = 1


@dataclass
class Progress:
    """Where a run stands.

    Attributes
    ----------
    trainers : list of Trainer
    position : int
        Batches that were used.
    """

    trainers: list[Trainer]
    position: int


def write_progress(
    folder: str | Path, saes: Sequence[ThresholdSAE], progress: Progress, feed: Feed
) -> Path:
    """Write the state of a run.

    Parameters
    ----------
    folder : path
    saes : sequence of ThresholdSAE
    progress : Progress
    feed : Feed

    Returns
    -------
    Path
        Of the file.
    """
    facts = {"position": progress.position, "rows": feed.n_rows, "units": feed.units}
    return _write(Path(folder), saes, progress.trainers, feed.site, facts)


def save_checkpoint(sae: ThresholdSAE, folder: str | Path) -> Path:
    """Write a fitted autoencoder with the state of its optimizer, to go on with `partial_fit`.

    Parameters
    ----------
    sae : ThresholdSAE
    folder : path

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    UsageError
        If it was not trained here.
    """
    if sae._trainer is None:
        raise UsageError(
            "Found an autoencoder without the state of its training; expected one that was fitted "
            "here: use save for its weights alone."
        )
    return _write(Path(folder), [sae], [sae._trainer], sae.site_, {})


def load_checkpoint(folder: str | Path) -> ThresholdSAE:
    """Read an autoencoder that `save_checkpoint` or an interrupted or finished `fit` wrote.

    Parameters
    ----------
    folder : path

    Returns
    -------
    ThresholdSAE

    Raises
    ------
    UsageError
        If there is none, or it holds several.
    WorkbenchError
        If the file is damaged.
    """
    from analyses.atoms.sae import ThresholdSAE

    facts, tensors = _read(Path(folder))
    if len(facts["parameters"]) != 1:
        raise UsageError(
            f"Found a checkpoint of {len(facts['parameters'])} autoencoders in '{folder}'; "
            "expected one: go on with fit_many."
        )
    sae = ThresholdSAE(**facts["parameters"][0])
    sae._take(_trainers(facts, tensors)[0], facts["site"])
    return sae


def read_progress(
    folder: str | Path, saes: Sequence[ThresholdSAE], steps: Sequence[int], feed: Feed
) -> Progress | None:
    """State of an interrupted run, if there is one.

    Parameters
    ----------
    folder : path
    saes : sequence of ThresholdSAE
    steps : sequence of int
        Of each.
    feed : Feed

    Returns
    -------
    Progress or None

    Raises
    ------
    UsageError
        If it belongs to other parameters or other activity.
    WorkbenchError
        If the file is damaged.
    """
    if not (Path(folder) / FILE).exists():
        return None
    facts, tensors = _read(Path(folder))
    _check_same_run(folder, facts, saes, steps, feed)
    return Progress(_trainers(facts, tensors), int(facts["position"]))


def _write(
    folder: Path,
    saes: Sequence[ThresholdSAE],
    trainers: Sequence[Trainer],
    site: str | None,
    more: dict[str, Any],
) -> Path:
    from safetensors.torch import save

    facts = {
        "format": _FORMAT,
        "parameters": [sae.get_params() for sae in saes],
        "settings": [asdict(trainer.settings) for trainer in trainers],
        "scales": [trainer.scale for trainer in trainers],
        "steps": [trainer.step_number for trainer in trainers],
        "validations": [trainer.validation for trainer in trainers],
        "site": site,
        **more,
    }
    tensors = {
        f"{number}.{name}": value.detach().cpu().contiguous()
        for number, trainer in enumerate(trainers)
        for name, value in trainer.tensors().items()
    }
    # Copies: weights of one start may share their memory, which the format does not allow.
    given = {name: value.clone() for name, value in tensors.items()}
    write_atomically(folder, FILE, [save(given, {"training": json.dumps(facts)})])
    return folder / FILE


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    from safetensors import SafetensorError, safe_open

    path = folder / FILE
    if not path.exists():
        raise UsageError(
            f"Found no '{FILE}' in '{folder}'; expected the folder that training wrote to."
        )
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["training"])
            # Copies lie where new tensors lie: sums over memory that starts elsewhere round
            # differently.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        if facts["format"] != _FORMAT:
            raise KeyError(facts["format"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise WorkbenchError(
            f"Cannot read the state of training in '{path}' ({error}); expected what fit wrote: "
            "remove the file to start again."
        ) from error
    return facts, tensors


def _trainers(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> list[Trainer]:
    made = []
    for number, settings in enumerate(facts["settings"]):
        start = f"{number}."
        own = {
            name.removeprefix(start): value
            for name, value in tensors.items()
            if name.startswith(start)
        }
        trainer = Trainer.restored(
            Settings(**settings), facts["scales"][number], own, facts["steps"][number]
        )
        trainer.validation = [(int(n), r2, l0) for n, r2, l0 in facts["validations"][number]]
        made.append(trainer)
    return made


def _check_same_run(
    folder: str | Path,
    facts: dict[str, Any],
    saes: Sequence[ThresholdSAE],
    steps: Sequence[int],
    feed: Feed,
) -> None:
    from analyses.atoms.checking import settings_of

    now = {
        "settings": [
            asdict(settings_of(sae, n, feed.units)) for sae, n in zip(saes, steps, strict=True)
        ],
        "site": feed.site,
        "rows": feed.n_rows,
        "units": feed.units,
    }
    if "position" in facts:
        differing = [name for name, value in now.items() if facts.get(name) != value]
    else:
        differing = ["purpose"]
    if differing:
        raise UsageError(
            f"Found the state of another run in '{folder}' (its {differing[0]} differ); expected "
            "the same parameters and activity: choose another folder, or remove it."
        )
