"Sampling, enumeration, the closed form, and values in words: known answers and properties."

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.tree import DecisionTreeClassifier

from mltoolkit.explainability.linear_shapley import LinearShapley, linear_of
from mltoolkit.explainability.model_parts import to_log_odds, to_probability
from mltoolkit.explainability.sampling import coalition_weights, enumerated_shapley, hybrids, orders, sampled_shapley
from mltoolkit.explainability.values import value_text, value_texts

RNG = np.random.default_rng(0)
BACKGROUND, ROWS = (pd.DataFrame(RNG.standard_normal((n, 4)), columns=list("abcd")) for n in (12, 3))


def product(table):
    "Two outputs: one with interactions, one without."
    return np.column_stack([table["a"] * table["b"] * table["c"], 2 * table["d"] + table["a"]])


def test_the_weights_of_coalitions():
    weights = coalition_weights(4)
    np.testing.assert_allclose(weights.sum(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(weights[-1] - weights[0], 0.5, atol=1e-15)  # 1/4 for the full set, -1/4 for the empty one
    assert (coalition_weights(1) == [[-1], [1]]).all()


def test_known_answers():
    exact = enumerated_shapley(product, BACKGROUND, ROWS)
    np.testing.assert_allclose(exact[:, 3, 1], 2 * (ROWS["d"] - BACKGROUND["d"].mean()), atol=1e-12)
    np.testing.assert_allclose(exact[:, [1, 2], 1], 0, atol=1e-12)
    np.testing.assert_allclose(exact[:, 3, 0], 0, atol=1e-12)
    np.testing.assert_allclose(exact.sum(axis=1), product(ROWS) - product(BACKGROUND).mean(axis=0), atol=1e-12)
    single = enumerated_shapley(product, BACKGROUND.head(1), ROWS)
    np.testing.assert_allclose(single.sum(axis=1), product(ROWS) - product(BACKGROUND.head(1)), atol=1e-12)


def test_sampled_values_add_up_and_are_right_within_their_errors():
    weights = np.arange(1.0, 13.0)
    exact = enumerated_shapley(product, BACKGROUND, ROWS, weights=weights)
    found = sampled_shapley(product, BACKGROUND, ROWS, weights=weights, n_permutations=40)
    assert np.abs((found.values - exact) / np.maximum(found.errors, 1e-9)).max() < 4.5
    np.testing.assert_allclose(found.values.sum(axis=1), exact.sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(found.values[:, 3, 1], exact[:, 3, 1], atol=1e-12)  # no interaction: no error
    assert np.isnan(sampled_shapley(product, BACKGROUND, ROWS, n_permutations=1).errors).all()
    scaled = [(r.values - exact)[:, :3, 0] / r.errors[:, :3, 0] for r in (
        sampled_shapley(product, BACKGROUND, ROWS, weights=weights, n_permutations=16, random_state=s) for s in range(30))]  # fmt: skip
    assert 0.8 < np.sqrt(np.mean(np.square(scaled))) < 1.25  # the stated errors are of the right size


def test_columns_of_one_player_move_together():
    owner = [0, 0, 1, 1]
    exact = enumerated_shapley(product, BACKGROUND, ROWS, owner=owner)
    assert exact.shape == (3, 2, 2)
    merged = sampled_shapley(product, BACKGROUND, ROWS, owner=owner)
    np.testing.assert_allclose(merged.values, exact, atol=1e-12)  # two players: both orders are walked
    table = hybrids(pd.concat([BACKGROUND, ROWS], ignore_index=True), np.array([[12, 0]]), owner)
    assert table.iloc[0].tolist() == [*ROWS.iloc[0, :2], *BACKGROUND.iloc[0, 2:]]


def test_orders_come_with_their_reversals():
    ranks = orders(np.random.default_rng(1), 5, 4)
    assert (np.sort(ranks, axis=1) == np.arange(4)).all() and (ranks[:5] + ranks[5:] == 3).all()


def test_one_player_and_no_stop_before_two_rounds():
    one = sampled_shapley(lambda t: t[["a"]].to_numpy(), BACKGROUND[["a"]], ROWS[["a"]], precision=1e-3)
    np.testing.assert_allclose(one.values[:, 0, 0], ROWS["a"] - BACKGROUND["a"].mean(), atol=1e-12)
    assert one.ended == "precision" and one.rounds == 2
    short = sampled_shapley(product, BACKGROUND, ROWS, precision=1e-9, max_evaluations=1)
    assert short.rounds == 2 and short.ended == "evaluations" and np.isfinite(short.errors).all()


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_the_closed_form(kind):
    Z, y = RNG.standard_normal((60, 5)), RNG.integers(0, 3, 60)
    model = linear_of(LogisticRegression().fit(Z, y), Z)
    assert model.space == "log-odds" and model.coefficients.shape == (5, 3)
    as_kind = sparse.csr_matrix if kind == "sparse" else np.asarray
    groups, weights = np.array([1, 0, 1, 2, 0]), np.linspace(0, 1, 20)
    found = LinearShapley(model, as_kind(Z[:20]), groups, 4, weights=weights)(as_kind(Z[20:23]))
    inputs = [pd.DataFrame(part, columns=list("abcde")) for part in (Z[:20], Z[20:23])]
    exact = enumerated_shapley(lambda t: model.raw(t.to_numpy()), *inputs, owner=groups, weights=weights)
    np.testing.assert_allclose(found[:, :3], exact, atol=1e-12)
    assert (found[:, 3] == 0).all()  # a player that feeds nothing


def test_what_is_linear_is_found_by_trying():
    Z, y = RNG.standard_normal((60, 3)), RNG.integers(0, 2, 60)
    assert linear_of(SGDClassifier(random_state=0).fit(Z, y), Z).space == "score"
    assert linear_of(DecisionTreeClassifier().fit(Z, y), Z) is None

    class Bent(Ridge):
        def predict(self, X):
            return np.abs(super().predict(X))

    assert linear_of(Bent().fit(Z, y - 0.5), Z) is None


def test_probabilities_and_log_odds():
    scores = np.array([[-800.0], [-1.0], [0.0], [30.0]])
    p = to_probability(scores)
    assert p[0, 0] == 0 and p[2, 0] == 0.5 and np.isfinite(to_log_odds(p)).all()
    np.testing.assert_allclose(to_log_odds(p[1:3]), scores[1:3])
    np.testing.assert_allclose(to_probability(np.array([[1.0, 1.0, 1.0]])), 1 / 3)


def test_values_in_words():
    told = [value_text(v) for v in (2004, 3.14159265, np.float32(0.5), None, np.nan, pd.NaT, True, "", dt.date(2013, 1, 2), [1, 2])]
    assert told == ["2004", "3.14159", "0.5", "missing", "missing", "missing", "True", "", "2013-01-02", "[1, 2]"]
    assert value_text(pd.Timestamp("2013-01-02")) == "2013-01-02" and value_text(pd.Timestamp("2013-01-02 18:30")) == "2013-01-02 18:30"
    for column in (pd.Series(["a", None, "a"]), pd.Series([1.0, np.nan]), pd.Series([[1], [2]]), pd.Series(pd.Categorical(["x", None]))):
        assert value_texts(column).tolist() == [value_text(v) for v in column.tolist()]
    assert value_texts(pd.Series([], dtype=float)).tolist() == []
