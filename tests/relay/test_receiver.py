"""The receiver takes tokens from genuine invocations only, and gives them to its own users only."""

import base64
import hashlib
import hmac
import http.client
import json
import logging
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from tests.relay.invoking import APP, INSTALLATION, KEY, Served, Vendor, receiver, served
from tests.support.commands.raw_server import raw_server
from tests.support.simulated.tokens import token_until

_LATER = int(time.time()) + 3 * 3600
TOKEN = token_until(_LATER, "first")


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield found


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _refuses(one: Served, invocation: str | None, status: int = 401) -> None:
    answer = one.invoke(invocation, TOKEN)
    assert answer.status == status
    assert set(json.loads(answer.text)) == {"message"}
    assert one.token().status == 404


def test_a_token_goes_through(one: Served) -> None:
    assert one.invoke(one.vendor.signed(), TOKEN) == (200, "{}")
    assert one.token() == (200, f"{TOKEN}\n")
    assert one.token(f"ari:cloud:ecosystem::installation/{INSTALLATION}").text == f"{TOKEN}\n"
    listed = json.loads(one.get("/installations").text)
    assert listed == [{"installation": INSTALLATION, "ends_at": _LATER}]


def test_each_installation_has_its_own(one: Served) -> None:
    for name in ("a", "b"):
        app = {"installationId": f"ari:cloud:ecosystem::installation/{name}"}
        assert one.invoke(one.vendor.signed(app=app), token_until(_LATER, name)).status == 200
    assert one.token("a").text == token_until(_LATER, "a") + "\n"
    assert one.token("b").text == token_until(_LATER, "b") + "\n"
    assert one.token().status == 404


class TestInvocations:
    @pytest.mark.parametrize(
        "changes",
        [
            {"aud": "ari:cloud:ecosystem::app/another"},
            {"aud": None},
            {"iss": "forge/another"},
            {"iss": None},
            {"exp": int(time.time()) - 60},
            {"exp": None},
            {"iat": None},
            {"nbf": int(time.time()) + 86_400},
        ],
        ids=[
            "another app",
            "no app",
            "another issuer",
            "no issuer",
            "ended",
            "no end",
            "no time",
            "early",
        ],
    )
    def test_claims_that_are_wrong(self, one: Served, changes: dict[str, Any]) -> None:
        _refuses(one, one.vendor.signed(**changes))

    @pytest.mark.parametrize(
        "app", [None, "text", {}, {"installationId": 1}, {"installationId": ""}]
    )
    def test_no_installation(self, one: Served, app: object) -> None:
        _refuses(one, one.vendor.signed(app=app), 400)

    def test_a_key_of_somebody_else(self, one: Served) -> None:
        _refuses(one, one.vendor.signed(by=generate_private_key(65537, 2048)))

    def test_a_claim_that_was_changed(self, one: Served) -> None:
        header, _, signature = one.vendor.signed().split(".")
        claims = jwt.decode(one.vendor.signed(), options={"verify_signature": False})
        claims["app"]["installationId"] = "another"
        changed = _encoded(json.dumps(claims).encode()).decode()
        _refuses(one, f"{header}.{changed}.{signature}")

    def test_no_signature(self, one: Served) -> None:
        claims = jwt.decode(one.vendor.signed(), options={"verify_signature": False})
        _refuses(one, jwt.encode(claims, "", algorithm="none", headers={"kid": "first"}))

    def test_the_public_key_as_a_shared_secret(self, one: Served) -> None:
        public = one.vendor.keys["first"].public_key()
        pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        header = {"alg": "HS256", "kid": "first", "typ": "JWT"}
        body = jwt.decode(one.vendor.signed(), options={"verify_signature": False})
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
            for part in (header, body)
        ]

        mac = hmac.new(pem, b".".join(parts), hashlib.sha256).digest()
        token = b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
        _refuses(one, token)

    @pytest.mark.parametrize("invocation", [None, "", "x", "a.b.c", "é.é.é", "." * 9])
    def test_what_is_not_a_token(self, one: Served, invocation: str | None) -> None:
        _refuses(one, invocation)

    def test_the_relays_own_key(self, one: Served) -> None:
        _refuses(one, KEY)

    @pytest.mark.parametrize("token", [None, "", "a b", "x" * 16_385])
    def test_no_app_system_token(self, one: Served, token: str | None) -> None:
        assert one.invoke(one.vendor.signed(), token).status == 400

    def test_another_path(self, one: Served) -> None:
        assert one.invoke(one.vendor.signed(), TOKEN, "/token/x").status == 404


class TestKeys:
    def test_are_fetched_once(self, one: Served) -> None:
        for _ in range(5):
            assert one.invoke(one.vendor.signed(), TOKEN).status == 200
        assert one.vendor.fetched == 1

    def test_unknown_names_cause_no_flood_of_requests(self, one: Served) -> None:
        stranger = Vendor()
        for number in range(10):
            stranger.add(f"unknown{number}")
            _refuses(one, stranger.signed(f"unknown{number}"))
        assert one.vendor.fetched == 1
        one.clock[0] += 31
        _refuses(one, stranger.signed("unknown0"))
        assert one.vendor.fetched == 2

    def test_a_new_key_is_found(self, one: Served) -> None:
        assert one.invoke(one.vendor.signed(), TOKEN).status == 200
        one.vendor.add("second")
        one.clock[0] += 31
        assert one.invoke(one.vendor.signed("second"), TOKEN).status == 200

    def test_a_key_that_was_withdrawn_is_no_longer_taken(self, one: Served) -> None:
        invocation = one.vendor.signed()
        assert one.invoke(invocation, TOKEN).status == 200
        del one.vendor.keys["first"]
        one.vendor.add("second")
        one.clock[0] += 3601
        assert one.invoke(invocation, TOKEN).status == 401

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{}",
            b"not HTTP\r\n\r\n",
            b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
            *(
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
                for body in (
                    b"<html>",
                    b"\xff",
                    b"5",
                    b"null",
                    b"[]",
                    b'{"keys":5}',
                    b'{"keys":[5]}',
                    b'{"keys":[{}]}',
                    b"[" * 100_000,
                )
            ),
        ],
        ids=lambda answer: repr(answer[-12:]),
    )
    def test_a_broken_answer_of_the_vendor_refuses_the_invocation(self, answer: bytes) -> None:
        with raw_server(lambda _head, _body: answer) as server:
            keys = receiver.VendorKeys(f"http://127.0.0.1:{server.port}/")
            relay = receiver.Relay(APP, KEY, keys)
            with pytest.raises(receiver.Refused):
                relay.receive(f"Bearer {Vendor().signed()}", TOKEN)

    def test_without_the_vendor_nothing_is_taken(self) -> None:
        relay = receiver.Relay(APP, KEY, receiver.VendorKeys("http://127.0.0.1:1/"))
        with pytest.raises(receiver.Refused):
            relay.receive(f"Bearer {Vendor().signed()}", TOKEN)


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("2", 401),
        ("1000000", 401),
        ("1000001", 413),
        ("9" * 5000, 413),
        ("0" * 5000 + "2", 401),
        ("-1", 400),
        ("+2", 400),
        ("1_0", 400),
        ("", 400),
        ("\u00b2", 400),
        ("x" * 5000, 400),
    ],
    ids=lambda one: str(one)[:8],
)
def test_a_body_is_as_long_as_its_header_says_or_refused(
    one: Served, capfd: pytest.CaptureFixture[str], length: str, status: int
) -> None:
    """A request without an invocation token: 401 means that its body was read."""
    place = urlsplit(one.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
    connection.putrequest("POST", "/forge/token")
    connection.putheader("content-length", length)
    connection.endheaders()
    if status == 401:
        connection.send(b"x" * int(length.lstrip("0")))
    answer = connection.getresponse()
    assert (answer.status, set(json.load(answer))) == (status, {"message"})
    connection.close()
    assert "Traceback" not in capfd.readouterr().err


class TestUsers:
    @pytest.mark.parametrize("path", [f"/token/{INSTALLATION}", "/installations"])
    @pytest.mark.parametrize("key", [None, "", "wrong", KEY[:-1], KEY + "x", "é"])
    def test_need_the_key(self, one: Served, path: str, key: str | None) -> None:
        one.invoke(one.vendor.signed(), TOKEN)
        answer = one.get(path, key)
        assert answer.status == 401
        assert TOKEN not in answer.text

    def test_a_short_key_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 32 characters"):
            receiver.Relay(APP, "x" * 31, receiver.VendorKeys("http://127.0.0.1:1/"))

    def test_a_token_that_has_ended_is_not_given(self, one: Served) -> None:
        assert one.invoke(one.vendor.signed(), token_until(time.time() - 1)).status == 200
        assert one.token().status == 404

    def test_a_retry_that_comes_late_replaces_nothing_newer(self, one: Served) -> None:
        newer = token_until(_LATER + 60, "second")
        for token in (newer, TOKEN):
            assert one.invoke(one.vendor.signed(), token).status == 200
        assert one.token().text == f"{newer}\n"

    def test_the_end_of_an_opaque_token_is_assumed_so_the_latest_one_counts(
        self, one: Served
    ) -> None:
        soon = token_until(int(time.time()) + 600, "soon")
        for token in ("opaque", soon, "another"):
            assert one.invoke(one.vendor.signed(), token).status == 200
            assert one.token().text == f"{token}\n"

    @pytest.mark.parametrize("token", ["opaque", token_until("soon"), token_until(1e308 * 10)])  # type: ignore[arg-type]
    def test_a_token_that_does_not_say_its_end_is_kept_for_55_minutes(
        self, one: Served, token: str
    ) -> None:
        assert one.invoke(one.vendor.signed(), token).status == 200
        (listed,) = json.loads(one.get("/installations").text)
        assert 3200 < listed["ends_at"] - time.time() <= 3300


def test_the_log_holds_no_token_and_no_key(one: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        genuine = one.vendor.signed()
        one.invoke(genuine, TOKEN)
        one.invoke(one.vendor.signed(aud="other"), TOKEN)
        one.token()
        one.get("/installations", "wrong-" + KEY)
    text = caplog.text
    assert f"received a token of installation {INSTALLATION}" in text
    assert "refused with 401: the invocation token is refused: InvalidAudienceError" in text
    for secret in (TOKEN, KEY, genuine):
        assert not any(part in text for part in secret.split(".") if len(part) > 20)
    assert "secret" not in repr(receiver.Held("secret", 1.0, is_assumed=False))
