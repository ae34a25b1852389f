"Contributions of every family equal the enumeration of all coalitions through the raw pipeline."

import copy
import functools
import json
import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.explainability.explainer import Attribution, Explainer, attribute
from mltoolkit.modeling.candidates import MODELS, make_pipeline_for
from mltoolkit.modeling.early_stopping import EarlyStopped

RNG = np.random.default_rng(0)
N = 300
X = pd.DataFrame(
    {
        "a": RNG.standard_normal(N),
        "b": RNG.standard_normal(N),
        "airport": pd.Series(RNG.choice(["JFK", "LGA", "EWR"], N), dtype="str"),
        "kind": pd.Categorical(RNG.choice(["x", "y"], N)),
        "when": pd.Timestamp("2013-01-01") + pd.to_timedelta(RNG.integers(0, 8000, N), unit="h"),
    }
)
LOGIT = 1.5 * X["a"] * (X["airport"] == "JFK") + X["b"] - 1 + (X["kind"] == "x")
Y = {
    "binary": (RNG.random(N) < 1 / (1 + np.exp(-LOGIT))).astype(int),
    "multiclass": np.digitize(LOGIT + RNG.standard_normal(N), [-1.5, 0.5]),
    "regression": (LOGIT + RNG.standard_normal(N)).to_numpy(),
}
X.loc[::9, "b"] = np.nan
X.loc[::11, "airport"] = None
BACKGROUND, ROWS = X.iloc[200:212], X.iloc[[9, 11, 99]]
FEW = {"hgb": {"max_iter": 15}, "hgb_early": {"max_iter": 15}}
FEW |= dict.fromkeys(("random_forest", "extra_trees", "balanced_forest", "balanced_bagging", "lightgbm", "xgboost"), {"n_estimators": 6})
EXACT = {
    "linear": ["logistic", "logistic_l1", "ridge", "elastic_net"],
    "trees": [
        "decision_tree",
        "random_forest",
        "extra_trees",
        "hgb",
        "hgb_early",
        "lightgbm",
        "xgboost",
        "balanced_forest",
        "balanced_bagging",
    ],
}


@functools.cache
def fitted(name, task="binary"):
    return make_pipeline_for(name, X, task=task, parameters=FEW.get(name)).fit(X, Y[task])


def brute_force(function, background, rows, weights=None):
    "Shapley values by the definition; `function`: table -> (n, k), through the raw pipeline, once for all coalitions."
    names, d, m = list(background.columns), background.shape[1], len(background)
    share = np.full(m, 1 / m) if weights is None else weights / weights.sum()
    sets = [frozenset(s) for size in range(d + 1) for s in combinations(range(d), size)]
    source = {n: [np.full(m, m + i) if j in s else np.arange(m) for i in range(len(rows)) for s in sets] for j, n in enumerate(names)}
    table = pd.concat([background, rows], ignore_index=True)
    mixed = pd.DataFrame({n: table[n].take(np.concatenate(at)).array for n, at in source.items()})
    worth = np.einsum("nsmk,m->nsk", function(mixed).reshape(len(rows), len(sets), m, -1), share)
    phi, place = np.zeros((len(rows), d, worth.shape[2])), {s: i for i, s in enumerate(sets)}
    for s in sets:
        for j in set(range(d)) - s:
            weight = math.factorial(len(s)) * math.factorial(d - len(s) - 1) / math.factorial(d)
            phi[:, j] += weight * (worth[:, place[s | {j}]] - worth[:, place[s]])
    return phi


def output_of(model, explainer):
    "The pipeline's own output in the explainer's space; for xgboost, whose own output has seven digits, the trees as they are read."
    last = type(model.steps[-1][1] if hasattr(model, "steps") else model).__name__
    if last.startswith("XGB"):
        return explainer._engine.raw
    if explainer.output == "probability":
        return lambda t: model.predict_proba(t)[:, 1:] if explainer.task == "binary" else model.predict_proba(t)
    if explainer.output == "log-odds" and not hasattr(model, "decision_function"):
        if explainer.task == "binary":
            return lambda t: np.diff(np.log(model.predict_proba(t)), axis=1)
        return lambda t: np.log(model.predict_proba(t))
    call = model.predict if explainer.output == "value" else model.decision_function
    return lambda t: np.asarray(call(t), dtype=float).reshape(len(t), -1)


def largest_difference(model, explainer, rows=ROWS, weights=None):
    values = explainer.attribute(rows).values
    values = values[..., None] if values.ndim == 2 else values
    off = values - brute_force(output_of(model, explainer), explainer.background, rows, weights)
    if off.shape[2] > 1 and explainer.output == "log-odds":  # raw scores are given up to a constant a row
        off = off - off.mean(axis=2, keepdims=True)
    return np.abs(off).max()


CASES = [(m, way, task) for way, names in EXACT.items() for m in names for task in MODELS[m].tasks if MODELS[m].installed]


@pytest.mark.parametrize(("name", "way", "task"), CASES)
def test_every_exact_family_equals_brute_force(name, way, task):
    model = fitted(name, task)
    explainer = Explainer(model, BACKGROUND)
    assert (explainer.method, explainer.exact, explainer.task) == (way, True, task)
    assert [p for p in explainer.players] == [(c,) for c in X.columns]
    assert largest_difference(model, explainer) < 1e-10
    found = explainer.attribute(ROWS)
    np.testing.assert_allclose(found.predictions, explainer.predict(ROWS), atol=1e-10)
    assert found.error is None and "exact" in found.sentence


def test_wrappers_are_looked_through():
    class_weights = make_pipeline_for("hgb+prior_correction", X).fit(X, Y["binary"])
    early = EarlyStopped(make_pipeline_for("hgb", X, parameters={"max_iter": 10})).fit(X, Y["binary"])
    smote = make_pipeline_for("logistic+smote", X).fit(X, Y["binary"])
    for model, way in ((class_weights, "trees"), (early, "trees"), (smote, "linear")):
        explainer = Explainer(model, BACKGROUND.iloc[:6])
        assert explainer.method == way and largest_difference(model, explainer, ROWS.iloc[:2]) < 1e-10


@pytest.mark.parametrize(
    ("name", "method", "task", "way"),
    [
        ("hgb", "sigmoid", "binary", "trees"),
        ("logistic", "temperature", "binary", "linear"),
        ("random_forest", "sigmoid", "binary", "trees"),
        ("lightgbm", "temperature", "binary", "trees"),
        ("hgb", "temperature", "multiclass", "trees"),
        ("hgb", "isotonic", "binary", "enumeration"),
    ],
)
def test_a_single_calibrator_is_a_straight_line(name, method, task, way):
    if not MODELS[name].installed:
        pytest.skip("the package is not installed")
    pipeline = make_pipeline_for(name, X, task=task, parameters=FEW.get(name))
    model = CalibratedClassifierCV(pipeline, method=method, cv=2, ensemble=False).fit(X, Y[task])
    explainer = Explainer(model, BACKGROUND)
    assert explainer.method == way and explainer.output == ("probability" if way == "enumeration" else "log-odds")
    assert largest_difference(model, explainer, ROWS.iloc[:2]) < 1e-8  # the calibrator keeps its probabilities as float64


def test_a_vote_over_pipelines_is_the_mean_of_its_members():
    members = [(name, make_pipeline_for(name, X, task="regression", parameters=FEW.get(name))) for name in ("ridge", "hgb", "extra_trees")]
    model = VotingRegressor(members, weights=[2, 1, 1]).fit(X, Y["regression"])
    explainer = Explainer(model, BACKGROUND)
    assert explainer.method == "linear and trees" and explainer.output == "value"
    assert largest_difference(model, explainer, ROWS.iloc[:2]) < 1e-10 and "exact" in explainer.attribute(ROWS).sentence
    forests = [(name, make_pipeline_for(name, X, parameters=FEW.get(name))) for name in ("random_forest", "extra_trees")]
    vote = VotingClassifier(forests, voting="soft").fit(X, Y["binary"])
    explainer = Explainer(vote, BACKGROUND)
    assert (explainer.method, explainer.output) == ("trees", "probability") and largest_difference(vote, explainer, ROWS.iloc[:2]) < 1e-10
    mixed = VotingClassifier([forests[0], ("hgb", make_pipeline_for("hgb", X, parameters=FEW["hgb"]))], voting="soft").fit(X, Y["binary"])
    explainer = Explainer(mixed, BACKGROUND)
    assert explainer.method == "enumeration" and "exact in log-odds, not in probability" in explainer.note


def test_columns_that_feed_one_output_are_one_player():
    numbers = X[["a", "when"]].assign(hour=X["when"].dt.hour, day=X["when"].dt.day).drop(columns="when").astype(float)
    mixing = ColumnTransformer(
        [("product", PolynomialFeatures(interaction_only=True, include_bias=False), ["a", "hour"])], remainder="passthrough"
    )
    model = make_pipeline(mixing, StandardScaler(), Ridge()).fit(numbers, Y["regression"])
    explainer = Explainer(model, numbers.head(10))
    assert explainer.labels == ("a + hour", "day") and explainer.method == "linear"

    def pairs(table):
        whole = pd.DataFrame({"a": [v[0] for v in table["p"]], "hour": [v[1] for v in table["p"]], "day": table["day"]})
        return model.predict(whole)[:, None]

    packed = pd.DataFrame({"p": pd.Series(list(zip(numbers["a"], numbers["hour"])), dtype=object), "day": numbers["day"]})
    exact = brute_force(pairs, explainer.background.pipe(lambda t: packed.loc[:9].reset_index(drop=True)), packed.iloc[[20, 30]])
    np.testing.assert_allclose(explainer.attribute(numbers.iloc[[20, 30]]).values, exact[..., 0], atol=1e-10)
    # all coalitions of columns are finer than that of players, and sampling tells them apart
    assert Explainer(model, numbers.head(10), method="sampling").labels == ("a", "hour", "day")


@pytest.mark.parametrize("name", ["logistic", "hgb", "random_forest"])
def test_weights_of_the_background(name):
    model, weights = fitted(name), np.arange(12.0)
    weighted = Explainer(model, BACKGROUND, weights=weights)
    assert largest_difference(model, weighted, ROWS.iloc[:1], weights=weighted.weights) < 1e-10
    again = Explainer(model, BACKGROUND.iloc[np.repeat(np.arange(12), np.arange(12))])
    np.testing.assert_allclose(weighted.attribute(ROWS).values, again.attribute(ROWS).values, atol=1e-12)
    for way in ("sampling", "enumeration"):
        other = Explainer(model, BACKGROUND, weights=weights, method=way, output=weighted.output)
        np.testing.assert_allclose(other.base, weighted.base, atol=1e-12)
    np.testing.assert_allclose(other.attribute(ROWS).values, weighted.attribute(ROWS).values, atol=1e-10)


def test_asking_for_another_space_goes_outside_and_says_so():
    model = fitted("hgb")
    explainer = Explainer(model, BACKGROUND, output="probability")
    assert explainer.method == "enumeration" and "exact in log-odds, not in probability" in explainer.note
    assert largest_difference(model, explainer) < 1e-10
    with pytest.raises(InputError, match="exact in log-odds"):
        Explainer(model, BACKGROUND, output="probability", method="trees")
    forest = Explainer(fitted("random_forest"), BACKGROUND, output="log-odds")
    found = forest.attribute(ROWS)
    assert np.isfinite(found.values).all() and forest.method != "trees"


def test_sampling_is_within_its_error_and_reaches_a_precision():
    model = fitted("hgb")
    explainer = Explainer(model, BACKGROUND, method="sampling")
    assert not explainer.exact and explainer.output == "probability"
    exact = Explainer(model, BACKGROUND, method="enumeration").attribute(ROWS).values
    found = explainer.attribute(ROWS, n_permutations=12)
    assert np.abs((found.values - exact) / np.maximum(found.error, 1e-9)).max() < 5
    precise = explainer.attribute(ROWS, precision=0.004)
    assert precise.error.max() <= 0.004 and precise.ended == "precision" and "standard errors up to" in precise.sentence
    assert explainer.attribute(ROWS, precision=1e-9, max_evaluations=3_000).ended == "evaluations"
    assert explainer.attribute(ROWS, precision=1e-9, budget_s=0.05).ended == "budget"
    np.testing.assert_array_equal(explainer.attribute(ROWS.iloc[1:2]).values[0], explainer.attribute(ROWS).values[1])  # alone or together


def test_models_that_cannot_be_read_are_sampled_in_what_they_give():
    data, y = X[["a", "airport"]].assign(a=X["a"]), Y["binary"]
    inside = ColumnTransformer([("levels", OneHotEncoder(handle_unknown="ignore"), ["airport"])], remainder="passthrough")
    calibrated = CalibratedClassifierCV(make_pipeline(inside, LogisticRegression()), cv=2).fit(data, y)
    found = Explainer(calibrated, data.head(20))
    assert (found.method, found.output) == ("enumeration", "probability") and "CalibratedClassifierCV" in found.note
    machine = make_pipeline(inside, LinearSVC()).fit(data, y)
    assert Explainer(machine, data.head(20)).output == "score"
    with pytest.raises(InputError, match="predict_proba"):
        Explainer(machine, data.head(20), output="probability")
    with pytest.raises(InputError, match="one quantity"):
        Explainer(Ridge().fit(X[["a"]], np.c_[Y["regression"], Y["binary"]]), X[["a"]].head(9))
    counts = make_pipeline(StandardScaler(), PoissonRegressor()).fit(X[["a"]], RNG.poisson(2, N))
    log = Explainer(counts, X[["a"]].head(20))
    assert (log.method, log.output) == ("linear", "log")
    np.testing.assert_allclose(np.exp(log.predict(X[["a"]])), counts.predict(X[["a"]]))


def test_a_transformer_that_cannot_be_mapped_is_named():
    own = FunctionTransformer(lambda t: t[["a", "b"]].fillna(0) - t[["a", "b"]].fillna(0).mean())
    model = make_pipeline(own, LogisticRegression()).fit(X, Y["binary"])
    with pytest.raises(InputError, match="functiontransformer.*depends on the other rows"):
        Explainer(model, BACKGROUND, method="linear")
    assert "treat each row by itself" in Explainer(model, BACKGROUND).note


def test_unknown_levels_missing_columns_and_other_trouble():
    strict = ColumnTransformer([("levels", OneHotEncoder(), ["kind"])], remainder="drop")
    model = make_pipeline(strict, LogisticRegression()).fit(X, Y["binary"])
    explainer = Explainer(model, BACKGROUND)
    assert explainer.method == "linear" and explainer.attribute(ROWS).values[:, [0, 1, 2, 4]].any() == False  # noqa: E712
    with pytest.raises(InputError, match="category must be one the model knows.*'z'"):
        explainer.attribute(ROWS.assign(kind="z"))
    with pytest.raises(InputError, match="no column 'a'"):
        explainer.attribute(ROWS.drop(columns="a"))
    lenient = Explainer(fitted("logistic"), BACKGROUND)
    assert np.isfinite(lenient.attribute(ROWS.assign(airport="XYZ")).values).all()
    with pytest.raises(InputError, match="empty table"):
        Explainer(model, BACKGROUND.head(0))
    with pytest.raises(InputError, match="must be fitted"):
        Explainer(make_pipeline_for("logistic", X), BACKGROUND)
    with pytest.raises(InputError, match="`method`"):
        Explainer(model, BACKGROUND, method="guess")
    with pytest.raises(InputError, match="`output`.*binary"):
        Explainer(model, BACKGROUND, output="value")
    with pytest.raises(InputError, match="`weights`"):
        Explainer(model, BACKGROUND, weights=[1.0])
    broken = copy.deepcopy(fitted("hgb"))
    del broken.steps[-1][1]._baseline_prediction  # as after loading a model of another version
    with pytest.raises(InputError, match="another version"):
        Explainer(broken, BACKGROUND)


def test_a_background_of_one_row_is_a_reference_and_said_to_be_one():
    model = fitted("hgb")
    explainer = Explainer(model, BACKGROUND.head(1))
    assert "single row" in explainer.note and largest_difference(model, explainer) < 1e-10
    np.testing.assert_allclose(explainer.attribute(BACKGROUND.head(1)).values, 0, atol=1e-12)


def test_a_constant_model_gives_zeros():
    model = make_pipeline(StandardScaler(), DummyClassifier()).fit(X[["a"]], Y["binary"])
    assert (attribute(model, X[["a"]].head(3), X[["a"]].head(9)).values == 0).all()


def test_rows_as_dict_series_array_and_dataset():
    model = fitted("hgb")
    explainer = Explainer(model, BACKGROUND)
    whole = explainer.attribute(ROWS).values
    np.testing.assert_allclose(explainer.attribute(ROWS.iloc[0].to_dict()).values[0], whole[0], atol=1e-12)
    text = ROWS.iloc[[0]].astype({"a": object}).assign(a=str(ROWS["a"].iloc[0]))
    np.testing.assert_allclose(explainer.attribute(text).values[0], whole[0], atol=1e-12)
    with pytest.raises(InputError, match="'a' must hold numbers"):
        explainer.attribute(text.assign(a="wind"))
    plain = RandomForestClassifier(5, random_state=0).fit(X[["a"]].to_numpy(), Y["binary"])
    assert attribute(plain, X[["a"]].to_numpy()[:4], X[["a"]].to_numpy()[:9]).labels == ("x0",)


def test_results_travel_and_work_can_be_stopped():
    explainer = Explainer(fitted("hgb", "multiclass"), BACKGROUND, classes=("low", "middle", "high"))
    found = explainer.attribute(ROWS)
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    assert isinstance(again, Attribution) and again.players == found.players and again.classes == ("low", "middle", "high")
    np.testing.assert_array_equal(again.values, found.values)
    assert found.to_frame().index.names == ["row", "class"] and found.to_frame().shape == (9, 5)
    token = Cancel()
    token.cancel()
    for way in ("auto", "sampling", "enumeration"):
        with pytest.raises(Cancelled):
            Explainer(fitted("hgb"), BACKGROUND, method=way).attribute(ROWS, cancel=token)
    np.testing.assert_array_equal(found.values, Explainer(fitted("hgb", "multiclass"), BACKGROUND).attribute(ROWS).values)
