"""Units for tests."""

from typing import Any

from kvsctl.errors import ExitStatus
from kvsctl.jobs.fan_out.unit import Unit


def unit_named(name: str, *, is_repeatable: bool = True) -> Unit:
    """Return a unit whose job is never made."""
    return Unit(name, "f", None, _no_job, _no_work, is_repeatable)


def _no_job(_options: Any) -> Any:
    raise AssertionError("its job is not made here")


async def _no_work(*_: Any) -> ExitStatus:
    raise AssertionError("it is not carried out here")
