"Column figures agree with pandas; kinds follow from values alone; sensitive values stay out."

import json

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import Result
from mltoolkit.profiling.columns import KINDS, clock_minutes, is_clock
from mltoolkit.profiling.figures import profile_column


@pytest.mark.parametrize("seed", range(10))
def test_numbers_agree_with_pandas(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 400))
    values = np.where(rng.random(n) < 0.2, np.nan, np.round(rng.normal(size=n) * 10, int(rng.integers(0, 3))))
    values[0] = 1.0
    column = pd.Series(values, name="x")
    got = profile_column(column)
    assert (got.n, got.missing, got.distinct) == (n, int(column.isna().sum()), column.nunique())
    np.testing.assert_allclose([got.mean, got.min, got.max, got.std], [column.mean(), column.min(), column.max(), column.std(ddof=0)], atol=1e-12)
    for q, value in got.quantiles.items():
        assert value == pytest.approx(column.quantile(float(q)))
    if got.histogram:
        assert sum(got.histogram["counts"]) == column.notna().sum()
        assert len(got.histogram["edges"]) == len(got.histogram["counts"]) + 1
    assert got.most_frequent_count == column.value_counts().iloc[0]


KIND_CASES = {
    "constant": [pd.Series([7] * 9), pd.Series([None] * 9, dtype=object), pd.Series([], dtype=float), pd.Series(["a", None, "a"])],
    "number": [pd.Series([1, 2, 3]), pd.Series(np.random.default_rng(0).normal(size=200)), pd.Series([1.0, np.inf, 2.0])],
    "boolean": [pd.Series([True, False]), pd.Series([True, None, False], dtype="boolean")],
    "category": [pd.Series(list("abc") * 9), pd.Series(list("ab"), dtype="category")],
    "id": [pd.Series(range(100)), pd.Series([f"u{i}" for i in range(100)])],
    "text": [pd.Series([f"word {i} and more" for i in range(100)]), pd.Series([f"w{i % 300}" for i in range(5000)])],
    "datetime": [pd.Series(pd.date_range("2013", periods=5, tz="UTC")), pd.Series(pd.to_datetime(["2013-01-01", None, "2014-01-01"]))],
    "clock": [pd.Series([h * 100 + m for h in range(24) for m in (0, 5, 15, 30, 59)])],
}


@pytest.mark.parametrize(("kind", "column"), [(k, c) for k, cs in KIND_CASES.items() for c in cs])
def test_kinds(kind, column):
    got = profile_column(column.rename("x"))
    assert got.kind == kind and kind in KINDS
    again = Result.from_dict(json.loads(json.dumps(got.to_dict())))
    assert again.to_dict() == got.to_dict()
    assert got.to_frame().shape[0] == 1 and "ColumnProfile(" in repr(got)


def test_nullable_integers_objects_durations():
    assert profile_column(pd.Series([1, None, 3], dtype="Int64", name="x")).mean == 2
    assert profile_column(pd.Series([[1], [2], None], dtype=object, name="x")).distinct == 2
    assert profile_column(pd.Series(pd.to_timedelta([1, 2], unit="h"), name="x")).distinct == 2


def test_clock():
    rng = np.random.default_rng(0)
    minutes = rng.integers(0, 1440, 500)
    hhmm = (minutes // 60 * 100 + minutes % 60).astype(float)
    assert is_clock(hhmm)
    np.testing.assert_array_equal(clock_minutes(hhmm), minutes)
    assert clock_minutes(np.array([2400.0]))[0] == 0
    assert not is_clock(rng.integers(0, 2400, 500).astype(float))
    assert not is_clock(minutes.astype(float))
    assert not is_clock(hhmm + 0.5)
    assert not is_clock(hhmm[:20])
    assert not is_clock(-hhmm)
    assert not is_clock(rng.integers(0, 59, 500).astype(float))


def test_clocks_among_the_flights(flights_small):
    clocks = [c for c in flights_small.frame if profile_column(flights_small.frame[c]).kind == "clock"]
    assert clocks == ["dep_time", "sched_dep_time", "arr_time", "sched_arr_time"]


@pytest.mark.parametrize("column", [c for cs in KIND_CASES.values() for c in cs])
def test_sensitive_values_stay_out(column):
    got = profile_column(column.rename("x"), sensitive=True)
    assert got.top == () and got.quantiles == {} and got.histogram == {} and got.min is None and got.max is None and got.mean is None
    assert got.distinct == column.nunique()


def test_long_and_hostile_texts():
    got = profile_column(pd.Series(["<script>" * 50] * 3 + ["b"], name="<b>"))
    assert len(got.top[0][0]) == 60 and "<script>" not in got._repr_html_() and "<b>" not in got._repr_html_()


def test_times_keep_their_zone():
    column = pd.Series(pd.to_datetime(["2013-07-01T12:00Z", "2013-07-02T12:00Z"]).tz_convert("America/New_York"), name="t")
    got = profile_column(column)
    assert got.min == "2013-07-01T08:00:00-04:00" and got.max == "2013-07-02T08:00:00-04:00"
    assert profile_column(pd.Series(pd.to_datetime(["2013-07-01", "2013-07-02"]), name="t")).min == "2013-07-01T00:00:00"
