"""Factories and stimuli: from files, from memory, and what is wrong with them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_networks import contents, dims_of, record, source_of
from torch import nn

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.addresses import list_sites

VECTORS = np.random.default_rng(2).normal(size=(7, 4)).astype(np.float32)
IMAGES = np.random.default_rng(1).normal(size=(5, 3, 6, 5)).astype(np.float32)
FACTORY = "torch:tiny_networks:convolutional"
FLAT = nn.Sequential(nn.Identity())


def test_a_factory_with_arguments() -> None:
    source = source_of(FACTORY, IMAGES, factory_arguments='{"width": 6}', sites="conv")
    assert source.sites[0].shape == (6, 6, 5)
    assert source.subject["address"] == FACTORY
    # Fresh weights are the same in every process.
    again = record(FACTORY, IMAGES, factory_arguments={"width": 6}, sites="conv")
    np.testing.assert_array_equal(contents(source)[1]["conv"], again["conv"])


def test_a_factory_does_not_disturb_chance() -> None:
    torch.manual_seed(1)
    wanted = torch.rand(1)
    torch.manual_seed(1)
    source_of(FACTORY, IMAGES)
    assert torch.equal(torch.rand(1), wanted)


def test_a_file_with_a_factory(tmp_path: Path) -> None:
    path = tmp_path / "my net.py"
    path.write_text("from torch import nn\nclass Nets:\n    made = nn.Linear(4, 2)\n")
    (found,) = record(f"torch:{path}:Nets.made", VECTORS).values()
    assert found.shape == (7, 2)


def test_the_working_directory_is_importable(tmp_path: Path) -> None:
    (tmp_path / "local_net.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Linear(4, 2)\n"
    )
    code = (
        "from workbench.subjects.networks.factory import build_network\n"
        "print(build_network('local_net:make', {}))"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Linear(in_features=4"), done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torch:no_such_thing:make", "Found no module 'no_such_thing'; expected one that is insta"),
        ("torch:tiny_networks:convolutionel", "no 'convolutionel'.*did you mean 'convolutional'"),
        ("torch:tiny_networks:failing", "'tiny_networks:failing' failed .*no weights today"),
        ("torch:tiny_networks:nothing", "Found str from the factory"),
        ("torch:tiny_networks", "expected 'torch:package.module:factory'"),
        ("torch:tiny_networks:_FIELDS", "Found tuple '_FIELDS'"),
        ("torch:./none.py:make", "Found no file 'none.py'"),
    ],
)
def test_wrong_factories(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        source_of(name, VECTORS)


def test_a_module_that_cannot_be_imported(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import a_package_that_is_missing\n")
    with pytest.raises(UsageError, match=r"Could not import.*a_package_that_is_missing"):
        source_of(f"torch:{path}:make", VECTORS)


@pytest.mark.parametrize("given", ["[1]", "{width: 6}", 3])
def test_wrong_factory_arguments(given: Any) -> None:
    with pytest.raises(UsageError, match=r"factory_arguments.*expected a JSON object"):
        source_of(FACTORY, IMAGES, factory_arguments=given)


def test_arguments_that_the_factory_does_not_take() -> None:
    with pytest.raises(UsageError, match=r"failed .*unexpected keyword argument 'depth'"):
        source_of(FACTORY, IMAGES, factory_arguments={"depth": 6})


def test_an_option_that_is_none() -> None:
    with pytest.raises(UsageError, match=r"Found option 'wdith'"):
        source_of(FACTORY, IMAGES, wdith=6)
    with pytest.raises(UsageError, match=r"Found batch 'many'; expected a whole number"):
        contents(source_of(FACTORY, IMAGES, batch="many"))


def test_a_network_as_object_is_named_by_its_class() -> None:
    source = source_of(nn.Sequential(nn.Flatten()), IMAGES)
    assert source.subject["address"] == "torch:torch.nn.modules.container:Sequential"


def test_sites_are_listed_with_their_shapes() -> None:
    request = CaptureRequest(FACTORY, stimuli=IMAGES)
    found = {site.name: (site.shape, site.dtype) for site in list_sites(request)}
    assert found["conv"] == ((4, 6, 5), "float32")
    assert list(found) == ["conv", "norm", "linear", "output"]
    with pytest.raises(UsageError, match=r"Found no stimuli.*--stimuli"):
        list_sites(CaptureRequest(FACTORY))


def as_npy(path: Path) -> Path:
    np.save(path / "x.npy", VECTORS)
    return path / "x.npy"


def as_npz(path: Path) -> Path:
    np.savez(path / "x.npz", stimuli=VECTORS, label=np.arange(7), name=list("abcdefg"), mean=[1, 2])
    return path / "x.npz"


def as_compressed(path: Path) -> Path:
    np.savez_compressed(path / "y.npz", VECTORS)
    return path / "y.npz"


def as_safetensors(path: Path) -> Path:
    save_file(
        {"inputs": torch.from_numpy(VECTORS), "label": torch.arange(7)}, path / "x.safetensors"
    )
    return path / "x.safetensors"


@pytest.mark.parametrize("write", [as_npy, as_npz, as_compressed, as_safetensors])
def test_arrays_from_files(write: Any, tmp_path: Path) -> None:
    rows, found = contents(source_of(FLAT, write(tmp_path), batch=3))
    np.testing.assert_array_equal(found["0"], VECTORS)
    if "label" in rows:
        assert rows["label"].tolist() == list(range(7))
    assert "mean" not in rows


def test_files_are_not_read_before_their_part_is_shown(tmp_path: Path) -> None:
    # Holes cost no disk; reading all of them would cost 32 GiB of memory.
    path = tmp_path / "large.npy"
    array = np.lib.format.open_memmap(path, "w+", np.float32, (2**23, 2**10))
    array[:3] = 1
    del array
    found = record(FLAT, path, max_rows=10)["0"]
    assert found.shape == (10, 1024)
    assert found.sum() == 3 * 1024


@pytest.mark.parametrize("write", [as_npy, as_npz, as_compressed, as_safetensors])
@pytest.mark.parametrize("kept", [0.0, 0.4, 0.97])
def test_damaged_files(write: Any, kept: float, tmp_path: Path) -> None:
    path = write(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(WorkbenchError, match=r"Could not read '.*expected an undamaged"):
        contents(source_of(FLAT, path))


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_python_objects_are_refused(name: str, tmp_path: Path) -> None:
    path, objects = tmp_path / name, np.array([{"a": 1}, None], dtype=object)
    np.save(path, objects) if name == "x.npy" else np.savez(path, objects)
    with pytest.raises(WorkbenchError, match=r"Could not read"):
        source_of(FLAT, path)


@pytest.mark.parametrize(
    ("stimuli", "message"),
    [
        (None, "Found no stimuli"),
        ("none.npy", "Found no file 'none.npy'"),
        (__file__, "expected an array in .npy, .npz or .safetensors"),
        (np.array(["a", "b"]), "Found <U1 values in the stimuli"),
        (np.zeros((0, 3)), r"Found an array of shape \(0, 3\)"),
        (np.float32(3), r"Found an array of shape \(\)"),
        ([[1, 2], [3]], "make no array"),
        ({"a": VECTORS, "b": VECTORS}, "Found arrays 'a', 'b'.*option key"),
        ({"inputs": VECTORS, "time": np.arange(7)}, "'time' beside the stimuli"),
    ],
)
def test_wrong_stimuli(stimuli: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        source_of(FLAT, stimuli)


def test_arrays_by_key() -> None:
    given = {"a": VECTORS, "b": VECTORS * 2, "label": np.arange(7)}
    np.testing.assert_array_equal(record(FLAT, given, key="b")["0"], VECTORS * 2)
    with pytest.raises(UsageError, match=r"Found no array 'c'"):
        source_of(FLAT, given, key="c")
    with pytest.raises(UsageError, match=r"expected equally many"):
        source_of(FLAT, {"a": VECTORS, "b": VECTORS[:3]}, inputs="a,b")


def test_a_request_survives_pickling() -> None:
    request = CaptureRequest(nn.Sequential(nn.Linear(4, 3)), stimuli=VECTORS)
    again = pickle.loads(pickle.dumps(request))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(
        record(request.subject, VECTORS)["0"], record(again.subject, again.stimuli)["0"]
    )


def test_pictures_as_stimuli_of_any_network() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 9, 3), np.uint8)
    source = source_of(FACTORY, images=images, sites="conv")
    assert source.subject["kind"] == "vision"
    assert dims_of(source)["conv"] == ("row", "unit", "y", "x")
    wanted = record(FACTORY, images.transpose(0, 3, 1, 2) / 255, sites="conv")
    np.testing.assert_allclose(contents(source)[1]["conv"], wanted["conv"], atol=1e-5)


def test_a_network_without_values_yet_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no values yet in '0.weight'.*show a lazy network"):
        source_of(nn.Sequential(nn.LazyLinear(3)), VECTORS)
