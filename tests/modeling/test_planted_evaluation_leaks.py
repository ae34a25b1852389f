"""Leaks planted on purpose: each must be found and named. And the proof that comparing models leaks nothing by itself.

On honest rows without any signal a score must be at chance; a planted leak lifts it, and the sentinel must say where it comes from.
"""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

import mltoolkit as mlt
from mltoolkit.core import silent
from mltoolkit.modeling.sentinel import check_leakage
from mltoolkit.modeling.validation import cross_validate_oof


def check(data, model=None, **kw):
    return check_leakage(data, model, **{"columns": (), "n_permutations": 5, "progress": silent, **kw})


def found(result, severity="error"):
    return {(f["step"], f["code"]) for f in result.findings if f["severity"] == severity}


def noise(n=200, p=6, share=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.standard_normal((n, p))).rename(columns=lambda i: f"x{i}").assign(y=rng.random(n) < share)


def levels(n=800, k=160, seed=0):
    "A category of many levels that says nothing, and its mean target over all rows."
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"plane": [f"N{i}" for i in rng.integers(0, k, n)], "z": rng.standard_normal(n), "y": rng.random(n) < 0.3})
    return frame, frame.groupby("plane")["y"].transform("mean")


# --- before the split


def test_selection_on_all_rows_of_pure_noise():
    "Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 7.10.2."
    data = mlt.load(noise(60, 800), target="y")
    wrong = check(data, KNeighborsClassifier(5), prepare=SelectKBest(k=20))
    assert wrong.permuted["score"] > 0.75 and wrong.permuted["lower"] > 0.65
    assert {("SelectKBest", "MLT612"), ("procedure", "MLT611")} <= found(wrong)
    right = check(data, make_pipeline(SelectKBest(k=20), KNeighborsClassifier(5)))
    assert right.verdict != "leak" and right.permuted["upper"] < 0.7


def test_selection_that_was_made_already_leaves_no_trace_and_that_is_said():
    frame = noise(60, 800)
    kept = SelectKBest(k=20).fit(frame.drop(columns="y"), frame["y"]).get_feature_names_out()
    result = check(mlt.load(frame[[*kept, "y"]], target="y"), KNeighborsClassifier(5))
    assert result.permuted["score"] > 0.75  # the leak is there
    assert result.verdict != "leak" and "cannot be seen here" in result.sentence


def test_smote_before_the_split():
    data = mlt.load(noise(300, 4, share=0.15), target="y")
    wrong = check(data, KNeighborsClassifier(3), prepare=SMOTE(random_state=0))
    assert wrong.permuted["score"] > 0.75
    assert {("SMOTE", "MLT612"), ("procedure", "MLT611")} <= found(wrong)
    right = check(data, SamplingPipeline([("smote", SMOTE(random_state=0)), ("model", KNeighborsClassifier(3))]))
    assert right.verdict == "nothing found" and right.permuted["score"] < 0.7


def test_smote_that_was_made_already_is_seen_in_the_table():
    frame = noise(300, 4, share=0.15)
    X, y = SMOTE(random_state=0).fit_resample(frame.drop(columns="y"), frame["y"])
    assert ("table", "MLT617") in found(check(mlt.load(X.assign(y=y), target="y"), n_permutations=2))
    grid = frame.assign(**{c: frame[c].round(1) for c in frame if c != "y"})  # ordinary rounded numbers are no SMOTE
    assert ("table", "MLT617") not in found(check(mlt.load(grid, target="y"), n_permutations=2))


def test_copies_before_the_split():
    data = mlt.load(noise(300, 4, share=0.15), target="y")
    wrong = check(data, DecisionTreeClassifier(random_state=0), prepare=RandomOverSampler(random_state=0))
    assert wrong.permuted["mean"] > 0.85 and ("RandomOverSampler", "MLT612") in found(wrong)


@pytest.mark.parametrize("step", [StandardScaler(), SimpleImputer(), KNNImputer()])
def test_scaling_and_imputing_on_everything_is_harmless_and_said_to_be(step):
    frame = noise(200, 4)
    frame.iloc[::7, 0] = np.nan
    result = check(mlt.load(frame, target="y"), make_pipeline(SimpleImputer(), LogisticRegression()), prepare=step)
    assert result.verdict == "nothing found"
    assert found(result, "info") == {(type(step).__name__, "MLT613")}


def test_a_list_of_steps_is_told_apart():
    steps = [("scale", StandardScaler()), ("logs", lambda X, y: np.abs(X)), ("select", SelectKBest(k=10))]
    result = check(mlt.load(noise(80, 600), target="y"), "logistic", prepare=steps)
    assert ("select", "MLT612") in found(result) and found(result, "info") == {("scale", "MLT613")}
    assert not any(f["step"] == "logs" for f in result.findings)


def test_target_means_over_all_rows_as_a_function():
    frame, _ = levels()

    def means(X, y):
        return X.assign(plane=pd.Series(y).groupby(X["plane"].to_numpy()).transform("mean").to_numpy())

    wrong = check(mlt.load(frame, target="y"), "logistic", prepare=means)
    assert ("means", "MLT612") in found(wrong) and ("procedure", "MLT611") in found(wrong)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_target_means_that_are_in_the_table_already(task):
    frame, _ = levels()
    if task == "regression":
        frame["y"] = np.random.default_rng(1).standard_normal(len(frame))
    frame["code"] = frame.groupby("plane")["y"].transform("mean")
    if task == "multiclass":
        frame["y"] = np.where(frame["y"], "late", np.random.default_rng(1).choice(["early", "right"], len(frame)))
    data = mlt.load(frame.drop(columns="plane"), target="y")
    result = check(data, columns=None, n_permutations=2)
    assert ("code", "MLT619") in found(result) and result.columns["column"].iloc[0] == "code"
    assert not {"z"} & {f["step"] for f in result.findings}


def test_an_honest_calibrated_score_is_no_target_mean():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        score = rng.choice(np.linspace(0.1, 0.9, 40), 600).round(3)
        frame = pd.DataFrame({"score": score, "y": rng.random(600) < score})
        assert not found(check(mlt.load(frame, target="y"), "dummy", n_permutations=2)) & {("score", "MLT619")}


# --- inside a pipeline


def test_a_frozen_encoder_is_named_and_its_knowledge_measured():
    frame, _ = levels()
    data = mlt.load(frame, target="y")
    columns = FrozenEstimator(TargetEncoder(smooth=1).fit(frame[["plane"]], frame["y"]))

    def one(table):
        return table[["plane"]]

    result = check(data, Pipeline([("one", FunctionTransformer(one)), ("encode", columns), ("model", LogisticRegression())]))
    assert {("encode", "MLT621"), ("encode", "MLT614")} <= found(result)
    assert not any(f["step"] in ("one", "model") for f in result.findings)
    fresh = Pipeline([("one", FunctionTransformer(one)), ("encode", TargetEncoder(smooth=1)), ("model", LogisticRegression())])
    assert check(data, fresh).verdict == "nothing found"


def test_a_function_with_a_dict_of_target_means():
    frame, mean = levels()
    means = dict(zip(frame["plane"], mean))

    def look_up(table):
        return table[["z"]].assign(rate=table["plane"].map(means).fillna(0.3))

    result = check(mlt.load(frame, target="y"), Pipeline([("look up", FunctionTransformer(look_up)), ("model", LogisticRegression())]))
    assert {("look up", "MLT624"), ("look up", "MLT614")} <= found(result)


class Diary(TransformerMixin, BaseEstimator):
    "Keeps what it sees in the class: the labels of the rows, by their first number. Folds share it."

    seen = {}

    def fit(self, X, y=None):
        self.seen.update(zip(np.asarray(X)[:, 0], y))
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.column_stack([np.asarray(X), [self.seen.get(v, 0.5) for v in np.asarray(X)[:, 0]]])


def test_a_memory_that_folds_share():
    Diary.seen.clear()
    result = check(mlt.load(noise(200, 3), target="y"), Pipeline([("diary", Diary()), ("model", LogisticRegression())]))
    assert ("procedure", "MLT611") in found(result) and result.permuted["score"] > 0.9
    assert ("diary", "MLT628") in {(f["step"], f["code"]) for f in result.pipeline}


def test_a_model_that_was_trained_on_all_rows():
    frame = noise(200, 5)
    model = FrozenEstimator(DecisionTreeClassifier(random_state=0).fit(frame.drop(columns="y"), frame["y"]))
    result = check(mlt.load(frame, target="y"), Pipeline([("scale", FunctionTransformer()), ("model", model)]))
    assert {("model", "MLT618"), ("model", "MLT621")} <= found(result) and result.permuted["score"] == 1.0


# --- in the columns and the folds


def test_a_column_that_knows_the_answer():
    frame = noise(300, 3)
    frame["after"] = frame["y"] + 0.01 * np.random.default_rng(0).standard_normal(300)
    frame["nearly"] = frame["y"] + 0.8 * np.random.default_rng(1).standard_normal(300)
    whole = check(mlt.load(frame, target="y"), columns=None, n_permutations=2)
    assert found(whole) == {("after", "MLT615")}
    part = check(mlt.load(frame.drop(columns="after"), target="y"), columns=None, n_permutations=2)
    assert found(part, "warning") == {("nearly", "MLT616")} and part.verdict == "suspicious"


def test_groups_on_both_sides():
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(50), 8)
    ill = rng.random(50) < 0.5
    frame = pd.DataFrame({"patient": patient, "age": rng.standard_normal(50)[patient], "size": rng.standard_normal(50)[patient],
                          "y": rng.random(400) < np.where(ill[patient], 0.9, 0.1)})  # fmt: skip
    data = mlt.load(frame, target="y", group="patient")
    torn = check(data, split=mlt.split(data, kind="stratified", n_splits=3))
    whole = check(data, split=mlt.split(data, kind="grouped", n_splits=3))
    assert ("procedure", "MLT611") in found(torn) and torn.permuted["score"] > 0.8
    assert whole.verdict == "nothing found" and whole.permuted["score"] < 0.7


# --- comparing models leaks nothing by itself


def mixed(task, n=240, seed=0):
    "Numbers with holes, categories with rare levels, times, and a target; nothing without a missing value but the target."
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.standard_normal(n), "b": rng.gamma(1.0, size=n), "few": rng.choice(["u", "v", "w"], n),
                          "many": [f"L{i}" for i in rng.integers(0, 30, n)], "lots": [f"M{i}" for i in rng.integers(0, 90, n)],
                          "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10_000, n), "h")})  # fmt: skip
    frame.loc[rng.random(n) < 0.1, "a"] = np.nan
    frame.loc[rng.random(n) < 0.1, "few"] = None
    signal = frame["a"].fillna(0) + rng.standard_normal(n)
    y = {"binary": signal > 0.8, "multiclass": np.select([signal < -0.5, signal < 0.5], ["low", "mid"], "top"), "regression": signal}
    return frame.assign(y=y[task])


def disturbed(frame, rows, rng):
    "The same table with other values and other labels in some rows."
    out = frame.copy()
    for name in frame.columns:
        values = frame[name].to_numpy(copy=True)
        values[rows] = values[rng.permutation(len(values))[: len(rows)]]
        if name in ("a", "b"):
            values[rows] = 1e3 * values[rows] + 17
        if name == "many":
            values[rows] = "new level"
        out[name] = values
    labels = frame["y"].to_numpy(copy=True)
    labels[rows] = rng.permutation(labels)[: len(rows)]
    return out.assign(y=labels)


CANDIDATES = {
    "binary": ("dummy", "logistic", "logistic_l1", "hgb_early", "knn", "naive_bayes", "decision_tree",
               "logistic+class_weight", "logistic+random_under", "logistic+random_over", "knn+smote", "logistic+smote_tomek",
               "decision_tree+enn", "logistic+calibrated", "logistic+prior_correction", "logistic+threshold_moving"),
    "multiclass": ("dummy", "logistic", "hgb_early", "knn", "naive_bayes", "logistic+smote", "logistic+random_over"),
    "regression": ("dummy", "ridge", "elastic_net", "hgb_early", "knn"),
}  # fmt: skip


@pytest.mark.parametrize("task", list(CANDIDATES))
def test_validation_rows_have_no_influence_on_what_is_fitted(task):
    """Every validation row but three is given other features and another label: the predictions for the three stay, to the last bit.

    Which encoding a column gets follows from its kind and its number of levels (up to 40 and 255) in the whole table, without the
    target. That is part of the recipe, not of what is fitted, and stays the same here.
    """
    rng, frame = np.random.default_rng(7), mixed(task)
    order = rng.permutation(len(frame))
    test, valid, train = order[:40], order[40:100], order[100:]
    probes = np.sort(valid[:3])
    folds = {"cv": [(np.sort(train), np.sort(valid)), (np.sort(train[:80]), np.sort(valid))], "test": np.sort(test)}
    predictions = []
    for table in (frame, disturbed(frame, valid[3:], rng)):
        data = mlt.load(table, target="y", task=task)
        result = cross_validate_oof(data, list(CANDIDATES[task]), mlt.split(data, **folds), n_jobs=1, progress=silent)
        assert not result.failed, result.failed
        kept = result.predictions[result.predictions["row"].isin(probes)]
        predictions.append(kept.drop(columns=["row", "fold", "y"]).reset_index(drop=True))
    assert len(predictions[0]) == 6 and predictions[0].notna().all().all()
    pd.testing.assert_frame_equal(*predictions, check_exact=True)


def test_the_same_holds_for_a_pipeline_of_the_user_and_the_leaky_one_fails():
    "The test above can fail: a pipeline with a frozen part from all rows does."
    frame, rng = mixed("binary"), np.random.default_rng(7)
    numbers = frame[["a", "b", "y"]].assign(a=frame["a"].fillna(0))
    order = rng.permutation(len(frame))
    folds = {"cv": [(np.sort(order[100:]), np.sort(order[40:100]))], "test": np.sort(order[:40])}

    def probe(table, frozen):
        scaler = StandardScaler()
        scaler = FrozenEstimator(scaler.fit(table[["a", "b"]])) if frozen else scaler
        data = mlt.load(table, target="y")
        model = {"mine": Pipeline([("scale", scaler), ("model", LogisticRegression())])}
        result = cross_validate_oof(data, model, mlt.split(data, **folds), progress=silent)
        return result.predictions.set_index("row").loc[order[40], "mine"]

    other = disturbed(numbers, order[41:100], rng)
    assert probe(numbers, False) == probe(other, False)
    assert probe(numbers, True) != probe(other, True)
