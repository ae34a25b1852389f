"Effects: known answers, every kind of column and task, intervals that cover, gaps that are told, surfaces and accumulated effects."

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LinearRegression

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.accumulated import accumulate, local_effects, similarity_order, steps_of
from mltoolkit.explainability.axes import Draws, axis_of, kind_of, points_of_rows, predictions_at
from mltoolkit.explainability.effects import differs, effects
from mltoolkit.explainability.surfaces import surface
from mltoolkit.modeling.candidates import make_pipeline_for

N = 400
RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, N))
FRAME = pd.DataFrame(
    {
        "a": A,
        "b": np.where(RNG.random(N) < 0.1, np.nan, B),
        "whole": RNG.integers(0, 4, N),
        "kind": pd.Series(RNG.choice(["x", "y", "z", "rare"], N, p=[0.4, 0.3, 0.29, 0.01]), dtype="str").where(RNG.random(N) > 0.1),
        "flag": pd.Series(RNG.random(N) < 0.5, dtype="boolean"),
        "when": pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(RNG.integers(0, 9_000, N), "h"),
        "size": pd.Categorical(RNG.choice(["S", "M", "L"], N), categories=["S", "M", "L"], ordered=True),
    }
)
SIGNAL = A + (FRAME["kind"] == "x") + 0.8 * FRAME["flag"].astype(float)
TARGETS = {"binary": SIGNAL + 0.5 * B > 0.5, "multiclass": np.digitize(SIGNAL, [0, 1.2]).astype(str), "regression": 3 * SIGNAL}
DATA = {task: Dataset(frame=FRAME.assign(y=y), target="y", task=task) for task, y in TARGETS.items()}
MODELS = {}


def quiet(share, note=""):
    pass


def fitted(task):
    if task not in MODELS:
        name = "ridge" if task == "regression" else "logistic"
        MODELS[task] = make_pipeline_for(name, FRAME, task=task).fit(FRAME, DATA[task].y)
    return MODELS[task]


class Formula:
    "A regression given by a function of the table."

    def __init__(self, function, columns):
        self.function, self.feature_names_in_ = function, np.array(columns, dtype=object)

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return self.function(X).to_numpy(dtype=float)


@pytest.mark.parametrize("kind", ["pdp", "ale"])
@pytest.mark.parametrize("task", list(DATA))
def test_every_column_of_every_task(task, kind):
    found = effects(fitted(task), DATA[task], kind=kind, max_rows=150, grid=6, n_ice=5, n_resamples=30, progress=quiet)
    assert set(found.columns["column"]) == set(FRAME.columns)
    k = 3 if task == "multiclass" else 1
    assert len(found.columns) == 7 * k and len(found.base) == k and found.classes == (["0", "1", "2"] if k == 3 else [])
    told = found.columns.groupby("column")["told"].any()
    assert told["a"] and told["kind"]
    table = found.table
    assert (table["lower"] <= table["value"] + 0.02).all() and (table["upper"] >= table["value"] - 0.02).all()
    assert found.table["missing"].any() == (kind == "pdp")  # accumulated effects say nothing about a missing value
    for c in found.classes or [None]:
        for column in FRAME:
            assert found.sentence(column, class_=c).startswith(f"{column}: ")
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    pd.testing.assert_frame_equal(again.table, found.table)
    assert (found.ice is not None) == (kind == "pdp")


def test_partial_dependence_equals_scikit_learn():
    X = FRAME[["a", "whole"]]
    model = LinearRegression().fit(X, X["a"] ** 2 + X["whole"])
    mine = effects(model, X, ["a"], grid=8, max_rows=N, progress=quiet).of("a")
    theirs = partial_dependence(model, X, ["a"], custom_values={"a": mine["x"].to_numpy()}, method="brute")
    np.testing.assert_allclose(mine["value"], theirs["average"][0], atol=1e-12)
    # the effect of a linear model is its coefficient times the distance, whichever kind, and its shape is not uncertain
    for kind in ("pdp", "ale"):
        part = effects(model, X, ["a"], kind=kind, grid=8, progress=quiet).of("a")
        np.testing.assert_allclose(np.diff(part["effect"]), model.coef_[0] * np.diff(part["x"]), atol=1e-12)
        assert (part["effect_upper"] - part["effect_lower"]).max() < 1e-9 or kind == "ale"


def test_where_columns_go_together_accumulated_effects_are_right_and_partial_dependence_is_not():
    rng = np.random.default_rng(1)
    a = rng.uniform(0, 1, 1_500)
    X = pd.DataFrame({"a": a, "b": a + 0.02 * rng.standard_normal(1_500)})
    wild = Formula(lambda t: t["a"] ** 2 + 100 * (t["a"] - t["b"]).abs().gt(0.3), ["a", "b"])  # nonsense where there are no rows
    ale, pdp = (effects(wild, X, ["a"], kind=k, grid=10, max_rows=1_500, progress=quiet).of("a") for k in ("ale", "pdp"))
    assert np.abs(ale["effect"] - (ale["x"] ** 2 - (a**2).mean())).max() < 0.03
    assert np.abs(pdp["effect"]).max() > 5


def test_an_ignored_column_is_flat_and_so_told():
    model = Formula(lambda t: t["a"], ["a", "flag"])
    found = effects(model, FRAME[["a", "flag"]], progress=quiet)
    row = found.columns.set_index("column").loc["flag"]
    assert not row["told"] and row["spread"] < 1e-12 and "the same all along" in found.sentence("flag")


def test_intervals_of_the_mean_curve_cover():
    model, hits = Formula(lambda t: t["a"] * t["b"], ["a", "b"]), []
    for seed in range(40):
        X = pd.DataFrame(np.random.default_rng(seed).standard_normal((150, 2)), columns=["a", "b"])
        part = effects(model, X, ["a"], grid=5, n_ice=0, progress=quiet).of("a")
        hits.append(((part["lower"] <= 0) & (part["upper"] >= 0)).iloc[[0, -1]].mean())  # the true curve is 0 everywhere
    assert 0.85 <= np.mean(hits) <= 1


def test_flat_curves_are_rarely_told():
    model, told = Formula(lambda t: t["a"] * t["b"], ["a", "b"]), []
    for seed in range(40):
        X = pd.DataFrame(np.random.default_rng(seed).standard_normal((200, 2)), columns=["a", "b"])
        told.append(effects(model, X, ["a"], grid=6, n_ice=0, progress=quiet).columns["told"][0])
    assert np.mean(told) <= 0.15
    assert not differs(np.zeros(4), np.zeros((9, 4)))


def test_several_models_are_averaged_and_widen_the_interval():
    one, two = Formula(lambda t: t["a"], ["a"]), Formula(lambda t: 3 * t["a"], ["a"])
    X = FRAME[["a"]]
    alone, both = (effects(m, X, grid=5, progress=quiet).of("a") for m in (one, [one, two]))
    np.testing.assert_allclose(both["value"], 2 * alone["value"])
    width = (both["effect_upper"] - both["effect_lower"]).to_numpy()
    assert width[0] > 1 and (alone["effect_upper"] - alone["effect_lower"]).max() < 1e-9


def test_blocks_widen_the_level_of_a_curve():
    frame = pd.concat([FRAME[["a", "whole"]].head(20)] * 10, ignore_index=True).assign(day=np.tile(np.arange(20), 10), y=1)
    model = Formula(lambda t: t["a"] + t["whole"], ["a", "whole"])
    widths = []
    for group in (None, "day"):
        part = effects(model, Dataset(frame=frame, group=group), ["whole"], progress=quiet).of("whole")
        widths.append((part["upper"] - part["lower"]).mean())
    assert widths[1] > 2 * widths[0]


def test_multiclass_effects_add_up_to_zero():
    found = effects(fitted("multiclass"), DATA["multiclass"], ["a"], grid=5, progress=quiet)
    total = found.table.groupby("at", sort=False)["value"].sum()
    np.testing.assert_allclose(total, 1.0)


def test_log_odds_of_a_logistic_regression_are_a_straight_line():
    found = effects(fitted("binary"), DATA["binary"], ["a"], output="log-odds", grid=6, progress=quiet).of("a")
    slopes = np.diff(found["effect"]) / np.diff(found["x"])
    np.testing.assert_allclose(slopes[1:-1], slopes[1], rtol=1e-6)  # the pipeline clips the ends


def test_axis_of_every_kind():
    kinds = {c: kind_of(FRAME[c]) for c in FRAME}
    assert kinds == {
        "a": "number",
        "b": "number",
        "whole": "number",
        "kind": "category",
        "flag": "boolean",
        "when": "date",
        "size": "category",
    }
    assert axis_of(FRAME["whole"]).points.tolist() == [0, 1, 2, 3] and axis_of(FRAME["whole"]).gaps == []
    assert axis_of(FRAME["size"]).table["at"].tolist() == ["S", "M", "L"]
    assert axis_of(FRAME["flag"]).points.tolist() == [False, True]
    levels = axis_of(FRAME["kind"], max_levels=2)
    assert levels.table["missing"].tolist() == [False, False, True] and levels.n_other > 0 and "rarer levels" in levels.sentence
    when = axis_of(FRAME["when"], grid=5)
    assert (
        when.points.dtype == FRAME["when"].dtype
        and (when.points.dt.tz_convert("UTC").dt.as_unit("s").astype("int64") == when.table["x"]).all()
    )
    for column in FRAME:
        axis = axis_of(FRAME[column])
        numbers = points_of_rows(FRAME[column], axis)
        assert np.array_equal(np.bincount(numbers[numbers >= 0], minlength=len(axis.table)), axis.table["n"])
        again = Result.from_dict(json.loads(json.dumps(axis.to_dict())))
        assert again.table["at"].tolist() == axis.table["at"].tolist()


def test_gaps_and_thin_data_are_told():
    column = pd.Series(np.r_[np.linspace(0, 1, 300), np.linspace(9, 10, 300), 30.0], name="x")
    axis = axis_of(column, grid=5, spacing="even")
    assert axis.gaps == [["1", "9"], ["10", "30"]] and "no row between 1 and 9" in axis.sentence
    assert not axis.table["supported"].iloc[-1] and "behind 30" in axis.sentence
    assert axis.density["n"].sum() == 601


@pytest.mark.parametrize(
    "column", [pd.Series([np.nan] * 8), pd.Series([None] * 8, dtype="str"), pd.Series([5.0] * 8), pd.Series(["k"] * 8)]
)
@pytest.mark.parametrize("kind", ["pdp", "ale"])
def test_empty_and_constant_columns(column, kind):
    frame = pd.DataFrame({"a": np.arange(8.0), "c": column})
    found = effects(Formula(lambda t: t["a"], ["a", "c"]), frame, kind=kind, n_resamples=5, progress=quiet)
    assert not found.columns.set_index("column").loc["c", "told"]


def test_levels_are_ordered_by_likeness():
    x = np.repeat([0.0, 5.0, 1.0, 4.0, 2.0, 3.0], 50)
    X = pd.DataFrame({"level": np.repeat(list("afbecd"), 50), "x": x + np.random.default_rng(0).uniform(0, 4, 300)})
    axis = axis_of(X["level"])
    order = axis.table["at"].iloc[similarity_order(X, "level", points_of_rows(X["level"], axis), 6)].tolist()
    assert order in (list("abcdef"), list("fedcba"))
    assert similarity_order(X, "level", points_of_rows(X["level"], axis), 2).tolist() == [0, 1]


def test_a_step_without_rows_is_flat_and_told():
    X = pd.DataFrame({"a": np.r_[np.zeros(10), np.ones(10)]})
    axis = axis_of(pd.Series([0.0, 0.4, 0.5, 1.0], name="a"))
    steps = steps_of(X, axis)
    curve, _, empty = accumulate([local_effects(lambda t: t[["a"]].to_numpy(), X, axis, steps)], steps, Draws(None, 20, n_resamples=3))
    assert empty.tolist() == [1] and curve[1, 0] == curve[2, 0]


def test_joint_parts_of_a_surface():
    X = FRAME[["a", "whole", "kind"]]
    flat = surface(Formula(lambda t: t["a"] ** 2 + 3 * t["whole"], X.columns), X, "a", "whole", grid=4, n_resamples=20, progress=quiet)
    assert flat.table["joint"].abs().max() < 1e-12 and "add up" in flat.sentence
    both = surface(Formula(lambda t: t["a"] * t["whole"], X.columns), X, "a", "whole", grid=4, max_rows=N, n_resamples=20, progress=quiet)
    np.testing.assert_allclose(both.grid(), np.outer(both.table["a_x"].unique(), both.table["b_x"].unique()), atol=1e-12)
    assert both.table["joint"] @ both.table["n"] == pytest.approx(0, abs=1e-9) and "beyond what" in both.sentence
    assert both.grid("n").to_numpy().sum() == N
    classes = surface(fitted("multiclass"), DATA["multiclass"], "kind", "flag", max_rows=50, n_resamples=5, progress=quiet)
    assert classes.grid(class_="1").shape == (5, 2)
    again = Result.from_dict(json.loads(json.dumps(classes.to_dict())))
    assert again.sentence == classes.sentence


def test_pairs_budget_and_determinism():
    found = effects(fitted("binary"), DATA["binary"], ["a", ("a", "flag")], max_rows=50, n_resamples=5, progress=quiet)
    again = effects(fitted("binary"), DATA["binary"], ["a", ("a", "flag")], max_rows=50, n_resamples=5, progress=quiet)
    pd.testing.assert_frame_equal(found.table, again.table)
    assert found.surfaces[0].columns == ["a", "flag"]
    short = effects(fitted("binary"), DATA["binary"], max_rows=50, n_resamples=5, budget_s=0, progress=quiet)
    assert len(short.columns) == 1 and len(short.left_out) == 6


def test_batches_change_nothing(monkeypatch):
    from mltoolkit.explainability import axes

    axis = axis_of(FRAME["kind"])
    settings = axis.points.to_frame("kind")

    def predict(t):
        return np.stack([t["a"], t["kind"].eq("x")], axis=1).astype(float)

    whole = predictions_at(predict, FRAME, settings)
    monkeypatch.setattr(axes, "BATCH", 500)
    assert np.array_equal(whole, predictions_at(predict, FRAME, settings)) and whole.shape == (N, 5, 2)


def test_hostile_names_and_values():
    name = "<script>x</script>"
    frame = FRAME[["a"]].assign(**{name: np.where(FRAME["whole"] > 1, "<b>&", "it's")})
    found = effects(Formula(lambda t: t[name].eq("<b>&").astype(float), frame.columns), frame, progress=quiet)
    assert "<b>&" in found.sentence(name) and "<script>" not in found._repr_html_() and "<b>" not in found._repr_html_()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda m: effects(m, DATA["binary"], kind="mean"), "'pdp' or 'ale'"),
        (lambda m: effects(m, DATA["binary"], ["c"]), "'c'"),
        (lambda m: effects(m, DATA["binary"], [("a", "a")]), "two columns"),
        (lambda m: effects(m, DATA["binary"], [("a", "b", "kind")]), "two columns"),
        (lambda m: effects(m, DATA["binary"], output="value"), "`output`"),
        (lambda m: effects(m, DATA["binary"], grid=1), "`grid`"),
        (lambda m: effects(m, DATA["binary"], "a", spacing="log"), "`spacing`"),
        (lambda m: effects(m, FRAME.head(0)), "rows"),
        (lambda m: effects(m, FRAME.drop(columns="a")), "no column 'a'"),
        (lambda m: effects(m, DATA["binary"], "a", n_resamples=5).of("b"), "'b'"),
        (lambda m: surface(m, DATA["binary"], "a", "a"), "twice"),
        (lambda m: effects(m, DATA["binary"].replace(sensitive="kind")), "sensitive"),
    ],
)
def test_bad_input(how, words):
    with pytest.raises(InputError, match=words):
        how(fitted("binary"))


def test_progress_and_cancel():
    seen, token = [], Cancel()
    effects(fitted("binary"), DATA["binary"], max_rows=20, n_resamples=5, progress=lambda s, n: seen.append(s))
    assert seen[-1] == 1 and len(seen) == 7
    with pytest.raises(Cancelled):
        effects(fitted("binary"), DATA["binary"], max_rows=20, n_resamples=5, progress=lambda s, n: token.cancel(), cancel=token)
