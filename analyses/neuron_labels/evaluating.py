"""Testing labels: what they predict on held-out stimuli, beside the labels of other units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.neuron_labels.abstaining import median_of, prediction_p, rank_p, spread_p
from analyses.neuron_labels.evaluation_inputs import (
    as_activity,
    as_labels,
    as_parts,
    distinct_texts,
    predictions,
    without_repeats,
)
from analyses.neuron_labels.evaluations import Evaluation, filled, mean_rows, records, unit_table
from analyses.neuron_labels.metrics import correlations
from analyses.neuron_labels.parts import HELD_OUT, PROBE, Parts
from analyses.neuron_labels.scoring import (
    PEARSON,
    Data,
    activity_cuts,
    own_draws,
    score_all,
    shuffled_draws,
)
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from analyses.neuron_labels.types import Exemplars, Label, Simulator, Stimuli
    from workbench.recording.recording import Recording

UNITS, SHUFFLED, BOTH = "permute-units", "permute-stimuli", "both"
NULLS = (UNITS, SHUFFLED, BOTH)
_ALIKE = 0.999
# Of so few other labels, one that happens to be related hides what a unit responds to.
_FEWEST = 10


def evaluate(
    labels: Sequence[Label] | Sequence[str] | Mapping[int, str],
    activity: Recording | ArrayLike,
    simulator: Simulator | Mapping[str, ArrayLike],
    *,
    stimuli: Stimuli | None = None,
    exemplars: Exemplars | None = None,
    parts: Parts | None = None,
    split: str = HELD_OUT,
    groups: ArrayLike | None = None,
    null: str = UNITS,
    references: Sequence[str] = (),
    n_permutations: int = 999,
    n_bootstrap: int = 200,
    quantile: float = 0.95,
    level: float = 0.05,
    seed: int = 0,
) -> Evaluation:
    """Score labels by the activity that they predict on held-out stimuli, drawn uniformly.

    Parameters
    ----------
    labels : sequence of Label, sequence of str, or mapping of int to str
        Of units of one site; of texts alone the first is that of unit 0.
    activity : Recording or array (rows, units) or (rows, units, y, x)
        Of a recording, the site that the labels name; over space, the largest value counts.
    simulator : Simulator, or mapping of str to array (rows,)
        Predicts activity from a text; or the predictions themselves.
    stimuli : Stimuli (rows,), optional
        What each row shows; those of `exemplars` by default.
    exemplars : Exemplars, optional
        What labels were made from; their parts are used and must not be held out.
    parts : mapping of str to array of int, optional
        Numbers of stimuli by part, ``probe`` and `split` among them; by default those of
        `exemplars`, else drawn at random with a quarter held out.
    split : str
        Name of the part to score on.
    groups : array (rows,) of int, optional
        Stimulus of each row; of a recording, its column ``stimulus``.
    null : {"permute-units", "permute-stimuli", "both"}
        What a unit's label must beat: all other labels on the same unit (by rank or by
        `prediction_p`, Bonferroni-corrected for the two), the same label on shuffled stimuli (by
        rank), or both. Other labels are often related, and too few of them leave no small rank:
        where there are fewer than ``2 / level - 1`` (39 at 5 %; of steps in time and tokens, whose
        neighbours are alike, fewer than 10), ``both`` asks whether a label exceeds the median of
        the others by more than it does on shuffled stimuli, and of rows that are alike by more
        than it differs between texts or segments (`spread_p`). Where many units follow one thing,
        their labels are true of each other and none beats the first null; the second asks only
        whether a label predicts.
    references : sequence of str
        Further texts that the first null draws from, where units are few. With them, a unit's null
        depends less on which other units there are.
    n_permutations : int
        Draws of shuffled stimuli, and of reassigned labels for the mean over units.
    n_bootstrap : int
        Draws of held-out stimuli for intervals.
    quantile : float
        Of each unit's activity on the probe, above which it counts as active.
    level : float
        Share of false labels that is accepted.
    seed : int

    Returns
    -------
    Evaluation

    Raises
    ------
    UsageError
        If stimuli that labels were made from are held out, lengths do not fit, there is only one
        label to draw from, or there is no such null.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> predictions = {f"word {n}": generator.random(200) for n in range(25)}
    >>> activity = np.stack(list(predictions.values()), axis=1) + generator.random((200, 25))
    >>> labels = {unit: f"word {unit}" for unit in range(25)}
    >>> found = evaluate(labels, activity, predictions, n_permutations=99, n_bootstrap=50)
    >>> int((~found.table["abstains"]).sum()), found.correlation > 0.5
    (25, True)
    """
    if null not in NULLS:
        raise UsageError(f"Found no null '{null}'; {nearest(str(null), NULLS)}")
    if n_permutations < 1 or n_bootstrap < 1:
        raise UsageError(
            f"Found n_permutations={n_permutations} and n_bootstrap={n_bootstrap}; expected at "
            "least one draw of each."
        )
    given = as_labels(labels)
    real, group = as_activity(activity, given, groups)
    shown = stimuli if stimuli is not None or exemplars is None else exemplars.stimuli
    chosen = as_parts(parts, exemplars, group, shown, split, seed)
    rows = {name: np.flatnonzero(np.isin(group, part)) for name, part in chosen.items()}
    held_out, n_repeated = without_repeats(rows, split, shown)
    texts, own = distinct_texts(given, references)
    predicted = predictions(simulator, texts, shown, len(real))
    units = np.array([label.unit for label in given])
    cuts = activity_cuts(real[rows[PROBE]][:, units], quantile)
    data = Data(
        predicted[:, rows[PROBE]],
        predicted[:, held_out],
        real[rows[PROBE]][:, units] > cuts,
        real[held_out][:, units] > cuts,
        real[held_out][:, units].astype(np.float64),
        group[held_out],
    )
    counts = (n_permutations, n_bootstrap, n_repeated)
    return _evaluated(given, texts, own, data, null, counts, level, seed)


def _evaluated(
    given: Sequence[Label],
    texts: Sequence[str],
    own: NDArray[np.int64],
    data: Data,
    null: str,
    counts: tuple[int, int, int],
    level: float,
    seed: int,
) -> Evaluation:
    n_permutations, n_bootstrap, n_repeated = counts
    scores = score_all(data)
    redrawn = own_draws(data, own, n_bootstrap, seed)
    settings = (null, n_permutations, level, seed)
    p, draws = _tested(scores[PEARSON], texts, own, data, redrawn[PEARSON].std(axis=0), settings)
    table = unit_table(given, scores, own, redrawn, draws, p, level)
    return Evaluation(
        tuple(filled(label, row) for label, row in zip(given, records(table), strict=True)),
        table,
        mean_rows(scores, own, texts, given, redrawn, n_permutations, seed),
        null,
        level,
        data.held_out.shape[1],
        data.probe.shape[1],
        n_repeated,
        len(texts),
        redrawn,
    )


def _tested(
    table: NDArray[np.float64],
    texts: Sequence[str],
    own: NDArray[np.int64],
    data: Data,
    spread: NDArray[np.float64],
    settings: tuple[str, int, float, int],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """p-values (units,), and draws (draws, units) of the null that is shown."""
    null, n_permutations, level, seed = settings
    score = table[own, np.arange(len(own))]
    others = np.where(_same_meaning(data.held_out, own), np.nan, table)
    shuffled = shuffled_draws(data, own, n_permutations, seed)
    found = []
    if null in (UNITS, BOTH):
        if len(texts) < 2:
            raise UsageError(
                f"Found one label ('{texts[0]}') only; expected at least two different ones to "
                "permute over units: pass references=, or null='permute-stimuli'."
            )
        beyond = prediction_p(score, others, shuffled.std(axis=0))
        # The better of two tests counts twice: few labels have no small rank, related ones no
        # small spread.
        found.append((np.minimum(1.0, 2 * np.minimum(beyond, rank_p(score, others))), others))
    if null in (SHUFFLED, BOTH):
        found.append((rank_p(score, shuffled), shuffled))
    p = np.max([each for each, _ in found], axis=0)
    if null == BOTH:
        n_groups = len(np.unique(data.groups))
        alike = n_groups < len(data.groups)
        few = np.isfinite(others).sum(axis=0) < (_FEWEST if alike else 2 / level - 1)
        excess = score - np.maximum(0, median_of(others))
        p[few] = rank_p(excess, shuffled)[few]
        if alike:
            # Turning slow signals round leaves few independent draws; segments are nearly so.
            p[few] = np.maximum(p, spread_p(excess, spread, n_groups))[few]
    # A text that predicts the same everywhere says nothing, whatever other texts do.
    p[np.ptp(data.held_out[own], axis=1) == 0] = 1.0
    return p, found[0][1]


def _same_meaning(predicted: NDArray[np.float64], own: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which texts (texts, units) predict the same as a unit's own: other words for one label."""
    alike = correlations(predicted, predicted[own].T) > _ALIKE
    alike[own, np.arange(len(own))] = True
    return alike
