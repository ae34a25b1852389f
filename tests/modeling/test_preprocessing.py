"Encodings: plain scikit-learn, safe on odd columns, the same built as printed; nothing learned from other rows."

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from mltoolkit.core import InputError
from mltoolkit.modeling.calls import build
from mltoolkit.modeling.candidates import MODELS, import_lines, make_pipeline_for, pipeline_code
from mltoolkit.modeling.preprocessing import ColumnKinds, column_kinds, encode

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


BINARY = [name for name in MODELS if "binary" in MODELS[name].tasks]


@pytest.mark.parametrize("name", BINARY)
def test_only_plain_classes_for_numbers_and_categories(name):
    def classes(value):
        yield type(value).__module__.split(".")[0]
        for step in getattr(value, "steps", []) or []:
            yield from classes(step[1])
        for part in getattr(value, "transformers", []) or []:
            yield from classes(part[1])

    assert set(classes(make_pipeline_for(name, odd_columns()))) <= {"sklearn", "imblearn", "lightgbm", "xgboost"}


@pytest.mark.parametrize("variables", [(), ("numbers", "categories")])
@pytest.mark.parametrize("name", FAST)
def test_printed_pipeline_is_the_built_one(name, variables):
    X = odd_columns().drop(columns="id")
    columns = column_kinds(X)
    names = {"numbers": columns.numbers, "categories": columns.categories}
    exec(import_lines([name]), names)
    printed = eval(pipeline_code(name, columns, random_state=7, variables=variables), names)
    assert str(printed) == str(make_pipeline_for(name, X, random_state=7))


def test_printed_pipeline_predicts_the_same():
    X = odd_columns()
    for name in FAST:
        names = {}
        exec(import_lines([name], column_kinds(X)), names)
        printed = eval(pipeline_code(name, column_kinds(X)), names)
        assert (printed.fit(X, Y).predict_proba(X) == make_pipeline_for(name, X).fit(X, Y).predict_proba(X)).all()


# what the pipelines of the flights looked like before there were dates, texts and many levels: they must stay as they are
LINEAR = """ColumnTransformer(transformers=[('numbers',
                                 Pipeline(steps=[('fill',
                                                  SimpleImputer(add_indicator=True,
                                                                keep_empty_features=True,
                                                                strategy='median')),
                                                 ('scale', StandardScaler())]),
                                 ['distance', 'hour', 'temp']),
                                ('categories',
                                 OneHotEncoder(handle_unknown='infrequent_if_exist',
                                               max_categories=255,
                                               min_frequency=10),
                                 ['carrier', 'dest'])])"""
TREE = """ColumnTransformer(transformers=[('numbers',
                                 StandardScaler(with_mean=False,
                                                with_std=False),
                                 ['distance', 'hour', 'temp']),
                                ('categories',
                                 OrdinalEncoder(handle_unknown='use_encoded_value',
                                                max_categories=255,
                                                min_frequency=10,
                                                unknown_value=nan),
                                 ['carrier', 'dest'])])"""


def test_the_pipelines_of_the_flights_are_as_they_were(flights_small):
    X = flights_small.frame[["distance", "hour", "temp", "carrier", "dest"]]
    logistic, hgb = make_pipeline_for("logistic", X), make_pipeline_for("hgb", X)
    assert str(logistic["columns"]) == LINEAR and list(logistic.named_steps) == ["columns", "model"]
    hgb["columns"].transformers[1][1].set_params(encoded_missing_value=np.nan)  # NumPy's own nan is the default and not printed
    assert str(hgb["columns"]) == TREE and list(hgb.named_steps) == ["columns", "varying", "model"]
    assert str(logistic[-1]) == "LogisticRegression(max_iter=500, random_state=0)"
    assert "early_stopping=False, l2_regularization=10.0" in str(hgb[-1]) and "learning_rate=0.05, max_leaf_nodes=15" in str(hgb[-1])


def test_medians_are_learned_from_the_rows_that_are_fitted():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan] * 10})
    model = make_pipeline_for("logistic", X).fit(X.iloc[:20], [0, 1] * 10)
    assert model["columns"].named_transformers_["numbers"]["fill"].statistics_[0] == 2.0


def levels(n, repeats=12):
    return pd.DataFrame({"a": np.repeat([f"l{i}" for i in range(n)], repeats)})


def test_at_most_255_levels_are_kept_apart():
    X, many = levels(255), levels(400)
    y = np.arange(len(many)) % 2
    encoder = make_pipeline_for("logistic", X).fit(X, y[: len(X)])["columns"].named_transformers_["categories"]
    assert len(encoder.get_feature_names_out()) == 255
    codes = make_pipeline_for("hgb", many).fit(many, y)["columns"].transform(many)
    assert codes.max() < 255
    assert make_pipeline_for("logistic", many).fit(many, y)["columns"].transform(many).shape[1] == 1
    assert make_pipeline_for("knn", levels(40)).fit(levels(40), y[:480])["columns"].transform(levels(40)).shape[1] == 40
    assert make_pipeline_for("knn", levels(41)).fit(levels(41), y[:492])["columns"].transform(levels(41)).shape[1] == 1


def test_many_levels_become_means_of_other_rows():
    "A level with one row tells nothing about that row: encoding the target by rows of its own would be perfect here."
    X = pd.DataFrame({"a": [f"row{i}" for i in range(2_000)]})
    y = np.random.default_rng(0).integers(0, 2, 2_000)
    steps = Pipeline(build(encode("linear", column_kinds(X))))
    seen = steps.fit_transform(X, y)[:, 0]
    assert abs(np.corrcoef(seen, y)[0, 1]) < 0.1
    alone = make_pipeline_for("logistic", X).fit(X[:1_000], y[:1_000]).predict_proba(X[1_000:])[:, 1]
    assert np.ptp(alone) < 1e-12  # levels never seen: the mean


def test_many_levels_for_every_task():
    X = pd.DataFrame({"a": [f"l{i % 300}" for i in range(1_500)]})
    X.loc[::50, "a"] = None
    strength = np.sin(np.arange(1_500) % 300)
    for task, y, width in (("binary", strength > 0, 1), ("multiclass", np.digitize(strength, [-0.5, 0.5]), 3), ("regression", strength, 1)):
        y = y.astype(int) if task != "regression" else y
        steps = Pipeline(build(encode("linear", column_kinds(X), task=task, random_state=1))).fit(X, y)
        assert steps.transform(X).shape == (1_500, width)
        assert np.isfinite(steps.transform(pd.DataFrame({"a": ["l1", "new", None]}))).all()
        assert np.corrcoef(steps.transform(X)[:, -1], strength)[0, 1] > 0.7


def test_kinds():
    X = odd_columns().assign(
        when=pd.date_range("2024", periods=N, tz="UTC"), remark=[f"this is remark number {i}" for i in range(N)],
    )  # fmt: skip
    kinds = column_kinds(X)
    assert kinds.numbers == ["whole", "f32", "u8", "never", "arrow", "<b>hostile</b> \"'{}"]
    assert kinds.dates == ["when"] and kinds.texts == ["remark"] and sum(map(len, kinds)) == X.shape[1]
    assert (kinds.levels["id"], kinds.levels["nothing"], kinds.levels["level"]) == (N, 0, 3)
    numbers, categories, dates, texts = kinds
    again = pickle.loads(pickle.dumps(kinds))
    assert again == kinds and again.levels == kinds.levels and isinstance(again, ColumnKinds)
    few, many = kinds.split_categories(3)
    assert many == ["id"] and set(few) | set(many) == set(categories)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"t": pd.to_timedelta([1, 2, 3], unit="D")}, "timedelta.*total_seconds"),
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
