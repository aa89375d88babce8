"""Metrics agree with scikit-learn and tell right labels from wrong; worthless labels abstain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from analyses.neuron_labels.abstaining import abstentions, false_label_rate, rank_p
from analyses.neuron_labels.evaluating import evaluate
from analyses.neuron_labels.metrics import (
    average_precision_draws,
    average_precisions,
    best_cuts,
    correlation_draws,
    correlations,
    overlap_draws,
    overlaps,
    separations,
)
from analyses.neuron_labels.text_metrics import EmbeddingScore, agreement, bleu, token_overlap
from analyses.neuron_labels.types import Exemplars, Label, Stimuli
from workbench.demo.language import folder
from workbench.errors import UsageError
from workbench.recording.arrays import from_arrays

EXACT = 1e-10


@pytest.fixture
def predicted(generator: np.random.Generator) -> NDArray:
    """Predictions (texts, stimuli), the last ones with ties."""
    values = generator.random((6, 300))
    values[3:] = np.round(values[3:], 1)
    return values


@pytest.fixture
def real(generator: np.random.Generator) -> NDArray:
    return generator.standard_normal((300, 4))


def test_metrics_agree_with_sklearn_and_scipy(predicted: NDArray, real: NDArray) -> None:
    from scipy.stats import pearsonr
    from sklearn.metrics import average_precision_score, f1_score, jaccard_score, roc_auc_score

    active = real > 1
    cuts = np.tile(np.linspace(0.3, 0.8, 6)[:, None], (1, 4))
    found = overlaps(predicted, active, cuts)
    apart = separations(predicted >= 0.6, real)
    for text in range(6):
        for unit in range(4):
            scores, truth = predicted[text], active[:, unit]
            positive = scores >= cuts[text, unit]
            expected = {
                "r": pearsonr(scores, real[:, unit])[0],
                "ap": average_precision_score(truth, scores),
                "f1": f1_score(truth, positive),
                "iou": jaccard_score(truth, positive),
                "auc": roc_auc_score(scores >= 0.6, real[:, unit]),
            }
            ours = {
                "r": correlations(predicted, real)[text, unit],
                "ap": average_precisions(predicted, active)[text, unit],
                "f1": found.f1[text, unit],
                "iou": found.iou[text, unit],
                "auc": apart.auc[text, unit],
            }
            assert ours == pytest.approx(expected, abs=EXACT)


def test_weighted_draws_are_the_metrics_of_repeated_stimuli(
    predicted: NDArray, real: NDArray, generator: np.random.Generator
) -> None:
    weights = generator.integers(0, 3, (5, 300)).astype(float)
    active = real > 0.5
    r = correlation_draws(predicted[:4], real.T, weights)
    f1, iou = overlap_draws(predicted[:4] >= 0.5, active.T, weights)
    for draw, weight in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(300), weight)
        whole = overlaps(predicted[:4, rows], active[rows], np.full((4, 4), 0.5))
        assert r[draw] == pytest.approx(
            np.diag(correlations(predicted[:4, rows], real[rows])), abs=1e-9
        )
        assert f1[draw] == pytest.approx(np.diag(whole.f1), abs=EXACT)
        assert iou[draw] == pytest.approx(np.diag(whole.iou), abs=EXACT)
        drawn = average_precision_draws(predicted[3], active[:, 3], weights)[draw]
        expected = average_precisions(predicted[3:4, rows], active[rows])[0, 3]
        assert drawn == pytest.approx(expected, abs=EXACT)


def test_no_other_cut_has_a_larger_f1(predicted: NDArray, real: NDArray) -> None:
    active = real > 1
    cuts = best_cuts(predicted, active)
    best = overlaps(predicted, active, cuts).f1
    for cut in np.unique(predicted)[::25]:
        assert (overlaps(predicted, active, np.full(cuts.shape, cut)).f1 <= best + EXACT).all()


def test_correlation_does_not_depend_on_the_unit_of_activity(
    predicted: NDArray, real: NDArray
) -> None:
    first = correlations(predicted, real)
    np.testing.assert_allclose(correlations(predicted, 1e-30 * real + 0), first, atol=1e-9)
    np.testing.assert_allclose(correlations(predicted, 1e30 * real), first, atol=1e-9)
    assert correlations(np.ones((1, 300)), real).tolist() == [[0.0] * 4]


def test_nan_and_unequal_lengths_are_refused(predicted: NDArray, real: NDArray) -> None:
    with pytest.raises(UsageError, match=r"NaN.*leave out stimuli"):
        correlations(predicted, np.where(real > 2, np.nan, real))
    with pytest.raises(UsageError, match=r"\(6, 300\).*\(299, 4\)"):
        average_precisions(predicted, real[1:] > 0)


# Oikarinen et al. 2025: a metric must fall when half of a right label's positives are missing, and
# when as many random positives are added.
def _degraded(
    kind: str, frequency: float, generator: np.random.Generator, n: int = 20_000
) -> tuple[dict[str, float], dict[str, float]]:
    concept = generator.random(n) < frequency
    activity = concept + 0.05 * generator.standard_normal(n)
    changed = concept.copy()
    if kind == "missing":
        changed[concept & (generator.random(n) < 0.5)] = False
    else:
        outside = np.flatnonzero(~concept)
        changed[generator.choice(outside, np.count_nonzero(concept), replace=False)] = True
    return tuple(_scores(label, activity[:, None], frequency) for label in (concept, changed))


def _scores(label: NDArray, activity: NDArray, frequency: float) -> dict[str, float]:
    active = activity > np.quantile(activity, 1 - frequency)
    found = overlaps(label[None].astype(float), active, [[0.5]])
    apart = separations(label[None], activity)
    return {
        "pearson": correlations(label[None].astype(float), activity)[0, 0],
        "average precision": average_precisions(label[None].astype(float), active)[0, 0],
        "f1": found.f1[0, 0],
        "iou": found.iou[0, 0],
        "auc": apart.auc[0, 0],
        "mad": apart.mad[0, 0],
    }


@pytest.mark.parametrize("kind", ["missing", "extra"])
@pytest.mark.parametrize("frequency", [0.05, 0.002])
@pytest.mark.parametrize("metric", ["pearson", "average precision", "f1", "iou"])
def test_headline_metrics_pass_both_sanity_checks(
    kind: str, frequency: float, metric: str, generator: np.random.Generator
) -> None:
    for _ in range(5):
        right, degraded = _degraded(kind, frequency, generator)
        assert degraded[metric] < 0.95 * right[metric]


def test_auc_and_mad_do_not_see_missing_labels_of_rare_concepts(
    generator: np.random.Generator,
) -> None:
    right, missing = _degraded("missing", 0.002, generator)
    assert missing["auc"] > 0.99 * right["auc"]
    # MAD falls only because the others then hold what the label leaves out, if there is much of it.
    assert _degraded("extra", 0.002, generator)[1]["auc"] < 0.9


def test_top_and_random_sampling_hides_extra_labels(generator: np.random.Generator) -> None:
    right, extra = _degraded("extra", 0.001, generator)
    assert extra["pearson"] < 0.8 * right["pearson"]
    n, concept = 20_000, np.zeros(20_000, dtype=bool)
    concept[:20] = True
    activity = concept + 0.05 * generator.standard_normal(n)
    label = concept.copy()
    label[generator.choice(np.arange(20, n), 20, replace=False)] = True
    top = np.argsort(-activity)[:20]
    rows = np.concatenate([top, generator.choice(np.arange(20, n), 20, replace=False)])
    sampled = correlations(label[None, rows].astype(float), activity[rows, None])[0, 0]
    uniform = correlations(label[None].astype(float), activity[:, None])[0, 0]
    assert sampled > 0.95
    assert uniform < 0.8


class Vectors:
    """Predicts what it was given."""

    def __init__(self, table: dict[str, NDArray]) -> None:
        self.table = table

    def predict(self, description: str, stimuli: Stimuli) -> NDArray:
        assert len(stimuli) == len(self.table[description])
        return self.table[description]

    def fingerprint(self) -> str:
        return "vectors"


N, N_UNITS = 400, 40


def _planted(
    generator: np.random.Generator, n_noise: int = 20
) -> tuple[dict[str, NDArray], NDArray, dict[int, str]]:
    """Texts that predict, activity of which the last units follow none, and labels."""
    table = {f"text {n}": (generator.random(N) < 0.2).astype(float) for n in range(N_UNITS)}
    activity = np.stack(list(table.values()), axis=1) + 0.5 * generator.standard_normal(
        (N, N_UNITS)
    )
    activity[:, N_UNITS - n_noise :] = generator.standard_normal((N, n_noise))
    return table, activity, {unit: f"text {unit}" for unit in range(N_UNITS)}


@pytest.mark.parametrize("null", ["permute-units", "permute-stimuli", "both"])
def test_right_labels_are_kept_and_labels_of_noise_abstain(
    null: str, generator: np.random.Generator
) -> None:
    table, activity, labels = _planted(generator)
    found = evaluate(labels, activity, table, null=null, n_permutations=199, n_bootstrap=50)
    abstains = found.table["abstains"].to_numpy()
    assert not abstains[: N_UNITS - 20].any()
    assert abstains[N_UNITS - 20 :].mean() >= 0.9
    assert [label.abstains for label in found.labels] == abstains.tolist()
    assert (found.table["low"] <= found.table["pearson"]).all()
    assert (found.table["pearson"] <= found.table["high"]).all()
    assert "beyond that of reassigned labels" in found.summary()


@pytest.mark.parametrize("null", ["permute-units", "permute-stimuli"])
def test_p_values_of_noise_are_not_too_small(null: str, generator: np.random.Generator) -> None:
    table, activity, labels = _planted(generator, n_noise=N_UNITS)
    p = np.concatenate(
        [
            evaluate(
                labels, activity, table, null=null, n_permutations=99, n_bootstrap=20, seed=seed
            ).table["p"]
            for seed in range(8)
        ]
    )
    # The first null is the better of two tests counted twice, so its p-values are rather too large.
    assert p.mean() > 0.43
    assert (null == "permute-units") or p.mean() < 0.57
    assert (p <= 0.05).mean() < 0.09


def test_a_label_that_fits_every_unit_is_no_label(generator: np.random.Generator) -> None:
    shared = (generator.random(N) < 0.3).astype(float)
    activity = shared[:, None] + 0.3 * generator.standard_normal((N, 30))
    table = {f"text {n}": np.clip(shared + 0.4 * generator.random(N), 0, 1) for n in range(30)}
    labels = {unit: f"text {unit}" for unit in range(30)}
    found = evaluate(labels, activity, table, n_permutations=99, n_bootstrap=20)
    assert found.correlation > 0.7
    assert found.table["abstains"].mean() > 0.9
    assert found.rows.loc["pearson", "p"] > 0.05
    # The same labels do better than chance on the stimuli: the nulls ask different things.
    other = evaluate(labels, activity, table, null="permute-stimuli", n_permutations=99)
    assert not other.table["abstains"].any()


def test_among_few_related_labels_true_ones_are_kept_and_common_ones_are_not(
    generator: np.random.Generator,
) -> None:
    classes = generator.integers(0, 4, N)
    table = {f"class {n}": (classes == n).astype(float) for n in range(4)}
    activity = 1.3 * np.stack(list(table.values()) * 2, axis=1)
    activity[:, 4:] = 0
    activity += generator.standard_normal((N, 8))
    labels = {unit: f"class {unit % 4}" for unit in range(8)}
    found = evaluate(labels, activity, table, null="both", n_permutations=199, n_bootstrap=20)
    assert found.table["abstains"].tolist() == [False] * 4 + [True] * 4
    shared = (classes == 0).astype(float)
    alike = {f"text {n}": shared + 0.5 * generator.random(N) for n in range(8)}
    common = shared[:, None] + 0.3 * generator.standard_normal((N, 8))
    labels = {unit: f"text {unit}" for unit in range(8)}
    found = evaluate(labels, common, alike, null="both", n_permutations=199, n_bootstrap=20)
    assert found.correlation > 0.7
    assert found.table["abstains"].mean() >= 0.8


def test_p_values_beside_few_labels_are_not_too_small(generator: np.random.Generator) -> None:
    p = np.concatenate(
        [
            evaluate(
                {unit: f"text {unit}" for unit in range(12)},
                generator.standard_normal((N, 12)),
                {f"text {n}": generator.random(N) for n in range(12)},
                null="both",
                n_permutations=99,
                n_bootstrap=20,
                seed=seed,
            ).table["p"]
            for seed in range(12)
        ]
    )
    assert p.mean() > 0.45
    assert (p <= 0.05).mean() < 0.09


def test_texts_alone_are_labels_of_the_first_units(generator: np.random.Generator) -> None:
    table, activity, labels = _planted(generator, n_noise=0)
    given: dict[str, Any] = {"n_permutations": 19, "n_bootstrap": 19}
    one = evaluate(list(labels.values()), activity, table, **given)
    other = evaluate(labels, activity, table, **given)
    assert one.table.equals(other.table)


def test_secondary_metrics_stand_beside_constant_and_shuffled_labels(
    generator: np.random.Generator,
) -> None:
    table, activity, labels = _planted(generator, n_noise=0)
    rows = evaluate(labels, activity, table, n_permutations=99, n_bootstrap=20).rows
    assert rows[["labels", "constant label", "shuffled labels"]].notna().all().all()
    assert (rows["labels"] > rows["constant label"]).all()
    assert (rows["constant label"] > rows["shuffled labels"]).all()


def test_stimuli_in_time_are_turned_round_not_shuffled(generator: np.random.Generator) -> None:
    # Slow noise resembles slow predictions by chance far more often than shuffled steps would.
    kernel = np.ones(40) / 40
    slow = np.stack(
        [np.convolve(generator.standard_normal(N + 39), kernel, "valid") for _ in range(60)]
    )
    table = {f"text {n}": slow[n] for n in range(30)}
    labels = {unit: f"text {unit}" for unit in range(30)}
    parts = {"probe": np.arange(2), "held-out": np.arange(2, 20)}
    arguments = {"parts": parts, "null": "permute-stimuli", "n_permutations": 199}
    turned = evaluate(labels, slow[30:].T, table, groups=np.arange(N) // 20, **arguments)
    single = {"probe": np.arange(40), "held-out": np.arange(40, N)}
    shuffled = evaluate(labels, slow[30:].T, table, **{**arguments, "parts": single})
    assert (turned.table["p"] <= 0.05).mean() < (shuffled.table["p"] <= 0.05).mean() - 0.2


def test_an_empty_or_constant_label_abstains(generator: np.random.Generator) -> None:
    table, activity, labels = _planted(generator, n_noise=0)
    table["everything"] = np.ones(N)
    found = evaluate({**labels, 0: "", 1: "everything"}, activity, table, n_permutations=99)
    assert found.table["p"].tolist()[:2] == [1.0, 1.0]
    assert found.table["abstains"].tolist()[:3] == [True, True, False]


def test_references_give_few_units_a_null(generator: np.random.Generator) -> None:
    table, activity, labels = _planted(generator, n_noise=0)
    two = {unit: labels[unit] for unit in (0, 1)}
    alone = evaluate(two, activity, table, n_permutations=99)
    beside = evaluate(two, activity, table, n_permutations=99, references=list(table))
    assert alone.table["abstains"].all()
    assert not beside.table["abstains"].any()


def test_a_recording_gives_the_same_as_its_array(generator: np.random.Generator) -> None:
    table, activity, labels = _planted(generator)
    maps = np.stack([activity - 1, activity, activity - 2, activity - 3], axis=2)
    recording = from_arrays({"conv": maps.reshape(N, N_UNITS, 2, 2)}, kind="vision")
    named = [Label(unit, "conv", text, 0.0) for unit, text in labels.items()]
    stimuli = Stimuli("vision", images=generator.integers(0, 255, (N, 4, 4, 3), dtype=np.uint8))
    one = evaluate(named, recording, Vectors(table), stimuli=stimuli, parts=_thirds())
    two = evaluate(labels, activity.astype(np.float32), table, parts=_thirds())
    np.testing.assert_allclose(one.table["pearson"], two.table["pearson"], atol=1e-6)


def _thirds() -> dict[str, NDArray]:
    return {"probe": np.arange(100), "held-out": np.arange(100, N)}


def test_stimuli_of_exemplars_or_probe_are_not_scored(generator: np.random.Generator) -> None:
    table, activity, labels = _planted(generator)
    overlap = {"probe": np.arange(101), "held-out": np.arange(100, N)}
    with pytest.raises(UsageError, match=r"1 stimulus \(100\) both in 'probe' and in 'held-out'"):
        evaluate(labels, activity, table, parts=overlap)
    used = Exemplars("", "vision", [], np.empty(0), 0.99, 15, split_rows=np.arange(150))
    with pytest.raises(UsageError, match=r"50 stimuli .* both in 'exemplars'"):
        evaluate(labels, activity, table, parts=_thirds(), exemplars=used)


def test_held_out_copies_of_other_stimuli_are_left_out(generator: np.random.Generator) -> None:
    table, activity, labels = _planted(generator)
    images = generator.integers(0, 255, (N, 4, 4, 3), dtype=np.uint8)
    images[100:130] = images[:30]
    stimuli = Stimuli("vision", images=images)
    found = evaluate(labels, activity, table, stimuli=stimuli, parts=_thirds(), n_permutations=99)
    assert (found.n_repeated, found.n_held_out) == (30, N - 130)
    images[100:] = images[0]
    with pytest.raises(UsageError, match="all but 0 the same"):
        evaluate(labels, activity, table, stimuli=stimuli, parts=_thirds())


def test_what_cannot_be_evaluated_is_refused(generator: np.random.Generator) -> None:
    table, activity, labels = _planted(generator)
    with pytest.raises(UsageError, match="no null 'permute'"):
        evaluate(labels, activity, table, null="permute")
    with pytest.raises(UsageError, match=r"one label .* only"):
        evaluate(dict.fromkeys(range(3), "text 1"), activity, table)
    with pytest.raises(UsageError, match=r"\(399,\).*expected \(400,\)"):
        evaluate(labels, activity, {**table, "text 3": np.zeros(N - 1)})
    with pytest.raises(UsageError, match="labels of units up to 99"):
        evaluate({99: "text 1"}, activity, table)
    with pytest.raises(UsageError, match="labels of one site"):
        evaluate([Label(0, "a", "x", 0.0), Label(0, "b", "y", 0.0)], activity, table)
    with pytest.raises(UsageError, match="Found no stimuli"):
        evaluate(labels, activity, Vectors(table))
    with pytest.raises(UsageError, match="no predictions of 'text 0'"):
        evaluate(labels, activity, {"text 1": np.zeros(N)})
    with pytest.raises(UsageError, match="simulator of type 'NoneType'"):
        evaluate(labels, activity, None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least one draw of each"):
        evaluate(labels, activity, table, n_permutations=0)
    with pytest.raises(UsageError, match="a column for every unit"):
        evaluate({-1: "text 1", 0: "text 2"}, activity, table)


def test_p_values_are_exact_and_rates_are_bounds() -> None:
    assert rank_p([1.0, np.nan], np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])).tolist() == [
        0.75,
        1.0,
    ]
    assert abstentions([0.04, 0.9]).tolist() == [True, True]
    assert np.isnan(false_label_rate([0.5], [False]))
    assert false_label_rate([0.01, 0.01, 0.9, 0.9], [True, True, False, False]) == 0.02


def test_bleu_rewards_order_and_overlap_does_not() -> None:
    assert bleu("a red striped circle", ["a red striped circle", "square"]) == pytest.approx(1)
    assert 0 < bleu("circle striped red a", ["a red striped circle"]) < 0.8
    assert bleu("red", ["red striped circle"]) < 0.2
    assert token_overlap("circle striped red a", ["a red striped circle"]) == 1
    assert token_overlap("", ["red"]) == 0
    with pytest.raises(UsageError, match="at least one description"):
        bleu("red", [])


def test_a_constant_word_beats_sentences_and_is_shown_beside_them() -> None:
    texts = ["depiction of red things", "depiction of dogs", "depiction of grass and leaves"]
    truth = [["depiction"], ["depiction"], ["depiction"]]
    found = agreement(texts, truth)
    assert found.loc["constant label", "BLEU"] > found.loc["labels", "BLEU"]
    right = agreement(["red", "blue", "green"], [["red"], ["blue"], ["green"]], n_shuffles=5)
    assert right["BLEU"].tolist() == pytest.approx([1, 1 / 3, 0])
    with pytest.raises(UsageError, match="3 texts and 1 sets"):
        agreement(texts, truth[:1])


def test_embeddings_of_a_local_model_score_equal_texts_highest(tmp_path: object) -> None:
    score = EmbeddingScore(folder("final"))
    assert score("the red dog", ["the red dog"]) == pytest.approx(1)
    assert score("the red dog", ["a bird sings of rain", "the red dog"]) == pytest.approx(1)
    assert score("the red dog", ["a bird sings"]) < 0.999
    with pytest.raises(UsageError, match="Found no model"):
        EmbeddingScore(str(tmp_path))
