"""The batches of a recording without a byte on disk: computed when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from workbench.capturing.engine import compute
from workbench.capturing.planning import described
from workbench.capturing.source import Source
from workbench.errors import UsageError
from workbench.recording.activations import SHUFFLE_BUFFER_BYTES
from workbench.recording.blocks import Block
from workbench.recording.dtypes import widen
from workbench.recording.identity import digest
from workbench.recording.manifest import Manifest, SiteSpec
from workbench.recording.recording import Recording
from workbench.recording.tables import Tables

if TYPE_CHECKING:
    import pandas as pd


class Stream(Recording):
    """A subject that is computed when it is read, and otherwise a recording like any other.

    Reading one site (``stream[site].batches(size)``) computes no further than that site;
    ``stream.batches(size)`` gives all sites from one pass. Every pass computes anew: what is read
    often is better captured.

    Parameters
    ----------
    source : Source

    Examples
    --------
    >>> import workbench as wb
    >>> stream = wb.stream("demo:rnn", sites="recurrent", max_rows=60)
    >>> [batch["recurrent"].shape for batch in stream.batches(40)] == [
    ...     batch.shape for batch in stream["recurrent"].batches(40)
    ... ]
    True
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        ingredients = described(source)
        manifest = Manifest(
            digest(ingredients),
            ingredients,
            source.subject,
            source.sites,
            source.plan,
            (),
            notes=source.notes,
        )
        blocks: dict[str, Sequence[Block]] = {
            site.name: [LiveBlock(source, n, site) for n in range(len(source.plan))]
            for site in source.sites
        }
        super().__init__(manifest, blocks, _LiveTables(source), committed=len(source.plan))

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[dict[str, NDArray]]:
        """Go once over all rows in batches of all sites, from one pass.

        Parameters
        ----------
        size : int
            Rows a batch; the last one may be smaller.
        shuffle : int, optional
            Seed of a random order: shards are computed in a random order, and rows are mixed
            within a buffer of 256 MiB.

        Yields
        ------
        dict of str to ndarray (size, units, ...)

        Raises
        ------
        UsageError
            If the size is not positive.
        """
        if size < 1:
            raise UsageError(f"Found batch size {size}; expected at least 1: pass a larger size.")
        generator = None if shuffle is None else np.random.default_rng(shuffle)
        held: dict[str, NDArray] = {}
        for numbers in self._together(generator):
            parts = [compute(self._source, number)[1] for number in numbers]
            if held:
                parts.insert(0, held)
            joined = {site: np.concatenate([part[site] for part in parts]) for site in self.sites}
            filled = len(joined[self.sites[0]])
            order = np.arange(filled) if generator is None else generator.permutation(filled)
            whole = filled - filled % size
            for start in range(0, whole, size):
                yield self._widened(joined, order[start : start + size])
            held = {site: values[order[whole:]] for site, values in joined.items()}
        if held and len(held[self.sites[0]]):
            yield self._widened(held, slice(None))

    def _together(self, generator: np.random.Generator | None) -> Iterator[list[int]]:
        plan = self.manifest.plan
        if generator is None:
            yield from ([number] for number in range(len(plan)))
            return
        row_bytes = sum(site.row_bytes for site in self.manifest.sites)
        together: list[int] = []
        for number in generator.permutation(len(plan)).tolist():
            held = sum(plan[each] for each in [*together, number]) * row_bytes
            if together and held > SHUFFLE_BUFFER_BYTES:
                yield together
                together = []
            together.append(number)
        yield together

    def _widened(
        self, values: dict[str, NDArray], rows: NDArray[np.int64] | slice
    ) -> dict[str, NDArray]:
        dtypes = {site.name: site.dtype for site in self.manifest.sites}
        return {site: widen(part[rows], dtypes[site]) for site, part in values.items()}


# Of every source the shard that was read last, so that consecutive batches compute it once.
_last_computed: WeakKeyDictionary[Source, tuple[int, str, NDArray]] = WeakKeyDictionary()


class LiveBlock:
    """One shard of one site, computed when it is read and kept until another one is.

    Parameters
    ----------
    source : Source
    number : int
    site : SiteSpec
    """

    def __init__(self, source: Source, number: int, site: SiteSpec) -> None:
        self._source, self._number, self._site = source, number, site

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._source.plan[self._number]

    @property
    def run(self) -> int:
        """All rows: a part costs as much as the whole."""
        return self.rows

    def read(self, start: int, stop: int) -> NDArray:
        """Consecutive rows."""
        return self._values()[start:stop]

    def take(self, rows: NDArray[np.int64]) -> NDArray:
        """Any rows."""
        return self._values()[rows]

    def _values(self) -> NDArray:
        kept = _last_computed.get(self._source)
        if kept is None or kept[:2] != (self._number, self._site.name):
            found = compute(self._source, self._number, [self._site.name])[1]
            kept = (self._number, self._site.name, found[self._site.name])
            _last_computed[self._source] = kept
        return kept[2]


class _LiveTables(Tables):
    def __init__(self, source: Source) -> None:
        self._source = source

    def rows(self) -> pd.DataFrame:
        import pandas as pd

        parts = [self._source.rows(number) for number in range(len(self._source.plan))]
        return pd.concat(parts, ignore_index=True)

    def stimuli(self) -> pd.DataFrame:
        return self._source.stimulus_table()

    def units(self, site: SiteSpec) -> pd.DataFrame:
        return self._source.units(site)
