"""Learn an undocumented limit, its size and its window, from refusals. Pure.

When the service refuses so often that it means a limit, it is *blocked*: one request at a time
probes, at growing intervals, until one passes. The requests accepted from one pass to the next,
divided by the time between, are the rate that the limit allows, whatever its window is. The first
such rate is only a guess, because the window may have begun before the run, or may hold the
requests of others. Two consecutive rates that agree are learnt. From then on, requests are spread
evenly at that rate. If the window is long, they are sent as soon as it opens, until it is used up.
A limit that a later block contradicts is dropped. So is a limit within which the service refuses at
least as large a share as before: then the load is not the reason (see `limit_detector`).

After a pass the number of requests in flight grows with the requests that are accepted, and it
shrinks towards the amount at which the service is expected to refuse.
"""

import math
from typing import Final

from kvsctl.bulk.pacing.even_rate import EvenRate
from kvsctl.bulk.pacing.history import History, Sustained
from kvsctl.bulk.pacing.learnt_window import LearntWindow
from kvsctl.bulk.pacing.limit_detector import Refusals
from kvsctl.bulk.pacing.probes import Block

_AGREEMENT: Final = 2.0
_AT_MOST_DOWN: Final = 0.85
"""A rate falls in small steps if the first probe passes soon: the block may be an accident."""
_SURE_SECONDS: Final = 3.0
"""Over at least this time, the wait for the first probe hardly distorts a rate."""
_MORE_THAN_A_SECOND: Final = 2.0
"""A longer `Retry-After` means a limit, however few requests were refused."""


class Learner:
    """What refusals have shown about the limit of one kind of request: reads or writes.

    Until the first refusal there is nothing to learn: it only remembers accepted requests. So there
    can be thousands of learners, one for each installation, if few services refuse.
    """

    __slots__ = (
        "_block",
        "_blocked_at",
        "_history",
        "_refusals",
        "_requests",
        "_units",
        "_was_refused",
        "_window",
        "in_flight",
    )

    def __init__(self) -> None:
        self._was_refused = False
        self._history = History()
        self._window: LearntWindow | None = None
        self._block: Block | None = None
        self._blocked_at = -math.inf
        self.in_flight = 0

    @property
    def is_probing(self) -> bool:
        """Whether only one request is in flight at a time, because the service refused others."""
        block = self._block
        return block is not None and (block.was_refused or block.has_refused_probe)

    def probe_seconds(self, now: float) -> float:
        """Return how long until the next probe may start; 0 if it does not probe."""
        return max(0.0, self._block.probe_at - now) if self._block is not None else 0.0

    def wait_seconds(self, now: float) -> float:
        """Return how long until a request may start; infinite: not before another one ends."""
        if not self._was_refused:
            return 0.0
        if self._block is not None:
            return math.inf if self.in_flight else self.probe_seconds(now)
        if self.in_flight >= self._most_in_flight:
            return math.inf
        return max(self._requests.wait_seconds(now), self._units.wait_seconds(now))

    def start(self, now: float, units: int) -> None:
        """Note that a request starts."""
        self.in_flight += 1
        if not self._was_refused:
            return
        self._requests.use(now, 1)
        self._units.use(now, units)

    def end(self, now: float, reserved: int) -> None:
        """Note that a request ended and was not accepted or throttled."""
        self.in_flight -= 1
        if not self._was_refused:
            return
        self._requests.use(now, -1)
        self._units.use(now, -reserved)

    def accept(self, now: float, started_at: float, reserved: int, units: int) -> None:
        """Note that the service accepted a request and charged `units` for it."""
        self.in_flight -= 1
        if not self._was_refused:
            self._history.add(now, units)
            return
        self._units.use(now, units - reserved)
        self._refusals.note(was_refused=False, is_ordinary=not self.is_probing)
        if self._block is not None and started_at > self._blocked_at:
            self._unblock(self._block, now)
        self._history.add(now, units)
        for rate in (self._requests, self._units):
            rate.ceiling.note_accepted(now, self._refusals.noise)
        if self._block is None and self._is_used_up:
            self._begin_block(now, was_refused=False)

    def refuse(self, now: float, started_at: float, asked_seconds: float) -> None:
        """Note that a request was throttled. `asked_seconds`: its `Retry-After`; 0 if none."""
        if not self._was_refused:
            self._begin_learning()
        self.in_flight -= 1  # its turn stays used, so that the service gets a rest
        if started_at <= self._blocked_at:
            return  # it was in flight when the block began
        if self._block is not None:
            self._block.refused_at = now
            self._schedule(self._block, now)
            return
        is_expected = self._note_refused(now) or self._is_at_limit
        self._refusals.note(was_refused=True, is_ordinary=not is_expected)
        is_long_wait = asked_seconds > _MORE_THAN_A_SECOND
        if self._is_at_limit or is_long_wait:
            self._begin_block(now, was_refused=True)
            return
        are_many = self._refusals.are_many
        keeps_to_limit = self._is_even or (are_many and self._is_confirmed)
        if keeps_to_limit and self._refusals.learn_noise():
            self._drop()
        elif are_many:
            self._begin_block(now, was_refused=True)

    def _begin_learning(self) -> None:
        self._was_refused = True
        self._refusals = Refusals()
        self._requests, self._units = EvenRate(), EvenRate()

    @property
    def _is_even(self) -> bool:
        """Whether requests are spread evenly at a learnt rate."""
        return self._requests.ceiling.learnt is not None

    @property
    def _is_confirmed(self) -> bool:
        """Whether requests keep to a limit that two windows have shown."""
        return self._window is not None and self._window.is_confirmed

    @property
    def _left(self) -> float:
        """How many requests the expected window still holds; infinite if none is expected."""
        if self._window is None or self._is_even:
            return math.inf
        return self._window.left(self._history)

    @property
    def _is_at_limit(self) -> bool:
        """Whether the window is about used up, so that a single refusal means its end."""
        return abs(self._left) <= 1

    @property
    def _is_used_up(self) -> bool:
        """Whether to wait for the next window, before the service refuses."""
        return self._window is not None and not self._window.is_checked and self._left < 1

    @property
    def _most_in_flight(self) -> float:
        """The most in flight after a pass: one at first, and one where a refusal is expected."""
        if self._blocked_at == -math.inf or self._is_even:
            return math.inf
        return min(1 + self._history.requests, max(1, abs(self._left)))

    def _note_refused(self, now: float) -> bool:
        """Note a refusal. Return whether the try of a higher rate explains it."""
        noise = self._refusals.noise
        rates = (self._requests, self._units)
        return sum(rate.ceiling.note_refused(now, noise) for rate in rates) > 0

    def _begin_block(self, now: float, *, was_refused: bool) -> None:
        self._blocked_at = now
        self._block = Block(now, was_refused=was_refused)
        self._refusals.forget()
        self._schedule(self._block, now)

    def _drop(self) -> None:
        """Forget the limit: requests that keep to it are refused just as often."""
        self._window = None
        self._requests.ceiling.forget()
        self._units.ceiling.forget()
        self._history.clear()
        self._refusals.forget()

    def _schedule(self, block: Block, now: float) -> None:
        block.schedule(now, self._history.began_at if self._history else None, self._window)

    def _unblock(self, block: Block, now: float) -> None:
        self._block = None
        if not self._history:  # nothing was ever accepted: others have used the limit up
            return
        window, opened_at = self._window, self._history.began_at
        if window is not None and block.was_refused and window.is_early(now - opened_at):
            return
        found, refused_seconds = self._history.sustained(now), block.refused_at - opened_at
        self._history.clear()
        if window is None or not self._agrees(window, found):
            self._requests.ceiling.forget()
            self._units.ceiling.forget()
            self._window = LearntWindow(found, refused_seconds)
        elif not window.is_confirmed:
            self._window = window.confirmed_by(found, refused_seconds)
            if not self._window.is_long:
                self._requests.learn(self._window.found.requests, now, self._window.seconds)
                self._units.learn(self._window.found.units, now, self._window.seconds)
        elif self._is_even:
            window.seconds = max(found.seconds, window.seconds)
            is_sure = block.has_refused_probe or found.seconds >= _SURE_SECONDS
            for rate, shown in ((self._requests, found.requests), (self._units, found.units)):
                rate.lower(shown, 0.0 if is_sure else _AT_MOST_DOWN, now, window.seconds)
        else:
            window.reopen(found, refused_seconds, was_full=block.was_refused)

    def _agrees(self, window: LearntWindow, found: Sustained) -> bool:
        """Return whether a new rate agrees with the known one. If confirmed, it may be higher."""
        known = self._requests.ceiling.learnt or window.found.requests
        is_lower = found.requests * _AGREEMENT < known
        is_higher = found.requests > known * _AGREEMENT
        return not (is_lower or (is_higher and not window.is_confirmed))
