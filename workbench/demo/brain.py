"""Real brain recordings that the package nitime carries: resting-state fMRI, auditory spikes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_LICENCE = "BSD-3-Clause (nitime, Copyright 2006-2011, NIPY Developers)"
# The csv does not hold it; nitime's own example states it for this file.
_REPETITION_SECONDS = 1.89
# Averages over tissue, ventricles and the whole brain: no regions, and on another scale.
_REFERENCE_SIGNALS = ("WM", "Vent", "Brain")
_STIMULUS_SECONDS = 10.0
_SAMPLE_SECONDS = 50e-6


@dataclass(frozen=True)
class BrainArrays:
    """A recorded brain as arrays and tables.

    Attributes
    ----------
    traces : array, shape (time, units), float32
        Activity; what its values are is in ``quantity``.
    unit_names : tuple of str
        One a unit.
    sampling_rate : float
        Rows per second, in Hz.
    row_labels : DataFrame, one row a time step
        ``time_seconds`` and what else is truly known of the moment.
    unit_labels : DataFrame, one row a unit
        What is known of the unit.
    quantity : str
        What a value of ``traces`` is, with its unit.
    licence, source : str
        Terms of use, and where the data come from.
    """

    traces: NDArray[np.float32]
    unit_names: tuple[str, ...]
    sampling_rate: float
    row_labels: pd.DataFrame
    unit_labels: pd.DataFrame
    quantity: str
    licence: str
    source: str


def _data_file(name: str) -> Path:
    """Path of a file in nitime's data folder, without importing nitime."""
    found = find_spec("nitime")
    if found is None or found.origin is None:
        raise UsageError(
            "demo:brain reads recordings that the package nitime carries, and nitime is not "
            "installed; run: pip install nitime."
        )
    path = Path(found.origin).parent / "data" / name
    if not path.is_file():
        raise UsageError(
            f"The installed nitime has no data/{name}; install a release that carries it, "
            "such as nitime 0.12.1."
        )
    return path


def fmri() -> BrainArrays:
    """Resting-state fMRI of one person who looked at a cross: 250 volumes, 31 signals.

    Twenty-eight signals are regions (14 a hemisphere); *WM*, *Vent* and *Brain* are averages
    over white matter, ventricles and the whole brain, and ``unit_labels["kind"]`` says so.

    Returns
    -------
    BrainArrays
        ``traces`` ``(250, 31)``: preprocessed BOLD signal as nitime carries it, in the scanner's
        arbitrary units. ``row_labels``: ``time_seconds``, and ``half`` of the scan (*first* or
        *second*), for split-half checks; nothing was shown and nothing was done, so there is
        no other honest label. The sampling interval of 1.89 s is the one that nitime's example
        gives for this file.

    Raises
    ------
    UsageError
        If nitime is not installed or lacks the file.

    Examples
    --------
    >>> recording = fmri()
    >>> recording.traces.shape, round(1 / recording.sampling_rate, 2)
    ((250, 31), 1.89)
    """
    import numpy as np
    import pandas as pd

    path = _data_file("fmri_timeseries.csv")
    with path.open(encoding="utf-8") as lines:
        names = tuple(name.strip().strip('"') for name in next(lines).split(","))
        traces = np.loadtxt(lines, delimiter=",", dtype=np.float32)
    time = np.arange(len(traces)) * _REPETITION_SECONDS
    half = np.where(np.arange(len(traces)) < len(traces) // 2, "first", "second")
    units = pd.DataFrame(
        [
            ("reference", "none") if name in _REFERENCE_SIGNALS else ("region", _hemisphere(name))
            for name in names
        ],
        columns=["kind", "hemisphere"],
    )
    return BrainArrays(
        traces=traces,
        unit_names=names,
        sampling_rate=1 / _REPETITION_SECONDS,
        row_labels=pd.DataFrame({"time_seconds": time, "half": half}),
        unit_labels=units,
        quantity="preprocessed BOLD signal, arbitrary units",
        licence=_LICENCE,
        source="nitime/data/fmri_timeseries.csv, contributed to nitime by Beth Mormino",
    )


def _hemisphere(name: str) -> str:
    """From the first letter; the file calls the left anterior parahippocampal gyrus "APHG"."""
    return "right" if name.startswith("R") else "left"


def grasshopper(bin_seconds: float = 0.001, window_seconds: float = 0.02) -> BrainArrays:
    """Spikes of one auditory receptor neuron of a locust, with the sound it heard.

    There is **one** neuron, recorded twice for 10 s. Its units here are not neurons but a time
    embedding: unit *k* is the neuron's spike count *k* bins after the row's moment, so that a
    row holds the answer to the sound at that moment (the answer comes about 6 ms later).
    Neighbouring rows share most of their counts and are far from independent.

    Parameters
    ----------
    bin_seconds : float
        Length of a bin, and distance of the rows.
    window_seconds : float
        How far the embedding reaches; one unit a bin.

    Returns
    -------
    BrainArrays
        ``traces`` ``(time, units)``: spikes per bin. ``row_labels``: ``run`` (*200 Hz* or
        *800 Hz*, the cut-off of the sound's amplitude modulation), ``time_seconds`` within the
        run, ``stimulus_db`` (amplitude of the sound in the row's bin, in dB below the loudest
        of the run) and ``stimulus_level`` (its tercile within the run: *low*, *middle*, *high*).

    Raises
    ------
    UsageError
        If nitime is not installed or lacks the files, or if the bins do not fit.

    References
    ----------
    Rokem et al. (2006), Spike-timing precision underlies the coding efficiency of auditory
    receptor neurons, J Neurophysiol 95, 2541-2552.

    Examples
    --------
    >>> recording = grasshopper()
    >>> recording.traces.shape[1], recording.unit_names[7]
    (20, 'spikes +7 ms')
    """
    import numpy as np
    import pandas as pd

    if not _SAMPLE_SECONDS <= bin_seconds <= window_seconds < _STIMULUS_SECONDS:
        raise UsageError(
            f"bin_seconds must lie between {_SAMPLE_SECONDS:g} (a sample of the sound) and "
            f"window_seconds, and that below {_STIMULUS_SECONDS:g}; "
            f"found {bin_seconds:g} and {window_seconds:g}."
        )
    lags = round(window_seconds / bin_seconds)
    runs = [
        _grasshopper_run(number, name, bin_seconds, lags)
        for number, name in ((1, "200 Hz"), (2, "800 Hz"))
    ]
    offsets = np.round(np.arange(lags) * bin_seconds * 1000, 3)
    names = tuple(f"spikes +{offset:g} ms" for offset in offsets)
    return BrainArrays(
        traces=np.concatenate([traces for traces, _ in runs]),
        unit_names=names,
        sampling_rate=1 / bin_seconds,
        row_labels=pd.concat([table for _, table in runs], ignore_index=True),
        unit_labels=pd.DataFrame({"kind": "time embedding of one neuron", "lag_ms": offsets}),
        quantity=f"spikes per bin of {bin_seconds * 1000:g} ms",
        licence=_LICENCE,
        source=(
            "nitime/data/grasshopper_{spike_times,stimulus}{1,2}.txt; Rokem et al. (2006), "
            "J Neurophysiol 95, 2541-2552, also on crcns.org"
        ),
    )


def _grasshopper_run(
    number: int, name: str, bin_seconds: float, lags: int
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """One run: spike times in µs; stimulus amplitude every 50 µs."""
    import numpy as np
    import pandas as pd

    spikes = np.loadtxt(_data_file(f"grasshopper_spike_times{number}.txt")) * 1e-6
    samples = np.loadtxt(_data_file(f"grasshopper_stimulus{number}.txt"))
    bins = round(_STIMULUS_SECONDS / bin_seconds)
    edges = np.arange(bins + 1) * bin_seconds
    counts = np.histogram(spikes, edges)[0]
    heard = np.minimum((samples[:, 0] * 1e-6 / bin_seconds + 1e-9).astype(int), bins - 1)
    amplitude = np.bincount(heard, samples[:, 1], bins) / np.bincount(heard, minlength=bins)
    rows = bins - lags + 1
    traces = np.lib.stride_tricks.sliding_window_view(counts, lags).astype(np.float32)
    decibel = 20 * np.log10(amplitude[:rows] / samples[:, 1].max())
    low, high = np.quantile(decibel, (1 / 3, 2 / 3))
    level = np.select([decibel <= low, decibel <= high], ["low", "middle"], "high")
    table = pd.DataFrame(
        {
            "time_seconds": edges[:rows],
            "run": name,
            "stimulus_db": decibel,
            "stimulus_level": level,
        }
    )
    return traces, table
