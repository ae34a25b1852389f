"The validation lab: what it asks for, what it shows while it runs, what comes out, what is refused."

import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB

import mltoolkit as mlt
from mltoolkit.core import Cancelled, InputError
from mltoolkit.modeling.fit_store import FitStore
from mltoolkit.widgets import model_state, validation_lab, validation_view
from mltoolkit.widgets.model_view import fold_dots, live_rows, scale_of, score_text, time_text
from mltoolkit.widgets.validation_lab import ValidationLab

HOSTILE = "<img src=x onerror=alert(1)>"
FAST = ["dummy", "logistic"]


class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise ValueError(f"it cannot do this {HOSTILE}")

    def predict_proba(self, X):
        return None


def table(rows=300, *, kind="binary"):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 9, rows), "plan": rng.choice(["a", "b", "c"], rows), "visits": rng.poisson(3, rows)})
    signal = (frame["age"] - 40) / 9 + (frame["plan"] == "a") + rng.normal(0, 1, rows)
    if kind == "regression":
        return frame.assign(y=signal * 10 + 50)
    if kind == "multiclass":
        return frame.assign(y=np.select([signal < -0.3, signal < 0.9], ["low", HOSTILE], "high"))
    return frame.assign(y=np.where(signal > 0.8, "yes", "no"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lab_of(data=None, **kwargs):
    data = table() if data is None else data
    roles = {} if hasattr(data, "features") or "target" in kwargs else {"target": "y"}
    lab = ValidationLab(data, n_jobs=1, **{"models": FAST, **roles, **kwargs})
    if lab.split_job is not None:
        lab.split_job.wait(60)
    return lab


def run(lab):
    lab.run()
    return lab.job.wait(120)


@pytest.fixture(scope="module")
def finished():
    lab = lab_of(models={"dummy": "dummy", "logistic": "logistic", "mine": GaussianNB(), "bad": Broken()}, data=table().drop(columns="plan"))
    run(lab)
    return lab


def html(lab):
    return {
        name: "".join(map(str, made.values())) if isinstance(made := make(), dict) else str(made) for name, make in lab.regions().items()
    }


def same(one, other):
    measured = [c for c in one.table if "seconds" in c or c == "memory"]
    pd.testing.assert_frame_equal(one.table.drop(columns=measured), other.table.drop(columns=measured))


def test_nothing_is_fitted_before_somebody_asks(here):
    lab = lab_of()
    shown = html(lab)
    assert lab.job is None and lab.result is None and lab.state == "idle" and len(lab.store) == 0
    assert "2 candidates on 5 folds: 10 fits. Nothing is fitted yet." in shown["body"] and "waiting" in shown["rows"]
    assert "stratified split, 5 folds" in shown["head"] and "not used here" in shown["head"] and lab.split.description in shown["body"]


def test_the_split_in_words(here):
    lab = lab_of()
    lab.handle("tab", "split")
    body = html(lab)["body"]
    assert lab.split.description in body and lab.split.reason in body and "locked test" in body and body.count("<tr") == 7
    assert "60 (" not in body and all(f"{int(n):,}" in body for n in lab.split.table["valid_rows"])
    lab.put("n_splits", "3")
    assert lab.split_job.wait(60) is lab.split and len(lab.split.folds) == 3 and html(lab)["body"].count("<tr") == 5
    lab.put("n_splits", "many")
    assert "number of folds" in html(lab)["body"] and lab.params["n_splits"] == 3
    lab.put("n_splits", "4")
    assert lab.field_errors == {}


def test_checks_are_shown_with_what_to_do(here):
    frame = pd.concat([table(200), table(200)], ignore_index=True)  # every row twice
    lab = lab_of(frame)
    lab.put("kind", "stratified")
    lab.split_job.wait(60)
    lab.handle("tab", "split")
    found = [c for c in lab.split.checks if c["severity"] != "info"]
    assert found and "split warning" in html(lab)["head"] or "split error" in html(lab)["head"]
    assert all(c["fix"].rstrip(".")[:30] in html(lab)["body"].replace("&#34;", '"').replace("&#39;", "'") for c in found)


def test_a_split_that_cannot_be_made_is_an_error_with_a_way_out(here):
    lab = lab_of(table(60))
    lab.controls["n_splits"].value = 50
    with pytest.raises(InputError):
        lab.split_job.wait(60)
    assert lab.state == "error" and "The split could not be made" in html(lab)["body"]
    lab.handle("run")
    assert lab.job is None and lab.problem
    lab.controls["n_splits"].value = 2
    lab.split_job.wait(60)
    assert lab.state == "idle"


def test_the_result_and_the_code_that_gives_it(finished):
    result = finished.result
    assert finished.state == "done" and result.best != "dummy" and set(result.table["model"]) == {"dummy", "logistic", "mine", "bad"}
    again = eval(finished.code, {"mlt": mlt, "data": finished.source, "models": finished.own | {"dummy": "dummy", "logistic": "logistic"}})
    same(result, again)
    assert "models['mine']" in finished.code and "models: what" in validation_view.code_lead(finished)


def test_code_for_a_dataset_a_given_split_and_settings(here):
    data = mlt.load(table(), target="y", positive="yes")
    split = mlt.split(data, n_splits=3)
    lab = lab_of(data, split=split)
    lab.handle("scoring", "roc_auc")
    lab.handle("race", "off")
    lab.handle("budget_s", "600")
    assert lab.split is split and lab.code.startswith("mlt.compare(data, ['dummy', 'logistic'], split, scoring='roc_auc', race=False")
    result = run(lab)
    same(result, eval(lab.code, {"mlt": mlt, "data": data, "split": split}))
    lab.handle("n_splits", "4")
    assert lab.stale and "mlt.split(data, kind='stratified', n_splits=4)" in lab.code
    lab.split_job.wait(60)
    lab.handle("n_splits", "3")
    assert not lab.stale and lab.split is split and lab.state == "done"


def test_the_leaderboard_calls_ties_ties_and_shows_who_failed(finished):
    shown = html(finished)
    rows = finished.regions()["rows"]()
    assert list(rows)[0] == finished.result.best and list(rows)[-1] == "bad" and finished.result.sentence[:40] in shown["body"]
    row = finished.result.table.set_index("model").loc["mine"]
    assert (" tied" in rows["mine"]) == bool(row["tied"]) and "95 % interval" in rows["mine"]
    assert ">failed<" in rows["bad"] and "it cannot do this" in rows["bad"]
    finished.handle("select", "bad")
    card = html(finished)["detail"]
    assert "it cannot do this" in card and "<img" not in card and "&lt;img" in card
    finished.handle("select", "logistic")
    card = html(finished)["detail"]
    assert "Fold by fold" in card and "on training rows" in card and "The same pipeline without mltoolkit" in card
    assert "LogisticRegression" in card and "predict 1,000 rows" in card
    finished.handle("select", "mine")
    assert "The same pipeline" not in html(finished)["detail"] and "Taken as it is" in html(finished)["detail"]


@pytest.mark.parametrize("kind, curves", [("multiclass", 4), ("regression", 2)])
def test_several_classes_and_quantities(here, kind, curves):
    lab = lab_of(table(kind=kind), models=None)
    assert lab.task == kind and lab.params["models"][0] == "dummy"
    lab.controls["models"].value = lab.params["models"][:2]
    result = run(lab)
    same(result, eval(lab.code, {"mlt": mlt, "data": lab.source}))
    names = [name for name, _ in validation_view.curve_kinds(lab)]
    assert len(names) == curves
    for name in names:
        lab.handle("curve", name)
        card = html(lab)["detail"]
        assert lab.problem is None and "<svg" in card and "<img" not in card and "No picture" not in card
    with pytest.raises(InputError, match="yes-or-no"):
        lab.to_recipe()
    lab.handle("save-open")
    assert "The recipe is not complete" in html(lab)["body"]


def test_every_curve_of_a_yes_or_no_question(finished):
    finished.handle("select", "logistic")
    for name, label in validation_view.curve_kinds(finished):
        finished.handle("curve", name)
        assert f'data-value="{name}" aria-selected="true"' in html(finished)["detail"] and "No picture" not in html(finished)["detail"], label


def slow_compare(data, models, split, *, watch, progress, cancel, **kwargs):
    "Stands in for `mlt.compare`: fits that never end."
    for k in range(10_000):
        rows = [{"model": m, "label": m, "state": "running", "folds": min(4, k), "n_folds": 5, "loss": 0.3 - 0.001 * i, "seconds": 0.1 * k,
                 "reason": ""} for i, m in enumerate(models)]  # fmt: skip
        watch(pd.DataFrame(rows))
        progress(min(0.9, k / 100), f"fit {k}")
        time.sleep(0.02)
        cancel.check()


def test_stop_is_heard_and_nothing_is_lost(here, monkeypatch):
    lab, told = lab_of(), []
    real = validation_lab.ValidationLab.compute
    monkeypatch.setattr("mltoolkit.modeling.comparison.compare", slow_compare)
    monkeypatch.setattr(lab.surface, "send", told.append)
    lab.surface._hear(None, {"type": "hello"}, [])
    lab.handle("run")
    for _ in range(200):
        if lab.board is not None and lab.board["folds"].iloc[0] >= 4:
            break
        time.sleep(0.02)
    shown = html(lab)
    assert lab.state == "running" and "progressbar" in shown["foot"] and "4 of 5 folds" in shown["rows"]
    assert list(lab.regions()["rows"]()) == ["logistic", "dummy"]  # by the loss so far
    assert any("rows" in m["regions"] for m in told if m.get("type") == "update")
    begun = time.monotonic()
    lab.handle("stop")
    with pytest.raises(Cancelled):
        lab.job.wait(5)
    assert time.monotonic() - begun < 0.3
    shown = html(lab)
    assert lab.state == "stopped" and "8 fits kept" in shown["body"] and "stopped after 4 of 5 folds" in shown["rows"] and "Go on" in shown["bar"]
    monkeypatch.undo()
    assert lab.compute.__func__ is real and run(lab) is lab.result and lab.state == "done"


def test_going_on_repeats_no_fit(tmp_path, monkeypatch):
    path = str(tmp_path / "fits.sqlite")
    store, lab = FitStore(path), None
    boards = []

    def stop_after_four(self, board):
        boards.append(board)
        if board["folds"].sum() >= 4:
            lab.stop()

    lab = lab_of(store=store)
    compute = lab.compute
    monkeypatch.setattr(lab, "compute", lambda plan, split, watch, progress, cancel: compute(
        plan, split, watch=lambda b: (watch(b), stop_after_four(lab, b)), progress=progress, cancel=cancel))  # fmt: skip
    lab.run()
    with pytest.raises(Cancelled):
        lab.job.wait(60)
    kept = len(store)
    assert 4 <= kept < 10 and lab.board["folds"].sum() >= 4
    monkeypatch.undo()
    before = set(store.keys())
    result = run(lab)
    assert len(store) == 10 and before <= set(store.keys())
    same(result, run(lab_of()))  # the same as a comparison that was never stopped
    added = lab_of(store=path, models=[*FAST, "naive_bayes"])
    run(added)
    assert len(added.store) == 15


def test_a_failed_comparison_says_why_and_keeps_the_old_result(here, monkeypatch):
    lab = lab_of()
    first = run(lab)

    def fails(*args, **kwargs):
        raise RuntimeError(f"the disk is full {HOSTILE}")

    monkeypatch.setattr("mltoolkit.modeling.comparison.compare", fails)
    lab.run()
    with pytest.raises(RuntimeError):
        lab.job.wait(60)
    body = html(lab)["body"]
    assert lab.state == "error" and "Comparison failed" in body and "Traceback" in body and "<img" not in body and lab.result is first
    monkeypatch.undo()
    run(lab)
    assert lab.state == "done"


def test_settings_make_the_result_out_of_date_and_back(finished):
    assert not finished.stale
    finished.handle("scoring", "average_precision")
    assert finished.stale and "Out of date." in html(finished)["body"] and "Compare again" in html(finished)["bar"]
    finished.handle("scoring", "neg_log_loss")
    finished.handle("candidate", {"key": "hgb", "value": True})
    assert finished.stale and "hgb" in finished.code
    finished.handle("candidate", {"key": "hgb", "value": False})
    assert not finished.stale


def test_what_is_refused(finished):
    for action, value, words in [
        ("candidate", {"key": "no such", "value": True}, "a candidate must be one"),
        ("ask", "nonsense", "what can be looked at"),
    ]:
        finished.handle(action, value)
        assert words in finished.problem
    for name, value in [("scoring", "rmse"), ("budget_s", "-1"), ("test_size", "2"), ("race", "sometimes"), ("kind", "magic")]:
        before = finished.params[name]
        finished.handle(name, value)
        assert name in finished.field_errors and finished.params[name] == before
        finished.field_errors.clear()
    with pytest.raises(InputError, match="must be one that is known"):
        lab_of(models=["hgbb"])
    lab = lab_of()
    lab.controls["models"].value = ()
    lab.handle("run")
    assert "at least one candidate" in lab.problem and lab.job is None


def test_the_picker_and_its_presets(here):
    lab = lab_of(models=["hgb+class_weight", "dummy"])
    lab.handle("tab", "candidates")
    body = html(lab)["body"]
    assert "with a strategy" in body and "boosting" in body and "baseline" in body and lab.preset_name is None
    lab.handle("preset", "standard")
    assert lab.preset_name == "standard" and set(lab.params["models"]) == set(lab.preset("standard"))
    assert "LightGBM" in body and ("pip install lightgbm" in body) == (not lab.zoo["lightgbm"][1].installed)


def test_without_a_target(here):
    lab = ValidationLab(table(kind="regression"))
    assert lab.state == "empty" and "No target" in html(lab)["body"] and lab.split is None
    lab.handle("run")
    assert "models need a target" in lab.problem
    lab.handle("target", "y")
    lab.split_job.wait(60)
    assert lab.state == "idle" and lab.task == "regression" and lab.params["scoring"] == "neg_root_mean_squared_error"
    assert "ridge" in lab.params["models"] and "target='y'" in lab.code


def test_another_target_has_a_positive_label_of_its_own(here):
    frame = table().assign(left=np.tile(["Y", "N"], 150), colour=np.tile(["red", "blue"], 150), flat=1, empty=None)
    lab = lab_of(frame, positive="yes")
    assert lab.data.positive == "yes"
    for target, task in [("left", "binary"), ("colour", None), ("flat", None), ("empty", None), ("age", "regression"), ("", None)]:
        lab.handle("target", target)
        for tab in ("result", "candidates", "split", "code"):
            lab.handle("tab", tab)
            assert lab.task == task and all(isinstance(text, str) for text in html(lab).values()), (target, tab)
    lab.handle("target", "left")
    lab.split_job.wait(60)
    assert lab.data.positive == "Y" and "positive='Y'" in lab.code and lab.state == "idle" and lab.split is not None
    run(lab)
    pd.testing.assert_frame_equal(eval(lab.code, {"mlt": mlt, "data": frame}).oof, lab.result.oof)


def test_thirty_candidates_with_long_hostile_names(here):
    models = {f"{HOSTILE} {i} " + "a name that goes on " * 9: GaussianNB() for i in range(30)}
    lab = lab_of(models=models)
    lab.handle("select", next(iter(models)))
    for tab in ("result", "split", "candidates", "code"):
        lab.handle("tab", tab)
        shown = "".join(html(lab).values()) + lab.static_html()
        assert lab.problem is None and "<img" not in shown and "&lt;img" in shown
    assert len(lab.regions()["rows"]()) == 0
    lab.handle("tab", "result")
    assert len(lab.regions()["rows"]()) == 30


def test_the_recipe_and_back(here):
    data = mlt.load(table(), target="y", positive="yes")
    lab = lab_of(data, drop={"visits": "counted afterwards"}, models=["dummy", "logistic", "hgb+class_weight"])
    lab.handle("n_splits", "4")
    recipe = lab.to_recipe()
    assert recipe.train.models == ("dummy", "logistic", "hgb+class_weight") and recipe.split.n_splits == 4
    assert recipe.drop["visits"] == "counted afterwards" and recipe.data.target.column == "y"
    lab.handle("save-open")
    lab.handle("save-write")
    path = here / lab.saver.path
    assert mlt.Recipe.load(path) == recipe and "holds exactly these decisions" in html(lab)["body"]
    again = ValidationLab(data, recipe=path.rename("own.yaml"))
    assert again.params["n_splits"] == 4 and again.saver.path == "own.yaml"
    own = lab_of(models={"mine": GaussianNB()})
    with pytest.raises(InputError, match="names its candidates"):
        own.to_recipe()


def test_the_shipped_recipe_of_an_example(flights_small, here):
    lab = ValidationLab(flights_small)
    lab.split_job.wait(60)
    assert "dep_delay" in lab.params["drop"] and "dep_delay" not in lab.features and lab.params["gap"] == "1D"
    assert "11 left out" in validation_view.split_panel(lab) and "known only after the flight" in validation_view.split_panel(lab)
    base, mine = mlt.Recipe.load(mlt.core.templates_dir() / "recipes" / "flights.yaml"), lab.to_recipe()
    assert mine.data == base.data and mine.costs == base.costs and mine.drop == base.drop and mine.split == base.split


def test_what_is_asked_about_a_candidate(finished, monkeypatch):
    found = SimpleNamespace(verdict="leak", sentence="There is a leak.", findings=[
        {"step": HOSTILE, "code": "x", "severity": "error", "message": "it saw the target", "fix": "Take it out"}])  # fmt: skip
    finished.handle("select", "logistic")
    monkeypatch.setattr(validation_lab, "_look", lambda *args, progress, cancel: found)
    finished.ask("leaks")
    finished.asides["leaks", "logistic"].wait(10)
    card = html(finished)["detail"]
    assert "There is a leak." in card and "Take it out" in card and "<img" not in card and "leak found" in html(finished)["head"]

    def breaks(*args, progress, cancel):
        raise InputError("more rows are needed", got="few", fix="Take more.")

    monkeypatch.setattr(validation_lab, "_look", breaks)
    finished.handle("ask", "learning")
    with pytest.raises(InputError):
        finished.asides["learning", "logistic"].wait(10)
    assert "Learning curve failed" in html(finished)["detail"] and 'data-value="learning"' in html(finished)["detail"]
    finished.asides.clear()


def test_the_saved_form(finished):
    text = finished.static_html()
    assert finished.result.sentence[:30] in text and "95 % interval" in text and "<script" not in text and "<img" not in text
    assert text.count("<svg") == 3 and len(text) < 20_000 and finished._repr_mimebundle_()["text/html"] == str(text)
    assert "Not compared yet: dummy, logistic" in lab_of().static_html()


def test_small_parts():
    assert [score_text(v) for v in (0.22314, 533, 1234.5, 99_999, None, float("nan"), np.float64(0.5))] == [
        "0.2231", "533.0", "1234" if score_text(1234.5) == "1234" else "1235", "99,999", "", "", "0.5000"]  # fmt: skip
    assert [score_text(v, sign=True) for v in (0.1, -0.1, 0.0)] == ["+0.1000", "−0.1000", "0.0000"]
    assert [time_text(v) for v in (0.0001, 0.02, 0.5, 12, 90)] == ["< 1 ms", "20 ms", "0.50 s", "12.0 s", "1.5 min"]
    low, high = scale_of([0.2, 0.21, 0.22, 9.0], [0.19, 0.2, 0.21, 8.0], [0.21, 0.22, 0.23, 10.0])
    assert low == 0.19 and high == 0.23  # the one that is far off does not flatten the others
    assert "<circle" in fold_dots(2, 5) and "<rect" in fold_dots(20, 50, "running") and "circle" not in fold_dots(0, 0)
    assert live_rows(None) == {}
    assert model_state.split_arguments(model_state.split_controls({"kind": "grouped", "gap": "1D"})) == {"kind": "grouped"}


def test_no_model_is_fitted_before_the_leaks_are_known(flights_small, here, monkeypatch):
    from mltoolkit.widgets import profile_state

    go, real = threading.Event(), profile_state._profile

    def late(lab, plan, *, progress, cancel):
        go.wait(30)
        return real(lab, plan, progress=progress, cancel=cancel)

    monkeypatch.setattr(profile_state, "_profile", late)
    lab = mlt.Lab(flights_small, n_jobs=1)
    lab.handle("step", "validation")
    lab.validation_lab.split_job.wait(60)
    lab.handle("run")
    assert "after their columns were looked at" in lab.problem and lab.validation_lab.job is None
    assert "Looking for leaks." in html(lab)["body"] and 'aria-disabled="true"' in html(lab)["bar"]
    go.set()
    lab.profile_lab.job.wait(60)
    assert "Looking for leaks." not in html(lab)["body"] and {"arr_delay", "dep_delay"} <= set(lab.validation_lab.params["drop"])
    lab.validation_lab.check_ready()


@pytest.mark.parametrize("ended", ["stopped", "failed", "done"])
def test_a_comparison_without_a_look_for_leaks_says_so(flights_small, here, monkeypatch, ended):
    from mltoolkit.widgets import profile_state

    go, real = threading.Event(), profile_state._profile

    def profile(lab, plan, *, progress, cancel):
        if ended == "failed":
            raise ValueError(HOSTILE)
        go.wait(30)
        return real(lab, plan, progress=progress, cancel=cancel)

    monkeypatch.setattr(profile_state, "_profile", profile)
    lab = mlt.Lab(flights_small.take(range(1_500)), n_jobs=1)
    lab.handle("stop") if ended == "stopped" else None
    go.set()
    lab.profile_lab.job._over.wait(60)
    for step in ("validation", "imbalance"):
        lab.handle("step", step)
        lab.shown.split_job.wait(60)
        page = html(lab)
        assert ("Leaks were not looked for." in page["body"]) == (ended != "done") and "Looking for leaks." not in page["body"]
        assert page["body"].count("may be among the features") == (ended != "done") and HOSTILE not in page["body"]
        lab.shown.check_ready()  # nobody is kept from it
    lab.profile_lab.run()
    lab.profile_lab.job._over.wait(60)
    assert ("Leaks were not looked for." in html(lab)["body"]) == (ended == "failed")


def test_a_target_the_profile_did_not_see_is_said(here):
    lab = mlt.Lab(table(), n_jobs=1)
    lab.profile_lab.job.wait(60)
    lab.handle("step", "validation")
    assert "Leaks were not looked for." not in html(lab)["body"]
    lab.handle("target", "y")
    lab.validation_lab.split_job.wait(60)
    assert "was made for another target" in html(lab)["body"] and lab.validation_lab.data.positive == "yes"


def test_the_lab_has_steps_that_follow_the_data(flights_small, here):
    lab = mlt.Lab(flights_small, n_jobs=1)
    lab.profile_lab.job.wait(60)
    lab.handle("step", "validation")
    inner = lab.validation_lab
    inner.split_job.wait(60)
    assert "Nearest" not in html(lab)["rows"] and "waiting" in html(lab)["rows"] and set(inner.params["drop"]) == set(lab.profile_lab.proposed)
    lab.handle("candidate", {"key": "logistic", "value": True})
    lab.handle("step", "data")
    lab.handle("drop", "visib")
    lab.handle("select", "carrier")
    assert lab.profile_lab.selected == "carrier" and lab.validation_lab is inner and "visib" not in inner.features
    assert "visib" in inner.code and inner.code.count("data") >= 2
    lab.handle("step", "recipe")
    recipe = lab.to_recipe()
    assert "visib" in recipe.drop and recipe.train.models == inner.params["models"] and "version: 1" in html(lab)["body"]
    lab.handle("step", "imbalance")
    assert lab.problem is None and html(lab)["body"] and html(lab)["steps"].count("mlt-step") >= 4
    lab.handle("step", "data")
    lab.handle("group", "carrier")
    lab.handle("step", "validation")
    assert lab.validation_lab.data.group == "carrier" and "group='carrier'" in lab.validation_lab.code
