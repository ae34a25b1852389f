"Out-of-fold validation and comparison: honest folds, the same on any number of processes, ties called ties."

import json
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result, RunError
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.candidates import make_pipeline_for
from mltoolkit.modeling.inference import compare_scores
from mltoolkit.modeling.metrics import scores
from mltoolkit.modeling.validation import cross_validate_oof

DROP = ["arr_delay", "dep_delay", "arr_time", "air_time", "dep_time", "year", "month", "day", "flight", "minute"]
FAST = ["dummy", "logistic"]


def quiet(share, note=""):
    pass


@pytest.fixture(scope="module")
def data(flights_small):
    return flights_small.drop([c for c in DROP if c in flights_small.features])


@pytest.fixture(scope="module")
def split(data):
    return mlt.split(data, test_from="2013-11-01", gap="1D", n_splits=3)


@pytest.fixture(scope="module")
def compared(data, split):
    return mlt.compare(data, split=split, progress=quiet)


def toy(n=300, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return Dataset(frame=pd.DataFrame({"x": x, "z": rng.standard_normal(n), "y": rng.random(n) < 1 / (1 + np.exp(-2 * x))}), target="y")


def test_locked_and_unknown_rows_never_appear(data, split, compared):
    rows = set(compared.oof["row"])
    assert not rows & set(split.test)
    assert rows <= set(np.flatnonzero(data.is_known))
    assert rows == set(np.concatenate([valid for _, valid in split.folds]))
    assert (compared.oof["y"].to_numpy() == data.take(compared.oof["row"]).y.to_numpy()).all()


def test_locked_labels_have_no_influence(data, split, compared):
    flipped = data.frame.copy()
    flipped.loc[split.test, "late"] = ~flipped.loc[split.test, "late"].astype(bool)
    flipped.loc[split.test, "hour"] = 99
    again = mlt.split(data.with_frame(flipped), **split.parameters)
    other = cross_validate_oof(data.with_frame(flipped), FAST, again, progress=quiet)
    assert (other.predictions["logistic"] == compared.oof["logistic"]).all()


def test_equal_to_fitting_by_hand(data, split, compared):
    features, hand = list(compared.features), []
    for train, valid in split.folds:
        model = make_pipeline_for("logistic", data.frame[features])
        model.fit(data.frame[features].iloc[train], data.take(train).y)
        hand.append(model.predict_proba(data.frame[features].iloc[valid])[:, 1])
    np.testing.assert_allclose(np.concatenate(hand), compared.oof["logistic"], rtol=0, atol=1e-9)


def test_processes_do_not_change_a_digit(data, split, compared):
    again = mlt.compare(data, split=split, n_jobs=2, progress=quiet)
    pd.testing.assert_frame_equal(again.oof, compared.oof, check_exact=True)
    shown = ["model", "score", "lower", "upper", "difference", "tied"]
    pd.testing.assert_frame_equal(again.table[shown], compared.table[shown], check_exact=True)


def test_the_table(compared):
    table = compared.table
    assert table["model"].iloc[0] == compared.best and table["difference"].iloc[0] == 0
    assert (table["score"].diff().dropna() >= 0).all() and (table["score"] == table["log_loss"]).all()
    assert ((table["lower"] <= table["score"]) & (table["score"] <= table["upper"])).all()
    for row in table.itertuples():
        found = scores(compared.oof["y"], compared.oof[row.model])
        assert found["roc_auc"] == pytest.approx(row.roc_auc, abs=1e-12) and found["brier"] == pytest.approx(row.brier, abs=1e-12)
    dummy = table.set_index("model").loc["dummy"]
    assert dummy["difference_lower"] + dummy["difference_upper"] > 0 and dummy["difference"] > 0


@pytest.mark.parametrize("scoring", ["average_precision", "roc_auc", "neg_brier_score"])
def test_other_scorings_rank_by_their_own_metric(scoring):
    comparison = mlt.compare(toy(), ["dummy", "logistic"], scoring=scoring, progress=quiet, n_resamples=50)
    metric = {"neg_brier_score": "brier"}.get(scoring, scoring)
    assert comparison.metric == metric and comparison.best == "logistic"
    assert (comparison.table["score"] == comparison.table[metric]).all() and (comparison.table["difference"] >= 0).all()


def test_a_tie_is_called_a_tie():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    a, b = (np.clip(0.3 + 0.4 * y + 0.1 * rng.standard_normal(400), 0.01, 0.99) for _ in range(2))
    oof = pd.DataFrame({"row": np.arange(400), "fold": np.arange(400) % 5 + 1, "y": y, "a": a, "b": b, "c": 0.5})
    table = compare_scores(oof, ["a", "b", "c"], "log_loss").table.set_index("model")
    assert table.loc["a", "tied"] and table.loc["b", "tied"] and not table.loc["c", "tied"]


def test_a_model_is_tied_with_its_twin():
    twins = {"one": LogisticRegression(), "two": LogisticRegression()}
    comparison = mlt.compare(toy(), twins, progress=quiet)
    assert comparison.table["tied"].all() and comparison.summary()["tied_with"] == "two"
    assert "tied with two" in comparison.sentence
    with pytest.raises(InputError, match="a model must be one"):
        comparison.fit_best(toy())
    assert comparison.fit_best(toy(), models=twins).predict_proba(toy().X).shape == (300, 2)


def test_round_trip(compared, tmp_path):
    again = Result.load(compared.save(tmp_path / "comparison.json"))
    assert (tmp_path / "comparison.oof.parquet").exists()
    pd.testing.assert_frame_equal(again.oof, compared.oof)
    assert repr(again) == repr(compared) and again.sentence == compared.sentence
    text = json.dumps(compared.to_dict())
    pd.testing.assert_frame_equal(Result.from_dict(json.loads(text)).table, compared.table)


def test_fit_best_is_plain_and_learns_from_development_only(data, split, compared):
    model = compared.fit_best(data)
    assert type(model).__module__.startswith("sklearn")
    rows = split.development
    hand = make_pipeline_for(compared.best, data.frame[list(compared.features)])
    hand.fit(data.frame[list(compared.features)].iloc[rows], data.take(rows).y)
    X = data.frame.tail(50)
    np.testing.assert_allclose(model.predict_proba(X), hand.predict_proba(X), atol=1e-12)
    with pytest.raises(InputError, match="one that was compared"):
        compared.fit_best(data, model="forest")


def test_progress_counts_every_fit(data, split):
    seen = []
    mlt.compare(data, FAST, split, progress=lambda share, note: seen.append((share, note)))
    shares = [s for s, _ in seen]
    assert shares == sorted(shares) and shares[-1] == 1 and len(seen) == 2 * 3 + 1
    assert any("logistic, fold 3" in note for _, note in seen)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cancel_between_fits(data, split, n_jobs):
    token, seen = Cancel(), []

    def progress(share, note):
        seen.append(note)
        token.cancel()

    with pytest.raises(Cancelled):
        mlt.compare(data, FAST, split, n_jobs=n_jobs, progress=progress, cancel=token)
    assert len(seen) == 1


def test_works_in_a_background_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(mlt.compare(toy(), FAST, n_jobs=2, progress=quiet)))
    thread.start()
    thread.join(60)
    assert found and found[0].best == "logistic"


def test_warnings_of_a_fit_are_seen():
    lazy = {"lazy": LogisticRegression(max_iter=1, C=1e6)}
    with pytest.warns(UserWarning, match="lazy: did not converge"):
        comparison = mlt.compare(toy(), lazy, progress=quiet)
    assert comparison.table["note"].iloc[0] == "did not converge"
    assert (comparison.fits["note"] == "did not converge").any()


def test_a_column_missing_throughout_a_fold_is_no_accident():
    d = toy(300)
    d = d.with_frame(d.frame.assign(t=np.arange(300), late_sensor=np.where(np.arange(300) > 150, 1.5 * np.arange(300), np.nan)))
    comparison = mlt.compare(d.replace(time="t"), progress=quiet)
    assert len(comparison.table) == 3 and (comparison.table["note"] == "").all()


class Broken(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        raise ValueError("it hurts\nhere")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda: mlt.compare(toy(), ["logistik"], progress=quiet), "Did you mean 'logistic'"),
        (lambda: mlt.compare(toy(), [], progress=quiet), "at least one model"),
        (lambda: mlt.compare(toy(), {"fold": "dummy"}, progress=quiet), "a model's name"),
        (lambda: mlt.compare(toy(), scoring="acuracy", progress=quiet), "scoring"),
        (lambda: mlt.compare(toy(), drop=["zz"], progress=quiet), "dropped column"),
        (lambda: mlt.compare(toy(), drop=["x", "z"], progress=quiet), "at least one feature"),
        (lambda: mlt.compare(toy(), n_jobs=0, progress=quiet), "`n_jobs`"),
        (lambda: mlt.compare(toy(6), progress=quiet), "development rows"),
        (lambda: mlt.compare(toy(), split=mlt.split(toy(200)), progress=quiet), "belongs to the data"),
        (lambda: mlt.compare(pd.DataFrame({"a": [1, 2]}), progress=quiet), "target"),
    ],
)
def test_bad_input(how, words):
    with pytest.raises(InputError, match=words):
        how()


def test_a_model_that_fails_is_named():
    with pytest.raises(RunError, match="'bad' must be able to learn from fold 1, got ValueError: it hurts"):
        mlt.compare(toy(), {"bad": Broken()}, progress=quiet)


def test_a_model_that_fails_does_not_stop_the_others():
    comparison = mlt.compare(toy(), {"bad": Broken(), "fine": "logistic"}, progress=quiet)
    assert comparison.best == "fine" and "it hurts" in comparison.failed["bad"]
    row = comparison.table.set_index("model").loc["bad"]
    assert row["state"] == "failed" and "it hurts" in row["note"] and np.isnan(row["score"])
    assert "bad could not be fitted" in comparison.sentence and comparison.summary()["failed"] == 1
    with pytest.raises(InputError, match="one that was compared"):
        comparison.prediction("bad")
    assert Result.from_dict(json.loads(json.dumps(comparison.to_dict()))).sentence == comparison.sentence


FIVE = ["dummy", "logistic", "hgb", "decision_tree", "naive_bayes"]


def many(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.standard_normal((n, 4)), columns=list("abcd"))
    return Dataset(frame=frame.assign(y=rng.random(n) < 1 / (1 + np.exp(-3 * frame["a"] - frame["b"]))), target="y")


def test_a_race_drops_what_is_behind_and_says_so(tmp_path):
    data = many()
    raced = mlt.compare(data, FIVE, store=tmp_path / "fits", progress=quiet)
    every = mlt.compare(data, FIVE, race=False, store=tmp_path / "fits", progress=quiet)
    assert raced.best == every.best == "logistic"
    dropped = raced.table[raced.table["state"] == "dropped"]
    assert set(dropped["model"]) == set(raced.races["model"]) and len(dropped) and (dropped["folds"] < 5).all()
    assert not dropped["tied"].any() and "Dropped on the way" in raced.sentence
    assert (every.table["state"] == "done").all() and set(every.table["folds"]) == {5}
    assert raced.table["state"].tolist() == sorted(raced.table["state"], key=["done", "dropped"].index)
    again = mlt.compare(data, FIVE, store=tmp_path / "fits", n_jobs=2, progress=quiet)
    pd.testing.assert_frame_equal(again.table, raced.table, check_exact=True)  # times too: no fit was repeated


def test_the_winner_does_not_depend_on_the_other_candidates():
    data = many(400)
    few, more = (mlt.compare(data, names, race=False, progress=quiet).table.set_index("model") for names in (FAST, FIVE))
    assert few.loc["logistic", ["score", "lower", "upper"]].tolist() == more.loc["logistic", ["score", "lower", "upper"]].tolist()


def test_a_budget_ends_early_and_says_so():
    with pytest.raises(RunError, match="one fit"):
        mlt.compare(toy(), FAST, budget_s=0, progress=quiet)
    boards, done = [], []

    def watch(board):
        boards.append(board)
        done.append(int(board["folds"].sum()))

    whole = mlt.compare(toy(), FAST, watch=watch, progress=quiet)
    assert whole.complete and done == sorted(done) and done[-1] == 10
    assert {"model", "label", "state", "folds", "n_folds", "loss", "seconds", "reason"} <= set(boards[-1])
    assert set(boards[-1]["state"]) == {"done"}


def test_costs_and_other_metrics():
    comparison = mlt.compare(toy(), FAST, metrics=["accuracy", "neg_log_loss", "f1"], cost_fp=1, cost_fn=8, progress=quiet)
    assert {"accuracy", "f1", "cost", "cost_at_best"} <= set(comparison.table) and comparison.metrics[0] == "log_loss"
    cheap = comparison.table.set_index("model")
    assert cheap.loc["logistic", "cost"] < cheap.loc["dummy", "cost"]
    assert set(comparison.metrics) <= set(comparison.fold_scores)
    for wrong in (0, -1, "x", float("nan")):
        with pytest.raises(InputError, match="cost_fn"):
            mlt.compare(toy(), FAST, cost_fn=wrong, progress=quiet)


def three_tasks():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.standard_normal(240), "z": rng.standard_normal(240)})
    score = frame["x"] + 0.5 * rng.standard_normal(240)
    yield "multiclass", frame.assign(y=np.where(score < -0.5, "low", np.where(score > 0.5, "high", "mid")))
    yield "regression", frame.assign(y=3 * score)


@pytest.mark.parametrize(("task", "frame"), three_tasks(), ids=["multiclass", "regression"])
def test_classes_and_quantities(task, frame, tmp_path):
    linear = "logistic" if task == "multiclass" else "ridge"
    comparison = mlt.compare(frame, ["dummy", linear, "decision_tree"], target="y", progress=quiet)
    assert comparison.task == task and comparison.best == linear
    assert comparison.metric == ("log_loss" if task == "multiclass" else "rmse")
    prediction = comparison.prediction()
    assert prediction.shape == ((len(comparison.oof), 3) if task == "multiclass" else (len(comparison.oof),))
    model = comparison.fit_best(mlt.load(frame, target="y"))
    assert len(model.predict(frame)) == 240
    again = Result.load(comparison.save(tmp_path / "c.json"))
    np.testing.assert_array_equal(again.prediction(), prediction)
    assert again.classes == comparison.classes and "predicts best" in again.sentence
    with pytest.raises(InputError, match="yes-or-no"):
        mlt.compare(frame, ["dummy"], target="y", cost_fp=2, progress=quiet)


def test_the_code_makes_the_same_comparison():
    data = toy()
    comparison = mlt.compare(data, FAST, mlt.split(data, n_splits=3, random_state=5), "roc_auc", random_state=2, cost_fn=4, progress=quiet)
    again = eval(comparison.code, {"mlt": mlt, "data": data})
    shown = ["model", "score", "lower", "upper", "cost"]
    pd.testing.assert_frame_equal(again.table[shown], comparison.table[shown])


def test_pareto_leaves_out_who_is_slower_and_worse(compared):
    front = compared.pareto
    assert compared.best in set(front["model"])
    assert front["predict_seconds"].is_monotonic_increasing and front["score"].is_monotonic_decreasing


def test_one_preparation_for_all_models():
    data = toy()
    data = data.with_frame(data.frame.assign(c=np.where(data.frame["x"] > 0, "a", "b")))
    same = mlt.compare(data, ["logistic", "hgb", "decision_tree"], encoding="dense", race=False, progress=quiet)
    steps = {str(make_pipeline_for(name, data.X, encoding="dense")[:-1]) for name in same.table["model"]}
    assert len(steps) == 1 and len({str(make_pipeline_for(name, data.X)[:-1]) for name in same.table["model"]}) == 2
    assert "encoding='dense'" in same.code
    again = eval(same.code, {"mlt": mlt, "data": data})
    pd.testing.assert_frame_equal(again.oof, same.oof)
    hand = make_pipeline_for("hgb", data.X, encoding="dense").fit(data.take(mlt.split(data).development).X, data.take(mlt.split(data).development).y)
    np.testing.assert_allclose(same.fit_best(data, model="hgb").predict_proba(data.X), hand.predict_proba(data.X), atol=1e-12)
    with pytest.raises(InputError, match="Did you mean 'dense'"):
        mlt.compare(data, FAST, encoding="dens", progress=quiet)


def test_presets():
    comparison = mlt.compare(toy(), "fast", progress=quiet)
    assert set(comparison.table["model"]) == {"dummy", "logistic", "hgb"}


def test_a_dropped_role_changes_nothing(data, split):
    a = cross_validate_oof(data, ["dummy"], split, drop=["tailnum", "late"], progress=quiet)
    assert "tailnum" not in a.features


def test_hostile_names_are_escaped():
    d = toy()
    d = d.with_frame(d.frame.rename(columns={"x": "<script>"}))
    comparison = mlt.compare(d, {"<b>": "dummy", "fine": "logistic"}, progress=quiet)
    assert "<b>" not in comparison._repr_html_()
