"""How often `compare_scores` claims what is not so, and how often its intervals cover: simulation with known truth.

`python benchmarks/modeling/inference.py` prints one JSON object (about four minutes of one core); `--markdown` prints a table.

In each replicate a small table is drawn, two (or four) learners are cross-validated on it, and their out-of-fold predictions are
compared. The learners are exchangeable: each has columns of its own that are worth the same, so that their expected losses are equal
and every claim that one is better is an error. What differs from replicate to replicate, and within one from learner to learner, is
luck with the training rows. The truth for a score is its mean over all replicates, which is the expected score at this training size.
"""

import argparse
import json
import time
import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd

from mltoolkit.modeling.bootstrap import block_codes
from mltoolkit.modeling.inference import compare_scores
from mltoolkit.modeling.metrics import Evaluator
from mltoolkit.profiling.intervals import wilson


class Scenario(NamedTuple):
    name: str
    rows: int
    learner: str = "logistic"  # logistic, least_squares, tree
    signal: int = 1  # informative columns of each learner's own
    noise: int = 4  # uninformative columns of each learner's own
    shared: bool = False  # the signal is one column that all learners have
    metric: str = "log_loss"
    n_models: int = 2
    repeats: int = 1
    day: int = 1  # rows a day; folds are made of days, and days are blocks
    weaker: float = 1.0  # factor on the signal of the second learner; below 1 the first is better
    heavy: bool = False  # noise of least squares is Student's t with 5 degrees of freedom


SCENARIOS = [
    *(Scenario(f"own signal, {n} rows", n) for n in (100, 200, 500)),
    *(Scenario(f"shared signal and 20 noise columns, {n} rows", n, noise=20, shared=True) for n in (100, 200, 500)),
    *(Scenario(f"trees, {n} rows", n, learner="tree", noise=2) for n in (100, 200)),
    Scenario("RMSE, 200 rows", 200, learner="least_squares", metric="rmse"),
    Scenario("MAE, heavy tails, 200 rows", 200, learner="least_squares", metric="mae", heavy=True),
    *(Scenario(f"ROC AUC, {n} rows", n, metric="roc_auc") for n in (200, 500)),
    Scenario("average precision, 200 rows", 200, metric="average_precision"),
    Scenario("40 days of 10 rows", 400, noise=2, day=10),
    Scenario("repeated folds, own signal, 200 rows", 200, repeats=5),
    Scenario("repeated folds, shared signal, 200 rows", 200, noise=20, shared=True, repeats=5),
    Scenario("four models, 200 rows", 200, n_models=4),
    Scenario("one is better, 200 rows", 200, weaker=0.3),
    Scenario("one is better, 500 rows", 500, weaker=0.6),
]


def logistic_function(x):
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def draw(scenario, n, rng):
    "(columns of each learner, y, day of each row): learners are exchangeable unless one is weaker."
    s, day = scenario, np.arange(n) // scenario.day
    width = s.noise + (0 if s.shared else s.signal)
    own = rng.standard_normal((s.n_models, n, width))
    target = 1.2 * rng.standard_normal(n)
    common = target / 1.2
    if s.day > 1:  # columns and outcomes of a day go together
        own = 0.7 * own + 0.7 * rng.standard_normal((s.n_models, day.max() + 1, width))[:, day]
        target = 0.8 * rng.standard_normal(day.max() + 1)[day]
    if not s.shared:
        strength = np.where(np.arange(s.n_models) == 1, s.weaker, 1.0)
        target = np.einsum("mni,m->n", own[:, :, : s.signal], strength) + (target if s.day > 1 else 0.0)
    columns = [np.column_stack([common, x]) if s.shared else x for x in own]
    if s.learner == "least_squares":
        return columns, target + (rng.standard_t(5, n) if s.heavy else rng.standard_normal(n)), day
    return columns, (rng.random(n) < logistic_function(target)).astype(int), day


def fit_logistic(X, y, training):
    "Coefficients (folds, columns) of ridge logistic regression (C = 1) on the rows of each mask in `training`, by Newton's method."
    weights, penalty = np.zeros((len(training), X.shape[1])), np.r_[1e-6, np.ones(X.shape[1] - 1)]
    for _ in range(8):
        p = logistic_function(weights @ X.T)
        gradient = ((p - y) * training) @ X + penalty * weights
        curvature = np.matmul(X.T[None] * (p * (1 - p) * training)[:, None], X) + np.diag(penalty)
        weights = weights - np.linalg.solve(curvature, gradient[..., None])[..., 0]
    return weights


def predict_folds(learner, X, y, fold_of, n_folds):
    "Out-of-fold predictions of one learner."
    training = np.arange(n_folds)[:, None] != fold_of[None, :]
    if learner == "tree":
        from sklearn.tree import DecisionTreeClassifier

        found = np.empty(len(y))
        for mask in training:
            tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=5, random_state=0).fit(X[mask], y[mask])
            found[~mask] = 0.01 + 0.98 * tree.predict_proba(X[~mask])[:, 1]
        return found
    X = np.column_stack([np.ones(len(X)), X])
    if learner == "logistic":
        return logistic_function((fit_logistic(X, y, training.astype(float)) @ X.T)[fold_of, np.arange(len(y))])
    masked = training.astype(float)
    weights = np.linalg.solve(np.matmul(X.T[None] * masked[:, None], X), ((masked * y) @ X)[..., None])[..., 0]
    return (weights @ X.T)[fold_of, np.arange(len(y))]


def replicate(scenario, rng, n_folds=5):
    "The Inference of one replicate, its score of each model in the order they were made, and claims of two other tests."
    s = scenario
    columns, y, day = draw(s, s.rows, rng)
    blocks, parts, names = block_codes(day, s.rows), [], [f"m{i}" for i in range(s.n_models)]
    n_blocks = blocks.max() + 1
    for repeat in range(s.repeats):
        fold_of = rng.permutation(np.arange(n_blocks) % n_folds)[blocks]
        predictions = [predict_folds(s.learner, X, y, fold_of, n_folds) for X in columns]
        fold = fold_of + 1 + repeat * n_folds
        parts.append(pd.DataFrame({"row": np.arange(s.rows), "fold": fold, "y": y, **dict(zip(names, predictions))}))
    oof = pd.concat(parts, ignore_index=True)
    task = "regression" if s.learner == "least_squares" else "binary"
    found = compare_scores(oof, names, s.metric, task=task, blocks=np.tile(blocks, s.repeats))
    return found, fold_differences(oof, s.metric, task)


def fold_differences(oof, metric, task):
    "Score of the first model minus that of the second in each fold."
    folds = [part for _, part in oof.groupby("fold")]
    scored = [[Evaluator(part["y"], part[name], task=task)(metric) for name in ("m0", "m1")] for part in folds]
    return np.subtract(*np.array(scored).T)


def fold_t(differences, factor):
    "Whether the t test over folds (variance of the mean: `factor` times that of the folds) calls the two different."
    from scipy.special import stdtrit

    n = len(differences)
    return abs(differences.mean()) > stdtrit(n - 1, 0.975) * np.sqrt(factor * differences.var(ddof=1))


def simulate(scenario, replicates, random_state=0):
    "One row of the results."
    n, rng = replicates, np.random.default_rng([random_state, SCENARIOS.index(scenario)])
    claims, plain, corrected, tables, between = 0, 0, 0, [], []
    for _ in range(n):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found, differences = replicate(scenario, rng)
        claims += bool((found.pairs["p_adjusted"] < 0.05).any())
        plain += fold_t(differences, 1 / len(differences))
        corrected += fold_t(differences, 1 / len(differences) + 0.25)
        tables.append(found.table.set_index("model").sort_index()[["score", "lower", "upper", "nb_lower", "nb_upper", "fold_mean"]])
        pair = found.pair("m0", "m1")
        between.append([pair["difference"], pair["lower"], pair["upper"]])
    table = pd.concat(tables)
    truth, fold_truth = table.groupby(level=0)[["score", "fold_mean"]].transform("mean").to_numpy().T
    covers = ((table["lower"] <= truth) & (truth <= table["upper"])).to_numpy()
    covers_nb = ((table["nb_lower"] <= fold_truth) & (fold_truth <= table["nb_upper"])).to_numpy()
    between = np.array(between)
    gap = 0.0 if scenario.weaker == 1 else between[:, 0].mean()
    return {"scenario": scenario.name, "replicates": n, "equal": scenario.weaker == 1, "claims": share(claims, n),
            "claims_t_over_folds": share(plain, n), "claims_corrected_t": share(corrected, n),
            "coverage_score": share(covers.sum(), n * scenario.n_models, n),
            "coverage_score_corrected_t": share(covers_nb.sum(), n * scenario.n_models, n),
            "coverage_difference": share(((between[:, 1] <= gap) & (gap <= between[:, 2])).sum(), n)}  # fmt: skip


def share(hits, of, independent=None):
    "A share with its 95 % Monte Carlo interval; models of one replicate are not independent, so that replicates count."
    p, n = float(hits) / of, independent or of
    return [round(v, 4) for v in (p, *wilson(p * n, n))]


def run(replicates=1000, names=None, random_state=0):
    "All scenarios (or those whose name holds a text in `names`) as a dict that JSON can hold."
    chosen = [s for s in SCENARIOS if not names or any(name in s.name for name in names)]
    start = time.process_time()
    rows = [simulate(s, replicates, random_state) for s in chosen]
    equal = [r for r in rows if r["equal"]]
    worst = max((r["claims"][0] for r in equal), default=None)
    coverage = [r["coverage_score"][0] for r in rows]
    return {"replicates": replicates, "random_state": random_state, "rows": rows, "largest_type_one_error": worst,
            "mean_type_one_error": round(float(np.mean([r["claims"][0] for r in equal])), 4) if equal else None,
            "coverage": [min(coverage), max(coverage)], "cpu_seconds": round(time.process_time() - start, 1)}  # fmt: skip


def markdown(results):
    "The results as a Markdown table, in per cent, with Monte Carlo intervals for ours."
    head = ["scenario", "A is better: claims", "plain t over folds", "corrected t", "coverage of a score", "corrected t", "of a difference"]
    keys = ["claims", "claims_t_over_folds", "claims_corrected_t", "coverage_score", "coverage_score_corrected_t", "coverage_difference"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in results["rows"]:
        figures = {k: [f"{100 * v:.1f}" for v in row[k]] for k in keys}
        cells = [f"{v} ({low} to {high})" if k in ("claims", "coverage_score") else v for k, (v, low, high) in figures.items()]
        lines.append("| " + " | ".join([row["scenario"], *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="run only scenarios whose name holds one of these texts")
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--random-state", type=int, default=0)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    results = run(options.replicates, options.names, options.random_state)
    print(markdown(results) if options.markdown else json.dumps(results))
