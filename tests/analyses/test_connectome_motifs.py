"""Motifs: planted ones found, shifted traces not; animals joined and aligned; wiring predicted."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.metrics import roc_auc_score

from analyses.connectome import DynamicConnectome, predict_wiring
from analyses.connectome.atlas import make_atlas
from analyses.connectome.cohort import Preparation, make_cohort
from analyses.connectome.factors import Factors, loading_support
from analyses.connectome.graphs import motif_graph
from analyses.connectome.motifs import shifted
from analyses.connectome.planted import Planted, planted
from analyses.connectome.scores import motif_scores
from analyses.connectome.wiring import area_difference, rewirings, weighted_auc
from workbench.errors import UsageError

SMALL = {"rank": 3, "n_null": 19, "n_restarts": 1, "method": "louvain"}


@pytest.fixture(scope="module")
def worms() -> Planted:
    """Six worms, two motifs, a tenth of the neurons missing."""
    return planted(1, n_animals=6, n_frames=160, n_neurons=20, n_motifs=2)


@pytest.fixture(scope="module")
def fitted(worms: Planted) -> DynamicConnectome:
    """The same, fitted."""
    names = [f"N{number:02d}" for number in range(20)]
    stimuli = [("salt", 20, 46), ("light", 66, 93)]
    where = {name: (float(n), 0.0, 1.0) for n, name in enumerate(names)}
    return DynamicConnectome(**SMALL).fit(worms.traces, names, stimuli=stimuli, positions=where)


def test_planted_motifs_are_found_in_time_animals_and_pairs(
    worms: Planted, fitted: DynamicConnectome
) -> None:
    time = np.stack([each.time for each in fitted.motifs_], 1)
    animals = np.stack([list(each.animals.values()) for each in fitted.motifs_], 1)
    pairs = np.stack([each.pairs for each in fitted.motifs_], 1)
    assert np.nanmin(motif_scores(time, animals, pairs, worms)) >= 0.95
    assert [each.beats_null for each in fitted.motifs_][::2] == [True, False]
    assert fitted.held_out_error_ < fitted.held_out_null_.mean
    assert all(low < each.excess < high for each in fitted.motifs_ for low, high in [each.interval])


def test_what_is_fitted_fits_together(worms: Planted, fitted: DynamicConnectome) -> None:
    assert len(fitted.motifs_) == len(fitted.graphs_) == len(fitted.hierarchy_) == fitted.rank_ == 3
    for motif, graph, hierarchy in zip(
        fitted.motifs_, fitted.graphs_, fitted.hierarchy_, strict=True
    ):
        assert isinstance(graph, nx.Graph)
        assert list(graph) == fitted.names_
        assert graph.nodes["N03"]["position"] == (3.0, 0.0, 1.0)
        assert set(hierarchy.communities) == set(graph)
        assert motif.graph is graph
    core = [fitted.names_[place] for place in np.flatnonzero(worms.neurons[0])]
    inside = np.mean(
        [w for a, b, w in fitted.graphs_[0].edges(data="weight") if a in core and b in core]
    )
    outside = np.mean(
        [w for a, b, w in fitted.graphs_[0].edges(data="weight") if a not in core or b not in core]
    )
    other = [fitted.names_[place] for place in np.flatnonzero(worms.neurons[1])]
    swapped = np.mean(
        [w for a, b, w in fitted.graphs_[0].edges(data="weight") if a in other and b in other]
    )
    assert max(inside, swapped) > 3 * outside
    atlas = fitted.atlas_
    assert list(atlas.columns) == ["light", "salt", "selectivity", "p"]
    assert set(atlas.loc[:2, ["light", "salt"]].idxmax(axis=1)) == {"light", "salt"}


def test_animals_are_joined_by_name_whatever_their_order(generator: np.random.Generator) -> None:
    traces = gaussian_filter1d(generator.normal(size=(2, 80, 5)), 2, axis=1)
    names = ["AVA", "AVB", "RIM", "AIB", "RME"]
    order = [4, 2, 0, 3, 1]
    shared = make_cohort({"a": traces[0], "b": traces[1]}, names)
    mixed = make_cohort(
        {"a": traces[0], "b": traces[1][:, order]}, {"a": names, "b": [names[n] for n in order]}
    )
    assert mixed.neurons == sorted(names)
    back = [mixed.neurons.index(name) for name in shared.neurons]
    np.testing.assert_array_equal(mixed.scaled[:, :, back], shared.scaled)


def test_animals_are_aligned_by_their_stimuli(generator: np.random.Generator) -> None:
    common = gaussian_filter1d(generator.normal(size=(400, 4)), 3, axis=0)
    first, second = common[:300], common[40:340]
    clocks = {"a": np.arange(300) * 0.25, "b": 5 + np.arange(300) * 0.25}
    # What happens at frame 100 of the first happens at frame 60 of the second.
    stimuli = {"a": [("salt", 25.0, 35.0)], "b": [("salt", 20.0, 31.0)]}
    cohort = make_cohort(
        {"a": first, "b": second}, times=clocks, stimuli=stimuli, preparation=Preparation(margin=2)
    )
    assert cohort.scaled.shape == (2, 56, 4)
    assert (cohort.labels == "salt").sum(axis=1).tolist() == [40, 40]
    alike = np.corrcoef(cohort.scaled[0].ravel(), cohort.scaled[1].ravel())[0, 1]
    assert alike > 0.999


def test_uneven_times_are_interpolated(generator: np.random.Generator) -> None:
    grid = np.arange(400) * 0.5
    uneven = np.sort(grid + generator.uniform(-0.1, 0.1, 400))
    frequencies = np.array([0.02, 0.035, 0.05])
    even, bent = (np.sin(2 * np.pi * t[:, None] * frequencies) for t in (grid, uneven))
    truth = make_cohort(even, times=grid).scaled[0]
    found = make_cohort(bent, times=uneven).scaled[0]
    n = min(len(truth), len(found))
    assert np.abs(found[20 : n - 20] - truth[20 : n - 20]).max() < 0.1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"names": ["a", "b", "a", "c"]}, r"\['a'\] more than once in animal 0"),
        ({"names": ["a", "b", "c"]}, "3 names and 4 neurons"),
        ({"names": ["a", "b", "", "c"]}, "without a name"),
        ({"times": np.arange(60.0)[::-1]}, "do not rise"),
        ({"times": np.arange(50.0)}, "one time a frame"),
        ({"stimuli": [("salt", 20, 10)]}, "its onset before its offset"),
        ({"stimuli": [("salt", 10, 20), ("light", 15, 25)]}, "do not overlap"),
        ({"stimuli": [[("salt", 10, 20)], [("light", 10, 20)]]}, "the same ones equally often"),
        ({"stimuli": [[("salt", 10, 20)], [("salt", 55, 75)]]}, "lower margin="),
        ({"times": [np.arange(60.0), 10 + np.arange(60.0)]}, "time axes that do not match"),
    ],
)
def test_bad_cohorts_are_refused(given: dict, message: str, generator: np.random.Generator) -> None:
    with pytest.raises(UsageError, match=message):
        make_cohort(generator.normal(size=(2, 60, 4)), **given)


def test_animals_of_other_lengths_or_sizes_are_refused(generator: np.random.Generator) -> None:
    one, longer = generator.normal(size=(60, 4)), generator.normal(size=(70, 4))
    with pytest.raises(UsageError, match="time axes that do not match"):
        make_cohort([one, longer])
    with pytest.raises(UsageError, match="expected names= by animal"):
        make_cohort([one, generator.normal(size=(60, 5))])
    with pytest.raises(UsageError, match="at least 3"):
        make_cohort(one[:, :2])
    with pytest.raises(UsageError, match="n_null=0"):
        DynamicConnectome(n_null=0).fit(one)


def test_a_neuron_that_no_animal_has_is_left_out(generator: np.random.Generator) -> None:
    traces = generator.normal(size=(2, 60, 5))
    traces[:, :, 3] = np.nan
    cohort = make_cohort(traces, list("abcde"))
    assert cohort.neurons == ["a", "b", "c", "e"]
    assert cohort.missing == ("d",)


def test_shifting_keeps_every_course_and_breaks_relations(generator: np.random.Generator) -> None:
    scaled = np.repeat(generator.normal(size=(1, 200, 1)), 3, axis=2)
    turned = shifted(scaled, generator)
    np.testing.assert_array_equal(np.sort(turned, axis=1), np.sort(scaled, axis=1))
    assert np.abs(np.corrcoef(turned[0].T)[np.triu_indices(3, 1)]).max() < 0.5


def test_support_counts_where_a_pair_was_shown() -> None:
    factors = Factors(
        np.array([[1.0], [0.0]]), np.array([[0.6], [0.8]]), np.ones((2, 1)), np.ones(1)
    )
    shown = np.array([[[True, False], [False, True]]])
    np.testing.assert_allclose(loading_support(factors, shown), [[0.36], [0.64]])
    in_time = np.array([[[True, False]] * 2, [[False, True]] * 2])
    np.testing.assert_allclose(loading_support(factors, in_time), [[1.0], [0.0]])


def test_the_atlas_shifts_shared_stimuli_together(generator: np.random.Generator) -> None:
    slow = gaussian_filter1d(generator.normal(size=200), 8)
    expression = np.repeat(slow[:, None, None], 6, axis=1)
    labels = np.tile(np.where(np.arange(200) // 25 % 2, "on", ""), (6, 1))
    together = make_atlas(expression, labels)
    assert together is not None
    # Six equal animals say no more than one: the null must be as wide.
    alone = make_atlas(expression[:, :1], labels[:1])
    assert alone is not None
    np.testing.assert_allclose(together.null.std(), alone.null.std(), rtol=1e-6)
    assert make_atlas(expression, np.full((6, 200), "")) is None


def test_area_is_that_of_scikit_learn(generator: np.random.Generator) -> None:
    truth = generator.random(300) < 0.3
    values = np.round(generator.normal(size=300) + truth, 1)
    weights = generator.integers(0, 4, 300).astype(float)
    ours = weighted_auc(values, truth, weights)
    assert ours == pytest.approx(roc_auc_score(truth, values, sample_weight=weights), abs=1e-12)


def test_rewiring_keeps_degrees_and_measured_pairs(generator: np.random.Generator) -> None:
    wired = generator.random(190) < 0.3
    measured = generator.random(190) < 0.8
    graph = motif_graph((wired & measured).astype(float), [str(n) for n in range(20)])
    for each in rewirings(wired, measured, 3, generator):
        again = motif_graph(each.astype(float), list(graph))
        assert dict(again.degree()) == dict(graph.degree())
        assert not (each & ~measured).any()
        assert (each != (wired & measured)).any()


def test_wiring_is_predicted_beyond_degrees_only_where_it_is_known(
    generator: np.random.Generator,
) -> None:
    hub = generator.random(20) ** 2
    first, second = np.triu_indices(20, 1)
    degree = hub[first] + hub[second]
    wired = generator.random(190) < 0.1 + 0.4 * degree
    values = {"degree": degree, "truth": wired + 0.5 * generator.normal(size=190)}
    found = predict_wiring(values, wired, n_draws=200, n_null=50)
    assert found["degree"].auc > 0.6
    assert found["degree"].auc - found["degree"].null_mean < 0.05
    assert found["truth"].p_value < 0.05
    assert found["truth"].interval[0] < found["truth"].auc < found["truth"].interval[1]
    difference, (low, high), p_value = area_difference(found["truth"], found["degree"])
    assert low <= difference <= high
    assert p_value < 0.05
    with pytest.raises(UsageError, match="at least 5"):
        predict_wiring(values, np.zeros(190, bool))
    with pytest.raises(UsageError, match="finite value for every measured pair"):
        predict_wiring({"holes": np.full(190, np.nan)}, wired)
