"Profiles pushed down to a real PostgreSQL server: figures equal to the local engine, hostile names, every type, nothing written."

import threading
import time
import traceback

import pytest

from mltoolkit.core import Cancel, Cancelled, InputError
from mltoolkit.profiling.connections import open_expr, opened
from mltoolkit.profiling.figures import profile_column
from mltoolkit.profiling.pushdown import profile_expr

pytestmark = pytest.mark.postgres
SECRET = "s3cr"


def by_name(columns):
    return {c.name: c for c in columns}


@pytest.fixture(scope="module")
def profiled(postgres):
    with opened("flights", connection=postgres.url) as expr:
        return profile_expr(expr, sample_rows=20_000)


def test_flights_equal_the_local_engine(profiled, local, same):
    columns, parts = profiled
    assert [c.name for c in columns] == list(local)
    for column in columns:
        same(column, local[column.name])
    assert parts["n_rows"] == 336_776 and parts["backend"] == "postgres" and parts["duplicates"] == 0 and parts["keys"] == ()
    assert {c.dtype for c in columns} >= {"bigint", "double precision", "text", "timestamp without time zone", "interval", "boolean"}


def test_sample_of_a_table_is_repeatable(profiled, postgres, frame):
    sample = profiled[1]["sample"]
    assert 19_000 < len(sample) <= 20_000 and sample.schema == frame.schema
    assert sample.join(frame, on=frame.columns, how="semi", nulls_equal=True).height == sample.height
    with opened("public.flights", connection=postgres.url) as expr:
        small = expr.select("month", "origin")
        assert "drawn anew" in str(profile_expr(small, sample_rows=100)[1]["notes"])
    with opened("flights", connection=postgres.url) as expr:
        from mltoolkit.profiling.desk import Desk, draw_sample
        from mltoolkit.profiling.expressions import plan_columns

        draws = [draw_sample(Desk(expr), expr, plan_columns(expr, "postgres"), 336_776, 2_000, seed, []) for seed in (0, 0, 1)]
    assert draws[0].equals(draws[1]) and not draws[0].equals(draws[2])


def test_ways_to_name_a_source(postgres):
    import psycopg
    import sqlalchemy as sa

    engine = sa.create_engine(postgres.url.replace("postgresql://", "postgresql+psycopg://"))
    table = sa.Table("flights", sa.MetaData(), sa.Column("origin", sa.Text), sa.Column("dest", sa.Text))
    few = sa.select(table.c.dest).where(table.c.origin == "JFK", table.c.dest.like("B%"))
    text = "SELECT dest FROM flights WHERE origin = 'JFK' AND dest LIKE 'B%'; "
    sources = [(few, engine), (text, engine), (sa.text(text), postgres.url), ("  -- a comment\n" + text, engine)]
    found = []
    for source, connection in sources:
        with opened(source, connection=connection) as expr:
            found.append(profile_expr(expr)[0][0].to_dict())
    assert all(f == found[0] for f in found) and found[0]["fields"]["n"] > 1_000
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TEMPORARY TABLE mine AS SELECT 1 AS a"))
        with opened("SELECT a AS x, a AS x, a + 1 AS y FROM mine", connection=connection) as expr:
            assert [c.name for c in profile_expr(expr)[0]] == ["x", "x (2)", "y"]
        assert connection.execute(sa.text("SELECT count(*) FROM mine")).scalar() == 1
        connection.rollback()
    with psycopg.connect(postgres.url) as connection:
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")
        connection.commit()
        with opened(table, connection=connection) as expr:
            assert expr.count().execute() == 336_776
        assert connection.execute("SHOW TimeZone").fetchone()[0] == "Asia/Tokyo"
    engine.dispose()


def test_nothing_is_written(postgres):
    listing = "SELECT count(*), sum(c.relpages) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname NOT LIKE 'pg_toast%'"
    before = postgres.admin.execute(listing).fetchall()
    with opened("SELECT origin, at FROM flights LIMIT 50", connection=postgres.url) as expr:
        profile_expr(expr)
        with pytest.raises(Exception, match="read-only"):
            expr.get_backend().raw_sql("CREATE TABLE written (a int)")
    assert postgres.admin.execute(listing).fetchall() == before
    for text in ("DELETE FROM flights", "WITH x AS (DELETE FROM flights RETURNING 1) SELECT * FROM x", "SELECT 1; DROP TABLE flights"):
        with pytest.raises(InputError), opened(text, connection=postgres.url):
            pass
    assert postgres.admin.execute("SELECT count(*) FROM flights").fetchone() == (336_776,)


def test_one_snapshot(postgres):
    "Rows that arrive while the profile is made are in none of its figures."
    postgres.admin.execute("CREATE TABLE growing AS SELECT i AS a, i % 7 AS b FROM generate_series(1, 500) i")
    seen = []

    def progress(share, note=""):
        seen.append(share)
        postgres.admin.execute("INSERT INTO growing SELECT 9999, 9 FROM generate_series(1, 10)")

    with opened("growing", connection=postgres.url) as expr:
        columns, parts = profile_expr(expr, progress=progress)
    assert len(seen) > 4 and parts["n_rows"] == 500 and by_name(columns)["a"].distinct == 500 and by_name(columns)["a"].max == 500


def test_passwords_are_never_told(postgres):
    wrong = postgres.url.replace(SECRET, SECRET + "x")
    cases = [("flights", wrong), ("flights", wrong.replace("127.0.0.1", "nowhere.invalid")), ("no_such", postgres.url), ("SELECT nix", postgres.url)]
    cases += [("flights", postgres.url + "?nonsense=1"), ("flights", f"postgresql://ann:{SECRET} et@127.0.0.1:{postgres.port}x/postgres")]
    for source, url in cases:
        with pytest.raises(InputError) as caught, opened(source, connection=url):
            pass
        said = "".join(traceback.format_exception_only(caught.value)) + repr(caught.value) + str(caught.value.__cause__)
        assert SECRET not in said, said
    expr = open_expr("flights", connection=postgres.url)
    columns, parts = profile_expr(expr.select("origin"))
    assert SECRET not in repr(expr) + repr(parts) + repr(columns) + repr(expr.get_backend())
    expr.get_backend().con.close()


def test_unknown_table_gets_the_nearest_name(postgres):
    with pytest.raises(InputError, match="Did you mean 'flights'"), opened("flihgts", connection=postgres.url):
        pass


HOSTILE = ['a"b', "x;drop table flights;--", "o'neil", "UPPER", "upper", "\u00fcn\u00efcode \u540d", "a.b", "percent %s %", "back\\slash", "{curly}"]
HOSTILE += ["n" * 63, "n" * 62 + "m", "select", "tab\there", "new\nline", "$1", ":name", "`tick`", " lead", "c0", "v"]


def test_hostile_names(postgres):
    def quoted(name):
        return '"' + name.replace('"', '""') + '"'

    table = 'We"ird; T.able'
    postgres.admin.execute(f"CREATE TABLE {quoted(table)} ({', '.join(quoted(n) + ' int' for n in HOSTILE)})")
    postgres.admin.execute(f"INSERT INTO {quoted(table)} SELECT {', '.join('i' for _ in HOSTILE)} FROM generate_series(1, 60) i")
    with opened(table, connection=postgres.url) as expr:
        columns, parts = profile_expr(expr)
    assert [c.name for c in columns] == HOSTILE and {(c.kind, c.distinct, c.max) for c in columns} == {("id", 60, 60)}
    assert parts["sample"].columns == HOSTILE
    with opened(f"SELECT * FROM {quoted(table)}", connection=postgres.url) as expr:
        assert list(expr.columns) == HOSTILE and expr.count().execute() == 60


NASTY = {
    "enumerated": ("mood", "'sad'", "'ok'"),
    "fixed": ("char(5)", "'a'", "' '"),
    "varying": ("varchar(9)", "'b '", "null"),
    "numeric": ("numeric", "'NaN'", "1e400"),
    "tiny": ("numeric", "1e-400", "'-Infinity'"),
    "money": ("numeric(20, 4)", "1.5", "2.5"),
    "cash": ("money", "12.3", "7"),
    "date": ("date", "'infinity'", "'2020-01-01'"),
    "time": ("timestamp", "'-infinity'", "'2020-01-01 10:00:00.123456'"),
    "old": ("timestamp", "'4713-01-01 BC'", "'294276-12-31'"),
    "zoned": ("timestamptz", "'infinity'", "'2020-01-01 10:00+02'"),
    "interval": ("interval", "'1 mon 2 days'", "'3 hours'"),
    "clock": ("time", "'08:15'", "'23:59:59.5'"),
    "clock_zone": ("timetz", "'08:15+02'", "null"),
    "json": ("json", "'{\"a\":1}'", "'[1]'"),
    "jsonb": ("jsonb", "'{\"b\":2}'", "null"),
    "uuid": ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "null"),
    "list": ("int[]", "'{1,2}'", "'{}'"),
    "grid": ("text[][]", "'{{a},{b}}'", "null"),
    "bytes": ("bytea", r"'\x00ff10'", r"'\x'"),
    "address": ("inet", "'10.0.0.1'", "null"),
    "mac": ("macaddr", "'08:00:2b:01:02:03'", "null"),
    "xml": ("xml", "'<a/>'", "null"),
    "real": ("real", "'NaN'", "'Infinity'"),
    "truth": ("boolean", "true", "false"),
    "big": ("bigint", "9223372036854775807", "-9223372036854775807"),
    "range": ("int4range", "'[1,3)'", "null"),
    "point": ("point", "'(1,2)'", "null"),
    "bits": ("bit(3)", "'101'", "null"),
    "words": ("tsvector", "'a b'", "null"),
    "pair": ("pairs", "row(1, 'x')", "null"),
    "nothing": ("text", "null", "null"),
    "large": ("double precision", "1.7e308", "-1.7e308"),
}


def test_no_type_fails(postgres):
    postgres.admin.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pairs AS (a int, b text)")
    postgres.admin.execute(f"CREATE TABLE nasty ({', '.join(f'{name} {kind[0]}' for name, kind in NASTY.items())})")
    for row in (1, 2):
        postgres.admin.execute(f"INSERT INTO nasty VALUES ({', '.join(kind[row] for kind in NASTY.values())})")
    for source in ("nasty", "SELECT * FROM nasty"):
        with opened(source, connection=postgres.url) as expr:
            columns, parts = profile_expr(expr)
        found = by_name(columns)
        assert list(found) == list(NASTY) and parts["duplicates"] == 0 and len(parts["sample"]) == 2
        assert found["numeric"].missing == 1 and found["numeric"].infinite == 1
        assert found["tiny"].infinite == 1 and found["tiny"].max == 0 and found["bytes"].length == {"min": 0, "mean": 1.5, "max": 3}
        assert found["big"].max == 2**63 - 1 and found["big"].min == -(2**63) + 1 and found["real"].missing == 1
        assert found["zoned"].max == "2020-01-01T08:00:00+00:00" and found["time"].max == "2020-01-01T10:00:00.123456"
        assert found["interval"].max == 32 * 86_400 and found["clock"].min == 8.25 * 3600 and found["nothing"].missing == 2
        kinds = {"enumerated": "category", "money": "number", "cash": "number", "date": "datetime", "interval": "duration", "list": "nested"}
        assert {name: found[name].kind for name in kinds} == kinds and found["truth"].kind == "boolean"
        assert found["enumerated"].dtype == "enum mood" and found["address"].sensitive


def test_empty_table(postgres):
    with opened("SELECT * FROM flights WHERE false", connection=postgres.url) as expr:
        columns, parts = profile_expr(expr)
    assert parts["n_rows"] == parts["duplicates"] == 0 and {c.kind for c in columns} == {"constant"}


def test_duplicates_and_sensitive_columns(postgres, frame):
    with opened("SELECT origin, dest, tailnum FROM flights", connection=postgres.url) as expr:
        columns, parts = profile_expr(expr, sensitive=["tailnum"], sample_rows=500)
    assert parts["duplicates"] == frame.height - frame.select("origin", "dest", "tailnum").n_unique()
    hidden = by_name(columns)["tailnum"]
    assert hidden.sensitive and hidden.top == () and hidden.distinct == profile_column(frame["tailnum"]).distinct


def test_a_column_that_may_not_be_read(postgres):
    postgres.admin.execute("CREATE ROLE eve LOGIN PASSWORD 'eve'; CREATE TABLE part (a int, b int); INSERT INTO part VALUES (1, 2)")
    postgres.admin.execute("GRANT SELECT (a) ON part TO eve")
    url = f"postgresql://eve:eve@127.0.0.1:{postgres.port}/postgres"
    with opened("part", connection=url) as expr, pytest.raises(InputError, match="permission denied"):
        profile_expr(expr)


def test_a_stop_ends_the_statement(postgres):
    cancel = Cancel()
    threading.Timer(0.5, cancel.cancel).start()
    with opened("SELECT a, pg_sleep(30)::text AS b FROM generate_series(1, 3) a", connection=postgres.url) as expr:
        start = time.monotonic()
        with pytest.raises(Cancelled):
            profile_expr(expr, cancel=cancel)
        assert time.monotonic() - start < 5
        time.sleep(0.2)
        active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name = 'mltoolkit'"
        assert postgres.admin.execute(active).fetchone() == (0,)
