"Predictions beside outcomes: what is accepted, and intervals that keep their promise with blocks, few blocks and extreme shares."

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.judged import MOST_BLOCKS, BlockDraws, differences, judged, listed, percent, ratios, rest_of


def table(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=n), "day": np.arange(n) // 5})


def test_the_task_is_told_by_the_data():
    f, rng = table(), np.random.default_rng(0)
    y, p = np.tile([0, 1, 0], 20), rng.random(60)
    assert judged(f, y, p).task == "binary" and judged(f, y.astype(bool), p).task == "binary"
    assert judged(f, y + 0.5, p).task == "regression" and judged(f, y, p * 9).task == "regression"
    several = rng.dirichlet([1, 1, 1], 60)
    assert judged(f, y, several).classes == (0, 1, 2)
    d = Dataset(frame=f.assign(kind=np.tile(["b", "a", "c"], 20)), target="kind", time="day", sensitive=("x",))
    rows = judged(d, d.frame["kind"], several)
    assert rows.classes == d.classes and rows.y.tolist() == d.y.tolist() and rows.sensitive == ("x",) and rows.target == "kind"
    assert (judged(d, d.y, several).y == rows.y).all() and len(np.unique(rows.blocks)) == 12
    assert rows.losses == pytest.approx(-np.log(several[np.arange(60), rows.y]))
    numbered = Dataset(frame=f.assign(kind=np.tile([1, 2, 3], 20)), target="kind", task="multiclass")
    for part in (numbered, numbered.take(numbered.frame["kind"] < 3)):  # labels 1 and 2 are no codes
        assert (judged(part, part.frame["kind"], several[: len(part)]).y == part.y).all()
        assert (judged(part, part.y, several[: len(part)]).y == part.y).all()


@pytest.mark.parametrize(
    ("y", "prediction", "words"),
    [
        (np.tile([0, 1], 30), np.full(59, 0.5), "same length"),
        (np.tile([0, 1], 29), np.full(58, 0.5), "rows of the outcomes"),
        (np.tile([0, 1], 30), np.full((60, 2), 0.5), "Take the second"),
        (np.tile([0.0, np.nan, 2.5], 20), np.full(60, 0.5), "known"),
        (np.tile(["a", "b"], 30), np.full(60, 0.5), "must be numbers"),
        (np.tile([0, 1, 5], 20), np.full((60, 3), 1 / 3), "one of the classes"),
        (np.tile([0.5, 1, 5], 20), np.r_[np.nan, np.zeros(59)], "not finite"),
    ],
)
def test_what_does_not_fit_is_named(y, prediction, words):
    with pytest.raises(InputError, match=words):
        judged(table(), y, prediction)


def test_more_that_does_not_fit():
    y = np.tile([0, 1], 30)
    with pytest.raises(InputError, match="rows to judge"):
        judged(table(0), [], [])
    with pytest.raises(InputError, match="row losses"):
        judged(table(), y, np.full(60, 0.5), metric="roc_auc")
    with pytest.raises(InputError, match="one block a row"):
        judged(table(), y, np.full(60, 0.5), blocks=[1, 2])
    with pytest.raises(InputError, match="n_resamples"):
        BlockDraws(None, 5, n_resamples=3)


def test_ratios_are_those_of_a_groupby_and_outside_counts():
    rng = np.random.default_rng(1)
    group, part, whole = rng.integers(-1, 3, 500), rng.random(500), rng.integers(0, 2, 500)
    draws = BlockDraws(np.arange(500) // 5, 500)
    own, rest = ratios(draws, group, 4, part * whole, whole), rest_of(draws, group, 4, part * whole, whole)
    for g in range(3):
        at, counted = group == g, whole > 0
        assert own.value[g] == pytest.approx(part[at & counted].mean()) and own.n[g] == (at & counted).sum()
        assert rest.value[g] == pytest.approx(part[~at & counted].mean())
        assert own.lower[g] < own.value[g] < own.upper[g]
    assert np.isnan(own.value[3]) and np.isnan(own.lower[3]) and rest.value[3] == pytest.approx(part[whole > 0].mean())
    again = ratios(BlockDraws(np.arange(500) // 5, 500), group, 4, part * whole, whole)
    assert (own.draws[:3] == again.draws[:3]).all()


def test_many_blocks_are_put_together_without_changing_the_width():
    rng = np.random.default_rng(2)
    values, one = rng.normal(size=8_000), np.zeros(8_000, dtype=int)
    draws = BlockDraws(None, 8_000, n_resamples=1_000)
    assert len(draws.weights) == MOST_BLOCKS and draws.n_blocks == 8_000
    found = ratios(draws, one, 1, values)
    assert found.upper[0] - found.lower[0] == pytest.approx(3.92 * values.std() / np.sqrt(8_000), rel=0.1)


def covered(days, group_of_day, n_trials=150, per_day=20):
    "How often the interval of a group's mean holds the truth, when rows of a day have things in common."
    rng, hits = np.random.default_rng(3), []
    day = np.repeat(np.arange(days), per_day)
    for _ in range(n_trials):
        value = rng.normal(size=days)[day] + rng.normal(size=len(day))
        found = ratios(BlockDraws(day, len(day), n_resamples=200), group_of_day[day], 2, value)
        hits.append((found.lower <= 0) & (found.upper >= 0))
    return np.mean(hits, axis=0)


def test_intervals_hold_the_truth_with_many_and_with_few_blocks():
    groups = np.r_[np.zeros(4, dtype=int), np.ones(56, dtype=int)]  # the first group has four days
    few, many = covered(60, groups)
    assert many > 0.9 and few > 0.85  # independent rows would hold it in half of the cases


def test_shares_of_nothing_and_everything_keep_a_width():
    group, y = np.repeat([0, 1], 40), np.r_[np.zeros(40), np.ones(40)]
    for blocks in (None, np.tile(np.arange(20), 4)):
        found = ratios(BlockDraws(blocks, 80), group, 2, y, share=True)
        assert found.value.tolist() == [0, 1] and found.upper[0] > 0.05 and found.lower[1] < 0.95
        change = differences(found, type(found)(*(v[[0]] for v in found)), share=True)
        assert change.lower[0] < 0 < change.upper[0] and change.p_value[1] < 1e-6 and change.lower[1] > 0.8


def test_a_difference_that_every_row_has_is_certain():
    group = np.repeat([0, 1], 40)
    found = ratios(BlockDraws(None, 80), group, 2, np.where(group == 0, 1.0, 3.0))
    base = type(found)(*(v[[0]] for v in found))
    assert differences(found, base).p_value.tolist() == [1.0, 0.0]


def test_words():
    assert [percent(v) for v in (0.123, 0.0499, 0, 0.0002, np.nan)] == ["12 %", "5.0 %", "0.0 %", "less than 0.1 %", "unknown"]
    assert listed([]) == "none" and listed(["a"]) == "a" and listed(["a", "b", 3]) == "a, b and 3"
