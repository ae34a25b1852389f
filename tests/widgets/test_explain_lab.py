"The lab that explains: every tab's code gives its result; edits, searches, stops, errors, hostile names, many columns, several tasks."

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.modeling.candidates import make_pipeline_for
from mltoolkit.widgets.explain_lab import ExplainLab
from mltoolkit.widgets.explain_source import errors_of, held_out, out_of_fold, search_rows, typed

NASTY = '<img src=x onerror=alert(1)>"&'


def table(n=500, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "hours": rng.integers(0, 24, n), "place": rng.choice(["here", "there", NASTY], n), "size": rng.normal(10, 3, n).round(2),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), "D"), "sex": rng.choice(["f", "m"], n),
        "member": rng.random(n) < 0.5, "key": [f"id-{i}" for i in range(n)],
    })  # fmt: skip
    frame.loc[::11, "size"] = np.nan
    score = frame["hours"] / 8 + (frame["place"] == "here") - 1.6 + rng.normal(size=n)
    frame["late"] = (score > 0.5).astype(object)
    frame.loc[frame.index % 29 == 5, "late"] = None
    return frame


@pytest.fixture(scope="module")
def data():
    return mlt.load(table(), target="late", positive=True, sensitive=("sex",), id="key", time="day", name="orders")


@pytest.fixture(scope="module")
def comparison(data):
    return mlt.compare(data, models=["logistic"], split=mlt.split(data, n_splits=3))


@pytest.fixture
def lab(comparison, data):
    made = ExplainLab(comparison, data)
    made.wait()
    return made


def same(one, two):
    "Whether two results say the same."
    if hasattr(one, "reasons"):
        return one.table.equals(two.table)
    table = lambda r: r.importance if hasattr(r, "importance") else r.to_frame()  # noqa: E731
    pd.testing.assert_frame_equal(table(one), table(two))
    return True


def test_code_of_every_tab_gives_its_result(lab, comparison, data):
    for tab, change in {"global": None, "one": None, "whatif": ("edits", {"hours": 3, "size": float("nan"), "member": True}),
                        "effects": ("column", "size"), "cohorts": ("by", "place"), "fails": None}.items():  # fmt: skip
        lab.handle("tab", tab)
        if change:
            lab.controls[change[0]].value = change[1]
        result = lab.wait()
        names = {"comparison": comparison, "data": data, "pd": pd}
        exec(lab.setup_code, names)
        assert same(eval(lab.code, names), result), tab
        assert lab.problem is None and lab.state == "done" and str(lab.regions()["body"]())
    lab.handle("tab", "code")
    page, names = str(lab.regions()["body"]()), {"comparison": comparison, "data": data}
    assert "mlt.effects(" in page and NASTY not in page
    exec(f"{lab.setup_code}\n{lab.all_code}", names)
    assert same(names["failures"], lab.parts["fails"].result)


def test_rows_are_unseen_and_never_locked(lab, comparison, data):
    split = mlt.split(data, n_splits=3)
    held = held_out(comparison, data)
    assert set(lab.ready.positions) == set(split.folds[-1][1]) and not set(held.rows) & set(held.learned)
    assert not set(lab.ready.positions) & set(split.locked(data)) and not set(out_of_fold(comparison).rows) & set(split.locked(data))
    opened = ExplainLab(comparison, data, locked=True)
    opened.wait()
    assert set(opened.ready.positions) == set(split.locked(data)) and "locked" in str(opened.regions()["head"]())
    model = comparison.fit_best(data)
    assert set(ExplainLab(model, data, split=split).wait() and split.development) <= set(range(len(data)))


def test_one_row_is_searched_and_listed(lab):
    lab.handle("tab", "one")
    lab.handle("list", "worst")
    errors = lab.ready.errors[lab.shown_rows]
    assert (np.diff(errors) <= 0).all() and errors[0] == np.nanmax(lab.ready.errors)
    key = lab.data.frame["key"].iloc[lab.ready.positions[7]]
    lab.handle("find", key)
    assert lab.controls["row"].value == lab.ready.positions[7] and lab.result.table["text"].iloc[0]
    lab.handle("find", "place = here")
    assert all(lab.ready.frame["place"].iloc[i] == "here" for i in lab.shown_rows) and lab.shown_rows
    lab.handle("find", "nothing like it")
    assert lab.shown_rows == [] and "No row fits" in str(lab.regions()["body"]())
    lab.handle("find", "")
    assert lab.controls["list"].value == "high"
    lab.handle("similar")
    lab.wait()
    assert len(lab.similar_places) == 5 and lab.row_place not in lab.similar_places and "Rows like this one" in str(lab.regions()["body"]())


def test_what_if_is_live_and_checked(lab):
    lab.handle("tab", "whatif")
    before = lab.told(lab.row_place)
    began = time.perf_counter()
    lab.handle("edit", {"key": "hours", "value": "0"})
    assert time.perf_counter() - began < 1.0  # 0.2 s on a machine with nothing else to do
    assert lab.told_after != before and lab.controls["edits"].value == {"hours": 0}
    lab.handle("edit", {"key": "hours", "value": "noon"})
    assert "holds a number" in lab.field_errors["edit hours"] and lab.controls["edits"].value == {"hours": 0}
    lab.handle("edit", {"key": "hours", "value": "900"})
    assert "The model guesses there" in lab.unusual
    lab.handle("edit", {"key": "place", "value": NASTY})
    assert NASTY not in str(lab.regions()["body"]())
    lab.handle(f"edit-slide-{lab.ready.explainer.columns.index('size')}", "3")
    assert lab.controls["edits"].value["size"] == lab.steps_of("size")[3]
    lab.handle("edit-reset")
    assert lab.told_after == before


def test_changes_over_actionable_columns(lab, comparison, data):
    lab.handle("tab", "whatif")
    lab.handle("counterfactual")
    assert lab.parts["counterfactual"].result is None  # nothing may be changed yet
    lab.handle("actionable-add", "hours")
    lab.handle("goal", "30%")
    lab.handle("counterfactual")
    lab.wait()
    found = lab.parts["counterfactual"].result
    assert set(found.changes["column"]) <= {"hours"} and (found.options["after"] < 0.3).all() and len(found.options)
    names = {"comparison": comparison, "data": data}
    exec(lab.setup_code, names)
    assert same(eval(lab._code_counterfactual(), names), found)
    lab.handle("row", str(lab.shown_rows[1]))
    assert lab.parts["counterfactual"].stale and "Out of date" in str(lab.regions()["body"]())
    lab.handle("goal", "a lot")
    assert "goal" in lab.field_errors
    assert list(lab.controls["actionable"].value) == ["hours"]
    lab.handle("actionable-add", "sex")  # a sensitive column is no feature
    assert list(lab.controls["actionable"].value) == ["hours"]


def test_where_it_fails_over_time_and_by_group(lab):
    lab.handle("tab", "fails")
    assert "fairness" in lab.looks and "time" in lab.looks
    for look in ("time", "fairness", "bias", "slices"):
        lab.handle("look", look)
        result = lab.wait()
        assert result.sentence and lab.state == "done"
        assert str(lab.regions()["body"]())
    assert "sex" not in lab.cohort_columns and "sex" not in lab.searched


def test_a_stop_is_heard_at_once(data, comparison):
    some = data.known().take(range(150))
    frame, y = some.frame[["hours", "size"]].fillna(0), some.y.to_numpy()
    rows = mlt.load(frame.assign(late=y), target="late", positive=1)
    lab = ExplainLab(KNeighborsClassifier(25).fit(frame, y), rows, n_background=20)
    lab.wait()
    assert lab.task == "binary" and lab.result is not None
    lab.handle("tab", "effects")
    lab.handle("pairs")
    began = time.monotonic()
    lab.handle("stop")
    assert time.monotonic() - began < 0.3 and lab.state in ("stopped", "done")
    if lab.state == "stopped":
        assert "Stopped" in str(lab.regions()["foot"]())
    lab.handle("pairs")
    lab.wait()
    assert lab.parts["interactions"].result is not None and not lab.parts["interactions"].stopped


def test_empty_and_wrong_input(data, comparison):
    empty = ExplainLab()
    assert empty.state == "empty" and empty.result is None and "Nothing to explain" in str(empty.static_html())
    assert "Nothing to explain yet" in str(empty.regions()["body"]())
    empty.follow(comparison, data)
    assert empty.wait() is not None and empty.state == "done"
    with pytest.raises(InputError, match="explained on rows"):
        ExplainLab(comparison)
    with pytest.raises(InputError, match="fitted"):
        ExplainLab(KNeighborsClassifier(), data)
    wrong = ExplainLab(comparison.fit_best(data), mlt.load(table()[["hours", "late"]], target="late", positive=True))
    with pytest.raises(InputError, match="every column"):
        wrong.wait()
    assert wrong.state == "error" and "every column" in str(wrong.regions()["body"]())


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks(task):
    frame = table(200).drop(columns=["late", "key", "day"])
    rng = np.random.default_rng(1)
    score = frame["hours"] / 8 + (frame["place"] == "here") + rng.normal(size=len(frame)) * 0.5
    frame["target"] = pd.cut(score, 3, labels=["low", NASTY, "high"]).astype(str) if task == "multiclass" else score * 100
    data = mlt.load(frame, target="target", sensitive=("sex",))
    kind = "logistic" if task == "multiclass" else "ridge"
    model = make_pipeline_for(kind, data.X, task=task).fit(data.X, data.y.to_numpy())
    lab = ExplainLab(model, data, actionable=["hours"])
    lab.wait()
    for tab in ("global", "one", "whatif", "effects", "cohorts", "fails"):
        lab.handle("tab", tab)
        if tab == "cohorts":
            lab.handle("by", "member")
        lab.wait()
        page = str(lab.regions()["body"]())
        assert lab.problem is None and lab.state == "done" and NASTY not in page, tab
        names = {"model": model, "data": data}
        exec(lab.setup_code, names)
        assert same(eval(lab.code, names), lab.result), tab
    lab.handle("tab", "whatif")
    lab.handle("class", "1")
    lab.handle("counterfactual")
    lab.wait()
    assert lab.parts["counterfactual"].result is not None
    with pytest.raises(InputError, match="yes-or-no"):
        lab.to_recipe()


def test_many_columns_and_long_names():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(120, 300)), columns=[f"{'a very long column name ' * 4}{i}" for i in range(300)])
    wide["y"] = (wide.iloc[:, 0] > 0).astype(int)
    data = mlt.load(wide, target="y", positive=1)
    model = make_pipeline_for("logistic", data.X).fit(data.X, data.y.to_numpy())
    lab = ExplainLab(model, data, n_rows=50)
    lab.parts["global"].drop()  # shuffling 300 columns is not what is looked at here
    lab.parts["prepare"].job.wait(60)
    lab.handle("tab", "whatif")
    assert len(lab.edited_columns) <= 14 and len(str(lab.regions()["body"]())) < 400_000


def test_recipe_and_static_page(lab):
    lab.handle("tab", "effects")
    lab.handle("column", "size")
    lab.controls["actionable"].value = ["hours"]
    lab.wait()
    recipe = lab.to_recipe()
    assert list(recipe.explain.effects) == ["size"] and list(recipe.explain.actionable) == ["hours"]
    lab.handle("tab", "global")
    assert recipe.data.target.column == "late" and recipe.explain.background == 100
    page = str(lab.static_html())
    assert page.count("<tr") >= 5 and "mlt.explain(" in page and "<script" not in page and len(page) < 60_000
    assert "ExplainLab" in repr(lab) and lab.params["row"] is not None


def test_small_parts():
    frame = table(50)
    assert typed("", frame["size"]) != typed("", frame["size"]) and typed("2024-02-03", frame["day"]) == pd.Timestamp("2024-02-03")
    assert typed("yes", frame["member"]) is True and typed("x", frame["place"]) == "x" and typed("", frame["place"]) is None
    with pytest.raises(InputError, match="date"):
        typed("soon", frame["day"])
    assert errors_of([0, 1], np.array([[0.9, 0.1], [0.8, 0.2]])).tolist() == pytest.approx([0.1, 0.8])
    assert search_rows("", frame, np.arange(50)).tolist() == [] and search_rows("#7", frame, np.arange(50)).tolist() == [7]


def test_in_the_lab_a_step_goes_on_where_it_was():
    lab = mlt.Lab(mlt.load_example("flights", rows=1_500))
    lab.profile_lab.job.wait(60)
    lab.handle("step", "explain")
    assert lab.explain_lab.state == "empty" and "Nothing to explain yet" in str(lab.regions()["body"]())
    lab.handle("step", "validation")
    lab.validation_lab.put("models", ("logistic",))
    lab.validation_lab.split_job.wait(60)
    lab.handle("run")
    lab.validation_lab.job.wait(60)
    for step in ("explain", "decision", "explain"):
        lab.handle("step", step)
        assert lab.problem is None
    lab.explain_lab.wait()
    kept = lab.explain_lab.ready
    lab.handle("step", "decision")
    lab.handle("step", "explain")
    assert lab.explain_lab.ready is kept and lab.explain_lab.state == "done"  # nothing is computed anew on the way back
    assert lab.to_recipe().explain.background == 100
