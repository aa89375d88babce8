"""Spectra, phase coupling and surrogates: analytic values, invariances, independent libraries."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from analyses import brain_dynamics as bd

RATE = 200.0


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """White noise."""
    return np.random.default_rng(seed).standard_normal(shape)


def jittered(lag: float, sigma: float = 0.5, n: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    """Phases of two signals whose difference has a lag and Gaussian jitter."""
    generator = np.random.default_rng(1)
    first = generator.uniform(-np.pi, np.pi, n)
    return first, first - lag - sigma * generator.standard_normal(n)


def test_a_sine_has_half_its_squared_amplitude_in_its_band_and_none_elsewhere() -> None:
    wave = 3 * np.sin(2 * np.pi * 10 * np.arange(2000) / RATE)
    assert bd.band_power(wave, RATE, (8, 13), log=False) == pytest.approx(4.5, rel=1e-3)
    assert bd.band_power(wave, RATE, (8, 13)) == pytest.approx(np.log10(4.5), abs=1e-3)
    assert bd.band_power(wave, RATE, (30, 60), log=False) < 1e-3


def test_bands_add_up_to_the_variance_and_shares_to_one() -> None:
    x = noise(3, 20_000)
    edges = [0, 5, 20, 60, RATE / 2]
    bands = list(itertools.pairwise(edges))
    absolute = [bd.band_power(x, RATE, band, log=False, segment=400) for band in bands]
    assert np.allclose(np.sum(absolute, axis=0), x.var(axis=1), rtol=0.03)
    parts = [bd.band_power(x, RATE, b, log=False, relative=True, segment=400) for b in bands]
    assert np.allclose(np.sum(parts, axis=0), 1.0)


def test_band_power_agrees_with_mne() -> None:
    from mne.time_frequency import psd_array_welch

    x = noise(4, 3000)
    density, frequencies = psd_array_welch(
        x, RATE, n_fft=256, n_per_seg=256, n_overlap=128, window="hann", verbose=False
    )
    inside = (frequencies >= 10) & (frequencies < 30)
    # mne takes the mean of every segment off too.
    expected = density[:, inside].sum(axis=1) * frequencies[1]
    assert np.allclose(bd.band_power(x, RATE, (10, 30), log=False, segment=256), expected)


@pytest.mark.parametrize("lag", [0.0, 0.7, 2.0])
def test_jitter_lowers_phase_locking_by_its_formula_at_any_lag(lag: float) -> None:
    for sigma in (0.25, 0.5, 1.0):
        first, second = jittered(lag, sigma)
        found = bd.phase_locking_value(first, second, kind="phase")
        assert found == pytest.approx(np.exp(-(sigma**2) / 2), abs=5e-3)
        as_complex = bd.phase_locking_value(np.exp(1j * first), np.exp(1j * second))
        assert as_complex == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize(("lag", "expected"), [(0.0, 0.0), (np.pi / 4, 0.96), (np.pi / 2, 1.0)])
def test_the_lag_index_counts_lags_only(lag: float, expected: float) -> None:
    first, second = jittered(lag)
    found = bd.weighted_phase_lag_index(first, second, kind="phase")
    assert found == pytest.approx(expected, abs=0.01)


def test_one_source_in_two_sensors_locks_but_does_not_lag() -> None:
    source = noise(4000)
    x, y = source + 0.1 * noise(4000, seed=1), 2 * source + 0.1 * noise(4000, seed=2)
    assert bd.phase_locking_value(x, y) > 0.9
    assert bd.weighted_phase_lag_index(x, y) < 0.1
    assert bd.weighted_phase_lag_index(source, 2 * source) == 0.0


def test_locking_over_trials_is_of_each_moment() -> None:
    time = np.arange(100) / RATE
    turns = np.random.default_rng(0).uniform(0, 2 * np.pi, (400, 1))
    late = np.where(time > 0.25, 1.0, 0.0) * np.random.default_rng(1).normal(size=(400, 1)) * 3
    x = np.exp(1j * (2 * np.pi * 10 * time + turns))
    y = np.exp(1j * (2 * np.pi * 10 * time + turns + 0.5 + late))
    locking = bd.phase_locking_value(x, y, axis=0)
    assert locking.shape == (100,)
    assert (locking[:50] > 0.999).all()
    assert (locking[60:] < 0.3).all()
    matrix = bd.phase_locking_matrix(np.stack([x, y], axis=1), over="trials")
    assert np.allclose(matrix[:, 0, 1], locking)
    lags = bd.weighted_phase_lag_matrix(np.stack([x, y], axis=1), over="trials")
    assert np.allclose(lags[:, 0, 1], bd.weighted_phase_lag_index(x, y, axis=0))


def test_matrices_hold_what_pairs_give_one_by_one() -> None:
    x = noise(2, 5, 700)
    x[:, 1:] += x[:, :-1]
    bands = {"low": (2, 8), "high": (20, 40)}
    for matrix, pair in (
        (bd.phase_locking_matrix, bd.phase_locking_value),
        (bd.weighted_phase_lag_matrix, bd.weighted_phase_lag_index),
    ):
        found = matrix(x, sampling_rate=RATE, bands=bands)
        assert found.shape == (2, 2, 5, 5)
        for number, band in enumerate(bands.values()):
            for i, j in ((0, 1), (1, 4), (3, 2)):
                one = pair(x[:, i], x[:, j], sampling_rate=RATE, band=band)
                assert np.allclose(found[number, :, i, j], one)
        assert np.allclose(found, found.swapaxes(-1, -2))
        assert np.allclose(matrix(x * np.arange(1, 6)[:, None] + 3), matrix(x))


def test_locking_of_fourier_coefficients_agrees_with_nitime_coherence_of_equal_amplitudes() -> None:
    # Over segments, PLV of unit phasors is the coherency of signals with flat amplitudes.
    from nitime.algorithms import coherency

    n_segments, length = 200, 64
    generator = np.random.default_rng(0)
    first = generator.uniform(-np.pi, np.pi, n_segments)
    second = first + 0.4 * generator.standard_normal(n_segments)
    time = np.arange(length) / length
    waves = [np.cos(2 * np.pi * 8 * time + phase[:, None]) for phase in (first, second)]
    method = {"this_method": "welch", "NFFT": length, "n_overlap": 0, "Fs": length}
    method["window"] = np.ones(length)
    _, coherency_xy = coherency(np.stack([each.ravel() for each in waves]), csd_method=method)
    spectra = [np.fft.rfft(each, axis=1)[:, 8] for each in waves]
    ours = bd.phase_locking_value(*spectra)
    frequencies = np.linspace(0, length / 2, coherency_xy.shape[-1])
    at = int(np.argmin(np.abs(frequencies - 8)))
    assert ours == pytest.approx(abs(coherency_xy[0, 1, at]), abs=1e-6)


@pytest.mark.parametrize(("a", "expected"), [(0.0, 0.0), (0.5, 0.022363), (1.0, 0.106056)])
def test_modulation_index_of_cosines(a: float, expected: float) -> None:
    centres = -np.pi + (np.arange(18) + 0.5) * 2 * np.pi / 18
    found = bd.modulation_index(np.tile(centres, 5), np.tile(1 + a * np.cos(centres), 5))
    assert found == pytest.approx(expected, abs=5e-7)
    # The same phases counted from 0, in any order and at any scale.
    order = np.random.default_rng(0).permutation(18)
    shifted = np.mod(centres, 2 * np.pi)[order]
    assert bd.modulation_index(shifted, 9 * (1 + a * np.cos(centres))[order]) == pytest.approx(
        expected, abs=5e-7
    )


def test_modulation_index_of_batches_and_of_one_bin_only() -> None:
    centres = -np.pi + (np.arange(18) + 0.5) * 2 * np.pi / 18
    amplitude = np.stack([1 + a * np.cos(centres) for a in (0, 0.5, 1)] + [np.eye(18)[3]])
    found = bd.modulation_index(centres, amplitude)
    assert np.allclose(found, [0, 0.022363, 0.106056, 1], atol=5e-7)
    assert np.allclose(bd.modulation_index(centres[:, None], amplitude.T, axis=0), found)


def test_a_comodulogram_peaks_where_coupling_was_planted() -> None:
    time = np.arange(6000) / RATE
    # Not one sine: shifts by its period would keep the coupling.
    slow = bd.analytic_signal(noise(6000, seed=1), RATE, (5, 7)).real
    slow /= np.abs(slow).max()
    x = slow + 0.5 * (1 + slow) * np.sin(2 * np.pi * 60 * time) + 0.1 * noise(6000)
    phases, sizes = [(2, 4), (5, 7), (10, 12)], [(30, 45), (48, 72), (80, 95)]
    found = bd.comodulogram(x, RATE, phases, sizes)
    assert np.unravel_index(found.argmax(), found.shape) == (1, 1)
    null = bd.surrogate_null(
        bd.modulation_index,
        np.angle(bd.analytic_signal(x, RATE, (5, 7))),
        np.abs(bd.analytic_signal(x, RATE, (48, 72))),
        surrogate="shift",
        n_surrogates=39,
        alternative="greater",
    )
    assert null.p_value == pytest.approx(1 / 40)
    assert found.max() > null.mean + 5 * null.sd


def test_surrogates_keep_what_they_promise() -> None:
    x = np.cumsum(noise(3, 401), axis=1)
    generator = np.random.default_rng(2)
    phases, values, turned, mixed = (
        make(x, generator)
        for make in (bd.phase_randomised, bd.amplitude_adjusted, bd.shifted, bd.shuffled)
    )
    power = np.abs(np.fft.rfft(x))
    assert np.allclose(np.abs(np.fft.rfft(phases)), power)
    assert np.allclose(phases.mean(axis=1), x.mean(axis=1))
    assert not np.allclose(phases, x)
    for kept in (values, turned, mixed):
        assert np.array_equal(np.sort(kept, axis=1), np.sort(x, axis=1))
        assert not np.array_equal(kept, x)
    assert np.allclose(np.abs(np.fft.rfft(turned)), power)
    correlation = np.corrcoef(x[:2])[0, 1]
    together = bd.phase_randomised(x, generator, together=True)
    assert np.corrcoef(together[:2])[0, 1] == pytest.approx(correlation)


@pytest.mark.parametrize("length", [400, 401])
def test_surrogates_along_any_axis_of_any_length(length: int) -> None:
    x = noise(length, 2)
    found = bd.phase_randomised(x, np.random.default_rng(0), axis=0)
    assert np.allclose(np.abs(np.fft.rfft(found, axis=0)), np.abs(np.fft.rfft(x, axis=0)))


def test_noise_does_not_beat_its_surrogates_and_coupling_does() -> None:
    p_values = [
        bd.surrogate_null(
            bd.phase_locking_value,
            noise(300, seed=seed),
            noise(300, seed=1000 + seed),
            surrogate="shift",
            n_surrogates=39,
            alternative="greater",
            seed=seed,
        ).p_value
        for seed in range(40)
    ]
    assert np.count_nonzero(np.array(p_values) <= 0.05) <= 6
    locked = noise(300) + 0.5 * noise(300, seed=5)
    null = bd.surrogate_null(
        bd.phase_locking_value, noise(300), locked, surrogate="shift", alternative="greater"
    )
    assert null.p_value == pytest.approx(1 / 200)


def test_torch_and_other_number_types_give_the_same() -> None:
    x = np.round(noise(2, 600) * 50)
    for cast in (torch.tensor(x, requires_grad=True), torch.tensor(x).to(torch.bfloat16).float()):
        assert np.allclose(bd.band_power(cast, RATE, (8, 13)), bd.band_power(x, RATE, (8, 13)))
        assert np.allclose(bd.phase_locking_matrix(cast), bd.phase_locking_matrix(x))
    whole = torch.tensor(x).to(torch.int16)
    assert np.allclose(bd.permutation_entropy(whole), bd.permutation_entropy(x))
    half = torch.tensor(x).to(torch.bfloat16)
    assert bd.phase_locking_value(half[0], half[1]).shape == ()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bd.band_power([1.0, np.nan, 2, 3], 10, (1, 2)), "Found 1 NaN or infinite of 4"),
        (lambda: bd.band_power(noise(9), 0, (1, 2)), "sampling_rate=0; expected a positive"),
        (lambda: bd.band_power(noise(9), 10, (3, 2)), r"band \(3, 2\); expected \(low, high\)"),
        (lambda: bd.band_power(noise(90), 10, (1, 6)), "<= 5, half the sampling rate"),
        (lambda: bd.band_power(noise(90), 10, (1.01, 1.02)), "Found no frequency of the spectrum"),
        (lambda: bd.band_power([], 10, (1, 2)), r"shape \(0,\); expected at least 1 axes"),
        (lambda: bd.band_power(noise(9) * 1j, 10, (1, 2)), "complex128 in signal; expected real"),
        (lambda: bd.band_power(noise(9), 10, (1, 2), axis=1), "axis=1; expected one of the 1"),
        (lambda: bd.phase_locking_value(noise(9), noise(8)), "expected equal shapes"),
        (lambda: bd.phase_locking_value(noise(9), noise(9), kind="phases"), "mean 'phase'"),
        (
            lambda: bd.phase_locking_value(noise(9), noise(9), band=(1, 2)),
            "without a sampling rate; expected both",
        ),
        (
            lambda: bd.phase_locking_value(1j * noise(9), 1j * noise(9), band=(1, 2)),
            "expected real signals to filter",
        ),
        (lambda: bd.phase_locking_matrix(noise(9)), r"expected \(units, time\)"),
        (lambda: bd.phase_locking_matrix(noise(2, 9), over="trial"), "did you mean 'trials'"),
        (lambda: bd.modulation_index(noise(50), noise(50)), "negative amplitude"),
        (lambda: bd.modulation_index([0.0, 1.0], [1.0, 1.0]), "of 18 phase bins empty in 2"),
        (lambda: bd.modulation_index([-1.0, 1.0], [0, 0], n_bins=2), "amplitude of zero"),
        (lambda: bd.modulation_index(noise(50), noise(40)), "expected equal shapes"),
        (
            lambda: bd.surrogate_null(np.mean, noise(9), surrogate="phases"),
            "did you mean 'phase'",
        ),
        (lambda: bd.surrogate_null(np.mean, surrogate="phase"), "Found no signal"),
    ],
)
def test_bad_input_is_named(call, message: str) -> None:
    from workbench.errors import UsageError

    with pytest.raises(UsageError, match=message):
        call()
