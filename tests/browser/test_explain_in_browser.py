"The lab that explains in a real JupyterLab: global, a row, a slider that answers at once, effects, cohorts, failures, code; no overflow."

LAB = """import warnings; warnings.simplefilter("ignore")
import mltoolkit as mlt
from mltoolkit.widgets.explain_lab import ExplainLab
columns = ["carrier", "origin", "distance", "hour", "temp", "visib", "precip"]
flights = mlt.load_example("flights", rows=1_500)
flights = flights.drop([c for c in flights.features if c not in columns])
comparison = mlt.compare(flights, models=["logistic"], split=mlt.split(flights, n_splits=2))
lab = ExplainLab(comparison, flights, actionable=["hour"])
lab"""
OVER = """() => { const lab = document.querySelector('.mlt-lab'); return [...lab.querySelectorAll('*')].filter((e) => e.getClientRects().length
 && !e.closest('.mlt-scroll, .mlt-steps, pre, .mlt-unseen, svg svg, svg *')
 && e.getBoundingClientRect().right > lab.getBoundingClientRect().right + 1).map((e) => e.className.baseVal ?? e.className) }"""
SLIDE = """() => { const seen = (window.seen = {}); const lab = document.querySelector('.mlt-lab'); new MutationObserver(() => {
 if (seen.at && !seen.told && /instead of/.test(lab.innerText)) seen.told = performance.now() - seen.at; })
 .observe(lab, { subtree: true, childList: true, characterData: true });
 const range = lab.querySelector('input[type=range]'); range.value = range.value > 3 ? range.value - 3 : +range.value + 3;
 seen.at = performance.now(); range.dispatchEvent(new Event('input', { bubbles: true })); }"""


def test_questions_from_global_to_failures(open_notebook):
    nb = open_notebook("explain.ipynb", LAB, theme="dark")
    page, raised = nb.page, []
    page.on("pageerror", lambda error: raised.append(str(error)))
    nb.run(0)
    lab = nb.lab
    lab.get_by_text("The model leans most on").wait_for(timeout=60_000)
    assert lab.locator(".mlt-pictures svg").count() == 2

    lab.get_by_role("tab", name="One row").click()
    lab.locator("tbody tr[data-action]").nth(2).click()
    lab.locator(".mlt-sentence", has_text="predicted").wait_for()
    lab.get_by_label("Find").fill("carrier = UA")
    page.keyboard.press("Enter")
    lab.locator(".mlt-explained text", has_text="carrier = UA").first.wait_for()

    lab.get_by_role("tab", name="What if").click()
    lab.locator("input[type=range]").first.wait_for()
    page.evaluate(SLIDE)
    lab.get_by_text("instead of").first.wait_for()
    assert page.evaluate("window.seen.told") < 1_000  # milliseconds, over the wire and back, on a busy machine
    lab.get_by_role("button", name="What would have to change?").click()
    lab.locator(".mlt-sentence").nth(1).wait_for()

    lab.get_by_role("tab", name="Effects").click()
    lab.locator(".mlt-sentence", has_text="mean probability").wait_for()
    lab.get_by_role("tab", name="Cohorts").click()
    lab.get_by_label("By").select_option("origin")
    lab.get_by_label("What brings the difference").wait_for()
    lab.get_by_role("tab", name="Where it fails").click()
    lab.locator(".mlt-sentence").wait_for()
    lab.get_by_role("tab", name="Code", exact=True).click()
    lab.get_by_text("The same results in Python:").wait_for()
    assert "held_out(comparison, data)" in lab.locator("code").first.inner_text()

    for width in (400, 760):
        page.evaluate(f"document.querySelector('.mlt-lab').parentElement.style.width = '{width}px'")
        for tab in ("Global", "One row", "What if", "Effects", "Cohorts", "Where it fails"):
            lab.get_by_role("tab", name=tab, exact=True).click()
            lab.locator(f'[role="tab"][aria-selected="true"]:has-text("{tab}")').wait_for()
            page.wait_for_timeout(60)
            assert page.evaluate(OVER) == [], (width, tab)
    assert raised == []
