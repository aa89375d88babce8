"""Planted units: activity whose right description is known, and some that has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.planted_forms import (
    REPEAT_SECONDS,
    blurred,
    coverage,
    on_tokens,
    random_blobs,
    said_of,
)
from analyses.neuron_labels.planted_truths import draw_truths
from workbench.demo.scene_language import parse
from workbench.demo.scenes import Scenes
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from analyses.neuron_labels.types import Stimuli
    from workbench.recording.recording import Recording

Form: TypeAlias = Literal["conv", "vit", "dense", "tokens", "voxels"]
FORMS = ("conv", "vit", "dense", "tokens", "voxels")
KINDS = ("single", "and", "or", "and_not", "rare", "duplicate", "noise", "random_set")
_WITH_TRUTH = KINDS[:5]
_DEFAULT_COUNTS = dict.fromkeys(KINDS, 10) | {"rare": 4, "duplicate": 4}
# Of a random set, the smallest and largest share of scenes.
_SETS = (0.03, 0.3)
_STRENGTHS = (0.7, 1.3)


@dataclass(frozen=True, eq=False)
class Planted:
    """Units and what they mean.

    Attributes
    ----------
    activity : float32 array
        ``conv``: (scenes, units, grid, grid). ``vit``: (scenes, 1 + tokens, units), the class
        token first. ``dense``: (scenes, units). ``tokens``: (tokens of all texts, units).
        ``voxels``: (volumes, units).
    truth : list of str or None
        Description of each unit; None of noise and of random sets.
    kinds : list of str
    form : str
    rows : DataFrame
        One row for each entry of the first axis, with ``stimulus``, the number of the scene;
        of tokens ``position`` and ``token``, of voxels ``time`` in seconds.
    texts : list of list of str, optional
        Of the form ``tokens``: what was read, one text a scene.
    """

    activity: NDArray[np.float32]
    truth: list[str | None]
    kinds: list[str]
    form: Form
    rows: pd.DataFrame
    texts: list[list[str]] | None = None

    def __len__(self) -> int:
        return len(self.kinds)

    def recording(self, site: str = "planted") -> Recording:
        """The units as a recording in memory.

        Parameters
        ----------
        site : str
            Tokens of images lie on their grid here, and the class token at ``SITE:cls``, as in
            recordings of vision transformers.

        Returns
        -------
        Recording
        """
        from workbench.recording.arrays import from_arrays

        arrays = {site: self.activity}
        if self.form == "vit":
            n, count, units = self.activity.shape
            grid = round((count - 1) ** 0.5)
            patches = self.activity[:, 1:].transpose(0, 2, 1).reshape(n, units, grid, grid)
            arrays = {site: np.ascontiguousarray(patches), f"{site}:cls": self.activity[:, 0]}
        kind = {"tokens": "language", "voxels": "brain"}.get(self.form, "vision")
        return from_arrays(arrays, self.rows, kind=kind)

    def stimuli(self, scenes: Scenes) -> Stimuli:
        """What was shown, one stimulus for each scene; of voxels, one row of labels a volume.

        Parameters
        ----------
        scenes : Scenes
            Those that the units were planted in.

        Returns
        -------
        Stimuli
        """
        import pandas as pd

        from analyses.neuron_labels.types import Stimuli

        if self.form == "tokens":
            return Stimuli("language", texts=self.texts)
        if self.form == "voxels":
            seen = {word: parse(word).present(scenes) for word in scenes.words}
            return Stimuli("brain", labels=pd.DataFrame(seen).iloc[self.rows["stimulus"]])
        return Stimuli("vision", images=scenes.images, label_maps=scenes.label_maps)


def planted_units(
    scenes: Scenes,
    kinds: Mapping[str, int] | Sequence[str] | None = None,
    form: Form = "conv",
    seed: int = 0,
    *,
    noise: float = 0.1,
    grid: int = 8,
    volumes_each: int = 2,
) -> Planted:
    """Plant units in the response to scenes.

    A unit with a truth responds where its description is true, with a strength of 0.7 to 1.3 that
    differs between scenes, and normal noise on top. *noise* units have the noise alone; *random
    sets* respond as strongly as the others, somewhere in scenes that have nothing in common.

    Parameters
    ----------
    scenes : Scenes
    kinds : mapping of str to int, or sequence of str, optional
        How many units of each kind: ``single``, ``and``, ``or``, ``and_not``, ``rare`` (true of
        about 0.1 % of the scenes), ``duplicate`` (of earlier units with a truth), ``noise``,
        ``random_set``; 10 of each by default, 4 of those that are rare and of duplicates.
    form : str
        ``conv``, ``vit``, ``dense``, ``tokens`` or ``voxels``.
    seed : int
    noise : float
        Standard deviation of the noise, where a response is about 1.
    grid : int
        Cells across of maps and of image tokens; divides the scenes' size.
    volumes_each : int
        Of voxels: volumes, of 2 seconds, for which a scene is shown.

    Returns
    -------
    Planted

    Raises
    ------
    UsageError
        If a kind or the form is unknown, or the grid does not fit.
    WorkbenchError
        If the scenes do not show enough for so many descriptions.

    Examples
    --------
    >>> from workbench.demo.scenes import render
    >>> planted = planted_units(render(200, seed=0), {"single": 2, "and": 2, "noise": 1})
    >>> planted.activity.shape, planted.truth[-1]
    ((200, 5, 8, 8), None)
    """
    counts = _counts(kinds)
    _check(scenes, form, grid)
    truth, names = _truths(scenes, counts, form, np.random.default_rng([seed, 0]))
    # One stream a unit: what a unit does must not depend on its neighbours.
    streams = [np.random.default_rng([seed, 1, unit]) for unit in range(len(names))]
    if form == "tokens":
        texts, where = said_of(scenes)
        activity = np.stack(
            [
                _in_text(scenes, text, name, random, where)
                for text, name, random in zip(truth, names, streams, strict=True)
            ],
            axis=1,
        )
        rows, given = _token_rows(texts, where), texts
    else:
        maps = [
            _in_images(scenes, text, name, random, grid)
            for text, name, random in zip(truth, names, streams, strict=True)
        ]
        activity = _formed(maps, form, volumes_each)
        rows, given = _scene_rows(len(scenes), form, volumes_each), None
    _add_noise(activity, form, noise, streams)
    return Planted(activity, truth, names, form, rows, given)


def _counts(kinds: Mapping[str, int] | Sequence[str] | None) -> dict[str, int]:
    if kinds is None:
        return dict(_DEFAULT_COUNTS)
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"Found the kind of unit '{kind}'; {nearest(kind, KINDS)}")
    if isinstance(kinds, Mapping):
        counts = dict(kinds)
    else:
        counts = {kind: _DEFAULT_COUNTS[kind] for kind in kinds}
    if "duplicate" in counts and not any(counts.get(kind) for kind in _WITH_TRUTH):
        raise UsageError(
            "Found duplicates of nothing; expected units of a kind that has a truth, such as "
            "single, too."
        )
    return counts


def _check(scenes: Scenes, form: str, grid: int) -> None:
    if form not in FORMS:
        raise UsageError(f"Found the form '{form}'; {nearest(form, FORMS)}")
    if grid < 2 or scenes.size % grid:
        raise UsageError(
            f"Found a grid of {grid} cells for images of {scenes.size} pixels; expected 2 or "
            "more, dividing the size."
        )


def _truths(
    scenes: Scenes, counts: Mapping[str, int], form: str, random: np.random.Generator
) -> tuple[list[str | None], list[str]]:
    truth: list[str | None] = []
    names: list[str] = []
    taken: set[str] = set()
    # Duplicates need what they repeat, whatever order was asked for.
    for kind in sorted(counts, key=KINDS.index):
        count = counts[kind]
        drawn: Sequence[str | None]
        if kind in _WITH_TRUTH:
            said = form == "tokens"
            drawn = draw_truths(scenes, kind, count, random, taken=taken, said=said)
        elif kind == "duplicate":
            drawn = [str(each) for each in random.choice(sorted(taken), size=count)]
        else:
            drawn = [None] * count
        truth += drawn
        names += [kind] * count
    return truth, names


def _in_images(
    scenes: Scenes, text: str | None, kind: str, random: np.random.Generator, grid: int
) -> NDArray[np.float32]:
    """Response of a unit without noise: (scenes, grid, grid)."""
    if text is not None:
        where = coverage(parse(text).mask(scenes), grid)
    elif kind == "random_set":
        where = random_blobs(random.random(len(scenes)) < random.uniform(*_SETS), grid, random)
    else:
        where = np.zeros((len(scenes), grid, grid), dtype=np.float32)
    return where * random.uniform(*_STRENGTHS, (len(scenes), 1, 1)).astype(np.float32)


def _in_text(
    scenes: Scenes,
    text: str | None,
    kind: str,
    random: np.random.Generator,
    where: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Response of a unit without noise: (tokens,)."""
    if text is not None:
        fires = on_tokens(parse(text), scenes, where)
    else:
        # Words are rarer than scenes: about one in five says something of an object.
        share = random.uniform(*_SETS) / 5 if kind == "random_set" else 0.0
        fires = random.random(len(where)) < share
    return np.asarray(fires * random.uniform(*_STRENGTHS, len(where)), dtype=np.float32)


def _formed(maps: list[NDArray[np.float32]], form: Form, volumes_each: int) -> NDArray[np.float32]:
    if form == "conv":
        return np.stack(maps, axis=1)
    if form == "vit":
        flat = [each.reshape(len(each), -1) for each in maps]
        tokens = [np.concatenate([each.max(axis=1, keepdims=True), each], axis=1) for each in flat]
        return np.stack(tokens, axis=2)
    strongest = np.stack([each.max(axis=(1, 2)) for each in maps], axis=1)
    return blurred(strongest, volumes_each) if form == "voxels" else strongest


def _add_noise(
    activity: NDArray[np.float32],
    form: Form,
    noise: float,
    streams: list[np.random.Generator],
) -> None:
    for unit, random in enumerate(streams):
        part = activity[:, unit] if form == "conv" else activity[..., unit]
        part += random.normal(0, noise, part.shape).astype(np.float32)


def _token_rows(texts: list[list[str]], where: NDArray[np.int64]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "stimulus": where[:, 0],
            "position": np.concatenate([np.arange(len(text)) for text in texts]),
            "token": [token for text in texts for token in text],
        }
    )


def _scene_rows(n: int, form: Form, volumes_each: int) -> pd.DataFrame:
    import pandas as pd

    if form != "voxels":
        return pd.DataFrame({"stimulus": np.arange(n)})
    time = np.arange(n * volumes_each) * REPEAT_SECONDS
    return pd.DataFrame({"stimulus": np.repeat(np.arange(n), volumes_each), "time": time})
