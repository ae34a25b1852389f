"The launcher: loopback, a token that nobody can read, no kernel left, a clear refusal."

import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest

from mltoolkit.apps import launcher
from mltoolkit.apps.story import SavedRun
from mltoolkit.core import InputError


@pytest.fixture
def serving(handmade_run):
    with launcher.App(SavedRun(handmade_run), idle_seconds=15) as app:
        yield app.ready()


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode(), answer.url


def test_settings_are_strict():
    asked = launcher.settings(port=1, token="t", title="q")
    assert asked["Voila"]["ip"] == "127.0.0.1" and asked["Voila"]["port_retries"] == 0
    voila = asked["VoilaConfiguration"]
    assert voila["show_tracebacks"] is False and voila["allow_template_override"] == "NO"
    assert asked["MappingKernelManager"]["cull_idle_timeout"] > 0 and asked["MappingKernelManager"]["cull_connected"]
    json.dumps(asked)


def test_what_cannot_be_served_is_refused(tmp_path, handmade_run):
    with pytest.raises(InputError, match="run"):
        launcher.start(tmp_path / "nothing", folder=tmp_path, block=False)
    with pytest.raises(InputError, match="finished run"):
        launcher.start(folder=tmp_path / "empty", block=False)
    with pytest.raises(InputError, match="port"):
        launcher.App(SavedRun(handmade_run), port=70_000)
    with pytest.raises(InputError, match="Did you mean 'overview'"):
        launcher.App(SavedRun(handmade_run), name="overwiew")


def test_a_run_that_failed_is_not_shown(handmade_run):
    failed = handmade_run.rename(handmade_run.with_name(handmade_run.name + ".failed"))
    with pytest.raises(InputError, match="a page shows a finished run"):
        launcher.start(failed, block=False)


def test_a_port_that_is_taken_is_refused(handmade_run):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="free"):
            launcher.App(SavedRun(handmade_run), port=taken.getsockname()[1])


def test_page_token_privacy_and_end(serving):
    html, _ = fetch(serving.url)
    assert "62 of 100" in html and "<title>Which flights will arrive an hour or more late?</title>" in html
    plain, address = fetch(serving.url.split("?")[0])
    assert "address is not complete" in plain and "62 of 100" not in plain and "address.html" in address
    with pytest.raises(urllib.error.HTTPError):
        fetch(serving.url.replace("/?", "/voila/files/overview.ipynb?"))
    assert serving.token not in " ".join(psutil.Process(serving.process.pid).cmdline())
    assert stat.S_IMODE(serving._private.stat().st_mode) == 0o700
    addresses = {c.laddr.ip for c in psutil.Process(serving.process.pid).net_connections() if c.status == "LISTEN"}
    assert addresses == {"127.0.0.1"}
    children = psutil.Process(serving.process.pid).children(recursive=True)
    assert children
    serving.stop()
    assert not psutil.wait_procs(children, timeout=10)[1] and not serving._private.exists()


def test_what_goes_wrong_on_a_page_is_told_to_the_operator_only(serving):
    (serving.run.path / "results" / "outcome.json").write_text("{", encoding="utf-8")
    html, _ = fetch(serving.url)
    assert "cannot be shown" in html and "RunError" not in html and "show_tracebacks" not in html
    assert any("RunError" in line for line in serving.log())


def test_ctrl_c_ends_everything(handmade_run, tmp_path):
    code = (
        "import sys; from mltoolkit.apps import launcher; from mltoolkit.apps.story import SavedRun\n"
        "launcher._chosen = lambda run, folder: SavedRun(sys.argv[1])\n"
        "launcher.start(open_browser=False, echo=lambda t: print(t, flush=True)); print('ended', flush=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(handmade_run)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 0 and "ended" in process.stdout.read()
        assert not psutil.wait_procs(children, timeout=10)[1]
    finally:
        process.kill()
        process.wait()
