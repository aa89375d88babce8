"""Curves along depth, one value a prompt and node: what is compared, never a single number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UsageError, nearest
from workbench.statistics.bootstrap import bootstrap_weights

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class Curves:
    """Curves of one model along depth.

    Attributes
    ----------
    name : str
        Of the model.
    sites : tuple of str (nodes,)
        Nodes of the path in order of depth.
    depth : ndarray (nodes,)
        Share of the depth, from 0 to 1.
    prompts : dict of str to ndarray (prompts, nodes)
        Values of each channel, averaged over the positions of a prompt; NaN where undefined. A
        ``step`` (radians) stands at the node that it leads to.
    vocabulary : str
        Digest of the vocabulary that probabilities are over; empty where there are none.
    attributes : dict
        What readers need besides: the lens, how many positions, how many were masked.

    Raises
    ------
    UsageError
        If shapes disagree or depths do not rise from 0 to 1.

    Examples
    --------
    >>> values = np.array([[np.nan, 0.2, 0.1], [np.nan, 0.4, 0.3]])
    >>> curves = Curves("model", ("0", "1", "2"), np.linspace(0, 1, 3), {"step": values})
    >>> curves.channels, curves.n_prompts
    (('step',), 2)
    >>> np.round(curves.mean("step"), 3).tolist()
    [nan, 0.3, 0.2]
    """

    name: str
    sites: tuple[str, ...]
    depth: NDArray[np.float64]
    prompts: dict[str, NDArray[np.float64]]
    vocabulary: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_depth(np.asarray(self.depth), len(self.sites))
        if not self.prompts:
            raise UsageError("Found curves without a channel; expected at least one, such as step.")
        shapes = {channel: np.shape(values) for channel, values in self.prompts.items()}
        wanted = (next(iter(shapes.values()))[0], len(self.sites)) if all(shapes.values()) else ()
        for channel, shape in shapes.items():
            if shape != wanted:
                raise UsageError(
                    f"Found channel '{channel}' of shape {shape}; expected (prompts, nodes) with "
                    f"{len(self.sites)} nodes and as many prompts in every channel."
                )

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(self.prompts)

    @property
    def n_prompts(self) -> int:
        """Number of prompts."""
        return len(next(iter(self.prompts.values())))

    def values(self, channel: str) -> NDArray[np.float64]:
        """Values of a channel, prompt by prompt.

        Parameters
        ----------
        channel : str

        Returns
        -------
        ndarray (prompts, nodes)

        Raises
        ------
        UsageError
            If there is no such channel.
        """
        if channel not in self.prompts:
            raise UsageError(
                f"Found no channel '{channel}' in the curves of '{self.name}'; "
                f"{nearest(channel, self.channels)}"
            )
        return self.prompts[channel]

    def mean(self, channel: str) -> NDArray[np.float64]:
        """Mean over prompts.

        Parameters
        ----------
        channel : str

        Returns
        -------
        ndarray (nodes,)
            NaN where no prompt has a value.
        """
        values = self.values(channel)
        return _weighted_means(np.ones((1, len(values))), values)[0]

    def interval(self, channel: str, n_bootstrap: int = 1000, seed: int = 0) -> NDArray[np.float64]:
        """95 % percentile interval of the mean, drawing prompts with replacement.

        Parameters
        ----------
        channel : str
        n_bootstrap : int
            Draws.
        seed : int

        Returns
        -------
        ndarray (2, nodes)
            Low and high; NaN where there are fewer than two prompts with a value.
        """
        values = self.values(channel)
        if len(values) < 2:
            return np.full((2, len(self.sites)), np.nan)
        low, high = np.full((2, len(self.sites)), np.nan)
        enough = np.isfinite(values).sum(axis=0) >= 2
        if enough.any():
            draws = self.draws(channel, n_bootstrap, seed)[:, enough]
            low[enough], high[enough] = np.nanquantile(draws, [0.025, 0.975], axis=0)
        return np.stack([low, high])

    def draws(self, channel: str, n_bootstrap: int = 1000, seed: int = 0) -> NDArray[np.float64]:
        """Bootstrap draws of the mean over prompts.

        Parameters
        ----------
        channel : str
        n_bootstrap : int
        seed : int
            Equal seeds draw the same prompts, in every channel.

        Returns
        -------
        ndarray (draws, nodes)
            NaN where a draw holds no prompt with a value.
        """
        values = self.values(channel)
        generator = np.random.default_rng(seed)
        weights = bootstrap_weights(np.arange(len(values)), n_bootstrap, generator)
        return _weighted_means(weights, values)

    def chosen(self, prompts: NDArray) -> Curves:
        """Curves of some of the prompts.

        Parameters
        ----------
        prompts : ndarray of int or bool

        Returns
        -------
        Curves
        """
        kept = {channel: values[prompts] for channel, values in self.prompts.items()}
        return Curves(self.name, self.sites, self.depth, kept, self.vocabulary, self.attributes)

    def to_xarray(self) -> xr.Dataset:
        """Labelled arrays, one variable a channel, with dimensions ``prompt`` and ``node``.

        Returns
        -------
        xarray.Dataset
        """
        import xarray as xr

        variables = {name: (("prompt", "node"), each) for name, each in self.prompts.items()}
        sites = np.array(self.sites, dtype=object)
        coordinates = {"site": ("node", sites), "depth": ("node", self.depth)}
        attributes = {
            "model": self.name,
            "vocabulary": self.vocabulary,
            "attributes": json.dumps(self.attributes),
        }
        return xr.Dataset(variables, coordinates, attributes)

    @classmethod
    def from_xarray(cls, data: xr.Dataset) -> Curves:
        """The inverse of `to_xarray`.

        Parameters
        ----------
        data : xarray.Dataset

        Returns
        -------
        Curves
        """
        prompts = {str(name): np.asarray(data[name].values) for name in data.data_vars}
        return cls(
            str(data.attrs["model"]),
            tuple(str(site) for site in data["site"].values),
            np.asarray(data["depth"].values),
            prompts,
            str(data.attrs["vocabulary"]),
            json.loads(data.attrs["attributes"]),
        )


def even_depth(n_nodes: int) -> NDArray[np.float64]:
    """Depths of equally spaced nodes.

    Parameters
    ----------
    n_nodes : int

    Returns
    -------
    ndarray (nodes,)

    Examples
    --------
    >>> even_depth(3).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.linspace(0.0, 1.0, n_nodes)


def same_vocabulary(models: Mapping[str, Curves]) -> str:
    """The one vocabulary that curves of probabilities are over.

    Parameters
    ----------
    models : mapping of str to Curves

    Returns
    -------
    str
        Its digest; empty where no curves have one.

    Raises
    ------
    UsageError
        If there are several: probabilities over other classes are not comparable.
    """
    digests = {each.vocabulary: name for name, each in models.items() if each.vocabulary}
    if len(digests) > 1:
        first, second, *_ = digests.values()
        raise UsageError(
            f"Found different vocabularies in '{first}' and '{second}'; expected one for all "
            "curves of probabilities: compare models of one tokenizer, or residual channels only."
        )
    return next(iter(digests), "")


def _check_depth(depth: NDArray, n_nodes: int) -> None:
    rises = depth.shape == (n_nodes,) and n_nodes >= 2 and bool((np.diff(depth) > 0).all())
    if not (rises and np.isclose(depth[0], 0) and np.isclose(depth[-1], 1)):
        raise UsageError(
            f"Found depths of shape {depth.shape} for {n_nodes} sites; expected at least two "
            "sites with depths that rise from 0 to 1."
        )


def _weighted_means(weights: NDArray, values: NDArray) -> NDArray[np.float64]:
    defined = np.isfinite(values)
    counts = weights @ defined
    sums = weights @ np.where(defined, values, 0.0)
    return np.where(counts > 0, sums / np.where(counts > 0, counts, 1.0), np.nan)
