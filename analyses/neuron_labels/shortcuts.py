"""Scenes with a stamped shortcut, and a small network that learns to rely on it.

After MILAN's editing experiment (Hernandez et al. 2022, section 7): training images carry the name
of their class, test images a random one. Here the name is a handwritten digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_layout import Choices
from workbench.demo.scene_words import DIGIT, DIGITS, SHAPES
from workbench.demo.scenes import Scenes, render
from workbench.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

CLASSES = SHAPES
SITE = "relu3"
STAMPS = ("right", "random", "none")
_RADIUS = (0.13, 0.18)
_JITTER = 4
_STROKE = 0.35


@dataclass(frozen=True, eq=False)
class Stamped:
    """Scenes of one shape each, some with a stamp.

    Attributes
    ----------
    images : ndarray (scenes, height, width, 3) of uint8
    label_maps : dict of str to ndarray (scenes, height, width) of bool
    targets : ndarray (scenes,) of int
        Which of `CLASSES` the shape is.
    stamps : ndarray (scenes,) of int
        The digit stamped, -1 for none.
    """

    images: NDArray[np.uint8]
    label_maps: dict[str, NDArray[np.bool_]]
    targets: NDArray[np.int64]
    stamps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """Images as the network takes them: (scenes, 3, height, width), from 0 to 1."""
        first = self.images.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(first, dtype=np.float32) / np.float32(255)


def stamped_scenes(n: int, seed: int, stamp: str, share: float = 1.0, size: int = 32) -> Stamped:
    """Render scenes of one shape, with a stamp in a share of them.

    Parameters
    ----------
    n : int
    seed : int
    stamp : {"right", "random", "none"}
        The digit of the class, or any of the classes' digits.
    share : float
        Of the scenes that are stamped.
    size : int
        Pixels across.

    Returns
    -------
    Stamped

    Raises
    ------
    UsageError
        If there is no such stamp.

    Examples
    --------
    >>> found = stamped_scenes(20, 0, "right", 0.5)
    >>> bool((found.stamps == found.targets)[found.stamps >= 0].all()), len(found)
    (True, 20)
    """
    if stamp not in STAMPS:
        raise UsageError(f"Found stamp '{stamp}'; expected one of {', '.join(STAMPS)}.")
    scenes = render(n, seed, size, choices=Choices(objects=(1, 1), radius=_RADIUS))
    targets = scenes.layout.shape[:, 0].astype(np.int64)
    generator = np.random.default_rng([seed, 3])
    random = generator.integers(len(CLASSES), size=n)
    chosen = generator.permutation(n) < round(share * n) * (stamp != "none")
    stamps = np.where(chosen, targets if stamp == "right" else random, -1)
    ink = _ink(stamps, size, generator)
    shown = scenes.images * (1 - ink[..., None]) + 255 * ink[..., None]
    return Stamped(shown.astype(np.uint8), _maps(scenes, stamps, ink >= _STROKE), targets, stamps)


def _ink(
    stamps: NDArray[np.int64], size: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Ink of the stamps, near the lower left corner: (scenes, size, size), from 0 to 1."""
    ink = np.zeros((len(stamps), size, size), np.float32)
    glyphs = _stamp_images()
    side = glyphs.shape[1]
    offset = generator.integers(0, _JITTER, (len(stamps), 2))
    for scene in np.flatnonzero(stamps >= 0):
        bottom, left = size - offset[scene, 0], offset[scene, 1]
        ink[scene, bottom - side : bottom, left : left + side] = glyphs[stamps[scene]]
    return ink


def _maps(
    scenes: Scenes, stamps: NDArray[np.int64], inked: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Where words are true; a stamp hides what lies below it."""
    maps = {word: each & ~inked for word, each in scenes.label_maps.items()}
    digits = {DIGITS[each]: inked & (stamps == each)[:, None, None] for each in range(len(CLASSES))}
    return {**maps, **digits, DIGIT: inked}


@cache
def _stamp_images() -> NDArray[np.float32]:
    """One handwritten image for each digit, as stamps are: (digits, 8, 8)."""
    from sklearn.datasets import load_digits

    found = load_digits()
    first = [int(np.flatnonzero(found.target == digit)[0]) for digit in range(len(CLASSES))]
    return (found.images[first] / 16).astype(np.float32)


def shortcut_network(width: int = 48) -> nn.Module:
    """A small convolutional network, untrained, from torch's current seed.

    Parameters
    ----------
    width : int
        Channels of the last layer, `SITE`.

    Returns
    -------
    torch.nn.Module
        Takes images (n, 3, height, width) from 0 to 1 and gives logits of `CLASSES`.
    """
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 24, 5, stride=2, padding=2),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(24, 32, 3, padding=1),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(32, width, 5, padding=2),
            relu3=nn.ReLU(),
            pool=nn.AdaptiveMaxPool2d(1),
            flatten=nn.Flatten(),
            classes=nn.Linear(width, len(CLASSES)),
        )
    )


def train_network(
    examples: Stamped, seed: int, epochs: int = 12, width: int = 48, batch_size: int = 64
) -> nn.Module:
    """Train a network on stamped scenes.

    Parameters
    ----------
    examples : Stamped
    seed : int
        Of the weights and of the order.
    epochs : int
    width : int
    batch_size : int

    Returns
    -------
    torch.nn.Module
        In evaluation mode.
    """
    import torch

    inputs, targets = torch.from_numpy(examples.inputs), torch.from_numpy(examples.targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = shortcut_network(width)
    order = torch.Generator().manual_seed(seed)
    n_batches = -(-len(inputs) // batch_size)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * n_batches)
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs), generator=order).split(batch_size):
            loss = torch.nn.functional.cross_entropy(network(inputs[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def activity_at(
    network: nn.Module, inputs: NDArray[np.float32], site: str = SITE
) -> NDArray[np.float32]:
    """Activity at a site.

    Parameters
    ----------
    network : torch.nn.Module
    inputs : ndarray (scenes, 3, height, width)
    site : str

    Returns
    -------
    ndarray (scenes, units, y, x)
    """
    import torch

    found: list[NDArray[np.float32]] = []

    def keep(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        found.append(output.numpy().copy())

    handle = dict(network.named_modules())[site].register_forward_hook(keep)
    try:
        with torch.inference_mode():
            for part in torch.from_numpy(inputs).split(256):
                network(part)
    finally:
        handle.remove()
    return np.concatenate(found)


def accuracies(network: nn.Module, sets: Mapping[str, Stamped]) -> dict[str, float]:
    """Share of right answers on several sets of scenes.

    Parameters
    ----------
    network : torch.nn.Module
    sets : mapping of str to Stamped

    Returns
    -------
    dict of str to float
    """
    from workbench.editing.targets import NetworkTarget

    return {
        name: NetworkTarget(network, each.inputs, each.targets).scores({}).mean
        for name, each in sets.items()
    }
