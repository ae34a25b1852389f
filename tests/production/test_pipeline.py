"The mechanics of a run, with tiny templates: order, errors, stops, going on, nothing half-written."

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from tiny_templates import write_template

from mltoolkit.core import Cancel, Cancelled, InputError, RunError
from mltoolkit.production import pipeline
from mltoolkit.production.pipeline import run, source_files, stage_templates
from mltoolkit.production.runs import Run, runs


def kernels():
    "Processes below this one that are kernels of a pipeline: their sockets lie in a folder mlt-*. A browser test may have others."
    commands = [(p, " ".join(p.cmdline())) for p in psutil.Process().children(recursive=True)]
    return [p for p, command in commands if "ipykernel" in command and "/mlt-" in command]


def only_run(folder):
    (found,) = list(runs(folder))
    return found


def test_stages_run_in_order_and_hand_on_files(recipe, tiny, tmp_path):
    templates = tiny(first='stage.file("data", "x").write_text("41")\nstage.progress(0.5, "half")\ntime.sleep(0.6)\nstage.close("wrote x")',
                     second='print(int(stage.file("data", "x").read_text()) + 1, os.environ["OMP_NUM_THREADS"], os.environ["PYTHONHASHSEED"])\nstage.close()')  # fmt: skip
    ticks, shares = [], []
    done = run(recipe, folder=tmp_path / "runs", templates=templates, report=ticks.append, progress=lambda share, note: shares.append((share, note)))
    assert done.status == "finished" and Path(done.path).parent == tmp_path / "runs" / "flights"
    table = done.to_frame()
    assert table["state"].tolist() == ["done", "done"] and table["headline"].tolist() == ["wrote x", ""]
    assert (table["cpu_seconds"] > 0).all() and (table["peak_mb"] > 20).all() and (table["seconds"] > 0).all()
    second = json.loads((Path(done.path) / "notebooks" / "02_second.ipynb").read_text())
    assert "42 1 0\n" in json.dumps(second["cells"][-1]["outputs"]).replace("\\n", "\n")
    assert str(tmp_path) not in json.dumps(second["metadata"])
    assert not [p for p in Path(done.path).rglob("*") if p.name.startswith(".") or p.name in ("progress.json", "stop")]
    assert [t.state for t in ticks if t.state != "running"] == ["done", "done"]
    assert any(t.share == 0.5 and t.text == "half" for t in ticks)
    assert shares[-1][0] == 1.0 and [s for s, _ in shares] == sorted(s for s, _ in shares)
    assert kernels() == []


def test_an_error_of_ours_arrives_whole(recipe, tiny, tmp_path):
    templates = tiny(first='stage.close()', second='raise InputError("the rows must be many", got="3 <rows>", fix="Take more.")')
    with pytest.raises(InputError) as e:
        run(recipe, folder=tmp_path / "runs", templates=templates)
    assert (e.value.rule, e.value.got, e.value.fix) == ("the rows must be many", "3 <rows>", "Take more.")
    failed = only_run(tmp_path / "runs")
    assert failed.status == "failed" and failed.manifest["failed_stage"] == "second" and failed.manifest["error"] == str(e.value)
    assert failed.manifest["go_on"].startswith("mltoolkit run recipe.yaml") and "--resume" not in failed.manifest["go_on"]
    assert (Path(failed.path) / "notebooks" / "02_second.ipynb").exists()
    assert failed.to_frame()["state"].tolist() == ["done", "failed"]
    assert failed.manifest["stages"][1]["cpu_seconds"] > 0
    assert any("Mend this" in note for note in e.value.__notes__)


@pytest.mark.parametrize(
    "work, words",
    [
        ("{}['late']", ["stage only", "KeyError: 'late'"]),
        ("1 +", ["SyntaxError"]),
        ("raise MemoryError()", ["memory", "data.rows"]),
        ("raise OSError(28, 'No space left on device', 'x')", ["room", "no space left"]),
        ("os._exit(3)", ["died", "memory"]),
        ("pass", ["stage.close"]),
        ("import sys; sys.exit(0)", ["stage.close"]),
    ],
    ids=["bug", "syntax", "memory", "disk", "dead", "unclosed", "exit"],
)
def test_other_errors_become_one_sentence(recipe, tiny, tmp_path, work, words):
    with pytest.raises(RunError) as e:
        run(recipe, folder=tmp_path / "runs", templates=tiny(only=work))
    assert all(w in str(e.value) for w in words) and "\n" not in str(e.value)
    failed = only_run(tmp_path / "runs")
    assert failed.status == "failed" and f"--resume {failed.id}" in failed.manifest["go_on"]
    assert kernels() == []


def test_an_error_before_the_stage_is_open(recipe, tmp_path):
    write_template(tmp_path / "t", 1, "a", "", begin='from mltoolkit.core import InputError\nraise InputError("a rule", got="x", fix="Mend.")')
    with pytest.raises(InputError, match="a rule, got x. Mend."):
        run(recipe, folder=tmp_path / "runs", templates=tmp_path / "t")


def test_going_on_keeps_what_is_done(recipe, tiny, tmp_path):
    counted = 'stage.file("data", "n").write_text(str(1 + int(stage.file("data", "n").read_text() if stage.file("data", "n").exists() else 0)))\n'
    ready = tmp_path / "ready"
    templates = tiny(first=counted + "stage.close('once')", second=f"if not Path({str(ready)!r}).exists(): raise RunError('not yet')\nstage.close()")
    with pytest.raises(RunError) as e:
        run(recipe, folder=tmp_path / "runs", templates=templates)
    failed, ticks = e.value.run, []
    ready.touch()
    done = run(recipe, folder=tmp_path / "runs", templates=templates, resume=failed.id, report=ticks.append)
    assert done.id == failed.id and done.status == "finished" and not Path(failed.path).exists()
    assert (Path(done.path) / "data" / "n").read_text() == "1"
    assert [t.state for t in ticks if t.state != "running"] == ["kept", "done"] and ticks[0].text == "once"
    with pytest.raises(InputError, match="finished"):
        run(recipe, folder=tmp_path / "runs", templates=templates, resume=done.id)


def test_going_on_with_another_recipe_starts_anew(recipe, tiny, tmp_path):
    templates = tiny(first="stage.close()", second="if stage.recipe.costs.fn != 9: raise RunError('too cheap')\nstage.close()")
    with pytest.raises(RunError) as e:
        run(recipe, folder=tmp_path / "runs", templates=templates)
    ticks = []
    done = run(recipe, params={"costs.fn": "9"}, folder=tmp_path / "runs", templates=templates, resume=e.value.run.id, report=ticks.append)
    assert done.id != e.value.run.id and "kept" not in [t.state for t in ticks] and Path(e.value.run.path).exists()
    assert done.manifest["parameters"] == {"costs.fn": "9"}


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"params": {"cost.fn": "1"}}, ["cost.fn", "costs.fn"]),
        ({"params": {"data.rows": "x"}}, ["data.rows", "whole number"]),
        ({"params": {"data.table": "nowhere/flights.csv"}}, ["nowhere"]),
        ({"params": {"data.joins.0.table": "example:flights/wether"}}, ["wether", "weather"]),
        ({"folder": "/proc/runs"}, ["/proc/runs", "--runs"]),
        ({"resume": "nothing"}, ["nothing"]),
        ({"templates": "/nowhere"}, ["templates"]),
    ],
)
def test_what_is_refused_before_anything_starts(recipe, tiny, tmp_path, arguments, words, monkeypatch):
    monkeypatch.setattr(pipeline, "_execute", lambda *a, **k: pytest.fail("a stage was started"))
    with pytest.raises(InputError) as e:
        run(recipe, **({"folder": tmp_path / "runs", "templates": tiny(a="stage.close()")} | arguments))
    assert all(w in str(e.value) for w in words), str(e.value)
    assert len(runs(tmp_path / "runs")) == 0


def test_templates_must_take_the_run_folder(recipe, tmp_path):
    write_template(tmp_path / "t", 1, "a", "stage.close()", parameters="rows: int = 3")
    with pytest.raises(InputError, match="run_dir"):
        run(recipe, folder=tmp_path / "runs", templates=tmp_path / "t")
    (tmp_path / "t" / "01_a.ipynb").write_text("{")
    with pytest.raises(InputError, match="notebook"):
        stage_templates(tmp_path / "t")


def test_a_stop_is_heard_politely_and_if_need_be_not(recipe, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "_POLITE_S", 1.0)
    for name, work in (("polite", "while True:\n    time.sleep(0.05); stage.cancel.check()"), ("deaf", "while True: time.sleep(0.05)")):
        token = Cancel()
        threading.Timer(2.5, token.cancel).start()
        begin = time.monotonic()
        with pytest.raises(Cancelled):
            run(recipe, folder=tmp_path / name, templates=tiny(only=work), cancel=token)
        assert time.monotonic() - begin < 15
        stopped = only_run(tmp_path / name)
        assert stopped.status == "interrupted" and "--resume" in stopped.manifest["go_on"]
        assert kernels() == []


def test_a_kernel_that_ignores_interrupts_is_ended_with_its_workers(recipe, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "_POLITE_S", 0.3)
    monkeypatch.setattr(pipeline, "_INTERRUPT_S", 0.5)
    work = ("import signal, subprocess, sys\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "stage.file('data', 'pid').write_text(str(worker.pid))\nwhile True: time.sleep(0.05)")  # fmt: skip
    token = Cancel()
    threading.Timer(3, token.cancel).start()
    with pytest.raises(Cancelled):
        run(recipe, folder=tmp_path / "runs", templates=tiny(only=work), cancel=token)
    pid = int((Path(only_run(tmp_path / "runs").path) / "data" / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"
    assert kernels() == []


def test_ctrl_c_ends_the_kernel_and_keeps_the_run(recipe, tiny, tmp_path):
    templates = tiny(first="stage.close()", second="while True: time.sleep(0.05)")
    code = ("import sys; from mltoolkit.production.pipeline import run\n"
            "def report(t):\n    t.stage == 'second' and t.seconds > 2 and print('running', flush=True)\n"
            "run('example:flights', params={'data.rows': 8000}, folder=sys.argv[1], templates=sys.argv[2], report=report)")  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "runs"), str(templates)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "running\n"
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, told = process.communicate(timeout=30)
    assert time.monotonic() - begin < 15
    assert "Cancelled" in told and "--resume" in told
    assert "never retrieved" not in told and "Kernel died" not in told and told.count("Traceback") <= 1  # that of the script itself
    gone, alive = psutil.wait_procs(below, timeout=5)
    assert not alive
    stopped = only_run(tmp_path / "runs")
    assert stopped.status == "interrupted" and stopped.manifest["failed_stage"] == "second"
    write_template(templates, 2, "second", "stage.close('at last')")
    assert run("example:flights", params={"data.rows": 8000}, folder=tmp_path / "runs", templates=templates, resume=stopped.id).status == "finished"


def test_a_full_disk_half_way(recipe, tiny, tmp_path, monkeypatch):
    templates = tiny(first="stage.close()", second="stage.close()")
    real, calls = os.replace, []

    def full(source, target):
        if str(target).endswith("manifest.json"):
            calls.append(target)
            if len(calls) == 5:
                raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return real(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="room") as e:
        run(recipe, folder=tmp_path / "runs", templates=templates)
    monkeypatch.undo()
    failed = e.value.run
    assert failed.path.endswith(".failed") and not list(Path(failed.path).glob(".*"))
    assert run(recipe, folder=tmp_path / "runs", templates=templates, resume=failed.id).status == "finished"


def test_a_disk_too_small_for_the_notebook(tiny, tmp_path):
    templates = tiny(first="stage.close()", second="print('x' * 300_000)\nstage.close()")
    code = ("import resource, signal, sys; from mltoolkit.cli import main; from mltoolkit.production import pipeline\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
            "templates = pipeline.stage_templates\npipeline.stage_templates = lambda folder=None: templates(sys.argv[1])\n"
            "main(['run', 'example:flights', '--runs', sys.argv[2]])")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, str(templates), str(tmp_path / "runs")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: the disk must have room") and "Traceback" not in done.stderr
    failed = only_run(tmp_path / "runs")
    for notebook in (Path(failed.path) / "notebooks").iterdir():
        json.loads(notebook.read_text())  # whole or absent


def test_the_kernel_is_this_python_whatever_is_called_python3(recipe, tiny, tmp_path, monkeypatch):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": ["/nowhere/python", "-f", "{connection_file}"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    templates = tiny(only="import sys\nstage.file('data', 'python').write_text(sys.executable)\nstage.close()")
    assert (Path(run(recipe, folder=tmp_path / "runs", templates=templates).path) / "data" / "python").read_text() == sys.executable


def test_two_runs_at_once_do_not_meet(recipe, tiny, tmp_path):
    templates = tiny(only="stage.close(str(os.getpid()))")
    found = []
    threads = [threading.Thread(target=lambda: found.append(run(recipe, folder=tmp_path / "runs", templates=templates))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({r.id for r in found}) == 2 and all(r.status == "finished" for r in found)


def test_source_files(recipe, tmp_path):
    assert all(p.exists() for paths in source_files(recipe).values() for p in paths) and len(source_files(recipe)) == 5


def test_run_open_of_a_run_in_progress(recipe, tiny, tmp_path):
    states = []

    def report(tick):
        if tick.state == "running":
            states.append(only_run(tmp_path / "runs").status)

    run(recipe, folder=tmp_path / "runs", templates=tiny(only="time.sleep(0.4)\nstage.close()"), report=report)
    assert set(states) == {"running"} and isinstance(only_run(tmp_path / "runs"), Run)
