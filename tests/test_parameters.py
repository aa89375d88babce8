"""Parameters are refused in one sentence that names them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.analysis.parameters import check_choices, check_whole, positive, whole
from workbench.errors import UsageError


@pytest.mark.parametrize("value", [0, 1.5, "3", None, True, np.float64(2.0), float("nan")])
def test_only_whole_numbers_pass(value):
    with pytest.raises(UsageError, match=r"Found lags=.*; expected a whole number of at least 1\."):
        whole(value, "lags", 1)
    assert whole(np.int32(2), "lags", 1, 2) == 2
    with pytest.raises(UsageError, match="a whole number of 1 to 2"):
        whole(3, "lags", 1, 2)


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan"), "1", True, None])
def test_only_positive_finite_numbers_pass(value):
    with pytest.raises(UsageError, match=r"Found rate=.*; expected a positive number in Hz\."):
        positive(value, "rate", " in Hz")


def test_only_optional_attributes_may_be_none():
    owner = SimpleNamespace(rank=None, n_null=None)
    check_whole(owner, {"rank": 1}, optional=["rank"])
    with pytest.raises(UsageError, match="Found n_null=None"):
        check_whole(owner, {"rank": 1, "n_null": 1}, optional=["rank"])


def test_the_nearest_choice_is_named():
    with pytest.raises(UsageError, match=r"Found link='sigmoyd'.*sigmoid"):
        check_choices(SimpleNamespace(link="sigmoyd"), {"link": ("exp", "sigmoid")})
