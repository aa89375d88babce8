"""Opening what was recorded again, if its address and files still give the recorded weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    from analyses.learning_regime.opened import Opened

_LANGUAGE = "language"


@dataclass(frozen=True)
class OpeningOptions:
    """What to ask of an opened subject.

    Attributes
    ----------
    labels : str, optional
    n_stimuli, n_outputs, seed : int
    """

    labels: str | None
    n_stimuli: int
    n_outputs: int
    seed: int


def opened(recording: Recording, before: Recording | None, options: OpeningOptions) -> Opened | str:
    """Open a subject again, or say why not.

    Parameters
    ----------
    recording : Recording
    before : Recording, optional
    options : OpeningOptions

    Returns
    -------
    Opened or str
    """
    recordings = [recording] if before is None else [before, recording]
    for each in recordings:
        if ":" not in str(each.subject.get("address", "")):
            return "no address opens the subject again"
        if recorded_weights(each) is None:
            return "the recording does not say which weights were recorded, as a view does not"
    try:
        return _open(recordings, options)
    except WorkbenchError as error:
        return str(error).rstrip(".")


def recorded_weights(recording: Recording) -> list[str] | None:
    """Digests of the weights of every checkpoint; None if they are not known."""
    found: Any = recording.manifest.ingredients.get("subject")
    weights = found.get("weights") if isinstance(found, dict) else None
    if weights is None:
        return None
    return [weights] if isinstance(weights, str) else [digest for _, digest in weights]


def _open(recordings: list[Recording], options: OpeningOptions) -> Opened | str:
    if recordings[-1].kind == _LANGUAGE:
        from analyses.learning_regime.opening_language import open_language

        return open_language(recordings, options)
    from analyses.learning_regime.opening_networks import open_network

    return open_network(recordings, options)
