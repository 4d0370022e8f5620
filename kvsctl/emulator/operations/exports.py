"""All records of a store as JSON Lines, as `kvsctl export` writes them, a part at a time.

A line has these members, in this order:

    {"key", "entityName"?, "value", "createdAt", "updatedAt", "expireTime"?, "installation"?}

Lines that are downloaded from the page leave out the installation. A value keeps its bytes, except
that a line break between its tokens becomes a space. `seed` reads such lines, and so do kvsctl's
own commands. An export counts secrets and leaves them out: the format has no place for them, and
they must not become plain records.
"""

from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

from kvsctl.emulator.clock import iso8601
from kvsctl.emulator.operations.record_files import replaced
from kvsctl.emulator.operations.service import Service
from kvsctl.emulator.storage.rows import PLAIN, SECRET, Row
from kvsctl.emulator.wire import encoded

PART_BYTES = 1_000_000
PART_RECORDS = 2_000


_LINE_ENDS: Final = bytes.maketrans(b"\r\n", b"  ")


class Line(NamedTuple):
    """The fixed parts of the lines of one space: after the key, and at the end."""

    after_key: bytes
    end: bytes

    def of(self, row: Row) -> bytes:
        """Return the line of a record, with its line break."""
        expires = row.expires
        expiry = b"" if expires is None else b',"expireTime":"%b"' % iso8601(expires).encode()
        return b'{"key":%b%b%b,"createdAt":%d,"updatedAt":%d%b%b' % (
            encoded(row.key), self.after_key, row.value.translate(_LINE_ENDS),
            row.created, row.updated, expiry, self.end,
        )  # fmt: skip


def line_in(space: str, installation: str | None = None) -> Line:
    """Return the fixed parts of the lines of a space, with the installation if one is given."""
    entity = b"" if space in (PLAIN, SECRET) else b',"entityName":%b' % encoded(space)
    name = b"" if installation is None else b',"installation":%b' % encoded(installation)
    return Line(entity + b',"value":', name + b"}\n")


class _Bucket(NamedTuple):
    """A space of an installation, with the fixed parts of its lines."""

    number: int
    line: Line


class Export:
    """An export in progress. Use it in the store's work only.

    Each part is a snapshot, and so is the whole if nothing is written between the parts. Otherwise
    a record that is written meanwhile appears as before or as after the write, never twice.
    """

    def __init__(self, service: Service, installation: str | None = None) -> None:
        self.records = 0
        self.secrets = 0
        self._service = service
        self._installation = installation
        self._waiting: deque[_Bucket] | None = None
        self._after: str | None = None
        """The last exported key of the first waiting bucket."""

    def part(self) -> bytes:
        """Return the next lines, about a megabyte of them; b"" once there are no more."""
        if self._waiting is None:
            self._waiting = deque(self._found_buckets())
        lines: list[bytes] = []
        size = 0
        while self._waiting and size < PART_BYTES and len(lines) < PART_RECORDS:
            bucket = self._waiting[0]
            for row in self._service.rows.each(bucket.number, self._gone_ms, self._after):
                lines.append(bucket.line.of(row))
                size += len(lines[-1])
                self._after = row.key
                if size >= PART_BYTES or len(lines) >= PART_RECORDS:
                    break
            else:
                self._waiting.popleft()
                self._after = None
        self.records += len(lines)
        return b"".join(lines)

    @property
    def _gone_ms(self) -> int:
        return self._service.gone_ms(self._service.clock.now_ms())

    def _found_buckets(self) -> list[_Bucket]:
        found = self._service.store.connection.execute(
            "SELECT id, installation, space FROM bucket ORDER BY installation, space"
        ).fetchall()
        buckets: list[_Bucket] = []
        for number, installation, space in found:
            if self._installation not in (None, installation):
                continue
            if space == SECRET:
                self.secrets += self._count(number)
                continue
            buckets.append(_Bucket(number, line_in(space, installation)))
        return buckets

    def _count(self, number: int) -> int:
        return sum(1 for _ in self._service.rows.each(number, self._gone_ms))


def write_export(service: Service, path: Path) -> Export:
    """Write all records to a file that takes the place of `path` once it is complete.

    Call it in the store's work, so that nothing is written meanwhile. Raise `ExportFailed`, with
    `path` as it was, if the file cannot be written.
    """
    export = Export(service)
    with replaced(path) as file:
        while part := export.part():
            file.write(part)
    return export
