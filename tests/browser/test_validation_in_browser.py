"The validation lab in a real JupyterLab: compare, watch the board fill, stop, go on, open a card, read the code."

LAB = """import time, pandas as pd, mltoolkit as mlt
from mltoolkit.widgets.validation_lab import ValidationLab
flights = mlt.load_example("flights", rows=1_500)
lab = ValidationLab(flights, models=["dummy", "logistic", "naive_bayes"], n_jobs=1)
lab"""
SLOW = """real = lab.compute

def patient(plan, split, *, watch, progress, cancel):
    def slowly(share, note=""):
        for _ in range(15):
            time.sleep(0.02)
            cancel.check()
        progress(share, note)

    return real(plan, split, watch=watch, progress=slowly, cancel=cancel)

lab.compute = patient"""
OVER = """() => { const lab = document.querySelector('.mlt-lab'); return [...lab.querySelectorAll('*')].filter((e) => e.getClientRects().length
 && !e.closest('.mlt-scroll, .mlt-steps, pre, .mlt-unseen, svg') && e.getBoundingClientRect().right > lab.getBoundingClientRect().right + 1)
 .map((e) => e.className) }"""


def test_compare_watch_stop_go_on_and_look_closer(open_notebook):
    nb = open_notebook("validation.ipynb", LAB, SLOW, theme="dark")
    page, raised = nb.page, []
    page.on("pageerror", lambda error: raised.append(str(error)))
    nb.run(0)
    lab = nb.lab
    lab.get_by_text("Nothing is fitted yet.").wait_for()
    nb.run(1)

    lab.get_by_role("button", name="Compare", exact=True).click()
    lab.locator("tr", has_text="1 of 5 folds").first.wait_for()  # the board fills while the kernel is free
    assert lab.locator("[role=progressbar]").count() == 1
    page.evaluate(
        "() => { const seen = (window.seen = {}); document.querySelector('.mlt-foot button').addEventListener('click', () => (seen.at = performance.now()), true);"
        " new MutationObserver(() => { if (seen.at && !seen.told && document.querySelector('.mlt-lab').innerText.includes('Stopped.'))"
        " seen.told = performance.now() - seen.at; }).observe(document.querySelector('.mlt-lab'), { subtree: true, childList: true, characterData: true }); }"
    )
    lab.get_by_role("button", name="Stop").click()
    lab.get_by_text("Going on repeats none of them.").wait_for()
    assert page.evaluate("window.seen.told") < 1_000  # milliseconds, over the wire and back, on a busy machine
    assert lab.locator("tr", has_text="stopped after").count() >= 1

    lab.get_by_role("button", name="Go on").click()
    lab.locator(".mlt-sentence").wait_for(timeout=60_000)
    assert lab.locator("tbody tr[data-action]").count() == 3 and "95 % interval" in lab.inner_text()
    lab.locator('tr[data-key="dummy"] td').first.click()
    lab.locator(".mlt-card h4", has_text="Base rate").wait_for()
    lab.get_by_role("tab", name="Calibration").click()
    lab.locator('.mlt-card [role="tab"][aria-selected="true"]:has-text("Calibration")').wait_for()
    assert lab.locator(".mlt-card svg").count() >= 2

    lab.get_by_role("tab", name="Split").click()
    lab.get_by_text("locked test", exact=True).first.wait_for()
    lab.get_by_role("textbox", name="Folds").fill("4")
    page.keyboard.press("Tab")
    lab.get_by_text("4 expanding folds").wait_for()
    lab.get_by_role("tab", name="Result").click()
    lab.get_by_text("Out of date.").wait_for()
    lab.get_by_role("tab", name="Code").click()
    lab.get_by_text("The same result in Python:").wait_for()
    assert "n_splits=4" in lab.locator("code").first.inner_text() and "mlt.compare(" in lab.locator("code").first.inner_text()
    for width in (430, 760):
        page.evaluate(f"document.querySelector('.mlt-lab').parentElement.style.width = '{width}px'")
        lab.get_by_role("tab", name="Result").click()
        lab.locator(".mlt-sentence").wait_for()
        assert page.evaluate(OVER) == []
    assert raised == []
