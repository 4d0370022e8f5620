"""Run kvsctl on a service that answers at once and does nothing: only kvsctl's own work is left."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Raw

from kvsctl.__main__ import main
from kvsctl.jobs import runner
from kvsctl.model import Record, Verb
from kvsctl.service.auth.lifetime import TokenNeed
from kvsctl.service.client import Answer
from kvsctl.service.reply import AllDone
from kvsctl.slabs import FoundSlab


class NullService:
    """A service on which every record succeeds."""

    @property
    def token_need(self) -> TokenNeed:
        """No token is needed."""
        return TokenNeed.NONE

    @property
    def has_quick_token(self) -> bool:
        """Tokens need no command."""
        return True

    async def prepare(self) -> None:
        """Do nothing."""

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Return an answer in which every record succeeds, as the client returns it."""
        found = FoundSlab([Raw(b"1")] * len(records), is_compact=True)
        reply = AllDone(found if verb is Verb.GET else None)
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
    vars(runner)["connected"] = _connected
    sys.argv[0] = "kvsctl"
    main()
