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
from mltoolkit.modeling.comparison import rank
from mltoolkit.modeling.metrics import scores
from mltoolkit.modeling.preprocessing import make_pipeline_for
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
        assert found["roc_auc"] == row.roc_auc and found["brier"] == row.brier
    dummy = table.set_index("model").loc["dummy"]
    assert not dummy["tied"] and dummy["difference_lower"] > 0


@pytest.mark.parametrize("scoring", ["average_precision", "roc_auc", "neg_brier_score"])
def test_other_scorings_rank_by_their_own_metric(compared, scoring):
    metric = {"neg_brier_score": "brier"}.get(scoring, scoring)
    table = rank(compared.oof, {m: m for m in compared.table["model"]}, metric)
    assert table["score"].is_monotonic_increasing if metric == "brier" else table["score"].is_monotonic_decreasing
    assert (table["difference"] >= 0).all()


def test_a_tie_is_called_a_tie():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    a, b = (np.clip(0.3 + 0.4 * y + 0.1 * rng.standard_normal(400), 0.01, 0.99) for _ in range(2))
    oof = pd.DataFrame({"row": np.arange(400), "fold": 1, "y": y, "a": a, "b": b, "c": 0.5})
    table = rank(oof, {"a": "a", "b": "b", "c": "c"}, "log_loss").set_index("model")
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
        (lambda: mlt.compare(toy(), scoring="accuracy", progress=quiet), "`scoring`"),
        (lambda: mlt.compare(toy(), drop=["zz"], progress=quiet), "dropped column"),
        (lambda: mlt.compare(toy(), drop=["x", "z"], progress=quiet), "at least one feature"),
        (lambda: mlt.compare(toy(), n_jobs=0, progress=quiet), "`n_jobs`"),
        (lambda: mlt.compare(toy(10), progress=quiet), "development rows"),
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


def test_a_dropped_role_changes_nothing(data, split):
    a = cross_validate_oof(data, ["dummy"], split, drop=["tailnum", "late"], progress=quiet)
    assert "tailnum" not in a.features


def test_hostile_names_are_escaped():
    d = toy()
    d = d.with_frame(d.frame.rename(columns={"x": "<script>"}))
    comparison = mlt.compare(d, {"<b>": "dummy", "fine": "logistic"}, progress=quiet)
    assert "<b>" not in comparison._repr_html_()
