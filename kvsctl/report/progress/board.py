"""Follow a job with many parts at work: all of them as one, and each by itself."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.report.escape import visible
from kvsctl.report.progress.estimate import SteadyEnd
from kvsctl.report.progress.following import Rate, settled_of
from kvsctl.report.progress.standing import Followed, Standing
from kvsctl.texts import counted


class Board:
    """Follows a job that has `total` parts to work on, each called a `noun`.

    `finished`: how many other parts earlier runs have finished; their records are in the tally.
    `tally` counts the parts that have ended, and `ended` returns how many of them are done. A part
    that begins takes the row of one that has ended, so that the others keep theirs. Parts can begin
    and end in any thread.
    """

    def __init__(
        self,
        label: str,
        noun: str,
        total: int,
        tally: Tally,
        ended: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        *,
        finished: int = 0,
    ) -> None:
        self._label = visible(label)
        self._noun = noun
        self._total = total
        self._finished = finished
        self._tally = tally
        self._ended = ended
        self._clock = clock
        self._began_at = clock()
        self._ended_before = ended()
        self._rows = threading.Lock()
        self._at_work: list[Followed | None] = []
        self._count = self._count_before = settled_of(tally)
        self._earlier = self._listed = 0
        """In parts that have ended: records that earlier runs have settled, and keys listed."""
        self._rate = Rate(self._began_at, self._count)
        self._listing_rate = Rate(self._began_at, 0)
        self._end = SteadyEnd()

    @contextmanager
    def showing(self, followed: Followed) -> Iterator[None]:
        """Follow a part inside the block, too."""
        with self._rows:
            if None in self._at_work:
                place = self._at_work.index(None)
                self._at_work[place] = followed
            else:
                place = len(self._at_work)
                self._at_work.append(followed)
        try:
            yield
        finally:
            self._at_work[place] = None
            last = followed.standing()
            self._earlier += last.earlier
            self._listed += last.count if last.is_listed else 0

    def standing(self) -> Standing:
        """Return how far the job is. See Followed."""
        now, tally, parts = self._clock(), self._tally, self.parts()
        at_work = sum(0 if part.is_listed else part.count for part in parts)
        # A part that has just ended may not be in the tally yet.
        self._count = count = max(self._count, settled_of(tally) + at_work)
        earlier = self._earlier + sum(part.earlier for part in parts)
        rate = self._rate.note(now, count - earlier)
        listed = self._listed + sum(part.count for part in parts if part.is_listed)
        listing_rate = self._listing_rate.note(now, listed)
        is_listed = bool(listed) and count == self._count_before
        ended = self._ended() - self._ended_before
        weight = ended + sum(part.done or 0.0 for part in parts)
        done = min(1.0, weight / self._total) if self._total else None
        whole = self._finished + self._total
        seconds = None
        stuck = sum(_is_stuck(part) for part in parts)
        if done and stuck and stuck == len(parts):
            self._end.seconds_left(now, None)  # it is unknown when they continue
        elif done:
            # Parts know their quotas, and the job does not end before its last part at work.
            longest = max((part.seconds_left or 0.0 for part in parts), default=0.0)
            by_share = (now - self._began_at) * (1 - done) / done
            seconds = self._end.seconds_left(now, max(longest, by_share))
        else:
            self._began_at = now  # the time until a part works does not count
        return Standing(
            self._label,
            listed if is_listed else count,
            "key" if is_listed else "record",
            done=None if done is None else (self._finished + done * self._total) / whole,
            rate=listing_rate if is_listed else rate,
            seconds_left=seconds,
            failed=tally.failed + sum(part.failed for part in parts),
            retries=tally.retries + sum(part.retries for part in parts),
            is_listed=is_listed,
            parts=f"{self._finished + ended:,} of {counted(whole, self._noun)}",
            is_least=bool(stuck) or any(part.is_least for part in parts),
        )

    def parts(self) -> Sequence[Standing]:
        """Return how far each part at work is. See Followed."""
        return [one.standing() for one in list(self._at_work) if one is not None]


def _is_stuck(part: Standing) -> bool:
    """Return whether a part waits for an unknown time."""
    return part.pause is not None and part.seconds_left is None and not part.is_listed
