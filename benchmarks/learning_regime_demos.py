"""Which layers of the demonstration subjects learnt richly, and when in training.

``python benchmarks/learning_regime_demos.py demo vision|rnn|language`` reads the committed
checkpoints. ``train`` trains the vision network again, for whole numbers of epochs that are evenly
spaced on a logarithmic scale, and keeps its batch normalisations apart: folding them into the
convolutions, as the committed checkpoints do, rescales weights.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from torch import nn

EPOCHS = (0, 1, 2, 5, 10, 20, 40, 80, 160)
_SITES = {
    "vision": "relu1,relu2,relu3,relu4,relu5,answers",
    "rnn": "*",
    "language": "blocks.*.hook_resid_post",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "vision": {},
    "rnn": {"n_stimuli": 200},
    "language": {"n_stimuli": 400, "positions": "word"},
}


def make() -> nn.Module:
    """The vision network with its normalisations."""
    from workbench.demo.train_vision import with_norms
    from workbench.demo.vision import untrained

    return with_norms(untrained()).eval()


def train(folder: Path, epochs: int, seed: int = 0) -> None:
    """Train as `workbench.demo.train_vision` does; write a checkpoint for each of EPOCHS."""
    import torch
    from safetensors.torch import save_file

    from workbench.demo import train_vision as recipe
    from workbench.demo.reproducible import reproducible
    from workbench.demo.vision import as_inputs, scenes, untrained

    with reproducible(seed, 1):
        network = recipe.with_norms(untrained())
        optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        save_file(network.state_dict(), folder / "step-0.safetensors")
        step = 0
        for epoch in range(epochs):
            shown = scenes("train", seed=10_000 + 1_000 * seed + epoch)
            inputs = torch.from_numpy(as_inputs(shown))
            wanted = torch.from_numpy(recipe.answers(shown)).float()
            for batch in torch.randperm(len(inputs)).split(32):
                optimizer.zero_grad()
                recipe.loss_of(network(inputs[batch]), wanted[batch]).backward()
                optimizer.step()
                step += 1
            schedule.step()
            if epoch + 1 in EPOCHS:
                save_file(network.state_dict(), folder / f"step-{step}.safetensors")


def recorded_training(folder: Path, epochs: int) -> Any:
    """A recording of the test images at every checkpoint."""
    import numpy as np

    import workbench as wb
    from workbench.demo.vision import images

    if not (folder / "step-0.safetensors").exists():
        train(folder, epochs)
    pixels, table = images("test")
    np.savez(folder / "images.npz", inputs=pixels, digit=table["digit"].to_numpy())
    return wb.capture(
        f"torch:{Path(__file__)}:make",
        stimuli=str(folder / "images.npz"),
        checkpoints=str(folder / "step-*.safetensors"),
        sites=_SITES["vision"],
        out=folder / "recording",
    )


def recorded_demo(folder: Path, name: str) -> Any:
    """A recording of the committed checkpoints."""
    import workbench as wb

    return wb.capture(
        f"demo:{name}",
        checkpoints="*",
        sites=_SITES[name],
        out=folder / name,
        **_OPTIONS[name],
    )


def report(recording: Any, out: Path, **parameters: Any) -> None:
    """Analyse, print the summary and a table over checkpoints."""
    import workbench as wb

    start = time.process_time()
    result = wb.analyze("learning_regime", recording, threads=1, **parameters)
    print(f"{time.process_time() - start:.1f} CPU s\n{result.summary()}\n")
    table = result.table()
    place = table.get("site", table["measure"]).fillna(table.get("weight")).fillna("")
    table["place"] = place
    wide = table.pivot_table(index=["measure", "place"], columns="checkpoint", values="value")
    print(wide[result.data["checkpoint"].values.tolist()].round(3).to_string())
    result.save(out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("demo", "train"))
    parser.add_argument("name", nargs="?", default="vision", choices=tuple(_SITES))
    parser.add_argument("--epochs", type=int, default=EPOCHS[-1])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "regimes")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    labels = {"labels": "digit"} if given.name == "vision" else {}
    if given.what == "demo":
        recording = recorded_demo(given.folder, given.name)
        report(recording, given.folder / f"{given.name}-result", **labels)
        return
    report(recorded_training(given.folder, given.epochs), given.folder / "train-result", **labels)


if __name__ == "__main__":
    main()
