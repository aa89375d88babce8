"""The rank: planted ones are found, noise has none, and the held-out cells are what they should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from analyses.connectome.affinity import affinity
from analyses.connectome.cp import NonnegativeCP
from analyses.connectome.cp_components import match
from analyses.connectome.planted import planted
from analyses.connectome.rank_folds import folds
from analyses.connectome.ranks import RankChoice, choose_rank
from workbench.errors import UsageError


def exact(rank: int, seed: int, shape: tuple[int, ...] = (18, 8, 25)) -> NDArray:
    """A tensor of so many components that share entries."""
    generator = np.random.default_rng(seed)
    factors = [
        generator.random((n, rank)) * (generator.random((n, rank)) < 0.8) + 0.05 for n in shape
    ]
    return np.einsum("tr,sr,pr->tsp", *factors)


@pytest.mark.parametrize(("rank", "seed"), [(1, 0), (2, 1), (3, 2), (4, 3)])
def test_exact_rank_is_found(rank: int, seed: int) -> None:
    choice = choose_rank(exact(rank, seed), range(1, rank + 2), n_folds=3, n_restarts=2, seed=seed)
    assert choice.rank == rank
    assert choice.beats_null


def test_rank_under_noise_is_found() -> None:
    tensor = exact(3, 0)
    noise = np.random.default_rng(1).random(tensor.shape)
    assert choose_rank(tensor + 0.5 * tensor.mean() * noise, range(1, 6), n_folds=4).rank in (3, 4)


def test_planted_motifs_are_all_resolved_at_the_rank_chosen() -> None:
    # At four components restarts agree on an answer in which two of the four motifs are missing.
    worms = planted(seed=0, missing=0.0)
    tensor = affinity(worms.traces, kind="minabs", smoothing=3.0)[::4].astype(np.float32)
    choice = choose_rank(tensor, [4, 6, 8], n_folds=3, n_restarts=2)
    assert choice.beats_null
    model = NonnegativeCP(choice.rank, tolerance=1e-5).fit(tensor)
    truth = [worms.frames[:, ::4], worms.animals, worms.pairs]
    scores = np.ones((3, 4, choice.rank))
    for axis, (motifs, factor) in enumerate(zip(truth, model.factors_, strict=True)):
        for number, motif in enumerate(motifs):
            if not motif.all():
                scores[axis, number] = [roc_auc_score(motif, each) for each in factor.T]
    rows, columns = match(scores.mean(axis=0))
    assert scores[:, rows, columns].min() >= 0.95


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_one_component_and_it_beats_nothing(seed: int) -> None:
    noise = np.random.default_rng(seed).random((15, 6, 20))
    choice = choose_rank(noise, range(1, 4), n_restarts=2, seed=seed)
    assert choice.rank == 1
    assert not choice.beats_null


@pytest.mark.parametrize("in_time", [False, True])
def test_missing_cells_do_not_matter(in_time: bool) -> None:
    tensor = exact(3, 2)
    shape = tensor.shape if in_time else tensor.shape[1:]
    mask = np.random.default_rng(0).random(shape) < 0.85
    hidden = np.where(mask, tensor, np.nan)
    choice = choose_rank(hidden, range(1, 5), mask=mask, n_folds=3, n_restarts=2)
    assert choice.rank == 3


@pytest.mark.parametrize("shape", [(24, 30), (24, 1, 30)])
def test_a_single_subject_has_a_rank_too(shape: tuple[int, ...]) -> None:
    blocks = [np.eye(3)[np.arange(n) * 3 // n] for n in (shape[0], shape[-1])]
    tensor = (blocks[0] @ blocks[1].T).reshape(shape)
    assert choose_rank(tensor, range(1, 5), n_folds=3, n_restarts=2).rank == 3


def test_torch_and_numpy_choose_alike() -> None:
    tensor = exact(2, 0, (12, 6, 15))
    options: dict[str, Any] = {"n_folds": 3, "n_restarts": 2}
    one = choose_rank(tensor, [1, 2, 3], **options)
    other = choose_rank(torch.from_numpy(tensor), [1, 2, 3], **options)
    np.testing.assert_allclose(one.held_out[:2], other.held_out[:2], atol=1e-4)
    assert one.rank == other.rank == 2


def test_blocks_of_time_can_be_held_out() -> None:
    assert (
        choose_rank(exact(2, 5), range(1, 4), n_folds=3, n_restarts=2, hold_out="blocks").rank == 2
    )


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
    assert not times[~np.broadcast_to(mask, shape)].any()
    alone = np.broadcast_to(mask.sum(axis=1, keepdims=True) == 1, shape)
    assert kind == "blocks" or not times[alone].any()


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
