"The lab for imbalance: what is picked, run, stopped, resumed, shown, and what comes out. Fits are few and small."

import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Cancelled, InputError, Tracker
from mltoolkit.modeling import imbalance
from mltoolkit.modeling.fit_store import FitStore
from mltoolkit.widgets import imbalance_view as view
from mltoolkit.widgets.imbalance_lab import ImbalanceLab, candidate_name, strategy_of_candidate

HOSTILE = "<img src=x onerror=alert(1)>"
PICKED = ["none", "class_weight", "random_under"]
TIMES = ["fit_seconds", "note"]


def table(rows=500, classes=2, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(40, 9, rows), "plan": rng.choice(["a", "b", HOSTILE], rows), "load": rng.exponential(2, rows)})
    risk = frame["load"] + rng.normal(0, 1, rows)
    cuts = np.quantile(risk, [0.85, 0.95])
    frame["churn"] = np.where(risk > cuts[0], "yes", "no") if classes == 2 else np.select([risk > cuts[1], risk > cuts[0]], [HOSTILE, "b"], "a")
    return frame


def made(frame=None, **options):
    options = {"target": "churn", "model": "logistic", "strategies": PICKED, "cost_fn": 6, "n_jobs": 1, **options}
    return ImbalanceLab(table() if frame is None else frame, **options)


def finished(lab, seconds=120):
    lab.split_job and lab.split_job.wait(60)
    lab.run()
    lab.job.wait(seconds)
    return lab


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return finished(made())


def html(lab):
    return {name: "".join(map(str, v.values())) if isinstance(v := make(), dict) else str(v) for name, make in lab.regions().items()}


# ---- the result, its code, its recipe


def test_code_gives_the_same_study(done):
    frame = table()
    again = eval(done.code, {"mlt": mlt, "data": frame})
    pd.testing.assert_frame_equal(again.table.drop(columns=TIMES), done.result.table.drop(columns=TIMES))
    pd.testing.assert_frame_equal(again.oof, done.result.oof)
    assert again.advice.sentences == done.result.advice.sentences and set(done.params) >= {"model", "strategies", "cost_fp", "cost_fn"}


def test_code_follows_the_controls(done):
    lab = made()
    assert "strategies=['none', 'class_weight', 'random_under']" in lab.code and "cost_fn=6" in lab.code and "cost_fp" not in lab.code
    lab.put("alarm_budget", "5 %")
    lab.put("cost_fn", "")
    assert "alarm_budget=0.05" in lab.code and "cost_fn" not in lab.code
    many = made(table().assign(**{f"column, number {i}": 1.0 * i for i in range(12)}), strategies="all")
    many.controls["drop"].value = {f"column, number {i}": "constant" for i in range(12)}
    shown = []
    eval(many.code, {"mlt": SimpleNamespace(compare_imbalance=lambda *a, **k: shown.append(k), load=mlt.load, split=mlt.split), "data": many.base.frame})
    assert max(map(len, many.code.splitlines())) < 110 and shown[0]["strategies"] == list(many.params["strategies"]) and len(shown[0]["drop"]) == 12
    given = mlt.load(table(), target="churn")
    lab = ImbalanceLab(given, split=mlt.split(given, n_splits=3), strategies=[])
    assert "split=split" in lab.code and lab.params["strategies"] == ("none",) and lab.code.startswith("mlt.compare_imbalance(\n    data,")


def test_the_recipe_names_the_strategy_and_the_costs(done):
    recipe = done.to_recipe()
    assert recipe.train.models == (candidate_name("logistic", done.advised),) and (recipe.costs.fp, recipe.costs.fn) == (1, 6)
    done.handle("choose", "class_weight")
    assert done.to_recipe().train.models == ("logistic+class_weight",) and "in the recipe" in html(done)["detail"] or done.selected != "class_weight"
    done.handle("choose", "")
    assert made().to_recipe().train.models == ("logistic", "logistic+class_weight", "logistic+random_under")


def test_a_recipe_is_gone_on_from(flights_small, tmp_path):
    lab = ImbalanceLab(flights_small, strategies=["none"])
    base = lab.base_recipe
    assert lab.params["cost_fp"] == base.costs.fp and lab.params["cost_fn"] == base.costs.fn
    path = base.save(tmp_path / "r.yaml")
    lab = ImbalanceLab(flights_small, recipe=path, strategies=["smote"], model="hgb", cost_fn=3)
    recipe = lab.to_recipe()
    assert recipe.train.models == ("hgb", "hgb+smote") and recipe.costs.fn == 3 and recipe.costs.currency == base.costs.currency
    assert recipe.data == base.data and recipe.contract == base.contract and lab.saver.path == str(path)


# ---- states


def test_before_anything_was_asked():
    lab = made()
    lab.split_job.wait(60)
    page = html(lab)
    assert lab.state == "idle" and lab.result is None and "Compare" in page["bar"] and page["body"].count("mlt-pick") > 15
    assert "Nothing compared yet" in str(lab.static_html())


def test_without_a_target():
    lab = ImbalanceLab(table())
    assert lab.state == "empty" and "No target" in html(lab)["body"]
    lab.handle("run")
    assert "models need a target" in str(lab.problem)
    lab.handle("target", "churn")
    lab.split_job.wait(60)
    assert lab.state == "idle" and lab.task == "binary" and "positive='yes'" in lab.code
    lab.handle("target", "plan")  # three values, none of them obviously the positive one
    assert lab.params["target"] == "plan" and lab.task == "multiclass" and "one_class" not in lab.params["strategies"]


def test_a_quantity_has_no_rare_class():
    lab = ImbalanceLab(table(), target="age")
    lab.split_job.wait(60)
    assert lab.task == "regression" and "no classes" in html(lab)["body"]
    lab.handle("run")
    assert "imbalance is about classes" in str(lab.problem) and lab.job is None


def test_done(done):
    page = html(done)
    assert done.state == "done" and "What to do" in page["body"] and all(str(s)[:40] in page["body"] for s in done.result.advice.sentences[:1])
    assert all(f'data-value="{name}"' in page["rows"] for name in PICKED)
    assert "Training rows by class" in page["detail"] and "Calibration" in page["detail"] and "make_pipeline" not in page["detail"]
    assert page["pictures"].count("<figure") == 4 and "3 strategies on 5 folds" in page["foot"]


def test_rows_sort_by_the_measure_pressed(done):
    done.handle("sort", "log_loss")
    rows = view.ordered_rows(done)
    assert [r["log_loss"] for r in rows] == sorted(r["log_loss"] for r in rows) and rows[0]["strategy"] == "none"
    assert any("worse" in str(r) for r in view.study_rows(done).values())
    done.handle("sort", HOSTILE)
    assert done.measure == "log_loss"
    done.handle("sort", "average_precision")


def test_a_row_opens_its_card(done):
    done.handle("select", "random_under")
    page = html(done)["detail"]
    assert "Random undersampling" in page and "RandomUnderSampler" in page and "→" in page
    done.handle("select", "none")
    assert "No resampling" in html(done)["detail"]


def test_a_changed_setting_makes_it_out_of_date_and_nothing_is_fitted_twice():
    lab = finished(made())
    before = len(lab.store)
    lab.put("cost_fn", "12")
    assert lab.state == "stale" and "Out of date" in html(lab)["body"] and "mlt-stale" in html(lab)["body"]
    finished(lab)
    assert lab.state == "done" and len(lab.store) == before and lab.result.cost_fn == 12


def test_a_field_that_cannot_be_read_keeps_the_old_value():
    lab = made()
    lab.handle("tab", "strategies")
    for name, text in [("cost_fn", "many"), ("cost_fp", "-1"), ("alarm_budget", "1.5"), ("alarm_budget", "x %"), ("min_precision", "2"), ("model", HOSTILE)]:
        old = lab.params[name]
        lab.handle(name, text)
        assert lab.params[name] == old and name in lab.field_errors
    assert "data-bad" in html(lab)["body"] and HOSTILE not in html(lab)["body"]
    assert lab.problem is None


def test_boxes():
    lab = made()
    lab.handle("strategy", {"key": "smote", "value": True})
    assert "smote" in lab.params["strategies"]
    lab.handle("strategy", {"key": "none", "value": False})
    assert "none" in lab.params["strategies"]
    lab.handle("pick", "all")
    assert set(lab.params["strategies"]) == set(lab.known_strategies)
    with pytest.raises(InputError, match="can treat this target"):
        lab.controls["strategies"].value = ("smot",)
    assert "smote" in str(pytest.raises(InputError, lab.controls["strategies"].check, ["smot"]).value)


# ---- running: a stand-in that takes its time


def slow(steps=200, step=0.02, heard=True):
    def compare(data, *, split, store, watch, progress, cancel, model, strategies, **rest):
        board = pd.DataFrame({"model": strategies, "label": "x", "state": "waiting", "folds": 0, "n_folds": 5, "loss": np.nan, "seconds": 0.0, "reason": ""})
        with Tracker(steps, "fits", progress=progress, cancel=cancel if heard else None) as tracker:
            for i in range(steps):
                time.sleep(step)
                board.loc[0, ["state", "folds", "loss"]] = ["running", min(5, i), 0.3]
                watch(board.copy())
                tracker.step() if heard else None

    return compare


@pytest.mark.parametrize("heard", [True, False])
def test_a_stop_is_heard_at_once_and_going_on_works(monkeypatch, heard):
    lab = made()
    lab.split_job.wait(60)
    assert "compare_imbalance" in lab.surface.saved  # shown from now on: every change makes the regions
    monkeypatch.setattr(imbalance, "compare_imbalance", slow(heard=heard, steps=100))
    lab.handle("run")
    assert lab.state == "running" and "waiting" in html(lab)["rows"] and lab.tab == "result"
    time.sleep(0.3)
    page = html(lab)
    assert "fold" in page["rows"] and "No resampling" in page["rows"] and "Stop" in page["foot"] and "advised" not in page["body"]
    started = time.monotonic()
    lab.handle("stop")
    with pytest.raises(Cancelled):
        lab.job.wait(5)
    assert time.monotonic() - started < 1 and lab.state == "stopped" and "Go on" in html(lab)["bar"]
    assert "Stopped" in html(lab)["body"] and lab.job.on_change is not None and not lab.job.details
    monkeypatch.undo()
    finished(lab)
    assert lab.state == "done"


@pytest.mark.parametrize("step", ["class_counts", "per_class"])
def test_a_stop_after_the_last_fit_ends_the_work_too(monkeypatch, done, step):
    "The real computation, with every fit in the store: intervals and class counts are made, which here take their time."
    lab = made(store=done.store)
    lab.split_job.wait(60)
    real, begun = getattr(imbalance, step), threading.Event()

    def slowly(*args, **keywords):
        begun.set()
        time.sleep(0.1)
        return real(*args, **keywords)

    monkeypatch.setattr(imbalance, step, slowly)
    before = threading.enumerate()  # an earlier test may have left one that ends by itself
    lab.run()
    assert begun.wait(60) and lab.state == "running"
    thread = next(t for t in threading.enumerate() if t.name == "mltoolkit imbalance" and t not in before)
    started = time.monotonic()
    lab.handle("stop")
    with pytest.raises(Cancelled):
        lab.job.wait(5)
    assert time.monotonic() - started < 1 and lab.state == "stopped"  # 0.2 s at most on a quiet machine
    thread.join(5)
    assert not thread.is_alive() and time.monotonic() - started < 2 and lab.state == "stopped"


def test_targets_chosen_in_the_page_never_break_it():
    frame = table().assign(colour=np.tile(["red", "blue"], 250), flat=1, flag=np.tile([True, False], 250))
    lab = made(frame)
    for target, task in [("colour", None), ("flat", None), ("flag", "binary"), ("age", "regression"), ("churn", "binary"), ("", None)]:
        lab.handle("target", target)
        assert lab.task == task and all(isinstance(text, str) for text in html(lab).values())
    assert "positive='yes'" not in made(frame, target="flag").code


def test_an_error_is_shown_and_can_be_tried_again(monkeypatch):
    lab = made()
    lab.split_job.wait(60)

    def broken(*args, **keywords):
        raise ValueError(HOSTILE)

    monkeypatch.setattr(imbalance, "compare_imbalance", broken)
    lab.run()
    with pytest.raises(ValueError):
        lab.job.wait(20)
    page = html(lab)["body"]
    assert lab.state == "error" and "failed" in page and HOSTILE not in page and 'data-action="run"' in html(lab)["bar"]
    assert "failed" in str(lab.static_html())


def test_fits_in_a_file_are_found_again(tmp_path):
    path = tmp_path / "fits.sqlite"
    first = finished(made(store=path, strategies=["none", "class_weight"]))
    first.store.close()
    store = FitStore(path)
    second = finished(made(store=store, strategies=["none", "class_weight"]))
    assert len(store) == 10 and second.result.table["average_precision"].equals(first.result.table["average_precision"])


def test_curves_of_the_folds_so_far(done):
    frame = table()
    frame.loc[::50, "churn"] = None  # rows without a known target are in no fold
    lab = made(frame)
    lab.split_job.wait(60)
    assert lab.partial is None
    rng = np.random.default_rng(0)
    lab.live = {("none", 1): rng.random(len(lab.split.folds[0][1])), ("smote", 1): rng.random(len(lab.split.folds[0][1]))}
    partial, page = lab.partial, str(view.pictures_html(lab))
    assert page.count("<figure") == 2 and 'class="mlt-dim"' not in page
    drawn = lab.regions()["pictures"]
    assert drawn() is drawn()  # drawn anew only when a fold came in
    before = drawn()
    lab.live[("none", 2)] = rng.random(len(lab.split.folds[1][1]))
    assert drawn() != before
    del lab.live[("none", 2)]
    assert list(partial.table["strategy"]) == ["none"] and partial.oof["none"].notna().sum() == len(lab.split.folds[0][1])
    assert set(name for name, _ in done.live) == set(PICKED) and len(done.live) == 15


# ---- several classes, hostile names, what did not finish


def test_several_classes():
    lab = finished(made(table(classes=3), strategies=["none", "class_weight"], cost_fn=None))
    assert lab.task == "multiclass" and not lab.is_binary and "one_class" not in lab.known_strategies
    page = html(lab)
    assert lab.state == "done" and all(HOSTILE not in part for part in page.values()) and "F1" in page["body"]
    assert page["pictures"].count("<figure") == 2 and lab.curve_options["code"] is not None
    assert "cost_fn" not in lab.code and lab.to_recipe is not None
    lab.handle("tab", "strategies")
    assert "false alarm" not in html(lab)["body"]


def test_a_failed_and_a_dropped_strategy_say_so(done):
    import dataclasses

    changed = done.result.table.copy()
    changed.loc[changed["strategy"] == "class_weight", ["state", "folds"]] = ["dropped", 2]
    lab = made()
    lab.split_job.wait(60)
    lab._result = dataclasses.replace(done.result, table=changed, failed={"smote": HOSTILE})
    lab._answered = {"key": lab.key}
    lab.on_result()
    page = html(lab)
    assert "dropped after 2 folds" in page["rows"] and "failed" in page["rows"] and "&lt;img" in page["rows"]
    for name in ("class_weight", "smote"):
        lab.handle("select", name)
        assert "2 of 5 folds" in html(lab)["detail"] if name == "class_weight" else "&lt;img" in html(lab)["detail"]
    assert all(HOSTILE not in part for part in html(lab).values()) and HOSTILE not in str(lab.static_html())


def test_the_static_form_holds_the_advice_and_the_figures(done):
    text = str(done.static_html())
    assert done.result.advice.sentences[0][:30] in text and text.count("<tr>") == 4 and "mlt.compare_imbalance" in text
    assert "style=" not in text and "<svg" not in text and "<script" not in text


def test_an_estimator_of_ones_own():
    from sklearn.linear_model import LogisticRegression

    lab = made(model=LogisticRegression(C=0.5))
    lab.split_job.wait(60)
    assert "model=model" in lab.code and lab.model_label("model") == "LogisticRegression"
    with pytest.raises(InputError, match="names its models"):
        lab.to_recipe()


def test_names():
    assert candidate_name("hgb", "none") == "hgb" and candidate_name("hgb", "smote") == "hgb+smote"
    assert strategy_of_candidate("hgb+smote", "hgb") == "smote" and strategy_of_candidate("hgb", "hgb") == "none"
    advice = SimpleNamespace(measure="log_loss", evidence=pd.DataFrame({"strategy": ["a"], "improvement": [-0.1], "lower": [-0.2], "upper": [0.01]}))
    row = {"strategy": "a", "log_loss_difference": 0.1, "log_loss_difference_lower": 0.05, "log_loss_difference_upper": 0.2}
    assert view.against_none(row, "log_loss")[0] == "worse" and view.against_none(row, "log_loss", advice)[0] == "tied"
