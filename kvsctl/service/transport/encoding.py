"""Decompress an answer that is compressed although the request asked for `identity`.

Some edges and proxies do that.
"""

import zlib
from typing import Final

from msgspec.structs import replace

from kvsctl.service.transport.carrier import MAX_ANSWER_BYTES, CarrierAnswer, Misencoded, Unanswered

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS
_MAX_CODINGS: Final = 3
_MAX_MEMBERS: Final = 16
"""The most members that one gzip body may have. For each, the rest of the body is copied."""
_SHOWN_CHARACTERS: Final = 40
_OK: Final = 200
_DAMAGED: Final = "the compressed answer is damaged"


def decompressed(answer: CarrierAnswer) -> CarrierAnswer:
    """Return the answer with its body as it was before the `content-encoding`.

    Raise Misencoded for an encoding that is not supported, or if the body is larger than an answer
    may be. Raise Unanswered if it is damaged. An answer other than 200 is returned without a body
    instead: its status says enough.
    """
    try:
        body = _plain(answer.body, answer.headers.get("content-encoding", ""))
    except (Misencoded, Unanswered):
        if answer.status == _OK:
            raise
        body = b""
    return replace(answer, body=body)


def _plain(body: bytes, header: str) -> bytes:
    names = [name.strip().lower() for name in header.split(",", _MAX_CODINGS)]
    codings = [name for name in names if name not in ("", "identity")]
    for coding in reversed(codings):
        if coding in ("gzip", "x-gzip"):
            body = _gunzipped(body)
        elif coding == "deflate":
            body = _inflated(body)
        else:
            shown = coding[:_SHOWN_CHARACTERS]
            raise Misencoded(f'the answer has the content-encoding "{shown}", which is unsupported')
    return body


def _gunzipped(body: bytes) -> bytes:
    if not body.startswith(_GZIP_MAGIC):
        return body  # something decompressed it and left the header
    plain = b""
    for _ in range(_MAX_MEMBERS):
        member, body = _decompressed(body, _GZIP_FORMAT, MAX_ANSWER_BYTES - len(plain))
        plain += member
        if not body:
            return plain
    raise Misencoded(f"the compressed answer has more than {_MAX_MEMBERS} members")


def _inflated(body: bytes) -> bytes:
    if not body:
        return body
    # Some servers leave out the header of zlib, whose first two bytes are a multiple of 31.
    has_header = body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    window_bits = zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
    plain, rest = _decompressed(body, window_bits, MAX_ANSWER_BYTES)
    if rest:
        raise Unanswered(_DAMAGED)
    return plain


def _decompressed(body: bytes, window_bits: int, most_bytes: int) -> tuple[bytes, bytes]:
    """Decompress one stream of at most `most_bytes`. Return its content, and the bytes after it."""
    stream = zlib.decompressobj(window_bits)
    try:
        plain = stream.decompress(body, most_bytes + 1)
    except zlib.error:
        raise Unanswered(_DAMAGED) from None
    if len(plain) > most_bytes:
        raise Misencoded(f"decompressed, the answer is larger than {MAX_ANSWER_BYTES:,} bytes")
    if not stream.eof:
        raise Unanswered("the compressed answer is cut off")
    return plain, stream.unused_data
