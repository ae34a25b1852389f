"Alerts with stable codes, a small JSON, no values of sensitive columns."

import json
import re
import time

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.profiling.alerts import CODES
from mltoolkit.profiling.profiler import profile

FIVE = {"arr_delay", "dep_delay", "arr_time", "air_time", "dep_time"}


def without_id(text):
    "A page without the random name of its root element."
    return re.sub(r"mltp-[0-9a-f]{10}", "", text)


def codes(table, column=None):
    return [a["code"] for a in table.alerts if column in (None, a["column"])]


def test_alerts_of_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "constant": [1] * 400,
            "empty": [None] * 400,
            "mostly": np.where(np.arange(400) % 4, np.nan, rng.normal(size=400)),
            "id": [f"u{i}" for i in range(400)],
            "levels": rng.choice([f"v{i}" for i in range(80)], 400),
            "dominated": np.where(np.arange(400) < 390, 0, np.arange(400)),
            "fine": rng.normal(size=400),
        }
    )
    table = profile(frame)
    assert {a["column"]: a["code"] for a in table.alerts} == {
        "constant": "MLT101", "empty": "MLT101", "mostly": "MLT102", "id": "MLT103", "levels": "MLT104", "dominated": "MLT105",
    }  # fmt: skip
    assert [a["severity"] for a in table.alerts] == ["warning"] * 4 + ["info"] * 2
    assert table.leaks == {} and table.target == {} and table.relation is None
    assert set(codes(table)) <= set(CODES)
    assert codes(profile(mlt.load(frame, id="id")), "id") == []


def test_flights(flights):
    start = time.process_time()
    table = profile(flights)
    assert time.process_time() - start < 8
    assert set(table.leaks) == FIVE
    assert {a["column"] for a in table.alerts if a["severity"] == "error"} == FIVE
    assert list(table.leaks) == ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
    assert table.n_rows == 336_776 and table.target["prevalence"] == pytest.approx(0.0865, abs=1e-4)
    assert table.target["missing"] == 9430
    assert len(json.dumps(table.to_dict())) < 300_000
    frame = table.to_frame()
    assert len(frame) == 38 and frame["column"].tolist() == list(flights.frame)
    assert table["year"].kind == "constant" and table["late"].role == "target"


def test_every_alert_is_complete(flights_small):
    for alert in profile(flights_small, contract={"columns": {"wind_gust": {"known": "after"}}}).alerts:
        assert set(alert) == {"code", "severity", "column", "message", "evidence", "value", "lower", "upper", "fix"}
        assert alert["severity"] in ("error", "warning", "info") and alert["evidence"] and alert["message"] == CODES[alert["code"]].message
        if alert["lower"] is not None:
            assert alert["lower"] <= alert["value"] + 1e-9 and alert["value"] <= alert["upper"] + 1e-9


def test_declared(flights_small):
    contract = {"columns": {"wind_gust": {"known": "after"}, "dep_delay": {"known": "after"}, "nope": {"known": "after"}, "late": {"known": "after"}}}
    table = profile(flights_small, contract=contract)
    said = {a["column"]: a["evidence"] for a in table.alerts if a["code"] == "MLT304"}
    assert set(said) == {"wind_gust", "dep_delay"}
    assert "MLT301" in said["dep_delay"] and "no evidence" in said["wind_gust"]
    assert set(table.leaks) == FIVE | {"wind_gust"} and table.leaks["wind_gust"] == ["MLT304"]
    assert table.leaks["dep_delay"][-1] == "MLT304"
    assert profile(flights_small, contract=mlt.Contract.from_dict_yaml(contract)).to_dict() == table.to_dict()


def test_round_trip_and_same_seed(flights_small, tmp_path):
    table = profile(flights_small, random_state=1)
    assert profile(flights_small, random_state=1).to_dict() == table.to_dict()
    table.save(tmp_path / "profile.json")
    for again in (Result.load(tmp_path / "profile.json"), Result.from_dict(json.loads(json.dumps(table.to_dict())))):
        assert again.alerts == table.alerts and again.leaks == table.leaks and again.target == table.target
        pd.testing.assert_frame_equal(again.to_frame(), table.to_frame())
        assert again["temp"].histogram == table["temp"].histogram
        assert without_id(again._repr_html_()) == without_id(table._repr_html_())


def test_sensitive_values_never_appear():
    rng = np.random.default_rng(0)
    y = rng.random(500) < 0.3
    frame = pd.DataFrame({"name": [f"zyxperson{i % 7}" for i in range(500)], "salary": rng.integers(70_000, 99_000, 500), "x": y + rng.normal(size=500), "y": y})
    table = profile(mlt.load(frame, target="y", sensitive=["name", "salary"]))
    text = json.dumps(table.to_dict()) + table._repr_html_() + table.to_frame().to_csv()
    assert "zyxperson" not in text
    assert not set(re.findall(r"(?<![\d.])\d{5}(?!\d)", text)) & set(frame["salary"].astype(str))
    assert table["salary"].distinct == frame["salary"].nunique()


def test_hostile_names_are_escaped():
    table = profile(pd.DataFrame({"<script>alert(1)</script>": ["<img src=x>"] * 99 + ["b"], "y": [True, False] * 50}), "y")
    assert "<script>alert" not in table._repr_html_() and "<img" not in table._repr_html_()


def test_target_given_by_name_and_bad_targets():
    frame = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100) > 50, "z": 1, "q": np.arange(100) / 7})
    assert profile(frame, "y").leaks == {"x": ["MLT301", "MLT306"], "q": ["MLT301"]}  # the rows are sorted by y
    for target, words in (("yy", "Did you mean"), ("z", "two values")):
        with pytest.raises(InputError, match=words):
            profile(frame, target)


def test_unknown_column_and_views(flights_small):
    table = profile(flights_small)
    with pytest.raises(InputError, match="'tempp'"):
        table["tempp"]
    assert [a["code"] for a in table.alerts_of("dep_delay")][:3] == ["MLT301", "MLT302", "MLT303"]
    assert repr(table).startswith("TableProfile(name='flights', rows=8,000, columns=38, target='late', leaks='dep_time")
    assert "<table" in table._repr_html_() and "MLT302" in table._repr_html_()


def test_tables_without_rows_or_alerts():
    assert profile(pd.DataFrame({"a": pd.Series([], dtype=float)})).n_rows == 0
    table = profile(pd.DataFrame({"a": np.random.default_rng(0).normal(size=40)}))
    assert table.alerts == [] and "<table" in table._repr_html_()


def test_progress_and_cancel(flights_small):
    seen, token = [], Cancel()
    profile(flights_small, progress=lambda share, note: seen.append(share))
    assert seen == sorted(seen) and seen[-1] == 1
    token.cancel()
    with pytest.raises(Cancelled):
        profile(flights_small, cancel=token)


def test_five_hundred_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(1000, 500))).set_axis([f"x{i}" for i in range(500)], axis=1).assign(y=rng.random(1000) < 0.4)
    start = time.process_time()
    table = profile(frame, "y")
    assert len(table.columns) == 501 and table.leaks == {}
    assert time.process_time() - start < 10
