"Importance by two measures, waterfalls, strips, effects and differences: the numbers behind them, and hostile names."

import dataclasses
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.modeling.candidates import make_pipeline_for
from mltoolkit.plots import explanation_charts as charts
from mltoolkit.plots import explanation_curves as curves
from mltoolkit.plots import explanation_pictures as pictures

NASTY = '<img src=x onerror=alert(1)>"&' * 3


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(0)
    n = 400
    frame = pd.DataFrame(
        {"a": rng.normal(size=n), "b": rng.choice(["x", "y", NASTY], n), "c": rng.normal(size=n), NASTY: rng.normal(size=n)}
    )
    frame.loc[::9, "c"] = np.nan
    frame["y"] = (frame["a"] + (frame["b"] == "x") + 0.4 * frame[NASTY] + rng.normal(size=n) * 0.7 > 0.4).astype(int)
    data = mlt.load(frame, target="y", positive=1)
    model = make_pipeline_for("logistic", data.X).fit(data.X, data.y.to_numpy())
    return data, model, mlt.explain(model, data, rows=60, n_repeats=2, max_rows=200), mlt.Explainer(model, data)


def parsed(picture):
    "The elements of a picture, which must be well-formed and free of anything that could run."
    root = ET.fromstring(picture)
    assert all(element.tag in {"svg", "g", "title", "text", "rect", "line", "path", "circle", "polygon"} for element in root.iter())
    return root


def test_importance_rows_are_shares_of_the_largest(made):
    rows = curves.importance_rows(made[2])
    assert {r["column"] for r in rows} == {"a", "b", "c", NASTY}
    for name in ("attribution", "importance"):
        assert max(r[name]["value_share"] for r in rows) == pytest.approx(1.0)
    bare = dataclasses.replace(made[2], importance=made[2].importance.assign(importance=np.nan, lower=np.nan, upper=np.nan))
    assert curves.measured(bare) == ("attribution",) and curves.disagreements(bare) == {}


@pytest.mark.parametrize("most", [1, 2, 9])
def test_a_waterfall_ends_at_the_prediction(made, most):
    data, model, _, explainer = made
    codes = mlt.reason_codes(explainer, data.X.iloc[:5], n=99, direction="both", min_points=0)
    for row in range(5):
        steps, start, end = curves.waterfall_steps(codes, row, most=most)
        assert steps[0]["start"] == start and steps[-1]["end"] == pytest.approx(end)
        assert end == pytest.approx(100 * model.predict_proba(data.X.iloc[[row]])[0, 1])
        assert all(one["end"] == pytest.approx(two["start"]) for one, two in zip(steps, steps[1:]))
    with pytest.raises(InputError, match="explained"):
        curves.waterfall_steps(codes, 99)


def test_a_waterfall_of_a_few_reasons_says_what_it_leaves_open(made):
    data, _, _, explainer = made
    codes = mlt.reason_codes(explainer, data.X.iloc[:5], n=1, direction="both", min_points=0)
    steps, start, end = curves.waterfall_steps(codes, 0)
    assert [s["label"] for s in steps[1:]] == ["other columns"] and steps[-1]["end"] == end
    assert sum(s["points"] for s in steps) == pytest.approx(end - start)
    narrow = parsed(pictures.waterfall_picture(codes, width=340))
    assert max(len(t.text or "") for t in narrow.iter("text")) <= 24


def test_a_waterfall_of_an_explanation(made):
    explanation = made[2]
    row = int(explanation.predictions["row"].iloc[0])
    steps, start, end = curves.waterfall_steps(explanation, row)
    assert steps[-1]["end"] == pytest.approx(end) == pytest.approx(float(explanation.predictions["prediction"].iloc[0]))
    assert start == pytest.approx(explanation.base)


def test_strips_rank_numbers_and_leave_words_alone(made):
    strips = {s["column"]: s for s in curves.strip_rows(made[2])}
    assert np.isnan(strips["b"]["rank"]).all() and np.nanmax(strips["a"]["rank"]) == 1.0
    assert np.isnan(strips["c"]["rank"]).any() and not np.isnan(strips["c"]["rank"]).all()  # missing ones are neither low nor high
    assert all(np.abs(s["lift"]).max() <= 1 for s in strips.values())
    assert len(curves.strip_rows(made[2], most_points=10)[0]["x"]) == 10
    with pytest.raises(InputError, match="single contributions"):
        curves.strip_rows(dataclasses.replace(made[2], values=None))


@pytest.fixture(scope="module")
def results(made):
    data, model, _, explainer = made
    return {
        "effects": mlt.effects(model, data, n_resamples=60, max_rows=60),
        "cohorts": mlt.compare_cohorts(explainer, data, by="b", n_resamples=60),
        "slices": mlt.find_slices(data, data.y, model.predict_proba(data.X)[:, 1], n_resamples=60),
    }


@pytest.mark.parametrize("column", ["a", "b", "c", NASTY])
def test_effects_are_drawn_for_every_kind_of_column(results, column):
    line = curves.effect_line(results["effects"], column)
    assert len(line["points"]) and line["categorical"] == (column == "b") and line["points"]["value"].between(0, 100).all()
    parsed(pictures.effect_picture(results["effects"], column))
    assert charts.plot_effect(results["effects"], column).get_title(loc="left").startswith("Effect of")
    with pytest.raises(InputError, match="looked at"):
        curves.effect_line(results["effects"], "nothing")


def test_every_picture_escapes_names_and_values(made, results):
    data, _, explanation, explainer = made
    row = int(np.flatnonzero(data.frame["b"] == NASTY)[0])
    codes = mlt.reason_codes(explainer, data.X.iloc[[row]], n=99, direction="both", min_points=0)
    drawn = [pictures.importance_picture(explanation), pictures.summary_picture(explanation), pictures.waterfall_picture(codes),
             pictures.intervals_picture(results["cohorts"]), pictures.intervals_picture(results["slices"])]  # fmt: skip
    for picture in drawn:
        parsed(picture)
    assert sum("onerror" in picture for picture in drawn) >= 4


def test_charts_take_and_return_axes(made, results):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    data, _, explanation, explainer = made
    codes = mlt.reason_codes(explainer, data.X.iloc[[0]], n=99, direction="both", min_points=0)
    _, ax = plt.subplots()
    assert charts.plot_measures(explanation, ax=ax) is ax
    for drawn in (charts.plot_waterfall(codes), charts.plot_summary(explanation, dark=True), charts.plot_differences(results["cohorts"])):
        drawn.figure.canvas.draw()
    with pytest.raises(InputError, match="kind of result"):
        curves.interval_rows(explanation)
    plt.close("all")
