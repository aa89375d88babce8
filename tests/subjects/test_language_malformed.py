"""Damaged and dangerous model folders: one sentence each, and nothing is ever unpickled."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_models import TEXTS, make_model

import workbench as wb


class _Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


def cut_weights(folder: Path) -> None:
    """Half of the file is missing."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_header(folder: Path) -> None:
    """Hardly anything is left."""
    (folder / "model.safetensors").write_bytes(b"\x10\0")


def other_shape(folder: Path) -> None:
    """The configuration says something else than the weights."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "n_embd": 12}))


def lost_shard(folder: Path) -> None:
    """An index names a file that is not there."""
    index = {"metadata": {}, "weight_map": {"transformer.wte.weight": "model-00001.safetensors"}}
    (folder / "model.safetensors").rename(folder / "model-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "Found no weights in"),
        (lambda f: (f / "config.json").unlink(), r"no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "is not JSON"),
        (lambda f: (f / "config.json").write_text("[1]"), "Could not load the model|is not JSON"),
        (lambda f: (f / "config.json").write_text("{}"), "Could not load the model"),
        (lambda f: (f / "config.json").write_bytes(b"\xff\xfe"), "is not JSON"),
        (cut_weights, "weights of .* are damaged"),
        (cut_header, "weights of .* are damaged"),
        (other_shape, "Could not load the model"),
        (lost_shard, "Could not load the model"),
        (lambda f: (f / "tokenizer.json").write_text("{"), "Could not load the tokenizer"),
        (
            lambda f: (f / "tokenizer.json").write_text('{"version": "1.0", "model": 3}'),
            "Could not load the tokenizer",
        ),
    ],
)
def test_damage_is_one_sentence(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    make_model(tmp_path / "model", "gpt2")
    damage(tmp_path / "model")
    with pytest.raises(wb.UsageError, match=message) as caught:
        wb.capture(f"hf:{tmp_path / 'model'}", text=TEXTS, sites="*", out=tmp_path / "rec")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "rec").exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth"])
@pytest.mark.parametrize("legacy", [True, False])
def test_pickled_weights_are_refused_and_never_run(tmp_path: Path, name: str, legacy: bool) -> None:
    make_model(tmp_path / "model", "gpt2")
    (tmp_path / "model" / "model.safetensors").unlink()
    trap = {"transformer.wte.weight": _Trap(tmp_path / "sprung")}
    path = tmp_path / "model" / name
    if legacy:
        path.write_bytes(pickle.dumps(trap))
    else:
        torch.save(trap, path)
    with pytest.raises(wb.UsageError, match=f"pickled weights .'{name}'.*expected model"):
        wb.capture(f"hf:{tmp_path / 'model'}", text=TEXTS, sites="*", out=tmp_path / "rec")
    assert not (tmp_path / "sprung").exists()
    # The trap works where somebody steps into it.
    if legacy:
        pickle.loads(path.read_bytes())  # noqa: S301
        assert (tmp_path / "sprung").exists()


def test_a_pickle_beside_good_weights_is_left_alone(tmp_path: Path) -> None:
    make_model(tmp_path / "model", "gpt2")
    mark = tmp_path / "sprung"
    for name in ("pytorch_model.bin", "training_args.bin"):
        torch.save(_Trap(mark), tmp_path / "model" / name)
    rec = wb.capture(
        f"hf:{tmp_path / 'model'}", text=TEXTS, sites="blocks.0.hook_in", out=tmp_path / "rec"
    )
    assert rec.n_rows > 0
    assert not mark.exists()


def test_code_in_the_folder_is_not_run(tmp_path: Path) -> None:
    make_model(tmp_path / "model", "gpt2")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "own.Model", "AutoConfig": "own.Config"}
    config["model_type"] = "of-my-own"
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "model" / "own.py").write_text(
        f"from pathlib import Path\nPath({str(tmp_path / 'sprung')!r}).touch()\n"
    )
    with pytest.raises(wb.UsageError, match="Could not load the model"):
        wb.capture(f"hf:{tmp_path / 'model'}", text=TEXTS, sites="*", out=tmp_path / "rec")
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_model_leave_no_site(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    make_model(tmp_path / "model", "gpt2")
    weights = {"something.else": torch.zeros(3)}
    save_file(weights, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    with pytest.raises(wb.UsageError, match=r"are not those of the model that its config\.json"):
        wb.capture(f"hf:{tmp_path / 'model'}", text=TEXTS, sites="*", out=tmp_path / "rec")


def test_a_model_without_tokenizer_takes_ids_and_no_text(tmp_path: Path) -> None:
    import numpy as np

    make_model(tmp_path / "model", "llama")
    for path in (tmp_path / "model").glob("*token*"):
        path.unlink()
    rec = wb.capture(
        f"hf:{tmp_path / 'model'}",
        tokens=np.array([[1, 2, 3]]),
        sites="blocks.0.hook_resid_post",
        out=tmp_path / "rec",
    )
    assert rec.rows["token"].tolist() == ["<1>", "<2>", "<3>"]
    with pytest.raises(wb.UsageError, match="has no tokenizer; give token ids with --tokens"):
        wb.capture(f"hf:{tmp_path / 'model'}", text=TEXTS, sites="*", out=tmp_path / "none")
