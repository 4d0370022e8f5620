"""Fault specs: the faults to inject and their rates, in one line or in a TOML or JSON file.

    seed=7,429=0.05,retry-after=1,500=0.02,reset-after=0.01,leave-out=0.02,latency-ms=5..50

Faults with a rate from 0 to 1. A request gets at most one of them:

    429 throttled 500 502 503 504 500-after 503-after 502-html 502-empty 200-html
    reset-before reset-after cut

`throttled` is a 429 with `REQUEST_THROTTLED`. Faults that end in `-after` happen after the request
has been carried out. So does `cut`, which truncates the response. All others happen before it.

The other names:

    seed=N               choose which requests get faults; the same seed chooses the same ones
    retry-after=S        send Retry-After in seconds with a 429; retry-after-date=S sends it as a
                         date, reset=S sends X-RateLimit-Reset; without one of them, send neither
    leave-out=RATE       ignore a key of a batch and put it into neither list
    refuse-cursor=RATE   refuse the cursor of a query
    refuse=PREFIX:CODE   refuse keys with this prefix with this code (repeatable)
    refuse-installation=ID:STATUS
                         refuse all requests of this installation with 401, 403, 404, 429, 500,
                         502, 503 or 504 (repeatable)
    latency-ms=N, N..M   delay responses by N, or by N to M, milliseconds
    payload-limit=BYTES  refuse larger request bodies; at most the documented limit
    token-lifetime=S     refuse a token S seconds after its first use
    only=ROUTE+ROUTE     inject faults into these endpoints only, such as batch/set; installations
                         is the list of them
    first=N              inject faults into the first N requests only
    script=NAME:NAME:ok  faults of the first requests, one name each; rates count after them

S is a number of seconds, or a duration such as 5s or 2m.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kvsctl.emulator.option_files import read_option_file
from kvsctl.emulator.refusals import EmulatorError

KINDS = (
    "429", "throttled", "500", "502", "503", "504", "500-after", "503-after", "502-html",
    "502-empty", "200-html", "reset-before", "reset-after", "cut",
)  # fmt: skip
INSTALLATION_STATUSES = ("401", "403", "404", "429", "500", "502", "503", "504")
WAITS = ("retry-after", "retry-after-date", "reset")
SECONDS_MAX = 10 * 365 * 86_400
"""The longest wait, latency or lifetime: ten years, so that no date is out of range."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd])")
# Names whose values are lists, with the separator of their elements in a spec.
LISTS = {"refuse": ",", "refuse-installation": ",", "only": "+", "script": ":"}
NAMES = (
    *KINDS, *WAITS, "leave-out", "refuse-cursor", "latency-ms", "payload-limit", "first", "seed",
    "token-lifetime", *LISTS,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """A parsed fault spec. Rates are 0 to 1; times are seconds unless their name says otherwise."""

    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    announces: str | None = None
    announced_seconds: float = 0.0
    leave_out: float = 0.0
    refuse_cursor: float = 0.0
    refuse: tuple[tuple[str, str], ...] = ()
    refuse_installation: Mapping[str, int] = field(default_factory=dict)
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
    try:
        return plan_of(_file_settings(Path(source)) if is_file(source) else _settings(source))
    except (ValueError, TypeError) as error:
        raise EmulatorError(f"invalid faults: {error}") from error
    except RecursionError as error:
        raise EmulatorError("invalid faults: nested too deep") from error


def is_file(source: str) -> bool:
    """Return whether `source` names a file, by its suffix. Otherwise it is a spec."""
    return Path(source).suffix in (".toml", ".json")


def _file_settings(path: Path) -> dict[str, Any]:
    text = read_option_file(path)
    if path.suffix == ".toml":
        import tomllib  # not at the top: only TOML files need it

        return tomllib.loads(text)
    found = json.loads(text, object_pairs_hook=_each_once)
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold a JSON object of names and values")  # noqa: TRY004
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    settings = dict(pairs)
    if len(settings) < len(pairs):
        raise ValueError("a name is given twice")
    return settings


def _settings(spec: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for part in filter(None, (text.strip() for text in spec.split(","))):
        name, separator, text = part.partition("=")
        if not separator:
            raise ValueError(
                f'"{part}" has no value; write NAME=VALUE, '
                "or name a file that ends in .toml or .json"
            )
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
            plan["announces"], plan["announced_seconds"] = name, _seconds(name, value)
        elif name in ("leave-out", "refuse-cursor"):
            plan[name.replace("-", "_")] = _rate(name, value)
        elif name == "refuse":
            plan["refuse"] = tuple(_refused(text) for text in _texts(name, value))
        elif name == "refuse-installation":
            plan["refuse_installation"] = dict(map(_refused_installation, _texts(name, value)))
        elif name == "latency-ms":
            plan["latency_ms"] = _span(name, value)
        elif name in ("payload-limit", "first", "seed"):
            plan[name.replace("-", "_")] = _whole(name, value)
        elif name == "token-lifetime":
            plan["token_lifetime"] = _seconds(name, value)
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
        number = float("x" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={_shown(value)} is not a number") from None
    except OverflowError:
        number = float("inf")
    if not 0 <= number < float("inf"):
        raise ValueError(f"{name}={_shown(value)} is out of range; give 0 or a positive number")
    return number


def _whole(name: str, value: Any) -> int:
    number = _number(name, value)
    if not number.is_integer():
        raise ValueError(f"{name}={_shown(value)} is not a whole number")
    return int(number)


def _seconds(name: str, value: Any) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = float(match[1]) * _UNITS[match[2]] if match else _number(name, value)
    if seconds > SECONDS_MAX:
        raise ValueError(f"{name}={_shown(value)} is out of range; give at most {SECONDS_MAX}")
    return seconds


def _shown(value: Any) -> str:
    return str(value)[:40] if isinstance(value, str | int | float) else type(value).__name__


def _rate(name: str, value: Any) -> float:
    rate = _number(name, value)
    if rate > 1:
        raise ValueError(f"{name}={_shown(value)} is not a rate from 0 to 1")
    return rate


def _span(name: str, value: Any) -> tuple[float, float]:
    least, separator, most = _shown(value).partition("..")
    span = _number(name, least), _number(name, most if separator else least)
    if span[1] > SECONDS_MAX * 1000:
        raise ValueError(f"{name}={_shown(value)} is out of range")
    if span[0] > span[1]:
        raise ValueError(
            f"{name}={_shown(value)} ends before it begins; write N..M with N at most M"
        )
    return span


def _refused(text: str) -> tuple[str, str]:
    prefix, separator, code = text.rpartition(":")
    if not separator or not code:
        raise ValueError(f"refuse={text} is not of the form PREFIX:CODE")
    return prefix, code


def _refused_installation(text: str) -> tuple[str, int]:
    installation, _, status = text.rpartition(":")
    if not installation or status not in INSTALLATION_STATUSES:
        known = ", ".join(INSTALLATION_STATUSES)
        raise ValueError(f"refuse-installation={text} is not ID:STATUS, with a STATUS of {known}")
    return installation, int(status)


def _scripted(name: str) -> str:
    if name != "ok" and name not in KINDS:
        raise ValueError(f'unknown fault "{name}" in script; known faults: ok, {", ".join(KINDS)}')
    return name


def _texts(name: str, value: Any) -> Iterable[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{name} must be a list of strings")
    return value
