"""Steering: a probe's direction is added while a language model reads, beside random directions."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboards.cached import readable_recordings, recording_of
from dashboards.parts import plain, show_figure
from dashboards.steered import (
    N_CONTROLS,
    N_TEXTS,
    Question,
    continued,
    curve,
    direction,
    label_columns,
    steerable,
)
from workbench.errors import WorkbenchError
from workbench.library import RecordingSummary
from workbench.recording.recording import Recording

NEXT, OWN = "the next word", "the word itself"


def steering_page() -> None:
    """Show how a direction changes what a model says next."""
    st.title("Steering")
    st.markdown("*Does what a probe reads also drive what the model says next?*")
    candidates = [each for each in readable_recordings() if each.kind == "language"]
    by_name = {each.name: each for each in candidates if steerable(recording_of(each))}
    if not by_name:
        st.info(
            "There is no recording of a language model with labelled words yet: make one on the "
            "page Capture, such as of demo:language at one row a word."
        )
        return
    with st.sidebar:
        asked = _ask(by_name)
    text, strength = _inputs(recording_of_question(by_name, asked))
    try:
        _show(asked, text, strength)
    except WorkbenchError as error:
        st.error(plain(error))


def recording_of_question(by_name: dict[str, RecordingSummary], asked: Question) -> Recording:
    """The recording that a question is about."""
    return next(recording_of(each) for each in by_name.values() if str(each.path) == asked.path)


def _ask(by_name: dict[str, RecordingSummary]) -> Question:
    from probes.of_class import WAYS

    name = st.selectbox("Recording", list(by_name), key="steering_recording", bind="query-params")
    summary = by_name[name]
    recording = recording_of(summary)
    sites = recording.sites
    # The last layer is read out directly; what comes before it can still be worked with.
    site = st.selectbox("Site", sites, index=max(len(sites) - 2, 0), key="steering_site")
    labels = st.selectbox("Labels", label_columns(recording), key="steering_labels")
    classes = recording.rows[labels].dropna().astype(str).value_counts().index.tolist()
    chosen = st.selectbox("Class", classes, key="steering_class")
    of_next = st.radio("Class of", [NEXT, OWN], key="steering_of") == NEXT
    way = st.radio("Direction", WAYS, key="steering_way")
    return Question(str(summary.path), summary.identity, site, labels, chosen, of_next, way)


def _inputs(recording: Recording) -> tuple[str, float]:
    longest = max(recording.stimuli["text"].astype(str).iloc[:N_TEXTS], key=len).split()
    default = " ".join(longest[: max(len(longest) - 2, 1)])
    left, right = st.columns(2)
    text = left.text_input("Text that the model goes on with", default, key="steering_text")
    strength = right.slider("Strength", -1.0, 1.0, 0.5, 0.25, key="steering_strength")
    return text, float(strength)


def _show(asked: Question, text: str, strength: float) -> None:
    from probes.steering_figures import next_token_bars, steering_curve

    following = continued(asked, text, strength)
    tokens = direction(asked)[1]
    overall = curve(asked)
    shift, others = following.shift(tokens)
    low, high = np.quantile(others, [0.025, 0.975])
    columns = st.columns(3)
    name = plain(asked.name)
    columns[0].metric(f"{name} next, after this text", f"{shift:+.2f} nats", border=True)
    columns[1].metric("Random directions, 95 %", f"{low:+.2f} to {high:+.2f}", border=True)
    columns[2].metric("Slope over all texts, p", f"{overall.p_value:.2g}", border=True)
    outside = not low <= shift <= high
    st.markdown(
        f"At strength {strength:+g} the direction changes the log-probability that a word of "
        f"class {name} follows by {shift:+.2f} nats, "
        + ("**more than**" if outside else "**no more than**")
        + f" {N_CONTROLS} random directions of the same length do. {len(tokens)} tokens count as "
        f"{name}: those that mostly have this label in the recording."
    )
    left, right = st.columns(2)
    with left:
        show_figure(steering_curve(overall, f"{asked.name} next", strength), "", "steering_curve")
    with right:
        show_figure(next_token_bars(following, tokens), "", "steering_next")
    with st.expander("The next tokens as a table"):
        st.dataframe(following.top(), hide_index=True, key="steering_table")
    loss = overall.loss - overall.loss[np.argmin(np.abs(overall.strengths))]
    st.caption(
        "What steering breaks: the loss over the texts rises by "
        + ", ".join(
            f"{each:.2f} nats a token at {size:+g}"
            for size, each in zip(overall.strengths, loss, strict=True)
            if size
        )
        + "."
    )
