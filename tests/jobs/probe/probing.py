"""A probe of an emulator in this process, on a clock that only pauses move."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from kvsctl.emulator import Emulator, EmulatorOptions, embedded
from kvsctl.emulator.clock import Clock
from kvsctl.errors import KvsctlError
from kvsctl.jobs.probe.asking import Asked, Asking
from kvsctl.jobs.probe.catalogue import chosen
from kvsctl.jobs.probe.scratch import Scratch
from kvsctl.model import Identity
from kvsctl.service.auth.credentials import Credentials, bearer
from kvsctl.service.raw import RawClient
from kvsctl.service.transport.carrier import Carrier, CarrierAnswer, CarrierError, Method
from kvsctl.service.transport.in_process import in_process
from kvsctl.service.wire import MetadataRequest
from tests.emulator.support import FakeTime

PREFIX = "probe:"
_URL = "http://kvsctl.localhost"


class Outcome(NamedTuple):
    """How a probe ended, and what the emulator holds after it."""

    asked: Sequence[Asked]
    error: KvsctlError | None
    written: Sequence[Identity]
    stored: Sequence[Identity]
    seconds: float

    @property
    def answers(self) -> dict[str, Any]:
        return {name: value for one in self.asked for name, value in one.finding.answers.items()}

    @property
    def limits(self) -> dict[str, int]:
        return {name: value for one in self.asked for name, value in one.finding.limits.items()}

    @property
    def notes(self) -> list[str]:
        return [note for one in self.asked for note in one.finding.notes]


def probed(
    *names: str,
    moment: Callable[[Asking], None] = lambda _asking: None,
    **options: Any,
) -> Outcome:
    """Ask an emulator with these options these questions.

    `moment` is called before and after each request and in each pause. It may raise CarrierError
    before a request, which is not sent then, or after it, so that its answer is lost.
    """
    time = FakeTime()
    emulator = embedded(":memory:", EmulatorOptions(**options), Clock(time))
    began = time.now_ms

    async def work() -> tuple[Asking, Scratch, Sequence[Identity]]:
        carrier = _Watched(in_process(_URL, emulator, 30.0), lambda: moment(asking))
        client = RawClient(
            carrier,
            Credentials(None, bearer),
            fixed_headers={},
            timeout_seconds=30.0,
            metadata=MetadataRequest(),
            epoch=lambda: time.now_ms / 1000,
        )

        async def sleep(seconds: float) -> None:
            ends_ms = time.now_ms + int(seconds * 1000)
            await asyncio.sleep(0)  # pauses that begin together end together
            time.now_ms = max(time.now_ms, ends_ms)
            with suppress(CarrierError):  # nothing is sent in a pause
                moment(asking)
            await asyncio.sleep(0)

        scratch = Scratch(client, PREFIX, lambda: time.now_ms / 1000, sleep)
        questions = chosen(names, may_use_up_quota=True)
        asking = Asking(questions, scratch, lambda _note: None)
        await asking.carry_out()
        return asking, scratch, await _stored(emulator)

    try:
        asking, scratch, stored = asyncio.run(work())
    finally:
        emulator.close()
    seconds = (time.now_ms - began) / 1000
    return Outcome(asking.asked, asking.error, scratch.written, stored, seconds)


async def _stored(emulator: Emulator) -> Sequence[Identity]:
    """Return what the emulator holds, of any entity."""

    def find() -> Sequence[Identity]:
        found = emulator.store.connection.execute(
            "SELECT space, key FROM record JOIN bucket ON bucket.id = record.bucket"
        )
        return [Identity(space or None, key) for space, key in found]

    return await emulator.store.run(find)


class _Watched:
    """A carrier that calls a function before and after each request."""

    proxy = None

    def __init__(self, carrier: Carrier, watch: Callable[[], None]) -> None:
        self._carrier = carrier
        self._watch = watch
        self.host = carrier.host

    async def request(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CarrierAnswer:
        self._watch()
        answer = await self._carrier.request(method, path, headers, body)
        self._watch()
        return answer

    async def aclose(self) -> None:
        await self._carrier.aclose()
