"""The rank: planted ones are found, noise has none, and the held-out cells are what they should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from analyses.connectome.rank_folds import folds
from analyses.connectome.ranks import RankChoice, choose_rank
from workbench.errors import UsageError


def exact(rank: int, seed: int, shape: tuple[int, ...] = (24, 8, 30)) -> NDArray:
    """A tensor of so many components that share entries."""
    generator = np.random.default_rng(seed)
    factors = [generator.random((n, rank)) * (generator.random((n, rank)) < 0.6) for n in shape]
    return np.einsum("tr,sr,pr->tsp", *factors)


@pytest.mark.parametrize(("rank", "seed"), [(1, 0), (2, 1), (3, 2), (4, 3)])
def test_exact_rank_is_found(rank: int, seed: int) -> None:
    choice = choose_rank(exact(rank, seed), range(1, 7), seed=seed)
    assert choice.rank == rank
    assert choice.beats_null


def test_rank_under_noise_is_found() -> None:
    tensor = exact(3, 0)
    noise = np.random.default_rng(1).random(tensor.shape)
    assert choose_rank(tensor + 0.5 * tensor.mean() * noise, range(1, 7)).rank in (3, 4)


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_one_component_and_it_beats_nothing(seed: int) -> None:
    noise = np.random.default_rng(seed).random((24, 8, 30))
    choice = choose_rank(noise, range(1, 5), seed=seed)
    assert choice.rank == 1
    assert not choice.beats_null


def test_missing_cells_do_not_matter() -> None:
    tensor = exact(3, 2)
    mask = np.random.default_rng(0).random(tensor.shape[1:]) < 0.85
    hidden = np.where(mask, tensor, np.nan)
    choice = choose_rank(hidden, range(1, 6), mask=mask)
    assert choice.rank == 3


@pytest.mark.parametrize("shape", [(24, 30), (24, 1, 30)])
def test_a_single_subject_has_a_rank_too(shape: tuple[int, ...]) -> None:
    blocks = [np.eye(3)[np.arange(n) * 3 // n] for n in (shape[0], shape[-1])]
    tensor = (blocks[0] @ blocks[1].T).reshape(shape)
    assert choose_rank(tensor, range(1, 6)).rank == 3


def test_torch_and_numpy_choose_alike() -> None:
    tensor = exact(2, 0, (12, 6, 15))
    options: dict[str, Any] = {"n_folds": 3, "n_restarts": 2}
    one = choose_rank(tensor, [1, 2, 3], **options)
    other = choose_rank(torch.from_numpy(tensor), [1, 2, 3], **options)
    np.testing.assert_allclose(one.held_out[:2], other.held_out[:2], atol=1e-4)
    assert one.rank == other.rank == 2


def test_blocks_of_time_can_be_held_out() -> None:
    assert choose_rank(exact(2, 5), range(1, 5), hold_out="blocks").rank == 2


def test_the_table_holds_the_curve() -> None:
    choice = choose_rank(exact(2, 0, (12, 6, 15)), [3, 1, 2, 2], n_folds=3, n_restarts=2)
    assert isinstance(choice, RankChoice)
    table = choice.table
    assert table["rank"].tolist() == [1, 2, 3]
    assert table["chosen"].sum() == 1
    assert (np.diff(choice.error) < 1e-3).all()
    assert choice.held_out.shape == (3, 3)
    np.testing.assert_array_equal(table["held_out"], choice.held_out_mean)
    assert choice.null_held_out.shape == (3,)


@pytest.mark.parametrize("kind", ["fibres", "blocks"])
def test_every_fold_holds_out_other_cells_and_hides_no_entry(kind: str) -> None:
    shape = (30, 5, 12)
    generator = np.random.default_rng(0)
    mask = generator.random((1, 5, 12)) < 0.7
    times = np.zeros(shape, dtype=int)
    for fitted, held_out in folds(shape, mask, 4, kind, seed=0):
        assert not (fitted & held_out).any()
        np.testing.assert_array_equal(
            np.broadcast_to(fitted | held_out, shape), np.broadcast_to(mask, shape)
        )
        shown = np.broadcast_to(fitted, shape)
        assert shown.any(axis=(1, 2)).all()
        assert shown.any(axis=(0, 2)).all()
        times += np.broadcast_to(held_out, shape)
    assert times.max() == 1
    several = mask.sum(axis=1, keepdims=True) > 1
    if kind == "fibres":
        np.testing.assert_array_equal(times == 1, np.broadcast_to(mask & several, shape))


@pytest.mark.parametrize(
    ("tensor", "options", "message"),
    [
        (exact(2, 0), {"ranks": []}, "no rank to try"),
        (exact(2, 0), {"ranks": [1, 1000]}, "rank 1000"),
        (exact(2, 0), {"n_folds": 1}, "n_folds=1"),
        (exact(2, 0), {"n_restarts": 1}, "n_restarts=1"),
        (exact(2, 0), {"hold_out": "fibers"}, "did you mean 'fibres'"),
        (-exact(2, 0), {}, "negative"),
        (torch.ones(3, 4, 5).to_sparse_coo(), {}, "sparse"),
    ],
)
def test_bad_input_is_refused(tensor: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choose_rank(tensor, **{"ranks": [1, 2], **options})
