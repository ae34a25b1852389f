"""Configurations judged per CPU-second: `mlt.tune`, and plain k-fold Optuna on the very same configurations.

`python judged.py DATA` prints one JSON object. `mlt.tune` searches its default space with a number of trials as budget. An Optuna study
then gets the same configurations in the same order, and its objective is what everybody writes: the mean of `cross_val_score` over the
same folds, for the same pipelines (early stopping inside the training part included). CPU-seconds are those of the search alone: no
import, no last fit. The winner by each way, and the regret of the raced one, are told by the full cross-validation.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from clock import cpu_seconds

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "modeling"))


def silent(share, note=""):
    "A `progress` that shows nothing."


def load(name, rows=10_000, seed=0):
    "(Dataset, Split with five stratified folds)"
    import datasets

    import mltoolkit as mlt

    X, y = datasets.load(name, largest=rows)
    data = mlt.load(X.assign(target=y.to_numpy()), target="target", positive=1)
    return data, mlt.split(data, kind="stratified", n_splits=5, random_state=seed)


def by_tune(data, split, trials, sampler, seed, families):
    import mltoolkit as mlt

    start = cpu_seconds()
    found = mlt.tune(data, split=split, families=families, budget_s=None, budget_trials=trials, sampler=sampler, refit=False, patience=None,
                     calibrate=None, n_jobs=1, random_state=seed, progress=silent)  # fmt: skip
    return found, cpu_seconds() - start


def by_optuna(data, split, configurations, seed, families):
    "(list of mean log-losses, CPU-seconds). `configurations`: what the study is asked to try, in order."
    import optuna
    from sklearn.model_selection import cross_val_score

    from mltoolkit.modeling.spaces import default_space

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    development = split.development_data(data)
    place = np.full(len(data), -1)
    place[split.development] = np.arange(len(development))
    X, y = development.X, development.y.to_numpy()
    folds = [(place[train], place[valid]) for train, valid in split.folds]
    space = default_space("binary", families=families, n_rows=len(X), n_columns=X.shape[1])

    def objective(trial):
        pipeline = space.pipeline(configurations[trial.number], X, task="binary", random_state=seed, early_stopping=True)
        return -cross_val_score(pipeline, X, y, cv=folds, scoring="neg_log_loss", error_score="raise").mean()

    start = cpu_seconds()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    study.optimize(objective, n_trials=len(configurations), catch=(Exception,))
    used = cpu_seconds() - start
    return [t.value if t.value is not None else float("inf") for t in study.trials], used


def run(name, trials=40, sampler="tpe", rows=10_000, seed=0, families=None):
    "The figures of one data set, as a dict that JSON can hold."
    import mltoolkit as mlt

    data, split = load(name, rows, seed)
    few = data.take(np.linspace(0, len(data) - 1, 400).astype(int))
    by_tune(few, mlt.split(few, kind="stratified", n_splits=2), 3, sampler, seed, families)  # loads what is loaded on the way
    found, ours = by_tune(data, split, trials, sampler, seed, families)
    numbers = sorted(found.configurations)
    table = found.table.set_index("trial")
    losses, plain = by_optuna(data, split, [found.configurations[n] for n in numbers], seed, families)
    by_trial = dict(zip(numbers, losses))
    best, chosen = min(by_trial, key=by_trial.get), found.best
    gaps = [abs(table.loc[n, "score"] / by_trial[n] - 1) for n in numbers if table.loc[n, "state"] == "done"]
    told = {
        "data": name,
        "rows": len(split.development),
        "sampler": sampler,
        "trials": len(numbers),
        "best": int(best),
        "chosen": int(chosen),
    }
    told |= {"tune_cpu_s": ours, "plain_cpu_s": plain, "ratio": plain / ours, "fit_cpu_s": float(table["cpu_seconds"].sum())}
    told |= {"states": table["state"].value_counts().to_dict(), "folds_judged": int(table["folds"].sum())}
    told |= {"log_loss": by_trial[chosen], "regret": by_trial[chosen] / by_trial[best] - 1, "parity_gap": float(max(gaps, default=0.0))}
    return told | {"best_configuration": found.configurations[best], "chosen_configuration": found.configurations[chosen]}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--families", nargs="+", help="only these")
    given = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    print(json.dumps(run(given.data, given.trials, given.sampler, given.rows, given.seed, given.families)))


if __name__ == "__main__":
    main()
