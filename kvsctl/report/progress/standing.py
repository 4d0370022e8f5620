"""What is known of a run at one moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import msgspec


class Pause(NamedTuple):
    """Why a run is idle: `waiting 48 s for quota`. `then`: what happens next, or nothing."""

    reason: str
    then: str = ""


class Standing(msgspec.Struct, frozen=True):
    """How far a run is. `label`: its name. Texts are printable.

    `count` records of `noun` are settled, by this run and by earlier runs of the job. `done` is
    their part of the whole, from 0 to 1, and `seconds_left` the time that the rest takes; None:
    unknown. `rate` is in records per second. A listing has read `pages`, the last at `place`.
    `is_least`: the rest may take longer, because the quota of the service is not known yet.
    `is_listed`: the counted records were listed, and are not settled. `parts` says how many of the
    parts of a job have ended. `earlier`: how many of the records were settled by earlier runs.
    """

    label: str
    count: int = 0
    noun: str = "record"
    done: float | None = None
    rate: float = 0.0
    seconds_left: float | None = None
    failed: int = 0
    retries: int = 0
    pages: int = 0
    place: str = ""
    pause: Pause | None = None
    is_listed: bool = False
    parts: str = ""
    earlier: int = 0
    is_least: bool = False


class Followed(Protocol):
    """A run that is followed: see `following`."""

    def standing(self) -> Standing:
        """Return how far it is now. Any thread may call it."""
        ...

    def parts(self) -> Sequence[Standing]:
        """Return how far each of its parts at work is, if it has parts."""
        ...


class Shows(Protocol):
    """What shows how far runs are."""

    @contextmanager
    def showing(self, followed: Followed) -> Iterator[None]:
        """Show how far a run is inside the block."""
        ...


class Display(Shows, Protocol):
    """Shows how far runs are, and writes lines for people."""

    def write_above(self, text: str) -> None:
        """Write a line of printable text under the command's name, above what is drawn."""
        ...
