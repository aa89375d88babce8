"""Opening recorded brains in tests, and reading all that their source gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.capturing.request import CaptureRequest, make_request
from workbench.capturing.source import Source
from workbench.subjects.addresses import open_source


def open_brain(
    address: str, sites: Any = "*", positions: Any = "all", dtype: str = "auto", **options: Any
) -> Source:
    """Open a subject; ``max_rows`` and ``shard_rows`` may be among the options."""
    request = make_request(
        subject=address, sites=sites, positions=positions, dtype=dtype, **options
    )
    return open_source(request, None)


def rows_of(source: Source) -> pd.DataFrame:
    """The whole row table."""
    tables = [source.rows(number) for number in range(len(source.plan))]
    return pd.concat(tables, ignore_index=True)


def activity_of(source: Source, site: str | None = None) -> NDArray:
    """All activity at a site; shards in reverse order, which must not matter."""
    name = site or source.sites[0].name
    numbers = reversed(range(len(source.plan)))
    return np.concatenate([source.activity(number, [name])[name] for number in numbers][::-1])


def units_of(source: Source, site: str | None = None) -> pd.DataFrame:
    """The unit table of a site."""
    return source.units(next(s for s in source.sites if site in (None, s.name)))


def read_shard(request: CaptureRequest, number: int) -> tuple[NDArray, pd.DataFrame]:
    """Open a request anew, as a worker does, and read one shard."""
    source = open_source(request, None)
    name = source.sites[0].name
    return source.activity(number, [name])[name], source.rows(number)
