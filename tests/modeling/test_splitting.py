"Splits: what may teach, what may examine, what stays locked."

import json

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.splitting import fold_code


def table(n=400, seed=0, **more):
    rng = np.random.default_rng(seed)
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200 * 24, n), unit="h")
    return pd.DataFrame({"x": rng.random(n), "t": times, "g": rng.integers(0, 40, n).astype(str), "y": rng.random(n) < 0.3, **more})


def data(n=400, **roles):
    return Dataset(frame=table(n), target="y", **roles)


def check_disjoint(split, n):
    parts = [set(split.development), set(split.test)]
    assert not parts[0] & parts[1]
    seen = []
    for train, valid in split.folds:
        assert not set(train) & set(valid)
        assert set(train) | set(valid) <= parts[0]
        seen.extend(valid)
    assert len(seen) == len(set(seen))
    assert max(parts[0] | parts[1]) < n


@pytest.mark.parametrize("roles", [{"time": "t"}, {"group": "g"}, {}])
def test_parts_do_not_overlap(roles):
    d = data(**roles)
    split = mlt.split(d)
    check_disjoint(split, len(d))
    assert split.kind == ("time" if "time" in roles else "grouped" if roles else "stratified")
    assert 0.1 < len(split.test) / len(d) < 0.3


@pytest.mark.parametrize("gap", [None, "1D", "36h"])
def test_time_never_looks_ahead_and_keeps_the_gap(gap):
    d = data(time="t")
    split = mlt.split(d, gap=gap)
    times, wait = d.frame["t"], pd.Timedelta(gap or 0)
    for train, valid in [*split.folds, (split.development, split.test)]:
        assert times.iloc[valid].min() - times.iloc[train].max() > wait or gap is None
        assert times.iloc[train].max() < times.iloc[valid].min() - wait or (gap is None and times.iloc[train].max() < times.iloc[valid].min())
    sizes = [len(valid) for _, valid in split.folds]
    assert max(sizes) - min(sizes) <= 12  # equal but for rows of the same hour


def test_rows_of_one_time_stay_together():
    d = Dataset(frame=table(400).assign(t=lambda f: f["t"].dt.floor("7D")), target="y", time="t")
    split = mlt.split(d, n_splits=3)
    for _, valid in split.folds:
        inside = set(d.frame["t"].iloc[valid])
        assert not inside & set(d.frame["t"].drop(index=valid).iloc[np.isin(np.delete(np.arange(400), valid), split.development)])


def test_unknown_targets_are_in_no_part():
    frame = table().astype({"y": "boolean"})
    frame.loc[::7, "y"] = pd.NA
    for roles in ({"time": "t"}, {"group": "g"}, {}):
        split = mlt.split(Dataset(frame=frame, target="y", **roles))
        used = set(split.development) | set(split.test)
        assert not used & set(range(0, 400, 7))
        assert len(used) == 400 - len(range(0, 400, 7))


def test_groups_stay_whole():
    d = data(group="g")
    split = mlt.split(d)
    g = d.frame["g"].to_numpy()
    for train, valid in [*split.folds, (split.development, split.test)]:
        assert not set(g[train]) & set(g[valid])


def test_row_order_does_not_matter_in_time():
    d = data(time="t")
    mixed = np.random.default_rng(1).permutation(len(d))
    a, b = mlt.split(d), mlt.split(d.take(mixed))
    for (_, va), (_, vb) in zip(a.folds, b.folds):
        assert set(va) == set(mixed[vb])


def test_same_seed_same_split():
    for roles in ({"group": "g"}, {}):
        a, b, c = (mlt.split(data(**roles), random_state=s) for s in (0, 0, 1))
        assert (a.rows == b.rows).all(axis=None)
        assert not (a.rows == c.rows).all(axis=None)


def test_test_from_is_read_in_the_zone_of_the_column():
    frame = table().assign(t=lambda f: f["t"].dt.tz_localize("America/New_York", ambiguous=True, nonexistent="shift_forward"))
    d = Dataset(frame=frame, target="y", time="t")
    split = mlt.split(d, test_from="2024-06-01")
    start = pd.Timestamp("2024-06-01", tz="America/New_York")
    assert (pd.DatetimeIndex(d.frame["t"].iloc[split.test]) >= start).all()
    assert (pd.DatetimeIndex(d.frame["t"].iloc[split.development]) < start).all()


def test_a_number_can_be_the_time():
    d = Dataset(frame=table().assign(t=np.arange(400) // 2), target="y", time="t")
    split = mlt.split(d, test_from=150, gap=10)
    assert d.frame["t"].iloc[split.test].min() == 150
    assert d.frame["t"].iloc[split.development].max() < 140
    with pytest.raises(InputError, match="numbers too"):
        mlt.split(d, gap="1D")


def test_locked_labels_are_not_in_the_table():
    split = mlt.split(data(time="t"))
    assert np.isnan(split.table["prevalence"].iloc[-1])
    assert split.table["fold"].iloc[-1] == "locked test"


def test_round_trip(tmp_path):
    split = mlt.split(data(time="t"), gap="1D")
    for again in (Result.from_dict(json.loads(json.dumps(split.to_dict()))), Result.load(split.save(tmp_path / "split.json"))):
        assert (again.test == split.test).all()
        assert all((a[1] == b[1]).all() for a, b in zip(again.folds, split.folds))
        assert repr(again) == repr(split)
        pd.testing.assert_frame_equal(again.to_frame(), split.to_frame())


def test_parameters_make_the_same_split():
    d = data(time="t")
    split = mlt.split(d, gap="1D", test_from="2024-06-01")
    assert (mlt.split(d, **split.parameters).rows == split.rows).all(axis=None)


def test_a_split_belongs_to_its_data():
    split = mlt.split(data(time="t"))
    other = Dataset(frame=table(seed=5), target="y", time="t")
    for d in (other, data(time="t").take(np.arange(300))):
        with pytest.raises(InputError, match="belongs to the data"):
            split.development_data(d)
    with pytest.raises(InputError, match="Dataset"):
        split.locked(table())
    assert len(split.locked(data(time="t"))) == len(split.test)


def test_data_frame_with_target_works():
    assert mlt.split(table(), target="y", time="t").kind == "time"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda: mlt.split(data(time="t"), kind="rolling"), "'time', 'grouped', 'stratified', 'random' or 'own'"),
        (lambda: mlt.split(data(), kind="time"), "role `time`"),
        (lambda: mlt.split(data(), kind="grouped"), "role `group`"),
        (lambda: mlt.split(data(), gap="1D"), "belong to a split in time"),
        (lambda: mlt.split(data(), n_splits=1), "`n_splits`"),
        (lambda: mlt.split(data(), n_splits=2.5), "`n_splits`"),
        (lambda: mlt.split(data(), test_size=1.5), "between 0 and 1"),
        (lambda: mlt.split(data(time="t"), test_from="2030-01-01"), "inside the data"),
        (lambda: mlt.split(data(time="t"), test_from="soon"), "date or a time"),
        (lambda: mlt.split(data(time="t"), gap="a while"), "length of time"),
        (lambda: mlt.split(data(time="t"), gap="-1D"), "not be negative"),
        (lambda: mlt.split(data(time="t"), gap="90D"), "both classes"),
        (lambda: mlt.split(data(8), n_splits=5), "development rows"),
        (lambda: mlt.split(Dataset(frame=table().assign(t=pd.Timestamp("2024-01-01")), target="y", time="t")), "inside the data"),
        (lambda: mlt.split(Dataset(frame=table().assign(t=lambda f: f["t"].dt.floor("60D")), target="y", time="t")), "spread out"),
        (lambda: mlt.split(Dataset(frame=table().assign(g="one"), target="y", group="g")), "groups"),
        (lambda: mlt.split(Dataset(frame=table().assign(g=lambda f: f["g"].where(f["g"] > "2")), target="y", group="g")), "needs a group"),
        (lambda: mlt.split(Dataset(frame=table().assign(y=lambda f: np.arange(400) < 3), target="y"), n_splits=5), "each class"),
        (lambda: mlt.split(Dataset(frame=table().assign(y=lambda f: f["t"] < "2024-02-01"), target="y", time="t")), "both classes"),
        (lambda: mlt.split(Dataset(frame=table().assign(y=True), target="y")), "two values"),
        (lambda: mlt.split(Dataset(frame=table())), "target"),
    ],
)
def test_bad_input_is_one_clear_sentence(how, words):
    with pytest.raises(InputError, match=words):
        how()


def test_missing_times_are_refused_only_where_the_target_is_known():
    frame = table().astype({"y": "boolean"})
    frame.loc[:5, ["t", "y"]] = [pd.NaT, pd.NA]
    assert 0 not in mlt.split(Dataset(frame=frame, target="y", time="t")).development
    frame.loc[10, "t"] = pd.NaT
    with pytest.raises(InputError, match="needs a time"):
        mlt.split(Dataset(frame=frame, target="y", time="t"))


@pytest.mark.parametrize("roles", [{"time": "t"}, {"group": "g"}, {}])
def test_fold_code_makes_the_same_folds(roles):
    d = data(**roles)
    split = mlt.split(d, n_splits=4, gap="1D" if "time" in roles else None, random_state=3)
    rows = d.frame.iloc[split.development]
    names = {"n_splits": 4, "random_state": 3, "gap": np.timedelta64(1, "D"), "times": rows["t"].to_numpy()}
    names |= {"y": rows["y"].to_numpy(int), "groups": rows["g"].to_numpy(), "np": np}
    exec("from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold\n" + fold_code(split.kind), names)
    assert len(fold_code(split.kind).splitlines()) <= 10
    for (train, valid), (mine, my_valid) in zip(names["folds"], split.folds):
        assert (split.development[train] == mine).all()
        assert (split.development[valid] == my_valid).all()
