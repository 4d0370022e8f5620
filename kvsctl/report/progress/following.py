"""Follow a run by its tally and its waits."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from kvsctl.bulk.events import Event, PageListed, RequestEnded, Waiting, WaitReason
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Verb
from kvsctl.report.escape import visible
from kvsctl.report.progress.estimate import (
    Done,
    RequiredWaits,
    SteadyEnd,
    seconds_left,
    total_of,
)
from kvsctl.report.progress.pauses import pause_of, seconds_text
from kvsctl.report.progress.standing import Pause, Standing

_RATE_SECONDS: Final = 60.0
"""The rate is averaged over a minute, because a run that keeps to a quota works in bursts."""
_STILL_SECONDS: Final = 1.0
"""A pause is shown once nothing was settled for this long."""
_SILENT_SECONDS: Final = 3.0
"""Waiting longer than this for an answer is a pause, too."""
_PLACE_COLUMNS: Final = 30
_OUTAGES: Final = frozenset({WaitReason.UNREACHABLE, WaitReason.FAILING, WaitReason.RETRYING})
"""While nothing is settled for one of these reasons, the time left does not change."""


class Input(msgspec.Struct, frozen=True):
    """What is known of a run's input.

    `fraction_read` returns how much was read, from 0 to 1, or None. `passed` returns how many of
    the records read were settled by an earlier run, so that this run does not count them. `records`
    is how many records this run will work on, if that is known. `is_listing`: the run reads pages
    of a store. `lists_only`: what it lists is not settled yet.
    """

    fraction_read: Callable[[], float | None] = lambda: None
    passed: Callable[[], int] = lambda: 0
    records: int | None = None
    is_listing: bool = False
    lists_only: bool = False


class Rate:
    """Records per second of the last minute, or since a run began with `count` records."""

    def __init__(self, began_at: float, count: int) -> None:
        self._samples: deque[tuple[float, int]] = deque([(began_at, count)])

    def note(self, now: float, count: int) -> float:
        """Return the rate now that there are `count` records."""
        samples = self._samples
        samples.append((now, count))
        while len(samples) > 2 and samples[1][0] <= now - _RATE_SECONDS:
            samples.popleft()
        since, count_then = samples[0]
        return max(0, count - count_then) / (now - since) if now > since else 0.0


class Following:
    """Follows a run. It is a listener, but it counts nothing itself: `tally` does.

    `pace` and `batch_records` limit the speed of the run. `in_flight` returns how many requests are
    in flight. Create it when the run begins. Other threads can call `standing`.
    """

    wants = frozenset({Waiting, PageListed, RequestEnded})

    def __init__(
        self,
        label: str,
        tally: Tally,
        source: Input | None = None,
        *,
        pace: Pace | None = None,
        batch_records: int = DEFAULT_LIMITS.batch_records,
        in_flight: Callable[[], int] = lambda: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = visible(label)
        self._tally = tally
        self._input = source or Input()
        self._pace = pace or Pace()
        self._batch_records = batch_records
        self._in_flight = in_flight
        self._clock = clock
        self._began_at = now = clock()
        self._records_before = tally.records
        self._settled_before = settled_of(tally)
        self._requests = self._units_read = self._units_write = 0
        """Only of requests that did not fail: retries say nothing about the records left."""
        self._pages = self._listed = 0
        self._prefix = ""
        self._waiting: Waiting | None = None
        self._waits_until = now
        self._shown_until = -1.0
        self._count = self._ended = -1
        self._moved_at = self._answered_at = self._looked_at = now
        self._quota_seconds = self._outage_seconds = 0.0
        self._rate = Rate(now, 0 if self._input.lists_only else self._settled_before)
        self._end = SteadyEnd()
        self._required = RequiredWaits()

    def __call__(self, event: Event) -> None:
        """Take a request, a wait, or a page of a listing."""
        if isinstance(event, RequestEnded):
            if event.trouble is None:
                self._requests += 1
                if event.verb is Verb.GET:
                    self._units_read += event.units
                else:
                    self._units_write += event.units
        elif isinstance(event, PageListed):
            self._pages += 1
            self._listed += event.records
            self._prefix = event.prefix
        elif isinstance(event, Waiting):
            before, until = self._waiting, self._clock() + event.wait_seconds
            is_first = before is None and self._count != self._settled_before
            if is_first and event.reason in _OUTAGES:  # which began when the service fell silent
                self._outage_seconds += max(0.0, self._looked_at - self._moved_at)
            is_same = before is not None and event.reason is before.reason
            self._waits_until = max(self._waits_until, until) if is_same else until
            self._waiting = event
            self._note_required(event)

    def standing(self) -> Standing:
        """See Followed."""
        now, tally, source = self._clock(), self._tally, self._input
        settled = settled_of(tally)
        count = self._listed if source.lists_only else settled
        self._note_moves(now, count)
        total = self._total()
        left = None if total is None else max(0.0, total - settled)
        is_listing = source.is_listing or source.lists_only or bool(self._pages)
        return Standing(
            self._label,
            count,
            "key" if is_listing else "record",
            None if not total else min(1.0, settled / total),
            self._rate.note(now, count),
            None if left is None else self._seconds_left(now, left, settled),
            tally.failed,
            tally.retries,
            self._pages,
            visible(self._prefix, _PLACE_COLUMNS),
            self._pause(now, is_listing=is_listing),
            source.lists_only,
            earlier=0 if source.lists_only else self._settled_before,
            is_least=bool(left) and self._required.may_grow,
        )

    def parts(self) -> Sequence[Standing]:
        """Return nothing: it has no parts. See Followed."""
        return ()

    def _total(self) -> float | None:
        source = self._input
        if source.records is not None:
            return float(self._settled_before + source.records)
        read = self._tally.records - self._records_before
        return total_of(source.fraction_read(), read + source.passed())

    def _seconds_left(self, now: float, left: float, settled: int) -> float | None:
        done = Done(
            settled - self._settled_before,
            self._requests,
            max(self._units_read, self._units_write),
            now - self._began_at - self._outage_seconds,
            self._quota_seconds + self._required.waited_seconds(now),
        )
        seconds = seconds_left(left, done, self._pace, self._batch_records)
        worked_until = now - self._outage_seconds
        if not left or (seconds is None and not self._required):
            return self._end.seconds_left(worked_until, seconds)
        seconds = max(seconds or 0.0, self._required.seconds_left(now, left, done))
        wait = 0.0 if self._waiting is None else self._waits_until - now
        is_same_pause = wait > 0 and self._waits_until == self._shown_until
        self._shown_until = self._waits_until
        shown = self._end.seconds_left(worked_until, seconds, may_grow=not is_same_pause)
        return None if shown is None else max(shown, wait)

    def _note_required(self, waiting: Waiting) -> None:
        """Note a wait that the service requires, or the quota that its refusals have shown."""
        is_learnt = waiting.reason is WaitReason.QUOTA and bool(self._required)
        if waiting.reason is WaitReason.THROTTLED or is_learnt:
            records = settled_of(self._tally) - self._settled_before
            is_known = is_learnt or waiting.asked_seconds is not None
            now = self._clock()
            self._required.wait(now, waiting.wait_seconds, records, is_known=is_known)

    def _note_moves(self, now: float, count: int) -> None:
        waiting = self._waiting
        is_for_quota = waiting is not None and waiting.reason is WaitReason.QUOTA
        is_for_quota = is_for_quota and not self._required  # which counts such waits from then on
        if is_for_quota and count == self._count:
            self._quota_seconds += now - self._looked_at
        elif count == self._count and self._is_outage(now):
            self._outage_seconds += now - self._looked_at
        self._looked_at = now
        ended = self._tally.requests + self._pages
        if count != self._count:
            self._count, self._moved_at = count, now
            if now >= self._waits_until:
                self._waiting = None
        if ended != self._ended:
            self._ended, self._answered_at = ended, now

    def _is_outage(self, now: float) -> bool:
        """Return whether the service fails, or has not answered at all."""
        if self._waiting is not None:
            return self._waiting.reason in _OUTAGES
        is_silent = now - self._answered_at >= _SILENT_SECONDS and self._in_flight() > 0
        return is_silent and self._count == self._settled_before

    def _pause(self, now: float, *, is_listing: bool) -> Pause | None:
        if now - self._moved_at < _STILL_SECONDS:
            return None
        if self._waiting is not None:
            return pause_of(self._waiting, max(0.0, self._waits_until - now))
        silent_seconds = now - max(self._answered_at, self._waits_until)
        if silent_seconds < _SILENT_SECONDS:
            return None
        if is_listing or self._in_flight():
            return Pause(f"no answer for {seconds_text(int(silent_seconds))}")
        is_idle = self._tally.records == settled_of(self._tally)
        return Pause("waiting for input") if is_idle else None


def settled_of(tally: Tally) -> int:
    """Return how many records have an outcome."""
    return (
        tally.succeeded
        + tally.failed
        + tally.skipped
        + tally.duplicates
        + tally.unknown
        + tally.unsent
    )
