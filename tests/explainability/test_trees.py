"Trees read from every library give the model's own output again, or say why they cannot."

import numpy as np
import pandas as pd
import pytest
from imblearn.ensemble import BalancedBaggingClassifier, BalancedRandomForestClassifier, EasyEnsembleClassifier, RUSBoostClassifier
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from mltoolkit.core import InputError, Result
from mltoolkit.explainability.trees import ensemble_of, why_not
from mltoolkit.modeling.early_stopping import EarlyStopped

N = 300
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 6))
X[:, 1] = np.round(X[:, 1])
X[RNG.random((N, 6)) < 0.1] = np.nan
X[:, 5] = RNG.integers(0, 8, N)
WHOLE = np.nan_to_num(X)
SCORE = WHOLE[:, 0] + WHOLE[:, 1] * WHOLE[:, 2] + X[:, 5] % 3
TWO = np.array(["no", "yes"])[(SCORE > 1).astype(int)]
THREE = np.array(list("abc"))[np.digitize(SCORE, [-0.5, 1.5])]
TABLE = pd.DataFrame(X, columns=list("abcdef")).assign(
    f=pd.Categorical(np.array(list("pqrstuvw"))[X[:, 5].astype(int)]).set_categories(list("pqrstuv")),
    g=pd.Categorical(RNG.choice(["x", "y & <z>"], N)),
)


def own(model, Z):
    "The model's own output in the ensemble's space."
    if type(model).__name__.startswith("LGBM"):
        return model.predict(Z, raw_score=True)
    if type(model).__name__.startswith("XGB"):
        return model.predict(Z, output_margin=True)
    if hasattr(model, "decision_function"):
        return model.decision_function(Z)
    if hasattr(model, "predict_proba"):
        found = model.predict_proba(Z)
        return found[:, 1] if found.shape[1] == 2 else found
    return model.predict(Z)


def gap(model, Z, wanted=None):
    ensemble = ensemble_of(model)
    assert ensemble is not None, why_not(model)
    assert why_not(model) == ""
    found, wanted = ensemble.raw(Z), own(model, Z) if wanted is None else wanted
    return np.abs(found - np.reshape(wanted, found.shape)).max()


TREE = DecisionTreeClassifier(max_depth=5, random_state=0)
CLASSIFIERS = [
    DecisionTreeClassifier(random_state=0),
    ExtraTreeClassifier(random_state=0),
    RandomForestClassifier(8, random_state=0, class_weight="balanced"),
    ExtraTreesClassifier(8, random_state=0),
    BalancedRandomForestClassifier(8, random_state=0),
    BaggingClassifier(TREE, 6, max_features=0.6, random_state=0),
    BaggingClassifier(RandomForestClassifier(3, random_state=0), 4, max_samples=5, random_state=3),  # members miss classes
    BalancedBaggingClassifier(TREE, 6, random_state=0),
    VotingClassifier([("a", RandomForestClassifier(4, random_state=0)), ("b", TREE)], voting="soft", weights=[2, 1]),
    GradientBoostingClassifier(n_estimators=6, random_state=0),
    GradientBoostingClassifier(n_estimators=6, init="zero", random_state=0),
    HistGradientBoostingClassifier(max_iter=6, early_stopping=True, random_state=0),
    HistGradientBoostingClassifier(max_iter=6, categorical_features=[5, 1], random_state=0),
    FixedThresholdClassifier(RandomForestClassifier(4, random_state=0), threshold=0.2),
    EarlyStopped(HistGradientBoostingClassifier(max_iter=20, random_state=0)),
]


@pytest.mark.parametrize("classes", ["two", "three"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
def test_classifiers_of_scikit_learn_and_imbalanced_learn(model, classes):
    if isinstance(model, FixedThresholdClassifier):
        classes = "two"  # a threshold is for two
    Z = WHOLE if getattr(model, "categorical_features", None) is None else np.where(X < 0, np.nan, X)
    fitted = model.fit(Z, TWO if classes == "two" else THREE)
    Z = Z.copy()
    Z[:3, 5] = 99  # a level nobody has seen
    wanted = fitted.predict_proba(Z)[:, 1] if isinstance(model, FixedThresholdClassifier) else None
    if isinstance(model, EarlyStopped):
        wanted = fitted.estimator_.decision_function(Z)
    assert gap(fitted, Z, wanted) < 1e-12


REGRESSORS = [
    DecisionTreeRegressor(),
    ExtraTreeRegressor(random_state=0),
    RandomForestRegressor(5, random_state=0),
    ExtraTreesRegressor(5, random_state=0),
    GradientBoostingRegressor(n_estimators=5, loss="huber"),
    BaggingRegressor(HistGradientBoostingRegressor(max_iter=4), 3, max_features=0.7, random_state=0),
    VotingRegressor([("a", RandomForestRegressor(3, random_state=0)), ("b", GradientBoostingRegressor(n_estimators=3))], weights=[1, 3]),
    HistGradientBoostingRegressor(max_iter=5, loss="quantile", quantile=0.3, monotonic_cst=[1, 0, 0, 0, 0, -1]),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_regressors(model):
    assert gap(model.fit(WHOLE, SCORE), WHOLE) < 1e-12
    assert ensemble_of(model).space == "value"


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_log_link_is_said(loss):
    model = HistGradientBoostingRegressor(max_iter=5, loss=loss).fit(X, np.exp(SCORE / 3))
    assert ensemble_of(model).space == "log"
    assert gap(model, X, np.log(model.predict(X))) < 1e-12


def test_the_exponential_loss_gives_log_odds():
    model = GradientBoostingClassifier(n_estimators=6, loss="exponential", random_state=0).fit(WHOLE, TWO)
    assert np.abs(1 / (1 + np.exp(-ensemble_of(model).raw(WHOLE)[:, 0])) - model.predict_proba(WHOLE)[:, 1]).max() < 1e-12


def test_missing_values_go_their_way():
    for model in (RandomForestClassifier(5, random_state=0), DecisionTreeClassifier(random_state=0)):
        assert gap(model.fit(X, TWO), X) < 1e-12
    assert gap(HistGradientBoostingClassifier(max_iter=5).fit(X, TWO), X) < 1e-12


def test_tables_with_categories():
    model = HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype", random_state=0).fit(TABLE, TWO)
    ensemble = ensemble_of(model)
    assert (ensemble.bits_from >= 0).any() and ensemble.inputs.tolist() == [5, 6, 0, 1, 2, 3, 4]
    assert gap(model, TABLE) < 1e-12


@pytest.mark.parametrize(
    "options", [{}, {"zero_as_missing": True}, {"use_missing": False}, {"boosting_type": "dart"}, {"extra_trees": True}], ids=str
)
@pytest.mark.parametrize("target", ["two", "three", "value"])
def test_lightgbm(options, target):
    lightgbm = pytest.importorskip("lightgbm")
    kind = lightgbm.LGBMRegressor if target == "value" else lightgbm.LGBMClassifier
    y = {"two": TWO, "three": THREE, "value": SCORE}[target]
    Z = X.copy()
    Z[:30, 2] = 0
    model = kind(n_estimators=6, verbosity=-1, n_jobs=1, **options).fit(Z, y, categorical_feature=[5])
    assert (ensemble_of(model).bits_from >= 0).any()
    Z[:3, 5], Z[3, 5], Z[4, 5] = 50, -1, np.nan
    assert gap(model, Z) < 1e-12


def test_other_ways_of_lightgbm():
    lightgbm = pytest.importorskip("lightgbm")
    plain = {"n_estimators": 6, "verbosity": -1, "n_jobs": 1}
    model = lightgbm.LGBMClassifier(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, **plain).fit(X, TWO)
    assert np.abs(1 / (1 + np.exp(-ensemble_of(model).raw(X)[:, 0])) - model.predict_proba(X)[:, 1]).max() < 1e-12
    model = lightgbm.LGBMClassifier(sigmoid=2.0, **plain).fit(X, TWO)
    assert np.abs(1 / (1 + np.exp(-ensemble_of(model).raw(X)[:, 0])) - model.predict_proba(X)[:, 1]).max() < 1e-12
    assert gap(lightgbm.LGBMClassifier(**plain).fit(TABLE, TWO), TABLE) < 1e-12
    poisson = lightgbm.LGBMRegressor(objective="poisson", **plain).fit(X, np.exp(SCORE / 3))
    assert ensemble_of(poisson).space == "log" and gap(poisson, X) < 1e-12
    assert "linear" in why_not(lightgbm.LGBMRegressor(linear_tree=True, **plain).fit(X, SCORE))
    assert "reg_sqrt" in why_not(lightgbm.LGBMRegressor(reg_sqrt=True, **plain).fit(X, SCORE))
    stopped = lightgbm.LGBMClassifier(n_estimators=60, learning_rate=0.9, verbosity=-1, n_jobs=1)
    stopped.fit(X[:200], TWO[:200], eval_set=[(X[200:], TWO[200:])], callbacks=[lightgbm.early_stopping(2, verbose=False)])
    assert len(ensemble_of(stopped).roots) == stopped.best_iteration_ and gap(stopped, X) < 1e-12


@pytest.mark.parametrize("options", [{}, {"missing": 0.0}, {"base_score": 0.3}, {"booster": "dart", "rate_drop": 0.3}], ids=str)
@pytest.mark.parametrize("target", ["two", "three", "value"])
def test_xgboost_which_adds_up_in_single_precision(options, target):
    xgboost = pytest.importorskip("xgboost")
    kind = xgboost.XGBRegressor if target == "value" else xgboost.XGBClassifier
    y = {"two": TWO == "yes", "three": np.digitize(SCORE, [-0.5, 1.5]), "value": SCORE}[target]
    model = kind(n_estimators=6, n_jobs=1, tree_method="hist", **options).fit(X, y)
    assert gap(model, X) < 2e-6
    leaves, ensemble = model.apply(X).reshape(N, -1), ensemble_of(model)  # the same leaf in every tree, told by their values
    assert len(ensemble.roots) == leaves.shape[1]


def test_other_ways_of_xgboost():
    xgboost = pytest.importorskip("xgboost")
    y = (TWO == "yes").astype(int)
    stopped = xgboost.XGBClassifier(n_estimators=60, learning_rate=0.9, n_jobs=1, early_stopping_rounds=2)
    stopped.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], verbose=False)
    assert len(ensemble_of(stopped).roots) == stopped.best_iteration + 1 and gap(stopped, X) < 2e-6
    counts = xgboost.XGBRegressor(objective="count:poisson", n_estimators=5, n_jobs=1).fit(X, np.exp(SCORE / 3))
    assert ensemble_of(counts).space == "log" and gap(counts, X) < 2e-6
    assert gap(xgboost.XGBRFRegressor(n_estimators=4, n_jobs=1).fit(X, SCORE), X) < 2e-6
    assert "gblinear" in why_not(xgboost.XGBClassifier(booster="gblinear", n_estimators=2).fit(WHOLE, y))
    assert "categor" in why_not(xgboost.XGBClassifier(enable_categorical=True, n_estimators=3, n_jobs=1).fit(TABLE, y))


def test_what_is_close_is_refused_with_a_reason():
    cases = {
        "vote": AdaBoostClassifier(n_estimators=3),
        "AdaBoost": EasyEnsembleClassifier(2, random_state=0),
        "votes": RUSBoostClassifier(n_estimators=3, random_state=0),
        "log-odds": BaggingClassifier(HistGradientBoostingClassifier(max_iter=2), 2),
        "soft": VotingClassifier([("a", TREE)]),
        "calibration": CalibratedClassifierCV(TREE, cv=2),
        "not made of trees": LogisticRegression(),
        "StandardScaler": make_pipeline(StandardScaler(), TREE),
        "start": GradientBoostingClassifier(init=TREE, n_estimators=2),
    }
    for word, model in cases.items():
        model.fit(WHOLE, TWO)
        assert ensemble_of(model) is None and word in why_not(model), (word, why_not(model))
    assert ensemble_of(IsolationForest(n_estimators=3).fit(WHOLE)) is None
    assert "several targets" in why_not(RandomForestRegressor(2).fit(WHOLE, WHOLE[:, :2]))


def test_a_class_of_ones_own_is_not_taken_for_a_forest():
    class RandomForestClassifierToo(RandomForestClassifier):
        def predict_proba(self, X):
            return super().predict_proba(X) ** 2

    assert ensemble_of(RandomForestClassifierToo(3).fit(WHOLE, TWO)) is None


def test_samplers_before_a_model_are_looked_through():
    model = Pipeline([("sample", RandomUnderSampler(random_state=0)), ("model", RandomForestClassifier(4, random_state=0))]).fit(WHOLE, TWO)
    assert gap(model, WHOLE) < 1e-12


def test_round_trip_and_words():
    ensemble = ensemble_of(HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(TABLE, TWO))
    again = Result.from_dict(ensemble.to_dict())
    assert np.array_equal(again.raw(TABLE), ensemble.raw(TABLE))
    assert "3 trees" in ensemble.sentence and len(ensemble.to_frame()) == 3


def test_bad_input():
    with pytest.raises(InputError, match="fitted"):
        ensemble_of(RandomForestClassifier())
    ensemble = ensemble_of(DecisionTreeClassifier(random_state=0).fit(WHOLE, TWO))
    for rows in (WHOLE[:, :3], WHOLE[0], np.zeros((0, 5))):
        with pytest.raises(InputError, match="columns"):
            ensemble.raw(rows)
    with pytest.raises(InputError, match="numbers"):
        ensemble.raw(np.full((2, 6), "late"))
    assert ensemble.raw(WHOLE[:0]).shape == (0, 1)


def test_one_class_and_one_leaf():
    model = RandomForestClassifier(3).fit(WHOLE, np.ones(N))
    assert gap(model, WHOLE, np.ones(N)) < 1e-12
    flat = HistGradientBoostingRegressor(max_iter=2).fit(WHOLE[:5], np.ones(5))
    assert gap(flat, WHOLE) < 1e-12
