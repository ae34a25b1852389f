"Blocks are drawn whole, models on the same draws; any metric, equal to repeating the rows."

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import Cancel, Cancelled, InputError
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.bootstrap import (
    RankDraws,
    block_draws,
    blocks_of,
    bootstrap_metric,
    bootstrap_scores,
    bootstrap_sums,
    heard,
    interval,
)
from mltoolkit.modeling.metrics import Evaluator, score_prediction


def test_blocks_widen_the_interval_when_days_matter():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(60), 50)
    p = np.clip(0.2 + 0.15 * rng.standard_normal(60), 0.02, 0.9)[day]
    y = (rng.random(3000) < p).astype(int)
    flat = np.full(3000, 0.2)
    by_day, by_row = (interval(bootstrap_scores(y, {"m": flat}, blocks=b)["m"][:, 0]) for b in (day, None))
    assert by_day[1] - by_day[0] > 1.5 * (by_row[1] - by_row[0])
    assert by_day == interval(bootstrap_scores(y, {"m": flat}, blocks=[f"day {d}" for d in day])["m"][:, 0])


def test_row_bootstrap_covers_about_95_percent():
    rng = np.random.default_rng(1)
    inside = 0
    for i in range(200):
        values = rng.standard_normal(80)
        draws = bootstrap_sums(values[None, :], n_resamples=200, random_state=i)[:, 0] / 80
        lower, upper = interval(draws)
        inside += lower <= 0 <= upper
    assert 178 <= inside <= 200


def test_blocks_of_days_groups_rows():
    times = pd.date_range("2024-01-01", periods=480, freq="h", tz="UTC")
    frame = pd.DataFrame({"t": times, "g": np.arange(480) // 10, "y": np.arange(480) % 2})
    by_day = blocks_of(Dataset(frame=frame, target="y", positive=1, time="t"))
    assert len(set(by_day)) == 20 and (by_day[:24] == by_day[0]).all()
    assert len(set(blocks_of(Dataset(frame=frame, target="y", positive=1, group="g")))) == 48
    assert len(set(blocks_of(Dataset(frame=frame, target="y", positive=1)))) == 480
    few = Dataset(frame=frame.head(48), target="y", positive=1, time="t")
    assert len(set(blocks_of(few))) == 48  # two days are too few to draw from: hours


def test_blocks_must_fit():
    with pytest.raises(InputError, match="one block a row"):
        bootstrap_scores([0, 1], {"m": np.array([0.1, 0.2])}, blocks=[1])


def predictions(task, n=90, seed=0):
    rng = np.random.default_rng(seed)
    if task == "regression":
        y = rng.standard_normal(n)
        return y, {"a": y + rng.standard_normal(n), "b": np.zeros(n)}
    k = 2 if task == "binary" else 3
    y = np.arange(n) % k
    a, b = (np.round(rng.dirichlet(np.ones(k), n) + 0.3 * np.eye(k)[y], 1) + 0.01 for _ in range(2))
    a, b = a / a.sum(axis=1, keepdims=True), b / b.sum(axis=1, keepdims=True)
    return y, {"a": a[:, 1], "b": b[:, 1]} if task == "binary" else {"a": a, "b": b}


@pytest.mark.parametrize(
    ("task", "metric"),
    [("binary", m) for m in ("log_loss", "roc_auc", "average_precision", "f1", "recall_at_budget", "jaccard", "accuracy")]
    + [("multiclass", m) for m in ("log_loss", "roc_auc", "average_precision", "f1_macro")]
    + [("regression", m) for m in ("rmse", "r2", "median_absolute_error")],
)
def test_draws_equal_repeating_the_rows(task, metric):
    y, found = predictions(task)
    blocks = np.arange(len(y)) // 5
    ours = bootstrap_metric(y, found, metric, task=task, blocks=blocks, n_resamples=6, random_state=3)
    codes, draws = block_draws(blocks, len(y), 6, 3)
    for r, drawn in enumerate(draws):
        rows = np.repeat(np.arange(len(y)), drawn[codes].astype(int))
        theirs = [Evaluator(y[rows], p[rows], task=task)(metric) for p in found.values()]
        assert ours[:, r] == pytest.approx(theirs, abs=1e-12, nan_ok=True)


def test_rank_draws_with_ties_equal_the_metric():
    rng = np.random.default_rng(0)
    y, p = (rng.random(400) < 0.2).astype(int), np.round(rng.random(400), 1)
    ranks = RankDraws(y, p, np.arange(400))
    for name in ("roc_auc", "average_precision"):
        assert ranks(name, np.ones(400)) == pytest.approx(score_prediction(y, p, name)[name], abs=1e-12)
    assert np.isnan(ranks("roc_auc", (y == 0).astype(float)))


def test_draws_are_shared_by_the_models_and_by_name():
    y, found = predictions("binary")
    twice = bootstrap_metric(y, {"one": found["a"], "two": found["a"]}, "roc_auc", n_resamples=20)
    assert (twice[0] == twice[1]).all()
    assert (bootstrap_metric(y, {"x": found["a"]}, "roc_auc", n_resamples=20)[0] == twice[0]).all()
    old = bootstrap_scores(y, {"a": found["a"]}, n_resamples=20)["a"]
    assert old[:, 2] == pytest.approx(twice[0], abs=1e-12)


def test_a_model_without_predictions_has_no_draws():
    y, found = predictions("binary")
    draws = bootstrap_metric(y, {"a": found["a"], "gone": np.full(len(y), np.nan)}, n_resamples=5)
    assert np.isfinite(draws[0]).all() and np.isnan(draws[1]).all()


def test_a_row_of_repeated_folds_is_one_block():
    frame = pd.DataFrame({"x": np.arange(40), "y": np.arange(40) % 2})
    blocks = blocks_of(Dataset(frame=frame, target="y", positive=1), np.tile(np.arange(40), 3))
    assert len(blocks) == 120 and len(set(blocks)) == 40 and (blocks[:40] == blocks[40:80]).all()


def test_draws_hear_a_stop_and_change_nothing_without_one():
    y, proba = np.tile([0, 1], 50), np.linspace(0, 1, 100)
    token = Cancel()
    assert list(heard(range(3))) == list(heard(range(3), token)) == [0, 1, 2]
    for metric in ("roc_auc", "log_loss", "balanced_accuracy"):
        free = bootstrap_metric(y, {"a": proba}, metric, n_resamples=5)
        assert (bootstrap_metric(y, {"a": proba}, metric, n_resamples=5, cancel=Cancel()) == free).all()
    token.cancel()
    for stopped in (lambda: bootstrap_metric(y, {"a": proba}, cancel=token), lambda: bootstrap_sums(proba[None], cancel=token)):
        with pytest.raises(Cancelled):
            stopped()
