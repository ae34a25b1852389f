"The contest of tuning: its folds, its clock, its tables, the peers that are installed here, and a whole run on a few rows."

import importlib
import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

MODULES = ("clock", "contest", "judged", "peers", "tables", "datasets")


@pytest.fixture(scope="module")
def bench(root):
    "A function that imports a module of benchmarks/tuning."
    folders = [str(root / f"benchmarks/{name}") for name in ("tuning", "modeling")]
    shadowed = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    sys.path[:0] = folders
    try:
        yield importlib.import_module
    finally:
        for folder in folders:
            sys.path.remove(folder)
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(shadowed)


def table(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "kind": rng.choice(["u", "v", "w"], rows)})
    y = (X["a"] + (X["kind"] == "u") + rng.normal(size=rows) > 1.5).astype(int).to_numpy()
    return X, y


def test_outer_folds_are_stratified_and_always_the_same(bench):
    contest = bench("contest")
    y = np.r_[np.ones(31, int), np.zeros(270, int)]
    fold = contest.outer_folds(y)
    assert set(fold) == {1, 2, 3} and (fold == contest.outer_folds(y)).all()
    assert sorted(np.bincount(fold[y == 1])[1:]) == [10, 10, 11] and sorted(np.bincount(fold)[1:]) == [100, 100, 101]
    assert fold[:6].tolist() == [2, 3, 1, 3, 3, 2]  # as drawn when the peers were measured


def test_text_unknown_in_training_is_missing(bench):
    X = pd.DataFrame({"k": ["b", "a", None, "new"], "n": [1.0, 2.0, 3.0, 4.0]})
    typed = bench("contest").as_categories(X, np.array([True, True, True, False]))
    assert list(typed["k"].cat.categories) == ["a", "b"] and typed["k"].isna().tolist() == [False, False, True, True]
    assert typed["n"].equals(X["n"])


def test_the_wall_clock_can_be_the_cpu_clock(bench, monkeypatch):
    clock = bench("clock")
    monkeypatch.setattr(time, "time", time.time)  # is put back in the end
    clock.on_cpu_time()
    start, used = time.time(), clock.cpu_seconds()
    time.sleep(0.2)
    assert time.time() - start < 0.1
    while clock.cpu_seconds() - used < 0.2:
        pass
    assert 0.19 < time.time() - start < 0.4


@pytest.mark.parametrize("name", ["optuna", "random"])
def test_peers_keep_their_budget_and_learn(bench, name):
    pytest.importorskip("lightgbm")
    contest, peers = bench("contest"), bench("peers")
    X, y = table(1200)
    typed, held = contest.as_categories(X, np.ones(len(y), bool)), np.arange(len(y)) % 4 == 0
    start = contest.cpu_seconds()
    predict, tried = peers.PEERS[name](typed[~held].reset_index(drop=True), y[~held], 0.8, 0)
    used, found = contest.cpu_seconds() - start, contest.scores(y[held], predict(typed[held]))
    base = contest.scores(y[held], np.full(held.sum(), y[~held].mean()))
    assert tried >= 1 and found["log_loss"] < base["log_loss"] + 0.05 and found["average_precision"] > base["average_precision"]
    assert used < 6  # a first fit imports, and random search ends what it began


def runs(losses):
    "Measurements of a budget of 10, from contestant -> (data, fold) -> log-loss."
    return [{"contestant": c, "data": d, "fold": f, "budget_s": 10.0, "log_loss": v, "cpu_s": 9.5, "tried": 20}
            for c, cells in losses.items() for (d, f), v in cells.items()]  # fmt: skip


def test_ranks_use_only_what_all_have_measured(bench):
    tables = bench("tables")
    found = runs({"mltoolkit": {("a", 1): 0.1, ("a", 2): 0.1, ("b", 1): 0.3}, "flaml": {("a", 1): 0.2, ("a", 2): 0.1, ("b", 1): 0.2},
                  "optuna": {("a", 1): 0.3, ("a", 2): 0.3}})  # fmt: skip
    losses = tables.wide(found, 10.0, ["mltoolkit", "flaml", "optuna"])
    assert losses.index.tolist() == [("a", 1), ("a", 2)]
    assert tables.ranks(losses).to_dict() == {"mltoolkit": 1.25, "flaml": 1.75, "optuna": 3.0}
    gap, lower, upper, wins = tables.against(losses, "mltoolkit", "flaml")
    assert gap == pytest.approx(-0.05) and lower <= gap <= upper and wins == 1
    text = tables.contest_text([*found, {"contestant": "random", "data": "a", "fold": 1, "budget_s": 10.0, "failed": "no memory"}])
    assert "2 held-out parts of 1 data sets" in text and "Failed: random on a, fold 1: no memory" in text
    assert "| mltoolkit | 0.1000 | 1.25 | 9.5 (9.5 to 9.5) | 20 |" in text and "-0.0500" in text


def test_the_table_of_what_was_judged(bench):
    row = {"data": "a", "rows": 1000, "trials": 40, "tune_cpu_s": 10.0, "plain_cpu_s": 35.0, "ratio": 3.5, "best": 3, "chosen": 3,
           "states": {"done": 6, "dropped": 34}, "regret": 0.0}  # fmt: skip
    text = bench("tables").judged_text({"rows": [row, row | {"ratio": 4.5, "chosen": 2, "regret": 0.001}]})
    assert "Median ratio 4.00; the same winner on 1 of 2." in text and "| 3.50 | 6, 34 | yes | 0.00 % |" in text and "| 0.10 % |" in text


def test_every_contestant_has_a_name_and_a_way(bench):
    contest, peers, tables = bench("contest"), bench("peers"), bench("tables")
    assert set(tables.LABELS) == {*contest.OURS, *peers.PEERS, *peers.VARIANTS}
    assert all(name.split("_")[0] in peers.PACKAGES for name in (*peers.PEERS, *peers.VARIANTS)) and len(contest.DATA) >= 6


@pytest.fixture
def few_rows(root, tmp_path):
    "A folder of the benchmark's own files where the tables are made up, so that nothing is downloaded."
    import shutil

    for name in ("tuning", "profiling"):
        shutil.copytree(root / f"benchmarks/{name}", tmp_path / name, ignore=shutil.ignore_patterns("results*", "__pycache__"))
    (tmp_path / "modeling").mkdir()
    (tmp_path / "modeling/datasets.py").write_text(
        "import numpy as np, pandas as pd\n\ndef load(name, largest=0):\n"
        "    rng = np.random.default_rng(0)\n"
        "    X = pd.DataFrame({'a': rng.normal(size=600), 'b': rng.normal(size=600), 'k': rng.choice(['u', 'v'], 600)})\n"
        "    return X, pd.Series((X['a'] + (X['k'] == 'u') + rng.normal(size=600) > 1.5).astype(int), name='target')\n"
    )
    return tmp_path


def go(folder, *arguments):
    command = [sys.executable, folder / "tuning/run.py", *arguments, "--out", folder / "results"]
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=240)


def test_a_whole_contest_goes_on_where_it_stopped(few_rows):
    pytest.importorskip("lightgbm")
    line = ["--only", "contest", "--data", "made_up", "--folds", "1", "--budgets", "0.3", "--cold", "--peers", sys.executable]
    done = go(few_rows, *line, "--contestants", "optuna")
    assert done.returncode == 0, done.stderr
    (first,) = json.loads((few_rows / "results.json").read_text())["works"]["contest"]["runs"]
    assert first["contestant"] == "optuna" and first["log_loss"] < 0.6 and 0.1 < first["cpu_s"] < 5 and first["process_cpu_s"] > first["cpu_s"]
    done = go(few_rows, *line, "--contestants", "optuna", "mltoolkit")
    assert done.returncode == 0, done.stderr
    both = json.loads((few_rows / "results.json").read_text())["works"]["contest"]["runs"]
    assert both[0] == first and [r["contestant"] for r in both] == ["optuna", "mltoolkit"]
    ours = both[1]
    assert "failed" not in ours and ours["rows_checked"] == first["rows_checked"] and ours["told"]["families"]
    assert (few_rows / "results.md").read_text().count("\n| mltoolkit |") == 1


def test_configurations_judged_beside_plain_optuna(few_rows):
    done = go(few_rows, "--only", "judged", "--data", "made_up", "--trials", "4")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((few_rows / "results.json").read_text())["works"]["judged"]["rows"]
    assert row["trials"] == 4 and row["parity_gap"] < 0.02 and row["regret"] >= 0 and row["ratio"] > 0
    assert "Median ratio" in (few_rows / "results.md").read_text()
