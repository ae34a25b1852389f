"SVG pictures of a search: well-formed, escaped and named; none, one and few trials; one parameter, options, hostile names; live views."

import time
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError
from mltoolkit.plots import tuning_curves as curves
from mltoolkit.plots import tuning_pictures as pictures

HOSTILE = '<script>alert("x")</script>&\'"' + "a name without an end " * 4
NAMES = ["trial", "label", "family", "state", "folds", "score", "lower", "upper", "gap", "z", "leader", "started", "ended", "cpu_seconds", "predict_seconds", "worker", "reason"]
RACES = ["trial", "fold", "rung", "loss", "leader_loss", "gap", "standard_error", "z", "dropped"]


def search(n=24, seed=0, metric="log_loss", hostile=True):
    "A handmade search: every third trial is linear, trial 5 failed, some were dropped, one is running, the label of trial 2 is hostile."
    rng, configurations, rows, races = np.random.default_rng(seed), {}, [], []
    for t in range(n):
        linear = t % 3 == 2
        configurations[t] = {"family": "logistic", "strategy": "none", "logistic.C": 10 ** rng.uniform(-3, 2)} if linear else {
            "family": "hgb", "strategy": str(rng.choice(["none", HOSTILE if hostile else "balanced"])), "hgb.rate": 10 ** rng.uniform(-3, 0),
            "hgb.leaves": int(rng.integers(2, 64)), "hgb.mode": [None, True, "a"][t % 3]}  # fmt: skip
        state = "failed" if t == 5 else "dropped" if t % 4 == 1 else "running" if t == n - 1 > 5 else "done"
        folds = {"failed": 0, "dropped": 2, "running": 1}.get(state, 3)
        loss = 0.2 + 0.1 * rng.random() if t % 7 else 0.25
        z = 3.5 if state == "dropped" else 1.0
        score = np.nan if state in ("failed", "running") else loss if metric == "log_loss" else 1 - loss
        label = HOSTILE if hostile and t == 2 else f"Model {t}"
        rows.append((t, label, configurations[t]["family"], state, folds, score, score - 0.02, score + 0.02, z * 0.01, z, 0, t, t + 1.0 if state != "running" else np.nan,
                     1.0, rng.gamma(2, 0.02), f"w{t % 2}", HOSTILE if state == "failed" else ""))  # fmt: skip
        races += [(t, k, k, loss, 0.2, 0.01, 0.01, z * k / max(1, folds), state == "dropped" and k == folds) for k in range(1, folds + 1) if t]
    table = pd.DataFrame(rows, columns=NAMES)
    space = {"hgb": {"rate": [0.001, 1.0, "log"], "leaves": [2, 64, "int"], "mode": {"choices": [None, True, "a"]}}, "task": "binary"}
    return SimpleNamespace(table=table, races=pd.DataFrame(races, columns=RACES), configurations=configurations, metric=metric, space=space,
                           spent={"wall_s": float(n), "trials": n}, budget={"wall_s": 60.0, "trials": None}, objectives=())  # fmt: skip


def live(n=24):
    one = search(n)
    bare = one.table.assign(lower=np.nan, upper=np.nan)
    metric = SimpleNamespace(name="log_loss", lower_is_better=True)
    return SimpleNamespace(**{**vars(one), "table": lambda: bare, "races": lambda: one.races, "configurations": lambda: one.configurations, "metric": metric,
                              "best": (0, 0.25, 0.24, 0.26) if n else None, "n_folds": 3, "space": SimpleNamespace(to_plain=lambda: one.space)})  # fmt: skip


CASES = [
    ("history_picture", {}), ("history_picture", {"by": "seconds", "highlight": 3}), ("history_picture", {"by": "cpu"}), ("parallel_picture", {}),
    ("parallel_picture", {"family": "logistic", "highlight": 2}), ("importance_picture", {}), ("importance_picture", {"family": "hgb", "highlight": "rate"}),
    ("slice_picture", {}), ("slice_picture", {"parameter": "strategy", "highlight": 1}), ("slice_picture", {"parameter": "family"}),
    ("slice_picture", {"parameter": "rate", "family": "hgb"}), ("slice_picture", {"parameter": "hgb.mode"}), ("contour_picture", {"family": "hgb"}),
    ("contour_picture", {"x": "rate", "y": "mode", "family": "hgb", "highlight": 0}), ("contour_picture", {"x": "strategy", "y": "hgb.mode", "family": "hgb"}),
    ("races_picture", {}), ("races_picture", {"order": "latest", "highlight": 1}), ("pareto_picture", {"highlight": 3}), ("pareto_picture", {"x": "cpu_seconds"}),
    ("budget_picture", {"highlight": 1}),
]  # fmt: skip


def sound(text, width=None):
    root = ET.fromstring(text)
    assert root.tag == "svg" and root.attrib["role"] == "img" and root.attrib["aria-label"]
    assert "<script" not in text and "http" not in text and "nan" not in text and "inf" not in text.replace("info", "")
    assert "var(--mlt-" in text and float(root.attrib["height"]) > 20
    if width:
        assert float(root.attrib["width"]) == width
        assert all(-1 <= float(x.attrib["x"]) <= width + 1 for x in root.iter("text"))
    return root


def words(text):
    return " ".join(t.text or "" for t in ET.fromstring(text).iter("text"))


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("width", [None, 256])
def test_every_picture_is_well_formed_escaped_and_named(name, options, width):
    for tuning in (search(), live()):
        sound(getattr(pictures, name)(tuning, **options, **({"width": width} if width else {})), width)


PLAIN = ["history_picture", "parallel_picture", "importance_picture", "slice_picture", "contour_picture", "races_picture", "pareto_picture",
         "budget_picture"]  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_none_one_and_few_trials(name):
    for n in (0, 1, 2, 3):
        for tuning in (search(n), live(n)):
            sound(getattr(pictures, name)(tuning))
    only_failed = search(6)
    only_failed.table = only_failed.table[only_failed.table["state"] == "failed"]
    sound(getattr(pictures, name)(only_failed))
    bare = SimpleNamespace(table=search(8).table[["trial", "label", "state", "score"]], metric="log_loss")
    sound(getattr(pictures, name)(bare))


def test_a_search_without_trials_says_so():
    none = search(0)
    for name in ("history_picture", "parallel_picture", "importance_picture"):
        assert "No trial has finished yet" in words(getattr(pictures, name)(none))
    assert "No fold has been judged" in words(pictures.races_picture(none))
    assert "at least 10 trials" in words(pictures.importance_picture(search(5), width=640))


@pytest.mark.parametrize("name", PLAIN)
def test_one_parameter_a_pipeline_and_a_rising_metric(name):
    one = search(12, metric="average_precision")
    one.configurations = {t: {"model__C": 0.1 + t} for t in range(12)}
    one.space = {"own": "pipeline", "dimensions": {"model__C": [0.1, 100.0, "log"]}, "task": "binary"}
    sound(getattr(pictures, name)(one))
    assert "higher is better" in words(pictures.history_picture(one)) and "model__C" in words(pictures.parallel_picture(one))
    assert "Two parameters" in words(pictures.contour_picture(one))


def test_the_races_say_who_was_dropped_when_and_why():
    text = pictures.races_picture(search(hostile=False), width=640, most=30)
    said, tips = words(text), " ".join(t.text or "" for t in ET.fromstring(text).iter("title"))
    assert "3.5 standard errors behind trial 0" in said and "× +3.5" in said and "fold 1" in said and "best" in said
    assert "trial 1: Model 1; dropped" in tips and "dropped after 2 of 3 folds" in tips and "failed: <script>" in tips
    heads, rows, cells = curves.race_grid(search(hostile=False))
    assert heads == {1: "1", 2: "2", 3: "3"} and len(rows) == 16 and set(cells["trial"]) <= set(rows["trial"])
    assert cells.loc[cells["dropped"], "rung"].eq(2).all()
    part = search(6)
    part.races = pd.concat([part.races, pd.DataFrame([(1, 4, 0, 0.3, 0.2, 0.1, 0.01, 9.0, False)], columns=RACES)])
    assert list(curves.race_grid(part)[0]) == [0, 1, 2, 3] and "part" in words(pictures.races_picture(part))


def test_every_mark_knows_its_trial():
    for name in ("history_picture", "parallel_picture", "slice_picture", "races_picture", "pareto_picture", "budget_picture"):
        root = ET.fromstring(getattr(pictures, name)(search()))
        assert {int(x.attrib["data-trial"]) for x in root.iter() if "data-trial" in x.attrib} <= set(range(24))
    ringed = pictures.history_picture(search(), highlight=3)
    assert ringed.count('stroke="var(--mlt-ink') == 1


def test_history_known_answer():
    tuning = search(6)
    tuning.table["score"], tuning.table["state"], tuning.table["ended"] = [0.3, 0.1, 0.2, 0.25, 0.15, 0.4], ["done", "dropped", *["done"] * 4], [1, 2, 3, 4, 5, 6]
    tuning.table["gap"], tuning.table["z"] = [0, 0.02, 0, 0, 0, 0], 4.0
    points = curves.history_points(tuning)
    assert points["best"].tolist() == [0.3, 0.3, 0.2, 0.2, 0.15, 0.15] and points["x"].tolist() == [1, 2, 3, 4, 5, 6]
    assert points["value"].iloc[1] == pytest.approx(0.32)  # 0.02 behind its leader, trial 0, not the 0.1 of its easy folds
    assert points["improved"].tolist() == [True, False, True, False, True, False]
    assert curves.trials(tuning)["best"].tolist() == [False] * 4 + [True, False]
    with pytest.raises(InputError, match="one of a few axes"):
        curves.history_points(tuning, by="hours")


def test_the_band_of_a_running_search_begins_with_its_leader():
    rows = curves.history_points(live(12))
    assert rows["lower"].notna().any() and set(rows["lower"].dropna()) == {0.24}


def test_pareto_known_answer():
    tuning = search(4)
    tuning.table["state"], tuning.table["score"], tuning.table["predict_seconds"] = "done", [0.3, 0.2, 0.25, 0.2], [0.001, 0.004, 0.002, 0.005]
    points = curves.pareto_points(tuning)
    assert points.loc[points["front"], "trial"].tolist() == [0, 2, 1] and points["x"].tolist() == [1.0, 2.0, 4.0, 5.0]
    rising = SimpleNamespace(**{**vars(tuning), "metric": "average_precision"})
    points = curves.pareto_points(rising)
    assert points.loc[points["front"], "trial"].tolist() == [0]
    with pytest.raises(InputError, match="column of the trials"):
        curves.pareto_points(tuning, x="predict_second")


def test_limits_leave_hopeless_trials_out():
    assert curves.score_limits([0.2, 0.21, 0.22, 99.0], low=True)[1] < 1
    assert curves.score_limits([0.8, 0.79, 0.78, -99.0], low=False)[0] > 0
    for values in ([], [0.5], [0.5, 0.5], [np.nan]):
        low, high = curves.score_limits(values, low=True)
        assert low < high


def test_contours_invent_nothing_far_from_trials():
    grid = curves.contour_grid(search(12), "rate", "leaves", family="hgb")[3]
    assert np.isnan(grid).any() and np.isfinite(grid).any()
    with pytest.raises(InputError, match="two parameters"):
        curves.contour_grid(search(12), "rate", "rate", family="hgb")


def test_wrong_names_are_refused_with_the_nearest():
    with pytest.raises(InputError, match="one that was tried"):
        pictures.parallel_picture(search(), family="hgbb")
    with pytest.raises(InputError, match="one that varied"):
        pictures.slice_picture(search(), "leavs", family="hgb")
    with pytest.raises(InputError, match="trials of a tuning"):
        pictures.history_picture(SimpleNamespace(table=pd.DataFrame({"x": [1]})))
    with pytest.raises(InputError, match="'score' or 'latest'"):
        pictures.races_picture(search(), order="best")


def test_large_searches_stay_small_and_quick_pictures():
    big = search(600, hostile=False)
    for name in PLAIN:
        began = time.perf_counter()
        text = getattr(pictures, name)(big)
        assert len(text) < 200_000 and time.perf_counter() - began < 5, name
