"""The describer that needs nothing: words learnt from rendered scenes, every description weighed.

p(d | E) is a product of softmax heads, one for each slot of the scenes' grammar (texture, colour,
shape, position, relation), on features of the masked exemplars; p(d) is how often annotators of
rendered units say d. Both are learnt from scenes alone: no unit of a network is seen. There are
5039 descriptions, so p(d | E) is summed exactly and no beam search is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.features import Codebook, learn_codebook, set_features
from analyses.neuron_labels.phrases import SLOTS, all_descriptions, choices_of, log_prior
from analyses.neuron_labels.types import Candidate, UnitExemplars
from workbench.errors import UsageError
from workbench.recording.identity import digest, digest_array

# Candidates are the best ones at each of these weights of the prior.
_WEIGHTS = (0.0, 0.2, 0.6, 1.0)
_PENALTY = 0.1
_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class Heads:
    """A softmax for every slot.

    Attributes
    ----------
    centre, scale : ndarray (features,)
    weights : list of ndarray (words, features)
        One for each slot.
    biases : list of ndarray (words,)
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: list[NDArray[np.float64]]
    biases: list[NDArray[np.float64]]

    def log_probabilities(self, features: NDArray) -> list[NDArray[np.float64]]:
        """log p(word | E) by slot.

        Parameters
        ----------
        features : ndarray (features,)

        Returns
        -------
        list of ndarray (words,)
        """
        scaled = (features - self.centre) / self.scale
        scores = [w @ scaled + b for w, b in zip(self.weights, self.biases, strict=True)]
        return [each - np.logaddexp.reduce(each) for each in scores]


def learn_heads(features: NDArray, choices: NDArray[np.int64], penalty: float = _PENALTY) -> Heads:
    """Learn which words are said of which features.

    Parameters
    ----------
    features : ndarray (captions, features)
    choices : ndarray (captions, slots) of int
        Number of the word that the caption says in each slot.
    penalty : float
        scikit-learn's ``C``: smaller for smaller weights.

    Returns
    -------
    Heads
    """
    from sklearn.linear_model import LogisticRegression

    centre, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled = (features - centre) / scale
    weights, biases = [], []
    for slot, words in enumerate(SLOTS.values()):
        model = LogisticRegression(C=penalty, max_iter=300).fit(scaled, choices[:, slot])
        full = np.zeros((len(words), features.shape[1]))
        # A word that was never said stays improbable.
        bias = np.full(len(words), -20.0)
        two = len(model.classes_) == 2
        full[model.classes_] = (
            np.concatenate([-model.coef_, model.coef_]) / 2 if two else model.coef_
        )
        known = model.intercept_
        bias[model.classes_] = np.concatenate([-known, known]) / 2 if two else known
        weights.append(full)
        biases.append(bias)
    return Heads(centre, scale, weights, biases)


class GrammarDescriber:
    """Describes sets of masked images in the language of rendered scenes.

    Learns when it is made, in some seconds; one of the same settings is learnt once a process.

    Parameters
    ----------
    n_sets : int
        Rendered units to learn from.
    n_scenes : int
        Rendered images to choose their exemplars from.
    k : int
        Exemplars of a set.
    mention : float
        Share of what is true that annotators of rendered units mention.
    size : int
        Pixels across a scene.
    seed : int

    Examples
    --------
    >>> from analyses.neuron_labels.types import Stimuli, UnitExemplars
    >>> from workbench.demo.scenes import render
    >>> from workbench.demo.scene_language import parse
    >>> scenes, red = render(300, seed=5), parse("red")
    >>> seen = np.flatnonzero(red.present(scenes))[:15]
    >>> unit = UnitExemplars(0, "", "vision", seen, np.ones(15, np.float32),
    ...                      red.mask(scenes)[seen], scenes.images[seen])
    >>> found = GrammarDescriber(n_sets=150, n_scenes=400).propose(unit)
    >>> max(found, key=lambda each: each.log_conditional - 0.2 * each.log_prior).text
    'red'
    """

    name = "grammar"

    def __init__(
        self,
        n_sets: int = 1500,
        n_scenes: int = 2500,
        k: int = 15,
        mention: float = 0.5,
        size: int = 32,
        seed: int = 0,
    ) -> None:
        self.settings = {
            "n_sets": n_sets,
            "n_scenes": n_scenes,
            "k": k,
            "mention": mention,
            "size": size,
            "seed": seed,
        }
        learnt = _learnt(n_sets, n_scenes, k, mention, size, seed)
        self._codebook, self._heads, self._log_prior = learnt
        self._descriptions = all_descriptions()

    def fingerprint(self) -> str:
        """Hash of what was learnt."""
        heads = self._heads
        arrays = [heads.centre, heads.scale, *heads.weights, *heads.biases, self._log_prior]
        return digest([self.name, self._codebook.fingerprint(), *map(digest_array, arrays)])

    def features(self, exemplars: UnitExemplars) -> NDArray[np.float32]:
        """One vector an exemplar: ``(k, features)``.

        Parameters
        ----------
        exemplars : UnitExemplars
            With images.

        Raises
        ------
        UsageError
            If there are no images.
        """
        if exemplars.images is None or not len(exemplars):
            raise UsageError(
                f"Found {len(exemplars)} exemplars of unit {exemplars.unit} without images; "
                "expected masked images: pass stimuli with images to compute_exemplars, or use "
                "another describer."
            )
        return self._codebook.pool(self._codebook.encode(exemplars.images), exemplars.masks)

    def log_conditional(self, exemplars: UnitExemplars) -> NDArray[np.float64]:
        """log p(d | E) of every description.

        Parameters
        ----------
        exemplars : UnitExemplars

        Returns
        -------
        ndarray (descriptions,)
            Their probabilities sum to one.
        """
        return self._log_conditional(self.features(exemplars))

    def _log_conditional(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        heads = self._heads.log_probabilities(set_features(vectors))
        found = np.zeros(len(self._descriptions))
        for slot, each in enumerate(heads):
            found += each[self._descriptions.choices[:, slot]]
        return np.asarray(found - np.logaddexp.reduce(found))

    def _ranked(self, conditional: NDArray[np.float64]) -> NDArray[np.int64]:
        """Descriptions, the best at each weight of the prior in turn."""
        ranked = [np.argsort(weight * self._log_prior - conditional) for weight in _WEIGHTS]
        joined = np.stack(ranked, axis=1).ravel()
        first = np.unique(joined, return_index=True)[1]
        return joined[np.sort(first)]

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """The likeliest descriptions, the best at several weights of the prior, and parts to join.

        Units that mean several things have mixed exemplars: these are also divided in two, and
        what describes either half is proposed too, as are single words. The probabilities are
        those given all exemplars.

        Parameters
        ----------
        exemplars : UnitExemplars
            With images.
        n : int

        Returns
        -------
        list of Candidate
            Likeliest first.

        Raises
        ------
        UsageError
            If there are no images.
        """
        vectors = self.features(exemplars)
        conditional = self._log_conditional(vectors)
        whole = self._ranked(conditional)
        halves = [self._ranked(self._log_conditional(half)) for half in in_two(vectors)]
        single = np.flatnonzero((self._descriptions.choices > 0).sum(axis=1) == 1)
        words = single[np.argsort(-conditional[single])]
        sources = [whole[: n // 3], words[: n // 2], *(each[: n // 10] for each in halves), whole]
        chosen = list(dict.fromkeys(np.concatenate(sources).tolist()))[:n]
        chosen.sort(key=lambda each: -conditional[each])
        texts = self._descriptions.texts
        return [
            Candidate(texts[i], float(conditional[i]), float(self._log_prior[i]), self.name)
            for i in chosen
        ]


def in_two(vectors: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Divide exemplars in two groups of similar ones.

    Parameters
    ----------
    vectors : ndarray (k, features)

    Returns
    -------
    list of ndarray
        Two groups; none where there are too few exemplars.

    Examples
    --------
    >>> [len(group) for group in in_two(np.array([[0.0], [0.1], [5.0], [5.2], [5.1]]))]
    [2, 3]
    """
    if len(vectors) < 4:
        return []
    centred = vectors - vectors.mean(axis=0)
    # The first half lies on one side of the direction in which exemplars differ most.
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    group = along > 0
    for _ in range(_ROUNDS):
        centres = [centred[group == side].mean(axis=0) for side in (False, True)]
        distance = [((centred - each) ** 2).sum(axis=1) for each in centres]
        nearer = distance[1] < distance[0]
        if nearer.all() or not nearer.any() or (nearer == group).all():
            break
        group = nearer
    groups = [vectors[group == side] for side in (False, True)]
    # Which side of the direction comes first is arbitrary: that of the strongest exemplar does.
    return groups if not group[0] else groups[::-1]


@lru_cache(maxsize=4)
def _learnt(
    n_sets: int, n_scenes: int, k: int, mention: float, size: int, seed: int
) -> tuple[Codebook, Heads, NDArray[np.float64]]:
    from analyses.neuron_labels.captioner_sets import rendered_sets

    sets: Any = rendered_sets(n_sets, seed, k, n_scenes=n_scenes, size=size, mention=mention)
    codebook = learn_codebook(sets.scenes.images[:300], seed=seed)
    maps = codebook.encode(sets.scenes.images)
    found, said = [], []
    for members, masks, captions in zip(sets.members, sets.masks, sets.captions, strict=True):
        choices = [choices_of(" ".join(caption)) for caption in captions]
        simple = [each for each in choices if each is not None]
        if simple:
            vector = set_features(codebook.pool(maps.take(members), masks))
            found += [vector] * len(simple)
            said += simple
    heads = learn_heads(np.stack(found), np.array(said))
    return codebook, heads, log_prior(said, all_descriptions())
