"""Dynamic functional connectomes of several animals: the estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from analyses.connectome.affinity import FLOOR
from analyses.connectome.atlas import make_atlas
from analyses.connectome.cohort import Preparation, make_cohort
from analyses.connectome.communities import Hierarchy, communities
from analyses.connectome.graphs import motif_graph
from analyses.connectome.motifs import RANKS, Search, check_search, find_motifs, peaks
from workbench.statistics.correction import ALPHA
from workbench.statistics.permutation import permutation_null

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

    from workbench.analysis.measure import Null


@dataclass(frozen=True, eq=False)
class Motif:
    """A network with a time course and a profile over animals.

    Attributes
    ----------
    time : ndarray (time,)
        Time course, of unit norm.
    animals : dict of str to float
        How strongly each animal carries it, of unit norm.
    pairs : ndarray (pairs,)
        Loadings in the order of ``numpy.triu_indices``, of unit norm; twice as many with signed
        affinity.
    weight : float
        Norm of the motif's part of the tensor.
    graph : networkx.Graph
        As `graphs.motif_graph` makes it.
    groups : Hierarchy
        Nested communities of its graph: ``levels`` from fine to coarse, ``communities`` chosen.
    expression : ndarray (time, animals)
        Mean affinity of its pairs, weighted by their loadings.
    excess : float
        Share of the tensor's norm along the motif, beyond that of shifted traces.
    interval : pair of float
        95 % interval of the excess.
    null : Null
        Of the excess: the largest of any motif found in shifted traces.
    beats_null : bool
    """

    time: NDArray
    animals: dict[str, float]
    pairs: NDArray
    weight: float
    graph: nx.Graph
    groups: Hierarchy
    expression: NDArray
    excess: float
    interval: tuple[float, float]
    null: Null
    beats_null: bool


class DynamicConnectome:
    """Motifs of co-activity: when, in which animals and among which neurons.

    Affinity of all pairs of neurons in every frame (`affinity.affinity`) makes a tensor of time,
    animals and pairs; its non-negative factorisation gives motifs; communities in each motif's
    graph give groups of neurons; every motif stands beside those of shifted traces.

    Parameters
    ----------
    rank : int, optional
        Number of motifs; chosen among `ranks` by default (`choose_rank`).
    ranks : tuple of int
    kind, sampling_rate, smoothing, signed, floor, scale
        As in `affinity.affinity`. The rate follows from `times` where those are given.
    method : str
        How communities are found; see `communities`.
    margin : float
        Seconds (frames without a rate) before and after each stimulus, where animals are aligned
        by their stimuli.
    n_null : int
        Draws of shifted traces; each is factorised as the traces are.
    n_restarts : int
        Factorisations from random starts.
    seed : int

    Attributes
    ----------
    motifs_ : list of Motif
        The one with the largest excess over shifted traces first.
    graphs_ : list of networkx.Graph
    hierarchy_ : list of Hierarchy
        Nested groups of neurons in each motif.
    atlas_ : pandas.DataFrame or None
        Mean expression of each motif (row) under each stimulus (column), and columns
        ``selectivity`` (largest contrast to all other frames, in standard deviations) and ``p``.
        None without stimuli.
    names_, animals_ : list of str
        Neurons and animals. ``missing_`` are neurons that no animal has.
    times_ : ndarray (time,)
    labels_ : ndarray (animals, time) of str
        Stimulus in every frame.
    rank_ : int
    rank_curve_ : dict of str to list of float
    error_ : float
        Relative error of the factorisation.
    held_out_error_ : float
        Of affinities left out of it; ``held_out_null_`` is that of shifted traces.

    Raises
    ------
    UsageError
        By `fit`: if traces, names, times, stimuli or parameters are not what is expected.

    References
    ----------
    Dyballa et al. 2024, Learning dynamic representations of the functional connectome in
    neurobiological networks (arXiv 2402.14102). Affinity, nulls and choice of rank are ours.

    Examples
    --------
    >>> from analyses.connectome.planted import planted
    >>> worms = planted(seed=0, n_animals=3, n_frames=90, n_neurons=20, n_motifs=1)
    >>> model = DynamicConnectome(rank=2, n_null=1, n_restarts=1).fit(worms.traces)
    >>> len(model.motifs_), model.graphs_[0].number_of_nodes()
    (2, 20)
    """

    def __init__(
        self,
        rank: int | None = None,
        ranks: Sequence[int] = RANKS,
        kind: str = "interval",
        sampling_rate: float | None = None,
        smoothing: float | None = None,
        signed: bool = False,
        floor: float = FLOOR,
        scale: str = "max",
        method: str = "sbm",
        margin: float = 0.0,
        n_null: int = 19,
        n_restarts: int = 2,
        seed: int = 0,
    ) -> None:
        self.rank = rank
        self.ranks = ranks
        self.kind = kind
        self.sampling_rate = sampling_rate
        self.smoothing = smoothing
        self.signed = signed
        self.floor = floor
        self.scale = scale
        self.method = method
        self.margin = margin
        self.n_null = n_null
        self.n_restarts = n_restarts
        self.seed = seed

    def fit(
        self,
        traces: Any,
        names: Any = None,
        times: Any = None,
        stimuli: Any = None,
        positions: Mapping[str, Sequence[float]] | None = None,
    ) -> Self:
        """Find the motifs.

        Parameters
        ----------
        traces : array (animals, time, neurons) or (time, neurons), or list or dict of the latter
            NaN in all frames of a neuron that is missing in an animal.
        names : sequence of str, or list or dict of them by animal, optional
            Names of neurons, by which animals are joined; unsorted is fine, doubles are refused.
        times : array (time,), or list or dict of them by animal, optional
            Seconds.
        stimuli : sequence of (name, onset, offset), or list or dict of them by animal, optional
            Seconds. If animals were not stimulated at the same times, they are aligned by stimulus.
        positions : mapping of str to sequence of float, optional
            Coordinates of neurons, kept in the graphs.

        Returns
        -------
        DynamicConnectome
        """
        search = Search(
            self.kind,
            self.signed,
            self.rank,
            tuple(self.ranks),
            self.n_restarts,
            self.n_null,
            self.seed,
        )
        check_search(search)
        preparation = Preparation(
            self.sampling_rate, self.smoothing, self.floor, self.scale, self.margin
        )
        cohort = make_cohort(traces, names, times, stimuli, preparation)
        found = find_motifs(cohort, search)
        self.names_, self.animals_ = cohort.neurons, cohort.animals
        self.missing_ = list(cohort.missing)
        self.times_, self.labels_ = cohort.times, cohort.labels
        self.rank_, self.rank_curve_ = len(found.excess), found.rank_curve
        self.error_, self.held_out_error_ = found.error, found.held_out_error
        self.held_out_null_ = permutation_null(
            found.held_out_error, found.held_out_null, "traces shifted in time", "less"
        )
        self.graphs_ = [
            motif_graph(found.factors.pairs[:, number], self.names_, peak, positions)
            for number, peak in enumerate(peaks(found.factors))
        ]
        self.hierarchy_ = [
            communities(graph, self.method, hierarchy=True, seed=self.seed)
            for graph in self.graphs_
        ]
        self.motifs_ = [self._motif(found, number) for number in range(self.rank_)]
        atlas = make_atlas(found.expression, cohort.labels, seed=self.seed)
        self.atlas_ = None if atlas is None else _table(atlas)
        return self

    def _motif(self, found: Any, number: int) -> Motif:
        factors = found.factors
        null = permutation_null(
            float(found.excess[number]),
            found.excess_null,
            "largest excess of any motif in traces shifted in time",
            "greater",
        )
        animals = dict(zip(self.animals_, factors.animals[:, number].tolist(), strict=True))
        return Motif(
            factors.time[:, number],
            animals,
            factors.pairs[:, number],
            float(factors.weights[number]),
            self.graphs_[number],
            self.hierarchy_[number],
            found.expression[:, :, number],
            float(found.excess[number]),
            (float(found.intervals[number, 0]), float(found.intervals[number, 1])),
            null,
            null.p_value <= ALPHA,
        )


def _table(atlas: Any) -> pd.DataFrame:
    import pandas as pd

    names = pd.RangeIndex(1, len(atlas.mean) + 1, name="motif")
    table = pd.DataFrame(atlas.mean, index=names, columns=atlas.stimuli)
    return table.assign(selectivity=atlas.selectivity, p=atlas.p_values)
