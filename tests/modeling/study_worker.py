"A worker process of the tests: `python study_worker.py STORAGE NAME TRIALS [SECONDS]` judges toy configurations until there are enough."

import sys
import time

from mltoolkit.modeling.studies import open_study

ABOUT = {"data": "d1", "split": "s1", "scoring": "log_loss"}


def loss_of(x, kind):
    return (x - 0.3) ** 2 + (kind == "b")


def finished(study):
    return sum(row["state"] in ("done", "dropped") for row in study.trials())


def work(study, trials, seconds):
    for x in (0.1, 0.5, 0.9):  # every worker queues the same defaults
        study.enqueue({"x": x, "kind": "a"})
    while finished(study) < trials:
        study.claim_lost()
        trial = study.ask()
        x, kind = trial.suggest_float("x", 0, 1), trial.suggest_categorical("kind", ["a", "b"])
        study.note(trial, configuration={"x": x, "kind": kind})
        print(trial.number, flush=True)
        for fold in range(3):
            time.sleep(seconds)
            study.report(trial, fold, loss_of(x, kind))
        study.tell(trial, "done", loss_of(x, kind), score=loss_of(x, kind), folds=3)


if __name__ == "__main__":
    storage, name, trials = sys.argv[1:4]
    with open_study(storage, name, about=ABOUT) as study:
        work(study, int(trials), float(sys.argv[4]) if len(sys.argv) > 4 else 0.0)
