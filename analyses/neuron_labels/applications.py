"""What labels are for: analysis, auditing and editing of a subject (MILAN, sections 5 to 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analyses.neuron_labels.ablation import Ablation, Mode, ablate, single_unit_changes
from analyses.neuron_labels.abstaining import false_label_rate
from analyses.neuron_labels.text_metrics import words
from workbench.demo.scene_words import KINDS
from workbench.editing.opening import as_target
from workbench.editing.targets import Metric, Target
from workbench.errors import UsageError
from workbench.statistics.correction import holm

if TYPE_CHECKING:
    import pandas as pd

    from analyses.neuron_labels.types import Label

ABSTAINS = "no label"
OTHER = "other words"
_EITHER = re.compile(r"\bor\b|,")
_NEGATED = re.compile(r"\bbut not\b.*?(?=\bor\b|$)")


@dataclass(frozen=True)
class Audit:
    """Units whose labels match a query.

    Attributes
    ----------
    query : tuple of str
    labels : tuple of Label
        Those that match and beat their null.
    n_matching : int
        That match, abstained ones included.
    n_units : int
        All that were labelled.
    false_label_rate : float
        Share of `labels` that the null leads one to expect among them; NaN if there are none.
    """

    query: tuple[str, ...]
    labels: tuple[Label, ...]
    n_matching: int
    n_units: int
    false_label_rate: float

    @property
    def units(self) -> dict[str, list[int]]:
        """Units by site, as `ablate` takes them."""
        found: dict[str, list[int]] = {}
        for label in self.labels:
            found.setdefault(label.site, []).append(label.unit)
        return found

    def summary(self) -> str:
        """The finding in a sentence."""
        rate = self.false_label_rate
        expected = f"; at most {rate:.1%} of them by chance" if np.isfinite(rate) else ""
        return (
            f"{len(self.labels)} of {self.n_units} units are about {' or '.join(self.query)}"
            f"{expected} ({self.n_matching - len(self.labels)} more match but do not beat their "
            "null)."
        )


def audit(labels: Sequence[Label], query: str | Sequence[str], only: bool = False) -> Audit:
    """Find units whose labels say something.

    Parameters
    ----------
    labels : sequence of Label
        As `evaluate` fills them in.
    query : str or sequence of str
        Words, any of which counts; in one text parted by ``|``. What a label denies with ``but
        not`` does not count; plurals do.
    only : bool
        Whether every alternative of a label must match, as in ``one or two``: units that follow
        something else as well, as ``ring or two`` do, are then left alone.

    Returns
    -------
    Audit

    Raises
    ------
    UsageError
        If there is no word, or labels were not evaluated.

    Examples
    --------
    >>> from analyses.neuron_labels.types import Label
    >>> labels = [Label(0, "conv", "red digits", 1.0, p_value=0.001),
    ...           Label(1, "conv", "circle but not digit", 1.0, p_value=0.001)]
    >>> audit(labels, "digit|letter").units
    {'conv': [0]}
    """
    wanted = [query] if isinstance(query, str) else list(query)
    asked = tuple(word for part in wanted for each in part.split("|") for word in words(each))
    if not asked:
        raise UsageError(f"Found the query {query!r}; expected at least one word.")
    p = np.array([label.p_value for label in labels])
    if not len(labels) or not np.isfinite(p).all():
        raise UsageError(
            f"Found {len(labels)} labels, of which {int(np.isnan(p).sum())} have no p-value; "
            "expected labels that evaluate() gave."
        )
    matching = [label for label in labels if says(label.text, asked, only)]
    kept = [label for label in matching if not label.abstains]
    rate = false_label_rate(
        [label.p_value for label in matching], [not label.abstains for label in matching]
    )
    return Audit(asked, tuple(kept), len(matching), len(labels), rate)


def says(text: str, query: Sequence[str], only: bool = False) -> bool:
    """Whether a description contains one of some words and does not deny it.

    Parameters
    ----------
    text : str
    query : sequence of str
    only : bool
        Whether every alternative must.

    Returns
    -------
    bool

    Examples
    --------
    >>> says("striped circles", ["circle"]), says("red but not circle", ["circle"])
    (True, False)
    >>> says("red or circle", ["circle"]), says("red or circle", ["circle"], only=True)
    (True, False)
    """
    parts = _EITHER.split(_NEGATED.sub(" ", text.lower()))
    said = [set(words(part)) for part in parts if words(part)]
    hits = [any(word in part or f"{word}s" in part for word in query) for part in said]
    return bool(hits) and (all(hits) if only else any(hits))


def kind_of_label(label: Label) -> str:
    """Kinds of the words of a label, such as ``colour and shape``.

    Parameters
    ----------
    label : Label

    Returns
    -------
    str
        ``no label`` where it abstains, ``other words`` where no word is of a known kind.

    Examples
    --------
    >>> from analyses.neuron_labels.types import Label
    >>> kind_of_label(Label(0, "conv", "red circle at the top", 1.0))
    'colour and position and shape'
    """
    if label.abstains:
        return ABSTAINS
    kinds = {KINDS[word] for word in words(label.text) if word in KINDS}
    return " and ".join(sorted(kinds)) or OTHER


def importance(
    labels: Sequence[Label],
    subject: Any,
    *,
    inputs: Any = None,
    targets: Any = None,
    kind: Callable[[Label], str] = kind_of_label,
    mode: Mode = "zero",
    control: str = "layer-matched",
    metric: str | Metric | None = None,
    n_controls: int = 40,
    fewest: int = 2,
    seed: int = 0,
) -> pd.DataFrame:
    """How much units matter, grouped by the kind of their label.

    Parameters
    ----------
    labels : sequence of Label
        Of one or several sites of the subject.
    subject, inputs, targets, mode, control, metric, n_controls, seed
        As of `ablate`.
    kind : callable
        Gives the group of a label.
    fewest : int
        Units that a group needs.

    Returns
    -------
    DataFrame
        A row for each group: ``kind``, ``units``, ``before``, ``after``, ``change`` with ``low``
        and ``high``, ``control change``, ``beyond control`` with ``beyond low`` and ``beyond
        high``, ``p`` and ``p corrected`` (Holm, over groups). Groups that leave too few other
        units as controls are left out.

    Raises
    ------
    UsageError
        If no group is left.
    """
    import pandas as pd

    target = as_target(subject, inputs, targets, metric)
    found = []
    for name, units in _grouped(labels, kind, fewest).items():
        each = ablate(target, None, units, mode, control, metric, n_controls=n_controls, seed=seed)
        found.append(_row(name, each))
    if not found:
        raise UsageError(
            f"Found no kind of label with at least {fewest} units and as many others to compare "
            "with; expected one: label more units, or pass another kind=."
        )
    table = pd.DataFrame(found)
    table["p corrected"] = holm(table["p"])
    return table


def _grouped(
    labels: Sequence[Label], kind: Callable[[Label], str], fewest: int
) -> dict[str, dict[str, list[int]]]:
    groups: dict[str, dict[str, list[int]]] = {}
    sizes: dict[str, int] = {}
    for label in labels:
        groups.setdefault(kind(label), {}).setdefault(label.site, []).append(label.unit)
        sizes[label.site] = sizes.get(label.site, 0) + 1

    def fits(units: Mapping[str, Sequence[int]]) -> bool:
        enough = sum(len(each) for each in units.values()) >= fewest
        return enough and all(2 * len(each) <= sizes[site] for site, each in units.items())

    return {name: units for name, units in sorted(groups.items()) if fits(units)}


def _row(name: str, found: Ablation) -> dict[str, Any]:
    return {
        "kind": name,
        "units": found.n_units,
        "before": found.before,
        "after": found.after,
        "change": found.change,
        "low": found.interval[0],
        "high": found.interval[1],
        "control change": float(found.controls.mean()) - found.before,
        "beyond control": found.difference,
        "beyond low": found.difference_interval[0],
        "beyond high": found.difference_interval[1],
        "p": found.p_value,
    }


@dataclass(frozen=True)
class Edit:
    """What deleting the units of an audit does to several sets of examples.

    Attributes
    ----------
    audit : Audit
    ablations : dict of str to Ablation
        By set of examples.
    n_spared : int
        Units of the audit that validation needs and that were left alone.
    """

    audit: Audit
    ablations: dict[str, Ablation]
    n_spared: int = 0

    def summary(self) -> str:
        """The findings in a few sentences."""
        parts = [f"{name}: {each.summary()}" for name, each in self.ablations.items()]
        return " ".join([self.audit.summary(), *parts])


def edit(
    labels: Sequence[Label],
    query: str | Sequence[str],
    subject: Any,
    examples: Mapping[str, tuple[Any, Any]],
    *,
    only: bool = False,
    validation: tuple[Any, Any] | None = None,
    tolerance: float = 0.005,
    mode: Mode = "zero",
    control: str = "layer-matched",
    metric: str | Metric | None = None,
    n_controls: int = 40,
    seed: int = 0,
) -> Edit:
    """Delete the units whose labels match a query, such as a spurious feature, and test it.

    Parameters
    ----------
    labels : sequence of Label
    query, only
        As of `audit`.
    subject, mode, control, metric, n_controls, seed
        As of `ablate`.
    examples : mapping of str to pair
        Inputs and targets of every set, such as ``clean`` and ``adversarial`` test images.
    validation : pair, optional
        Inputs and targets of other examples, such as those that were trained on. Units whose
        deletion alone lowers the score there by more than `tolerance` are left alone, and so are
        they in control sets: MILAN deletes the least important units first.
    tolerance : float

    Returns
    -------
    Edit

    Raises
    ------
    UsageError
        If no label matches the query, or as of `ablate`.
    """
    found = audit(labels, query, only)
    if not found.labels:
        raise UsageError(
            f"Found no unit whose label says {' or '.join(found.query)} and beats its null "
            f"({found.n_matching} match); expected at least one: ask for other words."
        )
    units, among = found.units, None
    if validation is not None:
        target = as_target(subject, *validation, metric)
        among = {site: _harmless(target, site, mode, tolerance) for site in units}
        units = {site: [u for u in each if u in among[site]] for site, each in units.items()}
        units = {site: each for site, each in units.items() if each}
    if not units:
        raise UsageError(
            f"Found that validation needs all {len(found.labels)} units about "
            f"{' or '.join(found.query)}; expected one that it does not: raise tolerance=."
        )
    ablations = {
        name: ablate(
            as_target(subject, inputs, targets, metric),
            None,
            units,
            mode,
            control,
            metric,
            among=among,
            n_controls=n_controls,
            seed=seed,
        )
        for name, (inputs, targets) in examples.items()
    }
    n_deleted = sum(len(each) for each in units.values())
    return Edit(found, ablations, len(found.labels) - n_deleted)


def _harmless(target: Target, site: str, mode: Mode, tolerance: float) -> list[int]:
    """Units whose deletion alone lowers the score by no more than the tolerance."""
    n_units = len(target.moments(site)[0])
    changes = single_unit_changes(target, site, range(n_units), mode)
    return [int(unit) for unit in np.flatnonzero(changes >= -tolerance)]
