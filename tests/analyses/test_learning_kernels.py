"""Tangent kernels: exact for every kind of network, invariances, theory, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from learning_networks import (
    ColumnRNN,
    CrossAttention,
    PaperRNN,
    TiedTransformer,
    convolutional,
    networks,
    plain_jacobian,
    plain_kernel,
)
from numpy.typing import NDArray
from torch import Tensor, nn

from analyses.learning_regime import (
    kernel_alignment,
    low_rank_init,
    tangent_kernel,
    tangent_kernel_product,
    two_layer_linear_alignment,
)
from analyses.learning_regime.tangent_collecting import Factors
from analyses.learning_regime.tangent_contractions import kernel_of_positions
from workbench.errors import UsageError

NAMES = list(networks())
# Parameters that the structured form leaves to the Jacobian.
UNCOVERED = {"units first": {"tau"}, "cross attention": {"places.weight"}}


@pytest.fixture(scope="module")
def subjects() -> dict[str, tuple[nn.Module, Tensor]]:
    """Networks of every kind, with inputs."""
    return networks()


@pytest.fixture(scope="module")
def plain(subjects: dict) -> dict[str, NDArray]:
    """Their kernels from torch's own Jacobians."""
    return {name: plain_kernel(*subject) for name, subject in subjects.items()}


def close(found: NDArray, expected: NDArray, tolerance: float = 1e-12) -> bool:
    """Whether kernels are the same, beside the largest value."""
    return bool(np.abs(found - expected).max() <= tolerance * np.abs(expected).max())


@pytest.mark.parametrize("method", ["auto", "jacobian"])
@pytest.mark.parametrize("name", NAMES)
def test_kernel_is_that_of_torchs_jacobian(
    name: str, method: str, subjects: dict, plain: dict
) -> None:
    found = tangent_kernel(*subjects[name], method=method)
    assert found.dtype == np.float64
    assert close(found, plain[name])


@pytest.mark.parametrize("name", NAMES)
def test_structured_form_covers_these_networks(name: str, subjects: dict) -> None:
    net, x = subjects[name]
    jacobians = plain_jacobian(net, x)
    covered = [each for each in jacobians if each not in UNCOVERED.get(name, set())]
    expected = sum((jacobians[each] @ jacobians[each].T).numpy() for each in covered)
    assert close(tangent_kernel(net, x, covered, method="structured"), expected)
    for missing in UNCOVERED.get(name, set()):
        with pytest.raises(UsageError, match=f"does not cover of {missing}"):
            tangent_kernel(net, x, method="structured")


@pytest.mark.parametrize("name", NAMES)
def test_chunked_is_whole(name: str, subjects: dict, plain: dict) -> None:
    assert close(tangent_kernel(*subjects[name], max_mib=0.02), plain[name])


@pytest.mark.parametrize("name", ["recurrent", "autoencoder"])
def test_chunked_jacobian_is_whole(name: str, subjects: dict, plain: dict) -> None:
    found = tangent_kernel(*subjects[name], method="jacobian", max_mib=0.002)
    assert close(found, plain[name])


@pytest.mark.parametrize("name", NAMES)
def test_product_is_the_kernel_times_vectors(
    name: str, subjects: dict, plain: dict, generator: np.random.Generator
) -> None:
    expected = plain[name]
    vectors = generator.normal(size=(len(expected), 2))
    assert close(tangent_kernel_product(*subjects[name], vectors), expected @ vectors)
    one = tangent_kernel_product(*subjects[name], torch.tensor(vectors[:, 0]))
    assert close(one, expected @ vectors[:, 0])
    shaped = vectors[:, 0].reshape(len(subjects[name][1]), -1)
    assert close(tangent_kernel_product(*subjects[name], shaped).ravel(), one)


def test_every_contraction_gives_the_same(subjects: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = subjects["wide recurrent"]
    used = []
    by_positions = kernel_of_positions

    def counted(*args: Any) -> Tensor:
        used.append("positions")
        return by_positions(*args)

    monkeypatch.setattr("analyses.learning_regime.tangent_collecting.kernel_of_positions", counted)
    first = tangent_kernel(net, x, ["W_h"])
    assert used == ["positions"]
    monkeypatch.setattr(
        "analyses.learning_regime.tangent_collecting.cost_of_positions", lambda *_: np.inf
    )
    second = tangent_kernel(net, x, ["W_h"], max_mib=0.5)
    assert used == ["positions"]
    assert close(first, second)
    monkeypatch.setattr("analyses.learning_regime.tangent_structured._factors", lambda _: [])
    monkeypatch.delattr(Factors, "add_kernel")
    assert close(first, tangent_kernel(net, x, ["W_h"]))


def test_tables_by_positions_are_tables_by_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(nn.Embedding(300, 4, padding_idx=3), nn.Tanh()).double()
    tokens = torch.tensor([[1, 2, 1], [2, 3, 3], [299, 0, 1]])
    expected = plain_kernel(net, tokens)
    for cost in (0.0, np.inf):
        monkeypatch.setattr(
            "analyses.learning_regime.tangent_collecting.cost_of_positions",
            lambda *_, cost=cost: cost,
        )
        assert close(tangent_kernel(net, tokens, method="structured", max_mib=0.1), expected)


@pytest.mark.parametrize("name", ["recurrent", "convolutional", "tied transformer"])
def test_single_precision(name: str) -> None:
    net, x = networks()[name]
    expected = plain_kernel(net, x)
    found = tangent_kernel(net.float(), x, method="structured")
    assert found.dtype == np.float32
    assert close(found, expected, 1e-5)
    halved = tangent_kernel(net.bfloat16(), x)
    assert halved.dtype == np.float32
    assert kernel_alignment(halved, expected) > 0.95


def test_kernel_is_symmetric_without_negative_eigenvalues(plain: dict, subjects: dict) -> None:
    for name, subject in subjects.items():
        found = tangent_kernel(*subject)
        assert close(found, found.T, 1e-14)
        assert np.linalg.eigvalsh(found).min() > -1e-12 * np.trace(plain[name])


def test_parameters_add_up_and_are_chosen_by_name_or_pattern(subjects: dict, plain: dict) -> None:
    net, x = subjects["multilayer perceptron"]
    names = [name for name, _ in net.named_parameters()]
    assert close(
        sum(tangent_kernel(net, x, name) for name in names), plain["multilayer perceptron"]
    )
    weights = tangent_kernel(net, x, "*.weight")
    assert close(weights, tangent_kernel(net, x, [n for n in names if n.endswith("weight")]))
    tied, tokens = subjects["tied transformer"]
    both = [tangent_kernel(tied, tokens, name) for name in ("table.weight", "out.weight")]
    assert np.array_equal(*both)


def test_linear_network_has_the_gram_matrix_of_its_inputs(generator: np.random.Generator) -> None:
    x = generator.normal(size=(7, 4))
    found = tangent_kernel(nn.Linear(4, 2).double(), x)
    np.testing.assert_allclose(found, np.kron(x @ x.T + 1, np.eye(2)), atol=1e-12)


def test_order_of_rows_is_order_of_the_kernel(subjects: dict, plain: dict) -> None:
    net, x = subjects["recurrent"]
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    places = (order[:, None] * 10 + torch.arange(10)).flatten().numpy()
    assert close(tangent_kernel(net, x[order]), plain["recurrent"][np.ix_(places, places)])
    one = tangent_kernel(net, x[2:3])
    assert close(one, plain["recurrent"][20:30, 20:30])


def test_kernel_ignores_the_order_of_hidden_units_and_scales_with_outputs() -> None:
    torch.manual_seed(0)
    net, x = PaperRNN().double(), torch.randn(4, 3, 3)
    before = tangent_kernel(net, x)
    order = torch.randperm(7)
    with torch.no_grad():
        net.W_in.copy_(net.W_in[order])
        net.W_h.copy_(net.W_h[order][:, order])
        net.W_out.copy_(net.W_out[:, order])
    assert close(tangent_kernel(net, x), before)
    recurrent = tangent_kernel(net, x, "W_h")
    with torch.no_grad():
        net.W_out.mul_(3)
    assert close(tangent_kernel(net, x, "W_h"), 9 * recurrent)


def test_sketch_converges_and_shares_its_directions(subjects: dict, plain: dict) -> None:
    net, x = subjects["recurrent"]
    exact = plain["recurrent"]
    errors = [
        np.linalg.norm(tangent_kernel(net, x, method="sketch", n_directions=n) - exact)
        for n in (50, 2000)
    ]
    assert errors[1] < 0.1 * np.linalg.norm(exact)
    assert errors[1] < errors[0] / 3
    draws = [
        tangent_kernel(net, x, method="sketch", n_directions=50, seed=seed) for seed in (1, 1, 2)
    ]
    assert np.array_equal(draws[0], draws[1])
    # Of other directions, alignment with oneself is low; of the same it is 1.
    assert kernel_alignment(draws[0], draws[2]) < 0.95


def test_sketch_has_no_bias(subjects: dict, plain: dict) -> None:
    net, x = subjects["multilayer perceptron"]
    draws = [
        np.trace(tangent_kernel(net, x, method="sketch", n_directions=8, seed=seed))
        for seed in range(60)
    ]
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(np.mean(draws) - np.trace(plain["multilayer perceptron"])) < 4 * error


def test_nothing_is_left_changed() -> None:
    net = convolutional()
    net[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    assert tangent_kernel(net, torch.randn(3, 2, 9, 9), "0.weight").any()
    torch.random.set_rng_state(state)
    tangent_kernel(net, np.ones((3, 2, 9, 9)))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not net[0].weight.requires_grad
    assert all(value.grad is None for value in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_frozen_parameters_count_only_if_named(subjects: dict) -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    net[0].requires_grad_(False)
    x = torch.randn(5, 4)
    assert close(tangent_kernel(net, x), tangent_kernel(net, x, "2.*"))
    assert tangent_kernel(net, x, "0.weight").any()


@pytest.mark.parametrize("kind", [np.asarray, Tensor.tolist, lambda x: {"input": x}])
def test_inputs_may_be_arrays_lists_or_keywords(kind: Callable, subjects: dict) -> None:
    net, x = nn.Linear(4, 2).double(), subjects["multilayer perceptron"][1]
    assert close(tangent_kernel(net, kind(x)), tangent_kernel(net, x))


def test_several_inputs_go_in_as_a_tuple() -> None:
    net, rows = nn.Bilinear(3, 2, 1).double(), torch.randn(5, 3)
    pair = (rows, rows[:, :2])
    features = torch.einsum("ni,nj->nij", rows, rows[:, :2]).flatten(1)
    assert close(tangent_kernel(net, pair), (features @ features.T + 1).numpy(), 1e-6)


def descend(w1: NDArray, w2: NDArray, target: NDArray) -> tuple[NDArray, NDArray]:
    """Gradient descent on many two-layer linear networks at once, with whitened inputs."""
    for _ in range(3000):
        error = 0.02 * (np.einsum("nh,nhd->nd", w2, w1) - target)
        w1, w2 = w1 - w2[:, :, None] * error[:, None], w2 - np.einsum("nhd,nd->nh", w1, error)
    return w1, w2


def starts(kind: str, size: float, generator: np.random.Generator) -> tuple[NDArray, ...]:
    """Twelve starts of one norm, with targets of norm 2."""
    w2, target = generator.normal(size=(2, 12, 20))
    w2 *= size / np.linalg.norm(w2, axis=1, keepdims=True)
    target *= 2 / np.linalg.norm(target, axis=1, keepdims=True)
    drawn = generator.normal(size=(12, 20, 20))
    w1 = {
        "rank 1": drawn[:, :, :1] @ drawn[:, 1:2],
        "rank 5": drawn[:, :, :5] @ drawn[:, 5:10],
        "gaussian": drawn,
        "orthogonal": np.linalg.qr(drawn)[0],
        "aligned": w2[:, :, None] * target[:, None],
    }[kind]
    return w1 * size / np.linalg.norm(w1, axis=(1, 2), keepdims=True), w2, target


def linear_kernels(w1: NDArray, w2: NDArray) -> NDArray:
    """Kernels over whitened inputs, from the package."""
    found = []
    for first, second in zip(w1, w2, strict=True):
        net = nn.Sequential(nn.Linear(20, 20, bias=False), nn.Linear(20, 1, bias=False)).double()
        with torch.no_grad():
            net[0].weight.copy_(torch.tensor(first))
            net[1].weight.copy_(torch.tensor(second[None]))
        found.append(tangent_kernel(net, np.eye(20)))
    return np.stack(found)


# The page's table, whose draws are others: means of twelve.
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("rank 1", 0.9575), ("rank 5", 0.9764), ("gaussian", 0.9776), ("orthogonal", 0.9791)],
)
def test_closed_form_is_where_gradient_descent_goes(
    kind: str, expected: float, generator: np.random.Generator
) -> None:
    w1, w2, target = starts(kind, 1e-3, generator)
    before, after = linear_kernels(w1, w2), linear_kernels(*descend(w1, w2, target))
    trained = [kernel_alignment(*pair) for pair in zip(before, after, strict=True)]
    theory = [two_layer_linear_alignment(*each) for each in zip(w1, w2, target, strict=True)]
    np.testing.assert_allclose(trained, theory, atol=5e-5)
    assert np.mean(theory) == pytest.approx(expected, abs=0.004)


def test_aligned_start_is_lazy_and_large_starts_leave_the_theory(
    generator: np.random.Generator,
) -> None:
    w1, w2, target = starts("aligned", 1e-3, generator)
    pairs = zip(linear_kernels(w1, w2), linear_kernels(*descend(w1, w2, target)), strict=True)
    assert [kernel_alignment(*pair) for pair in pairs] == pytest.approx([1] * 12, abs=1e-9)
    assert two_layer_linear_alignment(w1[0], w2[0], target[0]) == pytest.approx(1, abs=1e-12)

    w1, w2, target = starts("rank 1", 1.0, generator)
    pairs = zip(linear_kernels(w1, w2), linear_kernels(*descend(w1, w2, target)), strict=True)
    trained = np.mean([kernel_alignment(*pair) for pair in pairs])
    theory = [two_layer_linear_alignment(*each) for each in zip(w1, w2, target, strict=True)]
    assert trained - np.mean(theory) > 0.01


def test_mean_over_targets_is_the_closed_form_without_target(
    generator: np.random.Generator,
) -> None:
    w1, w2 = generator.normal(size=(5, 4)), generator.normal(size=5)
    # Mean of b'Mb over an orthonormal basis is the mean over all directions.
    basis = [two_layer_linear_alignment(w1, w2, axis) for axis in np.eye(4)]
    assert two_layer_linear_alignment(w1, w2) == pytest.approx(np.mean(basis), abs=1e-12)
    assert two_layer_linear_alignment(w1 * 1e-9, w2 * 1e-9) == pytest.approx(np.mean(basis))


class Stateful(nn.Module):
    """Adds what it saw last."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(3, 2), torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        """(rows, 3) -> (rows, 2)."""
        self.last = self.last + x.mean()
        return self.layer(x) + self.last


class Function(nn.Module):
    """A layer and any function behind it."""

    def __init__(self, function: Callable) -> None:
        super().__init__()
        self.layer, self.function, self.unused = nn.Linear(3, 2), function, nn.Linear(1, 1)

    def forward(self, x: Tensor) -> Any:
        """(rows, 3) -> anything."""
        return self.function(self.layer(x))


ROWS = torch.randn(4, 3)


def test_a_network_that_magnifies_rounding_is_not_taken_for_one_that_mixes_rows() -> None:
    net = PaperRNN(100).double()
    # A rank-1 matrix with an eigenvalue near zero, scaled up by hundreds: fewer rows are summed in
    # another order, which is seen in the outputs.
    start = low_rank_init(100, 1, match="spectral_radius", seed=186)
    net.W_h.data = torch.from_numpy(start)
    inputs = np.random.default_rng(0).standard_normal((12, 8, 3))
    found = tangent_kernel(net, inputs, "W_h")
    assert close(found, tangent_kernel(net, inputs, "W_h", method="jacobian"), 1e-9)


@pytest.mark.parametrize(
    ("net", "inputs", "options", "sentence"),
    [
        (nn.Sequential(nn.Linear(3, 9), nn.Dropout(0.5)), ROWS, {}, "dropout is on in '1'"),
        (nn.GRU(3, 9, 2, dropout=0.5, batch_first=True), torch.randn(4, 5, 3), {}, "dropout is on"),
        (Stateful(), ROWS, {}, "reset states kept between calls"),
        (nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), ROWS, {}, "call model.eval()"),
        (Function(lambda y: y - y.mean(0)), ROWS, {}, "depend on the other rows"),
        (nn.RNN(3, 2), torch.randn(4, 5, 3), {}, "batch_first=True"),
        (Function(lambda y: y.argmax(-1)), ROWS, {}, "not their argmax"),
        (Function(lambda y: y.detach()), ROWS, {}, "no argmax, detach or no_grad"),
        (
            Function(lambda y: y.detach()),
            ROWS,
            {"method": "sketch"},
            "no argmax, detach or no_grad",
        ),
        (Function(lambda y: y), ROWS, {"parameters": "unused.weight"}, "do not depend on 'unused"),
        (Function(lambda y: y / 0), ROWS, {}, "NaN or infinite outputs"),
        (Function(lambda y: y.sum()), ROWS, {}, "outputs of shape ()"),
        (Function(lambda _: "text"), ROWS, {}, "an output of type str"),
        (nn.Linear(3, 2), ROWS * np.nan, {}, "NaN or infinite values in inputs"),
        (nn.Linear(3, 2), ROWS[:0], {}, "at least one"),
        (nn.Linear(3, 2), [["a"]], {}, "array of numbers for inputs"),
        (nn.Bilinear(3, 3, 1), (ROWS, ROWS[:2]), {}, "inputs of [2, 4] rows"),
        (nn.Linear(3, 2), ROWS, {"parameters": ["wieght"]}, "did you mean 'weight'?"),
        (nn.Linear(3, 2), ROWS, {"parameters": []}, "empty list of parameters"),
        (nn.Linear(3, 2).requires_grad_(False), ROWS, {}, "no trained parameter"),
        (nn.Linear(3, 2), ROWS, {"method": "jacobain"}, "did you mean 'jacobian'?"),
        (nn.Linear(3, 2), ROWS, {"method": "sketch", "n_directions": 0}, "at least one"),
        (torch.relu, ROWS, {}, "expected a torch module"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    net: Any, inputs: Any, options: dict, sentence: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        tangent_kernel(net, inputs, **options)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: tangent_kernel_product(nn.Linear(3, 2), ROWS, np.ones(7)), "expected 8 values"),
        (lambda: tangent_kernel_product(nn.Linear(3, 2), ROWS, [np.nan] * 8), "values in vector"),
        (lambda: tangent_kernel_product(Function(Tensor.detach), ROWS, [1] * 8), "no argmax"),
        (lambda: two_layer_linear_alignment(np.eye(3), np.ones(2)), "(hidden, inputs)"),
        (lambda: two_layer_linear_alignment(np.zeros((2, 3)), np.zeros(2)), "start of zeros"),
        (lambda: two_layer_linear_alignment(np.eye(3), np.ones(3), np.ones(2)), "one an input"),
    ],
)
def test_products_and_theory_refuse_bad_input(call: Callable, sentence: str) -> None:
    with pytest.raises(UsageError) as refusal:
        call()
    assert sentence in str(refusal.value)


def test_detached_uses_of_a_weight_do_not_count() -> None:
    class Half(nn.Module):
        """One weight used twice, once without gradient."""

        def __init__(self) -> None:
            super().__init__()
            self.W = nn.Parameter(torch.randn(3, 3))

        def forward(self, x: Tensor) -> Tensor:
            """(rows, 3) -> (rows, 3)."""
            return torch.tanh(x @ self.W) @ self.W.detach()

    torch.manual_seed(0)
    net, x = Half().double(), torch.randn(4, 3).double()
    assert close(tangent_kernel(net, x), plain_kernel(net, x))
    with pytest.raises(UsageError, match="does not cover of W"):
        tangent_kernel(net, x, method="structured")


def test_expanded_and_masked_weights_are_left_to_the_jacobian() -> None:
    class Masked(nn.Module):
        """A weight behind a mask, one in absolute value, and an expanded shift."""

        def __init__(self) -> None:
            super().__init__()
            self.W, self.V = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(4, 2))
            self.shift, self.mask = nn.Parameter(torch.randn(1)), torch.rand(3, 4) > 0.3

        def forward(self, x: Tensor) -> Tensor:
            """(rows, 3) -> (rows, 2)."""
            hidden = torch.tanh(x @ (self.W * self.mask) + self.shift.expand(4))
            return torch.einsum("nh,ho->no", hidden, self.V.abs())

    torch.manual_seed(0)
    net, x = Masked().double(), torch.randn(5, 3).double()
    assert close(tangent_kernel(net, x), plain_kernel(net, x))


def test_networks_with_steps_that_do_not_vectorise() -> None:
    class Step(torch.autograd.Function):
        """A threshold with a surrogate gradient that looks at its values."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return (x > 0).to(x)

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return grads[0] / (1 + x.abs()) ** 2 if grads[0].abs().sum() > -1 else grads[0]

    torch.manual_seed(0)
    net = Function(Step.apply).double()
    x = ROWS.double()
    slope = 1 / (1 + net.layer(x).abs()) ** 2
    slope = slope.detach().numpy()
    expected = np.einsum("nm,ni,mi,ij->nimj", (x @ x.T + 1).numpy(), slope, slope, np.eye(2))
    for method in ("structured", "jacobian"):
        assert close(tangent_kernel(net, x, method=method), expected.reshape(8, 8))


def test_unusual_networks_agree_whatever_the_method() -> None:
    torch.manual_seed(0)
    for net, x in (
        (ColumnRNN(), torch.randn(3, 4)),
        (CrossAttention(), torch.tensor([[1, 2, 0, 0]])),
        (TiedTransformer(), torch.tensor([[1, 1, 1, 1]])),
    ):
        expected = plain_kernel(net.double(), x.double() if x.is_floating_point() else x)
        assert close(tangent_kernel(net, x), expected, 1e-11)
