"""The client reads every form in which the emulator says how long to wait."""

import asyncio

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.switches.fault_spec import plan_of
from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.model import Verb
from kvsctl.service.auth.credentials import Credentials, bearer
from kvsctl.service.client import Answer, StoreClient
from kvsctl.service.faults import FaultKind
from kvsctl.service.transport.in_process import in_process
from kvsctl.service.wire import MetadataRequest
from tests.support.records import record


def _second_answer(options: EmulatorOptions) -> Answer:
    async def ask() -> Answer:
        emulator = embedded(":memory:", options)
        service = StoreClient(
            in_process("http://kvsctl.localhost", emulator, 30),
            Credentials(None, bearer),
            fixed_headers={},
            timeout_seconds=30,
            metadata=MetadataRequest(),
        )
        await service.call(Verb.SET, [record(0)])
        answer = await service.call(Verb.SET, [record(1)])
        await service.aclose()
        await emulator.aclose()
        return answer

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("form", "least", "most"),
    [
        ({"retry-after": "20"}, 20, 20),
        # A date has whole seconds: the emulator rounds it up.
        ({"retry-after-date": "20"}, 19, 22),
        ({"reset": "20"}, 18, 20),
        ({}, None, None),
    ],
)
def test_a_fault_says_how_long_to_wait(
    form: dict[str, str], least: float | None, most: float | None
) -> None:
    answer = _second_answer(EmulatorOptions(faults=plan_of({"429": "1", **form})))
    _check(answer, least, most)


@pytest.mark.parametrize(
    ("announces", "least", "most"),
    [("retry-after", 1, 60), ("reset", 0.5, 60), ("nothing", None, None)],
)
def test_a_quota_says_how_long_to_wait(
    announces: str, least: float | None, most: float | None
) -> None:
    quota = QuotaOptions(
        write_units_per_minute=1,
        window="sliding",
        announces=announces,  # type: ignore[arg-type]
    )
    _check(_second_answer(EmulatorOptions(quota=quota)), least, most)


def _check(answer: Answer, least: float | None, most: float | None) -> None:
    assert answer.fault is not None
    assert answer.fault.kind is FaultKind.THROTTLED
    if least is None or most is None:
        assert answer.fault.retry_after_seconds is None
    else:
        assert answer.fault.retry_after_seconds is not None
        assert least <= answer.fault.retry_after_seconds <= most
