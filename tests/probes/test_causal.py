"""Erasing and steering while a subject runs: what is used changes behaviour, the rest not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import workbench as wb
from probes import LinearProbe, erase_in_subject, steer
from workbench.errors import UsageError


def network():
    """Two latents reach the hidden layer; the output uses the first only."""
    torch.manual_seed(0)
    hidden = torch.nn.Linear(6, 12)
    answer = torch.nn.Linear(12, 2)
    with torch.no_grad():
        hidden.bias.zero_()
        inverse = torch.linalg.pinv(hidden.weight)
        # The first input decides between the two answers, the others reach nothing.
        answer.weight.copy_(torch.stack([-4 * inverse[0], 4 * inverse[0]]))
        answer.bias.zero_()
    return torch.nn.Sequential(hidden, answer)


@pytest.fixture(scope="module")
def subject():
    made = network()
    inputs = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)
    with torch.no_grad():
        activity = made[0](torch.from_numpy(inputs)).numpy()
    return made, inputs, activity, (inputs[:, 0] > 0).astype(int), (inputs[:, 1] > 0).astype(int)


def test_erasing_what_is_used_breaks_the_answer_and_what_is_read_but_unused_does_not(subject):
    made, inputs, activity, used, unused = subject
    options = {"inputs": inputs, "targets": used, "n_controls": 20}
    assert LinearProbe().fit(activity, unused).score(activity, unused) > 0.95
    found = erase_in_subject(made, "0", activity, used, **options)
    assert found.before > 0.98
    assert found.after < 0.65
    assert found.interval[1] < 0
    assert found.p_value < 0.1
    other = erase_in_subject(made, "0", activity, unused, **options)
    assert abs(other.change) < 0.1
    assert other.p_value > 0.1
    assert other.rank == found.rank == 1


def test_steering_along_a_used_direction_moves_the_answer_more_than_random_ones(subject):
    made, inputs, activity, used, _ = subject
    direction = LinearProbe().fit(activity, used).coef_[1]
    found = steer(
        made, "0", direction, answers=[1], inputs=inputs, targets=used, strengths=(-1, 0, 1)
    )
    assert found.values[0] < found.values[1] < found.values[2]
    assert found.values[2] - found.values[0] > 0.5
    assert found.p_value < 0.1
    assert found.loss[1] == min(found.loss)
    assert np.allclose(found.controls[:, 1], found.values[1])


def test_a_language_model_is_erased_and_steered(tmp_path):
    recording = wb.capture(
        "demo:language",
        sites="blocks.2.hook_resid_post",
        positions="word",
        max_rows=400,
        out=tmp_path / "language",
    )
    site = recording.sites[0]
    x, y = recording[site].to_numpy(), recording.rows["upos"].to_numpy(dtype=str)
    texts = recording.stimuli["text"].astype(str).tolist()[:12]
    options = {"inputs": texts, "n_controls": 3}
    found = erase_in_subject(recording, site, x, y, **options)
    assert found.rank == len(np.unique(y)) - 1
    assert found.after > found.before
    assert found.n_examples == 12
    moved = steer("demo:language@final", site, x[0], answers=[5], strengths=(0, 1), **options)
    assert moved.values.shape == (2,)
    assert moved.controls.shape == (3, 2)
    assert moved.loss[1] > moved.loss[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"direction": np.zeros(12)}, "length 0"),
        ({"direction": np.ones(5)}, "expected 5, as the direction"),
        ({"answers": None}, "or neither"),
        ({"answers": [7]}, "below 2"),
        ({"answers": []}, "no answer"),
        ({"strengths": (1,)}, "1 strengths"),
        ({"site": "9"}, "no site '9'"),
    ],
)
def test_bad_steering_is_refused(subject, change, said):
    made, inputs, _, used, _ = subject
    given = {"site": "0", "direction": np.ones(12), "answers": [1], **change}
    with pytest.raises(UsageError, match=said):
        steer(made, **given, inputs=inputs, targets=used, n_controls=2)


def test_bad_erasure_is_refused(subject):
    made, inputs, activity, used, _ = subject
    options = {"inputs": inputs, "targets": used}
    with pytest.raises(UsageError, match="n_controls=1"):
        erase_in_subject(made, "0", activity, used, n_controls=1, **options)
    with pytest.raises(UsageError, match="expected 5, as the activity"):
        erase_in_subject(made, "0", activity[:, :5], used, n_controls=2, **options)
