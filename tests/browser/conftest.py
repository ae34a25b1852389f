"A real JupyterLab and a real Chromium, started once a session, and the few gestures a test needs."

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def notebook(*cells):
    "An nbformat 4.5 notebook of code cells, as a dict."
    made = [
        {"cell_type": "code", "id": f"cell{i}", "metadata": {}, "source": source, "execution_count": None, "outputs": []}
        for i, source in enumerate(cells)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


class JupyterLab:
    "A JupyterLab server on the loopback interface, without a token because it lives for a test only."

    def __init__(self, root):
        self.root, self.port = root, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = root / ".settings"
        env = {
            **os.environ,
            "JUPYTERLAB_SETTINGS_DIR": str(self.settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(root / ".workspaces"),
            "JUPYTER_CONFIG_DIR": str(root / ".config"),
            "JUPYTER_RUNTIME_DIR": str(root / ".runtime"),
            "IPYTHONDIR": str(root / ".ipython"),
            "OMP_NUM_THREADS": "1",
        }
        options = [
            "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0",
            "--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={root}",
            "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.expose_app_in_browser=True",
        ]  # fmt: skip
        self.theme("light")
        self.log = (root / "server.log").open("w")
        self.process = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=env, stdout=self.log, stderr=subprocess.STDOUT)
        self._wait()

    def _wait(self):
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{self.url}/api/status", timeout=2).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.25)
        self.stop()
        raise RuntimeError("JupyterLab did not start:\n" + (self.root / "server.log").read_text()[-2000:])

    def theme(self, name):
        "light or dark, for the pages opened from now on."
        folder = self.settings / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "themes.jupyterlab-settings").write_text(json.dumps({"theme": THEMES[name], "adaptive-theme": False}))
        notify = {"fetchNews": "false", "checkForUpdates": False}
        (folder / "notification.jupyterlab-settings").write_text(json.dumps(notify))

    def write(self, name, *cells):
        "Write a notebook of these cells."
        (self.root / name).write_text(json.dumps(notebook(*cells)))
        return name

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


class Notebook:
    "One notebook open in a page: run cells, look at outputs."

    def __init__(self, page, server, name):
        self.page, self.server, self.dialogs = page, server, []
        page.add_locator_handler(page.locator(".jp-Dialog"), self._answer)
        page.goto(f"{server.url}/lab/tree/{name}?reset")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=90_000)
        self.cells = page.locator(".jp-Notebook .jp-CodeCell")

    def run(self, index, *, wait=True):
        "Run a cell. Shift+Enter is lost while the session is still connecting, so it is repeated until the prompt changes."
        prompt = "i => document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i].querySelector('.jp-InputPrompt').innerText"
        for _ in range(20):
            self.cells.nth(index).locator(".jp-InputArea-editor").click()
            self.page.keyboard.press("Shift+Enter")
            try:
                self.page.wait_for_function(f"i => !/\\[ \\]/.test(({prompt})(i))", arg=index, timeout=4_000)
                break
            except Exception:
                continue
        else:
            raise TimeoutError(f"cell {index} never ran")
        if wait:
            self.page.wait_for_function(f"i => /\\[\\d+\\]/.test(({prompt})(i))", arg=index, timeout=90_000)

    def _answer(self, dialog):
        "Answer a dialog of JupyterLab's own, such as one about a slow server, as a person would. What it said is kept and printed."
        self.dialogs.append(dialog.inner_text())
        print("JupyterLab asked:", self.dialogs[-1])
        dialog.locator("button.jp-mod-accept").click()

    def output(self, index):
        return self.cells.nth(index).locator(".jp-OutputArea-output")

    @property
    def lab(self):
        "The first lab in the notebook."
        return self.page.locator(".mlt-lab").first


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    "A running JupyterLab whose root is a temporary folder."
    server = JupyterLab(tmp_path_factory.mktemp("jupyterlab"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chromium():
    "A running Chromium."
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    "A page of 1,500 x 1,000 pixels that fails the test when a script in it raised."
    context = chromium.new_context(viewport={"width": 1500, "height": 1000}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


@pytest.fixture
def open_notebook(page, jupyterlab):
    "open_notebook(name, *cells, theme='light') -> Notebook"

    def open_(name, *cells, theme="light"):
        jupyterlab.theme(theme)
        return Notebook(page, jupyterlab, jupyterlab.write(name, *cells))

    return open_
