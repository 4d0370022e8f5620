"""One part of a job that is carried out in parts, and how it ended. Both can be pickled."""

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kvsctl.errors import ExitStatus
from kvsctl.jobs.job import Job
from kvsctl.jobs.runner import Interrupts
from kvsctl.report.console import Environment

if TYPE_CHECKING:
    from kvsctl.jobs.installations.part import PartEnd


class Unit(msgspec.Struct, frozen=True):
    """The work that a worker receives. It holds no token: the worker resolves target and token.

    `name`: its name for people (`shard 2/4`). `fan_out`: the name of the whole that it is a part
    of, for orders to stop. `job_of` makes the job of `options`, and `work` carries it out; both are
    functions of modules, so that they are pickled by name. `is_repeatable`: it can be given to
    another worker if the first one died. `relay`: the address to which the worker sends how far it
    is, if that is shown; see `relay`.
    """

    name: str
    fan_out: str
    options: Any
    job_of: Callable[[Any], Job]
    work: Callable[[Any, Environment, Interrupts], Coroutine[Any, Any, ExitStatus]]
    is_repeatable: bool = True
    relay: str | None = None


class UnitEnd(msgspec.Struct, frozen=True):
    """How a unit ended. `report`: its report; None if it ended before it had one.

    `installations`: how each of them ended, if it is a unit of installations; it has no report.

    `errors`: messages with their hints. `warnings`: those with the same text are shown once.
    """

    name: str
    status: ExitStatus
    report: dict[str, Any] | None = None
    errors: Sequence[tuple[str, str | None]] = ()
    warnings: Sequence[str] = ()
    installations: "Sequence[PartEnd]" = ()
