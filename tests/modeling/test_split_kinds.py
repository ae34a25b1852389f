"Kinds of split, three tasks: folds partition, groups stay whole, copies are found, own splitters are checked, the code makes the same folds."

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

import mltoolkit as mlt
from mltoolkit.core import InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.duplicates import find_duplicates, join_labels, row_hashes
from mltoolkit.modeling.folds import fold_code, fold_imports
from mltoolkit.modeling.proposal import propose_split
from mltoolkit.modeling.split_checks import CODES, check_split
from mltoolkit.modeling.splitting import split

SKLEARN = {c.__name__: c for c in (GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold)}
FLIGHTS = [(2647, 2694), (5332, 2694), (8025, 2698), (10729, 2695), (13418, 2695)]  # rows of each fold, measured when the rule was written
quick = settings(max_examples=12, deadline=None)


def frame(n=300, seed=0):
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200 * 24, n), unit="h")
    return pd.DataFrame({
        "x": rng.normal(size=n), "z": rng.normal(size=n), "t": times, "g": rng.integers(0, 30, n).astype(str),
        "yes": rng.random(n) < 0.3, "kind": rng.choice(list("abc"), n, p=[0.6, 0.3, 0.1]), "price": rng.lognormal(size=n),
    })  # fmt: skip


TARGETS = {"binary": "yes", "multiclass": "kind", "regression": "price"}


def data(task="binary", n=300, seed=0, **roles):
    table = frame(n, seed)
    return Dataset(frame=table.drop(columns=[c for c in TARGETS.values() if c != TARGETS[task]]), target=TARGETS[task], **roles)


def codes(found):
    return {check["code"] for check in found.checks if check["severity"] != "info"}


@quick
@given(task=st.sampled_from(list(TARGETS)), kind=st.sampled_from(["grouped", "stratified", "random"]), seed=st.integers(0, 99), n_repeats=st.integers(1, 3))
def test_each_repeat_partitions_the_development_rows(task, kind, seed, n_repeats):
    d = data(task, seed=seed, group="g")
    assert d.task == task
    made = split(d, kind=kind, n_splits=3, n_repeats=n_repeats, random_state=seed)
    assert len(made.folds) == 3 * n_repeats and not set(made.development) & set(made.test)
    for repeat in range(n_repeats):
        part = made.folds[3 * repeat : 3 * repeat + 3]
        assert sorted(np.concatenate([valid for _, valid in part])) == sorted(made.development)
        assert all(sorted(np.append(*fold)) == sorted(made.development) for fold in part)
    if kind == "grouped":
        g = d.frame["g"].to_numpy()
        assert all(not set(g[a]) & set(g[b]) for a, b in [*made.folds, (made.development, made.test)])


@quick
@given(task=st.sampled_from(list(TARGETS)), seed=st.integers(0, 99), gap=st.sampled_from([None, "1D", "3D"]), embargo=st.sampled_from([None, "0h", "2D"]))
def test_time_keeps_gap_and_embargo(task, seed, gap, embargo):
    d = data(task, seed=seed, time="t")
    made = split(d, n_splits=3, gap=gap, embargo=embargo)
    times, wait, after = d.frame["t"], pd.Timedelta(gap or 0), pd.Timedelta(embargo or 0)
    assert times.iloc[made.development].max() < times.iloc[made.test].min() - wait
    for train, valid in made.folds:
        before, later = (times.iloc[train][side] for side in (times.iloc[train] < times.iloc[valid].min(), times.iloc[train] > times.iloc[valid].max()))
        assert before.empty or before.max() < times.iloc[valid].min() - wait
        assert (embargo is not None) or later.empty
        assert later.empty or later.min() >= times.iloc[valid].max() + after
        assert len(before) + len(later) == len(train)


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("kind", ["grouped", "stratified", "random"])
def test_the_code_makes_the_same_folds(task, kind):
    d = data(task, group="g")
    made = split(d, kind=kind, n_splits=3, n_repeats=2, random_state=4)
    rows = d.take(made.development)
    names = {"n_splits": 3, "n_repeats": 2, "random_state": 4, "np": np, "y": rows.y.to_numpy(), "groups": pd.factorize(rows.frame["g"], sort=True)[0]}
    exec(fold_code(kind, task=task, n_repeats=2), names | {n: SKLEARN[n] for n in fold_imports(kind, task=task)}, names)
    for (a, b), (mine_a, mine_b) in zip(names["folds"], made.folds, strict=True):
        assert (made.development[a] == mine_a).all() and (made.development[b] == mine_b).all()


def test_the_code_for_an_embargo_makes_the_same_folds():
    d = data(time="t")
    made = split(d, n_splits=4, gap="1D", embargo="2D")
    times = d.frame["t"].to_numpy("datetime64[ns]")[made.development]
    names = {"np": np, "times": times, "n_splits": 4, "gap": np.timedelta64(1, "D"), "embargo": np.timedelta64(2, "D")}
    exec(fold_code("time", embargo=True), names)
    assert all((made.development[a] == x).all() and (made.development[b] == y).all() for (a, b), (x, y) in zip(names["folds"], made.folds))
    with pytest.raises(InputError, match="written as code"):
        fold_code("own")


def test_the_first_repeat_is_the_split_without_repeats():
    once, often = split(data()), split(data(), n_repeats=3)
    assert (often.rows[once.rows.columns] == once.rows).all(axis=None)
    assert list(often.table["repeat"])[:6] == ["1"] * 5 + ["2"] and "drawn 3 times" in often.description
    assert any((a[1].shape != b[1].shape) or (a[1] != b[1]).any() for a, b in zip(often.folds[:5], often.folds[5:10]))


def test_tiny_minorities_stay_in_each_fold():
    d = Dataset(frame=frame().assign(yes=np.arange(300) < 6)[["x", "z", "yes"]], target="yes")
    made = split(d, kind="stratified", n_splits=5)
    assert all(d.y.iloc[valid].sum() >= 1 for _, valid in made.folds[:4]) and "MLT605" in codes(made)
    rare = Dataset(frame=frame().assign(kind=["rare"] * 3 + list("ab") * 148 + ["a"])[["x", "kind"]], target="kind")
    made = split(rare, kind="stratified")
    assert set(made.development[:3]) == {0, 1, 2} and {"MLT605"} <= codes(made)
    assert all(2 in np.unique(rare.y.iloc[a]) for a, _ in made.folds)


def test_a_quantity_is_stratified_by_ranges():
    d = data("regression")
    stratified = split(d, kind="stratified").table["mean"].iloc[:-1]
    assert "ranges" in split(d, kind="stratified").description and stratified.std() < split(d, kind="random").table["mean"].iloc[:-1].std()
    mostly_zero = Dataset(frame=pd.DataFrame({"x": np.arange(60.0), "y": [0.0] * 53 + [1.5, 2, 3, 4, 5, 6.5, 7]}), target="y", task="regression")
    assert len(split(mostly_zero, kind="stratified").folds) == 5


def test_inner_folds_follow_the_rule():
    d = data(time="t")
    made = split(d, gap="1D", n_splits=3)
    for k, (train, _) in enumerate(made.folds, 1):
        for a, b in made.inner(d, k, n_splits=2):
            assert set(a) | set(b) <= set(train) and d.frame["t"].iloc[a].max() < d.frame["t"].iloc[b].min() - pd.Timedelta("1D")
    d = data("multiclass", group="g")
    made = split(d)
    for a, b in made.inner(d, 2):
        assert not set(d.frame["g"].iloc[a]) & set(d.frame["g"].iloc[b]) and set(a) | set(b) == set(made.folds[1][0])
    assert len(split(data(), cv=KFold(3)).inner(data(), 1)) == 3
    with pytest.raises(InputError, match="from 1 to 5"):
        made.inner(d, 6)


def test_own_splitters_and_positions():
    d = data(group="g")
    made = split(d, cv=LeaveOneGroupOut())
    assert made.kind == "own" and len(made.folds) == d.frame["g"].iloc[made.development].nunique()
    assert not set(d.frame["g"].iloc[made.development]) & set(d.frame["g"].iloc[made.test])
    test = np.zeros(300, dtype=bool)
    test[250:] = True
    pairs = [(np.arange(0, 100), np.arange(100, 200)), (np.arange(100, 200), np.arange(0, 100))]
    made = split(data(), cv=pairs, test=test)
    assert (made.test == np.arange(250, 300)).all() and (made.development == np.arange(200)).all() and made.folds[1][0][0] == 100
    assert "MLT607" in codes(split(data(), cv=pairs)) and not len(split(data(), cv=pairs).test)
    assert len(split(data(), cv=TimeSeriesSplit(4)).folds) == 4
    assert (split(data(), test=np.arange(30, 90), kind="stratified").test == np.arange(30, 90)).all()


A = np.arange
BAD = [
    (lambda: split(data(), cv=[(A(10), A(5, 20))]), "train and validate"),
    (lambda: split(data(), cv=[(A(10), A(290, 301))]), "between 0 and 299"),
    (lambda: split(data(), cv=[([-1, 2], A(10, 20))]), "between 0 and 299"),
    (lambda: split(data(), cv=[([1, 1, 2], A(10, 20))]), "each row once"),
    (lambda: split(data(), cv=[([0.5], A(10, 20))]), "row positions or a mask"),
    (lambda: split(data(), cv=[(A(100), A(100, 200))], test=A(150, 250)), "locked test rows"),
    (lambda: split(data(), cv=[(A(100), A(100, 200), A(3))]), "a pair"),
    (lambda: split(data(), cv=[]), "one fold"),
    (lambda: split(data(), cv=5), "scikit-learn splitter"),
    (lambda: split(data(), cv=LeaveOneGroupOut()), "able to split"),
    (lambda: split(data(), cv=KFold(3), n_repeats=2), "n_repeats"),
    (lambda: split(data(), cv=KFold(3), kind="stratified"), "kind 'own'"),
    (lambda: split(data(), kind="own"), "kind 'own'"),
    (lambda: split(data(time="t"), n_repeats=2), "made in one way"),
    (lambda: split(data(time="t"), test=A(20)), "test_from"),
    (lambda: split(data(time="t"), embargo="soon"), "`embargo` must be a length"),
    (lambda: split(data(time="t"), embargo="-1D"), "not be negative"),
    (lambda: split(data(), embargo="1D"), "belong to a split in time"),
    (lambda: split(data(), test=np.ones(300, dtype=bool)), "both sides"),
    (lambda: split(data(), test=np.ones(3, dtype=bool)), "one value a row"),
    (lambda: split(data(), n_repeats=0), "`n_repeats`"),
    (lambda: split(data(), random_state=None), "`random_state`"),
    (lambda: split(data(), kind="stratified", duplicates="together"), "grouped split"),
    (lambda: split(data(), duplicates="apart"), "'together'"),
    (lambda: split(Dataset(frame=frame().assign(kind=["one"] + list("ab") * 149 + ["a"]), target="kind"), kind="stratified"), "every class needs"),
]


@pytest.mark.parametrize(("how", "words"), BAD)
def test_bad_input_says_what_is_wrong(how, words):
    with pytest.raises(InputError, match=words):
        how()


@pytest.mark.parametrize("task", TARGETS)
def test_round_trip_and_parameters(task, tmp_path):
    for d, more in ((data(task, group="g"), {"n_repeats": 2}), (data(task, time="t"), {"gap": "1D", "embargo": "1D"}), (data(task), {"test": A(60)})):
        made = split(d, n_splits=3, **more)
        again = Result.load(made.save(tmp_path / "split.json"))
        assert again.checks == made.checks and (again.test_hashes == made.test_hashes).all() and repr(again) == repr(made)
        assert (Result.from_dict(made.to_dict()).test_hashes == made.test_hashes).all()
        assert (split(d, **made.parameters).rows == made.rows).all(axis=None)
        assert ("mean" in made.table) == (task == "regression")


# Copies of rows


def test_hashes_do_not_depend_on_order_or_number_type():
    a = pd.DataFrame({"n": [1, 2, None, 1], "s": ["u", None, "v", "u"], "t": pd.to_datetime(["2024-01-01", "2024-01-02", None, "2024-01-01"])})
    h = row_hashes(a)
    assert h[0] == h[3] and len(set(h)) == 3
    b = a.iloc[::-1][["t", "s", "n"]].assign(s=lambda f: f["s"].astype("category"), n=lambda f: f["n"].astype("Float64"))
    assert (row_hashes(b) == h[::-1]).all()
    assert (row_hashes(a.assign(t=a["t"].dt.tz_localize("UTC"))) == h).all()
    assert row_hashes(pd.DataFrame({"a": [1.0], "b": [2.0]}))[0] != row_hashes(pd.DataFrame({"a": [2.0], "b": [1.0]}))[0]
    assert row_hashes(pd.DataFrame({"a": [0.0, -0.0]}))[0] == row_hashes(pd.DataFrame({"a": [0.0, -0.0]}))[1]
    assert len(row_hashes(pd.DataFrame({"a": [[1], {2: 3}, "x"]}))) == 3
    with pytest.raises(InputError, match="no column"):
        row_hashes(a, ["nothing"])


@quick
@given(seed=st.integers(0, 999), noise=st.sampled_from([0.0, 1e-12, 1e-8]), columns=st.integers(2, 30))
def test_planted_copies_are_found_and_nothing_else(seed, noise, columns):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(200, columns)), columns=[f"x{i}" for i in range(columns)])
    copies = x.iloc[:40] * (1 + noise)
    table = pd.concat([x, copies], ignore_index=True).assign(y=rng.random(240) < 0.4)
    found = find_duplicates(Dataset(frame=table, target="y"))
    assert found.exact == (80 if noise == 0 else 0)
    assert found.beyond_chance and 76 <= found.near <= 80 + 2 * (columns == 2)
    labels = found.labels
    assert (labels[:40] == labels[200:]).mean() >= 0.95 and len(np.unique(labels)) == 240 - found.near + found.n_clusters


def test_equal_rows_of_coarse_columns_are_chance():
    rng = np.random.default_rng(0)
    coarse = pd.DataFrame({c: rng.integers(0, 3, 2000) for c in "abcd"}).assign(y=rng.random(2000) < 0.5)
    coarse["e"] = coarse["a"] + coarse["b"]  # follows from others
    d = Dataset(frame=coarse, target="y")
    assert find_duplicates(d).share > 0.9 and not find_duplicates(d).beyond_chance
    made = split(d, kind="stratified")
    assert not codes(made) and {"MLT602"} == {c["code"] for c in made.checks}


def test_a_line_number_does_not_hide_copies():
    d = data(n=200)
    twice = pd.concat([d.frame, d.frame.iloc[:50]], ignore_index=True).assign(line=lambda f: np.arange(len(f)))
    found = find_duplicates(d.with_frame(twice))
    assert found.left_out == ("line",) and found.exact == 100


def test_join_labels_is_the_finest_common_partition():
    assert join_labels(np.array([0, 0, 1, 2, 3]), np.array([9, 8, 8, 7, 6])).tolist() == [0, 0, 0, 1, 2]


def copied(n=150, k=60):
    "Rows with a target, and k of them a second time, a billionth off."
    table = frame(n)[["x", "z", "yes"]]
    again = table.iloc[:k].assign(x=lambda f: f["x"] * (1 + 1e-9))
    return Dataset(frame=pd.concat([table, again], ignore_index=True), target="yes")


def test_copies_on_both_sides_are_told_and_can_be_kept_together():
    d = copied()
    apart = split(d, kind="stratified")
    assert "MLT603" in codes(apart) and not find_duplicates(d).exact
    together = split(d)
    assert together.kind == "grouped" and together.parameters["duplicates"] == "together" and "stay together" in together.reason
    assert not {"MLT602", "MLT603"} & {c["code"] for c in together.checks}
    labels = find_duplicates(d).labels
    for a, b in [*together.folds, (together.development, together.test), *together.inner(d, 1)]:
        assert not set(labels[a]) & set(labels[b])


# Checks


def test_a_shared_group_and_the_future_are_told():
    made = split(data(group="g", time="t"), kind="stratified")
    assert {"MLT601", "MLT604"} <= codes(made)
    assert next(c for c in made.checks if c["code"] == "MLT601")["severity"] == "error" and made.checks[0]["severity"] == "error"
    assert not {"MLT601", "MLT604"} & codes(split(data(group="g", time="t")))
    assert "MLT604" in {c["code"] for c in split(data(time="t"), embargo="1D").checks}


def test_few_rows_are_told():
    small = split(data(n=90), kind="stratified", n_splits=3)
    assert {"MLT605", "MLT607", "MLT609"} <= codes(small)
    assert not {"MLT605", "MLT609"} & codes(split(data(n=90), kind="stratified", n_splits=3, n_repeats=5))
    table = frame().astype({"yes": "boolean"})
    table.loc[:99, "yes"] = pd.NA
    assert "MLT606" in codes(split(Dataset(frame=table, target="yes"), kind="stratified"))


def test_a_class_that_cannot_be_learnt_is_told():
    table = frame().assign(kind=lambda f: np.where((f["t"] > f["t"].quantile(0.6)) & (f["x"] > 0), "late", f["kind"]))
    assert "MLT608" in codes(split(Dataset(frame=table, target="kind", time="t"), n_splits=4))


def test_checks_have_codes_and_escape():
    table = frame(90).rename(columns={"g": "<b>g</b>"})
    made = split(Dataset(frame=table, target="yes", group="<b>g</b>"), kind="random")
    assert made.checks and all(set(c) == {"code", "severity", "message", "evidence", "fix", "fold"} and c["code"] in CODES for c in made.checks)
    shown = made._repr_html_()
    assert "<b>g</b>" not in shown and "MLT601" in shown
    assert check_split(Dataset(frame=table, target="yes", group="<b>g</b>"), made) == made.checks


# Proposals


def test_roles_are_believed():
    found = propose_split(data(time="t", group="g"))
    assert (found.kind, found.time, found.group) == ("time", "t", None) and "have a moment, t" in found.reason
    assert propose_split(data(group="g")).group == "g"
    assert split(data(time="t")).reason == "The data have the role `time`: t." and "asked for" in split(data(), kind="random").reason


def test_a_time_is_found_where_the_target_changes():
    rng = np.random.default_rng(1)
    table = frame(3000)[["x", "z", "t"]].assign(yes=lambda f: rng.random(3000) < np.where(f["t"].dt.month > 4, 0.6, 0.2))
    found = propose_split(table, target="yes")
    assert found.kind == "time" and found.time == "t" and found.n_splits == 5 and "prevalence of yes changes" in found.reason
    as_text = table.assign(t=table["t"].dt.strftime("%Y-%m-%d %H:%M"))
    assert propose_split(as_text, target="yes").time == "t"
    d = Dataset(frame=table, target="yes")
    made = split(d)
    assert made.kind == "time" and made.parameters["time"] == "t" and len(made.unlocked(d)) == len(made.development)
    assert len(made.inner(d, 5)) == 3 and (split(d, **made.parameters).rows == made.rows).all(axis=None)


def test_a_group_is_found_where_rows_share_the_target():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(80), 6)
    table = pd.DataFrame({"who": [f"P{i}" for i in who], "pulse": rng.normal(size=480), "ill": rng.random(80)[who] + 0.2 * rng.normal(size=480) > 0.6})
    found = propose_split(table, target="ill")
    assert found.kind == "grouped" and found.group == "who" and "intra-class correlation" in found.reason
    made = split(table, target="ill")
    assert made.parameters["group"] == "who" and not codes(made) - {"MLT607"}
    assert propose_split(table.assign(ill=rng.random(480) < 0.4), target="ill").kind == "stratified"


@pytest.mark.parametrize(("n", "task", "kind", "n_repeats"), [(150, "binary", "stratified", 10), (500, "regression", "stratified", 5), (3000, "regression", "random", 1), (3000, "multiclass", "stratified", 1)])
def test_size_and_task_decide(n, task, kind, n_repeats):
    found = propose_split(data(task, n=n))
    assert (found.kind, found.n_repeats) == (kind, n_repeats) and bool(found.warnings) == (n < 200)
    made = split(data(task, n=n), **found.parameters)
    assert len(made.folds) == found.n_splits * n_repeats
    assert Result.from_dict(found.to_dict()).parameters == found.parameters


def test_the_rarest_class_decides_the_number_of_folds():
    d = Dataset(frame=frame(2000).assign(yes=np.arange(2000) % 125 == 0)[["x", "z", "yes"]], target="yes")
    found = propose_split(d)
    assert found.n_splits == 2 and found.n_repeats == 5 and "rarest class" in found.warnings[0]
    assert len(split(d).folds) == 2 and "n_repeats=5" in split(d).reason


# Locked rows elsewhere


@quick
@given(seed=st.integers(0, 99), kind=st.sampled_from(["stratified", "random"]))
def test_locked_rows_are_found_in_a_shuffled_table(seed, kind):
    d = data(n=150, seed=seed)
    made = split(d, kind=kind, random_state=seed)
    mixed = pd.concat([d.frame.drop(columns="yes"), frame(50, seed + 500)]).sample(frac=1, random_state=seed)
    found = made.contains_locked(mixed)
    assert len(found) == len(made.test) and set(mixed.index[found]) == set(made.test)
    assert not len(made.contains_locked(made.development_data(d)))


def test_locked_rows_in_training_are_refused():
    d = data()
    made = split(d, kind="stratified")
    made.refuse_locked(made.development_data(d))
    with pytest.raises(InputError, match=f"{len(made.test)} of them"):
        made.refuse_locked(d)
    with pytest.raises(InputError, match="no column 'z'"):
        made.contains_locked(d.frame.drop(columns="z"))
    assert "yes" not in made.identity


def test_a_locked_row_with_a_twin_outside_is_not_held_against_anybody():
    d = copied()
    twice = d.with_frame(pd.concat([d.frame.iloc[:150], d.frame.iloc[:60]], ignore_index=True))
    made = split(twice, kind="stratified")
    assert not len(made.contains_locked(made.development_data(twice))) and len(made.test_hashes) < len(made.test)


def test_the_flights_split_stays_what_it_was():
    flights = mlt.load_example("flights", rows=20_000)
    made = split(flights, test_from="2013-11-01", gap="1D", n_splits=5)
    text = "In time: 5 expanding folds with validation blocks of about 2,695 rows, each a gap of 1 day after what it was trained on; the 3,204 rows from 2013-11-01 on are locked."
    assert made.description == text
    assert [(len(a), len(b)) for a, b in made.folds] == FLIGHTS
