"The lab in a real JupyterLab, used as a person would: mouse, keyboard, light and dark, wide and narrow."

import json
import time

import pytest

START = """import mltoolkit as mlt
flights = mlt.load_example("flights", rows=6_000)"""
LAB = """started = __import__("time").monotonic()
lab = mlt.Lab(flights)
lab"""
WIDE = """import numpy as np, pandas as pd, mltoolkit as mlt
rng = np.random.default_rng(0)
bought = rng.random(800) < 0.3
frame = pd.DataFrame({f"feature_{i:03d}": rng.normal(size=800) + bought for i in range(495)})
frame["<img src=x onerror=document.title='owned'>"] = rng.normal(size=800)
frame["long_name_" * 30] = rng.integers(0, 5, 800)
frame["text"] = rng.choice(["<script>document.title='owned'</script>", "b", "c"], 800)
frame["quote\\" onclick='alert(1)' x"] = 1
frame["bought"] = bought
wide = mlt.ProfileLab(frame, target="bought")
wide"""
SLOW = """import time, mltoolkit as mlt
from mltoolkit.core import Tracker
from mltoolkit.widgets import profile_state

def slow(lab, data, *, progress, cancel):
    with Tracker(400, "steps", progress=progress, cancel=cancel) as tracker:
        for i in range(400):
            time.sleep(0.05)
            tracker.step(f"step {i + 1} of 400")

profile_state._profile = slow
flights = mlt.load_example("flights", rows=2_000)
lab = mlt.Lab(flights)
lab"""
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(rgba(getComputedStyle(e).backgroundColor));
    return layers.reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const bad = [];
  let seen = 0;
  for (const element of document.querySelectorAll(".mlt-lab *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim());
    if (!own || !element.getClientRects().length || element.closest("svg") || element.tagName === "OPTION") continue;
    const below = ground(element), text = over(rgba(getComputedStyle(element).color), below);
    const [a, b] = [light(text), light(below)].sort((x, y) => y - x);
    seen += 1;
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push([element.className, element.textContent.trim().slice(0, 40), ((a + 0.05) / (b + 0.05)).toFixed(2)]);
  }
  return { seen, bad };
}"""


def python(nb, index, code):
    "Run `code` in a cell that is there already and return the text it prints."
    nb.cells.nth(index).locator(".jp-InputArea-editor").click()
    nb.page.keyboard.press("ControlOrMeta+a")
    nb.page.keyboard.insert_text(code)
    before = nb.cells.nth(index).locator(".jp-InputPrompt").inner_text()
    nb.page.keyboard.press("ControlOrMeta+Enter")
    nb.page.wait_for_function(
        "([i, before]) => { const t = document.querySelectorAll('.jp-Notebook .jp-CodeCell')[i].querySelector('.jp-InputPrompt').innerText;"
        " return t !== before && /\\[\\d+\\]/.test(t) }",
        arg=[index, before],
    )
    return nb.output(index).last.inner_text().strip()


def choose(lab, name):
    lab.locator(f'tr[data-key="{name}"] td').first.click()
    lab.locator(f'tr[data-key="{name}"][aria-selected="true"]').wait_for()


@pytest.fixture
def opened(open_notebook):
    "The lab on 6,000 flights, profile done, with a spare cell below. Fixture function of a name and a theme."

    def open_(name, theme="light"):
        nb = open_notebook(name, START, LAB, "pass", theme=theme)
        nb.run(0)
        nb.run(1)
        nb.lab.locator('tr[data-key="carrier"]').wait_for()
        nb.lab.locator('.mlt-mark[data-state="done"]').wait_for()  # a first look comes before the exact figures
        return nb

    return open_


def test_from_the_first_look_to_a_saved_recipe(opened, jupyterlab, page):
    raised = []
    page.on("pageerror", lambda error: raised.append(str(error)))
    nb = opened("first.ipynb")
    lab = nb.lab
    assert page.locator(".mlt-lab").count() == 1
    assert "5 leaks" in lab.inner_text() and "6,000 rows" in lab.inner_text()
    for column in ("arr_delay", "dep_delay", "arr_time", "air_time", "dep_time"):
        assert not lab.get_by_role("checkbox", name=f"use {column}", exact=True).is_checked()

    choose(lab, "distance")
    assert lab.locator(".mlt-card h4").inner_text().strip() == "distance"
    lab.get_by_label("Reason, if it is dropped").fill("the destination says it")
    lab.get_by_role("button", name="Drop", exact=True).click()
    lab.get_by_role("button", name="Use it again").wait_for()
    lab.get_by_role("checkbox", name="use month").click()
    lab.locator('tr[data-key="month"][data-off]').wait_for()

    # keeping a leak needs a reason: the box stays empty until it is given
    lab.get_by_role("checkbox", name="use dep_time").click()
    reason = lab.get_by_label("Why is its value known in time?")
    reason.wait_for()
    assert not lab.get_by_role("checkbox", name="use dep_time").is_checked()
    lab.get_by_role("button", name="Keep", exact=True).click()
    lab.get_by_text("It has a leak alert: a reason is needed.").wait_for()
    reason.fill("the <b>push-back</b> time")
    lab.get_by_role("button", name="Keep", exact=True).click()
    lab.locator('tr[data-key="dep_time"]:not([data-off])').wait_for()

    lab.get_by_role("tab", name="Code").click()
    assert "mlt.split(data, kind='time', test_from='2013-11-01'" in lab.locator("code").first.inner_text()
    lab.get_by_role("button", name="Save to recipe").click()
    lab.get_by_role("button", name="Write flights.yaml").click()
    lab.get_by_text("holds exactly these decisions").wait_for()
    written = (jupyterlab.root / "flights.yaml").read_text()
    assert "the destination says it" in written and "push-back" in written
    assert "mltoolkit run flights.yaml" in lab.inner_text()
    said = python(nb, 2, "print(sorted(lab.to_recipe().drop), lab.controls['keep'].value)")
    assert "'distance', 'month'" in said and "the <b>push-back</b> time" in said

    # a file that differs is shown first, and asked about once
    lab.locator(".mlt-step", has_text="Data").click()
    lab.get_by_role("tab", name="Result").click()
    lab.get_by_role("checkbox", name="use visib").click()
    lab.locator(".mlt-step", has_text="Recipe").click()
    lab.get_by_text("flights.yaml differs in 1 setting").wait_for()
    lab.get_by_role("button", name="Save to flights.yaml").click()
    assert "drop.visib" in lab.inner_text() and "visib: left out" not in (jupyterlab.root / "flights.yaml").read_text().split("drop:")[1]
    lab.get_by_role("button", name="Replace flights.yaml").click()
    lab.get_by_text("holds exactly these decisions").wait_for()
    assert "visib: left out by choice" in (jupyterlab.root / "flights.yaml").read_text()
    assert raised == []


@pytest.mark.parametrize("light", ["true", "false"])
def test_every_component_can_be_read_in_both_themes(page, root, light):
    cells = json.loads((root / "nbs" / "70_widgets" / "90_gallery.ipynb").read_text())["cells"]
    shown = [o["data"].get("text/html", "") for cell in cells for o in cell.get("outputs", []) if "data" in o]
    assert len(shown) > 10
    page.set_content(f"<html><body data-jp-theme-light={light}>{''.join(''.join(html) for html in shown)}</body></html>")
    contrast = page.evaluate(CONTRAST)
    assert contrast["seen"] > 150 and contrast["bad"] == []
    assert page.locator("img").count() == 0


def test_roles_make_the_result_out_of_date_and_errors_are_said(opened):
    nb = opened("roles.ipynb", theme="dark")
    lab = nb.lab
    lab.get_by_label("Target").select_option("year")
    lab.get_by_text("Out of date.").wait_for()
    assert "late" in lab.locator(".mlt-table").inner_text()  # the old result stays visible
    lab.locator('select[data-input="group"]').select_option("time_hour")  # has a role already: refused, and the list shows the old value again
    lab.get_by_text("a column must have one role at most").wait_for()
    nb.page.wait_for_function("[...document.querySelectorAll('.mlt-lab select')].some((s) => s.value === 'tailnum')")
    lab.get_by_role("button", name="Profile again").click()
    lab.get_by_text("The profile could not be made").wait_for()
    lab.get_by_label("Target").select_option("late")
    lab.get_by_role("button", name="Try again").click()
    lab.locator('.mlt-mark[data-state="done"]').wait_for()
    lab.get_by_text("The profile could not be made").wait_for(state="detached")
    contrast = nb.page.evaluate(CONTRAST)
    assert contrast["seen"] > 100 and contrast["bad"] == []


def test_keyboard_and_jupyterlabs_own_shortcuts(opened):
    nb = opened("keys.ipynb")
    page, lab, cells = nb.page, nb.lab, nb.cells.count()
    choose(lab, "carrier")
    first = page.evaluate("document.activeElement.dataset.key")
    assert first == "carrier"
    page.keyboard.press("ArrowDown")
    lab.locator('tr[aria-selected="true"]:not([data-key="carrier"])').wait_for()
    second = page.evaluate("document.activeElement.dataset.key")
    assert second != "carrier" and lab.locator(".mlt-card h4").inner_text().strip() == second
    for key in ("d", "d", "a", "b", "Home", "End"):
        page.keyboard.press(key)
    assert nb.cells.count() == cells  # each of these letters is a command of the notebook: d d deletes a cell, a and b insert one
    lab.get_by_role("tab", name="Result").focus()
    page.keyboard.press("ArrowRight")
    lab.locator('[role="tab"][aria-selected="true"]:has-text("Findings")').wait_for()
    page.keyboard.press("End")
    lab.locator('[role="tab"][aria-selected="true"]:has-text("Code")').wait_for()
    page.keyboard.press("Home")
    lab.locator('tr[data-key="carrier"]').wait_for()
    assert page.evaluate("document.activeElement.innerText") == "Result"
    # typing survives an update that comes meanwhile
    choose(lab, "dest")
    field = lab.get_by_label("Reason, if it is dropped")
    field.click()
    page.keyboard.type("half a sen")
    python_focus = "document.activeElement.value"
    assert page.evaluate(python_focus) == "half a sen"
    # the copy button
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.get_by_role("tab", name="Code").click()
    lab.get_by_role("button", name="Copy").first.click()
    lab.get_by_role("button", name="Copied").wait_for()
    assert "mlt.split(data" in page.evaluate("navigator.clipboard.readText()")


def test_500_columns_and_hostile_names(open_notebook, page):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    nb = open_notebook("wide.ipynb", WIDE, "pass")
    nb.run(0)
    lab = nb.lab
    lab.locator('tr[data-key="feature_300"]').wait_for(state="attached")
    assert lab.locator("tbody tr").count() == 500
    assert lab.locator("tbody img, tbody script").count() == 0
    assert "<img src=x onerror=" in lab.inner_text()
    box = lab.get_by_label("Filter columns")
    box.fill("img src")
    page.wait_for_function("document.querySelectorAll('.mlt-lab tbody tr:not([hidden])').length === 1")
    lab.locator("tbody tr:not([hidden]) td").first.click()
    page.wait_for_function("document.querySelector('.mlt-card h4').innerText.includes('<img')")
    assert lab.locator("img, script").count() == 0
    box.fill("no such column")
    lab.get_by_text("No column has these words").wait_for()
    box.fill("")
    # a long name is cut, and the scroll position survives a click
    long = lab.locator('tr[data-key^="long_name_"] .mlt-cut').first
    assert long.evaluate("e => e.scrollWidth > e.clientWidth") and long.get_attribute("title").startswith("long_name_")
    scroller = lab.locator(".mlt-scroll").first
    scroller.evaluate("e => (e.scrollTop = 6000)")
    before = scroller.evaluate("e => e.scrollTop")
    name = lab.locator("tbody tr").nth(200).get_attribute("data-key")
    choose(lab, name)
    assert abs(scroller.evaluate("e => e.scrollTop") - before) < 40
    assert page.title() != "owned" and dialogs == []


def test_progress_from_a_thread_and_a_stop_that_is_heard(open_notebook):
    nb = open_notebook("slow.ipynb", SLOW, "print(6 * 7)", "pass")
    page = nb.page
    begun = time.monotonic()
    nb.run(0)
    lab = nb.lab
    lab.locator("[role=progressbar]").wait_for()
    page.wait_for_function("Number(document.querySelector('.mlt-lab [role=progressbar]').getAttribute('aria-valuenow')) >= 3")
    nb.run(1)
    assert nb.output(1).inner_text().strip() == "42"  # the kernel is free
    assert lab.get_by_role("button", name="Stop").is_visible() and time.monotonic() - begun < 20
    page.evaluate(
        "() => { const seen = (window.seen = {}); document.querySelector('.mlt-foot button').addEventListener('click', () => (seen.at = performance.now()), true);"
        " new MutationObserver(() => { if (seen.at && !seen.told && document.querySelector('.mlt-lab').innerText.includes('Nothing was profiled'))"
        " seen.told = performance.now() - seen.at; }).observe(document.querySelector('.mlt-lab'), { subtree: true, childList: true, characterData: true }); }"
    )
    lab.get_by_role("button", name="Stop").click()
    lab.get_by_text("Nothing was profiled.").wait_for()
    assert page.evaluate("window.seen.told") < 1_000  # milliseconds, over the wire and back, on a busy machine
    assert lab.get_by_role("button", name="Profile").is_visible()


def test_rules_treatments_and_findings(opened, jupyterlab):
    nb = opened("rules.ipynb", theme="dark")
    page, lab = nb.page, nb.lab
    assert "Rows from 1 November 2013 on are locked for the test" in lab.inner_text()
    choose(lab, "dewp")
    lab.locator("details > summary", has_text="Rule").click()
    box = lab.get_by_label("A rule of the contract")
    assert not box.is_checked()
    lab.locator('[data-input="rule-min"]').fill("low")
    page.keyboard.press("Tab")
    lab.get_by_text("a bound must be a number").wait_for()
    lab.locator('[data-input="rule-min"]').fill("-40")
    page.keyboard.press("Tab")
    lab.get_by_text("a bound must be a number").wait_for(state="detached")
    box.click()
    lab.locator("details > summary", has_text="Rule, in the contract").wait_for()
    choose(lab, "plane_engines")  # what was opened for one column stays open for the next
    assert lab.locator('[data-input="rule-min"]').is_visible()
    lab.get_by_label("Treat as").select_option("category")
    lab.get_by_text("Out of date.").wait_for()
    lab.get_by_role("button", name="Profile again").click()
    lab.get_by_text("Out of date.").wait_for(state="detached")
    lab.locator('.mlt-mark[data-state="done"]').wait_for()

    lab.get_by_role("tab", name="Findings").click()
    lab.get_by_label("how to treat MLT102").select_option("off")
    lab.get_by_text("MLT102, muted").wait_for()
    lab.get_by_role("button", name="year", exact=True).click()  # a finding leads to the card of its column
    lab.locator(".mlt-card h4", has_text="year").wait_for()

    lab.get_by_role("tab", name="Rules").click()
    lab.get_by_role("button", name="Propose rules for the other 13").click()
    lab.get_by_text("38 rules.").wait_for()
    lab.get_by_role("tab", name="Drift").click()
    lab.get_by_text("No second table").wait_for()
    contrast = page.evaluate(CONTRAST)
    assert contrast["seen"] > 20 and contrast["bad"] == []
    lab.get_by_role("tab", name="Code").click()
    lab.get_by_text("The same profile in Python:").wait_for()
    code = lab.inner_text()
    assert "alerts={'MLT102': 'off'}" in code and ".treat_as({'plane_engines': 'category'})" in code and "mlt.Contract.from_dict_yaml" in code
    lab.get_by_role("button", name="Save to recipe").click()
    lab.get_by_label("File").fill("rules.yaml")
    page.keyboard.press("Tab")
    lab.get_by_role("button", name="Write rules.yaml").click()
    lab.get_by_text("holds exactly these decisions").wait_for()
    written = (jupyterlab.root / "rules.yaml").read_text()
    assert "plane_engines: category" in written and "dewp: {type: number, min: -40" in written


@pytest.mark.parametrize("width", [430, 760, 1400])
def test_no_width_is_too_narrow(opened, width):
    nb = opened(f"width{width}.ipynb")
    page = nb.page
    page.evaluate(f"document.querySelector('.mlt-lab').parentElement.style.width = '{width}px'")
    page.wait_for_timeout(300)
    wide = page.evaluate(
        "() => { const lab = document.querySelector('.mlt-lab'); return [...lab.querySelectorAll('*')].filter((e) => e.getClientRects().length"
        " && !e.closest('.mlt-scroll, .mlt-steps, pre, .mlt-unseen, svg') && e.getBoundingClientRect().right > lab.getBoundingClientRect().right + 1)"
        ".map((e) => e.className) }"
    )
    assert wide == []
    table = page.locator(".mlt-scroll").first
    assert table.evaluate("e => e.scrollWidth - e.clientWidth") <= 1


def test_a_saved_notebook_reads_well_without_widgets(opened, jupyterlab):
    nb = opened("saved.ipynb")
    choose(nb.lab, "carrier")
    nb.page.keyboard.press("ControlOrMeta+s")  # works while the focus is in the lab
    path = jupyterlab.root / "saved.ipynb"
    for _ in range(40):
        outputs = json.loads(path.read_text())["cells"][1]["outputs"]
        if outputs:
            break
        time.sleep(0.25)
    assert len(outputs) == 1
    html = "".join(outputs[0]["data"]["text/html"])
    assert "arr_delay" in html and "MLT301" in html and "drop (proposed)" in html and "<script" not in html
    assert "style=" not in html and path.stat().st_size < 60_000
