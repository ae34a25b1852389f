"The script of a recipe gives the same out-of-fold scores in a process of its own, and does not need mltoolkit."

import ast
import os
import re
import subprocess
import sys

import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError
from mltoolkit.data.joins import as_recipe_data, assemble
from mltoolkit.production.recipe import Recipe, example_recipe


def scores_of_script(recipe, folder):
    path = folder / "script.py"
    path.write_text(recipe.to_code())
    guard = "import sys; sys.modules['mltoolkit'] = None; import runpy; runpy.run_path(sys.argv[1])"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run([sys.executable, "-c", guard, str(path)], capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^([\w+]+): log_loss=(?:np\.float64\()?([\d.e-]+)\)? average_precision=(?:np\.float64\()?([\d.e-]+)\)?$", done.stdout, re.M)
    return {name: (float(loss), float(precision)) for name, loss, precision in found}


def scores_of_mltoolkit(recipe):
    spec = recipe.data.spec()
    data = as_recipe_data(spec, assemble(spec).frame, name=recipe.name)
    split = mlt.split(data, **recipe.split.to_dict(), random_state=recipe.random_state)
    table = mlt.compare(data, list(recipe.train.models), split, drop=recipe.drop, race=False, random_state=recipe.random_state).table
    return {row.model: (row.log_loss, row.average_precision) for row in table.itertuples()}


@pytest.mark.parametrize(
    "params",
    [
        {"data.rows": 6000},
        {"data.rows": 4000, "train.models": "[logistic, hgb]", "split.test_from": "null", "split.gap": "null", "random_state": 3},
        {"data.rows": 4000, "train.models": "[logistic]", "split.kind": "stratified", "split.test_from": "null", "split.gap": "null"},
    ],
    ids=["flights", "share", "stratified"],
)
def test_same_scores_without_mltoolkit(params, tmp_path):
    recipe = example_recipe().with_params(params)
    script, ours = scores_of_script(recipe, tmp_path), scores_of_mltoolkit(recipe)
    assert set(script) == set(ours) == set(recipe.train.models)
    for name in ours:
        assert script[name] == pytest.approx(ours[name], abs=1e-12)


def test_a_recipe_of_plain_files_with_groups(tmp_path):
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    n = 600
    orders = pd.DataFrame({"customer": rng.integers(0, 60, n), "price": rng.normal(50, 9, n).round(2), "status": rng.choice(["kept", "returned"], n, p=[0.7, 0.3])})
    orders.loc[::7, "price"] = np.nan
    orders.to_csv(tmp_path / "my orders.csv", index=False)
    pd.DataFrame({"id": range(50), "country": rng.choice(["DE", "FR"], 50)}).to_parquet(tmp_path / "customers.parquet")
    recipe = Recipe.from_dict({
        "version": 1, "name": "orders", "question": 'Which "orders"?',
        "data": {"table": str(tmp_path / "my orders.csv"),
                 "joins": [{"table": str(tmp_path / "customers.parquet"), "left_on": "customer", "right_on": "id", "columns": {"country": "land"}}],
                 "target": {"name": "returned", "column": "status", "equals": "returned"}, "roles": {"group": "customer"}},
        "split": {"n_splits": 3}, "drop": {"status": "the target is made of it"}, "train": {"models": ["logistic", "hgb"]}})  # fmt: skip
    script, ours = scores_of_script(recipe, tmp_path), scores_of_mltoolkit(recipe)
    for name in ours:
        assert script[name] == pytest.approx(ours[name], abs=1e-12)


@pytest.mark.parametrize("when", ["number", "american", "iso"])
def test_times_of_every_kind(when, tmp_path):
    import numpy as np
    import pandas as pd

    rng, n = np.random.default_rng(1), 500
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 200, n), unit="D")
    column = {"number": rng.integers(0, 400, n), "american": days.strftime("%m/%d/%Y"), "iso": days.strftime("%Y-%m-%d")}[when]
    x = rng.normal(size=n)
    pd.DataFrame({"when": column, "x": x, "y": (x + rng.normal(size=n) > 0.8).astype(int)}).to_csv(tmp_path / "t.csv", index=False)
    recipe = Recipe.from_dict({
        "version": 1, "name": "t", "question": "A \\question\\ with {braces}?", "train": {"models": ["logistic"]},
        "data": {"table": str(tmp_path / "t.csv"), "target": {"name": "big", "column": "y", "equals": 1}, "roles": {"time": "when"}}
        | ({} if when == "number" else {"derive": {"weekday": {"column": "when", "part": "weekday", "timezone": "Europe/Paris"}}}),
        "drop": {"y": "the target is made of it"}, "split": {"n_splits": 3} | ({} if when == "number" else {"gap": "2D"})})  # fmt: skip
    assert scores_of_script(recipe, tmp_path)["logistic"] == pytest.approx(scores_of_mltoolkit(recipe)["logistic"], abs=1e-12)


def test_it_is_a_plain_script():
    code = example_recipe().to_code()
    modules = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in ast.walk(ast.parse(code)) if isinstance(n, (ast.Import, ast.ImportFrom))}
    assert {m.split(".")[0] for m in modules} <= {"math", "os", "numpy", "pandas", "sklearn"}
    assert "DateParts" not in code and "TextParts" not in code  # the features of the flights are numbers and categories
    assert "import mltoolkit" not in code and "from mltoolkit" not in code
    assert "the target is made of it" in code  # the reasons travel along
    assert len(code.splitlines()) < 220


def test_what_cannot_be_written_as_a_script_is_refused():
    with pytest.raises(InputError, match="single files"):
        example_recipe().with_params({"data.table": "parts/*.parquet"}).to_code()
    with pytest.raises(InputError, match="single files"):
        example_recipe().with_params({"data.table": "folder"}).to_code()


def test_columns_treated_as_another_kind(tmp_path):
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    n = 500
    orders = pd.DataFrame({"shelf": rng.integers(1, 9, n).astype(float), "price": [f" {x:.2f}" for x in rng.normal(50, 9, n)],
                           "when": pd.date_range("2024-01-01", periods=n, freq="7h").astype(str), "returned": rng.random(n) < 0.3})  # fmt: skip
    orders.loc[::7, "shelf"] = np.nan
    orders.loc[::11, "price"] = ""
    orders.to_parquet(tmp_path / "orders.parquet")
    recipe = Recipe.from_dict({
        "version": 1, "name": "orders", "question": "Which?",
        "data": {"table": str(tmp_path / "orders.parquet"), "treat_as": {"shelf": "category", "price": "number", "weekday": "text", "when": "time"},
                 "derive": {"weekday": {"column": "when", "part": "day"}}, "target": {"name": "back", "column": "returned", "equals": True}},
        "split": {"n_splits": 3}, "drop": {"returned": "the target is made of it", "when": "not needed"},
        "train": {"models": ["logistic", "hgb"]}})  # fmt: skip
    script, ours = scores_of_script(recipe, tmp_path), scores_of_mltoolkit(recipe)
    for name in ours:
        assert script[name] == pytest.approx(ours[name], abs=1e-12)
    plain = scores_of_mltoolkit(recipe.with_params({"data.treat_as": {"price": "number", "when": "time"}}))
    assert plain != ours


def mixed_recipe(folder, models, *, plain=False):
    "A recipe of a table with dates, texts and a column of many levels (`plain`: numbers and a category only)."
    import numpy as np
    import pandas as pd

    rng, n = np.random.default_rng(3), 500
    words = np.array(["late", "crew", "bag", "door", "snow", "fuel", "gate", "slot", "tow", "ice"])
    score = rng.normal(size=n)
    table = pd.DataFrame({
        "score": score, "level": rng.choice(list("abcde"), n), "crowded": [f"c{i}" for i in rng.integers(0, 60, n)],
        "many": [f"m{i}" for i in rng.integers(0, 320, n)], "it's \"odd\"": rng.integers(0, 5, n),
        "zoned": pd.Timestamp("2024-01-01", tz="Europe/Paris") + pd.to_timedelta(rng.integers(0, 9000, n), unit="h"),
        "remark": [" ".join(rng.choice(words, 6)) for _ in range(n)], "back": (score + rng.normal(size=n) > 0.9).astype(int)})  # fmt: skip
    table.loc[::7, "score"] = np.nan
    table.loc[::11, ["level", "many", "remark"]] = None
    table.loc[::13, "zoned"] = pd.NaT
    kept = ["score", "level", "it's \"odd\"", "back"] if plain else list(table.columns)
    table[kept].to_parquet(folder / "t.parquet")
    return Recipe.from_dict({
        "version": 1, "name": "mixed", "question": "Which come back?", "train": {"models": models}, "random_state": 2,
        "data": {"table": str(folder / "t.parquet"), "target": {"name": "returned", "column": "back", "equals": 1}},
        "drop": {"back": "the target is made of it"}, "split": {"n_splits": 2, "kind": "stratified"}})  # fmt: skip


def same_scores(recipe, folder):
    script, ours = scores_of_script(recipe, folder), scores_of_mltoolkit(recipe)
    assert set(script) == set(ours) == set(recipe.train.models)
    for name in ours:
        assert script[name] == pytest.approx(ours[name], abs=1e-12), name


def test_every_candidate_as_a_script(tmp_path):
    from mltoolkit.modeling.candidates import available_models

    names = [name for name in available_models("binary") if name not in ("random_forest", "extra_trees", "easy_ensemble", "balanced_forest")]
    recipe = mixed_recipe(tmp_path, names)
    code = recipe.to_code()
    assert "class DateParts" in code and "class TextParts" in code and "from mltoolkit" not in code and "import mltoolkit" not in code
    same_scores(recipe, tmp_path)


def test_strategies_as_a_script(tmp_path):
    names = ["logistic+class_weight", "hgb+smote", "logistic+prior_correction", "logistic+smote+calibrated", "hgb+balanced_bagging"]
    recipe = mixed_recipe(tmp_path, [*names, "logistic"])
    assert "Pipeline as ResamplingPipeline" in recipe.to_code() and "class PriorCorrection" in recipe.to_code()
    same_scores(recipe, tmp_path)


def test_smote_for_categories_as_a_script(tmp_path):
    same_scores(mixed_recipe(tmp_path, ["hgb+smotenc", "logistic+isolation_forest"], plain=True), tmp_path)


def test_a_table_that_is_not_there_carries_everything(tmp_path):
    recipe = mixed_recipe(tmp_path, ["hgb"])
    (tmp_path / "t.parquet").unlink()
    code = recipe.to_code()
    assert "class DateParts" in code and "def is_text" in code and "def is_date" in code
    csv = recipe.with_params({"data.table": str(tmp_path / "t.csv")})
    (tmp_path / "t.csv").write_text("a,b,back\n" + "1,one,0\n2,two words,1\n" * 50)
    assert "class DateParts" not in csv.to_code() and "class TextParts" not in csv.to_code()
    (tmp_path / "t.csv").write_text("a,b,back\n" + "1,one two three four,0\n2,two words,1\n" * 50)
    assert "class TextParts" in csv.to_code()
