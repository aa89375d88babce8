"""Which rows a text gives: one of its own, or tokens at given positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import TEXTS, make_model

import workbench as wb

SITE = "blocks.1.hook_resid_post"
LONG = " ".join(f"word{i} and more" for i in range(9))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Which rows there are does not depend on the family."""
    folder = tmp_path_factory.mktemp("llama")
    make_model(folder, "llama")
    return folder


def record(model: Path, out: Path, **further: object) -> wb.Recording:
    """Record the residual stream of a few texts."""
    arguments = {"text": [*TEXTS, LONG, "", "end"], "sites": SITE, **further}
    return wb.capture(f"hf:{model}", out=out, **arguments)


@pytest.mark.parametrize("batch_tokens", [1, 4096])
def test_mean_is_the_mean_over_all_tokens_of_a_text_however_it_is_cut(
    model: Path, tmp_path: Path, batch_tokens: int
) -> None:
    every = record(model, tmp_path / "all")
    means = record(model, tmp_path / "mean", positions="mean", batch_tokens=batch_tokens)
    values, stimulus = every[SITE].to_numpy(), every.rows["stimulus"].to_numpy()
    texts = np.unique(stimulus)
    expected = np.stack([values[stimulus == text].mean(axis=0) for text in texts])
    assert np.abs(means[SITE].to_numpy() - expected).max() < 1e-5
    # The empty text has no token and so no row.
    assert means.rows["stimulus"].tolist() == texts.tolist() == [0, 1, 2, 3, 4, 5, 7]
    assert means.rows["n_tokens"].tolist() == np.bincount(stimulus)[texts].tolist()
    assert list(means.rows.columns) == ["stimulus", "n_tokens"]
    assert means.rows["n_tokens"].max() > means.manifest.notes["context"]


def test_windows_of_one_text_stay_in_one_shard(model: Path, tmp_path: Path) -> None:
    small, large = (
        record(model, tmp_path / f"{size}", positions="mean", shard_tokens=size)
        for size in (40, 100_000)
    )
    assert len(small.manifest.plan) > 3 > len(large.manifest.plan)
    assert small.rows.equals(large.rows)
    assert np.abs(small[SITE].to_numpy() - large[SITE].to_numpy()).max() < 1e-6


@pytest.mark.parametrize("rows", [1, 6])
def test_a_limit_of_rows_leaves_each_mean_whole(model: Path, tmp_path: Path, rows: int) -> None:
    whole = record(model, tmp_path / "whole", positions="mean")
    part = record(model, tmp_path / "part", positions="mean", max_rows=rows)
    assert part.rows.equals(whole.rows.iloc[:rows])
    assert np.abs(part[SITE].to_numpy() - whole[SITE].to_numpy()[:rows]).max() < 1e-6


def test_shards_of_a_chosen_number_of_rows(model: Path, tmp_path: Path) -> None:
    every, means = (
        record(model, tmp_path / policy, positions=policy, shard_rows=20)
        for policy in ("all", "mean")
    )
    lengths = every.stimuli["n_tokens"]
    # A shard ends with a window, so it is as full as the next window lets it be.
    assert max(every.manifest.plan) <= max(20, min(lengths.max(), every.manifest.notes["context"]))
    assert len(every.manifest.plan) > 3
    assert means.manifest.plan == (7,)


def test_positions_count_from_either_end_of_each_text(model: Path, tmp_path: Path) -> None:
    every = record(model, tmp_path / "all")
    some = record(model, tmp_path / "some", positions=(0, 5, -1))
    wanted, beyond = [], 0
    for text, rows in every.rows.groupby("stimulus"):
        places = [each for each in (0, 5, len(rows) - 1) if each < len(rows)]
        beyond += 3 - len(places)
        wanted += [(text, place) for place in sorted(places)]
    assert list(zip(some.rows["stimulus"], some.rows["position"], strict=True)) == wanted
    # All three of the empty text's are beyond it, too.
    assert some.manifest.notes["positions_beyond_the_end_of_their_text"] == beyond + 3
    where = every.rows.reset_index().set_index(["stimulus", "position"])["index"]
    chosen = where.loc[wanted].to_numpy()
    assert np.abs(some[SITE].to_numpy() - every[SITE].to_numpy()[chosen]).max() < 1e-5
    for column in ("token", "token_id", "word"):
        assert some.rows[column].tolist() == every.rows[column].iloc[chosen].tolist()


def test_a_token_named_twice_has_two_rows(model: Path, tmp_path: Path) -> None:
    ids = np.array([[7, -1], [8, 9]])
    rec = wb.capture(f"hf:{model}", tokens=ids, sites=SITE, positions=(0, -1), out=tmp_path / "rec")
    assert rec.rows["token_id"].tolist() == [7, 7, 8, 9]
    values = rec[SITE].to_numpy()
    assert np.array_equal(values[0], values[1])


def test_the_last_position_is_the_policy_of_that_name(model: Path, tmp_path: Path) -> None:
    last = record(model, tmp_path / "last", positions="last")
    given = record(model, tmp_path / "given", positions=[-1])
    assert last.rows.equals(given.rows)
    assert np.array_equal(last[SITE].to_numpy(), given[SITE].to_numpy())


def test_the_same_bytes_in_whatever_order_shards_are_computed(model: Path, tmp_path: Path) -> None:
    from workbench.capturing.request import CaptureRequest
    from workbench.subjects.addresses import open_source

    for positions in ("mean", (0, -1), "word"):
        request = CaptureRequest(
            f"hf:{model}",
            text=[*TEXTS, LONG],
            sites=[SITE, "blocks.0.attn.hook_pattern"],
            positions=positions,
            options={"shard_tokens": "40"},
        )
        first, second = (open_source(request, None) for _ in range(2))
        assert first.ingredients == second.ingredients
        names = [site.name for site in first.sites]
        forwards = [first.activity(n, names) for n in range(len(first.plan))]
        backwards = [second.activity(n, names) for n in reversed(range(len(first.plan)))][::-1]
        for number, (one, other) in enumerate(zip(forwards, backwards, strict=True)):
            assert len(first.rows(number)) == first.plan[number]
            for name in names:
                assert len(one[name]) == first.plan[number]
                assert one[name].tobytes() == other[name].tobytes()
        assert 0 < first.trial() <= first.plan[0]


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ({"positions": "9999"}, "gave no row under positions '9999'; expected text with tokens"),
        ({"positions": "trial"}, "it has all, last, word, mean, indices"),
        ({"context": "many"}, "Found context 'many'; expected a whole number of at least 1"),
        ({"context": 0}, "Found context '0'; expected a whole number"),
        ({"context": 33}, "Found context 33; the model takes 1 to 32 tokens"),
        ({"shard_tokens": -1}, "Found shard_tokens '-1'"),
        ({"model_dtype": "float8"}, "Found model dtype 'float8'; did you mean"),
    ],
)
def test_what_cannot_be_done_is_said(
    model: Path, tmp_path: Path, further: dict[str, object], message: str
) -> None:
    with pytest.raises(wb.UsageError) as caught:
        record(model, tmp_path / "rec", **further)
    assert message in str(caught.value)
