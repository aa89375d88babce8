"""Lempel-Ziv complexity and permutation entropy: exact values, plain versions, invariances."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from analyses import brain_dynamics as bd
from workbench.errors import UsageError


def plain_words(text: str) -> int:
    """LZ76 word by word, as the definition reads."""
    start = words = 0
    while start < len(text):
        length = 1
        while start + length <= len(text) and (
            text[start : start + length] in text[: start + length - 1]
        ):
            length += 1
        words, start = words + 1, start + length
    return words


def plain_entropy(x: np.ndarray, order: int, delay: int) -> float:
    """Permutation entropy by sorting windows."""
    spots = range(len(x) - (order - 1) * delay)
    patterns = [tuple(np.argsort(x[t::delay][:order], kind="stable")) for t in spots]
    counts = np.array([patterns.count(each) for each in set(patterns)])
    return float(-(counts / counts.sum() * np.log2(counts / counts.sum())).sum())


@pytest.mark.parametrize(
    ("text", "words"),
    [("0001101001000101", 6), ("0" * 16, 2), ("01" * 8, 3), ("0", 1), ("01", 2), ("00", 2)],
)
def test_words_of_known_sequences(text: str, words: int) -> None:
    bits = np.array([int(each) for each in text])
    for form in (text, text.encode(), bits, bits == 1, bits.tolist(), torch.tensor(bits)):
        assert bd.lempel_ziv_complexity(form) == words
    assert bd.lempel_ziv_complexity(bits.astype(float)) == words
    assert isinstance(bd.lempel_ziv_complexity(text), int)


@pytest.mark.parametrize("kinds", [1, 2, 3, 26])
def test_words_agree_with_the_definition(kinds: int) -> None:
    generator = np.random.default_rng(kinds)
    for length in [*range(1, 40), 300]:
        text = "".join(chr(97 + each) for each in generator.integers(kinds, size=length))
        assert bd.lempel_ziv_complexity(text) == plain_words(text)


def test_every_short_sequence_of_bits() -> None:
    for bits in itertools.product("01", repeat=9):
        assert bd.lempel_ziv_complexity("".join(bits)) == plain_words("".join(bits))


def test_names_of_symbols_do_not_matter_and_batches_agree_with_one_by_one() -> None:
    x = np.random.default_rng(0).integers(3, size=(2, 4, 200))
    found = bd.lempel_ziv_complexity(x)
    assert found.shape == (2, 4)
    assert found[1, 2] == bd.lempel_ziv_complexity(x[1, 2])
    assert np.array_equal(found, bd.lempel_ziv_complexity(7 - 2 * x))
    assert np.array_equal(found, bd.lempel_ziv_complexity(x.transpose(2, 0, 1), axis=0))


def test_signals_are_split_at_their_median() -> None:
    x = np.random.default_rng(0).standard_normal((3, 501))
    bits = x > np.median(x, axis=1, keepdims=True)
    assert np.array_equal(bd.lempel_ziv_complexity(x), bd.lempel_ziv_complexity(bits))
    assert np.array_equal(bd.lempel_ziv_complexity(np.exp(x)), bd.lempel_ziv_complexity(x))


def test_normalised_complexity_tells_noise_from_rhythm() -> None:
    random = np.random.default_rng(0).integers(2, size=100_000)
    assert bd.lempel_ziv_complexity(random, normalised=True) == pytest.approx(1.0, abs=0.03)
    assert bd.lempel_ziv_complexity(np.arange(100_000) % 7, normalised=True) < 0.01
    assert bd.lempel_ziv_complexity("a", normalised=True) == 1.0


@pytest.mark.parametrize(("order", "expected"), [(2, 0.9183), (3, 1.5219)])
def test_entropy_of_the_example_of_bandt_and_pompe(order: int, expected: float) -> None:
    signal = [4, 7, 9, 10, 6, 11, 3]
    assert bd.permutation_entropy(signal, order=order) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("order", [2, 3, 5, 7])
@pytest.mark.parametrize("delay", [1, 3])
def test_entropy_agrees_with_sorted_windows_ties_included(order: int, delay: int) -> None:
    x = np.random.default_rng(order).integers(6, size=150)
    found = bd.permutation_entropy(x, order, delay)
    assert found == pytest.approx(plain_entropy(x, order, delay), abs=1e-12)


def test_entropy_is_of_orders_only() -> None:
    x = np.random.default_rng(0).standard_normal((4, 5000))
    found = bd.permutation_entropy(x, order=4)
    assert found.shape == (4,)
    assert np.array_equal(found, bd.permutation_entropy(np.exp(3 * x + 1), order=4))
    assert np.array_equal(found, bd.permutation_entropy(x.T, order=4, axis=0))
    assert np.allclose(found, math.log2(24), atol=0.02)
    normalised = bd.permutation_entropy(x, order=4, normalised=True)
    assert np.allclose(normalised, found / math.log2(24))


def test_ties_count_as_rising() -> None:
    assert bd.permutation_entropy(np.zeros(50)) == 0.0
    assert bd.permutation_entropy(np.arange(50)) == 0.0
    assert bd.ordinal_patterns([1, 1, 0], order=2).tolist() == [0, 1]
    assert sorted(set(bd.ordinal_patterns(np.random.default_rng(0).random(999), 3))) == [*range(6)]


def test_noise_is_as_complex_as_its_surrogates_and_a_chaotic_map_is_not() -> None:
    chaos = np.empty(1000)
    chaos[0] = 0.3
    for step in range(1, len(chaos)):
        chaos[step] = 4 * chaos[step - 1] * (1 - chaos[step - 1])
    options = {"surrogate": "phase", "n_surrogates": 39, "alternative": "less"}
    assert bd.surrogate_null(bd.permutation_entropy, chaos, **options).p_value <= 1 / 40
    alarms = [
        bd.surrogate_null(
            bd.permutation_entropy,
            np.random.default_rng(seed).standard_normal(1000),
            seed=seed,
            **options,
        ).p_value
        <= 0.05
        for seed in range(40)
    ]
    assert sum(alarms) <= 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bd.lempel_ziv_complexity(""), "expected at least one symbol"),
        (lambda: bd.lempel_ziv_complexity([0.5, np.nan, 1]), "Found 1 NaN"),
        (lambda: bd.lempel_ziv_complexity(np.array([1j])), "expected a text, booleans"),
        (lambda: bd.lempel_ziv_complexity([[0, 1], [1]]), "unequal lengths"),
        (lambda: bd.permutation_entropy([1.0, 2.0]), "expected at least 3 for patterns of order 3"),
        (lambda: bd.permutation_entropy([1.0, 2.0], order=1), "order=1; expected a whole number"),
        (lambda: bd.permutation_entropy([1.0, 2.0], delay=0), "delay=0; expected a whole number"),
        (lambda: bd.permutation_entropy([1.0, 2.0], order=21), "of 2 to 20"),
        (lambda: bd.permutation_entropy(["a", "b", "c"]), "expected real numbers"),
    ],
)
def test_bad_input_is_named(call, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
