"""A profile: what `kvsctl probe` found out about a service, as the settings of an emulator.

A profile is a JSON object with `"profile": 1`, the format. Its `answers` have the names and values
of the options of `serve`, its `limits` the names in `kvsctl.limits`. Other members are for people.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from kvsctl.emulator.option_files import read_option_file
from kvsctl.emulator.refusals import EmulatorError

FORMAT: Final = 1
ANNOUNCES: Final = "announce"
REFUSED_WHOLE: Final = "refuse-batch-for"
QUERY_LAG: Final = "query-lag"
CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "bad-record": ("fails-alone", "refuses-batch"),
    "missing-keys": ("failed", "left-out"),
    "payload-status": (413, 400),
    "ttl-less-set": ("clears-expiry", "keeps-expiry"),
    "expiry": ("lazy", "strict"),
    "normalise": (True, False),
    "query-metadata": ("current", "stale", "omitted"),
    "delete-cost": ("size", "keys", "free"),
    "refused-cost": ("free", "size"),
    ANNOUNCES: ("retry-after", "reset", "nothing"),
}
"""The answers with a fixed set of values."""
_LIMITS: Final = ("batch_bytes", "unit_bytes")
_MOST: Final = 10**12


class Profile(msgspec.Struct, frozen=True):
    """The settings of an emulator by name, as far as they are known."""

    answers: Mapping[str, Any]
    limits: Mapping[str, int]


def read_profile(path: Path) -> Profile:
    """Return the profile in a file. Raise `EmulatorError`, naming what is wrong with it."""
    try:
        found = json.loads(read_option_file(path))
    except (ValueError, RecursionError) as error:
        raise EmulatorError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict) or "profile" not in found:
        raise EmulatorError(f"{path} is not a profile: kvsctl probe writes them")
    if found["profile"] != FORMAT:
        raise EmulatorError(f"{path} has a format that this version does not know")
    answers, limits = found.get("answers", {}), found.get("limits", {})
    if not isinstance(answers, dict) or not isinstance(limits, dict):
        raise EmulatorError(f"{path}: answers and limits must be objects")
    for name, value in answers.items():
        if not _is_answer(name, value):
            raise EmulatorError(f"{path}: {name} is not an answer, or its value is not possible")
    for name, number in limits.items():
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if name not in _LIMITS or not is_whole or not 1 <= number <= _MOST:
            raise EmulatorError(f"{path}: {name} is not a limit, or its value is not possible")
    return Profile(answers, limits)


def _is_answer(name: str, value: object) -> bool:
    if name == REFUSED_WHOLE:
        return isinstance(value, list) and all(isinstance(code, str) for code in value)
    if name == QUERY_LAG:
        return isinstance(value, int | float) and value is not True and 0 <= value <= _MOST
    is_switch = isinstance(value, bool)
    return any(value == one and is_switch == isinstance(one, bool) for one in CHOICES.get(name, ()))
