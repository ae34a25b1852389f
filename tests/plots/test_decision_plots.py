"Pictures and charts of a decision: the same numbers behind both, hostile names, and every part that may be missing."

import math
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.modeling.bands import Band
from mltoolkit.modeling.decision import CostTable
from mltoolkit.plots import decision_charts as charts
from mltoolkit.plots import decision_curves as curves
from mltoolkit.plots import decision_pictures as pictures

matplotlib.use("Agg")
HOSTILE = "<img src=x onerror=alert(1)> & $x_1$"


def rows(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    p = 1 / (1 + np.exp(-(1.3 * z - 2)))
    return (rng.random(n) < p).astype(int), p, np.sort(rng.integers(0, 120, n)), rng.choice(["a", "b", HOSTILE], n)


@pytest.fixture(scope="module")
def counts():
    y, p, day, group = rows()
    return CostTable(y, p, period=day, groups=pd.Series(group, name=HOSTILE))


@pytest.fixture(scope="module")
def decision(counts):
    return counts.decide(cost_fp=1, cost_fn=8, cost_review=0.5, benefit_tp=2, capacity=3, bands=[Band(HOSTILE, cost=2, effect=0.9)])


PICTURES = {
    "threshold_cost": lambda d, c: pictures.threshold_cost_picture(d, counts=c, at=(0.31, 900.0)),
    "money": lambda d, c: pictures.money_picture(d.confusion, positive=HOSTILE, negative=HOSTILE),
    "gains": lambda d, c: pictures.gains_picture(d),
    "lift": lambda d, c: pictures.lift_picture(d),
    "net_benefit": lambda d, c: pictures.net_benefit_picture(d),
    "cost_curve": lambda d, c: pictures.cost_curve_picture(d),
    "capacity": lambda d, c: pictures.capacity_picture(d),
    "bands": lambda d, c: pictures.bands_picture(d),
    "groups": lambda d, c: pictures.group_thresholds_picture(d),
    "reliability": lambda d, c: pictures.reliability_picture(d),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_escaped_and_small(name, decision, counts):
    drawn = PICTURES[name](decision, counts)
    root = ET.fromstring(drawn)
    assert root.tag == "svg" and "<img" not in drawn and "nan" not in drawn and len(drawn) < 40_000
    width = float(root.get("width"))
    assert all(-1 <= float(e.get("x")) <= width + 1 for e in root.iter("text")), name


CHARTS = ["plot_threshold_cost", "plot_money", "plot_gains", "plot_net_benefit", "plot_cost_curve", "plot_capacity", "plot_group_thresholds"]


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_draws_into_the_axes_it_is_given(name, decision):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    assert getattr(charts, name)(decision, ax) is ax and (ax.lines or ax.patches)
    figure.canvas.draw()
    plt.close(figure)


def test_the_line_of_costs_passes_through_the_decision_and_its_interval(decision, counts):
    line = curves.cost_line(decision, counts, end=1.0)
    at = line.iloc[(line["threshold"] - decision.threshold).abs().argmin()]
    assert at["cost"] == pytest.approx(counts.costs(decision.costs)[counts.step(at["threshold"])])
    assert (line["lower"] <= line["upper"]).all() and line["threshold"].is_monotonic_increasing and len(line) <= 140
    cost = decision.intervals.set_index("figure").loc["cost"]
    near = curves.cost_line(decision, counts, end=1.0, points=10_000)
    exact = near.loc[(near["threshold"] - decision.threshold).abs().idxmin()]
    assert exact["lower"] == pytest.approx(cost["lower"], rel=0.05) and exact["upper"] == pytest.approx(cost["upper"], rel=0.05)
    assert curves.cost_line(decision)["lower"].isna().all()


def test_money_at_the_chosen_threshold_is_the_confusion_of_the_decision(decision, counts):
    pd.testing.assert_frame_equal(curves.money_at(decision, counts, decision.threshold), decision.confusion, check_dtype=False)
    shifted = counts.decide(cost_fn=8, prevalence=0.4)
    pd.testing.assert_frame_equal(curves.money_at(shifted, counts, shifted.threshold), shifted.confusion, check_dtype=False)
    assert shifted.confusion["money"].sum() == pytest.approx(shifted.intervals.set_index("figure").loc["cost", "value"])


def test_the_axis_does_not_move_with_prices(counts):
    ends = {curves.threshold_end(counts.decide(cost_fn=c)) for c in (5, 8, 20, 60)}
    assert len(ends) == 1 and 0 < ends.pop() <= 1


def test_the_fullest_period_is_never_lost(decision):
    bars = curves.load_bars(decision, most=10)
    assert len(bars) <= 10 and bars["alarms"].max() == decision.periods["alarms"].max()
    assert bars["over"].any() == (decision.periods["alarms"] > 3).any()


def test_what_was_not_asked_for_is_an_error_that_says_how(counts):
    plain = mlt.decide(*rows()[:2], cost_fn=3)
    for name, word in (("capacity", "capacity="), ("bands", "bands="), ("groups", "groups=")):
        with pytest.raises(InputError, match=word):
            PICTURES[name](plain, None)
    with pytest.raises(InputError, match="mlt.decide"):
        curves.part(None, "gains")
    assert "<svg" in pictures.threshold_cost_picture(plain)


def test_no_alarm_and_perfect_and_constant_probabilities_are_drawn():
    y = np.array([0, 1] * 40)
    for proba, options in ((np.full(80, 0.3), {"cost_fp": 50}), (y.astype(float), {}), (np.full(80, 0.5), {})):
        decision = mlt.decide(y, proba, **options)
        for name in ("threshold_cost", "money", "gains", "lift", "net_benefit", "cost_curve", "reliability"):
            ET.fromstring(PICTURES[name](decision, None))


def test_amounts_read_well():
    assert [curves.amount(v) for v in (0, 0.004, 99.96, -1234.5, 3.4e6, math.inf)] == ["0", "0.004", "100", "−1,234", "3.4 M", ""]
    assert curves.amount(5, sign=True) == "+5" and curves.amount_range(1, math.nan) == ""
