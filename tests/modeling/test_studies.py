"Studies: asking and telling, resuming, joining, workers that are killed, journals that were cut short, servers that go away."

import json
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
import pytest

from mltoolkit.core import Cancel, Cancelled, InputError, RunError
from mltoolkit.modeling import storages, studies, workers
from mltoolkit.modeling.studies import open_study

WORKER = Path(__file__).with_name("study_worker.py")
ABOUT = {"data": "d1", "split": "s1", "scoring": "log_loss"}


def draw(study, note=True):
    trial = study.ask()
    x, kind = trial.suggest_float("x", 0, 1), trial.suggest_categorical("kind", ["a", "b"])
    if note:
        study.note(trial, configuration={"x": x, "kind": kind})
    return trial


def judge(study, state="done"):
    trial = draw(study)
    loss = (trial.params["x"] - 0.3) ** 2 + (trial.params["kind"] == "b")
    study.report(trial, 0, loss)
    study.tell(trial, state, None if state in ("failed", "stopped") else loss, score=loss)
    return trial


def states(study):
    return [row["state"] for row in study.trials()]


@pytest.fixture(scope="module")
def redis_url():
    "A Redis server that speaks the real protocol over TCP."
    fakeredis = pytest.importorskip("fakeredis")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = fakeredis.TcpFakeServer(("127.0.0.1", port), server_type="redis")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"redis://127.0.0.1:{port}/0"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["memory", "journal", "sqlite", "redis"])
def storage(request, tmp_path):
    if request.param == "redis":
        import redis

        url = request.getfixturevalue("redis_url")
        redis.Redis.from_url(url).flushall()
        return url
    return {"memory": optuna.storages.InMemoryStorage(), "journal": tmp_path / "study.log", "sqlite": f"sqlite:///{tmp_path}/s.db"}[request.param]


# --- one worker -------------------------------------------------------------------------------------------------------------------


def test_asking_and_telling(storage):
    with open_study(storage, "one", about=ABOUT) as study:
        assert study.created and study.enqueue({"x": 0.5, "kind": "a"}, label="the default") == 0
        assert study.enqueue({"x": 0.5, "kind": "a"}) is None and study.enqueue({"kind": "a", "x": 0.5}) is None
        first = judge(study)
        assert first.params == {"x": 0.5, "kind": "a"}
        for state in ("dropped", "failed", "stopped"):
            judge(study, state)
        rows = study.trials()
        assert [r["state"] for r in rows] == ["done", "dropped", "failed", "stopped"]
        assert rows[0]["origin"] == "default" and rows[0]["label"] == "the default" and rows[1]["origin"] == "sampler"
        assert rows[0]["values"] == [pytest.approx(0.04)] and rows[0]["reports"] == {0: pytest.approx(0.04)} and len(rows[1]["values"]) == 1
        assert [t.state.name for t in study.optuna.trials] == ["COMPLETE", "PRUNED", "FAIL", "FAIL"]
        table = study.table()
        assert (table["ended"] >= table["started"]).all() and table["started"].between(0, 60).all()
        assert study.enqueue(rows[0]["configuration"]) is None and study.enqueue(rows[3]["configuration"]) == 4  # stopped: not finished
    again = open_study(storage, "one", about=ABOUT, resume=True)
    assert not again.created and states(again) == ["done", "dropped", "failed", "stopped", "waiting"] and again.trials()[:4] == rows
    again.close()


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_attributes_are_plain(storage):
    with open_study(storage, "plain", about=ABOUT) as study:
        trial = draw(study)
        study.note(trial, losses=np.array([0.5, np.nan]), z=np.float32(2), size=np.int64(7), reason=None)
        study.tell(trial, "done", np.float64(0.5), gap=math.inf)
        row = study.trials()[0]
    assert row["losses"] == [0.5, None] and row["z"] == 2.0 and row["size"] == 7 and row["gap"] is None and row["reason"] is None
    json.dumps(row, allow_nan=False)


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_that_is_no_number_fails_the_trial(storage, value):
    with open_study(storage, "nan", about=ABOUT) as study:
        assert study.tell(draw(study), "done", value)
        row = study.trials()[0]
    assert row["state"] == "failed" and "the score is" in row["reason"]


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_several_objectives(storage):
    with open_study(storage, "two", directions=("minimize", "minimize"), about=ABOUT) as study:
        trial = draw(study)
        study.report(trial, 0, 0.5)
        study.tell(trial, "done", [0.5, 12.0])
        study.tell(draw(study), "dropped", [0.7, 3.0])
        with pytest.raises(InputError, match="one value for each direction"):
            study.tell(draw(study), "done", 0.5)
        assert [r["values"] for r in study.trials()[:2]] == [[0.5, 12.0], [0.7, 3.0]]
    with pytest.raises(InputError, match="directions"):
        open_study(storage, "two", about=ABOUT)


def test_what_is_told_wrongly_is_refused():
    with open_study(about=ABOUT) as study:
        trial = draw(study)
        with pytest.raises(InputError, match="known state.*Known are done"):
            study.tell(trial, "finished")
        with pytest.raises(InputError):
            study.tell(trial, "done")
        assert study.tell(trial, "done", 0.5) and not study.tell(trial, "done", 0.4) and not study.report(trial, 1, 0.2)
        assert study.trials()[0]["values"] == [0.5]


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_closing_leaves_nothing_running(storage):
    study = open_study(storage, "closed", about=ABOUT)
    draw(study)
    study.close()
    again = open_study(storage, "closed", about=ABOUT)
    assert states(again) == ["stopped", "waiting"] and again.claim_lost() == [] and again.resume_stopped() == []
    assert judge(again).number == 1 and again.trials()[1]["configuration"] == again.trials()[0]["configuration"]
    assert again.trials()[1]["retry_of"] == 0 and again.resume_stopped() == []
    again.close()


def test_a_grid_that_was_tried_to_its_end_is_noticed():
    sampler = optuna.samplers.GridSampler({"x": [0.0, 1.0], "kind": ["a"]})
    with open_study(sampler=sampler, about=ABOUT) as study:
        for _ in range(2):
            assert study.exhausted is None
            judge(study)
        assert "grid" in study.exhausted and states(study) == ["done", "done"]


# --- the same trials again --------------------------------------------------------------------------------------------------------


class BySeed(optuna.samplers.RandomSampler):
    "Draws that follow from the draw of the trial alone."

    def before_trial(self, study, trial):
        self._rng.rng.seed(trial.system_attrs.get("draw", trial.number))


def test_a_stopped_and_resumed_study_gives_the_same_trials(tmp_path):
    def run(path, stops):
        study = open_study(path, "s", sampler=BySeed(), about=ABOUT)
        done = 0
        while done < 8:
            trial = draw(study)
            if done in stops:
                stops.remove(done)
                study.tell(trial, "stopped", reason="paused")
                study.close()
                study = open_study(path, "s", sampler=BySeed(), about=ABOUT, resume=True)
                continue
            study.tell(trial, "done", trial.params["x"])
            done += 1
        found = [r["configuration"] for r in study.trials() if r["state"] == "done"]
        study.close()
        return found

    assert run(tmp_path / "a.log", []) == run(tmp_path / "b.log", [2, 3, 6])


def test_draws_skip_what_was_repeated():
    from mltoolkit.modeling.trial_rows import draw_of

    def trials(*attributes):
        made = [optuna.trial.create_trial(value=0.0, user_attrs=a) for a in attributes]
        for number, trial in enumerate(made):
            trial.number = number
        return made

    assert [draw_of(trials({}, {}, {}), i) for i in range(3)] == [0, 1, 2]
    again = trials({}, {}, {"retry_of": 1}, {"retry_of": 2}, {}, {"retry_of": 0}, {})
    assert [draw_of(again, i) for i in range(7)] == [0, 1, 1, 1, 2, 0, 3]


@pytest.mark.parametrize("storage", ["memory", "journal", "sqlite"], indirect=True)
def test_other_choices_in_a_later_session(storage):
    for choices in (["a", "b"], ["a", "b", "c"], ["a", "b"]):
        with open_study(storage, "wider", about=ABOUT) as study:
            study.enqueue({"kind": choices[-1], "x": 0.5})
            for _ in range(2):
                trial = study.ask()
                kind, x = trial.suggest_categorical("kind", choices), trial.suggest_float("x", 0, 1 + len(choices))
                study.tell(trial, "done", x)
                assert kind in choices
            rows = study.trials()
    assert all(set(row["params"]) == {"kind", "x"} for row in rows) and rows[2]["params"]["kind"] == "c"
    recorded = [sorted(t.params)[0] for t in study.optuna.trials]
    assert recorded[0] == "kind" and recorded[2] == "kind~2" and recorded[-1] == "kind"


# --- who may join -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_other_data_may_not_join(storage):
    open_study(storage, "mine", about=ABOUT | {"space": {"x": [0, 1]}, "seed": 0}).close()
    for key, text in (("data", "the data"), ("split", "the split"), ("scoring", "the scoring")):
        with pytest.raises(InputError, match=text) as error:
            open_study(storage, "mine", about=ABOUT | {key: "another"})
        assert error.value.exit_code == 2
    joined = open_study(storage, "mine", about=ABOUT | {"space": {"x": [0, 2]}, "seed": 1})
    assert joined.notes == ["the space changed since the study began", "the seed changed since the study began"]
    joined.close()


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_resuming_needs_a_study_and_beginning_needs_none(storage):
    with pytest.raises(InputError, match="must exist"):
        open_study(storage, "ann", about=ABOUT, resume=True)
    open_study(storage, "anna", about=ABOUT, resume=False).close()
    with pytest.raises(InputError, match="Did you mean 'anna'"):
        open_study(storage, "ann", about=ABOUT, resume=True)
    with pytest.raises(InputError, match="new name"):
        open_study(storage, "anna", about=ABOUT, resume=False)


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_a_study_of_another_program_is_not_joined(storage):
    opened, _, _ = storages.open_storage(storage)
    study = optuna.create_study(study_name="foreign", storage=opened)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(InputError, match="mltoolkit began"):
        open_study(storage, "foreign", about=ABOUT)


# --- workers that die -------------------------------------------------------------------------------------------------------------


def killed(worker):
    "A name for a worker on this machine whose process is gone."
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    host, _, rest = worker.split("/")
    return f"{host}/{child.pid}/{rest}"


def test_lost_trials_are_retried_once(storage):
    study, other = open_study(storage, "lost", about=ABOUT), open_study(storage, "lost", about=ABOUT)
    dead = open_study(storage, "lost", about=ABOUT)
    dead.worker = killed(dead.worker)
    trial = draw(dead)
    assert study.claim_lost() == [1] and other.claim_lost() == [] and study.claim_lost() == []
    rows = study.trials()
    assert rows[0]["state"] == "lost" and "ended without a word" in rows[0]["reason"]
    assert rows[1]["state"] == "waiting" and rows[1]["configuration"] == rows[0]["configuration"] and rows[1]["retry_of"] == 0
    assert not dead.tell(trial, "done", 0.5) and not dead.report(trial, 2, 0.1)  # it lived after all: its trial is another's now
    again = judge(other)
    assert again.number == 1 and again.params == trial.params and states(study) == ["lost", "done"]
    dead._mine.clear()
    for s in (study, other, dead):
        s.close()


def test_many_watchers_retry_a_trial_once(storage):
    dead = open_study(storage, "watched", about=ABOUT)
    dead.worker = killed(dead.worker)
    for _ in range(3):
        draw(dead)
    watchers, found = [open_study(storage, "watched", about=ABOUT) for _ in range(4)], []
    barrier = threading.Barrier(4)

    def watch(study):
        barrier.wait()
        found.extend(study.claim_lost())

    threads = [threading.Thread(target=watch, args=(s,)) for s in watchers]
    [t.start() for t in threads]
    [t.join() for t in threads]
    rows = watchers[0].trials()
    assert sorted(r["retry_of"] for r in rows if r["retry_of"] is not None) == [0, 1, 2] and len(found) == 3
    dead._mine.clear()
    for s in (*watchers, dead):
        s.close()


def test_two_that_queue_the_same_at_once_judge_it_once(storage):
    a, b = open_study(storage, "race", about=ABOUT), open_study(storage, "race", about=ABOUT)
    b.trials = list  # has not seen what `a` queued
    assert a.enqueue({"x": 0.5, "kind": "a"}) == 0 and b.enqueue({"x": 0.5, "kind": "a"}) == 1
    del b.trials
    first, second = a.ask(), b.ask()
    assert first.number == 0 and second.number == 2  # trial 1 was given up
    assert [r["trial"] for r in a.trials()] == [0, 2]
    a.close(), b.close()


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_a_worker_that_dies_before_queueing_the_retry(storage, monkeypatch):
    study = open_study(storage, "half", about=ABOUT)
    study.worker = killed(study.worker)
    draw(study)
    watcher = open_study(storage, "half", about=ABOUT)
    monkeypatch.setattr(watcher, "_retry", lambda frozen: None, raising=False)  # killed here
    watcher.claim_lost()
    monkeypatch.undo()
    assert states(watcher) == ["lost"] and watcher.claim_lost() == []
    watcher._odd[0] -= 10  # some seconds later
    assert watcher.claim_lost() == [1] and watcher.claim_lost() == [] and states(watcher) == ["lost", "waiting"]
    study._mine.clear(), study.close(), watcher.close()


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_a_configuration_that_kills_its_workers_is_left_alone(storage):
    study = open_study(storage, "deadly", about=ABOUT)
    for attempt in range(studies.ATTEMPTS):
        dead = open_study(storage, "deadly", about=ABOUT)
        dead.worker = killed(dead.worker)
        draw(dead)
        assert len(study.claim_lost()) == (attempt < studies.ATTEMPTS - 1)
        dead._mine.clear(), dead.close()
    assert states(study) == ["lost"] * studies.ATTEMPTS and "3" in study.trials()[-1]["reason"] and study.claim_lost() == []
    study.close()


@pytest.mark.parametrize("storage", ["memory", "journal"], indirect=True)
def test_workers_elsewhere_are_judged_by_their_beat(storage):
    there = open_study(storage, "far", about=ABOUT, grace_s=0.3)
    there.worker = "elsewhere/17/0a1b2c3d-99-ffffff"
    draw(there)
    there._stop.set()
    here = open_study(storage, "far", about=ABOUT, grace_s=0.3)
    if not here.shared:
        return here.close()
    there.beat()
    assert here.claim_lost() == []
    for _ in range(3):  # it beats: it lives
        time.sleep(0.2)
        there.beat()
        assert here.claim_lost() == []
    time.sleep(0.4)
    assert here.claim_lost() == [1]
    there._mine.clear(), there.close(), here.close()


def test_a_study_says_that_it_is_alive(tmp_path):
    study, watcher = open_study(tmp_path / "s.log", "s", grace_s=0.5), open_study(tmp_path / "s.log", "s", grace_s=0.5)
    study.worker = "elsewhere/17/0a1b2c3d-99-ffffff"
    draw(study)
    for _ in range(6):
        time.sleep(0.2)
        assert watcher.claim_lost() == []
    study.close(), watcher.close()
    assert states(watcher) == ["stopped"]


def test_the_same_process_without_the_study(tmp_path):
    "A notebook whose kernel lives on while the variable was overwritten."
    study = open_study(tmp_path / "s.log", "s", about=ABOUT)
    draw(study)
    watcher = open_study(tmp_path / "s.log", "s", about=ABOUT)
    assert watcher.claim_lost() == []
    del study
    assert watcher.claim_lost() == [1]
    watcher.close()


def test_processes_are_told_apart_by_their_beginning():
    name = workers.worker_name()
    host, pid, rest = name.split("/")
    machine, began, token = rest.split("-")
    assert workers.gone(f"{host}/{pid}/{machine}-{int(began) + 1}-{token}") is True  # the number was used again
    assert workers.gone(f"{host}/{os.getppid()}/{machine}-{workers.beginning(os.getppid())}-{token}") is False
    assert workers.gone("nonsense") is None and workers.gone(f"{host}/{pid}/ffffffff-1-1") is None


def start(storage, name, trials, seconds=0.02):
    command = [sys.executable, str(WORKER), str(storage), name, str(trials), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def no_trial_lost_or_doubled(study):
    rows = study.trials()
    assert {r["state"] for r in rows} <= {"done", "lost", "stopped"}, rows
    lost, retried = [r["trial"] for r in rows if r["state"] == "lost"], [r["retry_of"] for r in rows if r["retry_of"] is not None]
    assert sorted(retried) == lost
    done = [json.dumps(r["configuration"], sort_keys=True) for r in rows if r["state"] == "done"]
    assert len(done) == len(set(done))
    return rows


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_two_processes_one_killed(kind, tmp_path):
    storage = tmp_path / "study.log" if kind == "journal" else f"sqlite:///{tmp_path}/s.db"
    open_study(storage, "pair", about=ABOUT).close()
    victim, other = start(storage, "pair", 9), start(storage, "pair", 9)
    for _ in range(2):
        victim.stdout.readline()  # the number of the trial that it begins
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert other.wait(timeout=60) == 0, other.stderr.read()
    study = open_study(storage, "pair", about=ABOUT, resume=True)
    rows = no_trial_lost_or_doubled(study)
    assert sum(r["state"] == "lost" for r in rows) <= 1 and sum(r["state"] == "done" for r in rows) == 9
    assert {json.dumps(r["configuration"]) for r in rows} >= {json.dumps({"x": x, "kind": "a"}) for x in (0.1, 0.5, 0.9)}
    assert [(f["trial"], f["reports"]) for f in rows if f["state"] == "done" and len(f["reports"]) != 3] == []
    study.close()


# --- journals that were cut short -------------------------------------------------------------------------------------------------


def written(path):
    with open_study(path, "torn", about=ABOUT) as study:
        for _ in range(3):
            judge(study)
    return path.read_bytes()


def test_a_journal_cut_anywhere_can_be_resumed(tmp_path):
    whole = written(tmp_path / "whole.log")
    began = whole.index(b'"began"') + 60  # before that there is no study to resume
    for i, cut in enumerate(np.linspace(began, len(whole), 16).astype(int)):
        path = tmp_path / f"{i}.log"
        path.write_bytes(whole[:cut])
        with open_study(path, "torn", about=ABOUT) as study:
            kept = len(study.trials())
            judge(study)
            study.resume_stopped(), study.claim_lost()
        plain = optuna.load_study(
            study_name="torn", storage=optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        )
        assert len(plain.trials) >= kept, cut  # plain Optuna reads it too


def test_a_line_written_behind_a_torn_one_by_another_program(tmp_path):
    path = tmp_path / "study.log"
    whole = written(path)
    path.write_bytes(whole[:-20])
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    backend.append_logs([{"op_code": 2, "study_id": 0, "user_attr": {"note": "by the dashboard"}, "worker_id": "w"}])
    backend.append_logs([{"op_code": 2, "study_id": 0, "user_attr": {"note": "again"}, "worker_id": "w"}])
    with open_study(path, "torn", about=ABOUT) as study:
        assert study.optuna.user_attrs["note"] == "again" and len(study.trials()) == 3
        judge(study)
        assert len(study.trials()) == 4


def test_locks_of_killed_processes_do_not_hold_anybody_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("study.log")  # a relative path
    with open_study(path, "s", about=ABOUT) as study:
        os.symlink(f"{tmp_path}/./study.log", "study.log.lock")  # left behind by one of us
        start_ = time.monotonic()
        judge(study)
        assert time.monotonic() - start_ < 2
        other = optuna.storages.journal.JournalFileSymlinkLock(str(path))  # plain Optuna is writing
        other.acquire()
        threading.Timer(0.3, other.release).start()
        start_ = time.monotonic()
        judge(study)
        assert 0.2 < time.monotonic() - start_ < 5
    assert not Path("study.log.lock").is_symlink()


def test_a_file_that_is_no_journal_is_left_as_it_is(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="mltoolkit or Optuna wrote"):
        open_study(path, "s")
    assert path.read_text() == "a,b\n1,2\n"
    with open_study(tmp_path, "s") as study:  # a folder: its study.log
        assert study.public_url == str(tmp_path / "study.log")


def test_a_journal_that_vanishes_is_not_begun_again(tmp_path, monkeypatch):
    monkeypatch.setattr(storages, "PAUSES", (0.01, 0.01))
    study = open_study(tmp_path / "study.log", "gone", about=ABOUT)
    judge(study)
    (tmp_path / "study.log").rename(tmp_path / "away.log")
    with pytest.raises(RunError, match="The study 'gone' is intact. Resume with storage=") as error:
        judge(study)
    assert error.value.exit_code == 2 and not (tmp_path / "study.log").exists()
    (tmp_path / "away.log").rename(tmp_path / "study.log")
    judge(study)
    study.close()
    assert states(open_study(tmp_path / "study.log", "gone", about=ABOUT, resume=True)).count("done") == 2


def test_a_trial_is_a_few_lines_of_the_journal(tmp_path, monkeypatch):
    written_, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (written_.append(1), fsync(handle)))
    with open_study(tmp_path / "study.log", "s", about=ABOUT) as study:
        judge(study)
        before = len(written_)
        trial = study.ask()
        for i in range(12):
            trial.suggest_float(f"x{i}", 0, 1)
        study.note(trial, configuration=trial.params, label="a")
        study.tell(trial, "done", 0.5, **{f"a{i}": i for i in range(10)})
        assert len(written_) - before == 3
        assert len(study.trials()[1]["params"]) == 12


# --- trouble ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["redis://ann:s3cret@127.0.0.1:9/0", "postgresql://ann:s3cret@127.0.0.1:9/x", "sqlite:////no/such/folder/s.db"])
def test_an_address_that_cannot_be_reached(url, monkeypatch):
    monkeypatch.setattr(storages, "OPENING", (0.05, 0.05))
    if url.startswith("redis"):
        pytest.importorskip("redis")
    start_ = time.monotonic()
    with pytest.raises(InputError, match="reachable") as error:
        open_study(url, "s")
    assert "s3cret" not in str(error.value) and error.value.exit_code == 2 and time.monotonic() - start_ < 20


@pytest.mark.parametrize("bad", [3, ["study.log"], object()])
def test_a_storage_is_a_path_an_address_or_an_object(bad):
    with pytest.raises(InputError, match="where the study is kept"):
        open_study(bad, "s")
    with pytest.raises(InputError, match="where the study is kept"):
        open_study("://nothing", "s")


def test_trouble_is_waited_out_and_a_stop_is_heard_meanwhile():
    calls = []

    def broken(times):
        calls.append(1)
        if len(calls) <= times:
            raise ConnectionError("gone")
        return len(calls)

    assert storages.persist(broken, 2, pauses=(0.01, 0.01)) == 3
    with pytest.raises(ZeroDivisionError):
        storages.persist(lambda: 1 / 0)
    cancel = Cancel()
    threading.Timer(0.1, cancel.cancel).start()
    start_ = time.monotonic()
    with pytest.raises(Cancelled):
        storages.persist(broken, 1000, pauses=(30,), cancel=cancel)
    assert time.monotonic() - start_ < 0.4


def test_an_answer_that_was_lost_counts_once(tmp_path, monkeypatch):
    "The database wrote it, but the connection broke before it could say so."
    monkeypatch.setattr(storages, "PAUSES", (0.01, 0.01))
    with open_study(f"sqlite:///{tmp_path}/s.db", "s", about=ABOUT) as study:
        trial = draw(study)
        write, broke = study._storage.set_trial_state_values, []

        def breaks(*arguments, **keywords):
            found = write(*arguments, **keywords)
            if not broke:
                broke.append(1)
                raise ConnectionError("reset by peer")
            return found

        monkeypatch.setattr(study._storage, "set_trial_state_values", breaks)
        assert study.tell(trial, "done", 0.5) and broke
        assert states(study) == ["done"] and study.trials()[0]["values"] == [0.5]


def test_optuna_is_silent_here_and_speaks_elsewhere(tmp_path, capfd):
    optuna.logging.enable_default_handler()
    before = optuna.logging.get_verbosity()
    level = optuna.logging.INFO  # Optuna's own; another test may have changed it
    optuna.logging.set_verbosity(level)
    with open_study(tmp_path / "study.log", "s", about=ABOUT) as study:
        judge(study)
    assert capfd.readouterr().err == "" and optuna.logging.get_verbosity() == level
    handler = logging.getLogger("optuna").handlers[0]
    seen, emit = [], handler.emit
    handler.emit = lambda record: seen.append(record.getMessage())
    try:
        optuna.create_study(study_name="loud")
    finally:
        handler.emit = emit
        optuna.logging.set_verbosity(before)
    assert any("loud" in message for message in seen)


def test_importing_does_not_load_optuna():
    code = "import sys, mltoolkit.modeling.studies, mltoolkit.modeling.budgets; sys.exit('optuna' in sys.modules or 'sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- others look on ---------------------------------------------------------------------------------------------------------------


@contextmanager
def dashboard(storage):
    "The real optuna-dashboard on a free port of this machine; its address."
    pytest.importorskip("optuna_dashboard")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    process = subprocess.Popen([program, storage, "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def fetched(address, seconds=30):
    "JSON from an address, as soon as somebody answers there."
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            assert time.monotonic() < end, f"nobody answers at {address}"
            time.sleep(0.2)


def test_the_dashboard_shows_a_study_while_it_runs(tmp_path):
    path = tmp_path / "study.log"
    with open_study(path, "shown", about=ABOUT) as study:
        judge(study), judge(study, "dropped")
        with dashboard(str(path)) as address:
            found = fetched(f"{address}/api/studies")["study_summaries"]
            assert [s["study_name"] for s in found] == ["shown"]
            judge(study, "failed")
            trials = fetched(f"{address}/api/studies/{found[0]['study_id']}?after=0")["trials"]
            assert [t["state"] for t in trials] == ["Complete", "Pruned", "Fail"]
            assert {p["name"] for p in trials[0]["params"]} == {"x", "kind"}
            assert any(a["key"] == "configuration" for a in trials[0]["user_attrs"])


def test_plain_optuna_reads_what_is_in_redis(redis_url):
    import redis

    redis.Redis.from_url(redis_url).flushall()
    with open_study(redis_url, "shared", about=ABOUT) as study:
        judge(study)
        assert study.public_url == redis_url
    with storages.quiet(experimental=True):
        plain = optuna.storages.JournalStorage(optuna.storages.journal.JournalRedisBackend(redis_url))
    assert [t.state.name for t in optuna.load_study(study_name="shared", storage=plain).trials] == ["COMPLETE"]
