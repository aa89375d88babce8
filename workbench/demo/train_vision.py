"""Train the embedded vision network: ``python -m workbench.demo.train_vision --out DIR``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from workbench.demo.reproducible import reproducible
from workbench.demo.scene_language import parse
from workbench.demo.scene_words import DIGITS
from workbench.demo.vision import ANSWERS, as_inputs, scenes, untrained

if TYPE_CHECKING:
    import torch
    from torch import nn

    from workbench.demo.scenes import Scenes

_SPLITS = ("train", "test")
_RATE = 3e-3
# So much does each shape, colour or texture weigh in the loss, where the digit weighs 1.
_WEIGHT = 0.4


def answers(shown: Scenes) -> NDArray[np.bool_]:
    """What the network shall say of scenes.

    Parameters
    ----------
    shown : Scenes

    Returns
    -------
    bool array (scenes, answers)
        In the order of ``ANSWERS``.
    """
    return np.stack([parse(text).present(shown) for text in ANSWERS], axis=1)


def train(
    epochs: int, seed: int = 0, batch_size: int = 32, most: int | None = None
) -> dict[str, nn.Module]:
    """Train, keeping copies of the start, after a quarter of the epochs, and of the end.

    Every epoch shows the same digits, at most so many, in scenes of its own.
    """
    import torch
    from tqdm import tqdm

    network = with_norms(untrained())
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    checkpoints = {"initial": without_norms(network)}
    for epoch in tqdm(range(epochs), desc="training", unit="epoch"):
        shown = scenes("train", seed=10_000 + 1_000 * seed + epoch)[:most]
        inputs, wanted = torch.from_numpy(as_inputs(shown)), torch.from_numpy(answers(shown))
        for batch in torch.randperm(len(inputs)).split(batch_size):
            loss = loss_of(network(inputs[batch]), wanted[batch].float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        if epoch == max(0, epochs // 4 - 1):
            checkpoints["middle"] = without_norms(network)
    checkpoints["final"] = without_norms(network)
    return checkpoints


def with_norms(network: nn.Module) -> nn.Module:
    """The network with a batch normalisation behind every convolution, to be trained.

    Parameters
    ----------
    network : torch.nn.Module
        Layers one after the other; they are shared, not copied.

    Returns
    -------
    torch.nn.Module
    """
    from collections import OrderedDict

    from torch import nn

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in network.named_children():
        layers[name] = layer
        if isinstance(layer, nn.Conv2d):
            layers[f"{name}_norm"] = nn.BatchNorm2d(layer.out_channels)
    return nn.Sequential(layers)


def without_norms(network: nn.Module) -> nn.Module:
    """A copy that computes the same, in evaluation, with each normalisation in its convolution.

    Parameters
    ----------
    network : torch.nn.Module
        As `with_norms` gives it.

    Returns
    -------
    torch.nn.Module
        Of the layers of ``workbench.demo.vision.network``.
    """
    import copy
    from collections import OrderedDict

    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    whole = copy.deepcopy(network).eval()
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in whole.named_children():
        if isinstance(layer, nn.BatchNorm2d):
            before = name.removesuffix("_norm")
            layers[before] = fuse_conv_bn_eval(cast(nn.Conv2d, layers[before]), layer)
        else:
            layers[name] = layer
    return nn.Sequential(layers)


def scores(network: nn.Module, split: str, most: int | None = None) -> dict[str, float]:
    """How well a network says what is in the scenes of a split.

    Parameters
    ----------
    network : torch.nn.Module
    split : str
        *train* or *test*.
    most : int, optional
        Look at the first so many scenes only.

    Returns
    -------
    dict of str to float
        ``accuracy``: share of images whose digit is named correctly, by chance 0.1.
        ``precision``: mean average precision of shapes, colours and textures, by chance about
        the share of images in which one is.
    """
    import torch
    from sklearn.metrics import average_precision_score

    shown = scenes("train" if split == "train" else "test")[:most]
    wanted, digits = answers(shown), len(DIGITS)
    with torch.no_grad():
        said = network.eval()(torch.from_numpy(as_inputs(shown))).numpy()
    named = said[:, :digits].argmax(axis=1) == wanted[:, :digits].argmax(axis=1)
    precision = average_precision_score(wanted[:, digits:], said[:, digits:], average="macro")
    return {"accuracy": float(named.mean()), "precision": float(precision)}


def run(
    out: Path, seed: int = 0, epochs: int = 160, threads: int = 1, most: int | None = None
) -> dict[str, float]:
    """Train, write ``<checkpoint>.safetensors`` and ``metrics.json``, return test accuracies."""
    import torch
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    with reproducible(seed, threads):
        checkpoints = train(epochs, seed, most=most)
        found = {
            split: {name: scores(net, split, most) for name, net in checkpoints.items()}
            for split in _SPLITS
        }
    for name, network in checkpoints.items():
        save_file(network.state_dict(), out / f"{name}.safetensors")
    metrics = {
        measure: {
            split: {name: round(each[measure], 4) for name, each in of_split.items()}
            for split, of_split in found.items()
        }
        for measure in ("accuracy", "precision")
    }
    recipe = {"seed": seed, "epochs": epochs, "torch": torch.__version__, **metrics}
    (out / "metrics.json").write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    return metrics["accuracy"]["test"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m workbench.demo.train_vision")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=160)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most", type=int, help="images of each split, for a trial run")
    print(json.dumps(run(**vars(parser.parse_args(arguments)))))


def loss_of(said: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Loss on which digit it is, and on whether there is each of the other things.

    Parameters
    ----------
    said, wanted : Tensor (images, answers)
        Logits, and 1 for what is there.

    Returns
    -------
    Tensor ()
    """
    from torch.nn import functional

    count = len(DIGITS)
    digit = functional.cross_entropy(said[:, :count], wanted[:, :count].argmax(dim=1))
    others = functional.binary_cross_entropy_with_logits(said[:, count:], wanted[:, count:])
    return digit + _WEIGHT * (len(ANSWERS) - count) * others


if __name__ == "__main__":
    main()
