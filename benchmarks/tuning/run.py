"""What the README claims about tuning, measured beside peers: one command, one process per measurement.

`make bench-tuning` runs all; `python benchmarks/tuning/run.py --only judged` runs one work. `results.md` and `results.json` hold what was
found. A measurement of the contest that is there already is kept, so that it can go on after a stop: `--again mltoolkit` measures a
contestant anew. Peers live in an environment of their own (`benchmarks/.venv`).
"""

import argparse
import json
import os
import platform
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "profiling")]

from contest import DATA, OURS, OUTER  # noqa: E402
from measure import measure  # noqa: E402
from tables import LABELS, contest_text, judged_text  # noqa: E402

PEERS = HERE.parent / ".venv/bin/python"
NAMES = ["contest", "judged"]
STANDARD = [c for c in LABELS if c not in ("autogluon_holdout", "flaml_stacked")]
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")}


def say(text=""):
    print(text, flush=True)


def child(python, script, *arguments, timeout=1800):
    "(what a script printed last, as JSON; or None), and the Measured."
    done = measure([python, HERE / script, *arguments], env=ONE_THREAD, timeout=timeout)
    lines = done.printed.strip().splitlines()
    return (json.loads(lines[-1]) if not done.failed and lines else None), done


def key(r):
    return r["contestant"], r["data"], r["fold"], r["budget_s"]


def run_contest(options, found, save):
    "All measurements that are missing; `found['runs']` grows and is saved after each."
    runs = found.setdefault("runs", [])
    runs[:] = [r for r in runs if r["contestant"] not in (options.again or ()) and not r.get("failed")]
    there = {key(r) for r in runs}
    wanted = [(c, d, f, b) for b in options.budgets for f in options.folds for d in options.data for c in options.contestants]
    lock = threading.Lock()

    def one(at):
        contestant, data, fold, budget = at
        python = sys.executable if contestant in OURS else options.peers
        line = [contestant, data, fold, "--budget", budget, "--rows", options.rows, *(["--cold"] if options.cold else [])]
        result, done = child(python, "contest.py", *line)
        result = result or {"contestant": contestant, "data": data, "fold": fold, "budget_s": budget, "failed": done.failed or "nothing"}
        result |= {"process_cpu_s": done.cpu_s, "peak_mb": done.peak_mb, "date": time.strftime("%Y-%m-%d")}
        with lock:
            runs.append(result)
            save()
            told = result.get("failed") or f"log-loss {result['log_loss']:.4f}, {result['cpu_s']:.1f} CPU-s, {result['wall_s']:.1f} s wall"
            say(f"  {budget:g} CPU-s, {data}, fold {fold}, {contestant}: {told}")

    todo = [at for at in wanted if at not in there and (at[0] in OURS or options.peers)]
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, todo))


def run_judged(options, found, save):
    rows = []
    for name in options.data:
        line = [name, "--trials", options.trials, "--sampler", options.sampler, "--rows", options.rows]
        result, done = child(sys.executable, "judged.py", *line)
        if result is None:
            raise SystemExit(f"error: judged.py {name}: {done.failed}")
        rows.append(result)
        say(f"  judged, {name}: {result['ratio']:.2f} times, winner {result['best']}, chosen {result['chosen']}")
    found["rows"] = rows
    save()


RUN = {"contest": run_contest, "judged": run_judged}
TEXT = {"contest": lambda found: contest_text(found["runs"]), "judged": judged_text}


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=NAMES, help="only this work; may be given more than once")
    parser.add_argument("--budgets", nargs="+", type=float, default=[10.0, 30.0], help="CPU-seconds")
    parser.add_argument("--contestants", nargs="+", choices=list(LABELS), default=STANDARD)
    parser.add_argument("--data", nargs="+", default=list(DATA))
    parser.add_argument("--folds", nargs="+", type=int, default=list(range(1, OUTER + 1)), choices=range(1, OUTER + 1))
    parser.add_argument("--again", nargs="+", choices=list(LABELS), help="forget what was measured of these")
    parser.add_argument("--jobs", type=int, default=1, help="processes of the contest at a time; CPU-seconds are counted, not wall time")
    parser.add_argument("--trials", type=int, default=40, help="of the work judged")
    parser.add_argument("--sampler", default="tpe", help="of the work judged")
    parser.add_argument("--rows", type=int, default=10_000, help="at most so many rows of a table")
    parser.add_argument("--cold", action="store_true", help="without the small run before every measurement, to try the benchmark out")
    parser.add_argument("--peers", default=str(PEERS), help="the Python that has the peers (default: benchmarks/.venv)")
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--out", default=str(HERE / "results"), help="FILE.md and FILE.json are written")
    options = parser.parse_args(argv)
    if options.skip_peers or not Path(options.peers).exists():
        say("peers: skipped" if options.skip_peers else f"peers: none, because there is no {options.peers} (make bench-tuning makes it)")
        options.peers = None
    return options


def main(argv=None):
    options = arguments(argv)
    out = Path(options.out)
    path = out.with_suffix(".json")
    works = json.loads(path.read_text(encoding="utf-8"))["works"] if path.exists() else {}
    machine = {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count(), "date": time.strftime("%Y-%m-%d")}

    def save():
        path.write_text(json.dumps({"works": works}, indent=1) + "\n", encoding="utf-8")

    for name in options.only or NAMES:
        say(name)
        work = works.setdefault(name, {})
        work["machine"] = machine
        RUN[name](options, work, save)
    text = [TEXT[name](works[name]) for name in NAMES if name in works and (works[name].get("runs") or works[name].get("rows"))]
    head = f"{machine['cores']} cores, Python {machine['python']}, {machine['date']}. CPU-seconds: user and system of the whole process "
    head += (
        "and its children, imports left out; one thread. The peers that count seconds on the wall are given the CPU clock of their process."
    )
    out.with_suffix(".md").write_text("\n\n".join([head, *text]) + "\n", encoding="utf-8")
    say("\n" + "\n\n".join(text) + f"\n\nWritten: {out.with_suffix('.md')}, {path}")


if __name__ == "__main__":
    main()
