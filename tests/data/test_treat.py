"A column treated as another kind: what becomes of its values, and what is refused without showing one."

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.data.joins import assemble
from mltoolkit.data.treat import as_labels, as_numbers, treat

FRAME = pd.DataFrame({"code": [1.0, None, 3.0], "part": [1.5, 2.0, None], "text": ["1", " 2.5 ", ""], "when": ["2024-01-01", None, "2024-03-01"],
                      "flag": [True, False, True]})  # fmt: skip


def test_labels():
    assert as_labels(FRAME["code"]).tolist()[::2] == ["1", "3"] and as_labels(FRAME["code"]).isna().tolist() == [False, True, False]
    assert as_labels(FRAME["part"]).tolist()[:2] == ["1.5", "2.0"]
    assert as_labels(pd.Series([1, 2])).tolist() == ["1", "2"]
    assert as_labels(pd.Series([np.inf, 1.0])).tolist() == ["inf", "1.0"]
    assert as_labels(pd.Series([], dtype="float64")).tolist() == []


def test_numbers():
    assert as_numbers(FRAME["text"]).tolist()[:2] == [1.0, 2.5] and np.isnan(as_numbers(FRAME["text"])[2])
    assert as_numbers(FRAME["flag"]).tolist() == [1, 0, 1]
    assert as_numbers(pd.Series(["1", "2"], dtype="category")).tolist() == [1, 2]


def test_each_kind():
    done = treat(FRAME, {"code": "category", "text": "number", "when": "time"})
    assert isinstance(done["code"].dtype, pd.CategoricalDtype) and list(done["code"].cat.categories) == ["1", "3"]
    assert done["when"].dtype.kind == "M" and done["flag"].dtype == bool and FRAME["code"].dtype == float
    assert mlt.load(FRAME).treat_as({"code": "text"}).frame["code"].tolist()[0] == "1"


@pytest.mark.parametrize(
    "kinds, words",
    [
        ({"code": "wheel"}, "category"),
        ({"cod": "text"}, "code"),
        ({"when": "number"}, "2 values that are none in 'when', the first in row 0"),
        ({"code": "time"}, "something else in 'code'"),
    ],
)
def test_refused_without_a_value(kinds, words):
    with pytest.raises(InputError, match=words) as error:
        treat(FRAME, kinds)
    assert "2024-" not in str(error.value) or "18:05" in str(error.value)


def test_assemble_treats_tables_and_derived_columns(tmp_path):
    FRAME.assign(y=[1, 2, 3]).to_parquet(tmp_path / "t.parquet")
    spec = {"table": str(tmp_path / "t.parquet"), "treat_as": {"when": "time", "month": "category", "code": "text"},
            "derive": {"month": {"column": "when", "part": "month"}}}  # fmt: skip
    frame = assemble(spec).frame
    assert frame["month"].tolist()[::2] == ["1", "3"] and frame["when"].dtype.kind == "M"
