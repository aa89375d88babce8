"""Training, weights and use of the network that reads scenes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    import torch

    from analyses.neuron_labels.scene_segmenter import Segmenter
    from workbench.demo.scenes import Scenes

SIZE = 32
BUNDLED = Path(__file__).parent / "data" / "segmenter.safetensors"
_AT_ONCE = 256
_RENDERED = 2000
_PARTS = 10
# One scene in so many holds a handwritten digit.
_DIGITS_EVERY = 2


def scene_words() -> tuple[str, ...]:
    """Every word that the network knows."""
    from workbench.demo.scene_words import (
        COLOURS,
        DIGIT,
        DIGITS,
        POSITIONS,
        RELATIONS,
        SHAPES,
        TEXTURES,
    )

    return (*SHAPES, *DIGITS, DIGIT, *COLOURS, *TEXTURES, *POSITIONS, *RELATIONS)


def train_segmenter(
    n_scenes: int = 96_000, seed: int = 1_000_000, width: int = 16, batch_size: int = 32
) -> tuple[Segmenter, list[float]]:
    """Learn words from pixels of scenes that are rendered on the way, each seen once.

    Parameters
    ----------
    n_scenes : int
    seed : int
        Of scenes and weights. The default lies far from seeds that scenes for units are made with.
    width : int
        See `Segmenter`.
    batch_size : int

    Returns
    -------
    Segmenter
        In evaluation mode.
    list of float
        Mean cross-entropy of a word at a pixel, over each tenth of the training.

    Raises
    ------
    UsageError
        If there are fewer scenes than one batch.
    """
    import torch

    from analyses.neuron_labels.scene_segmenter import Segmenter

    if n_scenes < batch_size:
        raise UsageError(
            f"Found {n_scenes} scenes to learn from; expected {batch_size}, one batch, or more."
        )
    words = scene_words()
    steps = n_scenes // batch_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Channels beside each other in memory: a third faster on processors.
        network = Segmenter(len(words), width)
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 8e-3, total_steps=steps, pct_start=0.15
        )
        losses = []
        for given, truth in _batches(steps, batch_size, seed):
            pixels = given.contiguous(memory_format=torch.channels_last)
            loss = _loss(network(pixels), truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
    parts = np.array_split(np.array(losses), min(_PARTS, steps))
    return network.eval(), [float(part.mean()) for part in parts]


def _loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    # Objects are small: their pixels count more than the ground.
    weight = 1 + 4 * truth.amax(dim=1, keepdim=True)
    return binary_cross_entropy_with_logits(logits, truth, weight.expand_as(truth))


def _batches(steps: int, size: int, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    import torch

    at_once = max(1, _RENDERED // size)
    for start in range(0, steps, at_once):
        count = min(at_once, steps - start)
        scenes = _scenes(count * size, seed + start)
        order = np.random.default_rng(seed + start).permutation(len(scenes[0]))
        for rows in np.array_split(order, count):
            yield (
                torch.from_numpy(scenes[0][rows].transpose(0, 3, 1, 2)).float() / 255,
                torch.from_numpy(scenes[1][rows]).float(),
            )


def _scenes(n: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Images ``(n, size, size, 3)`` and truth ``(n, words, size, size)``, some with digits."""
    from workbench.demo.scenes import render
    from workbench.demo.vision import scenes

    with_digits = scenes("train", seed=seed + 1)
    chosen = np.random.default_rng(seed).permutation(len(with_digits))[: n // _DIGITS_EVERY]
    parts = [with_digits[chosen], render(n - len(chosen), seed, SIZE)]
    truth = [_truth(part) for part in parts]
    return np.concatenate([part.images for part in parts]), np.concatenate(truth)


def _truth(scenes: Scenes) -> NDArray[np.bool_]:
    maps = scenes.label_maps
    nothing = np.zeros(scenes.objects.shape, dtype=bool)
    return np.stack([maps.get(word, nothing) for word in scene_words()], axis=1)


def word_maps(network: Segmenter, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """How likely each word is true of each pixel.

    Parameters
    ----------
    network : Segmenter
    images : array (n, height, width, 3)
        Of any size; the network sees them at 32 pixels.

    Returns
    -------
    dict of str to ndarray (n, 32, 32)
    """
    import torch
    from torch.nn.functional import interpolate

    found = []
    with torch.inference_mode():
        for start in range(0, len(images), _AT_ONCE):
            part = np.ascontiguousarray(images[start : start + _AT_ONCE])
            pixels = torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255
            if pixels.shape[-2:] != (SIZE, SIZE):
                pixels = interpolate(pixels, (SIZE, SIZE), mode="area")
            found.append(network(pixels).sigmoid().numpy())
    maps = np.concatenate(found)
    return {word: maps[:, number] for number, word in enumerate(scene_words())}


def save_segmenter(network: Segmenter, path: str | Path) -> Path:
    """Write weights, and the words that they were learned for.

    Parameters
    ----------
    network : Segmenter
    path : path
        Ends in ``.safetensors``.
    """
    from safetensors.torch import save_file

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    facts = {"words": json.dumps(scene_words()), "width": str(network.output.in_channels // 2)}
    # Half precision halves the file, and moves no probability by more than a hundredth.
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(state, path, metadata=facts)
    return Path(path)


def load_segmenter(path: str | Path = BUNDLED) -> Segmenter:
    """Read what `save_segmenter` wrote; by default the weights that come along.

    Parameters
    ----------
    path : path

    Raises
    ------
    UsageError
        If there is no such file, or it was trained for other words.
    WorkbenchError
        If the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    from analyses.neuron_labels.scene_segmenter import Segmenter

    if not Path(path).is_file():
        raise UsageError(
            f"Found no file '{path}'; expected weights that save_segmenter wrote: train some with "
            "train_segmenter."
        )
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WorkbenchError(
            f"Cannot read '{path}' ({error}); expected a whole .safetensors file: write it again."
        ) from error
    if facts.get("words") != json.dumps(scene_words()):
        raise UsageError(
            f"Found weights for other words in '{path}'; expected those of the scenes' language "
            "as it is: train them again with train_segmenter."
        )
    network = Segmenter(len(scene_words()), int(facts["width"]))
    network.load_state_dict(state)
    return network.eval()
