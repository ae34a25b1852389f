"A study in a real PostgreSQL server: four worker processes, one of them killed in the middle; a server that restarts."

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
from test_studies import ABOUT, dashboard, draw, fetched, judge, killed, no_trial_lost_or_doubled, start, states

from mltoolkit.core import InputError
from mltoolkit.modeling.studies import open_study
from mltoolkit.modeling.trial_rows import trial_row
from mltoolkit.modeling.workers import gone

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def database(postgres_server, request):
    "The address of a new database on the server."
    name = f"study_{abs(hash(request.node.name)) % 10**9}"
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    yield postgres_server.url.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_four_workers_one_killed_in_the_middle(database):
    workers = [start(database, "shared", 16, 0.03) for _ in range(4)]  # on an empty database, all at once
    victim = workers[0]
    for _ in range(3):
        number = int(victim.stdout.readline())
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    for worker in workers[1:]:
        assert worker.wait(timeout=120) == 0, worker.stderr.read()
    with open_study(database, "shared", about=ABOUT, resume=True) as study:
        rows = no_trial_lost_or_doubled(study)
        taken = {r["worker"] for r in rows if r["state"] == "done"}
        lost = [r for r in rows if r["state"] == "lost"]
        assert [r["trial"] for r in lost] == [number], (number, rows)
        again = next(r for r in rows if r["retry_of"] == number)
        assert again["state"] == "done" and again["configuration"] == lost[0]["configuration"] or lost[0]["configuration"] is None
        assert len(taken) >= 3 and all(gone(worker) for worker in taken)
        assert [r for r in rows if r["state"] == "done" and len(r["reports"]) != 3] == []
        configurations = [json.dumps(r["configuration"]) for r in rows]
        for x in (0.1, 0.5, 0.9):  # queued by all four, judged once
            assert sum(c == json.dumps({"x": x, "kind": "a"}) for c in configurations) - (again["configuration"] == {"x": x, "kind": "a"}) == 1
        assert study.claim_lost() == [] and "@" not in study.public_url.replace(":***@", "")


def test_the_password_is_never_shown(database, postgres_server):
    with open_study(database, "secret", about=ABOUT) as study:
        assert "s3cr" not in study.public_url and "s3cr" not in repr(study) and study.public_url.startswith("postgresql://ann:***@")
        with pytest.raises(InputError) as error:
            open_study(database, "secret", about=ABOUT | {"data": "other"})
        assert "s3cr" not in str(error.value)
    with pytest.raises(InputError, match="reachable") as error:
        open_study(database.replace("s3cr", "wr0ng"), "secret")
    assert "wr0ng" not in str(error.value) and error.value.exit_code == 2


def test_connections_that_were_cut_are_made_again(database, postgres_server):
    with open_study(database, "cut", about=ABOUT) as study, psycopg.connect(postgres_server.url, autocommit=True) as admin:
        for moment in range(3):
            trial = draw(study)
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mltoolkit'")
            study.report(trial, 0, 0.5)
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mltoolkit'")
            assert study.tell(trial, "done", float(moment))
        assert states(study) == ["done"] * 3


def test_a_waiting_trial_is_taken_by_one(database):
    studies = [open_study(database, "queue", about=ABOUT) for _ in range(4)]
    for i in range(6):
        studies[0].enqueue({"x": i / 10, "kind": "a"})
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda s: [judge(s).number for _ in range(2)], studies))
    assert sorted(sum(taken, [])) == list(range(8))
    rows = studies[0].trials()
    assert {r["worker"] for r in rows} == {s.worker for s in studies}
    [s.close() for s in studies]


def test_lost_trials_in_a_database(database):
    dead, watchers = open_study(database, "lost", about=ABOUT), [open_study(database, "lost", about=ABOUT) for _ in range(3)]
    dead.worker = killed(dead.worker)
    trial = draw(dead)
    with ThreadPoolExecutor(3) as pool:
        found = sum(pool.map(lambda s: s.claim_lost(), watchers), [])
    assert found == [1] and states(watchers[0]) == ["lost", "waiting"]
    assert not dead.tell(trial, "done", 0.5)
    dead._mine.clear()
    [s.close() for s in (dead, *watchers)]


def test_the_dashboard_on_the_same_database(database):
    with open_study(database, "shown", about=ABOUT) as study:
        judge(study)
        with dashboard(database.replace("postgresql://", "postgresql+psycopg://")) as address:
            assert [s["study_name"] for s in fetched(f"{address}/api/studies")["study_summaries"]] == ["shown"]


def test_four_workers_of_tune_share_one_search(database, tmp_path):
    command = [sys.executable, str(Path(__file__).with_name("tune_worker.py")), database, str(tmp_path / "fits.sqlite")]

    def begin(trials, *more):
        quiet = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
        return subprocess.Popen([*command, str(trials), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet)

    victim = begin(4, "hang")
    assert victim.stdout.readline() == "in the middle\n", victim.stderr.read()
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    others = [begin(4) for _ in range(3)]
    for worker in others:
        assert worker.wait(timeout=180) == 0, worker.stderr.read()
    study = optuna.load_study(study_name="shared", storage=database.replace("postgresql://", "postgresql+psycopg://"))
    rows = [trial_row(t) for t in study.trials]
    lost = [r["trial"] for r in rows if r["state"] == "lost"]
    assert len(lost) == 1 and [r["retry_of"] for r in rows if r["retry_of"] is not None] == lost
    assert {r["state"] for r in rows} <= {"done", "lost", "stopped"} and sum(r["state"] == "done" for r in rows) >= 8
    assert len({r["worker"] for r in rows}) == 4
    judged = [json.dumps(r["configuration"], sort_keys=True) for r in rows if r["state"] == "done" and not r.get("same_as")]
    assert len(judged) == len(set(judged)) and json.dumps(rows[lost[0]]["configuration"], sort_keys=True) in judged
