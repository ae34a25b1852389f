"""Seconds until a first view of a table is there, until its profile is finished, and until a cancel is heard. One process; prints JSON."""

import json
import sys
import threading
import time


def first_view(path):
    "(seconds to the first view, seconds to the finished profile, whether the first view says that it is one)."
    import mltoolkit as mlt

    mlt.profile  # noqa: B018  loads the module: the time of a first import is not what is asked for
    seen = []
    start = time.perf_counter()
    mlt.profile(path, preview=lambda p: seen.append((time.perf_counter() - start, bool(p.preview))))
    done = time.perf_counter() - start
    return (*seen[0], done) if seen else (None, False, done)


def cancel_after(path, wait):
    "Seconds from asking to stop until `profile` has stopped; None where it was done before."
    import mltoolkit as mlt

    cancel, asked = mlt.core.Cancel(), []

    def ask():
        asked.append(time.perf_counter())
        cancel.cancel()

    timer = threading.Timer(wait, ask)
    timer.start()
    try:
        mlt.profile(path, cancel=cancel)
    except mlt.core.Cancelled:
        return time.perf_counter() - asked[0]
    finally:
        timer.cancel()
    return None


def main():
    path = sys.argv[1]
    seen, marked, done = first_view(path)
    waits = [done * share for share in (0.05, 0.2, 0.4, 0.6, 0.8)]
    heard = [v for v in (cancel_after(path, wait) for wait in waits) if v is not None]
    found = {
        "first_view_s": seen,
        "marked_as_preview": marked,
        "finished_s": done,
        "cancel_s": max(heard, default=None),
        "cancels": len(heard),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
