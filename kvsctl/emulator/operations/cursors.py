"""Where a listing goes on: opaque to clients, and refused when it is none of ours."""

import base64
import binascii

import msgspec

from kvsctl.emulator.refusals import Refusal, malformed


def cursor_of(*position: str | int | float | None) -> str:
    """A position in a listing as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def position_of(cursor: object, length: int) -> list[str | int | float | None] | None:
    """The position that a cursor stands for; None without one.

    The contract names no code for a cursor that is no cursor: `INVALID_CURSOR`.
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
            raise ValueError("of another listing")
    except (ValueError, msgspec.MsgspecError, binascii.Error):
        raise Refusal(400, "INVALID_CURSOR", "The cursor is not valid") from None
    return position
