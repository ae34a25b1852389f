"Costs, capacity, prevalence, bands and curves of a decision: brute force, known answers, refusals; the decision in a saved model."

import itertools
import time

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, Result
from mltoolkit.modeling.bands import Band, band_table, check_bands
from mltoolkit.modeling.bootstrap import block_draws
from mltoolkit.modeling.costs import BlockDraws, CostCounts, Costs, check_costs, estimate_prevalence, row_weights, shift_probability
from mltoolkit.modeling.decided import DecidedClassifier, decided
from mltoolkit.modeling.decision import CostTable, decide, evaluate_at
from mltoolkit.modeling.decision_curves import cost_curve, gain_table, net_benefit, probability_cost
from mltoolkit.modeling.group_thresholds import group_table


def rows(n=1_500, seed=0, decimals=None):
    rng = np.random.default_rng(seed)
    proba = rng.beta(1, 6, n)
    y = (rng.random(n) < proba).astype(int)
    return y, proba if decimals is None else np.round(proba, decimals), rng.integers(0, 30, n)


def money(y, alarm, prices, prevalence=None):
    "The cost of alarms, one row at a time."
    up, down = row_weights((y == 1).sum(), (y == 0).sum(), prevalence)
    price = np.where(y == 1, np.where(alarm, prices.cost_review - prices.benefit_tp, prices.cost_fn),
                     np.where(alarm, prices.cost_fp + prices.cost_review, -prices.benefit_tn))  # fmt: skip
    return float((price * np.where(y == 1, up, down)).sum())


@pytest.mark.parametrize("prevalence", [None, 0.02, 0.4])
@pytest.mark.parametrize("prices", [Costs(1, 9), Costs(0.5, 6, 1, 2, 0.1), Costs(0, 5, 1), Costs(1, 1, 50)])
@pytest.mark.parametrize("decimals", [1, 2, None])
def test_every_candidate_costs_what_its_rows_cost(prices, prevalence, decimals):
    y, proba, _ = rows(400, decimals=decimals)
    counts = CostCounts(y, proba)
    brute = [money(y, proba >= t, prices, prevalence) for t in counts.threshold]
    np.testing.assert_allclose(counts.costs(prices, prevalence), brute, atol=1e-9)
    decision = decide(y, proba, **prices._asdict(), prevalence=prevalence, n_resamples=3)
    assert decision.best["cost"] == pytest.approx(min(brute))
    assert decision.cost_of_nothing == pytest.approx(money(y, proba < 0, prices, prevalence))
    assert decision.cost_of_everything == pytest.approx(money(y, proba >= 0, prices, prevalence))
    assert decision.confusion["money"].sum() == pytest.approx(decision.best["cost"])
    outcome = evaluate_at(y, proba, decision.threshold, **prices._asdict(), prevalence=prevalence, n_resamples=3)
    assert outcome.cost == pytest.approx(decision.best["cost"])


def test_textbook_threshold():
    assert Costs(1, 20).textbook == pytest.approx(1 / 21)
    assert Costs(1, 20, 2).textbook == pytest.approx(3 / 21)
    assert Costs(1, 1, 50).textbook == 1.0
    rng = np.random.default_rng(0)
    proba = rng.beta(1, 6, 200_000)
    y = rng.random(200_000) < proba
    found = decide(y, proba, cost_fp=1, cost_fn=6, cost_review=0.5, benefit_tp=1, benefit_tn=0.25, n_resamples=3)
    assert found.threshold == pytest.approx(found.costs.textbook, abs=0.03)
    assert found.flat[0] <= found.threshold <= found.flat[1] and found.flat[0] < found.costs.textbook < found.flat[1]


def test_a_prevalence_in_use_is_the_same_as_rows_repeated():
    y, proba, _ = rows(600)
    again = np.repeat(np.arange(600), np.where(y == 1, 3, 1))
    share = y[again].mean()
    a, b = decide(y, proba, cost_fn=7, prevalence=share, n_resamples=3), decide(y[again], proba[again], cost_fn=7, n_resamples=3)
    assert a.threshold == b.threshold and a.best["cost"] / len(y) == pytest.approx(b.best["cost"] / len(again))
    merged = a.net_benefit.set_index("threshold")["net_benefit"]
    assert merged.notna().all()


def test_prevalence_of_unlabelled_rows():
    rng = np.random.default_rng(1)
    proba = rng.beta(0.5, 2, 40_000)
    y = rng.random(40_000) < proba
    kept = y | (rng.random(40_000) < 0.4)
    assert estimate_prevalence(proba[kept], y.mean()) == pytest.approx(y[kept].mean(), abs=0.02)
    moved = shift_probability(proba[kept], y.mean(), y[kept].mean())
    assert moved.mean() == pytest.approx(y[kept].mean(), abs=0.01)
    np.testing.assert_allclose(shift_probability(moved, 0.3, 0.2), shift_probability(shift_probability(moved, 0.3, 0.6), 0.6, 0.2))


@pytest.mark.parametrize("keep", [1.0, 0.9])
@pytest.mark.parametrize("prevalence", [None, 0.3])
@pytest.mark.parametrize("decimals", [2, None])
def test_capacity_by_brute_force(keep, prevalence, decimals):
    y, proba, day = rows(600, decimals=decimals)
    prices, weight = Costs(1, 9), np.where(y == 1, *row_weights(y.sum(), (y == 0).sum(), prevalence))
    found = decide(y, proba, cost_fn=9, capacity=4, period=day, keep=keep, prevalence=prevalence, n_resamples=20)
    counts = CostCounts(y, proba)
    best = (np.inf, None)
    for t in counts.threshold:
        daily = np.bincount(day, weights=weight * (proba >= t))
        if (daily > 4 * (1 + 1e-9)).sum() <= (1 - keep) * 30 + 1e-9:
            best = min(best, (money(y, proba >= t, prices, prevalence), -t))
    assert found.best["cost"] == pytest.approx(best[0]) and found.threshold == -best[1]
    assert found.unlimited["cost"] <= best[0] + 1e-9
    assert found.periods["rows"].sum() == 600 and found.periods["alarms"].sum() == (proba >= found.threshold).sum()
    assert found.table["allowed"].any() and not found.table["allowed"].all()


def test_the_most_probable_of_each_day():
    y, proba, day = rows(600)
    found = decide(y, proba, cost_fn=9, capacity=4, period=day, n_resamples=3)
    rank = pd.Series(-proba).groupby(day).rank(method="first").to_numpy()
    taken = (rank <= 4) & (proba >= found.unlimited["threshold"])
    assert found.top_k["cost"] == pytest.approx(money(y, taken, Costs(1, 9))) and found.top_k["alarms"] == taken.sum()
    assert found.periods["top_k"].max() <= 4
    assert found.top_k["cost"] <= found.best["cost"]
    assert any("most probable rows of each period" in note for note in found.notes())


def test_capacity_without_periods_counts_all_rows():
    y, proba, _ = rows()
    found = decide(y, proba, cost_fn=9, capacity=50)
    assert (proba >= found.threshold).sum() == 50
    low, high = found.range("threshold")
    assert low < found.threshold < high
    none = decide(y, proba, cost_fn=9, capacity=0, n_resamples=3)
    assert none.best["tp"] + none.best["fp"] == 0
    wide = decide(y, proba, cost_fn=9, capacity=10_000, n_resamples=3)
    assert wide.threshold == decide(y, proba, cost_fn=9, n_resamples=3).threshold and any("costs nothing" in n for n in wide.notes())


def test_cost_table_gives_the_same_decision_quickly():
    y, proba, day = rows(20_000)
    table = CostTable(y, proba, period=day, groups=day % 3, n_resamples=50)
    table.decide()
    for options in ({}, {"cost_fn": 9, "cost_review": 0.2, "prevalence": 0.3}, {"cost_fn": 4, "capacity": 60, "keep": 0.9}):
        a, b = table.decide(**options), decide(y, proba, period=day, groups=day % 3, n_resamples=50, **options)
        assert a.to_dict() == b.to_dict()
    many = CostTable(np.tile(y, 15), np.tile(proba, 15) + np.linspace(0, 1e-9, 300_000), period=np.tile(day, 15), n_resamples=50)
    many.decide()
    seconds = []
    for i in range(3):
        started = time.process_time()
        many.decide(cost_fn=9 + i, cost_review=0.1, capacity=3_000, prevalence=0.2)
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.25  # about 0.08 on an idle machine


def test_draws_of_blocks_count_what_they_drew():
    _, _, day = rows(500)
    cells = np.arange(500) % 7
    for blocks in (day, np.arange(500) // 2):
        codes, drawn = block_draws(blocks, 500, 20, 3)
        expected = np.array([np.bincount(cells, weights=times[codes], minlength=7) for times in drawn])
        found = BlockDraws(500, blocks=blocks, n_resamples=20, random_state=3)
        np.testing.assert_array_equal(found.counts(cells, 7), expected)
        wide = found.counts(cells * 3_000, 7 * 3_000)  # through a sparse table
        np.testing.assert_array_equal(wide[:, ::3_000], expected)
    single = BlockDraws(500, n_resamples=400).counts(cells, 7)
    assert (single.sum(axis=1) == 500).all() and single.std(axis=0).mean() == pytest.approx(np.sqrt(500 / 7 * 6 / 7), rel=0.15)


def test_the_interval_of_the_threshold_covers_the_textbook_one():
    hits = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        proba = rng.beta(1, 6, 3_000)
        low, high = decide(rng.random(3_000) < proba, proba, cost_fn=5, n_resamples=60).range("threshold")
        hits.append(low <= 1 / 6 <= high)
    assert np.mean(hits) >= 0.8


def test_honest_cost_is_dearer_where_the_threshold_is_chance():
    y, _, _ = rows(400)
    noise = np.random.default_rng(5).random(400)
    gaps = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        found = decide(y, rng.random(400), cost_fn=1 / y.mean() - 1, n_resamples=2, random_state=seed)
        gaps.append(found.honest_cost - found.best["cost"])
    assert np.mean(gaps) > 0 and decide(y, noise, cost_fn=6, n_resamples=2).honest_cost > 0


def test_flat_range_by_brute_force():
    y, proba, _ = rows(300)
    found = decide(y, proba, cost_fn=6, flat=0.05, n_resamples=2)
    table = found.table
    at = table["threshold"].to_numpy().tolist().index(found.threshold)
    good = (table["cost"] <= found.best["cost"] * 1.05 + 1e-9).to_numpy()
    assert good[at] and table["threshold"].is_monotonic_decreasing
    high, low = (table["threshold"].tolist().index(t) for t in (found.flat[1], found.flat[0]))
    assert good[high : low + 1].all() and not good[high - 1 : high].any() and not good[low + 1 : low + 2].any()


def brute_bands(y, proba, bands, cost_fn):
    order = np.argsort(-proba, kind="stable")
    y, best = y[order], np.inf
    prices = [np.where(y == 1, b.cost + (1 - b.effect) * cost_fn, b.cost + b.cost_negative) for b in (*bands, Band("none", effect=0.0))]
    for ends in itertools.combinations_with_replacement(range(len(y) + 1), len(bands)):
        bounds = [0, *ends, len(y)]
        best = min(best, sum(p[a:b].sum() for p, a, b in zip(prices, bounds, bounds[1:])))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_bands_are_the_cheapest_of_all(seed):
    rng = np.random.default_rng(seed)
    proba = rng.permutation(40) / 40
    y = (rng.random(40) < proba).astype(int)
    bands = [Band("a", cost=3, effect=0.95), Band("b", cost=0.5, cost_negative=0.2, effect=0.5)]
    found = band_table(CostCounts(y, proba, n_resamples=5), bands, cost_fn=8)
    assert found["cost"].sum() == pytest.approx(brute_bands(y, proba, bands, 8))
    assert found["rows"].sum() == 40 and found["positives"].sum() == y.sum()
    assert (found["without"] - found["cost"] - found["saving"]).abs().max() < 1e-9


def test_one_free_band_of_full_effect_is_the_plain_threshold():
    y, proba, _ = rows()
    found = decide(y, proba, cost_fp=1, cost_fn=9, n_resamples=3, bands=Band("alarm", cost_negative=1.0))
    assert found.bands["at_least"][0] == found.threshold and found.bands["cost"].sum() == pytest.approx(found.best["cost"])


def test_bands_by_hand_keep_their_cut_offs():
    y, proba, _ = rows(decimals=2)
    found = band_table(CostCounts(y, proba, n_resamples=5), [Band("a", 0.5), Band("b", 0.1)], cost_fn=3)
    assert found["rows"].tolist() == [(proba >= 0.5).sum(), ((proba >= 0.1) & (proba < 0.5)).sum(), (proba < 0.1).sum()]
    assert found["at_least"].tolist() == [0.5, 0.1, 0.0]


def test_curves_by_brute_force():
    y, proba, _ = rows(800)
    counts = CostCounts(y, proba, n_resamples=30)
    gains = gain_table(counts)
    for _, row in gains.iloc[::17].iterrows():
        alarm = proba >= row["threshold"]
        assert row["gain"] == pytest.approx(y[alarm].sum() / y.sum()) and row["alarm_rate"] == pytest.approx(alarm.mean())
        assert row["lift"] == pytest.approx(y[alarm].mean() / y.mean()) and row["gain_lower"] <= row["gain"] <= row["gain_upper"]
    benefit = net_benefit(counts)
    for _, row in benefit.iloc[::10].iterrows():
        alarm, t = proba >= row["threshold"], row["threshold"]
        assert row["net_benefit"] == pytest.approx(((alarm & (y == 1)).sum() - (alarm & (y == 0)).sum() * t / (1 - t)) / 800)
        assert row["everything"] == pytest.approx(y.mean() - (1 - y.mean()) * t / (1 - t))
    choice = counts.choose(Costs(1, 5))
    curve = cost_curve(counts, choice.step)
    assert (curve["cost"] <= curve["trivial"] + 1e-12).all() and (curve["chosen"] >= curve["cost"] - 1e-12).all()
    at = probability_cost(Costs(1, 5), y.mean())
    worst = 5 * y.sum() + (y == 0).sum()
    assert np.interp(at, curve["probability_cost"], curve["chosen"]) == pytest.approx(choice.costs[choice.step] / worst)


def test_group_thresholds_find_a_planted_difference_and_no_other():
    rng = np.random.default_rng(0)
    n = 6_000
    proba, group = rng.beta(1, 4, n), np.array(["alike", "shifted", "alike too"], dtype=object)[rng.integers(0, 3, n)]
    true = np.where(group == "shifted", np.clip(proba * 4, 0, 1), proba)
    y = (rng.random(n) < true).astype(int)
    common = Costs(1, 4).textbook
    table = group_table(CostCounts(y, proba, n_resamples=100), group, common, Costs(1, 4)).set_index("group")
    assert table.loc["shifted", "clear"] and table.loc["shifted", "threshold_upper"] < common
    assert not table.loc["alike", "clear"] and not table.loc["alike too", "clear"]
    assert table["rows"].sum() == n


def test_small_groups_are_put_together_and_hostile_names_survive():
    y, proba, _ = rows()
    labels = np.where(np.arange(len(y)) < 8, "<b>tiny</b>", np.where(np.arange(len(y)) < 12, None, "large")).astype(object)
    found = decide(y, proba, cost_fn=5, groups={"<i>": labels, "same": np.zeros(len(y))}, n_resamples=10)
    assert set(found.groups["group"]) == {"large", "other (2 groups)", "0.0"}
    assert found.groups.loc[found.groups["group"] == "other (2 groups)", "rows"].item() == 12
    assert "<i>" not in found._repr_html_()


def test_round_trip_with_everything(tmp_path):
    y, proba, day = rows(500)
    bands = [Band("call", cost=2, effect=0.9), Band("<b>", cost=0.1, effect=0.2)]
    found = decide(y, proba, cost_fn=9, cost_review=0.5, capacity=5, period=day, keep=0.95, prevalence=0.2, groups=day % 2, bands=bands, n_resamples=10)
    for again in (Result.from_dict(found.to_dict()), Result.load(found.save(tmp_path / "decision.json"))):
        assert again.to_dict() == found.to_dict() and again.sentence() == found.sentence() and again.notes() == found.notes()
        assert again.threshold == found.threshold and again.flat == found.flat and again.range("threshold") == found.range("threshold")
    again = Result.from_dict(bands[0].to_dict())
    assert again.action == "call" and again.effect == 0.9


def test_a_decision_saved_before_still_reads():
    y, proba, _ = rows(200)
    value = decide(y, proba, n_resamples=3).to_dict()
    old = {"table", "cost_fp", "cost_fn", "calibration", "curve", "average_precision", "brier", "intervals"}
    value["fields"] = {k: v for k, v in value["fields"].items() if k in old}
    found = Result.from_dict(value)
    assert found.threshold > 0 and found.cost_of_nothing == y.sum() and "cut-off" in found.sentence() and found.summary()


@pytest.fixture(scope="module")
def fitted():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
    y = np.where(X["a"] + rng.normal(size=400) > 1, "late", "ok")
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), X, y


def test_the_decision_travels_with_the_model(fitted, tmp_path):
    from sklearn.base import clone, is_classifier

    from mltoolkit.modeling.persistence import input_schema, load_model, save_model

    model, X, y = fitted
    proba = model.predict_proba(X)[:, 0]
    bands = [Band("call", cost=2, effect=0.9), Band("write", cost=0.1, effect=0.3)]
    decision = decide(y == "late", proba, cost_fn=6, capacity=150, bands=bands, n_resamples=5)
    wrapped = decision.apply_to(model, pos_label="late")
    assert is_classifier(wrapped) and list(wrapped.classes_) == ["late", "ok"] and list(wrapped.feature_names_in_) == ["a", "b"]
    assert ((wrapped.predict(X) == "late") == (proba >= decision.threshold)).all()
    assert (wrapped.predict_proba(X) == model.predict_proba(X)).all()
    assert wrapped.chosen_for["cost_fn"] == 6 and wrapped.chosen_for["capacity"] == 150
    assert pd.Series(wrapped.actions(X)).value_counts().to_dict() == {
        a: n for a, n in zip(decision.bands["action"], decision.bands["rows"]) if n
    }
    again = load_model(save_model(wrapped, tmp_path / "model.skops", schema=input_schema(X)))
    assert isinstance(again, DecidedClassifier) and (again.predict(X) == wrapped.predict(X)).all()
    assert (again.actions(X) == wrapped.actions(X)).all() and again.chosen_for == wrapped.chosen_for
    assert clone(wrapped).get_params()["threshold"] == decision.threshold
    code = decision.code(pos_label="late")
    given = {"model": model, "X": X}
    exec(code, given)
    assert (given["answer"] == wrapped.predict(X)).all() and (given["actions"] == wrapped.actions(X)).all()
    assert "mltoolkit" not in code
    assert decided(wrapped, 0.9, pos_label="late").estimator.estimator is model


def test_what_cannot_carry_a_decision_is_refused(fitted):
    from sklearn.linear_model import LinearRegression, LogisticRegression

    model, X, y = fitted
    three = LogisticRegression().fit(X, np.arange(400) % 3)
    cases = [(LinearRegression(), "gives probabilities"), (LogisticRegression(), "not fitted"), (three, "3 classes")]
    for wrong, words in cases:
        with pytest.raises(InputError, match=words):
            decided(wrong, 0.5)
    with pytest.raises(InputError, match="one of the classes"):
        decided(model, 0.5, pos_label="early")
    with pytest.raises(InputError, match="with bands"):
        decided(model, 0.5).actions(X)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cost_review": -1}, "`cost_review` must be a number from 0 up, got -1"),
        ({"benefit_tp": "much"}, "`benefit_tp`"),
        ({"cost_fp": 0}, "`cost_fp` must be a positive number"),
        ({"prevalence": 1}, "`prevalence` must lie between 0 and 1, got 1"),
        ({"prevalence": 0.0}, "`prevalence`"),
        ({"capacity": -3}, "`capacity`"),
        ({"capacity": 3, "keep": 0}, "`keep`"),
        ({"capacity": 3, "period": [1, 2]}, "one period a row, got 2 for 50 rows"),
        ({"groups": ["a", "b"]}, "one group a row"),
        ({"bands": ["call"]}, "`bands` must be Bands, got str"),
        ({"bands": [Band("a", 0.2), Band("a", 0.1)]}, "an action of its own"),
        ({"bands": [Band("a", 0.2), Band("b", 0.3)]}, "from the highest scores down"),
    ],
)
def test_bad_input(options, words):
    y, proba, _ = rows(50)
    y[:2] = 0, 1
    with pytest.raises(InputError, match=words):
        mlt.decide(y, proba, **options)


@pytest.mark.parametrize("wrong", [{"effect": 1.5}, {"cost": -1}, {"cost": float("nan")}, {"at_least": 2.0}, {"cost_negative": True}])
def test_bands_must_make_sense(wrong):
    with pytest.raises(InputError, match="of the band 'call'"):
        Band("call", **wrong)
    assert check_bands(Band("call"))[0].action == "call"


def test_free_mistakes_need_another_price():
    assert check_costs(0, 5, 1) == Costs(0, 5, 1) and check_costs(1, 0, 0, 5) == Costs(1, 0, 0, 5)
    for wrong in ((0, 5), (1, 0), (float("inf"), 1)):
        with pytest.raises(InputError, match="positive number"):
            check_costs(*wrong)


def test_earnings_are_told_as_earnings():
    y, proba, _ = rows()
    found = decide(y, proba, cost_fp=1, cost_fn=1, benefit_tp=30, n_resamples=5)
    assert found.best["cost"] < 0 and "it earns" in found.sentence() and "doing nothing costs" in found.sentence()
    assert "it earns" in evaluate_at(y, proba, found.threshold, benefit_tp=30, n_resamples=5).sentence()
    value, low, high = found.intervals.set_index("figure").loc["honest_cost"]
    assert value == found.honest_cost and low < value < high


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("y", [[0, 1], [1, *[0] * 30], [0, *[1] * 30], [0, 1] * 10])
@pytest.mark.parametrize("options", [{}, {"prevalence": 0.3, "capacity": 1}, {"blocks": 0}, {"bands": [Band("a")], "prevalence": 0.5}])
def test_very_few_rows_are_no_reason_to_fail(y, options):
    for proba in (np.full(len(y), 0.5), np.linspace(0, 1, len(y)), np.ones(len(y))):
        options = options | ({"blocks": np.zeros(len(y))} if "blocks" in options else {})
        found = decide(y, proba, n_resamples=5, **options)
        assert found.sentence() and Result.from_dict(found.to_dict()).threshold == found.threshold
