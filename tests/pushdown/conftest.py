"The flights in a PostgreSQL server and in Spark, started for the tests; and what it means that two profiles are the same."

import contextlib
import glob
import math
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def frame():
    "All 336,776 flights with a time, a date, a truth value and a duration, as polars DataFrame."
    import polars as pl

    from mltoolkit.data.files import example_tables

    flights = pl.read_parquet(example_tables()["flights"])
    return flights.with_columns(
        at=pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ"),
        late=pl.col("arr_delay") >= 60,
        took=pl.duration(minutes=pl.col("air_time").cast(pl.Int64)),
        on=pl.date("year", "month", "day"),
    )


@pytest.fixture(scope="session")
def local(frame):
    "The profile of every column by the local engine."
    from mltoolkit.profiling.figures import profile_column

    return {name: profile_column(frame[name]) for name in frame.columns}


EXACT = ["kind", "n", "missing", "distinct", "semantic", "blank", "infinite", "zeros", "negative", "sentinels", "mean", "std", "skew", "kurtosis", "min", "max", "quantiles", "grid", "histogram", "outliers", "most_frequent_count", "length", "time", "sensitive"]


def _close(a, b, digits=9):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or math.isclose(a, b, rel_tol=10**-digits, abs_tol=1e-9)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_close(a[k], b[k], digits) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_close(x, y, digits) for x, y in zip(a, b))
    return a == b


def _same(found, expected, without=()):
    "Assert that every exact figure of two profiles of one column is equal, to 9 digits where it is a float."
    for field in EXACT:
        if field not in without:
            a, b = getattr(found, field), getattr(expected, field)
            if field == "grid":  # rounded to about a millionth of the range
                assert len(a) == len(b) and all(abs(x - y) <= 1.1e-5 * (b[-1] - b[0]) for x, y in zip(a, b)), f"{found.name}: {a} is not {b}"
                continue
            assert _close(a, b, 5 if field == "histogram" else 9), f"{found.name}.{field}: {a} is not {b}"
    counts = [[count for _, count in column.top] for column in (found, expected)]
    assert counts[0] == counts[1], found.name
    least = min(counts[0], default=0)  # several values may share the last place
    sure = [{(str(value), count) for value, count in column.top if count > least} for column in (found, expected)]
    assert sure[0] == sure[1], found.name


@pytest.fixture(scope="session")
def same():
    return _same


_TYPES = {"Int64": "bigint", "Float64": "double precision", "String": "text", "Boolean": "boolean", "Date": "date", "Datetime": "timestamp"}


@pytest.fixture(scope="session")
def postgres(postgres_server, frame):
    "The server with all flights in the table `flights`; and `admin`, a connection that may write."
    import polars as pl
    import psycopg

    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        sql = ", ".join(f'"{name}" {_TYPES.get(kind.base_type().__name__, "interval")}' for name, kind in frame.schema.items())
        admin.execute(f"CREATE TABLE flights ({sql})")
        text = frame.with_columns(took=pl.col("took").dt.total_minutes().cast(pl.String) + " minutes").write_csv(include_header=False)
        with admin.cursor().copy("COPY flights FROM STDIN (FORMAT csv)") as copy:
            copy.write(text)
        admin.execute("ANALYZE flights")
        yield SimpleNamespace(**vars(postgres_server), admin=admin)


def _java():
    "The home of a Java that Spark 4 works with (17 or 21), or None."
    homes = [os.environ.get("JAVA_HOME", ""), *sorted(glob.glob("/usr/lib/jvm/*17*")), *sorted(glob.glob("/usr/lib/jvm/*21*"))]
    homes += [str(Path(shutil.which("java")).resolve().parent.parent)] if shutil.which("java") else []
    for home in filter(None, homes):
        with contextlib.suppress(OSError):
            said = subprocess.run([f"{home}/bin/java", "-version"], capture_output=True, text=True).stderr
            if re.search(r'version "(17|21)\b', said):
                return home
    return None


@pytest.fixture(scope="session")
def spark(tmp_path_factory, required):
    "A Spark session in local mode on two cores, on this machine's own address, without a user interface."
    required.packages("SPARK", "ibis", "pyspark")
    home = _java()
    if home is None:
        required.missing("SPARK", "there is no Java 17 or 21 (Debian: openjdk-17-jre-headless)")
    folder = tmp_path_factory.mktemp("spark")
    kept = {key: os.environ.get(key) for key in ("JAVA_HOME", "SPARK_LOCAL_IP")}
    os.environ |= {"JAVA_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1"}
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # it lives a minute: compiling well does not pay
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "local"),
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",  # small queries: planning and compiling cost more than running
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.session.timeZone": "America/New_York",
    }
    builder = SparkSession.builder.master("local[2]").appName("mltoolkit tests")
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
    for key, value in kept.items():
        os.environ.pop(key) if value is None else os.environ.update({key: value})
