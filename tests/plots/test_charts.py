"matplotlib charts: drawn where asked, from any result with the tables, hostile names included."

from types import SimpleNamespace

import matplotlib
import pandas as pd
import pytest

from mltoolkit.core import InputError
from mltoolkit.plots import charts

matplotlib.use("agg")
HOSTILE = "$\\frac{<b>x</b>} _ a name without an end" * 3


@pytest.fixture(autouse=True)
def _close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture
def results():
    models = pd.DataFrame({"model": ["a", "b"], "label": ["A", HOSTILE], "score": [0.2, 0.3], "lower": [0.1, 0.2], "upper": [0.3, 0.4], "tied": [True, False]})
    table = pd.DataFrame({"threshold": [1.0, 0.5, 0.1], "tp": [0, 5, 9], "fp": [0, 5, 40], "fn": [10, 5, 1], "tn": [90, 85, 50], "cost": [80.0, 45.0, 48.0]})
    bins = pd.DataFrame({"mean_predicted": [0.1, 0.5], "observed": [0.12, 0.4], "lower": [0.1, 0.3], "upper": [0.2, 0.5], "count": [90, 10]})
    curve = pd.DataFrame({"threshold": [0.5, 0.1], "precision": [0.5, 0.2], "recall": [0.5, 0.9]})
    importance = pd.DataFrame({"column": [HOSTILE, "b"], "importance": [0.2, -0.1], "lower": [0.1, -0.2], "upper": [0.3, 0.0]})
    local = pd.DataFrame({"row": [3, 3, 7], "column": ["a", HOSTILE, "a"], "value": [1, HOSTILE, None], "contribution": [0.1, -0.2, 0.3]})
    slices = pd.DataFrame({"column": ["c", "c"], "level": [HOSTILE, "y"], "n": [10, 20], "recall": [0.3, None], "lower": [0.2, None], "upper": [0.4, None]})
    return {
        charts.plot_comparison: SimpleNamespace(table=models, best="a", metric="log_loss"),
        charts.plot_decision: SimpleNamespace(table=table, cost_fn=8.0),
        charts.plot_precision_recall: SimpleNamespace(table=table, curve=curve),
        charts.plot_calibration: SimpleNamespace(calibration=bins),
        charts.plot_importance: SimpleNamespace(importance=importance),
        charts.plot_local: SimpleNamespace(local=local),
        charts.plot_slices: SimpleNamespace(table=slices),
    }


@pytest.mark.parametrize("dark", [False, True])
def test_every_chart_draws_and_can_be_written(results, dark, tmp_path):
    for draw, result in results.items():
        ax = draw(result, dark=dark)
        ax.figure.savefig(tmp_path / "chart.png")
        assert ax.get_title(loc="left"), draw.__name__


def test_a_chart_goes_where_it_is_put(results):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    for draw, result in results.items():
        assert draw(result, ax=ax) is ax
    assert len(plt.get_fignums()) == 1


def test_a_wrong_result_is_refused():
    for draw in (charts.plot_comparison, charts.plot_decision, charts.plot_importance, charts.plot_slices):
        with pytest.raises(InputError, match="this chart needs"):
            draw(SimpleNamespace(table=pd.DataFrame({"x": [1]})))


def test_an_unknown_row_or_column_is_refused(results):
    with pytest.raises(InputError, match="explained rows"):
        charts.plot_local(results[charts.plot_local], row=99)
    with pytest.raises(InputError, match="looked at"):
        charts.plot_slices(results[charts.plot_slices], column="d")
