"""The requests that the client makes, and where they may go."""

import asyncio
from pathlib import Path

import pytest

from kvsctl.errors import CredentialsError
from kvsctl.model import Found, Verb
from kvsctl.service.auth.credentials import Credentials, TokenFile, bearer
from kvsctl.service.client import Answer
from kvsctl.service.faults import FaultKind
from kvsctl.service.reply import AllDone
from kvsctl.service.transport.in_process import in_process
from kvsctl.service.wire import MetadataRequest
from tests.service.client.asking import (
    DONE,
    OK,
    TOKEN,
    URL,
    Given,
    ask,
    ask_wire,
    record,
    service,
)
from tests.service.networks import Network
from tests.service.wires import App, Wire, listening, response, sending


class TestRequests:
    @pytest.mark.parametrize("verb", Verb)
    def test_one_call_is_one_post_to_the_verbs_endpoint(self, verb: Verb) -> None:
        app = App([(200, {}, b'{"successfulKeys":[],"failedKeys":[]}')])
        ask(app, verb=verb, fixed_headers={"forge-proxy-authorization": "Forge as=app"})
        assert app.paths == [f"POST /base/v1/batch/{verb.value}"]
        assert app.bodies == [b'[{"key":"a","value":1}]']
        (headers,) = app.headers
        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert headers["content-type"] == headers["accept"] == "application/json"
        assert headers["forge-proxy-authorization"] == "Forge as=app"

    def test_requests_the_configured_metadata(self) -> None:
        body = b'{"successfulKeys":[{"key":"a","value":1.0,"createdAt":5}],"failedKeys":[]}'
        app = App([(200, {}, body)])
        answer = ask(app, verb=Verb.GET, metadata=MetadataRequest(created=True))
        assert b'"metadataFields":["CREATED_AT"]' in app.bodies[0]
        assert answer.reply == AllDone([Found(b"1.0", 5)])

    def test_carries_no_authorization_without_a_source(self) -> None:
        app = App([OK])
        answer = ask(app, credentials=Credentials(None, bearer))
        assert "authorization" not in app.headers[0]
        assert answer.token is None

    def test_a_request_to_this_machine_bypasses_the_proxy(
        self, monkeypatch: pytest.MonkeyPatch, network: Network
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        answer, _ = ask_wire(network, sending(response("200 OK", DONE)))
        assert answer.reply is not None

    def test_nothing_is_sent_if_the_source_gives_no_token(self, tmp_path: Path) -> None:
        app = App([OK])
        with pytest.raises(CredentialsError):
            ask(app, credentials=Credentials(TokenFile(tmp_path / "none"), bearer))
        assert app.paths == []

    def test_the_next_call_carries_the_renewed_token(self) -> None:
        app = App([(401, {}, b'{"code":"UNAUTHORIZED","message":"expired"}'), OK])

        async def work() -> tuple[Answer, bool, Answer]:
            one = service(
                in_process(URL, app, 30.0), credentials=Credentials(Given("x1", "x2"), bearer)
            )
            first = await one.call(Verb.SET, [record()])
            renewed = await one.renew(first.token)
            second = await one.call(Verb.SET, [record()])
            await one.aclose()
            return first, renewed, second

        first, renewed, second = asyncio.run(work())
        assert first.fault is not None
        assert first.fault.kind is FaultKind.UNAUTHORISED
        assert renewed
        assert second.reply is not None
        assert [headers["authorization"] for headers in app.headers] == ["Bearer x1", "Bearer x2"]


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed_and_gets_no_token(
        self, status: int, network: Network
    ) -> None:
        async def work() -> tuple[Answer, Wire, Wire]:
            async with listening(sending(response("200 OK", DONE))) as other:
                location = f"location: {other.url}/x?y"
                answering = sending(response(f"{status} Moved", b"", location))
                async with listening(answering) as wire:
                    one = service(network.carrier(wire.url))
                    answer = await one.call(Verb.SET, [record()])
                    await one.aclose()
                    return answer, wire, other

        answer, wire, other = network.run(work())
        assert (wire.connections, other.connections) == (1, 0)
        assert TOKEN.encode() in wire.requests[0]
        assert answer.fault is not None
        assert answer.fault.kind is FaultKind.MISDIRECTED
        assert answer.fault.message.endswith(
            ", a redirect to 127.0.0.1: redirects are not followed"
        )

    @pytest.mark.parametrize(
        ("status", "headers", "message"),
        [
            (302, {"location": "/login"}, "a redirect to another path"),
            (302, {}, "HTTP 302 Found"),
            (304, {}, "HTTP 304 Not Modified"),
            (300, {"location": "http://[::1/"}, "HTTP 300 Multiple Choices"),
            (302, {"location": "http://[::1/"}, "a redirect to an invalid URL"),
            (302, {"location": "http://user:s3cret@other.test/"}, "a redirect to other.test"),
        ],
    )
    def test_any_redirect_is_reported(
        self, status: int, headers: dict[str, str], message: str
    ) -> None:
        fault = ask(App([(status, headers, b"")])).fault
        assert fault is not None
        assert fault.kind is FaultKind.MISDIRECTED
        assert message in fault.message
        assert "s3cret" not in fault.message
