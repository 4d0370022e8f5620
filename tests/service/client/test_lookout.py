"""A client whose target may be a bridge although nobody said so."""

import asyncio

import pytest

from kvsctl.model import Verb
from kvsctl.service.bridges import Lookout, UndescribedBridge
from kvsctl.service.client import Answer, AskFirst, StoreClient
from kvsctl.service.faults import Fault, FaultKind, unsent
from kvsctl.service.transport.in_process import in_process
from tests.service.client.asking import DONE, OK, URL, record, service
from tests.service.wires import App

_BRIDGED = (200, {"x-kvsctl-installation": "i"}, DONE)
_EXACT = record()
_LARGE = record(b'{"key":"a","value":9007199254740993}')


def _client(app: App) -> StoreClient:
    return service(in_process(URL, app, 30.0), lookout=Lookout("it"))


def _call(client: StoreClient, *, large: bool = False, verb: Verb = Verb.SET) -> Answer:
    return asyncio.run(client.call(verb, [_LARGE if large else _EXACT]))


def _asked(client: StoreClient) -> tuple[Answer, bool]:
    """Ask what a large value needs. Return the answer, and whether the target is cleared."""
    with pytest.raises(AskFirst) as held:
        _call(client, large=True)

    async def ask() -> Answer:
        return await held.value.ask()

    return asyncio.run(ask()), held.value.lookout.is_cleared


_GET, _SET = "POST /base/v1/batch/get", "POST /base/v1/batch/set"


def test_a_value_that_would_change_waits_for_an_answer() -> None:
    app = App([OK, OK, OK])
    client = _client(app)
    _, is_cleared = _asked(client)
    assert is_cleared
    for _ in range(2):
        assert _call(client, large=True).reply is not None
    assert app.paths == [_GET, _SET, _SET]


def test_what_the_service_answered_is_enough_to_know() -> None:
    app = App([OK, OK])
    client = _client(app)
    assert _call(client).ending is None
    _call(client, large=True)
    assert app.paths == [_SET] * 2


def test_a_value_that_would_change_is_not_sent_to_a_bridge() -> None:
    app = App([_BRIDGED, OK])
    client = _client(app)
    with pytest.raises(UndescribedBridge, match="it is a bridge, but is not described as one"):
        _asked(client)
    for large in (True, False):
        with pytest.raises(UndescribedBridge):
            _call(client, large=large)
    assert app.paths == [_GET]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b'{"code":"UNAUTHORIZED","message":""}'),
        (403, b""),
        (403, b"<html></html>"),
        (403, b'{"code":"BRIDGE_NOT_CONFIGURED","message":""}'),
        (429, b'{"code":"RATE_LIMIT_EXCEEDED","message":""}'),
        (500, b""),
        (502, b""),
    ],
)
def test_an_answer_that_says_nothing_clears_nothing(status: int, body: bytes) -> None:
    app = App([(status, {}, body)])
    client = _client(app)
    for _ in range(2):
        answer, is_cleared = _asked(client)
        assert answer.fault is not None
        assert answer.fault.status == status
        assert not is_cleared
    assert app.paths == [_GET] * 2


@pytest.mark.parametrize(
    ("status", "body"), [(403, b'{"code":"FORBIDDEN","message":"may not read"}'), (404, b"")]
)
def test_a_refused_read_of_the_service_lets_the_write_pass(status: int, body: bytes) -> None:
    """A token that may only write is refused the question."""
    app = App([(status, {}, body), OK])
    client = _client(app)
    answer, is_cleared = _asked(client)
    assert answer.fault is not None
    assert is_cleared
    assert _call(client, large=True).reply is not None
    assert app.paths == [_GET, _SET]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(FaultKind.UNANSWERED, "TIMEOUT", "no answer within 2 s"), FaultKind.UNREACHED),
        (Fault(FaultKind.TROUBLED, "HTTP_503", "unavailable", 503), FaultKind.UNREACHED),
        (Fault(FaultKind.MISDIRECTED, "UNREADABLE_ANSWER", "cut", 200), FaultKind.MISDIRECTED),
    ],
)
def test_what_was_not_sent_is_not_perhaps_applied(fault: Fault, kind: FaultKind) -> None:
    assert fault.may_be_applied
    held = unsent(fault)
    assert (held.kind, held.code, held.may_be_applied) == (kind, "UNREACHABLE", False)
    assert held.message.endswith(f"asking whether the target is a bridge failed: {fault.message}")


def test_a_fault_of_a_question_that_applied_nothing_stays_as_it_is() -> None:
    fault = Fault(FaultKind.THROTTLED, "RATE_LIMIT_EXCEEDED", "slower", 429, "t", 3.0)
    assert unsent(fault) is fault


def test_a_write_that_shows_the_bridge_is_settled_and_the_last_one() -> None:
    client = _client(App([_BRIDGED, OK]))
    answer = _call(client)
    assert answer.reply is not None
    assert isinstance(answer.ending, UndescribedBridge)
    with pytest.raises(UndescribedBridge):
        _call(client)


def test_a_read_that_shows_the_bridge_has_no_result() -> None:
    with pytest.raises(UndescribedBridge):
        _call(_client(App([_BRIDGED])), verb=Verb.GET)
