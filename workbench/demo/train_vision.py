"""Train the embedded digits network: ``python -m workbench.demo.train_vision --out DIR``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.demo.reproducible import reproducible
from workbench.demo.vision import images, untrained

if TYPE_CHECKING:
    import torch
    from torch import nn


def train(epochs: int, batch_size: int = 64) -> dict[str, nn.Module]:
    """Train, keeping copies of the start, of the first epoch and of the end."""
    import copy

    import torch
    from tqdm import tqdm

    pixels, table = images("train")
    inputs, targets = torch.from_numpy(pixels), torch.tensor(table["digit"].to_numpy())
    network = untrained()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    checkpoints = {"initial": copy.deepcopy(network)}
    for epoch in tqdm(range(epochs), desc="training", unit="epoch"):
        for batch in torch.randperm(len(inputs)).split(batch_size):
            loss = torch.nn.functional.cross_entropy(network(inputs[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch == 0:
            checkpoints["middle"] = copy.deepcopy(network)
    checkpoints["final"] = network
    return checkpoints


def accuracy(network: nn.Module, split: str) -> float:
    """Share of a split's images that are named correctly."""
    import torch

    pixels, table = images("train" if split == "train" else "test")
    with torch.no_grad():
        named: torch.Tensor = network.eval()(torch.from_numpy(pixels)).argmax(dim=1)
    return float((named.numpy() == table["digit"].to_numpy()).mean())


def run(out: Path, seed: int = 0, epochs: int = 30, threads: int = 1) -> dict[str, float]:
    """Train, write ``<checkpoint>.safetensors`` and ``metrics.json``, return test accuracies."""
    import torch
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    with reproducible(seed, threads):
        checkpoints = train(epochs)
    for name, network in checkpoints.items():
        save_file(network.state_dict(), out / f"{name}.safetensors")
    metrics = {
        split: {name: round(accuracy(net, split), 4) for name, net in checkpoints.items()}
        for split in ("train", "test")
    }
    recipe = {"seed": seed, "epochs": epochs, "torch": torch.__version__, "accuracy": metrics}
    (out / "metrics.json").write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    return metrics["test"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m workbench.demo.train_vision")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    print(json.dumps(run(**vars(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main()
