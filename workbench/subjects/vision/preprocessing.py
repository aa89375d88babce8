"""From pictures to what a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError
from workbench.recording.identity import digest
from workbench.subjects.networks.options import numbers, positive

_SCALE = 1 / 255


class Preprocessing(Protocol):
    """Resizing, cropping and normalising, the same for every picture."""

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray:
        """Inputs ``(pictures, channels, y, x)`` from pictures ``(y, x, 3)``."""

    @property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""


@dataclass(frozen=True)
class PlainPreprocessing:
    """Resizing to one size, scaling and normalising.

    Attributes
    ----------
    size : (int, int), optional
        Height and width in pixels, by bilinear resampling with antialiasing, without keeping the
        ratio; None keeps pictures as they are.
    mean, std : tuple of float
        By channel (red, green, blue), after scaling.
    scale : float
        Factor for pixels of 0 to 255.

    Examples
    --------
    >>> preprocess = PlainPreprocessing((2, 2), (0.5,), (0.5,))
    >>> preprocess([np.full((8, 8, 3), 255, np.uint8)])[0, 0].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    size: tuple[int, int] | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = _SCALE

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Inputs ``(pictures, 3, y, x)``, float32, from pictures ``(y, x, 3)``."""
        pixels = self._stacked([self._resized(picture) for picture in pictures])
        mean, std = (np.array(each, dtype=np.float32) for each in (self.mean, self.std))
        values = (pixels.astype(np.float32) * np.float32(self.scale) - mean) / std
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2))

    def _resized(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        if self.size is None or picture.shape[:2] == self.size:
            return picture
        height, width = self.size
        resized = Image.fromarray(np.ascontiguousarray(picture)).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        return np.asarray(resized)

    def _stacked(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        return stacked(pictures, "pass the option size, such as 224 or 224,224")

    @property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers."""
        return {
            "size": list(self.size or ()),
            "mean": [repr(value) for value in self.mean],
            "std": [repr(value) for value in self.std],
            "scale": repr(self.scale),
        }


def plain_preprocessing(request: CaptureRequest) -> PlainPreprocessing:
    """Preprocessing by the options ``size``, ``mean``, ``std`` and ``scale``.

    Parameters
    ----------
    request : CaptureRequest

    Returns
    -------
    PlainPreprocessing

    Raises
    ------
    UsageError
        If an option is not what it should be.

    Examples
    --------
    >>> plain_preprocessing(CaptureRequest("demo:vision", options={"size": "224"})).size
    (224, 224)
    """
    size = numbers(request, "size")
    if size is not None and (len(size) > 2 or any(each < 1 or each % 1 for each in size)):
        raise UsageError(
            f"Found size '{request.option('size')}'; expected pixels, such as 224, or height and "
            "width, such as 224,192."
        )
    mean, std = numbers(request, "mean") or (0.0,), numbers(request, "std") or (1.0,)
    for name, found in (("mean", mean), ("std", std)):
        if len(found) not in (1, 3) or (name == "std" and min(found) <= 0):
            raise UsageError(
                f"Found {name} '{request.option(name)}'; expected one number, or three with commas "
                "for red, green and blue, after scaling to [0, 1]; a std is above 0."
            )
    pair = None if size is None else (int(size[0]), int(size[-1]))
    return PlainPreprocessing(pair, mean, std, positive(request, "scale") or _SCALE)


class ProcessorPreprocessing:
    """Preprocessing by an image processor of transformers.

    Parameters
    ----------
    processor : transformers.BaseImageProcessor
        One that needs no torchvision.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray:
        """Inputs ``(pictures, 3, y, x)`` from pictures ``(y, x, 3)``."""
        made = [
            np.asarray(
                self._processor(
                    images=[np.ascontiguousarray(picture)],
                    return_tensors="np",
                    input_data_format="channels_last",
                )["pixel_values"][0]
            )
            for picture in pictures
        ]
        return stacked(made, "pass the options size, mean and std instead")

    @property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers: class of the processor and its configuration."""
        settings = {
            key: value
            for key, value in self._processor.to_dict().items()
            if not key.startswith("_") and key != "processor_class"
        }
        return {"processor": type(self._processor).__name__, "settings": digest(_json(settings))}


def stacked(pictures: Sequence[NDArray], remedy: str) -> NDArray:
    """One array of pictures.

    Raises
    ------
    UsageError
        If their sizes differ.
    """
    shapes = sorted({picture.shape for picture in pictures})
    if len(shapes) > 1:
        raise UsageError(
            f"Found pictures of different shapes {shapes[0]} and {shapes[1]}; expected one for "
            f"all: {remedy}."
        )
    return np.stack(pictures)


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _json(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(part) for part in value]
    return value if isinstance(value, (str, int, bool, type(None))) else repr(value)
