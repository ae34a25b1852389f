"Stability over folds, and cohorts whose differences add up."

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.cohorts import compare_cohorts
from mltoolkit.explainability.explainer import Explainer
from mltoolkit.explainability.stability import concordance, stability
from mltoolkit.modeling.candidates import make_pipeline_for

RNG = np.random.default_rng(0)
N = 400
X = pd.DataFrame(
    {"a": RNG.standard_normal(N), "b": RNG.standard_normal(N), "c": RNG.standard_normal(N), "kind": RNG.choice(["x", "y", "z"], N)}
)
SIGNAL = 3 * X["a"] + X["b"] + 2.0 * (X["kind"] == "x")
NUMBERS = ["a", "b", "c"]


def quiet(share, note=""):
    pass


def dataset(task):
    noisy = SIGNAL + RNG.standard_normal(N)
    y = {"binary": noisy > 0.5, "multiclass": np.digitize(noisy, [-1, 2]).astype(str), "regression": noisy}[task]
    return Dataset(frame=X.assign(y=y), target="y", task=task)


DATA = {task: dataset(task) for task in ("binary", "multiclass", "regression")}


@pytest.mark.parametrize("measure", ["attribution", "permutation"])
@pytest.mark.parametrize("task", list(DATA))
def test_the_first_columns_stay_the_first(task, measure):
    name = "ridge" if task == "regression" else "logistic"
    found = stability(name, DATA[task], mlt.split(DATA[task], n_splits=3), measure=measure, top=2, progress=quiet)
    assert found.table.loc[0, "column"] == "a" and found.table.loc[0, "always_top"] and found.n_folds == 3
    assert found.table.loc[0, ["best", "worst"]].tolist() == [1, 1]
    assert found.folds.groupby("fold")["share"].sum().tolist() == pytest.approx([1, 1, 1])
    assert 0.3 < found.agreement <= 1 and "a" in found.sentence
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.sentence == found.sentence and again.summary() == found.summary()


def test_stability_of_models_that_are_fitted_already():
    data = DATA["binary"]
    cut = mlt.split(data, n_splits=3)
    models = [make_pipeline_for("logistic", X).fit(X.iloc[train], data.take(train).y) for train, _ in cut.folds]
    one, two = stability(models, data, cut, progress=quiet), stability("logistic", data, cut, progress=quiet)
    pd.testing.assert_frame_equal(one.table, two.table)
    with pytest.raises(InputError, match="one fitted model a fold"):
        stability(models[:2], data, cut)


def test_stability_leaves_the_estimator_and_the_locked_rows_alone():
    data = DATA["regression"]
    numbers = Dataset(frame=data.frame[[*NUMBERS, "y"]], target="y", task="regression")
    estimator, cut = LinearRegression(), mlt.split(numbers, n_splits=3)
    spoiled = numbers.with_frame(numbers.frame.assign(a=np.where(np.isin(np.arange(N), cut.test), 1e9, numbers.frame["a"])))
    one, two = stability(estimator, numbers, cut, progress=quiet), stability(estimator, spoiled, cut, progress=quiet)
    pd.testing.assert_frame_equal(one.table, two.table)
    assert not hasattr(estimator, "coef_")


def test_stability_where_contributions_are_sampled():
    found = stability(
        "knn", DATA["binary"], mlt.split(DATA["binary"], n_splits=2), drop=["c"], max_rows=100, n_background=5, progress=quiet
    )
    assert found.table.loc[0, "column"] == "a" and "probability" in found.unit and set(found.table["column"]) == {"a", "b", "kind"}


def test_concordance():
    assert concordance([[1, 2, 3]] * 4) == 1 and concordance([[1, 2, 3], [3, 2, 1]]) == 0
    assert np.isnan(concordance([[1, 2, 3]])) and np.isnan(concordance([[2, 2, 2]] * 3))
    assert concordance([[1, 2.5, 2.5], [1, 2.5, 2.5]]) == pytest.approx(1)


def test_stability_bad_input_progress_and_cancel():
    data, seen, token = DATA["binary"], [], Cancel()
    cut = mlt.split(data, n_splits=2)
    stability("logistic", data, cut, max_rows=20, progress=lambda s, n: seen.append(s))
    assert seen == [0.5, 1]
    with pytest.raises(Cancelled):
        stability("logistic", data, cut, progress=lambda s, n: token.cancel(), cancel=token)
    for options, words in (({"measure": "shap"}, "attribution"), ({"top": 0}, "`top`"), ({"drop": "q"}, "'q'")):
        with pytest.raises(InputError, match=words):
            stability("logistic", data, cut, **options)


@pytest.mark.parametrize("task", list(DATA))
@pytest.mark.parametrize("by", ["kind", "a"])
def test_differences_of_columns_add_up_to_the_difference_of_predictions(task, by):
    name = "ridge" if task == "regression" else "logistic"
    data = DATA[task]
    model = make_pipeline_for(name, X, task=task).fit(X, data.y)
    found = compare_cohorts(model, data, by=by, progress=quiet)
    label = ["cohort", "class"] if task == "multiclass" else ["cohort"]
    total = found.table.groupby(label, sort=False)["difference"].sum()
    np.testing.assert_allclose(total.to_numpy(), found.predictions["difference"], atol=1e-9)
    assert (found.table["lower"] <= found.table["difference"]).all() and (found.table["upper"] >= found.table["difference"]).all()
    if by == "kind" and task == "regression":
        part = found.of("x").set_index("column")
        assert found.of("x").loc[0, "column"] == "kind" and part.loc["kind", "difference"] == pytest.approx(2, rel=0.2)
        assert "mostly through kind" in found.sentence("x")
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    cohort = found.predictions["cohort"].iloc[0]
    assert again.sentence(cohort) == found.sentence(cohort)


def test_every_source_gives_the_same():
    data = DATA["regression"]
    model = make_pipeline_for("ridge", X, task="regression").fit(X, data.y)
    explainer = Explainer(model, data.frame)
    done = explainer.attribute(X)
    tables = [compare_cohorts(s, data, by="kind", progress=quiet).table for s in (model, explainer, done, done.to_frame())]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])
    explanation = mlt.explain(model, data, rows=np.arange(N), progress=quiet)
    np.testing.assert_allclose(
        compare_cohorts(explanation, data, by="kind", progress=quiet).table["difference"], tables[0]["difference"], atol=0.3
    )
    part = mlt.explain(model, data, rows=np.arange(200), progress=quiet)
    assert compare_cohorts(part, data, by="kind", progress=quiet).n_rows == 200


def test_two_cohorts_mirror_each_other_and_a_reference_is_kept():
    values = pd.DataFrame({"a": X["a"], "b": np.where(X["kind"] == "x", 1.0, 0.0)})
    found = compare_cohorts(values, X, by=(X["kind"] == "x").to_numpy(), progress=quiet)
    wide = found.table.pivot(index="column", columns="cohort", values="difference")
    np.testing.assert_allclose(wide["in"], -wide["out"])
    assert wide.loc["b", "in"] == 1 and found.by == "labels"
    against = compare_cohorts(values, X, by="kind", reference="z", progress=quiet)
    assert set(against.predictions["cohort"]) == {"x", "y"} and against.of("y").set_index("column").loc["b", "difference"] == 0
    assert not against.of("y").set_index("column").loc["b", "differs"]


def test_equal_cohorts_are_rarely_said_to_differ_and_blocks_count():
    said = [compare_cohorts(pd.DataFrame(np.random.default_rng(s).standard_normal((150, 4))), pd.DataFrame({"g": np.arange(150) % 3}), by="g",
                            n_resamples=100, progress=quiet).table["differs"].any() for s in range(30)]  # fmt: skip
    assert np.mean(said) <= 0.15
    frame = pd.DataFrame({"g": np.repeat(np.arange(20) % 2, 10), "day": np.repeat(np.arange(20), 10)})
    values = pd.DataFrame({"v": np.repeat(np.random.default_rng(0).standard_normal(20), 10)})
    widths = []
    for group in (None, "day"):
        table = compare_cohorts(values, Dataset(frame=frame, group=group), by="g", progress=quiet).table
        widths.append((table["upper"] - table["lower"]).iloc[0])
    assert widths[1] > 2 * widths[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "q"}, "'q'"),
        ({"by": [1, 2]}, "one label a row"),
        ({"by": "kind", "reference": "q"}, "`reference`"),
        ({"by": "kind", "min_rows": 1000}, "two cohorts"),
        ({"by": np.zeros(N)}, "two cohorts"),
        ({"by": "kind", "n_resamples": 0}, "`n_resamples`"),
    ],
)
def test_cohorts_bad_input(options, words):
    with pytest.raises(InputError, match=words):
        compare_cohorts(pd.DataFrame({"a": X["a"]}), X, progress=quiet, **options)


def test_cohorts_refuse_sensitive_columns_and_other_rows():
    with pytest.raises(InputError, match="fairness"):
        compare_cohorts(pd.DataFrame({"a": X["a"]}), Dataset(frame=X, sensitive=("kind",)), by="kind")
    with pytest.raises(InputError, match="rows of `data`"):
        compare_cohorts(pd.DataFrame({"a": X["a"].head(9)}), X, by="kind")
    with pytest.raises(InputError, match="`cohort`"):
        compare_cohorts(pd.DataFrame({"a": X["a"]}), X, by="kind", progress=quiet).of("q")
    model = LogisticRegression().fit(X[NUMBERS], DATA["binary"].y)
    token = Cancel()
    token.cancel()
    with pytest.raises(Cancelled):
        compare_cohorts(model, X, by="kind", cancel=token)
