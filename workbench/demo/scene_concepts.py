"""What descriptions of scenes mean: sets of objects, and where they are seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.demo.scene_words import KINDS, OBJECT
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.demo.scenes import Scenes

Flags = NDArray[np.bool_]


class Concept(ABC):
    """What a description means: a set of objects in every scene."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The description in its shortest form; ``parse(text)`` gives an equal concept."""

    @property
    @abstractmethod
    def words(self) -> tuple[str, ...]:
        """Words of content, in order."""

    @abstractmethod
    def objects(self, scenes: Scenes) -> Flags:
        """Which objects it is true of: bool array (scenes, objects)."""

    @abstractmethod
    def on_maps(self, label_maps: Mapping[str, Flags]) -> Flags:
        """Where it is true, judged from label maps of single words.

        Exact but for the targets of relations, which need to be in the same image only: maps do
        not say what an object is above of.

        Parameters
        ----------
        label_maps : mapping of str to bool array (images, height, width)

        Returns
        -------
        bool array (images, height, width)

        Raises
        ------
        UsageError
            If a word has no map.
        """

    @property
    @abstractmethod
    def meaning(self) -> Hashable:
        """Equal for concepts that differ in the order of alternatives only."""

    def mask(self, scenes: Scenes) -> Flags:
        """Where it is true: bool array (scenes, size, size)."""
        return scenes.paint(self.objects(scenes))

    def present(self, scenes: Scenes) -> Flags:
        """In which scenes it is seen: bool array (scenes,)."""
        return np.asarray((self.objects(scenes) & (scenes.pixels > 0)).any(axis=1))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Phrase(Concept):
    """One kind of object.

    Attributes
    ----------
    texture, colour, noun, position, relation : str or None
    target : Phrase, optional
        What it is above, below or beside of.
    """

    texture: str | None = None
    colour: str | None = None
    noun: str | None = None
    position: str | None = None
    relation: str | None = None
    target: Phrase | None = None

    @property
    def _own(self) -> list[str]:
        own = (self.texture, self.colour, self.noun, self.position)
        return [word for word in own if word is not None]

    @property
    def text(self) -> str:
        """The description in its shortest form."""
        thing = [word for word in (self.texture, self.colour, self.noun) if word]
        said = thing or [OBJECT]
        if self.position:
            said = [*said, "at", "the", self.position]
        if self.relation:
            target = (self.target or Phrase()).text
            said = [*said, self.relation, target]
        return " ".join(said)

    @property
    def words(self) -> tuple[str, ...]:
        """Words of content, in order."""
        related = [self.relation] if self.relation else []
        return (*self._own, *related, *(self.target.words if self.target else ()))

    @property
    def meaning(self) -> Hashable:
        """The phrase itself."""
        return self

    def objects(self, scenes: Scenes) -> Flags:
        """Which objects it is true of: bool array (scenes, objects)."""
        found = scenes.layout.exists.copy()
        for word in self._own:
            found &= scenes.having(word)
        if self.relation:
            target = (self.target or Phrase()).objects(scenes)
            found &= (scenes.related(self.relation) & target[:, None]).any(axis=2)
        return found

    def on_maps(self, label_maps: Mapping[str, Flags]) -> Flags:
        """Where it is true, judged from label maps of single words."""
        related = [self.relation] if self.relation else []
        words = [*self._own, *related]
        if words:
            found = np.logical_and.reduce([_map(label_maps, word) for word in words])
        else:
            found = np.logical_or.reduce([_map(label_maps, word) for word in _things(label_maps)])
        if self.target and self.target.words:
            found = found & self.target.on_maps(label_maps).any(axis=(1, 2), keepdims=True)
        return np.asarray(found)


@dataclass(frozen=True)
class Either(Concept):
    """What is one or another.

    Attributes
    ----------
    parts : tuple of Concept
    """

    parts: tuple[Concept, ...]

    @property
    def text(self) -> str:
        """The description in its shortest form."""
        return " or ".join(part.text for part in self.parts)

    @property
    def words(self) -> tuple[str, ...]:
        """Words of content, in order."""
        return tuple(word for part in self.parts for word in part.words)

    @property
    def meaning(self) -> Hashable:
        """The alternatives, in no order."""
        return "or", frozenset(part.meaning for part in self.parts)

    def objects(self, scenes: Scenes) -> Flags:
        """Which objects it is true of: bool array (scenes, objects)."""
        return np.logical_or.reduce([part.objects(scenes) for part in self.parts])

    def on_maps(self, label_maps: Mapping[str, Flags]) -> Flags:
        """Where it is true, judged from label maps of single words."""
        return np.logical_or.reduce([part.on_maps(label_maps) for part in self.parts])


@dataclass(frozen=True)
class Without(Concept):
    """What is one but not another.

    Attributes
    ----------
    kept, left_out : Concept
    """

    kept: Concept
    left_out: Concept

    @property
    def text(self) -> str:
        """The description in its shortest form."""
        return f"{self.kept.text} but not {self.left_out.text}"

    @property
    def words(self) -> tuple[str, ...]:
        """Words of content, in order."""
        return (*self.kept.words, *self.left_out.words)

    @property
    def meaning(self) -> Hashable:
        """Both sides."""
        return "but not", self.kept.meaning, self.left_out.meaning

    def objects(self, scenes: Scenes) -> Flags:
        """Which objects it is true of: bool array (scenes, objects)."""
        return np.asarray(self.kept.objects(scenes) & ~self.left_out.objects(scenes))

    def on_maps(self, label_maps: Mapping[str, Flags]) -> Flags:
        """Where it is true, judged from label maps of single words."""
        return np.asarray(self.kept.on_maps(label_maps) & ~self.left_out.on_maps(label_maps))


def _map(label_maps: Mapping[str, Flags], word: str) -> Flags:
    if word not in label_maps:
        raise UsageError(
            f"Found no label map of '{word}'; expected one of each word of the description, and "
            f"there are {', '.join(sorted(label_maps))}."
        )
    return label_maps[word]


def _things(label_maps: Mapping[str, Flags]) -> list[str]:
    return [word for word in label_maps if KINDS.get(word) == "colour"]
