"Run folders: whole or marked as failed, found again, and the stage inside a notebook."

import errno
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from mltoolkit.core import Cancelled, InputError, RunError
from mltoolkit.production import runs as module
from mltoolkit.production.runs import (
    Run,
    RunFolder,
    Stage,
    check_writable,
    error_dict,
    find_run,
    latest_run,
    measure,
    plain_error,
    reopen,
    runs,
    runs_folder,
)


def begun(recipe, folder, stages=("ingest", "check")):
    return RunFolder.create(recipe, folder=Path(folder), stages=list(stages), params={"data.rows": 8000}, sources={}, where=Path.cwd())


def test_where_runs_are_kept(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLTOOLKIT_RUNS", raising=False)
    assert runs_folder() == tmp_path / "runs"
    monkeypatch.setenv("MLTOOLKIT_RUNS", str(tmp_path / "elsewhere"))
    assert runs_folder() == tmp_path / "elsewhere"
    assert runs_folder("here") == tmp_path / "here"


@pytest.mark.parametrize("place", ["/proc/runs", "/dev/null/runs"])
def test_a_folder_that_cannot_be_written(place):
    with pytest.raises(InputError) as e:
        check_writable(Path(place))
    assert place in str(e.value) and "--runs" in str(e.value) and "\n" not in str(e.value)


def test_a_run_folder_below_a_file(recipe, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="can be written"):
        begun(recipe, tmp_path / "file" / "runs")
    assert (tmp_path / "file").read_text() == "x"


def test_what_the_system_refuses_in_plain_words():
    assert isinstance(plain_error(OSError(errno.ENOSPC, "No space left on device", "x")), RunError)
    assert "no space left" in str(plain_error(OSError(errno.ENOSPC, "No space left on device", "x")))
    assert isinstance(plain_error(PermissionError(errno.EACCES, "Permission denied", "x")), InputError)
    assert isinstance(plain_error(OSError(errno.EIO, "Input/output error")), RunError)


def test_a_run_is_partial_until_it_is_finished(recipe, tmp_path):
    writer = begun(recipe, tmp_path)
    assert writer.path.name == f".{writer.id}.partial" and writer.path.parent == tmp_path / "flights"
    assert [r.status for r in runs(tmp_path)] == ["running"]
    with pytest.raises(InputError, match="finished run"):
        latest_run(folder=tmp_path)
    run = writer.finish(1.5)
    assert [p.name for p in (tmp_path / "flights").iterdir()] == [run.id]
    assert run.status == "finished" and run.manifest["seconds"] == 1.5 and run.recipe == recipe
    assert latest_run(folder=tmp_path).id == run.id == latest_run("flights", folder=tmp_path).id
    with pytest.raises(InputError):
        latest_run("other", folder=tmp_path)


def test_the_manifest_says_how_it_was_made(recipe, tmp_path):
    manifest = begun(recipe, tmp_path).finish(1).manifest
    assert manifest["seed"] == 0 and manifest["parameters"] == {"data.rows": "8000"}
    assert manifest["fingerprints"]["recipe"] == recipe.fingerprint and len(manifest["fingerprints"]["code"]) == 16
    assert {"python", "pandas", "scikit-learn"} <= set(manifest["versions"])
    assert manifest["started"].endswith("+00:00")


def test_two_runs_within_a_second_have_names_of_their_own(recipe, tmp_path):
    ids = {begun(recipe, tmp_path).id for _ in range(3)}
    assert len(ids) == 3 and len(runs(tmp_path)) == 3


def test_a_failed_run_says_so(recipe, tmp_path):
    writer = begun(recipe, tmp_path)
    (writer.path / ".stage-check.json").write_text("{}")
    run = writer.fail(status="failed", stage="check", error="broken", go_on="mltoolkit run x", seconds=2)
    assert run.path.endswith(".failed") and run.status == "failed"
    assert (run.manifest["failed_stage"], run.manifest["error"], run.manifest["go_on"]) == ("check", "broken", "mltoolkit run x")
    assert not list(Path(run.path).rglob(".*"))
    listed = runs(tmp_path).to_frame()
    assert listed["failed_stage"].tolist() == ["check"] and listed["headline"].tolist() == ["broken"]


def test_a_full_disk_when_it_fails_still_renames_the_folder(recipe, tmp_path, monkeypatch):
    writer = begun(recipe, tmp_path)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_json", full)
    run = writer.fail(status="failed", stage="check", error="full", go_on="", seconds=2)
    assert run.path.endswith(".failed") and run.status == "failed"


def test_a_full_disk_at_the_beginning_leaves_nothing(recipe, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_json", full)
    with pytest.raises(OSError):
        begun(recipe, tmp_path)
    assert list((tmp_path / "flights").iterdir()) == []


def test_a_killed_run_is_seen_as_interrupted(recipe, tmp_path):
    writer = begun(recipe, tmp_path)
    writer.update(pid=2**22 + 1, pid_started=0)
    assert Run.open(writer.path).status == "interrupted"
    writer.update(pid=os.getpid(), pid_started=0)  # another process has the number now
    assert Run.open(writer.path).status == "interrupted"


def test_broken_folders_are_passed_over(recipe, tmp_path):
    run = begun(recipe, tmp_path).finish(1)
    for name, text in (("a", "{"), ("b", "")):
        (tmp_path / "flights" / name).mkdir()
        (tmp_path / "flights" / name / "manifest.json").write_text(text)
    (tmp_path / "flights" / "empty").mkdir()
    assert [r.id for r in runs(tmp_path)] == [run.id]
    with pytest.raises(InputError, match="JSON"):
        Run.open(tmp_path / "flights" / "a")
    with pytest.raises(InputError, match="manifest"):
        Run.open(tmp_path / "flights" / "empty")


def test_runs_are_found_by_id_beginning_and_folder(recipe, tmp_path):
    one, two = begun(recipe, tmp_path).finish(1), begun(recipe, tmp_path).finish(1)
    assert find_run(one.id, folder=tmp_path).id == one.id
    assert find_run(two.path).id == two.id
    with pytest.raises(InputError, match="begins 2 runs"):
        find_run(one.id[:8], folder=tmp_path)
    with pytest.raises(InputError, match="must exist"):
        find_run("zzz", folder=tmp_path)
    with pytest.raises(InputError, match="mltoolkit demo"):
        find_run("zzz", folder=tmp_path / "none")


def test_no_runs(tmp_path):
    assert len(runs(tmp_path / "none")) == 0
    assert list(runs(tmp_path).to_frame().columns)[:3] == ["run", "recipe", "status"]


def test_going_on(recipe, tmp_path):
    writer = begun(recipe, tmp_path)
    with pytest.raises(InputError, match="is running"):
        reopen(Run.open(writer.path))
    writer.stage("ingest")["state"] = "done"
    writer.stage("check").update(state="failed", error="x")
    failed = writer.fail(status="failed", stage="check", error="x", go_on="y", seconds=1)
    again = reopen(failed)
    assert again.path.name.endswith(".partial") and not Path(failed.path).exists()
    assert [s["state"] for s in again.manifest["stages"]] == ["done", "waiting"]
    assert "error" not in again.manifest and len(again.manifest["resumed"]) == 1
    with pytest.raises(InputError, match="finished"):
        reopen(again.finish(1))


def test_an_opening_without_its_stage_is_set_aside(recipe, tmp_path):
    writer = begun(recipe, tmp_path, ["train", "evaluate"])
    (writer.path / "results" / "opening.json").write_text("{}")
    again = reopen(writer.fail(status="failed", stage="evaluate", error="x", go_on="y", seconds=1))
    assert [p.name for p in (again.path / "results").iterdir()] == ["opening.interrupted-1.json"]


def test_a_run_travels_through_json(recipe, tmp_path):
    run = begun(recipe, tmp_path).finish(1)
    again = Run.from_dict(json.loads(json.dumps(run.to_dict())))
    assert again.manifest == run.manifest and again.recipe == recipe and repr(again) == repr(run)
    pd.testing.assert_frame_equal(again.to_frame(), run.to_frame())
    listed = runs(tmp_path)
    pd.testing.assert_frame_equal(type(listed).from_dict(json.loads(json.dumps(listed.to_dict()))).to_frame(), listed.to_frame())


def test_results_by_name(recipe, tmp_path):
    writer = begun(recipe, tmp_path)
    Stage.open(writer.path, "ingest").save(diff=recipe.diff(recipe.with_params({"costs.fn": 3})))
    run = writer.finish(1)
    assert run.names == ["diff"] and len(run.results("diff").to_frame()) == 1
    with pytest.raises(InputError, match="Did you mean 'diff'"):
        run.results("dif")
    with pytest.raises(InputError, match="answer"):
        _ = run.answer


class TestStage:
    def test_opening(self, recipe, tmp_path):
        writer = begun(recipe, tmp_path)
        stage = Stage.open(writer.path, "ingest")
        assert stage.recipe == recipe
        with pytest.raises(InputError, match="Did you mean 'ingest'"):
            Stage.open(writer.path, "ingst")
        for wrong in ("", str(tmp_path), "/nowhere"):
            with pytest.raises(InputError, match="run_dir"):
                Stage.open(wrong, "ingest")

    def test_closing_measures(self, recipe, tmp_path):
        writer = begun(recipe, tmp_path)
        Stage.open(writer.path, "ingest").close("all there", extra=3)
        record = json.loads((writer.path / ".stage-ingest.json").read_text())
        assert record["state"] == "done" and record["headline"] == "all there" and record["extra"] == 3
        assert record["cpu_seconds"] > 0 and record["peak_mb"] > 10

    def test_progress_and_stop(self, recipe, tmp_path):
        writer = begun(recipe, tmp_path)
        stage = Stage.open(writer.path, "ingest")
        stage.part(0.5, 1.0)(1.0, "half of it")
        assert json.loads((writer.path / "progress.json").read_text()) == {"stage": "ingest", "share": 1.0, "note": "half of it"}
        stage.cancel.check()
        (writer.path / "stop").touch()
        with pytest.raises(Cancelled):
            stage.cancel.check()

    def test_a_table_and_its_fingerprint(self, recipe, flights_small, tmp_path):
        writer = begun(recipe, tmp_path)
        stage = Stage.open(writer.path, "ingest")
        stage.save_table(flights_small.frame)
        stage.close()
        assert len(json.loads((writer.path / ".stage-ingest.json").read_text())["data"]) == 16
        data = stage.dataset()
        assert (data.target, data.time, data.group, data.name) == ("late", "time_hour", "tailnum", "flights")
        pd.testing.assert_frame_equal(data.frame, flights_small.frame)

    def test_sources_count_from_the_folder_the_run_was_started_in(self, recipe, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        stage = Stage.open(begun(recipe, tmp_path).path, "ingest")
        assert stage.source("data/x.csv") == str(tmp_path / "data" / "x.csv")
        assert stage.source("example:flights/flights") == "example:flights/flights" and stage.source("/a/x.csv") == "/a/x.csv"

    def test_a_run_that_has_ended_is_not_changed(self, recipe, tmp_path):
        run = begun(recipe, tmp_path).finish(1)
        stage = Stage.open(run.path, "ingest")
        before = sorted(p.name for p in Path(run.path).rglob("*"))
        with pytest.raises(RunError, match="not changed"):
            stage.save(x=run)
        with pytest.raises(RunError, match="not changed"):
            stage.save_table(pd.DataFrame({"a": [1]}))
        stage.close("again")
        assert sorted(p.name for p in Path(run.path).rglob("*")) == before


def test_errors_as_values():
    assert error_dict(OSError(errno.ENOSPC, "No space left on device", "x"))["kind"] == "RunError"
    assert error_dict(KeyError("a")) == {"kind": "KeyError", "text": "'a'"}
    assert len(error_dict(ValueError("x" * 1000))["text"]) == 300


def test_measuring_counts_workers():
    import subprocess
    import sys

    before = measure()
    work = "import time\nx = bytearray(60_000_000)\nwhile time.process_time() < 0.5: pass\nprint('worked', flush=True)\ninput()"
    worker = subprocess.Popen([sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert worker.stdout.readline() == b"worked\n"  # however long a busy machine takes
        alive = measure()
    finally:
        worker.communicate(b"\n")
    assert alive["cpu_seconds"] - before["cpu_seconds"] > 0.3 and alive["peak_mb"] - before["peak_mb"] > 50
    assert measure()["cpu_seconds"] >= alive["cpu_seconds"] - 0.05
