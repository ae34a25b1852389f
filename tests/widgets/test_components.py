"Components: escaped, accessible, and the same states everywhere."

import re
from html.parser import HTMLParser

import pytest

import mltoolkit as mlt
from mltoolkit.widgets import components as c
from mltoolkit.widgets.base import static

HOSTILE = "<img src=x onerror=alert(1)>\"' onmouseover='alert(2)"


class Tags(HTMLParser):
    "Collects elements, and checks that every one of them is closed."

    def __init__(self, html):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(str(html))
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in c.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def everything(text):
    "Every component, with `text` wherever text can stand."
    columns = [c.Column(name="a", label=text, sort=True), c.Column(name="b", label=text, numeric=True)]
    row = c.table_row(columns, {"a": text, "b": 1.5}, key=text, action="select", selected=True, text=text)
    return [
        c.tag("p", text, title=text, data_value=text),
        c.long_name(text),
        *[c.chip(text, tone, title=text) for tone in ("plain", "ok", "warn", "bad")],
        c.button(text, text, text, title=text),
        c.button(text, text, disabled=text),
        c.select(text, text, [None, text, (text, text)], text, hint=text),
        c.text_field(text, text, text, placeholder=text, error=text, enter=text, key=text),
        c.search_field(text, text, placeholder=text),
        c.checkbox(text, text, True, key=text, title=text),
        c.step_list([(text, text, state) for state in c.STATES], text),
        c.tabs([(text, text)], text),
        c.table(columns, [row], label=text, sort="a"),
        c.histogram([1, 2], label=text),
        c.meter(0.5, label=text),
        c.key_values([(text, text)]),
        c.card(text, c.sentences(text), beside=c.chip(text)),
        c.progress(0.5, text, what=text, seconds=1.0),
        c.error_panel(mlt.InputError(text, got=text, fix=text), title=text, details=text),
        c.error_panel(ValueError(text), details=text),
        c.empty_state(text, text),
        c.notice(text, text, "warn"),
        c.code_block(text),
        c.code_block(text, language="yaml"),
    ]


@pytest.mark.parametrize("part", range(len(everything("x"))))
def test_text_stays_text(part):
    hostile, tame = Tags(everything(HOSTILE)[part]), Tags(everything("x" * len(HOSTILE))[part])
    strip = lambda tags: [(name, sorted(attrs)) for name, attrs in tags.seen if not (name == "span" and attrs.get("class") in ("s", "c", "k"))]  # noqa: E731
    assert strip(hostile) == strip(tame)  # the same elements with the same attributes, whatever the text


def test_attributes_are_left_out_or_bare():
    assert str(c.tag("input", value=None, disabled=False, checked=True, class_="a", data_value=0)) == '<input checked class="a" data-value="0">'
    assert str(c.tag("p", "a", None, ["b", c.tag("b", "&")])) == "<p>ab<b>&amp;</b></p>"


def test_a_disabled_button_sends_nothing_and_says_why():
    attrs = Tags(c.button("Save", "save", disabled="Nothing changed.")).seen[0][1]
    assert "data-action" not in attrs and attrs["aria-disabled"] == "true" and attrs["title"] == "Nothing changed."


def test_tabs_and_rows_have_one_stop_in_the_tab_order():
    tabs = [a for t, a in Tags(c.tabs([("a", "A"), ("b", "B")], "b")).seen if t == "button"]
    assert [(a["aria-selected"], a["tabindex"]) for a in tabs] == [("false", "-1"), ("true", "0")]
    columns = [c.Column(name="a")]
    rows = [Tags(c.table_row(columns, {"a": i}, key=i, action="go", selected=i == 1)).seen[0][1] for i in range(3)]
    assert [r["tabindex"] for r in rows] == ["-1", "0", "-1"]


def test_numbers_are_written_for_people():
    columns = [c.Column(name="n", numeric=True)]
    assert ">336,776<" in c.table_row(columns, {"n": 336_776}, key="k")
    assert "<td data-numeric></td>" in c.table_row(columns, {"n": float("nan")}, key="k")


def test_step_states_differ_in_shape():
    shapes = [re.sub(r'data-state="\w+"', "", str(c.mark(state))) for state in c.STATES]
    assert len(set(shapes)) == len(shapes)


def test_meter_and_histogram_bear_anything():
    for value in (None, float("nan"), float("inf"), -3, 0, 0.5, 9):
        Tags(c.meter(value))
    for counts in ([], [0], [None, float("nan"), -1, 2], list(range(500))):
        Tags(c.histogram(counts))
    assert len(c.histogram([5] * 24)) < 900


def test_progress_is_clipped_and_readable():
    html = c.progress(1.7, "note", what="Profile")
    assert 'aria-valuenow="100"' in html and "width:100%" in html
    assert "Stop" not in c.progress(1, "", state="done") and "Stopping" in c.progress(0.2, "", stopping=True)


@pytest.mark.parametrize("code", ["", "x = 1", "'open", "def f(:\n", "a = '''x\n y'''  # c\n", "\tx\n", "é = 'ü'\n"])
def test_coloured_code_loses_nothing(code):
    from html import unescape

    assert unescape(re.sub("<[^>]*>", "", str(c._coloured(code)))) == code


def test_the_style_sheet_has_no_colour_of_its_own():
    css = re.sub(r"/\*.*?\*/", "", static("lab.css"), flags=re.S)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|\brgba?\(|\bhsla?\(", css)
    selectors = [s for s in re.findall(r"(?:^|\})\s*([^{}@]+)\{", css) if not re.match(r"\s*(to|from|\d)", s)]
    assert all(".mlt-lab" in s for s in selectors), [s for s in selectors if ".mlt-lab" not in s]


def test_the_static_files_ask_no_network():
    for name in ("lab.css", "lab.js"):
        assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|import\(", static(name)), name
