"""The written summary: what a reader can act on, in a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.statistics.correction import ALPHA

if TYPE_CHECKING:
    import xarray as xr


def summarize(data: xr.Dataset) -> str:
    """Say whether activity switches, between how many states, and what differs between them.

    Parameters
    ----------
    data : xarray.Dataset
        As `arrays.assemble` gives it.

    Returns
    -------
    str
    """
    site = best_site(data)
    at = data.sel(site=site)
    sentences = [
        _verdict(data, at, site),
        _chosen(data),
        _network(at),
        _embedded(data),
        _left_out(data),
    ]
    return " ".join(each for each in sentences if each)


def best_site(data: xr.Dataset) -> str:
    """Site with the largest gain over one state."""
    return str(data["site"].values[int(np.argmax(data["gain"].values))])


def _verdict(data: xr.Dataset, at: xr.Dataset, site: str) -> str:
    gain, null = float(at["gain"]), at["null"].values
    beats = (data["p_gain_corrected"] <= ALPHA) & (data["gain"] > 0)
    what = (
        f"{int(at['tested'])} states predict held-out trials by {gain:+.4f} nats per bin against "
        f"one state (95 % interval {float(at['gain_low']):+.4f} to {float(at['gain_high']):+.4f})"
    )
    beside = f"units turned round in time give {null.mean():+.4f} ± {null.std():.4f}"
    p_value = float(at["p_gain_corrected"])
    if not bool(beats.any()):
        return (
            f"No site has states that units share: at {site}, {what}; {beside} (p = {p_value:.3g})."
        )
    return (
        f"At {site}, {what}; {beside} (p = {p_value:.3g}, corrected over sites); in all, "
        f"{int(beats.sum())} of {data.sizes['site']} sites beat this null."
    )


def _chosen(data: xr.Dataset) -> str:
    chosen, n_each = np.unique(data["chosen"].values, return_counts=True)
    listed = ", ".join(f"{n} at {k} sites" for n, k in zip(chosen, n_each, strict=True))
    if data.sizes["site"] == 1:
        listed = str(int(chosen[0]))
    most = int(data["candidate"].values.max())
    at_most = " (the most that were tried: try more)" if most in chosen and most > 1 else ""
    one = " One state suffices there: states that are shown are not needed." if 1 in chosen else ""
    return f"Number of states by held-out likelihood: {listed}{at_most}.{one}"


def _network(at: xr.Dataset) -> str:
    tested = int(at["tested"])
    moves = np.diag(at["transitions"].values[:tested, :tested])
    stay = 1 / np.maximum(1 - moves, 1e-9)
    signs = np.sign(np.nan_to_num(at["connectivity"].values[:tested]))
    return (
        f"States last {', '.join(f'{each:.1f}' for each in stay)} bins; "
        f"{100 * np.mean(signs > 0):.0f} % of couplings are excitatory and "
        f"{100 * np.mean(signs < 0):.0f} % inhibitory; the cosine of signs between states is "
        f"{float(at['agreement']):.2f} (shuffled {float(at['agreement_null_mean']):.2f}, "
        f"p = {float(at['p_agreement']):.3g})."
    )


def _embedded(data: xr.Dataset) -> str:
    sites = [str(site) for site in data["site"].values[data["embedded"].values.astype(bool)]]
    if not sites:
        return ""
    return (
        f"Units of {', '.join(sites)} are one unit at several delays: couplings between them, and "
        "what they share beyond turned ones, follow from that."
    )


def _left_out(data: xr.Dataset) -> str:
    parts = []
    if data.attrs["n_units_left_out"]:
        parts.append(f"only the most variable units ({data.attrs['n_units_left_out']})")
    if data.attrs["n_rows_left_out"]:
        parts.append(f"{data.attrs['n_rows_left_out']} rows left out, of other or too short trials")
    if data.attrs["sites_left_out"]:
        parts.append(f"sites where fewer than two units vary: {data.attrs['sites_left_out']}")
    return f"Analysed: {'; '.join(parts)}." if parts else ""
