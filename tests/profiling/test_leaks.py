"Leaks are found by evidence, honest columns are left alone, and names play no part."

import json

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.profiling.leaks import _auc, auc_interval, find_leaks

FIVE = {"arr_delay", "dep_delay", "arr_time", "air_time", "dep_time"}


def table(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.2
    return rng, y, pd.DataFrame({"y": y, "noise": rng.normal(size=n), "weak": rng.normal(size=n) + y, "id": [f"u{i}" for i in range(n)]})


def auc_of(frame, column, **kwargs):
    relation = find_leaks(frame, target="y", **kwargs).relation.set_index("column")
    return relation.loc[column]


# --- the measure ---


@pytest.mark.parametrize("seed", range(5))
def test_auc_agrees_with_scikit_learn(seed):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    y, x = rng.integers(0, 2, 300), rng.integers(0, 12, 300).astype(float)
    got = auc_of(pd.DataFrame({"y": y, "x": x}), "x")
    by_rank = roc_auc_score(y, x)
    assert _auc(x, y.astype(float), 1.0 - y) == pytest.approx(by_rank)
    assert got["auc"] >= max(by_rank, 1 - by_rank) - 1e-12


def test_hanley_mcneil_known_answer():
    "Hanley and McNeil 1982, table II: AUC .893 with 51 abnormal and 58 normal cases has a standard error of .032."
    lower, upper = auc_interval(0.893, 51, 58)
    assert (upper - lower) / (2 * 1.96) == pytest.approx(0.032, abs=0.001)
    assert auc_interval(1.0, 5, 5)[0] < 0.95
    assert auc_interval(0.7, 0, 10) == (0.0, 1.0)


def test_interval_covers():
    "The interval of a binormal AUC of .90 covers it in about 95 % of 300 samples."
    rng = np.random.default_rng(0)
    shift, hits = 1.8124, 0  # Phi(shift / sqrt 2) = .90
    for _ in range(300):
        x = np.concatenate([rng.normal(shift, 1, 60), rng.normal(0, 1, 200)])
        y = np.repeat([1.0, 0.0], [60, 200])
        lower, upper = auc_interval(_auc(x, y, 1 - y), 60, 200)
        hits += lower <= 0.9 <= upper
    assert 0.91 <= hits / 300 <= 0.99


# --- MLT301 ---


def test_direction_does_not_matter_and_both_ends_are_seen():
    rng, y, frame = table()
    frame["up"] = y + rng.normal(size=len(y)) * 0.2
    frame["down"] = -frame["up"]
    frame["ends"] = np.where(y, rng.choice([-3, 3], len(y)), 0) + rng.normal(size=len(y)) * 0.5
    found = find_leaks(frame, target="y")
    assert set(found.columns) == {"up", "down", "ends"}
    assert found.relation.set_index("column").loc["ends", "how"] == "bins"
    assert found.relation.set_index("column").loc["ends", "auc"] > 0.95


def test_categories_and_ids_are_judged_out_of_sample():
    rng, y, frame = table()
    frame["answer"] = np.where(y, rng.choice(["yes", "sure"], len(y)), rng.choice(["no", "never", "not"], len(y)))
    frame["level"] = pd.Categorical(rng.choice(list("abcd"), len(y)))
    found = find_leaks(frame, target="y")
    assert set(found.columns) == {"answer"}
    relation = found.relation.set_index("column")["auc"]
    assert relation["id"] == pytest.approx(0.5, abs=0.03) and relation["level"] == pytest.approx(0.5, abs=0.05)


def test_a_value_known_only_for_one_answer():
    rng, y, frame = table()
    frame["closed"] = pd.Series(pd.date_range("2013-01-01", periods=len(y), freq="h")).where(y)
    frame["refund"] = np.where(y, rng.normal(size=len(y)), np.nan)
    assert {"closed", "refund"} <= set(find_leaks(frame, target="y").columns)


def test_booleans_nullable_and_infinite_values():
    rng, y, frame = table()
    frame["copy"] = pd.array(y, dtype="boolean")
    frame["number"] = pd.array(np.where(y, 1, 0), dtype="Int64")
    frame["wild"] = np.where(rng.random(len(y)) < 0.1, np.inf, rng.normal(size=len(y)))
    assert set(find_leaks(frame, target="y").columns) == {"copy", "number"}


def test_few_rows_prove_nothing():
    frame = pd.DataFrame({"y": [True, False] * 6, "x": [1.0, 0.0] * 6})
    assert find_leaks(frame, target="y").columns == {}


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_never_an_error(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(50, 800))
    frame = pd.DataFrame(rng.normal(size=(n, 20))).set_axis([f"x{i}" for i in range(20)], axis=1)
    frame["many"] = rng.choice([f"v{i}" for i in range(n // 2)], n)
    frame["y"] = rng.random(n) < 0.3
    assert find_leaks(frame, target="y", random_state=seed).table.query("severity != 'info'").empty


# --- MLT302 and MLT305 ---


def test_missing_with_the_target():
    rng, y, frame = table()
    gone = rng.random(len(y)) < 0.1
    frame["y"] = pd.array(y, dtype="boolean")
    frame.loc[gone, "y"] = pd.NA
    for name, share in (("all", 1.0), ("most", 0.9), ("some", 0.4)):
        frame[name] = np.where(gone & (rng.random(len(y)) < share), np.nan, rng.normal(size=len(y)))
    frame["other"] = np.where(rng.random(len(y)) < 0.1, np.nan, rng.normal(size=len(y)))
    frame["wider"] = np.where(gone | (rng.random(len(y)) < 0.1), np.nan, rng.normal(size=len(y)))
    found = find_leaks(frame, target="y")
    assert found.columns == {"all": ["MLT302"], "most": ["MLT302"]}
    assert found.table.query("code == 'MLT305'")["column"].tolist() == ["some"]
    row = found.table.query("column == 'all'").iloc[0]
    assert row["value"] == 1 and row["lower"] > 0.98


def test_a_target_that_is_mostly_missing_makes_no_evidence():
    rng, y, frame = table()
    frame["y"] = pd.array(y, dtype="boolean")
    frame.loc[rng.random(len(y)) < 0.995, "y"] = pd.NA
    frame["x"] = np.where(rng.random(len(y)) < 0.9, np.nan, 1.0)
    assert "MLT302" not in find_leaks(frame, target="y").table["code"].tolist()


# --- MLT303 ---


def leaky_difference(**extra):
    rng, y, frame = table()
    frame["planned"] = rng.integers(0, 500, len(y)).astype(float)
    frame["delay"] = np.where(y, 60, 0) + rng.integers(0, 30, len(y)).astype(float)
    frame["actual"] = frame["planned"] + frame["delay"]
    return rng, y, frame


def test_the_part_that_goes_missing_is_named():
    rng, y, frame = leaky_difference()
    gone = rng.random(len(y)) < 0.1
    frame["y"] = pd.array(y, dtype="boolean")
    frame.loc[gone, "y"] = pd.NA
    frame.loc[gone & (rng.random(len(y)) < 0.7), ["delay", "actual"]] = np.nan
    found = find_leaks(frame, target="y")
    assert found.columns == {"delay": ["MLT301", "MLT303"], "actual": ["MLT303"]}
    assert "planned" not in found.table["column"].tolist()


def test_without_missing_values_both_parts_get_a_warning():
    _, _, frame = leaky_difference()
    found = find_leaks(frame, target="y")
    assert set(found.columns) == {"delay"} and "never missing" in found.notes[0]
    assert set(found.table.query("code == 'MLT303' and severity == 'warning'")["column"]) == {"planned", "actual"}


def test_bookkeeping_is_only_an_info():
    rng, y, frame = table()
    frame["price"], frame["tax"] = rng.integers(1, 1000, len(y)) / 100, rng.integers(1, 100, len(y)) / 100
    frame["total"] = frame["price"] + frame["tax"]
    found = find_leaks(frame, target="y")
    assert found.columns == {}
    assert found.table[["code", "severity"]].values.tolist() == [["MLT106", "info"]]
    assert found.table["value"][0] == 1


def test_an_approximate_difference_is_none():
    rng, y, frame = table()
    frame["a"], frame["b"] = rng.normal(size=len(y)), rng.normal(size=len(y))
    frame["c"] = frame["a"] - frame["b"] + rng.normal(size=len(y)) * 1e-3
    assert find_leaks(frame, target="y").table.empty


def test_clock_differences_pass_midnight():
    rng, y, frame = table()
    start = rng.integers(0, 1440, len(y))
    delay = np.where(y, 120, 0) + rng.integers(0, 60, len(y))
    end = (start + delay) % 1440
    frame["s"], frame["e"] = start // 60 * 100 + start % 60, end // 60 * 100 + end % 60
    frame["d"] = delay
    found = find_leaks(frame, target="y")
    assert "clock minutes" in found.table.query("column == 'd' and code == 'MLT303'")["evidence"].iloc[0]


def test_nearly_constant_columns_make_no_differences():
    rng, y, frame = table()
    frame["zero"] = np.where(rng.random(len(y)) < 0.01, 1.0, 0.0)
    frame["a"] = rng.integers(0, 9, len(y))
    frame["b"] = frame["a"]
    assert find_leaks(frame, target="y").table.empty


# --- the flights ---


def test_flights_full(flights):
    found = find_leaks(flights)
    assert set(found.columns) == FIVE
    assert found.table.query("severity == 'warning'")[["column", "code"]].values.tolist() == [["tailnum", "MLT305"]]
    codes = found.columns
    assert "MLT301" in codes["arr_delay"] and "MLT301" in codes["dep_delay"]
    assert codes["air_time"] == ["MLT302"] and codes["dep_time"] == codes["arr_time"] == ["MLT302", "MLT303"]
    relation = found.relation.set_index("column")["auc"]
    assert relation["arr_delay"] == 1.0 and relation["dep_delay"] == pytest.approx(0.974, abs=0.001)
    jaccard = found.table.query("code == 'MLT302'").set_index("column")["value"]
    assert jaccard["dep_time"] == pytest.approx(0.875, abs=0.001) and jaccard["arr_time"] == pytest.approx(0.924, abs=0.001)


@pytest.mark.parametrize("seed", range(6))
def test_flights_samples(flights, seed):
    rows = np.random.default_rng(seed).choice(len(flights), 8_000, replace=False)
    found = find_leaks(flights.take(rows), random_state=seed)
    assert set(found.columns) == FIVE
    assert set(found.table.query("severity == 'warning'")["column"]) <= {"tailnum"}


@pytest.mark.parametrize("seed", range(2))
def test_flights_without_their_names(flights, seed):
    "The same columns are found when names and order are scrambled: no name is consulted."
    rng = np.random.default_rng(seed)
    data = flights.take(rng.choice(len(flights), 8_000, replace=False))
    new = {c: f"c{i}" for i, c in enumerate(rng.permutation(data.frame.columns))}
    frame = data.frame.rename(columns=new)[rng.permutation(list(new.values()))]
    found = find_leaks(frame, target=new["late"])
    assert set(found.columns) == {new[c] for c in FIVE}


def test_flights_before_the_test_set(flights):
    "The rows a pipeline may look at: before November, with those whose target is unknown."
    early = flights.take((flights.frame["month"] < 11).to_numpy())
    assert set(find_leaks(early).columns) == FIVE


def test_flights_with_known_target_only(flights):
    found = find_leaks(flights.take(np.arange(0, len(flights), 20)).known())
    assert set(found.columns) == {"arr_delay", "dep_delay"}
    assert {"dep_time", "arr_time"} <= set(found.table.query("severity == 'warning'")["column"])


# --- manners ---


def test_same_seed_same_answer_and_round_trip(flights_small):
    a, b = find_leaks(flights_small, random_state=3), find_leaks(flights_small, random_state=3)
    assert a.to_dict() == b.to_dict()
    again = Result.from_dict(json.loads(json.dumps(a.to_dict())))
    assert again.columns == a.columns and again.notes == a.notes
    pd.testing.assert_frame_equal(again.relation, a.relation)


def test_progress_and_cancel(flights_small):
    seen, token = [], Cancel()
    find_leaks(flights_small, progress=lambda share, note: seen.append(share))
    assert seen == sorted(seen) and seen[-1] == 1
    token.cancel()
    with pytest.raises(Cancelled):
        find_leaks(flights_small, cancel=token)


def test_bad_input():
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.5], "x": [1, 2, 3]})
    with pytest.raises(InputError, match="yes-or-no"):
        find_leaks(frame, target="y")
    with pytest.raises(InputError, match="needs a target"):
        find_leaks(frame)
    with pytest.raises(InputError, match="Did you mean"):
        find_leaks(frame, target="yy")
    with pytest.raises(InputError, match="two values"):
        find_leaks(frame.assign(y=True), target="y")


def test_odd_columns_do_not_stop_it():
    rng, y, frame = table(300)
    frame["none"] = None
    frame["lists"] = [[i] for i in range(300)]
    frame["mixed"] = [i if i % 2 else str(i) for i in range(300)]
    frame["sometimes"] = np.where(np.arange(300) < 3, 1.0, np.nan)
    frame["span"] = pd.to_timedelta(np.arange(300), unit="h")
    found = find_leaks(frame, target="y")
    assert found.columns == {} and len(found.relation) == 8


def test_a_wide_table_is_quick():
    import time

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 50, size=(2000, 200))).set_axis([f"x{i}" for i in range(200)], axis=1)
    frame["y"] = rng.random(2000) < 0.3
    start = time.process_time()
    assert find_leaks(frame, target="y").columns == {}
    assert time.process_time() - start < 6


def test_no_name_of_the_example_in_the_source():
    import mltoolkit.profiling as package

    for path in __import__("pathlib").Path(package.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [name for name in FIVE if f'"{name}"' in text or f"'{name}'" in text]
    assert mlt.profile


def test_a_wide_table_searches_suspects_first_and_says_what_it_left_out():
    rng = np.random.default_rng(0)
    n = 600
    frame = pd.DataFrame({f"x{i}": rng.normal(size=n) for i in range(200)})
    after, planned = rng.normal(50, 20, n).round(1), rng.normal(50, 5, n).round(1)
    frame["planned"], frame["after"], frame["delay"] = planned, after, after - planned  # the last columns of all
    frame["late"] = frame["delay"] > 20
    gone = rng.random(n) < 0.15
    frame.loc[gone, ["after", "delay"]] = np.nan
    frame["late"] = frame["late"].astype(object).where(~gone)
    leaks = find_leaks(frame, target="late")
    assert set(leaks.columns) == {"after", "delay"} and "MLT303" in leaks.columns["delay"]
    assert any("of 203 number columns, only the 60 most suspect" in note for note in leaks.notes)
