"""MILAN's editing experiment from end to end: units of a shortcut are found by their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.ablation import Ablation, Mode
from analyses.neuron_labels.applications import Audit, edit
from analyses.neuron_labels.arrays import labels_in
from analyses.neuron_labels.shortcuts import SITE, activity_at, stamped_scenes, train_network
from analyses.neuron_labels.types import Label
from workbench.demo.scene_words import DIGIT, DIGITS
from workbench.recording.arrays import from_arrays
from workbench.recording.recording import Recording

if TYPE_CHECKING:
    from torch import nn

    from analyses.neuron_labels.shortcuts import Stamped
    from workbench.analysis.base import Analysis

QUERY = (DIGIT, *DIGITS)
ADVERSARIAL, STAMPED, CLEAN = "random stamps", "right stamps", "no stamps"


@dataclass(frozen=True)
class Experiment:
    """One network before and after the units of its shortcut were deleted.

    Attributes
    ----------
    seed : int
    audit : Audit
        Units whose labels name the stamp.
    ablations : dict of str to Ablation
        Accuracy on scenes with ``random stamps``, ``right stamps`` and ``no stamps``.
    labels : tuple of Label
        Of all units of the last layer.
    n_spared : int
        Units of the audit that scenes like those of the training need.
    """

    seed: int
    audit: Audit
    ablations: dict[str, Ablation]
    labels: tuple[Label, ...]
    n_spared: int = 0

    @property
    def gain(self) -> float:
        """Accuracy won on scenes with random stamps."""
        return self.ablations[ADVERSARIAL].change

    @property
    def gain_beyond_control(self) -> float:
        """The same, less what deleting random units of the layer wins."""
        return self.ablations[ADVERSARIAL].difference


def run_experiment(
    seed: int,
    plugin: Analysis,
    *,
    n_train: int = 3000,
    n_label: int = 1200,
    n_test: int = 1000,
    share: float = 0.3,
    epochs: int = 12,
    width: int = 64,
    only: bool = True,
    tolerance: float | None = 0.005,
    mode: Mode = "zero",
    n_controls: int = 40,
) -> Experiment:
    """Train on stamped scenes, label the last layer, delete what is about stamps, and test.

    Parameters
    ----------
    seed : int
        Of scenes, weights and controls.
    plugin : Analysis
        `NeuronLabels` with a backend: ``segments`` reads label maps with a word for the stamp,
        ``grammar`` sees pictures alone. With ``null="permute-stimuli"``: many units follow one
        stamp, so their labels are true of each other and none would beat those of other units.
    n_train, n_label, n_test : int
        Scenes to train on, to label units with, and of each test set; all different.
    share : float
        Of the training scenes that carry the stamp of their class.
    epochs, width : int
    only : bool
        Whether units whose label names something else as well are left alone.
    tolerance : float, optional
        Units whose deletion alone lowers the accuracy on new scenes like those of the training by
        more are left alone, in control sets too; None deletes all that were found.
    mode : {"zero", "mean"}
    n_controls : int

    Returns
    -------
    Experiment

    Raises
    ------
    UsageError
        If no unit has a label that names a stamp.
    """
    base = 1_000_000 * (seed + 1)
    network = train_network(stamped_scenes(n_train, base, "right", share), seed, epochs, width)
    labels = labels_of(network, stamped_scenes(n_label, base + 1, "random", share), plugin)
    sets = {
        ADVERSARIAL: stamped_scenes(n_test, base + 2, "random"),
        STAMPED: stamped_scenes(n_test, base + 3, "right"),
        CLEAN: stamped_scenes(n_test, base + 4, "none"),
    }
    like = stamped_scenes(n_test, base + 5, "right", share)
    found = edit(
        labels,
        QUERY,
        network,
        {name: (each.inputs, each.targets) for name, each in sets.items()},
        only=only,
        validation=None if tolerance is None else (like.inputs, like.targets),
        tolerance=tolerance or 0.0,
        mode=mode,
        n_controls=n_controls,
        seed=seed,
    )
    return Experiment(seed, found.audit, found.ablations, tuple(labels), found.n_spared)


def labels_of(network: nn.Module, scenes: Stamped, plugin: Analysis) -> list[Label]:
    """Labels of the units of a network's last layer.

    Parameters
    ----------
    network : torch.nn.Module
    scenes : Stamped
        Not those that it was trained or is tested on.
    plugin : Analysis
        `NeuronLabels`.

    Returns
    -------
    list of Label
    """
    recording = from_arrays(
        {SITE: activity_at(network, scenes.inputs)}, kind="vision", address="shortcut network"
    )
    data = plugin.fit(recording, stimuli=companion_of(scenes)).result_.data
    return labels_in(data, SITE)


def companion_of(scenes: Stamped) -> Recording:
    """Scenes as the companion ``stimuli`` of `NeuronLabels`.

    Parameters
    ----------
    scenes : Stamped

    Returns
    -------
    Recording
    """
    maps = {word: each[:, None] for word, each in scenes.label_maps.items()}
    images = np.ascontiguousarray(scenes.images.transpose(0, 3, 1, 2))
    return from_arrays({"images": images, **maps}, kind="vision", address="scenes")


def mean_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean over seeds with its 95 % interval (Student's t).

    Parameters
    ----------
    values : sequence of float (seeds,)

    Returns
    -------
    mean, low, high : float

    Examples
    --------
    >>> [round(each, 3) for each in mean_interval([0.1, 0.2, 0.3])]
    [0.2, -0.048, 0.448]
    """
    from scipy.stats import t

    given = np.asarray(values, np.float64)
    half = float(t.ppf(0.975, len(given) - 1) * given.std(ddof=1) / np.sqrt(len(given)))
    mean = float(given.mean())
    return mean, mean - half, mean + half
