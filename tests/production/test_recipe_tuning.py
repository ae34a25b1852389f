"Recipes with tuned candidates and with a search: what is refused, what is written, what the script gives, which model is kept."

import importlib.util

import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.production.model_choice import ModelChoice, choose_model, recipe_models
from mltoolkit.production.recipe import Recipe, example_recipe

SLOW = {"family": "hgb", "parameters": {"learning_rate": 0.02, "max_iter": 60}}
needs_spaces = pytest.mark.skipif(importlib.util.find_spec("mltoolkit.modeling.spaces") is None, reason="no spaces")


def refused(changes):
    with pytest.raises(InputError) as e:
        Recipe.from_dict(example_recipe().to_dict() | changes)
    return str(e.value)


@pytest.mark.parametrize(
    "tuned, models, words",
    [
        ({"slow": SLOW}, ["slwo"], ["`train.models.0`", "'slwo'", "Did you mean 'slow'?"]),
        ({"slow": SLOW}, ["hgbb"], ["`train.models.0`", "Did you mean 'hgb'?"]),
        ({"hgb": SLOW}, ["hgb"], ["`train.tuned`", "'hgb'", "hgb_1"]),
        ({"tuned": SLOW}, ["hgb"], ["`train.tuned`", "'tuned'"]),
        ({"a b": SLOW}, ["hgb"], ["train.tuned"]),
        ({"slow": SLOW | {"family": "hgbb"}}, ["hgb"], ["`train.tuned.slow.family`", "Did you mean 'hgb'?"]),
        ({"slow": SLOW | {"strategy": "smot"}}, ["hgb"], ["`train.tuned.slow`", "Did you mean 'smote'?"]),
        ({"slow": SLOW | {"family": "hgb+smote"}}, ["hgb"], ["strategy apart"]),
        ({"slow": SLOW | {"encoding": "trees"}}, ["hgb"], ["`train.tuned.slow.encoding`", "'tree'"]),
        ({"slow": {"family": "hgb", "parameters": {"learning_rte": 1}}}, ["hgb"], ["learning_rte", "Did you mean 'learning_rate'?"]),
        ({"slow": {"family": "hgb", "parameters": {"learning_rate": {}}}}, ["hgb"], ["train.tuned.slow.parameters.learning_rate"]),
        ({"slow": {"parameters": {}}}, ["hgb"], ["train.tuned.slow.family"]),
    ],
)
def test_wrong_candidates_are_refused_with_their_place(tuned, models, words):
    text = refused({"train": {"tuned": tuned, "models": models}})
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    "tune, words",
    [
        ({"budget_s": 0}, ["`tune.budget_s`", "greater than 0"]),
        ({"budget_s": "60"}, ["`tune.budget_s`", "a number"]),
        ({"budget_trials": 1.5}, ["`tune.budget_trials`", "whole number"]),
        ({"budget_money": 2}, ["hour", "price_per_hour"]),
        ({"bugdet_s": 60}, ["Did you mean 'budget_s'?"]),
        ({"sampler": "tp"}, ["Did you mean 'tpe'?"]),
        ({"families": ["hgbb"]}, ["'hgbb'", "Did you mean 'hgb'?"]),
        ({"strategies": ["smot"]}, ["'smot'", "Did you mean 'smote'?"]),
        ({"strategies": []}, ["strategy"]),
        ({"prefer": "best"}, ["`tune.prefer`"]),
        ({"storage": "postgresql://me:secret@host/db"}, ["password", "PGPASSWORD"]),
        (60, ["`tune`"]),
    ],
)
def test_a_wrong_search_is_refused(tune, words):
    text = refused({"tune": tune})
    assert all(word in text for word in words) and "secret" not in text, text


@needs_spaces
@pytest.mark.parametrize(
    "space, words",
    [
        ({"hgbb": {"learning_rate": [0.01, 0.3]}}, ["hgb"]),
        ({"hgb": {"learning_rte": [0.01, 0.3]}}, ["learning_rate"]),
        ({"hgb": {"learning_rate": [0.3, 0.01]}}, ["learning_rate"]),
        ({"hgb": {"learning_rate": [0.0, 0.3, "log"]}}, ["learning_rate"]),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_before_the_run(space, words):
    text = refused({"tune": {"space": space}})
    assert text.startswith("`tune` in the recipe must have a space") and all(word in text for word in words), text


def test_a_search_is_turned_on_by_a_parameter_and_read_back(tmp_path):
    recipe = example_recipe()
    assert recipe.tune is None and recipe.train.tuned == {}
    new = recipe.with_params({"tune.budget_cpu_s": "30", "tune.budget_trials": "20", "tune.prefer": "tuned"})
    assert new.tune.arguments["budget_cpu_s"] == 30 and new.tune.arguments["budget_s"] is None
    assert new.tune.prefer == "tuned" and new.fingerprint != recipe.fingerprint
    assert recipe.with_params({"tune": {}}).tune.budgets == {"budget_s": 60.0}
    assert new.with_params({"tune": "null"}).tune is None
    assert Recipe.load(new.save(tmp_path / "new.yaml")) == new
    assert "tuned" not in recipe.to_yaml().replace("untuned", "").split("train:")[1].split("tune:")[0]


def test_tuned_candidates_are_written_on_one_line_and_comments_stay(tmp_path):
    from mltoolkit.core import templates_dir

    path = tmp_path / "mine.yaml"
    path.write_text((templates_dir() / "recipes" / "flights.yaml").read_text())
    new = Recipe.load(path).with_params({"train.tuned.slow": SLOW, "train.models": ["hgb", "slow"], "tune.budget_s": 30})
    new.save(path)
    text = path.read_text()
    assert Recipe.load(path) == new
    assert "slow: {family: hgb, parameters: {learning_rate: 0.02, max_iter: 60}}" in text and "one worker a processor" in text
    assert new.with_params({"train.tuned.slow.parameters.max_iter": "80"}).train.tuned["slow"].parameters["max_iter"] == 80
    with pytest.raises(TypeError):
        new.train.tuned["slow"].parameters["max_iter"] = 3


def test_a_tuned_candidate_is_compared_and_differs_from_its_family():
    import numpy as np
    import pandas as pd

    weak = {"family": "hgb", "parameters": {"learning_rate": 0.02, "max_iter": 5}}
    recipe = Recipe.from_dict({"version": 1, "name": "a", "question": "?", "train": {"tuned": {"slow": weak}, "models": ["hgb", "slow"]},
                               "data": {"table": "a.csv", "target": {"name": "y", "column": "z", "equals": 1}}, "drop": {"z": "the target"}})
    rng, n = np.random.default_rng(0), 1500
    x = rng.normal(size=(n, 3))
    y = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=n) > 0.5
    data = mlt.Dataset(frame=pd.DataFrame(x, columns=list("abc")).assign(y=y, z=y * 1), target="y")
    split = mlt.split(data, n_splits=3)
    models = recipe_models(recipe, data, split)
    assert models["hgb"] == "hgb" and models["slow"].get_params()["model__max_iter"] == 5
    assert models["slow"].get_params()["model__max_leaf_nodes"] == 15  # what is not set stays as it is in the zoo
    found = mlt.compare(data, models, split, drop=recipe.drop, n_resamples=50)
    assert found.table["score"].nunique() == 2
    model = found.fit_best(data, model="slow", models=models, split=split)
    assert model[-1].n_iter_ == 5
    choice = choose_model(found, tuned="slow", optimism=0.0, trials=7)
    assert choice.state == "worse" and choice.chosen == "hgb" and choice.upper < 0
    again = ModelChoice.from_dict(choice.to_dict())
    assert again.sentence == choice.sentence and again.summary() == choice.summary()
    other = choose_model(found, tuned="hgb", optimism=0.0)
    assert other.state == "better" and other.difference == pytest.approx(-choice.difference) and other.is_tuned
    taken = choose_model(found, tuned="hgb", optimism=1.01 * other.lower)
    assert taken.state == "tied" and taken.chosen == "slow" and "taken off" in taken.sentence  # what the search owes to luck is taken off
    assert choose_model(found, tuned="hgb", optimism=1.01 * other.lower, prefer="tuned").chosen == "hgb"
    assert choose_model(found, tuned="hgb", optimism=float("nan")).difference == other.difference
    assert taken.of(found).best == "slow" and found.best == "hgb"
    with pytest.raises(InputError, match="slow"):
        choose_model(found, tuned="slo")


@pytest.mark.parametrize("strategy", ["none", "class_weight"])
def test_the_script_of_a_tuned_candidate_gives_the_same_scores(strategy, tmp_path):
    import os
    import re
    import subprocess
    import sys

    from mltoolkit.data.joins import as_recipe_data, assemble

    params = {"data.rows": 2500, "train.tuned.slow": SLOW | {"strategy": strategy}, "train.models": ["slow"], "split.n_splits": 3}
    recipe = example_recipe().with_params(params)
    (tmp_path / "script.py").write_text(recipe.to_code())
    guard = "import sys; sys.modules['mltoolkit'] = None; import runpy; runpy.run_path(sys.argv[1])"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run([sys.executable, "-c", guard, "script.py"], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    script = float(re.search(r"^slow: log_loss=(?:np\.float64\()?([\d.e-]+)", done.stdout, re.M)[1])
    data = as_recipe_data(recipe.data.spec(), assemble(recipe.data.spec()).frame, name=recipe.name)
    split = mlt.split(data, **recipe.split_arguments)
    ours = mlt.compare(data, recipe_models(recipe, data, split), split, drop=recipe.drop, n_resamples=20)
    assert script == pytest.approx(ours.table["score"].iloc[0], abs=1e-12)
