"The page of a profile: structure, hostile names, nothing personal, small, complete without script."

import dataclasses
import html
import json
import math
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import handmade_profile as handmade
import pytest

from mltoolkit.plots.style import DARK, LIGHT
from mltoolkit.profiling.columns import ColumnProfile
from mltoolkit.profiling.packed import DETAILS, SHORT, Texts, number, packed, safe_json
from mltoolkit.profiling.pictures import asset, clean, figure, listed, moment, named, over_time, plain, share, spark
from mltoolkit.profiling.report import profile_html
from mltoolkit.profiling.table import TableProfile

VOID = {"meta", "br", "img", "input", "link", "hr"}
OPTIONAL = {"tr", "td", "th", "thead", "tbody"}  # end tags that may be left out


class Page(HTMLParser):
    "Elements as (tag, attributes, depth), text by innermost element; raises where tags do not match."

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not [tag for tag in self.open if tag not in OPTIONAL], self.open

    def handle_starttag(self, tag, attrs):
        if tag not in ("b", "i", "bdi", "small", "span", "code"):
            self.texts.append(("", " "))
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in OPTIONAL:
            self.open.pop()
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def data(self):
        "What the script reads."
        raw = [text for tag, text in self.texts if tag == "script"]
        return json.loads(raw[0])

    def visible(self):
        return " ".join("".join(text for tag, text in self.texts if tag not in ("script", "style", "title")).split())


@pytest.fixture(scope="module")
def rich():
    return Page(profile_html(handmade.rich_profile()))


def parts(page):
    return [attrs["data-tab"] for attrs in page.all("section")]


# ---- structure ----
def test_the_page_is_a_document_with_every_part(rich):
    assert rich.elements[0][0] == "html" and rich.all("html")[0]["lang"] == "en"
    assert {"charset": "utf-8"} in rich.all("meta")
    assert parts(rich) == ["Overview", "Target", "Associations", "Missing and keys", "Drift"]
    text = rich.visible()
    for said in ("336,776 rows", "23 columns", "78.4 MB", "14 repeated rows", "key flight_id", "5 errors", "11 warnings", "4 info"):
        assert said in text, said
    for said in ("predicts the target almost alone", "AUC 0.962 (0.960 to 0.964) alone", "Find out when its value is known"):
        assert said in text, said
    assert "Split in time along time_hour with the rows of each tailnum kept together" in text
    assert "type changed" in text and "tailnum determines carrier 99.6 %" in text and "time_hour + tailnum" in text
    assert "distinct: within 2 %, HyperLogLog; in distance" in text and "≈ estimates in 1 column" in text


def test_a_fragment_has_one_root_and_no_document():
    text = profile_html(handmade.rich_profile(), whole_page=False)
    page = Page(text)
    assert text.startswith('<div class="mltp" id="mltp-') and text.endswith("</script></div>")
    assert not page.all("html") and not page.all("body") and not page.all("head")
    other = profile_html(handmade.rich_profile(), whole_page=False)
    assert re.search(r'id="(mltp-\w+)"', text)[1] != re.search(r'id="(mltp-\w+)"', other)[1]


def test_parts_without_content_are_left_out():
    bare = TableProfile(
        name="bare", n_rows=3, columns=[ColumnProfile(name="x", kind="number", dtype="i8", n=3, missing=0, distinct=3)], alerts=[]
    )
    page = Page(profile_html(bare))
    assert parts(page) == ["Overview"]
    assert "no alerts" in page.visible() and "Nothing found" in page.visible() and "all figures exact" in page.visible()


def test_an_empty_table_is_said_calmly():
    for rows in (0, 5):
        page = Page(profile_html(TableProfile(name="", n_rows=rows, columns=[], alerts=[])))
        assert "The table has no columns" in page.visible() and "There was nothing to check" in page.visible()
        assert not page.all("td")


def test_a_first_look_says_so():
    page = Page(profile_html(handmade.rich_profile(preview=True)))
    assert "A first look at a sample of 200,000 rows. Exact figures follow." in page.visible()
    assert "all figures exact" not in page.visible()


def test_without_style_and_script_it_is_plain_tables(rich):
    "Details of the columns are not dumped; every column has one row, with its words."
    assert "Shapes, in the sample" not in rich.visible() and "excess kurtosis" not in rich.visible()
    rows = [text for tag, text in rich.texts if tag in ("bdi",)]
    assert all(p.name in rows for p in handmade.rich_columns())
    assert "error: leak" in rich.visible() and "2013-01-01 to 2014-01-01" in rich.visible() and "values not shown" in rich.visible()
    assert all(attrs.get("align") == "right" for attrs in rich.all("td") if attrs.get("class", "").split()[:1] == ["r"])


def test_alerts_are_grouped_by_code_the_worst_first(rich):
    groups = [a for a in rich.all("details") if a.get("class") == "mltp-alert"]
    assert [g["data-s"] for g in groups] == ["error"] * 3 + ["warning"] * 9 + ["info"] * 3
    assert groups[0]["data-code"] == "MLT301" and groups[0]["data-n"] == "2"
    table = [g for g in groups if g["data-code"] == "MLT201"]
    assert table[0]["data-n"] in ("", None)


def test_severities_changed_by_rules_stand_apart():
    alerts = [handmade.alert("MLT102", s, c, "is missing", "e", "f") for s, c in (("error", "late"), ("info", "year"), ("info", "fare"))]
    page = Page(profile_html(handmade.rich_profile(alerts=alerts)))
    groups = [a for a in page.all("details") if a.get("class") == "mltp-alert"]
    assert [(g["data-s"], g["data-n"]) for g in groups] == [("error", "1"), ("info", "2")]
    assert len(page.data()["codes"]) == 2


def test_every_code_of_the_profile_has_a_short_word():
    alerts = pytest.importorskip("mltoolkit.profiling.alerts")
    assert set(alerts.CODES) <= set(SHORT)
    assert all(len(word) <= 16 for word in SHORT.values())


def test_unknown_codes_and_missing_keys_do_no_harm():
    odd = {"code": "MLT999", "severity": "info", "column": "late", "message": "is odd", "evidence": ""}
    page = Page(profile_html(handmade.rich_profile(alerts=[odd, odd | {"column": "not there"}])))
    assert "MLT999" in page.visible() and "not there" in page.visible()


# ---- hostile ----
def test_nothing_hostile_becomes_markup():
    for whole in (True, False):
        text = profile_html(handmade.hostile_profile(), whole_page=whole)
        page = Page(text)
        assert len(page.all("script")) == 2 and not page.all("img")
        tags = {tag for tag, _ in page.elements}
        assert tags <= {
            "html",
            "head",
            "body",
            "meta",
            "title",
            "div",
            "style",
            "h2",
            "h3",
            "h4",
            "p",
            "span",
            "b",
            "i",
            "bdi",
            "small",
            "code",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "section",
            "details",
            "summary",
            "svg",
            "path",
            "circle",
            "script",
            "text",
        }
        assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
        text.encode("utf-8")
        assert "\x00" not in text and "\x1b" not in text


def test_names_are_isolated_and_cut():
    page = Page(profile_html(handmade.hostile_profile()))
    for tag, text in page.texts:
        if any("\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in text):
            assert tag in ("bdi", "script"), (tag, text[:80])
    titles = [attrs["title"] for _, attrs in page.elements if attrs.get("title")]
    assert max(map(len, titles)) == 300
    assert max(len(text) for tag, text in page.texts if tag != "script" and tag != "style") <= 700
    names = [c["n"] for c in page.data()["c"]]
    assert max(map(len, names)) == 300 and "__proto__" in names and "(no name)" in names
    assert [c["l"] for c in page.data()["c"] if "l" in c] == [10_000, len(handmade.HOSTILE["lines"])]


def test_embedded_json_cannot_end_its_element():
    nasty = ["</script>", "<!--", "]]>", "&amp;", "\u2028\u2029", "\U0001f469"]
    text = safe_json(nasty)
    assert json.loads(text) == nasty
    assert not re.search(r"[<>&\u2028\u2029]", text)


def test_ten_thousand_characters_stay_small():
    columns = [handmade.category(f"{'x' * 10_000}{i}", {"y" * 10_000: 3, "z": 2}, 5) for i in range(30)]
    text = profile_html(
        TableProfile(
            name="n" * 10_000,
            n_rows=5,
            columns=columns,
            alerts=[handmade.alert("MLT104", "info", p.name, "m" * 9_000, "e" * 9_000, "f" * 9_000) for p in columns],
        )
    )
    assert len(text.encode()) < 150_000
    assert "x" * 301 not in text


# ---- sensitive ----
def test_values_of_sensitive_columns_are_nowhere():
    secret = "secret@example.org"
    everything = handmade.number(
        "salary",
        [71_234.5, 98_765.25] * 40,
        100,
        sensitive=True,
        sentinels=[[secret, 3]],
        words=[[secret, 3]],
        role="sensitive",
        time={"hour": [1] * 24, "span_s": 71_234.5},
    )
    text_column = handmade.category(
        "mail", {secret: 60, "other@example.org": 40}, 100, sensitive=True, length={"min": 17, "mean": 18, "max": 18}
    )
    constant = ColumnProfile(name="one", kind="constant", dtype="str", n=100, missing=0, distinct=1, top=[[secret, 100]], sensitive=True)
    drift = handmade.rich_drift()
    rows = [dict(drift.columns[0]) | {"column": "mail", "new_levels": [secret], "gone_levels": [secret], "note": secret}]
    profile = TableProfile(
        name="people", n_rows=100, columns=[everything, text_column, constant], alerts=[], drift=dataclasses.replace(drift, columns=rows),
        segments=[{"column": "mail", "level": secret, "n": 3, "prevalence": 0.1, "lower": 0.0, "upper": 0.2}],
        target={"name": "late", "kind": "binary", "positive": "", "known": 100, "prevalence": 0.1},
    )  # fmt: skip
    text = profile_html(profile)
    for value in (secret, "example.org", "71234", "71,234", "98765", "98,765"):
        assert value not in text, value
    assert "values not shown" in text and "with personal data are not in this report" in text
    assert Page(text).data()["c"][0].keys() <= {"n", "k", "d", "r", "m", "u", "x", "tf"}


# ---- sizes and time ----
def test_thirty_columns_fit_into_150_kb():
    columns = handmade.rich_columns(n=1_000_000)
    columns += [dataclasses.replace(p, name=f"{p.name}_2") for p in columns[:7]]
    alerts = handmade.rich_alerts() + [dict(a, column=f"{a['column']}_2") for a in handmade.rich_alerts()[:9]]
    profile = handmade.rich_profile(n_rows=1_000_000, columns=columns, alerts=alerts)
    assert len(profile_html(profile).encode()) <= 150_000


def test_two_thousand_columns_fit_into_two_megabytes():
    for prefix in ("sensor_reading_", "a very long name of a column " * 12):
        text = profile_html(handmade.wide_profile(prefix=prefix))
        assert len(text.encode()) <= 2_000_000
        page = Page(text)
        assert len(page.data()["c"]) == 2_000
        assert len(page.all("tr")) > 2_000 and "svg" not in {tag for tag, _ in page.elements}


def test_making_the_page_costs_little():
    profile = handmade.rich_profile()
    profile_html(profile)
    best = math.inf
    for _ in range(5):
        begun = time.process_time()
        profile_html(profile)
        best = min(best, time.process_time() - begun)
    assert best < 0.1, best


def test_the_page_needs_no_heavy_library():
    "From a saved profile without a target."
    bare = json.dumps(handmade.rich_profile(relation=None).to_dict())
    code = (
        "import json, sys; from mltoolkit.core import Result; from mltoolkit.profiling.table import TableProfile; import mltoolkit.profiling.report as r; before = set(sys.modules);"
        "p = Result.from_dict(json.loads(sys.stdin.read())); r.profile_html(p); new = set(sys.modules) - before;"
        "print(sorted({'pandas', 'scipy', 'sklearn', 'pyarrow', 'jinja2', 'pydantic', 'matplotlib', 'IPython', 'ipywidgets'} & new))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=bare, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout


# ---- look ----
def test_colours_are_those_of_the_palette():
    css = (Path(sys.modules["mltoolkit.profiling.report"].__file__).parent / "static" / "report.css").read_text(encoding="utf-8")
    found = [dict(re.findall(r"--mlt-([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r"\{([^{}]*)\}", css)]
    found = [{k.replace("-", "_"): v for k, v in block.items()} for block in found if block]
    assert found == [LIGHT, DARK, DARK]
    rest = re.sub(r"--mlt-[\w-]+: #[0-9a-f]{6};", "", css)
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", rest)) <= {DARK["bg"]}


def test_every_rule_is_scoped():
    css = re.sub(r"@[\w-]+[^{;]*\{", "", asset("report.css"))
    for selectors in re.findall(r"([^{}]+)\{", css):
        for selector in re.split(r",(?![^(]*\))", selectors):
            assert ".mltp" in selector, selector


def test_nothing_is_fetched_and_no_inline_handlers():
    text = profile_html(handmade.rich_profile())
    code = asset("report.js")
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|import|eval|innerHTML|insertAdjacentHTML|outerHTML|document\.write|localStorage|Function)\b\s*[(=.]", code
    )
    assert not re.search(r"(src|href)\s*=", text.replace(code, "")) and "url(" not in asset("report.css") and "@import" not in text
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}


def test_the_files_travel_in_the_wheel(root):
    assert '"profiling/static/*"' in (root / "setup.py").read_text(encoding="utf-8")


# ---- methods ----
def test_to_html_writes_a_file_and_repr_is_a_fragment(tmp_path):
    profile = handmade.rich_profile()
    path = profile.to_html(tmp_path / "page.html")
    assert Path(path).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert profile.to_html().startswith("<!doctype html>")
    assert profile._repr_html_().startswith('<div class="mltp"')


def test_what_the_script_gets_is_what_the_profile_holds():
    profile = handmade.rich_profile()
    data = packed(profile, DETAILS[0])
    by_name = {c["n"]: c for c in data["c"]}
    temp, p = by_name["temp"], profile["temp"]
    assert temp["h"][2:] == p.histogram["counts"] and temp["h"][0] == p.histogram["edges"][0]
    assert temp["q"] == pytest.approx([p.quantiles[str(q)] for q in handmade.QUANTILES], rel=1e-5)
    assert temp["R"][:3] == pytest.approx([0.553, 0.549, 0.557]) and temp["D"]["status"] == "drifted"
    assert by_name["year"]["t"] == [2013, 336_776] and by_name["late"]["t"][0] == "False"
    a, b, measure, value, pearson, spearman = data["p"][0]
    assert {data["c"][a]["n"], data["c"][b]["n"]} == {"air_time", "distance"} and value == 0.99
    assert len(data["m"]["v"]) == len(data["m"]["i"]) and [len(row) for row in data["m"]["v"]] == list(range(len(data["m"]["i"])))
    names = [data["c"][i]["n"] for i in data["w"][0][0]]
    assert names == ["wind_gust", "remark"]


def test_other_targets():
    values = handmade.rich_relation(handmade.rich_columns()).rename(columns={"auc": "value"})
    values["score"], values["value"] = "r2", values["value"] - 0.5
    page = Page(
        profile_html(
            handmade.rich_profile(relation=values, target={"name": "delay", "kind": "number", "mean": 6.9, "std": 44.6, "known": 3})
        )
    )
    assert "Mean 6.9, standard deviation 44.6" in page.visible() and "R2 of each column alone; 0 is chance." in page.visible()
    assert page.data()["t"]["base"] == 0.0
    classes = {"name": "carrier", "kind": "multiclass", "classes": [["UA", 58_665], ["B6", 54_635]], "imbalance": 1.07}
    assert "2 classes: UA 58,665, B6 54,635." in Page(profile_html(handmade.rich_profile(relation=None, target=classes))).visible()


# ---- words and pictures ----
@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (1, "100 %"),
        (1e-9, "<0.1 %"),
        (0.0004999, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.026, "2.6 %"),
        (0.0625, "6.3 %"),
        (0.99951, ">99.9 %"),
        (math.nan, "0"),
    ],
)
def test_shares(value, said):
    assert share(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2013, "2013"),
        (-5.0, "-5"),
        (10_000, "10,000"),
        (9999.96, "10,000"),
        (12_345.5, "12,346"),
        (-12_345.5, "-12,346"),
        (0.1 + 0.2, "0.3"),
        (1.5e-7, "1.50e-7"),
        (1e20, "1.00e20"),
        (math.inf, "inf"),
        (0.0, "0"),
        (3.14159, "3.142"),
    ],
)
def test_numbers(value, said):
    assert plain(value) == said


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [(1435, "clock", "14:35"), (5, "clock", "00:05"), (1272, "clock", "1272"), (0, "duration", "0 s"), (90, "duration", "1.5 min"), (-7_200, "duration", "-2 h"), (400 * 86_400, "duration", "1.1 y"),
     ("2013-01-01T00:00:00", "datetime", "2013-01-01"), ("2013-01-01T05:00:00+00:00", "datetime", "2013-01-01 05:00"), ("2013-01-01T05:00:01.500000+02:00", "datetime", "2013-01-01 05:00:01.5+02:00"), (None, "number", ""), (True, "boolean", "True")],
)  # fmt: skip
def test_values_by_kind(value, kind, said):
    assert figure(value, kind) == said


def test_cleaning_and_names():
    assert clean("a\r\nb\tc  d") == "a b c d" and clean("\ud800x\x00") == "\ufffdx\ufffd"
    assert len(clean("x" * 10_000, 50)) == 50 and clean(" " * 5_000) == "…" and clean("") == ""
    assert named("") == "<bdi><i>(no name)</i></bdi>"
    assert named("<b>") == "<bdi>&lt;b&gt;</bdi>" and 'title="' in named("n" * 99)
    assert html.unescape(listed(["a", "b", "c", "d"], most=2)).endswith("and 2 more")
    assert moment("2013-01-01") == "2013-01-01"


def test_pictures_hold_only_what_is_there():
    assert spark([]) == "" and spark([0, 3, 0]).count("v-") == 1
    assert spark([1, 10_000]).count("v-1M") == 1  # not invisible
    assert len(spark([7] * 24)) < 420
    assert over_time([0.1], [None], [None], ["x"], title="t") == ""
    assert "&lt;" in over_time([0.1, 0.2], [0, 0.1], [0.2, None], ["<", "b"], title="<")


def test_numbers_for_json():
    assert [number(v) for v in (math.nan, math.inf, None)] == [None] * 3
    assert number(2**60) == f"{2**60:,}" and number(1.0) == 1 and number(0.123456789) == 0.123457 and number(True) == "True"
    texts = Texts()
    assert [texts("a"), texts("b"), texts("a")] == [0, 1, 0] and list(texts) == ["a", "b"]
