"""Balanced sub-samples are balanced, seeded and fair."""

import numpy as np
import pytest

from workbench.errors import UsageError
from workbench.statistics.balance import balanced_rows

LABELS = np.repeat(["a", "b", "c"], [50, 10, 200])


def test_every_class_has_equally_many_rows():
    for n_per_class, expected in ((5, 5), (30, 10)):
        chosen = balanced_rows(LABELS, n_per_class, seed=0)
        assert np.unique(LABELS[chosen], return_counts=True)[1].tolist() == [expected] * 3
        assert len(set(chosen.tolist())) == len(chosen)
        assert (np.diff(chosen) > 0).all()


def test_the_seed_decides():
    first, same, other = (balanced_rows(LABELS, 5, seed) for seed in (0, 0, 1))
    assert first.tolist() == same.tolist() != other.tolist()


def test_every_row_of_a_class_is_drawn_equally_often():
    drawn = np.zeros(len(LABELS))
    for seed in range(400):
        drawn[balanced_rows(LABELS, 10, seed)] += 1
    assert (drawn[LABELS == "b"] == 400).all()
    assert drawn[LABELS == "c"].mean() == pytest.approx(20)
    assert drawn[LABELS == "c"].max() < 45


def test_nothing_to_draw_from_is_refused():
    with pytest.raises(UsageError, match="0 rows"):
        balanced_rows([], 5, 0)
    with pytest.raises(UsageError, match="n_per_class 0"):
        balanced_rows(["a"], 0, 0)
