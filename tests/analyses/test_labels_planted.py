"""Planted units do what their truth says, and those without a truth do nothing that can be said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analyses.neuron_labels.planted import FORMS, KINDS, planted_units
from analyses.neuron_labels.planted_forms import hrf
from workbench.demo.scene_language import parse, same_meaning
from workbench.demo.scenes import Scenes, render
from workbench.errors import UsageError, WorkbenchError

FEW = {"single": 3, "and": 3, "or": 2, "and_not": 2, "duplicate": 2, "noise": 2, "random_set": 2}


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    """Enough scenes for rare things to be seen."""
    return render(1500, seed=11)


@pytest.mark.parametrize("form", FORMS)
def test_shapes_kinds_and_truths_fit(scenes: Scenes, form: Any) -> None:
    planted = planted_units(scenes, FEW, form, seed=1)
    units = sum(FEW.values())
    expected = {
        "conv": (1500, units, 8, 8),
        "vit": (1500, 65, units),
        "dense": (1500, units),
        "voxels": (3000, units),
    }
    assert planted.activity.dtype == np.float32
    assert planted.activity.shape == expected.get(form, (len(planted.rows), units))
    assert len(planted.rows) == len(planted.activity)
    assert len(planted) == len(planted.truth) == units
    assert [kind for kind in KINDS for _ in range(FEW.get(kind, 0))] == planted.kinds
    for text, kind in zip(planted.truth, planted.kinds, strict=True):
        assert (text is None) == (kind in ("noise", "random_set"))
        if text is not None:
            assert parse(text).text == text


def test_the_same_seed_plants_the_same_and_units_do_not_depend_on_others(scenes: Scenes) -> None:
    one, again = (planted_units(scenes, FEW, seed=1) for _ in range(2))
    assert np.array_equal(one.activity, again.activity)
    assert one.truth == again.truth != planted_units(scenes, FEW, seed=2).truth
    alone = planted_units(scenes, {"single": 3}, seed=1)
    assert np.array_equal(alone.activity, one.activity[:, :3])


@pytest.mark.parametrize("form", ["conv", "vit", "dense"])
def test_strong_responses_are_where_the_truth_is(scenes: Scenes, form: Any) -> None:
    planted = planted_units(scenes, FEW, form, seed=3)
    for unit, text in enumerate(planted.truth):
        activity = planted.activity[:, unit] if form != "vit" else planted.activity[:, 0, unit]
        strongest = activity.reshape(len(scenes), -1).max(axis=1)
        if text is not None:
            present = parse(text).present(scenes)
            assert strongest[present].min() > 0.3
            assert (strongest > 0.5)[present].mean() > 0.95
            assert (strongest > 0.6)[~present].mean() < 0.001
        if text is not None and form == "conv":
            mask = parse(text).mask(scenes)
            fine = np.repeat(np.repeat(activity > 0.5, 4, axis=1), 4, axis=2)
            assert (mask & fine).sum() / (mask | fine).sum() > 0.5


def test_compositions_differ_from_their_parts(scenes: Scenes) -> None:
    planted = planted_units(scenes, {"and": 8, "or": 8, "and_not": 8}, "dense", seed=5)
    for text, kind in zip(planted.truth, planted.kinds, strict=True):
        assert text is not None
        concept = parse(text)
        share = concept.present(scenes).mean()
        words = [parse(word).present(scenes).mean() for word in concept.words]
        if kind == "and":
            assert share < min(words)
        if kind == "or":
            assert " or " in text
        if kind == "and_not":
            assert share < words[0]


def test_rare_units_respond_to_about_one_scene_in_a_thousand(scenes: Scenes) -> None:
    planted = planted_units(scenes, {"rare": 4}, "dense", seed=0)
    shares = [parse(text or "").present(scenes).mean() for text in planted.truth]
    assert all(0 < share <= 0.004 for share in shares)


def test_duplicates_mean_the_same_and_have_noise_of_their_own(scenes: Scenes) -> None:
    planted = planted_units(scenes, {"single": 2, "duplicate": 3}, "dense", seed=0)
    originals = [text for text in planted.truth[:2] if text]
    for unit in range(2, 5):
        text = planted.truth[unit]
        (first,) = [i for i, each in enumerate(originals) if same_meaning(each, text or "")]
        one, other = planted.activity[:, first], planted.activity[:, unit]
        assert 0.8 < np.corrcoef(one, other)[0, 1] < 0.999


def test_units_without_truth_agree_with_no_word(scenes: Scenes) -> None:
    planted = planted_units(scenes, {"noise": 5, "random_set": 5}, "dense", seed=0)
    words = np.stack([parse(word).present(scenes) for word in scenes.label_maps])
    joint = np.corrcoef(np.concatenate([words, planted.activity.T]))[: len(words), len(words) :]
    assert np.abs(joint).max() < 4 / np.sqrt(len(scenes))
    noise, sets = planted.activity[:, :5], planted.activity[:, 5:]
    assert noise.max() < 0.6
    assert all(0.02 < share < 0.32 for share in (sets > 0.5).mean(axis=0))


def test_tokens_respond_where_a_word_completes_the_truth(scenes: Scenes) -> None:
    planted = planted_units(scenes, FEW, "tokens", seed=4, noise=0.05)
    assert planted.texts is not None
    token, previous = planted.rows["token"], planted.rows["token"].shift(1)
    assert [word for text in planted.texts for word in text] == token.tolist()
    for unit, kind in enumerate(planted.kinds):
        fires = planted.activity[:, unit] > 0.4
        if kind == "single":
            assert set(token[fires]) == set(parse(planted.truth[unit] or "").words)
        if kind == "and":
            words = parse(planted.truth[unit] or "").words
            assert fires.any()
            said = token + " " + previous + " " + planted.rows["token"].shift(2)
            for phrase in said[fires]:
                assert set(words) <= set(phrase.split())


def test_voxels_follow_the_scenes_late_and_blurred(scenes: Scenes) -> None:
    planted = planted_units(scenes, {"single": 3, "noise": 1}, "voxels", seed=0, noise=0.02)
    assert planted.rows["time"].diff().dropna().eq(2.0).all()
    for unit in range(3):
        present = parse(planted.truth[unit] or "").present(scenes)[planted.rows["stimulus"]]
        lags = [
            np.corrcoef(present[: len(present) - lag], planted.activity[lag:, unit])[0, 1]
            for lag in range(6)
        ]
        assert int(np.argmax(lags)) in (2, 3)
        assert max(lags) > 0.5 > abs(np.corrcoef(present, planted.activity[:, 3])[0, 1])
    assert hrf(0.1).argmax() * 0.1 == pytest.approx(5, abs=0.3)
    assert hrf(0.1).sum() == pytest.approx(1)


def test_planted_units_become_recordings(scenes: Scenes) -> None:
    some = scenes[:40]
    maps = planted_units(some, {"noise": 3}).recording()
    assert maps["planted"].to_numpy().shape == (40, 3, 8, 8)
    image = planted_units(some, {"noise": 3}, "vit", noise=1)
    recording = image.recording("layer")
    assert recording["layer:cls"].to_numpy().shape == (40, 3)
    assert np.array_equal(recording["layer"].to_numpy()[5, 2].reshape(-1), image.activity[5, 1:, 2])
    text = planted_units(some, {"noise": 3}, "tokens").recording()
    assert text.kind == "language"
    assert text.rows["token"].iloc[0] == "a"
    assert planted_units(some, {"noise": 1}, "voxels").recording().kind == "brain"


def test_stimuli_come_with_the_units(scenes: Scenes) -> None:
    some = scenes[:30]
    shown = planted_units(some, {"noise": 1}).stimuli(some)
    assert shown.label_maps is not None
    assert np.array_equal(shown.label_maps["red"], some.label_maps["red"])
    text = planted_units(some, {"noise": 1}, "tokens")
    assert text.stimuli(some).texts == text.texts
    volumes = planted_units(some, {"noise": 1}, "voxels").stimuli(some)
    assert volumes.labels is not None
    assert np.array_equal(volumes.labels["red"][::2], parse("red").present(some))


def test_bad_requests_are_refused(scenes: Scenes) -> None:
    form: Any = "cnov"
    with pytest.raises(UsageError, match=r"Found the form 'cnov'; did you mean 'conv'"):
        planted_units(scenes, FEW, form)
    with pytest.raises(UsageError, match="Found the kind of unit 'singel'; did you mean 'single'"):
        planted_units(scenes, {"singel": 3})
    with pytest.raises(UsageError, match="Found duplicates of nothing"):
        planted_units(scenes, {"duplicate": 3})
    with pytest.raises(UsageError, match="Found a grid of 7 cells for images of 32 pixels"):
        planted_units(scenes, FEW, grid=7)
    with pytest.raises(WorkbenchError, match="descriptions of kind 'single' that are true"):
        planted_units(scenes, {"single": 500})
