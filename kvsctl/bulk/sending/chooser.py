"""Choose which batch goes next, and whether it may go now."""

from collections.abc import Callable

from kvsctl.bulk.pacing.pace import request_units
from kvsctl.bulk.packing.rule import body_bytes
from kvsctl.bulk.plan import Pressure
from kvsctl.bulk.sending.queue import Batch
from kvsctl.bulk.sending.run_state import RunState


class Chooser:
    """Chooses batches while one more may be in flight. A batch that it returns has started.

    `paced_until`: when the next batch may start, if the pacer held back the last one; else None.
    """

    def __init__(self, run: RunState, pressure: Callable[[], Pressure]) -> None:
        self._run = run
        self._queue = run.queue
        self._pacer = run.pacer
        self._pressure = pressure
        self.paced_until: float | None = None

    def next_batch(self, in_flight: int, *, flush: bool) -> Batch | None:
        """Return the next batch, if one may go with `in_flight` requests in flight.

        `flush`: do not wait for records that would fill a batch.
        """
        if not self._may_start(in_flight):
            return None
        queue = self._queue
        pressure = self._pressure()
        if pressure is Pressure.STOP:
            return None
        # While probing, new batches go first: if only the refused ones are refused, probing ends.
        is_probing = self._pacer.is_probing and pressure is Pressure.NONE
        if is_probing and (batch := self._next_new(flush=flush)) is not None:
            return batch
        if queue.next_due is not None:
            resend = queue.next_resend(self._run.now(), self._admits)
            if resend is not None:
                return resend
        if self.paced_until is not None:
            return None
        nothing_older = not in_flight and queue.next_due is None
        if pressure is Pressure.OLDEST_ONLY:
            if not nothing_older:
                return None
            if (last := queue.next_last(self._admits)) is not None:
                return last
        batch = self._next_new(flush=flush)
        if batch is None and nothing_older:
            return queue.next_last(self._admits)
        return batch

    def next_unread(self, in_flight: int) -> Batch | None:
        """Return the next batch of records that were written and not read back."""
        return self._queue.next_unread(self._admits) if self._may_start(in_flight) else None

    def next_begun(self, in_flight: int) -> Batch | None:
        """Return the next batch of records that were written, or may have been."""
        if not self._may_start(in_flight):
            return None
        return self._queue.next_begun(self._run.now(), self._admits)

    def _may_start(self, in_flight: int) -> bool:
        self.paced_until = None
        if in_flight >= self._run.concurrency.limit:
            return False
        held_seconds = self._pacer.held_seconds
        if held_seconds > 0:
            self._note_paced(held_seconds)
        return held_seconds <= 0

    def _next_new(self, *, flush: bool) -> Batch | None:
        return self._queue.next_new(flush=flush, admits=self._admits)

    def _admits(self, batch: Batch) -> bool:
        """Start a batch if the pacer allows it now. Otherwise note when, and return False."""
        reads, count = self._run.reads(batch), len(batch.records)
        if reads:
            units = self._pacer.expected_units(count)
        else:
            units = request_units(batch.packed_bytes or body_bytes(batch.records))
        wait_seconds = self._pacer.wait_seconds(units, reads=reads)
        if wait_seconds > 0:
            self._note_paced(wait_seconds)
            return False
        batch.start = self._pacer.start(units, count, reads=reads)
        return True

    def _note_paced(self, wait_seconds: float) -> None:
        until = self._run.now() + wait_seconds
        self.paced_until = min(until, self.paced_until or until)
