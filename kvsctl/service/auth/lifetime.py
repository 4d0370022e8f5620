"""When a token ends, and when to ask for the next one.

A JSON Web Token has its end in its payload, as `exp`. It is read without verifying anything: the
service does that. No part of the payload is ever shown.
"""

import base64
import binascii
import math
from typing import Final

import msgspec

EARLIEST_SECONDS: Final = 300.0
"""How long before the end of a token the next one is asked for, at most."""
PAUSE_SECONDS: Final = 30.0
"""How long after asking in vain the source is asked again, at least."""
_PARTS: Final = 3
_LATEST_EPOCH: Final = 253_402_300_800.0
"""The year 10000: a later end is a number of another kind."""


class _Claims(msgspec.Struct):
    exp: float | None = None


_decode = msgspec.json.Decoder(_Claims).decode


def end_of(token: str) -> float:
    """Return when a token ends, in epoch seconds; infinity if it does not say so."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return math.inf
    payload = parts[1]
    try:
        text = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
        ends_at = _decode(text).exp
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        return math.inf
    return ends_at if ends_at is not None and 0 < ends_at < _LATEST_EPOCH else math.inf


def due_at(ends_at: float, now: float) -> float:
    """Return when to ask for the token after a new one: 5 minutes before its end.

    Halfway, if that is later. Infinity for a token that has ended: its refusal renews it.
    """
    return math.inf if ends_at <= now else ends_at - min(EARLIEST_SECONDS, (ends_at - now) / 2)


def due_again_at(ends_at: float, now: float) -> float:
    """Return when to ask again after a source has failed, or given the same token once more.

    Infinity if that is too late to help.
    """
    again = now + max(PAUSE_SECONDS, (ends_at - now) / 2)
    return again if again < ends_at else math.inf
