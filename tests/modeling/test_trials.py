"Judging configurations: equal to plain scikit-learn, raced honestly, prepared once, from the store, on any executor; failures and stops."

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling import fits, shared_bins, trials
from mltoolkit.modeling.candidates import make_pipeline_for
from mltoolkit.modeling.fit_store import FitStore
from mltoolkit.modeling.metrics import metric_of, row_losses
from mltoolkit.modeling.racing import beaten, behind
from mltoolkit.modeling.shared_bins import with_shared_bins
from mltoolkit.modeling.trials import FoldDone, Judge, Judged
from mltoolkit.modeling.validation import cross_validate_oof, prepared_data


def table(task="binary", n=400, seed=0):
    rng = np.random.default_rng(seed)
    x, z, c = rng.standard_normal(n), rng.standard_normal(n), rng.choice(list("abcd"), n)
    score = 1.5 * x + (c == "a") + 0.5 * rng.standard_normal(n)
    y = {"binary": score > 0.8, "multiclass": pd.cut(score, [-99, -1, 1, 99], labels=["low", "mid", "high"]).astype(str), "regression": score * 10}
    x[::17] = np.nan
    return Dataset(frame=pd.DataFrame({"x": x, "z": z, "c": c, "y": y[task]}), target="y")


DATA = table()
SPLIT = mlt.split(DATA, n_splits=4)
FITS = prepared_data(DATA, SPLIT, DATA.features)


def logistic(C, X=FITS.X):
    return make_pipeline_for("logistic", X).set_params(model__C=C)


def judged(pipelines, together=False, fit_data=FITS, split=SPLIT, data=DATA, **options):
    "(list of Judged, list of FoldDone, what `look(judge)` gave): one trial after another, or all at once."
    look = options.pop("look", lambda judge: None)
    ends, folds = [], []
    with Judge(fit_data, split, data, **options) as judge:
        waiting = list(enumerate(pipelines))
        while waiting or judge.running:
            while waiting and (together or not judge.running):
                judge.start(*waiting.pop(0))
            event = judge.next()
            (ends if isinstance(event, Judged) else folds).append(event)
        return ends, folds, look(judge)


@pytest.mark.parametrize(("task", "name"), [("binary", "hgb"), ("multiclass", "logistic"), ("regression", "hgb"), ("binary", "hgb+smote")])
def test_predictions_are_those_of_plain_scikit_learn(task, name):
    data = table(task)
    split = mlt.split(data, n_splits=3)
    fit_data = prepared_data(data, split, data.features)
    pipeline = make_pipeline_for(name, fit_data.X, task=task)
    if "hgb" in name:
        pipeline.set_params(model__max_iter=15)
    (end,), _, oof = judged([clone(pipeline)], fit_data=fit_data, split=split, data=data, look=lambda j: j.oof([0]))
    losses = []
    for k, (train, valid) in enumerate(fit_data.folds, 1):
        plain = clone(pipeline).fit(fit_data.X.iloc[train], fit_data.y[train])
        expected = fits.predict(plain, fit_data.X.iloc[valid], task, fit_data.n_classes)
        part = oof[oof["fold"] == k]
        found = part[[c for c in oof if c.startswith("t0")]].to_numpy().squeeze()
        assert np.array_equal(found, expected.squeeze())
        losses.append(row_losses(fit_data.y[valid], expected, None, task))
    metric = metric_of(None, task)
    assert end.state == "done" and end.folds == 3
    assert end.score == pytest.approx(metric.from_mean(np.concatenate(losses).mean()), abs=1e-12) and end.value == end.score


def test_a_clear_loser_is_dropped_and_its_value_is_the_leaders_plus_the_paired_gap():
    ends, folds, oof = judged([logistic(1.0), logistic(1e-6), logistic(2.0)], look=lambda j: j.oof([0, 1]))
    good, bad, other = ends
    assert (good.state, bad.state, other.state) == ("done", "dropped", "done")
    assert bad.folds == 1 and bad.leader == 0 and bad.z > 3 and "behind trial 0" in bad.reason
    seen = oof[oof["t1"].notna()]
    own, best = (row_losses(seen["y"], seen[t].to_numpy()) for t in ("t1", "t0"))
    assert bad.score == pytest.approx(good.score + (own - best).mean(), abs=1e-12)
    assert [e.dropped for e in folds if e.trial == 1] == [True] and bad.rungs[0]["leader_loss"] == pytest.approx(best.mean())


def test_without_racing_all_folds_are_run():
    ends, folds, _ = judged([logistic(1.0), logistic(1e-6)], z=None)
    assert [e.state for e in ends] == ["done", "done"] and len(folds) == 8


def test_the_folds_with_most_training_rows_come_first():
    frame = DATA.frame.assign(day=pd.date_range("2024-01-01", periods=len(DATA), freq="D"))
    data = Dataset(frame=frame, target="y", time="day")
    split = mlt.split(data, n_splits=3)
    _, folds, _ = judged([logistic(1.0)], fit_data=prepared_data(data, split, ["x", "z", "c"]), split=split, data=data)
    assert [e.fold for e in folds] == [3, 2, 1] and sorted((e.n_train for e in folds), reverse=True) == [e.n_train for e in folds]


def test_one_rule_for_comparisons_and_trials():
    rng = np.random.default_rng(0)
    best, day = 0.3 + 0.1 * rng.random(600), np.repeat(np.arange(30), 20)
    bad = best + 0.2 + 0.1 * rng.standard_normal(600)
    stand = behind(bad, best, day)
    (row,) = beaten({"best": best, "fair": best + 1e-3 * rng.standard_normal(600), "bad": bad}, day)
    assert stand["beaten"] and row["gap"] in (stand["gap"], pytest.approx(stand["gap"], abs=1e-3))
    assert not behind(best, bad, day)["beaten"] and not behind(bad, best, day, z=None)["beaten"]
    assert behind(best, best, day)["z"] == 0 and not behind(bad, best, np.zeros(600))["beaten"]


def test_columns_are_prepared_once_a_fold(monkeypatch):
    calls = []
    monkeypatch.setattr(trials, "fit_prefix", lambda *a, **k: calls.append(a[1]) or fits.fit_prefix(*a, **k))
    _, folds, _ = judged([logistic(1.0), logistic(0.5), logistic(0.1)], z=None)
    assert sorted(calls) == [1, 2, 3, 4] and len(folds) == 12
    calls.clear()
    judged([logistic(1.0), logistic(0.5)], z=None, kept_bytes=0)
    assert len(calls) == 8  # nothing can be kept, so everything is made again


def test_nothing_is_fitted_twice(tmp_path, monkeypatch):
    pipelines = [logistic(1.0), logistic(0.5), logistic(1.0)]
    with FitStore(tmp_path / "fits.sqlite") as store:
        first = judged(pipelines, store=store, z=None, look=lambda j: j.oof([0, 1]))
    assert [e.reused for e in first[1]] == [False] * 8 + [True] * 4
    assert first[0][0].score == first[0][2].score and sum(e.spent_cpu for e in first[1][8:]) == 0
    monkeypatch.setattr(trials, "judge_fold", None)
    with Judge(FITS, SPLIT, DATA, store=tmp_path / "fits.sqlite") as judge:
        ends = [judge.adopt(n, p) for n, p in enumerate(pipelines[:2])]
        assert [e.score for e in ends] == [e.score for e in first[0][:2]]
        assert judge.leader[0] == min(ends, key=lambda e: e.value).trial
        pd.testing.assert_frame_equal(judge.oof([0, 1]), first[2])
        assert judge.adopt(9, logistic(0.123)).state == "stopped" and judge.next() is None


def test_the_store_is_shared_with_a_comparison():
    store = FitStore()
    found = cross_validate_oof(DATA, {"one": logistic(1.0)}, SPLIT, store=store, progress=lambda *a: None)
    (end,), folds, oof = judged([logistic(1.0)], store=store, look=lambda j: j.oof([0]))
    assert all(e.reused for e in folds) and np.array_equal(oof["t0"], found.predictions["one"])
    assert len(store) == 4 and end.cpu_seconds == pytest.approx(found.fits["cpu_seconds"].sum())


@pytest.mark.parametrize("options", [{"executor": "processes", "n_jobs": 2}, {"executor": "threads", "n_jobs": 2}, {"cancel": Cancel()}])
def test_the_same_on_every_executor(options):
    pipelines = [logistic(C) for C in (1.0, 0.1, 10.0)]
    here, _, mine = judged(pipelines, z=None, look=lambda j: j.oof([0, 1, 2]))
    there, folds, oof = judged(pipelines, together=True, z=None, look=lambda j: j.oof([0, 1, 2]), **options)
    pd.testing.assert_frame_equal(oof, mine)
    assert {e.trial: e.score for e in here} == {e.trial: e.score for e in there}
    assert sum(e.spent_cpu for e in folds) > 0


class Fails(ClassifierMixin, BaseEstimator):
    def __init__(self, how="raise"):
        self.how = how

    def fit(self, X, y):
        if self.how == "raise":
            raise ValueError("too few rows")
        time.sleep(1.5 if self.how == "slow" else 0)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), np.nan if self.how == "nan" else 0.5)


def test_a_failing_configuration_has_a_reason_and_the_others_go_on():
    ends, _, _ = judged([make_pipeline(Fails()), make_pipeline(Fails("nan")), logistic(1.0)])
    assert [e.state for e in ends] == ["failed", "failed", "done"]
    assert "too few rows" in ends[0].reason and "missing or infinite" in ends[1].reason and np.isnan(ends[0].score)
    broken = make_pipeline_for("logistic", FITS.X).set_params(columns__numbers="no transformer")
    assert judged([broken, logistic(1.0)])[0][0].state == "failed"


def test_a_stop_is_heard_while_a_fit_runs():
    cancel = Cancel()
    with pytest.raises(Cancelled), Judge(FITS, SPLIT, DATA, cancel=cancel) as judge:
        judge.start(0, make_pipeline(Fails("slow")))
        assert judge.next(timeout=0.1) is None
        began = time.monotonic()
        cancel.cancel()
        judge.next()
    assert time.monotonic() - began < 0.3


def test_a_trial_can_be_stopped_between_folds():
    with Judge(FITS, SPLIT, DATA) as judge:
        judge.start(0, logistic(1.0))
        assert isinstance(judge.next(), FoldDone) and judge.expected(0) > 0
        judge.stop(0, "the budget is spent")
        end = judge.next()
        assert (end.state, end.folds, end.reason) == ("stopped", 1, "the budget is spent") and judge.next() is None
        with pytest.raises(InputError, match="started once"):
            judge.start(0, logistic(1.0))


def test_a_part_of_the_rows_goes_first_and_drops_only_who_is_clearly_behind():
    ends, folds, oof = judged([logistic(1.0), logistic(1e-6), logistic(1.2)], subsample=0.25, look=lambda j: j.oof([0]))
    assert [e.rung for e in folds if e.trial == 0] == [0, 1, 2, 3, 4] and folds[0].n_train == len(FITS.folds[folds[1].fold - 1][0]) // 4
    assert (ends[1].state, ends[1].folds, ends[1].losses) == ("dropped", 0, ()) and "rows of the first fold" in ends[1].reason
    assert ends[1].value > ends[0].value and ends[2].state == "done" and len(ends[0].losses) == 4 and oof["t0"].notna().all()
    plain = judged([logistic(1.0)])[0][0]
    assert plain.score == ends[0].score
    with pytest.raises(InputError, match="subsample"):
        Judge(FITS, SPLIT, DATA, subsample=2)


@pytest.mark.parametrize("scoring", ["roc_auc", "accuracy", "average_precision"])
def test_scores_where_higher_is_better(scoring):
    ends, _, oof = judged([logistic(1.0), logistic(1e-6)], metric=scoring, look=lambda j: j.oof([0]))
    metric = metric_of(scoring)
    from mltoolkit.modeling.metrics import Evaluator

    assert ends[0].score == pytest.approx(Evaluator(oof["y"], oof["t0"])(metric)) and ends[0].value == -ends[0].score
    assert ends[1].state in ("dropped", "done") and np.isfinite(ends[1].score)


def test_the_size_of_the_fitted_pipeline_only_when_asked():
    small, large = (make_pipeline_for("hgb", FITS.X).set_params(model__max_iter=n) for n in (2, 60))
    assert np.isnan(judged([small])[0][0].size)
    ends, _, _ = judged([small, large], size=True, z=None)
    assert 1_000 < ends[0].size < ends[1].size and ends[1].n_iter == 60 and ends[0].predict_seconds > 0


@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "max_iter": 30}, {"class_weight": "balanced", "max_leaf_nodes": 7}])
def test_shared_bins_change_nothing(options):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.standard_normal((500, 3)), rng.integers(0, 5, 500)])
    X[::7, 1] = np.nan
    y = (X[:, 0] + rng.standard_normal(500) > 1).astype(int)
    for rate in (0.05, 0.3):
        plain = HistGradientBoostingClassifier(learning_rate=rate, random_state=0, categorical_features=[3], max_iter=10).set_params(**options)
        shared = make_pipeline(with_shared_bins(clone(plain)))
        assert np.array_equal(plain.fit(X, y).predict_proba(X), shared.fit(X, y).predict_proba(X))
    number = HistGradientBoostingRegressor(max_iter=5).fit(X, X[:, 0])
    assert np.array_equal(number.predict(X), with_shared_bins(HistGradientBoostingRegressor(max_iter=5)).fit(X, X[:, 0]).predict(X))
    assert with_shared_bins(LogisticRegression()).__class__ is LogisticRegression


def test_bins_are_kept_up_to_a_number_of_bytes(monkeypatch):
    monkeypatch.setattr(shared_bins, "CACHE_BYTES", 2_000)
    for seed in range(4):
        X = np.random.default_rng(seed).standard_normal((300, 3))
        with_shared_bins(HistGradientBoostingRegressor(max_iter=1)).fit(X, X[:, 0])
    assert len(shared_bins._kept) <= 2


def test_threads_are_as_before_when_the_judge_is_closed():
    before = {(i["filepath"], i["num_threads"]) for i in threadpool_info()}
    with Judge(FITS, SPLIT, DATA) as judge:
        judge.start(0, logistic(1.0))
        judge.next()
        assert all(i["num_threads"] == 1 for i in threadpool_info())
    assert before <= {(i["filepath"], i["num_threads"]) for i in threadpool_info()}


def test_the_same_trials_give_the_same_reports():
    runs = [judged([logistic(C) for C in (1.0, 1e-6, 0.3)]) for _ in range(2)]
    told = [[(e.trial, e.state, e.value, e.losses, e.gap, e.z) for e in ends] for ends, _, _ in runs]
    assert repr(told[0]) == repr(told[1])


def test_what_is_left_decides_how_sure_one_must_be():
    rng = np.random.default_rng(0)
    best = rng.random(200)
    own = best + 0.1 + rng.standard_normal(200)
    usual, half = behind(own, best, np.arange(200)), behind(own, best, np.arange(200), left=0.25)
    assert half["standard_error"] == pytest.approx(usual["standard_error"] / 2) and half["z"] == pytest.approx(2 * usual["z"])
    assert half["difference"] == usual["difference"]


def test_the_rule_for_what_is_left_is_right_about_the_end():
    "Of two equal candidates each is ahead at the end half of the time; who is `z` behind comes back as often as a normal variable says."
    rng, z, back, dropped = np.random.default_rng(1), 1.0, 0, 0
    for _ in range(600):
        own, best = rng.random((2, 100))
        stand = behind(own[:40], best[:40], np.arange(40), z=z, left=0.6)
        if stand["beaten"]:
            dropped += 1
            back += own.mean() < best.mean()
    assert dropped > 50 and back / dropped < 0.2  # a normal variable is beyond one deviation in 16 % of cases, and these are at least there


def test_a_trial_that_ran_all_folds_is_done_however_far_behind():
    ends, folds, _ = judged([logistic(1.0), logistic(0.05)], z=1e-9)
    assert all(not e.dropped for e in folds if e.rung == 4)
    with Judge(FITS, SPLIT, DATA, z=2.0) as judge:
        judge.z = None
        for n, C in enumerate((1.0, 1e-6)):
            judge.start(n, logistic(C))
        while (event := judge.next()) is not None:
            last = event
    assert last.state == "done" and last.folds == 4
