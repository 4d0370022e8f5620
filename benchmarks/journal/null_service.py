"""Run kvsctl on a service that answers at once and does nothing: only kvsctl's own work is left."""

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
    """A service on which every record succeeds."""

    async def prepare(self) -> None:
        """Do nothing."""

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Return an answer in which every record succeeds."""
        found = Found(b"1") if verb is Verb.GET else None
        reply = Reply({one.identity: found for one in records}, {})
        return Answer(reply, None, 200, 0.0, 1000, 100, None, None)

    async def renew(self, _: object) -> bool:
        """Return False: there is no token to renew."""
        return False

    def now(self) -> float:
        """Return 0: no record has a ttl."""
        return 0.0


@asynccontextmanager
async def _connected(*_: Any, **__: Any) -> AsyncIterator[NullService]:
    yield NullService()


if __name__ == "__main__":
    runner.connected = _connected  # type: ignore[assignment]
    sys.argv[0] = "kvsctl"
    main()
