"""The embedded recurrent network: it decides between two noisy streams of evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.demo.checkpoints import CHECKPOINTS, load_weights
from workbench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import nn

__all__ = ["CHECKPOINTS", "network", "trial_epochs", "trials"]

HIDDEN = 64
STEP_SECONDS = 0.02
# Epochs of a trial and their lengths in time steps of 20 ms.
EPOCHS = {"fixation": 10, "stimulus": 30, "delay": 10, "response": 10}
COHERENCES = (0.0, 0.032, 0.064, 0.128, 0.256, 0.512)
_NOISE = 0.5


def untrained() -> nn.Module:
    """The network with fresh weights, from torch's current seed."""
    from workbench.demo.rnn_network import DecisionNetwork

    return DecisionNetwork(inputs=3, hidden=HIDDEN, outputs=3)


def network(checkpoint: str = "final") -> nn.Module:
    """The network at a checkpoint, in evaluation mode.

    Parameters
    ----------
    checkpoint : str
        *initial* (untrained), *middle* (after a fortieth of the steps) or *final*.

    Returns
    -------
    torch.nn.Module
        Takes ``(trials, time, 3)`` and returns logits ``(trials, time, 3)`` for hold, left and
        right. Its submodule ``recurrent`` gives the hidden states ``(trials, time, 64)`` to a
        forward hook, ``readout`` the logits.

    Raises
    ------
    UsageError
        If there is no such checkpoint.
    """
    return load_weights(untrained(), "rnn", checkpoint)


def trial_epochs() -> NDArray[np.str_]:
    """Name of the epoch at every time step.

    Returns
    -------
    array of str, shape (time,)
        fixation, stimulus, delay, response; a step is 20 ms.

    Examples
    --------
    >>> trial_epochs()[[0, 10, 40, 59]].tolist()
    ['fixation', 'stimulus', 'delay', 'response']
    """
    import numpy as np

    return np.repeat(list(EPOCHS), list(EPOCHS.values()))


def trials(
    n: int = 200, seed: int = 0, coherences: Sequence[float] = COHERENCES
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Trials of two-alternative evidence accumulation.

    While a fixation signal is on, the network must hold. During the stimulus, two channels
    carry noisy evidence whose means differ by the coherence. After a delay the fixation signal
    goes off, and the network says which channel was the stronger one.

    Parameters
    ----------
    n : int
        How many.
    seed : int
        Same seed, same trials.
    coherences : sequence of float
        Differences between the two means that occur, each as often as the others.

    Returns
    -------
    inputs : array, shape (n, time, 3), float32
        Channels: fixation, evidence for left, evidence for right.
    table : DataFrame, n rows
        ``coherence``; ``signed_coherence``, positive for right; ``correct_choice``, *left* or
        *right* (drawn by chance where the coherence is 0, so nobody can do better than half
        there); ``evidence``, the sum over the stimulus of right minus left as it was shown.

    Raises
    ------
    UsageError
        If ``n`` is less than 1.

    References
    ----------
    Task after Roitman and Shadlen (2002), J Neurosci 22, 9475-9489; as a network task e.g. in
    Yang et al. (2019), Nat Neurosci 22, 297-306.

    Examples
    --------
    >>> inputs, table = trials(n=4, seed=1)
    >>> inputs.shape, len(table)
    ((4, 60, 3), 4)
    """
    if n < 1:
        raise UsageError(f"n must be 1 or more, not {n}.")
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    side = rng.choice((-1, 1), size=n)
    coherence = rng.choice(coherences, size=n)
    signed = side * coherence
    epochs = trial_epochs()
    stimulus = epochs == "stimulus"
    inputs = np.zeros((n, len(epochs), 3))
    inputs[:, epochs != "response", 0] = 1.0
    means = 0.5 * (1.0 + signed[:, None] * np.array([-1.0, 1.0]))  # (n, 2)
    noise = _NOISE * rng.standard_normal((n, int(stimulus.sum()), 2))
    inputs[:, stimulus, 1:] = means[:, None, :] + noise
    shown = inputs[:, :, 2] - inputs[:, :, 1]
    table = pd.DataFrame(
        {
            "coherence": coherence,
            "signed_coherence": signed,
            "correct_choice": np.where(side > 0, "right", "left"),
            "evidence": shown.sum(axis=1),
        }
    )
    return inputs.astype(np.float32), table


def accuracy(model: nn.Module, inputs: NDArray[np.float32], table: pd.DataFrame) -> float:
    """Share of trials in which the network's choice is the correct one.

    The choice is the larger of the left and right logits, averaged over the response.
    """
    import torch

    with torch.no_grad():
        logits = model(torch.from_numpy(inputs)).numpy()  # (trials, time, 3)
    mean = logits[:, trial_epochs() == "response"].mean(axis=1)
    right = mean[:, 2] > mean[:, 1]
    return float((right == (table["correct_choice"] == "right").to_numpy()).mean())
