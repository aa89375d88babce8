"""The editing experiment, small: a network with a shortcut; labels find units that follow it."""

from __future__ import annotations

import pytest

from analyses.neuron_labels.analysis import NeuronLabels
from analyses.neuron_labels.editing_experiment import run_experiment
from analyses.neuron_labels.shortcuts import stamped_scenes
from workbench.errors import UsageError


def test_stamps_name_the_class_or_a_random_one() -> None:
    right = stamped_scenes(200, 0, "right", 0.5)
    assert (right.stamps == right.targets)[right.stamps >= 0].all()
    assert 0.4 < (right.stamps >= 0).mean() < 0.6
    random = stamped_scenes(500, 1, "random")
    assert abs((random.stamps == random.targets).mean() - 0.2) < 0.08
    assert (random.label_maps["digit"].any(axis=(1, 2))).all()
    assert not stamped_scenes(20, 2, "none").label_maps["digit"].any()
    assert not (random.label_maps["digit"] & random.label_maps["circle"]).any()
    with pytest.raises(UsageError, match="Found stamp 'wrong'"):
        stamped_scenes(20, 0, "wrong")


def test_units_of_a_shortcut_are_found_by_their_labels_and_deleting_them_is_no_harm() -> None:
    plugin = NeuronLabels(backend="segments", null="permute-stimuli", n_units=10_000)
    found = run_experiment(
        0,
        plugin,
        n_train=1800,
        n_label=500,
        n_test=300,
        share=0.22,
        epochs=8,
        width=48,
        n_controls=20,
    )
    assert len(found.audit.labels) >= 2
    stamped = found.ablations["right stamps"]
    assert stamped.before > found.ablations["random stamps"].before + 0.1
    assert found.gain_beyond_control > 0
    assert list(found.audit.units) == ["relu3"]
