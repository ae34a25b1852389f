"Frames that break profilers, as `FRAMES`: (name, function that makes a pandas DataFrame). Used by the tests of figures and of the whole profile."

import datetime as dt
import decimal
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa

EAST, WEST = dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone(dt.timedelta(hours=-8))
N = 60


class Rude:
    "An object that answers every question with an error."

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = object.__hash__


def one(values, **options):
    "A frame of one column."
    return pd.DataFrame({"x": pd.Series(values, **options)})


def repeated_names():
    return pd.DataFrame(np.arange(12).reshape(3, 4), columns=["x", "x", "x (2)", "x"])


def odd_names():
    return pd.DataFrame([[1, "a", 2.5, None, True, 3]] * 3, columns=[0, None, ("a", 1), "", dt.date(2013, 1, 1), 1.5])


def two_level_names():
    return pd.DataFrame({("a", "x"): [1, 2], ("a", "y"): ["u", "v"], ("b", "x"): [0.5, None]})


def hostile():
    tags = [
        "<script>alert(1)</script>",
        "</script><img src=x onerror=alert(1)>",
        '"><svg onload=alert(1)>',
        "\u202egnp.exe",
        "💥" * 30,
        "a\x00b",
        "'; drop table x;--",
    ]
    return pd.DataFrame(
        {tag: [tag, tag, "&amp;", None] for tag in tags} | {"plain": ["\u202e\u200f", "\ufeff", "\u2028", "\ud83d"]}, dtype=object
    )


def long_values():
    return pd.DataFrame({"x" * 3_000: ["y" * 10_000, "z" * 10_000, None], "text": [f"{i} " * 5_000 for i in range(3)]})


def arrow_backed():
    types = {
        "int": pd.array([1, None, 3], dtype="int64[pyarrow]"),
        "float": pd.array([1.5, None, float("nan")], dtype="double[pyarrow]"),
        "text": pd.array(["a", None, "b"], dtype="string[pyarrow]"),
        "flag": pd.array([True, None, False], dtype="bool[pyarrow]"),
        "time": pd.array([dt.datetime(2013, 1, 1), None, dt.datetime(2014, 1, 1)], dtype="timestamp[us][pyarrow]"),
        "date": pd.array([dt.date(2013, 1, 1), None, dt.date(2014, 1, 1)], dtype="date32[pyarrow]"),
        "list": pd.Series([[1], None, [2, 3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        "struct": pd.Series([{"a": 1}, None, {"a": 2}], dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())]))),
        "decimal": pd.Series([decimal.Decimal("1.5"), None, decimal.Decimal("2.5")], dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
        "binary": pd.Series([b"a", None, b"\xff"], dtype=pd.ArrowDtype(pa.binary())),
        "dictionary": pd.Series(["a", None, "a"], dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
        "duration": pd.Series([dt.timedelta(1), None, dt.timedelta(2)], dtype=pd.ArrowDtype(pa.duration("us"))),
    }
    return pd.DataFrame({name: pd.Series(values) for name, values in types.items()})


def nullable():
    return pd.DataFrame(
        {
            "Int8": pd.array([1, None, -3], dtype="Int8"),
            "UInt64": pd.array([2**64 - 1, None, 0], dtype="UInt64"),
            "Float32": pd.array([1.5, None, np.inf], dtype="Float32"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "string": pd.array(["a", None, ""], dtype="string"),
        }
    )


def times():
    stamps = pd.to_datetime(["2013-03-10T06:30Z", "2013-03-10T07:30Z", None, "2013-11-03T05:30Z", "2013-11-03T06:30Z"])
    return pd.DataFrame(
        {
            "naive": stamps.tz_localize(None),
            "utc": stamps,
            "zone": stamps.tz_convert("America/New_York"),
            "offset": stamps.tz_convert(EAST),
            "old": np.array(["0001-01-01", "9999-12-31", "NaT", "1582-10-15", "1969-12-31"], dtype="datetime64[s]"),
            "beyond": np.array(["-5000-01-01", "20000-12-31", "NaT", "1582-10-15", "1969-12-31"], dtype="datetime64[ms]"),
            "delta": pd.to_timedelta([1, None, -3, 4, 5], unit="h"),
            "period": pd.period_range("2013-01", periods=5, freq="M"),
            "week": pd.period_range("2013-01-01", periods=5, freq="W"),
        }
    )


def python_times():
    return pd.DataFrame(
        {
            "mixed zones": pd.Series([dt.datetime(2013, 1, 1, tzinfo=EAST), dt.datetime(2013, 1, 1, tzinfo=WEST), None], dtype=object),
            "some zone": pd.Series([dt.datetime(2013, 1, 1, tzinfo=EAST), dt.datetime(2013, 1, 1), None], dtype=object),
            "date": pd.Series([dt.date(2013, 1, 1), dt.date(1, 1, 1), dt.date(9999, 12, 31)], dtype=object),
            "date and datetime": pd.Series([dt.date(2013, 1, 1), dt.datetime(2013, 1, 1, 5), pd.NaT], dtype=object),
            "time": pd.Series([dt.time(1), dt.time(23, 59, 59, 999), None], dtype=object),
            "timedelta": pd.Series([dt.timedelta(1), dt.timedelta.max, None], dtype=object),
            "far": pd.Series([dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), None], dtype=object),
        }
    )


def mixed():
    return pd.DataFrame(
        {
            "int and text": pd.Series([1, "1", None, 2.5] * 15, dtype=object),
            "everything": pd.Series(
                [1, "a", b"a", 1.5, None, dt.date(2013, 1, 1), [1], {"a": 1}, {1, 2}, decimal.Decimal(1)] * 6, dtype=object
            ),
            "flags and numbers": pd.Series([True, 1, 0, False] * 15, dtype=object),
            "numbers and nan": pd.Series([1, np.nan, None, pd.NA, pd.NaT, np.float32(2)] * 10, dtype=object),
            "rude": pd.Series([Rude() for _ in range(N)], dtype=object),
            "uuid": pd.Series([uuid.UUID(int=i) for i in range(N)], dtype=object),
            "types": pd.Series([int, str, len] * 20, dtype=object),
            "frames": pd.Series([pd.DataFrame({"a": [1]})] * N, dtype=object),
        }
    )


def nested():
    return pd.DataFrame(
        {
            "lists": [[1, 2], [1, 2], [], None] * 15,
            "dicts": [{"a": 1}, {"a": 1}, {}, None] * 15,
            "sets": [{1, 2}, {2, 1}, set(), None] * 15,
            "tuples": [(1, "a"), (1, "a"), (), None] * 15,
            "arrays": [np.array([1, 2]), np.array([1, 2]), np.array([]), None] * 15,
            "deep": [{"a": [{"b": {1}}]}, {"a": [{"b": {1}}]}, {"a": None}, None] * 15,
        }
    )


def huge():
    return pd.DataFrame(
        {
            "beyond 53 bits": [2**53 + 1, 2**53 + 2, 2**53 + 3] * 20,
            "uint64": np.array([2**64 - 1, 2**64 - 2, 0] * 20, dtype=np.uint64),
            "int128": pd.Series([2**100, -(2**100), 5] * 20, dtype=object),
            "hundred digits": pd.Series([10**100, -(10**400), None] * 20, dtype=object),
            "decimal": pd.Series([decimal.Decimal("0.1"), decimal.Decimal("12345678901234567890.123456789"), None] * 20, dtype=object),
            "huge decimal": pd.Series([decimal.Decimal("1e300"), decimal.Decimal("NaN"), decimal.Decimal("-Infinity")] * 20, dtype=object),
            "largest": [1.7976931348623157e308, -1.7976931348623157e308, 5e-324] * 20,
        }
    )


FRAMES = [
    ("no rows", lambda: pd.DataFrame({"a": pd.Series([], dtype=float), "b": pd.Series([], dtype=object), "c": pd.Series([], dtype="str")})),
    ("no rows, times", lambda: times().head(0)),
    ("no columns", lambda: pd.DataFrame(index=range(3))),
    ("nothing", pd.DataFrame),
    ("one row", lambda: pd.DataFrame({"a": [1], "b": ["x"], "c": [None], "d": [dt.datetime(2013, 1, 1)], "e": [True]})),
    (
        "all missing",
        lambda: pd.DataFrame({"a": [np.nan] * N, "b": [None] * N, "c": [pd.NaT] * N, "d": pd.array([None] * N, dtype="Int64")}),
    ),
    ("infinite only", lambda: one([np.inf, -np.inf, np.inf] * 20)),
    ("infinite and missing", lambda: one([np.inf, np.nan, -np.inf, 0.0, -0.0] * 12)),
    ("one infinite value", lambda: one([np.inf] * N)),
    ("constant", lambda: pd.DataFrame({"a": [7] * N, "b": ["x"] * N, "c": [dt.datetime(2013, 1, 1)] * N, "d": [True] * N})),
    ("repeated names", repeated_names),
    ("odd names", odd_names),
    ("two levels of names", two_level_names),
    ("odd index", lambda: pd.DataFrame({"a": [1, 2, 3]}, index=["x", "x", None])),
    ("hostile", hostile),
    ("long values", long_values),
    ("arrow", arrow_backed),
    ("nullable", nullable),
    ("times", times),
    ("python times", python_times),
    ("mixed", mixed),
    ("nested", nested),
    ("huge", huge),
    ("bytes", lambda: one([b"\x00\xff", b"", None, b"text"] * 15, dtype=object)),
    ("categories", lambda: one(pd.Categorical(["a", "b", None] * 20, categories=["unused", "b", "a", "also unused"]))),
    ("number categories", lambda: one(pd.Categorical([1, 2, None] * 20, categories=[3, 2, 1], ordered=True))),
    ("time categories", lambda: one(pd.Categorical(pd.to_datetime(["2013-01-01", "2013-01-02", None] * 20)))),
    ("no categories", lambda: one(pd.Categorical([None] * N))),
    ("intervals", lambda: one(pd.cut(np.arange(N), 5))),
    ("interval array", lambda: one(pd.arrays.IntervalArray.from_breaks(np.arange(N + 1.0)))),
    (
        "sparse",
        lambda: pd.DataFrame({"a": pd.arrays.SparseArray([0.0] * 59 + [np.nan]), "b": pd.arrays.SparseArray([0, 1] * 30, fill_value=0)}),
    ),
    ("complex", lambda: one([1 + 2j, complex("nan"), 0j] * 20)),
    ("half floats", lambda: one(np.array([1, 2, 65504], dtype=np.float16))),
    ("long doubles", lambda: one(np.array([1, 2, 3], dtype=np.longdouble))),
    (
        "small integers",
        lambda: pd.DataFrame({t: np.array([0, 1, 100] * 20, dtype=t) for t in ("int8", "uint8", "int16", "uint16", "uint32")}),
    ),
    ("white space", lambda: one(["", " ", "\t\n", "\u00a0", "a", None] * 10)),
    ("attributes", lambda: pd.DataFrame({"index": [1, 2], "shape": ["a", "b"], "T": [0.5, 1], "columns": [None, 1]})),
]
