"`mltoolkit tune`: a folder with study, result and model; plain errors; stopped, resumed and joined."

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from mltoolkit.cli import main
from mltoolkit.core import InputError, Result
from mltoolkit.production.recipe import example_recipe
from mltoolkit.production.tuning_command import search_of, stopped_by_ctrl_c, study_place, tune_part

COMMAND = [sys.executable, "-c", "from mltoolkit.cli import main; main()"]
QUICK = ["--target", "y", "--positive", "yes", "--families", "hgb,logistic", "--folds", "3", "--n-jobs", "1"]


def ended_trials(journal):
    "How many trials an Optuna journal has ended."
    lines = [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")] if journal.exists() else []
    return sum(line["op_code"] == 6 and line.get("state") in (1, 2, 3) for line in lines)


def write_table(path, n=500, seed=0):
    rng = np.random.default_rng(seed)
    x, kind = rng.normal(size=n), rng.choice(["a", "b"], n)
    y = np.where(x + (kind == "a") + rng.normal(size=n) > 1, "yes", "no")
    pd.DataFrame({"x": x, "kind": kind, "noise": rng.normal(size=n), "y": y}).to_csv(path, index=False)


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    "Run `mltoolkit ...` in this process, in a folder with a table: (exit code, stdout, stderr)."
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "t.csv")

    def run(*words):
        with pytest.raises(SystemExit) as e:
            main([str(w) for w in words])
        out = capsys.readouterr()
        return e.value.code, out.out, out.err

    return run


@pytest.mark.parametrize(
    "words, expected",
    [
        ("nowhere.csv --target y", ["nowhere.csv"]),
        ("nowhere.yaml", ["nowhere.yaml"]),
        ("t.csv", ["--target"]),
        ("t.csv --target z", ["'z'"]),
        ("t.csv --target y --drop kid", ["--drop", "Did you mean 'kind'?"]),
        ("t.csv --target y -p data.rows=5", ["recipe"]),
        ("example:flights --target late", ["--target", "-p NAME=VALUE"]),
        ("example:fligths", ["Did you mean 'flights'?"]),
        ("example:flights -p tune.bugdet_s=3", ["'tune.bugdet_s'", "tune.budget_s"]),
        ("t.csv --target y --families hgbb", ["'hgbb'", "Did you mean 'hgb'?"]),
        ("t.csv --target y --strategies smot", ["Did you mean 'smote'?"]),
        ("t.csv --target y --sampler tp", ["Did you mean 'tpe'?"]),
        ("t.csv --target y --sampler cmaes --families hgb,logistic", ["cmaes"]),
        ("t.csv --target y --budget-s 0", ["greater than 0"]),
        ("t.csv --target y --trials 0", ["at least 1"]),
        ("t.csv --target y --trials many", ["--trials"]),
        ("t.csv --target y --money 2", ["price_per_hour"]),
        ("t.csv --target y --scoring f2", ["f2"]),
        ("t.csv --target y --out t.csv", ["--out", "t.csv"]),
        ("t.csv --target y --resume", ["--resume", "study.log"]),
        ("t.csv --target y --worker --out elsewhere", ["--worker", "elsewhere"]),
        ("t.csv --target y --storage sqlite:////proc/no/x.db", ["storage"]),
        ("t.csv --target y --storage postgresql://me:secret@127.0.0.1:1/db", ["127.0.0.1:1"]),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(command, words, expected, tmp_path):
    code, out, err = command("tune", *words.split())
    assert code == 2 and err.startswith("error: "), err
    assert all(word in err for word in expected), err
    assert "Traceback" not in err and "secret" not in out + err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv"]  # nothing is left behind


def test_a_budget_smaller_than_a_fit(command):
    code, _, err = command("tune", "t.csv", *QUICK, "--budget-cpu-s", "0.0001")
    assert code == 2 and "budget" in err and "Traceback" not in err


def test_a_table_is_searched_resumed_and_joined(command, tmp_path):
    from mltoolkit.modeling.persistence import load_model

    code, out, err = command("tune", "t.csv", *QUICK, "--trials", "3")
    assert code == 0 and not err, err
    lines = [line for line in out.splitlines() if line.startswith("[")]
    assert 2 <= len(lines) <= 11 and "best 0." in lines[-1] and "tuning/tuning.json" in out and "tuning/model.skops" in out
    first = Result.load(tmp_path / "tuning" / "tuning.json")
    assert len(first.table) == 3
    table = pd.read_csv(tmp_path / "t.csv")
    assert load_model(tmp_path / "tuning" / "model.skops").predict_proba(table[list(first.features)]).shape == (500, 2)
    code, _, err = command("tune", "t.csv", *QUICK, "--trials", "5")
    assert code == 2 and "--resume" in err  # a new search does not write into an old one
    code, out, err = command("tune", "t.csv", *QUICK, "--trials", "5", "--resume")
    assert code == 0, err
    again = Result.load(tmp_path / "tuning" / "tuning.json")
    assert len(again.table) == 5 and again.table["label"].tolist()[:3] and set(first.table["trial"]) < set(again.table["trial"])
    old = first.table.set_index("trial")["score"]
    pd.testing.assert_series_equal(again.table.set_index("trial")["score"].loc[old.index], old)
    before = (tmp_path / "tuning" / "tuning.json").read_text()
    code, out, err = command("tune", "t.csv", *QUICK, "--trials", "2", "--worker")
    assert code == 0 and "tuning.json" not in out, err
    assert (tmp_path / "tuning" / "tuning.json").read_text() == before  # who joins writes no result
    write_table(tmp_path / "t.csv", seed=1)
    code, _, err = command("tune", "t.csv", *QUICK, "--trials", "2", "--worker")
    assert code == 2 and "data" in err and "Traceback" not in err


def test_ctrl_c_keeps_everything_and_says_how_to_go_on(tmp_path):
    write_table(tmp_path / "t.csv")
    words = ["tune", "t.csv", *QUICK, "--budget-s", "120", "--out", "my search"]
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    journal, deadline = tmp_path / "my search" / "study.log", time.monotonic() + 90
    while time.monotonic() < deadline and ended_trials(journal) < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    kept = ended_trials(journal)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert "Go on with: mltoolkit tune t.csv" in err and "--out 'my search' --resume" in err
    done = subprocess.run([*COMMAND, *words[:-4], "--trials", "2", "--out", "my search", "--resume"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr  # the budget is spent already: it only concludes
    found = Result.load(tmp_path / "my search" / "tuning.json")
    assert len(found.table) >= kept >= 2 and not (found.table["state"] == "running").any() and (tmp_path / "my search" / "model.skops").exists()


def test_a_recipe_gives_data_folds_and_drops():
    params = {"data.rows": "2000", "split.n_splits": "3", "tune.budget_cpu_s": "9", "tune.families": "[hgb]"}
    search = search_of("example:flights", {}, {"budget_trials": 4, "sampler": "random"}, params=params, random_state=7)
    assert search.part.budgets == {"budget_s": None, "budget_trials": 4} and search.part.families == ("hgb",)  # one budget for another
    assert search.part.sampler == "random" and search.random_state == 7 and len(search.split.folds) == 3
    assert set(search.drop) == set(example_recipe().drop) and search.scoring == "neg_log_loss"


def test_options_are_refused_like_settings():
    assert tune_part(None, {}).budgets == {"budget_s": 60.0}
    assert tune_part(None, {"families": "hgb, logistic", "ensemble": None}).families == ("hgb", "logistic")
    with pytest.raises(InputError, match=r"`tune.budget_s` in the options"):
        tune_part(None, {"budget_s": -1.0})


def test_the_place_of_a_study(tmp_path):
    assert study_place(tmp_path / "a") == str(tmp_path / "a" / "study.log") and not (tmp_path / "a").exists()
    assert study_place(tmp_path, storage="sqlite:///x.db", worker=True) == "sqlite:///x.db"
    (tmp_path / "study.log").write_text("{}")
    assert study_place(tmp_path, resume=True).endswith("study.log")
    with pytest.raises(InputError, match="--resume"):
        study_place(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_the_second_ctrl_c_ends_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a Spark session of another test leaves its own
    try:
        _interrupt_twice()
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt_twice():
    with stopped_by_ctrl_c() as cancel:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert cancel.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_settings_of_the_search_are_in_the_result(command, tmp_path):
    code, _, err = command("tune", "t.csv", *QUICK, "--trials", "2", "--sampler", "random", "--seed", "3", "--out", "r", "--drop", "noise")
    assert code == 0, err
    saved = json.loads((tmp_path / "r" / "tuning.json").read_text())["fields"]
    assert (saved["sampler"], saved["seed"], saved["features"]) == ("random", 3, ["x", "kind"])
