"Fixtures every folder uses, and the rule that a required run really drove a browser, a PostgreSQL server and Spark."

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
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
    "A finished run of the flights recipe on 8,000 rows, made once a session. Tests must not change it."
    import mltoolkit as mlt
    from mltoolkit.core import templates_dir

    recipe = mlt.Recipe.load(templates_dir() / "recipes" / "flights.yaml")
    return mlt.run(recipe, params={"data.rows": 8_000}, folder=tmp_path_factory.mktemp("runs"))


def pytest_collection_modifyitems(items):
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
