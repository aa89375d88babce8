"""Capture of a torch network against a plain forward-hook loop with np.save.

    python benchmarks/networks.py [--rounds 3]

Prints a Markdown table. The networks: a ResNet-18-like network with random weights on 64 x 64
images, and a recurrent network on sequences. The plain loop is what users write: hooks that keep
outputs, a file a batch and site, no table, no hash, no fsync. Both see the same batches.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measuring import finish, machine, median, ratio, rounds, timed

BATCH = 128


def convolutional() -> Any:
    """Four stages of convolutions, random weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    stages, width = [], 3
    for number, channels in enumerate((32, 64, 128, 256)):
        stages.append(
            nn.Sequential(
                nn.Conv2d(width, channels, 3, 1 + (number > 0), 1),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels, 3, 1, 1),
                nn.ReLU(inplace=True),
            )
        )
        width = channels
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


def recurrent() -> Any:
    """A gated recurrent network with a read-out."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.GRU(16, 256, batch_first=True)
            self.readout = nn.Linear(256, 4)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.readout(self.recurrent(inputs)[0])

    torch.manual_seed(0)
    return Network()


NETWORKS: dict[str, Any] = {
    "convolutional": (convolutional, (1024, 3, 64, 64), ("1", "2", "3")),
    "recurrent": (recurrent, (2048, 50, 16), ("recurrent", "readout")),
}


def bare(make: Any, inputs: np.ndarray, _sites: tuple[str, ...], _work: Path) -> float:
    """Forward passes and nothing else."""
    import torch

    network = make().eval()

    def passes() -> None:
        with torch.inference_mode():
            for start in range(0, len(inputs), BATCH):
                network(torch.from_numpy(inputs[start : start + BATCH]))

    passes()
    return timed(passes)


def hooks(make: Any, inputs: np.ndarray, sites: tuple[str, ...], work: Path) -> float:
    """The plain loop."""
    import torch

    network = make().eval()
    modules, found = dict(network.named_modules()), {}
    for site in sites:

        def keep(_module: object, _inputs: object, output: Any, site: str = site) -> None:
            found[site] = (output[0] if isinstance(output, tuple) else output).clone()

        modules[site].register_forward_hook(keep)

    def loop() -> None:
        with torch.inference_mode():
            for start in range(0, len(inputs), BATCH):
                network(torch.from_numpy(inputs[start : start + BATCH]))
                for site, value in found.items():
                    np.save(work / f"{site}.{start}.npy", value.numpy())

    loop()
    return timed(loop)


def ours(make: Any, inputs: np.ndarray, sites: tuple[str, ...], work: Path) -> float:
    """Capture to a committed recording."""
    import workbench as wb

    network = make()
    np.save(work / "inputs.npy", inputs)

    def capture(name: str) -> None:
        wb.capture(
            network,
            stimuli=work / "inputs.npy",
            sites=list(sites),
            out=work / name,
            batch=BATCH,
        )

    capture("warm")
    return timed(lambda: capture("rec"))


FUNCTIONS = {"bare": bare, "hooks": hooks, "ours": ours}
TITLES = {
    "bare": "bare forward pass",
    "hooks": "forward hooks + np.save",
    "ours": "workbench capture",
}


def variant(network: str, what: str) -> None:
    """One measurement, in this process."""
    make, shape, sites = NETWORKS[network]
    inputs = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        finish(FUNCTIONS[what](make, inputs, sites, Path(folder)))


def main() -> None:
    """Run all variants of all networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", nargs=2, metavar=("NETWORK", "WHAT"))
    given = parser.parse_args()
    if given.variant:
        variant(*given.variant)
        return
    print(machine())
    for network, (_, shape, sites) in NETWORKS.items():
        variants = {what: ["--variant", network, what] for what in FUNCTIONS}
        found = rounds(sys.argv[0], variants, given.rounds)
        print(f"\n**{network}**, inputs {shape}, sites {', '.join(sites)}\n")
        print("| variant | seconds | stimuli/s | / bare | peak MiB |\n|---|---|---|---|---|")
        for what, runs in found.items():
            seconds = median(runs, "seconds")
            print(
                f"| {TITLES[what]} | {seconds:.2f} | {shape[0] / seconds:.0f} | "
                f"{ratio(runs, found['bare']):.2f} | {median(runs, 'peak_mib'):.0f} |"
            )
        print(f"\nhooks / workbench: **{ratio(found['hooks'], found['ours']):.2f}**")


if __name__ == "__main__":
    main()
