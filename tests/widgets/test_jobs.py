"Background jobs: states, stops that are heard, errors that are kept, progress that does not flood."

import threading
import time

import pytest

from mltoolkit.core import Cancelled, InputError, RunError, Tracker
from mltoolkit.widgets.jobs import Job


def steps(n, seconds=0.01):
    def work(*, progress=None, cancel=None):
        with Tracker(n, "steps", progress=progress, cancel=cancel) as tracker:
            for _ in range(n):
                time.sleep(seconds)
                tracker.step()
        return n

    return work


def test_a_job_is_idle_then_running_then_done():
    job = Job(steps(5), name="five")
    assert job.state == "idle" and job.seconds == 0
    assert job.start() is job and job.state == "running"
    assert job.wait(5) == 5 and job.state == "done" and job.share == 1 and job.result == 5
    assert 0.04 < job.seconds < 2 and "five" in repr(job)
    with pytest.raises(RunError):
        job.start()


def test_a_stop_is_heard_within_a_third_of_a_second():
    job = Job(steps(1_000)).start()
    time.sleep(0.05)
    asked = time.monotonic()
    job.cancel()
    assert job.stopping or job.state == "cancelled"
    with pytest.raises(Cancelled):
        job.wait(2)
    assert time.monotonic() - asked < 0.3 and job.state == "cancelled" and job.result is None


def test_a_stop_is_heard_through_progress_alone():
    def work(*, progress, cancel):
        for i in range(1_000):
            time.sleep(0.005)
            progress(i / 1_000)

    job = Job(work).start()
    time.sleep(0.03)
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait(2)


def test_a_result_that_comes_after_the_stop_is_thrown_away():
    def deaf(*, progress, cancel):
        time.sleep(0.1)
        return "late"

    job = Job(deaf).start()
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait(2)
    assert job.result is None


def test_stopping_before_the_start_and_after_the_end():
    job = Job(steps(1))
    job.cancel()
    assert job.state == "cancelled"
    done = Job(steps(1)).start()
    done.wait(2)
    done.cancel()
    assert done.state == "done"


def test_errors_are_kept_and_raised_by_wait():
    def broken(*, progress, cancel):
        raise InputError("the rule", got="this", fix="Do that.")

    job = Job(broken).start()
    with pytest.raises(InputError, match="the rule"):
        job.wait(2)
    assert job.state == "failed" and "broken" in job.details


def test_waiting_has_an_end():
    job = Job(steps(1_000)).start()
    with pytest.raises(RunError, match="end in time"):
        job.wait(0.05)
    job.cancel()


def test_progress_is_throttled_and_the_last_word_is_not_lost():
    heard = []

    def work(*, progress, cancel):
        for i in range(300):
            progress((i + 1) / 400, f"step {i}")
        time.sleep(0.25)

    job = Job(work, on_change=lambda job: heard.append((job.state, job.note))).start()
    job.wait(5)
    assert len(heard) <= 8
    assert ("running", "step 299") in heard and heard[-1][0] == "done"


def test_a_listener_that_raises_does_not_kill_the_work():
    job = Job(steps(3), on_change=lambda job: 1 / 0).start()
    assert job.wait(5) == 3 and "ZeroDivisionError" in job.details


def test_the_work_is_in_a_daemon_thread_with_the_callers_context():
    import contextvars

    variable = contextvars.ContextVar("cell", default="none")
    variable.set("cell 7")
    seen = {}

    def work(*, progress, cancel):
        seen.update(daemon=threading.current_thread().daemon, cell=variable.get())

    Job(work).start().wait(2)
    assert seen == {"daemon": True, "cell": "cell 7"}
