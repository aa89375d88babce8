"""Some rows of a site, in a form that travels to whoever works on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.recording.recording import Recording, open_recording


@dataclass(frozen=True, eq=False)
class SiteRows:
    """Where activity is read: a recording on disk, or the sampled rows themselves.

    Attributes
    ----------
    site : str
    rows : ndarray (sampled,) of int
        Row numbers.
    path : Path, optional
        Folder of the recording.
    values : ndarray (sampled, units, ...), optional
        Rows of a recording in memory.

    Examples
    --------
    >>> import workbench as wb
    >>> recording = wb.from_arrays({"layer": np.arange(12.0).reshape(4, 3)})
    >>> SiteRows.of(recording, "layer", np.array([0, 3])).read().tolist()
    [[0.0, 1.0, 2.0], [9.0, 10.0, 11.0]]
    """

    site: str
    rows: NDArray[np.int64]
    path: Path | None = None
    values: NDArray | None = None

    @classmethod
    def of(cls, recording: Recording, site: str, rows: NDArray[np.int64]) -> SiteRows:
        """Rows of a site of a recording.

        Parameters
        ----------
        recording : Recording
        site : str
        rows : ndarray of int

        Returns
        -------
        SiteRows
        """
        if recording.path is not None:
            return cls(site, rows, path=recording.path)
        return cls(site, rows, values=recording[site].to_numpy(rows))

    def read(self, which: NDArray[np.int64] | None = None) -> NDArray:
        """Activity of all sampled rows, or of some.

        Parameters
        ----------
        which : ndarray of int, optional
            Places among the sampled rows.

        Returns
        -------
        ndarray (rows, units, ...)
        """
        if self.path is not None:
            rows = self.rows if which is None else self.rows[which]
            return open_recording(self.path)[self.site].to_numpy(rows)
        assert self.values is not None  # noqa: S101 - `of` sets one of the two
        return self.values if which is None else self.values[which]
