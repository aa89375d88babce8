"""Down-sampling of figures: a page with every point of a large recording would not open."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT = 5_000
_HIDDEN_FACTOR = 10
_GRIDS = {"heatmap", "contour", "surface"}
_AXES = ("x", "y", "z", "lat", "lon", "r", "theta", "a", "b", "c", "values", "labels")
_SAMPLED = {
    "scatter", "scattergl", "scatter3d", "scatterpolar", "scatterpolargl", "scatterternary",
    "splom", "bar", "box", "violin",
}  # fmt: skip
# Lists that are no per-point data even if they should be as long as the data.
_WHOLE = {"colorscale", "colors", "tickvals", "ticktext", "dimensions"}


@dataclass(frozen=True)
class Thinned:
    """Traces small enough to show, and what a reader must know about it."""

    traces: list[dict[str, Any]]
    note: str


def thin(traces: Sequence[Mapping[str, Any]], limit: int = LIMIT) -> Thinned:
    """Reduce the traces of one figure to about ``limit`` visible points.

    Points are left out at random (fixed seed), lines keep the lowest and highest point of every
    stretch, histograms are counted beforehand, and grids are averaged in blocks.

    Parameters
    ----------
    traces : sequence of mapping
        As plotly's JSON has them.
    limit : int
        Visible points; also the cells of each grid.

    Returns
    -------
    Thinned
        The note says how many are shown of how many; it is empty if nothing was left out.

    Examples
    --------
    >>> few = thin([{"type": "scatter", "mode": "markers", "x": list(range(9)), "y": [0] * 9}], 3)
    >>> len(few.traces[0]["x"]), few.note
    (3, '3 of 9 points shown')
    """
    decoded = [_decode(dict(trace)) for trace in traces]
    share = _share(decoded, limit)
    generator = np.random.default_rng(0)
    results = [_thin_trace(trace, share, limit, generator) for trace in decoded]
    if not any(how for _, how in results):
        return Thinned([dict(trace) for trace in traces], "")
    points = [
        (_n_points(new), _n_points(old))
        for (new, how), old in zip(results, decoded, strict=True)
        if _n_points(old) and how != "counted"
    ]
    return Thinned([_plain(new) for new, _ in results], _note(points, [how for _, how in results]))


def _note(points: list[tuple[int, int]], hows: list[str]) -> str:
    parts = []
    shown, total = (sum(each) for each in zip(*points, strict=True)) if points else (0, 0)
    if shown < total:
        parts.append(f"{shown:,} of {total:,} points shown")
    if "counted" in hows:
        parts.append("all values counted in bins")
    parts.extend(dict.fromkeys(how for how in hows if how not in ("", "sampled", "counted")))
    return "; ".join(parts)


def _share(traces: list[dict[str, Any]], limit: int) -> float:
    counts = [(_n_points(trace), trace.get("visible", True) is True) for trace in traces]
    visible = sum(count for count, shown in counts if shown)
    total = sum(count for count, _ in counts)
    return min(1.0, limit / max(visible, 1), _HIDDEN_FACTOR * limit / max(total, 1))


def _n_points(trace: Mapping[str, Any]) -> int:
    kind = trace.get("type", "scatter")
    if kind not in _SAMPLED and kind != "histogram":
        return 0
    return max((len(trace[axis]) for axis in _AXES if _is_list(trace.get(axis))), default=0)


def _thin_trace(
    trace: dict[str, Any], share: float, limit: int, generator: np.random.Generator
) -> tuple[dict[str, Any], str]:
    kind = trace.get("type", "scatter")
    if kind in _GRIDS:
        return _bin_grid(trace, limit)
    n = _n_points(trace)
    if not n or share >= 1:
        return trace, ""
    if kind == "histogram" and n > limit:
        return _count(trace)
    keep = max(1, int(n * share))
    is_line = kind in ("scatter", "scattergl") and "lines" in trace.get("mode", "lines")
    if is_line and _is_rising(trace.get("x")):
        chosen = _envelope(np.asarray(trace["y"], dtype=float), keep)
    else:
        chosen = np.sort(generator.choice(n, size=keep, replace=False))
    return _take(trace, chosen, n), "sampled"


def _is_rising(values: Any) -> bool:
    if values is None:
        return True
    array = np.asarray(values)
    return array.dtype.kind in "iuf" and bool(np.all(np.diff(array) >= 0))


def _envelope(values: NDArray, keep: int) -> NDArray[np.int64]:
    filled = np.where(np.isfinite(values), values, 0.0)
    edges = np.linspace(0, len(filled), max(1, keep // 2) + 1).astype(int)
    picked = [
        start + extreme
        for start, stop in pairwise(edges)
        if stop > start
        for extreme in (int(filled[start:stop].argmin()), int(filled[start:stop].argmax()))
    ]
    return np.unique(np.array([0, *picked, len(filled) - 1], dtype=np.int64))


def _take(value: dict[str, Any], chosen: NDArray[np.int64], n: int) -> dict[str, Any]:
    return {
        key: each if key in _WHOLE else _take_value(each, chosen, n) for key, each in value.items()
    }


def _take_value(value: Any, chosen: NDArray[np.int64], n: int) -> Any:
    if isinstance(value, dict):
        return _take(value, chosen, n)
    if isinstance(value, np.ndarray) and len(value) == n:
        return value[chosen]
    if isinstance(value, list) and len(value) == n:
        return [value[index] for index in chosen]
    return value


def _count(trace: dict[str, Any]) -> tuple[dict[str, Any], str]:
    axis = "x" if _is_list(trace.get("x")) else "y"
    values = np.asarray(trace[axis])
    if values.dtype.kind not in "iufb":
        names, counts = np.unique(values.astype(str), return_counts=True)
        centres, widths = names.tolist(), None
    else:
        finite = values[np.isfinite(values)]
        counts, edges = np.histogram(finite, bins=min(100, trace.get(f"nbins{axis}") or 100))
        centres, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    kept: dict[str, Any] = {
        key: trace[key] for key in ("name", "marker", "opacity", "visible") if key in trace
    }
    other = "y" if axis == "x" else "x"
    bar = {**kept, "type": "bar", axis: centres, other: counts}
    bar["orientation"] = "v" if axis == "x" else "h"
    return ({**bar, "width": widths} if widths is not None else bar), "counted"


def _bin_grid(trace: dict[str, Any], limit: int) -> tuple[dict[str, Any], str]:
    grid = np.array(trace.get("z", []), dtype=float)
    if grid.ndim != 2 or grid.size <= limit:
        return trace, ""
    block = int(np.ceil(np.sqrt(grid.size / limit)))
    starts = [np.arange(0, size, block) for size in grid.shape]
    present = np.isfinite(grid)
    counts = _block_sums(present.astype(float), starts)
    sums = _block_sums(np.where(present, grid, 0.0), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts
    dropped = ("text", "customdata", "hovertext")
    binned = {key: value for key, value in trace.items() if key not in dropped}
    binned["z"] = means
    for axis, first in zip(("y", "x"), starts, strict=True):
        if _is_list(trace.get(axis)):
            binned[axis] = [trace[axis][index] for index in first]
    shown, total = (
        " \N{MULTIPLICATION SIGN} ".join(str(n) for n in array.shape) for array in (means, grid)
    )
    return binned, f"{total} cells shown as {shown} block means"


def _block_sums(grid: NDArray, starts: Sequence[NDArray]) -> NDArray:
    rows = np.add.reduceat(grid, starts[0], axis=0)
    return np.add.reduceat(rows, starts[1], axis=1)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, np.ndarray))


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) >= {"dtype", "bdata"}:
            flat = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
            shape = [int(size) for size in str(value.get("shape", len(flat))).split(",")]
            return flat.reshape(shape)
        return {key: _decode(each) for key, each in value.items()}
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value.tolist()]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
