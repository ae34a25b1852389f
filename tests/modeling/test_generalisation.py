"Views of generalisation: learning curve, slices of time, segments, external data, the gap to the training rows. Three tasks."

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, Result, silent
from mltoolkit.modeling.generalisation import by_segment, by_time, learning_curve, on_external, train_gap
from mltoolkit.modeling.learning import nested_rows
from mltoolkit.modeling.metrics import metric_of, score_prediction
from mltoolkit.modeling.slicing import adjusted, constant_score, segment_levels
from mltoolkit.modeling.validation import cross_validate_oof


def table(task, n=900, seed=0, drift=0.0):
    "A table with a time, a group, a segment where the target is noise, and a target of the given task."
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal(n), rng.standard_normal(n)
    place = rng.choice(["north", "south", "east"], n)
    weight = np.where(place == "south", 0.0, 2.0) * (1 - drift * np.arange(n) / n)
    signal = weight * x + 0.3 * rng.standard_normal(n)
    frame = pd.DataFrame({"x": x, "z": z, "place": place, "when": pd.date_range("2024-01-01", periods=n, freq="10h"),
                          "unit": rng.integers(0, 60, n)})  # fmt: skip
    if task == "binary":
        return frame.assign(y=rng.random(n) < 1 / (1 + np.exp(-2 * signal)))
    return frame.assign(y=np.select([signal < -0.7, signal < 0.7], ["low", "mid"], "top") if task == "multiclass" else signal)


def dataset(task, **kw):
    return mlt.load(table(task, **kw), target="y", time="when", group="unit")


def stand_in(data, models, split):
    "What a Comparison offers to these views."
    found = cross_validate_oof(data, models, split, progress=silent)
    names = list(found.models)
    return SimpleNamespace(table=pd.DataFrame({"model": names, "label": names}), oof=found.predictions, fits=found.fits, best=names[-1],
                           task=data.task, classes=data.classes, metric=metric_of(None, data.task).name, features=found.features,
                           prediction=found.prediction, split_parameters=split.parameters)  # fmt: skip


@pytest.fixture(scope="module", params=["binary", "multiclass", "regression"])
def compared(request):
    data = dataset(request.param)
    split = mlt.split(data, kind="time", n_splits=3)
    models = ["dummy", "logistic" if data.task != "regression" else "ridge"]
    from mltoolkit.modeling.candidates import available_models

    models = [m for m in models if m in available_models(data.task)] or ["dummy"]
    return data, split, stand_in(data, models, split)


def test_nested_sets_respect_time_groups_and_classes():
    rng = np.random.default_rng(0)
    times = np.repeat(np.arange(50.0), 4)
    sets = nested_rows("time", np.zeros(200), [0.1, 0.5, 1.0], times=times, rng=rng)
    assert [len(s) for s in sets] == [20, 100, 200]
    assert times[sets[0]].min() == 45 and times[sets[1]].min() == 25  # the most recent, whole moments
    groups = rng.integers(0, 20, 200)
    for rows in nested_rows("grouped", np.zeros(200), [0.2, 0.6, 1.0], groups=groups, rng=rng):
        assert not set(groups[rows]) & set(np.delete(groups, rows))
    y = (np.arange(400) % 10 == 0).astype(int)
    sets = nested_rows("stratified", y, [0.1, 0.5, 1.0], rng=rng)
    assert all(set(a) <= set(b) for a, b in zip(sets, sets[1:]))
    assert [abs(y[s].mean() - 0.1) < 0.03 for s in sets] == [True] * 3


def test_learning_curve_of_three_tasks(compared):
    data, split, c = compared
    curve = learning_curve(data, c.best, split, sizes=(0.2, 0.5, 1.0), progress=silent)
    assert list(curve.table["size"]) == [0.2, 0.5, 1.0] and curve.table["rows"].is_monotonic_increasing
    assert (curve.table["lower"] <= curve.table["score"]).all() and (curve.table["score"] <= curve.table["upper"]).all()
    whole = score_prediction(c.oof["y"], c.prediction(c.best), [c.metric], task=data.task, classes=data.classes)[c.metric]
    assert np.isclose(curve.table["score"].iloc[-1], whole, rtol=1e-9)  # all rows: the comparison itself
    again = Result.from_dict(curve.to_dict())
    assert again.sentence == curve.sentence and curve.sentence.endswith(".")


def test_learning_curve_says_when_rows_help_and_when_not():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.standard_normal((600, 30))).rename(columns=lambda i: f"x{i}")
    frame["y"] = frame.sum(axis=1) + rng.standard_normal(600) > 0
    helps = learning_curve(mlt.load(frame, target="y"), "logistic", sizes=(0.1, 0.3, 1.0), progress=silent)
    assert helps.sentence.startswith("More rows help") and "extrapolation" in helps.sentence and helps.gain["lower"] > 0
    easy = pd.DataFrame({"x": rng.standard_normal(600)}).assign(y=lambda f: rng.random(600) < 1 / (1 + np.exp(-f["x"])))
    flat = learning_curve(mlt.load(easy, target="y"), "logistic", sizes=(0.5, 0.9, 1.0), progress=silent)
    assert "no gain at all" in flat.sentence or flat.gain["upper"] < 0
    with pytest.raises(InputError, match="sizes"):
        learning_curve(mlt.load(easy, target="y"), "logistic", sizes=(0.5,))
    with pytest.raises(InputError, match="sizes"):
        learning_curve(mlt.load(easy, target="y"), "logistic", sizes=(0, 2))


def test_slices_of_time(compared):
    data, split, c = compared
    for by in ("month", 4):
        found = by_time(c, data, by=by)
        assert found.table["rows"].sum() == len(c.oof)
        assert (found.table["lower"] <= found.table["upper"]).all()
        assert Result.from_dict(found.to_dict()).sentence == found.sentence
    first = found.table.iloc[0]
    rows = data.frame["when"].iloc[c.oof["row"]].to_numpy() <= first["end"].to_datetime64()
    by_hand = score_prediction(c.oof["y"][rows], c.prediction(c.best)[rows], [c.metric], task=data.task, classes=data.classes)[c.metric]
    assert np.isclose(first["score"], by_hand, rtol=1e-12)
    with pytest.raises(InputError, match="period"):
        by_time(c, data, by="fortnight")


def test_decay_is_told_and_chance_is_not():
    for drift, word in ((1.5, "gets worse"), (0.0, "No decay")):
        data = dataset("binary", n=3000, drift=drift)
        data = data.take(data.frame["place"] != "south")
        split = mlt.split(data, kind="time", n_splits=4)
        found = by_time(stand_in(data, ["logistic"], split), data, by=8, scoring="roc_auc" if drift else None)
        assert word in found.sentence, found.sentence


def test_time_needs_a_time(compared):
    data, split, c = compared
    with pytest.raises(InputError, match="role `time`"):
        by_time(c, data.replace(time=None))


def test_the_weak_segment_is_named(compared):
    data, split, c = compared
    found = by_segment(c, data, ["place"], min_rows=50)
    assert set(found.table["level"]) == {"east", "north", "south"}
    if data.task == "binary":
        assert list(found.worse["level"]) == ["south"] and "place south" in found.sentence
    assert Result.from_dict(found.to_dict()).sentence == found.sentence
    ranked = "r2" if data.task == "regression" else "balanced_accuracy"
    scores = by_segment(c, data, "place", scoring=ranked, min_rows=50, n_resamples=50).table
    assert np.isfinite(scores["score"]).sum() >= 2  # nan where a segment has one class only


def test_segments_without_a_difference_are_rarely_named():
    data = dataset("binary", n=2000, seed=3)
    data = data.with_frame(data.frame.assign(noise=np.random.default_rng(0).integers(0, 12, len(data)).astype(str)))
    c = stand_in(data, ["logistic"], mlt.split(data, kind="stratified", n_splits=3))
    found = by_segment(c, data, "noise", min_rows=50)
    assert len(found.table) == 12 and len(found.worse) <= 1
    assert (found.table["p_adjusted"] >= found.table["p_value"]).all()


def test_segments_refuse_and_hide(compared):
    data, split, c = compared
    with pytest.raises(InputError, match="target"):
        by_segment(c, data, "y")
    with pytest.raises(InputError, match="did you mean|Did you mean"):
        by_segment(c, data, "plac")
    with pytest.raises(InputError, match="correction"):
        by_segment(c, data, "place", correction="x")
    hidden = by_segment(c, data.replace(sensitive=("place",)), "place", min_rows=50)
    assert not hidden.table["level"].str.contains("south|north|east").any()


def test_levels_of_every_kind():
    codes, names = segment_levels(pd.Series(np.arange(1000.0)), min_rows=10)
    assert len(names) == 4 and (np.bincount(codes) == 250).all() and codes[0] == 0 and codes[-1] == 3
    codes, names = segment_levels(pd.Series([True, False, None] * 50, dtype="object"), min_rows=10)
    assert names == ["False", "True", "missing"]
    codes, names = segment_levels(pd.Series(["a"] * 100 + ["b", "c"] * 5), min_rows=20)
    assert names == ["a", "other (2 levels)"] and np.bincount(codes).tolist() == [100, 10]
    codes, names = segment_levels(pd.Series(pd.date_range("2024-01-30", periods=4)), min_rows=1)
    assert names == ["2024-01", "2024-02"]
    assert segment_levels(pd.Series(["<b>", ""] * 50), min_rows=1)[1] == ["(empty)", "<b>"]


def test_corrections_against_the_book():
    p = np.array([0.01, 0.04, 0.03, np.nan, 0.005])
    assert np.allclose(adjusted(p, "holm"), [0.03, 0.06, 0.06, np.nan, 0.02], equal_nan=True)
    assert np.allclose(adjusted(p, "bh"), [0.02, 0.04, 0.04, np.nan, 0.02], equal_nan=True)
    assert np.array_equal(adjusted(p, None), p, equal_nan=True)


def test_constant_is_the_best_constant():
    rng = np.random.default_rng(0)
    y = rng.random(200) < 0.3
    loss = metric_of("log_loss", "binary")
    best = constant_score(y.astype(int), loss, "binary")
    assert all(best <= score_prediction(y.astype(int), np.full(200, p), [loss], task="binary")["log_loss"] for p in (0.2, 0.29, 0.35))
    assert np.isnan(constant_score(y, metric_of("roc_auc", "binary"), "binary"))


def test_gap_to_the_training_rows(compared):
    data, split, c = compared
    gaps = train_gap(c)
    assert set(gaps.table["model"]) == set(c.table["model"])
    assert np.allclose(gaps.table["gap"], gaps.table["score"] - gaps.table["train_score"])
    assert gaps.table.set_index("model").loc["dummy", "verdict"] in ("learns little", "the same on both")
    assert Result.from_dict(gaps.to_dict()).sentence == gaps.sentence


def test_a_memoriser_is_told_so():
    from sklearn.tree import DecisionTreeClassifier

    data = dataset("binary", n=600)
    c = stand_in(data, {"tree": DecisionTreeClassifier(min_samples_leaf=2)}, mlt.split(data, kind="stratified", n_splits=3))
    row = train_gap(c).table.iloc[0]
    assert row["verdict"].startswith("memorises") and row["lower"] > 0 and "regularisation" in row["advice"] + "regularisation"
    c.fits = c.fits.drop(columns="train_score")
    with pytest.raises(InputError, match="training rows"):
        train_gap(c)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_external_data(task):
    data, other = dataset(task, n=600), table(task, n=400, seed=9)
    model = "ridge" if task == "regression" else "logistic"
    split = mlt.split(data, kind="stratified" if task != "regression" else "random", n_splits=3)
    same = on_external(model, data, other, split=split)
    assert "holds on the external data" in same.sentence or abs(same.gap["value"]) < 0.1
    worse = on_external(model, data, other.assign(x=-other["x"] + 3, extra=1), split=split)
    assert "worse on the external data" in worse.sentence and "x drifted" in worse.sentence
    assert Result.from_dict(worse.to_dict()).sentence == worse.sentence
    assert list(worse.table["where"]) == ["out of fold", "external"]
    with pytest.raises(InputError, match="'x'"):
        on_external(model, data, other.drop(columns="x"), split=split)


def test_external_rows_in_common_are_counted_and_a_fitted_model_is_used_as_it_is():
    from mltoolkit.modeling.candidates import make_pipeline_for

    data = dataset("binary", n=500)
    split = mlt.split(data, kind="stratified", n_splits=3)
    development = split.development_data(data)
    X = development.X
    fitted = make_pipeline_for("logistic", X, task="binary").fit(X, 1 - development.y)  # taught the opposite
    found = on_external(fitted, data, data.frame.iloc[:200], split=split)
    assert found.gap["lower"] > 0  # it was not fitted again
    assert "no evidence" in found.sentence
