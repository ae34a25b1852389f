"The harness of the profiling benchmarks: what it measures, what it enforces, and a whole run on tiny data."

import importlib
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def harness(root):
    "The modules measure and works, as run.py sees them."
    folder = str(root / "benchmarks/profiling")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("measure"), importlib.import_module("works")
    finally:
        sys.path.remove(folder)
        for name in ("measure", "works", "tables"):
            sys.modules.pop(name, None)


@pytest.fixture
def measure(root):
    "`measure` called in a small process, as run.py is one: a child starts with the peak memory of its parent."

    def call(code, **options):
        given = json.dumps([[sys.executable, "-S", "-c", code], {k: str(v) if k == "out" else v for k, v in options.items()}])
        lines = "import json, sys; from dataclasses import asdict; from measure import measure; c, o = json.loads(sys.argv[1]); print(json.dumps(asdict(measure(c, **o))))"
        command = [sys.executable, "-c", lines, given]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root / "benchmarks/profiling")
        return SimpleNamespace(**json.loads(done.stdout))

    return call


def test_cpu_memory_and_size_are_measured(measure, tmp_path):
    out = tmp_path / "out"
    code = f"import time\nend = time.process_time() + .3\nwhile time.process_time() < end: pass\nb = bytearray(b'x') * (200 << 20)\nopen({str(out)!r}, 'w').write('x' * 5000); print(7)"
    found = measure(code, out=out)
    assert not found.failed and 0.3 <= found.cpu_s < 2 and 200 < found.peak_mb < 260 and found.out_kb == 5 and found.printed == "7\n"


def test_what_fails_says_why(measure):
    assert measure("import no_such_module").failed == "ModuleNotFoundError: No module named 'no_such_module'"
    assert measure("import time; time.sleep(60)", timeout=0.2).failed == "not done after 0.2 s: stopped"
    assert measure("raise SystemExit(3)").failed


@pytest.mark.skipif(sys.platform != "linux", reason="the watchdog reads /proc")
def test_the_watchdog_holds_the_limit(measure):
    hungry = "import time\nb = bytearray(b'x') * (400 << 20)\ntime.sleep(60)"
    found = measure(hungry, limit_mb=150, limit_by="watchdog")
    assert found.failed == "needs more than 150 MB: killed" and found.limit.startswith("a watchdog") and found.wall_s < 10
    assert measure("b = bytearray(b'x') * (50 << 20)", limit_mb=150, limit_by="watchdog").failed == ""
    brief = "b = bytearray(b'x') * (400 << 20); del b"
    assert "150 MB" in measure(brief, limit_mb=150, limit_by="watchdog").failed


@pytest.mark.parametrize(
    "version, line, limit", [(1, "4:memory:/some/group", "memory.limit_in_bytes"), (2, "0::/some/group", "memory.max")]
)
def test_a_memory_group_is_made_below_ones_own(harness, tmp_path, version, line, limit):
    listing = tmp_path / "cgroup"
    listing.write_text(f"1:cpu:/elsewhere\n{line}\n")
    own = tmp_path / ("memory/some/group" if version == 1 else "some/group")
    own.mkdir(parents=True)
    with pytest.raises(OSError):
        harness[0].MemoryGroup(100, root=tmp_path, listing=listing)
    (own / limit).write_text("")
    group = harness[0].MemoryGroup(100, root=tmp_path, listing=listing)
    assert group.folder.parent == own and (group.folder / limit).read_text() == str(100 * 2**20)
    for file in group.folder.iterdir():
        file.unlink()
    group.close()
    assert not group.folder.exists()


def test_every_program_compiles(harness):
    works = harness[1]
    for work in works.works(full=True):
        assert work.contenders[0].ours
        for contender in work.contenders:
            compile(contender.code, contender.name, "exec")
    for code in (works.PAIR, works.SAVE, works.EVIDENTLY):
        compile(code, "program", "exec")


def test_a_whole_run_on_tiny_data(root, tmp_path):
    only = [part for name in ("mixed", "pair", "latency") for part in ("--only", name)]
    command = [sys.executable, root / "benchmarks/profiling/run.py", "--rows", "300", "--rounds", "1", "--skip-peers", "--folder", tmp_path]
    done = subprocess.run([*command, *only, "--out", tmp_path / "results"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    assert [work["name"] for work in found["works"]] == ["mixed", "pair", "latency"]
    mixed, pair, latency = found["works"]
    (ours,) = mixed["contenders"]
    assert ours["name"] == "mltoolkit" and ours["runs"][0]["failed"] == "" and ours["runs"][0]["out_kb"] > 1
    assert pair["ours"][0]["columns"] == 30 and pair["ours"][0]["imported"] == [] and min(pair["ours"][0]["bytes"]) > 1_000
    assert latency["ours"][0]["finished_s"] > 0
    text = (tmp_path / "results.md").read_text()
    assert "so no goal applies" in text and "| mltoolkit |" in text and text in done.stdout
    assert not list(tmp_path.glob("mltoolkit-bench-*"))
