"Exact Shapley values of trees against the definition: every coalition of players, through the model itself."

from itertools import combinations, product
from math import factorial

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeRegressor

from mltoolkit.core import Cancel, Cancelled, InputError
from mltoolkit.explainability import tree_kernels, tree_shapley
from mltoolkit.explainability.tree_arrays import assembled
from mltoolkit.explainability.tree_shapley import prepare_trees, tree_interactions
from mltoolkit.explainability.trees import ensemble_of

RNG = np.random.default_rng(0)
N = 300
X = RNG.normal(size=(N, 6)).round(1)  # many ties at thresholds
X[:, 1] = np.round(X[:, 1])
X[RNG.random((N, 6)) < 0.1] = np.nan
X[:, 5] = RNG.integers(0, 8, N)
WHOLE = np.nan_to_num(X)
SCORE = WHOLE[:, 0] + WHOLE[:, 1] * WHOLE[:, 2] + X[:, 5] % 3
TWO, THREE = (SCORE > 1).astype(int), np.digitize(SCORE, [-0.5, 1.5])
GROUPS, PLAYERS = np.array([0, 1, 2, 1, 3, 4]), 5
ROWS, BACKGROUND = slice(0, 4), slice(100, 117)


def coalition_values(predict, row, background, weights, groups=GROUPS):
    "v(S) for every coalition S of players, as a dict."
    coalitions = list(product([0, 1], repeat=PLAYERS))
    hybrids = np.tile(background, (len(coalitions), 1, 1))
    for i, coalition in enumerate(coalitions):
        inside = np.array(coalition)[groups] == 1
        hybrids[i][:, inside] = row[inside]
    found = predict(hybrids.reshape(-1, background.shape[1])).reshape(len(coalitions), len(background), -1)
    return dict(zip(coalitions, np.einsum("smk,m->sk", found, weights)))


def with_player(coalition, *players):
    return tuple(1 if i in players else c for i, c in enumerate(coalition))


def by_definition(values):
    "Shapley values (players, k)."
    phi = []
    for j in range(PLAYERS):
        rest = [(s, sum(s)) for s in values if not s[j]]
        phi.append(
            sum(factorial(n) * factorial(PLAYERS - n - 1) / factorial(PLAYERS) * (values[with_player(s, j)] - values[s]) for s, n in rest)
        )
    return np.array(phi)


def pairs_by_definition(values):
    "Interaction values (players, players, k), half on either side of the diagonal."
    out = np.zeros((PLAYERS, PLAYERS, len(values[(0,) * PLAYERS])))
    for i, j in combinations(range(PLAYERS), 2):
        for s in values:
            if not s[i] and not s[j]:
                n = sum(s)
                share = factorial(n) * factorial(PLAYERS - n - 2) / factorial(PLAYERS - 1)
                gain = values[with_player(s, i, j)] - values[with_player(s, i)] - values[with_player(s, j)] + values[s]
                out[i, j] += share * gain / 2
        out[j, i] = out[i, j]
    phi = by_definition(values)
    for i in range(PLAYERS):
        out[i, i] = phi[i] - out[i].sum(axis=0)
    return out


def predictor(model):
    def predict(Z):
        if type(model).__name__.startswith("LGBM"):
            found = model.predict(Z, raw_score=True)
        elif type(model).__name__.startswith("XGB"):
            found = model.predict(Z, output_margin=True)
        elif hasattr(model, "decision_function"):
            found = model.decision_function(Z)
        elif hasattr(model, "predict_proba"):
            found = model.predict_proba(Z)
            found = found[:, 1:] if found.shape[1] == 2 else found
        else:
            found = model.predict(Z)
        return np.reshape(found, (len(Z), -1))

    return predict


def library(name, **options):
    return getattr(pytest.importorskip("lightgbm" if name.startswith("LGBM") else "xgboost"), name)(n_estimators=6, n_jobs=1, **options)


MODELS = {
    "forest, two classes": lambda: RandomForestClassifier(6, random_state=0).fit(X, TWO),
    "forest, three classes": lambda: RandomForestClassifier(6, random_state=0).fit(X, THREE),
    "extra trees": lambda: ExtraTreesClassifier(6, random_state=0).fit(WHOLE, TWO),
    "regression forest": lambda: RandomForestRegressor(4, max_depth=5, random_state=0).fit(X, SCORE),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=6, random_state=0).fit(WHOLE, THREE),
    "histogram boosting, categories": lambda: HistGradientBoostingClassifier(max_iter=6, categorical_features=[5]).fit(X, TWO),
    "histogram boosting, three classes": lambda: HistGradientBoostingClassifier(max_iter=6).fit(X, THREE),
    "log link": lambda: HistGradientBoostingRegressor(max_iter=6, loss="poisson").fit(X, np.exp(SCORE / 3)),
    "LightGBM": lambda: library("LGBMClassifier", verbosity=-1).fit(X, THREE, categorical_feature=[5]),
    "XGBoost": lambda: library("XGBClassifier", tree_method="hist").fit(X, TWO),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_coalition(name):
    model = MODELS[name]()
    rows, background = (WHOLE[ROWS], WHOLE[BACKGROUND]) if name in ("extra trees", "boosting") else (X[ROWS], X[BACKGROUND])
    weights = RNG.random(len(background))
    weights[2] = 0
    prepared = prepare_trees(ensemble_of(model), background, groups=GROUPS, n_players=PLAYERS + 1, weights=weights)
    predict = predictor(model)
    predict = (lambda Z: np.log(model.predict(Z))[:, None]) if name == "log link" else predict
    values = [coalition_values(predict, row, background, weights / weights.sum()) for row in rows]
    near = 2e-6 if name == "XGBoost" else 1e-10  # XGBoost adds up in single precision
    found = prepared.values(rows)
    assert np.abs(found[:, :PLAYERS] - [by_definition(v) for v in values]).max() < near
    assert np.abs(found[:, PLAYERS]).max() == 0  # a player without a column
    assert np.abs(prepared.base - values[0][(0,) * PLAYERS]).max() < near
    pairs = prepared.interactions(rows[:2])
    assert np.abs(pairs[:, :PLAYERS, :PLAYERS] - [pairs_by_definition(v) for v in values[:2]]).max() < near
    assert np.abs(pairs.sum(axis=2) - found[:2]).max() < 1e-12


@pytest.fixture(scope="module")
def forest():
    return ensemble_of(RandomForestClassifier(6, random_state=0).fit(X, TWO))


@pytest.fixture(scope="module")
def boosting():
    return ensemble_of(HistGradientBoostingClassifier(max_iter=10).fit(X, THREE))


@pytest.mark.parametrize("m", [1, 2, 63, 64, 65, 127, 128, 129, 200])
def test_any_size_of_background(forest, m):
    whole = prepare_trees(forest, X[:m], groups=GROUPS)
    alone = np.mean([tree_shapley.tree_shapley(forest, X[200:202], X[i : i + 1], GROUPS) for i in range(m)], axis=0)
    found = whole.values(X[200:202])
    assert np.abs(found - alone).max() < 1e-12
    assert np.abs(found.sum(axis=1) + whole.base - forest.raw(X[200:202])).max() < 1e-12


def test_row_by_row_gives_the_same(forest, boosting, monkeypatch):
    for ensemble in (forest, boosting):
        prepared = prepare_trees(ensemble, X[BACKGROUND], groups=GROUPS)
        masks = prepared.values(X[:30])
        monkeypatch.setattr(tree_kernels, "WIDEST", 2)  # some trees either way
        mixed = prepared.values(X[:30])
        monkeypatch.setattr(tree_kernels, "WIDEST", 0)
        walked = prepared.values(X[:30])
        monkeypatch.undo()
        assert np.abs(masks - walked).max() < 1e-12 and np.abs(masks - mixed).max() < 1e-12


def test_more_players_than_bits_on_a_path(monkeypatch):
    "A chain of 80 splits by 80 columns."
    d = 80
    chain = {"feature": np.r_[np.arange(d), np.full(d + 1, -1)], "threshold": np.full(2 * d + 1, 0.5),
             "left": np.r_[d + np.arange(d), np.full(d + 1, -1)], "right": np.r_[np.arange(1, d), 2 * d, np.full(d + 1, -1)],
             "value": np.r_[np.zeros(d), RNG.normal(size=d + 1)][:, None]}  # fmt: skip
    ensemble = assembled("chain", d, [chain], space="value", base=0.0)
    Z, apart = np.ones((12, d)), np.array([3, 20, 41, 66, 79])  # rows differ in five columns: the others have no part in it
    Z[:, apart] = RNG.integers(0, 2, (12, 5))
    prepared = prepare_trees(ensemble, Z[:4])
    assert prepared.widths.max() == d
    found, equal = prepared.values(Z), np.full(4, 0.25)
    side = np.searchsorted(apart, np.arange(d)) % PLAYERS
    wanted = [by_definition(coalition_values(ensemble.raw, row, Z[:4], equal, side)) for row in Z]
    assert np.abs(found[:, apart] - wanted).max() < 1e-12
    assert np.abs(np.delete(found, apart, axis=1)).max() == 0
    Z = (RNG.random((20, d)) < np.linspace(0.99, 0.5, 20)[:, None]).astype(float)
    pooled = np.arange(d) // 2  # the same tree with two columns a player fits into a mask
    narrow = prepare_trees(ensemble, Z[:3], groups=pooled)
    assert narrow.widths.max() <= 62
    masks = narrow.values(Z)
    monkeypatch.setattr(tree_kernels, "WIDEST", 0)
    assert np.abs(narrow.values(Z) - masks).max() < 1e-12


def test_many_players_and_few_are_the_same(boosting, forest):
    for ensemble in (boosting, forest):
        few = prepare_trees(ensemble, X[BACKGROUND], groups=GROUPS).values(X)
        many = prepare_trees(ensemble, X[BACKGROUND], groups=GROUPS * 30, n_players=140).values(X)
        assert np.abs(many[:, ::30][:, :PLAYERS] - few).max() < 1e-12
        assert np.abs(many).sum() == pytest.approx(np.abs(few).sum())


def test_chunks_threads_and_repeats_do_not_matter(boosting, monkeypatch):
    prepared = prepare_trees(boosting, X[BACKGROUND], groups=GROUPS)
    whole = prepared.values(X)
    assert np.array_equal(whole, prepared.values(X))
    assert np.array_equal(whole, prepared.values(X, n_jobs=2))
    monkeypatch.setattr(tree_shapley, "CHUNK", 37)
    assert np.abs(prepared.values(X) - whole).max() < 1e-12
    assert np.array_equal(prepared.values(X), prepared.values(X, n_jobs=2))


def test_weights_are_repeats(forest):
    counts = np.arange(len(X[BACKGROUND])) % 3
    weighted = prepare_trees(forest, X[BACKGROUND], groups=GROUPS, weights=counts)
    repeated = prepare_trees(forest, np.repeat(X[BACKGROUND], counts, axis=0), groups=GROUPS)
    assert np.abs(weighted.values(X[:20]) - repeated.values(X[:20])).max() < 1e-12
    assert weighted.base == pytest.approx(repeated.base)


def test_the_properties_of_shapley_values(forest):
    prepared = prepare_trees(forest, X[:1], groups=GROUPS)
    assert np.abs(prepared.values(X[:1])).max() == 0  # the background itself
    one = prepare_trees(forest, X[BACKGROUND], groups=np.zeros(6, dtype=int))
    assert np.abs(one.values(X)[:, 0] - (forest.raw(X) - one.base)).max() < 1e-12  # a single player takes all
    assert one.interactions(X[:2]).shape == (2, 1, 1, 1)
    assert prepared.values(X[:0]).shape == (0, PLAYERS, 1)


def test_a_constant_model():
    ensemble = ensemble_of(RandomForestRegressor(3).fit(WHOLE, np.full(N, 7.0)))
    prepared = prepare_trees(ensemble, X[:5])
    assert np.abs(prepared.values(X)).max() == 0 and prepared.base == pytest.approx([7.0])
    assert np.abs(tree_interactions(ensemble, X[:3], X[:5])).max() == 0


def test_a_known_answer():
    "f = 1 if both columns are above 0, background (0, 0): each column has half of it, and they interact."
    ensemble = ensemble_of(DecisionTreeRegressor().fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1]))
    prepared = prepare_trees(ensemble, [[0, 0]])
    assert prepared.values([[1, 1]])[0, :, 0] == pytest.approx([0.5, 0.5])
    assert prepared.interactions([[1, 1]])[0, :, :, 0] == pytest.approx(np.array([[0, 0.5], [0.5, 0]]))


def test_a_stop_is_heard(boosting):
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        prepare_trees(boosting, X[BACKGROUND]).values(X, cancel=cancel)
    with pytest.raises(Cancelled):
        prepare_trees(boosting, X[BACKGROUND]).interactions(X[:2], cancel=cancel)


def test_bad_input(boosting):
    for options, word in (
        ({"groups": [0, 1]}, "groups"),
        ({"groups": [0.5] * 6}, "groups"),
        ({"groups": [-1] * 6}, "groups"),
        ({"groups": GROUPS, "n_players": 3}, "n_players"),
        ({"weights": [1.0]}, "weights"),
        ({"weights": np.zeros(17)}, "weights"),
        ({"weights": np.full(17, np.nan)}, "weights"),
    ):
        with pytest.raises(InputError, match=word):
            prepare_trees(boosting, X[BACKGROUND], **options)
    with pytest.raises(InputError, match="background"):
        prepare_trees(boosting, X[:0])
    with pytest.raises(InputError, match="columns"):
        prepare_trees(boosting, X[:, :2])


def test_kernels_compile_where_no_cache_can_be_written(monkeypatch):
    import numba

    compiled, asked = numba.njit, []

    def njit(**options):
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return compiled(**options)

    monkeypatch.setattr(numba, "njit", njit)
    assert tree_kernels.kernel(lambda x: x + 1)(1) == 2
    assert [options.get("cache", False) for options in asked] == [True, False]
