"""`--limits FILE`: the limits of an installation that differ from the documented ones."""

import json
from pathlib import Path
from typing import Any, Final

from kvsctl.config.waiting import require_ready
from kvsctl.errors import UsageError
from kvsctl.limits import DEFAULT_LIMITS, Limits

PROFILE_FORMAT: Final = 1
"""The format of profiles, which `kvsctl probe` writes."""
_NAMES = Limits._fields
_MOST = 10**15
"""Larger than any real limit, and small enough for sums of limits."""


def read_limits(path: Path) -> Limits:
    """Return the limits in the file, and the documented ones for the rest.

    The file is TOML, or JSON if its name ends in `.json`: names of `limits.Limits` with positive
    whole numbers. It may also be a profile, whose limits are taken. Raise UsageError for anything
    else, and if the file cannot be read.
    """
    given = _parsed(path)
    if isinstance(given, dict) and "profile" in given:
        given = _limits_of_profile(path, given)
    if not isinstance(given, dict):
        raise UsageError(f"{path}: not an object of limits", 'For example: {"value_bytes": 500000}')
    for name, number in given.items():
        if name not in _NAMES:
            from kvsctl.config.nearest import hint_of

            raise UsageError(f'{path}: unknown limit "{name}"', hint_of(name, _NAMES))
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if not is_whole or not 0 < number <= _MOST:
            raise UsageError(f"{path}: {name} must be a positive whole number up to {_MOST:,}")
    limits = DEFAULT_LIMITS._replace(**given)
    if limits.entity_chars_min > limits.entity_chars_max:
        raise UsageError(f"{path}: entity_chars_min is more than entity_chars_max")
    return limits


def read_profile_limits(path: Path) -> Limits:
    """Return the limits in a profile, and the documented ones for the rest. Raise UsageError."""
    given = _parsed(path)
    if not isinstance(given, dict) or "profile" not in given:
        raise UsageError(f"{path} is not a profile", "kvsctl probe writes one.")
    return read_limits(path)


def holds_profile(path: Path) -> bool:
    """Return whether a file is a profile, of any format."""
    try:
        require_ready(path)
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "profile" in found


def _limits_of_profile(path: Path, profile: dict[str, Any]) -> Any:
    if profile["profile"] != PROFILE_FORMAT:
        raise UsageError(
            f"{path} has a format that this version does not know", "Use a newer kvsctl."
        )
    return profile.get("limits", {})


def _parsed(path: Path) -> Any:
    import tomllib  # not at the top: every batch command imports this module

    is_json = path.suffix.lower() == ".json"
    try:
        require_ready(path)
        text = path.read_text("utf-8")
        return json.loads(text) if is_json else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        # ValueError covers the errors of both parsers and invalid UTF-8.
        raise UsageError(f"{path} is not {'JSON' if is_json else 'TOML'}: {error}") from None
