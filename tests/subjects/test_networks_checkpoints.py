"""A series of checkpoints as one recording; code in files is never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_networks import Sequences, contents, record, source_of
from torch import nn

from workbench.errors import UsageError, WorkbenchError

VECTORS = np.random.default_rng(2).normal(size=(7, 4)).astype(np.float32)
STEPS = (2, 10, 1)


def network(seed: int = 0) -> nn.Module:
    """The network of the series."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh())


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Checkpoints written in another order than that of their steps."""
    for step in STEPS:
        torch.save(network(step).state_dict(), tmp_path / f"ckpt-{step}.pt")
    return tmp_path


def test_rows_go_by_checkpoint_and_stimulus(series: Path) -> None:
    source = source_of(network(), VECTORS, sites="0", checkpoints=str(series / "ckpt-*.pt"))
    rows, found = contents(source)
    assert len(source.plan) == 3
    assert rows["checkpoint"].tolist() == np.repeat([0, 1, 2], 7).tolist()
    assert rows["step"].tolist() == np.repeat([1, 2, 10], 7).tolist()
    assert rows["checkpoint_name"].unique().tolist() == ["ckpt-1", "ckpt-2", "ckpt-10"]
    for step, part in rows.groupby("step"):
        wanted = network(int(step))[0](torch.from_numpy(VECTORS)).detach()
        np.testing.assert_allclose(found["0"][part.index], wanted, atol=1e-6)


def test_shards_of_checkpoints_come_in_any_order(series: Path) -> None:
    source = source_of(network(), VECTORS, sites="0", checkpoints=series)
    once = [source.activity(number, ["0"])["0"].tobytes() for number in (2, 0, 1, 0)]
    assert once[1] == once[3]
    again = source_of(network(9), VECTORS, sites="0", checkpoints=series)
    assert again.activity(2, ["0"])["0"].tobytes() == once[0]
    assert again.ingredients == source.ingredients


def test_sequences_at_checkpoints(tmp_path: Path) -> None:
    for step in (1, 2):
        torch.manual_seed(step)
        torch.save(Sequences().state_dict(), tmp_path / f"{step}.pt")
    inputs = np.zeros((3, 5, 3), np.float32)
    rows, found = contents(source_of(Sequences(), inputs, checkpoints=tmp_path, max_rows=20))
    assert len(rows) == 2 * 2 * 5 == len(found["core"])
    assert rows.columns[:2].tolist() == ["stimulus", "time"]
    assert not np.array_equal(found["core"][:10], found["core"][10:])


def test_a_network_that_was_given_keeps_its_weights(series: Path) -> None:
    given = network(77)
    before = given[0].weight.clone()
    record(given, VECTORS, checkpoints=series)
    assert torch.equal(before, given[0].weight)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model_state_dict": state, "optimizer": {"lr": 0.1}},
        lambda state: {"model": state},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {"state_dict": {f"_orig_mod.{n}": v for n, v in state.items()}},
    ],
)
def test_wrappers_and_prefixes(wrap: Any, tmp_path: Path) -> None:
    torch.save(wrap(network(4).state_dict()), tmp_path / "last.pth")
    save_file(network(4).state_dict(), tmp_path / "last.safetensors")
    rows, found = contents(source_of(network(), VECTORS, sites="0", checkpoints=tmp_path))
    assert rows["step"].isna().all()
    np.testing.assert_array_equal(found["0"][:7], found["0"][7:])


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("wrapped", [True, False])
def test_code_in_a_checkpoint_is_refused_and_never_run(wrapped: bool, tmp_path: Path) -> None:
    trap, bomb = tmp_path / "ran", Malicious(tmp_path / "ran")
    content = {**network().state_dict(), "bomb": bomb} if wrapped else bomb
    torch.save(content, tmp_path / "ckpt-1.pt")
    with pytest.raises(WorkbenchError, match=r"more than tensors.*not run"):
        source_of(network(), VECTORS, checkpoints=tmp_path)
    assert not trap.exists()


def test_a_whole_network_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "whole.pt")
    with pytest.raises(WorkbenchError, match=r"more than tensors"):
        source_of(network(), VECTORS, checkpoints=tmp_path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
def test_damaged_checkpoints(suffix: str, kept: float, tmp_path: Path) -> None:
    path = tmp_path / f"ckpt{suffix}"
    state = network().state_dict()
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(WorkbenchError, match=r"checkpoint '.*ckpt.*damaged"):
        source_of(network(), VECTORS, checkpoints=path)


def test_a_later_checkpoint_that_is_damaged_is_found_when_planning(series: Path) -> None:
    (series / "ckpt-10.pt").write_bytes(b"short")
    source = source_of(network(), VECTORS, checkpoints=series)
    with pytest.raises(WorkbenchError, match=r"ckpt-10"):
        _ = source.ingredients


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("0.bias"), "lacks '0.bias'"),
        (lambda state: state.update({"1.x": torch.zeros(1)}), "has '1.x', which the network lacks"),
        (
            lambda state: state.update({"0.weight": torch.zeros(3, 5)}),
            r"'0.weight' of shape \(3, 5\), the network \(3, 4\)",
        ),
    ],
)
def test_checkpoints_of_another_network(change: Any, message: str, tmp_path: Path) -> None:
    state = network().state_dict()
    change(state)
    torch.save(state, tmp_path / "ckpt.pt")
    with pytest.raises(UsageError, match=message):
        source_of(network(), VECTORS, checkpoints=tmp_path)


def test_what_holds_no_state_dict(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "ckpt.pt")
    with pytest.raises(UsageError, match=r"Found list in the checkpoint"):
        source_of(network(), VECTORS, checkpoints=tmp_path)


def test_missing_checkpoints(tmp_path: Path) -> None:
    for given in (tmp_path, str(tmp_path / "ckpt-*.pt"), [tmp_path / "a.pt"]):
        with pytest.raises(UsageError, match=r"Found no checkpoint .*ckpt-\*.pt"):
            source_of(network(), VECTORS, checkpoints=given)
