"Intervals and claims: known answers by hand and of baycomp, invariances, ties, dropped models, claims in simulation."

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mltoolkit.core import InputError, Result
from mltoolkit.modeling.inference import base_score, compare_scores, holm, nadeau_bengio, practical_probabilities, tie_groups
from mltoolkit.modeling.metrics import row_losses, score_prediction

FOLDS = [0.02, 0.01, 0.03, 0.02, 0.00]


def table(n=400, seed=0, k=5, repeats=1, shift=(0.0, 0.0, 0.6)):
    "Out-of-fold predictions of models whose logits are noisy by `shift`: a, b, c."
    rng = np.random.default_rng(seed)
    x = 1.5 * rng.standard_normal(n)
    y = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)
    parts = []
    for repeat in range(repeats):
        logits = {name: (1 - s) * x + 0.3 * rng.standard_normal(n) for name, s in zip("abc", shift)}
        fold = rng.permutation(np.arange(n) % k) + 1 + repeat * k
        parts.append(pd.DataFrame({"row": np.arange(n), "fold": fold, "y": y, **{m: 1 / (1 + np.exp(-v)) for m, v in logits.items()}}))
    return pd.concat(parts, ignore_index=True)


def test_nadeau_bengio_by_hand():
    mean, lower, upper = nadeau_bengio(FOLDS, test_to_train=0.25)
    half = 2.7764451051977987 * np.sqrt((1 / 5 + 0.25) * np.var(FOLDS, ddof=1))
    assert (mean, lower, upper) == pytest.approx((0.016, 0.016 - half, 0.016 + half), abs=1e-12)
    assert nadeau_bengio([*FOLDS, np.nan], test_to_train=0.25)[2] == upper
    assert np.isnan(nadeau_bengio([0.5], test_to_train=0.25)[1:]).all() and np.isnan(nadeau_bengio([], test_to_train=1)).all()


def test_probabilities_are_those_of_baycomp():
    theirs = (0.8881165466927827, 0.08608047440162991, 0.02580297890558736)  # baycomp.two_on_single(FOLDS, zeros, rope=0.005)
    assert practical_probabilities(FOLDS, test_to_train=0.25, rope=0.005) == pytest.approx(theirs, abs=1e-12)
    many = [0.012515, 0.007358, 0.022808, 0.012098, -0.000713, 0.017232, 0.03608, 0.028942, -0.004075, -0.015308, -0.002465, 0.010827,
            -0.036501, 0.005624, -0.014918, -0.004645, -0.000885, 0.003674, 0.018233, 0.03085]  # fmt: skip
    theirs = (0.3529544521890035, 0.5951124790261481, 0.05193306878484838)  # rope=0.01, runs=4
    assert practical_probabilities(many, test_to_train=0.25, rope=0.01) == pytest.approx(theirs, abs=1e-12)
    assert practical_probabilities([0.0] * 5, test_to_train=0.25, rope=0.01) == (0, 1, 0)
    assert practical_probabilities([0.02] * 5, test_to_train=0.25, rope=0.01) == (1, 0, 0)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.04, np.nan, 0.03])[[0, 2]].tolist() == pytest.approx([0.06, 0.06])
    assert holm([]).tolist() == [] and holm([0.9, 0.8]).max() == 1


def test_groups():
    pairs = [frozenset(p) for p in ("ac", "ad", "bd", "cd")]
    assert tie_groups(list("abcd"), set(pairs)) == (("a", "b"), ("b", "c"), ("d",))
    assert tie_groups(list("abc"), set()) == (("a", "b", "c"),)
    assert tie_groups(list("abc"), {frozenset("ab"), frozenset("ac"), frozenset("bc")}) == (("a",), ("b",), ("c",))


def test_the_standard_error_by_hand():
    oof = table()
    pair = compare_scores(oof, ["a", "b"]).pair("a", "b")
    d = row_losses(oof["y"], oof["b"]) - row_losses(oof["y"], oof["a"])
    folds = [d[oof["fold"] == f] for f in range(1, 6)]
    excess = max(np.var([f.mean() for f in folds], ddof=1) - np.mean([f.var(ddof=1) / len(f) for f in folds]), 0)
    error = np.sqrt(1.15 * d.var(ddof=1) / 400 + (1 / 5 + 1 / 4) * excess)
    assert pair["difference"] == pytest.approx(d.mean(), abs=1e-12)
    assert (pair["upper"] - pair["lower"]) / 2 == pytest.approx(1.965927 * error, rel=1e-5)


def test_score_and_difference_agree_with_the_metrics():
    oof = table()
    for metric in ("log_loss", "roc_auc", "average_precision", "f1", "accuracy", "calibration_error"):
        found = compare_scores(oof, list("abc"), metric, n_resamples=50)
        for row in found.table.itertuples():
            assert row.score == pytest.approx(score_prediction(oof["y"], oof[row.model], metric)[metric], abs=1e-12)
            assert row.lower <= row.score <= row.upper
        assert (found.table["difference"] >= 0).all()
        best = found.table.set_index("model")["score"]
        assert best[found.leader] == (best.min() if metric in ("log_loss", "calibration_error") else best.max())


def test_order_of_models_and_rows_does_not_matter():
    oof = table()
    one = compare_scores(oof, list("abc"))
    two = compare_scores(oof.sample(frac=1, random_state=1), list("cba"))
    pd.testing.assert_frame_equal(one.table, two.table, rtol=1e-9)
    pd.testing.assert_frame_equal(one.pairs, two.pairs, rtol=1e-9)
    again = compare_scores(oof, list("abc"))
    pd.testing.assert_frame_equal(one.pairs, again.pairs, check_exact=True)


def test_a_constant_added_to_all_targets_and_predictions_changes_nothing():
    rng = np.random.default_rng(0)
    y = rng.standard_normal(200)
    oof = pd.DataFrame({"row": np.arange(200), "fold": np.arange(200) % 5, "y": y, "a": y + rng.standard_normal(200), "b": 0.0})
    moved = oof.assign(**{c: oof[c] + 1000 for c in ("y", "a", "b")})
    one, two = (compare_scores(o, ["a", "b"], "rmse", task="regression", rope=0.01) for o in (oof, moved))
    pd.testing.assert_frame_equal(one.table, two.table, rtol=1e-6)
    assert one.table["score"].iloc[1] == pytest.approx(np.sqrt(np.mean((y - oof[one.table["model"].iloc[1]]) ** 2)))


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc"])
def test_identical_predictions_are_tied_for_certain(metric):
    oof = table()
    oof["twin"] = oof["a"]
    found = compare_scores(oof, ["a", "twin", "c"], metric, n_resamples=50)
    pair = found.pair("a", "twin")
    assert (pair["difference"], pair["lower"], pair["upper"], pair["p_value"], pair["p_equivalent"]) == (0, 0, 0, 1, 1)
    rows = found.table.set_index("model")
    assert rows.loc["a", "tied"] and rows.loc["twin", "tied"]
    assert all(("a" in group) == ("twin" in group) for group in found.groups)


def test_nearly_identical_predictions_are_not_decided_by_rounding():
    oof = table()
    oof["near"] = np.clip(oof["a"] + 1e-10 * np.random.default_rng(0).standard_normal(400), 0, 1)
    pair = compare_scores(oof, ["a", "near"]).pair("a", "near")
    d = row_losses(oof["y"], oof["near"]) - row_losses(oof["y"], oof["a"])
    assert pair["upper"] - pair["lower"] > 0.99 * 2 * 1.9659 * d.std() / 20 and pair["p_equivalent"] == pytest.approx(1)


def test_a_clear_loser_is_no_tie():
    found = compare_scores(table(2000), list("abc"))
    rows = found.table.set_index("model")
    assert found.table["model"].iloc[-1] == "c" and not rows.loc["c", "tied"] and rows.loc["c", "p_adjusted"] < 1e-4
    assert rows.loc["c", "difference_lower"] > 0 and rows.loc["c", "p_worse"] > 0.95
    assert set(found.groups) == {tuple(found.table["model"][:2]), ("c",)}
    assert "tied with" in found.sentence and "2 of 3 pairs" in found.sentence
    seen = found.pair("c", found.leader)
    assert seen["difference"] < 0 and seen["p_b_better"] > 0.95 and seen["lower"] < seen["upper"]
    with pytest.raises(InputError, match="two models"):
        found.pair("a", "zz")


@pytest.mark.parametrize("metric", ["log_loss", "average_precision"])
def test_a_dropped_model_is_compared_on_the_folds_both_saw(metric):
    oof = table(1000)
    oof["late"] = oof["b"].where(oof["fold"] <= 2)
    found = compare_scores(oof, ["a", "c", "late"], metric, n_resamples=50)
    seen = oof[oof["fold"] <= 2]
    alone = compare_scores(seen, ["a", "late"], metric, n_resamples=50, test_to_train=0.25, rope=found.rope)
    for key in ("difference", "lower", "upper", "p_value", "p_a_better"):
        assert found.pair("a", "late")[key] == pytest.approx(alone.pair("a", "late")[key], rel=1e-9)
    assert found.table["model"].iloc[-1] == "late" and found.leader != "late"  # it saw fewer rows, so it cannot lead
    assert found.table["folds"].tolist() == [5, 5, 2] and found.pair("a", "late")["rows"] == 400


def test_models_without_common_rows():
    oof = table()
    oof["first"], oof["second"], oof["none"] = oof["a"].where(oof["fold"] == 1), oof["a"].where(oof["fold"] == 2), np.nan
    found = compare_scores(oof, ["b", "first", "second", "none"])
    pair = found.pair("first", "second")
    assert (
        pair["rows"] == 0 and np.isnan(pair["p_value"]) and list(found.table["model"])[0] == "b" and "none" not in set(found.table["model"])
    )
    assert np.isfinite(found.pair("b", "first")["upper"])  # one fold: rows alone, widened


def test_blocks_widen_and_repeats_do_not_narrow():
    oof = table(600)
    day = np.arange(600) // 20
    pulled = oof.assign(a=np.clip(oof["a"] + 0.2 * np.random.default_rng(1).standard_normal(30)[day], 0.01, 0.99))
    width = [np.ptp(compare_scores(pulled, ["a", "b"], blocks=b).table.set_index("model").loc["a", ["lower", "upper"]].astype(float))
             for b in (day, None)]  # fmt: skip
    assert width[0] > 1.2 * width[1]
    many = pd.concat([oof.assign(fold=oof["fold"] + 5 * r) for r in range(4)])
    one, four = (compare_scores(o, ["a", "b"]).table.loc[0, ["lower", "upper"]].to_numpy(dtype=float) for o in (oof, many))
    assert np.ptp(one) >= np.ptp(four) > 0.8 * np.ptp(one)  # more folds tell more of the training sets, and nothing of the rows
    assert compare_scores(many, ["a", "b"]).n_blocks == 600


def test_folds_in_time_do_not_widen_a_score_by_the_season():
    oof = table(1000)
    oof = oof.assign(fold=np.arange(1000) // 200 + 1, a=np.where(np.arange(1000) < 400, 0.5, oof["a"]))
    shuffled, in_time = (compare_scores(oof, ["a"], split_kind=k).table.iloc[0] for k in ("stratified", "time"))
    assert in_time["upper"] - in_time["lower"] < 0.8 * (shuffled["upper"] - shuffled["lower"])


def test_several_classes_and_numbers():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    parts = {"row": np.arange(300), "fold": np.arange(300) % 5 + 1, "y": y}
    for name, strength in (("x|y", 2.0), ("flat", 0.0)):
        logits = rng.standard_normal((300, 3)) + strength * np.eye(3)[y]
        P = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        parts |= {f"{name}|{code}": P[:, code] for code in range(3)}
    for metric in ("neg_log_loss", "roc_auc", "f1_macro"):
        found = compare_scores(pd.DataFrame(parts), ["x|y", "flat"], metric, task="multiclass", n_resamples=50)
        assert found.leader == "x|y" and not found.table["tied"].any()


def test_default_rope_is_a_share_of_the_gain():
    oof = table()
    found = compare_scores(oof, ["a", "c"])
    base = score_prediction(oof["y"], np.full(400, oof["y"].mean()), "log_loss")["log_loss"]
    assert found.rope == pytest.approx(0.01 * (base - found.table["score"][0]))
    assert base_score([0, 1, 2, 2], "accuracy", task="multiclass", n_classes=3) == 0.5
    assert compare_scores(oof, ["a", "c"], rope=10).pairs["p_equivalent"][0] > 0.999


@pytest.mark.filterwarnings("error")
def test_tiny_and_odd_tables():
    oof = pd.DataFrame({"row": [0, 1, 2], "fold": [1, 1, 2], "y": [0, 1, 0], "a": [0.1, 0.7, 0.3], "b": [0.3, 0.3, 0.4]})
    for metric in ("log_loss", "roc_auc", "recall"):
        found = compare_scores(oof, ["a", "b"], metric, n_resamples=20)
        assert len(found.pairs) == 1 and found.table["score"].notna().all()
    alone = compare_scores(oof, ["a"])
    assert len(alone.pairs) == 0 and not alone.table["tied"].any() and alone.groups == (("a",),)
    one_fold = compare_scores(table().assign(fold=1), list("abc"))
    assert one_fold.table["lower"].notna().all() and one_fold.table["nb_lower"].isna().all() and one_fold.pairs["p_a_better"].isna().all()
    with pytest.raises(InputError, match="out-of-fold predictions"):
        compare_scores(oof, ["aa"])
    with pytest.raises(InputError, match="at least one model"):
        compare_scores(oof.assign(a=np.nan), ["a"])


def test_train_rows_give_the_ratio():
    oof = table()
    scores = pd.DataFrame({"model": "a", "fold": range(1, 6), "train_rows": 160})
    assert compare_scores(oof, ["a"], fold_scores=scores).test_to_train == 0.5
    assert compare_scores(oof, ["a"]).test_to_train == 0.25


def test_round_trip():
    found = compare_scores(table(), list("abc"), "roc_auc", n_resamples=50)
    again = Result.from_dict(json.loads(json.dumps(found.to_dict())))
    pd.testing.assert_frame_equal(again.table, found.table)
    pd.testing.assert_frame_equal(again.pairs, found.pairs)
    assert again.groups == found.groups and again.summary() == found.summary() and again.sentence == found.sentence
    assert "leader" in repr(found) and found.to_frame().equals(found.table)


def test_claims_and_coverage_in_a_small_simulation():
    folder = str(Path(__file__).parents[2] / "benchmarks/modeling")
    sys.path.insert(0, folder)
    try:
        import inference as simulation
    finally:
        sys.path.remove(folder)
    rows = simulation.run(80, ["RMSE", "40 days"])["rows"]
    assert len(rows) == 2
    for row in rows:
        assert row["claims"][1] <= 0.05 and row["coverage_score"][2] >= 0.95, row
