"""Alignments and weights: independent formulas, invariances, analytic values, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import ortho_group

from analyses import learning_regime
from analyses.learning_regime import (
    effective_rank,
    kernel_alignment,
    kernel_target_alignment,
    representation_alignment,
    sign_similarity,
    weight_change,
)
from workbench.errors import UsageError


@pytest.fixture
def activity(generator: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Fewer rows than units before, fewer units after; rectified, so means matter."""
    mixed = generator.normal(size=(30, 50)) + 1
    after = mixed @ generator.normal(size=(50, 20)) / 7
    return np.maximum(mixed, 0), np.maximum(after, 0)


def cosine(first: NDArray, second: NDArray) -> float:
    """Cosine of two matrices, written out."""
    norms = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.trace(first.T @ second) / norms)


def hsic_cka(first: NDArray, second: NDArray) -> float:
    """CKA through HSIC with an explicit centring matrix (Kornblith et al. 2019, eq. 3)."""
    size = len(first)
    centre = np.eye(size) - 1 / size

    def hsic(k: NDArray, m: NDArray) -> float:
        return float(np.trace(k @ centre @ m @ centre)) / (size - 1) ** 2

    k, m = first @ first.T, second @ second.T
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def test_uncentred_alignment_is_the_cosine_of_the_similarities(activity: tuple) -> None:
    h0, hf = activity
    expected = cosine(h0 @ h0.T, hf @ hf.T)
    assert representation_alignment(h0, hf) == pytest.approx(expected, abs=1e-12)
    assert kernel_alignment(h0 @ h0.T, hf @ hf.T) == pytest.approx(expected, abs=1e-12)


def test_centred_alignment_is_cka(activity: tuple) -> None:
    h0, hf = activity
    expected = hsic_cka(h0, hf)
    assert representation_alignment(h0, hf, centered=True) == pytest.approx(expected, abs=1e-12)
    assert kernel_alignment(h0 @ h0.T, hf @ hf.T, True) == pytest.approx(expected, abs=1e-12)
    assert expected < representation_alignment(h0, hf) - 0.05


@pytest.mark.parametrize("centered", [False, True])
def test_alignment_ignores_rotation_scale_and_order(activity: tuple, centered: bool) -> None:
    h0, hf = activity
    expected = representation_alignment(h0, hf, centered)
    turn = ortho_group.rvs(hf.shape[1], random_state=0)
    order = np.random.default_rng(0).permutation(len(h0))
    for left, right in (
        (h0, hf @ turn),
        (h0 * 1e-60, hf * 1e60),
        (h0[order], hf[order]),
        (h0[:, ::-1], hf),
    ):
        found = representation_alignment(left, right, centered)
        assert found == pytest.approx(expected, abs=1e-12)
    assert representation_alignment(hf, h0, centered) == pytest.approx(expected, abs=1e-12)


def test_centred_alignment_ignores_translation_and_uncentred_does_not(activity: tuple) -> None:
    h0, hf = activity
    moved = representation_alignment(h0, hf + 100, centered=True)
    assert moved == pytest.approx(representation_alignment(h0, hf, centered=True), abs=1e-9)
    assert abs(representation_alignment(h0, hf + 100) - representation_alignment(h0, hf)) > 0.01


@pytest.mark.parametrize("centered", [False, True])
def test_no_change_is_alignment_one_even_of_nothing(activity: tuple, centered: bool) -> None:
    constant, zero = np.full((4, 3), 0.1), np.zeros((4, 4))
    for same in (activity[0], constant, zero):
        assert representation_alignment(same, same, centered) == pytest.approx(1, abs=1e-14)
    assert kernel_alignment(zero, zero, centered) == 1
    assert kernel_alignment(zero, np.diag([1.0, 2, 3, 4]), centered) == 0
    assert representation_alignment(activity[0], np.zeros((30, 4)), centered) == 0


def test_unrelated_activity_is_aligned_by_chance_only(generator: np.random.Generator) -> None:
    many = [generator.normal(size=(200, 400)) for _ in range(2)]
    # Gaussian similarities: tr(R0 Rf) = n p^2 and |R|^2 = n p^2 + n^2 p, so RA is p / (p + n).
    assert representation_alignment(*many) == pytest.approx(400 / 600, abs=0.02)


def test_further_axes_are_units(generator: np.random.Generator) -> None:
    maps = generator.normal(size=(2, 10, 3, 4, 5))
    flat = maps.reshape(2, 10, -1)
    assert representation_alignment(*maps) == representation_alignment(*flat)


def test_kernel_target_alignment_conventions(generator: np.random.Generator) -> None:
    targets = generator.normal(size=(6, 2))
    features = generator.normal(size=(12, 5))
    kernel, flat = features @ features.T, targets.reshape(-1)
    expected = flat @ kernel @ flat / (flat @ flat * np.trace(kernel))
    assert kernel_target_alignment(kernel, targets) == pytest.approx(expected, abs=1e-12)
    assert kernel_target_alignment(kernel * 3, targets * 5) == pytest.approx(expected, abs=1e-12)

    rows = generator.normal(size=(6, 6))
    rows = rows @ rows.T
    # One kernel for every output is the Kronecker product, whose trace counts every output.
    whole = kernel_target_alignment(np.kron(rows, np.eye(2)), targets)
    assert kernel_target_alignment(rows, targets) == pytest.approx(2 * whole, abs=1e-12)


def test_kernel_target_alignment_is_bounded_by_the_largest_eigenvalue(
    generator: np.random.Generator,
) -> None:
    features = generator.normal(size=(8, 20))
    sizes, vectors = np.linalg.eigh(features @ features.T)
    kernel = features @ features.T
    for number in (0, -1):
        found = kernel_target_alignment(kernel, vectors[:, number])
        assert found == pytest.approx(sizes[number] / sizes.sum(), abs=1e-12)
    assert kernel_target_alignment(np.zeros((3, 3)), np.ones(3)) == 0


def test_sign_similarity_of_independent_signs_is_half(generator: np.random.Generator) -> None:
    h0, hf = generator.normal(size=(2, 200, 100))
    assert sign_similarity(h0, hf) == pytest.approx(0.5, abs=0.02)
    assert sign_similarity(h0, 2 * h0) == 1
    assert sign_similarity(h0, -h0) == 0
    assert sign_similarity(np.zeros(3), np.ones(3)) == 0


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor, np.ndarray.tolist])
def test_arrays_tensors_and_lists_are_alike(kind: Callable, activity: tuple) -> None:
    h0, hf = activity[0][:, :20], activity[1]
    assert representation_alignment(kind(h0), kind(hf)) == representation_alignment(h0, hf)
    assert sign_similarity(kind(h0), kind(hf)) == sign_similarity(h0, hf)
    assert weight_change(kind(h0), kind(hf)) == weight_change(h0, hf)
    assert effective_rank(kind(h0), "entropy") == effective_rank(h0, "entropy")


def test_half_precision_tensors_that_need_gradients_are_read() -> None:
    weight = torch.nn.Parameter(torch.eye(3, dtype=torch.bfloat16))
    assert weight_change(weight, 3 * weight) == 2
    assert kernel_alignment(weight, weight) == 1


def test_weight_change_of_a_network_is_that_of_all_its_weights_in_one_vector() -> None:
    torch.manual_seed(0)
    first, second = (
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)) for _ in range(2)
    )
    long = [
        torch.nn.utils.parameters_to_vector(net.parameters()).detach() for net in (first, second)
    ]
    distance, start = float((long[1] - long[0]).norm()), float(long[0].norm())
    named = [dict(net.named_parameters()) for net in (first, second)]
    for pair in ((first, second), named):
        assert weight_change(*pair, relative=False) == pytest.approx(distance, rel=1e-6)
        assert weight_change(*pair) == pytest.approx(distance / start, rel=1e-6)
    # A state dict counts batches in whole numbers, which are no weights.
    counted = {**second.state_dict(), "1.num_batches_tracked": torch.tensor(1000)}
    assert weight_change(second.state_dict(), counted) == 0


def test_weight_change_from_zero() -> None:
    assert weight_change(np.zeros(3), np.zeros(3)) == 0
    assert weight_change(np.zeros(3), np.ones(3)) == np.inf
    assert weight_change(np.zeros(4), np.ones(4), relative=False) == 2


def test_effective_rank_of_known_matrices(generator: np.random.Generator) -> None:
    turn = ortho_group.rvs(8, random_state=0)
    spectrum = np.array([4.0, 2, 1, 1, 0, 0, 0, 0])
    symmetric = turn @ np.diag(spectrum) @ turn.T
    for kind in ("eigenvalue", "singular"):
        assert effective_rank(turn, kind) == pytest.approx(1)
        assert effective_rank(symmetric, kind) == pytest.approx(8 / (4 * 8), abs=1e-9)
    shares = spectrum[:4] / 8
    expected = np.exp(-(shares * np.log(shares)).sum())
    assert effective_rank(symmetric, "entropy") == pytest.approx(expected, rel=1e-6)
    assert effective_rank(np.outer(*generator.normal(size=(2, 9))), "entropy") == pytest.approx(1)
    assert effective_rank(np.zeros((3, 3))) == 0


def test_effective_rank_of_truncated_gaussians_is_that_of_the_reference() -> None:
    # Page of the paper, section 6: .010 and .636 for ranks 1 and 100 of N = 100.
    full = np.random.default_rng(0).normal(size=(100, 100)) * 1.25 / 10
    u, s, v = np.linalg.svd(full)
    assert effective_rank(s[0] * np.outer(u[:, 0], v[0])) == pytest.approx(0.01, abs=1e-6)
    assert effective_rank(full) == pytest.approx(0.636, abs=0.03)


def test_effective_rank_ignores_scale_and_rotation(generator: np.random.Generator) -> None:
    weight = generator.normal(size=(7, 7))
    turn = ortho_group.rvs(7, random_state=1)
    for kind in ("eigenvalue", "singular", "entropy"):
        expected = effective_rank(weight, kind)
        assert effective_rank(-1e8 * turn @ weight @ turn.T, kind) == pytest.approx(expected)
        assert effective_rank(weight.T, kind) == pytest.approx(expected)
    kernel = generator.normal(size=(6, 3, 2, 2))
    assert effective_rank(kernel, "singular") == effective_rank(kernel.reshape(6, 12), "singular")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: representation_alignment(np.ones((3, 2)), np.ones((4, 2))), "the same rows"),
        (lambda: representation_alignment([[np.nan]], [[1.0]]), "1 NaN or infinite values in h0"),
        (lambda: representation_alignment(np.ones((0, 3)), np.ones((0, 3))), "no values in h0"),
        (lambda: representation_alignment([["a"]], [["b"]]), "array of real numbers for h0"),
        (lambda: representation_alignment([[1], [1, 2]], [[1], [1]]), "array of real numbers"),
        (lambda: kernel_alignment(np.ones((3, 2)), np.ones((3, 2))), "a square kernel"),
        (lambda: kernel_alignment(np.eye(3), np.eye(2)), "k0 of shape (3, 3) and kf of shape (2,"),
        (lambda: kernel_target_alignment(np.eye(6), np.ones(5)), "classes as one-hot"),
        (lambda: sign_similarity(np.ones(3), np.ones(2)), "the same shape"),
        (lambda: weight_change(np.ones(3), np.ones(2)), "checkpoints of one network"),
        (lambda: weight_change({"fc1": [1.0]}, {"fc2": [1.0]}), "'fc1': did you mean 'fc2'?"),
        (lambda: weight_change({"a": [1.0]}, {"a": [1.0], "b": [1.0]}), "without a partner before"),
        (lambda: weight_change({}, {}), "no weights in 'before'"),
        (lambda: effective_rank(np.ones((2, 3))), "kind='singular'"),
        (lambda: effective_rank(np.ones(3)), "expected a matrix"),
        (lambda: effective_rank(np.eye(3), "eigen"), "did you mean 'eigenvalue'?"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(UsageError) as refusal:
        call()
    assert sentence in str(refusal.value)


def test_unknown_names_are_no_attributes() -> None:
    assert "weight_change" in dir(learning_regime)
    with pytest.raises(AttributeError, match="no attribute 'weight_chnage'"):
        _ = learning_regime.weight_chnage
