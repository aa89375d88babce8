"""Attention patterns and scores, against what transformers gives when it is asked for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import CONTEXT, TEXTS, make_model, plain_outputs

import workbench as wb

# Sites of the first layer's patterns, and under which name transformers gives them.
PATTERNS = {
    "gpt2": {"blocks.0.attn.hook_pattern": "attentions"},
    "llama": {"blocks.0.attn.hook_pattern": "attentions"},
    "bert": {"blocks.0.attn.hook_pattern": "attentions"},
    "roberta": {"roberta.encoder.layer.0.attention.self.pattern": "attentions"},
    "distilbert": {"distilbert.transformer.layer.0.attention.pattern": "attentions"},
    "t5": {
        "encoder_blocks.0.attn.hook_pattern": "encoder_attentions",
        "decoder_blocks.0.self_attn.hook_pattern": "decoder_attentions",
        "decoder_blocks.0.cross_attn.hook_pattern": "cross_attentions",
    },
    "bart": {
        "encoder_blocks.0.attn.hook_pattern": "encoder_attentions",
        "decoder_blocks.0.self_attn.hook_pattern": "decoder_attentions",
        "decoder_blocks.0.cross_attn.hook_pattern": "cross_attentions",
    },
}
SHORT = [TEXTS[0], TEXTS[2], TEXTS[4]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for every family."""
    folder = tmp_path_factory.mktemp("models")
    for family in PATTERNS:
        make_model(folder / family, family)
    return folder


@pytest.mark.parametrize("batch_tokens", [1, 4096])
@pytest.mark.parametrize("family", PATTERNS)
def test_patterns_are_those_of_transformers(
    models: Path, tmp_path: Path, family: str, batch_tokens: int
) -> None:
    sites = PATTERNS[family]
    rec = wb.capture(
        f"hf:{models / family}",
        text=SHORT,
        sites=list(sites),
        out=tmp_path / "rec",
        batch_tokens=batch_tokens,
    )
    outputs = plain_outputs(models / family, SHORT, eager=True)
    stimulus = rec.rows["stimulus"].to_numpy()
    longest = int(rec.stimuli["n_tokens"].max())
    assert len(set(rec.stimuli["n_tokens"])) == len(SHORT) == 3
    for site, name in sites.items():
        values = rec[site].to_numpy()
        assert rec[site].dims == ("row", "unit", "key")
        assert values.shape[2] == longest
        assert rec.units(site)["head"].tolist() == list(range(values.shape[1]))
        for number, output in enumerate(outputs):
            # (1, head, query, key) to (query, head, key)
            expected = getattr(output, name)[0][0].numpy().transpose(1, 0, 2)
            mine = values[stimulus == number]
            n_keys = len(expected)
            assert np.abs(mine[:, :, :n_keys] - expected).max() < 1e-5
            assert np.isnan(mine[:, :, n_keys:]).all()
            assert np.allclose(np.nansum(mine, axis=2), 1, atol=1e-5)
    assert rec.manifest.ingredients["subject"]["attention"] == "eager"


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_patterns_are_the_softmax_of_the_scores(models: Path, tmp_path: Path, family: str) -> None:
    rec = wb.capture(
        f"hf:{models / family}", text=SHORT, sites="*.hook_attn_scores,*.hook_pattern", out=tmp_path
    )
    for site in rec.sites:
        if not site.endswith("hook_attn_scores"):
            continue
        scores = rec[site].to_numpy()
        patterns = rec[site.replace("hook_attn_scores", "hook_pattern")].to_numpy()
        assert np.array_equal(np.isnan(scores), np.isnan(patterns))
        exponentials = np.exp(scores - np.nanmax(scores, axis=2, keepdims=True))
        expected = exponentials / np.nansum(exponentials, axis=2, keepdims=True)
        np.testing.assert_allclose(patterns, expected, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "bart", "t5"])
def test_what_only_claims_to_be_scores_is_refused(models: Path, family: str) -> None:
    from workbench.subjects.language.model import LanguageModel

    model = LanguageModel(str(models / family))
    names = [site.name for site in model.sites()]
    assert any(name.endswith("hook_pattern") for name in names)
    assert not any(name.endswith("hook_attn_scores") for name in names)
    site = next(iter(PATTERNS[family])).replace("hook_pattern", "hook_attn_scores")
    with pytest.raises(wb.UsageError, match=r"gives the pattern there|has the axes"):
        model.choose(site)


def test_a_causal_model_masks_what_follows_and_nothing_is_made_up(
    models: Path, tmp_path: Path
) -> None:
    site, scores = "blocks.0.attn.hook_pattern", "blocks.0.attn.hook_attn_scores"
    rec = wb.capture(
        f"hf:{models / 'gpt2'}", text=SHORT, sites=[site, scores], out=tmp_path, dtype="float16"
    )
    values, lengths = rec[site].to_numpy(), rec.stimuli["n_tokens"].to_numpy()
    keys = np.arange(values.shape[2])
    position = rec.rows["position"].to_numpy()[:, None]
    exists = keys < lengths[rec.rows["stimulus"]][:, None]
    follows = exists & (keys > position)
    assert (values.transpose(0, 2, 1)[follows] == 0).all()
    assert np.isnan(values.transpose(0, 2, 1)[~exists]).all()
    # Lower than float16 can say, and no reason to refuse it.
    assert (rec[scores].to_numpy().transpose(0, 2, 1)[follows] == -np.inf).all()
    assert np.isfinite(rec[scores].to_numpy().transpose(0, 2, 1)[exists & ~follows]).all()


@pytest.mark.parametrize("family", ["llama", "bert"])
@pytest.mark.parametrize("positions", ["word", "mean"])
def test_means_are_taken_over_queries(
    models: Path, tmp_path: Path, family: str, positions: str
) -> None:
    site, long = "blocks.1.attn.hook_pattern", " ".join(TEXTS)
    every, means = (
        wb.capture(
            f"hf:{models / family}",
            text=[*SHORT, long],
            sites=site,
            out=tmp_path / policy,
            positions=policy,
        )
        for policy in ("all", positions)
    )
    values, rows = every[site].to_numpy(), every.rows
    assert values.shape[2] == CONTEXT
    by = ["stimulus", "word"] if positions == "word" else ["stimulus"]
    found = means[site].to_numpy()
    for row, key in enumerate(means.rows[by].to_numpy()):
        chosen = (rows[by].to_numpy() == key).all(axis=1)
        with np.errstate(all="ignore"):
            there = ~np.isnan(values[chosen])
            expected = np.where(there, values[chosen], 0).sum(axis=0) / there.sum(axis=0)
        np.testing.assert_allclose(found[row], expected, atol=1e-6)


def test_the_mean_of_a_score_that_was_masked_is_no_number_of_some_size(
    models: Path, tmp_path: Path
) -> None:
    site = "blocks.0.attn.hook_attn_scores"
    rec = wb.capture(
        f"hf:{models / 'gpt2'}", text=SHORT, sites=site, positions="mean", out=tmp_path
    )
    values = rec[site].to_numpy()
    # Every query sees the first key; some do not see the last one.
    assert np.isfinite(values[:, :, 0]).all()
    last = rec.rows["n_tokens"].to_numpy() - 1
    assert (values[np.arange(len(last)), :, last] == -np.inf).all()


def test_patterns_keep_fused_attention_from_nothing_else(models: Path, tmp_path: Path) -> None:
    residual = "blocks.1.hook_resid_post"
    alone, beside = (
        wb.capture(f"hf:{models / 'llama'}", text=SHORT, sites=sites, out=tmp_path / str(number))
        for number, sites in enumerate([[residual], [residual, "blocks.0.attn.hook_pattern"]])
    )
    assert alone.manifest.ingredients["subject"]["attention"] == "sdpa"
    assert beside.manifest.ingredients["subject"]["attention"] == "eager"
    assert np.abs(alone[residual].to_numpy() - beside[residual].to_numpy()).max() < 1e-5
