"""Send a request with any body, and return the answer as it is."""

from collections.abc import Mapping

import msgspec

from kvsctl.model import GET
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.client import StoreClient
from kvsctl.service.faults import Fault, FaultKind

_SUCCESSES = range(200, 300)


class RawAnswer(msgspec.Struct, frozen=True):
    """The end of one request. `status` is None, and `body` empty, if no answer arrived.

    `fault`: why it is not a success, if it is not. `token` is the one that was sent.
    """

    status: int | None
    headers: Mapping[str, str]
    body: bytes
    fault: Fault | None
    token: Secret | None

    @property
    def is_refusal(self) -> bool:
        """Whether the service refused the request, and would refuse it again."""
        return self.fault is not None and self.fault.kind is FaultKind.REFUSED


class RawClient(StoreClient):
    """A client that also sends bodies of the caller's choice."""

    async def post(self, path: str, body: bytes) -> RawAnswer:
        """Send one request. Call `prepare` before. Raise as `call` does."""
        sent = await self._post(path, body)
        answer = sent.answer
        if answer is None:
            return RawAnswer(None, {}, b"", sent.lost, sent.token)
        fault = None
        if answer.status not in _SUCCESSES:
            _, fault = self._meaning(GET, (), answer, sent.trace_id, sent.token)
        return RawAnswer(answer.status, answer.headers, answer.body, fault, sent.token)
