"""Tasks keep their original definitions; starts have the rank, size and structure they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analyses import learning_regime as lr
from analyses.learning_regime.initial_connectivity import MATCHES, scaled_to, truncated
from analyses.learning_regime.measured_connectivity import GABA_NEURONS
from workbench.errors import UsageError

TASKS = ("2AF", "DMS", "CXT")


@pytest.mark.parametrize("name", TASKS)
def test_a_trial_has_eight_steps_and_decides_at_the_last(name: str) -> None:
    task = lr.as_task(name)
    trials = task.trials(500, seed=3)
    assert trials.inputs.shape == (500, 8, task.n_inputs)
    assert trials.inputs.dtype == np.float32
    assert (task.n_steps, task.answered_from, task.taught_from, task.n_outputs) == (8, 7, 0, 3)
    assert (trials.targets[:, :7] == 0).all()
    assert set(np.unique(trials.targets[:, 7])) == {1, 2}
    np.testing.assert_array_equal(trials.targets[:, 7], trials.conditions["answer"])


@pytest.mark.parametrize("name", TASKS)
def test_the_fixation_input_is_on_until_the_decision(name: str) -> None:
    task = type(lr.as_task(name))(sigma=0.0)  # type: ignore[call-arg]
    fixation = task.trials(50).inputs[:, :, 0]
    assert (fixation[:, :7] == 1).all()
    assert (fixation[:, 7] == 0).all()


@pytest.mark.parametrize("name", TASKS)
def test_equal_seeds_give_equal_trials_and_others_do_not(name: str) -> None:
    task = lr.as_task(name)
    first = task.trials(20, seed=1)
    np.testing.assert_array_equal(first.inputs, task.trials(20, seed=1).inputs)
    for other in (task.trials(20, seed=2), task.held_out(20, seed=1)):
        assert not np.array_equal(first.inputs, other.inputs)


def test_two_alternatives_differ_by_the_coherence() -> None:
    clean = lr.PerceptualDecisionMaking(sigma=0.0).trials(400, seed=0)
    coherence = clean.conditions["coherence"]
    assert set(coherence) == {0.0, 6.4, 12.8, 25.6, 51.2}
    right, wrong = clean.targets[:, 7], 3 - clean.targets[:, 7]
    rows = np.arange(400)
    for step in range(7):
        shown = clean.inputs[rows, step, right], clean.inputs[rows, step, wrong]
        np.testing.assert_allclose(shown[0], 0.5 + coherence / 200, rtol=1e-6)
        np.testing.assert_allclose(shown[1], 0.5 - coherence / 200, rtol=1e-6)
    assert (clean.inputs[:, 7] == 0).all()


def test_match_to_sample_compares_what_lies_before_and_after_the_delay() -> None:
    clean = lr.DelayMatchSample(sigma=0.0).trials(400, seed=0)
    sample, test = clean.inputs[:, 0, 1:], clean.inputs[:, 6, 1:]
    assert set(np.unique(sample)) == {0.0, 1.0}
    assert (sample.sum(1) == 1).all()
    match = (sample == test).all(axis=1)
    np.testing.assert_array_equal(clean.targets[:, 7], np.where(match, 1, 2))
    assert 0.4 < match.mean() < 0.6
    assert (clean.inputs[:, 1:6, 1:] == 0).all()
    assert (clean.inputs[:, 7] == 0).all()


def test_context_says_which_modality_counts() -> None:
    clean = lr.ContextDecisionMaking(sigma=0.0).trials(600, seed=0)
    context, rows = clean.conditions["context"], np.arange(600)
    np.testing.assert_array_equal(clean.inputs[rows, :, 5 + context], 1)
    np.testing.assert_array_equal(clean.inputs[rows, :, 6 - context], 0)
    assert (clean.inputs[:, 7, :5] == 0).all()
    assert (clean.inputs[:, 2:7, 1:5] == 0).all()
    modalities = clean.inputs[:, 0, 1:5].reshape(600, 2, 2)
    differences = np.abs(modalities[:, :, 0] - modalities[:, :, 1])
    assert set(np.unique((100 * differences).round())) == {5, 15, 50}
    told = modalities[rows, context].argmax(axis=1) + 1
    np.testing.assert_array_equal(told, clean.targets[:, 7])
    # The other modality is drawn by itself: it agrees by chance.
    other = modalities[rows, 1 - context].argmax(axis=1) + 1
    assert 0.4 < (other == told).mean() < 0.6


@pytest.mark.parametrize(
    ("name", "steps", "channels"),
    [
        ("2AF", slice(0, 7), slice(1, 3)),
        ("DMS", [0, 6], slice(1, 3)),
        ("CXT", slice(0, 2), slice(7)),
    ],
)
def test_noise_has_the_stated_size_where_it_belongs(
    name: str, steps: slice | list[int], channels: slice
) -> None:
    kind = type(lr.as_task(name))
    noisy, clean = (kind(sigma=sigma).trials(4000, seed=5).inputs for sigma in (1.0, 0.0))  # type: ignore[call-arg]
    noise = (noisy - clean).astype(np.float64)
    part = noise[:, steps][:, :, channels]
    assert abs(part.std() - 0.1) < 0.002
    assert abs(part.mean()) < 0.002
    noise[:, steps, channels] = 0
    assert not noise.any()


def test_lengths_of_periods_are_whole_steps() -> None:
    assert lr.PerceptualDecisionMaking(stimulus=1000, dt=50).n_steps == 22
    with pytest.raises(UsageError, match="Found 730 ms for 'stimulus' at 100 ms a step"):
        lr.PerceptualDecisionMaking(stimulus=730).trials(2)
    with pytest.raises(UsageError, match="did you mean '2AF'"):
        lr.as_task("2AFC")
    with pytest.raises(UsageError, match="Found n_trials 0"):
        lr.as_task("DMS").trials(0)


def test_digits_come_row_by_row_and_held_out_ones_never_in_training() -> None:
    digits = lr.as_task("digits")
    assert (digits.n_steps, digits.n_inputs, digits.n_outputs, digits.taught_from) == (8, 8, 10, 7)
    from sklearn.datasets import load_digits

    images = load_digits().images / 16
    train, test = digits.trials(3000, seed=0), digits.held_out(160)
    np.testing.assert_allclose(train.inputs[5], images[train.conditions["image"][5]], rtol=1e-6)
    assert not set(train.conditions["image"]) & set(test.conditions["image"])
    assert len(set(test.conditions["image"])) == 160


def test_digits_of_another_size_and_bad_ones() -> None:
    generator = np.random.default_rng(0)
    images, labels = generator.random((22, 28, 28)), np.arange(22) % 10
    digits = lr.SequentialDigits(images, labels)
    assert digits.trials(4).inputs.shape == (4, 28, 28)
    assert digits.held_out(3).inputs.shape == (3, 28, 28)
    with pytest.raises(UsageError, match="one label an image"):
        lr.SequentialDigits(images, labels[1:])
    with pytest.raises(UsageError, match="class numbers"):
        lr.SequentialDigits(images, labels - 1)
    images[0, 0, 0] = np.nan
    with pytest.raises(UsageError, match="not finite"):
        lr.SequentialDigits(images, labels)


@pytest.mark.parametrize("match", MATCHES)
@pytest.mark.parametrize("rank", [1, 7, 40])
def test_low_rank_starts_have_their_rank_and_the_size_of_the_whole(match: str, rank: int) -> None:
    whole = lr.low_rank_init(40, 40, seed=2)
    weight = lr.low_rank_init(40, rank, match=match, seed=2)
    values = np.linalg.svd(weight, compute_uv=False)
    assert (values > 1e-10 * values[0]).sum() == rank
    assert abs(lr.weight_norm(weight, match) - lr.weight_norm(whole, match)) < 1e-10
    given = lr.low_rank_init(40, rank, norm=3.5, match=match, seed=2)
    assert abs(lr.weight_norm(given, match) - 3.5) < 1e-10


def test_sizes_are_those_of_numpy() -> None:
    weight = np.random.default_rng(0).normal(size=(9, 9))
    assert lr.weight_norm(weight) == pytest.approx(np.sqrt((weight**2).sum()))
    radius = np.abs(np.linalg.eigvals(weight)).max()
    assert lr.weight_norm(weight, "spectral_radius") == pytest.approx(radius)
    largest = np.sqrt(np.linalg.eigvalsh(weight @ weight.T).max())
    assert lr.weight_norm(weight, "singular_value") == pytest.approx(largest)


def test_full_rank_is_the_gaussian_matrix_with_the_stated_gain() -> None:
    weight = lr.low_rank_init(300, 300, seed=4)
    np.testing.assert_array_equal(weight, lr.gaussian_init(300, seed=4))
    assert abs(weight.std() * np.sqrt(300) - 1.25) < 0.02
    doubled = lr.low_rank_init(300, 300, gain=2.5, seed=4)
    np.testing.assert_allclose(doubled, 2 * weight)


def test_truncation_is_the_best_of_its_rank() -> None:
    whole = lr.gaussian_init(30, seed=1)
    values = np.linalg.svd(whole, compute_uv=False)
    rest = np.linalg.norm(whole - truncated(whole, 5))
    assert rest == pytest.approx(np.sqrt((values[5:] ** 2).sum()))


def test_low_rank_refuses_what_cannot_be() -> None:
    with pytest.raises(
        UsageError, match="Found rank 11 for 10 units; expected a whole number from 1"
    ):
        lr.low_rank_init(10, 11)
    with pytest.raises(UsageError, match="did you mean 'frobenius'"):
        lr.low_rank_init(10, 2, match="frobenus")
    with pytest.raises(UsageError, match="Found norm -1"):
        lr.low_rank_init(10, 2, norm=-1.0)
    with pytest.raises(UsageError, match="Found n 0"):
        lr.low_rank_init(0, 1)
    with pytest.raises(UsageError, match="spectral radius is zero"):
        scaled_to(np.triu(np.ones((4, 4)), 1), 1.0, "spectral_radius")


def test_blocks_are_wired_with_their_probabilities() -> None:
    weight = lr.block_init(400, n_blocks=4, within=0.4, between=0.1, norm=7.0, seed=0)
    block = np.repeat(range(4), 100)
    same = block[:, None] == block
    assert abs((weight != 0)[same].mean() - 0.4) < 0.01
    assert abs((weight != 0)[~same].mean() - 0.1) < 0.01
    assert np.linalg.norm(weight) == pytest.approx(7.0)
    with pytest.raises(UsageError, match="at most one block a unit"):
        lr.block_init(3, n_blocks=4)


@pytest.mark.parametrize("balanced", [True, False])
def test_dale_columns_have_one_sign(balanced: bool) -> None:
    weight = lr.dale_init(200, excitatory=0.75, balanced=balanced, seed=3)
    assert (weight[:, :150] > 0).all()
    assert (weight[:, 150:] < 0).all()
    total, size = weight.sum(), np.abs(weight).sum()
    assert abs(total / size) < 0.02 if balanced else total / size > 0.4
    assert np.linalg.norm(weight) == pytest.approx(np.linalg.norm(lr.gaussian_init(200, seed=3)))
    with pytest.raises(UsageError, match="at least one unit of each kind"):
        lr.dale_init(10, excitatory=1.0)


def test_motifs_have_their_correlations() -> None:
    """Averages over all pairs of connections that make up a motif."""
    found = []
    for seed in range(40):
        w = lr.chain_motif_init(
            60, chain=0.15, reciprocal=0.5, convergent=0.2, divergent=0.25, norm=60.0, seed=seed
        )
        np.fill_diagonal(w, 0)
        rows, columns = w.sum(1), w.sum(0)
        square, both = (w**2).sum(), (w * w.T).sum()
        # Sums over i, j, k that all differ.
        n = 60 * 59 * 58
        chain = (columns @ rows - both) / n
        convergent, divergent = ((each @ each - square) / n for each in (rows, columns))
        found.append([chain, both / 3540, convergent, divergent, square / 3540])
    mean = np.mean(found, axis=0)
    np.testing.assert_allclose(mean[:4] / mean[4], [0.15, 0.5, 0.2, 0.25], atol=0.02)


def test_chains_give_the_spectrum_an_outlier() -> None:
    plain, chains = (lr.chain_motif_init(150, chain=c, norm=15.0, seed=0) for c in (0.0, 0.2))
    radius = [lr.weight_norm(each, "spectral_radius") for each in (plain, chains)]
    assert radius[1] > 2 * radius[0]


@pytest.mark.parametrize(
    "wrong", [{"chain": 0.6}, {"chain": 0.2, "convergent": 0.1}, {"reciprocal": 2.0}]
)
def test_impossible_motifs_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="which no weights have"):
        lr.chain_motif_init(20, **wrong)


EDGES = """Source,Target,Weight,Type
VB02 ,AVAL,3,chemical
AVAL,VB02,5,chemical
DD01,AVAL,2,chemical
AVAL,DD01,4,electrical
AVAL,muscle,9,chemical
muscle,AVAL,1,electrical
"""


def test_a_table_of_edges_is_read_to_by_from(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(EDGES)
    names, counts = lr.read_connectome(path)
    assert names == ["AVAL", "DD1", "VB2"]
    np.testing.assert_array_equal(counts, [[0, 2 + 4, 3], [4, 0, 0], [5, 0, 0]])
    weight = lr.connectome_init(path, signs="gaba", norm=2.0)
    assert (weight[:, 1] <= 0).all()
    np.testing.assert_allclose(np.abs(weight), counts * 2 / np.linalg.norm(counts))


def test_signs_are_of_columns_and_neurons_are_drawn_by_the_seed() -> None:
    counts = np.random.default_rng(1).poisson(1.0, (30, 30))
    weight = lr.connectome_init(counts, n=12, seed=4)
    signs = np.sign(weight)
    assert all(len(set(column[column != 0])) == 1 for column in signs.T)
    assert {-1.0, 1.0} <= set(signs.ravel())
    np.testing.assert_array_equal(weight, lr.connectome_init(counts, n=12, seed=4))
    assert not np.array_equal(weight, lr.connectome_init(counts, n=12, seed=5))
    positive = lr.connectome_init(counts, signs="positive", norm=1.0)
    np.testing.assert_allclose(positive, counts / np.linalg.norm(counts))


def test_connectomes_refuse_what_they_cannot_do(tmp_path: Path) -> None:
    counts = np.ones((5, 5))
    with pytest.raises(UsageError, match="a connectome is not tiled"):
        lr.connectome_init(counts, n=6)
    with pytest.raises(UsageError, match="names of neurons"):
        lr.connectome_init(counts, signs="gaba")
    with pytest.raises(UsageError, match=r"\(neurons, neurons\)"):
        lr.connectome_init(np.ones((5, 4)))
    with pytest.raises(UsageError, match="Found no file"):
        lr.connectome_init(tmp_path / "none.csv")
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="expected one called source or pre"):
        lr.connectome_init(path)
    path.write_text(EDGES.replace("3,chem", "three,chem"))
    with pytest.raises(UsageError, match="Found a weight 'three' from VB02 to AVAL"):
        lr.connectome_init(path)


@pytest.mark.parametrize(
    ("name", "neurons"),
    [("Cook2019_herm_full_edgelist.csv", 298), ("aconnectome_white_1986_whole.csv", 279)],
)
def test_the_worm(data: Path, name: str, neurons: int) -> None:
    path = data / "worm" / "connectomes" / name
    names, counts = lr.read_connectome(path)
    assert len(names) == neurons
    assert sum(each in GABA_NEURONS for each in names) >= 25
    assert 0.02 < (counts > 0).mean() < 0.08
    # AVA commands backward movement through the A motor neurons.
    place = {each: number for number, each in enumerate(names)}
    assert counts[place["DA5"], place["AVAL"]] > counts[place["AVAL"], place["DA5"]]
    weight = lr.connectome_init(path, n=100, norm=12.5)
    assert np.linalg.norm(weight) == pytest.approx(12.5)
