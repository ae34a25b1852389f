"From trials to one model: greedy ensembles, calibration, the final estimator and its code, the optimism of the best score."

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import mltoolkit as mlt
from mltoolkit.core import InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.calibration import calibrate_predictions, choose_calibration, learning_parts, response_of
from mltoolkit.modeling.calls import Call
from mltoolkit.modeling.candidates import describe
from mltoolkit.modeling.ensembling import (
    calibration_cv,
    calibration_cv_code,
    corrected_score,
    final_call,
    final_code,
    final_estimator,
    select_ensemble,
)
from mltoolkit.modeling.metrics import row_losses
from mltoolkit.modeling.persistence import input_schema, load_model, save_model
from mltoolkit.modeling.preprocessing import column_kinds


def logit(p):
    return np.log(p / (1 - p))


def expit(x):
    return 1 / (1 + np.exp(-x))


def folded(y, **columns):
    n = len(y)
    return pd.DataFrame({"row": np.arange(n), "fold": np.arange(n) * 5 // n + 1, "y": y, **columns})


def noise(n=600, m=30, seed=0):
    "Configurations that know nothing but the base rate of 20 %, shifted at random."
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    return folded(y, **{f"t{j}": expit(logit(0.2) + 0.5 * rng.standard_normal(n)) for j in range(m)})


def expected_loss():
    "What every configuration of `noise` is worth, by Gauss-Hermite quadrature."
    x, w = np.polynomial.hermite_e.hermegauss(60)
    p = expit(logit(0.2) + 0.5 * x)
    return float((w * (-0.2 * np.log(p) - 0.8 * np.log(1 - p))).sum() / w.sum())


def signal(n=2_000, seed=0, spread=(0.6, 0.6, 0.6), task="binary"):
    "Models that know the truth, each with errors of its own."
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n) - 1.5
    y = (rng.random(n) < expit(x)).astype(int)
    return folded(y, **{f"m{j}": expit(x + s * rng.standard_normal(n)) for j, s in enumerate(spread)})


# --- the optimism of the best score


def test_the_best_of_equal_models_is_too_good_and_is_corrected():
    truth, apparent, corrected, covered = expected_loss(), [], [], []
    for seed in range(40):
        oof = noise(seed=seed)
        told = corrected_score(oof, oof.columns[3:], n_resamples=60)
        apparent.append(told.apparent - truth)
        corrected.append(told.score - truth)
        covered.append(told.lower <= truth <= told.upper)
    error = np.std(corrected) / 40**0.5
    assert np.mean(apparent) < -0.012  # 5 standard errors below the truth
    assert abs(np.mean(corrected)) < 3 * error
    assert np.mean(covered) > 0.9


def test_one_model_has_no_optimism():
    oof = noise(m=1)
    told = corrected_score(oof, ["t0"])
    assert told.optimism == 0.0 and told.score == told.apparent == pytest.approx(log_loss(oof["y"], oof["t0"]), abs=1e-12)
    assert "no choice" in told.sentence


def test_a_clear_winner_has_hardly_any_optimism():
    oof = signal(spread=(0.1, 1.5, 1.5, 1.5))
    told = corrected_score(oof, ["m0", "m1", "m2", "m3"])
    assert told.best == "m0" and told.optimism < 1e-6
    assert told.table.set_index("model").loc["m0", "chosen"] == pytest.approx(1.0)


def test_it_unpacks_and_round_trips_and_repeats():
    oof = noise(m=5)
    told = corrected_score(oof, oof.columns[3:], n_resamples=50)
    score, lower, upper, optimism = told
    assert lower < score < upper and optimism == pytest.approx(score - told.apparent)
    again = Result.from_dict(told.to_dict())
    pd.testing.assert_frame_equal(again.table, told.table)
    assert tuple(again) == tuple(told) == tuple(corrected_score(oof, oof.columns[3:], n_resamples=50))


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc", "accuracy", "average_precision"])
def test_any_metric_is_corrected_towards_worse(metric):
    oof = noise(m=15)
    told = corrected_score(oof, oof.columns[3:], metric, n_resamples=40)
    worse = told.score - told.apparent if metric == "log_loss" else told.apparent - told.score
    assert worse == pytest.approx(told.optimism) and told.optimism > 0


def test_regression_and_several_classes():
    rng = np.random.default_rng(0)
    y = rng.standard_normal(400)
    oof = folded(y, a=y + rng.standard_normal(400), b=y + rng.standard_normal(400))
    told = corrected_score(oof, ["a", "b"], task="regression", n_resamples=40)
    assert told.metric == "rmse" and told.optimism >= 0
    proba = rng.dirichlet([2, 2, 2], size=(4, 400))
    codes = rng.integers(3, size=400)
    oof = folded(codes, **{f"t{j}|{c}": proba[j][:, c] for j in range(4) for c in range(3)})
    told = corrected_score(oof, [f"t{j}" for j in range(4)], task="multiclass", n_resamples=40)
    assert told.apparent == pytest.approx(min(log_loss(codes, p) for p in proba), abs=1e-9) and told.optimism > 0


def test_dropped_models_take_part_on_the_rows_they_saw():
    oof = signal(spread=(0.3, 0.3, 2.0))
    whole = corrected_score(oof, ["m0", "m1", "m2"])
    oof.loc[oof["fold"] > 1, "m2"] = np.nan
    part = corrected_score(oof, ["m0", "m1", "m2"])
    assert part.table.set_index("model").loc["m2", ["rows", "chosen"]].tolist() == [400, 0.0]
    assert part.score == pytest.approx(whole.score, abs=1e-9)
    nearly = oof.assign(m2=oof["m1"].where(oof["fold"] == 1))  # a twin of m1, dropped after a fold, could have won
    assert corrected_score(nearly, ["m0", "m1", "m2"]).table.set_index("model").loc["m2", "chosen"] > 0


def test_blocks_are_drawn_whole_and_pooled():
    oof = noise(n=3_000, m=8)
    told = corrected_score(oof, oof.columns[3:], blocks=np.arange(3_000) // 100, n_resamples=40)
    assert told.n_blocks == 30
    single = corrected_score(oof, oof.columns[3:], n_resamples=200)
    assert single.n_blocks == 3_000 and single.optimism == pytest.approx(told.optimism, rel=0.7)


@pytest.mark.parametrize(("names", "more"), [((), {}), (("none",), {}), (("t0",), {"n_resamples": 3})])
def test_correction_refuses(names, more):
    with pytest.raises(InputError):
        corrected_score(noise(m=2), names, **more)


# --- calibration


def test_the_map_is_that_of_the_calibrated_classifier():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((500, 2))
    y = (rng.random(500) < expit(X[:, 0])).astype(int)
    half = np.arange(500) % 2
    cv = [(np.flatnonzero(half), np.flatnonzero(1 - half)), (np.flatnonzero(1 - half), np.flatnonzero(half))]
    for model in (LogisticRegression(), DecisionTreeClassifier(max_depth=3, random_state=0)):
        for method in ("sigmoid", "isotonic", "temperature"):
            theirs = CalibratedClassifierCV(model, method=method, cv=cv, ensemble=False).fit(X, y).predict_proba(X)[:, 1]
            oof = np.empty(500)
            for train, valid in cv:
                oof[valid] = model.fit(X[train], y[train]).predict_proba(X[valid])[:, 1]
            whole = model.fit(X, y).predict_proba(X)[:, 1]
            ours = calibrate_predictions(y, oof, whole, method, response=response_of([model]))
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_bold_probabilities_are_calibrated_and_true_ones_left_alone():
    oof = signal(spread=(0.0,))
    bold = oof.assign(m0=expit(2.5 * logit(oof["m0"]) + 1))
    told = choose_calibration(bold, "m0", response="decision_function")
    assert told.method == "sigmoid" and told.table["chosen"].sum() == 1 and "calibrated" in told.sentence
    assert choose_calibration(oof, {"m0": 1.0}).method is None
    again = Result.from_dict(told.to_dict())
    pd.testing.assert_frame_equal(again.table, told.table)


def test_calibration_is_rarely_chosen_where_it_does_nothing():
    chosen = [choose_calibration(signal(n=800, seed=seed, spread=(0.0,)), "m0", methods=("sigmoid",)).method for seed in range(12)]
    assert sum(m is not None for m in chosen) <= 3


def test_in_time_a_map_is_learned_on_earlier_folds_only():
    oof = signal(n=1_000, spread=(1.0,))
    parts = learning_parts(oof, in_time=True)
    assert len(parts) == 4
    for train, valid in parts:
        assert oof["fold"].iloc[train].max() < oof["fold"].iloc[valid].min()
    late = oof.assign(y=np.where(oof["fold"] == 5, 1 - oof["y"], oof["y"]))
    before, after = (choose_calibration(t, "m0", in_time=True, methods=("sigmoid",)) for t in (oof, late))
    n = 200  # rows a fold; the last fold is judged, and never learned from
    losses = [t.table["log_loss"].iloc[1] * 4 * n for t in (before, after)]
    kept = row_losses(oof["y"][800:], _last_fold(oof), "log_loss").sum(), row_losses(late["y"][800:], _last_fold(oof), "log_loss").sum()
    assert losses[0] - kept[0] == pytest.approx(losses[1] - kept[1], abs=1e-6)


def _last_fold(oof):
    first = (oof["fold"] < 5).to_numpy()
    return calibrate_predictions(oof["y"][first], oof["m0"][first], oof["m0"][~first], "sigmoid")


def test_rows_of_a_repeat_do_not_teach_their_own_map():
    oof = pd.DataFrame({"row": [0, 1, 2, 3, 0, 1, 2, 3], "fold": [1, 1, 2, 2, 3, 4, 3, 4], "y": 0, "m": 0.1})
    for train, valid in learning_parts(oof):
        assert not set(oof["row"].iloc[train]) & set(oof["row"].iloc[valid])


def test_several_classes_and_quantities():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((900, 3))
    truth = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(3, p=p) for p in truth])
    bold = np.exp(3 * x) / np.exp(3 * x).sum(axis=1, keepdims=True)
    oof = folded(y, **{f"m|{c}": bold[:, c] for c in range(3)})
    told = choose_calibration(oof, "m", task="multiclass")
    assert told.method is not None
    assert choose_calibration(folded(x[:, 0], m=x[:, 1]), "m", task="regression").method is None


def test_one_fold_and_one_class_are_no_accident():
    oof = signal(n=100, spread=(1.0,)).assign(fold=1)
    assert choose_calibration(oof, "m0").method is None
    rare = oof.assign(fold=np.arange(100) // 50 + 1, y=[*([0] * 50), *([0, 1] * 25)])
    assert choose_calibration(rare, "m0").rows == 100  # nothing can be learned on the first half
    with pytest.raises(InputError, match="method"):
        choose_calibration(oof, "m0", methods=("platt",))


# --- greedy selection


def test_equal_models_with_errors_of_their_own_are_averaged():
    oof = signal(n=3_000, spread=(0.8, 0.8, 0.8, 3.0))
    told = select_ensemble(oof, ["m0", "m1", "m2", "m3"])
    assert {"m0", "m1", "m2"} <= set(told.weights) and told.weights.get("m3", 0) <= 1
    assert told.recommended and told.gain_lower > 0
    mean = np.average(oof[list(told.weights)], axis=1, weights=list(told.weights.values()))
    assert told.score == pytest.approx(log_loss(oof["y"], mean), abs=1e-12)
    assert told.score < told.single_score and told.honest_score >= told.score - 0.01
    assert (np.diff(told.path["score"].to_numpy()) < 0.01).all() and told.path["score"].iloc[-1] == told.path["score"].min()


def test_copies_of_one_model_are_no_ensemble():
    oof = signal(spread=(0.5,))
    oof = oof.assign(m1=oof["m0"], m2=oof["m0"])
    told = select_ensemble(oof, ["m0", "m1", "m2"])
    assert len(told.weights) == 1 and not told.recommended and told.gain == 0
    assert "No mean" in told.sentence


def test_noise_gains_nothing_honestly():
    gains = [select_ensemble(t, t.columns[3:], n_resamples=20) for t in (noise(300, 10, seed=s) for s in range(8))]
    assert all(g.score <= g.single_score for g in gains)
    assert np.mean([g.honest_score - g.score for g in gains]) > 0.005  # what it shows on the rows it was selected on is too good


def test_limits_and_dropped_models():
    oof = signal(spread=(0.8,) * 8)
    oof.loc[oof["fold"] == 5, "m7"] = np.nan
    told = select_ensemble(oof, [f"m{j}" for j in range(8)], size=7, members=2)
    assert len(told.weights) <= 2 and sum(told.weights.values()) <= 7 and "m7" not in told.weights
    for wrong in ({"size": 0}, {"members": True}):
        with pytest.raises(InputError):
            select_ensemble(oof, ["m0"], **wrong)
    with pytest.raises(InputError, match="every row"):
        select_ensemble(oof, ["m7"])


@pytest.mark.parametrize("metric", ["roc_auc", "brier"])
def test_other_metrics(metric):
    oof = signal(n=800, spread=(0.8, 0.8))
    told = select_ensemble(oof, ["m0", "m1"], metric, size=6, n_resamples=20)
    assert (told.score > told.single_score) == (metric == "roc_auc") and told.metric == metric


def test_selection_in_time_and_round_trip():
    oof = signal(spread=(0.8, 0.8))
    told = select_ensemble(oof, ["m0", "m1"], in_time=True)
    assert told.folds == 4
    again = Result.from_dict(told.to_dict())
    assert again.weights == told.weights and tuple(again.weights) == tuple(told.weights)
    pd.testing.assert_frame_equal(again.to_frame(), told.to_frame())
    one = select_ensemble(oof.assign(fold=1), ["m0", "m1"])
    assert np.isnan(one.gain) and not one.recommended and "One fold" in one.sentence
    assert np.isnan(Result.from_dict(one.to_dict()).gain)


# --- the final estimator


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.standard_normal(240), "b": rng.standard_normal(240), "c": rng.choice(list("xyz"), 240)})
    binary = (rng.random(240) < expit(X["a"])).astype(int).to_numpy()
    return X, {"binary": binary, "multiclass": np.digitize(X["a"], [-0.5, 0.5]), "regression": (X["a"] + X["b"]).to_numpy()}


FOLDS = Call("sklearn.model_selection.PredefinedSplit", keywords={"test_fold": [k % 3 for k in range(240)]})
CASES = [("binary", ("logistic", "hgb"), None), ("binary", ("logistic", "hgb"), "sigmoid"), ("binary", ("hgb",), "isotonic"),
         ("binary", ("naive_bayes",), None), ("multiclass", ("logistic", "hgb"), "temperature"), ("regression", ("ridge", "hgb"), None)]  # fmt: skip


@pytest.mark.parametrize(("task", "names", "calibration"), CASES)
def test_code_and_file_give_the_same_predictions(task, names, calibration, table, tmp_path):
    X, targets = table
    kinds, y, answer = column_kinds(X), targets[task], "predict" if task == "regression" else "predict_proba"
    few = {"hgb": {"max_iter": 10}}
    calls = {f"t{j}": describe(n, kinds, task=task, parameters=few.get(n)) for j, n in enumerate(names)}
    weights = {name: 3 - j for j, name in enumerate(calls)}
    model = final_estimator(calls, weights, calibration, FOLDS, task=task).fit(X, y)
    text = final_code(calls, weights, calibration, FOLDS, task=task, names=[(kinds.numbers, "numbers")])
    space = {"numbers": kinds.numbers, "calibration_folds": FOLDS.keywords["test_fold"]}
    exec(text, space)
    assert "mltoolkit" not in text
    expected = getattr(model, answer)(X)
    np.testing.assert_allclose(getattr(space["model"].fit(X, y), answer)(X), expected, rtol=0, atol=1e-12)
    again = load_model(save_model(model, tmp_path / "model.skops", schema=input_schema(X)))
    np.testing.assert_array_equal(getattr(again, answer)(X), expected)


def test_a_vote_is_the_weighted_mean(table):
    X, targets = table
    kinds, y = column_kinds(X), targets["binary"]
    calls = {"t1": describe("logistic", kinds), "t__2": describe("naive_bayes", kinds), "weights": describe("dummy", kinds)}
    model = final_estimator(calls, {"t1": 3, "t__2": 1, "weights": 0}).fit(X, y)
    assert isinstance(model, VotingClassifier) and [n for n, _ in model.estimators] == ["t1", "t_2"]
    alone = [final_estimator([calls[n]]).fit(X, y).predict_proba(X) for n in ("t1", "t__2")]
    np.testing.assert_allclose(model.predict_proba(X), 0.75 * alone[0] + 0.25 * alone[1], atol=1e-12)
    quantity = final_estimator([describe("ridge", kinds, task="regression"), describe("hgb", kinds, task="regression")], task="regression")
    assert isinstance(quantity, VotingRegressor)


def test_pipelines_as_objects_and_a_single_one():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    assert final_estimator([pipeline]) is pipeline
    calibrated = final_estimator({"t1": make_pipeline(HistGradientBoostingClassifier())}, None, "sigmoid", 3)
    assert isinstance(calibrated, CalibratedClassifierCV) and not calibrated.ensemble
    assert response_of([pipeline]) == "decision_function" and response_of([pipeline, pipeline]) == "predict_proba"


@pytest.mark.parametrize(("weights", "more"), [([0, 0], {}), ({"x": 1}, {}), ([1, -1], {}), ([1, 1], {"calibration": "platt"}),
                                               ([1, 1], {"calibration": "sigmoid", "task": "regression"})])  # fmt: skip
def test_final_estimator_refuses(weights, more):
    calls = {"a": Call("sklearn.linear_model.Ridge"), "b": Call("sklearn.linear_model.Ridge")}
    with pytest.raises(InputError):
        final_call(calls, weights, **more)


def frame(n=120):
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(n) // 3, unit="D")
    return pd.DataFrame({"x": rng.standard_normal(n), "who": np.arange(n) // 6, "day": days, "y": rng.random(n) < 0.4})


def test_folds_of_the_calibrator_respect_the_split():
    drawn = Dataset(frame=frame()[["x", "y"]], target="y")
    assert calibration_cv(mlt.split(drawn, kind="stratified", n_splits=3), drawn).name == "StratifiedKFold"
    timed = Dataset(frame=frame().drop(columns="who"), target="y", time="day")
    split = mlt.split(timed, n_splits=3)
    codes = np.array(calibration_cv(split, timed).keywords["test_fold"])
    times = timed.frame["day"].iloc[split.development]
    assert len(codes) == len(split.development) and set(codes) == {0, 1, 2}
    assert all(times[codes == k].max() < times[codes == k + 1].min() for k in (0, 1))
    space = {"times": times}
    exec(calibration_cv_code(split), space)
    assert space["calibration_folds"] == codes.tolist()
    grouped = Dataset(frame=frame().drop(columns="day"), target="y", group="who")
    split = mlt.split(grouped, n_splits=3)
    codes = np.array(calibration_cv(split, grouped).keywords["test_fold"])
    who = grouped.frame["who"].iloc[split.development].to_numpy()
    assert all(len(set(codes[who == g])) == 1 for g in set(who)) and set(codes) == {0, 1, 2}
