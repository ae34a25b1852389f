"The tuning lab: what it asks for, what it shows, how it pauses, stops and goes on, what is refused."

import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Cancelled, InputError
from mltoolkit.widgets import space_view, tuning_lab, tuning_view
from mltoolkit.widgets.tuning_lab import TuningLab

HOSTILE = "<img src=x onerror=alert(1)>"


def table(rows=240, *, kind="binary"):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 9, rows), "plan": rng.choice(["a", "b", "c"], rows), "visits": rng.poisson(3, rows)})
    signal = (frame["age"] - 40) / 9 + (frame["plan"] == "a") + rng.normal(0, 1, rows)
    return frame.assign(y=signal * 10 + 50 if kind == "regression" else np.where(signal > 0.8, "yes", "no"))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lab_of(data=None, **settings):
    roles = {} if hasattr(data, "features") or "target" in settings else {"target": "y", "positive": "yes"}
    quick = {"families": ["logistic"], "budget_s": None, "budget_trials": 3}
    lab = TuningLab(table() if data is None else data, n_jobs=1, **{**quick, **roles, **settings})
    if lab.split_job is not None:
        lab.split_job.wait(60)
    return lab


def run(lab):
    lab.run()
    return lab.job.wait(120)


def html(lab):
    made = {name: make() for name, make in lab.regions().items()}
    return {name: "".join(map(str, value.values())) if isinstance(value, dict) else str(value) for name, value in made.items()}


def until(true, seconds=20):
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "it never happened"
        time.sleep(0.01)


def slow_tune(data, space, split, *, watch, progress, cancel, budget_s=60, **kwargs):
    "Stands in for `mlt.tune`: trials of five folds that take a while; a spent budget ends it with a result."
    live = SimpleNamespace(best=None, spent={"wall_s": 1.0, "fits": 0}, budget={"wall_s": 60.0}, share=0.1, time_left="59 s", current=[0], message="",
                           n_folds=5, metric="log_loss", objectives=(), space={}, configurations=dict, races=pd.DataFrame)  # fmt: skip
    rows = []
    live.table = lambda: pd.DataFrame(rows)
    if budget_s and budget_s < 0.1:
        rows.append({"trial": 0, "label": "a", "family": "logistic", "state": "done", "folds": 5, "score": 0.5})
        return SimpleNamespace(table=pd.DataFrame(rows), best=0, sentence="The best of 1.", configurations={}, stopped_because="", code="")
    for k in range(10_000):
        label = f"Logistic regression, C {HOSTILE}"
        rows[:] = [{"trial": 0, "label": label, "family": "logistic", "state": "done" if k > 5 else "running", "folds": min(5, k), "score": 0.5,
                    "reason": ""}]  # fmt: skip
        live.best, live.current = ((0, 0.5, 0.4, 0.6), []) if k > 5 else (None, [0])
        watch(live)
        progress(0.1, f"trial 0, fold {min(5, k)}")
        time.sleep(0.02)
        cancel.check()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    lab = lab_of(folder=tmp_path_factory.mktemp("studies"), families=["logistic", "hgb"], budget_trials=4)
    run(lab)
    return lab


def test_nothing_is_fitted_before_somebody_asks():
    lab = lab_of(families=None, budget_s=60, budget_trials=None)
    shown = html(lab)
    assert lab.job is None and lab.result is None and lab.state == "idle" and lab.study is None and not lab.path.parent.exists()
    assert (
        "Nothing is fitted yet." in shown["body"]
        and "Searched: " in shown["body"]
        and ">Tune<" in shown["bar"]
        and "split" in shown["head"]
    )
    assert (
        lab.code == "mlt.tune(data, split=mlt.split(data))".replace("data", "mlt.load(data, target='y', positive='yes')")
        or "split=mlt.split(" in lab.code
    )
    assert "Not tuned yet." in lab.static_html() and "idle" in repr(lab)


def test_the_result_the_code_and_every_page(finished):
    result = finished.result
    assert finished.state == "done" and len(result.table) == 4 and finished.selected == str(result.best)
    shown = html(finished)
    assert result.sentence[:40] in shown["body"] and shown["rows"].count("<tr") == 4 and "Configuration" in shown["detail"]
    assert "Budget" in shown["facts"] and "4 trials of 4 trials" in shown["facts"] and ">Go on<" in shown["bar"]
    again = eval(finished.code, {"mlt": mlt, "data": finished.source})
    same = ["trial", "label", "state", "folds", "score", "lower", "upper"]
    pd.testing.assert_frame_equal(again.table[same], result.table[same])
    for tab in ("space", "split", "code", "result"):
        finished.handle("tab", tab)
        page = html(finished)
        assert finished.problem is None and "<script" not in page["body"]
        if tab == "code":
            assert "resume=" in page["body"] and "The final estimator without mltoolkit" in page["body"]
    for name, _ in tuning_view.PICTURES:
        finished.handle("picture", name)
        page = html(finished)["pictures"]
        assert finished.problem is None and ("<svg" in page or "No picture yet" in page), name
    finished.handle("picture", "history")
    assert 'data-action="select"' in html(finished)["pictures"] and "<svg" in html(finished)["rows"]
    assert result.sentence[:30] in finished.static_html() and len(finished.static_html()) < 20_000
    finished.handle("picture", "no such")
    assert "one of a few" in finished.problem


def test_the_card_of_every_trial_and_its_code(finished):
    for trial in finished.result.table["trial"]:
        finished.handle("select", str(trial))
        card = html(finished)["detail"]
        assert f"trial {trial}" in card and "Fold by fold" in card and "Figures" in card
    finished.handle("select", str(finished.result.best))
    text = finished.trial_code(finished.result.best)
    space = {}
    exec(text, space)
    assert hasattr(space["model"], "fit") and "sklearn" in text and "mltoolkit" not in text
    assert html(finished)["detail"].count("LogisticRegression") + html(finished)["detail"].count("HistGradient") >= 1


def test_another_limit_makes_it_out_of_date_and_going_on_repeats_nothing(finished):
    finished.handle("budget_trials", "6")
    assert finished.stale and "Out of date." in html(finished)["body"] and ">Go on<" in html(finished)["bar"]
    finished.handle("budget_trials", "4")
    assert not finished.stale


def test_a_study_outlives_the_kernel(here):
    first = run(lab_of(budget_trials=2))
    lab = lab_of(budget_trials=4)
    until(lambda: lab.found)
    assert "2 trials in " in lab.found and "A study was found." in html(lab)["body"] and html(lab)["rows"].count("<tr") == 2
    assert lab.state == "idle" and ">Go on<" in html(lab)["bar"] and "Best: log-loss" in lab.found
    result = run(lab)
    assert len(result.table) == 4 and lab.found
    pd.testing.assert_frame_equal(result.table[["trial", "label", "score"]].head(2), first.table[["trial", "label", "score"]])
    assert lab_of(budget_trials=4, scoring="roc_auc").path != lab.path  # another measure is another study
    again = lab_of(budget_trials=2)
    until(lambda: again.found)
    again.handle("new-study")
    assert not again.study_exists and again.study is None and (lab.path.parent / "study-1.log").exists()
    assert len(run(again).table) == 2


def test_a_pause_and_a_stop_are_heard_at_once(monkeypatch):
    lab = lab_of()
    monkeypatch.setattr("mltoolkit.modeling.tuning.tune", slow_tune)
    lab.surface
    lab.handle("run")
    until(lambda: lab.live is not None and lab.live.best)
    shown = html(lab)
    assert lab.state == "running" and "Pause" in shown["bar"] and "progressbar" in shown["foot"] and "59 s" in shown["facts"]
    assert "<img" not in "".join(shown.values()) and "&lt;img" in shown["rows"]
    began = time.monotonic()
    lab.handle("pause")
    until(lambda: lab.state == "stopped", 1)
    assert time.monotonic() - began < 0.3
    until(lambda: "Paused." in html(lab)["body"], 2)
    assert "5 fits kept" in html(lab)["body"] and "may be edited now" in html(lab)["body"] and lab.result is None
    lab.path.parent.mkdir(parents=True, exist_ok=True)
    lab.path.write_text("")
    assert ">Go on<" in html(lab)["bar"]
    before = lab.live
    lab.handle("run")
    until(lambda: lab.state == "running" and lab.live is not before and lab.live.best)
    began = time.monotonic()
    lab.handle("stop")
    until(lambda: lab.job.state != "running" or lab.ending == "conclude", 1)
    assert time.monotonic() - began < 0.3
    until(lambda: lab.state == "done")
    assert lab.result.sentence == "The best of 1." and lab.result.stopped_because == "it was stopped"


def test_a_fit_that_does_not_listen_is_left_alone_and_waited_for(monkeypatch):
    lab, go, calls = lab_of(), threading.Event(), []

    def deaf(*args, watch, progress, cancel, **kwargs):
        calls.append(len(calls))
        if len(calls) == 1:
            go.wait(20)
        cancel.check()
        return SimpleNamespace(table=pd.DataFrame([{"trial": 0, "state": "done", "folds": 5, "score": 0.5, "label": "a"}]), best=0, sentence="Done.",
                               configurations={}, stopped_because="", code="")  # fmt: skip

    monkeypatch.setattr("mltoolkit.modeling.tuning.tune", deaf)
    lab.handle("run")
    until(lambda: calls)
    with lab._lock:  # the page is being drawn meanwhile
        threading.Thread(target=lab.handle, args=("pause",)).start()
        began = time.monotonic()
        until(lambda: lab.state == "stopped", 1)
        assert time.monotonic() - began < 0.3
    assert "Nothing was fitted yet." in lab.kept_words()
    lab.handle("run")
    until(lambda: "Waiting for the last fit" in lab.job.note)
    assert calls == [0]
    go.set()
    assert lab.job.wait(10).sentence == "Done." and calls == [0, 1]


def test_the_space_is_edited_row_by_row():
    lab = lab_of(families=["logistic", "hgb"])
    lab.handle("tab", "space")
    body = html(lab)["body"]
    assert "learning_rate" in body and "pip install" in body or "xgboost" in body
    lab.handle("space-high", {"key": "hgb.learning_rate", "value": "0.001"})
    assert "must not be above" in html(lab)["body"] and lab.params["space"] == {} and 'value="0.001"' in html(lab)["body"]
    lab.handle("run")
    assert "must be in order" in lab.problem and lab.job is None
    lab.handle("space-low", {"key": "hgb.learning_rate", "value": "0.0001"})
    assert lab.params["space"] == {"hgb.learning_rate": [0.0001, 0.001, "log"]} and not lab.space_problem and not lab.drafts
    for field, value, words in [("low", "-1", "log scale needs"), ("low", "x", "must be a number"), ("log", True, None)]:
        lab.handle(f"space-{field}", {"key": "hgb.learning_rate", "value": value})
        assert words is None or words in lab.field_errors["space hgb.learning_rate"]
    lab.handle("space-low", {"key": "hgb.max_leaf_nodes", "value": "2.5"})
    assert "whole number" in lab.field_errors["space hgb.max_leaf_nodes"]
    lab.handle("space-on", {"key": "hgb.max_leaf_nodes", "value": False})
    assert "space hgb.max_leaf_nodes" not in lab.field_errors and "max_leaf_nodes" not in lab.space_given["hgb"]
    lab.handle("space-reset")
    assert lab.params["space"] == {} and not lab.field_errors and lab.space_given is None
    lab.handle("space-on", {"key": "hgb.no such", "value": False})
    assert "one that can be searched" in lab.problem
    lab.handle("family", {"key": "hgb", "value": False})
    assert lab.params["families"] == ("logistic",) and "families=['logistic']" in lab.code
    lab.handle("family", {"key": "logistic", "value": False})
    assert "at least one" in lab.problem and lab.params["families"] == ("logistic",)
    lab.handle("strategy", {"key": "class_weight", "value": True})
    assert "strategies=['none', 'class_weight']" in lab.code and "2 strategies" in lab.space_words


def test_an_edited_space_is_searched_and_said_as_code():
    lab = lab_of(budget_trials=4, sampler="random")
    lab.handle("space-low", {"key": "logistic.C", "value": "5"})
    result = run(lab)
    drawn = result.parameters.loc[result.parameters["trial"] > 0, "logistic.C"]
    assert drawn.iloc[-1] >= 5 and "'C': [5.0, 10" in lab.code
    again = eval(lab.code, {"mlt": mlt, "data": lab.source})
    pd.testing.assert_frame_equal(again.table[["label", "score"]], result.table[["label", "score"]])


def test_what_is_refused():
    lab = lab_of()
    for name, value in [
        ("budget_s", "-1"),
        ("budget_trials", "1.5"),
        ("budget_cpu_s", "x"),
        ("sampler", "magic"),
        ("scoring", "rmse"),
        ("final", "x"),
    ]:
        before = lab.params[name]
        lab.handle(name, value)
        assert name in lab.field_errors and lab.params[name] == before
        lab.field_errors.clear()
    lab.handle("budget_money", "2")
    assert "Price an hour" in html(lab)["body"]
    lab.handle("run")
    assert "price an hour" in lab.problem and lab.job is None
    lab.handle("price_per_hour", "0.4")
    assert "price_per_hour=0.4" in lab.code and lab.params["budget_money"] == 2
    for name in ("budget_money", "budget_trials"):
        lab.handle(name, "")
    lab.handle("run")
    assert "needs a limit" in lab.problem and lab.job is None
    with pytest.raises(InputError, match="can be tuned"):
        lab_of(families=["hgbb"])


def test_a_search_that_fails_says_so_and_keeps_the_study(monkeypatch):
    lab = lab_of()

    def fails(*args, **kwargs):
        lab.path.parent.mkdir(parents=True, exist_ok=True)
        lab.path.write_text("")
        raise InputError("the storage must answer", got=HOSTILE, fix="Resume later.")

    monkeypatch.setattr("mltoolkit.modeling.tuning.tune", fails)
    lab.handle("run")
    until(lambda: lab.job.state == "failed")
    body = html(lab)["body"]
    assert (
        lab.state == "error"
        and "Search failed" in body
        and "Resume later." in body
        and "The study is intact." in body
        and "<img" not in body
    )
    lab.handle("new-study")
    assert lab.problem is None and not lab.study_exists


def test_without_a_target_and_with_a_quantity():
    lab = TuningLab(table(kind="regression"), n_jobs=1)
    assert lab.state == "empty" and "No target" in html(lab)["body"] and lab.path is None
    lab.handle("target", "y")
    lab.split_job.wait(60)
    assert (
        lab.state == "idle"
        and lab.task == "regression"
        and "ridge" in lab.params["families"]
        and lab.params["scoring"].startswith("neg_root")
    )
    lab.handle("tab", "space")
    assert lab.strategy_labels == {"none": lab.strategy_labels["none"]} and "Against a rare class" not in html(lab)["body"]
    with pytest.raises(InputError, match="yes-or-no"):
        lab.to_recipe()


def test_python_of_ones_own():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from mltoolkit.modeling.ranges import Float

    pair = (make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": Float(0.01, 10, log=True)})
    lab = lab_of(table().drop(columns="plan"), space=pair, families=None)
    lab.handle("tab", "space")
    assert "A space of your own." in html(lab)["body"] and ", space, mlt.split" in lab.code.replace("\n    ", " ")
    assert len(run(lab).table) == 3 and lab.problem is None
    assert "space: what" in html(lab)["body"] + str(tuning_view.code_panel(lab))
    with pytest.raises(InputError, match="plain values"):
        lab.to_recipe()


def test_the_recipe_and_back():
    data = mlt.load(table(), target="y", positive="yes")
    lab = lab_of(data, families=["logistic", "hgb"], sampler="random", budget_s=20, budget_trials=7)
    lab.handle("space-on", {"key": "hgb.max_features", "value": False})
    recipe = lab.to_recipe()
    assert recipe.tune.sampler == "random" and recipe.tune.budget_trials == 7 and recipe.tune.families == ()
    assert "max_features" not in recipe.tune.space["hgb"] and recipe.split.n_splits == 5
    lab.handle("save-open")
    lab.handle("save-write")
    assert mlt.Recipe.load(lab.saver.path) == recipe
    again = TuningLab(data, recipe=lab.saver.path, n_jobs=1)
    assert again.params["sampler"] == "random" and again.params["families"] == ("logistic", "hgb") and again.params["budget_trials"] == 7
    assert "max_features" not in again.space_given["hgb"]


def test_a_step_of_the_lab():
    lab = mlt.Lab(table(), target="y", positive="yes", n_jobs=1)
    lab.profile_lab.job.wait(60)
    assert lab.to_recipe().tune is None
    lab.handle("step", "tuning")
    inner = lab.tuning_lab
    inner.split_job.wait(60)
    assert "Tuning" in html(lab)["steps"] and ">Tune<" in html(lab)["bar"] and lab.to_recipe().tune is None  # looking decides nothing
    for name, value in (("budget_trials", "2"), ("family", {"key": "logistic", "value": True})):
        lab.handle(name, value)
    inner.controls["families"].value = ("logistic",)
    lab.handle("run")
    inner.job.wait(60)
    assert lab.problem is None and inner.state == "done" and "tuning: done" in html(lab)["steps"].lower()
    assert "log-loss" in lab.static_html()
    recipe = lab.to_recipe()
    assert recipe.tune is not None or recipe.train.tuned


def test_small_parts():
    lab = SimpleNamespace(storage="postgresql://me:secret@host/db", path=None)
    assert "secret" not in tuning_lab.TuningLab.where.fget(lab) and "host/db" in tuning_lab.TuningLab.where.fget(lab)
    assert tuning_view.counts_of([{"state": "done"}, {"state": "failed"}, {"state": "done"}]) == "2 done, 1 failed"
    assert space_view.range_words(space_view.parts_of([1, 9, "int"])) == "1 to 9, whole numbers"
    assert "dropped" in str(tuning_view.state_chip({"state": "dropped", "folds": 1, "reason": HOSTILE})) and "<img" not in str(
        tuning_view.state_chip({"state": "dropped", "folds": 1, "reason": HOSTILE})
    )
    live = SimpleNamespace(table=lambda: pd.DataFrame({"trial": [0, 1], "state": ["done", "waiting"]}), best=(0, 1.0, 0.5, 1.5))
    made = tuning_lab.snapshot(live)
    assert list(made.table["trial"]) == [0] and made.table["lower"].iloc[0] == 0.5
    with pytest.raises(Cancelled):
        raise Cancelled()
