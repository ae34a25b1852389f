"Dates by their own clock, texts as directions; both by the training rows only."

import datetime as dt
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from mltoolkit.modeling.encoders import DateParts, TextParts, clock_times, is_date, is_text, own_source

RNG = np.random.default_rng(0)
WHEN = pd.DataFrame({"when": pd.to_datetime(["2024-02-29T23:30", "2024-12-31T00:00", None, "1969-12-31T12:00"])})
REMARKS = pd.DataFrame({"text": [" ".join(RNG.choice(["door", "window", "roof", "cellar", "stairs"], 4)) for _ in range(60)]})


def test_known_parts():
    parts = DateParts().set_output(transform="pandas").fit_transform(WHEN)
    assert parts.columns.tolist() == ["when_days", "when_month", "when_weekday", "when_hour"]
    assert parts.iloc[0].tolist() == [19782 + 23.5 / 24, 2, 3, 23.5]
    assert parts.iloc[3].tolist() == [-0.5, 12, 2, 12]
    assert parts.iloc[2].isna().all() and not parts.iloc[[0, 1, 3]].isna().any(axis=None)


def test_rounds_are_closed():
    cyclic = DateParts(cyclic=True).fit_transform(WHEN)
    assert cyclic.shape == (4, 7) == (4, len(DateParts(cyclic=True).fit(WHEN).get_feature_names_out()))
    hours = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=25, freq="h")})
    angles = DateParts(cyclic=True).fit_transform(hours)[:, -2:]
    steps = np.linalg.norm(np.diff(angles, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0])  # 23 o'clock is as near to midnight as 1 o'clock


def test_the_clock_is_that_of_training():
    local = pd.DataFrame({"when": pd.date_range("2024-06-01", periods=48, freq="h", tz="America/New_York")})
    fitted = DateParts().fit(local)
    assert fitted.zones_ == ["America/New_York"]
    assert fitted.transform(local)[:3, 3].tolist() == [0, 1, 2]
    for same in (local["when"].dt.tz_convert("UTC"), local["when"].dt.tz_localize(None), local["when"].dt.tz_convert("Asia/Tokyo")):
        np.testing.assert_array_equal(fitted.transform(pd.DataFrame({"when": same})), fitted.transform(local))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([dt.date(2024, 5, 1), None, dt.date(2024, 5, 3)]),
        pd.Series([dt.datetime(2024, 5, 1), None, dt.datetime(2024, 5, 3)], dtype=object),
        pd.Series(pd.to_datetime(["2024-05-01", None, "2024-05-03"])).astype("timestamp[ns][pyarrow]"),
        pd.Series(pd.to_datetime(["2024-05-01", None, "2024-05-03"])).astype("datetime64[s]"),
        pd.Series(pd.to_datetime(["2024-05-01", None, "2024-05-03"]).tz_localize("Europe/Paris")),
    ],
    ids=["dates", "objects", "arrow", "seconds", "zone"],
)
def test_dates_of_every_make(column):
    assert is_date(column) and not is_text(column)
    X = pd.DataFrame({"when": column})
    assert DateParts().fit_transform(X)[[0, 2]].tolist() == [[19844, 5, 2, 0], [19846, 5, 4, 0]]
    assert np.isnan(DateParts().fit(X).transform(X.iloc[[1]])).all()
    assert np.isnan(DateParts().fit(X).transform(pd.DataFrame({"when": [None, None]}))).all()


def test_times_keep_their_index():
    assert clock_times(WHEN["when"].set_axis([7, 8, 9, 10])).index.tolist() == [7, 8, 9, 10]


def test_texts_are_directions():
    made = TextParts(n_components=5).fit(REMARKS)
    values = made.transform(REMARKS)
    assert values.shape == (60, 5) == (60, len(made.get_feature_names_out()))
    np.testing.assert_allclose(values, TextParts(n_components=5).fit_transform(REMARKS), atol=0)
    assert (clone(made).fit(REMARKS).transform(REMARKS) == values).all()
    assert (pickle.loads(pickle.dumps(made)).transform(REMARKS) == values).all()


def test_missing_and_unknown_texts_are_the_origin():
    made = TextParts().fit(REMARKS)
    new = pd.DataFrame({"text": [None, "", np.nan, "!!", "0123456789"]}, dtype=object)
    assert (made.transform(new) == 0).all()


def test_texts_learn_from_the_training_rows_only():
    made = TextParts(n_components=3).fit(REMARKS.iloc[:30])
    alone = TextParts(n_components=3).fit(REMARKS.iloc[:30].reset_index(drop=True))
    made.transform(REMARKS.assign(text="a word never seen"))
    assert (made.transform(REMARKS) == alone.transform(REMARKS)).all()


@pytest.mark.parametrize("texts", [[None] * 5, ["", " ", ".", "?", "!"], ["one", "two", "six", "ten", "odd"]])
def test_texts_without_anything_in_common(texts):
    X = pd.DataFrame({"a": pd.Series(texts, dtype="str"), "b": REMARKS["text"].head(5)})
    values = TextParts().fit_transform(X)
    assert np.isfinite(values).all() and (values[:, 0] == 0).all() and values.shape[1] > 1


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([f"this is remark number {i}" for i in range(50)], True),
        ([f"remark {i}" for i in range(50)], False),  # two words
        (["the same remark again"] * 50, False),
        ([f"this is remark number {i % 25}" for i in range(100)], False),  # each one four times
        ([f"this is remark number {i}" for i in range(10)], False),  # fewer than 20
        ([None] * 50, False),
        (list(range(50)), False),
        ([("a", "b", "c")] * 50, False),
        ([], False),
    ],
)
def test_what_a_text_is(column, expected):
    column = pd.Series(column, dtype=object)
    assert is_text(column) is expected
    assert not is_text(pd.Series([f"this is remark number {i}" for i in range(50)], dtype="category"))


def test_the_text_of_the_transformers_is_what_runs():
    lines, code = own_source(["is_date", "is_text", "DateParts", "TextParts"])
    names = {}
    exec("\n".join(["import numpy as np", "import pandas as pd", *lines, code]), names)
    assert (names["TextParts"]().fit_transform(REMARKS) == TextParts().fit_transform(REMARKS)).all()
    known = WHEN.dropna()
    assert (names["DateParts"](cyclic=True).fit_transform(known) == DateParts(cyclic=True).fit_transform(known)).all()
    assert names["is_date"](WHEN["when"]) and "mltoolkit" not in code
    with pytest.raises(KeyError, match="Did you mean 'DateParts'"):
        own_source(["DatePart"])
