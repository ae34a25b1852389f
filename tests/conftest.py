"Fixtures every folder uses, and the rule that a required browser run really drove a browser."

import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRE_BROWSER = os.environ.get("MLTOOLKIT_REQUIRE_BROWSER") == "1"


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
    ran = _browser_passes(terminalreporter)
    terminalreporter.write_line(f"browser tests that drove Chromium: {ran}")


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    asked = session.config.option.markexpr or session.config.option.keyword or len(session.config.args) != 1
    if REQUIRE_BROWSER and not asked and exitstatus == 0 and reporter and _browser_passes(reporter) == 0:
        reporter.write_line("MLTOOLKIT_REQUIRE_BROWSER=1, but no browser test passed", red=True)
        session.exitstatus = 1


def _browser_passes(reporter):
    return sum("tests/browser/" in report.nodeid or report.nodeid.startswith("browser/") for report in reporter.stats.get("passed", []))
