"""Decompress an answer that is compressed although the request asked for `identity`.

Some edges and proxies do that.
"""

import zlib
from typing import Final

from kvsctl.service.transport.carrier import MAX_ANSWER_BYTES, CarrierAnswer, Misencoded, Unanswered

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS
_MAX_CODINGS: Final = 3
_SHOWN_CHARACTERS: Final = 40
_OK: Final = 200


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
    return answer._replace(body=body)


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
    return _decompressed(body, _GZIP_FORMAT)


def _inflated(body: bytes) -> bytes:
    if not body:
        return body
    # Some servers leave out the header of zlib, whose first two bytes are a multiple of 31.
    has_header = body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return _decompressed(body, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


def _decompressed(body: bytes, window_bits: int) -> bytes:
    """Decompress one stream, and no more of it than an answer may have."""
    stream = zlib.decompressobj(window_bits)
    try:
        plain = stream.decompress(body, MAX_ANSWER_BYTES + 1)
    except zlib.error:
        raise Unanswered("the compressed answer is damaged") from None
    if len(plain) > MAX_ANSWER_BYTES:
        raise Misencoded(f"decompressed, the answer is larger than {MAX_ANSWER_BYTES:,} bytes")
    if not stream.eof:
        raise Unanswered("the compressed answer is cut off")
    if stream.unused_data:
        raise Unanswered("the compressed answer is damaged")
    return plain
