"""Small language models made here: learned and rotary positions, with a tokenizer."""

from __future__ import annotations

from pathlib import Path

TEXTS = [
    "The cat sat on the mat.",
    "A much longer sentence follows the short one, so that batches need padding on one side!",
    "dogs",
    "It's naïve to think that emoji 🙂 and dashes — never matter.",
    "one two three four five six seven eight nine ten",
]


def make_model(folder: Path, architecture: str, seed: int = 0) -> None:
    """Write a small random model and a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedTokenizerFast,
    )

    torch.manual_seed(seed)
    if architecture == "gpt2":
        model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=300,
                n_positions=32,
                n_embd=24,
                n_layer=2,
                n_head=3,
                bos_token_id=None,
                eos_token_id=None,
            )
        )
    else:
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=300,
                hidden_size=24,
                intermediate_size=40,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=32,
            )
        )
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
