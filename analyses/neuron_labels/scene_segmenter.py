"""A small network that says, at every pixel, which words of the scenes' language are true."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d


class Segmenter(nn.Module):
    """An encoder and decoder with skips, after U-Net (Ronneberger et al. 2015, 1505.04597).

    Parameters
    ----------
    n_words : int
    width : int
        Channels at full size; the three levels further down have up to four times as many.
    """

    def __init__(self, n_words: int, width: int = 16) -> None:
        super().__init__()
        # Red, green, blue, and where the pixel is: convolution alone does not know.
        self.first = _twice(5, width)
        self.second = _twice(width, 2 * width)
        self.third = _twice(2 * width, 3 * width)
        self.fourth = _twice(3 * width, 4 * width)
        self.up_third = _twice(7 * width, 3 * width)
        self.up_second = _twice(5 * width, 2 * width)
        self.up_first = _once(3 * width, 2 * width)
        self.output = nn.Conv2d(2 * width, n_words, 1)
        # Most words are false at most pixels.
        nn.init.constant_(dict(self.output.named_parameters())["bias"], -3.0)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits ``(n, words, height, width)`` of brightness ``(n, 3, height, width)``, 0 to 1.

        Height and width are multiples of 8.
        """
        full = self.first(torch.cat([2 * pixels - 1, _places(pixels)], dim=1))
        half = self.second(max_pool2d(full, 2))
        quarter = self.third(max_pool2d(half, 2))
        eighth = self.fourth(max_pool2d(quarter, 2))
        up = self.up_third(torch.cat([_doubled(eighth), quarter], dim=1))
        up = self.up_second(torch.cat([_doubled(up), half], dim=1))
        up = self.up_first(torch.cat([_doubled(up), full], dim=1))
        logits: Tensor = self.output(up)
        return logits


def _twice(given: int, made: int) -> nn.Sequential:
    return nn.Sequential(_once(given, made), _once(made, made))


def _once(given: int, made: int) -> nn.Sequential:
    convolution = nn.Conv2d(given, made, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(made), nn.ReLU())


def _doubled(maps: Tensor) -> Tensor:
    return interpolate(maps, scale_factor=2, mode="nearest")


def _places(pixels: Tensor) -> Tensor:
    """Row and column of every pixel from -1 to 1: ``(n, 2, height, width)``."""
    n, _, height, width = pixels.shape
    down = torch.linspace(-1, 1, height)[:, None].expand(height, width)
    across = torch.linspace(-1, 1, width)[None, :].expand(height, width)
    return torch.stack([down, across]).to(pixels)[None].expand(n, 2, height, width)
