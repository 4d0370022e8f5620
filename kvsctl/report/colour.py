"""Whether to write colours. Not in `console`, because help needs nothing else of that module."""

from collections.abc import Mapping


def has_colour(variables: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Return whether to write colours.

    `NO_COLOR` decides first, then `FORCE_COLOR`, then `TERM` and whether it is a terminal. An empty
    variable counts as unset; `FORCE_COLOR=0` forces nothing.
    """
    if variables.get("NO_COLOR"):
        return False
    if variables.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal and not is_dumb(variables)


def is_dumb(variables: Mapping[str, str]) -> bool:
    """Return whether the terminal cannot be drawn on."""
    return variables.get("TERM", "").lower() in ("dumb", "unknown")
