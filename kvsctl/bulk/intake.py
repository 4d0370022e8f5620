"""Read a feed, and admit its records to the lanes while there is room for them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeGuard

from kvsctl.bulk.alike import FailedChecks
from kvsctl.bulk.events import RecordsRead
from kvsctl.bulk.failure_limit import FailureLimit
from kvsctl.bulk.feeds import Feed
from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.ledger import Ledger
from kvsctl.bulk.stopping import Stopping
from kvsctl.errors import KvsctlError
from kvsctl.model import Outcome, PieceList, Problem, Record, State
from kvsctl.slabs import Slab


class Intake:
    """Reads a feed until it ends or the run stops. Pauses while the window is full.

    `changed` is called whenever there may be something new to send.
    """

    def __init__(
        self,
        lanes: Lanes,
        ledger: Ledger,
        plan: RunPlan,
        stopping: Stopping,
        *,
        changed: Callable[[], None],
        limit: FailureLimit | None = None,
    ) -> None:
        self._ledger = ledger
        self._limit = limit or FailureLimit(None)
        self._plan = plan
        self._stopping = stopping
        self._changed = changed
        self._admission = Admission(lanes, plan, self._limit)
        self._room = asyncio.Event()
        self._is_starved = False
        self.is_crowded = False
        """Whether records wait for room, until others have settled."""
        self.has_ended = False
        """Whether nothing more will be read."""
        self.is_cut_short = True
        """Whether reading ended before the feed ended or failed."""

    @property
    def has_no_more_for_now(self) -> bool:
        """Whether a batch that is not full can be sent: no record will fill it soon."""
        return self._is_starved or self.is_crowded or self.has_ended

    @property
    def not_admitted(self) -> PieceList:
        """The pieces that were read and not admitted before the run stopped."""
        return [*self._limit.held, *self._admission.left]

    async def read(self, feed: Feed) -> None:
        """Read and admit everything. An error of the feed is noted, and ends the reading."""
        splits_slabs = self._plan.splits_slabs or self._plan.precondition.is_one
        try:
            while (pieces := await feed.get()) is not None and not self._stopping.is_stopping:
                self._is_starved = not pieces
                if pieces:
                    self._ledger.emit(RecordsRead(len(pieces)))
                    await self._admit(list(pieces) if splits_slabs else pieces)
                self._changed()
            self.is_cut_short = pieces is not None
        except KvsctlError as error:
            self.is_cut_short = False
            self._stopping.note_error(error)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._stopping.note_crash(error)
            if not isinstance(error, Exception):
                raise  # it may end the loop, as in any task
        finally:
            self.has_ended = True
            self._changed()

    def wake(self) -> None:
        """Look for room again, because records may have settled."""
        self._room.set()

    def fit_window(self, concurrency: int) -> None:
        """Fit the window to this many requests at a time."""
        self._admission.window = self._plan.window_at(concurrency)

    def settle_held(self) -> None:
        """Settle the problems that were held back and whose earlier records have settled."""
        if self._limit.is_limited:
            released = self._limit.release(self._ledger.failures)
            self._ledger.settle_here(FailedChecks(released))

    async def _admit(self, pieces: PieceList) -> None:
        self._admission.arrive(pieces)
        while not self._admission.is_empty:
            await self._await_room()
            self._ledger.settle_here(self._admission.admit())
            self.settle_held()

    async def _await_room(self) -> None:
        while self._admission.is_full or self._limit.is_full(self._ledger.failures):
            self.is_crowded = True
            self._changed()
            self._room.clear()
            await self._room.wait()
        self.is_crowded = False


class Admission:
    """Admits pieces in input order, within the bounds on memory.

    `window`: how many records may be admitted and unsettled at a time. Other runs may share it.
    """

    def __init__(self, lanes: Lanes, plan: RunPlan, limit: FailureLimit | None = None) -> None:
        self._lanes = lanes
        self._limit = limit or FailureLimit(None)
        self._shared = plan.shared_window
        self._most_bytes = self._own_bytes = plan.window_bytes
        self._most_records = plan.packing.max_records
        self._pieces: PieceList = ()
        self._next = 0
        self.window = plan.window_at(plan.concurrency)

    def arrive(self, pieces: PieceList) -> None:
        """Take the pieces to admit next. All earlier ones must be admitted."""
        self._pieces, self._next = pieces, 0

    @property
    def is_empty(self) -> bool:
        """Whether every piece that arrived is admitted."""
        return self._next >= len(self._pieces)

    @property
    def left(self) -> PieceList:
        """The pieces that arrived and are not admitted."""
        return self._pieces[self._next :]

    def _fit(self) -> int:
        """Fit the bounds to what other runs have left. Return how many records may be admitted."""
        shared, lanes = self._shared, self._lanes
        if shared is None:
            return self.window
        if not lanes.admitted:  # as in each of many small runs: looking at all others is slow
            records, self._most_bytes = shared.of_any(self.window, self._own_bytes)
            if len(self._pieces) - self._next <= records:
                return records
        records, self._most_bytes = shared.of_run(lanes, self.window, self._own_bytes)
        return records

    @property
    def is_full(self) -> bool:
        """Whether records must settle before more are admitted."""
        lanes = self._lanes
        if not lanes.admitted:  # as in each of many small runs: computing the bounds is slow
            return False
        return lanes.admitted >= self._fit() or lanes.admitted_bytes >= self._most_bytes

    def admit(self) -> Sequence[Outcome]:
        """Admit as many pieces as there is room for. Return the outcomes that this decides.

        These are the problems, unless failures are limited, and superseded records.
        """
        room = self._fit() - self._lanes.admitted
        if isinstance(self._pieces, Slab):
            return self._admit_slab(self._pieces, self._next + room)
        pieces = self._pieces[self._next : self._next + room]
        problems: list[Problem] = []
        if not self._limit.is_limited:
            problems = [piece for piece in pieces if isinstance(piece, Problem)]
        records = [piece for piece in pieces if isinstance(piece, Record)] if problems else pieces
        if records and not self._admit_at_once(records):
            return self._admit_each(pieces)
        self._next += len(problems)
        return FailedChecks(problems) if problems else []

    def _admit_slab(self, slab: Slab, end: int) -> list[Outcome]:
        """Admit a slab up to `end`, in parts that end where batches end."""
        ended: list[Outcome] = []
        lanes, most = self._lanes, self._most_records
        end = min(end, len(slab))
        while self._next < end and lanes.admitted_bytes < self._most_bytes:
            size = most - lanes.waiting % most
            part = slab[self._next : min(self._next + size, end)]
            if not self._admit_at_once(part):
                ended += self._admit_each(part)
        return ended

    def _admit_at_once(self, pieces: PieceList) -> bool:
        """Fast path: admit all pieces if they are records, every key is new and they fit.

        Otherwise admit nothing and return False.
        """
        if isinstance(pieces, Slab):
            records: Sequence[Record] = pieces
            coming_bytes = pieces.body_bytes
        elif _are_records(pieces):
            records = pieces
            coming_bytes = sum(map(len, [record.body for record in records]))
        else:
            return False
        fits = self._lanes.admitted_bytes + coming_bytes < self._most_bytes
        if not fits or not self._lanes.admit_all(records, coming_bytes):
            return False
        if self._limit.is_limited:
            self._limit.admit(records)
        self._next += len(records)
        return True

    def _admit_each(self, pieces: PieceList) -> list[Outcome]:
        ended: list[Outcome] = []
        for piece in pieces:
            self._next += 1
            if isinstance(piece, Problem):
                if not self._limit.is_limited:
                    ended.append(FailedChecks.outcome_of(piece))
                    continue
                self._limit.hold(piece)
                break
            if self._limit.is_limited:
                self._limit.admit([piece])
            replaced = self._lanes.admit(piece)
            if replaced is not None:
                ended.append(Outcome(replaced, State.DUPLICATE))
            if self._lanes.admitted_bytes >= self._most_bytes:
                break
        return ended


def _are_records(pieces: PieceList) -> TypeGuard[Sequence[Record]]:
    return set(map(type, pieces)) == {Record}
