"""The count of a run: complete, bounded, and independent of the order of outcomes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import RecordsRead, RequestEnded, Settled, Waiting, WaitReason
from kvsctl.bulk.outcomes import tally as tally_module
from kvsctl.bulk.outcomes.tally import OTHER_CODES, Tally
from kvsctl.errors import Defect
from kvsctl.model import Outcome, State, Verb
from tests.support.outcomes import ended, failed, problem, record, succeeded, tally_of


def request(verb: Verb = Verb.SET, status: int | None = 200, **more: int | bool) -> RequestEnded:
    given: dict[str, int | bool] = {"units": 2, "is_retry": False, **more}
    return RequestEnded(
        verb,
        25,
        status,
        0.1,
        1000,
        200,
        int(given["units"]),
        bool(given["is_retry"]),
        is_throttled=bool(given.get("is_throttled")),
    )


def test_every_state_has_its_count_and_the_sum_holds() -> None:
    tally = tally_of(
        succeeded(0),
        succeeded(1),
        failed(2),
        ended(3, State.SKIPPED, skipped_by="missing"),
        ended(4, State.SKIPPED, skipped_by="expired"),
        ended(5, State.SKIPPED, skipped_by="missing"),
        ended(6, State.DUPLICATE),
        ended(7, State.UNKNOWN),
        ended(8, State.UNSENT),
    )
    assert (tally.records, tally.succeeded, tally.failed, tally.skipped) == (9, 2, 1, 3)
    assert tally.skipped_by == {"missing": 2, "expired": 1}
    assert (tally.duplicates, tally.unknown, tally.unsent) == (1, 1, 1)
    tally.check_sum()


@pytest.mark.parametrize("state", State)
def test_a_sum_that_does_not_hold_is_a_defect(state: State) -> None:
    extra = failed(1) if state is State.FAILED else ended(1, state)
    tally = tally_of(succeeded(0))
    tally(Settled([extra]))
    with pytest.raises(Defect, match="1 records, but"):
        tally.check_sum()


def test_records_that_never_ended_are_a_defect() -> None:
    tally = tally_of(succeeded(0))
    tally(RecordsRead(1))
    with pytest.raises(Defect, match="2 records, but 1 succeeded"):
        tally.check_sum()


def test_a_failure_without_a_reason_is_a_defect() -> None:
    with pytest.raises(Defect, match=r"users\.jsonl:8 failed without a reason"):
        tally_of(ended(7, State.FAILED))


def test_requests_are_counted_by_how_they_ended() -> None:
    tally = Tally()
    tally(request())
    tally(request(is_retry=True))
    tally(request(Verb.GET, units=3))
    tally(request(Verb.DELETE, units=4))
    tally(request(status=429, units=0, is_throttled=True))
    tally(request(status=None, units=0))
    tally(Waiting(WaitReason.THROTTLED, 3.0))
    assert (tally.requests, tally.retries, tally.throttled) == (6, 1, 1)
    assert (tally.units_read, tally.units_write) == (3, 8)
    assert (tally.bytes_sent, tally.bytes_received) == (6000, 1200)


def test_ambiguous_records_are_counted_however_they_ended() -> None:
    late = record(0)
    late.ambiguous = True
    lost = failed(1)
    assert hasattr(lost.subject, "ambiguous")
    lost.subject.ambiguous = True
    tally = tally_of(Outcome(late, State.SUCCEEDED), lost, succeeded(2))
    assert tally.ambiguous == 2


def test_a_note_says_all_that_is_known_of_a_failure() -> None:
    outcome = failed(16, "user:1", "MAX_SIZE", "too big")
    assert hasattr(outcome.subject, "attempts")
    outcome.subject.attempts = 3
    (note,) = tally_of(outcome).failures
    assert (note.key, note.entity, note.source) == ("user:1", None, "users.jsonl:17")
    assert (note.code, note.message, note.attempts) == ("MAX_SIZE", "too big", 3)


def test_a_note_of_unreadable_input_has_no_key_and_no_attempts() -> None:
    (note,) = tally_of(problem(3, b"{", code="INVALID_JSON", readable=False)).failures
    assert (note.key, note.entity, note.attempts) == (None, None, 0)
    assert note.source == "users.jsonl:4"


@given(st.lists(st.sampled_from(["A", "B", "C", "D", "E"]), max_size=25), st.data())
def test_any_order_of_ends_gives_the_same_failures(codes: list[str], data: st.DataObject) -> None:
    arrival = data.draw(st.permutations(range(len(codes))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally_module, "KEPT_FAILURES", 7)
        tally = Tally()
        for position in arrival:
            tally(Settled([failed(position, code=codes[position])]))
    assert [note.position for note in tally.failures] == list(range(len(codes)))[:7]
    assert tally.failures_truncated == (len(codes) > 7)
    assert {group.code: group.count for group in tally.groups} == Counter(codes)
    for group in tally.groups:
        assert group.example.position == codes.index(group.code)
    counts = [group.count for group in tally.groups]
    assert counts == sorted(counts, reverse=True)


def test_codes_past_the_bound_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "KEPT_CODES", 2)
    tally = tally_of(*(failed(n, code=f"C{n}") for n in range(5)))
    assert {group.code: group.count for group in tally.groups} == {
        "C0": 1,
        "C1": 1,
        OTHER_CODES: 3,
    }


def test_failures_of_two_inputs_may_have_one_position() -> None:
    tally = tally_of(failed(1), failed(0), failed(1), failed(0))
    assert [note.position for note in tally.failures] == [0, 0, 1, 1]
    assert (tally.failed, len(tally.failures)) == (4, 4)
