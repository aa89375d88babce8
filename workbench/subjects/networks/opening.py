"""Opening any torch network with its stimuli, from what a capture asks for."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.capturing.request import CaptureRequest
from workbench.subjects.networks.checkpoints import find_checkpoints, load_checkpoint
from workbench.subjects.networks.options import keyword_arguments
from workbench.subjects.vision.pictures import holds_pictures

if TYPE_CHECKING:
    import torch

    from workbench.capturing.source import SiteInfo
    from workbench.subjects.networks.source import NetworkSource, Subject

NETWORK_OPTIONS = (
    "factory_arguments",
    "checkpoints",
    "time",
    "batch_axis",
    "step_seconds",
    "batch",
    "key",
    "inputs",
    "size",
    "mean",
    "std",
    "scale",
    "image_column",
)


def open_subject(request: CaptureRequest, name: str, _staging: Path | None) -> NetworkSource:
    """See `workbench.subjects.addresses.open_source`.

    Parameters
    ----------
    request : CaptureRequest
        Its subject may be a `torch.nn.Module`; the manifest then has the name of its class.
    name : str
        ``package.module:factory`` or ``./file.py:factory``; of no matter for a module.
    _staging : Path, optional
        Tables are small enough for memory.

    Returns
    -------
    NetworkSource

    Raises
    ------
    UsageError
        If there is no such network, stimuli or site.
    """
    from workbench.subjects.networks.source import NetworkSource
    from workbench.subjects.networks.stimuli import open_stimuli

    request, subject = _subject(request, name)
    return NetworkSource(request, subject, open_stimuli(request, _is_wide(subject.network)))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`; the shapes depend on the stimuli."""
    from workbench.subjects.networks.offer import Offer
    from workbench.subjects.networks.source import sites_offered
    from workbench.subjects.networks.stimuli import open_stimuli

    request, subject = _subject(request, name)
    if subject.checkpoints:
        load_checkpoint(subject.network, subject.checkpoints[0])
    stimuli = open_stimuli(request, _is_wide(subject.network))
    return sites_offered(Offer(request, subject.network, stimuli))


def _subject(request: CaptureRequest, name: str) -> tuple[CaptureRequest, Subject]:
    from workbench.subjects.networks.factory import address_of, build_network, initialised
    from workbench.subjects.networks.source import Subject

    checkpoints: tuple[Path, ...] = ()
    if request.option("checkpoints") is not None:
        checkpoints = tuple(find_checkpoints(request.option("checkpoints")))
        # The files themselves: a glob may find more of them later.
        files = {"checkpoints": [str(path) for path in checkpoints]}
        request = replace(request, options={**request.options, **files})
    if isinstance(request.subject, str):
        arguments = keyword_arguments(request, "factory_arguments")
        network = build_network(name, arguments)
    else:
        network = initialised(request.subject)
        request = replace(request, subject=address_of(network), device=_place(request, network))
        if checkpoints:
            # The caller's network keeps its weights.
            network = copy.deepcopy(network)
    request.check_options(NETWORK_OPTIONS)
    request.allow_stimuli("stimuli", "images")
    kind = "vision" if holds_pictures(request) else "network"
    return request, Subject(network, kind, checkpoints=checkpoints)


def _place(request: CaptureRequest, network: torch.nn.Module) -> str:
    # A network that somebody made stays where it is, unless they say otherwise.
    first = next(network.parameters(), None)
    return str(first.device) if request.device == "auto" and first is not None else request.device


def _is_wide(network: torch.nn.Module) -> bool:
    import torch

    from workbench.subjects.networks.forward import floating_dtype

    return floating_dtype(network) == torch.float64
