"""Sequences: recurrent layers, cells and spiking networks, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny_networks import Cells, Sequences, Spiking, contents, dims_of, record, source_of
from torch import nn

from workbench.errors import UsageError

STEPS = 9
INPUTS = np.random.default_rng(1).normal(size=(6, STEPS, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def by_step(values: Any) -> np.ndarray:
    """(stimuli, steps, ...) as rows."""
    return np.asarray(values).reshape(-1, *values.shape[2:])


def lstm_by_hand(core: nn.LSTM, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hidden and cell states (stimuli, steps, layers, units), from the equations of the LSTM."""
    hidden = torch.zeros(core.num_layers, len(inputs), core.hidden_size)
    cell, after = torch.zeros_like(hidden), []
    for step in torch.from_numpy(inputs).unbind(1):
        value = step
        for layer in range(core.num_layers):
            weights = [getattr(core, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh")]
            biases = [getattr(core, f"{name}_l{layer}") for name in ("bias_ih", "bias_hh")]
            gates = value @ weights[0].T + hidden[layer] @ weights[1].T + sum(biases)
            enter, forget, new, out = gates.chunk(4, 1)
            cell[layer] = forget.sigmoid() * cell[layer] + enter.sigmoid() * new.tanh()
            hidden[layer] = value = out.sigmoid() * cell[layer].tanh()
        after.append((hidden.clone(), cell.clone()))
    found = [
        torch.stack(each).permute(2, 0, 1, 3).detach().numpy() for each in zip(*after, strict=True)
    ]
    return found[0], found[1]


@pytest.mark.parametrize("batch_first", [True, False])
def test_states_of_an_lstm_follow_its_equations(batch_first: bool) -> None:
    network = Sequences("LSTM", batch_first, num_layers=2)
    found = record(network, INPUTS, batch_axis=0 if batch_first else 1)
    hidden, cell = lstm_by_hand(network.core, INPUTS)
    for layer in range(2):
        wanted = {"hidden": hidden[:, :, layer], "cell": cell[:, :, layer]}
        for kind, values in wanted.items():
            name = f"core:{kind}.{layer}"
            np.testing.assert_allclose(found[name], by_step(values), atol=1e-5)
    np.testing.assert_allclose(found["core"], by_step(hidden[:, :, 1]), atol=1e-5)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_last_states_are_those_of_torch(kind: str, batch_first: bool) -> None:
    network = Sequences(kind, batch_first, num_layers=2)
    given = INPUTS if batch_first else INPUTS.swapaxes(0, 1)
    states, last = network.core(torch.from_numpy(np.ascontiguousarray(given)))
    found = record(network, INPUTS, batch_axis=int(not batch_first))
    kinds = {"hidden": last[0], "cell": last[1]} if kind == "LSTM" else {"hidden": last}
    for name, values in kinds.items():
        for layer in range(2):
            steps = found[f"core:{name}.{layer}"].reshape(6, STEPS, -1)
            np.testing.assert_allclose(steps[:, -1], values[layer].detach(), atol=1e-5)
    states = states if batch_first else states.swapaxes(0, 1)
    np.testing.assert_allclose(found["core"], by_step(states.detach()), atol=1e-5)


def test_states_start_where_the_network_starts_them() -> None:
    class Started(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.core, self.start = nn.GRU(3, 4, batch_first=True), nn.Linear(3, 4)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.core(inputs, hx=self.start(inputs[:, 0])[None])[0]

    found = record(Started(), INPUTS)
    np.testing.assert_allclose(found["core:hidden.0"], found["core"], atol=1e-6)


def test_steps_are_rows_with_their_time() -> None:
    source = source_of(Sequences(), INPUTS, step_seconds="0.02")
    rows, found = contents(source)
    assert rows["stimulus"].tolist() == np.repeat(range(6), STEPS).tolist()
    np.testing.assert_allclose(rows["time"], np.tile(np.arange(STEPS) * 0.02, 6))
    assert set(dims_of(source).values()) == {("row", "unit")}
    assert set(found) == {"core", "core:hidden.0", "core:cell.0", "readout", "output"}


def test_what_has_no_value_for_every_step_needs_the_time_axis() -> None:
    with pytest.raises(UsageError, match=r"no value for every step.*time=axis"):
        source_of(Sequences(), INPUTS, sites="choice")
    source = source_of(Sequences(), INPUTS, time="axis")
    rows, found = contents(source)
    assert "time" not in rows
    assert dims_of(source)["core"] == ("row", "unit", "time")
    assert dims_of(source)["core:1.0"] == ("row", "unit", "layer")
    assert found["core"].shape == (6, 6, STEPS)
    assert found["choice"].shape == found["output:1"].shape == (6, 4)


def test_axis_and_rows_are_the_same_numbers() -> None:
    network = Sequences("GRU", num_layers=2)
    rows, axis = record(network, INPUTS), record(network, INPUTS, time="axis")
    for name in rows:
        np.testing.assert_allclose(by_step(axis[name].swapaxes(1, 2)), rows[name], atol=1e-6)


def test_a_cell_called_once_a_step() -> None:
    network = Cells()
    found = record(network, INPUTS)
    state, wanted = torch.zeros(6, 5), []
    for step in torch.from_numpy(INPUTS).unbind(1):
        state = network.cell(step, state)
        wanted.append(state)
    np.testing.assert_allclose(found["cell"], by_step(torch.stack(wanted, 1).detach()), atol=1e-6)
    np.testing.assert_array_equal(found["out"], found["output"])


def lif_by_hand(network: Spiking, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and voltages (stimuli, steps, neurons) by a loop over single neurons."""
    current = (
        inputs @ network.weight.weight.detach().numpy().T + network.weight.bias.detach().numpy()
    )
    spikes, voltages = np.zeros(current.shape, bool), np.zeros(current.shape, np.float32)
    for stimulus, neuron in np.ndindex(current.shape[0], current.shape[2]):
        voltage = np.float32(0)
        for step in range(STEPS):
            voltage = np.float32(0.8) * voltage + current[stimulus, step, neuron]
            spikes[stimulus, step, neuron] = voltage > 0.5
            voltage = np.float32(0) if voltage > 0.5 else voltage
            voltages[stimulus, step, neuron] = voltage
    return spikes, voltages


def test_a_spiking_network_keeps_spikes_as_spikes() -> None:
    network = Spiking()
    source = source_of(network, INPUTS, batch_axis=1, step_seconds=0.001)
    found = contents(source)[1]
    spikes, voltages = lif_by_hand(network, INPUTS)
    assert found["neurons"].dtype == found["output"].dtype == np.bool_
    assert found["neurons:2"].dtype == np.int64
    assert 0 < spikes.mean() < 1
    np.testing.assert_array_equal(found["neurons"], by_step(spikes))
    np.testing.assert_array_equal(found["output"], by_step(spikes))
    np.testing.assert_array_equal(found["neurons:2"][:, 0], by_step(spikes).sum(1))
    np.testing.assert_allclose(found["neurons:1"], by_step(voltages), atol=1e-6)


def test_a_network_of_snntorch() -> None:
    snntorch = pytest.importorskip("snntorch")

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.neurons = nn.Linear(3, 7), snntorch.Leaky(beta=0.8, threshold=0.3)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            voltage, found = self.neurons.init_leaky(), []
            for step in inputs.unbind(1):
                spikes, voltage = self.neurons(self.weight(step), voltage)
                found.append(spikes)
            return torch.stack(found, 1)

    network = Net()
    found = record(network, INPUTS)
    with torch.no_grad():
        np.testing.assert_array_equal(found["neurons"], by_step(network(torch.from_numpy(INPUTS))))
    assert set(np.unique(found["neurons"])) == {0, 1}


def test_token_ids_are_sequences_and_stay_whole_numbers() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.core = nn.Embedding(20, 4), nn.GRU(4, 5, batch_first=True)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.core(self.embed(ids))[0]

    ids = np.random.default_rng(0).integers(0, 20, (5, 7))
    network = Reader()
    found = record(network, ids)
    np.testing.assert_array_equal(
        found["embed"], network.embed.weight.detach().numpy()[ids.reshape(-1)]
    )
    assert found["core"].shape == (35, 5)


def test_a_transformer_has_a_time_axis_unless_rows_are_asked_for() -> None:
    network = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    stimuli = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float32)
    with torch.no_grad():
        wanted = network.eval()(torch.from_numpy(stimuli)).numpy()
    (axis,) = record(network, stimuli, sites="norm2").values()
    np.testing.assert_allclose(axis, wanted.swapaxes(1, 2), atol=1e-5)
    (rows,) = record(network, stimuli, sites="norm2", time="rows").values()
    np.testing.assert_allclose(rows, by_step(wanted), atol=1e-5)


def test_series_of_a_convolution_have_channels_first() -> None:
    network = nn.Sequential(nn.Conv1d(3, 4, 3), nn.ReLU())
    source = source_of(network, np.random.default_rng(0).normal(size=(5, 3, 20)))
    assert dims_of(source) == dict.fromkeys(("0", "1", "output"), ("row", "unit", "x"))


def test_channels_are_not_taken_for_steps() -> None:
    # As many channels out as in, and a module called as often as there are channels.
    class Thrice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv1d(3, 3, 3, padding=1), nn.Tanh()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            for _ in range(3):
                inputs = self.act(self.conv(inputs))
            return inputs

    dims = dims_of(source_of(Thrice(), np.random.default_rng(0).normal(size=(5, 3, 20))))
    assert dims["conv"] == dims["act"] == ("row", "unit", "time", "x")
    assert dims["output"] == ("row", "unit", "x")


def test_a_network_for_one_length_only() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.core, self.out = nn.GRU(3, 4, batch_first=True), nn.Linear(4 * STEPS, 2)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.out(self.core(inputs)[0].flatten(1))

    assert set(record(Flat(), INPUTS)) == {"core", "core:hidden.0"}
    assert record(Flat(), INPUTS, time="axis")["out"].shape == (6, 2)


def test_a_recurrent_layer_over_maps_of_a_convolution() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.core = nn.Conv1d(3, 5, 3), nn.GRU(5, 4, batch_first=True)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.core(self.conv(inputs).swapaxes(1, 2))[0]

    dims = dims_of(source_of(Mixed(), np.random.default_rng(0).normal(size=(5, 3, 20))))
    assert dims["conv"] == ("row", "unit", "x")
    assert dims["core"] == ("row", "unit", "time")


def test_a_layer_of_torch_called_with_one_step_at_a_time() -> None:
    class Stepped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.core = nn.GRU(3, 4, batch_first=True)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            state, found = None, []
            for step in inputs.split(1, 1):
                out, state = self.core(step, state)
                found.append(out)
            return torch.cat(found, 1)

    found = record(Stepped(), INPUTS)
    np.testing.assert_allclose(found["core"], found["output"], atol=1e-6)
    np.testing.assert_allclose(found["core:hidden.0"], found["output"], atol=1e-6)


def test_bidirectional_layers_have_no_states_by_step() -> None:
    found = record(Sequences("GRU", bidirectional=True), INPUTS)
    assert "core:hidden.0" not in found
    assert found["core"].shape == (6 * STEPS, 12)


def test_options_of_time_that_do_not_fit() -> None:
    flat, network = np.zeros((4, 3), np.float32), nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(UsageError, match=r"time 'row'; did you mean 'rows'"):
        source_of(network, flat, time="row")
    with pytest.raises(UsageError, match=r"batch_axis 2; expected 0, or 1"):
        source_of(network, flat, batch_axis=2)
    with pytest.raises(UsageError, match=r"step_seconds '-1'; expected one number above 0"):
        contents(source_of(Sequences(), INPUTS, step_seconds="-1"))
    with pytest.raises(UsageError, match=r"without steps"):
        source_of(nn.Sequential(nn.Flatten(0)), np.zeros(4), time="rows", sites="0")


@pytest.mark.parametrize("batch_first", [True, False])
def test_steps_taken_for_stimuli_are_noticed(batch_first: bool) -> None:
    with pytest.raises(UsageError, match=r"the other batch_axis if"):
        source_of(Sequences("GRU", batch_first), INPUTS, batch_axis=int(batch_first))
    with pytest.raises(UsageError, match=r"the other batch_axis if"):
        source_of(Sequences("GRU", batch_first), INPUTS, batch_axis=int(batch_first), sites="core")


def test_positions_are_steps() -> None:
    network = Sequences("GRU")
    whole = record(network, INPUTS)["core"].reshape(6, STEPS, -1)
    cases: dict[Any, Any] = {
        "last": whole[:, -1:],
        (0, -1): whole[:, [0, STEPS - 1]],
        (4,): whole[:, [4]],
        "mean": whole.mean(1, keepdims=True),
    }
    for positions, wanted in cases.items():
        source = source_of(network, INPUTS, positions=positions, sites="core")
        rows, found = contents(source)
        np.testing.assert_allclose(found["core"], by_step(wanted), atol=1e-6)
        assert ("time" in rows) == (positions != "mean")
    rows = contents(source_of(network, INPUTS, positions=(0, -1)))[0]
    assert rows["time"].tolist() == [0, STEPS - 1] * 6


def test_rates_are_means_of_spikes() -> None:
    network = Spiking()
    source = source_of(network, INPUTS, batch_axis=1, positions="mean", sites="neurons")
    found = contents(source)[1]["neurons"]
    np.testing.assert_allclose(found, lif_by_hand(network, INPUTS)[0].mean(1), atol=1e-6)


def test_positions_that_are_none() -> None:
    with pytest.raises(UsageError, match=r"position 9 for stimuli of 9 steps; expected -9 to 8"):
        source_of(Sequences(), INPUTS, positions=(0, 9))
    with pytest.raises(UsageError, match=r"positions 'last'.*it has all"):
        source_of(Sequences(), INPUTS, positions="last", time="axis")
    with pytest.raises(UsageError, match=r"positions 'word'"):
        source_of(Sequences(), INPUTS, positions="word")
