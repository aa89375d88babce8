"""The embedded vision model: a small convolutional network for scikit-learn's digits."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

from workbench.demo.checkpoints import CHECKPOINTS, load_weights
from workbench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import nn

__all__ = ["CHECKPOINTS", "images", "network"]

# A third of the images, chosen once; no checkpoint has seen them.
_SPLIT_SEED = 0
_TEST_SHARE = 1 / 3


def untrained() -> nn.Module:
    """The network with fresh weights, from torch's current seed."""
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, kernel_size=3, padding=1),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(16, 32, kernel_size=3, padding=1),
            relu2=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            hidden=nn.Linear(32 * 4 * 4, 48),
            relu3=nn.ReLU(),
            digits=nn.Linear(48, 10),
        )
    )


def network(checkpoint: str = "final") -> nn.Module:
    """The network at a checkpoint, in evaluation mode.

    Parameters
    ----------
    checkpoint : str
        *initial* (untrained), *middle* (after one epoch) or *final*.

    Returns
    -------
    torch.nn.Module
        Takes images ``(n, 1, 8, 8)`` in [0, 1] and returns logits ``(n, 10)``; its layers are
        named conv1, relu1, conv2, relu2, pool, flatten, hidden, relu3, digits.

    Raises
    ------
    UsageError
        If there is no such checkpoint.
    """
    return load_weights(untrained(), "vision", checkpoint)


def images(
    split: Literal["train", "test"] = "test",
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Handwritten digits that scikit-learn carries.

    Parameters
    ----------
    split : str
        *train*: what the network learnt from; *test*: a third of the images, stratified by
        digit, that no checkpoint has seen.

    Returns
    -------
    pixels : array, shape (n, 1, 8, 8), float32
        Brightness from 0 to 1.
    table : DataFrame, n rows
        Column ``digit``, and ``index``, the image's number in scikit-learn's set.

    Raises
    ------
    UsageError
        If there is no such split.

    References
    ----------
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, CC BY 4.0; test part, 1,797 images, as distributed with scikit-learn.

    Examples
    --------
    >>> pixels, table = images("test")
    >>> pixels.shape[1:], sorted(table["digit"].unique().tolist())
    ((1, 8, 8), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    if split not in ("train", "test"):
        raise UsageError(f"The digits have no split '{split}'; choose train or test.")
    import numpy as np
    import pandas as pd
    from sklearn.model_selection import train_test_split

    pixels, digits = _digits()
    parts = train_test_split(
        np.arange(len(digits)), test_size=_TEST_SHARE, random_state=_SPLIT_SEED, stratify=digits
    )
    chosen = np.sort(parts[0] if split == "train" else parts[1])
    return pixels[chosen], pd.DataFrame({"digit": digits[chosen], "index": chosen})


@cache
def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All images ``(1797, 1, 8, 8)`` from 0 to 1, and their digits; read once."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.images[:, None] / 16.0).astype(np.float32), digits.target
