"""Training: exact gradients, exact resume, one pass for many, and thresholds that move."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import workbench as wb
from analyses import atoms
from analyses.atoms import activations, objective
from analyses.atoms.checkpoints import load_checkpoint, save_checkpoint
from analyses.atoms.feeding import Feed
from analyses.atoms.parameters import Parameters
from workbench.errors import UsageError, WorkbenchError

pytestmark = pytest.mark.filterwarnings("ignore:L0 ended at")
LEARNED = ("decoder_", "encoder_", "encoder_bias_", "decoder_bias_", "threshold_")


def rows(n: int = 700, units: int = 8, seed: int = 0) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return np.maximum(generator.standard_normal((n, units)), 0).astype(np.float32)


def sae(n_atoms: int = 16, **parameters: Any) -> atoms.ThresholdSAE:
    return atoms.ThresholdSAE(
        n_atoms, **{"target_l0": 3, "n_steps": 90, "batch_size": 64, **parameters}
    )


def assert_same_bytes(first: atoms.ThresholdSAE, second: atoms.ThresholdSAE) -> None:
    for name in LEARNED:
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes(), name
    assert first.history_.keys() == second.history_.keys()
    for name, values in first.history_.items():
        assert values.tobytes() == second.history_[name].tobytes(), name
    assert first.input_scale_ == second.input_scale_


class _Jump(torch.autograd.Function):
    """Straight-through estimator as a textbook would write it, on dense arrays."""

    @staticmethod
    def forward(ctx: Any, z: torch.Tensor, threshold: torch.Tensor, band: float) -> Any:
        ctx.save_for_backward(z, threshold)
        ctx.band = band
        active = (z >= threshold).float()
        return z * active, active

    @staticmethod
    def backward(ctx: Any, by_code: torch.Tensor, by_active: torch.Tensor) -> Any:
        z, threshold = ctx.saved_tensors
        window = ((z - threshold).abs() < ctx.band / 2).float() / ctx.band
        by_threshold = -(window * (threshold * by_code + by_active)).sum(0)
        return by_code * (z >= threshold), by_threshold, None


@pytest.mark.parametrize("activation", activations.ACTIVATIONS)
def test_gradients_are_those_of_automatic_differentiation(activation: str) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    n_rows, units, n_atoms, k, band, penalty = 30, 6, 20, 4, 0.3, torch.tensor(0.2)
    given = Parameters(
        encoder=draw(n_atoms, units) / 2,
        encoder_bias=draw(n_atoms) / 5,
        decoder=torch.nn.functional.normalize(draw(n_atoms, units), dim=1),
        decoder_bias=draw(units) / 5,
        threshold=draw(n_atoms).abs() + 0.2,
    )
    targets = draw(n_rows, units)
    inputs = targets - given.decoder_bias
    found = activations.fired(inputs, given, activation, k, band / 2)
    ours = objective.step(targets, inputs, found, given, activation, penalty, band)

    dense = Parameters(**{n: v.clone().requires_grad_() for n, v in given.named().items()})
    z = (targets - dense.decoder_bias) @ dense.encoder.t() + dense.encoder_bias
    extra = torch.zeros(())
    if activation == "threshold":
        codes, active = _Jump.apply(z, dense.threshold, band)
        extra = penalty * active.sum() / n_rows
    elif activation == "standard":
        codes = z.relu()
        active, extra = (codes > 0).float(), penalty * codes.sum() / n_rows
    else:
        kept = z.relu()
        if activation == "topk":
            least = kept.topk(k, dim=1).values[:, -1:]
        else:
            least = kept.flatten().topk(k * n_rows).values[-1]
        active = ((kept >= least) & (kept > 0)).float()
        codes = z * active
    error = codes @ dense.decoder + dense.decoder_bias - targets
    loss = error.square().sum() / n_rows
    (loss + extra).backward()
    torch.testing.assert_close(ours.squared_error, loss.detach())
    torch.testing.assert_close(ours.counts, active.detach().sum(0))
    for name, weight in dense.named().items():
        expected = torch.zeros_like(weight) if weight.grad is None else weight.grad
        torch.testing.assert_close(ours.gradients.named()[name], expected, msg=name)


def test_blocks_of_any_size_find_the_same_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    given = Parameters(
        *(torch.randn(shape, generator=generator) for shape in ((9, 5), 9, (9, 5), 5)),
        threshold=torch.full((9,), 0.5),
    )
    inputs = torch.randn(40, 5, generator=generator)
    whole = activations.fired(inputs, given, "threshold", 0)
    monkeypatch.setattr(activations, "_BLOCK", 30)
    parts = activations.fired(inputs, given, "threshold", 0)
    for name in ("rows", "atoms", "starts"):
        torch.testing.assert_close(getattr(whole, name), getattr(parts, name))
    torch.testing.assert_close(whole.values, parts.values)


@pytest.mark.parametrize("activation", activations.ACTIVATIONS)
@pytest.mark.parametrize("metric", ["euclidean", "atomic"])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    activation: str, metric: str
) -> None:
    first, second, other = (
        sae(activation=activation, metric=metric, seed=seed).fit(rows()) for seed in (1, 1, 2)
    )
    assert_same_bytes(first, second)
    assert first.decoder_.tobytes() != other.decoder_.tobytes()


class Interrupted:
    """Batches that stop in the middle, as a killed process would."""

    def __init__(self, batches: list[NDArray], after: int) -> None:
        self.batches, self.left = batches, after

    def __iter__(self) -> Iterator[NDArray]:
        for batch in self.batches:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield batch


@pytest.mark.parametrize("metric", ["euclidean", "atomic"])
@pytest.mark.parametrize("activation", ["threshold", "batchtopk"])
def test_an_interrupted_run_gives_the_bytes_of_an_uninterrupted_one(
    tmp_path: Path, activation: str, metric: str
) -> None:
    batches = list(rows(1280).reshape(20, 64, 8))
    held_out = rows(100, seed=5)

    def made() -> atoms.ThresholdSAE:
        return sae(activation=activation, metric=metric, dead_after=640)

    whole = made().fit(batches, validation=held_out)
    stopped = Interrupted(batches, 57)
    with pytest.raises(KeyboardInterrupt):
        made().fit(stopped, validation=held_out, checkpoint=tmp_path, checkpoint_every=10)
    resumed = made().fit(batches, validation=held_out, checkpoint=tmp_path, checkpoint_every=10)
    assert_same_bytes(whole, resumed)
    assert_same_bytes(whole, made().fit(batches, validation=held_out, checkpoint=tmp_path))


def test_arrays_and_sites_resume_in_the_middle_of_a_pass(tmp_path: Path) -> None:
    activity = rows()
    recording = wb.from_arrays({"site": activity})
    for name, source in (("array", activity), ("site", recording["site"])):
        whole = [sae(), sae(24, seed=3)]
        atoms.fit_many(whole, source)
        first = [sae(), sae(24, seed=3)]
        _stop_after(first, source, tmp_path / name, 34)
        atoms.fit_many(first, source, checkpoint=tmp_path / name)
        for one, two in zip(whole, first, strict=True):
            assert_same_bytes(one, two)


def _stop_after(saes: list[atoms.ThresholdSAE], source: Any, folder: Path, steps: int) -> None:
    from analyses.atoms import many

    real = many.write_progress
    written = []

    def write(*arguments: Any) -> Any:
        written.append(real(*arguments))
        if len(written) == steps:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many, "write_progress", write)
        with pytest.raises(KeyboardInterrupt):
            atoms.fit_many(saes, source, checkpoint=folder, checkpoint_every=1)


def test_a_checkpoint_of_another_run_is_refused_and_a_damaged_one_too(tmp_path: Path) -> None:
    sae().fit(rows(), checkpoint=tmp_path)
    with pytest.raises(UsageError, match=r"another run in .*settings differ"):
        sae(seed=9).fit(rows(), checkpoint=tmp_path)
    with pytest.raises(UsageError, match=r"another run in .*rows differ"):
        sae().fit(rows(800), checkpoint=tmp_path)
    file = tmp_path / "training.safetensors"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(WorkbenchError, match="remove the file"):
        sae().fit(rows(), checkpoint=tmp_path)


def test_partial_fit_goes_on_where_it_was_also_after_the_disk(tmp_path: Path) -> None:
    parts = [rows(seed=seed) for seed in range(4)]
    straight, detoured = sae(), sae()
    for part in parts:
        straight.partial_fit(part)
    for part in parts[:2]:
        detoured.partial_fit(part)
    save_checkpoint(detoured, tmp_path)
    again = load_checkpoint(tmp_path)
    assert_same_bytes(again, detoured)
    for part in parts[2:]:
        again.partial_fit(part)
    assert_same_bytes(straight, again)
    assert straight.n_steps_ == 4 * (700 // 64)
    with pytest.raises(UsageError, match="Found 9 units; expected 8"):
        again.partial_fit(rows(units=9))


def test_weights_without_a_training_state_cannot_be_trained_on(tmp_path: Path) -> None:
    loaded = atoms.load(atoms.save(sae().fit(rows()), tmp_path / "weights"))
    with pytest.raises(UsageError, match="without the state of its training"):
        loaded.partial_fit(rows())
    with pytest.raises(UsageError, match="without the state of its training"):
        save_checkpoint(loaded, tmp_path)
    with pytest.raises(UsageError, match=r"Found no 'training\.safetensors'"):
        load_checkpoint(tmp_path / "nowhere")


def test_many_from_one_pass_learn_what_each_learns_alone() -> None:
    passes = []

    class Counted:
        def __iter__(self) -> Iterator[NDArray]:
            passes.append(1)
            return iter(list(rows(1280).reshape(20, 64, 8)))

    together = [sae(), sae(24), sae(activation="topk"), sae(n_steps=40)]
    atoms.fit_many(together, Counted())
    n_passes = len(passes)
    alone = sae().fit(Counted())
    assert len(passes) == 2 * n_passes
    assert_same_bytes(alone, together[0])
    for one in together[1:]:
        fresh = atoms.ThresholdSAE(**one.get_params()).fit(list(rows(1280).reshape(20, 64, 8)))
        assert_same_bytes(fresh, one)
    with pytest.raises(UsageError, match=r"batch sizes \[32, 64\]"):
        atoms.fit_many([sae(), sae(batch_size=32)], rows())
    with pytest.raises(UsageError, match="Found no autoencoder"):
        atoms.fit_many([], rows())


@pytest.mark.parametrize("kind", ["array", "site"])
def test_every_row_comes_once_a_pass_in_another_order_every_time(kind: str) -> None:
    numbered = np.repeat(np.arange(640, dtype=np.float32)[:, None], 2, axis=1)
    source = numbered if kind == "array" else wb.from_arrays({"s": numbered})["s"]
    feed = Feed(source)
    first, second = (
        np.concatenate(list(feed.batches(64, seed)))[:, 0].astype(int) for seed in (0, 1)
    )
    assert sorted(first) == sorted(second) == list(range(640))
    assert (first != second).mean() > 0.9
    assert abs(np.corrcoef(first, np.arange(640))[0, 1]) < 0.2
    after = np.concatenate(list(feed.batches(64, 0, skip=3)))[:, 0].astype(int)
    np.testing.assert_array_equal(after, first[3 * 64 :])


def test_batches_of_any_size_are_cut_to_one_size() -> None:
    pieces = np.split(rows(1000), [100, 130, 700, 990])
    found = list(Feed(pieces).batches(64, 0))
    assert {len(batch) for batch in found} == {64}
    np.testing.assert_array_equal(np.concatenate(found), rows(1000)[: 64 * len(found)])


def test_an_iterator_is_gone_through_once_and_its_end_is_said() -> None:
    parts = list(rows(1280).reshape(20, 64, 8))
    with pytest.warns(UserWarning, match="batches ended after 20 of 90 steps"):
        once = sae().fit(iter(parts))
    assert once.n_steps_ == 20
    with pytest.raises(UsageError, match="unknown number of rows"):
        sae(n_steps=None, epochs=2).fit(iter(parts))
    assert sae(n_steps=None, epochs=2).fit(rows()).n_steps_ == 2 * (700 // 64)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_thresholds_learn_as_well_when_products_are_in_bfloat16(dtype: str) -> None:
    moved = _thresholds_moved(dtype)
    assert moved == pytest.approx(_thresholds_moved("float32"), rel=0.1)


def _thresholds_moved(dtype: str) -> float:
    parameters = {"target_l0": None, "l0_coefficient": 0.5, "learning_rate": 1e-3}
    short = sae(n_steps=1, dtype=dtype, **parameters).fit(rows())
    long = sae(n_steps=200, dtype=dtype, **parameters).fit(rows())
    return float((long.threshold_ - short.threshold_).mean())


def test_atoms_that_never_fire_begin_again_or_are_reported() -> None:
    generator = np.random.default_rng(0)
    activity = np.zeros((4000, 12), dtype=np.float32)
    # Twelve causes, each along a unit of its own; most rows show one of the first two.
    often = generator.random(4000) < 0.5
    cause = np.where(often, generator.integers(2, size=4000), generator.integers(12, size=4000))
    activity[np.arange(4000), cause] = generator.uniform(1, 2, 4000)
    given: dict[str, Any] = {"target_l0": 1, "n_steps": 1500, "dead_after": 2000}
    revived = sae(14, **given).fit(activity)
    left = sae(14, revive_until=0.0, **given).fit(activity)
    assert revived.score(activity) > left.score(activity)
    assert revived.score(activity) > 0.95
    fires = np.diff(left.transform(activity).tocsc().indptr)
    assert left.dead_.sum() > 0
    assert (fires[left.dead_] < 20).all()


def test_the_coefficient_finds_the_target_from_any_start() -> None:
    generator = np.random.default_rng(0)
    activity = generator.laplace(size=(6000, 16)) @ generator.standard_normal((16, 16))
    for target in (2, 6):
        found = sae(32, target_l0=target, n_steps=800, batch_size=256).fit(
            activity.astype(np.float32)
        )
        assert found.history_["l0"][-40:].mean() == pytest.approx(target, rel=0.1)


def test_a_fixed_coefficient_stays_and_a_larger_one_gives_fewer_atoms() -> None:
    few, many = (
        sae(32, target_l0=None, l0_coefficient=weight, n_steps=400).fit(rows(2000))
        for weight in (0.2, 0.002)
    )
    assert few.history_["l0"][-1] < many.history_["l0"][-1]
    assert set(few.history_["l0_coefficient"]) == {np.float32(0.2)}
