"""A job of many parts has a line for all of them, and one for each that is at work."""

from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from kvsctl.bulk.events import RecordsRead, RequestEnded, Settled
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.model import Verb
from kvsctl.report.progress.board import Board
from kvsctl.report.progress.standing import Pause, Standing
from kvsctl.report.progress.terminal import TerminalDisplay
from tests.report.progress.test_painter import environment_on
from tests.support.commands.emulated_terminal import emulated_terminal
from tests.support.outcomes import succeeded


class Part:
    """A part whose standing a test decides."""

    def __init__(self, now: Standing) -> None:
        self.now = now

    def standing(self) -> Standing:
        return self.now

    def parts(self) -> Sequence[Standing]:
        return ()


class Job:
    """A board of installations, and a clock that stands still until it is moved."""

    def __init__(self, installations: int = 10) -> None:
        self.now = 0.0
        self.ended = 0
        self.tally = Tally()
        self.board = Board(
            *("delete", "installation", installations),
            *(self.tally, lambda: self.ended, lambda: self.now),
        )

    def end(self, records: int) -> None:
        self.ended += 1
        self.tally(RecordsRead(records))
        self.tally(Settled([succeeded(0)] * records))
        self.tally(RequestEnded(Verb.DELETE, 25, 200, 0.1, 9, 9, 1, is_retry=True))


def test_one_part_is_not_several() -> None:
    assert Job(1).board.standing().parts == "0 of 1 installation"


def test_the_whole_is_what_has_ended_and_what_is_at_work() -> None:
    job = Job()
    job.end(100)
    part = Part(Standing("a", 50, done=0.5, failed=2, retries=1))
    with job.board.showing(part):
        job.now = 15.0
        standing = job.board.standing()
    assert (standing.count, standing.failed, standing.retries) == (150, 2, 2)
    assert (standing.parts, standing.done) == ("1 of 10 installations", 0.15)
    assert standing.seconds_left == pytest.approx(85)
    assert standing.rate == 10


def test_the_whole_does_not_end_before_its_parts() -> None:
    job = Job()
    with job.board.showing(Part(Standing("a", 50, done=0.5, seconds_left=400.0))):
        job.now = 1.0
        assert job.board.standing().seconds_left == pytest.approx(400)


def test_no_time_is_shown_while_nothing_says_when_a_part_continues() -> None:
    job, throttled = Job(), Standing("b", done=0.0, pause=Pause("throttled (HTTP 429)", ""))
    with job.board.showing(Part(throttled)):
        for _ in range(9):
            job.end(100)
        job.now = 10.0
        assert job.board.standing().seconds_left is None
        with job.board.showing(Part(Standing("c", 50, done=0.5, seconds_left=40.0))):
            job.now = 20.0
            standing = job.board.standing()
    assert standing.seconds_left == pytest.approx(40)
    assert standing.is_least


def test_the_time_until_a_part_works_is_not_that_of_work() -> None:
    job = Job()
    part = Part(Standing("a", 0, done=0.0))
    with job.board.showing(part):
        job.now = 60.0
        assert job.board.standing().seconds_left is None
        job.now, part.now = 61.0, Standing("a", 50, done=0.5)
        assert job.board.standing().seconds_left == pytest.approx(19)


def test_what_is_listed_counts_as_keys_until_something_is_settled() -> None:
    job = Job()
    with job.board.showing(Part(Standing("a", 500, is_listed=True))):
        job.now = 10.0
        standing = job.board.standing()
        assert (standing.count, standing.noun, standing.rate) == (500, "key", 50)
    with job.board.showing(Part(Standing("b", 100, is_listed=True))):
        assert job.board.standing().count == 600
        job.end(5)
        standing = job.board.standing()
        assert (standing.count, standing.noun, standing.rate) == (5, "record", 0.5)


def test_what_earlier_runs_have_settled_is_in_the_share_and_not_in_the_rate() -> None:
    job = Job()
    job.end(1000)
    board = Board(
        "set", "installation", 4, job.tally, lambda: job.ended, lambda: job.now, finished=6
    )
    with board.showing(Part(Standing("a", 1200, done=0.5, earlier=1100))):
        job.now = 10.0
        standing = board.standing()
        assert (standing.count, standing.rate, standing.done) == (2200, 10, 0.65)
        assert standing.parts == "6 of 10 installations"
        assert standing.seconds_left == pytest.approx(70)
    job.end(1200)
    assert board.standing().rate == 10


def test_the_count_never_falls_when_a_part_ends() -> None:
    job = Job()
    with job.board.showing(Part(Standing("a", 50))):
        assert job.board.standing().count == 50
    assert job.board.standing().count == 50
    job.end(50)
    assert job.board.standing().count == 50


def test_a_part_that_begins_takes_the_row_of_one_that_has_ended() -> None:
    board = Job().board
    with ExitStack() as first, board.showing(Part(Standing("b"))):
        with board.showing(Part(Standing("c"))):
            pass
        first.enter_context(board.showing(Part(Standing("d"))))
        assert [part.label for part in board.parts()] == ["b", "d"]


@pytest.mark.parametrize(
    ("columns", "lines", "expected"),
    [
        (80, 24, [
            "delete    0%  0 of 10 installations  10 records  0/s",
            "  a            10 records  0/s",
            "  longer-name   0 records  0/s  waiting 48 s for quota",
        ]),
        (40, 24, [
            "delete    0%  0 of 10 installations",
            "  a            10 records  0/s",
            "  longer-name  waiting 48 s for quota",
        ]),
        (80, 3, [
            "delete    0%  0 of 10 installations  10 records  0/s",
            "  … and 2 more",
        ]),
        (80, 2, ["delete    0%  0 of 10 installations  10 records  0/s"]),
    ],
    ids=["wide", "narrow", "low", "one line"],
)  # fmt: skip
def test_each_part_has_a_row_as_far_as_there_is_room(
    columns: int, lines: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    board = Job().board
    quota = Standing("longer-name", pause=Pause("waiting 48 s for quota"))
    with emulated_terminal(columns, lines) as terminal:
        display = TerminalDisplay(environment_on(terminal.fd))
        parts = (board.showing(Part(Standing("a", 10))), board.showing(Part(quota)))
        with parts[0], parts[1], display.showing(board):
            terminal.wait_for(lambda rows: len(rows) == len(expected))
            assert [_without_bar(row) for row in terminal.rows] == expected
        assert terminal.settled_rows() == []


def _without_bar(row: str) -> str:
    return row.replace("────────  ", "")
