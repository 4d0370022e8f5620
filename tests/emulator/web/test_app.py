"""The ASGI app: routes, headers, authorization and internal errors."""

import asyncio
from typing import Any

import pytest

from kvsctl.emulator import ConnectionLost
from kvsctl.emulator.options import Token, parse_token
from tests.emulator.support import EmulatorClient, OpenClient

BATCH = [{"key": "a", "value": 1}]


def test_every_response_has_a_date_and_a_trace_id(client: EmulatorClient) -> None:
    for path in ("/v1/batch/get", "/nowhere"):
        response = client.post(path, [{"key": "a"}])
        assert response.headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
        assert len(response.headers["x-b3-traceid"]) == 16


def test_a_trace_id_of_the_request_is_kept(client: EmulatorClient) -> None:
    response = client.post("/v1/batch/get", BATCH, headers={"x-b3-traceid": "abc"})
    assert response.headers["x-b3-traceid"] == "abc"


def test_an_unknown_route_is_403(client: EmulatorClient) -> None:
    assert client.refused("/v2/batch/get", BATCH) == (403, "FORBIDDEN")


def test_another_method_is_405(client: EmulatorClient) -> None:
    response = client.request("GET", "/v1/batch/get")
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
def test_every_installation_has_its_own_store(client: EmulatorClient, headers: Any) -> None:
    client.ok("/v1/batch/set", BATCH, headers=headers)
    assert client.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"] == []
    assert client.ok("/v1/batch/get", [{"key": "a"}], headers=headers)["successfulKeys"]


def test_an_ari_selects_the_installation_in_its_last_part(client: EmulatorClient) -> None:
    header = "forge-proxy-authorization"
    client.ok("/v1/batch/set", BATCH, headers={header: "Forge as=app,installationId=a:b/i"})
    read = client.ok(
        "/v1/batch/get", [{"key": "a"}], headers={header: "Forge as=app,installationId=i"}
    )
    assert read["successfulKeys"]


def test_an_invocation_id_opens_the_default_store(client: EmulatorClient) -> None:
    client.ok("/v1/batch/set", BATCH, headers={"forge-proxy-authorization": "Forge as=app,id=x"})
    assert client.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"]


@pytest.mark.parametrize("value", ["Forge as=user,installationId=i", "Forge as=app", "Bearer x"])
def test_a_proxy_header_that_names_no_installation_is_401(
    client: EmulatorClient, value: Any
) -> None:
    headers = {"forge-proxy-authorization": value}
    assert client.refused("/v1/batch/get", BATCH, headers=headers) == (401, "UNAUTHORIZED")


def test_with_tokens_other_callers_are_refused(open_client: OpenClient) -> None:
    client = open_client(tokens=(Token("one", "i"), Token("two", "i"), Token("three", "j")))
    assert client.refused("/v1/batch/set", BATCH) == (401, "UNAUTHORIZED")
    for bad in ("Bearer four", "Basic one", "one"):
        assert client.refused("/v1/batch/set", BATCH, headers={"authorization": bad})[0] == 401
    proxied = {"forge-proxy-authorization": "Forge as=app,installationId=i"}
    assert client.refused("/v1/batch/set", BATCH, headers=proxied)[0] == 401
    client.ok("/v1/batch/set", BATCH, headers={"authorization": "Bearer one"})
    for secret, found in (("two", 1), ("three", 0)):
        read = client.ok("/v1/batch/get", BATCH, headers={"authorization": f"Bearer {secret}"})
        assert len(read["successfulKeys"]) == found


@pytest.mark.parametrize(
    ("proxied", "token", "refused"),
    [
        ("installationId=i", "one", None),
        ("installationId=ari:cloud:x::installation/i", "one", None),
        ("id=invocation", "one", None),
        ("installationId=i", "two", (403, "FORBIDDEN")),
        ("installationId=default", "one", (403, "FORBIDDEN")),
        ("installationId=i", "three", (401, "UNAUTHORIZED")),
        ("nothing=i", "one", (401, "UNAUTHORIZED")),
    ],
)
def test_a_token_opens_its_own_installation_only(
    open_client: OpenClient, proxied: str, token: str, refused: Any
) -> None:
    client = open_client(tokens=(Token("one", "i"), Token("two", "j")))
    client.ok("/v1/batch/set", BATCH, headers={"authorization": "Bearer one"})
    headers = {
        "authorization": f"Bearer {token}",
        "forge-proxy-authorization": f"Forge as=app,{proxied}",
    }
    if refused is None:
        assert client.ok("/v1/batch/get", BATCH, headers=headers)["successfulKeys"]
    else:
        assert client.refused("/v1/batch/get", BATCH, headers=headers) == refused
        assert client.refused("/v1/batch/delete", BATCH, headers=headers) == refused


def test_repr_hides_the_secret_of_a_token() -> None:
    assert "hush" not in repr(Token("hush", "i"))


def test_tokens_are_read_with_and_without_an_installation() -> None:
    assert parse_token("i=one") == Token("one", "i")
    assert parse_token("i=b25l==") == Token("b25l==", "i")
    for text in ("one", "b25l==", "=one"):
        token = parse_token(text)
        assert (token.secret, token.installation[:6]) == (text, "token-")
        assert text not in token.installation


def test_an_incomplete_request_changes_nothing(client: EmulatorClient) -> None:
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
        asyncio.run(client.emulator(scope, receive, send))
    assert sent == []
    assert client.ok("/v1/batch/get", [{"key": "a"}])["successfulKeys"] == []


def test_the_end_of_the_lifespan_closes_the_store(client: EmulatorClient) -> None:
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(client.emulator({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    with pytest.raises(ConnectionLost, match="the store is closed"):
        asyncio.run(client.emulator.store.run(lambda: None))
    with pytest.raises(ValueError, match="unsupported ASGI scope: websocket"):
        asyncio.run(client.emulator({"type": "websocket"}, receive, send))


def test_a_defect_is_a_500_that_is_logged(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client.emulator.store, "run", None)
    assert client.refused("/v1/batch/get", BATCH) == (500, "INTERNAL_SERVER_ERROR")
    assert "the emulator failed on /v1/batch/get" in caplog.text
