"""What the user asked to be captured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest

POSITIONS = ("all", "last", "word")
DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class CaptureRequest:
    """One capture, as `workbench.capture` documents it.

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
    """

    subject: str
    sites: str | list[str] = "*"
    text: Path | Sequence[str] | None = None
    tokens: Path | NDArray[np.integer] | None = None
    positions: str = "all"
    dtype: str = "float32"
    max_rows: int | None = None
    batch_tokens: int = 4096
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, known in (
            ("positions", self.positions, POSITIONS),
            ("dtype", self.dtype, DTYPES),
        ):
            if value not in known:
                raise UsageError(f"Found {name} '{value}'; {nearest(value, known)}")
        for name, count in (("max_rows", self.max_rows), ("batch_tokens", self.batch_tokens)):
            if count is not None and count < 1:
                raise UsageError(f"Found {name} {count}; expected at least 1.")
        if self.text is not None and self.tokens is not None:
            raise UsageError("Found both a text and token ids; expected one: leave out the other.")

    def option(self, name: str, default: Any = None) -> Any:
        """An option of the subject kind."""
        return self.options.get(name, default)

    def refuse_positions(self) -> None:
        """Refuse a choice of positions, for subjects that read no text.

        Raises
        ------
        UsageError
        """
        if self.positions != "all":
            raise UsageError(
                f"Found positions '{self.positions}' for '{self.subject}'; they are for language "
                "models: leave --positions out."
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
