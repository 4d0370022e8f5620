"""The state of an open client, and the runs of its calls."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Protocol, TypeVar

from kvsctl.bulk.events import Listener
from kvsctl.bulk.pacing.app_invocations import pacer_of
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.precondition import WriteIf
from kvsctl.bulk.stopping import retrieve_error
from kvsctl.client.feeds import CallerFeed
from kvsctl.client.opening import Opening
from kvsctl.client.results import Result, ResultCollector
from kvsctl.client.stream import Arrivals
from kvsctl.client.wording import in_python
from kvsctl.errors import KvsctlError, UsageError, WorkLeft
from kvsctl.service.client import StoreClient
from kvsctl.service.wire import MetadataRequest

_T = TypeVar("_T")


def client_closed() -> WorkLeft:
    """Return the error of a call that was in progress when its client was closed."""
    return WorkLeft("the client was closed while a call was in progress", "Call it again.")


class Stoppable(Protocol):
    """A run that can be cut off."""

    def abort(self) -> None:
        """Stop at once."""
        ...

    def wake(self) -> None:
        """Check the pressure again: it may have changed."""
        ...


class Reading(NamedTuple):
    """A run that reads, the work that carries it out, and the caller's feed, if it has one."""

    run: Stoppable
    work: Callable[[], Coroutine[Any, Any, KvsctlError | None]]
    feed: CallerFeed | None = None


class Session:
    """The state of an open client. All its calls share one quota."""

    def __init__(self, opening: Opening, service: StoreClient) -> None:
        self.opening = opening
        self.service = service
        self.pacer = pacer_of(opening.plan.pace)
        self._loop = asyncio.get_running_loop()
        self._runs: set[Stoppable] = set()
        self._cut_off: set[Stoppable] = set()

    @property
    def is_idle(self) -> bool:
        """Whether no call is in progress, and every call that was cut off has raised its error."""
        return not self._runs and not self._cut_off

    def require_own_loop(self) -> None:
        """Raise UsageError on another event loop than the one it was opened on."""
        if self._loop is not asyncio.get_running_loop():
            raise UsageError(
                "the client was opened on another event loop", "Make a client for each loop."
            )

    def cut_off(self) -> None:
        """Cut off all calls in progress."""
        self._cut_off |= self._runs
        for run in [*self._runs]:
            run.abort()

    @contextmanager
    def working(self, run: Stoppable) -> Iterator[None]:
        """Let `cut_off` reach the run inside the block."""
        self._runs.add(run)
        try:
            yield
        finally:
            self._runs.discard(run)

    def cut_off_error(self, run: Stoppable) -> KvsctlError | None:
        """Return the error of a call that closing the client has cut off; None for other calls."""
        if run not in self._cut_off:
            return None
        self._cut_off.discard(run)
        return client_closed()

    def asking(self, metadata: MetadataRequest) -> StoreClient:
        """Return a client of the same store that asks for this metadata."""
        return self.service.of_kind(StoreClient, metadata)

    async def write(self, plan: RunPlan, feed: CallerFeed, listeners: Sequence[Listener]) -> Result:
        """Write what a feed gives, and return its result.

        Raise the error that ended this early, with the result so far. Otherwise raise the exception
        of the caller's iterable, if there was one.
        """
        collector = ResultCollector()
        everyone: list[Listener] = [collector.tally, collector, *listeners]
        run = Run(plan, self._writer(plan), everyone, pacer=self.pacer)
        try:
            with self.working(run):
                error = await run.work(feed)
        finally:
            feed.close()
            await feed.wait_closed()
        result = collector.result()
        error = error or self.cut_off_error(run)
        if error is not None:
            error.result = result
            raise in_python(error)
        if feed.error is not None:
            # Even if its class takes no notes, the caller gets this exception and no other.
            with suppress(Exception):
                feed.error.add_note(result.in_words())
            raise feed.error
        return result

    async def read(
        self, begun: Callable[[], tuple[Reading, Arrivals[_T]]]
    ) -> AsyncGenerator[Sequence[_T], None]:
        """Begin a run and yield its results. Closing the generator cuts the run off.

        After the last result, raise the error that ended the run early, or else the exception of
        the caller's iterable, if there was one.
        """
        reading, arrivals = begun()
        run, feed = reading.run, reading.feed
        self._runs.add(run)
        task = asyncio.create_task(reading.work())
        task.add_done_callback(lambda _: arrivals.end())
        task.add_done_callback(lambda _: self._runs.discard(run))
        task.add_done_callback(retrieve_error)
        try:
            while (some := await arrivals.next()) is not None:
                run.wake()
                yield some
            if (error := task.result() or self.cut_off_error(run)) is not None:
                raise in_python(error)
            if feed is not None and feed.error is not None:
                raise feed.error
        finally:
            run.abort()
            await asyncio.wait([task])
            if feed is not None:
                feed.close()
                await feed.wait_closed()

    def _writer(self, plan: RunPlan) -> StoreClient:
        if plan.precondition.write_if is not WriteIf.ABSENT_EXACT:
            return self.service
        from kvsctl.service.single_sets import CreatingClient  # few calls need it

        return self.service.of_kind(CreatingClient, MetadataRequest())
