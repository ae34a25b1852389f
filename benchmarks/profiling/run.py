"""What the README claims about profiling, measured side by side with peers: one command, one process per measurement.

`make bench` runs all works but the one that needs 3.5 GB of disk; `python benchmarks/profiling/run.py --only large` runs that one.
Each round runs every contender once; the table has the median of the rounds and, for each peer, the median of its ratio to mltoolkit
within the same round. Peers live in an environment of their own (`benchmarks/.venv`); one that fails is shown with its error.
"""

import argparse
import compileall
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from measure import measure
from tables import latency_table, pair_table, table
from works import EVIDENTLY, HERE, PAIR, ROOT, SAVE, works

PEERS = HERE.parent / ".venv/bin/python"
NAMES = ["mixed", "flights", "joined", "wide", "large", "pair", "latency"]


def say(text=""):
    print(text, flush=True)


def program(code, **names):
    "A program with its names filled in."
    return "".join(f"{name} = {str(value)!r}\n" for name, value in names.items()) + code


def make_data(kind, path, rows, folder):
    "Write the data of a work. In a process of its own, so that this one stays small."
    if kind.startswith("flights"):
        rows = f", rows={rows}" if rows < 336_776 else ""
        code = f"import mltoolkit as mlt; frame = mlt.load_example('flights'{rows}).frame; frame.to_parquet(OUT)"
        if kind == "flights":
            table = ROOT / "mltoolkit/data/nycflights13/flights.parquet"
            code = f"import polars as pl; pl.read_parquet({str(table)!r}){f'.head({rows[7:]})' if rows else ''}.write_parquet(OUT)"
        command = [sys.executable, "-c", program(code, OUT=path)]
    else:
        command = [sys.executable, HERE / "make_data.py", kind, path, "--rows", rows]
        command += ["--columns", min(2_000, max(20, rows // 5))] if kind == "wide" else []
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise SystemExit(f"error: the data could not be made\n{done.stderr[-2000:]}")


def python_of(contender, options):
    return sys.executable if contender.ours else options.peers


def run_work(work, options, folder):
    "All rounds of a work: a dict for the JSON file."
    rows = min(work.rows, options.rows or work.rows)
    need = work.disk_gb * rows / work.rows
    free = shutil.disk_usage(folder).free / 1e9
    if need and free < need + 1:
        return {"name": work.name, "title": work.title, "skipped": f"needs {need:.1f} GB of disk and 1 GB to spare, {free:.1f} GB are free"}
    data = folder / f"{work.name}.parquet"
    make_data(work.data, data, rows, folder)
    contenders = [c for c in work.contenders if c.ours or options.peers]
    runs = {c.name: [] for c in contenders}
    for i in range(options.rounds):
        for c in contenders:
            if (c.rounds and i >= c.rounds) or (runs[c.name] and runs[c.name][-1].failed):
                continue
            out = folder / "out.html"
            out.unlink(missing_ok=True)
            command = [python_of(c, options), "-c", program(c.code, DATA=data, OUT=out)]
            limits = {"limit_mb": work.limit_mb, "limit_by": options.limit_by, "timeout": options.timeout}
            runs[c.name].append(measure(command, out=out, **limits))
            say(f"  {work.name}, round {i + 1}, {c.name}: {short(runs[c.name][-1])}")
    size = data.stat().st_size / 1e6
    data.unlink()
    found = {
        "name": work.name,
        "title": work.title,
        "rows": rows,
        "data_mb": round(size, 1),
        "goal": work.goal if rows == work.rows else "",
    }
    found["contenders"] = [{"name": c.name, "note": c.note, "runs": [asdict(r) for r in runs[c.name]]} for c in contenders]
    return found | {"notes": work.notes + limit_notes(work, runs)}


def limit_notes(work, runs):
    used = {r.limit for found in runs.values() for r in found if r.limit}
    return [f"the limit of {work.limit_mb} MB was held by {', '.join(sorted(used))}"] if used else []


def short(r):
    return r.failed or f"{r.cpu_s:.2f} CPU-s, {r.peak_mb:,.0f} MB, {r.wall_s:.2f} s wall, {r.out_kb:,.0f} kB"


def run_pair(options, folder):
    "Two profiles saved, then compared; and evidently on the same rows where it imports."
    rows = min(100_000, options.rows or 100_000)
    data, paths = folder / "pair.parquet", [folder / "before.json", folder / "after.json"]
    make_data("mixed", data, rows, folder)
    found = {"name": "pair", "title": f"Comparing two saved profiles of {rows // 2:,} rows x 30 columns", "rows": rows, "notes": []}
    split = "import polars as pl; f = pl.read_parquet(DATA); h = len(f) // 2; f[:h].write_parquet(OUT % 0); f[h:].write_parquet(OUT % 1)"
    steps = [measure([sys.executable, "-c", program(split, DATA=data, OUT=folder / "half%d.parquet")])]
    steps += [measure([sys.executable, "-c", program(SAVE, DATA=folder / f"half{i}.parquet", OUT=path)]) for i, path in enumerate(paths)]
    runs = [measure([sys.executable, "-c", program(PAIR, BEFORE=paths[0], AFTER=paths[1])]) for _ in range(options.rounds)]
    failed = [r.failed for r in (*steps, *runs) if r.failed]
    if failed:
        return found | {"failed": failed[0]}
    found["ours"] = [json.loads(r.printed.splitlines()[-1]) | {"cpu_s_with_start": r.cpu_s} for r in runs]
    if options.peers:
        peer = measure([options.peers, "-c", program(EVIDENTLY, DATA=data, OUT=folder / "out.html")], timeout=options.timeout)
        found["evidently"] = asdict(peer)
        if peer.failed:
            found["notes"].append(f"evidently is left out: {peer.failed}")
    for path in (data, *paths, *folder.glob("half*.parquet")):
        path.unlink(missing_ok=True)
    return found


def run_latency(options, folder):
    "First view and cancel, in one process."
    rows = min(1_000_000, options.rows or 1_000_000)
    data = folder / "latency.parquet"
    make_data("mixed", data, rows, folder)
    runs = [measure([sys.executable, HERE / "latency.py", data], timeout=options.timeout) for _ in range(options.rounds)]
    data.unlink()
    found = {"name": "latency", "title": f"First view and cancel, {rows:,} rows x 30 columns", "rows": rows}
    failed = [r.failed for r in runs if r.failed]
    return found | ({"failed": failed[0]} if failed else {"ours": [json.loads(r.printed.splitlines()[-1]) for r in runs]})


def about():
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    machine = {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count(), "load_at_start": round(load, 2)}
    return machine | {"date": time.strftime("%Y-%m-%d")}


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=NAMES, help="only this work; may be given more than once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="at most so many rows, to try the benchmark out")
    parser.add_argument("--peers", default=str(PEERS), help="the Python that has the peers (default: benchmarks/.venv)")
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--full", action="store_true", help="also sweetviz and fg-data-profiling with everything switched on (minutes)")
    parser.add_argument("--timeout", type=int, default=900, help="seconds of wall time after which a process is stopped")
    parser.add_argument("--limit-by", choices=["auto", "cgroup", "watchdog"], default="auto", help="how the memory limit is held")
    parser.add_argument("--folder", help="where the data is made and removed (default: the system's temporary folder)")
    parser.add_argument("--out", default=str(HERE / "results"), help="FILE.md and FILE.json are written")
    options = parser.parse_args(argv)
    if options.skip_peers or not Path(options.peers).exists():
        say("peers: skipped" if options.skip_peers else f"peers: none, because there is no {options.peers} (make bench makes it)")
        options.peers = None
    return options


def main(argv=None):
    options = arguments(argv)
    machine = about()
    say(f"{options.rounds} rounds, {machine['cores']} cores, load {machine['load_at_start']} at the start")
    compileall.compile_dir(ROOT / "mltoolkit", quiet=1)  # as installing a package does; the peers' are compiled
    wanted, found, text = options.only, [], []
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="mltoolkit-bench-") as name:
        folder = Path(name)
        for work in works(full=options.full):
            if work.name in wanted if wanted else not work.optional:
                found.append(run_work(work, options, folder))
                text.append(table(found[-1]))
        for name, run, show in (("pair", run_pair, pair_table), ("latency", run_latency, latency_table)):
            if not wanted or name in wanted:
                found.append(run(options, folder))
                text.append(show(found[-1]))
    head = f"Median of {options.rounds} rounds on {machine['cores']} cores, Python {machine['python']}, {machine['date']}. "
    head += "CPU-seconds: user and system, children included, imports and reading included. Ratios within the same round.\n"
    markdown = "\n".join([head, *text])
    out = Path(options.out)
    out.with_suffix(".md").write_text(markdown, encoding="utf-8")
    out.with_suffix(".json").write_text(json.dumps({"machine": machine, "works": found}, indent=1) + "\n", encoding="utf-8")
    say("\n" + markdown + f"\nWritten: {out.with_suffix('.md')}, {out.with_suffix('.json')}")
    return found


if __name__ == "__main__":
    main()
