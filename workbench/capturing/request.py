"""What the user asked to be captured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

POSITIONS = ("all", "last", "word", "mean", "trial")
DTYPES = ("auto", "float32", "float16", "bfloat16", "float64")
_STIMULI = ("text", "tokens", "images", "stimuli")


@dataclass(frozen=True)
class CaptureRequest:
    """One capture, as `workbench.capture` documents it.

    Attributes
    ----------
    positions : str or tuple of int
        Which rows: one of `POSITIONS`, or indices into each stimulus, negative ones from its end.
    dtype : str
        Storage dtype; ``auto`` leaves the choice to `storage_dtype`.
    shard_rows : int, optional
        Most rows of a shard, the unit of commit, resume and distribution.
    stimuli : path, array, list of str, or str
        Whatever the subject takes, where none of the more special ones is given.

    Raises
    ------
    UsageError
        If a choice is not one of those offered.

    Examples
    --------
    >>> CaptureRequest("demo:language", positions="words")
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found positions 'words'; did you mean 'word'?
    >>> CaptureRequest("demo:language", positions="0,-1").positions
    (0, -1)
    """

    subject: Any
    sites: str | list[str] = "*"
    text: Path | Sequence[str] | None = None
    tokens: Path | NDArray[np.integer] | None = None
    images: Path | NDArray | None = None
    stimuli: Any = None
    positions: str | tuple[int, ...] = "all"
    dtype: str = "auto"
    max_rows: int | None = None
    batch_tokens: int = 4096
    shard_rows: int | None = None
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "positions", parse_positions(self.positions))
        if self.dtype not in DTYPES:
            raise UsageError(f"Found dtype '{self.dtype}'; {nearest(self.dtype, DTYPES)}")
        for name in ("max_rows", "batch_tokens", "shard_rows"):
            count = getattr(self, name)
            if count is not None and (count < 1 or int(count) != count):
                raise UsageError(f"Found {name} {count}; expected a whole number, at least 1.")
        given = [name for name in _STIMULI if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"Found both {' and '.join(given)}; expected one: leave out the rest.")

    def option(self, name: str, default: Any = None) -> Any:
        """An option of the subject kind."""
        return self.options.get(name, default)

    def reopening(self) -> dict[str, Any]:
        """What, besides the address, opens the subject and its stimuli again.

        Returns
        -------
        dict
            Options, and stimuli that have a path or a name; arrays in memory have neither, and
            what has no JSON form is left out as well.

        Examples
        --------
        >>> CaptureRequest("demo:vision", options={"n_stimuli": 5}).reopening()
        {'n_stimuli': 5}
        """
        named = {name: getattr(self, name) for name in _STIMULI}
        found = {name: str(each) for name, each in named.items() if isinstance(each, (str, Path))}
        plain = {name: _plain(value) for name, value in self.options.items()}
        return {**found, **{name: value for name, value in plain.items() if value is not None}}

    def storage_dtype(self, native: str, keep: bool = False) -> str:
        """Dtype to store activity in.

        Parameters
        ----------
        native : str
            Dtype in the subject.
        keep : bool
            Whether ``auto`` keeps every dtype, as for recorded brains; otherwise floating point
            becomes float32.

        Returns
        -------
        str

        Raises
        ------
        UsageError
            If the subject gives complex numbers or another dtype that no recording holds.

        Examples
        --------
        >>> request = CaptureRequest("demo:vision")
        >>> request.storage_dtype("bfloat16"), request.storage_dtype("bool")
        ('float32', 'bool')
        """
        from workbench.recording.dtypes import stored_dtype

        if self.dtype != "auto":
            return self.dtype
        wanted = "float32" if native in _FLOATING and not keep else native
        stored_dtype(wanted)
        return wanted

    def allow_positions(self, *known: str) -> None:
        """Refuse a choice of positions that the subject does not have.

        Parameters
        ----------
        *known : str
            Of `POSITIONS`, and ``indices``.

        Raises
        ------
        UsageError
        """
        by_index = isinstance(self.positions, tuple)
        if ("indices" if by_index else self.positions) not in known:
            shown = ",".join(map(str, self.positions)) if by_index else self.positions
            raise UsageError(
                f"Found positions '{shown}' for '{self.subject}'; it has {', '.join(known)}: "
                "choose one of these, or leave --positions out."
            )

    def allow_stimuli(self, *known: str) -> None:
        """Refuse kinds of stimuli that the subject does not take.

        Parameters
        ----------
        *known : str
            Of ``text``, ``tokens``, ``images``, ``stimuli``.

        Raises
        ------
        UsageError
        """
        for name in _STIMULI:
            if getattr(self, name) is not None and name not in known:
                instead = " or ".join(f"--{each}" for each in known) or "none: it was recorded"
                raise UsageError(
                    f"Found --{name} for '{self.subject}'; expected {instead}: leave --{name} out."
                )

    def check_options(self, known: tuple[str, ...]) -> None:
        """Refuse options that the subject kind does not have.

        Raises
        ------
        UsageError
        """
        for name in self.options:
            if name not in known:
                raise UsageError(
                    f"Found option '{name}' for '{self.subject}'; {nearest(name, known)}"
                )


def _plain(value: Any) -> Any:
    """A value in its JSON form; None where it has none."""
    try:
        return json.loads(json.dumps(value, default=_path, allow_nan=False))
    except (TypeError, ValueError):
        return None


def _path(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError


_FLOATING = ("float64", "float32", "float16", "bfloat16")


def parse_positions(given: Any) -> str | tuple[int, ...]:
    """Row policy as written by a user: a name, or indices as ``"0,5,-1"`` or as integers.

    Parameters
    ----------
    given : str, int or sequence of int

    Returns
    -------
    str or tuple of int

    Raises
    ------
    UsageError
        If it is neither, or an index comes twice.

    Examples
    --------
    >>> parse_positions("word"), parse_positions([3, -1]), parse_positions("2")
    ('word', (3, -1), (2,))
    """
    if isinstance(given, str) and given in POSITIONS:
        return given
    try:
        parts = np.atleast_1d(given.split(",") if isinstance(given, str) else given)
        indices = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        raise UsageError(f"Found positions '{given}'; {nearest(str(given), POSITIONS)}") from None
    if not indices or len(set(indices)) < len(indices) or parts.dtype.kind not in "iuU":
        raise UsageError(f"Found positions '{given}'; expected whole numbers, each of them once.")
    return indices


def make_request(**given: Any) -> CaptureRequest:
    """A request from what a user wrote: paths as strings, options among the arguments.

    Parameters
    ----------
    **given
        Fields of `CaptureRequest`; whatever else is an option of the subject kind.

    Returns
    -------
    CaptureRequest

    Raises
    ------
    UsageError

    Examples
    --------
    >>> make_request(subject="hf:./model", text="a.txt", context=64).options
    {'context': 64}
    """
    known = {each.name for each in fields(CaptureRequest)}
    options = {**given.pop("options", {}), **{k: given.pop(k) for k in {*given} - known}}
    for name in ("text", "tokens", "images"):
        if isinstance(given.get(name), str):
            given[name] = Path(given[name])
    return CaptureRequest(**given, options=options)
