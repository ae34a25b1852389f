"""What the README claims about explanations, measured: one command, one process per measurement.

`make bench-explainability` runs all; `python benchmarks/explainability/run.py --only boosting` runs one work. `results.md` and
`results.json` hold what was found; a work that is not run keeps its last figures. shap is a dependency of mltoolkit; shapash is asked in
the peers' environment (`benchmarks/requirements.txt`), where it is installed.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "profiling"))

from measure import measure  # noqa: E402

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
SPEED = {  # model -> what is said of it, goal in CPU-ms a row, (way, rows) of ours and of the peers
    "boosting": ("Histogram boosting, 100 rounds", 0.08, [("ours", 10_000), ("shap tree", 300), ("shap permutation", 2)]),
    "forest": ("Forest of 300 trees, grown to the end", 20, [("ours", 2_000), ("shap tree", 3)]),
    "logistic": ("Logistic regression", 0.01, [("ours", 10_000), ("shap permutation", 10)]),
}
PEERS = HERE.parent / ".venv" / "bin" / "python"
FAMILIES = ["small logistic", "small boosting", "small forest", "small extra trees"]
NAMES = [*SPEED, "reasons", "brute force"]


def say(text=""):
    print(text, flush=True)


def child(model, way, rows):
    "What work.py found. A script that fails ends the benchmark with its error."
    done = measure([sys.executable, HERE / "work.py", model, way, str(rows)], env=ONE_THREAD, timeout=3600)
    if done.failed:
        raise SystemExit(f"error: work.py {model} {way} {rows}: {done.failed}")
    return json.loads(done.printed.strip().splitlines()[-1]) | {"process_cpu_s": done.cpu_s, "peak_mb": done.peak_mb}


def run_speed(model, options):
    runs = {}
    for i in range(options.rounds):
        for way, rows in SPEED[model][2]:
            found = child(model, way, rows)
            runs.setdefault(way, []).append(found)
            say(f"  {model}, round {i + 1}, {way}: {found['ms_a_row']:.4f} CPU-ms a row")
    return {"runs": runs, "ms_a_row": {way: statistics.median(r["ms_a_row"] for r in found) for way, found in runs.items()}}


def run_reasons(options):
    runs = [child("boosting", "reasons", 10_000) for _ in range(options.rounds)]
    say(f"  reasons: {statistics.median(r['cpu_s'] for r in runs):.2f} CPU-s")
    done = measure([options.python, HERE / "peer_shapash.py"], env=ONE_THREAD, timeout=600)
    peer = {"said": f"failed: {done.failed}"} if done.failed else json.loads(done.printed.strip().splitlines()[-1])
    return {"runs": runs, "cpu_s": statistics.median(r["cpu_s"] for r in runs), "shapash": peer}


def run_brute_force(options):
    found = {name: child(name, "brute force", 4) for name in FAMILIES}
    say("  brute force: " + ", ".join(f"{name} {one['largest_difference']:.1e}" for name, one in found.items()))
    return {"families": found}


def speed_text(works):
    lines = ["### CPU-milliseconds a row", "", "mltoolkit's figures are of the whole way, raw columns in and contributions of "
             "source columns out. The peers get the encoded matrix, and explain its columns; shap's Tree is the interventional one.", "",
             "| model | goal | mltoolkit | of it encoding | shap, Tree | shap, Permutation | one warm row, CPU ms | wall ms |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for model, (name, goal, _) in SPEED.items():
        if model in works:
            ms, first = works[model]["ms_a_row"], works[model]["runs"]["ours"]
            peers = [f"{ms[way]:,.2f}" if way in ms else "-" for way in ("shap tree", "shap permutation")]
            keys = ("encoding_ms_a_row", "one_row_cpu_ms", "one_row_wall_ms")
            encoding, single, wall = (statistics.median(r[key] for r in first) for key in keys)
            lines.append(f"| {name} | {goal} | {ms['ours']:.4f} | {encoding:.4f} | {' | '.join(peers)} | {single:.1f} | {wall:.1f} |")
    rows = [f"{name}: " + ", ".join(f"{way} {n:,}" for way, n in ways) for name, (_, _, ways) in SPEED.items()]
    first = next((works[model]["runs"]["ours"][0] for model in SPEED if model in works), {})
    told = f"{first.get('columns')} columns, {first.get('encoded')} after encoding, background 100. Rows explained: {'; '.join(rows)}."
    return "\n".join([*lines, "", told])


def reasons_text(found):
    peer = found["shapash"]
    told = f"Histogram boosting, from raw columns to text: {found['cpu_s']:.2f} CPU-s (goal: 1)."
    told += f" shapash {peer.get('version', '')}: {peer['said']}."
    return f"### 10,000 rows with reason codes\n\n{told}"


def brute_force_text(found):
    lines = ["### Against every coalition of source columns, through the raw pipeline", "",
             "Seven columns, 30 background rows. Goal: 1e-10.", "",
             "| model | largest difference | encoded columns summed afterwards (shap), mean error |", "|---|---:|---:|"]  # fmt: skip
    for name, one in found["families"].items():
        lines.append(f"| {name.removeprefix('small ')} | {one['largest_difference']:.1e} | {100 * one['summed_error']:.2f} % |")
    return "\n".join(lines)


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=NAMES, help="only this work; may be given more than once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=str(PEERS if PEERS.exists() else sys.executable), help="the interpreter that has shapash")
    parser.add_argument("--out", default=str(HERE / "results"), help="FILE.md and FILE.json are written")
    return parser.parse_args(argv)


def versions():
    found = {}
    for package in ("numpy", "scikit-learn", "numba", "shap"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def text_of(works):
    parts = [speed_text(works)] if any(model in works for model in SPEED) else []
    parts += [reasons_text(works["reasons"])] if "reasons" in works else []
    return parts + ([brute_force_text(works["brute force"])] if "brute force" in works else [])


def main(argv=None):
    options = arguments(argv)
    out = Path(options.out)
    path = out.with_suffix(".json")
    works = json.loads(path.read_text(encoding="utf-8"))["works"] if path.exists() else {}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    machine = {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count(), "load_at_start": round(load, 2),
               "date": time.strftime("%Y-%m-%d"), "packages": versions()}  # fmt: skip
    for name in options.only or NAMES:
        say(name)
        run = {"reasons": run_reasons, "brute force": run_brute_force}.get(name)
        works[name] = (run(options) if run else run_speed(name, options)) | {"machine": machine}
    head = f"{machine['cores']} cores, Python {machine['python']}, {machine['date']}, "
    head += ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    head += ". CPU-seconds: user and system, of the explaining itself; reading, fitting and compilation left out; one thread."
    text = [head, *text_of(works)]
    path.write_text(json.dumps({"works": works}, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text("\n\n".join(text) + "\n", encoding="utf-8")
    say("\n" + "\n\n".join(text) + f"\n\nWritten: {out.with_suffix('.md')}, {path}")


if __name__ == "__main__":
    main()
