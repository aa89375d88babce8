"""Simulators: what activity a description predicts, from pixels, from exact maps or from labels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.soft_scenes import compose, presence, soft_mask, understood
from analyses.neuron_labels.types import Stimuli, checked_stimuli
from workbench.errors import UsageError

if TYPE_CHECKING:
    from analyses.neuron_labels.scene_segmenter import Segmenter

# Stimuli whose maps are kept: a probe split and a held-out split.
_REMEMBERED = 2


class SceneSimulator:
    """Sees words in pixels with a network that was trained on other scenes, and composes them.

    Nothing of the units, and no label map of the stimuli, takes part.

    Parameters
    ----------
    network : Segmenter or path, optional
        By default the one that comes along.

    Examples
    --------
    >>> from workbench.demo.scenes import render
    >>> scenes = render(50, seed=3)
    >>> simulator = SceneSimulator()
    >>> predicted = simulator.predict("red or blue", Stimuli("vision", images=scenes.images))
    >>> seen = scenes.label_maps["red"] | scenes.label_maps["blue"]
    >>> bool(np.corrcoef(predicted, seen.any(axis=(1, 2)))[0, 1] > 0.9)
    True
    """

    def __init__(self, network: Segmenter | str | Path | None = None) -> None:
        from analyses.neuron_labels.scene_segmenting import BUNDLED, load_segmenter

        given = BUNDLED if network is None else network
        self.network = load_segmenter(given) if isinstance(given, str | Path) else given
        self._maps: OrderedDict[str, Mapping[str, NDArray[np.float16]]] = OrderedDict()
        self._said: dict[tuple[str, str], NDArray[np.float32]] = {}

    def predict(
        self, description: str, stimuli: Stimuli, spatial: bool = False
    ) -> NDArray[np.float32]:
        """Predicted activity.

        Parameters
        ----------
        description : str
            In the scenes' language; what is not predicts nothing.
        stimuli : Stimuli (n,)
            With images.
        spatial : bool
            Whether to tell where in the image.

        Returns
        -------
        ndarray (n,), or (n, 32, 32) if spatial
            From 0 to 1.

        Raises
        ------
        UsageError
            If there are no images.
        """
        from workbench.recording.identity import digest_array

        images = _images(stimuli)
        key, concept = digest_array(images), understood(description)
        if spatial:
            maps = self._word_maps(key, images)
            if concept is None:
                return np.zeros(next(iter(maps.values())).shape, np.float32)
            return soft_mask(concept, maps)
        if concept is None:
            return np.zeros(len(images), np.float32)
        if (key, concept.text) not in self._said:
            maps = self._word_maps(key, images)
            self._said[key, concept.text] = presence(soft_mask(concept, maps))
        return self._said[key, concept.text]

    def _word_maps(self, key: str, images: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float16]]:
        """Maps of all words, kept by what the images show."""
        from analyses.neuron_labels.scene_segmenting import word_maps

        if key not in self._maps:
            found = word_maps(self.network, images)
            self._maps[key] = {word: each.astype(np.float16) for word, each in found.items()}
            while len(self._maps) > _REMEMBERED:
                gone, _ = self._maps.popitem(last=False)
                self._said = {k: each for k, each in self._said.items() if k[0] != gone}
        self._maps.move_to_end(key)
        return self._maps[key]

    def fingerprint(self) -> str:
        """Hash of the network's weights."""
        from analyses.neuron_labels.captioner_encoder import digest_state

        return digest_state(self.network.state_dict())


class LabelMapSimulator:
    """Reads label maps of the stimuli: an upper bound for what a description can predict.

    Descriptions are names of maps, joined by ``or``, ``but not`` and ``and``, or of the scenes'
    language.

    Examples
    --------
    >>> maps = {"cat": np.array([[[True]], [[False]]]), "dog": np.array([[[False]], [[True]]])}
    >>> stimuli = Stimuli("vision", label_maps=maps)
    >>> LabelMapSimulator().predict("cat or dog", stimuli).tolist()
    [1.0, 1.0]
    """

    def predict(
        self, description: str, stimuli: Stimuli, spatial: bool = False
    ) -> NDArray[np.float32]:
        """Predicted activity: ``(n,)``, or ``(n, height, width)`` if spatial.

        Parameters
        ----------
        description : str
            One with a word that has no map predicts nothing.
        stimuli : Stimuli (n,)
            With label maps.
        spatial : bool

        Raises
        ------
        UsageError
            If there are no label maps.
        """
        maps = checked_stimuli(stimuli).label_maps
        if not maps:
            raise UsageError(
                "Found no label maps among the stimuli; expected maps of words: pass stimuli with "
                "label_maps, or take a simulator that reads images."
            )
        found = _composed(description, maps)
        if found is None:
            found = np.zeros(next(iter(maps.values())).shape, np.float32)
        return found if spatial else presence(found)

    def fingerprint(self) -> str:
        """The same always: it has no settings."""
        return "label maps"


def _composed(description: str, maps: Mapping[str, NDArray]) -> NDArray[np.float32] | None:
    concept = None if description in maps else understood(description)
    if concept is not None and set(concept.words) <= set(maps):
        return soft_mask(concept, maps)
    return compose(description, maps.get)


def _images(stimuli: Stimuli) -> NDArray[np.uint8]:
    images = checked_stimuli(stimuli).images
    if images is None:
        raise UsageError(
            f"Found {stimuli.kind} stimuli without images; expected images: pass stimuli with "
            "images, or take another simulator."
        )
    return images
