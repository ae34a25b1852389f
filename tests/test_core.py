"Edge cases of the result protocol, errors, progress, files and fingerprints."

import dataclasses
import datetime as dt
import errno
import json
import os
import pickle
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import (
    Cancel,
    Cancelled,
    InputError,
    MltoolkitError,
    Result,
    Tracker,
    aside,
    atomic_path,
    cell_text,
    decode,
    encode,
    environment,
    fingerprint,
    frame_html,
    nearest,
    silent,
    write_json,
    write_text,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample(Result):
    "A result with one of everything."

    table: pd.DataFrame
    large: pd.DataFrame | None = field(default=None, metadata=aside)
    extra: object = None
    score: float = 0.5


FRAME = pd.DataFrame(
    {
        "text": pd.Series(["a", None, "ü<b>"], dtype="str"),
        "level": pd.Categorical(["lo", "hi", None], categories=["lo", "hi"], ordered=True),
        "when": pd.to_datetime(["2013-01-01T00:00", None, "2013-11-03T05:30"]).tz_localize("UTC").tz_convert("America/New_York"),
        "day": pd.to_datetime(["2013-01-01", None, "2013-11-03"]),
        "long": pd.to_timedelta(["1h", None, "2D"]),
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "flag": pd.array([True, None, False], dtype="boolean"),
        "number": [1.5, np.nan, np.inf],
        "count": np.array([1, 2, 2**62], dtype="int64"),
        "mixed": pd.Series([1, "x", None], dtype=object),
    }
)


def through_json(result):
    return Result.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))


def test_table_survives_json_with_its_dtypes():
    again = through_json(Sample(table=FRAME))
    pd.testing.assert_frame_equal(again.table, FRAME)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["x", "y", "z"], name="key"),
        pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["n", "s"]),
        pd.RangeIndex(3, 6),
    ],
)
def test_index_survives_json(index):
    frame = FRAME[["number"]].set_axis(index)
    again = through_json(Sample(table=frame)).table
    assert again.index.tolist() == frame.index.tolist() and again.index.names == frame.index.names


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": pd.Series([], dtype="float64")}),
        pd.DataFrame(index=range(3)),
        pd.DataFrame([[1, 2]], columns=["same", "same"]),
    ],
)
def test_odd_tables_survive_json(frame):
    again = through_json(Sample(table=frame)).table
    assert again.shape == frame.shape and list(again.columns) == list(frame.columns)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2.5,
        "text",
        [1, [2]],
        {"a": {"b": None}},
        {1: "one", (1, 2): "pair"},
        {"$": "odd key"},
        dt.datetime(2013, 1, 1, 5, tzinfo=dt.UTC),
        dt.date(2013, 1, 1),
        dt.timedelta(hours=1),
        {"x", "y"},
        float("inf"),
        -float("inf"),
    ],
)
def test_values_survive_json(value):
    assert decode(json.loads(json.dumps(encode(value), allow_nan=False))) == value


def test_arrays_and_numpy_scalars():
    array = np.array([[1.5, np.nan], [np.inf, 0]])
    np.testing.assert_array_equal(decode(json.loads(json.dumps(encode(array)))), array)
    assert encode(np.int32(4)) == 4 and encode(np.float64("nan")) == {"$": "float", "v": "nan"} and encode(np.bool_(True)) is True


def test_what_cannot_be_encoded_is_refused():
    with pytest.raises(TypeError, match="A Result can hold"):
        encode(object())


def test_nested_results_and_unknown_kinds():
    again = through_json(Sample(table=FRAME, extra=[Sample(table=FRAME, score=0.25)]))
    assert again.extra[0].score == 0.25
    with pytest.raises(InputError, match="NoSuchKind"):
        Result.from_dict({"$": "result", "kind": "NoSuchKind", "fields": {}})
    with pytest.raises(InputError, match="tag"):
        decode({"$": "os.system", "v": "echo"})
    with pytest.raises(InputError, match="to_dict"):
        Result.from_dict([1])


def test_fields_of_a_newer_version_are_passed_over():
    value = Sample(table=FRAME).to_dict()
    value["fields"]["from_the_future"] = 1
    assert Result.from_dict(value).score == 0.5


def test_save_and_load_with_a_large_table_aside(tmp_path):
    result = Sample(table=FRAME[["number"]], large=FRAME[["text", "count", "when"]])
    path = result.save(tmp_path / "sample.json")
    assert {p.name for p in tmp_path.iterdir()} == {"sample.json", "sample.large.parquet"}
    again = Result.load(path)
    pd.testing.assert_frame_equal(again.large, result.large)
    assert Result.load(Sample(table=FRAME[["number"]]).save(tmp_path / "none.json")).large is None


def test_load_says_what_is_wrong(tmp_path):
    with pytest.raises(InputError, match="no file"):
        Result.load(tmp_path / "absent.json")
    (tmp_path / "half.json").write_text("{")
    with pytest.raises(InputError, match="must be JSON"):
        Result.load(tmp_path / "half.json")


def test_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sample(table=FRAME).score = 1.0


def test_repr_is_one_line_and_html_is_escaped_and_plain():
    result = Sample(table=FRAME)
    assert "\n" not in repr(result)
    page = result._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page and "style" not in page and "script" not in page
    hostile = frame_html(pd.DataFrame({"<img src=x onerror=alert(1)>": ["</td><script>"]}), title="<i>")
    assert "<img" not in hostile and "<script" not in hostile and "<i>" not in hostile
    assert "88 more rows" in frame_html(pd.DataFrame({"a": range(100)}))


@pytest.mark.parametrize(
    "value,text",
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (1234567, "1,234,567"),
        (0.12345678, "0.1235"),
        (123456.7, "123,457"),
        (True, "True"),
        ("x", "x"),
        (np.int64(5000), "5,000"),
    ],
)
def test_cell_text(value, text):
    assert cell_text(value) == text


def test_errors_state_rule_got_fix_and_travel_between_processes():
    error = pickle.loads(pickle.dumps(InputError("a must be b", got="c", fix="Write d.")))
    assert str(error) == "a must be b, got c. Write d." and isinstance(error, ValueError) and isinstance(error, MltoolkitError)
    assert str(MltoolkitError("a rule.")) == "a rule." and Cancelled().exit_code == 130


def test_nearest():
    assert nearest("carier", ["carrier", "origin"]) == ["carrier"] and nearest("zzz", ["carrier"]) == []


def test_tracker_counts_reports_and_stops():
    seen, cancel = [], Cancel()
    with Tracker(4, "fits", progress=lambda share, note: seen.append((share, note)), cancel=cancel) as tracker:
        tracker.step()
        tracker.step("second", n=2)
        cancel.cancel()
        with pytest.raises(Cancelled):
            tracker.step()
    assert seen == [(0.25, "1 of 4 fits"), (0.75, "second")]
    with pytest.raises(Cancelled), Tracker(1, cancel=cancel):
        pass
    with Tracker(0, progress=silent) as tracker:
        tracker.step()


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = write_text(tmp_path / "a.txt", "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_atomic_path_keeps_the_ending_and_usual_rights(tmp_path):
    with atomic_path(tmp_path / "new" / "x.parquet") as temporary:
        assert temporary.suffix == ".parquet" and temporary.parent == tmp_path / "new"
        temporary.write_bytes(b"1")
    assert (tmp_path / "new" / "x.parquet").stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o022) or 0o022)
    with pytest.raises(ValueError):
        write_json(tmp_path / "nan.json", {"a": float("nan")})
    assert not (tmp_path / "nan.json").exists()


def test_fingerprints_tell_apart_what_differs(tmp_path):
    base = FRAME.drop(columns="mixed")
    assert fingerprint(base) == fingerprint(base.copy())
    assert fingerprint(base) != fingerprint(base.iloc[::-1])
    assert fingerprint(base) != fingerprint(base.rename(columns={"text": "t"}))
    assert fingerprint(base) != fingerprint(base[base.columns[::-1]])
    assert fingerprint(pd.DataFrame({"a": [[1], [2]]})) != fingerprint(pd.DataFrame({"a": [[1], [3]]}))
    (tmp_path / "f").write_bytes(b"x")
    assert fingerprint(tmp_path / "f") == fingerprint(b"x") == fingerprint("x")
    assert len(fingerprint({"a": 1})) == 16


def test_environment_names_what_can_change_a_score():
    assert {"python", "platform", "pandas", "scikit-learn", "numpy"} <= set(environment())
