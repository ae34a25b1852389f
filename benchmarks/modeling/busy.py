"""A boosting fit while another process keeps all cores busy: through the engine, with one thread, and as scikit-learn starts it.

`python busy.py` prints one JSON object. The three are fitted in turn, so that all meet the same load. Seconds are wall time.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import mltoolkit as mlt
from mltoolkit.modeling.candidates import make_pipeline_for
from mltoolkit.modeling.validation import cross_validate_oof

SPIN = "while True: pass"


def table(rows, random_state=0):
    rng = np.random.default_rng(random_state)
    X = pd.DataFrame(rng.standard_normal((rows, 10)), columns=[f"x{i}" for i in range(10)])
    y = X["x0"] * X["x1"] + X["x2"] + rng.standard_normal(rows) > 1
    return mlt.load(X.assign(y=y), target="y")


def plain(data, train, limit):
    "Seconds of one fit outside the engine. `limit`: threads, or None for scikit-learn's own number."
    X, y = data.X.iloc[train], data.y.to_numpy()[train]
    pipeline = make_pipeline_for("hgb", X)
    with threadpool_limits(limits=limit):
        start = time.perf_counter()
        pipeline.fit(X, y)
        return time.perf_counter() - start


def run(rows, rounds, load):
    data = table(rows)
    split = mlt.split(data, n_splits=2)
    train, found = split.folds[0][0], {"engine": [], "one thread": [], "scikit-learn's threads": []}
    plain(data, train, 1)  # imports
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(os.cpu_count() if load else 0)]
    try:
        for _ in range(rounds):
            found["one thread"].append(plain(data, train, 1))
            oof = cross_validate_oof(data, ["hgb"], split, n_jobs=1, train_score=False, progress=lambda share, note="": None)
            found["engine"].append(float(oof.fits["fit_seconds"].mean()))
            found["scikit-learn's threads"].append(plain(data, train, None))
    finally:
        for process in spinning:
            process.kill()
            process.wait()
    return {"rows": len(train), "cores": os.cpu_count(), "load": load, "seconds": found}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle", action="store_true", help="without the busy processes")
    given = parser.parse_args()
    print(json.dumps(run(given.rows, given.rounds, not given.idle)))
