"""Figures of atoms: from disk, safe to embed, a page for every atom; the scan over sizes."""

import json

import numpy as np
import pytest

import workbench as wb
from analyses.atoms.analysis import Atoms
from analyses.atoms.figures import figures
from analyses.atoms.scan import scale_scan
from workbench.analysis.result import open_result
from workbench.errors import UsageError
from workbench.report.figures import safe_figure

QUICK = {
    "n_atoms": 24,
    "target_l0": 2.0,
    "n_steps": 60,
    "batch_size": 128,
    "n_nulls": 3,
    "n_bootstrap": 19,
    "logits": False,
}
SCRIPT = "<script>alert(1)</script>"
LEARNING = {"target_l0": 3.0, "n_steps": 150, "batch_size": 128}


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    """A result of two sites whose tokens would be markup, read back from disk."""
    generator = np.random.default_rng(0)
    arrays = {name: generator.standard_normal((400, 8)) for name in ("first", "second")}
    rows = {
        "stimulus": np.repeat(np.arange(40), 10),
        "position": np.tile(np.arange(10), 40),
        "token": np.tile([SCRIPT, *(f" t{n}" for n in range(9))], 40),
    }
    recording = wb.from_arrays(arrays, rows, kind="language", address="memory")
    result = Atoms(**QUICK).fit(recording, threads=1).result_
    return open_result(result.save(tmp_path_factory.mktemp("results") / "atoms"))


@pytest.fixture(scope="module")
def vision():
    generator = np.random.default_rng(0)
    arrays = {"conv": generator.standard_normal((60, 6, 4, 5))}
    arrays["flat"] = generator.standard_normal((60, 3))
    recording = wb.from_arrays(arrays, kind="vision")
    return Atoms(**QUICK).fit(recording, threads=1).result_.data


def test_all_figures_are_drawn_of_what_was_read_from_disk(language):
    before = language.data.copy(deep=True)
    drawn = figures(language.data)
    assert len(drawn) == 6
    for title, figure in drawn.items():
        json.loads(figure.to_json())
        assert figure.layout.title.text, title
        assert SCRIPT not in safe_figure(figure, title).script_json()
    assert language.data.identical(before)


def test_axes_say_what_they_show_and_in_which_unit(language):
    for title, figure in figures(language.data).items():
        if any(trace.type in ("scatter", "bar") for trace in figure.data):
            assert figure.layout.xaxis.title.text, title
            assert figure.layout.yaxis.title.text, title


def test_every_site_can_be_chosen(language):
    figure = figures(language.data)["Full table"]
    (menu,) = figure.layout.updatemenus
    assert {button.label for button in menu.buttons} == {"first", "second"}
    assert [trace.visible for trace in figure.data] == [True, False]


def test_every_atom_that_responds_has_a_page(language):
    pages = Atoms.pages(language.data)
    for site, items in pages.items():
        alive = int((language.data["rate"].sel(site=site) > 0).sum())
        assert len(items) == len(set(items)) == alive
        for item in items[:3]:
            (figure,) = Atoms.page(language.data, site, item).values()
            assert SCRIPT not in safe_figure(figure).script_json()


def test_a_page_shows_activations_examples_and_neighbours(language):
    data = language.data
    (item, *_), site = Atoms.pages(data)["first"], "first"
    (figure,) = Atoms.page(data, site, item).values()
    bars, examples, near = figure.data
    atom = int(item.split(":")[0].removeprefix("atom "))
    at = data.sel(site=site)
    assert sum(bars.y) == int(at["activations"].values[atom].sum())
    values = at["example_value"].values[atom]
    assert len(examples.cells.values[0]) == np.isfinite(values).sum()
    assert float(examples.cells.values[1][0]) == pytest.approx(values[0], rel=1e-2)
    assert all("⟦" in text and "⟧" in text for text in examples.cells.values[2])
    assert near.cells.values[0][0] == f"atom {int(at['neighbour'].values[atom, 0])}"


def test_a_page_of_an_image_site_shows_where(vision):
    item = Atoms.pages(vision)["conv"][0]
    shown = Atoms.page(vision, "conv", item)
    assert list(shown)[1] == "Where in the image"
    heat = shown["Where in the image"].data[0]
    assert np.shape(heat.z) == (4, 5)
    flat = Atoms.page(vision, "flat", Atoms.pages(vision)["flat"][0])
    assert len(flat) == 1


def test_the_dashboard_shows_one_atom_at_a_time(language, tmp_path, monkeypatch):
    testing = pytest.importorskip("streamlit.testing.v1")
    language.save(tmp_path / "result")
    monkeypatch.setenv("WORKBENCH_LIBRARY", str(tmp_path))
    script = "from dashboards.views.analysis import show_analysis\nshow_analysis('atoms')"
    app = testing.AppTest.from_string(script, default_timeout=60).run()
    assert not app.exception
    chosen = app.selectbox(key="atoms_item_first")
    assert chosen.options == Atoms.pages(language.data)["first"]
    chosen.select(chosen.options[1]).run()
    assert not app.exception


def noise(n_rows=1200, n_units=16, seed=0):
    return np.random.default_rng(seed).standard_normal((n_rows, n_units)).astype(np.float32)


def test_a_scan_holds_training_and_held_out_r2_of_every_cell():
    scan = scale_scan(noise(), [100, 400], [8, 32], **LEARNING)
    assert scan.data["r2"].dims == ("kind", "rows", "atoms", "part")
    assert scan.data["r2"].shape == (2, 2, 2, 2)
    assert np.isfinite(scan.data["r2"]).all()
    table = scan.table()
    assert len(table) == 8
    assert {"train R2", "held out R2", "l0", "dead"} <= set(table.columns)


def test_on_noise_more_atoms_than_rows_remember_but_do_not_generalise():
    scan = scale_scan(noise(), [60], [8, 240], null=False, **{**LEARNING, "n_steps": 600})
    r2 = scan.data["r2"].sel(kind="data", rows=60)
    gap = r2.sel(part="train") - r2.sel(part="held out")
    assert float(r2.sel(part="train", atoms=240)) > float(r2.sel(part="train", atoms=8))
    assert float(gap.sel(atoms=240)) > float(gap.sel(atoms=8)) + 0.2


def test_a_scan_holds_groups_out_as_a_whole():
    # Rows of a group are equal: were they held out one by one, remembering them would pay.
    rows = np.repeat(noise(60), 20, axis=0)
    groups = np.repeat(np.arange(60), 20)
    learning = {**LEARNING, "n_steps": 400, "null": False}
    apart, together = (
        float(scale_scan(rows, [900], [64], groups=each, **learning).data["r2"].values[0, 0, 0, 1])
        for each in (groups, None)
    )
    assert together > apart + 0.2


def test_the_picture_of_a_scan_has_both_curves_of_every_number_of_rows():
    figure = scale_scan(noise(), [100, 400], [8, 32], **LEARNING).figure()
    names = [trace.name for trace in figure.data]
    assert names[:4] == [
        "100 rows, train",
        "100 rows, held out",
        "400 rows, train",
        "400 rows, held out",
    ]
    assert len(names) == 8
    json.loads(figure.to_json())


@pytest.mark.parametrize(
    ("rows", "atoms", "message"),
    [
        (
            [2000],
            [8],
            r"Found 960 rows to learn from, beside those held out; expected at least 2000",
        ),
        ([], [8], r"Found n_rows_grid=\[\]; expected whole numbers of at least 2"),
        ([100], [1], r"Found n_atoms_grid=\[1\]; expected whole numbers of at least 2"),
    ],
)
def test_grids_that_make_no_sense_are_refused(rows, atoms, message):
    with pytest.raises(UsageError, match=message):
        scale_scan(noise(), rows, atoms, **LEARNING)


def test_groups_of_another_length_are_refused():
    with pytest.raises(UsageError, match=r"Found groups of shape \(3,\); expected \(1200,\)"):
        scale_scan(noise(), [100], [8], groups=[0, 1, 2], **LEARNING)
