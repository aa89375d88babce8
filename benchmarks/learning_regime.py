"""Rich and lazy learning from starts of several ranks, and the speed of training many seeds.

    python benchmarks/learning_regime.py sweep
    python benchmarks/learning_regime.py ranks --folder FOLDER
    python benchmarks/learning_regime.py aligned
    python benchmarks/learning_regime.py linear
    python benchmarks/learning_regime.py starts

`sweep` compares `train_rnn` over seeds with a loop over seeds, both of the same function and of
plain PyTorch. `ranks` is the study's main result with its confounds (three tasks, four ranks, three
matchings) and writes a figure; the study's own sizes are ``--units 300 --steps 10000 --ranks 1 30
100 300 --device cuda``. `aligned` and `linear` are the exception of aligned starts. `starts` trains
from blocks, Dale's law, chain motifs and, with ``WORKBENCH_DATA``, the worm's connectome.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import finish, machine, median, ratio, rounds

from analyses import learning_regime as lr
from analyses.learning_regime.batches import Batches
from workbench.analysis.measure import Measure

TASKS = ("2AF", "DMS", "CXT")


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("sweep", "variant", "ranks", "aligned", "linear", "starts")
    parser.add_argument("part", choices=parts)
    parser.add_argument("variant", nargs="?", choices=("together", "loop", "autograd"))
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--ranks", nargs="+", type=int, default=(1, 10, 33, 100))
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--match", default="spectral_radius", help="of `aligned`")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("learning_regime-ranks"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()
    {
        "sweep": sweep,
        "variant": variant,
        "ranks": ranks,
        "aligned": aligned,
        "linear": linear,
        "starts": starts,
    }[given.part](given)
    if given.part != "variant":
        print(f"\n{machine()}; one thread, {time.process_time() - start:.0f} CPU seconds here")


def sweep(given: argparse.Namespace) -> None:
    """Seeds together against a loop over seeds, in processes of their own, in turn."""
    common = [f"--seeds={given.seeds}", f"--units={given.units}", f"--steps={given.steps}"]
    names = ("together", "loop", "autograd")
    runs = rounds(
        str(Path(__file__)), {name: ["variant", name, *common] for name in names}, given.rounds
    )
    print("| | CPU s | times `train_rnn` | peak MiB | mean last loss |")
    print("|---|---|---|---|---|")
    for name in names:
        times = ratio(runs[name], runs["together"])
        loss = runs[name][0]["loss"]
        print(
            f"| {name} | {median(runs[name], 'seconds'):.1f} | {times:.2f} | "
            f"{median(runs[name], 'peak_mib'):.0f} | {loss:.6f} |"
        )


def variant(given: argparse.Namespace) -> None:
    """Train all seeds in one of three ways."""
    ways: dict[str, Callable[..., float]] = {
        "together": _together,
        "loop": _loop,
        "autograd": _autograd,
    }
    ways[given.variant](given, 20)
    start = time.process_time()
    loss = ways[given.variant](given, given.steps)
    finish(time.process_time() - start, loss=loss)


def _options(steps: int) -> dict[str, Any]:
    return {"n_steps": steps, "checkpoints": 2, "progress": False}


def _together(given: argparse.Namespace, steps: int) -> float:
    trained = lr.train_rnn("2AF", given.units, seeds=given.seeds, **_options(steps))
    return float(trained.losses[..., -1].mean())


def _loop(given: argparse.Namespace, steps: int) -> float:
    each = [
        lr.train_rnn("2AF", given.units, seeds=[seed], **_options(steps))
        for seed in range(given.seeds)
    ]
    return float(np.mean([trained.losses[..., -1] for trained in each]))


def _autograd(given: argparse.Namespace, steps: int) -> float:
    """What one would write in PyTorch: a module, autograd and its optimiser, seed by seed."""
    every = max(1, min(100, steps // 20))
    last = []
    for seed in range(given.seeds):
        # The same start and the same trials, so that losses can be compared.
        begun = lr.train_rnn("2AF", given.units, seeds=[seed], **_options(1)).network(checkpoint=0)
        batches = Batches(lr.as_task("2AF"), [seed], 32, 1, begun.W_h.weight)
        optimiser = torch.optim.SGD(begun.parameters(), lr=0.003, momentum=0.9)
        losses = []
        for step in range(steps):
            inputs, targets = batches(step)
            outputs = begun(inputs.view(8, 32, 3).transpose(0, 1))
            wanted = targets.argmax(1).view(8, 32).T
            loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), wanted.flatten())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        logged = steps // every * every
        last.append(np.mean(losses[logged - every : logged]))
    return float(np.mean(last))


def ranks(given: argparse.Namespace) -> None:
    """The main result, and its confounds."""
    given.folder.mkdir(parents=True, exist_ok=True)
    data = lr.run_rank_experiment(
        given.tasks,
        given.ranks,
        given.seeds,
        n=given.units,
        n_steps=given.steps,
        folder=given.folder,
        device=given.device,
    )
    lr.rank_figure(data).write_html(given.folder / "ranks.html")
    shown = ("weight_change", "representation_alignment", "kernel_alignment", "accuracy")
    table = lr.seed_intervals(data, shown).set_index(["measure", "match", "task", "rank"])
    for match in data["match"].values:
        print(f"\nMatched: {match}. Weight change / RA / **KA**: mean (sd) over seeds.\n")
        print("| task | " + " | ".join(f"rank {rank}" for rank in given.ranks) + " | accuracy |")
        print("|---" * (len(given.ranks) + 2) + "|")
        for task in given.tasks:
            cells = [_cell(table, match, task, rank) for rank in given.ranks]
            right = [table.loc[("accuracy", match, task, rank), "mean"] for rank in given.ranks]
            print(f"| {task} | {' | '.join(cells)} | {min(right):.2f} to {max(right):.2f} |")
    print(
        "\nAt the start, mean over seeds: norm / radius / largest singular value / effective rank\n"
    )
    print("| matched | " + " | ".join(f"rank {rank}" for rank in given.ranks) + " |")
    print("|---" * (len(given.ranks) + 1) + "|")
    print(_sizes(data, given))
    lost = data["diverged"].sum("seed")
    print(f"\nDiverged: {int(lost.sum())} of {data['diverged'].size}\n")
    print("| measure | task, match, ranks | difference (95 %) | p | seeds |")
    print("|---" * 5 + "|")
    measures = ("kernel_alignment", "centred_kernel_alignment", "representation_alignment")
    for measure in lr.rank_contrasts(data, (*measures, "relative_weight_change")):
        print(_line(measure))


def _cell(table: Any, match: str, task: str, rank: int) -> str:
    names = ("weight_change", "representation_alignment", "kernel_alignment")
    rows = [table.loc[(name, match, task, rank)] for name in names]
    texts = [f"{row['mean']:.2f} ({row['sd']:.2f})" for row in rows]
    return f"{texts[0]} / {texts[1]} / **{texts[2]}**"


def _sizes(data: Any, given: argparse.Namespace) -> str:
    first = data.isel(step=0, task=0).mean("seed")
    lines = []
    for match in data["match"].values:
        names = ("frobenius", "spectral_radius", "singular_value", "effective_rank")
        parts = [first.sel(match=match, rank=rank) for rank in given.ranks]
        cells = [" / ".join(f"{float(part[name]):.3g}" for name in names) for part in parts]
        lines.append(f"| {match} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _line(measure: Measure) -> str:
    low, high = measure.interval or (float("nan"), float("nan"))
    p = measure.null.p_value if measure.null else float("nan")
    where = ", ".join(measure.where.values())
    mark = "*" if measure.beats_null else ""
    return (
        f"| {measure.name.removeprefix('difference of ')} | {where} | {measure.value:+.3f} "
        f"({low:+.3f} to {high:+.3f}) | {p:.4f}{mark} | {measure.n} |"
    )


def aligned(given: argparse.Namespace) -> None:
    """Starts that hold what the task needs, beside the same ones with units shuffled."""
    names = (
        "kernel_alignment",
        "representation_alignment",
        "weight_change",
        "accuracy",
    )
    for task in given.tasks:
        data = lr.run_aligned_experiment(
            task,
            seeds=given.seeds,
            n=given.units,
            n_steps=given.steps,
            match=given.match,
            device=given.device,
        )
        _print_starts(task, data, names)


def starts(given: argparse.Namespace) -> None:
    """Structured starts of one Frobenius norm."""
    n = given.units
    made: dict[str, Callable[[int], Any]] = {
        "Gaussian": lambda seed: lr.low_rank_init(n, n, seed=seed),
        "rank 1": lambda seed: lr.low_rank_init(n, 1, seed=seed),
        "blocks": lambda seed: lr.block_init(n, seed=seed),
        "Dale, balanced": lambda seed: lr.dale_init(n, seed=seed),
        "chains .2": lambda seed: lr.chain_motif_init(n, chain=0.2, seed=seed),
        "reciprocal .8": lambda seed: lr.chain_motif_init(n, reciprocal=0.8, seed=seed),
    }
    if "WORKBENCH_DATA" in os.environ:
        folder = Path(os.environ["WORKBENCH_DATA"]) / "worm" / "connectomes"
        path = folder / "Cook2019_herm_full_edgelist.csv"
        made["worm, random signs"] = lambda seed: lr.connectome_init(path, n, seed=seed)
    for task in given.tasks:
        trained = lr.train_rnn(
            task, made, seeds=given.seeds, n_steps=given.steps, checkpoints=2, device=given.device
        )
        names = ("effective_rank", "spectral_radius", "singular_value")
        data = lr.measure_networks(trained)
        _print_starts(f"{task}, before", data.isel(step=[0]), names)
        _print_starts(
            f"{task}, after",
            data,
            ("kernel_alignment", "representation_alignment", "weight_change", "accuracy"),
        )


def _print_starts(title: str, data: Any, names: tuple[str, ...]) -> None:
    table = lr.seed_intervals(data, names).set_index(["measure", "start"])
    print(f"\n| {title} | {' | '.join(name.replace('_', ' ') for name in names)} | diverged |")
    print("|---" * (len(names) + 2) + "|")
    for start in data["start"].values:
        rows = [table.loc[(name, start)] for name in names]
        cells = [f"{row['mean']:.3f} ({row['low']:.3f} to {row['high']:.3f})" for row in rows]
        lost = int(data["diverged"].sel(start=start).sum())
        print(f"| {start} | {' | '.join(cells)} | {lost} of {data.sizes['seed']} |")


def linear(given: argparse.Namespace) -> None:
    """Closed form against gradient descent."""
    found = lr.run_linear_experiment(n_draws=given.seeds)
    print("| start | trained | closed form | largest error |\n|---|---|---|---|")
    for row in found.to_dict("records"):
        print(
            f"| {row['start']} | {row['trained']:.4f} ({row['low']:.4f} to {row['high']:.4f}) | "
            f"{row['predicted']:.4f} | {row['error']:.1e} |"
        )


if __name__ == "__main__":
    main()
