"""The characters that a key may have."""

from string import ascii_letters, digits
from typing import Final

_JS_SPACES: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
KEY_CHARACTERS: Final = "".join(sorted(f"{ascii_letters}{digits}:._#-{_JS_SPACES}"))
"""Every character that a key may have, in key order (contract: section "Limits")."""


def illegal_character(text: str) -> str | None:
    """Return the first character of a text that no key has; None if there is none."""
    return next((one for one in text if one not in KEY_CHARACTERS), None)
