"Any source is the same table column by column: same values, same rows, nothing left behind."

import datetime as dt
import decimal
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.data.readers import unique_names
from mltoolkit.data.scan import hash_values, open_scan
from mltoolkit.data.series import as_text, from_objects, to_series

FRAME = pl.DataFrame(
    {
        "n": [1, None, 3, 3],
        "x": [0.5, float("nan"), None, 0.5],
        "s": ["a", None, "b", "a"],
        "t": [dt.datetime(2013, 1, 1), None, dt.datetime(2013, 1, 3, 4), dt.datetime(2013, 1, 1)],
        "b": [True, None, False, True],
    }
)


def sources(folder):
    "The same table from everywhere."
    path = Path(folder) / "t.parquet"
    FRAME.write_parquet(path)
    halves = Path(folder) / "halves"
    halves.mkdir()
    FRAME.head(2).write_parquet(halves / "a.parquet")
    FRAME.tail(2).write_parquet(halves / "b.parquet")
    FRAME.write_ndjson(Path(folder) / "t.jsonl")
    FRAME.write_ipc(Path(folder) / "t.arrow")
    arrow = FRAME.to_arrow()
    return {
        "polars": FRAME,
        "lazy": FRAME.lazy(),
        "pandas": FRAME.to_pandas(),
        "pandas arrow": FRAME.to_pandas(use_pyarrow_extension_array=True),
        "arrow": arrow,
        "reader": arrow.to_reader(max_chunksize=3),
        "parquet": path,
        "parquet text": str(path),
        "folder": halves,
        "pattern": str(halves / "*.parquet"),
        "jsonl": Path(folder) / "t.jsonl",
        "feather": Path(folder) / "t.arrow",
        "dict": FRAME.to_dict(as_series=False),
    }


def plain(series):
    if series.dtype.is_float():
        series = series.fill_nan(None)
    return [
        float(v) if isinstance(v, (int, float)) and not isinstance(v, bool) else str(v).replace("T", " ")[:19] for v in series.to_list()
    ]


def test_the_same_table_from_everywhere(tmp_path):
    for kind, source in sources(tmp_path).items():
        with open_scan(source) as scan:
            assert (scan.n_rows, scan.names) == (4, FRAME.columns), kind
            assert len(scan.types) == len(scan.dtypes) == 5 and scan.budget > 2**20 and scan.memory >= 0
            for i, name in enumerate(FRAME.columns):
                expected = plain(FRAME[name])
                parts = list(scan.slices(i, rows=3))
                assert [len(p) for p in parts] == [3, 1], kind
                if name == "b" and kind == "pandas":
                    continue  # pandas holds missing booleans as objects: True, None
                assert plain(pl.concat(parts)) == expected, (kind, name)
                assert plain(scan.take(i, [1, 3])) == [expected[1], expected[3]], (kind, name)
                assert scan.series(i).name == name
            numbers = np.concatenate(list(scan.row_hashes()))
            assert numbers.dtype == np.uint64 and len(numbers) == 4
            assert numbers[0] == numbers[0] and len(np.unique(numbers)) == 4
            assert scan.to_pandas(columns=["s", "n"], positions=[0, 2])["s"].tolist() == ["a", "b"]


def test_row_numbers_find_what_repeats():
    frame = pd.DataFrame({"a": [1.0, np.nan, 1.0, np.nan, 2.0], "b": ["x", None, "x", None, "x"], "c": [0.0, 1, -0.0, 1, 0]})
    numbers = np.concatenate(list(open_scan(frame).row_hashes()))
    assert pd.Series(numbers).duplicated().tolist() == frame.duplicated().tolist()
    swapped = pl.DataFrame({"a": ["x", "y"], "b": ["y", "x"]})
    assert len(np.unique(np.concatenate(list(open_scan(swapped).row_hashes())))) == 2


@pytest.mark.parametrize("rows", [10_000, 337_000])
def test_row_numbers_do_not_depend_on_the_slices(tmp_path, rows):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.integers(0, 300, rows), "b": pl.Series(rng.integers(0, 300, rows)).cast(pl.String)})
    path = tmp_path / "t.parquet"
    frame.write_parquet(path, row_group_size=7_001)
    whole = np.concatenate(list(open_scan(frame).row_hashes()))
    tight = np.concatenate(list(open_scan(path, memory_budget=4 * 2**20).row_hashes()))
    assert (whole == tight).all()
    assert len(np.unique(whole)) == frame.unique().height


def test_names_are_made_unique_and_text():
    assert unique_names(["x", "x", 3, "x (2)", ("a", 1), None]) == (
        ["x", "x (3)", "3", "x (2)", "('a', 1)", "None"],
        {"x (3)": "x", "3": 3, "('a', 1)": ("a", 1), "None": None},
    )
    scan = open_scan(pd.DataFrame([[1, 2, 3]], columns=["x", "x", 0]))
    assert scan.names == ["x", "x (2)", "0"] and scan.series(1).to_list() == [2]
    assert scan.to_pandas().columns.tolist() == scan.names


def test_parquet_with_repeated_names(tmp_path):
    pq.write_table(pa.table([pa.array([1, 2]), pa.array(["a", "b"])], names=["x", "x"]), tmp_path / "t.parquet")
    with open_scan(tmp_path / "t.parquet") as scan:
        assert scan.names == ["x", "x (2)"] and scan.renamed == {"x (2)": "x"}
        assert scan.series(1).to_list() == ["a", "b"] and [len(h) for h in scan.row_hashes()] == [2]


def test_files_of_one_table_must_agree(tmp_path):
    pl.DataFrame({"a": [1], "b": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"a": [1], "c": [1]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match="same columns.*b, c"):
        open_scan(tmp_path)
    pl.DataFrame({"a": [1.5], "b": [2**40]}).write_parquet(tmp_path / "b.parquet")
    with open_scan(tmp_path) as scan:
        assert scan.series(0).to_list() == [1.0, 1.5] and scan.series(1).to_list() == [1, 2**40]


CSV = 'carrier,delay,day,late\nUA,11,2013-01-01,True\n,NA,2013-01-02,False\n"A, B",3.5,,True\n'


@pytest.mark.parametrize("budget", [None, 2**20])
def test_text_files_agree_with_read_table(tmp_path, budget):
    path = tmp_path / "t.csv"
    path.write_text(CSV * 1 + "UA,1,2013-01-05,True\n" * (1 if budget is None else 60_000), encoding="utf-8")
    frame = mlt.load(path).frame
    with open_scan(path, memory_budget=budget) as scan:
        assert scan.n_rows == len(frame) and scan.dtypes == ["String", "Float64", "Date", "Boolean"]
        assert scan.series(0).null_count() == 1 and scan.series(1).null_count() == 1
        assert scan.series(0)[2] == "A, B" and scan.series(1).sum() == frame["delay"].sum()
        assert scan.to_pandas()["delay"].tolist()[:1] == [11.0]


def test_text_files_of_many_kinds(tmp_path):
    (tmp_path / "a.csv").write_text("name;x\nJosé; 1\nB; 2\n", encoding="cp1252")
    with open_scan(tmp_path / "a.csv", encoding="cp1252") as scan:
        assert scan.series(0).to_list() == ["José", "B"] and scan.series(1).to_list() == [1, 2]
    with gzip.open(tmp_path / "b.tsv.gz", "wt", encoding="utf-8") as file:
        file.write("a\tb\n1\tx\n")
    assert open_scan(tmp_path / "b.tsv.gz").series(1).to_list() == ["x"]
    (tmp_path / "c.csv").write_text("x\n" + "1\n" * 12_000 + "late\n", encoding="utf-8")
    assert open_scan(tmp_path / "c.csv").series(0)[-1] == "late"
    (tmp_path / "d.csv").write_text("x,y\n", encoding="utf-8")
    assert len(open_scan(tmp_path / "d.csv")) == 0
    (tmp_path / "e.json").write_text('[{"a": 1, "b": "x"}, {"a": 2, "b": null}]', encoding="utf-8")
    assert open_scan(tmp_path / "e.json").series(0).to_list() == [1, 2]
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_excel(tmp_path / "f.xlsx", index=False)
    assert open_scan(tmp_path / "f.xlsx").series(1).to_list() == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("a,b\n1,2,3\n", "utf-8", "as many fields as the header.*3 in line 2"),
        ("a,a\n1,2\n", "utf-8", "column names must be unique.*'a'"),
        ("a,b\nJosé,2\n", "cp1252", "encoded as utf-8.*cp1252"),
        ("", "utf-8", "header and rows"),
    ],
)
def test_text_files_are_refused_in_the_same_words(tmp_path, text, encoding, words):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    for read in (open_scan, mlt.load):
        with pytest.raises(InputError, match=words):
            read(path)


def test_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"no parquet")
    (tmp_path / "t.jsonl").write_text('{"a": 1}\nnot json\n')
    for source, words in [
        (tmp_path / "t.parquet", "must be readable"),
        (tmp_path / "t.jsonl", "must be readable"),
        (tmp_path / "s.parquet", "Did you mean"),
        ("https://example.org/x.csv", "local file"),
        (3, "a path or a table, got int"),
        (tmp_path / "t.xyz", "must exist"),
    ]:
        with pytest.raises(InputError, match=words):
            open_scan(source)
    with pytest.raises(InputError, match="memory_budget"):
        open_scan(FRAME, memory_budget=10)


def test_temporary_files_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_scan(FRAME.lazy()) as scan:
        assert len(list(tmp_path.iterdir())) == 1
        assert scan.series(0).to_list() == FRAME["n"].to_list()
    assert not list(tmp_path.iterdir())
    scan = open_scan(FRAME.lazy())
    del scan
    assert not list(tmp_path.iterdir())
    with pytest.raises(ZeroDivisionError):
        open_scan(pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), (1 / 0 for _ in range(1))))
    assert not list(tmp_path.iterdir())


def test_databases(tmp_path):
    sa = pytest.importorskip("sqlalchemy")
    url = f"sqlite:///{tmp_path / 'x.db'}"
    engine = sa.create_engine(url)
    frame = pd.DataFrame({"id": range(60_000), "word": [None] * 52_000 + ["late"] * 8_000, "x": 0.5})
    frame.to_sql("flights", engine, index=False)
    table = sa.Table("flights", sa.MetaData(), autoload_with=engine)
    for source in ("flights", "SELECT * FROM flights", table, sa.select(table), sa.text("select * from flights")):
        with open_scan(source, connection=url) as scan:
            assert scan.n_rows == 60_000 and scan.names == ["id", "word", "x"]
            assert scan.series(0).sum() == frame["id"].sum() and scan.series(1).null_count() == 52_000
    assert open_scan("select id from flights where id < 0", connection=engine).n_rows == 0
    assert open_scan("select id, id from flights limit 3", connection=engine).names == ["id", "id (2)"]
    with pytest.raises(InputError, match="needs a connection"):
        open_scan(table)
    with pytest.raises(InputError, match="query must run"):
        open_scan("select * from nowhere", connection=url)


def test_duckdb():
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    relation = connection.sql("select range as a, 'x' || (range % 3) as b from range(5000)")
    with open_scan(relation) as scan:
        assert scan.n_rows == 5000 and scan.series(1).n_unique() == 3
    with open_scan("select 1 as a, 2 as a", connection=connection) as scan:
        assert scan.n_rows == 1 and len(set(scan.names)) == 2


def test_a_dataset_is_its_frame(flights_small):
    scan = open_scan(flights_small)
    assert scan.names == list(flights_small.frame.columns) and scan.n_rows == len(flights_small)


def test_objects_keep_what_they_mean():
    huge = [10**60, -(10**50), None]
    assert from_objects(huge)[0].to_list() == huge
    assert from_objects([2**64 - 1, 0])[0].dtype == pl.UInt64 and from_objects([2**100, -1])[0].dtype == pl.Int128
    assert from_objects([decimal.Decimal("1.10"), decimal.Decimal("NaN")])[0].to_list() == [decimal.Decimal("1.10"), None]
    assert from_objects([decimal.Decimal("Infinity"), decimal.Decimal("1e400")])[0].dtype == pl.Float64
    east, west = dt.timezone(dt.timedelta(hours=5)), dt.timezone(dt.timedelta(hours=-5))
    mixed, name = from_objects([dt.datetime(2013, 1, 1, tzinfo=east), dt.datetime(2013, 1, 1, tzinfo=west), pd.NaT])
    assert name == "datetime, mixed zones" and (mixed[1] - mixed[0]).total_seconds() == 36_000 and mixed[2] is None
    assert from_objects([dt.datetime(2013, 1, 1, tzinfo=east), dt.datetime(2013, 1, 1)])[0].dtype == pl.String
    assert from_objects([1, "1"])[1] == "mixed: int, str" and from_objects([{3, 1}, frozenset({1, 3})])[0].n_unique() == 1
    assert from_objects([])[1] == "empty" and from_objects(["\ud800"])[0].to_list() == ["\\ud800"]


def test_text_of_anything():
    class Rude:
        def __str__(self):
            raise RuntimeError

    assert as_text(Rude()) == "<Rude>" and as_text(b"\xff") == "\\xff" and as_text(["a", None, 1]) == "['a', None, 1]"
    assert as_text({"b": {2, 1}}) == "{'b': {1, 2}}" and as_text(None) is None


def test_pandas_columns_of_every_kind():
    whole = pd.Series([1, None, 3], dtype="Int32")
    assert to_series(whole)[0].to_list() == [1, None, 3] and to_series(whole)[1] == "Int32"
    assert to_series(pd.Series([True, None], dtype="boolean"))[0].to_list() == [True, None]
    assert to_series(pd.Series(["a", None], dtype="category"))[0].to_list() == ["a", None]
    assert to_series(pd.Series([np.float16(1), 2], dtype="float16"))[0].dtype == pl.Float32
    assert to_series(pd.Series([1 + 2j, np.nan]))[0].to_list() == ["(1+2j)", None]
    assert to_series(pd.Series(pd.arrays.SparseArray([0.0, 1.0])))[0].to_list() == [0.0, 1.0]
    zoned = pd.Series(pd.to_datetime(["2013-07-01T12:00Z"]).tz_convert("America/New_York"))
    assert str(to_series(zoned)[0][0]) == "2013-07-01 08:00:00-04:00"
    fixed = pd.Series([pd.Timestamp("2013-07-01T12:00+05:30")])
    assert to_series(fixed)[0].dtype == pl.Datetime("us", "UTC") or to_series(fixed)[0].dtype.time_zone == "UTC"
    assert to_series(pd.Series(pd.period_range("2013-01", periods=2, freq="M")))[0].dtype.is_temporal()


def test_hashes_of_every_type():
    for values in (
        [[1], [1], [2]],
        [{"a": 1}, {"a": 1}, {"a": 2}],
        [b"a", b"a", b"b"],
        [10**60, 10**60, 1],
        [dt.date(2013, 1, 1)] * 2 + [dt.date(2014, 1, 1)],
    ):
        series = pl.Series(values, dtype=pl.Object) if values[0] == 10**60 else pl.Series(values)
        hashes = hash_values(series)
        assert hashes.dtype == np.uint64 and hashes[0] == hashes[1] != hashes[2]


def test_scanning_parquet_is_light():
    code = (
        "import sys; from mltoolkit.data.scan import open_scan; s = open_scan('example:flights/flights'); s.series(0); next(s.row_hashes()); "
        "print(sorted({'pandas', 'pyarrow', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
