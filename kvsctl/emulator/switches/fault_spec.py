"""Fault specs: the faults to inject and their rates, in one line or in a TOML or JSON file.

    seed=7,429=0.05,retry-after=1,500=0.02,reset-after=0.01,leave-out=0.02,latency-ms=5..50

Faults with a rate from 0 to 1. A request gets at most one of them:

    429 throttled 500 502 503 504 500-after 503-after 502-html 502-empty
    reset-before reset-after cut

`throttled` is a 429 with `REQUEST_THROTTLED`. Faults that end in `-after` happen after the request
has been carried out. So does `cut`, which truncates the response. All others happen before it.

The other names:

    seed=N               choose which requests get faults; the same seed chooses the same ones
    retry-after=S        send Retry-After in seconds with a 429; retry-after-date=S sends it as a
                         date, reset=S sends X-RateLimit-Reset; without one of them, send neither
    leave-out=RATE       ignore a key of a batch and put it into neither list
    refuse=PREFIX:CODE   refuse keys with this prefix with this code (repeatable)
    latency-ms=N, N..M   delay responses by N, or by N to M, milliseconds
    payload-limit=BYTES  refuse larger request bodies; at most the documented limit
    token-lifetime=S     refuse a token S seconds after its first use
    only=ROUTE+ROUTE     inject faults into these endpoints only, such as batch/set
    first=N              inject faults into the first N requests only
    script=NAME:NAME:ok  faults of the first requests, one name each; rates count after them
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kvsctl.emulator.refusals import EmulatorError, reason_of

KINDS = (
    "429", "throttled", "500", "502", "503", "504", "500-after", "503-after", "502-html",
    "502-empty", "reset-before", "reset-after", "cut",
)  # fmt: skip
WAITS = ("retry-after", "retry-after-date", "reset")
# Names whose values are lists, with the separator of their elements in a spec.
LISTS = {"refuse": ",", "only": "+", "script": ":"}
NAMES = (
    *KINDS, *WAITS, "leave-out", "latency-ms", "payload-limit", "first", "seed", "token-lifetime",
    *LISTS,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """A parsed fault spec. Rates are 0 to 1; times are seconds unless their name says otherwise."""

    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    announces: str | None = None
    announced_seconds: float = 0.0
    leave_out: float = 0.0
    refuse: tuple[tuple[str, str], ...] = ()
    latency_ms: tuple[float, float] = (0.0, 0.0)
    payload_limit: int | None = None
    token_lifetime: float | None = None
    only: frozenset[str] = frozenset()
    first: int | None = None
    script: tuple[str, ...] = ()


def read_faults(source: str) -> FaultPlan:
    """Return the plan of a spec, or of a file if `source` ends in `.toml` or `.json`.

    Raise `EmulatorError`, naming the wrong part, if the spec is invalid or the file unreadable.
    """
    path = Path(source)
    try:
        if path.suffix == ".toml":
            import tomllib  # not at the top: only TOML files need it

            return plan_of(tomllib.loads(path.read_text(encoding="utf-8")))
        if path.suffix == ".json":
            return plan_of(json.loads(path.read_text(encoding="utf-8")))
        return plan_of(_settings(source))
    except OSError as error:
        raise EmulatorError(f"cannot read {source}: {reason_of(error)}") from error
    except UnicodeDecodeError as error:
        raise EmulatorError(f"cannot read {source}: not valid UTF-8") from error
    except (ValueError, TypeError) as error:
        raise EmulatorError(f"invalid faults: {error}") from error


def _settings(spec: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for part in filter(None, (text.strip() for text in spec.split(","))):
        name, separator, text = part.partition("=")
        if not separator:
            raise ValueError(f'"{part}" has no value; write NAME=VALUE')
        if name in LISTS:
            settings.setdefault(name, []).extend(text.split(LISTS[name]))
        elif name in settings:
            raise ValueError(f"{name} is given twice")
        else:
            settings[name] = text
    return settings


def plan_of(settings: Mapping[str, Any]) -> FaultPlan:
    """Return the plan for these names and values. Raise ValueError, naming the wrong one."""
    rates: dict[str, float] = {}
    plan: dict[str, Any] = {"rates": rates}
    for name, value in settings.items():
        if name in KINDS:
            rates[name] = _rate(name, value)
        elif name in WAITS:
            if "announces" in plan:
                raise ValueError(f"give only one of {', '.join(WAITS)}")
            plan["announces"], plan["announced_seconds"] = name, _number(name, value)
        elif name == "leave-out":
            plan["leave_out"] = _rate(name, value)
        elif name == "refuse":
            plan["refuse"] = tuple(_refused(text) for text in _texts(name, value))
        elif name == "latency-ms":
            plan["latency_ms"] = _span(name, value)
        elif name in ("payload-limit", "first", "seed"):
            plan[name.replace("-", "_")] = int(_number(name, value))
        elif name == "token-lifetime":
            plan["token_lifetime"] = _number(name, value)
        elif name == "only":
            plan["only"] = frozenset(_texts(name, value))
        elif name == "script":
            plan["script"] = tuple(_scripted(text) for text in _texts(name, value))
        else:
            raise ValueError(f'unknown name "{name}"; known names: {", ".join(NAMES)}')
    if sum(rates.values()) > 1 + 1e-9:
        raise ValueError("the rates add up to more than 1")
    return FaultPlan(**plan)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value} is not a number") from None
    if not 0 <= number < float("inf"):
        raise ValueError(f"{name}={value} is out of range; give 0 or a positive number")
    return number


def _rate(name: str, value: Any) -> float:
    rate = _number(name, value)
    if rate > 1:
        raise ValueError(f"{name}={value} is not a rate from 0 to 1")
    return rate


def _span(name: str, value: Any) -> tuple[float, float]:
    least, separator, most = str(value).partition("..")
    span = _number(name, least), _number(name, most if separator else least)
    if span[0] > span[1]:
        raise ValueError(f"{name}={value} ends before it begins; write N..M with N at most M")
    return span


def _refused(text: str) -> tuple[str, str]:
    prefix, separator, code = text.rpartition(":")
    if not separator or not code:
        raise ValueError(f"refuse={text} is not of the form PREFIX:CODE")
    return prefix, code


def _scripted(name: str) -> str:
    if name != "ok" and name not in KINDS:
        raise ValueError(f'unknown fault "{name}" in script; known faults: ok, {", ".join(KINDS)}')
    return name


def _texts(name: str, value: Any) -> Iterable[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{name} must be a list of strings")
    return value
