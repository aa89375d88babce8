"""Never silently wrong: strange texts, tokenizers and dtypes, against transformers alone."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import CONTEXT, TEXTS, make_model, make_tokenizer, plain_outputs

import workbench as wb
from workbench.recording.dtypes import widen

SITE = "blocks.0.hook_resid_post"
SHORT = [TEXTS[0], TEXTS[2], "one two three four five"]
STRANGE = [
    "a\0b",
    "👩🏽‍🚀 up",
    "e\u0301 n\u0303 \u0301",
    "   ",
    "\t \u00a0\u2003",
    "z\u200bw \ufeff",
    "\u202eright to left",
    "",
]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize(
    ("special", "padding_side"),
    [((), "left"), (("bos",), "right"), (("eos",), "left"), (("bos", "eos"), "left")],
)
def test_no_tokenizer_setting_and_no_batch_mate_changes_a_number(
    tmp_path: Path, family: str, special: tuple[str, ...], padding_side: str
) -> None:
    make_model(tmp_path, family, special=special, padding_side=padding_side)
    outputs = plain_outputs(tmp_path, SHORT)
    for batch_tokens in (1, 4096):
        rec = wb.capture(
            f"hf:{tmp_path}",
            text=SHORT,
            sites=SITE,
            out=tmp_path / f"rec{batch_tokens}",
            batch_tokens=batch_tokens,
        )
        expected = np.concatenate([output.hidden_states[1][0].numpy() for output in outputs])
        assert np.abs(rec[SITE].to_numpy() - expected).max() < 1e-5
        first, last = (
            rec.rows.groupby("stimulus")["token"].agg(each) for each in ("first", "last")
        )
        assert (first == "<s>").all() == ("bos" in special)
        assert (last == "</s>").all() == ("eos" in special)


def test_strange_texts_are_recorded_as_any_other(tiny_model: Path, tmp_path: Path) -> None:
    texts = [*STRANGE, "an end"]
    rec = wb.capture(f"hf:{tiny_model}", text=texts, sites=SITE, out=tmp_path / "rec")
    assert rec.stimuli["text"].tolist() == texts
    outputs = plain_outputs(tiny_model, [text for text in texts if text])
    expected = np.concatenate([output.hidden_states[1][0].numpy() for output in outputs])
    assert np.abs(rec[SITE].to_numpy() - expected).max() < 1e-5
    numbers = rec.rows["stimulus"].unique().tolist()
    assert numbers == [n for n, text in enumerate(texts) if text]
    words = wb.capture(
        f"hf:{tiny_model}", text=texts, sites=SITE, positions="word", out=tmp_path / "words"
    )
    split = [(n, word) for n, text in enumerate(texts) for word in text.split()]
    found = list(zip(words.rows["stimulus"], words.rows["token"], strict=True))
    assert found == split


def test_a_text_without_utf8_form_keeps_its_length_and_is_counted(
    tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"text": "a\ud800b c", "who": "x\udfff"}) + "\n")
    from_file, from_list, plain = (
        wb.capture(f"hf:{tiny_model}", text=text, sites=SITE, out=tmp_path / str(number))
        for number, text in enumerate([path, ["a\ud800b c"], ["a?b c"]])
    )
    for rec in (from_file, from_list):
        assert rec.stimuli["text"].tolist() == ["a?b c"]
        assert rec.manifest.notes["characters_without_a_utf8_form_replaced"] == 1
        assert np.array_equal(rec[SITE].to_numpy(), plain[SITE].to_numpy())
    assert from_file.stimuli["who"].tolist() == ["x?"]
    assert "characters_without_a_utf8_form_replaced" not in plain.manifest.notes


def test_a_word_of_ten_thousand_characters_and_a_text_beyond_the_context(
    tiny_model: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    long = "x" * 3_000 + "yz" * 3_500
    text = f"before {long} after"
    rec = wb.capture(f"hf:{tiny_model}", text=[text], sites=SITE, out=tmp_path / "all")
    ids = AutoTokenizer.from_pretrained(tiny_model)(text)["input_ids"]
    assert rec.rows["token_id"].tolist() == ids
    assert len(ids) > 20 * CONTEXT
    model = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    values = rec[SITE].to_numpy()
    # The first window ends before the long word, whose windows are all full but the last.
    starts = [0, rec.rows["word"].tolist().index(1)]
    while starts[-1] + CONTEXT < rec.rows["word"].tolist().index(2):
        starts.append(starts[-1] + CONTEXT)
    for start, end in pairwise(starts):
        with torch.no_grad():
            found = model(torch.tensor([ids[start:end]]), output_hidden_states=True)
        expected = found.hidden_states[1][0].numpy()
        assert np.abs(values[start:end] - expected).max() < 1e-5
    words = wb.capture(
        f"hf:{tiny_model}", text=[text], sites=SITE, positions="word", out=tmp_path / "words"
    )
    assert set(words.rows["word"]) == {0, 1, 2}


@pytest.mark.parametrize("special", [(), ("bos", "eos")])
def test_a_huge_text_is_tokenized_in_pieces_as_if_it_were_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, special: tuple[str, ...]
) -> None:
    from transformers import AutoTokenizer

    from workbench.subjects.language import tokens
    from workbench.subjects.language.texts import plain

    make_tokenizer(tmp_path, special=special)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = plain(" ".join(TEXTS * 5))
    (whole,) = tokens.tokenize([text], tokenizer)
    monkeypatch.setattr(tokens, "PIECE_CHARACTERS", 50)
    (pieces,) = tokens.tokenize([text], tokenizer)
    assert pieces.ids.tolist() == whole.ids.tolist()
    assert pieces.words.tolist() == whole.words.tolist()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_model_in_half_precision_is_stored_in_float32_exactly(
    tiny_model: Path, tmp_path: Path, dtype: str
) -> None:
    wide, narrow = (
        wb.capture(
            f"hf:{tiny_model}",
            text=SHORT,
            sites=SITE,
            model_dtype=dtype,
            dtype=stored,
            out=tmp_path / stored,
        )
        for stored in ("auto", dtype)
    )
    assert (wide[SITE].site.dtype, narrow[SITE].site.dtype) == ("float32", dtype)
    assert wide.manifest.ingredients["subject"]["model_dtype"] == dtype
    values = wide[SITE].to_numpy()
    assert np.array_equal(values, narrow[SITE].to_numpy().astype(np.float32))
    rounded = torch.from_numpy(values).to(getattr(torch, dtype)).float().numpy()
    assert np.array_equal(values, rounded)
    outputs = plain_outputs(tiny_model, SHORT, dtype=dtype)
    expected = np.concatenate([o.hidden_states[1][0].float().numpy() for o in outputs])
    assert np.abs(values - expected).max() < 0.02 * np.abs(expected).max()


def test_float64_is_stored_as_such(tiny_model: Path, tmp_path: Path) -> None:
    rec = wb.capture(
        f"hf:{tiny_model}",
        text=SHORT,
        sites=SITE,
        dtype="float64",
        model_dtype="float64",
        out=tmp_path / "all",
    )
    outputs = plain_outputs(tiny_model, SHORT, dtype="float64")
    expected = [output.hidden_states[1][0].numpy() for output in outputs]
    assert rec[SITE].to_numpy().dtype == np.float64
    assert np.abs(rec[SITE].to_numpy() - np.concatenate(expected)).max() < 1e-12
    mean = wb.capture(
        f"hf:{tiny_model}",
        text=SHORT,
        sites=SITE,
        dtype="float64",
        model_dtype="float64",
        positions="mean",
        out=tmp_path / "mean",
    )
    means = np.stack([each.mean(axis=0) for each in expected])
    assert np.abs(mean[SITE].to_numpy() - means).max() < 1e-12


@pytest.mark.parametrize("positions", ["all", "mean"])
def test_what_float16_cannot_hold_is_refused(tmp_path: Path, positions: str) -> None:
    from transformers import GPT2LMHeadModel

    make_model(tmp_path / "model", "gpt2")
    model = GPT2LMHeadModel.from_pretrained(tmp_path / "model")
    model.transformer.wte.weight.data.mul_(1e7)
    model.save_pretrained(tmp_path / "model")
    arguments = {"text": SHORT, "sites": SITE, "positions": positions}
    with pytest.raises(wb.WorkbenchError, match="exceeds 65504, the largest float16; capture with"):
        wb.capture(
            f"hf:{tmp_path / 'model'}", dtype="float16", out=tmp_path / "float16", **arguments
        )
    full, brief = (
        wb.capture(f"hf:{tmp_path / 'model'}", dtype=dtype, out=tmp_path / dtype, **arguments)
        for dtype in ("float32", "bfloat16")
    )
    values = full[SITE].to_numpy()
    assert np.abs(brief[SITE].to_numpy() / values - 1).max() < 0.01


def test_devices(tiny_model: Path, tmp_path: Path) -> None:
    from workbench.subjects.language.model import LanguageModel

    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert LanguageModel(str(tiny_model), "auto").device == expected
    with pytest.raises(wb.UsageError, match="Found device 'tpu'; expected auto, cpu, cuda or mps"):
        wb.capture(f"hf:{tiny_model}", text=SHORT, sites=SITE, device="tpu", out=tmp_path)


def _keep_copy(landed: list[torch.Tensor], value: torch.Tensor) -> None:
    landed.append(value.clone())


def test_values_pass_a_ring_in_order_and_survive_what_happens_to_their_source() -> None:
    from workbench.capturing.transfer import Transfer

    generator = torch.Generator().manual_seed(0)
    for slots in (1, 3):
        transfer = Transfer("cpu", slots=slots, direct=False)
        landed: list[torch.Tensor] = []
        expected = []
        for number in range(10):
            values = torch.randn(1 + number % 4, 5, generator=generator)
            values = values.to(torch.bfloat16) if number % 2 else values
            expected.append(values.clone())
            transfer.put(values, partial(_keep_copy, landed))
            # The copy is the ring's own.
            values.zero_()
            assert number + 1 - len(landed) <= slots
        transfer.finish()
        assert len(landed) == 10
        for mine, theirs in zip(landed, expected, strict=True):
            assert mine.dtype == theirs.dtype
            assert torch.equal(mine, theirs)


def test_a_shard_is_the_same_through_the_ring(tiny_model: Path) -> None:
    from workbench.capturing.transfer import Transfer
    from workbench.recording.manifest import SiteSpec
    from workbench.subjects.language.gathering import RowBuffers, make_batch
    from workbench.subjects.language.model import LanguageModel

    model = LanguageModel(str(tiny_model), "cpu")
    names = ["blocks.0.hook_resid_pre", SITE, "blocks.0.attn.hook_pattern"]
    ids = [np.arange(3, 3 + n, dtype=np.int32) for n in (9, 4, 6)]
    at = [np.arange(len(each)) for each in ids]
    for dtype in ("float32", "float16", "bfloat16"):
        heads = 3 if "gpt2" in str(tiny_model) else 4
        sites = [SiteSpec(name, (24,), dtype) for name in names[:2]]
        sites.append(SiteSpec(names[2], (heads, 9), dtype, ("row", "unit", "key")))
        for averaging in (False, True):
            rows = [np.arange(len(each)) + 10 * i for i, each in enumerate(ids)]
            if averaging:
                rows = [each // 4 for each in rows]
            found = []
            for direct in (True, False):
                buffers = RowBuffers(
                    sites, 30, averaging, model, Transfer("cpu", slots=2, direct=direct)
                )
                for part in (slice(0, 2), slice(2, 3)):
                    buffers.run(make_batch(ids[part], at[part], rows[part]))
                found.append(buffers.finish())
            used = np.unique(np.concatenate(rows))
            for name in names:
                first, second = (widen(each[name][used], dtype) for each in found)
                assert np.array_equal(first, second, equal_nan=True)
