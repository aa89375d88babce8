"""Rows of atoms: what is held out, what is a repeat, which rows show an atom, and what they are."""

import numpy as np
import pandas as pd
import pytest
from noise_recordings import series, texts
from scipy.sparse import csr_matrix

import workbench as wb
from analyses.atoms.contexts import Contexts, Shown
from analyses.atoms.evaluating import single_row_share
from analyses.atoms.memorisers import nearest_rows
from analyses.atoms.reading import MOST_PLACES, observe
from analyses.atoms.repeats import repeated
from analyses.atoms.sampling import EDGE, draw_split
from analyses.atoms.tops import EXAMPLES, N_TOP, find_tops
from workbench.analysis.site_rows import SiteRows
from workbench.errors import UsageError


def test_a_stimulus_is_learned_from_or_held_out_as_a_whole():
    split = draw_split(texts(), 10_000, 0.3, seed=0)
    held_out = set(split.groups[split.held_out].tolist())
    assert len(split.rows) == 300
    assert len(held_out) == 9
    assert not held_out & set(split.groups[~split.held_out].tolist())


def test_the_split_does_not_depend_on_the_order_of_rows():
    recording = texts()
    order = np.random.default_rng(3).permutation(recording.n_rows)
    shuffled = recording.select(rows=order)
    first, second = (draw_split(each, 150, 0.2, seed=1) for each in (recording, shuffled))
    assert order[second.rows].tolist() == first.rows.tolist()
    assert second.held_out.tolist() == first.held_out.tolist()


def test_a_long_series_is_held_out_in_blocks_without_their_ends():
    split = draw_split(series(), 10_000, 0.2, seed=0)
    assert split.unit == "blocks of time"
    held_out, train = split.rows[split.held_out], split.rows[~split.held_out]
    length = 2000 / 40
    nearest = np.abs(held_out[:, None] - train[None]).min(axis=1)
    assert nearest.min() > EDGE * length - 1
    assert not np.isin(held_out, train).any()


def test_steps_in_time_follow_each_other_within_a_session_only():
    split = draw_split(series(sessions=2), 10_000, 0.2, seed=0)
    before = np.flatnonzero(split.follows) - 1
    assert (split.rows[before + 1] == split.rows[before] + 1).all()
    start = np.flatnonzero(split.rows == 1000)
    assert not split.follows[start].any()


def test_trials_of_a_session_are_held_out_as_a_whole():
    recording = series()
    rows = recording.rows.assign(trial=np.repeat(np.arange(20), 100))
    trials = wb.from_arrays({"area": recording["area"].to_numpy()}, rows, kind="brain")
    split = draw_split(trials, 10_000, 0.2, seed=0)
    assert split.unit == "trials"
    assert len(split.rows) == 2000
    assert len(set((split.rows[split.held_out] // 100).tolist())) == 4


def test_few_stimuli_are_refused():
    with pytest.raises(UsageError, match=r"Found 3 stimuli; expected at least 4, to hold some out"):
        draw_split(texts(n_texts=3), 100, 0.2, seed=0)


def test_places_of_an_image_are_observations_of_its_row():
    values = np.random.default_rng(0).standard_normal((5, 3, 4, 6))
    source = SiteRows.of(wb.from_arrays({"map": values}), "map", np.arange(5))
    found = observe(source, 10_000, seed=0)
    assert found.activity.shape == (5 * MOST_PLACES, 3)
    for n in (0, 7, 39):
        y, x = np.unravel_index(found.place[n], (4, 6))
        assert np.allclose(found.activity[n], values[found.row[n], :, y, x])


def test_fewer_places_are_taken_where_there_are_many_images():
    values = np.zeros((100, 2, 3, 3)) + np.arange(100)[:, None, None, None]
    source = SiteRows.of(wb.from_arrays({"map": values}), "map", np.arange(100))
    assert len(observe(source, 250, seed=0).activity) == 200


def test_rows_that_were_learned_from_are_recognised_up_to_rounding():
    generator = np.random.default_rng(0)
    train = generator.standard_normal((2000, 12)).astype(np.float32)
    again = train[:500] * (1 + 1e-7)
    new = generator.standard_normal((500, 12)).astype(np.float32)
    assert repeated(train, again).mean() > 0.98
    assert repeated(train, new).sum() == 0


def test_examples_are_the_strongest_rows_and_rows_at_quantiles():
    generator = np.random.default_rng(0)
    dense = np.maximum(0, generator.standard_normal((300, 4)))
    tops = find_tops(csr_matrix(dense), np.zeros(300, dtype=bool))
    for atom in range(4):
        strongest = np.argsort(-dense[:, atom])
        assert tops.example[atom, :N_TOP].tolist() == strongest[:N_TOP].tolist()
        assert np.allclose(tops.value[atom], dense[tops.example[atom], atom])
        assert (np.diff(tops.value[atom, N_TOP:]) < 0).all()
    assert np.allclose(tops.rate, (dense > 0).mean(axis=0))
    assert tops.histogram.sum(axis=1).tolist() == (dense > 0).sum(axis=0).tolist()


def test_of_a_span_of_time_only_the_peak_is_shown():
    activity = np.array([0, 1, 3, 2, 0, 0, 5, 4, 0, 1.0])[:, None]
    follows = np.array([0, 1, 1, 1, 1, 1, 1, 0, 1, 1], dtype=bool)
    tops = find_tops(csr_matrix(activity), follows)
    assert tops.example[0, :5].tolist() == [6, 7, 2, 9, -1]
    assert tops.first[0, :3].tolist() == [6, 7, 1]
    assert tops.last[0, :3].tolist() == [6, 7, 3]


def test_of_equal_activations_one_is_shown_first():
    activity = np.array([5.0, 5.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5])[:, None]
    tops = find_tops(csr_matrix(activity), np.zeros(8, dtype=bool))
    assert tops.example[0, :5].tolist() == [0, 3, 4, 5, 6]


def test_an_atom_that_never_fires_has_no_examples():
    tops = find_tops(csr_matrix((5, 2)), np.zeros(5, dtype=bool))
    assert (tops.example == -1).all()
    assert np.isnan(tops.value).all()
    assert len(EXAMPLES) == tops.example.shape[1]


def test_a_token_is_marked_among_its_neighbours_of_the_same_text():
    rows = {
        "stimulus": [0, 0, 1, 1, 1],
        "position": [0, 1, 2, 0, 1],
        "token": ["one", " two", " c", "a", " b"],
    }
    contexts = Contexts(wb.from_arrays({"a": np.zeros((5, 2))}, rows, kind="language"))
    described = [contexts.describe(Shown(row, row, row), ()) for row in range(5)]
    assert described == ["⟦one⟧ two", "one⟦ two⟧", "a b⟦ c⟧", "⟦a⟧ b c", "a⟦ b⟧ c"]


def test_pieces_of_words_are_joined():
    rows = {"stimulus": [0, 0, 0], "position": [0, 1, 2], "token": ["un", "##able", "to"]}
    contexts = Contexts(wb.from_arrays({"a": np.zeros((3, 2))}, rows, kind="language"))
    assert contexts.describe(Shown(2, 2, 2), ()) == "unable ⟦to⟧"


def test_images_and_spans_of_time_are_described():
    stimuli = pd.DataFrame({"digit": [7, 3]})
    images = wb.from_arrays({"a": np.zeros((2, 2))}, stimuli=stimuli, kind="vision")
    assert Contexts(images).describe(Shown(1, 1, 1, place=7), (4, 5)) == (
        "stimulus 1 (digit 3) at y 1, x 2 of 4 x 5"
    )
    assert Contexts(series()).describe(Shown(12, 10, 15), ()).endswith("time 1 to 1.5 (peak 1.2)")


def test_the_nearest_training_row_is_the_nearest():
    generator = np.random.default_rng(0)
    known = generator.standard_normal((300, 5)).astype(np.float32)
    rows = generator.standard_normal((700, 5)).astype(np.float32)
    distances = np.linalg.norm(rows[:, None] - known[None], axis=2)
    assert np.array_equal(nearest_rows(known, rows), known[distances.argmin(axis=1)])


def test_the_share_of_single_rows_leaves_dead_atoms_out():
    assert single_row_share(np.array([0, 0, 1, 1, 5, 9])) == 0.5
    assert single_row_share(np.zeros(3, dtype=int)) == 0.0
