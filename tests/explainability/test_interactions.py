"Interactions: known answers, pairs that hold and pairs learned from noise, every task, exact values for trees."

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.interactions import interactions, mean_square, purified
from mltoolkit.modeling.candidates import make_pipeline_for

RNG = np.random.default_rng(0)
N = 600
X = pd.DataFrame(RNG.standard_normal((N, 3)), columns=["a", "b", "c"]).assign(kind=RNG.choice(["x", "y", None], N))
SIGNAL = 2 * X["a"] * (X["b"] > 0) + X["c"]
NOISE = RNG.standard_normal(N)


class Formula:
    "A regression given by a function of the table."

    def __init__(self, function, columns):
        self.function, self.feature_names_in_ = function, np.array(columns, dtype=object)

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return self.function(X).to_numpy(dtype=float)


def quiet(share, note=""):
    pass


def found_in(function, y=None, **options):
    data = X if y is None else Dataset(frame=X.assign(y=y), target="y", task="regression")
    return interactions(Formula(function, X.columns), data, progress=quiet, n_resamples=60, **options)


def test_a_sum_has_no_interactions_and_none_is_made_up():
    found = found_in(lambda t: t["a"] ** 2 + 3 * t["b"] + t["kind"].eq("x"), y=SIGNAL + NOISE)
    assert (found.table["strength"] == 0).all() and set(found.table["verdict"]) == {"none"} and found.sentence.startswith("No pair")
    assert found.table["share"].max() < 1e-12


def test_a_product_has_the_strength_it_should():
    found = found_in(lambda t: t["a"] * t["b"] + 5 * t["c"], pairs=[("a", "b")], grid=14, max_rows=300).table.iloc[0]
    # a and b have means near 0, so that nearly all of the product is joint; nearest points make it a little rough
    assert found["strength"] == pytest.approx(np.sqrt(np.mean((X["a"] * X["b"]) ** 2)), rel=0.15)
    assert found["lower"] <= found["strength"] <= found["upper"] and found["share"] > 0.9


def test_a_real_pair_helps_and_an_invented_one_harms():
    real = found_in(lambda t: 2 * t["a"] * (t["b"] > 0) + t["c"], y=SIGNAL + NOISE, columns=["a", "b", "c"])
    assert real.table.loc[0, ["a", "b", "verdict"]].tolist() == ["a", "b", "helps"] and real.n_judged == N
    assert "Confirmed on 600 rows, as predictions get worse without it: a x b." in real.sentence
    invented = found_in(lambda t: t["c"] + t["a"] * t["b"], y=X["c"] + NOISE, columns=["a", "b", "c"])
    first = invented.table.iloc[0]
    assert {first["a"], first["b"]} == {"a", "b"} and first["verdict"] == "harms" and "learned from noise" in invented.sentence


def test_noise_is_rarely_confirmed():
    verdicts = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        y = X["c"] + rng.standard_normal(N)
        model = RandomForestRegressor(10, min_samples_leaf=10, random_state=0).fit(X[["a", "b", "c"]].iloc[:300], y[:300])
        data = Dataset(frame=X[["a", "b", "c"]].assign(y=y).iloc[300:], target="y", task="regression")
        verdicts += interactions(model, data, max_rows=40, n_resamples=60, progress=quiet).table["verdict"].tolist()
    assert verdicts.count("helps") <= 2


@pytest.mark.parametrize("output", ["log-odds", "probability"])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes(task, output):
    y = SIGNAL + NOISE > 0 if task == "binary" else np.digitize(SIGNAL, [-1, 1])
    data = Dataset(frame=X.assign(y=y if task == "binary" else y.astype(str)), target="y", task=task)
    model = (
        make_pipeline_for("hgb", X, task=task)
        .set_params(model__max_iter=40, model__learning_rate=0.2, model__min_samples_leaf=8, model__l2_regularization=0.0)
        .fit(X.iloc[:300], data.y[:300])
    )
    found = interactions(model, data.take(np.arange(300, N)), output=output, n_columns=3, max_rows=30, n_resamples=60, progress=quiet)
    assert {"a", "b"} == set(found.table.loc[0, ["a", "b"]]) and found.output == output
    assert len(found.table) == 3 * (1 if task == "binary" else 3) and len(found.screened) == 1
    assert found.table["p_adjusted"].between(0, 1).all()
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.sentence == found.sentence
    pd.testing.assert_frame_equal(again.table, found.table)


def test_logistic_regression_adds_up_in_log_odds_and_not_in_probability():
    columns = ["a", "b", "c"]
    data = Dataset(frame=X[columns].assign(y=X["a"] + X["b"] > 0), target="y")
    model = LogisticRegression().fit(X[columns], data.y)
    straight, bent = (interactions(model, data, output=o, max_rows=50, n_resamples=20, progress=quiet) for o in ("auto", "probability"))
    assert straight.output == "log-odds" and straight.table["strength"].max() < 1e-6 < bent.table["strength"].max()


def test_exact_values_for_trees():
    columns = ["a", "b", "c"]
    model = RandomForestRegressor(5, max_depth=4, random_state=0).fit(X[columns], SIGNAL)
    found = interactions(model, X[columns], method="shapley", max_rows=15, n_resamples=30, progress=quiet)
    assert {"a", "b"} == set(found.table.loc[0, ["a", "b"]]) and len(found.table) == 3 and set(found.table["verdict"]) == {"not judged"}
    assert "cannot be told" in found.sentence
    one = interactions(model, X[columns], method="shapley", pairs=[("b", "a")], max_rows=15, n_resamples=30, progress=quiet)
    assert one.table["strength"].tolist() == found.table["strength"].tolist()[:1]
    with pytest.raises(InputError, match="trees"):
        found_in(lambda t: t["a"], method="shapley")


def test_purified_parts_say_nothing_about_single_columns():
    counts = RNG.integers(0, 9, (4, 5))
    pure = purified(RNG.standard_normal((7, 4, 5, 2)), counts, rounds=500)
    assert np.abs(np.einsum("dabk,ab->dak", pure, counts)).max() < 1e-8 and np.abs(np.einsum("dabk,ab->dbk", pure, counts)).max() < 1e-8
    assert (mean_square(pure, counts) >= 0).all() and mean_square(pure, counts * 0).max() == 0


def test_same_seed_same_result_progress_and_cancel():
    seen, token = [], Cancel()
    how = {"columns": ["a", "b", "c"], "max_rows": 30, "n_resamples": 10}
    one, two = (
        interactions(Formula(lambda t: t["a"] * t["b"], X.columns), X, progress=lambda s, n: seen.append(s), **how) for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.table, two.table)
    assert seen == pytest.approx([1 / 3, 2 / 3, 1] * 2)
    with pytest.raises(Cancelled):
        interactions(Formula(lambda t: t["a"], X.columns), X, progress=lambda s, n: token.cancel(), cancel=token, **how)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "H"}, "'h' or 'shapley'"),
        ({"columns": ["a", "z"]}, "'z'"),
        ({"columns": ["a"]}, "two columns"),
        ({"pairs": [("a", "a")]}, "two columns"),
        ({"output": "probability"}, "`output`"),
        ({"grid": 1}, "`grid`"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(InputError, match=words):
        interactions(Formula(lambda t: t["a"], X.columns), X, progress=quiet, **options)
