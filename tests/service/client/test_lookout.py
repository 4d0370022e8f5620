"""A client whose target may be a bridge although nobody said so."""

import asyncio

import pytest

from kvsctl.model import Verb
from kvsctl.service.bridges import Lookout, UndescribedBridge
from kvsctl.service.client import Answer, StoreClient
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


def test_a_value_that_would_change_waits_for_an_answer() -> None:
    app = App([OK, OK, OK])
    client = _client(app)
    for _ in range(2):
        assert _call(client, large=True).reply is not None
    sets = ["POST /base/v1/batch/set"]
    assert app.paths == ["POST /base/v1/batch/get", *sets * 2]


def test_what_the_service_answered_is_enough_to_know() -> None:
    app = App([OK, OK])
    client = _client(app)
    assert _call(client).ending is None
    _call(client, large=True)
    assert app.paths == ["POST /base/v1/batch/set"] * 2


def test_a_value_that_would_change_is_not_sent_to_a_bridge() -> None:
    app = App([_BRIDGED, OK])
    client = _client(app)
    for large in (True, True, False):
        with pytest.raises(UndescribedBridge, match="it is a bridge, but is not described as one"):
            _call(client, large=large)
    assert app.paths == ["POST /base/v1/batch/get"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502])
def test_an_answer_that_says_nothing_is_that_of_the_write(status: int) -> None:
    app = App([(status, {}, b""), OK, OK])
    client = _client(app)
    answer = _call(client, large=True)
    assert answer.fault is not None
    assert answer.fault.status == status
    assert answer.reply is None
    _call(client, large=True)
    gets, sets = ["POST /base/v1/batch/get"], ["POST /base/v1/batch/set"]
    assert app.paths == gets * 2 + sets


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
