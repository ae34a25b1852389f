"Profiles by Ibis expressions on DuckDB, in this process: the same figures as the local engine, and every type."

import json
import threading
import time

import polars as pl
import pytest

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.profiling.columns import column_from_json, column_to_json
from mltoolkit.profiling.connections import open_expr, opened, wanted_engine, without_password
from mltoolkit.profiling.figures import profile_column
from mltoolkit.profiling.pushdown import profile_expr

ibis = pytest.importorskip("ibis")
duckdb = pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def backend():
    found = ibis.duckdb.connect()
    found.con.execute("SET enable_progress_bar = false")
    return found


@pytest.fixture(scope="module")
def profiled(backend, frame):
    return profile_expr(backend.create_table("flights", frame.to_arrow()), sample_rows=20_000)


def by_name(columns):
    return {c.name: c for c in columns}


def test_flights_equal_the_local_engine(profiled, local, same):
    columns, parts = profiled
    assert [c.name for c in columns] == list(local)
    for column in columns:
        same(column, local[column.name])
        assert column.estimated == {} and column.monotonic == ""
    assert parts["n_rows"] == 336_776 and parts["engine"] == "sql" and parts["backend"] == "duckdb" and parts["name"] == "flights"


def test_table_figures(profiled, frame):
    _, parts = profiled
    assert parts["duplicates"] == 0 and parts["keys"] == ()
    gone = frame.select(pl.all().is_null())
    for pattern in parts["missing_patterns"]:
        others = [c for c in frame.columns if c not in pattern["columns"] and c != "late" and c != "took"]
        rows = gone.filter(pl.all_horizontal([pl.col(c) for c in pattern["columns"]]), ~pl.any_horizontal([pl.col(c) for c in others]))
        assert len(rows) == pattern["rows"]
    assert sum(p["rows"] for p in parts["missing_patterns"]) == int(gone.select(pl.any_horizontal(pl.all())).to_series().sum())


def test_sample_is_bounded_typed_and_repeatable(profiled, backend, frame):
    _, parts = profiled
    sample = parts["sample"]
    assert 19_000 < len(sample) <= 20_000 and parts["sample_rows"] == len(sample)
    assert sample.schema == frame.schema
    assert sample.unique().join(frame, on=frame.columns, how="semi", nulls_equal=True).height == sample.unique().height
    again = profile_expr(backend.table("flights").select("month", "carrier", "tailnum"), sample_rows=5_000)[1]["sample"]
    third = profile_expr(backend.table("flights").select("month", "carrier", "tailnum"), sample_rows=5_000)[1]["sample"]
    other = profile_expr(backend.table("flights").select("month", "carrier", "tailnum"), sample_rows=5_000, random_state=1)[1]["sample"]
    assert again.equals(third) and not again.equals(other)


def test_profiles_survive_json(profiled):
    for column in profiled[0]:
        assert Result.from_dict(json.loads(json.dumps(column.to_dict()))).to_dict() == column.to_dict()
        assert column_to_json(column_from_json(json.loads(json.dumps(column_to_json(column))))) == column_to_json(column)


def test_few_queries(profiled):
    assert profiled[1]["queries"] <= 2 * len(profiled[0])


EDGES = {
    "empty": pl.Series([], dtype=pl.Float64),
    "one": pl.Series([3.5]),
    "all missing": pl.Series([None, None], dtype=pl.Float64),
    "nan": pl.Series([float("nan"), 1.0, None, 2.0]),
    "infinite": pl.Series([float("inf"), float("-inf"), 1.0, -2.0, 0.0]),
    "only infinite": pl.Series([float("inf"), float("inf")]),
    "huge": pl.Series([1e300, -1e300, 5.0, 7.0]),
    "tiny": pl.Series([1e-300, 2e-300, 0.0]),
    "large mean": pl.Series([1e9 + i % 7 for i in range(500)]),
    "big integers": pl.Series([2**62 + 1, 2**62 + 2, -(2**62), None]),
    "constant": pl.Series([4] * 60),
    "ids": pl.Series(range(1000)),
    "halves": pl.Series([i / 2 for i in range(1000)]),
    "clock": pl.Series([h * 100 + m for h in range(24) for m in (0, 15, 30, 59)]),
    "codes": pl.Series([float(i % 40 + 50) for i in range(400)] + [-999.0] * 12),
    "flags": pl.Series([True, False, None, True]),
    "words": pl.Series(["a", "b", "", "  ", "\u00a0", "N/A", None, "a"] * 9),
    "sentences": pl.Series([f"flight number {i} is late" for i in range(120)]),
    "keys": pl.Series([f"K{i:05d}" for i in range(120)]),
    "emails": pl.Series([f"person{i}@example.org" for i in range(80)]),
    "long": pl.Series(["x" * 10_000, "y" * 61, "z" * 60]),
    "emoji": pl.Series(["\U0001f469\u200d\U0001f680", "e\u0301", "\u202eabc", "<script>"]),
    "times": pl.Series(["2020-01-01T00:00:00", "2020-01-01T01:00:00", "2020-01-01T02:00:00", "2020-01-01T05:00:00"]).str.to_datetime(),
    "zoned": pl.Series(["2020-03-29T00:30:00", "2020-03-29T01:30:00"]).str.to_datetime().dt.replace_time_zone("UTC"),
    "quarters": pl.Series(["2020-01-01T10:15:00", "2020-01-01T10:30:00"]).str.to_datetime(),
    "microseconds": pl.Series(["2020-01-01T10:15:00.123456", "2020-01-01T10:30:00.000001"]).str.to_datetime(),
    "old times": pl.Series(["0001-01-01T00:00:00", "1970-01-01T00:00:00", "9999-12-31T00:00:00"]).str.to_datetime(),
    "months": pl.Series(["2020-01-01", "2020-02-01", "2021-05-01", None]).str.to_date(),
    "years": pl.Series(["2020-01-01", "2021-01-01"]).str.to_date(),
    "durations": pl.Series([1, 2, None, 90_061]).cast(pl.Duration("ms")),
}


ROUNDED = {  # where floats run out of digits, or the engines set a different bound
    "tiny": {"skew", "kurtosis", "histogram"},
    "huge": {"mean", "std", "skew", "kurtosis"},
    "large mean": {"skew", "kurtosis"},
    "big integers": {"outliers"},
    "old times": {"time"},
}


@pytest.mark.parametrize("name", EDGES)
def test_edges_equal_the_local_engine(backend, name, same):
    values = EDGES[name].alias("x")
    table = backend.create_table("edges", values.to_frame().to_arrow(), overwrite=True)
    (found,), parts = profile_expr(table)
    expected = profile_column(values)
    without = ROUNDED.get(name, set())
    same(found, expected, without | ({"zeros", "negative"} if len(values) == values.null_count() else set()))
    assert parts["n_rows"] == len(values)
    alike = values.fill_nan(None) if values.dtype.is_float() else values
    assert parts["duplicates"] == len(values) - alike.n_unique()


def test_moments_do_not_lose_digits(backend):
    "A mean of 1e9 and a spread of 2: skew equals the one of exact fractions."
    table = backend.create_table("edges", EDGES["large mean"].alias("x").to_frame().to_arrow(), overwrite=True)
    (found,), _ = profile_expr(table)
    assert found.skew == pytest.approx(0.009004544291500853, rel=1e-9) and found.std == pytest.approx(2.000963767787913, rel=1e-12)


NASTY = """select 1::ubigint a, 2::hugeint b, 3::uhugeint c, interval '2 days' d, {'a': 1} e, map {'a': 1} f, [1, 2] g, 'x'::blob h, uuid() i,
 '{}'::json j, time '10:00' k, timestamptz '2020-01-01' l, timestamp_ns '2020-01-01' m, '101'::bit n, 'a'::enum('a', 'b') o,
 1.5::decimal(38, 10) p, null q, date '2020-01-01' r, timestamp_s '2020-01-01' s, [1, 2]::int[2] t, 'infinity'::timestamp u, 'nan'::float v"""


def test_no_type_fails(backend):
    query = NASTY + " union all select " + ", ".join(["null"] * 22)
    columns, parts = profile_expr(open_expr(query, connection=backend))
    found = by_name(columns)
    assert all(c.kind == "constant" and c.n == 2 for c in columns)
    assert found["q"].missing == found["v"].missing == 2 and found["u"].infinite == 1 and found["h"].length["max"] == 1
    assert found["l"].min.endswith("+00:00") and found["k"].min == 36_000
    columns, _ = profile_expr(open_expr("select [i] as a, {'x': i} as b, i::hugeint as c from range(3) t(i)", connection=backend))
    assert [c.kind for c in columns] == ["nested", "nested", "number"]


def test_nothing_at_all(backend):
    columns, parts = profile_expr(open_expr(NASTY + " limit 0", connection=backend))
    assert parts["n_rows"] == parts["duplicates"] == parts["sample_rows"] == 0
    assert {c.kind for c in columns} == {"constant"} and {c.missing for c in columns} == {0}


HOSTILE = ['a"b', "x;drop table flights;--", "o'neil", "percent %s %", "back\\slash", "{curly}", "n" * 63, "n" * 62 + "m", "select", "new\nline", "c0", "v"]


def test_hostile_names(backend):
    table = backend.create_table('we"ird; t', pl.DataFrame({name: [1, 2, 2] for name in HOSTILE}).to_arrow())
    columns, parts = profile_expr(table)
    assert [c.name for c in columns] == HOSTILE and {c.distinct for c in columns} == {2}
    assert parts["duplicates"] == 1 and parts["sample"].columns == HOSTILE


def test_sensitive_values_stay(backend):
    secret = pl.DataFrame({"pay": [7_654_321.5 + i for i in range(60)], "note": [f"hush{i % 9}" for i in range(60)], "mail": [f"p{i}@example.org" for i in range(60)]})
    columns, _ = profile_expr(backend.create_table("secret", secret.to_arrow()), sensitive=["pay", "note"])
    said = json.dumps([c.to_dict() for c in columns])
    assert all(c.sensitive for c in columns) and by_name(columns)["mail"].semantic == "email"
    assert not any(text in said for text in ("7654", "hush", "@"))
    assert [c.distinct for c in columns] == [60, 9, 60]


def test_target_and_unknown_columns(backend):
    table = backend.create_table("targets", pl.DataFrame({"y": [0, 1], "x": [1, 2]}).to_arrow())
    assert by_name(profile_expr(table, target="y")[0])["y"].role == "target"
    with pytest.raises(InputError, match="Did you mean 'origin'"):
        profile_expr(backend.table("flights"), target="orign")
    with pytest.raises(InputError, match="got 'z'"):
        profile_expr(table, sensitive=["z"])


def test_stop_between_and_within_queries(backend):
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        profile_expr(backend.table("flights"), cancel=cancel)
    cancel, slow = Cancel(), open_expr("select sum(sqrt(a.range * b.range)) as x from range(100_000) a, range(200_000) b", connection=backend)
    threading.Timer(0.3, cancel.cancel).start()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        profile_expr(slow, cancel=cancel)
    assert time.monotonic() - start < 5


def test_progress_reaches_one(backend):
    seen = []
    profile_expr(backend.table("flights").select("origin", "month"), progress=lambda share, note="": seen.append(share))
    assert seen == sorted(seen) and seen[-1] >= 0.8


def test_duckdb_relation(frame, same, local):
    con = duckdb.connect()
    table = frame.select("dep_delay", "origin").to_arrow()
    relation = con.from_arrow(table)
    assert open_expr(relation) is None
    with opened(relation, engine="sql") as expr:
        columns, parts = profile_expr(expr, sample_rows=1_000)
    for column in columns:
        same(column, local[column.name])
    con.register("lent", table)
    with opened("select origin from lent", connection=con, engine="sql") as expr:
        assert profile_expr(expr)[0][0].distinct == 3


def test_engines():
    frame, session = pl.DataFrame({"x": [1]}), type("SparkSession", (), {"__module__": "pyspark.sql.session"})()
    spark_frame, relation = type("DataFrame", (), {"__module__": "pyspark.sql.classic.dataframe"})(), duckdb.sql("select 1")
    table, url = ibis.memtable({"x": [1]}), "postgresql://ann@db/x"
    wanted = [(frame, None, "local"), ("a.csv", None, "local"), (relation, None, "local"), (table, None, "sql"), ("t", url, "sql")]
    wanted += [(spark_frame, None, "spark"), ("t", session, "spark"), ("t", "sqlite:///x.db", "local"), ("t", "postgresql+psycopg2://db/x", "sql")]
    for source, connection, engine in wanted:
        assert wanted_engine(source, connection=connection) == engine
    assert wanted_engine("t", "local", url) == "local" and wanted_engine(relation, "sql") == "sql"
    refused = [(frame, "spark", None), (frame, "sql", None), (spark_frame, "local", None), (spark_frame, "sql", None), (table, "local", None)]
    refused += [(table, "spark", None), ("t", "sql", "sqlite:///x.db"), ("a.csv", "spark", None), (frame, "quick", None), (frame, "auto", url)]
    for source, engine, connection in [*refused, ("t", "auto", 7)]:
        with pytest.raises(InputError) as said:
            wanted_engine(source, engine, connection)
        assert said.value.fix


def test_missing_extra_is_named(monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "ibis" else found(name, *a))
    with pytest.raises(InputError, match=r"pip install 'mltoolkit\[sql\]'"):
        wanted_engine("t", connection="postgresql://db/x")


@pytest.mark.parametrize("text", ["postgresql://ann:s3cr:et@h/x", "x postgres://a:s3cr@et@h/x y", "host=h password=s3cr user=a", "?password=s3cr&x=1"])
def test_passwords_are_taken_out(text):
    assert "s3cr" not in without_password(text) and "***" in without_password(text)


def test_light_import():
    import subprocess
    import sys

    code = "import sys, mltoolkit.profiling.pushdown; print({'ibis', 'duckdb', 'sqlalchemy', 'pyspark', 'psycopg'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
