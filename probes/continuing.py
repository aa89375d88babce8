"""What a language model would say next while a direction is added, beside random directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.steering import adding, checked_direction, mean_length
from workbench.editing.language import LanguageTarget
from workbench.editing.opening import as_target
from workbench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.editing.targets import Target
    from workbench.recording.recording import Recording


@dataclass(frozen=True)
class NextTokens:
    """Log-probabilities in nats of the token that follows a text.

    Attributes
    ----------
    tokens : list of str (vocabulary,)
    before, after : ndarray (vocabulary,)
        Without and with the direction.
    controls : ndarray (controls, vocabulary)
        With random directions of the same length.
    """

    tokens: list[str]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    controls: NDArray[np.float64]

    def shift(self, answers: Sequence[int]) -> tuple[float, NDArray[np.float64]]:
        """Change of the log-probability of some tokens together, and of random directions.

        Parameters
        ----------
        answers : sequence of int
            Token numbers.

        Returns
        -------
        tuple of float and ndarray (controls,)
        """
        chosen = list(answers)
        sums = [
            np.logaddexp.reduce(each[..., chosen], axis=-1)
            for each in (self.before, self.after, self.controls)
        ]
        return float(sums[1] - sums[0]), sums[2] - sums[0]

    def top(self, n: int = 10) -> pd.DataFrame:
        """The likeliest tokens before and after, with their probabilities.

        Parameters
        ----------
        n : int
            Of each.

        Returns
        -------
        pandas.DataFrame
            Columns ``token``, ``before``, ``after``, and ``random``, the mean over random
            directions; likeliest after first.
        """
        import pandas as pd

        likeliest = [np.argsort(-each)[:n] for each in (self.after, self.before)]
        chosen = np.array(list(dict.fromkeys(np.concatenate(likeliest).tolist())))
        return pd.DataFrame(
            {
                "token": [self.tokens[number] for number in chosen],
                "before": np.exp(self.before[chosen]),
                "after": np.exp(self.after[chosen]),
                "random": np.exp(self.controls[:, chosen]).mean(axis=0),
            }
        )


def next_tokens(
    subject: str | Recording | Target,
    site: str,
    direction: ArrayLike,
    text: str,
    *,
    strength: float = 1.0,
    inputs: Any = None,
    n_controls: int = 20,
    seed: int = 0,
) -> NextTokens:
    """Add a probe's direction at a site while a text is read, and ask what comes next.

    Parameters
    ----------
    subject : str, Recording or LanguageTarget
        A language model; one that is open already is not opened again.
    site : str
        Whose activity is edited, at every token.
    direction : array (units,)
        Its length does not matter.
    text : str
    strength : float
        Multiple of the mean length of a row of activity over `inputs`.
    inputs : texts, optional
        As of `steer`.
    n_controls : int
        Random directions, the same as those of `steer` with this seed.
    seed : int

    Returns
    -------
    NextTokens

    Raises
    ------
    UsageError
        If the subject is no language model, or site, direction or text do not fit.
    """
    wanted = checked_direction(direction)
    target = as_target(subject, inputs, None)
    if not isinstance(target, LanguageTarget):
        raise UsageError(
            "Found a subject that is no language model; expected one with next tokens."
        )
    length = strength * mean_length(target, site, len(wanted))
    generator = np.random.default_rng([seed, 3])
    others = [generator.normal(size=len(wanted)) for _ in range(n_controls)]
    edits = [lambda rows: rows, *(adding(each, length) for each in (wanted, *others))]
    before, after, *controls = target.next_token(text, site, edits)
    return NextTokens(target.tokens(), before, after, np.array(controls))
