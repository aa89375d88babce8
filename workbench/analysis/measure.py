"""A measure: one reported number beside the null that it must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Null:
    """The distribution of a measure when there is nothing to be found.

    Attributes
    ----------
    method : str
        How it was made, such as ``labels shuffled over rows``.
    mean, sd : float
        Mean and standard deviation of the draws, in the unit of the measure.
    n : int
        Number of draws.
    p_value : float
        Share of draws, the observed one counted in, at least as extreme as the measure.
    """

    method: str
    mean: float
    sd: float
    n: int
    p_value: float


@dataclass(frozen=True)
class Measure:
    """One number of a result.

    Attributes
    ----------
    name : str
    value : float
    unit : str
        Physical or statistical unit; ``1`` for a pure number.
    n : int
        Number of independent observations behind the value.
    interval : pair of float, optional
        95 % confidence interval.
    null : Null, optional
    beats_null : bool, optional
        Whether the value is more extreme than its null after correction; None without a null.
    why_no_null : str
        Required where there is no null.
    where : dict of str to str
        What the number belongs to, such as ``{"site": "blocks.0.hook_resid_post"}``.
    note : str
        A warning that a reader needs.

    Raises
    ------
    ValueError
        If there is neither a null nor a reason for its absence.

    Examples
    --------
    >>> null = Null("labels shuffled", 0.0, 0.01, 99, 0.01)
    >>> m = Measure("gdv", -0.31, "1", 400, (-0.35, -0.28), null, beats_null=True)
    >>> m.beats_null
    True
    >>> Measure("count", 3.0, "1", 3)
    Traceback (most recent call last):
    ...
    ValueError: Measure 'count' has no null; pass why_no_null to say why.
    """

    name: str
    value: float
    unit: str
    n: int
    interval: tuple[float, float] | None = None
    null: Null | None = None
    beats_null: bool | None = None
    why_no_null: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if self.null is None and not self.why_no_null:
            raise ValueError(f"Measure '{self.name}' has no null; pass why_no_null to say why.")
        if (self.null is None) != (self.beats_null is None):
            raise ValueError(f"Measure '{self.name}' needs both a null and beats_null, or neither.")

    def as_json(self) -> dict[str, Any]:
        """The measure as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Measure:
        """The inverse of `as_json`."""
        values = dict(content)
        values["null"] = Null(**values["null"]) if values["null"] else None
        values["interval"] = tuple(values["interval"]) if values["interval"] else None
        return cls(**values)


def measure_table(measures: Sequence[Measure]) -> pd.DataFrame:
    """Measures as a table, one a row.

    Parameters
    ----------
    measures : sequence of Measure

    Returns
    -------
    pandas.DataFrame
        Columns ``measure``, one for each key of ``where``, ``value``, ``low``, ``high``, ``unit``,
        ``n``, ``null``, ``null mean``, ``null sd``, ``p``, ``beats null``, ``note``.
    """
    import pandas as pd

    return pd.DataFrame([_table_row(each) for each in measures])


def _table_row(measure: Measure) -> dict[str, Any]:
    low, high = measure.interval or (None, None)
    null = measure.null
    return {
        "measure": measure.name,
        **measure.where,
        "value": measure.value,
        "low": low,
        "high": high,
        "unit": measure.unit,
        "n": measure.n,
        "null": null.method if null else f"none: {measure.why_no_null}",
        "null mean": null.mean if null else None,
        "null sd": null.sd if null else None,
        "p": null.p_value if null else None,
        "beats null": measure.beats_null,
        "note": measure.note,
    }
