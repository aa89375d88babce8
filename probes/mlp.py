"""A small multi-layer perceptron, stopped early on groups that it did not learn from."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from probes.base import Labelled, Probe, activity_of
from probes.splits import group_folds
from probes.standardizing import Standard
from workbench.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

_VALIDATION_FOLDS = 8


class MLPProbe(Probe):
    """One hidden layer of rectified units, or more.

    Parameters
    ----------
    hidden : int or tuple of int
        Units of every hidden layer.
    weight_decay : float
    dropout : float
    learning_rate : float
    batch_size : int
    max_epochs : int
    patience : int
        Epochs without a lower loss on the groups kept aside (an eighth), after which training
        ends; the best epoch is kept. ``0`` trains all epochs on all rows: a memoriser.
    task : {"auto", "classification", "regression"}
    device : str
    seed : int

    Attributes
    ----------
    classes_ : ndarray (classes,)
    n_epochs_ : int
        Epochs trained.
    history_ : ndarray (epochs,)
        Loss on the groups kept aside, in nats, or in units of the labels' variance.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> X = generator.uniform(-1, 1, size=(800, 2))
    >>> y = X[:, 0] * X[:, 1] > 0
    >>> probe = MLPProbe(hidden=32, learning_rate=0.01).fit(X[:600], y[:600])
    >>> bool(probe.score(X[600:], y[600:]) > 0.9)
    True
    """

    def __init__(
        self,
        hidden: int | tuple[int, ...] = 128,
        weight_decay: float = 1e-4,
        dropout: float = 0.0,
        learning_rate: float = 1e-3,
        batch_size: int = 128,
        max_epochs: int = 200,
        patience: int = 10,
        task: str = "auto",
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.task = task
        self.device = device
        self.seed = seed

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Learn from activity and labels.

        Parameters
        ----------
        X : array (rows, units)
        y : array (rows,)
        groups : array (rows,), optional
            Groups lie on one side of the split that stops training.
        classes : array (classes,), optional
            All that there are, where `y` may lack some.

        Returns
        -------
        MLPProbe

        Raises
        ------
        UsageError, WorkbenchError
            If labels, activity or parameters are not what is needed.
        """
        import torch

        known = Labelled.of(X, y, groups, classes, self.task)
        for name in ("max_epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"Found {name}={getattr(self, name)}; expected at least 1.")
        self.task_ = known.task
        train, test = self._split(known)
        self._standard = Standard.of(known.x[train])
        inputs = torch.as_tensor(self._standard.transform(known.x).astype(np.float32))
        targets = self._targets(known, train)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._network = self._built(known.x.shape[1]).to(self.device)
            self._train(inputs.to(self.device), targets.to(self.device), train, test)
        return self

    def _split(self, known: Labelled) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        every = np.arange(len(known.x))
        n_groups = len(np.unique(known.groups))
        if not self.patience or n_groups < 2:
            return every, every
        folds = group_folds(known.groups, min(_VALIDATION_FOLDS, n_groups), known.values, self.seed)
        return every[folds != 0], every[folds == 0]

    def _targets(self, known: Labelled, train: NDArray[np.int64]) -> Tensor:
        import torch

        if known.task == "classification":
            self.classes_ = known.classes
            return torch.as_tensor(known.values)
        self._centre = float(known.values[train].mean())
        self._spread = float(known.values[train].std()) or 1.0
        standardised = (known.values - self._centre) / self._spread
        return torch.as_tensor(standardised.astype(np.float32))

    def _built(self, n_units: int) -> nn.Module:
        from torch import nn

        sizes = [n_units, *np.atleast_1d(np.asarray(self.hidden)).tolist()]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(self.dropout)]
        n_outputs = len(self.classes_) if self.task_ == "classification" else 1
        return nn.Sequential(*layers, nn.Linear(sizes[-1], n_outputs))

    def _loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        from torch.nn import functional

        outputs = self._network(inputs)
        if self.task_ == "classification":
            return functional.cross_entropy(outputs, targets)
        return functional.mse_loss(outputs[:, 0], targets)

    def _train(
        self,
        inputs: Tensor,
        targets: Tensor,
        train: NDArray[np.int64],
        test: NDArray[np.int64],
    ) -> None:
        import torch

        rows, others = (torch.as_tensor(each, device=inputs.device) for each in (train, test))
        optimiser = torch.optim.AdamW(
            self._network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay
        )
        history: list[float] = []
        best = self._copy()
        for _ in range(self.max_epochs):
            self._epoch(inputs, targets, rows, optimiser)
            with torch.no_grad():
                history.append(float(self._loss(inputs[others], targets[others])))
            if not self.patience:
                continue
            if history[-1] <= min(history):
                best = self._copy()
            if len(history) - 1 - int(np.argmin(history)) >= self.patience:
                break
        if self.patience:
            self._network.load_state_dict(best)
        self.history_, self.n_epochs_ = np.array(history), len(history)

    def _epoch(self, inputs: Tensor, targets: Tensor, rows: Tensor, optimiser: Any) -> None:
        import torch

        self._network.train()
        order = rows[torch.randperm(len(rows)).to(rows.device)]
        for batch in order.split(self.batch_size):
            optimiser.zero_grad()
            self._loss(inputs[batch], targets[batch]).backward()
            optimiser.step()
        self._network.eval()

    def _copy(self) -> dict[str, Tensor]:
        # A state dict holds the live tensors: without a copy the best weights would train on.
        return {name: value.clone() for name, value in self._network.state_dict().items()}

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Logits (rows, classes) of activity (rows, units), or predicted numbers (rows, 1)."""
        import torch

        x = self._standard.transform(activity_of(X)).astype(np.float32)
        with torch.no_grad():
            outputs = self._network(torch.as_tensor(x, device=self.device)).cpu().numpy()
        return outputs if self.task_ == "classification" else outputs * self._spread + self._centre

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels (rows,) of activity (rows, units)."""
        outputs = self.decision_function(X)
        if self.task_ == "regression":
            return outputs[:, 0].astype(np.float64)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probability (rows, classes) of every class, in the order of `classes_`."""
        from scipy.special import softmax

        return softmax(self.decision_function(X).astype(np.float64), axis=1)
