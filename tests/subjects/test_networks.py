"""Any torch network: what is recorded is what a hook written by hand sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_networks import (
    Branching,
    Convolutional,
    Ticking,
    contents,
    dims_of,
    record,
    source_of,
)
from torch import nn

import workbench as wb
from workbench.errors import UsageError, WorkbenchError

IMAGES = np.random.default_rng(1).normal(size=(11, 3, 6, 5)).astype(np.float32)
VECTORS = np.random.default_rng(2).normal(size=(7, 4)).astype(np.float32)


@pytest.fixture
def network() -> Convolutional:
    torch.manual_seed(3)
    made = Convolutional()
    made(torch.randn(64, 3, 6, 5) * 2 + 1)  # moves the statistics of the batch norm
    return made


def by_hand(network: nn.Module, name: str, inputs: np.ndarray) -> list[torch.Tensor]:
    """What a module gives, stimulus by stimulus."""
    found = []
    module = network.get_submodule(name)
    handle = module.register_forward_hook(lambda _m, _i, out: found.append(out.detach().clone()))
    with torch.no_grad():
        for each in torch.from_numpy(inputs):
            network.eval()(each[None])
    handle.remove()
    return found


@pytest.mark.parametrize("batch", [1, 4, 256])
@pytest.mark.parametrize("name", ["conv", "norm", "linear"])
def test_recorded_is_what_a_hook_sees(network: Convolutional, name: str, batch: int) -> None:
    found = record(network, IMAGES, sites=name, batch=batch)[name]
    np.testing.assert_allclose(found, torch.cat(by_hand(network, name, IMAGES)), atol=1e-5)


def test_work_in_place_after_a_module_leaves_what_was_captured(network: Convolutional) -> None:
    found = record(network, IMAGES)
    assert found["norm"].min() < 0
    np.testing.assert_allclose(
        found["linear"],
        network.linear(torch.from_numpy(found["norm"]).clamp(min=0).mul(3).mean((2, 3))).detach(),
        atol=1e-5,
    )


def test_axes_are_kept_and_named(network: Convolutional) -> None:
    source = source_of(network, IMAGES)
    assert dims_of(source) == {
        "conv": ("row", "unit", "y", "x"),
        "norm": ("row", "unit", "y", "x"),
        "linear": ("row", "unit"),
        "output": ("row", "unit"),
    }
    assert source.sites[0].shape == (4, 6, 5)
    assert source.units(source.sites[0])["unit"].tolist() == [0, 1, 2, 3]


def test_the_network_is_left_as_it_was(network: Convolutional) -> None:
    network.train()
    network.linear.eval()
    mean = network.norm.running_mean.clone()
    record(network, IMAGES)
    assert network.training
    assert network.norm.training
    assert not network.linear.training
    assert torch.equal(mean, network.norm.running_mean)
    assert not network.conv._forward_hooks


def test_tuples_lists_dicts_and_dataclasses() -> None:
    found = record(Branching(), VECTORS)
    assert set(found) == {
        *("pairs", "pairs:0.1", "pairs:1.0"),
        *("lists", "lists:1.a", "lists:1.b"),
        *("output", "output:extra.sum"),
    }
    np.testing.assert_array_equal(found["pairs"], VECTORS + 1)
    np.testing.assert_array_equal(found["pairs:0.1"], VECTORS + 2)
    np.testing.assert_array_equal(found["lists:1.a"], VECTORS * 6)
    np.testing.assert_allclose(
        found["output:extra.sum"][:, 0], (VECTORS * 3).sum(1), rtol=1e-5, atol=1e-6
    )


def test_every_tick_of_a_recurrence_is_kept() -> None:
    torch.manual_seed(0)
    network, images = Ticking(ticks=4), IMAGES[:, :1]
    source = source_of(network, images)
    found = contents(source)[1]
    assert dims_of(source)["act"] == ("row", "unit", "time", "y", "x")
    assert dims_of(source)["encode"] == ("row", "unit", "y", "x")
    calls = by_hand(network, "act", images)
    wanted = torch.stack([torch.stack(calls[k : k + 4], 2) for k in range(0, len(calls), 4)])
    np.testing.assert_allclose(found["act"], wanted[:, 0], atol=1e-5)


class Counting(nn.Module):
    """Says how far passes came."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.passes = nn.Linear(4, 4), nn.Linear(4, 4), 0

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Count passes that reach the second half."""
        values = self.first(values)
        self.passes += 1
        return self.second(self.first(values) if values.shape[1] == 5 else values)


def test_a_pass_ends_after_the_last_wanted_module() -> None:
    network = Counting()
    source = source_of(network, VECTORS, sites="first")
    before = network.passes
    contents(source)
    assert network.passes == before
    contents(source_of(network, VECTORS, sites="first,second"))
    assert network.passes > before


def test_a_pass_does_not_end_before_the_last_call() -> None:
    network = Ticking(ticks=3)
    found = record(network, IMAGES[:, :1], sites="encode,act")
    assert found["act"].shape[2] == 3


@pytest.mark.parametrize(
    ("site", "message"),
    [
        ("cnov", "Found no site 'cnov'; did you mean 'conv'.*F.relu.*out of reach"),
        ("blocks.*", "Found no site 'blocks"),
    ],
)
def test_an_unknown_site_names_the_nearest(network: nn.Module, site: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        source_of(network, IMAGES, sites=site)


def test_sites_out_of_reach_say_why() -> None:
    with pytest.raises(UsageError, match=r"never.*is not called"):
        source_of(Branching(), VECTORS, sites="never")
    with pytest.raises(UsageError, match=r"no row per stimulus: its shape is \(2,\)"):
        source_of(Branching(), VECTORS, sites="output:extra.size")


class Sharing(nn.Module):
    """One module for two shapes; and one whose calls depend on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.down, self.again = nn.ReLU(), nn.Linear(4, 2), nn.Tanh()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Vectors to pairs."""
        values = self.act(self.down(self.act(values)))
        return self.again(values) if values.sum() > 1e6 else self.again(self.again(values))


def test_calls_of_different_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"called 2 times a pass with outputs of different shapes"):
        source_of(Sharing(), VECTORS, sites="act")


def test_a_network_that_changes_its_path_is_told() -> None:
    network = Sharing()
    with torch.no_grad():
        network.down.weight.fill_(1)
    stimuli = VECTORS.copy()
    stimuli[5] = 1e7
    source = source_of(network, stimuli, sites="again", batch=4)
    with pytest.raises(WorkbenchError, match=r"called 1 times, 2 times in a trial"):
        contents(source)


class Mixing(nn.Module):
    """Centres over the batch, as batch statistics do."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(4, 3), nn.Identity()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Vectors to vectors."""
        values = self.before(values)
        return self.after(values - values.mean(0))


def test_batch_mates_must_not_matter() -> None:
    with pytest.raises(UsageError, match=r"depends on the stimuli beside it.*batch=1"):
        source_of(Mixing(), VECTORS)
    assert record(Mixing(), VECTORS, sites="before")["before"].shape == (7, 3)
    assert not record(Mixing(), VECTORS, sites="after", batch="1")["after"].any()


class Chancy(nn.Module):
    """Noise in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Identity()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Vectors to noise."""
        return self.line(values + torch.randn_like(values))


def test_chance_in_forward_is_refused() -> None:
    with pytest.raises(UsageError, match=r"other values at 'line'.*fix the seed"):
        source_of(Chancy(), VECTORS)


class Picky(nn.Module):
    """Fails on one stimulus."""

    limit = 100.0

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Identity()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Vectors to themselves."""
        if (values > self.limit).any():
            raise IndexError("too large")
        return self.line(values)


def test_a_network_that_fails_half_way_is_not_hidden() -> None:
    stimuli = VECTORS.copy()
    stimuli[5] = 1000
    source = source_of(Picky(), stimuli, sites="line", batch=2)
    with pytest.raises(IndexError, match=r"too large"):
        contents(source)


def test_a_network_that_fails_at_once_is_told() -> None:
    with pytest.raises(UsageError, match=r"fails on the first stimuli .*\(3, 9\) float32"):
        source_of(nn.Linear(4, 2), np.zeros((5, 9)))


class Named(nn.Module):
    """Takes two named inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix = nn.Embedding(10, 4), nn.Linear(4, 4)

    def forward(self, *, context: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Vectors and ids to vectors."""
        return self.mix(context) * self.embed(ids)


def test_several_named_inputs() -> None:
    ids = np.arange(7) % 3
    given = {"ids": ids, "context": VECTORS, "group": np.array(list("aabbcca"))}
    network = Named()
    source = source_of(network, given, inputs="context,ids")
    rows, found = contents(source)
    wanted = network(context=torch.from_numpy(VECTORS), ids=torch.from_numpy(ids))
    np.testing.assert_allclose(found["output"], wanted.detach(), atol=1e-6)
    assert rows["group"].tolist() == list("aabbcca")


@pytest.mark.parametrize(("model", "given"), [(torch.float64, None), (torch.float32, "float32")])
def test_inputs_take_the_dtype_of_the_network(model: Any, given: Any) -> None:
    network = nn.Sequential(nn.Linear(4, 3)).to(model)
    stimuli = VECTORS.astype(given or np.float64)
    (found,) = record(network, stimuli, sites="0", dtype="float64").values()
    wanted = network(torch.from_numpy(stimuli).to(model)).detach().double()
    np.testing.assert_allclose(found, wanted, atol=1e-12 if model is torch.float64 else 1e-6)


def test_a_half_precision_network_is_recorded_exactly() -> None:
    network = nn.Sequential(nn.Linear(4, 3)).bfloat16()
    (found,) = record(network, VECTORS, sites="0").values()
    wanted = network(torch.from_numpy(VECTORS).bfloat16()).float()
    np.testing.assert_array_equal(found, wanted.detach())


def test_what_float16_cannot_hold_is_refused() -> None:
    source = source_of(nn.Sequential(nn.Identity()), VECTORS * 1e6, sites="0", dtype="float16")
    with pytest.raises(WorkbenchError, match=r"exceeds 65504.*bfloat16"):
        contents(source)


def test_shards_give_the_same_in_any_order(network: Convolutional) -> None:
    whole = record(network, IMAGES)
    source = source_of(network, IMAGES, shard_rows=4)
    assert source.plan == (4, 4, 3)
    for number in reversed(range(len(source.plan))):
        part = source.activity(number, ["linear", "conv"])
        rows = source.rows(number)["stimulus"].to_numpy()
        assert set(part) == {"linear", "conv"}
        np.testing.assert_allclose(part["conv"], whole["conv"][rows], atol=1e-6)


def test_rows_are_limited(network: Convolutional) -> None:
    source = source_of(network, IMAGES, max_rows=4)
    rows, found = contents(source)
    assert len(rows) == len(found["linear"]) == len(source.stimulus_table()) == 4
    assert source.trial() == 4


def test_what_was_committed_stays_when_a_network_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stimuli = VECTORS.copy()
    stimuli[5] = 1000
    given: dict[str, Any] = {"stimuli": stimuli, "sites": "line", "shard_rows": 2, "threads": 1}
    with pytest.raises(WorkbenchError, match=r"IndexError: too large.*committed before stays"):
        wb.capture(Picky(), out=tmp_path / "rec", **given)
    half = wb.open(tmp_path / "rec")
    kept = half["line"].to_numpy()
    assert len(kept) >= 2
    np.testing.assert_array_equal(kept, stimuli[: len(kept)])
    monkeypatch.setattr(Picky, "limit", 1e9)
    whole = wb.capture(Picky(), out=tmp_path / "rec", **given)
    np.testing.assert_array_equal(whole["line"].to_numpy(), stimuli)


def test_other_processes_give_the_same_bytes(network: Convolutional, tmp_path: Path) -> None:
    given: dict[str, Any] = {"stimuli": IMAGES, "sites": "conv,linear", "shard_rows": 4}
    wanted = record(network, IMAGES, sites="conv,linear", shard_rows=4)
    rec = wb.capture(
        network, out=tmp_path / "rec", executor="processes", workers=2, threads=1, **given
    )
    assert rec["conv"].to_numpy().tobytes() == wanted["conv"].tobytes()
    assert rec.subject["kind"] == "network"
