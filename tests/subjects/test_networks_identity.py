"""Identity of a recorded network: it changes when, and only when, the numbers do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_networks import Convolutional, Sequences, Spiking, contents, source_of
from torch import nn

from workbench.recording.identity import digest

IMAGES = np.random.default_rng(1).normal(size=(6, 3, 4, 4)).astype(np.float32)
SERIES = np.random.default_rng(1).normal(size=(6, 5, 3)).astype(np.float32)
SOURCE = """
from torch import nn
class Net(nn.Module):
    '''A network.'''
    def __init__(self):
        super().__init__()
        self.line = nn.Identity()
    def forward(self, values):
        return self.line(values) {change}
def make():
    return Net()
"""


def network(width: int = 4) -> Convolutional:
    """The same every time."""
    torch.manual_seed(0)
    return Convolutional(width)


def identity(subject: Any, stimuli: Any = None, **given: Any) -> str:
    """What stands for all that changes the numbers, the sites and their dtypes included."""
    source = source_of(subject, stimuli, **given)
    return digest([source.ingredients, [site.as_json() for site in source.sites]])


def with_weight(place: str) -> Convolutional:
    """One value of a parameter or buffer changed."""
    made = network()
    dict(made.named_parameters() if "conv" in place else made.named_buffers())[place].data[0] += 1
    return made


@pytest.mark.parametrize("place", ["conv.weight", "conv.bias", "norm.running_mean"])
def test_weights_and_buffers_count(place: str) -> None:
    assert identity(with_weight(place), IMAGES) != identity(network(), IMAGES)


def test_the_same_network_made_twice_is_the_same() -> None:
    assert identity(network(), IMAGES) == identity(network(), IMAGES)
    assert identity(network().train(), IMAGES) == identity(network(), IMAGES)


def test_the_dtype_of_the_network_counts() -> None:
    assert identity(network().double(), IMAGES) != identity(network(), IMAGES)


@pytest.mark.parametrize("change", [{"decay": 0.7}, {"threshold": 0.6}])
def test_plain_attributes_count(change: dict[str, float]) -> None:
    def made(**given: float) -> Spiking:
        torch.manual_seed(0)
        return Spiking(**given)

    assert identity(made(), SERIES, batch_axis=1) == identity(made(), SERIES, batch_axis=1)
    assert identity(made(**change), SERIES, batch_axis=1) != identity(made(), SERIES, batch_axis=1)


def test_arrays_that_are_no_buffers_count() -> None:
    def made(value: float) -> nn.Module:
        torch.manual_seed(0)
        found = nn.Sequential(nn.Flatten())
        found.offset, found.other = torch.tensor([value]), np.array([value])
        return found

    assert identity(made(1.0), IMAGES) == identity(made(1.0), IMAGES)
    assert identity(made(1.0), IMAGES) != identity(made(2.0), IMAGES)


def test_functions_and_settings_that_a_network_keeps_count() -> None:
    def made(act: Any, scale: float) -> nn.Module:
        torch.manual_seed(0)
        found = nn.Sequential(nn.Flatten())
        found.act, found.settings = act, SimpleNamespace(scale=scale)
        return found

    first = identity(made(torch.nn.functional.gelu, 1.0), IMAGES)
    assert identity(made(torch.nn.functional.relu, 1.0), IMAGES) != first
    assert identity(made(torch.nn.functional.gelu, 2.0), IMAGES) != first


def test_source_counts_but_not_its_comments(tmp_path: Path) -> None:
    def at(folder: str, change: str) -> str:
        path = tmp_path / folder / "net.py"
        path.parent.mkdir()
        path.write_text(SOURCE.format(change=change))
        return identity(f"torch:{path}:make", IMAGES)

    first = at("a", "* 1")
    assert at("b", "*  1  # once") == first
    assert at("c", "* 2") != first


CHANGES: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "contents": lambda: (IMAGES + 1e-6, {}),
    "fewer": lambda: (IMAGES, {"max_rows": 5}),
    "sites": lambda: (IMAGES, {"sites": "conv"}),
    "storage": lambda: (IMAGES, {"dtype": "float16"}),
    "labels": lambda: ({"inputs": IMAGES, "label": np.arange(6)}, {}),
}
SAME: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "batch": lambda: (IMAGES, {"batch": 2}),
    "tensor": lambda: (torch.from_numpy(IMAGES), {}),
    "wider": lambda: (IMAGES.astype(np.float64), {}),
    "named": lambda: ({"images": IMAGES}, {}),
    "device": lambda: (IMAGES, {"device": "cpu"}),
    "rows": lambda: (IMAGES, {"max_rows": 100}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_it(change: str) -> None:
    stimuli, given = CHANGES[change]()
    assert identity(network(), stimuli, **given) != identity(network(), IMAGES)


@pytest.mark.parametrize("change", SAME)
def test_what_does_not_change_it(change: str) -> None:
    stimuli, given = SAME[change]()
    assert identity(network(), stimuli, **given) == identity(network(), IMAGES)


def test_labels_and_their_names_count() -> None:
    first = {"inputs": IMAGES, "label": np.arange(6)}
    for other in ({"inputs": IMAGES, "label": np.arange(6)[::-1]}, {**first, "more": np.ones(6)}):
        assert identity(network(), other) != identity(network(), first)


@pytest.mark.parametrize("option", [{"time": "axis"}, {"step_seconds": 0.1}])
def test_what_is_done_with_time_counts(option: dict[str, Any]) -> None:
    def made() -> Sequences:
        torch.manual_seed(0)
        return Sequences()

    assert identity(made(), SERIES, **option) != identity(made(), SERIES)


def test_where_files_lie_does_not_count(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez(tmp_path / "b.npz", inputs=IMAGES)
    np.savez_compressed(tmp_path / "c.npz", IMAGES)
    np.save(tmp_path / "d.npy", np.asfortranarray(IMAGES.astype(">f8")))
    found = {identity(network(), tmp_path / name) for name in ("a.npy", "b.npz", "c.npz", "d.npy")}
    assert found == {identity(network(), IMAGES)}


def test_every_checkpoint_counts(tmp_path: Path) -> None:
    def series(folder: str, seeds: tuple[int, ...]) -> str:
        (tmp_path / folder).mkdir()
        for number, seed in enumerate(seeds):
            torch.manual_seed(seed)
            torch.save(Convolutional().state_dict(), tmp_path / folder / f"{number}.pt")
        return identity(network(), IMAGES, checkpoints=tmp_path / folder)

    first = series("a", (1, 2, 3))
    assert series("b", (1, 2, 3)) == first
    assert len({first, series("c", (1, 2)), series("d", (1, 2, 4)), series("e", (1, 3, 2))}) == 4


def test_ingredients_are_those_of_what_is_recorded() -> None:
    # A worker opens the same request again and must come to the same bytes.
    one, other = source_of(network(), IMAGES), source_of(network(), IMAGES)
    assert contents(one)[1]["conv"].tobytes() == contents(other)[1]["conv"].tobytes()
