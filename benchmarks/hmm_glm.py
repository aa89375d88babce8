"""Hidden states with signed couplings on the reference simulation, beside a gradient scheme.

    python benchmarks/hmm_glm.py [--seed 0] [--epochs 10] [--skip-peer]

Five states, 20 neurons, 50 trials of 2,000 bins, 30 to train and 20 held out. The peer is the
scheme that the one-hot HMM-GLM's demonstration uses, written anew from its description: trial by
trial, one forward-backward pass in a loop over time, then 50 Adam steps on couplings drawn by
Gumbel-softmax, transitions overwritten by each trial; with the logarithm of the template where
the demonstration passes the template itself. Everything sees the same spikes; times are CPU
seconds of one process.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from analyses import states

STATES, NEURONS, BINS, TRIALS, TRAIN = 5, 20, 2000, 50, 30
TAU, STEPS, RATE = 0.2, 50, 0.01


def main() -> None:
    """Read the command line, run and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10, help="of the peer; the reference: 10")
    parser.add_argument("--skip-peer", action="store_true")
    options = parser.parse_args()
    world = states.simulate(STATES, NEURONS, BINS, TRIALS, seed=options.seed)
    size = np.sqrt(np.mean(world.connectivity**2))
    print(f"seed {options.seed}: mean count {world.spikes.mean():.3f}, RMS weight {size:.3f}\n")
    print(
        "| model | link | state accuracy | log-lik per trial | W MAE | W RMSE | W corr | sign/zero "
        "accuracy | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    score("truth", truth(world), world, None)
    kinds: tuple[tuple[Any, str], ...] = (
        (states.HMMGLM, "sigmoid"),
        (states.GaussianHMMGLM, "sigmoid"),
        (states.OneHotHMMGLM, "sigmoid"),
        (states.OneHotHMMGLM, "softplus"),
        (states.OneHotHMMGLM, "auto"),
    )
    for kind, link in kinds:
        start = time.process_time()
        model = kind(STATES, link=link).fit(world.spikes[:TRAIN])
        score(f"{kind.__name__} ({link})", model, world, time.process_time() - start)
    if not options.skip_peer:
        run_peer(world, options.epochs)


def score(name: str, model: Any, world: Any, seconds: float | None) -> None:
    """Print a row."""
    train, held_out = world.spikes[:TRAIN], world.spikes[TRAIN:]
    order = states.match_states(model.predict_states(train), world.states[:TRAIN], STATES)
    found, true = model.connectivity_[order], world.connectivity
    right = np.mean(model.predict_states(held_out) == order[world.states[TRAIN:]])
    apart = found - true
    likelihood = model.log_likelihood(held_out, "uniform")
    cells = (
        name,
        model.link_,
        f"{right:.4f}",
        f"{likelihood:,.0f}",
        f"{np.abs(apart).mean():.3f}",
        f"{np.sqrt(np.mean(apart**2)):.3f}",
        f"{np.corrcoef(found.ravel(), true.ravel())[0, 1]:.3f}",
        f"{states.sign_accuracy(found, true):.4f}",
        "-" if seconds is None else f"{seconds:.1f}",
    )
    print(f"| {' | '.join(cells)} |", flush=True)


def made(connectivity: Any, bias: Any, transitions: Any) -> states.HMMGLM:
    """A model with given parameters, to be scored like a fitted one."""
    model = states.HMMGLM(STATES, link="sigmoid")
    model.connectivity_ = np.asarray(connectivity, dtype=np.float64)
    model.bias_ = np.broadcast_to(np.asarray(bias, dtype=np.float64), (STATES, NEURONS)).copy()
    model.variance_ = np.ones((STATES, NEURONS))
    model.transitions_ = np.asarray(transitions, dtype=np.float64)
    model.initial_ = np.full(STATES, 1 / STATES)
    model.link_ = "sigmoid"
    return model


def truth(world: Any) -> states.HMMGLM:
    """The model that the spikes come from."""
    return made(world.connectivity, world.bias, world.transitions)


class Peer:
    """Couplings as one-hot classes times strengths, learned by gradients, a trial at a time."""

    def __init__(self, spikes: Any, kernel: Any) -> None:
        import torch

        torch.manual_seed(0)
        shape = (STATES, NEURONS, NEURONS)
        self.counts = torch.tensor(spikes, dtype=torch.float32)
        self.kernel = kernel
        self.logits = torch.zeros(*shape, 3, requires_grad=True)
        self.strength = torch.zeros(*shape, requires_grad=True)
        self.template = torch.zeros(NEURONS, NEURONS, 3, requires_grad=True)
        self.bias = self.counts.mean(dim=(0, 1)).clone().requires_grad_(True)
        self.moves = torch.full((STATES, STATES), 0.02 / (STATES - 1))
        self.moves.fill_diagonal_(0.98)
        self.learned = [self.logits, self.strength, self.template, self.bias]
        self.optimizer = torch.optim.Adam(self.learned, lr=RATE)

    def log_density(self, classes: Any, trial: int) -> Any:
        """Log density of every bin in every state: (time, states)."""
        import torch

        counts = self.counts[trial]
        past = torch.zeros_like(counts)
        for lag, weight in enumerate(self.kernel, start=1):
            past[lag:] += float(weight) * counts[:-lag]
        signed = (classes[..., 2] - classes[..., 0]) * torch.nn.functional.softplus(self.strength)
        mean = torch.sigmoid(self.bias + torch.einsum("snm,tm->tsn", signed, past))
        return (counts[:, None] * torch.log(mean) - mean).sum(dim=2)

    def expected(self, log_density: Any) -> tuple[Any, Any]:
        """Posterior (time, states) and expected transitions, in a loop over time."""
        import torch

        seen = torch.exp(log_density - log_density.max(dim=1, keepdim=True).values)
        forward, scale, backward = [], [], [torch.ones(STATES)]
        message = torch.full((STATES,), 1 / STATES)
        for each in seen:
            joint = message * each
            scale.append(joint.sum())
            forward.append(joint / scale[-1])
            message = forward[-1] @ self.moves
        for time_step in range(len(seen) - 1, 0, -1):
            backward.append(self.moves @ (seen[time_step] * backward[-1]) / scale[time_step])
        ahead, behind = torch.stack(forward), torch.stack(backward[::-1])
        after = seen[1:] * behind[1:] / torch.stack(scale[1:])[:, None]
        return ahead * behind, self.moves * (ahead[:-1].T @ after)

    def log_prior(self) -> Any:
        """Gumbel-softmax density of the classes, given the logarithm of the template."""
        import torch

        log_a = torch.log_softmax(self.logits, dim=-1)
        log_pi = torch.log_softmax(self.template, dim=-1)
        total = torch.logsumexp(log_pi - TAU * log_a, dim=-1)
        return ((log_pi - (TAU + 1) * log_a).sum(dim=-1) - 3 * total).sum()

    def learn_from(self, trial: int) -> None:
        """One E-step and fifty gradient steps."""
        import torch

        with torch.no_grad():
            share, moved = self.expected(
                self.log_density(torch.softmax(self.logits, dim=-1), trial)
            )
        for _ in range(STEPS):
            drawn = torch.nn.functional.gumbel_softmax(self.logits, TAU)
            loss = -(share * self.log_density(drawn, trial)).sum() - self.log_prior()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            with torch.no_grad():
                extreme = torch.log_softmax(self.logits, dim=-1).min(dim=-1).values < -20
                self.logits[extreme] /= 2
        # The demonstration overwrites transitions trial by trial: the last trial wins.
        moved = torch.exp(torch.clamp(torch.log(moved), min=-8))
        self.moves = moved / moved.sum(dim=1, keepdim=True)

    def hard(self) -> Any:
        """Couplings of the likeliest classes (states, to, from)."""
        import torch

        with torch.no_grad():
            signs = self.logits.argmax(dim=-1) - 1
            return (signs * torch.nn.functional.softplus(self.strength)).numpy()


def run_peer(world: Any, n_epochs: int) -> None:
    """Train the peer and print its row after every epoch."""
    import torch

    torch.set_num_threads(1)
    start, peer = time.process_time(), Peer(world.spikes[:TRAIN], world.kernel)
    spent = 0.0
    for epoch in range(n_epochs):
        for trial in range(TRAIN):
            peer.learn_from(trial)
        spent = time.process_time() - start
        model = made(peer.hard(), peer.bias.detach().numpy(), peer.moves.numpy())
        score(f"gradient scheme, epoch {epoch + 1}", model, world, spent)
        start += time.process_time() - start - spent
    print(f"\nThe peer took {spent / max(1, n_epochs):.1f} CPU s an epoch; its reference runs 10.")


if __name__ == "__main__":
    main()
