"""Drift over sessions: planted drift is found, equal noise alone is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import subspace_angles

import workbench as wb
from analyses.learning_regime import drift, representation_alignment
from analyses.learning_regime.resemblance import resemblances
from workbench.errors import UsageError

N_CONDITIONS, N_UNITS, N_REPEATS, NOISE = 12, 20, 8, 0.7


def _days(kind: str, seed: int) -> list[np.ndarray]:
    """Sessions (repeats, conditions, units) with the same noise, and the same tuning or not."""
    generator = np.random.default_rng(seed)
    tuning = generator.normal(size=(N_CONDITIONS, N_UNITS))
    other = 0.8 * tuning + 0.6 * generator.normal(size=tuning.shape)
    signal = {"stable": (tuning, tuning), "drift": (tuning, other)}[kind]
    shape = (N_REPEATS, N_CONDITIONS, N_UNITS)
    return [each + NOISE * generator.normal(size=shape) for each in signal]


def _other_units(kind: str, seed: int) -> list[np.ndarray]:
    """Sessions of other units each, which read the same latent variables or others."""
    generator = np.random.default_rng(seed)
    latent = generator.normal(size=(N_CONDITIONS, 5))
    later = latent if kind == "stable" else generator.normal(size=latent.shape)
    return [
        each @ generator.normal(size=(5, n)) + NOISE * generator.normal(size=(8, N_CONDITIONS, n))
        for each, n in ((latent, 30), (later, 34))
    ]


@pytest.mark.parametrize("sessions", [_days, _other_units])
def test_drift_is_found_and_noise_is_not(sessions: Any) -> None:
    found = {
        kind: [
            drift(sessions(kind, seed), n_permutations=39, n_splits=2, seed=seed).table()["drifts"]
            for seed in range(6)
        ]
        for kind in ("stable", "drift")
    }
    assert np.mean(found["drift"]) > 0.9
    assert np.mean(found["stable"]) <= 0.15


def test_values_are_those_of_the_means_over_trials() -> None:
    days = _days("drift", 0)
    table = drift(days, n_permutations=19, n_components=4).table().set_index("measure")
    one, two = (day.mean(axis=0) for day in days)
    for name, centred in (("", False), ("centred ", True)):
        wanted = representation_alignment(one, two, centered=centred)
        assert table.loc[f"{name}representation alignment", "value"] == pytest.approx(wanted)
    bases = [np.linalg.svd(each - each.mean(axis=0))[2][:4].T for each in (one, two)]
    angles = subspace_angles(*bases)
    assert table.loc["subspace overlap", "angles"] == pytest.approx(angles)
    assert table.loc["subspace overlap", "value"] == pytest.approx((np.cos(angles) ** 2).mean())
    tuning = [np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, two.T, strict=True)]
    assert table.loc["tuning correlation", "value"] == pytest.approx(np.median(tuning))


@pytest.mark.parametrize("name", ["representation alignment", "centred representation alignment"])
def test_similarities_know_no_basis(name: str) -> None:
    generator = np.random.default_rng(0)
    one, two = generator.normal(size=(2, 9, 6))
    rotation = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    measure = resemblances(True, 2)[name]
    assert measure(one, 3 * two @ rotation) == pytest.approx(measure(one, two))
    assert measure(one, one @ rotation) == pytest.approx(1.0)


def test_the_ceiling_corrects_for_noise() -> None:
    values = {}
    for noise in (0.1, 1.0):
        generator = np.random.default_rng(1)
        tuning = generator.normal(size=(N_CONDITIONS, N_UNITS))
        days = [tuning + noise * generator.normal(size=(8, *tuning.shape)) for _ in range(2)]
        values[noise] = drift(days, n_permutations=19).found[1]
    assert values[1.0].value < values[0.1].value - 0.02
    assert values[1.0].corrected == pytest.approx(1, abs=0.03)
    assert values[0.1].corrected == pytest.approx(1, abs=0.03)


def test_without_repeats_there_is_no_verdict() -> None:
    one, two = (day.mean(axis=0) for day in _days("drift", 0))
    found = drift([one, two], n_permutations=19)
    assert found.table()["drifts"].isna().all()
    assert found.table()["ceiling"].isna().all()
    assert "cannot be told from noise" in found.summary()


def test_unrelated_sessions_do_not_beat_shuffled_conditions() -> None:
    generator = np.random.default_rng(3)
    pairs = generator.normal(size=(25, 2, N_CONDITIONS, N_UNITS))
    found = [drift(pair, n_permutations=19).table()["p_null"] <= 0.05 for pair in pairs]
    assert np.mean(found) <= 0.15
    assert (drift(_days("stable", 3), n_permutations=39).table()["p_null"] < 0.05).all()


def test_recordings_are_matched_by_conditions_and_names_of_units() -> None:
    days = _days("stable", 4)
    order = np.random.default_rng(0).permutation(N_UNITS)
    labels = np.tile([f"odour {n}" for n in range(N_CONDITIONS)], N_REPEATS)
    flat = [day.reshape(-1, N_UNITS) for day in days]
    recordings = [
        wb.from_arrays({"V1": values}, {"odour": labels}, units={"V1": pd.DataFrame({"name": own})})
        for values, own in (
            (flat[0], [f"cell {n}" for n in range(N_UNITS)]),
            (flat[1][:, order], [f"cell {n}" for n in order]),
        )
    ]
    given = drift(recordings, "odour", names=("Monday", "Tuesday"), n_permutations=19)
    plain = drift(days, names=("Monday", "Tuesday"), n_permutations=19)
    wanted, found = plain.table(), given.table()
    np.testing.assert_allclose(found["value"], wanted["value"])
    assert found["matched"].all()
    assert found["first"].unique().tolist() == ["Monday"]
    assert "1 pairs" in given.summary()


def test_pairs_of_several_sessions_and_partly_shared_units() -> None:
    generator = np.random.default_rng(5)
    tuning = generator.normal(size=(10, 9))
    labels = [np.repeat(np.arange(10), 4)] * 3
    days = [np.repeat(tuning, 4, axis=0) + 0.2 * generator.normal(size=(40, 9)) for _ in labels]
    units = [list("abcdefghi"), list("abcdefghi"), list("abcdefXYZ")]
    table = drift(days, labels, units=units, n_permutations=19).table()
    assert len(table) == 3 * 4
    assert table.groupby(["first", "second"])["n_units"].first().tolist() == [9, 6, 6]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([np.zeros((5, 3))],), "fewer than two sessions"),
        (([np.eye(5), np.eye(5)], [np.arange(5), np.arange(4)]), "expected \\(5,\\)"),
        (([np.eye(5), np.eye(5)], [np.arange(5), np.arange(5) + 3]), "share 2 conditions"),
        (([np.eye(5), np.full((5, 5), np.nan)],), "NaN"),
        (([np.zeros(5), np.zeros(5)],), "expected \\(trials, units\\)"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        drift(*arguments)


def test_a_column_that_is_not_there_is_refused() -> None:
    recording = wb.from_arrays({"V1": np.eye(5)}, {"odour": list("abcde")})
    with pytest.raises(UsageError, match="Found no column 'odor'; did you mean 'odour'"):
        drift([recording, recording], "odor")
