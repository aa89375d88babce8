"""One vector an exemplar: the maps of a frozen network, averaged inside the unit's mask.

MILAN's pyramid (2201.11114, section 3; `src/milan/encoders.py`): at every level the mask is
resized to the map, normalised to sum one, and weighs the map's vectors. Pixels are not blacked out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, WorkbenchError, nearest

if TYPE_CHECKING:
    import torch
    from torch import nn

_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class PyramidEncoder:
    """A frozen convolutional network that turns an image and a mask into a vector.

    Attributes
    ----------
    network : torch.nn.Module
        Takes images ``(n, channels, height, width)``.
    layers : tuple of str
        Modules whose outputs ``(n, channels, height, width)`` are averaged, one a level.
    size : int
        Images are resized to this height and width.
    mean, scale : tuple of float
        Per channel: what is taken from brightness (0 to 1), and what it is divided by. One number
        each means a network for grey images.
    geometry : bool
        Whether where the mask is, how far it reaches and how large it is count as a level of their
        own. MILAN's networks see that through their padding; small ones do not.
    """

    network: nn.Module
    layers: tuple[str, ...]
    size: int
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    geometry: bool = True

    def __post_init__(self) -> None:
        known = [name for name, _ in self.network.named_modules() if name]
        for layer in self.layers:
            if layer not in known:
                raise UsageError(
                    f"The network has no layer '{layer}': {nearest(layer, known)}; expected names "
                    "of its modules."
                )
        self.network.eval().requires_grad_(False)

    def load_state(self, path: str | Path) -> PyramidEncoder:
        """Fill the network with weights of a local file, which never runs code.

        Parameters
        ----------
        path : path
            ``.safetensors``, or what ``torch.save`` wrote of a state dictionary.

        Raises
        ------
        UsageError
            If there is no such file.
        WorkbenchError
            If it does not fit.
        """
        if not Path(path).is_file():
            raise UsageError(f"Found no file '{path}'; expected a state dictionary's file.")
        try:
            self.network.load_state_dict(_state(Path(path)))
        except (RuntimeError, ValueError, EOFError) as error:
            said = str(error).splitlines()[0]
            raise WorkbenchError(
                f"Cannot load '{path}' ({said}); expected weights of this very network: build the "
                "network that they were trained in."
            ) from error
        return self

    def maps(self, images: NDArray[np.uint8]) -> list[torch.Tensor]:
        """Outputs of the layers, each ``(n, channels, height, width)``.

        Parameters
        ----------
        images : array (n, height, width, 3)

        Raises
        ------
        UsageError
            If a layer's output is no map.
        """
        import torch

        caught: dict[str, torch.Tensor] = {}
        modules = dict(self.network.named_modules())
        hooks = [
            modules[layer].register_forward_hook(
                lambda _m, _i, output, layer=layer: caught.__setitem__(layer, output)
            )
            for layer in self.layers
        ]
        try:
            with torch.inference_mode():
                self.network(self._prepared(images))
        finally:
            for hook in hooks:
                hook.remove()
        for layer, output in caught.items():
            if output.ndim != 4:
                raise UsageError(
                    f"Layer '{layer}' gives an array of shape {tuple(output.shape)}; expected a "
                    "map (images, channels, height, width): choose a convolutional layer."
                )
        return [caught[layer] for layer in self.layers]

    def _prepared(self, images: NDArray[np.uint8]) -> torch.Tensor:
        import torch
        from torch.nn.functional import interpolate

        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
        if pixels.shape[-2:] != (self.size, self.size):
            size = (self.size, self.size)
            pixels = interpolate(pixels, size, mode="bilinear", align_corners=False)
        if len(self.mean) == 1:
            pixels = pixels.mean(dim=1, keepdim=True)
        mean, scale = torch.tensor(self.mean), torch.tensor(self.scale)
        return (pixels - mean[:, None, None]) / scale[:, None, None]

    def __call__(self, images: NDArray[np.uint8], masks: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Vectors of images and masks.

        Parameters
        ----------
        images : array (n, height, width, 3)
        masks : array (n, height, width)

        Returns
        -------
        ndarray (n, features)
            Levels one after the other.
        """
        import torch

        found = []
        for start in range(0, len(images), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            shown = torch.from_numpy(masks[part].astype(np.float32))
            maps = self.maps(images[part])
            found.append(pool_levels(maps, shown, self.geometry).numpy())
        return np.concatenate(found)

    def fingerprint(self) -> str:
        """Hash of weights and settings."""
        from workbench.recording.identity import digest

        weights = digest_state(self.network.state_dict())
        settings = [list(self.layers), self.size, list(self.mean), list(self.scale), self.geometry]
        return digest([weights, settings])


def pool_levels(
    maps: Sequence[torch.Tensor], masks: torch.Tensor, geometry: bool = True
) -> torch.Tensor:
    """Masked means at every level, one after the other.

    Parameters
    ----------
    maps : sequence of Tensor (n, channels, height, width)
    masks : Tensor (n, height, width)
        From 0 to 1; one that is empty counts as the whole image.
    geometry : bool
        Whether centre, spread and area of the mask are a further level.

    Returns
    -------
    Tensor (n, features)
    """
    import torch

    levels = [masked_mean(level, masks) for level in maps]
    return torch.cat([*levels, _geometry(masks)] if geometry else levels, dim=1)


def masked_mean(level: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Mean of a map's vectors inside a mask: ``sum_xy F(xy) m(xy) / sum_xy m(xy)``.

    Parameters
    ----------
    level : Tensor (n, channels, height, width)
    masks : Tensor (n, height, width)

    Returns
    -------
    Tensor (n, channels)
    """
    import torch

    weights = _weights(masks, (level.shape[-2], level.shape[-1]))
    return torch.einsum("nchw,nhw->nc", level.float(), weights)


def _weights(masks: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Masks at a map's size, summing to one; by area, so that no small mask is lost between."""
    from torch.nn.functional import adaptive_avg_pool2d

    small = adaptive_avg_pool2d(masks[:, None], size)[:, 0]
    total = small.sum(dim=(1, 2), keepdim=True)
    return (small + (total == 0)) / (total + (total == 0) * small[0].numel())


def _geometry(masks: torch.Tensor) -> torch.Tensor:
    """Centre and spread down and across, and area, ``(n, 5)``, in shares of the image."""
    import torch

    n, height, width = masks.shape
    weights = _weights(masks, (height, width))
    down, across = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    found = []
    for axis, places in ((2, down), (1, across)):
        share = weights.sum(dim=axis)
        centre = share @ places
        spread = ((places - centre[:, None]).square() * share).sum(dim=1).sqrt()
        found += [centre, spread]
    return torch.stack([*found, masks.reshape(n, -1).mean(dim=1)], dim=1)


def demo_encoder(checkpoint: str = "final") -> PyramidEncoder:
    """An encoder of the embedded vision network.

    Parameters
    ----------
    checkpoint : str
        *initial*, *middle* or *final*.
    """
    from workbench.demo.vision import SIZE, network

    return PyramidEncoder(network(checkpoint), ("relu1", "relu2", "relu3", "relu4"), SIZE)


def scene_encoder() -> PyramidEncoder:
    """An encoder of the network that comes along to read scenes, trained on every word of them."""
    from analyses.neuron_labels.scene_segmenting import SIZE, load_segmenter

    return PyramidEncoder(load_segmenter(), ("first", "second", "third", "up_first"), SIZE)


def digest_state(state: dict[str, torch.Tensor]) -> str:
    """Hash of named tensors, in order of their names.

    Parameters
    ----------
    state : dict of str to Tensor
    """
    from workbench.recording.identity import digest, digest_array

    return digest({name: digest_array(value.cpu().numpy()) for name, value in state.items()})


def _state(path: Path) -> dict[str, torch.Tensor]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix != ".safetensors":
        return torch.load(path, map_location="cpu", weights_only=True)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
