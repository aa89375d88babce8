"""A language model at several checkpoints of its training, as one source of shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest
from workbench.capturing.source import Source
from workbench.errors import UsageError
from workbench.recording.manifest import SiteSpec
from workbench.subjects.language.model import LanguageModel
from workbench.subjects.language.source import LanguageSource
from workbench.subjects.language.texts import Text
from workbench.subjects.networks.checkpoints import natural, step_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LanguageCheckpoint:
    """A model of a series.

    Attributes
    ----------
    name, folder : str
        For people; of its files.
    step : int, optional
        Of training, where it is known.
    """

    name: str
    folder: str
    step: int | None


def find_folders(root: str, given: Any) -> list[LanguageCheckpoint]:
    """Checkpoints inside a folder, as a trainer leaves them.

    Parameters
    ----------
    root : str
        Folder of the training.
    given : str or sequence of str
        Globs such as ``checkpoint-*``, relative to it.

    Returns
    -------
    list of LanguageCheckpoint
        In the order of the numbers in their names, which are their steps.

    Raises
    ------
    UsageError
        If there are none.
    """
    patterns = given.split(",") if isinstance(given, str) else [str(each) for each in given]
    top = Path(root).expanduser()
    found = {
        path
        for pattern in patterns
        for path in top.glob(pattern.strip() or "*")
        if (path / "config.json").is_file()
    }
    if not found:
        raise UsageError(
            f"Found no checkpoints '{given}' in '{root}'; expected a glob of folders with a model "
            "in each, such as 'checkpoint-*'."
        )
    names = {path: path.relative_to(top).as_posix() for path in sorted(found, key=natural)}
    return [LanguageCheckpoint(name, str(path), step_of(name)) for path, name in names.items()]


def open_series(
    request: CaptureRequest,
    checkpoints: Sequence[LanguageCheckpoint],
    texts: Iterable[Text] | None,
    staging: Path | None,
    notes: Mapping[str, Any] | None = None,
) -> Source:
    """Checkpoints of a language model with their texts.

    Parameters
    ----------
    request : CaptureRequest
    checkpoints : sequence of LanguageCheckpoint
    texts : iterable of Text, optional
    staging : Path, optional
    notes : mapping, optional
        As of `LanguageSource`.

    Returns
    -------
    Source

    Raises
    ------
    UsageError
        As `LanguageSource`.
    """
    each = request.max_rows
    if each is not None:
        request = replace(request, max_rows=max(1, each // len(checkpoints)))
    first = LanguageModel(checkpoints[0].folder, request.device, _dtype(request))
    return LanguageSeries(checkpoints, LanguageSource(request, first, texts, staging, notes))


def _dtype(request: CaptureRequest) -> str:
    return str(request.option("model_dtype", "float32"))


class LanguageSeries(Source):
    """See `workbench.capturing.source.Source`.

    Rows are ordered by checkpoint, then as those of one model. One model is open at a time.

    Parameters
    ----------
    checkpoints : sequence of LanguageCheckpoint
    source : LanguageSource
        Of the first one.
    """

    def __init__(self, checkpoints: Sequence[LanguageCheckpoint], source: LanguageSource) -> None:
        self._checkpoints, self._source, self._loaded = checkpoints, source, 0
        self.sites, self.subject = source.sites, source.subject
        self.plan = source.plan * len(checkpoints)
        self.notes = {
            **source.notes,
            "checkpoints": [each.name for each in checkpoints],
            "opened_with": source.request.reopening(),
        }
        self._about = self._ingredients(0)
        self._weights = [self._weights_of(number) for number in range(len(checkpoints))]

    def _weights_of(self, number: int) -> list[str]:
        self._load(number)
        found, name = self._ingredients(number), self._checkpoints[number].name
        other = [key for key in self._about if found.get(key) != self._about[key]]
        other = [key for key in other if key != "weights"]
        if other:
            raise UsageError(
                f"The checkpoint '{name}' has another {other[0]} than "
                f"'{self._checkpoints[0].name}'; expected checkpoints of one training."
            )
        return [name, str(found["weights"])]

    def _ingredients(self, number: int) -> dict[str, Any]:
        self._load(number)
        return self._source.model.ingredients([site.name for site in self.sites])

    def _load(self, number: int) -> None:
        if number != self._loaded:
            request = self._source.request
            folder = self._checkpoints[number].folder
            self._source.model = LanguageModel(folder, request.device, _dtype(request))
            self._loaded = number

    @property
    def ingredients(self) -> dict[str, Any]:
        """All that changes the numbers, with the weights of every checkpoint."""
        subject = {**self._about, "weights": self._weights}
        return {**self._source.ingredients, "subject": subject}

    def stimulus_table(self) -> pd.DataFrame:
        """Table of texts."""
        return self._source.stimulus_table()

    def write_stimuli(self, staging: Path) -> None:
        """Nothing to do: planning wrote the tables."""
        self._source.write_stimuli(staging)

    def settle(self, root: Path) -> None:
        """Read texts from ``root`` from now on."""
        self._source.settle(root)

    def units(self, site: SiteSpec) -> pd.DataFrame:
        """Table of units."""
        return self._source.units(site)

    def rows(self, number: int) -> pd.DataFrame:
        """Row table of one shard."""
        import pandas as pd

        checkpoint, shard = divmod(number, len(self._source.plan))
        table, about = self._source.rows(shard), self._checkpoints[checkpoint]
        table["checkpoint"] = checkpoint
        table["step"] = pd.array([about.step] * len(table), dtype="Int64")
        table["checkpoint_name"] = about.name
        return table

    def activity(self, number: int, sites: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """Activity of one shard."""
        checkpoint, shard = divmod(number, len(self._source.plan))
        self._load(checkpoint)
        return self._source.activity(shard, sites)

    def trial(self) -> int:
        """Compute one batch."""
        return self._source.trial()
