"""What an answer was charged, for batches and for queries alike."""

import pytest

from kvsctl.bulk.pacing.charges import charged_units, note_end
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.service.client import QueryAnswer
from kvsctl.service.faults import Fault, FaultKind


def _answer(status: int | None, kind: FaultKind | None = None) -> QueryAnswer:
    fault = None if kind is None else Fault(kind, "CODE", "message", status)
    return QueryAnswer(None, fault, status, 0.1, 25_000, 15_000, None, None)


@pytest.mark.parametrize(
    ("answer", "read", "written"),
    [
        (_answer(200), 2, 3),
        (_answer(204), 2, 3),
        (_answer(204, FaultKind.UNANSWERED), 0, 0),
        (_answer(503, FaultKind.TROUBLED), 0, 0),
        (_answer(None, FaultKind.UNREACHED), 0, 0),
    ],
)
def test_only_a_success_has_units(answer: QueryAnswer, read: int, written: int) -> None:
    assert charged_units(answer, reads=True) == read
    assert charged_units(answer, reads=False) == written


@pytest.mark.parametrize(
    ("answer", "used"),
    [
        (_answer(200), (1, 2)),
        (_answer(204), (1, 2)),
        (_answer(204, FaultKind.UNANSWERED), (1, 5)),
        (_answer(400, FaultKind.REFUSED), (1, 0)),
        (_answer(None, FaultKind.UNREACHED), (0, 0)),
        (_answer(None, FaultKind.UNANSWERED), (1, 5)),
    ],
)
def test_what_may_have_been_charged_counts(answer: QueryAnswer, used: tuple[int, int]) -> None:
    """`used`: requests and units, of which one second and one minute have 1 and 5."""
    for place, pace in enumerate((Pace(1.0, None), Pace(None, 5.0))):
        pacer = Pacer(pace, lambda: 0.0)
        start = pacer.start(5, 25, reads=True)
        assert pacer.wait_seconds(1, reads=True) > 0
        note_end(pacer, start, answer, charged_units(answer, reads=True), 25)
        most = (1, 5)[place]
        left = most - used[place]
        assert (pacer.wait_seconds(left or 1, reads=True) == 0) is bool(left)


def test_a_read_is_what_the_next_ones_are_expected_to_cost() -> None:
    pacer = Pacer(Pace(), lambda: 0.0)
    for found, expected in ((0, 1), (25, 2)):
        start = pacer.start(1, 25, reads=True)
        note_end(pacer, start, _answer(200), 2, found)
        assert pacer.expected_units(25) == expected
