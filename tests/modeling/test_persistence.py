"Models: saved without code, refused by name, and checked at the door."

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mltoolkit.core import InputError, Result, RunError
from mltoolkit.modeling.candidates import available_models, make_pipeline_for
from mltoolkit.modeling.persistence import check_input, input_schema, load_model, load_schema, model_fingerprint, save_model
from mltoolkit.modeling.strategies import STRATEGIES

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "n": RNG.random(200),
        "whole": RNG.integers(0, 50, 200),
        "maybe": np.where(RNG.random(200) < 0.2, np.nan, RNG.random(200)),
        "text": pd.Series(RNG.choice(["a", "b"], 200), dtype="str"),
        "flag": RNG.integers(0, 2, 200).astype(bool),
        "level": pd.Categorical(RNG.choice(["p", "q"], 200)),
    }
)
Y = RNG.integers(0, 2, 200)
SCHEMA = input_schema(X)


def double(table):
    return 2 * table


BIG = ("easy_ensemble", "balanced_forest", "random_forest", "extra_trees")
SIGNAL = (X["n"] + RNG.normal(scale=0.4, size=200) > 0.8).astype(int).to_numpy()


@pytest.mark.parametrize("name", [*available_models("binary"), *(f"logistic+{s}" for s in STRATEGIES if s not in (*BIG, "none"))])
def test_round_trip_of_every_model(name, tmp_path):
    model = make_pipeline_for(name, X)
    if name in BIG:
        model.set_params(model__n_estimators=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, SIGNAL)
    again = load_model(save_model(model, tmp_path / "model.skops", schema=SCHEMA))
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    assert load_schema(tmp_path).columns == SCHEMA.columns == load_schema(tmp_path / "input_schema.json").columns


DATES = X[["n"]].assign(
    when=pd.Timestamp("2024-03-30", tz="Europe/Paris") + pd.to_timedelta(np.arange(200), unit="h"),
    remark=[f"remark {i} about the door of room {i % 7}" for i in range(200)],
)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_models_with_dates_and_texts_for_other_tasks(task, tmp_path):
    y = RNG.integers(0, 3, 200) if task == "multiclass" else DATES["n"].to_numpy() * 7
    schema = input_schema(DATES)
    for name in available_models(task):
        if name not in (*BIG, "rus_boost", "balanced_bagging"):
            model = make_pipeline_for(name, DATES, task=task).fit(DATES, y)
            again = load_model(save_model(model, tmp_path / "model.skops", schema=schema))
            assert (again.predict(DATES) == model.predict(DATES)).all()
            assert load_schema(tmp_path).columns == schema.columns


def test_schema_of_dates_and_texts():
    schema = input_schema(DATES)
    when, remark = schema.columns[1:]
    assert (when["type"], when["timezone"], when["min"]) == ("date", "Europe/Paris", "2024-03-30T00:00:00+01:00")
    assert remark == {"column": "remark", "missing": False, "type": "text"}
    assert schema.summary() == {"columns": 3, "numbers": 1, "categories": 0, "dates": 1, "texts": 1}
    assert Result.from_dict(json.loads(json.dumps(schema.to_dict()))).names == schema.names
    model = make_pipeline_for("hgb", DATES).fit(DATES, Y)
    as_text = DATES.assign(when=DATES["when"].map(lambda t: t.isoformat()))
    for other in (as_text, DATES.assign(when=DATES["when"].dt.tz_convert("UTC")), DATES.assign(when=DATES["when"].dt.tz_localize(None))):
        checked = check_input(other, schema)
        assert len(checked.notes) == 0
        assert (model.predict_proba(checked.frame) == model.predict_proba(DATES.loc[other.index])).all()
    late = check_input(DATES.assign(when=DATES["when"] + pd.Timedelta(days=90), remark=None), schema).notes
    assert sorted(late["column"]) == ["remark", "when"]
    for column, value, words in (("when", 3, "must hold dates"), ("when", "soon", "must hold dates"), ("remark", 3, "must hold text")):
        with pytest.raises(InputError, match=words):
            check_input(DATES.assign(**{column: value}), schema)


def test_schema_is_plain_json(tmp_path):
    save_model(make_pipeline_for("dummy", X).fit(X, Y), tmp_path / "m.skops", schema=SCHEMA)
    saved = json.loads((tmp_path / "input_schema.json").read_text())
    by_name = {c["column"]: c for c in saved["columns"]}
    assert [c["type"] for c in saved["columns"]] == ["number", "integer", "number", "category", "boolean", "category"]
    assert by_name["maybe"]["missing"] and not by_name["n"]["missing"] and by_name["text"]["levels"] == ["a", "b"]
    again = Result.from_dict(json.loads(json.dumps(SCHEMA.to_dict())))
    assert again.names == SCHEMA.names and repr(again) == repr(SCHEMA)


def test_many_levels_are_only_counted():
    wide = input_schema(pd.DataFrame({"id": [f"r{i}" for i in range(1500)]})).columns[0]
    assert wide["n_levels"] == 1500 and "levels" not in wide


def test_a_column_that_was_never_known():
    schema = input_schema(pd.DataFrame({"a": [np.nan, np.nan]}))
    assert schema.columns[0]["min"] is None
    assert len(check_input(pd.DataFrame({"a": [1.0]}), schema).frame) == 1


def test_unknown_types_are_refused_and_named(tmp_path):
    bad = make_pipeline(FunctionTransformer(double), make_pipeline_for("dummy", X)).fit(X[["n"]], Y)
    with pytest.raises(InputError, match="double"):
        save_model(bad, tmp_path / "model.skops", schema=SCHEMA)
    assert list(tmp_path.iterdir()) == []
    skops.io.dump(bad, tmp_path / "foreign.skops")
    with pytest.raises(RunError, match="double"):
        load_model(tmp_path / "foreign.skops")


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(InputError, match="no file model.skops"):
        load_model(tmp_path / "model.skops")
    (tmp_path / "model.skops").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="must be a skops file"):
        load_model(tmp_path / "model.skops")
    with pytest.raises(InputError, match="input schema"):
        load_schema(tmp_path)
    with pytest.raises(InputError, match="`schema`"):
        save_model(make_pipeline_for("dummy", X).fit(X, Y), tmp_path / "m.skops", schema={"n": 1})


def test_a_good_table_passes_in_any_order_with_extras():
    found = check_input(X.assign(more=1)[["more", *reversed(X.columns)]], SCHEMA)
    assert list(found.frame.columns) == list(X.columns) and len(found.notes) == 0
    for name in X:
        assert found.frame[name].astype(object).equals(X[name].astype(object))


def test_training_rows_predict_the_same_after_the_check():
    model = make_pipeline_for("hgb", X).fit(X, Y)
    text_numbers = X.assign(n=X["n"].map(repr), text=X["text"].astype("string"))
    assert (model.predict_proba(check_input(text_numbers, SCHEMA).frame) == model.predict_proba(X)).all()


def test_notes():
    odd = X.head(3).assign(n=[5.0, np.nan, 0.5], text=["zz", "a", "b"])
    notes = check_input(odd, SCHEMA).notes
    assert sorted(zip(notes["column"], notes["rows"])) == [("n", 1), ("n", 1), ("text", 1)]
    assert notes.loc[notes["column"] == "text", "example"].tolist() == ["zz"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="whole"), "no column 'whole'"),
        (lambda f: f.rename(columns={"whole": "hole", "n": "nn"}), "no column 'n' and 1 more"),
        (lambda f: f.assign(n=["1", "n/a", "x"]), "'n/a' in row 1 and 1 more"),
        (lambda f: f.assign(n=[np.inf, 1, 2]), "finite"),
        (lambda f: f.assign(n=pd.date_range("2024", periods=3)), "must hold numbers"),
        (lambda f: f.assign(text=[1, 2, 3]), "'text' must hold text"),
        (lambda f: f.assign(flag=["yes", "no", "no"]), "'flag' must hold yes or no"),
        (lambda f: pd.concat([f, f[["n"]]], axis=1), "unique"),
        (lambda f: f.to_dict(), "DataFrame"),
    ],
)
def test_bad_tables(change, words):
    with pytest.raises(InputError, match=words):
        check_input(change(X.head(3)), SCHEMA)


def test_the_fingerprint_of_a_model_knows_what_it_learned(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=200), "b": rng.choice(["x", "y"], 200)})
    y, schema = (X["a"] > 0).astype(int), input_schema(X)
    for name in ("logistic", "hgb", "random_forest"):
        model = make_pipeline_for(name, X).fit(X, y)
        one = model_fingerprint(save_model(model, tmp_path / "one.skops", schema=schema))
        assert one == model_fingerprint(save_model(make_pipeline_for(name, X).fit(X, y), tmp_path / "two.skops", schema=schema))
        assert one != model_fingerprint(save_model(make_pipeline_for(name, X).fit(X[20:], y[20:]), tmp_path / "three.skops", schema=schema))
