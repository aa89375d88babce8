"""ThresholdSAE as an estimator: planted atoms are found, codes are what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone

import workbench as wb
from analyses import atoms
from analyses.atoms.recoveries import support_scores
from workbench.errors import UsageError, WorkbenchError

pytestmark = pytest.mark.filterwarnings("ignore:L0 ended at")


def planted(
    units: int, n_atoms: int, k: int, n_rows: int, seed: int, condition: float, noise: float
) -> tuple[NDArray[np.float32], NDArray, NDArray[np.float32]]:
    """Rows, unit atoms and codes; a condition above 1 stretches space along hidden axes."""
    generator = np.random.default_rng(seed)
    dictionary = generator.standard_normal((n_atoms, units))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    axes, _ = np.linalg.qr(generator.standard_normal((units, units)))
    dictionary = dictionary @ (axes * np.geomspace(1, 1 / condition, units)) @ axes.T
    support = np.argsort(generator.random((n_rows, n_atoms)), axis=1)[:, :k]
    codes = np.zeros((n_rows, n_atoms), dtype=np.float32)
    np.put_along_axis(codes, support, generator.uniform(1, 2, support.shape), axis=1)
    rows = codes @ dictionary
    rows += noise * rows.std() * generator.standard_normal(rows.shape)
    lengths = np.linalg.norm(dictionary, axis=1, keepdims=True)
    return rows.astype(np.float32), dictionary / lengths, codes


def noise_rows(n_rows: int = 500, units: int = 8, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n_rows, units)).astype(np.float32)


def small(n_atoms: int = 12, **parameters: Any) -> atoms.ThresholdSAE:
    return atoms.ThresholdSAE(
        n_atoms, **{"target_l0": 3, "n_steps": 60, "batch_size": 64, **parameters}
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("units", "n_atoms", "k", "condition", "noise", "parameters"),
    [
        pytest.param(32, 64, 3, 1.0, 0.02, {"n_steps": 2500, "batch_size": 256}, id="twice"),
        pytest.param(
            48,
            192,
            4,
            5.0,
            0.02,
            {"n_steps": 1200, "metric": "atomic"},
            id="four times, not isotropic",
        ),
    ],
)
def test_planted_atoms_and_their_supports_are_found(
    units: int,
    n_atoms: int,
    k: int,
    condition: float,
    noise: float,
    parameters: dict[str, Any],
    seed: int,
) -> None:
    rows, dictionary, codes = planted(units, n_atoms, k, 22_000, seed, condition, noise)
    train, test = rows[:20_000], rows[20_000:]
    sae = atoms.ThresholdSAE(n_atoms, target_l0=k, seed=seed, **parameters).fit(train)
    found = atoms.recovery(sae.decoder_, dictionary)
    assert found.mean_max_cosine >= 0.98
    revised = sae.transform(test, revisions=3)
    assert support_scores(revised, codes[20_000:], found.assignment).f1 >= 0.95
    assert atoms.explained_variance(test, sae.inverse_transform(revised)) > 0.95
    plain = sae.transform(test)
    assert plain.nnz / len(test) == pytest.approx(k, rel=0.1)
    # Once more atoms are packed into the units, one pass cannot tell them apart as well.
    scores = [support_scores(z, codes[20_000:], found.assignment).f1 for z in (plain, revised)]
    assert scores[0] < scores[1]


def test_the_window_of_the_theorem_gives_exact_supports_and_debiased_codes_are_exact() -> None:
    units, n_atoms, k = 512, 768, 2
    generator = np.random.default_rng(0)
    dictionary = generator.standard_normal((n_atoms, units)).astype(np.float32)
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    support = np.argsort(generator.random((2000, n_atoms)), axis=1)[:, :k]
    codes = np.zeros((2000, n_atoms), dtype=np.float32)
    np.put_along_axis(codes, support, generator.uniform(1, 1.2, support.shape), axis=1)
    rows = codes @ dictionary
    sae = atoms.ThresholdSAE(n_atoms, target_l0=k)
    sae.decoder_, sae.encoder_ = dictionary, dictionary.T.copy()
    sae.encoder_bias_ = np.zeros(n_atoms, dtype=np.float32)
    sae.decoder_bias_ = np.zeros(units, dtype=np.float32)
    sae.threshold_ = np.full(n_atoms, 0.55, dtype=np.float32)
    sae.input_scale_, sae.site_ = 1.0, None
    plain, debiased = sae.transform(rows), sae.transform(rows, debias=True)
    np.testing.assert_array_equal(plain.toarray() > 0, codes > 0)
    assert atoms.explained_variance(rows, sae.inverse_transform(plain)) < 0.9999
    np.testing.assert_allclose(debiased.toarray(), codes, atol=1e-5)
    assert atoms.explained_variance(rows, sae.inverse_transform(debiased)) == pytest.approx(1)


def test_codes_and_reconstruction_are_the_formula() -> None:
    rows = noise_rows() + 2
    sae = small().fit(rows)
    z = (rows * sae.input_scale_ - sae.decoder_bias_) @ sae.encoder_ + sae.encoder_bias_
    expected = z * (z >= sae.threshold_)
    codes = sae.transform(rows)
    assert codes.dtype == np.float32
    assert codes.has_sorted_indices
    np.testing.assert_allclose(codes.toarray(), expected, atol=1e-5)
    made = (expected @ sae.decoder_ + sae.decoder_bias_) / sae.input_scale_
    np.testing.assert_allclose(sae.inverse_transform(codes), made, atol=1e-5)
    np.testing.assert_allclose(
        sae.inverse_transform(codes.toarray()), sae.inverse_transform(codes), atol=1e-5
    )


def test_debiased_codes_are_least_squares_on_the_support() -> None:
    rows = noise_rows()
    sae = small(target_l0=4).fit(rows)
    plain, debiased = sae.transform(rows), sae.transform(rows, debias=True)
    np.testing.assert_array_equal(plain.indptr, debiased.indptr)
    np.testing.assert_array_equal(plain.indices, debiased.indices)
    for row in range(50):
        support = plain[row].indices
        target = rows[row] * sae.input_scale_ - sae.decoder_bias_
        expected, *_ = np.linalg.lstsq(sae.decoder_[support].T, target, rcond=None)
        np.testing.assert_allclose(debiased[row].data, expected, atol=1e-4)


@pytest.mark.parametrize("activation", ["threshold", "standard", "topk", "batchtopk"])
def test_every_activation_learns_and_keeps_its_number_of_atoms(activation: str) -> None:
    rows, dictionary, _ = planted(16, 24, 2, 6000, 0, 1.0, 0.02)
    sae = small(24, activation=activation, target_l0=2, n_steps=600, batch_size=256).fit(rows)
    codes = sae.transform(rows)
    assert codes.min() >= 0
    assert codes.nnz / len(rows) == pytest.approx(2, rel=0.15)
    assert float(atoms.recovery(sae.decoder_, dictionary)) > 0.9
    if activation == "topk":
        assert np.diff(codes.indptr).max() <= 2


def test_atoms_have_length_one_and_thresholds_are_float32_and_not_negative() -> None:
    sae = small(dtype="bfloat16").fit(noise_rows())
    np.testing.assert_allclose(np.linalg.norm(sae.decoder_, axis=1), 1, atol=1e-5)
    assert sae.threshold_.dtype == np.float32
    assert (sae.threshold_ >= 0).all()


def test_activity_in_any_units_gives_the_same_codes() -> None:
    rows = noise_rows()
    plain, scaled = small().fit(rows), small().fit(1000 * rows)
    codes = plain.transform(rows).toarray()
    np.testing.assert_allclose(codes, scaled.transform(1000 * rows).toarray(), atol=1e-3)
    assert plain.input_scale_ == pytest.approx(1000 * scaled.input_scale_, rel=1e-4)


def test_blocks_give_what_the_whole_gives() -> None:
    rows = noise_rows(9000)
    sae = small().fit(rows)
    whole = sae.transform(rows)
    blocks = sae.transform(rows[start : start + 700] for start in range(0, 9000, 700))
    assert whole.shape == blocks.shape == (9000, 12)
    np.testing.assert_allclose(whole.toarray(), blocks.toarray(), atol=1e-6)
    revised = [sae.transform(part, revisions=2) for part in (rows, rows[:10])]
    np.testing.assert_allclose(revised[0][:10].toarray(), revised[1].toarray(), atol=1e-5)


def test_a_site_of_a_recording_is_read_and_remembered() -> None:
    rows = noise_rows()
    recording = wb.from_arrays({"here": rows, "there": rows})
    sae = small().fit(recording["here"], validation=recording["here"])
    assert sae.site_ == "here"
    np.testing.assert_array_equal(
        sae.transform(recording["here"]).toarray(), sae.transform(rows).toarray()
    )
    with pytest.raises(UsageError, match="site 'there'; expected 'here'"):
        sae.transform(recording["there"])
    with pytest.raises(UsageError, match="site 'there'; expected 'here'"):
        sae.partial_fit(recording["there"])
    with pytest.raises(UsageError, match="recording of 2 sites"):
        small().fit(recording)


def test_parameters_are_stored_and_cloned() -> None:
    sae = small(seed=3, activation="topk")
    assert clone(sae).get_params() == sae.get_params()
    assert clone(sae).set_params(seed=4).seed == 4
    assert atoms.ThresholdSAE(5).get_params()["target_l0"] is None


def test_score_is_the_variance_explained_and_the_history_has_it() -> None:
    rows, held_out = noise_rows(), noise_rows(seed=1)
    sae = small().fit(rows, validation=held_out)
    codes = sae.transform(held_out)
    expected = atoms.explained_variance(held_out, sae.inverse_transform(codes))
    assert sae.score(held_out) == pytest.approx(expected, abs=1e-9)
    assert sae.history_["validation_r2"][-1] == pytest.approx(expected, abs=1e-9)
    assert sae.history_["validation_l0"][-1] == pytest.approx(codes.nnz / len(held_out))
    assert sae.history_["validation_step"][-1] == sae.n_steps_ == 60
    assert len(sae.history_["l0"]) == 60


def test_activity_that_is_nothing_but_a_mean_gives_no_codes_that_matter() -> None:
    rows, _, _ = planted(16, 24, 2, 3000, 0, 1.0, 0.0)
    far = rows + 100
    sae = small(24, target_l0=2, n_steps=400).fit(far)
    assert sae.score(far) > 0.8


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"target_l0": 13}, "target_l0=13 with n_atoms=12"),
        ({"target_l0": 0}, "expected more than 0"),
        ({"target_l0": None}, "expected how many atoms are to fire"),
        ({"target_l0": None, "l0_coefficient": 0.1, "activation": "topk"}, "for activation 'topk'"),
        ({"l0_coefficient": -1.0}, "l0_coefficient=-1"),
        ({"activation": "treshold"}, "did you mean 'threshold'"),
        ({"init": "zeros"}, "init='zeros'"),
        ({"dtype": "float16"}, "dtype='float16'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"n_steps": 1.5}, "n_steps=1.5"),
        ({"bandwidth": 0.0}, "bandwidth=0"),
        ({"metric": "cosine"}, "metric='cosine'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        small(**parameters).fit(noise_rows())


def test_rows_that_make_no_sense_are_refused() -> None:
    bad = noise_rows()
    bad[7, 3] = np.nan
    with pytest.raises(WorkbenchError, match="row 7, unit 3"):
        small().fit(bad)
    with pytest.raises(WorkbenchError, match="1 NaN or infinite"):
        small().fit([bad])
    with pytest.raises(UsageError, match="8 units do not vary"):
        small().fit(np.ones((50, 8), dtype=np.float32))
    with pytest.raises(UsageError, match="at least two"):
        small().fit(noise_rows(1))
    with pytest.raises(UsageError, match="flatten spatial axes"):
        small().fit(np.zeros((4, 3, 2)))
    with pytest.raises(UsageError, match="Found no batch"):
        small().fit(iter([]))


def test_constant_units_and_fewer_rows_than_atoms_are_warned_of() -> None:
    rows = noise_rows()
    rows[:, 2] = 5
    with pytest.warns(UserWarning, match="1 of 8 units do not vary"):
        sae = small().fit(rows)
    assert sae.inverse_transform(sae.transform(rows))[:, 2] == pytest.approx(5, abs=0.5)
    with pytest.warns(UserWarning, match="memoriser"):
        small(40).fit(noise_rows(20))


def test_a_target_that_activity_does_not_allow_is_said() -> None:
    # Rows along one direction need one atom: eight cannot be kept busy.
    line = np.outer(np.random.default_rng(0).uniform(1, 2, 2000), np.ones(8))
    rows = (line + 1e-3 * noise_rows(2000)).astype(np.float32)
    sae = atoms.ThresholdSAE(8, target_l0=7.9, n_steps=100, batch_size=64)
    with pytest.warns(UserWarning, match=r"not at target_l0=7\.9"):
        sae.fit(rows)


def test_codes_and_rows_of_another_width_are_refused() -> None:
    sae = small().fit(noise_rows())
    with pytest.raises(UsageError, match="Found 9 units; expected 8"):
        sae.transform(noise_rows(units=9))
    with pytest.raises(UsageError, match="codes of 13 atoms; expected 12"):
        sae.inverse_transform(np.zeros((2, 13)))
    with pytest.raises(UsageError, match="Found 9 units in the validation rows; expected 8"):
        small().fit(noise_rows(), validation=noise_rows(units=9))
    with pytest.raises(UsageError, match="has learned nothing"):
        small().transform(noise_rows())
    with pytest.raises(UsageError, match="revisions with activation 'topk'"):
        small(activation="topk").fit(noise_rows()).transform(noise_rows(), revisions=1)
