"""Affinity: the written formulas pair by pair, its bounds and symmetry, blocks and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from analyses.connectome import affinity, affinity_blocks, pair_mask
from analyses.connectome.pair_affinity import KINDS
from analyses.connectome.pairs import n_neurons_of, square
from workbench.errors import UsageError


@pytest.fixture
def traces(generator: np.random.Generator) -> NDArray[np.float64]:
    """Two animals, 90 frames, six neurons; neuron 2 is missing in the second."""
    values = gaussian_filter1d(generator.normal(size=(2, 90, 6)), 2, axis=1)
    values[1, :, 2] = np.nan
    return values


def by_hand(x: NDArray, y: NDArray, kind: str, width: float) -> NDArray:
    """Affinity of one pair, written frame by frame."""
    d = [gaussian_filter1d(each, width, order=1, mode="nearest") for each in (x, y)]
    u = [np.abs(each) / np.abs(each).max() for each in d]
    signs = [np.sign(each) for each in d]
    small, large = np.minimum(*u), np.maximum(*u)
    if kind == "minabs":
        return small
    if kind == "minabs_same":
        return small * (signs[0] == signs[1])
    if kind == "geom":
        return np.sqrt(u[0] * u[1])
    out, start = np.zeros(len(x)), 0
    while start < len(x):
        stop = start
        while stop < len(x) and all(s[stop] == s[start] for s in signs):
            stop += 1
        run = slice(start, stop)
        sizes = np.sqrt(u[0][run].mean() * u[1][run].mean())
        out[run] = small[run].sum() / large[run].sum() * sizes
        start = stop
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_affinity_is_the_written_formula_of_every_pair(kind: str, traces: NDArray) -> None:
    found = affinity(traces, kind, floor=0)
    for number, (i, j) in enumerate(zip(*np.triu_indices(6, 1), strict=True)):
        expected = by_hand(traces[0, :, i], traces[0, :, j], kind, 3)
        np.testing.assert_allclose(found[:, 0, number], expected, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_affinity_is_bounded_and_of_the_traces_dtype(
    kind: str, dtype: type, traces: NDArray
) -> None:
    found = affinity(traces.astype(dtype), kind, scale="quantile")
    seen = found[np.isfinite(found)]
    assert found.dtype == dtype
    assert seen.min() >= 0
    assert seen.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_affinity_does_not_depend_on_the_order_or_scale_of_neurons(
    kind: str, traces: NDArray
) -> None:
    order = np.array([3, 0, 5, 2, 1, 4])
    scale = np.array([1, 20, 0.3, 5, 1, 1])
    plain = square(affinity(traces, kind, floor=0))
    changed = square(affinity((traces * scale + 7)[:, :, order], kind, floor=0))
    np.testing.assert_allclose(changed, plain[..., order, :][..., order], atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_frames", [1, 7, 40])
def test_blocks_of_frames_are_the_whole(kind: str, n_frames: int, traces: NDArray) -> None:
    whole = affinity(traces, kind)
    blocks = list(affinity_blocks(traces, kind, n_frames=n_frames))
    np.testing.assert_array_equal(np.concatenate([values for _, values in blocks]), whole)
    assert [frames.start for frames, _ in blocks] == list(range(0, 90, n_frames))


@pytest.mark.parametrize("kind", ["interval", "minabs", "geom"])
def test_signed_blocks_share_out_the_affinity(kind: str, traces: NDArray) -> None:
    same, opposite = np.split(affinity(traces, kind, signed=True), 2, axis=-1)
    np.testing.assert_allclose(same + opposite, affinity(traces, kind), atol=1e-14)
    assert np.nanmax(np.minimum(same, opposite)) == 0
    assert np.nanmin(same) == 0
    mirrored = np.stack([traces[0, :, 0], -traces[0, :, 0], traces[0, :, 1]], axis=1)
    same, opposite = np.split(affinity(mirrored, kind, signed=True), 2, axis=-1)
    assert same[:, 0].max() == 0
    assert opposite[:, 0].max() > 0.5


def test_missing_neurons_mask_their_pairs_only(traces: NDArray) -> None:
    found, mask = affinity(traces), pair_mask(traces)
    np.testing.assert_array_equal(np.isfinite(found).all(axis=0), mask)
    np.testing.assert_array_equal(np.isnan(found).all(axis=0), ~mask)
    assert mask.sum() == 15 + 10
    kept = [0, 1, 3, 4, 5]
    alone = affinity(traces[1][:, kept])
    np.testing.assert_allclose(found[:, 1, mask[1]], alone, atol=1e-12)
    assert affinity(traces[0]).shape == (90, 15)
    np.testing.assert_array_equal(affinity(list(traces)), found)


def test_smoothing_is_in_seconds_with_a_rate_and_in_frames_without(traces: NDArray) -> None:
    by_rate = affinity(traces, sampling_rate=4.0)
    np.testing.assert_array_equal(by_rate, affinity(traces))
    np.testing.assert_array_equal(by_rate, affinity(traces, sampling_rate=2.0, smoothing=1.5))
    assert not np.allclose(by_rate[:, 0], affinity(traces, smoothing=1.0)[:, 0])


def test_the_floor_keeps_a_silent_neuron_silent(traces: NDArray) -> None:
    quiet = traces[0].copy()
    quiet[:, 0] *= 1e-4
    with_floor, without = affinity(quiet), affinity(quiet, floor=0)
    assert with_floor[:, :5].max() < 0.01
    assert without[:, :5].max() > 0.1
    np.testing.assert_array_equal(with_floor[:, 5:], without[:, 5:])


def test_pairs_are_in_the_order_of_triu_indices() -> None:
    assert n_neurons_of(15) == 6
    with pytest.raises(UsageError, match="Found 14 pairs; expected"):
        n_neurons_of(14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: np.where(np.arange(6) == 1, 3.0, x), "2 constant traces"),
        (lambda x: np.where(np.arange(90)[:, None] < 5, np.nan, x), "in some frames only"),
        (lambda x: np.where(np.arange(2)[:, None, None] == 1, np.nan, x), "animal 1 with all"),
        (lambda x: np.where(np.isnan(x), np.inf, x), "infinite values"),
        (lambda x: [x[0], x[1, :50]], "one time axis"),
        (lambda x: x[..., :1], "at least two frames and two neurons"),
        (lambda x: x[0, 0], "check the order of the axes"),
    ],
)
def test_bad_traces_are_refused(change: object, message: str, traces: NDArray) -> None:
    with pytest.raises(UsageError, match=message):
        affinity(change(traces))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "intervall"}, "did you mean 'interval'"),
        ({"kind": "minabs_same", "signed": True}, "choose kind='minabs'"),
        ({"smoothing": 0}, "Found smoothing=0"),
        ({"sampling_rate": 0.1}, "at least 0.25"),
        ({"scale": "mx"}, "did you mean 'max'"),
        ({"floor": -1}, "Found floor=-1"),
    ],
)
def test_bad_options_are_refused(options: dict, message: str, traces: NDArray) -> None:
    with pytest.raises(UsageError, match=message):
        affinity(traces, **options)
