"""Models of images and texts from a local Hugging Face folder; nothing is ever downloaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch

_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class HubModel:
    """A model with its tokenizer and its image processor.

    Attributes
    ----------
    network : torch.nn.Module
        In evaluation mode.
    tokenizer : transformers.PreTrainedTokenizerBase
    processor : transformers.BaseImageProcessor
    kind : str
        Type of the model, such as ``blip``.
    """

    network: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    processor: Any = field(repr=False)
    kind: str

    def pixels(self, images: NDArray[np.uint8]) -> torch.Tensor:
        """Inputs of the network, each image as if it were alone.

        Parameters
        ----------
        images : array (n, height, width, 3)

        Returns
        -------
        Tensor (n, 3, height, width)
        """
        import torch

        from workbench.subjects.vision.preprocessing import ProcessorPreprocessing

        return torch.from_numpy(ProcessorPreprocessing(self.processor)(list(images))).float()

    def fingerprint(self) -> str:
        """Hash of weights, words and preprocessing, wherever the folder lies."""
        from analyses.neuron_labels.captioner_encoder import digest_state
        from workbench.recording.identity import digest
        from workbench.subjects.vision.preprocessing import ProcessorPreprocessing

        vocabulary = self.tokenizer.get_vocab()
        shown = ProcessorPreprocessing(self.processor).ingredients
        return digest([self.kind, digest_state(self.network.state_dict()), vocabulary, shown])


def load_hub_model(folder: str | Path, kinds: dict[str, str]) -> HubModel:
    """Load a model with tokenizer and image processor from a folder.

    Parameters
    ----------
    folder : path
        With ``config.json``, ``model.safetensors``, a tokenizer and ``preprocessor_config.json``.
    kinds : dict of str to str
        From types of models that are understood to names of classes in transformers.

    Returns
    -------
    HubModel

    Raises
    ------
    UsageError
        If there is no such folder, it holds another type of model, or a file is missing, damaged
        or not a safetensors file.
    """
    import transformers
    from transformers.utils import logging

    if not Path(folder).is_dir():
        raise UsageError(
            f"Found no folder '{folder}'; expected a local folder with a model: models are not "
            "downloaded, so fetch it beforehand."
        )
    logging.disable_progress_bar()
    local = {"local_files_only": True}
    try:
        kind = str(transformers.AutoConfig.from_pretrained(folder, **local).model_type)
        if kind not in kinds:
            raise UsageError(
                f"Found a model of type '{kind}' in '{folder}'; expected {' or '.join(kinds)}."
            )
        made = getattr(transformers, kinds[kind])
        network, loading = made.from_pretrained(
            folder, **local, use_safetensors=True, output_loading_info=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
        processor = transformers.AutoImageProcessor.from_pretrained(folder, **local, backend="pil")
    except UsageError:
        raise
    except Exception as error:
        raise _unloadable(folder, str(error) or type(error).__name__) from error
    if loading["missing_keys"]:
        missing = ", ".join(sorted(loading["missing_keys"])[:3])
        raise _unloadable(folder, f"no weights for {missing}")
    return HubModel(network.eval().requires_grad_(False), tokenizer, processor, kind)


def _unloadable(folder: str | Path, why: str) -> UsageError:
    first = why.strip().splitlines()[0]
    return UsageError(
        f"Could not load '{folder}' ({first}); expected config.json, model.safetensors, a "
        "tokenizer and preprocessor_config.json in one folder: copy the model again."
    )


def shown_through(
    images: NDArray[np.uint8], masks: NDArray[np.bool_] | None, outside: float
) -> NDArray[np.uint8]:
    """Images that are darker outside a mask.

    Parameters
    ----------
    images : array (n, height, width, 3)
    masks : array (n, height, width), optional
    outside : float
        Brightness there, from 0 (black) to 1 (as it is). MILAN's annotators saw 0.25.

    Returns
    -------
    ndarray (n, height, width, 3) of uint8

    Examples
    --------
    >>> images = np.full((1, 1, 2, 3), 200, np.uint8)
    >>> shown_through(images, np.array([[[True, False]]]), 0.25)[0, 0, :, 0].tolist()
    [200, 50]
    """
    if masks is None or outside == 1:
        return images
    light = np.where(masks, 1.0, outside)[..., None]
    return np.asarray(np.rint(images * light), dtype=np.uint8)


def in_parts(n: int, size: int = _AT_ONCE) -> list[slice]:
    """Slices of at most so many.

    Examples
    --------
    >>> in_parts(5, 3)
    [slice(0, 3, None), slice(3, 6, None)]
    """
    return [slice(start, start + size) for start in range(0, n, size)]
