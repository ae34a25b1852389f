"Candidates: every one of them on a table with everything in it, for every task it can do; the same built as printed."

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from mltoolkit.core import InputError
from mltoolkit.modeling import candidates
from mltoolkit.modeling.calls import steps_of
from mltoolkit.modeling.candidates import (
    MODELS,
    PRESETS,
    TASKS,
    available_models,
    describe,
    import_lines,
    label_of,
    make_pipeline_for,
    parse_name,
    pipeline_code,
)
from mltoolkit.modeling.preprocessing import ColumnKinds, column_kinds
from mltoolkit.modeling.strategies import STRATEGIES

N = 160
ALL = [(task, name) for task in TASKS for name in MODELS if task in MODELS[name].tasks]
SLOW = {"easy_ensemble": 2, "balanced_forest": 5, "balanced_bagging": 3, "random_forest": 20, "extra_trees": 20, "rus_boost": 10}


def mixed(n=N, seed=0):
    "A table with everything in it that people have in tables."
    rng = np.random.default_rng(seed)
    words = np.array(["late", "crew", "bag", "door", "snow", "fuel", "gate", "slot", "tow", "ice"])
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "whole": pd.array(rng.integers(0, 9, n), dtype="Int64"),
            "level": rng.choice(list("abcdef"), n),
            "yes": pd.array(rng.integers(0, 2, n).astype(bool), dtype="boolean"),
            "crowded": [f"c{i}" for i in rng.integers(0, 60, n)],
            "zoned": pd.Timestamp("2024-01-01", tz="Europe/Paris") + pd.to_timedelta(rng.integers(0, 9000, n), unit="h"),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
            "text": [" ".join(rng.choice(words, 6)) for _ in range(n)],
            "constant": 1.0,
            "never": np.nan,
            "nothing": None,
        }
    )
    frame.loc[::7, ["number", "whole", "yes"]] = None
    frame.loc[::11, ["level", "text", "crowded"]] = None
    frame.loc[::13, ["zoned", "day"]] = pd.NaT
    return frame


X = mixed()
Z = (X["number"].fillna(0) + 0.4 * np.random.default_rng(1).normal(size=N)).to_numpy()
TARGETS = {"binary": (Z > 0.5).astype(int), "multiclass": np.digitize(Z, [-0.5, 0.5]), "regression": 100 * Z}
NEW = mixed(30, seed=5).assign(level="zz", crowded="new", text=None, zoned=pd.NaT, number=np.nan)


def smaller(pipeline, name):
    "The same pipeline with fewer members, so that a test is quick."
    return pipeline.set_params(model__n_estimators=SLOW[name]) if name in SLOW else pipeline


def predicted(model, table, task):
    return model.predict(table) if task == "regression" else model.predict_proba(table)


@pytest.mark.parametrize(("task", "name"), ALL)
def test_every_candidate_on_a_table_with_everything(task, name):
    y, half = TARGETS[task], slice(0, 120)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = smaller(make_pipeline_for(name, X, task=task), name).fit(X[half], y[half])
        found = predicted(model, X, task)
        new = predicted(model, NEW, task)
    assert {w.category for w in caught} <= {RuntimeWarning}, [str(w.message) for w in caught]  # NumPy: columns that are always missing
    assert found.shape == ((N,) if task == "regression" else (N, 2 if task == "binary" else 3))
    assert np.isfinite(found).all() and np.isfinite(new).all()
    if name != "dummy" and task == "regression":
        assert np.corrcoef(found[half], y[half])[0, 1] > 0.3
    elif name != "dummy":  # a row's own class is given more than its share
        share = [found[half][y[half] == k, k].mean() - found[half][:, k].mean() for k in np.unique(y)]
        assert min(share) > 0


@pytest.mark.parametrize(("task", "name"), ALL)
def test_the_same_seed_gives_the_same_figures(task, name):
    table, y = X[["number", "level", "crowded", "day"]], TARGETS[task]
    made = [smaller(make_pipeline_for(name, table, task=task, random_state=3), name).fit(table, y) for _ in range(2)]
    assert (predicted(made[0], table, task) == predicted(made[1], table, task)).all()


@pytest.mark.parametrize(("task", "name"), ALL)
def test_printed_is_built(task, name):
    columns, names = column_kinds(X), {}
    assert columns.texts == ["text"] and columns.dates == ["zoned", "day"]
    exec(import_lines([name], columns, task=task), names)
    printed = eval(pipeline_code(name, columns, task=task, random_state=7), names)
    assert str(printed) == str(make_pipeline_for(name, X, task=task, random_state=7))
    assert "from mltoolkit.modeling.encoders import DateParts" in import_lines([name], columns, task=task) or MODELS[name].encoding is None


@pytest.mark.parametrize("name", ["logistic", "knn", "hgb", "lightgbm", "xgboost", "naive_bayes"])
def test_printed_predicts_the_same(name):
    names, y = {}, TARGETS["binary"]
    exec(import_lines([name], column_kinds(X)), names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        printed = eval(pipeline_code(name, column_kinds(X)), names).fit(X[:100], y[:100]).predict_proba(X)
        built = make_pipeline_for(name, X).fit(X[:100], y[:100]).predict_proba(X)
    assert (printed == built).all()


@pytest.mark.parametrize("name", ["logistic", "hgb", "lightgbm", "xgboost", "knn"])
def test_one_thread_and_no_output(name, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_pipeline_for(name, X).fit(X, TARGETS["binary"])
        model.predict_proba(X)
    assert capfd.readouterr() == ("", "")
    assert model[-1].get_params().get("n_jobs", 1) in (1, None)


def test_presets():
    for task in TASKS:
        for speed in PRESETS:
            names = available_models(task, speed=speed)
            assert {"dummy", "hgb"} < set(names) and {"logistic", "ridge"} & set(names)
            assert all(task in MODELS[name].tasks for name in names)
        assert set(available_models(task, speed="fast")) < set(available_models(task, speed="standard"))
        assert available_models(task) == available_models(task, speed="thorough")
    assert {name for task in TASKS for name in available_models(task)} == set(MODELS) == set(PRESETS["thorough"])
    assert available_models("binary", speed="fast") == ["dummy", "logistic", "hgb"]
    assert "balanced_forest" not in available_models("regression")
    with pytest.raises(InputError, match="thorough"):
        available_models(speed="slow")
    with pytest.raises(InputError, match="Did you mean 'regression'"):
        available_models("regresion")


def test_a_package_that_is_missing(monkeypatch):
    find = candidates.importlib.util.find_spec
    monkeypatch.setattr(candidates.importlib.util, "find_spec", lambda name: None if name == "lightgbm" else find(name))
    assert "lightgbm" not in available_models() and "xgboost" in available_models()
    for name in ("lightgbm", "lightgbm+smote"):
        with pytest.raises(InputError, match=r"pip install 'mltoolkit\[boosting\]'"):
            make_pipeline_for(name, X)
    assert "LGBMClassifier" in pipeline_code("lightgbm", column_kinds(X))  # printing needs no package


def test_nothing_heavy_is_imported_to_describe():
    import subprocess

    code = (
        "import sys; from mltoolkit.modeling.candidates import describe; from mltoolkit.modeling.preprocessing import ColumnKinds;"
        "describe('lightgbm', ColumnKinds(['a'], ['b'], ['c'], ['d'])); assert not {'sklearn', 'lightgbm', 'imblearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "task", "words"),
    [
        ("logstic", "binary", "Did you mean 'logistic'"),
        ("hgb+smot", "binary", "Did you mean 'smote'"),
        ("hgbb+smote", "binary", "Did you mean 'hgb'"),
        ("hgb+", "binary", "strategy"),
        ("+smote", "binary", "model"),
        ("ridge", "binary", "'ridge', for regression. Use one of dummy, logistic"),
        ("logistic", "regression", "Use one of dummy, ridge"),
        ("naive_bayes", "regression", "for binary and multiclass"),
        ("hgb+smote", "regression", "regression"),
        ("hgb", "ranking", "binary, multiclass or regression"),
    ],
)
def test_names_that_are_refused(name, task, words):
    with pytest.raises(InputError, match=words) as error:
        make_pipeline_for(name, X, task=task)
    assert "\n" not in str(error.value)


def test_names_and_labels():
    assert parse_name("hgb") == ("hgb", "none") and parse_name("hgb+smote+calibrated") == ("hgb", "smote+calibrated")
    assert label_of("hgb") == label_of("hgb+none") == label_of("a", "hgb") == "Gradient boosting"
    assert label_of("hgb+class_weight") == "Gradient boosting + Class weights"
    assert label_of("mine") == label_of("mine", Ridge()) == "mine"


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_strategies_are_put_into_the_description(strategy):
    table = X[["number", "whole", "level"]]
    columns = column_kinds(table)
    call = describe(f"logistic+{strategy}", columns)
    assert (call == describe("logistic", columns)) is (strategy in ("none", "threshold_moving"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        proba = make_pipeline_for(f"logistic+{strategy}", table).fit(table, TARGETS["binary"]).predict_proba(table)
    assert np.isfinite(proba).all()


@pytest.mark.parametrize("strategy", ["smote", "class_weight", "random_under", "balanced_bagging", "calibrated"])
def test_strategies_for_several_classes_on_a_table_with_everything(strategy):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_pipeline_for(f"hgb+{strategy}", X, task="multiclass").fit(X, TARGETS["multiclass"])
    assert model.predict_proba(NEW).shape == (30, 3)


def test_own_estimators_get_what_suits_them():
    def encoding(model, task="binary"):
        steps = dict(make_pipeline_for(model, X, task=task).steps)
        return "tree" if "varying" in steps else "dense" if "sparse_output=False" in str(steps["columns"]) else "linear"

    assert encoding(HistGradientBoostingClassifier()) == encoding(HistGradientBoostingRegressor(), "regression") == "tree"
    assert encoding(LogisticRegression()) == encoding(LinearRegression(), "regression") == "linear"
    assert encoding(GaussianNB()) == encoding(MultinomialNB()) == "dense"
    for own in (GaussianNB(), MultinomialNB()):
        assert np.isfinite(make_pipeline_for(own, X).fit(X, TARGETS["binary"]).predict_proba(NEW)).all()
    assert make_pipeline_for(HistGradientBoostingClassifier(), X, random_state=5)[-1].random_state == 5
    assert make_pipeline_for(HistGradientBoostingClassifier(random_state=1), X, random_state=5)[-1].random_state == 1


def test_own_pipelines_are_used_as_they_are():
    for task, own in (("binary", Pipeline([("m", GaussianNB())])), ("regression", make_pipeline(Ridge()))):
        again = make_pipeline_for(own, X, task=task)
        assert again is not own and str(again) == str(own)


class Bare:
    "Looks like an estimator and does not say what it is."

    def fit(self, X, y):
        return self

    def get_params(self, deep=True):
        return {}


@pytest.mark.parametrize(
    ("model", "task", "words"),
    [
        (Ridge(), "binary", "classifier with `predict_proba`, got Ridge"),
        (make_pipeline(Ridge()), "multiclass", "got Pipeline"),
        (LogisticRegression(), "regression", "regressor, got LogisticRegression"),
        (LinearSVC(), "binary", "CalibratedClassifierCV"),
        (LogisticRegression, "binary", "the class LogisticRegression, not an object"),
        (object(), "regression", "regressor, got object"),
        (Bare(), "binary", "`predict_proba`, got Bare"),
        (None, "binary", "NoneType"),
    ],
)
def test_estimators_that_cannot_do_the_task(model, task, words):
    with pytest.raises(InputError, match=words):
        make_pipeline_for(model, X, task=task)


def test_columns_may_be_given_as_four_lists():
    call = describe("hgb", (["a"], ["b"], ["c"], []))
    assert call == describe("hgb", ColumnKinds(["a"], ["b"], ["c"])) and len(steps_of(call)) == 3
