"""Vision models of Hugging Face: against their own outputs and hooks written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_networks import contents, dims_of
from tiny_vision import (
    FAMILIES,
    OWN,
    make_processor,
    make_vision_model,
    pictures,
    shown,
    vision_source,
)

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError
from workbench.recording.identity import digest
from workbench.subjects.addresses import list_sites

SQUARE = {**OWN, "size": "32"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder and the model in it, by family."""
    made: dict[str, tuple[Path, Any]] = {}

    def get(family: str) -> tuple[Path, Any]:
        if family not in made:
            folder = tmp_path_factory.mktemp(family)
            made[family] = (folder, make_vision_model(folder, family))
        return made[family]

    return get


def inputs_for(family: str) -> tuple[dict[str, str], torch.Tensor]:
    """Options, and what they make of the pictures."""
    if not family.startswith(("clip", "siglip")):
        return OWN, shown(pictures())
    from PIL import Image

    sized = [np.asarray(Image.fromarray(p).resize((32, 32), 2)) for p in pictures()]
    values = torch.from_numpy(np.stack(sized)).float() / 255
    return SQUARE, ((values - 0.5) / torch.tensor([0.25, 0.5, 0.25])).permute(0, 3, 1, 2)


def as_tokens(found: dict[str, np.ndarray], site: str) -> np.ndarray:
    """Tokens (image, token, unit) put together again from the sites they were divided into."""
    parts = [found[f"{site}:cls"][..., None]] if f"{site}:cls" in found else []
    parts += [found[f"{site}:register"]] if f"{site}:register" in found else []
    patches = found[site]
    return np.concatenate([*parts, patches.reshape(*patches.shape[:2], -1)], 2).swapaxes(1, 2)


LAYERS = {
    "vit": "vit.layers.{}",
    "dinov2": "encoder.layer.{}",
    "dinov2_with_registers": "encoder.layer.{}",
    "clip_vision_model": "encoder.layers.{}",
    "siglip_vision_model": "encoder.layers.{}",
}


@pytest.mark.parametrize("family", LAYERS)
def test_tokens_are_the_hidden_states(models: Any, family: str) -> None:
    folder, model = models(family)
    options, inputs = inputs_for(family)
    found = contents(vision_source(folder, sites=f"{LAYERS[family].format('?')}*", **options))[1]
    with torch.no_grad():
        states = model(inputs, output_hidden_states=True).hidden_states
    for layer, wanted in enumerate(states[1:]):
        site = LAYERS[family].format(layer)
        np.testing.assert_allclose(as_tokens(found, site), wanted, atol=2e-5)
        assert found[site].shape[2:] == (4, 4 if options is SQUARE else 6)
        assert (f"{site}:register" in found) == (family == "dinov2_with_registers")
        assert (f"{site}:cls" in found) == (family != "siglip_vision_model")


def test_a_patch_lies_where_it_was_on_the_picture(models: Any) -> None:
    folder, _ = models("vit")
    site = "vit.embeddings"
    images = np.zeros((2, 32, 48, 3), np.uint8)
    images[1, 8:16, 40:48] = 255  # row 1, column 5 of the grid
    found = contents(vision_source(folder, images, sites=f"{site}*", **OWN))[1]
    changed = np.abs(found[site][1] - found[site][0]).sum(0) > 1e-6
    assert np.argwhere(changed).tolist() == [[1, 5]]
    np.testing.assert_array_equal(found[f"{site}:cls"][0], found[f"{site}:cls"][1])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_site_is_what_a_hook_sees(models: Any, family: str) -> None:
    folder, model = models(family)
    options, inputs = inputs_for(family)
    source = vision_source(folder, **options, batch=2)
    found, dims = contents(source)[1], dims_of(source)
    network = model.vision_model if family == "clip" else model
    seen: dict[str, list[torch.Tensor]] = {}
    for name, module in network.named_modules():
        module.register_forward_hook(
            lambda _m, _i, out, name=name: seen.setdefault(name, []).append(first_tensor(out))
        )
    with torch.no_grad():
        network(inputs)
    compared = 0
    for name, calls in seen.items():
        site = f"vision_model.{name}" if family == "clip" else name
        if site not in found or len(calls) > 1 or not site:
            continue
        wanted = calls[0].numpy()
        got = found[site]
        if dims[site] == ("row", "unit", "y", "x") and wanted.ndim == 3:
            got = as_tokens(found, site)
        elif wanted.shape != got.shape:
            got = np.moveaxis(got, 1, -1) if wanted.ndim == got.ndim else got.reshape(wanted.shape)
        np.testing.assert_allclose(got, wanted, atol=3e-5, err_msg=site)
        compared += 1
    assert compared > 10


def first_tensor(output: Any) -> torch.Tensor:
    """As a hook written by hand would take it."""
    while not isinstance(output, torch.Tensor):
        output = next(iter(output.values())) if hasattr(output, "values") else output[0]
    return output.clone()


@pytest.mark.parametrize("family", ["resnet", "convnext", "mobilenet_v1", "mobilenet_v2"])
def test_maps_keep_their_axes(models: Any, family: str) -> None:
    dims = dims_of(vision_source(models(family)[0], **OWN))
    pooled = [name for name in dims if "pooler" in name.replace(":", ".").split(".")[-1]]
    assert all(names in (("row", "unit", "y", "x"), ("row", "unit")) for names in dims.values()), (
        dims
    )
    assert dims["output"] == (("row", "unit") if "vision" in family else dims["output"])
    assert all(dims[name] == ("row", "unit") for name in pooled if "embedder" not in name)


def test_channels_last_inside_a_convnext_come_first(models: Any) -> None:
    folder, _ = models("convnext")
    site = "encoder.stages.1.layers.0.pwconv1"
    found = contents(vision_source(folder, sites=site, **OWN))[1][site]
    assert found.shape == (5, 48, 4, 6)


def test_logits_and_projections(models: Any) -> None:
    for family, size in (("vit", 7), ("resnet", 7), ("mobilenet_v2", 7), ("clip", 12)):
        folder, model = models(family)
        options, inputs = inputs_for(family)
        found = contents(vision_source(folder, sites="output", **options))[1]["output"]
        with torch.no_grad():
            if family == "clip":
                pooled = model.vision_model(inputs).pooler_output
                wanted = model.visual_projection(pooled)
            else:
                wanted = model(inputs).logits
        assert found.shape == (5, size)
        np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_the_own_preprocessing_of_a_model(tmp_path: Path) -> None:
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    model = make_vision_model(tmp_path, "vit")
    settings = {"size": {"height": 32, "width": 48}, "image_mean": [0.1, 0.5, 0.9], "resample": 3}
    make_processor(tmp_path, **settings)
    found = contents(vision_source(tmp_path, sites="classifier"))[1]["classifier"]
    given = ViTImageProcessorPil(**settings)(list(pictures()), return_tensors="pt")
    with torch.no_grad():
        np.testing.assert_allclose(found, model(**given).logits, atol=2e-5)


def test_identity_of_a_vision_model(tmp_path: Path) -> None:
    def identity(folder: str, images: Any = None, **given: Any) -> str:
        return digest(vision_source(tmp_path / folder, images, **given).ingredients)

    settings = {"size": {"height": 32, "width": 48}, "resample": 2}
    changes: dict[str, Any] = {
        "first": ({}, settings),
        "again": ({}, settings),
        "size": ({"image_size": (40, 48)}, {**settings, "size": {"height": 40, "width": 48}}),
        "filter": ({}, {**settings, "resample": 3}),
        "mean": ({}, {**settings, "image_mean": [0.5, 0.5, 0.4]}),
        "epsilon": ({"layer_norm_eps": 1e-5}, settings),
    }
    for folder, (model, processor) in changes.items():
        make_vision_model(tmp_path / folder, "vit", **model)
        make_processor(tmp_path / folder, **processor)
    first = identity("first")
    assert identity("again") == identity("first", batch=1) == first
    found = {folder: identity(folder) for folder in changes if folder != "again"}
    assert len(set(found.values())) == len(found)
    path = tmp_path / "again" / "config.json"
    named = {
        **json.loads(path.read_text()),
        "_name_or_path": "x",
        "id2label": dict.fromkeys("0123456"),
    }
    path.write_text(json.dumps(named))
    assert identity("again") == first
    assert identity("first", **OWN) != first
    assert identity("first", model_dtype="bfloat16") != first
    assert identity("first", 255 - pictures()) != first
    path = tmp_path / "first" / "model.safetensors"
    state = load_file(path)
    state["vit.layernorm.bias"][0] += 1
    save_file(state, path, {"format": "pt"})
    assert identity("first") != first


def test_sites_are_listed_without_images(models: Any) -> None:
    folder, _ = models("dinov2_with_registers")
    request = CaptureRequest(f"hf-vision:{folder}", options=OWN)
    shapes = {site.name: site.shape for site in list_sites(request)}
    assert shapes["layernorm"] == (24, 4, 6)
    assert shapes["layernorm:register"] == (24, 4)
    assert shapes["output:pooler_output"] == (24,)


def test_no_preprocessing_is_told(models: Any) -> None:
    with pytest.raises(UsageError, match=r"preprocessor_config.json.*options size, mean and std"):
        vision_source(models("vit")[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
        (lambda folder: (folder / "config.json").write_text("{"), "Could not load the vision mod"),
        (lambda folder: (folder / "config.json").write_text("{}"), "Could not load the vision mod"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    ],
)
def test_broken_models(change: Any, message: str, tmp_path: Path) -> None:
    make_vision_model(tmp_path, "vit")
    change(tmp_path)
    with pytest.raises(UsageError, match=message):
        vision_source(tmp_path, **OWN)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_truncated_weights(kept: float, tmp_path: Path) -> None:
    make_vision_model(tmp_path, "resnet")
    path = tmp_path / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(UsageError, match=r"Could not load the vision model"):
        vision_source(tmp_path, **OWN)


def test_weights_that_would_be_random_are_refused(tmp_path: Path) -> None:
    make_vision_model(tmp_path, "vit")
    path = tmp_path / "model.safetensors"
    state = load_file(path)
    del state["classifier.weight"]
    save_file(state, path, {"format": "pt"})
    with pytest.raises(UsageError, match=r"lack 'classifier.weight' of ViTForImageClassification"):
        vision_source(tmp_path, **OWN)


def test_a_pickle_beside_the_configuration_is_not_read(tmp_path: Path) -> None:
    model = make_vision_model(tmp_path, "vit")
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"safetensors"):
        vision_source(tmp_path, **OWN)


def test_wrong_options(models: Any) -> None:
    for given, message in (
        ({"size": "big"}, "size 'big'; expected numbers"),
        ({"size": "0"}, "size '0'; expected pixels"),
        ({"mean": "1,2"}, "mean '1,2'; expected one number, or three"),
        ({"std": "0"}, "std '0'"),
        ({"patch": 3}, "option 'patch'"),
    ):
        with pytest.raises(UsageError, match=message):
            vision_source(models("vit")[0], **given)


def test_a_folder_that_is_missing() -> None:
    with pytest.raises(UsageError, match=r"Found no model in './none'.*no such folder"):
        list_sites(CaptureRequest("hf-vision:./none", images=pictures(), options=OWN))
