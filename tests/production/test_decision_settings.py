"The costs of a recipe as arguments of mlt.decide, and what is refused."

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.production.decision_settings import decision_options, period_labels, prices_of
from mltoolkit.production.recipe import Recipe, example_recipe

TIMES = ["2024-01-07 23:30", "2024-01-08 00:10", "2024-01-31 05:00", "2024-02-01 05:00"]  # Sunday, Monday, two of other weeks


def table(zone=None):
    times = pd.Series(pd.to_datetime(TIMES)).dt.tz_localize(zone)
    return mlt.load(pd.DataFrame({"when": times, "x": range(4), "y": [True, False, True, False]}), target="y", time="when")


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_periods_go_by_the_clock_of_the_table(zone):
    data = table(zone)
    assert period_labels(data).tolist() == ["2024-01-07", "2024-01-08", "2024-01-31", "2024-02-01"]
    assert period_labels(data, [1, 0], period="week").tolist() == ["2024-01-08", "2024-01-01"]
    assert period_labels(data, period="month").tolist() == ["2024-01", "2024-01", "2024-01", "2024-02"]
    assert period_labels(data, period="hour")[0] == "2024-01-07 23:00"


def test_periods_that_cannot_be_made():
    with pytest.raises(InputError, match="hour, day, week, month"):
        period_labels(table(), period="year")
    with pytest.raises(InputError, match="time"):
        period_labels(table().replace(time=None))


def test_a_plain_recipe_gives_two_prices():
    recipe = example_recipe()
    assert decision_options(recipe, table()) == prices_of(recipe) | {"bands": None}
    prices = {k: v for k, v in prices_of(recipe).items() if v}
    assert prices == {"cost_fp": 100, "cost_fn": 800}


def test_all_of_a_recipe_reaches_the_decision():
    given = {"costs.fp": 2, "costs.fn": 9, "costs.review": 1, "costs.benefit_tp": 3, "costs.benefit_tn": 0.5, "costs.capacity": 3, "costs.period": "week",
             "costs.keep": 0.9, "costs.prevalence": 0.2, "costs.bands": "[{action: call, cost: 5, effect: 0.9}, {action: mail, cost: 1, effect: 0.3}]"}  # fmt: skip
    recipe = example_recipe().with_params(given)
    rng, n = np.random.default_rng(0), 400
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), "D")
    data = mlt.load(pd.DataFrame({"when": when, "x": 1.0, "y": rng.random(n) < 0.3}), target="y", time="when")
    y, proba = data.y.to_numpy(dtype=int), rng.random(n)
    options = decision_options(recipe, data, np.arange(n))
    decision = mlt.decide(y, proba, **options, n_resamples=20)
    assert decision.costs == (2, 9, 1, 3, 0.5) and decision.capacity == 3 and decision.keep == 0.9 and decision.prevalence == 0.2
    assert len(decision.periods) == 58 and decision.bands["action"].tolist() == ["call", "mail", "nothing"]
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_a_recipe_with_all_of_it_survives_yaml(tmp_path):
    given = {"costs.capacity": 3, "costs.bands": [{"action": "call", "at_least": 0.5, "cost": 5}], "explain.phrases": {"hour": "departs {value}:00"},
             "explain.actionable": ["hour"], "evaluate.search": False}  # fmt: skip
    recipe = example_recipe().with_params(given)
    assert Recipe.load(recipe.save(tmp_path / "a.yaml")) == recipe
    text = (tmp_path / "a.yaml").read_text()
    assert "{action: call, at_least: 0.5, cost: 5}" in text and "# most alarms in a period" in text


@pytest.mark.parametrize("params, words", [
    ({"costs.fp": 0}, "`cost_fp`"), ({"costs.review": -1}, "`costs.review`"), ({"costs.prevalence": 1}, "`costs.prevalence`"),
    ({"costs.keep": 0}, "`costs.keep`"), ({"costs.period": "year"}, "`costs.period`"), ({"costs.capacity": -1}, "`costs.capacity`"),
    ({"costs.bands": [{"action": "a", "at_least": 0.5}, {"action": "b"}]}, "at_least"), ({"costs.bands": [{"action": "a", "cots": 1}]}, "'cots'"),
    ({"costs.bands": [{"action": "a", "effect": 2}]}, "`costs.bands.0.effect`"), ({"explain.reasons": 0}, "`explain.reasons`"),
    ({"evaluate.min_group": 3}, "`evaluate.min_group`"),
    ({"costs.capacity": 5, "data.roles.time": None, "split.kind": "stratified", "split.test_from": None, "split.gap": None}, "names a time"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_before_anything_starts(params, words):
    with pytest.raises(InputError, match=words):
        example_recipe().with_params(params)


def test_a_free_false_alarm_is_allowed_where_looking_at_it_costs():
    assert example_recipe().with_params({"costs.fp": 0, "costs.review": 5}).costs.prices["cost_fp"] == 0
