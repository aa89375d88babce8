"""The learning-regime plugin: planted regimes are found, noise is not, what is missing is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import workbench as wb
from analyses.learning_regime import LearningRegime, kernel_alignment, representation_alignment
from analyses.learning_regime.arrays import Curves
from analyses.learning_regime.opened import moved_at_random
from analyses.learning_regime.resampling import Draws, redrawn_alignments, shuffled_alignments
from workbench.errors import UsageError
from workbench.recording.recording import Recording
from workbench.testing import check_analysis

QUICK = {"n_permutations": 39, "n_bootstrap": 39, "n_kernel_stimuli": 12, "n_drift": 4}
FACTORY = '''
"""A small network for a test."""
from torch import nn


def make(p=0.0):
    """Two layers."""
    return nn.Sequential(nn.Linear(6, 100), {middle}, nn.Linear(100, 2))
'''


def _network(middle: nn.Module | None = None) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 100), middle or nn.Tanh(), nn.Linear(100, 2))


def _trained(folder: Path, trained: str, steps: int = 150) -> None:
    """Write checkpoints of a network of which one layer, or all, learn one direction."""
    torch.manual_seed(0)
    network = _network()
    with torch.no_grad():
        network[2].weight.mul_(0.1)
    inputs = torch.randn(200, 6)
    target = torch.stack([inputs[:, 0], inputs[:, 0] ** 2 - 1], 1)
    parameters = network[2].parameters() if trained == "last" else network.parameters()
    optimizer = torch.optim.Adam([*parameters], lr=0.02)
    torch.save(network.state_dict(), folder / "ckpt-0.pt")
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(network(inputs), target).backward()
        optimizer.step()
    torch.save(network.state_dict(), folder / f"ckpt-{steps}.pt")


def _recorded(folder: Path, middle: str = "nn.Tanh()", **options: Any) -> Recording:
    (folder / "net.py").write_text(FACTORY.format(middle=middle))
    generator = np.random.default_rng(0)
    labels = np.tile([0, 1], 30)
    np.savez(
        folder / "inputs.npz",
        inputs=generator.normal(size=(60, 6)).astype(np.float32),
        label=labels,
    )
    return wb.capture(
        f"torch:{folder / 'net.py'}:make",
        stimuli=str(folder / "inputs.npz"),
        checkpoints=str(folder / "ckpt-*.pt"),
        out=folder / "recording",
        **options,
    )


def _checkpoints(values: list[np.ndarray], **columns: Any) -> Recording:
    n = len(values[0])
    rows = {
        "stimulus": np.tile(np.arange(n), len(values)),
        "checkpoint": np.repeat(np.arange(len(values)), n),
    }
    return wb.from_arrays({"layer": np.concatenate(values)}, {**rows, **columns})


def _curves(result: Any) -> Curves:
    return Curves(result.data)


def test_the_contract_of_analyses() -> None:
    assert set(check_analysis(LearningRegime).values()) == {"passed"}


def test_training_the_last_layer_is_lazy_before_it(tmp_path: Path) -> None:
    _trained(tmp_path, "last")
    curves = _curves(LearningRegime(**QUICK).fit(_recorded(tmp_path), threads=1).result_)
    last = curves.checkpoints[-1]
    for site in ("0", "1"):
        assert curves.at("representation alignment", site, last).value == pytest.approx(1)
    assert curves.at("weight change", "0.weight", last).value == 0
    assert curves.at("weight change", "2.weight", last).value > 0.1
    # The last layer's kernel is that of its input, which did not change.
    assert curves.at("kernel alignment", "2.weight", last).value == pytest.approx(1)
    assert not curves.at("representation alignment below random drift", "0", last).p_corrected < 0.5


def test_feature_learning_is_found_beyond_random_drift(tmp_path: Path) -> None:
    _trained(tmp_path, "all")
    result = LearningRegime(**{**QUICK, "n_drift": 6}).fit(_recorded(tmp_path), threads=1).result_
    curves = _curves(result)
    last = curves.checkpoints[-1]
    assert curves.at("kernel alignment", "0.weight", last).value < 0.8
    places = [(f"{name}representation alignment", "1") for name in ("", "centred ")]
    for name, place in [*places, ("kernel alignment", "0.weight")]:
        number = curves.at(f"{name} below random drift", place, last)
        assert number.value > 0.02
        assert number.p_corrected <= 0.05
    assert "Rich learning" in result.summary()


def test_random_drift_is_not_called_learning(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = _network()
    torch.save(network.state_dict(), tmp_path / "ckpt-0.pt")
    start = {name: value.clone() for name, value in network.state_dict().items()}
    found = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(100 + seed)
        far = {name: value + 0.3 * torch.randn(value.shape) for name, value in start.items()}
        moved = moved_at_random(start, far, list(start), generator)
        folder = tmp_path / str(seed)
        folder.mkdir()
        torch.save(start, folder / "ckpt-0.pt")
        torch.save(moved, folder / "ckpt-1.pt")
        result = LearningRegime(**QUICK).fit(_recorded(folder), threads=1).result_
        found += [m.beats_null for m in result.measures if "below random drift" in m.name]
    assert np.mean(found) <= 0.1


def test_no_change_is_one_and_not_nan(tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = _network().state_dict()
    torch.save(state, tmp_path / "ckpt-0.pt")
    torch.save(state, tmp_path / "ckpt-1.pt")
    result = LearningRegime(**QUICK).fit(_recorded(tmp_path), threads=1).result_
    for measure in result.measures:
        if measure.name.endswith("alignment"):
            assert measure.value == pytest.approx(1)
        if measure.name == "weight change":
            assert measure.value == 0
    assert not any(m.beats_null for m in result.measures if "below random drift" in m.name)


def test_numbers_are_those_of_the_functions(tmp_path: Path) -> None:
    _trained(tmp_path, "all", steps=20)
    recording = _recorded(tmp_path)
    curves = _curves(LearningRegime(**QUICK, n_rows=60).fit(recording, threads=1).result_)
    first, last = (recording["1"].to_numpy(np.arange(60) + 60 * k) for k in (0, 1))
    for name, centred in (("", False), ("centred ", True)):
        found = curves.at(f"{name}representation alignment", "1", "ckpt-20").value
        assert found == pytest.approx(representation_alignment(first, last, centered=centred))


def test_draws_agree_with_the_function_of_shuffled_and_repeated_rows() -> None:
    generator = np.random.default_rng(0)
    one, two = generator.normal(size=(2, 12, 5))
    first, second = one @ one.T, two @ two.T
    draws = Draws.make(6, 5, 3, seed=0)
    for order, value in zip(
        draws.orders, shuffled_alignments(first, second, draws.orders), strict=True
    ):
        rows = (order[:, None] * 2 + np.arange(2)).ravel()
        assert value == pytest.approx(kernel_alignment(first, second[np.ix_(rows, rows)]))
    once = redrawn_alignments(first, second, np.ones((1, 6)))
    assert once[0] == pytest.approx(kernel_alignment(first, second))
    half = redrawn_alignments(first, second, np.array([[1.0, 1, 1, 0, 0, 0]]))
    assert half[0] == pytest.approx(kernel_alignment(first[:6, :6], second[:6, :6]))


def test_intervals_hold_what_another_sample_gives() -> None:
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(8, 8))
    held = []
    for _ in range(25):
        start = generator.normal(size=(40, 8))
        later = start + 0.8 * start @ mixing / np.sqrt(8)
        every = generator.normal(size=(3000, 8))
        truth = representation_alignment(every, every + 0.8 * every @ mixing / np.sqrt(8))
        result = LearningRegime(n_permutations=19).fit(_checkpoints([start, later])).result_
        low, high = next(m for m in result.measures if m.name[:4] == "repr").interval
        held.append(low - 0.02 <= truth <= high + 0.02)
    assert np.mean(held) >= 0.8


def test_a_recording_before_stands_for_the_first_checkpoint() -> None:
    generator = np.random.default_rng(1)
    one, two = generator.normal(size=(2, 30, 6))
    rows = {"stimulus": np.arange(30)}
    before, after = (wb.from_arrays({"layer": each}, rows) for each in (one, one + two))
    whole = LearningRegime().fit(_checkpoints([one, one + two])).result_
    apart = LearningRegime().fit(after, before=before).result_
    assert [m.value for m in apart.measures] == pytest.approx([m.value for m in whole.measures])


@pytest.mark.parametrize("columns", [{}, {"step": np.repeat([0, 5, 70], 30)}])
def test_checkpoints_are_in_the_order_of_training(columns: dict[str, Any]) -> None:
    values = [*np.random.default_rng(1).normal(size=(3, 30, 6))]
    named = {**columns, "checkpoint": np.repeat(["start", "later", "end"], 30)}
    result = LearningRegime().fit(_checkpoints(values, **named)).result_
    assert result.data["checkpoint"].values.tolist() == ["start", "later", "end"]


def test_many_rows_of_a_stimulus_are_shuffled_together() -> None:
    generator = np.random.default_rng(2)
    found = []
    for _ in range(10):
        start, later = (np.repeat(generator.normal(size=(15, 4)), 6, axis=0) for _ in range(2))
        rows = {
            "stimulus": np.tile(np.repeat(np.arange(15), 6), 2),
            "position": np.tile(np.arange(6), 30),
            "checkpoint": np.repeat([0, 1], 90),
        }
        recording = wb.from_arrays({"layer": np.concatenate([start, later])}, rows)
        result = LearningRegime(n_permutations=39).fit(recording, threads=1).result_
        assert result.data.attrs["n_stimuli"] == 15
        found += [m.beats_null for m in result.measures if m.null is not None]
    assert np.mean(found) <= 0.2


def test_the_demo_has_loss_accuracy_and_targets() -> None:
    live = wb.stream("demo:vision", sites="relu5", n_stimuli=60, checkpoints="initial,final")
    options = {**QUICK, "n_drift": 0, "n_kernel_stimuli": 30}
    curves = _curves(LearningRegime(labels="digit", **options).fit(live, threads=1).result_)
    before, after = curves.values("accuracy", "")
    assert before < 0.3
    assert after > 0.9
    assert curves.values("loss", "")[1] < 0.5
    target = curves.values("kernel-target alignment", "")
    assert target[1] > target[0]
    assert curves.has("sign similarity")


def test_the_language_model_has_its_loss() -> None:
    options = {"sites": "blocks.3.hook_resid_post", "positions": "last", "n_stimuli": 30}
    live = wb.stream("demo:language", checkpoints="initial,final", **options)
    quick = {**QUICK, "n_kernel_stimuli": 5, "n_outputs": 1, "n_drift": 0}
    curves = _curves(LearningRegime(**quick).fit(live, threads=1).result_)
    losses = curves.values("loss", "")
    assert losses[0] == pytest.approx(np.log(2048), abs=0.3)
    assert losses[1] < 6
    assert "transformer.h.0.attn.c_attn.weight" in curves.places("kernel alignment")


def test_a_random_forward_and_one_without_gradient_are_said(tmp_path: Path) -> None:
    _trained(tmp_path, "all", steps=5)
    noisy = "type('Noisy', (nn.Module,), {'forward': lambda s, x: nn.functional.dropout(x, 0.5)})()"
    with pytest.raises(UsageError, match="without chance in its forward"):
        _recorded(tmp_path, noisy)
    flat = "type('Cut', (nn.Module,), {'forward': lambda self, x: x.detach().sign()})()"
    folder = tmp_path / "cut"
    folder.mkdir()
    for path in tmp_path.glob("ckpt-*.pt"):
        path.rename(folder / path.name)
    recording = _recorded(folder, flat)
    result = LearningRegime(**QUICK).fit(recording, threads=1).result_
    curves = _curves(result)
    last = curves.checkpoints[-1]
    whole = "kernel alignment"
    assert curves.at(whole, "0.weight", last).value == 1
    assert curves.at(whole, "2.weight", last) is not None


def test_weights_that_are_gone_or_changed_are_said(tmp_path: Path) -> None:
    _trained(tmp_path, "all", steps=5)
    recording = _recorded(tmp_path)
    torch.save(_network().state_dict(), tmp_path / "ckpt-5.pt")
    said = LearningRegime(**QUICK).fit(recording, threads=1).result_.summary()
    assert "other" in said
    assert "those recorded" in said
    (tmp_path / "ckpt-5.pt").unlink()
    said = LearningRegime(**QUICK).fit(recording, threads=1).result_.summary()
    assert "not known: Found no checkpoint" in said


@pytest.mark.parametrize(
    ("recording", "parameters", "said"),
    [
        (wb.from_arrays({"layer": np.eye(6)}), {}, "no column 'checkpoint'.*--checkpoints"),
        (_checkpoints([np.eye(6)]), {}, "one checkpoint"),
        (_checkpoints([np.eye(3), np.eye(3)]), {}, "3 rows a checkpoint"),
        (_checkpoints([np.eye(6), np.eye(6)]), {"labels": "digit"}, "no column 'digit'"),
        (_checkpoints([np.eye(6), np.eye(6)]), {"n_rows": 1}, "n_rows=1"),
        (_checkpoints([np.eye(6), np.full((6, 6), np.inf)]), {}, "NaN or infinite"),
    ],
)
def test_what_does_not_fit_is_refused(recording: Any, parameters: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        LearningRegime(**parameters).fit(recording)


def test_checkpoints_with_other_rows_or_units_are_refused() -> None:
    rows = {"stimulus": [*range(6), *range(1, 7)], "checkpoint": [0] * 6 + [1] * 6}
    recording = wb.from_arrays({"layer": np.ones((12, 3))}, rows)
    with pytest.raises(UsageError, match="other rows at checkpoint '1'"):
        LearningRegime().fit(recording)
    before, after = (wb.from_arrays({"layer": np.ones((6, n))}) for n in (3, 4))
    with pytest.raises(UsageError, match=r"units of shape \(3,\).*before and \(4,\)"):
        LearningRegime().fit(after, before=before)
