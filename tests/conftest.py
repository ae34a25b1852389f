"Fixtures every folder uses, and the rule that a required run really drove a browser, a PostgreSQL server and Spark."

import glob
import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
PASSWORD = "s3cr:et @/pass"  # of the PostgreSQL server: must never be seen in a message
ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRE_BROWSER = os.environ.get("MLTOOLKIT_REQUIRE_BROWSER") == "1"
DRIVEN = {  # what MLTOOLKIT_REQUIRE_<name>=1 asks for: where its tests are, and what they do
    "BROWSER": ("browser/", "drove Chromium"),
    "POSTGRES": ("pushdown/test_pushdown_postgres", "asked PostgreSQL"),
    "SPARK": ("pushdown/test_pushdown_spark", "asked Spark"),
}


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def flights():
    "All 336,776 flights, joined."
    import mltoolkit as mlt

    return mlt.load_example("flights")


@pytest.fixture(scope="session")
def flights_small():
    "About 8,000 flights, evenly over the year."
    import mltoolkit as mlt

    return mlt.load_example("flights", rows=8_000)


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    "A finished run of the flights recipe on 8,000 rows, made once for all workers. Tests must not change it."
    from filelock import FileLock

    import mltoolkit as mlt
    from mltoolkit.core import templates_dir
    from mltoolkit.production.runs import Run

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "finished_run"
    with FileLock(f"{folder}.lock"):
        finished = [path for path in folder.glob("flights/2*") if not path.suffix]
        if not finished:
            recipe = mlt.Recipe.load(templates_dir() / "recipes" / "flights.yaml")
            finished = [mlt.run(recipe, params={"data.rows": 8_000}, folder=folder).path]
    return Run.open(finished[0])


# The files that take longest, longest first: begun early, they keep no worker waiting at the end (`--no-loadscope-reorder`).
LONGEST = [
    "templates/test_pipeline_templates", "test_house", "pushdown/test_pushdown_spark", "browser/test_lab",
    "production/test_tune_stage", "production/test_pipeline", "browser/", "pushdown/", "cli/", "production/", "widgets/", "modeling/",
]  # fmt: skip


def _rank(nodeid):
    "The place of a test's file in `LONGEST`; files that are not there keep their order, after those that are."
    return next((i for i, name in enumerate(LONGEST) if f"tests/{name}" in nodeid), len(LONGEST))


def _missing(what, reason):
    "Skip, or fail where the server is required."
    if os.environ.get(f"MLTOOLKIT_REQUIRE_{what}") == "1":
        pytest.fail(f"MLTOOLKIT_REQUIRE_{what}=1, but {reason}")
    pytest.skip(reason)


def _packages(what, *modules):
    for module in modules:
        try:
            __import__(module)
        except ImportError:
            _missing(what, f"the package {module} is not installed")


@pytest.fixture(scope="session")
def required():
    "`packages` and `missing`: skip what cannot be run here, or fail where MLTOOLKIT_REQUIRE_<name>=1 asks for it."
    return SimpleNamespace(packages=_packages, missing=_missing)


def _server_user():
    "The user that may run a server: root is refused."
    if os.getuid():
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _binaries():
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(re.search(r"/(\d+)/bin", p)[1]), reverse=True)
    folders += [str(Path(found).parent)] if (found := shutil.which("initdb")) else []
    return next((Path(folder) for folder in folders if (Path(folder) / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres_server():
    "A PostgreSQL server with a user `ann`: `url`, `port`. Its folder is removed afterwards."
    _packages("POSTGRES", "ibis", "psycopg", "sqlalchemy")
    binaries = _binaries()
    if binaries is None:
        _missing("POSTGRES", "there are no PostgreSQL server binaries (Debian: postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="mltoolkit-postgres-"))
    user = _server_user()
    try:
        yield from _served(binaries, folder, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _served(binaries, folder, user):
    from urllib.parse import quote

    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    if user:
        shutil.chown(folder, user)
        shutil.chown(folder / "password", user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program, *arguments):
        done = subprocess.run([binaries / program, "-D", folder / "data", *arguments], capture_output=True, text=True, user=user, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr

    run("initdb", "-A", "scram-sha-256", "-U", "ann", f"--pwfile={folder}/password", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=20 -c jit=off"
    # The server holds on to its output: a pipe would never end.
    starting = [binaries / "pg_ctl", "-D", folder / "data", "-w", "-t", "60", "-l", folder / "log", "-o", settings, "start"]
    subprocess.run(starting, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield SimpleNamespace(url=f"postgresql://ann:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres", port=port)
    finally:
        run("pg_ctl", "-m", "immediate", "stop")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: _rank(item.nodeid))
    for item in items:
        if "browser" in Path(str(item.fspath)).parts:
            item.add_marker(pytest.mark.browser)
        if "finished_run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup(item):
    if item.get_closest_marker("browser") and CHROMIUM is None:
        if REQUIRE_BROWSER:
            pytest.fail("MLTOOLKIT_REQUIRE_BROWSER=1, but there is no chromium on the PATH")
        pytest.skip("no chromium on the PATH")


def pytest_terminal_summary(terminalreporter):
    for name, (_, what) in DRIVEN.items():
        terminalreporter.write_line(f"{name.lower()} tests that {what}: {_passes(terminalreporter, name)}")


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    whole = [session.config.invocation_params.dir / arg for arg in session.config.args] == [ROOT / "tests"]
    asked = session.config.option.markexpr or session.config.option.keyword or not whole
    for name in DRIVEN:
        required = os.environ.get(f"MLTOOLKIT_REQUIRE_{name}") == "1"
        if required and not asked and exitstatus == 0 and reporter and _passes(reporter, name) == 0:
            reporter.write_line(f"MLTOOLKIT_REQUIRE_{name}=1, but no {name.lower()} test passed", red=True)
            session.exitstatus = 1


def _passes(reporter, name):
    where = DRIVEN[name][0]
    return sum(f"/{where}" in f"/{report.nodeid}" for report in reporter.stats.get("passed", []))
