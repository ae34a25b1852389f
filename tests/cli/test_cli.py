"The command line: plain words, plain errors, exit codes, one line a stage."

import errno
import json
import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest

from mltoolkit import __version__, cli
from mltoolkit.cli import StageLines, exit_for, final_words, lab_command, lab_folder, main, parse_params, text_table
from mltoolkit.core import Cancelled, InputError, RunError
from mltoolkit.production.pipeline import Tick

COMMAND = [sys.executable, "-c", "from mltoolkit.cli import main; main()"]


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    "Run `mltoolkit ...` in this process, in an empty folder: (exit code, stdout, stderr)."
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLTOOLKIT_RUNS", raising=False)

    def run(*words):
        with pytest.raises(SystemExit) as e:
            main([str(w) for w in words])
        out = capsys.readouterr()
        return e.value.code, out.out, out.err

    return run


def test_version_is_quick():
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        done = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True)
        seconds.append(time.perf_counter() - begin)
    code = "import sys, mltoolkit.cli; print(any(m in sys.modules for m in ('pandas', 'sklearn', 'pydantic', 'matplotlib', 'papermill')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    assert done.returncode == 0 and min(seconds) < 2


def test_version_and_help(command):
    assert command("--version") == (0, f"mltoolkit {__version__}\n", "")
    for words in ((), ("--help",)):
        code, out, err = command(*words)
        assert code == 0 and all(name in out for name in ("demo", "run", "runs", "profile", "tune", "lab", "app")) and not err


@pytest.mark.parametrize(
    "words, expected",
    [
        (["run", "nowhere.yaml"], ["no file nowhere.yaml"]),
        (["run", "example:flights", "-p", "cost.fn=3"], ["'cost.fn'", "'costs.fn'"]),
        (["run", "example:flights", "-p", "costs.fn=x"], ["`costs.fn`", "a number"]),
        (["run", "example:flights", "-p", "costs.fn"], ["name=value"]),
        (["run", "example:flights", "-p", "costs.fn=1", "-p", "costs.fn=2"], ["once", "costs.fn twice"]),
        (["run", "example:flights", "--runs", "/proc/runs"], ["/proc/runs", "--runs"]),
        (["run", "example:flights", "--resume", "x"], ["run must exist"]),
        (["run", "example:fligths"], ["Did you mean 'flights'?"]),
        (["demo", "--rows", "5"], ["at least 100"]),
        (["demo", "--rows", "many"], ["--rows"]),
        (["demo", "--row", "5"], ["--row"]),
        (["dmo"], ["dmo"]),
        (["run"], ["RECIPE"]),
        (["profile", "nowhere.csv"], ["nowhere.csv"]),
        (["profile", "example:flights", "--target", "lat", "--rows", "3000"], ["'late'"]),
        (["app"], ["mltoolkit demo"]),
        (["app", "nothing"], ["'nothing'"]),
        (["lab", "/proc/lab"], ["/proc/lab"]),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(command, words, expected, tmp_path):
    code, out, err = command(*words)
    assert code == 2 and err.startswith("error: ") and err.count("\n") == 1, err
    assert all(word in err for word in expected), err
    assert "Traceback" not in err and not list(tmp_path.glob("runs/*/*"))


def test_debug_shows_the_traceback(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        main(["run", "nowhere.yaml", "--debug"])
    with pytest.raises(InputError):
        main(["--debug", "run", "nowhere.yaml"])


def test_what_each_exception_becomes():
    assert exit_for(KeyboardInterrupt()) == ("stopped", 130)
    assert exit_for(Cancelled("stopped on request"))[1] == 130
    assert exit_for(RunError("a", got="b", fix="c.")) == ("error: a, got b. c.", 2)
    text, code = exit_for(OSError(errno.ENOSPC, "No space left on device", "x"))
    assert code == 2 and "room" in text
    text, code = exit_for(PermissionError(errno.EACCES, "Permission denied", "x"))
    assert code == 2 and "x" in text
    assert exit_for(KeyError("x")) == ("internal error: KeyError: 'x'; use --debug for the traceback", 1)
    noted = InputError("a")
    noted.add_note("Go on with: b")
    assert exit_for(noted)[0] == "error: a.\nGo on with: b"


def test_parameters():
    assert parse_params(["a.b=1", "c = x=y"]) == {"a.b": "1", "c": "x=y"} and parse_params(None) == {}


def test_runs_without_any(command):
    code, out, _ = command("runs")
    assert code == 0 and "mltoolkit demo" in out
    assert command("runs", "--json")[1].strip() == "[]"


def test_profile(command):
    code, out, _ = command("profile", "example:flights", "--rows", "4000")
    assert code == 0 and out.startswith("flights: 4,000 rows")
    assert any(line.startswith("error") and "arr_delay" in line for line in out.splitlines())
    code, out, _ = command("profile", "example:flights", "--rows", "4000", "--json")
    found = json.loads(out)
    assert found["n_rows"] == 4000 and {"severity", "code", "column", "message"} <= set(found["alerts"][0])


def test_profile_of_a_file(command, tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + "\n".join(f"{i},{'yes' if i % 3 else 'no'}" for i in range(60)))
    code, out, _ = command("profile", "a.csv", "--target", "y")
    assert code == 0 and out.startswith("a: 60 rows, 2 columns")
    (tmp_path / "empty.csv").write_text("")
    assert command("profile", "empty.csv")[0] == 2


def test_profile_page_rules_and_fail_on(command, tmp_path):
    (tmp_path / "a.csv").write_text("x,y,mail\n" + "\n".join(f"1,{i % 3},ann{i}@example.org" for i in range(60)))
    (tmp_path / "b.csv").write_text("x,y\n" + "\n".join(f"1,{i % 3 + 2}" for i in range(60)))
    code, out, _ = command("profile", "a.csv", "--html", "a.html", "--fail-on", "warning")
    assert code == 3 and "MLT401" in out and "a.html" in out and "ann1@" not in out
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert command("profile", "a.csv", "--fail-on", "error")[0] == 0
    (tmp_path / "rules.yaml").write_text("MLT401: error\nMLT101: off\n")
    code, out, _ = command("profile", "a.csv", "--alerts", "rules.yaml", "--fail-on", "error")
    assert code == 3 and "MLT101" not in out
    code, out, _ = command("profile", "b.csv", "--json")
    (tmp_path / "b.json").write_text(out)
    code, out, _ = command("profile", "a.csv", "--compare", "b.json")
    assert code == 0 and "MLT502" in out and "MLT504" in out
    for wrong in (["--fail-on", "worst"], ["--target", "z"], ["--sensitive", "z"], ["--memory", "much"], ["--engine", "fast"], ["--compare", "c.csv"], ["--alerts", "c.yaml"]):
        code, _, err = command("profile", "a.csv", *wrong)
        assert code == 2 and err.startswith("error:") and "Traceback" not in err, wrong


def test_tables_as_text():
    text = text_table(["name", "n"], [["a", 1], ["<b>\nc", 12345]], width=80)
    assert text.splitlines() == ["name        n", "a           1", "<b> c  12,345"]
    assert text_table(["a"], [["x" * 50]], width=20).splitlines()[1] == "x" * 17 + "..."
    assert text_table(["a", "b"], []) == "a  b"


def tick(**changes):
    return Tick(**({"number": 4, "total": 7, "stage": "train", "state": "running", "seconds": 38.2} | changes))


def test_one_plain_line_a_stage_where_nobody_looks():
    stream = StringIO()
    lines = StageLines(stream)
    for t in (tick(), tick(share=0.5, text="hgb"), tick(state="done", text="best hgb, log-loss 0.2231 (0.2190 to 0.2272)")):
        lines(t)
    assert stream.getvalue() == "[4/7] train      38 s   best hgb, log-loss 0.2231 (0.2190 to 0.2272)\n"


def test_the_line_is_rewritten_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    stream = StringIO()
    lines = StageLines(stream, live=True)
    lines(tick(share=0.5, text="x" * 100))
    assert "\n" not in stream.getvalue() and "[######......]  50%" in stream.getvalue() and len(stream.getvalue().replace("\r\x1b[2K", "")) < 60
    lines(tick(state="failed"))
    assert stream.getvalue().endswith("[4/7] train      38 s   failed\n")
    lines(tick())
    lines.close()
    assert stream.getvalue().endswith("\r\x1b[2K")
    assert "kept: best" in [lines(tick(state="kept", text="best")), stream.getvalue()][1]


def test_the_starter_notebook_is_never_overwritten(tmp_path):
    notebook = lab_folder(tmp_path / "lab")
    assert json.loads(notebook.read_text())["nbformat"] == 4
    notebook.write_text("mine")
    assert lab_folder(tmp_path / "lab").read_text() == "mine"


def test_jupyterlab_stays_on_this_machine_with_its_token(tmp_path):
    words = lab_command(tmp_path / "start.ipynb", port=9999, browser=False)
    text = " ".join(words)
    assert "--ServerApp.ip=127.0.0.1" in words and "--ServerApp.port=9999" in words and "--no-browser" in words
    assert "token" not in text.lower().replace(str(tmp_path).lower(), "") and "password" not in text
    assert "NeverCheckForUpdate" in text and "--LabApp.news_url=" in words and "0.0.0.0" not in text


def test_lab_starts_where_it_should(command, monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(cli, "_become", lambda command, cwd, env: called.append((command, cwd)))
    code, out, _ = command("lab", "--no-browser")
    assert code == 0 and called[0][1] == tmp_path / "mltoolkit-lab" and f"--ServerApp.root_dir={tmp_path / 'mltoolkit-lab'}" in called[0][0]
    assert "mltoolkit-lab/start.ipynb" in out


def test_app_is_given_the_run(command, monkeypatch, finished_run):
    from mltoolkit.apps import launcher

    called = []
    monkeypatch.setattr(launcher, "start", lambda run, **options: called.append((run, options)))
    code, _, _ = command("app", finished_run.path, "--no-browser", "--port", "9000")
    assert code == 0 and called[0][0].id == finished_run.id
    assert called[0][1] == {"folder": None, "port": 9000, "open_browser": False}


def test_last_words(finished_run, monkeypatch):
    parent = Path(finished_run.path).parent.parent
    text = final_words(finished_run, seconds=12.3)
    assert "mltoolkit lab" in text and f"mltoolkit app --runs {parent}" in text and "report.html" in text and "Done in 12 s." in text
    assert " ".join(finished_run.answer["sentences"][0].split()[:6]) in " ".join(text.split())
    monkeypatch.setenv("MLTOOLKIT_RUNS", str(parent))
    assert "--runs" not in final_words(finished_run)


def test_runs_lists_finished_and_failed(command, finished_run, tmp_path):
    code, out, _ = command("runs", Path(finished_run.path).parent.parent)
    assert code == 0 and finished_run.id in out and "finished" in out
    found = json.loads(command("runs", "--runs", Path(finished_run.path).parent.parent, "--json")[1])
    assert found[0]["status"] == "finished"


@pytest.mark.slow
def test_a_failing_run_says_how_to_go_on(tmp_path):
    words = [*COMMAND, "run", "example:flights", "-p", "data.rows=3000", "-p", "contract.columns.distance.max=1000"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"MLTOOLKIT_RUNS": str(tmp_path / "kept here")})
    assert done.returncode == 2 and "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: ") and "distance" in lines[0]
    assert lines[1].startswith("The run is kept in ") and lines[1].endswith(".failed")
    assert lines[2] == "Mend this, then run: mltoolkit run example:flights -p data.rows=3000 -p contract.columns.distance.max=1000"
    assert done.stdout.splitlines()[-1].startswith("[2/7] check") and done.stdout.splitlines()[-1].endswith("failed")
    listed = subprocess.run([*COMMAND, "runs", str(tmp_path / "kept here")], capture_output=True, text=True, cwd=tmp_path)
    assert "failed" in listed.stdout and "check" in listed.stdout


def test_jupyterlab_asks_nobody_for_news():
    code = "from jupyterlab_server.config import get_page_config; from jupyter_core.paths import jupyter_config_path as p; print(get_page_config(p()))"
    env = cli.lab_environment()
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert "'@jupyterlab/apputils-extension:announcements'" in told
    assert os.environ.get("JUPYTER_CONFIG_PATH", "") in env["JUPYTER_CONFIG_PATH"]


def test_the_last_words_name_a_command_that_works(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "mltoolkit"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(command)])
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.own_name() == "bin/mltoolkit"
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert cli.own_name() == "mltoolkit"
