"The story: plain words, every figure with its interval, no word of the subject of its own, light to load."

import json
import re
import subprocess
import sys

import pandas as pd
import pytest
from handmade import outcome

from mltoolkit.apps import story as s
from mltoolkit.core import InputError, Result, RunError, encode


def change(folder, name, **fields):
    path = folder / "results" / f"{name}.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    (value["fields"] if value.get("$") == "result" else value).update(fields)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_the_answer_has_the_figures_with_their_intervals(handmade_run):
    told = s.story(handmade_run)
    assert told.question == "Which flights will arrive an hour or more late?"
    assert "53,207 flights" in told.answer[0] and "62 of 100 (58 to 66) late flights" in told.answer[0] and "21 % (20 to 23)" in told.answer[0]
    assert "1 November 2013 to 31 December 2013" in told.answer[0]
    assert any("it saves 13,710 hundred dollars (12,800 to 14,600), 38 % of that cost" in t for t in told.answer)
    assert any("An alarm for every one would cost 48,707" in t for t in told.answer)


def test_every_share_in_answer_and_certainty_has_an_interval(handmade_run):
    told = s.story(handmade_run)
    for sentence in told.answer[:2] + told.how_sure:
        for found in re.finditer(r"\d of 100(?! \(\d)", sentence):
            assert "at random" in sentence[: found.start()], sentence


def test_key_figures(handmade_run):
    figures = {f["name"]: f for f in s.story(handmade_run).figures}
    assert list(figures) == ["recall", "alarm_rate", "precision", "saving"]
    assert figures["recall"]["text"] == "62 of 100" and figures["recall"]["range"] == "58 to 66"
    assert figures["saving"]["lower"] < figures["saving"]["value"] < figures["saving"]["upper"]


def test_what_was_caught_by_evidence_and_what_only_by_declaration(handmade_run):
    told = " ".join(s.story(handmade_run).left_out)
    assert "2 columns give the answer away, by evidence in the data: arr_delay and dep_delay" in told
    assert "Only the declaration in the contract caught gate_time" in told
    assert "Of 336,776 flights, 9,430 (2.8 %)" in told and "1,556 flights found no partner in weather" in told


def test_ties_openings_and_calibration_are_told(handmade_run):
    told = " ".join(s.story(handmade_run).how_sure)
    assert "Logistic regression cannot be told apart from it" in told
    assert "Worse, by more than chance explains: always the mean." in told
    assert "opened once before in other runs" in told
    assert "furthest where it says 50 % and 41 % came" in told


def test_the_difference_between_test_and_cross_validation_is_told_honestly(handmade_run):
    assert "agree within their uncertainty" in " ".join(s.story(handmade_run).how_sure)
    (handmade_run / "results" / "outcome.json").write_text(json.dumps(outcome(0.4, 0.37, 0.43, 53207, 4500, 11400)), encoding="utf-8")
    assert "fewer than expected, and more than chance explains" in " ".join(s.story(handmade_run).how_sure)


def test_the_gap_between_cross_validation_and_locked_test_is_told(handmade_run):
    told = " ".join(s.story(handmade_run).how_sure)
    assert "Cross-validated log-loss 0.2471 (0.2420 to 0.2520), locked test 0.2513 (0.2430 to 0.2600): a gap of 0.0042" in told
    change(handmade_run, "test_outcome", cv_score=None)
    assert "a gap of" not in " ".join(s.story(handmade_run).how_sure)


def test_an_uncertain_saving_is_not_called_one(handmade_run):
    rows = encode(pd.DataFrame({"figure": ["saving"], "value": [100.0], "lower": [-50.0], "upper": [250.0]}))
    change(handmade_run, "outcome", saving=100.0, intervals=rows)
    told = " ".join(s.story(handmade_run).answer)
    assert "the data cannot tell" in told and "it saves" not in told


def test_alarms_for_all_that_cost_no_more_are_told(handmade_run):
    change(handmade_run, "outcome", cost=60_000.0)
    assert any("the model is not needed" in t for t in s.story(handmade_run).answer)


def test_no_alarm_at_all(handmade_run):
    nan = {"$": "float", "v": "nan"}
    change(handmade_run, "outcome", alarms=0, caught=0, recall=0.0, precision=nan, alarm_rate=0.0, cost=36000.0, saving=0.0)
    told = s.story(handmade_run)
    assert "it raises no alarm" in told.answer[0]
    assert "nan" not in told.text()


def test_without_the_locked_test_the_figures_are_of_cross_validation(handmade_run):
    for name in ("outcome", "opening"):
        (handmade_run / "results" / f"{name}.json").unlink()
    told = s.story(handmade_run)
    assert told.answer[0].startswith("In cross-validation") and "has not been opened" in told.how_sure[0]


@pytest.mark.parametrize("gone", ["slices", "explanation", "decision", "comparison", "joins", "leaks_report", "profile", "split", "contract"])
def test_a_missing_result_leaves_out_a_section_and_no_more(handmade_run, gone):
    (handmade_run / "results" / f"{gone}.json").unlink()
    assert s.story(handmade_run).answer


def test_a_run_without_results_has_a_story_too(handmade_run):
    for path in (handmade_run / "results").iterdir():
        path.unlink()
    assert "no answer yet" in s.story(handmade_run).answer[0]


def test_the_words_come_from_the_recipe(handmade_run):
    path = handmade_run / "recipe.yaml"
    text = path.read_text(encoding="utf-8")
    text = text.replace("unit: flights", "unit: orders").replace("positive: late", "positive: returned")
    path.write_text(text.replace("Which flights will arrive an hour or more late?", "Which orders come back?"), encoding="utf-8")
    told = s.story(handmade_run)
    words = told.text().lower()
    assert "returned orders" in words and "flight" not in words and not re.search(r"\blate\b", words)


def test_a_slice_that_does_worse_is_named_with_n_and_interval(handmade_run):
    failures = " ".join(s.story(handmade_run).failures)
    assert "carrier UA it catches only 41 of 100 (39 to 43) late flights; there were 630 of 9,000." in failures
    assert "there were more late flights than it expected: 20 % against 10 %, of 120 flights" in failures


def test_json_round_trip(handmade_run):
    told = s.story(handmade_run)
    again = Result.from_dict(json.loads(json.dumps(told.to_dict())))
    assert again.text() == told.text()
    assert set(told.to_frame().columns) == {"section", "sentence"} and len(told.to_frame()) > 10


def test_bad_folders_are_refused(tmp_path, handmade_run):
    with pytest.raises(InputError, match="no folder"):
        s.story(tmp_path / "nothing")
    with pytest.raises(InputError, match="manifest"):
        s.story(tmp_path)
    (handmade_run / "results" / "outcome.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="JSON"):
        s.story(handmade_run)


def test_plain_says_what_pandas_would_say():
    table = pd.DataFrame({"a": pd.Categorical(["x", None]), "b": [1.5, float("inf")], "c": ["u", None], "d": pd.array([1, None], dtype="Int64")})
    rows = s.plain(encode(table))
    assert rows == [{"a": "x", "b": 1.5, "c": "u", "d": 1}, {"a": None, "b": float("inf"), "c": None, "d": None}]


@pytest.mark.parametrize(
    "value, text",
    [(0.213, "21 %"), (0.0843, "8.4 %"), (0.0004, "0.04 %"), (0, "0 %"), (1, "100 %"), (None, "–"), (float("nan"), "–"), (0.0996, "10 %")],
)
def test_shares(value, text):
    assert s.share(value) == text


def test_other_numbers():
    assert s.of_100(0.62) == "62 of 100" and s.of_100(0.034) == "3.4 of 100" and s.of_100(0) == "0 of 100"
    assert s.count(53207) == "53,207" and s.count(None) == "–"
    assert s.money(15200.4, "dollars") == "15,200 dollars" and s.money(2.5) == "2.5" and s.money(8.0) == "8"
    assert s.between(0.58, 0.664) == "58 to 66" and s.between(0.081, 0.094) == "8.1 to 9.4" and s.between(None, 1) == ""
    assert s.lasted(131.4) == "2 min 11 s" and s.lasted(3.21) == "3.2 s"
    assert s.listed(["a"]) == "a" and s.listed(["a", "b", "c"]) == "a, b and c" and s.listed([]) == ""
    assert s.listed(list("abcdefgh"), most=4) == "a, b, c and 5 more"
    assert s.minute("2026-11-23T15:02:11+01:00") == "23 November 2026, 14:02 UTC" and s.minute("soon") == "soon"


def test_a_story_loads_nothing_heavy(handmade_run):
    code = (
        "import sys; from mltoolkit.apps.report import app_html; assert 'class=\"page\"' in app_html(sys.argv[1]);"
        "print([m for m in ('pandas', 'numpy', 'sklearn', 'matplotlib', 'pydantic', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(handmade_run)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
