"""Train the embedded decision network: ``python -m workbench.demo.train_rnn --out DIR``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.demo.reproducible import reproducible
from workbench.demo.rnn import COHERENCES, accuracy, trial_epochs, trials, untrained

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import nn

# Held-out trials; training seeds count up from the recipe's and never come near.
TEST_SEED = 1_000_000
# Weaker evidence hides the task from a network that has not learnt it yet.
_TRAINING_COHERENCES = (0.128, 0.256, 0.512)


def targets_of(table: pd.DataFrame) -> torch.Tensor:
    """What to say at every time step: 0 hold, 1 left, 2 right; shape (trials, time)."""
    import torch

    epochs = trial_epochs()
    targets = torch.zeros(len(table), len(epochs), dtype=torch.long)
    choice = torch.tensor((table["correct_choice"] == "right").to_numpy().astype("int64") + 1)
    targets[:, torch.from_numpy(epochs == "response")] = choice[:, None]
    return targets


def train(seed: int, steps: int, batch_size: int = 128) -> dict[str, nn.Module]:
    """Train, keeping copies of the start, of a fortieth of the steps and of the end."""
    import copy

    import torch
    from tqdm import tqdm

    network = untrained()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    answering = torch.from_numpy(trial_epochs() == "response")
    checkpoints = {"initial": copy.deepcopy(network)}
    for step in tqdm(range(steps), desc="training", unit="step"):
        if step == max(1, steps // 40):
            checkpoints["middle"] = copy.deepcopy(network)
        inputs, table = trials(batch_size, seed + step, _TRAINING_COHERENCES)
        logits = network(torch.from_numpy(inputs))
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), targets_of(table), reduction="none"
        )
        loss = 0.2 * losses[:, ~answering].mean() + losses[:, answering].mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    checkpoints["final"] = network
    return checkpoints


def measure(network: nn.Module, n: int) -> dict[str, float]:
    """Accuracy on held-out trials, over all and at every coherence."""
    inputs, table = trials(n, seed=TEST_SEED)
    scores = {"all": accuracy(network, inputs, table)}
    for coherence in COHERENCES:
        chosen = (table["coherence"] == coherence).to_numpy()
        scores[str(coherence)] = accuracy(network, inputs[chosen], table[chosen])
    return {name: round(score, 4) for name, score in scores.items()}


def run(
    out: Path, seed: int = 0, steps: int = 1000, threads: int = 1, tested: int = 6000
) -> dict[str, float]:
    """Train, write ``<checkpoint>.safetensors`` and ``metrics.json``, return accuracies."""
    import torch
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    with reproducible(seed, threads):
        checkpoints = train(seed, steps)
    for name, network in checkpoints.items():
        save_file(network.state_dict(), out / f"{name}.safetensors")
    metrics = {name: measure(network.eval(), tested) for name, network in checkpoints.items()}
    _, table = trials(tested, seed=TEST_SEED)
    ideal = (table["evidence"] > 0) == (table["correct_choice"] == "right")
    recipe = {
        "seed": seed,
        "steps": steps,
        "tested_trials": tested,
        "torch": torch.__version__,
        "ideal_observer": round(float(ideal.mean()), 4),
        "accuracy": metrics,
    }
    (out / "metrics.json").write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    return {name: scores["all"] for name, scores in metrics.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m workbench.demo.train_rnn")
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoints")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tested", type=int, default=6000, help="held-out trials")
    print(json.dumps(run(**vars(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main()
