"Charts of a profile: drawn where asked, sensitive values never in them, empty ones designed, hostile names harmless."

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError
from mltoolkit.plots import profile_charts as charts
from mltoolkit.profiling.columns import ColumnProfile
from mltoolkit.profiling.table import TableProfile

matplotlib.use("agg")
HOSTILE = "$\\frac{<b>x</b>} _ \u202e a name without an end " * 3


@pytest.fixture(autouse=True)
def _close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def column(name, kind="number", **more):
    return ColumnProfile(**{"name": name, "kind": kind, "dtype": "x", "n": 1_000, "missing": 0, "distinct": 500} | more)


def histogram(low, high, seed=0):
    counts = np.random.default_rng(seed).poisson(np.hanning(26)[1:-1] * 90)
    return {"edges": np.linspace(low, high, 25).tolist(), "counts": counts.tolist()}


def columns():
    top = [[f"level {i}", 150 - 10 * i] for i in range(8)]
    return {
        "number": column("temp", histogram=histogram(-10, 35), quantiles={"0.5": 13.1}, missing=25),
        "datetime": column("time_hour", "datetime", histogram=histogram(1.357e9, 1.388e9), quantiles={"0.5": "2013-07-03T10:00:00"}),
        "zoned": column("time_hour", "datetime", histogram=histogram(1.357e9, 1.388e9), quantiles={"0.5": "2013-07-03T10:00:00-04:00"}),
        "old": column("born", "datetime", histogram=histogram(-2.2e9, 1e9), quantiles={"0.5": "1950-07-03T00:00:00"}),
        "clock": column("dep_time", "clock", histogram=histogram(500, 2359), quantiles={"0.5": 1401.0}),
        "category": column("carrier", "category", top=top, distinct=16),
        "blank": column(HOSTILE, "category", top=[["", 900], [HOSTILE, 50], ["\n", 50]], distinct=3),
        "boolean": column("late", "boolean", top=[[False, 916], [True, 84]], distinct=2),
        "text": column("tailnum", "text", patterns=[["A999AA", 0.66], ["A99999", 0.22]], top=[["N1", 1]], distinct=990),
        "unique": column("note", "text", distinct=1_000),
        "constant": column("year", "constant", top=[[2013, 1_000]], distinct=1),
        "constant number": column("year", "constant", distinct=1, min=2013.0, max=2013.0),
        "empty": column("gone", "constant", missing=1_000, distinct=0),
        "no rows": column("none", "constant", n=0, distinct=0),
        "sensitive": column("email", "text", sensitive=True, semantic="email", missing=12, distinct=987),
        "leaky": column("email", "text", sensitive=True, top=[["ada@example.org", 900]], histogram=histogram(0, 1), distinct=3),
    }


def relation():
    names = ["dep_delay", HOSTILE, "sched_dep_time", "origin"]
    auc = [0.973, 0.71, 0.66, 0.53]
    table = pd.DataFrame({"column": names, "auc": auc, "score": "auc", "value": auc, "lower": [a - 0.02 for a in auc], "upper": [a + 0.02 for a in auc]})
    return table.assign(how="auc", rows=1_000)


def table(**more):
    gaps = [column("wind_gust", missing=760), column("temp", missing=25), column("dewp", missing=25), column("dep_time", missing=9), column("carrier")]
    patterns = [
        {"columns": ["wind_gust"], "rows": 720, "share": 0.72},
        {"columns": ["temp", "dewp", "wind_gust"], "rows": 24, "share": 0.024},
        {"columns": ["dep_time"], "rows": 9, "share": 0.009},
        {"columns": [], "rows": 10, "share": 0.01},
    ]
    months = [{"start": f"2013-{m:02d}-01T00:00:00", "n": 80, "prevalence": 0.08 + 0.004 * m, "lower": 0.06, "upper": 0.15} for m in range(1, 13)]
    alerts = [{"code": "MLT301", "severity": "error", "column": "dep_delay", "message": "", "evidence": ""}]
    target = {"name": "late", "kind": "binary", "prevalence": 0.09}
    columns = [*gaps, column("dep_delay"), *(column(f"c{i}") for i in range(12))]
    given = {"name": "t", "n_rows": 1_000, "columns": columns, "alerts": alerts, "target": target, "relation": relation()}
    related = {"associations": associations(12), "missing_patterns": patterns, "over_time": months}
    return TableProfile(**given | related | more)


def associations(n):
    rng = np.random.default_rng(0)
    strength = rng.uniform(0, 0.4, (n, n))
    strength[:4, :4] = 0.9
    strength[6:9, 6:9] = 0.75
    strength = np.round((strength + strength.T) / 2, 3)
    np.fill_diagonal(strength, 1)
    names = tuple([HOSTILE, *(f"column {i}" for i in range(1, n))])
    return SimpleNamespace(names=names, matrix=strength.tolist(), clusters=(names[:4], names[6:9], (names[0], names[-1])))


def drift(wide=False):
    def row(name, psi, level="", status=None):
        status = status or ("drifted" if level else "same")
        ends = {"psi_lower": None if psi is None else 0.7 * psi, "psi_upper": None if psi is None else 1.3 * psi}
        return {"column": name, "status": status, "level": level, "psi": psi} | ends

    rows = [row("age", 0.31, "alert"), row(HOSTILE, 0.14, "warning"), row("income", 0.004), row("zone", None)]
    rows += [row("gone", None, status="removed"), row("new", None, status="added"), row("code", None, status="type changed")]
    rows += [row("month", 9.5, "alert")] if wide else []
    thresholds = {"psi_warning": 0.1, "psi_alert": 0.25}
    return SimpleNamespace(columns=tuple(rows), thresholds=thresholds, before={"name": "a"}, after={"name": "b"})


def everything():
    bare = TableProfile(name="t", n_rows=1_000, columns=[column("a")], alerts=[])
    out = {f"column {kind}": (charts.plot_column, value) for kind, value in columns().items()}
    out |= {"missing": (charts.plot_missing, table()), "nothing missing": (charts.plot_missing, bare)}
    out |= {"missing alone": (charts.plot_missing, table(missing_patterns=()))}
    out |= {"associations": (charts.plot_associations, table()), "no associations": (charts.plot_associations, bare)}
    out |= {"many associations": (charts.plot_associations, associations(60)), "one": (charts.plot_associations, associations(1))}
    out |= {"drift": (charts.plot_drift, drift()), "wide drift": (charts.plot_drift, drift(wide=True)), "no drift": (charts.plot_drift, bare)}
    out |= {"relation": (charts.plot_relation, table()), "no relation": (charts.plot_relation, bare)}
    numbers = [{"start": f"20{y}-01-01", "n": 50, "mean": y + 0.5, "lower": y - 1.0, "upper": y + 2.0} for y in range(10, 20)]
    target = {"name": "price", "kind": "number", "mean": 14.0, "std": 3.0}
    r2 = relation().assign(score="r2", value=[0.5, 0.2, 0.1, -0.01], lower=0.0, upper=0.6)
    out |= {"over time": (charts.plot_over_time, table()), "no time": (charts.plot_over_time, bare)}
    out |= {"mean over time": (charts.plot_over_time, table(over_time=numbers, target=target))}
    return out | {"relation of a number": (charts.plot_relation, table(relation=r2, target=target, alerts=[]))}


EVERYTHING = everything()


def texts(ax):
    inside = [ax, *ax.child_axes]
    found = [t.get_text() for a in inside for t in a.texts] + [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
    return found + [t.get_text() for t in [*ax.get_xticklabels(), *ax.get_yticklabels()]]


@pytest.mark.parametrize("name", EVERYTHING)
def test_draws_light_and_dark(name, tmp_path):
    draw, result = EVERYTHING[name]
    for dark in (False, True):
        ax = draw(result, dark=dark)
        ax.figure.savefig(tmp_path / "chart.png")
        assert ax.get_title(loc="left")


def test_a_chart_goes_where_it_is_put():
    import matplotlib.pyplot as plt

    for draw, result in EVERYTHING.values():
        fig, ax = plt.subplots()
        assert draw(result, ax=ax) is ax
        assert plt.get_fignums() == [fig.number]
        plt.close(fig)


def test_sensitive_values_are_nowhere():
    ax = charts.plot_column(columns()["leaky"])
    ax.figure.canvas.draw()
    said = " ".join(texts(ax))
    assert "ada@" not in said and "not shown" in said
    assert not ax.patches[1:], "a panel and nothing else"


def test_counts_are_said():
    said = " ".join(texts(charts.plot_column(columns()["number"])))
    assert "1,000 rows, 2.5 % missing, 500 distinct" in said and "median 13.1" in said
    said = " ".join(texts(charts.plot_column(columns()["category"])))
    assert "8 other values" in said


def test_patterns_of_a_text():
    assert "like A999AA" in texts(charts.plot_column(columns()["text"]))


def test_bars_are_the_figures_of_the_profile():
    found = columns()["number"]
    ax = charts.plot_column(found)
    assert [p.get_height() for p in ax.patches] == found.histogram["counts"]
    ax = charts.plot_missing(table())
    assert [p.get_width() for p in ax.patches] == [0.76, 0.025, 0.025, 0.009]


def test_the_schema_stands_in_words():
    said = texts(charts.plot_drift(drift()))
    assert {"removed", "added", "type changed"} <= set(said)
    assert "zone" not in said, "a column without a figure is not drawn"


def test_hostile_names_are_escaped_once_and_turn_nothing():
    for name in ("column blank", "drift", "relation", "associations", "missing"):
        said = "".join(texts(EVERYTHING[name][0](EVERYTHING[name][1])))
        assert "\u202e" not in said and r"\\$" not in said


def test_leaks_are_marked_by_a_word_too():
    assert "leak?" in texts(charts.plot_relation(table()))
    assert "leak?" not in texts(charts.plot_relation(table(alerts=[])))


def test_most_limits_and_says_so():
    ax = charts.plot_missing(table(), most=2)
    assert len(ax.get_yticks()) == 2 and "2 more with gaps" in ax.get_xlabel()
    assert "+1" in texts(ax), "the pattern of three columns has one that is not drawn"
    ax = charts.plot_relation(table(), most=3)
    assert len(ax.get_yticks()) == 3 and "1 more columns" in ax.get_xlabel()


@pytest.mark.parametrize("draw", [charts.plot_column, charts.plot_missing, charts.plot_associations, charts.plot_drift, charts.plot_relation])
def test_a_wrong_result_is_refused(draw):
    with pytest.raises(InputError, match="this chart needs"):
        draw("a text")


def test_the_callers_style_is_left_alone():
    before = dict(matplotlib.rcParams)
    charts.plot_column(columns()["number"], dark=True)
    assert dict(matplotlib.rcParams) == before
