"""Get the token of a run: the first one, the one after a refused one, and the next one in time."""

import asyncio
from asyncio import Task
from collections.abc import Callable, Coroutine
from typing import Any

from kvsctl.bulk.plan import Caller
from kvsctl.bulk.retrying.give_up import refused_end
from kvsctl.bulk.sending.queue import SendQueue
from kvsctl.bulk.stopping import Stopping
from kvsctl.errors import CredentialsError, KvsctlError
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.auth.lifetime import TokenNeed
from kvsctl.service.faults import Fault


class Tokens:
    """Gets tokens, which may take a minute, in tasks of its own.

    While a run waits for a token, it sends nothing. The records that wait are in its queue, so a
    run that stops meanwhile does not wait, and settles them like others that were not sent.

    `stop` ends the run with an error. `changed` makes it look again what it can send.
    """

    def __init__(
        self,
        service: Caller,
        queue: SendQueue,
        stopping: Stopping,
        *,
        stop: Callable[[KvsctlError], None],
        changed: Callable[[], None],
    ) -> None:
        self._service = service
        self._queue = queue
        self._stopping = stopping
        self._stop = stop
        self._changed = changed
        self._is_prepared = False
        self._preparing: Task[None] | None = None
        self._renewals: set[Task[None]] = set()

    @property
    def is_awaited(self) -> bool:
        """Whether nothing can be sent before a token has arrived."""
        if self._renewals:
            return True
        is_early = self._is_prepared and self._service.token_need is not TokenNeed.NOW
        return self._preparing is not None and not is_early

    @property
    def tasks(self) -> list[Task[None]]:
        """The tasks at work."""
        return [*self._renewals] if self._preparing is None else [*self._renewals, self._preparing]

    def admit(self) -> bool:
        """Return whether a request may be sent now. Ask for the token that is due, if any."""
        if self._renewals:
            return False
        need = self._service.token_need if self._is_prepared else TokenNeed.NOW
        if need is not TokenNeed.NONE and self._preparing is None:
            self._preparing = self._begun(self._prepare())
        return need is not TokenNeed.NOW

    def renew(self, refused: Secret | None, fault: Fault) -> None:
        """Get another token than the one refused with `fault`. If there is none, end the run.

        If the run sends nothing any more, run no command for that.
        """
        is_quick = self._stopping.takes_errors and self._service.has_quick_token
        if is_quick or self._queue.may_be_sent(self._stopping):
            self._renewals.add(self._begun(self._renew(refused, fault)))

    def release(self) -> None:
        """Stop waiting if the run sends nothing any more. This ends a token command."""
        if not self._queue.may_be_sent(self._stopping):
            self.cancel()

    def cancel(self) -> None:
        """Stop waiting for tokens."""
        for task in self.tasks:
            task.cancel()

    async def _prepare(self) -> None:
        try:
            await self._service.prepare()
            self._is_prepared = True
        except CredentialsError as error:
            self._stop(error)

    async def _renew(self, refused: Secret | None, fault: Fault) -> None:
        try:
            if not await self._service.renew(refused):
                self._stop(refused_end(fault))
        except CredentialsError as error:
            self._stop(error)

    def _begun(self, work: Coroutine[Any, Any, None]) -> Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: Task[None]) -> None:
        self._renewals.discard(task)
        if task is self._preparing:
            self._preparing = None
        if not task.cancelled() and (crash := task.exception()) is not None:
            self._stopping.note_crash(crash)
        self._changed()
