"Surface, controls and the promises of a lab."

import json

import pytest

from mltoolkit.core import InputError
from mltoolkit.widgets.base import Control, LabWidget, Surface, _message, one_of, reasons_for, some_of
from mltoolkit.widgets.components import tag


class Counter(LabWidget):
    title = "counter"

    def __init__(self):
        super().__init__()
        self.controls["n"] = Control("n", 0, check=one_of(range(5), "n must be small"))
        self.actions = {"up": lambda value: setattr(self.controls["n"], "value", self.params["n"] + 1), "crash": lambda value: 1 / 0}
        self.made = []

    @property
    def result(self):
        return self.params["n"]

    @property
    def code(self):
        return str(self.result)

    def regions(self):
        return {"layout": self.layout, "n": lambda: tag("b", self.result), "problem": lambda: self.problem or ""}

    def layout(self):
        self.made.append("layout")
        return tag("div", tag("div", data_region="n"))

    def static_html(self):
        return tag("p", self.result)


def sent(surface, monkeypatch):
    messages = []
    monkeypatch.setattr(surface, "send", messages.append)
    return messages


def test_only_what_changed_is_sent():
    before = {"a": "1", "rows": {"x": "X", "y": "Y"}, "gone": "g"}
    message = _message(before, {"a": "1", "rows": {"y": "Y", "x": "X2", "z": "Z"}, "gone": "g", "new": "n"})
    assert message["regions"] == {"rows": {"order": ["y", "x", "z"], "changed": {"x": "X2", "z": "Z"}}, "new": "n"}
    assert _message(before, before)["regions"] == {}
    json.dumps(message)


def test_nothing_is_sent_before_a_page_says_hello(monkeypatch):
    surface = Surface()
    messages = sent(surface, monkeypatch)
    surface.show({"layout": tag("p", "a")})
    assert messages == []
    surface._hear(surface, {"type": "hello"}, [])
    assert messages[-1]["full"] and messages[-1]["regions"] == {"layout": "<p>a</p>"}
    surface.show({"layout": tag("p", "b")})
    assert messages[-1] == {"type": "update", "full": False, "regions": {"layout": "<p>b</p>"}}


def test_events_reach_the_lab_and_are_answered(monkeypatch):
    lab = Counter()
    messages = sent(lab.surface, monkeypatch)
    lab.surface._hear(None, {"type": "hello"}, [])
    lab.surface._hear(None, {"type": "event", "action": "up", "value": None}, [])
    assert lab.result == 1 and messages[-2]["regions"] == {"n": "<b>1</b>"} and messages[-1]["regions"] == {}


@pytest.mark.parametrize("message", [{}, {"type": "event"}, {"type": "event", "action": "__init__", "value": {}}, {"type": "other"}])
def test_strange_messages_do_nothing(message):
    lab = Counter()
    lab.surface._hear(None, message, [])
    assert lab.result == 0 and lab.problem is None


def test_an_error_is_shown_and_goes_with_the_next_event():
    lab = Counter()
    lab.handle("crash")
    assert "ZeroDivisionError" in lab.problem and "Traceback" in lab.problem
    lab.handle("up")
    assert lab.problem is None
    for _ in range(5):
        lab.handle("up")
    assert lab.result == 4 and "n must be small" in lab.problem and "Traceback" not in lab.problem


def test_refresh_makes_only_the_regions_asked_for():
    lab = Counter()
    assert lab.surface is not None
    lab.made.clear()
    lab.refresh("n")
    assert lab.made == []


def test_controls_check_and_tell_once():
    heard = []
    control = Control("c", "a", check=one_of(["a", "b", None], "must be known"))
    control.observe(lambda c: heard.append(c.value))
    control.value = "a"
    control.value = "b"
    control.value = ""
    assert heard == ["b", None]
    with pytest.raises(InputError, match="must be known"):
        control.value = "c"
    assert control.value is None
    with pytest.raises(InputError):
        Control("c", "x", check=one_of(["a"], "must be known"))


def test_checks_for_several_and_for_reasons():
    assert some_of(["a", "b"], "rule")(["b", "a"]) == ("b", "a") and some_of(["a"], "rule")("a") == ("a",)
    check = reasons_for(["a", "b"], "rule")
    assert check({"a": " why "}) == {"a": "why"} and check(None) == {}
    for wrong in ({"c": "x"}, {"a": "  "}):
        with pytest.raises(InputError):
            check(wrong)


def test_the_bundle_has_a_widget_and_plain_words():
    lab = Counter()
    bundle = lab._repr_mimebundle_()
    assert bundle["text/html"] == "<p>0</p>" and "application/vnd.jupyter.widget-view+json" in bundle
    assert len(json.dumps(lab.surface.get_state(), default=str)) < 80_000
