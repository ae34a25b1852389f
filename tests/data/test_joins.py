"No row is lost or doubled, and what did not match is named."

import json

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError, Result
from mltoolkit.data.examples import FLIGHTS, load_example
from mltoolkit.data.joins import as_recipe_data, assemble, define_target, derive, join_tables
from mltoolkit.data.sources import read_table

LEFT = pd.DataFrame({"k": ["b", "a", None, "z", "b"], "v": [1, 2, 3, 4, 5]})
RIGHT = pd.DataFrame({"k": ["a", "b", None], "w": [10, 20, 30]})


def test_lookup():
    joined = join_tables(LEFT, [{"table": RIGHT, "on": "k", "name": "right"}])
    assert joined.frame["v"].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(joined.frame["w"], [20, 10, np.nan, np.nan, 20])
    row = joined.report.table.iloc[0]
    assert (row["table"], row["rows_before"], row["rows_after"], row["matched"], row["unmatched"]) == ("right", 5, 5, 3, 2)
    assert set(row["examples"]) == {"(missing)", "z"}


def test_full_match_keeps_types():
    left = pd.DataFrame({"k": [2, 1, 2]})
    got = join_tables(left, [{"table": pd.DataFrame({"k": [1, 2], "n": [7, 8]}), "on": ["k"]}]).frame
    assert got["n"].tolist() == [8, 7, 8] and got["n"].dtype == "int64"


def test_renaming_choosing_and_two_keys():
    right = pd.DataFrame({"a": [1, 1, 2], "b": ["x", "y", "x"], "year": [5, 6, 7], "other": [0, 0, 0]})
    left = pd.DataFrame({"one": [1, 2, 1], "two": ["y", "x", "q"], "year": [0, 0, 0]})
    got = join_tables(left, [{"table": right, "left_on": ["one", "two"], "right_on": ["a", "b"], "columns": {"year": "built"}}])
    np.testing.assert_array_equal(got.frame["built"], [6, 7, np.nan])
    assert list(got.frame) == ["one", "two", "year", "built"]
    assert got.report.table["keys"][0] == "one = a, two = b"


def test_repeated_keys_are_refused_with_examples():
    right = pd.concat([RIGHT, RIGHT])
    with pytest.raises(InputError, match=r"2 repeated keys \(k\) in right, e.g. [ab]") as e:
        join_tables(LEFT, [{"table": right, "on": "k", "name": "right"}])
    assert "double" in str(e.value)


def test_missing_keys_on_the_right_may_repeat():
    right = pd.DataFrame({"k": ["a", None, None], "w": [1, 2, 3]})
    got = join_tables(LEFT, [{"table": right, "on": "k"}]).frame
    np.testing.assert_array_equal(got["w"], [np.nan, 1, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("join", "words"),
    [
        ({"table": RIGHT}, "key columns"),
        ({"on": "k"}, "name its table"),
        ({"table": RIGHT, "on": "kk"}, "'kk'"),
        ({"table": RIGHT, "left_on": "k", "right_on": "kk"}, "key column of table"),
        ({"table": RIGHT, "left_on": ["k", "v"], "right_on": ["k"]}, "as many keys"),
        ({"table": RIGHT, "on": "k", "columns": ["ww"]}, "Did you mean 'w'"),
        ({"table": RIGHT, "on": "k", "columns": {"w": "v"}}, "already there"),
        ({"table": RIGHT.assign(k=[1, 2, 3]), "on": "k"}, "same type"),
        ({"table": RIGHT, "onn": "k"}, "Did you mean 'on'"),
    ],
)
def test_refusals(join, words):
    with pytest.raises(InputError, match=words):
        join_tables(LEFT, [join])


def test_times_match_text_and_categories_match_text():
    left = pd.DataFrame({"t": pd.to_datetime(["2013-01-01T10:00Z"]), "c": pd.Categorical(["x"])})
    right = pd.DataFrame({"t": ["2013-01-01T10:00:00Z"], "c": ["x"], "n": [1]})
    assert join_tables(left, [{"table": right, "on": ["t", "c"]}]).frame["n"].tolist() == [1]


def test_property_same_as_a_plain_merge():
    rng = np.random.default_rng(0)
    for _ in range(20):
        left = pd.DataFrame({"a": rng.integers(0, 9, 50), "b": rng.choice(["x", "y", None], 50), "row": np.arange(50)})
        right = pd.DataFrame({"a": rng.integers(0, 9, 30), "b": rng.choice(["x", "y"], 30), "w": rng.normal(size=30)})
        right = right.drop_duplicates(["a", "b"])
        got = join_tables(left, [{"table": right, "on": ["a", "b"]}]).frame
        want = left.merge(right, on=["a", "b"], how="left")
        assert got["row"].tolist() == list(range(50))
        np.testing.assert_array_equal(got["w"], want["w"])


def test_empty_tables():
    assert len(join_tables(LEFT.head(0), [{"table": RIGHT, "on": "k"}]).frame) == 0
    got = join_tables(LEFT, [{"table": RIGHT.head(0), "on": "k"}]).frame
    assert got["w"].isna().all() and len(got) == 5


def test_derive():
    frame = pd.DataFrame({"t": ["2013-01-02T03:30:00Z", None]})
    zone = {"column": "t", "timezone": "America/New_York"}
    got = derive(frame, {"weekday": zone, "h": {**zone, "part": "hour"}, "m": {"column": "t", "part": "month"}})
    assert got["weekday"][0] == "Tuesday" and got["h"][0] == 22 and got["m"][0] == 1
    assert got.iloc[1].isna().all()
    for spec, words in [
        ({"x": {"column": "tt"}}, "'tt'"),
        ({"t": {"column": "t", "part": "hour"}}, "already there"),
        ({"x": {"column": "t", "part": "hours"}}, "Did you mean 'hour'"),
        ({"x": {"column": "t", "part": "hour", "timezone": "Mars/Base"}}, "time zone"),
        ({"x": {"column": "t", "part": "hour", "zone": "UTC"}}, "zone"),
    ]:
        with pytest.raises(InputError, match=words):
            derive(frame, spec)


def test_define_target():
    frame = pd.DataFrame({"d": [59.0, 60.0, np.nan], "s": ["a", "b", None]})
    assert define_target(frame, name="late", column="d", at_least=60)["late"].tolist() == [False, True, pd.NA]
    assert define_target(frame, name="early", column="d", at_most=59)["early"].tolist() == [True, False, pd.NA]
    assert define_target(frame, name="b", column="s", equals="b")["b"].tolist() == [False, True, pd.NA]
    for kwargs, words in [
        ({"column": "d"}, "one of"),
        ({"column": "d", "at_least": 1, "at_most": 2}, "one of"),
        ({"column": "dd", "at_least": 1}, "'dd'"),
        ({"column": "s", "at_least": 1}, "number column"),
    ]:
        with pytest.raises(InputError, match=words):
            define_target(frame, name="late", **kwargs)
    with pytest.raises(InputError, match="already there"):
        define_target(frame, name="d", column="d", at_least=1)


def test_report_round_trip():
    report = join_tables(LEFT, [{"table": RIGHT, "on": "k"}]).report
    again = Result.from_dict(json.loads(json.dumps(report.to_dict())))
    pd.testing.assert_frame_equal(again.to_frame(), report.to_frame())


# --- the flights ---


def test_flights_joined(flights):
    raw = read_table("example:flights/flights")
    assert len(flights) == 336_776 and flights.frame.shape[1] == 38
    assert flights.frame["arr_delay"].equals(raw["arr_delay"]), "order of rows"
    assert list(flights.frame)[19:] == [
        "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib",
        "plane_year", "plane_manufacturer", "plane_engines", "plane_seats", "dest_lat", "dest_lon", "dest_alt", "airline", "weekday", "late",
    ]  # fmt: skip
    assert (flights.target, flights.time, flights.group, flights.name) == ("late", "time_hour", "tailnum", "flights")
    assert round(flights.known().y.mean(), 4) == 0.0865
    assert str(flights.frame["time_hour"].dtype) == "datetime64[us, America/New_York]"
    assert flights.frame["weekday"][0] == "Tuesday"


def test_flights_report():
    spec = {**FLIGHTS, "derive": {}, "target": None}
    table = assemble(spec).report.table.set_index("table")
    assert table["unmatched"].to_dict() == {"weather": 1556, "planes": 52_606, "airports": 7602, "airlines": 0}
    assert table.loc["airports", "examples"] == ["SJU", "BQN", "STT", "PSE"]
    assert (table["rows_before"] == table["rows_after"]).all()


def test_a_smaller_example_is_spread_over_time(flights, flights_small):
    assert len(flights_small) == 8_000
    share = flights_small.frame["month"].value_counts(normalize=True) - flights.frame["month"].value_counts(normalize=True)
    assert share.abs().max() < 0.001
    key = ["time_hour", "carrier", "flight", "origin"]
    assert len(flights_small.frame.merge(flights.frame[key], on=key)) == 8_000
    assert abs(flights_small.known().y.mean() - 0.0865) < 0.01
    assert load_example("flights", rows=8_000).fingerprint == flights_small.fingerprint


def test_rows_and_unknown_parts():
    assert len(assemble({"table": LEFT}, rows=99).frame) == 5
    assert assemble({"table": LEFT, "rows": 2}).frame["v"].tolist() == [2, 4]
    for rows in (0, -1, 1.5, True):
        with pytest.raises(InputError, match="rows"):
            assemble({"table": LEFT}, rows=rows)
    with pytest.raises(InputError, match="'join'"):
        assemble({"table": LEFT, "join": []})
    with pytest.raises(InputError, match="flights"):
        load_example("flihgts")


def test_roles_of_a_recipe():
    frame = pd.DataFrame({"t": [True, False], "when": ["2013-01-01", "2013-01-02"]})
    data = as_recipe_data({"target": "t", "roles": {"time": "when", "group": None, "sensitive": []}}, frame, name="n")
    assert (data.target, data.time, data.group, data.name) == ("t", "when", None, "n")
