"""Training a tuned lens: translators of each node, towards what the model says in the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from analyses.ndna.lenses import HeadLens, LogitsLens, TunedLens, logits_of, translated
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch

    from analyses.ndna.opening import Prompt

_POSITIONS_AT_ONCE = 256


def tune(
    prompts: Iterable[Prompt],
    lens: HeadLens,
    *,
    n_steps: int = 200,
    learning_rate: float = 1e-3,
    max_positions: int = 4096,
    seed: int = 0,
) -> tuple[TunedLens, dict[str, float]]:
    """Train a translator for every node but the last.

    Parameters
    ----------
    prompts : iterable of Prompt
        Other ones than those that are measured.
    lens : HeadLens
    n_steps : int
        Steps of Adam, each over 256 positions.
    learning_rate : float
    max_positions : int
    seed : int

    Returns
    -------
    TunedLens
    dict
        ``divergence before`` and ``divergence after``: mean divergence from the final
        distribution over nodes, in nats, on the training positions.

    Raises
    ------
    UsageError
        If there is no position to train on.
    """
    import torch

    states = gathered(prompts, max_positions)
    n_nodes, n_units = states.shape[1:]
    matrices = states.new_zeros(n_nodes, n_units, n_units).requires_grad_()
    offsets = states.new_zeros(n_nodes, n_units).requires_grad_()
    # The last node is what is aimed at.
    kept = states.new_ones(n_nodes, 1, 1)
    kept[-1] = 0

    def loss(rows: torch.Tensor) -> torch.Tensor:
        moved = translated(rows[:, :-1], matrices[:-1], offsets[:-1])
        made = logits_of(lens.features(moved), lens).log_softmax(-1)
        with torch.no_grad():
            wanted = logits_of(lens.features(rows[:, -1:]), lens).log_softmax(-1)
        return (wanted.exp() * (wanted - made)).sum(-1).mean()

    before, after = _trained([matrices, offsets], states, loss, n_steps, learning_rate, seed)
    tuned = TunedLens(lens, (matrices * kept).detach(), (offsets * kept[..., 0]).detach())
    return tuned, {"divergence before": before, "divergence after": after}


def tune_readouts(
    features: list[torch.Tensor],
    logits: torch.Tensor,
    *,
    n_steps: int = 200,
    learning_rate: float = 1e-2,
    seed: int = 0,
) -> tuple[list[tuple[torch.Tensor, torch.Tensor]], dict[str, float]]:
    """Train an affine read-out of every layer of a network towards its own final distribution.

    For networks whose layers have widths of their own, where no head fits but the last.

    Parameters
    ----------
    features : list of Tensor (inputs, units), one a layer
    logits : Tensor (inputs, classes)
        What the network says in the end.
    n_steps : int
    learning_rate : float
    seed : int

    Returns
    -------
    list of (Tensor (units, classes), Tensor (classes,))
    dict
        As `tune`.
    """
    import torch

    scales = [each.std(0).clamp_min(1e-6) for each in features]
    maps = [
        (
            rows.new_zeros(rows.shape[1], logits.shape[1]).requires_grad_(),
            rows.new_zeros(logits.shape[1]).requires_grad_(),
        )
        for rows in features
    ]
    joined = torch.cat([rows / scale for rows, scale in zip(features, scales, strict=True)], 1)
    widths = [rows.shape[1] for rows in features]
    together = torch.cat([joined, logits], 1)

    def loss(rows: torch.Tensor) -> torch.Tensor:
        parts = rows[:, : -logits.shape[1]].split(widths, 1)
        wanted = rows[:, -logits.shape[1] :].log_softmax(-1)
        made = torch.stack(
            [part @ matrix + offset for part, (matrix, offset) in zip(parts, maps, strict=True)], 1
        ).log_softmax(-1)
        return (wanted.exp()[:, None] * (wanted[:, None] - made)).sum(-1).mean()

    flat = [each for pair in maps for each in pair]
    before, after = _trained(flat, together, loss, n_steps, learning_rate, seed)
    found = [
        (matrix.detach() / scale[:, None], offset.detach())
        for (matrix, offset), scale in zip(maps, scales, strict=True)
    ]
    return found, {"divergence before": before, "divergence after": after}


def logits_lens(n_classes: int) -> LogitsLens:
    """A lens for nodes that are logits already."""
    import torch

    return LogitsLens(torch.eye(n_classes))


def gathered(prompts: Iterable[Prompt], max_positions: int) -> torch.Tensor:
    """States (rows, nodes, units) of prompts, up to so many rows."""
    import torch

    found, n_rows = [], 0
    for prompt in prompts:
        found.append(prompt.states[: max_positions - n_rows])
        n_rows += len(found[-1])
        if n_rows >= max_positions:
            break
    if not n_rows:
        raise UsageError(
            "Found no position to train the tuned lens on; expected training text that is not "
            "measured."
        )
    # Out of inference mode, so that gradients can pass.
    return torch.cat(found).clone()


def _trained(
    parameters: list[torch.Tensor],
    rows: torch.Tensor,
    loss: Any,
    n_steps: int,
    learning_rate: float,
    seed: int,
) -> tuple[float, float]:
    import torch

    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    with torch.no_grad():
        before = float(loss(rows[:_POSITIONS_AT_ONCE]))
    with torch.enable_grad():
        for step in range(n_steps):
            chosen = torch.randint(
                len(rows), (min(_POSITIONS_AT_ONCE, len(rows)),), generator=generator
            )
            # The rate falls to nothing, so that the last steps settle.
            optimizer.param_groups[0]["lr"] = learning_rate * (1 - step / n_steps)
            optimizer.zero_grad()
            loss(rows[chosen.to(rows.device)]).backward()
            optimizer.step()
    with torch.no_grad():
        return before, float(loss(rows[:_POSITIONS_AT_ONCE]))
