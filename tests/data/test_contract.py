"A broken contract names column, rule, count and example rows."

import json

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

import mltoolkit as mlt
from mltoolkit.core import InputError, Result, templates_dir
from mltoolkit.data.contract import ColumnRule, Contract, check, column_type, infer_contract

FRAME = pd.DataFrame(
    {
        "key": [1, 2, 3, 4],
        "carrier": ["UA", "AA", None, "DL"],
        "delay": [1.0, -5.0, 300.0, np.nan],
        "when": pd.date_range("2013-01-01", periods=4, tz="UTC"),
        "flag": pd.array([True, None, False, True], dtype="boolean"),
    }
)


def violations(frame, **columns):
    return check(frame, {"columns": columns}).violations.to_dict("records")


def one(frame, **columns):
    found = violations(frame, **columns)
    assert len(found) == 1, found
    return found[0]


def test_range():
    got = one(FRAME, delay={"min": 0, "max": 1000})
    assert (got["column"], got["rule"], got["count"], got["share"], got["examples"]) == ("delay", "at least 0", 1, 0.25, [[1, -5.0]])
    assert one(FRAME, delay={"max": 100})["examples"] == [[2, 300.0]]
    assert one(FRAME, when={"min": "2013-01-02"})["count"] == 1
    assert not violations(FRAME, delay={"min": -5, "max": 300}, when={"min": "2013-01-01", "max": "2013-01-04"})


def test_values():
    got = one(FRAME, carrier={"values": ["UA", "DL"]})
    assert got["rule"] == "one of UA, DL" and got["examples"] == [[1, "AA"]]
    assert one(FRAME.astype({"carrier": "category"}), carrier={"values": ["UA", "DL"]})["count"] == 1
    assert not violations(FRAME, flag={"values": [True, False]})


def test_missing_share():
    got = one(FRAME, carrier={"missing_max": 0})
    assert got["rule"] == "never missing" and got["examples"] == [[2, None]]
    assert "20 %" in one(FRAME, delay={"missing_max": 0.2})["rule"]
    assert not violations(FRAME, delay={"missing_max": 0.25})


def test_missing_column():
    assert one(FRAME, nope={})["rule"] == "must be there"
    assert not violations(FRAME, nope={"required": False, "type": "number", "min": 0})


@pytest.mark.parametrize(
    ("column", "wanted", "ok"),
    [
        ([1, 2], "integer", True), ([1.0, np.nan], "integer", True), ([1.5, 2], "integer", False), ([1, 2], "number", True),
        (["a", "b"], "number", False), (["a", "b"], "text", True), (["a", "b"], "category", True), ([1, 2], "text", False),
        (["2013-01-01"], "datetime", False), (pd.to_datetime(["2013-01-01"]), "datetime", True), ([True, False], "boolean", True),
        ([0, 1], "boolean", True), ([0, 2], "boolean", False), (pd.Categorical(["a"]), "text", True), ([None, None], "number", True),
        (pd.array([1, None], dtype="Int64"), "integer", True), ([True, False], "integer", True), (pd.Categorical(["a"]), "number", False),
        (pd.date_range("2013", periods=2, tz="UTC"), "number", False), ([True, False], "text", False), ([True, False], "datetime", False),
    ],
)  # fmt: skip
def test_types(column, wanted, ok):
    assert (violations(pd.DataFrame({"x": column}), x={"type": wanted}) == []) == ok


def test_a_wrong_type_is_one_complaint_and_shows_the_culprits():
    frame = pd.DataFrame({"x": ["1", "2", "three", "4"]})
    got = one(frame, x={"type": "number", "min": 0, "max": 3})
    assert got["rule"] == "of type number" and got["examples"] == [[2, "three"]]


def test_keys():
    frame = FRAME.assign(key=[1, 1, 2, 3])
    got = check(frame, {"columns": {}, "keys": [["key"]]}).violations.iloc[0]
    assert (got["column"], got["rule"], got["count"], got["examples"]) == ("key", "unique key", 2, [[0, "1"], [1, "1"]])
    assert check(frame, {"keys": [["key", "delay"]]}).ok
    assert check(frame, {"keys": [["kee"]]}).violations["rule"].tolist() == ["must be there"]


def test_rows():
    assert check(FRAME, {"rows_min": 10}).violations["rule"].tolist() == ["at least 10 rows in all"]
    assert not check(FRAME.head(0), {"columns": {"delay": {"min": 0}}}).ok


def test_every_problem_at_once_and_in_words():
    contract = {"columns": {"delay": {"min": 0, "max": 100}, "carrier": {"values": ["UA"], "missing_max": 0}, "nope": {}}}
    report = check(FRAME, contract)
    assert len(report.violations) == 5 and not report.ok and report.n_rows == 4
    with pytest.raises(InputError) as e:
        report.raise_if_broken()
    assert "'delay' must be at least 0, but 1 of 4 rows are not, e.g. -5.0 in row 1" in str(e.value)
    assert "and 2 more" in str(e.value) and e.value.exit_code == 2
    assert check(FRAME, {"columns": {"delay": {}}}).raise_if_broken().ok
    assert "4 columns have no rule" in check(FRAME, {"columns": {"delay": {}}}).notes[0]


def test_a_rule_that_cannot_be_compared_is_a_violation_not_a_crash():
    found = violations(pd.DataFrame({"x": ["a", "b"]}), x={"min": 0})
    assert len(found) == 1 and found[0]["count"] == 2


def test_at_most_five_examples_and_sensitive_values_stay_hidden():
    frame = pd.DataFrame({"salary": np.arange(100)})
    got = check(mlt.load(frame, sensitive=["salary"]), {"columns": {"salary": {"max": 10}}, "keys": []})
    examples = got.violations["examples"][0]
    assert len(examples) == 5 and {v for _, v in examples} == {"(hidden)"}


def test_round_trips():
    contract = Contract.from_dict_yaml(
        {"columns": {"delay": {"type": "number", "min": 0, "known": "after"}, "carrier": {"values": ["UA"]}}, "keys": [["key", "when"]], "rows_min": 5}
    )
    again = Result.from_dict(json.loads(json.dumps(contract.to_dict())))
    assert again.to_dict_yaml() == contract.to_dict_yaml() == {
        "columns": {"delay": {"type": "number", "min": 0, "known": "after"}, "carrier": {"values": ["UA"]}}, "keys": [["key", "when"]], "rows_min": 5,
    }  # fmt: skip
    assert isinstance(again["delay"], ColumnRule) and again.known_after == ("delay",)
    report = check(FRAME, contract)
    again = Result.from_dict(json.loads(json.dumps(report.to_dict())))
    assert again.sentences() == report.sentences() and again.notes == report.notes


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"columns": {"x": {"typ": "number"}}}, "Did you mean 'type'"),
        ({"columns": {"x": {"type": "numbr"}}}, "Did you mean 'number'"),
        ({"columns": {"x": {"known": "later"}}}, "before or after"),
        ({"columns": {"x": {"missing_max": 5}}}, "share"),
        ({"columns": {"x": {"min": 5, "max": 1}}}, "above"),
        ({"column": {}}, "columns"),
    ],
)
def test_a_contract_is_checked_itself(value, words):
    with pytest.raises(InputError, match=words):
        Contract.from_dict_yaml(value)


def test_unknown_column_of_a_contract():
    with pytest.raises(InputError, match="Did you mean 'delay'"):
        Contract.from_dict_yaml({"columns": {"delay": {}}})["dely"]


def test_infer(flights_small):
    contract = infer_contract(flights_small)
    assert check(flights_small, contract).ok
    assert contract["origin"].values == ("EWR", "JFK", "LGA") and contract["origin"].type == "category"
    assert contract["tailnum"].type == "text" and contract["tailnum"].values is None
    assert contract["dep_delay"].type == "integer" and contract["dep_delay"].missing_max > 0.05
    assert contract["humid"].min >= 0 and contract["distance"].max > flights_small.frame["distance"].max()
    assert contract["time_hour"].min is None
    assert Contract.from_dict_yaml(contract.to_dict_yaml()).to_dict() == contract.to_dict()
    hidden = infer_contract(flights_small.replace(sensitive=["carrier", "distance"]))
    assert hidden["carrier"].values is None and hidden["distance"].min is None


def test_infer_odd_columns():
    frame = pd.DataFrame({"none": [None] * 3, "inf": [1.0, np.inf, 2.0], "one": [7, 7, 7], "neg": [-3.5, -2, -1], "id": list("abc")})
    contract = infer_contract(mlt.load(frame, id="id"))
    assert contract.keys == (("id",),)
    report = check(frame.drop(columns="inf"), infer_contract(frame.drop(columns="inf")))
    assert report.ok, report.sentences()


def test_the_packaged_contract_holds_for_the_flights(flights):
    recipe = YAML(typ="safe").load((templates_dir() / "recipes" / "flights.yaml").read_text(encoding="utf-8"))
    report = check(flights, recipe["contract"])
    assert report.ok, report.sentences()


def test_pandera_schema_works_alone():
    import pandera.errors

    schema = Contract.from_dict_yaml({"columns": {"delay": {"min": 0}}}).to_pandera()
    with pytest.raises(pandera.errors.SchemaErrors):
        schema.validate(FRAME, lazy=True)
    schema.validate(FRAME.query("delay > 0"))


def test_column_type():
    assert column_type(pd.Series([1.0, np.inf])) == "number"
    assert column_type(pd.Series([], dtype=float)) == "number"
    assert column_type(pd.Series(["a", 1])) == "text"


def figures(name, kind="number", dtype="int64", n=100, **more):
    from mltoolkit.profiling.columns import ColumnProfile

    return ColumnProfile(name=name, kind=kind, dtype=dtype, n=n, **{"missing": 0, "distinct": 50, **more})


def table(*columns, alerts=()):
    from mltoolkit.profiling.table import TableProfile

    return TableProfile(name="t", n_rows=100, columns=columns, alerts=list(alerts))


def test_infer_from_a_profile(flights_small):
    profile = mlt.profile(flights_small)
    contract = infer_contract(profile)
    assert check(flights_small, contract).ok
    ours = {rule.name: rule for rule in infer_contract(flights_small).columns}
    assert [rule.name for rule in contract.columns] == list(ours)
    for rule in contract.columns:
        theirs = ours[rule.name]
        complete = len(profile[rule.name].top) == profile[rule.name].distinct
        assert rule.missing_max == theirs.missing_max and rule.values == (theirs.values if complete else None), rule.name
        if rule.type == theirs.type:
            assert (rule.min, rule.max) == (theirs.min, theirs.max), rule.name
        else:
            assert {rule.type, theirs.type} == {"number", "integer"}, rule.name
    assert set(contract.known_after) == set(profile.leaks) and "MLT301" in contract["arr_delay"].note
    assert infer_contract(mlt.Result.from_dict(profile.to_dict())).to_dict() == contract.to_dict()


def test_infer_from_a_profile_hides_sensitive_values(flights_small):
    hidden = infer_contract(mlt.profile(flights_small.replace(sensitive=["carrier", "distance"])))
    assert hidden["carrier"].values is None and hidden["distance"].min is None and hidden["distance"].type == "integer"


@pytest.mark.parametrize(
    "column, wanted",
    [
        (figures("a", min=0, max=9, quantiles={"0.01": 0, "0.99": 9}), {"type": "integer", "min": 0, "max": 9}),
        (figures("a", dtype="Float64", min=0.5, max=1.5, infinite=2), {"type": "number", "min": None, "max": None}),
        (figures("a", "category", "String", distinct=2, top=(["x", 60], ["y", 40])), {"type": "category", "values": ("x", "y")}),
        (figures("a", "category", "VARCHAR", distinct=3, top=(["x", 60], ["y", 30])), {"type": "category", "values": None}),
        (figures("a", "category", "str", distinct=2, top=(["x" * 60, 60], ["y", 40])), {"type": "category", "values": None}),
        (figures("a", "boolean", "object", distinct=2, top=([True, 60], [False, 40])), {"type": "boolean", "values": None}),
        (figures("a", "datetime", "timestamp[us][pyarrow]", min="2020-01-01T00:00:00"), {"type": "datetime", "min": None}),
        (figures("a", "duration", "timedelta64[ns]", min=1.0, max=2.0), {"type": "text", "min": None}),
        (figures("a", "id", "BIGINT", distinct=100, min=1, max=100), {"type": "integer"}),
        (figures("a", "constant", "float64", distinct=1, min=5.0, max=5.0), {"type": "number", "min": 5.0, "max": 5.0}),
        (figures("a", "constant", "str", distinct=0, missing=100), {"type": "text", "missing_max": 1.0}),
        (figures("a", "text", "object (mixed: int, str)"), {"type": "text"}),
        (figures("a", "nested", "List(Int64)"), {"type": "text"}),
        (figures("a", "number", "object", min=1, max=4), {"type": "integer"}),
        (figures("a", n=0, distinct=0), {"type": "integer", "missing_max": 0.0, "min": None}),
    ],
)
def test_a_rule_from_the_figures_of_a_column(column, wanted):
    rule = infer_contract(table(column))["a"]
    assert {k: getattr(rule, k) for k in wanted} == wanted


def test_keys_and_leaks_from_a_profile():
    leak = {"code": "MLT302", "severity": "error", "column": "b", "message": "", "evidence": ""}
    mild = {"code": "MLT305", "severity": "warning", "column": "a", "message": "", "evidence": ""}
    contract = infer_contract(table(figures("a", "id", distinct=100, role="id"), figures("b"), figures("c", "id", distinct=100), alerts=[leak, mild]))
    assert contract.keys == (("a",),) and contract.known_after == ("b",) and "MLT302" in contract["b"].note
    estimated = figures("a", "id", distinct=100, role="id", estimated={"distinct": "within 2 %"})
    assert infer_contract(table(estimated)).keys == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_profile_drafts_what_its_table_keeps(seed):
    rng, n = np.random.default_rng(seed), 300
    frame = pd.DataFrame({
        "int": rng.integers(-5, 900, n), "float": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(size=n)), "flag": rng.random(n) < 0.5,
        "level": rng.choice(["a", "b", None], n), "long": [f"value {i}" for i in range(n)], "one": 3, "none": [None] * n,
        "when": pd.date_range("2024-01-01", periods=n, tz="UTC"), "category": pd.Categorical(rng.choice(["x", "y"], n)),
        "nullable": pd.array(rng.integers(0, 9, n), dtype="Int64"), "whole": rng.integers(0, 5, n).astype(float),
    })  # fmt: skip
    report = check(frame, infer_contract(mlt.profile(frame)))
    assert report.ok, report.sentences()
