"""From the bytes of a picture to 8-bit RGB, whatever it was saved as."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from PIL import Image

_SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")
_LARGEST_16_BIT = 65535


def decode_picture(content: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a picture as people see it.

    Turned as its EXIF orientation says, the first frame of several, transparency on white, CMYK
    and palettes as colours, greyscale as three equal channels, 16-bit greyscale scaled to 8 bit.

    Parameters
    ----------
    content : bytes
        PNG, JPEG, WebP, BMP, TIFF or GIF.
    name : str
        For messages.

    Returns
    -------
    ndarray (y, x, 3), uint8

    Raises
    ------
    WorkbenchError
        If it is no picture, damaged, or has values without a known range.

    Examples
    --------
    >>> decode_picture(b"not a picture", "a.png")
    Traceback (most recent call last):
    ...
    workbench.errors.WorkbenchError: Could not decode the picture 'a.png' ...
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as picture:
            return _as_rgb(picture, name)
    except WorkbenchError:
        raise
    except UnidentifiedImageError as error:
        raise WorkbenchError(
            f"Could not decode the picture '{name}' (no known picture format); expected PNG, "
            "JPEG, WebP, BMP, TIFF or GIF: mend it or take it out."
        ) from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        EOFError,
        MemoryError,
        OverflowError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WorkbenchError(
            f"Could not decode the picture '{name}' ({first}); expected an undamaged picture: "
            "mend it or take it out."
        ) from error


def _as_rgb(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    from PIL import ImageOps

    picture.seek(0)
    picture.load()
    turned = ImageOps.exif_transpose(picture)
    if turned.mode == "F":
        raise WorkbenchError(
            f"The picture '{name}' has floating-point values without a known range; expected 8 or "
            "16 bit: convert it."
        )
    if turned.mode in _SIXTEEN_BITS:
        return _from_sixteen_bits(turned)
    if turned.mode in _TRANSPARENT or "transparency" in turned.info:
        turned = _on_white(turned.convert("RGBA"))
    return np.asarray(turned.convert("RGB"), dtype=np.uint8)


def _from_sixteen_bits(picture: Image.Image) -> NDArray[np.uint8]:
    # Pillow itself would cut off what is above 255.
    grey = np.asarray(picture).astype(np.float64) * (255 / _LARGEST_16_BIT)
    return np.repeat(np.round(grey).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _on_white(picture: Image.Image) -> Image.Image:
    from PIL import Image

    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture)
