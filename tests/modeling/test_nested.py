"Nested tuning: the whole search judged from outside, resumed where it stopped."

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling import nested
from mltoolkit.modeling.nested import NestedTuning, inner_split, nested_tune


def quiet(share, note=""):
    pass


def toy(n=260, seed=0, task="binary", **roles):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.standard_normal(n), "z": rng.standard_normal(n)})
    if task == "regression":
        frame["y"] = frame["x"] + 0.5 * rng.standard_normal(n)
    elif task == "multiclass":
        frame["y"] = np.array(["low", "middle", "top"])[np.digitize(frame["x"] + 0.5 * rng.standard_normal(n), [-0.6, 0.6])]
    else:
        frame["y"] = rng.random(n) < 1 / (1 + np.exp(-2 * frame["x"]))
    if "time" in roles:
        frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) // 2, unit="D")
    if "group" in roles:
        frame["who"] = np.arange(n) // 5
    return Dataset(frame=frame, target="y", **roles)


SMALL = {"families": ["logistic"], "n_splits": 2, "budget_s": None, "budget_trials": 2, "n_resamples": 20, "progress": quiet}


@pytest.fixture(scope="module")
def data():
    return toy()


@pytest.fixture(scope="module")
def split(data):
    return mlt.split(data, kind="stratified", n_splits=2)


@pytest.fixture(scope="module")
def found(data, split):
    return nested_tune(data, split=split, **SMALL)


def test_outer_rows_are_predicted_once_and_scored(found, split):
    assert set(found.predictions["row"]) == set(split.development) and found.predictions["row"].is_unique
    assert found.score == pytest.approx(log_loss(found.predictions["y"], found.prediction()), abs=1e-12)
    for row in found.table.itertuples():
        part = found.predictions[found.predictions["fold"] == row.fold]
        assert row.score == pytest.approx(log_loss(part["y"], part["tuned"]), abs=1e-12)
        assert row.trials == 2 and row.family == "logistic"
    assert found.lower < found.score < found.upper
    weights = found.table["valid_rows"] / found.table["valid_rows"].sum()
    assert found.optimism == pytest.approx((weights * (found.table["score"] - found.table["inner_score"])).sum())


def test_labels_of_an_outer_fold_have_no_influence_on_its_predictions(data, split, found):
    valid = split.folds[0][1]
    frame = data.frame.copy()
    frame.loc[valid, "y"] = ~frame.loc[valid, "y"]
    other = data.with_frame(frame)
    folds = mlt.split(other, cv=[(train, valid) for train, valid in split.folds])
    again = nested_tune(other, split=folds, **SMALL)
    first = found.predictions["fold"] == 1
    assert (again.predictions["row"] == found.predictions["row"]).all()
    kind = mlt.split(data, cv=[(train, valid) for train, valid in split.folds])
    same = nested_tune(data, split=kind, **SMALL)
    assert (again.predictions.loc[first, "tuned"] == same.predictions.loc[first, "tuned"]).all()


def test_same_seed_same_result_and_round_trip(data, split, found, tmp_path):
    again = nested_tune(data, split=split, **SMALL)
    pd.testing.assert_frame_equal(again.predictions, found.predictions, check_exact=True)
    found.save(tmp_path / "nested.json")
    loaded = Result.load(tmp_path / "nested.json")
    assert isinstance(loaded, NestedTuning) and loaded.configurations == found.configurations
    assert loaded.sentence == found.sentence and "outer folds" in found.sentence and "Every search chose logistic" in found.sentence


def test_a_stopped_run_goes_on_and_repeats_nothing(data, split, found, tmp_path, monkeypatch):
    calls, real = [], nested.tune

    def counted(part, **how):
        calls.append(len(part))
        if len(calls) == 2:
            raise Cancelled()
        return real(part, **how)

    monkeypatch.setattr(nested, "tune", counted)
    with pytest.raises(Cancelled):
        nested_tune(data, split=split, store=tmp_path / "n", **SMALL)
    told = nested_tune(data, split=split, store=tmp_path / "n", **SMALL)
    assert len(calls) == 3
    pd.testing.assert_frame_equal(told.predictions, found.predictions, check_exact=True)
    nested_tune(data, split=split, store=tmp_path / "n", **SMALL)
    assert len(calls) == 3
    with pytest.raises(InputError, match="another folder"):
        nested_tune(data, split=split, store=tmp_path / "n", **SMALL | {"budget_trials": 3})


def test_inner_folds_follow_the_rule_of_the_split():
    timed = toy(time="day")
    split = mlt.split(timed, n_splits=2, gap="2D")
    part, inner = inner_split(split, timed, 2, n_splits=2)
    assert inner.kind == "time" and not len(inner.test)
    days = part.frame["day"]
    outer = timed.frame["day"].iloc[split.folds[1][1]]
    assert days.max() < outer.min() - pd.Timedelta("1D")
    for train, valid in inner.folds:
        assert days.iloc[train].max() < days.iloc[valid].min() - pd.Timedelta("1D")
    grouped = toy(group="who")
    split = mlt.split(grouped, n_splits=3)
    part, inner = inner_split(split, grouped, 1, n_splits=2)
    who = part.frame["who"].to_numpy()
    assert inner.kind == "grouped" and all(not set(who[a]) & set(who[b]) for a, b in inner.folds)
    assert not set(who) & set(grouped.frame["who"].iloc[split.folds[0][1]])


@pytest.mark.parametrize(("task", "family"), [("multiclass", "logistic"), ("regression", "ridge")])
def test_other_tasks_in_their_own_shape(task, family):
    data = toy(task=task)
    told = nested_tune(data, split=mlt.split(data, n_splits=2), **SMALL | {"families": [family]})
    expected = (len(told.predictions), 3) if task == "multiclass" else (len(told.predictions),)
    assert told.prediction().shape == expected and np.isfinite(told.prediction()).all()
    assert told.metric == ("log_loss" if task == "multiclass" else "rmse") and np.isfinite(told.score)


def test_a_class_that_training_rows_lack_has_probability_zero():
    class Model:
        classes_ = np.array([0, 2])

        def predict_proba(self, X):
            return np.tile([0.3, 0.7], (len(X), 1))

    data = toy(task="multiclass")
    assert nested._predicted(Model(), data.frame[["x"]].iloc[:2], data).tolist() == [[0.3, 0.0, 0.7]] * 2


@pytest.mark.parametrize("wrong", [{"resume": "x"}, {"storage": "x"}, {"refit": False}])
def test_arguments_that_the_nesting_sets_are_refused(data, split, wrong):
    with pytest.raises(InputError, match="of its own"):
        nested_tune(data, split=split, **SMALL, **wrong)


def test_a_stop_is_heard(data, split):
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        nested_tune(data, split=split, cancel=cancel, **SMALL)
