"""Decoding across animals: an input layer for each, one trunk for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from probes.base import activity_of, checked
from probes.ridge import fit_ridge
from probes.standardizing import Standard
from workbench.errors import UsageError, nearest

if TYPE_CHECKING:
    from torch import nn

Animals = Mapping[str, tuple[ArrayLike, ArrayLike]]


class DecodingProbe(BaseEstimator):
    """Classes from the activity of several animals, whose units differ, through a shared trunk.

    Every animal has a linear input layer of its own, from its units to latents that all share; the
    trunk reads classes from the latents. An animal that the trunk has not seen gets an input layer
    from few labelled trials (`adapt`): the ridge map onto the mean latents of their classes.

    Parameters
    ----------
    n_latents : int
    hidden : int
        Rectified units of the trunk; 0 makes it linear.
    penalty : float
        Weight decay, and ridge penalty a trial of `adapt`.
    learning_rate : float
    n_steps : int
        Of the optimiser; every step sees a batch of every animal.
    batch_size : int
    seed : int

    Attributes
    ----------
    classes_ : ndarray (classes,)
    animals_ : list of str
        Those that have an input layer.
    centres_ : ndarray (classes, latents)
        Mean latents of every class over the animals of `fit`.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> y = np.tile([0, 1], 40)
    >>> made = {name: (generator.normal(size=(80, n)) + 2 * y[:, None], y)
    ...         for name, n in (("a", 5), ("b", 7))}
    >>> probe = DecodingProbe(n_latents=2, n_steps=100).fit(made)
    >>> bool(np.mean(probe.predict("b", made["b"][0]) == y) > 0.9)
    True
    """

    def __init__(
        self,
        n_latents: int = 16,
        hidden: int = 32,
        penalty: float = 1e-2,
        learning_rate: float = 1e-2,
        n_steps: int = 400,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        self.n_latents = n_latents
        self.hidden = hidden
        self.penalty = penalty
        self.learning_rate = learning_rate
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.seed = seed

    def fit(self, animals: Animals) -> Self:
        """Learn input layers and trunk together.

        Parameters
        ----------
        animals : mapping of str to (array (trials, units, ...), array (trials,))
            Activity and classes by animal; axes after the second are flattened into units.

        Returns
        -------
        DecodingProbe

        Raises
        ------
        UsageError
            If there is no animal, or one class only.
        WorkbenchError
            If activity is not finite.
        """
        import torch

        known = {name: checked(x, y)[:2] for name, (x, y) in animals.items()}
        if not known:
            raise UsageError("Found no animal; expected activity and labels of at least one.")
        self.classes_ = np.unique(np.concatenate([labels for _, labels in known.values()]))
        if len(self.classes_) < 2:
            raise UsageError(f"Found one class only ('{self.classes_[0]}'); expected two or more.")
        self._standards = {name: Standard.of(x) for name, (x, _) in known.items()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            inputs = [torch.nn.Linear(x.shape[1], self.n_latents) for x, _ in known.values()]
            trunk = self._trunk_of(len(self.classes_))
            self._train(inputs, trunk, known)
        self._trunk = trunk
        self._inputs = {
            name: (layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy())
            for name, layer in zip(known, inputs, strict=True)
        }
        self.centres_ = self._centres(known)
        return self

    def _trunk_of(self, n_classes: int) -> nn.Module:
        from torch import nn

        if not self.hidden:
            return nn.Linear(self.n_latents, n_classes)
        return nn.Sequential(
            nn.Linear(self.n_latents, self.hidden), nn.ReLU(), nn.Linear(self.hidden, n_classes)
        )

    def _train(
        self,
        inputs: Sequence[nn.Module],
        trunk: nn.Module,
        known: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    ) -> None:
        import torch

        data = [
            (
                torch.as_tensor(self._standards[name].transform(x).astype(np.float32)),
                torch.as_tensor(np.searchsorted(self.classes_, labels)),
            )
            for name, (x, labels) in known.items()
        ]
        optimiser = torch.optim.AdamW(
            [p for each in (*inputs, trunk) for p in each.parameters()],
            lr=self.learning_rate,
            weight_decay=self.penalty,
        )
        for _ in range(self.n_steps):
            losses = []
            for layer, (x, codes) in zip(inputs, data, strict=True):
                batch = torch.randint(len(x), (min(self.batch_size, len(x)),))
                said = trunk(layer(x[batch]))
                losses.append(torch.nn.functional.cross_entropy(said, codes[batch]))
            optimiser.zero_grad()
            torch.stack(losses).mean().backward()
            optimiser.step()

    def _centres(
        self, known: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
    ) -> NDArray[np.float64]:
        latents = np.concatenate([self.latents(name, x) for name, (x, _) in known.items()])
        labels = np.concatenate([each for _, each in known.values()])
        return np.stack([latents[labels == each].mean(axis=0) for each in self.classes_])

    def adapt(self, animal: str, X: ArrayLike, y: ArrayLike) -> Self:
        """Give an animal that the trunk has not seen an input layer, from few labelled trials.

        Parameters
        ----------
        animal : str
        X : array (trials, units, ...)
        y : array (trials,)
            Classes that the trunk knows.

        Returns
        -------
        DecodingProbe
            The same, with one animal more; the trunk does not change.

        Raises
        ------
        UsageError
            If a class is new to the trunk.
        WorkbenchError
            If activity is not finite.
        """
        x, labels, _ = checked(X, y)
        new = np.setdiff1d(labels, self.classes_)
        if len(new):
            raise UsageError(
                f"Found class '{new[0]}', which the trunk does not know; "
                f"{nearest(str(new[0]), map(str, self.classes_))}"
            )
        targets = self.centres_[np.searchsorted(self.classes_, labels)]
        path = fit_ridge(x, targets, np.array([self.penalty * len(x) * x.shape[1]]))
        self._standards[animal] = path.standard
        self._inputs[animal] = (path.coefficients[0], path.intercept)
        return self

    @property
    def animals_(self) -> list[str]:
        """Animals that have an input layer."""
        return list(self._inputs)

    def latents(self, animal: str, X: ArrayLike) -> NDArray[Any]:
        """Latents (trials, latents) of an animal's activity (trials, units, ...).

        Raises
        ------
        UsageError
            If the animal has no input layer.
        """
        if animal not in self._inputs:
            raise UsageError(
                f"Found no input layer for animal '{animal}'; {nearest(animal, self._inputs)}; "
                "give it one with adapt."
            )
        weights, bias = self._inputs[animal]
        return self._standards[animal].transform(activity_of(X)) @ weights + bias

    def predict(self, animal: str, X: ArrayLike) -> NDArray[Any]:
        """Classes (trials,) of an animal's activity (trials, units, ...)."""
        import torch

        with torch.no_grad():
            latents = torch.as_tensor(self.latents(animal, X).astype(np.float32))
            return self.classes_[self._trunk(latents).argmax(dim=1).numpy()]
