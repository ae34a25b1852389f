"The data lab and the lab: what is decided, what comes out, what is refused."

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Cancelled, InputError
from mltoolkit.widgets import column_card, profile_lab, saving
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
    lab.controls["target"].value = "plane_manufacturer"
    lab.controls["positive"].value = "nobody"
    lab.run()
    with pytest.raises(InputError):
        lab.job.wait(60)
    body = html(lab)["body"]
    assert "The profile could not be made" in body and "Traceback" not in body and lab.result is not None


def test_stopping_and_starting_again(flights, monkeypatch):
    def endless(lab, data, *, progress, cancel):
        while True:
            progress(0.5, "half way")

    monkeypatch.setattr(profile_lab, "_profile", endless)
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
