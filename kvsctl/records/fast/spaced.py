"""Many lines at once that are common but for white space: what `json.dumps` writes."""

import re
from collections.abc import Sequence
from itertools import repeat
from typing import Final

import msgspec

from kvsctl.limits import Limits
from kvsctl.model import Identity
from kvsctl.records.fast.line_blocks import are_common, decoded_together
from kvsctl.records.fields import LEAST_BYTES
from kvsctl.records.parsed import Parsed, Parser, Rejected

_SPACE: Final = rb"[ \t\r\n]*+"
_FRAME: Final = re.compile(
    rb'(\{%b"key"%b:%b")[^"\\]++("%b,%b"value"%b:%b).*[^ \t\r\n](%b\})' % ((_SPACE,) * 8), re.DOTALL
).fullmatch
_NULL: Final = msgspec.Raw(b"null")


def spaced_line_parser(limits: Limits, careful: Parser) -> Parser:
    """Reads a line by itself if it is one for `spaced_keys`, and gives others to `careful`.

    So that what a line is sent as does not depend on those beside it.
    """

    def parse(line: bytes) -> Parsed | Rejected:
        keys = spaced_keys([line], limits)
        return careful(line) if keys is None else Parsed(Identity(None, keys[0]), line)

    return parse


def spaced_keys(lines: Sequence[bytes], limits: Limits) -> list[str] | None:
    """The keys of lines with the same white space around key and value; None unless all are such.

    What stands around both in the first line has to stand there in each, to the byte: nothing is
    left to stand between.
    """
    if not lines or max(map(len, lines)) > limits.value_bytes:
        return None
    frame = _FRAME(lines[0])
    if frame is None or sum(map(len, frame.groups())) == LEAST_BYTES:
        return None  # the second: without any white space, so it has been tried
    plains = decoded_together(lines, limits)
    if not plains:
        return None
    keys = [plain.key for plain in plains]
    values = [plain.value for plain in plains]
    if not are_common(keys, limits) or _NULL in values:
        return None
    before, between, after = map(repeat, frame.groups())
    parts = zip(before, map(str.encode, keys), between, values, after, strict=False)
    return keys if list(map(b"".join, parts)) == list(lines) else None
