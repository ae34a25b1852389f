"Keys, repeated rows, missing patterns and dependencies: known answers, brute force, nasty tables, all rows and not the sample."

import json
import threading
import time
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltoolkit.core import Cancel, Cancelled, Result
from mltoolkit.data.scan import open_scan
from mltoolkit.profiling import dependencies as dependencies_module
from mltoolkit.profiling import structure as structure_module
from mltoolkit.profiling.figures import sample_positions, table_figures
from mltoolkit.profiling.structure import count_duplicates, dependencies, find_keys, find_structure, missing_patterns, missing_together


def described(frame, size=200_000):
    scan = open_scan(frame)
    positions = sample_positions(scan.n_rows, size=size)
    pairs = table_figures(scan, positions)
    return SimpleNamespace(scan=scan, columns=[c for c, _ in pairs], samples=[s for _, s in pairs], positions=positions, names=scan.names)


def keys_of(frame, **kwargs):
    t = described(frame, **kwargs)
    notes = []
    return find_keys(t.scan, t.columns, t.samples, positions=t.positions, notes=notes), notes


def duplicates_of(frame):
    t = described(frame)
    return count_duplicates(t.scan, t.columns)


def found_in(frame, **kwargs):
    t = described(frame, **kwargs)
    notes = []
    found = dependencies(t.scan, t.names, t.samples, t.columns, positions=t.positions, notes=notes)
    return {(d["determinant"], d["kind"], d["dependent"]): d for d in found}, notes


small = st.integers(0, 3) | st.none()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(small, small, st.sampled_from(["a", "b", None])), min_size=1, max_size=40))
def test_duplicates_and_keys_equal_brute_force(rows):
    frame = pl.DataFrame(rows, schema={"x": pl.Int64, "y": pl.Float64, "z": pl.String}, orient="row")
    assert duplicates_of(frame) == len(rows) - len(set(rows))
    names, keys = ["x", "y", "z"], []
    for i, name in enumerate(names):
        values = [row[i] for row in rows]
        if None not in values and len(set(values)) == len(rows) and len(rows) > 1:
            keys.append((name,))
    got, _ = keys_of(frame)
    if len(rows) > 1 and (keys or (got and len(got[0]) == 1)):
        assert list(got) == keys
    for key in got:
        columns = [names.index(k) for k in key]
        values = [tuple(row[c] for c in columns) for row in rows]
        assert len(set(values)) == len(rows) and not any(None in v for v in values)


def test_a_grid_is_identified_by_its_two_sides():
    n = 60
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"value": rng.normal(size=n * n).round(1), "shop": np.repeat(np.arange(n), n), "day": np.tile([f"d{i}" for i in range(n)], n)})
    shuffled = frame.sample(fraction=1, shuffle=True, seed=1)
    assert keys_of(shuffled)[0] == (("shop", "day"),)
    assert duplicates_of(shuffled) == 0
    one_more = pl.concat([shuffled, shuffled.head(1)])
    assert keys_of(one_more)[0] == ()
    assert duplicates_of(one_more) == 1


def test_pairs_are_verified_on_all_rows_and_not_on_the_sample_alone():
    n = 400
    frame = pl.DataFrame({"a": np.repeat(np.arange(n), n), "b": np.tile(np.arange(n), n)})
    broken = frame.with_columns(b=pl.when(pl.int_range(len(frame)) == 77_777).then(pl.col("b") + 1).otherwise("b"))
    for table, expected in ((frame, (("a", "b"),)), (broken, ())):
        t = described(table, size=2_000)
        assert find_keys(t.scan, t.columns, t.samples, positions=t.positions) == expected


def test_measured_numbers_are_keys_only_where_there_is_nothing_else():
    x = np.random.default_rng(0).normal(size=500)
    assert keys_of(pl.DataFrame({"x": x, "id": np.arange(500)}))[0] == (("id",),)
    assert keys_of(pl.DataFrame({"x": x, "y": np.ones(500)}))[0] == (("x",),)


def test_columns_with_missing_values_are_no_keys():
    assert keys_of(pl.DataFrame({"id": [1, 2, 3, None], "x": [1, 1, 2, 2]}))[0] == ()


def test_estimated_counts_are_verified():
    t = described(pl.DataFrame({"id": np.arange(1_000), "near": np.append(np.arange(999), 0)}))
    columns = [SimpleNamespace(**{**vars(c), "distinct": 985, "estimated": {"distinct": "within 2 %"}}) for c in t.columns]
    assert find_keys(t.scan, columns, t.samples) == (("id",),)


def test_more_keys_than_are_named_are_noted():
    keys, notes = keys_of(pl.DataFrame({f"k{i}": np.arange(100) + i for i in range(30)}))
    assert len(keys) == 20 and "30 columns" in notes[0]


def test_few_rows_and_none():
    assert keys_of(pl.DataFrame({"x": pl.Series([], dtype=pl.Int64)}))[0] == ()
    assert duplicates_of(pl.DataFrame({"x": pl.Series([], dtype=pl.Int64)})) == 0
    for frame in (pl.DataFrame(), pl.DataFrame({"x": [1]}), pl.DataFrame({"x": [None, None]}), pl.DataFrame({"x": [[1], [1]], "y": [{"a": 1}] * 2})):
        t = described(frame)
        found = find_structure(t.scan, t.columns, t.samples, positions=t.positions)
        assert found.dependencies == () and found.n_rows == len(frame)
    assert duplicates_of(pl.DataFrame({"x": [[1], [1]], "y": [{"a": 1}] * 2})) == 1
    assert duplicates_of(pl.DataFrame({"x": [None, None, None]})) == 2


def test_duplicates_in_several_passes_are_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.integers(0, 300, 20_000), "y": rng.integers(0, 60, 20_000)})
    expected = len(frame) - frame.n_unique()
    values = [h for h in open_scan(frame).row_hashes()]
    for budget in (10**9, 100_000, 20_000):
        assert structure_module._count_repeats(lambda: iter([v.copy() for v in values]), 20_000, budget) == expected
    same = [np.full(5_000, 7, dtype=np.uint64)] * 3
    assert structure_module._count_repeats(lambda: iter(same), 15_000, 30_000) == 14_999


def test_patterns_of_missing_values():
    frame = pl.DataFrame({"a": [1, None, None, 4, None], "b": [1, None, None, 4, 5], "c": [1, 2, 3, 4, 5]})
    t = described(frame)
    assert missing_patterns(t.names, t.samples) == (
        {"columns": [], "rows": 2, "share": 0.4},
        {"columns": ["a", "b"], "rows": 2, "share": 0.4},
        {"columns": ["a"], "rows": 1, "share": 0.2},
    )
    whole = described(frame.select("c"))
    assert missing_patterns(whole.names, whole.samples) == ({"columns": [], "rows": 5, "share": 1.0},)
    assert missing_patterns([], []) == () and missing_together([], []) == ()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_patterns_add_up(rows):
    samples = [SimpleNamespace(codes=np.array(c, dtype=np.uint8), values=None) for c in zip(*rows)]
    found = missing_patterns(["a", "b", "c"], samples)
    counted = {tuple(p["columns"]): p["rows"] for p in found}
    assert sum(counted.values()) == len(rows) and len(counted) == len(set(rows)) == len(found)
    for row in set(rows):
        assert counted[tuple(n for n, known in zip("abc", row) if not known)] == rows.count(row)


def test_columns_that_go_missing_together():
    rng = np.random.default_rng(0)
    gone, part = rng.random(2_000) < 0.2, rng.random(2_000) < 0.5
    values = {name: np.where(mask, np.nan, 1.5) for name, mask in {"a": gone, "b": gone, "c": gone & part, "d": rng.random(2_000) < 0.2}.items()}
    t = described(pl.DataFrame(values, nan_to_null=True))
    assert [(f["kind"], f["columns"]) for f in missing_together(t.names, t.samples)] == [("same", ["a", "b"]), ("within", ["c", "a"])]


def test_a_few_missing_rows_within_many_prove_nothing():
    many = np.arange(1_000) >= 50
    codes = [np.where(many, 0, 2), np.where(np.arange(1_000) < 990, 2, 0), np.where(np.arange(1_000) < 999, 2, 0)]
    samples = [SimpleNamespace(codes=c.astype(np.uint8), values=None) for c in codes]
    assert [f["columns"] for f in missing_together(["many", "ten", "one"], samples)] == []


def test_copies_of_all_kinds():
    n = 1_000
    rng = np.random.default_rng(0)
    x, level, day = rng.normal(size=n), rng.integers(0, 40, n), pl.Series(rng.integers(0, 300, n)).cast(pl.Date)
    text = pl.Series(level).cast(pl.String)
    holes = pl.Series(np.where(rng.random(n) < 0.1, np.nan, x), nan_to_null=True)
    frame = pl.DataFrame(
        {"x": x, "same": x, "km": x * 1.609 + 7, "minus": -x, "level": level, "as_float": level.astype(float), "as_text": text}
        | {"names": "v" + text, "as_category": ("v" + text).cast(pl.Categorical), "day": day, "moment": day.cast(pl.Datetime("ms")), "holes": holes}
    )
    found, _ = found_in(frame)
    copies = {(a, b): d for (a, kind, b), d in found.items() if kind == "copy"}
    pairs = [("x", "same"), ("x", "km"), ("x", "minus"), ("level", "as_float"), ("level", "as_text"), ("names", "as_category"), ("day", "moment")]
    assert set(copies) == set(pairs)
    assert (copies["x", "km"]["scale"], copies["x", "km"]["offset"]) == (pytest.approx(1.609), pytest.approx(7))
    assert copies["x", "minus"]["scale"] == -1 and "scale" not in copies["x", "same"]
    assert ("level", "one-to-one", "names") in found and not any(key[2] == "holes" for key in found)


def test_a_copy_with_one_different_row_is_none():
    n = 5_000
    x = np.random.default_rng(0).normal(size=n)
    y, z = x.copy(), x * 2 + 1
    y[3_333] += 0.001
    z[4_444] = np.nan
    found, _ = found_in(pl.DataFrame({"x": x, "y": y, "z": z}), size=1_000)
    assert not found
    text = np.array([f"t{i}" for i in range(n)])
    other = text.copy()
    other[4_900] = "another"
    assert not found_in(pl.DataFrame({"text": text, "other": other}))[0]


def test_one_far_value_does_not_make_copies():
    x, y = np.random.default_rng(0).normal(size=(2, 1_000))
    x[5] = y[5] = 1e12
    assert not found_in(pl.DataFrame({"x": x, "y": y}))[0]


def test_dependencies_and_what_follows_from_them():
    rng = np.random.default_rng(0)
    model = rng.integers(0, 60, 6_000)
    frame = pl.DataFrame({"noise": rng.integers(0, 9, 6_000), "model": [f"m{i}" for i in model], "maker": model // 5, "country": model // 20 * 7})
    frame = frame.with_columns(code=model * 3 % 61, other=rng.normal(size=6_000))
    found, notes = found_in(frame)
    assert set(found) == {("model", "one-to-one", "code"), ("model", "determines", "maker"), ("maker", "determines", "country")}
    assert all(d["share"] == 1 and d["rows"] == 6_000 for d in found.values()) and notes == []


def test_a_dependency_with_one_exception_is_none():
    rng = np.random.default_rng(0)
    city = rng.integers(0, 50, 50_000)
    country = city // 5
    country[49_000] += 1
    frame = pl.DataFrame({"city": city, "country": country})
    assert not found_in(frame, size=2_000)[0] and not found_in(frame)[0]


def test_missing_values_are_left_out_and_not_a_level():
    rng = np.random.default_rng(0)
    city = rng.integers(0, 50, 5_000)
    country = np.where(rng.random(5_000) < 0.3, np.nan, city // 5)
    frame = pl.DataFrame({"city": pl.Series(city).cast(pl.String), "country": country}).with_columns(
        city=pl.when(pl.int_range(5_000) % 7 == 0).then(None).otherwise("city"), null=pl.col("country").fill_nan(None)
    )
    found, _ = found_in(frame)
    assert ("city", "determines", "country") in found
    assert found["city", "determines", "country"]["rows"] == int((frame["city"].is_not_null() & frame["null"].is_not_null()).sum())


def test_trivial_dependencies_are_not_found():
    rng = np.random.default_rng(0)
    n = 2_000
    rare = np.zeros(n)
    rare[:2] = 1
    frame = pl.DataFrame({"id": np.arange(n), "near": np.arange(n) // 2, "constant": np.ones(n), "rare": rare, "level": rng.integers(0, 5, n)})
    frame = frame.with_columns(spread=rng.integers(0, 390, n))
    assert not found_in(frame)[0]


def test_text_with_many_levels_needs_no_positions():
    rng = np.random.default_rng(0)
    code = rng.integers(0, 200, 9_000)
    frame = pl.DataFrame({"tail": [f"N{i}" for i in code], "seats": code % 7})
    t = described(frame, size=3_000)
    notes = []
    assert [d["kind"] for d in dependencies(t.scan, t.names, t.samples, t.columns, notes=notes)] == ["determines"] and not notes
    assert [d["kind"] for d in dependencies(t.scan, t.names, t.samples, t.columns, positions=t.positions)] == ["determines"]


def test_more_than_can_be_verified_is_noted(monkeypatch):
    monkeypatch.setattr(dependencies_module, "_PAIRS", 3)
    code = np.random.default_rng(0).integers(0, 64, 4_000)
    found, notes = found_in(pl.DataFrame({"code": code} | {f"b{i}": code // 2**i % 2 for i in range(6)}))
    assert len(found) == 3 and "6 dependencies hold in the sample; 3" in notes[0]


def test_hostile_and_repeated_names():
    import pandas as pd

    code = np.random.default_rng(0).integers(0, 9, 500)
    table = pd.DataFrame(np.stack([code, code, code // 3], axis=1), columns=["<b>", "<b>", 7])
    t = described(table)
    found = find_structure(t.scan, t.columns, t.samples, positions=t.positions)
    assert {(d["determinant"], d["dependent"]) for d in found.dependencies} == {("<b>", "<b> (2)"), ("<b>", "7")}
    assert "<b>" not in found._repr_html_()


def test_structure_survives_json_and_says_the_same_twice():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.integers(0, 9, 3_000), "b": rng.normal(size=3_000)}).with_columns(c=pl.col("a") // 3)
    t = described(frame)
    one, two = (find_structure(t.scan, t.columns, t.samples, positions=t.positions) for _ in range(2))
    assert one.to_dict() == two.to_dict()
    again = Result.from_dict(json.loads(json.dumps(one.to_dict(), allow_nan=False)))
    assert again.to_dict() == one.to_dict() and again.keys == one.keys
    assert one.to_frame()["dependent"].tolist() == ["c"] and one.summary()["duplicates"] == 0


def test_wide_tables_are_quick():
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.integers(0, [3, 40, 700][i % 3], 3_000) if i % 2 else rng.normal(size=3_000).round(2) for i in range(400)}
    t = described(pl.DataFrame(columns))
    start = time.process_time()
    found = find_structure(t.scan, t.columns, t.samples, positions=t.positions)
    assert time.process_time() - start < 3 and found.dependencies == ()


def test_cancel_is_heard():
    rng = np.random.default_rng(0)
    n = 400_000
    t = described(pl.DataFrame({f"x{i}": rng.integers(0, 50, n) for i in range(12)} | {f"y{i}": np.arange(n) // 7 % (i + 5) for i in range(6)}))
    cancel, heard = Cancel(), []
    cancel.cancel()
    for work in (find_structure, lambda *a, **k: count_duplicates(t.scan, t.columns, cancel=cancel)):
        with pytest.raises(Cancelled):
            work(t.scan, t.columns, t.samples, positions=t.positions, cancel=cancel)
    later = Cancel()
    threading.Timer(0.05, lambda: (heard.append(time.monotonic()), later.cancel())).start()
    with pytest.raises(Cancelled):
        for _ in range(50):
            find_structure(t.scan, t.columns, t.samples, positions=t.positions, cancel=later)
    assert time.monotonic() - heard[0] < 0.6  # 0.3 and room for a busy machine


def test_flights():
    from mltoolkit.data.sources import example_tables

    tables = {name: described(path) for name, path in example_tables("flights").items()}
    keys = {name: find_keys(t.scan, t.columns, t.samples, positions=t.positions) for name, t in tables.items()}
    assert keys["planes"] == (("tailnum",),) and keys["weather"] == (("origin", "time_hour"),) and keys["flights"] == ()
    t = tables["flights"]
    assert count_duplicates(t.scan, t.columns) == 0
    found = {(d["determinant"], d["dependent"]) for d in dependencies(t.scan, t.names, t.samples, t.columns, positions=t.positions)}
    assert {("sched_dep_time", "hour"), ("sched_dep_time", "minute"), ("time_hour", "month")} <= found
    same = [f["columns"] for f in missing_together(t.names, t.samples) if f["kind"] == "same"]
    assert ["dep_time", "dep_delay"] in same


def test_nothing_heavy_is_imported():
    import subprocess
    import sys

    code = """
import sys
import polars as pl
from mltoolkit.data.scan import open_scan
from mltoolkit.profiling.associations import associate
from mltoolkit.profiling.figures import sample_positions, table_figures
from mltoolkit.profiling.structure import find_structure
scan = open_scan(pl.DataFrame({"a": [1, 2, 3, None] * 30, "b": ["x", "y", "y", "x"] * 30, "c": [0.5, 1.5, 2.5, None] * 30}))
positions = sample_positions(scan.n_rows)
columns, samples = zip(*table_figures(scan, positions))
assert find_structure(scan, columns, samples, positions=positions).dependencies
assert associate(scan.names, samples).pairs
print(sorted({"pandas", "pyarrow", "scipy", "sklearn", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
