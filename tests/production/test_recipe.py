"Recipes: what is refused and how it is said, YAML both ways, parameters, differences."

import copy
import pickle

import pytest

from mltoolkit.core import InputError
from mltoolkit.production.recipe import Recipe, RecipeDiff, as_recipe, check_columns, example_recipe
from mltoolkit.production.settings import DataPart, field_help

SHORT = {"version": 1, "name": "orders", "question": "Which orders will be returned?",
         "data": {"table": "orders.csv", "target": {"name": "returned", "column": "status", "equals": "returned"}}}


@pytest.fixture(scope="module")
def recipe():
    return example_recipe()


def refused(values, *words):
    with pytest.raises(InputError) as e:
        Recipe.from_dict(values)
    text = str(e.value)
    for word in words:
        assert word in text, text
    assert "\n" not in text
    return text


def changed(path, value):
    values = example_recipe().to_dict()
    here = values
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return values


def test_a_short_recipe_is_a_complete_one():
    short = Recipe.from_dict(SHORT)
    assert short.train.models == ("dummy", "logistic", "hgb")
    assert short.costs.fp == 1 and short.split.n_splits == 5 and short.data.roles.time is None


@pytest.mark.parametrize(
    "path, value, words",
    [
        (["data", "rows"], "5", ["`data.rows`", "whole number", "'5'", "20000"]),
        (["data", "rows"], 3, ["`data.rows`", "at least 100", "3"]),
        (["data", "rows"], True, ["`data.rows`", "whole number"]),
        (["costs", "fn"], "much", ["`costs.fn`", "a number", "'much'"]),
        (["costs", "fn"], 0, ["`costs`", "`cost_fn`"]),
        (["costs", "fp"], float("nan"), ["`costs.fp`"]),
        (["costs", "fp"], float("inf"), ["`costs.fp`", "finite"]),
        (["split", "test_from"], "soon", ["`split.test_from`", "date", "soon", "2013-11-01"]),
        (["split", "kind"], "temporal", ["`split.kind`", "time", "grouped"]),
        (["split", "n_splits"], 1, ["`split.n_splits`", "at least 2"]),
        (["train", "models"], ["hgbb"], ["`train.models.0`", "Did you mean 'hgb'?"]),
        (["train", "models"], [], ["`train.models`"]),
        (["train", "scoring"], "auc", ["`train.scoring`", "roc_auc"]),
        (["data", "target"], {"name": "late", "column": "x"}, ["`data.target`", "exactly one"]),
        (["data", "target"], {"name": "late", "column": "x", "at_least": 1, "equals": 2}, ["`data.target`", "exactly one"]),
        (["data", "joins"], [{"table": "x"}], ["`data.joins.0`", "keys"]),
        (["data", "joins"], [{"table": "x", "left_on": ["a", "b"], "right_on": ["c"]}], ["as many keys", "2 and 1"]),
        (["data", "joins"], {"table": "x"}, ["`data.joins`", "a list"]),
        (["data", "derive"], {"w": {"column": "t", "part": "weekday", "timezone": "America/NewYork"}}, ["America/New_York"]),
        (["data", "derive"], {"w": {"column": "t", "part": "wekday"}}, ["Did you mean 'weekday'?"]),
        (["contract", "columns"], {"a": {"type": "number", "min": 3, "max": 1}}, ["`contract.columns.a`", "min"]),
        (["contract", "columns"], {"a": {"type": "numbr"}}, ["`contract.columns.a.type`", "'number'"]),
        (["contract", "columns"], {"a": {"type": "number", "mn": 3}}, ["'mn'", "Did you mean 'min'?", "contract.columns.a"]),
        (["drop"], {"arr_delay": ""}, ["reason", "arr_delay"]),
        (["drop"], {"arr_delay": None}, ["`drop.arr_delay`", "text", "nothing"]),
        (["drop"], ["arr_delay"], ["`drop`", "mapping"]),
        (["drop"], {"late": "why"}, ["late", "role"]),
        (["keep"], {"arr_delay": "why"}, ["either drop or keep", "arr_delay"]),
        (["name"], "../evil", ["`name`"]),
        (["name"], "", ["`name`"]),
        (["question"], "", ["`question`"]),
        (["version"], 2, ["`version`", "1"]),
        (["explain"], None, ["`explain`"]),
        (["data", "roles"], {"time": None}, ["time", "split"]),
    ],
)
def test_a_wrong_value_is_refused_with_path_value_and_fix(path, value, words):
    refused(changed(path, value), *words)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"cost": {}}, ["'cost'", "Did you mean 'costs'?"]),
        ({"data": SHORT["data"] | {"tabel": "x"}}, ["'tabel'", "'table'", "`data`"]),
        ({"<b>": 1}, ["'<b>'"]),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(change, words):
    refused(SHORT | change, *words)


def test_a_missing_key_is_named_with_an_example():
    refused({k: v for k, v in SHORT.items() if k != "question"}, "`question`", "Write e.g.")
    refused({}, "`version`", "more to mend")


def test_several_problems_are_counted():
    text = refused(SHORT | {"costs": {"fp": "a", "fn": "b"}}, "`costs.fp`")
    assert "1 more to mend" in text


def test_a_recipe_is_frozen_inside_as_well(recipe):
    with pytest.raises(Exception, match="frozen"):
        recipe.name = "x"
    with pytest.raises(TypeError, match="frozen"):
        recipe.drop["x"] = "y"
    with pytest.raises(TypeError):
        recipe.drop.update(x="y")
    assert isinstance(recipe.train.models, tuple)
    assert pickle.loads(pickle.dumps(recipe)) == recipe == copy.deepcopy(recipe)


def test_yaml_round_trip(recipe, tmp_path):
    assert Recipe.load(recipe.save(tmp_path / "a.yaml")) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    short = Recipe.from_dict(SHORT)
    assert Recipe.load(short.save(tmp_path / "b.yaml")) == short
    again = (tmp_path / "b.yaml").read_text()
    short.save(tmp_path / "b.yaml")
    assert (tmp_path / "b.yaml").read_text() == again


@pytest.mark.parametrize("text", ["yes: no", "a # b", "'q'", '"q"', "- x", "&a", "*a", "null", "true", "1e3", "2013-11-01", "é ß 漢", "a: b", "x" * 300, "line\nbreak", "{a}"])
def test_hostile_texts_survive_the_round_trip(text, tmp_path):
    values = SHORT | {"question": text, "drop": {text: text}, "unit": text}
    hostile = Recipe.from_dict(values)
    assert Recipe.load(hostile.save(tmp_path / "a.yaml")) == hostile


def test_written_files_explain_themselves(recipe, tmp_path):
    text = recipe.save(tmp_path / "a.yaml").read_text()
    assert "# price of a miss" in text and field_help("costs.fn") == "price of a miss"
    assert "# columns that are not used, each with the reason" in text
    assert max(len(line) for line in text.splitlines()) < 200


def test_saving_over_a_file_keeps_its_comments_and_order(recipe, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(example_text())
    recipe.with_params({"costs.fn": 11, "drop.dewp": "follows from temp and humid", "data.roles.id": None}).save(path)
    before, after = example_text().splitlines(), path.read_text().splitlines()
    assert "# Assumed for the example" in path.read_text()
    gone = [line for line in before if line not in after]
    assert len(gone) <= 3, gone
    assert Recipe.load(path).costs.fn == 11 and Recipe.load(path).drop["dewp"]
    recipe.save(path)
    assert Recipe.load(path) == recipe


def example_text():
    from mltoolkit.core import templates_dir

    return (templates_dir() / "recipes" / "flights.yaml").read_text()


def test_saving_over_a_file_that_is_no_recipe_replaces_it(recipe, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: [1, 2")
    recipe.save(path)
    assert Recipe.load(path) == recipe


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", ["mapping", "nothing"]),
        (b"- a\n- b\n", ["mapping", "a list with 2"]),
        (b"a: [1, 2", ["valid YAML", "line"]),
        (b"a: 1\na: 2\n", ["valid YAML", "duplicate"]),
        (b"a: b: c\n", ["valid YAML"]),
        (b"\xff\xfea", ["UTF-8"]),
        (b"a: \x07\n", ["valid YAML"]),
        (b"a: !!python/object:os.system x\n", []),
    ],
)
def test_files_that_are_no_recipes(content, words, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as e:
        Recipe.load(path)
    assert all(w in str(e.value) for w in words), str(e.value)


def test_missing_files(tmp_path):
    (tmp_path / "flights.yaml").write_text("")
    with pytest.raises(InputError, match="Did you mean 'flights.yaml'"):
        Recipe.load(tmp_path / "flight.yaml")
    with pytest.raises(InputError, match="must be a file"):
        Recipe.load(tmp_path)


def test_parameters_are_typed_by_their_field(recipe):
    new = recipe.with_params({"costs.fn": "30", "data.rows": "5000", "split.test_from": "2013-10-01", "name": "123", "data.joins.0.table": "null",
                              "train.models": "[dummy, hgb]", "train.n_jobs": "2", "evaluate.slices": "[origin]", "costs.currency": "euros"})
    assert (new.costs.fn, new.data.rows, new.name, new.train.models, new.train.n_jobs) == (30.0, 5000, "123", ("dummy", "hgb"), 2)
    assert new.data.joins[0].table == "null" and new.split.test_from == "2013-10-01" and new.evaluate.slices == ("origin",)
    assert recipe.with_params({"data.rows": "null"}).data.rows is None
    assert recipe.with_params({}) is recipe
    assert recipe.costs.fn == 800  # the old one is as it was


@pytest.mark.parametrize(
    "params, words",
    [
        ({"cost.fn": "3"}, ["'cost.fn'", "costs.fn"]),
        ({"costs.fnn": "3"}, ["'costs.fnn'", "costs.fn"]),
        ({"rows": "3"}, ["'rows'", "data.rows"]),
        ({"data.rows.x": "3"}, ["'data.rows.x'"]),
        ({"data.rows": "many"}, ["`data.rows`", "whole number"]),
        ({"data.rows": "3.5"}, ["`data.rows`", "whole number"]),
        ({"data.joins.9.table": "x"}, ["data.joins.9.table"]),
        ({"train.models": "[a"}, ["train.models"]),
        ({"": "3"}, ["''"]),
        ({"costs.fn": None}, ["`costs.fn`", "nothing"]),
    ],
)
def test_wrong_parameters_are_refused(recipe, params, words):
    with pytest.raises(InputError) as e:
        recipe.with_params(params)
    assert all(w in str(e.value) for w in words), str(e.value)


def test_diff(recipe):
    other = recipe.with_params({"costs.fn": 30, "drop.dewp": "why"})
    table = recipe.diff(other).to_frame()
    assert table.values.tolist() == [["costs.fn", "800.0", "30.0"], ["drop.dewp", "", '"why"']]
    assert not recipe.diff(recipe) and len(recipe.diff(recipe).to_frame()) == 0
    assert isinstance(recipe.diff(other), RecipeDiff)


def test_fingerprint_follows_the_values_only(recipe):
    assert recipe.fingerprint == example_recipe().fingerprint
    assert recipe.fingerprint != recipe.with_params({"costs.fn": 9}).fingerprint


def test_rich_form_is_escaped():
    assert "<script>" not in Recipe.from_dict(SHORT | {"question": "<script>"})._repr_html_()


def test_columns_of_the_recipe_must_be_in_the_table(recipe, flights_small):
    columns = list(flights_small.frame.columns)
    check_columns(recipe, columns)
    for params, words in [
        ({"drop.arr_dely": "x"}, ["`drop`", "'arr_dely'", "'arr_delay'"]),
        ({"data.roles.group": "tailnumb"}, ["`data.roles.group`", "'tailnum'"]),
        ({"evaluate.slices": "[carier]"}, ["`evaluate.slices`", "'carrier'"]),
        ({"keep.hours": "x"}, ["`keep`", "'hour'"]),
    ]:
        with pytest.raises(InputError) as e:
            check_columns(recipe.with_params(params), columns)
        assert all(w in str(e.value) for w in words), str(e.value)
    nothing_left = recipe.with_params({f"drop.{c}": "x" for c in columns if c not in ("late", "time_hour", "tailnum")})
    with pytest.raises(InputError, match="at least one feature"):
        check_columns(nothing_left, columns)


def test_every_model_of_the_floor_below_can_be_named(recipe):
    from mltoolkit.modeling.candidates import MODELS

    assert recipe.with_params({"train.models": list(MODELS)}).train.models == tuple(MODELS)


def test_the_example_recipe_describes_the_example(recipe):
    from mltoolkit.data.examples import FLIGHTS

    assert DataPart.model_validate(FLIGHTS) == recipe.data


def test_one_gate(recipe, tmp_path):
    path = recipe.save(tmp_path / "r.yaml")
    assert as_recipe(path) == as_recipe(str(path)) == as_recipe(recipe) == as_recipe(recipe.to_dict()) == as_recipe("example:flights")
    with pytest.raises(InputError, match="path, a dict or a Recipe"):
        as_recipe(3)
    with pytest.raises(InputError, match="flights"):
        as_recipe("example:flight")
