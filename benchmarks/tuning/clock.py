"""CPU-seconds of a process and its children, and how a program that counts seconds on the wall is made to count these."""

import resource
import time


def cpu_seconds():
    "User and system time of this process, and of its children that have ended."
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def on_cpu_time():
    "From here on `time.time()` goes on with the CPU-seconds of this process. To be called before anything copies the function."
    began, used = time.time(), cpu_seconds()
    time.time = lambda: began + cpu_seconds() - used
