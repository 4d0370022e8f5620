"""What is shown of a target's texts: bounded in length, and never with the token."""

import json

import pytest

from kvsctl.model import Failure, Identity
from kvsctl.service.auth.credentials import Credentials, bearer
from kvsctl.service.client import Answer
from kvsctl.service.faults import Fault
from kvsctl.service.reply import Reply
from tests.service.client.asking import OK, TOKEN, Given, ask
from tests.service.wires import App


def fault_of(answer: Answer) -> Fault:
    assert answer.fault is not None
    return answer.fault


def test_the_token_is_hidden_in_the_texts_of_a_target() -> None:
    body = b'{"code":"UNAUTHORIZED","message":"no such token: %b!"}' % TOKEN.encode()
    app = App([(401, {"x-seen": f"Bearer {TOKEN}", "x-trace-id": f"of {TOKEN}"}, body)])
    answer = ask(app, wants_headers=True)
    assert answer.fault is not None
    assert answer.fault.message == "no such token: …!"
    assert answer.trace_id == answer.fault.trace_id == "of …"
    assert "< x-seen: Bearer …" in answer.headers


def test_the_token_is_hidden_in_a_code() -> None:
    answer = ask(App([(401, {}, b'{"code":"NO_%b","message":"no"}' % TOKEN.encode())]))
    assert answer.fault is not None
    assert (answer.fault.kind.name, answer.fault.code) == ("UNAUTHORISED", "NO_…")


def test_the_token_is_hidden_in_a_failed_key() -> None:
    error = {"code": f"NO_{TOKEN}", "message": f"no {TOKEN} here"}
    body = {"successfulKeys": [], "failedKeys": [{"key": "a", "error": error}]}
    answer = ask(App([(200, {}, json.dumps(body).encode())]))
    assert isinstance(answer.reply, Reply)
    failure = answer.reply.failed[Identity(None, "a")]
    assert (failure.code, failure.message) == ("NO_…", "no … here")


def test_a_long_message_is_truncated() -> None:
    body = b'{"code":"X","message":"' + b"m" * 100_000 + b'"}'
    fault = ask(App([(400, {}, body)])).fault
    assert fault is not None
    assert len(fault.message) == 500


@pytest.mark.parametrize("written", [str.lower, str.upper, str.title])
def test_the_token_is_hidden_whatever_its_case(written: "type[str]") -> None:
    shouted = written(TOKEN)
    body = json.dumps({"code": f"NO_{shouted}", "message": f"no {shouted}"}).encode()
    headers = {"x-trace-id": shouted, "x-more": f"a {shouted}", f"x-{shouted}".lower(): "1"}
    answer = ask(App([(400, headers, body)]), wants_headers=True)
    fault = fault_of(answer)
    assert (fault.code, fault.message, fault.trace_id) == ("NO_…", "no …", "…")
    assert {"< x-more: a …", "< x-…: 1"} <= set(answer.headers)


def test_the_token_is_hidden_in_the_host_of_a_redirect() -> None:
    fault = fault_of(ask(App([(302, {"location": f"https://{TOKEN.upper()}.test/"}, b"")])))
    assert fault.message.endswith(", a redirect to ….test: redirects are not followed")


def test_a_short_token_is_hidden_as_a_whole_word_only() -> None:
    body = b'{"code":"THE_KEY","message":"the key \'e\' is not e, says e."}'
    fault = fault_of(ask(App([(400, {}, body)]), credentials=Credentials(Given("e"), bearer)))
    assert (fault.code, fault.message) == ("THE_KEY", "the key '…' is not …, says ….")


def test_a_token_that_is_cut_by_a_bound_is_hidden_whole() -> None:
    for filling in range(480, 500):
        body = json.dumps({"code": "X", "message": "m" * filling + TOKEN}).encode()
        assert fault_of(ask(App([(400, {}, body)]))).message == "m" * filling + "…"


def test_long_codes_trace_ids_and_hosts_are_truncated() -> None:
    body = json.dumps({"code": "C" * 100_000, "message": ""}).encode()
    headers = {"x-trace-id": "t" * 100_000, "location": f"https://{'h' * 100_000}/"}
    fault = fault_of(ask(App([(302, headers, body)])))
    assert (fault.code, fault.trace_id) == ("C" * 100, "t" * 100)
    assert fault.message == f", a redirect to {'h' * 100}: redirects are not followed"


@pytest.mark.parametrize("token", [TOKEN, None])
def test_long_texts_of_a_failed_key_are_truncated(token: str | None) -> None:
    error = {"code": "C" * 100_000, "message": "m" * 100_000}
    body = {"successfulKeys": [], "failedKeys": [{"key": "a", "error": error}]}
    credentials = Credentials(Given(token) if token else None, bearer)
    app = App([(200, {"x-trace-id": "t" * 100_000}, json.dumps(body).encode())])
    reply = ask(app, credentials=credentials).reply
    assert isinstance(reply, Reply)
    assert reply.failed == {Identity(None, "a"): Failure("C" * 100, "m" * 500, "t" * 100)}


def test_long_headers_are_truncated() -> None:
    lines = ask(App([(200, {"x-more": "m" * 100_000}, OK[2])]), wants_headers=True).headers
    assert "< x-more: " + "m" * 992 in lines
