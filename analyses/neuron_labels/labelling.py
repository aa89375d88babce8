"""Labels for the units of one site: exemplars, candidates, re-ranking, a test on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.backends import Backend, open_backend
from analyses.neuron_labels.evaluating import evaluate
from analyses.neuron_labels.exemplars import compute_exemplars
from analyses.neuron_labels.observing import Observed, observe
from analyses.neuron_labels.parts import HELD_OUT, PROBE
from analyses.neuron_labels.reranking import pointwise_information, rerank
from analyses.neuron_labels.types import Candidate, Label, Simulator, Stimuli, UnitExemplars
from workbench.errors import UsageError
from workbench.recording.recording import Recording, open_recording

if TYPE_CHECKING:
    from analyses.neuron_labels.evaluations import Evaluation

MOST_KEPT = 5
PARTS = (PROBE, HELD_OUT)
_MOST_TEXTS = 400


@dataclass(frozen=True)
class Settings:
    """What `NeuronLabels` was asked for; see there."""

    backend: str
    simulator: str
    words: tuple[str, ...]
    simulate: bool
    compose: bool
    k: int
    quantile: float
    weight: float
    n_candidates: int
    n_units: int
    null: str
    n_permutations: int
    n_bootstrap: int
    level: float
    max_rows: int
    seed: int


@dataclass(frozen=True, eq=False)
class SiteJob:
    """One site to label: of a recording on disk, or in memory."""

    site: str
    path: Path | None
    recording: Recording | None
    stimuli: Stimuli | None
    settings: Settings


@dataclass(frozen=True, eq=False)
class SiteLabels:
    """What was found at a site.

    Attributes
    ----------
    site, backend : str
    labels : tuple of Label
        Of the units that were chosen, in rising order.
    evaluation : Evaluation
    shown : list of UnitExemplars
        Of the same units.
    n_units : int
        All units of the site.
    units : ndarray of int
        Those that were labelled.
    n_silent : int
        Units that never vary and were left out.
    """

    site: str
    backend: str
    labels: tuple[Label, ...]
    evaluation: Evaluation
    shown: list[UnitExemplars]
    n_units: int
    units: NDArray[np.int64]
    n_silent: int


def label_site(job: SiteJob) -> SiteLabels:
    """Label the units of a site.

    Parameters
    ----------
    job : SiteJob

    Returns
    -------
    SiteLabels

    Raises
    ------
    UsageError
        If no unit varies, or stimuli are too few.
    """
    asked = job.settings
    recording = open_recording(job.path) if job.path is not None else job.recording
    assert recording is not None  # noqa: S101 - one of the two is given
    found = compute_exemplars(
        recording, job.site, asked.k, asked.quantile, stimuli=job.stimuli, seed=asked.seed
    )
    seen = observe(recording, job.site, found, asked.max_rows, asked.seed)
    units, n_silent = _chosen_units(seen, job.site, asked)
    backend = open_backend(asked.backend, asked.simulator, recording, found, seen, asked.words)
    forecast = Forecast(backend.simulator, backend.stimuli, len(seen.activity))
    labels = [_label(found[int(unit)], backend, forecast, seen, asked) for unit in units]
    evaluation = evaluate(
        labels,
        seen.activity,
        {text: forecast(text) for text in (*(each.text for each in labels), *_others(labels))},
        parts=seen.parts,
        groups=seen.groups,
        null=asked.null,
        references=_others(labels),
        n_permutations=asked.n_permutations,
        n_bootstrap=asked.n_bootstrap,
        level=asked.level,
        seed=asked.seed,
    )
    shown = [found[int(unit)] for unit in units]
    return SiteLabels(
        job.site, backend.name, evaluation.labels, evaluation, shown, len(found), units, n_silent
    )


class Forecast:
    """Predictions of all observed rows by text, each made once.

    Parameters
    ----------
    simulator : Simulator
    stimuli : Stimuli
    n_rows : int
    """

    def __init__(self, simulator: Simulator, stimuli: Stimuli, n_rows: int) -> None:
        self._simulator, self._stimuli, self._n_rows = simulator, stimuli, n_rows
        self._known: dict[str, NDArray[np.float32]] = {"": np.zeros(n_rows, np.float32)}

    def __call__(self, text: str) -> NDArray[np.float32]:
        """Predicted activity (rows,) of a text."""
        if text not in self._known:
            values = np.asarray(self._simulator.predict(text, self._stimuli), np.float32)
            if values.shape != (self._n_rows,):
                raise UsageError(
                    f"Found predictions of shape {values.shape} for '{text}'; expected "
                    f"({self._n_rows},), one for each row."
                )
            self._known[text] = values
        return self._known[text]


@dataclass(frozen=True, eq=False)
class _OnProbe:
    """A simulator of the probe's rows, whatever stimuli it is passed."""

    forecast: Forecast
    rows: NDArray[np.int64]

    def predict(self, description: str, stimuli: Stimuli) -> NDArray[np.float32]:
        return self.forecast(description)[self.rows]

    def fingerprint(self) -> str:
        return ""


def _label(
    exemplars: UnitExemplars, backend: Backend, forecast: Forecast, seen: Observed, asked: Settings
) -> Label:
    import pandas as pd

    rows = seen.of_part(PROBE)
    pool = backend.describer.propose(exemplars, asked.n_candidates)
    ranked = rerank(
        pool,
        asked.weight,
        _OnProbe(forecast, rows) if asked.simulate else None,
        stimuli=Stimuli("brain", labels=pd.DataFrame({"row": rows})),
        activity=seen.activity[rows, exemplars.unit],
        compose=asked.compose,
    )
    best = ranked[0] if ranked else Candidate("", 0.0, 0.0, backend.name)
    score = best.simulated
    if score is None:
        score = pointwise_information(best, asked.weight)
    kept = tuple(ranked[:MOST_KEPT])
    return Label(exemplars.unit, exemplars.site, best.text, float(score), kept)


def _others(labels: Sequence[Label]) -> list[str]:
    """Runner-up descriptions: further texts for the null where units are few."""
    said = {label.text for label in labels}
    texts = [each.text for label in labels for each in label.candidates[1:]]
    return [text for text in dict.fromkeys(texts) if text not in said][:_MOST_TEXTS]


def _chosen_units(seen: Observed, site: str, asked: Settings) -> tuple[NDArray[np.int64], int]:
    """Units that vary, some of them drawn at random if there are many; and how many do not."""
    varies = np.all([np.ptp(seen.activity[seen.of_part(p)], axis=0) > 0 for p in PARTS], axis=0)
    alive = np.flatnonzero(varies)
    if not len(alive):
        raise UsageError(
            f"Found {len(varies)} units at '{site}' of which none varies; expected one that does: "
            "choose others with sites=."
        )
    drawn = np.random.default_rng([asked.seed, 83]).permutation(alive)[: asked.n_units]
    return np.sort(drawn), int(len(varies) - len(alive))
