"Fairness: figures of a groupby, planted differences, small groups that stay hidden, all tasks."

import json

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.fairness import fairness


def people(n=4_000, seed=0, unfair=0.0):
    "Two groups of equal merit; `unfair` is taken off the score of F."
    rng = np.random.default_rng(seed)
    f = pd.DataFrame({"sex": rng.choice(["F", "M"], n, p=[0.4, 0.6]), "age": rng.integers(18, 80, n), "merit": rng.normal(size=n)})
    y = (rng.random(n) < 1 / (1 + np.exp(-f["merit"]))).astype(int).to_numpy()
    score = 1 / (1 + np.exp(-f["merit"] + unfair * (f["sex"] == "F")))
    return f, y, score.to_numpy()


def of(found, group, figure, column="value", label=""):
    table = found.table
    return table.loc[(table["group"] == group) & (table["figure"] == figure) & (table["label"] == label), column].item()


def test_figures_are_those_of_a_groupby():
    f, y, score = people()
    found = fairness(f, y, score, sensitive="sex", threshold=0.5)
    alarm = score >= 0.5
    for group, index in f.groupby("sex").indices.items():
        yy, aa = y[index], alarm[index]
        assert of(found, group, "selection_rate") == pytest.approx(aa.mean()) and of(found, group, "base_rate") == pytest.approx(yy.mean())
        assert of(found, group, "tpr") == pytest.approx(aa[yy == 1].mean()) and of(found, group, "fpr") == pytest.approx(aa[yy == 0].mean())
        assert of(found, group, "precision") == pytest.approx(yy[aa].mean())
        assert of(found, group, "calibration_gap") == pytest.approx(score[index].mean() - yy.mean())
        assert of(found, group, "tpr", "lower") < of(found, group, "tpr") < of(found, group, "tpr", "upper")
    assert of(found, "F", "tpr", "difference") == pytest.approx(of(found, "F", "tpr") - of(found, "M", "tpr"))
    assert of(found, "F", "tpr", "ratio") == pytest.approx(of(found, "F", "tpr") / of(found, "M", "tpr"))
    assert of(found, "F", "tpr", "ratio_lower") < of(found, "F", "tpr", "ratio") < of(found, "F", "tpr", "ratio_upper")
    assert np.isnan(of(found, "M", "tpr", "difference")) and np.isnan(of(found, "F", "calibration_gap", "ratio"))
    wide = found.to_frame()
    assert wide["rows"].sum() == 4_000 and wide["reference"].tolist() == [False, True]
    bands = found.calibration[found.calibration["group"] == "F"]
    assert bands["n"].sum() == (f["sex"] == "F").sum() and (bands["lower"] <= bands["observed"]).all()


def test_an_unfair_score_is_told_and_a_fair_one_is_not():
    fair = fairness(*people(), sensitive=["sex", "age"], threshold=0.5)
    assert not len(fair.differing) and "no difference in" in fair.sentence
    unfair = fairness(*people(unfair=1.0), sensitive=["sex", "age"], threshold=0.5)
    assert set(unfair.differing["column"]) == {"sex"} and {"selection_rate", "tpr", "calibration_gap"} <= set(unfair.differing["figure"])
    assert "outside four fifths" in unfair.sentence and "By age" in unfair.sentence
    assert unfair.differing["p_adjusted"].max() < 0.05 and (unfair.table["p_adjusted"].dropna() >= unfair.table["p_value"].dropna()).all()
    raw = fairness(*people(unfair=1.0), sensitive=["sex", "age"], threshold=0.5, correction=None)
    assert len(raw.differing) >= len(unfair.differing)


def test_small_groups_are_put_together_and_not_shown_alone():
    f, y, score = people(1_000)
    f["district"] = np.r_[["A"] * 500, ["B"] * 470, np.repeat([f"secret {k}" for k in range(10)], 3)]
    found = fairness(f, y, score, sensitive="district", threshold=0.5)
    assert found.groups["group"].tolist() == ["A", "B", "small groups (10)"] and found.groups["shown"].tolist() == [True, True, False]
    assert found.table.loc[found.table["group"] == "small groups (10)", ["value", "lower", "upper", "n", "p_value"]].isna().all(axis=None)
    assert "secret" not in json.dumps(found.to_dict()) and "too few rows to be shown" in found.sentence
    assert "small groups (10)" not in set(found.calibration["group"])
    f["district"] = np.r_[["A"] * 500, ["B"] * 490, ["secret"] * 10]
    found = fairness(f, y, score, sensitive="district")
    assert found.groups["group"].tolist() == ["A", "B", "small groups (1)"] and "secret" not in json.dumps(found.to_dict())
    assert set(found.table["figure"]) == {"base_rate", "mean_predicted", "calibration_gap", "log_loss"}  # no threshold, no alarms
    f["district"] = np.r_[["A"] * 500, ["B"] * 300, [None] * 200]
    assert fairness(f, y, score, sensitive="district").groups["group"].tolist() == ["A", "B", "missing"]


def test_rates_of_few_rows_are_not_shown():
    f, y, score = people(600)
    y = np.where(f["sex"] == "F", 0, y)
    y[np.flatnonzero(f["sex"] == "F")[:4]] = 1
    found = fairness(f, y, score, sensitive="sex", threshold=0.5)
    assert np.isnan(of(found, "F", "tpr")) and np.isfinite(of(found, "F", "fpr"))


def test_rates_of_zero_have_a_width_and_a_test():
    f = pd.DataFrame({"g": ["a"] * 60 + ["b"] * 60})
    y = np.tile([0, 1], 60)
    found = fairness(f, y, np.r_[np.full(60, 0.2), np.full(60, 0.8)], sensitive="g", threshold=0.5)
    assert of(found, "b", "selection_rate") == 1 and of(found, "b", "selection_rate", "lower") < 0.96
    assert of(found, "b", "selection_rate", "p_value") < 1e-6 and of(found, "b", "selection_rate", "difference_lower") < 1


def test_several_classes_and_quantities():
    f, _, _ = people(3_000)
    rng = np.random.default_rng(1)
    true = rng.integers(0, 3, 3_000)
    matrix = np.where(np.arange(3) == true[:, None], 0.6, 0.2)
    matrix[(f["sex"] == "F").to_numpy()] = [0.5, 0.3, 0.2]  # F is always put into the first class
    d = Dataset(frame=f.assign(kind=np.array(["x", "y", "z"])[true]), target="kind", sensitive="sex")
    found = fairness(d, d.y, matrix)
    assert found.task == "multiclass" and of(found, "F", "selection_rate", label="x") == 1 and of(found, "M", "tpr", label="z") == 1
    assert of(found, "F", "tpr", label="y") == 0 and of(found, "F", "accuracy", "p_adjusted") < 0.001
    assert of(found, "M", "selection_rate", label="y") == pytest.approx((true[(f["sex"] == "M").to_numpy()] == 1).mean())
    amount = fairness(f, f["merit"] * 10, f["merit"] * 10 - 2.0 * (f["sex"] == "F"), sensitive="sex")
    assert (
        of(amount, "F", "bias") == pytest.approx(-2)
        and of(amount, "F", "rmse") == pytest.approx(2)
        and "bias -2 against" in amount.sentence
    )


def test_crossed_columns_dates_and_the_reference():
    f, y, score = people()
    f["born"] = pd.Timestamp("1950-01-01") + pd.to_timedelta(np.arange(4_000) * 5, unit="D")
    found = fairness(f, y, score, sensitive=[("sex", "age"), "born"], threshold=0.5)
    assert found.groups["column"].unique().tolist() == ["sex x age", "born"] and found.groups["group"].iloc[0].startswith("F / 18 to ")
    assert (found.groups["column"] == "born").sum() == 4
    asked = fairness(f, y, score, sensitive="sex", reference="F")
    assert asked.groups.set_index("group")["reference"].to_dict() == {"F": True, "M": False}
    assert fairness(f, y, score, sensitive=["sex", "age"], reference={"sex": "F"}).groups["reference"].sum() == 2


def test_days_as_blocks_and_the_role():
    f, y, score = people(1_200)
    d = Dataset(frame=f.assign(y=y, day=np.arange(1_200) // 20), target="y", positive=1, sensitive="sex", time="day")
    found = fairness(d, y, score, threshold=0.5)
    pd.testing.assert_frame_equal(found.table, fairness(d, y, score, threshold=0.5).table)
    assert found.groups["column"].unique().tolist() == ["sex"]


def test_round_trip_and_bad_input(tmp_path):
    f, y, score = people(600)
    f = f.rename(columns={"sex": "<b>"})
    found = fairness(f, y, score, sensitive="<b>", threshold=0.5)
    again = Result.load(found.save(tmp_path / "fairness.json"))
    assert repr(again) == repr(found) and again.sentence == found.sentence and "<b>" not in found._repr_html_()
    for change, words in (
        ({"sensitive": None}, "by sensitive columns"),
        ({"sensitive": "agee"}, "Did you mean 'age'"),
        ({"sensitive": "<b>", "threshold": "x"}, "threshold"),
        ({"sensitive": "<b>", "reference": "Q"}, "reference must be a group"),
        ({"sensitive": ["<b>", "age"], "reference": "F"}, "a group a column"),
        ({"sensitive": "<b>", "min_rows": 590}, "two groups"),
        ({"sensitive": "<b>", "correction": "bh"}, "correction"),
    ):
        with pytest.raises(InputError, match=words):
            fairness(f, y, score, **change)
    with pytest.raises(InputError, match="yes-or-no"):
        fairness(f, score * 10, score, sensitive="<b>", threshold=0.5)
