"""Totals and exit codes of jobs on several installations."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.outcomes.tally import KEPT_CODES, KEPT_FAILURES, OTHER_CODES, Tally
from kvsctl.errors import ExitStatus, TargetError
from kvsctl.jobs.installations.sums import Sum, exit_status
from kvsctl.jobs.job import JobEnd
from kvsctl.model import Failure, Outcome, State
from kvsctl.report.document import failure_members
from kvsctl.report.installations.ends import COUNTS, InstallationEnd, counts_of
from tests.support.records import record

_STATES = st.sampled_from([State.SUCCEEDED, State.FAILED, State.SKIPPED, State.UNSENT])
_CODES = st.sampled_from(["INVALID_KEY", "MAX_SIZE", "KEY_NOT_FOUND"])
_OUTCOMES = st.lists(st.tuples(_STATES, _CODES), max_size=8)
_ENDS = st.sampled_from([None, *map(int, ExitStatus)])


def _tally(outcomes: list[tuple[State, str]]) -> Tally:
    tally = Tally()
    for position, (state, code) in enumerate(outcomes):
        tally(RecordsRead(1))
        tally(Settled([_outcome(position, state, code)]))
    return tally


def _outcome(position: int, state: State, code: str) -> Outcome:
    subject = record(position, f"k{position}")
    if state is State.FAILED:
        return Outcome(subject, state, Failure(code, "no"))
    return Outcome(subject, state, skipped_by="expired" if state is State.SKIPPED else None)


@given(st.lists(_OUTCOMES, max_size=5))
def test_the_sum_is_that_of_all_installations(stores: list[list[tuple[State, str]]]) -> None:
    names = [f"i{number}" for number in range(len(stores))]
    whole = Sum(names)
    for name, outcomes in zip(reversed(names), reversed(stores), strict=True):
        tally = _tally(outcomes)
        line = InstallationEnd(name, int(bool(tally.failed)), None, 1.0, counts_of(tally))
        whole.add(line, JobEnd(tally, 1.0, None))
    whole.tally.check_sum()
    assert [line.installation for line in whole.lines] == names
    for name in COUNTS:
        assert getattr(whole.tally, name) == sum(line.count(name) for line in whole.lines)
    flat = [one for outcomes in stores for one in outcomes]
    failed = Counter(code for state, code in flat if state is State.FAILED)
    assert {group.code: group.count for group in whole.tally.groups} == dict(failed)
    assert whole.tally.skipped_by == Counter(
        "expired" for state, _ in flat if state is State.SKIPPED
    )
    listed = Counter(failure_members(note)["installation"] for note in whole.tally.failures)
    assert listed == Counter({line.installation: line.count("failed") for line in whole.lines})


def test_the_failures_of_many_installations_are_bounded() -> None:
    whole = Tally()
    for number in range(KEPT_CODES + 20):
        whole.add(_tally([(State.FAILED, f"CODE_{number}")] * 10), f"i{number}")
    assert whole.failed == 10 * (KEPT_CODES + 20)
    assert len(whole.failures) == KEPT_FAILURES
    assert whole.failures_truncated
    assert {group.code: group.count for group in whole.groups}[OTHER_CODES] == 200


def _lines(*codes: int | None) -> list[InstallationEnd]:
    return [InstallationEnd(str(place), code) for place, code in enumerate(codes)]


def test_what_all_installations_share_is_the_exit_code() -> None:
    assert exit_status(_lines(0, 0)) is ExitStatus.OK
    assert exit_status(_lines(3, 3)) is ExitStatus.REFUSED
    assert exit_status(_lines(4, 4)) is ExitStatus.UNREACHABLE
    assert exit_status(_lines(0, 3)) is ExitStatus.FAILURES
    assert exit_status(_lines(3, 4, 1)) is ExitStatus.FAILURES
    assert exit_status(_lines(0, 75, 1)) is ExitStatus.WORK_LEFT
    gave_up = TargetError("gave up")
    assert exit_status(_lines(0, 1, None), gave_up) is ExitStatus.UNREACHABLE
    assert exit_status(_lines(0, 141, None)) is ExitStatus.PIPE_CLOSED


@given(st.lists(_ENDS, min_size=1), st.booleans(), st.booleans())
def test_a_defect_lost_output_and_an_interrupt_come_first(
    codes: list[int | None], is_interrupted: bool, has_error: bool
) -> None:
    error = TargetError("gave up") if has_error else None
    interrupted = ExitStatus.TERMINATED if is_interrupted else None
    status = exit_status(_lines(*codes), error, interrupted)
    if ExitStatus.DEFECT in codes:
        assert status is ExitStatus.DEFECT
    elif ExitStatus.STREAM in codes:
        assert status is ExitStatus.STREAM
    elif is_interrupted:
        assert status is ExitStatus.TERMINATED
    assert (status is ExitStatus.OK) == (set(codes) == {0} and not (error or interrupted))


def test_a_line_has_all_counts_even_if_it_was_not_begun() -> None:
    members: dict[str, Any] = InstallationEnd("a").members
    assert members["exit_code"] is None
    assert members["units"] == {"read": 0, "write": 0}
    assert members["records"] == members["requests"] == 0
    assert "error" not in members
