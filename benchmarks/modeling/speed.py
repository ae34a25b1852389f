"""Eight models, five folds, six metrics: what the comparison costs, by `cross_validate` for each model and by the engine.

`python speed.py DATA WAY` runs one way on one data set and prints one JSON object. All ways use the same pipelines, the same folds and
one thread. Six data sets have 15,000 rows or more, as they come (of the flights 50,000, evenly spread); a seventh is smaller. The models
are scikit-learn's, nearly as they come (the default), or with `--zoo` mltoolkit's own candidates, whose forests have more trees and
larger leaves: these win more often, and who wins must be fitted on all folds. WAY is `cross_validate` (scikit-learn, each model with its
own preprocessing), `engine` (shared preparation and racing with z = 3) or `shared` (the engine without racing).
"""

import argparse
import json
import resource
import warnings

import numpy as np
import pandas as pd

import mltoolkit as mlt
from mltoolkit.modeling.candidates import make_pipeline_for
from mltoolkit.modeling.metrics import score_prediction
from mltoolkit.modeling.validation import cross_validate_oof

DATA = {
    "flights": "folds in time",
    "lending": "stratified folds",
    "crashes": "stratified folds",
    "strikes": "stratified folds",
    "stops": "stratified folds",
    "votes": "stratified folds",
    "covid": "stratified folds",
}
ZOO = ["logistic", "naive_bayes", "knn", "decision_tree", "random_forest", "extra_trees", "hgb", "hgb_early"]
SCORING = ["neg_log_loss", "average_precision", "roc_auc", "neg_brier_score", "f1", "balanced_accuracy"]
METRICS = ["log_loss", "average_precision", "roc_auc", "brier", "f1", "balanced_accuracy"]
KNOWN_LATER = ["arr_delay", "dep_delay", "arr_time", "air_time", "dep_time"]
IDENTIFIERS = ["year", "month", "day", "flight", "minute"]


def plain():
    "Eight scikit-learn estimators, nearly as they come."
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    return {
        "logistic": LogisticRegression(max_iter=1000),
        "bayes": GaussianNB(),
        "neighbours": KNeighborsClassifier(50),
        "tree": DecisionTreeClassifier(min_samples_leaf=20, random_state=0),
        "forest": RandomForestClassifier(100, min_samples_leaf=3, random_state=0),
        "extra": ExtraTreesClassifier(100, min_samples_leaf=3, random_state=0),
        "hgb": HistGradientBoostingClassifier(random_state=0),
        "hgb slow": HistGradientBoostingClassifier(learning_rate=0.03, max_iter=200, random_state=0),
    }


def cpu_seconds():
    "User and system time of this process and of its children that have ended."
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def load(name, rows=50_000):
    "(Dataset of features and target, Split with five folds)."
    if name == "flights":
        data = mlt.load_example("flights", rows=rows).drop(KNOWN_LATER + IDENTIFIERS)
        return data, mlt.split(data, test_from="2013-11-01", gap="1D", n_splits=5)
    import datasets

    X, y = datasets.load(name, largest=rows)
    data = mlt.load(X.assign(target=y.to_numpy()), target="target", positive=1)
    return data, mlt.split(data, kind="stratified", n_splits=5)


def by_cross_validate(data, split, models):
    "Model -> mean log-loss over the folds, with scikit-learn alone."
    from sklearn.model_selection import cross_validate

    development = split.development_data(data)
    place = np.full(len(data), -1)
    place[split.development] = np.arange(len(development))
    X, y = development.X, development.y.to_numpy()
    folds = [(place[train], place[valid]) for train, valid in split.folds]
    found = {}
    for name, model in models.items():
        scores = cross_validate(make_pipeline_for(model, X), X, y, cv=folds, scoring=SCORING, error_score="raise")
        found[name] = float(-scores["test_neg_log_loss"].mean())
    return found, {}


def by_engine(data, split, models, race):
    oof = cross_validate_oof(data, models, split, race=race, n_jobs=1, train_score=False, progress=lambda share, note="": None)
    scores = {}
    for name in models:
        parts = oof.predictions.assign(p=oof.prediction(name)).dropna(subset=["p"]).groupby("fold")
        scores[name] = pd.DataFrame([score_prediction(part["y"], part["p"], METRICS) for _, part in parts])
    losses = {m: float(s["log_loss"].mean()) for m, s in scores.items() if oof.states[m] == "done"}
    return losses, dict(oof.races[["model", "dropped_after"]].to_numpy())


def run(name, way, rows, models):
    def go(data, split):
        if way == "cross_validate":
            return by_cross_validate(data, split, models)
        return by_engine(data, split, models, 3.0 if way == "engine" else False)

    data, split = load(name, rows)
    go(*load_small(data))  # so that what is imported on the way does not count
    start = cpu_seconds()
    losses, dropped = go(data, split)
    used = cpu_seconds() - start
    return {"data": name, "way": way, "rows": len(split.development), "cpu_s": used, "log_loss": losses, "dropped": dropped}


def load_small(data):
    "A few rows in two folds."
    small = data.take(np.linspace(0, len(data) - 1, 400).astype(int)).replace(time=None, group=None)
    return small, mlt.split(small, kind="stratified", n_splits=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=DATA)
    parser.add_argument("way", choices=["cross_validate", "engine", "shared"])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--zoo", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(json.dumps(run(given.data, given.way, given.rows, dict(zip(ZOO, ZOO)) if given.zoo else plain())))
