"""The plugin: how far training changed activity, weights and kernels, at every checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.analysis.base import Analysis, Example, Findings, MapSites, chosen_sites
from workbench.analysis.parameters import check_whole
from workbench.analysis.spec import Spec
from workbench.errors import UsageError, nearest
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from analyses.learning_regime.checkpoint_rows import CheckpointRows
    from analyses.learning_regime.numbers import Number
    from analyses.learning_regime.training_numbers import Training
    from workbench.analysis.measure import Measure

METHOD = (
    "Every checkpoint is compared with the first on the same rows, equally many of each stimulus. "
    "Representation alignment is the cosine between the matrices of similarities of rows, H H', "
    "uncentred as published and centred (linear CKA); sign similarity, for rectified units, the "
    "share that are on or off both times. Their null shuffles stimuli between the two checkpoints: "
    "what activity with the same similarities would give if it had nothing to do with the first. "
    "Intervals draw stimuli with replacement and leave out pairs of a stimulus with itself. Where "
    "the recorded subject opens again and its weights are those recorded, relative change and "
    "effective rank (sum of singular values over the largest and their number) of every weight "
    "matrix are given, and the alignment of its tangent kernel, over a few stimuli and outputs (a "
    "random mixture where there are more), with stimuli shuffled as the null. The strong control "
    "moves all parameters as far as training did, each in a random direction: learning is rich "
    "where alignment falls below that, not merely where weights moved. p-values are corrected over "
    "sites or weights and checkpoints (Benjamini-Hochberg)."
)


class LearningRegime(Analysis):
    """Rich or lazy: which layers learnt features, and when in training.

    Parameters
    ----------
    sites : str or list of str, optional
        Globs; all sites by default.
    labels : str, optional
        Column of the stimuli with the classes: gives kernel-target alignment and, where labels
        number the network's outputs, loss and accuracy.
    n_rows : int
        Rows a checkpoint, spread over as many stimuli as there are.
    n_kernel_stimuli : int
        Stimuli of the tangent kernels; 0 for no kernels, weights or random drift.
    n_outputs : int
        Outputs of the kernels; random mixtures where the network has more.
    n_drift : int
        Random drifts for each checkpoint; 0 for none.
    n_permutations, n_bootstrap : int
    seed : int

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> start = generator.standard_normal((30, 6))
    >>> later = start + 0.5 * generator.standard_normal(start.shape)
    >>> from workbench import from_arrays
    >>> rows = {"checkpoint": np.repeat([0, 1], 30), "stimulus": np.tile(np.arange(30), 2)}
    >>> recording = from_arrays({"layer": np.concatenate([start, later])}, rows)
    >>> result = LearningRegime().fit(recording).result_
    >>> [m.beats_null for m in result.measures if m.name == "representation alignment"]
    [True]
    """

    spec = Spec(
        name="learning_regime",
        title="Learning regime",
        question="Which layers learnt new features (rich) and which kept those they had (lazy)?",
        reference=(
            "Liu et al. 2024, How connectivity structure shapes rich and lazy learning in neural "
            "circuits (arXiv 2310.08513): representation and kernel alignment; Kornblith et al. "
            "2019 (arXiv 1905.00414), linear CKA; Jacot et al. 2018 (arXiv 1806.07572), tangent "
            "kernel"
        ),
        method=METHOD,
        kinds=("language", "vision", "network"),
        needs=("checkpoints",),
        companions={"before": "the same stimuli recorded from the subject before training"},
        invariances=("scale", "rotation", "unit permutation", "row permutation"),
    )

    def __init__(
        self,
        sites: str | Iterable[str] | None = None,
        labels: str | None = None,
        n_rows: int = 400,
        n_kernel_stimuli: int = 24,
        n_outputs: int = 4,
        n_drift: int = 8,
        n_permutations: int = 199,
        n_bootstrap: int = 200,
        seed: int = 0,
    ) -> None:
        self.sites = sites
        self.labels = labels
        self.n_rows = n_rows
        self.n_kernel_stimuli = n_kernel_stimuli
        self.n_outputs = n_outputs
        self.n_drift = n_drift
        self.n_permutations = n_permutations
        self.n_bootstrap = n_bootstrap
        self.seed = seed

    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Compare checkpoints; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If there are no checkpoints of one network with the same rows, or parameters do not
            fit.
        """
        from analyses.learning_regime.arrays import assemble
        from analyses.learning_regime.checkpoint_rows import checkpoint_rows
        from analyses.learning_regime.numbers import measures_of

        self._check_parameters()
        sites, before = _usable_sites(recording, self.sites), companions.get("before")
        _check_labels(recording, self.labels)
        layout = checkpoint_rows(recording, before, sites, int(self.n_rows), int(self.seed))
        numbers = self._of_sites(layout, sites, map_sites)
        training, reason = self._training(recording, before, layout, sites)
        attributes = {
            "n_rows": len(layout.groups),
            "n_stimuli": layout.n_groups,
            "not_opened": reason,
            "no_kernels": training.no_kernels if training else "",
            "no_loss": training.no_loss if training else "",
            "n_kernel_stimuli": int(self.n_kernel_stimuli),
            "n_drift": int(self.n_drift),
        }
        data = assemble(layout, numbers, training, attributes)
        return Findings(data, measures_of(data))

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures`."""
        from analyses.learning_regime.figures import figures

        return figures(data)

    @staticmethod
    def summarize(
        data: xr.Dataset,
        measures: tuple[Measure, ...],  # noqa: ARG004 - part of the contract
    ) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from analyses.learning_regime.summary import summarize

        return summarize(data)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from analyses.learning_regime.example import make_example

        return make_example(kind, seed)

    def _check_parameters(self) -> None:
        least = {"n_rows": 4, "n_outputs": 1, "n_drift": 0, "n_permutations": 19, "n_bootstrap": 19}
        check_whole(self, {**least, "n_kernel_stimuli": 0})
        if self.n_drift == 1 or 0 < self.n_kernel_stimuli < 4:
            raise UsageError(
                f"Found n_drift={self.n_drift} and n_kernel_stimuli={self.n_kernel_stimuli}; "
                "expected 0, or at least 2 and 4."
            )

    def _of_sites(
        self, layout: CheckpointRows, sites: list[str], map_sites: MapSites
    ) -> list[Number]:
        from analyses.learning_regime.resampling import Draws
        from analyses.learning_regime.site_alignments import SiteJob, work_on_site
        from workbench.analysis.site_rows import SiteRows

        draws = Draws.make(
            layout.n_groups, int(self.n_permutations), int(self.n_bootstrap), int(self.seed)
        )
        jobs = [
            SiteJob(
                tuple(SiteRows.of(each, site, rows) for each, rows in layout.sources),
                tuple(layout.names),
                draws,
            )
            for site in sites
        ]
        return [number for found in map_sites(work_on_site, jobs) for number in found]

    def _training(
        self,
        recording: Recording,
        before: Recording | None,
        layout: CheckpointRows,
        sites: list[str],
    ) -> tuple[Training | None, str]:
        """What the opened subject says, or why it was not opened."""
        if not self.n_kernel_stimuli:
            return None, "n_kernel_stimuli is 0"
        from analyses.learning_regime.opening import OpeningOptions, opened

        seed, n_drift = int(self.seed), int(self.n_drift)
        options = OpeningOptions(self.labels, int(self.n_kernel_stimuli), int(self.n_outputs), seed)
        found = opened(recording, before, options)
        if isinstance(found, str):
            return None, found
        from analyses.learning_regime.training_numbers import TrainingOptions, training_numbers

        draws = TrainingOptions(int(self.n_permutations), int(self.n_bootstrap), n_drift, seed)
        return training_numbers(found, layout.names, sites, draws), ""


def _check_labels(recording: Recording, labels: str | None) -> None:
    known = [*map(str, {**dict.fromkeys(recording.rows), **dict.fromkeys(recording.stimuli)})]
    if labels is not None and labels not in known:
        raise UsageError(f"Found no column '{labels}'; {nearest(labels, known)}")


def _usable_sites(recording: Recording, patterns: Any) -> list[str]:
    sites = chosen_sites(recording, patterns)
    for site in sites:
        if np.prod(recording[site].shape[1:]) < 2:
            raise UsageError(
                f"Found one unit only at site '{site}'; expected at least two, for similarities "
                "between rows: choose others with sites=."
            )
    return sites
