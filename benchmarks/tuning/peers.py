"""What others do with a budget of CPU-seconds on one table: FLAML, AutoGluon, Optuna with LightGBM, and random search.

Every function takes (X, y, budget in CPU-seconds, seed), where text columns are categories, and returns (what predicts the
probability of class 1 for a DataFrame, how many configurations were begun). They run in an environment of their own
(`benchmarks/requirements.txt`), one thread each. FLAML and AutoGluon count seconds on the wall; `contest.py` gives them the CPU clock
of the process in its place, so that neither a busy machine nor a second process takes from their budget.
"""

import os
import tempfile
import warnings

import numpy as np
from clock import cpu_seconds

FOLDS = 5
RESERVE = {"autogluon": 0.96, "flaml": 1.0}  # of the budget, handed on as the time limit: what is used is then the budget


def flaml(X, y, budget_s, seed, **more):
    "FLAML as it comes, for log-loss: its own families, resampling and order of cost; refitted on all rows."
    from flaml import AutoML

    found = AutoML()
    found.fit(X_train=X, y_train=y, task="classification", metric="log_loss", time_budget=budget_s * RESERVE["flaml"], n_jobs=1,
              seed=seed, verbose=0, **more)  # fmt: skip
    tried = len(found.config_history) if not hasattr(found, "_track_iter") else found._track_iter
    return lambda new: found.predict_proba(new)[:, 1], int(tried)


def flaml_stacked(X, y, budget_s, seed):
    "FLAML that stacks the best of its families in the end."
    return flaml(X, y, budget_s, seed, ensemble=True)


def autogluon(X, y, budget_s, seed, folds=FOLDS, sets=1):
    "AutoGluon: its default families, each bagged over five folds, and a greedily weighted ensemble of them."
    from autogluon.tabular import TabularPredictor

    folder = tempfile.TemporaryDirectory(prefix="mltoolkit-bench-")
    predictor = TabularPredictor(label="target", eval_metric="log_loss", problem_type="binary", path=folder.name, verbosity=0)
    bags = {"num_bag_folds": folds, "num_bag_sets": sets, "ag_args_ensemble": {"fold_fitting_strategy": "sequential_local"}}
    predictor.fit(X.assign(target=y), time_limit=budget_s * RESERVE["autogluon"], num_cpus=1, num_gpus=0, num_stack_levels=0,
                  dynamic_stacking=False, **(bags if folds else {}))  # fmt: skip

    def predict(new, keep=folder):  # the models are read from the folder
        return predictor.predict_proba(new)[1].to_numpy()

    return predict, len(predictor.model_names())


def autogluon_holdout(X, y, budget_s, seed):
    "AutoGluon's medium quality: no bags, one held-out part, a weighted ensemble."
    return autogluon(X, y, budget_s, seed, folds=0)


def drawn_folds(y, seed):
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(y)), y))


RANGES = {"learning_rate": ("float", 0.01, 0.3, True), "num_leaves": ("int", 4, 256, True), "min_child_samples": ("int", 2, 200, True),
          "subsample": ("float", 0.5, 1.0, False), "colsample_bytree": ("float", 0.4, 1.0, False),
          "reg_alpha": ("float", 1e-8, 10.0, True), "reg_lambda": ("float", 1e-8, 10.0, True)}  # fmt: skip


class OutOfTime(Exception):
    "The budget ended in the middle of a fit."


def optuna(X, y, budget_s, seed):
    """Optuna and LightGBM, as a good practitioner writes it: multivariate TPE that begins with LightGBM's defaults, five folds as
    rungs for a median pruner, early stopping on the fold held out, and a last fit on all rows with the mean number of rounds."""
    import lightgbm
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    start, folds = cpu_seconds(), drawn_folds(y, seed)
    best = {"loss": np.inf, "rounds": 100, "parameters": {}, "refit_s": 0.0}
    fixed = {"n_estimators": 2000, "n_jobs": 1, "verbosity": -1, "random_state": seed, "subsample_freq": 1}

    def left(*_):
        return budget_s - (cpu_seconds() - start) - best["refit_s"]

    def watch(state):
        if left() < 0:
            raise OutOfTime

    def objective(trial):
        p = {name: getattr(trial, f"suggest_{kind}")(name, low, high, log=log) for name, (kind, low, high, log) in RANGES.items()}
        losses, rounds, refit_s = [], [], 0.0
        for k, (train, valid) in enumerate(folds):
            begun, stop = cpu_seconds(), lightgbm.early_stopping(30, verbose=False)
            model = lightgbm.LGBMClassifier(**fixed, **p)
            model.fit(X.iloc[train], y[train], eval_set=[(X.iloc[valid], y[valid])], eval_metric="logloss", callbacks=[stop, watch])
            losses.append(model.best_score_["valid_0"]["binary_logloss"])
            rounds.append(model.best_iteration_)
            share = rounds[-1] / (rounds[-1] + 30) * FOLDS / (FOLDS - 1)  # the last fit has a fold more, and no rounds in vain
            refit_s = max(refit_s, (cpu_seconds() - begun) * share)
            trial.report(float(np.mean(losses)), k)
            if trial.should_prune():
                raise optuna.TrialPruned
        if np.mean(losses) < best["loss"]:
            best.update(loss=float(np.mean(losses)), rounds=int(np.ceil(np.mean(rounds))), parameters=p, refit_s=refit_s)
        return float(np.mean(losses))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True),
                                pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=0))  # fmt: skip
    study.enqueue_trial({"learning_rate": 0.1, "num_leaves": 31, "min_child_samples": 20, "subsample": 1.0, "colsample_bytree": 1.0,
                         "reg_alpha": 1e-8, "reg_lambda": 1e-8})  # fmt: skip
    while left() > 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study.optimize(objective, n_trials=1, catch=(OutOfTime,))
    model = lightgbm.LGBMClassifier(**fixed | {"n_estimators": best["rounds"]}, **best["parameters"]).fit(X, y)
    return lambda new: model.predict_proba(new)[:, 1], len(study.trials)


def random_search(X, y, budget_s, seed):
    "Random search over scikit-learn's gradient boosting, five folds a configuration, and a last fit on all rows."
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import ParameterSampler, cross_val_score

    start, folds, losses, took = cpu_seconds(), drawn_folds(y, seed), [], [0.0]
    kinds = [bool(str(dtype) == "category" and len(dtype.categories) <= 255) for dtype in X.dtypes]
    ranges = {"learning_rate": np.geomspace(0.01, 0.3, 50), "max_iter": np.geomspace(50, 500, 50).astype(int),
              "max_leaf_nodes": np.geomspace(4, 256, 50).astype(int), "min_samples_leaf": np.geomspace(2, 200, 50).astype(int),
              "l2_regularization": np.geomspace(1e-8, 10, 50), "max_features": np.linspace(0.4, 1.0, 7)}  # fmt: skip
    tried = []

    def coded(table):
        codes = {name: table[name].cat.codes.replace(-1, np.nan) for name in X.columns if str(X[name].dtype) == "category"}
        return table.assign(**codes).to_numpy(dtype=float)

    M = coded(X)
    make = {"early_stopping": False, "random_state": seed, "categorical_features": kinds}
    for parameters in ParameterSampler(ranges, 100_000, random_state=seed):
        spent = cpu_seconds() - start
        if tried and spent + np.mean(took) * (1 + 1 / FOLDS) > budget_s:
            break
        model = HistGradientBoostingClassifier(**make, **parameters)
        losses.append(-cross_val_score(model, M, y, cv=folds, scoring="neg_log_loss").mean())
        tried.append(parameters)
        took = [*took[len(tried) == 1 :], cpu_seconds() - start - spent]
    best = HistGradientBoostingClassifier(**make, **tried[int(np.argmin(losses))]).fit(M, y)
    return lambda new: best.predict_proba(coded(new))[:, 1], len(tried)


PEERS = {"flaml": flaml, "autogluon": autogluon, "optuna": optuna, "random": random_search}
VARIANTS = {"flaml_stacked": flaml_stacked, "autogluon_holdout": autogluon_holdout}
TAKES_WALL_SECONDS = ("flaml", "autogluon", *VARIANTS)
PACKAGES = {"flaml": ("flaml.automl", "lightgbm", "catboost", "xgboost", "sklearn.ensemble"),
            "autogluon": ("autogluon.tabular", "lightgbm", "catboost", "xgboost", "sklearn.ensemble"),
            "optuna": ("lightgbm", "optuna", "sklearn.model_selection"),
            "random": ("sklearn.ensemble", "sklearn.model_selection")}  # fmt: skip
os.environ.setdefault("AG_LOG_LEVEL", "30")
