"""Trials as runs of equal labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.subjects.brains.intervals import Intervals, make_intervals

if TYPE_CHECKING:
    import pandas as pd

    from workbench.subjects.brains.clock import Clock


def intervals_of_runs(labels: pd.DataFrame, clock: Clock) -> tuple[Intervals, ...]:
    """Trials from a column ``trial``: each run of one value is one; missing lies between trials.

    Parameters
    ----------
    labels : DataFrame (time)
        Other columns that do not change within any trial become labels of trials.
    clock : Clock

    Returns
    -------
    tuple of Intervals
        One table, or none where no moment lies in a trial.

    Examples
    --------
    >>> import pandas as pd
    >>> from workbench.subjects.brains.clock import SteadyClock
    >>> labels = pd.DataFrame({"trial": [7, 7, None, 8], "side": ["l", "l", "r", "r"]})
    >>> (found,) = intervals_of_runs(labels, SteadyClock(4, 1.0))
    >>> found.table[["onset", "offset", "trial_id", "side"]].to_numpy().tolist()
    [[0.0, 2.0, 7.0, 'l'], [3.0, 4.0, 8.0, 'r']]
    """
    import pandas as pd

    codes = pd.factorize(labels["trial"])[0]
    heads = np.flatnonzero(np.diff(codes, prepend=codes[:1] - 1))
    tails = np.append(heads[1:], len(codes))
    inside = codes[heads] >= 0
    heads, tails = heads[inside], tails[inside]
    if not len(heads):
        return ()
    times = clock.seconds(0, clock.n)
    step = clock.spacing.mean if clock.spacing else 1.0
    ends = np.append(times, times[-1] + step)[tails]
    kept = [
        name
        for name in labels.columns
        if name != "trial"
        and all(
            labels[name][a:b].nunique(dropna=False) == 1 for a, b in zip(heads, tails, strict=True)
        )
    ]
    table = labels.iloc[heads][kept].reset_index(drop=True)
    table.insert(0, "trial_id", labels["trial"].iloc[heads].to_numpy())
    return (make_intervals("trials", times[heads], ends, table),)
