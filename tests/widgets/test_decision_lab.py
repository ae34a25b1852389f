"The decision lab: what it is given, every control, every state, its code, its recipe, what it shows."

import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.modeling.bands import Band
from mltoolkit.modeling.decision import decide, evaluate_at
from mltoolkit.widgets import decision_source as source
from mltoolkit.widgets.decision_lab import DecisionLab

HOSTILE = "<img src=x onerror=alert(1)>"
NAMES = SimpleNamespace(decide=decide, evaluate_at=evaluate_at, Band=Band)
ROWS = 900


def table(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    proba = 1 / (1 + np.exp(-(1.4 * z - 1.5)))
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 60 * 24, rows)), unit="h")
    frame = pd.DataFrame({"when": when, "plan": rng.choice(["a", HOSTILE], rows), "age": rng.integers(20, 60, rows), "z": z,
                          "late": (rng.random(rows) < proba).astype(int)})  # fmt: skip
    return frame, proba


FRAME, PROBA = table()
DATA = mlt.load(FRAME, target="late", time="when", sensitive=("plan",), name="orders")


def compared(task="binary", drop_last=False):
    "Something like a Comparison, without a fit."
    rng = np.random.default_rng(1)
    oof = pd.DataFrame({"row": np.arange(ROWS), "fold": np.repeat([1, 2, 3], ROWS // 3), "y": FRAME["late"], "good": PROBA,
                        "poor": np.clip(PROBA + rng.normal(0, 0.2, ROWS), 0, 1), "part": np.where(np.arange(ROWS) < 300, PROBA, np.nan)})  # fmt: skip
    board = pd.DataFrame({"model": ["good", "part", "poor"], "label": ["Good", "Part", HOSTILE]})
    return SimpleNamespace(oof=oof, task=task, table=board, best="good", classes=())


def made(*args, **options):
    lab = DecisionLab(*(args or (FRAME["late"], PROBA)), **{"n_resamples": 60, **options})
    lab.wait()
    return lab


def html(lab):
    return {name: "".join(map(str, v.values())) if isinstance(v := make(), dict) else str(v) for name, make in lab.regions().items()}


def same(one, other):
    assert repr(one.to_dict()) == repr(other.to_dict())


# ---- the result and its code


@pytest.mark.parametrize("kind", ["arrays", "comparison", "tuning"])
def test_code_gives_the_same_decision(kind):
    if kind == "arrays":
        lab = made(cost_fn=7, cost_review=0.5, prevalence=0.3, groups=FRAME[["plan"]], bands=[Band("call", cost=2, effect=0.8)])
    elif kind == "comparison":
        lab = made(compared(), data=DATA, cost_fn=7, capacity=4, keep=0.9, model="poor")
    else:
        study = compared()
        study.oof = study.oof.rename(columns={"good": "t3", "poor": "t7"})
        study.configurations, study.best, study.table = {}, 3, pd.DataFrame({"trial": [3, 7], "label": ["a", "b"]})
        lab = made(study, data=DATA, cost_fn=4, period="week")
    lab.put("by", "plan")
    lab.wait()
    names = {"mlt": NAMES, "y_true": FRAME["late"], "proba": PROBA, "data": DATA, "groups": FRAME[["plan"]]}
    again = eval(lab.code, names | {"comparison": getattr(lab.source, "given", None), "tuning": getattr(lab.source, "given", None)})
    assert lab.result.groups is not None
    same(again, lab.result)
    lab.put("threshold", "0.25")
    outcome = eval(lab.outcome_code, names | {"comparison": lab.source.given, "tuning": lab.source.given})
    same(outcome, lab.outcome)
    assert lab.confusion["money"].sum() == pytest.approx(lab.outcome.cost)


def test_repeated_predictions_count_once():
    twice = compared()
    twice.oof = pd.concat([twice.oof, twice.oof.assign(good=1 - PROBA)], ignore_index=True)
    lab = made(twice, cost_fn=7)
    assert lab.counts.rows == ROWS and np.allclose(lab.counts.proba, 0.5)
    same(eval(lab.code, {"mlt": NAMES, "comparison": twice}), lab.result)


def test_several_classes_are_one_against_the_rest():
    several = compared("multiclass")
    several.classes = ("red", HOSTILE)
    several.oof = several.oof.assign(**{"good|0": 1 - PROBA, "good|1": PROBA}).drop(columns=["good", "poor", "part"])
    several.table = several.table.head(1)
    lab = made(several)
    lab.put("class", "1")
    lab.wait()
    assert lab.counts.positives == FRAME["late"].sum() and "|1" in lab.code
    same(eval(lab.code, {"mlt": NAMES, "comparison": several}), lab.result)
    assert "yes-or-no" in lab.save_blocked and "<img" not in "".join(html(lab).values())


# ---- controls


def test_fields_and_sliders_set_the_same_controls():
    lab = made(cost_fp=10, cost_fn=80)
    before = lab.result.threshold
    lab.handle("cost_fn", "200")
    assert lab.result.cost_fn == 200 and lab.result.threshold < before and lab.state == "done"
    lab.handle("cost_fn-slide", str(lab.position("cost_fn") - 10))
    assert 15 <= lab.result.cost_fn <= 25 and f'value="{lab.result.cost_fn:g}"' in html(lab)["fields"]
    lab.handle("capacity-slide", "3")
    assert lab.result.capacity == lab.ladders["capacity"][3]
    lab.handle("capacity-slide", "0")
    lab.handle("prevalence-slide", "0")
    assert lab.result.capacity is None and lab.result.prevalence is None and "capacity" not in lab.code
    for name in lab.ladders:
        assert 0 <= lab.position(name) < len(lab.ladders[name])


def test_the_first_capacity_takes_the_days():
    lab = made(compared(), data=DATA)
    lab.handle("capacity", "5")
    lab.wait()
    assert lab.params["period"] == "day" and len(lab.result.periods) == FRAME["when"].dt.date.nunique()
    assert (lab.result.periods["alarms"] <= 5).all() and "<svg" in html(lab)["load"]
    lab.handle("threshold", "0.01")
    assert "more alarms than the capacity" in " ".join(lab.notes)


def test_what_is_refused_stands_beside_its_field():
    lab = made(cost_fn=8)
    for name, value in (("cost_fn", "-1"), ("cost_fp", "0"), ("prevalence", "1.5"), ("keep", "0"), ("threshold", "2"), ("capacity", "many")):
        lab.handle(name, value)
        assert name in lab.field_errors and lab.state == "done", name
    lab.put("capacity", 5)
    lab.field_errors |= {"capacity": "wrong"}
    assert "data-bad" in html(lab)["fields"]
    lab.handle("cost_review", "2")
    lab.handle("cost_fp", "0")
    assert lab.result.cost_fp == 0 and "cost_fp" not in lab.field_errors
    with pytest.raises(InputError, match="model"):
        made(compared(), model="part")
    with pytest.raises(InputError, match="price"):
        DecisionLab(FRAME["late"], PROBA, cost=3)


def test_actions_are_edited_row_by_row():
    lab = made(cost_fp=1, cost_fn=9)
    lab.handle("tab", "actions")
    lab.handle("band-add")
    lab.handle("band-add")
    lab.handle("band-action", {"key": "1", "value": HOSTILE})
    lab.handle("band-cost", {"key": "1", "value": "0.3"})
    lab.handle("band-cost", {"key": "0", "value": "dear"})
    assert "must be a number" in html(lab)["panel"] and "<img" not in html(lab)["panel"]
    assert list(lab.result.bands["action"])[:2] == ["act", HOSTILE] and "mlt.Band" in lab.code
    same(eval(lab.code, {"mlt": NAMES, "y_true": FRAME["late"], "proba": PROBA}), lab.result)
    lab.handle("band-remove", "0")
    lab.handle("band-remove", "0")
    assert lab.result.bands is None


# ---- states


def test_every_state_has_a_face():
    empty = DecisionLab()
    assert empty.state == "empty" and "Nothing to decide on" in html(empty)["body"] and empty.result is None
    assert "mlt-svg" not in str(empty.static_html())
    one_class = DecisionLab(np.zeros(50, dtype=int), np.linspace(0, 1, 50))
    one_class.job._over.wait(10)
    assert one_class.state == "error" and "both classes" in html(one_class)["answer"] and "Try again" in html(one_class)["bar"]
    with pytest.raises(InputError, match="quantity"):
        DecisionLab(compared("regression"))
    with pytest.raises(InputError, match="same length"):
        DecisionLab(FRAME["late"], PROBA[:5])
    with pytest.raises(InputError, match="out-of-fold"):
        DecisionLab(3)


def test_stop_is_heard_at_once_and_work_goes_on_when_asked(monkeypatch):
    free, real = threading.Event(), DecisionLab._work

    def stuck(self, *, progress, cancel):
        progress(0.2, "Sorting the rows")
        free.wait(10)
        return real(self, progress=progress, cancel=cancel)

    monkeypatch.setattr(DecisionLab, "_work", stuck)
    lab = DecisionLab(FRAME["late"], PROBA, n_resamples=20)
    assert lab.state == "running" and "Stop" in html(lab)["foot"]
    began = time.perf_counter()
    lab.handle("stop")
    assert time.perf_counter() - began < 0.3 and lab.state == "stopped" and "Stopped" in html(lab)["answer"]
    free.set()
    lab.handle("run")
    assert lab.wait().cost_fn == 1 and lab.state == "done"


def test_slow_answers_come_in_the_background_and_the_last_one_wins(monkeypatch):
    lab = made(cost_fn=8)
    lab.seconds = 2.0
    for value in ("9", "10", "11"):
        lab.handle("cost_fn", value)
    lab.wait()
    assert lab.result.cost_fn == 11 and lab.state == "done"


def test_groups_follow_the_prices_and_are_never_applied():
    lab = made(compared(), data=DATA, cost_fn=8)
    lab.handle("tab", "groups")
    assert lab.group_options[0] == "plan"  # sensitive columns first
    alone = lab.result.threshold
    lab.handle("by", "plan")
    lab.wait()
    assert set(lab.result.groups["group"]) == {"a", HOSTILE} and lab.result.threshold == alone and "<img" not in html(lab)["panel"]
    lab.handle("cost_fn", "20")
    lab.wait()
    assert not lab.groups_stale and lab.result.groups["cost_common"].sum() == pytest.approx(lab.result.best["cost"])


def test_calibration_is_checked_when_asked():
    lab = made(cost_fn=8)
    lab.handle("tab", "calibration")
    assert "Check it" in html(lab)["panel"]
    lab.handle("check")
    lab.wait()
    assert lab.check_job.result.sentence[:30] in html(lab)["panel"].replace("&#39;", "'")


# ---- what is kept


def test_prices_become_part_of_a_recipe(tmp_path):
    flights = mlt.load_example("flights", rows=600)
    rng = np.random.default_rng(0)
    y = (rng.random(len(flights.frame)) < 0.3).astype(int)
    lab = made(y, rng.random(len(y)), data=flights, cost_fp=3, cost_fn=45, cost_review=1, benefit_tp=4, capacity=7, period="week", keep=0.9,
               bands=[Band("call", cost=2, effect=0.8)])  # fmt: skip
    recipe = lab.to_recipe()
    if hasattr(recipe.costs, "bands"):
        costs = recipe.costs
        assert (costs.review, costs.benefit_tp, costs.capacity, costs.period, costs.keep) == (1, 4, 7, "week", 0.9)
        assert made(y, rng.random(len(y)), data=flights, recipe=recipe).params | {"model": None} == lab.params
    assert (recipe.costs.fp, recipe.costs.fn) == (3, 45) and recipe.data.target.name == flights.target
    assert mlt.Recipe.load(lab.save_recipe(tmp_path / "r.yaml")).costs.fn == 45
    again = made(y, rng.random(len(y)), recipe=str(tmp_path / "r.yaml"))
    assert again.params["cost_fn"] == 45 and again.unit == "flights"
    again.put("cost_fn", 50)
    assert again.to_recipe().costs.fn == 50
    with pytest.raises(InputError, match="recipe"):
        made().to_recipe()


def test_the_model_carries_the_threshold():
    from sklearn.linear_model import LogisticRegression

    lab = made(cost_fn=8)
    model = LogisticRegression().fit(FRAME[["z"]], FRAME["late"])
    space = {"decision": lab.result, "model": model}
    exec(lab.model_code, space)
    assert space["final"].predict(FRAME[["z"]]).sum() == (model.predict_proba(FRAME[["z"]])[:, 1] >= lab.result.threshold).sum()


def test_nothing_hostile_reaches_the_page_and_the_saved_form_is_plain():
    wide = pd.concat([FRAME, pd.DataFrame({f"column {i} {HOSTILE}": i % 3 for i in range(500)}, index=FRAME.index)], axis=1)
    data = mlt.load(wide, target="late", time="when", name=HOSTILE)
    lab = made(compared(), data=data, cost_fn=8, unit=HOSTILE, positive=HOSTILE, currency=HOSTILE)
    assert len(lab.group_options) <= 60
    for tab in ("result", "curves", "actions", "groups", "calibration", "code"):
        lab.handle("tab", tab)
        assert "<img" not in "".join(html(lab).values()), tab
    saved = str(lab.static_html())
    assert "<img" not in saved and "<script" not in saved and "<table" in saved and "mlt.decide" in saved
    assert "text/html" in lab._repr_mimebundle_()


def test_another_result_is_followed_with_the_same_prices():
    lab = DecisionLab(cost_fn=30, n_resamples=30)
    lab.follow(compared(), DATA)
    lab.wait()
    assert lab.result.cost_fn == 30 and lab.name == "orders"
    before = lab.counts
    lab.follow(lab.source.given, DATA)
    assert lab.counts is before
    lab.follow(None)
    assert lab.state == "empty"


def test_a_result_that_asks_no_yes_or_no_question_is_refused_in_words():
    lab = DecisionLab(n_resamples=30)
    lab.follow(compared("regression"), DATA)
    assert lab.state == "error" and "quantity" in html(lab)["body"] and "Try again" not in html(lab)["bar"]
    lab.follow(compared(), DATA)
    assert lab.wait() is not None and lab.state == "done"


# ---- the parts


def test_ladders_are_round_and_reach_beyond():
    steps = source.ladder([20, 160])
    assert steps[0] == 0 and steps == sorted(steps) and steps[-1] >= 1600 and steps[source.nearest(steps, 160)] in (150, 160, 200)
    assert source.nearest(steps, 0) == 0 and source.nearest(steps, None) == 0


def test_labels_of_periods_and_their_expressions_agree():
    rows = source.rows_of(source.as_source(compared()))
    for kind in ("day", "hour", "week", "month"):
        labels, text = source.period_labels(DATA, rows, kind)
        again = eval(text, {"data": DATA, "comparison": compared()})
        assert (labels == again).all()
    assert source.period_kinds(None) == () and source.group_names(None) == ()
