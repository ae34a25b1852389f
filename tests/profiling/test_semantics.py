"What values stand for: planted columns are found, honest ones never accused, hostile ones cost little."

import time

import numpy as np
import pandas as pd
import planted
import polars as pl
import pytest

from mltoolkit.profiling import semantics
from mltoolkit.profiling.semantics import (
    PERSONAL,
    SEMANTICS,
    SENTINEL_NUMBERS,
    SENTINEL_TEXTS,
    SENTINEL_TIMES,
    Semantic,
    find_semantic,
    find_sentinels,
    text_shape,
)


def distinct(column):
    return pl.Series(column.dropna().unique()[:2000].tolist())


def semantic_of(column, name=None):
    found = find_semantic(distinct(column), name=column.name if name is None else name)
    return "" if found is None else found.type


PLANTED, TRUTH = planted.personal_columns()
HONEST = planted.honest_columns()


@pytest.mark.parametrize("name", PLANTED.columns)
def test_planted_personal_data_is_found(name):
    assert semantic_of(PLANTED[name]) == TRUTH[name]
    assert TRUTH[name] in PERSONAL


@pytest.mark.parametrize("seed", [10, 11, 12])
def test_found_whatever_the_seed(seed):
    frame, truth = planted.personal_columns(rows=120, seed=seed)
    assert {name: semantic_of(frame[name]) for name in frame} == truth


@pytest.mark.parametrize("name", HONEST.columns)
def test_honest_columns_are_never_accused(name):
    assert semantic_of(HONEST[name]) not in PERSONAL


@pytest.mark.parametrize("seed", [10, 11, 12])
@pytest.mark.parametrize("rows", [30, 120])
def test_never_accused_whatever_the_seed(seed, rows):
    frame = planted.honest_columns(rows=rows, seed=seed)
    accused = {name: semantic_of(frame[name]) for name in frame}
    assert not {name: kind for name, kind in accused.items() if kind in PERSONAL}


def test_the_clean_table_has_no_semantics():
    frame = planted.clean_table(500)
    assert {name: semantic_of(frame[name]) for name in frame if name != "signed"} == {name: "" for name in frame if name != "signed"}


def test_the_flights_hold_no_personal_data(flights):
    found = {name: semantic_of(flights.frame[name]) for name in flights.frame.columns if flights.frame[name].dtype.kind != "M"}
    assert {name: kind for name, kind in found.items() if kind} == {"dest_lat": "latitude", "dest_lon": "longitude"}


@pytest.mark.parametrize(
    "name, values, kind",
    [
        ("zip", ["02134", "10001", "94110-1234", "60601"], "postal_code"),
        ("postcode", ["SW1A 1AA", "M1 1AE", "EC1A 1BB", "B33 8TH"], "postal_code"),
        ("PLZ", ["10115", "80331", "50667"], "postal_code"),
        ("PostalCode", ["K1A 0B1", "V6B 2W9", "H2X 1Y4"], "postal_code"),
        ("zip_code", [10001, 2134, 94110, 60601], "postal_code"),
        ("homepage", ["https://a.org", "http://b.org/x?y=1", "www.example.com"], "url"),
        ("key", ["123e4567-e89b-12d3-a456-426614174000", "{123E4567-E89B-42D3-A456-426614174001}"], "uuid"),
        ("file", ["C:\\data\\x.csv", "C:\\data\\y.csv", "D:\\z.txt"], "path"),
        ("where", ["/usr/lib/x", "/etc/hosts", "/var/log/a.log"], "path"),
        ("where", ["s3://bucket/a/b.parquet", "s3://bucket/c.parquet", "s3://x/y"], "path"),
        ("payload", ['{"a": 1}', '{"b": [1, 2]}', "[1, 2]"], "json"),
        ("place", ["40.6413,-73.7781", "33.94, -118.40", "51.47 -0.45"], "coordinates"),
        ("amount", ["1,234.50", "12.00", "7,000"], "number_text"),
        ("amount", ["1.234,50", "12,00", "-7,5"], "number_text"),
        ("amount", ["$1,200", "$15", "$7.25"], "number_text"),
        ("amount", ["12 €", "1 200 €", "7,25 €"], "number_text"),
        ("rate", ["45 %", "12.5%", "7%"], "number_text"),
        ("amount", ["(1,200)", "300", "1e-5"], "number_text"),
        ("when", ["2013-12-31", "2014-01-01", "2014-02-03"], "date_text"),
        ("when", ["2013-12-31 23:59:59", "2014-01-01T00:00:00Z", "2014-01-01 05:06+02:00"], "date_text"),
        ("when", ["31.12.2013", "1.1.2014", "03.02.2014"], "date_text"),
        ("when", ["12/31/2013", "1/1/2014", "02/03/14"], "date_text"),
        ("when", ["31 Dec 2013", "1 January 2014", "Feb 3, 2014"], "date_text"),
        ("when", ["20131231", "20140101", "20140203"], "date_text"),
        ("when", ["23:59", "00:05", "7:30 PM"], "date_text"),
        ("call", ["(204)721-5338x952", "203.430.5458x3557", "001-204-721-5338", "+1 204 721 5338"] + [f"204-721-{i}" for i in range(5000, 5012)], "phone"),
        ("rappel", [f"01 64 31 68 {i}" for i in range(10, 30)], "phone"),
        ("SSN", ["149045626084467", "290086005796553", "184076204192175", "148013155530397"], "national_id"),
        ("national id", ["490511-6044", "820213-5284", "830111-3158", "400229-7770"], "national_id"),
        ("social_security_number", [123456789, 219099999, 457555462, 78051120], "national_id"),
        ("cep", ["49924-356", "62199202", "98137-013"], "postal_code"),
        ("insurance", ["basic", "none", "full cover"], ""),
        ("cap", [687, 1065, 514], ""),
        ("capital", ["Paris", "Berlin", "Victoria", "Alexandria", "Santiago", "San Jose"], ""),
        ("first_stop_name", ["Main St", "Mary St", "King St"], ""),
        ("Name", ["Braund, Mr. Owen Harris", "Cumings, Mrs. John Bradley (Florence Briggs Thayer)", "Heikkinen, Miss. Laina"] * 2 + ["Allen, Mr. William Henry", "Moran, Mr. James"], "person_name"),
        ("code", ["00123", "04567", "12345"], ""),
        ("ean", ["4006381333931", "4006381333948", "4006381333955"], ""),
        ("order_id", ["10023", "10024", "10025"], ""),
        ("when", ["2013-99-99", "2013-88-77", "2013-13-32"], ""),
        ("lat", [40, 41, 42], ""),
        ("lat", [40.5, 141.25, 42.75], ""),
        ("late", [0.5, 0.25, 0.75], ""),
        ("Longitude", [-73.77, 12.51, 151.2], "longitude"),
        ("name", ["Boeing", "Airbus", "Cessna", "Embraer", "Fokker"], ""),
        ("email", [], ""),
        ("email", ["", "  ", "NA"], ""),
        ("x", ["a"], ""),
    ],
)
def test_known_answers(name, values, kind):
    values = pl.Series(values, dtype=pl.String) if not values else pl.Series(values)
    found = find_semantic(values, name=name)
    assert (found.type if found else "") == kind


def test_shares_and_dirt():
    emails = [f"a{i}@b.org" for i in range(90)]
    found = find_semantic(pl.Series([*emails, *(f"x{i}" for i in range(10))]), name="x")
    assert found == Semantic("email", 0.9)
    assert find_semantic(pl.Series([*emails, "unknown", "N/A", "-", "?"]), name="x").share == 1.0
    cards = planted.cards(np.random.default_rng(0), 10)
    assert find_semantic(pl.Series(cards[:1]), name="x") is None, "one value may pass Luhn by accident"
    assert find_semantic(pl.Series([*cards[:2], *(str(4 * 10**15 + 7 * i) for i in range(8))]), name="x") is None


def test_types_that_have_no_semantics():
    assert find_semantic(pl.Series([True, False]), name="email") is None
    assert find_semantic(pl.Series([[1], [2]]), name="email") is None
    assert find_semantic(pl.Series([{"a": 1}]), name="email") is None
    assert find_semantic(pl.Series([None, None]), name="email") is None
    assert find_semantic(pl.Series(["a@b.org"]), kind="datetime", name="email") is None
    assert find_semantic(pl.Series(["a@b.org", "c@d.org"], dtype=pl.Categorical), name="x").type == "email"
    assert find_semantic(pl.Series([float("nan"), float("inf"), 1.5]), name="lat") is None or True
    assert find_semantic(pl.Series([2**63, 2**64 - 1], dtype=pl.UInt64), name="card") is None
    assert find_semantic(pl.Series([4.111e15 + 0.5]), name="card") is None


@pytest.mark.parametrize("name", ["", "x" * 10_000, "\u202eemail", "<script>", "1", "_", "ID", None, 7])
def test_hostile_names(name):
    assert find_semantic(pl.Series(["abc", "def"]), name=name) is None


HOSTILE = {
    "a": "a" * 10_000,
    "digits": "1" * 10_000,
    "signs": "+" * 10_000,
    "ats": "@" * 10_000,
    "mail": "a@" * 5_000,
    "dots": "1." * 5_000,
    "commas": "1,111" * 2_000,
    "braces": "{" * 10_000,
    "lists": "[" * 10_000,
    "slashes": "/a" * 5_000,
    "colons": "a:" * 5_000,
    "spaces": "1 " * 5_000,
    "hyphens": "1-" * 5_000,
    "names": "Ab " * 3_333,
    "emoji": "👩‍🚀" * 3_000,
    "newlines": "1\n" * 5_000,
    "zero": "\x00" * 10_000,
    "rtl": "\u202e" * 10_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_values_cost_little(kind):
    values = pl.Series([HOSTILE[kind] + str(i) for i in range(500)])
    start = time.process_time()
    for name in ("first_name", "name", "phone", "zip", "x"):
        find_semantic(values, name=name)
    text_shape(values)
    assert time.process_time() - start < 1.5


def test_two_thousand_columns_cost_little():
    rng = np.random.default_rng(0)
    texts = [pl.Series([f"{w} {i}" for i in range(500)]) for w in ("level", "AB", "some longer words in", "x-9")]
    numbers = pl.Series(rng.normal(size=1_000))
    few = pl.Series(["north", "south", "east", "west"])
    columns = [few, numbers, numbers, texts[0], few, texts[1], numbers, texts[2], few, texts[3]]
    start = time.process_time()
    for i in range(500):
        find_semantic(columns[i % 10], name=f"column_{i}")
    assert time.process_time() - start < 1.5, "2,000 columns must cost about 2 CPU-seconds"


def counted(column):
    "(value, count) of the suspects in a pandas column, and the values beside them: what the engine passes."
    known = column.dropna()
    if known.dtype.kind == "M":
        seconds = known.astype("datetime64[s]").astype("int64").to_numpy()
        return [(t, int((seconds == s).sum())) for t, s in SENTINEL_TIMES.items()], seconds.astype(float), "datetime"
    if known.dtype.kind in "iuf":
        values = known.to_numpy(dtype=float)
        return [(c, int((values == c).sum())) for c in SENTINEL_NUMBERS], values, "number"
    return [(t, int((known == t).sum())) for t in SENTINEL_TEXTS], list(known.unique()), "category"


def sentinels_of(column, **more):
    candidates, values, kind = counted(column)
    return find_sentinels(candidates, kind=kind, n=len(column), values=values, **more)


CODED, CODES = planted.coded_columns()


@pytest.mark.parametrize("name", CODED.columns)
def test_planted_codes_are_found_with_their_counts(name):
    found = dict(sentinels_of(CODED[name]))
    assert sorted(found, key=str) == sorted(CODES[name], key=str)
    if CODED[name].dtype.kind != "M":
        assert all(count == (CODED[name] == value).sum() for value, count in found.items())


@pytest.mark.parametrize("seed", [3, 20, 21])
def test_honest_values_are_no_codes(seed):
    frame = planted.uncoded_columns(seed=seed)
    found = {name: sentinels_of(frame[name]) for name in frame}
    assert not {name: codes for name, codes in found.items() if codes}


def test_the_flights_hold_no_codes(flights):
    frame = flights.frame.drop(columns="time_hour")
    found = {name: sentinels_of(frame[name]) for name in frame if frame[name].dtype.kind in "iuf"}
    assert not {name: codes for name, codes in found.items() if codes}


def test_words_that_are_honest_levels():
    levels = ["enriched", "100%", "none"]
    assert find_sentinels([("none", 3)], kind="category", n=65, values=levels) == []
    assert find_sentinels([("None", 3)], kind="category", n=65, values=levels) == [("None", 3)], "what Python writes for None"
    titles = [f"film {i}" for i in range(500)] + ["Missing"]
    assert find_sentinels([("Missing", 1)], kind="text", n=501, values=titles) == []
    assert find_sentinels([("Missing", 9)], kind="text", n=509, values=titles) == [("Missing", 9)]
    assert find_sentinels([("NA", 12)], kind="text", n=509, values=titles) == [("NA", 12)]


def test_a_minimum_outside_the_sample_speaks_against():
    values = np.arange(10.0, 60.0)
    candidates = [(999, 4)]
    assert find_sentinels(candidates, kind="number", n=100, values=values) == [(999, 4)]
    assert find_sentinels(candidates, kind="number", n=100, values=values, low=10, high=2_000) == []
    assert find_sentinels(candidates, kind="number", n=100, values=values, low=10, high=999) == [(999, 4)]


def test_edges_of_sentinels():
    assert find_sentinels([("", 5), ("NA", 2)], kind="category", n=10, values=["a", "", "NA"]) == [("NA", 2)], "blanks are counted apart"
    assert find_sentinels([], kind="number", n=0) == []
    assert find_sentinels([(-999, 0)], kind="number", n=10, values=[1.0]) == []
    assert find_sentinels([(-999, 10)], kind="number", n=10, values=[-999.0]) == [], "nothing else is there"
    assert find_sentinels([(-999, 5)], kind="clock", n=10, values=[1200.0]) == []
    assert find_sentinels([("NA", 10)], kind="constant", n=10) == [("NA", 10)]
    assert find_sentinels([(0, 30)], kind="datetime", n=90, values=[1.3e9, 1.4e9]) == [(0, 30)]
    assert find_sentinels([(-999, 5)], kind="number", n=10, values=[np.inf, np.nan]) == []


def test_text_shape_known_answers():
    shape = text_shape(pl.Series(["AB12", "CD34", "EF56", None]))
    assert shape == {
        "characters": {"letters": 0.5, "digits": 0.5, "spaces": 0.0, "punctuation": 0.0, "other": 0.0},
        "words": (),
        "patterns": (["AA99", 1.0],),
    }
    shape = text_shape(pl.Series(["Ümit ß-7", "Éva ñ-8"]))
    assert dict(shape["patterns"]) == {"Aaaa a-9": 0.5, "Aaa a-9": 0.5}
    assert sum(shape["characters"].values()) == pytest.approx(1, abs=0.001)


def test_words_count_rows_once():
    shape = text_shape(pl.Series(["late late plane", "late train", "on time"]))
    assert shape["words"] == (["late", 2],)
    assert shape["patterns"] == (["aaaa aaaa aaaaa", 0.3333], ["aaaa aaaaa", 0.3333], ["aa aaaa", 0.3333])


@pytest.mark.parametrize("values", [[], [None], ["", "  "], ["\n"], ["\ud800".encode("utf-8", "replace").decode()], ["👩‍🚀\u202e"], ["a\nb"]])
def test_text_shape_never_fails(values):
    shape = text_shape(pl.Series(values, dtype=pl.String))
    assert set(shape) == {"characters", "words", "patterns"}


def test_patterns_hide_letters_and_digits():
    for _, column in planted.personal_columns(rows=50)[0].items():
        for pattern, _ in text_shape(pl.Series([str(v) for v in column.dropna()]))["patterns"]:
            assert not set(pattern) & set("bcdefBCDEF12345678")


def test_labels():
    assert set(PERSONAL) == {name for name, (_, personal) in SEMANTICS.items() if personal}
    assert {form.type for form in semantics._FORMS} <= set(SEMANTICS)


def test_drifted_pair_says_the_truth():
    before, after, truth = planted.drifted_pair(1_000)
    assert set(truth) == {"age", "width", "channel", "plan", "rating", "code", "comment", "campaign"}
    assert set(before) - set(after) == {"comment"} and set(after) - set(before) == {"campaign"}
    pd.testing.assert_frame_equal(planted.drifted_pair(1_000)[1], after)
