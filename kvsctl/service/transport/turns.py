"""Turns of clients that share connections: how many requests are in flight."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Final


class Turns:
    """Bounds the requests that all clients have in flight: half of `most` are common turns.

    Each of `clients` that work at the same time also has turns of its own: its share of the other
    half, and at least one. So clients whose requests hang do not block others.
    """

    def __init__(self, most: int, clients: int) -> None:
        self.common = most // 2
        """How many turns are left that any client may take."""
        self.own: Final = max(1, (most - self.common) // clients)
        self.total: Final = self.common + self.own * clients
        self.waiting: Final[dict[ClientTurns, None]] = {}
        """The clients with requests that wait, in the order in which they get common turns."""

    def of_client(self) -> "ClientTurns":
        """Return the turns of one more client."""
        return ClientTurns(self)


class ClientTurns:
    """The turns of a client: a context for each of its requests, which waits for a turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if not self._take():
            await self._taken_later()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_back()

    def _take(self) -> bool:
        """Take a turn, if one is left: of the client, or else of all."""
        if self._in_flight >= self._turns.own:
            if not self._turns.common:
                return False
            self._turns.common -= 1
        self._in_flight += 1
        return True

    async def _taken_later(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._turns.waiting[self] = None
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give_back()
            raise

    def _give_back(self) -> None:
        self._in_flight -= 1
        if self._in_flight >= self._turns.own:
            self._turns.common += 1
        else:
            self._pass_on()
        waiting = self._turns.waiting
        while self._turns.common and waiting:
            next(iter(waiting))._pass_on()

    def _pass_on(self) -> None:
        """Give a turn to the request of this client that has waited longest, if any waits.

        Others of this client get common turns after those of other clients.
        """
        self._turns.waiting.pop(self, None)
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)
                break
        if self._waiting:
            self._turns.waiting[self] = None
