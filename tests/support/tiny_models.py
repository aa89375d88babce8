"""Small language models made here, of every family, with a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEXTS = [
    "The cat sat on the mat.",
    "A much longer sentence follows the short one, so that batches need padding on one side!",
    "dogs",
    "It's naïve to think that emoji 🙂 and dashes — never matter.",
    "one two three four five six seven eight nine ten",
]
VOCABULARY = 300
CONTEXT = 32
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "intermediate_size": 40,
}
_DECODER = {**_SIZES, "num_attention_heads": 4, "num_key_value_heads": 2}
_ENCODER = {**_SIZES, "num_attention_heads": 3, "max_position_embeddings": CONTEXT}
_T5 = {"d_model": 24, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 3}
_BART = {
    "d_model": 24,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 40,
}
# Family to configuration class, model class and what differs from the defaults.
_FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": (
        "GPT2Config",
        "GPT2LMHeadModel",
        {"n_positions": CONTEXT, "n_embd": 24, "n_layer": 2, "n_head": 3},
    ),
    "llama": (
        "LlamaConfig",
        "LlamaForCausalLM",
        {**_DECODER, "max_position_embeddings": CONTEXT},
    ),
    "mixtral": (
        "MixtralConfig",
        "MixtralForCausalLM",
        {**_DECODER, "max_position_embeddings": CONTEXT, "num_local_experts": 3},
    ),
    "bert": ("BertConfig", "BertForMaskedLM", _ENCODER),
    "bert-headless": ("BertConfig", "BertModel", _ENCODER),
    "roberta": (
        "RobertaConfig",
        "RobertaForMaskedLM",
        {**_ENCODER, "max_position_embeddings": CONTEXT + 2},
    ),
    "distilbert": (
        "DistilBertConfig",
        "DistilBertForMaskedLM",
        {"dim": 24, "n_layers": 2, "n_heads": 3, "hidden_dim": 40, "max_position_embeddings": 32},
    ),
    "t5": ("T5Config", "T5ForConditionalGeneration", {**_T5, "decoder_start_token_id": 0}),
    "mt5": ("MT5Config", "MT5ForConditionalGeneration", {**_T5, "decoder_start_token_id": 0}),
    "bart": (
        "BartConfig",
        "BartForConditionalGeneration",
        {**_BART, "max_position_embeddings": CONTEXT, "decoder_start_token_id": 2},
    ),
}


def make_model(folder: Path, family: str, seed: int = 0, **tokenizer: Any) -> None:
    """Write a small random model and a byte-level tokenizer.

    Parameters
    ----------
    folder : Path
    family : str
        Of ``_FAMILIES``.
    seed : int
    **tokenizer
        As for `make_tokenizer`.
    """
    import torch
    import transformers

    kind, architecture, changed = _FAMILIES[family]
    plain = {"vocab_size": VOCABULARY, "bos_token_id": None, "eos_token_id": None}
    config = getattr(transformers, kind)(**{**plain, **changed})
    torch.manual_seed(seed)
    getattr(transformers, architecture)(config).save_pretrained(folder)
    make_tokenizer(folder, **tokenizer)


def make_tokenizer(
    folder: Path,
    special: tuple[str, ...] = (),
    padding_side: str = "right",
    lowercase: bool = False,
    added: tuple[str, ...] = (),
) -> None:
    """Write a byte-level tokenizer.

    Parameters
    ----------
    folder : Path
    special : tuple of str
        ``bos`` puts a token at the beginning of every text, ``eos`` one at the end.
    padding_side : str
    lowercase : bool
    added : tuple of str
        Further tokens.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from tokenizers import trainers as training
    from transformers import PreTrainedTokenizerFast

    names = {"bos": "<s>", "eos": "</s>"}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = training.BpeTrainer(
        vocab_size=VOCABULARY - len(added),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[names[each] for each in special],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    if special:
        template = (
            [names["bos"]] * ("bos" in special) + ["$A"] + [names["eos"]] * ("eos" in special)
        )
        tokenizer.post_processor = processors.TemplateProcessing(
            single=" ".join(template),
            special_tokens=[(names[each], tokenizer.token_to_id(names[each])) for each in special],
        )
    tokenizer.add_tokens(list(added))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side=padding_side)
    if padding_side == "left":
        fast.pad_token = fast.decode([1])
        tokenizer.enable_padding(direction="left", pad_id=1, pad_token=fast.pad_token)
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, padding_side="left", pad_token=fast.pad_token
        )
    fast.save_pretrained(folder)


def plain_outputs(
    folder: Path, texts: list[str], eager: bool = False, dtype: str = "float32"
) -> list[Any]:
    """What transformers alone gives for every text on its own, without padding.

    Parameters
    ----------
    folder : Path
    texts : list of str
    eager : bool
        With attention, computed step by step.
    dtype : str

    Returns
    -------
    list of ModelOutput
        With hidden states; an encoder-decoder reads the text on both sides.
    """
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder)
    architecture = getattr(transformers, config.architectures[0])
    model = architecture.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation="eager" if eager else None
    ).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    outputs = []
    for text in texts:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        further = {}
        if config.is_encoder_decoder:
            further["decoder_input_ids"] = (
                model._shift_right(ids)
                if hasattr(model, "_shift_right")
                else transformers.models.bart.modeling_bart.shift_tokens_right(
                    ids, config.pad_token_id, config.decoder_start_token_id
                )
            )
        with torch.no_grad():
            outputs.append(
                model(ids, output_hidden_states=True, output_attentions=eager, **further)
            )
    return outputs
