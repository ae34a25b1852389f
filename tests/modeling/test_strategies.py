"Strategies against imbalance: resampling stays inside the fold, copes with tiny classes, and says what it did."

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import EditedNearestNeighbours
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from mltoolkit.core import InputError
from mltoolkit.modeling import resampling
from mltoolkit.modeling.calls import build, imports, source, steps_of
from mltoolkit.modeling.candidates import describe, make_pipeline_for
from mltoolkit.modeling.preprocessing import column_kinds
from mltoolkit.modeling.resampling import AnomalyClassifier, BalancedWeights, PriorCorrection, Resample
from mltoolkit.modeling.strategies import (
    DEFAULT_STRATEGIES,
    STRATEGIES,
    apply_strategy,
    class_counts,
    own_classes,
    own_source,
    strategy_label,
    strategy_of,
    with_strategy,
)

N = 240
KINDS = ("none", "weight", "over", "under", "clean", "ensemble", "post", "one-class")


def mixed(n=N, share=0.12, seed=0):
    "Numbers with gaps, a category, and a target that depends on them."
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    X = pd.DataFrame({"a": rng.normal(size=n) + y, "b": rng.normal(size=n) * 100, "kind": rng.choice(["x", "y", "z"], n)})
    X.loc[rng.choice(n, n // 10, replace=False), "a"] = np.nan
    X.loc[rng.choice(n, n // 10, replace=False), "kind"] = None
    return X, y


X, Y = mixed()


def test_the_registry_is_complete():
    for name, strategy in STRATEGIES.items():
        assert strategy.kind in KINDS and strategy.label and strategy.description.endswith("."), name
        assert len(strategy.description) < 100 and (strategy.paper or name == "none"), name
        assert strategy_of(name) is strategy
    assert len({s.label for s in STRATEGIES.values()}) == len(STRATEGIES)
    assert set(DEFAULT_STRATEGIES) <= set(STRATEGIES) and DEFAULT_STRATEGIES[0] == "none"


@pytest.mark.parametrize("name", [*STRATEGIES, "random_over+calibrated"])
def test_every_strategy_learns_and_predicts_every_row_once(name):
    slow = STRATEGIES[name.removesuffix("+calibrated")].kind in ("ensemble", "one-class")
    for model in ("logistic",) if slow else ("logistic", "hgb"):
        pipeline = make_pipeline_for(f"{model}+{name}", X)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # nothing had to be changed here
            proba = pipeline.fit(X, Y).predict_proba(X)
        assert proba.shape == (N, 2) and np.isfinite(proba).all() and np.allclose(proba.sum(axis=1), 1)
        again = make_pipeline_for(f"{model}+{name}", X).fit(X, Y).predict_proba(X)
        assert (proba == again).all()


@pytest.mark.parametrize(
    "name", ["class_weight", "random_over", "smote", "smotenc", "random_under", "tomek", "prior_correction", "calibrated"]
)
def test_printed_text_builds_the_same(name):
    call = describe(f"logistic+{name}", column_kinds(X))
    space = {"np": np}
    for module, cls in imports(call):
        exec(f"from {module} import {cls}", space)
    printed = eval(source(call), space)
    np.testing.assert_array_equal(printed.fit(X, Y).predict_proba(X), build(call).fit(X, Y).predict_proba(X))


def test_a_sampler_is_only_ever_in_imbalanced_learns_pipeline():
    for name in STRATEGIES:
        call = describe(f"hgb+{name}", column_kinds(X))
        samples = any(hasattr(build(step), "fit_resample") for _, step in steps_of(call))
        assert samples == (call.path == "imblearn.pipeline.Pipeline"), name
        assert samples == (strategy_of(name).kind in ("over", "under", "clean")), name


def test_planted_leak_resampling_before_the_split_against_inside():
    rng = np.random.default_rng(1)
    noise, y = pd.DataFrame(rng.normal(size=(400, 4))), (rng.random(400) < 0.08).astype(int)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
    for name, sampler in (("random_over", RandomOverSampler(random_state=0)), ("smote", SMOTE(random_state=0))):
        wrong = cross_val_score(model, *sampler.fit_resample(noise, y), scoring="roc_auc", cv=5).mean()
        right = cross_val_score(apply_strategy(model, name), noise, y, scoring="roc_auc", cv=5).mean()
        assert wrong > 0.85 and abs(right - 0.5) < 0.12, (name, wrong, right)


def test_rows_to_predict_never_pass_a_sampler():
    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y):
            seen.append(("fit", len(X), int(np.sum(y))))
            return super().fit(X, y)

        def predict_proba(self, X):
            seen.append(("predict", len(X), None))
            return super().predict_proba(X)

    pipeline = apply_strategy(make_pipeline(StandardScaler(), Spy()), "smote")
    numbers = X[["b"]]
    pipeline.fit(numbers.iloc[:200], Y[:200]).predict_proba(numbers.iloc[200:])
    common = int((Y[:200] == 0).sum())
    assert seen == [("fit", 2 * common, common), ("predict", 40, None)]


def test_class_counts_say_what_happened():
    rare, common = int(Y.sum()), int((Y == 0).sum())
    expected = {"none": (common, rare), "class_weight": (common, rare), "random_over": (common, common), "smote": (common, common),
                "smotenc": (common, common), "random_under": (rare, rare), "prior_correction": (rare, rare),
                "balanced_bagging": (rare, rare), "isolation_forest": (common, 0)}  # fmt: skip
    for name, after in expected.items():
        table = class_counts(make_pipeline_for(f"logistic+{name}", X), X, Y)
        assert table["before"].tolist() == [common, rare] and tuple(table["after"]) == after, name
    tomek = class_counts(make_pipeline_for("logistic+tomek", X), X, Y)["after"].tolist()
    assert tomek[0] < common and tomek[1] == rare
    inner = class_counts(make_pipeline_for("logistic+calibrated", X), X, Y)
    assert inner["after"].nunique() == 1 and inner["after"][0] < common and "inner folds" in inner["note"][0]


@pytest.mark.parametrize("n_rare", [1, 2, 3, 5])
@pytest.mark.parametrize("sampler", [SMOTE(random_state=0), BorderlineSMOTE(random_state=0), ADASYN(random_state=0)])
def test_tiny_minorities_are_resampled_and_said(sampler, n_rare):
    rng = np.random.default_rng(n_rare)
    numbers, y = rng.normal(size=(60 + n_rare, 2)), np.r_[np.zeros(60), np.ones(n_rare)].astype(int)
    step = Resample(sampler)
    with pytest.warns(UserWarning, match="lowered|repeated"):
        new_X, new_y = step.fit_resample(numbers, y)
    assert np.isfinite(new_X).all() and len(new_X) == len(new_y) and (new_y == 0).sum() == 60
    assert step.counts_[1] == (n_rare, int((new_y == 1).sum())) and step.counts_[1][1] >= n_rare and step.note_
    assert sampler.get_params()["random_state"] == 0 and getattr(sampler, "k_neighbors", 5) == 5  # the one given is not changed


@pytest.mark.parametrize("name", [n for n in STRATEGIES if STRATEGIES[n].kind in ("over", "under", "clean", "post", "weight")])
def test_strategies_survive_three_positives(name):
    few = Y * 0
    few[:3] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(make_pipeline_for(f"logistic+{name}", X).fit(X, few).predict_proba(X)).all()


def test_a_class_never_vanishes():
    rng = np.random.default_rng(0)
    numbers, y = rng.normal(size=(120, 2)), np.r_[np.zeros(100), np.ones(17), np.full(3, 2)].astype(int)
    with pytest.warns(UserWarning, match="left as they are: .*vanished"):
        _, new_y = Resample(EditedNearestNeighbours(sampling_strategy="all")).fit_resample(numbers, y)
    assert (new_y == y).all()


def test_prior_correction_is_the_formula_and_calibrated():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6000, 1))
    true = 1 / (1 + np.exp(3.2 - 1.3 * x[:, 0]))
    y = (rng.random(6000) < true).astype(int)
    model = PriorCorrection(LogisticRegression(), random_state=0).fit(x, y)
    sampled = model.estimator_.predict_proba(x)[:, 1]
    beta = y.sum() / (y == 0).sum()
    formula = beta * sampled / (beta * sampled - sampled + 1)  # Dal Pozzolo et al. 2015, equation 4
    corrected = model.predict_proba(x)[:, 1]
    np.testing.assert_allclose(corrected, formula, rtol=1e-12)
    assert abs(sampled.mean() - y.mean()) > 0.2 and abs(corrected.mean() - y.mean()) < 0.01
    assert np.abs(corrected - true).mean() < 0.01
    assert model.counts_ == {0: (int((y == 0).sum()), int(y.sum())), 1: (int(y.sum()), int(y.sum()))}
    assert (model.predict(x) == model.classes_[model.predict_proba(x).argmax(axis=1)]).all()


def test_prior_correction_for_three_classes_keeps_the_shares():
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], 3000, p=[0.8, 0.15, 0.05])
    model = PriorCorrection(LogisticRegression()).fit(rng.normal(size=(3000, 2)), y)
    found = model.predict_proba(rng.normal(size=(500, 2))).mean(axis=0)
    np.testing.assert_allclose(found, [0.8, 0.15, 0.05], atol=0.02)
    assert list(model.classes_) == ["a", "b", "c"]


def test_row_weights_stand_in_for_class_weights():
    numbers = X[["b"]].to_numpy()
    from sklearn.naive_bayes import GaussianNB
    from sklearn.utils.class_weight import compute_sample_weight

    own = make_pipeline_for("naive_bayes+class_weight", X)[-1]
    assert isinstance(own, BalancedWeights) and own.estimator.var_smoothing == 0.1
    expected = GaussianNB().fit(numbers, Y, sample_weight=compute_sample_weight("balanced", Y)).predict_proba(numbers)
    np.testing.assert_allclose(BalancedWeights(GaussianNB()).fit(numbers, Y).predict_proba(numbers), expected)
    assert "weighted" in class_counts(make_pipeline_for("naive_bayes+class_weight", X), X, Y)["note"][0]


def test_outlier_scores_become_probabilities():
    rng = np.random.default_rng(0)
    cloud, y = np.r_[rng.normal(size=(300, 2)), rng.normal(size=(20, 2)) + 6], np.r_[np.zeros(300), np.ones(20)]
    model = AnomalyClassifier(IsolationForest(n_estimators=30, random_state=0)).fit(cloud, y)
    proba = model.predict_proba(cloud)[:, 1]
    assert proba[y == 1].mean() > 0.6 > 0.1 > proba[y == 0].mean() and set(model.predict(cloud)) <= {0.0, 1.0}
    assert abs(proba.mean() - 20 / 320) < 0.02
    with pytest.raises(ValueError, match="two classes"):
        AnomalyClassifier(IsolationForest()).fit(cloud, np.arange(320) % 3)


def test_smotenc_invents_only_categories_that_exist():
    pipeline = make_pipeline_for("logistic+smotenc", X)
    front = pipeline[: next(i for i, (_, s) in enumerate(pipeline.steps) if hasattr(s, "fit_resample")) + 1]
    new_X, new_y = front.fit_resample(X, Y)
    codes = np.asarray(new_X)[:, -1]
    assert set(codes) <= {-2.0, 0.0, 1.0, 2.0} and (new_y == 0).sum() == (new_y == 1).sum()
    assert len(set(np.asarray(new_X)[new_y == 1, 0].round(9))) > Y.sum()  # while numbers are new


def test_several_classes():
    rng = np.random.default_rng(0)
    y = rng.choice(3, N, p=[0.7, 0.2, 0.1])
    for name in (n for n in STRATEGIES if "multiclass" in STRATEGIES[n].tasks and STRATEGIES[n].kind != "ensemble"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            proba = make_pipeline_for(f"logistic+{name}", X, task="multiclass").fit(X, y).predict_proba(X)
        assert proba.shape == (N, 3) and np.allclose(proba.sum(axis=1), 1), name
    for name in ("one_class", "isolation_forest"):
        with pytest.raises(InputError, match="needs a target with binary classes"):
            strategy_of(name, "multiclass")


def test_what_cannot_be_done_is_said():
    columns, numbers = column_kinds(X), column_kinds(X[["b"]])
    with pytest.raises(InputError, match="Did you mean 'smote'"):
        with_strategy(describe("hgb", columns), "smoote")
    with pytest.raises(InputError, match="Imbalance is about classes"):
        strategy_of("smote", "regression")
    with pytest.raises(InputError, match="numbers and categories"):
        with_strategy(describe("hgb", numbers), "smotenc", columns=numbers)
    with pytest.raises(InputError, match="prepares columns"):
        with_strategy(describe("dummy", columns), "smote")
    with pytest.raises(InputError, match="takes `class_weight`"):
        apply_strategy(make_pipeline(StandardScaler(), KNeighborsClassifier()), "class_weight")
    with pytest.raises(InputError, match="no sampler"):
        apply_strategy(make_pipeline_for("hgb+smote", X), "random_under")


def test_an_own_pipeline_is_rewritten_and_not_changed():
    own = Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression(C=0.3))])
    before = str(own.get_params())
    weighted = apply_strategy(own, "class_weight")
    assert weighted.named_steps["clf"].class_weight == "balanced" and weighted.named_steps["clf"].C == 0.3
    sampled = apply_strategy(own, "smote", random_state=7)
    assert [n for n, _ in sampled.steps] == ["scale", "complete", "resample", "clf"]
    assert sampled.named_steps["resample"].sampler.random_state == 7
    wrapped = apply_strategy(own, "balanced_bagging")
    assert wrapped.named_steps["clf"].estimator.C == 0.3
    assert str(own.get_params()) == before and apply_strategy(own, "none") is not own


def test_columns_are_brought_to_one_scale_once():
    names = [n for n, _ in steps_of(describe("hgb+smote", column_kinds(X)))]
    assert names[-4:] == ["complete", "even", "resample", "model"]
    assert "even" not in [n for n, _ in steps_of(describe("logistic+smote", column_kinds(X)))]


def test_calibration_repairs_what_oversampling_bends():
    big, y = mixed(1500, 0.08, seed=3)
    means = {n: make_pipeline_for(f"logistic+{n}", big).fit(big, y).predict_proba(big)[:, 1].mean() for n in ("smote", "calibrated")}
    assert means["smote"] > 3 * y.mean() and abs(means["calibrated"] - y.mean()) < 0.02
    assert strategy_label("random_over+calibrated") == "Random oversampling, then calibrated"


def test_own_source_runs_by_itself():
    for name, classes in (
        ("smote", ["Resample"]),
        ("prior_correction", ["PriorCorrection"]),
        ("one_class", ["AnomalyClassifier"]),
        ("none", []),
    ):
        call = describe(f"logistic+{name}", column_kinds(X))
        assert own_classes(call) == classes
        text, space = own_source(call), {"np": np}
        assert "mltoolkit" not in text
        exec(text, space)
        for module, cls in imports(call):
            if not module.startswith("mltoolkit"):
                exec(f"from {module} import {cls}", space)
        np.testing.assert_array_equal(eval(source(call), space).fit(X, Y).predict_proba(X), build(call).fit(X, Y).predict_proba(X))
    assert all(inspect.getdoc(getattr(resampling, c)) for c in ("Resample", "PriorCorrection", "AnomalyClassifier"))


@pytest.mark.parametrize("name", ["smote", "prior_correction", "isolation_forest", "calibrated"])
def test_fitted_pipelines_survive_skops(name, tmp_path):
    import skops.io

    model = make_pipeline_for(f"logistic+{name}", X).fit(X, Y)
    skops.io.dump(model, tmp_path / "m.skops")
    types = skops.io.get_untrusted_types(file=tmp_path / "m.skops")
    assert all(t.split(".")[0] in ("mltoolkit", "imblearn", "sklearn", "numpy") for t in types)
    again = skops.io.load(tmp_path / "m.skops", trusted=types)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
