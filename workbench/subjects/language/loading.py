"""Loading a Hugging Face language model: plain, and with TransformerLens' hook points around it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError, nearest
from workbench.subjects.language.hub import prepare_hub
from workbench.subjects.language.points import Point, hook_points, module_points, t5_patterns
from workbench.subjects.language.twin import share_weights

if TYPE_CHECKING:
    import torch

MODEL_DTYPES = ("float32", "bfloat16", "float16", "float64")
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_CONTEXTS = ("n_positions", "max_position_embeddings", "max_sequence_length", "n_ctx")
_DEFAULT_CONTEXT = 1024


@dataclass
class Network:
    """A model, twice over one set of weights.

    Attributes
    ----------
    plain : torch.nn.Module
        As transformers builds it, with fused attention where there is such.
    watched : torch.nn.Module
        The same with TransformerLens' wrappers, or with eager attention only.
    points : dict of str to Point
        Where activity can be watched in ``watched``.
    context : int
        Tokens that one pass can take.
    description : dict
        Numbers of layers, units, heads; the architecture.
    missing : frozenset of str
        Weights that the files lack and that transformers filled in at random.
    """

    plain: torch.nn.Module
    watched: torch.nn.Module
    points: dict[str, Point]
    context: int
    description: dict[str, Any]
    missing: frozenset[str] = field(default=frozenset())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.plain.parameters()).device


def load_network(name: str, device: str, dtype: str) -> Network:
    """Load a model by name or from a folder.

    Parameters
    ----------
    name : str
        Local folder, or name on the Hugging Face hub.
    device : str
        As `resolve_device` gives it.
    dtype : str
        One of `MODEL_DTYPES`.

    Returns
    -------
    Network

    Raises
    ------
    UsageError
        If there is no such model, its files are damaged, or its weights are pickled.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig
    from transformers.utils import logging

    if dtype not in MODEL_DTYPES:
        raise UsageError(f"Found model dtype '{dtype}'; {nearest(dtype, MODEL_DTYPES)}")
    where = _where(name)
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(where)
        architecture = _bridged_architecture(config)
        plain, missing = _load_plain(where, config, architecture, getattr(torch, dtype))
        plain = plain.to(device).eval()
    except SafetensorError as error:
        raise UsageError(
            f"The weights of '{name}' are damaged ({error}); expected whole .safetensors files: "
            "copy or download the model again."
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError, TypeError) as error:
        raise UsageError(
            f"Could not load the model '{name}' ({type(error).__name__}: {_first_line(error)}); "
            "expected a local Hugging Face folder with config.json and model.safetensors, or a "
            "name in the hub's cache or reachable over the network."
        ) from error
    if architecture is not None:
        bridge = _bridge(plain, where, device, getattr(torch, dtype))
        if bridge is not None:
            return _bridged(plain, bridge, architecture, missing)
    return without_bridge(plain, missing)


def _bridged(
    plain: torch.nn.Module, bridge: Any, architecture: str, missing: frozenset[str]
) -> Network:
    points = {**hook_points(bridge), **t5_patterns(bridge)}
    context = int(getattr(bridge.cfg, "n_ctx", 0) or _DEFAULT_CONTEXT)
    about = {**_describe(plain.config, architecture), "site_names": "TransformerLens"}
    return Network(plain, bridge.original_model.eval(), points, context, about, missing)


def without_bridge(plain: torch.nn.Module, missing: frozenset[str]) -> Network:
    """A model without TransformerLens' wrappers, whose sites are its modules.

    Parameters
    ----------
    plain : torch.nn.Module
    missing : frozenset of str
        As in `Network`.

    Returns
    -------
    Network
    """
    watched: Any = share_weights(plain)
    # Fused attention never forms the patterns.
    watched.set_attn_implementation("eager")
    about = {**_describe(plain.config, type(plain).__name__), "site_names": "modules"}
    return Network(plain, watched, module_points(watched), _context(plain), about, missing)


def _where(name: str) -> str:
    folder = Path(name).expanduser()
    looks_local = name.startswith((".", "/", "~")) or folder.exists()
    if not looks_local:
        prepare_hub(name)
        return name
    if not (folder / "config.json").is_file():
        state = "no config.json" if folder.is_dir() else "no such folder"
        raise UsageError(
            f"Found no model in '{name}' ({state}); expected a Hugging Face folder with "
            "config.json and model.safetensors: check the path."
        )
    try:
        json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(
            f"'{folder / 'config.json'}' is not JSON ({error}); expected the configuration of a "
            "model: copy or download the model again."
        ) from error
    if not any(folder.glob("*.safetensors")):
        raise UsageError(_no_weights(folder))
    return str(folder)


def _no_weights(folder: Path) -> str:
    pickles = sorted(path.name for each in _PICKLES for path in folder.glob(each))
    if not pickles:
        return (
            f"Found no weights in '{folder}'; expected model.safetensors beside config.json: copy "
            "or download the model again."
        )
    return (
        f"Found pickled weights ('{pickles[0]}') in '{folder}', which may run code when they are "
        "read and were not opened; expected model.safetensors: convert them where you trust them, "
        "with save_pretrained of transformers."
    )


def _bridged_architecture(config: Any) -> str | None:
    from transformer_lens.model_bridge.sources.transformers import (
        determine_architecture_from_hf_config,
    )

    try:
        return str(determine_architecture_from_hf_config(config))
    except ValueError:
        return None


def _load_plain(
    where: str, config: Any, architecture: str | None, dtype: torch.dtype
) -> tuple[Any, frozenset[str]]:
    import transformers
    from transformer_lens.model_bridge.sources.transformers import (
        get_hf_model_class_for_architecture,
    )

    if architecture is not None:
        kind: Any = get_hf_model_class_for_architecture(architecture)
    else:
        named = (getattr(config, "architectures", None) or [""])[0]
        kind = getattr(transformers, str(named), None) or transformers.AutoModel
    # Safetensors only: whatever else holds weights is pickled and may run code.
    model, report = kind.from_pretrained(
        where, dtype=dtype, use_safetensors=True, output_loading_info=True
    )
    return model, frozenset(report["missing_keys"])


def _bridge(plain: torch.nn.Module, where: str, device: str, dtype: torch.dtype) -> Any:
    from transformer_lens.model_bridge import TransformerBridge

    copied: Any = share_weights(plain)
    # A model handed over keeps its attention; the wrappers want the plain one.
    copied.set_attn_implementation("eager")
    try:
        bridge: Any = TransformerBridge.boot_transformers(
            where, device=device, dtype=dtype, hf_model=copied, tokenizer=_stand_in()
        )
    except (ValueError, KeyError, RuntimeError, AttributeError, TypeError, NotImplementedError):
        return None
    _mend_t5_blocks(bridge.original_model)
    return bridge


def _stand_in() -> Any:
    # TransformerLens insists on a tokenizer, which is not used, and changes the one it is given.
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, "a")))


def _mend_t5_blocks(model: torch.nn.Module) -> None:
    from transformer_lens.model_bridge.generalized_components import T5BlockBridge

    for module in model.modules():
        if isinstance(module, T5BlockBridge) and module.original_component is not None:
            module.original_component.register_forward_hook(_three_values)


def _three_values(_module: Any, _inputs: Any, output: Any) -> Any:
    # TransformerLens 3.9 gives attention weights as well, where transformers since 5 expects
    # activity, position bias, and position bias of the cross-attention.
    return output if len(output) <= 3 else (output[0], output[1], output[3])


def _describe(config: Any, architecture: str | None) -> dict[str, Any]:
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    wanted = {"layers": "num_hidden_layers", "units": "hidden_size", "heads": "num_attention_heads"}
    found = {ours: int(getattr(text, theirs, None) or 0) for ours, theirs in wanted.items()}
    return {**found, "architecture": str(architecture)}


def _context(model: torch.nn.Module) -> int:
    config: Any = model.config
    known = [getattr(config, name, None) for name in _CONTEXTS]
    size = next((int(each) for each in known if each), _DEFAULT_CONTEXT)
    for name, module in model.named_modules():
        # RoBERTa counts positions from behind the index of its padding token.
        skipped = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and skipped is not None:
            size -= int(skipped) + 1
    return size


def resolve_device(name: str) -> str:
    """Device to compute on.

    Parameters
    ----------
    name : str
        ``auto``, ``cpu``, ``cuda`` (with ``:1`` for the second) or ``mps``.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        If there is no such device.

    Examples
    --------
    >>> resolve_device("cpu")
    'cpu'
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("Found device 'cuda' but no GPU that torch can use; pass --device cpu.")
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise UsageError(f"Found device '{name}'; expected auto, cpu, cuda or mps.")
    return name


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a model as it is by itself, or None where it has none.

    Parameters
    ----------
    name : str
        Local folder, or name on the hub.

    Returns
    -------
    Hugging Face tokenizer or None

    Raises
    ------
    UsageError
        If its files are damaged.
    """
    # TransformerLens' own was made to add a token at the beginning; users expect what the
    # tokenizer by itself gives. Without files transformers may make up an empty one, which would
    # turn text into nothing.
    from transformers import AutoTokenizer

    folder = Path(name).expanduser()
    if folder.is_dir() and not any((folder / each).is_file() for each in _TOKENIZER_FILES):
        return None
    try:
        return AutoTokenizer.from_pretrained(str(folder) if folder.is_dir() else name)
    except Exception as error:
        # The library behind it raises bare exceptions for files that it cannot parse.
        raise UsageError(
            f"Could not load the tokenizer of '{name}' ({_first_line(error)}); mend it, or remove "
            "its files and give token ids with --tokens."
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
