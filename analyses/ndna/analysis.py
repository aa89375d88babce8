"""The plugin and estimator: curves along depth, of any model or recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from workbench.analysis.base import Analysis, Example, Findings, MapSites
from workbench.analysis.parameters import check_choices, check_whole
from workbench.analysis.spec import Spec
from workbench.errors import UsageError
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr

    from analyses.ndna.curves import Curves
    from analyses.ndna.options import Options
    from workbench.analysis.measure import Measure

AXES = ("auto", "depth", "time")
METHOD = (
    "Each row's activity at sites in order of depth is a path. Its turning is the angle between "
    "neighbouring steps, its straightness the distance from end to end over its length; Menger and "
    "Frenet curvature and torsion say how it bends in absolute units. Where the model that was "
    "recorded can be opened, its own head reads probabilities off every site (logit lens), whose "
    "roots are a path on the unit sphere: steps are Fisher-Rao distances, curvature is turning "
    "over the mean step, belief is the norm of the push towards the next token and coherence how "
    "well these pushes agree over positions. Nulls: the same nodes in random order, the same for "
    "all rows (independent points would turn by 120 degrees, a random walk by 90); for coherence, "
    "targets shuffled over positions. Along time, the path is the activity of one site, its null "
    "the same moments in random order. Intervals draw stimuli with replacement; p-values are "
    "corrected over paths (Benjamini-Hochberg). Nodes identical to a neighbour have no turning: "
    "they are masked and counted."
)


class NDNA(Analysis):
    """Geometry of the path that activity takes along depth.

    Parameters
    ----------
    lens : {"logit", "tuned"}
        What reads probabilities off a layer: the model's own head, or the head behind an affine
        translator that is trained here, on inputs that are not measured. Recordings are read by
        the logit lens.
    axis : {"auto", "depth", "time"}
        Along which a recording's paths go; by default along depth where three sites or more have
        equally many units, except for brains, whose path is time.
    sites : str or list of str, optional
        Globs, in order of depth; the residual stream of a transformer, or all, by default.
    temperature : float
        Logits are divided by it.
    max_rows : int
        Rows of a recording that are used, in whole stimuli; moments, along time.
    n_permutations : int
        Random orders for nulls.
    n_bootstrap : int
        Draws of stimuli for intervals.
    chunk_bytes : int
        Memory for logits.
    class_chunk : int, optional
        Classes at a time; all by default, where one row of them fits the memory.
    n_tuning_steps : int
    device : str
        Of models that are opened.
    seed : int

    Examples
    --------
    >>> texts = ["The dog sees the cat.", "A bird sings.", "The buses should return."]
    >>> curves = NDNA().curves("demo:language", texts)
    >>> curves.channels[:3], len(curves.sites)
    (('step', 'turning', 'curvature'), 5)
    >>> bool((curves.mean("step")[1:] > 0).all())
    True
    """

    spec = Spec(
        name="ndna",
        title="nDNA geometry",
        question="How does activity bend, and how far does belief travel, along depth?",
        reference=(
            "Das 2025, nDNA (arXiv 2509.18216), with corrected definitions; Crooks 2007 (arXiv "
            "0706.0559), length of a path of probabilities; Hénaff et al. 2019, equation 1, "
            "turning; Teo (arXiv 2511.09782), Frenet curvatures in any dimension"
        ),
        method=METHOD,
        companions={"untrained": "the same stimuli recorded from the subject before training"},
        invariances=("translation", "scale", "rotation", "unit permutation", "row permutation"),
    )

    def __init__(
        self,
        lens: str = "logit",
        axis: str = "auto",
        sites: str | Iterable[str] | None = None,
        temperature: float = 1.0,
        max_rows: int = 1000,
        n_permutations: int = 199,
        n_bootstrap: int = 200,
        chunk_bytes: int = 32 * 2**20,
        class_chunk: int | None = None,
        n_tuning_steps: int = 200,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        self.lens = lens
        self.axis = axis
        self.sites = sites
        self.temperature = temperature
        self.max_rows = max_rows
        self.n_permutations = n_permutations
        self.n_bootstrap = n_bootstrap
        self.chunk_bytes = chunk_bytes
        self.class_chunk = class_chunk
        self.n_tuning_steps = n_tuning_steps
        self.device = device
        self.seed = seed

    def curves(
        self,
        model: Any,
        inputs: Any = None,
        targets: Any = None,
        *,
        training: Any = None,
        tokenizer: Any = None,
        sites: Sequence[str] | None = None,
        name: str | None = None,
    ) -> Curves:
        """Curves of a model, one value a prompt and node; never a single number.

        Parameters
        ----------
        model : str, transformers model or torch.nn.Module
            ``hf:``, ``demo:language``, ``hf-vision:`` or ``demo:vision`` address, or the model:
            a causal or masked language model, an image classifier whose head reads the first
            token, or, with ``sites``, any network that gives logits (``lens="tuned"``).
        inputs : sequence of str, path of a text, sequence of arrays of int, or array of images
            Prompts. A text's targets are its next tokens; those of a masked language model the
            hidden ones.
        targets : array of int (inputs,), optional
            Right classes of images.
        training : as inputs, optional
            What a tuned lens is trained on; for texts, by default the first half of the inputs,
            which then is not measured.
        tokenizer : Hugging Face tokenizer, optional
            For texts, where the model is given itself.
        sites : sequence of str, optional
            Modules of a network in order of depth.
        name : str, optional
            For readers.

        Returns
        -------
        Curves
            Channels of probabilities (``step``, ``turning``, ``curvature``, ``tail``, ``belief``,
            ``norm_of_mean``, ``coherence``) and of activity (``residual_step``,
            ``residual_turning``, ``menger``, ``frenet_curvature``, ``torsion``); intervals over
            prompts by `Curves.interval`.

        Raises
        ------
        UsageError
            If the model has no head to read with or one layer only, or inputs do not fit.
        WorkbenchError
            If logits are not finite.
        """
        from analyses.ndna.models import Reading, model_curves
        from analyses.ndna.reading import Chunks

        self._check_parameters()
        chunks = Chunks(int(self.chunk_bytes), self.class_chunk)
        reading = Reading(
            self.lens,
            float(self.temperature),
            chunks,
            int(self.n_tuning_steps),
            int(self.seed),
            self.device,
        )
        return model_curves(
            model, inputs, targets, training, reading, tokenizer=tokenizer, sites=sites, name=name
        )

    def compute(
        self, recording: Recording, companions: Mapping[str, Recording], map_sites: MapSites
    ) -> Findings:
        """Measure the paths of a recording; see `Analysis.compute`.

        Raises
        ------
        UsageError
            If sites or parameters are not what a path needs.
        WorkbenchError
            If activity is not finite.
        """
        from analyses.ndna.along_depth import depth_arrays
        from analyses.ndna.along_time import time_arrays
        from analyses.ndna.measures import measures_of
        from analyses.ndna.paths import same_width, stream_sites, walkable

        self._check_parameters()
        untrained = companions.get("untrained")
        sites, single = walkable(recording, stream_sites(recording, self.sites))
        kept, others = same_width(recording, sites)
        along_depth = self.axis == "depth" or (
            self.axis == "auto" and recording.kind != "brain" and len(kept) >= 3
        )
        if along_depth:
            data = depth_arrays(self._options(), recording, untrained, kept, [*single, *others])
        else:
            data = time_arrays(self._options(), recording, untrained, (sites, single), map_sites)
        return Findings(data, measures_of(data))

    @staticmethod
    def figures(data: xr.Dataset) -> dict[str, go.Figure]:
        """Figures of a result, by title; see `figures.figures`."""
        from analyses.ndna.figures import figures

        return figures(data)

    @staticmethod
    def summarize(
        data: xr.Dataset,
        measures: tuple[Measure, ...],  # noqa: ARG004 - part of the contract
    ) -> str:
        """A few sentences on a result; see `summary.summarize`."""
        from analyses.ndna.summary import summarize

        return summarize(data)

    @classmethod
    def example(cls, kind: Literal["planted", "noise"], seed: int) -> Example:
        """A small recording; see `example.make_example`."""
        from analyses.ndna.example import make_example

        return make_example(kind, seed)

    def _options(self) -> Options:
        from analyses.ndna.options import Options
        from analyses.ndna.reading import Chunks

        return Options(
            int(self.max_rows),
            int(self.n_permutations),
            int(self.n_bootstrap),
            int(self.seed),
            float(self.temperature),
            Chunks(int(self.chunk_bytes), self.class_chunk),
        )

    def _check_parameters(self) -> None:
        from analyses.ndna.models import LENSES

        check_choices(self, {"lens": LENSES, "axis": AXES})
        least = {"max_rows": 3, "n_permutations": 19, "n_bootstrap": 19, "n_tuning_steps": 1}
        least |= {"chunk_bytes": 1024, "class_chunk": 1}
        check_whole(self, least, optional=("class_chunk",))
        if not float(self.temperature) > 0:
            raise UsageError(f"Found temperature={self.temperature}; expected a positive number.")
