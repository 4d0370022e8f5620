"""What `kvsctl ping` prints: whether a target answers, for people and for programs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import msgspec

from kvsctl import __version__
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.report.escape import visible
from kvsctl.report.schema import PING_SCHEMA
from kvsctl.report.summary import plural
from kvsctl.texts import utc_text


class TokenShown(msgspec.Struct, frozen=True):
    """Where a token comes from and when it ends, in epoch seconds; None: it does not say."""

    source: str
    ends_at: float | None = None
    left_seconds: float | None = None


class Pinged(msgspec.Struct, frozen=True):
    """What was found out about a target.

    `seconds`: the time of each request that the store answered. `clock_offset_seconds`: how far the
    service's clock is ahead; None if no answer had a date. `error`: the conclusion, if the store is
    not usable. `asked_at`: the time of asking, in epoch seconds by this machine's clock.
    `bridge_installation`: the installation that a bridge says it is in.
    """

    target: str
    installation: str | None
    token: TokenShown | None
    seconds: Sequence[float]
    failed: int
    clock_offset_seconds: float | None
    error: KvsctlError | None
    asked_at: float
    bridge_installation: str | None = None

    @property
    def status(self) -> ExitStatus:
        """The exit status of the command."""
        return ExitStatus.OK if self.error is None else self.error.status


def pinged_document(pinged: Pinged) -> dict[str, Any]:
    """Return the result as one JSON object."""
    return {
        "schema": PING_SCHEMA,
        "version": __version__,
        "command": "ping",
        "exit_code": int(pinged.status),
        "at": _moment(pinged.asked_at),
        "target": pinged.target,
        "installation": pinged.installation,
        "bridge_installation": pinged.bridge_installation,
        "token": None if pinged.token is None else _token_document(pinged.token),
        "answers": bool(pinged.seconds),
        "requests": len(pinged.seconds) + pinged.failed,
        "failed": pinged.failed,
        "latency_ms": _latency_document(pinged.seconds),
        "clock_offset_s": _rounded(pinged.clock_offset_seconds),
        "error": None if pinged.error is None else pinged.error.message,
    }


def _token_document(token: TokenShown) -> dict[str, Any]:
    return {
        "source": token.source,
        "ends_at": None if token.ends_at is None else _moment(token.ends_at),
        "ends_in_s": _rounded(token.left_seconds),
    }


def _latency_document(seconds: Sequence[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    chosen = {"first": seconds[0], "min": min(seconds), "median": median(seconds)}
    return {name: round(one * 1000, 3) for name, one in (chosen | {"max": max(seconds)}).items()}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def _moment(epoch: float) -> str:
    return utc_text(datetime.fromtimestamp(epoch, UTC), timespec="seconds")


def pinged_lines(pinged: Pinged) -> list[str]:
    """Return the result as lines for people, escaped for a terminal."""
    rows = [("target", pinged.target)]
    if pinged.installation is not None:
        rows.append(("installation", pinged.installation))
    if pinged.bridge_installation is not None:
        rows.append(("bridge", f"is in installation {pinged.bridge_installation}"))
    rows.append(("token", _token_text(pinged.token)))
    if pinged.seconds:
        rows += [("store", _store_text(pinged)), ("latency", _latency_text(pinged.seconds))]
    if pinged.clock_offset_seconds is not None:
        rows.append(("clock", _clock_text(pinged.clock_offset_seconds)))
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {visible(text)}" for name, text in rows]


def _token_text(token: TokenShown | None) -> str:
    if token is None:
        return "none is sent"
    if token.ends_at is None or token.left_seconds is None:
        return f"{token.source}; it does not say when it ends"
    left = token.left_seconds
    distance = f"in {_span(left)}" if left > 0 else f"{_span(-left)} ago"
    return (
        f"{token.source}; it {'ends' if left > 0 else 'ended'} {distance}, {_moment(token.ends_at)}"
    )


def _span(seconds: float) -> str:
    """Return a length of time in its two largest units: `3 h 12 min`."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def _store_text(pinged: Pinged) -> str:
    if not pinged.failed:
        return "answers"
    count = len(pinged.seconds) + pinged.failed
    return f"answers, but {pinged.failed} of {count} {plural('request', count)} failed"


def _latency_text(seconds: Sequence[float]) -> str:
    if len(seconds) == 1:
        return f"{seconds[0] * 1000:,.1f} ms, with the time to connect"
    return (
        f"{min(seconds) * 1000:,.1f} ms at least, {median(seconds) * 1000:,.1f} ms median "
        f"of {len(seconds)}, {seconds[0] * 1000:,.1f} ms with the time to connect"
    )


def _clock_text(offset_seconds: float) -> str:
    if not offset_seconds:
        return "within 2 s of the service's"
    side = "behind" if offset_seconds > 0 else "ahead of"
    return f"{_span(abs(offset_seconds))} {side} the service's"
