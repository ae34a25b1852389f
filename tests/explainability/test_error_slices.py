"Error slices: what was planted is found, what is not there is not confirmed, and slices can be taken to other rows."

import json

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.conditions import condition_text, conditions_text, holds, looked, one_column_groups, tree_groups
from mltoolkit.explainability.error_slices import block_z, find_slices, halves
from mltoolkit.explainability.judged import judged


def planted(n=4_000, seed=0, strength=2.0):
    "Rain at B makes the outcome likelier than the prediction says; nothing else does."
    rng = np.random.default_rng(seed)
    f = pd.DataFrame(
        {"origin": rng.choice(list("ABC"), n), "rain": rng.gamma(1, 2, n), "hour": rng.integers(5, 23, n), "noise": rng.normal(size=n)}
    )
    f.loc[rng.random(n) < 0.05, "rain"] = np.nan
    f["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) // 40, unit="D")
    score = -1.5 + 0.05 * f["hour"].to_numpy()
    proba = 1 / (1 + np.exp(-score))
    wrong = ((f["origin"] == "B") & (f["rain"] > 2)).to_numpy()
    y = (rng.random(n) < 1 / (1 + np.exp(-score - strength * wrong))).astype(int)
    return f, y, proba, wrong


def test_the_planted_slice_is_found_confirmed_and_told():
    f, y, proba, wrong = planted()
    found = find_slices(f, y, proba, looking_for="bias")
    assert found.confirmed["slice"].iloc[0].startswith("origin B and rain above ")
    inside = found.mask(f, 0)
    assert (inside & wrong).sum() / (inside | wrong).sum() > 0.85
    row = found.table.iloc[0]
    assert row["base"] > row["mean_prediction"] + 0.3 and row["difference_lower"] > 0.3
    assert "origin B and rain above" in found.sentence and "observed" in found.sentence
    again = find_slices(f, y, proba, looking_for="bias")
    pd.testing.assert_frame_equal(found.table, again.table)


def test_errors_are_told_apart_from_hard_questions():
    rng = np.random.default_rng(1)
    n = 6_000
    f = pd.DataFrame({"kind": rng.choice(["plain", "hard", "blind"], n), "x": rng.normal(size=n)})
    score = np.where(f["kind"] == "plain", -2.0 + 2 * f["x"], 2 * f["x"])  # hard: as learnable, but nearer to even
    proba = 1 / (1 + np.exp(-np.where(f["kind"] == "blind", 0.0, score)))  # blind: the model does not know x there
    y = (rng.random(n) < 1 / (1 + np.exp(-score))).astype(int)
    found = find_slices(f, y, proba, columns=["kind"], max_depth=1)
    cause = found.table.set_index("slice")["cause"]
    assert cause["kind blind"] == "weaker" and found.confirmed["slice"].iloc[0] == "kind blind"
    assert "the model is weaker there" in found.sentence


def test_nothing_is_confirmed_where_there_is_nothing():
    confirmed = 0
    for seed in range(12):
        f, y, proba, _ = planted(1_500, seed=seed, strength=0.0)
        found = find_slices(f, y, proba, looking_for="bias", n_resamples=200)
        confirmed += len(found.confirmed) > 0
    assert confirmed <= 2  # about one in twenty
    assert len(found.confirmed) or "could be confirmed" in found.sentence or "No group was found" in found.sentence


def test_days_stay_whole_in_the_halves():
    f, y, proba, _ = planted(2_000)
    d = Dataset(frame=f.assign(y=y), target="y", positive=1, time="day")
    searched, divided = halves(judged(d, y, proba), 0.5, 0)
    assert divided == "days or groups" and 0.45 < searched.mean() < 0.55
    assert pd.Series(searched).groupby(f["day"].to_numpy()).nunique().eq(1).all()
    assert halves(judged(f, y, proba), 0.3, 0)[0].mean() == pytest.approx(0.3, abs=0.01)
    found = find_slices(d, y, proba, n_resamples=100)
    assert "y" not in found.columns and "day" in found.columns  # the time is searched, the target is not


def test_several_classes_and_quantities():
    rng = np.random.default_rng(2)
    n = 3_000
    f = pd.DataFrame({"g": rng.choice(["a", "b", "c", "d"], n), "x": rng.normal(size=n)})
    y = rng.normal(size=n) * np.where(f["g"] == "b", 3.0, 1.0)
    found = find_slices(f, y, np.zeros(n))
    assert found.task == "regression" and found.metric == "rmse" and found.confirmed["slice"].iloc[0] == "g b"
    assert found.confirmed["score"].iloc[0] == pytest.approx(3, rel=0.1) and found.confirmed["rest"].iloc[0] == pytest.approx(1, rel=0.1)
    shifted = find_slices(f, y + 2 * (f["g"] == "c"), np.zeros(n), looking_for="bias", metric="mae")
    assert shifted.confirmed["slice"].iloc[0] == "g c" and shifted.confirmed["difference"].iloc[0] == pytest.approx(2, rel=0.1)
    true = np.where(f["g"] == "d", rng.integers(0, 3, n), 0)
    several = find_slices(f, true, np.tile([0.8, 0.1, 0.1], (n, 1)))
    assert several.task == "multiclass" and several.confirmed["slice"].iloc[0] == "g d"


def test_conditions_hold_for_any_rows_and_read_well():
    f = pd.DataFrame({"n": [1.0, 2.0, np.nan, 4.0], "c": ["a", None, "", "<b>"], "t": pd.date_range("2024-01-01", periods=4, tz="UTC")})
    above = {"column": "n", "low": 1.0, "high": None, "missing": True}
    assert holds([above], f).tolist() == [False, True, True, True] and condition_text(above) == "n above 1 or missing"
    levels = {"column": "c", "levels": ["a", ""], "missing": False}
    assert holds([levels], f).tolist() == [True, False, True, False] and condition_text(levels) == "c a or (empty)"
    absent = {"column": "n", "levels": [], "missing": True}
    assert holds([absent], f).tolist() == [False, False, True, False] and condition_text(absent) == "n missing"
    late = {"column": "t", "low": 1704153600.0, "high": None, "missing": False, "time": True}
    assert holds([late], f).tolist() == [False, False, True, True] and condition_text(late) == "t above 2024-01-02"
    assert holds([], f).all() and conditions_text([]) == "all rows"
    with pytest.raises(InputError, match="numbers or times"):
        holds([above | {"column": "c"}], f)
    with pytest.raises(InputError, match="columns of the conditions"):
        holds([above | {"column": "q"}], f)


def test_groups_are_what_their_conditions_say():
    rng = np.random.default_rng(3)
    x = np.where(rng.random(800) < 0.2, np.nan, rng.integers(0, 12, 800))
    f = pd.DataFrame({"x": x, "c": pd.Categorical(rng.choice(list("abcde"), 800)), "flag": rng.random(800) < 0.3})
    figure = np.where(np.isnan(x), 3.0, 0.1 * np.nan_to_num(x)) + (f["c"] == "e") + rng.normal(size=800) * 0.1
    columns = [looked(f[name], figure.to_numpy(), name=name) for name in f]
    for column in columns:
        for group in one_column_groups(column, figure.to_numpy(), 20):
            assert 20 <= holds(group, f).sum() < 800, conditions_text(group)
    texts = [conditions_text(g) for g in one_column_groups(columns[0], figure.to_numpy(), 20)]
    assert {"x missing", "x 7", "x known"} <= set(texts)
    leaves = [g for g in tree_groups(columns, figure.to_numpy(), 20, depth=3)]
    assert all(holds(g, f).sum() >= 20 for g in leaves) and all(json.dumps(g) for g in leaves)
    assert looked(pd.Series([1.0, 1.0]), np.zeros(2), name="x") is None
    assert looked(pd.Series([f"id {i}" for i in range(300)]), np.zeros(300), name="x") is None


def test_block_z_takes_blocks_as_units():
    rng = np.random.default_rng(4)
    day = np.repeat(np.arange(100), 30)
    value, inside = rng.normal(size=100)[day] + 0.1 * rng.normal(size=3_000), rng.random(100)[day] < 0.5
    assert abs(block_z(value, inside, day)[1]) < 3 and abs(block_z(value, inside, np.arange(3_000))[1]) > abs(
        block_z(value, inside, day)[1]
    )
    assert block_z(value, np.ones(3_000, dtype=bool), day) == (0.0, 0.0)


def test_a_quiet_group_is_no_proof_of_bias():
    n = 3_000
    f = pd.DataFrame({"g": np.where(np.arange(n) % 75 == 0, "rare", "usual")})
    y = (np.random.default_rng(5).random(n) < 0.03).astype(int)
    y[(f["g"] == "rare").to_numpy()] = 0
    found = find_slices(f, y, np.full(n, 0.03), looking_for="bias", min_rows=10)
    assert not len(found.confirmed)  # 20 rows without a positive are what 3 % gives


def test_round_trip_hostile_names_and_stopping(tmp_path):
    f, y, proba, _ = planted(1_500)
    found = find_slices(f.rename(columns={"origin": "<b>"}), y, proba, looking_for="bias", n_resamples=100)
    again = Result.load(found.save(tmp_path / "found.json"))
    assert repr(again) == repr(found) and again.sentence == found.sentence and again.conditions == found.conditions
    assert (again.mask(f.rename(columns={"origin": "<b>"}), 0) == found.mask(f.rename(columns={"origin": "<b>"}), 0)).all()
    assert "<b>" not in found._repr_html_()
    stop, seen = Cancel(), []
    stop.cancel()
    with pytest.raises(Cancelled):
        find_slices(f, y, proba, cancel=stop)
    find_slices(f, y, proba, n_resamples=100, progress=lambda share, note="": seen.append(share))
    assert seen == sorted(seen) and seen[-1] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"columns": ["orign"]}, "Did you mean 'origin'"),
        ({"columns": []}, "column to search"),
        ({"columns": "secret"}, "mlt.fairness"),
        ({"columns": "y"}, "before the outcome"),
        ({"looking_for": "luck"}, "looking_for"),
        ({"max_depth": 9}, "max_depth"),
        ({"most": True}, "most"),
        ({"correction": "bonferoni"}, "correction"),
        ({"metric": "accuracy"}, "a loss"),
        ({"min_rows": 900}, "two slices"),
        ({"search_share": 1}, "search_share"),
    ],
)
def test_bad_input(change, words):
    f, y, proba, _ = planted(1_000)
    d = Dataset(frame=f.assign(y=y, secret=y), target="y", positive=1, sensitive="secret")
    with pytest.raises(InputError, match=words):
        find_slices(d, y, proba, **change)


def test_sensitive_columns_are_not_searched():
    f, y, proba, _ = planted(1_000)
    d = Dataset(frame=f.assign(y=y, secret=y), target="y", positive=1, sensitive="secret")
    found = find_slices(d, y, proba, n_resamples=100)
    assert "secret" not in found.columns and "secret" not in json.dumps(found.to_dict())
    with pytest.raises(InputError, match="number of a slice"):
        found.mask(f, 99)
