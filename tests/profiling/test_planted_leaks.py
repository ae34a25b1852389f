"Leaks of many kinds are planted and all found; honest tables of many kinds raise no error."

import numpy as np
import pandas as pd
import pytest

from mltoolkit.profiling.target import relate

N = 3000
FIVE = {"arr_delay", "dep_delay", "arr_time", "air_time", "dep_time"}


def base(kind, seed, n=N):
    "An honest table: features up to an AUC of about .9, a category, a time, a customer; `y` and `signal` (what drives it)."
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    frame = pd.DataFrame({"strong": signal + rng.normal(size=n) * 0.6, "weak": signal + rng.normal(size=n) * 3, "noise": rng.normal(size=n)})
    frame["amount"] = rng.gamma(2, 50, n).round(2)
    frame["count"] = rng.poisson(3, n)
    frame["shop"] = rng.choice(list("abcdef"), n)
    frame["customer"] = rng.integers(10_000, 10_000 + n // 3, n)
    frame["asked"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 86400, n), unit="s")
    latent = signal + rng.normal(size=n) * 0.5
    if kind == "binary":
        frame["y"] = latent > 0.9
    elif kind == "multiclass":
        frame["y"] = np.array(["low", "middle", "high"])[np.digitize(latent, [-0.5, 0.8])]
    else:
        frame["y"] = (np.exp(latent / 2) * 100).round(2)
    return rng, frame


def found(frame, column, *, at_least="warning", **roles):
    rows = [a for a in relate(frame, "y", **roles).alerts if a["column"] == column and a["code"] != "MLT313"]
    return {a["code"] for a in rows if a["severity"] == "error" or (at_least == "warning" and a["severity"] == "warning")}


def errors(frame, **roles):
    return {(a["column"], a["code"]) for a in relate(frame, "y", **roles).alerts if a["severity"] == "error"}


KINDS = ("binary", "multiclass", "number")
CLASSES = KINDS[:2]


# --- planted ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy(kind):
    rng, frame = base(kind, 1)
    frame["leak"] = frame["y"]
    assert {"MLT301", "MLT307"} <= found(frame, "leak", at_least="error")
    assert errors(frame) == {("leak", "MLT301"), ("leak", "MLT307")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_with_one_row_in_a_hundred_wrong(kind, seed):
    rng, frame = base(kind, seed)
    wrong = rng.random(N) < 0.008
    frame["leak"] = frame["y"].where(~wrong, frame["y"].sample(frac=1, random_state=seed).to_numpy())
    assert "MLT307" in found(frame, "leak", at_least="error")


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_recoded_as_text(kind):
    rng, frame = base(kind, 2)
    frame["leak"] = frame["y"].map(dict(zip(frame["y"].unique(), ["Zwei", "Eins", "Drei"])))
    frame["digit"] = frame["y"].map(dict(zip(frame["y"].unique(), [7, 3, 5])))
    assert "MLT307" in found(frame, "leak", at_least="error") and "MLT307" in found(frame, "digit", at_least="error")


def test_a_number_stored_as_text():
    rng, frame = base("number", 3)
    frame["leak"] = frame["y"].map("{:.2f}".format)
    assert "MLT307" in found(frame, "leak", at_least="error")


def test_a_number_with_levels_recoded_as_text():
    rng, frame = base("number", 3)
    frame["y"] = (frame["y"] // 20 + 0.5).clip(0, 40)
    frame["leak"] = "band " + pd.Series(np.unique(frame["y"], return_inverse=True)[1]).map(lambda i: "qwertzuiopasdfghjklyxcvbnmQWERTZUIOPASDFGHJKL"[i])
    assert "MLT307" in found(frame, "leak", at_least="error")


@pytest.mark.parametrize("how", ["line", "log", "noise"])
def test_a_number_in_other_words(how):
    rng, frame = base("number", 4)
    y = frame["y"]
    frame["leak"] = {"line": 1.19 * y + 3, "log": np.log(y), "noise": y + rng.normal(size=N) * y.std() * 0.1}[how]
    codes = found(frame, "leak", at_least="error")
    assert codes >= ({"MLT301"} if how == "noise" else {"MLT307"})


@pytest.mark.parametrize("kind", KINDS)
def test_missing_with_the_target(kind):
    rng, frame = base(kind, 5)
    gone = rng.random(N) < 0.08
    frame["leak"] = np.where(gone, np.nan, rng.normal(size=N))
    frame["y"] = frame["y"].astype(object).where(~gone) if kind != "number" else frame["y"].where(~gone)
    assert "MLT302" in found(frame, "leak", at_least="error")


@pytest.mark.parametrize("kind", CLASSES)
def test_there_for_one_answer_only(kind):
    rng, frame = base(kind, 6)
    hit = (frame["y"] == (True if kind == "binary" else "high")).to_numpy()
    frame["leak"] = np.where(hit, rng.normal(size=N), np.nan)
    assert "MLT301" in found(frame, "leak")


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_in_the_order_of_the_target(kind):
    rng, frame = base(kind, 7)
    level = pd.factorize(frame["y"], sort=True)[0] if kind != "number" else frame["y"].rank().to_numpy()
    place = np.argsort(np.argsort(level + rng.random(N) * 0.9))
    frame["leak"] = 50_000 + place
    assert "MLT306" in found(frame, "leak", at_least="error", id="leak")
    assert "MLT306" in found(frame, "leak", at_least="error")
    frame["leak"] = [f"K-{50_000 + i}" for i in place]
    assert "MLT306" in found(frame, "leak", at_least="error", id="leak")
    assert "MLT306" in found(frame, "leak", at_least="error", time="asked")


def test_an_id_that_begins_with_the_answer():
    rng, frame = base("binary", 7)
    frame["leak"] = [f"{'R' if y else 'S'}{i:06d}" for y, i in zip(frame["y"], rng.permutation(N))]
    assert "MLT306" in found(frame, "leak", at_least="error")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("time", [None, "asked"])
def test_rows_sorted_by_the_target(kind, time):
    rng, frame = base(kind, 8)
    ordered = frame.sort_values("y", kind="stable", ignore_index=True)
    assert found(ordered, "", time=time) == {"MLT306"}
    assert found(frame, "", time=time) == set()


@pytest.mark.parametrize("time", [None, "asked"])
def test_rows_with_the_positive_ones_in_the_middle(time):
    rng, frame = base("binary", 8)
    hit = np.flatnonzero(frame["y"])
    rest = np.flatnonzero(~frame["y"])
    middle = frame.iloc[np.concatenate([rest[:900], hit, rest[900:]])].reset_index(drop=True)
    assert found(middle, "", time=time) == {"MLT306"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_moment_after_the_question(kind):
    rng, frame = base(kind, 9)
    frame["leak"] = frame["asked"] + pd.to_timedelta(rng.exponential(3e5, N).round(3) + 1, unit="s")
    frame.loc[rng.random(N) < 0.3, "leak"] = pd.NaT
    assert found(frame, "leak", at_least="error", time="asked") == {"MLT308"}
    frame["leak"] = frame["leak"].dt.strftime("%Y-%m-%d %H:%M:%S")
    assert found(frame, "leak", at_least="error", time="asked") == {"MLT308"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_gap_that_tells(kind):
    rng, frame = base(kind, 10)
    slow = pd.factorize(frame["y"], sort=True)[0] if kind != "number" else frame["y"] / 40
    days = np.ceil(slow + 0.3 * rng.random(N) + 1)
    frame["leak"] = frame["asked"].dt.normalize() + pd.to_timedelta(days, unit="D")
    assert "MLT308" in found(frame, "leak", at_least="error", time="asked")


def test_a_moment_that_is_after_for_one_answer_only():
    rng, frame = base("binary", 11)
    gap = np.where(frame["y"] & (rng.random(N) < 0.95), 5, -5) * 86400 * rng.random(N)
    frame["leak"] = frame["asked"] + pd.to_timedelta(gap, unit="s")
    assert "MLT308" in found(frame, "leak", at_least="error", time="asked")


def test_an_amount_booked_after_the_event():
    rng, frame = base("binary", 12)
    for share, level in ((0.97, "error"), (0.7, "error"), (0.4, "warning")):
        frame["leak"] = np.where(frame["y"] & (rng.random(N) < share), rng.gamma(2, 40, N).round(2), 0.0)
        assert "MLT301" in found(frame, "leak", at_least=level), share


@pytest.mark.parametrize("form", ["mean", "drawn", "others"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_the_target_in_small_groups(form, kind):
    rng, frame = base(kind, 13)
    y = (frame["y"] == "high").astype(float) if kind == "multiclass" else frame["y"].astype(float)
    total, size = (y.groupby(frame["customer"]).transform(f) for f in ("sum", "size"))
    with np.errstate(all="ignore"):
        frame["leak"] = {"mean": total / size, "drawn": (total + 4 * y.mean()) / (size + 4), "others": (total - y) / (size - 1)}[form]
    codes = found(frame, "leak", at_least="error")
    assert "MLT307" in codes
    assert {c for c, _ in errors(frame)} == {"leak"}


@pytest.mark.parametrize("kind", ["binary", "number"])
def test_a_difference_of_two_columns(kind):
    rng, frame = base(kind, 14)
    delay = (frame["y"] if kind == "number" else np.where(frame["y"], 60, 0) + rng.random(N) * 50).round(2)
    frame["planned"] = rng.normal(5000, 900, N).round(2)
    frame["actual"] = (frame["planned"] + delay).round(2)
    if kind == "binary":
        frame["delay"] = delay
    else:
        frame["y"] = (frame["actual"] - frame["planned"]).round(2)
    gone = rng.random(N) < 0.06
    frame.loc[gone, "actual"] = np.nan
    frame["y"] = frame["y"].astype(object).where(~gone) if kind == "binary" else frame["y"].where(~gone)
    assert "MLT303" in found(frame, "actual", at_least="error")
    known = frame[~gone].reset_index(drop=True)
    assert "MLT303" in found(known, "actual") and "MLT303" not in found(known, "actual", at_least="error")
    assert not {c for c, _ in errors(frame)} & {"planned", "strong", "weak", "amount"}


def test_a_difference_of_two_clocks():
    rng, frame = base("number", 15)
    start = rng.integers(0, 1440, N)
    lasts = rng.integers(5, 500, N)
    frame["begins"], end = start // 60 * 100 + start % 60, (start + lasts) % 1440
    frame["ends"] = end // 60 * 100 + end % 60
    frame["y"] = lasts.astype(float)
    assert "MLT303" in found(frame, "ends") and "MLT303" in found(frame, "begins")
    gone = rng.random(N) < 0.06
    frame.loc[gone, ["y", "ends"]] = np.nan
    assert "MLT303" in found(frame, "ends", at_least="error") and not found(frame, "begins", at_least="error")


def test_a_level_that_only_positive_rows_have():
    rng, frame = base("binary", 16)
    levels = rng.choice(["open", "billed", "packed"], N).astype(object)
    frame["leak"] = np.where(frame["y"] & (rng.random(N) < 0.65), "claim", levels)
    assert "MLT301" in found(frame, "leak", at_least="error")
    frame["leak"] = pd.Categorical(frame["leak"])
    assert "MLT301" in found(frame, "leak", at_least="error")


def test_one_class_given_away():
    rng, frame = base("multiclass", 17)
    frame["leak"] = np.where(frame["y"] == "high", "paid", rng.choice(["open", "billed"], N))
    assert "MLT301" in found(frame, "leak")


def test_a_leak_does_not_depend_on_its_name_or_place():
    rng, frame = base("binary", 18)
    frame["leak"] = frame["y"].astype(int) + rng.normal(size=N) * 0.2
    again = frame.rename(columns={c: f"x{i}" for i, c in enumerate(frame.columns)}).iloc[:, ::-1]
    name = f"x{list(frame.columns).index('leak')}"
    leaks = {a["column"] for a in relate(again, f"x{list(frame.columns).index('y')}").alerts if a["severity"] == "error"}
    assert leaks == {name}


# --- honest ---


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", KINDS)
def test_honest_tables_raise_no_error(kind, seed):
    n = [120, 400, 1500, 3000][seed % 4]
    rng, frame = base(kind, 100 + seed, n)
    frame["row"] = np.arange(n) + 1 if seed % 2 else rng.permutation(n) + 1
    frame["due"] = (frame["asked"].dt.normalize() + pd.to_timedelta(rng.choice([7, 14, 30], n), unit="D")) if seed % 3 else None
    frame["before"] = frame["asked"] - pd.to_timedelta(rng.exponential(9e5, n), unit="s")
    frame.loc[rng.random(n) < 0.2, "before"] = pd.NaT
    frame["sparse"] = np.where(rng.random(n) < 0.8, np.nan, frame["weak"])
    roles = {"time": "asked"} if seed % 2 else {}
    roles |= {"group": "customer"} if seed % 3 == 0 else {}
    assert errors(frame, **roles, random_state=seed) == set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", [True, False])
def test_a_trend_over_time_is_no_leak(kind, role):
    n = 30_000
    rng = np.random.default_rng(3)
    asked = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 1000 * 86400, n)), unit="s")
    trend = np.linspace(-1.5, 1.5, n)
    latent = trend + rng.normal(size=n)
    frame = pd.DataFrame({"asked": asked, "number": np.arange(n) + 7, "load": latent + rng.normal(size=n), "price": 100 + 5 * trend + rng.normal(size=n)})
    frame["y"] = latent > 0.5 if kind == "binary" else np.digitize(latent, [-1, 0, 1]) if kind == "multiclass" else latent
    relation = relate(frame, "y", time="asked" if role else None, id="number")
    assert not [a for a in relation.alerts if a["severity"] == "error"]
    assert not [a for a in relation.alerts if a["code"] == "MLT306"]  # time explains the order
    assert [a["code"] for a in relation.alerts if a["column"] == "y"][:1] == ["MLT312"] and relation.splits["kind"] == "time"


@pytest.mark.parametrize("kind", KINDS)
def test_pure_noise(kind):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(40, 600))
        frame = pd.DataFrame(rng.normal(size=(n, 12))).set_axis([f"x{i}" for i in range(12)], axis=1)
        frame["many"], frame["few"] = rng.choice([f"v{i}" for i in range(n // 2)], n), rng.choice(["a", "b"], n)
        y = {"binary": rng.random(n) < 0.3, "multiclass": rng.choice(list("pqrs"), n), "number": rng.standard_t(3, n)}[kind]
        rows = relate(frame.assign(y=y), "y", random_state=seed).alerts
        assert [a for a in rows if a["severity"] == "error"] == []


def test_rare_positives_and_a_good_rule_are_honest():
    rng = np.random.default_rng(0)
    n = 30_000
    y = rng.random(n) < 0.01
    flagged = np.where(y, rng.random(n) < 0.7, rng.random(n) < 0.01)
    constant = np.where(rng.random(n) < 0.004, "odd", "usual")
    assert errors(pd.DataFrame({"y": y, "flagged": flagged, "constant": constant, "x": rng.normal(size=n) + 1.8 * y})) == set()


def test_the_iris_is_honest():
    from sklearn.datasets import load_iris

    iris = load_iris(as_frame=True).frame.sample(frac=1, random_state=0, ignore_index=True)
    relation = relate(iris, "target")
    assert relation.kind == "multiclass" and relation.leaks == {}


# --- the flights ---


@pytest.mark.parametrize("seed", range(3))
def test_the_flights(flights, seed):
    rng = np.random.default_rng(seed)
    part = flights.frame.iloc[np.sort(rng.choice(len(flights.frame), 20_000, replace=False))].reset_index(drop=True)
    assert set(relate(part, "late", time="time_hour", group="tailnum", random_state=seed).leaks) == FIVE
    bare = relate(part, "late", random_state=seed)
    assert set(bare.leaks) == FIVE and "" not in {a["column"] for a in bare.alerts}


def test_the_flights_with_other_targets(flights_small):
    frame = flights_small.frame
    delay = relate(frame, "arr_delay", time="time_hour")
    assert set(delay.leaks) == FIVE - {"arr_delay"} | {"late"}
    assert set(relate(frame, "origin", time="time_hour").leaks) <= {"distance"}  # of a pair of airports there is one distance
    assert relate(frame.drop(columns="late"), "carrier", time="time_hour").leaks.keys() <= {"airline"}
    assert "MLT307" in relate(frame, "carrier", time="time_hour").leaks["airline"]
