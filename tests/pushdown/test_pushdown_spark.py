"""Profiles pushed down to Spark in local mode: figures equal to the local engine where exact, stated bounds hold where approximate.

Of the flights all rows are asked for, and of the columns one or two of each sort: Spark takes seconds for a column.
"""

import threading
import time

import numpy as np
import polars as pl
import pytest

from mltoolkit.core import Cancel, Cancelled
from mltoolkit.profiling.columns import QUANTILES
from mltoolkit.profiling.connections import opened
from mltoolkit.profiling.pushdown import profile_expr

COLUMNS = ["dep_time", "sched_dep_time", "dep_delay", "carrier", "tailnum", "distance", "time_hour", "at", "late", "took", "on"]
pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore::FutureWarning")]


@pytest.fixture(scope="module")
def table(spark, frame, tmp_path_factory):
    "The flights as a Spark DataFrame over a Parquet file."
    path = tmp_path_factory.mktemp("parquet") / "flights.parquet"
    minutes = frame["took"].dt.total_minutes().cast(pl.Int32)  # Parquet has no durations that Spark reads
    frame.with_columns(took=minutes).write_parquet(path, compression="zstd")
    flights = spark.read.parquet(str(path))
    return flights.selectExpr(*["make_dt_interval(0, 0, took) AS took" if name == "took" else f"`{name}`" for name in flights.columns])


def test_flights_equal_the_local_engine(spark, table, local, same, frame):
    with opened(table.select(COLUMNS)) as expr:
        columns, parts = profile_expr(expr, sample_rows=10_000)
    assert [c.name for c in columns] == COLUMNS
    for column in columns:
        same(column, local[column.name])
        assert column.estimated == {}
    assert parts["engine"] == "spark" and parts["n_rows"] == 336_776 and parts["duplicates"] == frame.height - frame.select(COLUMNS).n_unique()
    assert 9_000 < len(parts["sample"]) <= 10_000 and parts["sample"].schema == frame.select(COLUMNS).schema
    assert spark.catalog.listTables() == [] and spark.conf.get("spark.sql.session.timeZone") == "America/New_York"


def test_approximate_quantiles_keep_their_bound(table, frame):
    "Each quantile lies within 0.01 % of the rows of its rank, and the fields that hang on it say so."
    with opened(table.select("dep_delay", "distance")) as expr:
        columns, _ = profile_expr(expr, exact_rows=1_000, sample_rows=500)
    for column in columns:
        ordered = np.sort(frame[column.name].drop_nulls().cast(float).to_numpy())
        for share in QUANTILES:
            value = column.quantiles[str(share)]
            low, high = (np.searchsorted(ordered, value, side) for side in ("left", "right"))
            assert low / len(ordered) - 1e-4 <= share <= high / len(ordered) + 1e-4
        assert set(column.estimated) == {"quantiles", "grid", "outliers"} and "0.01 %" in column.estimated["quantiles"]
        assert sum(column.histogram["counts"]) == len(ordered)
        below, above = (ordered < column.outliers["low"]).sum(), (ordered > column.outliers["high"]).sum()
        assert (column.outliers["below"], column.outliers["above"]) == (below, above)
        assert column.mean == pytest.approx(ordered.mean(), rel=1e-9) and column.std == pytest.approx(ordered.std(), rel=1e-9)


NASTY = """SELECT timestamp_ntz'2020-01-01 10:00:00.123456' a, timestamp'2020-01-01 10:00:00+00' b, date'2020-01-01' c,
 interval '1 02:03:04.5' day to second d, interval '2-3' year to month e, array(1, 2) f, map('a', 1) g, struct(1, 'x') h, unhex('00ff') i,
 1.5bd j, cast('NaN' AS double) k, parse_json('{"a":1}') l, 1 AS `M`, 2 AS `x``y;--`, null n, 9223372036854775807 o, float('inf') p, true q,
 3 AS m, cast(7 AS tinyint) r, 'o\\'neil' s"""


def test_no_type_and_no_name_fails(spark):
    nothing = "SELECT " + ", ".join(["null"] * 21)
    with opened(f"{NASTY} UNION ALL {nothing}", connection=spark) as expr:
        columns, parts = profile_expr(expr)
    assert [c.name for c in columns] == [*"abcdefghijkl", "M", "x`y;--", *"nopq", "m (2)", "r", "s"]
    found = {c.name: c for c in columns}
    assert all(c.kind == "constant" and c.n == 2 for c in columns)
    assert found["k"].missing == found["n"].missing == 2 and found["p"].infinite == 1 and found["o"].max == 2**63 - 1
    assert found["a"].max == "2020-01-01T10:00:00.123456" and found["b"].max.startswith("2020-01-01T10:00:00")
    assert found["d"].max == 93_784.5 and found["i"].length["max"] == 2 and found["l"].dtype == "variant"
    assert parts["keys"] == () and parts["duplicates"] == 0


def test_a_stop_ends_the_jobs(spark):
    cancel, slow = Cancel(), spark.range(0, 10**12, 1, 4).selectExpr("id % 7 AS x")
    threading.Timer(1.0, cancel.cancel).start()
    with opened(slow) as expr:
        start = time.monotonic()
        with pytest.raises(Cancelled):
            profile_expr(expr, cancel=cancel)
    assert time.monotonic() - start < 15
    assert spark.range(3).count() == 3
