"""The embedded vision and decision networks: learnt, reproducible, hookable."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.demo import rnn, train_rnn, train_vision, vision
from workbench.demo.scene_words import DIGITS
from workbench.errors import UsageError


def _digit_accuracy(checkpoint: str) -> float:
    return train_vision.scores(vision.network(checkpoint), "test")["accuracy"]


def test_images_are_split_and_labelled() -> None:
    train, train_table = vision.images("train")
    test, test_table = vision.images("test")
    assert train.dtype == test.dtype == np.float32
    assert train.shape[1:] == test.shape[1:] == (3, vision.SIZE, vision.SIZE)
    assert len(train) + len(test) == 1797
    assert not set(train_table["index"]) & set(test_table["index"])
    assert test.min() >= 0
    assert 0.9 < test.max() <= 1
    assert test_table["digit"].value_counts(normalize=True).between(0.08, 0.12).all()


def test_digits_are_learnt_step_by_step() -> None:
    _, table = vision.images("test")
    majority = table["digit"].value_counts(normalize=True).max()
    initial, middle, final = (_digit_accuracy(name) for name in vision.CHECKPOINTS)
    assert initial < majority + 0.1
    assert middle > max(initial, majority) + 0.1
    assert final > max(middle, 0.9)


def test_shapes_colours_and_textures_are_learnt() -> None:
    initial, middle, final = (
        train_vision.scores(vision.network(name), "test")["precision"]
        for name in vision.CHECKPOINTS
    )
    assert initial < middle < final
    assert final > 0.9


def test_labels_shuffled_leave_the_network_at_chance() -> None:
    pixels, table = vision.images("test")
    shuffled = table["digit"].sample(frac=1, random_state=0).to_numpy()
    with torch.no_grad():
        named = vision.network()(torch.from_numpy(pixels))[:, :10].argmax(1).numpy()
    assert abs((named == shuffled).mean() - 0.1) < 0.05


def test_answers_say_what_is_in_the_scene() -> None:
    shown = vision.scenes("test")
    wanted = train_vision.answers(shown)
    _, table = vision.images("test")
    assert wanted.shape == (len(table), len(vision.ANSWERS))
    assert np.array_equal(wanted[:, :10].argmax(axis=1), table["digit"])
    assert (wanted[:, :10].sum(axis=1) == 1).all()
    red = vision.ANSWERS.index("red")
    assert wanted[(table["colour"] == "red").to_numpy(), red].all()


def test_normalisations_go_into_their_convolutions() -> None:
    torch.manual_seed(0)
    trained = train_vision.with_norms(vision.untrained())
    inputs = torch.rand(20, 3, vision.SIZE, vision.SIZE)
    for _ in range(3):
        trained(inputs)
    plain = train_vision.without_norms(trained)
    assert list(dict(plain.named_children())) == list(dict(vision.untrained().named_children()))
    assert torch.allclose(plain(inputs), trained.eval()(inputs), atol=1e-5)


@pytest.mark.parametrize("split", ["test", "train"])
def test_recorded_rows_lead_back_to_their_scenes(split: Any, tmp_path: Path) -> None:
    given = {"subject": "demo:vision@initial", "sites": "conv1,answers", "stimuli": split}
    recording = wb.capture(**given, max_rows=70, out=tmp_path / "rec")
    shown = vision.stimuli_of(wb.open(tmp_path / "rec"))
    assert len(shown) == recording.n_rows == 70
    with torch.no_grad():
        network = vision.network("initial")
        computed = network.conv1(torch.from_numpy(vision.as_inputs(shown)))
    assert np.allclose(recording["conv1"].to_numpy(), computed.numpy(), atol=1e-5)
    digits = np.stack([shown.label_maps[word].any(axis=(1, 2)) for word in DIGITS], axis=1)
    assert np.array_equal(digits.argmax(axis=1), recording.rows["digit"])


def test_scenes_rendered_otherwise_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    live = wb.stream("demo:vision@initial", sites="answers", max_rows=30)
    assert len(vision.stimuli_of(live)) == 30
    monkeypatch.setattr(vision, "_RADIUS", (0.15, 0.2))
    with pytest.raises(UsageError, match="it was recorded by another version: record it again"):
        vision.stimuli_of(live)


def test_scenes_of_other_recordings_are_not_made_up() -> None:
    recording = wb.from_arrays({"a": np.zeros((4, 3))})
    with pytest.raises(UsageError, match=r"Found no columns \['split', 'scene_seed', 'scene'\]"):
        vision.stimuli_of(recording)
    rows = {"split": ["test"] * 2, "scene_seed": [1, 2], "scene": [0, 1]}
    with pytest.raises(UsageError, match="Found rows of 2 sets of scenes"):
        vision.stimuli_of(wb.from_arrays({"a": np.zeros((2, 3))}, rows))


def test_decisions_are_learnt_step_by_step() -> None:
    inputs, table = rnn.trials(3000, seed=77)
    initial, middle, final = (
        rnn.accuracy(rnn.network(name), inputs, table) for name in rnn.CHECKPOINTS
    )
    ideal = ((table["evidence"] > 0) == (table["correct_choice"] == "right")).mean()
    assert abs(initial - 0.5) < 0.05
    assert initial + 0.05 < middle < final
    assert ideal - 0.05 < final < ideal + 0.03


def test_decisions_are_better_the_stronger_the_evidence() -> None:
    inputs, table = rnn.trials(6000, seed=78)
    network = rnn.network()
    scores = []
    for coherence in rnn.COHERENCES:
        chosen = (table["coherence"] == coherence).to_numpy()
        scores.append(rnn.accuracy(network, inputs[chosen], table[chosen]))
    assert abs(scores[0] - 0.5) < 0.05
    assert scores[-1] > 0.95
    assert all(weaker < stronger + 0.03 for weaker, stronger in pairwise(scores))


def test_the_network_holds_until_it_may_answer() -> None:
    inputs, _ = rnn.trials(200, seed=5)
    with torch.no_grad():
        said = rnn.network()(torch.from_numpy(inputs)).argmax(-1).numpy()
    waiting = rnn.trial_epochs() != "response"
    assert (said[:, waiting] == 0).mean() > 0.95
    assert (said[:, ~waiting] != 0).mean() > 0.85


def test_hidden_states_over_time_reach_a_hook() -> None:
    seen: list[torch.Tensor] = []
    network = rnn.network()
    handle = network.get_submodule("recurrent").register_forward_hook(
        lambda _module, _given, result: seen.append(result[0])
    )
    inputs, _ = rnn.trials(3, seed=0)
    network(torch.from_numpy(inputs))
    handle.remove()
    assert seen[0].shape == (3, len(rnn.trial_epochs()), rnn.HIDDEN)


def test_trials_are_repeatable_and_what_their_table_says() -> None:
    inputs, table = rnn.trials(4000, seed=9)
    again, same = rnn.trials(4000, seed=9)
    assert np.array_equal(inputs, again)
    assert table.equals(same)
    assert inputs.shape == (4000, len(rnn.trial_epochs()), 3)
    epochs = rnn.trial_epochs()
    assert (inputs[:, epochs == "response"] == 0).all()
    assert (inputs[:, epochs == "delay", 1:] == 0).all()
    difference = inputs[:, :, 2] - inputs[:, :, 1]
    shown = difference[:, epochs == "stimulus"].mean(axis=1)
    slope = np.polyfit(table["signed_coherence"], shown, 1)[0]
    assert abs(slope - 1) < 0.1
    assert set(table["correct_choice"]) == {"left", "right"}


@pytest.mark.parametrize("module", [rnn, vision])
def test_an_unknown_checkpoint_names_the_known(module: Any) -> None:
    with pytest.raises(UsageError, match="initial, middle, final"):
        module.network("last")


def test_bad_requests_are_refused() -> None:
    split: Any = "validation"
    with pytest.raises(UsageError, match="no split 'validation'; choose train or test"):
        vision.images(split)
    with pytest.raises(UsageError, match="1 or more, not 0"):
        rnn.trials(0)


@pytest.mark.parametrize(
    ("train", "options"),
    [(train_vision.run, {"epochs": 2, "most": 120}), (train_rnn.run, {"steps": 5, "tested": 200})],
)
def test_two_trainings_give_the_same_bytes(train: Any, options: Any, tmp_path: Path) -> None:
    train(tmp_path / "a", seed=1, **options)
    train(tmp_path / "b", seed=1, **options)
    train(tmp_path / "c", seed=2, **options)
    files = [path.name for path in (tmp_path / "a").iterdir()]
    weights = {f"{name}.safetensors" for name in ("initial", "middle", "final")}
    assert set(files) == {"metrics.json", *weights}
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    final = "final.safetensors"
    assert (tmp_path / "a" / final).read_bytes() != (tmp_path / "c" / final).read_bytes()
