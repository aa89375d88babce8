"""A result that could not be had: reported as a red box, never left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FailedResult:
    """An analysis that failed.

    Attributes
    ----------
    analysis : str
        Name of the analysis, or what was to be opened.
    recording : str
        Name of the recording; empty if unknown.
    error : str
        The sentence that the error said.
    """

    analysis: str
    recording: str
    error: str

    @property
    def title(self) -> str:
        """Title for people, in the same form as that of a result."""
        return f"{self.analysis}: {self.recording}" if self.recording else self.analysis
