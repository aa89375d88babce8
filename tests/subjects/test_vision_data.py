"""Real networks on real pictures: what is known of them comes out of their recordings."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import contents, source_of
from torch.nn.functional import interpolate

# As far as its layers go, with what is known of two of them.
LAYERS = {
    "ops.MobilenetV2/Conv/Relu6_0": 0.085,
    "ops.MobilenetV2/expanded_conv_10/expand/Relu6_36": None,
    "ops.MobilenetV2/expanded_conv_15/expand/Relu6_54": 0.383,
}


@pytest.fixture(scope="module")
def loaders(data: Path) -> str:
    """Address of the factories beside the data."""
    return f"torch:{data / 'loaders.py'}"


def test_accuracy_on_photographs(data: Path, loaders: str, tmp_path: Path) -> None:
    archive = zipfile.ZipFile(data / "vision/cifar10_test_images/cifar10_test_jpeg.zip")
    names = sorted(archive.namelist())[::5]
    for number, name in enumerate(names):
        path = tmp_path / f"{number // 200}" / f"{number:05d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(archive.read(name))
    source = source_of(f"{loaders}:cifar_resnet20", images=tmp_path, sites="linear")
    rows, found = contents(source)
    right = found["linear"].argmax(1) == rows["label"].astype(int)
    # 81.0 % of all 10,000 are known to be right; two standard errors of 2000 are 1.8 %.
    assert len(rows) == 2000
    assert abs(right.mean() - 0.810) < 0.02


def dissimilarity(activity: np.ndarray) -> np.ndarray:
    """1 - correlation between pictures, as a vector."""
    flat = activity.reshape(len(activity), -1)
    return 1 - np.corrcoef(flat)[np.triu_indices(len(flat), 1)]


def test_layers_come_closer_to_the_cortex(data: Path, loaders: str) -> None:
    from scipy.stats import spearmanr

    known = np.load(data / "brain/kriegeskorte92/kriegeskorte92.npz", allow_pickle=False)
    images = torch.from_numpy(known["images"].transpose(0, 3, 1, 2)).float() / 127.5 - 1
    shown = interpolate(images, 224, mode="bilinear").numpy()
    source = source_of(f"{loaders}:mobilenet_v2", shown, sites=list(LAYERS), batch=23)
    found = contents(source)[1]
    alike = [spearmanr(dissimilarity(found[name]), known["rdm_monkey_IT"])[0] for name in LAYERS]
    assert alike == sorted(alike)
    for value, wanted in zip(alike, LAYERS.values(), strict=True):
        assert wanted is None or abs(value - wanted) < 0.005
