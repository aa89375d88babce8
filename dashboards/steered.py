"""Language models kept open for the page Steering, and what they answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from workbench.recording.recording import Recording, open_recording

if TYPE_CHECKING:
    from probes import NextTokens, Steering
    from workbench.editing.language import LanguageTarget

STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
N_TEXTS = 6
N_CONTROLS = 40
_MOST_ROWS = 4000


@dataclass(frozen=True)
class Question:
    """Which direction of which recording.

    Attributes
    ----------
    path, identity : str
        Of the recording.
    site, labels, name : str
        Where, which column, and the class.
    of_next : bool
        Whether the class is the next word's, not the word's own.
    way : str
        As of `probes.class_direction`.
    """

    path: str
    identity: str
    site: str
    labels: str
    name: str
    of_next: bool
    way: str


@st.cache_resource(max_entries=2, show_spinner="Opening the model")
def opened(path: str, identity: str) -> LanguageTarget:  # noqa: ARG001 - part of the key
    """The model of a recording with some of its texts, opened once."""
    from workbench.editing.language import LanguageTarget
    from workbench.editing.opening import as_target

    recording = open_recording(path)
    texts = recording.stimuli["text"].astype(str).tolist()
    target = as_target(str(recording.subject.get("address", "")), texts[:N_TEXTS], None)
    assert isinstance(target, LanguageTarget)  # noqa: S101 - of a recording of a language model
    return target


@st.cache_data(max_entries=64, show_spinner="Reading the direction")
def direction(asked: Question) -> tuple[NDArray[np.floating], list[int]]:
    """The direction (units,), and the tokens that are words of the class."""
    from probes import class_direction, class_tokens, next_labels

    recording = open_recording(asked.path)
    rows = recording.rows
    own = rows[asked.labels].fillna("").astype(str).to_numpy()
    tokens = class_tokens(opened(asked.path, asked.identity), rows["token"], own, asked.name)
    said = next_labels(own, rows["stimulus"], rows["word"]) if asked.of_next else own
    known = np.flatnonzero(said != "")
    chosen = known[np.linspace(0, len(known) - 1, min(len(known), _MOST_ROWS)).astype(int)]
    activity = recording[asked.site].to_numpy(chosen)
    return class_direction(activity, said[chosen], asked.name, asked.way), tokens


@st.cache_data(max_entries=64, show_spinner="Steering, and along random directions")
def curve(asked: Question) -> Steering:
    """Probability of the class's words over strengths."""
    from probes import steer

    along, tokens = direction(asked)
    return steer(
        opened(asked.path, asked.identity),
        asked.site,
        along,
        answers=tokens,
        strengths=STRENGTHS,
        n_controls=N_CONTROLS,
    )


@st.cache_data(max_entries=256, show_spinner=False)
def continued(asked: Question, text: str, strength: float) -> NextTokens:
    """What comes next after a text."""
    from probes import next_tokens

    along, _ = direction(asked)
    target = opened(asked.path, asked.identity)
    return next_tokens(target, asked.site, along, text, strength=strength, n_controls=N_CONTROLS)


def label_columns(recording: Recording) -> list[str]:
    """Columns of classes that words have, part of speech first."""
    rows = recording.rows
    found = [
        str(name)
        for name in rows.columns
        if name != "token"
        and rows[name].dtype.kind not in "iufb"
        and 2 <= rows[name].nunique() < 60
    ]
    return sorted(found, key=lambda name: name != "upos")


def steerable(recording: Recording) -> bool:
    """Whether a recording has words with classes, and texts of a model that an address opens."""
    needed = {"token", "stimulus", "word"} <= set(recording.rows)
    addressed = str(recording.subject.get("address", "")).startswith(("demo:", "hf:"))
    return needed and addressed and "text" in recording.stimuli and bool(label_columns(recording))
