"SVG pictures of models: well-formed, escaped and named, from handmade results; nothing finished, one model, several classes."

import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError
from mltoolkit.plots import model_pictures as pictures

HOSTILE = '<script>alert("x")</script>&\'"' + "a name without an end " * 4


def binary(n=240, names=("a", "b", "c"), states=("done", "done", "dropped")):
    rng = np.random.default_rng(0)
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
        "tied": [i < 2 for i in range(len(names))], "predict_seconds": 0.01 * np.arange(1, len(names) + 1),
    })  # fmt: skip
    failed = pd.DataFrame({"model": ["d"], "label": [HOSTILE], "state": ["failed"], "folds": [0], "tied": [False]})
    folds = pd.DataFrame([(n, f, 0.2 + 0.01 * f) for n in names for f in (1, 2, 3)], columns=["model", "fold", "log_loss"])
    whole = pd.concat([table, failed], ignore_index=True)
    return SimpleNamespace(table=whole, oof=oof, best=names[0], metric="log_loss", groups=(tuple(names[:2]),), failed={"d": HOSTILE},
                           fold_scores=folds, classes=())  # fmt: skip


def several(k=3, n=200):
    rng = np.random.default_rng(1)
    y = rng.integers(0, k, n)
    shares = rng.dirichlet(np.ones(k), n) + 0.6 * np.eye(k)[y]
    oof = pd.DataFrame({"row": range(n), "fold": 1, "y": y})
    oof = oof.join(pd.DataFrame(shares / shares.sum(axis=1, keepdims=True), columns=[f"a|{c}" for c in range(k)]))
    table = pd.DataFrame({"model": ["a"], "label": [HOSTILE], "score": [0.8], "lower": [0.7], "upper": [0.9], "tied": [False]})
    return SimpleNamespace(table=table, oof=oof, best="a", metric="log_loss", classes=("x", HOSTILE, *map(str, range(k - 2))))


def numbers(n=500):
    rng = np.random.default_rng(2)
    guess = rng.gamma(3, 10, n)
    oof = pd.DataFrame({"row": range(n), "fold": 1, "y": guess + rng.normal(0, 3, n), "a": guess})
    return SimpleNamespace(table=pd.DataFrame({"model": ["a"], "label": [HOSTILE], "score": [3.0]}), oof=oof, best="a", metric="rmse")


def study():
    one = binary()
    counts = [(s, f, c, 10 * f, 90) for s in ("a", "b") for f in (1, 2) for c in ("no", HOSTILE)]
    counts = pd.DataFrame(counts, columns=["strategy", "fold", "class", "before", "after"])
    return SimpleNamespace(**{**vars(one), "table": one.table.rename(columns={"model": "strategy"}), "class_counts": counts})


def learning():
    columns = {"rows": [200, 500], "train_score": [0.1, 0.15], "score": [0.4, 0.3], "lower": [0.3, 0.25], "upper": [0.5, 0.35]}
    return SimpleNamespace(table=pd.DataFrame(columns), metric="log_loss")


BY_CLASS = pd.DataFrame({"label": ["x", HOSTILE], "n": [10, 20], "recall": [0.4, 0.6], "recall_lower": [0.2, 0.5], "recall_upper": [0.6, 0.8]})
CASES = [
    ("leaderboard_picture", binary, {}), ("leaderboard_picture", binary, {"highlight": "b"}), ("ties_picture", binary, {}),
    ("folds_picture", binary, {}), ("folds_picture", binary, {"highlight": "b"}),
    *[("curves_picture", binary, {"kind": kind}) for kind in ("pr", "roc", "cost")],
    ("curves_picture", binary, {"kind": "gain", "budget": 0.1, "highlight": "b"}), ("curves_picture", several, {"code": 1}),
    ("calibration_picture", binary, {}), ("calibration_picture", several, {"code": 2}), ("calibrations_picture", binary, {}),
    ("calibrations_picture", binary, {"highlight": "b"}), ("learning_picture", learning, {}), ("pareto_picture", binary, {"highlight": "a"}),
    ("class_counts_picture", study, {"strategy": "b"}), ("confusion_picture", several, {}), ("confusion_picture", lambda: several(15), {}),
    ("confusion_picture", binary, {}), ("per_class_picture", lambda: BY_CLASS, {}), ("predicted_picture", numbers, {}),
    ("residuals_picture", numbers, {}),
]  # fmt: skip


def drawn(name, result, **options):
    return getattr(pictures, name)(result, **options)


@pytest.mark.parametrize(("name", "result", "options"), CASES)
@pytest.mark.parametrize("width", [None, 256])
def test_every_picture_is_well_formed_escaped_and_named(name, result, options, width):
    text = drawn(name, result(), **options, **({"width": width} if width else {}))
    root = ET.fromstring(text)
    assert root.tag == "svg" and root.attrib["role"] == "img" and root.attrib["aria-label"]
    assert "<script" not in text and "http" not in text and "nan" not in text and "inf" not in text.replace("info", "")
    assert "var(--mlt-" in text and float(root.attrib["height"]) > 20
    if width:
        assert float(root.attrib["width"]) == width
        marks = [float(x.attrib["x"]) for x in root.iter("text")]
        assert all(-1 <= x <= width + 1 for x in marks)


def words(text):
    return " ".join(t.text or "" for t in ET.fromstring(text).iter("text"))


def test_the_leaderboard_says_what_did_not_finish():
    said = words(drawn("leaderboard_picture", binary(), width=640))
    assert "dropped after 1 of 3 folds" in said and "× failed:" in said and "lower is better" in said
    only = binary()
    only.table = only.table[only.table["state"] == "failed"]
    assert "No candidate has finished" in words(drawn("leaderboard_picture", only))
    assert "No candidate has finished" in words(drawn("ties_picture", only))


def test_nothing_to_draw_is_said():
    bare = binary()
    bare.fold_scores = None
    assert "No scores by fold" in words(drawn("folds_picture", bare))
    bare.table = bare.table.drop(columns="predict_seconds")
    assert "No prediction times" in words(drawn("pareto_picture", bare))
    bare.oof["y"] = 0
    assert "both classes" in words(drawn("curves_picture", bare))
    empty = study()
    empty.class_counts = empty.class_counts.iloc[:0]
    assert "No rows counted" in words(drawn("class_counts_picture", empty))


def test_one_model_has_no_legend_and_no_bars():
    one = binary(names=("a",), states=("done",))
    one.table = one.table.iloc[:1]
    assert "Model a" not in words(drawn("curves_picture", one))
    for name in ("leaderboard_picture", "ties_picture", "folds_picture", "calibrations_picture", "pareto_picture"):
        assert ET.fromstring(drawn(name, one)).tag == "svg"


def test_the_highlighted_one_is_drawn_last_and_in_the_accent():
    text = drawn("curves_picture", binary(), highlight="b")
    paths = [p.attrib for p in ET.fromstring(text).iter("path")]
    assert "accent" in paths[-1]["stroke"] and paths[-1]["stroke-width"] == "2.2" and all("dim" in p["stroke"] for p in paths[:-1])


def test_a_wrong_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="one of the result"):
        drawn("calibration_picture", binary(), model="e")


def test_large_results_stay_small_pictures():
    big = binary(40_000)
    assert len(drawn("curves_picture", big)) < 30_000 and len(drawn("residuals_picture", numbers(20_000))) < 25_000
