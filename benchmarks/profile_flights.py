"""Profile the joined flights (336,776 rows) with mltoolkit and with peers, in turn, one process each.

CPU-seconds (user and system, children included) and peak memory of the whole process, imports and reading included; the median of
the rounds, and each peer's ratio to mltoolkit within the same round. Run it with `make bench`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
READ = "import pandas as pd; frame = pd.read_parquet(DATA);"
TASKS = {
    "mltoolkit `profile` with leak search": "import mltoolkit as mlt; "
    + READ
    + "p = mlt.profile(frame, target='late'); open(OUT, 'w').write(p._repr_html_()); p.save(OUT + '.json')",
    "skrub `TableReport`": READ + "from skrub import TableReport; TableReport(frame).write_html(OUT)",
    "fg-data-profiling, minimal": READ
    + "from data_profiling import ProfileReport; ProfileReport(frame, minimal=True, progress_bar=False).to_file(OUT)",
}


def measure(python, code):
    "(CPU-seconds, peak MB, wall seconds) of one process."
    with tempfile.TemporaryDirectory() as folder:
        code = f"OUT = {str(Path(folder) / 'out.html')!r}; DATA = {str(DATA)!r}; {code}"
        env = {**os.environ, "OMP_NUM_THREADS": "2", "MPLBACKEND": "agg"}
        start = time.perf_counter()
        process = subprocess.Popen([python, "-c", code], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        error = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{code}\n{error[-2000:]}")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=str(HERE / ".venv/bin/python"), help="the Python that has the peers")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import mltoolkit as mlt

    with tempfile.TemporaryDirectory() as folder:
        DATA = Path(folder) / "flights.parquet"
        frame = mlt.load_example("flights").frame
        frame["time_hour"] = frame["time_hour"].dt.tz_localize(None)  # fg-data-profiling has no zoned times
        frame.to_parquet(DATA)
        print(f"{len(frame):,} rows x {frame.shape[1]} columns, {options.rounds} rounds, {os.cpu_count()} cores\n", flush=True)
        found = {name: [] for name in TASKS}
        for _ in range(options.rounds):
            for name, code in TASKS.items():
                found[name].append(measure(sys.executable if name.startswith("mltoolkit") else options.peers, code))
    own = found[next(iter(TASKS))]
    print("| profiler | CPU-seconds | ratio | peak MB | ratio |\n|---|---:|---:|---:|---:|")
    for name, runs in found.items():
        cpu, peak = (statistics.median(run[i] for run in runs) for i in (0, 1))
        ratios = [statistics.median(run[i] / mine[i] for run, mine in zip(runs, own)) for i in (0, 1)]
        print(f"| {name} | {cpu:.1f} | {ratios[0]:.1f} | {peak:,.0f} | {ratios[1]:.1f} |")
