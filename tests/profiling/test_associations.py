"Associations: known answers against brute force and scipy, chance taken off, wide tables, clusters."

import json
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltoolkit.core import Cancel, Cancelled, InputError, Result
from mltoolkit.profiling.associations import MOST_COLUMNS, MOST_PAIRS, SCREEN_ROWS, associate, average_ranks, cramers_v


def number(values):
    "A number column as the profile samples it: 14 bins of about as many rows, 0 for missing."
    values = np.asarray(values, dtype=float)
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.arange(1, 14) / 14, method="lower")) if len(known) else np.array([])
    codes = np.where(np.isnan(values), 0, np.searchsorted(edges, values, "right") + 2).astype(np.uint8)
    return SimpleNamespace(codes=codes, values=values, n_codes=16)


def category(codes):
    return SimpleNamespace(codes=np.asarray(codes, dtype=np.uint8), values=None, n_codes=16)


def pair_of(result, a, b):
    return next((p for p in result.pairs if {p["a"], p["b"]} == {a, b}), None)


def slow_v(table):
    "Bergsma (2013), written out cell by cell."
    table = np.array([row for row in table.tolist() if sum(row)], dtype=float).reshape(-1, table.shape[1])
    table = table[:, table.sum(0) > 0]
    n, (r, c) = table.sum(), table.shape
    if r < 2 or c < 2:
        return 0.0
    chi = sum(
        (table[i, j] - table[i].sum() * table[:, j].sum() / n) ** 2 / (table[i].sum() * table[:, j].sum() / n) for i in range(r) for j in range(c)
    )
    phi2 = max(0.0, chi / n - (r - 1) * (c - 1) / (n - 1))
    room = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return min(1.0, (phi2 / room) ** 0.5) if room > 1e-9 else 0.0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 40), min_size=4, max_size=4), min_size=1, max_size=6))
def test_v_equals_brute_force(rows):
    table = np.array(rows)
    assert cramers_v(table) == pytest.approx(slow_v(table), abs=1e-9)
    assert cramers_v(table.T) == pytest.approx(cramers_v(table), abs=1e-9)


def test_v_of_a_stack_is_v_of_each():
    tables = np.random.default_rng(0).integers(0, 30, size=(7, 5, 3))
    assert cramers_v(tables) == pytest.approx([slow_v(t) for t in tables])


def test_v_of_nothing_is_zero():
    assert cramers_v(np.zeros((3, 3))) == 0
    assert cramers_v(np.array([[5, 0], [0, 0]])) == 0
    assert cramers_v(np.array([[5, 7]])) == 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 2.5, 1e300, np.inf, np.nan]), max_size=40))
def test_ranks_equal_scipy(values):
    from scipy.stats import rankdata

    values = np.array(values, dtype=float)
    got, known = average_ranks(values), ~np.isnan(values)
    assert np.isnan(got[~known]).all()
    assert got[known].tolist() == rankdata(values[known]).tolist()


def test_figures_of_numbers_equal_scipy_where_values_are_missing():
    from scipy.stats import pearsonr, spearmanr

    rng = np.random.default_rng(0)
    base = rng.normal(size=3_000)
    columns = {"a": base, "b": base + rng.normal(size=3_000), "c": np.round(np.exp(base), 1), "d": rng.integers(0, 4, 3_000) + base}
    columns["b"][rng.random(3_000) < 0.2] = np.nan
    columns["c"][:700] = np.nan
    result = associate(list(columns), [number(v) for v in columns.values()])
    assert len(result.pairs) == 6
    for pair in result.pairs:
        x, y = columns[pair["a"]], columns[pair["b"]]
        both = ~(np.isnan(x) | np.isnan(y))
        assert pair["pearson"] == pytest.approx(pearsonr(x[both], y[both])[0], abs=1e-6)
        assert pair["spearman"] == pytest.approx(spearmanr(x[both], y[both])[0], abs=1e-6)
        place = [result.names.index(pair[k]) for k in "ab"]
        assert result.matrix[place[0]][place[1]] == pytest.approx(pair["value"], abs=6e-4)


def test_matrix_of_numbers_is_right_below_the_listed_pairs_too():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 5_000))
    x[1] += 0.2 * x[0]
    x[0, rng.random(5_000) < 0.3] = np.nan
    result = associate(list("abcd"), [number(v) for v in x])
    i, j = result.names.index("a"), result.names.index("b")
    assert result.pairs == ()
    assert result.matrix[i][j] == pytest.approx(spearmanr(x[0], x[1], nan_policy="omit")[0], abs=0.03)


def test_independent_columns_are_near_zero():
    rng = np.random.default_rng(0)
    samples = [category(rng.integers(1, 16, 2_000)) for _ in range(10)] + [number(rng.normal(size=2_000)) for _ in range(10)]
    result = associate([f"x{i}" for i in range(20)], samples)
    values = np.array(result.matrix)[~np.eye(20, dtype=bool)]
    assert values.max() < 0.12 and values.mean() < 0.03
    assert result.pairs == () and result.clusters == ()


def test_copies_and_functions_are_one():
    rng = np.random.default_rng(0)
    x, level = rng.normal(size=1_000), rng.integers(2, 10, 1_000)
    names = ["x", "copy", "minus", "cube", "level", "renamed", "half"]
    samples = [number(x), number(x), number(-x), number(x**3), category(level), category(11 - level), category(level // 5 + 2)]
    result = associate(names, samples)
    assert pair_of(result, "x", "copy")["value"] == 1
    assert pair_of(result, "x", "minus")["spearman"] == -1 and pair_of(result, "x", "minus")["value"] == 1
    assert pair_of(result, "x", "cube")["value"] == 1 and pair_of(result, "x", "cube")["measure"] == "spearman"
    assert pair_of(result, "level", "renamed")["value"] == pytest.approx(1, abs=1e-6)
    assert pair_of(result, "level", "half")["value"] == pytest.approx(1, abs=0.01)
    assert pair_of(result, "level", "half")["pearson"] is None
    assert {frozenset(c) for c in result.clusters} == {frozenset(["x", "copy", "minus", "cube"]), frozenset(["level", "renamed", "half"])}


def test_a_turn_is_seen_by_v_and_a_tail_by_pearson():
    rng = np.random.default_rng(0)
    x = rng.normal(size=5_000)
    turned = associate(["x", "square"], [number(x), number(x * x)]).pairs[0]
    assert turned["measure"] == "cramers_v" and abs(turned["spearman"]) < 0.1
    far = np.where(rng.random(5_000) < 0.1, rng.exponential(50, 5_000), 0)
    tail = associate(["a", "b"], [number(far + rng.normal(size=5_000)), number(far + rng.normal(size=5_000))]).pairs[0]
    assert tail["measure"] == "pearson" and tail["value"] > 0.9


def test_one_far_row_makes_no_strength():
    x, y = np.random.default_rng(0).normal(size=(2, 2_000))
    x[7] = y[7] = 1e9
    result = associate(["x", "y"], [number(x), number(y)])
    assert result.pairs == () and result.matrix[0][1] < 0.1


def test_huge_tiny_and_infinite_values():
    x = np.random.default_rng(0).normal(size=500)
    y = x.copy()
    y[:3] = np.inf
    y[3:5] = -np.inf
    names = ["x", "huge", "tiny", "infinite", "offset"]
    with np.errstate(all="raise", under="ignore"):
        result = associate(names, [number(x), number(x * 1e300), number(x * 1e-300), number(y), number(x + 1e9)])
    for name in names[1:]:
        pair = pair_of(result, "x", name)
        assert pair["value"] > 0.94 and pair["pearson"] == pytest.approx(1, abs=1e-6)


def test_numbers_with_categories():
    rng = np.random.default_rng(0)
    level = rng.integers(2, 6, 4_000)
    result = associate(["level", "x"], [category(level), number(level + rng.normal(scale=0.1, size=4_000))])
    assert result.pairs[0]["value"] > 0.85 and result.pairs[0]["measure"] == "cramers_v"


def test_constant_missing_id_nested_and_names_of_people():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_000)
    samples = [number(x), number(np.full(1_000, 3.0)), category(np.zeros(1_000)), number(np.arange(1_000)), category(np.ones(1_000))]
    samples += [category(np.where(np.arange(1_000) < 20, 2, 1)), number(np.full(1_000, np.nan)), number(x)]
    names = ["x", "constant", "missing", "id", "nested", "person", "nan", "y"]
    result = associate(names, samples, kinds=["number", "constant", "constant", "id", "nested", "text", "constant", "number"])
    assert set(result.names) == {"x", "y", "constant", "missing", "nan"} and result.n_columns == 8
    zero = result.names.index("constant")
    assert not any(result.matrix[zero])
    assert any("id" in n for n in result.notes) and any("nested" in n for n in result.notes) and any("person" in n for n in result.notes)


def test_few_rows_in_common_give_no_strength():
    x = np.full(100, np.nan)
    y = x.copy()
    x[:55], y[45:] = np.arange(55), np.arange(55)
    assert associate(["x", "y"], [number(x), number(y)]).pairs == ()
    assert associate(["x", "y"], [number(np.arange(10)), number(np.arange(10))]).pairs == ()


def test_empty_and_single():
    assert associate([], []).matrix == ()
    assert associate(["x"], [number([])]).pairs == ()
    assert associate(["x"], [number(np.arange(30))]).matrix == ([1.0],)
    assert associate(["x", "y"], [category([]), number([])]).sample_rows == 0


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="belong together"):
        associate(["x"], [])
    with pytest.raises(InputError, match="belong together"):
        associate(["x", "y"], [category([1, 2]), category([1, 2, 3])])
    with pytest.raises(InputError, match="16 codes"):
        associate(["x"], [category([1, 2, 30])])


def test_json_round_trip_and_frame():
    x = np.random.default_rng(0).normal(size=200)
    result = associate(["<b>x</b>", "y"], [number(x), number(x)])
    again = Result.from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))
    assert again.pairs == result.pairs and again.clusters == result.clusters and again.matrix == result.matrix and again.names == result.names
    assert result.to_frame()["value"].tolist() == [1.0]
    assert "&lt;b&gt;" in result._repr_html_() and "<b>" not in result._repr_html_()


def families(m, n, groups, seed=0):
    "Columns in families of equal size: numbers and categories by turns."
    rng = np.random.default_rng(seed)
    hidden, out = rng.normal(size=(groups, n)), []
    for i in range(m):
        x = hidden[i % groups] + rng.normal(scale=0.2, size=n)
        out.append(number(x) if (i // groups) % 2 else category(np.digitize(x, np.linspace(-2, 2, 11)) + 2))
    return [f"x{i}" for i in range(m)], out


def test_wide_tables_are_screened_and_say_so(monkeypatch):
    names, samples = families(160, 5_000, 8)
    whole = associate(names, samples)
    assert not any("screened" in note for note in whole.notes)
    monkeypatch.setattr("mltoolkit.profiling.associations.ALL_PAIRS", 0)
    wide = associate(names, samples)
    assert f"12,720 pairs of 160 columns were screened on {SCREEN_ROWS:,} of 5,000" in wide.notes[0]
    assert wide.clusters == whole.clusters and len(wide.clusters) == 8
    assert len(wide.names) == MOST_COLUMNS and len(wide.pairs) == MOST_PAIRS
    assert any("500 strongest" in note for note in wide.notes)
    exact = {(p["a"], p["b"]): p["value"] for p in whole.pairs}
    assert [exact.get((p["a"], p["b"])) for p in wide.pairs] == [p["value"] for p in wide.pairs]
    best = {n: max(v for j, v in enumerate(row) if j != i) for i, (n, row) in enumerate(zip(wide.names, wide.matrix))}
    assert min(best.values()) > 0.5


def test_screening_finds_the_few_pairs_among_many(monkeypatch):
    monkeypatch.setattr("mltoolkit.profiling.associations.ALL_PAIRS", 0)
    rng = np.random.default_rng(0)
    samples = [number(rng.normal(size=4_000)) if i % 2 else category(rng.integers(1, 16, 4_000)) for i in range(300)]
    level, x = rng.integers(2, 14, 4_000), rng.normal(size=4_000)
    half = np.where(rng.random(4_000) < 0.5, np.nan, x + rng.normal(scale=0.5, size=4_000))
    planted = {10: number(x), 20: number(np.cos(2 * x)), 30: number(half), 40: category(level), 50: category(level % 2 + 2), 60: category(15 - level)}
    for i, sample in planted.items():
        samples[i] = sample
    result = associate([f"x{i}" for i in range(300)], samples)
    found = {(p["a"], p["b"]) for p in result.pairs}
    assert {("x10", "x20"), ("x10", "x30"), ("x40", "x50"), ("x40", "x60"), ("x50", "x60")} <= found <= {*found} and len(found) <= 7


def test_a_block_of_many_copies_stays_one_cluster(monkeypatch):
    monkeypatch.setattr("mltoolkit.profiling.associations.ALL_PAIRS", 0)
    monkeypatch.setattr("mltoolkit.profiling.associations._STRONGEST", 0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=3_000)
    samples = [number(x + rng.normal(scale=0.05, size=3_000)) for _ in range(120)] + [number(rng.normal(size=3_000)) for _ in range(5)]
    result = associate([f"x{i}" for i in range(125)], samples)
    assert len(result.clusters) == 1 and len(result.clusters[0]) == 120


def test_same_input_same_result_and_neighbours_stand_together():
    names, samples = families(40, 1_000, 5)
    one, two = associate(names, samples), associate(names, samples)
    assert one.to_dict() == two.to_dict()
    family = [int(name[1:]) % 5 for name in one.names]
    assert sum(a != b for a, b in zip(family, family[1:])) == 4


def test_cancel_is_heard_within_a_moment():
    names, samples = families(60, 100_000, 60)
    cancel, heard = Cancel(), []

    def stop():
        time.sleep(0.15)
        heard.append(time.monotonic())
        cancel.cancel()

    threading.Thread(target=stop).start()
    with pytest.raises(Cancelled):
        associate(names, samples, cancel=cancel)
    assert time.monotonic() - heard[0] < 0.6  # 0.3 and room for a busy machine


def test_flights_departure_and_arrival():
    import polars as pl

    from mltoolkit.data.sources import example_tables

    table = pl.read_parquet(example_tables("flights")["flights"]).gather_every(40)
    numbers = ["dep_delay", "arr_delay", "distance", "air_time", "year"]
    result = associate(numbers, [number(table[c].cast(pl.Float64).fill_null(np.nan).to_numpy()) for c in numbers])
    pair = pair_of(result, "dep_delay", "arr_delay")
    assert pair["measure"] == "pearson" and 0.85 < pair["value"] < 0.95 and pair["spearman"] < 0.75
    assert ("distance", "air_time") in result.clusters
