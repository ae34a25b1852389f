"Similar rows with their outcomes, prototypes and criticisms."

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError, Result
from mltoolkit.data.dataset import Dataset
from mltoolkit.explainability.prototypes import _choose, _criticise, _discrepancy, prototypes
from mltoolkit.explainability.similar import similar_rows, weights_of


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.choice(["sea", "hill"], n, p=[0.7, 0.3])
    x = np.where(group == "sea", rng.normal(0, 1, n), rng.normal(20, 1, n))
    return pd.DataFrame({"x": x, "place": group, "noise": rng.normal(size=n), "secret": rng.choice(["s1", "s2"], n),
                         "day": pd.date_range("2020-01-01", periods=n, freq="6h"), "late": rng.random(n) < np.where(group == "sea", 0.1, 0.8)})  # fmt: skip


DATA = Dataset(frame=table(), target="late", sensitive=("secret",), time="day")


def test_the_nearest_rows_and_what_became_of_them():
    row = int(np.flatnonzero(DATA.frame["place"] == "hill")[0])
    found = similar_rows(DATA, row, reference=DATA, n=5, circle=60, noun="trips", positive="late", prediction=0.8)
    assert found.table["reference_row"].iloc[0] == row and found.table["distance"].iloc[0] == 0
    assert (found.table["place"] == "hill").all() and found.table["distance"].is_monotonic_increasing
    near, everything = found.circle.iloc[0], found.circle.iloc[1]
    assert near["lower"] <= near["outcome"] <= near["upper"] and near["outcome"] > 0.6 > everything["outcome"]
    assert everything["rows"] == 400 and found.sentence.startswith("5 trips like this one: ") and "within the interval" in found.sentence
    assert "secret" not in found.to_frame().columns and "day" not in found.to_frame().columns
    outside = similar_rows(DATA, row, reference=DATA, prediction=0.01)
    assert "outside the interval" in outside.sentence
    again = Result.from_dict(found.to_dict())
    pd.testing.assert_frame_equal(again.table, found.table)


def test_weights_say_what_counts():
    attribution = SimpleNamespace(values=np.array([[2.0, 0.0, -1.0], [-4.0, 0.0, 1.0]]), players=(("x",), ("noise",), ("place", "secret2")))
    weights = weights_of(attribution)
    assert weights == {"x": 3.0, "noise": 0.0, "place": 0.5, "secret2": 0.5}
    weights = {"x": 1.0, "noise": 0.0}
    found = similar_rows(DATA, 0, reference=DATA, weights=weights, n=3)
    nearest = np.argsort((DATA.frame["x"] - DATA.frame["x"].iloc[0]).abs().to_numpy(), kind="stable")[:3]
    assert found.table["reference_row"].tolist() == nearest.tolist()
    classes = weights_of(SimpleNamespace(values=np.ones((3, 2, 4)), players=("a", "b")))
    assert classes == {"a": 1.0, "b": 1.0}


def test_quantities_and_classes():
    frame = DATA.frame.drop(columns=["secret", "late", "day"]).assign(kind=np.where(DATA.frame["x"] > 10, "far", "near"))
    far = similar_rows(frame, int(np.argmax(frame["x"])), reference=Dataset(frame=frame.assign(amount=frame["x"] * 2.0), target="amount"))
    assert "the mean is" in far.sentence and far.circle["outcome"].iloc[0] > 30
    kinds = frame.assign(kind=np.where(frame["noise"] > 1, "odd", frame["kind"]))
    data = Dataset(frame=kinds, target="kind")
    found = similar_rows(frame, int(np.argmax(frame["x"])), reference=data, label="far")
    assert found.circle["outcome"].iloc[0] > 0.5 and "were far" in found.sentence
    with pytest.raises(InputError, match="which one is counted"):
        similar_rows(frame, 0, reference=data)


def test_what_similar_rows_refuses():
    for wrong, match in ((dict(row=400), "position"), (dict(n=0), "whole number"), (dict(columns=["secret"]), "sensitive"),
                         (dict(columns=["late"]), "target"), (dict(reference=DATA.frame), "outcomes")):  # fmt: skip
        with pytest.raises(InputError, match=match):
            similar_rows(DATA, **(dict(reference=DATA) | wrong))


def kernel(points):
    return np.exp(-np.abs(np.subtract.outer(points, points)))


def test_greedy_prototypes_are_the_best_at_each_step():
    K = kernel(np.random.default_rng(0).normal(size=40))
    chosen = _choose(K, 4)
    for size in range(1, 5):
        tried = [_discrepancy(K, [*chosen[: size - 1], j]) for j in range(40) if j not in chosen[: size - 1]]
        assert _discrepancy(K, chosen[:size]) == pytest.approx(min(tried), abs=1e-12)
    assert len(set(_choose(K, 40))) == 40 and abs(_discrepancy(K, list(range(40)))) < 1e-12


def test_criticisms_are_where_prototypes_are_not():
    K = kernel(np.r_[np.zeros(20) + np.linspace(0, 0.1, 20), 50.0])
    odd, witness = _criticise(K, _choose(K, 1), 1)
    assert odd == [20] and witness[20] > 0


def test_prototypes_find_the_two_groups():
    found = prototypes(DATA, n=2, n_criticisms=2, columns=["x", "place"], prediction=np.full(400, 0.3))
    chosen = found.table[found.table["kind"] == "prototype"]
    assert set(found.rows["place"].iloc[:2]) == {"sea", "hill"} and chosen["share"].sum() == pytest.approx(1)
    share = (DATA.frame["place"] == "sea").mean()
    assert max(chosen["share"]) == pytest.approx(share)
    assert (chosen["lower"] <= chosen["outcome"]).all() and (chosen["outcome"] <= chosen["upper"]).all()
    assert found.closeness > 0.3 and "stand for 400" in found.sentence and np.allclose(chosen["prediction"], 0.3)
    again = prototypes(DATA, n=2, n_criticisms=2, columns=["x", "place"], prediction=np.full(400, 0.3))
    pd.testing.assert_frame_equal(found.table, again.table)
    pd.testing.assert_frame_equal(Result.from_dict(found.to_dict()).table, found.table)


def test_prototypes_by_contributions_and_refusals():
    values = np.where(np.arange(400)[:, None] < 300, [[1.0, 0.0]], [[-1.0, 5.0]])
    found = prototypes(DATA, n=2, n_criticisms=1, contributions=values)
    assert found.space == "contributions" and sorted(found.table["share"].iloc[:2]) == [0.25, 0.75]
    for wrong, match in ((dict(contributions=values[:3]), "one row a row"), (dict(n=0), "whole number"), (dict(columns=["secret"]), "features"),
                         (dict(n=399, n_criticisms=5), "more rows")):  # fmt: skip
        with pytest.raises(InputError, match=match):
            prototypes(DATA, **wrong)
    nothing = prototypes(DATA.frame[["x", "place"]].assign(same=1), n=1, n_criticisms=0)
    assert nothing.table["outcome"].isna().all() and nothing.sentence
