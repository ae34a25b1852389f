"The page about a model: from a run or a file, escaped, self-contained, with errors that say what to do."

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.apps import explain_page as page
from mltoolkit.core import InputError
from mltoolkit.modeling.persistence import input_schema, save_model

EVIL = "<script>alert(1)</script>"


def table(task="binary", n=500, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({EVIL: rng.normal(size=n), "b": rng.normal(size=n), "land": rng.choice(["DE", "<b>IT</b>"], n)})
    score = 2 * X[EVIL] + (X["land"] == "DE") + rng.normal(size=n)
    y = {"binary": score > 0.5, "regression": score, "multiclass": pd.cut(score, 3, labels=["low", "mid", "high"]).astype(str)}[task]
    return X.assign(y=y, sex=rng.choice(["f", "m"], n))


def saved(folder, task="binary", decided=False):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    data = table(task)
    X = data[[EVIL, "b", "land"]]
    last = (HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier)(max_iter=10, random_state=0)
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["land"]), remainder="passthrough")
    model = make_pipeline(encode, last).fit(X, data["y"])
    if decided:
        model = mlt.decide(data["y"].astype(int), model.predict_proba(X)[:, 1], cost_fp=1, cost_fn=3).apply_to(model)
    save_model(model, folder / "model.skops", schema=input_schema(X))
    return folder / "model.skops"


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
def test_any_task_gives_a_page_that_is_whole_and_escaped(tmp_path, task):
    subject = page.subject_of(saved(tmp_path, task), table(task, seed=1), target="y", sensitive=("sex",))
    found = page.explain_subject(subject, rows=3, n_effects=2)
    html = page.write_explanation(found, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<script" not in html and "<b>IT" not in html and "&lt;script&gt;" in html and "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert len(html.encode()) < 400_000 and "prefers-color-scheme:dark" in html
    assert found.explanation.exact and len(found.lines) == 3 and found.error_slices is not None and found.fairness is not None
    for heading in ("What it leans on", "How columns work", "Single rows", "Where it fails", "Groups to be treated alike", "The rows, and limits"):
        assert f">{heading}</h2>" in html, heading
    assert page.explanation_html(found) == html


def test_without_a_target_it_is_said_what_cannot_be_known(tmp_path):
    found = page.explain_subject(page.subject_of(saved(tmp_path), table().drop(columns=["y", "sex"]).head(60)), rows=2, n_effects=1)
    assert found.error_slices is None and "Without a target" in page.explanation_html(found)


def test_rows_are_named_by_their_place_in_the_table(tmp_path):
    data = table(seed=1)
    data["y"] = data["y"].astype(object).where(np.arange(len(data)) % 2 == 1, None)  # every other row has no outcome
    subject = page.subject_of(saved(tmp_path), data, target="y", positive=True)
    found = page.explain_subject(subject, rows=3, n_effects=1, max_rows=100)
    assert found.rows == 100 and all(place % 2 == 1 for place in found.places)
    proba = subject.model.predict_proba(data[subject.features].iloc[found.places])[:, 1]
    assert np.allclose(found.cases.table["prediction"], proba)


def test_a_decided_model_is_looked_through(tmp_path):
    subject = page.subject_of(saved(tmp_path, decided=True), table(seed=1), target="y", positive=True)
    assert 0 < subject.threshold < 1 and not hasattr(subject.model, "threshold") and subject.positive == "y = True"


def test_errors_name_what_to_do(tmp_path):
    path = saved(tmp_path)
    for call, words in ((lambda: page.subject_of(path, table(), target="z"), "'z'"), (lambda: page.subject_of(path, table().drop(columns="b")), "'b'"),
                        (lambda: page.subject_of(tmp_path / "no.skops", table()), "no.skops"), (lambda: page.subject_of("no-run", table(), runs=tmp_path), "no-run"),
                        (lambda: page.subject_of("no-run", table(), target="y"), "--target"), (lambda: page.check_page("a.txt"), ".html"),
                        (lambda: page.check_page("a.html", rows=0), "1 to 50"),
                        (lambda: page.explain_subject(page.subject_of(path, table().head(0))), "empty table")):  # fmt: skip
        with pytest.raises(InputError) as error:
            call()
        assert words in str(error.value)


def test_the_command_writes_the_page(tmp_path, monkeypatch, capsys):
    from mltoolkit.cli import main

    saved(tmp_path)
    table(seed=1).to_csv(tmp_path / "new.csv", index=False)
    monkeypatch.chdir(tmp_path)
    for words, code, expected in ((["model.skops", "new.csv", "--target", "y", "--rows", "2"], 0, "Written:  explained.html"),
                                  (["model.skops", "gone.csv"], 2, "gone.csv"), (["nothing", "new.csv"], 2, "'nothing'"),
                                  (["model.skops", "new.csv", "--out", "a.pdf"], 2, ".html")):  # fmt: skip
        with pytest.raises(SystemExit) as e:
            main(["explain", *words])
        told = capsys.readouterr()
        assert e.value.code == code and expected in told.out + told.err and "Traceback" not in told.err, told
