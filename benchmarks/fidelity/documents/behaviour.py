"""Order, consistency, expiry and failures: contract, section "Behaviour"."""

import concurrent.futures
from functools import partial
from typing import Final

import httpx

from benchmarks.fidelity.question import Page
from benchmarks.fidelity.wire import Emulated, Wire, faulty, serving
from kvsctl.emulator import EmulatorOptions

BEHAVIOUR: Final = Page("behaviour", "contract, Behaviour")
_OK: Final = (200, 204)
_EXPIRES: Final = {"options": {"ttl": {"value": 10, "unit": "SECONDS"}}}
_ASKED: Final = {"key": "a", "options": {"metadataFields": ["EXPIRE_TIME"]}}
_HOUR_MS: Final = 3_600_000


@BEHAVIOUR.asks("the last write wins")
def _(wire: Wire) -> None:
    plain = wire.at()
    for value in (1, 2, 3):
        plain.post("set", {"key": "a", "value": value})
    assert plain.post("get", {"key": "a"}).json["value"] == 3


@BEHAVIOUR.asks("a get sees each write at once; a query may not, by a switch")
def _(_wire: Wire) -> None:
    with serving(EmulatorOptions(query_lag_seconds=5)) as emulated:
        emulated.admin("clock", {"now": 0, "frozen": True})
        emulated.post("set", {"key": "a", "value": 1})
        assert emulated.post("get", {"key": "a"}).json["value"] == 1
        assert emulated.post("batch/get", [{"key": "a"}]).json["failedKeys"] == []
        assert emulated.post("query", {}).json["data"] == []
        emulated.admin("clock", {"advance_ms": 5001})
        assert len(emulated.post("query", {}).json["data"]) == 1


_EXACT: Final = b'{"z":1.0,"a":12345678901234567890,"1":1e2,"s":"\\u00e9\\/"}'


def _kept(emulated: Emulated) -> bytes:
    emulated.post("set", b'{"key":"a","value":%b}' % _EXACT)
    found = httpx.post(f"{emulated.url}/v1/get", json={"key": "a"})
    return found.content


@BEHAVIOUR.asks("a value may come back with its member order, 1.0 and large integers")
def _(wire: Wire) -> None:
    assert _EXACT in _kept(wire.at())


@BEHAVIOUR.asks("a value may come back as JavaScript would write it, by a switch")
def _(_wire: Wire) -> None:
    with serving(EmulatorOptions(normalise=True)) as emulated:
        assert b'{"1":100,"z":1,"a":12345678901234567000,"s":"\xc3\xa9/"}' in _kept(emulated)


@BEHAVIOUR.asks("keys list in lexicographic order")
def _(wire: Wire) -> None:
    plain, keys = wire.at(), ["b", "a", "B", "_", "a:10", "a:9", "a b", "0", "#"]
    plain.post("batch/set", [{"key": key, "value": 1} for key in keys])
    found = [one["key"] for one in plain.post("query", {}).json["data"]]
    assert found == sorted(keys), found


@BEHAVIOUR.asks("a cursor that was kept may be refused, by a fault")
def _(_wire: Wire) -> None:
    with faulty("refuse-cursor=1") as emulated:
        emulated.post("batch/set", [{"key": key, "value": 1} for key in "abc"])
        cursor = emulated.post("query", {"limit": 1}).json["cursor"]
        answer = emulated.post("query", {"limit": 1, "after": cursor})
        assert (answer.status, answer.json["code"]) == (400, "INVALID_CURSOR"), answer


@BEHAVIOUR.asks("each write is atomic: of two batches, a key has the value of one")
def _(wire: Wire) -> None:
    plain, values = wire.at(), [f"{n}" * 1000 for n in range(8)]
    with concurrent.futures.ThreadPoolExecutor(len(values)) as writers:
        batches = [[{"key": key, "value": value} for key in "abc"] for value in values]
        answers = list(writers.map(partial(plain.post, "batch/set"), batches))
    assert {one.status for one in answers} == {200}
    found = plain.post("batch/get", [{"key": key} for key in "abc"]).json["successfulKeys"]
    assert all(one["value"] in values for one in found)


@BEHAVIOUR.asks("a ttl starts at the write")
def _(wire: Wire) -> None:
    plain = wire.at()
    for now, second in ((0, 10), (5_000, 15)):
        plain.admin("clock", {"now": now, "frozen": True})
        plain.post("set", {"key": "a", "value": 1} | _EXPIRES)
        found = plain.post("get", _ASKED).json["expireTime"]
        assert found.startswith(f"1970-01-01T00:00:{second}"), found


@BEHAVIOUR.asks("an expired record may still be read for 48 hours, then it is gone")
def _(wire: Wire) -> None:
    plain = wire.at()
    plain.admin("clock", {"now": 0, "frozen": True})
    plain.post("set", {"key": "a", "value": 1} | _EXPIRES)
    plain.admin("clock", {"now": 47 * _HOUR_MS, "frozen": True})
    assert "expireTime" in plain.post("get", _ASKED).json
    assert len(plain.post("query", {}).json["data"]) == 1
    plain.admin("clock", {"now": 49 * _HOUR_MS, "frozen": True})
    assert plain.post("get", _ASKED).status == 404
    assert plain.post("query", {}).json["data"] == []


@BEHAVIOUR.asks("an expired record may be gone at once, by a switch")
def _(_wire: Wire) -> None:
    with serving(EmulatorOptions(expiry="strict")) as emulated:
        emulated.admin("clock", {"now": 0, "frozen": True})
        emulated.post("set", {"key": "a", "value": 1} | _EXPIRES)
        emulated.admin("clock", {"now": 10_000, "frozen": True})
        assert emulated.post("get", _ASKED).status == 404


@BEHAVIOUR.asks("a set without a ttl clears an expiry")
def _(wire: Wire) -> None:
    plain = wire.at()
    plain.post("set", {"key": "a", "value": 1} | _EXPIRES)
    plain.post("set", {"key": "a", "value": 1})
    assert "expireTime" not in plain.post("get", _ASKED).json


@BEHAVIOUR.asks("a set without a ttl may keep an expiry, by a switch")
def _(_wire: Wire) -> None:
    with serving(EmulatorOptions(ttl_less_set="keeps-expiry")) as emulated:
        emulated.post("set", {"key": "a", "value": 1} | _EXPIRES)
        emulated.post("set", {"key": "a", "value": 1})
        assert "expireTime" in emulated.post("get", _ASKED).json


@BEHAVIOUR.asks("set, get and delete of a batch are safe to repeat")
def _(wire: Wire) -> None:
    plain = wire.at()
    for path, body in (("set", {"value": 1}), ("get", {}), ("delete", {})):
        item = [{"key": "a"} | body]
        answers = [plain.post(f"batch/{path}", item) for _ in range(2)]
        assert [one.status for one in answers] == [200, 200]
        assert answers[0].json["failedKeys"] == []
    assert plain.post("batch/delete", [{"key": "a"}]).json["failedKeys"] == []


for _fault, _is_applied in (
    ("500", False),
    ("503", False),
    ("500-after", True),
    ("503-after", True),
):

    @BEHAVIOUR.asks(
        f"a request that is answered {_fault[:3]} was {'' if _is_applied else 'not '}applied"
    )
    def _(_wire: Wire, fault: str = _fault, is_applied: bool = _is_applied) -> None:
        with faulty(f"script={fault}") as emulated:
            assert emulated.post("set", {"key": "a", "value": 1}).status == int(fault[:3])
            assert (emulated.post("get", {"key": "a"}).status == 200) is is_applied


for _fault, _is_applied in (("reset-before", False), ("reset-after", True), ("cut", True)):

    @BEHAVIOUR.asks(f"a connection may be lost, by the fault {_fault}")
    def _(_wire: Wire, fault: str = _fault, is_applied: bool = _is_applied) -> None:
        with faulty(f"script={fault}") as emulated:
            try:
                emulated.post("batch/set", [{"key": "a", "value": 1}])
            except httpx.TransportError:
                assert (emulated.post("get", {"key": "a"}).status == 200) is is_applied
            else:
                raise AssertionError("it was answered")
