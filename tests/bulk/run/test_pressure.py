"""Output that is not taken holds requests back."""

from collections.abc import Callable

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.run import Run
from kvsctl.model import Verb
from tests.bulk.run.support import ONE_BY_ONE, input_of, stop
from tests.support.books import carry_out
from tests.support.simulated.model_service import (
    BROKEN,
    ModelService,
    Turn,
    in_turn,
)


class _Valve:
    """Pressure that a test sets. It wakes the run as a listener would."""

    def __init__(self, pressure: Pressure) -> None:
        self.pressure = pressure

    def __call__(self) -> Pressure:
        return self.pressure

    def turn(self, pressure: Pressure) -> Callable[[Run], None]:
        def action(run: Run) -> None:
            self.pressure = pressure
            run.wake()

        return action


def test_pressure_stops_all_requests_until_it_is_gone() -> None:
    valve = _Valve(Pressure.NONE)
    service = ModelService(in_turn(Turn(fault=BROKEN)))
    moments = [(0.05, valve.turn(Pressure.STOP)), (100.0, valve.turn(Pressure.NONE))]
    ran = carry_out(ONE_BY_ONE, [input_of(3)], service, moments=moments, pressure=valve)
    assert [request.started >= 100.0 for request in service.requests] == [False, True, True, True]
    assert ran.books.states == {"succeeded": 3}


def test_under_pressure_only_the_oldest_go() -> None:
    valve = _Valve(Pressure.OLDEST_ONLY)
    plan = RunPlan(Verb.SET, packing=PackingRule(2, 1000), concurrency=8)
    service = ModelService(in_turn(Turn(fault=BROKEN)))
    ran = carry_out(plan, [input_of(8)], service, pressure=valve)
    assert service.most_in_flight == 1
    assert service.sent == [[0, 1], [0, 1], [2, 3], [4, 5], [6, 7]]
    assert ran.books.states == {"succeeded": 8}


def test_under_pressure_retries_go_while_others_are_in_flight() -> None:
    valve = _Valve(Pressure.NONE)
    plan = RunPlan(Verb.SET, packing=PackingRule(1, 1000), concurrency=2)
    service = ModelService(in_turn(Turn(0.1, fault=BROKEN), Turn(60.0)))
    moments = [(0.05, valve.turn(Pressure.OLDEST_ONLY))]
    ran = carry_out(plan, [input_of(4)], service, moments=moments, pressure=valve)
    assert service.sent == [[0], [1], [0], [2], [3]]
    assert service.requests[2].started < 1
    assert service.requests[3].started >= 60
    assert ran.books.states == {"succeeded": 4}


def test_a_run_under_full_pressure_can_be_stopped() -> None:
    valve = _Valve(Pressure.STOP)
    ran = carry_out(ONE_BY_ONE, [input_of(3)], ModelService(), moments=[(5, stop)], pressure=valve)
    assert ran.books.states == {"unsent": 3}
