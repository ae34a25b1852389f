"Calibration measured and calibrators compared: identities, known answers, nothing seen where nothing is."

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError, Result
from mltoolkit.modeling.calibration_check import check_calibration, isotonic_fit, spiegelhalter
from mltoolkit.modeling.calibration_comparison import METHODS, beta_map, calibrate, compare_calibration


def rows(n=2_000, seed=0, slope=1.0):
    "Outcomes, and predictions whose log-odds are `slope` times the true ones."
    rng = np.random.default_rng(seed)
    true = rng.beta(1, 4, n)
    odds = (true / (1 - true)) ** slope
    return (rng.random(n) < true).astype(int), odds / (1 + odds)


def test_the_parts_make_up_the_brier_score():
    y, proba = rows(slope=2)
    found = check_calibration(y, proba, n_resamples=10)
    brier, parts = found.value("brier")[0], [found.value(n)[0] for n in ("miscalibration", "discrimination", "uncertainty")]
    assert brier == pytest.approx(((proba - y) ** 2).mean()) and brier == pytest.approx(parts[0] - parts[1] + parts[2])
    assert parts[2] == pytest.approx(y.mean() * (1 - y.mean())) and min(parts) > 0
    few = np.round(proba, 1)
    found = check_calibration(y, few, bins=50, n_resamples=10)  # every level a bin: Murphy's parts are exact
    reliability, resolution = found.value("reliability")[0], found.value("resolution")[0]
    assert found.value("brier")[0] == pytest.approx(reliability - resolution + found.value("uncertainty")[0])


def test_the_isotonic_fit_is_the_one_of_scikit_learn():
    from sklearn.isotonic import IsotonicRegression

    y, proba = rows(500)
    weights = np.random.default_rng(0).integers(0, 4, 500)
    levels, fitted = isotonic_fit(y, np.round(proba, 2), weights)
    model = IsotonicRegression().fit(np.round(proba, 2)[weights > 0], y[weights > 0], sample_weight=weights[weights > 0])
    np.testing.assert_allclose(fitted, model.predict(levels), atol=1e-10)


def test_slope_and_intercept_are_those_of_a_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    y, proba = rows(slope=2)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(np.log(proba / (1 - proba))[:, None], y)
    found = check_calibration(y, proba, n_resamples=40)
    assert found.value("slope")[0] == pytest.approx(model.coef_[0, 0], rel=1e-3)
    assert found.value("intercept")[0] == pytest.approx(model.intercept_[0], abs=1e-3)
    low, high = found.value("slope")[1:]
    assert low < 0.5 < high and high - low < 0.3
    assert "too extreme" in found.sentence and "speaks against them" in found.sentence


def test_nothing_is_found_in_probabilities_that_are_right():
    errors, plain, p, miscalibration, chance = [], [], [], [], []
    for seed in range(25):
        found = check_calibration(*rows(1_000, seed=seed), n_resamples=40, random_state=seed)
        errors.append(found.value("calibration_error")[0])
        plain.append(found.value("calibration_error_plain")[0])
        miscalibration.append(found.value("miscalibration")[0])
        chance.append(found.value("miscalibration_by_chance")[0])
        p.append(found.tests["p_value"].to_numpy())
    assert np.mean(errors) < 0.5 * np.mean(plain)
    assert np.mean(miscalibration) == pytest.approx(np.mean(chance), rel=0.25)
    assert (np.array(p) < 0.05).mean() <= 0.14


def test_a_planted_error_is_measured():
    rng = np.random.default_rng(0)
    true = rng.uniform(0.1, 0.6, 20_000)
    found = check_calibration(rng.random(20_000) < true, true + 0.1, n_resamples=40)
    for figure in ("calibration_error", "bias"):
        value, low, high = found.value(figure)
        assert value == pytest.approx(0.1, abs=0.01) and low < 0.1 < high
    assert found.value("miscalibration")[0] == pytest.approx(0.01, rel=0.2)
    assert (found.tests["p_value"] < 1e-6).all() and "10 points too high" in found.sentence


def test_spiegelhalter_by_hand_and_by_blocks():
    y, proba = rows(300)
    z, p = spiegelhalter(y, proba)
    expected = ((y - proba) * (1 - 2 * proba)).sum() / np.sqrt(((1 - 2 * proba) ** 2 * proba * (1 - proba)).sum())
    assert z == pytest.approx(expected) and 0 <= p <= 1
    many = np.repeat(np.arange(300), 9)
    assert spiegelhalter(y[many], proba[many])[0] == pytest.approx(3 * z)
    assert abs(spiegelhalter(y[many], proba[many], many)[0]) == pytest.approx(abs(z), rel=0.15)


def test_blocks_widen_the_intervals():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(50), 40)
    true = np.clip(0.2 + 0.12 * rng.standard_normal(50), 0.02, 0.9)[day]
    y, proba = (rng.random(2_000) < true).astype(int), 0.2 + 0.01 * rng.standard_normal(2_000)
    widths = [np.diff(check_calibration(y, proba, blocks=b, n_resamples=60).value("bias")[1:])[0] for b in (day, None)]
    assert widths[0] > 1.5 * widths[1]


@pytest.mark.parametrize("proba", [np.full(60, 0.3), np.array([0.0, 1.0] * 30), np.round(np.linspace(0, 1, 60), 1)])
def test_few_levels_and_certainties(proba, tmp_path):
    y = np.array([0, 1, 0] * 20)
    found = check_calibration(y, proba, n_resamples=10)
    assert found.bins["count"].sum() == 60 and found.sentence
    assert (found.curve["recalibrated"].diff().dropna() >= -1e-12).all()
    again = Result.load(found.save(tmp_path / "check.json"))
    assert again.to_dict() == found.to_dict() and again.sentence == found.sentence


def test_several_classes():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(1_500, 3))
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    y = (true.cumsum(axis=1) > rng.random((1_500, 1))).argmax(axis=1)
    found = check_calibration(y, true, classes=["<a>", "b", "c"], n_resamples=20)
    assert found.classes == ("<a>", "b", "c", "top") and found.value("calibration_error", "c")[0] < 0.03
    assert found.value("brier", "b")[0] == pytest.approx((((y == 1) - true[:, 1]) ** 2).mean())
    assert "<a>" not in found._repr_html_()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda y, p: check_calibration(y, p * 9), "between 0 and 1"),
        (lambda y, p: check_calibration(y, np.stack([p, p], axis=1)), "sum to 1"),
        (lambda y, p: check_calibration(y + 5, np.stack([p, 1 - p], axis=1)), "codes of the columns"),
        (lambda y, p: check_calibration(y, np.stack([p, 1 - p], axis=1), classes=["a"]), "name the columns"),
        (lambda y, p: check_calibration(y, p, bins=1), "`bins`"),
        (lambda y, p: check_calibration(y, p, blocks=[1]), "one block a row"),
        (lambda y, p: check_calibration(y, p, n_resamples=3).value("ece"), "one that was measured"),
    ],
)
def test_bad_input(how, words):
    with pytest.raises(InputError, match=words):
        how(*rows(100))


def test_beta_calibration_is_a_logistic_regression_of_two_logarithms():
    from sklearn.linear_model import LogisticRegression

    y, proba = rows(3_000, slope=0.5)
    x = np.stack([np.log(proba), -np.log(1 - proba)], axis=1)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(x, y)
    assert (model.coef_ > 0).all()
    np.testing.assert_allclose(beta_map(y, proba, proba), model.predict_proba(x)[:, 1], atol=2e-3)
    turned = beta_map(1 - y, proba, proba)  # the order must not be turned round
    assert np.ptp(turned) < 1e-9 and turned[0] == pytest.approx(1 - y.mean())
    assert (np.diff(beta_map(y, proba, np.array([0.0, 0.1, 0.5, 1.0]))) > 0).all()


def oof(slope, n=3_000, classes=2):
    if classes == 2:
        y, proba = rows(n, slope=slope)
        return pd.DataFrame({"row": np.arange(n), "fold": np.arange(n) % 5, "y": y, "m": proba})
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(n, classes))
    true, told = (np.exp(s) / np.exp(s).sum(axis=1, keepdims=True) for s in (scores, slope * scores))
    y = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return pd.DataFrame({"row": np.arange(n), "fold": np.arange(n) % 5, "y": y} | {f"m|{i}": told[:, i] for i in range(classes)})


@pytest.mark.parametrize("classes", [2, 3])
def test_calibrators_are_told_apart_where_they_differ(classes):
    task = "binary" if classes == 2 else "multiclass"
    right = compare_calibration(oof(1.0, classes=classes), "m", task=task)
    assert right.recommended == "none" and right.table.set_index("method").loc["none", "tied"] and "left as they are" in right.sentence
    wrong = compare_calibration(oof(2.5, classes=classes), "m", task=task)
    table = wrong.table.set_index("method")
    assert wrong.recommended == "temperature" and table.loc["temperature", "lower"] > 0 and not table.loc["none", "tied"]
    assert table["log_loss"].is_monotonic_increasing and set(table.index) == {"none", *METHODS}
    assert Result.from_dict(wrong.to_dict()).sentence == wrong.sentence


def test_a_map_learns_from_other_folds_only():
    table = oof(1.0, n=400)
    table["m"] = np.random.default_rng(0).random(400)  # nothing to learn: a map that saw its own rows would still gain
    found = compare_calibration(table, "m").table.set_index("method")
    base = -(table["y"].mean() * np.log(table["y"].mean()) + (1 - table["y"].mean()) * np.log(1 - table["y"].mean()))
    assert (found["log_loss"] > base - 1e-6).all()
    late = compare_calibration(table, "m", in_time=True)
    assert late.rows == 320 and late.folds == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [({"methods": ["platt"]}, "must be known"), ({"task": "regression"}, "got a regression"), ({"model": None}, "no model"), ({"blocks": [1]}, "one block a row")],
)
def test_bad_comparisons(options, words):
    with pytest.raises(InputError, match=words):
        compare_calibration(oof(1.0, n=100), **{"model": "m", **options})
    with pytest.raises(InputError, match="two folds"):
        compare_calibration(oof(1.0, n=100).assign(fold=0), "m")
    assert calibrate([0, 1], [0.1, 0.9], [0.5], None).tolist() == [0.5]
