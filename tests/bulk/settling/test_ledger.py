"""The ledger: settling, lanes and listeners."""

from kvsctl.bulk.events import Event, Listener, RecordsRead, Settled
from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.settling.ledger import Ledger
from kvsctl.errors import KvsctlError, StreamError
from kvsctl.model import Failure, Found, Outcome, State
from tests.support.records import problem, record


class _Desk:
    """A ledger, and the events that it emits."""

    def __init__(self, *, join: bool = False) -> None:
        self.heard: list[Event] = []
        self.changes = 0
        self.stops: list[KvsctlError] = []
        self.broken: KvsctlError | None = None
        self.lanes = Lanes(join=join)
        self.ledger = Ledger(
            self.lanes,
            [self._break, self.heard.append],
            changed=self._change,
            stop=self.stops.append,
        )

    def _change(self) -> None:
        self.changes += 1

    def _break(self, _: Event) -> None:
        if self.broken is not None:
            raise self.broken

    @property
    def settled(self) -> list[tuple[int, State]]:
        return [
            (outcome.position, outcome.state)
            for event in self.heard
            if isinstance(event, Settled)
            for outcome in event.outcomes
        ]


def test_settling_opens_the_lane_and_emits_one_event() -> None:
    desk = _Desk()
    first, second = record(0, "a"), record(1, "b")
    for one in (first, second):
        desk.lanes.admit(one)
    desk.lanes.send([first, second])
    failure = Failure("CODE", "no")
    outcomes = (Outcome(first, State.SUCCEEDED), Outcome(second, State.FAILED, failure))
    desk.ledger.settle_away(outcome for outcome in outcomes)
    assert desk.lanes.admitted == 0
    assert desk.settled == [(0, State.SUCCEEDED), (1, State.FAILED)]
    assert (len(desk.heard), desk.changes, desk.ledger.failures) == (1, 1, 1)


def test_followers_share_all_of_an_outcome() -> None:
    desk = _Desk(join=True)
    first, follower = record(0), record(1)
    for one in (first, follower):
        desk.lanes.admit(one)
    desk.lanes.send([first])
    first.attempts, first.ambiguous = 3, True
    found = Found(b"1")
    desk.ledger.settle_away([Outcome(first, State.SKIPPED, found=found, skipped_by="expired")])
    [event] = desk.heard
    assert isinstance(event, Settled)
    shared = event.outcomes[1]
    assert shared.subject is follower
    assert (shared.state, shared.found, shared.skipped_by) == (State.SKIPPED, found, "expired")
    assert (follower.attempts, follower.ambiguous) == (3, True)


def test_a_follower_that_an_earlier_run_left_open_stays_ambiguous() -> None:
    desk = _Desk(join=True)
    first, follower = record(0), record(1)
    follower.ambiguous = True
    for one in (first, follower):
        desk.lanes.admit(one)
    desk.lanes.send([first])
    desk.ledger.settle_away([Outcome(first, State.SUCCEEDED, found=Found(b"1"))])
    assert (first.ambiguous, follower.ambiguous) == (False, True)


def test_followers_that_fail_count_as_failures() -> None:
    desk = _Desk(join=True)
    records = [record(place) for place in range(3)]
    for one in records:
        desk.lanes.admit(one)
    desk.lanes.send(records[:1])
    desk.ledger.settle_away([Outcome(records[0], State.FAILED, Failure("CODE", "no"))])
    assert desk.ledger.failures == 3


def test_no_event_is_emitted_if_nothing_settled() -> None:
    desk = _Desk()
    desk.ledger.settle_here([])
    assert (desk.heard, desk.changes) == ([], 0)


def test_a_listener_receives_only_what_it_wants_though_it_was_added_late() -> None:
    class Selective:
        wants = frozenset({Settled})

        def __init__(self) -> None:
            self.heard: list[Event] = []

        def __call__(self, event: Event) -> None:
            self.heard.append(event)

    everything: list[Event] = []
    inner, late = Selective(), Selective()
    listeners: list[Listener] = [everything.append]
    ledger = Ledger(
        Lanes(join=False), listeners, inner=[inner], changed=lambda: None, stop=lambda _: None
    )
    listeners.append(late)
    outcomes = [Outcome(problem(0), State.FAILED, Failure("CODE", "no"))]
    ledger.emit(RecordsRead(1))
    ledger.settle_here(outcomes)
    assert everything == [RecordsRead(1), Settled(outcomes)]
    assert inner.heard == late.heard == [Settled(outcomes)]


def test_a_broken_listener_stops_the_run_and_the_others_still_receive_events() -> None:
    desk = _Desk()
    desk.broken = StreamError("disk full")
    desk.ledger.emit(RecordsRead(1))
    desk.ledger.settle_here([Outcome(problem(0), State.FAILED, Failure("CODE", "no"))])
    assert desk.stops == [desk.broken] * 2
    assert desk.heard[0] == RecordsRead(1)
    assert desk.settled == [(0, State.FAILED)]
