"""Experiments: what they compare, with which null, and the exception that theory predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from analyses import learning_regime as lr
from analyses.learning_regime.experiment_contrasts import flipped_means, t_interval
from workbench.errors import UsageError

SMALL: dict[str, Any] = {"n": 20, "n_steps": 25, "n_trials": 30, "n_kernel_trials": 4}
QUIET: dict[str, Any] = {**SMALL, "progress": False}


@pytest.fixture(scope="module")
def experiment() -> xr.Dataset:
    """Two tasks, two ranks, three matches, three seeds."""
    return lr.run_rank_experiment(("2AF", "DMS"), (1, 20), 3, **QUIET)


def test_every_measure_is_there_for_every_start(experiment: xr.Dataset) -> None:
    sizes = {"task": 2, "match": 3, "rank": 2, "seed": 3, "step": 2}
    for name in ("kernel_alignment", "representation_alignment", "weight_change", "accuracy"):
        assert dict(experiment[name].sizes) == sizes
        assert np.isfinite(experiment[name]).all()
    start = experiment.isel(step=0)
    np.testing.assert_allclose(start["kernel_alignment"], 1.0)
    np.testing.assert_array_equal(start["weight_change"], 0.0)


def test_each_size_is_matched_in_turn(experiment: xr.Dataset) -> None:
    for match in experiment["match"].values:
        sizes = experiment[str(match)].isel(step=0).sel(match=match)
        np.testing.assert_allclose(sizes.sel(rank=1), sizes.sel(rank=20), rtol=1e-5)
        for other in set(experiment["match"].values) - {match}:
            apart = experiment[str(other)].isel(step=0).sel(match=match)
            assert not np.allclose(apart.sel(rank=1), apart.sel(rank=20), rtol=0.05)


def test_full_rank_is_one_network_for_all_matches(experiment: xr.Dataset) -> None:
    full = experiment["kernel_alignment"].sel(rank=20)
    assert (full == full.isel(match=0)).all()


def test_a_task_does_not_depend_on_its_company(experiment: xr.Dataset) -> None:
    alone = lr.run_rank_experiment("DMS", (1, 20), [1], "singular_value", **QUIET)
    together = experiment.sel(task="DMS", match="singular_value", seed=1)
    found = alone.sel(task="DMS", match="singular_value", seed=1)
    for name in ("kernel_alignment", "weight_change"):
        np.testing.assert_allclose(found[name], together[name], atol=1e-3)


def test_what_was_measured_is_kept_and_read_again(tmp_path: Path) -> None:
    given: dict[str, Any] = {"folder": tmp_path, "match": "frobenius", "kernels": False, **QUIET}
    first = lr.run_rank_experiment("DMS", (1, 20), 2, **given)
    changed = xr.open_zarr(tmp_path / "DMS.zarr", consolidated=False).load()
    changed["accuracy"] += 1
    changed.to_zarr(tmp_path / "DMS.zarr", mode="w", consolidated=False)
    again = lr.run_rank_experiment("DMS", (1, 20), 2, **given)
    np.testing.assert_allclose(again["accuracy"], first["accuracy"] + 1)
    other = lr.run_rank_experiment("DMS", (1, 20), 2, learning_rate=0.002, **given)
    assert float(other["accuracy"].max()) <= 1


def _planted(effect: float, seeds: int = 10) -> xr.Dataset:
    """Kernel alignment that is lower by an effect at rank 1, with noise that seeds share or not."""
    generator = np.random.default_rng(0)
    shared = generator.normal(0.5, 0.2, (1, 1, 1, seeds))
    own = generator.normal(0, 0.05, (1, 1, 3, seeds))
    values = shared + own - effect * np.array([1.0, 0.5, 0.0])[:, None]
    dims = ("task", "match", "rank", "seed", "step")
    coords = {"task": ["2AF"], "match": ["frobenius"], "rank": [1, 10, 100], "step": [0, 100]}
    stacked = np.stack([np.ones_like(values), values], axis=-1)
    return xr.Dataset({"kernel_alignment": (dims, stacked)}, coords)


def test_a_planted_difference_is_found_within_seeds_and_noise_is_not() -> None:
    first, second = lr.rank_contrasts(_planted(0.15), ["kernel_alignment"])
    assert first.where["rank"] == "1 - 100"
    assert first.beats_null
    assert first.value == pytest.approx(-0.15, abs=0.05)
    assert first.interval is not None
    assert first.interval[0] < -0.15 < first.interval[1] < 0
    assert second.value > first.value
    assert not any(
        each.beats_null for each in lr.rank_contrasts(_planted(0.0), ["kernel_alignment"])
    )


def test_flipped_signs_are_all_there_and_p_is_exact() -> None:
    differences = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    draws = flipped_means(differences)
    assert len(draws) == 31
    assert draws.min() == pytest.approx(-0.3)
    data = _planted(0.0, seeds=5)
    values = data["kernel_alignment"].values
    values[0, 0, :2, :, 1] = values[0, 0, 2, :, 1] - differences
    (first, _) = lr.rank_contrasts(data, ["kernel_alignment"])
    assert first.null is not None
    assert first.null.p_value == pytest.approx(2 / 32)
    assert len(flipped_means(np.ones(20))) == 2**14


def test_intervals_are_those_of_scipy() -> None:
    from scipy import stats

    values = np.array([0.2, 0.5, 0.4, np.nan, 0.9])
    found = t_interval(values)
    kept = values[np.isfinite(values)]
    wanted = stats.t.interval(0.95, 3, kept.mean(), stats.sem(kept))
    assert (found["low"], found["high"]) == pytest.approx(wanted)
    assert found["n_seeds"] == 4


def test_diverged_seeds_are_left_out_and_counted() -> None:
    data = _planted(0.2)
    data["kernel_alignment"].values[0, 0, 0, 3, 1] = np.nan
    first, second = lr.rank_contrasts(data, ["kernel_alignment"])
    assert (first.n, second.n) == (9, 10)
    assert first.note == "1 of 10 seeds diverged and are left out"


def test_the_figure_shows_every_seed_and_mean(experiment: xr.Dataset) -> None:
    figure = lr.rank_figure(experiment)
    assert len(figure.data) == 3 * 5 * 2 * 2
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert all(len(trace.x) == 2 * 3 for trace in points)
    accuracy = experiment["accuracy"].isel(step=-1).sel(task="2AF", match="frobenius")
    means = [trace for trace in figure.data if trace.mode == "lines+markers"]
    shown = [trace.y for trace in means if trace.name == "2AF"]
    assert any(np.allclose(each, accuracy.mean("seed")) for each in shown)
    with pytest.raises(UsageError, match="no dim 'rank'"):
        lr.rank_figure(experiment.isel(rank=0, drop=True))


def test_an_aligned_start_has_the_norm_and_rank_of_the_others() -> None:
    found = lr.run_aligned_experiment("DMS", 1, 2, kernels=False, **QUIET)
    first = found.isel(step=0)
    for start in range(1, 4):
        sizes = (first["frobenius"].isel(start=number) for number in (0, start))
        np.testing.assert_allclose(*sizes, rtol=1e-5)
    low = first["effective_rank"].sel(
        start=[name for name in found["start"].values if "low" in name]
    )
    np.testing.assert_allclose(low, 1 / 20, rtol=1e-3)
    pair = [first["spectral_radius"].isel(start=number) for number in (2, 3)]
    np.testing.assert_allclose(*pair, rtol=1e-4)


def test_training_meets_the_closed_form_and_alignment_is_the_exception() -> None:
    found = lr.run_linear_experiment((1, 5, 20), n_draws=12).set_index("start")
    assert (found["error"] < 1e-4).all()
    trained = found["trained"]
    assert trained["rank 1"] < trained["rank 5"] < trained["rank 20"] < trained["orthogonal"]
    assert trained["rank 1, aligned"] == pytest.approx(1.0, abs=1e-6)
    large = lr.run_linear_experiment((1,), n_draws=4, norm=1.0).set_index("start")
    assert large["error"]["rank 1"] > 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lr.run_rank_experiment("DMS", (1, 21), 2, **QUIET), "Found rank 21 for 20 units"),
        (lambda: lr.run_rank_experiment("DMS", (), 2, **QUIET), "no rank or no match"),
        (lambda: lr.run_rank_experiment("DMS", (1,), 2, "norm", **QUIET), "Found match 'norm'"),
        (lambda: lr.rank_contrasts(_planted(0), ["kernel_alinment"]), "'kernel_alignment'"),
        (
            lambda: lr.rank_contrasts(_planted(0).isel(rank=[0]), ["kernel_alignment"]),
            "two, of which",
        ),
        (lambda: lr.run_linear_experiment((0,)), "Found ranks"),
    ],
)
def test_experiments_refuse_what_they_cannot_do(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


@pytest.mark.filterwarnings("ignore:No kernel for")
def test_one_ill_conditioned_network_does_not_lose_the_others() -> None:
    """Rank one, scaled by a spectral radius of nearly zero: rounding grows a hundredfold a step."""
    starts = {
        "extreme": lr.low_rank_init(100, 1, match="spectral_radius", seed=6),
        "usual": lr.gaussian_init(100),
    }
    trained = lr.train_rnn(
        "DMS", starts, seeds=[6], n_steps=1, checkpoints=2, learning_rate=1e-9, progress=False
    )
    found = lr.measure_networks(trained, n_trials=32, n_kernel_trials=8, progress=False)
    usual = found.sel(start="usual")
    np.testing.assert_allclose(usual["kernel_alignment"], 1.0)
    assert np.isfinite(found["accuracy"]).all()
