"""Data selection: similarities, pooling, planted pools, nulls, and what is refused."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import ortho_group

import workbench as wb
from analyses import atoms
from analyses.atoms.baselines import length_matched_choices, random_choices, relabelled
from analyses.atoms.pooling import pool
from analyses.atoms.similarities import SIMILARITIES, alike, jaccard
from workbench.errors import UsageError, WorkbenchError

N_ATOMS, UNITS = 96, 64
COMMON = np.random.default_rng(99).standard_normal(UNITS) / np.sqrt(UNITS)


class Atoms:
    """Sparse codes from a fixed dictionary: any object with `transform` will do.

    Blind to the common direction, for which a trained one has an atom of its own.
    """

    def __init__(self, seed=0, names=None):
        generator = np.random.default_rng(seed)
        self.decoder_ = generator.standard_normal((N_ATOMS, UNITS))
        self.decoder_ /= np.linalg.norm(self.decoder_, axis=1, keepdims=True)
        along = self.decoder_ @ COMMON / (COMMON @ COMMON)
        self.encoder_ = (self.decoder_ - along[:, None] * COMMON).T
        self.names = np.arange(N_ATOMS) if names is None else names

    def transform(self, X):
        codes = np.maximum(np.asarray(X) @ self.encoder_ - 0.6, 0.0)
        return sparse.csr_matrix(codes[:, self.names].astype(np.float32))


class Identity:
    """Activity that is code already."""

    def transform(self, X):
        return sparse.csr_matrix(X)


def planted_pool(seed=0, n_pool=400, n_on=40, n_target=12, common=3.0):
    """Samples of few atoms each: on task, among twelve of their own; off task, among the others.

    All share a strong common direction, as residual streams do.
    """
    generator = np.random.default_rng([seed, 7])
    dictionary = Atoms().decoder_
    relevant = np.zeros(n_pool, dtype=bool)
    relevant[generator.choice(n_pool, n_on, replace=False)] = True

    def sample(on):
        length = generator.integers(5, 30)
        names = generator.choice(12 if on else np.arange(12, N_ATOMS), (length, 2))
        rows = (dictionary[names] * generator.uniform(1, 2, (length, 2, 1))).sum(axis=1)
        noise = 0.1 * generator.standard_normal((length, UNITS))
        return rows + noise + common * COMMON * generator.uniform(0, 2)

    pool_rows = [sample(on) for on in relevant]
    target_rows = [sample(True) for _ in range(n_target)]
    return (*stacked(pool_rows), *stacked(target_rows), relevant)


def stacked(samples):
    return np.concatenate(samples), np.repeat(np.arange(len(samples)), [len(s) for s in samples])


def choose(case, sae=None, **options):
    source, groups, target, target_groups, _ = case
    options = {"groups": groups, "target_groups": target_groups, "fraction": 0.1, **options}
    return atoms.select_data(source, target, sae or Atoms(), **options)


@pytest.fixture(scope="module")
def case():
    return planted_pool()


def some_codes(n=60, seed=0, density=0.1):
    codes = sparse.random_array((n, 40), density=density, rng=np.random.default_rng(seed))
    return sparse.csr_array(codes)


def dense_jaccard(one, other):
    most = np.maximum(one, other).sum()
    return np.minimum(one, other).sum() / most if most else 0.0


def test_sparse_and_dense_agree():
    codes, prototype = some_codes(), np.random.default_rng(1).random(40) * (np.arange(40) % 2)
    dense = codes.toarray()
    expected = [dense_jaccard(row, prototype) for row in dense]
    assert np.allclose(jaccard(codes, prototype), expected, atol=1e-12)
    lengths = np.linalg.norm(dense, axis=1)
    expected = dense @ prototype / np.where(lengths > 0, lengths, 1) / np.linalg.norm(prototype)
    assert np.allclose(SIMILARITIES["cosine"](codes, prototype), expected, atol=1e-12)
    expected = -np.linalg.norm(dense - prototype, axis=1)
    assert np.allclose(SIMILARITIES["euclidean"](codes, prototype), expected, atol=1e-7)


def test_jaccard_by_its_definition():
    codes = some_codes(30)
    dense = codes.toarray()
    for row in dense:
        assert jaccard(sparse.csr_array(row[None]), row)[0] == pytest.approx(float(row.any()))
        both = jaccard(codes, row)
        assert ((both >= 0) & (both <= 1 + 1e-12)).all()
        turned = [jaccard(sparse.csr_array(row[None]), other)[0] for other in dense]
        assert np.allclose(both, turned)
        assert np.allclose(jaccard(3.7 * codes, 3.7 * row), both)
    assert not np.allclose(jaccard(3.7 * codes, dense[0]), jaccard(codes, dense[0]))
    apart = sparse.csr_array(np.eye(40)[:5])
    assert (jaccard(apart, np.eye(40)[9]) == 0).all()
    assert (jaccard(sparse.csr_array((2, 40)), np.zeros(40)) == 0).all()


@pytest.mark.parametrize("least", [0.2, 0.5, 0.95])
def test_alike_agrees_with_all_pairs(least):
    codes, queries = some_codes(80, 1, 0.3), some_codes(20, 2, 0.3)
    queries = sparse.csr_array(sparse.vstack([queries, codes[:5] * 1.02]))
    for query, found in zip(queries.toarray(), alike(codes, queries, least), strict=True):
        assert np.array_equal(found, np.flatnonzero(jaccard(codes, query) >= least))


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
@pytest.mark.parametrize("batch_size", [1, 7, 4096])
def test_pooling_agrees_with_a_loop_in_any_batches(pooling, batch_size):
    generator = np.random.default_rng(3)
    x = generator.random((100, 40)) * (generator.random((100, 40)) < 0.3)
    groups = generator.integers(0, 9, 100)
    found = pool(x, groups, Identity(), pooling=pooling, k=None, batch_size=batch_size)
    function = {"mean": np.mean, "sum": np.sum, "max": np.max}[pooling]
    expected = np.stack([function(x[groups == name], axis=0) for name in range(9)])
    assert np.allclose(found.codes.toarray(), expected, atol=1e-12)
    assert np.allclose(
        found.activity, np.stack([x[groups == name].mean(axis=0) for name in range(9)])
    )
    assert found.lengths.tolist() == np.bincount(groups).tolist()


def test_dense_codes_of_all_rows_are_never_held():
    generator = np.random.default_rng(12)
    wide = sparse.random_array((8, 20000), density=0.002, rng=generator)

    class Wide:
        def transform(self, X):
            return sparse.csr_array(sparse.csr_array(X) @ wide)

    x = np.eye(8)[generator.integers(0, 8, 20000)]
    tracemalloc.start()
    found = pool(x, np.arange(20000) // 20, Wide())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.codes.shape == (1000, 20000)
    assert peak < 60e6 < 1000 * 20000 * 8


def test_only_the_largest_codes_of_a_row_are_kept():
    x = np.random.default_rng(4).random((50, 40))
    found = pool(x, np.arange(50), Identity(), k=6).codes.toarray()
    assert np.array_equal(found > 0, x >= np.sort(x, axis=1)[:, -6, None])
    assert np.allclose(found[found > 0], x[found > 0])


def test_negative_codes_count_as_zero_and_are_counted():
    x = np.array([[1.0, -2.0], [-3.0, 4.0]])
    found = pool(x, [0, 0], Identity())
    assert found.n_negative == 2
    assert found.codes.toarray().tolist() == [[0.5, 2.0]]


def test_order_does_not_matter(case):
    source, groups, target, target_groups, _ = case
    expected = choose(case)
    generator = np.random.default_rng(5)
    rows, target_rows = generator.permutation(len(source)), generator.permutation(len(target))
    shuffled = (source[rows], groups[rows], target[target_rows], target_groups[target_rows], None)
    latents = Atoms(names=generator.permutation(N_ATOMS))
    for found in (choose(shuffled), choose(case, latents), choose(case, batch_size=13)):
        assert np.allclose(found.scores, expected.scores, atol=1e-6)
        assert found.selected.tolist() == expected.selected.tolist()


def test_other_names_of_samples_do_not_matter(case):
    source, groups, target, target_groups, _ = case
    names = np.array([f"text {number:04d}" for number in range(400)])
    found = choose((source, names[groups], target, target_groups, None))
    assert np.array_equal(found.selected, names[choose(case).selected])


def test_repeating_rows_changes_sums_but_not_means(case):
    source, groups, target, target_groups, _ = case
    thrice = groups < 100
    repeated = np.concatenate([source, source[thrice], source[thrice]])
    names = np.concatenate([groups, groups[thrice], groups[thrice]])
    longer = (repeated, names, target, target_groups, None)
    assert np.allclose(choose(longer).scores, choose(case).scores, atol=1e-6)
    before, after = choose(case, pooling="sum").scores, choose(longer, pooling="sum").scores
    assert np.allclose(before[100:], after[100:], atol=1e-6)
    assert not np.allclose(before[:100], after[:100], atol=0.01)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_planted_pool_is_found_and_plain_activity_finds_less(seed):
    case = planted_pool(seed)
    found = choose(case)
    table = found.precision(case[-1], n_draws=200).set_index("method")
    assert table.loc["selection", "precision"] >= 0.95
    assert table.loc["selection", "low"] > 0.85
    raw = table.loc["cosine of raw activity"]
    assert raw["advantage"] > 0
    assert raw["advantage_low"] > 0
    assert raw["advantage_low"] <= raw["advantage"] <= raw["advantage_high"]
    for name in ("random choice", "length-matched random choice"):
        assert table.loc[name, "precision"] == pytest.approx(0.1, abs=0.03)
        assert table.loc[name, "low"] < 0.1 < table.loc[name, "high"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_relabelled_latents_find_a_planted_pool_no_better_than_chance(seed):
    source, groups, target, target_groups, relevant = planted_pool(seed)
    codes = pool(source, groups, Atoms()).codes
    prototype = pool(target, target_groups, Atoms()).codes.mean(axis=0)
    generator = np.random.default_rng(seed)
    size = int(relevant.sum())
    recall = [
        relevant[np.argsort(-jaccard(relabelled(codes, generator), prototype))[:size]].mean()
        for _ in range(20)
    ]
    assert np.mean(recall) < 0.2
    assert relevant[np.argsort(-jaccard(codes, prototype))[:size]].mean() > 0.95


def test_relabelling_keeps_every_sample_its_values():
    codes = some_codes(30)
    changed = relabelled(codes, np.random.default_rng(0))
    assert np.allclose(np.sort(changed.toarray(), axis=1), np.sort(codes.toarray(), axis=1))
    assert not np.allclose(changed.toarray(), codes.toarray())


def test_nulls_tell_a_target_that_is_there_from_one_that_is_not(case):
    found = choose(case).nulls
    names = ["latents relabelled in every sample", "target drawn from the pool"]
    assert list(found) == [*names, "random choice", "length-matched random choice"]
    for name in names:
        assert found[name].p_value < 0.05
        assert choose(case).mean_score > found[name].mean + 3 * found[name].sd
    source, groups, *_ = case
    off = np.maximum(np.random.default_rng(8).standard_normal((len(source), 40)), 1.5) - 1.5
    strange = atoms.select_data(
        off,
        np.maximum(np.random.default_rng(9).standard_normal((50, 40)), 1.5) - 1.5,
        Identity(),
        groups=groups,
        target_groups=np.arange(50) // 5,
        fraction=0.1,
    )
    for name in names:
        assert strange.nulls[name].p_value > 0.05


def test_random_choices_of_equal_size_and_length():
    generator = np.random.default_rng(10)
    lengths = generator.integers(1, 100, 500)
    chosen = np.argsort(-lengths)[:50]
    flat = random_choices(500, 50, 100, generator)
    matched = length_matched_choices(lengths, chosen, 100, generator)
    for draws in (flat, matched):
        assert draws.shape == (100, 50)
        assert all(len(set(draw)) == 50 for draw in draws.tolist())
    assert lengths[matched].mean() == pytest.approx(lengths[chosen].mean(), rel=0.05)
    assert lengths[flat].mean() < 60


def test_target_samples_in_the_pool_are_left_out_and_counted(case):
    source, groups, target, target_groups, _ = case
    twice = np.concatenate([source, target])
    names = np.concatenate([groups, 400 + target_groups])
    found = choose((twice, names, target, target_groups, None))
    assert found.excluded.tolist() == list(range(400, 412))
    assert not set(found.ranking) & set(found.excluded)
    assert found.parameters["n_in_target"] == 12
    assert found.selected.tolist() == choose(case).selected.tolist()
    kept = choose((twice, names, target, target_groups, None), exclude_targets=False)
    assert len(kept.excluded) == 0
    assert kept.parameters["n_in_target"] == 12
    assert set(kept.selected) & set(range(400, 412))
    with pytest.raises(UsageError, match="all 12 samples of the pool in the target"):
        choose((target, target_groups, target, target_groups, None))


def test_near_duplicates_are_counted_and_diversity_avoids_them(case):
    source, groups, target, target_groups, _ = case
    assert choose(case).duplicates == 0
    best = choose(case).selected[0]
    copies = [source] + [source[groups == best]] * 20
    extra = np.repeat(np.arange(400, 420), (groups == best).sum())
    crowded = (np.concatenate(copies), np.concatenate([groups, extra]), target, target_groups, None)
    found = choose(crowded)
    assert found.duplicates == pytest.approx(21 / found.n_selected)
    spread = choose(crowded, diversity=0.5)
    assert spread.duplicates < 0.1
    assert spread.selected[0] == found.selected[0]
    assert len(set(spread.ranking)) == 420
    assert choose(case, diversity=0.0).selected.tolist() == choose(case).selected.tolist()


@pytest.mark.parametrize("similarity", ["jaccard", "cosine", "euclidean"])
def test_every_similarity_finds_the_planted_pool(case, similarity):
    found = choose(case, similarity=similarity)
    assert case[-1][found.ranking[: found.n_selected]].mean() > 0.8
    assert ("cosine of codes" in found.rivals) is (similarity != "cosine")


def of_many_lengths(seed):
    """Rows of common atoms, some of them oftener on task; samples of 4 to 60 rows."""
    generator = np.random.default_rng(seed)
    often, rare = np.ones(60), np.ones(60)
    often[:15] = 4.0

    def sample(on):
        length, chance = generator.integers(4, 60), often if on else rare
        rows = np.zeros((length, 60))
        for each in rows:
            each[generator.choice(60, 3, replace=False, p=chance / chance.sum())] = 1.0
        return rows

    relevant = np.arange(300) % 10 == 0
    source, groups = stacked([sample(on) for on in relevant])
    target, target_groups = stacked([sample(True) for _ in range(20)])
    return source, groups, target, target_groups, relevant


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("similarity", ["jaccard", "cosine"])
def test_contrast_with_the_pool_finds_more_and_leans_less_on_length(seed, similarity):
    case = of_many_lengths(seed)
    plain = choose(case, Identity(), similarity=similarity)
    found = choose(case, Identity(), similarity=similarity, contrast=True)
    hits = [case[-1][each.ranking[: each.n_selected]].mean() for each in (plain, found)]
    assert hits[1] > hits[0] + 0.1
    length_bias = [np.corrcoef(each.scores, each.lengths)[0, 1] for each in (plain, found)]
    assert length_bias[0] > 0.5
    assert abs(length_bias[1]) < length_bias[0] - 0.2


def test_plain_activity_is_ranked_as_written():
    generator = np.random.default_rng(11)
    x, target = generator.standard_normal((50, 8)), generator.standard_normal((5, 8))
    found = atoms.select_data(
        x, target, Identity(), groups=np.arange(50), target_groups=np.arange(5)
    )
    mean, wanted = x.mean(axis=0), target.mean(axis=0)
    for name, a, b in (
        ("cosine of raw activity", x, wanted),
        ("cosine of centred raw activity", x - mean, wanted - mean),
    ):
        assert np.array_equal(found.rivals[name], np.argsort(-(a @ b) / np.linalg.norm(a, axis=1)))
    turned = ortho_group.rvs(8, random_state=0)
    other = atoms.select_data(
        x @ turned, target @ turned, Identity(), groups=np.arange(50), target_groups=np.arange(5)
    )
    assert np.array_equal(
        found.rivals["cosine of raw activity"], other.rivals["cosine of raw activity"]
    )


def recordings(case):
    source, groups, target, target_groups, _ = case
    rows = pd.DataFrame({"stimulus": groups, "even": np.arange(len(groups)) % 2 == 0})
    one = wb.from_arrays({"a": source, "b": source[:, :5]}, rows=rows, kind="language")
    rows = pd.DataFrame({"stimulus": target_groups, "even": np.arange(len(target)) % 2 == 0})
    two = wb.from_arrays({"a": target, "b": target[:, :5]}, rows=rows, kind="language")
    return one, two


def test_recordings_give_what_their_arrays_give(case):
    source, target = recordings(case)
    found = atoms.select_data(source, target, Atoms(), site="a", fraction=0.1)
    expected = choose(case)
    assert np.allclose(found.scores, expected.scores)
    assert found.selected.tolist() == expected.selected.tolist()
    assert found.parameters["site"] == "a"
    assert found.parameters["subject"] == "memory"
    assert found.parameters["sae"] == expected.parameters["sae"]
    assert len(found.parameters["sae"]) == 64
    named = Atoms()
    named.site_, named.n_features_in_ = "a", UNITS
    by_sae = atoms.select_data(source, target, named, fraction=0.1)
    assert by_sae.selected.tolist() == expected.selected.tolist()


def test_rows_that_do_not_count_do_not_enter(case):
    one, two = recordings(case)
    source, groups, target, target_groups, _ = case
    keep = np.arange(len(source)) % 7 != 0
    target_keep = np.arange(len(target)) % 7 != 0
    less = (source[keep], groups[keep], target[target_keep], target_groups[target_keep], None)
    spoiled = source.copy()
    spoiled[~keep] = 1e3
    found = choose(
        (spoiled, groups, target, target_groups, None), where=keep, target_where=target_keep
    )
    assert np.allclose(found.scores, choose(less).scores, atol=1e-9)
    by_column = atoms.select_data(one, two, Atoms(), site="a", where="even", fraction=0.1)
    assert by_column.parameters["where"] == "even"
    assert not np.allclose(by_column.scores, choose(case).scores)


def test_a_pool_of_one_sample_and_one_target():
    found = atoms.select_data(
        np.eye(3), 2 * np.eye(3)[:1], Identity(), groups=[0, 0, 0], target_groups=[0]
    )
    assert found.selected.tolist() == [0]
    assert found.scores == pytest.approx([(1 / 3) / (2 + 2 / 3)])


def spoiled(case):
    source = case[0].copy()
    source[5, 2] = np.nan
    return (source, *case[1:])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"similarity": "jacard"}, "did you mean 'jaccard'"),
        ({"pooling": "men"}, "did you mean 'mean'"),
        ({"fraction": 0.0}, "fraction=0.0"),
        ({"diversity": 1.0}, "diversity=1.0"),
        ({"k": 0}, "k=0"),
        ({"groups": "stimulus"}, "groups='stimulus' for an array"),
        ({"groups": np.arange(5)}, "5 sample names for more rows"),
        ({"groups": np.arange(99999)}, "99999 sample names for .* rows"),
        ({"target_groups": None}, "pass target_groups="),
        ({"where": np.ones(3, dtype=bool)}, "bool of shape"),
        ({"where": np.zeros(7000, dtype=bool)}, "expected bool of"),
    ],
)
def test_bad_choices_are_refused(case, options, said):
    with pytest.raises(UsageError, match=said):
        choose(case, **options)


def test_other_refusals(case):
    source, target = recordings(case)
    with pytest.raises(WorkbenchError, match="row 5, unit 2"):
        choose(spoiled(case))
    with pytest.raises(UsageError, match=r"2 sites and an SAE that names none.*such as 'a'"):
        atoms.select_data(source, target, Atoms())
    with pytest.raises(UsageError, match="no column 'stimulos' in the row table; did you mean"):
        atoms.select_data(source, target, Atoms(), site="a", groups="stimulos")
    named = Atoms()
    named.site_, named.n_features_in_ = "b", UNITS
    with pytest.raises(UsageError, match="at site 'a' and an SAE trained at 'b'"):
        atoms.select_data(source, target, named, site="a")
    with pytest.raises(UsageError, match="5 units and an SAE trained on 64"):
        atoms.select_data(source, target, named)
    empty = np.ones(len(case[0]), dtype=bool)
    empty[case[1] == 17] = False
    with pytest.raises(UsageError, match=r"1 samples without a row that counts \(first: '17'\)"):
        choose(case, where=empty)
    with pytest.raises(UsageError, match="in the order of samples"):
        choose(case).precision([True])
    with pytest.raises(UsageError, match="size 999"):
        choose(case).precision(case[-1], size=999)
