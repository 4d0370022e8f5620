"""An application in this process answers as a server would."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest

from kvsctl.errors import StreamError
from kvsctl.service.transport.carrier import CarrierAnswer, TooSlow, Unanswered
from kvsctl.service.transport.in_process import AsgiApp, in_process

_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_URL = "http://kvsctl.localhost/base/"


def _post(app: AsgiApp, timeout_seconds: float = 30.0) -> CarrierAnswer:
    async def ask() -> CarrierAnswer:
        carrier = in_process(_URL, app, timeout_seconds)
        assert carrier.host == "kvsctl.localhost"
        try:
            return await carrier.request("POST", "/v1/batch/set", {"X-Name": "value"}, b"[1]")
        finally:
            await carrier.aclose()

    return asyncio.run(ask())


def test_request_and_answer_are_passed_unchanged() -> None:
    seen: list[Any] = []

    async def app(scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        seen.extend([scope["method"], scope["path"], dict(scope["headers"])])
        seen.extend([await receive(), await receive()])
        twice = [(b"Via", b"a"), (b"via", b"b")]
        await send({"type": "http.response.start", "status": 207, "headers": twice})
        await send({"type": "http.response.body", "body": b"[", "more_body": True})
        await send({"type": "http.response.body", "body": b"]"})

    assert _post(app) == CarrierAnswer(207, {"via": "a, b"}, b"[]")
    headers = {b"x-name": b"value", b"host": b"kvsctl.localhost", b"content-length": b"3"}
    assert seen == [
        "POST",
        "/base/v1/batch/set",
        headers,
        {"type": "http.request", "body": b"[1]", "more_body": False},
        {"type": "http.disconnect"},
    ]


def test_each_request_has_its_own_path_headers_and_length() -> None:
    seen: list[Any] = []

    async def app(scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        seen.append([scope["method"], scope["path"], dict(scope["headers"])])
        scope["headers"].clear()  # as an application may
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def ask() -> None:
        carrier = in_process(_URL, app, 30.0)
        one, other = {"A": "1"}, {"A": "2"}
        await carrier.request("POST", "/x", one, b"1")
        await carrier.request("POST", "/x", one, b"22")
        await carrier.request("POST", "/y", one, b"22")
        await carrier.request("GET", "/x", one)
        await carrier.request("POST", "/x", other, b"")

    asyncio.run(ask())
    host = (b"host", b"kvsctl.localhost")
    assert seen == [
        ["POST", "/base/x", dict([(b"a", b"1"), host, (b"content-length", b"1")])],
        ["POST", "/base/x", dict([(b"a", b"1"), host, (b"content-length", b"2")])],
        ["POST", "/base/y", dict([(b"a", b"1"), host, (b"content-length", b"2")])],
        ["GET", "/base/x", dict([(b"a", b"1"), host])],
        ["POST", "/base/x", dict([(b"a", b"2"), host, (b"content-length", b"0")])],
    ]


def test_an_application_that_raises_is_a_server_that_hangs_up() -> None:
    async def broken(scope: object, receive: object, send: object) -> None:
        raise RuntimeError("s3cret value")

    with pytest.raises(Unanswered, match="the application raised RuntimeError"):
        _post(broken)


def test_an_error_that_ends_the_run_is_raised_as_it_is() -> None:
    async def full(scope: object, receive: object, send: object) -> None:
        raise StreamError("the database /x cannot be used: database or disk is full")

    with pytest.raises(StreamError, match="database or disk is full"):
        _post(full)


@pytest.mark.parametrize("sent", ["nothing", "only a head", "half a body"])
def test_a_partial_answer_is_not_an_answer(sent: str) -> None:
    async def breaks_off(scope: object, receive: object, send: _Send) -> None:
        if sent != "nothing":
            await send({"type": "http.response.start", "status": 200})
        if sent == "half a body":
            await send({"type": "http.response.body", "body": b"[", "more_body": True})

    with pytest.raises(Unanswered, match="without a whole answer"):
        _post(breaks_off)


def test_an_application_that_takes_too_long_is_cut_off() -> None:
    async def sleepy(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TooSlow):
        _post(sleepy, 0.01)
