"""Load records before the server starts, from JSON Lines as `kvsctl export` writes them.

A line has these members, which pass the same checks as a request:

    {"key", "value", "entityName"?, "installation"?, "ttl"? or "options": {"ttl"}?, "createdAt"?,
     "updatedAt"?, "expireTime"?}

Other members are ignored. Loading the same file again changes nothing but times.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from kvsctl.emulator import json_slices
from kvsctl.emulator.operations.service import Service, Write
from kvsctl.emulator.options import DEFAULT_INSTALLATION
from kvsctl.emulator.refusals import EmulatorError, Refusal, malformed, reason_of
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.wire import item_of

CHUNK = 1000
LINE_BYTES_MAX = 4_000_000
MOMENT_MAX_MS = 253_402_300_799_999
TTL_UNITS = {"s": "SECONDS", "m": "MINUTES", "h": "HOURS", "d": "DAYS"}
MOST_TTL_CHARACTERS = 12
Seed = tuple[str, str, Write, int, int]


def load_seed(path: Path, service: Service, store: Store) -> int:
    """Load the records of a file and return how many there were.

    Raise `EmulatorError`, with the line and the code, for a line that the service would refuse.
    Records are stored in blocks of 1000 lines, so earlier blocks are then already loaded.
    """
    loaded = 0
    try:
        with path.open("rb") as file:
            seeds = _seeds(path, iter(lambda: file.readline(LINE_BYTES_MAX + 1), b""), service)
            while chunk := list(islice(seeds, CHUNK)):
                store.writing(lambda chunk=chunk: _put(chunk, service))  # type: ignore[misc]
                loaded += len(chunk)
    except OSError as error:
        raise EmulatorError(f"cannot read {path}: {reason_of(error)}") from error
    return loaded


def _seeds(path: Path, lines: Iterable[bytes], service: Service) -> Iterator[Seed]:
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_BYTES_MAX:
            raise EmulatorError(f"{path}:{number}: longer than {LINE_BYTES_MAX:,} bytes")
        if not line.strip():
            continue
        try:
            yield _seed(line, service)
        except Refusal as refusal:
            raise EmulatorError(f"{path}:{number}: {refusal.code}: {refusal.message}") from None


def _seed(line: bytes, service: Service) -> Seed:
    members = json_slices.members(json_slices.decoded(line).removeprefix("\ufeff"), alone=True)
    now_ms = service.clock.now_ms()
    if "ttl" in members:
        members["options"] = _ttl_options(_parsed(members, "ttl"))
    item = item_of(dict(members), service.limits)
    installation = _parsed(members, "installation") or DEFAULT_INSTALLATION
    if not isinstance(installation, str) or not json_slices.is_unicode(installation):
        raise malformed("installation must be a string of valid Unicode")
    space = service.space(item.entity_name)
    write = service.checked_write(item, now_ms)
    expire_time = _parsed(members, "expireTime")
    if expire_time is not None:
        write = Write(write.key, write.value, _moment(expire_time))
    created, updated = (
        _milliseconds(_parsed(members, name), now_ms) for name in ("createdAt", "updatedAt")
    )
    return installation, space, write, created, updated


def _ttl_options(ttl: Any) -> str:
    """Return the `options` for a ttl in short form ("7d") or in the service's own form."""
    if isinstance(ttl, str):
        if not (ttl[:-1].isdecimal() and len(ttl) <= MOST_TTL_CHARACTERS and ttl[-1] in TTL_UNITS):
            raise malformed('ttl must be a duration such as "45s", "30m", "12h" or "7d"')
        ttl = {"value": int(ttl[:-1]), "unit": TTL_UNITS[ttl[-1]]}
    return json.dumps({"ttl": ttl})


def _put(chunk: list[Seed], service: Service) -> None:
    for installation, space, write, created, updated in chunk:
        service.put(installation, space, [write], updated, created_ms=created)


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
        moment_ms = int(datetime.fromisoformat(text).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError, OSError):
        moment_ms = -1
    if not 0 <= moment_ms <= MOMENT_MAX_MS:
        raise malformed("expireTime must be an ISO 8601 time from 1970 to 9999")
    return moment_ms
