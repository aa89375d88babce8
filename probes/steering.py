"""Steering: a direction is added at a site while the subject runs; its behaviour is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.editing.opening import as_target
from workbench.errors import UsageError
from workbench.statistics.permutation import permutation_p

if TYPE_CHECKING:
    import torch

    from workbench.editing.targets import Edit, Metric, Target
    from workbench.recording.recording import Recording

STRENGTHS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Steering:
    """A measure of behaviour, by how much of a direction is added.

    Attributes
    ----------
    strengths : ndarray (strengths,)
        Lengths of what is added, over the mean length of a row of activity.
    values : ndarray (strengths,)
        Measure of the subject.
    controls : ndarray (controls, strengths)
        The same with random directions of the same lengths.
    loss : ndarray (strengths,)
        Cross-entropy in nats a token (language) or example: what steering breaks.
    slope : float
        Of the measure over strength, by least squares.
    control_slopes : ndarray (controls,)
    p_value : float
        Two-sided: how often a random direction has as steep a slope.
    n_examples : int
    """

    strengths: NDArray[np.float64]
    values: NDArray[np.float64]
    controls: NDArray[np.float64]
    loss: NDArray[np.float64]
    slope: float
    control_slopes: NDArray[np.float64]
    p_value: float
    n_examples: int


def steer(
    subject: torch.nn.Module | str | Recording | Target,
    site: str,
    direction: ArrayLike,
    *,
    strengths: Sequence[float] = STRENGTHS,
    answers: Sequence[int | str] | None = None,
    inputs: Any = None,
    targets: Any = None,
    metric: str | Metric | None = None,
    n_controls: int = 20,
    seed: int = 0,
) -> Steering:
    """Add a probe's direction at a site and measure how behaviour changes.

    Parameters
    ----------
    subject : torch.nn.Module, str, Recording or Target
        As of `workbench.editing.opening.as_target`: a network with `inputs` and `targets`, or a
        language model with texts as `inputs`; or what that function gave.
    site : str
        Whose activity is edited, at every token or place.
    direction : array (units,)
        Such as a row of `LinearProbe.coef_`, or `MeanDifferenceProbe.direction_`; its length does
        not matter.
    strengths : sequence of float
        Multiples of the mean length of a row of activity.
    answers : sequence of int or str, optional
        Outputs whose total probability is the measure: classes of a network; token ids, or texts
        of one token each, of a language model.
    inputs, targets : optional
    metric : str or callable, optional
        Instead of `answers`: ``loss``, ``accuracy``, or a function of outputs and targets that
        gives one number an example or token.
    n_controls : int
        Random directions; a two-sided p-value cannot fall below ``2 / (n_controls + 1)``.
    seed : int

    Returns
    -------
    Steering

    Raises
    ------
    UsageError
        If the site, an answer or the direction does not fit, or neither answers nor a metric is
        given.
    """
    wanted = checked_direction(direction)
    if (answers is None) == (metric is None):
        raise UsageError("Found answers and metric, or neither; expected one of the two.")
    if n_controls < 2 or len(set(strengths)) < 2:
        raise UsageError(
            f"Found n_controls={n_controls} and {len(set(strengths))} strengths; expected at least "
            "two of each."
        )
    target = as_target(subject, inputs, targets, metric)
    measure = metric if answers is None else _Share(numbers_of(target, answers))
    length = mean_length(target, site, len(wanted))
    sizes = np.asarray(strengths, dtype=np.float64)
    generator = np.random.default_rng([seed, 3])
    others = [generator.normal(size=len(wanted)) for _ in range(n_controls)]
    edits = [[adding(each, size * length) for size in sizes] for each in (wanted, *others)]
    scores = target.scores_of_each(site, [edit for row in edits for edit in row], measure)
    values, *rest = np.array([each.mean for each in scores]).reshape(len(edits), len(sizes))
    loss = [each.mean for each in target.scores_of_each(site, edits[0], "loss")]
    slopes = np.array([np.polyfit(sizes, each, 1)[0] for each in (values, *rest)])
    return Steering(
        sizes,
        values,
        np.array(rest),
        np.array(loss),
        float(slopes[0]),
        slopes[1:],
        permutation_p(float(slopes[0]), slopes[1:]),
        len(scores[0].values),
    )


@dataclass(frozen=True)
class _Share:
    """Total probability of some outputs, for every example or token."""

    answers: tuple[int, ...]

    def __call__(self, outputs: torch.Tensor, _targets: torch.Tensor) -> torch.Tensor:
        if max(self.answers) >= outputs.shape[1]:
            raise UsageError(
                f"Found answer {max(self.answers)}; expected a number below {outputs.shape[1]}, "
                "the number of outputs."
            )
        return outputs.softmax(dim=1)[:, list(self.answers)].sum(dim=1).double()


def checked_direction(direction: ArrayLike) -> NDArray[np.float64]:
    """A direction (units,) of finite numbers.

    Raises
    ------
    UsageError
        If it is not, or has no length.
    """
    wanted = np.asarray(direction, dtype=np.float64).reshape(-1)
    if not np.isfinite(wanted).all() or not wanted.any():
        raise UsageError("Found a direction of length 0, or with NaN; expected finite numbers.")
    return wanted


def numbers_of(target: Target, answers: Sequence[int | str]) -> tuple[int, ...]:
    """Numbers of the outputs that answers name.

    Parameters
    ----------
    target : Target
    answers : sequence of int or str

    Returns
    -------
    tuple of int

    Raises
    ------
    UsageError
        If there is none, or a text is not one token of a language model.
    """
    from workbench.editing.language import LanguageTarget

    if not len(answers):
        raise UsageError("Found no answer; expected at least one output or token.")
    texts = [each for each in answers if isinstance(each, str)]
    if not isinstance(target, LanguageTarget):
        if texts:
            raise UsageError(
                f"Found answer '{texts[0]}' of a subject that is no language model; expected the "
                "number of an output."
            )
        return tuple(int(each) for each in answers)
    return tuple(target.token(each) if isinstance(each, str) else int(each) for each in answers)


def adding(direction: NDArray[Any], length: float) -> Edit:
    """An edit that adds a direction, made as long as is said, to every row.

    Parameters
    ----------
    direction : ndarray (units,)
    length : float
        Negative: it is taken away.

    Returns
    -------
    callable
        Takes and gives activity (rows, units).
    """
    step = direction / np.linalg.norm(direction) * length

    def edit(rows: torch.Tensor) -> torch.Tensor:
        import torch

        return rows + torch.from_numpy(step).to(rows)

    return edit


def mean_length(target: Target, site: str, n_units: int) -> float:
    """Mean length of a row of activity at a site.

    Parameters
    ----------
    target : Target
    site : str
    n_units : int

    Returns
    -------
    float

    Raises
    ------
    UsageError
        If there is no such site, or it has another number of units.
    """
    lengths: list[float] = []
    counts: list[int] = []

    def watch(rows: torch.Tensor) -> torch.Tensor:
        if rows.shape[-1] != n_units:
            raise UsageError(
                f"Found {rows.shape[-1]} units at '{site}'; expected {n_units}, as the direction "
                "has."
            )
        lengths.append(float(rows.double().norm(dim=-1).sum()))
        counts.append(len(rows))
        return rows

    target.scores({site: watch})
    return sum(lengths) / sum(counts)
