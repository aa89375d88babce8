"""The plugin: atoms of activity at every site of a recording, held out and beside their nulls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.analysis.base import Analysis, Example, Findings, MapSites, chosen_sites
from workbench.analysis.parameters import check_whole
from workbench.analysis.spec import Spec
from workbench.errors import UsageError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from analyses.atoms.pages import Pages
    from analyses.atoms.sampling import Split
    from analyses.atoms.site import SiteFindings, SiteJob
    from workbench.analysis.measure import Measure

METHOD = (
    "A sparse autoencoder whose atoms fire above a threshold of their own (threshold SAE, a "
    "JumpReLU) is learned from the rows of whole stimuli and measured on the rows of other, "
    "held-out stimuli (of a model, without rows that equal a training row, which the same input "
    "gives): R2 = 1 - sum |x - x̂|^2 / sum |x - mean|^2. R2 and q* of training rows are "
    "1 for a dictionary that merely remembers its rows, and q* is 1 for any whitened basis; so "
    "the finding is held-out R2, which must beat five nulls at equal L0. Four are dictionaries "
    "with as many active a row and coefficients of least squares: random directions that spread "
    "as the data do, training rows, units, and principal directions. The fifth is the same "
    "learning on normal data of equal mean and covariance, coded by itself or by least squares, "
    "whichever explains more. The p-value is the largest of the "
    "five, by prediction intervals over draws (Student's t) or by a bootstrap over held-out "
    "stimuli of the difference, and is corrected over sites (Benjamini-Hochberg). Coherence is "
    "measured by the atomic inner product, the inverse second moment of training rows (ridge "
    "1e-6). q* is the largest quantile at which coherence stays below 1 / (2 K - 1), K the same "
    "quantile of the number of active atoms. Written after the paper's description, not from its "
    "program."
)


class Atoms(Analysis):
    """Whether activity is a sparse sum of atoms, and whether they hold for new stimuli.

    Parameters
    ----------
    sites : str or list of str, optional
        Globs; all sites by default.
    n_atoms : int, optional
        Size of the dictionary; by default `expansion` times the units.
    expansion : float
    target_l0 : float
        Active atoms a row that learning aims at.
    n_seeds : int
        Dictionaries learned from the same rows, to see how far atoms are reproducible.
    n_nulls : int
        Sets of normal data; three times as many dictionaries of random directions, and of training
        rows, are drawn. Of fewer than three nothing can be said.
    n_steps : int
        Batches to learn from.
    epochs : int, optional
        Passes over the rows, in place of `n_steps`.
    batch_size : int
        Rows a batch.
    max_rows : int
        Rows to take, about; whole stimuli are drawn at random.
    test_fraction : float
        Share of the stimuli that is held out.
    n_bootstrap : int
        Draws of held-out stimuli for intervals.
    logits : bool
        Whether to say which next tokens an atom makes likelier, where the subject is a language
        model that can be opened here with the weights that were recorded.
    seed : int

    Examples
    --------
    >>> Atoms(sites="blocks.1.*", n_atoms=256).get_params()["target_l0"]
    10.0
    """

    spec = Spec(
        name="atoms",
        title="Atoms",
        question="Is activity a sparse sum of atoms that hold for new stimuli, beyond its nulls?",
        reference=(
            "after Towards Atoms of Large Language Models (arXiv 2509.20784), atomic inner "
            "product, q* and threshold SAE; Rajamanoharan et al. 2024 (arXiv 2407.14435), "
            "gradients of thresholds; nulls and held-out tests are this project's"
        ),
        method=METHOD,
        invariances=("row permutation",),
    )

    def __init__(
        self,
        sites: str | Iterable[str] | None = None,
        n_atoms: int | None = None,
        expansion: float = 4.0,
        target_l0: float = 10.0,
        n_seeds: int = 2,
        n_nulls: int = 3,
        n_steps: int = 1000,
        epochs: int | None = None,
        batch_size: int = 512,
        max_rows: int = 50_000,
        test_fraction: float = 0.2,
        n_bootstrap: int = 200,
        logits: bool = True,
        seed: int = 0,
    ) -> None:
        self.sites = sites
        self.n_atoms = n_atoms
        self.expansion = expansion
        self.target_l0 = target_l0
        self.n_seeds = n_seeds
        self.n_nulls = n_nulls
        self.n_steps = n_steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.max_rows = max_rows
        self.test_fraction = test_fraction
        self.n_bootstrap = n_bootstrap
        self.logits = logits
        self.seed = seed

    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Learn and measure at every site; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If sites or parameters are not what the analysis needs, or nothing varies.
        WorkbenchError
            If activity is not finite.
        """
        from analyses.atoms.arrays import assemble
        from analyses.atoms.measures import measures_of
        from analyses.atoms.sampling import draw_split
        from analyses.atoms.site import work_on_site

        self._check_parameters()
        sites = self._usable_sites(recording)
        split = draw_split(recording, int(self.max_rows), float(self.test_fraction), self.seed)
        jobs = [self._job(recording, site, split) for site in sites]
        given = dict(zip(sites, map_sites(work_on_site, jobs), strict=True))
        found = _usable(given)
        pages, logits = self._pages(recording, found, split)
        attributes = self._attributes(recording, split) | {
            "logits": logits,
            "sites_left_out": [site for site in sites if site not in found],
        }
        data = assemble(list(found), list(found.values()), pages, attributes)
        return Findings(data, measures_of(data))

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures`."""
        from analyses.atoms.figures import figures

        return figures(data)

    @staticmethod
    def summarize(
        data: xr.Dataset,
        measures: tuple[Measure, ...],  # noqa: ARG004 - part of the contract
    ) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from analyses.atoms.summary import summarize

        return summarize(data)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from analyses.atoms.example import make_example

        return make_example(kind, seed)

    @staticmethod
    def pages(data: xr.Dataset) -> dict[str, list[str]]:
        """What has a page of its own: atoms by site, the most reproducible ones first.

        Parameters
        ----------
        data : xarray.Dataset

        Returns
        -------
        dict of str to list of str
        """
        from analyses.atoms.figures_atoms import atom_label, noteworthy_atoms

        sites = [str(site) for site in data["site"].values]
        by_site = {site: data.sel(site=site) for site in sites}
        return {
            site: [atom_label(at, atom) for atom in noteworthy_atoms(at)]
            for site, at in by_site.items()
        }

    @staticmethod
    def page(data: xr.Dataset, group: str, item: str) -> dict[str, go.Figure]:
        """The page of one atom: figures by title.

        Parameters
        ----------
        data : xarray.Dataset
        group : str
            Site.
        item : str
            Name of the atom, as `pages` gives it.

        Returns
        -------
        dict of str to plotly Figure
        """
        from analyses.atoms.figures_atoms import atom_page

        return atom_page(data, group, int(item.partition(":")[0].removeprefix("atom ")))

    def _check_parameters(self) -> None:
        least = {"n_seeds": 1, "n_nulls": 3, "n_steps": 1, "batch_size": 1, "max_rows": 40}
        least |= {"n_bootstrap": 19, "n_atoms": 2, "epochs": 1}
        check_whole(self, least, optional=("n_atoms", "epochs"))
        if not 0 < self.test_fraction < 1:
            raise UsageError(
                f"Found test_fraction={self.test_fraction}; expected a share between 0 and 1."
            )
        for name in ("target_l0", "expansion"):
            if not getattr(self, name) > 0:
                raise UsageError(f"Found {name}={getattr(self, name)}; expected more than 0.")

    def _usable_sites(self, recording: Recording) -> list[str]:
        sites = chosen_sites(recording, self.sites)
        for site in sites:
            if recording[site].shape[1] < 2:
                raise UsageError(
                    f"Found one unit only at site '{site}'; expected at least two, for atoms to "
                    "be directions: choose others with sites=."
                )
        return sites

    def _job(self, recording: Recording, site: str, split: Split) -> SiteJob:
        from analyses.atoms.site import SiteJob
        from workbench.analysis.site_rows import SiteRows

        units = recording[site].shape[1]
        n_atoms = int(self.n_atoms or max(2, round(self.expansion * units)))
        if self.target_l0 > n_atoms:
            raise UsageError(
                f"Found target_l0={self.target_l0} for {n_atoms} atoms at site '{site}'; expected "
                "fewer active atoms than there are."
            )
        length = {"n_steps": int(self.n_steps)} if self.epochs is None else {"epochs": self.epochs}
        learning: dict[str, Any] = {
            "target_l0": float(self.target_l0),
            "batch_size": int(self.batch_size),
            **length,
        }
        return SiteJob(
            SiteRows.of(recording, site, split.rows),
            split,
            n_atoms,
            learning,
            int(self.n_seeds),
            int(self.n_nulls),
            int(self.n_bootstrap),
            int(self.max_rows),
            int(self.seed),
            recording.kind != "brain",
        )

    def _pages(
        self, recording: Recording, found: dict[str, SiteFindings], split: Split
    ) -> tuple[list[Pages], str]:
        from analyses.atoms.contexts import Contexts
        from analyses.atoms.logits import find_unembedding, reads_stream
        from analyses.atoms.pages import write_pages

        contexts = Contexts(recording)
        wanted = self.logits and any(reads_stream(site) for site in found)
        given = find_unembedding(recording) if wanted else "not asked for"
        known = None if isinstance(given, str) else given
        pages = [
            write_pages(each, split, contexts, known if reads_stream(site) else None)
            for site, each in found.items()
        ]
        return pages, given if isinstance(given, str) else "given"

    def _attributes(self, recording: Recording, split: Split) -> dict[str, Any]:
        return {
            "kind": recording.kind,
            "unit": split.unit,
            "n_train_groups": len(np.unique(split.groups[~split.held_out])),
            "n_held_out_groups": len(np.unique(split.groups[split.held_out])),
            "n_rows": len(split.rows),
            "n_seeds": int(self.n_seeds),
            "target_l0": float(self.target_l0),
        }


def _usable(given: Mapping[str, SiteFindings | str]) -> dict[str, SiteFindings]:
    found = {site: each for site, each in given.items() if not isinstance(each, str)}
    if not found:
        raise UsageError(str(next(iter(given.values()))))
    return found
