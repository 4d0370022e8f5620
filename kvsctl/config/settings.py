"""Settings of how a run works: flag before environment before file before default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from kvsctl.errors import UsageError
from kvsctl.limits import DEFAULT_LIMITS, Limits


class Setting(NamedTuple):
    """One setting: `least` and `most` bound it, `kind` reads it from text."""

    kind: Callable[[str], int | float]
    default: int | float | None
    least: float
    most: float


def running_settings(limits: Limits) -> Mapping[str, Setting]:
    """All settings, by name, for an installation with these limits."""
    return {
        "concurrency": Setting(int, None, 1, 256),
        "batch_size": Setting(int, limits.batch_records, 1, limits.batch_records),
        "max_batch_bytes": Setting(int, limits.batch_bytes, 1, limits.batch_bytes),
        "timeout": Setting(float, 30.0, 0.001, 3600),
        "retries": Setting(int, 8, 0, 1000),
        "give_up_after": Setting(int, 20, 1, 1_000_000),
        "patience": Setting(float, 300.0, 0.001, 86_400),
        "max_failures": Setting(int, None, 1, 10**12),
        "quota_share": Setting(float, 0.7, 0.001, 1),
        "rps": Setting(float, None, 0, 1_000_000),
        "units_per_min": Setting(float, None, 0, 100_000_000),
    }


RUNNING: Final = running_settings(DEFAULT_LIMITS)


@dataclass(frozen=True, slots=True)
class Running:
    """How a run works, resolved. `timeout` is seconds a request, `patience` those of a run.

    `concurrency` None: as many as help. `rps` and `units_per_min` None: `quota_share` of the
    documented quota; 0: no limit.
    """

    concurrency: int | None
    batch_size: int
    max_batch_bytes: int
    timeout: float
    retries: int
    give_up_after: int
    patience: float
    max_failures: int | None
    quota_share: float
    rps: float | None
    units_per_min: float | None


def resolve_running(
    flags: Mapping[str, int | float | None],
    environ: Mapping[str, str],
    section: Mapping[str, Any],
    section_name: str,
    limits: Limits = DEFAULT_LIMITS,
) -> Running:
    """Each setting from its flag, `KVSCTL_NAME`, the target's section or its default.

    Raises UsageError that names where a value that cannot be used came from.
    """
    resolved: dict[str, Any] = {}
    for name, setting in running_settings(limits).items():
        flag_name = "--" + name.replace("_", "-")
        variable = f"KVSCTL_{name.upper()}"
        if flags.get(name) is not None:
            resolved[name] = _checked(flags[name], setting, flag_name)
        elif variable in environ:
            resolved[name] = _checked(environ[variable], setting, variable)
        elif name in section:
            resolved[name] = _checked(section[name], setting, f"{section_name} {name}")
        else:
            resolved[name] = setting.default
    return Running(**resolved)


def _checked(given: Any, setting: Setting, where: str) -> int | float:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    try:
        if not (is_number or isinstance(given, str)):
            raise ValueError
        value = setting.kind(given)
        if value != float(given):
            raise ValueError
    except (ValueError, OverflowError):
        kind = "a whole number" if setting.kind is int else "a number"
        raise UsageError(f"{where} takes {kind}, not {given!r}") from None
    if not setting.least <= value <= setting.most:
        raise UsageError(f"{where} takes {setting.least:,g} to {setting.most:,.0f}, not {value:,g}")
    return value
