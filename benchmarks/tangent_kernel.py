"""Exact tangent kernels of a recurrent network, beside Jacobians.

    python benchmarks/tangent_kernel.py [--rounds 3]

The network of Liu et al. 2024: 300 rectified units, 8 steps, 3 outputs at every step, 32 trials,
so 768 rows; gradients in the recurrent weights alone, as there, and in all weights. Peers: one
backward pass a row, as the authors' code has it (written anew), and ``torch.func``'s
``vmap(jacrev)``, both followed by one product of matrices. A smaller case has 100 units and 16
trials. CPU seconds of one thread, after a small case to warm up; memory is the peak above what was
there before.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import measuring
import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from analyses.learning_regime import tangent_kernel

CASES = {"paper": (300, 32), "small": (100, 16)}
PARAMETERS = {"W_h": ["W_h"], "all": ["W_in", "W_h", "W_out"]}
STEPS = 8


class Network(nn.Module):
    """h = relu(W_in x + W_h h), read out at every step; gain 1.25."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.W_in = nn.Parameter(torch.randn(hidden, 3) / 3**0.5)
        self.W_h = nn.Parameter(1.25 * torch.randn(hidden, hidden) / hidden**0.5)
        self.W_out = nn.Parameter(torch.randn(3, hidden) / hidden**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(trials, steps, 3) -> (trials, steps, 3)."""
        hidden, outputs = x.new_zeros(len(x), len(self.W_h)), []
        for step in x.unbind(1):
            hidden = torch.relu(step @ self.W_in.T + hidden @ self.W_h.T)
            outputs.append(hidden @ self.W_out.T)
        return torch.stack(outputs, 1)


def ours(net: Network, x: Tensor, names: list[str]) -> np.ndarray:
    """This project's."""
    return tangent_kernel(net, x, names)


def by_rows(net: Network, x: Tensor, names: list[str]) -> np.ndarray:
    """One backward pass a row of the Jacobian."""
    chosen = [net.get_parameter(name) for name in names]
    rows = []
    for output in net(x).flatten():
        gradients = torch.autograd.grad(output, chosen, retain_graph=True)
        rows.append(torch.cat([each.flatten() for each in gradients]))
    jacobian = torch.stack(rows)
    return (jacobian @ jacobian.T).numpy()


def vectorised(net: Network, x: Tensor, names: list[str]) -> np.ndarray:
    """``torch.func``, one parameter contracted after the other."""
    values = {name: each.detach() for name, each in net.named_parameters()}
    chosen = {name: values.pop(name) for name in names}

    def outputs(chosen: dict[str, Tensor], trial: Tensor) -> Tensor:
        return torch.func.functional_call(net, {**values, **chosen}, (trial[None],)).flatten()

    jacobian = torch.func.vmap(torch.func.jacrev(outputs), (None, 0))(chosen, x)
    kernel: Tensor | float = 0.0
    for each in jacobian.values():
        flat = each.flatten(0, 1).flatten(1)
        kernel = kernel + flat @ flat.T
    return kernel.numpy()


METHODS: dict[str, Callable[[Network, Tensor, list[str]], np.ndarray]] = {
    "ours": ours,
    "vmap(jacrev)": vectorised,
    "one backward pass a row": by_rows,
}


def peak_mib() -> float:
    """Peak memory of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def run(case: str, parameters: str, method: str) -> None:
    """One variant, in this process."""
    torch.set_num_threads(1)
    hidden, trials = CASES[case]
    torch.manual_seed(0)
    net, x = Network(hidden), torch.randn(trials, STEPS, 3)
    with threadpool_limits(1):
        METHODS[method](Network(8), x[:2, :2], PARAMETERS[parameters])
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak starts anew
        before, start = peak_mib(), time.process_time()
        kernel = METHODS[method](net, x, PARAMETERS[parameters])
        seconds = time.process_time() - start
    measuring.finish(seconds, extra_mib=peak_mib() - before, trace=float(np.trace(kernel)))


def main() -> None:
    """Read the command line; run variants in turn and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--variant", nargs=3, help="run one: case, parameters, method")
    options = parser.parse_args()
    if options.variant:
        run(*options.variant)
        return
    print(f"{measuring.machine()}, one thread, {options.rounds} rounds\n")
    print("| case | weights | method | CPU s | ours is faster by | peak MiB | ours needs less by |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        for parameters in PARAMETERS:
            table(case, parameters, options.rounds)


def table(case: str, parameters: str, n_rounds: int) -> None:
    """Rows of the table for one case."""
    variants = {method: ["--variant", case, parameters, method] for method in METHODS}
    found = measuring.rounds(__file__, variants, n_rounds)
    own = measuring.median(found["ours"], "extra_mib")
    for method, runs in found.items():
        seconds, memory = (measuring.median(runs, key) for key in ("seconds", "extra_mib"))
        if abs(runs[0]["trace"] / found["ours"][0]["trace"] - 1) > 1e-5:
            sys.exit(f"{method} has another kernel")
        print(
            f"| {case} | {parameters} | {method} | {seconds:.3f} | "
            f"{measuring.ratio(runs, found['ours']):.1f} | {memory:.1f} | {memory / own:.1f} |"
        )


if __name__ == "__main__":
    main()
