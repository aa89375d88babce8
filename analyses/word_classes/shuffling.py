"""Classes of sampled rows as chance would have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analyses.word_classes.rows import Sample
from workbench.statistics.permutation import circular_shifts, group_permutation

_TRIES = 100


def shuffled_codes(sample: Sample, n_draws: int, seed: int) -> NDArray[np.int64]:
    """Classes (draws, rows) shuffled over rows or whole stimuli, or shifted in time."""
    generator = np.random.default_rng([seed, 1])
    if sample.timeline is not None:
        return np.stack([_shifted(sample, generator) for _ in range(n_draws)])
    if sample.by_group:
        orders = [group_permutation(sample.groups, generator) for _ in range(n_draws)]
        return np.stack([sample.codes[order] for order in orders])
    return np.stack([generator.permutation(sample.codes) for _ in range(n_draws)])


def _shifted(sample: Sample, generator: np.random.Generator) -> NDArray[np.int64]:
    timeline, n_classes = sample.timeline, int(sample.codes.max()) + 1
    assert timeline is not None  # noqa: S101 - the caller looked
    for _ in range(_TRIES):
        order = circular_shifts(timeline.series, generator)
        codes = timeline.codes[order][timeline.places]
        # A shift that leaves a class without a pair has no GDV.
        if np.bincount(codes, minlength=n_classes).min() > 1:
            return codes
    return sample.codes
