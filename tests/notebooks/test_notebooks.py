"""Every notebook runs from top to bottom, and what is committed is what it gives."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebook(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    committed = [cell.get("outputs", []) for cell in notebook.cells]
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert any(committed), f"{path.name} was committed without its outputs: run it and save it"
    for before, cell in zip(committed, notebook.cells, strict=True):
        texts = [o["text"] for o in cell.get("outputs", []) if o["output_type"] == "stream"]
        assert texts == [o["text"] for o in before if o["output_type"] == "stream"]
