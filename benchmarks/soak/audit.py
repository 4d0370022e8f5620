"""Compare the results of a run with what the seed determines, in one pass and bounded memory."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from benchmarks.soak.workload import Fate, Piece, Placed, placed
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.journal.state import JournalState, Stage

_SHOWN: Final = 20

Settled: TypeAlias = SettledRanges | range


class Row(NamedTuple):
    """A record in the server's database."""

    key: str
    value: bytes
    expires: int | None


@dataclass
class Mismatches:
    """The number of mismatches, and a text for each of the first ones."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def note(self, words: str) -> None:
        """Count a mismatch."""
        self.count += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(words)

    def expect(self, what: str, found: object, expected: object) -> None:
        """Count a mismatch unless both are equal."""
        if found != expected:
            self.note(f"{what}: {found!r}, expected {expected!r}")


def stored_rows(database: Path) -> Iterator[Row]:
    """Yield the rows of the server's SQLite file in key order; the server may be running."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT key, value, expires FROM record ORDER BY bucket, key")
        yield from map(Row._make, found)
    finally:
        connection.close()


class StoreAudit:
    """A comparison of rows with pieces, both in key order.

    If the last record of a key is settled, the store must hold that record's value. For any other
    key it holds nothing, or the value of one of the key's records.
    """

    def __init__(self, rows: Iterable[Row], settled: Settled, found: Mismatches) -> None:
        self._rows = iter(rows)
        self._settled = settled
        self._found = found
        self._next = next(self._rows, None)

    @property
    def is_read(self) -> bool:
        """Whether all rows are read."""
        return self._next is None

    def take(self, one: Placed) -> None:
        """Check the key of this piece if the piece is the first of its key."""
        key = one.piece.key
        if key is None or not one.is_first or one.piece.fate is Fate.REFUSED:
            return
        while self._next is not None and self._next.key < key:
            self._leave(self._next)
        row = None
        if self._next is not None and self._next.key == key:
            row, self._next = self._next, next(self._rows, None)
        writes = [other for other in one.of_its_key if other.fate is Fate.STORED]
        self._judge(key, row, writes)

    def finish(self) -> None:
        """Count the remaining rows as mismatches: they belong to no piece."""
        while self._next is not None:
            self._leave(self._next)

    def _leave(self, row: Row) -> None:
        self._found.note(f"the store holds {row.key}, which it should not")
        self._next = next(self._rows, None)

    def _judge(self, key: str, row: Row | None, writes: list[Piece]) -> None:
        is_settled = bool(writes) and writes[-1].position in self._settled
        if row is None:
            if is_settled:
                self._found.note(f"the store lacks {key}, which is settled")
            return
        possible = writes[-1:] if is_settled else writes
        if not any(_holds(row, piece) for piece in possible):
            self._found.note(f"the store holds a wrong value or expiry for {key}")


def _holds(row: Row, piece: Piece) -> bool:
    return row.value == piece.value and (row.expires is not None) == piece.has_ttl


class FailuresAudit:
    """A comparison of the failures file with the pieces expected in it, in input order."""

    def __init__(self, lines: Iterable[bytes], found: Mismatches) -> None:
        self._lines = iter(lines)
        self._found = found
        self._positions: set[int] = set()
        self.standing: Counter[str] = Counter()
        """The number of failures expected in the file, by code."""
        self.failing: Counter[str] = Counter()
        """The number of pieces that may fail, by code, superseded ones included."""

    @property
    def positions(self) -> set[int]:
        """The failures expected in the file."""
        return self._positions

    def take(self, one: Placed) -> None:
        """Check the next line if the piece fails and no later record supersedes it."""
        piece = one.piece
        if piece.fate is Fate.STORED:
            return
        self.failing[piece.code] += 1
        if one.is_replaced:
            return
        self.standing[piece.code] += 1
        self._positions.add(piece.position)
        line = next(self._lines, None)
        if line is None:
            self._found.note(f"the failures file lacks position {piece.position}")
            return
        self._judge(json.loads(line), piece)

    def finish(self) -> None:
        """Count the remaining lines as mismatches."""
        for line in self._lines:
            self._found.note(f"the failures file has one too many, of {json.loads(line)['source']}")

    def _judge(self, members: dict[str, Any], piece: Piece) -> None:
        where = f"failure at position {piece.position}"
        error, source = members.pop("error"), members.pop("source")
        self._found.expect(f"{where}, code", error["code"], piece.code)
        self._found.expect(f"{where}, line", int(source.rpartition(":")[2]), piece.position + 1)
        if piece.key is None:
            self._found.expect(where, members, {"raw": piece.line.decode()})
        else:
            self._found.expect(where, members, json.loads(piece.line))


@dataclass
class Sums:
    """The numbers that the seed determines for report and journal."""

    records: int
    keys: int = 0
    """The number of keys with a stored record."""
    replaced: int = 0
    """The number of records with a later record of the same key: each may count as a duplicate."""
    standing: Counter[str] = field(default_factory=Counter)
    failing: Counter[str] = field(default_factory=Counter)


def audit_store(
    seed: int, records: int, rows: Iterable[Row], settled: SettledRanges, found: Mismatches
) -> None:
    """Check the store during a job: no settled record may be missing."""
    store = StoreAudit(rows, settled, found)
    settled_end = max((stop for _, stop in settled), default=0)
    for one in placed(seed, records):
        if store.is_read and one.piece.position >= settled_end:
            return
        store.take(one)
    store.finish()


def audit_whole(
    seed: int, records: int, rows: Iterable[Row], failures: Iterable[bytes], found: Mismatches
) -> tuple[Sums, set[int]]:
    """Check everything at the end of a job. Return the expected numbers and failures."""
    store = StoreAudit(rows, range(records), found)
    failed = FailuresAudit(failures, found)
    sums = Sums(records, standing=failed.standing, failing=failed.failing)
    for one in placed(seed, records):
        store.take(one)
        failed.take(one)
        sums.replaced += one.piece.fate is not Fate.PROBLEM and one.is_replaced
        if one.is_first:
            sums.keys += any(other.fate is Fate.STORED for other in one.of_its_key)
    store.finish()
    failed.finish()
    return sums, failed.positions


def audit_numbers(
    report: dict[str, Any], state: JournalState, sums: Sums, standing: set[int], found: Mismatches
) -> None:
    """Compare the last report, the journal and the seed."""
    totals = state.totals
    found.expect("stage", state.stage, Stage.COMPLETE)
    found.expect("settled", list(state.settled), [(0, sums.records)])
    positions = {place for start, stop in state.retryable for place in range(start, stop)}
    found.expect("failures in the journal only", sorted(positions - standing)[:_SHOWN], [])
    found.expect("failures not in the journal", sorted(standing - positions)[:_SHOWN], [])
    for name in ("records", "succeeded", "failed", "duplicates", "requests", "retries"):
        found.expect(f"{name} in the journal", totals.counts[name], report[name])
    found.expect("records", report["records"], sums.records)
    for name in ("skipped", "unknown", "unsent"):
        found.expect(name, report[name], 0)
    found.expect("failed, by code", sum(totals.codes.values()), report["failed"])
    ended = report["succeeded"] + report["failed"] + report["duplicates"]
    found.expect("the sum", ended, sums.records)
    found.expect("codes", sorted(totals.codes), sorted(sums.failing))
    for code, most in sums.failing.items():
        # A refused record that a later one of its key supersedes in time is a duplicate.
        least = sums.standing[code] if code == "INVALID_KEY" else most
        if not least <= totals.codes.get(code, 0) <= most:
            found.note(f"{code}: {totals.codes.get(code, 0)}, expected {least} to {most}")
    if not sums.keys <= report["succeeded"]:
        found.note(f"succeeded: {report['succeeded']}, and {sums.keys} keys are stored")
    if report["duplicates"] > sums.replaced:
        found.note(f"duplicates: {report['duplicates']}, of at most {sums.replaced}")
