"""The figures of the tuning benchmarks as Markdown: ranks in log-loss, what was really used, and what was judged per CPU-second."""

import numpy as np
import pandas as pd

LABELS = {
    "mltoolkit": "mltoolkit",
    "mltoolkit_ensemble": "mltoolkit, `ensemble=True`",
    "autogluon": "AutoGluon, bagged ensemble",
    "autogluon_holdout": "AutoGluon, medium quality",
    "flaml": "FLAML",
    "flaml_stacked": "FLAML, `ensemble=True`",
    "optuna": "Optuna + LightGBM, pruned",
    "random": "random search",
}


def wide(runs, budget, contestants):
    "log-loss, one row a (data, fold), one column a contestant; only rows where all have a figure."
    chosen = [r for r in runs if r["budget_s"] == budget and r["contestant"] in contestants and not r.get("failed")]
    if not chosen:
        return pd.DataFrame()
    table = pd.DataFrame(chosen).pivot_table(index=["data", "fold"], columns="contestant", values="log_loss")
    return table.reindex(columns=list(contestants)).dropna()


def ranks(losses):
    "Mean rank of every column over the rows; 1 is best, ties share."
    return losses.rank(axis=1).mean()


def against(losses, ours, peer, random_state=0):
    "(mean difference of log-loss, 95 % interval over data sets and folds by bootstrap of the data sets, rows where ours is lower)"
    gap = losses[ours] - losses[peer]
    parts = [part.to_numpy() for _, part in gap.groupby(level="data")]
    rng = np.random.default_rng(random_state)
    draws = [np.mean(np.concatenate([parts[i] for i in rng.integers(0, len(parts), len(parts))])) for _ in range(2000)]
    return float(gap.mean()), *(float(v) for v in np.quantile(draws, [0.025, 0.975])), int((gap < 0).sum())


def contest_text(runs):
    lines = ["### Equal budgets of CPU-seconds: log-loss on rows held out", ""]
    lines.append("Goal: a better mean rank than FLAML and than Optuna with LightGBM, at least level with AutoGluon.")
    for budget in sorted({r["budget_s"] for r in runs}):
        mine = [r for r in runs if r["budget_s"] == budget]
        present = [c for c in LABELS if any(r["contestant"] == c and not r.get("failed") for r in mine)]
        losses = wide(mine, budget, present)
        failed = [f"{r['contestant']} on {r['data']}, fold {r['fold']}: {r['failed']}" for r in mine if r.get("failed")]
        if len(losses):
            tables = losses.index.get_level_values(0).nunique()
            lines += ["", f"#### {budget:g} CPU-seconds, {len(losses)} held-out parts of {tables} data sets", ""]
            lines += [*summary(mine, losses), "", *by_data(losses)]
        lines += ["", *(f"Failed: {text}" for text in failed)] if failed else []
    return "\n".join(lines)


def summary(runs, losses):
    lines = ["| | log-loss | mean rank | CPU-s used, median (range) | begun, median | mltoolkit minus this (95 % interval) | lower in |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    rank = ranks(losses)
    ours = next((c for c in ("mltoolkit_ensemble", "mltoolkit") if c in losses), None)
    for c in rank.sort_values().index:
        mine = [r for r in runs if r["contestant"] == c and (r["data"], r["fold"]) in losses.index and not r.get("failed")]
        cpu = np.array([r["cpu_s"] for r in mine])
        gap = "" if ours in (None, c) else "{:+.4f} ({:+.4f} to {:+.4f}) | {}".format(*against(losses, ours, c))
        tried = np.median([r["tried"] for r in mine])
        used = f"{np.median(cpu):.1f} ({cpu.min():.1f} to {cpu.max():.1f})"
        lines.append(f"| {LABELS[c]} | {losses[c].mean():.4f} | {rank[c]:.2f} | {used} | {tried:.0f} | {gap or ' | '} |")
    return [*lines, "", f"Differences are of {LABELS[ours]}."] if ours else lines


def by_data(losses):
    means = losses.groupby(level="data", sort=False).mean()
    lines = ["| data | " + " | ".join(LABELS[c] for c in means) + " |", "|---|" + "---:|" * means.shape[1]]
    for name, row in means.iterrows():
        cells = [f"**{v:.4f}**" if v == row.min() else f"{v:.4f}" for v in row]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def judged_text(found):
    rows = found["rows"]
    lines = ["### Configurations judged per CPU-second", "", "Goal: 3 times those of plain k-fold Optuna, with the same winner.", ""]
    head = "data | rows | configurations | `mlt.tune` CPU-s | `cross_val_score` CPU-s | ratio | done, dropped | same winner | regret"
    lines.append(f"| {head} |")
    lines.append("|---|---:|---:|---:|---:|---:|---|---|---:|")
    for r in rows:
        states = f"{r['states'].get('done', 0)}, {r['states'].get('dropped', 0)}"
        lines.append(f"| {r['data']} | {r['rows']:,} | {r['trials']} | {r['tune_cpu_s']:.1f} | {r['plain_cpu_s']:.1f} | {r['ratio']:.2f} | "
                     f"{states} | {'yes' if r['best'] == r['chosen'] else 'no'} | {100 * r['regret']:.2f} % |")  # fmt: skip
    median = float(np.median([r["ratio"] for r in rows]))
    same = sum(r["best"] == r["chosen"] for r in rows)
    return "\n".join([*lines, "", f"Median ratio {median:.2f}; the same winner on {same} of {len(rows)}."])
