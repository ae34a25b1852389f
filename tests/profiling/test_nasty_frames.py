"No frame makes the figures fail, and what they say can be saved and read again."

import json
import math

import nasty
import numpy as np
import pytest

from mltoolkit.core import Result
from mltoolkit.data.scan import open_scan
from mltoolkit.profiling.columns import KINDS
from mltoolkit.profiling.figures import profile_column, table_figures


@pytest.fixture(params=nasty.FRAMES, ids=[name for name, _ in nasty.FRAMES])
def frame(request):
    return request.param[1]()


def test_figures_never_fail(frame):
    with open_scan(frame) as scan:
        found = table_figures(scan, np.arange(len(frame)), workers=1)
        assert len(found) == frame.shape[1] == len(set(scan.names))
    for i, (p, sampled) in enumerate(found):
        assert p.kind in KINDS and p.n == len(frame) and 0 <= p.missing <= p.n and 0 <= p.distinct <= p.n - p.missing
        assert p.missing >= int(frame.iloc[:, i].isna().sum()), p.name  # a missing code of another kind may be found as well
        assert p.most_frequent_count <= p.n - p.missing and all(1 <= count <= p.most_frequent_count for _, count in p.top)
        assert (
            sampled.codes.dtype == np.uint8
            and len(sampled.codes) == p.n
            and (not p.n or sampled.codes.max() < max(1, sampled.n_codes) <= 16)
        )
        assert int((sampled.codes == 0).sum()) == p.missing, p.name
        again = Result.from_dict(json.loads(json.dumps(p.to_dict(), allow_nan=False)))
        assert again.to_dict() == p.to_dict()
        for value in [*p.quantiles.values(), *p.grid, p.mean, p.std, p.skew, p.kurtosis]:
            assert not isinstance(value, float) or math.isfinite(value), (p.name, value)


def test_sensitive_figures_never_fail(frame):
    with open_scan(frame) as scan:
        for p, _ in table_figures(scan, np.arange(len(frame)), sensitive=scan.names, workers=1):
            assert p.sensitive
            hidden = (
                p.min,
                p.max,
                p.mean,
                p.std,
                p.quantiles,
                p.grid,
                p.histogram,
                p.top,
                p.words,
                p.patterns,
                p.sentinels,
                p.outliers,
                p.time,
            )
            assert not any(value not in (None, (), {}) for value in hidden)


def test_one_column_never_fails(frame):
    for i in range(frame.shape[1]):
        assert profile_column(frame.iloc[:, i]).n == len(frame)


def figures_of(name):
    made = dict(nasty.FRAMES)[name]()
    with open_scan(made) as scan:
        return {p.name: p for p, _ in table_figures(scan)}


def test_huge_numbers_are_right():
    found = figures_of("huge")
    assert (found["beyond 53 bits"].min, found["beyond 53 bits"].max, found["beyond 53 bits"].distinct) == (2**53 + 1, 2**53 + 3, 3)
    assert (found["uint64"].min, found["uint64"].max, found["uint64"].distinct) == (0, 2**64 - 1, 3)
    assert (found["int128"].min, found["int128"].max, found["int128"].distinct) == (-(2**100), 2**100, 3)
    assert (found["hundred digits"].min, found["hundred digits"].max, found["hundred digits"].distinct) == ("-1.00000E+400", 10**100, 2)
    assert (found["decimal"].min, found["decimal"].distinct, found["decimal"].missing) == (0.1, 2, 20)
    assert found["decimal"].max == 12345678901234567890.123456789
    assert (found["huge decimal"].missing, found["huge decimal"].infinite) == (20, 20)
    assert found["largest"].max == 1.7976931348623157e308


def test_nested_values_are_counted():
    found = figures_of("nested")
    assert {p.kind for p in found.values()} == {"nested"}
    assert {name: (p.missing, p.distinct, p.most_frequent_count) for name, p in found.items()} == {
        name: (15, 2, 30) for name in ("lists", "dicts", "sets", "tuples", "arrays", "deep")
    }
    assert "nested" in found["sets"].dtype


def test_times_of_every_kind():
    found = figures_of("times")
    assert (found["zone"].min, found["zone"].max) == ("2013-03-10T01:30:00-05:00", "2013-11-03T01:30:00-05:00")
    assert (
        found["zone"].time["hour"][1] == 3 and found["zone"].time["hour"][3] == 1
    )  # the hour that is skipped, and the one that comes twice
    assert (found["old"].min, found["old"].max, found["old"].missing) == ("0001-01-01T00:00:00", "9999-12-31T00:00:00", 1)
    assert found["beyond"].min.startswith("-5000") and found["beyond"].max.startswith("20000")
    assert (found["delta"].kind, found["delta"].min, found["delta"].max) == ("duration", -10_800, 18_000)
    assert found["period"].time["granularity"] == "month" and found["period"].kind == "datetime"
    python = figures_of("python times")
    assert python["mixed zones"].max == "2013-01-01T08:00:00+00:00" and "mixed zones" in python["mixed zones"].dtype
    assert python["date"].min == "0001-01-01" and python["some zone"].kind in ("text", "category")


def test_mixed_values_say_so():
    found = figures_of("mixed")
    assert "mixed: float, int, str" in found["int and text"].dtype and found["numbers and nan"].kind == "number"
    assert found["numbers and nan"].missing == 40 and found["uuid"].distinct == 60


def test_categories_and_blanks():
    assert (figures_of("categories")["x"].kind, figures_of("categories")["x"].distinct) == ("category", 2)
    assert figures_of("white space")["x"].blank == 40 and figures_of("white space")["x"].missing == 10
    assert figures_of("one infinite value")["x"].top == (["inf", 60],) and figures_of("infinite only")["x"].min is None
