"""The names of the full table: dictionaries in its rows, statistics in its columns."""

from __future__ import annotations

from dataclasses import dataclass

# What was learned; what a null is, `Atoms.spec.method` says.
ATOMS = "atoms"
NEURONS = "neurons, all"
FEW_NEURONS = "neurons at equal L0"
RANDOM = "random dictionary"
GAUSSIAN = "Gaussian data"
REMEMBERED = "training rows at equal L0"
MEMORISER = "nearest training row"
WHITENED = "whitened basis"
DICTIONARIES = (
    ATOMS, GAUSSIAN, RANDOM, REMEMBERED, FEW_NEURONS, WHITENED, NEURONS, MEMORISER,
)  # fmt: skip


@dataclass(frozen=True)
class Statistic:
    """A column of the table.

    Attributes
    ----------
    name, unit : str
    better : int
        1 if more is better, -1 if less is, 0 if it is no matter of better or worse.
    nulls : tuple of str
        Dictionaries that a finding must beat; none where it is no finding.
    why_no_null : str
        Required where there is none.
    """

    name: str
    unit: str = "1"
    better: int = 1
    nulls: tuple[str, ...] = ()
    why_no_null: str = ""


HELD_OUT = Statistic("held-out R2", nulls=(GAUSSIAN, RANDOM, REMEMBERED, FEW_NEURONS, WHITENED))
TRAIN = Statistic("train R2", nulls=(MEMORISER,))
DEBIASED = Statistic(
    "held-out R2, debiased",
    better=0,
    why_no_null="the same atoms with coefficients of least squares; held-out R2 is tested",
)
L0 = Statistic(
    "L0", "active atoms a row", 0, why_no_null="what the learning was asked for, not a finding"
)
DEAD = Statistic("dead share", better=0, why_no_null="a state of the learning, not a finding")
PAIRS = Statistic("q* over pairs", nulls=(RANDOM, GAUSSIAN))
PER_ATOM = Statistic("q* per atom", nulls=(RANDOM, GAUSSIAN))
LARGEST = Statistic("largest coherence", better=-1, nulls=(RANDOM, GAUSSIAN))
RMS = Statistic("rms coherence", better=-1, nulls=(RANDOM, GAUSSIAN))
WELCH = Statistic(
    "Welch bound", better=0, why_no_null="a floor for coherence that follows from the sizes"
)
SINGLE = Statistic("single-row share", better=-1, nulls=(GAUSSIAN,))
STABILITY = Statistic("seed stability", nulls=(RANDOM, GAUSSIAN))
STATISTICS = (
    HELD_OUT,
    DEBIASED,
    TRAIN,
    L0,
    DEAD,
    PAIRS,
    PER_ATOM,
    LARGEST,
    RMS,
    WELCH,
    SINGLE,
    STABILITY,
)
