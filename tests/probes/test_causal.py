"""Erasing and steering while a subject runs: what is used changes behaviour, the rest not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import workbench as wb
from probes import (
    LinearProbe,
    class_direction,
    class_tokens,
    erase_in_subject,
    next_labels,
    next_tokens,
    steer,
)
from workbench.editing.opening import as_target
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


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    recording = wb.capture(
        "demo:language@final",
        sites="blocks.2.hook_resid_post",
        positions="word",
        max_rows=1500,
        out=tmp_path_factory.mktemp("steering") / "language",
    )
    texts = recording.stimuli["text"].astype(str).tolist()[:5]
    return recording, as_target("demo:language@final", texts, None)


def test_the_class_of_the_next_word_steers_it_and_random_directions_less(language):
    recording, target = language
    site, rows = recording.sites[0], recording.rows
    own = rows["upos"].to_numpy(dtype=str)
    following = next_labels(own, rows["stimulus"], rows["word"])
    known = following != ""
    assert 0 < (~known).sum() < len(rows) / 4
    tokens = class_tokens(target, rows["token"], own, "NOUN")
    direction = class_direction(recording[site].to_numpy()[known], following[known], "NOUN")
    moved = steer(target, site, direction, answers=tokens, strengths=(-1, 0, 1), n_controls=40)
    assert moved.values[0] < moved.values[1] < moved.values[2]
    assert moved.p_value < 0.05
    found = next_tokens(target, site, direction, "The old", strength=0.5)
    shift, others = found.shift(tokens)
    assert shift > np.quantile(others, 0.9)
    assert np.allclose(np.exp(found.after).sum(), 1)
    table = found.top(4)
    assert table["after"].iloc[:4].is_monotonic_decreasing
    assert np.isclose(table["after"].iloc[0], np.exp(found.after.max()))
    still = next_tokens(target, site, direction, "The old", strength=0.0, n_controls=2)
    assert np.allclose(still.after, still.before, atol=1e-5)


def test_edits_side_by_side_score_as_one_by_one(language, subject):
    recording, target = language
    edits = [lambda rows, by=by: rows * by for by in (1.0, 0.5, -1.0)]
    for each, site in ((target, recording.sites[0]), (as_target(subject[0], *subject[1::2]), "0")):
        for metric in (None, "accuracy"):
            together = each.scores_of_each(site, edits, metric)
            alone = [each.scores({site: edit}, metric) for edit in edits]
            for one, other in zip(together, alone, strict=True):
                assert np.allclose(one.values, other.values, rtol=1e-4)
                assert np.array_equal(one.weights, other.weights)


def test_answers_are_tokens_of_the_model(language):
    _, target = language
    assert target.tokens()[target.token(" dog")] == " dog"
    with pytest.raises(UsageError, match="answer ' hippopotamus' of"):
        target.token(" hippopotamus")
    with pytest.raises(UsageError, match="no word of class 'X'"):
        class_tokens(target, ["dog"], ["NOUN"], "X")
    with pytest.raises(UsageError, match="no class 'X'"):
        class_direction(np.ones((2, 2)), ["a", "b"], "X")
    with pytest.raises(UsageError, match="way 'magic'"):
        class_direction(np.ones((2, 2)), ["a", "b"], "a", "magic")


def test_a_network_has_no_next_token(subject):
    made, inputs, _, used, _ = subject
    target = as_target(made, inputs, used)
    with pytest.raises(UsageError, match="no language model"):
        next_tokens(target, "0", np.ones(12), "text")
    with pytest.raises(UsageError, match="answer 'a' of a subject that is no language model"):
        steer(target, "0", np.ones(12), answers=["a"])


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
