"Samplers: reproducible after a stop, a grid that tries every point once, errors before the study begins."

import subprocess
import sys

import optuna
import pytest

from mltoolkit.core import InputError
from mltoolkit.modeling import samplers
from mltoolkit.modeling.ranges import Choice, Float, Int
from mltoolkit.modeling.samplers import SAMPLERS, grid_point, make_sampler, trial_seed
from mltoolkit.modeling.spaces import OwnSpace, Space

optuna.logging.set_verbosity(optuna.logging.ERROR)
BOTH = Space(families={"logistic": {"C": Float(0.001, 10, log=True)}, "extra_trees": {"min_samples_leaf": Int(1, 50, log=True),
             "max_features": Float(0.1, 1), "criterion": Choice("gini", "log_loss")}}, strategies=("none", "smote"))  # fmt: skip
ONE = Space(families={"hgb": {"learning_rate": Float(0.01, 0.3, log=True), "max_leaf_nodes": Int(3, 63, log=True)}})


def toy(configuration):
    "Good in the middle of the forest's range."
    if configuration["family"] == "hgb":
        return (configuration["hgb.learning_rate"] - 0.1) ** 2 + (configuration["hgb.max_leaf_nodes"] - 20) ** 2 / 1e3
    if configuration["family"] == "logistic":
        return 1 + abs(configuration["logistic.C"] - 1)
    return abs(configuration["extra_trees.max_features"] - 0.4) + configuration["extra_trees.min_samples_leaf"] / 100


def run(study, space, name, n, *, restart=False, seed=1):
    found = []
    for _ in range(n):
        if restart or not found:
            study.sampler = make_sampler(name, space, random_state=seed)
        trial = study.ask()
        found.append(space.suggest(trial))
        study.tell(trial, toy(found[-1]))
    return found


@pytest.mark.parametrize(("name", "space", "n"), [("tpe", BOTH, 30), ("random", BOTH, 10), ("grid", BOTH, 10), ("cmaes", ONE, 25)])
def test_a_resumed_study_goes_on_as_if_it_had_not_stopped(name, space, n, tmp_path):
    whole = run(optuna.create_study(), space, name, n)
    assert whole == run(optuna.create_study(), space, name, n, restart=True)
    assert whole != run(optuna.create_study(), space, name, n, seed=2)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.log"))
    study = optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="s")
    part = run(study, space, name, n // 2)
    again = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.log")))
    assert whole == part + run(optuna.load_study(study_name="s", storage=again), space, name, n - n // 2)


def test_another_process_gives_the_same_trials():
    code = (
        "import optuna; optuna.logging.set_verbosity(40)\n"
        "from mltoolkit.modeling.samplers import make_sampler; from mltoolkit.modeling.spaces import as_space\n"
        "space = as_space(['logistic', 'extra_trees']); study = optuna.create_study(sampler=make_sampler('tpe', space, random_state=5))\n"
        "for i in range(14):\n    t = study.ask(); c = space.suggest(t); study.tell(t, float(len(str(c)) % 7))\nprint(c)"
    )
    outputs = {subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout for _ in range(2)}
    assert len(outputs) == 1 and "family" in outputs.pop()


def test_tpe_learns():
    found = run(optuna.create_study(), BOTH, "tpe", 60)
    assert sum(c["family"] == "extra_trees" for c in found[30:]) > 22
    assert min(map(toy, found[30:])) < min(map(toy, found[:15]))


def test_trials_side_by_side():
    study = optuna.create_study(sampler=make_sampler("tpe", BOTH, random_state=1))
    trials = [study.ask() for _ in range(6)]
    found = [BOTH.suggest(t) for t in reversed(trials)]
    assert len({str(c) for c in found}) == 6
    for t in trials:
        study.tell(t, 1.0)
    assert not study.sampler._samplers


def test_a_grid_tries_every_point_once_with_two_workers():
    space = Space(families={"logistic": {"C": Float(0.01, 1, log=True)}, "knn": {"n_neighbors": Int(5, 7), "p": Choice(1, 2)}})
    sampler = make_sampler("grid", space)
    assert sampler.size == 5 + 6
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial({"family": "knn", "strategy": "none", "knn.n_neighbors": 6, "knn.p": 1})
    assert space.suggest(study.ask())["knn.n_neighbors"] == 6  # what is asked for takes no point
    found = []
    for _i in range(11):
        study.sampler = make_sampler("grid", space)
        assert not study.sampler.is_exhausted(study)
        found.append(str(space.suggest(study.ask())))
    assert len(set(found)) == 11 and study.sampler.is_exhausted(study)
    assert {grid_point(space, i)["family"] for i in range(5)} == {"logistic"} and grid_point(space, 5)["family"] == "knn"


def test_enqueued_defaults_come_as_they_are():
    for name in ("tpe", "random", "grid"):
        study = optuna.create_study(sampler=make_sampler(name, BOTH))
        for configuration in BOTH.defaults():
            study.enqueue_trial(configuration)
        for configuration in BOTH.defaults():
            assert BOTH.suggest(study.ask()) == configuration


def test_a_sampler_of_the_users_is_used_as_it_is():
    own = optuna.samplers.TPESampler(seed=1)
    assert make_sampler(own, BOTH) is own
    assert "tpe" in repr(make_sampler("tpe", BOTH, random_state=4)) and set(SAMPLERS) == {"tpe", "random", "grid", "cmaes", "gp"}


@pytest.mark.parametrize(
    ("name", "space", "words"),
    [
        ("tpee", BOTH, "Did you mean 'tpe'"),
        (5, BOTH, "Known are"),
        ("cmaes", BOTH, "one family of models, got logistic, extra_trees"),
        ("gp", BOTH, "one family of models"),
        ("cmaes", Space(families={"extra_trees": BOTH.families["extra_trees"]}), "choices for criterion"),
        ("cmaes", Space(families=ONE.families, strategies=("none", "smote")), "choices for strategy"),
        ("cmaes", Space(families={"logistic": BOTH.families["logistic"]}), "two numbers"),
        ("grid", OwnSpace(function=lambda trial: "hgb"), "needs a space with ranges"),
        ("grid", None, "needs a space with ranges"),
        ("grid", Space(families={"knn": {"n_neighbors": Choice(*range(1, 1_501)), "leaf_size": Choice(*range(1, 1_001))}}), "1,500,000"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_before(name, space, words):
    with pytest.raises(InputError, match=words):
        make_sampler(name, space)


def test_gp_says_what_to_install(monkeypatch):
    monkeypatch.setattr(samplers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install torch"):
        make_sampler("gp", ONE)


def test_seeds():
    assert len({trial_seed(r, n) for r in range(10) for n in range(100)}) == 1_000
    assert trial_seed(0, 0) == trial_seed(0, 0) < 2**32 and trial_seed(-1, 3) >= 0
