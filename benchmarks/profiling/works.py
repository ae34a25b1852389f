"""The works that are measured: for each, its data and one short program per contender. OUT, DATA and the like are filled in."""

from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
READ = "import pandas as pd; frame = pd.read_parquet(DATA); "
PLAIN_TIMES = (  # fg-data-profiling has no zoned times
    "zoned = [c for c in frame.columns if isinstance(frame[c].dtype, pd.DatetimeTZDtype)]; "
    "frame = frame.assign(**{c: frame[c].dt.tz_localize(None) for c in zoned}); "
)
OURS = "import mltoolkit as mlt; p = mlt.profile(DATA); p.to_html(OUT)"
TARGET = OURS.replace("(DATA)", "(DATA, target='late')")
OURS_LIMITED = OURS.replace("(DATA)", "(DATA, memory_budget='400MB')")
SKRUB = READ + "from skrub import TableReport; TableReport(frame, verbose=0).write_html(OUT)"
MINIMAL = (
    READ + PLAIN_TIMES + "from data_profiling import ProfileReport; ProfileReport(frame, minimal=True, progress_bar=False).to_file(OUT)"
)
FULL = MINIMAL.replace("minimal=True, ", "")
SWEETVIZ = READ + PLAIN_TIMES + "import sweetviz; sweetviz.analyze(frame, pairwise_analysis='off').show_html(OUT, open_browser=False)"
SUMMARIZE = "import duckdb; print(len(duckdb.sql('SUMMARIZE SELECT * FROM read_parquet(' + repr(DATA) + ')').fetchall()))"
LIMITED = SUMMARIZE.replace(
    "print(", "duckdb.sql(\"SET memory_limit='500MB'\"); duckdb.sql('SET preserve_insertion_order=false'); print(", 1
)

PAIR = """
import json, os, sys, time
import mltoolkit as mlt
from mltoolkit.core import Result
from mltoolkit.profiling.drift import compare_profiles
times = []
for _ in range(21):
    start = time.perf_counter()
    drift = compare_profiles(Result.load(BEFORE), Result.load(AFTER))
    times.append(time.perf_counter() - start)
heavy = sorted({"scipy", "sklearn"} & set(sys.modules))
print(json.dumps({"first_ms": 1000 * times[0], "ms": 1000 * sorted(times)[10], "columns": len(drift.columns), "imported": heavy,
                  "bytes": [os.path.getsize(BEFORE), os.path.getsize(AFTER)]}))
"""
SAVE = "import mltoolkit as mlt; mlt.profile(DATA).save(OUT)"
EVIDENTLY = READ + (
    "before, after = frame.iloc[: len(frame) // 2], frame.iloc[len(frame) // 2 :]; from evidently import Report; "
    "from evidently.presets import DataDriftPreset; Report([DataDriftPreset()]).run(after, before).save_html(OUT)"
)


@dataclass
class Contender:
    name: str
    code: str
    ours: bool = False
    note: str = ""
    rounds: int = 0  # at most this many; 0: as many as asked for


@dataclass
class Work:
    name: str
    title: str
    data: str  # mixed, wide, flights, flights_joined
    rows: int
    contenders: list
    goal: str = ""
    limit_mb: int = 0
    disk_gb: float = 0.0
    notes: list = field(default_factory=list)
    optional: bool = False  # only with --only NAME


CAPS = "skrub draws plots and associations for 30 columns at most by default"
SMALL = Contender("fg-data-profiling, minimal", MINIMAL)
REPORT = Contender("skrub TableReport", SKRUB)
ONCE = replace(REPORT, rounds=1)
APPROXIMATE = "no report; distinct counts and quantiles are approximate"


def works(*, full=False):
    "All works, in order. `full` adds sweetviz, fg-data-profiling with everything switched on, and its minimal form on 2,000 columns."
    ours, more = Contender("mltoolkit", OURS, ours=True), []
    told = Contender("mltoolkit", OURS_LIMITED, ours=True, note="told to use 400 MB")
    if full:
        more = [Contender("fg-data-profiling", FULL, rounds=1), Contender("sweetviz, without pairs", SWEETVIZ, rounds=1)]
    return [
        Work(
            name="mixed",
            title="1,000,000 rows x 30 mixed columns, Parquet to finished HTML",
            data="mixed",
            rows=1_000_000,
            contenders=[ours, REPORT, SMALL, Contender("DuckDB SUMMARIZE", SUMMARIZE, note=APPROXIMATE)],
            goal="2.5 CPU-s, 350 MB, 150 kB",
        ),
        Work(
            name="flights",
            title="nycflights13 flights, the raw table",
            data="flights",
            rows=336_776,
            contenders=[ours, REPORT, SMALL, *more],
            goal="a quarter of skrub's CPU",
        ),
        Work(
            name="joined",
            title="nycflights13 flights, with weather, planes, airports and airlines joined",
            data="flights_joined",
            rows=336_776,
            contenders=[ours, Contender("mltoolkit with a target: leaks and splits too", TARGET, ours=True), REPORT, SMALL, *more],
            goal="a quarter of skrub's CPU",
            notes=[CAPS],
        ),
        Work(
            name="wide",
            title="10,000 rows x 2,000 columns",
            data="wide",
            rows=10_000,
            contenders=[ours, ONCE, *([replace(SMALL, rounds=1)] if full else [])],
            goal="15 CPU-s, 2,000 kB",
            notes=[CAPS],
        ),
        Work(
            name="large",
            title="20,000,000 rows x 30 mixed columns under 768 MB",
            data="mixed",
            rows=20_000_000,
            contenders=[told, Contender("DuckDB SUMMARIZE", LIMITED, note=APPROXIMATE + "; told to use 500 MB"), ONCE],
            goal="25 CPU-s",
            limit_mb=768,
            disk_gb=3.5,
            optional=True,
        ),
    ]
