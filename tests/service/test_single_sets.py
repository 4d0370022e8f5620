"""Sets of single records that must not replace what exists."""

import asyncio
import json
from typing import Any

import pytest

from kvsctl.emulator import embedded
from kvsctl.model import Failure, Identity, Record, Verb
from kvsctl.service.auth.credentials import Credentials, bearer
from kvsctl.service.client import Answer
from kvsctl.service.faults import FaultKind
from kvsctl.service.reply import AllDone, Reply
from kvsctl.service.single_sets import CreatingClient
from kvsctl.service.transport.in_process import in_process
from kvsctl.service.wire import MetadataRequest
from tests.service.wires import App
from tests.support.records import moment

NOW = 1_767_225_600.0
PLAIN = Record(0, "f", 1, Identity(None, "a"), b'{"key":"a","value":1.0}')


def ask(app: Any, *calls: tuple[Verb, Record]) -> list[Answer]:
    """Make calls to an application in this process."""

    async def work() -> list[Answer]:
        one = CreatingClient(
            in_process("http://kvsctl.localhost", app, 30.0),
            Credentials(None, bearer),
            fixed_headers={},
            timeout_seconds=30.0,
            metadata=MetadataRequest(),
            epoch=lambda: NOW,
        )
        try:
            return [await one.call(verb, [record]) for verb, record in calls]
        finally:
            await one.aclose()

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("record", "path", "body"),
    [
        (PLAIN, "/v1/set", '{"key":"a","value":1.0,"options":{"keyPolicy":"FAIL_IF_EXISTS"}}'),
        (
            Record(0, "f", 1, Identity("ent", "a"), b'{"key":"a","entityName":"ent","value":{}}'),
            "/v1/entity/set",
            '{"key":"a","entityName":"ent","value":{},"options":{"keyPolicy":"FAIL_IF_EXISTS"}}',
        ),
        (
            Record(
                *(0, "f", 1, Identity(None, "a")),
                b'{"key":"a","value":1,"options":{"ttl":{"value":1,"unit":"DAYS"}}}',
            ),
            "/v1/set",
            '{"key":"a","value":1,"options":{"keyPolicy":"FAIL_IF_EXISTS",'
            '"ttl":{"value":1,"unit":"DAYS"}}}',
        ),
        (
            Record(0, "f", 1, Identity(None, "a"), b'{"key":"a","value":1}', moment(NOW + 60)),
            "/v1/set",
            '{"key":"a","value":1,"options":{"keyPolicy":"FAIL_IF_EXISTS",'
            '"ttl":{"value":60,"unit":"SECONDS"}}}',
        ),
    ],
)
def test_a_record_is_sent_alone_with_the_policy(record: Record, path: str, body: str) -> None:
    app = App([(200, {}, b"")])
    [answer] = ask(app, (Verb.SET, record))
    assert (app.paths, app.bodies) == ([f"POST {path}"], [body.encode()])
    assert (answer.reply, answer.status) == (AllDone(), 200)
    json.loads(app.bodies[0])


def test_an_answer_without_content_is_a_success() -> None:
    """As a fault, it would be retried, and the retry find the record as if somebody else's."""
    app = App([(204, {}, b"")])
    [answer] = ask(app, (Verb.SET, PLAIN))
    assert (answer.reply, answer.fault, answer.status) == (AllDone(), None, 204)


def test_what_exists_is_named_as_a_conflict() -> None:
    conflict = b'{"code":"KEY_CONFLICT","message":"Key already exists"}'
    [answer] = ask(App([(409, {"x-trace-id": "t"}, conflict)]), (Verb.SET, PLAIN))
    failure = Failure("KEY_CONFLICT", "Key already exists", "t")
    assert answer.reply == Reply({}, {PLAIN.identity: failure})
    assert (answer.fault, answer.status) == (None, 409)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, b'{"code":"OTHER_CONFLICT","message":"no"}', FaultKind.REFUSED),
        (409, b"<html>", FaultKind.REFUSED),
        (400, b'{"code":"KEY_CONFLICT","message":"no"}', FaultKind.REFUSED),
        (503, b"", FaultKind.TROUBLED),
        (200, b"<html>", FaultKind.UNANSWERED),
    ],
)
def test_any_other_answer_is_a_fault(status: int, body: bytes, kind: FaultKind) -> None:
    [answer] = ask(App([(status, {}, body)]), (Verb.SET, PLAIN))
    assert answer.reply is None
    assert answer.fault is not None
    assert answer.fault.kind is kind
    assert answer.fault.may_be_applied is (status in (200, 503))


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"key":"a","value":1}'])
def test_a_written_record_is_done_whatever_the_answer_returns(body: bytes) -> None:
    [answer] = ask(App([(200, {}, body)]), (Verb.SET, PLAIN))
    assert answer.reply == AllDone()


def test_reads_go_to_the_batch_endpoint() -> None:
    app = App([(200, {}, b'{"successfulKeys":[{"key":"a","value":1}],"failedKeys":[]}')])
    ask(app, (Verb.GET, PLAIN))
    assert app.paths == ["POST /v1/batch/get"]


def test_the_emulator_refuses_to_replace_what_exists() -> None:
    entity = Record(0, "f", 1, Identity("ent", "a"), b'{"key":"a","entityName":"ent","value":{}}')
    calls = [(Verb.SET, PLAIN), (Verb.SET, PLAIN), (Verb.SET, entity), (Verb.SET, entity)]
    app = embedded(":memory:")
    try:
        answers = ask(app, *calls)
    finally:
        app.close()
    assert [answer.status for answer in answers] == [204, 409, 204, 409]
    assert isinstance(answers[3].reply, Reply)
    assert answers[3].reply.failed[entity.identity].code == "KEY_CONFLICT"
