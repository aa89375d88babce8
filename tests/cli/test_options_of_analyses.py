"""Options of an analysis: types from defaults or annotations, and warnings for people."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from analyses.atoms.analysis import Atoms
from workbench.cli import main
from workbench.cli.analyze import parse_parameters
from workbench.errors import UsageError
from workbench.recording.writer import write_recording


def test_an_optional_number_has_the_type_of_its_annotation():
    given = parse_parameters(Atoms, ["--n-atoms", "64", "--expansion=2", "--sites", "a.*"])
    assert given == {"n_atoms": 64, "expansion": 2.0, "sites": "a.*"}
    assert isinstance(given["n_atoms"], int)
    with pytest.raises(UsageError, match="Found 'many' for '--n-atoms'; expected a whole number"):
        parse_parameters(Atoms, ["--n-atoms", "many"])


def test_warnings_are_sentences_and_come_once(tmp_path, capsys):
    rows = np.random.default_rng(0).standard_normal((400, 4)).astype(np.float32)
    rows[:, 1] = 3.0
    recording = wb.from_arrays({"V1": rows}, {"stimulus": np.repeat(np.arange(100), 4)})
    path = str(write_recording(recording, tmp_path / "r"))
    quick = {"n-steps": 20, "n-seeds": 1, "n-bootstrap": 19, "target-l0": 2, "threads": 1}
    command = [f"--{name}={value}" for name, value in quick.items()]
    main(["analyze", "atoms", path, *command])
    said = capsys.readouterr().err.splitlines()
    assert said == sorted(set(said), key=said.index)
    assert all(line.startswith("Warning: ") for line in said)
    assert any("1 of 4 units do not vary" in line for line in said)
