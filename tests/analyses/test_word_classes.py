"""The plugin: right rows and labels, balanced samples, honest nulls, clear refusals."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from analyses.word_classes import WordClasses, gdv
from analyses.word_classes.rows import common_classes, draw_samples, label_pool
from workbench.analysis.result import open_result
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.recording import open_recording
from workbench.recording.writer import write_recording

QUICK = {"embeddings": (), "clusters": (), "n_permutations": 39, "n_bootstrap": 39}


def cell(result, name, **where):
    (found,) = [
        measure
        for measure in result.measures
        if measure.name == name and all(measure.where[key] == text for key, text in where.items())
    ]
    return found


def labelled(n_rows=120, n_units=5, n_classes=3, shift=1.0, seed=0, **columns):
    generator = np.random.default_rng(seed)
    codes = np.arange(n_rows) % n_classes
    x = generator.standard_normal((n_rows, n_units))
    x += shift * generator.standard_normal((n_classes, n_units))[codes]
    return wb.from_arrays({"area": x}, {"label": np.array(list("abcdefg"))[codes], **columns})


def sub_word_recording():
    """Two texts; the second word of the first text has two sub-word tokens."""
    rows = {
        "stimulus": [0, 0, 0, 0, 0, 1, 1, 1],
        "position": [0, 1, 2, 3, 4, 0, 1, 2],
        "word": [-1, 0, 1, 1, 2, -1, 0, 1],
        "token": ["<s>", "the", "ca", "t", "runs", "<s>", "a", "dog"],
        "upos": [None, "DET", "NOUN", "NOUN", "VERB", None, "DET", "NOUN"],
    }
    return wb.from_arrays({"a": np.zeros((8, 2))}, pd.DataFrame(rows), kind="language")


def test_rows_of_words_carry_their_own_class_and_that_of_the_next_word():
    pool = label_pool(sub_word_recording(), "upos")
    assert pool.rows.tolist() == [1, 3, 6]
    assert pool.labels["last input word"].tolist() == ["DET", "NOUN", "DET"]
    assert pool.labels["next word"].tolist() == ["NOUN", "VERB", "NOUN"]
    assert pool.groups.tolist() == [0, 0, 1]
    assert (pool.n_unlabelled, pool.n_without_next) == (0, 2)


def test_shuffled_rows_give_the_same_pool():
    recording = sub_word_recording()
    order = np.array([5, 2, 7, 0, 3, 1, 6, 4])
    shuffled = wb.from_arrays(
        {"a": np.zeros((8, 2))}, recording.rows.iloc[order].reset_index(drop=True), kind="language"
    )
    pool = label_pool(shuffled, "upos")
    assert order[pool.rows].tolist() == [1, 3, 6]
    assert pool.labels["next word"].tolist() == ["NOUN", "VERB", "NOUN"]


def test_a_word_without_a_label_breaks_the_chain_only_there():
    recording = sub_word_recording()
    rows = recording.rows.copy()
    rows.loc[[2, 3], "upos"] = None
    broken = wb.from_arrays({"a": np.zeros((8, 2))}, rows, kind="language")
    pool = label_pool(broken, "upos")
    assert pool.rows.tolist() == [6]
    assert (pool.n_unlabelled, pool.n_without_next) == (1, 3)


@pytest.mark.parametrize("kind", ["vision", "network", "brain"])
def test_other_recordings_have_their_own_labels_only(kind):
    rows = sub_word_recording().rows
    pool = label_pool(wb.from_arrays({"a": np.zeros((8, 2))}, rows, kind=kind), "upos")
    assert list(pool.labels) == ["own label"]
    assert pool.rows.tolist() == [1, 2, 3, 4, 6, 7]
    assert pool.n_unlabelled == 2


def test_language_with_one_row_a_text_has_no_next_word():
    rows = {"stimulus": np.arange(4), "word": [3, 5, 2, 4], "upos": list("aabb")}
    pool = label_pool(wb.from_arrays({"a": np.zeros((4, 2))}, rows, kind="language"), "upos")
    assert list(pool.labels) == ["last input word"]


def test_whole_numbers_with_gaps_are_named_as_whole_numbers():
    rec = wb.from_arrays({"a": np.zeros((4, 2))}, {"label": [1.0, np.nan, 2.0, 1.0]})
    assert label_pool(rec, "label").labels["own label"].tolist() == ["1", "2", "1"]


def test_both_labels_use_the_same_classes_and_numbers_of_rows():
    generator = np.random.default_rng(0)
    codes = generator.choice(5, p=[0.4, 0.3, 0.2, 0.08, 0.02], size=600)
    rows = {
        "stimulus": np.repeat(np.arange(50), 12),
        "position": np.tile(np.arange(12), 50),
        "word": np.tile(np.arange(12), 50),
        "upos": np.array(list("abcde"))[codes],
    }
    rec = wb.from_arrays({"a": np.zeros((600, 2))}, rows, kind="language")
    pool, classes, left_out = common_classes(label_pool(rec, "upos"), min_per_class=20)
    assert classes == ["a", "b", "c", "d"]
    assert list(left_out) == ["e"]
    assert left_out["e"] < 20
    samples = draw_samples(pool, classes, 30, seed=0)
    assert [sample.kind for sample in samples] == ["last input word", "next word"]
    for sample in samples:
        assert np.bincount(sample.codes).tolist() == [30] * 4 or len(set(sample.codes)) == 4
        assert len(set(np.bincount(sample.codes).tolist())) == 1
    assert len(samples[0].rows) == len(samples[1].rows)
    assert set(samples[0].rows) & set(samples[1].rows)


def test_many_classes_shrink_the_sample_instead_of_filling_the_memory():
    rec = wb.from_arrays({"a": np.zeros((50_000, 1))}, {"label": np.arange(50_000) % 500})
    pool, classes, _ = common_classes(label_pool(rec, "label"), 20)
    (sample,) = draw_samples(pool, classes, 200, seed=0)
    assert len(sample.rows) == 4000


def test_the_value_is_the_gdv_of_the_sampled_rows():
    rec = labelled()
    result = WordClasses(**QUICK).fit(rec).result_
    expected = gdv(rec["area"].to_numpy(), rec.rows["label"])
    assert cell(result, "gdv").value == pytest.approx(expected, abs=1e-9)
    assert float(result.data["gdv_over_bound"].squeeze()) == pytest.approx(expected / -0.8660254)
    low, high = cell(result, "gdv").interval
    assert low < expected < high


def test_arrays_and_labels_are_enough():
    rec = labelled()
    array, labels = rec["area"].to_numpy(), rec.rows["label"].to_numpy()
    result = WordClasses(**QUICK).fit(array, labels).result_
    assert cell(result, "gdv").value == pytest.approx(gdv(array, labels), abs=1e-9)
    assert cell(result, "gdv").where == {"site": "array", "label": "own label"}


def test_planted_next_word_is_told_from_the_last_input_word():
    example = WordClasses.example("planted", seed=3)
    result = WordClasses(**example.parameters).fit(example.recording, **example.companions).result_
    assert cell(result, "gdv", site="first", label="last input word").beats_null
    assert not cell(result, "gdv", site="first", label="next word").beats_null
    assert cell(result, "gdv", site="second", label="next word").beats_null
    assert not cell(result, "gdv untrained", site="second", label="next word").beats_null
    trained = cell(result, "gdv minus untrained", site="second", label="next word")
    assert trained.value < 0
    assert trained.beats_null
    assert trained.interval[0] < trained.value < trained.interval[1] < 0
    assert "second" in result.summary()
    assert "training strengthened" in result.summary()


def test_labels_of_whole_stimuli_are_shuffled_over_stimuli():
    generator = np.random.default_rng(0)
    false_alarms = []
    for _ in range(10):
        # Rows of a stimulus are alike, and so are their labels; nothing else links the two.
        stimulus = np.repeat(np.arange(12), 20)
        x = generator.standard_normal((12, 4))[stimulus] + generator.standard_normal((240, 4))
        labels = generator.permutation(np.repeat(["a", "b"], 6))[stimulus]
        rec = wb.from_arrays({"area": x}, {"stimulus": stimulus, "label": labels})
        measure = cell(WordClasses(**QUICK).fit(rec).result_, "gdv")
        assert measure.null.method == "labels shuffled over stimuli"
        assert measure.n == 12
        false_alarms.append(measure.beats_null)
    assert sum(false_alarms) <= 3


def test_too_few_stimuli_give_no_interval_and_say_so():
    rec = labelled(stimulus=np.repeat([0, 1], 60))
    measure = cell(WordClasses(**QUICK).fit(rec).result_, "gdv")
    assert measure.interval is None
    assert "too few stimuli" in measure.note


def test_spatial_axes_are_flattened_and_dead_units_counted():
    generator = np.random.default_rng(0)
    x = generator.standard_normal((80, 3, 2, 2))
    x[:, 1] = 7.0
    labels = np.repeat(["a", "b"], 40)
    rec = wb.from_arrays({"map": x}, {"label": labels}, kind="vision")
    result = WordClasses(**QUICK).fit(rec).result_
    assert cell(result, "gdv").value == pytest.approx(gdv(x.reshape(80, 12), labels), abs=1e-9)
    assert "4 units never vary" in cell(result, "gdv").note
    assert result.data.attrs["flattened"] == ["map: 3 x 2 x 2 = 12 units"]
    kept = WordClasses(dead_units="zero", **QUICK).fit(rec).result_
    ratio = cell(kept, "gdv").value / cell(result, "gdv").value
    assert ratio == pytest.approx(np.sqrt(8 / 12))


def test_constant_sites_are_left_out_and_named():
    rec = labelled()
    both = wb.from_arrays({"flat": np.ones((120, 3)), "area": rec["area"].to_numpy()}, rec.rows)
    result = WordClasses(**QUICK).fit(both).result_
    assert result.data["site"].values.tolist() == ["area"]
    assert "flat" in result.summary()


def test_more_sites_than_shufflings_can_tell_apart_is_noted():
    sites = {f"s{i}": np.random.default_rng(i).standard_normal((60, 2)) for i in range(3)}
    rec = wb.from_arrays(sites, {"label": np.repeat(["a", "b", "c"], 20)})
    result = WordClasses(**{**QUICK, "n_permutations": 19}).fit(rec).result_
    assert all("raise n_permutations" in measure.note for measure in result.measures)


def test_every_site_uses_the_same_rows_and_shuffles():
    x = labelled(300)["area"].to_numpy()
    labels = labelled(300).rows["label"]
    rec = wb.from_arrays({"one": x, "two": x}, {"label": labels})
    result = WordClasses(n_per_class=30, **QUICK).fit(rec).result_
    one, two = (cell(result, "gdv", site=site) for site in ("one", "two"))
    assert (one.value, one.null, one.interval) == (two.value, two.null, two.interval)


@pytest.mark.parametrize("executor", ["serial", "processes"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_memory_disk_and_processes_agree(tmp_path, executor, dtype):
    x = labelled(300)["area"].to_numpy().astype(dtype)
    rec = wb.from_arrays({"one": x, "two": x[:, ::-1]}, labelled(300).rows)
    stored = open_recording(write_recording(rec, tmp_path / "rec", rows_per_shard=37))
    model = WordClasses(n_per_class=30, **QUICK)
    expected = model.fit(rec, threads=1).result_.measures
    assert model.fit(stored, executor=executor, threads=1).result_.measures == expected


def test_only_sampled_rows_are_read():
    x = labelled(3000)["area"].to_numpy().copy()
    rows = labelled(3000).rows
    clean = wb.from_arrays({"area": x}, rows)
    pool, classes, _ = common_classes(label_pool(clean, "label"), 20)
    (sample,) = draw_samples(pool, classes, 25, seed=0)
    untouched = np.setdiff1d(np.arange(3000), sample.rows)
    x[untouched] = np.nan
    model = WordClasses(n_per_class=25, **QUICK)
    with_gaps = model.fit(wb.from_arrays({"area": x}, rows)).result_
    assert np.isfinite(cell(with_gaps, "gdv").value)
    x[sample.rows[3], 1] = np.inf
    with pytest.raises(
        WorkbenchError, match=f"of site 'area' .first: row {sample.rows[3]}, unit 1"
    ):
        model.fit(wb.from_arrays({"area": x}, rows))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"labels": "lable"}, "no labels 'lable'.*did you mean 'label'"),
        ({"sites": "b*"}, "no site 'b\\*'"),
        ({"embeddings": ("pca",)}, "no embedding|embedding 'pca'"),
        ({"dead_units": "keep"}, "dead_units='keep'"),
        ({"n_permutations": 0}, "n_permutations=0"),
        ({"n_bootstrap": 2.5}, "n_bootstrap=2.5"),
        ({"n_per_class": 1}, "n_per_class=1"),
        ({"min_per_class": 50}, "0 classes with at least 50 rows.*'a': 40"),
    ],
)
def test_bad_parameters_are_refused(parameters, said):
    with pytest.raises(UsageError, match=said):
        WordClasses(**{**QUICK, **parameters}).fit(labelled())


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        (labelled(label=["x"] * 120), "one class only, 'x'"),
        (labelled(label=[None] * 120), "no row with a label in column 'label' among 120"),
        (wb.from_arrays({"area": np.zeros((4, 2))}), "no labels 'label'"),
        (wb.from_arrays({"area": np.eye(60)[:, :1]}, {"label": ["a", "b"] * 30}), "one unit only"),
        (labelled(label=np.arange(120)), "0 classes with at least 20"),
    ],
)
def test_bad_recordings_are_refused(recording, said):
    with pytest.raises(UsageError, match=said):
        WordClasses(**QUICK).fit(recording)


def test_all_sites_constant_is_refused():
    rec = wb.from_arrays({"area": np.ones((60, 3))}, {"label": ["a", "b"] * 30})
    with pytest.raises(WorkbenchError, match="no unit that varies"):
        WordClasses(**QUICK).fit(rec)


@pytest.mark.parametrize(
    ("untrained", "said"),
    [
        (labelled(90), "90 rows in the untrained recording and 120"),
        (labelled(label=["a"] * 120), "another column 'label'"),
        (labelled(stimulus=np.arange(120)[::-1]), "another column 'stimulus'"),
        (
            wb.from_arrays({"aera": np.zeros((120, 2))}, labelled().rows),
            "no site 'area' in the untrained recording; did you mean 'aera'",
        ),
    ],
)
def test_an_untrained_recording_of_other_rows_is_refused(untrained, said):
    with pytest.raises(UsageError, match=said):
        WordClasses(**QUICK).fit(labelled(), untrained=untrained)


def test_results_with_pictures_survive_the_disk(tmp_path):
    example = WordClasses.example("planted", seed=0)
    parameters = {**example.parameters, "embeddings": ("mds", "tsne"), "n_picture_rows": 45}
    result = WordClasses(**parameters).fit(example.recording, **example.companions).result_
    again = open_result(result.save(tmp_path / "result"))
    assert again.measures == result.measures
    for name, values in result.data.items():
        assert values.dims == again.data[name].dims
        assert (values.values == again.data[name].values).all()
    picture = again.data["embedding"]
    assert picture.dims == ("method", "site", "picture_row", "axis")
    assert picture.shape == (2, 2, 45, 2)
    assert np.isfinite(picture).all()
    rows = example.recording.rows.iloc[picture["row"].values]
    assert rows["token"].tolist() == picture["token"].values.tolist()
    assert rows["upos"].tolist() == picture["class_own"].values.tolist()
    assert rows["stimulus"].tolist() == picture["stimulus"].values.tolist()
    following = rows["stimulus"] * 8 + rows["position"] + 1
    upos = example.recording.rows["upos"].to_numpy()
    assert upos[following].tolist() == picture["class_next"].values.tolist()
