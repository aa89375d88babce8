"""Checkpoints of a language model, and of the demo subjects, as one recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import TEXTS, make_model

import workbench as wb
from workbench.errors import UsageError

SITE = "blocks.1.hook_resid_post"
STEPS = (20, 3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a trainer leaves it."""
    folder = tmp_path_factory.mktemp("run")
    for step in STEPS:
        make_model(folder / f"checkpoint-{step}", "gpt2", seed=step)
    return folder


def _stream(address: str, **options: Any) -> Any:
    return wb.stream(address, text=list(TEXTS), sites=SITE, **options)


def test_rows_go_by_checkpoint_in_the_order_of_steps(run: Path) -> None:
    live = _stream(f"hf:{run}", checkpoints="checkpoint-*")
    assert live.rows["checkpoint_name"].unique().tolist() == ["checkpoint-3", "checkpoint-20"]
    assert live.rows["step"].unique().tolist() == [3, 20]
    assert live.manifest.notes["checkpoints"] == ["checkpoint-3", "checkpoint-20"]
    for number, step in enumerate(sorted(STEPS)):
        alone = _stream(f"hf:{run}/checkpoint-{step}")
        own = np.flatnonzero(live.rows["checkpoint"] == number)
        np.testing.assert_array_equal(live[SITE].to_numpy(own), alone[SITE].to_numpy())


def test_it_is_the_same_on_disk_and_in_shares(run: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"text": list(TEXTS), "sites": SITE, "checkpoints": "checkpoint-*"}
    one = wb.capture(f"hf:{run}", out=tmp_path / "one", threads=1, **given)
    for share in ("1/2", "0/2"):
        wb.capture(f"hf:{run}", out=tmp_path / "two", threads=1, worker=share, **given)
    two = wb.open(tmp_path / "two")
    assert one.is_complete
    assert two.is_complete
    assert one.identity == two.identity == _stream(f"hf:{run}", checkpoints="*").identity
    np.testing.assert_array_equal(one[SITE].to_numpy(), two[SITE].to_numpy())


def test_weights_of_every_checkpoint_count(run: Path) -> None:
    whole = _stream(f"hf:{run}", checkpoints="*").manifest.ingredients["subject"]["weights"]
    assert [name for name, _ in whole] == ["checkpoint-3", "checkpoint-20"]
    assert len({digest for _, digest in whole}) == 2
    fewer = _stream(f"hf:{run}", checkpoints="checkpoint-3")
    assert fewer.identity != _stream(f"hf:{run}", checkpoints="*").identity


def test_most_rows_are_shared_by_the_checkpoints(run: Path) -> None:
    live = _stream(f"hf:{run}", checkpoints="*", max_rows=8)
    assert live.rows.groupby("checkpoint").size().tolist() == [4, 4]


def test_models_of_another_kind_are_refused(run: Path, tmp_path: Path) -> None:
    for number, family in enumerate(("gpt2", "llama")):
        make_model(tmp_path / f"checkpoint-{number}", family)
    with pytest.raises(UsageError, match="another configuration"):
        _stream(f"hf:{tmp_path}", checkpoints="*")
    with pytest.raises(UsageError, match=r"no checkpoints 'step-\*'"):
        _stream(f"hf:{run}", checkpoints="step-*")


@pytest.mark.parametrize("demo", ["vision", "rnn"])
def test_demos_are_those_of_their_addresses(demo: str) -> None:
    site = {"vision": "relu5", "rnn": "recurrent"}[demo]
    options = {"sites": site, "n_stimuli": 3}
    series = wb.stream(f"demo:{demo}", checkpoints="*", **options)
    assert series.rows["checkpoint_name"].unique().tolist() == ["initial", "middle", "final"]
    assert series.rows["step"].is_monotonic_increasing
    for number, name in enumerate(("initial", "middle", "final")):
        own = np.flatnonzero(series.rows["checkpoint"] == number)
        alone = wb.stream(f"demo:{demo}@{name}", **options)
        np.testing.assert_array_equal(series[site].to_numpy(own), alone[site].to_numpy())


def test_a_demo_has_one_way_to_name_checkpoints() -> None:
    with pytest.raises(UsageError, match="names one already"):
        wb.stream("demo:vision@final", checkpoints="*")
    with pytest.raises(UsageError, match="no checkpoint 'best'"):
        wb.stream("demo:rnn", checkpoints="best")
