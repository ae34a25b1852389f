"A profile made by hand in which every field of the model is filled, and synthetic ones of any width."

import numpy as np
import pandas as pd

from mltoolkit.profiling.associations import Associations
from mltoolkit.profiling.columns import ColumnProfile
from mltoolkit.profiling.drift import Drift
from mltoolkit.profiling.table import TableProfile

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
EVIL = "<script>document.title='owned'</script>"
HOSTILE = {
    "tag": EVIL,
    "quote": "quote\" onclick='document.title=1' x",
    "closing": "</script><img src=x onerror=document.title='owned'>",
    "comment": "<!-- <script> -->",
    "entity": "&lt;b&gt; &amp; &#60;",
    "right to left": "\u202edlrow olleh\u202c abc",
    "arabic": "\u0627\u0644\u0627\u0633\u0645 name",
    "emoji": "\U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea column",
    "long": "long_name_" * 1000,
    "lines": "\n".join(f"line {i}" for i in range(5000)),
    "proto": "__proto__",
    "constructor": "constructor",
    "has own": "hasOwnProperty",
    "id": "mltp-card",
    "separator": "line\u2028separator\u2029paragraph",
    "null": "null\x00byte\x1b[31m",
    "surrogate": "half \ud83d surrogate",
    "template": "${7*7} {{7*7}} {% x %}",
    "blank": " ",
    "empty": "",
}


def histogram(values, low, high):
    counts, edges = np.histogram(np.clip(values, low, high), bins=24, range=(low, high))
    return {"edges": [float(f"{e:.6g}") for e in edges], "counts": counts.tolist()}


def number(name, values, n, **more):
    "A ColumnProfile of numbers; `values` are the known ones."
    values = np.asarray(values, float)
    q = dict(zip(map(str, QUANTILES), np.quantile(values, QUANTILES).tolist()))
    mean, std = float(values.mean()), float(values.std())
    low, high = q["0.25"] - 3 * (q["0.75"] - q["0.25"]), q["0.75"] + 3 * (q["0.75"] - q["0.25"])
    unique, counts = np.unique(values, return_counts=True)
    best = np.argsort(-counts, kind="stable")[:20]
    given = {
        "kind": "number", "dtype": "float64", "missing": n - len(values), "distinct": len(unique), "mean": mean, "std": std,
        "skew": float((((values - mean) / (std or 1)) ** 3).mean()), "kurtosis": float((((values - mean) / (std or 1)) ** 4).mean() - 3),
        "min": float(values.min()), "max": float(values.max()), "quantiles": q, "zeros": int((values == 0).sum()),
        "negative": int((values < 0).sum()), "most_frequent_count": int(counts.max()),
        "grid": np.quantile(values, np.linspace(0, 1, 41)).tolist(),
        "histogram": histogram(values, q["0.01"], q["0.99"]) if q["0.99"] > q["0.01"] else {},
        "outliers": {"rule": "Tukey, 3 IQR", "low": low, "high": high, "below": int((values < low).sum()), "above": int((values > high).sum())},
        "top": [[float(unique[i]), int(counts[i])] for i in best] if len(unique) <= 60 else [],
    }  # fmt: skip
    return ColumnProfile(name=name, n=n, **{**given, **more})


def category(name, counts, n, **more):
    "A ColumnProfile of levels; `counts`: level -> rows."
    top = sorted(counts.items(), key=lambda item: -item[1])
    given = {"kind": "category", "dtype": "str", "missing": n - sum(counts.values()), "distinct": len(counts)}
    given |= {"top": [[k, v] for k, v in top[:20]], "most_frequent_count": top[0][1] if top else 0}
    return ColumnProfile(name=name, n=n, **{**given, **more})


def alert(code, severity, column, message, evidence, fix):
    figures = {"value": None, "lower": None, "upper": None}
    return {"code": code, "severity": severity, "column": column, "message": message, "evidence": evidence, "fix": fix, **figures}


def rich_columns(n=336_776, seed=0):
    "Columns that look like the flights, of every kind."
    r = np.random.default_rng(seed)
    m = 20_000
    scale = n / m
    hours = np.array([13, 9, 3, 1, 2, 260, 900, 820, 930, 690, 590, 560, 610, 640, 700, 770, 760, 810, 720, 690, 560, 380, 160, 40])
    days = [50_690, 50_422, 50_060, 50_219, 50_308, 38_720, 46_357]
    months = [27_004, 24_951, 28_834, 28_330, 28_796, 28_243, 29_425, 29_327, 27_574, 28_889, 27_268, 28_135]
    start = 1_357_016_400
    columns = [
        category("late", {False: 299_000, True: 27_500}, n, kind="boolean", dtype="bool", role="target"),
        number("dep_delay", np.round(r.gamma(0.6, 30, m) - 8), n, kind="number", dtype="float64", missing=8_255, top=[[-5.0, 24_821], [-4.0, 24_619]]),
        number("arr_delay", np.round(r.normal(-4, 18, m) + r.gamma(0.3, 80, m)), n, missing=9_430),
        number("arr_time", np.clip(r.normal(15, 4, m), 0, 23.9).astype(int) * 100 + r.integers(0, 60, m), n, kind="clock", missing=8_713),
        number("sched_dep_time", np.clip(r.normal(13, 4, m), 5, 23.9).astype(int) * 100 + r.choice([0, 15, 30, 45], m), n, kind="clock", dtype="int64", missing=0),
        number("air_time", r.gamma(3, 50, m) + 20, n, missing=9_430),
        number("distance", np.round(r.gamma(2.2, 470, m) + 80), n, dtype="int64", missing=0, estimated={"distinct": "within 2 %, HyperLogLog"}),
        number("temp", np.round(r.normal(57, 18, m), 2), n, missing=1_573),
        number("wind_gust", np.round(r.gamma(20, 1.3, m // 4), 5), n, missing=256_391),
        number("visib", np.where(r.random(m) < 0.86, 10.0, np.round(r.random(m) * 10, 1)), n, missing=1_573),
        number("pressure", r.normal(1017, 7, m), n, missing=38_788, sentinels=[[-999, 120], [0, 14]]),
        number("fare", np.exp(r.normal(5, 1, m)) * (r.random(m) > 0.03), n, missing=0, infinite=3, skew=12.4, monotonic=""),
        number("waited", r.gamma(2, 1800, m), n, kind="duration", dtype="duration[us]", missing=0),
        category("carrier", dict(zip(["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA", "OO"], [58_665, 54_635, 54_173, 48_110, 32_729, 26_397, 20_536, 18_460, 12_275, 5_162, 3_260, 714, 685, 601, 342, 32])), n),
        category("origin", {"EWR": 120_835, "JFK": 111_279, "LGA": 104_662}, n),
        category("tailnum", {f"N{i}MQ": 575 - 9 * i for i in range(20)}, n, distinct=4_043, missing=2_512, role="group", patterns=[["A999AA", 0.78], ["A9999A", 0.14]],
                 characters={"letters": 0.48, "digits": 0.52, "spaces": 0, "punctuation": 0, "other": 0}, length={"min": 5, "mean": 6, "max": 6}),
        ColumnProfile(name="flight_id", kind="id", dtype="int64", n=n, missing=0, distinct=n, min=1, max=n, monotonic="increasing", role="id"),
        ColumnProfile(name="year", kind="constant", dtype="int64", n=n, missing=0, distinct=1, min=2013, max=2013, top=[[2013, n]], most_frequent_count=n),
        ColumnProfile(name="time_hour", kind="datetime", dtype="datetime64[us, UTC]", n=n, missing=0, distinct=6_936, min="2013-01-01T05:00:00+00:00", max="2014-01-01T04:00:00+00:00", role="time",
                      quantiles=dict(zip(map(str, QUANTILES), ["2013-01-04T13:00:00", "2013-01-19T10:00:00", "2013-04-04T13:00:00", "2013-07-03T10:00:00", "2013-10-01T07:00:00", "2013-12-13T15:00:00", "2013-12-28T19:00:00"])),
                      histogram={"edges": np.linspace(start, start + 31_532_400, 25).tolist(), "counts": (np.array(months * 2) // 2).tolist()},
                      time={"span_s": 31_532_400, "step_s": 3600, "granularity": "hour", "gaps": 365, "longest_gap_s": 21_600, "hour": (hours * scale).astype(int).tolist(), "weekday": days, "month": months}),
        ColumnProfile(name="remark", kind="text", dtype="str", n=n, missing=201_004, distinct=91_774, blank=412, top=[["gate changed", 1_204], ["waiting for crew", 877], ["de-icing before departure, second time today", 341]], most_frequent_count=1_204,
                      length={"min": 0, "mean": 31.4, "max": 812}, words=[["gate", 812], ["crew", 604], ["weather", 511], ["late", 498], ["aircraft", 377]],
                      characters={"letters": 0.78, "digits": 0.03, "spaces": 0.15, "punctuation": 0.035, "other": 0.005}),
        ColumnProfile(name="price_text", kind="category", dtype="str", n=n, missing=0, distinct=48, semantic="number_text", top=[["12.50", 90_000], ["n/a", 61_000], ["9.90", 40_001]], sentinels=[["n/a", 61_000]], most_frequent_count=90_000, length={"min": 3, "mean": 4.4, "max": 6}),
        ColumnProfile(name="booked_by", kind="text", dtype="str", n=n, missing=1_200, distinct=213_441, semantic="email", sensitive=True, most_frequent_count=61, length={"min": 9, "mean": 22.1, "max": 61}, patterns=[["aaaa.aaaa@aaaa.aaa", 0.61]]),
        ColumnProfile(name="crew", kind="nested", dtype="list[str]", n=n, missing=0, distinct=40_112),
    ]  # fmt: skip
    return columns


def rich_alerts():
    late = "predicts the target almost alone"
    return [
        alert("MLT301", "error", "dep_delay", late, "AUC 0.962 (0.960 to 0.964) alone", "Find out when its value is known; drop it if that is after the event."),
        alert("MLT301", "error", "arr_delay", late, "AUC 1.000 (1.000 to 1.000) alone", "Find out when its value is known; drop it if that is after the event."),
        alert("MLT302", "error", "arr_time", "is missing where the target is missing", "missing in 92.4 % of the 9,430 rows without a target, and in no other", "It comes from the same event as the target: drop it."),
        alert("MLT302", "error", "air_time", "is missing where the target is missing", "missing in all 9,430 rows without a target", "It comes from the same event as the target: drop it."),
        alert("MLT304", "error", "arr_delay", "is declared as known only afterwards", "declared in the contract as known: after; the evidence agrees (MLT301)", "Drop it, as the contract says."),
        alert("MLT101", "warning", "year", "has one value only", "the same value in every known row", "Drop it: it cannot tell rows apart."),
        alert("MLT102", "warning", "wind_gust", "is missing in most rows", "missing in 256,391 of 336,776 rows (76.1 %)", "Find out why; keep it only if its absence means something."),
        alert("MLT102", "warning", "remark", "is missing in most rows", "missing in 201,004 of 336,776 rows (59.7 %)", "Find out why; keep it only if its absence means something."),
        alert("MLT107", "warning", "remark", "holds blank text", "412 of 135,772 known values are blank", "Read blank text as missing."),
        alert("MLT108", "warning", "pressure", "holds values that look like codes for missing", "-999 in 120 rows, 0 in 14 rows", "Read them as missing, or say in the contract that they are real."),
        alert("MLT108", "warning", "price_text", "holds values that look like codes for missing", '"n/a" in 61,000 rows', "Read them as missing, or say in the contract that they are real."),
        alert("MLT110", "warning", "price_text", "holds numbers stored as text", "its values read as numbers", "Convert it to numbers when reading."),
        alert("MLT201", "warning", "", "The table repeats rows", "14 rows repeat an earlier row", "Find out whether they are copies; a copy in train and test flatters the score."),
        alert("MLT312", "warning", "late", "changes over time", "from 5.3 % to 14.0 % between months", "Split in time, and watch it once the model runs."),
        alert("MLT401", "warning", "booked_by", "holds personal data", "email address in 99.8 % of a sample", "Leave it out, or keep it under the rules for personal data; its values are not shown."),
        alert("MLT504", "warning", "temp", "has drifted", "PSI 0.412 (0.401 to 0.422)", "Find out what changed, and evaluate again before you trust the model."),
        alert("MLT104", "info", "tailnum", "has many levels", "4,043 different values", "Group rare levels, or use an encoding made for many levels."),
        alert("MLT104", "info", "remark", "has many levels", "91,774 different values", "Group rare levels, or use an encoding made for many levels."),
        alert("MLT113", "info", "fare", "is strongly skewed", "its skewness is 12.4", "Linear models may want its logarithm; trees do not care."),
        alert("MLT121", "info", "crew", "holds lists or structures", "its type is list[str]", "Take out the parts you need as columns."),
    ]  # fmt: skip


def rich_relation(columns, seed=1):
    r = np.random.default_rng(seed)
    known = {
        "dep_delay": 0.962,
        "arr_delay": 1.0,
        "arr_time": 0.701,
        "air_time": 0.52,
        "sched_dep_time": 0.664,
        "carrier": 0.587,
        "tailnum": 0.571,
        "temp": 0.553,
        "visib": 0.56,
        "pressure": 0.603,
    }
    rows = []
    for p in columns:
        if p.role in ("target", "id") or p.kind in ("constant", "nested"):
            continue
        auc = known.get(p.name, 0.5 + 0.04 * r.random())
        rows.append(
            {
                "column": p.name,
                "auc": auc,
                "score": "auc",
                "lower": auc - 0.004,
                "upper": min(1.0, auc + 0.004),
                "how": "rank" if p.kind == "number" else "rate per level",
                "rows": 327_346,
                "mutual_information": (auc - 0.5) ** 2,
            }
        )
    return pd.DataFrame(rows)


def rich_associations(names):
    names = [n for n in names if n not in ("year", "crew", "booked_by")]
    r = np.random.default_rng(3)
    order = ["dep_delay", "arr_delay", "late", "air_time", "distance", "arr_time", "sched_dep_time", "tailnum", "carrier", "origin"]
    order += [n for n in names if n not in order]
    k = len(order)
    matrix = np.eye(k)
    strong = {
        ("dep_delay", "arr_delay"): 0.91,
        ("dep_delay", "late"): 0.71,
        ("arr_delay", "late"): 0.86,
        ("air_time", "distance"): 0.99,
        ("arr_time", "sched_dep_time"): 0.78,
        ("tailnum", "carrier"): 0.83,
        ("carrier", "origin"): 0.44,
        ("temp", "time_hour"): 0.62,
    }
    for i in range(k):
        for j in range(i):
            value = strong.get((order[j], order[i]), strong.get((order[i], order[j]), float(r.beta(1, 12))))
            matrix[i, j] = matrix[j, i] = round(value, 3)
    pairs = [
        {"a": order[j], "b": order[i], "measure": "spearman" if i < 6 else "cramers_v", "value": matrix[i, j], "pearson": matrix[i, j] - 0.02 if i < 6 else None, "spearman": matrix[i, j] if i < 6 else None}
        for i in range(k) for j in range(i) if matrix[i, j] >= 0.3
    ]  # fmt: skip
    pairs.sort(key=lambda p: -p["value"])
    clusters = [("dep_delay", "arr_delay", "late"), ("air_time", "distance"), ("arr_time", "sched_dep_time"), ("tailnum", "carrier")]
    return Associations(names=order, matrix=matrix.tolist(), pairs=pairs, clusters=clusters, n_columns=k, sample_rows=200_000)


def rich_drift():
    def row(column, status, **given):
        base = dict.fromkeys(("psi", "psi_lower", "psi_upper", "js", "wasserstein", "chi2_p", "missing_before", "missing_after"))
        return {"column": column, "status": status, "kind": "number", "new_levels": [], "gone_levels": [], "note": "", **base, **given}

    rows = [
        row("temp", "drifted", psi=0.4123, psi_lower=0.401, psi_upper=0.422, js=0.21, wasserstein=0.84, missing_before=0.0041, missing_after=0.0047, note="range 10.9 to 82 became 27 to 100.04"),
        row("carrier", "drifted", kind="category", psi=0.119, psi_lower=0.109, psi_upper=0.13, js=0.11, chi2_p=1e-12, missing_before=0.0, missing_after=0.0, new_levels=["OO", EVIL]),
        row("price_text", "type changed", kind="category", note="float64 (numbers) became str (texts)"),
        row("terminal", "removed", kind="category", note="str before"),
        row("crew", "added", kind="nested"),
        row("distance", "same", psi=0.0012, psi_lower=0.0, psi_upper=0.002, js=0.01, wasserstein=0.02, missing_before=0.0, missing_after=0.0),
        row("booked_by", "drifted", kind="text", psi=0.3, new_levels=["secret@example.org"], note="secret@example.org"),
    ]  # fmt: skip
    overall = {"compared": 6, "drifted": 3, "sentence": "3 of 6 columns drifted; the largest change is temp."}
    return Drift(columns=rows, overall=overall, before={"name": "2012", "n_rows": 301_002}, after={"name": "flights", "n_rows": 336_776})


def rich_profile(**changed):
    "Every part filled."
    columns = rich_columns()
    rates = [0.068, 0.07, 0.084, 0.1, 0.086, 0.135, 0.14, 0.084, 0.055, 0.053, 0.047, 0.107]
    given = {
        "name": "flights", "n_rows": 336_776, "columns": columns, "alerts": rich_alerts(), "relation": rich_relation(columns),
        "target": {"name": "late", "kind": "binary", "positive": True, "known": 327_346, "missing": 9_430, "positives": 27_500, "prevalence": 0.084, "lower": 0.083, "upper": 0.085, "imbalance": 10.9},
        "memory": 78_412_944, "sample_rows": 200_000, "duplicates": 14, "keys": [("flight_id",), ("time_hour", "tailnum")],
        "missing_patterns": [{"columns": [], "rows": 46_000, "share": 0.23}, {"columns": ["wind_gust", "remark"], "rows": 80_200, "share": 0.401}, {"columns": ["wind_gust"], "rows": 61_000, "share": 0.305}, {"columns": ["dep_delay", "arr_delay", "arr_time", "air_time", "tailnum"], "rows": 1_490, "share": 0.00745}],
        "associations": rich_associations([p.name for p in columns]),
        "dependencies": [{"determinant": "tailnum", "dependent": "carrier", "share": 0.9963, "kind": "determines"}, {"determinant": "flight_id", "dependent": "time_hour", "share": 1.0, "kind": "determines"}],
        "segments": [{"column": c, "level": v, "n": n, "prevalence": p, "lower": p - 0.006, "upper": p + 0.006} for c, v, n, p in [("carrier", "F9", 681, 0.142), ("carrier", "EV", 51_108, 0.131), ("carrier", "HA", 342, 0.02), ("origin", "EWR", 117_127, 0.091), ("origin", "LGA", 101_140, 0.079)]] + [{"column": "booked_by", "level": "secret@example.org", "n": 9, "prevalence": 0.1, "lower": 0.0, "upper": 0.3}],
        "over_time": [{"start": f"2013-{i + 1:02d}-01T00:00:00", "n": 27_000 + 100 * i, "prevalence": p, "lower": p - 0.003, "upper": p + 0.003} for i, p in enumerate(rates)],
        "splits": {"kind": "time", "reason": "The rate of late changes from month to month, and rows come in time order.", "time": "time_hour", "group": "tailnum"},
        "drift": rich_drift(), "notes": ("Figures of one column alone are out of fold, on 20,000 rows.",),
    }  # fmt: skip
    return TableProfile(**{**given, **changed})


def hostile_profile():
    "Names, values, evidence and levels from HOSTILE."
    columns, n = [], 1_000
    for key, text in HOSTILE.items():
        columns.append(
            category(
                text,
                {text: 700, f"{text} 2": 300},
                n,
                role="feature" if key == "tag" else "",
                estimated={"distinct": text},
                words=[[text[:50], 3]],
                patterns=[[text[:50], 0.9]],
                sentinels=[[text, 3]],
            )
        )
    alerts = [alert("MLT104", "warning", p.name, p.name, p.name, p.name) for p in columns]
    names = [p.name for p in columns]
    pairs = [
        {"a": names[0], "b": names[i], "measure": "cramers_v", "value": 0.9, "pearson": None, "spearman": None}
        for i in range(1, len(names))
    ]
    matrix = (np.eye(len(names)) * 0.5 + 0.5).tolist()
    return TableProfile(
        name=EVIL, n_rows=n, columns=columns, alerts=alerts, notes=(EVIL,), keys=[(EVIL, names[1])], engine="local",
        target={"name": EVIL, "kind": "multiclass", "classes": [[EVIL, 700], [names[2], 300]], "imbalance": 2.3},
        associations=Associations(names=names, matrix=matrix, pairs=pairs, clusters=[tuple(names)], n_columns=len(names), notes=(EVIL,)),
        relation=pd.DataFrame([{"column": x, "auc": 0.7, "score": "macro auc", "lower": 0.6, "upper": 0.8, "how": EVIL, "rows": 10, "mutual_information": 0.1} for x in names if "\ud83d" not in x]),
        segments=[{"column": EVIL, "level": EVIL, "n": 3, "prevalence": 0.1, "lower": 0.0, "upper": 0.2}],
        missing_patterns=[{"columns": names, "rows": 3, "share": 0.003}], splits={"kind": EVIL, "reason": EVIL, "group": EVIL},
        dependencies=[{"determinant": EVIL, "dependent": names[3], "share": 1.0, "kind": EVIL}],
        drift=Drift(columns=[{"column": x, "status": "drifted", "psi": 0.5, "note": x, "new_levels": [x], "gone_levels": [x]} for x in names], overall={"sentence": EVIL}, before={"name": EVIL, "n_rows": 1}, after={"name": EVIL, "n_rows": 2}),
    )  # fmt: skip


def wide_profile(k=2_000, n=10_000, seed=0, prefix="sensor_reading_"):
    "`k` columns, alternately numbers, categories and texts; one alert and a half for each."
    r = np.random.default_rng(seed)
    columns, alerts, base = [], [], r.normal(size=4_000)
    for i in range(k):
        name = f"{prefix}{i:04d}"
        if i % 5 == 3:
            levels = {f"level {chr(65 + j)}{i}": int(n / (j + 2)) for j in range(12)}
            columns.append(category(name, levels, n, missing=int(r.integers(0, n // 3)), most_frequent_count=n // 2))
        elif i % 5 == 4:
            columns.append(
                category(
                    name,
                    {f"some text {j} of {i}": 90 - j for j in range(20)},
                    n,
                    kind="text",
                    missing=17,
                    distinct=8_000 + i % 7,
                    length={"min": 3, "mean": 21.5, "max": 80},
                    words=[[f"word{j}", 80 - j] for j in range(10)],
                    characters={"letters": 0.8, "digits": 0.05, "spaces": 0.15},
                )
            )
        else:
            columns.append(number(name, base * (i + 1) % 977 + r.integers(0, 9), n, missing=int(r.integers(0, n // 2)), distinct=n - i))
        if i % 2:
            alerts.append(
                alert(
                    "MLT102",
                    "warning",
                    name,
                    "is missing in most rows",
                    f"missing in {6_000 + i:,} of 10,000 rows (60 %)",
                    "Find out why; keep it only if its absence means something.",
                )
            )
        alerts.append(
            alert(
                "MLT114",
                "info",
                name,
                "has values far outside the rest",
                f"{i} of 10,000 values are outside -3.2 to {i} (Tukey, 3 IQR)",
                "Look at the largest ones before you trust a mean.",
            )
        )
    names = [p.name for p in columns[:60]]
    matrix = np.round(np.clip(np.abs(r.normal(0, 0.3, (60, 60))), 0, 1), 3)
    matrix = np.maximum(matrix, matrix.T)
    np.fill_diagonal(matrix, 1)
    pairs = [
        {"a": names[i], "b": names[j], "measure": "spearman", "value": float(matrix[i, j]), "pearson": 0.3, "spearman": 0.4}
        for i in range(60)
        for j in range(i)
        if matrix[i, j] > 0.3
    ][:500]
    found = Associations(
        names=names, matrix=matrix.tolist(), pairs=pairs, clusters=[tuple(names[:9]), tuple(names[9:14])], n_columns=k, sample_rows=n
    )
    alerts.sort(key=lambda a: ("error", "warning", "info").index(a["severity"]))
    return TableProfile(
        name="wide", n_rows=n, columns=columns, alerts=alerts, associations=found, memory=160_000_000, duplicates=0, sample_rows=n
    )
