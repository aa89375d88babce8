"""What `evaluate` is given, brought into one form: labels, activity, parts, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.neuron_labels.parts import EXEMPLARS, PROBE, Parts, check_parts
from analyses.neuron_labels.pooling import pooled, pooled_activity
from analyses.neuron_labels.splitting import contents_of, divide
from analyses.neuron_labels.types import Label
from workbench.errors import UsageError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    from analyses.neuron_labels.types import Exemplars, Simulator, Stimuli


def as_labels(labels: Sequence[Label] | Sequence[str] | Mapping[int, str]) -> list[Label]:
    given = labels.items() if isinstance(labels, Mapping) else enumerate(labels)
    made = [
        each if isinstance(each, Label) else Label(int(unit), "", str(each), float("nan"))
        for unit, each in given
    ]
    sites = {label.site for label in made}
    if not made or len(sites) > 1:
        raise UsageError(
            f"Found {len(made)} labels of the sites {sorted(sites)}; expected labels of one site."
        )
    return made


def as_activity(
    activity: Recording | ArrayLike, labels: Sequence[Label], groups: ArrayLike | None
) -> tuple[NDArray, NDArray[np.int64]]:
    if isinstance(activity, Recording):
        real, found = pooled_activity(activity, labels[0].site or activity.sites[0])
    else:
        real = pooled(np.asarray(activity))
        found = np.arange(len(real)) if groups is None else np.asarray(groups, dtype=np.int64)
    most = max(label.unit for label in labels)
    if min(label.unit for label in labels) < 0 or most >= real.shape[1] or len(found) != len(real):
        raise UsageError(
            f"Found activity of shape {real.shape} with labels of units up to {most} and groups of "
            f"length {len(found)}; expected a column for every unit and a group for every row."
        )
    return real, found


def as_parts(
    parts: Parts | None,
    exemplars: Exemplars | None,
    groups: NDArray[np.int64],
    stimuli: Stimuli | None,
    split: str,
    seed: int,
) -> dict[str, NDArray[np.int64]]:
    given = parts or (exemplars.parts if exemplars is not None else None)
    chosen = dict(given) if given else _drawn(groups, stimuli, seed)
    if exemplars is not None and len(exemplars.split_rows):
        chosen = {**chosen, EXEMPLARS: np.asarray(exemplars.split_rows)}
    check_parts(chosen, split)
    if PROBE not in chosen or not np.isin(groups, chosen[PROBE]).any():
        raise UsageError(
            f"Found the parts {list(chosen)}; expected one named '{PROBE}', where cuts are chosen."
        )
    return chosen


def _drawn(
    groups: NDArray[np.int64], stimuli: Stimuli | None, seed: int
) -> dict[str, NDArray[np.int64]]:
    """Stimuli by part, copies of one in one part."""
    numbers = np.unique(groups)
    whole = stimuli is not None and len(stimuli) == len(groups) == len(numbers)
    contents = contents_of(stimuli if whole else None, None, len(numbers))
    order = groups if whole else numbers
    return {name: order[at] for name, at in divide(contents, seed=seed).items()}


def without_repeats(
    rows: Mapping[str, NDArray[np.int64]], split: str, stimuli: Stimuli | None
) -> tuple[NDArray[np.int64], int]:
    """Held-out rows whose image or text no other part holds, and how many others there were."""
    held_out = rows[split]
    if stimuli is None or len(stimuli) <= int(held_out.max(initial=-1)):
        return held_out, 0
    keys = np.array(contents_of(stimuli, None, len(stimuli)))
    used = [keys[part] for name, part in rows.items() if name != split]
    fresh = ~np.isin(keys[held_out], np.concatenate(used)) if used else np.ones(len(held_out), bool)
    if np.count_nonzero(fresh) < 2:
        raise UsageError(
            f"Found {len(held_out)} held-out stimuli, all but {np.count_nonzero(fresh)} the same "
            "as others that labels were made from; expected new ones: pass more stimuli."
        )
    return held_out[fresh], int(np.count_nonzero(~fresh))


def distinct_texts(
    labels: Sequence[Label], references: Sequence[str]
) -> tuple[list[str], NDArray[np.int64]]:
    texts = list(dict.fromkeys([*(label.text for label in labels), *references]))
    number = {text: at for at, text in enumerate(texts)}
    return texts, np.array([number[label.text] for label in labels])


def predictions(
    simulator: Simulator | Mapping[str, ArrayLike],
    texts: Sequence[str],
    stimuli: Stimuli | None,
    n_rows: int,
) -> NDArray[np.float64]:
    """Predicted activity (texts, rows); zeros for a text that says nothing."""
    if not isinstance(simulator, Mapping) and not hasattr(simulator, "predict"):
        raise UsageError(
            f"Found a simulator of type '{type(simulator).__name__}'; expected one that predicts, "
            "such as SceneSimulator(), or predictions by text."
        )
    found = []
    for text in texts:
        if isinstance(simulator, Mapping):
            if text and text not in simulator:
                raise UsageError(
                    f"Found no predictions of '{text}'; expected some for every label."
                )
            values = np.asarray(simulator[text]) if text else np.zeros(n_rows)
        elif stimuli is None:
            raise UsageError("Found no stimuli; expected stimuli= or exemplars= that carry them.")
        else:
            values = np.asarray(simulator.predict(text, stimuli)) if text else np.zeros(n_rows)
        if np.shape(values) != (n_rows,):
            raise UsageError(
                f"Found predictions of shape {np.shape(values)} for '{text}'; expected "
                f"({n_rows},), one for every row of activity: pass stimuli that name each row."
            )
        found.append(np.asarray(values, dtype=np.float64))
    return np.stack(found)
