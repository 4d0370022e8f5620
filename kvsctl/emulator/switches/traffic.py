"""Limits on the traffic to one key, and to one value of an index, per second.

Source: contract, section "Limits". A write counts by the bytes of its value, before it is carried
out. A read counts by the bytes of its answer, afterwards. The service's answer past a limit is not
documented: here it is a 429, as past a quota.
"""

from collections.abc import Hashable, Iterator

import msgspec

from kvsctl.emulator.switches.quota import RollingWindow

WRITE_BYTES = 1_000_000
READ_BYTES = 12_000_000
QUERY_BYTES = 24_000_000
SECOND_MS = 1000
WINDOWS_MOST = 10_000
QUERIES = frozenset({"query", "entity/query"})
NO_VALUE = msgspec.Raw(b"")


class _Item(msgspec.Struct, rename="camel", gc=False):
    key: str = ""
    entity_name: str | None = None
    value: msgspec.Raw = NO_VALUE


class _Transaction(msgspec.Struct):
    set: list[_Item] = []


class _BatchAnswer(msgspec.Struct, rename="camel"):
    successful_keys: list[_Item] = []


class _Query(msgspec.Struct, rename="camel"):
    entity_name: str | None = None
    index_name: str | None = None
    partition: msgspec.Raw = NO_VALUE


_ITEM = msgspec.json.Decoder(_Item)
_ITEMS = msgspec.json.Decoder(list[_Item])
_TRANSACTION = msgspec.json.Decoder(_Transaction)
_BATCH_ANSWER = msgspec.json.Decoder(_BatchAnswer)
_QUERY = msgspec.json.Decoder(_Query)


class Traffic:
    """The bytes of the last second, by key and index value. Use it in the event loop's thread only.

    A body that its route does not expect counts nothing: the operation refuses it.
    """

    def __init__(self) -> None:
        self._windows: dict[Hashable, tuple[RollingWindow, int]] = {}
        self._sweep_at = WINDOWS_MOST

    def wait_to_write(self, installation: str, route: str, body: bytes, now_ms: int) -> int:
        """Count a write and return 0. Past the limit, return the milliseconds to wait instead."""
        bytes_of: dict[Hashable, int] = {}
        for one in _written(route, body):
            bytes_of["write", installation, _space(route), one.entity_name, one.key] = len(
                one.value
            )
        return self._count(bytes_of, WRITE_BYTES, now_ms)

    def wait_to_read(
        self, installation: str, route: str, body: bytes, answer: bytes, now_ms: int
    ) -> int:
        """Count an answer and return 0. Past the limit, return the milliseconds to wait instead."""
        if route in QUERIES:
            try:
                asked = _QUERY.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return 0
            index = (
                "query",
                installation,
                asked.entity_name,
                asked.index_name,
                bytes(asked.partition),
            )
            return self._count({index: len(answer)}, QUERY_BYTES, now_ms)
        bytes_of: dict[Hashable, int] = {}
        for one in _read(route, answer):
            bytes_of["read", installation, _space(route), one.entity_name, one.key] = len(one.value)
        return self._count(bytes_of, READ_BYTES, now_ms)

    def _count(self, bytes_of: dict[Hashable, int], limit: int, now_ms: int) -> int:
        windows = {place: self._window(place, limit, now_ms) for place in bytes_of}
        wait_ms = max(
            (windows[place].wait_ms(now_ms, size) for place, size in bytes_of.items()), default=0
        )
        if not wait_ms:
            for place, size in bytes_of.items():
                windows[place].use(now_ms, size)
        return wait_ms

    def _window(self, place: Hashable, limit: int, now_ms: int) -> RollingWindow:
        if len(self._windows) >= self._sweep_at:
            self._windows = {
                other: one for other, one in self._windows.items() if one[1] > now_ms - SECOND_MS
            }
            # All may be from this second, or the clock may be frozen. Sweep again only once there
            # are twice as many, so that the cost for each key stays constant.
            self._sweep_at = max(WINDOWS_MOST, 2 * len(self._windows))
        window, _ = self._windows.get(place) or (RollingWindow(limit, SECOND_MS), 0)
        self._windows[place] = (window, now_ms)
        return window


def _space(route: str) -> str:
    return "secret" if route.startswith("secret/") else ""


def _written(route: str, body: bytes) -> Iterator[_Item]:
    """Yield the items that a request writes."""
    try:
        if route == "batch/set":
            yield from _ITEMS.decode(body)
        elif route == "transaction":
            yield from _TRANSACTION.decode(body).set
        elif route.endswith("set"):
            yield _ITEM.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return


def _read(route: str, answer: bytes) -> Iterator[_Item]:
    """Yield the items of an answer."""
    if not answer:
        return
    try:
        if route == "batch/get":
            yield from _BATCH_ANSWER.decode(answer).successful_keys
        elif route.endswith("get"):
            yield _ITEM.decode(answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
