"""Find invisible characters in a plain key: byte order marks, control characters and odd blanks.

A plain key is text as it stands in a line, an argument or a cell. Files that were joined, converted
or padded leave such characters there. A key with one of them is another key: deleting it succeeds,
but the intended key remains.
"""

import re
from typing import Final

from kvsctl import codes, jsontext
from kvsctl.limits import Limits
from kvsctl.model import Cause
from kvsctl.records.checks import Breach

_MARK: Final = "\ufeff"
_LEGAL: Final = re.compile(f"[\n\v\f\r{_MARK}]")
_LEGAL_BEFORE_NUL: Final = re.compile(_MARK)
_ANY: Final = re.compile(f"[\x00-\x08\x0a-\x1f\x7f-\x9f{_MARK}]")
_ANY_BEFORE_NUL: Final = re.compile(f"[\x00-\x08\x0e-\x1f\x7f-\x9f{_MARK}]")
_NAMES: Final = {_MARK: "a byte order mark", "\r": "a CR", "\n": "a line feed"}
_CAUSES: Final = {_MARK: Cause.MARK, "\r": Cause.CR}


def check_raw(
    key: str, limits: Limits | None, *, ends_in_nul: bool = False, is_cell: bool = False
) -> Breach | None:
    """Check a plain key for characters that must not stand in it unescaped.

    These are U+FEFF and the control characters that the service allows in keys, except tab.
    `checks.check_key` finds the others. Without `limits`, this function finds them. It always finds
    NUL, which ends keys in some files. If NUL is known to end each key, white space that is a
    control character is allowed too. `is_cell`: the key is in a table.
    """
    if key.isprintable():
        return None
    if not is_cell and (nul := key.find("\0")) >= 0:
        return Breach(
            codes.INVALID_KEY,
            f"the key has a NUL (U+0000) at character {nul + 1}: keys that end in NUL are read "
            "with --null",
            Cause.NUL,
        )
    if ends_in_nul:
        unseen = _ANY_BEFORE_NUL if limits is None else _LEGAL_BEFORE_NUL
    else:
        unseen = _ANY if limits is None else _LEGAL
    found = unseen.search(key)
    if found is None:
        return None
    character = found.group()
    name = _NAMES.get(character, "a control character")
    where = "give the key in JSON Lines" if is_cell else "write the key as a JSON string"
    return Breach(
        codes.INVALID_KEY,
        f"the key has {name} (U+{ord(character):04X}) at character {found.start() + 1}: "
        f"if it belongs to the key, {where}: {jsontext.quoted(key)}",
        _CAUSES.get(character, Cause.RAW_CONTROL),
    )


def is_plainly_visible(key: str) -> bool:
    """Return whether a key has no white space except inner spaces, and nothing invisible.

    Other keys may be legal, but are seldom intended.
    """
    # Of all legal characters, only white space other than the common space is not printable.
    return key.isprintable() and not key.startswith(" ") and not key.endswith(" ")
