"""An installation of a unit, and the crew for units of installations."""

from collections.abc import Callable, Sequence

import msgspec

from kvsctl.jobs.fan_out.crews import Crew
from kvsctl.jobs.fan_out.unit import Unit
from kvsctl.jobs.installations.counting import Counted


class Member(msgspec.Struct, frozen=True):
    """An installation by its name; its worker finds out how it is reached.

    `found`: what a clean-up found there before the user was asked. `units_read`: how much of the
    installation's quota that took.
    """

    installation: str
    found: Counted | None = None
    units_read: int = 0


class Crewing(msgspec.Struct, frozen=True):
    """The crew that carries out the jobs of installations, in place of this process.

    `unit_of` makes the unit of some installations; its second argument is the Unix time at which
    they must end, or None.
    """

    crew_of: Callable[[], Crew]
    unit_of: Callable[[Sequence[Member], float | None], Unit]
