"""A client learns from answers whether the bridge before it may make nulls."""

import asyncio

import pytest

from kvsctl.model import Verb
from kvsctl.service.bridges import Bridge
from kvsctl.service.transport.in_process import in_process
from tests.service.client.asking import DONE, OK, URL, record, service
from tests.service.wires import App

_FIRST = (200, {"x-kvsctl-installation": "i"}, DONE)
_LATER = (200, {"x-kvsctl-installation": "i", "x-kvsctl-bridge": "2"}, DONE)


def _seen(*answers: tuple[int, dict[str, str], bytes]) -> list[bool]:
    """What each answer says of nulls."""
    client = service(in_process(URL, App(list(answers)), 30.0), bridge=Bridge())

    async def work() -> list[bool]:
        seen = []
        for _ in answers:
            await client.call(Verb.GET, [record()])
            seen.append(client.may_lack_numbers)
        return seen

    return asyncio.run(work())


@pytest.mark.parametrize("status", [401, 403, 429, 502, 503])
def test_an_answer_of_the_platform_says_nothing(status: int) -> None:
    assert _seen((status, {}, b""), _LATER, (status, {}, b""), _LATER) == [False] * 4


def test_a_first_version_makes_nulls() -> None:
    assert _seen(OK, _FIRST) == [False, True]


def test_what_was_read_before_the_app_was_updated_may_lack_numbers() -> None:
    assert _seen(_FIRST, _LATER, OK) == [True] * 3
