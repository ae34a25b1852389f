"""One process measured from outside: CPU-seconds, peak memory, wall time, under a limit of memory and of time where asked for.

CPU-seconds are user and system time of the process and of its children, from `wait4`, imports and reading included. Peak memory is
the high-water mark the kernel keeps for the largest process. This module imports nothing heavy: a child starts with its parent's mark.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


@dataclass
class Measured:
    "One process. `failed` is empty where all went well."

    cpu_s: float = 0.0
    peak_mb: float = 0.0
    wall_s: float = 0.0
    out_kb: float = 0.0
    failed: str = ""
    limit: str = ""  # how the memory limit was enforced
    printed: str = ""


def own_group(controller, *, listing="/proc/self/cgroup"):
    "The path of this process's group in a cgroup hierarchy: 'memory' in version 1, '' in version 2. None where there is none."
    try:
        lines = Path(listing).read_text().splitlines()
    except OSError:
        return None
    found = [line.split(":", 2)[2] for line in lines if line.split(":", 2)[1] == controller]
    return found[0] if found else None


class MemoryGroup:
    "A cgroup of this benchmark's own, below the group it runs in, with a limit of memory. Raises OSError where it may not be made."

    def __init__(self, limit_mb, *, root=CGROUPS, listing="/proc/self/cgroup"):
        for controller, folder, limit, peak in (
            ("memory", root / "memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
            ("", root, "memory.max", "memory.peak"),
        ):
            group = own_group(controller, listing=listing)
            if group is None or not (folder / group.strip("/") / limit).exists():
                continue
            self.folder, self.peak = folder / group.strip("/") / f"mltoolkit-bench-{os.getpid()}", peak
            self.folder.mkdir()
            try:
                (self.folder / limit).write_text(str(limit_mb * 2**20))
            except OSError:
                self.close()
                raise
            return
        raise OSError("no memory controller in sight")

    def join(self):
        "Called in the child, before it becomes the program that is measured."
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def close(self):
        for _ in range(50):
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.1)


def resident_mb(pid):
    "Memory of a process and its children now, in MB."
    try:
        mine = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError):
        return 0.0
    return mine + sum(resident_mb(child) for child in children)


def limiter(limit_mb, how):
    "(MemoryGroup or None, what to call the way the limit is held). `how`: auto, cgroup or watchdog."
    if not limit_mb:
        return None, ""
    if how != "watchdog":
        try:
            return MemoryGroup(limit_mb), "cgroup"
        except OSError as e:
            if how == "cgroup":
                raise SystemExit(f"error: no cgroup can be made here ({e}); use --limit-by watchdog") from None
    return None, "a watchdog on resident memory, every 10 ms"


def measure(command, *, limit_mb=0, limit_by="auto", timeout=900, out=None, env=None):
    "The `Measured` of a command. `out` is a file it writes, whose size is told. Killed at the limits; then `failed` says so."
    group, words = limiter(limit_mb, limit_by)
    settings = {**os.environ, "MPLBACKEND": "agg", "TQDM_DISABLE": "1", **(env or {})}
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        start, why = time.perf_counter(), ""
        process = subprocess.Popen(
            [str(part) for part in command],
            env=settings,
            stdout=printed,
            stderr=errors,
            start_new_session=True,
            preexec_fn=group.join if group else None,
        )
        try:
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if limit_mb and not group and resident_mb(process.pid) > limit_mb:
                    why = why or f"needs more than {limit_mb:,} MB: killed"
                elif time.perf_counter() - start > timeout:
                    why = why or f"not done after {timeout:,} s: stopped"
                if why:
                    os.killpg(process.pid, signal.SIGKILL)
                time.sleep(0.01)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            os.wait4(process.pid, 0)
            raise
        finally:
            process.returncode = 0  # it was waited for here
            if group:
                group.close()
        wall = time.perf_counter() - start
        texts = [file.read().decode(errors="replace") for file in (printed, errors) if not file.seek(0)]
    peak = usage.ru_maxrss / 1024
    if not why and status:
        why = (
            f"needs more than {limit_mb:,} MB: killed"
            if group and os.WIFSIGNALED(status)
            else error_line(texts[1]) or f"exit status {status}"
        )
    if not why and limit_mb and peak > limit_mb:
        why = f"its peak of {peak:,.0f} MB is above the limit of {limit_mb:,} MB"
    size = os.path.getsize(out) / 1000 if out and os.path.exists(out) else 0.0
    return Measured(usage.ru_utime + usage.ru_stime, peak, wall, size, why, words, texts[0])


def error_line(text):
    "The line of a traceback that names the error, short."
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"^[\w.]*(Error|Exception|Interrupt|Warning|Exit)\b", line) and "Warning" not in line[:60]]
    return (named or lines or [""])[-1][:160]
