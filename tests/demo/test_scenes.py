"""Rendered scenes: every pixel, word and description is what it says it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.demo.scene_language import Either, Phrase, Without, parse, same_meaning
from workbench.demo.scene_layout import Choices
from workbench.demo.scene_words import COLOURS, KINDS, NOUNS, POSITIONS, SHAPES, TEXTURES
from workbench.demo.scenes import Glyphs, Scenes, render
from workbench.errors import UsageError


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    """Five hundred scenes of all words."""
    return render(500, seed=3, size=32)


@pytest.fixture(scope="module")
def with_digits() -> Scenes:
    """Scenes with one bright square of ink as their digit."""
    return render(60, seed=1, glyphs=Glyphs(np.ones((60, 8, 8), np.float32), np.arange(60) % 10))


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_any_size_shows_the_same_scenes(size: int, scenes: Scenes) -> None:
    other = render(20, seed=3, size=size)
    assert other.images.shape == (20, size, size, 3)
    assert other.images.dtype == np.uint8
    assert np.array_equal(other.layout.shape, scenes.layout.shape[:20])
    seen = other.objects.reshape(20, -1)
    for scene in range(20):
        exists = set(np.flatnonzero(other.layout.exists[scene]))
        assert set(seen[scene]) - {-1} <= exists


def test_scenes_depend_on_the_seed_and_on_nothing_else(scenes: Scenes) -> None:
    again, fewer, other = render(500, 3), render(7, 3), render(500, 4)
    assert np.array_equal(again.images, scenes.images)
    assert np.array_equal(again.objects, scenes.objects)
    assert again.captions == scenes.captions
    assert np.array_equal(fewer.images, scenes.images[:7])
    assert fewer.captions == scenes.captions[:7]
    assert not np.array_equal(other.images, scenes.images)


def test_every_word_is_about_as_frequent_as_its_siblings(scenes: Scenes) -> None:
    exists = scenes.layout.exists.sum()
    for words in (SHAPES, COLOURS, TEXTURES):
        shares = [scenes.having(word).sum() / exists for word in words]
        assert sum(shares) == pytest.approx(1)
        assert max(shares) < 1.35 * min(shares)


def test_label_maps_of_a_vocabulary_divide_the_objects(scenes: Scenes) -> None:
    maps, things = scenes.label_maps, scenes.objects >= 0
    for words in (SHAPES, COLOURS, TEXTURES):
        assert np.array_equal(np.sum([maps[word] for word in words], axis=0), things)
    assert not (maps["top"] & maps["bottom"]).any()
    assert not (maps["centre"] & (maps["left"] | maps["top"])).any()


def test_pixels_have_the_colour_of_their_word(scenes: Scenes) -> None:
    plain = scenes.label_maps["plain"]
    for word, channels in {"red": [0], "green": [1], "blue": [2], "yellow": [0, 1]}.items():
        colours = scenes.images[plain & scenes.label_maps[word]].astype(int)
        others = [each for each in range(3) if each not in channels]
        assert (colours[:, channels].min(axis=1) > colours[:, others].max(axis=1)).mean() > 0.99
    ground = scenes.images[scenes.objects < 0]
    assert np.ptp(ground.astype(int), axis=1).max() < 32


def test_shapes_and_textures_look_different() -> None:
    def one(shape: str, texture: str) -> Scenes:
        return render(40, 5, 64, choices=Choices((shape,), ("red",), (texture,), (1, 1)))

    filled = {shape: (one(shape, "plain").objects >= 0).mean() for shape in SHAPES}
    assert filled["circle"] > filled["ring"] > 0
    assert filled["square"] > filled["triangle"] > 0
    red = {
        texture: (scene.images[..., 0][scene.objects >= 0] > 150).mean()
        for texture in TEXTURES
        for scene in [one("circle", texture)]
    }
    assert red["plain"] > 0.99
    assert red["dotted"] == pytest.approx(0.75, abs=0.05)
    assert red["striped"] == pytest.approx(0.5, abs=0.06)
    assert red["checkered"] == pytest.approx(0.5, abs=0.05)
    # A chequer changes both ways, stripes change one way only.
    striped, checkered = one("square", "striped"), one("square", "checkered")
    changes = []
    for shown in (striped, checkered):
        bright = (shown.images[..., 0] > 150).astype(int)
        inner = (shown.objects[:, 1:, 1:] >= 0) & (shown.objects[:, :-1, :-1] >= 0)
        down = np.abs(np.diff(bright, axis=1))[:, :, 1:][inner].mean()
        across = np.abs(np.diff(bright, axis=2))[:, 1:][inner].mean()
        changes.append((down + across) / 2)
    assert changes[1] > 1.5 * changes[0]


def test_positions_and_relations_are_where_the_pixels_are() -> None:
    shown = render(300, 8, 48, choices=Choices(objects=(2, 2)))
    heights = np.arange(48)[:, None] * np.ones(48)
    for position, low, high in (("top", 0, 16), ("bottom", 32, 48)):
        mask = shown.label_maps[position]
        rows = [heights[each].mean() for each in mask if each.any()]
        assert np.mean([low - 3 <= row <= high + 3 for row in rows]) > 0.99
    above, below = shown.label_maps["above"], shown.label_maps["below"]
    for upper, lower in zip(above, below, strict=True):
        assert upper.any() == lower.any()
        if upper.any():
            assert heights[upper].mean() < heights[lower].mean()
    beside = shown.having("beside")
    assert np.array_equal(beside[:, 0], beside[:, 1])
    assert np.array_equal(beside[:, 0], ~shown.having("above").any(axis=1) & beside[:, 0])


def test_captions_are_true_and_lead_to_their_object(scenes: Scenes) -> None:
    said = [caption for captions in scenes.captions for caption in captions]
    assert len(said) == len(scenes.table)
    for (scene, number), caption in zip(
        scenes.table[["scene", "object"]].to_numpy(), said, strict=True
    ):
        concept = parse(caption)
        assert concept.text == caption
        assert concept.objects(scenes[[scene]])[0, number]
    assert 0.3 < np.mean(["at the" in each for each in said]) < 0.5
    assert np.mean([any(word in each.split() for word in ("above", "beside")) for each in said])


def test_table_says_what_the_maps_say(scenes: Scenes) -> None:
    table = scenes.table
    assert table["pixels"].sum() == (scenes.objects >= 0).sum()
    for word in ("red", "ring", "striped"):
        rows = table[table[KINDS[word]] == word]
        assert rows["pixels"].sum() == scenes.label_maps[word].sum()
        assert set(rows["scene"]) == set(np.flatnonzero(parse(word).present(scenes)))


def test_words_of_maps_and_parsed_words_agree(scenes: Scenes, with_digits: Scenes) -> None:
    for shown in (scenes, with_digits):
        for word, mask in shown.label_maps.items():
            assert np.array_equal(parse(word).mask(shown), mask)
            assert np.array_equal(parse(word).on_maps(shown.label_maps), mask)


def test_composition_is_logic_on_objects(scenes: Scenes) -> None:
    maps = scenes.label_maps
    assert np.array_equal(parse("red circle").mask(scenes), maps["red"] & maps["circle"])
    assert np.array_equal(parse("red or circle").mask(scenes), maps["red"] | maps["circle"])
    assert np.array_equal(parse("red but not circle").mask(scenes), maps["red"] & ~maps["circle"])
    both = parse("blue or red but not circle").mask(scenes)
    assert np.array_equal(both, maps["blue"] | maps["red"] & ~maps["circle"])
    for text in ("dotted red circle at the top", "ring or cross but not cyan", "object"):
        concept = parse(text)
        assert np.array_equal(concept.on_maps(maps), concept.mask(scenes))
        assert np.array_equal(concept.present(scenes), concept.mask(scenes).any(axis=(1, 2)))


def test_a_relation_needs_its_target(scenes: Scenes) -> None:
    near = parse("circle above red").mask(scenes)
    assert near.any()
    whole = parse("circle above").mask(scenes)
    assert not (near & ~whole).any()
    assert near.sum() < whole.sum()
    reverse = parse("red below circle").present(scenes)
    assert np.array_equal(near.any(axis=(1, 2)), reverse)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("A striped red circle", "striped red circle"),
        ("red circles above the blue squares", "red circle above blue square"),
        ("objects in the center", "object at the centre"),
        ("red shape", "red"),
        ("above", "object above object"),
        ("crosses or rings, of green", None),
    ],
)
def test_other_ways_to_say_it(said: str, meant: str | None) -> None:
    if meant is None:
        with pytest.raises(UsageError, match="Found 'green' out of place"):
            parse(said)
    else:
        assert parse(said).text == meant
        assert parse(meant) == parse(said)


def test_order_of_alternatives_does_not_change_the_meaning() -> None:
    assert same_meaning("red or blue square", "blue squares or red objects")
    assert not same_meaning("red but not circle", "circle but not red")
    assert not same_meaning("red or blue", "red but not blue")
    assert not same_meaning("circle above ring", "circle above square")


def test_all_sayable_phrases_come_back() -> None:
    random = np.random.default_rng(0)

    def pick(words: tuple[str, ...]) -> str | None:
        return str(random.choice(words)) if random.random() < 0.6 else None

    for _ in range(300):
        target = Phrase(pick(TEXTURES), pick(COLOURS), pick(NOUNS))
        related = {"relation": "beside", "target": target} if target != Phrase() else {}
        own = Phrase(pick(TEXTURES), pick(COLOURS), pick(NOUNS), pick(POSITIONS), **related)
        if own.words:
            other = Without(Either((own, Phrase("plain"))).parts[1], Phrase(noun="ring"))
            assert parse(own.text) == own
            assert parse(f"{own.text} or {other.text}") == Either((own, other))


def test_digits_are_objects_with_a_name(with_digits: Scenes) -> None:
    maps = with_digits.label_maps
    assert parse("digit").present(with_digits).all()
    assert np.array_equal(maps["digit"], with_digits.objects == 0)
    assert parse("three").present(with_digits).tolist() == [i % 10 == 3 for i in range(60)]
    assert "three" not in render(5, 0).label_maps


def test_selections_keep_the_truth(scenes: Scenes) -> None:
    flags = parse("red").present(scenes)
    some = scenes[flags]
    assert len(some) == flags.sum()
    assert np.array_equal(some.label_maps["ring"], scenes.label_maps["ring"][flags])
    assert some.captions == [c for c, f in zip(scenes.captions, flags, strict=True) if f]
    assert np.array_equal(scenes[3:5].images, scenes.images[3:5])


def test_bad_requests_are_refused(scenes: Scenes) -> None:
    refused: list[tuple[str, Any]] = [
        ("Found 0 scenes to render; expected 1 or more", lambda: render(0, 0)),
        ("Found size 8; expected 16 to 128 pixels", lambda: render(3, 0, 8)),
        ("Found the colour 'rde'; .*red", lambda: render(3, 0, choices=Choices(colours=("rde",)))),
        ("Found no shape; expected", lambda: render(3, 0, choices=Choices(shapes=()))),
        ("Found 3 to 2 objects", lambda: render(3, 0, choices=Choices(objects=(3, 2)))),
        (
            "Found 2 digits and 2 names for 3 scenes",
            lambda: render(3, 0, glyphs=Glyphs(np.zeros((2, 8, 8), np.float32), np.zeros(2, int))),
        ),
        ("Found the word 'rde' in 'rde circle'", lambda: parse("rde circle")),
        ("Found 'red' out of place", lambda: parse("circle red")),
        ("Found 'beside' out of place", lambda: parse("ring above red beside blue")),
        ("Found nothing where a description should be", lambda: parse("red or")),
        ("Found nothing where a description should be", lambda: parse("  ")),
        ("Found the word 'cat'", lambda: scenes.having("cat")),
        ("Found no label map of 'red'", lambda: parse("red").on_maps({})),
    ]
    for message, ask in refused:
        with pytest.raises(UsageError, match=message):
            ask()
