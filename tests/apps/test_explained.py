"The parts of a page about decisions and explanations: prices in words, hostile names, runs of earlier versions."

import json

import pytest
from handmade import frame, outcome, result

from mltoolkit.apps import explained, report
from mltoolkit.apps import story as s
from mltoolkit.apps.parts import table

EVIL = "<script>alert(3)</script>"


def put(folder, name, value):
    (folder / "results" / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")


def recipe_with(folder, line):
    path = folder / "recipe.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("costs: {fp: 1, fn: 8, currency: hundred dollars}", line), encoding="utf-8")


@pytest.mark.parametrize("costs, text", [
    ({"fp": 1, "fn": 8, "currency": "euros"}, "A miss is taken to cost 8 euros and a false alarm 1 euros."),
    ({"fp": 0, "fn": 8, "review": 2.5}, "A miss is taken to cost 8, a false alarm 0 and a look at any alarm 2.5."),
    ({"benefit_tp": 30, "benefit_tn": 1}, "A miss is taken to cost 1, a false alarm 1, an alarm that is right to earn 30 and silence for a row that is not late to earn 1."),
])  # fmt: skip
def test_prices_in_words(costs, text):
    assert s.price_list(costs, "late") == text


def test_capacity_and_prevalence_are_told(handmade_run):
    recipe_with(handmade_run, "costs: {fp: 1, fn: 8, review: 2, capacity: 200, period: week, keep: 0.9, prevalence: 0.1}")
    told = " ".join(s.story(handmade_run).answer)
    assert "keeps to 200 alarms a week on 90 % of the weeks" in told and "as if 10 % of the flights were late" in told
    assert "its use costs" in told and "which no capacity would allow" in told


def test_earnings_are_not_called_costs(handmade_run):
    recipe_with(handmade_run, "costs: {fp: 1, fn: 8, benefit_tp: 50, currency: euros}")
    value = outcome(0.62, 0.58, 0.66, 53207, 4500, 11400)
    value["fields"] |= {"cost": -90_000.0, "cost_of_nothing": 36_000.0, "saving": 126_000.0}
    put(handmade_run, "outcome", value)
    told = " ".join(s.story(handmade_run).answer)
    assert "its use earns 90,000 euros, while raising no alarm costs 36,000 euros" in told and "-90" not in told
    assert "An alarm for every one would earn" in told


def test_hostile_groups_and_values_are_text(handmade_run):
    rows = {"slice": [EVIL], "rows": [90], "share": [0.1], "score": [0.5], "rest": [0.3], "difference_lower": [0.1], "difference_upper": [0.3],
            "confirmed": [True], "cause": ["weaker"]}  # fmt: skip
    put(handmade_run, "error_slices", result("ErrorSlices", table=frame(**rows), metric_label="log-loss"))
    groups = frame(column=["sex", "sex"], group=[EVIL, "b"], rows=[60, 70], reference=[True, False])
    figures = frame(column=["sex"], group=[EVIL], figure=["tpr"], value=[0.5], lower=[0.4], upper=[0.6], differs=[True])
    put(handmade_run, "fairness", result("Fairness", groups=groups, table=figures))
    told = {"fairness": EVIL, "error_slices": EVIL, "cases": [EVIL], "reasons": EVIL, "calibration": EVIL, "decision": [EVIL]}
    (handmade_run / "told.json").write_text(json.dumps(told), encoding="utf-8")
    for html in (report.report_html(handmade_run), report.app_html(handmade_run)):
        assert "<script" not in html and "&lt;script&gt;alert(3)" in html and "Groups to be treated alike" in html
        assert "50.0* (40.0 to 60.0)" in html and "model weaker" in html


def test_a_run_of_an_earlier_version_has_fewer_parts(handmade_run):
    saved = s.SavedRun(handmade_run)
    assert explained.case_cards(saved) == explained.effect_figures(saved) == explained.money_pictures(saved) == []
    assert explained.weak_table(saved) is None and explained.attribution_picture(saved) is None and explained.fairness_tables(saved) == []
    assert explained.money_table(saved)["rows"][0]["cells"][0] == "with the model" and saved.told == {}


def test_sensitive_columns_without_a_comparison_are_told(handmade_run):
    path = handmade_run / "recipe.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("group: tailnum}", "group: tailnum, sensitive: [sex]}"), encoding="utf-8")
    (handmade_run / "told.json").write_text("{\"calibration\": \"x\"}", encoding="utf-8")
    assert "The groups of sex were too small to be compared." in s.story(handmade_run).failures


def test_the_cheapest_allowed_threshold_is_the_one_told(handmade_run):
    rows = {"threshold": [0.1, 0.2, 0.3], "cost": [5.0, 7.0, 9.0], "allowed": [False, True, True]}
    put(handmade_run, "decision", result("Decision", cost_fp=1.0, cost_fn=8.0, table=frame(**rows)))
    html = report.report_html(handmade_run)
    assert "An alarm is raised from a probability of 20 % on: of the thresholds that keep to the capacity, the cheapest" in html


def test_heads_with_colons_stay_whole():
    assert [h["text"] for h in table(["a:b", "rows:n", "x:y:long"], [[1, 2, 3]])["head"]] == ["a:b", "rows", "x:y"]
