"Figures are exact: they equal what pandas, NumPy and DuckDB say, on made frames and on the flights."

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltoolkit.core import Cancel, Cancelled, Result
from mltoolkit.data.files import example_tables
from mltoolkit.data.scan import open_scan
from mltoolkit.profiling.buffers import Buffer, DistinctSketch, Moments, Passing, find_order, find_runs, sample_positions, sort_values
from mltoolkit.profiling.columns import QUANTILES
from mltoolkit.profiling.figures import column_figures, profile_column, quantiles_of, table_figures, workers_for

settings.register_profile("figures", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("figures")

FLOATS = st.lists(
    st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True, width=64), st.integers(-3, 3).map(float)), max_size=80
)
INTEGERS = st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5)), max_size=80)
TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["", " ", "a", "b", "NA"])), max_size=80)
FLAGS = st.lists(st.one_of(st.none(), st.booleans()), max_size=40)
TIMES = st.lists(st.one_of(st.none(), st.datetimes(pd.Timestamp("1925-01-01"), pd.Timestamp("2090-01-01"))), max_size=60)


def counts_agree(p, column):
    known = column.dropna()
    assert (p.n, p.missing, p.distinct) == (len(column), int(column.isna().sum()), known.nunique())
    assert p.most_frequent_count == (int(known.value_counts().iloc[0]) if len(known) else 0)
    assert p.estimated == {}


@given(FLOATS)
def test_floats_equal_pandas(values):
    column = pd.Series(values, dtype=float, name="x")
    p = profile_column(column)
    counts_agree(p, column)
    finite = column[np.isfinite(column)]
    assert p.infinite == int(np.isinf(column).sum())
    if p.n > p.missing:
        assert (p.zeros, p.negative) == (int((column == 0).sum()), int((column < 0).sum()))
    if not len(finite):
        assert p.mean is None and p.min is None and p.quantiles == {}
        return
    assert (p.min, p.max) == (finite.min(), finite.max())
    with np.errstate(all="ignore"):
        want = np.quantile(finite, QUANTILES)
        near = finite.abs().max() < 1e100
    if near:
        np.testing.assert_allclose(list(p.quantiles.values()), want, rtol=1e-12)
        np.testing.assert_allclose(p.mean, finite.mean(), rtol=1e-9, atol=1e-9 * finite.abs().max())
        np.testing.assert_allclose(p.std, finite.std(ddof=0), rtol=1e-6, atol=1e-9 * finite.abs().max())
        if p.histogram:
            assert sum(p.histogram["counts"]) == len(finite)
        assert len(p.grid) == 41


@given(INTEGERS)
def test_integers_equal_pandas(values):
    column = pd.Series(values, dtype="Int64", name="x")
    p = profile_column(column)
    counts_agree(p, column)
    known = [v for v in values if v is not None]
    if known:
        assert (p.min, p.max) == (min(known), max(known))
        assert (p.zeros, p.negative) == (known.count(0), sum(v < 0 for v in known))
        np.testing.assert_allclose(list(p.quantiles.values()), np.quantile(np.array(known, float), QUANTILES), rtol=1e-9, atol=1e-6)
        ups, downs = all(a <= b for a, b in zip(known, known[1:])), all(a >= b for a, b in zip(known, known[1:]))
        assert p.monotonic == ("" if len(set(known)) < 3 else "increasing" if ups else "decreasing" if downs else "")
        assert all(count == known.count(value) for value, count in p.top)


@settings(max_examples=30)
@given(TEXTS)
def test_texts_equal_pandas(values):
    column = pd.Series(values, dtype=object, name="x")
    p = profile_column(column)
    counts_agree(p, column)
    known = [v for v in values if v is not None]
    if known and not p.sensitive:
        assert p.length == {
            "min": min(map(len, known)),
            "max": max(map(len, known)),
            "mean": pytest.approx(np.mean([len(v) for v in known])),
        }
        assert p.blank == sum(v.strip() == "" for v in known)
        if p.most_frequent_count > 1 or p.distinct <= 20:
            assert len(p.top) == min(20, p.distinct) and all(count == known.count(value) for value, count in p.top)
            assert [count for _, count in p.top] == sorted(column.value_counts().tolist(), reverse=True)[:20]


@given(FLAGS)
def test_flags_equal_pandas(values):
    p = profile_column(pd.Series(values, dtype="boolean", name="x"))
    counts_agree(p, pd.Series(values, dtype="boolean"))
    assert dict(p.top) == {v: values.count(v) for v in (True, False) if v in values}


@settings(max_examples=20)
@given(TIMES, st.sampled_from(["ms", "us", "ns"]), st.sampled_from([None, "America/New_York", "Asia/Kolkata"]))
def test_times_equal_pandas(values, unit, zone):
    column = pd.Series(pd.to_datetime(pd.Series(values, dtype="datetime64[us]"))).dt.as_unit(unit)
    column = column if zone is None else column.dt.tz_localize("UTC").dt.tz_convert(zone)
    p = profile_column(column.rename("x"))
    counts_agree(p, column)
    known = column.dropna()
    if len(known):
        assert (pd.Timestamp(p.min), pd.Timestamp(p.max)) == (known.min(), known.max())
        assert p.time["weekday"] == [int((known.dt.weekday == d).sum()) for d in range(7)]
        assert p.time["month"] == [int((known.dt.month == m).sum()) for m in range(1, 13)]
        if zone != "Asia/Kolkata" or (known.dt.year > 1950).all():  # before that, offsets were odd minutes
            assert p.time["hour"] == [int((known.dt.hour == h).sum()) for h in range(24)]
        if p.distinct > 1:
            gaps = np.diff(np.sort(known.unique().astype(f"datetime64[{unit}]") if zone is None else known.dt.tz_convert(None).unique()))
            assert p.time["longest_gap_s"] == pytest.approx(gaps.max() / np.timedelta64(1, "s"))


def test_moments_skew_and_kurtosis():
    stats = pytest.importorskip("scipy.stats")
    drawn = np.random.default_rng(0).gamma(2, size=200_001) + 1e6
    got = Moments().add(drawn[:70_000]).add(drawn[70_000:]).figures()
    np.testing.assert_allclose([got["mean"], got["std"]], [drawn.mean(), drawn.std()], rtol=1e-12)
    np.testing.assert_allclose([got["skew"], got["kurtosis"]], [stats.skew(drawn), stats.kurtosis(drawn)], rtol=1e-8)
    assert Moments().figures() == {} and Moments().add(np.array([2.0, 2.0])).figures()["skew"] is None


@given(st.lists(st.integers(0, 30), max_size=300), st.integers(1, 25))
def test_runs(values, top):
    ordered = np.sort(np.array(values, dtype=np.int64))
    runs, counts = find_runs(ordered, top=top), pd.Series(values, dtype="int64").value_counts()
    assert runs.distinct == len(counts) and runs.longest == (counts.max() if len(counts) else 0)
    want = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:top]
    assert [(int(v), c) for v, c in runs.top] == want


@pytest.mark.parametrize("n", [131_071, 131_072, 131_073, 500_000])
def test_runs_across_parts(n):
    rng = np.random.default_rng(n)
    for ordered in (
        np.arange(n),
        np.sort(rng.integers(0, n, n)),
        np.sort(rng.integers(0, 5, n)),
        np.sort(np.r_[np.arange(n - 900), np.full(900, 77_777)]),
    ):
        runs, counts = find_runs(ordered), np.unique(ordered, return_counts=True)
        assert runs.distinct == len(counts[0]) and runs.longest == counts[1].max()
        assert [c for _, c in runs.top] == sorted(counts[1], reverse=True)[:20]


@pytest.mark.parametrize("span", [0, 5, 65_535, 65_536, 2**62])
def test_sorting_by_counting(span):
    values = np.random.default_rng(0).integers(-7, -7 + span, 200_000, endpoint=True)
    want = np.sort(values)
    np.testing.assert_array_equal(sort_values(values), want)
    assert sort_values(np.empty(0, np.int64)).size == 0


def test_order():
    big = np.arange(2_100_000)
    assert find_order(big) == "increasing" and find_order(big[::-1]) == "decreasing"
    big[1_999_999] = 0
    assert find_order(big) == "" and find_order(np.array([1.0])) == "" and find_order(np.array([2, 2])) == ""


def test_quantiles_equal_numpy():
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=1), rng.normal(size=777), rng.integers(-9, 9, 1_000), np.array([5, 5, 5])):
        ordered, shares = np.sort(values), rng.random(50)
        np.testing.assert_array_equal(quantiles_of(ordered, shares), np.quantile(ordered, shares))


@pytest.fixture(scope="module")
def found():
    with open_scan("example:flights/flights") as scan:
        return {p.name: (p, s) for p, s in table_figures(scan)}


def test_the_flights_equal_duckdb(found):
    duckdb = pytest.importorskip("duckdb")
    connection, path = duckdb.connect(), str(example_tables()["flights"])
    for name, (p, _) in found.items():
        number = p.kind in ("number", "clock") or p.mean is not None
        more = f", avg(c), stddev_pop(c), {', '.join(f'quantile_cont(c, {q})' for q in QUANTILES)}" if number else ""
        query = f'select count(*), count(c), count(distinct c), min(c), max(c){more} from (select "{name}" as c from read_parquet(?))'
        n, known, distinct, low, high, *rest = connection.execute(query, [path]).fetchone()
        assert (p.n, p.n - p.missing, p.distinct) == (n, known, distinct), name
        if number:
            assert (p.min, p.max) == (low, high)
            np.testing.assert_allclose([p.mean, p.std, *p.quantiles.values()], rest, rtol=1e-9, atol=1e-9)
        top = 'select c, count(*) k from (select "{}" as c from read_parquet(?)) where c is not null group by c order by k desc limit 20'
        counts = [k for _, k in connection.execute(top.format(name), [path]).fetchall()]
        assert p.most_frequent_count == counts[0]
        if p.top and not p.estimated:
            assert [k for _, k in p.top] == counts[: len(p.top)] and len(p.top) >= min(10, len(counts)), name
            for value, count in p.top[:3]:
                query = f'select count(*) from read_parquet(?) where "{name}" = ?'
                assert connection.execute(query, [path, value]).fetchone()[0] == count


def test_the_flights_equal_pandas(found):
    frame = pd.read_parquet(example_tables()["flights"])
    for name, (p, sampled) in found.items():
        column = frame[name]
        if p.mean is not None and p.distinct > 1:
            np.testing.assert_allclose([p.skew, p.kurtosis], [column.skew(), column.kurt()], rtol=1e-3, atol=1e-4)
            quarter, three = column.quantile(0.25), column.quantile(0.75)
            assert p.outliers["above"] == int((column > three + 3 * (three - quarter)).sum())
            edges, counts = np.array(p.histogram["edges"]), np.array(p.histogram["counts"])
            assert counts.sum() == column.notna().sum()
            assert abs(counts[0] - (column < edges[1]).sum()) <= (column == round(edges[1])).sum()
        assert len(sampled.codes) == 200_000 and sampled.n_codes <= 16
        assert (sampled.codes == 0).mean() == pytest.approx(column.isna().mean(), abs=0.005)


def test_codes_of_the_sample():
    rng = np.random.default_rng(0)
    n = 5_000
    frame = pl.DataFrame(
        {
            "x": rng.normal(size=n),
            "few": rng.integers(0, 5, n),
            "word": pl.Series(rng.geometric(0.2, n)).cast(pl.String),
            "flag": rng.random(n) < 0.2,
        }
    )
    x, few, word, flag = (s for _, s in table_figures(open_scan(frame)))
    counts = np.bincount(x.codes, minlength=16)
    assert counts[:2].tolist() == [0, 0] and counts[2:].min() > 0.9 * n / 14 and x.n_codes == 16
    np.testing.assert_array_equal(few.codes, frame["few"].to_numpy() + 2)
    order = frame["word"].value_counts(sort=True)["word"].to_list()
    assert (word.codes == 2).sum() == (frame["word"] == order[0]).sum() and word.values is None
    np.testing.assert_array_equal(flag.codes, frame["flag"].to_numpy() + 2)
    np.testing.assert_array_equal(x.values, frame["x"].to_numpy())


def wide_frame(n=60_000):
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "key": np.arange(n),
            "x": np.where(rng.random(n) < 0.1, np.nan, rng.normal(10, 3, n)),
            "level": pl.Series(rng.integers(0, 7, n)).cast(pl.String),
            "text": pl.Series(rng.integers(0, 20_000, n)).cast(pl.String) + " words",
            "when": pl.Series(1_356_998_400_000 + rng.integers(0, 3_600, n) * 86_400_000).cast(pl.Datetime("ms")),
            "flag": rng.random(n) < 0.3,
        }
    )


def test_beyond_the_budget_counts_stay_exact_and_estimates_are_named(tmp_path, monkeypatch):
    frame = wide_frame(400_000)
    frame.write_parquet(tmp_path / "t.parquet")
    with open_scan(frame) as scan:
        exact = [p for p, _ in table_figures(scan)]
    with open_scan(tmp_path / "t.parquet", memory_budget=2**20) as scan:
        assert workers_for(scan) == 1
        tight = [p for p, _ in table_figures(scan)]
    for a, b in zip(exact, tight):
        assert (a.n, a.missing, a.min, a.max, a.zeros, a.negative, a.blank, a.length, a.monotonic) == (
            b.n, b.missing, b.min, b.max, b.zeros, b.negative, b.blank, b.length, b.monotonic)  # fmt: skip
        if a.mean is not None:
            np.testing.assert_allclose([a.mean, a.std, a.skew, a.kurtosis], [b.mean, b.std, b.skew, b.kurtosis], rtol=1e-9, atol=1e-9)
        assert abs(a.distinct - b.distinct) <= 0.01 * a.distinct and (a.kind == b.kind or a.name == "text")
        assert a.estimated == {} or list(a.estimated) == ["top"]
        if b.kind == "boolean":
            assert b.estimated == {}
            continue
        assert {"most_frequent_count", "top"} <= set(b.estimated) and all(
            "%" in said or "percentage" in said for said in b.estimated.values()
        )
        assert ("quantiles" in b.estimated) == bool(b.quantiles)
    x, y = exact[1], tight[1]
    bound = 1.36 / np.sqrt(70_000)
    column = frame["x"].fill_nan(None).drop_nulls()
    for q, value in y.quantiles.items():
        assert abs((column <= value).mean() - float(q)) <= 1.5 * bound
    assert sum(y.histogram["counts"]) == len(column) == sum(x.histogram["counts"])


def test_the_sketch_and_the_sample():
    sketch = DistinctSketch(1_000)
    sketch.add(pl.Series(range(900)).hash(1).to_numpy())
    sketch.add(pl.Series(range(900)).hash(1).to_numpy())
    assert sketch.exact and sketch.count == 900
    sketch.add(pl.Series(range(50_000)).hash(1).to_numpy())
    assert not sketch.exact and abs(sketch.count / 50_000 - 1) < 0.15
    assert len(Passing(capacity=1_000, rows=10_000).some(np.arange(10_000))) <= 1_000
    for n in (5, 200_000, 200_001, 700_000, 3_000_000):
        at = sample_positions(n)
        assert len(at) == min(n, 200_000) and (np.diff(at) > 0).all() and at[0] >= 0 and at[-1] < n
    assert (sample_positions(10**6) == sample_positions(10**6)).all() and (
        sample_positions(10**6) != sample_positions(10**6, random_state=1)
    ).any()


def test_same_result_whatever_the_workers_and_the_source(tmp_path):
    frame = wide_frame()
    frame.write_parquet(tmp_path / "t.parquet", row_group_size=9_999)
    plain = [p.to_dict() for p, _ in table_figures(open_scan(frame), workers=1)]
    assert [p.to_dict() for p, _ in table_figures(open_scan(frame), workers=3)] == plain
    again = [p.to_dict() for p, _ in table_figures(open_scan(tmp_path / "t.parquet"), workers=2)]
    assert again == plain
    assert Result.from_dict(json.loads(json.dumps(plain[1]))).to_dict() == plain[1]


def test_one_buffer_is_used_again():
    scan, buffer = open_scan(wide_frame()), Buffer()
    positions = sample_positions(scan.n_rows)
    first = column_figures(scan, 1, positions, buffer=buffer)[0].to_dict()
    column_figures(scan, 3, positions, buffer=buffer)
    assert column_figures(scan, 1, positions, buffer=buffer)[0].to_dict() == first


def test_personal_data_is_recognised_and_kept_out():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"contact": [f"anna{i}@example.org" for i in range(500)], "salary": rng.normal(size=500), "x": rng.normal(size=500)}
    )
    contact, salary, x = (p for p, _ in table_figures(open_scan(frame), sensitive=["salary"]))
    assert contact.semantic == "email" and contact.sensitive and contact.distinct == 500 and contact.length and contact.characters
    assert salary.sensitive and salary.min is None and salary.distinct == 500 and salary.quantiles == {} and not x.sensitive
    assert "anna" not in json.dumps(contact.to_dict()) and contact.words == () and contact.patterns == ()


def test_codes_for_missing_are_counted():
    rng = np.random.default_rng(0)
    numbers = pd.Series(np.where(rng.random(5_000) < 0.05, -999, rng.normal(100, 10, 5_000)), name="units")
    assert profile_column(numbers).sentinels == ([-999, int((numbers == -999).sum())],)
    words = pd.Series(np.where(rng.random(5_000) < 0.05, "unknown", rng.choice(["red", "green"], 5_000)), name="colour")
    assert profile_column(words).sentinels == (["unknown", int((words == "unknown").sum())],)
    days = pd.Series(pd.date_range("2020-01-01", periods=900).append(pd.DatetimeIndex(["1970-01-01"] * 40)), name="day")
    assert profile_column(days).sentinels == (["1970-01-01T00:00:00", 40],)


def test_cancel_is_heard_at_once(tmp_path):
    n = 1_500_000
    frame = pl.DataFrame({f"x{k}": np.random.default_rng(k).random(n) for k in range(12)})
    cancel = Cancel()
    when = []
    threading.Timer(0.15, lambda: (when.append(time.monotonic()), cancel.cancel())).start()
    with pytest.raises(Cancelled):
        for _ in range(20):
            table_figures(open_scan(frame), cancel=cancel)
    assert time.monotonic() - when[0] < 1  # 0.3 s on a quiet machine
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        profile = open_scan(frame)
        column_figures(profile, 0, sample_positions(n), cancel=cancel)


def test_each_column_is_told_and_errors_come_through():
    told = []
    table_figures(open_scan(wide_frame(500)), each=lambda i, p, s: told.append((i, p.name)), progress=lambda share, note: told.append(note))
    assert sorted(t[0] for t in told if isinstance(t, tuple)) == list(range(6))
    with pytest.raises(ZeroDivisionError):
        table_figures(open_scan(wide_frame(500)), each=lambda *a: 1 / 0)


def test_figures_of_a_file_need_neither_pandas_nor_scipy():
    code = (
        "import sys; from mltoolkit.data.scan import open_scan; from mltoolkit.profiling.figures import table_figures; "
        "table_figures(open_scan('example:flights/weather')); "
        "print(sorted({'pandas', 'pyarrow', 'scipy', 'sklearn', 'jinja2', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
