"""When a token ends, and when to ask for the next one.

The payload of a JSON Web Token has its end as `exp`. It is read without verification, which is left
to the service. No part of the payload is ever shown.
"""

import base64
import binascii
import math
from enum import Enum
from typing import Final

import msgspec

EARLIEST_SECONDS: Final = 300.0
"""The next token is requested at most this long before the end of the current one."""
PAUSE_SECONDS: Final = 30.0
"""After a source gave no new token, it is asked again no earlier than after this time."""
_PARTS: Final = 3
_LATEST_EPOCH: Final = 253_402_300_800.0
"""The year 10000: a larger number is not a time in seconds."""


class TokenNeed(Enum):
    """Whether a token must be read."""

    NONE = "none"
    """No: requests may use the current one, or need none."""
    SOON = "soon"
    """The next one is due. Until it is there, requests may use the current one."""
    NOW = "now"
    """No request can be sent before."""


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
    """Return when to ask for the next token after a new one: 5 minutes before the new one's end.

    If halfway to its end is later, return that. Infinity for a token that has ended: its refusal
    renews it.
    """
    return math.inf if ends_at <= now else ends_at - min(EARLIEST_SECONDS, (ends_at - now) / 2)


def due_again_at(ends_at: float, now: float) -> float:
    """Return when to ask again after a source has failed or has given the same token again.

    Infinity if that is too late to help.
    """
    again = now + max(PAUSE_SECONDS, (ends_at - now) / 2)
    return again if again < ends_at else math.inf
