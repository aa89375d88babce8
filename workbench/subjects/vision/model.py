"""Vision models of Hugging Face: weights, configuration and preprocessing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.recording.identity import digest
from workbench.subjects.language.hub import prepare_hub

if TYPE_CHECKING:
    import torch

_TOWERS = {"clip": "CLIP", "siglip": "Siglip"}
_DTYPES = ("float32", "bfloat16", "float16", "float64")
# What a configuration says of itself, of the dtype on disk, and of the names of classes.
_STAMPS = (
    "_name_or_path",
    "transformers_version",
    "dtype",
    "torch_dtype",
    "architectures",
    "id2label",
    "label2id",
)


class VisionModel:
    """A vision model in evaluation mode, with the weights that its authors published.

    Image classifiers are loaded with their head. Of CLIP and SigLIP the vision tower is loaded.

    Parameters
    ----------
    name : str
        Local folder, or name on the Hugging Face hub.
    dtype : str
        Dtype to compute in.

    Raises
    ------
    UsageError
        If there is no such model, it has no safetensors weights, or some would be random.
    """

    def __init__(self, name: str, dtype: str = "float32") -> None:
        import torch
        from transformers.utils import logging

        if dtype not in _DTYPES:
            raise UsageError(f"Found model_dtype '{dtype}'; expected {', '.join(_DTYPES)}.")
        logging.disable_progress_bar()
        self.name, self._where = name, _located(name)
        self._config = self._loaded(_load_config)
        self.network: torch.nn.Module = self._loaded(
            lambda where: _load(where, self._config, getattr(torch, dtype), name)
        )

    def _loaded(self, load: Any) -> Any:
        from safetensors import SafetensorError

        try:
            with _quietly():
                return load(self._where)
        except UsageError:
            raise
        except (
            OSError,
            ValueError,
            KeyError,
            RuntimeError,
            AttributeError,
            TypeError,
            ImportError,
            SafetensorError,
        ) as error:
            raise _unloadable(self.name, error) from error

    @property
    def registers(self) -> int:
        """Number of register tokens."""
        return int(getattr(self.network.config, "num_register_tokens", 0) or 0)

    def processor(self) -> Any:
        """Image processor of transformers that the model comes with; one without torchvision.

        Raises
        ------
        UsageError
            If it comes without.
        """
        from transformers import AutoImageProcessor

        try:
            return AutoImageProcessor.from_pretrained(self._where, backend="pil")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UsageError(
                f"Found no usable preprocessor_config.json for '{self.name}' ({first}); expected "
                "one beside the model: add it, or pass the options size, mean and std."
            ) from error

    @property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers, apart from the weights."""
        config: Any = self.network.config
        plain = {key: value for key, value in config.to_diff_dict().items() if key not in _STAMPS}
        return {
            "class": type(self.network).__name__,
            "configuration": digest(_plain(plain)),
            "attention": str(getattr(config, "_attn_implementation", "unknown")),
        }


@contextmanager
def _quietly() -> Iterator[None]:
    # What is left out on purpose, such as the text half of CLIP, is no cause for a warning; what
    # is missing is an error here.
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _located(name: str) -> str:
    folder = Path(name).expanduser()
    looks_local = name.startswith((".", "/", "~")) or folder.exists()
    if looks_local and not (folder / "config.json").is_file():
        state = "no config.json" if folder.is_dir() else "no such folder"
        raise UsageError(
            f"Found no model in '{name}' ({state}); expected a Hugging Face folder with "
            "config.json and model.safetensors: check the path."
        )
    if not looks_local:
        prepare_hub(name)
    return str(folder) if looks_local else name


def _load_config(where: str) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(where)


def _load(where: str, config: Any, dtype: torch.dtype, name: str) -> Any:
    # Only safetensors: whatever else there is may hold code.
    kwargs = {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
    kind = _class(config)
    model, report = kind.from_pretrained(where, **kwargs)
    missing = sorted(report["missing_keys"])
    if missing and all(key.startswith("pooler.") for key in missing):
        # Pre-training often leaves the pooler out; a random one would be recorded as if learnt.
        model, report = kind.from_pretrained(where, add_pooling_layer=False, **kwargs)
        missing = sorted(report["missing_keys"])
    wrong = [each[0] for each in report.get("mismatched_keys") or ()]
    if missing or wrong:
        raise UsageError(
            f"The weights of '{name}' lack '{(missing or wrong)[0]}' of {type(model).__name__} in "
            "the shape that its configuration says; expected complete weights, as others would be "
            "random: get the whole model."
        )
    return model.eval()


def _class(config: Any) -> Any:
    import transformers

    named = [str(each) for each in config.architectures or ()]
    tower = next(
        (t for k, t in _TOWERS.items() if config.model_type in (k, f"{k}_vision_model")), ""
    )
    if tower:
        projects = any(each == "CLIPVisionModelWithProjection" for each in named)
        is_whole = config.model_type == "clip"
        suffix = "VisionModelWithProjection" if tower == "CLIP" and (projects or is_whole) else ""
        return getattr(transformers, f"{tower}{suffix or 'VisionModel'}")
    if any(each.endswith("ForImageClassification") for each in named):
        return transformers.AutoModelForImageClassification
    return transformers.AutoModel


def _unloadable(name: str, error: Exception) -> UsageError:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UsageError(
        f"Could not load the vision model '{name}' ({type(error).__name__}: {first}); expected a "
        "local Hugging Face folder with config.json and model.safetensors, or a name in the hub's "
        "cache or reachable over the network."
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items() if k not in _STAMPS}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, bool, type(None))) else repr(value)
