"""Several autoencoders from one pass over the activity: widths, seeds, activations, targets."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.atoms.checking import (
    check_parameters,
    check_rows,
    check_same,
    settings_of,
    steps_of,
    warn_of_target,
)
from analyses.atoms.checkpoints import Progress, read_progress, write_progress
from analyses.atoms.feeding import Feed
from analyses.atoms.training import Trainer
from analyses.atoms.validating import evaluate
from workbench.errors import UsageError

if TYPE_CHECKING:
    from analyses.atoms.sae import ThresholdSAE

# Rows from which scale, first atoms and first thresholds are taken.
SAMPLE_ROWS = 16_384
_VALIDATIONS = 10


def fit_many(
    saes: Sequence[ThresholdSAE],
    X: Any,
    *,
    validation: Any = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
) -> list[ThresholdSAE]:
    """Train several autoencoders on the same batches, read once.

    Parameters
    ----------
    saes : sequence of ThresholdSAE
        Of one batch size; everything else may differ. The order of rows is that of the first one's
        seed, so that one alone learns the same as with `ThresholdSAE.fit`.
    X : array (rows, units), ``recording[site]``, or iterable of arrays (rows, units)
    validation : array (rows, units), or ``recording[site]``, optional
    checkpoint : path, optional
        Folder of the state of an interrupted run.
    checkpoint_every : int
        Steps.

    Returns
    -------
    list of ThresholdSAE
        The same, fitted.

    Raises
    ------
    UsageError
        If there is none, their batch sizes differ, or parameters contradict the data.
    WorkbenchError
        If activity is not finite.

    Examples
    --------
    >>> from analyses.atoms.sae import ThresholdSAE
    >>> rows = np.random.default_rng(0).standard_normal((300, 6)).astype(np.float32)
    >>> saes = [ThresholdSAE(n, target_l0=2, n_steps=50, batch_size=64) for n in (8, 16)]
    >>> [sae.decoder_.shape for sae in fit_many(saes, rows)]
    [(8, 6), (16, 6)]
    """
    saes = list(saes)
    _check_together(saes)
    feed = Feed(X)
    steps = [steps_of(sae, feed) for sae in saes]
    if validation is not None:
        _check_validation(feed, validation)
    progress = None if checkpoint is None else read_progress(checkpoint, saes, steps, feed)
    if progress is None:
        sample = feed.sample(SAMPLE_ROWS, saes[0].seed)
        check_rows(sample, feed.n_rows, max(sae.n_atoms for sae in saes))
        trainers = [
            Trainer.begin(settings_of(sae, n, feed.units), sample, device_of(sae))
            for sae, n in zip(saes, steps, strict=True)
        ]
        progress = Progress(trainers, 0)
    # One set of rows is held for the whole run, however often it is looked at.
    for _ in _run(saes, progress, feed, max(steps)):
        _validate(saes, progress, validation, feed)
        if checkpoint is not None and progress.position % checkpoint_every == 0:
            write_progress(checkpoint, saes, progress, feed)
    for sae, trainer in zip(saes, progress.trainers, strict=True):
        sae._take(trainer, feed.site)
        warn_of_target(trainer)
    if checkpoint is not None:
        write_progress(checkpoint, saes, progress, feed)
    return saes


def learn_once(sae: ThresholdSAE, X: Any) -> None:
    """Go once over rows in their order, from where an autoencoder stands.

    Parameters
    ----------
    sae : ThresholdSAE
    X : array (rows, units), Activations, or iterable of arrays
    """
    import torch

    check_parameters(sae)
    check_same(sae, X)
    feed = Feed(X)
    trainer = sae._trainer
    if trainer is None:
        if hasattr(sae, "decoder_"):
            raise UsageError(
                "Found an autoencoder without the state of its training; expected one that was "
                "fitted here or read from a checkpoint: load the checkpoint, or fit a new one."
            )
        sample = feed.sample(SAMPLE_ROWS, sae.seed)
        check_rows(sample, feed.n_rows, sae.n_atoms)
        trainer = Trainer.begin(settings_of(sae, None, feed.units), sample, device_of(sae))
    for rows in feed.batches(sae.batch_size, sae.seed + trainer.step_number):
        trainer.step(torch.from_numpy(rows).to(trainer.parameters.encoder.device))
    sae._take(trainer, feed.site or getattr(sae, "site_", None))


def device_of(sae: ThresholdSAE) -> str:
    """Where an autoencoder is trained.

    Parameters
    ----------
    sae : ThresholdSAE

    Returns
    -------
    str
    """
    import torch

    if sae.device != "auto":
        return sae.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _run(saes: Sequence[ThresholdSAE], progress: Progress, feed: Feed, end: int) -> Iterator[None]:
    import torch

    device = progress.trainers[0].parameters.encoder.device
    stream = _stream(feed, int(saes[0].batch_size), saes[0].seed, progress.position)
    while progress.position < end:
        rows = next(stream, None)
        if rows is None:
            warnings.warn(
                f"The batches ended after {progress.position} of {end} steps; the learning rate "
                "did not fall to its end.",
                stacklevel=4,
            )
            return
        batch = torch.from_numpy(rows).to(device)
        for trainer in progress.trainers:
            if trainer.step_number < (trainer.settings.n_steps or end):
                trainer.step(batch.to(trainer.parameters.encoder.device))
        progress.position += 1
        yield


def _stream(feed: Feed, size: int, seed: int, position: int) -> Iterator[NDArray[np.float32]]:
    """Batches without end, from a position on."""
    if not feed.is_endless:
        yield from feed.batches(size, seed, position)
        return
    passed = 0
    if feed.n_rows is not None:
        passed = position // max(1, feed.n_rows // size)
        position -= passed * max(1, feed.n_rows // size)
    for number in count(passed):
        for rows in feed.batches(size, (seed * 1_000_003 + number) % 2**32):
            if position:
                position -= 1
                continue
            yield rows


def _validate(
    saes: Sequence[ThresholdSAE], progress: Progress, validation: Any, feed: Feed
) -> None:
    if validation is None:
        return
    for sae, trainer in zip(saes, progress.trainers, strict=True):
        n_steps = trainer.settings.n_steps or 0
        is_last = trainer.step_number == n_steps
        if progress.position == trainer.step_number and (
            is_last or trainer.step_number % max(1, n_steps // _VALIDATIONS) == 0
        ):
            sae._take(trainer, feed.site)
            trainer.validation.append((trainer.step_number, *evaluate(sae, validation)))


def _check_together(saes: Sequence[ThresholdSAE]) -> None:
    if not saes:
        raise UsageError("Found no autoencoder; expected at least one.")
    for sae in saes:
        check_parameters(sae)
    sizes = sorted({sae.batch_size for sae in saes})
    if len(sizes) > 1:
        raise UsageError(
            f"Found batch sizes {sizes}; expected one, because all learn from the same batches."
        )


def _check_validation(feed: Feed, validation: Any) -> None:
    if hasattr(validation, "__next__"):
        raise UsageError(
            "Found an iterator as validation; expected an array or recording[site], which can be "
            "looked at more than once."
        )
    width = np.shape(validation)[1] if hasattr(validation, "shape") else feed.units
    if width != feed.units:
        raise UsageError(
            f"Found {width} units in the validation rows; expected {feed.units}, as in training."
        )
