"Budgets: what is refused, the account of a search, and when it no longer helps to go on."

import math
import time

import pytest

from mltoolkit.core import InputError
from mltoolkit.modeling.budgets import Budget, Ledger, Plateau, as_plateau


@pytest.mark.parametrize("name", ["wall_s", "cpu_s", "fits", "trials", "money", "price_per_hour"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "60", True, [1]])
def test_a_limit_is_a_number_above_zero(name, value):
    with pytest.raises(InputError, match=name) as error:
        Budget(**{name: value})
    assert error.value.exit_code == 2


def test_fits_and_trials_are_whole_and_money_has_a_price():
    with pytest.raises(InputError, match="whole number"):
        Budget(fits=2.5)
    with pytest.raises(InputError, match="price"):
        Budget(money=3)
    assert Budget(money=3, price_per_hour=1.5).limits == {"money": 3}
    assert Budget().limits == {} and str(Budget()) == "no limit"
    assert Budget(**Budget(wall_s=5, fits=3).to_plain()) == Budget(wall_s=5, fits=3)


def test_the_clock_stops_while_paused():
    ledger = Ledger(Budget(wall_s=1))
    ledger.pause()
    before = ledger.spent
    time.sleep(0.05)
    ledger.pause()  # twice is once
    assert ledger.spent == before
    ledger.resume()
    ledger.resume()
    time.sleep(0.05)
    assert 0.04 < ledger.spent["wall_s"] - before["wall_s"] < 0.5


def test_cpu_time_is_counted_once():
    inside, outside = Ledger(Budget(cpu_s=100)), Ledger(Budget(cpu_s=100), in_process=False)
    inside.add(5.0, 5.0)
    outside.add(5.0, 5.0)
    outside.add(1.0, math.nan)  # a fit that could not tell
    assert inside.spent["cpu_s"] < 1 and 5 <= outside.spent["cpu_s"] < 6
    assert inside.spent["fits"] == 1 and outside.spent["fits"] == 2
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert inside.spent["cpu_s"] >= 0.1


def test_money_is_time_on_the_clock_with_a_price():
    ledger = Ledger(Budget(money=1, price_per_hour=7.2), spent={"money": 0.4, "wall_s": 200})
    ledger._since = (ledger._since[0] - 100, ledger._since[1])  # 100 seconds later: 0.2
    assert ledger.spent["money"] == pytest.approx(0.6, abs=1e-3)
    assert ledger.left("money") == pytest.approx(0.4, abs=1e-3)
    assert ledger.allows(expected_seconds=190) and not ledger.allows(expected_seconds=210)
    assert Ledger(Budget(fits=1)).spent["money"] is None


def test_a_fit_is_allowed_only_within_every_limit():
    ledger = Ledger(Budget(wall_s=10, cpu_s=20, fits=5), spent={"wall_s": 4, "cpu_s": 10, "fits": 2})
    assert ledger.allows(5, 5) and not ledger.allows(7, 5) and not ledger.allows(5, 11)
    assert ledger.allows(1, 3, under_way=2) and not ledger.allows(1, 4, under_way=2) and not ledger.allows(1, 1, under_way=3)
    assert not Ledger(Budget(trials=1), spent={"trials": 1}).allows()
    assert Ledger(Budget()).allows(1e9, 1e9)
    assert Ledger(Budget(wall_s=1)).allows()  # nothing is known of the first fit


def test_what_is_used_up_is_said():
    ledger = Ledger(Budget(fits=2, trials=9))
    assert ledger.exhausted is None and ledger.share == 0 and ledger.time_left == ""
    ledger.add(1, 1)
    assert ledger.share == 0.5 and ledger.seconds_left is not None
    ledger.add(1, 1)
    assert ledger.exhausted == "the budget of 2 fits is used up" and ledger.share == 1 and ledger.left("fits") == 0
    assert ledger.seconds_left == 0
    with pytest.raises(InputError):
        ledger.left("joules")


def test_time_left_is_exact_for_the_clock_and_follows_the_pace_otherwise():
    ledger = Ledger(Budget(wall_s=100), spent={"wall_s": 40})
    assert ledger.seconds_left == pytest.approx(60, abs=0.5) and ledger.time_left == "about 60 s"
    ledger = Ledger(Budget(fits=100, wall_s=10_000), spent={"wall_s": 50, "fits": 20})
    assert ledger.seconds_left == pytest.approx(200, abs=1) and ledger.time_left == "about 3 min"
    assert Ledger(Budget(wall_s=36_000)).time_left == "about 10.0 h"
    assert Ledger(Budget()).time_left == "" and Ledger(Budget()).share == 0


def test_a_resumed_account_goes_on():
    ledger = Ledger(Budget(trials=10), spent={"trials": 9, "wall_s": 3.0, "unknown": 1})
    ledger.add(fits=0, trials=1)
    assert ledger.exhausted and ledger.spent["fits"] == 0 and ledger.spent["wall_s"] >= 3


def test_a_plateau_counts_only_improvements_beyond_the_error():
    plateau = Plateau(5, minimum=8)
    for loss in [1.0, 0.9, 0.8]:
        plateau.update(loss, 0.01)
    for loss in [0.795, math.nan, math.inf, 0.79]:
        plateau.update(loss, 0.01)
        assert plateau.reached is None
    plateau.update(0.85, 0.01)
    assert plateau.since == 5 and "last 5 trials" in plateau.reached and "0.01" in plateau.reached
    plateau.update(0.7, math.nan)
    assert plateau.reached is None


def test_slow_progress_adds_up():
    plateau = Plateau(10, minimum=10)
    for i in range(200):
        plateau.update(1 - 0.004 * i, 0.01)  # each step within the error, three steps beyond it
        assert plateau.reached is None


@pytest.mark.parametrize("bad", [0, -3, 2.5, True, "often"])
def test_a_patience_is_a_whole_number(bad):
    with pytest.raises(InputError):
        as_plateau(bad, Budget())


def test_small_budgets_are_not_stopped_early():
    for budget in (Budget(wall_s=60), Budget(cpu_s=30), Budget(trials=100), Budget(fits=500), Budget(wall_s=3600, trials=50)):
        assert as_plateau("auto", budget) is None
    assert as_plateau("auto", Budget(wall_s=3600)).patience == 60
    assert as_plateau("auto", Budget(trials=600)).patience == 200
    assert as_plateau(None, Budget()) is None and as_plateau(7, Budget()).patience == 7
    own = Plateau(3)
    assert as_plateau(own, Budget(wall_s=1)) is own
