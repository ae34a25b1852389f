"Permutation importance: known answers, any task and metric, groups that move together, intervals, and where measures disagree."

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as by_scikit_learn
from sklearn.linear_model import LinearRegression, LogisticRegression

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.outputs import Predictor, inputs_of, log_odds, predictors_of, spread_rows
from mltoolkit.explainability.permutation import alike, alike_groups, disagreement, named_groups, permutation_importance, with_ranks
from mltoolkit.modeling.candidates import make_pipeline_for

N = 500
RNG = np.random.default_rng(0)
A, B, C = RNG.standard_normal((3, N))
FRAME = pd.DataFrame({"a": A, "b": B, "twin": A + 0.01 * C, "noise": C, "kind": RNG.choice(["x", "y", None], N)})
DATA = {
    "binary": Dataset(frame=FRAME.assign(y=A + 0.5 * B + 0.5 * RNG.standard_normal(N) > 0), target="y"),
    "multiclass": Dataset(frame=FRAME.assign(y=np.digitize(A + 0.3 * B, [-0.5, 0.5]).astype(str)), target="y", task="multiclass"),
    "regression": Dataset(frame=FRAME.assign(y=2 * A + B + 0.1 * RNG.standard_normal(N)), target="y", task="regression"),
}
FEW = ["a", "b", "noise"]


def quiet(share, note=""):
    pass


def fitted(task, columns=("a", "b", "noise", "kind"), name=None):
    data = DATA[task]
    X = data.frame[list(columns)]
    name = name or ("ridge" if task == "regression" else "logistic")
    return make_pipeline_for(name, X, task=task).fit(X, data.y)


@pytest.mark.parametrize("task", list(DATA))
@pytest.mark.parametrize("metric", [None, "by_draws"])
def test_every_task_and_metric_finds_the_column_that_matters(task, metric):
    metric = metric and {"regression": "r2"}.get(task, "roc_auc")
    found = permutation_importance(fitted(task), DATA[task], metric=metric, n_repeats=3, n_resamples=50, progress=quiet)
    table = found.table.set_index("column")
    assert found.table["column"].tolist()[:2] == ["a", "b"] and table.loc["a", "told"]
    assert (table["lower"] <= table["importance"] + 1e-9).all() and (table["upper"] >= table["importance"] - 1e-9).all()
    assert table.loc["a", "lower"] > table.loc["noise", "upper"] and abs(table.loc["noise", "importance"]) < 0.02
    assert found.sentence.startswith("The model relies most on a")


def test_agrees_with_scikit_learn():
    X, y = FRAME[FEW], DATA["regression"].y
    model = LinearRegression().fit(X, y)
    mine = permutation_importance(
        model, Dataset(frame=X.assign(y=y), target="y", task="regression"), metric="mse", n_repeats=20, progress=quiet
    )
    theirs = by_scikit_learn(model, X, y, scoring="neg_mean_squared_error", n_repeats=20, random_state=1)
    table = mine.table.set_index("column").loc[FEW]
    assert np.abs(table["importance"] - theirs.importances_mean).max() < 0.25 * theirs.importances_mean.max()
    # of a linear model, shuffling column j costs 2 w^2 var(x) on average
    assert table.loc["a", "importance"] == pytest.approx(2 * model.coef_[0] ** 2 * X["a"].var(), rel=0.1)


def test_a_twin_hides_its_column_until_both_are_shuffled():
    columns = ["a", "twin", "noise"]
    data = DATA["binary"]
    model = RandomForestClassifier(30, max_depth=4, random_state=0).fit(FRAME[columns], data.y)
    alone = permutation_importance(model, data, n_repeats=2, progress=quiet).table.set_index("column")["importance"]
    both = permutation_importance(model, data, n_repeats=2, groups="auto", progress=quiet)
    assert both.groups == {"a + twin": ["a", "twin"]}
    assert both.table.loc[0, "column"] == "a + twin" and both.table.loc[0, "importance"] > 1.5 * alone.max()


def test_a_column_the_model_ignores_has_importance_zero_and_an_interval_of_zero():
    X = FRAME[FEW]
    model = LogisticRegression().fit(X, DATA["binary"].y)
    model.coef_[0, 2] = 0.0
    row = permutation_importance(model, DATA["binary"], progress=quiet).table.set_index("column").loc["noise"]
    assert (row["importance"], row["lower"], row["upper"], row["told"]) == (0, 0, 0, False)


def test_same_seed_same_result_and_a_column_alone_is_the_same():
    model = fitted("binary")
    one, two = (permutation_importance(model, DATA["binary"], n_repeats=2, progress=quiet) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, two.table)
    alone = permutation_importance(model, DATA["binary"], n_repeats=2, columns="b", progress=quiet).table
    assert alone.loc[0, "importance"] == one.table.set_index("column").loc["b", "importance"]
    other = permutation_importance(model, DATA["binary"], n_repeats=2, random_state=1, progress=quiet)
    assert other.table["importance"].tolist() != one.table["importance"].tolist()


def test_blocks_widen_the_interval():
    frame = pd.concat([DATA["binary"].frame.iloc[:25]] * 20, ignore_index=True).assign(day=np.tile(np.arange(25), 20))
    model = fitted("binary")
    rows = permutation_importance(model, Dataset(frame=frame, target="y"), n_repeats=2, columns="a", progress=quiet)
    blocks = permutation_importance(model, Dataset(frame=frame, target="y", group="day"), n_repeats=2, columns="a", progress=quiet)
    width = [(f.table.loc[0, "upper"] - f.table.loc[0, "lower"]) for f in (rows, blocks)]
    assert blocks.n_blocks == 25 and width[1] > 2 * width[0]


def test_ranks_follow_the_intervals():
    table = pd.DataFrame({"column": list("abc"), "importance": [1.0, 5.0, 0.9], "lower": [0.5, 4, 0.4], "upper": [1.5, 6, 1.4]})
    ranks = with_ranks(table)
    assert ranks["column"].tolist() == ["b", "a", "c"]
    assert ranks[["rank_lower", "rank_upper"]].to_numpy().tolist() == [[1, 1], [2, 3], [2, 3]]


def test_alike():
    found = alike(FRAME.assign(same=FRAME["kind"], when=pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N), "h"), empty=np.nan))
    assert found.loc["a", "twin"] > 0.99 and found.loc["kind", "same"] > 0.95 and found.loc["a", "b"] < 0.2
    assert (found.loc["empty"].drop("empty") == 0).all() and (found == found.T).all().all()
    assert alike_groups(FRAME[["a", "b", "twin"]]) == [["a", "twin"], ["b"]] and alike_groups(FRAME[["a"]]) == [["a"]]


def test_named_groups():
    X = FRAME[FEW]
    assert named_groups(None, X) == {"a": ["a"], "b": ["b"], "noise": ["noise"]}
    assert named_groups({"both": ["a", "noise"]}, X) == {"both": ["a", "noise"], "b": ["b"]}
    for wrong in ([["a", "x"]], [["a"], ["a", "b"]], "all"):
        with pytest.raises(InputError):
            named_groups(wrong, X)


def test_disagreement_needs_more_than_overlapping_intervals():
    columns = ["a", "b", "c"]
    one = pd.DataFrame(
        {"column": columns, "attribution": [3.0, 2, 1], "attribution_lower": [2.8, 1.8, 0.8], "attribution_upper": [3.2, 2.2, 1.2]}
    )
    two = pd.DataFrame({"column": columns, "importance": [-0.1, 2, 3], "lower": [-0.3, 1.8, 2.8], "upper": [0.1, 2.2, 3.2]})
    found = disagreement(one, two)
    assert found.table.set_index("column")["disagrees"].tolist() == [True, False, True]
    assert "noise" in found.sentence and found.correlation == -1
    wide = disagreement(one, two.assign(lower=-5, upper=9))
    assert not wide.table["disagrees"].any() and "same order" in wide.sentence
    assert Result.from_dict(json.loads(json.dumps(found.to_dict()))).sentence == found.sentence
    twins = FRAME.rename(columns={"twin": "c"})
    assert disagreement(one, two, data=twins).table.set_index("column").loc["a", "partner"] == "c"


def test_round_trip_and_hostile_names():
    name = "<b>a</b> & co"
    data = Dataset(frame=DATA["binary"].frame.rename(columns={"a": name}), target="y")
    X = data.frame[[name, "b"]]
    found = permutation_importance(LogisticRegression().fit(X, data.y), data, n_repeats=1, progress=quiet)
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    pd.testing.assert_frame_equal(again.table, found.table)
    assert again.sentence == found.sentence and "<b>" not in found._repr_html_()


def test_progress_and_cancel():
    seen, token = [], Cancel()
    permutation_importance(fitted("binary"), DATA["binary"], n_repeats=1, progress=lambda s, n: seen.append(s))
    assert seen[-1] == 1 and len(seen) == 4
    with pytest.raises(Cancelled):
        permutation_importance(fitted("binary"), DATA["binary"], n_repeats=1, progress=lambda s, n: token.cancel(), cancel=token)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda m: permutation_importance(m, FRAME), "without one"),
        (lambda m: permutation_importance(m, DATA["binary"], n_repeats=0), "`n_repeats`"),
        (lambda m: permutation_importance(m, DATA["binary"], columns=["z"]), "'z'"),
        (lambda m: permutation_importance(m, DATA["regression"]), "regression target"),
        (lambda m: permutation_importance(m, DATA["binary"], metric="rmse"), "`scoring`"),
        (lambda m: permutation_importance(m, DATA["binary"].with_frame(DATA["binary"].frame.drop(columns="a"))), "no column 'a'"),
        (lambda m: permutation_importance(m, DATA["binary"].replace(sensitive=("kind",))), "sensitive"),
        (lambda m: permutation_importance("model", DATA["binary"]), "str"),
    ],
)
def test_bad_input(how, words):
    with pytest.raises(InputError, match=words):
        how(fitted("binary"))


def test_outputs_have_one_shape():
    for task, k in (("binary", 1), ("multiclass", 3), ("regression", 1)):
        model = fitted(task)
        _, X = inputs_of(model, DATA[task])
        predict = Predictor(model)
        assert predict.task == task and predict(X).shape == (N, k) and predict(X.head(0)).shape == (0, k)
        if task != "regression":
            np.testing.assert_allclose(Predictor(model, "log-odds")(X), log_odds(predict(X)))
    assert predict.output == "value" and np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
    assert spread_rows(3, 10).tolist() == [0, 1, 2] and len(spread_rows(0, 10)) == 0 and len(spread_rows(1000, 7)) == 7


def test_outputs_refuse():
    from sklearn.svm import LinearSVC

    with pytest.raises(InputError, match="`output`"):
        Predictor(fitted("regression"), "probability")
    with pytest.raises(InputError, match="predict_proba"):
        Predictor(LinearSVC().fit(FRAME[FEW], DATA["binary"].y))
    with pytest.raises(InputError, match="neither|classifier or regressor"):
        Predictor(LogisticRegression())
    with pytest.raises(InputError, match="differ"):
        predictors_of([fitted("binary"), fitted("regression")])
    with pytest.raises(InputError, match="empty"):
        predictors_of([])


def test_models_fitted_on_labels_are_put_in_the_order_of_the_data():
    labels = DATA["multiclass"].frame["y"].map({"0": "low", "1": "mid", "2": "high"})
    data = Dataset(frame=FRAME.assign(y=labels), target="y", task="multiclass", classes=("low", "mid", "high"))
    model = LogisticRegression().fit(FRAME[FEW], labels)
    codes = LogisticRegression().fit(FRAME[FEW], data.y)
    one, two = (Predictor(m).for_data(data) for m in (model, codes))
    assert one.classes == two.classes == ("low", "mid", "high")
    np.testing.assert_allclose(one(FRAME[FEW]), two(FRAME[FEW]), atol=1e-3)
    assert permutation_importance(model, data, n_repeats=1, progress=quiet).score < 0.7
    late = Dataset(frame=FRAME.assign(y=np.where(A > 0, "late", "on time")), target="y", positive="late")
    said = LogisticRegression().fit(FRAME[FEW], late.frame["y"])
    assert np.corrcoef(Predictor(said).for_data(late)(FRAME[FEW])[:, 0], A)[0, 1] > 0.8
    with pytest.raises(InputError, match="same classes"):
        Predictor(model).for_data(DATA["multiclass"])


def test_a_column_without_importance_in_either_measure_does_not_disagree():
    columns = list("abcd")
    one = pd.DataFrame({"column": columns, "attribution": [3.0, 2, 1, 0], "lower": [2.9, 1.9, 0.9, 0], "upper": [3.1, 2.1, 1.1, 0]})
    two = pd.DataFrame({"column": columns, "importance": [3.0, 2, -0.1, 0], "lower": [2.9, 1.9, -0.2, 0], "upper": [3.1, 2.1, -0.05, 0]})
    found = disagreement(one, two).table.set_index("column")
    assert found["disagrees"].tolist() == [False, False, True, False]  # c makes the score worse; d only stands above it
    assert found.loc["c", "text"].startswith("c moves predictions more (place 3) than it helps (place 4)")


def test_an_explanation_holds_both_measures():
    import mltoolkit as mlt

    found = mlt.explain(fitted("binary"), DATA["binary"], rows=1, n_repeats=2, progress=quiet)
    both = disagreement(found, data=DATA["binary"])
    assert both.n_columns == 4 and both.correlation > 0.5
    direct = permutation_importance(fitted("binary"), DATA["binary"], n_repeats=2, progress=quiet)
    pd.testing.assert_frame_equal(both.table, disagreement(found, direct, data=DATA["binary"]).table)
    with pytest.raises(InputError, match="'importance'"):
        disagreement(pd.DataFrame({"column": ["a"], "attribution": [1.0]}))
