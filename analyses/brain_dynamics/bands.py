"""Frequency bands: as named by the user, the usual ones of EEG, or octaves."""

from __future__ import annotations

from collections.abc import Mapping

from analyses.brain_dynamics.inputs import frequency_band
from analyses.brain_dynamics.timing import Pace
from workbench.errors import UsageError

EEG = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 80.0),
}
# A rhythm needs this many cycles in a block for a phase that means something.
LEAST_CYCLES = 3
_OCTAVES = 5
Given = str | Mapping[str, tuple[float, float]] | None


def choose_bands(given: Given, pace: Pace, n_samples: int) -> dict[str, tuple[float, float]]:
    """Bands by name, from slow to fast.

    Parameters
    ----------
    given : str, mapping or None
        ``"alpha:8-13,beta:13-30"`` or ``{"alpha": (8, 13)}``. None: the bands of EEG where seconds
        are known and the rate reaches beta, otherwise octaves below half the rate; those of fewer
        than three cycles a block are left out.
    pace : Pace
    n_samples : int
        Length of a block.

    Returns
    -------
    dict of str to pair of float

    Raises
    ------
    UsageError
        If a band is not one, does not fit the rate or the blocks, or none is left.

    Examples
    --------
    >>> list(choose_bands(None, Pace(250.0, "Hz", "sample"), 500))
    ['theta', 'alpha', 'beta', 'gamma']
    >>> list(choose_bands(None, Pace(1.0, "cycles/step", "step"), 60))
    ['0.0625-0.125', '0.125-0.25', '0.25-0.5']
    """
    slowest = LEAST_CYCLES * pace.rate / n_samples
    if given is not None:
        named = _parsed(given) if isinstance(given, str) else dict(given)
        bands = {str(name): frequency_band(band, pace.rate) for name, band in named.items()}
        for name, (low, _) in bands.items():
            if low < slowest:
                raise UsageError(
                    f"Found band '{name}' from {low:g} {pace.unit}; expected at least "
                    f"{slowest:.3g}, {LEAST_CYCLES} cycles in blocks of {n_samples} rows: use "
                    "faster bands or longer blocks (block=)."
                )
    else:
        usual = pace.unit == "Hz" and pace.rate >= 2 * EEG["beta"][1]
        bands = EEG if usual else _octaves(pace.rate)
        bands = {n: b for n, b in bands.items() if b[0] >= slowest and b[1] <= pace.rate / 2}
    if not bands:
        raise UsageError(
            f"Found no frequency band that fits blocks of {n_samples} rows at {pace.rate:g} "
            f"{pace.unit}; expected at least one: name some with bands=, or use longer blocks."
        )
    return dict(sorted(bands.items(), key=lambda item: item[1]))


def _octaves(rate: float) -> dict[str, tuple[float, float]]:
    pairs = [(rate / 2 ** (k + 1), rate / 2**k) for k in range(1, _OCTAVES + 1)]
    return {f"{low:.3g}-{high:.3g}": (low, high) for low, high in pairs}


def _parsed(text: str) -> dict[str, tuple[float, float]]:
    bands = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, edges = part.rpartition(":")
        low, _, high = edges.partition("-")
        try:
            bands[name or edges] = (float(low), float(high))
        except ValueError as error:
            raise UsageError(
                f"Found band '{part}'; expected a name and two frequencies, such as alpha:8-13."
            ) from error
    return bands
