"""One contestant on one table and one outer fold: `python contest.py CONTESTANT DATA FOLD --budget 10` prints one JSON object.

The outer folds are stratified and the same for all, also in another environment: they are drawn with NumPy alone. A contestant gets the
training rows, a budget of CPU-seconds, one thread and a seed; what it returns predicts the rows that were held out. CPU-seconds are
those of the whole process and its children from the first to the last line of the contestant's work (search, last fit), after imports
and a small run on 300 rows that loads what is loaded on the way.
"""

import argparse
import importlib
import json
import sys
import time
import warnings
import zlib
from pathlib import Path

from clock import cpu_seconds, on_cpu_time

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "modeling"))

DATA = ("hypothyroid", "page_blocks", "abalone", "strikes", "stops", "votes",  # not used when the portfolio of settings was chosen
        "caravan", "lending", "mortgages", "crashes", "email", "remote")  # fmt: skip
OUTER = 3
OURS = ("mltoolkit", "mltoolkit_ensemble")


def outer_folds(y, n=OUTER, seed=0):
    "Number of the outer fold of every row, 1 to n: both classes dealt out in a drawn order."
    import numpy as np

    y, rng = np.asarray(y), np.random.default_rng(seed)
    fold = np.empty(len(y), dtype=int)
    for value in (0, 1):
        rows = rng.permutation(np.flatnonzero(y == value))
        fold[rows] = (np.arange(len(rows)) + value) % n + 1
    return fold


def task(name, fold, rows=10_000):
    "(table of features, y, mask of the rows held out) of a data set; text is text."
    import datasets

    X, y = datasets.load(name, largest=rows)
    y = y.to_numpy()
    return X, y, outer_folds(y) == fold


def as_categories(X, train):
    "Text columns as categories known in the training rows; others become missing."
    import pandas as pd

    made = {}
    for name in X.columns:
        if not pd.api.types.is_numeric_dtype(X[name]):
            known = sorted(X[name][train].dropna().unique())
            made[name] = pd.Categorical(X[name].astype(object), categories=known)
    return X.assign(**made)


def silent(share, note=""):
    "A `progress` that shows nothing."


def by_mltoolkit(X, y, held, budget_s, seed, **options):
    "(probabilities of the rows held out, configurations begun, what else is told): `mlt.tune` as it comes."
    import mltoolkit as mlt

    data = mlt.load(X.assign(target=y), target="target", positive=1)
    split = mlt.split(data, kind="stratified", test=held, n_splits=5, random_state=seed)
    begun = cpu_seconds()
    given = {"budget_s": None, "budget_cpu_s": budget_s, "n_jobs": 1, "random_state": seed, "progress": silent}
    found = mlt.tune(data, split=split, **given, **options)
    model, used = found.best_model, cpu_seconds() - begun
    table = found.table
    told = {"states": table["state"].value_counts().to_dict(), "best": found.configurations[found.best], "families": families(table),
            "stopped_because": found.stopped_because, "tune_cpu_s": used}  # fmt: skip
    told |= {"final": plain(found.final), "spent": plain(found.spent)}
    return model, len(table), told


def plain(value):
    "JSON values, whatever was given."
    return json.loads(json.dumps(value, default=str))


def families(table):
    "Family -> trials, folds judged, CPU-seconds, best score."
    out = {}
    for name, part in table.groupby("family"):
        done = part[part["state"] == "done"]
        out[name] = {"trials": len(part), "folds": int(part["folds"].sum()), "cpu_s": float(part["cpu_seconds"].sum()),
                     "best": float(done["score"].min()) if len(done) else None}  # fmt: skip
    return out


def work(contestant, X, y, held, budget_s, seed):
    "(CPU-seconds, wall seconds, probabilities, configurations, what else is told)"
    began, start = time.monotonic(), cpu_seconds()
    if contestant in OURS:
        options = {"ensemble": True} if contestant == "mltoolkit_ensemble" else {}
        model, tried, told = by_mltoolkit(X, y, held, budget_s, seed, **options)

        def predict(new):
            return model.predict_proba(new)[:, 1]

        new = X[held]
    else:
        import peers

        typed = as_categories(X, ~held)
        predict, tried = (peers.PEERS | peers.VARIANTS)[contestant](typed[~held].reset_index(drop=True), y[~held], budget_s, seed)
        new, told = typed[held].reset_index(drop=True), {}
    return cpu_seconds() - start, time.monotonic() - began, predict, new, tried, told


def small(X, y, held):
    "About 300 rows of each side, with every class."
    import numpy as np

    rows = np.sort(np.concatenate([np.flatnonzero((held == side) & (y == value))[:150] for side in (True, False) for value in (0, 1)]))
    return X.iloc[rows].reset_index(drop=True), y[rows], held[rows]


def run(contestant, name, fold, budget_s, rows=10_000, seed=0, warm=True):
    "The figures of one contestant on one outer fold, as a dict that JSON can hold."
    X, y, held = task(name, fold, rows)
    if warm:
        try:
            work(contestant, *small(X, y, held), 1.0, seed)
        except Exception as e:  # a budget of a second may be too small for it: it has loaded what it needs by then
            print(f"the small run: {type(e).__name__}: {e}"[:200], file=sys.stderr)
    used, wall, predict, new, tried, told = work(contestant, X, y, held, budget_s, seed)
    start = cpu_seconds()
    p = predict(new)
    predicted = cpu_seconds() - start
    figures = scores(y[held], p)
    return {"contestant": contestant, "data": name, "fold": fold, "budget_s": budget_s, "rows": len(y), "seed": seed, "cpu_s": used,
            "wall_s": wall, "predict_cpu_s": predicted, "tried": tried, "rows_checked": zlib.crc32(y[held].astype("int8").tobytes()),
            "told": told} | figures  # fmt: skip


def scores(y, p):
    from sklearn.metrics import average_precision_score, log_loss

    return {"log_loss": float(log_loss(y, p)), "average_precision": float(average_precision_score(y, p))}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contestant")
    parser.add_argument("data")
    parser.add_argument("fold", type=int, choices=range(1, OUTER + 1))
    parser.add_argument("--budget", type=float, default=10.0, help="CPU-seconds")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cold", action="store_true", help="without the small run before")
    given = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    if given.contestant in OURS:
        on_cpu_time("perf_counter")  # what a fit is expected to take is measured with this
    else:
        import peers

        if given.contestant in peers.TAKES_WALL_SECONDS:
            on_cpu_time()
        for package in peers.PACKAGES[given.contestant.split("_")[0]]:
            importlib.import_module(package)
    found = run(given.contestant, given.data, given.fold, given.budget, given.rows, given.seed, warm=not given.cold)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
