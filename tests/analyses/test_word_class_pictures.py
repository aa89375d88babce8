"""Embeddings keep what they promise; figures show every class, site and label, and escape text."""

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform

import workbench as wb
from analyses.word_classes import WordClasses
from analyses.word_classes.embeddings import classical_scaling, embed
from analyses.word_classes.figures import COLOURS, SYMBOLS, figures
from workbench.analysis.drawing import short_names


def two_clouds():
    generator = np.random.default_rng(0)
    points = generator.standard_normal((60, 8))
    points[30:] += 6
    return squareform(pdist(points))


@pytest.mark.parametrize("method", ["mds", "tsne", "umap"])
def test_clouds_far_apart_stay_apart_and_seeds_decide(method):
    distances = two_clouds()
    placed = embed(distances, method, seed=0)
    assert placed.shape == (60, 2)
    assert np.isfinite(placed).all()
    between = placed[:, None] - placed[None]
    nearest = (np.hypot(*between.transpose(2, 0, 1)) + 1e9 * np.eye(60)).argmin(axis=1)
    assert ((nearest < 30) == (np.arange(60) < 30)).mean() > 0.95
    assert (embed(distances, method, seed=0) == placed).all()


def test_points_of_a_plane_are_placed_exactly():
    points = np.random.default_rng(1).standard_normal((40, 2)) * [3, 1]
    distances = squareform(pdist(points))
    for placed in (classical_scaling(distances), embed(distances, "mds", seed=0)):
        assert procrustes(points, placed)[2] < 1e-6


def test_equal_points_can_be_placed():
    assert np.isfinite(embed(np.zeros((20, 20)), "mds", seed=0)).all()
    assert np.isfinite(embed(np.zeros((20, 20)), "tsne", seed=0)).all()


@pytest.fixture(scope="module")
def data():
    example = WordClasses.example("planted", seed=0)
    rows = example.recording.rows.copy()
    rows["token"] = "<b>" + rows["token"].astype(str)
    marked = wb.from_arrays(
        {site: example.recording[site].to_numpy() for site in example.recording.sites},
        rows,
        kind="language",
    )
    parameters = {**example.parameters, "embeddings": "mds", "n_picture_rows": 30}
    return WordClasses(**parameters).fit(marked, **example.companions).result_.data


def test_every_figure_has_a_title_and_named_axes(data):
    drawn = figures(data)
    assert list(drawn) == ["Separation by site", "Distances between classes", "MDS picture"]
    for figure in drawn.values():
        assert figure.layout.title.text
        assert figure.layout.title.subtitle.text
        assert figure.layout.xaxis.title.text
        assert figure.layout.yaxis.title.text
        assert figure.layout.height


def test_separation_shows_both_labels_trained_and_untrained_beside_the_null(data):
    names = [trace.name for trace in figures(data)["Separation by site"].data]
    assert names == [
        "shuffled labels (95 % range)",
        "last input word",
        "last input word, untrained",
        "next word",
        "next word, untrained",
    ]


def test_pictures_offer_every_site_and_label_and_show_one(data):
    figure = figures(data)["MDS picture"]
    (menu,) = figure.layout.updatemenus
    assert len(menu.buttons) == 4
    shown = [trace for trace in figure.data if trace.visible]
    assert [trace.name for trace in shown] == ["ADJ", "NOUN", "VERB"]
    assert sum(len(trace.x) for trace in shown) == 30
    looks = {(trace.marker.color, trace.marker.symbol) for trace in shown}
    assert len({colour for colour, _ in looks}) == len({symbol for _, symbol in looks}) == 3
    for button in menu.buttons:
        assert sum(button.args[1]) == 3


def test_text_from_data_is_escaped(data):
    for trace in figures(data)["MDS picture"].data:
        assert all(text.startswith("&lt;b&gt;") for text in trace.hovertext)


def test_no_two_classes_look_alike():
    looks = {(COLOURS[i % len(COLOURS)], SYMBOLS[i % len(SYMBOLS)]) for i in range(72)}
    assert len(looks) == 72


def test_short_names_stay_different():
    names = [f"blocks.{i}.{hook}" for i in range(3) for hook in ("hook_z", "attn.hook_q")]
    assert short_names(names) == [name.removeprefix("blocks.") for name in names]
    long = [f"{'x' * 40}{i}{'y' * 40}" for i in range(2)]
    assert short_names(long) == long
    assert short_names(["a.b", "a.b.c"]) == ["a.b", "a.b.c"]
