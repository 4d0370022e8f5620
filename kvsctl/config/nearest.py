"""The known name that is most like an unknown one. Imported only where there is an error."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like an unknown one; None if none is."""
    near = difflib.get_close_matches(name.replace("-", "_").casefold(), known, n=1)
    return near[0] if near else None


def hint_of(name: str, known: Iterable[str]) -> str:
    """Return what to say about an unknown name: the nearest known one, else all of them."""
    names = list(known)
    near = nearest(name, names)
    return f"Known: {', '.join(names)}." if near is None else f"Did you mean {near}?"
