"""Exemplars: the strongest stimuli, thresholds and masks, whatever way activity comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from analyses.neuron_labels.accumulating import ExemplarAccumulator
from analyses.neuron_labels.exemplars import compute_exemplars
from analyses.neuron_labels.masks import active_masks, enlarge, token_maps
from analyses.neuron_labels.milan_layout import load_milan
from analyses.neuron_labels.quantiles import QuantileSketch
from analyses.neuron_labels.splitting import PARTS, contents_of, divide
from analyses.neuron_labels.types import Exemplars, Stimuli
from workbench.errors import UsageError, WorkbenchError

N, UNITS, GRID = 120, 5, 4


def some_maps(n: int = N, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, UNITS, GRID, GRID), dtype=np.float32)


def some_images(n: int = N, size: int = 8) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def vision(maps: np.ndarray) -> wb.recording.recording.Recording:
    return wb.from_arrays({"conv": maps}, kind="vision")


# ---- quantiles ------------------------------------------------------------------------------


@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.9, 0.99, 1.0])
def test_sketch_is_exact_while_it_fits(quantile: float) -> None:
    values = np.random.default_rng(0).standard_normal((300, 3)).astype(np.float32)
    sketch = QuantileSketch(3, size=304)
    sketch.update(values)
    exact = np.quantile(values, quantile, axis=0, method="inverted_cdf")
    np.testing.assert_array_equal(sketch.quantile(quantile), exact)
    assert sketch.rank_error == 0


@pytest.mark.parametrize("quantile", [0.01, 0.5, 0.99])
def test_sketch_stays_within_its_bound_of_exact_quantiles(quantile: float) -> None:
    # Units differ in scale and shape, one is mostly zero, one drifts.
    generator = np.random.default_rng(0)
    values = generator.standard_normal((60_000, 6)).astype(np.float32)
    values[:, 1] = np.exp(values[:, 1])
    values[:, 2] = np.maximum(values[:, 2], 0)
    values[:, 3] += np.linspace(0, 9, len(values))
    values[:, 4] *= generator.random(len(values)) < 0.001
    sketch = QuantileSketch(6, size=2048)
    for part in np.array_split(values, 7):
        sketch.update(part)
    found = sketch.quantile(quantile)
    below, upto = (values < found).mean(axis=0), (values <= found).mean(axis=0)
    allowed = sketch.rank_error + 4 * sketch.sampling_error(quantile)
    assert 0 < allowed < 0.05
    assert (below - allowed <= quantile).all()
    assert (upto + allowed >= quantile).all()


def test_sketch_does_not_depend_on_blocks() -> None:
    values = np.random.default_rng(0).standard_normal((9000, 2, 3)).astype(np.float32)
    whole, cut = QuantileSketch(2, size=64), QuantileSketch(2, size=64)
    whole.update(values)
    for part in np.split(values, [1, 2, 500, 507, 8000]):
        cut.update(part)
    np.testing.assert_array_equal(whole.quantile(0.9), cut.quantile(0.9))


def test_sketch_memory_is_bounded() -> None:
    sketch = QuantileSketch(2, size=64)
    for _ in range(40):
        sketch.update(np.random.default_rng(0).random((1000, 2)))
    held = sum(level.size for level in sketch._levels)
    assert held <= 2 * 64 * 8


def test_merged_sketches_know_both_streams() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.standard_normal((20_000, 2)), 1 + generator.standard_normal((10_000, 2))
    first, second = QuantileSketch(2, size=1024), QuantileSketch(2, size=1024)
    first.update(one)
    second.update(other)
    first.merge(second)
    both = np.concatenate([one, other]).astype(np.float32)
    reached = (both <= first.quantile(0.99)).mean(axis=0)
    np.testing.assert_allclose(reached, 0.99, atol=0.005)
    assert first.count == 30_000


def test_sketch_errors() -> None:
    with pytest.raises(UsageError, match="multiple of 4"):
        QuantileSketch(1, size=6)
    with pytest.raises(UsageError, match="for 2 units"):
        QuantileSketch(2).update(np.zeros((3, 3)))
    with pytest.raises(UsageError, match="at least one value"):
        QuantileSketch(1).quantile(0.5)
    with pytest.raises(UsageError, match="expected equal ones"):
        QuantileSketch(1).merge(QuantileSketch(2))


# ---- the strongest --------------------------------------------------------------------------


def test_exemplars_are_the_strongest_stimuli() -> None:
    maps = some_maps()
    found = compute_exemplars(vision(maps), "conv", k=7, split=None)
    peaks = maps.max(axis=(2, 3))
    for unit, each in enumerate(found):
        expected = np.argsort(-peaks[:, unit])[:7]
        np.testing.assert_array_equal(each.stimuli, expected)
        np.testing.assert_array_equal(each.values, peaks[expected, unit])
    flat = maps.transpose(1, 0, 2, 3).reshape(UNITS, -1)
    exact = np.quantile(flat, 0.99, axis=1, method="inverted_cdf")
    np.testing.assert_array_equal(found.thresholds, exact)


def test_accumulator_gives_the_same_for_any_blocks_and_when_merged() -> None:
    maps = some_maps()
    numbers = np.arange(N)
    whole, cut, other = (ExemplarAccumulator(k=6) for _ in range(3))
    whole.update(maps, numbers)
    for part in np.split(numbers, [3, 50, 51]):
        cut.update(maps[part], part)
    for first, last in ((60, 120), (0, 60)):
        piece = ExemplarAccumulator(k=6)
        piece.update(maps[first:last], numbers[first:last])
        if first:
            other = piece
        else:
            other.merge(piece)
    for each in (cut, other):
        np.testing.assert_array_equal(each.strongest.numbers, whole.strongest.numbers)
        np.testing.assert_array_equal(each.strongest.maps, whole.strongest.maps)
        np.testing.assert_array_equal(each.thresholds, whole.thresholds)


def test_kept_maps_are_those_of_the_exemplars() -> None:
    maps = some_maps()
    seen = ExemplarAccumulator(k=4)
    for part in np.array_split(np.arange(N), 9):
        seen.update(maps[part], part)
    for unit in range(UNITS):
        kept = seen.strongest.maps[unit].reshape(4, GRID, GRID)
        np.testing.assert_array_equal(kept, maps[seen.strongest.numbers[unit], unit])


def test_ties_go_to_the_first_stimuli_in_any_order() -> None:
    peaks = np.array([[1.0], [2.0], [1.0], [1.0]], np.float32)
    forwards, backwards = ExemplarAccumulator(k=3), ExemplarAccumulator(k=3)
    for number in range(4):
        forwards.update(peaks[[number]], [number])
        backwards.update(peaks[[3 - number]], [3 - number])
    assert forwards.strongest.numbers.tolist() == [[1, 0, 2]]
    assert backwards.strongest.numbers.tolist() == [[1, 0, 2]]


def test_copies_of_one_image_take_one_place() -> None:
    images = some_images(20)
    images[10:15] = images[0]
    maps = some_maps(20)
    maps[[0, 10, 11, 12, 13, 14]] = 100
    found = compute_exemplars(
        vision(maps), "conv", k=4, split=None, stimuli=Stimuli("vision", images=images)
    )
    for each in found:
        assert (each.values == 100).sum() == 1
        assert each.stimuli[0] == 0


def test_rows_of_one_stimulus_count_as_one() -> None:
    seen = ExemplarAccumulator(k=3)
    seen.update([[1.0], [5.0], [4.0], [2.0]], [0, 0, 0, 1])
    seen.update([[9.0], [3.0]], [1, 2])
    assert seen.strongest.numbers.tolist() == [[1, 0, 2]]
    assert seen.strongest.values.tolist() == [[9.0, 5.0, 3.0]]


def test_live_stream_and_stored_recording_agree(tmp_path: Path) -> None:
    stream = wb.stream("demo:vision", max_rows=60)
    site = next(each for each in stream.sites if stream[each].to_numpy([0]).ndim == 4)
    stored = wb.capture("demo:vision", sites=site, max_rows=60, out=tmp_path / "rec")
    one, other = (compute_exemplars(rec, site, k=5) for rec in (stored, stream))
    np.testing.assert_array_equal(one.thresholds, other.thresholds)
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first.stimuli, second.stimuli)
        np.testing.assert_array_equal(first.masks, second.masks)


def test_units_do_not_depend_on_each_other() -> None:
    maps = some_maps()
    together = compute_exemplars(vision(maps), "conv", k=5)
    alone = compute_exemplars(vision(maps[:, 2:3]), "conv", k=5)
    np.testing.assert_array_equal(together[2].stimuli, alone[0].stimuli)
    np.testing.assert_array_equal(together[2].masks, alone[0].masks)


# ---- masks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(224, 224), (8, 30)])
def test_a_constant_map_stays_constant_up_to_the_border(size: tuple[int, int]) -> None:
    enlarged = enlarge(np.full((2, 7, 7), 3.0), size)
    np.testing.assert_allclose(enlarged, 3.0, rtol=1e-6)
    assert active_masks(np.full((7, 7), 3.0), 2.97, size).all()


def test_enlarging_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    maps = some_maps()[:3]
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(maps), size=(19, 10), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(enlarge(maps, (19, 10)), theirs.numpy(), atol=1e-5)


def test_masks_lie_where_the_unit_is_active() -> None:
    maps = np.zeros((N, 1, GRID, GRID), np.float32)
    maps[7, 0, 0, 3] = 1
    stimuli = Stimuli("vision", images=some_images())
    found = compute_exemplars(vision(maps), "conv", k=3, split=None, stimuli=stimuli)
    mask = found[0].masks[0]
    assert mask.shape == (8, 8)
    assert mask[:2, 6:].all()
    assert not mask[4:].any()
    np.testing.assert_array_equal(found[0].images[0], stimuli.images[7])


def test_class_token_is_dropped_at_the_right_end() -> None:
    tokens = np.zeros((1, 5, 1))
    tokens[0, 0], tokens[0, 4] = 9, 1
    assert token_maps(tokens)[0, 0].tolist() == [[0, 0], [0, 1]]
    assert token_maps(tokens[:, 1:])[0, 0].tolist() == [[0, 0], [0, 1]]
    assert token_maps(np.concatenate([tokens[:, :1]] * 4 + [tokens[:, 1:]], 1), 3).max() == 1
    with pytest.raises(UsageError, match="fill a square"):
        token_maps(np.zeros((1, 7, 1)))


def test_units_without_space_cover_the_whole_image() -> None:
    rec = wb.from_arrays({"fc": some_maps()[:, :, 0, 0]}, kind="vision")
    stimuli = Stimuli("vision", images=some_images())
    found = compute_exemplars(rec, "fc", k=2, stimuli=stimuli)
    assert found[0].masks.shape == (2, 8, 8)
    assert found[0].masks.all()


def test_maps_too_large_to_keep_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = some_maps()
    kept = compute_exemplars(vision(maps), "conv", k=5)
    monkeypatch.setattr("analyses.neuron_labels.accumulating.MAP_BYTES", 0)
    again = compute_exemplars(vision(maps), "conv", k=5)
    for one, other in zip(kept, again, strict=True):
        np.testing.assert_array_equal(one.masks, other.masks)


# ---- splits ---------------------------------------------------------------------------------


def test_parts_are_disjoint_complete_and_reproducible() -> None:
    contents = [str(n) for n in range(2000)]
    parts = divide(contents, (0.5, 0.3, 0.2), seed=1)
    joined = np.sort(np.concatenate(list(parts.values())))
    np.testing.assert_array_equal(joined, np.arange(2000))
    shares = [len(parts[name]) / 2000 for name in PARTS]
    np.testing.assert_allclose(shares, (0.5, 0.3, 0.2), atol=0.05)
    again = divide(contents, (0.5, 0.3, 0.2), seed=1)
    other = divide(contents, (0.5, 0.3, 0.2), seed=2)
    np.testing.assert_array_equal(parts["probe"], again["probe"])
    assert set(parts["probe"].tolist()) != set(other["probe"].tolist())


def test_copies_never_straddle_and_membership_does_not_depend_on_the_rest() -> None:
    images = some_images(60)
    images[30:] = images[:30][::-1]
    parts = divide(contents_of(Stimuli("vision", images=images), None, 60))
    home = {int(n): name for name, part in parts.items() for n in part}
    assert all(home[n] == home[59 - n] for n in range(30))
    fewer = divide(contents_of(Stimuli("vision", images=images[:9]), None, 9))
    assert all(home[int(n)] == name for name, part in fewer.items() for n in part)


def test_exemplars_come_from_their_part_alone() -> None:
    maps = some_maps()
    for split in PARTS:
        found = compute_exemplars(vision(maps), "conv", k=5, split=split)
        assert set(found.split_rows) == set(found.parts[split])
        for each in found:
            assert set(each.stimuli) <= set(found.split_rows)
    rest = np.ones(N, dtype=bool)
    rest[found.split_rows] = False
    changed = maps.copy()
    changed[rest] = 50
    again = compute_exemplars(vision(changed), "conv", k=5, split=split)
    np.testing.assert_array_equal(found.thresholds, again.thresholds)


# ---- tokens and time ------------------------------------------------------------------------


def texts_recording(texts: list[list[str]], activity: np.ndarray) -> wb.recording.Recording:
    rows = {
        "stimulus": [n for n, text in enumerate(texts) for _ in text],
        "position": [p for text in texts for p in range(len(text))],
        "token": [token for text in texts for token in text],
    }
    return wb.from_arrays({"layer": activity}, rows, kind="language")


def test_windows_show_the_token_within_its_own_text() -> None:
    texts = [["the", "cat", "sat"], ["a", "dog", "ran", "far"], ["cat"]]
    active = np.array([[word == "cat"] for text in texts for word in text], np.float32)
    found = compute_exemplars(
        texts_recording(texts, active), "layer", k=2, quantile=0.5, split=None, window=6
    )[0]
    assert found.tokens == [["the", "cat", "sat"], ["cat"]]
    assert found.masks.astype(int)[:, :3].tolist() == [[0, 1, 0], [1, 0, 0]]
    assert found.spans.tolist() == [[0, 3], [7, 8]]
    assert found.stimuli.tolist() == [0, 2]


def test_one_text_does_not_fill_the_set() -> None:
    texts = [["once", "upon"]] * 6 + [["red", "cat"], ["blue", "dog"]]
    rows = sum(len(text) for text in texts)
    active = np.zeros((rows, 1), np.float32)
    active[:12:2] = 5
    active[12::2] = 1
    found = compute_exemplars(
        texts_recording(texts, active), "layer", k=3, quantile=0.5, split=None
    )[0]
    assert found.tokens == [["once", "upon"], ["red", "cat"], ["blue", "dog"]]


def test_rows_of_texts_may_come_in_any_order() -> None:
    texts = [["the", "cat", "sat"], ["a", "dog"]]
    rec = texts_recording(texts, np.array([[0.0], [1.0], [0.0], [0.0], [0.5]]))
    shuffled = rec.select(rows=[4, 2, 0, 3, 1])
    found = compute_exemplars(shuffled, "layer", k=2, quantile=0.5, split=None)[0]
    assert found.tokens == [["the", "cat", "sat"], ["a", "dog"]]
    assert found.masks[0, :3].tolist() == [False, True, False]


def test_spans_of_time_do_not_overlap_or_leave_their_segment() -> None:
    time = np.tile(np.arange(200.0), 2)
    activity = np.zeros((400, 1), np.float32)
    activity[[3, 60, 62, 150, 200, 390], 0] = [5, 9, 8, 7, 6, 4]
    rec = wb.from_arrays(
        {"area": activity}, {"stimulus": np.repeat([0, 1], 200), "time": time}, kind="brain"
    )
    found = compute_exemplars(rec, "area", k=5, split=None, window=10)[0]
    assert found.stimuli.tolist() == [60, 150, 200, 3, 390]
    # Segments are ten steps long; what lies beyond one may be held out.
    assert found.spans.tolist() == [[60, 65], [150, 155], [200, 205], [0, 8], [390, 395]]
    assert found.masks[0].sum() == 2


def test_rows_with_times_alone_are_one_session_in_segments() -> None:
    activity = np.random.default_rng(0).random((800, 2)).astype(np.float32)
    recording = wb.from_arrays({"area": activity}, {"time": np.arange(800.0)}, kind="brain")
    found = compute_exemplars(recording, "area", k=3)
    part = np.zeros(800, int)
    for number, name in enumerate(PARTS):
        part[found.parts[name]] = number
    assert (np.diff(part) != 0).sum() <= 40
    for unit in found:
        inside = np.concatenate([np.arange(*span) for span in unit.spans])
        assert np.isin(inside, found.split_rows).all()


def test_steps_in_time_are_split_in_segments() -> None:
    rec = wb.stream("demo:brain")
    found = compute_exemplars(rec, "bold", k=4, window=8)
    rows = np.sort(np.concatenate(list(found.parts.values())))
    np.testing.assert_array_equal(rows, np.arange(rec.n_rows))
    # Far fewer borders between parts than single rows would make.
    part = np.zeros(rec.n_rows, int)
    for number, name in enumerate(PARTS):
        part[found.parts[name]] = number
    assert (np.diff(part) != 0).sum() < rec.n_rows / 4
    assert found.stimuli.labels is not None


def test_trials_that_showed_the_same_stay_together() -> None:
    import pandas as pd

    trial = np.repeat(np.arange(40), 3)
    rec = wb.from_arrays(
        {"area": np.random.default_rng(0).random((120, 1))},
        {"stimulus": trial, "time": np.arange(120.0)},
        stimuli=pd.DataFrame({"sha256": [f"image {number % 20}" for number in range(40)]}),
        kind="brain",
    )
    parts = compute_exemplars(rec, "area", k=2).parts
    home = {int(trial[row]): name for name, rows in parts.items() for row in rows}
    assert all(home[number] == home[number + 20] for number in range(20))
    assert sum(map(len, parts.values())) == 120


def test_images_shown_to_a_brain_are_its_exemplars() -> None:
    images = some_images(30)
    activity = np.zeros((90, 1), np.float32)
    activity[[31, 32], 0] = [4, 5]
    rec = wb.from_arrays(
        {"area": activity},
        {"stimulus": np.repeat(np.arange(30), 3), "time": np.arange(90.0)},
        kind="brain",
    )
    stimuli = Stimuli("vision", images=images)
    found = compute_exemplars(rec, "area", k=3, split=None, stimuli=stimuli)[0]
    assert found.stimuli.tolist() == [10, 0, 1]
    assert found.values.tolist() == [5, 0, 0]
    np.testing.assert_array_equal(found.images[0], images[10])


# ---- MILAN's files --------------------------------------------------------------------------


def test_milan_layout_goes_there_and_back(tmp_path: Path) -> None:
    stimuli = Stimuli("vision", images=some_images())
    found = compute_exemplars(vision(some_maps()), "conv", k=15, stimuli=stimuli)
    folder = found.save_milan(tmp_path / "conv")
    images, masks = np.load(folder / "images.npy"), np.load(folder / "masks.npy")
    assert images.shape == (UNITS, 15, 3, 8, 8)
    assert masks.shape == (UNITS, 15, 1, 8, 8)
    assert images.dtype == masks.dtype == np.uint8
    assert not (folder / "units.npy").exists()
    again = Exemplars.load_milan(folder)
    assert again.site == "conv"
    for one, other in zip(found, again, strict=True):
        for name in ("images", "masks", "stimuli"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_allclose(one.values, other.values, rtol=1e-6)


def test_milan_layout_that_others_wrote(tmp_path: Path) -> None:
    # As src/exemplars/compute.py writes it for chosen units.
    np.save(tmp_path / "images.npy", np.zeros((2, 3, 3, 4, 4), np.uint8))
    np.save(tmp_path / "masks.npy", np.ones((2, 3, 1, 4, 4), np.uint8))
    np.savetxt(tmp_path / "activations.csv", np.ones((2, 3)), delimiter=",", fmt="%.5e")
    np.savetxt(tmp_path / "ids.csv", np.arange(6).reshape(2, 3), delimiter=",", fmt="%i")
    np.save(tmp_path / "units.npy", np.array([4, 9]))
    found = load_milan(tmp_path, "layer4")
    assert [each.unit for each in found] == [4, 9]
    assert found[1].stimuli.tolist() == [3, 4, 5]
    assert found[0].masks.all()


def test_milan_layout_of_pictures_and_masks_alone(tmp_path: Path) -> None:
    images = np.arange(2 * 3 * 48, dtype=np.uint8).reshape(2, 3, 3, 4, 4)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "masks.npy", np.ones((2, 3, 1, 4, 4), np.uint8))
    found = load_milan(tmp_path)
    assert [len(each) for each in found] == [3, 3]
    np.testing.assert_array_equal(found[1].images, images[1].transpose(0, 2, 3, 1))
    assert np.isnan(found[0].values).all()
    assert not len(found.split_rows)


def test_milan_layout_errors(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match=r"no images\.npy, masks\.npy"):
        load_milan(tmp_path)
    np.save(tmp_path / "images.npy", np.zeros((2, 3, 3, 4, 4), np.uint8))
    np.save(tmp_path / "masks.npy", np.ones((2, 3, 1, 4, 5), np.uint8))
    for name in ("activations.csv", "ids.csv"):
        np.savetxt(tmp_path / name, np.ones((2, 3)), delimiter=",")
    with pytest.raises(WorkbenchError, match="the others to fit"):
        load_milan(tmp_path)
    with pytest.raises(UsageError, match="without images"):
        compute_exemplars(vision(some_maps()), "conv").save_milan(tmp_path)


# ---- what cannot be done --------------------------------------------------------------------


def test_errors() -> None:
    maps = some_maps()
    with pytest.raises(UsageError, match="expected one of exemplars, probe, held-out"):
        compute_exemplars(vision(maps), "conv", split="test")
    with pytest.raises(UsageError, match="record more"):
        compute_exemplars(vision(maps), "conv", split="probe", shares=(1, 0, 0))
    with pytest.raises(UsageError, match="k=0"):
        compute_exemplars(vision(maps), "conv", k=0)
    with pytest.raises(UsageError, match="upsample='zeros'"):
        compute_exemplars(
            vision(maps), "conv", upsample="zeros", stimuli=Stimuli("vision", images=some_images())
        )
    with pytest.raises(UsageError, match="type 'ndarray'; expected a recording"):
        compute_exemplars(maps, "conv")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="one for each number"):
        compute_exemplars(vision(maps), "conv", stimuli=Stimuli("vision", images=some_images(9)))
    with pytest.raises(UsageError, match="at most two axes"):
        compute_exemplars(vision(maps[..., None]), "conv")
    maps[3, 1] = np.nan
    with pytest.raises(WorkbenchError, match="of unit 1 at stimulus 3"):
        compute_exemplars(vision(maps), "conv", split=None)
    with pytest.raises(UsageError, match="all of one length"):
        Stimuli("vision", images=some_images(3), texts=[["a"]])
    with pytest.raises(UsageError, match="call update first"):
        _ = ExemplarAccumulator().thresholds
