"Metrics equal scikit-learn's for all tasks, weighted and not, and are nan where they are undefined."

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as M
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from mltoolkit.core import InputError
from mltoolkit.modeling.metrics import (
    DEFAULT_METRICS,
    METRICS,
    Evaluator,
    Scorer,
    checked,
    loss_metric,
    metric_of,
    per_class,
    row_losses,
    score_prediction,
    scores,
    wilson,
)

THEIRS = dict(zip(METRICS, (log_loss, average_precision_score, roc_auc_score, brier_score_loss)))


@pytest.mark.parametrize("decimals", [1, 2, 12])
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_scikit_learn(seed, decimals):
    rng = np.random.default_rng(seed)
    y = (rng.random(500) < 0.2).astype(int)
    proba = np.round(np.clip(0.2 + 0.2 * y + 0.2 * rng.standard_normal(500), 0, 1), decimals)
    weights = rng.integers(0, 4, 500).astype(float)
    ours = Scorer(y, proba)
    for i, metric in enumerate(THEIRS.values()):
        assert ours()[i] == pytest.approx(metric(y, proba), abs=1e-12)
        assert ours(weights)[i] == pytest.approx(metric(y, proba, sample_weight=weights), abs=1e-12)
    assert scores(y, proba)["roc_auc"] == ours()[2]


def test_a_constant_prediction():
    found = scores([0, 1, 0, 0], np.full(4, 0.25))
    assert found["roc_auc"] == 0.5
    assert found["average_precision"] == 0.25


@pytest.mark.parametrize(
    ("y", "proba", "words"),
    [
        ([0, 1], [0.5], "same length, got 2 and 1"),
        ([0, 0], [0.5, 0.1], "both classes"),
        ([], [], "both classes"),
        ([0, 1], [0.5, 1.1], "between 0 and 1"),
        ([0, 1], [0.5, np.nan], "between 0 and 1"),
        ([0, None], [0.5, 0.5], "known"),
        (["late", "not"], [0.5, 0.5], "0 and 1"),
        ([0, 2], [0.5, 0.5], "0 and 1"),
        ([0, 1], [[0.5, 0.5], [0.1, 0.9]], "one probability a row"),
    ],
)
def test_refused(y, proba, words):
    with pytest.raises(InputError, match=words):
        checked(y, np.array(proba))


def test_accepts_booleans_and_series():
    y, proba = checked(pd.Series([True, False], dtype="boolean"), pd.Series([0.1, 0.2]))
    assert y.tolist() == [1, 0] and proba.tolist() == [0.1, 0.2]


def test_wilson_known_values():
    lower, upper = wilson(5, 20)
    assert float(lower) == pytest.approx(0.1119, abs=2e-4) and float(upper) == pytest.approx(0.4687, abs=2e-4)
    assert float(wilson(0, 10)[0]) == 0 and wilson(0, 0) == (0.0, 1.0)


# three tasks, one prediction -------------------------------------------------------------------------------------------------


def classes(k=4, n=300, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    P = rng.dirichlet(np.ones(k), n)
    P[np.arange(n), y] += 0.3
    P = np.round(P / P.sum(axis=1, keepdims=True), 3)
    return y, P / P.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [3, 5])
def test_several_classes_equal_scikit_learn(k):
    y, P = classes(k)
    label = P.argmax(axis=1)
    found = score_prediction(y, P, [m for m in METRICS if "multiclass" in METRICS[m].tasks], task="multiclass")
    theirs = {
        "log_loss": log_loss(y, P), "brier": brier_score_loss(y, P), "roc_auc": roc_auc_score(y, P, multi_class="ovr"),
        "average_precision": average_precision_score(y, P), "accuracy": M.accuracy_score(y, label),
        "balanced_accuracy": M.balanced_accuracy_score(y, label), "matthews": M.matthews_corrcoef(y, label),
        **{f"{name}_{a}": f(y, label, average=a) for a in ("macro", "weighted")
           for name, f in (("f1", M.f1_score), ("precision", M.precision_score), ("recall", M.recall_score))},
    }  # fmt: skip
    assert set(found) - set(theirs) == {"calibration_error", "calibration_rmse", "cost"}
    for name, value in theirs.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_binary_labels_and_numbers_equal_scikit_learn():
    rng = np.random.default_rng(3)
    y = (rng.random(200) < 0.3).astype(int)
    p = np.round(np.clip(0.3 + 0.3 * y + 0.2 * rng.standard_normal(200), 0, 1), 2)
    label = (p > 0.5).astype(int)
    found = score_prediction(y, p, ["f1", "precision", "recall", "accuracy", "balanced_accuracy", "matthews", "f1_macro", "cost"])
    theirs = (M.f1_score, M.precision_score, M.recall_score, M.accuracy_score, M.balanced_accuracy_score, M.matthews_corrcoef)
    np.testing.assert_allclose(list(found.values())[:6], [f(y, label) for f in theirs], atol=1e-12)
    y, p = rng.standard_normal(101), rng.standard_normal(101)
    found = score_prediction(
        y, p, ["rmse", "mse", "mae", "r2", "median_absolute_error", "neg_max_error", "explained_variance"], task="regression"
    )
    theirs = (M.root_mean_squared_error, M.mean_squared_error, M.mean_absolute_error, M.r2_score, M.median_absolute_error, M.max_error)
    np.testing.assert_allclose(list(found.values()), [f(y, p) for f in (*theirs, M.explained_variance_score)], atol=1e-12)
    assert list(found)[-2:] == ["max_error", "explained_variance"]


def test_weights_mean_repeated_rows():
    rng = np.random.default_rng(5)
    for task, (y, p) in {"multiclass": classes(3, 120), "binary": (np.arange(120) % 3 // 2, np.round(rng.random(120), 1)),
                         "regression": (rng.random(120), rng.random(120))}.items():  # fmt: skip
        weights = rng.integers(0, 3, 120)
        again = np.repeat(np.arange(120), weights)
        weighted = Evaluator(y, p, task=task)
        for name in [m for m in METRICS if task in METRICS[m].tasks and not m.startswith("calibration")] + ["max_error"] * (
            task == "regression"
        ):
            repeated = Evaluator(y[again], p[again], task=task)
            assert weighted(name, weights.astype(float)) == pytest.approx(repeated(name), abs=1e-12), (task, name)


def test_any_scorer_of_scikit_learn_on_stored_predictions():
    y, P = classes(3)
    theirs = M.top_k_accuracy_score(y, P, k=2)
    scorer = M.make_scorer(M.top_k_accuracy_score, response_method="predict_proba", k=2)
    assert score_prediction(y, P, [scorer], task="multiclass") == {"top_k_accuracy_score": pytest.approx(theirs)}
    names = np.array(["a", "b", "c"])
    scorer = M.make_scorer(M.f1_score, labels=["b"], average="macro")  # knows the labels, and not the codes
    found = score_prediction(y, P, scorer, task="multiclass", classes=names)["f1_score"]
    assert found == pytest.approx(M.f1_score(names[y], names[P.argmax(axis=1)], labels=["b"], average="macro"))
    error = M.make_scorer(M.zero_one_loss, greater_is_better=False)
    assert metric_of(error).lower_is_better and score_prediction([0, 1], [0.2, 0.3], error) == {"zero_one_loss": 0.5}
    binary = score_prediction([0, 1, 1, 0], [0.2, 0.9, 0.4, 0.6], ["jaccard", "d2_log_loss_score"])
    assert binary["jaccard"] == pytest.approx(1 / 3)
    assert score_prediction([1, 2], [1, 3], lambda e, X, y: float(e.predict(X).sum()), task="regression") == {"<lambda>": 4.0}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("task", "y", "prediction", "defined"),
    [
        ("binary", [0, 0, 0], [0.1, 0.2, 0.7], {"log_loss", "brier", "calibration_error"}),
        ("binary", [1], [0.1], {"log_loss", "brier", "calibration_error"}),
        ("binary", [], [], set()),
        ("binary", [0, 1], [0.1, np.nan], set()),
        ("multiclass", [0, 0], [[0.2, 0.3, 0.5]] * 2, {"log_loss", "brier", "f1_macro", "f1_weighted", "accuracy"}),
        ("multiclass", [0, 1], [[0.2, 0.3, 0.5]] * 2, {"log_loss", "brier", "f1_macro", "f1_weighted", "accuracy", "balanced_accuracy"}),
        ("regression", [2.0, 2.0], [1.0, 2.0], {"rmse", "mae", "median_absolute_error"}),
    ],
)  # fmt: skip
def test_nan_where_undefined_and_never_a_warning(task, y, prediction, defined):
    found = score_prediction(y, np.array(prediction, dtype=float).reshape(len(y), -1) if task == "multiclass" else prediction, task=task)
    assert tuple(found) == DEFAULT_METRICS[task]
    assert {name for name, value in found.items() if not np.isnan(value)} == defined


def test_row_losses_add_up_to_the_metric():
    y, P = classes(3)
    for name in ("log_loss", "brier", "accuracy", "cost"):
        metric = metric_of(name, "multiclass")
        mean = row_losses(y, P, name, "multiclass").mean()
        assert metric.from_mean(mean) == pytest.approx(score_prediction(y, P, name, task="multiclass")[name], abs=1e-12)
    assert row_losses([1.0, 2.0], [1.0, 4.0], task="regression").tolist() == [0, 4]
    assert metric_of("rmse", "regression").from_mean(2.0) == pytest.approx(2**0.5)
    with pytest.raises(InputError, match="made of row losses"):
        row_losses([0, 1], [0.1, 0.2], "roc_auc")
    assert loss_metric("roc_auc").name == "log_loss" and loss_metric("r2", "regression").name == "rmse"


def test_cost_known_answers():
    y, p = np.array([1, 1, 0, 0]), np.array([0.9, 0.2, 0.3, 0.1])
    assert row_losses(y, p, "cost", cost=(1, 4)).tolist() == [0, 0, 1, 0]  # alarm from 1 / 5 on
    found = score_prediction(y, p, ["cost", "cost_at_best"], cost=(1, 4))
    assert found == {"cost": 0.25, "cost_at_best": 0.25}
    matrix = [[0, 1, 9], [1, 0, 9], [5, 5, 0]]
    assert row_losses([2, 0], [[0.4, 0.3, 0.3], [0.6, 0.3, 0.1]], "cost", "multiclass", cost=matrix).tolist() == [5, 0]


def test_recall_at_precision_and_at_a_budget():
    y, p = np.array([1, 0, 1, 1, 0, 0, 0, 0]), np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    at = score_prediction(y, p, ["recall_at_precision", "recall_at_budget"], min_precision=0.75, alarm_budget=0.25)
    assert at == {"recall_at_precision": 1.0, "recall_at_budget": pytest.approx(1 / 3)}
    assert score_prediction(y, p, ["recall_at_precision"], min_precision=0.8)["recall_at_precision"] == pytest.approx(1 / 3)
    assert score_prediction(y, p, ["recall_at_budget"], alarm_budget=4)["recall_at_budget"] == 1
    assert score_prediction(y, np.full(8, 0.5), ["recall_at_budget"], alarm_budget=2)["recall_at_budget"] == pytest.approx(0.25)  # by lot


def test_calibration_error_of_a_perfect_and_of_a_wrong_model():
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(int)
    good = score_prediction(y, p, ["calibration_error", "calibration_rmse"])
    wrong = score_prediction(y, p**2, ["calibration_error", "calibration_rmse"])
    assert good["calibration_rmse"] <= good["calibration_error"] < 0.01 and wrong["calibration_error"] == pytest.approx(1 / 6, abs=0.01)
    assert score_prediction([0, 1, 1, 1], np.full(4, 0.5), "calibration_error")["calibration_error"] == 0.25
    two = np.stack([1 - p, p], axis=1)
    assert score_prediction(y, two, "calibration_error", task="multiclass")["calibration_error"] == pytest.approx(
        good["calibration_error"], abs=2e-3
    )


def test_per_class():
    y, P = classes(3)
    table = per_class(y, P, ["a", "<b>", "c"])
    report = M.classification_report(y, P.argmax(axis=1), output_dict=True)
    for code, row in enumerate(table.itertuples()):
        theirs = report[str(code)]
        assert (row.precision, row.recall, row.f1, row.n) == pytest.approx(
            [theirs[k] for k in ("precision", "recall", "f1-score", "support")]
        )
        assert row.recall_lower < row.recall < row.recall_upper
    assert list(table["label"]) == ["a", "<b>", "c"] and table["roc_auc"].mean() == pytest.approx(roc_auc_score(y, P, multi_class="ovr"))
    assert np.isnan(per_class([0, 0], [[0.9, 0.1]] * 2)["recall"][1])


def test_names():
    assert metric_of("neg_log_loss").name == "log_loss" == metric_of(None).name == metric_of("log_loss").name
    assert metric_of(None, "regression").name == "rmse" and metric_of("roc_auc", "multiclass").scoring == "roc_auc_ovr"
    assert metric_of("neg_mean_poisson_deviance", "regression").lower_is_better
    for scoring, task in (("logloss", "binary"), ("f1", "multiclass"), ("rmse", "binary"), ("f1_samples", "multiclass"), (3, "binary")):
        with pytest.raises(InputError, match="`scoring` must"):
            metric_of(scoring, task)
    with pytest.raises(InputError, match="`task`"):
        metric_of("log_loss", "ranking")
    assert METRICS["log_loss"][:2] == ("log-loss", True)
