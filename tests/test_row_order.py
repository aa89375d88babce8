"""Rows are found in one order, and time is cut into even blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.row_order import canonical_order, time_blocks


def test_the_order_in_which_rows_come_does_not_matter():
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {"time": np.tile(range(5), 6), "stimulus": np.repeat([2, 0, 1], 10), "value": range(30)}
    )
    table["trial"] = np.tile(np.repeat(["b", "a"], 5), 3)
    ordered = table.iloc[canonical_order(table)]
    shuffled = table.iloc[generator.permutation(30)]
    assert shuffled.iloc[canonical_order(shuffled)]["value"].tolist() == ordered["value"].tolist()
    assert ordered["stimulus"].is_monotonic_increasing
    assert ordered["time"].tolist() == [0, 1, 2, 3, 4] * 6
    assert ordered["trial"].tolist() == (["a"] * 5 + ["b"] * 5) * 3


def test_rows_that_nothing_tells_apart_stay_as_they_are():
    table = pd.DataFrame({"label": ["b", "a", "c"]})
    assert canonical_order(table).tolist() == [0, 1, 2]


@pytest.mark.parametrize("sizes", [(100,), (40, 60), (7, 11, 13), (5,) * 30])
@pytest.mark.parametrize("n_blocks", [1, 4, 20])
def test_blocks_are_even_runs_within_a_series(sizes, n_blocks):
    series = np.repeat(np.arange(len(sizes)) * 3, sizes)
    block, depth = time_blocks(series, n_blocks)
    assert (np.diff(block) >= 0).all()
    names = np.unique(block)
    assert len(names) >= min(n_blocks, min(sizes) * len(sizes))
    for name in names:
        own = series[block == name]
        assert len(np.unique(own)) == 1
    for each in np.unique(series):
        own = np.unique(block[series == each], return_counts=True)[1]
        assert own.max() - own.min() <= 1
    assert ((depth >= 0) & (depth < 1)).all()
    rising = np.diff(depth) > 0
    assert (rising | (np.diff(block) > 0)).all()
