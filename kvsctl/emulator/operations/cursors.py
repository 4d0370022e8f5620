"""Cursors: the position at which a listing continues, opaque to clients."""

import base64
import binascii

import msgspec

from kvsctl.emulator.refusals import Refusal, malformed


def cursor_of(*position: str | int | float | None) -> str:
    """Return the cursor for a position in a listing."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def position_of(cursor: object, length: int) -> list[str | int | float | None] | None:
    """Return the position that a cursor stands for, with `length` parts; None without a cursor.

    Raise Refusal with `INVALID_CURSOR` if the cursor was not made by `cursor_of` for such a
    position. The contract names no code for that.
    """
    if cursor is None:
        return None
    if not isinstance(cursor, str):
        raise malformed("A cursor must be a string")
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        position = msgspec.json.decode(raw, type=list[str | int | float | None])
        if len(position) != length:
            raise ValueError("a cursor of another listing")
    except (ValueError, msgspec.MsgspecError, binascii.Error):
        raise Refusal(400, "INVALID_CURSOR", "The cursor is not valid") from None
    return position
