"""Loss recovered: agreement with transformers' own loss, and limits that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import make_model

import workbench as wb
from analyses import atoms
from analyses.atoms.loss import LossRecovered, loss_recovered
from workbench.errors import UsageError

SITE = "blocks.0.hook_resid_post"
TEXTS = [
    f"The {who} {does} the {what}." for who in "ab" for does in ("sees", "eats") for what in "xyz"
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpt2")
    make_model(folder, "gpt2")
    # Weights of a random model are so small that nothing it says depends on the text.
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(6)
    network.save_pretrained(folder)
    return folder


def exact(units: int) -> atoms.ThresholdSAE:
    """Atoms that rebuild everything: plus and minus every unit."""
    sae = atoms.ThresholdSAE(2 * units, target_l0=units)
    sae.decoder_ = np.concatenate([np.eye(units), -np.eye(units)]).astype(np.float32)
    sae.encoder_ = sae.decoder_.T.copy()
    sae.encoder_bias_ = np.zeros(2 * units, dtype=np.float32)
    sae.decoder_bias_ = np.zeros(units, dtype=np.float32)
    sae.threshold_ = np.zeros(2 * units, dtype=np.float32)
    sae.input_scale_, sae.site_ = 1.0, None
    return sae


def test_the_loss_is_that_of_transformers_and_a_perfect_reconstruction_loses_nothing(
    model: Path,
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found = loss_recovered(f"hf:{model}", SITE, exact(24), TEXTS)
    network = AutoModelForCausalLM.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    total, count = 0.0, 0
    for text in TEXTS:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.no_grad():
            total += float(network(ids, labels=ids).loss) * (ids.shape[1] - 1)
        count += ids.shape[1] - 1
    assert found.n_tokens == count
    assert found.n_texts == len(TEXTS)
    assert found.loss["as it is"] == pytest.approx(total / count, rel=1e-5)
    assert found.loss["reconstruction"] == pytest.approx(found.loss["as it is"], rel=1e-4)
    assert found.recovered == pytest.approx(1, abs=1e-3)
    assert found.interval[0] <= found.recovered <= found.interval[1]


def test_a_reconstruction_of_nothing_is_the_ablation(model: Path) -> None:
    nothing = exact(24)
    nothing.threshold_ = np.full(48, 1e9, dtype=np.float32)
    found = loss_recovered(f"hf:{model}", SITE, nothing, TEXTS)
    assert found.loss["reconstruction"] == pytest.approx(found.loss["zero"])
    assert found.recovered == pytest.approx(0, abs=1e-6)


def test_texts_longer_than_the_context_are_cut(model: Path) -> None:
    texts = ["word " * 40, "other " * 3]
    found = loss_recovered(f"hf:{model}", SITE, exact(24), texts)
    assert isinstance(found, LossRecovered)
    assert found.n_texts == 2
    assert found.recovered == pytest.approx(1, abs=1e-3)


def test_what_cannot_be_replaced_is_refused(model: Path, tmp_path: Path) -> None:
    subject = f"hf:{model}"
    with pytest.raises(UsageError, match=r"did you mean 'blocks\.0\.hook_resid_post'"):
        loss_recovered(subject, "blocks.0.hook_resid_pots", exact(24), TEXTS)
    with pytest.raises(UsageError, match=f"24 units at '{SITE}'; expected 23"):
        loss_recovered(subject, SITE, exact(23), TEXTS)
    elsewhere = exact(24)
    elsewhere.site_ = "blocks.1.hook_resid_post"
    with pytest.raises(UsageError, match=r"autoencoder of site 'blocks\.1\.hook_resid_post'"):
        loss_recovered(subject, SITE, elsewhere, TEXTS)
    with pytest.raises(UsageError, match="expected at least two texts"):
        loss_recovered(subject, SITE, exact(24), ["one text alone"])
    with pytest.raises(UsageError, match="expected a causal language model"):
        loss_recovered("torch:x:y", SITE, exact(24), TEXTS)
    make_model(tmp_path, "bert")
    with pytest.raises(UsageError, match="predicts no next token"):
        loss_recovered(f"hf:{tmp_path}", SITE, exact(24), TEXTS)


def test_learned_atoms_keep_more_than_the_mean_of_the_demo_model(tmp_path: Path) -> None:
    recording = wb.capture("demo:language", sites=SITE, n_stimuli=150, out=tmp_path / "r")
    sae = atoms.ThresholdSAE(256, target_l0=16, n_steps=400, batch_size=256)
    sae.fit(recording[SITE])
    texts = [str(text) for text in recording.stimuli["text"][:40]]
    found = loss_recovered("demo:language", SITE, sae, texts)
    assert found.loss["as it is"] < found.loss["reconstruction"] < found.loss["mean"]
    assert 0 < found.recovered_from_mean < 1
