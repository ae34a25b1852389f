"The stage tune: a run whose kernel is killed in the middle of the search goes on, and its report tells what was found."

import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest

import mltoolkit as mlt
from mltoolkit.core import RunError
from mltoolkit.production.trial_lines import TrialLines, trial_line

TUNE = {"families": ["hgb", "logistic"], "budget_trials": 7, "prefer": "tuned", "calibrate": False}


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("orders")
    rng, n = np.random.default_rng(0), 800
    price, land = rng.normal(50, 9, n).round(2), rng.choice(["DE", "FR", "<b>IT</b>"], n)
    returned = rng.random(n) < 1 / (1 + np.exp(-(price - 58) / 6 + (land == "FR")))
    pd.DataFrame({"price": price, "land": land, "status": np.where(returned, "returned", "kept")}).to_csv(folder / "orders.csv", index=False)
    recipe = {"version": 1, "name": "orders", "question": "Which orders will be returned?", "unit": "orders", "positive": "returned",
              "data": {"table": str(folder / "orders.csv"), "target": {"name": "is_returned", "column": "status", "equals": "returned"}},
              "drop": {"status": "the target is made of it"}, "split": {"n_splits": 3}, "train": {"models": ["dummy", "hgb"], "n_jobs": 1},
              "explain": {"rows": 1, "background": 10}, "tune": TUNE}  # fmt: skip
    return folder, recipe


def finished_trials(journal):
    "How many trials an Optuna journal has ended."
    lines = [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")]
    return sum(line["op_code"] == 6 and line.get("state") in (1, 2, 3) for line in lines)


@pytest.fixture(scope="module")
def killed_and_resumed(orders):
    "(the run that was gone on with, how many trials the first search had ended when its kernel was killed)."
    folder, recipe = orders
    found = {}

    def kill(tick):
        journal = next(iter((folder / "runs" / "orders").glob(".*.partial/work/study.log")), None)
        if "killed" not in found and tick.stage == "tune" and tick.state == "running" and journal and finished_trials(journal) >= 2:
            found["killed"] = finished_trials(journal)
            for process in psutil.Process().children(recursive=True):
                if "ipykernel_launcher" in " ".join(process.cmdline()):
                    process.kill()

    with pytest.raises(RunError) as error:
        mlt.run(recipe, folder=folder / "runs", report=kill)
    failed = error.value.run
    assert failed.status == "failed" and failed.manifest["failed_stage"] == "tune" and "--resume" in "".join(error.value.__notes__)
    return mlt.run(recipe, folder=folder / "runs", resume=failed.id), found["killed"]


@pytest.mark.slow
def test_a_killed_search_goes_on_and_judges_as_an_uninterrupted_one_does(killed_and_resumed, orders):
    run, before = killed_and_resumed
    assert run.status == "finished" and [s["stage"] for s in run.manifest["stages"]][3:6] == ["train", "tune", "evaluate"]
    tuning = run.results("tuning")
    over = tuning.table[tuning.table["state"].isin(["done", "dropped"])]
    assert before >= 2 and len(over) == 7 and not (tuning.table["state"] == "running").any()
    data = run_data(run)
    again = mlt.tune(data, split=run.results("split"), drop=run.recipe.drop, n_jobs=1, **run.recipe.tune.arguments)
    mine, theirs = (t.set_index("label")[["state", "folds", "score"]].sort_index() for t in (over, again.table))
    pd.testing.assert_frame_equal(mine, theirs, check_exact=True)  # a trial that was cut is tried again before those that waited
    assert tuning.table["origin"].eq("retry").sum() == tuning.table["state"].eq("lost").sum() <= 1


def run_data(run):
    from mltoolkit.production.runs import dataset_of

    return dataset_of(run.recipe, Path(run.path) / "data" / "table.parquet")


@pytest.mark.slow
def test_the_model_of_the_run_is_the_tuned_one(killed_and_resumed):
    from mltoolkit.modeling.persistence import load_model

    run, _ = killed_and_resumed
    choice, tuning, judged = run.results("choice"), run.results("tuning"), run.results("comparison_tuned")
    assert choice.state == "tied" or choice.state == "better"
    assert choice.is_tuned and judged.best == "tuned" and run.results("opening").model == "tuned" and choice.told == choice.sentence
    assert set(judged.table["model"]) == {"dummy", "hgb", "tuned"} and run.results("comparison").best == "hgb"
    data, split = run_data(run), run.results("split")
    X = data.take(split.test).frame[list(judged.features)]
    saved = load_model(Path(run.path) / "model" / "model.skops")
    np.testing.assert_array_equal(saved.predict_proba(X), tuning.fit_best(data, split=split).predict_proba(X))
    decision = mlt.decide(judged.oof["y"], judged.proba("tuned"), cost_fp=1, cost_fn=1)
    assert decision.threshold == run.results("decision").threshold  # chosen on the predictions of the tuned model


@pytest.mark.slow
def test_the_report_tells_of_the_search_and_its_optimism(killed_and_resumed):
    run, _ = killed_and_resumed
    page, card = run.report.read_text(), (Path(run.path) / "model" / "model_card.md").read_text()
    assert "The search</h2>" in page and "configurations were tried" in page and f"{run.results('tuning').optimism:.4f}" in page
    assert run.results("choice").label("tuned") in page and "too good by about" in card
    assert any("A search tried" in s for s in run.answer["how_sure"])
    notebook = (Path(run.path) / "notebooks" / "05_tune.ipynb").read_text()
    outputs = [o for c in json.loads(notebook)["cells"] for o in c.get("outputs", [])]
    lines = [line for o in outputs if o.get("name") == "stdout" for line in "".join(o["text"]).splitlines() if line.startswith("[")]
    assert 1 <= len(lines) <= 11 and "[100%]" in lines[-1] and sum("image/png" in o.get("data", {}) for o in outputs) >= 3
    assert not any(o.get("name") == "stderr" for o in outputs)


def live(share, **changes):
    table = pd.DataFrame({"state": ["done", "done", "dropped", "running"]})
    given = {"share": share, "time_left": "about 3 s", "best": (1, 0.31, 0.30, 0.32), "table": lambda: table}
    return SimpleNamespace(**(given | changes))


def test_lines_of_a_search():
    assert trial_line(live(0.4)) == "[ 40%] 3 trials (2 done, 1 dropped); best 0.3100 (0.3000 to 0.3200), trial 1; about 3 s left"
    assert trial_line(live(1.2, best=None)) == "[100%] 3 trials (2 done, 1 dropped)"
    assert trial_line(live(0, best=(0, 0.3, float("nan"), float("nan")), table=lambda: pd.DataFrame({"state": []}))).startswith("[  0%] 0 trials; best 0.3000, trial 0")
    stream = io.StringIO()
    lines = TrialLines(stream, live=False)
    for i in range(500):
        lines(live(i / 499))
    lines.close()
    assert len(stream.getvalue().splitlines()) == 11


def test_the_line_is_rewritten_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    lines = TrialLines(stream, live=True, every_s=0)
    lines(live(0.1)), lines(live(0.2)), lines.close()
    text = stream.getvalue()
    assert "\n" not in text and text.endswith("\r\x1b[2K") and all(len(part) < 40 for part in text.split("\r\x1b[2K"))
