"""A client asks for the next token before the old one ends, by the service's clock."""

import asyncio
from collections.abc import Mapping

from kvsctl.model import Verb
from kvsctl.service.auth.credentials import Credentials, bearer
from kvsctl.service.transport.carrier import CarrierAnswer, Method
from tests.service.client.asking import Given, record, service
from tests.support.simulated.tokens import token_until

NOW = 1_790_000_000.0


class Recording:
    """A carrier that answers every batch/get, and keeps the tokens it was sent."""

    host, proxy = "test", None

    def __init__(self, date: str | None = None) -> None:
        self.tokens: list[str] = []
        self._date = date

    async def request(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CarrierAnswer:
        self.tokens.append(headers["authorization"].removeprefix("Bearer "))
        sent = {} if self._date is None else {"date": self._date}
        return CarrierAnswer(200, sent, b'{"successfulKeys":[],"failedKeys":[]}')

    async def aclose(self) -> None:
        pass


def _sent(carrier: Recording, tokens: list[str], times: list[float]) -> list[str]:
    now = [NOW]

    async def work() -> None:
        credentials = Credentials(Given(*tokens), bearer, epoch=lambda: now[0])
        one = service(carrier, credentials=credentials, epoch=lambda: now[0])
        for time in times:
            now[0] = time
            await one.prepare()
            answer = await one.call(Verb.GET, [record()])
            assert answer.fault is None

    asyncio.run(work())
    return carrier.tokens


def test_the_next_token_is_sent_before_the_old_one_ends() -> None:
    first, second = token_until(NOW + 3600), token_until(NOW + 7200)
    times = [NOW, NOW + 3299, NOW + 3301, NOW + 3302]
    assert _sent(Recording(), [first, second], times) == [first, first, second, second]


def test_the_clock_that_counts_is_the_services() -> None:
    """This machine is an hour late."""
    first, second = token_until(NOW + 5000), token_until(NOW + 9000)
    at = "Mon, 21 Sep 2026 15:13:20 GMT"  # NOW + 3600
    assert _sent(Recording(at), [first, second], [NOW, NOW + 1101]) == [first, second]
