"The data lab and the lab: what is decided, what comes out, what is refused."

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Cancelled, InputError
from mltoolkit.widgets import column_card, profile_lab, profile_state, saving
from mltoolkit.widgets.lab import recipe_state

LEAKS = {"arr_delay", "dep_delay", "arr_time", "air_time", "dep_time"}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def flights(flights_small):
    return flights_small


@pytest.fixture
def lab(flights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lab = mlt.ProfileLab(flights)
    lab.job.wait(60)
    return lab


def own_table(rows=400, **columns):
    rng = np.random.default_rng(0)
    churn = rng.random(rows) < 0.3
    frame = {"age": rng.normal(40, 9, rows), "plan": rng.choice(["a", "b", "c"], rows), "churn": np.where(churn, "yes", "no")}
    return pd.DataFrame({**frame, **columns})


def html(lab):
    return {name: str(make()) for name, make in lab.regions().items()}


def test_leaks_are_proposed_with_their_evidence(lab):
    assert set(lab.proposed) == LEAKS == {c for c, (what, _) in lab.decisions.items() if what == "drop"}
    assert all("MLT3" in reason and len(reason) > 30 for _, reason in lab.decisions.values())
    assert lab.params["drop"] == {} and lab.params["keep"] == {}  # a proposal is no decision yet


def test_code_gives_the_same_profile(lab, flights):
    assert eval(lab.code, {"mlt": mlt, "data": flights}).to_dict() == lab.result.to_dict()
    lab.controls["group"].value = None
    lab.controls["id"].value = "tailnum"
    assert lab.stale and "mlt.split(table := data.replace(id='tailnum', group=None), kind='time'" in lab.code
    lab.run()
    lab.job.wait(60)
    assert not lab.stale and eval(lab.code, {"mlt": mlt, "data": flights}).to_dict() == lab.result.to_dict()


def test_code_for_a_plain_dataframe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = own_table()
    lab = mlt.ProfileLab(frame, target="churn")
    lab.job.wait(60)
    assert lab.params["positive"] == "yes"
    assert eval(lab.code, {"mlt": mlt, "data": frame}).to_dict() == lab.result.to_dict()


def test_drop_use_keep(lab):
    lab.drop("distance", "the destination says it")
    lab.drop("visib")
    assert lab.params["drop"] == {"distance": "the destination says it", "visib": profile_lab.BY_CHOICE}
    lab.use("visib")
    assert "visib" not in lab.decisions
    with pytest.raises(InputError, match="kept for a reason"):
        lab.use("dep_time")
    lab.use("dep_time", "known when the doors close")
    assert lab.decisions["dep_time"] == ("keep", "known when the doors close") and "dep_time" not in lab.proposed
    lab.drop("dep_time")
    assert lab.decisions["dep_time"][0] == "drop" and "MLT302" in lab.decisions["dep_time"][1]
    with pytest.raises(InputError, match="must be a feature"):
        lab.drop("time_hour")


def test_a_decision_taken_back_leaves_no_leak_undecided(lab):
    lab.use("dep_time", "a reason")
    lab.controls["keep"].value = {}
    assert "dep_time" in lab.proposed
    lab.controls["drop"].value = {"arr_time": "known afterwards"}
    lab.controls["drop"].value = {}
    assert set(lab.proposed) == LEAKS


def test_the_page_asks_for_a_reason_and_then_insists(lab):
    lab.handle("used", {"key": "dep_time", "value": True})
    assert lab.selected == "dep_time" and "Why is its value known in time?" in html(lab)["detail"] and "a reason is needed" not in html(lab)["detail"]
    lab.handle("use", "dep_time")
    assert "a reason is needed" in html(lab)["detail"] and lab.decisions["dep_time"][0] == "drop"
    lab.handle("reason-keep", {"key": "dep_time", "value": "because"})
    lab.handle("use", "dep_time")
    assert lab.decisions["dep_time"] == ("keep", "because")
    lab.handle("used", {"key": "dep_time", "value": False})
    lab.handle("use", "dep_time")
    assert lab.decisions["dep_time"][0] == "drop"  # the old reason does not come back by itself
    lab.handle("keep-cancel", "dep_time")
    assert "Why is its value" not in html(lab)["detail"]


def test_reasons_typed_in_the_card(lab):
    lab.handle("reason-drop", {"key": "distance", "value": "a draft"})
    assert "distance" not in lab.decisions
    lab.handle("drop", "distance")
    assert lab.decisions["distance"] == ("drop", "a draft")
    lab.handle("reason-drop", {"key": "distance", "value": "better words"})
    assert lab.decisions["distance"] == ("drop", "better words")
    lab.handle("reason-drop", {"key": "distance", "value": "  "})
    assert lab.decisions["distance"] == ("drop", "better words")
    lab.handle("reason-drop", {"key": "arr_time", "value": "landing is later"})
    assert lab.decisions["arr_time"] == ("drop", "landing is later") and "arr_time" not in lab.proposed


def test_roles_are_checked_and_make_the_result_stale(lab):
    lab.handle("group", "time_hour")
    assert "one role at most" in lab.problem and lab.params["group"] == "tailnum"
    lab.handle("group", "no such column")
    assert lab.params["group"] == "tailnum"
    lab.drop("carrier", "not wanted")
    lab.handle("group", "carrier")
    assert lab.stale and "carrier" not in lab.decisions and "Out of date" in html(lab)["body"]
    lab.handle("group", "tailnum")
    assert not lab.stale
    lab.handle("target", "origin")
    assert lab.params["positive"] in ("EWR", "JFK", "LGA")
    lab.handle("positive", "JFK")
    assert lab.data.positive == "JFK"
    lab.handle("positive", "<b>")
    assert "must be a value of the target" in lab.problem.unescape()


def test_a_failed_profile_is_shown_and_the_old_one_stays(lab):
    lab.controls["target"].value = "year"  # has one value only
    lab.run()
    with pytest.raises(InputError):
        lab.job.wait(60)
    body = html(lab)["body"]
    assert "The profile could not be made" in body and "Traceback" not in body and lab.result is not None


def test_stopping_and_starting_again(flights, monkeypatch):
    def endless(lab, data, *, progress, cancel):
        while True:
            progress(0.5, "half way")

    monkeypatch.setattr(profile_state, "_profile", endless)
    lab = mlt.ProfileLab(flights)
    assert "Profiling" in html(lab)["body"] and "progressbar" in html(lab)["foot"]
    first = lab.job
    lab.handle("run")  # a second start stops the first
    lab.handle("stop")
    for job in (first, lab.job):
        with pytest.raises(Cancelled):
            job.wait(5)
    assert lab.result is None and "Nothing was profiled" in html(lab)["body"]
    monkeypatch.undo()
    lab.handle("run")
    lab.job.wait(60)
    assert lab.result is not None


def test_sensitive_values_are_not_drawn(lab):
    lab.handle("sensitive", {"key": "dest", "value": True})
    rows = lab.regions()["rows"]()
    assert lab.params["sensitive"] == ("dest",) and "not shown" in rows["dest"] and "distribution of" not in rows["dest"]
    lab.selected = "dest"
    assert "sensitive" in html(lab)["detail"] and "ATL" not in html(lab)["detail"]
    lab.handle("sensitive", {"key": "dest", "value": False})
    assert lab.params["sensitive"] == ()


def test_sorting(lab):
    def order():
        return list(lab.regions()["rows"]())

    assert set(order()[:5]) == LEAKS
    lab.handle("sort", "missing")
    assert order()[0] == "wind_gust"
    lab.handle("sort", "missing")
    assert order()[-1] == "wind_gust"
    lab.handle("sort", "name")
    assert order() == sorted(order(), key=str.lower)
    for name in ("distinct", "tells", "findings"):
        lab.handle("sort", name)
        assert len(order()) == len(lab.result.columns)


def test_the_recipe_holds_the_decisions_and_the_rest_of_the_shipped_one(lab):
    lab.drop("minute", "part of sched_dep_time")
    lab.use("dep_time", "known when the doors close")
    recipe = lab.to_recipe()
    assert recipe.keep == {"dep_time": "known when the doors close"}
    assert set(recipe.drop) == (LEAKS - {"dep_time"}) | {"minute"} and "MLT301" in recipe.drop["arr_delay"]
    assert recipe.data.target.at_least == 60 and len(recipe.data.joins) == 4 and recipe.data.roles.time == "time_hour"
    lab.controls["time"].value = None
    assert lab.to_recipe().split.kind is None
    lab.controls["target"].value = None
    with pytest.raises(InputError, match="needs a target"):
        lab.to_recipe()


def test_a_recipe_to_go_on_from(lab, flights, tmp_path):
    lab.use("dep_time", "known when the doors close")
    path = lab.save_recipe(tmp_path / "mine.yaml")
    again = mlt.ProfileLab(flights, recipe=path)
    again.job.wait(60)
    assert again.decisions == lab.decisions and again.saver.path == str(path) and again.proposed == {}
    assert again.to_recipe() == lab.to_recipe()


def test_a_recipe_for_a_table_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_table().to_csv("customers.csv", index=False)
    lab = mlt.ProfileLab("customers.csv", target="churn")
    lab.job.wait(60)
    lab.drop("plan", "not known for new customers")
    recipe = lab.to_recipe()
    assert recipe.data.table == "customers.csv" and recipe.name == "customers"
    assert recipe.data.target.to_dict() | {"name": ""} == {"name": "", "column": "churn", "at_least": None, "at_most": None, "equals": "yes"}
    assert recipe.drop == {"churn": "the target is made of it", "plan": "not known for new customers"}


def test_saving_asks_once(lab, tmp_path):
    lab.handle("save-open")
    lab.handle("save-write")
    path = tmp_path / "flights.yaml"
    first = path.read_text()
    assert "holds exactly these decisions" in html(lab)["body"]
    lab.drop("visib")
    lab.handle("save-write")
    assert path.read_text() == first and "Replace it?" in html(lab)["body"] and "drop.visib" in html(lab)["body"]
    lab.drop("temp")  # another question now
    lab.handle("save-write")
    assert path.read_text() == first
    lab.handle("save-write")
    assert "visib" in mlt.Recipe.load(path).drop and "temp" in mlt.Recipe.load(path).drop


@pytest.mark.parametrize("path", ["", "folder", "recipe.txt", "missing/deep/r.yaml"])
def test_paths(lab, tmp_path, path):
    (tmp_path / "folder").mkdir()
    before = lab.saver.path
    lab.handle("save-path", path)
    lab.handle("save-open")
    if path.endswith("r.yaml"):
        lab.handle("save-write")
        assert (tmp_path / path).exists()
    else:
        assert lab.saver.error and lab.saver.path == before and 'role="alert"' in html(lab)["body"]


def test_a_file_that_is_no_recipe_is_not_overwritten(lab, tmp_path):
    (tmp_path / "flights.yaml").write_text("shopping: [milk]\n")
    lab.handle("save-open")
    assert "Not a recipe." in html(lab)["body"]
    lab.handle("save-write")
    assert "only a recipe may be replaced" in lab.problem and (tmp_path / "flights.yaml").read_text() == "shopping: [milk]\n"


def test_a_folder_that_cannot_be_written(lab, tmp_path, monkeypatch):
    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mltoolkit.production.recipe.Recipe.save", full)
    lab.handle("save-write")
    assert "the file must be writable" in lab.problem and "No space left" in lab.problem


def test_hostile_names_stay_text_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = own_table(**{HOSTILE: [f"{HOSTILE}{i % 7}" for i in range(400)], "x" * 300: 1})
    for target in ("churn", HOSTILE):
        lab = mlt.ProfileLab(frame, target="churn")
        lab.job.wait(60)
        lab.handle("select", HOSTILE)
        lab.drop("x" * 300, HOSTILE)
        lab.handle("target", target)
        shown = "".join(html(lab).values()) + lab.static_html()
        lab.handle("tab", "code")
        shown += html(lab)["body"]
        lab.handle("save-open")
        shown += html(lab)["body"]
        assert "<img" not in shown and "&lt;img" in shown


def test_odd_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"all_missing": [None] * 50, "one": 1, "when": pd.date_range("2024-01-01", periods=50), "y": [True, False] * 25})
    frame["inf"] = [np.inf, 1.0] * 25
    lab = mlt.ProfileLab(frame, target="y")
    lab.job.wait(60)
    for name in frame.columns:
        lab.handle("select", name)
        assert lab.problem is None and html(lab)["detail"]
    without = mlt.ProfileLab(frame)
    without.job.wait(60)
    assert html(without)["body"] and without.proposed == {}


def test_the_saved_form(lab):
    text = lab.static_html()
    assert "drop (proposed)" in text and "style=" not in text and "<svg" not in text and len(text) < 20_000
    assert lab._repr_mimebundle_()["text/html"] == str(text)


def test_values_and_shares():
    assert [column_card.share_text(n, 1_000) for n in (0, 0.4, 26, 1_000)] == ["0", "<0.1 %", "2.6 %", "100.0 %"]
    clock = type("C", (), {"kind": "clock"})
    assert [column_card.value_text(clock, v) for v in (1535.0, 5, 2400, None, float("nan"))] == ["15:35", "00:05", "24:00", "", ""]


def test_the_lab_has_two_steps_and_one_result(flights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lab = mlt.Lab(flights)
    lab.profile_lab.job.wait(60)
    assert lab.result is lab.profile_lab.result and lab.code == lab.profile_lab.code and "mlt.split(data" in lab.code
    assert "Data" in html(lab)["steps"] and 'data-state="done"' in html(lab)["steps"]
    lab.handle("drop", "visib")
    lab.handle("save-open")
    assert lab.step == "recipe" and "mltoolkit run flights.yaml" in html(lab)["body"] and "version: 1" in html(lab)["body"]
    assert recipe_state(lab.profile_lab) == "idle"
    lab.handle("save-write")
    assert recipe_state(lab.profile_lab) == "done" and mlt.Recipe.load("flights.yaml") == lab.to_recipe()
    lab.handle("step", "data")
    lab.handle("drop", "temp")
    assert recipe_state(lab.profile_lab) == "stale"
    lab.handle("step", "nowhere")
    assert lab.step == "data"


def test_progress_reaches_the_page_through_the_lab(flights, monkeypatch):
    messages = []
    lab = mlt.Lab(flights)
    monkeypatch.setattr(lab.surface, "send", messages.append)
    lab.surface._hear(None, {"type": "hello"}, [])
    lab.profile_lab.job.wait(60)
    lab.handle("run")
    lab.profile_lab.job.wait(60)
    assert any("foot" in m["regions"] for m in messages if m.get("type") == "update")


def test_compare_tells_the_four_cases_apart(tmp_path):
    from mltoolkit.production.recipe import example_recipe

    recipe, path = example_recipe("flights"), tmp_path / "r.yaml"
    assert saving.compare(recipe, path)[0] == "new"
    recipe.save(path)
    assert saving.compare(recipe, path)[0] == "same"
    recipe.with_params({"costs.fn": 3}).save(path)
    assert saving.compare(recipe, path)[0] == "differs"
    path.write_text("hello")
    assert saving.compare(recipe, path)[0] == "foreign"


# ---- what is profiled ----


def wait(lab):
    return lab.job.wait(60)


def test_locked_rows_are_never_profiled(lab, flights):
    first = pd.Timestamp("2013-11-01", tz="America/New_York")
    times = flights.frame["time_hour"]
    assert lab.result.n_rows < (times < first).sum() + 1 < len(flights)
    assert lab.result["time_hour"].max < "2013-11-01" and "locked for the test" in html(lab)["body"]
    assert f"{lab.result.n_rows:,} of 8,000 rows are profiled" in lab.rows_text and "locked" in lab.static_html()
    recipe = mlt.Recipe.from_dict(lab.to_recipe().to_dict())
    split = mlt.split(flights, **recipe.split.to_dict(), random_state=recipe.random_state)
    pipeline = mlt.profile(split.unlocked(flights), contract=recipe.contract.to_dict(), random_state=recipe.random_state)
    assert pipeline.to_dict() == lab.result.to_dict()
    assert any(a["code"] == "MLT304" for a in lab.result.alerts)


def test_without_a_recipe_all_rows_are_profiled_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lab = mlt.ProfileLab(own_table(), target="churn")
    wait(lab)
    assert lab.result.n_rows == 400 and "No recipe locks rows for a test yet" in html(lab)["body"]


def test_locked_months_stay_locked_whatever_the_target(lab, flights):
    for target in (None, "carrier", "distance"):
        lab.controls["target"].value = target
        lab.run()
        result = wait(lab)
        assert result["time_hour"].max < "2013-11-01", target
        assert eval(lab.code, {"mlt": mlt, "data": flights}).to_dict() == result.to_dict()


def test_a_table_after_the_locked_date_needs_no_lock_unless_it_was_asked_for(flights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    months = flights.frame["month"].to_numpy()
    lab = mlt.ProfileLab(flights.take(months == 12))
    assert wait(lab).n_rows == (months == 12).sum() and "none lies before the test set" in lab.rows_text
    recipe = lab.to_recipe()
    asked = mlt.ProfileLab(flights.take(months == 12), recipe=recipe)
    with pytest.raises(InputError, match="not locked"):
        wait(asked)
    assert "rows that are not locked" in html(asked)["body"]
    spring = mlt.ProfileLab(flights.take(months < 6))
    wait(spring)
    assert "after the last row" in spring.rows_text and spring.result.n_rows == (months < 6).sum()


def test_a_recipe_that_locks_a_share(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = own_table()
    lab = mlt.ProfileLab(frame, target="churn")
    wait(lab)
    path = lab.save_recipe(tmp_path / "mine.yaml")
    again = mlt.ProfileLab(frame, target="churn", recipe=path)
    assert wait(again).n_rows == 320 and "locks a share" in again.rows_text
    assert eval(again.code, {"mlt": mlt, "data": frame}).to_dict() == again.result.to_dict()


# ---- a first look ----


def test_a_first_look_is_named_and_replaced(flights, monkeypatch, tmp_path):
    import dataclasses
    import threading

    monkeypatch.chdir(tmp_path)
    shown, go_on = threading.Event(), threading.Event()
    exact = mlt.profile(flights)

    def slow(plan, *, preview, progress, cancel):
        preview(dataclasses.replace(exact, preview=True, sample_rows=2_000, alerts=[]))
        shown.set()
        go_on.wait(20)
        cancel.check()
        return exact

    monkeypatch.setattr(profile_state, "run_plan", slow)
    lab = mlt.ProfileLab(flights)
    assert shown.wait(10)
    assert lab.result.preview and "First look at 2,000 rows." in html(lab)["body"] and "Exact figures follow" in html(lab)["body"]
    assert "carrier" in html(lab)["rows"] and lab.proposed == {} and lab.without_rule == [] and "leak" not in html(lab)["head"]
    assert "aria-disabled" in html(lab)["bar"]
    go_on.set()
    wait(lab)
    assert not lab.result.preview and set(lab.proposed) == LEAKS and "First look" not in html(lab)["body"]
    shown.clear(), go_on.clear()
    lab.run()
    assert shown.wait(10)
    lab.handle("stop")
    go_on.set()
    with pytest.raises(Cancelled):
        wait(lab)
    assert lab.result.preview and "stopped before the exact figures" in html(lab)["body"]


def test_a_late_first_look_of_a_stopped_job_is_not_shown(lab, flights):
    import dataclasses

    old = lab.plan
    lab.controls["id"].value = "tailnum" if lab.controls["group"].value is None else None
    lab._on_preview(dataclasses.replace(lab.result, preview=True), old)
    assert not lab.result.preview


# ---- several tables ----


def test_several_tables(flights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = own_table()
    own.to_csv("customers.csv", index=False)
    tables = {"flights": flights, "customers": "customers.csv", "frame": own}
    lab = mlt.ProfileLab(tables)
    wait(lab)
    assert "Table" in html(lab)["body"] and lab.params["table"] == "flights"
    lab.drop("visib", "not wanted")
    lab.handle("table", "customers")
    wait(lab)
    assert set(c.name for c in lab.result.columns) == set(own.columns) and lab.saver.path == "customers.yaml"
    assert eval(lab.code, {"mlt": mlt, "data": tables}).to_dict() == lab.result.to_dict()
    lab.handle("target", "churn")
    assert lab.params["positive"] == "yes" and lab.stale
    lab.handle("table", "flights")
    assert lab.decisions["visib"] == ("drop", "not wanted") and not lab.stale and lab.job.state == "done" and lab.saver.path == "flights.yaml"
    assert eval(lab.code, {"mlt": mlt, "data": tables}).to_dict() == lab.result.to_dict()
    lab.handle("table", "customers")
    assert lab.params["target"] == "churn"
    lab.handle("table", "<b>")
    assert "one of those given" in lab.problem and lab.params["table"] == "customers"
    with pytest.raises(InputError, match="one of those given"):
        mlt.ProfileLab(tables, table="flight")


def test_the_tables_of_an_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lab = mlt.ProfileLab("example:flights", table="airports")
    wait(lab)
    assert list(lab.tables)[:2] == ["flights, joined", "flights"] and "weather" in lab.tables
    assert eval(lab.code, {"mlt": mlt, "data": "example:flights"}).to_dict() == lab.result.to_dict()


def test_a_dict_of_columns_is_one_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lab = mlt.ProfileLab({"x": [1, 2, 3], "y": ["a", "b", "c"]})
    assert len(wait(lab).columns) == 2 and len(lab.tables) == 1


# ---- treated as ----


def test_treat_as_goes_into_profile_code_and_recipe(lab, flights):
    lab.handle("treat", {"key": "plane_engines", "value": "category"})
    assert lab.stale and lab.params["treat"] == {"plane_engines": "category"}
    lab.run()
    result = wait(lab)
    assert result["plane_engines"].kind == "category" and "value=\"category\" selected" in html_of(lab, "plane_engines")
    assert eval(lab.code, {"mlt": mlt, "data": flights}).to_dict() == result.to_dict()
    assert lab.to_recipe().data.treat_as == {"plane_engines": "category"}
    lab.handle("treat", {"key": "plane_engines", "value": ""})
    assert lab.params["treat"] == {} and lab.stale


def html_of(lab, column):
    lab.handle("select", column)
    return html(lab)["detail"]


def test_treat_as_a_role(lab):
    lab.handle("treat", {"key": "carrier", "value": "role:group"})
    assert lab.params["group"] == "carrier"
    lab.handle("treat", {"key": "carrier", "value": "sensitive"})
    assert lab.params["group"] is None and lab.params["sensitive"] == ("carrier",)
    lab.handle("treat", {"key": "carrier", "value": "role:time"})
    assert lab.problem and lab.params["time"] == "time_hour"  # a carrier is no time
    lab.handle("treat", {"key": "carrier", "value": "text"})
    assert lab.params["sensitive"] == () and lab.params["treat"] == {"carrier": "text"}
    lab.handle("treat", {"key": "carrier", "value": "number"})
    assert "must hold numbers" in lab.problem and lab.params["treat"] == {"carrier": "text"}
    lab.handle("treat", {"key": "late", "value": "category"})
    assert "late" not in lab.params["treat"]


def test_a_recipe_with_treatments_is_gone_on_from(lab, flights, tmp_path):
    lab.treat("plane_engines", "category")
    again = mlt.ProfileLab(flights, recipe=lab.save_recipe(tmp_path / "mine.yaml"))
    wait(again)
    assert again.params["treat"] == {"plane_engines": "category"} and again.result["plane_engines"].kind == "category"
    assert again.to_recipe() == lab.to_recipe()


# ---- rules ----


def test_rules_begin_with_those_of_the_recipe_and_the_rest_is_proposed(lab, flights):
    before = dict(lab.params["rules"])
    assert before["hour"] == {"type": "integer", "min": 0, "max": 23, "missing_max": 0} and len(lab.without_rule) == 14
    rule, added = lab.rule_of("dewp")
    assert not added and rule["type"] == "number" and rule["min"] < rule["max"]
    assert lab.to_recipe().contract.to_dict() == mlt.production.recipe.example_recipe().contract.to_dict()
    lab.handle("rules-propose")
    assert len(lab.params["rules"]) == 38 and lab.params["rules"]["hour"] == before["hour"]
    assert mlt.check(flights.take(np.arange(len(flights)) < 6_000), lab.contract).ok
    assert "dewp" in lab.to_recipe().contract.columns
    scope = {"mlt": mlt, "data": flights}
    exec(lab.contract_code, scope)
    assert scope["contract"].to_dict() == lab.contract.to_dict() or scope["contract"].to_dict_yaml() == lab.contract.to_dict_yaml()


def test_a_rule_is_ticked_and_typed(lab):
    lab.handle("rule-max", {"key": "dewp", "value": "95"})
    assert "dewp" not in lab.params["rules"] and lab.rule_of("dewp")[0]["max"] == 95
    lab.handle("rule", {"key": "dewp", "value": True})
    assert lab.params["rules"]["dewp"]["max"] == 95
    lab.handle("rule-min", {"key": "dewp", "value": "ten"})
    assert "must be a number" in html_of(lab, "dewp") and lab.problem is None
    lab.handle("rule-min", {"key": "dewp", "value": "99"})
    assert "must not be above" in html_of(lab, "dewp")
    lab.handle("rule-missing_max", {"key": "dewp", "value": "7.5"})
    assert lab.params["rules"]["dewp"]["missing_max"] == 0.075 and lab.rule_error is None
    lab.handle("rule-type", {"key": "dewp", "value": "text"})
    assert lab.params["rules"]["dewp"] == {"type": "text", "missing_max": 0.075}
    lab.handle("rule-values", {"key": "origin", "value": 'EWR, JFK, "La Guardia, NY"'})
    assert tuple(lab.params["rules"]["origin"]["values"]) == ("EWR", "JFK", "La Guardia, NY")
    lab.handle("rule", {"key": "dewp", "value": False})
    assert "dewp" not in lab.params["rules"] and lab.rule_of("dewp") == ({"type": "text", "missing_max": 0.075}, False)
    lab.handle("rules-clear")
    assert lab.contract.columns == () and "No rule yet" in (lab.handle("tab", "rules") or html(lab)["body"])


def test_known_only_after_is_a_leak_of_the_next_profile(lab, flights):
    lab.handle("rule-known", {"key": "visib", "value": "after"})
    assert lab.stale and lab.contract["visib"].known == "after"
    lab.run()
    wait(lab)
    assert lab.result.leaks["visib"] == ["MLT304"] and "visib" in lab.proposed
    assert eval(lab.code, {"mlt": mlt, "data": flights}).to_dict() == lab.result.to_dict()
    assert lab.to_recipe().contract.columns["visib"].known == "after"


def test_a_rule_follows_the_treatment(lab):
    before = lab.params["rules"]["plane_seats"]
    lab.handle("treat", {"key": "plane_seats", "value": "category"})
    assert lab.params["rules"]["plane_seats"] == {"type": "category", "missing_max": 0.25}
    lab.handle("treat", {"key": "plane_seats", "value": ""})
    assert lab.params["rules"]["plane_seats"] == before


# ---- findings ----


def test_findings_are_muted_and_raised_without_a_new_profile(lab, flights):
    job = lab.job
    assert "MLT102" in (lab.handle("tab", "findings") or html(lab)["body"])
    lab.handle("alert", {"key": "MLT102", "value": "off"})
    lab.handle("alert", {"key": "MLT104", "value": "error"})
    assert lab.job is job and not lab.stale and lab.params["alerts"] == {"MLT102": "off", "MLT104": "error"}
    codes = {a["code"]: a["severity"] for a in lab.result.alerts}
    assert "MLT102" not in codes and codes["MLT104"] == "error" and "muted" in html(lab)["body"]
    assert eval(lab.code, {"mlt": mlt, "data": flights}).to_dict() == lab.result.to_dict()
    lab.handle("alert", {"key": "MLT301", "value": "off"})
    lab.handle("alert", {"key": "MLT302", "value": "off"})
    lab.handle("alert", {"key": "MLT303", "value": "off"})
    lab.handle("alert", {"key": "MLT304", "value": "off"})
    assert lab.proposed == {} and "no leak found" in html(lab)["head"]
    lab.handle("alerts-clear")
    assert set(lab.proposed) == LEAKS
    lab.handle("find", "wind_gust")
    assert lab.tab == "result" and lab.selected == "wind_gust"
    lab.handle("alert", {"key": "MLT999", "value": "off"})
    assert "must name a code" in lab.problem


def test_alerts_given_at_the_start(flights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lab = mlt.ProfileLab(flights, alerts={"MLT102": "off"})
    wait(lab)
    assert not any(a["code"] == "MLT102" for a in lab.result.alerts) and "alerts={'MLT102': 'off'}" in lab.code


# ---- sensitive ----


def test_found_personal_data_is_not_shown(lab):
    import dataclasses

    columns = [dataclasses.replace(c, sensitive=c.name == "dest", semantic="person_name" if c.name == "dest" else "") for c in lab.result.columns]
    lab._take(dataclasses.replace(lab._exact, columns=columns), lab.plan)
    assert lab.is_hidden("dest") and lab.params["sensitive"] == ()
    assert "ATL" not in html_of(lab, "dest") and "name of a person" in html_of(lab, "dest")
    assert "not shown" in html(lab)["rows"] and "personal data" in (lab.handle("tab", "findings") or html(lab)["body"])


# ---- drift ----


def drift_of():
    row = {"column": "dest", "status": "drifted", "level": "alert", "kind": "category", "psi": 0.4, "psi_lower": 0.3, "psi_upper": 3.0, "js": 0.3,
           "missing_before": 0.0, "missing_after": 0.012, "new_levels": [HOSTILE, "b"], "n_new": 9, "gone_levels": [], "note": "see <b>here</b>"}  # fmt: skip
    gone = {"column": HOSTILE, "status": "removed", "missing_before": 0.1, "missing_after": None, "note": "float64 before"}
    ends = {"name": "old", "n_rows": 100}, {"name": "new", "n_rows": 200}
    from types import SimpleNamespace

    return SimpleNamespace(columns=(row, gone), overall={"sentence": "1 of 2 columns drifted."}, before=ends[0], after=ends[1])


def test_the_drift_tab(lab):
    from mltoolkit.widgets.drift_view import drift_html

    assert "No second table" in (lab.handle("tab", "drift") or html(lab)["body"])
    shown = drift_html(drift_of(), options=[("a", "A")], chosen="a")
    assert "From old (100 rows) to new (200 rows)." in shown and "9 new: &lt;img" in shown and "0 to 1.2 %" in shown and "<img" not in shown
    assert shown.index("float64 before") < shown.index("9 new")  # what is gone comes first
    hidden = drift_html(drift_of(), options=[("a", "A")], chosen="a", hidden=["dest"])
    assert "9 new" in hidden and "9 new:" not in hidden


# ---- the card ----


def test_the_card_of_a_column_with_everything():
    from mltoolkit.profiling.columns import ColumnProfile
    from mltoolkit.profiling.table import TableProfile
    from mltoolkit.widgets.column_card import key_figures, sections

    column = ColumnProfile(
        name="when", kind="datetime", dtype="datetime64[ns]", n=100, missing=5, distinct=90, min="2024-01-01T00:00:00", max="2024-03-01T00:00:00",
        quantiles={"0.5": "2024-02-01T00:00:00"}, time={"span_s": 5_184_000, "step_s": 3600, "granularity": "hour", "gaps": 2, "longest_gap_s": 86_400 * 3,
        "hour": [1] * 24, "weekday": [0, 0, 5, 0, 0, 0, 0], "month": [0] * 12}, monotonic="increasing", sentinels=(["1970-01-01T00:00:00", 4],))  # fmt: skip
    text = ColumnProfile(
        name="text", kind="text", dtype="str", n=100, missing=0, distinct=80, blank=3, top=([HOSTILE, 9],), length={"min": 0, "mean": 4.5, "max": 40},
        characters={"letters": 0.8, "digits": 0.2, "spaces": 0.0}, words=(["hello", 4],), patterns=(["AA-99", 0.9],), semantic="email",
        estimated={"distinct": "within 2 %"}, outliers={})  # fmt: skip

    class Pairs:
        pairs = ({"a": "text", "b": "when", "measure": "cramers_v", "value": 0.81, "pearson": None, "spearman": None},)

    profile = TableProfile(
        name="t", n_rows=100, columns=(column, text), alerts=[], associations=Pairs(),
        dependencies=({"determinant": "text", "dependent": "when", "share": 0.999, "kind": "determines"},),
        missing_patterns=({"columns": ["when", "other"], "rows": 5, "share": 0.05},))  # fmt: skip
    said = " ".join(str(s) for s in sections(profile, column))
    for words in ("2 days", "3 days", "1 hours", "by hour", "increasing", "codes for missing", "0.81 Cramér", "text determines when (in 99.90 % of the rows).",
                  "Goes missing together with other."):  # fmt: skip
        assert words.replace("2 days", "60 days").replace("1 hours", "60 minutes") in said, words
    assert "by weekday" not in said and "by month" not in said  # one bar is no rhythm
    said = " ".join(str(s) for s in sections(profile, text))
    assert "&lt;img" in said and "hello" in said and "AA-99" in said and "0 to 40, 4.5 on average" in said
    hidden = " ".join(str(s) for s in sections(profile, text, hidden=True))
    assert "img" not in hidden and "hello" not in hidden and "AA-99" not in hidden and "4.5 on average" in hidden
    assert ("distinct", "about 80") in key_figures(text, {}) and ("blank", "3 (3.0 %)") in key_figures(text, {})


def test_number_targets_are_measured_by_their_own_measure(lab):
    import dataclasses

    relation = pd.DataFrame({"column": ["distance", "dest"], "auc": [np.nan, np.nan], "score": ["r2", "r2"], "value": [0.5, -0.1], "lower": [0.4, -0.2], "upper": [0.6, 0.1]})
    lab._take(dataclasses.replace(lab._exact, relation=relation, target={"name": "late", "kind": "number"}), lab.plan)
    assert "R² alone" in html(lab)["body"] and "0.500 (0.400 to 0.600)" in html_of(lab, "distance") and "R² alone" in lab.static_html()
    lab._take(dataclasses.replace(lab._exact, relation=None, target={}), lab.plan)
    assert "alone" not in html(lab)["body"] and "no leak found" not in html(lab)["head"]


def test_targets_that_are_no_question(lab):
    lab.handle("target", "distance")
    assert lab.params["positive"] is True and "Positive" not in html(lab)["body"]
    lab.run()
    assert wait(lab).target["kind"] == "number" and "R² alone" in html(lab)["body"]
    with pytest.raises(InputError, match="yes-or-no"):
        lab.to_recipe()
    lab.handle("target", "origin")
    assert lab.params["positive"] in ("EWR", "JFK", "LGA")
    lab.handle("positive", "")
    lab.run()
    assert wait(lab).target["kind"] == "multiclass" and "all classes" in html(lab)["body"]
    with pytest.raises(InputError, match="yes-or-no"):
        lab.to_recipe()
    lab.handle("positive", "JFK")
    assert lab.to_recipe().data.target.equals == "JFK"


def test_comparing(flights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    months = flights.frame["month"].to_numpy()
    tables = {"spring": flights.take(months < 4), "summer": flights.take((months > 5) & (months < 9))}
    lab = mlt.ProfileLab(tables, table="summer")
    wait(lab)
    lab.handle("tab", "drift")
    lab.handle("compare", "spring")
    wait(lab)
    assert not lab.stale and lab.result.drift["temp"]["status"] == "drifted"
    assert f"From spring ({(months < 4).sum():,} rows) to summer" in html(lab)["body"] and "drifted" in html(lab)["body"]
    assert eval(lab.code, {"mlt": mlt, "data": tables}).to_dict() == lab.result.to_dict()
    lab.handle("treat", {"key": "month", "value": "category"})
    lab.run()
    wait(lab)
    assert lab.result.drift["month"]["status"] != "type changed" and lab.result.drift["month"]["kind"] == "category"
    assert eval(lab.code, {"mlt": mlt, "data": tables}).to_dict() == lab.result.to_dict()
    lab.handle("compare", "")
    wait(lab)
    assert lab.result.drift is None


def test_comparing_with_what_was_given(flights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    months = flights.frame["month"].to_numpy()
    before = mlt.profile(flights.take(months < 4))
    before.save(tmp_path / "spring.json")
    now = flights.take((months > 5) & (months < 9))
    for other, name in ((before, "flights"), ("spring.json", "spring.json"), (now.frame.drop(columns="visib"), "the other table")):
        lab = mlt.ProfileLab(now, compare=other)
        wait(lab)
        assert lab.comparable == [("compare=", name)] and lab.result.drift is not None
        assert eval(lab.code, {"mlt": mlt, "data": now, "other": other}).to_dict() == lab.result.to_dict()
        lab.handle("tab", "drift")
        assert f"From {name} (" in html(lab)["body"]
    assert lab.result.drift["visib"]["status"] == "added" and ">new<" in html(lab)["body"]
