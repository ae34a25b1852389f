"The report: one page that needs nothing, escaped, small; the model card; the kind pages."

import re
from html.parser import HTMLParser

import pytest

from mltoolkit.apps import report
from mltoolkit.core import InputError

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    "Checks that elements are closed in order, and keeps what was seen."

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.addresses = [], [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        self.addresses += [v for k, v in attrs.items() if k in ("src", "href", "action", "xlink:href", "data", "poster")]
        assert not any(k.startswith("on") for k in attrs), attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag("br", attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def html(handmade_run):
    return report.write_report(handmade_run).read_text(encoding="utf-8")


def test_it_is_whole_and_needs_nothing(html):
    page = Page(html)
    assert "script" not in page.tags and "iframe" not in page.tags and "img" not in page.tags
    assert all(a.startswith("#") or a == "data:," for a in page.addresses)
    assert not re.search(r"https?://|@import|url\(", html)
    assert len(html.encode()) < 500_000


def test_headings_links_and_ids(html):
    page = Page(html)
    assert page.tags.count("h1") == 1 and page.tags.count("h2") >= 10 and "main" in page.tags and "nav" in page.tags
    assert len(page.ids) == len(set(page.ids))
    assert all(link[1:] in page.ids for link in page.links)
    assert "<title>Which flights will arrive an hour or more late?</title>" in html and 'lang="en"' in html


def test_light_dark_and_paper(html):
    assert "prefers-color-scheme:dark" in html and "@media print" in html and 'name="viewport"' in html


def test_hostile_names_are_text(html):
    assert "<script>alert" not in html and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>hostile" not in html and "&lt;b&gt;hostile&lt;/b&gt;" in html


def test_a_hostile_recipe_is_text(handmade_run):
    path = handmade_run / "recipe.yaml"
    evil = "</title></style><script>alert(2)</script>"
    path.write_text(path.read_text(encoding="utf-8").replace("Which flights will arrive an hour or more late?", evil), encoding="utf-8")
    html = report.report_html(handmade_run)
    assert "<script" not in html and html.count("</style>") == 1


def test_every_section_is_there(html):
    for heading in ("The answer", "How sure", "What it costs", "Where it fails", "What drives it", "Single cases", "The data", "The contract",
                    "Leaks and what was left out", "The models", "When it was run", "Limits"):  # fmt: skip
        assert f">{heading}</h2>" in html, heading


def test_the_notes_of_the_contract_are_limits(html, handmade_run):
    assert "temp and precip: observed in the hour of departure; earlier use needs a forecast." in html
    assert "temp and precip: observed in the hour of departure" in report.model_card(handmade_run)


@pytest.mark.parametrize("gone", ["slices", "explanation", "decision", "comparison", "joins", "leaks_report", "profile", "split", "contract", "outcome_oof"])
def test_a_missing_result_leaves_out_a_section(handmade_run, gone):
    (handmade_run / "results" / f"{gone}.json").unlink()
    Page(report.report_html(handmade_run))
    assert "this result cannot be shown" not in report.app_html(handmade_run).lower()


def test_it_is_written_whole_or_not_at_all(handmade_run, monkeypatch):
    path = report.write_report(handmade_run)
    before = path.read_text(encoding="utf-8")
    monkeypatch.setattr(report, "page", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write_report(handmade_run)
    assert path.read_text(encoding="utf-8") == before and not list(handmade_run.glob(".report*"))


def test_same_run_same_bytes(handmade_run):
    assert report.report_html(handmade_run) == report.report_html(handmade_run)


def test_model_card_has_the_nine_headings_and_no_markup(handmade_run):
    card = report.model_card(handmade_run)
    headings = re.findall(r"^## (.*)$", card, flags=re.M)
    assert headings == ["Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data", "Quantitative analyses",
                        "Ethical considerations", "Caveats and recommendations"]  # fmt: skip
    assert "62 of 100 (58 to 66)" in card and re.search(r"(?<!\\)<", card) is None


def test_kind_pages(tmp_path, handmade_run, monkeypatch):
    assert "There is no result yet" in report.app_html(None)
    log = tmp_path / "app.log"
    monkeypatch.setenv("MLTOOLKIT_APP_LOG", str(log))
    html = report.app_html(tmp_path / "gone")
    assert "cannot be shown" in html and "gone" not in html and "Traceback" not in html
    assert "InputError" in log.read_text(encoding="utf-8") and len(log.read_text(encoding="utf-8").splitlines()) == 1


def test_a_report_of_nothing_is_refused(tmp_path):
    with pytest.raises(InputError):
        report.write_report(tmp_path / "nothing")


def test_the_app_has_its_sections(handmade_run):
    html = report.app_html(handmade_run)
    Page(html)
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", html) == ["The answer", "How sure", "What it costs", "What drives it", "Single cases", "Where it fails",
                                                            "What was left out", "When it was run"]
