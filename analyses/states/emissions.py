"""Emissions: densities of one bin given its drive, with score and curvature in the drive.

The drive is bias plus weighted past. Poisson counts have mean ``link(drive)``; the weighted
regressions are convex for ``exp`` and ``softplus``, which are convex and log-concave. For
``sigmoid`` they are not, and steps are guarded. Curvature is Fisher's, so it is never negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

LINKS = ("softplus", "exp", "sigmoid")
_LEAST_RATE = 1e-3
# Means this close to one leave no room below the ceiling of the sigmoid.
_MOST_SIGMOID_MEAN = 0.95
_TINY = 1e-300
Array = NDArray[np.float64]


class Emission(Protocol):
    """What a regression asks of a density."""

    has_variance: bool

    def log_density(self, counts: Array, drive: Array) -> Array:
        """Logarithm of the density, without what depends on neither drive nor variance."""

    def expanded(self, counts: Array, drive: Array) -> tuple[Array, Array, Array]:
        """Log density, score and Fisher information in the drive, for variance one."""

    def rest(self, counts: Array) -> float:
        """What `log_density` leaves out, summed."""

    def start(self, mean: Array) -> Array:
        """Drive that gives a mean."""


@dataclass(frozen=True)
class Poisson:
    """Poisson counts.

    Attributes
    ----------
    link : {"softplus", "exp", "sigmoid"}
        From drive to expected count.

    Examples
    --------
    >>> Poisson("softplus").mean(np.zeros(1)).round(4).tolist()
    [0.6931]
    """

    link: str
    has_variance = False

    def mean(self, drive: Array) -> Array:
        """Expected count."""
        if self.link == "exp":
            return np.exp(drive)
        if self.link == "softplus":
            return np.maximum(drive, 0) + np.log1p(np.exp(-np.abs(drive)))
        return _sigmoid(drive)

    def log_density(self, counts: Array, drive: Array) -> Array:
        """``x ln f - f``, without ``ln x!``."""
        mean = self.mean(drive)
        if self.link == "exp":
            return counts * drive - mean
        return counts * np.log(np.maximum(mean, _TINY)) - mean

    def expanded(self, counts: Array, drive: Array) -> tuple[Array, Array, Array]:
        """``x ln f - f``, ``(x / f - 1) f'`` and ``f'^2 / f``."""
        if self.link == "exp":
            mean = np.exp(drive)
            return counts * drive - mean, counts - mean, np.maximum(mean, _TINY)
        mean = np.maximum(self.mean(drive), _TINY)
        slope = _sigmoid(drive) if self.link == "softplus" else mean * (1 - mean)
        relative = slope / mean
        return counts * np.log(mean) - mean, counts * relative - slope, slope * relative

    def rest(self, counts: Array) -> float:
        """``- sum ln x!``."""
        from scipy.special import gammaln

        return -float(gammaln(counts + 1).sum())

    def start(self, mean: Array) -> Array:
        """Inverse link of the mean count."""
        if self.link == "sigmoid":
            safe = np.clip(mean, _LEAST_RATE, 1 - _LEAST_RATE)
            return np.log(safe / (1 - safe))
        safe = np.maximum(mean, _LEAST_RATE)
        return np.log(safe) if self.link == "exp" else safe + np.log(-np.expm1(-safe))


class Gaussian:
    """Normal activity with mean ``drive``; its variance is the regression's."""

    has_variance = True

    def log_density(self, counts: Array, drive: Array) -> Array:
        """``-(x - drive)^2 / 2``: variance enters outside."""
        return -0.5 * np.square(counts - drive)

    def expanded(self, counts: Array, drive: Array) -> tuple[Array, Array, Array]:
        """Minus half the squared residual, the residual, and one."""
        residual = counts - drive
        return -0.5 * np.square(residual), residual, np.ones_like(drive)

    def rest(self, counts: Array) -> float:
        """``- ln(2 pi) / 2`` a value."""
        return -0.5 * float(np.log(2 * np.pi)) * counts.size

    def start(self, mean: Array) -> Array:
        """The mean."""
        return mean


def emission_of(name: str, link: str) -> Emission:
    """The density of a name and link.

    Parameters
    ----------
    name : {"poisson", "gaussian"}
    link : str
        One of `LINKS`; without meaning for ``gaussian``.

    Returns
    -------
    Emission

    Raises
    ------
    UsageError
        If there is no such emission or link.

    Examples
    --------
    >>> emission_of("poisson", "exp")
    Poisson(link='exp')
    """
    if name not in ("poisson", "gaussian"):
        raise UsageError(f"Found emission='{name}'; {nearest(str(name), ('poisson', 'gaussian'))}")
    if name == "gaussian":
        return Gaussian()
    if link not in LINKS:
        raise UsageError(f"Found link='{link}'; {nearest(str(link), (*LINKS, 'auto'))}")
    return Poisson(link)


def possible_links(mean: Array) -> tuple[str, ...]:
    """Links that can give all of these mean counts (neurons,)."""
    return LINKS if float(np.max(mean)) < _MOST_SIGMOID_MEAN else LINKS[:2]


def _sigmoid(drive: Array) -> Array:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-drive))
