"""Several animals joined by the names of their neurons, never by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError


def animal_names(traces: Any) -> list[str]:
    """Names of the animals: the keys of a mapping, or numbers.

    Parameters
    ----------
    traces : array, sequence or mapping
        As `join_animals` takes them.

    Returns
    -------
    list of str

    Examples
    --------
    >>> animal_names(np.zeros((2, 50, 3))), animal_names({"w1": np.zeros((50, 3))})
    (['0', '1'], ['w1'])
    """
    if isinstance(traces, Mapping):
        return [str(name) for name in traces]
    if isinstance(traces, Sequence) or np.ndim(traces) == 3:
        return [str(number) for number in range(len(traces))]
    return ["0"]


def by_animal(given: Any, traces: Any, what: str) -> list[Any]:
    """One entry for every animal, from a mapping or a sequence of them.

    Parameters
    ----------
    given : mapping of animal to entry, or sequence of entries
    traces : array, sequence or mapping
        Says which animals there are.
    what : str
        What the entries are, for the message.

    Returns
    -------
    list

    Raises
    ------
    UsageError
        If an animal has none, or there are more.
    """
    animals = animal_names(traces)
    if isinstance(given, Mapping):
        entries = {str(name): entry for name, entry in given.items()}
        if set(entries) != set(animals):
            raise UsageError(
                f"Found {what} of animals {sorted(entries)} and traces of {sorted(animals)}; "
                "expected the same animals."
            )
        return [entries[name] for name in animals]
    if len(given) != len(animals):
        raise UsageError(
            f"Found {what} of {len(given)} animals and traces of {len(animals)}; expected one "
            "entry an animal."
        )
    return list(given)


def join_animals(traces: Any, names: Any = None) -> tuple[list[str], list[NDArray]]:
    """Bring the neurons of all animals into one order, NaN where one is missing.

    Parameters
    ----------
    traces : array (time, neurons) or (animals, time, neurons), or list or dict of (time, neurons)
    names : sequence of str, or list or dict of such sequences by animal, optional
        Names of the neurons, in any order; their numbers by default.

    Returns
    -------
    names : list of str
        In the order given if all animals share it, else in alphabetical order.
    joined : list of ndarray (time, neurons)

    Raises
    ------
    UsageError
        If names repeat, are empty or do not fit the traces, or animals without names differ in
        their numbers of neurons.

    Examples
    --------
    >>> first, second = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    >>> names, joined = join_animals([first, second], [["AVB", "AVA"], ["AVA", "RIM"]])
    >>> names, joined[0].tolist(), joined[1].tolist()
    (['AVA', 'AVB', 'RIM'], [[2.0, 1.0, nan]], [[3.0, nan, 4.0]])
    """
    arrays = [_real(each) for each in _listed(traces)]
    lists = _name_lists(names, traces, arrays)
    for animal, (given, values) in enumerate(zip(lists, arrays, strict=True)):
        _check_names(given, values, animal)
    if all(given == lists[0] for given in lists):
        return lists[0], arrays
    union = sorted(set().union(*lists))
    place = {name: number for number, name in enumerate(union)}
    joined = []
    for given, values in zip(lists, arrays, strict=True):
        wide = np.full((len(values), len(union)), np.nan, values.dtype)
        wide[:, [place[name] for name in given]] = values
        joined.append(wide)
    return union, joined


def _listed(traces: Any) -> list[Any]:
    if isinstance(traces, Mapping):
        listed = list(traces.values())
    elif isinstance(traces, Sequence) or np.ndim(traces) == 3:
        listed = list(traces)
    else:
        listed = [traces]
    if not listed:
        raise UsageError("Found no animal; expected traces (time, neurons) of at least one.")
    return listed


def _real(values: Any) -> NDArray:
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise UsageError(
            f"Found traces of one animal with shape {array.shape} and dtype {array.dtype}; "
            "expected real numbers (time, neurons)."
        )
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _name_lists(names: Any, traces: Any, arrays: list[NDArray]) -> list[list[str]]:
    if names is None:
        counts = sorted({values.shape[1] for values in arrays})
        if len(counts) > 1:
            raise UsageError(
                f"Found animals with {', '.join(str(count) for count in counts)} neurons and no "
                "names; expected names= by animal, to join them by."
            )
        return [[str(number) for number in range(counts[0])]] * len(arrays)
    shared = not isinstance(names, Mapping) and all(isinstance(name, str) for name in names)
    if shared:
        return [[str(name) for name in names]] * len(arrays)
    return [[str(name) for name in given] for given in by_animal(names, traces, "names")]


def _check_names(names: list[str], values: NDArray, animal: int) -> None:
    if len(names) != values.shape[1]:
        raise UsageError(
            f"Found {len(names)} names and {values.shape[1]} neurons in animal {animal}; expected "
            "one name a neuron: check the order of the axes, which is (time, neurons)."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UsageError(
            f"Found neuron names {repeated[:5]} more than once in animal {animal}; expected each "
            "once: rename or leave out the doubles."
        )
    if any(not name.strip() for name in names):
        raise UsageError(
            f"Found {sum(not name.strip() for name in names)} neurons without a name in animal "
            f"{animal}; expected one each: leave them out, or number them."
        )
