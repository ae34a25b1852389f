"The locked test is opened once, the record comes first, and the ledger keeps the scores."

import json
import threading

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, Result, RunError
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.locked import LockedTest, TestOutcome, fitted_fingerprint, open_test, openings, record_opening, record_score


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    d = Dataset(frame=pd.DataFrame({"x": rng.random(200), "y": rng.random(200) < 0.4}), target="y")
    return d, mlt.split(d, kind="stratified")


OPEN = {"model_hash": "m", "threshold": 0.1, "who": "somebody"}


def test_labels_only_after_the_record(parts, tmp_path):
    data, split = parts
    locked = LockedTest(data, split)
    assert list(locked.X.columns) == ["x"] and len(locked) == len(split.test) and "closed" in repr(locked)
    for name in ("y", "data"):
        with pytest.raises(RunError, match="after its opening is recorded"):
            getattr(locked, name)
    opening = locked.open(tmp_path / "opening.json", **OPEN)
    assert (locked.y.to_numpy() == data.frame["y"].iloc[split.test].to_numpy()).all()
    assert opening.times_opened_before == 0 and "for the first time" in opening.sentence
    again = Result.load(tmp_path / "opening.json")
    assert again.to_dict() == opening.to_dict() and again.data_hash == locked.data_hash


def test_a_second_opening_is_refused_and_changes_nothing(parts, tmp_path):
    record = tmp_path / "opening.json"
    LockedTest(*parts).open(record, **OPEN)
    before, ledger = record.read_bytes(), (tmp_path / "test_openings.jsonl").read_bytes()
    second = LockedTest(*parts)
    with pytest.raises(RunError, match="opened once.*first by somebody"):
        second.open(record, **OPEN)
    with pytest.raises(RunError):
        second.y
    assert record.read_bytes() == before and (tmp_path / "test_openings.jsonl").read_bytes() == ledger


def test_openings_are_counted_across_runs(parts, tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    LockedTest(*parts).open(tmp_path / "run0/o.json", ledger=ledger, **OPEN)
    for i, words in ((1, "opened once before, last by somebody"), (2, "opened 2 times before")):
        with pytest.warns(UserWarning, match=words):
            assert LockedTest(*parts).open(tmp_path / f"run{i}/o.json", ledger=ledger, **OPEN).times_opened_before == i
    assert len(openings(ledger)) == 3
    other = record_opening(tmp_path / "other.json", data_hash="other", model_hash="m", threshold=0.5, ledger=ledger)
    assert other.times_opened_before == 0 and other.who


def test_a_torn_ledger_line_is_survived(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text('{"data_hash": "d"}\n{"data_ha', encoding="utf-8")
    with pytest.warns(UserWarning, match="once before"):
        opening = record_opening(tmp_path / "o.json", data_hash="d", model_hash="m", threshold=0.5, ledger=ledger)
    assert opening.times_opened_before == 1
    record_score(ledger, opening, {"gap": 0.1})
    assert openings(ledger)[-1]["scores"][0]["gap"] == 0.1 and len(openings(ledger)) == 3 and "unreadable" in openings(ledger)[1]
    assert [json.loads(json.dumps(e)) for e in openings(ledger)][-1]["record"] == "o.json"


def test_of_many_at_once_one_wins(tmp_path):
    won, lost = [], []

    def attempt():
        try:
            won.append(record_opening(tmp_path / "o.json", data_hash="d", model_hash="m", threshold=0.5))
        except RunError:
            lost.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(won) == 1 and len(lost) == 7 and len(openings(tmp_path / "test_openings.jsonl")) == 1


def test_an_unreadable_record_still_counts_as_opened(tmp_path):
    (tmp_path / "o.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="unreadable record"):
        record_opening(tmp_path / "o.json", data_hash="d", model_hash="m", threshold=0.5)


def test_the_hash_stands_for_the_rows(parts):
    data, split = parts
    changed = data.frame.copy()
    changed.loc[split.test[0], "x"] += 1
    assert LockedTest(data, split).data_hash != LockedTest(data.with_frame(changed), split).data_hash


def test_a_dropped_column_does_not_make_the_rows_new(parts, tmp_path):
    data, split = parts
    wider = data.with_frame(data.frame.assign(z=1.0))
    LockedTest(data, split).open(tmp_path / "a.json", ledger=tmp_path / "l.jsonl", **OPEN)
    with pytest.warns(UserWarning):
        LockedTest(wider, split).open(tmp_path / "b.json", ledger=tmp_path / "l.jsonl", **OPEN)


class Plain:
    "A stand-in for a fitted model."

    def __init__(self, labels, shift=0.0):
        self.classes_, self.shift = np.array(labels), shift

    def predict(self, X):
        return X["x"].to_numpy() + self.shift

    def predict_proba(self, X):
        rest = np.full((len(X), len(self.classes_) - 1), 0.6 / (len(self.classes_) - 1))
        return np.column_stack([rest, np.full(len(X), 0.4)])


@pytest.mark.parametrize("promised", [None, 0.7, (0.7, 0.65, 0.75)])
def test_one_call_scores_and_writes_down(parts, tmp_path, promised):
    data, split = parts
    ledger = tmp_path / "l.jsonl"
    outcome = open_test(Plain([0, 1]), data, split, ledger=ledger, cross_validated=promised, name="plain")
    y = data.y.iloc[split.test]
    expected = -(y * np.log(0.4) + (1 - y) * np.log(0.6)).mean()
    assert outcome.score == pytest.approx(expected, abs=1e-12) and outcome.lower < outcome.score < outcome.upper
    assert outcome.metric == "log_loss" and outcome.times_opened == 1 and "the first opening" in outcome.sentence
    assert "brier" in list(outcome.table["metric"]) and list(outcome.to_frame()["metric"])[0] == "log_loss"
    (entry,) = openings(ledger)
    assert entry["model"] == "plain" and entry["model_hash"] == outcome.model_hash and entry["scores"][0]["score"] == outcome.score
    assert Result.from_dict(json.loads(json.dumps(outcome.to_dict()))).sentence == outcome.sentence
    if promised is None:
        assert outcome.gap is None and "Cross-validated" not in outcome.sentence
    else:
        assert outcome.gap == pytest.approx(outcome.score - 0.7) and entry["scores"][0]["gap"] == outcome.gap
        assert (outcome.gap_lower is None) == (promised == 0.7) and "a gap of" in outcome.sentence
    with pytest.warns(UserWarning, match="opened once before"):
        again = open_test(Plain([0, 1], 0.1), data, split, ledger=ledger)
    assert again.times_opened == 2 and "opening number 2" in again.sentence and again.model_hash != outcome.model_hash
    assert fitted_fingerprint(Plain([0, 1])) == fitted_fingerprint(Plain([0, 1]))


def test_labels_of_the_user_and_classes_that_are_missing(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.random(300), "y": rng.choice(["a", "b", "c"], 300), "q": rng.random(300)})
    several = Dataset(frame=frame[["x", "y"]], target="y")
    split = mlt.split(several, kind="stratified")
    codes, labels = (open_test(Plain(c), several, split, ledger=tmp_path / f"{i}.jsonl") for i, c in enumerate([[0, 1, 2], ["a", "b", "c"]]))
    assert codes.score == labels.score and codes.task == "multiclass"
    few = open_test(Plain(["b", "c"]), several, split, ledger=tmp_path / "few.jsonl", metrics="accuracy")
    assert not few.lower_is_better and np.isfinite(few.score)
    number = Dataset(frame=frame[["x", "q"]], target="q")
    cut = mlt.split(number, kind="random")
    found = open_test(Plain([0]), number, cut, ledger=tmp_path / "q.jsonl", cross_validated=(0.1, 0.09, 0.11))
    x, q = (frame[c].iloc[cut.test] for c in "xq")
    assert found.metric == "rmse" and found.score == pytest.approx(((x - q) ** 2).mean() ** 0.5, abs=1e-12)
    assert found.gap_lower > 0 and "worse on the locked test than chance explains" in found.sentence


def test_a_higher_score_is_turned_so_that_a_gap_is_bad_news(parts, tmp_path):
    data, split = parts
    predictions = np.where(data.y.iloc[split.test] == 1, 0.9, 0.1)
    test = LockedTest(data, split)
    test.open(model_hash="m", ledger=tmp_path / "l.jsonl")
    outcome = test.score(predictions, "roc_auc", cross_validated=(0.8, 0.75, 0.85))
    assert outcome.score == 1.0 and outcome.gap == pytest.approx(-0.2) and outcome.gap_upper < 0 and "better" in outcome.sentence
    assert outcome.gap_lower == pytest.approx(-0.2 - 0.05) and outcome.gap_upper == pytest.approx(-0.2 + 0.05)


def test_what_cannot_be_opened(parts, tmp_path):
    data, split = parts
    ledger = tmp_path / "l.jsonl"
    for call, words in (
        (lambda: open_test("hgb", data, split, ledger=ledger), "Comparison or a fitted model"),
        (lambda: open_test(Plain([0, 1]), data, split, ledger=ledger, trained_on=data.frame), "rows of the locked test"),
        (lambda: LockedTest(data, mlt.split(data, cv=[(np.arange(100), np.arange(100, 200))])), "has rows"),
        (lambda: LockedTest(data, split).open(model_hash="m"), "neither `record` nor `ledger`"),
    ):
        with pytest.raises(InputError, match=words):
            call()
    assert not ledger.exists()
    with pytest.raises(RunError, match="after its opening"):
        LockedTest(data, split).score(Plain([0, 1]))
    record = tmp_path / "o.json"
    open_test(Plain([0, 1]), data, split, ledger=ledger, record=record)
    with pytest.raises(RunError, match="opened once"):
        open_test(Plain([0, 1]), data, split, ledger=ledger, record=record)
    assert isinstance(Result.load(record), mlt.Result) and len(openings(ledger)) == 1


def test_a_comparison_is_fitted_opened_and_set_beside_its_promise(parts, tmp_path):
    data, split = parts

    class Comparison:  # what open_test needs of one
        best, scoring, metric, features = "plain", "neg_brier_score", "brier", ("x",)
        table = pd.DataFrame({"model": ["plain"], "score": [0.2], "lower": [0.15], "upper": [0.25], "brier": [0.2], "log_loss": [0.6]})

        def fit_best(self, data, *, model, split):
            assert model == "plain" and split is parts[1]
            return Plain([0, 1])

    outcome = open_test(Comparison(), data, split, ledger=tmp_path / "l.jsonl")
    assert (outcome.model, outcome.metric, outcome.cv_score, outcome.cv_lower) == ("plain", "brier", 0.2, 0.15)
    table = outcome.table.set_index("metric")
    assert table.loc["log_loss", "cross_validated"] == 0.6 and np.isnan(table.loc["roc_auc", "cross_validated"])
    assert isinstance(outcome, TestOutcome)
