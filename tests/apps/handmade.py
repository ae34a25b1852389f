"A run folder made by hand: what a finished run of the flights looks like, without running anything."

import math

RECIPE = """\
version: 1
name: flights
question: Which flights will arrive an hour or more late?
unit: flights
positive: late
random_state: 0
data:
  table: example:flights/flights
  target: {name: late, column: arr_delay, at_least: 60}
  roles: {time: time_hour, group: tailnum}
contract:
  columns:
    temp: {type: number, min: -20, max: 120, note: observed in the hour of departure; earlier use needs a forecast}
    precip: {type: number, note: observed in the hour of departure; earlier use needs a forecast}
    arr_delay: {type: number, known: after}
split: {kind: time, test_from: 2013-11-01, n_splits: 5, gap: 1D}
drop: {arr_delay: the target is made of it, dep_delay: known only after the flight has left, year: one value only}
train: {models: [dummy, logistic, hgb], scoring: neg_log_loss}
costs: {fp: 1, fn: 8, currency: hundred dollars}
evaluate: {slices: [carrier, month]}
"""


WORST = [
    {"column": "carrier", "level": "UA", "kind": "missed", "n": 9000, "positives": 630, "value": 0.41, "expected": 0.66, "text": "..."},
    {"column": "carrier", "level": "<script>alert(1)</script>", "kind": "probability", "n": 120, "positives": 24, "value": 0.1, "expected": 0.2, "text": "..."},
]  # fmt: skip


def frame(**columns):
    rows = len(next(iter(columns.values())))
    kinds = {bool: "bool", int: "int64", float: "float64"}
    tagged = []
    for name, values in columns.items():
        kind = next((kinds[type(v)] for v in values if type(v) in kinds), "str")
        tagged.append({"name": name, "dtype": kind, "v": list(values)})
    return {"$": "frame", "rows": rows, "columns": tagged, "index": None}


def result(kind, /, **fields):
    return {"$": "result", "kind": kind, "fields": fields}


def outcome(recall, lower, upper, n, late, alarms):
    caught = round(recall * late)
    cost, nothing = (alarms - caught) * 1.0 + (late - caught) * 8.0, late * 8.0
    share = {"recall": recall, "precision": caught / alarms, "alarm_rate": alarms / n, "saving": nothing - cost, "cost": cost}
    spread = frame(figure=list(share), value=list(share.values()), lower=[v * lower / recall for v in share.values()],
                   upper=[v * upper / recall for v in share.values()])  # fmt: skip
    return result("Outcome", threshold=0.111, rows=n, positives=late, alarms=alarms, caught=caught, cost_of_nothing=nothing, cost_fp=1.0,
                  cost_fn=8.0, **share, intervals=spread)  # fmt: skip


def results():
    thresholds = [i / 100 for i in range(1, 80)]
    cost = [9000 + 4000 * (t - 0.12) ** 2 / 0.02 if t < 0.12 else 9000 + 9000 * (1 - math.exp(-(t - 0.12) * 5)) for t in thresholds]
    recall = [math.exp(-3.2 * t) for t in thresholds]
    levels = ["EV", "UA", "B6", "<script>alert(1)</script>", "A name that is much too long for any table, whatever its width may be"]
    n = [8000, 9000, 7500, 120, 60]
    rate = [0.13, 0.07, 0.09, 0.2, 0.5]
    importance = frame(column=["sched_dep_time", "precip", "dest", "<b>hostile</b>", "visib", "wind_gust"], importance=[0.0121, 0.008, 0.005, 0.004, 0.0001, -0.0001],
                       lower=[0.0101, 0.0071, 0.004, 0.003, -0.0002, -0.0003], upper=[0.0142, 0.009, 0.006, 0.005, 0.0004, 0.0001])  # fmt: skip
    local = frame(row=[11, 11, 11, 42, 42, 42], column=["precip", "dest", "sched_dep_time"] * 2, value=["0.3", "ORD", "1945", "0.0", "LAX", "600"],
                  contribution=[0.21, 0.04, 0.09, -0.02, -0.01, -0.04], error=[0.001] * 6)  # fmt: skip
    return {
        "split": result("Split", kind="time", n_rows=336776, n_unknown=9430, description="In time: 5 expanding folds; the 53,207 rows from 2013-11-01 on are locked.",
                        table=frame(fold=["1", "locked test"], train_rows=[40000, 270000], valid_rows=[45000, 53207],
                                    **{"from": ["2013-03-01T05:00:00", "2013-11-01T04:00:00"], "to": ["2013-05-01T05:00:00", "2013-12-31T23:00:00"]})),
        "joins": result("JoinReport", table=frame(table=["weather", "planes"], keys=["origin, time_hour", "tailnum"], matched=[335220, 284170],
                                                  unmatched=[1556, 52606], rows_before=[336776, 336776], rows_after=[336776, 336776])),
        "contract": result("ContractReport", ok=True, n_rows=336776, violations=frame(column=[], rule=[], count=[], share=[], examples=[])),
        "profile": result("TableProfile", name="flights", n_rows=274000, columns=[], alerts=[], target={"prevalence": 0.0865, "missing": 9430, "n": 336776}),
        "leaks_report": result("LeakReview", table=frame(column=["arr_delay", "dep_delay", "gate_time"], codes=["MLT301, MLT302", "MLT301", ""],
                                                         declared=[True, True, True], dropped=[True, True, True],
                                                         reason=["the target is made of it", "known only after the flight has left", "known late"])),
        "comparison": result("Comparison", scoring="neg_log_loss", best="hgb",
                             table=frame(model=["hgb", "logistic", "dummy"], label=["gradient boosting", "logistic regression", "always the mean"],
                                         score=[0.2471, 0.2502, 0.2960], log_loss=[0.2471, 0.2502, 0.2960], lower=[0.242, 0.245, 0.29], upper=[0.252, 0.255, 0.302],
                                         average_precision=[0.26, 0.24, 0.086], roc_auc=[0.76, 0.74, 0.5], brier=[0.071, 0.072, 0.079],
                                         fit_seconds=[2.1, 1.3, 0.0], tied=[True, True, False])),
        "decision": result("Decision", cost_fp=1.0, cost_fn=8.0, average_precision=0.26, brier=0.071,
                           table=frame(threshold=thresholds, tp=[100] * 79, fp=[200] * 79, fn=[50] * 79, tn=[1000] * 79, cost=cost),
                           calibration=frame(bin=list(range(6)), mean_predicted=[0.01, 0.04, 0.08, 0.15, 0.3, 0.5], observed=[0.012, 0.037, 0.082, 0.14, 0.33, 0.41],
                                             lower=[0.009, 0.03, 0.07, 0.12, 0.28, 0.35], upper=[0.015, 0.044, 0.09, 0.17, 0.37, 0.47], count=[60000, 50000, 40000, 9000, 2000, 700]),
                           curve=frame(precision=[0.1 + 0.7 * (1 - r) for r in recall], recall=recall, threshold=thresholds)),
        "slices": result("SliceReport", worst=WORST, overall={"recall": 0.66}, table=frame(column=["carrier"] * 5, level=levels, n=n, positives=[1040, 630, 675, 24, 30], prevalence=rate, mean_proba=[0.12, 0.072, 0.09, 0.1, 0.1],
                                                             recall=[0.7, 0.41, 0.6, 0.5, None], precision=[0.2, 0.2, 0.21, 0.3, None], alarm_rate=[0.3, 0.1, 0.2, 0.2, 0.1],
                                                             brier=[0.1, 0.06, 0.07, 0.1, 0.2], lower=[0.68, 0.39, 0.55, 0.3, None], upper=[0.72, 0.43, 0.65, 0.7, None])),
        "outcome_oof": outcome(0.66, 0.64, 0.68, 227000, 19600, 51000),
        "outcome": outcome(0.62, 0.58, 0.66, 53207, 4500, 11400),
        "test_outcome": result("TestOutcome", model="hgb", label="log-loss", score=0.2513, cv_score=0.2471, gap=0.0042, gap_lower=-0.0056, gap_upper=0.0143,
                               told="Cross-validated log-loss 0.2471 (0.2420 to 0.2520), locked test 0.2513 (0.2430 to 0.2600): a gap of 0.0042 "
                               "(-0.0056 to 0.0143), which may be chance."),
        "opening": {"who": "demo", "when": "2026-11-23T14:02:11+00:00", "times_opened_before": 1, "threshold": 0.111},
        "explanation": result("Explanation", importance=importance, local=local, base=0.085, predictions=frame(row=[11, 42], prediction=[0.425, 0.015])),
    }  # fmt: skip
