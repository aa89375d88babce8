"""Small vision models with random weights, as folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import Source
from workbench.subjects.vision.opening import open_subject

FAMILIES = (
    *("vit", "dinov2", "dinov2_with_registers", "clip_vision_model", "clip", "siglip_vision_model"),
    *("resnet", "convnext", "mobilenet_v1", "mobilenet_v2"),
)
OWN = {"size": "32,48", "mean": "0.5", "std": "0.25,0.5,0.25"}
_TOKENS: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": (32, 48),
    "patch_size": 8,
}


def make_vision_model(folder: Path, family: str, **given: Any) -> Any:
    """Write a model with random weights that are not as tame as fresh ones."""
    import transformers

    torch.manual_seed(0)
    model = _class(transformers, family)(_config(transformers, family, given)).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1 or "token" in name:
                value.normal_(0, 0.2)
        for name, value in model.named_buffers():
            if name.endswith("running_mean"):
                value.normal_(0, 0.5)
    model.save_pretrained(folder)
    return model


def make_processor(folder: Path, **given: Any) -> None:
    """Write the preprocessing of a ViT."""
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    ViTImageProcessorPil(**given).save_pretrained(folder)


def pictures(count: int = 5, height: int = 40, width: int = 56) -> np.ndarray:
    """Coloured pictures with structure."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (count, height // 8, width // 8, 3))
    return coarse.repeat(8, 1).repeat(8, 2).astype(np.uint8)


def vision_source(folder: Path, images: Any = None, **given: Any) -> Source:
    """A folder with images, planned; what is no field of a request is an option."""
    fields = {name: given.pop(name) for name in ("sites", "dtype", "max_rows") if name in given}
    images = pictures() if images is None else images
    request = CaptureRequest(f"hf-vision:{folder}", images=images, options=given, **fields)
    return open_subject(request, str(folder), None)


def shown(images: np.ndarray) -> torch.Tensor:
    """What `OWN` makes of pictures, written independently of it."""
    from PIL import Image

    sized = [Image.fromarray(each).resize((48, 32), Image.Resampling.BILINEAR) for each in images]
    values = torch.from_numpy(np.stack([np.asarray(each) for each in sized])).float() / 255
    return ((values - 0.5) / torch.tensor([0.25, 0.5, 0.25])).permute(0, 3, 1, 2)


def _class(transformers: Any, family: str) -> Any:
    names = {
        "vit": "ViTForImageClassification",
        "clip": "CLIPModel",
        "clip_vision_model": "CLIPVisionModel",
        "siglip_vision_model": "SiglipVisionModel",
        "dinov2": "Dinov2Model",
        "dinov2_with_registers": "Dinov2WithRegistersModel",
        "resnet": "ResNetForImageClassification",
        "convnext": "ConvNextModel",
        "mobilenet_v1": "MobileNetV1Model",
        "mobilenet_v2": "MobileNetV2ForImageClassification",
    }
    return getattr(transformers, names[family])


def _config(transformers: Any, family: str, given: dict[str, Any]) -> Any:
    if family == "clip":
        text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 9}
        tower = {**_TOKENS, "image_size": 32, "projection_dim": 12}
        return transformers.CLIPConfig(
            text_config={**text, "intermediate_size": 8, "projection_dim": 12},
            vision_config=tower,
            projection_dim=12,
        )
    if family == "resnet":
        given = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1], **given}
        return transformers.ResNetConfig(layer_type="basic", num_labels=7, **given)
    if family == "convnext":
        return transformers.ConvNextConfig(hidden_sizes=[8, 12], depths=[1, 1], num_stages=2)
    if family.startswith("mobilenet"):
        kind = f"MobileNetV{family[-1]}Config"
        return getattr(transformers, kind)(depth_multiplier=0.25, num_labels=7)
    kinds = {
        "vit": transformers.ViTConfig,
        "dinov2": transformers.Dinov2Config,
        "dinov2_with_registers": transformers.Dinov2WithRegistersConfig,
        "clip_vision_model": transformers.CLIPVisionConfig,
        "siglip_vision_model": transformers.SiglipVisionConfig,
    }
    size = (32, 48) if family == "vit" else 32
    settings = {**_TOKENS, "image_size": size, "num_labels": 7, **given}
    return kinds[family](**settings)
