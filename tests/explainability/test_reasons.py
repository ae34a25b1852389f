"Reason codes: points that add up, words for values, directions, hostile tables, batches."

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.explainability.points import sigmoid, softmax, to_points
from mltoolkit.explainability.reasons import reason_codes

RNG = np.random.default_rng(0)
HOURS, CITIES = np.arange(24), np.array(["EWR", "JFK", "LGA"])


class Additive:
    "A stand-in for an explainer: log-odds (or a value) that add up over hour, wind and origin."

    players = (("hour",), ("wind",), ("origin",))

    def __init__(self, background, output="log-odds", error=None):
        self.background, self.output, self.error = background, output, error
        self.mean = self.terms(background).mean(axis=0)

    def terms(self, X):
        wind = X["wind"].fillna(0).to_numpy(dtype=float)
        origin = X["origin"].map({"EWR": 0.8, "JFK": 0.0, "LGA": -0.4}).fillna(0).to_numpy(dtype=float)
        return np.column_stack([0.15 * (X["hour"].to_numpy(dtype=float) - 12), 0.05 * wind, origin])

    def attribute(self, X):
        values = self.terms(X) - self.mean
        error = None if self.error is None else np.full(values.shape, self.error)
        return SimpleNamespace(values=values, base=-2.0 + self.mean.sum(), players=self.players, output=self.output, error=error)


def table(n, seed=0):
    rng = np.random.default_rng(seed)
    wind = np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 40, n))
    return pd.DataFrame({"hour": rng.integers(5, 24, n), "wind": wind, "origin": rng.choice(CITIES, n)})


BACKGROUND = table(80, 1)
EXPLAINER = Additive(BACKGROUND)
PHRASES = {"hour": "departs {value}:00", "wind": lambda v: "no wind measured" if pd.isna(v) else f"{v:.0f} mph of wind at the gate",
           "origin": {"EWR": "leaves Newark"}}  # fmt: skip


def test_points_add_up_and_start_where_they_say():
    values, spread = RNG.normal(size=(50, 4)), RNG.normal(size=(30, 4))
    spread -= spread.mean(axis=0)
    for background, method in ((spread, "smoothed"), (None, "proportional")):
        points = to_points(values, -1.5, output="log-odds", background=background)
        assert points.method == method
        np.testing.assert_allclose(points.reference + points.values.sum(axis=1), sigmoid(-1.5 + values.sum(axis=1)), atol=1e-12)
    smoothed = to_points(values, -1.5, output="log-odds", background=spread)
    assert smoothed.reference == pytest.approx(sigmoid(-1.5 + spread.sum(axis=1)).mean(), abs=1e-12)
    assert points.reference == pytest.approx(sigmoid(-1.5), abs=1e-12)
    assert (np.sign(points.values) == np.sign(values)).all(), "the straight way keeps every sign"
    assert points.sentence and to_points(values, 0.0, output="value").sentence


def test_points_of_nothing_are_nothing_and_a_flat_way_has_the_slope():
    assert (to_points(np.zeros((3, 4)), -1.0, output="log-odds").values == 0).all()
    tiny = to_points(np.array([[1e-9, -1e-9], [1e-5, 0]]), 0.0, output="log-odds").values
    np.testing.assert_allclose(tiny, [[0.25e-9, -0.25e-9], [0.25e-5, 0]], rtol=1e-6)
    assert (to_points(np.zeros((2, 3)), 0.0, output="log-odds", background=np.zeros((5, 3))).values == 0).all()


def test_smoothed_points_are_near_shapley_values_of_the_probability():
    coefficients = np.array([1.0, -0.7, 0.5, 0.3])
    background, rows = RNG.normal(size=(200, 4)), 1.3 * RNG.normal(size=(15, 4))
    mean = background.mean(axis=0)
    masks = np.array(list(itertools.product([False, True], repeat=4)))
    exact = np.zeros((15, 4))
    for i, row in enumerate(rows):
        v = {tuple(m): sigmoid(-2 + np.where(m, row, background) @ coefficients).mean() for m in masks}
        for j, m in itertools.product(range(4), masks):
            if not m[j]:
                weight = math.factorial(m.sum()) * math.factorial(3 - m.sum()) / 24
                exact[i, j] += weight * (v[tuple(m | (np.arange(4) == j))] - v[tuple(m)])
    phi, base = (rows - mean) * coefficients, -2 + mean @ coefficients
    smoothed = to_points(phi, base, output="log-odds", background=(background - mean) * coefficients).values
    straight = to_points(phi, base, output="log-odds").values
    assert np.abs(smoothed - exact).mean() < 0.005 < np.abs(straight - exact).mean()
    assert np.abs(smoothed - exact).max() < 0.03


def test_points_of_classes_and_of_a_log_link():
    values, base = RNG.normal(size=(20, 5, 3)), np.array([0.5, 0.0, -1.0])
    points = to_points(values, base, output="log-odds")
    np.testing.assert_allclose(points.reference + points.values.sum(axis=1), softmax(base + values.sum(axis=1)), atol=1e-12)
    np.testing.assert_allclose(points.values.sum(axis=2), 0, atol=1e-9)
    assert points.to_frame().shape == (60, 5)
    two = to_points(np.stack([-values[:, :, 0] / 2, values[:, :, 0] / 2], axis=2), np.array([0.7, -0.7]), output="log-odds")
    np.testing.assert_allclose(two.values[:, :, 1], to_points(values[:, :, 0], -1.4, output="log-odds").values, atol=1e-7)
    counts = to_points(values[:, :, 0], 1.0, output="log")
    np.testing.assert_allclose(np.e + counts.values.sum(axis=1), np.exp(1 + values[:, :, 0].sum(axis=1)), atol=1e-9)
    with pytest.raises(InputError, match="measured in"):
        to_points(values, base, output="logit")
    with pytest.raises(InputError, match="finite"):
        to_points(np.full((1, 2), np.nan), 0.0, output="value")
    with pytest.raises(InputError, match="rows, players"):
        to_points(np.zeros(3), 0.0, output="value")
    again = Result.from_dict(points.to_dict())
    np.testing.assert_array_equal(again.values, points.values)


def test_lines_read_well_and_add_up():
    X = pd.DataFrame({"hour": [21, 6, 12], "wind": [35.0, np.nan, 18.0], "origin": ["EWR", "JFK", "JFK"]})
    codes = reason_codes(EXPLAINER, X, positive="late", phrases=PHRASES)
    lines = codes.table["text"].tolist()
    assert lines[0].startswith("late because: ") and " points)" in lines[0] and lines[0].count("points") == 1
    assert "departs 21:00 (+" in lines[0] and "35 mph of wind at the gate (+" in lines[0] and "leaves Newark (+" in lines[0]
    assert lines[1].startswith("not late because: ") and "no wind measured (-" in lines[1]
    assert codes.table["reason_1"].iloc[0] in lines[0].replace(" points)", ")")
    both = reason_codes(EXPLAINER, X, direction="both", min_points=0, n=3)
    total = both.reasons.groupby("row")["points"].sum().to_numpy() / 100
    np.testing.assert_allclose(both.reference[0] + total, both.table["prediction"], atol=1e-12)
    np.testing.assert_allclose(both.table["prediction"], sigmoid(-2 + EXPLAINER.terms(X).sum(axis=1)), atol=1e-12)
    assert codes.sentence.startswith("First reason of 3 rows") and codes.summary()["units"] == "points"
    assert codes.of(0)["column"].tolist() == codes.reasons.query("row == 0")["column"].tolist()
    with pytest.raises(InputError, match="reason codes"):
        codes.of(3)


def test_directions_thresholds_and_least_points():
    X = table(300)
    up = reason_codes(EXPLAINER, X, direction="up", min_points=2)
    assert (up.reasons["points"] >= 2).all() and (up.reasons["direction"] == "up").all()
    down = reason_codes(EXPLAINER, X, direction="down")
    assert (down.reasons["points"] <= -1).all()
    everything = reason_codes(EXPLAINER, X, threshold=0.0, positive="late")
    assert (everything.reasons["points"] > 0).all()
    given = everything.table["reason_1"] != ""
    assert everything.table.loc[given, "text"].str.startswith("late because: ").all()
    assert (everything.table.loc[~given, "text"] == "no reason of 1 points or more").all()
    assert len(reason_codes(EXPLAINER, X, n=1).reasons) <= 300
    strongest = up.reasons.groupby("row")["points"].apply(lambda p: p.is_monotonic_decreasing)
    assert strongest.all()
    none = reason_codes(EXPLAINER, X, min_points=1000)
    assert not len(none.reasons) and none.sentence.startswith("None of 300 rows") and none.summary()["most_often"] == "none"


def test_what_is_within_its_error_is_no_reason():
    X = table(50)
    sure = reason_codes(Additive(BACKGROUND, "probability", error=0.0), X, direction="both", min_points=0)
    unsure = reason_codes(Additive(BACKGROUND, "probability", error=0.3), X, direction="both", min_points=0)
    assert len(unsure.reasons) < len(sure.reasons)
    assert (unsure.reasons["points"].abs() > 1.96 * 30).all()


def test_quantities_keep_their_unit():
    X = table(20)
    codes = reason_codes(Additive(BACKGROUND, "value"), X, units="minutes", direction="both")
    assert codes.min_points == 0 and codes.method == "as is" and " minutes)" in codes.table["text"].iloc[0]
    assert codes.table["prediction"].iloc[0] == pytest.approx(-2 + EXPLAINER.terms(X).sum(axis=1)[0])


class Classes(Additive):
    classes = ("early", "late", "on time")

    def attribute(self, X):
        found = super().attribute(X)
        found.values = np.stack([-found.values, found.values, np.zeros_like(found.values)], axis=2)
        found.base = np.array([0.0, -0.5, 0.2])
        return found


def test_several_classes():
    X = table(60)
    own = reason_codes(Classes(BACKGROUND), X)
    assert set(own.table["label"]) <= set(Classes.classes) and own.table["label"].nunique() > 1
    lead = own.table["label"] + " because: "
    with_reason = own.table["reason_1"] != ""
    assert all(t.startswith(h) for t, h in zip(own.table["text"][with_reason], lead[with_reason]))
    late = reason_codes(Classes(BACKGROUND), X, label="late", direction="both", min_points=0)
    assert (late.table["label"] == "late").all() and len(late.reference) == 3
    total = late.reasons.groupby("row")["points"].sum().to_numpy() / 100
    np.testing.assert_allclose(late.reference[1] + total, late.table["prediction"], atol=1e-12)
    with pytest.raises(InputError, match="a class of the model"):
        reason_codes(Classes(BACKGROUND), X, label="lat")
    with pytest.raises(InputError, match="several classes"):
        reason_codes(EXPLAINER, X, label="late")


def test_batches_change_nothing_and_seeds_do_not_matter():
    X = table(500)
    whole, parts = reason_codes(EXPLAINER, X), reason_codes(EXPLAINER, X, batch=37)
    pd.testing.assert_frame_equal(whole.table, parts.table)
    pd.testing.assert_frame_equal(whole.reasons, parts.reasons)
    empty = reason_codes(EXPLAINER, X.iloc[:0])
    assert len(empty.table) == 0 and list(empty.table.columns) == list(whole.table.columns)
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        reason_codes(EXPLAINER, X, cancel=cancel)


def test_json_and_files(tmp_path):
    codes = reason_codes(EXPLAINER, table(30), phrases=PHRASES)
    again = Result.from_dict(codes.to_dict())
    pd.testing.assert_frame_equal(again.reasons, codes.reasons)
    codes.save(tmp_path / "codes.json")
    pd.testing.assert_frame_equal(Result.load(tmp_path / "codes.json").table, codes.table)


def fitted(last, target):
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    X = table(400, 3)
    score = EXPLAINER.terms(X).sum(axis=1)
    y = {"late": score > 0.3, "kind": np.where(score < -0.5, "early", np.where(score > 0.5, "late", "on time")), "delay": score * 10}[target]
    parts = ColumnTransformer([("n", SimpleImputer(add_indicator=True), ["hour", "wind"]), ("c", OneHotEncoder(), ["origin"])])
    return make_pipeline(parts, last).fit(X, y), X


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression", "probability"])
def test_real_pipelines_in_their_own_columns(kind):
    "Points of all columns lead from the usual prediction to the pipeline's own, whatever the way they were found."
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.naive_bayes import GaussianNB

    last = {"regression": Ridge(), "probability": GaussianNB()}.get(kind, LogisticRegression(max_iter=300))
    model, X = fitted(last, {"multiclass": "kind", "regression": "delay"}.get(kind, "late"))
    codes = reason_codes(model, X.head(12), background=X.head(40), direction="both", min_points=0, n=9, random_state=0)
    wanted = model.predict(X.head(12)) if kind == "regression" else model.predict_proba(X.head(12))
    np.testing.assert_allclose(codes.table["prediction"], wanted if kind == "regression" else wanted.max(axis=1) if kind == "multiclass"
                               else wanted[:, 1], atol=1e-9)  # fmt: skip
    total = codes.reasons.groupby("row")["points"].sum().reindex(range(12), fill_value=0).to_numpy() / (1 if kind == "regression" else 100)
    reference = np.array(codes.reference)[wanted.argmax(axis=1)] if kind == "multiclass" else codes.reference[0]
    np.testing.assert_allclose(reference + total, codes.table["prediction"], atol=1e-9)
    assert set(codes.reasons["column"]) <= {"hour", "wind", "origin"}
    assert codes.method == {"binary": "smoothed", "multiclass": "proportional"}.get(kind, "as is")
    if kind == "binary":
        assert codes.reference[0] == pytest.approx(model.predict_proba(X.head(40))[:, 1].mean(), abs=1e-9)


class Hostile(Additive):
    players = (("{hour}",), ("a <b>", "wind"))

    def attribute(self, X):
        values = np.column_stack([np.full(len(X), 0.5), np.full(len(X), 0.3)])
        return SimpleNamespace(values=values, base=0.1, players=self.players, output="probability", error=None)


def test_hostile_names_and_values_stay_text():
    value = "{wind.__class__}\n<script>alert(1)</script>" + "x" * 200
    X = pd.DataFrame({"{hour}": [value, None], "a <b>": ["{value}", "u"], "wind": [1.0, 2.0]})
    explainer = Hostile.__new__(Hostile)
    explainer.background = None
    codes = reason_codes(explainer, X)
    text = codes.table["text"].iloc[0]
    assert "{wind.__class__}" in text and "\n" not in text and len(text) < 250
    assert "<script>" not in codes._repr_html_()
    templated = reason_codes(explainer, X, phrases={"{hour}": "{value} with {wind}"})
    assert templated.table["reason_1"].iloc[0].startswith("{wind.__class__}")
    assert "{wind.__class__}" in codes.reasons["value"].iloc[0]
    assert "{hour} is missing" in templated.table["reason_1"].iloc[1]
    assert "a <b> is {value}, wind is 1" in codes.table["text"].iloc[0]


def test_what_is_refused():
    X = table(5)
    for wrong, match in ((dict(n=0), "whole number"), (dict(direction="upwards"), "which reasons"), (dict(min_points=-1), "0 or more"),
                         (dict(phrases={"hours": "x"}), "columns the model takes"), (dict(phrases={"hour": 3}), "template"),
                         (dict(phrases={"hour": "{gate}"}), "in braces"), (dict(phrases={"hour": lambda v: 3}), "return text"),
                         (dict(threshold="high"), "number"), (dict(positive=1), "text")):  # fmt: skip
        with pytest.raises(InputError, match=match):
            reason_codes(EXPLAINER, X, **wrong)
    with pytest.raises(InputError, match="background rows"):
        reason_codes(object(), X)
    with pytest.raises(InputError, match="must be a table"):
        reason_codes(EXPLAINER, np.zeros(3))
