"""The content of several groups together."""

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.journal.state import FailuresMark, Group, JournalState, Stage, Totals
from tests.support.journals import note


def test_ranges_add_up_and_the_last_totals_count() -> None:
    state = JournalState()
    one = Totals({"failed": 1}, {"expired": 1}, {"A": 1}, {"A": note(3)}, {3: note(3)})
    two = Totals({"failed": 2}, {}, {"A": 2}, {}, {9: note(9)})
    state.apply(Group(SettledRanges([(0, 4)]), {"A": SettledRanges([(3, 4)])}, totals=one))
    state.apply(
        Group(SettledRanges([(4, 5), (9, 10)]), {"A": SettledRanges([(9, 10)])}, totals=two)
    )
    assert list(state.settled) == [(0, 5), (9, 10)]
    assert list(state.retryable) == list(state.lines) == [(3, 4), (9, 10)]
    assert state.totals == Totals(
        {"failed": 2}, {}, {"A": 2}, {"A": note(3)}, {3: note(3), 9: note(9)}
    )


def test_a_replaced_failure_keeps_its_line_and_is_not_retried() -> None:
    state = JournalState()
    state.apply(Group(SettledRanges([(0, 9)]), {"A": SettledRanges([(2, 5)])}))
    state.apply(Group(replaced=SettledRanges([(3, 4)])))
    assert list(state.retryable) == [(2, 3), (4, 5)]
    assert list(state.lines) == [(2, 5)]
    assert list(state.settled) == [(0, 9)]


def test_held_lines_are_kept_until_the_file_has_them() -> None:
    state = JournalState()
    state.apply(Group(held={5: b"five", 7: b"seven"}, failures=FailuresMark(0, 2)))
    assert state.held == {5: b"five", 7: b"seven"}
    state.apply(Group(failures=FailuresMark(40, 6)))
    assert state.held == {7: b"seven"}


def test_retrying_failures_makes_them_unsettled() -> None:
    state = JournalState()
    totals = Totals({}, {}, {"A": 3}, {"A": note(2)}, {at: note(at) for at in (2, 3, 4)})
    state.apply(
        Group(
            SettledRanges([(0, 9)]),
            {"A": SettledRanges([(2, 5)])},
            ambiguous=SettledRanges([(2, 3)]),
            held={4: b"four"},
            totals=totals,
            failures=FailuresMark(90, 3),
            stage=Stage.COMPLETE,
        )
    )
    state.apply(Group(replaced=SettledRanges([(3, 4)]), totals=Totals(codes={"A": 3})))
    state.apply(Group(retries_failed=True, failures_path="/f", totals=Totals(codes={"A": 1})))
    assert list(state.settled) == [(0, 2), (3, 4), (5, 9)]
    assert list(state.retryable) == list(state.lines) == []
    assert list(state.ambiguous) == [(2, 3)]
    assert state.totals.notes == {3: note(3)}
    assert state.held == {}
    assert state.failures == FailuresMark()
    assert state.stage is Stage.RUNNING
    assert state.has_ended
    assert state.failures_path == "/f"


def test_a_run_that_settles_nothing_leaves_a_job_ended() -> None:
    state = JournalState()
    state.apply(Group(SettledRanges([(0, 9)]), stage=Stage.ENDED))
    state.apply(Group(stage=Stage.RUNNING))
    assert state.stage is Stage.ENDED


def test_a_job_whose_input_has_grown_runs_again() -> None:
    state = JournalState()
    state.apply(Group(SettledRanges([(0, 9)]), stage=Stage.ENDED))
    state.apply(Group(SettledRanges([(9, 12)]), stage=Stage.RUNNING))
    assert state.stage is Stage.RUNNING
