"""Running text out of CoNLL-U files: documents, paragraphs and sentences, as they were written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UsageError


@dataclass(frozen=True)
class Document:
    """One document: paragraphs of sentences."""

    paragraphs: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """The document as one string, a line for every paragraph."""
        return "\n".join(" ".join(paragraph) for paragraph in self.paragraphs)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every sentence of the document, in order."""
        return tuple(sentence for paragraph in self.paragraphs for sentence in paragraph)


def read_documents(path: Path) -> list[Document]:
    """Read the ``# text`` lines of a CoNLL-U file, grouped by ``# newdoc`` and ``# newpar``.

    Parameters
    ----------
    path : Path
        A CoNLL-U file.

    Returns
    -------
    list of Document
        In the order of the file; a file without ``# newdoc`` is one document.

    Raises
    ------
    UsageError
        If the file is missing or has no ``# text`` line.
    """
    if not path.is_file():
        raise UsageError(f"No CoNLL-U file at {path}: give the folder that holds it with --text.")
    documents: list[list[list[str]]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# newdoc") or not documents:
            documents.append([[]])
        if line.startswith("# newpar"):
            documents[-1].append([])
        elif line.startswith("# text = "):
            documents[-1][-1].append(line.removeprefix("# text = "))
    filled = [tuple(tuple(p) for p in paragraphs if p) for paragraphs in documents]
    if not any(filled):
        raise UsageError(f"{path} has no '# text = ' line, so there is no running text to read.")
    return [Document(paragraphs) for paragraphs in filled if paragraphs]


def find_split(folder: Path, split: str) -> Path:
    """The one ``*-ud-<split>.conllu`` (or ``<split>.conllu``) of a folder.

    Raises
    ------
    UsageError
        If there is no such file, or more than one.
    """
    found = sorted(folder.glob(f"*{split}.conllu"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UsageError(f"{folder} must hold one file *{split}.conllu; found {names}.")
    return found[0]
