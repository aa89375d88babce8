"""Recurrent weights from a measured connectome."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analyses.learning_regime.initial_connectivity import (
    check_match,
    check_size,
    gaussian_init,
    scaled_to,
    weight_norm,
)
from workbench.errors import UsageError, nearest

SIGNS = ("random", "gaba", "positive")
# Classical GABA neurons of C. elegans (McIntire et al. 1993): those whose synapses inhibit here.
GABA_NEURONS = frozenset(
    ["RMED", "RMEL", "RMER", "RMEV", "AVL", "RIS", "DVB"]
    + [f"DD{number}" for number in range(1, 7)]
    + [f"VD{number}" for number in range(1, 14)]
)
_COLUMNS = (
    ("source", "pre"),
    ("target", "post"),
    ("weight", "synapses"),
    ("type",),
)


def connectome_init(
    connectome: str | Path | ArrayLike,
    n: int | None = None,
    *,
    signs: str = "random",
    norm: float | None = None,
    match: str = "frobenius",
    seed: int = 0,
) -> NDArray[np.float64]:
    """Weights proportional to numbers of synapses, scaled to a norm.

    Parameters
    ----------
    connectome : path or array (neurons, neurons)
        A table of edges, as `read_connectome` reads it, or counts of synapses, to by from.
    n : int, optional
        Units: so many neurons, drawn without replacement by the seed and kept in their order; all
        by default. Never tiled: copies of a neuron would lower the rank.
    signs : {"random", "gaba", "positive"}
        A connectome counts synapses and does not sign them. *random* lets every neuron excite or
        inhibit by chance; *gaba* lets the worm's 26 GABA neurons inhibit (by name, tables only);
        *positive* takes counts as they are: a large mean, and growing activity at usual norms.
    norm : float, optional
        Size of the kind `match`; that of `gaussian_init` of the same seed by default.
    match : {"frobenius", "spectral_radius", "singular_value"}
    seed : int
        Of signs and of the neurons that are drawn.

    Returns
    -------
    ndarray (n, n)
        To, from.

    Raises
    ------
    UsageError
        If there are fewer neurons than asked for, or it is no connectome.

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(0.3, size=(30, 30))
    >>> weight = connectome_init(counts, n=20, norm=5.0)
    >>> weight.shape, round(float(np.linalg.norm(weight)), 10)
    ((20, 20), 5.0)
    """
    check_match(match)
    if signs not in SIGNS:
        raise UsageError(f"Found signs '{signs}'; {nearest(signs, SIGNS)}")
    names, counts = _opened(connectome)
    generator = np.random.default_rng(seed)
    chosen = _chosen(len(counts), n, generator)
    part = counts[np.ix_(chosen, chosen)]
    kept = None if names is None else [names[number] for number in chosen]
    weights = part * _column_signs(signs, len(part), kept, generator)
    if norm is None:
        norm = weight_norm(gaussian_init(len(part), seed=seed), match)
    return scaled_to(weights, norm, match)


def read_connectome(path: str | Path) -> tuple[list[str], NDArray[np.float64]]:
    """Neurons and numbers of synapses from a table of edges.

    Parameters
    ----------
    path : str or Path
        Commas or tabs between columns source or pre, target or post, weight or synapses, and type.
        Padding zeros of names are dropped: VB02 is VB2.

    Returns
    -------
    names : list of str
        Neurons that send at least one chemical synapse, by name: muscles and glia do not.
    counts : ndarray (neurons, neurons)
        To, from. Electrical synapses count in both directions, whether the table has both or one.

    Raises
    ------
    UsageError
        If the file is missing, has other columns, or no chemical synapse.
    """
    edges = _edges(Path(path).expanduser())
    names = sorted({source for source, _, _, kind in edges if kind == "chemical"})
    if not names:
        raise UsageError(f"Found no edge of type 'chemical' in '{path}'; expected a connectome.")
    place = {name: number for number, name in enumerate(names)}
    chemical, electrical = np.zeros((2, len(names), len(names)))
    for source, target, weight, kind in edges:
        if source in place and target in place:
            counts = chemical if kind == "chemical" else electrical
            counts[place[target], place[source]] += weight
    return names, chemical + np.maximum(electrical, electrical.T)


def _edges(path: Path) -> list[tuple[str, str, float, str]]:
    if not path.is_file():
        raise UsageError(f"Found no file '{path}'; expected a table of edges.")
    with path.open(encoding="utf-8", newline="") as file:
        delimiter = "\t" if "\t" in file.readline() else ","
        file.seek(0)
        table = csv.DictReader(file, delimiter=delimiter)
        columns = _columns(path, table.fieldnames or [])
        return [_edge([row[column] for column in columns], path) for row in table]


def _columns(path: Path, header: Sequence[str]) -> list[str]:
    named = {name.strip().lower(): name for name in header}
    found = [next((named[name] for name in names if name in named), None) for names in _COLUMNS]
    if None in found:
        missing = " or ".join(_COLUMNS[found.index(None)])
        raise UsageError(
            f"Found columns {', '.join(header)} in '{path}'; expected one called {missing}."
        )
    return [name for name in found if name is not None]


def _edge(values: list[str], path: Path) -> tuple[str, str, float, str]:
    source, target, weight, kind = (str(value).strip() for value in values)
    try:
        return _plain(source), _plain(target), float(weight), kind.lower()
    except ValueError:
        raise UsageError(
            f"Found a weight '{weight}' from {source} to {target} in '{path}'; expected a number."
        ) from None


def _plain(name: str) -> str:
    stem = name.rstrip("0123456789")
    return f"{stem}{int(name[len(stem) :])}" if name[len(stem) :] else name


def _opened(connectome: str | Path | ArrayLike) -> tuple[list[str] | None, NDArray[np.float64]]:
    if isinstance(connectome, (str, Path)):
        return read_connectome(connectome)
    counts = np.asarray(connectome, np.float64)
    if counts.ndim != 2 or len(counts) != counts.shape[1] or not np.isfinite(counts).all():
        raise UsageError(
            f"Found a connectome of shape {counts.shape}, or with values that are not finite; "
            "expected (neurons, neurons), to by from."
        )
    return None, counts


def _chosen(n_neurons: int, n: int | None, generator: np.random.Generator) -> NDArray[np.int64]:
    if n is None:
        return np.arange(n_neurons)
    check_size(n)
    if n > n_neurons:
        raise UsageError(
            f"Found {n_neurons} neurons for n {n}; expected n at most {n_neurons}: a connectome is "
            "not tiled."
        )
    return np.sort(generator.choice(n_neurons, n, replace=False))


def _column_signs(
    signs: str, n: int, names: list[str] | None, generator: np.random.Generator
) -> NDArray[np.float64]:
    if signs == "random":
        return generator.choice([-1.0, 1.0], n)
    if signs == "positive":
        return np.ones(n)
    if names is None:
        raise UsageError(
            "Found an array for signs 'gaba'; expected a table with names of neurons, or signs "
            "'random'."
        )
    return np.where([name in GABA_NEURONS for name in names], -1.0, 1.0)
