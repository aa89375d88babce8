"""Embedded subjects with their own stimuli: nothing to download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.capturing.request import CaptureRequest
from workbench.errors import UsageError, nearest
from workbench.subjects.language.texts import Text, open_texts

if TYPE_CHECKING:
    import torch

    from workbench.capturing.source import SiteInfo, Source
    from workbench.demo.sentences import TaggedSentence
    from workbench.subjects.networks.source import Stimuli

DEMOS = ("language", "vision", "rnn", "brain", "brain-spikes")
_STIMULI = {"language": ("sentences", "prose"), "vision": ("test", "train"), "rnn": ("trials",)}
_N_SENTENCES = 1500
_N_TRIALS = 200


def open_subject(request: CaptureRequest, name: str, staging: Path | None) -> Source:
    """Open a demo subject together with its stimuli.

    Parameters
    ----------
    request : CaptureRequest
    name : str
        ``language``, ``vision``, ``rnn``, ``brain`` or ``brain-spikes``; networks take
        ``@initial``, ``@middle`` or ``@final`` behind it.
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
        return _language(request, checkpoint, staging)
    if demo in ("brain", "brain-spikes"):
        return _brain(request, demo)
    from workbench.subjects.networks.source import NetworkSource

    request.check_options(("n_stimuli",))
    request.allow_stimuli("stimuli")
    network = _network(demo, checkpoint)
    kind = "vision" if demo == "vision" else "network"
    return NetworkSource(request, network, _network_stimuli(request, demo), kind)


def subject_sites(request: CaptureRequest, name: str) -> list[SiteInfo]:
    """See `workbench.subjects.addresses.list_sites`."""
    demo, checkpoint = _split(name)
    if demo == "language":
        from workbench.demo.language import folder
        from workbench.subjects.language.model import LanguageModel

        return LanguageModel(str(folder(checkpoint)), request.device).sites()
    if demo in ("brain", "brain-spikes"):
        from workbench.capturing.source import SiteInfo

        (site,) = _brain(request, demo).sites
        return [SiteInfo(site.name, site.shape, site.dtype)]
    from workbench.subjects.networks.source import network_sites

    return network_sites(_network(demo, checkpoint), _network_stimuli(request, demo))


def _split(name: str) -> tuple[str, str]:
    demo, _, checkpoint = name.partition("@")
    if demo not in DEMOS:
        raise UsageError(f"Found no demo '{demo}'; {nearest(demo, DEMOS)}")
    if checkpoint and demo.startswith("brain"):
        raise UsageError(f"'demo:{demo}' was recorded, not trained; leave '@{checkpoint}' out.")
    return demo, checkpoint or "final"


def _language(request: CaptureRequest, checkpoint: str, staging: Path | None) -> Source:
    from workbench.demo.language import folder
    from workbench.subjects.language.model import LanguageModel
    from workbench.subjects.language.source import LANGUAGE_OPTIONS, LanguageSource

    request.check_options((*LANGUAGE_OPTIONS, "n_stimuli"))
    request.allow_stimuli("text", "tokens", "stimuli")
    if request.text is not None:
        texts: Iterator[Text] | None = open_texts(
            request.text, request.option("text_field", "text")
        )
    else:
        texts = None if request.tokens is not None else _own_texts(request)
    model = LanguageModel(
        str(folder(checkpoint)), request.device, request.option("model_dtype", "float32")
    )
    return LanguageSource(request, model, texts, staging)


def _own_texts(request: CaptureRequest) -> Iterator[Text]:
    wanted = _wanted(request, "language")
    if wanted == "sentences":
        from workbench.demo.sentences import sentences

        tagged = sentences(int(request.option("n_stimuli", _N_SENTENCES)), seed=0)
    else:
        from workbench.demo.prose import paragraphs, tag

        tagged = tag(paragraphs(request.option("n_stimuli")), tagger="hanta")
    return (_as_text(each) for each in tagged)


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


def _network_stimuli(request: CaptureRequest, demo: str) -> Stimuli:
    import pandas as pd

    from workbench.subjects.networks.source import Stimuli

    wanted = _wanted(request, demo)
    if demo == "vision":
        from workbench.demo.vision import images

        inputs, table = images("train" if wanted == "train" else "test")
        n_images = request.option("n_stimuli", len(inputs))
        return Stimuli(inputs[:n_images], table.iloc[:n_images])
    from workbench.demo.rnn import trial_epochs, trials

    inputs, table = trials(int(request.option("n_stimuli", _N_TRIALS)), seed=0)
    epochs = trial_epochs()
    steps = pd.DataFrame({"time": range(len(epochs)), "epoch": epochs})
    return Stimuli(inputs, table, steps)


def _brain(request: CaptureRequest, demo: str) -> Source:
    import pandas as pd

    from workbench.demo import brain
    from workbench.subjects.brains.source import TraceSource

    request.check_options(())
    arrays = brain.fmri() if demo == "brain" else brain.grasshopper()
    rows = arrays.row_labels.rename(columns={"time_seconds": "time"})
    runs = rows["run"] if "run" in rows else pd.Series(["session"] * len(rows))
    numbers, names = pd.factorize(runs)
    rows.insert(0, "stimulus", numbers)
    units = pd.DataFrame({"unit": range(len(arrays.unit_names)), "name": arrays.unit_names})
    units = units.join(arrays.unit_labels)
    about: dict[str, Any] = {
        "sampling_rate_hz": arrays.sampling_rate,
        "quantity": arrays.quantity,
        "source": arrays.source,
        "licence": arrays.licence,
    }
    site = "bold" if demo == "brain" else "spikes"
    sessions = pd.DataFrame({"session": names})
    return TraceSource(request, site, arrays.traces, rows, units, sessions, about)
