"""A recording's paths along the order of its sites, beside the same sites in random order."""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analyses.ndna.arrays import assemble
from analyses.ndna.comparisons import Compared, Comparison, difference, judge
from analyses.ndna.options import Options
from analyses.ndna.orders import OrderNull, order_null, squared_chords, squared_distances
from analyses.ndna.paths import ChosenRows, choose_rows, read_site, refuse_few_sites
from analyses.ndna.reading import curves_of, defined_mean, residual_channels
from analyses.ndna.recorded import RecordedLens, find_lens, recorded_prompts
from workbench.analysis.companions import check_untrained
from workbench.analysis.site_rows import SiteRows
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import xarray as xr

    from analyses.ndna.opening import Prompt

FAMILY = "depth"
ORDERS = "nodes in random order, the same for all rows"
TARGETS = "targets shuffled over positions"
# Rows whose probabilities are compared in random orders, and whose targets are shuffled.
_LENS_ROWS = 256
_TARGET_DRAWS = 39


def depth_arrays(
    options: Options,
    recording: Recording,
    untrained: Recording | None,
    sites: list[str],
    left_out: list[str],
) -> xr.Dataset:
    """Labelled arrays of the paths along depth.

    Parameters
    ----------
    options : Options
    recording : Recording
    untrained : Recording, optional
    sites, left_out : list of str

    Returns
    -------
    xarray.Dataset
        As `arrays.assemble` gives it.

    Raises
    ------
    UsageError
        If there are fewer than three sites, or the companion is of other stimuli.
    WorkbenchError
        If activity is not finite.
    """
    refuse_few_sites(sites, left_out)
    chosen = choose_rows(recording, options.max_rows, options.seed)
    recordings = [recording] if untrained is None else [recording, untrained]
    for other in recordings[1:]:
        check_untrained(recording, other, sites)
    states = [_states(each, sites, chosen) for each in recordings]
    channels = _stacked([_by_group(values, chosen.groups) for values in states])
    nulls = [order_null(squared_distances(s), options.n_permutations, options.seed) for s in states]
    comparisons = _of_orders(nulls[0], chosen.groups, "")
    extra = _differences(nulls, chosen.groups, options)
    lens = find_lens(recording, sites, options.temperature)
    if isinstance(lens, RecordedLens):
        more, found = _through_lens(recording, chosen, states[0], sites, lens, options)
        comparisons += found
        channels |= _padded(more, channels)
    judged, _ = judge(comparisons, options.n_bootstrap, options.seed)
    attributes = {
        **_about(recording, sites, left_out, lens),
        "n_rows": len(chosen.rows),
        "n_stimuli": len(np.unique(chosen.groups)),
        "n_masked": _n_masked(states[0]),
    }
    return assemble(channels, [FAMILY], sites, [*judged, *extra], attributes)


def _states(recording: Recording, sites: list[str], chosen: ChosenRows) -> NDArray[np.float64]:
    read = [read_site(SiteRows.of(recording, site, chosen.rows)) for site in sites]
    return np.stack(read, axis=1)


def _by_group(states: NDArray[np.float64], groups: NDArray) -> dict[str, NDArray[np.float64]]:
    """Channels (groups, nodes): means over the rows of each group."""
    parts = [residual_channels(states[groups == group]) for group in np.unique(groups)]
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}


def _stacked(states: list[dict[str, NDArray]]) -> dict[str, NDArray[np.float64]]:
    return {name: np.stack([each[name] for each in states])[:, None] for name in states[0]}


def _padded(
    found: dict[str, NDArray], channels: dict[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Channels of the recording only, with NaN for the untrained subject and missing prompts."""
    shape = next(iter(channels.values())).shape
    padded = {}
    for name, values in found.items():
        padded[name] = np.full(shape, np.nan)
        padded[name][0, 0, : len(values)] = values
    return padded


def _of_orders(null: OrderNull, groups: NDArray, of: str) -> list[Comparison]:
    turning, straightness = null.turning, null.straightness
    return [
        Comparison(
            f"turning{of}",
            FAMILY,
            "rad",
            float(defined_mean(turning)),
            turning,
            groups,
            null.null_turning,
            ORDERS,
            "less",
        ),
        Comparison(
            f"straightness{of}",
            FAMILY,
            "1",
            float(defined_mean(straightness)),
            straightness,
            groups,
            null.null_straightness,
            ORDERS,
            "greater",
        ),
    ]


def _differences(nulls: list[OrderNull], groups: NDArray, options: Options) -> list[Compared]:
    if len(nulls) < 2:
        return []
    found = []
    for name, unit in (("turning", "rad"), ("straightness", "1")):
        pair = (getattr(nulls[0], name), getattr(nulls[1], name))
        label = f"{name} minus untrained"
        made = difference(label, FAMILY, unit, pair, groups, options.n_bootstrap, options.seed)
        found += [] if made is None else [made[0]]
    return found


def _through_lens(
    recording: Recording,
    chosen: ChosenRows,
    states: NDArray[np.float64],
    sites: list[str],
    lens: RecordedLens,
    options: Options,
) -> tuple[dict[str, NDArray], list[Comparison]]:
    """Channels (prompts, nodes) of probabilities, and what is compared of them."""
    import torch

    prompts, groups = recorded_prompts(recording, chosen, states)
    if not prompts:
        return {}, []
    curves = curves_of(
        recording.name, tuple(sites), prompts, lens.lens, residual=False, chunks=options.chunks
    )
    rows = torch.cat([prompt.states for prompt in prompts])[:_LENS_ROWS]
    of_rows = np.repeat(groups, [len(prompt.states) for prompt in prompts])[:_LENS_ROWS]
    squares = squared_chords(rows, lens.lens)
    null = order_null(squares, options.n_permutations, options.seed, on_sphere=True)
    compared = _of_orders(null, of_rows, " of probabilities")
    return curves.prompts, [*compared, _coherence(prompts, rows, lens, options)]


def _coherence(
    prompts: list[Prompt], rows: Any, lens: RecordedLens, options: Options
) -> Comparison:
    """Coherence of the pushes of all positions at the last node, beside shuffled targets."""
    import torch

    from analyses.ndna.lens_geometry import read_prompt

    targets = torch.cat([prompt.targets for prompt in prompts if prompt.targets is not None])
    targets = targets[: len(rows)]
    ends = rows[:, -2:]

    def at_last(given: torch.Tensor) -> float:
        chunks = options.chunks
        found = read_prompt(ends, lens.lens, given, chunk_bytes=chunks.chunk_bytes).coherence
        return float("nan") if found is None else float(found[-1])

    generator = np.random.default_rng([options.seed, 19])
    orders = [torch.from_numpy(generator.permutation(len(rows))) for _ in range(_TARGET_DRAWS)]
    draws = np.array([at_last(targets[order]) for order in orders])
    none = np.empty(0, dtype=np.int64)
    return Comparison(
        "coherence at the last node",
        FAMILY,
        "1",
        at_last(targets),
        np.empty(0),
        none,
        draws,
        TARGETS,
        "two-sided",
    )


def _n_masked(states: NDArray[np.float64]) -> int:
    from analyses.ndna.angles import turning_angles

    return int(np.isnan(turning_angles(states)).sum())


def _about(
    recording: Recording, sites: list[str], left_out: list[str], lens: RecordedLens | str
) -> dict[str, Any]:
    reads = isinstance(lens, RecordedLens)
    return {
        "axis": "depth",
        "kind": recording.kind,
        "subject": recording.name,
        "lens": "logit" if reads else "none",
        "why_no_lens": "" if reads else str(lens),
        "vocabulary": lens.vocabulary if isinstance(lens, RecordedLens) else "",
        "sites_left_out": left_out,
        # A path and the same path backwards are alike.
        "n_orders": factorial(len(sites)) // 2 if len(sites) < 12 else 10**6,
    }
