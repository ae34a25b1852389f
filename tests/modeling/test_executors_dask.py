"Validation on a Dask cluster: a real one of separate processes, a worker killed in the middle, the same result."

import os
import signal
import sys
import time

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from test_validation import TIMES, quiet, table

from mltoolkit.core import InputError
from mltoolkit.modeling.executors import open_executor

distributed = pytest.importorskip("distributed")


class Patient(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        time.sleep(0.1)
        return super().fit(X, y)


MODELS = {"dummy": "dummy", "a": Patient(C=1.0), "b": Patient(C=0.1), "hgb": "hgb"}


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50) as cluster:
        yield cluster


def test_a_worker_killed_in_the_middle_changes_nothing(cluster):
    data, killed = table(), []
    pids = {name: worker.pid for name, worker in cluster.workers.items()}
    assert len(set(pids.values()) | {os.getpid()}) == 3  # separate processes

    def kill(record, board):
        if len(board.table().query("folds > 0")) >= 2 and not killed:
            killed.append(pids[0])
            os.kill(killed[0], signal.SIGKILL)

    found = quiet(data, MODELS, executor=cluster.scheduler_address, on_fit=kill, race=3)
    assert killed and not os.path.exists(f"/proc/{killed[0]}") and not found.failed
    alone = quiet(data, MODELS, n_jobs=1, race=3)
    pd.testing.assert_frame_equal(found.predictions, alone.predictions, check_exact=True)
    pd.testing.assert_frame_equal(found.fits.drop(columns=TIMES), alone.fits.drop(columns=TIMES), check_exact=True)
    pd.testing.assert_frame_equal(found.races, alone.races, check_exact=True)


def test_data_that_every_worker_lost_is_sent_again(cluster):
    with open_executor(cluster.scheduler_address) as workers:
        shared = workers.share([3, 1, 2])
        kill_all(cluster)
        workers.start("a", sorted, shared, keep=True)
        found = wait(workers)
        kill_all(cluster)
        workers.start("b", sum, found["a"])
        assert wait(workers) == {"b": 6}
        workers.start("c", int, "no number")
        assert isinstance(wait(workers)["c"], ValueError)


def kill_all(cluster):
    for worker in cluster.workers.values():
        os.kill(worker.pid, signal.SIGKILL)


def wait(workers, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done = workers.next()
        if done is not None:
            return dict([done])
    raise AssertionError("nothing came")


def test_its_own_cluster():
    found = quiet(table(n=240), ["dummy", "logistic"], executor="dask", n_jobs=1)
    pd.testing.assert_frame_equal(found.predictions, quiet(table(n=240), ["dummy", "logistic"]).predictions, check_exact=True)


def test_an_address_where_nobody_listens():
    start = time.monotonic()
    with pytest.raises(InputError, match="Dask scheduler that answers"):
        quiet(table(), ["logistic"], executor="tcp://127.0.0.1:9")
    assert time.monotonic() - start < 10


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'mltoolkit\[dask\]'"):
        quiet(table(), ["logistic"], executor="dask")


def test_trials_on_a_cluster_are_those_of_this_process(cluster):
    import mltoolkit as mlt
    from mltoolkit.modeling.candidates import make_pipeline_for
    from mltoolkit.modeling.trials import Judge
    from mltoolkit.modeling.validation import prepared_data

    data = table()
    split = mlt.split(data, n_splits=3)
    fit_data, found = prepared_data(data, split, data.features), []
    for executor in (None, cluster.scheduler_address):
        with Judge(fit_data, split, data, z=None, executor=executor) as judge:
            for n, C in enumerate((0.1, 1.0)):
                judge.start(n, make_pipeline_for("logistic", fit_data.X).set_params(model__C=C))
            while judge.running:
                judge.next(timeout=30)
            found.append(judge.oof([0, 1]))
    pd.testing.assert_frame_equal(*found, check_exact=True)
