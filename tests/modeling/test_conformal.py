"Conformal intervals and sets: MAPIE's answers, the promised coverage, honest judging, refusals."

import math
import sys

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError, Result
from mltoolkit.modeling.conformal import Conformal, conformal, conformal_quantile, coverage_table, cross_conformal


def regression(n=2_000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 3, n)
    return pd.DataFrame({"row": np.arange(n), "fold": rng.permutation(n) % 5, "y": x + (0.2 + x) * rng.normal(size=n), "m": x})


def three_classes(n=2_000, seed=0):
    rng = np.random.default_rng(seed)
    scores = 1.5 * rng.normal(size=(n, 3)) + np.array([1.5, 0.5, -0.5])
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    y = (proba.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return pd.DataFrame({"row": np.arange(n), "fold": rng.permutation(n) % 5, "y": y} | {f"m|{i}": proba[:, i] for i in range(3)})


class Told:
    "A fitted estimator whose predictions are its input."

    def __new__(cls, kind):
        from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

        class Values(RegressorMixin, BaseEstimator):
            def fit(self, X, y):
                return self

            def predict(self, X):
                return np.asarray(X)[:, 0]

            is_fitted = True

        class Classes(ClassifierMixin, BaseEstimator):
            classes_ = np.arange(3)

            def fit(self, X, y):
                return self

            def predict_proba(self, X):
                return np.asarray(X)

            def predict(self, X):
                return np.asarray(X).argmax(axis=1)

            is_fitted = True

        return Values() if kind == "values" else Classes()


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_intervals_are_those_of_mapie(level):
    mapie = pytest.importorskip("mapie.regression")
    table, new = regression(300), np.linspace(0, 3, 7)
    theirs = mapie.SplitConformalRegressor(Told("values"), confidence_level=level, prefit=True).conformalize(table[["m"]].to_numpy(), table["y"])
    _, ends = theirs.predict_interval(new[:, None])
    mine = conformal(table, "m", task="regression", level=level, n_resamples=5).predict(new)
    np.testing.assert_allclose(mine[["lower", "upper"]], ends[:, :, 0], atol=1e-12)


def test_the_sets_are_those_of_mapie():
    mapie = pytest.importorskip("mapie.classification")
    table, new = three_classes(300), three_classes(60, seed=1)[["m|0", "m|1", "m|2"]].to_numpy()
    known = table[["m|0", "m|1", "m|2"]].to_numpy()
    theirs = mapie.SplitConformalClassifier(Told("classes"), confidence_level=0.9, conformity_score="lac", prefit=True)
    sets = theirs.conformalize(known, table["y"].to_numpy()).predict_set(new)[1][:, :, 0]
    mine = conformal(table, "m", task="multiclass", n_resamples=5).predict(new)
    np.testing.assert_array_equal(mine[["0", "1", "2"]].to_numpy(), sets)


def test_adaptive_sets_by_hand():
    table = three_classes(300)
    found = conformal(table, "m", task="multiclass", score="aps", n_resamples=5)
    proba = table[["m|0", "m|1", "m|2"]].to_numpy()
    own = [p[p >= p[y]].sum() for p, y in zip(proba, table["y"])]
    assert found.limits[0] == pytest.approx(np.sort(own)[math.ceil(301 * 0.9) - 1])
    for p, labels in zip(proba, found.predict(proba)["labels"]):
        assert set(labels) == {k for k in range(3) if p[p >= p[k]].sum() <= found.limits[0] + 1e-12} | {int(p.argmax())}


def test_quantile_by_hand():
    assert conformal_quantile([3, 1, 2, 4], 0.6) == 3 and conformal_quantile([3, 1, 2, 4], 0.8) == 4
    assert conformal_quantile([3, 1, 2, 4], 0.9) == math.inf and conformal_quantile([], 0.5) == math.inf
    assert conformal_quantile(np.arange(1, 100), 0.9) == 90


@pytest.mark.parametrize("score", ["absolute", "binned"])
def test_the_promise_is_kept_on_new_rows(score):
    found, new = conformal(regression(), "m", task="regression", score=score, n_resamples=20), regression(seed=9)
    table = found.predict(new["m"])
    inside = (table["lower"] <= new["y"]) & (new["y"] <= table["upper"])
    assert inside.mean() == pytest.approx(0.9, abs=0.03) and found.coverage["coverage"][0] == pytest.approx(0.9, abs=0.02)
    low, high = found.coverage.loc[0, ["lower", "upper"]]
    assert low < 0.9 < high
    top = found.coverage.iloc[-1]
    assert top["short"] == (score == "absolute") and ("only" in found.sentence) == (score == "absolute")
    assert found.predict(new["m"])["prediction"].equals(new["m"])


@pytest.mark.parametrize("score", ["lac", "class", "aps"])
def test_sets_keep_the_promise(score):
    found, new = conformal(three_classes(), "m", task="multiclass", score=score, n_resamples=20), three_classes(seed=7)
    table = found.predict(new[["m|0", "m|1", "m|2"]])
    inside = np.array([y in labels for y, labels in zip(new["y"], table["labels"])])
    assert inside.mean() > 0.87 and (table["size"] == table["labels"].map(len)).all()
    by_class = pd.Series(inside).groupby(new["y"].to_numpy()).mean()
    assert score != "class" or by_class.min() > 0.85
    assert score != "lac" or by_class.min() < 0.8
    assert found.coverage["column"].tolist() == ["all"] + ["true class"] * 3 and found.coverage["group"].tolist()[1:] == ["0", "1", "2"]


def test_two_classes_from_one_probability():
    rng = np.random.default_rng(0)
    proba = rng.beta(1, 3, 1_000)
    table = pd.DataFrame({"row": np.arange(1_000), "fold": np.arange(1_000) % 4, "y": (rng.random(1_000) < proba).astype(int), "m": proba})
    found = conformal(table, "m", classes=("no", "yes"), score="class", n_resamples=10)
    answers = found.predict([0.01, 0.99])
    assert answers["labels"].tolist() == [("no",), ("yes",)] and list(answers.columns) == ["no", "yes", "size", "labels"]


def test_coverage_is_judged_with_limits_of_other_folds():
    table = regression(1_000)
    table.loc[table["fold"] == 4, "y"] += 50  # one fold is another world
    found = conformal(table, "m", task="regression", groups=pd.Series(table["fold"].map({4: "new"}).fillna("old"), name="world"), n_resamples=10)
    by_world = found.coverage[found.coverage["column"] == "world"].set_index("group")["coverage"]
    assert by_world["new"] < 0.05 and by_world["old"] > 0.85
    in_time = conformal(table, "m", task="regression", in_time=True, n_resamples=10)
    assert in_time.judged == 800 and in_time.folds == 4 and in_time.rows == 1_000


def test_coverage_table_by_blocks_and_small_groups():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(40), 25)
    inside = rng.random(1_000) < np.clip(0.8 + 0.2 * rng.standard_normal(40), 0, 1)[day]
    labels = np.where(np.arange(1_000) < 30, "<b>few</b>", None)
    widths = []
    for blocks in (day, None):
        table = coverage_table(inside, np.ones(1_000), level=0.95, columns={"g": labels}, blocks=blocks)
        assert table["group"].tolist() == ["all rows", "groups of fewer than 50 rows", "missing"] and table["short"][0]
        widths.append(table["upper"][0] - table["lower"][0])
    assert widths[0] > 1.5 * widths[1]


def test_round_trip(tmp_path):
    for found in (conformal(regression(200), "m", task="regression", score="binned", n_resamples=5),
                  conformal(three_classes(200), "m", task="multiclass", classes=["<a>", "b", "c"], n_resamples=5)):  # fmt: skip
        again = Result.load(found.save(tmp_path / "conformal.json"))
        assert isinstance(again, Conformal) and again.to_dict() == found.to_dict() and again.sentence == found.sentence
        new = [0.1, 2.9] if found.task == "regression" else [[0.2, 0.3, 0.5]]
        pd.testing.assert_frame_equal(again.predict(new), found.predict(new))
        assert "<a>" not in found._repr_html_()


def test_too_few_rows_give_endless_intervals():
    found = conformal(regression(10), "m", task="regression", level=0.99, n_resamples=5)
    assert np.isinf(found.predict([1.0])["upper"][0]) and Result.from_dict(found.to_dict()).limits[0] == math.inf


def test_cross_conformal_keeps_the_models_of_the_folds():
    pytest.importorskip("mapie")
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=600), "c": rng.choice(list("xyz"), 600)}, index=np.arange(600) + 7)
    value, label = 2 * X["a"] + rng.normal(size=600), np.where(X["a"] + rng.normal(size=600) > 0, "late", "ok")
    make = lambda last: make_pipeline(make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough"), last)  # noqa: E731
    found = cross_conformal(make(LinearRegression()), X[:400], value[:400], task="regression", cv=4)
    table = found.coverage(X[400:], value[400:], groups=X["c"][400:], n_resamples=10)
    assert table["coverage"][0] == pytest.approx(0.9, abs=0.06) and len(table) == 4 and found.predict(X[400:]).index[0] == 407
    sets = cross_conformal(make(LogisticRegression()), X[:400], label[:400], task="binary", cv=4)
    assert sets.coverage(X[400:], label[400:], n_resamples=10)["coverage"][0] > 0.82
    assert set(sets.predict(X[400:]).columns) == {"late", "ok", "size", "labels"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": 90}, "`level`"), ({"level": True}, "`level`"), ({"score": "lac"}, "must fit the task 'regression'"),
        ({"groups": ["a"]}, "one group a row"), ({"blocks": [1, 2]}, "one block a row"), ({"model": None}, "must name a column"),
    ],
)  # fmt: skip
def test_bad_input(options, words):
    with pytest.raises(InputError, match=words):
        conformal(regression(100), **{"model": "m", "task": "regression", **options})


def test_more_bad_input(monkeypatch):
    with pytest.raises(InputError, match="two folds"):
        conformal(regression(100).assign(fold=0), "m", task="regression")
    with pytest.raises(InputError, match="must have a prediction"):
        conformal(regression(100).assign(m=np.nan), "m", task="regression")
    with pytest.raises(InputError, match="one probability a class"):
        conformal(three_classes(100), "m", task="multiclass", n_resamples=3).predict([0.1, 0.9])
    monkeypatch.setitem(sys.modules, "mapie.regression", None)
    with pytest.raises(InputError, match="'mapie' must be installed"):
        cross_conformal(None, None, None, task="regression")
