"""Measures in words: the same numbers and verdicts in report, notebook and dashboard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.analysis.measure import Measure

ICONS = {"beats": "✓", "not": "✗", "none": "\N{EN DASH}"}


@dataclass(frozen=True)
class Verdict:
    """Whether a measure beats its null: a kind for style, an icon and words."""

    kind: str
    words: str

    @property
    def icon(self) -> str:
        """A sign that does not need colour."""
        return ICONS[self.kind]


@dataclass(frozen=True)
class Headline:
    """The strongest of all measures of one kind: alike in all but their site.

    Attributes
    ----------
    measure : Measure
    n_same : int
        How many measures are of the kind.
    n_beaten, n_tested : int
        How many of them beat their null, and how many have one.
    """

    measure: Measure
    n_same: int
    n_beaten: int
    n_tested: int

    @property
    def tally(self) -> str:
        """How many of the measures of this kind beat their null."""
        if not self.n_tested:
            return "no null"
        whose = "its" if self.n_tested == 1 else "their"
        return f"{self.n_beaten} of {self.n_tested} beat {whose} null"


def number(value: float | None, digits: int = 4) -> str:
    """A number for people.

    Parameters
    ----------
    value : float, optional
    digits : int
        Significant digits.

    Returns
    -------
    str

    Examples
    --------
    >>> number(-0.123456), number(12345.0), number(None), number(float("nan"))
    ('−0.1235', '12,345', '', 'not a number')
    """
    if value is None:
        return ""
    if math.isnan(value):
        return "not a number"
    text = f"{value:,.0f}" if value % 1 == 0 else f"{value:.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}")


def with_unit(measure: Measure) -> str:
    """Value and unit; pure numbers have none.

    Examples
    --------
    >>> with_unit(Measure("delay", 12.5, "ms", 3, why_no_null="descriptive"))
    '12.5 ms'
    """
    value = number(measure.value)
    return value if measure.unit in ("", "1") else f"{value} {measure.unit}"


def interval(measure: Measure) -> str:
    """The 95 % interval in brackets, or nothing."""
    if measure.interval is None:
        return ""
    low, high = measure.interval
    return f"[{number(low, 3)}, {number(high, 3)}]"


def null_text(measure: Measure) -> str:
    """Mean and spread of the null, how it was made; or why there is none.

    Examples
    --------
    >>> from workbench import Null
    >>> null_text(Measure("gap", 3.0, "1", 9, None, Null("shuffled", 8e-5, 0.0141, 99, 0.01), True))
    '0.000 ± 0.014; shuffled, 99 draws'
    """
    null = measure.null
    if null is None:
        return f"no null: {measure.why_no_null}"
    return f"{_mean_and_sd(null.mean, null.sd)}; {null.method}, {null.n:,} draws"


def _mean_and_sd(mean: float, sd: float) -> str:
    if not (math.isfinite(mean) and math.isfinite(sd) and sd > 0):
        return f"{number(mean)} ± {number(sd)}"
    # Digits of the mean below the spread say nothing.
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    if decimals > 6:
        return f"{number(mean)} ± {number(sd, 2)}"
    return f"{mean:,.{decimals}f} ± {sd:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def p_text(measure: Measure) -> str:
    """The p-value, or nothing."""
    return number(measure.null.p_value, 2) if measure.null else ""


def verdict(measure: Measure) -> Verdict:
    """Verdict on a measure.

    Examples
    --------
    >>> verdict(Measure("count", 3.0, "1", 3, why_no_null="a description")).words
    'no null'
    """
    if measure.beats_null is None:
        return Verdict("none", "no null")
    return (
        Verdict("beats", "beats null") if measure.beats_null else Verdict("not", "null not beaten")
    )


def where_text(measure: Measure) -> str:
    """What a measure belongs to, in a line."""
    return ", ".join(str(value) for value in measure.where.values())


def where_keys(measures: Sequence[Measure]) -> list[str]:
    """All keys of ``where``, in the order of their first use."""
    return list(dict.fromkeys(key for measure in measures for key in measure.where))


def headlines(measures: Sequence[Measure], limit: int = 3) -> list[Headline]:
    """The strongest site of each kind of measure, those with a null first.

    Parameters
    ----------
    measures : sequence of Measure
    limit : int
        At most so many kinds.

    Returns
    -------
    list of Headline
        In the order of the measures.
    """
    groups = [
        [each for each in measures if _kind(each) == kind]
        for kind in dict.fromkeys(map(_kind, measures))
    ]
    tested_first = sorted(groups, key=lambda group: all(each.null is None for each in group))
    return [_headline(group) for group in tested_first[:limit]]


def _kind(measure: Measure) -> tuple[str, ...]:
    others = sorted((key, value) for key, value in measure.where.items() if key != "site")
    return (measure.name, *(part for pair in others for part in pair))


def _headline(group: Sequence[Measure]) -> Headline:
    return Headline(
        max(group, key=_strength),
        len(group),
        sum(bool(each.beats_null) for each in group),
        sum(each.null is not None for each in group),
    )


def _strength(measure: Measure) -> tuple[bool, float, float]:
    if measure.null is None:
        return (False, 0.0, 0.0)
    distance = abs(measure.value - measure.null.mean)
    return (bool(measure.beats_null), -measure.null.p_value, distance)
