"Tables come in whole, or one sentence says why not."

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mltoolkit.core import InputError
from mltoolkit.data.sources import as_datetimes, example_path, example_tables, read_table, tidy

FRAME = pd.DataFrame({"carrier": ["UA", "AA", None], "delay": [1.5, None, 3.0], "n": [1, 2, 3]})


def refused(source, *words, **kwargs):
    with pytest.raises(InputError) as e:
        read_table(source, **kwargs)
    text = str(e.value)
    assert e.value.fix and e.value.rule
    for word in words:
        assert word in text, text
    return text


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".tsv", ".feather", ".jsonl", ".json", ".csv.gz"])
def test_round_trip_through_files(tmp_path, ending):
    path = tmp_path / f"delays{ending}"
    write = {
        ".parquet": lambda: FRAME.to_parquet(path),
        ".feather": lambda: FRAME.to_feather(path),
        ".tsv": lambda: FRAME.to_csv(path, sep="\t", index=False),
        ".jsonl": lambda: FRAME.to_json(path, orient="records", lines=True),
        ".json": lambda: FRAME.to_json(path, orient="records"),
    }
    write.get(ending, lambda: FRAME.to_csv(path, index=False))()
    got = read_table(path)
    pd.testing.assert_frame_equal(got, FRAME.astype({"carrier": "str"}), check_dtype=False)
    assert str(got["carrier"].dtype) == "str"
    pd.testing.assert_frame_equal(read_table(str(path), columns=["n", "carrier"]), got[["n", "carrier"]])


@pytest.mark.parametrize("source", [FRAME, pl.from_pandas(FRAME), pl.from_pandas(FRAME).lazy(), pa.Table.from_pandas(FRAME), FRAME.to_dict("list")])
def test_tables_in_memory(source):
    got = read_table(source)
    assert str(got["carrier"].dtype) == "str" and got["carrier"].isna().tolist() == [False, False, True]
    assert got["n"].tolist() == [1, 2, 3]


def test_the_input_is_not_changed():
    frame = FRAME.set_axis([5, 6, 7])
    before = frame.copy()
    got = read_table(frame)
    got.loc[0, "n"] = 99
    pd.testing.assert_frame_equal(frame, before)
    assert got.index.tolist() == [0, 1, 2]


def test_examples():
    assert set(example_tables("flights")) == {"airlines", "airports", "flights", "planes", "weather"}
    assert (example_path() / "NOTICE.md").exists()
    pd.testing.assert_frame_equal(read_table("example:flights/airlines"), read_table(example_tables()["airlines"]))
    assert len(read_table("example:flights", columns=["carrier"])) == 336_776
    refused("example:flights/wether", "weather")
    refused("example:flight", "flights")


def test_a_folder_and_a_pattern_are_one_table(tmp_path):
    for i in range(3):
        FRAME.assign(part=i).to_parquet(tmp_path / f"{i}.parquet")
        FRAME.assign(part=i).to_csv(tmp_path / f"{i}.csv", index=False)
    assert read_table(tmp_path)["part"].tolist() == sorted([0, 1, 2] * 3)
    assert read_table(str(tmp_path / "*.csv"))["part"].tolist() == sorted([0, 1, 2] * 3)
    FRAME.to_csv(tmp_path / "3.csv", index=False)
    refused(str(tmp_path / "*.csv"), "3.csv", "part")
    refused(str(tmp_path / "*.xml"), "match")


def test_a_missing_file_names_the_nearest(tmp_path):
    FRAME.to_csv(tmp_path / "flights.csv", index=False)
    refused(tmp_path / "flihgts.csv", "flights.csv")
    refused(tmp_path / "no" / "such" / "x.csv", "no file")


def test_empty_files(tmp_path):
    for name in ("a.csv", "a.parquet", "a.json"):
        (tmp_path / name).write_text("")
        refused(tmp_path / name, "empty")
    (tmp_path / "b.csv").write_text("\n\n")
    refused(tmp_path / "b.csv", "empty")


def test_a_header_alone_is_a_table_without_rows(tmp_path):
    (tmp_path / "h.csv").write_text("a,b\n")
    assert read_table(tmp_path / "h.csv").shape == (0, 2)


def test_wrong_encoding(tmp_path):
    path = tmp_path / "names.csv"
    path.write_bytes("name,n\nMüller,1\n".encode("cp1252"))
    refused(path, "utf-8", "0xfc", "cp1252")
    assert read_table(path, encoding="cp1252")["name"].tolist() == ["Müller"]
    path.write_bytes("name,n\nMüller,1\n".encode("utf-16"))
    refused(path, "utf-16")
    assert read_table(path, encoding="utf-16")["n"].tolist() == [1]


def test_ragged_rows_have_line_numbers(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("a,b,c\n1,2,3\n1,2\n1,2,3,4\n\n1,2,3\n")
    refused(path, "2 in line 3", "4 in line 4")
    path.write_text('a,b\n1,"two\nlines"\n3\n')
    refused(path, "1 in line 4")


def test_quoted_separators_and_newlines_are_fine(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text('a;b\n1;"x;y"\n2;"two\nlines"\n')
    assert read_table(path)["b"].tolist() == ["x;y", "two\nlines"]


def test_duplicate_names(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("a,b,a\n1,2,3\n")
    refused(path, "'a'", "unique")
    refused(pd.DataFrame([[1, 2]], columns=["x", "x"]), "'x'")
    refused(pd.DataFrame([[1, 2]], columns=[1, "1"]), "'1'")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    refused(twice, "'x'")
    pa.parquet = __import__("pyarrow.parquet").parquet
    pa.parquet.write_table(twice, tmp_path / "d.parquet")
    refused(tmp_path / "d.parquet", "'x'")


def test_other_refusals(tmp_path):
    (tmp_path / "x.docx").write_text("x")
    refused(tmp_path / "x.docx", ".parquet")
    (tmp_path / "x.parquet").write_text("not parquet at all")
    refused(tmp_path / "x.parquet", "readable")
    (tmp_path / "x.json").write_text("{not json")
    refused(tmp_path / "x.json", "readable")
    refused(42, "int")
    refused("https://example.org/x.csv", "local")
    refused(pd.DataFrame(), "columns")
    refused(FRAME, "'delay'", columns=["dely"])


def test_tidy_gives_objects_their_types():
    frame = pd.DataFrame(
        {
            "text": pd.Series(["a", None], dtype=object),
            "day": [dt.date(2013, 1, 1), None],
            "price": [decimal.Decimal("1.5"), None],
            "flag": pd.Series([True, None], dtype=object),
            "mixed": [1, "x"],
            "empty": pd.Series([None, None], dtype=object),
        }
    )
    got = tidy(frame)
    assert str(got["text"].dtype) == "str"
    assert got["day"].dtype.kind == "M"
    assert got["price"].dtype == float
    assert str(got["flag"].dtype) == "boolean"
    assert got["mixed"].tolist() == [1, "x"]
    assert got["empty"].isna().all()


def test_categories_and_zoned_times_pass_through_polars():
    frame = pd.DataFrame({"c": pd.Categorical(["a", "b", "a"]), "t": pd.date_range("2013-01-01", periods=3, tz="UTC")})
    got = read_table(pl.from_pandas(frame))
    assert isinstance(got["c"].dtype, pd.CategoricalDtype) and got["c"].tolist() == ["a", "b", "a"]
    assert got["t"].dt.tz is not None and got["t"].tolist() == frame["t"].tolist()


@pytest.mark.parametrize("text", ["2013-01-01T10:00:00Z", "2013-01-01T05:00:00-05:00", "2013-01-01 10:00:00+00:00"])
def test_zoned_text_becomes_utc(text):
    got = as_datetimes(pd.Series([text, None]))
    assert got[0] == pd.Timestamp("2013-01-01 10:00", tz="UTC") and pd.isna(got[1])


def test_times():
    assert as_datetimes(pd.Series(["2013-01-31", "2013-02-01"]))[1] == pd.Timestamp("2013-02-01")
    zoned = pd.Series(pd.date_range("2013-01-01", periods=2, tz="America/New_York"))
    assert as_datetimes(zoned) is zoned
    with pytest.raises(InputError, match="'soon' in 'when'"):
        as_datetimes(pd.Series(["2013-01-01", "soon"], name="when"))
    with pytest.raises(InputError, match="numbers in 'when'"):
        as_datetimes(pd.Series([1, 2], name="when"))


def test_a_hundred_thousand_rows_are_looked_at_quickly(tmp_path):
    import time

    n = 100_000
    pd.DataFrame({"a": np.arange(n), "b": np.arange(n) % 7}).to_csv(tmp_path / "big.csv", index=False)
    start = time.process_time()
    assert len(read_table(tmp_path / "big.csv")) == n
    assert time.process_time() - start < 3
