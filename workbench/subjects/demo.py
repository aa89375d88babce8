"""Embedded subjects with their own stimuli: nothing to download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.capturing.request import CaptureRequest
from workbench.demo.checkpoints import STEPS, series, weights_file
from workbench.errors import UsageError, nearest
from workbench.recording.label_origin import LabelOrigin
from workbench.subjects.language.tagging import labels_note, note_of, requested_texts
from workbench.subjects.language.texts import Text

if TYPE_CHECKING:
    import torch

    from workbench.capturing.source import SiteInfo, Source
    from workbench.demo.sentences import TaggedSentence
    from workbench.subjects.networks.inputs import Stimuli
    from workbench.subjects.networks.offer import Offer

DEMOS = ("language", "vision", "rnn", "brain", "brain-spikes")
_STIMULI = {"language": ("sentences", "prose"), "vision": ("test", "train"), "rnn": ("trials",)}
_N_SENTENCES = 1500
_N_TRIALS = 200
GRAMMAR = LabelOrigin("the grammar that wrote the sentences, so they are known")


def open_subject(request: CaptureRequest, name: str, staging: Path | None) -> Source:
    """Open a demo subject together with its stimuli.

    Parameters
    ----------
    request : CaptureRequest
    name : str
        ``language``, ``vision``, ``rnn``, ``brain`` or ``brain-spikes``; networks take
        ``@initial``, ``@middle`` or ``@final`` behind it, or the option ``checkpoints`` for
        several in one recording.
    staging : Path, optional

    Returns
    -------
    Source

    Raises
    ------
    UsageError
        If there is no such demo, checkpoint or set of stimuli.
    """
    demo, checkpoint = _split(name)
    if demo == "language":
        return _language(request, checkpoint, _series(request, name), staging)
    if demo in ("brain", "brain-spikes"):
        return _brain(request, demo)
    from workbench.subjects.networks.source import NetworkSource, Subject

    request.check_options(("n_stimuli", "checkpoints"))
    request.allow_stimuli("stimuli")
    names = _series(request, name)
    network = _network(demo, (names or [checkpoint])[0])
    stimuli = _network_stimuli(request, demo)
    subject = Subject(
        network,
        "vision" if demo == "vision" else "network",
        checkpoints=tuple(weights_file(demo, each) for each in names),
        steps=tuple(STEPS[demo][each] for each in names),
    )
    return NetworkSource(request, subject, stimuli, _offer(request, network, stimuli))


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    demo, checkpoint = _split(name)
    if demo == "language":
        from workbench.demo.language import folder
        from workbench.subjects.language.model import LanguageModel

        return LanguageModel(str(folder(checkpoint)), request.device).sites()
    if demo in ("brain", "brain-spikes"):
        from workbench.subjects.brains.demo import demo_traces
        from workbench.subjects.brains.source import trace_sites

        return trace_sites(demo_traces(demo))
    from workbench.subjects.networks.source import sites_offered

    stimuli = _network_stimuli(request, demo)
    return sites_offered(_offer(request, _network(demo, checkpoint), stimuli))


def _split(name: str) -> tuple[str, str]:
    demo, _, checkpoint = name.partition("@")
    if demo not in DEMOS:
        raise UsageError(f"Found no demo '{demo}'; {nearest(demo, DEMOS)}")
    if checkpoint and demo.startswith("brain"):
        raise UsageError(f"'demo:{demo}' was recorded, not trained; leave '@{checkpoint}' out.")
    return demo, checkpoint or "final"


def _series(request: CaptureRequest, name: str) -> list[str]:
    given = request.option("checkpoints")
    if given is None:
        return []
    if "@" in name:
        raise UsageError(
            f"Found checkpoints '{given}' for 'demo:{name}', which names one already; expected "
            f"'demo:{name.partition('@')[0]}'."
        )
    return series(given)


def _language(
    request: CaptureRequest, checkpoint: str, names: list[str], staging: Path | None
) -> Source:
    from workbench.demo.language import folder
    from workbench.subjects.language.checkpoints import LanguageCheckpoint, open_series
    from workbench.subjects.language.model import LanguageModel
    from workbench.subjects.language.source import LANGUAGE_OPTIONS, LanguageSource

    request.check_options((*LANGUAGE_OPTIONS, "n_stimuli", "checkpoints"))
    request.allow_stimuli("text", "tokens", "stimuli")
    texts, notes = requested_texts(request), labels_note(request)
    if request.text is None and request.tokens is None:
        texts, notes = _own_texts(request)
    if names:
        steps = STEPS["language"]
        found = [LanguageCheckpoint(each, str(folder(each)), steps[each]) for each in names]
        return open_series(request, found, texts, staging, notes)
    model = LanguageModel(
        str(folder(checkpoint)), request.device, request.option("model_dtype", "float32")
    )
    return LanguageSource(request, model, texts, staging, notes)


def _own_texts(request: CaptureRequest) -> tuple[Iterator[Text], dict[str, Any]]:
    from workbench.subjects.language.taggers import ORIGINS

    wanted = _wanted(request, "language")
    if wanted == "sentences":
        from workbench.demo.sentences import sentences

        tagged, origin = sentences(int(request.option("n_stimuli", _N_SENTENCES)), seed=0), GRAMMAR
    else:
        from workbench.demo.prose import paragraphs, tag

        tagged = tag(paragraphs(request.option("n_stimuli")), tagger="hanta")
        origin = ORIGINS["hanta"]
    return (_as_text(each) for each in tagged), note_of({"upos": origin})


def _as_text(sentence: TaggedSentence) -> Text:
    about = {"construction": sentence.construction}
    return Text(sentence.text, sentence.spans, {"upos": sentence.upos}, about)


def _wanted(request: CaptureRequest, demo: str) -> str:
    known = _STIMULI[demo]
    wanted = str(request.stimuli or known[0])
    if wanted not in known:
        raise UsageError(f"Found stimuli '{wanted}' for 'demo:{demo}'; {nearest(wanted, known)}")
    return wanted


def _network(demo: str, checkpoint: str) -> torch.nn.Module:
    if demo == "vision":
        from workbench.demo.vision import network
    else:
        from workbench.demo.rnn import network
    return network(checkpoint)


def _offer(request: CaptureRequest, network: torch.nn.Module, stimuli: Stimuli) -> Offer:
    from workbench.subjects.networks.offer import Offer
    from workbench.subjects.networks.outputs import OUTPUT

    # Their last layer is what they give, and their only state is what their layer gives.
    return Offer(
        request,
        network,
        stimuli,
        refine=lambda layouts: {
            name: layout
            for name, layout in layouts.items()
            if name == layout.module and name != OUTPUT
        },
    )


def _network_stimuli(request: CaptureRequest, demo: str) -> Stimuli:
    import pandas as pd

    from workbench.subjects.networks.inputs import ArrayInputs, Stimuli
    from workbench.subjects.networks.options import whole_number

    wanted = _wanted(request, demo)
    if demo == "vision":
        from workbench.demo.vision import images

        inputs, table = images("train" if wanted == "train" else "test")
        n_images = whole_number(request, "n_stimuli", len(inputs))
        return Stimuli(ArrayInputs({"": inputs[:n_images]}), table.iloc[:n_images])
    from workbench.demo.rnn import trial_epochs, trials

    inputs, table = trials(whole_number(request, "n_stimuli", _N_TRIALS), seed=0)
    epochs = trial_epochs()
    steps = pd.DataFrame({"time": range(len(epochs)), "epoch": epochs})
    return Stimuli(ArrayInputs({"": inputs}), table, steps)


def _brain(request: CaptureRequest, demo: str) -> Source:
    from workbench.subjects.brains.choices import COMMON
    from workbench.subjects.brains.demo import demo_traces
    from workbench.subjects.brains.source import TraceSource

    request.check_options(COMMON)
    return TraceSource(request, demo_traces(demo))
