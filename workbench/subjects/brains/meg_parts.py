"""Raw data, epochs and evoked responses of MNE-Python as traces."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.subjects.brains.clock import SteadyClock
from workbench.subjects.brains.intervals import Intervals, make_intervals
from workbench.subjects.brains.packages import need
from workbench.subjects.brains.traces import Sampled, Series, Session, Traces
from workbench.subjects.brains.unit_table import unit_table
from workbench.subjects.brains.values import ArrayValues, PartValues

if TYPE_CHECKING:
    import pandas as pd

_SITES = {"mag": "meg/mag", "grad": "meg/grad", "ref_meg": "meg/reference"}
_ASIDE = ("stim", "misc", "syst", "exci", "ias", "resp", "ref_meg")
_UNITS = {
    "mag": "T",
    "grad": "T/m",
    "ref_meg": "T",
    "csd": "V/m²",
    "hbo": "M",
    "hbr": "M",
    "dipole": "Am",
    "gsr": "S",
    "temperature": "°C",
    **dict.fromkeys(("eeg", "eog", "ecg", "emg", "seeg", "ecog", "dbs", "bio"), "V"),
}
_FRAMES = {1: "device", 4: "head", 5: "MRI", 6: "MNI Talairach"}


class RawValues:
    """Channels of raw data, read from the file slice by slice.

    Parameters
    ----------
    raw : mne.io.BaseRaw
    channels : ndarray (unit,) of int
    """

    def __init__(self, raw: Any, channels: NDArray[np.int64]) -> None:
        self._raw, self._channels = raw, channels
        self.shape = (int(raw.n_times), len(channels))
        self.dtype = np.dtype(np.float64)

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        if start == stop:
            return np.empty((0, self.shape[1]))
        read = self._raw.get_data(self._channels, start=start, stop=stop, verbose="error")
        return np.ascontiguousarray(read.T)


class EpochValues:
    """One epoch, read from the file when it is needed."""

    def __init__(self, epochs: Any, number: int, channels: NDArray[np.int64]) -> None:
        self._epochs, self._number, self._channels = epochs, number, channels
        self.shape = (len(epochs.times), len(channels))
        self.dtype = np.dtype(np.float64)

    def read(self, start: int, stop: int) -> NDArray:
        """See `Values.read`."""
        read = self._epochs.get_data(picks=self._channels, item=self._number, verbose="error")
        return np.ascontiguousarray(read[0, :, start:stop].T)


def raw_traces(raw: Any) -> Traces:
    """Raw data: one session, or several where the file was cut and joined.

    Parameters
    ----------
    raw : mne.io.BaseRaw

    Returns
    -------
    Traces
    """
    rate = float(raw.info["sfreq"])
    cuts = _cuts(raw, rate)
    annotations = _annotations(raw)
    events = _events(raw, rate)
    sessions = []
    for number, (first, last) in enumerate(cuts):
        span = first / rate, last / rate
        tables = (_within(each, *span) for each in (annotations, events))
        about = {"session": f"segment {number}" if len(cuts) > 1 else "session"}
        sessions.append(Session(about, tuple(each for each in tables if len(each.table))))
    series = []
    for kind, channels in _channels(raw).items():
        values = RawValues(raw, channels)
        parts = tuple(
            Sampled(PartValues(values, a, b), SteadyClock(b - a, rate, a / rate)) for a, b in cuts
        )
        series.append(_series(raw.info, kind, channels, parts))
    notes: dict[str, Any] = {"segments": len(cuts)} if len(cuts) > 1 else {}
    notes.update(_resampled(raw))
    return Traces(tuple(series), _same_tables(sessions), _about(raw.info), notes, raw)


def _resampled(raw: Any) -> dict[str, str]:
    """A note, where channels of EDF were recorded at other rates and MNE-Python resampled them."""
    samples = (raw._raw_extras or [{}])[0].get("n_samps")
    if samples is None or len(np.unique(samples)) < 2:
        return {}
    return {"resampled": "channels of lower rates were brought to the highest by MNE-Python"}


def _cuts(raw: Any, rate: float) -> list[tuple[int, int]]:
    """Unbroken spans of samples, by the annotations of MNE and EEGLAB for joints."""
    marks = [
        round((onset - raw.first_time) * rate)
        for onset, text in zip(raw.annotations.onset, raw.annotations.description, strict=True)
        if _is_joint(text)
    ]
    edges = sorted({0, *(mark for mark in marks if 0 < mark < raw.n_times), int(raw.n_times)})
    return list(pairwise(edges))


def _is_joint(text: str) -> bool:
    return text.startswith("EDGE boundary") or text == "boundary"


def _annotations(raw: Any) -> Intervals:
    import pandas as pd

    kept = [n for n, text in enumerate(raw.annotations.description) if not _is_boundary(text)]
    notes = raw.annotations[kept]
    onset = notes.onset - raw.first_time
    labels = pd.DataFrame({"description": [str(text) for text in notes.description]}, dtype=object)
    return make_intervals("annotations", onset, onset + notes.duration, labels)


def _is_boundary(text: str) -> bool:
    return _is_joint(text) or text.startswith("BAD boundary")


def _events(raw: Any, rate: float) -> Intervals:
    """Rising codes of the stimulus channel, as instants."""
    import pandas as pd

    found = np.empty((0, 3), dtype=np.int64)
    if "stim" in raw.get_channel_types():
        found = need("mne").find_events(
            raw, shortest_event=1, initial_event=True, output="onset", verbose="error"
        )
    onset = (found[:, 0] - raw.first_samp) / rate
    return make_intervals("events", onset, onset, pd.DataFrame({"event": found[:, 2]}))


def _within(intervals: Intervals, first: float, last: float) -> Intervals:
    onset = intervals.table["onset"]
    table = intervals.table[(onset >= first) & (onset < last)].reset_index(drop=True)
    return Intervals(intervals.name, table)


def _same_tables(sessions: list[Session]) -> tuple[Session, ...]:
    """Tables that every session has, or none: segments without events have empty ones."""
    names = list(dict.fromkeys(each.name for one in sessions for each in one.intervals))
    whole = []
    for one in sessions:
        by_name = {each.name: each for each in one.intervals}
        templates = {each.name: each for other in sessions for each in other.intervals}
        tables = tuple(
            by_name.get(name) or Intervals(name, templates[name].table.iloc[:0]) for name in names
        )
        whole.append(Session(one.about, tables))
    return tuple(whole)


def epoch_traces(epochs: Any) -> Traces:
    """Epochs: each is a session and a trial of its own.

    Parameters
    ----------
    epochs : mne.BaseEpochs

    Returns
    -------
    Traces
    """
    epochs.drop_bad(verbose="error")
    names = {code: name for name, code in epochs.event_id.items()}
    rate = float(epochs.info["sfreq"])
    clock = SteadyClock(len(epochs.times), rate, float(epochs.times[0]))
    sessions = []
    for number, code in enumerate(epochs.events[:, 2].tolist()):
        labels = {"condition": names.get(code, str(code)), "event": code}
        if epochs.metadata is not None:
            row = epochs.metadata.iloc[number].to_dict()
            labels.update({str(key): value for key, value in row.items() if key not in labels})
        sessions.append(_whole_session(number, clock, labels))
    series = tuple(
        _series(
            epochs.info,
            kind,
            channels,
            tuple(
                Sampled(EpochValues(epochs, number, channels), clock)
                for number in range(len(sessions))
            ),
        )
        for kind, channels in _channels(epochs).items()
    )
    about = {**_about(epochs.info), "baseline": _baseline(epochs)}
    return Traces(series, tuple(sessions), about)


def evoked_traces(evokeds: list[Any]) -> Traces:
    """Evoked responses: each condition is a session and a trial of its own.

    Parameters
    ----------
    evokeds : list of mne.Evoked

    Returns
    -------
    Traces
    """
    sessions, clocks = [], []
    for number, each in enumerate(evokeds):
        clocks.append(SteadyClock(len(each.times), float(each.info["sfreq"]), float(each.times[0])))
        labels = {"condition": str(each.comment), "averaged": int(each.nave), "kind": each.kind}
        sessions.append(_whole_session(number, clocks[-1], labels))
    first = evokeds[0]
    series = []
    for kind, channels in _channels(first).items():
        names = [first.ch_names[channel] for channel in channels]
        parts = tuple(
            Sampled(ArrayValues(each.copy().pick(names, verbose="error").data, 1), clock)
            for each, clock in zip(evokeds, clocks, strict=True)
        )
        series.append(_series(first.info, kind, channels, parts))
    return Traces(tuple(series), tuple(sessions), _about(first.info))


def _whole_session(number: int, clock: SteadyClock, labels: dict[str, Any]) -> Session:
    import pandas as pd

    from workbench.subjects.brains.intervals import scalar_columns

    table = scalar_columns(pd.DataFrame([labels]))
    whole = make_intervals("trials", [clock.first], [clock.last + 1 / clock.rate], table)
    whole.table["trial"] = number
    return Session({"session": f"trial {number}", **labels}, (whole,))


def _baseline(epochs: Any) -> str:
    return "none" if epochs.baseline is None else f"{epochs.baseline} s subtracted"


def _channels(content: Any) -> dict[str, NDArray[np.int64]]:
    kinds = np.array(content.get_channel_types())
    return {str(kind): np.flatnonzero(kinds == kind) for kind in dict.fromkeys(kinds.tolist())}


def _series(
    info: Any, kind: str, channels: NDArray[np.int64], parts: tuple[Sampled, ...]
) -> Series:
    quantity = f"{kind} in {_UNITS.get(kind, 'arbitrary units')}"
    return Series(
        _SITES.get(kind, kind), _units(info, channels), quantity, parts, kind not in _ASIDE
    )


def _units(info: Any, channels: NDArray[np.int64]) -> pd.DataFrame:
    described = [info["chs"][channel] for channel in channels]
    names = [each["ch_name"] for each in described]
    places = np.array([each["loc"][:3] for each in described], dtype=np.float64)
    # MNE writes zeros or NaN where a place is not known.
    places[~np.isfinite(places).all(axis=1) | ~places.any(axis=1)] = np.nan
    frames = [_FRAMES.get(int(each["coord_frame"]), "unknown") for each in described]
    return unit_table(
        len(names),
        names,
        x=places[:, 0],
        y=places[:, 1],
        z=places[:, 2],
        frame=np.array(frames, dtype=object),
        bad=np.isin(names, info["bads"]),
    )


def _about(info: Any) -> dict[str, Any]:
    return {
        "highpass_hz": float(info["highpass"]),
        "lowpass_hz": float(info["lowpass"]),
        "projections": "not applied",
        "positions_in": "metres",
    }
