"""Hidden states: exact inference, climbs that never fall, limits that are known, planted truth."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.linear_model import PoissonRegressor

import workbench as wb
from analyses import states
from analyses.states.history import exponential_kernel, filtered_history
from analyses.states.scan import forward_backward, viterbi
from analyses.states.trials import read_trials

KINDS = (states.HMMGLM, states.GaussianHMMGLM, states.OneHotHMMGLM)
SMALL = {"restarts": 1, "max_iterations": 8, "screening": 4}


@pytest.fixture(scope="module")
def world() -> states.Simulation:
    """Three states of eight neurons, strongly coupled."""
    return states.simulate(3, 8, 500, 16, seed=1, strength=20.0)


@pytest.fixture(scope="module")
def fitted(world: states.Simulation) -> states.OneHotHMMGLM:
    """The one-hot model, fitted to most of its trials."""
    return states.OneHotHMMGLM(3, restarts=2).fit(world.spikes[:12])


def chain(n_states: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A random chain: transitions and initial distribution."""
    generator = np.random.default_rng(seed)
    moves = generator.dirichlet(np.ones(n_states), size=n_states)
    return moves, generator.dirichlet(np.ones(n_states))


def enumerated(log_emission: np.ndarray, moves: np.ndarray, initial: np.ndarray) -> tuple:
    """Likelihood, posterior, transitions and best path, from all paths of one trial."""
    n_time, n_states = log_emission.shape
    paths = np.array(list(product(range(n_states), repeat=n_time)))
    logs = np.log(initial)[paths[:, 0]] + log_emission[np.arange(n_time), paths].sum(axis=1)
    logs += np.log(moves)[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    total = np.logaddexp.reduce(logs)
    weight = np.exp(logs - total)
    posterior = np.stack([(weight[:, None] * (paths == k)).sum(axis=0) for k in range(n_states)], 1)
    moved = np.zeros((n_states, n_states))
    for path, each in zip(paths, weight, strict=True):
        np.add.at(moved, (path[:-1], path[1:]), each)
    return total, posterior, moved, paths[logs.argmax()]


@pytest.mark.parametrize("size", [1.0, 300.0])
def test_inference_is_that_of_all_paths(size: float) -> None:
    moves, initial = chain(3, 0)
    log_emission = size * np.random.default_rng(1).standard_normal((2, 6, 3))
    found = forward_backward(log_emission, moves, initial, np.array([6, 6]))
    paths = viterbi(log_emission, moves, initial)
    moved = np.zeros((3, 3))
    for trial, each in enumerate(log_emission):
        total, posterior, transitions, path = enumerated(each, moves, initial)
        np.testing.assert_allclose(found.log_likelihood[trial], total, rtol=1e-12)
        np.testing.assert_allclose(found.probability[trial], posterior, atol=1e-10)
        np.testing.assert_array_equal(paths[trial], path)
        moved += transitions
    np.testing.assert_allclose(found.transitions, moved, atol=1e-9)


@pytest.mark.parametrize("n_time", [127, 129, 1000])
def test_blocks_of_a_long_trial_change_nothing(n_time: int) -> None:
    moves, initial = chain(4, 2)
    log_emission = 50 * np.random.default_rng(3).standard_normal((2, n_time, 4))
    found = forward_backward(log_emission, moves, initial, np.array([n_time, n_time]))
    # The textbook recursion in log space, bin by bin.
    ahead = np.log(initial) + log_emission[:, 0]
    for time in range(1, n_time):
        through = ahead[:, :, None] + np.log(moves)
        ahead = np.logaddexp.reduce(through, axis=1) + log_emission[:, time]
    behind = np.zeros_like(ahead)
    first = np.zeros(0)
    for time in range(n_time - 1, -1, -1):
        first = behind
        behind = np.logaddexp.reduce(
            np.log(moves) + (log_emission[:, time] + behind)[:, None], axis=2
        )
    total = np.logaddexp.reduce(ahead, axis=1)
    np.testing.assert_allclose(found.log_likelihood, total, rtol=1e-12)
    begun = np.log(initial) + log_emission[:, 0] + first
    np.testing.assert_allclose(found.probability[:, 0], np.exp(begun - total[:, None]), atol=1e-9)
    np.testing.assert_allclose(found.transitions.sum(), 2 * (n_time - 1), rtol=1e-9)


def test_unequal_trials_count_as_they_do_alone() -> None:
    moves, initial = chain(2, 4)
    log_emission = np.random.default_rng(5).standard_normal((2, 9, 2))
    log_emission[1, 4:] = 0
    both = forward_backward(log_emission, moves, initial, np.array([9, 4]))
    long = forward_backward(log_emission[:1], moves, initial, np.array([9]))
    short = forward_backward(log_emission[1:, :4], moves, initial, np.array([4]))
    np.testing.assert_allclose(both.transitions, long.transitions + short.transitions)
    np.testing.assert_allclose(both.probability[1, :4], short.probability[0])
    np.testing.assert_allclose(both.log_likelihood, [*long.log_likelihood, *short.log_likelihood])


def test_log_likelihood_is_that_of_all_paths_with_factorials() -> None:
    from scipy.stats import poisson

    spikes = np.random.default_rng(0).poisson(1.0, (3, 20, 2))
    model = states.HMMGLM(2, link="exp", bias="state", **SMALL).fit(spikes)
    short = spikes[:1, :7]
    past = filtered_history(read_trials(short, n_neurons=2), exponential_kernel(5))
    drive = np.einsum("snm,tm->tsn", model.connectivity_, past) + model.bias_
    density = poisson.logpmf(short[0][:, None], np.exp(drive)).sum(axis=2)
    total, posterior, _, path = enumerated(density, model.transitions_, model.initial_)
    assert model.log_likelihood(short) == pytest.approx(total, rel=1e-10)
    np.testing.assert_allclose(model.posterior(short)[0], posterior, atol=1e-9)
    np.testing.assert_array_equal(model.predict_states(short, "viterbi")[0], path)
    uniform = enumerated(density, model.transitions_, np.full(2, 0.5))[0]
    assert model.log_likelihood(short, "uniform") == pytest.approx(uniform, rel=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("link", ["softplus", "exp", "sigmoid"])
def test_the_penalised_likelihood_never_falls(kind: type, link: str) -> None:
    spikes = states.simulate(2, 5, 150, 6, seed=3, strength=20.0).spikes
    for bias in ("shared", "state"):
        model = kind(2, link=link, bias=bias, restarts=1, max_iterations=25, tolerance=0.0).fit(
            spikes
        )
        assert len(model.history_) == 25
        assert np.diff(model.history_).min() > -1e-7 * abs(model.history_[-1])
        assert model.history_[-1] > model.history_[0]


def test_gaussian_emission_never_falls_and_finds_switching_dynamics() -> None:
    generator = np.random.default_rng(0)
    networks = np.array([[[0.8, -0.6], [0.6, 0.8]], [[0.8, 0.6], [-0.6, 0.8]]])
    truth = np.repeat(np.tile([0, 1], 10), 30).reshape(2, 300)
    activity = np.zeros((2, 300, 2))
    for time in range(1, 300):
        step = (networks[truth[:, time]] @ activity[:, time - 1, :, None])[:, :, 0]
        activity[:, time] = 0.9 * step + 0.3 * generator.standard_normal((2, 2))
    model = states.HMMGLM(2, emission="gaussian", lags=1, tolerance=0.0, max_iterations=30)
    model.fit(activity)
    assert np.diff(model.history_).min() > -1e-7 * abs(model.history_[-1])
    assert states.state_accuracy(model.predict_states(activity), truth) > 0.9


@pytest.mark.parametrize("kind", [states.HMMGLM, states.GaussianHMMGLM])
def test_one_state_is_a_poisson_regression(kind: type) -> None:
    spikes = states.simulate(1, 4, 300, 6, seed=2).spikes
    extra = {"ridge": 1e-8} if kind is states.HMMGLM else {"ridge": 1e-8, "spread": 1e4}
    model = kind(1, link="exp", tolerance=0.0, max_iterations=30, **extra).fit(spikes)
    past = filtered_history(read_trials(spikes), exponential_kernel(5))
    for neuron in range(4):
        peer = PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=1000, solver="newton-cholesky")
        peer.fit(past, spikes[..., neuron].ravel())
        np.testing.assert_allclose(model.connectivity_[0, neuron], peer.coef_, atol=1e-4)
        assert model.bias_[0, neuron] == pytest.approx(peer.intercept_, abs=1e-4)


def test_without_couplings_it_is_a_poisson_hmm() -> None:
    """Baum-Welch with closed-form rates, written out; a huge ridge takes couplings away."""
    generator = np.random.default_rng(4)
    truth = np.cumsum(generator.random((5, 200)) < 0.05, axis=1) % 2
    spikes = generator.poisson(np.array([[0.3, 1.5, 0.8], [1.2, 0.4, 0.8]])[truth])
    model = states.HMMGLM(
        2, link="exp", bias="state", ridge=1e9, pseudocount=0.0, tolerance=0.0, max_iterations=60
    ).fit(spikes)
    assert np.abs(model.connectivity_).max() < 1e-5
    rates, moves, initial = np.exp(model.bias_), model.transitions_, model.initial_
    for _ in range(20):
        density = (spikes[:, :, None] * np.log(rates) - rates).sum(axis=3)
        found = forward_backward(density, moves, initial, np.full(5, 200))
        share = found.probability
        rates = np.einsum("rts,rtn->sn", share, spikes) / share.sum(axis=(0, 1))[:, None]
        moves = found.transitions / found.transitions.sum(axis=1, keepdims=True)
        initial = share[:, 0].mean(axis=0)
    np.testing.assert_allclose(np.exp(model.bias_), rates, atol=1e-3)
    np.testing.assert_allclose(model.transitions_, moves, atol=1e-3)
    assert states.state_accuracy(model.predict_states(spikes), truth) > 0.9


def test_planted_networks_are_found(world: states.Simulation, fitted: states.OneHotHMMGLM) -> None:
    held_out, truth = world.spikes[12:], world.states[12:]
    order = states.match_states(fitted.predict_states(world.spikes[:12]), world.states[:12])
    found = fitted.connectivity_[order]
    assert states.sign_accuracy(found, world.connectivity) > 0.871
    exact = with_truth(world)
    best = states.state_accuracy(exact.predict_states(held_out), truth)
    assert states.state_accuracy(fitted.predict_states(held_out), truth) > best - 0.03
    assert fitted.log_likelihood(held_out) > exact.log_likelihood(held_out) - 30
    free = states.HMMGLM(3, restarts=1, link=fitted.link_).fit(world.spikes[:12])
    order = states.match_states(free.predict_states(world.spikes[:12]), world.states[:12])
    plain = states.sign_accuracy(free.connectivity_[order], world.connectivity)
    assert states.sign_accuracy(found, world.connectivity) > plain
    assert fitted.log_likelihood(held_out) > free.log_likelihood(held_out)


def with_truth(world: states.Simulation) -> states.HMMGLM:
    """A model with the parameters that spikes come from."""
    n_states, n_neurons = world.connectivity.shape[:2]
    model = states.HMMGLM(n_states, link=world.link)
    model.connectivity_, model.link_ = world.connectivity, world.link
    model.bias_ = np.repeat(world.bias[None], n_states, axis=0)
    model.variance_ = np.ones((n_states, n_neurons))
    model.transitions_, model.initial_ = world.transitions, world.initial
    return model


def test_what_a_fit_says(fitted: states.OneHotHMMGLM) -> None:
    assert fitted.connectivity_.shape == (3, 8, 8)
    assert fitted.prior_.shape == (8, 8, 3)
    np.testing.assert_allclose(fitted.prior_.sum(axis=2), 1)
    np.testing.assert_allclose(fitted.transitions_.sum(axis=1), 1)
    np.testing.assert_allclose(fitted.initial_.sum(), 1)
    assert np.all(np.diff(fitted.occupancy_) <= 0)
    assert np.all(np.diff(fitted.restarts_) <= 0)
    assert len(fitted.restarts_) == 2
    assert np.any(fitted.connectivity_ == 0)
    # The template is likeliest to be excitatory where most states are.
    positive = (fitted.connectivity_ > 0).sum(axis=0)
    assert fitted.prior_[positive == 3, 2].min() > fitted.prior_[positive == 0, 2].max()


def test_permuting_states_changes_no_likelihood(
    world: states.Simulation, fitted: states.OneHotHMMGLM
) -> None:
    other = states.OneHotHMMGLM(3)
    order = np.array([2, 0, 1])
    for name in ("connectivity_", "bias_", "variance_", "initial_"):
        setattr(other, name, getattr(fitted, name)[order])
    other.transitions_, other.link_ = fitted.transitions_[np.ix_(order, order)], fitted.link_
    held_out = world.spikes[12:]
    assert other.log_likelihood(held_out) == pytest.approx(fitted.log_likelihood(held_out))
    np.testing.assert_array_equal(
        order[other.predict_states(held_out)], fitted.predict_states(held_out)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_permuting_neurons_permutes_the_network(kind: type) -> None:
    spikes = states.simulate(2, 5, 200, 8, seed=5, strength=30.0).spikes
    order = np.array([3, 0, 4, 1, 2])
    first = kind(2, link="softplus", restarts=1, max_iterations=15).fit(spikes)
    second = kind(2, link="softplus", restarts=1, max_iterations=15).fit(spikes[..., order])
    np.testing.assert_allclose(
        second.connectivity_, first.connectivity_[:, order][:, :, order], atol=1e-5
    )
    np.testing.assert_allclose(second.bias_, first.bias_[:, order], atol=1e-5)
    np.testing.assert_allclose(second.prior_, first.prior_[order][:, order], atol=1e-5)


def test_equal_seeds_give_equal_fits() -> None:
    spikes = states.simulate(2, 4, 100, 6, seed=0).spikes
    first, second = (states.OneHotHMMGLM(2, seed=3, **SMALL).fit(spikes) for _ in range(2))
    np.testing.assert_array_equal(first.connectivity_, second.connectivity_)
    np.testing.assert_array_equal(first.history_, second.history_)


def test_forms_of_input_give_one_answer() -> None:
    spikes = states.simulate(2, 3, 60, 4, seed=0).spikes
    given = [
        spikes,
        spikes.astype(np.float32),
        torch.tensor(spikes),
        list(spikes),
        spikes.astype(np.uint8),
    ]
    models = [states.HMMGLM(2, link="exp", **SMALL).fit(each) for each in given]
    for model, each in zip(models, given, strict=True):
        np.testing.assert_array_equal(model.connectivity_, models[0].connectivity_)
        np.testing.assert_array_equal(
            np.stack(list(model.predict_states(each))), models[0].predict_states(spikes)
        )
    single = models[0].predict_states(spikes[0])
    assert single.shape == (60,)
    assert models[0].posterior(spikes[0]).shape == (60, 2)
    uneven = [spikes[0], spikes[1, :35]]
    assert [len(each) for each in models[0].predict_states(uneven)] == [60, 35]
    alone = [models[0].log_likelihood(each) for each in uneven]
    np.testing.assert_allclose(models[0].log_likelihoods(uneven), alone)
    assert models[0].log_likelihood(uneven) == pytest.approx(np.mean(alone))


def test_trials_are_worked_on_in_blocks_of_bins_without_a_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spikes = states.simulate(2, 4, 150, 6, seed=1).spikes
    whole = states.OneHotHMMGLM(2, link="softplus", **SMALL).fit(spikes)
    monkeypatch.setattr("analyses.states.regression._BLOCK_VALUES", 64)
    chunked = states.OneHotHMMGLM(2, link="softplus", **SMALL).fit(spikes)
    np.testing.assert_allclose(chunked.connectivity_, whole.connectivity_, atol=1e-6)
    np.testing.assert_allclose(chunked.history_, whole.history_, rtol=1e-9)


def test_one_state_data_do_not_yield_several() -> None:
    for seed in range(3):
        spikes = states.simulate(1, 4, 100, 12, seed=seed, strength=20.0).spikes
        choice = states.choose_n_states(
            spikes, (1, 2, 3), n_folds=3, link="sigmoid", restarts=1, max_iterations=15
        )
        assert choice.n_states == 1


def test_the_number_of_states_is_found_and_gone_when_trials_are_shuffled() -> None:
    world = states.simulate(2, 6, 200, 12, seed=2, strength=30.0)
    settings = {"n_folds": 2, "link": "softplus", "restarts": 2, "max_iterations": 15}
    choice = states.choose_n_states(world.spikes, (1, 2, 3), **settings)
    assert choice.n_states == 2
    assert choice.curve.shape == (3,)
    assert choice.curve[1] > choice.curve[0]
    assert choice.standard_error[choice.curve.argmax()] == 0
    generator = np.random.default_rng(0)
    shuffled = np.stack([world.spikes[generator.permutation(12), :, n] for n in range(6)], axis=2)
    null = states.choose_n_states(shuffled, (1, 2), **settings)
    assert null.gain(2).mean() < 0.2 * choice.gain(2).mean()


def test_groups_are_held_out_together() -> None:
    spikes = np.random.default_rng(0).poisson(0.5, (6, 40, 2))
    groups = ["a", "a", "b", "b", "c", "c"]
    choice = states.choose_n_states(
        spikes, (1,), groups=groups, n_folds=3, link="exp", max_iterations=3
    )
    assert np.all(choice.folds[::2] == choice.folds[1::2])
    assert len(np.unique(choice.folds)) == 3


def test_the_template_is_taken_as_logarithms() -> None:
    spikes = states.simulate(2, 4, 200, 6, seed=0, strength=30.0).spikes
    settings = {"link": "softplus", "restarts": 1, "max_iterations": 10}
    pi = np.broadcast_to([0.0, 0.999, 0.001], (4, 4, 3)).copy()
    with np.errstate(divide="ignore"):
        model = states.OneHotHMMGLM(2, log_pi=np.log(pi), **settings).fit(spikes)
    np.testing.assert_allclose(model.prior_, pi, atol=1e-12)
    assert model.connectivity_.min() >= 0
    learned = states.OneHotHMMGLM(2, **settings).fit(spikes)
    assert learned.connectivity_.min() < 0
    # Adding a constant to logarithms changes nothing; to probabilities it would.
    with np.errstate(divide="ignore"):
        moved = states.OneHotHMMGLM(2, log_pi=np.log(pi) + 3, **settings).fit(spikes)
    np.testing.assert_array_equal(moved.connectivity_, model.connectivity_)
    with pytest.raises(wb.UsageError, match=r"pass np\.log\(pi\)"):
        states.OneHotHMMGLM(2, log_pi=pi, **settings).fit(spikes)
    with pytest.raises(wb.UsageError, match=r"expected \(4, 4, 3\)"):
        states.OneHotHMMGLM(2, log_pi=np.zeros((4, 4)), **settings).fit(spikes)


def test_simulation_follows_the_recipe() -> None:
    world = states.simulate(5, 20, 400, 40, seed=0)
    sizes = np.abs(world.connectivity[world.connectivity != 0])
    assert sizes.max() < np.log(4)
    share = np.mean(world.connectivity != 0)
    assert 0.15 < share < 0.25
    stays = np.mean(world.states[:, 1:] == world.states[:, :-1])
    assert stays == pytest.approx(0.98, abs=0.005)
    # The first state comes from the initial distribution, not from a row of the transitions.
    assert np.bincount(world.states[:, 0], minlength=5).max() < 20
    np.testing.assert_allclose(world.kernel.round(4), [0.6364, 0.2341, 0.0861, 0.0317, 0.0117])
    again = states.simulate(5, 20, 400, 40, seed=0)
    np.testing.assert_array_equal(world.spikes, again.spikes)


def test_silent_and_single_neurons_are_fine() -> None:
    spikes = np.random.default_rng(0).poisson(0.6, (4, 100, 3))
    spikes[..., 1] = 0
    for link in ("softplus", "exp", "sigmoid"):
        for kind in KINDS:
            model = kind(2, link=link, **SMALL).fit(spikes)
            assert np.isfinite(model.connectivity_).all()
            assert np.isfinite(model.log_likelihood(spikes))
            np.testing.assert_allclose(model.connectivity_[:, :, 1], 0, atol=1e-6)
    alone = states.OneHotHMMGLM(2, **SMALL).fit(spikes[..., :1])
    assert alone.connectivity_.shape == (2, 1, 1)


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (np.full((2, 20, 2), -1), "negative counts, down to -1"),
        (np.full((2, 20, 2), 0.5), "not whole numbers"),
        (np.full((2, 20, 2), np.nan), "80 NaN or infinite"),
        (np.zeros((2, 2, 2)), "expected at least 10 bins"),
        (np.zeros(20), "expected \\(trials, time, neurons\\)"),
        (np.zeros((0, 20, 2)), "none of them empty"),
        ([np.zeros((20, 2)), np.zeros((20, 3))], "the same neurons in every trial"),
        (np.array([["a", "b"]] * 20), "expected real numbers"),
        (np.zeros((1, 12, 2)), "expected at least 15"),
    ],
)
def test_bad_counts_are_refused(spikes: object, message: str) -> None:
    with pytest.raises(wb.WorkbenchError, match=message):
        states.HMMGLM(3).fit(spikes)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_states": 0}, "n_states=0"),
        ({"n_states": 2.5}, "n_states=2.5"),
        ({"link": "logit"}, "link='logit'"),
        ({"emission": "normal"}, "emission='normal'"),
        ({"bias": "none"}, "bias='none'"),
        ({"lags": 0}, "lags=0"),
        ({"decay": -1.0}, "decay=-1.0"),
        ({"restarts": 0}, "restarts=0"),
        ({"tolerance": np.nan}, "tolerance=nan"),
        ({"ridge": 0.0}, "ridge=0.0"),
        ({"link": "sigmoid"}, "3 spikes per bin"),
    ],
)
def test_bad_parameters_are_refused(parameters: dict, message: str) -> None:
    with pytest.raises(wb.UsageError, match=message):
        states.HMMGLM(**{"n_states": 2, **parameters}).fit(np.full((2, 20, 2), 3))


def test_bad_calls_are_refused() -> None:
    spikes = np.random.default_rng(0).poisson(0.5, (3, 20, 2))
    with pytest.raises(wb.UsageError, match=r"call fit\(spikes\) first"):
        states.HMMGLM(2).predict_states(spikes)
    model = states.HMMGLM(2, **SMALL).fit(spikes)
    with pytest.raises(wb.UsageError, match="expected the 2 that the model was fitted to"):
        model.predict_states(spikes[..., :1])
    with pytest.raises(wb.UsageError, match="method='best'"):
        model.predict_states(spikes, "best")
    with pytest.raises(wb.UsageError, match="initial='flat'"):
        model.log_likelihood(spikes, "flat")
    with pytest.raises(wb.UsageError, match="1 groups of trials"):
        states.choose_n_states(spikes, groups=[0, 0, 0])
    with pytest.raises(wb.UsageError, match="candidates"):
        states.choose_n_states(spikes, ())
    with pytest.raises(wb.UsageError, match="excitation runs away with link='exp'"):
        states.simulate(2, 8, 200, 2, link="exp", strength=60.0)
    with pytest.raises(wb.UsageError, match="same bins"):
        states.match_states([0, 1], [0])
