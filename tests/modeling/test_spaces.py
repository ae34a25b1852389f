"Spaces: what is refused, configurations of every family fitted and printed, editing, plain data, spaces of the user's own."

import json
import math
import warnings

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import FixedTrial
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mltoolkit.core import InputError, Result
from mltoolkit.modeling.calls import Call, import_text
from mltoolkit.modeling.candidates import MODELS, import_lines, make_pipeline_for, pipeline_code
from mltoolkit.modeling.early_stopping import EarlyStopped, rounds_of
from mltoolkit.modeling.fits import cut, single_threaded
from mltoolkit.modeling.preprocessing import column_kinds
from mltoolkit.modeling.ranges import DEFAULTS, FAMILIES, Choice, Float, Int, from_plain, plain, suited
from mltoolkit.modeling.spaces import ROUNDS, OwnSpace, Space, as_space, default_space

optuna.logging.set_verbosity(optuna.logging.ERROR)
N = 240
RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N), "level": RNG.choice(list("xyz"), N)})
X.loc[::9, "b"] = np.nan
Z = X["a"].to_numpy() + (X["level"] == "x") + RNG.normal(size=N)
TARGETS = {"binary": (Z > 1.2).astype(int), "multiclass": np.digitize(Z, [0, 1]), "regression": Z}
ALL = [(task, family) for family in FAMILIES for task in FAMILIES[family]]
MEMBERS = {"random_forest": 15, "extra_trees": 15, "balanced_forest": 5, "balanced_bagging": 3, "easy_ensemble": 2, "rus_boost": 10}  # quick


def whole(family, task="binary", **more):
    return Space(families={family: FAMILIES[family][task]}, **more).validate(task)


def sampled(space, n, seed=0):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [space.suggest(study.ask()) for _ in range(n)]


def fitted(pipeline, task):
    if task == "regression":
        return pipeline.fit(X, TARGETS[task]).predict(X)
    return pipeline.fit(X, TARGETS[task]).predict_proba(X)


def test_every_model_but_the_base_rate_can_be_tuned():
    assert set(FAMILIES) == set(MODELS) - {"dummy"} == set(DEFAULTS)
    for family in FAMILIES:
        assert set(FAMILIES[family]) == set(MODELS[family].tasks)


@pytest.mark.parametrize(("task", "family"), ALL)
def test_every_family_is_fitted_at_its_defaults_and_at_random(task, family):
    space = whole(family, task)
    found = space.defaults()[:1] + sampled(space, 1)
    for configuration in found:
        assert json.loads(json.dumps(configuration)) == configuration
        assert set(configuration) == {"family", "strategy", *(f"{family}.{name}" for name in FAMILIES[family][task])}
        pipeline = space.pipeline(configuration, X, early_stopping=True)
        if family in MEMBERS:
            pipeline.set_params(model__n_estimators=MEMBERS[family])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted = fitted(pipeline, task)
        assert np.isfinite(predicted).all() and predicted.std() > 0


@pytest.mark.parametrize(("task", "family"), ALL)
def test_printed_is_built(task, family):
    space, names, columns = whole(family, task), {}, column_kinds(X)
    for configuration in [*space.defaults(), *sampled(space, 2)]:
        exec(import_text([space.describe(configuration, X)]), names)
        printed = eval(space.code(configuration, X), names)
        assert str(printed) == str(space.pipeline(configuration, columns))
        assert columns.numbers == ["a", "b"] and "numbers" in space.code(configuration, columns, variables=("numbers", "categories"))


@pytest.mark.parametrize("family", ["logistic", "hgb", "lightgbm", "xgboost", "extra_trees"])
def test_printed_predicts_the_same(family):
    space, names = whole(family), {}
    configuration = space.defaults(1)[0] | ({"n_iter": 12} if family in ROUNDS else {})
    exec(import_lines([family], column_kinds(X)), names)
    printed = fitted(single_threaded(eval(space.code(configuration, X), names)), "binary")
    assert np.abs(printed - fitted(space.pipeline(configuration, X), "binary")).max() < 1e-12


def test_parameters_of_a_candidate():
    pipeline = make_pipeline_for("hgb+class_weight", X, parameters={"max_leaf_nodes": 4})
    assert pipeline[-1].max_leaf_nodes == 4 and pipeline[-1].class_weight == "balanced" and pipeline[-1].learning_rate == 0.05
    assert "max_leaf_nodes=4" in pipeline_code("hgb", column_kinds(X), parameters={"max_leaf_nodes": 4})
    assert "OneHotEncoder" in pipeline_code("hgb", column_kinds(X), encoding="dense")
    assert make_pipeline_for(LogisticRegression(), X, parameters={"C": 3})[-1].C == 3
    own = make_pipeline(StandardScaler(), LogisticRegression())
    assert make_pipeline_for(own, X, parameters={"logisticregression__C": 3})[-1].C == 3 and own[-1].C == 1
    assert make_pipeline_for("lightgbm", X, parameters={"extra_trees": True})[-1].extra_trees
    for model in ("hgb", "lightgbm", "xgboost", LogisticRegression(), own):
        with pytest.raises(InputError, match="'learnin_rate'"):
            make_pipeline_for(model, X, parameters={"learnin_rate": 1})


@pytest.mark.parametrize(
    ("families", "more", "words"),
    [
        ({}, {}, "at least one family"),
        ({"hgb": {}}, {"strategies": ()}, "at least one strategy"),
        ({"hgbb": {}}, {}, "Did you mean 'hgb'"),
        ({"dummy": {}}, {}, "can be tuned, got 'dummy'"),
        ({"ridge": {}}, {}, "yes-or-no"),
        ({"hgb": {"learning_rate": Float(0.3, 0.1)}}, {}, "'hgb.learning_rate' must not be above"),
        ({"hgb": {"learning_rate": Float(0, 0.1, log=True)}}, {}, "above 0, for 'hgb.learning_rate'"),
        ({"hgb": {"learning_rate": Float(math.nan, 0.1)}}, {}, "must be a number, got nan"),
        ({"hgb": {"learning_rate": Float("0.1", 0.2)}}, {}, "must be a number"),
        ({"hgb": {"max_leaf_nodes": Int(3.5, 9)}}, {}, "whole number, got 3.5"),
        ({"hgb": {"max_leaf_nodes": Int(3, 9, step=0)}}, {}, "step of 'hgb.max_leaf_nodes'"),
        ({"hgb": {"max_leaf_nodes": Int(3, 9, log=True, step=2)}}, {}, "logarithmic"),
        ({"hgb": {"learning_rate": Choice()}}, {}, "at least one option"),
        ({"hgb": {"learning_rate": Choice(0.1, 0.1)}}, {}, "must differ"),
        ({"hgb": {"learning_rate": Choice(LogisticRegression())}}, {}, "plain value or a Call"),
        ({"hgb": {"learning_rate": 0.1}}, {}, "a Float, an Int or a Choice"),
        ({"hgb": {"learn_rate": Float(0.1, 0.2)}}, {}, "Did you mean 'learning_rate'"),
        ({"lightgbm": {"leaves": Int(3, 5)}}, {}, "LGBMClassifier takes, got 'leaves'"),
        ({"hgb": {"random_state": Int(0, 5)}}, {}, "changes what is learned"),
        ({"hgb": {}}, {"strategies": ("smot",)}, "Did you mean 'smote'"),
        ({"hgb": {}}, {"strategies": ("easy_ensemble",)}, "Add 'easy_ensemble' as a family"),
        ({"hgb": {}}, {"strategies": ("one_class",)}, "replaces it. Leave it out"),
        ({"knn": {}}, {"strategies": ("none", "class_weight")}, "KNeighborsClassifier"),
        ({"hgb": {}}, {"encodings": {"hgb": ("tre",)}}, "Did you mean 'tree'"),
        ({"hgb": {}}, {"encodings": {"knn": ("tree",)}}, "a family in the space"),
    ],
)
def test_spaces_that_are_refused(families, more, words):
    with pytest.raises(InputError, match=words) as error:
        Space(families=families, **more).validate("binary")
    assert "\n" not in str(error.value)


def test_a_strategy_does_not_suit_a_quantity():
    with pytest.raises(InputError, match="a regression target"):
        default_space("regression", strategies=("none", "smote"))
    with pytest.raises(InputError, match="must suit the target"):
        as_space("logistic", "regression")


def test_a_family_that_is_not_installed(monkeypatch):
    from mltoolkit.modeling import candidates

    find = candidates.importlib.util.find_spec
    monkeypatch.setattr(candidates.importlib.util, "find_spec", lambda name: None if name == "lightgbm" else find(name))
    assert "lightgbm" not in default_space().families and default_space().defaults(2)[1]["family"] == "hgb"
    with pytest.raises(InputError, match="pip install"):
        as_space("lightgbm")


def test_the_built_in_space():
    for task in ("binary", "multiclass", "regression"):
        space = default_space(task, n_rows=3_000)
        assert {"lightgbm", "extra_trees", "random_forest"} < set(space.families) and {"logistic", "ridge"} & set(space.families)
        assert space.task == task and len(space.defaults(7)) == 7
        assert [c["family"] for c in space.defaults(2)] == ["lightgbm", "ridge" if task == "regression" else "logistic"]
        assert {c["family"] for c in space.defaults()} == set(space.families)
        for configuration in space.defaults():
            assert space.complete(configuration) == configuration
    only = default_space("binary", families="hgb", n_columns=1)
    assert only.families["hgb"].keys() == FAMILIES["hgb"]["binary"].keys() - {"max_features"}
    small, large = (default_space("binary", families=["hgb"], n_rows=n).families["hgb"] for n in (400, 400_000))
    assert small["max_leaf_nodes"].high < large["max_leaf_nodes"].high and small["min_samples_leaf"].high < large["min_samples_leaf"].high
    assert suited("learning_rate", Float(0, 1), 10) == Float(0, 1) and suited("num_leaves", Int(3, 9), None) == Int(3, 9)


def test_defaults_stay_inside_a_space_that_was_narrowed():
    space = Space.from_plain({"hgb": {"learning_rate": [0.2, 0.3], "max_leaf_nodes": [20, 30]}, "decision_tree": {"criterion": "gini"}}).validate()
    found = space.defaults()
    assert all(0.2 <= c["hgb.learning_rate"] <= 0.3 and 20 <= c["hgb.max_leaf_nodes"] <= 30 for c in found if c["family"] == "hgb")
    assert sum(c["family"] == "hgb" for c in found) == 2  # two of three that fall together
    both = Space(families=space.families, strategies=("none", "smote"))
    assert [c["strategy"] for c in both.defaults()] == ["none"] * len(found) + ["smote"] * len(found)
    assert space.complete({"family": "knn", "strategy": "smote"}) == space.complete({})


def test_suggest_asks_for_the_parameters_of_one_family():
    space = default_space()
    for configuration in sampled(space, 20):
        family = configuration["family"]
        encoding = {"lightgbm.encoding"} if family == "lightgbm" else set()
        assert set(configuration) == {"family", "strategy", *(f"{family}.{name}" for name in space.families[family])} | encoding
        assert space.suggest(FixedTrial(configuration)) == configuration
        for name, dimension in space.families[family].items():
            value = configuration[f"{family}.{name}"]
            assert value in dimension.names if isinstance(dimension, Choice) else dimension.low <= value <= dimension.high
    study = optuna.create_study()
    for configuration in space.defaults():
        study.enqueue_trial(configuration)
        trial = study.ask()
        assert space.suggest(trial) == configuration
        assert study.trials[trial.number].params == configuration


def test_a_space_edited_while_a_study_goes_on():
    space = default_space("binary", families=["logistic", "extra_trees"])
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, multivariate=True, group=True, n_startup_trials=5))
    changes = [space, space.edited(extra_trees=None), space.edited(logistic={"C": [1, 5]}, extra_trees={"criterion": Choice("gini")}),
               space.edited(strategies=("none", "smote"), extra_trees={"min_samples_leaf": [3, 5], "max_features": [0.1, 0.2]})]  # fmt: skip
    for now in [*changes, *changes]:
        for _ in range(6):
            trial = study.ask()
            configuration = now.suggest(trial)
            study.tell(trial, float(len(str(configuration))))
            assert now.complete(configuration) == configuration
        study.enqueue_trial(now.defaults(1)[0])
        assert now.suggest(study.ask()) == now.defaults(1)[0]
    study.enqueue_trial({"family": "hgb", "strategy": "none"})  # a default of another space
    assert space.suggest(study.ask())["family"] == "logistic"


def test_plain_data_and_back():
    spaces = [default_space(task) for task in ("binary", "multiclass", "regression")]
    spaces += [whole("rus_boost"), whole("ridge", "regression"), whole("balanced_bagging"),
               whole("knn", strategies=("none", "smote"), encodings={"knn": ("dense", "linear")})]  # fmt: skip
    for space in spaces:
        again = Space.from_plain(json.loads(json.dumps(space.to_plain()))).validate()
        assert again.families == space.families and again.to_plain() == space.to_plain()
        read = Result.from_dict(json.loads(json.dumps(space.to_dict())))
        assert isinstance(read, Space) and (read.task, read.strategies, read.encodings) == (space.task, space.strategies, space.encodings)
        assert len(space.to_frame()) >= len(space.families) and "<table>" in space._repr_html_()


def test_plain_data_saved_in_a_file(tmp_path):
    space = default_space()
    space.save(tmp_path / "space.json")
    assert Result.load(tmp_path / "space.json").to_plain() == space.to_plain()


@pytest.mark.parametrize(
    ("value", "known", "dimension"),
    [
        ([0.01, 0.3, "log"], None, Float(0.01, 0.3, log=True)),
        ([4, 64, "int", "log"], None, Int(4, 64, log=True)),
        ([4, 64], None, Int(4, 64)),
        ([1, 10, "log"], Float(0.1, 1), Float(1.0, 10.0, log=True)),
        ([1, 10, "float"], None, Float(1.0, 10.0)),
        ([0.5, 1], None, Float(0.5, 1.0)),
        ({"choices": [0, 1, None, "sqrt"]}, None, Choice(0, 1, None, "sqrt")),
        ({"range": [2, 10, "int"], "step": 2}, None, Int(2, 10, step=2)),
        (0.05, None, Choice(0.05)),
        ("gini", None, Choice("gini")),
    ],
)
def test_dimensions_written_by_hand(value, known, dimension):
    found = from_plain("x", value, known)
    assert found == dimension and from_plain("x", plain(found), known) == found


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"hgb": {"learning_rate": ["a", "b"]}}, "two bounds"),
        ({"hgb": {"learning_rate": [0.1]}}, "two bounds"),
        ({"hgb": {"learning_rate": [0.1, 0.2, "loog"]}}, "two bounds"),
        ({"hgb": {"learning_rate": [True, False]}}, "two bounds"),
        ({"hgb": {"learning_rate": {"low": 1}}}, "a class of sklearn"),
        ({"rus_boost": {"estimator": {"choices": [{"class": "os.system", "command": "true"}]}}}, "a class of sklearn"),
        ({"hgb": 5}, "must be a dict"),
        ({"hbg": None}, "Did you mean 'hgb'"),
        ([1, 2], "must be a Space, a dict"),
        (5, "must be a Space, a dict"),
        (LogisticRegression, "must be a Space, a dict"),
    ],
)
def test_spaces_written_by_hand_that_are_refused(written, words):
    with pytest.raises(InputError, match=words):
        as_space(written)


def test_options_that_are_no_plain_values():
    tree = Call("sklearn.tree.DecisionTreeClassifier", keywords={"max_depth": 2})
    choice = Choice([1, 2], None, tree, True, 1)
    assert choice.names == ("[1, 2]", None, "DecisionTreeClassifier(max_depth=2)", True, 1)
    assert [choice.value(name) for name in choice.names] == [[1, 2], None, tree, True, 1]
    assert choice.value(True) is True and choice.value(1) == 1 and choice.value(1) is not True
    space = whole("rus_boost")
    configuration = space.complete({"family": "rus_boost", "rus_boost.estimator": "DecisionTreeClassifier(max_depth=5)"})
    assert space.pipeline(configuration, X)[-1].estimator.max_depth == 5


def test_grids_and_sizes():
    assert Float(0.1, 10, log=True).grid(3) == pytest.approx([0.1, 1, 10]) and Float(2, 2).grid() == [2]
    assert Int(1, 1000, log=True).grid(4) == [1, 10, 100, 1000] and Int(1, 3).grid() == [1, 2, 3] and Int(0, 10, step=5).grid(9) == [0, 5, 10]
    space = Space(families={"knn": {"n_neighbors": Int(1, 9, step=2), "p": Choice(1, 2)}, "logistic": {"C": Float(1, 2)}, "hgb": {}},
                  strategies=("none", "smote"), encodings={"knn": ("dense", "linear", "tree")})  # fmt: skip
    assert space.sizes == {"knn": 5 * 2 * 2 * 3, "logistic": math.inf, "hgb": 2}
    assert Int(1, 9, step=4).nearest(6.8) == 5 and Int(1, 9, step=4).nearest(100) == 9 and Float(0, 1).nearest("a") == 0.5


@pytest.mark.parametrize("family", ["hgb", "lightgbm", "xgboost", "hgb_early"])
def test_boosting_is_judged_with_early_stopping_and_refitted_without(family):
    space = whole(family)
    configuration, y = space.defaults(1)[0], TARGETS["binary"]
    judged = space.pipeline(configuration, X, early_stopping=True, random_state=3).fit(X, y)
    assert isinstance(judged[-1], EarlyStopped) and judged[-1].random_state == 3 and judged[-1].shuffle
    assert not space.pipeline(configuration, X, early_stopping=True, shuffle=False)[-1].shuffle
    rounds = rounds_of(judged)
    final = space.pipeline(configuration | {"n_iter": rounds}, X, early_stopping=True)
    name = ROUNDS[family]
    assert final[-1].get_params()[name] == rounds and not isinstance(final[-1], EarlyStopped) and not final[-1].get_params().get("early_stopping")
    if family != "hgb_early":
        assert space.pipeline(configuration, X)[-1].get_params()[name] == 100  # 10 / 0.1
    own = Space(families={family: {name: Int(5, 9)}}).validate()
    assert own.pipeline(own.defaults(1)[0], X, early_stopping=True)[-1].get_params()[name] in range(5, 10)
    study = optuna.create_study()
    study.enqueue_trial(configuration | {"n_iter": 33})
    assert space.suggest(study.ask())["n_iter"] == 33 and "33 rounds" in space.label(configuration | {"n_iter": 33})


@pytest.mark.parametrize("strategy", ["class_weight", "smote", "random_under", "calibrated", "prior_correction", "balanced_bagging",
                                      "random_over+calibrated"])  # fmt: skip
@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
def test_strategies_and_early_stopping(family, strategy):
    space = whole(family, strategies=(strategy,))
    configuration = space.defaults(1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judged = space.pipeline(configuration, X, early_stopping=True).fit(X, TARGETS["binary"])
        final = space.pipeline(configuration | {"n_iter": 20}, X).fit(X, TARGETS["binary"])
    assert np.isfinite(judged.predict_proba(X)).all() and np.isfinite(final.predict_proba(X)).all()
    assert "EarlyStopped" not in str(final)
    if strategy == "balanced_bagging":  # its members repeat rows
        assert rounds_of(judged) is None and judged[-1].estimator.n_estimators == 100
    else:
        assert rounds_of(judged) < 1000
    if strategy in ("smote", "random_under"):  # the split comes before the sampler
        steps, rest = cut(judged)
        assert [name for name, _ in rest[-1].estimator.steps][0] == "resample" and len(steps) >= 2


def test_encodings_are_tuned_where_there_are_several():
    space = whole("hgb", encodings={"hgb": ("tree", "dense")})
    found = {c["hgb.encoding"] for c in sampled(space, 10)}
    assert found == {"tree", "dense"} and space.defaults(1)[0]["hgb.encoding"] == "tree"
    dense = space.pipeline(space.defaults(1)[0] | {"hgb.encoding": "dense"}, X)
    assert "OneHotEncoder" in str(dense) and "OneHotEncoder" in space.code(space.defaults(1)[0] | {"hgb.encoding": "dense"}, X)
    only = whole("hgb", encodings={"hgb": ("dense",)})
    assert only.defaults(1)[0]["encoding"] == "dense" == sampled(only, 1)[0]["encoding"]
    assert only.sizes["hgb"] == math.inf


def test_edited():
    space = default_space(families=["logistic", "hgb"])
    changed = space.edited(hgb={"learning_rate": 0.1, "max_features": None}, logistic=None, knn={"p": Choice(1, 2)}, strategies=("none", "smote"))
    assert list(changed.families) == ["hgb", "knn"] and changed.families["hgb"]["learning_rate"] == Choice(0.1)
    assert "max_features" not in changed.families["hgb"] and changed.strategies == ("none", "smote") and "max_features" in space.families["hgb"]
    for wrong in ({"knn": None}, {"hgb": {"learning_rate": [3, 1]}}, {"hgb": {"nothing": [1, 3]}}):
        with pytest.raises(InputError):
            space.edited(**wrong)


def test_labels():
    space = default_space(families=["logistic", "hgb"], strategies=("none", "smote"))
    labels = [space.label(c) for c in space.defaults()]
    assert labels[0] == "Logistic regression, C 0.1" or "Logistic regression, C" in labels[0]
    assert len(set(labels)) == len(labels) and any("SMOTE" in label for label in labels)


def suggest(trial):
    return LogisticRegression(C=trial.suggest_float("C", 0.01, 10, log=True))


def test_a_function_of_the_users():
    space = as_space(suggest, n_rows=10)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    configuration = space.suggest(study.ask())
    pipeline = space.pipeline(configuration, X, early_stopping=True, random_state=5)
    assert configuration["C"] == pipeline[-1].C and pipeline[-1].random_state == 5 and "columns" in pipeline.named_steps
    assert fitted(pipeline, "binary").shape == (N, 2)
    made = eval(space.code(configuration), {"suggest": suggest, "optuna": optuna})
    assert configuration["C"] == made.C and space.defaults() == [] and "C 0" in space.label({"C": 0.5})
    assert as_space(lambda trial: "hgb").pipeline({}, X)[-1].max_leaf_nodes == 15
    with pytest.raises(InputError, match="must return an estimator"):
        as_space(lambda trial: None).suggest(study.ask())


def test_a_pipeline_of_the_users():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    given = {"logisticregression__C": Float(0.1, 10, log=True), "standardscaler__with_mean": Choice(True, False)}
    space = as_space((pipeline, given))
    configuration = sampled(space, 1)[0]
    assert set(configuration) == set(given) and space.sizes == {"Pipeline": math.inf}
    assert configuration["logisticregression__C"] == space.pipeline(configuration, X[["a"]])[-1].C and pipeline[-1].C == 1
    assert space.defaults() == [{"logisticregression__C": 1.0, "standardscaler__with_mean": True}]
    assert space.complete({"logisticregression__C": 99})["logisticregression__C"] == 10
    assert json.dumps(space.to_plain())
    with pytest.raises(InputError, match="must be one of Pipeline"):
        as_space((pipeline, {"C": Float(0.1, 1)}))
    with pytest.raises(InputError, match="above the high one"):
        as_space((pipeline, {"logisticregression__C": Float(3, 1)}))
    with pytest.raises(InputError, match="a Float, an Int"):
        OwnSpace(estimator=pipeline, dimensions={"logisticregression__C": 1}).validate()
