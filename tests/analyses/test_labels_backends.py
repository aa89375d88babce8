"""Describers that need no network: what they propose, and how candidates are chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from analyses.neuron_labels.caches import ProposalCache, exemplars_fingerprint
from analyses.neuron_labels.exemplars import compute_exemplars
from analyses.neuron_labels.features import learn_codebook, set_features
from analyses.neuron_labels.formulas import area_under_curve, intersection_over_union
from analyses.neuron_labels.grammar import GrammarDescriber
from analyses.neuron_labels.phrases import all_descriptions, both, choices_of, log_prior
from analyses.neuron_labels.planted import Planted, planted_units
from analyses.neuron_labels.reranking import correlation, rerank
from analyses.neuron_labels.segments import SegmentsDescriber
from analyses.neuron_labels.simulators import LabelMapSimulator
from analyses.neuron_labels.tokens import LanguageModel, TokensDescriber, log_odds
from analyses.neuron_labels.types import (
    Candidate,
    Describer,
    Exemplars,
    Simulator,
    Stimuli,
    UnitExemplars,
)
from workbench.demo.scene_language import parse
from workbench.demo.scenes import Scenes, render
from workbench.errors import UsageError, WorkbenchError

KINDS = {"single": 5, "and": 6, "or": 3, "and_not": 2, "noise": 2}


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return render(1600, seed=41)


@pytest.fixture(scope="module")
def planted(scenes: Scenes) -> Planted:
    return planted_units(scenes, KINDS, seed=1)


@pytest.fixture(scope="module")
def stimuli(scenes: Scenes) -> Stimuli:
    return Stimuli("vision", images=scenes.images, label_maps=scenes.label_maps)


@pytest.fixture(scope="module")
def exemplars(planted: Planted, stimuli: Stimuli) -> Exemplars:
    return compute_exemplars(planted.recording(), "planted", stimuli=stimuli)


@pytest.fixture(scope="module")
def grammar() -> GrammarDescriber:
    return GrammarDescriber(n_sets=400, n_scenes=800)


def best(candidates: list[Candidate]) -> str:
    return rerank(candidates)[0].text


def units_of(planted: Planted, *kinds: str) -> list[int]:
    return [unit for unit, kind in enumerate(planted.kinds) if kind in kinds]


# ---- grammar --------------------------------------------------------------------------------


def test_every_description_is_read_back_as_it_was_made() -> None:
    found = all_descriptions()
    chosen = np.random.default_rng(0).choice(len(found), 300, replace=False)
    for place in chosen:
        assert choices_of(found.texts[place]) == tuple(found.choices[place])
        assert parse(found.texts[place]).text == found.texts[place]
    assert len(set(found.texts)) == len(found)


def test_prior_follows_what_is_said() -> None:
    found = all_descriptions()
    said = [choices_of("red")] * 30 + [choices_of("red ring")] * 3
    prior = log_prior([each for each in said if each], found)
    assert np.logaddexp.reduce(prior) == pytest.approx(0, abs=1e-6)
    by_text = dict(zip(found.texts, prior, strict=True))
    assert by_text["red"] > by_text["red ring"] > by_text["blue ring"]
    with pytest.raises(UsageError, match="no caption"):
        log_prior([], found)


def test_conditional_is_a_probability_and_candidates_are_its_best(
    grammar: GrammarDescriber, exemplars: Exemplars
) -> None:
    conditional = grammar.log_conditional(exemplars[0])
    assert np.logaddexp.reduce(conditional) == pytest.approx(0, abs=1e-9)
    found = grammar.propose(exemplars[0], 30)
    assert len(found) == 30
    assert found[0].log_conditional == pytest.approx(conditional.max())
    falling = [each.log_conditional for each in found]
    assert falling == sorted(falling, reverse=True)
    assert isinstance(grammar, Describer)


def test_grammar_proposes_the_truth_of_planted_units(
    grammar: GrammarDescriber, planted: Planted, exemplars: Exemplars
) -> None:
    units = units_of(planted, "single", "and")
    proposed = [{each.text for each in grammar.propose(exemplars[u])} for u in units]
    assert all(planted.truth[u] in texts for u, texts in zip(units, proposed, strict=True))
    right = [best(grammar.propose(exemplars[u])) == planted.truth[u] for u in units]
    # One of 5039 by chance; the best of MILAN without simulation.
    assert np.mean(right) >= 0.2


def test_grammar_sees_no_other_unit_and_no_order(
    grammar: GrammarDescriber, exemplars: Exemplars
) -> None:
    unit = exemplars[3]
    before = grammar.propose(unit)
    grammar.propose(exemplars[0])
    assert grammar.propose(unit) == before
    assert unit.images is not None
    turned = replace(
        unit,
        stimuli=unit.stimuli[::-1],
        values=unit.values[::-1],
        masks=unit.masks[::-1],
        images=unit.images[::-1],
    )
    one, other = (grammar.log_conditional(each) for each in (unit, turned))
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_grammar_sees_images_of_any_size(grammar: GrammarDescriber, scenes: Scenes) -> None:
    concept = parse("red")
    large = render(1600, seed=41, size=64)
    shown = np.flatnonzero(concept.present(scenes))[:15]
    texts = []
    for each in (scenes, large):
        unit = UnitExemplars(
            0, "", "vision", shown, np.ones(15), concept.mask(each)[shown], each.images[shown]
        )
        texts.append(best(grammar.propose(unit)))
    assert texts[0] == texts[1] == "red"


def test_fingerprints_follow_what_was_learnt() -> None:
    one, again, other = (GrammarDescriber(60, 200, seed=seed) for seed in (0, 0, 1))
    assert one.fingerprint() == again.fingerprint() != other.fingerprint()


def test_features_follow_the_mask(scenes: Scenes) -> None:
    book = learn_codebook(scenes.images[:100], 8, 16)
    maps = book.encode(scenes.images[:2])
    masks = np.zeros((2, 32, 32), bool)
    masks[:, :8] = True
    top = book.pool(maps, masks)
    assert top.shape == (2, book.n_features)
    assert not np.allclose(top, book.pool(maps, ~masks))
    np.testing.assert_array_equal(set_features(top), set_features(top[::-1]))
    empty = book.pool(maps, np.zeros_like(masks))
    np.testing.assert_array_equal(empty, book.pool(maps, np.ones_like(masks)))


def test_grammar_needs_images(grammar: GrammarDescriber) -> None:
    unit = UnitExemplars(4, "", "vision", np.array([0]), np.ones(1), np.ones((1, 2, 2), bool))
    with pytest.raises(UsageError, match="of unit 4 without images"):
        grammar.propose(unit)


# ---- re-ranking -----------------------------------------------------------------------------

SAID = [
    Candidate("object", -0.5, -0.7, "grammar"),
    Candidate("red", -0.9, -3.5, "grammar"),
    Candidate("red ring", -2.0, -6.0, "grammar"),
]


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.7, 1.5])
def test_without_simulator_it_is_milan(weight: float) -> None:
    scores = [each.log_conditional - weight * each.log_prior for each in SAID]
    expected = [SAID[place] for place in np.argsort(scores)[::-1]]
    assert rerank(SAID[::-1], weight) == expected


def test_candidates_made_by_hand_need_numbers_alone() -> None:
    by_hand = [Candidate("thing", -1.0, -1.0), Candidate("red ring", -1.2, -6.0)]
    assert [each.text for each in rerank(by_hand, weight=0.2, simulator=None)] == [
        "red ring", "thing",
    ]  # fmt: skip
    assert rerank([]) == []
    with pytest.raises(UsageError, match="of type 'tuple'; expected Candidate"):
        rerank([("thing", -1.0, -1.0)])  # type: ignore[list-item]
    with pytest.raises(UsageError, match=r"nan and log p.* expected numbers"):
        rerank([Candidate("thing", float("nan"), -1.0)])
    with pytest.raises(UsageError, match="with weight nan"):
        rerank(by_hand, weight=float("nan"))


def test_simulation_finds_planted_units(
    grammar: GrammarDescriber, planted: Planted, exemplars: Exemplars, stimuli: Stimuli
) -> None:
    simulator = LabelMapSimulator()
    assert isinstance(simulator, Simulator)
    activity = planted.activity.max(axis=(2, 3))
    found = {}
    for unit in units_of(planted, "single", "and", "or", "and_not"):
        found[unit] = rerank(
            grammar.propose(exemplars[unit]),
            0.2,
            simulator,
            exemplars[unit],
            stimuli,
            activity[:, unit],
            rows=exemplars.parts["probe"],
            compose=True,
        )[0]
    right = {unit: each.text == planted.truth[unit] for unit, each in found.items()}
    assert np.mean([right[unit] for unit in units_of(planted, "single", "and")]) >= 0.9
    assert np.mean([right[unit] for unit in units_of(planted, "or", "and_not")]) >= 0.6
    assert all(each.simulated is not None and each.simulated > 0.5 for each in found.values())


def test_noise_is_not_composed(
    grammar: GrammarDescriber, planted: Planted, exemplars: Exemplars, stimuli: Stimuli
) -> None:
    for unit in units_of(planted, "noise"):
        found = rerank(
            grammar.propose(exemplars[unit], 20),
            0.2,
            LabelMapSimulator(),
            exemplars[unit],
            stimuli,
            planted.activity[:, unit].max(axis=(1, 2)),
            rows=exemplars.parts["probe"],
            compose=True,
        )
        assert not any(" or " in each.text or " but not " in each.text for each in found)


def test_probe_stimuli_must_not_be_exemplars(exemplars: Exemplars, stimuli: Stimuli) -> None:
    activity = np.ones(len(stimuli))
    simulator = LabelMapSimulator()
    with pytest.raises(UsageError, match="exemplars among the probe stimuli"):
        rerank(SAID, 0.2, simulator, exemplars[0], stimuli, activity)
    with pytest.raises(UsageError, match="without stimuli or activity"):
        rerank(SAID, 0.2, simulator)
    with pytest.raises(UsageError, match="one finite number a stimulus"):
        rerank(SAID, 0.2, simulator, stimuli=stimuli, activity=activity[:-1])


def test_correlation_agrees_with_numpy() -> None:
    one, other = np.random.default_rng(0).standard_normal((2, 50))
    assert correlation(one, other) == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert correlation(one, np.ones(50)) == 0


# ---- segments -------------------------------------------------------------------------------


def test_overlap_and_area_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    mask, where = generator.random((2, 40, 9)) < 0.3
    theirs = metrics.jaccard_score(mask.ravel(), where.ravel())
    assert intersection_over_union(mask, where) == pytest.approx(theirs)
    from scipy.stats import rankdata

    activity = np.round(generator.standard_normal(60), 1)
    shown = generator.random(60) < 0.4
    ours = area_under_curve(rankdata(activity), shown)
    assert ours == pytest.approx(metrics.roc_auc_score(shown, activity))


@pytest.mark.parametrize(
    ("score", "cut", "kinds"),
    [
        ("iou", "threshold", ("and",)),
        ("iou", "two means", ("single",)),
        ("auc", "threshold", ("single", "and")),
    ],
)
def test_segments_find_planted_formulas(
    score: str, cut: str, kinds: tuple[str, ...], scenes: Scenes, stimuli: Stimuli
) -> None:
    planted = planted_units(scenes, {"single": 3, "and": 3}, seed=1)
    found = compute_exemplars(planted.recording(), "planted", stimuli=stimuli)
    rows = found.split_rows[:400]
    describer = SegmentsDescriber.read(
        planted.recording(), "planted", stimuli, rows, score, length=2, cut=cut
    )
    units = units_of(planted, *kinds)
    said = [describer.propose(found[unit], 3)[0].text for unit in units]
    right = [
        parse(text) == parse(planted.truth[u] or "") for text, u in zip(said, units, strict=True)
    ]
    assert np.mean(right) >= 0.6


def test_segments_of_exemplars_alone(scenes: Scenes, stimuli: Stimuli) -> None:
    concept = parse("red ring")
    shown = np.flatnonzero(concept.present(scenes))[:15]
    unit = UnitExemplars(0, "", "vision", shown, np.ones(15), concept.mask(scenes)[shown])
    found = SegmentsDescriber(stimuli, length=2).propose(unit, 5)
    assert found[0].text == "red ring"
    assert found[0].log_conditional == pytest.approx(0)
    share = concept.present(scenes).mean()
    assert found[0].log_prior == pytest.approx(np.log(share))


def test_rows_in_time_are_described_by_their_labels() -> None:
    import pandas as pd

    generator = np.random.default_rng(0)
    n = 600
    state = np.repeat(generator.choice(["rest", "turn", "run"], n // 10), 10)
    odour = np.repeat(generator.choice(["none", "mint"], n // 20), 20)
    both_on = ((state == "turn") & (odour == "mint")).astype(float)
    activity = np.stack([state == "run", both_on, generator.random(n)], axis=1)
    activity = activity + 0.1 * generator.standard_normal((n, 3))
    table = pd.DataFrame({"time": np.arange(n) * 0.5, "state": state, "odour": odour})
    rec = wb.from_arrays(
        {"area": activity}, table.assign(stimulus=0).to_dict("series"), kind="brain"
    )
    labels = Stimuli("brain", labels=table[["state", "odour"]])
    found = compute_exemplars(rec, "area", k=8, stimuli=labels)
    describer = SegmentsDescriber.read(rec, "area", labels, found.split_rows, "auc", length=2)
    assert describer.propose(found[0])[0].text == "run"
    assert set(describer.propose(found[1])[0].text.split(" and ")) == {"turn", "mint"}
    best_of_noise = describer.propose(found[2])[0]
    assert best_of_noise.log_conditional < describer.propose(found[0])[0].log_conditional - 1


def test_segments_errors(stimuli: Stimuli) -> None:
    with pytest.raises(UsageError, match="'auc' with the activity"):
        SegmentsDescriber(stimuli, score="auc")
    with pytest.raises(UsageError, match="without label maps or labels"):
        SegmentsDescriber(Stimuli("language", texts=[["a"]]))
    with pytest.raises(UsageError, match="expected equal lengths"):
        SegmentsDescriber(stimuli, np.arange(3))
    unit = UnitExemplars(2, "", "vision", np.array([9]), np.ones(1), np.ones((1, 32, 32), bool))
    with pytest.raises(UsageError, match="the exemplar 9 of unit 2"):
        SegmentsDescriber(stimuli.take([0, 1]), np.array([4, 5])).propose(unit)


# ---- tokens ---------------------------------------------------------------------------------


def test_tokens_find_what_is_said(scenes: Scenes) -> None:
    planted = planted_units(scenes[:800], {"single": 5, "noise": 1}, form="tokens", seed=2)
    found = compute_exemplars(planted.recording(), "planted")
    assert found.stimuli is not None
    assert found.stimuli.texts is not None
    describer = TokensDescriber([found.stimuli.texts[each] for each in found.split_rows])
    assert isinstance(describer, Describer)
    said = [describer.propose(each)[0].text for each in found]
    assert said[:5] == planted.truth[:5]


def test_log_odds_depend_on_the_background() -> None:
    here, n_here = np.array([5.0, 5.0]), 10
    z, share, prior = log_odds(here, np.array([5.0, 500.0]), n_here, 1000)
    assert z[0] > 2 > z[1]
    assert (share <= 1).all()
    assert prior[0] < prior[1]


def test_tokens_need_tokens_and_a_background() -> None:
    with pytest.raises(UsageError, match="at least one token"):
        TokensDescriber([[]])
    unit = UnitExemplars(1, "", "vision", np.array([0]), np.ones(1), np.ones((1, 1), bool))
    with pytest.raises(UsageError, match="of unit 1 without tokens"):
        TokensDescriber([["a"]]).propose(unit)
    with pytest.raises(UsageError, match="no language model in"):
        LanguageModel("hf:nowhere")


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    pytest.importorskip("transformers")
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    end = "<s>"
    words = [end, "cat", "dog", "The", "words", "are", "all", "about", ",", "pets"]
    tokenizer = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token=end))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end).save_pretrained(tmp_path)
    config = GPT2Config(
        vocab_size=len(words),
        n_positions=64,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    return tmp_path


def test_a_local_language_model_composes_a_phrase(model_folder: Path) -> None:
    model = LanguageModel(f"hf:{model_folder}", max_new_tokens=3)
    unit = UnitExemplars(
        0,
        "",
        "language",
        np.arange(2),
        np.ones(2, np.float32),
        np.array([[False, True], [False, True]]),
        tokens=[["the", "cat"], ["a", "cat"]],
    )
    found = TokensDescriber([["a", "dog"], ["the", "cat"]] * 4, model=model).propose(unit)
    composed = [each for each in found if each.source == "tokens+model"]
    assert len(composed) == 1
    assert composed[0].text
    assert composed[0].log_conditional < 0
    assert (
        TokensDescriber([["a"]], model=model).fingerprint()
        != TokensDescriber([["a"]]).fingerprint()
    )


# ---- caches ---------------------------------------------------------------------------------


class Counting:
    """A describer that counts its calls, and says how dark the first image is."""

    name = "counting"

    def __init__(self, version: str = "1") -> None:
        self.calls, self.version = 0, version

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        self.calls += 1
        assert exemplars.images is not None
        return [Candidate(f"{exemplars.images.mean():.0f} v{self.version}", -1.0, -2.0, self.name)]

    def fingerprint(self) -> str:
        return f"counting {self.version}"


def from_file(path: Path) -> UnitExemplars:
    images = np.load(path, allow_pickle=False)
    masks = np.ones((1, 2, 2), bool)
    return UnitExemplars(0, "a", "vision", np.array([0]), np.ones(1), masks, images)


def test_a_file_that_changes_under_its_name_is_computed_again(tmp_path: Path) -> None:
    path, describer = tmp_path / "images.npy", Counting()
    texts = []
    for value in (1, 1, 9):
        np.save(path, np.full((1, 2, 2, 3), value, np.uint8))
        # A new cache of the same folder, as in another process.
        cache = ProposalCache(tmp_path / "cache")
        texts.append(cache.propose(describer, from_file(path))[0].text)
    assert texts == ["1 v1", "1 v1", "9 v1"]
    assert describer.calls == 2


def test_other_weights_or_numbers_are_computed_again(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.zeros((1, 2, 2, 3), np.uint8))
    unit, cache = from_file(tmp_path / "images.npy"), ProposalCache()
    old, new = Counting("1"), Counting("2")
    assert cache.propose(old, unit)[0].text == "0 v1"
    assert cache.propose(new, unit)[0].text == "0 v2"
    cache.propose(old, unit, 3)
    assert (old.calls, new.calls) == (2, 1)


def test_fingerprints_of_exemplars_see_everything_shown() -> None:
    unit = from_file_like()
    same = exemplars_fingerprint(unit)
    changes = {
        "masks": np.zeros((1, 2, 2), bool),
        "images": np.ones((1, 2, 2, 3), np.uint8),
        "values": np.full(1, 2.0),
        "tokens": [["a"]],
        "threshold": 3.0,
    }
    for name, value in changes.items():
        assert exemplars_fingerprint(replace(unit, **{name: value})) != same


def from_file_like() -> UnitExemplars:
    images = np.zeros((1, 2, 2, 3), np.uint8)
    return UnitExemplars(
        0, "a", "vision", np.array([0]), np.ones(1), np.ones((1, 2, 2), bool), images
    )


def test_a_damaged_cache_says_so(tmp_path: Path) -> None:
    cache = ProposalCache(tmp_path)
    cache.propose(Counting(), from_file_like())
    (stored,) = tmp_path.glob("*.json")
    stored.write_text("[{]")
    with pytest.raises(WorkbenchError, match="delete it"):
        ProposalCache(tmp_path).propose(Counting(), from_file_like())


def test_both() -> None:
    assert both("red", "ring at the top") == "red ring at the top"
    assert both("red", "dog") is None
