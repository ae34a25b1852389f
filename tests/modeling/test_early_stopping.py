"Early stopping: the inner part, three libraries, weights, samplers before boosting, the count that is carried on."

import warnings

import lightgbm
import numpy as np
import pytest
import xgboost
from imblearn.pipeline import Pipeline as ResamplingPipeline
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from mltoolkit.core import InputError
from mltoolkit.modeling.early_stopping import ITERATIONS, EarlyStopped, inner_split, rounds_of
from mltoolkit.modeling.resampling import BalancedWeights, Resample

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 6))
SIGNAL = X[:, 0] + X[:, 1] * X[:, 2] + RNG.normal(size=900)
Y = (SIGNAL > 1.5).astype(int)
MANY = {
    "hgb": HistGradientBoostingClassifier(max_iter=400, max_leaf_nodes=6, random_state=0),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=400, num_leaves=6, n_jobs=1, verbosity=-1, deterministic=True, force_row_wise=True),
    "xgboost": xgboost.XGBClassifier(n_estimators=400, max_leaves=6, n_jobs=1, verbosity=0),
}


def without_stopping(model, rounds):
    "The same boosting with a fixed number of rounds."
    more = {"early_stopping": False} if "early_stopping" in model.get_params() else {}
    return clone(model).set_params(**{ITERATIONS[type(model).__name__]: rounds}, **more)


@pytest.mark.parametrize("name", MANY)
def test_the_same_as_a_fixed_number_of_rounds_on_the_training_part(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stopped = EarlyStopped(MANY[name]).fit(X, Y)
    train, held = inner_split(Y)
    plain = without_stopping(MANY[name], stopped.n_iter_).fit(X[train], Y[train])
    assert 1 <= stopped.n_iter_ < 400
    assert (stopped.predict_proba(X) == plain.predict_proba(X)).all() and (stopped.predict(X) == plain.predict(X)).all()
    more = without_stopping(MANY[name], stopped.n_iter_ + 15).fit(X[train], Y[train])  # the best round of those that were watched
    assert log_loss(Y[held], plain.predict_proba(X[held])) <= log_loss(Y[held], more.predict_proba(X[held]))


@pytest.mark.parametrize("name", MANY)
def test_the_same_seed_the_same_figures_and_clones(name):
    one, two = (clone(EarlyStopped(MANY[name], random_state=3)).fit(X, Y) for _ in range(2))
    assert one.n_iter_ == two.n_iter_ and (one.predict_proba(X) == two.predict_proba(X)).all()
    assert is_classifier(one) and list(one.classes_) == [0, 1] and not hasattr(MANY[name], "n_iter_")


@pytest.mark.parametrize("model", [HistGradientBoostingRegressor(max_iter=300, random_state=0),
                                   lightgbm.LGBMRegressor(n_estimators=300, n_jobs=1, verbosity=-1),
                                   xgboost.XGBRegressor(n_estimators=300, n_jobs=1)])  # fmt: skip
def test_quantities(model):
    stopped = EarlyStopped(model).fit(X, SIGNAL)
    assert is_regressor(stopped) and not hasattr(stopped, "predict_proba") and stopped.n_iter_ < 300
    assert np.corrcoef(stopped.predict(X), SIGNAL)[0, 1] > 0.5


def test_inner_split():
    y = np.array([0] * 96 + [1] * 4)
    train, held = inner_split(y)
    assert sorted([*train, *held]) == list(range(100)) and y[held].sum() == 1 and len(held) == 11
    assert not (inner_split(y, random_state=1)[1] == held).all() and (inner_split(y)[1] == held).all()
    mixed = np.tile([0, 1], 50)
    assert list(inner_split(mixed, shuffle=False)[1]) == list(range(90, 100))
    assert list(inner_split(y, shuffle=False)[1]) == [*range(86, 96), 99]  # the last rows alone would be one class
    assert set(y[inner_split(np.sort(y), shuffle=False)[0]]) == {0, 1}
    alone = np.array([0] * 50 + [1])
    assert 50 in inner_split(alone)[0]  # the only row of a class is learned from
    assert len(inner_split(np.zeros(9))[1]) == 0
    assert len(inner_split(np.arange(50.0), 0.2, classes=False)[1]) == 10


def test_the_last_rows_in_time_decide():
    changed = Y.copy()
    changed[-90:] = 1 - changed[-90:]
    assert EarlyStopped(MANY["hgb"], shuffle=False).fit(X, changed).n_iter_ < EarlyStopped(MANY["hgb"], shuffle=False).fit(X, Y).n_iter_


@pytest.mark.parametrize("name", ["hgb", "lightgbm"])
def test_class_weights_count_in_the_held_out_part(name):
    weighted = EarlyStopped(clone(MANY[name]).set_params(class_weight="balanced")).fit(X, Y)
    assert weighted.n_iter_ > 5 and weighted.predict_proba(X)[:, 1].mean() > Y.mean() + 0.1


@pytest.mark.parametrize("name", MANY)
def test_row_weights(name):
    even = EarlyStopped(MANY[name]).fit(X, Y, sample_weight=np.ones(len(Y)))
    plain = EarlyStopped(MANY[name]).fit(X, Y)
    assert even.n_iter_ == plain.n_iter_ and np.allclose(even.predict_proba(X), plain.predict_proba(X), atol=1e-6)
    balanced = BalancedWeights(EarlyStopped(MANY[name])).fit(X, Y)
    assert rounds_of(balanced) == balanced.estimator_.n_iter_ > 3


def test_a_sampler_before_boosting_sees_the_training_part_only():
    from imblearn.over_sampling import RandomOverSampler

    inside = ResamplingPipeline([("scale", StandardScaler()), ("resample", Resample(RandomOverSampler(random_state=0))), ("model", MANY["hgb"])])
    stopped = EarlyStopped(inside).fit(X, Y)
    train, _ = inner_split(Y)
    counts = stopped.estimator_.named_steps["resample"].counts_
    assert counts[1] == (Y[train].sum(), (1 - Y[train]).sum())
    late = ResamplingPipeline([*inside.steps[:-1], ("model", EarlyStopped(MANY["hgb"]))]).fit(X, Y)  # repeated rows on both sides
    assert stopped.n_iter_ < late.steps[-1][1].n_iter_
    assert stopped.predict_proba(X).shape == (900, 2)
    with pytest.raises(InputError, match="row weights"):
        EarlyStopped(inside).fit(X, Y, sample_weight=np.ones(len(Y)))


def test_the_count_is_found_wherever_it_is():
    calibrated = CalibratedClassifierCV(EarlyStopped(MANY["lightgbm"]), cv=3).fit(X, Y)
    inner = [c.estimator.n_iter_ for c in calibrated.calibrated_classifiers_]
    assert rounds_of(calibrated) == int(np.median(inner))
    assert rounds_of(RandomForestClassifier(3).fit(X, Y)) is None and rounds_of(EarlyStopped(MANY["hgb"]).fit(X[:9], Y[:9])) == 400


def test_what_is_no_boosting():
    with pytest.raises(InputError, match="got RandomForestClassifier"):
        EarlyStopped(RandomForestClassifier()).fit(X, Y)
