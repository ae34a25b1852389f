"What was measured, as Markdown."

import statistics


def table(found):
    "The Markdown of one work."
    if "skipped" in found:
        return f"### {found['title']}\n\nSkipped: {found['skipped']}.\n"
    lines = [f"### {found['title']}", ""]
    lines += (
        [f"Run with {found['rows']:,} rows, so no goal applies.", ""]
        if not found["goal"]
        else [f"Goal for mltoolkit: {found['goal']}.", ""]
    )
    lines += ["| profiler | CPU-seconds | ratio | peak MB | ratio | HTML kB | wall s |", "|---|---:|---:|---:|---:|---:|---:|"]
    own = [r for r in found["contenders"][0]["runs"]]
    for c in found["contenders"]:
        name = c["name"] + (f" ({c['note']})" if c["note"] else "")
        failed = [r["failed"] for r in c["runs"] if r["failed"]]
        if failed or not c["runs"]:
            lines.append(f"| {name} | failed: {(failed or ['not run'])[0].replace('|', '/')} | | | | | |")
            continue
        cpu, peak, size, wall = (statistics.median(r[k] for r in c["runs"]) for k in ("cpu_s", "peak_mb", "out_kb", "wall_s"))
        ratios = ["", ""]
        if not any(r["failed"] for r in own):
            ratios = [f"{statistics.median(r[k] / o[k] for r, o in zip(c['runs'], own)):.1f}" for k in ("cpu_s", "peak_mb")]
        html = f"{size:,.0f}" if size else "none"
        lines.append(f"| {name} | {cpu:.2f} | {ratios[0]} | {peak:,.0f} | {ratios[1]} | {html} | {wall:.2f} |")
    return "\n".join(lines + [""] + [f"{note[0].upper()}{note[1:]}." for note in found["notes"]]) + "\n"


def pair_table(found):
    "The Markdown of the comparison of two saved profiles."
    if found.get("failed"):
        return f"### {found['title']}\n\nFailed: {found['failed']}\n"
    runs, peer = found["ours"], found.get("evidently")
    ms, first, start = (statistics.median(r[k] for r in runs) for k in ("ms", "first_ms", "cpu_s_with_start"))
    sizes = " and ".join(f"{b / 1000:.1f}" for b in runs[0]["bytes"])
    lines = [f"Goal for mltoolkit: 100 ms, 32 kB each. Reading both files and comparing {runs[0]['columns']} columns takes {ms:.0f} ms,"]
    lines += [f"the first time in a process {first:.0f} ms; the files have {sizes} kB."]
    if runs[0]["imported"]:
        lines.append(f"Imported on the way: {', '.join(runs[0]['imported'])}.")
    if peer and not peer["failed"]:
        lines.append(f"evidently, from the rows: {peer['cpu_s']:.1f} CPU-s and {peer['peak_mb']:,.0f} MB, start and imports included;")
        lines.append(f"mltoolkit, from the profiles: {start:.2f} CPU-s with start, imports and 21 comparisons.")
    return "\n".join([f"### {found['title']}", "", *lines, *(sentence(n) for n in found["notes"])]) + "\n"


def sentence(note):
    return f"{note[0].upper()}{note[1:]}."


def latency_table(found):
    if found.get("failed"):
        return f"### {found['title']}\n\nFailed: {found['failed']}\n"
    one = {k: [r[k] for r in found["ours"] if r[k] is not None] for k in ("first_view_s", "finished_s", "cancel_s")}
    words = {k: f"{statistics.median(v):.2f} s" if v else "none" for k, v in one.items()}
    heard = f"{max(one['cancel_s']):.2f} s" if one["cancel_s"] else "none was heard"
    text = (
        f"First view after {words['first_view_s']} (goal 0.5 s), finished after {words['finished_s']}; slowest cancel {heard} (goal 0.3 s)."
    )
    return f"### {found['title']}\n\n{text} Wall time, imports done.\n"
