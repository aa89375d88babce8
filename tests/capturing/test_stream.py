"""Live batches are those of the recording, with nothing on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench as wb

SUBJECTS: list[dict[str, Any]] = [
    {"subject": "hf", "sites": "blocks.*.hook_resid_post", "shard_tokens": 300},
    {"subject": "hf", "sites": "blocks.1.*resid*", "positions": "word", "shard_tokens": 300},
    {"subject": "demo:vision", "sites": "*", "shard_rows": 50, "max_rows": 230},
    {"subject": "demo:rnn", "sites": "*", "shard_rows": 100, "max_rows": 900},
    {"subject": "demo:brain", "shard_rows": 60, "dtype": "bfloat16"},
]


@pytest.fixture(params=SUBJECTS, ids=lambda p: f"{p['subject']}-{p.get('positions', 'all')}")
def arguments(request: pytest.FixtureRequest, model: Path, text_file: Path) -> dict[str, Any]:
    """What to capture or to stream."""
    if request.param["subject"] == "hf":
        return {**request.param, "subject": f"hf:{model}", "text": text_file}
    return request.param


def test_a_stream_gives_the_batches_of_the_recording(
    arguments: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = wb.capture(**arguments, out=tmp_path / "rec")
    assert len(recording.manifest.plan) > 1
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    live = wb.stream(**arguments)
    assert live.identity == recording.identity
    assert live.sites == recording.sites
    assert live.rows.equals(recording.rows)
    assert live.stimuli.equals(recording.stimuli)
    together = list(live.batches(37))
    for site in live.sites:
        assert live.units(site).equals(recording.units(site))
        stored = list(recording[site].batches(37))
        computed = list(live[site].batches(37))
        assert len(stored) == len(computed) == len(together)
        for ours, theirs, all_sites in zip(computed, stored, together, strict=True):
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs)
            assert np.array_equal(all_sites[site], theirs)
    assert not list(empty.iterdir())


def test_shuffled_streams_bring_every_row_once_in_another_order(
    model: Path, text_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = wb.stream(
        f"hf:{model}", text_file, ["embed", "blocks.0.hook_resid_post"][1:], shard_tokens=300
    )
    whole = live["blocks.0.hook_resid_post"].to_numpy()
    monkeypatch.setattr("workbench.capturing.live.SHUFFLE_BUFFER_BYTES", 4 * 300 * 24 * 4)
    monkeypatch.setattr("workbench.recording.activations.SHUFFLE_BUFFER_BYTES", 4 * 300 * 24 * 4)
    site = live["blocks.0.hook_resid_post"]
    batches, rows = zip(*site.batches(64, shuffle=3, return_rows=True), strict=True)
    order = np.concatenate(rows)
    assert sorted(order.tolist()) == list(range(len(whole)))
    assert np.array_equal(np.concatenate(batches), whole[order])
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.5
    together = np.concatenate([b["blocks.0.hook_resid_post"] for b in live.batches(64, shuffle=3)])
    assert not np.array_equal(together, whole)
    assert np.array_equal(np.unique(together, axis=0), np.unique(whole, axis=0))
    assert len(together) == len(whole)


def test_analyses_take_a_stream_like_a_recording(tmp_path: Path) -> None:
    given: dict[str, Any] = {"subject": "demo:vision", "sites": "pool4,answers", "max_rows": 300}
    stored = wb.capture(**given, out=tmp_path / "rec")
    results = [
        wb.analyze("word_classes", rec, labels="digit", embeddings=())
        for rec in (stored, wb.stream(**given))
    ]
    values = [[m.value for m in result.measures] for result in results]
    assert values[0] == values[1]


def test_a_batch_size_must_be_positive() -> None:
    live = wb.stream("demo:brain")
    with pytest.raises(wb.UsageError, match="Found batch size 0"):
        next(live.batches(0))
    with pytest.raises(wb.UsageError, match="Found batch size 0"):
        live["bold"].batches(0)
