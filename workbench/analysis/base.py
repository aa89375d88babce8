"""Base of all analyses: parameters as in scikit-learn, recordings in, a result out."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from workbench.analysis.measure import Measure
from workbench.analysis.spec import Spec
from workbench.errors import UsageError, nearest
from workbench.recording.arrays import from_arrays
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from workbench.analysis.result import Result

MapSites = Callable[..., list]


@dataclass(frozen=True)
class Example:
    """Data on which a plugin must find what was planted, or nothing.

    Attributes
    ----------
    recording : Recording
    parameters : dict
        Constructor parameters to use on it.
    companions : dict of str to Recording
    """

    recording: Recording
    parameters: dict[str, Any] = field(default_factory=dict)
    companions: dict[str, Recording] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """What `Analysis.compute` returns: labelled arrays and measures beside their nulls."""

    data: xr.Dataset
    measures: tuple[Measure, ...]


class Analysis(ABC):
    """An analysis of recordings.

    A subclass states its `spec`, stores its parameters in the constructor and nothing else, and
    writes the four methods below. `fit` does the rest.
    """

    spec: ClassVar[Spec]
    result_: Result

    @abstractmethod
    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Analyse a recording.

        Parameters
        ----------
        recording : Recording
        companions : mapping of str to Recording
            Those of ``spec.companions`` that were given.
        map_sites : callable
            ``map_sites(function, items)`` gives ``[function(item) for item in items]``, on
            whichever executor runs; the function and items must be picklable.
        """

    @staticmethod
    @abstractmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Draw a result: title of each figure to figure. A pure function of the data."""

    @staticmethod
    @abstractmethod
    def summarize(data: xr.Dataset, measures: tuple[Measure, ...]) -> str:
        """Say in a few sentences what a reader can act on."""

    @staticmethod
    def pages(data: xr.Dataset) -> dict[str, list[str]]:  # noqa: ARG004 - part of the contract
        """Name what has a page of its own, such as an atom: items by group; nothing by default.

        A dashboard shows one page at a time. The most telling items come first.
        """
        return {}

    @staticmethod
    def page(data: xr.Dataset, group: str, item: str) -> dict[str, go.Figure]:
        """Draw the page of one item that `pages` names: figures by title."""
        raise NotImplementedError

    @classmethod
    @abstractmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """Make a small recording with something planted, or the same without it."""

    def fit(
        self,
        X: Recording | Any,
        y: Any = None,
        *,
        executor: str = "serial",
        threads: int | None = None,
        **companions: Recording,
    ) -> Self:
        """Analyse a recording or an array.

        Parameters
        ----------
        X : Recording, or array (rows, units)
            An array becomes a recording with one site ``array``.
        y : array (rows,), optional
            Labels of the rows of an array; they become the column ``label``.
        executor : str
            ``serial``, ``processes`` or ``ray``: where the sites are worked on. The numbers are
            the same.
        threads : int, optional
            BLAS threads; all cores by default. Recorded with the result.
        **companions : Recording
            Further recordings, as `Spec.companions` names them.

        Returns
        -------
        Analysis
            Itself, with `result_`.

        Raises
        ------
        UsageError
            If the subject is of a kind, or a companion of a name, that the analysis does not take.
        """
        from threadpoolctl import threadpool_limits

        from workbench.analysis.result import make_result
        from workbench.executors import available_cores, site_mapper

        recording = X if isinstance(X, Recording) else _wrap(X, y)
        self._check(recording, companions)
        threads = threads or available_cores()
        with threadpool_limits(threads):
            findings = self.compute(recording, companions, site_mapper(executor, threads))
        self.result_ = make_result(self, recording, companions, findings, threads)
        return self

    def _check(self, recording: Recording, companions: Mapping[str, Recording]) -> None:
        if recording.kind not in self.spec.kinds:
            raise UsageError(
                f"Found a recording of kind '{recording.kind}'; '{self.spec.name}' takes "
                f"{', '.join(self.spec.kinds)}: choose another recording."
            )
        if recording.n_rows == 0:
            raise UsageError(
                f"Recording '{recording.name}' has no rows; expected at least one: finish its "
                "capture first."
            )
        for name in companions:
            if name not in self.spec.companions:
                raise UsageError(
                    f"Found companion recording '{name}' for '{self.spec.name}'; "
                    f"{nearest(name, self.spec.companions)}"
                )

    @classmethod
    def _parameter_names(cls) -> list[str]:
        parameters = inspect.signature(cls.__init__).parameters.values()
        return [p.name for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, as scikit-learn's estimators give them."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters by name.

        Raises
        ------
        UsageError
            If a name is not a parameter.
        """
        for name, value in parameters.items():
            if name not in self._parameter_names():
                raise UsageError(
                    f"Found no parameter '{name}' of '{self.spec.name}'; "
                    f"{nearest(name, self._parameter_names())}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"


def chosen_sites(recording: Recording, patterns: str | Iterable[str] | None) -> list[str]:
    """Sites of a recording that match globs, in the recording's order.

    Parameters
    ----------
    recording : Recording
    patterns : str or iterable of str, optional
        Globs; all sites by default.

    Returns
    -------
    list of str

    Raises
    ------
    UsageError
        If a glob matches nothing.
    """
    from workbench.subjects.globs import match_sites

    return match_sites(patterns or "*", recording.sites)


def _wrap(values: Any, labels: Any) -> Recording:
    array = np.asarray(values)
    if array.ndim == 1:
        array = array[:, None]
    rows = None if labels is None else {"label": np.asarray(labels)}
    return from_arrays({"array": array}, rows)
