"""Opening a Hugging Face vision model with its images, from what a capture asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.capturing.request import CaptureRequest

if TYPE_CHECKING:
    from workbench.capturing.source import SiteInfo
    from workbench.subjects.networks.inputs import Stimuli
    from workbench.subjects.networks.layout import Layout
    from workbench.subjects.networks.offer import Offer
    from workbench.subjects.networks.source import NetworkSource
    from workbench.subjects.vision.model import VisionModel
    from workbench.subjects.vision.pictures import Pictures
    from workbench.subjects.vision.preprocessing import Preprocessing

VISION_OPTIONS = (
    "model_dtype",
    "batch",
    "size",
    "mean",
    "std",
    "scale",
    "key",
    "image_column",
)
_OWN = ("size", "mean", "std", "scale")
_ARGUMENT = "pixel_values"


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> NetworkSource:
    """See `workbench.subjects.addresses.open_source`.

    Parameters
    ----------
    request : CaptureRequest
        With ``images``: a folder, a ``.parquet`` or ``.npz`` file, or an array. Preprocessing is
        the model's own, or that of the options ``size``, ``mean``, ``std`` and ``scale`` if any
        of these is given.
    name : str
        Local folder, or name on the Hugging Face hub.
    _staging : Path, optional
        Tables are small enough for memory.

    Returns
    -------
    NetworkSource

    Raises
    ------
    UsageError
        If there is no such model, images or site.
    WorkbenchError
        If an image is damaged.
    """
    from workbench.subjects.networks.inputs import Stimuli
    from workbench.subjects.networks.source import NetworkSource, Subject
    from workbench.subjects.vision.inputs import PictureInputs
    from workbench.subjects.vision.pictures import open_pictures

    request.check_options(VISION_OPTIONS)
    request.allow_stimuli("images", "stimuli")
    pictures = open_pictures(request)
    model = _model(request, name)
    inputs = PictureInputs(pictures, _preprocessing(request, model), _ARGUMENT)
    stimuli = Stimuli(inputs, pictures.labels)
    subject = Subject(model.network, "vision", model.ingredients)
    return NetworkSource(request, subject, stimuli, _offer(request, model, stimuli))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`; without images, for grey ones."""
    from workbench.subjects.networks.inputs import Stimuli
    from workbench.subjects.networks.source import sites_offered
    from workbench.subjects.vision.inputs import PictureInputs
    from workbench.subjects.vision.pictures import open_pictures

    has_images = request.images is not None or request.stimuli is not None
    pictures = open_pictures(request) if has_images else _any_pictures()
    model = _model(request, name)
    inputs = PictureInputs(pictures, _preprocessing(request, model), _ARGUMENT)
    return sites_offered(_offer(request, model, Stimuli(inputs, pictures.labels)))


def _model(request: CaptureRequest, name: str) -> VisionModel:
    from workbench.subjects.vision.model import VisionModel

    return VisionModel(name, str(request.option("model_dtype", "float32")))


def _preprocessing(request: CaptureRequest, model: VisionModel) -> Preprocessing:
    from workbench.subjects.vision.preprocessing import ProcessorPreprocessing, plain_preprocessing

    if any(request.option(name) is not None for name in _OWN):
        return plain_preprocessing(request)
    return ProcessorPreprocessing(model.processor())


def _offer(request: CaptureRequest, model: VisionModel, stimuli: Stimuli) -> Offer:
    from workbench.subjects.networks.offer import Offer
    from workbench.subjects.vision.tokens import TokenGrid, without_pooled_space

    def refine(layouts: Mapping[str, Layout]) -> dict[str, Layout]:
        layouts = without_pooled_space(layouts)
        patches = _patches(model, layouts)
        # Within windows tokens are in another order than on the picture.
        if patches is None or getattr(model.network.config, "window_size", None):
            return dict(layouts)
        return TokenGrid(patches["y"], patches["x"], model.registers).refine(layouts)

    return Offer(request, model.network, stimuli, refine)


def _patches(model: VisionModel, layouts: Mapping[str, Layout]) -> dict[str, int] | None:
    from torch import nn

    for layout in layouts.values():
        module = model.network.get_submodule(layout.module) if layout.module != "output" else None
        if isinstance(module, nn.Conv2d) and module.kernel_size == module.stride:
            return layout.sizes
    return None


def _any_pictures() -> Pictures:
    from workbench.subjects.vision.pictures import ArrayPictures

    return ArrayPictures(np.full((3, 256, 256, 3), 128, np.uint8), None, "grey")
