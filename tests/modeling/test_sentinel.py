"The leakage sentinel: what it says about honest procedures, and what it can say at all. Planted leaks have a file of their own."

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result, silent
from mltoolkit.modeling.inspection import inspect_pipeline, is_fitted, parts
from mltoolkit.modeling.sentinel import check_leakage, fold_interval, measure, permuted

RNG = np.random.default_rng(0)
X = pd.DataFrame({"dest": RNG.choice(list("abcdefgh"), 240), "hour": RNG.integers(5, 23, 240), "x": RNG.standard_normal(240)})
Y = (RNG.random(240) < 0.4).astype(int)


def codes(pipeline, table=X):
    return {(f["step"], f["code"]) for f in inspect_pipeline(pipeline, X=table)}


# --- structure


def test_honest_pipelines_have_no_finding():
    columns = ColumnTransformer([("one", OneHotEncoder(categories=[list("abcdefgh")]), ["dest"]), ("scale", StandardScaler(), ["hour", "x"])])
    honest = Pipeline([("columns", columns), ("log", FunctionTransformer(np.log1p)), ("select", SelectKBest(k=3)),
                       ("model", LogisticRegression(class_weight={0: 1, 1: 3}))], memory="cache")  # fmt: skip
    assert inspect_pipeline(honest, X=X) == ()
    assert inspect_pipeline(FunctionTransformer(lambda table: table[["hour"]] * 2), X=X) == ()


def test_zoo_has_no_finding():
    from mltoolkit.modeling.candidates import available_models, make_pipeline_for

    for name in available_models("binary"):
        found = inspect_pipeline(make_pipeline_for(name, X, task="binary"), X=X)
        assert not [f for f in found if f["severity"] != "info"], (name, found)


def test_frozen_and_prefit_parts_are_named_by_their_path():
    encoder = FrozenEstimator(TargetEncoder().fit(X[["dest"]], Y))
    columns = ColumnTransformer([("encode", encoder, ["dest"]), ("scale", StandardScaler(), ["x"])])
    assert codes(Pipeline([("columns", columns), ("model", LogisticRegression())])) == {("columns/encode", "MLT621")}
    fitted = LogisticRegression().fit(X[["x"]], Y)
    assert codes(make_pipeline(CalibratedClassifierCV(FrozenEstimator(fitted)))) == {("calibratedclassifiercv/estimator", "MLT621")}
    assert codes(FrozenEstimator(fitted)) == {("FrozenEstimator", "MLT621")}
    prefit = SelectFromModel(fitted, prefit=True)
    assert ("selectfrommodel", "MLT622") in codes(make_pipeline(prefit, LogisticRegression()))
    stack = StackingClassifier([("a", fitted)], cv="prefit")
    assert ("StackingClassifier", "MLT622") in codes(stack)


def test_a_step_fitted_before_is_harmless_and_said_to_be():
    found = inspect_pipeline(make_pipeline(StandardScaler().fit(X[["x"]]), LogisticRegression()))
    assert [(f["step"], f["code"], f["severity"]) for f in found] == [("standardscaler", "MLT627", "info")]


def test_functions_that_bring_something_along():
    encoder = TargetEncoder().fit(X[["dest"]], Y)
    means = pd.Series(Y).groupby(X["dest"]).mean()
    long = np.arange(240.0)

    def closes_over(table):
        return table.assign(mean=table["dest"].map(means))

    rates = means.to_dict()

    def default(table, rates=rates):
        return table.assign(mean=table["dest"].map(rates))

    assert codes(FunctionTransformer(encoder.transform)) == {("FunctionTransformer", "MLT623")}
    assert codes(FunctionTransformer(lambda t: encoder.transform(t))) == {("FunctionTransformer", "MLT623")}
    for function in (closes_over, default):
        (found,) = inspect_pipeline(FunctionTransformer(function), X=X)
        assert (found["code"], found["severity"]) == ("MLT624", "error") and "one for each level of 'dest'" in found["message"]
    (found,) = inspect_pipeline(FunctionTransformer(lambda t: t.assign(v=long)), X=X)
    assert "one for each row" in found["message"]
    (found,) = inspect_pipeline(FunctionTransformer(lambda t, v=None: t, kw_args={"v": long[:100]}), X=X)
    assert found["severity"] == "warning"


TABLE = pd.DataFrame({"dest": list("abcdefgh"), "mean": np.linspace(0, 1, 8)})
FITTED = TargetEncoder().fit(X[["dest"]], Y)


def test_global_names_count_as_well():
    assert ("FunctionTransformer", "MLT623") in codes(FunctionTransformer(lambda t: FITTED.transform(t)))


class Shared(TransformerMixin, BaseEstimator):
    seen = {}

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


class Stubborn(Shared):
    def __sklearn_clone__(self):
        return self


class Holder(Shared):
    def __init__(self, table=None):
        self.table = table


def test_states_that_clones_share():
    assert ("shared", "MLT628") in codes(make_pipeline(Shared(), LogisticRegression()))
    assert ("stubborn", "MLT626") in codes(make_pipeline(Stubborn(), LogisticRegression()))
    assert ("holder", "MLT624") in codes(make_pipeline(Holder(X), LogisticRegression()))
    broken = Holder(X)
    broken.hidden = np.arange(240.0)
    assert len([f for f in inspect_pipeline(broken, X=X) if f["code"] == "MLT624"]) == 2


def test_a_sampler_in_the_wrong_pipeline():
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import Pipeline as Right

    steps = [("smote", SMOTE()), ("model", LogisticRegression())]
    assert codes(Pipeline(steps)) == {("smote", "MLT625")} and codes(Right(steps)) == set()


def test_what_is_no_pipeline_is_refused():
    for wrong in (None, LogisticRegression, "logistic"):
        with pytest.raises(InputError, match="estimator object"):
            inspect_pipeline(wrong)
    assert is_fitted(make_pipeline(StandardScaler().fit(X[["x"]]))) and not is_fitted(make_pipeline(StandardScaler()))
    assert [path for path, _ in parts(StackingClassifier([("a", RandomForestClassifier())]))] == ["", "a"]


# --- measures


def test_measure_against_scikit_learn():
    from scipy.stats import spearmanr
    from sklearn.metrics import roc_auc_score

    p, y3 = RNG.random(240).round(1), RNG.integers(0, 3, 240)
    q = RNG.dirichlet([1, 1, 1], 240)
    assert np.isclose(measure(Y, p, "binary"), roc_auc_score(Y, p))
    assert np.isclose(measure(y3, q, "multiclass"), roc_auc_score(y3, q, multi_class="ovr"))
    assert np.isclose(measure(p, q[:, 0], "regression"), spearmanr(p, q[:, 0]).statistic)
    assert np.isnan(measure(np.zeros(5), np.arange(5), "binary")) and measure(p, np.zeros(240), "regression") == 0


def test_interval_over_folds():
    mean, lower, upper = fold_interval([0.7, 0.8, 0.9], 0.0)
    assert np.isclose(mean, 0.8) and np.isclose(upper - mean, 4.302653 * 0.1 / np.sqrt(3))
    assert fold_interval([0.7, 0.8, 0.9], 0.5)[2] > upper
    assert np.isnan(fold_interval([0.7], 0.1)[1])


def test_permuting_keeps_the_blocks_and_breaks_the_rest():
    blocks = np.repeat(np.arange(30), 10)
    y = (RNG.random(300) < np.repeat(RNG.random(30), 10)).astype(int)
    again = permuted(y, blocks, np.random.default_rng(1))
    shares = [sorted(pd.Series(v).groupby(blocks).sum()) for v in (y, again)]
    assert shares[0] == shares[1] and (y != again).any()  # blocks of one size: the same shares, handed on
    single = permuted(y, np.arange(300), np.random.default_rng(1))
    assert sorted(single) == sorted(y)
    uneven = permuted(y, RNG.integers(0, 20, 300), np.random.default_rng(1))
    assert uneven.sum() == y.sum()
    assert (permuted(y, blocks, np.random.default_rng(1)) == again).all()


# --- the whole check


def table(task="binary", n=300, seed=0):
    rng = np.random.default_rng(seed)
    x, place = rng.standard_normal(n), rng.choice(["a", "b", "c"], n)
    signal = x + 0.5 * (place == "a") + 0.8 * rng.standard_normal(n)
    y = {"binary": signal > 0.4, "multiclass": np.select([signal < -0.5, signal < 0.5], ["low", "mid"], "top"), "regression": signal}[task]
    return pd.DataFrame({"x": x, "noise": rng.standard_normal(n), "place": place, "y": y})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_nothing_is_found_where_there_is_nothing(task):
    found = check_leakage(mlt.load(table(task), target="y"), n_permutations=6, progress=silent)
    assert found.verdict != "leak" and found.task == task
    assert found.permuted["score"] > found.permuted["chance"] + 0.2 > found.permuted["mean"]
    assert found.permuted["p_value"] == 1 / 7
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.sentence == found.sentence and again.to_frame().equals(found.to_frame())
    assert list(found.columns["column"])[0] == "x" and set(found.columns["column"]) == {"x", "noise", "place"}


def test_same_seed_same_figures_and_no_locked_row():
    data = mlt.load(table(), target="y")
    split = mlt.split(data)
    a = check_leakage(data, "logistic", split, n_permutations=3, progress=silent)
    frame = data.frame.copy()
    frame.loc[split.test, "x"] = 99.0  # locked rows change: nothing follows
    b = check_leakage(data.with_frame(frame), "logistic", split, n_permutations=3, progress=silent)
    assert a.permuted == b.permuted and a.columns.equals(b.columns)


def test_false_alarms_are_rare_on_noise():
    alarms = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        data = mlt.load(pd.DataFrame(rng.standard_normal((120, 4))).rename(columns=str).assign(y=rng.random(120) < 0.3), target="y")
        alarms += check_leakage(data, "logistic", mlt.split(data, n_splits=3), columns=(), n_permutations=5, progress=silent).verdict == "leak"
    assert alarms <= 1


def test_time_is_respected():
    n = 400
    rng = np.random.default_rng(3)
    day = np.repeat(np.arange(40), 10)
    storm = rng.random(40) < 0.4
    frame = pd.DataFrame({"when": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, "D"), "pressure": rng.standard_normal(40)[day],
                          "wind": rng.standard_normal(40)[day], "y": rng.random(n) < np.where(storm[day], 0.9, 0.1)})  # fmt: skip
    data = mlt.load(frame, target="y", time="when")
    in_time = check_leakage(data, split=mlt.split(data, n_splits=3), columns=(), n_permutations=6, progress=silent)
    torn = check_leakage(data, split=mlt.split(data, kind="stratified", n_splits=3), columns=(), n_permutations=6, progress=silent)
    assert in_time.verdict == "nothing found"
    assert torn.verdict == "leak" and [f["code"] for f in torn.findings if f["severity"] == "error"].count("MLT611") == 1


def test_hostile_input_and_stop():
    data = mlt.load(table(), target="y")
    with pytest.raises(InputError, match="one of the features"):
        check_leakage(data, columns="<b>")
    with pytest.raises(InputError, match="n_permutations"):
        check_leakage(data, n_permutations=0)
    with pytest.raises(InputError, match="`prepare`"):
        check_leakage(data, prepare=3)
    with pytest.raises(InputError, match="as many labels"):
        check_leakage(data, prepare=lambda X, y: X.iloc[:5])
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        check_leakage(data, cancel=cancel)
    odd = mlt.load(table().rename(columns={"x": "<script>"}).assign(when=pd.Timestamp("2024-01-01"), flag=True), target="y")
    assert "<script>" not in check_leakage(odd, n_permutations=2, progress=silent)._repr_html_()
