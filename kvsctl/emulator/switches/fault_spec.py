"""What goes wrong, and how often, as a user writes it: one line, or a TOML or JSON file.

    seed=7,429=0.05,retry-after=1,500=0.02,reset-after=0.01,leave-out=0.02,latency-ms=5..50

Names with a rate from 0 to 1, of which a request meets one at most:

    429 throttled 500 502 503 504 500-after 503-after 502-html 502-empty
    reset-before reset-after cut

`throttled` is 429 `REQUEST_THROTTLED`; `-after` and `reset-after` come once the write is done;
`cut` ends an answer in its midst. The others:

    seed=N               which requests it hits; the same seed, the same requests
    retry-after=S        429 says when, in seconds; retry-after-date=S as a date; reset=S as
                         `X-RateLimit-Reset`; none of them: it does not say
    leave-out=RATE       a key of a batch is done nothing with, and is in neither list
    refuse=PREFIX:CODE   keys that begin so are refused with this code (repeatable)
    latency-ms=N, N..M   answers take so much longer
    payload-limit=BYTES  the limit of a body, below the documented one
    token-lifetime=S     a token is refused that long after its first use
    only=ROUTE+ROUTE     only these endpoints, such as batch/set
    first=N              only the first N requests
    script=NAME:NAME:ok  what the first requests meet, one name each, before any rate counts
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kvsctl.emulator.refusals import EmulatorError

KINDS = (
    "429", "throttled", "500", "502", "503", "504", "500-after", "503-after", "502-html",
    "502-empty", "reset-before", "reset-after", "cut",
)  # fmt: skip
WAITS = ("retry-after", "retry-after-date", "reset")
REPEATABLE = {"refuse": ",", "only": "+", "script": ":"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """The faults of one run. Rates are 0 to 1, times seconds unless named otherwise."""

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
    """The plan in a spec, or in the file of that name (`.toml`, `.json`).

    Raises `EmulatorError` naming the part that is wrong.
    """
    path = Path(source)
    try:
        if path.suffix == ".toml":
            import tomllib  # only here: every command imports this module

            return plan_of(tomllib.loads(path.read_text(encoding="utf-8")))
        if path.suffix == ".json":
            return plan_of(json.loads(path.read_text(encoding="utf-8")))
        return plan_of(_settings(source))
    except OSError as error:
        raise EmulatorError(f"{source}: cannot be read: {error}") from error
    except (ValueError, TypeError) as error:
        raise EmulatorError(f"faults: {error}") from error


def _settings(spec: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for part in filter(None, (one.strip() for one in spec.split(","))):
        name, separator, text = part.partition("=")
        if not separator:
            raise ValueError(f"{part} has no value")
        if name in REPEATABLE:
            settings.setdefault(name, []).extend(text.split(REPEATABLE[name]))
        elif name in settings:
            raise ValueError(f"{name} is there twice")
        else:
            settings[name] = text
    return settings


def plan_of(settings: Mapping[str, Any]) -> FaultPlan:
    """The plan that these names and values make; `ValueError` for one that is wrong."""
    rates: dict[str, float] = {}
    plan: dict[str, Any] = {"rates": rates}
    for name, value in settings.items():
        if name in KINDS:
            rates[name] = _rate(name, value)
        elif name in WAITS:
            if "announces" in plan:
                raise ValueError(f"only one of {', '.join(WAITS)}")
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
            raise ValueError(f"there is no fault {name}")
    if sum(rates.values()) > 1 + 1e-9:
        raise ValueError("the rates add up to more than 1")
    return FaultPlan(**plan)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value} is no number") from None
    if not 0 <= number < float("inf"):
        raise ValueError(f"{name}={value} is out of range")
    return number


def _rate(name: str, value: Any) -> float:
    rate = _number(name, value)
    if rate > 1:
        raise ValueError(f"{name}={value} is no rate from 0 to 1")
    return rate


def _span(name: str, value: Any) -> tuple[float, float]:
    least, separator, most = str(value).partition("..")
    span = _number(name, least), _number(name, most if separator else least)
    if span[0] > span[1]:
        raise ValueError(f"{name}={value} ends before it begins")
    return span


def _refused(text: str) -> tuple[str, str]:
    prefix, separator, code = text.rpartition(":")
    if not separator or not code:
        raise ValueError(f"refuse={text} is not PREFIX:CODE")
    return prefix, code


def _scripted(name: str) -> str:
    if name != "ok" and name not in KINDS:
        raise ValueError(f"there is no fault {name}")
    return name


def _texts(name: str, value: Any) -> Iterable[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{name} must be a list of texts")
    return value
