"""Quotas, units and what a 429 says: contract, section "Quotas, per installation"."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

from benchmarks.fidelity.question import Page
from benchmarks.fidelity.wire import Answer, Emulated, Wire, faulty, serving
from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.limits import DEFAULT_LIMITS

QUOTAS: Final = Page("quotas", "contract, Quotas")
TRAFFIC: Final = Page("traffic", "contract, Limits: traffic to one key")
_OK: Final = (200, 204)
_PLENTY: Final = 20
_ONE: Final = {"key": "one", "value": 1}


@contextmanager
def _frozen(kb: int = 1000, **quota: Any) -> Iterator[Emulated]:
    limits = DEFAULT_LIMITS._replace(unit_bytes=10 * kb)
    options = EmulatorOptions(quota=QuotaOptions(**quota), limits=limits)
    with serving(options) as emulated:
        emulated.admin("clock", {"now": 0, "frozen": True})
        yield emulated


def _record(key: str, size: int) -> dict[str, Any]:
    """Return an item of `size` bytes of JSON, with the separator from the next one."""
    empty = len(json.dumps({"key": key, "value": ""})) + 2
    return {"key": key, "value": "x" * (size - empty)}


def _cost_of_write(path: str, body: Any, kb: int = 1000) -> int:
    """Return the units of a write, from the number of one-unit writes that the quota has left."""
    with _frozen(kb, write_units_per_minute=_PLENTY) as emulated:
        answer = emulated.post(path, body)
        assert answer.status in _OK, answer
        left = 0
        while emulated.post("set", _ONE).status in _OK:
            left += 1
        return _PLENTY - left


def _costs(sentence: str, units: int, path: str, body: Any, kb: int = 1000) -> None:
    def ask(_wire: Wire) -> None:
        found = _cost_of_write(path, body, kb)
        assert found == units, f"{found} units"

    QUOTAS.add(sentence, ask)


def _batch(count: int, size: int) -> list[dict[str, Any]]:
    return [_record(f"k{n:02}", size) for n in range(count)]


_costs("a write costs at least 1 unit", 1, "set", _ONE)
_costs("a write of 10 KB costs 1 unit", 1, "set", _record("a", 10_000))
_costs("a write of more than 10 KB costs 2 units", 2, "set", _record("a", 10_010))
_costs("ten writes of 1 KB in one batch cost 1 unit", 1, "batch/set", _batch(10, 998))
_costs("25 records of 1.02 KB cost 3 units", 3, "batch/set", _batch(25, 1020))
_costs("9 records of 1.02 KB cost 1 unit", 1, "batch/set", _batch(9, 1020))
_costs("a KB is 1000 bytes", 2, "set", _record("a", 10_100))
_costs("a KB is 1024 bytes, by a switch", 1, "set", _record("a", 10_100), kb=1024)
_costs("a transaction counts as one write", 1, "transaction", {"set": _batch(3, 500)})


@QUOTAS.asks("ten writes of 1 KB alone cost 10 units")
def _(_wire: Wire) -> None:
    with _frozen(write_units_per_minute=10) as emulated:
        statuses = [emulated.post("set", _record(f"k{n}", 1000)).status for n in range(11)]
        assert all(one in _OK for one in statuses[:10])
        assert statuses[10] == 429


@QUOTAS.asks("4000 write units per minute")
def _(_wire: Wire) -> None:
    with _frozen() as emulated:
        taken = 0
        while emulated.post("set", _record(f"k{taken}", 240_000)).status in _OK:
            taken += 24
        assert 4000 - 24 < taken <= 4000, taken
        emulated.admin("clock", {"advance_ms": 60_000})
        assert emulated.post("set", _ONE).status in _OK


@QUOTAS.asks("4000 read units per minute, by the size of the answer")
def _(_wire: Wire) -> None:
    with _frozen() as emulated:
        for key in "abcd":
            emulated.post("set", _record(key, 240_000))
        read = 0
        while emulated.post("get", {"key": "abcd"[read // 24 % 4]}).status == 200:
            read += 24
        assert 4000 - 24 < read <= 4000 + 24, read
        emulated.admin("clock", {"advance_ms": 60_000})
        assert emulated.post("get", {"key": "a"}).status == 200


@QUOTAS.asks("1000 requests per second")
def _(_wire: Wire) -> None:
    with _frozen() as emulated:
        statuses = [emulated.post("query", {}).status for _ in range(1001)]
        assert statuses == [200] * 1000 + [429]
        emulated.admin("clock", {"advance_ms": 1000})
        assert emulated.post("query", {}).status == 200


@QUOTAS.asks("reads and writes have quotas of their own")
def _(_wire: Wire) -> None:
    with _frozen(write_units_per_minute=1, read_units_per_minute=1) as emulated:
        assert emulated.post("set", _ONE).status in _OK
        assert emulated.post("set", _ONE).status == 429
        assert emulated.post("get", {"key": "one"}).status == 200


@QUOTAS.asks("installations can have other limits")
def _(_wire: Wire) -> None:
    with _frozen(requests_per_second=2) as emulated:
        assert [emulated.post("query", {}).status for _ in range(3)] == [200, 200, 429]


@QUOTAS.asks("45 batch operations per minute, as an older page says, can be set")
def _(_wire: Wire) -> None:
    with _frozen(batches_per_minute=45) as emulated:
        statuses = [emulated.post("batch/get", [{"key": "a"}]).status for _ in range(46)]
        assert statuses == [200] * 45 + [429]


@QUOTAS.asks("past a quota: 429 with RATE_LIMIT_EXCEEDED or TOO_MANY_REQUESTS")
def _(_wire: Wire) -> None:
    answer = _refused()
    assert (answer.status, set(answer.json)) == (429, {"code", "message"})
    assert answer.json["code"] in ("RATE_LIMIT_EXCEEDED", "TOO_MANY_REQUESTS"), answer


def _refused(**quota: Any) -> Answer:
    with _frozen(write_units_per_minute=1, **quota) as emulated:
        emulated.post("set", _ONE)
        return emulated.post("set", _ONE)


@QUOTAS.asks("a 429 may have Retry-After in seconds")
def _(_wire: Wire) -> None:
    assert _refused(announces="retry-after").headers["retry-after"] == "60"


@QUOTAS.asks("a 429 may have Retry-After as an HTTP date")
def _(_wire: Wire) -> None:
    with faulty("429=1,retry-after-date=5") as emulated:
        parsedate_to_datetime(emulated.post("query", {}).headers["retry-after"])


@QUOTAS.asks("a 429 may have X-RateLimit-Reset alone")
def _(_wire: Wire) -> None:
    headers = _refused(announces="reset").headers
    assert "x-ratelimit-reset" in headers
    assert "retry-after" not in headers


@QUOTAS.asks("a 429 may say nothing about when to retry")
def _(_wire: Wire) -> None:
    headers = _refused(announces="nothing").headers
    assert "x-ratelimit-reset" not in headers
    assert "retry-after" not in headers


@QUOTAS.asks("REQUEST_THROTTLED can be answered, as past the largest storage or transfer")
def _(_wire: Wire) -> None:
    with faulty("throttled=1") as emulated:
        answer = emulated.post("set", _ONE)
        assert (answer.status, answer.json["code"]) == (429, "REQUEST_THROTTLED")


_WINDOWS: Final[tuple[Literal["fixed", "sliding", "bucket"], ...]] = ("fixed", "sliding", "bucket")
for _window, _admitted in zip(_WINDOWS, (4, 0, 2), strict=True):

    @QUOTAS.asks(f"the minute may be a {_window} window")
    def _(_wire: Wire, window: str = _window, admitted: int = _admitted) -> None:
        with _frozen(write_units_per_minute=4, window=window) as emulated:
            emulated.admin("clock", {"now": 30_000, "frozen": True})
            assert all(emulated.post("set", _ONE).status in _OK for _ in range(4))
            emulated.admin("clock", {"now": 61_000, "frozen": True})
            found = 0
            while emulated.post("set", _ONE).status in _OK:
                found += 1
            assert found == admitted, found


_DELETES: Final[tuple[tuple[Literal["size", "keys", "free"], int], ...]] = (
    ("size", 1),
    ("keys", 3),
    ("free", 0),
)
for _by, _units in _DELETES:

    @QUOTAS.asks(f"what a delete costs is not said: a switch charges it by {_by}")
    def _(_wire: Wire, by: Any = _by, units: int = _units) -> None:
        quota = QuotaOptions(write_units_per_minute=_PLENTY)
        with serving(EmulatorOptions(quota=quota, delete_cost=by)) as emulated:
            emulated.admin("clock", {"now": 0, "frozen": True})
            emulated.post("batch/delete", [{"key": key} for key in "abc"])
            left = 0
            while emulated.post("set", _ONE).status in _OK:
                left += 1
            assert _PLENTY - left == units, left


_REFUSED: Final[tuple[tuple[Literal["free", "size"], int], ...]] = (("free", 0), ("size", 1))
for _refused_cost, _units in _REFUSED:

    @QUOTAS.asks(f"what a refused write costs is not said: a switch charges it by {_refused_cost}")
    def _(_wire: Wire, cost: Any = _refused_cost, units: int = _units) -> None:
        quota = QuotaOptions(write_units_per_minute=_PLENTY)
        with serving(EmulatorOptions(quota=quota, refused_cost=cost)) as emulated:
            emulated.admin("clock", {"now": 0, "frozen": True})
            assert emulated.post("set", {"key": "/", "value": 1}).status == 400
            left = 0
            while emulated.post("set", _ONE).status in _OK:
                left += 1
            assert _PLENTY - left == units, left


@TRAFFIC.asks("more than 1 MB of writes to one key per second is throttled")
def _(_wire: Wire) -> None:
    with _frozen(write_units_per_minute=10_000) as emulated:
        statuses = [emulated.post("set", _record("a", 240_000)).status for _ in range(6)]
        assert 429 in statuses, statuses
        assert emulated.post("set", _ONE).status in _OK


@TRAFFIC.asks("more than 12 MB of reads of one key per second is throttled")
def _(_wire: Wire) -> None:
    with _frozen(read_units_per_minute=100_000) as emulated:
        emulated.post("set", _record("a", 240_000))
        statuses = [emulated.post("get", {"key": "a"}).status for _ in range(60)]
        assert 429 in statuses, f"{len(statuses)} reads"


@TRAFFIC.asks("more than 24 MB of queries of one index value per second is throttled")
def _(_wire: Wire) -> None:
    with _frozen(read_units_per_minute=100_000) as emulated:
        for n in range(20):
            emulated.post("set", _record(f"k{n}", 240_000))
        statuses = [emulated.post("query", {"limit": 20}).status for _ in range(8)]
        assert 429 in statuses, f"{len(statuses)} queries"
