"""`mlt.tune`: the same trials for the same seed, a resumed study equals an uninterrupted one, budgets hold, failures are told."""

import threading
import time

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result, RunError
from mltoolkit.modeling.ranges import Choice, Float, Int
from mltoolkit.modeling.tuning import Tuning, tune

FAST = {"budget_s": None, "n_jobs": 1, "sampler": "random", "families": ["logistic", "hgb"], "n_resamples": 50}


def table(n=600, seed=0, task="binary"):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "c": rng.choice(["x", "y", "z"], n)})
    score = X["a"] + 0.5 * X["b"] ** 2 + (X["c"] == "x") + rng.normal(size=n)
    if task == "regression":
        return mlt.load(X.assign(y=score), target="y", task="regression")
    if task == "multiclass":
        return mlt.load(X.assign(y=pd.cut(score, [-np.inf, 0, 1, np.inf], labels=["low", "mid", "high"]).astype(str)), target="y")
    return mlt.load(X.assign(y=(score > 1.5).astype(int)), target="y", positive=1)


@pytest.fixture(scope="module")
def data():
    return table()


@pytest.fixture(scope="module")
def split(data):
    return mlt.split(data, kind="stratified", n_splits=3)


@pytest.fixture(scope="module")
def found(data, split):
    return tune(data, None, split, budget_trials=8, **FAST)


def test_one_seed_and_one_worker_give_the_same_trials(data, split, found):
    again = tune(data, None, split, budget_trials=8, **FAST)
    assert again.configurations == found.configurations
    np.testing.assert_array_equal(again.table["score"], found.table["score"])
    assert again.best == found.best


def test_another_seed_gives_other_trials(data, split, found):
    other = tune(data, None, split, budget_trials=8, **FAST, random_state=1)
    drawn = [n for n, origin in zip(found.table["trial"], found.table["origin"]) if origin == "sampler"]
    assert drawn and any(other.configurations.get(n) != found.configurations[n] for n in drawn)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_resumed_study_goes_on_as_if_it_had_not_been_interrupted(data, split, tmp_path, sampler):
    options = FAST | {"sampler": sampler, "refit": False}
    whole = tune(data, None, split, budget_trials=9, storage=tmp_path / "whole", **options)
    tune(data, None, split, budget_trials=4, storage=tmp_path / "part", **options)
    resumed = tune(data, None, split, budget_trials=9, resume=tmp_path / "part", **options)
    assert resumed.configurations == whole.configurations
    np.testing.assert_array_equal(resumed.table["score"], whole.table["score"])
    assert resumed.spent["trials"] == 9 and resumed.spent["fits"] == whole.spent["fits"]


def test_the_best_is_the_best_and_its_model_predicts(data, split, found):
    done = found.table[found.table["state"] == "done"]
    assert found.best == int(done.loc[done["score"].idxmin(), "trial"])
    assert found.best_lower < found.best_score < found.best_upper
    from sklearn.pipeline import Pipeline

    assert isinstance(found.best_model, Pipeline)
    assert found.best_model.predict_proba(data.X.head(5)).shape == (5, 2)


def test_the_score_is_that_of_the_out_of_fold_predictions(found):
    from sklearn.metrics import log_loss

    assert found.best_score == pytest.approx(log_loss(found.oof["y"], found.prediction()), abs=1e-12)


def test_the_code_builds_the_same_model(data, split, found):
    names = {}
    exec(found.code, names)  # noqa: S102 (our own text)
    development = split.development_data(data)
    model = names["model"].fit(development.X, development.y.to_numpy())
    np.testing.assert_allclose(model.predict_proba(data.X)[:, 1], found.best_model.predict_proba(data.X)[:, 1], atol=1e-12)


def test_a_saved_study_is_read_back_and_can_build_its_model(data, split, found, tmp_path):
    found.save(tmp_path / "tuning.json")
    again = Result.load(tmp_path / "tuning.json")
    assert isinstance(again, Tuning) and again.configurations == found.configurations and again.final == found.final
    model = again.fit_best(data, split=split)
    np.testing.assert_allclose(model.predict_proba(data.X), found.best_model.predict_proba(data.X), atol=1e-12)
    with pytest.raises(InputError, match="fit_best"):
        again.best_model  # noqa: B018


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_classes_and_quantities(task):
    data = table(task=task)
    found = tune(data, None, mlt.split(data, n_splits=3), budget_trials=3, **FAST | {"families": ["hgb"]}, ensemble=True)
    assert (found.table["state"].isin(["done", "dropped"])).all() and np.isfinite(found.best_score)
    assert len(found.best_model.predict(data.X)) == len(data)


def test_an_ensemble_is_one_estimator(data, split):
    found = tune(data, None, split, budget_trials=8, ensemble=3, race=False, **FAST)
    assert 1 <= len(found.final["members"]) <= 3 and "ensemble" in found.final["evidence"]
    assert found.best_model.predict_proba(data.X.head(3)).shape == (3, 2)


def test_a_pipeline_of_the_users(data, split):
    from sklearn.linear_model import LogisticRegression

    found = tune(data, (LogisticRegression(), {"C": Float(0.01, 10, log=True)}), split, budget_trials=4, **FAST | {"families": None})
    assert len(found.table) == 4 and "C" in found.parameters.columns


def test_a_function_of_the_users(data, split):
    from sklearn.tree import DecisionTreeClassifier

    def suggest(trial):
        return DecisionTreeClassifier(max_depth=trial.suggest_int("max_depth", 1, 6), random_state=0)

    found = tune(data, suggest, split, budget_trials=3, **FAST | {"families": None})
    assert found.best_model.predict_proba(data.X.head(2)).shape == (2, 2)


def test_what_was_tried_is_not_tried_again(data, split):
    space = {"logistic": {"C": {"choices": [0.1, 1.0]}}}
    found = tune(data, space, split, budget_trials=200, **FAST | {"families": None})
    assert "the space is searched" in found.stopped_because
    assert found.spent["fits"] <= 6 and len(found.table) == 2


def test_a_grid_ends_when_it_is_through(data, split):
    space = {"logistic": {"C": {"choices": [0.01, 0.1, 1.0]}}}
    found = tune(data, space, split, budget_trials=200, race=False, **FAST | {"families": None, "sampler": "grid"})
    tried = {c["logistic.C"] for c in found.configurations.values()}
    assert tried == {0.01, 0.1, 1.0} and found.spent["fits"] == 9


@pytest.mark.parametrize("kind, amount", [("budget_trials", 3), ("budget_fits", 4)])
def test_budgets_of_trials_and_fits_are_exact(data, split, kind, amount):
    found = tune(data, None, split, **{kind: amount}, race=False, **FAST)
    assert found.spent[kind.removeprefix("budget_")] <= amount


def test_a_budget_of_seconds_holds_within_a_fit(data, split):
    start = time.monotonic()
    found = tune(data, None, split, **FAST | {"budget_s": 2.0})
    longest = found.table["seconds"].max()
    assert time.monotonic() - start < 4 + longest
    assert "budget" in found.stopped_because


def test_money_needs_a_price(data, split):
    with pytest.raises(InputError, match="price"):
        tune(data, None, split, budget_money=1, **FAST)
    found = tune(data, None, split, budget_money=1.5 / 3600, price_per_hour=1.0, **FAST)
    assert 0 < found.spent["money"] < 5 / 3600


def test_a_budget_below_one_fit_is_refused(data, split):
    with pytest.raises(InputError, match="one fit"):
        tune(data, None, split, **FAST | {"budget_s": 1e-6})


def test_a_failing_configuration_is_told_and_the_study_goes_on(data, split):
    from sklearn.linear_model import LogisticRegression

    def suggest(trial):
        return LogisticRegression(C=trial.suggest_categorical("C", [-1.0, 0.1, 1.0]))

    found = tune(data, suggest, split, budget_trials=6, **FAST | {"families": None})
    failed = found.table[found.table["state"] == "failed"]
    assert len(failed) and failed["reason"].str.contains("C").all() and (found.table["state"] == "done").any()


def test_three_equal_reasons_end_a_search_that_never_worked(data, split):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(RunError, match="C"):
        tune(data, (LogisticRegression(), {"C": Float(-2, -1)}), split, budget_trials=50, **FAST | {"families": None})


def test_a_stop_is_heard_and_the_study_goes_on(data, split, tmp_path):
    cancel, seen = Cancel(), []

    def watch(live):
        seen.append(live.table())
        if len(live.table()) >= 3:
            cancel.cancel()

    with pytest.raises(Cancelled):
        tune(data, None, split, budget_trials=50, storage=tmp_path, watch=watch, cancel=cancel, **FAST)
    assert seen
    found = tune(data, None, split, budget_trials=5, resume=tmp_path, **FAST)
    assert len(found.table) >= 5 and not found.table["state"].isin(["running", "waiting"]).any()


def test_a_stop_is_heard_within_three_tenths_of_a_second(data, split):
    cancel, ended = Cancel(), []

    def work():
        with pytest.raises(Cancelled):
            tune(data, None, split, budget_trials=10_000, race=False, cancel=cancel, **FAST)
        ended.append(time.monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(2.0)
    asked = time.monotonic()
    cancel.cancel()
    thread.join(10)
    assert ended and ended[0] - asked < 1.0  # 0.3 on a quiet machine; this one may be busy


def test_other_data_is_refused_on_resume(data, split, tmp_path):
    tune(data, None, split, budget_trials=2, storage=tmp_path, **FAST)
    other = table(seed=1)
    with pytest.raises(InputError, match="the data"):
        tune(other, None, mlt.split(other, kind="stratified", n_splits=3), budget_trials=2, resume=tmp_path, **FAST)


def test_a_space_may_be_edited_between_sessions(data, split, tmp_path):
    tune(data, {"logistic": {"C": [0.01, 1, "log"]}}, split, budget_trials=3, storage=tmp_path, **FAST | {"families": None})
    edited = {"logistic": {"C": [1, 100, "log"]}, "hgb": {"learning_rate": [0.05, 0.2]}}
    found = tune(data, edited, split, budget_trials=9, resume=tmp_path, **FAST | {"families": None})
    later = [c for n, c in found.configurations.items() if n >= 3]
    assert later and all(c["family"] == "hgb" or c["logistic.C"] >= 1 for c in later)
    assert np.isfinite(found.best_score)


def test_a_warm_start_begins_with_what_worked(data, split, found):
    again = tune(data, None, split, budget_trials=2, warm_start=found, **FAST)
    assert list(again.table["origin"]) == ["warm start"] * 2
    assert again.configurations[0] == found.configurations[found.best]


def test_several_objectives_have_a_front(data, split):
    found = tune(data, None, split, objectives=("predict_seconds", "size"), budget_trials=6, **FAST)
    front = found.pareto
    assert {"predict_seconds", "size"} <= set(front.columns) and len(front) >= 1
    assert (found.table.loc[found.table["state"] == "done", "size"] > 0).all()
    assert found.cheapest(by="size") in found.configurations
    with pytest.raises(InputError, match="cost_fp"):
        tune(data, None, split, objectives="cost", budget_trials=2, **FAST)


def test_the_sentence_says_what_is_luck(found):
    assert "Corrected for having been chosen" in found.sentence and "95 % interval" in found.sentence
    assert found.corrected_score >= found.best_score - 1e-9 and found.optimism >= -1e-9


@pytest.mark.parametrize("bad, match", [
    ({"space": {}}, "at least one family"), ({"space": {"hgb": {"learning_rte": [0.1, 0.2]}}}, "learning_rte"),
    ({"space": {"hgb": {"learning_rate": [0.3, 0.1]}}}, "low bound"), ({"sampler": "tpr"}, "sampler"), ({"race": "fast"}, "race"),
    ({"objectives": "speed"}, "objective"), ({"resume": "/nowhere/at/all"}, "must exist"), ({"warm_start": "/nowhere"}, "saved study"),
])  # fmt: skip
def test_bad_input_is_refused_in_words(data, split, bad, match):
    options = FAST | {"families": None, "budget_trials": 2} | bad
    space = options.pop("space", None)
    with pytest.raises(InputError, match=match):
        tune(data, space, split, **options)


def test_a_choice_may_hold_more_than_numbers(data, split):
    space = {"hgb": {"max_depth": {"choices": [None, 3]}, "max_leaf_nodes": [4, 16, "int"]}}
    found = tune(data, space, split, budget_trials=3, **FAST | {"families": None})
    assert {c["hgb.max_depth"] for c in found.configurations.values()} <= {None, 3}
    assert isinstance(Int(1, 3), Int) and isinstance(Choice(1, 2), Choice)


def test_a_recipe_can_keep_the_winner(data, split, found):
    from mltoolkit.modeling.candidates import make_pipeline_for

    kept = found.as_candidate()
    assert set(kept) == {"family", "strategy", "encoding", "parameters"}
    development = split.development_data(data)
    pipeline = make_pipeline_for(kept["family"], development.X, encoding=kept["encoding"], parameters=kept["parameters"])
    model = pipeline.fit(development.X, development.y.to_numpy())
    own = found.fit_best(data, trial=found.best, split=split)
    np.testing.assert_allclose(model.predict_proba(data.X), own.predict_proba(data.X), atol=1e-12)


def test_several_workers_find_as_much(data, split, tmp_path):
    found = tune(data, None, split, budget_trials=8, storage=tmp_path, **FAST | {"n_jobs": 2})
    dropped = found.table[found.table["state"] == "dropped"]
    assert (dropped["score"] >= found.best_score).all()  # a dropped trial is placed behind the leader
    assert len(found.table) >= 8


def test_a_budget_that_ends_before_any_trial_saw_all_folds(data, split):
    "The best so far is told with its gaps: nothing is calibrated or mixed on rows it never predicted."
    slow = FAST | {"budget_s": 3, "families": ["logistic"]}
    found = tune(data, None, split, calibrate=True, ensemble="auto", watch=lambda live: time.sleep(3.1), **slow)
    assert not found.table["state"].eq("done").any() and found.table["folds"].max() < 3
    assert found.final["calibration"] is None and len(found.final["members"]) == 1 and found.final["evidence"] == {}
