"Out-of-fold validation: equal to plain scikit-learn, the same on any executor, racing, budgets, stops, failures, killed processes."

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder
from threadpoolctl import threadpool_info

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result, RunError
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling import fits, validation
from mltoolkit.modeling.candidates import available_models, make_pipeline_for
from mltoolkit.modeling.executors import Processes, open_executor
from mltoolkit.modeling.fit_store import FitStore
from mltoolkit.modeling.metrics import row_losses
from mltoolkit.modeling.racing import Board, beaten, checked_z, clustered_gap
from mltoolkit.modeling.validation import cross_validate_oof

TIMES = ["fit_seconds", "predict_seconds", "cpu_seconds", "memory", "seconds"]


def table(task="binary", n=360, seed=0):
    rng = np.random.default_rng(seed)
    x, z, c = rng.standard_normal(n), rng.standard_normal(n), rng.choice(list("abcd"), n)
    score = 1.5 * x + (c == "a") + 0.5 * rng.standard_normal(n)
    y = {"binary": score > 0.8, "multiclass": pd.cut(score, [-99, -1, 1, 99], labels=["low", "mid", "high"]).astype(str), "regression": score * 10}[task]
    x[::17] = np.nan
    return Dataset(frame=pd.DataFrame({"x": x, "z": z, "c": c, "y": y}), target="y")


def folds_of(data, **more):
    return mlt.split(data, n_splits=3, **more)


def quiet(data, models, split=None, **more):
    return cross_validate_oof(data, models, split or folds_of(data), progress=lambda share, note="": None, **more)


def by_hand(data, model, split, task):
    parts, features = [], data.features
    y = data.y.to_numpy()
    for train, valid in split.folds:
        pipeline = make_pipeline_for(model, data.frame[features], task=task)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipeline.fit(data.frame[features].iloc[train], y[train])
            parts.append(fits.predict(pipeline, data.frame[features].iloc[valid], task, len(data.classes) or 2))
    return np.concatenate(parts)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_equal_to_plain_scikit_learn_for_every_estimator(task):
    data = table(task, n=200)
    split = mlt.split(data, n_splits=2)
    slow = ("hgb_early", "easy_ensemble", "rus_boost", *(("random_forest", "balanced_forest", "xgboost") if task == "multiclass" else ()))
    names = [n for n in available_models(task) if n not in slow]
    found = quiet(data, names, split, n_jobs=1)
    assert not found.failed and found.complete and set(found.states.values()) == {"done"}
    for name in names:
        np.testing.assert_allclose(found.prediction(name), by_hand(data, name, split, task), rtol=0, atol=1e-12, err_msg=name)


class Careless(ClassifierMixin, BaseEstimator):
    "Writes into the array it is given."

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.mean_ = float(np.mean(X))
        X *= 0
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-X[:, 0] - self.mean_))
        return np.column_stack([1 - p, p])


def own_pipelines():
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["c"]), (StandardScaler(), ["z"]), sparse_threshold=1.0)
    tidy = make_column_transformer((TargetEncoder(random_state=0), ["c"]), (StandardScaler(), ["z"]), verbose_feature_names_out=False)
    tidy.set_output(transform="pandas")
    return {
        "sparse": make_pipeline(encode, LogisticRegression()),
        "pandas": make_pipeline(tidy, SelectKBest(k=1), HistGradientBoostingClassifier(max_iter=10)),
        "careless": make_pipeline(clone(tidy).set_output(transform="default"), Careless()),
        "after": make_pipeline(clone(tidy).set_output(transform="default"), LogisticRegression()),
        "nested": make_pipeline(make_pipeline(encode), CalibratedClassifierCV(LogisticRegression(), cv=2)),
        "cached": make_pipeline(clone(encode), LogisticRegression(), memory=None),
        "bare": LogisticRegression(),
    }


@pytest.mark.parametrize("options", [{"n_jobs": 1}, {"executor": "processes", "n_jobs": 2}])
def test_own_pipelines_give_what_they_give_alone(options):
    data = table(n=200)
    split, own = mlt.split(data, n_splits=2), own_pipelines()
    found = quiet(data, {**own, "hgb": "hgb", "hgb+smote": "hgb+smote"}, split, **options)
    assert not found.failed
    for name in found.models:
        np.testing.assert_allclose(found.prediction(name), by_hand(data, own.get(name, name), split, "binary"), rtol=0, atol=1e-12, err_msg=name)


class Counting(TransformerMixin, BaseEstimator):
    fitted = 0

    def fit(self, X, y=None):
        type(self).fitted += 1
        return self

    def transform(self, X):
        return X[["x", "z"]].fillna(0.0).to_numpy()


def test_a_shared_prefix_is_fitted_once_a_fold():
    models = {f"c{c}": make_pipeline(Counting(), StandardScaler(), LogisticRegression(C=c)) for c in (0.1, 1.0, 10.0)}
    models["other"] = make_pipeline(Counting(), StandardScaler(with_mean=False), LogisticRegression())
    Counting.fitted = 0
    quiet(table(), models, n_jobs=1)
    assert Counting.fitted == 3 * 2


def test_what_a_fit_tells():
    data = table()
    found = quiet(data, ["dummy", "logistic", "hgb"], n_jobs=1)
    assert list(found.fits.columns[:3]) == ["model", "fold", "train_rows"] and len(found.fits) == 9
    hgb = found.fits[found.fits["model"] == "hgb"]
    assert (hgb["n_iter"] == 100).all() and (hgb["cpu_seconds"] > 0).all() and (hgb["fit_seconds"] > 0).all()
    assert (hgb["train_score"] < hgb["loss"]).all()  # it has seen those rows
    part = found.predictions[found.predictions["fold"] == 2]
    assert hgb["loss"].iloc[1] == pytest.approx(row_losses(part["y"], part["hgb"]).mean(), abs=1e-15)
    assert (found.fits["memory"].isna() | (found.fits["memory"] >= 0)).all()
    assert quiet(data, "dummy", train_score=False).fits["train_score"].isna().all()


def test_memory_is_the_peak_of_the_fit():
    before = fits.Meter()
    if before.memory != before.memory:
        pytest.skip("this system does not tell a process its peak")
    held = np.ones(8_000_000)
    del held
    assert 50e6 < before.memory < 80e6 and fits.Meter(alone=False).memory != fits.Meter(alone=False).memory


def test_one_thread_inside_and_as_before_outside():
    before = threadpool_info()
    with fits.one_thread() as caught:
        assert all(pool["num_threads"] == 1 for pool in threadpool_info())
        with fits.one_thread() as inner:
            warnings.warn("seen", UserWarning, stacklevel=1)
            warnings.warn("unimportant", FutureWarning, stacklevel=1)
    assert threadpool_info() == before and inner == ["UserWarning: seen"] and caught == []


def test_inner_jobs_are_one():
    forest = make_pipeline(make_column_transformer((StandardScaler(), ["x"]), n_jobs=2), RandomForestClassifier(5, n_jobs=-1))
    assert {v for k, v in fits.single_threaded(forest).get_params().items() if k.endswith("n_jobs")} == {1}


# ---------------------------------------------------------------- the same everywhere


@pytest.mark.parametrize("options", [{"executor": "processes", "n_jobs": 2}, {"executor": "threads", "n_jobs": 3}])
@pytest.mark.parametrize("race", [False, 1.0])
def test_the_executor_does_not_change_a_digit(options, race):
    data = table()
    split, models = folds_of(data), ["dummy", "logistic", "hgb", "decision_tree", "naive_bayes"]
    one, other = quiet(data, models, split, race=race, n_jobs=1), quiet(data, models, split, race=race, **options)
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)
    pd.testing.assert_frame_equal(one.fits.drop(columns=TIMES), other.fits.drop(columns=TIMES), check_exact=True)
    pd.testing.assert_frame_equal(one.races, other.races, check_exact=True)
    assert one.states == other.states and (len(one.races) > 0) == bool(race)


class Mortal(LogisticRegression):
    "Kills its process the first time, or every time."

    def __init__(self, marker="", C=1.0):
        super().__init__(C=C)
        self.marker = marker

    def fit(self, X, y, sample_weight=None):
        if not self.marker or not os.path.exists(self.marker):
            if self.marker:
                open(self.marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)


def test_a_killed_process_costs_time_and_what_always_kills_its_process_is_named(tmp_path):
    data = table(n=200)
    models = {"a": LogisticRegression(), "mortal": Mortal(str(tmp_path / "marker")), "deadly": Mortal(), "b": GaussianNB()}
    found = quiet(data, models, executor="processes", n_jobs=2)
    assert list(found.failed) == ["deadly"] and "process was ended again and again" in found.failed["deadly"]
    assert found.states == {"a": "done", "mortal": "done", "deadly": "failed", "b": "done"}
    del models["deadly"]
    again = quiet(data, models, n_jobs=1)
    pd.testing.assert_frame_equal(found.predictions.drop(columns="deadly"), again.predictions, check_exact=True)


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    quiet(table(), ["logistic", "hgb"], executor="processes", n_jobs=2)
    assert not list(tmp_path.glob("mltoolkit-fits-*"))


# ---------------------------------------------------------------- store and resume


def test_the_second_time_nothing_is_fitted(tmp_path, monkeypatch):
    data, path = table(), tmp_path / "fits.sqlite"
    split, models = folds_of(data), {"logistic": "logistic", "tree": "decision_tree"}
    first = quiet(data, models, split, store=path, race=3)
    monkeypatch.setattr(validation, "open_executor", lambda **_: pytest.fail("something was fitted"))
    again = quiet(data, models, split, store=path, race=3)
    pd.testing.assert_frame_equal(first.fits, again.fits, check_exact=True)  # times too
    pd.testing.assert_frame_equal(first.predictions, again.predictions, check_exact=True)
    renamed = quiet(data, {"other name": "logistic"}, split, store=path)
    assert (renamed.predictions["other name"] == first.predictions["logistic"]).all()


@pytest.mark.parametrize("change", ["data", "target", "split", "seed", "drop", "model"])
def test_anything_else_is_fitted_anew(tmp_path, change):
    data, seen = table(), []
    with FitStore(tmp_path / "f.sqlite") as store:
        quiet(data, ["decision_tree"], store=store)
        model, more, split = ["decision_tree"], {}, None
        if change == "data":
            data = data.with_frame(data.frame.assign(z=data.frame["z"] + 1e-9))
        if change == "target":
            data = data.with_frame(data.frame.assign(y=np.where(np.arange(len(data)) == folds_of(data).development[0], ~data.frame["y"], data.frame["y"])))
        if change == "split":
            split = folds_of(data, random_state=1)
        if change == "seed":
            more = {"random_state": 1}
        if change == "drop":
            more = {"drop": ["z"]}
        if change == "model":
            model = ["hgb"]
        quiet(data, model, split, store=store, on_fit=lambda record, board: seen.append(board.reused), **more)
        assert seen[-1] == 0 and len(store) == 6


def test_locked_rows_are_no_part_of_the_key(tmp_path):
    data = table()
    split = folds_of(data)
    frame = data.frame.copy()
    frame.loc[split.test, "z"] = 99.0
    seen = []
    with FitStore() as store:
        quiet(data, ["logistic"], split, store=store)
        quiet(data.with_frame(frame), ["logistic"], split, store=store, on_fit=lambda r, board: seen.append(board.reused))
    assert seen == [1, 2, 3]


def test_what_cannot_be_described_is_fitted_and_said():
    class Odd(LogisticRegression):
        def __init__(self, what=None):
            super().__init__()
            self.what = what

    with FitStore() as store:
        found = quiet(table(), {"odd": Odd(what=iter([1]))}, store=store, n_jobs=1)
        assert len(store) == 0 and "not stored: list_iterator" in found.notes["odd"]


SCRIPT = """
import sys, time, numpy as np
sys.path.insert(0, {folder!r})
from test_validation import Slow, folds_of, quiet, table
if __name__ == "__main__":
    data = table()
    models = {{"dummy": "dummy", "a": Slow(C=1.0), "b": Slow(C=0.1), "bad": Slow(C=1e-6), "hgb": "hgb"}}
    quiet(data, models, store={path!r}, race=3, on_fit=lambda record, board: print(record.model, flush=True), {options})
"""


class Slow(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        time.sleep(0.05)
        return super().fit(X, y)


@pytest.mark.parametrize("options", ["n_jobs=1", "executor='processes', n_jobs=2"])
def test_kill_9_loses_one_fit_at_most(tmp_path, options):
    path = str(tmp_path / "fits.sqlite")
    script = tmp_path / "go.py"
    script.write_text(SCRIPT.format(folder=os.path.dirname(__file__), path=path, options=options))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    for _ in range(5):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told = 5 + len(process.stdout.read().split())
    process.wait()
    models = {"dummy": "dummy", "a": Slow(C=1.0), "b": Slow(C=0.1), "bad": Slow(C=1e-6), "hgb": "hgb"}
    data, seen = table(), []
    with FitStore(path) as store:
        keys = store.keys()
        kept = {key: store.get(key) for key in keys}
        assert told <= len(kept) < 15
        resumed = quiet(data, models, store=store, race=3, n_jobs=1, on_fit=lambda record, board: seen.append(record.key))
        assert set(kept) <= set(seen)
        assert all(store.get(key).fit_seconds == record.fit_seconds for key, record in kept.items())
    whole = quiet(data, models, race=3, n_jobs=1)
    pd.testing.assert_frame_equal(whole.predictions, resumed.predictions, check_exact=True)
    pd.testing.assert_frame_equal(whole.races, resumed.races, check_exact=True)


# ---------------------------------------------------------------- racing


def test_the_gap_of_single_rows_is_the_usual_standard_error():
    a, b = np.random.default_rng(0).random((2, 200))
    gap, error, n = clustered_gap(a, b, np.arange(200))
    assert (gap, n) == (pytest.approx((a - b).mean()), 200) and error == pytest.approx((a - b).std(ddof=1) / np.sqrt(200))


def test_the_clustered_error_has_its_size():
    rng, wrong = np.random.default_rng(1), {"rows": 0, "days": 0}
    day = np.repeat(np.arange(60), 20)
    for _ in range(400):
        losses = rng.standard_normal(60)[day] + rng.standard_normal(1200)
        for name, blocks in (("rows", np.arange(1200)), ("days", day)):
            gap, error, _ = clustered_gap(losses, np.zeros(1200), blocks)
            wrong[name] += abs(gap) > 1.96 * error
    assert wrong["rows"] / 400 > 0.4 and 0.025 < wrong["days"] / 400 < 0.085


def losses_of(**means):
    base = np.random.default_rng(0).random(400)
    noise = np.random.default_rng(1)
    return {name: base + mean + 0.05 * noise.standard_normal(400) for name, mean in means.items()}


def test_who_is_dropped():
    rows = np.arange(400)
    losses = losses_of(best=0.0, near=0.002, far=0.1, farther=0.2, dummy=0.5)
    found = beaten(losses, rows, keep=("dummy",))
    assert [row["model"] for row in found] == ["farther", "far"] and {row["leader"] for row in found} == {"best"}
    assert all(row["gap"] > 3 * row["standard_error"] and row["z"] > 3 for row in found)
    assert [row["model"] for row in beaten(losses, rows)] == ["dummy", "farther", "far"]
    assert beaten(losses, np.arange(400) % 4) == []  # four blocks tell nothing
    assert beaten(losses_of(one=0.0, far=0.5), rows) == []  # the last two stay
    assert [r["model"] for r in beaten(losses_of(a=0.0, far=0.5, farther=0.6), rows)] == ["farther"]
    twins = losses_of(a=0.0)["a"]
    assert beaten({"a": twins, "b": twins, "c": twins, "d": twins.copy()}, rows) == []


def test_a_few_enormous_losses_do_not_protect():
    losses, rows = losses_of(best=0.0, near=0.001, spiky=0.05, lucky=0.0), np.arange(400)
    losses["spiky"][:3] = 36.0  # certain, and wrong
    losses["lucky"][:2] = 36.0  # as good as the best, but for two rows: that may be chance
    gap, error, _ = clustered_gap(losses["spiky"], losses["best"], rows)
    assert gap < 3 * error and [row["model"] for row in beaten(losses, rows)] == ["spiky"]


@pytest.mark.parametrize(("race", "z"), [(False, None), (None, None), (True, 3.0), ("auto", 3.0), (2, 2.0)])
def test_z(race, z):
    assert checked_z(race) == z


@pytest.mark.parametrize("race", [-1, "yes", 0.0])
def test_bad_z(race):
    with pytest.raises(InputError, match="`race`"):
        checked_z(race)


@pytest.fixture(scope="module")
def timed():
    data = table(n=900, seed=3)
    return data.with_frame(data.frame.assign(t=pd.date_range("2020-01-01", periods=900, freq="6h"))).replace(time="t")


BAD = {"dummy": "dummy", "good": "logistic", "hgb": "hgb", "noise": make_pipeline(make_column_transformer((StandardScaler(), ["z"])), GaussianNB())}


def test_racing_drops_the_bad_and_keeps_the_rest_as_they_are(timed):
    split = folds_of(timed)
    all_of_it, raced = quiet(timed, BAD, split, n_jobs=1), quiet(timed, BAD, split, race=True, n_jobs=1)
    row = raced.races.set_index("model").loc["noise"]
    assert row["dropped_after"] == 1 and row["folds"] == "3" and row["gap"] > 3 * row["standard_error"]  # largest training fold first
    assert raced.states == {"dummy": "done", "good": "done", "hgb": "done", "noise": "dropped"}
    for name in ("dummy", "good", "hgb"):
        assert (raced.prediction(name) == all_of_it.prediction(name)).all()
    seen = raced.predictions.groupby("fold")["noise"].apply(lambda s: s.notna().all())
    assert seen.tolist() == [False, False, True] and len(raced.fits) == 4 * 3 - 2 and raced.complete
    assert "z = 3" in raced.race_note


def test_a_race_needs_losses_of_rows(timed):
    auto = quiet(timed, BAD, race="auto", scoring="roc_auc", n_jobs=1)
    assert auto.races.empty and "no mean over rows" in auto.race_note
    asked = quiet(timed, BAD, race=True, scoring="roc_auc", n_jobs=1)
    assert list(asked.races["model"]) == ["noise"] and "as ROC AUC is no mean over rows" in asked.race_note
    assert list(quiet(timed, BAD, race="auto", scoring="neg_brier_score", n_jobs=1).races["model"]) == ["noise"]


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_race_too(task):
    data = table(task, n=600)
    noise = make_column_transformer((StandardScaler(), ["z"]))
    models = {"dummy": "dummy", "good": "hgb", "fair": "logistic" if task == "multiclass" else "ridge",
              "noise": make_pipeline(noise, LogisticRegression()) if task == "multiclass" else make_pipeline(noise, PCA(1), mlt_ridge())}  # fmt: skip
    found = quiet(data, models, race=True, n_jobs=1)
    assert list(found.races["model"]) == ["noise"] and found.task == task
    assert found.prediction("good").shape == ((len(found.predictions), 3) if task == "multiclass" else (len(found.predictions),))


def mlt_ridge():
    from sklearn.linear_model import Ridge

    return Ridge()


# ---------------------------------------------------------------- budgets, stops, failures


def test_a_budget_keeps_what_is_done(tmp_path, monkeypatch):
    data, models = table(), {"a": Slow(C=1.0), "b": Slow(C=0.1)}
    nothing = quiet(data, models, budget_s=0)
    assert not nothing.complete and nothing.states == {"a": "stopped", "b": "stopped"} and nothing.fits.empty
    clock = [0.0]
    monkeypatch.setattr(validation, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def later(record, board):
        clock[0] += 1

    part = quiet(data, models, budget_s=2.5, store=tmp_path / "f.sqlite", n_jobs=1, on_fit=later)
    assert len(part.fits) == 3 and not part.complete and "complete=False" in repr(part)
    assert part.predictions["a"].notna().any()
    found = quiet(data, models, budget_s=60, store=tmp_path / "f.sqlite", n_jobs=1)
    assert found.complete and found.fits.merge(part.fits, on=["model", "fold", "fit_seconds"]).shape[0] == len(part.fits)


@pytest.mark.parametrize("options", [{"n_jobs": 1}, {"executor": "processes", "n_jobs": 2}, {"executor": "threads", "n_jobs": 2}])
def test_a_stop_is_heard(options):
    import threading

    open_executor("processes", n_jobs=2).close()  # processes are there already
    token, seen = Cancel(), []
    models = {f"m{i}": Slow(C=float(i)) for i in range(1, 30)}

    def later(record, board):
        if not seen:
            threading.Timer(0.02, lambda: (seen.append(time.perf_counter()), token.cancel())).start()
            seen.append(0)

    with FitStore() as store:
        with pytest.raises(Cancelled):
            quiet(table(), models, cancel=token, on_fit=later, store=store, **options)
        assert time.perf_counter() - seen[-1] < 0.3 and 1 <= len(store) < 60


class Broken(LogisticRegression):
    def __init__(self, on=None):
        super().__init__()
        self.on = on

    def fit(self, X, y, sample_weight=None):
        if self.on is None or len(X) == self.on:
            raise ValueError("it hurts\nhere")
        return super().fit(X, y)


class Wild(LogisticRegression):
    value = np.nan

    def predict_proba(self, X):
        return super().predict_proba(X) * self.value


class Wilder(Wild):
    value = 3.0


def test_a_failure_has_a_reason_and_the_others_go_on(timed):
    sizes = [len(train) for train, _ in folds_of(timed).folds]
    models = {"good": LogisticRegression(), "late": Broken(on=sizes[0]), "always": Broken(), "nan": Wild(), "wide": Wilder()}
    seen = []
    found = quiet(timed, models, race=3, n_jobs=1, on_fit=lambda record, board: seen.append((record.model, record.error)))
    assert found.failed["always"] == found.failed["late"] == "ValueError: it hurts"
    assert "missing or infinite" in found.failed["nan"] and "below 0 or above 1" in found.failed["wide"]
    assert found.predictions[["late", "always", "nan", "wide"]].isna().all(axis=None) and found.predictions["good"].notna().all()
    assert sum(name == "always" for name, _ in seen) == 1 and found.complete
    assert (found.fits.loc[found.fits["model"] == "always", "error"] == "ValueError: it hurts").all()
    assert set(found.failed) == {"late", "always", "nan", "wide"}


def test_a_broken_preparation_fails_all_that_need_it():
    encode = make_column_transformer((StandardScaler(), ["no such column"]))
    found = quiet(table(), {"good": "logistic", "a": make_pipeline(encode, GaussianNB()), "b": make_pipeline(clone(encode), LogisticRegression())})
    assert set(found.failed) == {"a", "b"} and "no such column" in found.failed["a"]


def test_all_failing_is_an_error():
    with pytest.raises(RunError, match="'bad' must be able to learn from fold 1, got ValueError: it hurts"):
        quiet(table(), {"bad": Broken()})


def test_failures_do_not_depend_on_the_executor(timed):
    sizes = [len(train) for train, _ in folds_of(timed).folds]
    models = {"good": LogisticRegression(), "late": Broken(on=sizes[1]), "nan": Wild(), "hgb": "hgb"}
    one, two = quiet(timed, models, n_jobs=1), quiet(timed, models, executor="threads", n_jobs=2)
    assert one.failed == two.failed and one.states == two.states
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)


def test_a_class_that_a_fold_does_not_have():
    data = table("multiclass", n=300)
    X, y = data.frame[["x", "z"]].fillna(0.0), data.y.to_numpy()
    train = np.flatnonzero(y[:200] != 1)
    fitted = fits.fit_predict(fits.FitData(X, y, ((train, np.arange(200, 300)),), "multiclass", 3), 1, LogisticRegression())
    assert fitted.prediction.shape == (100, 3) and (fitted.prediction[:, 1] == 0).all() and np.allclose(fitted.prediction.sum(axis=1), 1)


# ---------------------------------------------------------------- what is shown, and bad input


def test_progress_and_board():
    seen, boards = [], []
    found = cross_validate_oof(table(n=900), BAD, folds_of(table(n=900)), race=3, n_jobs=1, progress=lambda share, note="": seen.append(share),
                               on_fit=lambda record, board: boards.append(board.table()))  # fmt: skip
    assert seen == sorted(seen) and seen[-1] == 1 and len(boards) == len(found.fits)
    assert list(boards[0].columns) == ["model", "label", "state", "folds", "n_folds", "loss", "seconds", "reason"]
    last = boards[-1].set_index("model")
    assert last.loc["noise", "state"] == "dropped" and "standard errors after 1 of 3 folds" in last.loc["noise", "reason"]
    assert last.loc["good", "loss"] == pytest.approx(row_losses(found.predictions["y"], found.prediction("good")).mean(), abs=1e-12)
    assert set(boards[0]["state"]) <= {"waiting", "running"} and Board({"a": "A"}, 2).table()["loss"].isna().all()


def test_round_trip(tmp_path, timed):
    found = quiet(timed, BAD, race=3, n_jobs=1)
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    pd.testing.assert_frame_equal(again.predictions, found.predictions)
    pd.testing.assert_frame_equal(again.races, found.races)
    assert again.states == found.states and repr(again) == repr(found)
    assert Result.load(found.save(tmp_path / "oof.json")).notes == found.notes


@pytest.mark.parametrize(("options", "words"), [
    ({"executor": "cloud"}, "`executor`"), ({"n_jobs": 0}, "`n_jobs`"), ({"budget_s": -1}, "`budget_s`"), ({"race": "fast"}, "`race`"),
    ({"store": 3}, "`store`"), ({"models": ["hgb", "hgb"]}, "name of its own"), ({"models": {"y": "hgb"}}, "a model's name"),
    ({"models": ["ridge"]}, "suit the target"), ({"models": [object()]}, "classifier"),
])  # fmt: skip
def test_bad_input(options, words):
    with pytest.raises(InputError, match=words):
        quiet(table(), **({"models": ["logistic"]} | options))


def test_unknown_model_of_a_result():
    with pytest.raises(InputError, match="Did you mean 'logistic'"):
        quiet(table(), ["logistic"]).prediction("logistc")


def test_pools_are_used_again():
    first = Processes(2)
    pool = first._pool
    first.start("a", sum, [1, 2])
    while (done := first.next()) is None:
        pass
    first.close()
    second = Processes(2)
    assert done == ("a", 3) and second._pool is pool
    second.close(kill=True)
