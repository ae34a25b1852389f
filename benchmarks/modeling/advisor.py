"""Is the advice on imbalance safe? The recommended strategy against "none", in log-loss, on rows the advisor has not seen.

python advisor.py [--data hypothyroid lending ...] [--models hgb logistic] [--cost-fn 10] [--out FILE]

Of every data set 40 % of the rows are locked. The advisor compares eight strategies by cross-validation on the others.
What it recommends and "none" are then fitted on all of those and predict the locked rows. The criterion: the recommended
strategy is never worse in log-loss beyond the 95 % interval of the paired difference. Beside it stands the strategy with
the best cross-validated balanced accuracy at a threshold of one half, which is what one would pick by looking at recall.
"""

import argparse
import json
import resource
import sys
import warnings
from pathlib import Path

import numpy as np

import mltoolkit as mlt
from mltoolkit.core import silent
from mltoolkit.modeling.bootstrap import bootstrap_sums, interval
from mltoolkit.modeling.imbalance import compare_imbalance
from mltoolkit.modeling.metrics import Evaluator, row_losses

sys.path.insert(0, str(Path(__file__).resolve().parent))
import datasets  # noqa: E402 (a file beside this one)

DATA = ("hypothyroid", "page_blocks", "caravan", "lending", "mortgages", "crashes", "email", "remote")


def cpu_seconds():
    "CPU-seconds of this process and its finished children."
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def tempting(study):
    "The strategy with the best balanced accuracy at a threshold of one half on out-of-fold predictions."
    y = study.oof["y"].to_numpy()
    found = {name: Evaluator(y, study.prediction(name))("balanced_accuracy") for name in study.table["strategy"]}
    return max(found, key=found.get)


def against_none(study, data, split, strategy, random_state=0):
    "Held-out figures of a strategy and of 'none', and the paired interval of the log-loss difference."
    locked = data.take(split.test)
    X, y = locked.frame[list(study.features)], locked.y.to_numpy()
    proba = {name: study.fit_best(data, strategy=name, split=split).predict_proba(X)[:, 1] for name in dict.fromkeys(("none", strategy))}
    gap = row_losses(y, proba[strategy], "log_loss") - row_losses(y, proba["none"], "log_loss")
    draws = bootstrap_sums(gap[None], n_resamples=2000, random_state=random_state)[:, 0] / len(gap)
    lower, upper = interval(draws)
    out = {"strategy": strategy, "log_loss_difference": float(gap.mean()), "lower": lower, "upper": upper, "worse": bool(lower > 0)}
    for measure in ("log_loss", "average_precision"):
        out |= {f"{measure}_none": Evaluator(y, proba["none"])(measure), measure: Evaluator(y, proba[strategy])(measure)}
    return out


def one(name, model, random_state=0, cost_fn=None):
    "The advisor on one data set with one base model: a dict."
    X, y = datasets.load(name)
    data = mlt.load(X.assign(target=y), target="target", positive=1, name=name)
    split = mlt.split(data, kind="stratified", test_size=0.4, random_state=random_state)
    start = cpu_seconds()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = compare_imbalance(data, model, split=split, cost_fn=cost_fn, n_jobs=1, random_state=random_state, progress=silent)
        used = cpu_seconds() - start
        advised = against_none(study, data, split, study.advice.recommended)
        picked = against_none(study, data, split, tempting(study))
    return {"data": name, "model": model, "rows": len(data), "positives": float(y.mean()), "recommended": study.advice.recommended,
            "held_out": advised, "tempting": picked, "sentences": list(study.advice.sentences),
            "evidence": study.advice.evidence.to_dict("records"), "cpu_seconds": used}  # fmt: skip


def run(names=DATA, models=("hgb", "logistic"), random_state=0, cost_fn=None, say=print):
    "The whole benchmark as a dict that JSON can hold; `say` is told every result."
    start, rows = cpu_seconds(), []
    for name in names:
        for model in models:
            rows.append(one(name, model, random_state, cost_fn))
            r, t = rows[-1]["held_out"], rows[-1]["tempting"]
            say(f"{name} {model}: recommended {r['strategy']}, log-loss difference {r['log_loss_difference']:+.4f} ({r['lower']:+.4f} to "
                f"{r['upper']:+.4f}); tempting {t['strategy']} {t['log_loss_difference']:+.4f} ({t['lower']:+.4f} to {t['upper']:+.4f}) "
                f"[{rows[-1]['cpu_seconds']:.0f} CPU-s]")  # fmt: skip
    worse = [f"{r['data']} {r['model']}" for r in rows if r["held_out"]["worse"]]
    ratios = [r["tempting"]["log_loss"] / r["tempting"]["log_loss_none"] for r in rows]
    return {"benchmark": "advisor", "rows": rows, "cases": len(rows), "never_worse": not worse, "worse": worse,
            "other_than_none": sum(r["recommended"] != "none" for r in rows), "tempting_worse": sum(r["tempting"]["worse"] for r in rows),
            "median_log_loss_ratio_of_tempting": float(np.median(ratios)), "cpu_seconds": cpu_seconds() - start}  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=datasets.NAMES)
    parser.add_argument("--models", nargs="+", default=["hgb", "logistic"])
    parser.add_argument("--cost-fn", type=float, help="what a miss costs, a false alarm being 1: strategies are then judged by cost")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    result = run(given.data, given.models, cost_fn=given.cost_fn)
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"never worse beyond the interval: {result['never_worse']}; {result['cpu_seconds']:.0f} CPU-seconds")
