"Roles are checked where they are given; y means what it says."

import json

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, Result
from mltoolkit.data.dataset import Dataset, as_dataset, load

FRAME = pd.DataFrame(
    {
        "key": ["a", "b", "c", "d"],
        "when": ["2013-01-01T10:00:00Z", "2013-01-02T10:00:00Z", None, "2013-01-04T10:00:00Z"],
        "plane": ["N1", "N1", "N2", None],
        "sex": ["f", "m", "f", "m"],
        "x": [1.0, np.nan, 3.0, 4.0],
        "late": pd.array([True, False, None, True], dtype="boolean"),
    }
)


def make(**roles):
    return as_dataset(FRAME, **{"target": "late", **roles})


def test_roles_are_no_features():
    data = make(id="key", time="when", group="plane", sensitive="sex", name="small")
    assert data.features == ["x"] and list(data.X) == ["x"]
    assert data.sensitive == ("sex",)
    assert data.roles == {"sex": "sensitive", "late": "target", "key": "id", "plane": "group", "when": "time"}
    assert len(data) == data.n_rows == 4
    assert str(data.frame["when"].dtype) == "datetime64[us, UTC]"
    assert repr(data) == "Dataset('small', 4 rows x 6, target='late' (66.7 % True), time='when', group='plane', id='key', sensitive=['sex'])"


@pytest.mark.parametrize("roles", [{"target": "lat"}, {"time": "whn"}, {"group": "plan"}, {"id": "ky"}, {"sensitive": ["sx"]}])
def test_an_unknown_column_names_the_nearest(roles):
    with pytest.raises(InputError, match="Did you mean"):
        make(**roles)


def test_one_role_a_column():
    with pytest.raises(InputError, match="target and group"):
        make(group="late")
    assert make(group="sex", sensitive=["sex"]).roles["sex"] == "group"
    with pytest.raises(InputError, match="target"):
        make(traget="x")
    with pytest.raises(InputError, match="group"):
        make().replace(grup="plane")


def test_y():
    known = make().known()
    assert known.y.tolist() == [1, 0, 1] and known.y.dtype == "int64" and known.y.name == "late"
    assert len(known) == 3 and known.frame.index.tolist() == [0, 1, 2]
    assert make().is_known.tolist() == [True, True, False, True]
    with pytest.raises(InputError, match="1 rows without 'late'"):
        make().y  # noqa: B018
    with pytest.raises(InputError, match="needs a target"):
        as_dataset(FRAME).y  # noqa: B018


@pytest.mark.parametrize(
    ("column", "positive", "expected"),
    [
        (["yes", "no", "yes"], "yes", [1, 0, 1]),
        (["UA", "AA", "DL"], "AA", [0, 1, 0]),
        (pd.Categorical(["hi", "lo", "mid"]), "mid", [0, 0, 1]),
        ([1, 0, 1], True, [1, 0, 1]),
        ([1.0, 0.0, 0.0], True, [1, 0, 0]),
        ([1, 2, 3], 3, [0, 0, 1]),
        ([True, False, False], False, [0, 1, 1]),
    ],
)
def test_positive(column, positive, expected):
    assert as_dataset(pd.DataFrame({"t": column}), target="t", positive=positive).y.tolist() == expected


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1.0, 2.0, 1.0], "positive="),
        (pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03"]), "times"),
        ([f"label {i}" for i in range(60)], "50 values at most"),
        (["yes", "no", "yes"], "positive="),
        (["yes", "yes", "yes"], "two values"),
        ([True, True, True], "two values"),
        ([1, 1, 1], "two values"),
        ([None, None, None], "only missing"),
    ],
)
def test_a_target_without_clear_meaning_is_refused(column, words):
    with pytest.raises(InputError, match=words):
        as_dataset(pd.DataFrame({"t": column}), target="t").y  # noqa: B018


@pytest.mark.parametrize(
    ("column", "task", "classes", "expected"),
    [
        ([1.5, 2.5, 3.5], "regression", (), [1.5, 2.5, 3.5]),
        ([3, 1, 2], "regression", (), [3.0, 1.0, 2.0]),
        ([3, 1, 2] * 5, "multiclass", (1, 2, 3), [2, 0, 1] * 5),
        (["b", "c", "a"], "multiclass", ("a", "b", "c"), [1, 2, 0]),
        (pd.Categorical(["lo", "hi", "mid"], ["lo", "mid", "hi"], ordered=True), "multiclass", ("lo", "mid", "hi"), [0, 2, 1]),
        ([True, False, True], "binary", (), [1, 0, 1]),
    ],
)
def test_task(column, task, classes, expected):
    data = as_dataset(pd.DataFrame({"t": column}), target="t")
    assert (data.task, data.classes) == (task, classes) and data.y.tolist() == expected
    assert data.take([0, 1]).task == task and data.take([0, 1]).classes == classes
    assert data.replace(target=None).task is None
    again = Result.from_dict(json.loads(json.dumps(data.to_dict())))
    assert (again.task, again.classes, again.fingerprint) == (task, classes, data.fingerprint)


def test_a_task_can_be_given():
    frame = pd.DataFrame({"t": [1, 2, 3] * 5, "s": ["a", "b", "c"] * 5})
    assert load(frame, target="t").task == "multiclass" and load(frame, target="t", task="regression").y.tolist() == [1.0, 2.0, 3.0] * 5
    assert load(frame, target="t", task="regression").replace(target="s").task == "multiclass"
    assert load(frame.astype({"t": float}).assign(t=lambda f: f["t"] / 7), target="t", task="multiclass").classes == (1 / 7, 2 / 7, 3 / 7)
    for wrong, words in (("binry", "Did you mean"), ("ordinal", "task")):
        with pytest.raises(InputError, match=words):
            load(frame, target="t", task=wrong)
    with pytest.raises(InputError, match="must be a number"):
        load(frame, target="s", task="regression")
    with pytest.raises(InputError, match="known class"):
        load(frame, target="s").with_frame(frame.assign(s="d")).y  # noqa: B018


def test_an_unclear_target_can_still_be_shown():
    data = as_dataset(pd.DataFrame({"t": [1.5, 2.5]}), target="t")
    assert "target='t'" in repr(data) and "t" in data._repr_html_()


def test_load_knows_yes_and_no(tmp_path):
    path = tmp_path / "churn.csv"
    pd.DataFrame({"churn": ["Yes", "No", "No"], "x": [1, 2, 3]}).to_csv(path, index=False)
    data = load(path, target="churn")
    assert data.positive == "Yes" and data.y.tolist() == [1, 0, 0] and data.name == "churn"
    assert load(path, target="churn", positive="No").y.tolist() == [0, 1, 1]
    assert load(FRAME).name == "table"


def test_take_drop_replace():
    data = make(time="when")
    assert data.take([3, 0]).frame["key"].tolist() == ["d", "a"]
    assert data.take(np.array([True, False, False, True])).frame["key"].tolist() == ["a", "d"]
    assert len(data.take([])) == 0
    with pytest.raises(InputError, match="mask"):
        data.take([True, False])
    assert "x" not in data.drop("x").frame and "x" in data.frame
    assert data.drop(["x", "sex"]).features == ["key", "plane"]
    for role in ("late", "when"):
        with pytest.raises(InputError, match="no feature"):
            data.drop([role])
    with pytest.raises(InputError, match="Did you mean"):
        data.drop(["sexx"])
    assert data.replace(group="plane").group == "plane" and data.group is None


def test_fingerprint():
    data = make()
    assert data.fingerprint == make().fingerprint
    assert data.fingerprint != make(group="plane").fingerprint
    assert data.fingerprint != data.take([0, 1, 3]).fingerprint


def test_frozen_and_unchanged():
    data = make(time="when")
    with pytest.raises(AttributeError):
        data.target = "x"
    assert str(FRAME["when"].dtype) != "datetime64[us, UTC]"


def test_round_trip(tmp_path):
    data = make(time="when", sensitive=["sex"])
    data.save(tmp_path / "data.json")
    again = Result.load(tmp_path / "data.json")
    assert isinstance(again, Dataset) and again.fingerprint == data.fingerprint
    assert Result.from_dict(json.loads(json.dumps(data.to_dict()))).fingerprint == data.fingerprint


def test_sensitive_values_and_hostile_names_in_html():
    frame = pd.DataFrame({"<script>": ["<b>bold</b>"], "secret": ["hush"]})
    text = as_dataset(frame, sensitive=["secret"])._repr_html_()
    assert "<script>" not in text and "<b>" not in text and "hush" not in text


def test_as_dataset_takes_every_table():
    import polars as pl

    assert as_dataset(pl.DataFrame({"a": [1]})).n_rows == 1
    data = make()
    assert as_dataset(data) is data
    assert as_dataset(data, target="sex").target == "sex"
    with pytest.raises(InputError, match="unique"):
        as_dataset(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert mlt.load is load


def test_a_number_may_be_the_time():
    data = as_dataset(pd.DataFrame({"year": [2013, 2014], "t": [True, False]}), target="t", time="year")
    assert data.frame["year"].tolist() == [2013, 2014]
