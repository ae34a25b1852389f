"The page for people who do not code, in a real browser: fast, quiet, from nowhere else, readable in light, dark and on a phone."

import time

import pytest

from mltoolkit.apps import launcher
from mltoolkit.apps.report import write_report

SECTIONS = ["The answer", "How sure", "What it costs", "What drives it", "Single cases", "Where it fails", "What was left out",
            "When it was run"]  # fmt: skip


@pytest.fixture(scope="module")
def serving(finished_run):
    with launcher.start(finished_run, open_browser=False, block=False, echo=lambda text: None) as app:
        yield app


class Visit:
    "A page in a fresh context: what it asked for, what it said in the console."

    def __init__(self, chromium, **how):
        self.context = chromium.new_context(**how)
        self.page = self.context.new_page()
        self.asked, self.said = [], []
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on("console", lambda m: self.said.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.said.append(str(e)))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.context.close()

    def width(self):
        return self.page.evaluate("document.documentElement.scrollWidth")

    def ground(self):
        numbers = self.page.evaluate("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(",")
        return sum(int(n) for n in numbers) / 3


def test_first_visit_is_fast_and_shows_only_the_page(chromium, serving):
    with Visit(chromium, viewport={"width": 1400, "height": 900}) as visit:
        begun = time.monotonic()
        visit.page.goto(serving.url, wait_until="commit")
        visit.page.wait_for_selector(".page h1", timeout=30_000)
        seconds = time.monotonic() - begun
        visit.page.wait_for_load_state()
        assert seconds < 10, seconds
        assert visit.page.title() == "Which flights will arrive an hour or more late?" == visit.page.locator("h1").inner_text()
        assert visit.page.locator("h2").all_inner_texts() == SECTIONS
        assert not visit.page.locator(".wait").is_visible()
        assert visit.page.locator(".figure").count() == 4 and visit.page.locator("svg").count() > 10
        assert not visit.page.locator("[class*=jp-], [class*=lm-]").count()  # nothing of a notebook
        assert all(url.startswith(f"http://127.0.0.1:{serving.port}/") or url.startswith("data:") for url in visit.asked), visit.asked
        assert not visit.said, visit.said


@pytest.mark.parametrize("width", [380, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_follows_the_scheme(chromium, serving, width, scheme):
    with Visit(chromium, viewport={"width": width, "height": 800}, color_scheme=scheme) as visit:
        visit.page.goto(serving.url)
        visit.page.wait_for_selector(".page h1")
        assert visit.width() <= width
        assert visit.ground() > 200 if scheme == "light" else visit.ground() < 60
        visit.page.get_by_role("link", name="Where it fails").click()
        assert visit.page.locator("#where-it-fails").is_visible()


def test_without_the_token_there_is_a_kind_page(chromium, serving):
    with Visit(chromium) as visit:
        visit.page.goto(serving.url.split("?")[0])
        assert visit.page.locator("h1").inner_text() == "The address is not complete"
        assert not visit.page.locator("input").count()
        assert all("127.0.0.1" in url or url.startswith("data:") for url in visit.asked)


@pytest.mark.parametrize("width", [380, 1400])
def test_the_report_reads_from_a_file_without_scripts(chromium, finished_run, tmp_path, width):
    path = write_report(finished_run, tmp_path / "report.html")
    with Visit(chromium, viewport={"width": width, "height": 900}, java_script_enabled=False, offline=True) as visit:
        visit.page.goto(path.as_uri())
        assert visit.page.locator("h2").count() >= 10
        assert visit.asked == [path.as_uri()] or all(u.startswith(("file:", "data:")) for u in visit.asked)
    with Visit(chromium, viewport={"width": width, "height": 900}) as visit:
        visit.page.goto(path.as_uri())
        assert visit.width() <= width


def test_the_report_prints_in_light(chromium, finished_run, tmp_path):
    path = write_report(finished_run, tmp_path / "report.html")
    with Visit(chromium, color_scheme="dark") as visit:
        visit.page.goto(path.as_uri())
        assert visit.ground() < 60
        visit.page.emulate_media(media="print", color_scheme="dark")
        assert visit.ground() > 200
        assert not visit.page.locator("nav.steps").is_visible()
