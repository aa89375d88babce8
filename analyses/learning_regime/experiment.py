"""The study's main experiment: does the rank of the start decide how richly a network learns?

Reviewers asked whether rank itself matters, or the spectral radius and the largest singular value
that grow when low-rank weights are scaled to the norm of the full matrix: so each of the three is
held in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.learning_regime.initial_connectivity import MATCHES, check_match, low_rank_init
from analyses.learning_regime.measuring_networks import measure_networks
from analyses.learning_regime.tasks import Task, as_task
from analyses.learning_regime.training import train_rnn
from workbench.errors import UsageError

if TYPE_CHECKING:
    import xarray as xr

RANKS = (1, 10, 33, 100)


def run_rank_experiment(
    task: str | Task | Sequence[str | Task] = "2AF",
    ranks: Sequence[int] = RANKS,
    seeds: Sequence[int] | int = 8,
    match: str | Sequence[str] = MATCHES,
    *,
    n: int = 100,
    n_steps: int = 3000,
    norm: float | None = None,
    checkpoints: int | Sequence[int] = 2,
    n_trials: int = 320,
    n_kernel_trials: int = 32,
    kernels: bool = True,
    folder: str | Path | None = None,
    progress: bool = True,
    **training: Any,
) -> xr.Dataset:
    """Train networks from starts of several ranks, and measure how far features changed.

    All networks of a task are trained at once. The full rank is one start for all matches.

    Parameters
    ----------
    task : str, Task or sequence of these
        *2AF*, *DMS*, *CXT*, *digits*.
    ranks : sequence of int
        From 1 to `n`.
    seeds : sequence of int, or int
        At least five are wanted for intervals; a number stands for the seeds below it.
    match : str or sequence of str
        What low-rank weights are scaled to: *frobenius* (as published), *spectral_radius*,
        *singular_value*.
    n : int
        Units. 300 in the study.
    n_steps : int
        10,000 in the study.
    norm : float, optional
        As `low_rank_init`.
    checkpoints : int or sequence of int
        As `train_rnn`; two are the start and the end.
    n_trials, n_kernel_trials, kernels
        As `measure_networks`.
    folder : str or Path, optional
        Keeps the measures of every task as soon as they are there (``TASK.zarr``), and reads those
        that an earlier call with the same numbers left.
    progress : bool
    **training
        Handed to `train_rnn`: ``learning_rate``, ``batch_size``, ``device="cuda"`` ...

    Returns
    -------
    xarray.Dataset
        Dims ``task``, ``match``, ``rank``, ``seed``, ``step``; variables as `measure_networks`.

    Raises
    ------
    UsageError
        If a rank is out of range or a match unknown, or as `train_rnn`.

    References
    ----------
    Liu et al. 2024 (arXiv 2310.08513), figure 1.

    Examples
    --------
    >>> found = run_rank_experiment(
    ...     "DMS", (1, 20), 2, "frobenius", n=20, n_steps=20, kernels=False, progress=False
    ... )
    >>> found["weight_change"].dims
    ('task', 'match', 'rank', 'seed', 'step')
    """
    import xarray as xr

    chosen = [as_task(each) for each in _listed(task)]
    matches = [match] if isinstance(match, str) else list(match)
    starts = _starts(n, sorted(ranks), matches, norm)
    numbers = list(range(seeds)) if isinstance(seeds, (int, np.integer)) else list(seeds)
    settings = {"ranks": sorted(ranks), "matches": matches, "seeds": numbers, "n": n, "norm": norm}
    settings |= {"n_steps": n_steps, "checkpoints": np.atleast_1d(checkpoints).tolist()}
    settings |= {"n_trials": n_trials, "n_kernel_trials": n_kernel_trials, "kernels": kernels}
    settings |= training
    found = []
    for each in chosen:
        kept = None if folder is None else Path(folder) / f"{each.name}.zarr"
        data = _kept(kept, settings)
        if data is None:
            trained = train_rnn(
                each,
                starts,
                seeds=numbers,
                n_steps=n_steps,
                checkpoints=checkpoints,
                progress=progress,
                **training,
            )
            measured = measure_networks(
                trained,
                n_trials=n_trials,
                n_kernel_trials=n_kernel_trials,
                kernels=kernels,
                progress=progress,
            )
            data = _by_rank(measured, sorted(ranks), matches, n)
            _keep(data, kept, settings)
        found.append(data.expand_dims(task=[each.name]))
    return xr.concat(found, "task")


def _listed(task: Any) -> list[str | Task]:
    return [task] if isinstance(task, str) or hasattr(task, "trials") else list(task)


def _starts(
    n: int, ranks: Sequence[int], matches: Sequence[str], norm: float | None
) -> dict[str, Any]:
    if not ranks or not matches:
        raise UsageError("Found no rank or no match; expected at least one of each.")
    for match in matches:
        check_match(match)
    for rank in ranks:
        low_rank_init(n, rank)
    return {
        _name(rank, match, n, norm): _start(n, rank, match, norm)
        for match in matches
        for rank in ranks
    }


def _start(n: int, rank: int, match: str, norm: float | None) -> Any:
    return lambda seed: low_rank_init(n, rank, norm, match, seed=seed)


def _name(rank: int, match: str, n: int, norm: float | None = None) -> str:
    """The full rank is the same start whatever is matched, unless it is scaled too."""
    return "full" if rank == n and norm is None else f"{match}, rank {rank}"


def _by_rank(
    measured: xr.Dataset, ranks: Sequence[int], matches: Sequence[str], n: int
) -> xr.Dataset:
    import xarray as xr

    shared = "full" in measured["start"]
    rows = []
    for match in matches:
        names = [_name(rank, match, n, None if shared else 1.0) for rank in ranks]
        part = measured.sel(start=names).rename(start="rank").assign_coords(rank=list(ranks))
        rows.append(part.expand_dims(match=[match]))
    return xr.concat(rows, "match")


def _kept(folder: Path | None, settings: dict[str, Any]) -> xr.Dataset | None:
    import json

    import xarray as xr

    if folder is None or not folder.exists():
        return None
    data = xr.open_zarr(folder, consolidated=False).load()
    return data if data.attrs.get("settings") == json.dumps(settings) else None


def _keep(data: xr.Dataset, folder: Path | None, settings: dict[str, Any]) -> None:
    import json

    if folder is not None:
        kept = data.assign_attrs(settings=json.dumps(settings))
        kept.to_zarr(folder, mode="w", consolidated=False)
