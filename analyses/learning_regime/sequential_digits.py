"""Digits shown one row of pixels at a time; the answer is due at the last row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.learning_regime.tasks import Seed, Trials
from workbench.errors import UsageError

_HELD_OUT_SHARE = 1 / 11


class SequentialDigits:
    """Rows of an image as steps, its class as the target of the last step.

    Parameters
    ----------
    images : array (images, height, width), optional
        Such as MNIST's 28 by 28. By default the 1,797 digits of 8 by 8 that scikit-learn brings.
        Values are divided by the largest one.
    labels : array (images,) of int, optional
        Classes from 0.
    held_out_share : float
        Share of the images that training never sees; the last ones of one random order. By default
        an eleventh, as in the study's 55,000 to 5,000.

    Raises
    ------
    UsageError
        If images and labels do not belong together.

    Examples
    --------
    >>> digits = SequentialDigits()
    >>> digits.n_steps, digits.n_inputs, digits.n_outputs
    (8, 8, 10)
    >>> digits.trials(5, seed=0).inputs.shape
    (5, 8, 8)
    """

    name: ClassVar[str] = "digits"

    def __init__(
        self,
        images: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        held_out_share: float = _HELD_OUT_SHARE,
    ) -> None:
        if images is None:
            images, labels = _sklearn_digits()
        shown, classes = _checked(images, labels, held_out_share)
        order = np.random.default_rng(0).permutation(len(shown))
        n_held_out = max(1, round(held_out_share * len(shown)))
        self._images, self._classes = shown[order], classes[order]
        self._order = order
        self._n_train = len(shown) - n_held_out

    @property
    def n_inputs(self) -> int:
        """Pixels of a row."""
        return int(self._images.shape[2])

    @property
    def n_outputs(self) -> int:
        """Classes."""
        return int(self._classes.max()) + 1

    @property
    def n_steps(self) -> int:
        """Rows of an image."""
        return int(self._images.shape[1])

    @property
    def taught_from(self) -> int:
        """The last step alone enters the loss."""
        return self.n_steps - 1

    @property
    def answered_from(self) -> int:
        """The last step alone counts for accuracy."""
        return self.n_steps - 1

    def trials(self, n_trials: int, seed: Seed = 0) -> Trials:
        """Draw training images, with replacement.

        Parameters
        ----------
        n_trials : int
        seed : int or sequence of int

        Returns
        -------
        Trials
            Targets of all steps are the class.
        """
        chosen = np.random.default_rng(seed).integers(self._n_train, size=n_trials)
        return self._shown(chosen)

    def held_out(self, n_trials: int, seed: int = 0) -> Trials:
        """Draw held-out images, without replacement as long as there are enough.

        Parameters
        ----------
        n_trials : int
        seed : int

        Returns
        -------
        Trials
        """
        n = len(self._images) - self._n_train
        order = np.random.default_rng(seed).permutation(n)
        return self._shown(self._n_train + np.resize(order, n_trials))

    def _shown(self, chosen: NDArray[np.int64]) -> Trials:
        classes = self._classes[chosen]
        targets = np.repeat(classes[:, None], self.n_steps, axis=1)
        return Trials(
            self._images[chosen], targets, {"answer": classes, "image": self._order[chosen]}
        )


def _sklearn_digits() -> tuple[NDArray, NDArray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return found.images, found.target


def _checked(
    images: ArrayLike, labels: ArrayLike | None, share: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    shown = np.asarray(images, np.float32)
    classes = np.asarray([] if labels is None else labels)
    if shown.ndim != 3 or classes.shape != shown.shape[:1] or len(shown) < 2:
        raise UsageError(
            f"Found images of shape {shown.shape} and labels of shape {classes.shape}; expected "
            "(images, height, width) and one label an image."
        )
    if not np.isfinite(shown).all() or not 0 < share < 1:
        raise UsageError(
            f"Found pixels that are not finite, or held_out_share {share}; expected finite images "
            "and a share between 0 and 1."
        )
    if not np.array_equal(classes, classes.astype(np.int64)) or classes.min() < 0:
        raise UsageError("Found labels that are no whole numbers from 0; expected class numbers.")
    return shown / max(float(np.abs(shown).max()), 1e-12), classes.astype(np.int64)
