"""What was computed before, found again by what it was computed from.

Keys are hashes of contents: of exemplars, of a describer's weights and settings. A file that
changes under an old name is another content, so nothing stale is found.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from analyses.neuron_labels.types import Candidate, Describer, UnitExemplars
from workbench.errors import WorkbenchError
from workbench.recording.identity import digest, digest_array

_VERSION = 1


def exemplars_fingerprint(exemplars: UnitExemplars) -> str:
    """Hash of all that a describer can see of a unit.

    Parameters
    ----------
    exemplars : UnitExemplars

    Returns
    -------
    str
        64 hexadecimal digits; the same for equal exemplars of another unit or site.

    Examples
    --------
    >>> one = UnitExemplars(0, "a", "vision", np.array([1]), np.ones(1, np.float32),
    ...                     np.ones((1, 2, 2), bool))
    >>> other = UnitExemplars(7, "b", "vision", np.array([1]), np.ones(1, np.float32),
    ...                       np.ones((1, 2, 2), bool))
    >>> exemplars_fingerprint(one) == exemplars_fingerprint(other)
    True
    """
    arrays = {
        name: None if value is None else digest_array(np.asarray(value))
        for name, value in (
            ("stimuli", exemplars.stimuli),
            ("values", exemplars.values),
            ("masks", exemplars.masks),
            ("images", exemplars.images),
            ("spans", exemplars.spans),
            ("features", exemplars.features),
        )
    }
    # NaN has no JSON form.
    threshold = repr(float(exemplars.threshold))
    return digest([exemplars.kind, arrays, exemplars.tokens, threshold])


class ProposalCache:
    """Remembers candidates, in memory and in a folder.

    Parameters
    ----------
    folder : str or Path, optional
        Made if need be; by default nothing is written.

    Examples
    --------
    >>> class Same:
    ...     name = "same"
    ...     def propose(self, exemplars, n=50):
    ...         print("asked")
    ...         return [Candidate("thing", -1.0, -1.0, self.name)]
    ...     def fingerprint(self):
    ...         return "same 1"
    >>> unit = UnitExemplars(0, "a", "vision", np.array([1]), np.ones(1, np.float32),
    ...                      np.ones((1, 2, 2), bool))
    >>> cache = ProposalCache()
    >>> [cache.propose(Same(), unit)[0].text for _ in range(2)]
    asked
    ['thing', 'thing']
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._known: dict[str, list[Candidate]] = {}

    def propose(
        self, describer: Describer, exemplars: UnitExemplars, n: int = 50
    ) -> list[Candidate]:
        """As ``describer.propose(exemplars, n)``, which is called once for equal contents.

        Parameters
        ----------
        describer : Describer
        exemplars : UnitExemplars
        n : int

        Returns
        -------
        list of Candidate

        Raises
        ------
        WorkbenchError
            If what was stored cannot be read.
        """
        key = digest([_VERSION, describer.fingerprint(), exemplars_fingerprint(exemplars), n])
        if key not in self._known:
            stored = self._read(key)
            found = describer.propose(exemplars, n) if stored is None else stored
            if stored is None:
                self._write(key, found)
            self._known[key] = found
        return list(self._known[key])

    def _read(self, key: str) -> list[Candidate] | None:
        if self._folder is None or not (self._folder / f"{key}.json").is_file():
            return None
        path = self._folder / f"{key}.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return [Candidate(**each) for each in stored]
        except (ValueError, TypeError) as error:
            raise WorkbenchError(
                f"Found '{path}', which cannot be read ({error}); expected stored candidates: "
                "delete it."
            ) from error

    def _write(self, key: str, candidates: Sequence[Candidate]) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps([asdict(each) for each in candidates])
        # Renamed when it is whole: others may read the folder at the same time.
        with tempfile.NamedTemporaryFile(
            "w", dir=self._folder, suffix=".part", delete=False, encoding="utf-8"
        ) as handle:
            handle.write(text)
        Path(handle.name).replace(self._folder / f"{key}.json")
