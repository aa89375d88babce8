"""By name: who proposes descriptions, and who predicts activity from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.observing import Observed
from analyses.neuron_labels.row_labels import describe_by_labels, said_of
from analyses.neuron_labels.types import Describer, Exemplars, Simulator, Stimuli
from workbench.errors import UsageError, nearest
from workbench.recording.recording import Recording

AUTO = "auto"
WITH_FOLDER = ("captioner", "clip", "huggingface")
BACKENDS = (AUTO, "grammar", "segments", "tokens", "labels", *WITH_FOLDER)
SIMULATORS = (AUTO, "scenes", "maps", "tokens", "labels", "clip")
_BANK = 256


@dataclass(frozen=True, eq=False)
class Backend:
    """A describer with the simulator that tests it.

    Attributes
    ----------
    name : str
    describer : Describer
    simulator : Simulator
    stimuli : Stimuli
        Observed rows, as the simulator takes them.
    """

    name: str
    describer: Describer
    simulator: Simulator
    stimuli: Stimuli


def backend_name(asked: str, kind: str, stimuli: Stimuli | None) -> str:
    """Which backend ``auto`` is.

    Parameters
    ----------
    asked : str
    kind : str
        Of the exemplars: ``vision``, ``language`` or ``brain``.
    stimuli : Stimuli, optional

    Returns
    -------
    str

    Raises
    ------
    UsageError
        If there is no such backend, or one of a folder comes without it.

    Examples
    --------
    >>> backend_name("auto", "language", None), backend_name("clip:models/clip", "vision", None)
    ('tokens', 'clip:models/clip')
    """
    name, _, folder = asked.partition(":")
    if name not in BACKENDS:
        raise UsageError(f"Found no backend '{asked}'; {nearest(name, BACKENDS)}")
    if (name in WITH_FOLDER) != bool(folder):
        wanted = "a folder behind it" if name in WITH_FOLDER else "no folder"
        raise UsageError(
            f"Found the backend '{asked}'; expected {wanted}, as in 'clip:models/clip'."
        )
    if name != AUTO:
        return asked
    if kind == "language":
        return "tokens"
    return "grammar" if stimuli is not None and stimuli.images is not None else "labels"


@dataclass(frozen=True, eq=False)
class Given:
    """What describers are made from.

    Attributes
    ----------
    folder : str
        Behind the colon of the backend's name.
    recording : Recording
    exemplars : Exemplars
    stimuli : Stimuli
    words : tuple of str
        What units can be called, for the backend ``clip``.
    """

    folder: str
    recording: Recording
    exemplars: Exemplars
    stimuli: Stimuli
    words: tuple[str, ...]


def open_backend(
    asked: str,
    simulator: str,
    recording: Recording,
    exemplars: Exemplars,
    observed: Observed,
    words: tuple[str, ...] = (),
) -> Backend:
    """Open a describer and a simulator for one site.

    Parameters
    ----------
    asked : str
        One of `BACKENDS`; behind those that need weights a folder, as in ``clip:models/clip``.
    simulator : str
        ``auto``, or one of `SIMULATORS`.
    recording : Recording
    exemplars : Exemplars
    observed : Observed
    words : tuple of str
        What units can be called, for the backend ``clip``.

    Returns
    -------
    Backend

    Raises
    ------
    UsageError
        If there is no such backend, or the stimuli do not hold what it needs.
    """
    stimuli = exemplars.stimuli
    name = backend_name(asked, exemplars.kind, stimuli)
    if stimuli is None or observed.stimuli is None:
        raise UsageError(
            f"Found nothing on what was shown at '{exemplars.site}'; expected images, tokens or "
            "labels: pass images= or the companion 'stimuli', or record with labels."
        )
    head, _, folder = name.partition(":")
    given = Given(folder, recording, exemplars, stimuli, words)
    describer = _DESCRIBERS[head](given)
    kind, _, weights = (_SIMULATOR_OF[head] if simulator == AUTO else simulator).partition(":")
    if kind not in SIMULATORS:
        raise UsageError(f"Found no simulator '{simulator}'; {nearest(kind, SIMULATORS)}")
    shown = said_of(observed.stimuli) if kind == "labels" else observed.stimuli
    return Backend(name, describer, _SIMULATED[kind](weights or folder, observed), shown)


_SIMULATOR_OF = {
    "grammar": "scenes",
    "captioner": "scenes",
    "huggingface": "scenes",
    "segments": "maps",
    "tokens": "tokens",
    "labels": "labels",
    "clip": "clip",
}


def _grammar(_given: Given) -> Describer:
    from analyses.neuron_labels.grammar import GrammarDescriber

    return GrammarDescriber()


def _segments(given: Given) -> Describer:
    from analyses.neuron_labels.segments import SegmentsDescriber

    used = given.recording.rows["stimulus"].isin(given.exemplars.split_rows).to_numpy()
    rows = np.flatnonzero(used)
    return SegmentsDescriber.read(given.recording, given.exemplars.site, given.stimuli, rows)


def _tokens(given: Given) -> Describer:
    from analyses.neuron_labels.tokens import TokensDescriber

    texts = given.stimuli.texts or []
    return TokensDescriber([texts[each] for each in given.exemplars.split_rows])


def _labels(given: Given) -> Describer:
    return describe_by_labels(given.exemplars, given.stimuli)


def _captioner(given: Given) -> Describer:
    from analyses.neuron_labels.captioner import CaptionerDescriber
    from analyses.neuron_labels.captioner_encoder import scene_encoder

    return CaptionerDescriber.load(given.folder, scene_encoder())


def _clip(given: Given) -> Describer:
    from analyses.neuron_labels.clip import ClipDescriber

    return ClipDescriber(given.folder, given.words, _bank(given))


def _huggingface(given: Given) -> Describer:
    from analyses.neuron_labels.huggingface import HuggingFaceDescriber

    return HuggingFaceDescriber(given.folder, _bank(given))


_DESCRIBERS: dict[str, Callable[[Given], Describer]] = {
    "grammar": _grammar,
    "segments": _segments,
    "tokens": _tokens,
    "labels": _labels,
    "captioner": _captioner,
    "clip": _clip,
    "huggingface": _huggingface,
}


def _bank(given: Given) -> NDArray[np.uint8]:
    """Images that exemplars are chosen from, some of them, the same for every unit and site."""
    if given.stimuli.images is None:
        raise UsageError(
            "Found no images among the stimuli; expected some: pass images= or the companion "
            "'stimuli'."
        )
    rows = given.exemplars.split_rows
    order = np.random.default_rng(len(rows)).permutation(rows)
    return given.stimuli.images[np.sort(order[:_BANK])]


def _scenes(_folder: str, _observed: Observed) -> Simulator:
    from analyses.neuron_labels.simulators import SceneSimulator

    return SceneSimulator()


def _maps(_folder: str, _observed: Observed) -> Simulator:
    from analyses.neuron_labels.simulators import LabelMapSimulator

    return LabelMapSimulator()


def _token_rows(_folder: str, observed: Observed) -> Simulator:
    from analyses.neuron_labels.simulators_rows import TokenSimulator

    return TokenSimulator("token" if observed.level == "token" else "text")


def _label_rows(_folder: str, _observed: Observed) -> Simulator:
    from analyses.neuron_labels.simulators_rows import LabelSimulator

    return LabelSimulator()


def _clip_match(folder: str, _observed: Observed) -> Simulator:
    from analyses.neuron_labels.clip import ClipSimulator

    return ClipSimulator(folder)


_SIMULATED: dict[str, Callable[[str, Observed], Simulator]] = {
    "scenes": _scenes,
    "maps": _maps,
    "tokens": _token_rows,
    "labels": _label_rows,
    "clip": _clip_match,
}
