"Scores over time: figures of a groupby, drift that was planted, and slices of any calendar."

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.over_time import over_time, time_slices


def year(n=7_200, seed=0, drift=0.0, bad_month=None):
    "Rows of 360 days; from month to month `drift` is added to the log-odds of the outcome, but not to the prediction."
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(360), n // 360)
    f = pd.DataFrame({"when": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"), "x": rng.normal(size=len(day))})
    month = f["when"].dt.month.to_numpy()
    proba = 1 / (1 + np.exp(1.5 - f["x"]))
    off = drift * (month - 6.5) + (1.5 if bad_month is not None else 0) * (month == bad_month)
    y = (rng.random(len(day)) < 1 / (1 + np.exp(1.5 - f["x"] - off))).astype(int)
    return Dataset(frame=f.assign(y=y), target="y", positive=1, time="when"), y, proba.to_numpy()


def test_figures_are_those_of_a_groupby():
    d, y, proba = year()
    found = over_time(d, y, proba, threshold=0.3)
    assert found.by == "month" and len(found.table) == 12 and found.table["rows"].sum() == len(y)
    first = d.frame["when"].dt.month.to_numpy() == 1
    row, loss = found.table.iloc[0], -np.log(np.where(y == 1, proba, 1 - proba))
    assert row["slice"] == "2024-01" and row["blocks"] == 31 and row["start"] == pd.Timestamp("2024-01-01")
    assert row["score"] == pytest.approx(loss[first].mean()) and row["rest"] == pytest.approx(loss[~first].mean())
    assert row["bias"] == pytest.approx(y[first].mean() - proba[first].mean()) and row["base"] == pytest.approx(y[first].mean())
    alarm = proba >= 0.3
    assert row["recall"] == pytest.approx(alarm[first & (y == 1)].mean()) and row["precision"] == pytest.approx(y[first & alarm].mean())
    assert row["recall_lower"] < row["recall"] < row["recall_upper"] and row["alarm_rate"] == pytest.approx(alarm[first].mean())


def test_no_drift_is_found_where_there_is_none():
    found = [over_time(*year(2_880, seed=seed), n_resamples=200) for seed in range(10)]
    quiet = [not len(f.worse) and not len(f.biased) and "No trend" in f.sentence for f in found]
    assert sum(quiet) >= 8  # three questions, each with an error of one in twenty
    assert "fits the mean outcome" in found[quiet.index(True)].sentence


def test_planted_drift_and_a_bad_month_are_told():
    d, y, proba = year(drift=0.15)
    found = over_time(d, y, proba)
    assert found.trends["bias"]["lower"] > 0 and len(found.biased) >= 3 and "outcomes move above predictions" in found.sentence
    d, y, proba = year(bad_month=8)
    found = over_time(d, y, proba)
    assert found.worse["slice"].tolist()[:1] == ["2024-08"] and found.biased["slice"].iloc[0] == "2024-08"
    assert "worse beyond chance in 2024-08" in found.sentence


def test_other_tasks_and_other_slices():
    d, y, proba = year(720)
    amount = over_time(d.frame, proba * 10, proba * 10 + 1, time="when", by="quarter")
    assert amount.task == "regression" and amount.table["bias"].tolist() == pytest.approx([-1] * 4) and len(amount.biased) == 4
    several = over_time(d.frame, y, np.stack([1 - proba, proba * 0.5, proba * 0.5], axis=1), time="when", by=5)
    assert several.by == "slice" and several.table["bias"].isna().all() and not len(several.biased) and several.sentence
    few = over_time(d, y, proba, by="year")
    assert few.trends == {} and "no trend can be told" in few.sentence
    numbered = over_time(pd.DataFrame({"t": np.arange(720)}), y, proba, time="t")
    assert len(numbered.table) == 6
    assert len(over_time(d, y, proba, by="day").table) == 360


def test_rows_without_a_time_are_left_out():
    d, y, proba = year(720)
    f = d.frame.copy()
    f.loc[:9, "when"] = pd.NaT
    found = over_time(f, y, proba, time="when")
    assert found.overall["rows"] == 710 and found.table["rows"].sum() == 710
    assert found.overall["base"] == pytest.approx(y[10:].mean())


def test_the_longest_period_with_six_slices_is_taken():
    for freq, n, kind in (("D", 1_000, "quarter"), ("D", 300, "month"), ("D", 60, "week"), ("h", 100, "hour"), ("YS", 9, "year")):
        assert time_slices(pd.Series(pd.date_range("2020-01-01", periods=n, freq=freq)))[2] == kind


def test_round_trip_and_bad_input(tmp_path):
    d, y, proba = year(720)
    found = over_time(d, y, proba)
    again = Result.load(found.save(tmp_path / "time.json"))
    assert again.sentence == found.sentence and repr(again) == repr(found)
    for change, words in (({"by": "fortnight"}, "period"), ({"time": "wehn"}, "Did you mean 'when'"), ({"threshold": "high"}, "threshold")):
        with pytest.raises(InputError, match=words):
            over_time(d, y, proba, **change)
    with pytest.raises(InputError, match="need a column of times"):
        over_time(d.frame, y, proba)
    with pytest.raises(InputError, match="yes or no"):
        over_time(d.frame, proba * 10, proba, time="when", threshold=0.5)
    with pytest.raises(InputError, match="known"):
        over_time(d.frame.assign(when=pd.NaT), y, proba, time="when")
