"New rows scored by a finished run: the same values as the model gives, reasons beside them, a file that is whole or not there."

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mltoolkit as mlt
from mltoolkit.core import InputError, silent
from mltoolkit.modeling.persistence import input_schema, load_model, save_model
from mltoolkit.production import scoring
from mltoolkit.production.recipe import Recipe
from mltoolkit.production.run_model import RunModel, background_rows, prepared
from mltoolkit.production.runs import Run, RunFolder, dataset_of


def orders(n=600, seed=0):
    rng = np.random.default_rng(seed)
    price, land = rng.normal(50, 9, n).round(2), rng.choice(["DE", "FR", "<b>IT</b>"], n)
    returned = rng.random(n) < 1 / (1 + np.exp(-(price - 58) / 4 + 2 * (land == "FR")))
    return pd.DataFrame({"order": np.arange(n) + 1000, "shop": rng.choice([1, 2, 3], n), "price": price, "land": land,
                         "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), "h"),
                         "status": np.where(returned, "returned", "kept")})  # fmt: skip


RECIPE = {"version": 1, "name": "orders", "question": "Which?", "unit": "orders", "positive": "returned",
          "data": {"table": "orders.csv", "joins": [{"table": "shops.csv", "on": ["shop"], "columns": ["size"]}],
                   "derive": {"weekday": {"column": "when", "part": "weekday"}},
                   "target": {"name": "is_returned", "column": "status", "equals": "returned"}, "roles": {"id": "order"}},
          "drop": {"status": "the target is made of it", "when": "a moment does not come again", "shop": "its size is used"},
          "explain": {"background": 20}}  # fmt: skip


def made(folder, *, bands=None, decided=False):
    "A finished run of the recipe in `folder`."
    from mltoolkit.data.joins import assemble

    orders().to_csv(folder / "orders.csv", index=False)
    pd.DataFrame({"shop": [1, 2, 3], "size": [10.0, 20.0, 30.0]}).to_csv(folder / "shops.csv", index=False)
    recipe = Recipe.from_dict(RECIPE)
    writer = RunFolder.create(recipe, folder=folder / "runs", stages=["train"], params={}, sources={}, where=folder)
    frame = assemble(recipe.data.spec(lambda t: str(folder / t))).frame
    frame.to_parquet(writer.path / "data" / "table.parquet")
    data = dataset_of(recipe, writer.path / "data" / "table.parquet")
    split = mlt.split(data, n_splits=2)
    found = mlt.compare(data, ["logistic"], split, drop=recipe.drop, n_resamples=50, progress=silent)
    model, decision = found.fit_best(data), mlt.decide(found.oof["y"], found.proba(), cost_fp=1, cost_fn=4, bands=bands)
    schema = input_schema(split.development_data(data).frame[list(found.features)])
    save_model(model, writer.path / "model" / "model.skops", schema=schema)
    if decided:
        save_model(decision.apply_to(model), writer.path / "model" / "decided.skops", schema=schema)
    for name, result in {"split": split, "decision": decision}.items():
        result.save(writer.path / "results" / f"{name}.json")
    return writer.finish(0.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made(tmp_path_factory.mktemp("orders"))


@pytest.fixture(scope="module")
def ready(run):
    return RunModel(run)


def new_rows(n=40):
    return orders(n, seed=7).drop(columns="status")


def test_rows_are_scored_as_the_model_scores_them(run, ready):
    rows = new_rows()
    scored = scoring.score(ready, rows, reasons=2, progress=silent)
    joined = rows.assign(size=rows["shop"] * 10.0, weekday=rows["when"].dt.day_name())
    model = load_model(run.folder / "model" / "model.skops")
    np.testing.assert_array_equal(scored.table["probability"], model.predict_proba(joined[ready.schema.names])[:, 1])
    threshold = run.results("decision").threshold
    assert scored.threshold == threshold and (scored.table["action"] == "alarm").equals(scored.table["probability"] >= threshold)
    assert scored.table["row"].tolist() == list(range(40)) and scored.table["order"].equals(rows["order"])
    assert scored.actions == scored.table["action"].value_counts().reindex(["alarm", "no alarm"], fill_value=0).to_dict()
    assert "status" not in scored.table and scored.sentence.startswith("40 orders were scored: ")


def test_reasons_stand_side_by_side(ready):
    table = scoring.score(ready, new_rows(), reasons=2, progress=silent).table
    high = table["action"] == "alarm"
    assert list(table.columns[-7:]) == ["reasons", "reason_1", "reason_1_value", "reason_1_points", "reason_2", "reason_2_value", "reason_2_points"]
    assert table.loc[high, "reasons"].str.startswith(("returned because: ", "no reason")).all()
    assert table.loc[~high, "reasons"].str.startswith(("not returned because: ", "no reason")).all()
    first = table[table["reason_1"] != ""]
    assert len(first) > 20 and set(first["reason_1"]) <= {"price", "land", "size", "weekday"}
    assert ((first["reason_1_points"] > 0) == (first["action"] == "alarm")).all()
    assert (table["reason_1_points"].abs().fillna(9e9) >= table["reason_2_points"].abs().fillna(0)).all()
    assert table.loc[table["reason_2"] == "", "reason_2_points"].isna().all()


def test_no_reasons_are_faster_and_the_same(ready):
    with_them, without = (scoring.score(ready, new_rows(), reasons=n, progress=silent).table for n in (1, 0))
    assert list(without.columns) == ["row", "order", "probability", "action"]
    pd.testing.assert_frame_equal(with_them[without.columns], without)


def test_a_table_that_is_joined_already_is_taken_as_it_is(ready):
    rows = new_rows()
    joined = rows.assign(size=99.0, weekday=rows["when"].dt.day_name()).drop(columns=["shop", "when"])
    assert (ready.rows(joined)[1].frame["size"] == 99.0).all()
    assert scoring.score(ready, joined, reasons=0).notes["column"].tolist() == ["size"]
    assert "size" not in prepared(rows, ready.recipe, ["price"]).columns


def test_the_decided_model_and_its_bands(tmp_path):
    run = made(tmp_path, bands=[mlt.Band("call", at_least=0.5, cost=1, effect=1), mlt.Band("mail", at_least=0.2, cost=0.1, effect=0.5)], decided=True)
    scored = scoring.score(run, new_rows(), reasons=0)
    p = scored.table["probability"]
    assert scored.table["action"].tolist() == np.where(p >= 0.5, "call", np.where(p >= 0.2, "mail", "nothing")).tolist()
    assert list(scored.actions) == ["call", "mail", "nothing"] and sum(scored.actions.values()) == 40


def test_what_is_kept(ready):
    table = scoring.score(ready, new_rows(), reasons=0, keep=["land", "order"]).table
    assert list(table.columns) == ["row", "order", "land", "probability", "action"]
    with pytest.raises(InputError, match="lnd"):
        scoring.score(ready, new_rows(), keep="lnd")


def test_no_rows_are_an_empty_table(ready):
    scored = scoring.score(ready, new_rows().head(0), progress=silent)
    assert len(scored.table) == 0 and "reason_3_points" in scored.table and scored.sentence == "There were no orders to score."


@pytest.mark.parametrize("change, words", [
    (lambda t: t.drop(columns="price"), "'price'"), (lambda t: t.drop(columns="shop"), "'shop'"), (lambda t: t.drop(columns="when"), "'when'"),
    (lambda t: t.assign(price="much"), "must hold numbers"), (lambda t: t.assign(land=5), "'land'"),
])  # fmt: skip
def test_rows_the_model_cannot_take(ready, change, words):
    with pytest.raises(InputError, match=words):
        scoring.score(ready, change(new_rows()), reasons=0)


def test_new_levels_are_notes(ready):
    scored = scoring.score(ready, new_rows().assign(land="XX"), reasons=1, progress=silent)
    assert scored.notes.set_index("column").loc["land", ["note", "rows"]].tolist() == ["levels not seen in training", 40]
    again = scoring.Scored.from_dict(scored.to_dict())
    assert again.actions == scored.actions and again.notes.equals(scored.notes)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_file_is_whole_or_not_there(ready, tmp_path, monkeypatch, suffix):
    scored = scoring.score(ready, new_rows(), reasons=1, progress=silent)
    path = scored.write(tmp_path / f"scored{suffix}")
    read = pd.read_csv(path, keep_default_na=False) if suffix == ".csv" else pd.read_parquet(path)
    assert read["probability"].tolist() == scored.table["probability"].tolist() and read["reasons"].tolist() == scored.table["reasons"].tolist()
    before = path.read_bytes()

    def broken(frame, path):
        Path(path).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(scoring.WRITERS, suffix, broken)
    with pytest.raises(OSError):
        scored.write(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_the_name_of_the_file_is_looked_at_first(tmp_path):
    (tmp_path / "data.csv").write_text("a\n1\n")
    for out, words in ((tmp_path / "a.xls", ".parquet or .csv"), (tmp_path / "no" / "a.csv", "exists"), (tmp_path / "data.csv", "another file")):
        with pytest.raises(InputError, match=words):
            scoring.check_out(out, data=str(tmp_path / "data.csv"))


def test_the_background_is_drawn_from_development_rows(run, ready):
    table, split = pd.read_parquet(run.folder / "data" / "table.parquet"), run.results("split")
    rows = background_rows(run, ["order", "price"], n=50)
    assert len(rows) == 50 and set(rows["order"]) <= set(table["order"].iloc[split.development]) and rows["order"].is_monotonic_increasing
    assert ready.explainer.n_background == 20 and ready.explainer.exact


def test_only_a_finished_run_scores(run, tmp_path):
    with pytest.raises(InputError, match="finished"):
        RunModel(Run(path=run.path, id="x", recipe_name="orders", status="failed", started="", manifest=run.manifest))
    for wrong in (-1, 21, 1.5, True):
        with pytest.raises(InputError, match="`reasons`"):
            scoring.score(run, new_rows(), reasons=wrong)


def test_the_command(run, tmp_path, monkeypatch, capsys):
    from mltoolkit.cli import main

    def command(*words):
        with pytest.raises(SystemExit) as e:
            main(["score", *map(str, words)])
        told = capsys.readouterr()
        return e.value.code, told.out, told.err

    monkeypatch.chdir(tmp_path)
    new_rows().assign(land="XX").to_csv("new.csv", index=False)
    runs = Path(run.path).parent.parent
    code, out, err = command("latest", "new.csv", "--runs", runs, "--reasons", 2, "--out", "scored.csv", "--keep", "land")
    assert code == 0 and "40 orders were scored" in out and "levels not seen" in out and "Written:  scored.csv" in out, err
    assert list(pd.read_csv("scored.csv").columns[:5]) == ["row", "order", "land", "probability", "action"]
    for words, expected in ((["nothing", "new.csv"], "'nothing'"), (["latest", "gone.csv", "--runs", runs], "gone.csv"),
                            (["latest", "new.csv", "--runs", runs, "--out", "a.txt"], ".parquet"),
                            (["latest", "new.csv", "--runs", runs, "--keep", "x"], "'x'"), ([run.path, "scored.csv", "--reasons", "99"], "0 to 20"),
                            ([run.path, "scored.csv"], "'shop'")):  # fmt: skip
        code, out, err = command(*words)
        assert code == 2 and expected in err and err.startswith("error: ") and "Traceback" not in err, (words, err)
    assert sorted(os.listdir()) == ["new.csv", "scored.csv"]
