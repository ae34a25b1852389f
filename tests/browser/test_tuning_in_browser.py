"The tuning lab in a real JupyterLab: search, watch, pause, edit the space, go on, stop, look closer; another kernel finds the study."

LAB = """import time, mltoolkit as mlt
flights = mlt.load_example("flights", rows=1_500)
lab = mlt.TuningLab(flights, families=["logistic", "hgb"], budget_s=600, n_jobs=1)
lab"""
OVER = """() => { const lab = document.querySelector('.mlt-lab'); return [...lab.querySelectorAll('*')].filter((e) => e.getClientRects().length
 && !e.closest('.mlt-scroll, .mlt-steps, .mlt-drawn, pre, .mlt-unseen, svg') && e.getBoundingClientRect().right > lab.getBoundingClientRect().right + 1)
 .map((e) => e.className) }"""
TOLD = """() => { const seen = (window.seen = {}); document.querySelector('.mlt-bar button[data-action=pause]').addEventListener('click',
 () => (seen.at = performance.now()), true); new MutationObserver(() => { const text = document.querySelector('.mlt-lab').innerText;
 if (seen.at && !seen.told && /Paus(ed\\.|ing)/.test(text)) seen.told = performance.now() - seen.at; })
 .observe(document.querySelector('.mlt-lab'), { subtree: true, childList: true, characterData: true }); }"""


def test_search_pause_edit_go_on_stop_and_find_again(open_notebook):
    nb = open_notebook(
        "tuning.ipynb", LAB, "", "again = mlt.TuningLab(flights, families=['logistic', 'hgb'], n_jobs=1)\nagain", theme="dark"
    )
    page, raised = nb.page, []
    page.on("pageerror", lambda error: raised.append(str(error)))
    nb.run(0)
    lab = nb.lab
    lab.get_by_text("Nothing is fitted yet.").wait_for()

    lab.get_by_role("button", name="Tune", exact=True).click()
    lab.locator(".mlt-figure").wait_for(timeout=90_000)  # the best so far, while the kernel is free
    assert lab.locator("[role=progressbar]").count() == 1 and lab.locator(".mlt-drawn svg").count() == 1
    page.evaluate(TOLD)
    lab.get_by_role("button", name="Pause").click()
    lab.get_by_text("Paused.").first.wait_for()
    assert page.evaluate("window.seen.told") < 1_500  # milliseconds, over the wire and back, on a busy machine

    lab.get_by_role("tab", name="Space").click()
    high = lab.get_by_role("textbox", name="hgb.learning_rate, high")
    high.fill("0.0001")
    page.keyboard.press("Tab")
    lab.get_by_text("must not be above the high end").first.wait_for()
    high.fill("0.15")
    page.keyboard.press("Tab")
    lab.get_by_text("edited", exact=True).wait_for()

    lab.get_by_role("button", name="Go on").click()
    lab.get_by_role("button", name="Pause").wait_for()
    page.wait_for_timeout(1_000)
    lab.get_by_role("button", name="Stop").click()
    lab.locator(".mlt-sentence").wait_for(timeout=90_000)
    assert "it was stopped" in lab.locator(".mlt-sentence").inner_text() and lab.locator("tbody tr[data-action]").count() >= 1
    lab.locator("tbody tr[data-action] td").first.click()
    lab.locator(".mlt-card h5", has_text="Fold by fold").wait_for()
    for name in ("Races", "Parameters", "Importance", "Slice", "Contour", "Time", "History"):
        lab.get_by_role("tab", name=name, exact=True).click()
        lab.locator(f'.mlt-picture [role="tab"][aria-selected="true"]:has-text("{name}")').wait_for()
        assert lab.locator(".mlt-drawn svg, .mlt-none").count() == 1
    lab.get_by_role("tab", name="Code").click()
    lab.get_by_text("The same result in Python:").wait_for()
    assert "mlt.tune(" in lab.locator("code").first.inner_text() and "resume=" in lab.locator("code").nth(1).inner_text()
    for width in (400, 760):
        page.evaluate(f"document.querySelector('.mlt-lab').parentElement.style.width = '{width}px'")
        for tab in ("Space", "Result"):
            lab.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(150)
            assert page.evaluate(OVER) == []

    nb.run(2)
    second = page.locator(".mlt-lab").nth(1)
    second.get_by_text("A study was found.").wait_for()
    assert second.get_by_role("button", name="Go on").count() == 1
    assert raised == []
