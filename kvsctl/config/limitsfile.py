"""`--limits FILE`: the numbers of an installation whose limits are not the documented ones."""

import json
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from kvsctl.errors import UsageError
from kvsctl.limits import DEFAULT_LIMITS, Limits

_NAMES = tuple(field.name for field in fields(Limits))
_MOST = 10**15
"""More than any limit means, and safe in every sum that is made of them."""


def read_limits(path: Path) -> Limits:
    """The limits that the file names, the documented ones for the rest.

    It is TOML, or JSON if its name ends in `.json`: names of `limits.Limits` with positive whole
    numbers. Raises UsageError for anything else in it, and for a file that cannot be read.
    """
    given = _parsed(path)
    if not isinstance(given, dict):
        raise UsageError(f"{path} is not an object of limits", 'Such as {"value_bytes": 500000}.')
    for name, number in given.items():
        if name not in _NAMES:
            raise UsageError(f'{path}: no limit "{name}"', f"There are {', '.join(_NAMES)}.")
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if not is_whole or not 0 < number <= _MOST:
            raise UsageError(f"{path}: {name} is not a positive whole number up to {_MOST:,}")
    limits = replace(DEFAULT_LIMITS, **given)
    if limits.entity_chars_min > limits.entity_chars_max:
        raise UsageError(f"{path}: entity_chars_min is more than entity_chars_max")
    return limits


def _parsed(path: Path) -> Any:
    is_json = path.suffix.lower() == ".json"
    try:
        text = path.read_text("utf-8")
        return json.loads(text) if is_json else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        # Both parsers' errors, and what is no UTF-8, are ValueErrors.
        raise UsageError(f"{path} is not {'JSON' if is_json else 'TOML'}: {error}") from None
