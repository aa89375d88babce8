"""The plugin of atoms: honest splits, every null beaten or none, clear refusals."""

import numpy as np
import pytest
from noise_recordings import series, texts

import workbench as wb
from analyses.atoms.analysis import Atoms
from analyses.atoms.columns import ATOMS, DICTIONARIES, STATISTICS
from analyses.atoms.comparing import Observed, compare
from analyses.atoms.logits import find_unembedding
from workbench.errors import UsageError, WorkbenchError
from workbench.testing import check_analysis

QUICK = {
    "n_atoms": 24,
    "target_l0": 2.0,
    "n_steps": 60,
    "batch_size": 128,
    "n_nulls": 3,
    "n_bootstrap": 19,
    "logits": False,
}


@pytest.fixture(scope="module")
def planted():
    example = Atoms.example("planted", 0)
    return Atoms(**{**example.parameters, "n_steps": 400}).fit(example.recording, threads=1).result_


def test_it_keeps_the_contract_of_analyses():
    assert set(check_analysis(Atoms).values()) == {"passed"}


def test_repeated_rows_of_a_model_are_no_test_and_those_of_a_brain_are():
    recording = texts(n_texts=40)
    x = recording["layer"].to_numpy()
    x[::10] = x[0]
    rows = recording.rows
    model, brain = (
        wb.from_arrays({"layer": x}, rows, kind=kind, address="same")
        for kind in ("language", "brain")
    )
    left_out = [
        int(Atoms(**QUICK).fit(each, threads=1).result_.data["n_repeated"][0])
        for each in (model, brain)
    ]
    assert left_out == [8, 0]


def test_a_number_must_beat_every_null():
    found = Observed(np.array([0.8]), np.random.default_rng(0).normal(0.8, 0.01, 200))
    weak = Observed(np.array([0.10, 0.11, 0.12]))
    strong = Observed(np.array([0.79, 0.80, 0.81]))
    fixed = Observed(np.array([0.5]), np.random.default_rng(1).normal(0.5, 0.01, 200))
    alone = compare(found, {"weak": weak, "fixed": fixed}, 1)
    assert alone is not None
    assert alone.p_value < 0.01
    both = compare(found, {"weak": weak, "strong": strong, "fixed": fixed}, 1)
    assert both is not None
    assert (both.name, both.p_value > 0.2) == ("strong", True)


def test_less_is_better_where_it_is_said_so():
    found, null = Observed(np.array([0.1])), {"noise": Observed(np.array([0.5, 0.52, 0.48]))}
    less, more = compare(found, null, -1), compare(found, null, 1)
    assert less is not None
    assert more is not None
    assert less.p_value < 0.01 < more.p_value == 1.0


def test_equal_draws_are_beaten_as_often_as_chance_allows():
    generator = np.random.default_rng(0)
    p_values = []
    for _ in range(400):
        draws = generator.normal(size=5)
        result = compare(Observed(draws[:1]), {"noise": Observed(draws[1:])}, 1)
        assert result is not None
        p_values.append(result.p_value)
    # One in twenty, within three standard errors.
    assert abs(np.mean(np.array(p_values) <= 0.05) - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 400)


def test_planted_atoms_beat_every_null_on_held_out_stimuli(planted):
    (measure,) = [each for each in planted.measures if each.name == "held-out R2"]
    assert measure.beats_null
    assert measure.interval[0] > measure.null.mean
    assert "explain more here than neurons, random dictionaries" in planted.summary()


def test_on_noise_the_summary_says_that_nothing_is_beaten():
    example = Atoms.example("noise", 1)
    result = Atoms(**example.parameters).fit(example.recording, threads=1).result_
    (measure,) = [each for each in result.measures if each.name == "held-out R2"]
    assert not measure.beats_null
    assert "Held-out R2 does not beat its strongest null" in result.summary()


def test_the_table_holds_every_dictionary_and_statistic(planted):
    values = planted.data["value"].isel(site=0)
    assert values["dictionary"].values.tolist() == list(DICTIONARIES)
    assert values["statistic"].values.tolist() == [each.name for each in STATISTICS]
    assert np.isfinite(values.sel(dictionary=ATOMS)).all()
    assert np.isfinite(values.sel(statistic="held-out R2")).all()


def test_a_memoriser_meets_both_published_criteria_and_a_whitened_basis_the_second(planted):
    values = planted.data["value"].isel(site=0)
    memoriser = values.sel(dictionary="nearest training row")
    assert float(memoriser.sel(statistic="train R2")) == 1.0
    assert float(memoriser.sel(statistic="q* over pairs")) == 1.0
    whitened = values.sel(dictionary="whitened basis", statistic="q* over pairs")
    assert float(whitened) == pytest.approx(1.0)


def test_all_neurons_explain_everything(planted):
    neurons = planted.data["value"].isel(site=0).sel(dictionary="neurons, all")
    assert float(neurons.sel(statistic="held-out R2")) == 1.0
    assert float(neurons.sel(statistic="L0")) == 16.0


def test_training_r2_is_never_a_finding(planted):
    (measure,) = [each for each in planted.measures if each.name == "train R2"]
    assert measure.beats_null is False
    assert measure.null.mean == 1.0


def test_a_brain_recording_has_atoms_with_spans_of_time():
    result = Atoms(**QUICK).fit(series(), threads=1).result_
    shown = [str(text) for text in result.data["example_text"].values.ravel() if str(text)]
    assert result.data.attrs["unit"] == "blocks of time"
    assert shown
    assert all("time" in text for text in shown)


def test_an_image_site_has_maps_of_where_atoms_respond():
    generator = np.random.default_rng(0)
    values = generator.standard_normal((40, 6, 4, 5))
    recording = wb.from_arrays({"conv": values}, kind="vision")
    data = Atoms(**QUICK).fit(recording, threads=1).result_.data
    maps, shown = data["example_map"].values[0], data["example_value"].values[0, :, :3]
    known = np.isfinite(shown)
    assert maps.shape[2:] == (4, 5) or maps.shape[3:] == (4, 5)
    peaks = np.nanmax(maps[known], axis=(1, 2))
    assert (peaks >= shown[known] * (1 - 1e-5)).all()


def test_sites_of_unequal_width_stand_in_one_result():
    generator = np.random.default_rng(0)
    arrays = {
        "wide": generator.standard_normal((300, 9)),
        "thin": generator.standard_normal((300, 4)),
    }
    parameters = {**QUICK, "n_atoms": None, "expansion": 2.0}
    data = Atoms(**parameters).fit(wb.from_arrays(arrays), threads=1).result_.data
    assert data["n_atoms"].values.tolist() == [18, 8]
    assert np.isnan(data["rate"].values[1, 8:]).all()


def test_logit_effects_are_what_a_small_step_does_to_the_logits(tmp_path):
    import torch

    from workbench.demo.language import folder
    from workbench.subjects.language.loading import load_network

    recording = wb.capture(
        "demo:language", sites="blocks.3.hook_resid_post", max_rows=20, out=tmp_path / "r"
    )
    found = find_unembedding(recording)
    assert not isinstance(found, str), found
    model = load_network(str(folder("final")), "cpu", "float32").plain
    generator = torch.Generator().manual_seed(0)
    stream = torch.randn(128, generator=generator, dtype=torch.float64)
    atom = torch.randn(128, generator=generator, dtype=torch.float64)
    stream -= stream.mean()
    centred = atom - atom.mean()
    # Along the stream itself the norm takes any step back.
    atom = centred - stream * (centred @ stream) / (stream @ stream)
    model = model.double()

    def logits(values):
        return model.lm_head(model.transformer.ln_f(values)).detach()

    step = (logits(stream + 1e-4 * atom) - logits(stream - 1e-4 * atom)) / 2e-4
    step = (step - step.mean()) * stream.std(correction=0)
    tokens, effects = found.extremes(atom[None].numpy())
    assert effects[0, 0] == pytest.approx(float(step.max()), rel=1e-3)
    assert effects[0, 6] == pytest.approx(float(step.min()), rel=1e-3)
    assert tokens[0, 0] == found.tokens[int(step.argmax())]


def test_other_weights_than_those_recorded_are_not_asked(tmp_path):
    recording = wb.capture(
        "demo:language@initial", sites="blocks.0.hook_resid_post", max_rows=20, out=tmp_path / "r"
    )
    recording.manifest.subject["address"] = "demo:language@final"
    assert find_unembedding(recording) == (
        "the weights at its address are others than those recorded"
    )


def test_a_site_without_new_held_out_rows_is_left_out_and_named():
    recording = texts()
    few = np.random.default_rng(1).standard_normal((4, 8))
    arrays = {"layer": recording["layer"].to_numpy(), "embedding": few[np.arange(300) % 4]}
    result = Atoms(**QUICK).fit(wb.from_arrays(arrays, recording.rows, kind="language"), threads=1)
    assert result.result_.data["site"].values.tolist() == ["layer"]
    assert "no held-out row is new: embedding." in result.result_.summary()


def test_normal_data_are_compared_at_the_l0_that_the_atoms_have(planted):
    values = planted.data["value"].isel(site=0).sel(statistic="L0")
    atoms, noise = (float(values.sel(dictionary=name)) for name in (ATOMS, "Gaussian data"))
    assert noise == pytest.approx(atoms, rel=0.1)


def test_activity_that_is_not_finite_is_refused():
    recording = texts()
    x = recording["layer"].to_numpy()
    x[3, 2] = np.nan
    spoilt = wb.from_arrays({"layer": x}, recording.rows, kind="language")
    with pytest.raises(WorkbenchError, match=r"1 of 300 observations at site 'layer' with NaN"):
        Atoms(**QUICK).fit(spoilt)


def test_constant_activity_is_refused():
    recording = wb.from_arrays({"layer": np.ones((100, 4))})
    with pytest.raises(UsageError, match="no unit that varies at site 'layer'"):
        Atoms(**QUICK).fit(recording)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_seeds": 0}, "Found n_seeds=0; expected a whole number of at least 1"),
        ({"n_nulls": 2}, "Found n_nulls=2; expected a whole number of at least 3"),
        ({"test_fraction": 1.0}, "Found test_fraction=1.0; expected a share between 0 and 1"),
        ({"target_l0": 0.0}, "Found target_l0=0.0; expected more than 0"),
        ({"target_l0": 99.0}, "Found target_l0=99.0 for 24 atoms at site 'layer'"),
        ({"n_atoms": 1}, "Found n_atoms=1; expected a whole number of at least 2"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters, message):
    with pytest.raises(UsageError, match=message):
        Atoms(**{**QUICK, **parameters}).fit(texts())


def test_epochs_take_the_place_of_steps():
    recording = texts()
    steps = {**QUICK, "n_steps": 8, "batch_size": 30}
    # 240 rows to learn from, so that an epoch is eight batches.
    first, second = (
        Atoms(**each).fit(recording, threads=1).result_.data["value"]
        for each in (steps, {**steps, "n_steps": 999, "epochs": 1})
    )
    assert first.equals(second)


def test_fewer_rows_than_atoms_are_said():
    result = Atoms(**{**QUICK, "n_atoms": 400}).fit(texts(n_texts=30), threads=1).result_
    assert "enough room to memorise" in result.summary()
