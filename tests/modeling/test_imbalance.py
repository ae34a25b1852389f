"Comparing strategies against imbalance: honest thresholds, paired differences, cautious advice, studies that do not crash."

import json
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, RunError, silent
from mltoolkit.modeling.advice import Advice, advise, evidence_of, recommended_by
from mltoolkit.modeling.candidates import make_pipeline_for
from mltoolkit.modeling.imbalance import ImbalanceStudy, compare_imbalance, named_strategies
from mltoolkit.modeling.imbalance_measures import (
    MEASURES,
    NEVER,
    best_threshold,
    budget_share,
    calibration_curve_table,
    measure_all,
    nested_thresholds,
    neutral_cost,
    precision_recall_table,
    recalibrated,
    threshold_costs,
)
from mltoolkit.modeling.strategies import STRATEGIES

FEW = ["class_weight", "random_under", "smote"]


def scored(n=400, seed=0, share=0.15, ties=False):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    proba = np.clip(0.15 + 0.1 * y + rng.normal(0, 0.12, n), 0.001, 0.999)
    return y, np.round(proba, 1) if ties else proba


def table(n=600, share=0.12, seed=0, classes=2, signal=1.0):
    rng = np.random.default_rng(seed)
    shares = [1 - share, share] if classes == 2 else [0.75, 0.18, 0.07]
    y = rng.choice(classes, n, p=shares)
    frame = pd.DataFrame({"a": rng.normal(size=n) + signal * y, "b": rng.normal(size=n), "kind": rng.choice(["x", "y"], n)})
    frame.loc[:20, "a"] = np.nan
    return frame.assign(target=y if classes == 2 else np.array(["common", "rare", "very rare"])[y])


def data_of(frame, **roles):
    return mlt.load(frame, target="target", **({"positive": 1} if frame["target"].dtype.kind == "i" else {}), **roles)


DATA = data_of(table())
SPLIT = mlt.split(DATA, n_splits=3)


@pytest.fixture(scope="module")
def study():
    return compare_imbalance(DATA, "logistic", FEW, SPLIT, n_resamples=60, n_jobs=1, progress=silent)


# thresholds


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ties", [False, True])
def test_best_threshold_is_the_best_of_all(seed, ties):
    y, proba = scored(120, seed, ties=ties)
    price = {"cost_fp": 1.0, "cost_fn": [0.5, 3.0, 20.0][seed % 3]}
    every = [threshold_costs(y, proba, t, **price).sum() for t in [*np.unique(proba), NEVER]]
    assert threshold_costs(y, proba, best_threshold(y, proba, **price), **price).sum() == min(every)


@pytest.mark.parametrize("seed", range(12))
def test_honest_cost_is_never_below_the_cost_in_hindsight(seed):
    y, proba = scored(300, seed, ties=seed % 2 == 0)
    folds, price = np.arange(300) % 4, {"cost_fp": 1.0, "cost_fn": 1.0 + seed}
    honest = threshold_costs(y, proba, nested_thresholds(y, proba, folds, **price), **price).sum()
    hindsight = threshold_costs(y, proba, best_threshold(y, proba, **price), **price).sum()
    assert honest >= hindsight


def test_a_folds_threshold_does_not_look_at_its_own_outcomes():
    y, proba = scored()
    folds = np.arange(len(y)) % 5
    before = nested_thresholds(y, proba, folds, cost_fn=8)
    turned = np.where(folds == 2, 1 - y, y)
    after = nested_thresholds(turned, proba, folds, cost_fn=8)
    assert (before[folds == 2] == after[folds == 2]).all() and (before[folds != 2] != after[folds != 2]).any()
    rows = np.r_[np.arange(200), np.arange(200)]  # two repeats: the same rows in folds 1-2 and 3-4
    folds = np.r_[np.arange(200) % 2, 2 + np.arange(200) // 100]
    turned = np.where(np.isin(rows, rows[folds == 0]), 1 - y, y)
    same = nested_thresholds(y, proba, folds, rows=rows, cost_fn=8), nested_thresholds(turned, proba, folds, rows=rows, cost_fn=8)
    assert (same[0][folds == 0] == same[1][folds == 0]).all()


def test_thresholds_where_nothing_can_be_chosen():
    y, proba = np.array([0, 0, 0, 1]), np.array([0.1, 0.2, 0.3, 0.9])
    found = nested_thresholds(y, proba, np.array([1, 1, 2, 2]), cost_fn=3)
    assert found[2] == 0.25  # the other fold has no positives
    assert np.isnan(nested_thresholds(y, np.array([0.1, 0.2, np.nan, 0.9]), np.array([1, 1, 2, 2]))[2])
    assert best_threshold(np.zeros(3), np.ones(3) / 2) == NEVER == best_threshold([], [])
    assert best_threshold(np.ones(3), np.array([0.5, 0.6, 0.7])) == 0.5


# measures


def test_measures_equal_scikit_learn_and_differences_are_paired():
    y, proba = scored(500)
    other = np.clip(proba + 0.05, 0, 1)
    costs = {"none": threshold_costs(y, proba, 0.2, cost_fn=5), "b": threshold_costs(y, other, 0.2, cost_fn=5)}
    found = measure_all(y, {"none": proba, "b": other}, costs=costs, n_resamples=50, min_precision=0.4, alarm_budget=0.1)
    value = found.set_index(["strategy", "measure"])["value"]
    for name, p in (("none", proba), ("b", other)):
        assert np.isclose(value[name, "average_precision"], average_precision_score(y, p))
        assert np.isclose(value[name, "roc_auc"], roc_auc_score(y, p)) and np.isclose(value[name, "log_loss"], log_loss(y, p))
        assert np.isclose(value[name, "brier"], brier_score_loss(y, p)) and value[name, "cost"] == costs[name].mean()
    top = np.argsort(-proba)[:50]
    assert np.isclose(value["none", "recall_at_budget"], y[top].sum() / y.sum())
    none = found[found["strategy"] == "none"]
    assert (none[["difference", "difference_lower", "difference_upper"]] == 0).all().all()
    shifted = found[found["strategy"] == "b"].set_index("measure")
    assert shifted.loc["roc_auc", "difference"] == 0 == shifted.loc["roc_auc", "difference_upper"]
    assert (
        shifted.loc["log_loss", "difference_lower"] <= shifted.loc["log_loss", "difference"] <= shifted.loc["log_loss", "difference_upper"]
    )
    assert list(found["measure"].unique()) == list(MEASURES["binary"])


def test_a_prediction_given_up_early_is_compared_on_shared_rows():
    y, proba = scored(500)
    early = np.where(np.arange(500) < 300, proba, np.nan)
    costs = {"none": np.ones(500), "early": np.where(np.arange(500) < 300, 1.0, np.nan)}
    found = measure_all(y, {"none": proba, "early": early}, costs=costs, n_resamples=30).set_index(["strategy", "measure"])
    assert np.isclose(found.loc[("early", "log_loss"), "value"], log_loss(y[:300], proba[:300]))
    assert found.loc[("early", "log_loss"), "difference"] == 0 and np.isclose(found.loc[("none", "log_loss"), "value"], log_loss(y, proba))


def test_recalibration_repairs_evenly_bent_probabilities():
    y, proba = scored(4000, share=0.1)
    folds = np.arange(4000) % 5
    bent = proba * 9 / (proba * 9 + 1 - proba)
    fixed = recalibrated(y, bent, folds)
    assert log_loss(y, fixed) < log_loss(y, bent) - 0.2 and abs(fixed.mean() - y.mean()) < 0.01
    turned = np.where(folds == 0, 1 - y, y)
    assert (recalibrated(turned, bent, folds)[folds == 0] == fixed[folds == 0]).all()


def test_recalibration_of_several_classes():
    rng = np.random.default_rng(0)
    true = rng.dirichlet([6, 2, 1], 3000)
    y = np.array([rng.choice(3, p=p) for p in true])
    bent = true * [1, 3, 6]
    bent /= bent.sum(axis=1, keepdims=True)
    fixed = recalibrated(y, bent, np.arange(3000) % 4)
    assert (
        np.allclose(fixed.sum(axis=1), 1)
        and log_loss(y, fixed) < log_loss(y, bent) - 0.05
        and log_loss(y, fixed) < log_loss(y, true) + 0.01
    )


def test_curves_and_defaults():
    y, proba = scored(1000)
    bins = calibration_curve_table(y, proba)
    assert bins["count"].sum() == 1000 and np.isclose((bins["observed"] * bins["count"]).sum(), y.sum())
    assert len(calibration_curve_table(y, np.full(1000, 0.3))) == 1
    curve = precision_recall_table(y, proba, size=50)
    assert len(curve) <= 50 and curve["recall"].is_monotonic_increasing and curve["recall"].iloc[-1] == 1
    assert np.isclose(neutral_cost(y) * y.sum(), (y == 0).sum())
    assert budget_share(None, y, 1000) == y.mean() and budget_share(50, y, 1000) == 0.05 == budget_share(0.05, y, 1000)
    for wrong in (0, -3, 2.5, True, "ten", 2000):
        with pytest.raises(InputError, match="alarm_budget"):
            budget_share(wrong, y, 1000)


# advice


def measured(**figures):
    "A table of measures from name=(AP difference, its spread, log-loss difference, its spread)."
    rows = []
    for name, (gap, spread, loss, loss_spread) in {"none": (0, 0, 0, 0), **figures}.items():
        for measure, value, d, s in (("average_precision", 0.4, gap, spread), ("log_loss", 0.2, loss, loss_spread)):
            rows.append({"strategy": name, "measure": measure, "value": value + d, "lower": value + d - 0.05, "upper": value + d + 0.05,
                         "difference": d, "difference_lower": d - 1.96 * s, "difference_upper": d + 1.96 * s, "spread": s})  # fmt: skip
    return pd.DataFrame(rows)


def advised(repaired=None, finished=None, **figures):
    return advise(measured(**figures), [0] * 90 + [1] * 10, judged_by="average_precision", repaired=repaired, finished=finished)


def test_the_default_is_no_resampling():
    assert advised(smote=(0.01, 0.02, 0.0, 0.01)).recommended == "none"
    assert advised(smote=(-0.1, 0.01, 0.0, 0.01)).evidence["verdict"].tolist() == ["worse"]
    assert advised().recommended == "none" and advised().sentences[0].startswith("Do not resample")
    assert "91" not in advised().sentence and "90 % of the rows" in advised().sentence


def test_a_better_strategy_needs_proof_and_good_probabilities():
    assert advised(smote=(0.05, 0.01, 0.0, 0.01)).recommended == "smote"
    bent = {"smote": (0.05, 0.01, 0.1, 0.01)}
    assert advised(**bent).recommended == "none" and "calibration was not tried" in advised(**bent).sentence
    promising = advised(**bent, repaired={"smote": (-0.01, -0.02, 0.01)})
    assert promising.evidence["verdict"].tolist() == ["calibrate"] and promising.recommended == "none"  # to be fitted first
    hopeless = advised(**bent, repaired={"smote": (0.03, 0.02, 0.04)})
    assert hopeless.recommended == "none" and "calibration does not repair" in hopeless.sentence
    assert advised(smote=(0.05, 0.01, 0.0, 0.01), finished=["none"]).evidence["verdict"].tolist() == ["unfinished"]


def test_many_strategies_widen_the_interval():
    one = advised(smote=(0.022, 0.01, 0.0, 0.01))
    many = advised(**{n: (0.022 if n == "smote" else 0.0, 0.01, 0.0, 0.01) for n in named_strategies("all")[1:]})
    assert one.recommended == "smote" and many.recommended == "none"
    evidence = evidence_of(measured(smote=(0.05, 0.01, 0, 0), adasyn=(0.06, 0.01, 0, 0)), "average_precision")
    assert recommended_by(evidence) == "adasyn"


def test_advice_survives_json():
    advice = advised(smote=(0.05, 0.01, 0.0, 0.01))
    again = Advice.from_dict(json.loads(json.dumps(advice.to_dict())))
    assert list(again.sentences) == list(advice.sentences) and again.recommended == "smote" and np.isnan(again.threshold)


# the study


def test_study_has_what_it_promises(study):
    assert list(study.table["strategy"]) == ["none", *FEW] and (study.table["state"] == "done").all() and not study.failed
    for measure in MEASURES["binary"]:
        for part in ("", "_lower", "_upper", "_difference", "_difference_lower", "_difference_upper"):
            assert np.isfinite(study.table[measure + part]).all(), measure + part
    assert (study.table["average_precision_lower"] <= study.table["average_precision"]).all()
    counts = study.class_counts.set_index(["strategy", "fold", "class"]).sort_index()
    assert len(counts) == 4 * 3 * 2 and counts.loc[("smote", 1, "1"), "after"] == counts.loc[("smote", 1, "0"), "before"]
    assert (counts.loc["none", "before"] == counts.loc["none", "after"]).all()
    assert set(study.calibration["strategy"]) == set(study.curves["strategy"]) == {"none", *FEW}
    assert study.positives_per_fold and sum(study.positives_per_fold) == int(DATA.take(SPLIT.development).y.sum())
    assert study.advice.recommended == "none" and not study.costs_given and study.sentence


def test_validation_rows_are_real_rows_each_predicted_once(study):
    assert sorted(study.oof["row"]) == sorted(SPLIT.development)
    y = DATA.y.to_numpy()
    assert (study.oof["y"].to_numpy() == y[study.oof["row"]]).all()
    smote = study.class_counts[study.class_counts["strategy"] == "smote"]
    assert (smote["after"] >= smote["before"]).all() and len(study.oof) == len(SPLIT.development)


def test_predictions_equal_a_plain_loop(study):
    y, X = DATA.y.to_numpy(), DATA.frame[list(study.features)]
    for strategy in ("none", "smote"):
        for k, (train, valid) in enumerate(SPLIT.folds, 1):
            model = make_pipeline_for(f"logistic+{strategy}", X.iloc[train]).fit(X.iloc[train], y[train])
            expected = model.predict_proba(X.iloc[valid])[:, 1]
            np.testing.assert_allclose(study.prediction(strategy)[study.oof["fold"] == k], expected, atol=1e-12)


def test_study_survives_json_and_its_code_runs(study):
    again = ImbalanceStudy.from_dict(json.loads(json.dumps(study.to_dict())))
    pd.testing.assert_frame_equal(again.table, study.table)
    assert list(again.advice.sentences) == list(study.advice.sentences) and list(again.classes) == list(study.classes)
    space = {"mlt": type("mlt", (), {"split": mlt.split, "compare_imbalance": compare_imbalance}), "data": DATA}
    exec(
        study.code.replace("data,", "data, n_resamples=60, n_jobs=1,", 1).replace("n_jobs=1, 'logistic'", "n_jobs=1, model='logistic'"),
        space,
    )
    figures = [c for c in study.table.columns if c != "fit_seconds"]
    pd.testing.assert_frame_equal(space["study"].table[figures], study.table[figures])


def test_fitted_recommendation_and_unknown_strategy(study):
    model = study.fit_best(DATA, strategy="smote", split=SPLIT)
    assert model.predict_proba(DATA.frame[list(study.features)]).shape == (len(DATA), 2)
    with pytest.raises(InputError, match="must be one that was compared"):
        study.prediction("tomek")
    assert (study.prediction() == study.prediction("none")).all()


def test_noise_stays_noise_whatever_the_strategy():
    noise = data_of(table(500, signal=0.0, seed=4))
    found = compare_imbalance(noise, "logistic", ["random_over", "smote"], mlt.split(noise, n_splits=3), n_resamples=60, n_jobs=1)
    assert ((found.table["roc_auc_lower"] < 0.55) & (found.table["roc_auc"] < 0.62)).all()
    assert found.advice.recommended == "none"


def test_tiny_minorities_warn_and_never_crash():
    frame = table(200, seed=1)
    frame["target"] = 0
    frame.loc[frame.index[::25], "target"] = 1  # eight positives
    tiny = data_of(frame)
    some = [n for n in named_strategies("all") if STRATEGIES[n].kind != "ensemble" and n != "isolation_forest"]
    found = compare_imbalance(tiny, "logistic", some, mlt.split(tiny, n_splits=2, test_size=0.2), n_resamples=20, n_jobs=1)
    assert any("below 10" in w for w in found.warnings) and any("n_repeats" in s for s in found.advice.sentences)
    assert not found.failed and list(found.table["strategy"]) == some
    assert found.table.set_index("strategy").loc["smote", "note"].count("lowered") >= 1


def test_what_cannot_run_is_left_out_with_a_reason():
    frame = table()[["a", "b", "target"]]
    numbers = data_of(frame)
    found = compare_imbalance(
        numbers, "knn", ["class_weight", "smotenc", "random_under"], mlt.split(numbers, n_splits=2), n_resamples=20, n_jobs=1
    )
    assert set(found.failed) == {"class_weight", "smotenc"} and len(found.warnings) >= 2
    assert list(found.table["strategy"]) == ["none", "random_under"] and "smotenc" in found.code


def test_several_classes():
    several = data_of(table(700, classes=3))
    found = compare_imbalance(several, "logistic", ["class_weight", "smote"], mlt.split(several, n_splits=3), n_resamples=30, n_jobs=1)
    assert found.task == "multiclass" and found.classes == ("common", "rare", "very rare")
    assert found.prediction("smote").shape == (len(found.oof), 3)
    for measure in MEASURES["multiclass"]:
        assert np.isfinite(found.table[measure]).all()
    assert set(found.per_class["label"]) == set(found.classes) and len(found.per_class) == 9
    assert set(found.class_counts["class"]) == set(found.classes) and "cost" not in found.table
    assert any("rarest class 'very rare'" in s for s in found.advice.sentences)
    recall = found.per_class.set_index(["strategy", "label"])["recall"]
    assert recall["class_weight", "very rare"] > recall["none", "very rare"]
    json.dumps(found.to_dict())


def test_costs_decide_when_given():
    found = compare_imbalance(
        DATA, "logistic", ["random_under"], SPLIT, cost_fn=5, alarm_budget=30, min_precision=0.3, n_resamples=30, n_jobs=1
    )
    assert found.costs_given and found.advice.measure == "cost" and found.cost_fn == 5.0
    assert np.isclose(found.alarm_budget, 30 / len(SPLIT.development))
    none = found.table.iloc[0]
    assert none["cost"] <= none["cost_at_half"] and 0 < none["threshold"] < 0.5


def test_an_own_estimator_a_store_and_repeats(tmp_path):
    repeated = mlt.split(DATA, n_splits=2, n_repeats=2)
    model = LogisticRegression(C=0.5)
    seen = []
    first = compare_imbalance(DATA, model, ["smote"], repeated, store=tmp_path / "fits.sqlite", n_resamples=20, n_jobs=1, watch=seen.append)
    assert len(first.oof) == 2 * len(repeated.development) and len(first.positives_per_fold) == 4
    assert len(seen) == 8 and set(seen[-1]["model"]) == {"none", "smote"} and "model" in first.code
    again = compare_imbalance(DATA, model, ["smote"], repeated, store=tmp_path / "fits.sqlite", n_resamples=20, n_jobs=1)
    pd.testing.assert_frame_equal(again.table, first.table)
    assert first.fit_best(DATA, model=model, strategy="smote", split=repeated).predict(DATA.frame[list(first.features)]).shape == (
        len(DATA),
    )


def test_racing_passes_through_and_dropped_strategies_are_shown():
    big = data_of(table(1500, seed=2))
    found = compare_imbalance(
        big, "logistic", ["class_weight", "random_over", "smote"], mlt.split(big, n_splits=4), race=True, n_resamples=20, n_jobs=1
    )
    dropped = found.table[found.table["state"] == "dropped"]
    assert len(dropped) and (dropped["folds"] < 4).all() and set(found.races["model"]) == set(dropped["strategy"])
    verdicts = found.advice.evidence.set_index("strategy")["verdict"]
    assert all(verdicts[name] == "unfinished" for name in dropped["strategy"])
    assert np.isfinite(dropped["log_loss_difference"]).all()


def test_bad_input_is_refused():
    for wrong, match in (({"cost_fp": 0}, "cost_fp"), ({"cost_fn": -1}, "cost_fn"), ({"min_precision": 2}, "min_precision"),
                         ({"model": "hgb+smote"}, "without a strategy"), ({"strategies": ["smite"]}, "Did you mean"),
                         ({"alarm_budget": 0}, "alarm_budget"), ({"drop": "nothing"}, "dropped column")):  # fmt: skip
        with pytest.raises(InputError, match=match):
            compare_imbalance(DATA, split=SPLIT, **wrong)
    number = table().assign(target=np.random.default_rng(0).normal(size=600))
    with pytest.raises(InputError, match="imbalance is about classes"):
        compare_imbalance(number, target="target")

    class Broken(LogisticRegression):
        def fit(self, X, y):
            raise ValueError("no")

    with pytest.raises(RunError):
        compare_imbalance(DATA, Broken(), ["smote"], SPLIT, n_jobs=1)


class _Patience(Cancel):
    "Says stop at the n-th look, and knows where it was looked at."

    def __init__(self, looks):
        super().__init__()
        self.left, self.places = looks, []

    def check(self):
        frame = sys._getframe(1)
        while frame.f_code.co_name == "heard" or frame.f_code.co_name.startswith("<"):  # a comprehension
            frame = frame.f_back
        self.places.append(frame.f_code.co_name)
        self.left -= 1
        if self.left < 0:
            self.cancel()
        super().check()


def test_everything_after_the_fits_hears_a_stop(tmp_path):
    keywords = {"n_resamples": 8, "n_jobs": 1, "progress": silent, "store": tmp_path / "fits.sqlite", "cost_fn": 8}
    whole = _Patience(10**9)
    study = compare_imbalance(DATA, "logistic", FEW, SPLIT, cancel=whole, **keywords)
    assert study.complete and study.to_dict() == compare_imbalance(DATA, "logistic", FEW, SPLIT, **keywords).to_dict()
    after = {"_priced", "measure_draws", "bootstrap_sums", "bootstrap_metric", "_all_counts", "_pictures", "_class_figures"}
    assert after <= set(whole.places)
    counted = _Patience(10**9)  # every fit is in the store now
    compare_imbalance(DATA, "logistic", FEW, SPLIT, cancel=counted, **keywords)
    for looks in np.linspace(0, len(counted.places) - 1, 9).astype(int):
        stopping = _Patience(looks)
        with pytest.raises(Cancelled):
            compare_imbalance(DATA, "logistic", FEW, SPLIT, cancel=stopping, **keywords)
        assert len(stopping.places) == looks + 1  # nothing went on after the stop


def test_recalibration_hears_a_stop():
    y, proba = scored()
    stopping = _Patience(2)
    with pytest.raises(Cancelled):
        recalibrated(y, proba, np.arange(400) % 5, cancel=stopping)
    assert len(stopping.places) == 3
