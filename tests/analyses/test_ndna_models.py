"""nDNA of models: lenses of every family, streaming, tuned lenses, bad input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
import transformers

import workbench as wb
from analyses import ndna
from analyses.ndna import NDNA
from analyses.ndna.curves import Curves
from analyses.ndna.lens_geometry import LensReading, read_prompt
from analyses.ndna.opening import open_language
from workbench.demo.vision import images

TEXTS = [
    "The buses should return.",
    "Every artist enjoyed the visit.",
    "The dog that chased the cat was old and slept.",
    "A small bird sings near the house.",
    "My friends will visit us tomorrow.",
    "The teacher gave the students a book.",
]


@dataclass
class Matrix:
    """A lens that is a matrix only."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def features(self, states: torch.Tensor) -> torch.Tensor:
        return states

    def finish(self, logits: torch.Tensor) -> torch.Tensor:
        return logits


def random_reading(dtype: torch.dtype, **options: Any) -> tuple[LensReading, torch.Tensor, Any]:
    torch.manual_seed(0)
    weight = torch.randn(301, 12, dtype=torch.float64)
    states = torch.randn(17, 5, 12, dtype=torch.float64).cumsum(1)
    targets = torch.randint(0, 301, (17,))
    made = read_prompt(states.to(dtype), Matrix(weight.to(dtype)), targets, **options)
    return made, torch.softmax(states @ weight.T, -1), targets


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunk_bytes": 301 * 5 * 8 * 3},
        {"class_chunk": 40},
        {"class_chunk": 7, "chunk_bytes": 2048},
        {"chunk_bytes": 1024},
    ],
)
def test_streamed_is_whole_and_is_what_the_arrays_say(
    dtype: torch.dtype, options: dict[str, int]
) -> None:
    made, probs, targets = random_reading(dtype, **options)
    path, push = ndna.fisher_rao_path(probs), ndna.belief_push(probs, targets)
    pairs = [
        (made.steps, path.steps),
        (made.chord, path.chord),
        (made.turning, ndna.fisher_rao_turning(probs)),
        (made.belief, push.norm),
        (made.norm_of_mean, push.norm_of_mean),
        (made.coherence, push.coherence),
    ]
    tolerance = 1e-9 if dtype == torch.float64 else 2e-3
    for ours, theirs in pairs:
        assert ours is not None
        assert torch.allclose(ours.double(), theirs, atol=tolerance)


def test_memory_is_bounded_by_the_chunk() -> None:
    code = (
        "import resource, torch\n"
        "from analyses.ndna.lens_geometry import read_prompt\n"
        "class L:\n"
        "    weight, bias = torch.randn(50257, 8), None\n"
        "    features = finish = staticmethod(lambda x: x)\n"
        "read_prompt(torch.randn(2, 5, 8), L(), torch.arange(2), chunk_bytes=2**20)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "read_prompt(torch.randn(100, 5, 8), L(), torch.arange(100), chunk_bytes=2**20)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # All probabilities would be 100 MB.
    assert int(done.stdout) < 30_000


def test_identical_layers_are_masked_and_counted() -> None:
    states = torch.randn(4, 1, 12).expand(4, 5, 12).clone()
    made = read_prompt(states, Matrix(torch.randn(30, 12)), torch.arange(4))
    assert bool(made.turning.isnan().all())
    assert float(made.steps.max()) < 1e-3


@pytest.mark.parametrize("options", [{}, {"class_chunk": 10}])
def test_logits_that_are_not_finite_are_refused(options: dict[str, int]) -> None:
    states = torch.randn(4, 3, 12)
    states[2, 1, 0] = torch.nan
    with pytest.raises(wb.WorkbenchError, match="NaN or infinite logits at 1 of 4 positions"):
        read_prompt(states, Matrix(torch.randn(30, 12)), torch.arange(4), **options)


def test_one_layer_is_refused() -> None:
    with pytest.raises(wb.UsageError, match="one layer is no path"):
        read_prompt(torch.randn(4, 1, 12), Matrix(torch.randn(30, 12)))


@pytest.mark.parametrize("family", ["gpt2", "llama", "mixtral", "bert", "roberta", "distilbert"])
def test_lenses_of_every_family(family: str, tmp_path: Path) -> None:
    tiny_models.make_model(tmp_path, family)
    curves = NDNA().curves(f"hf:{tmp_path}", tiny_models.TEXTS)
    assert curves.sites == (
        "blocks.0.hook_resid_pre",
        "blocks.0.hook_resid_post",
        "blocks.1.hook_resid_post",
    )
    for channel in ("step", "belief", "residual_step"):
        assert np.isfinite(curves.mean(channel)[1:]).all()
    assert np.isfinite(curves.mean("turning")[1])
    assert ("own token" in curves.attributes["target"]) == ("bert" in family)


def test_the_lens_gives_the_models_own_probabilities_in_the_end(tmp_path: Path) -> None:
    tiny_models.make_model(tmp_path, "gpt2")
    model = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    ids = np.arange(12) * 7 % tiny_models.VOCABULARY
    opened = open_language(model, [ids])
    prompt = next(opened.read())
    with torch.inference_mode():
        output = model(torch.from_numpy(ids)[None], output_hidden_states=True)
        early = model.lm_head(model.transformer.ln_f(output.hidden_states[1][0]))
    probs = torch.stack([early, output.logits[0]], 1).softmax(-1)[:-1]
    made = read_prompt(prompt.states[:, 1:], opened.blocks.lens, prompt.targets)
    assert torch.allclose(made.steps, ndna.fisher_rao_path(probs).steps, atol=1e-5)
    belief = ndna.belief_push(probs, prompt.targets).norm
    assert made.belief is not None
    assert torch.allclose(made.belief, belief, atol=1e-6)


def test_a_rotation_of_the_stream_and_an_order_of_the_vocabulary_change_nothing(
    tmp_path: Path,
) -> None:
    tiny_models.make_model(tmp_path, "llama")
    model = transformers.LlamaForCausalLM.from_pretrained(tmp_path).double().eval()
    opened = open_language(model, [np.arange(20)])
    states, lens = next(opened.read()).states, opened.blocks.lens
    head = model.lm_head.weight.detach() * model.model.norm.weight.detach()
    unit = states / states.pow(2).mean(-1, keepdim=True).sqrt()
    turn = torch.linalg.qr(torch.randn(24, 24, dtype=torch.float64))[0]
    order = torch.randperm(len(head))
    base = read_prompt(states, lens, torch.zeros(len(states), dtype=torch.long)).steps
    turned = read_prompt(unit @ turn, Matrix((head @ turn)[order])).steps
    assert torch.allclose(base, turned, atol=1e-4)


def test_training_shows_in_the_embedded_model() -> None:
    trained, untrained = (
        NDNA().curves(f"demo:language@{checkpoint}", TEXTS) for checkpoint in ("final", "initial")
    )
    assert np.nansum(trained.mean("step")) > 4 * np.nansum(untrained.mean("step"))
    low, high = trained.interval("belief")
    assert (low > untrained.interval("belief")[1]).all()
    assert np.isfinite(high).all()
    assert trained.vocabulary == untrained.vocabulary
    again = Curves.from_xarray(trained.to_xarray())
    assert np.array_equal(again.mean("step"), trained.mean("step"), equal_nan=True)
    assert again.attributes == trained.attributes


def test_chunks_do_not_change_curves() -> None:
    whole = NDNA().curves("demo:language", TEXTS[:2])
    for options in ({"class_chunk": 300}, {"chunk_bytes": 2**16}):
        parts = NDNA(**options).curves("demo:language", TEXTS[:2])
        for channel in whole.channels:
            assert np.allclose(
                whole.mean(channel), parts.mean(channel), rtol=2e-3, atol=1e-5, equal_nan=True
            )


def test_a_tuned_lens_comes_nearer_to_the_end_on_text_it_has_not_seen() -> None:
    model = NDNA("tuned", n_tuning_steps=60)
    logit = NDNA().curves("demo:language", TEXTS[3:])
    tuned = model.curves("demo:language", TEXTS[3:], training=TEXTS[:3] * 4)
    assert tuned.attributes["divergence after"] < 0.5 * tuned.attributes["divergence before"]
    assert tuned.mean("tail")[1] < logit.mean("tail")[1]
    halves = model.curves("demo:language", TEXTS)
    assert halves.n_prompts == 3
    with pytest.raises(wb.UsageError, match="no training text"):
        model.curves("demo:language", TEXTS[:1])


def test_vision_by_head_and_by_read_outs() -> None:
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=30,
        image_size=16,
        patch_size=4,
        num_labels=5,
    )
    pixels = np.random.default_rng(0).normal(size=(6, 3, 16, 16)).astype(np.float32)
    curves = NDNA().curves(transformers.ViTForImageClassification(config), pixels, np.arange(6) % 5)
    assert len(curves.sites) == 4
    assert curves.n_prompts == 6
    assert np.isfinite(curves.mean("belief")).all()
    assert np.isnan(curves.mean("coherence")).all()
    with pytest.raises(wb.UsageError, match="1 targets out of range"):
        NDNA().curves(transformers.ViTForImageClassification(config), pixels, [0, 1, 2, 3, 4, 5])


def test_the_embedded_vision_network_commits_late_only_when_trained() -> None:
    shown, table = images("test")
    training = images("train")[0][:256]
    trained, untrained = (
        NDNA("tuned", n_tuning_steps=120).curves(
            f"demo:vision@{checkpoint}", shown[:64], table["digit"][:64], training=training
        )
        for checkpoint in ("final", "initial")
    )
    assert trained.sites[-1] == "output"
    assert trained.mean("step")[1:].sum() > 2 * untrained.mean("step")[1:].sum()
    assert "residual_turning" not in trained.channels
    with pytest.raises(wb.UsageError, match="expected lens='tuned'"):
        NDNA().curves("demo:vision")


def test_a_real_language_model(data: Path) -> None:
    story = "Once upon a time, there was a little girl named Lily. She loved to play outside."
    folder = data / "language" / "stories260K" / "hf"
    curves = NDNA().curves(f"hf:{folder}", [story, "The dog was happy. He ran to the park."])
    assert len(curves.sites) == 6
    length = np.nansum(curves.mean("step"))
    assert 1 < length < 5 * np.pi
    # In the end belief is where the model is unsure; coherent pushes would all be to one token.
    assert (curves.mean("coherence") < 1).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NDNA("logits").curves("demo:language", TEXTS), "Found lens='logits'"),
        (lambda: NDNA(temperature=0).curves("demo:language", TEXTS), "positive number"),
        (lambda: NDNA().curves("demo:language"), "Found no inputs"),
        (lambda: NDNA().curves("demo:rnn", TEXTS), "expected a language model"),
        (lambda: NDNA().curves("demo:language", TEXTS, [1]), "targets for a language model"),
        (lambda: NDNA().curves("demo:language", [[1, 99999]]), "1 targets out of range"),
        (lambda: NDNA().curves("demo:language", [[0.5, 1.0]]), "whole numbers for each prompt"),
        (lambda: NDNA().curves("demo:language", [[3]]), "no prompt of two tokens"),
        (lambda: NDNA().curves(torch.nn.Linear(2, 2), np.ones((4, 2))), "without sites"),
    ],
)
def test_bad_input_is_refused(call: Callable, message: str) -> None:
    with pytest.raises(wb.UsageError, match=message):
        call()


def test_models_without_a_lens_are_refused(tmp_path: Path) -> None:
    for family, message in (
        ("bert-headless", "no head to be missing"),
        ("t5", "an encoder and a decoder"),
    ):
        tiny_models.make_model(tmp_path / family, family)
        with pytest.raises(wb.UsageError, match=message):
            NDNA().curves(f"hf:{tmp_path / family}", tiny_models.TEXTS)


def test_a_model_with_weights_that_are_not_finite_is_refused(tmp_path: Path) -> None:
    tiny_models.make_model(tmp_path, "gpt2")
    model = transformers.GPT2LMHeadModel.from_pretrained(tmp_path)
    with torch.no_grad():
        model.transformer.h[1].mlp.c_proj.bias.fill_(torch.nan)
    with pytest.raises(wb.WorkbenchError, match="NaN"):
        NDNA().curves(model, [np.arange(9)])


def test_curves_refuse_what_cannot_be_compared() -> None:
    values = {"step": np.ones((2, 3))}
    depth = np.linspace(0, 1, 3)
    one, other = (Curves(name, tuple("abc"), depth, values, name) for name in ("a", "b"))
    with pytest.raises(wb.UsageError, match="different vocabularies in 'a' and 'b'"):
        ndna.compare_figures({"a": one, "b": other})
    with pytest.raises(wb.UsageError, match="Found 1 models"):
        ndna.compare_figures({"a": one})
    with pytest.raises(wb.UsageError, match="no channel 'belief'"):
        one.mean("belief")
    with pytest.raises(wb.UsageError, match="expected \\(prompts, nodes\\)"):
        Curves("a", tuple("abc"), depth, {"step": np.ones((2, 4))})
    with pytest.raises(wb.UsageError, match="depths that rise"):
        Curves("a", tuple("abc"), depth[::-1], values)


def test_a_folder_of_a_vision_model_reads_pictures_by_its_own_preprocessing(tmp_path):
    from tiny_vision import make_processor, pictures

    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = transformers.ViTConfig(
        **sizes, intermediate_size=32, image_size=32, patch_size=8, num_labels=5
    )
    torch.manual_seed(0)
    transformers.ViTForImageClassification(config).eval().save_pretrained(tmp_path)
    make_processor(tmp_path, size={"height": 32, "width": 32})
    shown = pictures(6)
    found = ndna.NDNA().curves(f"hf-vision:{tmp_path}", shown)
    assert len(found.prompts["step"]) == 6
    assert np.isfinite(found.mean("turning")[1:-1]).all()
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    ready = processor(images=list(shown), return_tensors="np")["pixel_values"]
    same = ndna.NDNA().curves(f"hf-vision:{tmp_path}", ready)
    assert np.allclose(found.mean("step"), same.mean("step"), equal_nan=True)
    with pytest.raises(wb.UsageError, match=r"expected \(images, y, x\)"):
        ndna.NDNA().curves(f"hf-vision:{tmp_path}", np.zeros((2, 40, 56, 5)))
