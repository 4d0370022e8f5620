"""A clean-up from its listing to its last pass."""

import asyncio

import pytest

from kvsctl.bulk.events import PageListed, RequestEnded, Settled
from kvsctl.errors import CredentialsError, UsageError, WorkLeft
from kvsctl.jobs.cleanup.actions import Deleting
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.job import InputChecks
from kvsctl.listing.remainder import Cutoff
from kvsctl.model import Found
from kvsctl.selection.content.expressions import Expression
from kvsctl.selection.moments import Age
from kvsctl.selection.selection import Selection
from kvsctl.service.client import QueryAnswer
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.queries import Query
from kvsctl.service.wire import MetadataRequest
from tests.jobs.cleanup.support import Around, clean_up, cleanup_job
from tests.support.books import Books
from tests.support.simulated.shared_store import SharedStore

_AGES = MetadataRequest(updated=True)


def _found(value: bytes = b"1", moment: float = -1.0) -> Found:
    return Found(value, None, round(moment * 1000))


def _store(*keys: str, **changes: object) -> SharedStore:
    return SharedStore({key: _found() for key in keys}, **changes)  # type: ignore[arg-type]


def test_what_is_listed_is_deleted_and_only_that_settles() -> None:
    store, books = _store("a1", "a2", "b1"), Books()
    around = Around(books)
    assert clean_up(cleanup_job(Selection("a")), store, around) is None
    assert set(store.records) == {"b1"}
    assert books.states == {"succeeded": 2}
    assert [one.operation for one in books.requests] == ["query", "delete", "query"]


def test_a_listing_that_breaks_deletes_nothing() -> None:
    store = _store("a1", "a2", "a3", "a4")
    whole = store.query

    async def breaking(query: Query) -> QueryAnswer:
        if query.cursor is None:
            return await whole(query)
        fault = Fault(FaultKind.UNAUTHORISED, "UNAUTHORIZED", "said the service", 401)
        return QueryAnswer(None, fault, 401, 0.1, 10, 10, None, None)

    store.query = breaking  # type: ignore[method-assign]
    around = Around()
    error = clean_up(cleanup_job(Selection("a")), store, around)
    assert isinstance(error, CredentialsError)
    assert store.deleted == []
    assert around.tally.records == 0


@pytest.mark.parametrize(
    "most", [MostDeleted(2), MostDeleted(percent=70.0), MostDeleted(value_bytes=2)]
)
def test_more_than_is_allowed_deletes_nothing(most: MostDeleted) -> None:
    store = _store("a1", "a2", "a3", "b1")
    error = clean_up(cleanup_job(Selection("", regexes=[]), most=most), store, Around())
    assert isinstance(error, UsageError)
    assert error.message.endswith(": nothing was deleted")
    assert store.deleted == []


def test_what_the_guard_counts_is_everything_that_is_deleted_in_all_passes() -> None:
    store = _store("a1", others=[(0.25, "a2", _found())])
    error = clean_up(cleanup_job(Selection("a"), most=MostDeleted(1)), store, Around())
    assert isinstance(error, WorkLeft)
    assert [key for key, _, _ in store.deleted] == ["a1"]


def test_what_queries_showed_too_late_is_deleted_by_a_later_pass() -> None:
    store = _store("a1", "a2", lag_seconds=0.25, others=[(0.0, "a3", _found())])
    around = Around()
    assert clean_up(cleanup_job(Selection("a")), store, around) is None
    assert store.records == {}
    assert around.tally.succeeded == 3


def test_deleted_keys_that_queries_still_show_are_not_deleted_again() -> None:
    store = _store("a1", "a2", lag_seconds=100.0)
    around = Around()
    assert clean_up(cleanup_job(Selection("a")), store, around) is None
    assert around.tally.succeeded == 2
    assert len(store.deleted) == 2


def test_keys_that_others_keep_writing_are_left_in_the_end() -> None:
    store = _store("a0", others=[(n / 10, f"a{n}", _found()) for n in range(1, 100)])
    error = clean_up(cleanup_job(Selection("a")), store, Around())
    assert isinstance(error, WorkLeft)
    assert "left" in error.message
    assert error.hint == "Run the same command again."


def test_records_that_changed_since_they_were_listed_are_kept() -> None:
    store = _store("a1", "a2", others=[(0.22, "a2", _found(moment=0.22))])
    around = Around()
    job = cleanup_job(Selection("a", older_than=0.0), needed=_AGES)
    assert clean_up(job, store, around) is None
    assert set(store.records) == {"a2"}
    assert around.tally.skipped_by == {"changed": 1}


def test_undecided_records_are_kept_and_counted_once_in_all_passes() -> None:
    store = _store("a1", "a2", lag_seconds=0.25, others=[(0.0, "a3", _found())])
    store.records["a2"] = Found(b'"?"', 0, 0)
    around = Around()
    around.tally.records = around.tally.skipped = around.tally.skipped_by["undecided"] = 7
    job = cleanup_job(Selection("a", where=[Expression("value >= `0`", "--where")]))
    assert clean_up(job, store, around) is None
    assert set(store.records) == {"a2"}
    assert around.tally.skipped_by == {"undecided": 1}
    assert (around.tally.records, around.tally.succeeded) == (3, 2)
    around.tally.check_sum()


def test_ages_count_from_one_moment_in_all_passes() -> None:
    # The others are a moment too young when the first page is read, and old enough at the second.
    store = _store("a1", others=[(0.0, "a2", _found(moment=-9.7)), (0.25, "a3", _found())])
    store.records["a1"] = _found(moment=-100.0)
    cutoff = Cutoff()
    job = cleanup_job(Selection("a", older_than=Age(10.0)), needed=_AGES)
    assert clean_up(job, store, Around(cutoff=cutoff)) is None
    assert set(store.records) == {"a2", "a3"}
    assert cutoff.ages_count_from == pytest.approx(0.2)


def test_a_resumed_run_keeps_the_moment() -> None:
    store = _store("a1", "a2")
    store.records |= {"a1": _found(moment=-100.0), "a2": _found(moment=-60.0)}
    job = cleanup_job(Selection("a", older_than=Age(10.0)), needed=_AGES)
    assert clean_up(job, store, Around(cutoff=Cutoff(-55.0))) is None
    assert set(store.records) == {"a2"}


def test_an_empty_selection_is_no_error_unless_input_is_required() -> None:
    assert clean_up(cleanup_job(Selection("a")), _store("b"), Around()) is None
    job = cleanup_job(Selection("a"), checks=InputChecks(requires_input=True))
    assert isinstance(clean_up(job, _store("b"), Around()), UsageError)


def test_requests_and_pages_of_listings_reach_the_listeners_and_their_records_do_not() -> None:
    kinds: list[type] = []

    def note(event: object) -> None:
        kinds.append(type(event))

    clean_up(cleanup_job(Selection("a")), _store("a1"), Around(note))
    assert kinds.count(PageListed) == 1
    assert kinds.count(RequestEnded) == 3
    assert kinds.count(Settled) == 1


def test_what_an_index_chose_is_kept_if_its_value_is_another_than_listed() -> None:
    store = _store(
        "a1", "a2", "a3", others=[(0.11, "a2", _found(b"2")), (0.12, "a3", _found(b"1.0"))]
    )
    around = Around()
    job = cleanup_job(Selection("a"), reads_first=True, action=Deleting(compares_values=True))
    assert clean_up(job, store, around) is None
    assert set(store.records) == {"a2"}, "1.0 is the same value as 1"
    assert around.tally.skipped_by == {"changed": 1}


def test_without_a_terminal_and_consent_nothing_is_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def no() -> str:
        await asyncio.sleep(0)
        return "no"

    monkeypatch.setattr("kvsctl.jobs.question.typed_line", no)
    store = _store("a1")
    error = clean_up(cleanup_job(Selection("a"), has_consent=False), store, Around())
    assert isinstance(error, UsageError)
    assert error.message == "not confirmed: nothing was deleted"
    assert store.deleted == []
