"""Retrieval, decoding over time, and decoding across animals: planted truth and its absence."""

from __future__ import annotations

import numpy as np
import pytest

from probes import (
    DecodingProbe,
    RetrievalProbe,
    decode_across_animals,
    decode_over_time,
    retrieve,
)
from workbench.errors import UsageError


def shown(strength, n=300, repeats=2, d=40, f=12, seed=0):
    """Activity that mixes the features of stimuli, each shown several times, and noise."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n, f))
    y = np.repeat(features, repeats, axis=0)
    mixed = strength * y @ generator.normal(size=(f, d)) / np.sqrt(f)
    return mixed + generator.normal(size=(n * repeats, d)), y


@pytest.mark.parametrize("method", ["contrastive", "ridge"])
def test_stimuli_are_retrieved_the_better_the_stronger_the_signal(method):
    probe = RetrievalProbe(method, max_epochs=40)
    options = {"n_folds": 3, "n_permutations": 50}
    none, weak, strong = (retrieve(probe, *shown(s), **options) for s in (0.0, 0.3, 1.5))
    assert none.top[10] < weak.top[10] < strong.top[10]
    assert strong.top[1] > 0.8
    assert none.null[10].p_value > 0.05
    assert weak.null[10].p_value < 0.05
    assert abs(none.null[10].mean - none.chance[10]) < 0.02


def test_contrast_beats_ridge_where_ridge_wastes_itself_on_shared_features():
    generator = np.random.default_rng(1)
    x, y = shown(0.5, seed=1)
    # Features that all vary widely but that activity does not hold.
    wide = np.concatenate([y, 5 * generator.normal(size=(300, 30)).repeat(2, axis=0)], axis=1)
    found = {m: retrieve(RetrievalProbe(m), x, wide, n_folds=3) for m in ("contrastive", "ridge")}
    assert found["contrastive"].top[10] >= found["ridge"].top[10] - 0.03


def test_candidates_are_counted_once_and_never_lie_on_both_sides():
    x, y = shown(1.0, n=50, repeats=4)
    found = retrieve(RetrievalProbe("ridge"), x, y, n_folds=5)
    assert found.n_candidates == 10
    assert found.chance == {1: 0.1, 10: 1.0}
    assert found.top[10] == 1.0
    with pytest.raises(UsageError, match="among the training rows and among the test rows"):
        retrieve(RetrievalProbe("ridge"), x, y, folds=np.arange(200) % 5)
    with pytest.raises(UsageError, match="method 'magic'"):
        RetrievalProbe("magic").fit(x, y)
    with pytest.raises(UsageError, match="rows of activity and 199"):
        RetrievalProbe().fit(x, y[1:])


def test_ties_count_as_half():
    from probes.retrieval import _ranks

    assert _ranks(np.zeros((1, 9)), np.array([3])).tolist() == [4]
    assert _ranks(np.array([[1.0, 3.0, 2.0]]), np.array([2])).tolist() == [1]


def course(stable, n=160, d=12, t=8, seed=0):
    generator = np.random.default_rng(seed)
    y = np.tile([0, 1], n // 2)
    x = generator.normal(size=(n, d, t))
    first = generator.normal(size=d)
    for time in range(3, t):
        direction = first if stable else generator.normal(size=d)
        x[:, :, time] += np.outer(y - 0.5, direction) * 1.5
    return x, y


def test_a_stable_code_is_a_square_and_a_changing_one_a_diagonal():
    stable = decode_over_time(*course(True), n_folds=4)
    changing = decode_over_time(*course(False), n_folds=4)
    off = ~np.eye(5, dtype=bool)
    assert stable.accuracy[3:, 3:].min() > 0.8
    assert np.diag(changing.accuracy)[3:].min() > 0.8
    assert changing.accuracy[3:, 3:][off].mean() < stable.accuracy[3:, 3:][off].mean() - 0.2
    assert abs(stable.accuracy[:3, :3].mean() - 0.5) < 0.08
    assert (stable.p_corrected[3:, 3:] < 0.05).all()
    assert (np.diag(changing.p_corrected)[3:] < 0.05).all()
    assert abs(stable.chance - 0.5) < 0.05


def test_a_probe_of_a_time_without_a_code_is_not_found_to_generalise():
    found = [decode_over_time(*course(True, seed=seed), n_permutations=99) for seed in range(8)]
    p = np.mean([(1 + (each.null >= each.accuracy).sum(axis=0)) / 100 <= 0.05 for each in found], 0)
    assert p[:3].mean() < 0.1
    assert p[:, :3].mean() < 0.1
    assert p[3:, 3:].min() == 1


def test_two_balanced_classes_are_told_apart_as_by_ridge_regression():
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    from probes.splits import group_folds

    x, y = course(False)
    folds = group_folds(np.arange(160), 4, y, 0)
    said = np.zeros((160, 8, 8))
    for fold in range(4):
        for time in range(8):
            scaler = StandardScaler().fit(x[folds != fold, :, time])
            z = scaler.transform(x[folds != fold, :, time])
            ridge = Ridge(alpha=20).fit(z, 2.0 * y[folds != fold] - 1)
            for tested in range(8):
                z = scaler.transform(x[folds == fold, :, tested])
                said[folds == fold, time, tested] = ridge.predict(z)
    found = decode_over_time(x, y, C=0.05, n_folds=4, n_permutations=19)
    assert np.array_equal(found.right, (said > 0) == y[:, None, None])


def test_bad_series_are_refused():
    x, y = course(True)
    with pytest.raises(UsageError, match="trials, units and times"):
        decode_over_time(x[:, :, 0], y)
    with pytest.raises(UsageError, match="expected 8, one for each step"):
        decode_over_time(x, y, times=[1, 2])
    with pytest.raises(UsageError, match="one class only"):
        decode_over_time(x, np.zeros(160))


def sharing(n_animals=4, n=160, k=4, latents=6, seed=0, signal=True):
    """Animals with different numbers of neurons that mix the same latents, each in its own way."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(k, latents)) * 2
    made = {}
    for number in range(n_animals):
        y = generator.permutation(np.arange(n) % k)
        z = (centres[y] if signal else 0) + generator.normal(size=(n, latents))
        d = int(generator.integers(30, 60))
        noise = generator.normal(size=(n, d))
        made[f"animal {number}"] = (z @ generator.normal(size=(latents, d)) + noise, y)
    return made


def test_a_trunk_of_other_animals_helps_from_few_trials():
    found = decode_across_animals(DecodingProbe(), sharing(), shots=(1, 5), n_folds=2)
    table = found.table.set_index(["condition", "shots"])["accuracy"]
    assert table["within animal", -1] > 0.85
    assert table["few-shot, trunk of the others", 5] > 0.7
    assert table["few-shot, trunk of the others", 5] > table["zero-shot (pooled units)", 0] + 0.2
    assert table["few-shot, shuffled labels", 5] < 0.45
    assert (found.table["chance"] == 0.25).all()
    assert set(found.by_animal["animal"]) == {f"animal {n}" for n in range(4)}


def test_animals_without_signal_are_at_chance_everywhere():
    found = decode_across_animals(
        DecodingProbe(n_steps=100), sharing(signal=False), shots=(5,), n_folds=2
    )
    assert found.table["accuracy"].max() < 0.36


def test_the_held_out_animal_is_never_seen():
    animals = sharing()
    name = "animal 3"
    others = {each: animals[each] for each in animals if each != name}
    probe = DecodingProbe(n_steps=50).fit(others)
    with pytest.raises(UsageError, match="no input layer for animal 'animal 3'"):
        probe.predict(name, animals[name][0])
    before = probe.predict("animal 0", animals["animal 0"][0])
    probe.adapt(name, animals[name][0][:20], animals[name][1][:20])
    assert np.array_equal(probe.predict("animal 0", animals["animal 0"][0]), before)
    assert probe.animals_[-1] == name


def test_bad_animals_are_refused():
    animals = sharing()
    with pytest.raises(UsageError, match="expected at least two"):
        decode_across_animals(DecodingProbe(), {"one": animals["animal 0"]})
    x, y = animals["animal 1"]
    with pytest.raises(UsageError, match="in animal 'two'"):
        decode_across_animals(DecodingProbe(), {"one": animals["animal 0"], "two": (x, y + 1)})
    with pytest.raises(UsageError, match="does not know"):
        DecodingProbe(n_steps=1).fit(animals).adapt("new", x, y + 7)
    with pytest.raises(UsageError, match="no animal"):
        DecodingProbe().fit({})
