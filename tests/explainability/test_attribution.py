"Attribution equals brute force over all coalitions, adds up, and speaks of original columns only."

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


def fitted(name):
    return make_pipeline_for(name, X).fit(X, DATA.y)


def quiet(share, note=""):
    pass


def brute_force(model, background, row):
    "Shapley values by enumeration of all coalitions of original columns."
    names = list(background.columns)
    d, value = len(names), {}
    for k in range(d + 1):
        for coalition in itertools.combinations(range(d), k):
            mixed = background.copy()
            for j in coalition:
                mixed[names[j]] = pd.concat([row[[names[j]]]] * len(background), ignore_index=True)[names[j]].array
            value[frozenset(coalition)] = model.predict_proba(mixed)[:, 1].mean()
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
    found = mlt.explain(model, DATA, background=background, rows=rows, n_background=20, n_permutations=30, n_repeats=1, max_rows=50, progress=quiet)
    off = []
    for row in rows:
        exact = brute_force(model, background, X.iloc[[row]])
        mine = found.local[found.local["row"] == row].set_index("column").loc[list(X.columns)]
        off.extend((mine["contribution"] - exact) / mine["error"].clip(lower=1e-9))
        assert np.abs(mine["contribution"] - exact).max() < 0.01
    assert np.abs(off).max() < 4.5
    assert np.mean(np.square(off)) < 3  # the stated errors are of the right size


def test_additive_and_in_original_columns():
    model = fitted("logistic")
    found = mlt.explain(model, DATA, rows=4, n_background=30, progress=quiet)
    total = found.local.groupby("row", sort=False)["contribution"].sum() + found.base
    np.testing.assert_allclose(total.to_numpy(), found.predictions["prediction"], atol=1e-12)
    np.testing.assert_allclose(found.predictions["prediction"], model.predict_proba(X.iloc[found.predictions["row"]])[:, 1], atol=1e-12)
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
    found = mlt.explain(make_pipeline_for("logistic", d.X).fit(d.X, d.y), d, rows=[3], n_permutations=40, progress=quiet)
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
    a, b, c = (mlt.explain(fitted("hgb"), DATA, rows=2, random_state=s, progress=quiet) for s in (0, 0, 1))
    pd.testing.assert_frame_equal(a.local, b.local, check_exact=True)
    pd.testing.assert_frame_equal(a.importance, b.importance, check_exact=True)
    assert not a.local["contribution"].equals(c.local["contribution"])


def test_rows_from_high_to_low_and_by_position():
    found = mlt.explain(fitted("logistic"), DATA, rows=3, n_background=10, progress=quiet)
    p = found.predictions["prediction"]
    assert p.is_monotonic_decreasing and p.iloc[0] == fitted("logistic").predict_proba(X)[:, 1].max()
    mask = np.zeros(N, dtype=bool)
    mask[[4, 7]] = True
    assert mlt.explain(fitted("logistic"), DATA, rows=mask, n_background=10, progress=quiet).predictions["row"].tolist() == [4, 7]


def test_without_labels_there_are_local_values_only():
    found = mlt.explain(fitted("logistic"), X, rows=2, progress=quiet)
    assert len(found.importance) == 0 and len(found.local) == 10 and np.isnan(found.log_loss)
    assert "not measured" in repr(found)
    assert Result.from_dict(json.loads(json.dumps(found.to_dict()))).n_importance_rows == 0


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


def test_progress_and_cancel():
    seen = []
    mlt.explain(fitted("logistic"), DATA, rows=2, n_background=10, progress=lambda s, n: seen.append(s))
    assert seen == sorted(seen) and seen[-1] == 1 and len(seen) == 2 + 5
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
