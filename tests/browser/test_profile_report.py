"The page of a profile in a real Chromium: tabs, sorting, search, filters, cards, keyboard, themes, paper, width, 2,000 columns."

import importlib.util
import re
from pathlib import Path

import pytest

from mltoolkit.profiling.report import profile_html

HERE = Path(__file__).parent.parent / "profiling" / "handmade_profile.py"
spec = importlib.util.spec_from_file_location("handmade_profile_for_the_browser", HERE)
handmade = importlib.util.module_from_spec(spec)
spec.loader.exec_module(handmade)


class Visit:
    "A page made of a text; remembers what it asked for and what it said."

    def __init__(self, chromium, folder, text, **how):
        how = {"viewport": {"width": 1400, "height": 1000}, "reduced_motion": "reduce"} | how
        self.context = chromium.new_context(**how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.asked, self.said = [], []
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on("console", lambda m: self.said.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.said.append(str(e)))
        path = folder / "page.html"
        path.write_text(text, encoding="utf-8")
        self.url = path.as_uri()
        self.page.goto(self.url)

    def rows(self):
        return self.page.locator(".mltp-cols tbody tr[data-i] .mltp-open").all_inner_texts()

    def tab(self, name):
        self.page.get_by_role("tab", name=name).click()

    def width(self):
        return self.page.evaluate("document.documentElement.scrollWidth")

    def ground(self, selector=".mltp"):
        numbers = re.findall(r"[\d.]+", self.page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).backgroundColor"))[:3]
        return sum(float(n) for n in numbers) / 3


@pytest.fixture
def visit(chromium, tmp_path):
    "visit(text, **how of the context) -> Visit; at the end nothing was fetched and nothing complained."
    made = []

    def open_(text, **how):
        made.append(Visit(chromium, tmp_path, text, **how))
        return made[-1]

    yield open_
    for v in made:
        assert v.asked == [v.url] and v.said == [], (v.asked, v.said)
        v.context.close()


@pytest.fixture(scope="module")
def rich():
    return profile_html(handmade.rich_profile())


@pytest.fixture(scope="module")
def wide():
    return profile_html(handmade.wide_profile())


CELLS = """() => [...document.querySelectorAll(".mltp-cols tbody tr")].map((tr) => [...tr.cells].map((td) => td.innerText.replace(/\\s+/g, " ").trim()))"""


def test_the_rows_of_the_script_say_what_the_markup_says(visit, rich):
    "Figures are formatted twice, in Python and in JavaScript."
    plain = visit(rich, java_script_enabled=False).page
    static = [[" ".join(td.inner_text().split()) for td in tr.locator("td").all()] for tr in plain.locator(".mltp-cols tbody tr").all()]
    alive = visit(rich).page.evaluate(CELLS)
    assert len(static) == len(alive) == 23
    for one, other in zip(static, alive):
        assert [re.sub(r"\s", "", text) for text in one[:7]] == [re.sub(r"\s", "", text) for text in other[:7]]


def test_without_script_everything_is_readable(visit, rich):
    page = visit(rich, java_script_enabled=False).page
    for heading in ("Overview", "Target", "Associations", "Missing and keys", "Drift"):
        assert page.get_by_role("heading", name=heading, exact=True).is_visible()
    assert page.locator(".mltp-cols svg").count() == 19
    page.locator("summary", has_text="MLT301").click()
    assert page.get_by_text("Find out when its value is known").is_visible()


def test_tabs_by_mouse_and_keyboard(visit, rich):
    page = visit(rich).page
    assert page.get_by_role("tab").all_inner_texts() == ["Overview", "Target", "Associations", "Missing and keys", "Drift"]
    page.get_by_role("tab", name="Target").click()
    assert page.get_by_text("What each column tells about it").is_visible() and not page.locator(".mltp-cols").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Associations").get_attribute("aria-selected") == "true"
    page.keyboard.press("End")
    assert page.get_by_text("type changed").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Overview").evaluate("e => e === document.activeElement")


def test_sorting_goes_down_up_and_back(visit, rich):
    v = visit(rich)
    before, head = v.rows(), v.page.locator("th[data-key=missing]")
    head.get_by_role("button").click()
    assert v.rows()[:2] == ["wind_gust", "remark"] and head.get_attribute("aria-sort") == "descending"
    head.get_by_role("button").press("Enter")
    assert v.rows()[-1] == "wind_gust" and head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert v.rows() == before and head.get_attribute("aria-sort") is None
    v.page.locator("th[data-key=name] button").click()
    assert v.rows() == sorted(before)
    v.page.locator("th[data-key=tells] button").click()
    assert v.rows()[:2] == ["arr_delay", "dep_delay"] and v.page.locator("th[aria-sort]").count() == 1
    v.page.locator("th[data-key=alerts] button").click()
    assert v.rows()[0] == "arr_delay"


def test_search_and_filters(visit, rich):
    v = visit(rich)
    page, status = v.page, v.page.locator(".mltp-tools [role=status]")
    assert status.inner_text() == "23 columns"
    page.locator(".mltp-head").click()
    page.locator(".mltp-open").first.focus()
    page.keyboard.press("/")
    page.keyboard.type("DELAY")
    assert v.rows() == ["dep_delay", "arr_delay"] and status.inner_text() == "2 of 23 columns"
    page.keyboard.press("Escape")
    assert status.inner_text() == "23 columns"
    page.get_by_label("Kind", exact=True).select_option("clock")
    assert v.rows() == ["arr_time", "sched_dep_time"]
    page.get_by_label("Alerts", exact=True).select_option("error")
    assert v.rows() == ["arr_time"]
    page.get_by_label("Kind", exact=True).select_option("")
    page.get_by_label("Alerts", exact=True).select_option("MLT108")
    assert v.rows() == ["pressure", "price_text"]
    page.get_by_role("searchbox").fill("nothing like this")
    assert v.rows() == [] and page.get_by_text("No column fits").is_visible() and status.inner_text() == "0 of 23 columns"


def test_alerts_fold_filter_and_lead_to_the_columns(visit, rich):
    v = visit(rich)
    page = v.page
    assert page.locator(".mltp-alert:visible").count() == 5
    page.get_by_role("button", name="Show 10 more kinds of alerts").click()
    assert page.locator(".mltp-alert:visible").count() == 15
    page.get_by_role("button", name="5 errors").click()
    assert page.locator(".mltp-alert:visible").count() == 3 and v.rows() == ["dep_delay", "arr_delay", "arr_time", "air_time"]
    page.get_by_role("button", name="5 errors").click()
    assert len(v.rows()) == 23
    page.locator("summary", has_text="MLT302").click()
    page.get_by_role("button", name="Show these columns in the table").click()
    assert v.rows() == ["arr_time", "air_time"]
    page.locator(".mltp-alert[open] [data-c]").first.click()
    assert page.locator(".mltp-card h4").inner_text() == "arr_time"


def test_a_card_by_mouse(visit, rich):
    page = visit(rich).page
    page.locator(".mltp-cols tr", has_text="time_hour").locator("td").nth(4).click()
    card = page.locator(".mltp-card")
    text = card.inner_text()
    for said in (
        "time_hour",
        "datetime, datetime64[us, UTC], role: time",
        "By weekday",
        "longest gap\n6 h",
        "median\n2013-07-03 10:00",
        "temp",
    ):
        assert said in text, said
    chart = card.get_by_role("img", name="Rows by weekday")
    chart.hover(position={"x": 4, "y": 20})
    assert card.get_by_text(re.compile(r"^Monday: 15\.\d %$")).is_visible()
    chart.focus()
    page.keyboard.press("ArrowRight")
    assert card.get_by_text(re.compile("^Tuesday: ")).is_visible()
    card.locator("[data-c]", has_text="temp").first.click()
    assert card.locator("h4").inner_text() == "temp" and "PSI" in card.inner_text() and "0.4 %" in card.inner_text()
    assert "Outliers (Tukey, 3 IQR)" in card.inner_text()
    card.get_by_role("button", name="Close").click()
    assert not card.is_visible()


def test_a_card_by_keyboard(visit, rich):
    v = visit(rich)
    page = v.page
    page.get_by_role("searchbox").focus()
    page.keyboard.press("ArrowDown")
    focused = "document.activeElement.textContent"
    assert page.evaluate(focused) == "late"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".mltp-card h4").inner_text() == "dep_delay" and page.evaluate(focused) == "dep_delay"
    assert page.locator(".mltp-open[aria-expanded=true]").inner_text() == "dep_delay"
    page.keyboard.press("ArrowDown")  # the open card follows
    assert page.locator(".mltp-card h4").inner_text() == "arr_delay"
    page.keyboard.press("End")
    assert page.evaluate(focused) == "crew"
    page.keyboard.press("Home")
    assert page.evaluate(focused) == "late" and page.locator(".mltp-open[tabindex='0']").count() == 1
    page.keyboard.press("Escape")
    assert not page.locator(".mltp-card").is_visible() and page.evaluate(focused) == "late"


def test_the_heat_map(visit, rich):
    v = visit(rich)
    v.tab("Associations")
    svg = v.page.locator(".mltp-heat svg")
    svg.hover(position={"x": 36, "y": 60})
    read = v.page.locator(".mltp-heat + .mltp-ends")
    assert "late and arr_delay: 0.86" in read.inner_text()
    svg.focus()
    v.page.keyboard.press("ArrowUp")
    assert "arr_delay and dep_delay: 0.91" in read.inner_text()
    assert v.page.locator(".mltp-group").count() == 4
    v.page.locator(".mltp-heat text", has_text="carrier").click()
    assert v.page.locator(".mltp-card h4").inner_text() == "carrier" and v.page.locator(".mltp-cols").is_visible()


def test_sensitive_columns_show_no_values(visit, rich):
    page = visit(rich).page
    page.locator(".mltp-open", has_text="booked_by").click()
    text = page.locator(".mltp-card").inner_text()
    assert "Values are not shown" in text and "Most frequent values" not in text and "secret" not in page.content()


def test_hostile_names_stay_text(visit):
    v = visit(profile_html(handmade.hostile_profile()))
    page = v.page
    assert page.title() == f"{handmade.EVIL}: profile" and len(v.rows()) == len(handmade.HOSTILE)
    for i in range(len(handmade.HOSTILE)):
        page.locator(f"tr[data-i='{i}'] .mltp-open").click()
        assert page.locator(".mltp-card").is_visible()
    for name in ("Target", "Associations", "Missing and keys", "Drift"):
        v.tab(name)
    page.locator(".mltp-heat svg, .mltp").first.hover()
    page.get_by_role("tab", name="Overview").click()
    page.get_by_role("searchbox").fill("__proto__")
    assert v.rows() == ["__proto__"]
    assert page.locator("img, iframe, object, embed").count() == 0 and page.locator("script").count() == 2
    assert page.evaluate("document.title") == f"{handmade.EVIL}: profile"
    assert v.width() <= 1400


def test_two_reports_on_one_page_do_not_mix(visit):
    one = profile_html(handmade.rich_profile(name="one"), whole_page=False)
    two = profile_html(handmade.rich_profile(name="two", alerts=[]), whole_page=False)
    v = visit(f"<!doctype html><meta charset=utf-8><body>{one}{two}</body>")
    first, second = v.page.locator(".mltp").nth(0), v.page.locator(".mltp").nth(1)
    second.get_by_role("searchbox").fill("wind")
    assert second.locator(".mltp-open").all_inner_texts() == ["wind_gust"] and first.locator(".mltp-open").count() == 23
    first.get_by_role("tab", name="Drift").click()
    assert second.get_by_role("tab", name="Overview").get_attribute("aria-selected") == "true"
    first.get_by_role("tab", name="Overview").click()
    first.locator(".mltp-open", has_text="carrier").click()
    assert first.locator(".mltp-card").is_visible() and not second.locator(".mltp-card").is_visible()
    ids = v.page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids)) and all(i.startswith("mltp-") for i in ids)


def test_a_broken_sibling_does_not_matter(visit):
    "An old output whose root is there twice, as after `Create New View for Output`."
    text = profile_html(handmade.rich_profile(), whole_page=False)
    v = visit(f"<!doctype html><meta charset=utf-8><body>{text}{text}</body>")
    assert v.page.locator(".mltp[data-on]").count() == 2 and v.page.locator(".mltp-tabs").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 900, 1400])
def test_it_fits_in_light_and_dark(visit, rich, width, scheme):
    v = visit(rich, viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert v.ground() > 200 if scheme == "light" else v.ground() < 60
    v.page.locator(".mltp-open", has_text="dep_delay").click()
    for name in ("Overview", "Target", "Associations", "Missing and keys", "Drift"):
        v.tab(name)
        assert v.width() <= width, name


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const ground = (e) => { const layers = []; for (; e; e = e.parentElement) layers.unshift(rgb(getComputedStyle(e).backgroundColor)); return layers.reduce((b, t) => [0, 1, 2].map((i) => t[i] * t[3] + b[i] * (1 - t[3])), [255, 255, 255]); };
  const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const bad = []; let seen = 0;
  for (const e of document.querySelectorAll(".mltp *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim()) || !e.getClientRects().length || e.closest("svg") || e.tagName === "OPTION") continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x); seen += 1;
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push([e.className, e.textContent.trim().slice(0, 30), ((a + 0.05) / (b + 0.05)).toFixed(2)]);
  }
  return { seen, bad };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(visit, rich, scheme):
    page = visit(rich, color_scheme=scheme).page
    page.locator(".mltp-open", has_text="remark").click()
    for name in ("Overview", "Target", "Drift"):
        page.get_by_role("tab", name=name).click()
        found = page.evaluate(CONTRAST)
        assert found["seen"] > 40 and found["bad"] == [], found["bad"]


def test_on_paper_it_is_light_and_complete(visit, rich):
    v = visit(rich, viewport={"width": 760, "height": 1000}, color_scheme="dark")
    v.tab("Drift")
    v.page.emulate_media(media="print", color_scheme="dark")
    v.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert v.ground() > 200 and v.width() <= 760
    for text in ("What each column tells about it", "Strongest pairs", "type changed", "AUC 0.962 (0.960 to 0.964) alone"):
        assert v.page.get_by_text(text).first.is_visible(), text
    assert len(v.rows()) == 23 and v.page.locator(".mltp-heat svg").is_visible() and not v.page.get_by_role("searchbox").is_visible()
    v.page.evaluate("dispatchEvent(new Event('afterprint'))")
    v.page.emulate_media(media="screen")
    assert not v.page.locator(".mltp-alert[open]").count()


TIMES = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const out = {}, best = async (name, before, work) => {
    let least = Infinity;
    for (let i = 0; i < 6; i += 1) { before(i); await frame(); const begun = performance.now(); work(i); document.body.offsetHeight; least = Math.min(least, performance.now() - begun); }
    out[name] = least;
  };
  const box = document.querySelector("input[type=search]"), type = (word) => { box.value = word; box.dispatchEvent(new Event("input")); };
  for (const key of ["name", "missing", "distinct", "alerts"]) await best(key, () => {}, () => document.querySelector(`th[data-key=${key}] button`).click());
  await best("search", () => type(""), (i) => type(["1", "17", "reading_09", "2", "31", "9"][i]));
  await best("clear", () => type("zzz"), () => type(""));
  const scroll = document.querySelector(".mltp-scroll");
  await best("scroll", (i) => (scroll.scrollTop = 0), (i) => { scroll.scrollTop = 9000 + 5000 * i; scroll.dispatchEvent(new Event("scroll")); });
  return out;
}"""


def test_two_thousand_columns_stay_responsive(visit, wide):
    v = visit(wide)
    page = v.page
    assert page.locator(".mltp-tools [role=status]").inner_text() == "2,000 columns"
    assert page.locator(".mltp-cols tbody tr").count() < 100 and page.locator(".mltp-cols").get_attribute("aria-rowcount") == "2001"
    times = page.evaluate(TIMES)
    assert all(t < 100 for t in times.values()), str(times)
    page.reload()
    v.asked.clear()
    v.asked.append(v.url)
    page.locator(".mltp-open").first.wait_for()  # the rows are drawn after the page was loaded
    page.get_by_role("searchbox").focus()
    page.keyboard.press("ArrowDown")
    for _ in range(60):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "sensor_reading_0060"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == "sensor_reading_1999"
    page.keyboard.press("Enter")
    assert page.locator(".mltp-card h4").inner_text() == "sensor_reading_1999"
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.textContent") == "sensor_reading_0000"
    assert page.locator(".mltp-open:focus").is_visible()
    page.locator(".mltp-scroll").evaluate("e => (e.scrollTop = 31000)")
    page.wait_for_function("[...document.querySelectorAll('.mltp-open')].some((e) => /_09\\d\\d$/.test(e.textContent))")
    top = page.locator("tr[aria-rowindex]").first.get_attribute("aria-rowindex")
    assert int(top) > 900


def test_empty_and_calm(visit):
    page = visit(
        profile_html(handmade.rich_profile(columns=[], alerts=[], associations=None, relation=None, target={}, drift=None, n_rows=0))
    ).page
    assert page.get_by_text("The table has no columns.").is_visible()
    page = visit(profile_html(handmade.rich_profile(alerts=[], preview=True))).page
    assert page.get_by_text("Nothing found: no alert for this table.").is_visible() and page.get_by_text("A first look at").is_visible()
    assert page.get_by_label("Alerts", exact=True).count() == 0


NOTEBOOK = """import importlib.util
spec = importlib.util.spec_from_file_location("handmade_profile", {path!r})
handmade = importlib.util.module_from_spec(spec)
spec.loader.exec_module(handmade)
from IPython.display import HTML
from mltoolkit.profiling.report import profile_html
HTML(profile_html(handmade.rich_profile(), whole_page=False))"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_jupyterlab_it_lives_and_follows_the_theme(open_notebook, theme):
    nb = open_notebook(
        f"profile_{theme}.ipynb",
        NOTEBOOK.format(path=str(HERE)),
        "HTML(profile_html(handmade.rich_profile(name='again'), whole_page=False))",
        theme=theme,
    )
    raised = []
    nb.page.on("pageerror", lambda error: raised.append(str(error)))
    nb.run(0)
    nb.run(1)
    root = nb.output(0).locator(".mltp")
    root.locator(".mltp-tabs").wait_for()
    ground = nb.page.evaluate("() => getComputedStyle(document.querySelector('.mltp')).backgroundColor")
    level = sum(float(n) for n in re.findall(r"[\d.]+", ground)[:3]) / 3
    assert level > 200 if theme == "light" else level < 60
    root.get_by_role("searchbox").focus()
    nb.page.keyboard.type("dd")  # JupyterLab's command for deleting a cell
    nb.page.keyboard.press("Escape")
    nb.page.keyboard.press("ArrowDown")
    nb.page.keyboard.press("ArrowDown")
    nb.page.keyboard.press("Enter")
    assert root.locator(".mltp-card h4").inner_text() == "dep_delay"
    assert nb.cells.count() == 3 and nb.output(1).locator(".mltp-card").is_hidden()
    assert raised == []
