"""What a run left behind against what the seed says it should have: one pass, bounded memory."""

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
    """A record as the server's database holds it."""

    key: str
    value: bytes
    expires: int | None


@dataclass
class Mismatches:
    """How many there are, and the first of them in words."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def note(self, words: str) -> None:
        """One more."""
        self.count += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(words)

    def expect(self, what: str, found: object, expected: object) -> None:
        """Notes it unless they are equal."""
        if found != expected:
            self.note(f"{what}: {found!r}, expected {expected!r}")


def stored_rows(database: Path) -> Iterator[Row]:
    """What the server's SQLite file holds, in key order; the server may be running."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT key, value, expires FROM record ORDER BY bucket, key")
        yield from map(Row._make, found)
    finally:
        connection.close()


class StoreAudit:
    """Compares rows with pieces, both in key order.

    For a key whose last record is settled the store has to hold that record's value. For any
    other it holds nothing, or a value that some record of the key has.
    """

    def __init__(self, rows: Iterable[Row], settled: Settled, found: Mismatches) -> None:
        self._rows = iter(rows)
        self._settled = settled
        self._found = found
        self._next = next(self._rows, None)

    @property
    def is_read(self) -> bool:
        """Whether there are no more rows."""
        return self._next is None

    def take(self, one: Placed) -> None:
        """Looks at the key of a piece that is the first of it."""
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
        """What is left in the store belongs to no piece."""
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
    """Compares the failures file with the pieces that should stand in it, in input order."""

    def __init__(self, lines: Iterable[bytes], found: Mismatches) -> None:
        self._lines = iter(lines)
        self._found = found
        self._positions: set[int] = set()
        self.standing: Counter[str] = Counter()
        """How many failures should stand, by code."""
        self.failing: Counter[str] = Counter()
        """How many pieces there are that may fail, by code; replaced ones too."""

    @property
    def positions(self) -> set[int]:
        """The failures that should stand."""
        return self._positions

    def take(self, one: Placed) -> None:
        """Looks at the next line if the piece fails, and no later record replaces it."""
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
        """What is left in the file should not be there."""
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
    """What the seed says of the numbers in report and journal."""

    records: int
    keys: int = 0
    """How many keys there are of which some record is stored."""
    replaced: int = 0
    """How many records have a later record of their key: each may count as a duplicate."""
    standing: Counter[str] = field(default_factory=Counter)
    failing: Counter[str] = field(default_factory=Counter)


def audit_store(
    seed: int, records: int, rows: Iterable[Row], settled: SettledRanges, found: Mismatches
) -> None:
    """In the midst of a job: nothing that is settled may be missing."""
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
    """At the end of a job. Returns what the numbers should be, and which failures should stand."""
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
    """The last report and the journal, with each other and with the seed."""
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
        # A refused record that a later one of its key caught up with is a duplicate.
        least = sums.standing[code] if code == "INVALID_KEY" else most
        if not least <= totals.codes.get(code, 0) <= most:
            found.note(f"{code}: {totals.codes.get(code, 0)}, expected {least} to {most}")
    if not sums.keys <= report["succeeded"]:
        found.note(f"succeeded: {report['succeeded']}, and {sums.keys} keys are stored")
    if report["duplicates"] > sums.replaced:
        found.note(f"duplicates: {report['duplicates']}, of at most {sums.replaced}")
