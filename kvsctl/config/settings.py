"""How a run works: each setting from its flag, the environment, the configuration file or default.

`DEFAULTS` is the only place where a default is written: help, plans and reports read it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from kvsctl.config.file import Place, place_text
from kvsctl.errors import UsageError
from kvsctl.limits import DEFAULT_LIMITS, Limits


class Running(NamedTuple):
    """How a run works, resolved.

    `concurrency` None: as many requests as help. `timeout`: seconds per request. `retries`: per
    record. `give_up_after`: consecutive failed requests. `patience`: seconds of nothing but 429
    responses. `max_failures` None: any number of failed records. `rps` (requests per second) and
    `units_per_min` None: `quota_share` of the documented quota; 0: no limit. `max_duration`: after
    how many seconds a run takes no new work; None: never.
    """

    concurrency: int | None = None
    batch_size: int = DEFAULT_LIMITS.batch_records
    max_batch_bytes: int = DEFAULT_LIMITS.batch_bytes
    timeout: float = 30.0
    retries: int = 8
    give_up_after: int = 20
    patience: float = 300.0
    max_failures: int | None = None
    quota_share: float = 0.7
    rps: float | None = None
    units_per_min: float | None = None
    max_duration: int | None = None


DEFAULTS: Final = Running()
STATS_SECONDS: Final = 60
"""How often a run reports its progress where no bar is drawn."""


class Setting(NamedTuple):
    """One setting: `kind` reads it from text, `least` and `most` bound it, both included.

    A duration may be written with a unit (`55m`); its bounds are in seconds.
    """

    kind: Callable[[str], int | float]
    least: float
    most: float
    is_duration: bool = False


def running_settings(limits: Limits) -> Mapping[str, Setting]:
    """Return all settings, by name, for an installation with these limits."""
    return {
        "concurrency": Setting(int, 1, 256),
        "batch_size": Setting(int, 1, limits.batch_records),
        "max_batch_bytes": Setting(int, 1, limits.batch_bytes),
        "timeout": Setting(float, 0.001, 3600, is_duration=True),
        "retries": Setting(int, 0, 1000),
        "give_up_after": Setting(int, 1, 1_000_000),
        "patience": Setting(float, 0.001, 86_400, is_duration=True),
        "max_failures": Setting(int, 1, 10**12),
        "quota_share": Setting(float, 0.001, 1),
        "rps": Setting(float, 0, 1_000_000),
        "units_per_min": Setting(float, 0, 100_000_000),
        "max_duration": Setting(int, 1, 366 * 86_400, is_duration=True),
    }


RUNNING: Final = running_settings(DEFAULT_LIMITS)


def default_of(name: str, limits: Limits = DEFAULT_LIMITS) -> int | float | None:
    """Return the default of a setting for an installation with these limits."""
    if name == "batch_size":
        return limits.batch_records
    if name == "max_batch_bytes":
        return limits.batch_bytes
    default: int | float | None = getattr(DEFAULTS, name)
    return default


def resolve_running(
    flags: Mapping[str, int | float | str | None],
    environ: Mapping[str, str],
    section: Mapping[str, Any],
    place: Callable[[str], str],
    limits: Limits = DEFAULT_LIMITS,
) -> Running:
    """Return each setting from its flag, `KVSCTL_NAME`, the target's section or its default.

    Raise UsageError, naming where the value comes from, if one cannot be used. `place` returns
    where a setting of the section is.
    """
    resolved: dict[str, Any] = {}
    for name, setting in running_settings(limits).items():
        variable = f"KVSCTL_{name.upper()}"
        if flags.get(name) is not None:
            resolved[name] = _checked(flags[name], setting, "--" + name.replace("_", "-"))
        elif variable in environ:
            resolved[name] = _checked(environ[variable], setting, variable)
        elif name in section:
            resolved[name] = _checked(section[name], setting, partial(place, name))
        else:
            resolved[name] = default_of(name, limits)
    return Running(**resolved)


def _checked(given: Any, setting: Setting, where: Place) -> int | float:
    text = given
    if setting.is_duration and isinstance(given, str):
        # Not at the top: help reads no durations.
        from kvsctl.durations import duration_seconds, fractional_seconds

        read = duration_seconds if setting.kind is int else fractional_seconds
        given = read(given, place_text(where))
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    try:
        if not (is_number or isinstance(given, str)):
            raise ValueError
        value = setting.kind(given)
        if value != float(given):
            raise ValueError
    except (ValueError, OverflowError):
        kind = "a whole number" if setting.kind is int else "a number"
        raise UsageError(f"{place_text(where)}: expected {kind}, not {given!r}") from None
    if not setting.least <= value <= setting.most:
        unit = " seconds" if setting.is_duration else ""
        bounds = f"{setting.least:,g} to {setting.most:,.0f}{unit}"
        shown = text if setting.is_duration and isinstance(text, str) else f"{value:,g}"
        raise UsageError(f"{place_text(where)}: expected {bounds}, not {shown}")
    return value
