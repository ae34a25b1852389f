"Slices: figures that add up, levels that make sense, weakness told from chance."

import json

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.slices import slice_levels


def rows(n=6_000, seed=0):
    rng = np.random.default_rng(seed)
    carrier = rng.choice(["AA", "UA", "ZZ"], n, p=[0.5, 0.4, 0.1])
    proba = rng.beta(1.5, 6, n)
    true = np.where(carrier == "ZZ", 1 - (1 - proba) ** 3, proba)  # ZZ is late far more often than predicted
    y = (rng.random(n) < true).astype(int)
    f = pd.DataFrame({"carrier": pd.Series(carrier, dtype="str"), "month": rng.integers(1, 13, n), "temp": rng.normal(50, 10, n)})
    return f.assign(day=np.arange(n) // 50), y, proba


def test_figures_are_those_of_a_groupby():
    f, y, proba = rows()
    table = mlt.slices(f, y, proba, by=["carrier", "month"], threshold=0.2).table
    part = table[table["column"] == "carrier"].set_index("level")
    for level, index in f.groupby("carrier").indices.items():
        yy, alarm = y[index], proba[index] >= 0.2
        row = part.loc[level]
        assert row["n"] == len(index) and row["positives"] == yy.sum()
        assert row["recall"] == pytest.approx(alarm[yy == 1].mean()) and row["precision"] == pytest.approx(yy[alarm].mean())
        assert row["brier"] == pytest.approx(((proba[index] - yy) ** 2).mean()) and row["mean_proba"] == pytest.approx(proba[index].mean())
    assert table.groupby("column")["n"].sum().tolist() == [6_000, 6_000]
    assert table[table["column"] == "month"]["level"].tolist() == [str(m) for m in range(1, 13)]


def test_the_weak_slice_is_found_and_comes_first():
    report = mlt.slices(*rows(), by=["carrier", "month"], threshold=0.2)
    assert (report.worst[0]["column"], report.worst[0]["level"], report.worst[0]["kind"]) == ("carrier", "ZZ", "probability")
    assert "too low" in report.worst[0]["text"]


def test_no_weakness_where_there_is_none():
    rng = np.random.default_rng(1)
    proba = rng.beta(1.5, 6, 5_000)
    y = (rng.random(5_000) < proba).astype(int)
    f = pd.DataFrame({"g": rng.choice(list("abcdefgh"), 5_000)})
    assert len(mlt.slices(f, y, proba, by="g", threshold=0.2).worst) <= 1


def test_levels():
    codes, names = slice_levels(pd.Series(["b", "a", None, "b"]), min_rows=1)
    assert names == ["a", "b", "missing"] and codes.tolist() == [1, 0, 2, 1]
    codes, names = slice_levels(pd.Series(np.arange(1000.0)), min_rows=1)
    assert len(names) == 4 and np.bincount(codes).tolist() == [250] * 4
    times = pd.Series(pd.date_range("2013-01-31", periods=3, freq="D", tz="UTC"))
    assert slice_levels(times, min_rows=1)[1] == ["2013-01", "2013-02"]
    ordered = pd.Series(pd.Categorical(["low", "high", "low"], categories=["low", "mid", "high"], ordered=True))
    codes, names = slice_levels(ordered, min_rows=1)
    assert names == ["low", "high"] and codes.tolist() == [0, 1, 0]
    assert slice_levels(pd.Series([2013, 2004, 2013]), min_rows=1)[1] == ["2004", "2013"]
    assert slice_levels(pd.Series([True, False, None]), min_rows=1)[1][-1] == "missing"
    assert slice_levels(pd.Series([None, None]), min_rows=1)[1] == ["missing"]
    assert slice_levels(pd.Series([1, "a", "a"]), min_rows=1)[0].tolist() == [0, 1, 1]
    codes, names = slice_levels(pd.Series([np.nan] + [1.5] * 30 + list(np.arange(60.0))), min_rows=1)
    assert names[-1] == "missing" and (codes >= 0).all()


def test_rare_levels_are_put_together():
    column = pd.Series(["a"] * 200 + ["b"] * 150 + list("cdefg") + [None])
    codes, names = slice_levels(column)
    assert names == ["a", "b", "other (5 levels)", "missing"] and np.bincount(codes).tolist() == [200, 150, 5, 1]


def test_days_as_blocks_widen_intervals():
    f, y, proba = rows()
    d = Dataset(frame=f.assign(y=y), target="y", positive=1, time="day")
    plain = mlt.slices(f, y, proba, by="carrier", threshold=0.2).table
    days = mlt.slices(d, y, proba, by="carrier", threshold=0.2).table
    assert (days["upper"] - days["lower"] >= plain["upper"] - plain["lower"] - 1e-12).all()
    assert (days["recall"] == plain["recall"]).all()


def test_a_slice_without_positives():
    f = pd.DataFrame({"g": ["a"] * 150 + ["b"] * 150})
    y = np.r_[np.zeros(150), np.tile([0, 1], 75)].astype(int)
    table = mlt.slices(f, y, np.full(300, 0.3), by="g", threshold=0.5).table.set_index("level")
    assert np.isnan(table.loc["a", "recall"]) and table.loc["b", "recall"] == 0 and np.isnan(table.loc["b", "precision"])


def test_quantities():
    rng = np.random.default_rng(2)
    n = 3_000
    f = pd.DataFrame({"g": rng.choice(["a", "b", "c", "d"], n)})
    y = rng.normal(size=n) * np.where(f["g"] == "b", 3.0, 1.0) + 2 * (f["g"] == "c")
    report = mlt.slices(f, y, np.zeros(n), by="g")
    table = report.table.set_index("level")
    for level, index in f.groupby("g").indices.items():
        assert table.loc[level, "score"] == pytest.approx(np.sqrt((y[index] ** 2).mean()))
        assert table.loc[level, "mae"] == pytest.approx(np.abs(y[index]).mean()) and table.loc[level, "bias"] == pytest.approx(
            -y[index].mean()
        )
        rest = np.setdiff1d(np.arange(n), index)
        assert table.loc[level, "difference"] == pytest.approx(np.sqrt((y[index] ** 2).mean()) - np.sqrt((y[rest] ** 2).mean()))
    kinds = {(entry["level"], entry["kind"]) for entry in report.worst}
    assert ("b", "error") in kinds and ("c", "bias") in kinds and not {("a", "bias"), ("a", "error"), ("d", "error")} & kinds
    assert "predictions too low" in report.sentence and report.summary()["rmse"] == pytest.approx(np.sqrt((y**2).mean()))
    assert (mlt.slices(f, y, np.zeros(n), by="g", metric="mae").table["score"] == table["mae"].to_numpy()).all()


def test_several_classes():
    rng = np.random.default_rng(3)
    n = 3_000
    f = pd.DataFrame({"g": rng.choice(["a", "b", "c"], n)})
    true = np.where(f["g"] == "c", rng.integers(0, 3, n), 0)
    report = mlt.slices(f, true, np.tile([0.8, 0.1, 0.1], (n, 1)), by="g")
    table = report.table.set_index("level")
    assert table.loc["c", "accuracy"] == pytest.approx((true[f["g"] == "c"] == 0).mean()) and table.loc["a", "accuracy"] == 1
    assert table.loc["a", "lower"] < 1 and [entry["level"] for entry in report.worst] == ["c"]
    with pytest.raises(InputError, match="yes-or-no"):
        mlt.slices(f, true, np.tile([0.8, 0.1, 0.1], (n, 1)), by="g", threshold=0.5)


def test_sensitive_levels_are_not_named():
    f, y, proba = rows(1_000)
    d = Dataset(frame=f.assign(y=y), target="y", positive=1, sensitive="carrier")
    report = mlt.slices(d, y, proba, by=["carrier", "month"], threshold=0.2, min_rows=20)
    assert report.table["level"].head(3).tolist() == ["level 1", "level 2", "level 3"] and "ZZ" not in json.dumps(report.to_dict())
    with pytest.raises(InputError, match="before the outcome"):
        mlt.slices(d, y, proba, by="y", threshold=0.2)


def test_corrected_p_values_and_an_odd_number_column():
    f, y, proba = rows()
    f["odd"] = np.where(np.arange(6_000) % 3 == 0, np.inf, np.arange(6_000.0))
    report = mlt.slices(f, y, proba, by=["carrier", "odd"], threshold=0.2, min_rows=50)
    table = report.table
    assert table.loc[table["level"] == "ZZ", "p_adjusted"].item() < 0.001 and (table["p_adjusted"] >= table["p_value"]).all()
    assert table.loc[table["column"] == "odd", "n"].sum() == 6_000 and "deserve a look" in report.sentence


def test_round_trip_and_hostile_names(tmp_path):
    f, y, proba = rows(1_000)
    report = mlt.slices(f.rename(columns={"carrier": "<b>"}), y, proba, by="<b>", threshold=0.2, min_rows=20)
    again = Result.load(report.save(tmp_path / "slices.json"))
    assert again.worst == report.worst and repr(again) == repr(report) and json.dumps(again.to_dict())
    pd.testing.assert_frame_equal(again.table, report.table)
    assert "<b>" not in report._repr_html_()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": "carier"}, "Did you mean 'carrier'"),
        ({"threshold": None}, "`threshold`"),
        ({"threshold": float("nan")}, "`threshold`"),
        ({"proba": np.array([0.5])}, "same length"),
    ],
)
def test_bad_input(change, words):
    f, y, proba = rows(500)
    arguments = {"y": y, "proba": proba, "by": "carrier", "threshold": 0.2} | change
    with pytest.raises(InputError, match=words):
        mlt.slices(f, arguments.pop("y"), arguments.pop("proba"), **arguments)
    with pytest.raises(InputError, match="rows of"):
        mlt.slices(f.head(3), y, proba, by="carrier", threshold=0.2)
