"""One piece of work of the explanation benchmark: `python work.py WORK WAY` prints one JSON object.

The flights: 20,404 rows spread over the year, 21 columns, 109 after encoding, a background of 100. The first 16,000 rows are learned from,
explained are others. Measured is CPU time, user and system, of the explaining itself: reading, fitting, imports and compilation are
left out, the work is done once before on a few rows.
"""

import argparse
import itertools
import json
import math
import resource
import statistics
import time
import warnings

import numpy as np

import mltoolkit as mlt

NUMBERS = ["hour", "month", "day", "sched_dep_time", "sched_arr_time", "distance", "temp", "dewp", "humid", "wind_dir", "wind_speed",
           "precip", "pressure", "visib", "plane_year", "plane_seats"]  # fmt: skip
CATEGORIES = ["carrier", "origin", "dest", "weekday", "plane_manufacturer"]
LEARNED, BACKGROUND = 16_000, 100
SEED = 0


def flights(numbers=NUMBERS, categories=CATEGORIES):
    "(X, y): source columns and whether the flight is late."
    data = mlt.load_example("flights", rows=21_000).known()
    X = data.frame[numbers + categories].reset_index(drop=True)
    return X.astype(dict.fromkeys(categories, str)), np.asarray(data.y).astype(int)


def pipeline(model, numbers=NUMBERS, categories=CATEGORIES, *, scale=False, levels=74):
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    filled = SimpleImputer(add_indicator=True)
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=levels, sparse_output=False)
    parts = [("numbers", make_pipeline(filled, StandardScaler()) if scale else filled, numbers), ("categories", one_hot, categories)]
    return make_pipeline(ColumnTransformer(parts), model)


def model(name):
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    return {
        "boosting": lambda: HistGradientBoostingClassifier(max_iter=100, random_state=SEED),
        "forest": lambda: RandomForestClassifier(300, random_state=SEED, n_jobs=1),
        "logistic": lambda: LogisticRegression(max_iter=500),
        "small boosting": lambda: HistGradientBoostingClassifier(max_iter=40, random_state=SEED),
        "small forest": lambda: RandomForestClassifier(25, min_samples_leaf=5, random_state=SEED, n_jobs=1),
        "small extra trees": lambda: ExtraTreesClassifier(25, min_samples_leaf=5, random_state=SEED, n_jobs=1),
        "small logistic": lambda: LogisticRegression(max_iter=500),
    }[name]()


def fitted(name):
    "(fitted pipeline, background, rows to explain)."
    X, y = flights()
    found = pipeline(model(name), scale=name == "logistic").fit(X[:LEARNED], y[:LEARNED])
    background = X[:LEARNED].sample(BACKGROUND, random_state=SEED)
    return found, background, X[LEARNED:]


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work, *inputs):
    "(CPU-seconds, wall seconds, result)."
    start, clock = cpu(), time.perf_counter()
    result = work(*inputs)
    return cpu() - start, time.perf_counter() - clock, result


def many(rows, n):
    "n rows, from the start again where there are not so many."
    return rows.iloc[np.arange(n) % len(rows)].reset_index(drop=True)


def ours(name, n):
    "The whole way of a batch: raw columns in, contributions out. And one warm explanation of a single row."
    from mltoolkit.explainability.explainer import Explainer

    found, background, rows = fitted(name)
    explainer = Explainer(found, background, n_background=BACKGROUND, random_state=SEED)
    explainer.attribute(rows[:5])
    X = many(rows, n)
    spent, _, result = timed(explainer.attribute, X)
    encoding, _, encoded = timed(found[:-1].transform, X)
    singles = [timed(explainer.attribute, rows[i : i + 1])[:2] for i in range(15)]
    raw = explainer.predict(X)
    return {"rows": n, "ms_a_row": 1e3 * spent / n, "encoding_ms_a_row": 1e3 * encoding / n,
            "one_row_cpu_ms": 1e3 * statistics.median(spent for spent, _ in singles),
            "one_row_wall_ms": 1e3 * statistics.median(wall for _, wall in singles),
            "method": result.method, "columns": X.shape[1], "encoded": encoded.shape[1],
            "additivity": float(np.abs(result.values.sum(axis=1) + result.base - raw).max())}  # fmt: skip


def shap_tree(name, n):
    import shap

    found, background, rows = fitted(name)
    Z, B = found[:-1].transform(rows[: n + 1]), found[:-1].transform(background)
    explainer = shap.TreeExplainer(found[-1], B, feature_perturbation="interventional")
    explainer.shap_values(Z[:1], check_additivity=False)
    spent, _, _ = timed(lambda: explainer.shap_values(Z[1:], check_additivity=False))
    return {"rows": n, "ms_a_row": 1e3 * spent / n, "columns": Z.shape[1]}


def shap_permutation(name, n):
    "Of the encoded columns, as texts are not taken; with the budget shap takes by itself."
    import shap

    found, background, rows = fitted(name)
    Z, B = found[:-1].transform(rows[: n + 1]), found[:-1].transform(background)
    explainer = shap.PermutationExplainer(lambda A: found[-1].predict_proba(A)[:, 1], shap.maskers.Independent(B, max_samples=BACKGROUND))
    explainer(Z[:1], silent=True)
    spent, _, _ = timed(lambda: explainer(Z[1:], silent=True))
    return {"rows": n, "ms_a_row": 1e3 * spent / n, "columns": Z.shape[1]}


def reasons(name, n):
    "Reason codes of a batch, from raw columns to text."
    from mltoolkit.explainability.explainer import Explainer
    from mltoolkit.explainability.reasons import reason_codes

    found, background, rows = fitted(name)
    explainer = Explainer(found, background, n_background=BACKGROUND, random_state=SEED)
    reason_codes(explainer, rows[:50], positive="late")
    X = many(rows, n)
    spent, wall, codes = timed(lambda: reason_codes(explainer, X, positive="late"))
    return {"rows": n, "cpu_s": spent, "wall_s": wall, "example": str(codes.to_frame().iloc[0].to_dict())[:300]}


FEW = (["hour", "temp", "plane_year", "distance"], ["carrier", "origin", "plane_manufacturer"])


def coalitions(found, output, rows, background):
    "Shapley values by definition: every coalition of source columns, through the raw pipeline. (rows, columns)."
    d, factorial = rows.shape[1], math.factorial
    sets = [frozenset(s) for k in range(d + 1) for s in itertools.combinations(range(d), k)]
    values = np.zeros((len(rows), d))
    for i in range(len(rows)):
        hybrid = background.iloc[np.tile(np.arange(len(background)), len(sets))].reset_index(drop=True)
        for j, column in enumerate(rows.columns):
            inside = np.repeat([j in s for s in sets], len(background))
            hybrid.loc[inside, column] = rows[column].iloc[i]
        v = dict(zip(sets, output(found, hybrid).reshape(len(sets), -1).mean(axis=1)))
        for j in range(d):
            values[i, j] = sum(
                factorial(len(s)) * factorial(d - len(s) - 1) / factorial(d) * (v[s | {j}] - v[s]) for s in sets if j not in s
            )
    return values


def brute_force(name, n):
    "Largest difference of our values from the definition, and the mean error of adding up shap's values of encoded columns."
    import shap

    from mltoolkit.explainability.explainer import Explainer

    X, y = flights(*FEW)
    found = pipeline(model(name), *FEW, scale="logistic" in name, levels=50).fit(X[:LEARNED], y[:LEARNED])
    late = X[LEARNED:]
    rows = late.iloc[np.r_[:n, np.flatnonzero(late["plane_year"].isna())[:3], np.flatnonzero(late["temp"].isna())[:1]]].reset_index(
        drop=True
    )
    background = X[:LEARNED].sample(30, random_state=3)
    explainer = Explainer(found, background, n_background=30, random_state=SEED)
    output = {"log-odds": lambda f, Z: f.decision_function(Z), "probability": lambda f, Z: f.predict_proba(Z)[:, 1]}[explainer.output]
    truth, mine = coalitions(found, output, rows, explainer.background), explainer.attribute(rows).values
    names = [" + ".join(map(str, player)) for player in explainer.players]
    mine = mine[:, [names.index(column) for column in rows.columns]]
    Z, B = found[:-1].transform(rows), found[:-1].transform(explainer.background)
    if "logistic" in name:
        theirs = shap.LinearExplainer(found[-1], B).shap_values(Z)
    else:
        theirs = shap.TreeExplainer(found[-1], B, feature_perturbation="interventional").shap_values(Z, check_additivity=False)
    theirs = theirs[..., 1] if theirs.ndim == 3 else theirs
    source = [source_of(output_name, rows.columns) for output_name in found[:-1].get_feature_names_out()]
    summed = np.zeros_like(truth)
    np.add.at(summed.T, source, theirs.T)
    return {"rows": len(rows), "largest_difference": float(np.abs(mine - truth).max()), "method": explainer.method,
            "summed_error": float(np.abs(summed - truth).mean() / np.abs(truth).mean())}  # fmt: skip


def source_of(output, columns):
    "Position of the source column that an encoded column is named after."
    name = output.split("__", 1)[1].removeprefix("missingindicator_")
    fits = [j for j, column in enumerate(columns) if name == column or name.startswith(f"{column}_")]
    return max(fits, key=lambda j: len(columns[j]))


WAYS = {"ours": ours, "shap tree": shap_tree, "shap permutation": shap_permutation, "reasons": reasons, "brute force": brute_force}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("way", choices=list(WAYS))
    parser.add_argument("rows", type=int)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(json.dumps(WAYS[options.way](options.model, options.rows)))
