"""Choosing among candidates: MILAN's mutual information, and what predicts activity best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.neuron_labels.phrases import both
from analyses.neuron_labels.types import Candidate, Simulator, Stimuli, UnitExemplars
from workbench.errors import UsageError

# Candidates are joined where that raises F1 and correlation by so much, on both halves of the
# probe stimuli.
_GAIN = 0.02
_PARTS = 3
# Normal quantile of 5 %.
_ONE_SIDED = 1.645
# Partners that are tried for each of the two ways of joining.
_PARTNERS = 8
_OR, _EXCEPT = " or ", " but not "
_CUTS = np.linspace(0.05, 0.95, 19)


def pointwise_information(candidate: Candidate, weight: float = 0.2) -> float:
    """MILAN's score, ``log p(d | E) - weight log p(d)``.

    Parameters
    ----------
    candidate : Candidate
    weight : float

    Returns
    -------
    float

    References
    ----------
    Hernandez et al., arXiv 2201.11114, equation 3.

    Examples
    --------
    >>> pointwise_information(Candidate("red", -1.0, -2.0, "grammar"))
    -0.6
    """
    return candidate.log_conditional - weight * candidate.log_prior


def rerank(
    candidates: Sequence[Candidate],
    weight: float = 0.2,
    simulator: Simulator | None = None,
    exemplars: UnitExemplars | None = None,
    stimuli: Stimuli | None = None,
    activity: ArrayLike | None = None,
    *,
    rows: ArrayLike | None = None,
    compose: bool = False,
    n: int | None = None,
) -> list[Candidate]:
    """Sort candidates, best first.

    Without a simulator as MILAN does: by ``log p(d | E) - weight log p(d)`` of whole descriptions.
    With one: by the correlation of the activity that it predicts from the description with the
    real one, on stimuli that neither exemplars nor scores use; equal ones as without.

    Parameters
    ----------
    candidates : sequence of Candidate
    weight : float
        Of the prior; 0.2 in MILAN, better tuned on planted units.
    simulator : Simulator, optional
    exemplars : UnitExemplars, optional
        What the candidates were made from, to refuse probe stimuli that are among them.
    stimuli : Stimuli, optional
        For the simulator.
    activity : array (stimuli,), optional
        Real activity of the unit, one number a stimulus.
    rows : array of int, optional
        Probe stimuli among `stimuli`, such as ``exemplars.parts["probe"]``; all by default.
    compose : bool
        Also try ``A or B`` and ``A but not B`` where that predicts better.
    n : int, optional
        Only so many of the candidates, the best without simulator, are simulated.

    Returns
    -------
    list of Candidate
        With `Candidate.simulated` where there is a simulator.

    Raises
    ------
    UsageError
        If what was given are no candidates with numbers, there is a simulator but no stimuli or
        activity, they do not fit, or exemplars are among the probe stimuli.

    Examples
    --------
    >>> said = [Candidate("thing", -1.0, -1.0, ""), Candidate("red ring", -1.2, -6.0, "")]
    >>> [each.text for each in rerank(said)], [each.text for each in rerank(said, weight=0)]
    (['red ring', 'thing'], ['thing', 'red ring'])
    """
    _check(candidates, weight)
    ranked = sorted(candidates, key=lambda each: -pointwise_information(each, weight))
    if simulator is None:
        return ranked
    probe = _probe(exemplars, stimuli, activity, rows)
    forecasts = [_predicted(each.text, simulator, probe) for each in ranked[:n]]
    simulated = [_simulated(*pair, probe) for pair in zip(ranked, forecasts, strict=False)]
    if compose and simulated:
        simulated += _composed(simulated, np.stack(forecasts), simulator, probe)
    # Sorting is stable: of equally good predictions the one with more information is first.
    simulated.sort(key=lambda each: -(each.simulated or 0.0))
    return simulated + ranked[len(ranked) if n is None else n :]


def _check(candidates: Sequence[Candidate], weight: float) -> None:
    for each in candidates:
        if not isinstance(each, Candidate):
            raise UsageError(
                f"Found a candidate of type '{type(each).__name__}'; expected "
                "Candidate(text, log_conditional, log_prior)."
            )
        if np.isnan(pointwise_information(each, weight)):
            raise UsageError(
                f"Found log p(d | E) {each.log_conditional} and log p(d) {each.log_prior} of "
                f"'{each.text}' with weight {weight}; expected numbers."
            )


@dataclass(frozen=True, eq=False)
class _Probe:
    stimuli: Stimuli
    activity: NDArray[np.float64]


def _probe(
    exemplars: UnitExemplars | None,
    stimuli: Stimuli | None,
    activity: ArrayLike | None,
    rows: ArrayLike | None,
) -> _Probe:
    if stimuli is None or activity is None:
        raise UsageError(
            "Found a simulator without stimuli or activity; expected both, to compare what it "
            "predicts: pass stimuli=, activity= and rows= of the probe part."
        )
    real = np.asarray(activity, dtype=np.float64)
    chosen = np.arange(len(stimuli)) if rows is None else np.asarray(rows, dtype=np.int64)
    if real.shape != (len(stimuli),) or len(chosen) < 4 or not np.isfinite(real).all():
        raise UsageError(
            f"Found activity of shape {real.shape} for {len(stimuli)} stimuli, {len(chosen)} of "
            "them to probe; expected one finite number a stimulus and at least four to probe."
        )
    shared = [] if exemplars is None else np.intersect1d(chosen, exemplars.stimuli).tolist()
    if shared:
        raise UsageError(
            f"Found {len(shared)} exemplars among the probe stimuli (first: {shared[0]}); expected "
            "none, as every description fits what it was made from: pass rows= of another part."
        )
    return _Probe(stimuli.take(chosen), real[chosen])


def _simulated(candidate: Candidate, predicted: NDArray[np.float64], probe: _Probe) -> Candidate:
    return replace(candidate, simulated=correlation(predicted, probe.activity))


def _predicted(text: str, simulator: Simulator, probe: _Probe) -> NDArray[np.float64]:
    predicted = np.asarray(simulator.predict(text, probe.stimuli), dtype=np.float64)
    if predicted.shape != probe.activity.shape:
        raise UsageError(
            f"Found predictions of shape {predicted.shape} of '{text}'; expected "
            f"{probe.activity.shape}: let the simulator give one number a stimulus."
        )
    return predicted


def correlation(predicted: ArrayLike, real: ArrayLike) -> float:
    """Pearson's correlation; 0 where one of the two is constant.

    Parameters
    ----------
    predicted, real : array (stimuli,)

    Returns
    -------
    float

    Examples
    --------
    >>> round(correlation([0, 1, 0], [0.1, 0.9, 0.1]), 6), correlation([1, 1], [0, 1])
    (1.0, 0.0)
    """
    one, other = (np.asarray(each, dtype=np.float64) for each in (predicted, real))
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 1e-12 else 0.0


def _composed(
    simulated: Sequence[Candidate],
    predictions: NDArray[np.float64],
    simulator: Simulator,
    probe: _Probe,
) -> list[Candidate]:
    """Joined descriptions that predict better than their best part, on either half alone."""
    halves = _halves(len(probe.activity))
    best = int(np.argmax([each.simulated or 0.0 for each in simulated]))
    current, predicted = simulated[best], predictions[best]
    found: list[Candidate] = []
    while len(found) < _PARTS - 1:
        tried = _extensions(current, predicted, simulated, predictions, probe.activity)
        forecasts = [_predicted(each.text, simulator, probe) for each in tried]
        gains = [_gain(each, predicted, probe.activity, halves[0]) for each in forecasts]
        place = int(np.argmax(gains)) if gains else -1
        # Chosen on one half among many, believed only if the other half agrees.
        if place < 0 or gains[place] < _GAIN:
            break
        if not _confirmed(forecasts[place], predicted, probe.activity, halves[1]):
            break
        current, predicted = _simulated(tried[place], forecasts[place], probe), forecasts[place]
        found.append(current)
    return found


def _extensions(
    current: Candidate,
    predicted: NDArray[np.float64],
    others: Sequence[Candidate],
    predictions: NDArray[np.float64],
    activity: NDArray[np.float64],
) -> list[Candidate]:
    """Alternatives for what is active unpredicted, exceptions for what is predicted in vain."""
    if _EXCEPT in current.text:
        return []
    simple = [
        n for n, each in enumerate(others) if _OR not in each.text and _EXCEPT not in each.text
    ]
    weights = 1 - predicted
    partners = [simple[place] for place in _strongest(predictions[simple], activity, weights)]
    pairs = _pairs([others[n] for n in partners], predictions[partners], activity, weights)
    joined = [_either(current, each) for each in [*(others[n] for n in partners), *pairs]]
    # An exception to alternatives would be read as one to the last of them.
    if _OR not in current.text:
        joined += [
            _without(current, others[simple[place]])
            for place in _strongest(predictions[simple], -activity, predicted)
        ]
    # Of two that say the same the shorter comes first.
    return sorted(joined, key=lambda each: len(each.text))


def _pairs(
    candidates: Sequence[Candidate],
    predictions: NDArray[np.float64],
    activity: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> list[Candidate]:
    """What two candidates have in common, where there are words for it."""
    texts, forecasts = [], []
    for place, one in enumerate(candidates):
        for other in range(place + 1, len(candidates)):
            text = both(one.text, candidates[other].text)
            if text is not None:
                texts.append((text, one, candidates[other]))
                forecasts.append(np.minimum(predictions[place], predictions[other]))
    if not texts:
        return []
    best = _strongest(np.stack(forecasts), activity, weights)[: _PARTNERS // 2]
    return [_both(*texts[place]) for place in best]


def _both(text: str, one: Candidate, other: Candidate) -> Candidate:
    # At most as likely as the less likely of the two, for want of a describer's own judgement.
    conditional = min(one.log_conditional, other.log_conditional)
    return replace(
        one, text=text, log_conditional=conditional, log_prior=min(one.log_prior, other.log_prior)
    )


def _strongest(
    predictions: NDArray[np.float64], activity: NDArray[np.float64], weights: NDArray[np.float64]
) -> list[int]:
    """Predictions that go most with activity, where weights are large."""
    weights = np.clip(weights, 1e-6, None) / np.clip(weights, 1e-6, None).sum()
    centred = predictions - (predictions @ weights)[:, None]
    sizes = np.sqrt((centred**2) @ weights)
    fits = (centred * (activity - activity @ weights)) @ weights / np.maximum(sizes, 1e-9)
    return np.argsort(-fits, kind="stable")[:_PARTNERS].tolist()


def _either(one: Candidate, other: Candidate) -> Candidate:
    return replace(
        one,
        text=_OR.join(sorted({*one.text.split(_OR), other.text})),
        log_conditional=float(np.logaddexp(one.log_conditional, other.log_conditional)),
        log_prior=float(np.logaddexp(one.log_prior, other.log_prior)),
    )


def _without(one: Candidate, other: Candidate) -> Candidate:
    # As if the two were said apart from each other.
    conditional, prior = (
        kept + float(np.log1p(-np.exp(min(left_out, -1e-9))))
        for kept, left_out in (
            (one.log_conditional, other.log_conditional),
            (one.log_prior, other.log_prior),
        )
    )
    text = f"{one.text}{_EXCEPT}{other.text}"
    return replace(one, text=text, log_conditional=conditional, log_prior=prior)


def _halves(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.random.default_rng(n).permutation(n)
    return order[: n // 2], order[n // 2 :]


def _gain(
    predicted: NDArray[np.float64],
    before: NDArray[np.float64],
    activity: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> float:
    """By how much F1 and correlation both rise: of noise, F1 alone rises with what is covered."""
    active = activity[rows] > two_means_cut(activity)
    f1 = best_f1(predicted[rows], active) - best_f1(before[rows], active)
    real = activity[rows]
    return min(f1, correlation(predicted[rows], real) - correlation(before[rows], real))


def _confirmed(
    predicted: NDArray[np.float64],
    before: NDArray[np.float64],
    activity: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> bool:
    """Whether the gain is more than chance gives to predictions that are as alike."""
    alike = correlation(predicted[rows], before[rows])
    rest = 1 - correlation(predicted[rows], activity[rows]) ** 2
    chance = _ONE_SIDED * rest * np.sqrt(2 * max(0.0, 1 - alike) / len(rows))
    return _gain(predicted, before, activity, rows) >= max(_GAIN, float(chance))


def two_means_cut(values: ArrayLike) -> float:
    """The cut between weak and strong values that leaves least variance on its two sides.

    Parameters
    ----------
    values : array of any shape

    Returns
    -------
    float
        Values above it are strong.

    References
    ----------
    Otsu (1979), A threshold selection method from gray-level histograms.

    Examples
    --------
    >>> two_means_cut([0.0, 0.1, 0.2, 5.0, 5.1])
    0.2
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    if len(ordered) < 2:
        return float(ordered[0]) if len(ordered) else 0.0
    n = np.arange(1, len(ordered))
    total = np.cumsum(ordered)
    low, high = total[:-1] / n, (total[-1] - total[:-1]) / (len(ordered) - n)
    return float(ordered[np.argmax(n * (len(ordered) - n) * (high - low) ** 2)])


def best_f1(predicted: NDArray[np.float64], active: NDArray[np.bool_]) -> float:
    """Largest F1 over cuts of the predictions.

    Parameters
    ----------
    predicted : ndarray (stimuli,)
        Between 0 and 1.
    active : ndarray (stimuli,) of bool

    Returns
    -------
    float

    Examples
    --------
    >>> best_f1(np.array([0.9, 0.2, 0.8]), np.array([True, False, True]))
    1.0
    """
    claimed = predicted > _CUTS[:, None]
    hits = (claimed & active).sum(axis=1)
    return float(np.max(2 * hits / np.maximum(1, claimed.sum(axis=1) + active.sum())))
