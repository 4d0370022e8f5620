"""HTTP around the operations: routes, headers, who may call, what a defect looks like."""

import asyncio
from typing import Any

import pytest

from kvsctl.emulator import ConnectionLost
from kvsctl.emulator.options import Token, parse_token
from tests.emulator.support import Desk, OpenDesk

BATCH = [{"key": "a", "value": 1}]


def test_every_answer_has_a_date_and_a_trace_id(desk: Desk) -> None:
    for path in ("/v1/batch/get", "/nowhere"):
        response = desk.post(path, [{"key": "a"}])
        assert response.headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
        assert len(response.headers["x-b3-traceid"]) == 16


def test_a_caller_may_bring_its_trace_id(desk: Desk) -> None:
    response = desk.post("/v1/batch/get", BATCH, headers={"x-b3-traceid": "abc"})
    assert response.headers["x-b3-traceid"] == "abc"


def test_an_unknown_route_is_403(desk: Desk) -> None:
    assert desk.refused("/v2/batch/get", BATCH) == (403, "FORBIDDEN")


def test_another_method_is_405(desk: Desk) -> None:
    response = desk.request("GET", "/v1/batch/get")
    assert (response.status_code, response.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "headers",
    [
        {"forge-proxy-authorization": "Forge as=app,installationId=i1"},
        {"forge-proxy-authorization": "Forge as=app, installationId=ari:cloud:x::installation/i2"},
        {"authorization": "Bearer secret"},
    ],
)
def test_every_installation_has_its_own_store(desk: Desk, headers: Any) -> None:
    desk.ok("/v1/batch/set", BATCH, headers=headers)
    assert desk.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"] == []
    assert desk.ok("/v1/batch/get", [{"key": "a"}], headers=headers)["successfulKeys"]


def test_an_ari_names_the_installation_that_its_id_names(desk: Desk) -> None:
    header = "forge-proxy-authorization"
    desk.ok("/v1/batch/set", BATCH, headers={header: "Forge as=app,installationId=a:b/i"})
    read = desk.ok(
        "/v1/batch/get", [{"key": "a"}], headers={header: "Forge as=app,installationId=i"}
    )
    assert read["successfulKeys"]


def test_an_invocation_id_opens_the_default_store(desk: Desk) -> None:
    desk.ok("/v1/batch/set", BATCH, headers={"forge-proxy-authorization": "Forge as=app,id=x"})
    assert desk.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"]


@pytest.mark.parametrize("value", ["Forge as=user,installationId=i", "Forge as=app", "Bearer x"])
def test_a_proxy_header_that_names_no_installation_is_401(desk: Desk, value: Any) -> None:
    headers = {"forge-proxy-authorization": value}
    assert desk.refused("/v1/batch/get", BATCH, headers=headers) == (401, "UNAUTHORIZED")


def test_with_tokens_others_are_refused(desks: OpenDesk) -> None:
    desk = desks(tokens=(Token("one", "i"), Token("two", "i"), Token("three", "j")))
    assert desk.refused("/v1/batch/set", BATCH) == (401, "UNAUTHORIZED")
    for bad in ("Bearer four", "Basic one", "one"):
        assert desk.refused("/v1/batch/set", BATCH, headers={"authorization": bad})[0] == 401
    proxied = {"forge-proxy-authorization": "Forge as=app,installationId=i"}
    assert desk.refused("/v1/batch/set", BATCH, headers=proxied)[0] == 401
    desk.ok("/v1/batch/set", BATCH, headers={"authorization": "Bearer one"})
    for secret, found in (("two", 1), ("three", 0)):
        read = desk.ok("/v1/batch/get", BATCH, headers={"authorization": f"Bearer {secret}"})
        assert len(read["successfulKeys"]) == found
    both = proxied | {"authorization": "Bearer three"}
    assert desk.ok("/v1/batch/get", BATCH, headers=both)["successfulKeys"]


def test_tokens_do_not_show() -> None:
    assert "hush" not in repr(Token("hush", "i"))


def test_tokens_are_read_with_and_without_an_installation() -> None:
    assert parse_token("i=one") == Token("one", "i")
    assert parse_token("i=b25l==") == Token("b25l==", "i")
    for text in ("one", "b25l==", "=one"):
        token = parse_token(text)
        assert (token.secret, token.installation[:6]) == (text, "token-")
        assert text not in token.installation


def test_a_request_that_was_not_whole_does_nothing(desk: Desk) -> None:
    messages = [
        {"type": "http.request", "body": b'[{"key":"a","value":1}]', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/v1/batch/set", "method": "POST", "headers": []}
    with pytest.raises(ConnectionLost):
        asyncio.run(desk.emulator(scope, receive, send))
    assert sent == []
    assert desk.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"] == []


def test_a_server_starts_and_stops_it(desk: Desk) -> None:
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(desk.emulator({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(desk.emulator.store.run(lambda: None))
    with pytest.raises(ValueError, match="unsupported ASGI scope: websocket"):
        asyncio.run(desk.emulator({"type": "websocket"}, receive, send))


def test_a_defect_is_a_500_that_is_logged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(desk.emulator.store, "run", None)
    assert desk.refused("/v1/batch/get", BATCH) == (500, "INTERNAL_SERVER_ERROR")
    assert "the emulator failed on /v1/batch/get" in caplog.text
