"""What the service accepted recently, and the highest rate that it sustained. Pure."""

from typing import Final, NamedTuple

_GRAIN_SECONDS: Final = 0.02
_MOST_MARKS: Final = 256
_ABOUT_THE_SAME: Final = 0.95


class Sustained(NamedTuple):
    """A rate per second that the service accepted, and the time over which it did."""

    requests: float
    units: float
    seconds: float

    @property
    def amounts(self) -> tuple[int, int]:
        """The requests and the units that were accepted in this time."""
        return round(self.requests * self.seconds), round(self.units * self.seconds)


class History:
    """The requests and units accepted since `clear`, in less detail the older they are.

    Memory does not depend on their number.
    """

    __slots__ = ("_marks", "requests", "units")

    def __init__(self) -> None:
        self._marks: list[tuple[float, int, int]] = []  # (time, requests, units) before that time
        self.requests = self.units = 0

    def __bool__(self) -> bool:
        return bool(self._marks)

    @property
    def began_at(self) -> float:
        """When the first request was accepted. There must be one."""
        return self._marks[0][0]

    def add(self, now: float, units: int) -> None:
        """Note an accepted request."""
        marks = self._marks
        if not marks or now - marks[-1][0] >= _GRAIN_SECONDS:
            marks.append((now, self.requests, self.units))
            if len(marks) > _MOST_MARKS:
                half = _MOST_MARKS // 2
                marks[:half] = marks[:half:2]
        self.requests += 1
        self.units += units

    def sustained(self, now: float) -> Sustained:
        """Return the highest rate over any time that ends now, which must be after the last `add`.

        If a service has refused everything recently, its limit is at most this rate: the amount
        accepted since some earlier time, divided by the time since then. The time of the result is
        the shortest with about this rate, or the whole time if that is about as long.
        """
        best = Sustained(0.0, 0.0, 0.0)
        for at, requests, units in reversed(self._marks):
            seconds = now - at
            rate = (self.requests - requests) / seconds
            if rate * _ABOUT_THE_SAME > best.requests:
                best = Sustained(rate, (self.units - units) / seconds, seconds)
        whole_seconds = now - self.began_at
        if best.seconds >= _ABOUT_THE_SAME * whole_seconds:
            best = Sustained(
                self.requests / whole_seconds, self.units / whole_seconds, whole_seconds
            )
        return best

    def clear(self) -> None:
        """Forget everything."""
        self._marks.clear()
        self.requests = self.units = 0
