"""Training sparse autoencoders: tokens a second beside SAELens' own trainer, as a table.

Run ``python benchmarks/sae_training.py``. Both get identical activations in identical batches,
the same width, dtype, number of steps and learning rate, each in a process of its own and in turn.
The clock runs while they train; held-out error is taken at some steps with the clock stopped, so
that the time to one held-out error can be compared as well.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import finish, machine, rounds
from numpy.typing import NDArray

KINDS = ("topk", "batchtopk", "threshold")
HELD_OUT = 4096
LOOKS = 10
RATE = 1e-3


def activations(options: argparse.Namespace) -> NDArray[np.float32]:
    """Rows with a planted overcomplete dictionary and noise, of mean squared length ``units``."""
    if options.rows_file:
        rows = np.load(options.rows_file, allow_pickle=False).astype(np.float32)
    else:
        generator = np.random.default_rng(0)
        n_true, units = 4 * options.units, options.units
        atoms = generator.standard_normal((n_true, units), dtype=np.float32)
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        n_rows = 40_000 + HELD_OUT
        rows = 0.1 * generator.standard_normal((n_rows, units), dtype=np.float32)
        for _ in range(options.l0 // 2):
            size = generator.uniform(1, 2, (n_rows, 1)).astype(np.float32)
            rows += size * atoms[generator.integers(n_true, size=n_rows)]
    rows -= rows.mean(axis=0)
    return rows * np.float32(np.sqrt(rows.shape[1] / np.square(rows).sum(axis=1).mean()))


def batches(rows: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    """The same batches for everyone."""
    generator = np.random.default_rng(1)
    while True:
        yield rows[generator.integers(len(rows), size=size)]


Look = Callable[[], tuple[float, float]]


def train_ours(
    options: argparse.Namespace, train: NDArray[np.float32], test: NDArray[np.float32]
) -> tuple[Callable[[NDArray[np.float32]], None], Look]:
    """One step, and a look at held-out squared error a row and L0."""
    import torch

    from analyses.atoms import ThresholdSAE
    from analyses.atoms.checking import settings_of
    from analyses.atoms.training import Trainer

    sae = ThresholdSAE(
        options.width,
        target_l0=options.l0,
        activation=options.kind,
        n_steps=options.steps,
        batch_size=options.batch,
        learning_rate=RATE,
        dtype=options.dtype,
    )
    settings = settings_of(sae, options.steps, train.shape[1])
    trainer = Trainer.begin(settings, train[:16_384], options.device)

    def look() -> tuple[float, float]:
        sae._take(trainer, None)
        codes = sae.transform(test)
        error = np.square(test - sae.inverse_transform(codes)).sum(axis=1).mean()
        return float(error), codes.nnz / len(test)

    return lambda rows: trainer.step(torch.from_numpy(rows).to(options.device)), look


def train_theirs(
    options: argparse.Namespace, train: NDArray[np.float32], test: NDArray[np.float32]
) -> tuple[Callable[[NDArray[np.float32]], None], Look]:
    """The same with SAELens' trainer."""
    import torch
    from sae_lens import (
        BatchTopKTrainingSAE,
        BatchTopKTrainingSAEConfig,
        JumpReLUTrainingSAE,
        JumpReLUTrainingSAEConfig,
        TopKTrainingSAE,
        TopKTrainingSAEConfig,
    )
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    made: Any
    size = {"d_in": train.shape[1], "d_sae": options.width, "device": options.device}
    if options.kind == "threshold":
        own = {"jumprelu_sparsity_loss_mode": "quadratic", "target_l0": float(options.l0)}
        made = JumpReLUTrainingSAE(JumpReLUTrainingSAEConfig(**size, **own))
    elif options.kind == "topk":
        sparse = options.sparse_decode
        made = TopKTrainingSAE(
            TopKTrainingSAEConfig(**size, k=options.l0, use_sparse_activations=sparse)
        )
    else:
        made = BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**size, k=options.l0))
    configuration = SAETrainerConfig(
        total_training_samples=options.steps * options.batch,
        train_batch_size_samples=options.batch,
        lr=RATE,
        lr_end=RATE / 10,
        lr_warm_up_steps=options.steps // 20,
        lr_decay_steps=3 * options.steps // 10,
        device=options.device,
        autocast=options.dtype == "bfloat16",
        logger=LoggingConfig(log_to_wandb=False),
    )
    trainer = SAETrainer(cfg=configuration, sae=made, data_provider=iter(()))

    def step(rows: NDArray[np.float32]) -> None:
        trainer.step(torch.from_numpy(rows).to(options.device))
        trainer.n_training_steps += 1

    def look() -> tuple[float, float]:
        made.eval()
        with torch.no_grad():
            given = torch.from_numpy(test).to(options.device)
            codes = made.encode(given)
            found = (given - made.decode(codes)).square().sum(1).mean()
            codes = codes.to_dense() if codes.is_sparse else codes
            l0 = (codes != 0).float().sum(1).mean()
        made.train()
        return float(found), float(l0)

    return step, look


def measure(options: argparse.Namespace) -> None:
    """Train one way in this process and print what was found."""
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    rows = activations(options)
    train, test = rows[:-HELD_OUT], rows[-HELD_OUT:]
    begin = {"ours": train_ours, "theirs": train_theirs}[options.measure]
    seconds, curve = -time.perf_counter(), []
    step, look = begin(options, train, test)
    seconds += time.perf_counter()
    started = seconds
    stream = batches(train, options.batch)
    for number in range(1, options.steps + 1):
        batch = next(stream)
        start = time.perf_counter()
        step(batch)
        if options.device != "cpu":
            torch.cuda.synchronize()
        seconds += time.perf_counter() - start
        if number % max(1, options.steps // LOOKS) == 0:
            curve.append((seconds, *look()))
    speed = options.steps * options.batch / (seconds - started)
    finish(seconds, curve=curve, rows_a_second=speed)


def seconds_to(curve: list[list[float]], error: float) -> float | None:
    """When held-out error first was that low."""
    return next((seconds for seconds, found, _ in curve if found <= error), None)


def compare(options: argparse.Namespace) -> None:
    """Run both in turn and print a table."""
    print(machine())
    print(
        f"\n{options.units} units, {options.width} atoms, L0 {options.l0}, batches of "
        f"{options.batch}, {options.steps} steps, {options.dtype}, {options.device}, "
        f"{options.threads} threads, median of {options.rounds}\n"
    )
    print("| activation | trainer | rows/s | ratio | held-out R² | L0 | s to the same R² | MiB |")
    print("|---|---|---|---|---|---|---|---|")
    passed = sys.argv[1:]
    for kind in options.kinds.split(","):
        arguments = [*passed, "--kind", kind]
        variants = {who: [*arguments, "--measure", who] for who in ("ours", "theirs")}
        _print_pair(kind, options, rounds(str(Path(__file__).resolve()), variants, options.rounds))


def _print_pair(
    kind: str, options: argparse.Namespace, found: dict[str, list[dict[str, Any]]]
) -> None:
    pairs = list(zip(found["ours"], found["theirs"], strict=True))
    ratio = np.median([ours["rows_a_second"] / theirs["rows_a_second"] for ours, theirs in pairs])
    reached = max(runs[0]["curve"][-1][1] for runs in found.values())
    for who, runs in found.items():
        _, error, l0 = runs[0]["curve"][-1]
        speed = np.median([run["rows_a_second"] for run in runs])
        until = [seconds_to(run["curve"], reached) for run in runs]
        took = np.median([each if each is not None else np.nan for each in until])
        peak = np.median([run["peak_mib"] for run in runs])
        name = "ours" if who == "ours" else "SAELens"
        print(
            f"| {kind} | {name} | {speed:,.0f} | {ratio if who == 'ours' else 1:.1f} | "
            f"{1 - error / options.units:.4f} | {l0:.1f} | {took:.1f} | {peak:,.0f} |",
            flush=True,
        )


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--l0", type=int, default=32)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--rows-file", help=".npy of activations instead of planted ones")
    parser.add_argument("--sparse-decode", action="store_true", help="SAELens' own, of topk")
    parser.add_argument("--kind", choices=KINDS, default="topk", help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options)
    else:
        compare(options)


if __name__ == "__main__":
    main()
