"A worker process of the tests: `python tune_worker.py STORAGE STORE TRIALS [HANG]` joins a search; with HANG it stops in the middle of a trial."

import sys
import time

import numpy as np
import pandas as pd

import mltoolkit as mlt
from mltoolkit.modeling.tuning import tune


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    return mlt.load(X.assign(y=(X["a"] + rng.normal(size=n) > 1).astype(int)), target="y", positive=1)


def join(storage, store, trials, watch=None):
    data = table()
    return tune(data, None, mlt.split(data, kind="stratified", n_splits=3), families=["logistic"], budget_s=None, budget_trials=trials,
                sampler="random", storage=storage, study_name="shared", store=store, n_jobs=1, race=False, refit=False, calibrate=False,
                n_resamples=20, watch=watch)  # fmt: skip


def hang(live, heard=[]):  # noqa: B006 (counts the calls)
    heard.append(1)
    if len(heard) == 5:
        print("in the middle", flush=True)
        time.sleep(300)


if __name__ == "__main__":
    storage, store, trials = sys.argv[1:4]
    join(storage, store, int(trials), hang if len(sys.argv) > 4 else None)
