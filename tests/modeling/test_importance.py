"Importance of hyper-parameters: known answers, dropped trials, few trials, one family or several, odd values; the result travels as JSON."

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError, Result
from mltoolkit.modeling.importance import Dimension, dimensions, lower_is_better, option_text, parameter_importance, trial_losses


def search(n=60, seed=0, metric="log_loss", families=("hgb",)):
    "The loss depends on the logarithm of `rate`, hardly on `leaves`, not on `noise`; the linear family on nothing."
    rng, configurations, rows = np.random.default_rng(seed), {}, []
    for t in range(n):
        family = families[t % len(families)]
        rate = 10 ** rng.uniform(-3, 0)
        own = {"rate": rate, "leaves": int(rng.integers(4, 64)), "noise": float(rng.random())} if family == "hgb" else {"C": float(rng.random())}
        configurations[t] = {"family": family} | {f"{family}.{k}": v for k, v in own.items()}
        loss = 0.2 + 0.01 * (np.log10(rate) + 1.5) ** 2 + 0.00001 * own["leaves"] if family == "hgb" else 0.25
        loss += rng.normal(0, 1e-4)
        rows.append((t, family, "done", loss if metric == "log_loss" else 1 - loss))
    space = {"hgb": {"rate": [0.001, 1.0, "log"], "leaves": [4, 64, "int"], "noise": [0.0, 1.0]}, "task": "binary"}
    table = pd.DataFrame(rows, columns=["trial", "family", "state", "score"])
    return SimpleNamespace(table=table, configurations=configurations, metric=metric, space=space)


@pytest.mark.parametrize("method", ["fanova", "ped_anova"])
def test_the_parameter_that_matters_comes_first(method):
    found = parameter_importance(search(), method=method, n_resamples=4)
    assert found.family == "hgb" and found.n_done == 60 and found.n_dropped == 0
    assert found.table["parameter"].iloc[0] == "hgb.rate" and found.table["label"].iloc[0] == "rate"
    assert found.table["importance"].iloc[0] > 0.5 and (found.table["importance"] >= 0).all()
    assert (found.table["lower"] <= found.table["importance"]).all() and (found.table["importance"] <= found.table["upper"]).all()
    assert "rate makes up" in found.sentence and "60 done" in found.sentence
    if method == "fanova":
        assert 0 <= found.interactions < 0.5
    else:
        assert found.table["importance"].sum() == pytest.approx(1) and np.isnan(found.interactions)


def test_a_metric_that_rises_gives_the_same_answer():
    low, high = (parameter_importance(search(metric=m), method="ped_anova", n_resamples=0) for m in ("log_loss", "average_precision"))
    pd.testing.assert_frame_equal(low.table, high.table)
    assert low.table["lower"].isna().all()
    assert lower_is_better(search()) and not lower_is_better(search(metric="average_precision"))
    assert lower_is_better(SimpleNamespace(metric="my_loss")) and not lower_is_better(SimpleNamespace(metric="profit"))


def test_the_same_seed_gives_the_same_figures():
    one, other = (parameter_importance(search(30), n_resamples=3, random_state=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, other.table)


def test_dropped_trials_count_by_their_distance_from_the_leader():
    tuning = search(40)
    table = tuning.table.copy()
    table["gap"] = np.nan
    table["leader"] = np.nan
    late = table["trial"] >= 20
    best = table.loc[~late, "score"].min()
    table.loc[late, "gap"] = table.loc[late, "score"] - best
    table.loc[late, ["state", "score"]] = ["dropped", 0.01]  # on its easy folds
    dropped = SimpleNamespace(**{**vars(tuning), "table": table})
    assert trial_losses(dropped)["loss"].to_numpy() == pytest.approx(tuning.table["score"].to_numpy())
    found = parameter_importance(dropped, n_resamples=0)
    assert (found.n_done, found.n_dropped) == (20, 20) and found.table["parameter"].iloc[0] == "hgb.rate"
    table["difference"] = table["gap"] + 0.5
    assert trial_losses(dropped)["loss"].iloc[-1] == pytest.approx(tuning.table["score"].iloc[-1] + 0.5)


def test_failed_and_unscored_trials_are_left_out():
    tuning = search(20)
    tuning.table.loc[3, "state"] = "failed"
    tuning.table.loc[4, "score"] = np.nan
    assert set(range(20)) - set(trial_losses(tuning)["trial"]) == {3, 4}


@pytest.mark.parametrize("method", ["fanova", "ped_anova"])
def test_families_are_compared_and_missing_parameters_carry_nothing(method):
    tuning = search(60, families=("hgb", "logistic"))
    found = parameter_importance(tuning, method=method, n_resamples=0)
    assert found.family is None and set(found.table["parameter"]) == {"family", "hgb.rate", "hgb.leaves", "hgb.noise", "logistic.C"}
    share = found.table.set_index("parameter")["importance"]
    assert share["logistic.C"] < 0.1 and share["family"] > 0
    assert found.table.set_index("parameter").loc["logistic.C", "trials"] == 30
    assert set(parameter_importance(tuning, family="logistic", n_resamples=0).table["label"]) == {"C"}


def test_too_few_trials_give_no_figure_and_say_so():
    for n in (0, 1, 9):
        found = parameter_importance(search(n))
        assert not found.table["importance"].notna().any() and found.sentence == found.note and found.interactions != found.interactions
    assert "at least 10 trials" in parameter_importance(search(9)).note
    assert "intervals are wide" in parameter_importance(search(12), n_resamples=0).note


def test_nothing_varies():
    tuning = search(12)
    same = SimpleNamespace(**{**vars(tuning), "configurations": {t: {"family": "hgb", "hgb.rate": 0.1} for t in range(12)}})
    assert "nothing to compare" in parameter_importance(same).note
    tuning.table["score"] = 0.5
    flat = parameter_importance(tuning)
    assert (flat.table["importance"] == 0).all() and "same loss" in flat.note


def test_dimensions_follow_the_space_and_else_the_values():
    tuning = search(30)
    found = {d.name: d for d in dimensions(tuning)}
    assert found["hgb.rate"].log and (found["hgb.rate"].low, found["hgb.rate"].high) == (0.001, 1.0)
    assert not found["hgb.leaves"].log
    tuning.space = {}
    guessed = {d.name: d for d in dimensions(tuning)}
    assert guessed["hgb.rate"].log and not guessed["hgb.noise"].log or guessed["hgb.noise"].low > 0
    odd = [None, "a", True, 3, [1, 2], {"k": 1}]
    tuning.configurations = {t: {"family": "own", "x": odd[t % 6], "model__C": 1.0 + t} for t in range(12)}
    tuning.space = {"own": "pipeline", "dimensions": {"model__C": [0.1, 100.0, "log"], "x": {"choices": odd}}, "task": "binary"}
    found = {d.name: d for d in dimensions(tuning)}
    assert found["x"].options == tuple(option_text(v) for v in odd) and found["model__C"].log and found["model__C"].high == 100
    assert found["x"].unit([None, {"k": 1}, "never"]).tolist()[:2] == [0.0, 1.0]


def test_places_and_values_are_inverse():
    for d in (Dimension("a", low=0.001, high=10.0, log=True), Dimension("b", low=-3.0, high=5.0), Dimension("c", options=("x", "y", "z"))):
        for place in (0.0, 0.5, 1.0):
            assert d.unit([d.value(place)])[0] == pytest.approx(place)
    assert np.isnan(Dimension("b").unit(["text", None, float("nan")])).all()


def test_a_live_view_and_a_table_of_parameters_do_as_well():
    tuning = search(20)
    rows = [{"trial": t, **c} for t, c in tuning.configurations.items()]
    live = SimpleNamespace(table=lambda: tuning.table, configurations=lambda: tuning.configurations, metric=SimpleNamespace(lower_is_better=True),
                           space=SimpleNamespace(to_plain=lambda: tuning.space))  # fmt: skip
    columns = SimpleNamespace(table=tuning.table, parameters=pd.DataFrame(rows), metric="log_loss", space=tuning.space)
    tables = [parameter_importance(t, method="ped_anova", n_resamples=0).table for t in (tuning, live, columns)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


def test_the_result_travels_as_json():
    found = parameter_importance(search(20), method="ped_anova", n_resamples=2)
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    pd.testing.assert_frame_equal(again.table, found.table)
    assert again.sentence == found.sentence and "hgb.rate" in found._repr_html_() and found.summary()["trials"] == 20


def test_bad_input_is_refused_with_the_fix():
    with pytest.raises(InputError, match="one of two"):
        parameter_importance(search(12), method="fanowa")
    with pytest.raises(InputError, match="one that was tried"):
        parameter_importance(search(12), family="hgbb")
    with pytest.raises(InputError, match="trials of a tuning"):
        parameter_importance(SimpleNamespace(table=None))
