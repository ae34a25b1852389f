"matplotlib charts of a search: light and dark, none, one and few trials, options, hostile names, live views."

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError
from mltoolkit.plots import tuning_charts as charts

matplotlib.use("agg")
HOSTILE = "$\\frac{<b>x</b>} _ \n a name without an end" * 3


@pytest.fixture(autouse=True)
def _close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def search(n=18, seed=0):
    rng, configurations, rows, races = np.random.default_rng(seed), {}, [], []
    for t in range(n):
        configurations[t] = {"family": "hgb" if t % 3 else "logistic", "strategy": ["none", HOSTILE][t % 2]}
        configurations[t] |= {"hgb.rate": 10 ** rng.uniform(-3, 0), "hgb.leaves": int(rng.integers(2, 64))} if t % 3 else {"logistic.C": rng.random()}
        state = "failed" if t == 5 else "dropped" if t % 4 == 1 else "done"
        folds, score = {"failed": 0, "dropped": 2}.get(state, 3), 0.2 + 0.1 * rng.random()
        score = np.nan if state == "failed" else score
        rows.append((t, HOSTILE if t == 2 else f"Model {t}", configurations[t]["family"], state, folds, score, score - 0.02, score + 0.02, 0.03, 3.5, 0,
                     float(t), t + 1.0, 1.0, 0.01 + rng.random() / 50, f"w{t % 2}", HOSTILE if state == "failed" else ""))  # fmt: skip
        races += [(t, k, k, 0.01, 1.2 * k, state == "dropped" and k == folds) for k in range(1, folds + 1) if t]
    names = ["trial", "label", "family", "state", "folds", "score", "lower", "upper", "gap", "z", "leader", "started", "ended", "cpu_seconds", "predict_seconds",
             "worker", "reason"]  # fmt: skip
    return SimpleNamespace(table=pd.DataFrame(rows, columns=names), configurations=configurations, metric="log_loss", objectives=(), space={},
                           races=pd.DataFrame(races, columns=["trial", "fold", "rung", "gap", "z", "dropped"]), spent={"wall_s": float(n)}, budget={"wall_s": 40.0})  # fmt: skip


def live(n=18):
    one = search(n)
    return SimpleNamespace(**{**vars(one), "table": lambda: one.table, "races": lambda: one.races, "configurations": lambda: one.configurations,
                              "metric": SimpleNamespace(name="log_loss", lower_is_better=True)})  # fmt: skip


QUICK = {"method": "ped_anova", "n_resamples": 2}
DRAWN = [
    ("plot_history", {}), ("plot_history", {"by": "seconds"}), ("plot_parallel", {}), ("plot_importance", QUICK), ("plot_slice", {}),
    ("plot_slice", {"parameter": "strategy"}), ("plot_contour", {"family": "hgb"}), ("plot_contour", {"x": "strategy", "y": "rate", "family": "hgb"}),
    ("plot_races", {}), ("plot_races", {"order": "latest"}), ("plot_pareto_front", {}), ("plot_budget", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), DRAWN)
@pytest.mark.parametrize("dark", [False, True])
def test_every_chart_draws_in_light_and_dark(name, options, dark, tmp_path):
    ax = getattr(charts, name)((live if dark else search)(), dark=dark, **options)
    ax.figure.savefig(tmp_path / "chart.png", dpi=40)
    assert ax.get_title(loc="left")
    written = [t for t in ax.figure.findobj(matplotlib.text.Text) if t.get_text() and t.get_visible()]
    assert ("#000000" if dark else "#ffffff") not in {matplotlib.colors.to_hex(t.get_color()) for t in written}


@pytest.mark.parametrize(("name", "options"), [(n, o) for n, o in DRAWN if not {"by", "x", "parameter", "order", "family"} & set(o)])
def test_few_trials_and_a_given_axes(name, options):
    import matplotlib.pyplot as plt

    for n in (0, 1, 2):
        _, ax = plt.subplots()
        assert getattr(charts, name)(search(n), ax=ax, **options) is ax and ax.get_title(loc="left")
    assert len(plt.get_fignums()) == 3


def text_of(ax):
    return " ".join(t.get_text() for t in ax.figure.findobj(matplotlib.text.Text))


def test_a_search_without_trials_says_so():
    for name in ("plot_history", "plot_parallel", "plot_importance"):
        assert "No trial has finished yet" in text_of(getattr(charts, name)(search(0)))
    assert "No fold has been judged" in text_of(charts.plot_races(search(0)))
    assert "No trial has started" in text_of(charts.plot_budget(search(0)))
    assert "at least 10 trials" in text_of(charts.plot_importance(search(4)))


def test_what_the_charts_say():
    said = text_of(charts.plot_races(search()))
    assert "3.5 standard errors behind trial 0" in said and "× +2.4" in said and "best" in said and "failed" in said
    assert "18 of 40 seconds" in text_of(charts.plot_budget(search()))
    assert "log-loss (lower is better)" in text_of(charts.plot_history(search()))
    assert "share of the importance" in text_of(charts.plot_importance(search(), **QUICK))


def test_the_best_line_is_in_the_picture():
    ax = charts.plot_history(search())
    done = search().table.query("state == 'done'")
    assert ax.lines[0].get_ydata()[-1] == pytest.approx(done["score"].min())


def test_a_wrong_thing_is_refused_with_the_fix():
    with pytest.raises(InputError, match="trials of a tuning"):
        charts.plot_history(SimpleNamespace(table=pd.DataFrame({"x": [1]})))
    with pytest.raises(InputError, match="one that was tried"):
        charts.plot_parallel(search(), family="hgbb")
