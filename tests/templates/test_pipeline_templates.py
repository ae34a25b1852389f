"The pipeline templates: their form, and what a whole small run leaves behind."

import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, templates_dir

TEMPLATES = sorted((templates_dir() / "pipeline").glob("*.ipynb"))
ALL = ["ingest", "check", "profile", "train", "tune", "evaluate", "explain", "report"]
STAGES = [name for name in ALL if name != "tune"]  # of a recipe that searches for nothing


def code_cells(path):
    cells = json.loads(path.read_text())["cells"]
    return [("".join(c["source"]), c["metadata"].get("tags", [])) for c in cells if c["cell_type"] == "code"]


def test_the_eight_stages_and_the_seven_of_a_recipe_without_a_search():
    from mltoolkit.production.pipeline import stage_templates, stages_of
    from mltoolkit.production.recipe import example_recipe

    assert [p.stem for p in TEMPLATES] == [f"{i:02d}_{name}" for i, name in enumerate(ALL, 1)]
    recipe = example_recipe()
    assert recipe.tune is None and list(stages_of(recipe, stage_templates())) == STAGES
    assert list(stages_of(recipe.with_params({"tune.budget_trials": 3}), stage_templates())) == ALL


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.stem)
def test_form(path):
    cells = code_cells(path)
    assert len(cells) <= 12
    parameters = [text for text, tags in cells if "parameters" in tags]
    assert parameters == ['run_dir: str = ""  # folder of the run']
    for text, _ in cells:
        for node in ast.walk(ast.parse(text)):
            assert not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)), text
    assert cells[-1][0].splitlines()[-1].startswith("stage.close(")
    notebook = json.loads(path.read_text())
    assert all(not c.get("outputs") and c.get("execution_count") is None for c in notebook["cells"])
    assert notebook["cells"][0]["cell_type"] == "markdown"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.stem)
def test_papermill_sees_the_parameter(path):
    import papermill

    assert list(papermill.inspect_notebook(str(path))) == ["run_dir"]


def test_a_run_leaves_everything(finished_run):
    folder = Path(finished_run.path)
    assert finished_run.status == "finished"
    assert finished_run.names == ["calibration", "cases", "comparison", "contract", "decision", "effects", "error_slices", "explanation", "joins",
                                  "leaks_report", "opening", "outcome", "outcome_oof", "profile", "reasons", "slices", "split", "test_outcome"]  # fmt: skip
    for name in ("report.html", "answer.json", "recipe.yaml", "manifest.json", "data/table.parquet", "model/model.skops",
                 "model/input_schema.json", "model/model_card.md", "model/decided.skops", "model/background.parquet", "told.json",
                 "drawings.json"):  # fmt: skip
        assert (folder / name).stat().st_size > 100, name
    assert sorted(p.stem for p in (folder / "notebooks").iterdir()) == [p.stem for p in TEMPLATES if "tune" not in p.stem]
    assert finished_run.recipe.data.rows == 8000
    stages = finished_run.to_frame()
    assert stages["stage"].tolist() == STAGES and (stages["state"] == "done").all() and (stages["cpu_seconds"] > 0.1).all()
    assert {"recipe", "sources", "code", "environment", "data"} == set(finished_run.manifest["fingerprints"])


def test_the_decided_model_says_what_the_decision_says(finished_run):
    from mltoolkit.modeling.persistence import load_model

    folder = Path(finished_run.path) / "model"
    plain, decided = load_model(folder / "model.skops"), load_model(folder / "decided.skops")
    X = pd.read_parquet(folder / "background.parquet")
    threshold = finished_run.results("decision").threshold
    assert decided.threshold == threshold and decided.chosen_for["cost_fn"] == 800
    assert (decided.predict(X) == (plain.predict_proba(X)[:, 1] >= threshold)).all()


def test_explanations_are_exact_and_told_in_points(finished_run):
    explanation, cases, told = finished_run.results("explanation"), finished_run.results("cases"), json.loads((Path(finished_run.path) / "told.json").read_text())
    assert explanation.exact and explanation.importance["attribution"].notna().all()
    sums = cases.reasons.groupby("row")["points"].sum() / 100 + cases.reference[0]
    assert np.allclose(sums, cases.table["prediction"], atol=1e-6) and len(told["cases"]) == len(cases.table) == 5
    assert told["cases"][0].startswith("late because: ") and "slices" not in told["reasons"]
    report = (Path(finished_run.path) / "report.html").read_text()
    assert "The decision in money, on the locked test rows" in report and "Late because: " in report and "all others" in report


def test_every_result_reads_back(finished_run):
    for name in finished_run.names:
        result = finished_run.results(name)
        assert repr(type(result).from_dict(json.loads(json.dumps(result.to_dict())))) == repr(result)
        assert len(repr(result)) < 2000 and result._repr_html_()


def test_executed_notebooks_show_their_results_without_noise(finished_run):
    pictures = 0
    for path in (Path(finished_run.path) / "notebooks").iterdir():
        for cell in json.loads(path.read_text())["cells"]:
            for output in cell.get("outputs", []):
                assert output["output_type"] != "error"
                assert output.get("name") != "stderr", (path.name, output)
                pictures += "image/png" in output.get("data", {})
    assert pictures >= 6


def test_the_leaks_are_caught_by_evidence_and_dropped_with_reasons(finished_run):
    review = finished_run.results("leaks_report")
    found = review.table[review.table["codes"] != ""]
    assert set(found["column"]) == {"arr_delay", "dep_delay", "arr_time", "air_time", "dep_time"}
    assert review.table["dropped"].all() and (review.table["reason"] != "").all() and review.unsettled == []


def test_the_profile_never_saw_the_locked_rows(finished_run):
    split, profile = finished_run.results("split"), finished_run.results("profile")
    frame = pd.read_parquet(Path(finished_run.path) / "data" / "table.parquet")
    start = frame["time_hour"].iloc[split.test].min()
    unknown = frame["late"].isna() & (frame["time_hour"] < start)
    assert profile.n_rows == len(split.development) + int(unknown.sum())
    assert start.date() == pd.Timestamp("2013-11-01").date()  # by the clock in New York
    assert frame["time_hour"].iloc[split.development].max() < pd.Timestamp("2013-10-31", tz="America/New_York")  # a day's gap


def test_the_threshold_comes_from_development_only(finished_run):
    split, comparison, decision = (finished_run.results(n) for n in ("split", "comparison", "decision"))
    assert set(comparison.oof["row"]) <= set(split.development)
    again = mlt.decide(comparison.oof["y"], comparison.proba(), cost_fp=100, cost_fn=800)
    assert again.threshold == decision.threshold == finished_run.results("outcome").threshold == finished_run.results("opening").threshold


def test_the_opening_is_recorded_once_and_counted(finished_run):
    opening = finished_run.results("opening")
    ledger = [json.loads(line) for line in (Path(finished_run.path).parent / "openings.jsonl").read_text().splitlines()]
    mine = [entry for entry in ledger if entry["id"] == opening.id]
    assert [entry.get("event", "opening") for entry in mine] == ["opening", "score"] and opening.who and opening.model_hash
    outcome = finished_run.results("test_outcome")
    assert mine[1]["score"] == outcome.score and mine[1]["gap"] == outcome.gap and "a gap of" in outcome.sentence


def test_the_saved_model_gives_the_outcome(finished_run):
    from mltoolkit.modeling.decision import evaluate_at
    from mltoolkit.modeling.persistence import load_model
    from mltoolkit.production.runs import dataset_of

    folder = Path(finished_run.path)
    data = dataset_of(finished_run.recipe, folder / "data" / "table.parquet")
    split, outcome, features = finished_run.results("split"), finished_run.results("outcome"), finished_run.results("comparison").features
    test = data.take(split.test)
    proba = load_model(folder / "model" / "model.skops").predict_proba(test.frame[list(features)])[:, 1]
    again = evaluate_at(test.y, proba, outcome.threshold, cost_fp=100, cost_fn=800)
    assert (again.caught, again.alarms, again.cost) == (outcome.caught, outcome.alarms, outcome.cost)
    assert not set(features) & (set(finished_run.recipe.drop) | {"late", "time_hour", "tailnum"})


def test_the_answer_is_in_plain_words(finished_run):
    answer = finished_run.answer
    assert answer["question"] == finished_run.recipe.question and len(answer["sentences"]) >= 2
    assert all(s.endswith(".") for s in answer["sentences"])


@pytest.mark.slow
def test_a_second_run_gives_the_same_figures_to_the_last_digit(finished_run, tmp_path):
    again = mlt.run("example:flights", params={"data.rows": 8_000, "train.n_jobs": 2}, folder=tmp_path / "runs")
    assert again.manifest["fingerprints"]["data"] == finished_run.manifest["fingerprints"]["data"]
    for name in ("oof", "table"):
        ours, theirs = (getattr(run.results("comparison"), name).drop(columns=["fit_seconds", "predict_seconds", "memory"], errors="ignore") for run in (finished_run, again))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    for name in ("decision", "outcome", "explanation", "slices", "profile", "split"):
        assert finished_run.results(name).to_dict() == again.results(name).to_dict(), name
    assert finished_run.results("opening").model_hash == again.results("opening").model_hash
    for part in ("question", "sentences", "figures"):
        assert finished_run.answer[part] == again.answer[part]


def stopped_at(stage, tmp_path, **params):
    with pytest.raises(InputError) as e:
        mlt.run("example:flights", params={"data.rows": 3000} | params, folder=tmp_path / "runs")
    assert e.value.run.status == "failed" and e.value.run.manifest["failed_stage"] == stage, str(e.value)
    return str(e.value)


def test_a_column_that_is_not_there_stops_the_run_in_ingest(tmp_path):
    assert "Did you mean 'arr_delay'?" in stopped_at("ingest", tmp_path, **{"drop.arr_dely": "a mistake"})


def test_a_broken_contract_stops_the_run_with_column_count_and_rows(tmp_path):
    text = stopped_at("check", tmp_path, **{"contract.columns.distance.max": 1000})
    assert "distance" in text and "1000" in text or "1,000" in text
    assert any(c.isdigit() for c in text)


def test_an_unsettled_leak_stops_the_run_and_names_the_line(tmp_path):
    recipe = mlt.Recipe.load(templates_dir() / "recipes" / "flights.yaml").to_dict()
    del recipe["drop"]["dep_delay"], recipe["contract"]["columns"]["dep_delay"]
    recipe["data"]["rows"] = 8000
    with pytest.raises(InputError) as e:
        mlt.run(recipe, folder=tmp_path / "runs")
    text = str(e.value)
    assert "dep_delay" in text and "MLT30" in text and "`dep_delay: <why>` under `drop`" in text
    assert e.value.run.manifest["failed_stage"] == "profile" and "leaks_report" in e.value.run.names


def test_a_leak_that_only_the_contract_knows(tmp_path):
    from mltoolkit.production.review import review_leaks

    recipe = mlt.Recipe.load(templates_dir() / "recipes" / "flights.yaml")
    recipe = recipe.with_params({"contract.columns.humid.known": "after"})
    profile = mlt.profile(mlt.load_example("flights", rows=8000))
    review = review_leaks(recipe, profile)
    assert review.only_declared == ["humid"] and review.unsettled == ["humid"]
    with pytest.raises(InputError, match="declared `known: after`"):
        review.raise_if_unsettled()
    assert review_leaks(recipe.with_params({"keep.humid": "a forecast is known"}), profile).unsettled == []


def test_too_few_rows_for_the_folds(tmp_path):
    text = stopped_at("profile", tmp_path, **{"data.rows": 100, "split.n_splits": 40})
    assert "fold" in text


@pytest.mark.slow
def test_any_table_goes_the_whole_way(tmp_path, monkeypatch):
    "A CSV with an id, no time, no group, missing values and hostile names; paths count from where the run is started."
    import numpy as np

    rng, n = np.random.default_rng(0), 900
    price, land = rng.normal(50, 9, n).round(2), rng.choice(["DE", "FR", "<b>IT</b>"], n)
    returned = rng.random(n) < 1 / (1 + np.exp(-(price - 58) / 6 + (land == "FR")))
    table = pd.DataFrame({"order": [f"o{i}" for i in range(n)], "price": price, "land <x>": land, "items": rng.integers(1, 6, n),
                          "status": np.where(returned, "returned", "kept")})  # fmt: skip
    table.loc[::9, "price"] = np.nan
    table.to_csv(tmp_path / "orders.csv", index=False)
    recipe = {"version": 1, "name": "orders", "question": "Which <i>orders</i> will be returned?", "unit": "orders", "positive": "returned",
              "data": {"table": "orders.csv", "target": {"name": "is_returned", "column": "status", "equals": "returned"}, "roles": {"id": "order"}},
              "drop": {"status": "the target is made of it"}, "split": {"n_splits": 3}, "costs": {"fp": 1, "fn": 4},
              "train": {"models": ["dummy", "logistic"]}, "evaluate": {"slices": ["land <x>"]}, "explain": {"rows": 2}}  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLTOOLKIT_RUNS", raising=False)
    done = mlt.run(recipe)
    assert done.status == "finished" and Path(done.path).parent == tmp_path / "runs" / "orders"
    assert done.results("outcome").rows == 180 and done.results("comparison").best == "logistic"
    report = done.report.read_text()
    assert "<b>IT</b>" not in report and "land <x>" not in report and "<i>orders</i>" not in report
    assert "time" not in done.answer["sentences"][0]
