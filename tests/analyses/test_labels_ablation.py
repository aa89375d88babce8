"""Ablation does what it says, beside controls; labels find units to group, to audit, to delete."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from analyses.neuron_labels.ablation import ablate, single_unit_changes
from analyses.neuron_labels.applications import audit, edit, importance, kind_of_label
from analyses.neuron_labels.types import Label
from workbench.editing.opening import as_target
from workbench.errors import UsageError

TEXTS = [
    "The dog sees the cat near the house.",
    "A bird sings in the tree every morning.",
    "They walk home and talk about the weather.",
]


class Readout(torch.nn.Module):
    """Four channels with space, of which only the first two decide."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(4, 8, 1, bias=False)
        self.relu = torch.nn.ReLU()
        self.conv.weight.data = torch.eye(8)[:, :4, None, None].repeat(1, 1, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of two classes: (images, 2)."""
        return self.relu(self.conv(images)).mean(dim=(2, 3))[:, :2]


@pytest.fixture
def examples() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 2, (200,), generator=generator)
    images = 0.2 * torch.rand(200, 4, 3, 3, generator=generator)
    images[torch.arange(200), targets] += 1
    return images, targets


def test_zero_and_mean_agree_with_editing_the_weights(examples: Any) -> None:
    images, targets = examples
    network = Readout()
    found = ablate(network, "relu", [1], "zero", inputs=images, targets=targets, n_controls=3)
    by_hand = Readout()
    by_hand.conv.weight.data[1] = 0
    expected = (by_hand(images).argmax(1) == targets).double().mean()
    assert (found.before, found.after) == (1.0, pytest.approx(float(expected)))
    mean = ablate(
        network, "relu", [1], "mean", metric="loss", inputs=images, targets=targets, n_controls=3
    )
    activity = network.relu(network.conv(images))
    activity[:, 1] = activity[:, 1].mean()
    loss = torch.nn.functional.cross_entropy(activity.mean((2, 3))[:, :2], targets)
    assert mean.after == pytest.approx(float(loss.detach()), rel=1e-5)


def test_the_network_is_as_it_was_before(examples: Any) -> None:
    images, targets = examples
    network = Readout().train()
    network.relu.eval()
    before = network(images)
    ablate(network, "relu", [0], inputs=images, targets=targets, n_controls=2)
    assert torch.equal(network(images), before)
    assert (network.training, network.conv.training, network.relu.training) == (True, True, False)
    assert not network.relu._forward_hooks


def test_units_that_decide_matter_more_than_random_ones(examples: Any) -> None:
    images, targets = examples
    found = ablate(Readout(), "relu", [0, 1], inputs=images, targets=targets, n_controls=60)
    assert found.change < -0.3
    assert found.p_value < 0.05
    assert found.difference_interval[1] < 0
    assert "beyond what as many random units do" in found.summary()
    other = ablate(Readout(), "relu", [6, 7], inputs=images, targets=targets, n_controls=60)
    assert other.p_value > 0.05
    assert other.interval == (0.0, 0.0)
    assert "within what" in other.summary()


def test_controls_are_as_many_other_units_of_the_same_layer() -> None:
    seen: list[np.ndarray] = []

    class Counting:
        """Notes which units are edited."""

        def scores(self, edits: Any) -> Any:
            from workbench.editing.targets import Scores

            if edits:
                made = edits["a"](torch.ones(1, 10))[0]
                seen.append(np.flatnonzero(made.numpy() == 0))
            return Scores(np.ones(5), np.ones(5))

        def moments(self, site: str) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros(10), np.array([0, 0, 0, 0, 9, 9, 9, 9, 9.0, 9])

    ablate(Counting(), "a", [4, 5], n_controls=20)
    assert seen[0].tolist() == [4, 5]
    assert all(len(drawn) == 2 and not set(drawn) & {4, 5} for drawn in seen[1:])
    assert len({tuple(drawn) for drawn in seen[1:]}) > 5
    del seen[:]
    ablate(Counting(), "a", [4], among={"a": [1, 2, 4]}, n_controls=20)
    assert {int(drawn[0]) for drawn in seen[1:]} == {1, 2}
    del seen[:]
    ablate(Counting(), "a", [4], control="activity-matched", n_controls=20)
    assert all(set(drawn) <= {5, 6, 7, 8, 9} for drawn in seen[1:])


def test_a_language_model_loses_as_its_weights_say() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from workbench.demo.language import folder

    found = ablate(
        "demo:language", "blocks.0.hook_mlp_out", np.arange(20), inputs=TEXTS, n_controls=2
    )
    model = AutoModelForCausalLM.from_pretrained(folder("final"))
    tokenizer = AutoTokenizer.from_pretrained(folder("final"))
    losses = []
    for ablated in (False, True):
        if ablated:
            mlp = model.transformer.h[0].mlp.c_proj
            mlp.weight.data[:, :20] = 0
            mlp.bias.data[:20] = 0
        total = count = 0.0
        for text in TEXTS:
            ids = torch.tensor([tokenizer(text)["input_ids"]])
            logits = model(ids).logits[0, :-1]
            total += float(
                torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").detach()
            )
            count += ids.shape[1] - 1
        losses.append(total / count)
    assert [found.before, found.after] == pytest.approx(losses, abs=1e-4)
    assert found.metric == "loss"


def test_the_embedded_vision_network_reads_digits_and_loses_them() -> None:
    found = ablate("demo:vision", "relu4", range(20), n_controls=3)
    assert found.before > 0.6
    assert found.after < found.before
    assert found.n_examples > 500
    with pytest.raises(UsageError, match="no metric 'acc'"):
        ablate("demo:vision", "relu4", [0], metric="acc")


def test_what_cannot_be_ablated_is_refused(examples: Any) -> None:
    images, targets = examples
    given: dict[str, Any] = {"inputs": images, "targets": targets, "n_controls": 2}
    with pytest.raises(UsageError, match="did you mean 'relu'"):
        ablate(Readout(), "rellu", [0], **given)
    with pytest.raises(UsageError, match="expected numbers from 0 to 7"):
        ablate(Readout(), "relu", [8], **given)
    with pytest.raises(UsageError, match=r"5 of 8 units.* and 3 others"):
        ablate(Readout(), "relu", range(5), **given)
    with pytest.raises(UsageError, match="no mode 'noise'"):
        ablate(Readout(), "relu", [0], "noise", **given)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no control 'random'"):
        ablate(Readout(), "relu", [0], control="random", **given)
    with pytest.raises(UsageError, match="no metric 'acuracy'; did you mean 'accuracy'"):
        ablate(Readout(), "relu", [0], metric="acuracy", **given)
    with pytest.raises(UsageError, match="pass inputs= and targets="):
        ablate(Readout(), "relu", [0])
    with pytest.raises(UsageError, match="lengths 200/3"):
        ablate(Readout(), "relu", [0], inputs=images, targets=targets[:3])
    with pytest.raises(UsageError, match="expected inputs= with texts"):
        ablate("demo:language", "blocks.0.hook_mlp_out", [0])
    with pytest.raises(UsageError, match="or a network, 'torch:MODULE:FACTORY'"):
        ablate("npz:traces.npz", "area", [0], inputs=TEXTS)
    with pytest.raises(UsageError, match="pass site=None"):
        ablate(Readout(), "relu", {"relu": [0]}, **given)
    with pytest.raises(UsageError, match="one number an example"):
        ablate(Readout(), "relu", [0], metric=lambda out, _: out, **given)


def _labels() -> list[Label]:
    said = ["red digit", "digits", "circle", "ring", "red", "blue", "green", "circle but not digit"]
    return [Label(n, "relu", text, 1.0, p_value=0.001) for n, text in enumerate(said)]


def test_importance_is_by_kind_of_label_and_finds_the_kind_that_matters(examples: Any) -> None:
    images, targets = examples
    table = importance(
        _labels(),
        Readout(),
        inputs=images,
        targets=targets,
        kind=lambda label: "digits" if "digit" in label.text else kind_of_label(label),
        n_controls=60,
    ).set_index("kind")
    assert table.loc["digits", "units"] == 3
    assert table.loc["digits", "change"] < table.loc["colour", "change"]
    assert table.loc["digits", "beyond high"] < 0
    assert (table["p corrected"] >= table["p"]).all()
    abstaining = Label(0, "relu", "red", 1.0, p_value=0.5, abstains=True)
    assert kind_of_label(abstaining) == "no label"
    with pytest.raises(UsageError, match="no kind of label"):
        importance(_labels()[:2], Readout(), inputs=images, targets=targets)


def test_audits_find_words_and_say_how_many_are_false() -> None:
    labels = [*_labels(), Label(8, "relu", "digit", 1.0, p_value=0.4, abstains=True)]
    found = audit(labels, "digit|letter")
    assert found.units == {"relu": [0, 1]}
    assert (found.n_matching, found.n_units) == (3, 9)
    assert found.false_label_rate == pytest.approx(3 * 0.001 / 2)
    assert "1 more match" in found.summary()
    either = [Label(0, "relu", "zero or ring", 1.0, p_value=0.01)]
    assert audit(either, "zero").units == {"relu": [0]}
    assert not audit(either, "zero", only=True).labels
    with pytest.raises(UsageError, match="at least one word"):
        audit(labels, "|")
    with pytest.raises(UsageError, match="1 have no p-value"):
        audit([Label(0, "relu", "red", 1.0)], "red")


def test_editing_deletes_what_labels_name(examples: Any) -> None:
    images, targets = examples
    wrong = images.clone()
    wrong[:, 2] += 1
    given = {"clean": (images, targets), "other": (wrong, targets)}
    found = edit(_labels(), ["digit"], Readout(), given, n_controls=10)
    assert found.ablations["clean"].units == {"relu": (0, 1)}
    assert found.ablations["clean"].after < found.ablations["clean"].before
    assert found.summary().startswith("2 of 8 units are about digit")
    spared = edit(
        _labels(),
        ["digit"],
        Readout(),
        given,
        n_controls=10,
        validation=given["clean"],
        tolerance=1.0,
        only=True,
    )
    assert spared.ablations["clean"].units == {"relu": (0, 1)}
    with pytest.raises(UsageError, match="validation needs all 2 units"):
        edit(_labels(), ["digit"], Readout(), given, validation=given["clean"])
    with pytest.raises(UsageError, match="no unit whose label says letter"):
        edit(_labels(), "letter", Readout(), given)


def test_single_units_are_those_of_sets_of_one(examples: Any) -> None:
    images, targets = examples
    target = as_target(Readout(), images, targets)
    changes = single_unit_changes(target, "relu", [0, 5])
    alone = ablate(target, "relu", [0], n_controls=2).change
    assert changes.tolist() == [pytest.approx(alone), 0.0]


class Several(torch.nn.Module):
    """Series, a recurrent layer that gives a tuple, tokens, and a readout."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv1d(3, 6, 1)
        self.gru = torch.nn.GRU(6, 5, batch_first=True)
        self.tokens = torch.nn.Linear(5, 4)

    def forward(self, series: torch.Tensor) -> torch.Tensor:
        """Logits: (series, 4)."""
        states, _ = self.gru(self.conv(series).movedim(1, 2))
        return self.tokens(states).mean(1)


def several() -> Several:
    """A factory, for the address of this network."""
    return Several()


@pytest.mark.parametrize(("site", "axis", "n_units"), [("conv", 1, 6), ("gru", 2, 5),
                                                       ("tokens", 2, 4)])  # fmt: skip
def test_units_are_those_that_recordings_have(site: str, axis: int, n_units: int) -> None:
    import workbench as wb

    series = torch.randn(30, 3, 9, generator=torch.Generator().manual_seed(1))
    targets = torch.arange(30) % 4
    network = several()
    given: dict[str, Any] = {"inputs": series, "targets": targets, "metric": "loss"}
    found = ablate(network, site, [n_units - 1], n_controls=2, **given)

    def without(_module: Any, _inputs: Any, output: Any) -> Any:
        edited = (output[0] if isinstance(output, tuple) else output).clone()
        edited.select(axis, n_units - 1).zero_()
        return (edited, *output[1:]) if isinstance(output, tuple) else edited

    handle = network.get_submodule(site).register_forward_hook(without)
    expected = torch.nn.functional.cross_entropy(network(series), targets).detach()
    handle.remove()
    assert found.after == pytest.approx(float(expected), abs=1e-6)
    assert found.after != found.before
    recorded = wb.stream(network, stimuli=series.numpy(), sites=site)
    assert recorded[site].shape[1] == n_units
    with pytest.raises(UsageError, match=f"expected numbers from 0 to {n_units - 1}"):
        ablate(network, site, [n_units], n_controls=2, **given)


def test_addresses_and_recordings_are_opened_again() -> None:
    import workbench as wb

    series = torch.randn(30, 3, 9, generator=torch.Generator().manual_seed(1))
    address = f"torch:{__file__}:several"
    given: dict[str, Any] = {
        "inputs": series.numpy(), "targets": np.arange(30) % 4, "metric": "loss", "n_controls": 2,
    }  # fmt: skip
    found = [
        ablate(subject, "conv", [0], **given)
        for subject in (several(), address, wb.stream(address, stimuli=series.numpy()))
    ]
    assert len({(each.before, each.after) for each in found}) == 1
    recording = wb.stream("demo:language", sites="blocks.0.hook_mlp_out", max_rows=60)
    texts = recording.stimuli["text"].tolist()
    kept = {"n_controls": 2, "mode": "mean"}
    one = ablate(recording, "blocks.0.hook_mlp_out", [0, 1], **kept)
    other = ablate("demo:language", "blocks.0.hook_mlp_out", [0, 1], inputs=texts, **kept)
    assert (one.before, one.after) == (other.before, other.after)
    bare = wb.from_arrays({"area": np.zeros((4, 2))})
    with pytest.raises(UsageError, match="which no address opens again"):
        ablate(bare, "area", [0])
    with pytest.raises(UsageError, match="did you mean 'output'"):
        ablate(several(), "outputs", [0], **given)
