"""kvsctl on a service that answers at once and does nothing: what is left is kvsctl's own work."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from kvsctl.__main__ import main
from kvsctl.jobs import runner
from kvsctl.model import Found, Record, Verb
from kvsctl.service.client import Answer
from kvsctl.service.reply import Reply


class NullService:
    """Every record succeeds."""

    async def prepare(self) -> None:
        """There is nothing to prepare."""

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Answers."""
        found = Found(b"1") if verb is Verb.GET else None
        reply = Reply({one.identity: found for one in records}, {})
        return Answer(reply, None, 200, 0.0, 1000, 100, None, None)

    async def renew(self, _: object) -> bool:
        """There is nothing to renew."""
        return False

    def now(self) -> float:
        """No record asks for a ttl."""
        return 0.0


@asynccontextmanager
async def _connected(*_: Any, **__: Any) -> AsyncIterator[NullService]:
    yield NullService()


if __name__ == "__main__":
    runner.connected = _connected  # type: ignore[assignment]
    sys.argv[0] = "kvsctl"
    main()
