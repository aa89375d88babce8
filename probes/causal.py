"""Is what a probe reads also used: the subject runs again with the concept erased at a site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.erasure import Erasure, erase
from workbench.editing.opening import as_target
from workbench.errors import UsageError
from workbench.statistics.bootstrap import percentile_interval
from workbench.statistics.permutation import permutation_p

if TYPE_CHECKING:
    import torch

    from workbench.editing.targets import Metric, Scores, Target
    from workbench.recording.recording import Recording

_DRAWS = 1000


@dataclass(frozen=True)
class CausalErasure:
    """A score of the subject before and after a concept was erased at a site.

    Attributes
    ----------
    before, after : float
        In the unit of the metric: nats a token for the loss of a language model.
    change : float
        ``after - before``.
    interval : pair of float
        95 % of the change, over examples drawn with replacement.
    controls : ndarray (controls,)
        Score after as many random directions were taken out instead.
    p_value : float
        Two-sided: how often random directions change the score as much.
    rank : int
        Directions that were taken out.
    n_examples : int
    """

    before: float
    after: float
    change: float
    interval: tuple[float, float]
    controls: NDArray[np.float64]
    p_value: float
    rank: int
    n_examples: int


def erase_in_subject(
    subject: torch.nn.Module | str | Recording | Target,
    site: str,
    X: ArrayLike,
    y: ArrayLike,
    *,
    method: str = "leace",
    rank: int | None = None,
    inputs: Any = None,
    targets: Any = None,
    metric: str | Metric | None = None,
    n_controls: int = 20,
    seed: int = 0,
) -> CausalErasure:
    """Erase a concept from a site while the subject runs, and see what its behaviour loses.

    What a linear probe can read need not be used: erasing it then changes no more than erasing
    random directions of the same number does.

    Parameters
    ----------
    subject : torch.nn.Module, str or Recording
        As of `workbench.editing.opening.as_target`: a network with `inputs` and `targets`, or a
        language model with texts as `inputs`.
    site : str
        Whose activity is edited, at every token or place.
    X : array (rows, units)
        Activity at that site, from which the concept is learned.
    y : array (rows,)
        The concept: classes, or numbers.
    method : {"leace", "inlp"}
    rank : int, optional
        Of ``inlp``.
    inputs, targets : optional
    metric : str or callable, optional
        ``loss`` (default for language models), ``accuracy`` (default for networks), or a function
        of outputs and targets that gives one number an example or token.
    n_controls : int
        Sets of random directions; a two-sided p-value cannot fall below ``2 / (n_controls + 1)``.
    seed : int

    Returns
    -------
    CausalErasure

    Raises
    ------
    UsageError
        If the site does not exist, has another number of units, or there are too few controls.
    WorkbenchError
        If activity is not finite.
    """
    if n_controls < 2:
        raise UsageError(f"Found n_controls={n_controls}; expected at least two random sets.")
    erasure = erase(X, y, method, rank, seed)
    target = as_target(subject, inputs, targets, metric)
    others = [
        erase(X, y, "random", erasure.rank, seed=seed + 1 + number) for number in range(n_controls)
    ]
    before = target.scores({})
    edits = [_Edit(site, each) for each in (erasure, *others)]
    after, *controls = target.scores_of_each(site, edits)
    values = np.array([each.mean for each in controls])
    return CausalErasure(
        before.mean,
        after.mean,
        after.mean - before.mean,
        _interval(before, after, seed),
        values,
        permutation_p(after.mean - before.mean, values - before.mean),
        erasure.rank,
        len(before.values),
    )


@dataclass(frozen=True)
class _Edit:
    """An erasure as an edit of activity (rows, units)."""

    site: str
    erasure: Erasure

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        import torch

        n_units = len(self.erasure.bias)
        if rows.shape[-1] != n_units:
            raise UsageError(
                f"Found {rows.shape[-1]} units at '{self.site}'; expected {n_units}, as the "
                "activity has that the concept was learned from."
            )
        matrix, bias = (
            torch.from_numpy(each).to(rows) for each in (self.erasure.matrix, self.erasure.bias)
        )
        return rows @ matrix.T + bias


def _interval(before: Scores, after: Scores, seed: int) -> tuple[float, float]:
    n = len(before.values)
    generator = np.random.default_rng([seed, 5])
    draws = generator.multinomial(n, np.full(n, 1 / n), size=_DRAWS).astype(np.float64)
    change = draws @ (after.values - before.values) / (draws @ before.weights)
    return percentile_interval(change)
