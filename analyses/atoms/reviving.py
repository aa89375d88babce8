"""Atoms that never fire, or repeat another, begin again where others carry too much.

Two causes of activity that one atom has to cover leave its rows badly reconstructed, while another
atom is dead: a minimum that gradients do not leave. The dead atom takes what the busy one should
explain in its worst row, which is the error of the row plus the busy atom's own part of it (as in
K-SVD, Aharon et al. 2006), and the busy one keeps what is left at right angles. Rows on which no
atom fires at all are nobody's: a dead atom takes them as they are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analyses.atoms.initial import fitting_thresholds

if TYPE_CHECKING:
    import torch

    from analyses.atoms.activations import Entries
    from analyses.atoms.objective import Step
    from analyses.atoms.parameters import Parameters

_SAME = 0.9
_APART, _ALIKE = 0.3, 0.95
_BLOCK = 1024


def repeats(decoder: torch.Tensor, usage: torch.Tensor) -> torch.Tensor:
    """Which atoms point where one that fires more often, or as often and stands before, points.

    Parameters
    ----------
    decoder : Tensor (atoms, units)
        Rows of length one.
    usage : Tensor (atoms,)
        Share of rows on which each fires.

    Returns
    -------
    Tensor (atoms,), bool
    """
    import torch

    found = torch.zeros_like(usage, dtype=torch.bool)
    numbers = torch.arange(len(usage), device=usage.device)
    for start in range(0, len(decoder), _BLOCK):
        part = slice(start, start + _BLOCK)
        # Twins from equal rows fire alike for ever: one of the two has to count as the repeat.
        twin = (usage[None, :] == usage[part, None]) & (numbers[None, :] < numbers[part, None])
        busier = (usage[None, :] > usage[part, None]) | twin
        found[part] = ((decoder[part] @ decoder.t() > _SAME) & busier).any(1)
    return found


def revive(
    parameters: Parameters,
    idle: torch.Tensor,
    found: Entries,
    active: torch.Tensor,
    result: Step,
    inputs: torch.Tensor,
    firing: float,
) -> torch.Tensor:
    """Give idle atoms new directions, in place.

    Parameters
    ----------
    parameters : Parameters
    idle : Tensor (atoms,), bool
    found : Entries
        Of the last batch.
    active : Tensor (entries,), bool
        Which of them fire.
    result : Step
        Of the last batch.
    inputs : Tensor (rows, units)
        Of the last batch.
    firing : float
        Share of rows on which a new atom is to fire.

    Returns
    -------
    Tensor (changed,) of int
        Atoms that were given a direction.
    """
    import torch

    wrong = result.error.square().sum(1)
    atoms, rows = found.atoms.long(), found.rows.long()
    excess = (wrong[rows] - wrong.mean()) * active
    burden = torch.zeros_like(parameters.threshold).index_add_(0, atoms, excess)
    missed = _missed(wrong, rows, active)
    n_missed, n_split = _shares(int(idle.sum()), missed, burden)
    if n_missed + n_split == 0:
        return idle.new_zeros(0, dtype=torch.int64)
    busy = burden.topk(n_split).indices
    worst = _worst_entries(found, wrong[rows] * active)[busy]
    own = found.values[worst, None] * parameters.decoder[busy]
    wanted = torch.cat(
        [-result.error[missed.topk(n_missed).indices], own - result.error[rows[worst]]]
    )
    directions = torch.nn.functional.normalize(wanted, dim=1)
    chosen = idle.nonzero().squeeze(1)[: n_missed + n_split]
    length = parameters.encoder[~idle].norm(dim=1).mean() if not bool(idle.all()) else 1.0
    rest, split = _remainders(parameters.decoder[busy], directions[n_missed:])
    changed = torch.cat([chosen, busy[split]])
    given = torch.cat([directions, rest[split]])
    parameters.decoder[changed] = given
    parameters.encoder[changed] = given * length
    parameters.encoder_bias[changed] = 0.0
    parameters.threshold[changed] = fitting_thresholds(given * length, inputs, firing)
    return changed


def _missed(wrong: torch.Tensor, rows: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
    """By how much (rows,) the error of rows on which no atom fires is above the mean."""
    import torch

    fires = torch.zeros_like(wrong).index_add_(0, rows, active.float())
    return (wrong - wrong.mean()).clamp_min(0.0) * (fires == 0)


def _shares(n_idle: int, missed: torch.Tensor, burden: torch.Tensor) -> tuple[int, int]:
    """How many atoms go to rows that none explains, and how many to those of busy atoms."""
    n_missed, n_burdened = int((missed > 0).sum()), int((burden > 0).sum())
    total = float(missed.sum() + burden.clamp_min(0.0).sum())
    if total == 0:
        return 0, 0
    to_missed = min(math.ceil(n_idle * float(missed.sum()) / total), n_missed, n_idle)
    return to_missed, min(n_idle - to_missed, n_burdened)


def _remainders(busy: torch.Tensor, directions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What is left of busy atoms (pairs, units), and for which pairs (pairs,) that means anything.

    An atom that is nearly the new direction was no mixture, and one at a right angle to it has
    nothing to give.
    """
    import torch

    shared = (busy * directions).sum(1, keepdim=True)
    rest = torch.nn.functional.normalize(busy - shared * directions, dim=1)
    return rest, ((shared > _APART) & (shared < _ALIKE)).squeeze(1)


def _worst_entries(found: Entries, wrong: torch.Tensor) -> torch.Tensor:
    """Entry (atoms,) of every atom at which the row's error is largest."""
    import torch

    atoms = found.atoms.long()
    largest = wrong.new_zeros(found.n_atoms).scatter_reduce(0, atoms, wrong, "amax")
    places = (wrong == largest[atoms]).nonzero().squeeze(1)
    first = torch.full((found.n_atoms,), len(wrong) - 1, device=wrong.device)
    return first.scatter_reduce(0, atoms[places], places, "amin")
