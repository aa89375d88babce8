"""Rendered sets of exemplars with captions: what the captioner learns p(d | E) from.

MILAN's annotators saw the exemplars of real units; here a concept is drawn, scenes that show it
are its exemplars, and annotators who mention only some of its attributes describe it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_language import Concept, Either, Phrase, Without
from workbench.errors import UsageError

if TYPE_CHECKING:
    from analyses.neuron_labels.captioner_encoder import PyramidEncoder
    from workbench.demo.scenes import Scenes

_ATTRIBUTES = ("texture", "colour", "noun")
_SETS_AT_ONCE = 64
# Shares of concepts of each form; the rest are single phrases.
_EITHER, _WITHOUT, _POSITION, _RELATION = 0.15, 0.07, 0.15, 0.08
_FEWEST_PIXELS = 8
_TRIES = 50


@dataclass(frozen=True, eq=False)
class CaptionedSets:
    """Sets of exemplars, and what annotators said of them.

    Attributes
    ----------
    scenes : Scenes
        That the sets choose from.
    concepts : list of Concept
        What each set shows.
    members : ndarray (sets, k) of int
        Scenes of each set.
    masks : ndarray (sets, k, height, width) of bool
    captions : list of list of list of str
        Of each set, one of each annotator.
    """

    scenes: Scenes
    concepts: list[Concept]
    members: NDArray[np.int64]
    masks: NDArray[np.bool_]
    captions: list[list[list[str]]]

    def features(self, encoder: PyramidEncoder) -> NDArray[np.float32]:
        """Vectors of all exemplars; every scene passes through the network once.

        Parameters
        ----------
        encoder : PyramidEncoder

        Returns
        -------
        ndarray (sets, k, features)
        """
        import torch

        from analyses.neuron_labels.captioner_encoder import pool_levels

        images = self.scenes.images
        parts = [encoder.maps(images[start : start + 256]) for start in range(0, len(images), 256)]
        levels = [torch.cat([part[i] for part in parts]) for i in range(len(encoder.layers))]
        found = []
        for start in range(0, len(self.members), _SETS_AT_ONCE):
            rows = torch.from_numpy(self.members[start : start + _SETS_AT_ONCE]).flatten()
            masks = torch.from_numpy(self.masks[start : start + _SETS_AT_ONCE]).flatten(0, 1)
            chosen = [level[rows] for level in levels]
            found.append(pool_levels(chosen, masks.float(), encoder.geometry).numpy())
        return np.concatenate(found).reshape(*self.members.shape, -1)


def rendered_sets(
    n: int,
    seed: int,
    k: int = 15,
    *,
    n_scenes: int = 3000,
    size: int = 32,
    annotators: int = 3,
    mention: float = 0.5,
    strangers: float = 0.05,
) -> CaptionedSets:
    """Draw concepts, scenes that show them and incomplete captions.

    Parameters
    ----------
    n : int
        Sets.
    seed : int
    k : int
        Exemplars of a set.
    n_scenes, size : int
        Of the scenes to choose from.
    annotators : int
        Captions of a set.
    mention : float
        Share of a concept's attributes that an annotator mentions; one at least. It decides how
        far p(d | E) prefers short captions, which the prior then undoes.
    strangers : float
        Share of exemplars that show something else, as with real units.

    Returns
    -------
    CaptionedSets

    Raises
    ------
    UsageError
        If there are no sets, or too few scenes to show concepts k times.

    Examples
    --------
    >>> sets = rendered_sets(3, seed=0, k=4, n_scenes=200)
    >>> sets.masks.shape, len(sets.captions[0])
    ((3, 4, 32, 32), 3)
    """
    from workbench.demo.scenes import render

    if n < 1 or n_scenes < 10 * k:
        raise UsageError(
            f"Found {n} sets of {k} exemplars from {n_scenes} scenes; expected at least one set, "
            "and ten scenes for each exemplar."
        )
    scenes = render(n_scenes, seed, size)
    generator = np.random.default_rng(seed)
    concepts, members, masks, captions = [], [], [], []
    for _ in range(n):
        concept, rows, chosen = _exemplars(scenes, k, strangers, generator)
        concepts.append(concept)
        members.append(rows)
        masks.append(_blurred(scenes[rows].paint(chosen), generator))
        said = [shortened(concept, mention, generator).text for _ in range(annotators)]
        captions.append([each.split() for each in said])
    return CaptionedSets(scenes, concepts, np.stack(members), np.stack(masks), captions)


def _exemplars(
    scenes: Scenes, k: int, strangers: float, generator: np.random.Generator
) -> tuple[Concept, NDArray[np.int64], NDArray[np.bool_]]:
    """A concept, k scenes that show it, and which of their objects (k, objects)."""
    for _ in range(_TRIES):
        concept = draw_concept(scenes, generator)
        objects = concept.objects(scenes)
        showing = np.flatnonzero(objects.any(axis=1))
        if len(showing) < k:
            continue
        rows = generator.choice(showing, k, replace=False)
        other = generator.random(k) < strangers
        rows[other] = generator.integers(len(scenes), size=int(other.sum()))
        chosen = objects[rows]
        chosen[other] = scenes.layout.exists[rows[other]]
        return concept, rows, chosen
    raise UsageError(
        f"Found no concept that {k} of {len(scenes)} scenes show; expected more scenes: raise "
        "n_scenes."
    )


def draw_concept(scenes: Scenes, generator: np.random.Generator) -> Concept:
    """A concept that some object of the scenes shows: one phrase, two, or one without another.

    Parameters
    ----------
    scenes : Scenes
    generator : numpy.random.Generator

    Returns
    -------
    Concept
    """
    first = _phrase(scenes, generator)
    draw = generator.random()
    if draw < _EITHER:
        second = _phrase(scenes, generator)
        return Either((first, second)) if first != second else first
    if draw < _EITHER + _WITHOUT:
        # What is left out is another attribute, so that something is.
        free = [name for name in _ATTRIBUTES if getattr(first, name) is None]
        if free:
            full = _attributes(scenes, generator)
            return Without(first, _said(full, free[:1]))
    return first


def _phrase(scenes: Scenes, generator: np.random.Generator) -> Phrase:
    from workbench.demo.scene_words import POSITIONS, RELATIONS

    full = _attributes(scenes, generator)
    n_kept = int(generator.choice([1, 2, 3], p=[0.4, 0.45, 0.15]))
    kept = generator.permutation(_ATTRIBUTES)[:n_kept]
    phrase = _said(full, [str(name) for name in kept])
    draw = generator.random()
    if draw < _POSITION:
        return replace(phrase, position=str(generator.choice(POSITIONS)))
    if draw < _POSITION + _RELATION:
        return replace(phrase, relation=str(generator.choice(RELATIONS)))
    return phrase


def _said(given: Mapping[str, Any], kept: Sequence[str]) -> Phrase:
    """A phrase of some of what could be said."""
    return Phrase(**{name: given[name] for name in kept})


def _attributes(scenes: Scenes, generator: np.random.Generator) -> dict[str, str]:
    from workbench.demo.scene_words import COLOURS, NOUNS, TEXTURES

    scene, number = divmod(
        int(generator.choice(np.flatnonzero(scenes.layout.exists))), scenes.layout.exists.shape[1]
    )
    layout = scenes.layout
    return {
        "texture": TEXTURES[layout.texture[scene, number]],
        "colour": COLOURS[layout.colour[scene, number]],
        "noun": NOUNS[layout.shape[scene, number]],
    }


def shortened(concept: Concept, mention: float, generator: np.random.Generator) -> Concept:
    """What an annotator says who mentions each attribute with some probability, one at least.

    Parameters
    ----------
    concept : Concept
    mention : float
        From 0 to 1.
    generator : numpy.random.Generator

    Returns
    -------
    Concept

    Examples
    --------
    >>> from workbench.demo.scene_language import parse
    >>> shortened(parse("red square"), 1.0, np.random.default_rng(0)).text
    'red square'
    """
    if isinstance(concept, Either):
        return Either(tuple(shortened(part, mention, generator) for part in concept.parts))
    if isinstance(concept, Without):
        return Without(shortened(concept.kept, mention, generator), concept.left_out)
    if not isinstance(concept, Phrase):
        return concept
    names = [*_ATTRIBUTES, "position", "relation"]
    own = [name for name in names if getattr(concept, name) is not None]
    kept = [name for name in own if generator.random() < mention]
    kept = kept or [str(generator.choice(own))]
    return _said(vars(concept), kept)


def _blurred(masks: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.bool_]:
    """Masks as those of units with coarse, noisy maps: (k, height, width)."""
    import torch
    from torch.nn.functional import avg_pool2d, interpolate

    step = int(generator.choice([1, 2, 4]))
    size = (masks.shape[1], masks.shape[2])
    small = avg_pool2d(torch.from_numpy(masks[:, None].astype(np.float32)), step)
    noise = generator.normal(0, 0.1, small.shape).astype(np.float32)
    large = interpolate(small + torch.from_numpy(noise), size, mode="bilinear")[:, 0].numpy()
    found = large > generator.uniform(0.3, 0.6)
    missed = found.sum(axis=(1, 2)) < _FEWEST_PIXELS
    found[missed] = masks[missed]
    return np.asarray(found)
