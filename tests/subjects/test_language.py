"""Captured activity against independent paths: transformers itself and published values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import TEXTS

import workbench as wb

RESIDUAL = "blocks.*.hook_resid_post"


def hidden_states(
    folder: Path, texts: list[str], longest: int = 512
) -> dict[int, list[np.ndarray]]:
    """Hidden states of every text on its own, without padding, by transformers alone."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = {}
    for number, text in enumerate(texts):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        if ids.shape[1] > longest:
            continue
        with torch.no_grad():
            states = model(ids, output_hidden_states=True).hidden_states
        found[number] = [state[0].numpy() for state in states]
    return found


@pytest.mark.parametrize("batch_tokens", [1, 64])
def test_activity_is_that_of_the_model_alone_however_it_is_batched(
    tiny_model: Path, text_file: Path, tmp_path: Path, batch_tokens: int
) -> None:
    rec = wb.capture(
        f"hf:{tiny_model}",
        text=text_file,
        sites="blocks.0.hook_resid_post",
        out=tmp_path / "rec",
        batch_tokens=batch_tokens,
        context=32,
    )
    values, rows = rec["blocks.0.hook_resid_post"].to_numpy(), rec.rows
    expected = hidden_states(tiny_model, TEXTS, longest=32)
    assert len(expected) >= 3
    for stimulus in expected:
        chosen = rows["stimulus"] == stimulus
        assert rows["position"][chosen].tolist() == list(range(len(expected[stimulus][1])))
        assert np.abs(values[chosen] - expected[stimulus][1]).max() < 1e-5
    assert rec.n_rows == rec.stimuli["n_tokens"].sum()


def test_padding_never_reaches_the_disk(tiny_model: Path, text_file: Path, tmp_path: Path) -> None:
    one, many = (
        wb.capture(
            f"hf:{tiny_model}",
            text=text_file,
            sites="blocks.*.hook_*",
            out=tmp_path / f"rec{size}",
            batch_tokens=size,
        )
        for size in (1, 16 * 32)
    )
    assert one.n_rows == many.n_rows == one.stimuli["n_tokens"].sum()
    assert one.rows.equals(many.rows)
    for site in one.sites:
        np.testing.assert_allclose(one[site].to_numpy(), many[site].to_numpy(), atol=1e-5)


def test_published_values_of_a_sorting_model(data: Path, tmp_path: Path) -> None:
    folder = data / "language" / "gpt_nano_sort"
    reference = np.load(folder / "reference_activations.npz", allow_pickle=False)
    np.save(tmp_path / "ids.npy", reference["idx"].astype(np.int64))
    rec = wb.capture(
        f"hf:{folder / 'hf'}", tokens=tmp_path / "ids.npy", sites="*", out=tmp_path / "rec"
    )
    pairs = {
        "blocks.0.hook_resid_pre": "x",
        "blocks.0.attn.hook_q": "q",
        "blocks.0.attn.hook_k": "k",
        "blocks.0.attn.hook_v": "v",
        "blocks.0.attn.hook_z": "y",
        "blocks.0.hook_attn_out": "yProj",
        "blocks.0.hook_resid_mid": "attnResid",
        "blocks.0.mlp.hook_pre": "fc",
        "blocks.0.mlp.hook_post": "gelu",
        "blocks.0.hook_mlp_out": "mlp",
        "blocks.0.hook_resid_post": "block0",
        "blocks.1.hook_resid_post": "block1",
        "blocks.2.hook_resid_post": "block2",
        "ln_final.hook_out": "ln_f",
        "unembed.hook_out": "lm_head",
    }
    for site, name in pairs.items():
        expected = reference[name]
        if expected.ndim == 4:
            expected = expected.transpose(0, 2, 1, 3)
        ours = rec[_known(rec, site)].to_numpy()
        assert np.abs(ours - expected.reshape(len(ours), -1)).max() < 1e-4, site
    heads = rec.units("blocks.0.attn.hook_q")
    assert heads["head"].tolist() == np.repeat([0, 1, 2], 16).tolist()
    assert rec.rows["token"].tolist()[:2] == [f"<{int(i)}>" for i in reference["idx"][0][:2]]


def _known(rec: wb.Recording, site: str) -> str:
    # Where a hook point has two names, a glob takes the classic one.
    aliases = {"ln_final.hook_out": "ln_final.hook_out", "unembed.hook_out": "hook_unembed"}
    return site if site in rec else aliases[site]


def test_a_rotary_model_that_tells_stories(data: Path, tmp_path: Path) -> None:
    folder = data / "language" / "stories260K" / "hf"
    texts = ["Once upon a time, there was a little girl named Lily.", "The dog ran.", "Tom said hi"]
    (tmp_path / "t.txt").write_text("\n".join(texts))
    rec = wb.capture(f"hf:{folder}", text=tmp_path / "t.txt", sites=RESIDUAL, out=tmp_path / "rec")
    expected = hidden_states(folder, texts)
    for layer in range(4):
        values = rec[f"blocks.{layer}.hook_resid_post"].to_numpy()
        whole = np.concatenate([states[layer + 1] for states in expected.values()])
        assert np.abs(values - whole).max() < 1e-4


def test_words_are_means_of_their_tokens_and_carry_their_labels(
    tiny_model: Path, tmp_path: Path
) -> None:
    lines = [
        ("1", "Dogs", "NOUN", "_"),
        ("2-3", "don't", "_", "_"),
        ("2", "do", "AUX", "_"),
        ("3", "n't", "PART", "_"),
        ("4", "bark", "VERB", "SpaceAfter=No"),
        ("5", ".", "PUNCT", "_"),
    ]
    body = "".join(f"{i}\t{f}\t{f}\t{u}\t_\t_\t0\t_\t_\t{m}\n" for i, f, u, m in lines)
    path = tmp_path / "a.conllu"
    path.write_text(f"# newdoc id = d1\n# sent_id = s1\n# text = Dogs don't bark.\n{body}\n")
    site = "blocks.1.hook_resid_post"
    words, tokens = (
        wb.capture(
            f"hf:{tiny_model}", text=path, sites=site, out=tmp_path / policy, positions=policy
        )
        for policy in ("word", "all")
    )
    assert words.stimuli["text"].tolist() == ["Dogs don't bark."]
    assert words.stimuli["document"].tolist() == ["d1"]
    assert words.rows["token"].tolist() == ["Dogs", "do", "n't", "bark", "."]
    assert words.rows["upos"].tolist() == ["NOUN", "AUX", "PART", "VERB", "PUNCT"]
    assert "".join(tokens.rows["token"]) == "Dogs don't bark."
    each = tokens[site].to_numpy()
    for word, mean in enumerate(words[site].to_numpy()):
        mine = each[tokens.rows["word"] == word]
        assert len(mine) == words.rows["n_tokens"][word]
        assert np.abs(mine.mean(0) - mean).max() < 1e-5


def test_a_gold_corpus_gives_one_row_a_word(data: Path, tmp_path: Path) -> None:
    corpus = data / "text" / "UD_English-EWT" / "en_ewt-ud-dev.conllu"
    model = data / "language" / "stories260K" / "hf"
    lines = corpus.read_text(encoding="utf-8").split("\n\n")[:60]
    (tmp_path / "part.conllu").write_text("\n\n".join(lines) + "\n\n", encoding="utf-8")
    gold = [
        line.split("\t")
        for line in "\n".join(lines).splitlines()
        if line and not line.startswith("#") and line.split("\t")[0].isdigit()
    ]
    rec = wb.capture(
        f"hf:{model}",
        text=tmp_path / "part.conllu",
        sites="blocks.0.hook_resid_post",
        out=tmp_path / "rec",
        positions="word",
    )
    assert rec.rows["token"].tolist() == [columns[1] for columns in gold]
    assert rec.rows["upos"].tolist() == [columns[3] for columns in gold]
    texts = [line[9:] for line in "\n".join(lines).splitlines() if line.startswith("# text = ")]
    assert rec.stimuli["text"].tolist() == texts


def test_last_is_the_last_row_of_every_text(
    tiny_model: Path, text_file: Path, tmp_path: Path
) -> None:
    last, every = (
        wb.capture(
            f"hf:{tiny_model}", text=text_file, sites=RESIDUAL, out=tmp_path / p, positions=p
        )
        for p in ("last", "all")
    )
    ends = every.rows.groupby("stimulus")["position"].idxmax()
    assert last.rows["position"].tolist() == every.rows["position"][ends].tolist()
    for site in last.sites:
        assert np.abs(last[site].to_numpy() - every[site].to_numpy(ends.to_numpy())).max() < 1e-5


def test_long_texts_are_cut_between_words_and_lose_no_token(
    tiny_model: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    text = " ".join(f"word{i} and more" for i in range(200))
    (tmp_path / "t.txt").write_text(text)
    ids = AutoTokenizer.from_pretrained(tiny_model)(text)["input_ids"]
    rec = wb.capture(
        f"hf:{tiny_model}", text=tmp_path / "t.txt", sites="blocks.0.hook_in", out=tmp_path / "rec"
    )
    assert rec.rows["token_id"].tolist() == ids
    assert rec.rows["position"].tolist() == list(range(len(ids)))
    assert "".join(rec.rows["token"]) == text


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_storage_dtypes_round_once(
    tiny_model: Path, text_file: Path, tmp_path: Path, dtype: str
) -> None:
    full, small = (
        wb.capture(f"hf:{tiny_model}", text=text_file, sites=RESIDUAL, out=tmp_path / d, dtype=d)
        for d in ("float32", dtype)
    )
    for site in full.sites:
        exact = torch.from_numpy(full[site].to_numpy()).to(getattr(torch, dtype)).float().numpy()
        assert np.array_equal(small[site].to_numpy().astype(np.float32), exact)
        assert small[site].site.dtype == dtype


def test_layers_after_the_last_site_do_not_run(tiny_model: Path) -> None:
    from workbench.subjects.language.model import LanguageModel

    model = LanguageModel(str(tiny_model))
    ids = torch.zeros((1, 4), dtype=torch.long)
    # One site that needs TransformerLens' wrappers, one that the plain model has as well.
    wrapped, plain = "blocks.0.ln1.hook_normalized", "blocks.0.hook_resid_post"
    assert (model.is_fused([wrapped]), model.is_fused([plain])) == (False, True)
    ran = []
    for network in (model.model, model.plain):
        for name, module in network.named_modules():
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    model.forward(ids, None, [plain])
    assert any(".0." in name for name in ran)
    assert not any(".1." in name for name in ran)
    ran.clear()
    model.forward(ids, None, [wrapped])
    assert not any("mlp" in name or ".1." in name for name in ran)


def test_fused_attention_and_wrappers_give_the_same(tiny_model: Path) -> None:
    from workbench.subjects.language.model import LanguageModel

    model = LanguageModel(str(tiny_model))
    shared = [site.name for site in model.sites() if model.is_fused([site.name])]
    assert {"blocks.0.hook_resid_pre", "blocks.1.hook_resid_post", "blocks.1.hook_mlp_out"} <= set(
        shared
    )
    ids = torch.randint(0, 300, (3, 20), generator=torch.Generator().manual_seed(0))
    alone = model.forward(ids, None, shared)
    together = model.forward(ids, None, [*shared, "blocks.1.ln2.hook_normalized"])
    for site in shared:
        assert torch.allclose(
            alone[site].reshape(-1), together[site].reshape(-1), rtol=1e-4, atol=1e-5
        ), site
    # One set of weights, not two.
    parameters = {p.data_ptr() for p in model.plain.parameters()}
    assert {p.data_ptr() for p in model.model.parameters()} >= parameters


def test_same_request_same_bytes(tiny_model: Path, text_file: Path, tmp_path: Path) -> None:
    first, second = (
        wb.capture(f"hf:{tiny_model}", text=text_file, sites=RESIDUAL, out=tmp_path / name)
        for name in ("a", "b")
    )
    assert first.identity == second.identity
    files = [path for path in sorted((tmp_path / "a").rglob("*")) if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_texts_and_token_ids_can_be_given_as_they_are(
    tiny_model: Path, text_file: Path, tmp_path: Path
) -> None:
    from_file, from_list = (
        wb.capture(f"hf:{tiny_model}", text=given, sites=RESIDUAL, out=tmp_path / name)
        for name, given in (("file", text_file), ("list", TEXTS))
    )
    assert from_file.identity == from_list.identity
    ids = np.array([[5, 6, 7, 8], [9, 10, -1, -1]])
    rec = wb.capture(f"hf:{tiny_model}", tokens=ids, sites=RESIDUAL, out=tmp_path / "ids")
    assert rec.rows["token_id"].tolist() == [5, 6, 7, 8, 9, 10]
    assert rec.rows["stimulus"].tolist() == [0, 0, 0, 0, 1, 1]
    with pytest.raises(wb.UsageError, match="Found no text"):
        wb.capture(f"hf:{tiny_model}", text=[" "], sites=RESIDUAL, out=tmp_path / "none")
    with pytest.raises(wb.UsageError, match="the token array has token id 303"):
        wb.capture(f"hf:{tiny_model}", tokens=ids + 295, sites=RESIDUAL, out=tmp_path / "none")
