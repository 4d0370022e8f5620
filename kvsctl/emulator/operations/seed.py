"""Load records from JSON Lines, as `kvsctl export` and the emulator's own export write them.

A line has these members, which pass the same checks as a request:

    {"key", "value", "entityName"?, "installation"?, "ttl"? or "options": {"ttl"}?, "createdAt"?,
     "updatedAt"?, "expireTime"?}

Other members are ignored. Loading the same lines again changes nothing but times. Lines are loaded
in blocks: if one line is refused, no line of its block is loaded.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from kvsctl.emulator import json_slices
from kvsctl.emulator.operations.record_files import opened
from kvsctl.emulator.operations.service import Service, Write
from kvsctl.emulator.options import DEFAULT_INSTALLATION
from kvsctl.emulator.refusals import EmulatorError, Refusal, malformed
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.wire import NO_VALUE, Item, item_of

CHUNK = 1000
CHUNK_BYTES = 8_000_000
LINE_BYTES_MAX = 4_000_000
MOMENT_MAX_MS = 253_402_300_799_999
TTL_UNITS = {"s": "SECONDS", "m": "MINUTES", "h": "HOURS", "d": "DAYS"}
MOST_TTL_CHARACTERS = 12
Seed = tuple[str, str, Write, int, int]


class BadLine(Exception):
    """A line that cannot be loaded: its number, and why, with the code of the service if any."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"line {number}: {reason}")
        self.number = number
        self.reason = reason


class _Line(msgspec.Struct, gc=False, rename="camel"):
    """A line that needs no careful reading. See Item."""

    key: str
    value: msgspec.Raw = NO_VALUE
    entity_name: str | None = None
    installation: Any = None
    options: Any = None
    ttl: Any = None
    created_at: Any = None
    updated_at: Any = None
    expire_time: Any = None


_LINE = msgspec.json.Decoder(_Line)


def load_seed(path: Path, service: Service, store: Store) -> int:
    """Load the records of a file, plain, gzip or zstd, and return their number.

    Raise `EmulatorError`, with the line and the code, for a line that the service would refuse.
    The blocks before that line stay loaded.
    """
    loaded = number = 0
    with opened(path) as file:
        lines = iter(lambda: file.readline(LINE_BYTES_MAX + 1), b"")
        while block := list(_block_of(lines)):
            try:
                loaded += store.writing(lambda block=block, at=number: load(service, block, at))  # type: ignore[misc]
            except BadLine as bad:
                raise EmulatorError(f"{path}:{bad.number}: {bad.reason}") from None
            number += len(block)
    return loaded


def has_records(path: Path) -> bool:
    """Return whether a file of records holds any; False if it has only blank lines.

    Raise `EmulatorError` if it cannot be read, or if its first line is not a record.
    """
    with opened(path) as file:
        lines = iter(lambda: file.readline(LINE_BYTES_MAX + 1), b"")
        first = next((line for line in lines if line.strip()), None)
    if first is None:
        return False
    try:
        found = _LINE.decode(first.removeprefix(BOM_UTF8))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if found is None or not bytes(found.value):
        raise EmulatorError(f"{path} is not an export: its first line is not a record")
    return True


def _block_of(lines: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for line in islice(lines, CHUNK):
        yield line
        size += len(line)
        if size > CHUNK_BYTES:
            return


def load(service: Service, lines: Sequence[bytes], before: int) -> int:
    """Load lines and return the number of records. Call it in a write transaction.

    `before` is the number of lines before these. Blank lines are skipped. Raise BadLine for a line
    that the service would refuse.
    """
    loaded = 0
    for number, line in enumerate(lines, before + 1):
        if len(line) > LINE_BYTES_MAX:
            raise BadLine(number, f"longer than {LINE_BYTES_MAX:,} bytes")
        if not line.strip():
            continue
        try:
            installation, space, write, created, updated = _seed(line, service)
            service.put(installation, space, [write], updated, created_ms=created)
        except Refusal as refusal:
            raise BadLine(number, f"{refusal.code}: {refusal.message}") from None
        loaded += 1
    return loaded


def _seed(line: bytes, service: Service) -> Seed:
    now_ms = service.clock.now_ms()
    found = _read_line(line, service)
    item = Item(found.key, found.entity_name, found.value, found.options)
    installation = found.installation or DEFAULT_INSTALLATION
    if not isinstance(installation, str) or not json_slices.is_unicode(installation):
        raise malformed("installation must be a string of valid Unicode")
    space = service.space(item.entity_name)
    write = service.checked_write(item, now_ms)
    if found.expire_time is not None:
        write = Write(write.key, write.value, _moment(found.expire_time))
    created, updated = (_milliseconds(at, now_ms) for at in (found.created_at, found.updated_at))
    return installation, space, write, created, updated


def _read_line(line: bytes, service: Service) -> _Line:
    """Read a line on the fast path, if it has the form that exports write, or else carefully."""
    try:
        if not line.isascii():
            line.decode()  # msgspec does not check the UTF-8 inside a Raw
        found = _LINE.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_carefully(line, service)
    if found.ttl is not None:
        found.options = _ttl_options(found.ttl)
    return found


def _read_carefully(line: bytes, service: Service) -> _Line:
    members = json_slices.members(json_slices.decoded(line).removeprefix("\ufeff"), alone=True)
    ttl = _parsed(members, "ttl")
    item = item_of(dict(members), service.limits)
    others = {
        field: _parsed(members, member)
        for field, member in (
            ("installation", "installation"),
            ("created_at", "createdAt"),
            ("updated_at", "updatedAt"),
            ("expire_time", "expireTime"),
        )
    }
    options = item.options if ttl is None else _ttl_options(ttl)
    return _Line(item.key, item.value, item.entity_name, options=options, **others)


def _ttl_options(ttl: Any) -> dict[str, Any]:
    """Return the `options` for a ttl in short form ("7d") or in the service's own form."""
    if isinstance(ttl, str):
        if not (ttl[:-1].isdecimal() and len(ttl) <= MOST_TTL_CHARACTERS and ttl[-1] in TTL_UNITS):
            raise malformed('ttl must be a duration such as "45s", "30m", "12h" or "7d"')
        ttl = {"value": int(ttl[:-1]), "unit": TTL_UNITS[ttl[-1]]}
    return {"ttl": ttl}


def _parsed(members: dict[str, str], name: str) -> Any:
    text = members.get(name)
    return None if text is None else json_slices.parsed(text)


def _milliseconds(found: Any, now_ms: int) -> int:
    if found is None:
        return now_ms
    if not isinstance(found, int) or not 0 <= found < 2**53:
        raise malformed("createdAt and updatedAt must be epoch milliseconds")
    return found


def _moment(text: Any) -> int:
    try:
        moment_ms = round(datetime.fromisoformat(text).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError, OSError):
        moment_ms = -1
    if not 0 <= moment_ms <= MOMENT_MAX_MS:
        raise malformed("expireTime must be an ISO 8601 time from 1970 to 9999")
    return moment_ms
