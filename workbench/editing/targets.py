"""What activity can be edited in: the protocol, scores, and torch networks with inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.editing.axes import first_tensor, modules_of, unit_axes, with_first
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import torch


Metric = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
Edit = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass(frozen=True)
class Scores:
    """A score in parts: one an example (a text, an image), to be drawn anew.

    Attributes
    ----------
    values : ndarray (examples,)
        Summed over what an example holds.
    weights : ndarray (examples,)
        How much it holds: 1, or the predicted tokens of a text.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Score over all examples."""
        return float(self.values.sum() / self.weights.sum())


class Target(Protocol):
    """Something that scores while the activity of sites is edited."""

    def scores(self, edits: Mapping[str, Edit], metric: str | Metric | None = None) -> Scores:
        """Scores with edits by site; an edit takes and gives activity (rows, units).

        The metric is the one that the target was opened with, or another.
        """

    def scores_of_each(
        self, site: str, edits: Sequence[Edit], metric: str | Metric | None = None
    ) -> list[Scores]:
        """Scores with each of several edits of one site, run side by side where that is faster."""

    def moments(self, site: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and mean magnitude of every unit of a site, (units,) each."""


def correct(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """1 where the largest output is the target's, 0 elsewhere: (examples,)."""
    return (outputs.argmax(dim=1) == targets).double()


def cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of every example in nats: (examples,)."""
    import torch

    return torch.nn.functional.cross_entropy(outputs, targets, reduction="none").double()


METRICS: dict[str, Metric] = {"accuracy": correct, "loss": cross_entropy}


class NetworkTarget:
    """A torch network with inputs and targets.

    Parameters
    ----------
    network : torch.nn.Module
    inputs : array or Tensor (examples, ...)
    targets : array or Tensor (examples,)
    metric : str or callable
        ``accuracy``, ``loss``, or a function of outputs and targets that gives one score an
        example.
    batch_size : int
    n_outputs : int, optional
        How many of the first outputs are answers; all by default.

    Raises
    ------
    UsageError
        If inputs and targets are missing or of different lengths, or there is no such metric.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        inputs: Any,
        targets: Any,
        metric: str | Metric = "accuracy",
        batch_size: int = 256,
        n_outputs: int | None = None,
    ) -> None:
        if inputs is None or targets is None or len(inputs) != len(targets) or len(inputs) < 2:
            found = "none" if inputs is None or targets is None else f"{len(inputs)}/{len(targets)}"
            raise UsageError(
                f"Found inputs and targets of lengths {found}; expected equally many, at least "
                "two: pass inputs= and targets=."
            )
        self._network, self._batch, self._n_outputs = network, batch_size, n_outputs
        self._metric = metric_of(metric)
        self._inputs, self._targets = _as_tensor(inputs), _as_tensor(targets)
        with _evaluating(network):
            self._axes = unit_axes(network, next(self._batches(2))[0])

    def scores(self, edits: Mapping[str, Edit], metric: str | Metric | None = None) -> Scores:
        """See `Target`."""
        import torch

        parts, measure = [], self._metric if metric is None else metric_of(metric)
        edited = _edited(self._network, edits, self._axes)
        with _evaluating(self._network), edited, torch.inference_mode():
            for inputs, targets in self._batches(self._batch):
                outputs = self._network(inputs)
                # Hugging Face models give more than one thing.
                outputs = getattr(outputs, "logits", outputs)[:, : self._n_outputs]
                parts.append(measure(outputs, targets).double().cpu())
        values = torch.cat(parts).numpy()
        if values.shape != (len(self._inputs),):
            raise UsageError(
                f"Found a metric of shape {values.shape} for {len(self._inputs)} examples; "
                "expected one number an example."
            )
        return Scores(values, np.ones(len(values)))

    def scores_of_each(
        self, site: str, edits: Sequence[Edit], metric: str | Metric | None = None
    ) -> list[Scores]:
        """See `Target`."""
        return [self.scores({site: edit}, metric) for edit in edits]

    def moments(self, site: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Target`."""
        watch = Watch()
        self.scores({site: watch})
        return watch.moments()

    def _batches(self, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        parameter = next(self._network.parameters(), None)
        device = "cpu" if parameter is None else parameter.device
        for start in range(0, len(self._inputs), size):
            part = slice(start, start + size)
            yield self._inputs[part].to(device), self._targets[part].to(device)


def _as_tensor(values: Any) -> torch.Tensor:
    import torch

    if isinstance(values, torch.Tensor):
        return values
    given = np.asarray(values)
    # A copy where the array cannot be written: torch warns of those.
    return torch.as_tensor(given if given.flags.writeable else given.copy())


class Watch:
    """An edit that changes nothing and sums what it sees."""

    def __init__(self) -> None:
        self._sums: list[torch.Tensor] = []
        self._n = 0

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Note rows (rows, units)."""
        found = [rows.double().sum(0), rows.double().abs().sum(0)]
        self._sums = [a + b for a, b in zip(found, self._sums, strict=True)] if self._n else found
        self._n += len(rows)
        return rows

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and mean magnitude (units,)."""
        mean, size = (each.cpu().numpy() / self._n for each in self._sums)
        return mean, size


@contextmanager
def _evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; every module gets its own mode back."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def _edited(
    network: torch.nn.Module, edits: Mapping[str, Edit], axes: Mapping[str, int]
) -> Iterator[None]:
    def hook_of(site: str, edit: Edit) -> Callable[[Any, Any, Any], Any]:
        def hook(_module: Any, _inputs: Any, output: Any) -> Any:
            rows = first_tensor(output).movedim(axes[site], -1)
            made = edit(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape)
            return with_first(output, made.movedim(-1, axes[site]))

        return hook

    modules = modules_of(network)
    handles = [
        modules[_placed(site, modules, axes)].register_forward_hook(hook_of(site, edit))
        for site, edit in edits.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _placed(site: str, modules: Mapping[str, Any], axes: Mapping[str, int]) -> str:
    if known_site(site, modules) not in axes:
        raise UsageError(
            f"The module '{site}' gives no activity of shape (examples, units, ...); expected "
            "another site, such as a layer."
        )
    return site


def metric_of(metric: str | Metric) -> Metric:
    """A metric by its name, or as it is.

    Raises
    ------
    UsageError
        If there is no such metric.
    """
    if callable(metric):
        return metric
    if metric not in METRICS:
        raise UsageError(f"Found no metric '{metric}'; {nearest(str(metric), METRICS)}")
    return METRICS[metric]


def known_site(site: str, sites: Mapping[str, Any]) -> str:
    """A site that there is.

    Raises
    ------
    UsageError
        If there is no such site.
    """
    if not site or site not in sites:
        raise UsageError(
            f"Found no site '{site}' in the subject; {nearest(site, [s for s in sites if s])}"
        )
    return site
