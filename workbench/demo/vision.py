"""The embedded vision model: a small convolutional network for scenes with handwritten digits."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

from workbench.demo.checkpoints import CHECKPOINTS, load_weights
from workbench.demo.scene_words import COLOURS, DIGITS, SHAPES, TEXTURES
from workbench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import nn

    from workbench.demo.scenes import Scenes
    from workbench.recording.recording import Recording

__all__ = ["ANSWERS", "CHECKPOINTS", "SIZE", "images", "network", "scenes", "stimuli_of"]

# Pixels across an image.
SIZE = 32
# What the network's logits say is in an image, each as a description.
ANSWERS = (
    *DIGITS,
    *SHAPES,
    *COLOURS,
    *(texture for texture in TEXTURES if texture != "plain"),
)
# A third of the digits, chosen once; no checkpoint has seen them.
_SPLIT_SEED = 0
_TEST_SHARE = 1 / 3
# Of the scenes around them; training draws others for every epoch.
_RADIUS = (0.16, 0.22)
_SCENE_SEEDS = {"test": 7001, "train": 7002}


def untrained() -> nn.Module:
    """The network with fresh weights, from torch's current seed."""
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 16, kernel_size=5, stride=2, padding=2),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(16, 32, kernel_size=3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            conv3=nn.Conv2d(32, 64, kernel_size=3, padding=1),
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(64, 64, kernel_size=3, padding=1),
            relu4=nn.ReLU(),
            pool4=nn.AdaptiveMaxPool2d(1),
            flatten=nn.Flatten(),
            hidden=nn.Linear(64, 64),
            relu5=nn.ReLU(),
            answers=nn.Linear(64, len(ANSWERS)),
        )
    )


def network(checkpoint: str = "final") -> nn.Module:
    """The network at a checkpoint, in evaluation mode.

    Parameters
    ----------
    checkpoint : str
        *initial* (untrained), *middle* (after a quarter of the epochs) or *final*.

    Returns
    -------
    torch.nn.Module
        Takes images ``(n, 3, 32, 32)`` in [0, 1] and returns logits ``(n, 24)``, in the order of
        ``ANSWERS``: which of ten digits it is, and which shapes, colours and textures there are.
        Its layers are named conv1, relu1, conv2, relu2, pool2, conv3, relu3, conv4, relu4, pool4,
        flatten, hidden, relu5, answers.

    Raises
    ------
    UsageError
        If there is no such checkpoint.
    """
    return load_weights(untrained(), "vision", checkpoint)


def scenes(split: Literal["train", "test"] = "test", seed: int | None = None) -> Scenes:
    """Scenes around the handwritten digits that scikit-learn carries, with the truth about them.

    Each holds one digit, in plain colour, and up to two other objects.

    Parameters
    ----------
    split : str
        *train*: digits that the network learnt from; *test*: a third of the digits, stratified,
        that no checkpoint has seen.
    seed : int, optional
        Of all but the digits; by default that of `images`.

    Returns
    -------
    Scenes

    Raises
    ------
    UsageError
        If there is no such split.

    Examples
    --------
    >>> shown = scenes("test")
    >>> len(shown), shown.label_maps["digit"].any(axis=(1, 2)).all()
    (599, np.True_)
    """
    return _rendered(split, _scene_seed(split) if seed is None else seed)


def images(
    split: Literal["train", "test"] = "test",
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Scenes around handwritten digits, as the network takes them.

    Parameters
    ----------
    split : str
        See `scenes`.

    Returns
    -------
    pixels : array, shape (n, 3, 32, 32), float32
        From 0 to 1.
    table : DataFrame, n rows
        Columns ``digit``; ``colour``, that of the digit; ``objects``, how many there are;
        ``index``, the digit's number in scikit-learn's set; and what leads back to the scene:
        ``split``, ``scene_seed`` and ``scene``, its number in the split.

    Raises
    ------
    UsageError
        If there is no such split.

    References
    ----------
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, CC BY 4.0; test part, 1,797 images, as distributed with scikit-learn.

    Examples
    --------
    >>> pixels, table = images("test")
    >>> pixels.shape[1:], sorted(table["digit"].unique().tolist())
    ((3, 32, 32), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    import numpy as np
    import pandas as pd

    seed = _scene_seed(split)
    shown = scenes(split)
    chosen = _split(split)
    table = pd.DataFrame(
        {
            "digit": _digits()[1][chosen],
            "colour": np.array(COLOURS)[shown.layout.colour[:, 0]],
            "objects": shown.layout.exists.sum(axis=1),
            "index": chosen,
            "split": split,
            "scene_seed": seed,
            "scene": np.arange(len(chosen)),
        }
    )
    return as_inputs(shown), table


def as_inputs(shown: Scenes) -> NDArray[np.float32]:
    """Images of scenes as the network takes them.

    Parameters
    ----------
    shown : Scenes

    Returns
    -------
    float32 array (n, 3, size, size)
        From 0 to 1.
    """
    import numpy as np

    channels_first = shown.images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(channels_first, dtype=np.float32) / np.float32(255)


def stimuli_of(recording: Recording) -> Scenes:
    """The scenes behind the rows of a recording of ``demo:vision``, rendered again.

    Parameters
    ----------
    recording : Recording
        Of this network, from any checkpoint, or of another one that was shown `images`, with
        their table.

    Returns
    -------
    Scenes
        One a row: images, and label maps of every word.

    Raises
    ------
    UsageError
        If the recording does not say which scenes were shown, or those were rendered otherwise.

    Examples
    --------
    >>> import workbench as wb
    >>> live = wb.stream("demo:vision", sites="conv3", max_rows=20)
    >>> stimuli_of(live).images.shape
    (20, 32, 32, 3)
    """
    rows = recording.rows
    missing = [name for name in ("split", "scene_seed", "scene") if name not in rows]
    if missing:
        raise UsageError(
            f"Found no columns {missing} in the rows of '{recording.name}'; "
            "expected a recording of demo:vision, whose rows say which scenes were shown."
        )
    sources = list(rows[["split", "scene_seed"]].drop_duplicates().itertuples(index=False))
    if len(sources) != 1:
        raise UsageError(
            f"Found rows of {len(sources)} sets of scenes; expected a recording of one."
        )
    split, seed = sources[0]
    shown = _rendered(str(split), int(seed))
    _check_same(recording, shown)
    return shown[rows["scene"].to_numpy()]


def _check_same(recording: Recording, shown: Scenes) -> None:
    """Scenes of a demo recording have the bytes that were recorded, or an error."""
    from workbench.subjects.networks.inputs import ArrayInputs

    recorded = recording.manifest.ingredients.get("stimuli")
    if recorded is None or not str(recording.subject.get("address")).startswith("demo:vision"):
        return
    scenes_shown = shown[recording.stimuli["scene"].to_numpy()]
    found = ArrayInputs({"": as_inputs(scenes_shown)}).digest(len(scenes_shown))
    if found != recorded:
        raise UsageError(
            f"Found other images behind '{recording.name}' than are rendered now; it was recorded "
            "by another version: record it again."
        )


def _scene_seed(split: str) -> int:
    if split not in _SCENE_SEEDS:
        raise UsageError(f"The digits have no split '{split}'; choose train or test.")
    return _SCENE_SEEDS[split]


@cache
def _split(split: str) -> NDArray[np.int64]:
    """Numbers of a split's digits in scikit-learn's set."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    _, digits = _digits()
    parts = train_test_split(
        np.arange(len(digits)), test_size=_TEST_SHARE, random_state=_SPLIT_SEED, stratify=digits
    )
    return np.sort(parts[0] if split == "train" else parts[1])


def _rendered(split: str, seed: int) -> Scenes:
    from workbench.demo.scene_layout import Choices
    from workbench.demo.scenes import Glyphs, render

    _scene_seed(split)
    ink, digits = _digits()
    chosen = _split(split)
    glyphs = Glyphs(ink[chosen], digits[chosen])
    return render(len(chosen), seed, SIZE, glyphs=glyphs, choices=Choices(radius=_RADIUS))


@cache
def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All handwritten digits ``(1797, 8, 8)`` from 0 to 1, and which they are; read once."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.images / 16.0).astype(np.float32), digits.target
