"Thresholds by cost: known answers, properties, honest intervals, clear refusals."

import json

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, Result
from mltoolkit.modeling.decision import calibration_table, evaluate_at


def rows(n=2_000, seed=0):
    rng = np.random.default_rng(seed)
    proba = rng.beta(1, 8, n)
    return (rng.random(n) < proba).astype(int), proba


def brute(y, proba, cost_fp, cost_fn):
    candidates = np.append(np.unique(proba), 1.1)
    costs = [cost_fp * ((proba >= t) & (y == 0)).sum() + cost_fn * ((proba < t) & (y == 1)).sum() for t in candidates]
    return min(costs)


def test_known_answer():
    decision = mlt.decide([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], cost_fp=1, cost_fn=2)
    assert decision.threshold == 0.35 and decision.best["cost"] == 1
    assert decision.table[["tp", "fp", "fn", "tn"]].to_numpy().tolist() == [[0, 0, 2, 2], [1, 0, 1, 2], [1, 1, 1, 1], [2, 1, 0, 1], [2, 2, 0, 0]]
    assert decision.cost_of_nothing == 4 and decision.cost_of_everything == 2


@pytest.mark.parametrize("decimals", [1, 2, 9])
@pytest.mark.parametrize(("cost_fp", "cost_fn"), [(1, 20), (5, 1), (0.3, 0.7), (1, 1e6)])
def test_the_best_is_the_best_of_all(cost_fp, cost_fn, decimals):
    y, proba = rows()
    proba = np.round(proba, decimals)
    decision = mlt.decide(y, proba, cost_fp=cost_fp, cost_fn=cost_fn)
    assert decision.best["cost"] == pytest.approx(brute(y, proba, cost_fp, cost_fn))
    assert len(decision.table) <= 400 and len(decision.curve) <= 200
    total = decision.table[["tp", "fp", "fn", "tn"]].sum(axis=1)
    assert (total == len(y)).all()
    assert decision.best["cost"] <= min(decision.cost_of_nothing, decision.cost_of_everything)


def test_calibrated_probabilities_give_the_textbook_threshold():
    y, proba = rows(200_000)
    assert mlt.decide(y, proba, cost_fp=1, cost_fn=9, n_resamples=5).threshold == pytest.approx(0.1, abs=0.025)


def test_higher_price_of_a_miss_never_means_fewer_alarms():
    y, proba = rows()
    thresholds = [mlt.decide(y, proba, cost_fn=c, n_resamples=2).threshold for c in (1, 2, 5, 20, 100)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_only_the_ratio_of_the_costs_moves_the_threshold():
    y, proba = rows()
    assert mlt.decide(y, proba, cost_fp=2, cost_fn=14).threshold == mlt.decide(y, proba, cost_fp=10, cost_fn=70).threshold


def test_no_alarm_is_a_candidate():
    y, proba = rows()
    decision = mlt.decide(y, 1 - proba, cost_fp=1000, cost_fn=1)
    assert decision.best[["tp", "fp"]].sum() == 0 and decision.best["cost"] == y.sum()
    assert "doing nothing" in decision.sentence()
    outcome = evaluate_at(y, 1 - proba, decision.threshold)
    assert outcome.alarms == 0 and np.isnan(outcome.precision) and outcome.saving == 0
    assert "No alarm" in outcome.sentence()


def test_a_probability_of_one_can_still_go_without_alarm():
    decision = mlt.decide([0, 1], [1.0, 1.0], cost_fp=5, cost_fn=1)
    assert decision.best[["tp", "fp"]].sum() == 0
    assert evaluate_at([0, 1], [1.0, 1.0], decision.threshold).alarms == 0


def test_best_agrees_with_evaluate_at():
    y, proba = rows()
    decision = mlt.decide(y, proba, cost_fn=20)
    outcome = evaluate_at(y, proba, decision.threshold, cost_fn=20)
    assert outcome.cost == decision.best["cost"] and outcome.caught == decision.best["tp"]
    assert outcome.recall == pytest.approx(decision.summary()["recall"])
    assert outcome.saving == decision.cost_of_nothing - outcome.cost
    low, high = outcome.range("recall")
    assert low < outcome.recall < high
    kept = decision.intervals.set_index("figure")
    assert kept.loc["cost", "value"] == outcome.cost and kept.loc["average_precision", "lower"] < decision.average_precision


def test_blocks_widen_the_interval():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(40), 100)
    p = np.clip(0.15 + 0.12 * rng.standard_normal(40), 0.01, 0.9)[day]
    y = (rng.random(4000) < p).astype(int)
    proba = np.full(4000, 0.15) + 0.001 * rng.random(4000)
    widths = [np.diff(evaluate_at(y, proba, 0.1505, cost_fn=10, blocks=b).range("cost"))[0] for b in (day, None)]
    assert widths[0] > 1.5 * widths[1]


def test_calibration_of_calibrated_probabilities():
    y, proba = rows(20_000)
    table = mlt.decide(y, proba, n_resamples=2).calibration
    assert len(table) == 10 and table["count"].sum() == 20_000 and table["mean_predicted"].is_monotonic_increasing
    assert ((table["lower"] <= table["mean_predicted"]) & (table["mean_predicted"] <= table["upper"])).sum() >= 8


def test_calibration_of_few_distinct_values():
    assert len(calibration_table(np.array([0, 1, 0]), np.array([0.3, 0.3, 0.3]))) == 1
    table = calibration_table(np.array([0, 1, 0, 1]), np.array([0.1, 0.1, 0.9, 0.9]))
    assert table["count"].sum() == 4 and table["observed"].tolist() == [0.5, 0.5]


def test_same_seed_same_intervals():
    y, proba = rows()
    a, b = (mlt.decide(y, proba).intervals for _ in range(2))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


def test_round_trip(tmp_path):
    y, proba = rows()
    decision = mlt.decide(y, proba, cost_fn=20)
    outcome = evaluate_at(y, 1 - proba, 1.0)
    for result in (decision, outcome):
        again = Result.load(result.save(tmp_path / "result.json"))
        assert repr(again) == repr(result) and again.sentence() == result.sentence()
        pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())
        assert json.loads(json.dumps(again.to_dict())) == result.to_dict()


def test_sentences_read_well():
    y, proba = rows()
    text = evaluate_at(y, proba, 0.1, cost_fn=20).sentence(unit="flights", positive="late")
    assert "late flights are caught" in text and "less than doing nothing" in text
    assert "nan" not in text


@pytest.mark.parametrize("name", ["cost_fp", "cost_fn"])
@pytest.mark.parametrize("cost", [0, -1, float("nan"), float("inf"), "much", None, True])
def test_costs_must_be_positive_numbers(name, cost):
    y, proba = rows(50)
    with pytest.raises(InputError, match=f"`{name}` must be a positive number"):
        mlt.decide(y, proba, **{name: cost})


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda y, p: mlt.decide(y, p[:-1]), "same length, got 2000 and 1999. Score the rows"),
        (lambda y, p: mlt.decide(y * 0, p), "both classes"),
        (lambda y, p: mlt.decide(y, p * 30), "between 0 and 1"),
        (lambda y, p: evaluate_at(y, p, float("nan")), "`threshold`"),
        (lambda y, p: evaluate_at(y, p, "0.5"), "`threshold`"),
        (lambda y, p: evaluate_at(y, p, 0.5, blocks=[1, 2]), "one block a row"),
    ],
)
def test_bad_input(how, words):
    with pytest.raises(InputError, match=words):
        how(*rows())
