"What would have to change: likeness of rows, what may change, and the search for small plausible changes."

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.counterfactuals import counterfactuals
from mltoolkit.explainability.levers import deviation, levers_of
from mltoolkit.explainability.likeness import Likeness, SeenPairs, Usual


def table(n=600, seed=0):
    rng = np.random.default_rng(seed)
    brand = rng.choice(["a", "b", "c"], n)
    frame = pd.DataFrame({"hour": rng.integers(0, 24, n), "wind": rng.normal(10, 3, n).round(1), "brand": brand,
                          "name": pd.Series(brand).map({"a": "Alpha", "b": "Beta", "c": "Gamma"}), "fixed": rng.normal(size=n)})  # fmt: skip
    score = 0.3 * (frame["hour"] - 12) + 0.2 * (frame["wind"] - 10) + (frame["brand"] == "c") + 0.5 * frame["fixed"]
    frame["late"] = rng.random(n) < 1 / (1 + np.exp(-score))
    frame["delay"] = score + rng.normal(0, 0.1, n)
    frame["kind"] = np.where(score < -1, "early", np.where(score > 1, "late", "on time"))
    return frame


COLUMNS = ["hour", "wind", "brand", "name", "fixed"]
FRAME = table()


def pipeline(last, y):
    parts = ColumnTransformer([("n", "passthrough", ["hour", "wind", "fixed"]), ("c", OneHotEncoder(), ["brand", "name"])])
    return make_pipeline(parts, last).fit(FRAME[COLUMNS], FRAME[y])


@pytest.fixture(scope="module")
def model():
    return pipeline(LogisticRegression(max_iter=500), "late")


def highest(model, n=1):
    order = np.argsort(-model.predict_proba(FRAME[COLUMNS])[:, 1])
    return int(order[0]) if n == 1 else order[:n]


def test_likeness_is_gower():
    rows = pd.DataFrame({"x": [0.0, 5.0, 10.0, np.nan], "c": ["u", "v", "u", None], "d": pd.to_datetime(["2020-01-01"] * 3 + [None])})
    found = Likeness(rows).distances(rows)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_allclose(np.diag(found), 0)
    reach = np.subtract(*np.quantile([0, 5, 10], [0.99, 0.01]))
    assert found[0, 1] == pytest.approx((5 / reach + 1) / 3) and found[0, 2] == pytest.approx(1 / 3) and found[0, 3] == pytest.approx(1)
    weighted = Likeness(rows, weights={"c": 2.0}).distances(rows)
    assert weighted[0, 2] == 0 and weighted[0, 1] == 1
    never = Likeness(rows).distances(pd.DataFrame({"x": [0.0], "c": ["w"], "d": pd.to_datetime(["2020-01-01"])}))
    assert never[0, 0] == pytest.approx(1 / 3)
    for wrong in (dict(columns=["y"]), dict(weights={"x": -1}), dict(weights={"x": 0}), dict(columns=[])):
        with pytest.raises(InputError):
            Likeness(rows, **wrong)


def test_usual_and_pairs():
    usual = Usual(FRAME[COLUMNS])
    odd = FRAME[COLUMNS].head(2).assign(wind=[200.0, -200.0], fixed=[50.0, -50.0])
    assert (usual.share(odd) < 0.05).all() and usual.share(FRAME[COLUMNS].head(50)).mean() > 0.3
    pairs = SeenPairs(FRAME[COLUMNS])
    rows = pd.DataFrame(FRAME[COLUMNS].iloc[[0, 0]]).assign(brand=["a", "a"], name=["Alpha", "Beta"])
    assert pairs.unseen(rows, ["brand"]) == [None, ("brand", "name")]
    assert pairs.unseen(rows, ["brand", "name"], alike=True) == [None, ("name", "brand")]
    assert pairs.unseen(rows, ["brand"], ignore={("brand", "name")}) == [None, None]
    assert pairs.all_unseen(rows.iloc[[1]], ["brand"]) == {("brand", "name")}
    rare = pd.DataFrame({"a": ["u"] * 50 + ["v"], "b": ["x"] * 50 + ["y"]})
    never = pd.DataFrame({"a": ["v", "new"], "b": ["x", "x"]})
    assert SeenPairs(rare).unseen(never, ["a"]) == [None, None], "too rare to say, or never seen at all"


def test_levers_take_seen_values_in_their_limits():
    [hour] = levers_of({"hour": {"low": 6, "high": 10, "direction": "down"}}, FRAME)
    row = FRAME[FRAME["hour"] == 9].iloc[0]
    assert hour.options(row)["hour"].tolist() == [6, 7, 8] and hour.finer(row, 6)["hour"].tolist() == [8, 7]
    assert hour.distance(hour.options(row), row)[-1] == pytest.approx(1 / deviation(FRAME["hour"]))
    [both] = levers_of([("brand", "name")], FRAME)
    assert len(both.values) == 3 and len(both.options(row)) == 2 and (both.distance(both.options(row), row) == 1).all()
    [pair] = levers_of({("hour", "wind"): "down"}, FRAME)
    assert (pair.options(row)["hour"] < 9).all() and pair.measured and len(pair.values) <= 40
    near = pair.finer(row, 2)
    assert near["hour"].iloc[0] == 8 and (near["hour"] > 2).all() and pd.merge(near, FRAME).shape[0] >= len(near)
    [stepped] = levers_of({"hour": {"step": 6}}, FRAME)
    assert stepped.values["hour"].tolist() == [0, 6, 12, 18] and stepped.values["hour"].dtype == FRAME["hour"].dtype
    [wind] = levers_of(["wind"], FRAME)
    assert len(wind.values) <= 40 and set(wind.values["wind"]) <= set(FRAME["wind"])
    dates = pd.DataFrame({"d": pd.date_range("2020-01-01", periods=10, tz="UTC")})
    [when] = levers_of({"d": ("2020-01-03", None)}, dates.assign(d=dates["d"].dt.tz_localize(None)))
    assert len(when.values) == 8
    assert len(levers_of(["d"], dates)[0].options(dates.iloc[0])) == 9


@pytest.mark.parametrize(("actionable", "match"), [
    ([], "somebody can change"), (["hours"], "the model takes"), ({"hour": "left"}, "'up' or 'down'"), ({"hour": {"lowest": 3}}, "known ones"),
    ({"brand": (1, 2)}, "only numbers"), ({"brand": ["z"]}, "seen in the data"), ({("brand", "name"): ["a"]}, "move together"), ({("brand", "name"): "up"}, "only numbers"),
    (["hour", ("hour", "wind")], "named once"), (["fixed"], "sensitive"), ({"hour": {"step": -1}}, "positive number"),
    ({"hour": ("x", 3)}, "a limit"), ({"hour": 3}, "must be"),
])  # fmt: skip
def test_levers_refuse(actionable, match):
    with pytest.raises(InputError, match=match):
        levers_of(actionable, FRAME, sensitive={"fixed"})


def test_only_actionable_columns_change_and_the_goal_is_reached(model):
    worst = highest(model, 3)
    found = counterfactuals(model, FRAME, worst, reference=FRAME, actionable=["hour", "wind", ("brand", "name")], below=0.4)
    assert found.outcomes["found"].all() and (model.predict_proba(found.rows)[:, 1] < 0.4).all()
    np.testing.assert_allclose(model.predict_proba(found.rows)[:, 1], found.options["after"], atol=1e-12)
    for line, row in zip(found.options.itertuples(), found.rows.itertuples(index=False)):
        before = FRAME.iloc[line.row]
        assert row.fixed == before["fixed"]
        assert {"a": "Alpha", "b": "Beta", "c": "Gamma"}[row.brand] == row.name
        changed = found.changes[(found.changes["row"] == line.row) & (found.changes["option"] == line.option)]
        assert set(changed["column"]) == {c for c in COLUMNS if getattr(row, c) != before[c]}
        assert row.hour in set(FRAME["hour"]) and row.wind in set(FRAME["wind"])
    assert found.rows.dtypes.equals(FRAME[COLUMNS].dtypes)
    assert found.options.groupby("row")["n_changed"].apply(lambda n: n.is_monotonic_increasing).all()
    assert "below 40 %" in found.sentence and found.summary()["with_a_way"] == 3 and len(found.of(worst[0]))
    with pytest.raises(InputError, match="asked about"):
        found.of(-1)


def test_the_smallest_change_is_the_smallest(model):
    "One lever: the hour nearest to the present one that reaches the goal, by trying them all."
    row = highest(model)
    found = counterfactuals(model, FRAME, row, reference=FRAME, actionable=["hour"], below=0.5, quantile=1.0)
    tried = pd.concat([FRAME.loc[[row], COLUMNS]] * 24, ignore_index=True).assign(hour=range(24))
    usual = Usual(FRAME[COLUMNS])
    limit = max(usual.own[-1], usual.distance(FRAME.loc[[row], COLUMNS])[0])
    reached = tried[(model.predict_proba(tried)[:, 1] < 0.5) & (usual.distance(tried) <= limit + 1e-12)]
    nearest = reached["hour"].iloc[(reached["hour"] - FRAME["hour"].iloc[row]).abs().argmin()]
    assert found.rows["hour"].iloc[0] == nearest and found.options["n_changed"].iloc[0] == 1


def test_honest_when_there_is_no_way(model):
    row = highest(model)
    none = counterfactuals(model, FRAME, row, reference=FRAME, actionable={"wind": "down"}, below=0.001)
    assert not len(none.options) and not len(none.rows) and none.sentence.startswith("No change of wind")
    assert none.outcomes["closest"].iloc[0] < none.outcomes["before"].iloc[0]
    already = counterfactuals(model, FRAME, row, reference=FRAME, actionable=["wind"], above=0.5)
    assert "already" in already.sentence and already.outcomes["evaluations"].iloc[0] == 0
    here = float(FRAME["wind"].iloc[row])
    stuck = counterfactuals(model, FRAME, row, reference=FRAME, actionable={"wind": [here]}, below=0.4)
    assert stuck.sentence == "No actionable column has another allowed value."


def test_impossible_pairs_are_refused():
    "The code changes the prediction, but the name does not move with it: no such rows are known."
    model = pipeline(LogisticRegression(max_iter=500), "late")
    model[-1].coef_[:] = 0.0
    model[-1].coef_[0, 3:6] = [-3.0, 3.0, 3.0]  # the levels of brand
    model[-1].intercept_[:] = 0.0
    row = int(np.flatnonzero(FRAME["brand"] == "c")[0])
    alone = counterfactuals(model, FRAME, row, reference=FRAME, actionable=["brand"], below=0.5)
    assert not len(alone.options) and alone.outcomes["implausible"].iloc[0] == 1 and "unlike anything in the data" in alone.sentence
    together = counterfactuals(model, FRAME, row, reference=FRAME, actionable=[("brand", "name")], below=0.5)
    assert together.rows[["brand", "name"]].iloc[0].tolist() == ["a", "Alpha"] and together.options["n_changed"].iloc[0] == 1


def test_quantities_and_classes():
    amount = pipeline(LinearRegression(), "delay")
    found = counterfactuals(amount, FRAME, [1, 2], reference=FRAME, actionable=["hour", "wind"], above=1.0, below=2.0)
    assert found.options["after"].between(1, 2).all() and len(found.options) and "above 1 and below 2" in found.goal
    kinds = pipeline(LogisticRegression(max_iter=500), "kind")
    row = int(np.flatnonzero(kinds.predict(FRAME[COLUMNS]) == "late")[0])
    early = counterfactuals(kinds, FRAME, row, reference=FRAME, actionable=["hour", "wind"], label="early")
    assert (kinds.predict(early.rows) == "early").all() and len(early.rows)
    there = counterfactuals(kinds, FRAME, row, reference=FRAME, actionable=["hour"], label="late")
    assert there.sentence.startswith("The prediction is late already, with ")
    likely = counterfactuals(kinds, FRAME, row, reference=FRAME, actionable=["hour", "wind"], label="early", above=0.7)
    assert (kinds.predict_proba(likely.rows)[:, 0] > 0.7).all() and (likely.options["after"] > 0.7).all()


def test_same_seed_same_answer_json_and_cancel(model, tmp_path):
    ask = dict(reference=FRAME, actionable=["hour", "brand"], below=0.5)
    one, two = (counterfactuals(model, FRAME, highest(model, 2), **ask) for _ in range(2))
    pd.testing.assert_frame_equal(one.options, two.options)
    pd.testing.assert_frame_equal(Result.from_dict(one.to_dict()).rows, one.rows)
    one.save(tmp_path / "ways.json")
    pd.testing.assert_frame_equal(Result.load(tmp_path / "ways.json").rows, one.rows)
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        counterfactuals(model, FRAME, 0, cancel=cancel, **ask)
    few = counterfactuals(model, FRAME, highest(model), reference=FRAME, actionable=["hour", "wind", "brand"], below=0.001, max_evaluations=50)
    assert few.outcomes["evaluations"].iloc[0] < 400


def test_dates_categories_and_missing_values():
    "Types are kept, missing values are never offered, and a missing value may be filled."
    from sklearn.ensemble import HistGradientBoostingClassifier

    from mltoolkit.modeling.encoders import DateParts

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"when": pd.date_range("2020-01-01", periods=300, freq="7h"), "kind": pd.Categorical(rng.choice(["u", "v"], 300)),
                          "size": rng.integers(0, 5, 300), "gap": np.where(rng.random(300) < 0.4, np.nan, rng.normal(size=300).round(1))})  # fmt: skip
    y = (frame["when"].dt.hour > 11) & (frame["kind"] == "v") | frame["gap"].isna()
    parts = ColumnTransformer([("d", DateParts(), ["when"]), ("c", OneHotEncoder(), ["kind"]), ("n", "passthrough", ["size", "gap"])])
    model = make_pipeline(parts, HistGradientBoostingClassifier(max_iter=20, random_state=0)).fit(frame, y)
    row = int(np.flatnonzero(frame["gap"].isna())[0])
    found = counterfactuals(model, frame, row, reference=frame, actionable=["when", "kind", "gap"], below=0.5)
    assert found.rows.dtypes.equals(frame.dtypes) and len(found.rows) and found.rows["gap"].notna().all()
    assert (model.predict_proba(found.rows)[:, 1] < 0.5).all() and (found.changes["from"] == "missing").any()


def test_roles_and_refusals(model):
    data = Dataset(frame=FRAME.drop(columns=["delay", "kind"]), target="late")
    ask = dict(reference=data, actionable=["hour"], below=0.5)
    assert counterfactuals(model, data, highest(model), **ask).outcomes["found"].iloc[0]
    for wrong, match in ((dict(below=None), "a goal"), (dict(n=0), "whole number"), (dict(quantile=0), "share"), (dict(budget_s=-1), "seconds"),
                         (dict(label="late"), "class of the model"), (dict(below="x"), "number")):  # fmt: skip
        with pytest.raises(InputError, match=match):
            counterfactuals(model, data, 0, **(ask | wrong))
    with pytest.raises(InputError, match="positions"):
        counterfactuals(model, data, 10_000, **ask)
