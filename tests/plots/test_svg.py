"SVG strings: well-formed whatever goes in, escaped, honest at the edges."

import math
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltoolkit.core import InputError
from mltoolkit.plots import svg

HOSTILE = '<script>alert("x")</script>&\'"'
anything = st.one_of(st.none(), st.floats(), st.integers(-(10**9), 10**9))


def parsed(text):
    return ET.fromstring(text)


def shapes(text, kind):
    return parsed(text).findall(f".//{kind}")


def pictures():
    line = {"x": [0, 1, 2], "y": [1.0, 3.0, 2.0], "name": HOSTILE, "lower": [0.5, 2, 1], "upper": [2, 4, 3]}
    yield svg.histogram([1, 2, 3], title=HOSTILE)
    yield svg.meter(0.4, title=HOSTILE)
    yield svg.interval(0.4, 0.3, 0.5, lo=0, hi=1, title=HOSTILE)
    yield svg.bars([HOSTILE], [1.0], texts=[HOSTILE], title=HOSTILE)
    yield svg.line_chart([line, {**line, "dash": "2 2"}], title=HOSTILE, x_label=HOSTILE, y_label=HOSTILE, mark={"x": 1, "y": 2, "text": HOSTILE})
    yield svg.calibration([0.1, 0.2], [0.1, 0.3], lower=[0.05, 0.2], upper=[0.2, 0.4], counts=[10, 20], title=HOSTILE)
    yield svg.precision_recall([0.5, 0.4], [0.1, 0.9], at=(0.5, 0.45, HOSTILE), base=0.1, title=HOSTILE)


def test_every_picture_is_well_formed_escaped_and_named():
    for text in pictures():
        root = parsed(text)
        assert root.tag == "svg" and root.attrib["role"] == "img"
        assert root.find("title").text == HOSTILE == root.attrib["aria-label"]
        assert "<script" not in text and "http" not in text


@given(st.lists(anything, max_size=40))
def test_a_histogram_of_anything_is_well_formed(counts):
    bars = shapes(svg.histogram(counts), "rect")
    assert len(bars) == sum(c is not None and math.isfinite(c) and c > 0 for c in counts)
    for bar in bars:
        assert 1 <= float(bar.attrib["height"]) <= 22


@given(anything, anything, anything)
def test_an_interval_of_anything_stays_inside(value, lower, upper):
    for dot in shapes(svg.interval(value, lower, upper, lo=0, hi=1), "circle"):
        assert 6 <= float(dot.attrib["cx"]) <= 154


def test_an_interval_beyond_the_scale_ends_in_an_arrow():
    assert len(shapes(svg.interval(0.5, 0.4, 0.6, lo=0, hi=1), "path")) == 0
    assert len(shapes(svg.interval(0.5, -0.4, 1.6, lo=0, hi=1), "path")) == 2


@given(anything)
def test_a_meter_is_never_overfull(share):
    filled = shapes(svg.meter(share, width=50), "rect")[1:]
    assert all(float(r.attrib["width"]) <= 50 for r in filled)


def test_a_count_that_is_small_is_still_seen():
    bars = shapes(svg.histogram([1_000_000, 1]), "rect")
    assert [float(b.attrib["height"]) for b in bars] == [22, 1]


@given(st.lists(st.tuples(anything, anything), max_size=20))
def test_a_line_chart_of_anything_is_well_formed(points):
    usable = [abs(v) for pair in points for v in pair if v is not None and math.isfinite(v)]
    if usable and max(usable) > 1e300:
        return  # a difference of two such numbers is infinite
    parsed(svg.line_chart([{"x": [x for x, _ in points], "y": [y for _, y in points]}]))


def test_ticks_are_round_and_inside():
    assert svg.ticks(0, 1) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert svg.ticks(0, 336_776, 4) == [0, 100_000, 200_000, 300_000]
    assert svg.ticks(2, 2) == [2]
    for lo, hi in ((-3.3, 7.9), (1e-6, 5e-6), (-1e9, 1e9)):
        found = svg.ticks(lo, hi)
        assert 2 <= len(found) <= 12 and lo <= found[0] and found[-1] <= hi


def test_tick_labels():
    assert [svg.short(v) for v in (0, 0.25, 1500, 20_000, 3_000_000)] == ["0", "0.25", "1,500", "20k", "3M"]
    assert svg.percent(0.05) == "5 %"


def test_negative_bars_go_left_of_zero():
    text = svg.bars(["up", "down"], [2.0, -1.0])
    zero = float(parsed(text).findall("line")[-1].attrib["x1"])
    up, down = shapes(text, "rect")
    assert float(up.attrib["x"]) == pytest.approx(zero, abs=0.02)
    assert float(down.attrib["x"]) + float(down.attrib["width"]) == pytest.approx(zero, abs=0.02)


def test_a_long_name_is_cut_in_the_picture_and_whole_in_its_tip():
    name = "a_column_name_that_no_picture_can_hold" * 3
    group = parsed(svg.bars([name], [1.0])).find("g")
    assert name in group.find("title").text and len(group.find("text").text) < 30


def test_limits_that_are_not_numbers_are_refused():
    with pytest.raises(InputError, match="finite"):
        svg.line_chart([{"x": [0, 1], "y": [0, 1]}], xlim=(0, float("nan")))


def test_calibration_points_lie_inside_their_axes():
    for top in (0.031, 0.31, 0.77, 1.0):
        dots = shapes(svg.calibration([0.01, top], [0.01, top], counts=[90, 10]), "circle")
        heights = [float(d.attrib["cy"]) for d in dots]
        assert heights[0] > heights[1] >= 24 and float(dots[1].attrib["cx"]) <= 400


def test_no_heavy_library_is_loaded():
    code = "import sys, mltoolkit.plots.svg; print([m for m in ('pandas','numpy','matplotlib','sklearn','IPython') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
