"Pipelines: plain scikit-learn, safe on odd columns, the same built as printed."

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline

from mltoolkit.core import InputError
from mltoolkit.modeling.preprocessing import MODELS, column_kinds, import_lines, make_pipeline_for, pipeline_code

N = 300
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, N)
FAST = ["dummy", "logistic", "hgb"]


def odd_columns():
    f = pd.DataFrame(
        {
            "whole": pd.array(RNG.integers(0, 9, N), dtype="Int64"),
            "yes": pd.array(RNG.integers(0, 2, N).astype(bool), dtype="boolean"),
            "plain_bool": RNG.integers(0, 2, N).astype(bool),
            "level": pd.Categorical(RNG.choice(list("abc"), N)),
            "number_level": pd.Categorical(RNG.choice([1, 2, 3], N)),
            "text": pd.Series(RNG.choice(["x", "y"], N), dtype="str"),
            "f32": RNG.random(N).astype("float32"),
            "u8": RNG.integers(0, 9, N).astype("uint8"),
            "never": np.nan,
            "nothing": None,
            "constant": "same",
            "object_bool": pd.Series(RNG.choice([True, False], N)).astype(object),
            "arrow": pd.array(RNG.integers(0, 9, N), dtype="int64[pyarrow]"),
            "<b>hostile</b> \"'{}": RNG.random(N),
            "id": [f"row {i}" for i in range(N)],
        }
    )
    f.loc[3:50, ["whole", "yes", "level", "text", "f32", "number_level"]] = None
    f.loc[60:80, "object_bool"] = None
    return f


@pytest.mark.parametrize("name", FAST)
def test_odd_columns_alone_and_together(name):
    X = odd_columns()
    for columns in ([c] for c in X.columns if c not in ("never", "nothing", "constant", "id")):
        assert np.isfinite(make_pipeline_for(name, X[columns]).fit(X[columns], Y).predict_proba(X[columns])).all()
    model = make_pipeline_for(name, X).fit(X, Y)
    proba = model.predict_proba(X)
    assert np.isfinite(proba).all()
    assert (model.predict_proba(X[list(reversed(X.columns))]) == proba).all()
    new = X.head(3).assign(level="zz", text=None, id="never seen", f32=np.nan)
    assert np.isfinite(model.predict_proba(new)).all()


@pytest.mark.parametrize("name", FAST)
def test_columns_in_another_order_give_the_same_model(name):
    X = odd_columns()[["whole", "level", "text", "f32", "u8"]]
    mixed = X[["f32", "text", "u8", "whole", "level"]]
    a, b = make_pipeline_for(name, X).fit(X, Y), make_pipeline_for(name, mixed).fit(mixed, Y)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("name", list(MODELS))
def test_only_plain_scikit_learn_classes(name):
    def classes(value):
        yield type(value).__module__.split(".")[0]
        for step in getattr(value, "steps", []) or []:
            yield from classes(step[1])
        for part in getattr(value, "transformers", []) or []:
            yield from classes(part[1])

    assert set(classes(make_pipeline_for(name, odd_columns()))) == {"sklearn"}


@pytest.mark.parametrize("variables", [None, ("numbers", "categories")])
@pytest.mark.parametrize("name", list(MODELS))
def test_printed_pipeline_is_the_built_one(name, variables):
    X = odd_columns()
    numbers, categories = column_kinds(X)
    names = {"numbers": numbers, "categories": categories}
    exec(import_lines([name]), names)
    printed = eval(pipeline_code(name, numbers, categories, 7, variables=variables), names)
    built = make_pipeline_for(name, X, random_state=7)
    assert str(printed) == str(built)
    assert repr(printed.get_params()) == repr(built.get_params()) or str(printed) == str(built)


def test_printed_pipeline_predicts_the_same():
    X = odd_columns()
    for name in FAST:
        names = {}
        exec(import_lines([name]), names)
        printed = eval(pipeline_code(name, *column_kinds(X)), names)
        assert (printed.fit(X, Y).predict_proba(X) == make_pipeline_for(name, X).fit(X, Y).predict_proba(X)).all()


def test_medians_are_learned_from_the_rows_that_are_fitted():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan] * 10})
    model = make_pipeline_for("logistic", X).fit(X.iloc[:20], [0, 1] * 10)
    assert model["columns"].named_transformers_["numbers"]["fill"].statistics_[0] == 2.0


def test_at_most_255_levels():
    X = pd.DataFrame({"a": np.repeat([f"l{i}" for i in range(400)], 12)})
    y = np.arange(len(X)) % 2
    for name in ("logistic", "hgb"):
        encoder = make_pipeline_for(name, X).fit(X, y)["columns"].named_transformers_["categories"]
        assert len(encoder.get_feature_names_out()) <= 255
        assert encoder.transform(X).max() < 255


def test_own_estimators():
    X = odd_columns()[["whole", "level"]]
    assert "varying" in make_pipeline_for(HistGradientBoostingClassifier(), X).named_steps
    assert make_pipeline_for(HistGradientBoostingClassifier(), X, random_state=5)[-1].random_state == 5
    assert make_pipeline_for(HistGradientBoostingClassifier(random_state=1), X, random_state=5)[-1].random_state == 1
    assert "varying" not in make_pipeline_for(LogisticRegression(), X).named_steps
    own = Pipeline([("m", GaussianNB())])
    again = make_pipeline_for(own, X)
    assert again is not own and str(again) == str(own)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"t": pd.date_range("2024", periods=3)}, "datetime64.*Derive"),
        ({"t": pd.to_timedelta([1, 2, 3], unit="D")}, "timedelta"),
        ({"m": [1, "a", 2.5]}, "one type"),
        ({"m": [[1], [2], [3]]}, "one type"),
        ({"i": [1.0, np.inf, 2.0]}, "finite"),
        ({"z": [1j, 2j, 3j]}, "one type"),
        ({}, "at least one feature"),
    ],
)
def test_bad_columns(columns, words):
    with pytest.raises(InputError, match=words):
        column_kinds(pd.DataFrame(columns))


def test_duplicate_columns_and_unknown_models():
    X = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(InputError, match="unique"):
        column_kinds(X)
    with pytest.raises(InputError, match="Did you mean 'logistic'"):
        make_pipeline_for("logstic", pd.DataFrame({"a": [1]}))
    with pytest.raises(InputError, match="predict_proba"):
        make_pipeline_for(object(), pd.DataFrame({"a": [1]}))
