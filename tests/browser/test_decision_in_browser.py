"The decision lab in a real JupyterLab: sliders that answer while they move, a threshold by hand, every tab, 400 pixels, stop."

LAB = """import numpy as np, pandas as pd, time
from mltoolkit.widgets.decision_lab import DecisionLab
rng = np.random.default_rng(0)
n = 20_000
day = np.sort(rng.integers(0, 90, n))
proba = 1 / (1 + np.exp(-(rng.normal(size=n) - 2)))
y = (rng.random(n) < proba).astype(int)
plan = pd.DataFrame({"plan": rng.choice(["a", "<img src=x onerror=alert(1)>"], n)})
lab = DecisionLab(y, proba, period=day, groups=plan, cost_fp=10, cost_fn=80, unit="orders", positive="returned")
lab"""
SLOW = """real = DecisionLab._work

def slow(self, *, progress, cancel):
    progress(0.1, "Sorting the rows")
    time.sleep(6)
    return real(self, progress=progress, cancel=cancel)

DecisionLab._work = slow
lab.prepare()
lab.refresh()"""
DRAG = """async (name) => {
  const lab = document.querySelector('.mlt-lab'), slider = lab.querySelector(`input[type=range][aria-label="${name}"]`);
  const field = slider.parentElement.querySelector('input[type=text]'), seen = new Set();
  slider.focus();
  for (let k = 0; k < 12; k++) {
    slider.value = String(+slider.value + 1);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((done) => setTimeout(done, 60));
    seen.add(field.value);
  }
  const last = slider.value;
  for (let k = 0; k < 40 && slider.getAttribute('value') !== last; k++) await new Promise((done) => setTimeout(done, 50));
  return [slider.getAttribute('value') === last, slider.value === last, seen.size];
}"""
CUT = """() => { const lab = document.querySelector('.mlt-lab'), edge = lab.getBoundingClientRect().right + 1;
 return [...lab.querySelectorAll('.mlt-main *')].filter((e) => e.getClientRects().length && !e.closest('svg, .mlt-scroll, .mlt-wide, .mlt-code, .mlt-unseen')
 && e.getBoundingClientRect().right > edge).map((e) => e.className + ' ' + e.innerText.slice(0, 40)) }"""


def test_sliders_tabs_narrow_and_stop(open_notebook):
    nb = open_notebook("decision.ipynb", LAB, SLOW, theme="dark")
    page, raised = nb.page, []
    page.on("pageerror", lambda error: raised.append(str(error)))
    nb.run(0)
    lab = nb.lab
    sentence = lab.locator(".mlt-sentence")
    sentence.wait_for()
    before = sentence.inner_text()

    arrived, kept, steps = page.evaluate(DRAG, "Miss costs")  # the newest value wins, and the field follows on the way
    assert arrived and kept and steps >= 2
    assert sentence.inner_text() != before

    lab.get_by_role("slider", name="Threshold").press("ArrowRight")
    lab.get_by_text("by hand").first.wait_for()
    lab.get_by_role("button", name="Use the cheapest").click()
    lab.get_by_text("chosen: the cheapest").wait_for()

    field = lab.locator('input[type=text][data-input="cost_fp"]')
    field.fill("-3")
    field.press("Tab")
    lab.get_by_role("alert").wait_for()
    field.fill("12")
    field.press("Tab")
    lab.get_by_role("alert").wait_for(state="detached")
    lab.locator('input[type=text][data-input="capacity"]').fill("20")
    page.keyboard.press("Tab")
    lab.get_by_role("heading", name="Alarms in each period").wait_for()

    lab.get_by_role("tab", name="Curves").click()
    page.wait_for_function("document.querySelectorAll('.mlt-pictures svg').length === 4")
    lab.get_by_role("tab", name="Actions").click()
    lab.get_by_role("button", name="Add an action").click()
    lab.get_by_label("Cost a row").wait_for()
    lab.get_by_role("tab", name="Groups").click()
    lab.locator('select[data-input="by"]').select_option("plan")
    lab.get_by_role("row", name="<img src=x").wait_for()
    lab.get_by_role("tab", name="Code").click()
    assert "cost_fp=12.0" in lab.locator(".mlt-code").first.inner_text()
    lab.get_by_role("tab", name="Result").click()

    page.set_viewport_size({"width": 770, "height": 1000})
    page.wait_for_function("document.querySelector('.mlt-lab').getBoundingClientRect().width < 420")
    assert not page.evaluate(CUT)

    page.set_viewport_size({"width": 1500, "height": 1000})
    nb.run(1)
    lab.get_by_role("button", name="Stop").wait_for()
    lab.get_by_role("button", name="Stop").click()
    lab.get_by_text("Stopped.", exact=True).wait_for(timeout=2_000)
    assert not raised and lab.locator("img").count() == 0
