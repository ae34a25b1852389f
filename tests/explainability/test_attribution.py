"Attribution equals brute force over all coalitions, adds up, and speaks of original columns only."

import functools
import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.candidates import make_pipeline_for

RNG = np.random.default_rng(0)
N = 600


def table():
    f = pd.DataFrame(
        {
            "a": RNG.standard_normal(N),
            "b": RNG.standard_normal(N),
            "airport": pd.Series(RNG.choice(["JFK", "LGA", "EWR"], N), dtype="str"),
            "kind": pd.Categorical(RNG.choice(["x", "y"], N)),
            "noise": RNG.standard_normal(N),
        }
    )
    logit = 1.5 * f["a"] * (f["airport"] == "JFK") + f["b"] - 1 + (f["kind"] == "x")
    f.loc[::9, "b"] = np.nan
    f.loc[::11, "airport"] = None
    return f.assign(late=RNG.random(N) < 1 / (1 + np.exp(-logit)))


DATA = Dataset(frame=table(), target="late")
X = DATA.X


@functools.cache
def fitted(name):
    return make_pipeline_for(name, X).fit(X, DATA.y)


def quiet(share, note=""):
    pass


def brute_force(model, background, row):
    "Shapley values by enumeration of all coalitions of original columns."
    names, d = list(background.columns), background.shape[1]
    sets = [frozenset(c) for k in range(d + 1) for c in itertools.combinations(range(d), k)]
    table, m = pd.concat([background, row], ignore_index=True), len(background)
    source = [[m if j in s else i for s in sets for i in range(m)] for j in range(d)]
    mixed = pd.DataFrame({name: table[name].take(source[j]).array for j, name in enumerate(names)})
    value = dict(zip(sets, model.predict_proba(mixed)[:, 1].reshape(-1, m).mean(axis=1)))
    phi = np.zeros(d)
    for j in range(d):
        for s in value:
            if j not in s:
                weight = math.factorial(len(s)) * math.factorial(d - len(s) - 1) / math.factorial(d)
                phi[j] += weight * (value[s | {j}] - value[s])
    return phi


@pytest.mark.parametrize("name", ["logistic", "hgb"])
def test_equal_to_brute_force_within_the_stated_error(name):
    model, background = fitted(name), X.iloc[:20].reset_index(drop=True)
    rows = [30, 99, 121]  # 99: both b and airport missing
    found = mlt.explain(model, DATA, background=background, rows=rows, n_background=20, n_permutations=20, n_repeats=1, max_rows=50,
                        output="probability", method="sampling", n_attribution_rows=0, progress=quiet)  # fmt: skip
    off = []
    for row in rows:
        exact = brute_force(model, background, X.iloc[[row]])
        mine = found.local[found.local["row"] == row].set_index("column").loc[list(X.columns)]
        off.extend((mine["contribution"] - exact) / mine["error"].clip(lower=1e-9))
        assert np.abs(mine["contribution"] - exact).max() < 0.01
    assert np.abs(off).max() < 4.5
    assert np.mean(np.square(off)) < 3  # the stated errors are of the right size


@pytest.mark.parametrize("output", ["auto", "probability", "log-odds"])
def test_additive_and_in_original_columns(output):
    model = fitted("logistic")
    found = mlt.explain(model, DATA, rows=4, n_background=30, output=output, n_attribution_rows=3, n_repeats=1, progress=quiet)
    total = found.local.groupby("row", sort=False)["contribution"].sum() + found.base
    np.testing.assert_allclose(total.to_numpy(), found.predictions["prediction"], atol=1e-12)
    probability = found.predictions["prediction" if output == "probability" else "probability"]
    np.testing.assert_allclose(probability, model.predict_proba(X.iloc[found.predictions["row"]])[:, 1], atol=1e-12)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.predictions["prediction"], atol=1e-12)
    for columns in (found.local["column"], found.importance["column"]):
        assert set(columns) == set(X.columns)


def test_a_column_the_model_ignores_gets_nothing():
    model = make_pipeline_for("logistic", X[["a", "b"]]).fit(X[["a", "b"]], DATA.y)
    found = mlt.explain(model, DATA, rows=2, progress=quiet)
    assert set(found.local["column"]) == {"a", "b"}
    constant = mlt.explain(fitted("dummy"), DATA, rows=2, progress=quiet)
    assert (constant.local["contribution"] == 0).all() and (constant.importance["importance"].abs() < 1e-12).all()


def test_equal_columns_get_equal_shares():
    twice = X.assign(b2=X["b"], y=DATA.y)
    d = Dataset(frame=twice, target="y", positive=1)
    found = mlt.explain(make_pipeline_for("logistic", d.X).fit(d.X, d.y), d, rows=[3], method="sampling", n_permutations=20, n_background=50, n_repeats=1,
                        n_attribution_rows=0, progress=quiet)  # fmt: skip
    part = found.of(3).set_index("column")
    assert part.loc["b", "contribution"] == pytest.approx(part.loc["b2", "contribution"], abs=5 * part.loc["b", "error"] + 1e-9)


def test_importance_finds_what_matters():
    found = mlt.explain(fitted("hgb"), DATA, rows=0, progress=quiet).importance.set_index("column")
    assert found["importance"].idxmin() == "noise" or found.loc["noise", "importance"] < 0.02
    assert found.loc["b", "lower"] > 0
    assert ((found["lower"] <= found["importance"]) & (found["importance"] <= found["upper"])).all()
    assert found["importance"].is_monotonic_decreasing


def test_one_column_gets_everything():
    one = X[["b"]]
    found = mlt.explain(make_pipeline_for("logistic", one).fit(one, DATA.y), DATA, rows=[5], progress=quiet)
    assert found.local["contribution"].iloc[0] == pytest.approx(found.predictions["prediction"].iloc[0] - found.base, abs=1e-12)


def test_same_seed_same_result():
    how = {"output": "probability", "method": "sampling", "rows": 2, "n_attribution_rows": 3, "n_background": 30, "n_repeats": 2, "progress": quiet}
    a, b, c = (mlt.explain(fitted("hgb"), DATA, random_state=s, **how) for s in (0, 0, 1))
    pd.testing.assert_frame_equal(a.local, b.local, check_exact=True)
    pd.testing.assert_frame_equal(a.importance, b.importance, check_exact=True)
    assert not a.local["contribution"].equals(c.local["contribution"])


def test_rows_from_high_to_low_and_by_position():
    found = mlt.explain(fitted("logistic"), DATA, rows=3, n_background=10, progress=quiet)
    p = found.predictions["prediction"]
    assert p.is_monotonic_decreasing
    assert found.predictions["probability"].iloc[0] == pytest.approx(fitted("logistic").predict_proba(X)[:, 1].max(), abs=1e-12)
    mask = np.zeros(N, dtype=bool)
    mask[[4, 7]] = True
    assert mlt.explain(fitted("logistic"), DATA, rows=mask, n_background=10, progress=quiet).predictions["row"].tolist() == [4, 7]


def test_without_labels_the_columns_are_ordered_by_their_contributions():
    found = mlt.explain(fitted("logistic"), X, rows=2, progress=quiet)
    assert found.importance["importance"].isna().all() and found.importance["attribution"].is_monotonic_decreasing
    assert len(found.local) == 10 and np.isnan(found.log_loss) and found.n_importance_rows == 0
    assert found.importance["column"].iloc[0] in repr(found)
    bare = mlt.explain(fitted("logistic"), X, rows=2, n_attribution_rows=0, progress=quiet)
    assert bare.importance["attribution"].isna().all() and bare.n_attribution_rows == 0


def test_rows_with_unknown_target_can_be_explained():
    frame = DATA.frame.astype({"late": "boolean"})
    frame.loc[:50, "late"] = pd.NA
    found = mlt.explain(fitted("logistic"), DATA.with_frame(frame), rows=[0], progress=quiet)
    assert found.n_importance_rows == N - 51 and found.predictions["row"].tolist() == [0]


def test_round_trip_and_sentence(tmp_path):
    found = mlt.explain(fitted("logistic"), DATA, rows=[11, 12], n_background=20, progress=quiet)
    again = Result.load(found.save(tmp_path / "explanation.json"))
    pd.testing.assert_frame_equal(again.of(11), found.of(11))
    assert repr(again) == repr(found)
    assert again.sentence(11).startswith("Row 11: ") and "missing" in set(found.of(11)["value"])


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks(task):
    rng = np.random.default_rng(1)
    score = (X["a"].fillna(0) + (X["airport"] == "JFK") + 0.5 * rng.standard_normal(N)).to_numpy()
    y = score if task == "regression" else pd.Series(np.array(["on time", "late", "gone"])[np.digitize(score, [0, 1])], dtype="str")
    data = Dataset(frame=X.assign(y=y), target="y")
    model = make_pipeline_for("hgb", X, task=task, parameters={"max_iter": 20}).fit(X, data.y)
    found = mlt.explain(model, data, rows=[3, 5], n_repeats=1, max_rows=200, n_attribution_rows=50, progress=quiet)
    assert (found.task, found.method, found.metric) == (task, "trees", {"multiclass": "log_loss", "regression": "rmse"}[task])
    assert set(found.importance["column"].head(2)) == {"a", "airport"}
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    if task == "regression":
        assert found.output == "value" and again.sentence(3).startswith("Row 3: ") and "in its unit" in again.sentence(3)
        np.testing.assert_allclose(found.values.sum(axis=1) + found.base, model.predict(X.iloc[[3, 5]]), atol=1e-9)
        return
    assert found.classes == tuple(data.classes) and set(found.local["class"]) == set(data.classes)
    assert len(found.local) == 2 * 3 * 5 and found.values.shape == (6, 5)
    p = found.predictions.set_index(["row", "class"])["probability"]
    np.testing.assert_allclose(p.loc[3].to_numpy(), model.predict_proba(X.iloc[[3]])[0], atol=1e-9)
    likely = p.loc[3].idxmax()
    assert f"class {likely}" in again.sentence(3) and "class gone" in found.sentence(3, label="gone")
    pd.testing.assert_frame_equal(again.of(3), found.of(3, label=likely))
    with pytest.raises(InputError, match="`label`"):
        found.of(3, label="early")


def test_many_rows_are_kept_wide(tmp_path):
    big = pd.concat([X, X], ignore_index=True)
    found = mlt.explain(fitted("logistic"), big, rows=np.arange(1_200), progress=quiet)
    assert found.values.shape == found.texts.shape == (1_200, 5) and found.local["row"].nunique() == 1_000
    again = Result.load(found.save(tmp_path / "explanation.json"))
    late, early = again.of(1_199), again.of(1_199 - N)
    pd.testing.assert_frame_equal(late, early, check_exact=False)
    assert again.sentence(1_199).startswith("Row 1199: ") and (tmp_path / "explanation.values.parquet").exists()


def test_values_in_the_form_of_shap():
    shap = pytest.importorskip("shap")
    found = mlt.explain(fitted("hgb"), DATA, rows=[11, 9], n_attribution_rows=0, n_repeats=1, max_rows=50, progress=quiet).to_shap()
    assert isinstance(found, shap.Explanation) and found.values.shape == (2, 5) and found.feature_names == list(X.columns)
    np.testing.assert_allclose(found.base_values + found.values.sum(axis=1), fitted("hgb").decision_function(X.iloc[[11, 9]]), atol=1e-9)
    assert found.data[0, 2] == "missing" and isinstance(found.data[0, 0], float)


def test_sensitive_columns_are_refused():
    with pytest.raises(InputError, match="sensitive"):
        mlt.explain(fitted("logistic"), DATA.replace(sensitive=("kind",)), rows=1, progress=quiet)


def test_progress_and_cancel():
    seen = []
    mlt.explain(fitted("logistic"), DATA, rows=2, n_background=10, progress=lambda s, n: seen.append(s))
    assert seen == sorted(seen) and seen[-1] == 1 and len(seen) >= 2 + 5
    token = Cancel()
    with pytest.raises(Cancelled):
        mlt.explain(fitted("logistic"), DATA, rows=2, progress=lambda s, n: token.cancel(), cancel=token)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda m: mlt.explain(m, X.drop(columns="a")), "no column 'a'"),
        (lambda m: mlt.explain(m, DATA, rows=[N]), "positions"),
        (lambda m: mlt.explain(m, DATA, rows=[-1]), "positions"),
        (lambda m: mlt.explain(m, DATA, rows=["x"]), "positions"),
        (lambda m: mlt.explain(m, DATA, n_background=0), "`n_background`"),
        (lambda m: mlt.explain("model", DATA), "predict_proba"),
        (lambda m: mlt.explain(m, X.head(0)), "rows"),
    ],
)
def test_bad_input(how, words):
    with pytest.raises(InputError, match=words):
        how(fitted("logistic"))
