"""Opening a language model with its texts, from what a capture asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import SiteInfo, Source
from workbench.errors import UsageError
from workbench.subjects.language.checkpoints import find_folders, open_series
from workbench.subjects.language.model import LanguageModel
from workbench.subjects.language.source import LANGUAGE_OPTIONS, LanguageSource
from workbench.subjects.language.tagging import labels_note, requested_texts


def open_subject(request: CaptureRequest, name: str, staging: Path | None) -> Source:
    """See `workbench.subjects.addresses.open_source`."""
    request.check_options((*LANGUAGE_OPTIONS, "checkpoints"))
    request = with_text_or_tokens(request)
    texts, notes = requested_texts(request), labels_note(request)
    if request.option("checkpoints") is not None:
        found = find_folders(name, request.option("checkpoints"))
        return open_series(request, found, texts, staging, notes)
    model = LanguageModel(name, request.device, str(request.option("model_dtype", "float32")))
    return LanguageSource(request, model, texts, staging, notes)


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    if request.option("checkpoints") is not None:
        name = find_folders(name, request.option("checkpoints"))[0].folder
    return LanguageModel(name, request.device).sites()


def with_text_or_tokens(request: CaptureRequest) -> CaptureRequest:
    """The same request with general ``stimuli`` said to be a text or token ids.

    Parameters
    ----------
    request : CaptureRequest

    Returns
    -------
    CaptureRequest

    Raises
    ------
    UsageError
        If the stimuli are neither, or images.
    """
    request.allow_stimuli("text", "tokens", "stimuli")
    given = request.stimuli
    if given is None:
        return request
    if isinstance(given, (str, Path)):
        path = Path(given)
        if path.suffix == ".npy":
            return replace(request, stimuli=None, tokens=path)
        return replace(request, stimuli=None, text=path)
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu":
        return replace(request, stimuli=None, tokens=given)
    if isinstance(given, Sequence) and all(isinstance(each, str) for each in given):
        return replace(request, stimuli=None, text=given)
    raise UsageError(
        f"Found stimuli of type {type(given).__name__} for '{request.subject}'; expected a text "
        "file, a list of texts, or an array of token ids."
    )
