"""Training of many networks at once equals training alone, and regimes are what theory says."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import workbench as wb
from analyses import learning_regime as lr
from analyses.learning_regime.backpropagation import Backpropagation, Weights
from analyses.learning_regime.recurrent_network import TaughtSteps
from analyses.learning_regime.schedule import log_spaced_steps
from workbench.errors import UsageError

QUIET: dict[str, Any] = {"progress": False}
EXACT: dict[str, Any] = {"progress": False, "dtype": "float64"}


@pytest.mark.parametrize(
    ("alpha", "scale", "taught_from"), [(1.0, 1.0, 0), (0.4, 1.0, 0), (0.7, 5.0, 6)]
)
def test_gradients_are_those_of_autograd(alpha: float, scale: float, taught_from: int) -> None:
    torch.manual_seed(0)
    networks = [lr.RateNetwork(4, 15, 3, alpha, scale).double() for _ in range(3)]
    names = ("W_in", "W_h", "W_out")
    weights = Weights(
        *(torch.stack([getattr(each, name).weight.detach() for each in networks]) for name in names)
    )
    inputs = torch.randn(3, 8, 5, 4, dtype=torch.float64)
    targets = torch.randint(3, (3, 8, 5))
    one_hot = torch.nn.functional.one_hot(targets[:, taught_from:].flatten(1), 3).double()
    engine = Backpropagation(8, 5, taught_from, alpha, scale, weights)
    losses = engine.backward(weights, inputs.flatten(1, 2), one_hot.transpose(1, 2))
    for number, network in enumerate(networks):
        outputs = network(inputs[number].transpose(0, 1))[:, taught_from:]
        wanted = targets[number, taught_from:].T
        loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), wanted.flatten())
        loss.backward()
        assert float(losses[number]) == pytest.approx(float(loss.detach()), abs=1e-12)
        for name, gradient in zip(names, engine.gradients, strict=True):
            torch.testing.assert_close(gradient[number], getattr(network, name).weight.grad)


def test_training_is_that_of_torch() -> None:
    trained = lr.train_rnn("CXT", 12, seeds=[3], n_steps=40, checkpoints=2, **EXACT)
    network = trained.network(checkpoint=0)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.003, momentum=0.9)
    for step in range(40):
        block = trained.task.trials(64 * 32, (3, 0))
        rows = slice(32 * step, 32 * step + 32)
        outputs = network(torch.from_numpy(block.inputs[rows]).double())
        wanted = torch.from_numpy(block.targets[rows])
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(outputs.flatten(0, 1), wanted.flatten()).backward()
        optimiser.step()
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(weight, trained.network().state_dict()[name])


def test_seeds_together_are_seeds_alone() -> None:
    ranks = {f"rank {rank}": _low_rank(rank) for rank in (1, 30)}
    together = lr.train_rnn("2AF", ranks, seeds=[0, 4, 7], n_steps=150, **EXACT)
    for seed in (0, 7):
        alone = lr.train_rnn("2AF", ranks["rank 1"], seeds=[seed], n_steps=150, **EXACT)
        place = together.seeds.index(seed)
        for name in ("inputs", "recurrent", "outputs", "losses"):
            found = getattr(together, name)[0, place]
            np.testing.assert_allclose(found, getattr(alone, name)[0, 0], atol=1e-9)
    assert not np.allclose(together.recurrent[0, 0], together.recurrent[0, 1])


def test_a_longer_training_goes_through_a_shorter_one() -> None:
    """Trials belong to steps, past the end of a block as well."""
    long = lr.train_rnn("DMS", 8, seeds=[1], n_steps=100, checkpoints=[70], **EXACT)
    short = lr.train_rnn("DMS", 8, seeds=[1], n_steps=70, checkpoints=2, **EXACT)
    np.testing.assert_array_equal(long.recurrent[0, 0, 1], short.recurrent[0, 0, -1])


def test_starts_of_one_seed_share_what_they_should() -> None:
    trained = lr.train_rnn(
        "2AF", {"a": _low_rank(1), "b": _low_rank(2)}, seeds=2, n_steps=2, checkpoints=2, **EXACT
    )
    np.testing.assert_array_equal(trained.inputs[0, :, 0], trained.inputs[1, :, 0])
    np.testing.assert_array_equal(trained.outputs[0, :, 0], trained.outputs[1, :, 0])
    np.testing.assert_allclose(trained.recurrent[1, 1, 0], lr.low_rank_init(30, 2, seed=1))
    assert np.abs(trained.inputs).max() <= 1 / np.sqrt(3)
    assert np.abs(trained.outputs[:, :, 0]).max() <= 1 / np.sqrt(30)


def test_starts_come_in_many_forms() -> None:
    weight = lr.low_rank_init(6, 2, seed=5)
    forms = [weight, torch.from_numpy(weight), weight.tolist(), lambda _: weight]
    forms += [[weight, weight], np.stack([weight, weight])]
    for form in forms:
        trained = lr.train_rnn("DMS", form, seeds=2, n_steps=1, checkpoints=2, **EXACT)
        np.testing.assert_allclose(trained.recurrent[0, :, 0], [weight, weight])


def test_training_learns_an_easy_task() -> None:
    easy = lr.PerceptualDecisionMaking(coherences=(100.0,))
    trained = lr.train_rnn(easy, 40, seeds=2, n_steps=800, learning_rate=0.01, **QUIET)
    assert (trained.losses[..., -1] < 0.3 * trained.losses[..., 0]).all()
    found = lr.measure_networks(trained, kernels=False, progress=False)
    assert (found["accuracy"].isel(step=-1) > 0.95).all()
    assert (found["accuracy"].isel(step=0) < 0.9).all()


def test_digits_are_learnt_row_by_row() -> None:
    trained = lr.train_rnn(
        "digits", 60, seeds=1, n_steps=500, batch_size=64, learning_rate=0.03, **QUIET
    )
    found = lr.measure_networks(trained, n_trials=160, kernels=False, progress=False)
    assert float(found["accuracy"][0, 0, -1]) > 0.6


def test_checkpoints_are_spaced_by_the_logarithm() -> None:
    assert log_spaced_steps(3000, 2) == (0, 3000)
    steps = log_spaced_steps(3000, 12)
    assert (steps[0], steps[1], steps[-1], len(steps)) == (0, 1, 3000, 12)
    ratios = np.diff(np.log(steps[5:]))
    assert np.ptp(ratios) < 0.1
    trained = lr.train_rnn("DMS", 5, seeds=1, n_steps=9, checkpoints=[4, 2], **QUIET)
    assert trained.steps == (0, 2, 4, 9)


def test_the_best_of_several_learning_rates_is_kept() -> None:
    options: dict[str, Any] = {"seeds": 2, "n_steps": 200, **QUIET}
    several = lr.train_rnn("DMS", 20, learning_rate=[1e-5, 0.01], **options)
    alone = lr.train_rnn("DMS", 20, learning_rate=0.01, **options)
    np.testing.assert_array_equal(several.learning_rates, 0.01)
    np.testing.assert_allclose(several.recurrent, alone.recurrent, atol=1e-5)


def test_divergence_is_told_by_seed_and_not_averaged() -> None:
    starts = {"huge": 1e25 * lr.gaussian_init(10), "usual": lr.gaussian_init(10)}
    with pytest.warns(UserWarning, match=r"2 of 4 networks diverged \(huge, seed 0; huge, seed 3"):
        trained = lr.train_rnn("DMS", starts, seeds=[0, 3], n_steps=30, checkpoints=2, **QUIET)
    np.testing.assert_array_equal(trained.diverged, [[True, True], [False, False]])
    found = lr.measure_networks(trained, n_trials=20, kernels=False, progress=False)
    assert np.isnan(found["accuracy"].sel(start="huge").isel(step=-1)).all()
    assert np.isfinite(found["accuracy"].sel(start="usual")).all()
    table = lr.seed_intervals(found, ["accuracy"]).set_index("start")
    assert table["n_seeds"].to_dict() == {"huge": 0, "usual": 2}


def test_checkpoints_open_as_a_recording(tmp_path: Path) -> None:
    trained = lr.train_rnn("2AF", 10, seeds=[2], n_steps=20, checkpoints=4, **QUIET)
    folder = tmp_path / "checkpoints"
    paths = trained.save_checkpoints(folder)
    assert [path.name for path in paths][::3] == [
        "step-00000000.safetensors",
        "step-00000020.safetensors",
    ]
    trials = trained.task.held_out(6).inputs
    recording = wb.capture(
        "torch:analyses.learning_regime.recurrent_network:RateNetwork",
        factory_arguments={"n_inputs": 3, "n_units": 10, "n_outputs": 3},
        stimuli=trials,
        sites="hidden",
        checkpoints=folder,
        out=tmp_path / "recording",
    )
    assert recording.rows["step"].unique().tolist() == list(trained.steps)
    last = recording["hidden"].to_numpy()[(recording.rows["checkpoint"] == 3).to_numpy()]
    with torch.no_grad():
        states = trained.network().states(torch.from_numpy(trials)).numpy()
    np.testing.assert_allclose(last.reshape(states.shape), states, atol=1e-6)


def test_kernels_of_the_recurrent_weights_are_exact() -> None:
    trained = lr.train_rnn("2AF", 8, seeds=1, n_steps=5, checkpoints=2, alpha=0.6, **EXACT)
    network, inputs = trained.network(), torch.from_numpy(trained.task.trials(3).inputs).double()
    outputs = network(inputs)[:, 6:].flatten()
    rows = [torch.autograd.grad(each, network.W_h.weight, retain_graph=True)[0] for each in outputs]
    jacobian = torch.stack(rows).flatten(1)
    kernel = lr.tangent_kernel(TaughtSteps(network, 6), inputs, ["network.W_h.weight"])
    np.testing.assert_allclose(kernel, (jacobian @ jacobian.T).numpy(), atol=1e-10)


def test_scaled_outputs_learn_lazily_and_small_weights_richly() -> None:
    """Chizat, Oyallon and Bach 2019: the planted truth of every measure."""
    easy = lr.PerceptualDecisionMaking(coherences=(100.0,))
    options: dict[str, Any] = {"seeds": 3, "n_steps": 600, "checkpoints": 2, **QUIET}
    small = lr.train_rnn(easy, _low_rank(30, 0.2), learning_rate=0.1, **options)
    scaled = lr.train_rnn(easy, _low_rank(30), scale=20.0, learning_rate=0.03, **options)
    rich, lazy = (
        lr.measure_networks(each, n_kernel_trials=8, progress=False).isel(step=-1, start=0)
        for each in (small, scaled)
    )
    assert (rich["accuracy"] > 0.95).all()
    assert (lazy["accuracy"] > 0.95).all()
    gap = float(lazy["kernel_alignment"].min()) - float(rich["kernel_alignment"].max())
    assert gap > 0.2
    for name in ("representation_alignment", "centred_kernel_alignment"):
        assert (lazy[name] > rich[name]).all()
    assert (lazy["relative_weight_change"] < rich["relative_weight_change"]).all()


def test_no_training_is_perfect_alignment() -> None:
    trained = lr.train_rnn("CXT", 10, seeds=1, n_steps=1, learning_rate=1e-30, **QUIET)
    found = lr.measure_networks(trained, n_trials=20, n_kernel_trials=4, progress=False)
    for name in ("kernel_alignment", "representation_alignment", "sign_similarity"):
        np.testing.assert_allclose(found[name], 1.0)
    np.testing.assert_array_equal(found["weight_change"], 0.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"starts": np.ones((3, 4))}, r"start 'start' of shape \(3, 4\) for 2 seeds"),
        ({"starts": np.ones((5, 4, 4))}, r"expected \(units, units\) or \(seeds, units, units\)"),
        ({"starts": {"a": 4, "b": 5}}, "starts of different sizes"),
        ({"starts": {}}, "Found no start"),
        ({"starts": np.full((4, 4), np.nan)}, "NaN or infinite weights"),
        ({"seeds": []}, r"Found seeds \[\]"),
        ({"seeds": [1, 1]}, "each of them once"),
        ({"learning_rate": -1.0}, "expected positive rates"),
        ({"momentum": 1.0}, "momentum from 0 to below 1"),
        ({"n_steps": 0}, "Found 0 steps of 32 trials"),
        ({"checkpoints": [50]}, "expected steps from 0 to 5"),
        ({"checkpoints": 1}, "and two checkpoints"),
        ({"alpha": 1.5}, "Found alpha 1.5"),
        ({"dtype": "float46"}, "did you mean 'float64'"),
        ({"task": "DSM"}, "did you mean 'DMS'"),
    ],
)
def test_what_cannot_be_trained_is_refused(wrong: dict[str, Any], message: str) -> None:
    given = {"task": "DMS", "starts": 4, "seeds": 2, "n_steps": 5, **QUIET, **wrong}
    with pytest.raises(UsageError, match=message):
        lr.train_rnn(given.pop("task"), given.pop("starts"), **given)


def test_networks_are_asked_for_by_name() -> None:
    trained = lr.train_rnn(
        "DMS", {"one": 4, "two": 4}, seeds=[5], n_steps=3, checkpoints=2, **QUIET
    )
    first = trained.network("two", 5, 0).W_h.weight.detach().numpy()
    np.testing.assert_array_equal(first, trained.recurrent[1, 0, 0])
    for wrong, message in [
        (("tow", 5), "did you mean 'two'"),
        ((2, 5), "Found no start 2; expected 0 to 1"),
        (("one", 0), r"Found no seed 0; expected one of \[5\]"),
        (("one", 5, 2), "Found no checkpoint 2"),
    ]:
        with pytest.raises(UsageError, match=message):
            trained.network(*wrong)


def _low_rank(rank: int, factor: float = 1.0) -> Any:
    return lambda seed: factor * lr.low_rank_init(30, rank, seed=seed)


def test_warnings_are_for_divergence_only() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lr.train_rnn("2AF", 10, seeds=1, n_steps=30, **QUIET)
