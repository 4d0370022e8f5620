import asyncio

from kvsctl.bulk.events import Event, RecordsRead, Settled
from kvsctl.bulk.feeds import ReadyFeed
from kvsctl.jobs.examine import examine
from kvsctl.model import Problem, Record, State
from tests.support.records import problem, record


def test_everything_that_is_read_is_settled_and_nothing_sent() -> None:
    events, admitted = list[Event](), list[Record | Problem]()
    feed = ReadyFeed([[record(0), problem(1)], [], [record(2, "x")]])
    asyncio.run(examine(feed, [events.append], admitted.extend))
    read = [event.count for event in events if isinstance(event, RecordsRead)]
    ends = [event.outcomes for event in events if isinstance(event, Settled)]
    assert read == [2, 1]
    assert [(one.position, one.state) for outcomes in ends for one in outcomes] == [
        (0, State.UNSENT), (1, State.FAILED), (2, State.UNSENT)
    ]  # fmt: skip
    failure = ends[0][1].failure
    assert failure is not None
    assert failure.code == "INVALID_KEY"
    assert [one.position for one in admitted] == [0, 1, 2]
    assert len(events) == 4
