"What `relate` says about a target: kinds, figures with known answers, intervals that cover, structure, manners."

import json
import re
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.profiling.intervals import chi2_tail
from mltoolkit.profiling.leaks import find_leaks
from mltoolkit.profiling.scores import RELATION, mutual_information, score_column
from mltoolkit.profiling.segments import find_segments, likeness, periods, student
from mltoolkit.profiling.target import relate
from mltoolkit.profiling.views import level_codes, read_target, text_as_number


def table(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "noise": rng.normal(size=n), "shop": rng.choice(list("abc"), n), "id": [f"u{i}" for i in rng.permutation(n)]})
    return rng, frame


def score(frame, column, target="y", **kwargs):
    return score_column(frame[column], read_target(frame, target, **kwargs))


def codes(relation, column=None):
    return {a["code"] for a in relation.alerts if column is None or a["column"] == column}


# --- the kind of a target ---


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False] * 20, "binary"),
        (["yes", "no", "no"] * 20, "binary"),
        ([1, 2] * 20, "binary"),
        ([0.0, 1.0, None] * 20, "binary"),
        (["a", "b", "c"] * 20, "multiclass"),
        (pd.Categorical(["a", "b", "c"] * 20, categories=list("abcdef")), "multiclass"),
        (pd.array([1, 2, 3, None] * 20, dtype="Int64"), "multiclass"),
        ([1.0, 2.0, 3.0] * 20, "multiclass"),
        ([0.5, 1.0, 2.0] * 20, "number"),
        (list(range(60)), "number"),
        (list(range(51)) * 20, "number"),
        (list(range(50)) * 20, "multiclass"),
        ([f"{i / 7:.3f}" for i in range(90)], "number"),
        (pd.to_timedelta(np.arange(60) * 61, unit="s"), "number"),
        ([1.5, np.inf, 2.5, 3.5] * 20, "number"),
    ],
)
def test_the_kind_is_judged_from_the_values(values, kind):
    frame = pd.DataFrame({"y": values})
    frame["x"] = np.arange(len(frame)) % 7
    found = relate(frame, "y")
    assert found.kind == kind == found.target["kind"]
    assert found.target["known"] + found.target["missing"] == len(frame)


def test_the_positive_value():
    frame = pd.DataFrame({"y": ["b", "a", "c", "a"] * 20, "x": [1, 2, 3, 4] * 20})
    found = relate(frame, "y", positive="a")
    assert found.kind == "binary" and found.target["positive"] == "a" and found.target["positives"] == 40
    assert read_target(pd.DataFrame({"y": ["no", "yes", "yes"]}), "y").classes == ["no", "yes"]
    assert read_target(pd.DataFrame({"y": ["m", "m", "f"]}), "y").classes == ["m", "f"]
    assert read_target(pd.DataFrame({"y": [1, 2, 3] * 10}), "y", positive=True).kind == "multiclass"
    assert read_target(pd.DataFrame({"y": [1, 2, 3] * 10}), "y", positive=3).y.sum() == 10


def test_bad_targets():
    frame = pd.DataFrame({"y": [1, 2] * 10, "one": 1, "none": None, "day": pd.date_range("2024", periods=20), "t": [f"k{i}" for i in range(20)]})
    many = pd.DataFrame({"t": [f"k{i % 60}" for i in range(600)]})
    for data, target, words in (
        (frame, "one", "two values"),
        (frame, "none", "two values"),
        (frame, "day", "classes or a number"),
        (many, "t", "50 values"),
        (frame, "yy", "Did you mean|Known are"),
        (pd.DataFrame({"y": []}), "y", "two values"),
    ):
        with pytest.raises(InputError, match=words):
            relate(data, target)
    with pytest.raises(InputError, match="`positive`"):
        relate(frame, "y", positive="x")
    with pytest.raises(InputError, match="time"):
        relate(frame, "y", time="when")
    with pytest.raises(InputError, match="different"):
        relate(pd.DataFrame([[1, 2]] * 9, columns=["a", "a"]), "a")
    with pytest.raises(InputError, match="DataFrame"):
        relate([1, 2], "a")


def test_views_of_columns():
    assert np.isnan(text_as_number(pd.Series(["1", "x"] + ["2"] * 98))[1])
    assert text_as_number(pd.Series(["a", "b"] * 9)) is None
    assert text_as_number(pd.Series(["2024-01-02"] * 9))[0] == pd.Timestamp("2024-01-02").timestamp()
    assert level_codes(pd.Series(["b", None, "a", "b", None])).tolist() == [0, 2, 1, 0, 2]


# --- the figures ---


def test_binary_scores_are_those_of_find_leaks(flights_small):
    leaks = find_leaks(flights_small).relation.set_index("column")
    found = relate(flights_small.frame, "late").relation.set_index("column")
    both = ["auc", "lower", "upper"]
    pd.testing.assert_frame_equal(found.loc[leaks.index, both], leaks[both])
    assert (found["value"] == found["auc"]).all() and list(found.reset_index().columns) == RELATION


@pytest.mark.parametrize("seed", range(3))
def test_the_macro_auc_of_levels_is_that_of_scikit_learn(seed):
    "Levels with many rows: their shares out of sample rank the levels as those of all rows do."
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    level = rng.integers(0, 4, 6000)
    shares = np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7], [0.4, 0.3, 0.3]])
    y = np.array([rng.choice(3, p=shares[i]) for i in level])
    expected = np.mean([roc_auc_score(y == k, shares[level, k]) for k in range(3)])
    found = score(pd.DataFrame({"x": pd.Series(list("abcd"))[level].to_numpy(), "y": y}), "x")
    assert found.value == pytest.approx(expected, abs=0.006) and found.lower < expected < found.upper


def test_r2_known_answers():
    rng, frame = table(4000)
    frame["y"] = frame["x"] + rng.normal(size=4000)
    line = score(frame, "x")
    assert line.how == "line" and line.value == pytest.approx(np.corrcoef(frame["x"], frame["y"])[0, 1] ** 2)
    assert line.spearman == pytest.approx(frame["x"].rank().corr(frame["y"].rank()))
    frame["bent"] = np.abs(frame["x"])
    frame["y"] = frame["bent"] + rng.normal(size=4000) * 0.2
    bent = score(frame, "x")
    assert bent.how == "bins" and 0.75 < bent.value < 0.95
    assert score(frame, "noise").value < 0.01 and score(frame, "id").value < 0.01
    frame["level"] = pd.Series(list("pqrstu"))[rng.integers(0, 6, 4000)].to_numpy()
    frame["y"] = frame["level"].map(dict(zip("pqrstu", range(0, 60, 10)))) + rng.normal(size=4000) + 0.5
    assert score(frame, "level").value == pytest.approx(0.9966, abs=0.002)


@pytest.mark.parametrize("tail", ["normal", "skewed"])
def test_the_interval_of_r2_covers(tail):
    hits, rounds = 0, 200
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=600)
        noise = rng.normal(size=600) if tail == "normal" else (rng.exponential(size=600) - 1)
        found = score(pd.DataFrame({"x": x, "y": x + noise}), "x")
        hits += found.lower <= 0.5 <= found.upper
    assert 0.9 <= hits / rounds <= 1.0


def test_the_interval_of_a_macro_auc_covers():
    from statistics import NormalDist

    hits, rounds, shift = 0, 150, 1.0
    phi = NormalDist().cdf
    # classes at -1, 0, 1: the outer ones against the rest, and the middle one by its density ratio (by simulation)
    big = np.random.default_rng(9)
    y = np.repeat([0, 1, 2], 200_000)
    truth = score(pd.DataFrame({"x": (y - 1) * shift + big.normal(size=len(y)), "y": y}), "x").value
    assert 0.5 < truth < phi(shift * 2**0.5)
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        y = np.repeat([0, 1, 2], 500)
        found = score(pd.DataFrame({"x": (y - 1) * shift + rng.normal(size=len(y)), "y": y}), "x", random_state=seed)
        hits += found.lower <= truth <= found.upper
    assert hits / rounds >= 0.9


def test_mutual_information_known_answers():
    assert mutual_information(np.eye(4) * 100) == pytest.approx(1.0, abs=0.02)
    assert mutual_information(np.outer([30, 70], [20, 80]).astype(float)) == 0.0
    table = np.array([[300.0, 100.0], [100.0, 300.0]])  # H(1/2) - H(1/4) = .1887 bits of 1 bit, less Miller's 1 / (2 * 800) nats
    assert mutual_information(table) == pytest.approx(0.1887 - 1 / 1600 / np.log(2), abs=1e-4)
    rng = np.random.default_rng(0)
    noise = [mutual_information(np.histogram2d(rng.normal(size=500), rng.normal(size=500), bins=(16, 2))[0]) for _ in range(200)]
    assert np.mean(noise) < 0.008  # without the correction it would be about .02


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["b", "m", "x"]), st.integers(30, 400))
def test_scores_are_sane_whatever_the_table(seed, kind, n):
    rng = np.random.default_rng(seed)
    y = {"b": rng.random(n) < 0.3, "m": rng.integers(0, 4, n), "x": rng.standard_t(2, n)}[kind]
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.integers(0, 3, n), "c": rng.choice(list("xyz"), n), "d": rng.random(n) < 0.5, "y": y})
    frame.loc[rng.random(n) < 0.3, "a"] = np.nan
    for column in "abcd":
        s = score(frame, column, random_state=seed)
        if s.how == "too few values" or s.value != s.value:
            continue
        assert 0 <= s.lower <= s.value + 1e-9 and s.value <= s.upper + 1e-9 <= 1 + 2e-9
        assert 0 <= s.mutual_information <= 1
    # neither the order of the rows nor another scale changes the rank of a binary target
    if kind == "b":
        other = frame.assign(a=3 * frame["a"] + 7)
        assert score(other, "a").value == pytest.approx(score(frame, "a").value, nan_ok=True)


# --- segments and time ---


def test_segments_count_right():
    rng, frame = table()
    frame["y"] = rng.random(2000) < np.where(frame["shop"] == "a", 0.6, 0.2)
    frame["x"] = frame["x"] + frame["y"]
    found = pd.DataFrame(relate(frame, "y").segments)
    shops = found[found["column"] == "shop"].set_index("level")
    expected = frame.groupby("shop")["y"].agg(["size", "mean"])
    assert shops["n"].tolist() == expected["size"].tolist() and shops["prevalence"].tolist() == pytest.approx(expected["mean"].tolist())
    assert (shops["lower"] < shops["prevalence"]).all() and (shops["prevalence"] < shops["upper"]).all()
    bins = found[found["column"] == "x"]
    assert len(bins) == 5 and bins["n"].tolist() == [400] * 5 and bins["prevalence"].is_monotonic_increasing


def test_segments_of_a_number_and_of_classes():
    rng, frame = table()
    frame["y"] = np.where(frame["shop"] == "a", 10.0, 5.0) + rng.normal(size=2000)
    frame.loc[:99, "shop"] = None
    found = pd.DataFrame(relate(frame, "y").segments).query("column == 'shop'").set_index("level")
    assert list(found.index) == ["a", "b", "c", "missing"]
    b = frame.loc[frame["shop"] == "b", "y"]
    from scipy import stats

    assert found.loc["b", ["lower", "upper"]].tolist() == pytest.approx(stats.t.interval(0.95, len(b) - 1, b.mean(), b.sem()), rel=1e-5)
    frame["y"] = np.where(frame["shop"] == "a", "p", rng.choice(list("pqr"), 2000))
    found = pd.DataFrame(relate(frame, "y").segments).query("column == 'shop' and level == 'a'")
    assert found.set_index("class").loc["p", "prevalence"] == 1 and set(found["class"]) == set("pqr")


def test_student_and_chi_square():
    from scipy import stats

    for df in (3, 5, 10, 30, 400):
        assert student(df) == pytest.approx(stats.t.ppf(0.975, df), rel=0.005)
    for df in (3, 10, 60):
        for x in (df, df * 1.5, df * 2 + 8):
            assert chi2_tail(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=0.12, abs=1e-4)


@pytest.mark.parametrize(
    ("freq", "n", "step", "count"),
    [("h", 48, "hour", 48), ("h", 24 * 20, "day", 20), ("D", 300, "week", None), ("D", 1500, "month", None), ("7D", 700, "quarter", None), ("30D", 300, "year", None)],
)
def test_periods(freq, n, step, count):
    times = pd.Series(pd.date_range("2019-03-05", periods=n, freq=freq))
    got, starts, name = periods(times)
    assert name == step and 6 <= len(starts) <= 60 and len(starts) == (count or len(starts)) and got.max() == len(starts) - 1
    begin, end = pd.to_datetime(starts), [*pd.to_datetime(starts)[1:], pd.Timestamp.max]
    for code, t in list(zip(got, times))[:: max(1, n // 40)]:
        assert begin[code] <= t < end[code]


def test_over_time_and_the_change():
    rng, frame = table(6000)
    frame["when"] = pd.date_range("2023-01-02", periods=6000, freq="h", tz="Europe/Berlin")
    frame.loc[5, "when"] = pd.NaT
    late = np.arange(6000) > 3000
    frame["y"] = rng.random(6000) < np.where(late, 0.3, 0.1)
    found = relate(frame, "y")
    cells = pd.DataFrame(found.over_time)
    assert cells["n"].sum() == 5999 and cells["start"].iloc[0] == "2023-01-02" and len(cells) == 36
    assert "MLT312" in codes(found, "y") and found.splits["kind"] == "time" and found.splits["time"] == "when"
    frame["y"] = rng.random(6000) < 0.2
    same = relate(frame, "y")
    assert "MLT312" not in codes(same) and same.splits["kind"] == "stratified"
    assert relate(frame, "y", time="when").splits["kind"] == "time"


def test_a_year_as_time():
    rng, frame = table()
    frame["year"] = rng.integers(2001, 2011, 2000)
    frame["y"] = frame["year"] * 0.3 + rng.normal(size=2000)
    found = relate(frame, "y", time="year")
    assert [c["start"] for c in found.over_time] == [str(y) for y in range(2001, 2011)] and "MLT312" in codes(found)
    assert found.over_time[0]["mean"] == pytest.approx(frame.loc[frame["year"] == 2001, "y"].mean())


def test_noise_hardly_ever_changes_over_time():
    hits = 0
    for seed in range(60):
        rng, frame = table(500, seed)
        frame["when"], frame["y"] = pd.date_range("2023-01-02", periods=500, freq="13h"), rng.random(500) < 0.3
        hits += "MLT312" in codes(relate(frame, "y"))
    assert hits <= 1


# --- groups, imbalance, advice ---


def test_the_intraclass_correlation():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 400, 4000)
    y = rng.normal(size=400)[groups] * 0.5 + rng.normal(size=4000)  # .25 / 1.25
    found = likeness(groups, y)
    assert found["lower"] < 0.2 < found["upper"] and found["icc"] == pytest.approx(0.2, abs=0.04)
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        groups = rng.integers(0, 100, 600)
        found = likeness(groups, rng.normal(size=100)[groups] * 0.5 + rng.normal(size=600))
        hits += found["lower"] <= 0.2 <= found["upper"]
    assert 0.88 <= hits / 200 <= 1
    assert likeness(np.arange(50), rng.normal(size=50)) is None


@pytest.mark.parametrize("names", ["text", "number"])
def test_groups_that_share_the_target_are_found(names):
    rng, frame = table()
    groups = rng.integers(0, 300, 2000)
    frame["who"] = groups * 17 + 1000 if names == "number" else [f"who {g}" for g in groups]
    frame["y"] = rng.random(2000) < (rng.random(300) < 0.3)[groups] * 0.6 + 0.1
    found = relate(frame, "y")
    assert found.splits["kind"] == "grouped" and found.splits["group"] == "who" and "MLT313" in codes(found, "who")
    frame["y"] = rng.random(2000) < 0.3
    assert relate(frame, "y").splits["kind"] == "stratified"
    given = relate(frame, "y", group="who")
    assert given.splits["kind"] == "grouped" and [a["severity"] for a in given.alerts if a["code"] == "MLT313"] == ["info"]


def test_a_quantity_is_no_group():
    rng, frame = table(4000)
    frame["price"] = rng.integers(0, 900, 4000)
    frame["y"] = rng.random(4000) < frame["price"] / 1000
    assert relate(frame, "y").splits["kind"] == "stratified"


def test_imbalance():
    for share, severity in ((0.3, None), (0.12, "info"), (0.02, "warning")):
        rng, frame = table(3000)
        frame["y"] = np.arange(3000) < share * 3000
        frame = frame.sample(frac=1, random_state=0, ignore_index=True)
        found = [a for a in relate(frame, "y").alerts if a["code"] == "MLT311"]
        assert [a["severity"] for a in found] == ([severity] if severity else [])
    assert relate(frame.assign(y=rng.choice(["a", "b", "c"], 3000, p=[0.9, 0.05, 0.05])), "y").target["imbalance"] > 10


def test_random_for_a_number():
    rng, frame = table()
    assert relate(frame.assign(y=rng.normal(size=2000)), "y").splits["kind"] == "random"


# --- manners ---


@pytest.mark.parametrize("target", ["late", "origin", "arr_delay"])
def test_same_seed_same_answer_and_round_trip(flights_small, target):
    roles = {"time": "time_hour", "group": "tailnum", "random_state": 3}
    a, b = relate(flights_small.frame, target, **roles), relate(flights_small.frame, target, **roles)
    assert a.to_dict() == b.to_dict()
    again = Result.from_dict(json.loads(json.dumps(a.to_dict())))
    assert again.alerts == a.alerts and again.splits == a.splits and again.segments == a.segments and again.over_time == a.over_time
    pd.testing.assert_frame_equal(again.relation, a.relation)
    json.dumps([a.alerts, a.segments, a.over_time, a.splits, a.target, a.notes], allow_nan=False)
    assert "Relation(" in repr(a) and len(a.to_frame()) == 37


@pytest.mark.parametrize("kind", ["b", "m", "x"])
def test_values_of_sensitive_columns_are_never_shown(kind):
    rng = np.random.default_rng(0)
    n = 1500
    secret = rng.choice(["Zebulon", "Quetzal", "Xanthippe"], n)
    frame = pd.DataFrame({"secret": secret, "copy": [s + "!" for s in secret], "money": rng.integers(7_700_000, 7_709_999, n) + 0.25})
    frame["born"] = pd.Timestamp("1977-07-07") + pd.to_timedelta(rng.integers(0, 9999, n), unit="D")
    frame["plain"] = secret == "Zebulon"
    frame["y"] = {"b": secret == "Zebulon", "m": secret, "x": frame["money"] * 2}[kind]
    hidden = ["secret", "copy", "money", "born", "y"]
    for roles in ({}, {"time": "born"}, {"group": "secret", "id": "money"}):
        text = json.dumps(relate(frame, "y", sensitive=hidden, **roles).to_dict()) + repr(relate(frame, "y", sensitive=hidden, **roles))
        for pattern in ("Zebulon", "Quetzal", "Xanthippe", r"\b19[789]\d-", r"\b20\d\d-", r"\b770\d{4}", r"\b154\d{5}"):
            assert not re.search(pattern, text), (roles, pattern, re.search(f".*{pattern}.*", text)[0][:300])
    with pytest.raises(InputError) as caught:
        relate(frame.assign(y=secret), "y", sensitive=hidden, positive="nobody")
    assert "Zebulon" not in str(caught.value)


def test_progress_and_cancel(flights_small):
    seen, token = [], Cancel()
    relate(flights_small.frame, "late", progress=lambda share, note: seen.append(share))
    assert seen == sorted(seen) and seen[-1] == 1
    token.cancel()
    with pytest.raises(Cancelled):
        relate(flights_small.frame, "late", cancel=token)


@pytest.mark.parametrize("n", [2, 5, 30, 300])
@pytest.mark.parametrize("kind", ["b", "m", "x"])
def test_odd_columns_do_not_stop_it(n, kind):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"none": [None] * n, "lists": [[i] for i in range(n)], "inf": [np.inf] * n, "const": 1})
    frame["mixed"] = pd.Series([i if i % 2 else str(i) for i in range(n)], dtype=object)
    frame["bytes"] = [bytes([128 + i % 100]) for i in range(n)]
    frame["cat"] = pd.Categorical(["a"] * n, categories=["a", "unused"])
    frame["huge"], frame["complex"] = rng.normal(size=n) * 1e300, rng.normal(size=n) + 1j
    frame["zone"] = pd.date_range("2024", periods=n, freq="h", tz="America/New_York")
    frame["span"] = pd.to_timedelta(np.arange(n), unit="h")
    frame["Int"] = pd.array([None if i % 7 == 0 else i for i in range(n)], dtype="Int64")
    frame[0], frame[""] = rng.normal(size=n), rng.normal(size=n)
    frame["y"] = {"b": np.arange(n) % 2 == 0, "m": np.array(list("abc") * n)[:n], "x": np.linspace(0.5, 1e5, n)}[kind]
    for roles in ({}, {"time": "zone", "group": "cat", "id": "Int"}, {"time": "span", "id": "lists", "group": "none"}):
        found = relate(frame, "y", **roles)
        assert len(found.relation) == len(frame.columns) - 1
        json.dumps([found.alerts, found.segments, found.over_time, found.target], allow_nan=False)


def test_rows_without_a_target_do_not_count(flights_small):
    found = relate(flights_small.frame, "late")
    known = flights_small.known()
    assert found.target["known"] == len(known) and found.target["positives"] == int(known.y.sum()) and found.n_rows == len(flights_small)


def test_a_wide_table_is_quick():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2000, 400))).set_axis([f"x{i}" for i in range(400)], axis=1)
    for y in (rng.random(2000) < 0.3, rng.integers(0, 5, 2000), rng.normal(size=2000)):
        start = time.process_time()
        assert relate(frame.assign(y=y), "y").leaks == {}
        assert time.process_time() - start < 5


def test_all_flights_in_time(flights):
    relate(flights.frame.head(3000), "late")
    start = time.process_time()
    found = relate(flights.frame, "late", time="time_hour", group="tailnum")
    assert time.process_time() - start < 4  # 1.0 on a quiet machine
    assert set(found.leaks) == {"arr_delay", "dep_delay", "arr_time", "air_time", "dep_time"}
    assert len(found.over_time) == 53 and found.splits["kind"] == "time" and found.splits["group"] == "tailnum"
    assert not {s["column"] for s in found.segments} & set(found.leaks) and mlt.profile


def test_hardly_any_segments_of_columns_that_tell_nothing():
    shown = set()
    for seed in range(20):
        rng, frame = table(seed=seed)
        frame["y"] = rng.random(2000) < 0.3
        view = read_target(frame, "y", random_state=seed)
        scores = [score_column(frame[c], view) for c in ("noise", "id", "x")]
        shown |= {(seed, s["column"]) for s in find_segments(frame, view, scores)}
    assert len(shown) <= 4 and not [c for _, c in shown if c == "id"]
