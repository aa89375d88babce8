"""The identity changes when, and only when, something that changes the numbers changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_models import TEXTS, make_model, make_tokenizer

from workbench.capturing.request import CaptureRequest
from workbench.recording.identity import digest
from workbench.subjects.addresses import open_source

SITE = "blocks.0.hook_resid_post"
CONLLU = "1\tDogs\t_\t{}\t_\t_\t_\t_\t_\t_\n2\tbark\t_\tVERB\t_\t_\t_\t_\t_\t_\n\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that a test may change."""
    make_model(tmp_path / "model", "llama")
    return tmp_path / "model"


def identity(model: Path, subject: str = "hf:", **changed: Any) -> str:
    """Digest over the ingredients of a capture."""
    arguments: dict[str, Any] = {"text": list(TEXTS), "sites": SITE, **changed}
    source = open_source(CaptureRequest(f"{subject}{model}", **arguments), None)
    return digest([source.ingredients, [site.as_json() for site in source.sites]])


def change_weight(folder: Path) -> None:
    """One value of the last layer, which the site does not even see."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 4] += 1e-3
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def set_in_config(folder: Path, name: str = "config.json", **values: Any) -> None:
    """Write something into a configuration."""
    config = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**config, **values}))


@pytest.mark.parametrize(
    "change",
    [
        change_weight,
        lambda folder: make_tokenizer(folder, added=("dogs bark",)),
        lambda folder: make_tokenizer(folder, lowercase=True),
        lambda folder: make_tokenizer(folder, special=("bos",)),
        lambda folder: set_in_config(folder, rms_norm_eps=1e-3),
    ],
    ids=["one weight", "an added token", "lower case", "a first token", "configuration"],
)
def test_what_is_in_the_folder_counts(model: Path, change: Callable[[Path], None]) -> None:
    before = identity(model)
    change(model)
    assert identity(model) != before


@pytest.mark.parametrize(
    "changed",
    [
        {"options": {"model_dtype": "bfloat16"}},
        {"options": {"context": 16}},
        {"dtype": "float16"},
        {"text": [*TEXTS[:-1], "another"]},
        {"text": TEXTS[:-1]},
        {"positions": "last"},
        {"positions": "mean"},
        {"positions": (0, -1)},
        {"positions": (1,)},
        {"sites": "blocks.1.hook_resid_post"},
        {"sites": [SITE, "blocks.0.hook_mlp_out"]},
        {"max_rows": 7},
    ],
    ids=str,
)
def test_what_is_asked_for_counts(model: Path, changed: dict[str, Any]) -> None:
    assert identity(model, **changed) != identity(model)


def test_labels_count(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    found = []
    for label in ("NOUN", "PROPN"):
        path.write_text(CONLLU.format(label))
        found.append(identity(model, text=path))
    assert found[0] != found[1]


def test_the_attention_implementation_counts(model: Path, monkeypatch: Any) -> None:
    def attention(sites: list[str]) -> str:
        source = open_source(CaptureRequest(f"hf:{model}", text=["a"], sites=sites), None)
        return str(source.ingredients["subject"]["attention"])

    assert attention([SITE]) == "sdpa"
    assert attention([SITE, "blocks.0.attn.hook_pattern"]) == "eager"


def test_the_version_of_the_capture_code_counts(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    import workbench as wb
    from workbench.capturing.source import CAPTURE_VERSION

    def capture(name: str) -> str:
        rec = wb.capture(f"hf:{model}", text=["a"], sites=SITE, out=tmp_path / name)
        return rec.identity

    before = capture("before")
    users = [
        name
        for name, module in sys.modules.items()
        if name.startswith("workbench.") and hasattr(module, "CAPTURE_VERSION")
    ]
    for name in users:
        monkeypatch.setattr(sys.modules[name], "CAPTURE_VERSION", CAPTURE_VERSION + 1)
    assert capture("after") != before


def test_where_the_folder_is_does_not_count(model: Path, tmp_path: Path) -> None:
    before = identity(model)
    moved = tmp_path / "elsewhere" / "of another name"
    shutil.copytree(model, moved)
    assert identity(moved) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: set_in_config(folder, transformers_version="9.9.9"),
        lambda folder: set_in_config(folder, _name_or_path="some/where"),
        lambda folder: set_in_config(folder, dtype="float16"),
        lambda folder: set_in_config(folder, torch_dtype="bfloat16", dtype=None),
        lambda folder: set_in_config(folder, use_cache=False),
        lambda folder: (folder / "README.md").write_text("A model."),
        lambda folder: set_in_config(folder, "tokenizer_config.json", padding_side="left"),
    ],
    ids=["version", "path", "dtype", "torch_dtype", "use_cache", "read me", "padding"],
)
def test_what_changes_no_number_does_not_count(
    model: Path, change: Callable[[Path], object]
) -> None:
    before = identity(model)
    change(model)
    assert identity(model) == before


@pytest.mark.parametrize("changed", [{"batch_tokens": 7}, {"device": "cpu"}], ids=str)
def test_how_it_is_computed_does_not_count(model: Path, changed: dict[str, Any]) -> None:
    assert identity(model, **changed) == identity(model)


def test_the_order_in_which_positions_are_given_does_not_count(model: Path) -> None:
    assert identity(model, positions=(0, -1)) == identity(model, positions=(-1, 0))


def test_shards_of_a_file_do_not_count(model: Path) -> None:
    from transformers import AutoModelForCausalLM

    before = identity(model)
    whole = AutoModelForCausalLM.from_pretrained(model)
    (model / "model.safetensors").unlink()
    whole.save_pretrained(model, max_shard_size="20KB")
    assert len(list(model.glob("*.safetensors"))) > 1
    assert identity(model) == before


def test_a_text_file_counts_by_its_content(model: Path, tmp_path: Path) -> None:
    found = []
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("\n".join(TEXTS))
        found.append(identity(model, text=tmp_path / name))
    assert found == [identity(model)] * 2
