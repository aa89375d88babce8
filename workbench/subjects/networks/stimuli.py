"""Stimuli for a network, from what a capture asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, nearest
from workbench.subjects.networks.files import open_arrays
from workbench.subjects.networks.inputs import ArrayInputs, Inputs, Sliceable, Stimuli
from workbench.subjects.vision.pictures import holds_pictures, open_pictures

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ("inputs", "stimuli", "images")
_TAKEN = ("stimulus", "time", "position", "checkpoint", "checkpoint_name", "step", "id")


def open_stimuli(request: CaptureRequest, wide: bool = False) -> Stimuli:
    """Stimuli of a capture: arrays, or pictures.

    Parameters
    ----------
    request : CaptureRequest
        With ``stimuli`` (arrays, or pictures in a folder or ``.parquet``) or ``images``
        (pictures).
    wide : bool
        Whether the network computes in float64.

    Returns
    -------
    Stimuli

    Raises
    ------
    UsageError
        If there are none, or none that a network can be shown.
    WorkbenchError
        If a file is damaged.
    """
    given = request.stimuli
    if holds_pictures(request):
        return _pictures(request)
    if given is None:
        raise UsageError(
            f"Found no stimuli for '{request.subject}'; expected --stimuli with an .npy, .npz or "
            ".safetensors file, or --images with pictures."
        )
    arrays = open_arrays(Path(given)) if isinstance(given, (str, Path)) else _in_memory(given)
    inputs, labels = split_arrays(arrays, request)
    return Stimuli(ArrayInputs(inputs, wide), labels)


def split_arrays(
    arrays: Mapping[str, Sliceable], request: CaptureRequest
) -> tuple[dict[str, Sliceable], pd.DataFrame]:
    """What is shown, and the labels of it that lie beside it.

    Parameters
    ----------
    arrays : mapping of str to array (stimuli, ...)
    request : CaptureRequest
        With the options ``key`` (one array) or ``inputs`` (several, which are named arguments).

    Returns
    -------
    inputs : dict of str to array
        By name of the argument; the name is empty for the first positional one.
    labels : DataFrame
        One column for every other array ``(stimuli,)``.

    Raises
    ------
    UsageError
    """
    named = request.option("inputs")
    if named is not None:
        keys = named.split(",") if isinstance(named, str) else list(named)
        keys = [str(key).strip() for key in keys]
        inputs = {key: _taken(arrays, key) for key in keys}
    else:
        keys = [_key(arrays, request)]
        inputs = {"": arrays[keys[0]]}
    first = next(iter(inputs.values()))
    rest = {name: array for name, array in arrays.items() if name not in keys}
    return inputs, _labels(rest, first.shape[0] if first.shape else 0)


def _labels(arrays: Mapping[str, Sliceable], count: int) -> pd.DataFrame:
    import pandas as pd

    columns = {
        name: np.asarray(array[:])
        for name, array in arrays.items()
        if tuple(array.shape) == (count,) and array.dtype.kind in "fiubU"
    }
    clash = [name for name in columns if name in _TAKEN]
    if clash:
        raise UsageError(
            f"Found an array '{clash[0]}' beside the stimuli; rows have a column of that name "
            "already: give it another name."
        )
    return pd.DataFrame(columns, index=pd.RangeIndex(count))


def _key(arrays: Mapping[str, Sliceable], request: CaptureRequest) -> str:
    asked = request.option("key")
    if asked is not None:
        _taken(arrays, str(asked))
        return str(asked)
    found = [key for key in _KEYS if key in arrays]
    if found:
        return found[0]
    if len(arrays) == 1:
        return next(iter(arrays))
    raise UsageError(
        f"Found arrays {_listed(arrays)}; expected one named inputs, stimuli or images, or only "
        "one: name it with the option key."
    )


def _taken(arrays: Mapping[str, Sliceable], key: str) -> Sliceable:
    if key not in arrays:
        raise UsageError(f"Found no array '{key}' among the stimuli; {nearest(key, arrays)}")
    return arrays[key]


def _in_memory(given: Any) -> dict[str, Sliceable]:
    if isinstance(given, Mapping):
        return {str(name): plain_array(values) for name, values in given.items()}
    return {"": plain_array(given)}


def plain_array(values: Any) -> Sliceable:
    """Array of an array, a tensor or nested lists.

    Raises
    ------
    UsageError
        If its parts have different shapes.
    """
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        values = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    try:
        array: np.ndarray = np.asarray(values)
    except ValueError as error:
        raise UsageError(
            f"Found stimuli that make no array ({error}); expected the same shape for each."
        ) from error
    return array


def _pictures(request: CaptureRequest) -> Stimuli:
    from workbench.subjects.vision.inputs import PictureInputs
    from workbench.subjects.vision.preprocessing import plain_preprocessing

    pictures = open_pictures(request)
    inputs: Inputs = PictureInputs(pictures, plain_preprocessing(request))
    return Stimuli(inputs, pictures.labels)


def _listed(arrays: Mapping[str, Any]) -> str:
    return ", ".join(f"'{name}'" for name in arrays) or "none"
