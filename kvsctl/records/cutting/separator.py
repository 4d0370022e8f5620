"""Read the line in which a table names its own delimiter: `sep=;`, as Excel writes and reads it."""

import re
from typing import Final

# A delimiter is an ASCII character, but not a quote, a line end or NUL.
_LINE: Final = re.compile(
    rb'("?)sep=([\x01-\x09\x0b\x0c\x0e-\x21\x23-\x7f])\1[,;\t]*\r?(?:\n|\Z)', re.IGNORECASE
)
MOST_SEPARATOR_BYTES: Final = 64
"""A longer first line does not name a delimiter."""


def take_separator(text: bytes) -> tuple[str | None, bytes]:
    """Return the delimiter that the first line names, and the text after that line.

    Return None and the whole text if it does not name one.
    """
    line = _LINE.match(text)
    if line is None:
        return None, text
    return line[2].decode(), text[line.end() :]
