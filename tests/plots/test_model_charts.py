"matplotlib charts of models: drawn from handmade results, hostile names, nothing finished, one model, dark."

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError
from mltoolkit.plots import charts, model_charts, model_curves

matplotlib.use("agg")
HOSTILE = "$\\frac{<b>x</b>} _ \n a name without an end" * 3


@pytest.fixture(autouse=True)
def _close():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def binary(n=300, names=("a", "b", "c"), states=("done", "done", "dropped"), seed=0):
    "A handmade comparison: c was dropped after the first of three folds, d failed."
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    oof = pd.DataFrame({"row": range(n), "fold": np.arange(n) % 3 + 1, "y": y})
    for i, name in enumerate(names):
        oof[name] = 1 / (1 + np.exp(-(rng.normal(size=n) + (2 - i / 2) * y - 2)))
        if states[i] == "dropped":
            oof.loc[oof["fold"] > 1, name] = np.nan
    score = 0.2 + 0.01 * np.arange(len(names))
    table = pd.DataFrame({
        "model": names, "label": [HOSTILE if i == 1 else f"Model {n}" for i, n in enumerate(names)], "state": states,
        "folds": [1 if s == "dropped" else 3 for s in states], "score": score, "lower": score - 0.02, "upper": score + 0.02,
        "tied": [i < 2 for i in range(len(names))], "average_precision": 0.4 - score, "predict_seconds": [0.02, 0.01, 0.03][: len(names)],
    })  # fmt: skip
    failed = pd.DataFrame({"model": ["d"], "label": ["Model d"], "state": ["failed"], "folds": [0], "tied": [False]})
    folds = pd.DataFrame([(n, f, 0.2 + 0.01 * f) for n in names for f in (1, 2, 3)], columns=["model", "fold", "log_loss"])
    return SimpleNamespace(
        table=pd.concat([table, failed], ignore_index=True), oof=oof, best=names[0], metric="log_loss", groups=(tuple(names[:2]),),
        failed={"d": HOSTILE}, fold_scores=folds, classes=(), cost_fp=1.0, cost_fn=8.0,
    )  # fmt: skip


def several(n=240, k=3):
    rng = np.random.default_rng(1)
    y = rng.integers(0, k, n)
    shares = rng.dirichlet(np.ones(k), n) + 0.6 * np.eye(k)[y]
    shares /= shares.sum(axis=1, keepdims=True)
    oof = pd.DataFrame({"row": range(n), "fold": 1, "y": y}).join(pd.DataFrame(shares, columns=[f"a|{c}" for c in range(k)]))
    table = pd.DataFrame({"model": ["a"], "label": ["A"], "score": [0.8], "lower": [0.7], "upper": [0.9], "tied": [False]})
    return SimpleNamespace(table=table, oof=oof, best="a", metric="log_loss", classes=("x", HOSTILE, "z"))


def numbers(n=500):
    rng = np.random.default_rng(2)
    guess = rng.gamma(3, 10, n)
    oof = pd.DataFrame({"row": range(n), "fold": 1, "y": guess + rng.normal(0, 3, n), "a": guess})
    table = pd.DataFrame({"model": ["a"], "label": ["A"], "score": [3.0], "lower": [2.8], "upper": [3.2], "tied": [False]})
    return SimpleNamespace(table=table, oof=oof, best="a", metric="rmse")


def study():
    one = binary()
    table = one.table.rename(columns={"model": "strategy"})
    counts = [(s, f, c, 10 * f + 80 * (c == "no"), 90) for s in ("a", "b") for f in (1, 2) for c in ("no", HOSTILE)]
    counts = pd.DataFrame(counts, columns=["strategy", "fold", "class", "before", "after"])
    return SimpleNamespace(**{**vars(one), "table": table, "class_counts": counts})


def learning():
    table = pd.DataFrame({"size": [0.2, 0.5, 1.0], "rows": [200, 500, 1000], "train_score": [0.1, 0.15, 0.18], "score": [0.4, 0.3, 0.25],
                          "lower": [0.3, 0.25, 0.2], "upper": [0.5, 0.35, 0.3]})  # fmt: skip
    return SimpleNamespace(table=table, metric="log_loss")


BY_CLASS = pd.DataFrame({"label": ["x", HOSTILE], "n": [10, 20], "recall": [0.4, 0.6], "recall_lower": [0.2, 0.5], "recall_upper": [0.6, 0.8]})
DRAWN = {
    "plot_leaderboard": binary, "plot_ties": binary, "plot_folds": binary, "plot_curves": binary, "plot_pr": binary, "plot_roc": binary,
    "plot_gain": binary, "plot_costs": binary, "plot_reliability": binary, "plot_calibrations": binary, "plot_pareto": binary,
    "plot_learning_curve": learning, "plot_class_counts": study, "plot_confusion": several, "plot_per_class": lambda: BY_CLASS,
    "plot_predicted": numbers, "plot_residuals": numbers,
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("dark", [False, True])
def test_every_chart_draws_in_light_and_dark(name, dark, tmp_path):
    ax = getattr(model_charts, name)(DRAWN[name](), dark=dark)
    ax.figure.savefig(tmp_path / "chart.png", dpi=50)
    assert ax.get_title(loc="left")
    written = [t for t in ax.figure.findobj(matplotlib.text.Text) if t.get_text() and t.get_visible()]
    dim = {"#000000"} if dark else {"#ffffff"}
    ground = [matplotlib.colors.to_hex(t.get_color()) for t in written]
    assert name == "plot_confusion" or not dim & set(ground), name


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_goes_where_it_is_put(name):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    assert getattr(model_charts, name)(DRAWN[name](), ax) is ax
    assert len(plt.get_fignums()) == 1


def test_a_study_is_drawn_as_a_comparison_is():
    for name in ("plot_leaderboard", "plot_curves", "plot_calibrations", "plot_reliability", "plot_ties"):
        assert getattr(model_charts, name)(study()).get_title(loc="left")


def text_of(ax):
    return " ".join(t.get_text() for t in ax.figure.findobj(matplotlib.text.Text))


def test_the_leaderboard_says_what_did_not_finish():
    said = text_of(model_charts.plot_leaderboard(binary()))
    assert "dropped after 1 of 3 folds" in said and "× failed:" in said and "lower is better" in said
    only = binary()
    only.table = only.table[only.table["state"] == "failed"]
    only.oof = only.oof.iloc[:0]
    assert "No candidate has finished" in text_of(model_charts.plot_leaderboard(only))
    assert "No candidate has finished" in text_of(model_charts.plot_ties(only))


def test_one_model_and_another_metric():
    one = binary(names=("a",), states=("done",))
    one.table = one.table.iloc[:1]
    ax = model_charts.plot_leaderboard(one, metric="average_precision")
    assert "average precision (higher is better)" in ax.get_xlabel()
    for name in ("plot_ties", "plot_folds", "plot_curves", "plot_calibrations", "plot_pareto"):
        assert getattr(model_charts, name)(one).get_title(loc="left")
    with pytest.raises(InputError, match="column of the table"):
        model_charts.plot_leaderboard(one, metric="averge_precision")


def test_nothing_to_draw_is_said():
    empty = binary()
    del empty.fold_scores
    assert "No scores by fold" in text_of(model_charts.plot_folds(empty))
    empty.table = empty.table.drop(columns="predict_seconds")
    assert "No prediction times" in text_of(model_charts.plot_pareto(empty))


def test_a_wrong_thing_is_refused_with_the_fix():
    with pytest.raises(InputError, match="comparison of candidates"):
        model_charts.plot_leaderboard(SimpleNamespace(table=pd.DataFrame({"x": [1]})))
    with pytest.raises(InputError, match="one of the result"):
        model_charts.plot_reliability(binary(), model="e")
    with pytest.raises(InputError, match="share of the rows"):
        model_charts.plot_gain(binary(), budget=5)
    with pytest.raises(InputError, match="learning|LearningCurve"):
        model_charts.plot_learning_curve(binary())


def test_the_old_charts_stay():
    assert all(callable(getattr(charts, name)) for name in ("plot_comparison", "plot_precision_recall", "plot_calibration"))


# ---- the numbers behind the pictures


def test_curves_equal_scikit_learn():
    from sklearn.metrics import auc, precision_recall_curve, roc_curve

    y, proba, _ = model_curves.seen_rows(binary(2000), "a")
    x, height = model_curves.curve(y, proba, "roc", points=10**6)
    fpr, tpr, _ = roc_curve(y, proba, drop_intermediate=False)
    assert np.allclose(x, fpr) and np.allclose(height, tpr)
    thin_x, thin_y = model_curves.curve(y, proba, "roc", points=160)
    assert len(thin_x) <= 162 and abs(auc(thin_x, thin_y) - auc(fpr, tpr)) < 0.003
    recall, precision = model_curves.curve(y, proba, "pr", points=10**6)
    expected = precision_recall_curve(y, proba)
    assert np.allclose(recall[::-1], expected[1][:-1][-len(recall):]) and np.allclose(precision[::-1], expected[0][:-1][-len(recall):])


def test_the_cost_curve_keeps_its_lowest_point():
    from mltoolkit.modeling.decision import decide

    y, proba, _ = model_curves.seen_rows(binary(2000), "a")
    decision = decide(y, proba, cost_fp=1, cost_fn=8, n_resamples=2)
    x, cost = model_curves.curve(y, proba, "cost", cost_fp=1, cost_fn=8, points=50)
    assert cost.min() == pytest.approx(1000 * decision.best["cost"] / len(y)) and x[np.argmin(cost)] == pytest.approx(decision.threshold)
    assert (np.diff(x) >= 0).all() and len(x) <= 53


def test_a_missing_class_gives_an_empty_curve_not_an_error():
    assert all(len(v) == 0 for v in model_curves.curve([0, 0, 0], [0.1, 0.2, 0.3], "pr"))
    with pytest.raises(InputError, match="few kinds"):
        model_curves.curve([0, 1], [0.1, 0.2], "prr")


def test_letters_share_where_groups_do():
    result = binary()
    result.table = pd.DataFrame({"model": list("abcd"), "label": list("abcd"), "state": ["done"] * 3 + ["failed"]})
    result.groups = (("a", "b"), ("c", "b"))
    assert model_curves.tie_letters(result) == {"a": "A", "b": "AB", "c": "B", "d": ""}
    result.groups = ()
    assert model_curves.tie_letters(result) == {"a": "A", "b": "B", "c": "C", "d": ""}
    assert [model_curves._letter(i) for i in (0, 25, 26, 27)] == ["A", "Z", "AA", "AB"]


def test_the_board_puts_failures_last_and_counts_folds():
    board = model_curves.board(binary())
    assert list(board["name"]) == ["a", "b", "c", "d"] and list(board["folds"]) == [3, 3, 1, 0] and set(board["n_folds"]) == {3}
    assert np.isnan(board["value"].iloc[-1]) and board["words"].iloc[2] == "dropped after 1 of 3 folds"


def test_a_dropped_candidate_has_only_the_rows_it_saw():
    y, proba, fold = model_curves.seen_rows(binary(), "c")
    assert set(fold) == {1} and len(y) == len(proba) == 100 and np.isfinite(proba).all()
    y, shares, _ = model_curves.seen_rows(several())
    assert shares.shape == (240, 3) and model_curves.confusion(y, shares).sum() == 240
    with pytest.raises(InputError, match="number of a class"):
        model_curves.one_class(y, shares, 7)


def test_thin_keeps_ends_and_short_lines():
    x = np.linspace(0, 1, 1000)
    kept, _ = model_curves.thin(x, x**2, 50, keep=777)
    assert kept[0] == 0 and kept[-1] == 1 and x[777] in kept and len(kept) <= 53
    assert len(model_curves.thin([1.0], [2.0])[0]) == 1


def test_the_front_beats_nobody_else_in_both():
    table = model_curves.pareto_points(binary())
    assert list(table["name"]) == ["b", "a"] and table["front"].all()  # c was dropped, d failed
    slow = binary(states=("done", "done", "done"))
    assert list(model_curves.pareto_points(slow).query("front")["name"]) == ["b", "a"]


def test_clouds_and_bands():
    y, guess, _ = model_curves.seen_rows(numbers(5000))
    x, _ = model_curves.cloud(y, guess)
    again, _ = model_curves.cloud(y, guess)
    assert len(x) == 1500 and (x == again).all()
    bands = model_curves.residual_bands(y, guess)
    assert bands["count"].sum() == 5000 and (bands["lower"] <= bands["median"]).all() and bands["predicted"].is_monotonic_increasing
    assert model_curves.residual_bands([], []).empty


def test_digits_follow_the_spread():
    assert model_curves.digits_for([0.2231, 0.2236]) == 5 and model_curves.digits_for([0.2, 0.4]) == 2
    assert model_curves.digits_for([]) == 3 and model_curves.digits_for([0.5, None, float("nan")]) == 2
