"The locked test is opened once, and the record comes first."

import json
import threading

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import Result, RunError
from mltoolkit.data.dataset import Dataset
from mltoolkit.modeling.locked import LockedTest, open_test, openings


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    d = Dataset(frame=pd.DataFrame({"x": rng.random(200), "y": rng.random(200) < 0.4}), target="y")
    return d, mlt.split(d)


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
    counts = [LockedTest(*parts).open(tmp_path / f"run{i}/o.json", ledger=ledger, **OPEN).times_opened_before for i in range(3)]
    assert counts == [0, 1, 2] and len(openings(ledger)) == 3
    other = open_test(tmp_path / "other.json", data_hash="other", model_hash="m", threshold=0.5, ledger=ledger)
    assert other.times_opened_before == 0 and other.who


def test_a_torn_ledger_line_is_survived(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text('{"data_hash": "d"}\n{"data_ha', encoding="utf-8")
    assert open_test(tmp_path / "o.json", data_hash="d", model_hash="m", threshold=0.5, ledger=ledger).times_opened_before == 1
    assert [json.loads(json.dumps(e)) for e in openings(ledger)][-1]["record"] == "o.json"


def test_of_many_at_once_one_wins(tmp_path):
    won, lost = [], []

    def attempt():
        try:
            won.append(open_test(tmp_path / "o.json", data_hash="d", model_hash="m", threshold=0.5))
        except RunError:
            lost.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(won) == 1 and len(lost) == 7 and len(openings(tmp_path / "test_openings.jsonl")) == 1


def test_an_unreadable_record_still_counts_as_opened(tmp_path):
    (tmp_path / "o.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="unreadable record"):
        open_test(tmp_path / "o.json", data_hash="d", model_hash="m", threshold=0.5)


def test_the_hash_stands_for_the_rows(parts):
    data, split = parts
    changed = data.frame.copy()
    changed.loc[split.test[0], "x"] += 1
    assert LockedTest(data, split).data_hash != LockedTest(data.with_frame(changed), split).data_hash
