"""Small BLIP, GIT and CLIP models made here, in folders as the hub's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORDS = ("red", "green", "blue", "yellow", "purple", "cyan", "square", "circle", "or", "a")
SIDE = 32
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[DEC]")
_VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": 8,
}
_TEXT = {
    "vocab_size": len(_SPECIAL) + len(WORDS),
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
}


def make_captioner(folder: Path, kind: str, seed: int = 0) -> None:
    """Write a random BLIP or GIT model with tokenizer and image processor."""
    import torch
    import transformers as hub

    torch.manual_seed(seed)
    if kind == "blip":
        text = {**_TEXT, "bos_token_id": 4, "eos_token_id": 3, "sep_token_id": 3}
        config = hub.BlipConfig(
            text_config={**text, "encoder_hidden_size": 32, "projection_dim": 16},
            vision_config={**_VISION, "projection_dim": 16},
            projection_dim=16,
        )
        network: Any = hub.BlipForConditionalGeneration(config)
    else:
        text = {**_TEXT, "bos_token_id": 2, "eos_token_id": 3}
        network = hub.GitForCausalLM(hub.GitConfig(vision_config=_VISION, **text))
    # Random weights as they come tell no image from another.
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.3)
    network.save_pretrained(folder)
    _write_rest(folder, "BlipImageProcessor" if kind == "blip" else "CLIPImageProcessor")


def make_clip(
    folder: Path, images: NDArray[np.uint8], texts: Sequence[str], steps: int, seed: int = 0
) -> None:
    """Write a small CLIP model that was trained for some steps on pairs of images and texts."""
    import torch
    import transformers as hub

    text = {**_TEXT, "projection_dim": 24, "bos_token_id": 2, "eos_token_id": 3}
    torch.manual_seed(seed)
    config = hub.CLIPConfig(
        text_config=text, vision_config={**_VISION, "projection_dim": 24}, projection_dim=24
    )
    network = hub.CLIPModel(config)
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2)).float() / 255
    read = [[2, *(len(_SPECIAL) + WORDS.index(word) for word in each.split()), 3] for each in texts]
    longest = max(map(len, read))
    words = torch.tensor([each + [0] * (longest - len(each)) for each in read])
    said = torch.tensor([texts.index(each) for each in texts])
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for _ in range(steps):
        rows = torch.randint(len(images), (64,))
        made = network(
            input_ids=words[rows], attention_mask=words[rows] > 0, pixel_values=pixels[rows]
        )
        same = (said[rows, None] == said[None, rows]).float()
        logits = made.logits_per_image
        loss = -(same * logits.log_softmax(1) / same.sum(1, keepdim=True)).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.save_pretrained(folder)
    _write_rest(folder, "CLIPImageProcessor")


def _write_rest(folder: Path, processor: str) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate((*_SPECIAL, *WORDS))}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token=_SPECIAL[1]))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {
        "pad_token": "[PAD]",
        "unk_token": _SPECIAL[1],
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, additional_special_tokens=["[DEC]"], **names
    )
    tokenizer.save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    settings = {
        "image_processor_type": processor,
        "do_resize": True,
        "size": size,
        "do_center_crop": False,
        "do_rescale": True,
        "do_normalize": False,
        "resample": 3,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
