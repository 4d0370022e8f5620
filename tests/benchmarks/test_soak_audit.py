"""The soak's comparison finds what a run lost, made up, or misreported."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.soak.audit import Mismatches, Row, audit_numbers, audit_store, audit_whole
from benchmarks.soak.workload import SPAN, Fate, Piece, Placed, piece, placed
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.journal.state import JournalState, Stage, Totals

_SEED = 4
_RECORDS = 10_000


@dataclass
class Job:
    """What a run that did everything right leaves behind."""

    rows: list[Row] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)
    state: JournalState = field(default_factory=JournalState)

    @property
    def found(self) -> list[str]:
        """What the comparison says of it."""
        found = Mismatches()
        lines = (json.dumps(one).encode() for one in self.failures)
        sums, standing = audit_whole(_SEED, _RECORDS, self.rows, lines, found)
        audit_numbers(self.report, self.state, sums, standing, found)
        assert found.count >= len(found.shown)
        return found.shown


@pytest.fixture
def job() -> Job:
    made = Job()
    codes: Counter[str] = Counter()
    written: dict[str, Row] = {}
    for one in placed(_SEED, _RECORDS):
        fails = one.piece
        if fails.fate is Fate.STORED:
            assert fails.key is not None
            written[fails.key] = Row(fails.key, fails.value, 1 if fails.has_ttl else None)
            continue
        codes[fails.code] += 1
        if not one.is_replaced:
            made.failures.append(_failure(one))
            made.state.failed.setdefault(fails.code, SettledRanges()).add(fails.position)
    made.rows = sorted(written.values())
    failed = codes.total()
    made.report = {
        "records": _RECORDS, "succeeded": _RECORDS - failed, "failed": failed, "duplicates": 0,
        "skipped": 0, "unknown": 0, "unsent": 0, "requests": 9, "retries": 0,
    }  # fmt: skip
    made.state.totals = Totals(counts=dict(made.report), codes=dict(codes))
    made.state.settled.add(0, _RECORDS)
    made.state.stage = Stage.COMPLETE
    return made


def _failure(one: Placed) -> dict[str, Any]:
    text = one.piece.line.decode()
    members = {"raw": text} if one.piece.key is None else json.loads(text)
    error = {"code": one.piece.code, "message": ""}
    return {**members, "error": error, "source": f"in.jsonl:{one.piece.position + 1}"}


def test_nothing_is_found_where_all_is_right(job: Job) -> None:
    assert job.found == []


def _lose_a_record(job: Job) -> None:
    del job.rows[77]


def _write_another_value(job: Job) -> None:
    job.rows[77] = job.rows[77]._replace(value=b"1")


def _forget_an_expiry(job: Job) -> None:
    place = next(n for n, row in enumerate(job.rows) if row.expires is not None)
    job.rows[place] = job.rows[place]._replace(expires=None)


def _store_what_was_refused(job: Job) -> None:
    job.rows.insert(0, Row("bad0000000000", b"1", None))


def _store_one_too_many(job: Job) -> None:
    job.rows.append(Row("k9999999999", b"1", None))


def _lose_a_failure(job: Job) -> None:
    del job.failures[3]


def _repeat_a_failure(job: Job) -> None:
    job.failures.append(job.failures[-1])


def _change_a_failure(job: Job) -> None:
    next(one for one in job.failures if "value" in one)["value"] = 1


def _misname_a_failure(job: Job) -> None:
    job.failures[3]["source"] = "in.jsonl:1"


def _misreport_a_code(job: Job) -> None:
    job.failures[3]["error"]["code"] = "UNNAMED"


def _count_one_too_few(job: Job) -> None:
    job.report["succeeded"] -= 1


def _leave_one_unsettled(job: Job) -> None:
    job.state.settled.discard(5, 6)


def _note_a_failure_that_was_none(job: Job) -> None:
    job.state.failed["INVALID_JSON"].add(0)


def _end_too_soon(job: Job) -> None:
    job.state.stage = Stage.ENDED


@pytest.mark.parametrize(
    "spoil",
    [
        _lose_a_record, _write_another_value, _forget_an_expiry, _store_what_was_refused,
        _store_one_too_many, _lose_a_failure, _repeat_a_failure, _change_a_failure,
        _misname_a_failure, _misreport_a_code, _count_one_too_few, _leave_one_unsettled,
        _note_a_failure_that_was_none, _end_too_soon,
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(job: Job, spoil: Callable[[Job], None]) -> None:
    spoil(job)
    assert job.found


def test_an_older_value_of_a_key_is_found_once_its_last_is_settled() -> None:
    writes = _written_twice()
    old, new = writes[0], writes[-1]
    assert old.key is not None
    rows = [Row(old.key, old.value, 1 if old.has_ttl else None)]
    for settled, count in (([old], 0), ([old, new], 1)):
        found = Mismatches()
        positions = SettledRanges((one.position, one.position + 1) for one in settled)
        audit_store(_SEED, _RECORDS, rows, positions, found)
        assert found.count == count


def _written_twice() -> list[Piece]:
    for one in placed(_SEED, _RECORDS):
        writes = [other for other in one.of_its_key if other.fate is Fate.STORED]
        if len(writes) > 1:
            return writes
    raise AssertionError("no key is written twice")


def test_what_is_not_settled_may_be_missing() -> None:
    found = Mismatches()
    audit_store(_SEED, _RECORDS, [], SettledRanges(), found)
    assert found.count == 0


def test_pieces_come_in_order_with_all_of_their_key() -> None:
    seen = list(placed(_SEED, _RECORDS))
    assert [one.piece.position for one in seen] == list(range(_RECORDS))
    assert [one.piece for one in seen] == [piece(_SEED, n) for n in range(_RECORDS)]
    by_key: dict[str | None, list[int]] = {}
    for one in seen:
        by_key.setdefault(one.piece.key, []).append(one.piece.position)
    for one in seen:
        if one.piece.key is not None:
            assert [other.position for other in one.of_its_key] == by_key[one.piece.key]
    assert max(p[-1] - p[0] for key, p in by_key.items() if key is not None) < SPAN


def test_the_input_has_all_that_may_happen_to_a_key() -> None:
    def kinds() -> Iterator[tuple[Fate, ...]]:
        for one in placed(_SEED, _RECORDS):
            if one.is_first:
                yield tuple(other.fate for other in one.of_its_key)

    seen = set(kinds())
    stored, refused, problem = Fate.STORED, Fate.REFUSED, Fate.PROBLEM
    assert seen > {(stored,), (refused,), (problem,), (stored, stored), (stored, problem)}
