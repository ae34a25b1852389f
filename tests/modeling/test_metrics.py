"Metrics equal scikit-learn's, weighted and not; block intervals know about days."

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from mltoolkit.core import InputError
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.bootstrap import blocks_of, bootstrap_scores, bootstrap_sums, interval
from mltoolkit.modeling.metrics import METRICS, Scorer, checked, scores, wilson

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


def test_wilson_known_values():
    lower, upper = wilson(5, 20)
    assert float(lower) == pytest.approx(0.1119, abs=2e-4) and float(upper) == pytest.approx(0.4687, abs=2e-4)
    assert float(wilson(0, 10)[0]) == 0 and wilson(0, 0) == (0.0, 1.0)


def test_blocks_must_fit():
    with pytest.raises(InputError, match="one block a row"):
        bootstrap_scores([0, 1], {"m": np.array([0.1, 0.2])}, blocks=[1])
