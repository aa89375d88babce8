"""Labelled arrays of a result, and curves out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.comparisons import Compared
from analyses.ndna.curves import Curves
from workbench.errors import UsageError
from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr

STATES = ("recorded", "untrained")
_NUMBERS = ("value", "low", "high", "null_mean", "null_sd", "p_value", "p_corrected", "n", "n_null")
_TEXTS = ("name", "family", "unit", "method")


def assemble(
    channels: Mapping[str, NDArray[np.float64]],
    families: Sequence[str],
    nodes: Sequence[str],
    compared: Sequence[Compared],
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Labelled arrays of a result.

    Parameters
    ----------
    channels : mapping of str to ndarray (states, families, prompts, nodes)
    families : sequence of str
        Paths: ``depth``, or the sites whose activity walks in time.
    nodes : sequence of str
    compared : sequence of Compared
    attributes : dict

    Returns
    -------
    xarray.Dataset
        Channels by ``state``, ``path``, ``prompt``, ``node``; numbers beside nulls by ``number``.
    """
    import xarray as xr

    variables: dict[str, Any] = {
        name: (("state", "path", "prompt", "node"), values.astype(np.float64))
        for name, values in channels.items()
    }
    rows = [asdict(each) for each in compared]
    for key in _NUMBERS:
        variables[f"number_{key}"] = ("number", np.array([row[key] for row in rows], np.float64))
    beats = np.array([row["p_corrected"] <= ALPHA for row in rows])
    variables["number_beats_null"] = ("number", beats)
    n_states = next(iter(channels.values())).shape[0]
    coordinates = {
        "state": _texts(STATES[:n_states]),
        "path": _texts(families),
        "site": ("node", _texts(nodes)),
        "depth": ("node", np.linspace(0, 1, len(nodes))),
        **{f"number_{key}": ("number", _texts(row[key] for row in rows)) for key in _TEXTS},
    }
    return xr.Dataset(variables, coordinates, {**attributes, "channels": list(channels)})


def compared_in(data: xr.Dataset) -> list[Compared]:
    """Numbers of a result.

    Parameters
    ----------
    data : xarray.Dataset

    Returns
    -------
    list of Compared
    """
    found = []
    for place in range(data.sizes["number"]):
        at = {key: data[f"number_{key}"].values[place] for key in (*_TEXTS, *_NUMBERS)}
        values: dict[str, Any] = {key: str(at[key]) for key in _TEXTS}
        values |= {key: float(at[key]) for key in _NUMBERS}
        values |= {key: int(at[key]) for key in ("n", "n_null")}
        found.append(Compared(**values))
    return found


def curves_in(data: xr.Dataset, state: str = "recorded", path: str | None = None) -> Curves:
    """Curves of a result.

    Parameters
    ----------
    data : xarray.Dataset
    state : {"recorded", "untrained"}
    path : str, optional
        The first one by default.

    Returns
    -------
    Curves

    Raises
    ------
    UsageError
        If there is no such state or path.
    """
    states, paths = ([str(each) for each in data[name].values] for name in ("state", "path"))
    path = paths[0] if path is None else path
    if state not in states or path not in paths:
        raise UsageError(
            f"Found state '{state}' and path '{path}'; expected one of {', '.join(states)} and of "
            f"{', '.join(paths)}."
        )
    at = states.index(state), paths.index(path)
    prompts = {str(name): data[str(name)].values[at] for name in data.attrs["channels"]}
    prompts = {name: values for name, values in prompts.items() if np.isfinite(values).any()}
    sites = tuple(str(site) for site in data["site"].values)
    shown = str(data.attrs["subject"]) + (", untrained" if state == "untrained" else "")
    about = {"lens": str(data.attrs["lens"]), "axis": str(data.attrs["axis"])}
    return Curves(shown, sites, data["depth"].values, prompts, str(data.attrs["vocabulary"]), about)


def _texts(values: Any) -> NDArray:
    return np.array([str(value) for value in values], dtype=object)
