"The fit store: configurations that miss nothing, records that are never lost, changed or read from a damaged file."

import functools
import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mltoolkit.core import InputError
from mltoolkit.modeling.candidates import available_models, make_pipeline_for
from mltoolkit.modeling.fit_store import FitRecord, FitStore, as_store, configuration_of, data_key, fit_key

LIMIT = 1.0


def clip(X):
    return np.minimum(X, LIMIT)


def closed(limit):
    def inner(X):
        return np.minimum(X, limit)

    return inner


class Own(ClassifierMixin, BaseEstimator):
    def __init__(self, weight=1.0):
        self.weight = weight

    def fit(self, X, y):
        return self


def text(value):
    found, why = configuration_of(value)
    assert found and not why, why
    return found


def grid(**keywords):
    return GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, **keywords)


BASE = {
    "parameter": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "function": lambda: FunctionTransformer(clip),
    "table": lambda: FunctionTransformer(clip, kw_args={"t": pd.DataFrame({"a": [1.0, 2.0]})}),
    "grid": lambda: grid(cv=StratifiedKFold(3)),
    "own": lambda: Own(),
}
OTHER = [
    ("parameter", lambda: make_pipeline(StandardScaler(), LogisticRegression(C=2.0))),
    ("parameter", lambda: make_pipeline(StandardScaler(), LogisticRegression(C=1))),  # an integer is another value
    ("parameter", lambda: make_pipeline(StandardScaler(), LogisticRegression(class_weight={0: 1, 1: 5}))),
    ("parameter", lambda: make_pipeline(StandardScaler(), LogisticRegression(random_state=np.random.RandomState(0)))),
    ("parameter", lambda: make_pipeline(StandardScaler().set_output(transform="pandas"), LogisticRegression())),
    ("parameter", lambda: make_pipeline(LogisticRegression())),
    ("parameter", lambda: make_pipeline(StandardScaler(), CalibratedClassifierCV(LogisticRegression()))),
    ("function", lambda: FunctionTransformer(closed(1.0))),
    ("function", lambda: FunctionTransformer(functools.partial(np.clip, a_min=0, a_max=1))),
    ("function", lambda: FunctionTransformer(np.log1p)),
    ("function", lambda: FunctionTransformer(lambda X: X)),
    ("table", lambda: FunctionTransformer(clip, kw_args={"t": pd.DataFrame({"a": [1.0, 3.0]})})),
    ("table", lambda: FunctionTransformer(clip, kw_args={"t": pd.DataFrame({"b": [1.0, 2.0]})})),
    ("table", lambda: FunctionTransformer(clip, kw_args={"t": np.array([1.0, 2.0])})),
    ("grid", lambda: grid(cv=StratifiedKFold(4))),
    ("grid", lambda: grid(cv=StratifiedKFold(3), scoring=make_scorer(roc_auc_score, response_method="predict_proba"))),
    ("own", lambda: Own(weight=2.0)),
]


@pytest.mark.parametrize("name", BASE)
def test_the_same_configuration_has_the_same_text(name):
    assert text(BASE[name]()) == text(BASE[name]())


@pytest.mark.parametrize(("name", "other"), OTHER)
def test_every_difference_is_seen(name, other):
    assert text(BASE[name]()) != text(other())


def test_all_differences_differ_from_each_other():
    assert len({text(make()) for _, make in OTHER}) == len(OTHER)


def test_arrays_by_value():
    one, two = (ColumnTransformer([("c", OneHotEncoder(categories=[np.array(["a", b], dtype=object)]), ["x"])]) for b in "bc")
    assert text(one) != text(two)
    assert text(one) == text(ColumnTransformer([("c", OneHotEncoder(categories=[np.array(["a", "b"], dtype=object)]), ["x"])]))


def test_code_and_what_it_reads(monkeypatch):
    before = text(FunctionTransformer(clip))
    monkeypatch.setattr(sys.modules[__name__], "LIMIT", 2.0)
    assert text(FunctionTransformer(clip)) != before
    assert text(FunctionTransformer(closed(1.0))) != text(FunctionTransformer(closed(2.0)))
    assert text(FunctionTransformer(closed(1.0))) == text(FunctionTransformer(closed(1.0)))


def test_an_edited_class_is_another_one():
    before = text(Own())
    old = Own.fit
    try:
        Own.fit = lambda self, X, y: self.fit_more(X, y)
        assert text(Own()) != before
    finally:
        Own.fit = old
    assert text(Own()) == before


def test_what_cannot_be_described_says_why():
    fitted = FrozenEstimator(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    for value, word in ((fitted, "fitted state"), (FunctionTransformer(kw_args={"g": iter([1])}), "list_iterator"),
                        (FunctionTransformer(kw_args={"f": sys.stdout}), type(sys.stdout).__name__)):  # fmt: skip
        found, why = configuration_of(value)
        assert found == "" and word in why


def test_every_candidate_can_be_described():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "t": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    for task in ("binary", "multiclass", "regression"):
        texts = [text(make_pipeline_for(name, X, task=task)) for name in available_models(task)]
        assert len(set(texts)) == len(texts)
    assert text(make_pipeline_for("hgb+smote", X)) != text(make_pipeline_for("hgb", X))
    assert '"imblearn"' in text(make_pipeline_for("hgb+smote", X))


def test_the_text_is_the_same_in_another_process():
    code = ("from mltoolkit.modeling.fit_store import *; from sklearn.pipeline import make_pipeline; from sklearn.preprocessing import *;"
            "from sklearn.ensemble import *; import numpy as np;"
            "print(configuration_of(make_pipeline(FunctionTransformer(np.log1p), HistGradientBoostingClassifier(categorical_features={2, 0, 1}))))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    here = configuration_of(make_pipeline(FunctionTransformer(np.log1p), HistGradientBoostingClassifier(categorical_features={2, 0, 1})))
    assert done.stdout == f"{here}\n"


def test_the_key_depends_on_everything():
    X, y = pd.DataFrame({"a": [1.0, 2.0, 3.0], "c": pd.Categorical(["u", "v", "u"])}), np.array([0, 1, 0])
    keys = {data_key(X, y), data_key(X.rename(columns={"a": "b"}), y), data_key(X, 1 - y), data_key(X, y.astype(float)),
            data_key(X.assign(a=[1.0, 2.0, 4.0]), y), data_key(X.assign(a=X["a"].astype("float32")), y),
            data_key(X.assign(c=X["c"].cat.reorder_categories(["v", "u"])), y)}  # fmt: skip
    assert len(keys) == 7
    fits = {fit_key("d", [0, 1], [2], "c"), fit_key("e", [0, 1], [2], "c"), fit_key("d", [0, 2], [1], "c"), fit_key("d", [0], [1, 2], "c"),
            fit_key("d", [0, 1], [2], "c2"), fit_key("d", [0, 1], [2], "c", "regression")}  # fmt: skip
    assert len(fits) == 6


def record(key="k1", **more):
    return FitRecord(**{"key": key, "model": "m", "fold": 2, "configuration": "{}", "n_train": 7, "prediction": np.array([0.1, 1 / 3]),
                        "fit_seconds": 1 / 7, "predict_seconds": 0.1, "cpu_seconds": 0.3, "memory": 1e6, "n_iter": 4, "train_score": 0.2,
                        "note": "ä"} | more)  # fmt: skip


def same(a, b):
    return all(np.array_equal(getattr(a, f), getattr(b, f), equal_nan=True) if f == "prediction" else repr(getattr(a, f)) == repr(getattr(b, f))
               for f in FitRecord.__dataclass_fields__)  # fmt: skip


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_is_put_is_found(tmp_path, on_disk):
    path = tmp_path / "deep" / "fits.sqlite" if on_disk else None
    store = FitStore(path)
    many = record("k2", prediction=np.random.default_rng(0).random((5, 3)), memory=float("nan"), n_iter=None, train_score=float("nan"))
    assert store.put(record()) is not None and store.put(many) is not None
    assert store.put(record("", note="no key")).note == "no key" and store.put(record("k3", error="bad", prediction=None)).error == "bad"
    if on_disk:
        store.close()
        store = FitStore(path)
    assert store.keys() == ["k1", "k2"] and len(store) == 2 and store.get("k3") is None
    assert same(store.get("k1"), record()) and same(store.get("k2"), many)
    assert same(store.put(record(model="later")), record())  # the first one stays
    assert len(store) == 2 and "2 fits" in repr(store)


def test_the_file_only_grows(tmp_path):
    with FitStore(tmp_path / "f.sqlite") as store:
        store.put(record())
    with sqlite3.connect(tmp_path / "f.sqlite") as connection:
        for statement in ("DELETE FROM fits", "UPDATE fits SET record = ''"):
            with pytest.raises(sqlite3.Error, match="only grows"):
                connection.execute(statement)


def damage(path, kind):
    if kind == "text":
        path.write_text("hello\n" * 1000)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if kind == "bits":
        content = path.read_bytes()
        at = content.index(record().prediction.tobytes())
        path.write_bytes(content[: at + 3] + b"\xff" + content[at + 4 :])
    if kind == "another database":
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE people (name)")
    if kind == "newer":
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE about SET value = '99'")


@pytest.mark.parametrize(("kind", "words"), [("text", "mltoolkit wrote"), ("cut", "mltoolkit wrote"), ("bits", "not what was written"),
                                             ("another database", "something else"), ("newer", "format 99")])  # fmt: skip
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, kind, words):
    path = tmp_path / "f.sqlite"
    with FitStore(path) as store:
        for i in range(30):
            store.put(record(f"k{i}"))
    damage(path, kind)
    with pytest.raises(InputError, match=words) as caught, FitStore(path) as store:
        [store.get(f"k{i}") for i in range(30)]
    assert kind == "newer" or "f.sqlite" in str(caught.value)


def test_what_is_no_store():
    with pytest.raises(InputError, match="path or a FitStore"):
        as_store(3)


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(InputError, match="is a file"):
        FitStore(tmp_path)


WRITER = """
import sys, numpy as np
from mltoolkit.modeling.fit_store import FitRecord, FitStore
store = FitStore(sys.argv[1])
for i in range(int(sys.argv[3])):
    store.put(FitRecord(key=f"k{i}", model=sys.argv[2], fold=1, prediction=np.full(2000, float(i))))
    print(i, flush=True)
"""


def test_two_processes_write_one_file(tmp_path):
    path = tmp_path / "f.sqlite"
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, "60"], stdout=subprocess.DEVNULL) for name in "ab"]
    assert [p.wait(60) for p in running] == [0, 0]
    with FitStore(path) as store:
        assert len(store) == 60 and all((store.get(f"k{i}").prediction == i).all() for i in range(60))


def test_killed_in_the_middle_of_writing(tmp_path):
    path = tmp_path / "f.sqlite"
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path), "a", "100000"], stdout=subprocess.PIPE, text=True)
        said = [process.stdout.readline() for _ in range(25)]
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().splitlines()
        process.wait()
        confirmed = max(int(line) for line in said if line.strip())
        with FitStore(path) as store:
            assert len(store) >= confirmed + 1
            assert all((store.get(f"k{i}").prediction == i).all() for i in range(confirmed + 1))
