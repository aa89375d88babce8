"""Putting the labels of all sites together: units, runner-up labels, exemplars, and means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.contexts import Contexts
from analyses.neuron_labels.labelling import MOST_KEPT, SiteLabels
from analyses.neuron_labels.scoring import HEADLINE, METRICS
from analyses.neuron_labels.types import Label
from workbench.statistics.correction import benjamini_hochberg

if TYPE_CHECKING:
    import xarray as xr

    from analyses.neuron_labels.types import UnitExemplars
    from workbench.recording.recording import Recording

MOST_EXAMPLES = 15
ROWS = ("labels", "low", "high", "constant label", "shuffled labels", "sd", "p")
_NUMBERS = (*METRICS, "low", "high", "null mean", "null sd", "z", "p", "p corrected")


def assemble(
    found: Sequence[SiteLabels], recording: Recording, attributes: Mapping[str, Any]
) -> xr.Dataset:
    """Labelled arrays of a result.

    Parameters
    ----------
    found : sequence of SiteLabels
    recording : Recording
    attributes : mapping

    Returns
    -------
    xarray.Dataset
        Along ``site`` and ``unit`` (places, with ``number`` saying which unit; -1 for none): label,
        scores, null, abstention; ``candidate``: runner-up labels; ``example``: exemplars with
        texts, and with pictures and masks where there are images; along ``metric``: means.
    """
    import xarray as xr

    first = found[0].evaluation
    pictures, places = _pictures(found)
    data = {**_units(found), **_candidates(found), **_examples(found, recording, places)}
    data |= _means(found) | pictures
    coords = {
        "site": [each.site for each in found],
        "metric": list(METRICS),
        "row": list(ROWS),
    }
    more: dict[str, list[Any]] = {
        "backend": [each.backend for each in found],
        "n_units": [each.n_units for each in found],
        "n_silent": [each.n_silent for each in found],
        "n_held_out": [each.evaluation.n_held_out for each in found],
        "n_texts": [each.evaluation.n_texts for each in found],
    }
    data |= {name: ("site", _array(values)) for name, values in more.items()}
    return xr.Dataset(data, coords, {**attributes, "null": first.null})


def _array(values: Sequence[Any]) -> NDArray:
    return np.array(values, dtype=object if isinstance(values[0], str) else None)


def _stacked(parts: Sequence[NDArray], fill: Any) -> NDArray:
    """Parts of different lengths side by side, filled up."""
    shape = [len(parts), *(max(part.shape[n] for part in parts) for n in range(parts[0].ndim))]
    made = np.full(shape, fill, dtype=object if isinstance(fill, str) else parts[0].dtype)
    for number, part in enumerate(parts):
        index: tuple[Any, ...] = (number, *(slice(0, size) for size in part.shape))
        made[index] = part
    return made


def _units(found: Sequence[SiteLabels]) -> dict[str, Any]:
    dims = ("site", "unit")
    tables = [each.evaluation.table for each in found]
    numbers = {
        name: (dims, _stacked([table[name].to_numpy(np.float64) for table in tables], np.nan))
        for name in _NUMBERS
    }
    return {
        **numbers,
        "number": (dims, _stacked([table["unit"].to_numpy(np.int64) for table in tables], -1)),
        "label": (dims, _stacked([table["label"].to_numpy(object) for table in tables], "")),
        "abstains": (dims, _stacked([table["abstains"].to_numpy(bool) for table in tables], True)),
    }


def _candidates(found: Sequence[SiteLabels]) -> dict[str, Any]:
    dims = ("site", "unit", "candidate")

    def of(take: Callable[[Any], Any], fill: Any) -> NDArray:
        return _stacked([_padded(each, take, fill) for each in found], fill)

    return {
        "candidate_text": (dims, of(lambda c: c.text, "")),
        "candidate_conditional": (dims, of(lambda c: c.log_conditional, np.nan)),
        "candidate_prior": (dims, of(lambda c: c.log_prior, np.nan)),
        "candidate_simulated": (
            dims,
            of(lambda c: np.nan if c.simulated is None else c.simulated, np.nan),
        ),
    }


def _padded(found: SiteLabels, take: Callable[[Any], Any], fill: Any) -> NDArray:
    dtype = object if isinstance(fill, str) else np.float64
    made = np.full((len(found.labels), MOST_KEPT), fill, dtype=dtype)
    for row, label in zip(made, found.labels, strict=True):
        row[: len(label.candidates)] = [take(each) for each in label.candidates[:MOST_KEPT]]
    return made


def _examples(
    found: Sequence[SiteLabels], recording: Recording, places: Mapping[int, int]
) -> dict[str, Any]:
    contexts = Contexts(recording)
    dims = ("site", "unit", "example")

    def of(take: Callable[[UnitExemplars], Any], fill: Any) -> NDArray:
        return _stacked([_by_example(each.shown, take, fill) for each in found], fill)

    made: dict[str, Any] = {
        "example_value": (dims, of(lambda unit: unit.values.astype(np.float64), np.nan)),
        "example_stimulus": (dims, of(lambda unit: unit.stimuli, -1)),
        "example_text": (dims, of(contexts.describe, "")),
        "threshold": (
            ("site", "unit"),
            _stacked([np.array([unit.threshold for unit in e.shown]) for e in found], np.nan),
        ),
    }
    if places:
        made["example_picture"] = (dims, of(lambda u: [places[int(s)] for s in u.stimuli], -1))
        masks = [_masks(each.shown) for each in found]
        made["example_mask"] = ((*dims, "y", "x"), _stacked(masks, False))
    return made


def _by_example(
    shown: Sequence[UnitExemplars], take: Callable[[UnitExemplars], Any], fill: Any
) -> NDArray:
    kinds = {str: object, int: np.int64, float: np.float64}
    made = np.full((len(shown), MOST_EXAMPLES), fill, dtype=kinds[type(fill)])
    for row, unit in zip(made, shown, strict=True):
        values = list(take(unit))[:MOST_EXAMPLES]
        row[: len(values)] = values
    return made


def _masks(shown: Sequence[UnitExemplars]) -> NDArray[np.bool_]:
    size = shown[0].masks.shape[1:]
    made = np.zeros((len(shown), MOST_EXAMPLES, *size), dtype=bool)
    for row, unit in zip(made, shown, strict=True):
        row[: len(unit.masks)] = unit.masks[:MOST_EXAMPLES]
    return made


def _pictures(found: Sequence[SiteLabels]) -> tuple[dict[str, Any], dict[int, int]]:
    """Every picture that is an exemplar of a unit, once; and the place of each stimulus."""
    kept: dict[int, NDArray[np.uint8]] = {}
    for each in found:
        for unit in each.shown:
            if unit.images is not None:
                pairs = zip(unit.stimuli[:MOST_EXAMPLES], unit.images, strict=False)
                kept |= {int(stimulus): image for stimulus, image in pairs}
    if not kept:
        return {}, {}
    order = sorted(kept)
    images = np.stack([kept[stimulus] for stimulus in order])
    places = {stimulus: place for place, stimulus in enumerate(order)}
    return {"picture": (("shown", "y", "x", "rgb"), images)}, places


def _means(found: Sequence[SiteLabels]) -> dict[str, Any]:
    tables = [each.evaluation.rows for each in found]
    values = np.stack([table[list(ROWS)].to_numpy(np.float64) for table in tables])
    p = values[:, :, ROWS.index("p")]
    corrected = np.stack([benjamini_hochberg(each) for each in p.T], axis=1)
    tested = [name in HEADLINE for name in METRICS]
    return {
        "mean": (("site", "metric", "row"), values),
        "mean_p_corrected": (("site", "metric"), corrected),
        "headline": ("metric", np.array(tested)),
    }


def labels_in(data: xr.Dataset, site: str) -> list[Label]:
    """Labels of a site in a result of `NeuronLabels`, as `audit` takes them.

    Parameters
    ----------
    data : xarray.Dataset
    site : str

    Returns
    -------
    list of Label
    """
    at = data.sel(site=site)
    return [
        Label(
            int(at["number"][place]),
            site,
            str(at["label"].values[place]),
            float(at["pearson"][place]),
            p_value=float(at["p"][place]),
            abstains=bool(at["abstains"][place]),
        )
        for place in np.flatnonzero(at["number"].values >= 0)
    ]
