"""What travels between the parts: stimuli, sets of exemplars, candidates, labels, protocols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

Kind: TypeAlias = Literal["vision", "language", "brain"]
KINDS = ("vision", "language", "brain")


@dataclass(frozen=True, eq=False)
class Stimuli:
    """What was shown, as descriptions are made of it and tested on it.

    Attributes
    ----------
    kind : str
        ``vision``, ``language`` or ``brain``.
    images : ndarray (stimuli, height, width, 3) of uint8, optional
    texts : list of list of str, optional
        Tokens of every stimulus.
    label_maps : mapping of str to ndarray (stimuli, height, width) of bool, optional
        Where each concept is.
    labels : DataFrame (stimuli or rows, labels), optional
        What each image, text or row of a recording is; of brains, the rows are steps in time.

    Raises
    ------
    UsageError
        If the kind is unknown, nothing was given, or lengths or shapes do not fit.

    Examples
    --------
    >>> stimuli = Stimuli("vision", images=np.zeros((3, 8, 8, 3), np.uint8))
    >>> len(stimuli), len(stimuli.take([0, 2]))
    (3, 2)
    """

    kind: Kind
    images: NDArray[np.uint8] | None = None
    texts: list[list[str]] | None = None
    label_maps: Mapping[str, NDArray[np.bool_]] | None = None
    labels: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"Found stimuli of kind '{self.kind}'; expected one of {KINDS}.")
        if self.images is not None:
            # Of tensors and lists too.
            object.__setattr__(self, "images", np.asarray(self.images))
        lengths = self._lengths()
        if not lengths or len(set(lengths.values())) > 1:
            raise UsageError(
                f"Found stimuli of lengths {lengths}; expected images, texts, label maps or "
                "labels, all of one length."
            )
        if self.images is not None and (
            self.images.ndim != 4 or self.images.shape[-1] != 3 or self.images.dtype != np.uint8
        ):
            raise UsageError(
                f"Found images of shape {self.images.shape} and dtype {self.images.dtype}; "
                "expected uint8 of shape (stimuli, height, width, 3): put channels last, and scale "
                "to 0 to 255."
            )

    def _lengths(self) -> dict[str, int]:
        named = {"images": self.images, "texts": self.texts, "labels": self.labels}
        found = {name: len(each) for name, each in named.items() if each is not None}
        maps = self.label_maps or {}
        return found | {f"map '{name}'": len(each) for name, each in maps.items()}

    def __len__(self) -> int:
        return next(iter(self._lengths().values()))

    def take(self, rows: ArrayLike) -> Stimuli:
        """Some of the stimuli.

        Parameters
        ----------
        rows : array of int
            Which, in which order.

        Returns
        -------
        Stimuli
        """
        chosen = np.asarray(rows, dtype=np.int64).reshape(-1)
        maps = self.label_maps
        return Stimuli(
            self.kind,
            None if self.images is None else self.images[chosen],
            None if self.texts is None else [self.texts[each] for each in chosen],
            None if maps is None else {name: each[chosen] for name, each in maps.items()},
            None if self.labels is None else self.labels.iloc[chosen].reset_index(drop=True),
        )


@dataclass(frozen=True, eq=False)
class UnitExemplars:
    """What one unit responds to most: its strongest stimuli, and where in them.

    Attributes
    ----------
    unit : int
        Number on the unit axis of its site.
    site : str
    kind : str
        ``vision``, ``language`` or ``brain``.
    stimuli : ndarray (k,) of int
        Positions in the stimuli, strongest first; of brains, the row of the peak. Fewer than asked
        for where a unit has fewer.
    values : ndarray (k,)
        Peak activity in each.
    masks : ndarray (k, height, width) or (k, window) of bool
        Where activity exceeds `threshold`: in the image, over the tokens, over the steps in time.
        Windows shorter than the longest are filled with False.
    images : ndarray (k, height, width, 3) of uint8, optional
    tokens : list of list of str, optional
        The tokens of every window.
    spans : ndarray (k, 2) of int, optional
        First row and one past the last row of every window in the recording.
    threshold : float
        The quantile of all activity of the unit.
    features : ndarray (k, features), optional
        One vector an exemplar, for describers that read those.
    """

    unit: int
    site: str
    kind: Kind
    stimuli: NDArray[np.int64]
    values: NDArray[np.float32]
    masks: NDArray[np.bool_]
    images: NDArray[np.uint8] | None = None
    tokens: list[list[str]] | None = None
    spans: NDArray[np.int64] | None = None
    threshold: float = float("nan")
    features: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.stimuli)


@dataclass(frozen=True, eq=False)
class Exemplars(Sequence[UnitExemplars]):
    """Exemplars of every unit of a site.

    Attributes
    ----------
    site : str
    kind : str
    sets : sequence of UnitExemplars
        Perhaps made when they are asked for: masks of many units at image size are large.
    thresholds : ndarray (units,)
        Activity that each unit exceeds in a share ``1 - quantile`` of all places.
    quantile : float
    k : int
        Exemplars asked for.
    stimuli : Stimuli, optional
    split_rows : ndarray (used,) of int
        Stimuli that exemplars were chosen from, as numbers in the column ``stimulus`` of the
        recording; what is not among them can be used to test labels.
    parts : mapping of str to ndarray of int
        Stimuli of every part of the split, this one included.

    Examples
    --------
    >>> import workbench as wb
    >>> from analyses.neuron_labels import compute_exemplars
    >>> rec = wb.from_arrays({"layer": np.eye(6, dtype=np.float32)}, kind="vision")
    >>> found = compute_exemplars(rec, "layer", k=2, split=None)
    >>> len(found), found[3].stimuli[0], found[3].values.tolist()
    (6, np.int64(3), [1.0, 0.0])
    """

    site: str
    kind: Kind
    sets: Sequence[UnitExemplars]
    thresholds: NDArray[np.float64]
    quantile: float
    k: int
    stimuli: Stimuli | None = None
    split_rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    parts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __getitem__(self, unit: int) -> UnitExemplars:  # type: ignore[override]
        return self.sets[unit]

    def __len__(self) -> int:
        return len(self.sets)

    def __iter__(self) -> Iterator[UnitExemplars]:
        return iter(self.sets)

    def save_milan(self, folder: str | Path) -> Path:
        """Write images and masks in MILAN's layout: see `milan_layout.save_milan`."""
        from analyses.neuron_labels.milan_layout import save_milan

        return save_milan(self, folder)

    @staticmethod
    def load_milan(folder: str | Path) -> Exemplars:
        """Read MILAN's layout: see `milan_layout.load_milan`."""
        from analyses.neuron_labels.milan_layout import load_milan

        return load_milan(folder)


@dataclass(frozen=True)
class Candidate:
    """A description that was proposed for a unit.

    Attributes
    ----------
    text : str
    log_conditional : float
        log p(d | E), the description given the exemplars.
    log_prior : float
        log p(d), the description of any unit.
    source : str
        Name of the describer; empty where there is none.
    simulated : float, optional
        Correlation of the activity that the description predicts with the real one.
    """

    text: str
    log_conditional: float
    log_prior: float
    source: str = ""
    simulated: float | None = None


@dataclass(frozen=True)
class Label:
    """What a unit is called, and why that may be believed.

    Attributes
    ----------
    unit : int
    site : str
    text : str
        The best description, even where the label abstains.
    score : float
    candidates : tuple of Candidate
        Best first.
    p_value : float
        Against permuted units; NaN until evaluated.
    abstains : bool
        Whether the unit does not beat its null.
    evaluation : dict of str to float
        Scores on stimuli that neither exemplars nor re-ranking saw.
    """

    unit: int
    site: str
    text: str
    score: float
    candidates: tuple[Candidate, ...] = ()
    p_value: float = float("nan")
    abstains: bool = False
    evaluation: dict[str, float] = field(default_factory=dict)


def checked_stimuli(stimuli: Stimuli) -> Stimuli:
    """Refuse what are no stimuli, such as bare arrays.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> checked_stimuli(np.zeros((2, 8, 8, 3)))
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: Found stimuli of type 'ndarray'; expected Stimuli, ...
    """
    if not isinstance(stimuli, Stimuli):
        raise UsageError(
            f"Found stimuli of type '{type(stimuli).__name__}'; expected Stimuli, such as "
            "Stimuli('vision', images=...) or Stimuli('language', texts=...)."
        )
    return stimuli


@runtime_checkable
class Describer(Protocol):
    """Proposes descriptions of a unit from its exemplars."""

    @property
    def name(self) -> str:
        """Short name, kept with every candidate."""

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """Up to ``n`` descriptions, likeliest first, whatever other units there are."""

    def fingerprint(self) -> str:
        """Hash of weights and settings, by content."""


@runtime_checkable
class Simulator(Protocol):
    """Predicts activity from a description."""

    def predict(self, description: str, stimuli: Stimuli) -> NDArray[np.floating]:
        """Predicted activity ``(stimuli,)`` between 0 and 1."""

    def fingerprint(self) -> str:
        """Hash of weights and settings, by content."""
