"""Where the rows of a pool or a target come from, and to which sample each belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.atoms.rowblocks import site_of
from workbench.errors import UsageError, nearest
from workbench.recording.identity import digest, digest_array

_WEIGHTS = ("encoder_", "encoder_bias_", "decoder_", "decoder_bias_", "threshold_")


@dataclass(frozen=True)
class View:
    """Rows with their samples.

    Attributes
    ----------
    X : Activations or array (rows, units)
    groups : ndarray (rows,)
        Sample of each row.
    counted : ndarray (rows,) of bool, optional
        Rows that enter; all if None.
    subject, site : str or None
    """

    X: Any
    groups: NDArray
    counted: NDArray | None
    subject: str | None
    site: str | None


def view(
    given: Any,
    groups: str | ArrayLike | None,
    site: str | None,
    where: str | ArrayLike | None,
    sae: Any,
) -> View:
    """Resolve a recording or an array.

    Parameters
    ----------
    given : Recording, Activations or array (rows, units)
    groups : str or array (rows,)
        Column of the row table, or the samples themselves.
    site : str, optional
        That of the SAE, or the only one, by default.
    where : str or array (rows,) of bool, optional
    sae : object
        Its ``site_`` and ``n_features_in_``, if it has them, must fit.

    Returns
    -------
    View

    Raises
    ------
    UsageError
        If a name does not exist, or the SAE was trained at another site or width.
    """
    recording = given if hasattr(given, "sites") else None
    own = getattr(sae, "site_", None)
    if recording is not None:
        given = recording[_chosen_site(recording.sites, site, own)]
    found, width = site_of(given), getattr(sae, "n_features_in_", None)
    if found and own and found != own:
        raise UsageError(
            f"Found activity at site '{found}' and an SAE trained at '{own}'; expected the same "
            "site: its atoms mean nothing at another."
        )
    shape = np.shape(given) if found is None else given.shape
    if width is not None and len(shape) == 2 and shape[1] != width:
        raise UsageError(
            f"Found activity of {shape[1]} units and an SAE trained on {width}; expected as many."
        )
    subject = None if recording is None else str(recording.subject.get("address", "?"))
    counted = None if where is None else _column(recording, where, "where")
    return View(given, _column(recording, groups, "groups"), counted, subject, found)


def sae_digest(sae: Any) -> str | None:
    """Hash of an SAE's weights; None for objects without any.

    Parameters
    ----------
    sae : object

    Returns
    -------
    str or None
        64 hexadecimal digits.

    Examples
    --------
    >>> sae_digest(object()) is None
    True
    """
    weights = {
        name: digest_array(np.asarray(getattr(sae, name)))
        for name in _WEIGHTS
        if getattr(sae, name, None) is not None
    }
    return digest(weights) if weights else None


def _chosen_site(sites: list[str], site: str | None, own: str | None) -> str:
    chosen = site or own or (sites[0] if len(sites) == 1 else None)
    if chosen is None:
        raise UsageError(
            f"Found {len(sites)} sites and an SAE that names none; expected one to choose by: "
            f"pass site=, such as '{sites[0]}'."
        )
    return chosen


def _column(recording: Any, given: str | ArrayLike | None, parameter: str) -> NDArray:
    if not isinstance(given, str):
        if given is None:
            raise UsageError(
                "Found an array of target rows without the sample of each; expected them: pass "
                "target_groups= with one name a row."
            )
        return np.asarray(given)
    if recording is None:
        raise UsageError(
            f"Found {parameter}='{given}' for an array; expected one value a row: pass an array, "
            "or a recording, whose row table has columns."
        )
    if given not in recording.rows:
        raise UsageError(
            f"Found no column '{given}' in the row table; {nearest(given, recording.rows.columns)}"
        )
    return np.asarray(recording.rows[given])
