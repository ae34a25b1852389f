"""What the README claims about comparing models, measured: one command, one process per measurement.

`make bench-modeling` runs all; `python benchmarks/modeling/run.py --only speed` runs one work. `results.md`
and `results.json` hold what was found; a work that is not run keeps its last figures. The data sets come from PyPI packages that
are downloaded once.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "profiling"))

from measure import measure  # noqa: E402

NAMES = ["speed", "busy", "inference", "advisor"]
DATA = ["flights", "crashes", "strikes", "stops", "votes", "covid", "lending"]
SMALL = ["lending"]  # shown, and not in the median
WAYS = ["cross_validate", "shared", "engine"]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def say(text=""):
    print(text, flush=True)


def child(script, *arguments, env=ONE_THREAD, timeout=3600):
    "(what a script printed last, as JSON; the Measured). A script that fails ends the benchmark with its error."
    done = measure([sys.executable, HERE / script, *arguments], env=env, timeout=timeout)
    if done.failed:
        raise SystemExit(f"error: {script} {' '.join(map(str, arguments))}: {done.failed}")
    lines = done.printed.strip().splitlines()
    return (json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None), done


def run_speed(options):
    rows = []
    for models in ("plain", "zoo") if options.zoo else ("plain",):
        for name in DATA:
            runs = {way: [] for way in WAYS}
            for i in range(options.rounds):
                for way in WAYS:
                    more = ["--zoo"] if models == "zoo" else []
                    found, done = child("speed.py", name, way, "--rows", options.rows, *more)
                    runs[way].append(found | {"process_cpu_s": done.cpu_s, "peak_mb": done.peak_mb, "wall_s": done.wall_s})
                    say(f"  speed, {models} models, {name}, round {i + 1}, {way}: {found['cpu_s']:.1f} CPU-s")
            rows.append({"data": name, "models": models} | speed_figures(runs) | {"runs": runs})
    return {"rows": rows, "rounds": options.rounds}


def speed_figures(runs):
    "Medians, ratios within a round, the winner by each way, and the regret in log-loss of the engine's."
    truth, raced = runs["cross_validate"][0]["log_loss"], runs["engine"][0]["log_loss"]
    best, chosen = min(truth, key=truth.get), min(raced, key=raced.get)
    gap = max(abs(truth[m] - runs["shared"][0]["log_loss"][m]) for m in truth)
    ratios = {way: statistics.median(n["cpu_s"] / r["cpu_s"] for n, r in zip(runs["cross_validate"], runs[way])) for way in WAYS}
    return {"rows": runs["engine"][0]["rows"], "cpu_s": {way: statistics.median(r["cpu_s"] for r in runs[way]) for way in WAYS},
            "ratio": ratios, "best": best, "chosen": chosen, "regret": truth[chosen] / truth[best] - 1, "parity_gap": gap,
            "dropped": runs["engine"][0]["dropped"]}  # fmt: skip


def run_busy(options):
    no_limit = {"OMP_NUM_THREADS": "", "OPENBLAS_NUM_THREADS": ""}
    flags = {"busy": [], "idle": ["--idle"]}
    return {load: child("busy.py", "--rounds", options.rounds, *flag, env=no_limit)[0] for load, flag in flags.items()}


def run_inference(options):
    return child("inference.py", "--replicates", options.replicates)[0]


def run_advisor(options):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "advisor.json"
        child("advisor.py", "--out", out)
        return json.loads(out.read_text(encoding="utf-8"))


def speed_text(found):
    head = "data | rows | models | `cross_validate` CPU-s | shared preparation | and racing | ratio | winner | chosen | regret | dropped"
    lines = ["### Eight models, five folds, six metrics", ""]
    lines += ["Goal: median ratio 3, the same winner, regret at most 0.1 % log-loss.", "", f"| {head} |"]
    lines.append("|---|---:|---|---:|---:|---:|---:|---|---|---:|---:|")
    for r in found["rows"]:
        cpu = " | ".join(f"{r['cpu_s'][way]:.1f}" for way in WAYS)
        end = f"{r['ratio']['engine']:.2f} | {r['best']} | {r['chosen']} | {100 * r['regret']:.2f} % | {len(r['dropped'])}"
        lines.append(f"| {r['data']} | {r['rows']:,} | {r['models']} | {cpu} | {end} |")
    for models in dict.fromkeys(r["models"] for r in found["rows"]):
        ratios = [r["ratio"]["engine"] for r in found["rows"] if r["models"] == models and r["data"] not in SMALL]
        median = statistics.median(ratios)
        lines += ["", f"Median ratio of the {models} models on the {len(ratios)} sets with 15,000 rows or more: {median:.2f}."]
    gap = max(r["parity_gap"] for r in found["rows"])
    return "\n".join([*lines, "", f"Largest difference of a log-loss between `cross_validate` and shared preparation: {gap:.1e}."])


def busy_text(found):
    lines = ["### One boosting fit beside processes that keep every core busy", "", "Goal: at most 1.5 times the fit with one thread.", ""]
    lines += ["| machine | one thread, s | engine, s | ratio | scikit-learn's threads, s | ratio |", "|---|---:|---:|---:|---:|---:|"]
    for load, one in found.items():
        s = {k: statistics.median(v) for k, v in one["seconds"].items()}
        ratio = {k: statistics.median(a / b for a, b in zip(v, one["seconds"]["one thread"])) for k, v in one["seconds"].items()}
        cells = [s["one thread"], s["engine"], ratio["engine"], s[THREADS], ratio[THREADS]]
        lines.append(f"| {load} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(lines)


THREADS = "scikit-learn's threads"


def inference_text(found):
    sys.path.insert(0, str(HERE))
    import inference

    return "### Claims and intervals, by simulation\n\nGoal: claims at most 5 %, coverage 93 to 97 %.\n\n" + inference.markdown(found)


def advisor_text(found):
    said = f"Never worse beyond the interval: {'yes' if found['never_worse'] else 'no'}."
    lines = ["### The advisor against no resampling", "", said, ""]
    lines += ["| data | model | recommended | log-loss difference to none | tempting | difference |", "|---|---|---|---:|---|---:|"]
    for r in found["rows"]:
        a, t = r["held_out"], r["tempting"]
        shown = [f"{x['log_loss_difference']:+.4f} ({x['lower']:+.4f} to {x['upper']:+.4f})" for x in (a, t)]
        lines.append(f"| {r['data']} | {r['model']} | {a['strategy']} | {shown[0]} | {t['strategy']} | {shown[1]} |")
    return "\n".join(lines)


RUN = {"speed": run_speed, "busy": run_busy, "inference": run_inference, "advisor": run_advisor}
TEXT = {"speed": speed_text, "busy": busy_text, "inference": inference_text, "advisor": advisor_text}


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=NAMES, help="only this work; may be given more than once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=50_000, help="at most so many rows in the work on speed")
    parser.add_argument("--zoo", action="store_true", help="the work on speed also with mltoolkit's own candidates")
    parser.add_argument("--replicates", type=int, default=1_000, help="of the simulation")
    parser.add_argument("--out", default=str(HERE / "results"), help="FILE.md and FILE.json are written")
    return parser.parse_args(argv)


def main(argv=None):
    options = arguments(argv)
    out = Path(options.out)
    path = out.with_suffix(".json")
    works = json.loads(path.read_text(encoding="utf-8"))["works"] if path.exists() else {}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    machine = {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count(), "load_at_start": round(load, 2),
               "date": time.strftime("%Y-%m-%d")}  # fmt: skip
    for name in options.only or NAMES:
        say(name)
        works[name] = RUN[name](options) | {"machine": machine}
    text = [TEXT[name]({k: v for k, v in works[name].items() if k != "machine"}) for name in NAMES if name in works]
    head = f"{machine['cores']} cores, Python {machine['python']}, {machine['date']}. CPU-seconds: user and system, of the work itself, "
    head += "imports and reading left out; one thread a process. Ratios within the same round."
    path.write_text(json.dumps({"works": works}, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".md").write_text("\n\n".join([head, *text]) + "\n", encoding="utf-8")
    say("\n" + "\n\n".join(text) + f"\n\nWritten: {out.with_suffix('.md')}, {path}")


if __name__ == "__main__":
    main()
