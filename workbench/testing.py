"""Checks that every analysis must pass; authors of plugins run them on their own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.base import Analysis, Example
from workbench.analysis.result import Result, open_result
from workbench.analysis.spec import INVARIANCES, KINDS
from workbench.errors import WorkbenchError
from workbench.recording.arrays import from_arrays
from workbench.recording.recording import Recording, open_recording
from workbench.recording.writer import write_recording

if TYPE_CHECKING:
    import xarray as xr

_TOLERANCE = 1e-4
_NOISE_SEEDS = 20
# Twenty seeds at 5 % stay below this but once in a thousand, even if all measures fall together.
_MOST_FALSE_ALARMS = 0.2


def check_analysis(
    plugin: Analysis | type[Analysis], *, expected_failures: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Hold an analysis to its contract, on the examples that it makes itself.

    Parameters
    ----------
    plugin : Analysis, or subclass of it
        An instance is checked with its own parameters; those of its examples go over them.
    expected_failures : mapping of str to str, optional
        Names of checks that are known to fail, and why. A gap is declared here, never hidden: one
        that is declared but passes counts as a failure too.

    Returns
    -------
    dict of str to str
        By check: ``passed``, or ``expected failure: ...`` with the reason.

    Raises
    ------
    AssertionError
        If a check fails; the message starts with its name.

    Examples
    --------
    >>> "noise is not found" in CHECKS
    True
    """
    subject = _Subject(plugin if isinstance(plugin, Analysis) else plugin())
    expected = dict(expected_failures or {})
    unknown = set(expected) - set(CHECKS)
    if unknown:
        raise AssertionError(f"There is no check {sorted(unknown)}; there are {list(CHECKS)}.")
    return {name: _outcome(name, check, subject, expected) for name, check in CHECKS.items()}


def _outcome(
    name: str, check: Callable[[_Subject], None], subject: _Subject, expected: Mapping[str, str]
) -> str:
    try:
        check(subject)
    except Exception as error:
        if name in expected:
            return f"expected failure: {expected[name]}"
        said = error if isinstance(error, AssertionError) else repr(error)
        raise AssertionError(f"{name}: {said}") from error
    if name in expected:
        raise AssertionError(f"{name}: declared as an expected failure but passes; remove it.")
    return "passed"


@dataclass(frozen=True)
class _Subject:
    """The analysis under test, with ways to run it."""

    plugin: Analysis

    @property
    def kind(self) -> type[Analysis]:
        return type(self.plugin)

    def example(self, kind: Any = "planted", seed: int = 0) -> Example:
        return self.kind.example(kind, seed)

    def model(self, example: Example) -> Analysis:
        return self.kind(**{**self.plugin.get_params(), **example.parameters})

    def run(self, example: Example, executor: str = "serial") -> Result:
        return _fit(self.model(example), example, executor).result_


def _fit(model: Analysis, example: Example, executor: str = "serial") -> Analysis:
    options: dict[str, Any] = {"executor": executor, "threads": 1, **example.companions}
    return model.fit(example.recording, **options)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _check_parameters(subject: _Subject) -> None:
    from sklearn.base import clone

    parameters = subject.plugin.get_params()
    for name in parameters:
        given = object()
        made = subject.kind(**{name: given})
        _require(
            getattr(made, name) is given,
            f"the constructor changes '{name}'; it must store parameters and do nothing else.",
        )
    copy = clone(subject.plugin)
    _require(copy.get_params() == parameters, "a clone has other parameters.")
    example = subject.example()
    model = subject.model(example)
    before = model.get_params()
    _fit(model, example)
    _require(model.get_params() == before, "fit changes parameters.")


def _check_spec(subject: _Subject) -> None:
    spec = subject.plugin.spec
    for name in ("name", "title", "question", "reference", "method"):
        _require(bool(getattr(spec, name).strip()), f"spec.{name} is empty.")
    _require(set(spec.kinds) <= set(KINDS) and bool(spec.kinds), f"kinds {spec.kinds} of {KINDS}.")
    stray = set(spec.invariances) - set(INVARIANCES)
    _require(not stray, f"unknown invariances {sorted(stray)}; there are {INVARIANCES}.")
    given = set(subject.example().companions) - set(spec.companions)
    _require(not given, f"the example has companions {sorted(given)} that the spec does not name.")


def _check_same_seed(subject: _Subject) -> None:
    first, second = (subject.run(subject.example()) for _ in range(2))
    _require_equal(first, second, "the same data and seed give other numbers")


def _check_whole_chunked_distributed(subject: _Subject) -> None:
    example = subject.example()
    whole = subject.run(example)
    _require_equal(
        whole, subject.run(example, "processes"), "processes give other numbers than one process"
    )
    with tempfile.TemporaryDirectory() as folder:
        stored = _on_disk(example, Path(folder))
        for executor in ("serial", "processes"):
            other = subject.run(stored, executor)
            _require_equal(whole, other, f"a recording in shards ({executor}) gives other numbers")


def _on_disk(example: Example, folder: Path) -> Example:
    def stored(name: str, recording: Recording) -> Recording:
        size = max(1, recording.n_rows // 3)
        return open_recording(write_recording(recording, folder / name, size))

    companions = {name: stored(name, each) for name, each in example.companions.items()}
    return Example(stored("_main", example.recording), example.parameters, companions)


def _check_invariances(subject: _Subject) -> None:
    example = subject.example()
    before = _values(subject.run(example))
    for invariance in subject.plugin.spec.invariances:
        after = _values(subject.run(_transformed(example, invariance)))
        _require(before.keys() == after.keys(), f"{invariance} changes which measures there are.")
        for key, value in before.items():
            close = np.isclose(after[key], value, rtol=_TOLERANCE, atol=_TOLERANCE)
            _require(
                bool(close),
                f"{invariance} is declared an invariance but changes {key} from {value:.6g} to "
                f"{after[key]:.6g}.",
            )


def _values(result: Result) -> dict[str, float]:
    return {
        " ".join([measure.name, *measure.where.values()]): measure.value
        for measure in result.measures
    }


def _transformed(example: Example, invariance: str) -> Example:
    def change(recording: Recording) -> Recording:
        order = np.arange(recording.n_rows)
        if invariance == "row permutation":
            np.random.default_rng(0).shuffle(order)
        arrays = {
            site: _changed(recording[site].to_numpy(order).astype(np.float64), invariance)
            for site in recording.sites
        }
        return _remade(recording, arrays, order)

    companions = {name: change(each) for name, each in example.companions.items()}
    return Example(change(example.recording), example.parameters, companions)


def _changed(values: NDArray[np.float64], invariance: str) -> NDArray[np.float64]:
    generator = np.random.default_rng(1)
    n_units = values.shape[1]
    along_units = (1, n_units, *(1 for _ in values.shape[2:]))
    if invariance == "translation":
        return values + generator.normal(size=along_units) * 3
    if invariance == "scale":
        return values * 3.7
    if invariance == "unit scale":
        return values * generator.uniform(0.2, 5.0, size=along_units)
    if invariance == "unit permutation":
        return values[:, generator.permutation(n_units)]
    if invariance == "rotation":
        rotation = np.linalg.qr(generator.normal(size=(n_units, n_units)))[0]
        return np.moveaxis(np.tensordot(values, rotation, axes=(1, 0)), -1, 1)
    return values


def _remade(
    recording: Recording, arrays: Mapping[str, NDArray], order: NDArray | None = None
) -> Recording:
    rows = recording.rows if order is None else recording.rows.iloc[order].reset_index(drop=True)
    return from_arrays(
        arrays,
        rows,
        stimuli=recording.stimuli,
        kind=recording.kind,
        address=str(recording.subject.get("address", "memory")),
    )


def _check_planted(subject: _Subject) -> None:
    found = any(measure.beats_null for measure in subject.run(subject.example()).measures)
    _require(found, "no measure beats its null where something was planted.")


def _check_noise(subject: _Subject) -> None:
    shares = []
    for seed in range(_NOISE_SEEDS):
        result = subject.run(subject.example("noise", seed))
        tested = [bool(m.beats_null) for m in result.measures if m.null is not None]
        shares.append(sum(tested) / max(1, len(tested)))
    share = sum(shares) / len(shares)
    found = f"{100 * share:.0f} % of measures beat their null in pure noise ({_NOISE_SEEDS} seeds)"
    _require(share <= _MOST_FALSE_ALARMS, f"{found}; expected {_MOST_FALSE_ALARMS} at most.")


def _check_measures(subject: _Subject) -> None:
    result = subject.run(subject.example())
    _require(bool(result.measures), "there is no measure.")
    keys = [(m.name, tuple(sorted(m.where.items()))) for m in result.measures]
    _require(len(set(keys)) == len(keys), "two measures have the same name and place.")
    for measure in result.measures:
        name = " ".join([measure.name, *measure.where.values()])
        null, (low, high) = measure.null, measure.interval or (0.0, 0.0)
        _require(bool(np.isfinite(measure.value)), f"'{name}' is {measure.value}.")
        _require(bool(measure.unit), f"'{name}' has no unit; '1' is that of a pure number.")
        _require(measure.n > 0, f"'{name}' says n = {measure.n}.")
        _require(low <= high, f"'{name}' has the interval {low} to {high}.")
        if null is not None:
            finite = bool(np.isfinite((null.mean, null.sd)).all())
            _require(finite, f"the null of '{name}' is not finite.")
            _require(0 < null.p_value <= 1, f"'{name}' has p = {null.p_value}.")


def _check_nan(subject: _Subject) -> None:
    example = subject.example()

    def spoil(values: NDArray) -> NDArray:
        spoilt = values.astype(np.float64)
        spoilt[::7] = np.nan
        return spoilt

    _require_refused(subject, _with_arrays(example, spoil), "NaN")


def _check_one_unit(subject: _Subject) -> None:
    example = _with_arrays(subject.example(), lambda values: values[:, :1])
    _require_refused(subject, example, "one unit")


def _check_one_class(subject: _Subject) -> None:
    if "labels" not in subject.plugin.spec.needs:
        return
    example = subject.example()
    column = str(subject.model(example).get_params().get("labels", "label"))
    rows = example.recording.rows.copy()
    rows[column] = rows[column].iloc[0]
    one = from_arrays(_arrays(example.recording), rows, kind=example.recording.kind)
    _require_refused(subject, Example(one, example.parameters), "one class")


def _check_empty(subject: _Subject) -> None:
    example = subject.example()
    arrays = {site: values[:0] for site, values in _arrays(example.recording).items()}
    empty = _remade(example.recording, arrays, np.arange(0))
    _require_refused(subject, Example(empty, example.parameters), "an empty recording")


def _arrays(recording: Recording) -> dict[str, NDArray]:
    return {site: recording[site].to_numpy() for site in recording.sites}


def _with_arrays(example: Example, change: Callable[[NDArray], NDArray]) -> Example:
    def changed(recording: Recording) -> Recording:
        arrays = {site: change(values) for site, values in _arrays(recording).items()}
        return _remade(recording, arrays)

    others = {name: changed(each) for name, each in example.companions.items()}
    return Example(changed(example.recording), example.parameters, others)


def _require_refused(subject: _Subject, example: Example, what: str) -> None:
    try:
        subject.run(example)
    except WorkbenchError as error:
        said = str(error)
        clear = "\n" not in said and len(said.split()) >= 5
        _require(clear, f"{what} is refused, but not with one clear sentence: '{said}'.")
        return
    raise AssertionError(f"{what} is not refused; expected a WorkbenchError.")


def _check_disk(subject: _Subject) -> None:
    result = subject.run(subject.example())
    with tempfile.TemporaryDirectory() as folder:
        _require_equal(result, _reopened(result, folder), "a result changes on its way to disk")


def _check_figures(subject: _Subject) -> None:
    import plotly.graph_objects as go

    result = subject.run(subject.example())
    with tempfile.TemporaryDirectory() as folder:
        data = _reopened(result, folder).data
    before = data.copy(deep=True)
    figures = subject.kind.figures(data)
    _require(bool(figures), "there is no figure.")
    for group, items in subject.kind.pages(data).items():
        figures |= subject.kind.page(data, group, items[0]) if items else {}
    for title, figure in figures.items():
        _require(bool(title.strip()), "a figure has no title.")
        _require(isinstance(figure, go.Figure), f"'{title}' is a {type(figure).__name__}.")
        json.loads(figure.to_json())
    _require(data.identical(before), "drawing changes the data.")


def _check_summary(subject: _Subject) -> None:
    for kind in ("planted", "noise"):
        text = subject.run(subject.example(kind)).summary()
        _require(len(text.split()) >= 5, f"the {kind} example is summed up as '{text}'.")


def _reopened(result: Result, folder: str) -> Result:
    return open_result(result.save(Path(folder) / "result"))


def _require_equal(first: Result, second: Result, otherwise: str) -> None:
    measures = [[measure.as_json() for measure in each.measures] for each in (first, second)]
    _require(json.dumps(measures[0]) == json.dumps(measures[1]), f"{otherwise}: measures differ.")
    _require(
        set(first.data.variables) == set(second.data.variables), f"{otherwise}: variables differ."
    )
    for name in first.data.variables:
        same = _same_bytes(first.data[name], second.data[name])
        _require(same, f"{otherwise}: '{name}' differs.")


def _same_bytes(first: xr.DataArray, second: xr.DataArray) -> bool:
    if first.dims != second.dims or first.shape != second.shape:
        return False
    if first.dtype.kind in "biufcmM":
        return first.dtype == second.dtype and first.values.tobytes() == second.values.tobytes()
    return [str(v) for v in first.values.flat] == [str(v) for v in second.values.flat]


CHECKS: dict[str, Callable[[_Subject], None]] = {
    "parameters round-trip": _check_parameters,
    "the spec is complete": _check_spec,
    "measures are complete": _check_measures,
    "the same seed gives the same numbers": _check_same_seed,
    "whole, chunked and distributed agree": _check_whole_chunked_distributed,
    "declared invariances hold": _check_invariances,
    "planted structure is found": _check_planted,
    "noise is not found": _check_noise,
    "NaN is refused": _check_nan,
    "one unit is refused": _check_one_unit,
    "one class is refused": _check_one_class,
    "an empty recording is refused": _check_empty,
    "results survive the disk": _check_disk,
    "figures are made from data on disk": _check_figures,
    "the summary says something": _check_summary,
}
