"""Refuse an environment variable whose name is nearly that of a setting.

Otherwise `KVSCTL_READONLY=1` would let a job write. A name that is not near a known one, or that
begins with one, such as `KVSCTL_TOKEN_PROD`, may belong to another program: no command fails for
it, and `kvsctl config show` says that it is not read.
"""

from collections.abc import Iterable
from typing import Final

from kvsctl.config.settings import RUNNING
from kvsctl.errors import UsageError

_PREFIX: Final = "KVSCTL_"
DOCUMENTED: Final = frozenset(
    {
        *("TARGET", "URL", "TOKEN", "CONFIG", "LOCAL_DB", "READ_ONLY", "PING_URL", "SHARDS"),
        "DEBUG",
        *map(str.upper, RUNNING),
    }
)
"""The names that `kvsctl help environment` lists, without their prefix."""
_OTHERS: Final = frozenset({"BRIDGE_TOKEN", "BRIDGE_READ_TOKEN", "SPLIT_SLABS"})
"""The names for a bridge's function, and one by which tests split slabs: see `cli.request`."""


def require_known(environ: Iterable[str]) -> None:
    """Raise UsageError for the first variable whose name is nearly a known one."""
    for name in unknown(environ):
        from kvsctl.config.nearest import did_you_mean, near  # not at the top: only errors need it

        given = name.removeprefix(_PREFIX)
        if not given.startswith(tuple(DOCUMENTED)) and (found := near(given, DOCUMENTED)):
            guess = did_you_mean([_PREFIX + one for one in found])
            raise UsageError(f"unknown variable {name}", f"{guess} If not, unset {name}.")


def unknown(environ: Iterable[str]) -> list[str]:
    """Return the variables that begin with `KVSCTL_` and that kvsctl does not read."""
    known = DOCUMENTED | _OTHERS
    return sorted(
        name
        for name in environ
        if name.startswith(_PREFIX) and name.removeprefix(_PREFIX) not in known
    )
