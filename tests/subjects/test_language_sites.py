"""Every site that is listed records what its hook point holds; the others say why they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import CONTEXT, TEXTS, make_model

import workbench as wb
from workbench.subjects.language.model import LanguageModel

SHORT = [TEXTS[0], TEXTS[2], TEXTS[4]]
FAMILIES = ("gpt2", "llama", "mixtral", "bert")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for every family."""
    folder = tmp_path_factory.mktemp("models")
    for family in (*FAMILIES, "bert-headless", "t5", "roberta"):
        make_model(folder / family, family)
    return folder


def one_by_one(folder: Path, texts: list[str]) -> tuple[list[dict[str, Any]], list[int]]:
    """What passes every hook point of a fresh bridge, one text at a time, and texts' lengths."""
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoTokenizer

    bridge = TransformerBridge.boot_transformers(str(folder), device="cpu")
    bridge.original_model.eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    passes, lengths = [], []
    for text in texts:
        seen: dict[str, Any] = {}
        handles = [
            point.register_forward_hook(_keeper(name, point, seen))
            for name, point in bridge.hook_dict.items()
        ]
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.no_grad():
            bridge.original_model(input_ids=ids)
        for handle in handles:
            handle.remove()
        passes.append(seen)
        lengths.append(ids.shape[1])
    return passes, lengths


def _keeper(name: str, point: Any, seen: dict[str, Any]) -> Any:
    def keep(_module: Any, _inputs: Any, output: Any) -> None:
        converts = point.hook_conversion is not None and hasattr(output, "shape")
        seen[name] = point.hook_conversion.convert(output) if converts else output

    return keep


@pytest.mark.parametrize("family", FAMILIES)
def test_every_listed_site_is_its_hook_point(models: Path, tmp_path: Path, family: str) -> None:
    listed = LanguageModel(str(models / family)).sites()
    names = [site.name for site in listed]
    rec = wb.capture(f"hf:{models / family}", text=SHORT, sites=names, out=tmp_path / "rec")
    # A hook point with two names is stored under one of them.
    assert len(rec.sites) > 50
    passes, lengths = one_by_one(models / family, SHORT)
    stimulus = rec.rows["stimulus"].to_numpy()
    for site in rec.sites:
        values = rec[site].to_numpy()
        for number, (seen, length) in enumerate(zip(passes, lengths, strict=True)):
            expected, mine = seen[site], values[stimulus == number]
            if mine.ndim == 3:
                assert np.isnan(mine[:, :, length:]).all()
                mine, expected = mine[:, :, :length], expected[0].permute(1, 0, 2)
            expected = expected.reshape(mine.shape).numpy()
            assert np.allclose(mine, expected, rtol=1e-4, atol=1e-5), site


def test_shapes_are_listed_as_they_are_recorded(models: Path, tmp_path: Path) -> None:
    listed = {site.name: site.shape for site in LanguageModel(str(models / "llama")).sites()}
    assert listed["blocks.0.attn.hook_q"] == (4, 6)
    assert listed["blocks.0.attn.hook_k"] == (2, 6)
    assert listed["blocks.0.attn.hook_pattern"] == (4, CONTEXT)
    assert listed["blocks.0.ln1.hook_scale"] == (1,)
    rec = wb.capture(f"hf:{models / 'llama'}", text=SHORT, sites="*attn.hook_k", out=tmp_path)
    units = rec.units("blocks.0.attn.hook_k")
    assert units["head"].tolist() == np.repeat([0, 1], 6).tolist()
    assert units["dimension"].tolist() == list(range(6)) * 2


@pytest.mark.parametrize(
    ("family", "site", "reason"),
    [
        ("gpt2", "embed.hook_in", "token ids or positions"),
        ("gpt2", "blocks.0.attn.hook_result", "is not passed when the model runs"),
        ("t5", "embed.hook_out", "is not passed"),
        ("t5", "pos_embed.hook_out", r"has the axes \(token, token, unit\)"),
        ("bert-headless", "unembed.hook_out", "rests on weights that the files lack"),
        ("roberta", "roberta.encoder.layer", "is not passed"),
    ],
)
def test_other_places_say_why_they_are_no_site(
    models: Path, family: str, site: str, reason: str
) -> None:
    model = LanguageModel(str(models / family))
    assert site not in [each.name for each in model.sites()]
    with pytest.raises(wb.UsageError, match=f"'{site}' .*{reason}"):
        model.choose(site)


def test_sizes_of_axes_that_look_like_texts_or_tokens_mislead_nobody(tmp_path: Path) -> None:
    from tiny_models import make_tokenizer
    from transformers import GPT2Config, GPT2LMHeadModel

    # Five heads of three dimensions, fifteen units, seven token ids.
    config = GPT2Config(vocab_size=300, n_positions=14, n_embd=15, n_layer=1, n_head=5)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    make_tokenizer(tmp_path)
    sites = {site.name: site.shape for site in LanguageModel(str(tmp_path)).sites()}
    assert sites["blocks.0.hook_resid_post"] == (15,)
    assert sites["blocks.0.attn.hook_q"] == (5, 3)
    assert sites["blocks.0.attn.hook_pattern"] == (5, 14)


def test_a_bridge_that_computes_something_else_is_not_used(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.subjects.language import loading

    def spoiled(plain: Any, *rest: Any) -> Any:
        bridge = whole(plain, *rest)
        bridge.original_model.register_forward_hook(
            lambda _m, _i, output: type(output)(logits=output.logits + 1.0)
        )
        return bridge

    whole = loading._bridge
    monkeypatch.setattr(loading, "_bridge", spoiled)
    model = LanguageModel(str(models / "gpt2"))
    assert model.description["site_names"] == "modules"
    assert "transformer.h.0.mlp" in [site.name for site in model.sites()]
