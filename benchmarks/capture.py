"""Capture against a bare forward pass and against what others store activity with.

    python benchmarks/capture.py [--rounds 3]

Prints a Markdown table. Models: GPT-2-small's shape with random weights, and stories260K if
WORKBENCH_DATA has it. All variants see the same token ids, batch size, dtype and threads; loading
the model is not counted, planning, hashing and syncing are. sae-lens records one site a run, so
three sites are three runs, as its users have it. TransformerLens and the loop of forward hooks
save one file a batch and site, without a table, a hash or fsync.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from measuring import finish, machine, median, ratio, rounds, timed

if TYPE_CHECKING:
    import torch

SHAPES = {
    "gpt2-small": {
        "context": 256,
        "texts": 16,
        "batch": 4,
        "layers": (2, 6, 10),
        "width": 768,
        "depth": 12,
    },
    "stories260K": {
        "context": 256,
        "texts": 256,
        "batch": 16,
        "layers": (1, 2, 3),
        "width": 64,
        "depth": 5,
    },
}
SITE = {"gpt2-small": "transformer.h.{}", "stories260K": "model.layers.{}"}


def prepare(name: str, work: Path) -> Path:
    """Folder of the model, made if need be, and token ids beside it."""
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    if name == "gpt2-small":
        import torch
        from tokenizers import Tokenizer, models
        from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

        torch.manual_seed(0)
        GPT2LMHeadModel(GPT2Config()).save_pretrained(folder)
        words = {"<|endoftext|>": 0, "a": 1}
        PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="a")),
            bos_token="<|endoftext|>",
        ).save_pretrained(folder)
        vocabulary = 50257
    else:
        data = Path(os.environ.get("WORKBENCH_DATA", "../shared/data"))
        for path in (data / "language" / "stories260K" / "hf").iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        vocabulary = 512
    shape = SHAPES[name]
    generator = np.random.default_rng(0)
    ids = generator.integers(3, vocabulary, (shape["texts"], shape["context"]))
    np.save(work / f"{name}.npy", ids)
    return folder


def layers_of(name: str, sites: str) -> tuple[int, ...]:
    """Layers whose residual stream is recorded."""
    chosen = SHAPES[name]["layers"]
    every = tuple(range(SHAPES[name]["depth"]))
    return {"one": chosen[1:2], "three": chosen, "all": every}[sites]


def bare(name: str, work: Path, kind: str) -> float:
    """Forward passes and nothing else."""
    import torch

    if kind == "bridge":
        from workbench.subjects.language.model import LanguageModel

        model = LanguageModel(str(work / name)).model
    else:
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(work / name).eval()
    ids = torch.from_numpy(np.load(work / f"{name}.npy"))

    def passes() -> None:
        with torch.inference_mode():
            for batch in ids.split(SHAPES[name]["batch"]):
                model(input_ids=batch, use_cache=False)

    with torch.inference_mode():
        model(input_ids=ids[: SHAPES[name]["batch"]], use_cache=False)
    return timed(passes)


def ours(name: str, work: Path, sites: str) -> float:
    """Capture to a committed recording."""
    import torch

    from workbench.capturing.engine import record
    from workbench.capturing.request import CaptureRequest
    from workbench.subjects.language.model import LanguageModel
    from workbench.subjects.language.source import LanguageSource

    shape = SHAPES[name]
    model = LanguageModel(str(work / name))
    ids = torch.from_numpy(np.load(work / f"{name}.npy")[: shape["batch"]])
    layers = layers_of(name, sites)
    names = [f"blocks.{layer}.hook_resid_post" for layer in layers]
    model.forward(ids, None, names)
    request = CaptureRequest(
        f"hf:{work / name}",
        sites=names,
        tokens=work / f"{name}.npy",
        batch_tokens=shape["batch"] * shape["context"],
    )
    with tempfile.TemporaryDirectory(dir=work) as out:
        return timed(
            lambda: record(
                lambda staging: LanguageSource(request, model, None, staging), Path(out) / "rec"
            )
        )


def sae_lens(name: str, work: Path, sites: str) -> float:
    """CacheActivationsRunner, one run a site, its store filled from the same token ids."""
    import torch
    from datasets import Dataset
    from sae_lens import CacheActivationsRunner, CacheActivationsRunnerConfig

    shape = SHAPES[name]
    ids = np.load(work / f"{name}.npy")
    data = Dataset.from_dict({"input_ids": ids.tolist()})
    layers = layers_of(name, sites)
    seconds = 0.0
    for layer in layers:
        with tempfile.TemporaryDirectory(dir=work) as out:
            config = CacheActivationsRunnerConfig(
                dataset_path="unused",
                model_name=str(work / name),
                model_class_name="AutoModelForCausalLM",
                model_batch_size=shape["batch"],
                hook_name=SITE[name].format(layer),
                d_in=shape["width"],
                context_size=shape["context"],
                training_tokens=ids.size,
                # One buffer of exactly the data; a larger one would go over the tokens again.
                buffer_size_gb=(ids.size + 1) * shape["width"] * 4 / 1e9,
                new_cached_activations_path=out + "/acts",
                shuffle=False,
                prepend_bos=False,
                streaming=False,
                dtype="float32",
                device="cpu",
            )
            runner = CacheActivationsRunner(config, override_dataset=data)
            with torch.inference_mode():
                runner.model(torch.from_numpy(ids[: shape["batch"]]))
            seconds += timed(runner.run)
    return seconds


def run_with_cache(name: str, work: Path, sites: str) -> float:
    """TransformerLens: run_with_cache and torch.save, a file a batch."""
    import torch
    from transformer_lens.model_bridge import TransformerBridge

    model = TransformerBridge.boot_transformers(str(work / name), device="cpu")
    wanted = {f"blocks.{layer}.hook_resid_post" for layer in layers_of(name, sites)}

    def one(batch: torch.Tensor, path: Path) -> None:
        _, cache = model.run_with_cache(
            batch, names_filter=lambda hook: hook in wanted, stop_at_layer=None
        )
        torch.save({key: value.clone() for key, value in cache.items()}, path)

    return _timed_batches(name, work, one)


def hooks(name: str, work: Path, sites: str) -> float:
    """A plain loop: forward hooks on transformers' model and np.save, a file a batch and site."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(work / name).eval()
    blocks = model.transformer.h if name == "gpt2-small" else model.model.layers
    found: dict[int, torch.Tensor] = {}
    for layer in layers_of(name, sites):

        def keep(_module: object, _inputs: object, output: object, layer: int = layer) -> None:
            found[layer] = output[0] if isinstance(output, tuple) else output

        blocks[layer].register_forward_hook(keep)

    def one(batch: torch.Tensor, path: Path) -> None:
        model(input_ids=batch, use_cache=False)
        for layer, value in found.items():
            np.save(path.with_suffix(f".{layer}.npy"), value.numpy())

    return _timed_batches(name, work, one)


def _timed_batches(name: str, work: Path, one: Callable[[torch.Tensor, Path], None]) -> float:
    import torch

    ids = torch.from_numpy(np.load(work / f"{name}.npy"))
    batches = ids.split(SHAPES[name]["batch"])
    with tempfile.TemporaryDirectory(dir=work) as out, torch.inference_mode():
        one(batches[0], Path(out) / "warm")

        def loop() -> None:
            for number, batch in enumerate(batches):
                one(batch, Path(out) / str(number))

        return timed(loop)


def variant(name: str, work: Path, what: str) -> None:
    """One measurement, in this process."""
    kind, _, detail = what.partition(":")
    functions = {
        "bare": bare,
        "ours": ours,
        "sae_lens": sae_lens,
        "run_with_cache": run_with_cache,
        "hooks": hooks,
    }
    finish(functions[kind](name, work, detail))


VARIANTS = (
    "bare:bridge",
    "bare:transformers",
    "ours:one",
    "ours:three",
    "ours:all",
    "sae_lens:one",
    "sae_lens:three",
    "sae_lens:all",
    "run_with_cache:three",
    "hooks:three",
)
TITLES = {
    "bare:bridge": "bare forward pass, TransformerLens bridge",
    "bare:transformers": "bare forward pass, transformers (fused attention)",
    "ours:one": "workbench capture, 1 site",
    "ours:three": "workbench capture, 3 sites",
    "ours:all": "workbench capture, residual stream of every layer",
    "sae_lens:all": "sae-lens CacheActivationsRunner, every layer (a run each)",
    "run_with_cache:three": "TransformerLens run_with_cache + torch.save, 3 sites",
    "hooks:three": "forward hooks + np.save, 3 sites",
    "sae_lens:one": "sae-lens CacheActivationsRunner, 1 site",
    "sae_lens:three": "sae-lens CacheActivationsRunner, 3 sites (3 runs)",
}


def table(name: str, found: dict) -> None:
    """Print one model's rows."""
    tokens = SHAPES[name]["texts"] * SHAPES[name]["context"]
    print(f"\n**{name}**, {tokens} tokens, context {SHAPES[name]['context']}, float32\n")
    print("| variant | seconds | tokens/s | / bare bridge | peak MiB |\n|---|---|---|---|---|")
    for what, runs in found.items():
        seconds = median(runs, "seconds")
        relative = ratio(runs, found["bare:bridge"])
        peak = median(runs, "peak_mib")
        row = f"{seconds:.2f} | {tokens / seconds:.0f} | {relative:.2f} | {peak:.0f}"
        print(f"| {TITLES[what]} | {row} |")
    for peer, runs in found.items():
        kind, _, sites = peer.partition(":")
        if kind not in ("bare", "ours") and f"ours:{sites}" in found:
            faster = ratio(runs, found[f"ours:{sites}"])
            print(f"\n{TITLES[peer]} / workbench: **{faster:.2f}**")
    for kind in ("bare:bridge", "bare:transformers"):
        if kind in found and "ours:three" in found:
            print(
                f"\nworkbench, 3 sites / {TITLES[kind]}: **"
                f"{ratio(found['ours:three'], found[kind]):.2f}**"
            )


def main() -> None:
    """Run all variants of all models, or one if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", nargs="*", default=list(SHAPES))
    parser.add_argument("--what", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--variant", nargs=3, metavar=("MODEL", "WORK", "WHAT"))
    given = parser.parse_args()
    if given.variant:
        name, work, what = given.variant
        variant(name, Path(work), what)
        return
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models:
            prepare(name, Path(folder))
            variants = {what: ["--variant", name, folder, what] for what in given.what}
            table(name, rounds(sys.argv[0], variants, given.rounds))


if __name__ == "__main__":
    main()
